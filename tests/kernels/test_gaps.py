"""Fair value gaps against their twin, and their ends by hand."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pse.kernels.contract import GAP_DTYPE, NEVER
from pse.kernels.gaps import fair_value_gaps
from pse.kernels.wilder import previous, wilder_atr
from tests.features.made import TICK, walk
from tests.naive import gaps as naive

seeds = st.integers(0, 2**32 - 1)


@settings(max_examples=50, deadline=None)
@given(seeds, st.sampled_from([1, 5, 20]), st.booleans(), st.sampled_from([0.0, 0.02]))
def test_gaps_equal_their_naive_twin(seed, max_age, one_session, holes):
    o, h, lo, c, _ = walk(seed, 250, holes)
    a, session = previous(wilder_atr(h, lo, c, 5, True)), np.arange(250) // 50
    rows = fair_value_gaps(o, h, lo, c, a, session, TICK, 2.0, 0.1, 2.0, max_age, one_session)
    expected = naive.fair_value_gaps(o, h, lo, c, a, session, TICK, 2.0, 0.1, 2.0, max_age, one_session)
    assert len(rows) == len(expected)
    for name in GAP_DTYPE.names:
        np.testing.assert_allclose(rows[name].astype(float), [float(gap[name]) for gap in expected], rtol=1e-12, err_msg=name)


def rows_of(bars, max_age=20):
    o, h, lo, c = (np.array(column, dtype=float) for column in zip(*bars, strict=True))
    return fair_value_gaps(o, h, lo, c, np.full(o.size, 2.0), np.zeros(o.size, np.int64), 0.25, 2.0, 0.1, 2.0, max_age, False)


UP = [(10, 11, 9, 10), (10, 14, 10, 14), (14, 15, 12, 14)]                 # gap 11..12, known at bar 2


def test_a_close_through_the_far_edge_starts_the_inverse_gap_which_does_not_start_another():
    rows = rows_of([*UP, (14, 14, 10, 10.5), (10.5, 13, 10, 12.5), (12.5, 13, 12, 12.5)])
    first, inverse = rows[0], rows[1]
    assert (first["inverted_at"], first["filled_at"]) == (3, 3)
    assert (inverse["dir"], inverse["formed_at"], inverse["inverse"], inverse["inverted_at"]) == (-1, 3, True, 4)
    assert not rows["inverse"][2:].any()


def test_a_stale_gap_is_not_touched_any_more():
    rows = rows_of([*UP, (14, 15, 13, 14), (14, 15, 13, 14), (14, 14, 9, 9)], max_age=2)
    assert (rows[0]["stale_at"], rows[0]["touched_at"], rows[0]["max_fill"]) == (5, NEVER, 0.0)


def test_a_touch_of_the_near_edge_counts():
    rows = rows_of([*UP, (14, 15, 12, 14), (14, 15, 11.5, 14)])
    assert (rows[0]["touched_at"], rows[0]["mid_filled_at"], rows[0]["filled_at"], rows[0]["max_fill"]) == (3, 4, NEVER, 0.5)
