"""Splits and dividends of a share: dated facts, and what they do to its prices.

A split of ratio r makes r shares of one on its ex-date; a dividend pays cash a share to whoever held it the evening before.  Ratios and amounts are told
per share as it stood on that evening, so of both on one day the dividend comes first.  Factors count from the first bar on and use earlier bars and events
alone: a later event never moves an earlier price.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Literal

import numpy as np

from pse.domain.bars import PRICES, BarFlag, Bars
from pse.domain.errors import BadBars
from pse.domain.sessions import Sessions

KINDS: tuple[str, ...] = ("", "DIVIDEND", "SPLIT")             # codes of the kernels: their order is the order of one day
DIVIDEND, SPLIT = 1, 2
Adjusted = Literal["none", "splits", "all"]
ADJUSTED: tuple[Adjusted, ...] = ("none", "splits", "all")

LARGEST_RATIO = 10_000.0                         # of a split in either direction; real ones stay below
USUAL_RATIOS = tuple(Fraction(text) for text in ("2", "3", "4", "5", "6", "7", "8", "10", "15", "20", "25", "30", "50", "3/2", "5/2",
                                                 "1/2", "1/3", "1/4", "1/5", "1/6", "1/8", "1/10", "1/15", "1/20", "1/25", "1/30", "1/50"))
OPEN_NEAR, CLOSE_NEAR = 0.04, 0.12               # how near the jump of a split the open, and the close of that day, must lie to look like one
PRICE_DIGITS = 10                                # of a price that a factor was multiplied into or taken out of
MOST_SESSIONS_APART = 5                          # a jump over a longer hole says nothing


@dataclass(frozen=True)
class Action:
    """One event: `ex_date` yyyymmdd, the first trading day without it; `amount` the ratio of a split or the cash of a dividend in the quote currency."""

    symbol: str
    ex_date: int
    kind: str
    amount: float


@dataclass(frozen=True, eq=False)
class Actions:
    """The events of one symbol by day, dividends before splits: `ex_date` int64[n] yyyymmdd, `kind` int64[n] codes of KINDS, `amount` float64[n]."""

    ex_date: np.ndarray
    kind: np.ndarray
    amount: np.ndarray

    def __len__(self) -> int:
        return int(self.ex_date.size)

    @classmethod
    def of(cls, found: list[Action]) -> Actions:
        """The events of one symbol in their order; splits of ratio 1 and dividends of nothing are none."""
        rows = sorted((one.ex_date, KINDS.index(one.kind), one.amount) for one in found)
        rows = [row for row in rows if row[2] != (1.0 if row[1] == SPLIT else 0.0)]
        date, kind, amount = ([row[i] for row in rows] for i in range(3))
        return cls(np.array(date, np.int64), np.array(kind, np.int64), np.array(amount, np.float64))

    def between(self, first: int, last: int) -> Actions:
        """Those with first <= ex_date <= last."""
        kept = (self.ex_date >= first) & (self.ex_date <= last)
        return Actions(self.ex_date[kept], self.kind[kept], self.amount[kept])

    def digest(self) -> str:
        """sha256 over the events."""
        return hashlib.sha256(self.ex_date.tobytes() + self.kind.tobytes() + self.amount.tobytes()).hexdigest()

    def to_do(self, adjusted: Adjusted) -> Actions:
        """What is left to do on a series whose provider has taken out nothing, splits, or all; cash is then told per share of that series.

        A series that is divided by all later splits pays a cash that is divided by them too.
        """
        if adjusted == "none" or not len(self):
            return self
        if adjusted == "all":
            return NO_ACTIONS
        later, ratio = np.empty(len(self)), 1.0
        for i in range(len(self) - 1, -1, -1):
            ratio *= self.amount[i] if self.kind[i] == SPLIT else 1.0
            later[i] = ratio
        cash = self.kind == DIVIDEND
        return Actions(self.ex_date[cash], self.kind[cash], self.amount[cash] / later[cash])


NO_ACTIONS = Actions(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))


def iso_day(date: int) -> str:
    """yyyymmdd as 2020-08-31."""
    return f"{date // 10000:04d}-{date // 100 % 100:02d}-{date % 100:02d}"


def adjusted_of(bars: Bars) -> Adjusted:
    """What the provider of these bars has taken out of their prices already, by the flags of any of them."""
    flags = int(np.bitwise_or.reduce(bars.flags)) if len(bars) else 0
    return "all" if flags & BarFlag.FULLY_ADJUSTED else "splits" if flags & BarFlag.SPLIT_ADJUSTED else "none"


def adjusted_flag(adjusted: Adjusted) -> int:
    """The flag that bars of such a series carry."""
    return int({"none": 0, "splits": BarFlag.SPLIT_ADJUSTED, "all": BarFlag.FULLY_ADJUSTED}[adjusted])


def too_large(bars: Bars, left: Actions) -> list[tuple[int, float, float]]:
    """(ex-date, cash, last close before it) of the dividends that are not smaller than that close; events outside the bars are none of theirs.

    `left`: what is left to do on the series, as `Actions.to_do` gives it.
    """
    first = np.searchsorted(bars.session_date, left.ex_date)
    asked = np.flatnonzero((left.kind == DIVIDEND) & (first > 0) & (first < len(bars)))
    close = bars.close[first[asked] - 1]
    return [(int(left.ex_date[i]), float(left.amount[i]), float(c)) for i, c in zip(asked, close, strict=True) if left.amount[i] >= c]


def factors(bars: Bars, actions: Actions) -> tuple[np.ndarray, np.ndarray]:
    """(price factor, share of the splits in it) at each bar, float64[n]: products over the events whose day has begun by then, 1 at the first bar.

    A split of ratio r multiplies both by r, a dividend D the first by 1 / (1 - D / C), C being the last close before its day.  Events on or before the day
    of the first bar are past.  Raises `BadBars` for a dividend no smaller than it.
    """
    whole, split = np.ones(len(bars)), np.ones(len(bars))
    for date, amount, close in too_large(bars, actions):
        raise BadBars(f"{bars.symbol}: the dividend of {amount:,.10g} (divided by later splits where the bars are) with ex-date {iso_day(date)} is not smaller "
                      f"than the last close before it, {close:,.10g}; the bars and the event do not speak of the same share, or of other splits. Correct it "
                      f"with `pse ingest-actions`, or say with `pse ingest --adjusted` what the provider took out of the prices")
    first = np.searchsorted(bars.session_date, actions.ex_date)
    for row, kind, amount in zip(first.tolist(), actions.kind.tolist(), actions.amount.tolist(), strict=True):
        if row == 0 or row == len(bars):
            continue
        if kind == SPLIT:
            whole[row:] *= amount
            split[row:] *= amount
        else:
            whole[row:] *= 1.0 / (1.0 - amount / float(bars.close[row - 1]))
    return whole, split


def forward_adjusted(bars: Bars, actions: Actions | None) -> Bars:
    """The bars with every price, and the spread, multiplied by the factor of its bar, and the volume divided by the splits; the same bars without events."""
    if actions is None or not len(left := actions.to_do(adjusted_of(bars))):
        return bars
    whole, split = factors(bars, left)
    if (whole == 1.0).all():
        return bars
    prices = {name: getattr(bars, name) * whole for name in PRICES}
    return replace(bars, **prices, volume=bars.volume / split, factor=whole, spread=None if bars.spread is None else bars.spread * whole)


def in_shares_of(bars: Bars, actions: Actions | None) -> Bars:
    """The bars with prices multiplied by the splits since the first alone: what one first share became."""
    if actions is None or not len(actions):
        return bars
    split = actions.kind == SPLIT
    return forward_adjusted(bars, Actions(actions.ex_date[split], actions.kind[split], actions.amount[split]))


def in_shares_at(bars: Bars, ts: int) -> Bars:
    """Bars whose prices stand multiplied by their factors, on the scale of the bar that holds a moment: there they are as traded."""
    if bars.factor is None or not len(bars):
        return bars
    scale = 1.0 / bars.factor[max(int(np.searchsorted(bars.ts_open, ts, side="right")) - 1, 0)]
    prices: dict[str, Any] = {name: without_noise(getattr(bars, name) * scale) for name in PRICES}
    return replace(bars, **prices, factor=bars.factor * scale)


def without_noise(price: np.ndarray) -> np.ndarray:
    """Prices without what multiplying and dividing leaves in their last digits."""
    return np.round(price, PRICE_DIGITS)


def events_in(bars: Bars, actions: Actions, start_ns: int, end_ns: int) -> list[tuple[int, int, float]]:
    """(moment, kind, amount) of what happens to a holder of the series with start_ns <= moment < end_ns: the open of the first session from its day on."""
    left, calendar = actions.to_do(adjusted_of(bars)), bars.sessions
    rows = np.searchsorted(calendar.session_date, left.ex_date)
    told = [(int(calendar.open_ns[row]), int(kind), float(amount)) for row, kind, amount in zip(rows, left.kind, left.amount, strict=True)
            if row < calendar.open_ns.size]
    return [one for one in told if start_ns <= one[0] < end_ns]


def next_day(date: int, sessions: Sessions) -> int | None:
    """The first trading day after a date, yyyymmdd; None where the calendar ends before."""
    row = int(np.searchsorted(sessions.session_date, date, side="right"))
    return int(sessions.session_date[row]) if row < sessions.session_date.size else None


@dataclass(frozen=True)
class Doubt:
    """A day whose first price looks like a split that nobody told: ratio, last close before and open."""

    date: int
    ratio: Fraction
    close: float
    open: float

    @property
    def words(self) -> str:
        ratio, day = self.ratio, str(self.date)
        return f"{ratio.numerator}:{ratio.denominator} split on {day[:4]}-{day[4:6]}-{day[6:]} (close {self.close:g}, next open {self.open:g})"


def unrecorded_splits(bars: Bars, actions: Actions | None) -> list[Doubt]:
    """Days that open near a usual ratio under or over the last close, stay there, and have no split on record; none of a series without splits in it."""
    if len(bars) < 2 or adjusted_of(bars) != "none":
        return []
    first = np.flatnonzero(np.append(True, np.diff(bars.session) != 0))
    last = np.append(first[1:], len(bars)) - 1
    before, opens, closes = bars.close[last[:-1]], bars.open[first[1:]], bars.close[last[1:]]
    near = np.diff(bars.session[first]) <= MOST_SESSIONS_APART
    told = set() if actions is None else set(actions.ex_date[actions.kind == SPLIT].tolist())
    with np.errstate(invalid="ignore", divide="ignore"):
        jump, stayed = before / opens, before / closes
    suspects = np.flatnonzero(near & ((jump > 1.4) | (jump < 0.6)))
    found = []
    for i in suspects.tolist():
        date = int(bars.session_date[first[i + 1]])
        ratio = min(USUAL_RATIOS, key=lambda one: abs(jump[i] / float(one) - 1.0))
        if abs(jump[i] / float(ratio) - 1.0) <= OPEN_NEAR and abs(stayed[i] / float(ratio) - 1.0) <= CLOSE_NEAR and date not in told:
            found.append(Doubt(date, ratio, float(before[i]), float(opens[i])))
    return found
