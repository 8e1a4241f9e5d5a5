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
@given(seeds, st.integers(1, 3), st.sampled_from([2, 15]))
def test_blocks_equal_their_naive_twin(seed, side, max_back):
    o, h, lo, c, _ = walk(seed, 250)
    a = previous(wilder_atr(h, lo, c, 5, True))
    _, breaks = structure(o, h, lo, c, a, swings(o, h, lo, c, np.zeros(250, np.int64), side, side, False), False, 1.0, 0.5, 0.6, 3, 20)
    rows = order_blocks(o, h, lo, c, breaks, max_back)
    expected = [naive.order_block(o, h, lo, c, b["t"], b["dir"], b["pivot_idx"], b["first_displacement"], max_back) for b in breaks]
    assert [(r["idx"], r["top"], r["bottom"], r["invalid_at"]) for r in rows] == expected
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
