"""Who does the work of a search: this process, others of this machine, or a cluster.

The answers come in the order of the tasks and are the same bytes whoever gave them, and however many were at it.
"""

from __future__ import annotations

import math
import os
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, Protocol

from pse.commands.wiring import Context
from pse.commands.work import Parcel, Refused, forget, packed, parcel, work, work_through
from pse.domain.errors import OutsideError, RequestError
from pse.domain.trials import Measured, Place, Task
from pse.kernels import compiled_before

Through = Callable[[Parcel], list[list[Measured] | Refused]]
Done = Callable[[int], None]                     # told how many tasks of a `map` are done so far
Packed = dict[int, tuple[Place, tuple[str, bytes]]]      # places by identity, which keeping them keeps theirs
DEATHS = 3                                       # of processes on one task, before it is given up
SHARES = 5                                       # pieces that each worker gets of a batch: few enough to be cheap, enough to end together
ONE_THREAD = dict.fromkeys(("NUMBA_NUM_THREADS", "POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"), "1")
WATCH_SECONDS = 0.5


def nobody(done: int) -> None:
    """Who is told nothing."""


class Crew(Protocol):
    """Does tasks; `close` lets everybody go."""

    def map(self, tasks: Sequence[Task], done: Done = nobody) -> list[list[Measured]]:
        """The answers in the order of the tasks; `done` is told how many there are, as they come."""
        ...

    def close(self) -> None: ...


def local_crew(context: Context, jobs: int) -> Crew:
    """A crew of this machine: this process where `jobs` is 1, else so many others, which keep what they loaded from one batch to the next."""
    if jobs < 1:
        raise RequestError(f"--jobs {jobs}: expected a number of processes from 1 on; leave it out for one a core")
    return Alone() if jobs == 1 else Processes(context, jobs)


def cluster_crew(context: Context, address: str) -> Crew:
    """The workers of the Dask scheduler at `address`, tcp://HOST:PORT.  Raises `OutsideError` where it does not answer."""
    from pse.commands.cluster import Cluster

    return Cluster(context, address)


class Alone:
    """This process."""

    def map(self, tasks: Sequence[Task], done: Done = nobody) -> list[list[Measured]]:
        answers = []
        for task in tasks:
            answers.append(work(task))
            done(len(answers))
        return answers

    def close(self) -> None:
        forget()


class Processes:
    """Other processes of this machine.  One that dies is replaced and its tasks are done again; the third death on one task is told."""

    def __init__(self, context: Context, jobs: int, through: Through = work_through) -> None:
        self._context, self._jobs, self._through = context, jobs, through
        self._pool: Any = None
        self._places: Packed = {}

    def map(self, tasks: Sequence[Task], done: Done = nobody) -> list[list[Measured]]:
        batch = Batch(tasks, done, self._places)
        try:
            if tasks and not compiled_before():
                self._context.note("compiling the engine for this machine, once for this version: about half a minute ...")
                self._go_through(batch, [[0]])   # one process compiles and the others read what it compiled
            while batch.left:
                self._go_through(batch, batch.careful(self._jobs))
        except BaseException:
            self._kill()
            raise
        return batch.whole()

    def _go_through(self, batch: Batch, pieces: list[list[int]]) -> None:
        """Gives the pieces to the workers, never more than there are workers; leaves off at a death, which is noted."""
        self._workers()
        from joblib.externals.loky import FIRST_COMPLETED, BrokenProcessPool, wait

        waiting = pieces[::-1]
        running: dict[Any, list[int]] = {}
        try:
            while waiting or running:
                while waiting and len(running) < self._jobs:
                    piece = waiting.pop()
                    running[self._workers().submit(self._through, batch.parcel(piece))] = piece
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    batch.take(running[future], future.result())
                    del running[future]
        except BrokenProcessPool as error:
            self._kill()
            batch.died(running.values(), error)

    def _workers(self) -> Any:
        """The pool, made at first use or anew after a death."""
        if self._pool is None:
            try:
                from joblib.externals.loky import ProcessPoolExecutor
                from joblib.externals.loky.backend.context import get_context
            except ImportError as error:
                raise RequestError(f'--jobs {self._jobs} needs the package joblib, which is not installed; run: pip install "pse-toolkit[research]", or do '
                                   f'the work in this process with --jobs 1') from error

            warnings.filterwarnings("ignore", "A worker stopped while some jobs were given", UserWarning)
            self._pool = ProcessPoolExecutor(self._jobs, context=get_context("loky"), initializer=begin, initargs=(os.getpid(),), env=ONE_THREAD)
        return self._pool

    def _kill(self) -> None:
        """Ends the workers at once, in the middle of whatever they do."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, kill_workers=True)
            self._pool = None

    def close(self) -> None:
        self._kill()


def begin(parent: int) -> None:
    """A worker's first act: Ctrl-C is its parent's affair, and without a parent there is nothing to do."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(WATCH_SECONDS)
    os._exit(1)


# --- one batch -----------------------------------------------------------------------------------------------------------------------------------


class Batch:
    """Tasks on their way: which are answered, and on which of them processes died."""

    def __init__(self, tasks: Sequence[Task], done: Done = nobody, places: Packed | None = None) -> None:
        """`places`: those of earlier batches, packed, which gets those of this one."""
        self._tasks, self._told = tasks, done
        self._packed: Packed = {} if places is None else places
        self._answers: dict[int, list[Measured]] = {}
        self._deaths = [0] * len(tasks)

    @property
    def left(self) -> list[int]:
        """Places of the tasks that have no answer yet."""
        return [i for i in range(len(self._tasks)) if i not in self._answers]

    def careful(self, workers: int) -> list[list[int]]:
        """What to do next: pieces of the tasks that are left; those beside which a process died one by one, and in the end one alone."""
        left = self.left
        if alone := [i for i in left if self._deaths[i] >= DEATHS - 1]:
            return [[alone[0]]]
        if suspects := [i for i in left if self._deaths[i]]:
            return [[i] for i in suspects]
        return list(self.pieces(workers))

    def pieces(self, workers: int) -> Iterator[list[int]]:
        """What is left, shared out: each piece at one place."""
        left = self.left
        size = max(1, math.ceil(len(left) / (workers * SHARES)))
        for _, group in groupby(left, key=lambda i: id(self._tasks[i].place)):
            same = list(group)
            yield from (same[start:start + size] for start in range(0, len(same), size))

    def parcel(self, piece: Sequence[int]) -> Parcel:
        place = self._tasks[piece[0]].place
        if id(place) not in self._packed:
            self._packed[id(place)] = place, packed(place)
        return parcel(self._packed[id(place)][1], [self._tasks[i] for i in piece])

    def take(self, piece: Sequence[int], answers: Sequence[list[Measured] | Refused]) -> None:
        """Keeps the answers to a piece.  Raises what a task was refused for."""
        for i, answer in zip(piece, answers, strict=False):
            if isinstance(answer, Refused):
                raise answer.error()
            self._answers[i] = answer
        self._told(len(self._answers))

    def died(self, running: Iterable[Sequence[int]], error: Exception) -> None:
        """Notes that a process died while these pieces were being done.  Raises `OutsideError` at the third time for one task."""
        for i in (i for piece in running for i in piece):
            self._deaths[i] += 1
            if self._deaths[i] >= DEATHS:
                raise self.deadly([i], f"{DEATHS} times") from error

    def deadly(self, piece: Sequence[int], often: str) -> OutsideError:
        """The words for tasks that no process survives."""
        params = " or ".join(str(dict(self._tasks[i].params)) if self._tasks[i].params else "the desk as it stands" for i in piece)
        return OutsideError(f"a worker process died {often} on the same configuration, {params}; expected an answer. The system ends processes when memory "
                            f"runs out: use fewer workers or a shorter window, or leave that configuration out. What was finished is kept")

    def whole(self) -> list[list[Measured]]:
        return [self._answers[i] for i in range(len(self._tasks))]
