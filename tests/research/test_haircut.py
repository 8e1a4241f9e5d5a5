"""Haircuts against the authors' example, and adjustments of p values against other libraries."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pse.research.haircut import METHODS, _family, bhy_adjusted, haircut, holm_adjusted
from pse.research.student import beyond, two_sided

EXAMPLE = 1.0, 120, 12, 0.1                                      # a Sharpe ratio of 1 a year over 120 months whose autocorrelation is .1
TEN = np.array([0.001, 0.008, 0.039, 0.041, 0.042, 0.06, 0.074, 0.205, 0.212, 0.216])


def test_haircut_of_the_published_example():
    found = haircut(*EXAMPLE, 100)
    assert found["single"]["p"] == pytest.approx(0.0046512, abs=5e-8)
    assert found["bonferroni"]["p"] == pytest.approx(0.46512, abs=5e-6)
    assert found["bonferroni"]["sharpe"] == pytest.approx(0.2317, abs=5e-5)
    assert found["bonferroni"]["cut"] == pytest.approx(0.746, abs=5e-4)
    assert found["holm"]["p"] == pytest.approx(0.409, abs=0.01)
    assert found["bhy"]["p"] == pytest.approx(0.174, abs=0.01)
    assert found["mean"]["p"] == pytest.approx(0.348, abs=0.01)


def test_bonferroni_is_exact_by_another_library():
    stats = pytest.importorskip("scipy.stats")
    factor = (1 + 2 * 0.1 / 0.9 * (1 - (1 - 0.1**12) / (12 * 0.9))) ** -0.5      # Lo (2002)
    p = 2 * stats.t.sf(factor * math.sqrt(10), 119)
    found = haircut(*EXAMPLE, 100)
    assert found["single"]["p"] == pytest.approx(p, rel=1e-10) and found["bonferroni"]["p"] == pytest.approx(100 * p, rel=1e-10)
    assert found["bonferroni"]["sharpe"] == pytest.approx(stats.t.isf(50 * p, 119) / math.sqrt(10), rel=1e-9)
    assert found["single"]["sharpe"] == pytest.approx(factor, rel=1e-9) and found["single"]["cut"] == pytest.approx(0.0, abs=1e-9)


def test_same_seed_same_haircut_and_any_seed_nearly():
    assert haircut(*EXAMPLE, 50, seed=3) == haircut(*EXAMPLE, 50, seed=3)
    assert haircut(*EXAMPLE, 50, seed=3)["bhy"]["p"] == pytest.approx(haircut(*EXAMPLE, 50, seed=4)["bhy"]["p"], abs=0.01)


def test_one_test_is_cut_by_nothing():
    found = haircut(1.5, 1000, 252, 0.0, 1)
    assert {round(found[name]["cut"], 12) for name in METHODS} == {0.0}
    assert {found[name]["p"] for name in ("bonferroni", "holm", "bhy")} == {found["single"]["p"]}


@settings(max_examples=40, deadline=None)
@given(st.floats(0.05, 3.0), st.integers(30, 3000), st.floats(-0.3, 0.5), st.integers(1, 300))
def test_more_tests_leave_less_and_never_less_than_nothing(sharpe, periods, rho, trials):
    found, more = (haircut(sharpe, periods, 252, rho, n, draws=200) for n in (trials, 3 * trials))
    for name in METHODS:
        assert 0.0 <= found[name]["sharpe"] <= found["single"]["sharpe"] * (1.0 + 1e-9)
        assert found["single"]["p"] <= found[name]["p"] * (1.0 + 1e-9) <= 1.0 + 1e-8
    assert more["bonferroni"]["p"] >= found["bonferroni"]["p"] >= found["holm"]["p"] * (1.0 - 1e-12)


@pytest.mark.parametrize("sharpe", [0.0, -1.0])
def test_a_ratio_that_is_not_above_nothing_has_no_haircut(sharpe):
    assert haircut(sharpe, 500, 252, 0.0, 10) is None


def test_false_discovery_rates_are_those_of_scipy():
    stats = pytest.importorskip("scipy.stats")
    random = np.random.default_rng(0)
    for p in (TEN, *(np.sort(random.random(n) ** 2) for n in (1, 2, 7, 300))):
        np.testing.assert_allclose(bhy_adjusted(p, dependent=False), stats.false_discovery_control(p, method="bh"), rtol=1e-12)
        np.testing.assert_allclose(bhy_adjusted(p), stats.false_discovery_control(p, method="by"), rtol=1e-12)
    np.testing.assert_allclose(bhy_adjusted(TEN, dependent=False)[:2], [0.01, 0.04], atol=1e-12)
    np.testing.assert_allclose(bhy_adjusted(TEN)[:2], [0.0293, 0.1172], atol=5e-5)


def test_holm_is_that_of_statsmodels():
    tests = pytest.importorskip("statsmodels.stats.multitest")
    random = np.random.default_rng(1)
    for p in (TEN, *(np.sort(random.random(n) ** 3) for n in (1, 2, 7, 300))):
        np.testing.assert_allclose(holm_adjusted(p), tests.multipletests(p, method="holm")[1], rtol=1e-12)


def test_rows_are_adjusted_each_by_itself():
    rows = np.sort(np.random.default_rng(2).random((5, 30)), axis=1)
    for adjust in (holm_adjusted, bhy_adjusted):
        np.testing.assert_array_equal(adjust(rows), [adjust(row) for row in rows])


@pytest.mark.parametrize(("correlation", "worthless", "edge"), [(0.0, 0.3966, 0.0054995), (0.3, 0.473245, 0.00554605), (0.8, 0.83901, 0.0055956)])
def test_other_strategies_are_drawn_as_harvey_liu_and_zhu_fitted_them(correlation, worthless, edge):
    t = _family(np.random.default_rng(3), 40_000, 2, correlation)
    scale = edge * math.sqrt(240) / (0.15 / math.sqrt(12))       # an exponential number has the mean and the deviation of its scale
    assert t.mean() == pytest.approx((1.0 - worthless) * scale, rel=0.03)
    assert (t**2).mean() == pytest.approx(1.0 + (1.0 - worthless) * 2.0 * scale**2, rel=0.04)
    assert np.cov(t.T)[0, 1] == pytest.approx(correlation, abs=0.04)


@pytest.mark.parametrize("freedom", [1, 2, 5, 29, 119, 1259, 20_000])
def test_students_distribution_is_that_of_scipy(freedom):
    stats = pytest.importorskip("scipy.stats")
    for t in (0.0, 1e-6, 0.01, 0.5, 1.0, 2.884, 10.0, 40.0):
        assert two_sided(t, freedom) == pytest.approx(2.0 * stats.t.sf(t, freedom), rel=1e-10, abs=1e-300)
    for p in (1e-12, 1e-4, 0.05, 0.5, 0.99):
        assert beyond(p, freedom) == pytest.approx(stats.t.isf(p / 2.0, freedom), rel=1e-9)
    assert beyond(1.0, freedom) == 0.0 and beyond(0.0, freedom) == math.inf
