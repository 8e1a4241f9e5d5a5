"""Two answers about one past, side by side, bit for bit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pse.domain.records import canonical
from pse.research.lookahead.said import AsKnown, Key, Said, Series


@dataclass(frozen=True)
class Difference:
    """The first thing that a key says otherwise: when it was said (`ts`, 0 where that has no moment), and both values as text.

    `rows_back`: how many rows before the last one known at the cut it stands; -1 where that has no meaning.
    """

    key: Key
    ts: int
    later: str
    then: str
    rows_back: int = -1


def differences(later: Said, then: Said, moment_ns: int, as_known: AsKnown) -> tuple[list[Difference], int]:
    """What `then` says of the time up to the moment and `later` says otherwise, at most one a key, and how many rows were compared."""
    found, rows = list(_failures(later, then)), 0
    broken = {one.key.subject for one in found}
    n = int(np.searchsorted(later.ts, moment_ns, side="right"))
    if not np.array_equal(then.ts[then.ts <= moment_ns], later.ts[:n]):
        found.append(Difference(Key("bars", "ts_close"), 0, f"{n} decision bars", f"{int((then.ts <= moment_ns).sum())} decision bars"))
        return found, n
    for key in (key for key in later.series if key.subject not in broken):
        then_one = then.series.get(key)
        if later.series[key].ts is later.ts and then_one is not None and then_one.ts is then.ts:
            one, count = _of_rows(key, Series(later.ts[:n], later.series[key].values[:n]), Series(then.ts[:n], then_one.values[:n]), same_ts=True)
        else:
            one, count = _of_series(key, later.series[key], then_one, moment_ns)
        found += [one] if one else []
        rows += count
    for key in (key for key in later.objects if key.subject not in broken):
        one, count = _of_objects(key, later, then, int(np.searchsorted(later.closes(key), moment_ns, side="right")), as_known)
        found += [one] if one else []
        rows += count
    return found, rows


def _failures(later: Said, then: Said) -> Iterator[Difference]:
    for subject in sorted(set(later.failed) ^ set(then.failed)):
        yield Difference(Key(subject, ""), 0, later.failed.get(subject, "an answer"), then.failed.get(subject, "an answer"))


def _of_series(key: Key, later: Series, then: Series | None, moment_ns: int) -> tuple[Difference | None, int]:
    if then is None:
        return Difference(key, 0, f"{len(later.values)} rows", "nothing at all"), 0
    return _of_rows(key, known_by(later, moment_ns), known_by(then, moment_ns))


def _of_rows(key: Key, later: Series, then: Series, same_ts: bool = False) -> tuple[Difference | None, int]:
    """Both as far as they were known at the cut."""
    old_ts, old, new_ts, new = later.ts, later.values, then.ts, then.values
    if isinstance(old, np.ndarray) and isinstance(new, np.ndarray) and old.dtype != new.dtype:
        return Difference(key, 0, f"values of type {old.dtype}", f"values of type {new.dtype}"), 0
    row = None if same_ts else first_unequal(old_ts, new_ts)
    if row is None or row > 0:
        values = first_unequal(old[:row], new[:row])
        row = values if values is not None else row
    if row is None:
        return None, len(old)
    ts = int(old_ts[row] if row < len(old) else new_ts[row])
    return Difference(key, ts, _text(old, new, row), _text(new, old, row), len(old) - 1 - row if row < len(old) else 0), len(old)


def known_by(series: Series, moment_ns: int) -> Series:
    """What of it was known by then."""
    keep = series.ts <= moment_ns
    if keep.all():
        return series
    if isinstance(series.values, np.ndarray):
        return Series(series.ts[keep], series.values[keep])
    return Series(series.ts[keep], [series.values[i] for i in np.flatnonzero(keep).tolist()])


def first_unequal(a: np.ndarray | Sequence[object], b: np.ndarray | Sequence[object]) -> int | None:
    """First row that is not the same to the bit (one NaN is as good as another), or at which one of them ends; None when they are equal."""
    n = min(len(a), len(b))
    ends = n if len(a) != len(b) else None
    if not isinstance(a, np.ndarray) or not isinstance(b, np.ndarray):
        unequal = (i for i in range(n) if a[i] != b[i] and canonical(a[i]) != canonical(b[i]))
        return next(unequal, ends)
    a, b = np.ascontiguousarray(a[:n]), np.ascontiguousarray(b[:n])
    if a.tobytes() == b.tobytes():
        return ends
    rows = np.flatnonzero(_rows_differ(a, b))
    return int(rows[0]) if rows.size else ends


def _rows_differ(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """bool[n]."""
    if a.dtype.names:
        return np.logical_or.reduce([_rows_differ(np.ascontiguousarray(a[name]), np.ascontiguousarray(b[name])) for name in a.dtype.names])
    if a.dtype.kind == "f":
        bits = f"i{a.dtype.itemsize}"
        differ = (a.view(bits) != b.view(bits)) & ~(np.isnan(a) & np.isnan(b))
    else:
        differ = a != b
    return differ.reshape(len(a), -1).any(axis=1)


def _of_objects(key: Key, later: Said, then: Said, n: int, as_known: AsKnown) -> tuple[Difference | None, int]:
    if key not in then.objects:
        return Difference(key, 0, "a table", "nothing at all"), 0
    old, new = as_known(key.column, later.objects[key], n), as_known(key.column, then.objects[key], n)
    row = first_unequal(old, new)
    return (None if row is None else Difference(key, 0, _text(old, new, row), _text(new, old, row), -1)), len(old)


def _text(rows: np.ndarray | Sequence[object], others: np.ndarray | Sequence[object], row: int) -> str:
    """The value of a row as text; of a record or a dict only the fields that are other ones in the other's row."""
    if row >= len(rows):
        return "absent"
    own, other = _fields(rows, row), _fields(others, row) if row < len(others) else {}
    if own is None:
        value = rows[row]
        return value if isinstance(value, str) and len(value) < 80 else _cut(value, others[row] if row < len(others) else "")
    changed = {name: value for name, value in own.items() if not other or canonical(value) != canonical(other.get(name))}
    return ", ".join(f"{name} {_short(value)}" for name, value in list(changed.items())[:4])


def _fields(rows: np.ndarray | Sequence[object], row: int) -> dict[str, object] | None:
    if isinstance(rows, np.ndarray):
        return {name: rows[name][row].item() for name in rows.dtype.names} if rows.dtype.names else None
    one = rows[row]
    return one if isinstance(one, dict) else None


def _short(value: object) -> str:
    text = repr(value) if isinstance(value, float) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _cut(value: object, other: object) -> str:
    """A value as text; of a long text the part where the other one begins to differ."""
    if not isinstance(value, str) or not isinstance(other, str):
        return np.array2string(value, threshold=6) if isinstance(value, np.ndarray) else repr(getattr(value, "item", lambda: value)())
    at = next((i for i, (a, b) in enumerate(zip(value, other, strict=False)) if a != b), min(len(value), len(other)))
    return f"...{value[max(0, at - 24):at + 40]}..."
