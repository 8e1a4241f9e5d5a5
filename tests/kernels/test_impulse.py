"""Impulse legs and pullbacks against their twins, and their rules by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pse.kernels.gaps import fair_value_gaps
from pse.kernels.impulse import (
    COUNTER,
    LEG_DTYPE,
    LEG_RULES_DTYPE,
    NO_BREAK,
    NOT_MONOTONE,
    PULLBACK_DTYPE,
    TOO_WIDE,
    WRONG_COUNT,
    WRONG_DEPTH,
    farthest_bars,
    last_legs,
    legs_of,
    measure_pullback,
    pullbacks_of,
)
from pse.kernels.wilder import previous, wilder_atr
from tests.features.made import TICK, walk
from tests.naive import impulse as naive

seeds = st.integers(0, 2**32 - 1)
RULES = {"max_bars": 20, "min_bars": 2, "min_atr": 3.0, "min_er": 0.4, "disp_range_atr": 1.2, "disp_body": 0.6, "disp_close": 0.7, "min_pullback": 2,
         "max_pullback": 10, "min_depth": 0.25, "max_depth": 0.618, "min_mono": 0.6, "max_range_atr": 1.5, "break_bars": 2}
FLAGS = {"n": WRONG_COUNT, "depth": WRONG_DEPTH, "mono": NOT_MONOTONE, "rng": TOO_WIDE, "brk": NO_BREAK, "no_counter": COUNTER}


def rules(**changes):
    """The bounds as the kernels take them."""
    record = np.zeros(1, LEG_RULES_DTYPE)
    for name, value in {**RULES, **changes}.items():
        record[name] = value
    return record[0]


def plain(bounds):
    """The same bounds as the twin takes them."""
    return {"max_bars": bounds["max_bars"], "min_bars": bounds["min_bars"], "min_atr": bounds["min_atr"], "min_er": bounds["min_er"],
            "disp": {"range": bounds["disp_range_atr"], "body": bounds["disp_body"], "close": bounds["disp_close"]},
            "n": (bounds["min_pullback"], bounds["max_pullback"]), "depth": (bounds["min_depth"], bounds["max_depth"]), "mono": bounds["min_mono"],
            "max_range_atr": bounds["max_range_atr"], "break_bars": bounds["break_bars"]}


LOOSE = {"min_atr": 1.5, "min_er": 0.2, "min_mono": 0.3, "max_range_atr": 3.0, "min_depth": 0.1, "max_depth": 0.9, "min_pullback": 1}


def made(seed, holes, one_session, bounds, n=220):
    o, h, lo, c, _ = walk(seed, n, holes)
    atr, session = wilder_atr(h, lo, c, 5, True), np.arange(n) // 45
    a = previous(atr)
    gaps = fair_value_gaps(o, h, lo, c, a, session, TICK, 2.0, 0.1, 2.0, 20, one_session)
    return (o, h, lo, c, atr, a), session, gaps


@settings(max_examples=40, deadline=None)
@given(seeds, st.sampled_from([1, -1]), st.booleans(), st.sampled_from([0.0, 0.01]), st.sampled_from([6, 20]))
def test_legs_equal_their_naive_twin(seed, d, one_session, holes, back):
    bounds = rules(**LOOSE, max_bars=back)
    bars, session, gaps = made(seed, holes, one_session, bounds)
    legs, standing = legs_of(*bars, session, gaps, d, bounds, one_session)
    valid = [(int(g["dir"]), int(g["formed_at"])) for g in gaps if g["valid"] and not g["inverse"]]
    names = ("s", "e", "start", "end", "length", "length_atr", "er", "displaced", "gapped")
    for t in range(len(session)):
        expected = naive.leg_at(*bars, session, valid, t, d, plain(bounds), one_session)
        assert (expected is None) == (standing[t] < 0), t
        if expected is not None:
            leg = legs[standing[t]]
            np.testing.assert_allclose([float(leg[name]) for name in names], [float(x) for x in expected], rtol=1e-12)
            assert leg["known_at"] <= t < leg["ended_at"]
    assert (np.diff(legs["e"]) > 0).all() and (legs["known_at"] >= legs["e"]).all()


@settings(max_examples=40, deadline=None)
@given(seeds, st.sampled_from([1, -1]), st.booleans())
def test_pullbacks_equal_their_naive_twin(seed, d, loose):
    bounds = rules(**(LOOSE if loose else {"min_atr": 1.5}))
    bars, session, gaps = made(seed, 0.0, False, bounds)
    legs, standing = legs_of(*bars, session, gaps, d, bounds, False)
    rows = pullbacks_of(*bars, legs, standing, bounds)
    expected = []
    out = np.zeros(1, PULLBACK_DTYPE)[0]
    for t in range(len(session)):
        if standing[t] < 0 or legs[standing[t]]["e"] >= t - 1:
            continue
        leg = legs[standing[t]]
        *numbers, failed = naive.pullback_at(*bars, (leg["e"], leg["end"], leg["length"]), t, d, plain(bounds))
        assert measure_pullback(out, *bars, leg, t, bounds) == sum(FLAGS[name] for name in failed)
        np.testing.assert_allclose([out[name] for name in ("bars", "depth", "mono", "max_range", "line", "extreme")], numbers, rtol=1e-12)
        if not failed:
            expected.append(t)
    assert list(rows["t"]) == expected


@settings(max_examples=40, deadline=None)
@given(seeds)
def test_the_last_leg_equals_its_naive_twin(seed):
    bounds = rules(**LOOSE)
    bars, session, gaps = made(seed, 0.0, False, bounds)
    longs, shorts = (legs_of(*bars, session, gaps, d, bounds, False)[0] for d in (1, -1))
    row, both = last_legs(longs, shorts, bars[1], bars[2]), np.concatenate([longs, shorts])
    table = [(int(r["dir"]), int(r["known_at"]), int(r["e"]), float(r["length_atr"]), float(r["start"])) for r in both]
    for t in range(len(session)):
        here = None if row[t] < 0 else (int(both[row[t]]["dir"]), float(both[row[t]]["start"]))
        assert here == naive.last_leg(table, bars[1], bars[2], t), t


@pytest.mark.parametrize(("last_on_ties", "expected"), [(False, [0, 1, 1, 1, 4]), (True, [0, 1, 2, 2, 4])])
def test_of_equal_highs_the_first_or_the_last_counts(last_on_ties, expected):
    values = np.array([1.0, 3.0, 3.0, 2.0, 2.5])
    assert list(farthest_bars(values, 1.0, np.zeros(5, np.int64), 2, last_on_ties, False))[:4] == expected[:4]


def test_a_window_with_an_unknown_bar_has_no_farthest_bar():
    values = np.array([1.0, np.nan, 3.0, 2.0, 2.5])
    assert list(farthest_bars(values, 1.0, np.zeros(5, np.int64), 2, False, False)) == [0, -1, -1, -1, 2]


def test_a_window_of_shares_begins_with_the_session():
    values = np.array([9.0, 1.0, 2.0, 5.0, 1.0])
    assert list(farthest_bars(values, 1.0, np.array([0, 0, 1, 1, 1]), 4, False, True)) == [0, 0, 2, 3, 3]


@pytest.mark.parametrize(("end_of_short", "expected"), [(4, 1), (3, 0), (2, 0)])
def test_of_two_legs_known_at_one_bar_the_later_end_counts_and_the_longer_on_ties(end_of_short, expected):
    longs, shorts = np.zeros(1, LEG_DTYPE), np.zeros(1, LEG_DTYPE)
    longs["known_at"], longs["e"], longs["start"], longs["length_atr"] = 4, 3, 0.0, 5.0
    shorts["known_at"], shorts["e"], shorts["start"], shorts["length_atr"] = 4, end_of_short, 9.0, 4.0
    assert list(last_legs(longs, shorts, np.full(6, 5.0), np.full(6, 4.0))) == [-1, -1, -1, -1, expected, expected]
