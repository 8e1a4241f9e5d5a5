"""Student's t distribution: how much lies beyond a value, and the value beyond which so much lies."""

from __future__ import annotations

import math

_STEPS, _EPS, _TINY = 10_000, 1e-16, 1e-300


def two_sided(t: float, freedom: float) -> float:
    """Probability of a value as far from zero as `t`, on either side."""
    return _beta_share(freedom / (freedom + t * t), t * t / (freedom + t * t), freedom / 2.0, 0.5)


def beyond(p: float, freedom: float) -> float:
    """The t >= 0 whose two-sided probability is `p`; 0 for p >= 1, infinity for p <= 0."""
    if p >= 1.0 or p <= 0.0:
        return 0.0 if p >= 1.0 else math.inf
    low, high = 0.0, 1.0
    while two_sided(high, freedom) > p:
        low, high = high, 2.0 * high
        if math.isinf(high):
            return math.inf
    for _ in range(200):
        middle = 0.5 * (low + high)
        if middle in (low, high):
            break
        low, high = (middle, high) if two_sided(middle, freedom) > p else (low, middle)
    return 0.5 * (low + high)


def _beta_share(x: float, rest: float, a: float, b: float) -> float:
    """Regularised incomplete beta function of x = 1 - rest, by its continued fraction on the side where that is quick.  Abramowitz and Stegun 26.5.8."""
    if x <= 0.0 or rest <= 0.0:
        return 0.0 if x <= 0.0 else 1.0
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log(rest))
    if x < (a + 1.0) / (a + b + 2.0):
        return front * _fraction(x, a, b) / a
    return 1.0 - front * _fraction(rest, b, a) / b


def _fraction(x: float, a: float, b: float) -> float:
    """The continued fraction, from the front (Lentz 1976)."""
    c, d = 1.0, 1.0 / _not_zero(1.0 - (a + b) * x / (a + 1.0))
    found = d
    for m in range(1, _STEPS):
        for term in (m * (b - m) * x / ((a + 2 * m - 1.0) * (a + 2 * m)), -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1.0))):
            d = 1.0 / _not_zero(1.0 + term * d)
            c = _not_zero(1.0 + term / c)
            found *= c * d
        if abs(c * d - 1.0) < _EPS:
            break
    return found


def _not_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
