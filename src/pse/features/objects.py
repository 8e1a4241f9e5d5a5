"""The moments of every kind of object: which bar it is about, which bar makes it known, and which fields its later life writes.

Objects are row arrays of `pse.kernels.contract`, in order of the bar that makes them known; they carry forward-adjusted prices and bar indices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pse.kernels.contract import ALIVE, NEVER


@dataclass(frozen=True)
class ObjectKind:
    """`event` and `known`: the fields with the bar it is about and the bar that makes it known.

    `later`: bars of its later life, NEVER until they come.  `running`: fields that grow or change with them and cannot be set back from the row alone.
    """

    event: str
    known: str
    later: tuple[str, ...] = ()
    running: tuple[str, ...] = ()


KINDS: dict[str, ObjectKind] = {
    "pivots": ObjectKind("idx", "confirmed_at"),
    "breaks": ObjectKind("t", "t", running=("mqs_next", "q_fvg_next")),
    "gaps": ObjectKind("mid_bar", "formed_at", ("touched_at", "mid_filled_at", "filled_at", "inverted_at", "stale_at"), ("max_fill",)),
    "blocks": ObjectKind("idx", "known_at", ("invalid_at",)),
    "pools": ObjectKind("origin", "known_at", ("ended_at",), ("end",)),
    "sweeps": ObjectKind("pierced_at", "confirmed_at"),
    "opening_gaps": ObjectKind("t", "t", ("filled_at",)),
    "levels": ObjectKind("known_at", "known_at", ("ended_at",)),
}
NAMES = {"pivots_internal": "pivots", "pivots_major": "pivots"}      # object tables whose name is not their kind's


def kind_of(name: str) -> ObjectKind:
    """The kind of the object table `name`."""
    return KINDS[NAMES.get(name, name)]


def as_known(name: str, rows: np.ndarray, bars: int) -> np.ndarray:
    """The table as it was known after the first `bars` bars: rows of later ones gone, later life set back, running fields blanked."""
    kind = kind_of(name)
    then = rows[rows[kind.known] < bars].copy()
    for field in kind.later:
        then[field][then[field] >= bars] = NEVER
    if "max_fill" in kind.running:
        then["max_fill"] = 0.0
    if "end" in kind.running:
        then["end"][then["ended_at"] == NEVER] = ALIVE
    if "mqs_next" in kind.running:
        last = then["t"] + 1 >= bars                  # the revision comes with the next bar
        then["mqs_next"][last], then["q_fvg_next"][last] = then["mqs"][last], then["q_fvg"][last]
    return then
