"""Points of interest against their twin."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pse.kernels.blocks import order_blocks
from pse.kernels.contract import BLOCK_DTYPE, GAP_DTYPE, NEVER
from pse.kernels.gaps import fair_value_gaps
from pse.kernels.points import points_of_interest
from pse.kernels.retests import POI_KINDS
from pse.kernels.structure import structure
from pse.kernels.swings import swings
from pse.kernels.wilder import previous, wilder_atr
from tests.features.made import TICK, walk
from tests.naive import points as naive

N = 260


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([5, 30]), st.sampled_from([4, 40]), st.booleans(), st.sampled_from([0.0, 0.25, 0.9]))
def test_points_equal_their_naive_twin(seed, gap_age, block_age, inverse, least):
    o, h, lo, c, _ = walk(seed, N, 0.01)
    a, session = previous(wilder_atr(h, lo, c, 5, True)), np.zeros(N, np.int64)
    _, breaks = structure(o, h, lo, c, a, swings(o, h, lo, c, session, 1, 1, False), False, 1.0, 0.5, 0.6, 3, 20)
    gaps, blocks = fair_value_gaps(o, h, lo, c, a, session, TICK, 1.0, 0.0, 9.0, gap_age, False), order_blocks(o, h, lo, c, breaks, 15, block_age)
    rows = points_of_interest(gaps, blocks, N, block_age, least, inverse)
    dicts = [dict(zip(rows_.dtype.names, row.tolist(), strict=True)) for rows_ in (gaps,) for row in rows_]
    expected = naive.points_of_interest(dicts, [dict(zip(blocks.dtype.names, row.tolist(), strict=True)) for row in blocks], N, least, inverse)
    assert [(r["gap"], r["known_at"], POI_KINDS[r["kind"]], r["near"], r["far"], r["block"]) for r in rows] == expected
    for before, after in zip(rows, rows[1:], strict=False):
        assert before["gap"] != after["gap"] or before["ended_at"] == after["known_at"]


def test_a_block_that_is_stale_on_the_bar_that_makes_the_gap_known_joins_it_no_more():
    gap, block = np.zeros(1, GAP_DTYPE), np.zeros(1, BLOCK_DTYPE)
    gap["dir"] = block["dir"] = 1
    gap["top"], gap["bottom"], gap["formed_at"], gap["valid"], gap["inverted_at"], gap["stale_at"] = 12.0, 10.0, 10, True, NEVER, NEVER
    block["top"], block["bottom"], block["known_at"], block["invalid_at"] = 11.5, 9.0, 3, NEVER
    for stale_at, kind in ((9, "FVG_HALF"), (10, "FVG_HALF"), (11, "FVG_OB"), (NEVER, "FVG_OB")):
        block["stale_at"] = stale_at
        rows = points_of_interest(gap, block, 20, 40, 0.25, False)
        assert [(POI_KINDS[row["kind"]], row["known_at"]) for row in rows] == [(kind, 10)], stale_at       # once joined it keeps the block
