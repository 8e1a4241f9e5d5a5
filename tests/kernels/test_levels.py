"""Support and resistance against its twin."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pse.kernels.levels import level_clusters
from pse.kernels.swings import swings
from pse.kernels.wilder import wilder_atr
from tests.features.made import TICK, walk
from tests.kernels.test_swings import as_tuples
from tests.naive import levels as naive

seeds = st.integers(0, 2**32 - 1)


@settings(max_examples=40, deadline=None)
@given(seeds, st.sampled_from([20, 80, 500]), st.sampled_from([0.25, 2.0]))
def test_clusters_equal_their_naive_twin(seed, lookback, share):
    o, h, lo, c, _ = walk(seed, 300)
    pivots, atr = swings(o, h, lo, c, np.zeros(300, np.int64), 3, 3, False), wilder_atr(h, lo, c, 14, True)
    rows = level_clusters(pivots, atr, lookback, share, TICK)
    expected = naive.level_clusters(as_tuples(pivots), atr, lookback, share, TICK)
    assert [(r["touches"], r["known_at"], r["ended_at"]) for r in rows] == [(e[1], e[3], e[4]) for e in expected]
    assert [(r["price"], r["priority"]) for r in rows] == [pytest.approx((e[0], e[2])) for e in expected]


def test_a_cluster_never_blocks_a_target():
    prices = np.tile([10.0, 12.0, 10.0, 8.0], 30)
    pivots = swings(prices, prices, prices, prices, np.zeros(120, np.int64), 1, 1, False)
    rows = level_clusters(pivots, np.full(120, 1.0), 500, 0.25, 0.25)
    assert rows["touches"].max() > 20 and rows["priority"].max() == 0.75


def test_without_a_range_there_are_no_levels():
    prices = np.tile([10.0, 12.0, 10.0, 8.0], 5)
    pivots = swings(prices, prices, prices, prices, np.zeros(20, np.int64), 1, 1, False)
    assert not len(level_clusters(pivots, np.full(20, np.nan), 500, 0.25, 0.25))
