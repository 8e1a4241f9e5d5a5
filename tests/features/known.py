"""What of an object table was known after k bars: the rows, and the fields of their later life set back to what they held then."""

from __future__ import annotations

import numpy as np

from pse.kernels.contract import ALIVE, NEVER, PENDING

KNOWN_AT = {"pivots": "confirmed_at", "breaks": "t", "gaps": "formed_at", "blocks": "known_at", "pools": "known_at", "sweeps": "confirmed_at",
            "levels": "known_at", "candidates": "t", "equals": "confirmed_at"}
MOMENTS = {"gaps": ("touched_at", "mid_filled_at", "filled_at", "inverted_at", "stale_at"), "blocks": ("invalid_at",), "pools": ("ended_at",),
           "levels": ("ended_at",)}


def at(kind: str, rows: np.ndarray, k: int) -> np.ndarray:
    """The table as it was known after the first k bars; fields that cannot be set back (max_fill, a pool's pending end) are blanked."""
    then = rows[rows[KNOWN_AT[kind]] < k].copy()
    for name in MOMENTS.get(kind, ()):
        then[name][then[name] >= k] = NEVER
    if kind == "gaps":
        then["max_fill"] = 0.0
    if kind == "pools":
        then["end"][then["ended_at"] == NEVER] = ALIVE
        assert set(rows["end"][rows["ended_at"] == NEVER]) <= {ALIVE, PENDING}
    if kind == "breaks":
        last = then["t"] + 1 >= k
        then["mqs_next"][last], then["q_fvg_next"][last] = then["mqs"][last], then["q_fvg"][last]
    return then


def assert_same_past(kind: str, early: np.ndarray, late: np.ndarray, k: int) -> None:
    """The table of the first k bars is the past of the longer one, field by field and bit by bit."""
    assert (early[KNOWN_AT[kind]] < k).all()
    before, after = at(kind, early, k), at(kind, late, k)
    for name in early.dtype.names:
        np.testing.assert_array_equal(before[name], after[name], err_msg=f"{kind}.{name}")
