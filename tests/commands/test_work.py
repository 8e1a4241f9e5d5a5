"""The real work of a search on stored bars: pinned, kept between tasks, and the same bytes in this process, in others and on a cluster."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pse.clock import moment_ns
from pse.commands import work as working
from pse.commands.crew import Crew, cluster_crew, local_crew
from pse.commands.inputs import gather
from pse.commands.work import forget, place_of, quiet_context, work
from pse.domain.errors import OutsideError, UnknownName
from pse.domain.trials import Measured, Place, Span, Task
from tests.commands.clusters import loopback_cluster
from tests.commands.stored import FIRST, LAST, answer_of, stored_synthetic
from tests.commands.test_crew import bytes_of

MIDDLE = "2023-03-10"
KEY = "risk.plan.breakeven_at_r"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return stored_synthetic(tmp_path_factory.mktemp("home"))


@pytest.fixture(autouse=True)
def _nothing_kept():
    forget()
    yield
    forget()


def place(home: Path) -> Place:
    context = quiet_context(str(home))
    start, end = (moment_ns(text, "a day") for text in (FIRST, LAST))
    return place_of(gather(context, context.settings, ("ES",), start, end), context)


def tasks(where: Place, count: int = 5) -> list[Task]:
    spans = (Span(where.start_ns, moment_ns(MIDDLE, "a day")), Span(moment_ns(MIDDLE, "a day"), where.end_ns))
    return [Task(where, {KEY: 0.5 + 0.25 * number}, spans) for number in range(count)]


def done_by(crew: Crew, given: list[Task]) -> list[list[Measured]]:
    try:
        return crew.map(given)
    finally:
        crew.close()


@pytest.mark.slow
def test_two_processes_give_the_bytes_that_one_gives(home):
    given = tasks(place(home))
    alone = bytes_of(done_by(local_crew(quiet_context(str(home)), 1), given))
    assert bytes_of(done_by(local_crew(quiet_context(str(home)), 2), given)) == alone
    assert len(set(alone)) > 1, "the tasks differ, so that an answer in the wrong place would show"


@pytest.mark.slow
def test_a_cluster_gives_the_bytes_that_one_process_gives(home, tmp_path):
    pytest.importorskip("distributed")
    given = tasks(place(home), 3)
    alone = bytes_of(done_by(local_crew(quiet_context(str(home)), 1), given))
    with loopback_cluster(tmp_path) as cluster:
        assert bytes_of(done_by(cluster_crew(quiet_context(str(home)), cluster.address), given)) == alone


def test_a_whole_window_ends_with_the_money_that_a_backtest_of_the_same_settings_ends_with(home):
    where = place(home)
    [whole] = work(Task(where, {KEY: 1.25}, (Span(where.start_ns, where.end_ns),)))
    ran = answer_of(home, "backtest", "--symbol", "ES", "--start", FIRST, "--end", LAST, "--set", "risk_policies.futures_intraday.plan.breakeven_at_r=1.25")
    assert whole.equity[-1] - whole.capital == pytest.approx(ran["metrics"]["net_usd"], abs=0.005)
    assert len(whole.trades) == ran["metrics"]["trades"] > 0


def test_bars_that_come_in_later_change_nothing_of_a_pinned_place(tmp_path):
    home = stored_synthetic(tmp_path)
    where = place(home)
    before = [work(task) for task in tasks(where, 1)]
    answer_of(home, "ingest", "--provider", "synthetic", "--symbol", "ES", "--start", "2023-02-20", "--end", "2023-03-20", "--seed", "12")
    forget()
    assert bytes_of([work(task) for task in tasks(where, 1)]) == bytes_of(before)
    assert bytes_of([work(task) for task in tasks(place(home), 1)]) != bytes_of(before)


def test_what_was_loaded_is_kept_for_the_next_task_at_the_same_place_and_goes_with_another(home, monkeypatch):
    loads: list[str] = []
    load = working._load
    monkeypatch.setattr(working, "_load", lambda where: loads.append(where.key) or load(where))
    where = place(home)
    first, second = tasks(where, 2)
    work(first)
    work(second)
    work(replace(second, place=replace(where)))
    assert len(loads) == 1
    other = replace(where, settings={**where.settings, "seed": 7})
    work(replace(first, place=other))
    assert loads == [where.key, other.key]


def test_a_task_may_name_another_rule_of_fills(home):
    [task] = tasks(place(home), 1)
    answers = {fills: work(replace(task, fills=fills)) for fills in (None, "conservative", "pessimistic", "optimistic")}
    totals = {fills: float(answer[-1].equity[-1]) for fills, answer in answers.items()}
    assert totals[None] == totals["conservative"]
    assert totals["pessimistic"] < totals["optimistic"]
    with pytest.raises(UnknownName, match="no fill policy named 'kind'"):
        work(replace(task, fills="kind"))


def test_a_tactic_of_the_user_s_that_changed_since_the_search_began_is_refused_and_another_search(home, tmp_path):
    own = stored_synthetic(tmp_path / "own")
    (own / "tactics").mkdir()
    source = own / "tactics" / "mine.py"
    source.write_text("from pse.tactics.moving_average_cross import MovingAverageCross\n\n\nclass Mine(MovingAverageCross):\n    name = 'mine'\n")
    (own / "configs" / "desks").mkdir(parents=True, exist_ok=True)
    (own / "configs" / "desks" / "mine.yaml").write_text("symbols: [ES]\nrisk: futures_intraday\ntactics: {mine: {from: tactics/mine.py:Mine}}\n")
    (own / "configs" / "settings.yaml").write_text("desk: mine\n")
    before = place(own)
    span = (Span(before.start_ns, moment_ns(MIDDLE, "a day")),)
    assert work(Task(before, {}, span))[0].dates.size > 0
    source.write_text(source.read_text() + "    label = 'another'\n")
    forget()
    with pytest.raises(OutsideError, match="the source of mine below .* is not the one"):
        work(Task(before, {}, span))
    assert place(own).key != before.key
