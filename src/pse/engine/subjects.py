"""Everything that `pse` says of a history, behind one function: registered features, the desk's context, its tactics and the briefings of its judge.

This is what the look-ahead audit asks again and again with other histories; nothing here remembers an answer.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from pse.domain.actions import forward_adjusted
from pse.domain.bars import Bars, timeframe_ns
from pse.domain.errors import PseError, RequestError
from pse.domain.instruments import Instrument
from pse.engine.briefing import asking_often, briefings
from pse.engine.desk import DeskPlan, Mode
from pse.engine.prepare import Prepared, prepare
from pse.features import Columns
from pse.features.feature import Column, Feature, Known, Market
from pse.features.joined import request_columns
from pse.features.objects import KINDS, NAMES, kind_of
from pse.features.requests import Request
from pse.kernels.contract import CONTEXT_COLUMNS, REFUSED
from pse.research.lookahead.lint import Join
from pse.research.lookahead.said import History, Key, Said, Series

# What a function that is handed NaN or a handful of bars may raise; each is told as an answer of its own.
RAISED = (ArithmeticError, AssertionError, AttributeError, LookupError, PseError, TypeError, ValueError)
BRIEFING, CONTEXT = "briefing", "context"
IN_TICKS = ("price", "points")
CONTEXT_TIMEFRAMES = ("1h", "1d")
Show = Callable[[Prepared], list[tuple[int, str]]]


@dataclass(frozen=True, eq=False)
class Subjects:
    """Who is asked: `features` by name on `timeframe`; with `desk` its context and tactics, and what its judge is shown, a text for each way of showing it.

    A feature may be a request: its columns are named as in a table, and joined where it is computed on another timeframe or symbol.  `plan` is the desk
    narrowed to one symbol; `others`: instruments whose bars are at hand beside it.
    """

    plan: DeskPlan
    timeframe: str
    features: Mapping[str, Feature | Request] = field(default_factory=dict)
    desk: bool = True
    shown: Mapping[str, Show] = field(default_factory=lambda: {BRIEFING: briefings})
    others: Mapping[str, Instrument] = field(default_factory=dict)

    @property
    def instrument(self) -> Instrument:
        return self.plan.instruments[0]

    @property
    def names(self) -> tuple[str, ...]:
        """Every subject, in the order in which they are told."""
        desk = (*(f"tactic {name}" for name in self.plan.tactics), CONTEXT) if self.desk else ()
        return (*(f"feature {name}" for name in self.features), *desk, *(self.shown if self.desk else ()))

    def __call__(self, history: History, only: frozenset[str] = frozenset()) -> Said:
        """What the wanted subjects (empty: all) say of the history."""
        wanted = [name for name in self.names if not only or name in only]
        failed: dict[str, str] = {}
        series: dict[Key, Series] = {}
        objects: dict[Key, np.ndarray] = {}
        bars: dict[str, np.ndarray] = {}
        with np.errstate(all="ignore"):
            desk = [name for name in wanted if not name.startswith("feature ")]
            shared = self._ask_desk(history, desk, series, failed) if desk else None
            known = self.known(history) if shared is None else shared
            for name in wanted:
                if name.startswith("feature "):
                    _ask_feature(name, self.features[name.removeprefix("feature ")], known, series, objects, failed, bars)
        return Said(known.bars.ts_close, series, objects, failed, bars)

    def known(self, history: History) -> Known:
        """The decision bars of the history and what can be computed from them."""
        others = {name: self._market(history, history.bars[name], instrument) for name, instrument in self.others.items() if name in history.bars}
        own = self._market(history, history.own, self.instrument)
        for one in (own, *others.values()):                  # a feature that is computed on another symbol's bars reads the same others
            one.others = {**others, history.symbol: own}
        return own.at(self.timeframe)

    def _market(self, history: History, bars: Bars, instrument: Instrument) -> Market:
        return Market(forward_adjusted(bars, self.plan.actions.get(instrument.symbol)), instrument, history.until_ns)

    def prepared(self, history: History, mode: Mode) -> Prepared:
        """The desk's window over the history."""
        beside = {name: bars for name, bars in history.bars.items() if name in self.plan.context}
        return prepare(self.plan, [history.own], mode, history.begin_ns, history.until_ns, context=beside)

    def _ask_desk(self, history: History, wanted: Sequence[str], series: dict[Key, Series], failed: dict[str, str]) -> Known | None:
        """Adds what the desk says; gives what it computed its features from, where the registered features may read on there."""
        often = replace(self, plan=asking_often(self.plan))
        try:
            prepared = often.prepared(history, Mode(end_ns=history.end_ns, ask=True))
            if CONTEXT in wanted:
                series.update(_context(prepared))
            for name in self.plan.tactics:
                if f"tactic {name}" in wanted:
                    series.update(_told_by(name, prepared))
            for name in (name for name in self.shown if name in wanted):
                shown = self.shown[name](prepared)
                series[Key(name, "text")] = Series(np.array([ts for ts, _ in shown], np.int64), [text for _, text in shown])
        except RAISED as error:
            failed.update(dict.fromkeys(wanted, _said(error)))
            return None
        return prepared.features[0].known if self.timeframe == self.plan.decision_timeframe and not self.others else None

    def events(self, said: Said) -> dict[str, np.ndarray]:
        """Moments at which something was told: values of sparse columns, objects, setups and refused finds; int64 by who told it."""
        found = {}
        for key, one in said.series.items():
            if self._is_sparse(key) and isinstance(one.values, np.ndarray):
                found[f"{key.subject} {key.column}"] = one.ts[np.isfinite(one.values) & (one.values != 0)]
            elif key.column in ("setups", "refused"):
                found[f"{key.subject} {key.column}"] = one.ts[np.isin(one.ts, said.ts)]
        for key, rows in said.objects.items():
            at, closes = rows[kind_of(key.column).known], said.closes(key)
            found[f"{key.subject} {key.column}"] = closes[np.unique(at[(at >= 0) & (at < closes.size)])]
        return found

    def _is_sparse(self, key: Key) -> bool:
        kind, _, name = key.subject.partition(" ")
        column: Column | None = self.features[name].columns.get(key.column) if kind == "feature" else None
        return column is not None and column.sparse

    def ticks(self, said: Said) -> dict[Key, float]:
        """The price step of every column that is a price or a difference of prices."""
        found: dict[Key, float] = {}
        for name, asked in self.features.items():
            instrument = self.others.get(asked.symbol or "", self.instrument) if isinstance(asked, Request) else self.instrument
            found |= {Key(f"feature {name}", column): instrument.tick for column, one in asked.columns.items() if one.unit in IN_TICKS}
        return {key: tick for key, tick in found.items() if key in said.series}

    def joins(self, history: History) -> Iterator[Join]:
        """Which bar of every other timeframe and symbol each decision bar sees."""
        known = self.known(history)
        asked = sorted({*CONTEXT_TIMEFRAMES, *(one for feature in self.features.values() for one in _made_of(feature).timeframes(self.timeframe))})
        for timeframe in (one for one in asked if timeframe_ns(one) > timeframe_ns(self.timeframe)):
            with contextlib.suppress(RequestError):      # cannot be made from these bars
                yield _join(f"{self.timeframe} on {timeframe}", known, known.at(timeframe))
        for symbol in self.others:
            for timeframe in dict.fromkeys((self.timeframe, "1d")):
                try:
                    there = known.other(symbol, timeframe)
                except RequestError:                     # that symbol is stored in coarser bars
                    continue
                if there is not None:
                    yield _join(f"{self.timeframe} on {symbol} {timeframe}", known, there)
        for place in dict.fromkeys((one.symbol, one.timeframe) for one in self.features.values() if isinstance(one, Request) and one.timeframe):
            with contextlib.suppress(RequestError):
                yield _requested_join(self.timeframe, place[0], str(place[1]), known)


def unknown_tables(known: Known, features: Iterable[Feature | Request]) -> list[str]:
    """Object tables whose moments nobody has written down, so that they cannot be set back."""
    found: set[str] = set()
    for feature in features:
        with contextlib.suppress(*RAISED):
            found |= {table for table in _there(feature, known).objects(_made_of(feature)) if NAMES.get(table, table) not in KINDS}
    return sorted(found)


def _ask_feature(name: str, asked: Feature | Request, known: Known, series: dict[Key, Series], objects: dict[Key, np.ndarray], failed: dict[str, str],
                 bars: dict[str, np.ndarray]) -> None:
    try:
        there = _there(asked, known)
        columns: Columns = request_columns(asked, known) if isinstance(asked, Request) else known.of(asked)
        tables = there.objects(_made_of(asked))
    except RAISED as error:
        failed[name] = _said(error)
        return
    ts = known.bars.ts_close
    for column, values in columns.items():
        if values.shape != ts.shape:
            failed[name] = f"column {column} has shape {values.shape} on {ts.size} bars"
            return
        series[Key(name, column)] = Series(ts, values)
    objects.update({Key(name, table): rows for table, rows in tables.items() if NAMES.get(table, table) in KINDS})
    if there is not known:
        bars[name] = there.bars.ts_close


def _made_of(asked: Feature | Request) -> Feature:
    """The feature behind a request; a request for columns of the bars has one without columns or objects."""
    return asked if isinstance(asked, Feature) else asked.feature or _Rows()


def _there(asked: Feature | Request, known: Known) -> Known:
    """The bars on which it is computed."""
    if isinstance(asked, Feature) or asked.timeframe is None:
        return known
    there = known.at(asked.timeframe) if asked.symbol is None else known.other(asked.symbol, asked.timeframe)
    return known if there is None else there


class _Rows(Feature):
    """The number of each bar: joined like any feature it says which bar a row sees."""

    columns: ClassVar = {"row": Column("number of the bar", "bars")}

    def compute(self, known: Known) -> Columns:
        return {"row": np.arange(len(known), dtype=np.float64)}


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _context(prepared: Prepared) -> dict[Key, Series]:
    ts, rows, features = prepared.world.row_ts, prepared.world.context, prepared.features[0]
    found = {Key(CONTEXT, name): Series(ts, np.ascontiguousarray(rows[:, i])) for i, name in enumerate(CONTEXT_COLUMNS)}
    return {**found, Key(CONTEXT, "daily_returns"): Series(features.daily_known_at, features.daily_returns)}


def _told_by(name: str, prepared: Prepared) -> dict[Key, Series]:
    """Setups and refused finds of one tactic, with what they rest on."""
    rows, subject = prepared.world.setups, f"tactic {name}"
    mine = rows["tactic"] == list(prepared.plan.tactics).index(name)
    good, refused = np.flatnonzero(mine & (rows["kind"] != REFUSED)), np.flatnonzero(mine & (rows["kind"] == REFUSED))
    setups = rows[good]
    setups["evidence"] = np.arange(good.size)            # a number among the desk's, which other tactics move
    return {Key(subject, "setups"): Series(setups["ts"], setups),
            Key(subject, "evidence"): Series(rows["ts"][good], [prepared.evidence[i] for i in good.tolist()]),
            Key(subject, "refused"): Series(rows["ts"][refused], [prepared.evidence[i] for i in refused.tolist()])}


def _join(name: str, known: Known, there: Known) -> Join:
    at = known.joined(np.arange(len(there), dtype=np.float64), there)
    return Join(name, known.bars.ts_close, there.bars.ts_close, np.where(np.isnan(at), -1, at).astype(np.int64))


def _requested_join(timeframe: str, symbol: str | None, other: str, known: Known) -> Join:
    """What a request for another timeframe or symbol sees, by the way of requests."""
    request = Request("row", _Rows(), ("row",), symbol, other)
    at = next(iter(request_columns(request, known).values()))
    name = f"{timeframe} on requested {other if symbol is None else f'{symbol} {other}'}"
    return Join(name, known.bars.ts_close, _there(request, known).bars.ts_close, np.where(np.isnan(at), -1, at).astype(np.int64))
