"""Retests: the compiled scan against its naive twin, and the shapes of episodes, points of interest and levels by hand."""

from math import isnan, nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pse.kernels.pricing import levels_alive
from pse.kernels.retests import FVG_HALF, FVG_OB, point_of_interest, retest_code
from pse.kernels.targets import CODES
from pse.tactics.levels import target_levels
from pse.tactics.mss_fvg_retest import MssFvgRetest
from pse.tactics.sweep_reversal import SweepReversal
from tests.naive import retests as naive
from tests.tactics.views import TICK, entered, instrument, random_view, refused

seeds = st.integers(0, 2**32 - 1)


def found(view, cap, tactic=None):
    """The scan's finds in the naive twin's form."""
    scan = (tactic or MssFvgRetest()).scan(view, instrument(cap=cap))
    bar = {int(ts): t for t, ts in enumerate(view.decision.ts_close)}
    good = [(bar[int(row["ts"])], int(row["direction"]), int(row["group"]), *(float(row[name]) for name in ("entry", "stop", "target", "target2")))
            for row in entered(scan).rows]
    return good, [(bar[body["ts"]], body["direction"], body["code"]) for body in refused(scan)]


def assert_as_the_naive_twin(view, cap, tactic, stop_line):
    good, bad = found(view, cap, tactic)
    naive_good, naive_bad = naive.scan(view, TICK, nan if cap is None else cap, stop_line)
    assert [row[:3] for row in good] == [row[:3] for row in naive_good]
    for ours, theirs in zip(good, naive_good, strict=True):
        assert ours[3:6] == pytest.approx(theirs[3:6], abs=1e-9)
        assert isnan(ours[6]) if theirs[6] is None else ours[6] == pytest.approx(theirs[6], abs=1e-9)
    assert sorted(bad) == sorted((t, d, code) for t, d, _, code in naive_bad)
    return good


@settings(max_examples=25, deadline=None)
@given(seeds, st.sampled_from([8.0, 3.0, None]))
def test_the_retests_after_a_shift_are_those_of_the_naive_twin(seed, cap):
    assert_as_the_naive_twin(random_view(seed), cap, MssFvgRetest(), naive.behind_the_gap)


@settings(max_examples=25, deadline=None)
@given(seeds, st.sampled_from([8.0, 3.0, None]))
def test_the_retests_after_a_sweep_are_those_of_the_naive_twin(seed, cap):
    assert_as_the_naive_twin(random_view(seed), cap, SweepReversal(), naive.behind_the_sweep)


def test_the_made_up_features_reach_every_outcome():
    codes, setups = set(), 0
    for seed in range(12):
        scan = MssFvgRetest().scan(random_view(seed), instrument(cap=3.0))
        codes |= {body["code"] for body in refused(scan)}
        setups += len(entered(scan))
    assert codes == {"CONTEXT", "MIN_BARS_BETWEEN", "SL_CAP", "TP_BLOCKED"} | (codes & {"NO_TP"}) and setups > 10


def test_half_of_the_gap_counts_when_no_block_overlaps_a_quarter_of_it():
    assert point_of_interest(101.0, 97.0, 1, nan, nan, 0.25) == (101.0, 99.0, FVG_HALF)
    assert point_of_interest(101.0, 97.0, -1, nan, nan, 0.25) == (97.0, 99.0, FVG_HALF)
    assert point_of_interest(101.0, 97.0, 1, 97.75, 95.0, 0.25) == (101.0, 99.0, FVG_HALF)       # 0.75 of 4 points
    assert point_of_interest(101.0, 97.0, 1, 96.0, 95.0, 0.0) == (101.0, 99.0, FVG_HALF)         # no overlap at all


def test_a_block_that_overlaps_a_quarter_of_the_gap_is_the_point_of_interest():
    assert point_of_interest(101.0, 97.0, 1, 98.0, 95.0, 0.25) == (98.0, 97.0, FVG_OB)           # exactly a quarter
    assert point_of_interest(101.0, 97.0, -1, 103.0, 99.5, 0.25) == (99.5, 101.0, FVG_OB)


@pytest.mark.parametrize(("low", "close", "fill", "code"), [
    (101.2, 101.5, -0.08, "OK"), (101.25, 101.5, -0.1, "NO_TAG"), (98.875, 100.0, 0.85, "OK"), (98.75, 100.0, 0.9, "TOO_DEEP"),
    (99.0, 99.75, 0.8, "NO_REJECTION"), (99.0, 100.0, 0.8, "OK"),
])
def test_tag_depth_and_close_are_judged_in_that_order_with_inclusive_bounds(low, close, fill, code):
    """A gap 98.5..101, its half from 99.75 up, tolerance 0.2; mirrored around 0 for shorts."""
    assert CODES[retest_code(1, low, close, 101.0, 99.75, 0.2, fill, 0.85)] == code
    assert CODES[retest_code(-1, -low, -close, -101.0, -99.75, 0.2, fill, 0.85)] == code


def test_without_a_tolerance_nothing_is_tagged():
    assert CODES[retest_code(1, 90.0, 100.0, 101.0, 99.75, nan, 0.5, 0.85)] == "NO_TAG"


@settings(max_examples=30, deadline=None)
@given(seeds)
def test_the_list_of_living_levels_equals_a_filter_of_the_table_at_every_bar(seed):
    levels = target_levels(random_view(seed), 0.5, False).rows
    active, count, head = np.zeros(levels.size, np.int64), 0, 0
    for t in np.flatnonzero(np.random.default_rng(seed).random(140) < 0.5):
        count, head = levels_alive(levels, active, count, head, t)
        assert active[:count].tolist() == np.flatnonzero((levels["known_at"] <= t) & (levels["ended_at"] > t)).tolist()
