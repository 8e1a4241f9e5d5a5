"""Scores against their twins, and the weights of the data score."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pse.kernels.contract import SWEEP_DTYPE, SWEPT
from pse.kernels.gaps import fair_value_gaps
from pse.kernels.quality import data_score, data_scores, freshness, is_sound, open_time, score_breaks
from pse.kernels.rolling import relative_volume
from pse.kernels.structure import structure
from pse.kernels.swings import swings
from pse.kernels.wilder import previous, wilder_atr
from tests.features.made import TICK, walk
from tests.naive import gaps as naive_gaps
from tests.naive import quality as naive

seeds = st.integers(0, 2**32 - 1)


def some_sweeps(rng, n):
    rows = np.zeros(20, SWEEP_DTYPE)
    rows["confirmed_at"], rows["dir"], rows["result"] = np.sort(rng.integers(0, n, 20)), rng.choice([-1, 1], 20), rng.choice([SWEPT, SWEPT + 1], 20)
    rows["priority"] = rng.choice([0.4, 0.5, 0.6, 0.9], 20)
    return rows


@settings(max_examples=40, deadline=None)
@given(seeds)
def test_break_scores_equal_their_naive_twin(seed):
    n, rng = 200, np.random.default_rng(seed)
    o, h, lo, c, v = walk(seed, n)
    a, rvol = previous(wilder_atr(h, lo, c, 5, True)), relative_volume(v, 10)
    htf, session = rng.choice([-1.0, 0.0, 1.0, np.nan], n), np.zeros(n, np.int64)
    _, breaks = structure(o, h, lo, c, a, swings(o, h, lo, c, session, 2, 2, False), False, 1.0, 0.5, 0.6, 3, 20)
    gaps, sweeps = fair_value_gaps(o, h, lo, c, a, session, TICK, 2.0, 0.1, 2.0, 20, False), some_sweeps(rng, n)
    score_breaks(breaks, o, h, lo, c, a, rvol, htf, gaps, sweeps, 3)
    twins = naive_gaps.fair_value_gaps(o, h, lo, c, a, session, TICK, 2.0, 0.1, 2.0, 20, False)
    swept = [{"row": i, "dir": s["dir"], "confirmed_at": s["confirmed_at"], "priority": s["priority"]} for i, s in enumerate(sweeps) if s["result"] == SWEPT]
    for row in breaks:
        for name, last_bar in (("mqs", row["t"]), ("mqs_next", row["t"] + 1)):
            score, best = naive.score(row, o, h, lo, c, a, rvol, htf, twins, swept, 3, last_bar)
            assert row[name] == pytest.approx(score, nan_ok=True)
            assert row["sweep"] == (best["row"] if best else -1)


def cases():
    book = json.loads((Path(__file__).parents[1] / "spec" / "07-risk-and-plans.json").read_text())
    return [case for case in book["cases"] if case["function"] == "data_quality"]


@pytest.mark.parametrize("case", cases(), ids=lambda case: case["id"])
def test_the_data_score_weighs_its_parts_as_the_worked_case(case):
    score = data_score(*(case["input"][name] for name in ("completeness", "freshness", "validity", "continuity")))
    assert score == pytest.approx(case["expected"]["score"]) and (score < 0.8) == case["expected"]["trip"]


def test_the_parts_of_the_data_score_weigh_ten_tenths():
    assert [round(data_score(*(float(i == n) for n in range(4))), 9) for i in range(4)] == [0.4, 0.2, 0.3, 0.1]


def test_freshness_falls_from_two_to_four_bar_lengths():
    assert [freshness(age, 300) for age in (0.0, 600.0, 900.0, 1200.0, 5000.0)] == [1.0, 1.0, 0.5, 0.0, 0.0]


@settings(max_examples=30, deadline=None)
@given(seeds)
def test_data_scores_equal_their_naive_twin(seed):
    n, rng = 80, np.random.default_rng(seed)
    o, h, lo, c, v = walk(seed, n, 0.02)
    c[rng.integers(0, n, 3)] += 30.0
    v[rng.integers(0, n, 2)] = -1.0
    a, session = np.full(n, 1.0), np.arange(n) // 20
    elapsed = np.cumsum(rng.choice([5, 5, 5, 10, 40], n)) * 60
    n_src, age = rng.integers(1, 6, n), rng.choice([0.0, 120.0, 700.0, 1500.0], n)
    ours = data_scores(o, h, lo, c, v, session, a, n_src, elapsed, age, 20, 300, 60, 10.0)
    theirs = [naive.data_score(t, (o, h, lo, c, v), a, session, n_src, elapsed, age, 20, 300, 60, 10.0) for t in range(n)]
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_open_time_leaves_out_the_night_and_the_halt():
    ts, session = np.array([110, 140, 160, 1010]), np.array([0, 0, 0, 1])
    opens, halts, before = np.array([100, 1000]), (np.array([120, 0]), np.array([150, 0])), np.array([0, 70])
    assert list(open_time(ts, session, opens, *halts, before)) == [10, 20, 30, 80]


@pytest.mark.parametrize(("bar", "sound"), [
    ((10.0, 11.0, 9.0, 10.0, 5.0), True), ((10.0, 11.0, 9.0, 10.0, np.nan), True), ((10.0, 11.0, 9.0, 10.0, -1.0), False),
    ((12.0, 11.0, 9.0, 10.0, 5.0), False), ((10.0, np.nan, 9.0, 10.0, 5.0), False), ((10.0, np.inf, 9.0, 10.0, 5.0), False)])
def test_a_sound_bar_holds_its_prices_and_has_no_negative_volume(bar, sound):
    assert is_sound(*bar) is sound
