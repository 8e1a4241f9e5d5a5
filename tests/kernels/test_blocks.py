"""Order blocks against their twin."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pse.kernels.blocks import order_blocks
from pse.kernels.rows import heap_pop, heap_push
from pse.kernels.structure import structure
from pse.kernels.swings import swings
from pse.kernels.wilder import previous, wilder_atr
from tests.features.made import walk
from tests.naive import blocks as naive

seeds = st.integers(0, 2**32 - 1)


@settings(max_examples=40, deadline=None)
@given(seeds, st.integers(1, 3), st.sampled_from([2, 15]), st.sampled_from([1, 20, 300]), st.sampled_from([0.0, 0.05]))
def test_blocks_equal_their_naive_twin(seed, side, max_back, max_age, holes):
    o, h, lo, c, _ = walk(seed, 250, holes)
    a = previous(wilder_atr(h, lo, c, 5, True))
    _, breaks = structure(o, h, lo, c, a, swings(o, h, lo, c, np.zeros(250, np.int64), side, side, False), False, 1.0, 0.5, 0.6, 3, 20)
    rows = order_blocks(o, h, lo, c, breaks, max_back, max_age)
    expected = [naive.order_block(o, h, lo, c, b["t"], b["dir"], b["pivot_idx"], b["first_displacement"], max_back) for b in breaks]
    ours = [[float(row[name]) for name in ("idx", "top", "bottom", "invalid_at")] for row in rows]
    np.testing.assert_array_equal(np.reshape(ours, (-1, 4)), np.reshape(expected, (-1, 4)).astype(float))
    for row in rows:
        life = naive.block_life(h, lo, c, row["known_at"], row["dir"], row["top"], row["bottom"], max_age)
        np.testing.assert_allclose([float(row[name]) for name in life], [float(value) for value in life.values()], rtol=1e-12, err_msg=str(list(life)))
    assert list(rows["known_at"]) == list(breaks["t"]) and list(rows["break_row"]) == list(range(len(breaks)))


@settings(max_examples=30, deadline=None)
@given(seeds)
def test_the_heap_gives_its_entries_in_order(seed):
    keys = np.random.default_rng(seed).integers(0, 20, 40).astype(float)
    heap, rows, size, seen = np.empty(40), np.empty(40, np.int64), 0, []
    for row, key in enumerate(keys):
        size = heap_push(heap, rows, size, key, row)
    while size:
        assert keys[rows[0]] == heap[0]
        seen.append(heap[0])
        size = heap_pop(heap, rows, size)
    assert seen == sorted(keys)
