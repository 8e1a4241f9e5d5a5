"""The order of several setups at one instant: the naive twin, and the rules one by one."""

from math import nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pse.kernels.select import STATUS, select, setup_rank
from tests.naive import select as naive


def ordered(setups, gap=0.05):
    """Runs the kernel on dicts: (rows best first, words of status, conflict)."""
    n = len(setups)
    columns = [np.array([s[name] for s in setups], kind) for name, kind in (("rank", float), *((c, np.int64) for c in
               ("direction", "group", "precedence", "event")))]
    order, status = np.full(n, -1), np.full(n, -1)
    kept, conflict = select(n, *columns, order, status, gap)
    return order[:kept].tolist(), [STATUS[code] for code in status], conflict


def setup(rank, direction=1, group=-1, precedence=0, event=0):
    return {"rank": rank, "direction": direction, "group": group, "precedence": precedence, "event": event}


@settings(max_examples=300, deadline=None)
@given(st.lists(st.builds(setup, st.sampled_from([0.5, 0.54, 0.56, 0.6, 0.7]), st.sampled_from([1, -1]), st.integers(-1, 2), st.integers(0, 2),
                          st.integers(0, 2)), max_size=8))
def test_the_order_equals_its_naive_twin(setups):
    order, _, conflict = ordered(setups)
    assert (order, conflict) == naive.select(setups)


def test_one_gap_keeps_the_tactic_first_in_precedence_even_with_a_lower_rank():
    assert ordered([setup(0.9, group=7, precedence=1), setup(0.6, group=7, precedence=0)]) == ([1], ["TWIN", "KEPT"], False)


def test_one_gap_in_two_directions_is_two_ideas():
    assert ordered([setup(0.9, 1, 7), setup(0.6, -1, 7)])[0] == [0, 1]


def test_equal_ranks_go_by_tactic_then_event_then_row():
    rows = [setup(0.7, precedence=2), setup(0.7, precedence=1, event=5), setup(0.7, precedence=1, event=4), setup(0.7, precedence=1, event=4)]
    assert ordered(rows)[0] == [2, 3, 1, 0]


@pytest.mark.parametrize(("gap", "conflict"), [(0.05, True), (0.04, True), (0.051, False)])
def test_opposite_directions_within_the_gap_trade_nothing(gap, conflict):
    order, status, told = ordered([setup(0.8), setup(0.8 - gap, -1), setup(0.5)])
    assert told is conflict and order == [0, 1, 2] and status == (["CONFLICT"] * 3 if conflict else ["KEPT"] * 3)


def test_no_setups_is_no_conflict():
    assert ordered([]) == ([], [], False)


def test_rank_leaves_out_a_trend_score_that_nobody_computed():
    """.4 * .7 + .2 * .5 + .2 * .8 = .54; a score of .6 adds .12; reward counts up to 3R."""
    assert setup_rank(0.7, 0.7, nan, 1.5, 0.8, 0.0) == pytest.approx(0.54)
    assert setup_rank(0.7, 0.7, 0.6, 1.5, 0.8, 0.0) == pytest.approx(0.66)
    assert setup_rank(0.7, 0.7, 0.6, 9.0, 0.8, 0.1) == pytest.approx(0.86)
    assert setup_rank(0.7, 0.7, 0.6, nan, 0.8, 0.0) == pytest.approx(0.56)


def test_a_tactic_without_a_base_score_ranks_by_its_confidence():
    assert setup_rank(0.7, 0.42, 0.6, 2.0, nan, 0.1) == 0.42
