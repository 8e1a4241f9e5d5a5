"""Where two series change sides."""

from numba import njit

from pse.kernels.targets import EPS


@njit(cache=True)
def find_crosses(first, second, weight_first, weight_second, bars, sides):
    """Bars at which weight_first * first rises above weight_second * second (side 1) or falls below it (side -1).

    first, second: float64[n]; a NaN says nothing, a tie keeps the side, the first side that is known is no cross.  Written to bars and sides,
    int64[n] each.  Returns how many there are.
    """
    found, side = 0, 0
    for t in range(first.size):
        apart = weight_first * first[t] - weight_second * second[t]
        now = 1 if apart > EPS else -1 if apart < -EPS else 0
        if now == 0 or now == side:
            continue
        if side != 0:
            bars[found], sides[found] = t, now
            found += 1
        side = now
    return found
