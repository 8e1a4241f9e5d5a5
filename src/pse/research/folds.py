"""How a window is cut into parts to search on and parts to be judged on: walk-forward, combinatorial purged cross-validation, and a sealed rest.

Walk-forward: each test window follows its train window, and all tests together cover the time after the first train window once.  Combinatorial: the window
falls into groups, every choice of some of them is a test, the rest trains.  A trade whose time in the market touches a test, or begins in the embargo after
one, does not train (Lopez de Prado, Advances in Financial Machine Learning, 2018, chapters 7 and 12).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np

from pse.domain.errors import RequestError
from pse.domain.trials import Span

Scheme = Literal["rolling", "anchored", "cpcv"]
MIN_TEST, MIN_TRAIN = 1, 3                       # sessions; how many say anything is for the court
MOST_SPLITS = 1_000


class BadFolds(RequestError):
    """Folds that the stored sessions do not carry."""


# --- index vectors -------------------------------------------------------------------------------------------------------------------------------------

def walk_forward(count: int, train: int, test: int, purge: int = 0, *, anchored: bool = False) -> list[tuple[np.ndarray, np.ndarray]]:
    """Train and test positions of every fold, int64; what is too short for one more test stays unused.  `purge` positions lie between the two."""
    folds = (count - train - purge) // test if count >= train + purge else 0
    return [(np.arange(0 if anchored else k * test, train + k * test), np.arange(train + purge + k * test, train + purge + (k + 1) * test))
            for k in range(folds)]


def group_borders(count: int, groups: int) -> np.ndarray:
    """First position of each group and the end of the last, int64[groups + 1]; the last group takes what does not divide."""
    return np.append(np.arange(groups) * (count // groups), count)


def combinatorial(count: int, groups: int, test_groups: int, purge: int = 0, embargo: int = 0) -> list[tuple[np.ndarray, np.ndarray]]:
    """Train and test positions of every choice of `test_groups` among `groups`, int64.

    Of the train positions those `purge` before a test, and those `purge + embargo` after one, are left out.
    """
    borders, every = group_borders(count, groups), np.arange(count)
    found = []
    for chosen in combinations(range(groups), test_groups):
        trains, tests = np.ones(count, bool), np.zeros(count, bool)
        for group in chosen:
            first, end = int(borders[group]), int(borders[group + 1])
            tests[first:end] = True
            trains[max(0, first - purge):end + purge + embargo] = False
        found.append((every[trains & ~tests], every[tests]))
    return found


def paths(groups: int, test_groups: int) -> np.ndarray:
    """The split that serves each group in each whole path through the window, int64[paths, groups]: every test of a group stands in exactly one path."""
    served: list[list[int]] = [[] for _ in range(groups)]
    for split, chosen in enumerate(combinations(range(groups), test_groups)):
        for group in chosen:
            served[group].append(split)
    return np.array(served).T


# --- purging by time in the market -------------------------------------------------------------------------------------------------------------------

def purged(begin: np.ndarray, end: np.ndarray, tests: Sequence[tuple[int, int]], embargo: int = 0) -> np.ndarray:
    """Which intervals [begin, end] may train, bool[n]: none that touches a test [first, last], or begins within `embargo` after its last moment.

    All in one unit (ns, or sessions); both ends belong to an interval.
    """
    kept = np.ones(begin.size, bool)
    for first, last in tests:
        kept &= (end < first) | (begin > last + embargo)
    return kept


# --- the folds of a window ---------------------------------------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Fold:
    """Spans to search on and spans to be judged on; of walk-forward one each.  `number` from 1."""

    number: int
    train: tuple[Span, ...]
    test: tuple[Span, ...]


@dataclass(frozen=True, eq=False)
class FoldPlan:
    """The cuts of a window.

    searched: what the search may look at, the sealed rest left out.  embargo_sessions: how many sessions after a test begin no trade that trains; 0 of
    walk-forward.  dates int32[n], opens and closes int64[n] ns UTC of the sessions of `searched`.
    """

    scheme: Scheme
    folds: tuple[Fold, ...]
    searched: Span
    holdout: Span | None
    embargo_sessions: int
    dates: np.ndarray
    opens: np.ndarray
    closes: np.ndarray
    groups: tuple[Span, ...] = ()                # of `cpcv`: every group, a span of its own
    paths: np.ndarray | None = None              # of `cpcv`: int64[paths, groups], split (fold number - 1) that serves each group

    def sessions(self, span: Span) -> int:
        """How many sessions of the searched part lie in a span."""
        return int(((self.opens >= span.start_ns) & (self.closes <= span.end_ns)).sum())

    def embargo_end(self, span: Span) -> int:
        """Last moment after a test span in which a trade that trains may not begin, ns UTC."""
        after = int(np.searchsorted(self.opens, span.end_ns))
        last = min(after + self.embargo_sessions, self.opens.size) - 1
        return int(self.closes[last]) if self.embargo_sessions and last >= after else span.end_ns

    def may_train(self, fold: Fold, entry_ts: np.ndarray, exit_ts: np.ndarray) -> np.ndarray:
        """Which trades, from first entry to last exit, may train in a fold, bool[n]."""
        kept = np.ones(entry_ts.size, bool)
        for span in fold.test:
            last = span.end_ns - 1               # the close of a span is the open of the next, and no trade begins before its span
            kept &= purged(entry_ts, exit_ts - 1, [(span.start_ns, last)], self.embargo_end(span) - 1 - last)
        return kept


def fold_plan(dates: np.ndarray, opens: np.ndarray, closes: np.ndarray, folds: int, *, scheme: Scheme = "rolling", train: float = 3.0, holdout: float = 0.0,
              embargo_sessions: int | None = None, memory_sessions: int = 0, groups: int = 6, test_groups: int = 2) -> FoldPlan:
    """Cuts the sessions of a window.  Raises `BadFolds` with the numbers where they do not carry it.

    dates int32[n] yyyymmdd, opens, closes int64[n] ns UTC, rising.  train: length of a train window in test windows (rolling keeps it, anchored begins
    with it and grows).  holdout: share of the sessions at the end that nothing is searched on.  embargo_sessions: None takes what features remember
    (`memory_sessions`), but at least one in a hundred sessions; walk-forward needs none, for its tests come after what trains.
    """
    kept = dates.size - math.ceil(dates.size * holdout)
    sealed = Span(int(opens[kept]), int(closes[-1])) if kept < dates.size else None
    dates, opens, closes = dates[:kept], opens[:kept], closes[:kept]

    def span(first: int, end: int) -> Span:
        return Span(int(opens[first]), int(closes[end - 1]))

    if scheme == "cpcv":
        embargo = embargo_sessions if embargo_sessions is not None else max(memory_sessions, math.ceil(kept / 100))
        _check_groups(kept, groups, test_groups, embargo, sealed is not None)
        borders = group_borders(kept, groups)
        parts = tuple(span(int(first), int(end)) for first, end in zip(borders[:-1], borders[1:], strict=True))
        chosen = list(combinations(range(groups), test_groups))
        cut = tuple(Fold(number, tuple(parts[g] for g in range(groups) if g not in tests), tuple(parts[g] for g in tests))
                    for number, tests in enumerate(chosen, 1))
        return FoldPlan(scheme, cut, span(0, kept), sealed, embargo, dates, opens, closes, parts, paths(groups, test_groups))
    test = int(kept / (folds + train)) if folds > 0 else 0
    first = kept - folds * test
    _check_walk(kept, folds, train, test, first, sealed is not None)
    cut = tuple(Fold(k + 1, (span(0 if scheme == "anchored" else k * test, first + k * test),), (span(first + k * test, first + (k + 1) * test),))
                for k in range(folds))
    return FoldPlan(scheme, cut, span(0, kept), sealed, 0, dates, opens, closes)


def _check_walk(kept: int, folds: int, train: float, test: int, first: int, sealed: bool) -> None:
    needed = math.ceil(max(MIN_TEST * (folds + train), MIN_TRAIN + MIN_TEST * folds))
    if folds < 1:
        raise BadFolds(f"found {folds} folds, expected at least 1; write --folds 6")
    if test < MIN_TEST or first < MIN_TRAIN:
        most = max(0, min(int(kept / MIN_TEST - train), (kept - MIN_TRAIN) // MIN_TEST))
        mend = f"--folds {most} would do" if most else "take a longer window"
        raise BadFolds(f"the window has {kept} sessions{_without(sealed)}, and {folds} folds with a train window of {train:g} test windows need {needed} "
                       f"(at least {MIN_TEST} a test and {MIN_TRAIN} a train window): {mend}, or store more bars")


def _check_groups(kept: int, groups: int, test_groups: int, embargo: int, sealed: bool) -> None:
    if not 1 <= test_groups < groups:
        raise BadFolds(f"found {test_groups} test groups of {groups}; expected at least 1 and fewer than there are groups")
    if (splits := math.comb(groups, test_groups)) > MOST_SPLITS:
        raise BadFolds(f"{test_groups} of {groups} groups make {splits:,} splits, at most {MOST_SPLITS:,} are run; take fewer groups")
    if (each := kept // groups) < MIN_TRAIN + embargo:
        raise BadFolds(f"the window has {kept} sessions{_without(sealed)}: {groups} groups of {each}, and each needs {MIN_TRAIN} and the embargo of {embargo} "
                       f"(what features remember, or embargo_sessions): take fewer groups, a shorter embargo or a longer window")


def _without(sealed: bool) -> str:
    return " (the sealed ones left out)" if sealed else ""
