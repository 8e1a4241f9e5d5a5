"""What a feature is, and the bars and results that it may read.

A feature is a frozen model whose fields are its parameters.  It says what its columns mean, how long it warms up and how late it speaks, and computes them
from a `Known`: the bars of one timeframe with everything already computed from them, coarser bars of the same instrument and other symbols.  Nothing here
reads the store: who opens a `Market` has loaded the bars.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import numpy as np

from pse.domain.bars import Bars, timeframe_ns
from pse.domain.base import Frozen
from pse.domain.instruments import Instrument
from pse.features import Columns
from pse.features.resampled import as_of, resample
from pse.kernels.wilder import previous, wilder_atr

Unit = Literal["price", "points", "ATR", "ratio", "fraction", "percent", "score", "per year", "bars", "count", "seconds", "direction", "flag", "state",
               "volume"]
Speaks = Literal["always", "from the first", "while it stands", "on events"]
Room = Literal["volatility", "momentum", "trend", "channels", "volume and spread", "factors", "regime", "structure", "gaps and levels"]
Objects = dict[str, np.ndarray]


@dataclass(frozen=True)
class Column:
    """One column: its meaning, its unit (`price` as traded, `points` a difference of prices), the words of a state code, and when it speaks.

    A column has a value from the warm-up on unless it is `sparse`: then on the bars of events only, NaN, or 0 for integers, between them; or, where it `holds`
    what an event said, "on" from the first one to the last bar, "while" as long as what was said stands.
    """

    meaning: str
    unit: Unit
    words: tuple[str, ...] = ()
    sparse: bool = False
    holds: Literal["", "on", "while"] = ""

    @property
    def speaks(self) -> Speaks:
        return "always" if not self.sparse else "from the first" if self.holds == "on" else "while it stands" if self.holds else "on events"


class Feature(Frozen):
    """A group of columns; the first line of the class's docstring says what it measures, the title in a few words, and the room where it is listed."""

    room: ClassVar[Room]
    title: ClassVar[str]
    columns: ClassVar[Mapping[str, Column]]
    formula: ClassVar[str]
    source: ClassVar[str]

    def of(self, instrument: Instrument) -> Self:
        """The same feature with the tick and session rules of the instrument, where it has such parameters."""
        return self

    def warmup_bars(self) -> int:
        """Index of the first row on which every column that is not sparse has a value, on bars without holes; of a day, where sessions are counted."""
        return 0

    def warmup_on(self, bars_a_session: int) -> int:
        """The same on bars of which a session has so many, 1 for bars of a day; another number where sessions are counted."""
        return self.warmup_bars()

    def lag_bars(self) -> int:
        """Bars from what an event is about to the row that tells it; 0 for values of the bar itself."""
        return 0

    def symbols(self) -> tuple[str, ...]:
        """Other symbols that it reads."""
        return ()

    def timeframes(self, of: str) -> tuple[str, ...]:
        """Other timeframes that it reads on rows of the timeframe `of`."""
        return ()

    def objects(self, known: Known) -> Objects:
        """Row arrays of what it found, by name; kinds and their moments stand in `pse.features.objects`."""
        return {}

    @abstractmethod
    def compute(self, known: Known) -> Columns:
        """The columns, aligned with `known.bars`: float64, or int64 for states, directions, flags and counts.

        Pure and prefix-stable: what stands on a row never changes when later bars arrive.
        """


class Market:
    """One instrument's finest bars and what can be known from them by `until_ns` (default: the close of the last bar).

    `others` by symbol: what else is at hand, kept as it is given, so that several markets may share one table and each stand in it.  `traded`: those that the
    desk trades, this one among them; None where no desk says so.
    """

    def __init__(self, bars: Bars, instrument: Instrument, until_ns: int | None = None, others: Mapping[str, Market] | None = None,
                 traded: tuple[str, ...] | None = None) -> None:
        self.bars, self.instrument, self.traded = bars, instrument, traded
        self.others: Mapping[str, Market] = {} if others is None else others
        self.until_ns = int(bars.ts_close[-1]) if until_ns is None and len(bars) else until_ns
        self._at: dict[str, Known] = {}

    def at(self, timeframe: str) -> Known:
        """What is known on the closes of complete bars of `timeframe`; RequestError when it is finer than the stored bars."""
        if timeframe not in self._at:
            self._at[timeframe] = Known(self, timeframe)
        return self._at[timeframe]


    def let_go(self) -> None:
        """Forgets what is known, so that its memory is free as soon as nobody holds it: a market and what is known of it point at each other.

        What is asked for again is made again.
        """
        self._at = {}


class Known:
    """The complete bars of one timeframe and everything computed from them, each thing once."""

    def __init__(self, market: Market, timeframe: str) -> None:
        self.market, self.timeframe = market, timeframe
        if timeframe == market.bars.timeframe:
            past = len(market.bars) if market.until_ns is None else int(np.searchsorted(market.bars.ts_close, market.until_ns, side="right"))
            self.bars = market.bars if past == len(market.bars) else market.bars[:past]
            self.n_src, self.coverage = np.ones(past, np.int64), np.ones(past)
        else:
            made = resample(market.bars, timeframe, market.until_ns)
            self.bars, self.n_src, self.coverage = made.bars, made.n_src, made.coverage
        self._made: dict[Hashable, Any] = {}

    @classmethod
    def from_bars(cls, bars: Bars, instrument: Instrument) -> Known:
        """What these bars alone tell."""
        return Market(bars, instrument).at(bars.timeframe)

    @property
    def instrument(self) -> Instrument:
        return self.market.instrument

    def __len__(self) -> int:
        return len(self.bars)

    def once(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """What `make` gives, made at the first call with this key."""
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]

    def forget_columns(self) -> None:
        """Lets go of the columns and prices made so far, for whoever has taken those that are wanted; objects stay.  What is asked for again is made again."""
        self._made = {key: made for key, made in self._made.items() if not (isinstance(key, tuple) and key[0] in ("columns", "price"))}

    def of(self, feature: Feature) -> Columns:
        """The feature's columns on these bars."""
        bound = feature.of(self.instrument)
        return self.once(("columns", type(bound), bound), lambda: bound.compute(self))  # type: ignore[no-any-return]

    def objects(self, feature: Feature) -> Objects:
        """The feature's objects on these bars."""
        bound = feature.of(self.instrument)
        return self.once(("objects", type(bound), bound), lambda: bound.objects(self))  # type: ignore[no-any-return]

    def price(self, name: str) -> np.ndarray:
        """open, high, low or close, forward adjusted, float64[n]."""
        return self.once(("price", name), lambda: np.ascontiguousarray(self.bars.adjusted(name)))  # type: ignore[no-any-return]

    def prices(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Open, high, low, close, forward adjusted."""
        return self.price("open"), self.price("high"), self.price("low"), self.price("close")

    @property
    def atr(self) -> np.ndarray:
        """Wilder's ATR(14) in points, float64[n]: what orders at a bar are measured by."""
        return self.once("atr", lambda: wilder_atr(self.price("high"), self.price("low"), self.price("close"), 14, True))  # type: ignore[no-any-return]

    @property
    def atr_before(self) -> np.ndarray:
        """ATR(14) of the bar before: what events at a bar are measured by, so that a large bar does not shrink its own score."""
        return self.once("atr_before", lambda: previous(self.atr))  # type: ignore[no-any-return]

    def at(self, timeframe: str) -> Known:
        """The same instrument on another timeframe."""
        return self.market.at(timeframe)

    def other(self, symbol: str, timeframe: str | None = None) -> Known | None:
        """Another symbol on `timeframe` (default: this one), as far as it is known by now; None where it is not at hand."""
        there = self.market if symbol == self.instrument.symbol else self.market.others.get(symbol)
        return None if there is None else there.at(timeframe or self.timeframe)

    def joined(self, values: np.ndarray, there: Known) -> np.ndarray:
        """Values of other bars on these rows: the last one whose bar had closed by each row's close, float64[n]; NaN before the first."""
        return as_of(values, there.bars.ts_close, self.bars.ts_close)


def context_of(timeframe: str, of: str) -> tuple[str, ...]:
    """The timeframe of a context, for rows of the timeframe `of`; none where its bars are shorter than the rows, for they tell of no larger trend."""
    return (timeframe,) if timeframe_ns(timeframe) >= timeframe_ns(of) else ()
