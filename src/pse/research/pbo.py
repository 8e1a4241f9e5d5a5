"""Probability of backtest overfitting by combinatorially symmetric cross-validation.

The sessions are cut into blocks; half of the blocks choose the best column, the other half say where it lands among all of them, for every way to
halve.  PBO is the share of halvings in which the chosen lands in the lower half.  Equally good columns give a half, whatever their worth, so that PBO
alone decides nothing.  Bailey, Borwein, Lopez de Prado and Zhu (2017), The Probability of Backtest Overfitting, J. Computational Finance 20(4).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import combinations

import numpy as np

from pse.domain.errors import RequestError

BLOCKS, MOST_BLOCKS = 16, 20
STATISTICS = ("sharpe", "mean")
_CELLS = 1 << 16                                 # numbers at a time: what stays in the processor's cache
_SAME = 1e-12


@dataclass(frozen=True, eq=False)
class PboResult:
    """What the halvings came to; `value` is None where there is nothing to choose from, `why` says so.

    logits: float64[splits] of the rank, out of sample, of the best in sample; at most 0: in the lower half.  in_sample, out_of_sample: float64[splits], the
    statistic of the best, a session.  oos_loss: share of splits in which the best in sample loses out of sample, or does not trade there at all: nothing
    earned is no success.  slope: of out-of-sample on in-sample.
    """

    value: float | None
    splits: int
    blocks: int
    statistic: str
    why: str = ""
    logits: np.ndarray = field(default_factory=lambda: np.empty(0))
    chosen: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    in_sample: np.ndarray = field(default_factory=lambda: np.empty(0))
    out_of_sample: np.ndarray = field(default_factory=lambda: np.empty(0))
    slope: float | None = None
    oos_loss: float | None = None
    sums: _BlockSums | None = None

    def of_chosen(self, column: int) -> float | None:
        """Share of the halves in which one column loses, or does not move."""
        if self.sums is None:
            return None
        one = self.sums.of(column)
        halves = np.concatenate([np.concatenate((own, rest)) for _, own, rest in one.halves(self.statistic)])
        return _lost(halves)

    @property
    def picked(self) -> np.ndarray:
        """How often each column was the best in sample, int64[N]."""
        return np.bincount(self.chosen, minlength=self.sums.columns if self.sums is not None else 0)


def pbo(matrix: np.ndarray, blocks: int = BLOCKS, statistic: str = "sharpe") -> PboResult:
    """PBO of float64[T, N], one return a session and column, over all C(blocks, blocks / 2) halvings.

    Blocks are as equal as T allows and no session is left out.  A column that does not move in a half has the Sharpe ratio 0 there, as one that does not
    trade.  Of equal ones the first is the best; equal ranks are shared.
    """
    matrix = _checked(matrix, blocks, statistic)
    sessions, columns = matrix.shape
    if columns < 2:
        return PboResult(None, 0, blocks, statistic, f"{columns} configuration{'s' * (columns != 1)}: there is nothing to choose from")
    if sessions < 2 * blocks:
        return PboResult(None, 0, blocks, statistic, f"{sessions} sessions are fewer than two for each of {blocks} blocks")
    sums = _BlockSums.over(matrix, blocks)
    count = sums.splits
    rank, best = np.empty(count), np.empty(count, np.int64)
    inside, outside = np.empty(count), np.empty(count)
    for at, one, other in sums.halves(statistic):
        for rows, own, rest in ((at, one, other), (count - 1 - at, other, one)):
            best[rows], inside[rows], outside[rows], rank[rows] = _landed(own, rest)
    share = rank / (columns + 1.0)
    logits = np.log(share / (1.0 - share))
    return PboResult(float((logits <= _SAME).mean()), count, blocks, statistic, "", logits, best, inside, outside, _slope(inside, outside),
                     _lost(outside), sums)


def _checked(matrix: np.ndarray, blocks: int, statistic: str) -> np.ndarray:
    if blocks % 2 or not 2 <= blocks <= MOST_BLOCKS:
        raise RequestError(f"PBO in {blocks} blocks; expected an even number from 2 to {MOST_BLOCKS}")
    if statistic not in STATISTICS:
        raise RequestError(f"PBO by {statistic!r}; expected one of {', '.join(STATISTICS)}")
    matrix = np.ascontiguousarray(matrix, dtype=np.float64)
    if matrix.ndim != 2 or not np.isfinite(matrix).all():
        raise RequestError("PBO needs a finite return for every session and configuration; a configuration that lacks sessions cannot be held against others")
    return matrix


def _landed(own: np.ndarray, rest: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Of each row: the best column in `own`, its value there and in `rest`, and its rank in `rest` (1 is the worst)."""
    rows = np.arange(own.shape[0])
    best = (own >= own.max(axis=1, keepdims=True) - _SAME).argmax(axis=1)
    value = rest[rows, best]
    less = (rest < (value - _SAME)[:, None]).sum(axis=1)
    most = (rest <= (value + _SAME)[:, None]).sum(axis=1)
    return best, own[rows, best], value, less + (most - less + 1) / 2.0


def _lost(found: np.ndarray) -> float:
    """Share of the halves that came to nothing or less."""
    return float((found <= 0.0).mean())


def _slope(x: np.ndarray, y: np.ndarray) -> float | None:
    centred = x - x.mean()
    spread = float((centred**2).sum())
    return float((centred * y).sum()) / spread if spread > _SAME * float((x**2).sum()) else None


# --- sums of halves -------------------------------------------------------------------------------------------------------------------------------

@dataclass(frozen=True, eq=False)
class _BlockSums:
    """Count, sum and sum of squares of each block: float64[blocks], float64[blocks, N] twice.

    The sums of any choice of blocks are those of its part in the lower half of the blocks plus those of its part in the upper one, both from a table of all
    choices: one addition a number, and the same additions for every column, so that equal columns stay equal.
    """

    counts: np.ndarray
    first: np.ndarray
    second: np.ndarray

    @classmethod
    def over(cls, matrix: np.ndarray, blocks: int) -> _BlockSums:
        edges = np.arange(blocks + 1) * matrix.shape[0] // blocks
        return cls(np.diff(edges).astype(np.float64), np.add.reduceat(matrix, edges[:-1], axis=0), np.add.reduceat(matrix**2, edges[:-1], axis=0))

    @property
    def columns(self) -> int:
        return int(self.first.shape[1])

    @property
    def splits(self) -> int:
        return len(_masks(self.counts.size))

    def of(self, column: int) -> _BlockSums:
        """The sums of one column alone."""
        return _BlockSums(self.counts, self.first[:, column : column + 1], self.second[:, column : column + 1])

    def halves(self, statistic: str) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Numbers of halvings, and the statistic of every column in the one and the other half, float64[rows, N].

        Halvings stand in lexicographic order, so that the number of the one with the halves changed is counted from the end: half of them suffice.
        """
        blocks = self.counts.size
        masks = _masks(blocks)
        tables = [_subsets(part) for part in (self.counts[:, None], self.first, self.second)]
        full, step = (1 << blocks) - 1, max(1, _CELLS // self.columns)
        for start in range(0, len(masks) // 2, step):
            at = np.arange(start, min(start + step, len(masks) // 2))
            one, other = ([_looked_up(table, mask, blocks) for table in tables] for mask in (masks[at], full ^ masks[at]))
            yield at, _statistic(one[0], one[1], one[2], statistic), _statistic(other[0], other[1], other[2], statistic)


@cache
def _masks(blocks: int) -> np.ndarray:
    """Every choice of half of the blocks, as bits, in lexicographic order."""
    return np.array([sum(1 << block for block in chosen) for chosen in combinations(range(blocks), blocks // 2)], np.int64)


def _subsets(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sums over every choice of the first and of the second half of the blocks, float64[2 ** (blocks / 2), N] each."""
    tables = []
    for part in np.split(sums, 2):
        table = np.zeros((1, sums.shape[1]))
        for row in part:
            table = np.concatenate((table, table + row))
        tables.append(table)
    return tables[0], tables[1]


def _looked_up(tables: tuple[np.ndarray, np.ndarray], masks: np.ndarray, blocks: int) -> np.ndarray:
    half = blocks // 2
    found: np.ndarray = tables[0][masks & ((1 << half) - 1)]
    found += tables[1][masks >> half]
    return found


def _statistic(count: np.ndarray, first: np.ndarray, second: np.ndarray, statistic: str) -> np.ndarray:
    average = first / count
    if statistic == "mean":
        return average
    scatter = second - average * first
    moves = scatter > _SAME * second
    scatter[~moves] = 1.0
    average[~moves] = 0.0
    average /= np.sqrt(scatter / (count - 1.0))
    return average
