"""Return figures against the golden rows of the conventions, hand calculations and empyrical."""

import json
import math
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pse.research import returns as series

A = np.array([0.01, -0.02, 0.03, -0.01, 0.005, 0, 0, -0.015, 0.02, 0.012])
FOUR = np.array([0.01, -0.02, 0.03, -0.01])


def test_sharpe_uses_ddof_1_and_flat_days():
    assert series.sharpe(A) == pytest.approx(3.255298795816697, abs=1e-12)
    assert A.mean() / A.std() * math.sqrt(252) == pytest.approx(3.431386, abs=1e-6)  # what ddof 0 would say


def test_sortino_takes_the_downside_over_all_sessions():
    assert series.sortino(A) == pytest.approx(5.9659724761523, abs=1e-12)
    assert series.sortino(FOUR) == pytest.approx(
        0.0025 / math.sqrt(0.000125) * math.sqrt(252), abs=1e-12
    )  # by hand: 3.5496
    assert series.sortino(FOUR) == pytest.approx(3.5496, abs=5e-5)


def test_drawdown_counts_from_the_initial_equity():
    assert series.max_drawdown(np.array([-0.1, 0.02, 0.03])) == pytest.approx(-0.10, abs=1e-15)
    assert series.max_drawdown(A) == pytest.approx(-0.02, abs=1e-12)
    assert series.max_drawdown(np.array([0.01, 0.02])) == 0.0


def test_calmar_and_compounded_recovery_of_the_golden_series():
    assert series.calmar(A) == pytest.approx(58.823253, abs=1e-6)
    assert series.total_return(A) / -series.max_drawdown(A) == pytest.approx(1.5671, abs=5e-5)
    assert A.sum() / -series.max_drawdown(A) == pytest.approx(1.6, abs=1e-9)


def test_drawdown_in_money_and_longest_spell_below_a_peak():
    equity = np.array([102.0, 101, 99, 103, 100, 104])
    assert series.max_drawdown_money(equity, 100.0) == -3.0
    assert series.longest_under_water(equity, 100.0) == 2
    assert series.max_drawdown_money(np.array([90.0, 95.0]), 100.0) == -10.0


def test_worked_case_of_sharpe_and_drawdown():
    cases = json.loads((Path(__file__).parents[1] / "spec" / "07-risk-and-plans.json").read_text())
    found = [case for case in _dicts(cases) if case.get("id") == "K-PERF-1"]
    assert found, "K-PERF-1 is not among the worked cases"
    equity = np.array([100.0, 102, 101, 99, 103, 100, 104])
    returns = np.diff(equity) / equity[:-1]
    assert series.sharpe(returns) == pytest.approx(3.6038912584, abs=1e-9)
    assert -series.max_drawdown(returns) == pytest.approx(0.0294117647, abs=1e-9)


def _dicts(value):
    if isinstance(value, dict):
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _dicts(item)


@pytest.mark.parametrize(("periods", "factor"), [(360, 0.905), (52, 0.906), (12, 0.912), (4, 0.928)])
def test_lo_factor_of_a_tenth(periods, factor):
    assert series.lo_factor(0.1, periods) == pytest.approx(factor, abs=5e-4)


@pytest.mark.parametrize(("rho", "eta"), [(-0.2, 4.171), (0.0, 3.464), (0.2, 2.879), (0.5, 2.121)])
def test_lo_annualisation_of_months(rho, eta):
    assert series.lo_factor(rho, 12) * math.sqrt(12) == pytest.approx(eta, abs=5e-4)


def test_plain_kurtosis_of_a_normal_sample_is_three():
    skew, kurtosis = series.moments(np.random.default_rng(0).standard_normal(400_000))
    assert skew == pytest.approx(0.0, abs=0.02) and kurtosis == pytest.approx(3.0, abs=0.05)


@pytest.mark.parametrize("returns", [[], [0.01], [0.01, 0.01, 0.01], [0.0, 0.0]])
def test_empty_single_and_constant_series_have_no_ratios(returns):
    values = np.array(returns)
    assert series.sharpe(values) is None and series.moments(values) is None and series.autocorrelation(values) is None
    assert series.sortino(values) is None and series.calmar(values) is None


def test_equity_at_zero_has_no_growth_rate():
    assert series.annual_growth(np.array([0.1, -1.0])) is None


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(3, 400), st.floats(1e-4, 0.05))
def test_figures_equal_empyrical_where_definitions_match(seed, n, scale):
    empyrical = pytest.importorskip("empyrical")                 # imported here: it brings pandas and a client of a data service
    returns = np.random.default_rng(seed).standard_normal(n) * scale
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert series.sharpe(returns) == pytest.approx(empyrical.sharpe_ratio(returns), rel=1e-10, abs=1e-10)
        assert series.max_drawdown(returns) == pytest.approx(empyrical.max_drawdown(returns), rel=1e-10, abs=1e-12)
        assert series.total_return(returns) == pytest.approx(empyrical.cum_returns_final(returns), rel=1e-10, abs=1e-10)
        if (returns < 0).any():
            assert series.sortino(returns) == pytest.approx(empyrical.sortino_ratio(returns), rel=1e-10, abs=1e-10)
            assert series.calmar(returns) == pytest.approx(empyrical.calmar_ratio(returns), rel=1e-9, abs=1e-9)


@given(st.integers(0, 2**32 - 1), st.integers(3, 200))
def test_mirrored_returns_mirror_the_sharpe_ratio(seed, n):
    returns = np.random.default_rng(seed).standard_normal(n) * 0.01
    assert series.sharpe(-returns) == pytest.approx(-series.sharpe(returns), rel=1e-12)
