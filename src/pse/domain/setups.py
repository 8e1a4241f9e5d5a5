"""What tactics found: columns of numbers, and the ids that make a setup the same thing everywhere."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, overload

import numpy as np

from pse.kernels.contract import SETUP_DTYPE

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://pse.invalid/setup")
DIRECTIONS = {1: "LONG", -1: "SHORT", 0: "EITHER"}
GRADES = ("", "C", "B", "A", "A+")
GRADE_FLOORS = (0.55, 0.70, 0.85)                # scores at which B, A and A+ begin, inclusive; C below

Facts = dict[str, Any]


class Told(Sequence[Any]):
    """What is worth telling of each row, made when the first one is looked at: a run that writes no journal never makes it."""

    def __init__(self, size: int, make: Callable[[], Sequence[Any]]) -> None:
        self._size, self._make = size, make

    @cached_property
    def _all(self) -> tuple[Any, ...]:
        made = tuple(self._make())
        assert len(made) == self._size, (len(made), self._size)
        return made

    def __len__(self) -> int:
        return self._size

    @overload
    def __getitem__(self, at: int) -> Any: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[Any, ...]: ...
    def __getitem__(self, at: int | slice) -> Any:
        return self._all[at]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and self._all == tuple(other)

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True, eq=False)
class Setups:
    """What one scan found, in order of decision time: setups, and finds that the tactic itself turned down (kind REFUSED, `refusal` says why).

    `rows` is a structured array of `SETUP_DTYPE`; `evidence` has one dict a row: the tactic's measured numbers and object ids, json-ready.
    """

    rows: np.ndarray
    evidence: Sequence[Facts]

    def __post_init__(self) -> None:
        assert self.rows.dtype == SETUP_DTYPE and len(self.evidence) == self.rows.size

    def __len__(self) -> int:
        return int(self.rows.size)

    def taken(self, rows: np.ndarray) -> Setups:
        """The rows of an index or a mask, in its order, numbered anew."""
        at, told = np.flatnonzero(rows) if rows.dtype == bool else rows, self.evidence
        found = np.take(self.rows, at)            # five times as fast as rows[at], which copies field by field
        found["evidence"] = np.arange(at.size)
        return Setups(found, Told(at.size, lambda: [told[i] for i in at.tolist()]))          # keeps what was told, not the rows


def joined(parts: Sequence[Setups]) -> Setups:
    """All rows of several scans, one after the other, numbered anew."""
    if not parts:
        return Setups(np.empty(0, SETUP_DTYPE), ())
    raw = np.concatenate([np.ascontiguousarray(part.rows).view(np.uint8) for part in parts])          # as bytes: records are copied field by field
    rows, told = raw.view(SETUP_DTYPE), [part.evidence for part in parts]
    rows["evidence"] = np.arange(rows.size)
    return Setups(rows, Told(rows.size, lambda: [facts for one in told for facts in one]))


@lru_cache(maxsize=65_536)                       # paper names the same finds again at every close
def setup_id(symbol: str, tactic: str, direction: int, ts_close: int, object_ids: tuple[str, ...]) -> str:
    """Deterministic id of a setup: the same find has the same id in a backtest and on paper."""
    return name_id("|".join((symbol, tactic, str(direction), str(ts_close), *object_ids)))


def name_id(name: str) -> str:
    """`str(uuid.uuid5(NAMESPACE, name))` (RFC 9562, section 5.5), without an object between."""
    digest = bytearray(hashlib.sha1(NAMESPACE.bytes + name.encode(), usedforsecurity=False).digest()[:16])
    digest[6], digest[8] = digest[6] & 0x0F | 0x50, digest[8] & 0x3F | 0x80
    text = digest.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def grades(score: np.ndarray) -> np.ndarray:
    """Grade code of each quality score, int64: 1 C, 2 B, 3 A, 4 A+, 0 for NaN."""
    return np.where(np.isnan(score), 0, 1 + np.searchsorted(np.array(GRADE_FLOORS) - 1e-9, score, side="right"))
