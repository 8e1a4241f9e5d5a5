"""The difference of two return series against numpy's correlation and a plain resampling written here."""

from __future__ import annotations

import numpy as np
import pytest

from pse.research.differences import correlation, difference, said

YEAR = 252.0


def pair(seed=0, n=500, shift=0.0, shared=0.8):
    rng = np.random.default_rng(seed)
    common, a, b = rng.normal(0.0, 0.01, (3, n))
    return shared * common + 0.3 * a, shared * common + 0.3 * b + shift


def ratio(x):
    return x.mean() / x.std(ddof=1) * np.sqrt(YEAR)


def test_correlation_is_numpys():
    one, other = pair()
    assert correlation(one, other) == pytest.approx(np.corrcoef(one, other)[0, 1], abs=1e-12)
    assert correlation(one, np.zeros(one.size)) is None and correlation(one, -one) == -1.0


def test_the_difference_is_of_the_second_less_the_first():
    one, other = pair(shift=0.001)
    found = difference(one, other, YEAR, 0)
    assert found["sharpe"] == pytest.approx(ratio(other) - ratio(one)) and found["mean"] == pytest.approx((other - one).mean())


def test_the_interval_is_that_of_sessions_drawn_together():
    one, other = pair(seed=3, n=800)
    rng = np.random.default_rng(9)
    drawn = []
    for _ in range(3_000):
        at = rng.integers(0, one.size, one.size)
        drawn.append(ratio(other[at]) - ratio(one[at]))
    low, high = np.quantile(drawn, (0.025, 0.975))
    found = difference(one, other, YEAR, 1)["sharpe_interval"]
    assert found == pytest.approx([low, high], abs=0.08 * (high - low))
    apart = np.hypot(*(np.std([ratio(x[rng.integers(0, 800, 800)]) for _ in range(500)]) for x in (one, other)))
    assert found[1] - found[0] < 0.8 * 2 * 1.96 * apart                        # drawn apart it would be wider: most of the movement is common


def test_an_edge_that_the_other_lacks_is_told_apart_and_noise_is_not():
    assert difference(*pair(shift=0.003), YEAR, 0)["distinguishable"] is True
    assert difference(*pair(seed=5), YEAR, 0)["distinguishable"] is False


def test_the_same_returns_differ_by_nothing():
    one, _ = pair()
    found = difference(one, one.copy(), YEAR, 0)
    assert (found["sharpe"], found["sharpe_interval"], found["distinguishable"]) == (0.0, [0.0, 0.0], False)
    assert "the same returns" in said(found, "A", "B")


def test_few_sessions_have_no_interval_and_none_has_nothing():
    one, other = pair(n=10)
    found = difference(one, other, YEAR, 0)
    assert found["sharpe"] is not None and found["sharpe_interval"] is None and "too few" in said(found, "A", "B")
    none = difference(np.empty(0), np.empty(0), YEAR, 0)
    assert none["sharpe"] is None and "no Sharpe ratio" in said(none, "A", "B")


def test_a_series_that_stands_still_has_no_sharpe_difference():
    one, _ = pair()
    found = difference(one, np.zeros(one.size), YEAR, 0)
    assert found["sharpe"] is None and found["distinguishable"] is None and found["mean_interval"] is not None
