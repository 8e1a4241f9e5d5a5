"""What leaves for a broker outside: every order once, whoever sends it again.

An order is known by its plan, leg, version and action, from which its reference is made too; the same one again is the same order, and does not leave.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from pse.kernels.codes import E_ORDER

Key = tuple[int, int, int, int]                  # plan number, leg, version, action


class Outbox:
    """Remembers what has left; `sent`, from the journal, is what had left before."""

    def __init__(self, sent: Iterable[Key] = ()) -> None:
        self._sent: set[Key] = set(sent)

    def fresh(self, events: np.ndarray) -> np.ndarray:
        """The orders among `events` that have not left yet; from now on they have."""
        orders = events[events["kind"] == E_ORDER]
        keys: list[Key] = list(zip(orders["plan"].tolist(), orders["i"].tolist(), [int(version) for version in orders["c"].tolist()], orders["j"].tolist(),
                                   strict=True))
        new = np.zeros(orders.size, bool)
        for at, key in enumerate(keys):
            new[at] = key not in self._sent
            self._sent.add(key)
        return orders[new]
