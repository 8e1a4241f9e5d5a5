"""Figures as text: one way to write money, shares, R and intervals, on the page and in the terminal."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from markupsafe import Markup, escape

from pse.reports.view import number

MISSING = "–"
MINUS = "\u2212"


def _signed(text: str) -> str:
    """With a minus as long as a plus; what rounds to 0 has none."""
    if not any(digit in text for digit in "123456789"):
        text = text.replace("-", "")
    return text.replace("-", MINUS)


def money(value: Any) -> str:
    """`1,234`; cents below a hundred."""
    found = number(value)
    if found is None:
        return MISSING
    return _signed(f"{found:,.2f}" if abs(found) < 100 else f"{found:,.0f}")


def share(value: Any, digits: int = 1) -> str:
    """A fraction in per cent."""
    found = number(value)
    return MISSING if found is None else _signed(f"{100 * found:.{digits}f} %")


def plain(value: Any, digits: int = 2) -> str:
    found = number(value)
    return MISSING if found is None else _signed(f"{found:,.{digits}f}")


def whole(value: Any) -> str:
    found = number(value)
    return MISSING if found is None else _signed(f"{found:,.0f}")


def in_r(value: Any) -> str:
    found = number(value)
    return MISSING if found is None else _signed(f"{found:+.2f} R")


def interval(bounds: Any, write: Callable[[Any], str]) -> str:
    """`low to high`, or nothing."""
    if not isinstance(bounds, list | tuple) or len(bounds) != 2:
        return ""
    return f"{write(bounds[0])} to {write(bounds[1])}"


def price(value: Any) -> str:
    """The decimals that it has, in seven figures and never without cents: one that was stored in single precision is told as it was quoted."""
    found = number(value)
    if found is None:
        return MISSING
    if abs(found) < 1.0:
        return _signed(f"{Decimal(f'{found:.7g}'):f}")
    return _signed(f"{found:,.{max(2, 7 - len(str(int(abs(found)))))}f}".rstrip("0").rstrip("."))


def counted(count: int, one: str, many: str = "") -> str:
    """`1 trade`, `2 trades`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def tone(value: Any) -> str:
    """Class of a gain or a loss."""
    found = number(value) or 0.0
    return "gain" if found > 0.0 else "loss" if found < 0.0 else ""


def breakable(text: str) -> Markup:
    """A name that may go on in the next line after an underscore, never inside a word."""
    return escape(text).replace("_", Markup("_<wbr>"))


def without_unit(text: str) -> str:
    """A percentage without its sign, for tables that name it once."""
    return text.removesuffix(" %")
