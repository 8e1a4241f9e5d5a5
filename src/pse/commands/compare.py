"""`pse runs compare`: runs side by side, and whether their returns can be told apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from pse.commands.overfit_runs import TRADED_YEAR, dotted
from pse.commands.wiring import Answer, Context
from pse.domain.errors import RequestError
from pse.domain.manifest import Manifest, deciding_settings
from pse.domain.trials import session_returns
from pse.research.differences import correlation, difference, said
from pse.store.run_tables import read_object, read_table
from pse.store.runs import EQUITY, TRADES, Run, check_figures, check_journal, load_run, metrics_of

if TYPE_CHECKING:
    from rich.console import Console

WALK = "wfo"
FIGURES = ("trades", "net_usd", "expectancy_r", "win_rate", "profit_factor", "sharpe", "sharpe_lo", "sortino", "calmar", "max_drawdown", "psr", "exposure",
           "fees_usd", "slippage_usd", "ambiguous_share", "verdict")
DATA = ("command", "desk", "symbols", "start", "end", "decide", "seed", "snapshot", "synthetic")
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
MOST_SETTINGS, WIDEST = 30, 44
CENT = 0.005


@dataclass(frozen=True, eq=False)
class Side:
    """One run as it is held against others.  trades: symbol, direction, ts_entry, ts_exit, net_usd."""

    name: str
    run: Run
    metrics: Mapping[str, Any]
    dates: np.ndarray
    returns: np.ndarray
    trades: pl.DataFrame
    per_year: float


def run(context: Context, run_ids: Sequence[str], seed: int = 0) -> Answer:
    """Two runs or more, the others against the first."""
    found = _runs(context, run_ids)
    sides = [side_of(one, LETTERS[place]) for place, one in enumerate(found)]
    data = {
        "runs": [{"name": side.name, "run_id": side.run.run_id, "sessions": int(side.dates.size)} for side in sides], "seed": seed,
        "data": data_apart([side.run.manifest for side in sides]), "settings": settings_apart([side.run.manifest for side in sides]),
        "figures": figures_of(sides), "against": [against(sides[0], side, seed) for side in sides[1:]],
    }
    return Answer(data, lambda console: show(console, data))


def _runs(context: Context, names: Sequence[str]) -> list[Run]:
    if len(names) < 2:
        raise RequestError(f"{len(names)} run is named; expected two or more to hold against each other: `pse runs list` shows them")
    if len(names) > len(LETTERS):
        raise RequestError(f"{len(names)} runs are named; expected at most {len(LETTERS)}; `pse overfit` judges any number of runs")
    found = [load_run(context.home, name) for name in names]
    known: dict[str, str] = {}
    for name, one in zip(names, found, strict=True):
        if one.run_id in known:
            raise RequestError(f"{known[one.run_id]} and {name} are one run, {one.run_id}; expected different ones")
        known[one.run_id] = name
        check_figures(one)
        check_journal(one)
    return found


def side_of(run: Run, name: str) -> Side:
    """A run's figures, daily returns and trades; of a walk-forward those that it made out of sample."""
    metrics = metrics_of(run)
    per_year = float((metrics.get("method") or {}).get("sessions_per_year") or TRADED_YEAR)
    if run.manifest.command == WALK:
        return _walk_side(run, name, metrics)
    sessions = read_table(run.folder / EQUITY).filter(pl.col("kind") == "session").sort("ts")
    trades = read_table(run.folder / TRADES).select("symbol", "direction", "ts_entry", "ts_exit", "net_usd")
    return Side(name, run, metrics, sessions["session_date"].to_numpy().astype(np.int32),
                session_returns(float(metrics["capital_usd"]), sessions["equity_usd"].to_numpy()), trades, per_year)


def _walk_side(run: Run, name: str, metrics: Mapping[str, Any]) -> Side:
    from pse.commands.overfit_walk import EQUITY as OUT_EQUITY
    from pse.commands.overfit_walk import TRADES as OUT_TRADES
    from pse.commands.overfit_walk import WALK as DOCUMENT

    walk, table = read_object(run.folder / DOCUMENT), read_table(run.folder / OUT_EQUITY)
    closed, symbols = read_table(run.folder / OUT_TRADES), list(walk["symbols"])
    trades = pl.DataFrame({"symbol": [symbols[place] for place in closed["symbol"].to_list()],
                           "direction": ["LONG" if side > 0 else "SHORT" for side in closed["direction"].to_list()], "ts_entry": closed["entry_ts"],
                           "ts_exit": closed["exit_ts"], "net_usd": closed["net"]}, schema_overrides={"symbol": pl.String, "direction": pl.String})
    returns = session_returns(float(walk["capital_usd"]), table["equity"].to_numpy())
    return Side(name, run, metrics, table["session_date"].to_numpy().astype(np.int32), returns, trades, float(walk["sessions_per_year"]))


# --- what differs --------------------------------------------------------------------------------------------------------------------------------


def settings_apart(manifests: Sequence[Manifest]) -> list[dict[str, Any]]:
    """Settings that are not the same in all: dotted key and the value of each run, None where it has none."""
    trees = [dotted(deciding_settings(one.settings)) for one in manifests]
    every = {key for tree in trees for key in tree}
    branches = {key[: place] for key in every for place, sign in enumerate(key) if sign == "."}        # an empty branch beside a full one says nothing
    keys = sorted(every - branches)
    return [{"key": key, "values": values} for key in keys if _differ(values := [tree.get(key) for tree in trees])]


def data_apart(manifests: Sequence[Manifest]) -> list[dict[str, Any]]:
    """What the runs looked at and with which code, where it is not the same in all."""
    rows = [{"key": name, "values": [_plain(getattr(one, name)) for one in manifests]} for name in DATA]
    for kind, what in (("data", "bars"), ("code", "code")):
        names = sorted({name for one in manifests for name in getattr(one, kind)})
        rows += [{"key": f"{what} {name}", "values": [getattr(one, kind).get(name) for one in manifests]} for name in names]
    return [row for row in rows if _differ(row["values"])]


def _differ(values: Sequence[Any]) -> bool:
    return any(repr(value) != repr(values[0]) for value in values[1:])


def _plain(value: Any) -> Any:
    return ", ".join(value) if isinstance(value, tuple) else value


def figures_of(sides: Sequence[Side]) -> list[dict[str, Any]]:
    """The figures of each run beside each other, with their intervals where they have one."""
    return [{"name": name, "values": [side.metrics.get(name) for side in sides],
             "intervals": [(side.metrics.get("intervals") or {}).get(name) for side in sides]}
            for name in FIGURES if any(side.metrics.get(name) is not None for side in sides)]


# --- one against the other -----------------------------------------------------------------------------------------------------------------------


def against(base: Side, other: Side, seed: int) -> dict[str, Any]:
    """What the other run did otherwise: sessions in common, how returns move together, trades, and the difference with its interval."""
    if base.per_year != other.per_year:
        raise RequestError(f"run {base.run.run_id} has {base.per_year:g} sessions a year and run {other.run.run_id} {other.per_year:g}; expected markets that "
                           f"keep the same days, for a Sharpe ratio of the one is not that of the other")
    common = np.intersect1d(base.dates, other.dates)
    ours, theirs = (side.returns[np.searchsorted(side.dates, common)] for side in (base, other))
    found = difference(ours, theirs, base.per_year, seed)
    return {"name": other.name, "against": base.name, "sessions": int(common.size), "only_sessions": [int(base.dates.size - common.size),
                                                                                                    int(other.dates.size - common.size)],
            "correlation": correlation(ours, theirs), "difference": found, "trades": trades_apart(base.trades, other.trades),
            "text": said(found, base.name, other.name)}


def trades_apart(one: pl.DataFrame, other: pl.DataFrame) -> dict[str, Any]:
    """Trades that both made (same symbol, side and moment of entry), those of them that ended the same, and what each made alone."""
    key = ["symbol", "direction", "ts_entry"]
    ranked = [table.with_columns(pl.int_range(pl.len()).over(key).alias("again")) for table in (one, other)]
    both = ranked[0].join(ranked[1], on=[*key, "again"], how="inner", suffix="_other")
    same = both.filter((pl.col("ts_exit") == pl.col("ts_exit_other")) & ((pl.col("net_usd") - pl.col("net_usd_other")).abs() < CENT))
    alone = [mine.join(theirs, on=[*key, "again"], how="anti") for mine, theirs in (ranked, ranked[::-1])]
    return {"common": both.height, "same_end": same.height, "only": [table.height for table in alone],
            "only_net_usd": [float(table["net_usd"].sum()) for table in alone],
            "common_net_usd": [float(both["net_usd"].sum()), float(both["net_usd_other"].sum())]}


# --- for people ------------------------------------------------------------------------------------------------------------------------------------


def show(console: Console, data: Mapping[str, Any]) -> None:
    """Names, what differs, figures, and each against the first."""
    from pse.commands.grids import show_tables
    from pse.commands.wiring import say

    names = [one["name"] for one in data["runs"]]
    for one in data["runs"]:
        say(console, f"{one['name']}  {one['run_id']}")
    for title, rows in (("data and window", data["data"]), ("settings", data["settings"])):
        console.print()
        if not rows:
            say(console, f"{title}: the same")
            continue
        show_tables(console, (title, *names), [[row["key"], *map(_short, row["values"])] for row in rows[:MOST_SETTINGS]], [False] * (len(names) + 1))
        if len(rows) > MOST_SETTINGS:
            say(console, f"... and {len(rows) - MOST_SETTINGS} more; --json shows all")
    console.print()
    show_tables(console, ("figure", *names), [[one["name"].replace("_", " "), *map(_figure, one["values"], one["intervals"])] for one in data["figures"]],
                [False] + [True] * len(names))
    for one in data["against"]:
        console.print()
        for line in lines_of(one):
            say(console, line)


def lines_of(one: Mapping[str, Any]) -> list[str]:
    """One comparison in sentences."""
    trades, a, b = one["trades"], one["against"], one["name"]
    moved = "" if one["correlation"] is None else f"Daily returns of {a} and {b} have a correlation of {one['correlation']:.2f}. "
    only = one["only_sessions"]
    apart = f" ({only[0]:,} sessions only in {a}, {only[1]:,} only in {b})" if any(only) else ""
    return [one["text"], f"{moved}{one['sessions']:,} sessions in common{apart}.",
            f"Trades: {trades['common']:,} in both ({trades['same_end']:,} with the same end), {trades['only'][0]:,} only in {a} (net "
            f"{trades['only_net_usd'][0]:,.0f}), {trades['only'][1]:,} only in {b} (net {trades['only_net_usd'][1]:,.0f})."]


def _short(value: Any) -> str:
    text = "-" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
    return text if len(text) <= WIDEST else f"{text[: WIDEST - 2]}.."


def _figure(value: Any, interval: Sequence[float] | None) -> str:
    if value is None:
        return "-"
    if isinstance(value, str):
        return value
    text = _number(value)
    return text if interval is None else f"{text} [{_number(interval[0])}, {_number(interval[1])}]"


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.2f}" if abs(value) >= 10 else f"{value:.3f}"
