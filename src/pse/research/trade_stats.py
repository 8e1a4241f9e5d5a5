"""Figures of closed trades: in money and in R, whole and by group.

Money is net of fees; prices already hold the slippage.  R is money over the risk at the first stop, so a moved stop
never flatters.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl

Group = dict[str, float | int | None]

TRADE_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "trade_id": pl.String,
    "setup_id": pl.String,
    "plan_id": pl.String,
    "symbol": pl.String,
    "contract": pl.String,
    "tactic": pl.String,
    "label": pl.String,
    "grade": pl.String,
    "direction": pl.String,
    "quantity": pl.Float64,
    "ts_setup": pl.Int64,
    "ts_entry": pl.Int64,
    "ts_exit": pl.Int64,
    "session_date": pl.Int32,
    "entry_kind": pl.String,
    "entry_price": pl.Float64,
    "exit_price": pl.Float64,
    "stop_initial": pl.Float64,
    "target": pl.Float64,
    "target2": pl.Float64,
    "risk_points": pl.Float64,
    "risk_usd": pl.Float64,
    "gross_usd": pl.Float64,
    "fees_usd": pl.Float64,
    "slippage_usd": pl.Float64,
    "net_usd": pl.Float64,
    "r_net": pl.Float64,
    "mae_r": pl.Float64,
    "mfe_r": pl.Float64,
    "bars_held": pl.Int64,
    "exit_reason": pl.String,
    "exits": pl.Int64,
    "quality": pl.Float64,
    "ambiguous": pl.Boolean,
    "rate": pl.Float64,
    "mcs": pl.String,
}
ABSENT = {"rate": 1.0, "mcs": ""}                # what stands in a column that older tables do not have
EQUITY_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "ts": pl.Int64,
    "session_date": pl.Int32,
    "kind": pl.String,
    "equity_usd": pl.Float64,
    "cash_usd": pl.Float64,
    "in_market_minutes": pl.Int64,
    "session_minutes": pl.Int64,
}


def finite(values: np.ndarray) -> np.ndarray:
    """The values that are numbers."""
    return values[np.isfinite(values)]


def mean(values: np.ndarray) -> float | None:
    """Mean of the finite values; None without one."""
    known = finite(values)
    return float(known.mean()) if known.size else None


def profit_factor(net: np.ndarray) -> float | None:
    """Gross win over gross loss, a trade at a time, net of costs; None without a losing trade."""
    loss = -float(net[net < 0.0].sum())
    return float(net[net > 0.0].sum()) / loss if loss > 0.0 else None


def longest_losing_run(net: np.ndarray) -> int:
    """Largest number of losing trades in a row, in the order given."""
    longest = run = 0
    for lost in net < 0.0:
        run = run + 1 if lost else 0
        longest = max(longest, run)
    return longest


def group_figures(net: np.ndarray, r_net: np.ndarray) -> Group:
    """The figures of one group; money and R add up over the groups."""
    known = finite(r_net)
    return {
        "trades": int(net.size),
        "net_usd": float(net.sum()),
        "total_r": float(known.sum()),
        "expectancy_r": float(known.mean()) if known.size else None,
        "win_rate": float((net > 0.0).mean()) if net.size else None,
        "profit_factor": profit_factor(net),
    }


def by(keys: pl.Series, net: np.ndarray, r_net: np.ndarray, name: Callable[[object], str] = str) -> dict[str, Group]:
    """`group_figures` of every value of `keys` (one a trade), sorted by the value."""
    codes = keys.rank("dense").to_numpy().astype(np.int64) - 1 if keys.len() else np.empty(0, np.int64)
    values = keys.unique().sort().to_list()
    return {name(value): group_figures(net[codes == i], r_net[codes == i]) for i, value in enumerate(values)}


def hours(ts: pl.Series, tz: str) -> pl.Series:
    """Local hour 0..23 of moments in ns UTC."""
    return ts.cast(pl.Datetime("ns", "UTC")).dt.convert_time_zone(tz).dt.hour()


def weekdays(session_date: pl.Series) -> pl.Series:
    """Weekday 1 (Monday) to 7 of yyyymmdd dates."""
    return session_date.cast(pl.String).str.to_date("%Y%m%d").dt.weekday()
