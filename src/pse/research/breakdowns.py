"""The out-of-sample series taken apart: by year, by what the market did, and by fold against what was seen in sample.

A regime of a session is what was known at its start: it is read off the closes of earlier sessions alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from pse.domain.trials import Params
from pse.research import returns as series

TURN, TREND, VOLATILITY, EARLIEST = 0.20, 50, 20, 60           # share of a turn; sessions of the mean, of the volatility, before which none is judged
NAMES = {"sharpe": "Sharpe ratio", "sortino": "Sortino ratio", "calmar": "Calmar ratio", "expectancy_r": "mean R", "profit_factor": "profit factor",
         "net": "net profit"}
MIN_SESSIONS = 20                                              # below which a part's Sharpe ratio says nothing


@dataclass(frozen=True, eq=False)
class FoldScore:
    """What one fold chose and what became of it.

    in_sample, out_of_sample: figures (`sharpe`, `net_usd`, ...) of the chosen one, None where it has none.  train, test: float64[candidates], the objective
    of every candidate in sample and out of sample, NaN where it has none; None where they were not kept.
    """

    number: int
    chosen: Params | None
    in_sample: Mapping[str, Any] | None
    out_of_sample: Mapping[str, Any] | None
    train: np.ndarray | None = None
    test: np.ndarray | None = None


# --- years and regimes ---------------------------------------------------------------------------------------------------------------------------


def years(dates: np.ndarray, returns: np.ndarray, trades: np.ndarray, per_year: float) -> list[dict[str, Any]]:
    """One row a calendar year.  dates int32[T] yyyymmdd; trades: TRIAL_TRADE, counted on the day of their exit."""
    return [{"year": f"{year:04d}", **_part(dates // 10_000 == year, trades[trades["day"] // 10_000 == year], returns, per_year)}
            for year in np.unique(dates // 10_000).tolist()]


def regimes(dates: np.ndarray, returns: np.ndarray, trades: np.ndarray, closes: pl.DataFrame | None, per_year: float) -> list[dict[str, Any]]:
    """One row a regime, each way of telling them apart by itself: the phase by turns of 20 %, the side of the 50-session mean, the volatility of 20 sessions.

    closes: `market.daily_closes`; several symbols are one market of equal weights.  Empty without closes.
    """
    found = []
    for way, names in labels(dates, closes).items():
        for name in sorted(set(names)):
            inside = np.array([one == name for one in names])
            days = dates[inside]
            found.append({"way": way, "name": name, **_part(inside, trades[np.isin(trades["day"], days)], returns, per_year)})
    return found


def labels(dates: np.ndarray, closes: pl.DataFrame | None) -> dict[str, list[str]]:
    """The regime of each session by each way of telling, known at its start."""
    if closes is None or not closes.height or not dates.size:
        return {}
    days, level = market_level(closes)
    known = np.searchsorted(days, dates, side="left") - 1                      # the last close before the session
    ways = {"phase": _phases(level), "trend": _trends(level), "volatility": _volatilities(level)}
    early = "not yet known"
    return {way: [early if i < 0 else names[i] for i in known.tolist()] for way, names in ways.items()}


def market_level(closes: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Session dates and the level of a market that holds each symbol at equal weights, starting at 1; a symbol without a close stands still."""
    wide = closes.pivot("symbol", index="session_date", values="close", aggregate_function="last").sort("session_date")
    table = wide.drop("session_date").select(pl.all().forward_fill()).to_numpy().astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        moves = table[1:] / table[:-1] - 1.0
    known = np.isfinite(moves)
    mean = np.where(known, moves, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    return wide["session_date"].to_numpy(), np.cumprod(np.concatenate(([1.0], 1.0 + mean)))


def _phases(level: np.ndarray) -> list[str]:
    """Bull or bear by turns of 20 % from the last extreme."""
    names, direction, high, low = [], 0, -math.inf, math.inf
    for close in level.tolist():
        high, low = max(high, close), min(low, close)
        if direction >= 0 and close <= high * (1.0 - TURN):
            direction, low = -1, close
        elif direction <= 0 and close >= low * (1.0 + TURN):
            direction, high = 1, close
        names.append({1: "bull (turned up 20 %)", -1: "bear (turned down 20 %)", 0: "no turn of 20 % yet"}[direction])
    return names


def _trends(level: np.ndarray) -> list[str]:
    total = np.concatenate(([0.0], np.cumsum(level)))
    names = ["not yet known"] * min(TREND - 1, level.size)
    for t in range(TREND - 1, level.size):
        names.append(f"{'above' if level[t] >= (total[t + 1] - total[t + 1 - TREND]) / TREND else 'below'} its mean of {TREND} sessions")
    return names


def _volatilities(level: np.ndarray) -> list[str]:
    """The volatility of the last 20 sessions against its own median up to then."""
    moves = np.concatenate(([0.0], np.diff(level) / level[:-1]))
    past: list[float] = []
    names = []
    for t in range(level.size):
        if t >= VOLATILITY:
            past.append(float(moves[t - VOLATILITY + 1 : t + 1].std()))
        if t < EARLIEST:
            names.append("not yet known")
        else:
            names.append(f"{'loud' if past[-1] > float(np.median(past)) else 'quiet'} (volatility of {VOLATILITY} sessions against its median so far)")
    return names


def _part(inside: np.ndarray, trades: np.ndarray, returns: np.ndarray, per_year: float) -> dict[str, Any]:
    own = returns[inside]
    return {"sessions": int(own.size), "trades": int(trades.size), "net_usd": float(trades["net"].sum()) if trades.size else 0.0,
            "return": series.total_return(own) if own.size else None, "sharpe": series.sharpe(own, per_year) if own.size >= MIN_SESSIONS else None}


# --- decay ---------------------------------------------------------------------------------------------------------------------------------------


def decay(folds: Sequence[FoldScore], figure: str = "sharpe", ranked_by: str = "sharpe") -> dict[str, Any]:
    """What was left out of sample of what was seen in sample, fold by fold; and over the candidates whether in-sample order says anything.

    ratio: mean out of sample over mean in sample, where the latter is above 0.  slope: least squares of out-of-sample on in-sample figures over the folds.
    Both are of `figure`.  spearman: median over folds of the rank correlation between all candidates' train and test scores, which are of `ranked_by`.
    """
    rows = [{"number": fold.number, "in_sample": _known(fold.in_sample, figure), "out_of_sample": _known(fold.out_of_sample, figure),
             "spearman": _fold_spearman(fold)} for fold in folds]
    for row in rows:
        seen, left = row["in_sample"], row["out_of_sample"]
        row["ratio"] = left / seen if seen is not None and left is not None and seen > 0.0 else None
    both = np.array([(row["in_sample"], row["out_of_sample"]) for row in rows if row["in_sample"] is not None and row["out_of_sample"] is not None], float)
    ranks = [row["spearman"] for row in rows if row["spearman"] is not None]
    seen = float(both[:, 0].mean()) if both.size else None
    left = float(both[:, 1].mean()) if both.size else None
    found: dict[str, Any] = {"figure": figure, "ranked_by": ranked_by, "folds": rows, "in_sample": seen, "out_of_sample": left,
                             "ratio": left / seen if seen is not None and left is not None and seen > 0.0 else None, "slope": _slope(both),
                             "spearman": float(np.median(ranks)) if ranks else None}
    return found | {"text": _said(found, both.shape[0])}


def _said(found: Mapping[str, Any], count: int) -> str:
    if found["in_sample"] is None:
        return "No fold has this figure both in sample and out of sample."
    name = NAMES.get(found["figure"], found["figure"])
    said = f"Over {count} fold{'s' * (count != 1)} the chosen configurations had a {name} of {found['in_sample']:.2f} in sample and of " \
           f"{found['out_of_sample']:.2f} out of sample"
    said += f": {100 * found['ratio']:.0f} % was left." if found["ratio"] is not None else "."
    if found["spearman"] is not None:
        word = "no" if abs(found["spearman"]) < 0.1 else "a weak" if abs(found["spearman"]) < 0.3 else "a clear"
        sign = "" if word == "no" else " positive" if found["spearman"] > 0.0 else " negative"
        ranked = NAMES.get(found["ranked_by"], found["ranked_by"])
        said += f" Between all candidates' ranks by {ranked} in sample and out of sample there is {word}{sign} relation (Spearman {found['spearman']:.2f})."
    return said


def _known(figures: Mapping[str, Any] | None, name: str) -> float | None:
    value = None if figures is None else figures.get(name)
    return float(value) if value is not None and math.isfinite(value) else None


def _fold_spearman(fold: FoldScore) -> float | None:
    if fold.train is None or fold.test is None:
        return None
    known = np.isfinite(fold.train) & np.isfinite(fold.test)
    return spearman(fold.train[known], fold.test[known])


def spearman(one: np.ndarray, other: np.ndarray) -> float | None:
    """Rank correlation, ties at their mean rank; None under three pairs or where all of a side are equal."""
    if one.size < 3:
        return None
    a, b = _mean_ranks(one), _mean_ranks(other)
    a, b = a - a.mean(), b - b.mean()
    scale = math.sqrt(float((a**2).sum()) * float((b**2).sum()))
    return float((a * b).sum()) / scale if scale > 0.0 else None


def _mean_ranks(values: np.ndarray) -> np.ndarray:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return (ends - (counts - 1) / 2.0)[place]


def _slope(both: np.ndarray) -> float | None:
    if both.shape[0] < 3:
        return None
    x = both[:, 0] - both[:, 0].mean()
    scale = float((x**2).sum())
    return float((x * (both[:, 1] - both[:, 1].mean())).sum()) / scale if scale > 1e-12 else None
