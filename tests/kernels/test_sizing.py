"""Sizes by counting contracts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pse.kernels.sizing import lots_down, size_futures
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
