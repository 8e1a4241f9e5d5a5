"""Whether the chosen configuration stands among others that are nearly as good, and whether folds choose alike.

A configuration that is good alone is more likely luck than one whose neighbours are good too.  The levels of a parameter are the distinct values that were
tried; what was never tried has no say here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from pse.domain.trials import Params, Value

KEEPS = 0.5                                      # part of the chosen one's figure that a good neighbour keeps
NEAR = 0.25                                      # of a parameter's levels: how far the nearest may lie where no grid gives neighbours
PLATEAU, SPIKE, EDGE = "plateau", "spike", "edge of the range"


def levels_of(params: Sequence[Params]) -> dict[str, list[Value]]:
    """The distinct values of each parameter that has two or more; numbers rising, others in order of appearance."""
    found: dict[str, list[Value]] = {}
    for one in params:
        for key, value in one.items():
            known = found.setdefault(key, [])
            if not any(_same(value, other) for other in known):
                known.append(value)
    return {key: sorted(values) if _numbers(values) else values for key, values in sorted(found.items()) if len(values) > 1}  # type: ignore[type-var]


def plateau(params: Sequence[Params], values: np.ndarray, chosen: int) -> dict[str, Any]:
    """The neighbours of the chosen configuration: how many keep half of its figure, the median and the worst part kept, and a word.

    params: of every configuration; values: float64[N], its figure over the whole searched window, NaN where it has none.  Neighbours differ in one
    parameter by one level; where there are none (a search at random) they are the nearest, at most a quarter of the levels away in every parameter.
    """
    levels = levels_of(params)
    edges = edges_of(params, chosen, levels)
    own = float(values[chosen])
    near, how = neighbours(params, chosen, levels)
    found: dict[str, Any] = {"word": None, "neighbours": len(near), "how": how, "keep_half": None, "median_ratio": None, "worst_ratio": None, "edges": edges,
                             "chosen": own if np.isfinite(own) else None, "members": [int(i) for i in near]}
    if not np.isfinite(own) or own <= 0.0:
        return found | {"text": "The figure of the chosen configuration is not above 0, so there is nothing that its neighbours could keep."}
    if not near:
        return found | {"text": "No other configuration lies near the chosen one, so nothing says whether it stands alone; search more values around it."}
    ratios = np.where(np.isfinite(values[near]), values[near], 0.0) / own
    keep = float(np.mean(ratios >= KEEPS))
    word = SPIKE if keep < 0.5 else EDGE if edges else PLATEAU
    return found | {"word": word, "keep_half": keep, "median_ratio": float(np.median(ratios)), "worst_ratio": float(ratios.min()),
                    "text": _said(word, keep, len(near), how, ratios, edges)}


def _said(word: str, keep: float, count: int, how: str, ratios: np.ndarray, edges: Sequence[Mapping[str, Any]]) -> str:
    what = f"neighbour{'s' * (count != 1)} one step away" if how == "one step" else f"nearest configuration{'s' * (count != 1)}"
    kept = f"{round(keep * count)} of {count} {what} {'keep' if count != 1 else 'keeps'} at least half of the chosen one's figure" \
           f" (median {np.median(ratios):.2f} of it, worst {ratios.min():.2f})"
    meant = {PLATEAU: "it stands on a plateau", SPIKE: "it stands alone, as luck does", EDGE: "its neighbours are as good, but it lies at the edge"}[word]
    bounds = "".join(f" {edge['key']} is at its {edge['bound']} tried value, {_written(edge['value'])}: what lies beyond was not seen." for edge in edges)
    return f"{kept}: {meant}.{bounds}"


def edges_of(params: Sequence[Params], chosen: int, levels: Mapping[str, Sequence[Value]]) -> list[dict[str, Any]]:
    """Numeric parameters, of three levels or more, whose chosen value is the lowest or the highest that was tried."""
    found = []
    for key, known in levels.items():
        value = params[chosen].get(key)
        if len(known) < 3 or not _numbers(known) or value is None:
            continue
        for place, bound in ((0, "lowest"), (-1, "highest")):
            if value == known[place]:
                found.append({"key": key, "bound": bound, "value": value})
    return found


def neighbours(params: Sequence[Params], chosen: int, levels: Mapping[str, Sequence[Value]]) -> tuple[list[int], str]:
    """Places of the neighbours, and how they were found: "one step" or "nearest"."""
    if not levels:
        return [], "one step"
    ranks, spans = _ranks(params, levels)
    apart = np.abs(ranks - ranks[chosen])
    plain = np.array([not _numbers(known) for known in levels.values()])
    apart = np.where(plain, np.minimum(apart, 1.0), apart)                  # names have no order: any other is one step away
    others = np.arange(len(params)) != chosen
    near = np.flatnonzero(others & (apart.sum(axis=1) == 1.0))
    if near.size:
        return near.tolist(), "one step"
    share = apart / np.where(plain, 1.0, spans)
    close = np.flatnonzero(others & (share.max(axis=1) <= NEAR))
    distance = np.sqrt((share**2).sum(axis=1))
    return close[np.argsort(distance[close], kind="stable")][: 2 * len(levels)].tolist(), "nearest"


def _ranks(params: Sequence[Params], levels: Mapping[str, Sequence[Value]]) -> tuple[np.ndarray, np.ndarray]:
    """The place of each configuration's value among its parameter's levels, float64[N, parameters] (-1: it has none), and the highest place of each."""
    places = [{_key(value): float(i) for i, value in enumerate(known)} for known in levels.values()]
    ranks = np.array([[place.get(_key(one.get(key)), -1.0) for key, place in zip(levels, places, strict=True)] for one in params])
    return ranks, np.array([len(known) - 1.0 for known in levels.values()])


def stability(params: Sequence[Params], choices: Sequence[Params | None]) -> dict[str, Any]:
    """How alike the folds chose: how often each value, and how far apart two folds' choices lie (0: the same, 1: the ends of the range).

    params: all configurations that were tried; choices: of each fold, None where it chose nothing.  `by_chance`: the distance of two configurations drawn
    from those tried.
    """
    levels = levels_of([*params, *(one for one in choices if one is not None)])
    made = [(number, one) for number, one in enumerate(choices, start=1) if one is not None]
    parameters = [_of_parameter(key, known, params, made) for key, known in levels.items()]
    distances = [one["distance"] for one in parameters if one["distance"] is not None]
    chance = [one["by_chance"] for one in parameters if one["distance"] is not None and one["by_chance"] is not None]
    different = len({tuple(sorted((key, _key(value)) for key, value in one.items())) for _, one in made})
    found: dict[str, Any] = {"folds": len(made), "different": different, "parameters": parameters,
                             "distance": float(np.mean(distances)) if distances else None, "by_chance": float(np.mean(chance)) if chance else None}
    return found | {"text": _said_of_folds(found)}


def _said_of_folds(found: Mapping[str, Any]) -> str:
    if found["folds"] < 2:
        return "Fewer than two folds chose a configuration, so nothing says whether they choose alike."
    if found["distance"] is None:
        return "Only one value of each parameter was tried, so folds could not choose otherwise."
    many = "s" * (found["different"] != 1)
    said = f"{found['folds']} folds chose {found['different']} different configuration{many}, {found['distance']:.2f} of the range apart on average"
    if found["by_chance"] is None:
        return said + "."
    return said + f"; two of the configurations tried lie {found['by_chance']:.2f} apart, so " + \
        ("the choice hardly depends on the window." if found["distance"] <= 0.5 * found["by_chance"] else
         "the choice changes with the window as much as chance would." if found["distance"] >= 0.9 * found["by_chance"] else
         "the choice depends in part on the window.")


def _of_parameter(key: str, known: Sequence[Value], params: Sequence[Params], made: Sequence[tuple[int, Params]]) -> dict[str, Any]:
    values = [{"value": value, "folds": [number for number, one in made if key in one and _same(one[key], value)]} for value in known]
    return {"key": key, "chosen": [one for one in values if one["folds"]], "levels": len(known),
            "distance": _mean_distance([one[key] for _, one in made if key in one], known),
            "by_chance": _mean_distance([one[key] for one in params if key in one], known)}


def _mean_distance(values: Sequence[Value], known: Sequence[Value]) -> float | None:
    """Mean distance of two of the values: of numbers over the range that was tried, of others 0 or 1; None where there are not two."""
    if len(values) < 2:
        return None
    if not _numbers(known):
        pairs = [0.0 if _same(a, b) else 1.0 for a, b in combinations(values, 2)]
        return float(np.mean(pairs))
    numbers = np.sort(np.array(values, float))
    n = numbers.size
    total = float((numbers * (2.0 * np.arange(n) - n + 1.0)).sum())         # sum over pairs of the difference, of sorted values
    return total / (n * (n - 1) / 2.0) / (float(max(known)) - float(min(known)))  # type: ignore[type-var,arg-type]


def _numbers(values: Sequence[Value]) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def _key(value: Any) -> Any:
    """A value as a dictionary takes it: True is not 1."""
    return (isinstance(value, bool), value)


def _same(a: Value, b: Value) -> bool:
    return bool(_key(a) == _key(b))


def _written(value: Value) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
