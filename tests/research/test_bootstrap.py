"""Intervals against published values, arch, and coverage by simulation."""

import numpy as np
import pytest

from pse.kernels.stats import stationary_sums
from pse.research import returns as series
from pse.research.bootstrap import block_length, intervals, percentile_interval, resample, wilson


def autoregressive(rho, n, random):
    noise, x = random.standard_normal(n), np.zeros(n)
    for t in range(1, n):
        x[t] = rho * x[t - 1] + noise[t]
    return x


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(8, 10, 0.4902, 0.9433), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662)],
)
def test_wilson_interval_as_published(successes, trials, low, high):
    # 81 of 263: Newcombe (1998), Statistics in Medicine 17, table I, method 3; the others by hand with z = 1.959964
    assert wilson(successes, trials) == pytest.approx((low, high), abs=5e-5)


def test_wilson_without_a_trial_is_nothing():
    assert wilson(0, 0) is None


def test_block_length_agrees_with_arch():
    from arch.bootstrap import optimal_block_length

    random, same, tried = np.random.default_rng(5), 0, 0
    for rho in (0.0, 0.3, 0.7, -0.4):
        for n in (60, 300, 1500):
            for _ in range(5):
                x = autoregressive(rho, n, random)
                oracle = max(1.0, float(optimal_block_length(x)["stationary"].iloc[0]))
                same += abs(block_length(x) / oracle - 1.0) < 1e-9
                tried += 1
    assert same >= 0.9 * tried  # the rest: a lag at the edge of significance, judged with another norm


def test_a_constant_series_has_blocks_of_one():
    assert block_length(np.ones(100)) == 1.0


def naive_sums(bits, restart, columns, returns):
    sums, falls = [], []
    for words in bits.tolist():
        rows, i = [], 0
        for t, word in enumerate(words):
            if t == 0 or (word >> 40) < int(restart * 2**24):
                i = (((word & (2**40 - 1)) >> 8) * len(returns)) >> 32
            else:
                i = (i + 1) % len(returns)
            rows.append(i)
        path = np.cumprod(1.0 + returns[rows])
        falls.append(min(0.0, (path / np.maximum.accumulate(np.maximum(path, 1.0)) - 1.0).min()))
        sums.append(columns[rows].sum(axis=0))
    return np.array(sums), np.array(falls)


@pytest.mark.parametrize("restart", [1.0, 0.25, 0.01])
def test_resample_kernel_equals_its_naive_twin(restart):
    random = np.random.default_rng(3)
    bits = random.integers(0, 2**64, size=(20, 57), dtype=np.uint64)
    columns, returns = random.standard_normal((57, 3)), random.standard_normal(57) * 0.02
    sums, falls = stationary_sums(bits, restart, columns, returns)
    expected_sums, expected_falls = naive_sums(bits, restart, columns, returns)
    np.testing.assert_allclose(sums, expected_sums, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(falls, expected_falls, rtol=1e-12, atol=1e-12)


def test_every_session_is_drawn_equally_often():
    n = 50
    sums, _ = resample(np.eye(n), np.zeros(n), 5.0, 4000, seed=1)
    assert np.abs(sums.mean(axis=0) - 1.0).max() < 0.12


def test_blocks_have_the_mean_length_asked_for():
    n = 400
    bits = np.random.default_rng(2).integers(0, 2**64, size=(200, n), dtype=np.uint64)
    restarts = (bits[:, 1:] >> np.uint64(40)) < np.uint64(2**24 / 8.0)
    assert n / (1 + restarts.sum(axis=1)).mean() == pytest.approx(8.0, rel=0.05)


def test_same_seed_same_resamples():
    x = np.random.default_rng(0).standard_normal(100) * 0.01
    first, second, other = (resample(x[:, None], x, 3.0, 300, seed)[0] for seed in (4, 4, 5))
    assert np.array_equal(first, second) and not np.array_equal(first, other)


def test_interval_of_a_mean_covers_it_about_as_often_as_it_says():
    random, inside, tried = np.random.default_rng(8), 0, 200
    for _ in range(tried):
        x = random.standard_normal(250)
        sums, _falls = resample(x[:, None], np.zeros(250), block_length(x), 400, 1)
        low, high = percentile_interval(sums[:, 0] / 250)
        inside += low <= 0.0 <= high
    assert 0.88 <= inside / tried <= 0.99


def test_mostly_undefined_values_have_no_interval():
    assert percentile_interval(np.array([1.0, np.nan, np.nan])) is None


# --- intervals of a series ------------------------------------------------------------------------------------------------------------------------

def test_intervals_are_the_quantiles_of_resampled_figures():
    random = np.random.default_rng(4)
    x, r, count = random.standard_normal(120) * 0.01 + 0.001, random.standard_normal(120), random.integers(0, 3, 120)
    found = intervals(x, 5, 252.0, r_of_session=r, trades_of_session=count, resamples=400, block=3.0)
    drawn = [resample(np.eye(120), x, 3.0, 400, 5)[0]][0].astype(int)          # how often each session was drawn
    rows = [np.repeat(np.arange(120), times) for times in drawn]
    expected = {"sharpe": [series.sharpe(x[i]) for i in rows], "sortino": [series.sortino(x[i]) for i in rows], "mean": [x[i].mean() for i in rows],
                "expectancy_r": [r[i].sum() / count[i].sum() for i in rows]}
    for name, values in expected.items():
        assert found[name] == pytest.approx(np.quantile(values, (0.025, 0.975)), rel=1e-9)
    assert found["max_drawdown"][0] < found["max_drawdown"][1] <= 0.0


def test_short_and_constant_series_have_no_intervals():
    assert set(intervals(np.full(19, 0.01), 1).values()) == {None}
    constant = intervals(np.full(50, 0.01), 1)
    assert constant["sharpe"] is None and constant["sortino"] is None and constant["mean"] == pytest.approx((0.01, 0.01))
    assert "expectancy_r" not in constant


@pytest.mark.slow
@pytest.mark.parametrize(("rho", "by_blocks", "by_formula"), [(0.0, 0.95, 0.95), (0.3, 0.915, 0.84)])
def test_interval_of_a_sharpe_ratio_covers_it_as_often_as_simulated(rho, by_blocks, by_formula):
    random, inside, formula, tried = np.random.default_rng(9), 0, 0, 300
    for seed in range(tried):
        x = autoregressive(rho, 1100, random)[100:] + 0.05
        low, high = intervals(x, seed, 1.0, resamples=400)["sharpe"]
        ratio, true = x.mean() / x.std(ddof=1), 0.05 * np.sqrt(1.0 - rho**2)
        inside += low <= true <= high
        formula += abs(ratio - true) <= 1.96 * np.sqrt((1.0 + ratio**2 / 2.0) / 1000)
    assert inside / tried == pytest.approx(by_blocks, abs=0.05)                  # three standard deviations of so many tries
    assert formula / tried == pytest.approx(by_formula, abs=0.065)
    assert rho == 0.0 or inside > formula + 0.03 * tried         # the iid formula knows nothing of memory
