"""What is said beside the figures of a sealed end, and which run may open one."""

import pytest

from pse.commands.wfo_holdout import cautions, run
from pse.domain.errors import RequestError
from pse.store.holdouts import openings
from tests.commands.made_runs import context_of, finished_run


def found(sessions=89, trades=40, interval=(-0.5, 2.25), verdict="CREDIBLE"):
    return {"window": {"sessions": sessions}, "figures": {"trades": trades, "sharpe": 0.9}, "intervals": {"sharpe": interval}, "verdict": verdict}


def test_the_newest_run_is_not_opened_without_its_name(tmp_path):
    context = context_of(tmp_path)
    one = finished_run(context.home, command="wfo")
    with pytest.raises(RequestError, match=rf"a seal opens once.*{one.run_id}"):
        run(context, "latest")
    assert openings(context.home) == []


def test_the_sharpe_ratio_of_sealed_sessions_stands_with_its_interval_and_their_number():
    assert cautions(found()) == ["Sharpe ratio on the sealed sessions, 95 % interval: -0.50 to 2.25 (block bootstrap over 89 sessions, 40 trades)."]


def test_a_sealed_end_of_seven_sessions_says_that_it_says_little():
    assert cautions(found(7, 3, None)) == ["This says little: 7 sessions, where an interval takes 20, and 3 trades, where the court asks for 30."]


def test_a_search_that_was_not_credible_is_named_beside_its_sealed_end():
    assert "The verdict on the search is OVERFIT, not CREDIBLE" in cautions(found(verdict="OVERFIT"))[-1]
    assert cautions({name: value for name, value in found(verdict="UNPROVEN").items() if name != "intervals"})[-1].startswith("The verdict")
