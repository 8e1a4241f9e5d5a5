"""Which contract is in front on which trading day, and what the price jumps by where it changes.  Pure.

By the provider's map where it says something; else by volume: the first day belongs to the contract with the most volume (the one choice that reads
its own day), and from the day after a later expiry has traded more than the front it is the front.  Never back.  A day's front rests on completed
earlier days only, so later days never change it, and the days are always taken together: the order of ingests does not matter.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence

import numpy as np

MONTH_CODES = "FGHJKMNQUVXZ"                     # January to December, as all futures exchanges write them
Days = Mapping[int, Mapping[str, float]]         # trading day yyyymmdd -> contract -> what it traded inside the session


def expiry_order(contracts: Sequence[str], first_year: Mapping[str, int]) -> dict[str, tuple[int, str]]:
    """Sort key of each contract: expiry month as yyyymm when the name tells it (`ES-201312`, `ESZ3`, `6EH24`), else 0, then the name.

    `first_year` is the year of a contract's first bar: it says which decade a one-digit year means.
    """
    return {name: (_expiry(name, first_year.get(name, 2000)), name) for name in contracts}


def _expiry(name: str, first_year: int) -> int:
    if found := re.search(r"((?:19|20)\d\d)(0[1-9]|1[0-2])", name):
        return int(found[1]) * 100 + int(found[2])
    if not (found := re.search(rf"[A-Z0-9]([{MONTH_CODES}])(\d{{1,2}})$", name)):
        return 0
    modulus = 10 ** len(found[2])
    year = first_year + (int(found[2]) - first_year) % modulus
    return year * 100 + MONTH_CODES.index(found[1]) + 1


def fronts(days: Days, front_map: Sequence[tuple[int, str]] | None, order: Mapping[str, tuple[int, str]]) -> dict[int, str]:
    """The front contract of every trading day.

    `front_map`: (yyyymmdd, contract) in force from that day on.  Volume rules before its first line, after the contract of its last line is in front,
    and over lines whose contract is not stored.
    """
    lines = sorted((day, name) for day, name in front_map or () if name in order)
    starts = [day for day, _ in lines]
    front: dict[int, str] = {}
    current: str | None = None
    challenger: str | None = None
    for day in sorted(days):
        traded = days[day]
        place = bisect_right(starts, day) - 1
        mapped = lines[place][1] if place >= 0 else None
        if mapped is not None and (place + 1 < len(lines) or current is None or order[mapped] > order[current]):
            current = mapped
        elif current is None:
            current = max(traded, key=lambda name: (traded[name], _earlier(order[name])))
        elif challenger is not None:
            current = challenger
        front[day] = current
        challenger = _challenger(traded, current, order)
    return front


def _earlier(key: tuple[int, str]) -> tuple[int, list[int]]:
    """On equal volume the earlier expiry is preferred."""
    return -key[0], [-ord(letter) for letter in key[1]]


def _challenger(traded: Mapping[str, float], current: str, order: Mapping[str, tuple[int, str]]) -> str | None:
    """The later expiry that traded more than the front today; the busiest of them."""
    later = [name for name in traded if order[name] > order[current] and traded[name] > traded.get(current, 0.0)]
    return max(later, key=lambda name: (traded[name], _earlier(order[name]))) if later else None


def roll_days(days: Days, front: Mapping[int, str]) -> set[int]:
    """Days whose front differs from the front of the day before on which the front traded; the first such day of all is none."""
    found, before = set(), None
    for day in sorted(days):
        name = front[day]
        if name not in days[day]:
            continue
        if before is not None and name != before:
            found.add(day)
        before = name
    return found


def differences(front: Mapping[str, np.ndarray], behind: Mapping[str, np.ndarray], rolls: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What each roll adds to the price, in points, float64, and whether it is an estimate.

    `front`: `ts_open, open, close, contract, session` of the front's bars inside the sessions, sorted; `behind`: `ts_open, close, contract, session` of the
    other contracts' bars, in any order; `rolls`: the rows of `front` that are the first of a new contract, never row 0.
    C_new - C_old at the last minute of the previous trading day that both contracts have; without one O_new[roll] - C_old[last].
    """
    diff, estimated = np.zeros(rolls.size), np.zeros(rolls.size, bool)
    for i, row in enumerate(rolls):
        day, old, new = front["session"][row - 1], front["contract"][row - 1], front["contract"][row]
        mine = np.arange(*np.searchsorted(front["session"], (day, day + 1)))
        mine = mine[front["contract"][mine] == old]
        theirs = np.flatnonzero((behind["session"] == day) & (behind["contract"] == new))
        common, in_mine, in_theirs = np.intersect1d(front["ts_open"][mine], behind["ts_open"][theirs], return_indices=True)
        if common.size:
            diff[i] = behind["close"][theirs[in_theirs[-1]]] - front["close"][mine[in_mine[-1]]]
        else:
            diff[i], estimated[i] = front["open"][row] - front["close"][row - 1], True
    return diff, estimated
