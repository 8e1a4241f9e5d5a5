"""The search of a walk-forward: who is tried, on which spans, in which order, and what was chosen where.

Nothing in here hangs on how many processes measure: batches have a fixed size, come in a fixed order, and each is on the disk before the next is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from pse.commands.wiring import seeds
from pse.domain.trials import Measured, Params, Place, Span, Task, params_id
from pse.research.folds import Fold, FoldPlan, purged
from pse.research.objectives import joined, may_choose
from pse.research.search import Space, proposer
from pse.settings import SearchPolicy
from pse.store.searches import KeptSearch

if TYPE_CHECKING:
    from pse.commands.crew import Crew

MOST_AT_ONCE = 64                                # tasks of a batch that no proposer asked for
Score = Callable[[Measured], "float | None"]


@dataclass(frozen=True, eq=False)
class Candidate:
    """A configuration, what it came to in each span that it was measured on, and the numbers of the folds that may choose it."""

    id: str
    params: Params
    spans: dict[Span, Measured] = field(default_factory=dict)
    folds: set[int] = field(default_factory=set)
    scores: dict[int, float | None] = field(default_factory=dict)       # by number of the fold whose train window was scored; 0: the whole


class Told(Protocol):
    """Whoever is told how far the search is."""

    def __call__(self, done: int, best: Candidate | None, score: float | None) -> None: ...


@dataclass(eq=False)
class Batches:
    """The batches of a search, in order: those that stand are read, the others are measured and kept."""

    crew: Crew
    kept: KeptSearch
    number: int = 0
    measured: int = 0                            # tasks that were done by this process

    def map(self, tasks: Sequence[Task], done: Callable[[int], None] = lambda count: None) -> list[list[Measured]]:
        """What the tasks came to, in their order."""
        number, self.number = self.number, self.number + 1
        if not tasks:
            return []
        found = self.kept.get(number, tasks)
        if found is None:
            found = self.crew.map(tasks, done)
            self.kept.keep(number, tasks, found)
            self.measured += len(tasks)
        return found

    def each(self, tasks: Sequence[Task], done: Callable[[int], None] = lambda count: None) -> list[list[Measured]]:
        """The same in several batches, so that a long row of tasks is not lost as a whole."""
        found: list[list[Measured]] = []
        for begin in range(0, len(tasks), MOST_AT_ONCE):
            found += self.map(tasks[begin:begin + MOST_AT_ONCE], done)
        return found


@dataclass(frozen=True, eq=False)
class Walk:
    """What is searched: the space, the folds, and how a span is scored."""

    place: Place
    space: Space
    policy: SearchPolicy
    plan: FoldPlan
    seed: int
    score: Score

    @property
    def own_draws(self) -> bool:
        """Whether each fold has a proposer of its own, which is told of that fold alone."""
        return self.policy.method == "tpe"

    def spans(self, fold: Fold) -> tuple[Span, ...]:
        """What has to be known of a candidate that the fold may choose."""
        return tuple(dict.fromkeys((*fold.train, *fold.test, self.plan.searched)))

    def train(self, candidate: Candidate, fold: Fold) -> Measured:
        """What the candidate came to in the fold's train windows, without what the test windows could have told."""
        whole = stitched([candidate.spans[span] for span in fold.train])
        return whole if self.policy.scheme != "cpcv" else without_purged(whole, self.plan, fold)

    def test(self, candidate: Candidate, fold: Fold) -> Measured:
        return stitched([candidate.spans[span] for span in fold.test])

    def whole(self, candidate: Candidate) -> Measured:
        return candidate.spans[self.plan.searched]

    def choosable(self, candidate: Candidate, fold: Fold | None) -> float | None:
        """The score in a fold's train windows (None: over all that is searched); None where it is undefined or rests on too few trades."""
        number = 0 if fold is None else fold.number
        if number not in candidate.scores:
            measured = self.whole(candidate) if fold is None else self.train(candidate, fold)
            candidate.scores[number] = self.score(measured) if may_choose(measured, self.policy.min_trades) else None
        return candidate.scores[number]

    def best(self, candidates: Iterable[Candidate], fold: Fold | None = None) -> tuple[Candidate | None, float | None]:
        """The candidate with the highest score of those that the fold tried, the first of equal ones; nobody where none has one."""
        chosen: tuple[Candidate | None, float | None] = (None, None)
        for one in candidates:
            value = self.choosable(one, fold) if fold is None or fold.number in one.folds else None
            if value is not None and (chosen[1] is None or value > chosen[1]):
                chosen = one, value
        return chosen


def stitched(parts: Sequence[Measured]) -> Measured:
    """Windows one after the other.  A day that two of them share, where symbols of several calendars have sessions that overlap, counts once."""
    if all(before.dates.size == 0 or after.dates.size == 0 or before.dates[-1] < after.dates[0] for before, after in zip(parts, parts[1:], strict=False)):
        return joined(parts)
    money, trades, dates, returns = parts[0].capital, [], [], []
    for part in parts:
        scaled = part.trades[:part.trades.size if money > 0.0 else 0].copy()               # nothing trades behind a loss of everything
        scaled["net"] *= money / part.capital
        trades.append(scaled)
        dates.append(part.dates)
        returns.append(part.returns)
        money *= part.growth
    days, which = np.unique(np.concatenate(dates), return_inverse=True)
    grown = np.ones(days.size)
    np.multiply.at(grown, which, 1.0 + np.concatenate(returns))
    return Measured(Span(parts[0].span.start_ns, parts[-1].span.end_ns), parts[0].capital, days, parts[0].capital * np.cumprod(grown), np.concatenate(trades))


def searched(walk: Walk, batches: Batches, tell: Told = lambda done, best, score: None,
             note: Callable[[list[tuple[Params, Measured]]], None] = lambda looks: None) -> list[Candidate]:
    """Every candidate in the order in which it was first tried; the desk's own configuration is the first.

    `note`: takes what each batch came to over all that is searched, before anybody is told of it.
    """
    known: dict[str, Candidate] = {}
    asking = _Asking(walk)
    while wanted := asking.next(known):
        tasks: list[tuple[Candidate, Task]] = []
        for params, folds in wanted:
            one = known.setdefault(params_id(params), Candidate(params_id(params), dict(params)))
            one.folds.update(fold.number for fold in folds)
            missing = tuple(span for span in dict.fromkeys(span for fold in folds for span in walk.spans(fold)) if span not in one.spans)
            if missing:
                tasks.append((one, Task(walk.place, one.params, missing)))
        measured = batches.map([task for _, task in tasks], _counting(tell, max(0, len(known) - len(wanted))))
        for (one, _), parts in zip(tasks, measured, strict=True):
            one.spans.update({part.span: part for part in parts})
        note([(one.params, walk.whole(one)) for one, _ in tasks])
        best, score = walk.best(known.values())
        tell(len(known), best, score)
    return list(known.values())


def _counting(tell: Told, before: int) -> Callable[[int], None]:
    """Tells of what is done inside a batch, on top of those before it."""
    return lambda count: tell(before + count, None, None)


class _Asking:
    """Which configurations come next, and which folds try them."""

    def __init__(self, walk: Walk) -> None:
        self._walk, self._number = walk, 0
        folds = walk.plan.folds
        asking: list[tuple[tuple[Fold, ...], int]]
        if walk.own_draws:
            asking = [((fold,), _drawn(walk.seed, "fold", fold.number)) for fold in folds]
        else:
            asking = [(tuple(folds), walk.seed)]
        self._groups = [(one, proposer(walk.space, walk.policy, seed)) for one, seed in asking]
        self._tried: list[list[Params]] = [[] for _ in self._groups]

    def next(self, known: dict[str, Candidate]) -> list[tuple[Params, tuple[Fold, ...]]]:
        """The next batch of every group, a configuration once."""
        wanted: dict[str, tuple[Params, list[Fold]]] = {}
        number, self._number = self._number, self._number + 1
        for (folds, asks), tried in zip(self._groups, self._tried, strict=True):
            told = [(params, self._told(known[params_id(params)], folds[0])) for params in tried] if self._walk.own_draws else []
            batch = list(asks.batch(number, told))
            for params in batch:
                wanted.setdefault(params_id(params), (params, []))[1].extend(folds)
            tried += batch
        return [(params, tuple(folds)) for params, folds in wanted.values()]

    def _told(self, candidate: Candidate, fold: Fold) -> float | None:
        return self._walk.choosable(candidate, fold)


def _drawn(seed: int, *names: str | int) -> int:
    """A seed of its own for each purpose."""
    return int(seeds(seed, *names).generate_state(1, np.uint32)[0])


def without_purged(whole: Measured, plan: FoldPlan, fold: Fold) -> Measured:
    """Train sessions and trades without those that a test window, or the embargo behind it, could have told of.

    A trade goes by its own time in the market; a session that it touched goes with it, because part of its result is in there.
    """
    trades = plan.may_train(fold, whole.trades["entry_ts"], whole.trades["exit_ts"])
    at = np.minimum(np.searchsorted(plan.dates, whole.dates), plan.dates.size - 1)
    opens, closes = plan.opens[at], plan.closes[at]
    sessions = plan.may_train(fold, opens, closes)
    gone = [(int(one["entry_ts"]), int(one["exit_ts"])) for one in whole.trades[~trades]]
    if gone:
        sessions &= purged(opens, closes - 1, gone)
    equity = whole.capital * np.cumprod(1.0 + whole.returns[sessions])
    return replace(whole, dates=whole.dates[sessions], equity=equity, trades=whole.trades[trades])


def rank(values: Sequence[float | None], own: float | None) -> tuple[int | None, int]:
    """The place of a value among several, 1 being the best, and how many have one."""
    known = [value for value in values if value is not None]
    return (None if own is None else 1 + sum(value > own for value in known)), len(known)
