"""Rules alone, the judge, its verdicts dealt out at random, and vetoes at random: what each came to on the same setups, net of what it cost.

A judge that only trades less looks good beside losing rules; it has to beat vetoes at random at its own rate and with its own sizes, and its own verdicts
without their aim.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pse.kernels import codes as c
from pse.research.bootstrap import block_length, percentile_interval, resample

DRAWS, RESAMPLES = 200, 2_000
EPS, SURE = 1e-9, 0.05
ARMS = ("rules", "judge", "shuffled", "random_veto")


def dealt(asked: np.ndarray, sided: np.ndarray, pool: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Whose verdict every setup row gets, int64[rows], -1 nobody's: those in `pool` exchange theirs, other rows get one of the pool.

    asked bool[rows]: who stands in the pool; sided bool[rows]: rows with a direction of their own, which exchange among each other, as the others do.
    """
    found = np.full(asked.size, -1)
    for kind in (True, False):
        own = pool[sided[pool] == kind]
        if own.size:
            found[own] = rng.permutation(own)
            rest = np.flatnonzero(~asked & (sided == kind))
            found[rest] = rng.choice(own, rest.size)
    return found


def moved(verdicts: np.ndarray, rows: np.ndarray, whose: np.ndarray, tick: np.ndarray) -> np.ndarray:
    """The verdicts that setups get from others, VERDICT_DTYPE[rows]: a word, a size and a lowered confidence as they stand, an edited stop or target as the
    same part of the way to the entry, on the grid of the setup that gets it.

    verdicts, rows: of all setups (SETUP_DTYPE); whose: row whose verdict each gets, -1 HOLD; tick float64[rows].
    """
    giver = np.maximum(whose, 0)
    found, sided = verdicts[giver].copy(), rows["direction"] != 0
    mirrored = ~sided & (found["direction"] < 0)               # prices of an open call are told as those of a long
    for name in ("stop", "target"):
        entry, own = rows["entry"], rows[name]
        with np.errstate(invalid="ignore", divide="ignore"):
            cut = 1.0 - np.abs(found[name] - entry[giver]) / np.abs(own[giver] - entry[giver])
            step = np.round(cut * np.abs(own - entry) / tick) * tick
        step = np.minimum(step, np.abs(own - entry) - tick)
        price = own + np.sign(entry - own) * step
        found[name] = np.where(step > 0.0, np.where(mirrored, 2.0 * entry - price, price), np.nan)
    believes = found["confidence"] >= rows["confidence"][giver] - EPS
    found["confidence"][sided & believes & (found["confidence"] <= 1.0)] = np.nan
    found["direction"][sided] = 0
    nobody = whose < 0
    found["code"][nobody], found["direction"][nobody], found["size_factor"][nobody] = c.HOLD, 0, 1.0
    for name in ("entry", "stop", "target", "confidence"):
        found[name][nobody] = np.nan
    return found


def vetoes(asked: np.ndarray, own: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Which setups fall to a veto at random, bool[rows]: exactly `count` of those in `own`, and others at the same rate."""
    rate = count / own.size if own.size else 0.0
    found = (rng.random(asked.size) < rate) & ~asked
    found[rng.permutation(own)[:count]] = True
    return found


def sizes(vetoed: np.ndarray, own: np.ndarray, given: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The part of its size that every setup keeps, float64[rows]: what a judge let through has the sizes that it gave, `given`, dealt out anew among the
    setups of `own` that do not fall to a veto; others draw one of them."""
    if not given.size:
        return np.ones(vetoed.size)
    found, kept = rng.choice(given, vetoed.size), own[~vetoed[own]]
    shared = min(kept.size, given.size)
    found[kept[:shared]] = rng.permutation(given)[:shared]
    return found


@dataclass(frozen=True)
class Drawn:
    """What one draw of an arm came to: `net` money after the judge's cost, which `cost` is."""

    trades: int
    total_r: float
    net: float
    cost: float = 0.0


def alone(r: np.ndarray, days: np.ndarray, one: Drawn, seed: int) -> dict[str, Any]:
    """An arm that is lived once: its total with the interval of the stationary bootstrap over the sessions of its trades."""
    order, which = np.unique(days, return_inverse=True)
    interval = None
    if order.size >= 2:
        sums = np.bincount(which, r, order.size)
        drawn, _ = resample(sums.reshape(-1, 1), sums, block_length(sums), RESAMPLES, seed)
        found = percentile_interval(drawn[:, 0])
        interval = None if found is None else list(found)
    return {"draws": 1, "trades": one.trades, "total_r": one.total_r, "interval_r": interval, "cost": one.cost, "net": one.net, "interval_net": None}


def of_draws(drawn: Sequence[Drawn]) -> dict[str, Any]:
    """An arm that is drawn often: its means, and between what 95 % of its draws lie."""
    table = np.array([(one.trades, one.total_r, one.cost, one.net) for one in drawn], float)
    mean = table.mean(axis=0)
    return {"draws": len(drawn), "trades": float(mean[0]), "total_r": float(mean[1]), "interval_r": _between(table[:, 1]), "cost": float(mean[2]),
            "net": float(mean[3]), "interval_net": _between(table[:, 3])}


def _between(values: np.ndarray) -> list[float]:
    low, high = np.quantile(values, (0.025, 0.975))
    return [float(low), float(high)]


def beats(judge: Drawn, drawn: Sequence[Drawn]) -> dict[str, float]:
    """The judge against an arm of draws: the difference of the means, and how often chance does at least as well (one-sided, (1 + k) / (1 + n))."""
    r, net = (np.array([getattr(one, name) for one in drawn]) for name in ("total_r", "net"))
    return {"more_r": judge.total_r - float(r.mean()), "more_net": judge.net - float(net.mean()),
            "p_r": (1.0 + float((r >= judge.total_r).sum())) / (1.0 + r.size), "p_net": (1.0 + float((net >= judge.net).sum())) / (1.0 + net.size)}


def said(arms: Mapping[str, Mapping[str, Any]], against: Mapping[str, Mapping[str, float]]) -> list[str]:
    """What follows, in sentences."""
    judge, rules = arms["judge"], arms["rules"]
    more, cost = judge["net"] - rules["net"], judge["cost"]
    lines = [f"The judge came to {_money(abs(more))} {'more' if more >= 0.0 else 'less'} than rules alone" +
             (f", its own cost of {_money(cost)} paid." if cost else ".")]
    for name, what in (("random_veto", "vetoes at random at the same rate and with its sizes"), ("shuffled", "its own verdicts dealt out at random")):
        if name in against:
            p = against[name]["p_net"]
            better = "It did better than" if p <= SURE else "It did no better than"
            lines.append(f"{better} {what}: one-sided p = {p:.3f}, that chance does at least as well.")
    return lines


def _money(value: float) -> str:
    return f"{value:,.2f}" if value < 100.0 else f"{value:,.0f}"
