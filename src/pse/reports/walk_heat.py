"""What the search saw of its parameters: for each pair of numbers a table of medians, for each other parameter a list of its values.

A cell is the median objective, over the whole searched window, of the configurations that have both values, whatever their others are; a range of many values
is cut into a few parts.  An edge shows as a patch of like cells, luck as a single bright one.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from pse.reports.view import number
from pse.reports.walk import NEUTRAL, Walk, setting, whole_score
from pse.reports.words import MISSING, counted

MOST_LEVELS, PARTS, MOST_PAIRS, OPEN = 9, 6, 45, 4
STEPS = 4                                                    # shades of gain and of loss


@dataclass(frozen=True, eq=False)
class Axis:
    """The levels of one numeric parameter: their names, and the level of each configuration (-1: it has none)."""

    key: str
    names: list[str]
    places: np.ndarray


def heat_tables(walk: Walk) -> dict[str, Any]:
    """Tables of all pairs of numeric parameters, the most telling first, and how many were left out."""
    scores = np.array([np.nan if (found := whole_score(one)) is None else found for one in walk.candidates], float)
    axes = [axis for key in walk.keys if (axis := _axis(walk, key)) is not None]
    told = {axis.key: _influence(axis, scores) for axis in axes}
    pairs = sorted(combinations(axes, 2), key=lambda pair: -(told[pair[0].key] + told[pair[1].key]))
    size = float(np.nanmax(np.abs(scores - _neutral(walk)))) if np.isfinite(scores).any() else 0.0
    tables = [_table(walk, *pair, scores, size) for pair in pairs[:MOST_PAIRS]]
    return {"open": tables[:OPEN], "more": tables[OPEN:], "left_out": max(0, len(pairs) - MOST_PAIRS), "alone": axes[0].key if len(axes) == 1 else None}


def value_lists(walk: Walk) -> list[dict[str, Any]]:
    """For each parameter that is no number: its values with the median and the best objective of the configurations that have them."""
    found = []
    for key in walk.keys:
        values = [one["params"].get(key) for one in walk.candidates]
        known = list(dict.fromkeys(setting(value) for value in values if value is not None))
        if len(known) < 2 or all(_is_number(value) for value in values if value is not None):
            continue
        rows = []
        for name in known:
            scores = [score for one, value in zip(walk.candidates, values, strict=True)
                      if value is not None and setting(value) == name and (score := whole_score(one)) is not None]
            rows.append({"value": name, "count": len(scores), "median": walk.score(float(np.median(scores))) if scores else MISSING,
                         "best": walk.score(max(scores)) if scores else MISSING, "chosen": key in walk.chosen and setting(walk.chosen[key]) == name})
        found.append({"name": walk.label(key), "rows": rows})
    return found


def _is_number(value: Any) -> bool:
    return number(value) is not None


def _neutral(walk: Walk) -> float:
    return NEUTRAL.get(walk.objective, 0.0)


def _axis(walk: Walk, key: str) -> Axis | None:
    """The levels of a numeric parameter; None where it is no number or has one value only."""
    raw = [one["params"].get(key) for one in walk.candidates]
    values = np.array([np.nan if number(value) is None else float(value) for value in raw], float)
    if any(value is not None and number(value) is None for value in raw):
        return None
    levels = np.unique(values[np.isfinite(values)])
    if levels.size < 2:
        return None
    if levels.size <= MOST_LEVELS:
        places = np.where(np.isfinite(values), np.searchsorted(levels, values), -1)
        return Axis(key, [f"{level:.6g}" for level in levels], places)
    log = next((p.get("log") for p in walk.wfo.get("parameters") or [] if p["key"] == key), False) and levels[0] > 0.0
    edges = np.geomspace(levels[0], levels[-1], PARTS + 1) if log else np.linspace(levels[0], levels[-1], PARTS + 1)
    places = np.where(np.isfinite(values), np.clip(np.searchsorted(edges, values, side="right") - 1, 0, PARTS - 1), -1)
    return Axis(key, [f"{low:.3g} to {high:.3g}" for low, high in zip(edges[:-1], edges[1:], strict=True)], places)


def _influence(axis: Axis, scores: np.ndarray) -> float:
    """How far the medians of a parameter's levels lie apart."""
    medians = [np.median(found) for place in range(len(axis.names)) if (found := scores[(axis.places == place) & np.isfinite(scores)]).size]
    return float(np.ptp(medians)) if medians else 0.0


def _table(walk: Walk, one: Axis, other: Axis, scores: np.ndarray, size: float) -> dict[str, Any]:
    """Rows of the parameter with more levels, columns of the other."""
    down, across = (one, other) if len(one.names) >= len(other.names) else (other, one)
    chosen, own = (_place_of(walk, params) for params in (walk.chosen, walk.own))
    rows = []
    for row, name in enumerate(down.names):
        cells = []
        for column in range(len(across.names)):
            inside = (down.places == row) & (across.places == column)
            marks = "".join(mark for mark, place in (("chosen ", chosen), ("own", own)) if place is not None and inside[place])
            cells.append(_cell(walk, scores[inside & np.isfinite(scores)], int(inside.sum()), size) | {"marks": marks.strip()})
        rows.append({"name": name, "cells": cells})
    return {"down": walk.label(down.key), "across": walk.label(across.key), "columns": across.names, "rows": rows}


def _place_of(walk: Walk, params: Any) -> int | None:
    return next((place for place, one in enumerate(walk.candidates) if one["params"] == params), None)


def _cell(walk: Walk, scores: np.ndarray, count: int, size: float) -> dict[str, str]:
    if not scores.size:
        return {"text": "", "heat": "", "title": "" if not count else f"{counted(count, 'configuration')}, none with a figure"}
    median = float(np.median(scores))
    spread = f", {walk.score(float(scores.min()))} to {walk.score(float(scores.max()))}" if scores.size > 1 else ""
    title = f"median of {counted(scores.size, 'configuration')}{spread}"
    return {"text": walk.score(median), "heat": _heat(median - _neutral(walk), size), "title": title}


def _heat(value: float, size: float) -> str:
    if not value or not size:
        return ""
    return f"heat-{'p' if value > 0.0 else 'n'}{1 + min(STEPS - 1, int(STEPS * abs(value) / size))}"
