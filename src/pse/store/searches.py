"""A search on disk while it runs: what its finished batches came to, so that one that was killed goes on where it stopped.

`data/state/searches/<name>/` holds a file a batch; the name is the hash of everything that decides the search, so that the same command finds its own.
A file begins with the hash of what follows: one that does not hold it is moved aside and its batch done again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pse.domain.records import canonical
from pse.domain.trials import TRIAL_TRADE, Measured, Span, Task
from pse.store.files import write_atomic
from pse.store.layout import Home, safe_name
from pse.store.locks import locked

SUFFIX, ASIDE = ".batch", ".damaged"
DATES, EQUITY = np.dtype("<i4"), np.dtype("<f8")
Found = list[list[Measured]]


def search_name(known: Any) -> str:
    """16 hex digits over everything that decides a search."""
    return hashlib.sha256(canonical(known).encode()).hexdigest()[:16]


def searches_folder(home: Home) -> Path:
    return home.state / "searches"


@dataclass(eq=False)
class KeptSearch:
    """The finished batches of one search.  `told` of each file that was moved aside; `reused` counts the tasks that had not to be done again."""

    folder: Path
    told: Callable[[str], None] = lambda text: None
    reused: int = field(default=0)

    @classmethod
    def at(cls, home: Home, name: str, told: Callable[[str], None] = lambda text: None) -> KeptSearch:
        return cls(searches_folder(home) / safe_name(name, "name of a search"), told)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keeps other processes from the same search."""
        with locked(self.folder / "lock", "this search"):
            yield

    def batches(self) -> int:
        """How many batches stand."""
        return sum(1 for _ in self.folder.glob(f"*{SUFFIX}")) if self.folder.is_dir() else 0

    def get(self, number: int, tasks: Sequence[Task]) -> Found | None:
        """What a batch came to; None where it is not there, is damaged, or was another batch."""
        path = self._path(number)
        if not path.is_file():
            return None
        try:
            found = _read(path.read_bytes(), tasks)
        except _Other:                                       # of a search that asked for other draws: what is done now takes its place
            return None
        except ValueError as error:
            aside = path.with_suffix(ASIDE)
            path.replace(aside)
            self.told(f"{path} does not hold what was written there ({error}); it was moved to {aside.name} and its {len(tasks)} configurations are done again")
            return None
        self.reused += len(tasks)
        return found

    def keep(self, number: int, tasks: Sequence[Task], found: Found) -> None:
        """Writes a finished batch in one step."""
        write_atomic(self._path(number), _written(tasks, found))

    def remove(self) -> None:
        """Takes everything of a search away, once its run stands."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:06d}{SUFFIX}"


class _Other(Exception):
    """A batch that is whole, and of other tasks."""


def _asked(task: Task) -> list[Any]:
    return [dict(task.params), [[span.start_ns, span.end_ns] for span in task.spans], task.fills, task.random_entries, task.seed]


def _written(tasks: Sequence[Task], found: Found) -> bytes:
    """The bytes of a batch: the hash of the rest, a line that says what follows, and the arrays."""
    heads, arrays = [], []
    for task, measured in zip(tasks, found, strict=True):
        heads.append([_asked(task), [[one.span.start_ns, one.span.end_ns, one.capital, one.dates.size, one.trades.size] for one in measured]])
        for one in measured:
            arrays += [one.dates.astype(DATES).tobytes(), one.equity.astype(EQUITY).tobytes(), one.trades.astype(TRIAL_TRADE).tobytes()]
    rest = canonical(heads).encode() + b"\n" + b"".join(arrays)
    return hashlib.sha256(rest).hexdigest().encode() + b"\n" + rest


def _read(content: bytes, tasks: Sequence[Task]) -> Found:
    """What `_written` wrote for these tasks; `_Other` where they are others, ValueError where it is damaged."""
    told, _, rest = content.partition(b"\n")
    if hashlib.sha256(rest).hexdigest().encode() != told:
        raise ValueError("its hash is that of something else")
    line, _, arrays = rest.partition(b"\n")
    heads = json.loads(line)
    if canonical([asked for asked, _ in heads]) != canonical([_asked(task) for task in tasks]):
        raise _Other
    found, at = Found(), 0
    for _, spans in heads:
        own = []
        for start, end, capital, sessions, trades in spans:
            parts = []
            for kind, count in ((DATES, sessions), (EQUITY, sessions), (TRIAL_TRADE, trades)):
                parts.append(np.frombuffer(arrays, kind, count, at))
                at += kind.itemsize * count
            own.append(Measured(Span(start, end), float(capital), *parts))
        found.append(own)
    return found
