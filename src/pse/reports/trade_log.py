"""The log of trades as traders keep it: one line a trade, what was seen before the entry first, what came of it last.

What a tactic does not have stays empty.  Prices are as traded, times ISO 8601 UTC, money in the currency of the account.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import polars as pl

from pse.clock import iso
from pse.reports.view import RunView, number

COLUMNS: dict[str, Any] = {
    "time stamp": pl.String,
    "symbol": pl.String,
    "trend": pl.String,
    "pattern": pl.String,
    "direction": pl.String,
    "entry": pl.Float64,
    "stop": pl.Float64,
    "target": pl.Float64,
    "exit": pl.Float64,
    "odds score": pl.Float64,
    "odds points": pl.Float64,
    "strength": pl.String,
    "time": pl.String,
    "freshness": pl.String,
    "trend alignment": pl.String,
    "confidence": pl.Float64,
    "risk ratio": pl.String,
    "tactic": pl.String,
    "grade": pl.String,
    "market condition": pl.String,
    "quantity": pl.Float64,
    "entered": pl.String,
    "exited": pl.String,
    "reason": pl.String,
    "net": pl.Float64,
    "R": pl.Float64,
}
OF_STATE = {"TREND_UP": "uptrend", "TREND_DOWN": "downtrend", "RANGE": "sideways"}
ALONG = {1: "uptrend", -1: "downtrend"}
SIDES = {"LONG": 1, "SHORT": -1}


def trade_log(view: RunView) -> pl.DataFrame:
    """A line a trade in order of entry, with the columns of `COLUMNS`."""
    return log_of(view.trades, view.setups)


def log_of(trades: pl.DataFrame, setups: dict[str, dict[str, Any]]) -> pl.DataFrame:
    """The log of `trades`; `setups`: what was told of each setup, by its id."""
    rows = [_line(trade, setups.get(trade["setup_id"]) or {}) for trade in trades.iter_rows(named=True)]
    return pl.DataFrame(rows, schema=COLUMNS)


def _line(trade: dict[str, Any], setup: dict[str, Any]) -> dict[str, Any]:
    found = setup.get("evidence")
    evidence: dict[str, Any] = found if isinstance(found, dict) else {}
    entry, stop = number(trade["entry_price"]), number(trade["stop_initial"])
    label = trade["label"] or trade["tactic"]
    return {
        "time stamp": iso(trade["ts_setup"]),
        "symbol": trade["symbol"],
        "trend": _trend(evidence, trade),
        "pattern": _text(evidence, "pattern") or _text(evidence, "strategy") or label,
        "direction": trade["direction"],
        "entry": entry,
        "stop": stop,
        "target": number(trade["target"]),
        "exit": number(trade["exit_price"]),
        "odds score": number(evidence.get("odds_score")),
        "odds points": number(evidence.get("points")) if "odds_score" in evidence else None,
        **{name: _text(evidence, name.replace(" ", "_")) for name in ("strength", "time", "freshness", "trend alignment")},
        "confidence": number(setup.get("confidence", evidence.get("confidence"))),
        "risk ratio": _text(evidence, "risk_ratio") or risk_ratio(entry, stop, number(trade["target"])),
        "tactic": trade["tactic"],
        "grade": trade["grade"] or None,
        "market condition": trade.get("mcs") or _text(evidence, "mcs"),
        "quantity": number(trade["quantity"]),
        "entered": iso(trade["ts_entry"]),
        "exited": iso(trade["ts_exit"]),
        "reason": trade["exit_reason"],
        "net": number(trade["net_usd"]),
        "R": number(trade["r_net"]),
    }


def _text(evidence: dict[str, Any], name: str) -> str | None:
    value = evidence.get(name)
    return value if isinstance(value, str) and value else None


def _trend(evidence: dict[str, Any], trade: dict[str, Any]) -> str | None:
    """The trend that the tactic told; else that of the market's condition; else the direction in which conviction stood."""
    told = _text(evidence, "trend")
    if told:
        return told
    side = SIDES.get(trade["direction"], 0)
    aligned = {"With": side, "Against": -side}.get(_text(evidence, "trend_alignment") or "")
    if aligned is not None:
        return ALONG.get(aligned)
    if _text(evidence, "trend_alignment") == "Neutral":
        return "sideways"
    state = trade.get("mcs") or _text(evidence, "mcs") or ""
    if state in OF_STATE:
        return OF_STATE[state]
    way = number(evidence.get("tcc_dir"))
    return ALONG.get(int(way)) if way is not None and _text(evidence, "tcc") in ("Medium", "High") else None


def risk_ratio(entry: float | None, stop: float | None, target: float | None) -> str | None:
    """`3.8 / 1`: reward to the target over risk to the stop, one decimal, half to even on the decimals as they are written."""
    if entry is None or stop is None or target is None:
        return None
    price, risk_end, reward_end = (Decimal(repr(value)) for value in (entry, stop, target))
    risk, reward = abs(price - risk_end), abs(reward_end - price)
    if not risk:
        return None
    tenths = round(Fraction(reward) / Fraction(risk) * 10)                  # Python rounds a fraction half to even
    return f"{Decimal(tenths) / 10:.1f} / 1"
