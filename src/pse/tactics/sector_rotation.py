"""Sector rotation: long while a symbol is among the best third of a universe by its rise over months, out while it is among the worst or falls.

Moskowitz and Grinblatt (1999), Do Industries Explain Momentum?  The universe is what the desk trades, or what is named; each trading day ranks those that
have a bar by then and enough of them before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from pydantic import Field

from pse.features.feature import Known
from pse.kernels.contract import NEVER
from pse.tactics.swing import SMALL_UNIVERSE, Rule, Swing, above, at_least, change_over

FEWEST = 3


@dataclass(frozen=True, eq=False)
class Ranks:
    """Every symbol's score on every trading day of the universe, [symbols, days] with symbols by name: NaN where it has none.

    `closes` int64: when its bar closed; `ranks` int64: 1 the best of all scores of the day, ties by name; `count` int64[days] how many there are and
    `complete_at` int64[days] when the last of them closed.
    """

    symbols: tuple[str, ...]
    dates: np.ndarray
    scores: np.ndarray
    closes: np.ndarray
    ranks: np.ndarray
    count: np.ndarray
    complete_at: np.ndarray


class SectorRotation(Swing):
    """Long while the symbol is among the best third of the universe."""

    name: ClassVar[str] = "sector_rotation"
    label: ClassVar[str] = "Sector rotation"
    buys: ClassVar[str] = "among the best third of the universe, with a rise"
    sells: ClassVar[str] = "among the worst third of the universe, or without a rise"

    least_bars: int = Field(126, ge=1, le=5000, description="bars of history below which it is silent, even where the formula needs fewer")
    short_bars: int = Field(63, ge=1, le=2000, description="bars of the shorter change; the score is the mean of both")
    long_bars: int = Field(126, ge=1, le=2000, description="bars of the longer change")
    universe: tuple[str, ...] = Field((), description="symbols that are ranked; none: those that the desk trades")

    def needed_bars(self) -> int:
        """The longer change's bars and the one it starts from."""
        return max(self.short_bars, self.long_bars) + 1

    def min_symbols(self) -> int:
        """Fewest symbols that can be ranked."""
        return FEWEST

    def symbols(self) -> tuple[str, ...]:
        """The universe that was named."""
        return self.universe

    def rule(self, known: Known) -> Rule:
        """See the class."""
        table = self._ranks(known)
        score, rank, count = _own_ranks(table, known) if table else (np.full(len(known), np.nan), np.zeros(len(known)), np.zeros(len(known)))
        third = count // FEWEST
        rises, ranked = above(score, 0.0), count >= FEWEST
        buy = ranked & rises & (rank <= -(-count // FEWEST))
        sell = ranked & ~buy & ((rank > count - third) | at_least(-score, 0.0))
        place = 1.0 - np.divide(rank - 1.0, count - 1.0, out=np.zeros(len(known)), where=count > 1)
        return Rule(buy, sell, np.where(buy, 2.0 * place - 1.0, 1.0 - 2.0 * place), (score,), {"score": score, "rank": rank, "ranked": count},
                    ((SMALL_UNIVERSE, ~ranked & (~np.isnan(score) | (table is None))),))

    def _score(self, known: Known) -> np.ndarray:
        """Mean of both changes, float64[n]; NaN while the history is too short."""
        score = 0.5 * change_over(known, self.short_bars) + 0.5 * change_over(known, self.long_bars)
        score[:self.min_bars() - 1] = np.nan
        return score

    def _ranks(self, known: Known) -> Ranks | None:
        """The table of the universe; the markets of a desk share it, so that it is made once."""
        market, own = known.market, known.instrument.symbol
        asked = self.universe or {own, *(name for name in market.traded or market.others if name in market.others and market.others[name].instrument.tradable)}
        names = tuple(name for name in sorted(set(asked)) if name == own or name in market.others)
        if own not in names or len(names) < FEWEST:
            return None
        shares = market.others.get(own) is market
        keeper = known.other(names[0]) if shares else known
        assert keeper is not None
        return keeper.once(("sector ranks", self.short_bars, self.long_bars, self.min_bars(), names), lambda: self._table(known, names))  # type: ignore[no-any-return]

    def _table(self, known: Known, names: tuple[str, ...]) -> Ranks:
        found = [one for one in map(known.other, names) if one is not None]
        dates = np.unique(np.concatenate([one.bars.session_date for one in found]))
        scores, closes = np.full((len(found), dates.size), np.nan), np.full((len(found), dates.size), NEVER)
        for row, one in enumerate(found):
            at = np.searchsorted(dates, one.bars.session_date)
            scores[row, at], closes[row, at] = self._score(one), one.bars.ts_close
        there = ~np.isnan(scores)
        ranks = np.empty(scores.shape, np.int64)
        np.put_along_axis(ranks, np.argsort(-scores, axis=0, kind="stable"), np.arange(1, len(found) + 1)[:, None], axis=0)
        return Ranks(names, dates, scores, closes, ranks, there.sum(axis=0), np.where(there, closes, 0).max(axis=0, initial=0))


def _own_ranks(table: Ranks, known: Known) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(score, rank, how many are ranked) at each bar of the symbol, float64[n], among the bars of its trading day that had closed by its own close."""
    row, day, now = table.symbols.index(known.instrument.symbol), np.searchsorted(table.dates, known.bars.session_date), known.bars.ts_close
    score, rank, count = table.scores[row, day], table.ranks[row, day].astype(float), table.count[day].astype(float)
    early = np.flatnonzero(table.complete_at[day] > now)                        # another calendar closes later that day
    if early.size:
        seen = np.where(table.closes[:, day[early]] <= now[early], table.scores[:, day[early]], np.nan)
        before = (seen > score[early]) | ((seen == score[early]) & (np.arange(len(table.symbols)) < row)[:, None])
        rank[early], count[early] = 1.0 + before.sum(axis=0), (~np.isnan(seen)).sum(axis=0)
    return score, rank, count
