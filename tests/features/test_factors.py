"""Variance inflation and beta of whole markets: what they read, and what is missing where a benchmark is."""

from dataclasses import replace

import numpy as np
import pytest

from pse.domain.bars import Bars
from pse.features.factors import REGRESSORS, Beta, Vif
from pse.features.feature import Market
from tests.features.made import MINUTE, future, minutes, share
from tests.naive import regression as naive


def markets(own, other):
    """ES with SPY beside it."""
    return Market(own, future(), others={"SPY": Market(replace(other, symbol="SPY"), share())})


def thinned(bars, keep):
    return Bars(**{**bars.__dict__, **{name: getattr(bars, name)[keep] for name in Bars.columns()}})


# --- variance inflation ----------------------------------------------------------------------------------------------------------------------------


def test_the_largest_factor_is_named_and_every_factor_is_there_from_its_warm_up_on():
    known = Market(minutes(3, 3), future()).at("5m")
    found, first = known.of(Vif()), Vif().warmup_bars()
    factors = np.stack([found[f"vif_{name}"] for name in REGRESSORS])
    assert np.isnan(factors[:, :first]).all() and not np.isnan(factors[:, first:]).any()
    assert (factors[:, first:] >= 1 - 1e-12).all() and not found["vif_worst"][:first].any()
    np.testing.assert_array_equal(found["vif_max"][first:], factors[:, first:].max(axis=0))
    np.testing.assert_array_equal(found["vif_worst"][first:], factors[:, first:].argmax(axis=0) + 1)
    assert Vif.columns["vif_worst"].words[1:] == tuple(name.upper() for name in REGRESSORS)


def test_without_volume_nothing_can_be_said():
    bars = minutes(3, 2)
    found = Market(replace(bars, volume=np.full(len(bars), np.nan)), future()).at("5m").of(Vif())
    assert np.isnan(found["vif_max"]).all() and not found["vif_worst"].any()


# --- beta ------------------------------------------------------------------------------------------------------------------------------------------


def test_without_the_benchmark_there_is_no_beta():
    found = Market(minutes(3, 2), future()).at("5m").of(Beta())
    assert all(np.isnan(column).all() for column in found.values()) and Beta().symbols() == ("SPY",)


def test_a_symbol_is_its_own_benchmark_with_a_beta_of_one():
    found = Market(minutes(3, 2), future()).at("5m").of(Beta(benchmark="ES"))
    assert np.isnan(found["beta"][:60]).all() and (found["beta"][60:] == 1.0).all() and found["beta_shrunk"][60:] == pytest.approx(1.0)


def test_only_bars_that_both_have_are_joined_and_nothing_is_filled_in():
    own, other = minutes(3, 2), minutes(4, 2)
    rng = np.random.default_rng(0)
    a, b = rng.random(len(own)) < 0.8, rng.random(len(other)) < 0.8
    market = markets(thinned(own, a), thinned(other, b))
    found = market.at("1m").of(Beta(period=30))["beta"]
    both = a & b
    returns = [np.log(bars.close[both][1:] / bars.close[both][:-1]) for bars in (own, other)]
    expected = np.full(len(own), np.nan)
    expected[np.flatnonzero(both)[1:]] = naive.rolling_slope(*returns, 30)
    np.testing.assert_allclose(found, expected[a], rtol=1e-9)
    assert np.isnan(found[~b[a]]).all() and not np.isnan(found[60:][b[a][60:]]).any()


def test_a_roll_of_the_symbol_is_no_return_of_it():
    own, other = minutes(3, 4), minutes(4, 4)
    later = own.session >= 2
    rolled = replace(own, offset=np.where(later, 4000.0, 0.0), close=own.close + np.where(later, 4000.0, 0.0))
    plain, found = markets(own, other).at("1m").of(Beta())["beta"], markets(rolled, other).at("1m").of(Beta())["beta"]
    np.testing.assert_allclose(found[later][120:], 0.5 * plain[later][120:], rtol=0.05, atol=5e-3)      # twice the price, half the return
    assert np.nanmax(np.abs(found)) < 2 * np.nanmax(np.abs(plain))


def test_the_beta_of_days_is_told_when_both_markets_have_closed():
    own, other = minutes(3, 40), minutes(4, 40, calendar="NYSE", tick=0.01)
    market = markets(own, other)
    found, known = market.at("5m").of(Beta(period=20, timeframe="1d"))["beta"], market.at("5m")
    days, others = market.at("1d").bars, market.others["SPY"].at("1d").bars
    returns = [np.diff(np.log(bars.close)) for bars in (days, others)]
    expected = np.array([np.nan, *naive.rolling_slope(*returns, 20)])
    assert (others.ts_close < days.ts_close).all()
    for row in range(0, len(known), 97):
        day = int(np.searchsorted(days.ts_close, known.bars.ts_close[row], side="right")) - 1
        assert found[row] == pytest.approx(expected[day], nan_ok=True) if day >= 0 else np.isnan(found[row])
    assert np.isfinite(found[-1])


def test_a_benchmark_that_closes_later_is_not_known_at_the_close():
    own, other = minutes(4, 40, calendar="NYSE", tick=0.01), minutes(3, 40)
    market = Market(replace(own, symbol="SPY"), share(), others={"ES": Market(other, future())})
    found = market.at("1d").of(Beta(benchmark="ES", period=20, timeframe="1d"))["beta"]
    returns = [np.diff(np.log(Market(bars, one).at("1d").bars.close)) for bars, one in ((own, share()), (other, future()))]
    expected = np.array([np.nan, *naive.rolling_slope(*returns, 20)])
    np.testing.assert_allclose(found[1:], expected[:-1], rtol=1e-9)


def test_a_later_bar_of_the_benchmark_changes_nothing():
    own, other = minutes(3, 3), minutes(4, 3)
    whole = markets(own, other).at("5m").of(Beta())["beta"]
    until = int(own.ts_open[0]) + 2000 * MINUTE
    early = Market(own, future(), until_ns=until, others={"SPY": Market(replace(other, symbol="SPY"), share())}).at("5m").of(Beta())["beta"]
    np.testing.assert_array_equal(early, whole[:len(early)])
