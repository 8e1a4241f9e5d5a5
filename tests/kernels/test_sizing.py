"""Sizes by counting contracts."""

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pse.kernels.sizing import kelly_fraction, lots_down, reward_after_costs, size_futures, size_shares, volatility_multiple
from tests.naive import sizing as naive


@given(st.integers(5, 900), st.sampled_from([0.25, 0.5, 0.75, 0.9375, 1.0, 1.25, 2.0]), st.integers(1, 60),
       st.sampled_from([(50.0, 5.0), (5.0, 1.5), (20.0, 5.0)]))
def test_a_size_equals_counting_contracts(thousands, multiple, risk_ticks, contract):
    point, cost = contract
    found = size_futures(thousands * 1000.0, multiple, risk_ticks * 0.25, point, cost, 0.008, 0.01)
    assert found[0] == naive.futures(thousands * 1000.0, multiple, risk_ticks * 0.25, point, cost, 0.008, 0.01)
    assert found[0] * found[3] <= found[2] * (1 + 1e-9) < (found[0] + 1) * found[3] * (1 + 1e-8)


@pytest.mark.parametrize(("multiple", "fraction", "capped"), [(1.0, 0.008, False), (1.25, 0.01, False), (1.3, 0.01, True)])
def test_the_cap_of_a_trade_is_told_only_where_it_cuts(multiple, fraction, capped):
    _, risked, _, _, cut = size_futures(100_000.0, multiple, 2.0, 50.0, 5.0, 0.008, 0.01)
    assert risked == pytest.approx(fraction) and cut is capped


def test_an_exact_budget_is_not_lost_to_floats():
    """840 / (8 * 50 + 20) is 2; 0.3 / 0.1 is 3."""
    assert size_futures(84_000.0, 1.25, 8.0, 50.0, 20.0, 0.008, 0.01)[0] == 2.0 and lots_down(0.3, 0.1) == pytest.approx(0.3)


@pytest.mark.parametrize(("equity", "risk"), [(0.0, 2.0), (-5.0, 2.0), (100_000.0, float("nan"))])
def test_unusable_figures_size_nothing(equity, risk):
    assert size_futures(equity, 1.0, risk, 50.0, 5.0, 0.008, 0.01)[0] == 0.0


# --- overlays ----------------------------------------------------------------------------------------------------------------------------------------


@given(st.floats(0.0, 1.0), st.floats(0.01, 20.0))
def test_the_full_fraction_is_that_of_the_fastest_growth(p, b):
    """Growth a bet p ln(1 + b f) + (1 - p) ln(1 - f) is no larger a little to either side of it."""
    full, part = kelly_fraction(p, b, 0.25, 0.02)
    assert part == pytest.approx(min(max(0.25 * full, 0.0), 0.02))
    if 0.01 < full < 0.99:
        growth = [naive.growth(p, b, f) for f in (full - 0.005, full, full + 0.005)]
        assert growth[1] >= max(growth[0], growth[2])


@pytest.mark.parametrize("reward", [0.0, -0.5, nan])
def test_a_win_that_pays_nothing_is_no_bet(reward):
    assert kelly_fraction(0.9, reward) == (-inf, 0.0)


def test_costs_are_taken_from_the_win_and_added_to_the_loss():
    """2 R less 0.1 and 0.05 against 1 R and 0.1, 0.2, 0.05."""
    assert reward_after_costs(2.0, 0.1, 0.2, 0.05) == pytest.approx(1.85 / 1.35)


def test_shares_never_risk_more_than_the_smaller_fraction():
    """2 % x 0.5 of 100,000 is 1,000; 0.4 % is 400: at 2 a share 500 and 200."""
    def size(*most):
        return size_shares(100_000.0, 0.5, 1.0, 2.0, 10.0, 0.02, 1e9, nan, nan, 0.3, 1.0, *most)[0]
    assert [size(), size(inf), size(0.01), size(0.004), size(0.0)] == [500, 500, 500, 200, 0]


@pytest.mark.parametrize(("ratio", "multiple"), [(1.0, 1.0), (0.9, 0.9), (0.1, 0.5), (7.0, 1.25), (nan, 1.0), (inf, 1.25), (0.0, 0.5)])
def test_a_size_goes_with_the_usual_volatility_over_that_of_now_inside_its_bounds(ratio, multiple):
    assert volatility_multiple(ratio, 0.5, 1.25) == multiple
