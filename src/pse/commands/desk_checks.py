"""What is wrong with desks, all of it at once: with what their files say, and with what is stored for them.

A run refuses the same things, one at a time, when it meets them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pse.commands.wiring import Context
from pse.domain.bars import timeframe_ns
from pse.domain.errors import BadConfig, UnknownName
from pse.domain.sessions import DAY_NS
from pse.engine.desk import desk_plan
from pse.features.resampled import why_not
from pse.settings import BadSetting, Complaint, Settings, settings_with_complaints
from pse.store.index import SeriesIndex
from pse.store.reading import open_bars, series_index, series_names

_PLACED = re.compile(r"(?P<file>[^:]+?)(?:, line (?P<line>\d+))?, (?P<key>[^\s:,]+): (?P<says>.*)", re.S)


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: `about` settings or data, and the paragraph that a run would stop with."""

    desk: str
    about: str
    text: str

    @property
    def data(self) -> dict[str, Any]:
        """With the place apart, where there is one."""
        placed = _PLACED.fullmatch(self.text)
        place = placed.groupdict() if placed else {"file": None, "line": None, "key": None, "says": self.text}
        return {"desk": self.desk, "about": self.about, **place, "line": int(place["line"]) if place["line"] else None}


@dataclass(frozen=True)
class Stored:
    """What bars there are: symbol to timeframes, finest first; nothing at all when nothing was ever ingested."""

    context: Context

    @cached_property
    def table(self) -> Any:
        return open_bars(self.context.home)

    @cached_property
    def timeframes(self) -> Mapping[str, list[str]]:
        found: dict[str, list[str]] = {}
        for symbol, timeframe in series_names(self.table) if self.table is not None else ():
            found.setdefault(symbol, []).append(timeframe)
        return {symbol: sorted(frames, key=timeframe_ns) for symbol, frames in found.items()}

    def of(self, settings: Settings, symbol: str) -> list[str]:
        """Stored timeframes of a symbol, of a micro contract those that it trades on."""
        known = settings.instruments.get(symbol)
        return self.timeframes.get((known.bars_of if known else None) or symbol, [])

    def index(self, settings: Settings, symbol: str, timeframe: str) -> SeriesIndex | None:
        """What is known of a stored series; None when nothing of it is stored."""
        if timeframe not in self.of(settings, symbol):
            return None
        found = series_index(self.context.home, self.table, settings.instrument(symbol).bars_of or symbol, timeframe)
        return found if found.months else None

    def bars(self, settings: Settings, symbol: str, source: str, timeframe: str) -> int:
        """At most so many complete bars of `timeframe` can be made from the stored ones of `source`."""
        index = self.index(settings, symbol, source)
        if index is None or source == timeframe:
            return 0 if index is None else index.rows
        length = timeframe_ns(timeframe)
        return min(index.rows, -(-(index.last - index.first) // length)) if length == DAY_NS else -(-index.rows * timeframe_ns(source) // length)


def findings(context: Context, name: str | None = None) -> tuple[list[str], list[Finding]]:
    """Names of the desks looked at, and all that was found; `name` alone, or every desk.  Raises `UnknownName`."""
    settings, complaints = settings_with_complaints(context.home.root, context.config, context.overrides)
    found = [Finding(_desk_of(one), "settings", str(one)) for one in complaints]
    known = list(settings.desks) if settings is not None else []
    names = sorted({*known, *(one.desk for one in found if one.desk)})
    if name is not None and name not in names:
        raise UnknownName("desk", name, names)
    names = names if name is None else [name]
    stored = Stored(context)
    for desk in (one for one in names if settings is not None and one in known):
        chosen = settings.model_copy(update={"desk": desk})  # type: ignore[union-attr]
        found += [Finding(desk, about, text) for about, text in _of_desk(chosen, stored)]
    return names, [one for one in dict.fromkeys(found) if one.desk in ("", *names)]


def _desk_of(one: Complaint) -> str:
    return str(one.path[1]) if len(one.path) > 1 and one.path[0] == "desks" else ""


def _of_desk(settings: Settings, stored: Stored) -> Iterator[tuple[str, str]]:
    """(about, text) of everything that is wrong with the chosen desk."""
    made: dict[str, Any] = {}
    for name in settings.chosen.tactics:
        try:
            made[name] = settings.tactic(name)
        except BadSetting as error:
            yield from (("settings", str(one)) for one in error.complaints)
    features = _feature_complaints(settings)
    yield from (("settings", str(one)) for one in features)
    sound = _without(settings, made, bool(features))
    static = [*map(str, _timeframes(sound, made)), *map(str, _symbols(settings)), *map(str, _read(sound, made))]
    yield from (("settings", text) for text in static)
    if not static and made and sound.chosen.symbols:
        try:
            desk_plan(sound)
        except (BadConfig, UnknownName) as error:
            yield "settings", str(error)
    if stored.table is not None:
        yield from (("data", str(one)) for one in (*_not_stored(sound, stored), *_others_not_stored(sound, made, stored), *_too_short(sound, made, stored)))


def _without(settings: Settings, made: Mapping[str, Any], plain_features: bool) -> Settings:
    """The chosen desk with the tactics, symbols and features that will do, so that the rest of it can be looked at."""
    desk = settings.chosen
    changes: dict[str, Any] = {"tactics": {name: desk.tactics[name] for name in made}, "symbols": tuple(s for s in desk.symbols if s in settings.instruments)}
    if hasattr(desk, "context"):
        changes["context"] = tuple(s for s in desk.context if s in settings.instruments)
    if plain_features:
        changes["features"] = {}
    if desk.risk not in settings.risk_policies:
        changes["risk"] = next(iter(settings.risk_policies))
    if desk.fills not in settings.fills:
        changes["fills"] = next(iter(settings.fills))
    return settings.model_copy(update={"desks": {**settings.desks, settings.desk: desk.model_copy(update=changes)}})


# --- what the file says --------------------------------------------------------------------------------------------------------------------------


def _feature_complaints(settings: Settings) -> Sequence[Complaint]:
    try:
        settings.feature_spec()
    except BadSetting as error:
        return error.complaints
    return ()


def _timeframes(settings: Settings, made: Mapping[str, Any]) -> Iterator[Complaint]:
    """Timeframes that cannot be made from the desk's base bars."""
    desk, path = settings.chosen, ("desks", settings.desk)
    base, decision = desk.base_timeframe, desk.decision_timeframe
    if why := why_not(decision, base):
        yield settings.complaint((*path, "decision_timeframe"), f"decision bars of {decision} cannot be made from base_timeframe {base}: {why}, or change "
                                                                f"base_timeframe")
        return
    context = settings.feature_spec().context_timeframe
    if why := why_not(context, base):
        yield settings.complaint((*path, "features", "context_timeframe"), f"{context} bars cannot be made from base_timeframe {base}: {why}")
    for name, tactic in made.items():
        for timeframe in tactic.timeframes(decision):
            if why := why_not(timeframe, base):
                yield settings.complaint((*path, "tactics", name), f"the tactic reads {timeframe} bars, which cannot be made from the desk's base_timeframe "
                                                                   f"{base}: {why}; or take the tactic out")


def _symbols(settings: Settings) -> Iterator[Complaint]:
    """Instruments that are no instruments to trade."""
    for place, symbol in enumerate(settings.chosen.symbols):
        if (known := settings.instruments.get(symbol)) is not None and not known.tradable:
            yield settings.complaint(("desks", settings.desk, "symbols", place), f"{symbol} cannot be traded (tradable: false in instruments.yaml); write it "
                                                                                 f"behind `context` to read it, and trade another")


def _read(settings: Settings, made: Mapping[str, Any]) -> Iterator[Complaint]:
    """Symbols that tactics cannot do without and that are no instruments; a universe that is too small."""
    for name, tactic in made.items():
        for symbol in tactic.symbols():
            if symbol not in settings.instruments:
                yield settings.complaint(naming(settings, name, tactic, symbol), str(UnknownName("instrument", symbol, settings.instruments)))
        least = getattr(tactic, "min_symbols", lambda: 0)()
        having = len({*settings.chosen.symbols, *tactic.symbols()})
        if having < least:
            text = f"the tactic compares symbols and needs at least {least}, the desk has {having}; list more symbols, or take the tactic out"
            yield settings.complaint(("desks", settings.desk, "tactics", name), text)


def naming(settings: Settings, name: str, tactic: Any, symbol: str) -> tuple[str | int, ...]:
    """The place of the parameter that names a symbol; that of the tactic where none does."""
    path = ("desks", settings.desk, "tactics", name)
    for field in type(tactic).model_fields:
        value = getattr(tactic, field)
        if value == symbol or (isinstance(value, tuple | list) and symbol in value):
            return (*path, field)
    return path


# --- what is stored ------------------------------------------------------------------------------------------------------------------------------


def _not_stored(settings: Settings, stored: Stored) -> Iterator[Complaint]:
    """Traded symbols without bars, or without those of the base timeframe."""
    desk, path = settings.chosen, ("desks", settings.desk)
    bare = [symbol for symbol in desk.symbols if not stored.of(settings, symbol)]
    if bare:
        rest = [symbol for symbol in desk.symbols if symbol not in bare]
        narrower = f", or run it narrowed with --symbol {rest[0]}" if rest else ""
        yield settings.complaint((*path, "symbols"), f"no bars of {_listed(bare)} are stored; run `pse ingest --symbol {bare[0]} ...` (`pse ingest --help` "
                                                     f"shows providers){narrower}")
    for symbol in desk.symbols:
        have = stored.of(settings, symbol)
        if have and desk.base_timeframe not in have:
            serve = [one for one in have if why_not(desk.decision_timeframe, one) is None] or [one for one in have if why_not(desk.base_timeframe, one) is None]
            mend = f"write base_timeframe: {serve[0]}" if serve else f"ingest {desk.base_timeframe} bars"
            yield settings.complaint((*path, "base_timeframe"), f"no {desk.base_timeframe} bars of {symbol} are stored, there are {', '.join(have)}; {mend}")


def _others_not_stored(settings: Settings, made: Mapping[str, Any], stored: Stored) -> Iterator[Complaint]:
    """Benchmarks and the like: of every one there must be bars from which its timeframes can be made."""
    desk = settings.chosen
    for name, tactic in made.items():
        for symbol in (one for one in tactic.symbols() if one in settings.instruments and one not in desk.symbols):
            have = stored.of(settings, symbol)
            wanted = [one for one in tactic.timeframes(desk.decision_timeframe) or (desk.decision_timeframe,)
                      if not any(why_not(one, source) is None for source in have)]
            if wanted:
                there = f"there are {', '.join(have)}" if have else "nothing of it is stored"
                text = f"the tactic cannot do without {', '.join(wanted)} bars of {symbol} ({there}); run `pse ingest --symbol {symbol} ...`, or name another"
                yield settings.complaint(naming(settings, name, tactic, symbol), text)


def _too_short(settings: Settings, made: Mapping[str, Any], stored: Stored) -> Iterator[Complaint]:
    """Symbols with fewer stored bars than a tactic needs before its first setup."""
    desk = settings.chosen
    for name, tactic in made.items():
        least = getattr(tactic, "min_bars", lambda: 0)()
        timeframe = getattr(tactic, "timeframe", "") or desk.decision_timeframe
        if not least or why_not(timeframe, desk.base_timeframe):
            continue
        short: dict[str, int] = {}
        for symbol in desk.symbols:
            if desk.base_timeframe in stored.of(settings, symbol):
                count = stored.bars(settings, symbol, desk.base_timeframe, timeframe)
                short |= {symbol: count} if count < least else {}
        if short:
            counts = _listed([f"{symbol} {count}" for symbol, count in short.items()])
            yield settings.complaint(("desks", settings.desk, "tactics", name), f"the tactic needs {least} bars of {timeframe} before it can say anything, and "
                                                                                f"fewer are stored: {counts}; ingest more, or shorten its periods")


def _listed(names: Iterable[str], most: int = 8) -> str:
    every = list(names)
    return ", ".join(every[:most]) + (f" and {len(every) - most} more" if len(every) > most else "")

