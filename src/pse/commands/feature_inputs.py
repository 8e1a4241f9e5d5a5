"""What the commands of features share: the registered features, the stored bars that requests need, and their columns one after the other."""

from __future__ import annotations

import difflib
import gc
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from pse.clock import iso
from pse.commands.wiring import Context
from pse.domain.actions import Actions, forward_adjusted
from pse.domain.bars import Bars, timeframe_ns
from pse.domain.errors import NoBars, RequestError
from pse.domain.instruments import Instrument
from pse.domain.sessions import Sessions
from pse.features.feature import Column, Feature, Market
from pse.features.joined import blank, request_columns
from pse.features.requests import Request
from pse.features.resampled import why_not
from pse.kernels import sources_digest
from pse.registry import FEATURES, resolve
from pse.store.actions import actions_of
from pse.store.feature_columns import ColumnKind
from pse.store.feature_tables import Basis
from pse.store.layout import symbol_name
from pse.store.load import Loaded, load_bars
from pse.store.reading import need_bars, series_names
from pse.store.sessions import load_sessions
from pse.store.snapshots import Snapshot, take_snapshot

HELD_BYTES = 1 << 28                             # of computed columns, before what was computed so far is let go and made again on need


def catalogue() -> dict[str, type[Feature]]:
    """Every registered feature by name."""
    return {name: resolve("feature", name) for name in FEATURES}


def kind_of_column(column: Column) -> ColumnKind:
    """How a declared column is stored."""
    if column.unit == "state" and column.words:
        return ColumnKind("state", column.words)
    return ColumnKind(column.unit if column.unit in ("flag", "direction", "count") else "number")


def feature_code() -> dict[str, str]:
    """Version of the package and of the sources that decide a feature's values."""
    from pse import __version__

    package = Path(__file__).parents[1]
    return {"version": __version__, "kernels": sources_digest(package / "kernels"), "features": sources_digest(package / "features")}


@dataclass(frozen=True)
class Series:
    """One stored series that is read: bars of `symbol` (a micro's own are those it trades on), from which longer ones are made."""

    instrument: Instrument
    timeframe: str
    first: int
    last: int

    @property
    def key(self) -> tuple[str, str]:
        return self.instrument.bars_of or self.instrument.symbol, self.timeframe


@dataclass(frozen=True, eq=False)
class Plan:
    """What one symbol's table of one timeframe is computed from; nothing is read yet.

    `left_out`: requests or symbols that cannot be had, with the reason.  `anchor_ns`: open of the first bar that features see.
    """

    timeframe: str
    requests: tuple[Request, ...]
    own: Series
    others: Mapping[str, Series]
    start_ns: int | None
    end_ns: int | None
    anchor_ns: int
    calendars: Mapping[str, Sessions]
    snapshot: Snapshot
    left_out: Mapping[str, str] = field(default_factory=dict)
    actions: Mapping[str, Actions] = field(default_factory=dict)

    @property
    def symbol(self) -> str:
        return self.own.instrument.symbol

    @property
    def series(self) -> tuple[Series, ...]:
        return (self.own, *self.others.values())

    def basis(self) -> Basis:
        bars = {f"{one.symbol} {one.timeframe}": {"hash": one.hash, "months": dict(one.months), "first": one.first, "last": one.last}
                for one in self.snapshot.series}
        read = {one.instrument.symbol: _digest(one.instrument.model_dump(mode="json") | self._events(one)) for one in self.series}
        return Basis(self.anchor_ns, bars, self.snapshot.version, self.snapshot.id, self.calendars, read, feature_code(), self.left_out)

    def _events(self, series: Series) -> dict[str, str]:
        known = self.actions.get(series.instrument.symbol)
        return {} if known is None else {"splits and dividends": known.digest()}


def _digest(tree: Any) -> str:
    return hashlib.sha256(json.dumps(tree, sort_keys=True).encode()).hexdigest()[:16]


# --- planning ------------------------------------------------------------------------------------------------------------------------------------


def plan_table(context: Context, symbol: str, timeframe: str, requests: Sequence[Request], start_ns: int | None, end_ns: int | None,
               strict: bool, read: Mapping[str, str] | None = None) -> Plan:
    """Which stored series the requests need.

    `read`: symbol to the stored timeframe that it is read in, where that serves; without it the finest that does.

    A symbol that a request names must be stored; one that a feature reads by itself is left out when it is not.  `strict`: a feature whose timeframes cannot
    be made is refused, else it is left out.  Raises `NoBars`, `RequestError`.
    """
    home = context.home
    stored = stored_timeframes(context)
    instrument = context.settings.instrument(symbol_name(symbol))
    if (instrument.bars_of or symbol) not in stored:
        raise NoBars(_not_stored(instrument.bars_of or symbol, stored, "there are no stored bars of it"))
    left_out: dict[str, str] = {}
    stored = {**stored, **{bars_of: _first(frame, stored[bars_of]) for bars_of, frame in _by_series(context, read or {}).items() if bars_of in stored}}
    source = _own_source(stored[instrument.bars_of or symbol], symbol, timeframe, requests, strict, left_out, (read or {}).get(symbol))
    wanted = _other_timeframes(context, symbol, timeframe, requests, stored, left_out)
    needed = {instrument.bars_of or symbol: source}
    found: dict[str, tuple[Instrument, str]] = {symbol: (instrument, source)}
    for other, timeframes in wanted.items():
        theirs = context.settings.instrument(other)
        chosen = source_timeframe(stored[theirs.bars_of or other], timeframes)
        if chosen is None:
            raise RequestError(_cannot_be_made(timeframes, other, stored[theirs.bars_of or other]))
        found[other] = (theirs, needed.setdefault(theirs.bars_of or other, chosen))
    snapshot = take_snapshot(home, list(needed.items()), context.clock)
    spans = {(one.symbol, one.timeframe): (one.first, one.last) for one in snapshot.series}
    series = {name: Series(theirs, of, *spans[(theirs.bars_of or name, of)]) for name, (theirs, of) in found.items()}
    own = series.pop(symbol)
    if (start_ns is not None and start_ns > own.last) or (end_ns is not None and end_ns <= own.first):
        raise NoBars(f"{symbol} has stored {source} bars from {iso(own.first)} to {iso(own.last)}, and none from {_iso_or(start_ns, 'the start')} to "
                     f"{_iso_or(end_ns, 'the end')}; choose another --start and --end, or ingest that range")
    calendars = _calendars(context, (own, *series.values()), own.last, start_ns)
    anchor = own.first if start_ns is None else max(own.first, _warmup_open(calendars[instrument.calendar], start_ns, context.settings.chosen.warmup_sessions))
    known = actions_of(home)
    actions = {one.instrument.symbol: known[one.key[0]] for one in (own, *series.values()) if one.key[0] in known}
    return Plan(timeframe, tuple(requests), own, series, start_ns, end_ns, anchor, calendars, snapshot, left_out, actions)


def stored_timeframes(context: Context, version: int | None = None) -> dict[str, list[str]]:
    """Stored symbol to its stored timeframes, finest first; `version` is of the bars table."""
    found: dict[str, list[str]] = {}
    for symbol, timeframe in series_names(need_bars(context.home, version)):
        found.setdefault(symbol, []).append(timeframe)
    return {symbol: sorted(timeframes, key=timeframe_ns) for symbol, timeframes in found.items()}


def _by_series(context: Context, read: Mapping[str, str]) -> dict[str, str]:
    return {context.settings.instrument(symbol).bars_of or symbol: frame for symbol, frame in read.items()}


def _first(frame: str, stored: Sequence[str]) -> list[str]:
    """The timeframes with one of them put before the others."""
    return [one for one in (frame,) if one in stored] + [one for one in stored if one != frame]


def source_timeframe(stored: Sequence[str], wanted: set[str]) -> str | None:
    """The stored timeframe that all wanted ones are made from: the very one where only that is wanted, else the finest; None when none serves."""
    if len(wanted) == 1 and next(iter(wanted)) in stored:
        return next(iter(wanted))
    return next((one for one in stored if all(can_be_made(timeframe, one) for timeframe in wanted)), None)


def can_be_made(timeframe: str, source: str) -> bool:
    """Whether bars of `timeframe` can be made from bars of `source`."""
    return why_not(timeframe, source) is None


def _own_source(stored: Sequence[str], symbol: str, timeframe: str, requests: Sequence[Request], strict: bool, left_out: dict[str, str],
                fixed: str | None = None) -> str:
    """The stored timeframe of the table's own symbol, `fixed` where that is given; requests whose timeframes cannot be made from it go to `left_out`."""
    asked = {timeframe, *(one.timeframe for one in requests if one.timeframe is not None and one.symbol in (None, symbol))}
    own = [one for one in requests if one.feature is not None and (one.symbol in (None, symbol) or symbol in one.feature.symbols())]
    read = {one.label: one.feature.timeframes(one.timeframe or timeframe) for one in own if one.feature is not None}
    all_of_it = asked.union(*read.values())
    source = fixed if fixed and all(can_be_made(one, fixed) for one in (all_of_it if strict else asked)) else source_timeframe(stored, all_of_it)
    source = source or source_timeframe(stored, asked)
    if source is None:
        raise RequestError(_cannot_be_made(asked, symbol, stored))
    for one in own:
        lacking = [frame for frame in read[one.label] if not can_be_made(frame, source)]
        if lacking and strict:
            raise RequestError(f"{one.text} reads {', '.join(lacking)} bars, which cannot be made from the stored {source} bars of {symbol}; ingest finer "
                               f"bars, or leave {one.text} out")
        if lacking:
            left_out[one.label] = f"reads {', '.join(lacking)} bars, which cannot be made from stored {source} bars"
    return source


def _other_timeframes(context: Context, symbol: str, timeframe: str, requests: Sequence[Request], stored: Mapping[str, list[str]],
                      left_out: dict[str, str]) -> dict[str, set[str]]:
    """Other symbols that are read, with the timeframes of each."""
    wanted: dict[str, set[str]] = {}
    for one in requests:
        if one.symbol is not None and one.symbol != symbol:
            bars_of = context.settings.instrument(one.symbol).bars_of or one.symbol
            if bars_of not in stored:
                raise NoBars(_asked_for(one, bars_of, stored))
            frame = str(one.timeframe)
            read = one.feature.timeframes(frame) if one.feature is not None else ()
            lacking = {other for other in read if source_timeframe(stored[bars_of], {frame, other}) is None}
            if lacking:
                raise RequestError(f"{one.text} reads {', '.join(read)} bars of {one.symbol}: {_cannot_be_made(lacking, one.symbol, stored[bars_of])}")
            wanted.setdefault(one.symbol, set()).update((frame, *read))
    for one in requests:
        for other in one.feature.symbols() if one.feature is not None and one.label not in left_out else ():
            if other == symbol or (known := context.settings.instruments.get(other)) is None or (known.bars_of or other) not in stored:
                if other != symbol:
                    left_out[f"{one.label}: {other}"] = "no bars of it are stored"
                continue
            assert one.feature is not None
            frames = one.feature.timeframes(one.timeframe or timeframe) or (one.timeframe or timeframe,)
            if source_timeframe(stored[known.bars_of or other], {*wanted.get(other, ()), *frames}) is None:
                left_out[f"{one.label}: {other}"] = _what_works(one, frames, stored[known.bars_of or other])
                continue
            wanted.setdefault(other, set()).update(frames)
    return wanted


def _cannot_be_made(timeframes: Iterable[str], symbol: str, stored: Sequence[str]) -> str:
    """Which of the timeframes cannot be made from what is stored of a symbol, and why."""
    never = [one for one in sorted(timeframes, key=timeframe_ns) if not any(can_be_made(one, source) for source in stored)]
    if not never:
        return (f"{', '.join(sorted(timeframes, key=timeframe_ns))} bars of {symbol} cannot all be made from one of those that are stored of it "
                f"({', '.join(stored)}); ask for them apart, or ingest finer bars")
    return (f"{never[0]} bars of {symbol} cannot be made from what is stored of it ({', '.join(stored)}): {why_not(never[0], stored[0])}")


def _what_works(request: Request, frames: Sequence[str], stored: Sequence[str]) -> str:
    """Why another symbol's bars do not serve a feature, and the timeframe on which they do where it has that parameter."""
    said = f"{', '.join(frames)} bars of it cannot be made from what is stored ({', '.join(stored)})"
    if request.feature is None or "timeframe" not in type(request.feature).model_fields:
        return said
    works = replace(request, feature=request.feature.model_copy(update={"timeframe": stored[0]}))
    return f"{said}, {works.text} does with those"


def _asked_for(request: Request, symbol: str, stored: Mapping[str, Sequence[str]]) -> str:
    near = difflib.get_close_matches(symbol, stored, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]}?" if near else ""
    return (f"{request.text} asks for {symbol}, but no bars of it are stored; there are: {', '.join(stored) or 'none'}.{hint} "
            f"Run `pse ingest --symbol {symbol} ...`")


def _not_stored(symbol: str, stored: Mapping[str, Sequence[str]], what: str) -> str:
    names = ", ".join(f"{one} {frame}" for one, frames in stored.items() for frame in frames) or "nothing"
    return f"no stored symbol named {symbol!r}: {what}; stored: {names}. Run `pse ingest --symbol {symbol} ...` first"


def _iso_or(moment: int | None, word: str) -> str:
    return word if moment is None else iso(moment)


def _calendars(context: Context, series: Sequence[Series], last: int, start_ns: int | None) -> dict[str, Sessions]:
    """Each calendar over the bars of its series, and on to the last bar of the table's own symbol."""
    found: dict[str, tuple[int, int]] = {}
    for one in series:
        first, until = found.get(one.instrument.calendar, (one.first, last))
        found[one.instrument.calendar] = min(first, one.first, start_ns if start_ns is not None else first), max(until, one.last, last)
    return {name: load_sessions(context.home, name, *span, context.settings.sessions) for name, span in found.items()}


def _warmup_open(sessions: Sessions, start_ns: int, count: int) -> int:
    """Open of the session that lies `count` sessions before the one of `start_ns`."""
    at = int(np.searchsorted(sessions.open_ns, start_ns, side="right")) - 1 - count
    return int(sessions.open_ns[max(at, 0)])


# --- reading and computing -----------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Source:
    """The loaded bars of a plan; `market()` opens them with nothing computed yet."""

    plan: Plan
    bars: Bars
    others: Mapping[str, Bars]
    notes: tuple[str, ...]

    def market(self) -> Market:
        until = int(self.bars.ts_close[-1])
        series, events = self.plan.others, self.plan.actions
        own = Market(forward_adjusted(self.bars, events.get(self.plan.symbol)), self.plan.own.instrument, until)
        others = {name: Market(forward_adjusted(bars, events.get(name)), series[name].instrument, max(until, int(bars.ts_close[-1])))
                  for name, bars in self.others.items()}
        for one in (own, *others.values()):                  # a feature that is computed on another symbol's bars reads the same others
            one.others = {**others, self.plan.symbol: own}
        return own


def load_source(context: Context, plan: Plan) -> Source:
    """The bars of a plan from its anchor to its end, at the version of its snapshot.

    A symbol that only a feature reads may have none there; one that was asked for may not (`NoBars`).
    """
    loaded: dict[str, Loaded] = {}
    asked = {plan.symbol, *(one.symbol for one in plan.requests)}
    silent = []
    for one in plan.series:
        calendar = plan.calendars[one.instrument.calendar]
        since = None
        if plan.start_ns is not None:
            since = plan.anchor_ns if one is plan.own else _warmup_open(calendar, plan.start_ns, context.settings.chosen.warmup_sessions)
        symbol = one.instrument.symbol
        try:
            loaded[symbol] = load_bars(context.home, one.instrument, one.timeframe, since, plan.end_ns, calendar, plan.snapshot.version)
        except NoBars:
            if symbol in asked:
                raise
            silent.append(f"{symbol} has no stored bar in that window; what a feature reads of it is NaN or UNKNOWN")
    notes = (*(f"{symbol}: {note}" for symbol, one in loaded.items() for note in one.notes), *silent)
    bars = {symbol: one.bars for symbol, one in loaded.items()}
    return Source(plan, bars.pop(plan.symbol), bars, notes)


def table_rows(source: Source) -> tuple[Bars, slice]:
    """The bars that a table's rows stand on, and which of them lie in the window."""
    bars = source.market().at(source.plan.timeframe).bars
    low, high = 0, len(bars)
    if source.plan.start_ns is not None:
        low = int(np.searchsorted(bars.ts_open, source.plan.start_ns))
    if source.plan.end_ns is not None:
        high = int(np.searchsorted(bars.ts_open, source.plan.end_ns))
    return bars, slice(low, max(low, high))


def compute(source: Source) -> Iterator[tuple[Request, dict[str, np.ndarray]]]:
    """Each request with its columns on all rows of the table, in order.

    What requests share is computed once, until it fills too much memory: then all of it is let go.
    """
    market, held = source.market(), 0
    for request in source.plan.requests:
        known = market.at(source.plan.timeframe)
        if request.label in source.plan.left_out:
            yield request, {name: blank(column, len(known)) for name, column in request.columns.items()}
            continue
        made = request_columns(request, known)
        held += sum(values.nbytes for values in made.values())
        yield request, made
        del made
        if held > HELD_BYTES:
            del known, market
            gc.collect()                                 # a market and what is known of it point at each other
            market, held = source.market(), 0
