"""The Sharpe ratio after its length, tails and trials, against the figures that its papers print, and against exact results."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pse.research import deflated

DAILY = 2.5 / math.sqrt(250)                                     # the example of the 2014 paper: 2.5 a year, Var[SR_n] 1/2 a year, five years of 250 days
OF_TRIALS = 0.5 / 250
MONTHLY = 1.585 / math.sqrt(12)                                  # the hedge fund of the 2012 paper: 24 months
FUND = 0.036 / 0.079, 24, -2.448, 10.164                         # the example of the 2025 paper


# --- convention 2014 ------------------------------------------------------------------------------------------------------------------------------

def test_the_best_of_a_hundred_is_expected_where_the_2014_paper_says():
    assert deflated.expected_max_sharpe(100, OF_TRIALS) == pytest.approx(0.11317200186513214, abs=1e-12)


@pytest.mark.parametrize(("trials", "skew", "kurtosis", "value"), [
    (100, -3.0, 10.0, 0.90039683444939), (46, -3.0, 10.0, 0.9505017068755786), (88, 0.0, 3.0, 0.9504908166760139)])
def test_deflated_sharpe_as_in_the_2014_paper(trials, skew, kurtosis, value):
    assert deflated.deflated_sharpe(DAILY, 1250, skew, kurtosis, trials, OF_TRIALS) == pytest.approx(value, abs=1e-9)


def test_probabilistic_sharpe_as_in_the_2012_paper():
    assert deflated.probabilistic_sharpe(MONTHLY, 24, -2.448, 10.164) == pytest.approx(0.91323430688486, abs=1e-9)
    assert deflated.probabilistic_sharpe(MONTHLY, 24) == pytest.approx(0.9815912360834967, abs=1e-9)


def test_normal_returns_enter_with_a_kurtosis_of_three():
    by_hand = MONTHLY / math.sqrt((1.0 + MONTHLY**2 / 2.0) / 23.0)         # (3 - 1) / 4 is the half of the iid formula
    assert deflated.probabilistic_sharpe(MONTHLY, 24) == pytest.approx(0.5 * math.erfc(-by_hand / math.sqrt(2.0)), abs=1e-12)


@pytest.mark.parametrize(("periods", "years"), [(250, 2.731187801728), (52, 2.828833586945), (12, 3.239800696445)])
def test_minimum_track_record_of_sharpe_two_against_one(periods, years):
    needed = deflated.min_track_record(2 / math.sqrt(periods), against=1 / math.sqrt(periods))
    assert needed / periods == pytest.approx(years, abs=1e-9)


def test_minimum_track_record_with_fat_tails():
    root = math.sqrt(12)
    assert deflated.min_track_record(2 / root, -0.72, 5.78, 1 / root) / 12 == pytest.approx(4.991258223876, abs=1e-9)
    assert deflated.min_track_record(3 / root, -0.72, 5.78, 2.5 / root) / 12 == pytest.approx(27.352920196040, abs=1e-9)


@pytest.mark.parametrize(("sharpe", "years"), [(0.5, 10.83), (1.0, 2.71), (1.5, 1.21), (2.0, 0.69)])
def test_years_of_normal_days_that_a_sharpe_ratio_needs_against_nothing(sharpe, years):
    assert deflated.min_track_record(sharpe / math.sqrt(252)) / 252 == pytest.approx(years, abs=5e-3)


@pytest.mark.parametrize("against", [0.0, 0.05])
def test_at_its_minimum_track_record_a_ratio_is_sure_to_the_level(against):
    for record, probability in ((deflated.min_track_record, deflated.probabilistic_sharpe),
                                (deflated.min_track_record_2025, deflated.probabilistic_sharpe_2025)):
        needed = record(0.1, -1.0, 6.0, against)
        assert probability(0.1, needed, -1.0, 6.0, against) == pytest.approx(0.95, abs=1e-12)


# --- convention 2025 ------------------------------------------------------------------------------------------------------------------------------

def test_probabilistic_sharpe_as_in_the_2025_paper():
    assert deflated.probabilistic_sharpe_2025(*FUND) == pytest.approx(0.987, abs=5e-4)
    assert deflated.probabilistic_sharpe_2025(*FUND, 0.1) == pytest.approx(0.939, abs=5e-4)
    assert deflated.min_track_record_2025(FUND[0], *FUND[2:]) == pytest.approx(13.029, abs=5e-4)


def test_deviation_of_the_ratio_as_in_the_2025_paper():
    assert math.sqrt(deflated.variance_term(FUND[0], *FUND[2:]) / 24) == pytest.approx(0.329, abs=5e-4)
    assert math.sqrt(deflated.variance_term(FUND[0]) / 24) == pytest.approx(0.214, abs=5e-4)


def test_memory_widens_the_variance_as_worked_by_hand():
    # rho 1/2: a = 1 + 2 = 3, b = 1 + 1 + 1/3 = 7/3, c = 1 + 2/3 = 5/3; a + b * 0.6 + c * (5 - 1) / 4 * 0.36 = 3 + 1.4 + 0.6
    assert deflated.variance_term(0.6, -1.0, 5.0, 0.5) == pytest.approx(5.0, abs=1e-12)


@pytest.mark.parametrize(("rho", "shrink", "value"), [(0.2, True, 0.427), (0.2, False, 0.457), (0.0, True, 0.416), (0.0, False, 0.451)])
def test_deflated_sharpe_as_in_the_2025_paper(rho, shrink, value):
    assert deflated.expected_max_sharpe(10, 0.1) == pytest.approx(0.498, abs=5e-4)
    assert deflated.deflated_sharpe(*FUND, 10, 0.1, "2025", rho=rho, shrink=shrink) == pytest.approx(value, abs=5e-4)


def test_the_two_conventions_differ_on_the_same_data():
    assert deflated.probabilistic_sharpe(*FUND) == pytest.approx(0.913, abs=2e-3)
    assert deflated.probabilistic_sharpe_2025(*FUND) == pytest.approx(0.987, abs=5e-4)


@pytest.mark.parametrize(("trials", "exact"), [(1, 1.0), (2, 1.0 - 1.0 / math.pi), (3, 1.0 + math.sqrt(3.0) / (2.0 * math.pi) - 9.0 / (4.0 * math.pi))])
def test_variance_of_the_largest_of_two_and_three_is_exact(trials, exact):
    assert deflated.variance_of_max(trials) == pytest.approx(exact, abs=1e-12)            # moments of normal order statistics, by hand


def test_variance_of_the_largest_of_a_thousand_is_the_simulated_one():
    drawn = np.random.default_rng(3).standard_normal((5_000, 1000)).max(axis=1)
    assert deflated.variance_of_max(1000) == pytest.approx(drawn.var(), rel=0.06)


def test_an_unknown_convention_is_refused():
    with pytest.raises(ValueError, match="2014, 2025"):
        deflated.deflated_sharpe(0.1, 100, 0.0, 3.0, 10, 0.01, "2012")


def test_both_conventions_equal_their_formulas_written_with_another_library():
    stats, integrate, random = pytest.importorskip("scipy.stats"), pytest.importorskip("scipy.integrate"), np.random.default_rng(0)

    def moment(trials, power):
        return integrate.quad(lambda z: z**power * trials * stats.norm.pdf(z) * stats.norm.cdf(z) ** (trials - 1), -12, 12, epsabs=1e-13, limit=300)[0]

    spread = {trials: moment(trials, 2) - moment(trials, 1) ** 2 for trials in (2, 7, 40, 300)}
    for _ in range(500):
        ratio, rho, variance, sessions = random.uniform(-0.3, 0.4), random.uniform(-0.5, 0.5), random.uniform(1e-4, 0.1), int(random.integers(20, 3000))
        skew, trials = random.uniform(-3.0, 3.0), int(random.choice(list(spread)))
        tails = (skew**2 + random.uniform(0.1, 8.0)) / 4.0       # kurtosis less 1, over 4; it is never below the squared skew
        null = math.sqrt(variance) * ((1 - np.euler_gamma) * stats.norm.isf(1 / trials) + np.euler_gamma * stats.norm.isf(1 / (trials * math.e)))
        a, b, c = (1 + rho) / (1 - rho), 1 / (1 - rho) + rho**2 / (1 - rho**2), (1 + rho**2) / (1 - rho**2)
        for convention, scale, at in (("2014", 1.0 / (sessions - 1), ratio), ("2025", spread[trials] / sessions, null)):
            one, two, three = (1.0, 1.0, 1.0) if convention == "2014" else (a, b, c)
            width = (one - two * skew * at + three * tails * at**2) * scale
            expected = stats.norm.cdf((ratio - null) / math.sqrt(width)) if width > 0.0 else None
            found = deflated.deflated_sharpe(ratio, sessions, skew, 1.0 + 4.0 * tails, trials, variance, convention, rho=rho)
            assert found == (None if expected is None else pytest.approx(expected, abs=1e-9))


# --- the best of many -----------------------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("trials", "value", "simulated"), [(10, 1.574598, 1.542), (100, 2.530603, 2.507), (1000, 3.255122, 3.244)])
def test_expected_best_of_many(trials, value, simulated):
    assert deflated.expected_max_sharpe(trials, 1.0) == pytest.approx(value, abs=5e-7)
    drawn = np.random.default_rng(trials).standard_normal((5_000, trials)).max(axis=1).mean()
    assert drawn == pytest.approx(simulated, abs=0.025)                                   # the approximation is 2.1 % high at ten


@pytest.mark.parametrize("trials", [0, 1])
def test_one_trial_is_expected_to_show_nothing(trials):
    assert deflated.expected_max_sharpe(trials, 1.0) == 0.0
    assert deflated.deflated_sharpe(0.1, 500, -1.0, 5.0, trials, 0.01) == deflated.probabilistic_sharpe(0.1, 500, -1.0, 5.0)
    assert deflated.min_backtest_years(trials) == 0.0


def test_five_years_carry_at_most_forty_five_trials():
    assert deflated.min_backtest_years(45) == pytest.approx(4.998087, abs=5e-7)
    assert deflated.min_backtest_years(45) < 5.0 < deflated.min_backtest_years(46)
    assert deflated.min_backtest_years(45, 2.0) == pytest.approx(deflated.min_backtest_years(45) / 4.0, rel=1e-12)


@given(st.integers(2, 100_000))
def test_the_backtest_length_is_below_its_simple_bound(trials):
    assert deflated.min_backtest_years(trials) <= 2.0 * math.log(trials)                  # over the ratio squared, here 1


def test_more_trials_deflate_more():
    found = [deflated.deflated_sharpe(0.1, 1250, -1.0, 6.0, trials, 0.002, convention) for convention in deflated.CONVENTIONS for trials in (1, 2, 10, 100)]
    assert found[:4] == sorted(found[:4], reverse=True) and found[4:] == sorted(found[4:], reverse=True)


@given(st.floats(-3.0, 3.0), st.floats(1.0, 30.0), st.floats(-0.9, 0.9), st.integers(0, 10_000), st.floats(-2.0, 2.0))
def test_nothing_is_ever_nan(skew, kurtosis, rho, trials, sharpe):
    found = [deflated.deflated_sharpe(sharpe, 300, skew, kurtosis, trials, 0.01, convention, rho=rho) for convention in deflated.CONVENTIONS]
    found += [deflated.min_track_record(sharpe, skew, kurtosis), deflated.min_track_record_2025(sharpe, skew, kurtosis, rho=rho)]
    assert all(value is None or math.isfinite(value) for value in found)


# --- many series ----------------------------------------------------------------------------------------------------------------------------------

def test_effective_rank_of_the_published_matrices():
    like = np.array([[10.0, 1.0, 7.0], [1.0, 10.0, 8.0], [7.0, 8.0, 10.0]]) / 10.0
    assert deflated.effective_rank(like) == pytest.approx(1.84, abs=0.01)
    assert deflated.effective_rank(like[:2, :2]) == pytest.approx(2.0, abs=0.02)
    assert deflated.effective_rank(np.eye(3)) == pytest.approx(3.0, abs=1e-12)


@pytest.mark.parametrize("sessions", [12, 400])                  # fewer and more sessions than columns
def test_copies_of_a_trial_count_once(sessions):
    random = np.random.default_rng(1)
    base = random.standard_normal((sessions, 4))
    copies = np.concatenate([base * scale for scale in (1.0, 2.0, 0.5, 3.0, 7.0)], axis=1)
    assert deflated.effective_trials(copies) == pytest.approx(deflated.effective_trials(base), rel=1e-9)
    assert 3.0 < deflated.effective_trials(base) <= 4.0
    assert deflated.effective_trials(copies) == pytest.approx(deflated.effective_rank(np.corrcoef(copies.T)), rel=1e-6)


def test_trials_that_never_traded_count_nothing():
    random = np.random.default_rng(2)
    matrix = np.column_stack([random.standard_normal(50), np.zeros(50), np.full(50, 0.01)])
    assert deflated.effective_trials(matrix) == pytest.approx(1.0, abs=1e-12)
    assert deflated.effective_trials(matrix[:, 1:]) == 0.0
    ratios = deflated.sharpe_of_columns(matrix)
    assert np.isfinite(ratios[0]) and np.isnan(ratios[1:]).all()
    assert ratios[0] == pytest.approx(matrix[:, 0].mean() / matrix[:, 0].std(ddof=1), rel=1e-12)


def test_variance_of_trials_is_not_below_that_of_worthless_ones():
    random = np.random.default_rng(4)
    base = random.standard_normal(250) * 0.01
    alike = np.column_stack([base + random.standard_normal(250) * 1e-6 for _ in range(20)])
    assert deflated.variance_of_trials(alike) == 1.0 / 250
    assert deflated.variance_of_trials(alike, floor=False) < 1e-6
    apart = random.standard_normal((250, 20)) * 0.01 + np.linspace(-0.01, 0.01, 20)
    assert deflated.variance_of_trials(apart) == pytest.approx(deflated.sharpe_of_columns(apart).var(ddof=1), rel=1e-12)
