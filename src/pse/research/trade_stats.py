"""Figures of closed trades: in money and in R, whole and by group.

Money is net of fees; prices already hold the slippage.  R is money over the risk at the first stop, so a moved stop
never flatters.  Sums are taken over whole millionths of money (the digits that trades are stored with) and whole
billionths of R, so that the groups of every breakdown add up to the whole exactly, in whatever order.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl

Group = dict[str, float | int | None]
MIN_TRADES = 10                                  # from which on ratios of trades are shown
MONEY_PARTS, R_PARTS = 1_000_000, 1_000_000_000
MONEY = ("net_usd", "gross_usd", "fees_usd", "slippage_usd")
(NET, GROSS, FEES, SLIPPAGE, WON_MONEY, LOST_MONEY, R, WITH_R, WON, LOST, ONE) = range(11)     # columns of a ledger

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
    "dividends_usd": pl.Float64,                 # cash of dividends, a part of `gross_usd`
}
ABSENT = {"rate": 1.0, "mcs": "", "dividends_usd": 0.0}                # what stands in a column that older tables do not have
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


def parts(values: np.ndarray, of_one: int) -> np.ndarray:
    """float64[n] as whole parts of one, int64[n]; what is no number counts 0."""
    return np.rint(np.where(np.isfinite(values), values, 0.0) * of_one).astype(np.int64)


def complete(trades: pl.DataFrame) -> pl.DataFrame:
    """A table of trades with every column of `TRADE_SCHEMA`; an older one lacks those of `ABSENT`."""
    return trades.with_columns(
        pl.col(name).fill_null(value) if name in trades.columns else pl.lit(value, TRADE_SCHEMA[name]).alias(name)
        for name, value in ABSENT.items()
    )


def ledger(trades: pl.DataFrame) -> np.ndarray:
    """int64[n, 11]: what each trade adds to every sum, in whole parts of money and R."""
    money = [parts(trades[name].cast(pl.Float64).to_numpy(), MONEY_PARTS) for name in MONEY]
    net, r = money[0], trades["r_net"].cast(pl.Float64).to_numpy()
    columns = (*money, np.maximum(net, 0), np.maximum(-net, 0), parts(r, R_PARTS), np.isfinite(r), net > 0, net < 0)
    return np.column_stack((*columns, np.ones(net.size))).astype(np.int64)


def figures(sums: np.ndarray, whole_net: int) -> Group:
    """The figures of the trades whose ledger rows add up to `sums`; `whole_net`: the run's net result in parts."""
    (net, gross, fees, slippage, won_money, lost_money, r, with_r, won, lost, count) = (int(value) for value in sums)
    return {
        "trades": count,
        "wins": won,
        "losses": lost,
        "net_usd": net / MONEY_PARTS,
        "gross_usd": gross / MONEY_PARTS,
        "fees_usd": fees / MONEY_PARTS,
        "slippage_usd": slippage / MONEY_PARTS,
        "total_r": r / R_PARTS,
        "expectancy_usd": net / MONEY_PARTS / count if count else None,
        "expectancy_r": r / R_PARTS / with_r if with_r else None,
        "win_rate": won / count if count else None,
        "profit_factor": won_money / lost_money if lost_money else None,
        "share_net": net / whole_net if whole_net > 0 else None,
    }


def longest_losing_run(net: np.ndarray) -> int:
    """Largest number of losing trades in a row, in the order given."""
    ends = np.flatnonzero(np.concatenate(([True], ~(net < 0.0), [True])))
    return int(np.diff(ends).max() - 1)


def by(keys: pl.Series, book: np.ndarray, name: Callable[[object], str] = str) -> dict[str, Group]:
    """`figures` of every value of `keys` (one a trade), sorted by the value; `book`: the ledger of the same trades."""
    if not keys.len():
        return {}
    codes = keys.rank("dense").to_numpy().astype(np.int64)
    order = np.argsort(codes, kind="stable")
    starts = np.flatnonzero(np.diff(codes[order], prepend=0))
    sums, whole = np.add.reduceat(book[order], starts, axis=0), int(book[:, NET].sum())
    values = keys.unique().sort().to_list()
    return {name(value): _withheld(figures(row, whole)) for value, row in zip(values, sums, strict=True)}


def _withheld(group: Group) -> Group:
    """A group's figures without the ratio that so few trades cannot carry, as for the whole run."""
    return group | {"profit_factor": group["profit_factor"] if (group["trades"] or 0) >= MIN_TRADES else None}


def months(session_date: pl.Series) -> pl.Series:
    """Year and month, 2024-01, of yyyymmdd dates."""
    text = session_date.cast(pl.String)
    return text.str.slice(0, 4) + "-" + text.str.slice(4, 2)


def hours(ts: pl.Series, tz: str) -> pl.Series:
    """Local hour 0..23 of moments in ns UTC."""
    return ts.cast(pl.Datetime("ns", "UTC")).dt.convert_time_zone(tz).dt.hour()


def weekdays(session_date: pl.Series) -> pl.Series:
    """Weekday 1 (Monday) to 7 of yyyymmdd dates."""
    return session_date.cast(pl.String).str.to_date("%Y%m%d").dt.weekday()
