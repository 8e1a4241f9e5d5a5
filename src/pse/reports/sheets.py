"""A run's tables as CSV that a spreadsheet may open: text that would be read as a formula is quoted with an
apostrophe."""

from __future__ import annotations

from typing import Any

import polars as pl

from pse.reports.reasons import SENTENCES
from pse.reports.trade_log import trade_log
from pse.reports.view import RunView

PRICES = ("entry", "stop", "target", "exit", "entry_price", "exit_price", "stop_initial", "target2", "risk_points")
RATIOS = ("R", "r_net", "mae_r", "mfe_r", "total_r", "expectancy_r", "confidence", "odds score", "odds points", "quality", "share_net")
FORMULA = r"^[\t\r]|^[\s\x00\u200b\ufeff]*[=+\-@＝＋－＠]"          # programs trim blanks and fold full-width signs before they look
GROUP_FIGURES = ("net_usd", "gross_usd", "fees_usd", "slippage_usd", "total_r", "expectancy_usd", "expectancy_r", "win_rate", "profit_factor", "share_net")
MOMENTS = {"ts_setup": "setup_utc", "ts_entry": "entry_utc", "ts_exit": "exit_utc", "ts": "utc"}


def sheets(view: RunView) -> dict[str, bytes]:
    """CSV files by name: the log of trades, all columns of the trades, equity, figures, months, setups that came to
    nothing and one of every group; UTF-8, moments ISO 8601 UTC, null empty."""
    m = view.metrics
    frames = {
        "trade_log": trade_log(view),
        "trades": _moments(view.trades),
        "equity": _moments(view.equity),
        "metrics": _figures(view),
        "monthly": _months(m.get("monthly") or []),
        "refusals": _moments(view.refused),
        "turned_down": _moments(view.turned_down.with_columns(why=pl.col("code").replace(SENTENCES))),
        "groups": _groups(view),
    }
    return {f"{name}.csv": written(frame) for name, frame in frames.items()}


def written(frame: pl.DataFrame) -> bytes:
    """A table as the bytes of a CSV file."""
    return safe(_short(frame)).write_csv().encode("utf-8")


def _short(frame: pl.DataFrame) -> pl.DataFrame:
    """Prices, R and scores without the tail of a division, whole quantities as whole numbers."""
    prices = [pl.when(pl.col(name).abs() < 1.0).then(pl.col(name).round(10)).otherwise(pl.col(name).round(6)).alias(name) for name in PRICES if name in frame]
    ratios = [pl.col(name).round(6) for name in RATIOS if name in frame]
    whole = pl.col("quantity") == pl.col("quantity").round()
    text = pl.col("quantity").cast(pl.String)
    quantity = [pl.when(whole).then(text.str.strip_suffix(".0")).otherwise(text).alias("quantity")] if "quantity" in frame else []
    return frame.with_columns(*prices, *ratios, *quantity)


def safe(frame: pl.DataFrame) -> pl.DataFrame:
    """Text columns with an apostrophe where one of =, +, -, @ comes first, after blanks or not, or a tab or carriage return; NaN as null."""
    quoted = [
        pl.when(pl.col(name).str.contains(FORMULA)).then(pl.concat_str(pl.lit("'"), name)).otherwise(pl.col(name)).alias(name)
        for name, kind in frame.schema.items()
        if kind == pl.String
    ]
    return frame.with_columns(*quoted, pl.col(pl.Float64).fill_nan(None))


def _moments(frame: pl.DataFrame) -> pl.DataFrame:
    known = [name for name in MOMENTS if name in frame.columns]
    written = [pl.col(name).cast(pl.Datetime("ns")).dt.strftime("%Y-%m-%dT%H:%M:%S%.fZ").alias(name) for name in known]
    return frame.with_columns(written).rename({name: MOMENTS[name] for name in known})


def _figures(view: RunView) -> pl.DataFrame:
    """Name, value, interval and reason of every flat figure."""
    m = view.metrics
    intervals, reasons = m.get("intervals") or {}, m.get("reasons") or {}
    rows = []
    for name, value in m.items():
        if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
            low, high = intervals.get(name) or (None, None)
            rows.append((name, None if value is None else float(value), low, high, reasons.get(name)))
    return pl.DataFrame(
        rows,
        schema={"figure": pl.String, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64, "reason": pl.String},
        orient="row",
    )


def _months(rows: list[dict[str, object]]) -> pl.DataFrame:
    return pl.DataFrame(
        rows, schema={"month": pl.String, "net_usd": pl.Float64, "return": pl.Float64, "trades": pl.Int64}
    )


def _groups(view: RunView) -> pl.DataFrame:
    """One row a group: what it is by, its name, its figures."""
    rows = [
        {"by": name[3:], "group": str(key), **figures}
        for name, groups in view.metrics.items()
        if name.startswith("by_")
        for key, figures in groups.items()
    ]
    schema: dict[str, Any] = {
        "by": pl.String,
        "group": pl.String,
        **dict.fromkeys(("trades", "wins", "losses"), pl.Int64),
        **dict.fromkeys(GROUP_FIGURES, pl.Float64),
    }
    return pl.DataFrame(rows, schema=schema)
