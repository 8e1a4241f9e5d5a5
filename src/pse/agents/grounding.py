"""Whether the numbers in a rationale are numbers that its briefing showed.

A number counts as shown when the briefing has one that reads the same at the precision with which it was said: 5012 for 5012.25, 12 % for 0.118.  Numbers that
count or name (the first, 3 reasons, 5m, M15, 200-day) are not held against anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

MOST = 24                                        # numbers of one rationale that are looked at
EPS = 1e-9
SMALL = 12                                       # whole numbers up to it count things, and say nothing of a market
_NUMBER = re.compile(r"""
    (?<![\w.,])                                  # not the end of a name (EMA20, v1.2)
    (?P<sign>[-+\u2212]?)[$\u20ac\u00a3]?
    (?P<digits>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)
    (?P<unit>\s?%|\s?(?:bps?|basis\ points)\b|[A-Za-z]+(?![\w])|-[A-Za-z]+)?
    """, re.VERBOSE)
_MULTIPLES = {"k": 1e3, "m": 1e6, "bn": 1e9}
_MEASURES = frozenset({"r", "x", "atr", "pt", "pts", "points", "ticks", "usd"})     # a unit that leaves a number one that can be checked


@dataclass(frozen=True)
class Grounded:
    """Numbers of a text as they stand in it: those that the briefing shows, and those that it does not."""

    grounded: tuple[str, ...] = ()
    ungrounded: tuple[str, ...] = ()


def check(rationale: str, shown: Iterable[float]) -> Grounded:
    """Sorts the numbers of a rationale by whether `shown`, the numbers of the briefing, has them.  At most the first 24 are looked at."""
    values = tuple(shown)
    found: tuple[list[str], list[str]] = ([], [])
    for match in list(_NUMBER.finditer(rationale))[:MOST]:
        readings = _readings(match)
        if readings:
            known = any(_is_shown(value, places, values) for value, places in readings)
            found[0 if known else 1].append(match.group().strip())
    return Grounded(tuple(found[0]), tuple(found[1]))


def _readings(match: re.Match[str]) -> list[tuple[float, int]]:
    """What a number in a text may mean, each with its decimal places; none for one that counts or names."""
    digits, unit = match["digits"].replace(",", ""), (match["unit"] or "").strip().lower()
    value, places = float(digits), len(digits.partition(".")[2])
    if unit == "%":
        return [(value, places), (value / 100.0, places + 2)]
    if unit.startswith(("bp", "basis")):
        return [(value, places), (value / 1e4, places + 4)]
    if unit in _MULTIPLES and not (unit == "m" and places == 0):          # 5m is a timeframe
        return [(value * _MULTIPLES[unit], places - len(str(int(_MULTIPLES[unit]))) + 1)]
    if unit and unit not in _MEASURES:
        return []
    if not unit and not match["sign"] and places == 0 and value <= SMALL:
        return []
    return [(value, places)]


def _is_shown(value: float, places: int, shown: Iterable[float]) -> bool:
    """Whether one of the numbers shown, whatever its sign, is this one when it is rounded or cut to so many places."""
    unit = 10.0 ** -places
    return any(-0.5 * unit - EPS * value <= abs(one) - value < unit * (1.0 - EPS) for one in shown)
