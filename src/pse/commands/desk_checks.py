"""What is wrong with desks, all of it at once: with what their files say, and with what is stored for them.

A run refuses the same things, one at a time, when it meets them; shorts that the profile forbids it refuses at its gate, every one.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pse.clock import iso
from pse.commands.inputs import serving_timeframe, unrecorded_words
from pse.commands.wiring import Context
from pse.domain.actions import unrecorded_splits
from pse.domain.bars import timeframe_ns
from pse.domain.errors import UnknownName
from pse.domain.sessions import DAY_NS
from pse.engine.desk import desk_complaints, desk_plan
from pse.engine.varied import space_of
from pse.features.resampled import why_not
from pse.settings import BadSetting, Complaint, Settings, naming, search_policy, settings_with_complaints
from pse.store.actions import actions_of
from pse.store.index import SeriesIndex
from pse.store.load import load_bars
from pse.store.reading import open_bars, series_index, series_names
from pse.store.sessions import load_sessions

_PLACED = re.compile(r"(?P<file>[^:]+?)(?:, line (?P<line>\d+))?, (?P<key>[^\s:,]+): (?P<says>.*)", re.S)
_LINE = re.compile(r"(?P<file>[^:]+?), line (?P<line>\d+)(?P<key>): (?P<says>.*)", re.S)           # a file that is not settings at all


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: `about` settings or data, and the paragraph that a run would stop with; or a doubt, which a run would tell."""

    desk: str
    about: str
    text: str

    @property
    def data(self) -> dict[str, Any]:
        """With the place apart, where there is one."""
        placed = _PLACED.fullmatch(self.text) or _LINE.fullmatch(self.text)
        place = placed.groupdict("") if placed else {"file": None, "line": None, "key": None, "says": self.text}
        return {"desk": self.desk, "about": self.about, **place, "line": int(place["line"]) if place["line"] else None,
                "key": place["key"] or None}


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
    settings, complaints, broken = settings_with_complaints(context.home.root, context.config, context.overrides)
    found = [*(Finding(desk, "settings", why) for desk, why in broken.items()), *(Finding(_desk_of(one), "settings", str(one)) for one in complaints)]
    known = list(settings.desks) if settings is not None else []
    names = sorted({*known, *(one.desk for one in found if one.desk)})
    if name is not None and name not in names:
        raise UnknownName("desk", name, names)
    names = names if name is None else [name]
    stored = Stored(context)
    for desk in (one for one in names if settings is not None and one in known):
        chosen = settings.model_copy(update={"desk": desk})  # type: ignore[union-attr]
        in_every = name is not None or desk == settings.desk  # type: ignore[union-attr]
        found += [Finding(desk, about, text) for about, text in _of_desk(chosen, stored, in_every)]
    return names, [one for one in dict.fromkeys(found) if one.desk in ("", *names)]


def _desk_of(one: Complaint) -> str:
    return str(one.path[1]) if len(one.path) > 1 and one.path[0] == "desks" else ""


def _of_desk(settings: Settings, stored: Stored, in_every: bool) -> Iterator[tuple[str, str]]:
    """(about, text) of everything that is wrong with the chosen desk.  `in_every`: also in the accounts that name no desk of their own."""
    made: dict[str, Any] = {}
    for name in settings.chosen.tactics:
        try:
            made[name] = settings.tactic(name)
        except BadSetting as error:
            yield from (("settings", str(one)) for one in error.complaints)
    features = _feature_complaints(settings)
    yield from (("settings", str(one)) for one in features)
    sound = _without(settings, made, bool(features))
    told = (*desk_complaints(sound), *_symbols(settings), *_read(sound, made), *_rates(sound, in_every), *_shorts(sound, made))
    yield from (("settings", str(one)) for one in told)
    if not told and not features and len(made) == len(settings.chosen.tactics):
        yield from (("settings", str(one)) for one in _searched(settings))
    if stored.table is not None:
        lacking = (*_not_stored(sound, stored), *_others_not_stored(sound, made, stored), *_rates_not_stored(sound, stored, in_every))
        yield from (("data", str(one)) for one in (*lacking, *_too_short(sound, made, stored)))
        yield from (("doubt", str(one)) for one in _unrecorded(sound, stored))


def _searched(settings: Settings) -> Sequence[Complaint]:
    """What of the desk's own `search:` names no parameter of it, or values that it cannot have."""
    if settings.chosen.search is not None and settings.chosen.search.parameters:
        try:
            space_of(settings, desk_plan(settings), search_policy(settings))
        except BadSetting as error:
            return error.complaints
    return ()


def _without(settings: Settings, made: Mapping[str, Any], plain_features: bool) -> Settings:
    """The chosen desk with the tactics, symbols and features that will do, so that the rest of it can be looked at."""
    desk = settings.chosen
    changes: dict[str, Any] = {"tactics": {name: desk.tactics[name] for name in made}}
    changes |= {field: tuple(one for one in getattr(desk, field) if one in settings.instruments) for field in ("symbols", "context")}
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


def _in_accounts(settings: Settings, in_every: bool) -> Iterator[Settings]:
    """The chosen desk as it is in the usual account, in each that names it, and with `in_every` in those that name none."""
    yield settings
    for name, terms in settings.accounts.items():
        if terms.desk == settings.desk or (in_every and terms.desk is None):
            yield settings.of_account(name)


def _rates(settings: Settings, in_every: bool) -> Iterator[Complaint]:
    """Currencies that nothing turns into the account's."""
    for own in _in_accounts(settings, in_every):
        for symbol in settings.chosen.symbols:
            try:
                own.conversion(symbol)
            except BadSetting as error:
                yield from error.complaints


def _symbols(settings: Settings) -> Iterator[Complaint]:
    """Instruments that are no instruments to trade."""
    for place, symbol in enumerate(settings.chosen.symbols):
        if (known := settings.instruments.get(symbol)) is not None and not known.tradable:
            yield settings.complaint(("desks", settings.desk, "symbols", place), f"{symbol} cannot be traded (tradable: false in instruments.yaml); write it "
                                                                                 f"behind `context` to read it, and trade another")


def _shorts(settings: Settings, made: Mapping[str, Any]) -> Iterator[Complaint]:
    """Tactics that are asked for shorts under limits that let none through."""
    if settings.risk.limits.allow_short:
        return
    for name, tactic in made.items():
        if getattr(tactic, "allow_short", False):
            text = (f"the tactic is asked for shorts, and the profile {settings.chosen.risk} refuses every one (limits.allow_short: false in "
                    f"risk_policies.yaml); write allow_short: false here, or choose a profile that allows them")
            yield settings.complaint(("desks", settings.desk, "tactics", name, "allow_short"), text)


def _read(settings: Settings, made: Mapping[str, Any]) -> Iterator[Complaint]:
    """Symbols that tactics cannot do without and that are no instruments; a universe that is too small."""
    for name, tactic in made.items():
        for symbol in tactic.symbols():
            if symbol not in settings.instruments:
                yield settings.complaint(("desks", settings.desk, "tactics", name, *naming(tactic, symbol)),
                                         str(UnknownName("instrument", symbol, settings.instruments)))
        least = getattr(tactic, "min_symbols", lambda: 0)()
        having = len(set(tactic.symbols() or (one for one in (*settings.chosen.symbols, *settings.chosen.context) if settings.instrument(one).tradable)))
        if having < least:
            text = f"the tactic compares symbols and needs at least {least}, the desk has {having}; list more symbols, or take the tactic out"
            yield settings.complaint(("desks", settings.desk, "tactics", name), text)


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
    """Benchmarks: of every one there must be bars from which what is read of it can be made."""
    desk, wanted = settings.chosen, [(name, tactic, symbol) for name, tactic in made.items() for symbol in tactic.symbols()]
    for name, tactic, symbol in (one for one in wanted if one[2] in settings.instruments and one[2] not in desk.symbols):
        have, needed = stored.of(settings, symbol), tactic.timeframes(desk.decision_timeframe)
        if serving_timeframe(have, desk.base_timeframe, needed) is None:
            there = f"there are {', '.join(have)}" if have else "nothing of it is stored"
            bars = f"{', '.join(needed)} bars" if needed else "bars"
            text = f"the tactic cannot do without {bars} of {symbol} ({there}); run `pse ingest --symbol {symbol} ...`, or name another"
            yield settings.complaint(("desks", settings.desk, "tactics", name, *naming(tactic, symbol)), text)


def _rates_not_stored(settings: Settings, stored: Stored, in_every: bool) -> Iterator[Complaint]:
    """Rates that an account needs and that are not stored, or not while the symbol is."""
    traded = settings.chosen.symbols
    for own in _in_accounts(settings, in_every):
        about = f"the account {own.account.name} ({own.account.currency})"
        for symbol in traded:
            with contextlib.suppress(BadSetting):            # told as a mistake of the settings
                for leg in (one for one in own.conversion(symbol).legs if one.symbol not in traded):
                    path = ("instruments", leg.symbol)
                    if not stored.of(settings, leg.symbol):
                        yield settings.complaint(path, f"{symbol} is quoted in another currency than {about} is kept in and needs {leg.symbol} as a rate, of "
                                                       f"which nothing is stored; run `pse ingest --symbol {leg.symbol} ...`")
                    elif late := _after(settings, stored, symbol, leg.symbol):
                        yield settings.complaint(path, f"{symbol} needs {leg.symbol} as a rate in {about}, and {late}: nothing of it can be traded; ingest "
                                                       f"{leg.symbol} of that time")


def _after(settings: Settings, stored: Stored, symbol: str, rate: str) -> str:
    """That every stored bar of a rate comes after the last one of the symbol; empty where one does not."""
    own = stored.index(settings, symbol, settings.chosen.base_timeframe)
    theirs = [index for frame in stored.of(settings, rate) if (index := stored.index(settings, rate, frame)) is not None]
    begins = min((one.first for one in theirs), default=None)
    if own is None or begins is None or begins <= own.last:
        return ""
    return f"it is stored from {iso(begins)} on, after the last bar of {symbol} ({iso(own.last)})"


def _unrecorded(settings: Settings, stored: Stored) -> Iterator[Complaint]:
    """Shares whose stored daily prices jump as in a split that nobody stored; bars of a day alone are read."""
    home = stored.context.home
    known = actions_of(home)
    for symbol in dict.fromkeys((*settings.chosen.symbols, *settings.chosen.context)):
        instrument = settings.instrument(symbol)
        if instrument.kind != "stock" or (index := stored.index(settings, symbol, "1d")) is None:
            continue
        sessions = load_sessions(home, instrument.calendar, index.first, index.last, settings.sessions)
        bars = load_bars(home, instrument, "1d", None, None, sessions).bars
        if found := unrecorded_splits(bars, known.get(instrument.bars_of or symbol)):
            yield settings.complaint(("desks", settings.desk, "symbols"), unrecorded_words(symbol, found))


def _too_short(settings: Settings, made: Mapping[str, Any], stored: Stored) -> Iterator[Complaint]:
    """Symbols with fewer stored bars than a tactic needs before its first setup."""
    desk = settings.chosen
    for name, tactic in made.items():
        least = getattr(tactic, "min_bars", lambda: 0)()
        timeframe = next(iter(tactic.timeframes(desk.decision_timeframe)), desk.decision_timeframe)
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

