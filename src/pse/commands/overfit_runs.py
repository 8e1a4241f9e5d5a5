"""The columns of a judgement: stored runs, or what the ledger kept of every trial, on the sessions that they have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from pse.commands.wiring import Context
from pse.domain.errors import DamagedTable, NoBars, RequestError, UnknownName
from pse.domain.manifest import deciding_settings
from pse.domain.records import canonical
from pse.domain.trials import TRIAL_TRADE, Params, Value, session_returns
from pse.store.layout import Home
from pse.store.ledger import Trial, load_returns, trials
from pse.store.run_tables import read_table
from pse.store.runs import EQUITY, TRADES, Run, answers_hash, check_figures, check_journal, load_run, metrics_of, run_ids

FEWEST = 50                                      # sessions in common below which nothing is said
WHOLE_YEAR, TRADED_YEAR = 365.0, 252.0
MOST_TOLD = 5                                    # trials named when some are left out
SIDES = {"LONG": 1, "SHORT": -1}
MOST_PAIRS, MOST_READ = 200, 200               # of how many runs the shortest are compared, and the settings read


@dataclass(frozen=True, eq=False)
class Column:
    """One configuration's daily returns, and where they are from.  settings: dotted keys of what decided it; run: None where only the ledger knows it."""

    name: str
    dates: np.ndarray
    returns: np.ndarray
    desk: str
    symbols: tuple[str, ...]
    window: tuple[int | None, int | None]
    trades: int
    key: tuple[str, str]
    per_year: float = TRADED_YEAR
    decide: str = "rules"
    settings: Mapping[str, Value] = field(default_factory=dict)
    run: Run | None = None
    settings_hash: str = ""


# --- where columns are from ----------------------------------------------------------------------------------------------------------------------


def column_of(run: Run) -> Column:
    """A finished run as a column."""
    check_figures(run)
    check_journal(run)
    manifest, metrics = run.manifest, metrics_of(run)
    capital = float(metrics["capital_usd"])
    sessions = read_table(run.folder / EQUITY).filter(pl.col("kind") == "session").sort("ts")
    dates, returns = sessions["session_date"].to_numpy().astype(np.int32), session_returns(capital, sessions["equity_usd"].to_numpy())
    per_year = float((metrics.get("method") or {}).get("sessions_per_year") or TRADED_YEAR)
    return Column(run.run_id, dates, returns, manifest.desk, manifest.symbols, (manifest.start_ns, manifest.end_ns), int(metrics.get("trades") or 0),
                  (manifest.fingerprint, answers_hash(run)), per_year, manifest.decide,
                  dotted(deciding_settings(manifest.settings)), run, manifest.settings_hash)


def dotted(tree: Mapping[str, Any], before: str = "") -> dict[str, Value]:
    """A tree of settings as dotted keys; lists and empty branches as their JSON text."""
    found: dict[str, Value] = {}
    for key, value in tree.items():
        name = f"{before}{key}"
        if isinstance(value, Mapping) and value:
            found |= dotted(value, f"{name}.")
        else:
            found[name] = value if isinstance(value, bool | int | float | str) else canonical(value)
    return found


def columns_of_runs(context: Context, names: Sequence[str]) -> list[Column]:
    """The named runs, each once."""
    found: dict[tuple[str, str], Column] = {}
    for name in names:
        column = column_of(load_run(context.home, name))
        if column.key in found and found[column.key].name != column.name:
            context.warn(f"run {column.name} is the same trial as {found[column.key].name} (one fingerprint); it is taken once")
        found.setdefault(column.key, column)
    return list(found.values())


def columns_of_ledger(context: Context, desk: str | None, symbols: Sequence[str], start_ns: int | None, end_ns: int | None) -> list[Column]:
    """Every trial in the ledger of this desk and these symbols whose window meets the asked one, its returns cut to it."""
    kept = [one for one in trials(context.home) if _asked(one, desk, symbols, start_ns, end_ns)]
    if not kept:
        raise RequestError(f"the trial ledger of {context.home.root} holds no trial{_said(desk, symbols)} that looked at this window; expected at least one: "
                           f"`pse backtest` and `pse wfo` write them by themselves, `pse runs list` shows the runs")
    calendars, stored = _calendars(context), {name.split("-")[-1]: name for name in run_ids(context.home)}
    found: list[Column] = []
    for one in kept:
        dates, returns = load_returns(context.home, one.returns_hash)
        inside = _inside(dates, start_ns, end_ns)
        never_closes = any(calendars.get(symbol) == "24/7" for symbol in one.symbols)
        known = f"{one.kind} {one.fingerprint[:12]}"                          # a configuration of a search has no run of its own
        name = known if one.answers else stored.get(one.fingerprint[:8], known)
        run = _stored(context, name) if name in stored.values() and len(kept) <= MOST_READ else None
        found.append(Column(name, dates[inside], returns[inside], one.desk, one.symbols, one.window, one.trades, one.key,
                            WHOLE_YEAR if never_closes else TRADED_YEAR, "rules" if run is None else run.manifest.decide,
                            {} if run is None else dotted(deciding_settings(run.manifest.settings)), run, one.settings_hash))
    return found


def _stored(context: Context, name: str) -> Run | None:
    """A run whose files are whole; the ledger's word does not hang on them."""
    try:
        run = load_run(context.home, name)
        check_figures(run)
        check_journal(run)
    except (DamagedTable, RequestError):
        return None
    return run


def _asked(one: Trial, desk: str | None, symbols: Sequence[str], start_ns: int | None, end_ns: int | None) -> bool:
    first, end = one.window
    meets = (end_ns is None or first is None or first < end_ns) and (start_ns is None or end is None or start_ns < end)
    return bool(one.returns_hash) and meets and (desk is None or one.desk == desk) and (not symbols or bool(set(symbols) & set(one.symbols)))


def _said(desk: str | None, symbols: Sequence[str]) -> str:
    return (f" of the desk {desk}" if desk else "") + (f" on {', '.join(symbols)}" if symbols else "")


def _calendars(context: Context) -> dict[str, str]:
    return {name: instrument.calendar for name, instrument in context.settings.instruments.items()}


def _inside(dates: np.ndarray, start_ns: int | None, end_ns: int | None) -> np.ndarray:
    days = np.array([f"{day // 10_000:04d}-{day // 100 % 100:02d}-{day % 100:02d}" for day in dates.tolist()], "datetime64[D]")
    kept = np.ones(dates.size, bool)
    if start_ns is not None:
        kept &= days >= np.datetime64(start_ns, "ns").astype("datetime64[D]")
    if end_ns is not None:
        kept &= days <= np.datetime64(end_ns - 1, "ns").astype("datetime64[D]")
    return kept


# --- side by side --------------------------------------------------------------------------------------------------------------------------------


def aligned(columns: Sequence[Column]) -> tuple[np.ndarray, np.ndarray]:
    """The sessions that all columns have, int32[T], and their returns, float64[T, N]; refuses fewer than 50, and years of different length."""
    lengths = {column.per_year: column.name for column in columns}
    if len(lengths) > 1:
        told = ", ".join(f"{name} has {sessions:g}" for sessions, name in lengths.items())
        raise RequestError(f"these runs have years of different length: {told} sessions a year; expected markets that keep the same days: judge them apart")
    common = columns[0].dates
    for column in columns[1:]:
        common = np.intersect1d(common, column.dates)
    if common.size < FEWEST:
        raise RequestError(f"{len(columns)} run{'s' * (len(columns) != 1)} share {common.size} sessions{_worst_pair(columns)}; expected {FEWEST} or more, for "
                           f"fewer say nothing. Leave out what looked at another window, or run all of them over one")
    matrix = np.column_stack([column.returns[np.searchsorted(column.dates, common)] for column in columns])
    return common.astype(np.int32), matrix


def also_tried(home: Home, columns: Sequence[Column], symbols: Sequence[str], dates: np.ndarray) -> list[np.ndarray]:
    """Daily returns, float64[T] each, of what else the ledger kept of these symbols on a window of these columns, where the sessions are the same."""
    known, windows, found = {column.key for column in columns}, {column.window for column in columns}, []
    for one in trials(home):
        if one.returns_hash and one.key not in known and one.window in windows and not set(symbols).isdisjoint((*one.symbols, *one.looked_at)):
            days, returns = load_returns(home, one.returns_hash)
            if np.array_equal(days, dates):
                found.append(returns)
    return found


def cut_of(home: Home, chosen: Column, dates: np.ndarray) -> str:
    """Of which longer look of the same configuration these sessions are a part, in words; "" where they are all that it was looked at."""
    looks = [chosen.dates] + [load_returns(home, one.returns_hash)[0] for one in trials(home)
                              if one.returns_hash and (one.settings_hash, one.answers) == (chosen.settings_hash, chosen.key[1])]
    longer = [days for days in looks if 0 < np.isin(days, dates).sum() < days.size]
    if not longer:
        return ""
    most = max(longer, key=lambda days: int(days.size))
    return (f"The judged {dates.size:,} sessions, {dates[0]} to {dates[-1]}, are a part of what the chosen configuration was looked at on ({most.size:,} "
            f"sessions, {most[0]} to {most[-1]}): a part that is chosen with the rest in sight flatters. Judge the whole: without --start and --end, and "
            f"without runs that looked at less.")


def sharing(columns: Sequence[Column]) -> tuple[list[Column], list[Column]]:
    """The most columns that have enough sessions in common (of several such sets that with the most sessions), and those left out.

    All of them where they share enough, or where no two do: who aligns them says what is wrong.
    """
    firsts, lasts = np.array([_first(one) for one in columns]), np.array([_last(one) for one in columns])
    days = np.unique(np.concatenate([one.dates for one in columns]))
    best, kept = (1, 0), np.ones(len(columns), bool)
    for first in np.unique(firsts):
        for last in np.unique(lasts):
            inside = (firsts <= first) & (lasts >= last)
            rank = (int(inside.sum()), int(((days >= first) & (days <= last)).sum()))
            if rank > best and rank[0] > 1 and rank[1] >= FEWEST and _common([one for one, one_in in zip(columns, inside, strict=True) if one_in]) >= FEWEST:
                best, kept = rank, inside
    return ([one for one, one_in in zip(columns, kept, strict=True) if one_in], [one for one, one_in in zip(columns, kept, strict=True) if not one_in])


def _common(columns: Sequence[Column]) -> int:
    """How many sessions all of them have."""
    found = columns[0].dates
    for column in columns[1:]:
        found = np.intersect1d(found, column.dates)
    return int(found.size)


def left_words(kept: Sequence[Column], left: Sequence[Column]) -> str:
    """Which trials are not judged, and why."""
    told = "; ".join(f"{one.name} ({_span(one)})" for one in left[:MOST_TOLD]) + (f"; and {len(left) - MOST_TOLD} more" if len(left) > MOST_TOLD else "")
    return (f"{len(left)} of {len(kept) + len(left)} trials are left out, for with them fewer than {FEWEST} sessions would be in common: {told}. They stay in "
            f"the count of trials where they looked at this window")


def _worst_pair(columns: Sequence[Column]) -> str:
    """Which two runs have the fewest in common."""
    few = sorted(columns, key=lambda one: (one.dates.size, one.name))[:MOST_PAIRS]
    if len(few) < 2:
        return f" ({few[0].name}, {_span(few[0])})"
    late, early = max(few, key=_first), min(few, key=_last)
    shares = ((np.intersect1d(a.dates, b.dates).size, a, b) for a, b in ((late, early), (few[0], few[1]), (few[0], few[-1])) if a is not b)
    count, a, b = min(shares, key=lambda one: one[0])
    return f"; the fewest in common have {a.name} ({_span(a)}) and {b.name} ({_span(b)}): {count}"


def _first(column: Column) -> int:
    return int(column.dates[0]) if column.dates.size else 99_999_999


def _last(column: Column) -> int:
    return int(column.dates[-1]) if column.dates.size else 0


def _span(column: Column) -> str:
    return f"{column.dates[0]} to {column.dates[-1]}, {column.dates.size} sessions" if column.dates.size else "no session"


def chosen_of(home: Home, columns: Sequence[Column], ratios: np.ndarray, asked: str | None) -> int:
    """The place of the run that was named, else of the best Sharpe ratio; a tie goes to the first."""
    if asked is None:
        return int(np.argmax(np.where(np.isfinite(ratios), ratios, -np.inf)))
    names = [column.name for column in columns]
    found = [i for i, name in enumerate(names) if name == asked] or [i for i, name in enumerate(names) if name.startswith(asked) or name.endswith(asked)]
    if not found:
        known = {column.key: i for i, column in enumerate(columns)}
        place = known.get(column_of(load_run(home, asked)).key)
        found = [] if place is None else [place]
    if len(found) == 1:
        return found[0]
    if found:
        raise RequestError(f"--chosen {asked} is how {len(found)} of them begin or end: {', '.join(names[i] for i in found[:5])}; give more of the id")
    raise UnknownName("run among those that are judged", asked, names[:20])


def differing(columns: Sequence[Column]) -> list[Params]:
    """Of each column the settings in which they differ: the seed is none of them."""
    keys = sorted({key for column in columns for key in column.settings} - {"seed"})
    apart = [key for key in keys if len({repr(column.settings.get(key)) for column in columns}) > 1]
    return [{key: column.settings[key] for key in apart if key in column.settings} for column in columns]


# --- of the chosen one ---------------------------------------------------------------------------------------------------------------------------


def trades_of(run: Run, dates: np.ndarray) -> np.ndarray:
    """The run's trades that were closed on these days, TRIAL_TRADE[n] in order of exit."""
    table = read_table(run.folder / TRADES).sort("ts_exit", "ts_entry")
    table = table.filter(pl.col("session_date").is_in(dates.tolist()))
    found = np.zeros(table.height, TRIAL_TRADE)
    for name, column in (("entry_ts", "ts_entry"), ("exit_ts", "ts_exit"), ("day", "session_date"), ("net", "net_usd"), ("ambiguous", "ambiguous")):
        found[name] = table[column].to_numpy()
    found["r"] = table["r_net"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    found["direction"] = [SIDES.get(side, 0) for side in table["direction"].to_list()]
    return found


def market_of(context: Context, run: Run) -> pl.DataFrame | None:
    """Daily closes of the run's symbols as it saw them; None, with a word, where those bars are not stored any more."""
    from pse.commands.report import stored_bars
    from pse.research.market import daily_closes

    manifest, load = run.manifest, stored_bars(context, run)
    if manifest.anchor_ns is None or manifest.end_ns is None:
        return None
    try:
        bars = [load(symbol, manifest.anchor_ns, manifest.end_ns) for symbol in manifest.symbols]
    except NoBars:
        return None
    known = [daily_closes(one) for one in bars if one is not None]
    return pl.concat(known) if known else None
