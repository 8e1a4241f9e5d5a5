"""Pools, equal levels and sweeps against their twins, and merging by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pse.kernels.contract import ALIVE, EXPIRED, NEVER, PENDING, POOL_KINDS, REPLACED, SWEPT
from pse.kernels.liquidity import (
    ASIA_H,
    BASE_PRIORITY,
    CANDIDATE_DTYPE,
    EQH,
    MAJOR_H,
    ONH,
    PDH,
    PWH,
    SWING_H,
    equal_levels,
    pools_and_sweeps,
    session_extremes,
    swing_and_equal_candidates,
)
from pse.kernels.rolling import relative_volume
from pse.kernels.swings import swings
from pse.kernels.wilder import previous, wilder_atr
from tests.features.made import TICK, minutes, walk
from tests.kernels.test_swings import as_tuples
from tests.naive import liquidity as naive

seeds = st.integers(0, 2**32 - 1)


def test_kind_numbers_are_places_in_the_list_of_names():
    assert [POOL_KINDS[k] for k in (PDH, EQH, MAJOR_H, SWING_H)] == ["PDH", "EQH", "MAJOR_H", "SWING_H"]
    assert {naive.family(kind): priority for kind, priority in zip(range(0, 18, 2), BASE_PRIORITY, strict=True)} == naive.BASE


@settings(max_examples=12, deadline=None)
@given(seeds, st.sampled_from([0.0, 0.9, 0.995]), st.lists(st.integers(0, 6), max_size=3))
def test_session_candidates_equal_their_naive_twin(seed, missing, holes):
    bars = minutes(seed, 7, missing=missing)
    bars = bars[np.flatnonzero(~np.isin(bars.session, holes))]
    rng, sessions = np.random.default_rng(seed), 7
    starts = bars.sessions.open_ns[:sessions, None] + rng.integers(0, 700, (sessions, 4)) * 60_000_000_000
    ends = starts + rng.integers(0, 600, (sessions, 4)) * 60_000_000_000
    week = np.array([0, 0, 1, 1, 2, 3, 3])
    rows = session_extremes(bars.high, bars.low, bars.ts_open, bars.ts_close, bars.session, week, starts, ends)
    ours = [(r["t"], naive.family(int(r["kind"])), r["side"], r["level"], r["priority"], r["origin"]) for r in rows]
    assert sorted(ours) == sorted(naive.session_extremes(bars.high, bars.low, bars.ts_open, bars.ts_close, bars.session, week, starts, ends))


def test_the_last_day_and_week_before_a_hole_are_not_the_day_and_the_week_before():
    day = np.array([0, 0, 1, 1, 4, 4, 5, 5])                  # days 2 and 3 are missing, and with them the rest of week 0 or all of week 1
    minute, nothing = np.arange(8), np.zeros((6, 4), np.int64)
    high = 10.0 + np.arange(8)
    for weeks, known in (([0, 0, 0, 0, 1, 1], [4]), ([0, 0, 1, 1, 2, 2], []), ([0, 1, 1, 1, 3, 3], [2])):
        rows = session_extremes(high, high - 5, minute, minute + 1, day, np.array(weeks), nothing, nothing)
        assert rows["t"][rows["kind"] == PDH].tolist() == [2, 6] and rows["level"][rows["kind"] == PDH].tolist() == [11.0, 15.0]
        assert rows["t"][rows["kind"] == PWH].tolist() == known
    ends = nothing + np.array([3, 5, 0, 0])                   # a window that ends with day 1's first bar, and one that only a bar behind the hole ends
    ends[[0, 2, 3, 4, 5]] = 0
    rows = session_extremes(high, high - 5, minute, minute + 1, day, np.zeros(6, np.int64), nothing, ends)
    assert rows["t"][rows["kind"] == ONH].tolist() == [2] and ASIA_H not in rows["kind"]


@settings(max_examples=50, deadline=None)
@given(seeds, st.sampled_from([1, -1]), st.sampled_from([0.25, 0.75, 2.0]))
def test_equal_levels_equal_their_naive_twin(seed, side, width):
    o, h, lo, c, _ = walk(seed, 300)
    tolerance = np.random.default_rng(seed).choice([width, 2 * width, np.nan], 300, p=[0.6, 0.35, 0.05])
    pivots = swings(o, h, lo, c, np.zeros(300, np.int64), 1, 1, False)
    rows = equal_levels(h, lo, pivots, tolerance, 3, side)

    def members(row):
        earlier = members(rows[row["before"]]) if row["before"] >= 0 else (int(pivots[row["anchor"]]["idx"]),)
        return (*earlier, int(pivots[row["pivot"]]["idx"]))

    expected = naive.equal_levels(h, lo, as_tuples(pivots), np.nan_to_num(tolerance), 3, side)
    assert [(r["level"], members(r), r["confirmed_at"], r["origin"]) for r in rows] == expected
    assert list(rows["members"]) == [len(e[1]) for e in expected]


def made_candidates(rng, high, low, n, count=60):
    """Levels near the price of their bar, outside its range as real ones are, or anywhere."""
    rows = np.zeros(count, CANDIDATE_DTYPE)
    rows["t"], rows["kind"] = np.sort(rng.integers(0, n, count)), rng.integers(0, 18, count)
    rows["side"] = 1 - 2 * (rows["kind"] % 2)
    at = np.where(rows["side"] > 0, high[rows["t"]], low[rows["t"]])
    rows["level"] = at + rows["side"] * rng.integers(-4, 12, count) * TICK
    rows["priority"], rows["origin"] = np.array(BASE_PRIORITY)[rows["kind"] // 2], np.maximum(rows["t"] - 3, 0)
    return rows


@settings(max_examples=60, deadline=None)
@given(seeds, st.integers(0, 2), st.sampled_from([0, 2]), st.sampled_from([0.0, 0.02]))
def test_pools_and_sweeps_equal_their_naive_twin(seed, max_age, reclaim, holes):
    n, rng = 160, np.random.default_rng(seed)
    o, h, lo, c, v = walk(seed, n)
    candidates = made_candidates(rng, h, lo, n)
    for column in (h, lo, c):
        column[rng.random(n) < holes] = np.nan
    a, rvol, session = previous(wilder_atr(h, lo, c, 5, True)), relative_volume(v, 10), np.arange(n) // 30
    tolerance = np.where(rng.random(n) < 0.5, 2 * TICK, 5 * TICK)
    pools, sweeps = pools_and_sweeps(h, lo, c, a, rvol, session, candidates, tolerance, TICK, max_age, 1.5, reclaim)
    given_rows = [(int(r["t"]), naive.family(int(r["kind"])), int(r["side"]), float(r["level"]), float(r["priority"]), int(r["origin"])) for r in candidates]
    expected, outcomes = naive.pools_and_sweeps(h, lo, c, a, rvol, session, given_rows, tolerance, TICK, max_age, 1.5, reclaim)
    names = ("side", "level", "priority", "known_at", "ended_at", "origin")
    assert [(naive.family(int(p["kind"])), naive.NAMES[p["end"]], *(p[name] for name in names)) for p in pools] == \
        [(p["family"], p["end"], *(p[name] for name in names)) for p in expected]
    names = ("confirmed_at", "side", "level", "pierced_at", "priority")         # which level of equal priority stands for one bar is left open
    ours = sorted((*(s[name] for name in names), naive.NAMES[s["result"]], s["extreme"]) for s in sweeps)
    theirs = sorted((*(s[name] for name in names), s["result"], s["extreme"]) for s in outcomes)
    assert [(*row[:2], round(row[4], 9), row[5]) for row in ours] == [(*row[:2], round(row[4], 9), row[5]) for row in theirs]
    assert (np.diff(sweeps["confirmed_at"]) >= 0).all()


def pools_of(candidates, prices, tolerance=0.5, sessions=None, max_age=2):
    """Pools and sweeps of flat bars at `prices`, tick 0.25, ATR 1."""
    rows = np.zeros(len(candidates), CANDIDATE_DTYPE)
    for row, (t, kind, level) in zip(rows, candidates, strict=True):
        row["t"], row["kind"], row["side"], row["level"], row["priority"], row["origin"] = t, kind, 1 - 2 * (kind % 2), level, BASE_PRIORITY[kind // 2], t
    x, n = np.array(prices, dtype=float), len(prices)
    session = np.zeros(n, np.int64) if sessions is None else np.array(sessions)
    return pools_and_sweeps(x, x, x, np.ones(n), np.ones(n), session, rows, np.full(n, tolerance), 0.25, max_age, 1.5, 2)


def test_a_swing_beside_a_day_high_becomes_one_pool_with_the_outer_level_and_the_higher_priority():
    pools, _ = pools_of([(0, PDH, 10.0), (1, SWING_H, 10.5)], [5, 5, 5])
    assert [(p["end"], p["ended_at"]) for p in pools] == [(REPLACED, 1), (ALIVE, NEVER)]
    assert (pools[1]["level"], pools[1]["priority"], pools[1]["kind"], pools[1]["known_at"], pools[1]["origin"]) == (10.5, 0.9, PDH, 1, 1)


def test_a_pool_that_would_not_change_stands_as_it_is():
    pools, _ = pools_of([(0, PDH, 10.0), (1, SWING_H, 9.75)], [5, 5, 5])
    assert len(pools) == 1 and pools[0]["end"] == ALIVE


def test_pools_farther_apart_than_the_tolerance_stay_two():
    assert len(pools_of([(0, PDH, 10.0), (1, SWING_H, 10.75)], [5, 5, 5])[0]) == 2


def test_a_pool_above_and_one_below_never_merge():
    pools, _ = pools_of([(0, PDH, 10.0), (0, PDH + 1, 9.75)], [9.75, 9.75, 12])
    assert [(p["side"], p["end"]) for p in pools] == [(1, PENDING), (-1, ALIVE)]


def test_a_swing_dies_after_two_trading_days_and_a_day_high_does_not():
    pools, _ = pools_of([(0, PDH, 20.0), (0, MAJOR_H, 10.0)], [5, 5, 5, 5], sessions=[0, 1, 2, 3])
    assert [(p["end"], p["ended_at"]) for p in pools] == [(ALIVE, NEVER), (EXPIRED, 3)]


def test_a_pool_is_not_pierced_by_the_bar_that_makes_it_known():
    pools, sweeps = pools_of([(1, PDH, 10.0)], [5, 12, 11, 9])
    assert (sweeps[0]["pierced_at"], sweeps[0]["confirmed_at"], pools[0]["end"]) == (2, 3, SWEPT)


def test_pools_swept_by_one_bar_are_one_sweep_with_the_highest_priority():
    pools, sweeps = pools_of([(0, SWING_H, 10.0), (0, PDH, 11.0)], [5, 11.25, 9])
    assert [p["end"] for p in pools] == [SWEPT, SWEPT] and len(sweeps) == 1
    assert sweeps[0]["level"] == 11.0 and sweeps[0]["priority"] == pytest.approx(0.9)


def test_an_equal_level_gains_a_twentieth_with_each_further_member_up_to_a_bound():
    h = np.tile([1.0, 2.0, 1.0, 1.0], 8)
    pivots = swings(h, h, h - 1, h, np.zeros(32, np.int64), 1, 1, False)
    rows = swing_and_equal_candidates(pivots[:0], equal_levels(h, h - 1, pivots, np.full(32, 0.1), 3, 1), EQH)
    np.testing.assert_allclose(rows["priority"], [0.70, 0.75, 0.80, 0.85, 0.85, 0.85, 0.85])
