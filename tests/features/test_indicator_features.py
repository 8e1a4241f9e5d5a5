"""Momentum, trend and channel features on bars that are too few, missing, flat or without volume: no value is told, and no error raised."""

from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from pse.features.channels import Bollinger, Donchian, Keltner
from pse.features.feature import Known
from pse.features.momentum import Macd, Rsi
from pse.features.resampled import resample
from pse.features.trend import Adx, EfficiencyRatio, Ema, Hurst, Sma
from pse.kernels.codes import MACD_NEUTRAL, RSI_NEUTRAL, RSI_OVERBOUGHT, RSI_OVERSOLD
from tests.features.made import future, minutes

FEATURES = [Rsi(), Macd(), Sma(), Ema(), Adx(), EfficiencyRatio(), Hurst(period=40), Bollinger(), Donchian(), Keltner()]


def known(bars):
    return Known.from_bars(bars, future())


def bars(**columns):
    """Half a day of 5m bars with the given columns in place of their own."""
    made = resample(minutes(4, 2, roll_every=1), "5m").bars
    return replace(made, **{name: np.full(len(made), value) if np.isscalar(value) else value for name, value in columns.items()})


def told(feature, made):
    return known(made).of(feature)


def has_value(column):
    return ~np.isnan(column) if column.dtype == np.float64 else column != 0


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: type(feature).__name__)
def test_each_column_speaks_at_the_latest_on_the_bar_that_was_announced(feature):
    columns, first = told(feature, bars()), feature.warmup_bars()
    assert set(columns) == set(feature.columns)
    assert all(has_value(column)[first:].all() for column in columns.values())
    assert max(int(np.argmax(has_value(column))) for column in columns.values()) == first


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: type(feature).__name__)
@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_bars_have_no_value(feature, count):
    assert all(column.size == count and not has_value(column).any() for column in told(feature, bars()[:count]).values())


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: type(feature).__name__)
def test_a_bar_without_prices_has_no_value_and_hurts_no_window_that_does_not_hold_it(feature):
    made, at = bars(), 100
    holed = replace(made, **{name: np.where(np.arange(len(made)) == at, np.nan, getattr(made, name)) for name in ("open", "high", "low", "close")})
    for name, column in told(feature, holed).items():
        if not name.endswith("_before"):
            assert not has_value(column)[at], name
        assert has_value(column)[at + 60:].all(), name


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: type(feature).__name__)
def test_volume_changes_none_of_them(feature):
    for name, column in told(feature, bars(volume=0.0)).items():
        np.testing.assert_array_equal(column, told(feature, bars())[name])


def test_flat_bars_have_neutral_values_and_no_width():
    flat = replace(bars(open=50.0, high=50.0, low=50.0, close=50.0), offset=np.zeros(len(bars())))
    values = {name: column[-1] for feature in FEATURES for name, column in told(feature, flat).items()}
    assert (values["rsi"], values["rsi_state"]) == (50.0, RSI_NEUTRAL)
    assert values["macd"] == pytest.approx(0.0, abs=1e-12) and values["macd_state"] == MACD_NEUTRAL
    assert values["adx"] == values["plus_di"] == values["minus_di"] == values["er"] == values["bb_width"] == 0.0
    assert values["bb_pct"] == 0.5 and values["bb_upper"] == values["bb_lower"] == values["sma"] == 50.0
    assert values["keltner_upper"] == values["keltner_lower"] == pytest.approx(50.0)
    assert np.isnan(values["hurst"])                                        # the deviation of no change has no logarithm


def test_bars_at_zero_have_no_width_as_a_share():
    zero = replace(bars(open=0.0, high=0.0, low=0.0, close=0.0), offset=np.zeros(len(bars())))
    assert np.isnan(told(Bollinger(), zero)["bb_width"]).all() and np.isnan(told(Hurst(period=40), zero)["hurst"]).all()


def test_prices_are_told_as_traded_and_differences_not_touched_by_a_roll():
    rolled, plain = bars(), resample(minutes(4, 2), "5m").bars
    assert rolled.offset.any()
    for feature in FEATURES:
        for name, column in told(feature, rolled).items():
            offset = rolled.offset if feature.columns[name].unit == "price" else 0.0
            if name not in ("bb_width", "hurst"):                           # shares of the price as traded
                np.testing.assert_allclose(column - offset, told(feature, plain)[name], atol=1e-9, err_msg=name)


def test_the_thresholds_of_rsi_belong_to_its_states():
    close = np.array([10.0, 11, 10, 11, 10])
    made = replace(bars()[:5], open=close, high=close, low=close, close=close, offset=np.zeros(5))
    strength = told(Rsi(period=4), made)["rsi"][4]
    assert strength == 50.0
    up = replace(made, close=close + np.array([0, 0, 0, 0, 4 / 3]), high=close + 2)
    assert told(Rsi(period=4, overbought=70), up)["rsi_state"][4] in (RSI_NEUTRAL, RSI_OVERBOUGHT)
    exact = told(Rsi(period=4), up)["rsi"][4]
    assert told(Rsi(period=4, overbought=exact), up)["rsi_state"][4] == RSI_OVERBOUGHT
    down = replace(made, close=close - np.array([0, 0, 0, 0, 4 / 3]), low=close - 2)
    assert told(Rsi(period=4, oversold=told(Rsi(period=4), down)["rsi"][4]), down)["rsi_state"][4] == RSI_OVERSOLD


@pytest.mark.parametrize(("wrong", "said"), [({"fast": 26, "slow": 26}, "is not below slow"), ({"min_sep": 61}, "no two swings")])
def test_parameters_of_macd_that_cannot_mean_anything_are_refused(wrong, said):
    with pytest.raises(ValidationError, match=said):
        Macd(**wrong)
