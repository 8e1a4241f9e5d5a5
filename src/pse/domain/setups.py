"""What tactics found: columns of numbers, and the ids that make a setup the same thing everywhere."""

from __future__ import annotations

import hashlib
import uuid
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
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


class OneByOne(Sequence[Any]):
    """A sequence whose items are made as they are asked for, and kept by nobody."""

    def __init__(self, size: int, one: Callable[[int], Any]) -> None:
        self._size, self._one = size, one

    def __len__(self) -> int:
        return self._size

    @overload
    def __getitem__(self, at: int) -> Any: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[Any, ...]: ...
    def __getitem__(self, at: int | slice) -> Any:
        if isinstance(at, slice):
            return tuple(self._item(i) for i in range(*at.indices(self._size)))
        if not -self._size <= at < self._size:
            raise IndexError(at)
        return self._item(at if at >= 0 else at + self._size)

    def __iter__(self) -> Iterator[Any]:
        return map(self._item, range(self._size))

    def _item(self, at: int) -> Any:
        return self._one(at)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]


class Told(OneByOne):
    """What is worth telling of each row, made when the first one is looked at: a run that writes no journal never makes it.

    `make` hands back all of it, or a sequence that makes each as it is asked for.
    """

    def __init__(self, size: int, make: Callable[[], Sequence[Any]]) -> None:
        self._size, self._make = size, make

    def __iter__(self) -> Iterator[Any]:
        return iter(self._all)

    def _item(self, at: int) -> Any:
        return self._all[at]

    @cached_property
    def _all(self) -> Sequence[Any]:
        made = self._make()
        assert len(made) == len(self), (len(made), len(self))
        return made


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

    def before(self, row: int) -> Setups:
        """The rows before `row`, as they stand."""
        told = self.evidence
        return Setups(self.rows[:row], OneByOne(row, lambda i: told[i]))

    def taken(self, rows: np.ndarray) -> Setups:
        """The rows of an index or a mask, in its order, numbered anew."""
        at, told = np.flatnonzero(rows) if rows.dtype == bool else rows, self.evidence
        found = np.take(self.rows, at)            # five times as fast as rows[at], which copies field by field
        found["evidence"] = np.arange(at.size)
        return Setups(found, OneByOne(at.size, lambda i: told[int(at[i])]))                  # keeps what was told, not the rows


def joined(parts: Sequence[Setups]) -> Setups:
    """All rows of several scans, one after the other, numbered anew."""
    if not parts:
        return Setups(np.empty(0, SETUP_DTYPE), ())
    rows = np.concatenate([_as_bytes(part.rows) for part in parts]).view(SETUP_DTYPE)
    rows["evidence"] = np.arange(rows.size)
    return Setups(rows, _one_after_the_other([part.evidence for part in parts]))


def by_time(tables: Sequence[Setups]) -> Setups:
    """Several tables, each in order of time, as one; at one time the rows of an earlier table come first, in their order.  Numbered anew."""
    if len(tables) == 1:
        return tables[0]
    order = np.argsort(np.concatenate([table.rows["ts"] for table in tables]), kind="stable")
    told = _one_after_the_other([table.evidence for table in tables])
    place = np.empty(order.size, np.int64)
    place[order] = np.arange(order.size)
    rows, begin = np.empty(order.size, SETUP_DTYPE), 0
    for table in tables:
        _as_bytes(rows)[place[begin:begin + len(table)]] = _as_bytes(table.rows)
        begin += len(table)
    rows["evidence"] = np.arange(rows.size)
    return Setups(rows, OneByOne(order.size, lambda i: told[int(order[i])]))


def _as_bytes(rows: np.ndarray) -> np.ndarray:
    """Records as so many bytes each: numpy copies records field by field."""
    return np.ascontiguousarray(rows).view(f"V{SETUP_DTYPE.itemsize}")


def _one_after_the_other(told: Sequence[Sequence[Facts]]) -> Sequence[Facts]:
    ends = np.cumsum([len(one) for one in told]).tolist()

    def one(i: int) -> Facts:
        part = bisect_right(ends, i)
        return told[part][i - ends[part]]         # counted from its end

    return OneByOne(ends[-1] if ends else 0, one)


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
