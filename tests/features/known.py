"""What of an object table was known after k bars: the rows, and the fields of their later life set back to what they held then."""

from __future__ import annotations

import numpy as np

from pse.features.objects import as_known, kind_of
from pse.kernels.contract import ALIVE, NEVER, PENDING

KNOWN_AT = {"candidates": "t", "equals": "confirmed_at"}               # tables on the way to an object table


def known_at(kind: str) -> str:
    return KNOWN_AT[kind] if kind in KNOWN_AT else kind_of(kind).known


def at(kind: str, rows: np.ndarray, k: int) -> np.ndarray:
    """The table as it was known after the first k bars; fields that cannot be set back (max_fill, a pool's pending end) are blanked."""
    if kind == "pools":
        assert set(rows["end"][rows["ended_at"] == NEVER]) <= {ALIVE, PENDING}
    return rows[rows[KNOWN_AT[kind]] < k].copy() if kind in KNOWN_AT else as_known(kind, rows, k)


def assert_same_past(kind: str, early: np.ndarray, late: np.ndarray, k: int) -> None:
    """The table of the first k bars is the past of the longer one, field by field and bit by bit."""
    assert (early[known_at(kind)] < k).all()
    before, after = at(kind, early, k), at(kind, late, k)
    for name in early.dtype.names:
        np.testing.assert_array_equal(before[name], after[name], err_msg=f"{kind}.{name}")
