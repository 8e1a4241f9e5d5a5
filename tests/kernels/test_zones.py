"""Supply and demand zones and the orders at them, against their twins and by hand."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pse.features.zones import Zones
from pse.kernels.codes import ZONE_ALIGNMENTS, ZONE_FRESHNESS, ZONE_PATTERNS, ZONE_STRENGTHS, ZONE_TIMES
from pse.kernels.contract import CANCEL, ENTER, NEVER, REFUSED
from pse.kernels.targets import CODES
from pse.kernels.wilder import previous, wilder_atr
from pse.kernels.zone_offers import OFFER_RULES_DTYPE, Calendar, offer_zones
from pse.kernels.zones import ZONE_DTYPE, ZoneBars, find_zones
from tests.features.known import assert_same_past
from tests.features.made import TICK
from tests.naive import zones as naive

N = 110
LIVES = ("touched_at", "stale_at", "violated_at", "expired_at", "nested_at")
KINDS = {int(ENTER): "ENTER", int(CANCEL): "CANCEL", int(REFUSED): "REFUSED"}
WORDS = {"strength": ZONE_STRENGTHS, "time": ZONE_TIMES, "freshness": ZONE_FRESHNESS, "alignment": ZONE_ALIGNMENTS}
seeds = st.integers(0, 2**32 - 1)


def made(seed, holes=0.0):
    """Bars that rest, run and come back: strong bars with pauses between them, around a middle; offsets that roll, a trend that turns."""
    rng = np.random.default_rng(seed)
    n, push, body = N, 0.0, []
    for _ in range(n):
        if rng.random() < 0.35:
            push = float(rng.choice([-1, 1])) if rng.random() < 0.6 else -np.sign(sum(body)) or 1.0
            body.append(push * int(rng.integers(4, 14)))
        else:
            body.append(float(rng.integers(-2, 3)))
    close = 400 + np.cumsum(body)
    open_ = np.concatenate([[400], close[:-1]]) + rng.integers(-1, 2, n) * (rng.random(n) < 0.2)
    high, low = np.maximum(open_, close) + rng.integers(0, 3, n), np.minimum(open_, close) - rng.integers(0, 3, n)
    prices = [column * TICK for column in (open_, high, low, close)]
    gone = rng.random(n) < holes
    for column in prices:
        column[gone] = np.nan
    atr = wilder_atr(*prices[1:], 5, True)
    trend = np.repeat(rng.integers(-1, 2, n), rng.integers(1, 30, n))[:n]
    return ZoneBars(*prices, atr, previous(atr), np.cumsum(rng.random(n) < 0.02) * 12.5, np.ascontiguousarray(trend))


def calendar(seed, n=N):
    """Sessions of 26 bars; now and then a close that nobody decides on, and decisions a little later than the close."""
    rng = np.random.default_rng(seed)
    session, close = np.arange(n) // 26, (np.arange(n, dtype=np.int64) + 1) * 10
    ends = (session + (2 if seed % 3 == 0 else 1)) * 260
    return Calendar(session, rng.random(n) >= (0.1 if seed % 2 else 0.0), close + rng.integers(0, 2, n) * (seed % 5 == 0), ends, close + 10)


def rules(**given):
    return Zones(tick=TICK, **{"max_age_bars": 40, "min_height_ticks": 2, **given}).rules("5m")


def asked(**given):
    record = np.zeros(1, OFFER_RULES_DTYPE)
    for name, value in {"rest_score": 7 / 9, "confirm_score": 6 / 9, "confirm_bars": 2, "min_reward_r": 1.5, "reach_atr": 6.0, **given}.items():
        record[name] = value
    return record[0]


def as_object(record):
    return SimpleNamespace(memo={}, **{name: record[name].item() for name in record.dtype.names})


def as_lists(bars):
    named = zip(("open", "high", "low", "close", "atr", "before", "offset", "trend"), bars, strict=True)
    return {name: values.tolist() for name, values in named}


shapes = st.sampled_from([{}, {"base_bars": 3, "legout_bars": 1}, {"legout_bars": 5, "legout_atr": 0.5}, {"overlap": 0.1}, {"max_age_bars": 12},
                          {"stop_cap_points": 1.5, "stop_heights": 0.3}, {"range_atr": 0.4, "overlap": 0.0}])


wishes = st.sampled_from([{}, {"rest_score": 5 / 9, "confirm_score": 3 / 9}, {"reach_atr": 1.5, "confirm_bars": 0},
                          {"rest_score": 8 / 9, "confirm_score": 4 / 9, "min_reward_r": 0.5}])


@settings(max_examples=25, deadline=None)
@given(seeds, shapes, st.sampled_from([0.0, 0.03]))
def test_zones_and_their_lives_equal_the_naive_twin(seed, shape, holes):
    bars, record = made(seed, holes), rules(**shape)
    rows, near, points = find_zones(bars, record)
    plain, limits = as_lists(bars), as_object(record)
    expected = naive.find(plain, limits)
    assert [ZONE_PATTERNS[row["pattern"]] for row in rows] == [zone["pattern"] for zone in expected]
    for name in ZONE_DTYPE.names[1:]:
        wanted = [NEVER if name in LIVES and zone[name] is None else zone[name] for zone in expected]
        np.testing.assert_allclose(rows[name].astype(float), np.array(wanted, dtype=float), rtol=1e-12, err_msg=name)
    for t in range(20, N, 7):
        for side, direction in enumerate((1, -1)):
            row = naive.nearest(plain, expected, direction, t, limits)
            assert near[side, t] == (-1 if row is None else row), (t, direction)
            if row is not None:
                others = naive.standing(plain, expected, t, limits)
                assert points[side, t] == pytest.approx(naive.score(plain, expected[row], others, t, limits)["points"]), (t, direction)


@settings(max_examples=25, deadline=None)
@given(seeds, shapes, st.sampled_from([0.0, 0.03]), wishes)
def test_orders_at_zones_equal_the_naive_twin(seed, shape, holes, wish):
    bars, record, days, wanted = made(seed, holes), rules(**shape), calendar(seed), asked(**wish)
    zones = find_zones(bars, record)[0]
    told = offer_zones(bars, days, zones.copy(), record, wanted)
    plain, limits = as_lists(bars), as_object(record)
    expected = naive.offers(plain, {name: getattr(days, name).tolist() for name in Calendar._fields}, naive.find(plain, limits), limits, as_object(wanted))
    heads = [(row["t"], row["zone"], KINDS[int(row["kind"])], CODES[row["code"]]) for row in told]
    assert heads == [(row["t"], row["zone"], row["kind"], row["code"]) for row in expected]
    for row, twin in zip(told, expected, strict=True):
        if (twin["kind"], twin["code"]) == ("CANCEL", "OK"):               # of a zone that is over no score is asked
            continue
        for name in ("points", "rho", "penetration", "touches", "entry", "stop", "target", "reward_r", "confirming", "touch", "scored_at"):
            if name in twin:
                assert row[name] == pytest.approx(twin[name], rel=1e-9, abs=1e-9), (name, twin)
        assert {name: words[row[name]] for name, words in WORDS.items()} == {name: twin[name] for name in WORDS}
        assert row["kind"] != ENTER or row["until"] == twin["until"]


@settings(max_examples=30, deadline=None)
@given(seeds, st.integers(3, N - 1), st.sampled_from([0.0, 0.03]))
def test_bars_that_come_later_change_no_zone_and_no_order(seed, k, holes):
    bars, record, days = made(seed, holes), rules(), calendar(seed)
    early, early_days = ZoneBars(*(column[:k].copy() for column in bars)), Calendar(*(column[:k].copy() for column in days))
    (rows, near, points), (before, near_before, points_before) = find_zones(bars, record), find_zones(early, record)
    assert_same_past("zones", before, rows, k)
    np.testing.assert_array_equal(near[:, :k], near_before)
    np.testing.assert_array_equal(points[:, :k], points_before)
    told, told_before = (offer_zones(b, c, z.copy(), record, asked()) for b, c, z in ((bars, days, rows), (early, early_days, before)))
    assert told_before.tobytes() == told[told["t"] < k].tobytes()


def test_the_made_bars_have_all_that_may_happen_to_a_zone():
    """Otherwise the twins would agree on nothing."""
    lives, words = set(), set()
    for seed in range(60):
        bars = made(seed)
        rows, _, _ = find_zones(bars, rules())
        lives |= {name for name in LIVES if (rows[name] < NEVER).any()}
        told = offer_zones(bars, calendar(seed), rows.copy(), rules(stop_cap_points=1.0), asked())
        words |= {(KINDS[int(row["kind"])], CODES[row["code"]], bool(row["confirming"])) for row in told}
    assert lives == {*LIVES}
    assert {("ENTER", "OK", False), ("ENTER", "OK", True), ("CANCEL", "OK", False), ("CANCEL", "SCORE", False)} <= words
    assert {("REFUSED", code, False) for code in ("SCORE", "TOO_FAR", "RR", "NESTED", "SL_CAP")} <= words
    assert ("REFUSED", "NO_REJECTION", True) in words and ("REFUSED", "RR", True) in words
