"""Opening gaps against their twin, and what a later bar may not change."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pse.features.objects import as_known
from pse.kernels.contract import NEVER
from pse.kernels.opening_gaps import opening_gaps
from tests.features.made import walk
from tests.naive import opening_gaps as naive

seeds = st.integers(0, 2**32 - 1)


def sessions(seed, n, most):
    """Bars with jumps between sessions of 1 to `most` bars, some new contracts and some sessions that are missing."""
    rng = np.random.default_rng(seed)
    session = np.repeat(np.arange(n), rng.integers(1, most + 1, n))[:n]
    bars = [column + np.cumsum(rng.integers(-12, 13, n) * 0.25)[session] for column in walk(seed, n, rng.choice([0.0, 0.05]))[:4]]
    first = np.diff(session, prepend=-1) != 0
    session = session + np.cumsum(first & (rng.random(n) < 0.1))
    return *bars, session, first & (rng.random(n) < 0.1) & (np.arange(n) > 0)


@given(seeds, st.integers(1, 12))
def test_gaps_and_their_fills_equal_their_naive_twin(seed, most):
    bars = sessions(seed, 150, most)
    rows = opening_gaps(*bars)
    found = [(int(row["t"]), float(row["points"]), naive.KINDS[row["kind"]], None if row["filled_at"] == NEVER else int(row["filled_at"])) for row in rows]
    expected = naive.opening_gaps(*bars)
    assert [(t, kind, filled) for t, _, kind, filled in found] == [(t, kind, filled) for t, _, kind, filled in expected]
    np.testing.assert_array_equal([row[1] for row in found], [row[1] for row in expected])


@given(seeds, st.integers(1, 149))
def test_later_bars_add_fills_and_change_nothing_else(seed, cut):
    bars = sessions(seed, 150, 8)
    early, late = opening_gaps(*(column[:cut] for column in bars)), as_known("opening_gaps", opening_gaps(*bars), cut)
    for name in early.dtype.names:
        np.testing.assert_array_equal(early[name], late[name])


def test_a_gap_is_filled_days_later_and_one_that_is_jumped_over_is_filled_too():
    closes = np.array([10.0, 20, 21, 15, 5])
    gaps = opening_gaps(closes, closes + 0.5, closes - 0.5, closes, np.arange(5), np.zeros(5, bool))
    assert gaps["points"].tolist()[1:] == [10.0, 1.0, -6.0, -10.0] and gaps["filled_at"].tolist()[1:] == [4, 3, NEVER, NEVER]


def test_a_gap_over_missing_days_is_no_gap():
    closes = np.array([10.0, 20, 30])
    gaps = opening_gaps(closes, closes + 0.5, closes - 0.5, closes, np.array([4, 5, 14]), np.zeros(3, bool))
    assert gaps["points"].tolist()[1] == 10.0 and np.isnan(gaps["points"][[0, 2]]).all()
    assert [naive.KINDS[kind] for kind in gaps["kind"]] == ["NONE", "FULL_UP", "NONE"]
