"""Trend conviction against its twin, and by hand at its edges."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pse.kernels.codes import TCC_CLASSES
from pse.kernels.conviction import Evidence, Rules, components, convictions, next_class, score
from tests.naive import conviction as naive

seeds = st.integers(0, 2**32 - 1)
RULES = Rules(25.0, 20.0, 15.0, 0.45, 0.30, 0.10, 0.25, 0.15, 0.20, 0.20, 0.10, 0.10, 0.75, 0.55, 0.35, 0.05)
DAILY = RULES._replace(w_vwap=0.0, w_htf=0.0)
NONE, LOW, MEDIUM, HIGH = np.arange(1, 5)
NO = np.int64(0)
CHOICES = {"adx": (14.99, 15.0, 19.99, 20.0, 24.99, 25.0, 40.0), "plus_di": (10.0, 20.0, 30.0), "minus_di": (10.0, 20.0, 30.0),
           "er": (0.0, 0.29, 0.30, 0.44, 0.45, 0.9), "change": (-2.0, 0.0, 1e-10, 3.0), "ema_fast": (99.0, 100.0, 101.0), "ema_slow": (100.0, 100.0 + 1e-10),
           "slope": (-0.5, -0.10, -0.09, 0.0, 0.09, 0.10, 0.5), "vwap_side": (-1.0, 0.0, 1.0), "vwap_slope": (-0.2, 0.0, 0.2), "htf": (-1.0, 0.0, 1.0)}


def evidence(seed, n, holes, calm):
    """Values at and around every threshold; with `calm` each stays for some bars, so that classes are held."""
    rng = np.random.default_rng(seed)
    made = {}
    for name, choices in CHOICES.items():
        values = rng.choice(choices, n)
        if calm:
            values = values[np.cumsum(rng.random(n) < 0.15)]
        values[rng.random(n) < holes] = np.nan
        made[name] = values
    made["trend"] = rng.integers(-1, 2, n)[np.cumsum(rng.random(n) < 0.1)] if calm else rng.integers(-1, 2, n)
    made["spike"] = (rng.random(n) < 0.1).astype(np.int64)
    return Evidence(**made)


def as_bars(seen):
    return [dict(zip(seen._fields, row, strict=True)) for row in zip(*(column.tolist() for column in seen), strict=True)]


@settings(max_examples=80, deadline=None)
@given(seeds, st.sampled_from([0.0, 0.05]), st.booleans(), st.booleans())
def test_conviction_equals_its_naive_twin(seed, holes, calm, intraday):
    seen = evidence(seed, 200, holes, calm)
    tcc, direction, long, short = convictions(seen, RULES if intraday else DAILY)
    expected = naive.convictions(as_bars(seen), intraday)
    assert [TCC_CLASSES[code] for code in tcc] == [one[0] for one in expected]
    assert direction.tolist() == [one[1] for one in expected]
    np.testing.assert_allclose(long, [one[2] for one in expected], rtol=0, atol=1e-12)
    np.testing.assert_allclose(short, [one[3] for one in expected], rtol=0, atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(seeds, st.integers(1, 199))
def test_later_bars_never_change_an_earlier_class(seed, cut):
    seen = evidence(seed, 200, 0.02, True)
    early = convictions(Evidence(*(column[:cut] for column in seen)), RULES)
    for ours, theirs in zip(early, convictions(seen, RULES), strict=True):
        np.testing.assert_array_equal(ours, theirs[:cut])


@settings(max_examples=30, deadline=None)
@given(seeds)
def test_a_falling_market_is_a_rising_one_turned_over(seed):
    seen = evidence(seed, 200, 0.02, True)
    turned = seen._replace(plus_di=seen.minus_di, minus_di=seen.plus_di, change=-seen.change, ema_fast=-seen.ema_fast, ema_slow=-seen.ema_slow,
                           slope=-seen.slope, trend=-seen.trend, vwap_side=-seen.vwap_side, vwap_slope=-seen.vwap_slope, htf=-seen.htf)
    (tcc, direction, long, short), (tcc2, direction2, long2, short2) = convictions(seen, RULES), convictions(turned, RULES)
    np.testing.assert_array_equal(tcc, tcc2)
    np.testing.assert_array_equal(direction, -direction2)
    np.testing.assert_array_equal(long, short2)
    np.testing.assert_array_equal(short, long2)


@pytest.mark.parametrize(("held", "held_dir", "long", "short", "adx", "spike", "expected"), [
    (NONE, 0, 0.75, 0.0, 30.0, 0, (HIGH, 1)), (NONE, 0, 0.75 - 1e-6, 0.0, 30.0, 0, (MEDIUM, 1)), (NONE, 0, 0.55, 0.0, 30.0, 0, (MEDIUM, 1)),
    (NONE, 0, 0.35, 0.0, 30.0, 0, (LOW, 1)), (NONE, 0, 0.35 - 1e-6, 0.0, 30.0, 0, (NONE, 0)), (NONE, 0, 0.0, 0.6, 30.0, 0, (MEDIUM, -1)),
    (NONE, 0, 0.5, 0.5, 30.0, 0, (NONE, 0)), (HIGH, 1, 0.5, 0.5, 30.0, 0, (NONE, 0)),                 # equal scores: no direction
    (HIGH, 1, 0.70, 0.1, 30.0, 0, (HIGH, 1)), (HIGH, 1, 0.70 - 1e-6, 0.1, 30.0, 0, (MEDIUM, 1)),      # kept down to the threshold less 0.05
    (MEDIUM, 1, 0.50, 0.1, 30.0, 0, (MEDIUM, 1)), (LOW, 1, 0.30, 0.1, 30.0, 0, (LOW, 1)), (LOW, 1, 0.30 - 1e-6, 0.1, 30.0, 0, (NONE, 0)),
    (HIGH, 1, 0.52, 0.1, 30.0, 0, (LOW, 1)),                                                          # past High's hysteresis: the class of the score
    (HIGH, -1, 0.72, 0.1, 30.0, 0, (MEDIUM, 1)),                                                      # another direction starts anew
    (NONE, 0, 0.90, 0.0, 15.0, 0, (HIGH, 1)), (HIGH, 1, 0.90, 0.0, 15.0 - 1e-6, 0, (LOW, 1)),         # veto by ADX
    (HIGH, 1, 0.90, 0.0, 30.0, 1, (MEDIUM, 1)), (HIGH, 1, 0.90, 0.0, 10.0, 1, (LOW, 1)), (NONE, 0, 0.36, 0.0, 30.0, 1, (LOW, 1)),
])
def test_classes_vetoes_and_hysteresis_at_their_edges(held, held_dir, long, short, adx, spike, expected):
    assert next_class(held, np.int64(held_dir), long, short, adx, np.int64(spike), RULES) == expected


def test_a_vetoed_class_has_to_be_earned_again():
    seen = Evidence(**{name: np.full(4, 1.0) for name in CHOICES}, trend=np.full(4, 1), spike=np.array([0, 1, 0, 0]))
    seen = seen._replace(adx=np.full(4, 20.0), plus_di=np.full(4, 30.0), ema_slow=np.zeros(4), er=np.array([0.45, 0.45, 0.1, 0.45]))
    tcc, _, long, _ = convictions(seen, RULES)                            # all but half of ADX; on the third bar without ER
    np.testing.assert_allclose(long, [0.875, 0.875, 0.725, 0.875])
    assert tcc.tolist() == [HIGH, MEDIUM, MEDIUM, HIGH]


def test_what_is_unknown_counts_nothing_and_a_vwap_without_slope_counts_half():
    nan = np.full(1, np.nan)
    seen = Evidence(**{name: np.full(1, 1.0) for name in CHOICES}, trend=np.ones(1, np.int64), spike=np.zeros(1, np.int64))
    assert components(seen._replace(vwap_slope=nan), 0, 1, RULES)[4] == 0.5
    assert components(seen._replace(vwap_side=nan), 0, 1, RULES)[4] == 0.0
    assert components(seen._replace(htf=nan), 0, 1, RULES)[5] == 0.0
    assert components(seen._replace(ema_slow=np.zeros(1), slope=nan), 0, 1, RULES)[2] == 0.5
    assert score((1.0, 1.0, 1.0, 1.0, 0.0, 0.0), DAILY) == pytest.approx(1.0) and score((1.0, 1.0, 1.0, 1.0, 0.0, 0.0), RULES) == pytest.approx(0.8)
