"""Tick grid, stop check and choice of a target: naive twins, and bounds by hand."""

from math import inf, isnan, nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pse.kernels.targets import CODES, kernel_tp1, round_down, round_limit, round_stop, round_target, round_up, stop_check
from tests.naive import targets as naive

ticks = st.sampled_from([0.25, 0.1, 0.01, 0.5, 0.00005, 1.0])
seeds = st.integers(0, 2**32 - 1)
NONE = np.zeros(0)


@settings(deadline=None)
@given(st.integers(-4_000_000, 4_000_000), st.sampled_from([0.0, 0.3, 0.5, 0.999]), ticks)
def test_rounding_to_the_grid_equals_exact_decimals(steps, part, tick):
    price = (steps + part) * tick
    assert round_down(price, tick) == pytest.approx(naive.on_grid(price, tick, up=False), abs=1e-6 * tick)
    assert round_up(price, tick) == pytest.approx(naive.on_grid(price, tick, up=True), abs=1e-6 * tick)


@pytest.mark.parametrize("tick", [0.1, 0.25, 0.01])
def test_a_price_on_the_grid_stays_where_it_is(tick):
    for steps in range(19_000, 21_000):
        assert round_down(steps * tick, tick) == steps * tick == round_up(steps * tick, tick)


@pytest.mark.parametrize("rounded", [round_stop, round_target, round_limit])
def test_no_price_is_none_on_the_grid_too(rounded):
    assert isnan(rounded(nan, 1, 0.25)) and isnan(rounded(nan, -1, 0.25))


def test_stops_go_away_from_the_market_targets_toward_the_entry_limits_toward_the_market():
    assert (round_stop(100.6, 1, 0.25), round_stop(100.6, -1, 0.25)) == (100.5, 100.75)
    assert (round_target(100.6, 1, 0.25), round_target(100.6, -1, 0.25)) == (100.5, 100.75)
    assert (round_limit(100.6, 1, 0.25), round_limit(100.6, -1, 0.25)) == (100.75, 100.5)


@settings(max_examples=200, deadline=None)
@given(seeds)
def test_stop_check_equals_its_naive_twin(seed):
    rng = np.random.default_rng(seed)
    tick, direction = rng.choice([0.25, 0.1]), rng.choice([-1, 1])
    entry = round(1000 + rng.integers(-200, 200)) * tick
    stop = entry - direction * rng.integers(-4, 60) * tick
    atr, cap = rng.uniform(0.1, 20) * tick * 4, rng.choice([nan, 20 * tick, 40 * tick])
    code, ours, risk, limit, widened = stop_check(entry, stop, direction, tick, atr, cap)
    name, theirs, naive_widened = naive.stop(entry, stop, direction, tick, atr, cap)
    assert (CODES[code], widened) == (name, naive_widened) and ours == pytest.approx(theirs, abs=1e-6 * tick)
    assert risk == pytest.approx(direction * (entry - ours)) and limit == pytest.approx(3.0 * atr if isnan(cap) else cap)


def test_the_cap_is_inclusive_and_three_atr_where_the_instrument_names_none():
    assert CODES[stop_check(100.0, 94.0, 1, 0.25, 2.0, nan)[0]] == "OK"
    assert CODES[stop_check(100.0, 93.75, 1, 0.25, 2.0, nan)[0]] == "SL_CAP"


def test_an_unknown_cap_refuses():
    assert CODES[stop_check(100.0, 98.0, 1, 0.25, nan, nan)[0]] == "SL_CAP"


def test_a_widened_stop_can_be_over_the_cap():
    code, stop, risk, _, widened = stop_check(100.0, 99.0, 1, 0.25, 40.0, 8.0)      # least risk 10
    assert (CODES[code], stop, risk, widened) == ("SL_CAP", 90.0, 10.0, True)


@pytest.mark.parametrize(("direction", "stop"), [(1, 100.0), (1, 101.0), (-1, 99.0)])
def test_a_stop_at_or_beyond_the_entry_is_on_the_wrong_side(direction, stop):
    assert CODES[stop_check(100.0, stop, direction, 0.25, 2.0, 8.0)[0]] == "STOP_WRONG_SIDE"


@settings(max_examples=300, deadline=None)
@given(seeds)
def test_the_chosen_target_equals_its_naive_twin(seed):
    rng = np.random.default_rng(seed)
    tick, direction = rng.choice([0.25, 0.1]), rng.choice([-1, 1])
    entry = rng.integers(2_000, 4_000) * tick
    stop = entry - direction * rng.integers(4, 40) * tick
    levels = entry + rng.integers(-150, 150, rng.integers(0, 8)) * tick
    priorities = rng.choice([0.4, 0.5, 0.6, 0.75, 0.8, 0.9], levels.size)
    atr, star = rng.choice([nan, 5 * tick, 20 * tick]), rng.choice([1.75, 2.0, 2.5])
    code, price, rr, row, weight, blocker = kernel_tp1(entry, stop, direction, levels, priorities, tick, atr, star)
    name, theirs, naive_row = naive.target(entry, stop, direction, list(zip(levels, priorities, strict=True)), tick, atr, star)
    assert CODES[code] == name
    if name == "OK":
        assert price == pytest.approx(theirs, abs=1e-6 * tick) and rr == pytest.approx(direction * (price - entry) / abs(entry - stop))
        assert 1.5 - 1e-9 <= rr <= 3.0 + 1e-9 and (row == naive_row or levels[row] == levels[naive_row]) and weight > 0
    else:
        assert isnan(price) and (name != "TP_BLOCKED" or levels[blocker] == levels[naive_row])


def test_a_strong_level_at_exactly_one_r_does_not_block():
    assert CODES[kernel_tp1(100.0, 98.0, 1, np.array([102.0]), np.array([0.9]), 0.25, nan)[0]] == "OK"
    assert CODES[kernel_tp1(100.0, 98.0, 1, np.array([101.75]), np.array([0.8]), 0.25, nan)[0]] == "TP_BLOCKED"
    assert CODES[kernel_tp1(100.0, 98.0, 1, np.array([101.75]), np.array([0.79]), 0.25, nan)[0]] == "OK"


def test_the_nearest_of_several_blocking_levels_is_named():
    *_, blocker = kernel_tp1(100.0, 98.0, 1, np.array([101.75, 101.0, 101.5]), np.full(3, 0.9), 0.25, nan)
    assert blocker == 1


def test_levels_at_or_behind_the_entry_do_not_count():
    code, price, *_, row, _, _ = kernel_tp1(100.0, 98.0, 1, np.array([100.0, 99.0, 96.0]), np.full(3, 0.9), 0.25, nan)
    assert (CODES[code], price, row) == ("OK", 104.0, -1)


def test_of_two_candidates_of_one_weight_the_nearer_wins():
    """103.5 and 104.5 lie .25R on either side of 2R; both weigh the same."""
    code, price, rr, row, _, _ = kernel_tp1(100.0, 98.0, 1, np.array([104.75, 103.75]), np.array([0.6, 0.6]), 0.25, nan)
    assert (CODES[code], price, rr, row) == ("OK", 103.5, 1.75, 1)


def test_a_stop_wider_than_four_atr_leaves_no_target():
    """Six ATR is then nearer than 1.5R."""
    code, price, *_ = kernel_tp1(100.0, 91.0, 1, NONE, NONE, 0.25, 2.0)
    assert CODES[code] == "NO_TP" and isnan(price)


def test_a_second_target_is_half_an_r_further_at_least_and_never_blocked():
    """From a first target of 2R: levels at 2.25R (too near), 3.4R; the favoured 3.5R stands at 107."""
    levels, priorities = np.array([101.0, 104.75, 107.0]), np.array([0.9, 0.9, 0.9])
    code, price, rr, row, _, _ = kernel_tp1(100.0, 98.0, 1, levels, priorities, 0.25, inf, 3.5, 2.5, 6.0, 0.0)
    assert (CODES[code], price, rr, row) == ("OK", 106.75, 3.375, 2)
