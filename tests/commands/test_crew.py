"""Work that is shared out: the same bytes whoever does it, and nothing lost when a worker dies."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from pse.commands.crew import Batch, Processes, local_crew
from pse.commands.work import quiet_context
from pse.domain.errors import OutsideError, RequestError
from pse.domain.trials import Measured
from tests.commands.workers import deadly, measured, refusing, squared, tasks


def bytes_of(answers: list[list[Measured]]) -> list[bytes]:
    return [b"".join(array.tobytes() for one in answer for array in (one.dates, one.equity, one.trades)) for answer in answers]


def crew(home: Path, through, jobs: int = 2) -> Processes:
    return Processes(quiet_context(str(home)), jobs, through)


def seen(home: Path) -> Counter[int]:
    return Counter(int(line.split()[0]) for line in (home / "seen").read_text().splitlines())


def test_answers_come_in_the_order_of_the_tasks_and_every_one_is_told(tmp_path):
    told: list[int] = []
    workers = crew(tmp_path, squared)
    try:
        first = workers.map(tasks(tmp_path, range(23)), told.append)
        second = workers.map(tasks(tmp_path, [5]))
    finally:
        workers.close()
    assert bytes_of(first) == bytes_of([[measured(number)] for number in range(23)])
    assert bytes_of(second) == bytes_of([[measured(5)]])
    assert told == sorted(told) and told[-1] == 23
    assert workers.map([]) == []


@pytest.mark.slow
def test_a_worker_that_is_killed_is_replaced_and_what_it_had_not_finished_is_done_again(tmp_path):
    (tmp_path / "death-1").touch()
    workers = crew(tmp_path, deadly)
    try:
        found = workers.map(tasks(tmp_path, range(12)))
    finally:
        workers.close()
    assert bytes_of(found) == bytes_of([[measured(number)] for number in range(12)])
    assert seen(tmp_path)[7] == 2


@pytest.mark.slow
def test_a_task_on_which_three_processes_died_is_told_by_its_parameters(tmp_path):
    for death in "1234":
        (tmp_path / f"death-{death}").touch()
    workers = crew(tmp_path, deadly, 1)
    try:
        with pytest.raises(OutsideError, match=r"died 3 times on the same configuration, \{'number': 7\}"):
            workers.map(tasks(tmp_path, range(12)))
    finally:
        workers.close()
    assert seen(tmp_path)[7] == 3
    assert len(list(tmp_path.glob("death-*"))) == 1


def test_a_task_that_ran_beside_a_deadly_one_is_not_blamed(tmp_path):
    batch = Batch(tasks(tmp_path, range(4)))
    for _ in range(2):
        batch.died([[0], [1]], RuntimeError())
    assert batch.careful(2) == [[0]], "a suspect is done alone, so that a third death is its own"
    batch.take([0], [[measured(0)]])
    assert batch.careful(2) == [[1]]
    with pytest.raises(OutsideError, match="'number': 1"):
        batch.died([[1]], RuntimeError())


def test_what_a_task_is_refused_for_is_said_in_its_own_words(tmp_path):
    workers = crew(tmp_path, refusing)
    try:
        with pytest.raises(RequestError, match="no such parameter"):
            workers.map(tasks(tmp_path, [1]))
    finally:
        workers.close()


def test_more_processes_than_one_without_the_package_that_makes_them_are_refused_with_the_mend(tmp_path, monkeypatch):
    for name in ("joblib", "joblib.externals.loky"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(RequestError, match=r'--jobs 2 needs the package joblib.*pip install "pse-toolkit\[research\]".*--jobs 1'):
        crew(tmp_path, squared).map(tasks(tmp_path, [1]))


def test_a_crew_of_nobody_is_refused(tmp_path):
    with pytest.raises(RequestError, match=r"--jobs 0: expected a number of processes from 1 on"):
        local_crew(quiet_context(str(tmp_path)), 0)


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_workers_end_with_the_search_however_it_ends_and_leave_no_trace_on_the_screen(tmp_path, sent):
    script = f"from pathlib import Path; from tests.commands.workers import work_endlessly; work_endlessly(Path({str(tmp_path)!r}))"
    search = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        until(lambda: len(list(tmp_path.glob("at-*"))) == 2)
        workers = [int(path.name.removeprefix("at-")) for path in tmp_path.glob("at-*")]
        assert all(map(is_alive, workers))
        if sent is signal.SIGINT:
            os.killpg(search.pid, sent)                      # as a terminal does: the workers hear it too
        else:
            search.kill()
        assert search.wait(30) == (130 if sent is signal.SIGINT else -sent)
        until(lambda: not any(map(is_alive, workers)))
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(search.pid, signal.SIGKILL)
        told = search.communicate()[1]
    assert "Traceback" not in told and "Error" not in told


def is_alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False


def until(true: Callable[[], bool], seconds: float = 60.0) -> None:
    """Waits for something to come true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.02)
