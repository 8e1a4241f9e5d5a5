"""The envelope of a run: what its trades come to under every rule of fills, side by side.

A trade of one rule is the same trade under another where both came of one setup.  Results are compared in R of one risk, the distance to the stop under
the first of `RULES` that entered, because a worse entry makes the own risk of a trade larger and so its loss in own R smaller.  The pages about fills say
why a better rule can make a single trade worse; the bounds of a trade are therefore over all rules that entered it, and where they stand out of order is
counted.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl

Rule = Literal["conservative", "pessimistic", "drill", "optimistic"]
RULES: tuple[Rule, ...] = ("conservative", "pessimistic", "drill", "optimistic")
WORST_FIRST: tuple[Rule, ...] = ("pessimistic", "conservative", "drill", "optimistic")
IN_ORDER: tuple[tuple[Rule, Rule], ...] = (("pessimistic", "conservative"), ("pessimistic", "drill"), ("conservative", "optimistic"), ("drill", "optimistic"))
AMBIGUOUS_MOST = 0.01            # share of trades above which one bar's hidden order decides too many of them
FULLY_SEEN = 0.99                # share of the desk's bars with finer ones from which these may judge
POINTS_EPS = 1e-7
DIFFERS_R = 0.05                 # results of one trade further apart than this are another ending
FIGURES = ("trades", "net_usd", "expectancy_r", "expectancy_usd", "total_r", "win_rate", "profit_factor", "sharpe", "max_drawdown", "total_return",
           "ambiguous_share")
BETWEEN = ("expectancy_r", "sharpe", "net_usd")
OWN = {"ts_entry": pl.Int64, "ts_exit": pl.Int64, "entry_price": pl.Float64, "exit_price": pl.Float64, "quantity": pl.Float64, "net_usd": pl.Float64,
       "r": pl.Float64, "points": pl.Float64, "exit_reason": pl.String, "ambiguous": pl.Boolean}
COMMON = {"setup_id": pl.String, "symbol": pl.String, "tactic": pl.String, "direction": pl.String, "ts_setup": pl.Int64}


@dataclass(frozen=True)
class Unit:
    """What one unit of a contract is worth: money of its currency a point, and its tick in points."""

    point_value: float
    tick: float


@dataclass(frozen=True)
class FineBars:
    """What the rule `drill` could look at.

    `share`: of the desk's bars in the window those with finer ones that make the same bar; `finest`: the desk's own bars are the finest stored, so there
    is nothing to look into.  `bars`: series to the hash of its values.
    """

    finest: bool = True
    share: float = 0.0
    unlike: int = 0
    without: int = 0
    bars: Mapping[str, str] | None = None

    @property
    def ran(self) -> bool:
        return not self.finest and self.share > 0.0

    @property
    def judges(self) -> bool:
        return self.ran and self.share >= FULLY_SEEN


# --- trade by trade ------------------------------------------------------------------------------------------------------------------------------------


def side_by_side(trades: Mapping[Rule, pl.DataFrame], units: Mapping[str, Unit], bar_ns: int) -> pl.DataFrame:
    """One row a setup that any rule entered, in order of its first entry.

    Columns: `COMMON`; `rules` (how many entered) and `only` (their names, where not all did); of every rule `OWN` with the rule's name in front, null
    where it did not enter; `same_entry`: all of them entered, in one bar of `bar_ns`; `low_r, high_r`: the worst and the best result; `out_of_order`: the
    entry was the same and a worse rule did better before fees.
    """
    names = [rule for rule in RULES if rule in trades]
    found = {rule: _one_a_setup(trades[rule], units) for rule in names}
    table = pl.concat([one.select(*COMMON) for one in found.values()]).unique("setup_id", keep="first")
    for rule, one in found.items():
        table = table.join(_own(one, rule), on="setup_id", how="left")
    risk = pl.coalesce(f"{rule}_risk_points" for rule in names)
    table = table.with_columns((pl.col(f"{rule}_net_points") / risk).alias(f"{rule}_r") for rule in names)
    entered = [pl.col(f"{rule}_ts_entry").is_not_null() for rule in names]
    first = [pl.col(f"{rule}_ts_entry") // bar_ns for rule in names]
    table = table.with_columns(
        pl.sum_horizontal(one.cast(pl.Int64) for one in entered).alias("rules"),
        pl.when(~pl.all_horizontal(entered)).then(pl.concat_str(
            [pl.when(one).then(pl.lit(rule + " ")).otherwise(pl.lit("")) for rule, one in zip(names, entered, strict=True)]).str.strip_chars_end())
        .otherwise(pl.lit("")).alias("only"),
        (pl.all_horizontal(entered) & (pl.min_horizontal(first) == pl.max_horizontal(first))).fill_null(value=False).alias("same_entry"),
        pl.min_horizontal(f"{rule}_r" for rule in names).alias("low_r"), pl.max_horizontal(f"{rule}_r" for rule in names).alias("high_r"))
    disorder = [pl.col(f"{worse}_points") > pl.col(f"{better}_points") + POINTS_EPS for worse, better in IN_ORDER if worse in names and better in names]
    table = table.with_columns((pl.col("same_entry") & (pl.any_horizontal(disorder) if disorder else pl.lit(False))).fill_null(value=False)
                               .alias("out_of_order"))
    begun = pl.min_horizontal(f"{rule}_ts_entry" for rule in names)
    kept = [f"{rule}_{name}" for rule in names for name in OWN]
    return table.sort(begun, "setup_id").select(*COMMON, "rules", "only", "same_entry", "low_r", "high_r", "out_of_order", *kept)


def _own(one: pl.DataFrame, rule: str) -> pl.DataFrame:
    columns = [name for name in (*OWN, "net_points", "risk_points") if name != "r"]
    return one.select("setup_id", *(pl.col(name).alias(f"{rule}_{name}") for name in columns))


def _one_a_setup(trades: pl.DataFrame, units: Mapping[str, Unit]) -> pl.DataFrame:
    """The trades of one rule with their result in points a unit, before and after fees; several round trips of one setup become one row."""
    value = pl.col("contract").replace_strict({name: unit.point_value for name, unit in units.items()}, default=None, return_dtype=pl.Float64)
    money = pl.col("quantity") * pl.col("rate") * value                # of one point
    trades = trades.sort("ts_entry", "ts_exit").with_columns(money.alias("_money"))
    return trades.group_by("setup_id", maintain_order=True).agg(
        pl.col("symbol", "tactic", "direction", "ts_setup", "ts_entry", "entry_price", "risk_points").first(), pl.col("ts_exit", "exit_reason").last(),
        ((pl.col("exit_price") * pl.col("quantity")).sum() / pl.col("quantity").sum()).alias("exit_price"), pl.col("quantity", "net_usd").sum(),
        (pl.col("gross_usd").sum() / pl.col("_money").sum()).alias("points"), (pl.col("net_usd").sum() / pl.col("_money").sum()).alias("net_points"),
        pl.col("ambiguous").any())


# --- what it comes to ----------------------------------------------------------------------------------------------------------------------------------


def break_even(trades: pl.DataFrame, units: Mapping[str, Unit]) -> dict[str, float | None]:
    """The further cost of every round trip at which the net result is nothing: money a trade, ticks of each unit, basis points of what was bought or sold
    to enter.  Negative: so much less would have to be paid.  None without a trade."""
    if not trades.height:
        return {"usd": None, "ticks": None, "bp": None}
    net = float(trades["net_usd"].sum())
    known = [units[name] for name in trades["contract"].to_list()]
    point = trades["quantity"].to_numpy() * trades["rate"].to_numpy() * np.array([unit.point_value for unit in known])
    ticks, traded = float((point * np.array([unit.tick for unit in known])).sum()), float((point * trades["entry_price"].to_numpy()).sum())
    return {"usd": net / trades.height, "ticks": _over(net, ticks), "bp": _over(net, traded * 1e-4)}


def _over(net: float, of: float) -> float | None:
    return net / of if of > 0.0 and math.isfinite(net / of) else None


def envelope(table: pl.DataFrame, metrics: Mapping[Rule, Mapping[str, Any]], trades: Mapping[Rule, pl.DataFrame], units: Mapping[str, Unit],
             fine: FineBars) -> dict[str, Any]:
    """The section of metrics.json: figures of every rule, their bounds, what is said of the trades, whether the sign hangs on the rule, and who judges."""
    names = [rule for rule in WORST_FIRST if rule in metrics]
    rules = {rule: _figures(metrics[rule], break_even(trades[rule], units)) for rule in names}
    fragile = fragile_figures(rules)
    own = trades["conservative"]
    ambiguous = int(own["ambiguous"].sum()) / own.height if own.height else 0.0
    judge, why = judge_of(ambiguous, fine)
    common = table.filter(pl.col("rules") == len(names))
    return {
        "rules": rules, "bounds": {name: _bounds([rules[rule][name] for rule in names]) for name in BETWEEN},
        "trades": {
            "any": table.height, "all": common.height, "same_entry": int(table["same_entry"].sum()), "only_some": table.height - common.height,
            "only": dict(sorted(table.filter(pl.col("only") != "")["only"].value_counts().iter_rows())),
            "differ": _ended_otherwise(common, names), "out_of_order": int(table["out_of_order"].sum()),
            "low_r": _mean(common["low_r"]), "high_r": _mean(common["high_r"]),
        },
        "ambiguous_share": ambiguous, "break_even": rules[judge]["break_even"], "fragile": fragile,
        "verdict": {"rule": judge, "why": why, "net_usd": rules[judge]["net_usd"], "expectancy_r": rules[judge]["expectancy_r"]},
        "drill": {"ran": fine.ran, "finest": fine.finest, "share": fine.share, "unlike": fine.unlike, "without": fine.without, "bars": dict(fine.bars or {}),
                  "said": said_of_drill(fine)},
    }


def _ended_otherwise(common: pl.DataFrame, names: Sequence[Rule]) -> int:
    """How many trades of every rule end for another reason under one of them, or more than `DIFFERS_R` apart."""
    reasons = [pl.col(f"{name}_exit_reason") != pl.col(f"{names[0]}_exit_reason") for name in names[1:]]
    apart = pl.col("high_r") - pl.col("low_r") > DIFFERS_R
    return common.filter(pl.any_horizontal(apart, *reasons)).height


def _figures(metrics: Mapping[str, Any], even: Mapping[str, float | None]) -> dict[str, Any]:
    intervals = metrics.get("intervals") or {}
    found = {name: metrics.get(name) for name in FIGURES}
    return found | {"net_usd": found["net_usd"] or 0.0, "intervals": {name: intervals[name] for name in BETWEEN if name in intervals}, "break_even": dict(even)}


def _bounds(values: Sequence[float | None]) -> list[float] | None:
    known = [value for value in values if value is not None]
    return [min(known), max(known)] if known else None


def _mean(values: pl.Series) -> float | None:
    known = values.drop_nulls().to_numpy()
    return float(known[np.isfinite(known)].mean()) if np.isfinite(known).any() else None


def fragile_figures(rules: Mapping[Rule, Mapping[str, Any]]) -> list[str]:
    """Which of the net result and the lower bound of the expectancy are above nothing under one rule and not under another."""
    net = {rule["net_usd"] > 0.0 for rule in rules.values()}
    lower = {rule["intervals"]["expectancy_r"][0] > 0.0 for rule in rules.values() if "expectancy_r" in rule["intervals"]}
    return [name for name, signs in (("net_usd", net), ("expectancy_r_lower", lower)) if len(signs) > 1]


def judge_of(ambiguous: float, fine: FineBars) -> tuple[Rule, str]:
    """The rule by which the run is judged, and why."""
    seen = f"one bar touched both stop and target in {_percent(ambiguous)} of the trades"
    if fine.judges:
        return "drill", f"finer bars show the order of prices inside {_percent(fine.share)} of the desk's bars"
    if ambiguous > AMBIGUOUS_MOST:
        return "pessimistic", f"{seen} and no finer bars show which came first"
    return "conservative", f"{seen}; up to {_percent(AMBIGUOUS_MOST)} the run's own rule judges"


def _percent(value: float) -> str:
    return f"{math.floor(1000 * value + 1e-9) / 10:.1f} %"         # downwards, so that 100.0 % is all


def said_of_drill(fine: FineBars) -> str:
    """What was looked into, as a sentence."""
    if fine.finest:
        return "The desk's bars are the finest stored of its symbols: drill equals conservative and was not run again."
    if not fine.ran:
        return (f"Finer bars are stored and none of them make a bar of the desk ({fine.without:,} without, {fine.unlike:,} with other prices): drill equals "
                f"conservative and was not run again.")
    return (f"Finer bars make {_percent(fine.share)} of the desk's bars; {fine.without:,} have none and {fine.unlike:,} other prices, and these were filled "
            f"as the desk's own.")
