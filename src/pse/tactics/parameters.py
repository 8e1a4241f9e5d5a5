"""The parameters of a tactic: what each means, what it may be, and the space that a search draws from."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from pydantic import BaseModel

from pse.features.requests import Parameter
from pse.features.requests import parameters as described


class Span(NamedTuple):
    """What a search may draw: `kind` int, float, bool or choice; `low` and `high` included (of a choice the places in `choices`)."""

    kind: str
    low: float
    high: float
    choices: tuple[Any, ...] = ()


def parameters(tactic: BaseModel) -> tuple[Parameter, ...]:
    """Every parameter by its dotted name, those of nested rules among them; defaults are those of the instance."""
    return described(tactic)


def kind_of(one: Parameter) -> str:
    """int, float, bool, choice, text or list."""
    if isinstance(one.default, bool):
        return "bool"
    if one.choices:
        return "choice"
    if isinstance(one.default, int | float):
        return "int" if isinstance(one.default, int) else "float"
    return "list" if isinstance(one.default, tuple | list) else "text"


def search_space(tactic: BaseModel) -> dict[str, Span]:
    """Dotted name to what a search may draw; symbols and other free text are nothing to search.

    Some pairs do not go together (a fast mean longer than the slow one): making the tactic refuses them, and a search draws again.
    """
    found: dict[str, Span] = {}
    for one in parameters(tactic):
        kind = kind_of(one)
        if kind == "bool":
            found[one.path] = Span(kind, 0, 1, (False, True))
        elif kind == "choice":
            found[one.path] = Span(kind, 0, len(one.choices) - 1, one.choices)
        elif kind in ("int", "float") and one.low is not None and one.high is not None:
            found[one.path] = Span(kind, _inside(one.low, one.low_open, kind, math.inf), _inside(one.high, one.high_open, kind, -math.inf))
    return found


def _inside(bound: float, is_open: bool, kind: str, towards: float) -> float:
    """The bound itself, or the first value inside where the bound is not allowed."""
    if not is_open:
        return bound
    return bound + math.copysign(1, towards) if kind == "int" else math.nextafter(bound, towards)


def without_bounds(one: Parameter) -> list[str]:
    """What is missing in the declaration of a parameter, a phrase each."""
    found = [] if one.meaning else [f"the parameter {one.path} has no description"]
    if kind_of(one) in ("int", "float"):
        lacks = [f"no {side} bound ({mark}=)" for side, mark, bound in (("lower", "ge", one.low), ("upper", "le", one.high))
                 if bound is None or not math.isfinite(bound)]
        found += [f"the parameter {one.path} has {' and '.join(lacks)}"] if lacks else []
    return found
