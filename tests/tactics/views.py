"""Made-up features with the shapes of the contract, and the same features as they stood some bars earlier."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from pse.domain.bars import Bars
from pse.domain.instruments import Instrument
from pse.domain.sessions import MINUTE_NS, Sessions
from pse.features.build import FeatureSpec
from pse.features.feature import Known
from pse.kernels.codes import MCS_TREND_UP, TCC_LOW
from pse.kernels.contract import (
    ALIVE,
    BLOCK_DTYPE,
    BREAK_DTYPE,
    BROKEN,
    ENTER,
    EXPIRED,
    GAP_DTYPE,
    LEVEL_DTYPE,
    NEVER,
    POOL_DTYPE,
    REFUSED,
    SWEEP_DTYPE,
    SWEPT,
)
from pse.kernels.targets import CODES
from pse.kernels.wilder import previous

TICK = 0.25
LATER = {"gaps": ("touched_at", "mid_filled_at", "filled_at", "inverted_at", "stale_at"), "blocks": ("invalid_at",), "pools": ("ended_at",),
         "levels": ("ended_at",)}
KNOWN = {"breaks": "t", "gaps": "formed_at", "blocks": "known_at", "pools": "known_at", "levels": "known_at",
         "sweeps": "confirmed_at"}


@dataclass(frozen=True)
class View:
    """The part of Features that tactics read."""

    decision: Bars
    columns: dict
    breaks: np.ndarray
    gaps: np.ndarray
    blocks: np.ndarray
    pools: np.ndarray
    sweeps: np.ndarray
    levels: np.ndarray

    @property
    def spec(self):
        return FeatureSpec().together()

    @cached_property
    def known(self):
        """What else the bars tell: the ranges, gaps, pools, sweeps and levels are those of this view."""
        known, atr = Known.from_bars(self.decision, instrument()), self.columns["atr"]
        known.once("atr", lambda: atr)
        known.once("atr_before", lambda: previous(atr))
        for feature, tables in ((self.spec.gaps, {"gaps": self.gaps}), (self.spec.levels, {"levels": self.levels}),
                                (self.spec.liquidity, {"pools": self.pools, "sweeps": self.sweeps})):
            known.once(("objects", type(feature), feature.of(instrument())), lambda tables=tables: tables)
        return known


def entered(found):
    """Those that may be traded."""
    return found.taken(found.rows["kind"] == ENTER)


def refused(found):
    """Those that the tactic turned down, each as its evidence with the row's own words."""
    rows = found.rows
    return [{**found.evidence[i], "ts": int(rows["ts"][i]), "code": CODES[rows["refusal"][i]], "direction": int(rows["direction"][i]),
             "entry": float(rows["entry"][i]), "stop": None if np.isnan(rows["stop"][i]) else float(rows["stop"][i])}
            for i in np.flatnonzero(rows["kind"] == REFUSED)]


def instrument(symbol="ES", cap=8.0, tick=TICK):
    return Instrument(symbol=symbol, name=symbol, kind="future", tick=tick, lot_step=1, point_value=50, currency="USD", calendar="24/7",
                      stop_cap_points=cap)


def five_minute_bars(open_, high, low, close, offset=None, symbol="ES", volume=None):
    """Bars from price lists, in one endless session; one of volume each where none is given."""
    n = len(close)
    ts = np.arange(n, dtype=np.int64) * 5 * MINUTE_NS
    one = np.zeros(1, np.int64)
    sessions = Sessions("24/7", "UTC", np.array([20200101], np.int32), one, one + NEVER, one, one + NEVER, one, one, "")
    off, volume = np.zeros(n) if offset is None else offset, np.ones(n) if volume is None else volume
    prices = [np.asarray(column, float) for column in (open_, high, low, close)]
    return Bars(symbol, "5m", ts, ts + 5 * MINUTE_NS, *prices, volume, np.zeros(n, np.int64), np.r_[False, np.diff(off) != 0][:n], off,
                np.zeros(n, np.int32), np.zeros(n, np.int16), (symbol,), sessions)


def table(dtype, **columns):
    """Rows of a dtype from columns; what is not named is 0, later life is NEVER."""
    size = len(next(iter(columns.values()))) if columns else 0
    rows = np.zeros(size, dtype)
    for name in rows.dtype.names:
        if name.endswith("_at") and name not in ("formed_at", "known_at", "confirmed_at", "pierced_at"):
            rows[name] = NEVER
    for name, values in columns.items():
        rows[name] = values
    return rows


def random_view(seed, n=140, rolls=True):
    """A jumpy walk on the tick grid with all its gaps, shifts beside many of them, and levels around it."""
    rng = np.random.default_rng(seed)
    body = rng.integers(-14, 15, n) * TICK
    close = 1000.0 + np.cumsum(body)
    open_ = close - body
    high = np.maximum(open_, close) + rng.integers(0, 5, n) * TICK
    low = np.minimum(open_, close) - rng.integers(0, 5, n) * TICK
    offset = np.cumsum(rng.random(n) < 0.01) * 12.5 if rolls else np.zeros(n)
    bars = five_minute_bars(*(column + offset for column in (open_, high, low, close)), offset)
    atr = np.where(np.arange(n) < 14, np.nan, rng.uniform(2.0, 6.0, n))
    gaps = find_gaps(open_, high, low, close)
    breaks = random_breaks(rng, n, gaps)
    tcc, tcc_dir, mcs = (np.repeat(rng.integers(0, codes, n), rng.integers(1, 20, n))[:n] for codes in (5, 3, 8))
    blocks, pools, levels = random_blocks(rng, breaks, close), random_pools(rng, close, 40), random_levels(rng, close, 15)
    return View(bars, columns(atr, tcc, tcc_dir - 1, mcs), breaks, gaps, blocks, pools, random_sweeps(rng, breaks, close), levels)


def columns(atr, tcc=TCC_LOW, tcc_dir=1, mcs=MCS_TREND_UP):
    """The columns that tactics read: an array of ranges, and states that are the same at every bar or given for each."""
    n = len(atr)
    states = {"tcc": tcc, "tcc_dir": tcc_dir, "mcs": mcs}
    return {"atr": np.asarray(atr, float), **{name: np.broadcast_to(np.asarray(value, np.int64), n).copy() for name, value in states.items()}}


def find_gaps(open_, high, low, close, max_age=20):
    """Every three-bar gap with its true later life, straight from the definition."""
    found = []
    for t in range(2, len(close)):
        for d, top, bottom in ((1, low[t], high[t - 2]), (-1, low[t - 2], high[t])):
            if top > bottom and d * (close[t - 1] - open_[t - 1]) > 0:
                beyond = close[t + 1:] < bottom if d > 0 else close[t + 1:] > top
                inverted = t + 1 + int(np.argmax(beyond)) if beyond.any() else NEVER
                stale = t + max_age + 1 if t + max_age + 1 < min(len(close), inverted) else NEVER
                inverted = inverted if inverted <= t + max_age else NEVER
                found.append((d, t, t - 1, top, bottom, inverted, stale))
    names = ("dir", "formed_at", "mid_bar", "top", "bottom", "inverted_at", "stale_at")
    gaps = table(GAP_DTYPE, **dict(zip(names, zip(*found, strict=True), strict=True))) if found else table(GAP_DTYPE)
    gaps["valid"] = gaps["top"] - gaps["bottom"] >= 2 * TICK
    return gaps


def random_breaks(rng, n, gaps):
    """Shifts near gaps, other breaks between them, scores around the threshold."""
    at = np.unique(np.clip(gaps["formed_at"] + rng.integers(-3, 4, gaps.size), 0, n - 1)) if gaps.size else np.zeros(0, np.int64)
    breaks = table(BREAK_DTYPE, t=at)
    nearest = np.searchsorted(gaps["formed_at"], at).clip(0, max(gaps.size - 1, 0))
    breaks["dir"] = np.where(rng.random(at.size) < 0.9, gaps["dir"][nearest], -gaps["dir"][nearest])
    breaks["mss"], breaks["sweep"] = rng.random(at.size) < 0.8, -1
    breaks["mqs"] = rng.choice([0.3, 0.54, 0.55, 0.6, 0.72, 0.9], at.size)
    breaks["mqs_next"] = breaks["mqs"] + rng.choice([0.0, 0.1], at.size)
    return breaks


def random_blocks(rng, breaks, close):
    rows = np.flatnonzero(rng.random(breaks.size) < 0.6)
    t = breaks["t"][rows]
    blocks = table(BLOCK_DTYPE, break_row=rows, dir=breaks["dir"][rows], idx=np.maximum(t - 1, 0), known_at=t)
    middle = close[t] - breaks["dir"][rows] * rng.integers(0, 12, rows.size) * TICK
    blocks["top"], blocks["bottom"] = middle + rng.integers(1, 6, rows.size) * TICK, middle - rng.integers(1, 6, rows.size) * TICK
    blocks["invalid_at"] = np.where(rng.random(rows.size) < 0.5, t + rng.integers(1, 15, rows.size), NEVER)
    return blocks


def random_pools(rng, close, size):
    known = np.sort(rng.integers(0, close.size, size))
    pools = table(POOL_DTYPE, known_at=known)
    pools["kind"], pools["side"], pools["origin"] = rng.integers(0, 18, size), rng.choice([-1, 1], size), np.maximum(known - 3, 0)
    pools["level"] = close[known] + rng.integers(-60, 61, size) * TICK
    pools["priority"] = rng.choice([0.4, 0.6, 0.7, 0.8, 0.9], size)
    pools["ended_at"] = np.where(rng.random(size) < 0.7, known + rng.integers(0, 40, size), NEVER)
    pools["end"] = np.where(pools["ended_at"] < NEVER, EXPIRED, ALIVE)
    return pools


def random_sweeps(rng, breaks, close):
    """Outcomes of pools some bars before many breaks, most of them swept in the break's direction."""
    rows = np.flatnonzero(rng.random(breaks.size) < 0.7)
    at = np.clip(breaks["t"][rows] - rng.integers(-1, 15, rows.size), 0, close.size - 1)
    order = np.argsort(at, kind="stable")
    rows, at = rows[order], at[order]
    d = breaks["dir"][rows] * rng.choice([1, 1, 1, -1], rows.size)
    sweeps = table(SWEEP_DTYPE, dir=d, side=-d, pierced_at=np.maximum(at - 1, 0), confirmed_at=at, pool=np.arange(rows.size))
    sweeps["level"] = close[at] - d * rng.integers(0, 8, rows.size) * TICK
    sweeps["extreme"] = sweeps["level"] - d * rng.integers(1, 30, rows.size) * TICK
    sweeps["penetration"] = abs(sweeps["level"] - sweeps["extreme"])
    sweeps["priority"] = rng.choice([0.4, 0.45, 0.5, 0.75, 0.8, 1.0], rows.size)
    sweeps["result"] = rng.choice([SWEPT, SWEPT, SWEPT, BROKEN], rows.size)
    return sweeps


def random_levels(rng, close, size):
    known = np.sort(rng.integers(0, close.size, size))
    levels = table(LEVEL_DTYPE, known_at=known, price=close[known] + rng.integers(-60, 61, size) * TICK)
    levels["touches"], levels["priority"] = rng.integers(1, 5, size), rng.choice([0.6, 0.65, 0.9], size)
    levels["ended_at"] = np.where(rng.random(size) < 0.7, known + rng.integers(1, 40, size), NEVER)
    return levels


def as_of(view, k):
    """The features as they stood when k bars were closed: later rows are not there, later life has not come."""
    tables = {}
    for name, known in KNOWN.items():
        rows = getattr(view, name)
        rows = rows[rows[known] < k].copy()
        for field in LATER.get(name, ()):
            rows[field] = np.where(rows[field] < k, rows[field], NEVER)
        tables[name] = rows
    tables["pools"]["end"] = np.where(tables["pools"]["ended_at"] < NEVER, tables["pools"]["end"], ALIVE)
    last = tables["breaks"]["t"] == k - 1
    tables["breaks"]["mqs_next"] = np.where(last, tables["breaks"]["mqs"], tables["breaks"]["mqs_next"])
    return replace(view, decision=view.decision[:k], columns={name: column[:k] for name, column in view.columns.items()}, **tables)
