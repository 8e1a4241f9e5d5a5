"""Stand-ins for the work of a search that other processes can import: quick, and on request deadly."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pse.commands.work import Parcel, Refused, tasks_of
from pse.domain.trials import TRIAL_TRADE, Measured, Place, Span, Task

SPAN = Span(0, 1)


def place(home: Path) -> Place:
    return Place(str(home), {}, ("ES",), 0, 1, "none")


def tasks(home: Path, numbers: Sequence[int]) -> list[Task]:
    """One task a number, which is its only parameter."""
    here = place(home)
    return [Task(here, {"number": number}, (SPAN,)) for number in numbers]


def measured(number: int) -> Measured:
    """What the stand-in says of a number: its square roots' sums, so that the bytes tell one number from another."""
    return Measured(SPAN, 1.0, np.arange(3, dtype=np.int32), np.sqrt(np.arange(3) + number), np.zeros(0, TRIAL_TRADE))


def squared(given: Parcel) -> list[list[Measured] | Refused]:
    return [[measured(int(task.params["number"]))] for task in tasks_of(given)]


def deadly(given: Parcel) -> list[list[Measured] | Refused]:
    """As `squared`, but the process dies on number 7 as often as the folder has a file named after a death."""
    for task in tasks_of(given):
        with (Path(task.place.home) / "seen").open("a") as seen:
            seen.write(f"{task.params['number']} {os.getpid()}\n")
        deaths = sorted(Path(task.place.home).glob("death-*"))
        if task.params["number"] == 7 and deaths:
            deaths[0].unlink()
            os.kill(os.getpid(), signal.SIGKILL)
    return squared(given)


def refusing(given: Parcel) -> list[list[Measured] | Refused]:
    return [Refused(2, "no such parameter")]


def slowly(given: Parcel) -> list[list[Measured] | Refused]:
    time.sleep(0.04)
    return squared(given)


def endlessly(given: Parcel) -> list[list[Measured] | Refused]:
    """Never done; the folder tells who is at it."""
    home = Path(next(tasks_of(given)).place.home)
    (home / f"at-{os.getpid()}").touch()
    while True:
        time.sleep(0.02)


def work_endlessly(home: Path) -> None:
    """A search in a process of its own, until somebody stops it."""
    from pse.commands.crew import Processes
    from pse.commands.work import quiet_context

    signal.signal(signal.SIGINT, signal.default_int_handler)       # a shell's background job has it ignored
    try:
        Processes(quiet_context(str(home)), 2, endlessly).map(tasks(home, range(4)))
    except KeyboardInterrupt:
        sys.exit(130)
