"""What tactics found: columns of numbers, and the ids that make a setup the same thing everywhere."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from pse.kernels.contract import SETUP_DTYPE

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://pse.invalid/setup")
DIRECTIONS = {1: "LONG", -1: "SHORT", 0: "EITHER"}
GRADES = ("", "C", "B", "A", "A+")
GRADE_FLOORS = (0.55, 0.70, 0.85)                # scores at which B, A and A+ begin, inclusive; C below


@dataclass(frozen=True, eq=False)
class Setups:
    """Setups of one run, sorted by decision time, symbol, then tactic order.

    `rows` is a structured array of `SETUP_DTYPE`; `evidence` has one dict a row: the tactic's measured numbers and object ids, json-ready.
    """

    rows: np.ndarray
    evidence: tuple[dict[str, object], ...]

    def __post_init__(self) -> None:
        assert self.rows.dtype == SETUP_DTYPE and len(self.evidence) == self.rows.size

    def __len__(self) -> int:
        return int(self.rows.size)


@lru_cache(maxsize=65_536)                       # paper names the same finds again at every close
def setup_id(symbol: str, tactic: str, direction: int, ts_close: int, object_ids: tuple[str, ...]) -> str:
    """Deterministic id of a setup: the same find has the same id in a backtest and on paper."""
    return str(uuid.uuid5(NAMESPACE, "|".join((symbol, tactic, str(direction), str(ts_close), *object_ids))))


def grades(score: np.ndarray) -> np.ndarray:
    """Grade code of each quality score, int64: 1 C, 2 B, 3 A, 4 A+, 0 for NaN."""
    return np.where(np.isnan(score), 0, 1 + np.searchsorted(np.array(GRADE_FLOORS) - 1e-9, score, side="right"))
