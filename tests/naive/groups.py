"""Positions that are one bet, from the definition: a graph of what moves together, and its connected parts."""

import math

import numpy as np


def correlation(a, b, days):
    """Of the last so many pairs in which both have a number."""
    both = [(x, y) for x, y in zip(a, b, strict=True) if not math.isnan(x) and not math.isnan(y)][-days:]
    if len(both) < days or len({x for x, _ in both}) == 1 or len({y for _, y in both}) == 1:
        return math.nan
    return float(np.corrcoef(np.array(both).T)[0, 1])


def bet(new, held, returns, days, least):
    """Which of `held`, (symbol, direction, open risk), stand in one connected part with `new`, (symbol, direction)."""
    def alike(one, other):
        return one[1] == other[1] and (one[0] == other[0] or correlation(returns[one[0]], returns[other[0]], days) >= least - 1e-9)

    inside, grown = [], True
    while grown:
        grown = False
        for one in held:
            if one not in inside and (alike(new, one) or any(alike(two, one) for two in inside)):
                inside.append(one)
                grown = True
    return inside
