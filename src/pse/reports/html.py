"""The page of a run: one self-contained HTML file that asks nothing from the network.

Scripts and styles stand in the page and are named by hash in its content security policy; text of others is escaped by
jinja2 here and set as text, never as markup, in the page.  Trades and candles travel compressed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from markupsafe import Markup

from pse.clock import iso
from pse.reports import charts, envelope, words
from pse.reports.candles import BarsLoader, Charts, charted, gather, largest, pack
from pse.reports.doubts import doubts
from pse.reports.drawn import drawn
from pse.reports.lives import Life
from pse.reports.page import frame, packed, template
from pse.reports.reasons import GAPPED, sentence
from pse.reports.sections import page_parts
from pse.reports.view import RunView, number, read_run
from pse.store.files import write_atomic

MOST_ROWS = 20_000
EVIDENCE_CHARACTERS = 160
FIRST_MOMENT, LAST_MOMENT = 10**17, 4 * 10**18           # a whole number between is a moment in ns UTC (1973 to 2096)
NAMED = ("symbol", "contract", "tactic", "label", "grade", "direction", "entry_kind", "exit_reason", "mcs")
MEASURED = {
    "quantity": 8,
    "entry_price": 8,
    "exit_price": 8,
    "stop_initial": 8,
    "target": 8,
    "target2": 8,
    "r_net": 3,
    "net_usd": 2,
    "fees_usd": 2,
    "slippage_usd": 2,
    "mae_r": 2,
    "mfe_r": 2,
    "quality": 3,
    "rate": 8,
}


def write_report(run_dir: Path, bars_loader: BarsLoader | None, out: Path, charts_of: Charts = "some") -> Path:
    """Write the page of a finished run to `out` and return that path.

    bars_loader(symbol, start_ns, end_ns) gives the bars that candles are drawn from; None: a page without candles.
    Raises `DamagedTable` where the run's files cannot be read, `DiskFull` where the page cannot be written.
    """
    write_atomic(out, render(read_run(run_dir), bars_loader, charts_of).encode("utf-8"))
    return out


def render(view: RunView, bars_loader: BarsLoader | None, charts_of: Charts = "some") -> str:
    """The page as text; equal runs and bars give equal text.  `charts_of`: which trades carry the candles of a chart, see `charted`."""
    parts = page_parts(view)
    trades, left_out = _rows_kept(view.trades)
    empty: dict[str, Any] = {"data": "", "candle_data": "", "kept": 0}
    payload = _payload(view, trades, bars_loader, charts_of) if view.trades.height else empty
    pictures = {"refusals": charts.refusals(view.metrics.get("refusals") or {})} | (
        charts.of_trades(view.trades) if view.trades.height else {}
    ) | envelope.pictures(view)
    named = [
        (name, key, charts.bars_by(f"by_{key}", parts["by"][key], label)) for name, key, label in _group_pictures(view)
    ]
    return template("report").render(
        parts,
        **frame("report"),
        view=view,
        doubts=doubts(view),
        pictures={name: Markup(picture) for name, picture in pictures.items()},
        group_pictures=[(name, Markup(picture)) for name, _, picture in named],
        data=payload["data"],
        candle_data=payload["candle_data"],
        candle_words=_candle_words(payload["kept"], view.trades.height, charts_of),
        rows_left_out=left_out,
        few_words=_few_words(view.trades),
    )


def _group_pictures(view: RunView) -> list[tuple[str, str, str]]:
    """Name, group and axis of the bar pictures: those with something to compare."""
    zone = str((view.metrics.get("method") or {}).get("hour_tz", "UTC"))
    chosen = (
        ("Hour of entry", "hour", f"hour of entry, {zone}"),
        ("Tactic", "tactic", "tactic"),
        ("Grade", "grade", "grade"),
    )
    return [item for item in chosen if len(view.metrics.get(f"by_{item[1]}") or {}) > 1]


def _few_words(trades: pl.DataFrame) -> str:
    """Why there is no picture of the results."""
    known = int(trades["r_net"].is_finite().sum())
    return (
        f"{words.counted(known, 'trade')} with a result in R: too few for a picture, which is drawn "
        f"from {charts.FEWEST_SHOWN} on. Each stands in the table of trades."
    )


def _candle_words(kept: int, trades: int, charts_of: Charts) -> str:
    if kept == trades or not kept:
        return "every trade" if kept else "no trade"
    all_of_them = "" if charts_of == "all" else "; `pse report --charts all` keeps them for every trade"
    return f"{kept:,} of {trades:,} trades, the best, the worst and the last{all_of_them}"


def _rows_kept(trades: pl.DataFrame) -> tuple[pl.DataFrame, str]:
    """The trades that the page lists: all of them up to `MOST_ROWS`, else the largest results, with a sentence that
    says so."""
    if trades.height <= MOST_ROWS:
        return trades, ""
    kept = trades[largest(trades, MOST_ROWS)]
    return (
        kept,
        f"The {MOST_ROWS:,} largest of {trades.height:,} trades are listed; `pse report --csv` writes all of them.",
    )


# --- what the page unpacks ------------------------------------------------------------------------------------------


def _payload(view: RunView, trades: pl.DataFrame, bars_loader: BarsLoader | None, charts_of: Charts) -> dict[str, Any]:
    """Trades, equity and candles as two compressed texts, and how many trades have candles."""
    rows = charted(trades, charts_of)
    candles = gather(trades, rows, bars_loader) if bars_loader is not None else {}
    symbols = trades["symbol"].to_list()
    ticks = {row: number(view.instruments.get(symbols[row], {}).get("tick")) or 0.0 for row in candles}
    block, index = pack(candles, ticks)
    data = {
        "trades": _columns(trades),
        "equity": _equity(view.equity),
        "capital": view.metrics.get("capital_usd"),
        "currency": view.currency,
        "digits": {symbol: _digits(view, trades, symbol) for symbol in sorted(set(symbols))},
        "candles": index,
        "lives": _lives(view, trades[rows], rows),
        "evidence": _told(view, trades[rows], rows),
        "gapped": GAPPED,
        "ends": {str(code): sentence(str(code)) for code in sorted(set(trades["exit_reason"].fill_null("").to_list()))},
    }
    return {"data": packed(data), "candle_data": block, "kept": len(candles)}


def _told(view: RunView, trades: pl.DataFrame, rows: np.ndarray) -> dict[str, Any]:
    """The tactic's evidence by row, as pairs of short texts and as what a chart draws."""
    found = {}
    for row, setup, entry in zip(rows.tolist(), trades["setup_id"], trades["entry_price"], strict=True):
        evidence = view.setups.get(setup, {}).get("evidence")
        if isinstance(evidence, dict):
            found[str(row)] = {"facts": _facts(evidence), "boxes": drawn(evidence, float(entry))}
    return found


def _lives(view: RunView, trades: pl.DataFrame, rows: np.ndarray) -> dict[str, Any]:
    """By row: the decision, the stop's steps after the first and the exits where there were several; moments in seconds UTC."""
    lives, found = view.lives(set(trades["plan_id"].to_list())), {}
    for row, plan, decided, entered in zip(rows.tolist(), trades["plan_id"], trades["ts_setup"], trades["ts_entry"], strict=True):
        life = lives.get(plan, Life())
        exits = [[ts // 10**9, price, leg] for ts, price, _, leg in life.fills if leg != "ENTRY"]
        found[str(row)] = {
            "decided": decided // 10**9,
            "stops": [[max(ts, entered) // 10**9, stop] for ts, stop in life.stops[1:]],
            "exits": exits if len(exits) > 1 else [],
            "gapped": life.gapped,
        }
    return found


def _columns(trades: pl.DataFrame) -> dict[str, Any]:
    """The trades column by column: moments as steps in seconds, words as codes, numbers rounded to what is shown."""
    entry, leave = (trades[name].to_numpy() // 10**9 for name in ("ts_entry", "ts_exit"))
    columns: dict[str, Any] = {"entry_s": np.diff(entry, prepend=0).tolist(), "held_s": (leave - entry).tolist()}
    for name in NAMED:
        values, codes = np.unique(np.array(trades[name].fill_null("").to_list(), object), return_inverse=True)
        columns[name] = {"values": values.tolist(), "codes": codes.tolist()}
    for name, digits in MEASURED.items():
        values = trades[name].cast(pl.Float64).to_numpy()
        rounded = np.round(values, digits)
        columns[name] = [
            _short(value) if ok else None
            for value, ok in zip(rounded.tolist(), np.isfinite(values).tolist(), strict=True)
        ]
    return columns


def _short(value: float) -> float | int:
    return int(value) if value.is_integer() else value


def _equity(equity: pl.DataFrame) -> dict[str, dict[str, list[Any]]]:
    """Equity by session (the time is midnight of the session's date) and by event, seconds rising strictly."""
    found = {}
    sessions = equity.filter(pl.col("kind") == "session")
    dates = (
        sessions["session_date"].cast(pl.String).str.to_date("%Y%m%d").cast(pl.Int32).to_numpy().astype(np.int64)
        * 86_400
    )
    for kind, seconds, part in (("session", dates, sessions), ("trade", equity["ts"].to_numpy() // 10**9, equity)):
        last = np.append(np.diff(seconds) > 0, True) if seconds.size else np.empty(0, bool)
        found[kind] = {
            "t": seconds[last].tolist(),
            "e": [_short(v) for v in np.round(part["equity_usd"].to_numpy()[last], 2).tolist()],
        }
    return found


def _digits(view: RunView, trades: pl.DataFrame, symbol: str) -> int:
    """Decimals of a price: those of the tick, else those that the entries need."""
    tick = number(view.instruments.get(symbol, {}).get("tick"))
    values = [tick] if tick else trades.filter(pl.col("symbol") == symbol)["entry_price"].head(200).to_list()
    shown = (f"{value:.8f}".rstrip("0").partition(".")[2] for value in values)
    return max((len(part) for part in shown), default=2)


def _facts(evidence: dict[str, Any]) -> list[list[str]]:
    """Evidence as pairs of short texts."""
    return [[str(key), _fact(value)] for key, value in sorted(evidence.items()) if value is not None]


def _fact(value: Any) -> str:
    if isinstance(value, int) and FIRST_MOMENT < value < LAST_MOMENT:
        return iso(value)
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_fact(item)}" for key, item in sorted(value.items()) if item is not None)[
            :EVIDENCE_CHARACTERS
        ]
    if isinstance(value, list):
        return ", ".join(_fact(item) for item in value)[:EVIDENCE_CHARACTERS]
    return str(value)[:EVIDENCE_CHARACTERS]
