"""How far a lever must be turned until a gate passes: by doubling steps, then by halving.  What is turned, and how, stands in `levers`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pse.engine.levers import Lever
from pse.kernels.targets import EPS

MOST_STEPS = 2**24
LOOKS = 64                             # places looked at where doubling the step found nothing
DIGITS = 1e-4                          # a border is told to so much of its distance


def border(lever: Lever, passes: Callable[[float], bool]) -> float | None:
    """The value nearest to what it was at which the gate passes, a whole number of steps away; one step before it does not.  None where none does."""
    reach = abs(lever.far - lever.now)
    if not reach > 0.0 or not np.isfinite(reach):
        return None
    step = lever.step or 10.0 ** np.floor(np.log10(max(abs(lever.now), min(reach, 1.0), 1e-9))) * DIGITS
    way = 1.0 if lever.far > lever.now else -1.0
    last = int(min(reach / step + EPS, MOST_STEPS))
    base = round(lever.now / step) * step if lever.step else lever.now

    def value(n: int) -> float:
        return round(base + way * n * step, 10)

    fails, good = 0, _first(value, passes, last)
    if good is None:
        return None
    while fails + 1 < good:
        middle = (fails + good) // 2
        if passes(value(middle)):
            good = middle
        else:
            fails = middle
    return value(good)


def _first(value: Callable[[int], float], passes: Callable[[float], bool], last: int) -> int | None:
    """Some number of steps at which it passes: by doubling, then at even places."""
    n = 1
    while n < last:
        if passes(value(n)):
            return n
        n *= 2
    tried = sorted({last, *(last * place // LOOKS for place in range(1, LOOKS))} - {0})
    return next((n for n in tried if passes(value(n))), None)
