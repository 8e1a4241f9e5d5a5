"""A run folder from a seed: a random walk in ticks, trades on it that really touch their exits, and the files that a
run leaves.

Run as a script it writes a folder to look at:  python tests/reports/make_run.py FOLDER [sessions] [trades a session]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from pse.domain.bars import Bars
from pse.domain.records import chain
from pse.domain.sessions import DAY_NS, MINUTE_NS, Sessions
from pse.research.market import daily_closes
from pse.research.metrics import MetricsSpec, compute_metrics
from pse.research.trade_stats import EQUITY_SCHEMA, TRADE_SCHEMA

TICK, POINT_VALUE, CAPITAL, MINUTES = 0.25, 50.0, 100_000.0, 1320
FIRST_DAY = 16_043  # 2013-12-04 in days since 1970
INSTRUMENT = {
    "symbol": "ES", "name": "E-mini S&P 500", "kind": "future", "tick": TICK, "lot_step": 1.0, "point_value": POINT_VALUE, "currency": "USD",
    "calendar": "CME Globex Equity",
}
GRADES = ("A+", "A", "B")
REASONS = {"gate": ("rr", "ev", "cooldown", "blackout", "session"), "count": (41, 27, 12, 9, 3)}


def make_bars(sessions: int = 60, seed: int = 7, symbol: str = "ES", minutes: int = MINUTES) -> Bars:
    """One-minute bars of a driftless walk, 22 hours a weekday."""
    random = np.random.default_rng(seed)
    days = np.array([d for d in range(FIRST_DAY, FIRST_DAY + 2 * sessions + 7) if (d + 3) % 7 < 5][:sessions])
    opens = days.astype(np.int64) * DAY_NS
    ts = (opens[:, None] + np.arange(minutes) * MINUTE_NS).ravel()
    n = ts.size
    close = 1800.0 + TICK * np.cumsum(random.integers(-4, 5, n))
    first = np.concatenate(([1800.0], close[:-1])) + TICK * random.integers(-1, 2, n)
    high = np.maximum(first, close) + TICK * random.integers(0, 4, n)
    low = np.minimum(first, close) - TICK * random.integers(0, 4, n)
    dates = np.array([int(np.datetime64(int(d), "D").astype(str).replace("-", "")) for d in days], np.int32)
    zero = np.zeros(sessions, np.int64)
    calendar = Sessions(
        "made",
        "America/Chicago",
        dates,
        opens,
        opens + minutes * MINUTE_NS,
        opens,
        opens + minutes * MINUTE_NS,
        zero,
        zero,
        "made",
    )
    return Bars(
        symbol,
        "1m",
        ts,
        ts + MINUTE_NS,
        first,
        high,
        low,
        close,
        random.integers(50, 900, n).astype(float),
        np.repeat(np.arange(sessions), minutes),
        np.zeros(n, bool),
        np.zeros(n),
        np.zeros(n, np.int32),
        np.zeros(n, np.int16),
        ("ESZ3",),
        calendar,
    )


def make_trades(bars: Bars, a_session: float = 1.5, seed: int = 7, edge: float = 0.0) -> pl.DataFrame:
    """Brackets entered at a bar's open and run to stop, target or 240 minutes; `edge` is the chance that a trade is
    given the better of two sides."""
    random = np.random.default_rng(seed + 1)
    count = random.binomial(int(len(bars.sessions.open_ns) * a_session * 2), 0.5)
    starts = np.sort(random.choice(np.arange(60, len(bars) - 300), count, replace=False))
    rows = []
    for i, t in enumerate(starts):
        risk = TICK * float(random.integers(8, 33))
        side = 1 if random.random() < 0.5 else -1
        if random.random() < edge and _walk(bars, int(t), side, risk)[1] < _walk(bars, int(t), -side, risk)[1]:
            side = -side
        rows.append(_trade(bars, int(t), side, risk, i, random))
    return pl.DataFrame(rows, schema=TRADE_SCHEMA, orient="row")


def _walk(bars: Bars, t: int, side: int, risk: float) -> tuple[int, float, str, float, float]:
    """Bar, price and reason of the exit, worst and best excursion in R."""
    entry, end = bars.open[t], min(t + 240, len(bars) - 1)
    stop, target = entry - side * risk, entry + side * 2.0 * risk
    low, high = (bars.low[t:end], bars.high[t:end]) if side > 0 else (-bars.high[t:end], -bars.low[t:end])
    hit_stop, hit_target = np.flatnonzero(low <= side * stop), np.flatnonzero(high >= side * target + TICK)
    s, g = (int(hit_stop[0]) if hit_stop.size else 10**9), (int(hit_target[0]) if hit_target.size else 10**9)
    at, price, why = (
        (t + s, stop - side * TICK, "SL")
        if s <= g and s < 10**9
        else (t + g, target, "TP1")
        if g < 10**9
        else (end, bars.open[end], "STALE")
    )
    seen = slice(0, max(at - t, 1))
    return (
        at,
        price,
        why,
        max(0.0, (side * entry - low[seen].min()) / risk),
        max(0.0, (high[seen].max() - side * entry) / risk),
    )


def _trade(bars: Bars, t: int, side: int, risk: float, i: int, random: np.random.Generator) -> dict[str, Any]:
    at, price, why, mae, mfe = _walk(bars, t, side, risk)
    entry, lots = float(bars.open[t]), float(random.integers(1, 4))
    gross = side * (price - entry) * lots * POINT_VALUE
    fees, risk_usd = 4.2 * lots, risk * lots * POINT_VALUE
    return {
        "trade_id": f"t{i:05d}",
        "setup_id": f"s{i:05d}",
        "plan_id": f"p{i:05d}",
        "symbol": bars.symbol,
        "contract": "ESZ3",
        "tactic": "mss_fvg_retest",
        "label": "DAS 2.1",
        "grade": GRADES[int(random.integers(0, 3))],
        "direction": "LONG" if side > 0 else "SHORT",
        "quantity": lots,
        "ts_setup": int(bars.ts_open[t]),
        "ts_entry": int(bars.ts_open[t]),
        "ts_exit": int(bars.ts_open[at]),
        "session_date": int(bars.session_date[at]),
        "entry_kind": "LIMIT",
        "entry_price": entry,
        "exit_price": float(price),
        "stop_initial": entry - side * risk,
        "target": entry + side * 2.0 * risk,
        "target2": float("nan"),
        "risk_points": risk,
        "risk_usd": risk_usd,
        "gross_usd": gross,
        "fees_usd": fees,
        "slippage_usd": TICK * lots * POINT_VALUE if why != "TP1" else 0.0,
        "net_usd": gross - fees,
        "r_net": (gross - fees) / risk_usd,
        "mae_r": float(mae),
        "mfe_r": float(mfe),
        "bars_held": at - t,
        "exit_reason": why,
        "exits": 1,
        "quality": float(random.uniform(0.5, 0.95)),
        "ambiguous": bool(random.random() < 0.01),
        "rate": 1.0,
        "mcs": ("TREND_UP", "TREND_DOWN", "RANGE")[i % 3],
    }


def make_equity(bars: Bars, trades: pl.DataFrame) -> pl.DataFrame:
    """Session and trade rows of closed profit."""
    rows: list[tuple[Any, ...]] = []
    equity = CAPITAL
    by_day = {key[0]: part for key, part in trades.sort("ts_exit").partition_by("session_date", as_dict=True).items()}
    for i, date in enumerate(bars.sessions.session_date):
        minutes = 0
        part = by_day.get(int(date))
        for ts, net, held in [] if part is None else part.select("ts_exit", "net_usd", "bars_held").iter_rows():
            equity, minutes = equity + net, minutes + held
            rows.append((ts, int(date), "trade", equity, equity, 0, 0))
        rows.append(
            (int(bars.sessions.close_ns[i]), int(date), "session", equity, equity, min(minutes, MINUTES), MINUTES)
        )
    return pl.DataFrame(rows, schema=EQUITY_SCHEMA, orient="row")


def make_run(
    folder: Path,
    sessions: int = 60,
    a_session: float = 1.5,
    seed: int = 7,
    edge: float = 0.0,
    synthetic: bool = True,
    text: str = "",
) -> tuple[Path, Bars]:
    """Writes a finished run and gives its folder and bars.  `text` goes wherever a run carries words of others."""
    bars = make_bars(sessions, seed)
    trades = make_trades(bars, a_session, seed, edge) if a_session else pl.DataFrame(schema=TRADE_SCHEMA)
    if text:
        trades = trades.with_columns(
            pl.lit(text).alias("label"), pl.lit(text).alias("exit_reason"), pl.lit(text).alias("grade")
        )
    equity = make_equity(bars, trades)
    refusals = dict(zip(REASONS["gate"], REASONS["count"], strict=True)) | ({text: 1} if text else {})
    spec = MetricsSpec(CAPITAL, seed=seed, hour_tz="America/Chicago", point_values={"ES": POINT_VALUE})
    metrics = compute_metrics(trades, equity, spec, refusals, daily_closes(bars))
    run = folder / "20131204-000000-futures-smc-ES-0123abcd"
    run.mkdir(parents=True, exist_ok=True)
    trades.write_parquet(run / "trades.parquet")
    equity.write_parquet(run / "equity.parquet")
    (run / "metrics.json").write_text(json.dumps(metrics, sort_keys=True))
    lines, head = _journal(trades, text)
    (run / "journal.jsonl").write_text(lines)
    (run / "recommendations.json").write_text(
        json.dumps([{"setup_id": s, "evidence": _evidence(i, text)} for i, s in enumerate(trades["setup_id"])])
    )
    (run / "manifest.json").write_text(
        json.dumps(_manifest(run.name, bars, seed, synthetic, head, lines.count("\n"), text), sort_keys=True)
    )
    return run, bars


def _evidence(i: int, text: str) -> dict[str, Any]:
    return {
        "mqs": 0.7 + i % 3 / 10,
        "break_level": 1800.25,
        "gap_top": 1800.0,
        "gap_bottom": 1799.0,
        "note": text or "retest of the first gap",
    }


def _journal(trades: pl.DataFrame, text: str) -> tuple[str, str]:
    lines, prev = list[bytes](), "0" * 64
    entered = [{"ts": row["ts_setup"], "kind": "SETUP", "body": {"setup_id": row["setup_id"], "tactic": row["tactic"], "note": text}}
               for row in trades.iter_rows(named=True)]
    for record in (*entered, *_refused(text)):
        line, prev = chain(prev, len(lines), record["ts"], record["kind"], record["body"])
        lines.append(line)
    return b"".join(lines).decode(), prev


def _refused(text: str) -> list[dict[str, Any]]:
    """SETUP and GATES records of the setups that the figures say were refused, the k-th of a gate measured 1 + k/100 of 1.5 allowed."""
    records: list[dict[str, Any]] = []
    counts = dict(zip(REASONS["gate"], REASONS["count"], strict=True)) | ({text: 1} if text else {})
    for i, (gate, k) in enumerate((gate, k) for gate, count in counts.items() for k in range(count)):
        setup, ts = f"r{i:05d}", FIRST_DAY * DAY_NS + i * MINUTE_NS
        passed, no = ["data", True, 0.0, 660.0, "OK"], [gate, False, 1.0 + k / 100.0, 1.5, text or gate.upper()]
        records.append({"ts": ts, "kind": "SETUP", "body": {"setup_id": setup, "tactic": text or "mss_fvg_retest", "direction": "LONG"}})
        records.append({"ts": ts, "kind": "GATES", "body": {"setup_id": setup, "symbol": text or "ES", "stage": "before", "gates": [passed, no]}})
    return records


def _manifest(
    run_id: str, bars: Bars, seed: int, synthetic: bool, head: str, records: int, text: str
) -> dict[str, Any]:
    first, last = (int(bars.sessions.session_date[i]) for i in (0, -1))
    iso = [f"{d // 10_000}-{d // 100 % 100:02d}-{d % 100:02d}T00:00:00Z" for d in (first, last)]
    return {
        "run_id": run_id,
        "fingerprint": "0123abcd" * 8,
        "created": "2026-01-02T03:04:05Z",
        "command": "backtest",
        "status": "finished",
        "notes": [text] if text else [],
        "desk": "futures-smc",
        "symbols": ["ES"],
        "start": iso[0],
        "end": iso[1],
        "anchor": iso[0],
        "seed": seed,
        "snapshot": "89abcdef01234567",
        "settings": {
            "desk": "futures-smc",
            "account": {"name": text or "research", "capital": CAPITAL, "currency": "USD"},
            "instruments": {"ES": INSTRUMENT},
            "fills": {"conservative": {"fill_through_ticks": 1, "slippage_ticks": 1}},
        },
        "settings_hash": "ab" * 32,
        "decide": "rules",
        "route": "SIM",
        "feed": "history",
        "code": {"version": "0.1.0", "kernels": "0011223344556677"},
        "packages": {"numpy": "2.4.6", "polars": "2.1.0"},
        "python": "3.11.7",
        "platform": "linux-x86_64",
        "synthetic": synthetic,
        "dropped_outside_session": 12,
        "warm_up": 60,
        "records": records,
        "head": head,
        "prompts": {},
        "models": {},
    }


if __name__ == "__main__":
    made, _bars = make_run(
        Path(sys.argv[1]),
        int(sys.argv[2]) if len(sys.argv) > 2 else 60,
        float(sys.argv[3]) if len(sys.argv) > 3 else 1.5,
    )
    sys.stdout.write(f"{made}\n")
