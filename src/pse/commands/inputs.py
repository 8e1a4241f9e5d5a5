"""All that decides a run: the desk, the stored bars of its symbols and of those that it reads, and the window.

Every symbol begins with its own warm-up: so many sessions of its own calendar before the start.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from pse.clock import iso
from pse.commands.finer_bars import finer_series, load_finer
from pse.commands.judging import Judging
from pse.commands.wiring import Context
from pse.domain.actions import Actions, Doubt, adjusted_of, unrecorded_splits
from pse.domain.bars import Bars, timeframe_ns
from pse.domain.errors import NoBars, RequestError
from pse.domain.instruments import Instrument
from pse.domain.manifest import fingerprint
from pse.domain.sessions import DAY_NS, Sessions
from pse.engine.desk import DeskPlan, desk_plan
from pse.features.resampled import why_not
from pse.settings import Settings
from pse.store.actions import actions_of, actions_version
from pse.store.appended import NONE_STORED
from pse.store.load import Loaded, Stored
from pse.store.news import headlines_of, stored_version
from pse.store.sessions import load_sessions
from pse.store.snapshots import Snapshot, take_snapshot

BarsKey = tuple[Any, ...]                        # instrument, timeframe, anchor, end, version of the table
OLD_RATE_NS = 7 * DAY_NS                         # a series of rates that ends so long before the window's end is worth a word
NAMED = 12                                       # names in a message, before the rest is counted


@dataclass(frozen=True, eq=False)
class Inputs:
    """All that decides a run.  Moments are ns UTC.

    `bars` belong to the plan's symbols, `context` is what the desk reads and does not trade; both begin at each symbol's own anchor in `anchors`, and the
    first of all at `anchor_ns`.  `warnings`: what is worth a word to the user before the run.  `finer`: finer bars of the window by traded symbol, where the
    desk's fill policy looks into its bars.  `judging`: the chain that decides; None where rules do.
    """

    plan: DeskPlan
    settings: Settings
    bars: tuple[Bars, ...]
    start_ns: int
    end_ns: int
    anchor_ns: int
    snapshot: Snapshot
    dropped: int
    notes: tuple[str, ...] = field(default=())
    context: Mapping[str, Bars] = field(default_factory=dict)
    anchors: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = field(default=())
    news_version: int | None = None
    finer: Mapping[str, Bars] = field(default_factory=dict)
    actions_version: int | None = None
    judging: Judging | None = None

    @property
    def data(self) -> dict[str, str]:
        """Series to hash of its values; of headlines those that were known from the anchor to the end, of splits and dividends those in between."""
        first, last = (int(str(np.datetime64(moment, "ns").astype("datetime64[D]")).replace("-", "")) for moment in (self.anchor_ns, self.end_ns))
        bars = [*self.bars, *self.context.values()]
        events = {one.symbol: known.to_do(adjusted_of(one)).between(first, last) for one in bars if (known := self.plan.actions.get(one.symbol)) is not None}
        headlines = {f"{symbol} news": one.digest_between(self.anchor_ns, self.end_ns) for symbol, one in self.plan.headlines.items()}
        return {f"{one.symbol} {one.timeframe}": one.hash for one in self.snapshot.series} | headlines | {
            f"{symbol} actions": one.digest() for symbol, one in events.items() if len(one)}

    @property
    def tables(self) -> dict[str, int]:
        """Table to the version that was read."""
        beside = {"news": self.news_version, "actions": self.actions_version if self.plan.actions else None}
        return {"bars": self.snapshot.version} | {name: version for name, version in beside.items() if version not in (None, NONE_STORED)}

    @property
    def sessions(self) -> dict[str, str]:
        """Calendar to hash of the sessions that the window and what comes before it touch."""
        return {one.sessions.calendar: one.sessions.digest_between(self.anchor_ns, self.end_ns) for one in (*self.bars, *self.context.values())}

    @property
    def fingerprint(self) -> str:
        asked = self.judging
        return fingerprint(data=self.data, sessions=self.sessions, settings=self.deciding, seed=self.settings.seed, start_ns=self.start_ns,
                           end_ns=self.end_ns, anchor_ns=self.anchor_ns, prompts=asked.prompt_hashes if asked else None,
                           models=asked.model_ids if asked else None)

    @property
    def deciding(self) -> dict[str, Any]:
        """The settings that decide the run, with the chain where one judges."""
        return self.settings.run_tree(self.plan.symbols, judged=self.judging is not None)


@dataclass(frozen=True)
class Series:
    """One stored series that a run reads: whose bars, of which length, and the span of ts_open that is stored."""

    instrument: Instrument
    timeframe: str
    span: tuple[int, int] = (0, 0)

    @property
    def key(self) -> tuple[str, str]:
        return self.instrument.bars_of or self.instrument.symbol, self.timeframe


def gather(context: Context, settings: Settings, symbols: Sequence[str], start_ns: int | None, end_ns: int | None, snapshot: Snapshot | None = None,
           news_version: int | None = None, shared: dict[BarsKey, Loaded] | None = None, actions_at: int | None = None) -> Inputs:
    """Loads the bars of a window and what comes before it.  Without `start_ns` and `end_ns` all stored bars.

    `snapshot`, `news_version` and `actions_at` (a version of the table of splits and dividends) pin what an earlier run read.  `shared`: bars that were read
    for another run of this command, and keeps those of this one.
    """
    warn_of_broken_desks(context, settings)
    if snapshot is None:                                 # an earlier run is made again on what it ran on
        _only_listed(settings, symbols)
    plan = desk_plan(settings, symbols)
    if settings.chosen.news:
        news_version = stored_version(context.home) if news_version is None else news_version
        plan = replace(plan, headlines={symbol: headlines_of(context.home, symbol, news_version) for symbol in plan.symbols})
    actions_at = actions_version(context.home) if actions_at is None else actions_at
    plan = replace(plan, actions=_of_shares(plan, actions_of(context.home, NONE_STORED if actions_at is None else actions_at)))
    known = Stored.at(context.home, snapshot.version if snapshot else None)
    stored = timeframes_of(known, snapshot)
    series, silent = _series(plan, settings, stored)
    finer = finer_series(plan, stored) if plan.fills.bars == "finest" else {}
    snapshot = snapshot or take_snapshot(context.home, [*(one.key for one in series.values()), *finer.values()], context.clock)
    if known.table.version() != snapshot.version:
        known = Stored.at(context.home, snapshot.version)
    spans = {(one.symbol, one.timeframe): (one.first, one.last) for one in snapshot.series}
    series = {symbol: Series(one.instrument, one.timeframe, spans[one.key]) for symbol, one in series.items()}
    start = min(series[symbol].span[0] for symbol in plan.symbols) if start_ns is None else start_ns
    for symbol in plan.symbols:
        first, last = series[symbol].span
        if start > last or (end_ns is not None and end_ns <= first):
            raise NoBars(_none_between(series[symbol], start, end_ns))
    calendars = _calendars(context, settings, series, start)
    anchors = {symbol: _warmup_open(calendars[one.instrument.calendar].open_ns, start, plan.warmup_sessions) for symbol, one in series.items()}
    loaded = dict(_loaded(plan, known, series, calendars, anchors, start, end_ns, {} if shared is None else shared))
    silent += [f"{symbol}: no stored bar of the desk's context lies before the end of the window; it reads as missing"
               for symbol in series if symbol not in loaded]
    bars = tuple(loaded[symbol].bars for symbol in plan.symbols)
    end = end_ns if end_ns is not None else max(int(one.ts_close[-1]) for one in bars)
    for symbol in (one for one, read in plan.reads.items() if read.required and loaded[one].bars.ts_open[0] >= end):
        raise NoBars(_none_known(plan, series[symbol], plan.reads[symbol].why, anchors[symbol]))
    beside = {symbol: one.bars for symbol, one in loaded.items() if symbol in plan.reads}
    notes = (*(f"{symbol}: {note}" for symbol, one in loaded.items() for note in one.notes), *_of_currencies(plan, settings, loaded, end))
    warnings = (*silent, *_too_short(plan, bars), *_never_ready(plan, bars, start, end), *_late_rates(plan, loaded, start), *_without_news(plan, start, end),
                *_unrecorded(plan, (*bars, *beside.values())))
    anchor = min(max(anchors[symbol], series[symbol].span[0]) for symbol in loaded)
    return Inputs(plan, settings, bars, start, end, anchor, snapshot, sum(one.dropped_outside for one in loaded.values()),
                  notes, beside, {symbol: anchors[symbol] for symbol in loaded}, warnings, news_version,
                  load_finer(known, plan, bars, finer, start, end), actions_at)


def warn_of_broken_desks(context: Context, settings: Settings) -> None:
    """One line about desks that were left out because their files will not do."""
    if settings.broken:
        one = len(settings.broken) == 1
        context.warn(f"{'a desk is' if one else 'desks are'} broken and left out: {_listed(sorted(settings.broken))}; `pse desks check` says why")


def _only_listed(settings: Settings, symbols: Sequence[str]) -> None:
    """Refuses symbols that the chosen desk does not list; one that is no instrument is told as such."""
    for symbol in (one for one in symbols if one not in settings.chosen.symbols):
        settings.instrument(symbol)
        raise RequestError(f"--symbol {symbol} is not among the symbols of the desk {settings.desk}: {_listed(settings.chosen.symbols)} "
                           f"({settings.where('desks', settings.desk, 'symbols')}). Choose one of them, another desk, or write "
                           f"`--set desks.{settings.desk}.symbols=[{symbol}]`")


def _of_shares(plan: DeskPlan, known: Mapping[str, Actions]) -> dict[str, Actions]:
    """Splits and dividends of what the desk trades and reads, by the symbol."""
    read = [*plan.instruments, *plan.context.values()]
    return {one.symbol: known[one.bars_of or one.symbol] for one in read if (one.bars_of or one.symbol) in known}


def _unrecorded(plan: DeskPlan, bars: Sequence[Bars]) -> Iterator[str]:
    """A sentence for every share whose prices jump as in a split that is not stored."""
    kinds = {one.symbol: one.kind for one in (*plan.instruments, *plan.context.values())}
    for one in bars:
        if kinds[one.symbol] == "stock" and (found := unrecorded_splits(one, plan.actions.get(one.symbol))):
            yield unrecorded_words(one.symbol, found)


def unrecorded_words(symbol: str, found: Sequence[Doubt]) -> str:
    """What looks like splits that nobody stored, and the mend."""
    return (f"{symbol}: looks like an unrecorded {_listed([one.words for one in found])}; signals, stops and quantities take it for a move of the market. "
            f"`pse ingest-actions FILE --symbol {symbol}` stores it; where the provider took splits out of the prices, ingest them with --adjusted splits")


def _without_news(plan: DeskPlan, start: int, end: int) -> Iterator[str]:
    """A sentence for every symbol of a desk that reads headlines and has none in the window."""
    for symbol, one in plan.headlines.items():
        if not ((one.known_at >= start) & (one.known_at < end)).any():
            refused = "; purchases that the directional gate judges are refused" if plan.risk.gates.news_required else ""
            yield f"{symbol}: no stored headline was known between {iso(start)} and {iso(end)}{refused}; `pse ingest-news --symbol {symbol} ...` stores some"


# --- which series ----------------------------------------------------------------------------------------------------------------------------------


def timeframes_of(known: Stored, snapshot: Snapshot | None) -> dict[str, list[str]]:
    """Symbol to its stored timeframes, finest first: of the table, or those that an earlier run read."""
    found: dict[str, list[str]] = {}
    for symbol, timeframe in known.files if snapshot is None else ((one.symbol, one.timeframe) for one in snapshot.series):
        found.setdefault(symbol, []).append(timeframe)
    return {symbol: sorted(timeframes, key=timeframe_ns) for symbol, timeframes in found.items()}


def _series(plan: DeskPlan, settings: Settings, stored: Mapping[str, Sequence[str]]) -> tuple[dict[str, Series], list[str]]:
    """The series of every symbol that is traded or read, and a sentence for each of the context that is not stored.  Raises `NoBars`."""
    missing = [one for one in plan.instruments if plan.base_timeframe not in stored.get(one.bars_of or one.symbol, ())]
    if missing:
        raise NoBars(_no_base_bars(plan, settings, missing, stored))
    beside, silent = beside_of(plan, settings, stored)
    read = {symbol: Series(plan.context[symbol], timeframe) for symbol, timeframe in beside.items()}
    return {**{one.symbol: Series(one, plan.base_timeframe) for one in plan.instruments}, **read}, silent


def beside_of(plan: DeskPlan, settings: Settings, stored: Mapping[str, Sequence[str]]) -> tuple[dict[str, str], list[str]]:
    """The stored timeframe of every symbol that the desk reads and does not trade, and a sentence for each of its context that is not stored.

    `stored`: symbol to its timeframes, finest first.  Raises `NoBars` for one that the desk cannot do without.
    """
    found: dict[str, str] = {}
    silent = []
    for symbol, read in plan.reads.items():
        instrument = plan.context[symbol]
        have = stored.get(instrument.bars_of or symbol, ())
        chosen = serving_timeframe(have, plan.base_timeframe, read.timeframes)
        if chosen is not None:
            found[symbol] = chosen
        elif read.required:
            raise NoBars(_lacking(instrument, have, read.why, read.timeframes))
        else:
            silent.append(f"{symbol}: no bars of the desk's context are stored ({settings.where('desks', plan.name, 'context')}); it reads as missing. "
                          f"`pse ingest --symbol {symbol} ...` brings them")
    return found, silent


def serving_timeframe(stored: Sequence[str], base: str, needed: Sequence[str] = ()) -> str | None:
    """Which stored bars of a symbol that is only read are loaded, `stored` finest first.

    The base bars of the desk if they are stored, else the longest that they could be made from, else the finest; of those, the first that all `needed`
    timeframes can be made from.
    """
    finer = [one for one in reversed(stored) if timeframe_ns(one) < timeframe_ns(base)]
    serve = [one for one in finer if why_not(base, one) is None]
    order = dict.fromkeys((*(one for one in stored if one == base), *serve, *(one for one in stored if timeframe_ns(one) > timeframe_ns(base)), *finer))
    return next((one for one in order if not any(why_not(timeframe, one) for timeframe in needed)), None)


def _calendars(context: Context, settings: Settings, series: Mapping[str, Series], start: int) -> dict[str, Sessions]:
    """Each calendar over the stored bars that lie on it."""
    spans: dict[str, tuple[int, int]] = {}
    for one in series.values():
        low, high = spans.get(one.instrument.calendar, (start, start))
        spans[one.instrument.calendar] = min(low, one.span[0]), max(high, one.span[1])
    return {name: load_sessions(context.home, name, low, high, settings.sessions) for name, (low, high) in spans.items()}


def _warmup_open(open_ns: np.ndarray, start: int, sessions: int) -> int:
    """Open of the session that lies `sessions` before the one of `start`."""
    at = int(np.searchsorted(open_ns, start, side="right")) - 1 - sessions
    return int(open_ns[at]) if at >= 0 else int(open_ns[0]) if open_ns.size else start


def _loaded(plan: DeskPlan, known: Stored, series: Mapping[str, Series], calendars: Mapping[str, Sessions], anchors: Mapping[str, int], start: int,
            end: int | None, shared: dict[BarsKey, Loaded]) -> Iterator[tuple[str, Loaded]]:
    """The bars of each symbol.  Raises `NoBars` for one without which the run cannot be."""
    for symbol, one in series.items():
        read = plan.reads.get(symbol)
        sessions = calendars[one.instrument.calendar]
        key = (one.instrument.model_dump_json(), one.timeframe, anchors[symbol], end, known.table.version())
        try:
            found = shared[key] if key in shared else known.load(one.instrument, one.timeframe, anchors[symbol], end, sessions)
        except NoBars:
            if read is None:
                raise NoBars(_none_between(one, start, end)) from None
            if read.required:
                raise NoBars(_none_known(plan, one, read.why, anchors[symbol])) from None
            continue
        if read is None and not len(found.bars.between(start, end if end is not None else int(found.bars.ts_close[-1]) + 1)):
            raise NoBars(_none_between(one, start, end))
        shared[key] = found
        yield symbol, found


# --- what is said --------------------------------------------------------------------------------------------------------------------------------


def _none_between(series: Series, start: int, end: int | None) -> str:
    return (f"{series.instrument.symbol} has stored {series.timeframe} bars from {iso(series.span[0])} to {iso(series.span[1])}, and none that could be traded "
            f"from {iso(start)} to {iso(end) if end is not None else 'the end'}; choose another --start and --end, or ingest that range")


def _none_known(plan: DeskPlan, series: Series, why: str, anchor: int) -> str:
    return (f"{series.instrument.symbol} has stored {series.timeframe} bars from {iso(series.span[0])} to {iso(series.span[1])}, and none of the window or the "
            f"{plan.warmup_sessions} sessions before it ({iso(anchor)} on), which {why}; choose another --start and --end, or ingest that range")


def _no_base_bars(plan: DeskPlan, settings: Settings, missing: Sequence[Instrument], stored: Mapping[str, Sequence[str]]) -> str:
    """Whose base bars are not stored, where they are asked for, and what would work instead."""
    names = list(dict.fromkeys(one.bars_of or one.symbol for one in missing))
    place = settings.where("desks", plan.name, "base_timeframe")
    have = "; ".join(f"{name} is stored in {', '.join(stored[name])}" for name in names[:NAMED] if name in stored)
    common = set.intersection(*(set(stored.get(one.bars_of or one.symbol, ())) for one in plan.instruments))
    works = [one for one in sorted(common, key=timeframe_ns) if why_not(plan.decision_timeframe, one) is None]
    hint = f" Or write base_timeframe: {works[0]} ({place}; --set desks.{plan.name}.base_timeframe={works[0]})." if works else ""
    more = f" Or narrow the desk {plan.name} with --symbol to one that is stored." if len(plan.symbols) > len(missing) else ""
    return (f"there are no stored {plan.base_timeframe} bars of {_listed(names)}, on which the desk {plan.name} fills ({place})"
            f"{'; ' + have if have else ''}. Run `pse ingest --symbol {names[0]} ...` first (`pse ingest --help` shows providers).{hint}{more}")


def _lacking(instrument: Instrument, have: Sequence[str], why: str, needed: Sequence[str]) -> str:
    symbol = instrument.bars_of or instrument.symbol
    if have:
        return (f"{', '.join(needed)} bars of {symbol}, which {why}, cannot be made from what is stored of it ({', '.join(have)}); ingest finer bars of it: "
                f"`pse ingest --symbol {symbol} ...`")
    return f"there are no stored bars of {symbol}, which {why}. Run `pse ingest --symbol {symbol} ...` first (`pse ingest --help` shows providers)"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")


def _of_currencies(plan: DeskPlan, settings: Settings, loaded: Mapping[str, Loaded], end: int) -> Iterator[str]:
    """What the account's money rests on where a symbol is quoted in another currency."""
    for way in dict.fromkeys(one for one in plan.rates if not one.is_one or one.pegs):
        whose = _listed([symbol for symbol, one in zip(plan.symbols, plan.rates, strict=True) if one == way])
        for name in way.pegs:
            peg = settings.currencies[name]
            yield f"one {name} is taken to be {peg.rate:g} {peg.pegged_to}, whatever the market said ({settings.where('currencies', name)}): {whose}"
        for leg in way.legs:
            bars = loaded[leg.symbol].bars
            old = f"; it ends on {iso(int(bars.ts_close[-1]))}, and its last close holds from there on" if end - bars.ts_close[-1] > OLD_RATE_NS else ""
            yield (f"{way.of} becomes {way.to} by the last close of {leg.symbol} {bars.timeframe} known at each decision, from "
                   f"{iso(int(bars.ts_close[0]))} on; before it nothing is traded: {whose}{old}")


def _late_rates(plan: DeskPlan, loaded: Mapping[str, Loaded], start: int) -> Iterator[str]:
    """Rates that begin more than a day after the first bar that could be traded."""
    for way in dict.fromkeys(one for one in plan.rates if not one.is_one):
        whose = [symbol for symbol, one in zip(plan.symbols, plan.rates, strict=True) if one == way]
        opens = [loaded[symbol].bars.ts_open for symbol in whose]
        first = min(int(one[min(int(np.searchsorted(one, start)), one.size - 1)]) for one in opens)
        for leg in way.legs:
            begins = int(loaded[leg.symbol].bars.ts_close[0])
            if begins - first > DAY_NS:
                yield (f"{leg.symbol}, by which {way.of} becomes {way.to}, is stored from {iso(begins)} on, after the window's first bar ({iso(first)}); "
                       f"until then nothing is traded: {_listed(whose)}")


def _never_ready(plan: DeskPlan, bars: Sequence[Bars], start: int, end: int) -> Iterator[str]:
    """Symbols with so few bars that no decision of the window is past the warm-up of the market's state, without which nothing is traded."""
    if not plan.risk.gates.market_state:
        return
    needed, timeframe = max(plan.spec.volume.period, plan.spec.conviction.warmup_bars()), plan.decision_timeframe
    for one in bars:
        count = bars_of(one, timeframe)
        if count <= needed:
            yield (f"{one.symbol}: none of {bars_of(one.between(start, end), timeframe)} decisions in the window is past the warm-up of {needed} {timeframe} "
                   f"bars ({count} are there, those before the window included); nothing of it is traded")


def _too_short(plan: DeskPlan, bars: Sequence[Bars]) -> Iterator[str]:
    """Symbols with fewer bars than a tactic needs before it says anything."""
    for name, tactic in plan.tactics.items():
        needed = tactic.min_bars() if hasattr(tactic, "min_bars") else 0
        if not needed:
            continue
        timeframe = next(iter(tactic.timeframes(plan.decision_timeframe)), plan.decision_timeframe)
        counts = {one.symbol: bars_of(one, timeframe) for one in bars}
        short = [f"{symbol} {count}" for symbol, count in counts.items() if count < needed]
        if short:
            yield f"the tactic {name} needs {needed} {timeframe} bars before it speaks, and there are fewer of {_listed(short)}; they find nothing"


def bars_of(bars: Bars, timeframe: str) -> int:
    """How many bars of `timeframe` these bars make."""
    length = timeframe_ns(timeframe)
    bucket = bars.session if length >= DAY_NS else bars.ts_open // length
    return int(np.count_nonzero((np.diff(bucket) != 0) | (np.diff(bars.session) != 0))) + 1 if len(bars) else 0
