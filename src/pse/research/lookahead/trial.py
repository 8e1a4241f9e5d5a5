"""The tries: cuts grouped into windows, each window computed once whole and once for every cut in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from pse.domain.bars import Bars
from pse.research.lookahead.compare import Difference, differences
from pse.research.lookahead.futures import poisoned_after, reversed_after
from pse.research.lookahead.said import AsKnown, History, Key, Said, Say, Series

CHANGES: dict[str, Callable[[History, int], History]] = {
    "prefix": History.until, "reversed": reversed_after, "poisoned": poisoned_after, "repeat": lambda history, _: history}
EVERYBODY: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Layout:
    """A window holds `before` decision bars of history, `step` bars whose cuts it tries, and `after` bars of future."""

    before: int = 1_200
    step: int = 1_000
    after: int = 300


DEFAULT, DENSE = Layout(), Layout(600, 600, 200)


@dataclass(frozen=True)
class Task:
    """What one worker does in one go: (check, cut) pairs on the history from `begin_ns` to `end_ns`; None: on all of it.  `only`: these subjects."""

    tries: tuple[tuple[str, int], ...]
    begin_ns: int | None = None
    end_ns: int | None = None
    only: frozenset[str] = EVERYBODY


@dataclass
class Tried:
    """What came of tasks: every difference with its check and cut, how much was compared, and which keys spoke."""

    found: list[tuple[str, int, Difference]] = field(default_factory=list)
    tries: dict[str, int] = field(default_factory=dict)
    rows: int = 0
    spoke: set[Key] = field(default_factory=set)

    def add(self, other: Tried) -> None:
        """The same with another's results."""
        self.found += other.found
        self.rows += other.rows
        self.spoke |= other.spoke
        for name, count in other.tries.items():
            self.tries[name] = self.tries.get(name, 0) + count


@dataclass(frozen=True, eq=False)
class Bench:
    """What every try needs: who speaks, the whole history, and what was said of it."""

    say: Say
    as_known: AsKnown
    history: History
    whole: Said

    def run(self, task: Task) -> Tried:
        """All tries of one task."""
        tried = Tried()
        if task.begin_ns is None or task.end_ns is None:
            history, later = self.history, self.whole if not task.only else only(self.whole, task.only)
        else:
            history = self.history.window(task.begin_ns, task.end_ns)
            later = self.say(history, task.only)
            tried.spoke = speaking(later)
        for check, moment in task.tries:
            then = self.say(CHANGES[check](history, moment), task.only)
            found, rows = differences(later, then, moment, self.as_known)
            tried.found += [(check, moment, one) for one in found]
            tried.rows += rows
            tried.tries[check] = tried.tries.get(check, 0) + 1
        return tried


def only(said: Said, subjects: frozenset[str]) -> Said:
    """What these subjects said."""
    return Said(said.ts, {key: one for key, one in said.series.items() if key.subject in subjects},
                {key: one for key, one in said.objects.items() if key.subject in subjects},
                {name: why for name, why in said.failed.items() if name in subjects}, said.bars)


def speaking(said: Said) -> set[Key]:
    """Keys that said at least two things that are not the same and not NaN."""
    found = {key for key, rows in said.objects.items() if len(rows)}
    for key, one in said.series.items():
        values = one.values
        if not isinstance(values, np.ndarray) or values.dtype.names or values.ndim > 1:
            spoke = len(values) > 0
        else:
            finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values
            spoke = finite.size > 0 and bool((finite != finite[0]).any())
        if spoke:
            found.add(key)
    return found


def window_tasks(rows: Bars, moments: np.ndarray, layout: Layout, rng: np.random.Generator, perturbed: int = 64) -> list[Task]:
    """The cuts inside windows; `perturbed` of them, and one at least of every window, are tried with either other future too."""
    if not moments.size:
        return []
    at = np.searchsorted(rows.ts_close, moments, side="right") - 1
    tile = np.maximum(at - layout.before, 0) // layout.step
    others = set(rng.choice(moments, min(perturbed, moments.size), replace=False).tolist())
    tasks = []
    for one in np.unique(tile).tolist():
        inside = moments[tile == one].tolist()
        others.add(inside[int(rng.integers(len(inside)))])
        tries = [("repeat", inside[-1]), *(("prefix", moment) for moment in inside)]
        tries += [(check, moment) for moment in inside if moment in others for check in ("reversed", "poisoned")]
        first = one * layout.step
        last = min(first + layout.before + layout.step + layout.after, len(rows) - 1)
        tasks.append(Task(tuple(tries), _session_open(rows, first), int(rows.ts_close[last])))
    return tasks


def _session_open(rows: Bars, row: int) -> int:
    """The open of the row's session, or of the first bar where history begins later."""
    return int(max(rows.ts_open[0], rows.sessions.open_ns[rows.session[row]])) if row else int(rows.ts_open[0])


def whole_tasks(moments: Sequence[int], subjects: frozenset[str] = EVERYBODY, perturbed: int = 4) -> list[Task]:
    """The cuts on all of history, one a task; the middle ones with other futures too, and the last one computed twice."""
    moments = sorted(moments)
    middle = moments[len(moments) // 4:][::max(1, len(moments) // max(perturbed, 1))][:perturbed]
    tasks = [Task((("prefix", moment),), only=subjects) for moment in moments]
    tasks += [Task((("reversed", moment), ("poisoned", moment)), only=subjects) for moment in middle]
    return [*tasks, *([Task((("repeat", moments[-1]),), only=subjects)] if moments else [])]


def sleepers(whole: Said, spoke: set[Key]) -> dict[str, np.ndarray]:
    """Subjects with a key that speaks in the whole history and never did in a window, and the moments at which those keys changed what they say."""
    found: dict[str, list[np.ndarray]] = {}
    for key in sorted(speaking(whole) - spoke):
        found.setdefault(key.subject, []).append(_changes(whole.series[key]) if key in whole.series else whole.ts[:0])
    return {subject: np.unique(np.concatenate(moments)) for subject, moments in found.items()}


def _changes(series: Series) -> np.ndarray:
    ts, values = series.ts, series.values
    if not isinstance(values, np.ndarray) or values.dtype.names or values.ndim > 1:
        return ts                                               # type: ignore[no-any-return]
    with np.errstate(invalid="ignore"):
        turned = values[1:] != values[:-1]
    if values.dtype.kind == "f":
        turned &= ~(np.isnan(values[1:]) & np.isnan(values[:-1]))
    return ts[1:][turned]                                       # type: ignore[no-any-return]


def counted(tasks: Sequence[Task]) -> Mapping[str, int]:
    """How many tries there are of each check."""
    checks = [check for task in tasks for check, _ in task.tries]
    return {check: checks.count(check) for check in CHANGES if check in checks}
