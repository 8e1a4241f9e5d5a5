"""The budget: nothing is sent that is not sure to fit, whoever else spends at the same time and whoever dies in the middle."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import threading
from pathlib import Path

import pytest

from pse.clock import FixedClock, moment_ns
from pse.domain.errors import BadName
from pse.domain.models import ModelFailure
from pse.llm.budget import Budget
from pse.llm.policy import BudgetPolicy

NOON = moment_ns("2026-03-02T12:00")
DAY_NS = 86_400 * 10**9
forking = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes that share an open file are made by fork")


def budget(folder: Path, run_id: str = "run-a", clock: FixedClock | None = None, **policy) -> Budget:
    given = {"usd_per_run": None, "usd_per_day": None, **policy}
    return Budget(BudgetPolicy(**given), folder, run_id, clock or FixedClock(NOON))


def refused(found: Budget, usd: float | None = 0.0, tokens: int = 0) -> str:
    with pytest.raises(ModelFailure) as caught:
        found.reserve("k", usd, tokens)
    assert caught.value.code == "BUDGET" and caught.value.spent == 0.0
    return str(caught.value)


def test_what_was_set_aside_counts_until_it_is_known_what_was_spent(tmp_path):
    found = budget(tmp_path, usd_per_run=0.10)
    one = found.reserve("k", 0.06, 100)
    refused(found, 0.06)
    found.settle(one, 0.01, 40)
    found.reserve("k", 0.06, 100)
    spent = found.spent()
    assert (spent.usd_run, spent.tokens_run, spent.calls_run, spent.unsettled_run) == (0.07, 140, 2, 1)


def test_a_budget_may_be_spent_to_its_last_cent_and_not_beyond(tmp_path):
    found = budget(tmp_path, usd_per_run=0.3)
    for _ in range(3):
        found.reserve("k", 0.1, 1)               # 0.1 + 0.1 + 0.1 > 0.3 in floats; it is not in money
    text = refused(found, 0.000000001)
    assert "0.300000 dollars of the budget" in text and "budget.usd_per_run" in text


def test_fractions_of_a_billionth_are_rounded_against_the_spender(tmp_path):
    found = budget(tmp_path, usd_per_run=1e-9)
    found.reserve("k", 1e-10, 1)
    refused(found, 1e-10)


@pytest.mark.parametrize(("policy", "name"), [({"calls_per_run": 1}, "calls_per_run"), ({"tokens_per_run": 150}, "tokens_per_run")])
def test_calls_and_tokens_have_bounds_of_their_own(tmp_path, policy, name):
    found = budget(tmp_path, **policy)
    found.settle(found.reserve("k", 0.0, 100), 0.0, 100)
    assert name in refused(found, 0.0, 100)


def test_a_bound_of_nothing_lets_nothing_out(tmp_path):
    refused(budget(tmp_path, usd_per_run=0), 1e-9)
    refused(budget(tmp_path, calls_per_run=0))


def test_the_day_is_shared_by_all_runs_and_ends_at_midnight_utc(tmp_path):
    clock = FixedClock(NOON)
    a, b = (budget(tmp_path, run_id, clock, usd_per_day=1.0) for run_id in ("run-a", "run-b"))
    a.settle(a.reserve("k", 0.7, 1), 0.7, 1)
    assert "usd_per_day" in refused(b, 0.4)
    clock.at_ns += DAY_NS // 2
    b.reserve("k", 0.4, 1)
    assert (a.spent().usd_day, a.spent().usd_run) == (0.4, 0.7)


def test_a_run_over_midnight_keeps_its_own_bound(tmp_path):
    clock = FixedClock(NOON)
    found = budget(tmp_path, clock=clock, usd_per_run=1.0)
    kept = found.reserve("k", 0.6, 1)
    clock.at_ns += DAY_NS
    refused(found, 0.6)
    found.settle(kept, 0.5, 1)                   # into the books of the day on which it was set aside
    found.reserve("k", 0.5, 1)
    assert (found.spent().usd_run, found.spent().usd_day) == (1.0, 0.5)
    assert budget(tmp_path, clock=clock, usd_per_run=1.0).spent() == found.spent()


def test_the_day_that_is_written_is_the_day_that_is_bounded_also_while_midnight_passes(tmp_path):
    class Passing:
        looks = 0

        def now_ns(self) -> int:
            self.looks += 1
            return NOON + DAY_NS // 2 - 1 + (self.looks > 1)

    late = FixedClock(NOON + DAY_NS // 2 - 1)
    budget(tmp_path, clock=late, usd_per_day=1.0).reserve("k", 0.9, 1)
    refused(budget(tmp_path, clock=Passing(), usd_per_day=1.0), 0.5)


def test_an_unknown_price_is_refused_unless_it_is_allowed_and_then_counts_as_a_call(tmp_path):
    assert "usd_per_million_in" in refused(budget(tmp_path, usd_per_run=1.0), None)
    found = budget(tmp_path, usd_per_run=1.0, calls_per_run=1, unknown_price="allow")
    found.settle(found.reserve("k", None, 10), None, None)
    assert (found.spent().usd_run, found.spent().tokens_run) == (0.0, 10)
    refused(found, None)


def test_a_cost_that_nobody_told_stays_at_its_most(tmp_path):
    found = budget(tmp_path)
    found.settle(found.reserve("k", 0.5, 100), None, None)
    assert (found.spent().usd_run, found.spent().tokens_run) == (0.5, 100)


@pytest.mark.parametrize("cost", [-1.0, float("nan"), float("inf")])
def test_a_cost_that_is_none_stops_the_run(tmp_path, cost):
    found = budget(tmp_path, usd_per_run=5.0)
    found.settle(found.reserve("k", 0.5, 100), cost, 5)
    refused(found, 0.01)


def test_what_is_set_aside_is_on_the_disk_before_the_call_may_leave(tmp_path, monkeypatch):
    synced, fsync = [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_size) or fsync(descriptor))
    budget(tmp_path).reserve("k", 0.5, 1)
    [book] = tmp_path.glob("*/*.jsonl")
    assert synced == [book.stat().st_size]


def test_a_run_id_that_is_no_file_name_is_refused(tmp_path):
    for run_id in ("", "../x", "a/b", ".hidden", "a" * 65):
        with pytest.raises(BadName):
            budget(tmp_path, run_id)


# --- many at once --------------------------------------------------------------------------------------------------------------------------------

def spend_all(folder: Path, run_id: str, cents: int, **policy) -> int:
    """Reserves a cent until it is refused, settling every second one at half; what it may have spent, in halves of a cent."""
    found, halves, refusals = budget(folder, run_id, **policy), 0, 0
    while refusals < 2 and halves < 2 * cents + 2:
        try:
            kept = found.reserve("k", 0.01, 1)
        except ModelFailure:
            refusals += 1
            continue
        halves += 2
        if halves % 4 == 0:
            found.settle(kept, 0.005, 1)
            halves -= 1
    return halves


def test_sixteen_threads_never_pass_the_bound(tmp_path):
    halves = []
    threads = [threading.Thread(target=lambda: halves.append(spend_all(tmp_path, "run-a", 40, usd_per_run=0.40))) for _ in range(16)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    spent = budget(tmp_path).spent()
    assert len(halves) == 16 and 78 <= sum(halves) <= 80
    assert spent.usd_run == pytest.approx(sum(halves) / 200, abs=1e-12)


@forking
def test_eight_processes_never_pass_the_bound_of_a_day(tmp_path):
    fork = multiprocessing.get_context("fork")
    told = fork.SimpleQueue()
    workers = [fork.Process(target=lambda name: told.put(spend_all(tmp_path, name, 40, usd_per_day=0.40)), args=(f"run-{n % 4}",)) for n in range(8)]
    for one in workers:
        one.start()
    for one in workers:
        one.join()
    halves = sum(told.get() for _ in workers)
    assert 78 <= halves <= 80 and all(one.exitcode == 0 for one in workers)
    assert budget(tmp_path).spent().usd_day == pytest.approx(halves / 200, abs=1e-12)


# --- death -------------------------------------------------------------------------------------------------------------------------------------

def child(folder: Path, told: int) -> None:
    """Asks and asks, and says before each call that it is made: to be killed."""
    found = budget(folder)
    while True:
        kept = found.reserve("k", 0.01, 1)
        os.write(told, b"c")                     # the call leaves here
        found.settle(kept, 0.004, 1)
        os.write(told, b"s")


@forking
@pytest.mark.parametrize("calls", [1, 2, 3, 4, 5, 8, 13])
def test_what_a_killed_process_had_sent_is_never_forgotten(tmp_path, calls):
    ours, its = os.pipe()
    pid = os.fork()
    if pid == 0:
        child(tmp_path, its)
    os.close(its)
    heard = b""
    while len(heard) < calls:
        heard += os.read(ours, 1)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    while more := os.read(ours, 4096):
        heard += more
    os.close(ours)
    spent = budget(tmp_path).spent()
    sent = heard.count(b"c")
    least = 0.004 * heard.count(b"s") + 0.01 * max(0, sent - heard.count(b"s") - 1) + 0.004 * (sent > heard.count(b"s"))
    assert spent.calls_run >= sent and spent.usd_run >= least - 1e-12
    assert spent.unsettled_run in (0, 1)


def test_a_line_that_a_crash_left_half_written_was_never_acted_upon(tmp_path):
    found = budget(tmp_path)
    found.reserve("k", 0.02, 1)
    [book] = tmp_path.glob("*/*.jsonl")
    with open(book, "ab") as file:
        file.write(b'{"do":"reserve","n":1,"na')
    again = budget(tmp_path)
    assert again.spent().usd_run == 0.02
    again.reserve("k", 0.03, 1)
    assert [json.loads(line)["nano"] for line in book.read_text().splitlines()] == [20_000_000, 30_000_000]
    assert found.spent() == again.spent()


@pytest.mark.parametrize("damage", ["garbage\n", '{"do":"settle","n":9,"nano":0,"tokens":0}\n', '{"do":"reserve","n":7,"nano":0,"tokens":0,"key":""}\n',
                                    '{"do":"reserve","n":1,"nano":-5,"tokens":0,"key":""}\n', '[]\n', '{"do":"reserve","n":1,"nano":0.5,"tokens":0}\n'])
def test_books_that_cannot_be_read_let_nothing_out(tmp_path, damage):
    found = budget(tmp_path)
    found.reserve("k", 0.02, 1)
    [book] = tmp_path.glob("*/*.jsonl")
    with open(book, "a") as file:
        file.write(damage)
    for one in (found, budget(tmp_path)):
        assert "cannot be told" in refused(one)


def test_books_that_were_cut_let_nothing_out(tmp_path):
    found = budget(tmp_path)
    for _ in range(2):
        found.reserve("k", 0.02, 1)
    [book] = tmp_path.glob("*/*.jsonl")
    book.write_bytes(book.read_bytes().splitlines(keepends=True)[0])
    assert "was cut" in refused(found)
