"""The past of every feature kernel stands when later bars arrive: f(bars[:k]) is the beginning of f(bars)."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pse.kernels.blocks import order_blocks
from pse.kernels.gaps import fair_value_gaps
from pse.kernels.impulse import last_legs, legs_of, pullbacks_of
from pse.kernels.level_breaks import level_breaks
from pse.kernels.levels import level_clusters
from pse.kernels.liquidity import CANDIDATE_DTYPE, EQH, MAJOR_H, equal_levels, pools_and_sweeps, session_extremes, swing_and_equal_candidates, tick_or_range
from pse.kernels.points import points_of_interest
from pse.kernels.quality import data_scores, open_time, score_breaks
from pse.kernels.resample import asof_rows
from pse.kernels.rolling import relative_volume
from pse.kernels.structure import structure
from pse.kernels.swings import alternating_view, label_swings, last_swing_prices, mark_superseded, swings
from pse.kernels.wilder import previous, true_range, wilder_atr
from tests.features.known import assert_same_past
from tests.features.made import TICK, walk
from tests.kernels.test_impulse import rules

N = 260
seeds, cuts = st.integers(0, 2**32 - 1), st.integers(3, N - 1)


def everything(seed, k, holes):
    """(columns, tables) of all kernels over the first k bars of a walk."""
    o, h, lo, c, v = (column[:k].copy() for column in walk(seed, N, holes))
    session = np.arange(k) // 60
    atr = wilder_atr(h, lo, c, 5, True)
    a, rvol, tolerance = previous(atr), relative_volume(v, 8), tick_or_range(previous(atr), TICK, 2.0, 0.1)
    pivots, majors = swings(o, h, lo, c, session, 2, 2, False), swings(o, h, lo, c, session, 4, 4, True)
    label_swings(pivots, a, 0.1)
    mark_superseded(pivots)
    mark_superseded(majors)
    trend, breaks = structure(o, h, lo, c, a, pivots, False, 1.0, 0.5, 0.6, 3, 20)
    gaps, blocks = fair_value_gaps(o, h, lo, c, a, session, TICK, 2.0, 0.1, 2.0, 8, False), order_blocks(o, h, lo, c, breaks, 15, 8)
    minute = np.arange(k, dtype=np.int64)
    begins = np.arange(5)[:, None] * 60 + np.array([0, 5, 20, 30])
    extremes = session_extremes(h, lo, minute, minute + 1, session, np.array([0, 0, 1, 1, 2]), begins, begins + 20)
    equals = equal_levels(h, lo, pivots, tolerance, 3, 1)
    candidates = np.concatenate([extremes, swing_and_equal_candidates(pivots[:0], equals, EQH), swing_and_equal_candidates(majors, equals[:0], MAJOR_H)])
    candidates = candidates[np.argsort(candidates["t"], kind="stable")].astype(CANDIDATE_DTYPE)
    pools, sweeps = pools_and_sweeps(h, lo, c, a, rvol, session, candidates, tolerance, TICK, 2, 1.5, 2)
    levels = level_clusters(majors, atr, 100, 0.5, TICK)
    row = asof_rows(np.arange(11, N, 12), minute)
    htf = np.where(row < 0, np.nan, trend[np.maximum(11 + 12 * row, 0)])
    score_breaks(breaks, o, h, lo, c, a, rvol, htf, gaps, sweeps, 3)
    day = np.zeros(5, np.int64)
    elapsed = open_time(minute + 1, session, np.arange(5) * 60, day, day, np.arange(5) * 60)
    score = data_scores(o, h, lo, c, v, session, a, np.ones(k, np.int64), elapsed, np.zeros(k), 20, 1, 1, 10.0)
    (up, up_now), (down, down_now) = (legs_of(o, h, lo, c, atr, a, session, gaps, d, rules(min_atr=1.5), True) for d in (1, -1))
    triggers = pullbacks_of(o, h, lo, c, atr, a, up, up_now, rules(min_atr=1.5))
    points = points_of_interest(gaps, blocks, k, 8, 0.25, True)
    broken = level_breaks(c, a, levels["price"], levels["priority"], levels["known_at"], levels["ended_at"], 0.1)
    view, row = alternating_view(pivots, k), last_legs(up, down, h, lo)
    last_starts = np.where(row < 0, np.nan, np.append(np.concatenate([up, down])["start"], np.nan)[row])
    columns = {"up": up_now, "down": down_now, "leg": last_starts, "leg_high": view[0], "leg_dir": view[2],
               "tr": true_range(h, lo, c, True), "atr": atr, "rvol": rvol, "tolerance": tolerance, "trend": trend, "score": score,
               "swing_high": last_swing_prices(pivots, k)[0], "swing_low": last_swing_prices(pivots, k)[1]}
    tables = {"pivots": pivots, "breaks": breaks, "gaps": gaps, "blocks": blocks, "candidates": candidates, "equals": equals, "pools": pools,
              "sweeps": sweeps, "levels": levels, "legs": up, "pullbacks": triggers, "points": points[np.argsort(points["known_at"], kind="stable")],
              "level_breaks": broken}
    return columns, tables, majors


@settings(max_examples=80, deadline=None)
@given(seeds, cuts, st.sampled_from([0.0, 0.02]))
def test_later_bars_never_change_what_a_kernel_said(seed, k, holes):
    early, early_tables, early_majors = everything(seed, k, holes)
    late, late_tables, late_majors = everything(seed, N, holes)
    for name, column in early.items():
        np.testing.assert_array_equal(column, late[name][:k], err_msg=name)
    for kind, rows in early_tables.items():
        assert_same_past(kind, rows, late_tables[kind], k)
    assert_same_past("pivots", early_majors, late_majors, k)
