"""Whether two return series can be told apart: the difference of their Sharpe ratios and means over the sessions that both have, resampled together.

Both are drawn on the same days, so what moves both is not taken for a difference between them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pse.research import bootstrap
from pse.research import returns as series

RESAMPLES = 2_000


def correlation(one: np.ndarray, other: np.ndarray) -> float | None:
    """Correlation of two series of returns; None where either does not move."""
    a, b = series.spread(one), series.spread(other)
    if a is None or b is None:
        return None
    shared = float(((one - one.mean()) * (other - other.mean())).sum()) / (one.size - 1) / (a * b)
    return min(1.0, max(-1.0, shared))


def difference(one: np.ndarray, other: np.ndarray, per_year: float, seed: int) -> dict[str, Any]:
    """`other` less `one`: Sharpe ratio a year, and mean return a session, each with its 95 % interval, and whether 0 lies outside.

    one, other: float64[n], the returns of the same sessions.  Fields are None where a series is too short or does not move.
    """
    found: dict[str, Any] = {"sessions": int(one.size), "sharpe": None, "sharpe_interval": None, "mean": None, "mean_interval": None,
                             "distinguishable": None}
    if not one.size:
        return found
    apart = other - one
    ratios = series.sharpe(one, per_year), series.sharpe(other, per_year)
    if ratios[0] is not None and ratios[1] is not None:
        found["sharpe"] = ratios[1] - ratios[0]
    found["mean"] = float(apart.mean())
    if one.size < bootstrap.MIN_SESSIONS:
        return found
    if not np.abs(apart).max() > 0.0:
        return found | {"sharpe_interval": [0.0, 0.0], "mean_interval": [0.0, 0.0], "distinguishable": False}
    columns = np.column_stack([one, one**2, other, other**2])
    sums, _ = bootstrap.resample(columns, apart, bootstrap.block_length(apart), RESAMPLES, seed)
    with np.errstate(divide="ignore", invalid="ignore"):
        drawn = (bootstrap.sharpe_of_sums(sums[:, 2], sums[:, 3], one.size, per_year) - bootstrap.sharpe_of_sums(sums[:, 0], sums[:, 1], one.size, per_year))
    between = bootstrap.percentile_interval(drawn) if found["sharpe"] is not None else None
    mean = bootstrap.percentile_interval((sums[:, 2] - sums[:, 0]) / one.size)
    return found | {"sharpe_interval": None if between is None else list(between), "mean_interval": None if mean is None else list(mean),
                    "distinguishable": None if between is None else not between[0] <= 0.0 <= between[1]}


def said(found: dict[str, Any], one: str, other: str) -> str:
    """The difference as a sentence."""
    if found["sharpe"] is None:
        return f"{other} - {one}: no Sharpe ratio on the {found['sessions']:,} sessions that both have."
    if found["mean"] == 0.0 and found["sharpe_interval"] == [0.0, 0.0]:
        return f"{other} - {one}: the same returns on all {found['sessions']:,} sessions that both have."
    text = f"{other} - {one}: Sharpe difference {found['sharpe']:+.2f}"
    if found["sharpe_interval"] is None:
        return f"{text} on {found['sessions']:,} sessions: too few for an interval."
    low, high = found["sharpe_interval"]
    return f"{text} [{low:+.2f}, {high:+.2f}] on {found['sessions']:,} sessions: {'distinguishable' if found['distinguishable'] else 'not distinguishable'}."
