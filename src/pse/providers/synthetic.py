"""Made-up one-minute bars that look like an index future's, for demos and laws; they prove nothing about any market.

What is built in: sessions with their break, three volatility regimes that persist, a season inside the day, legs that trend and turn, overnight
gaps, the tick grid, quiet minutes without a trade, and quarterly contracts that overlap around each roll, with a basis.

A session's bars are a function of (seed, symbol, trading day, that session's hours) and of nothing else: a daily walk that always starts at one
epoch fixes where each session opens and closes, and a generator of its own fills it.  So a longer range starts with the same bars, and a later
start gives the same bars from there on.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl

from pse.domain.errors import RequestError
from pse.domain.instruments import Instrument
from pse.domain.ports import Fetched, FetchRequest
from pse.domain.sessions import DAY_NS, MINUTE_NS, Sessions
from pse.providers.plain_sessions import plain_sessions

EPOCH = date(1990, 1, 1)
DEFAULT_START = date(2024, 1, 1)
DAILY_SIGMA = (0.006, 0.010, 0.022)                # calm, ordinary, turbulent
STAY = (0.985, 0.975, 0.95)                        # chance that a regime lasts another day
LEVEL_1990 = 450.0                                 # points at a tick of 0.25; other ticks scale it
GROWTH_A_DAY = 0.07 / 252
PULL_BACK_A_DAY = 0.002                            # toward the growth line, so that the level stays within reason
LEG_MINUTES = 45.0                                 # mean length of a leg that drifts one way
LEG_DRIFT = 0.12                                   # its drift, in standard deviations of a minute
IMPULSE_CHANCE, IMPULSE_SIZE = 0.004, 4.0          # a minute that moves like this many
DAILY_VOLUME = 1_200_000.0
OVERLAP_DAYS = 7                                   # both contracts trade this many days before and after the volume roll

Piece = tuple[str | None, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Day:
    """Where one trading day opens and closes (log level) and how much it moves (standard deviation of the log return)."""

    log_open: float
    log_close: float
    sigma: float


@dataclass(frozen=True)
class Leg:
    """One contract on one trading day: its price above spot in ticks, its share of the volume, its chance of a quiet minute."""

    contract: str | None
    basis_ticks: int
    share: float
    quiet: float


class Synthetic:
    """Seeded minutes of any instrument; `extra["sessions"]` is the calendar (a `Sessions`, or a function of two moments that gives one)."""

    name = "synthetic"
    needs_path = False

    def fetch(self, request: FetchRequest) -> Fetched:
        """Bars of the request, minutes only; without dates the year 2024.  Raises `RequestError` for another timeframe."""
        if request.timeframe not in (None, "1m"):
            raise RequestError(f"made-up bars are minutes, not {request.timeframe}; leave --timeframe out, longer bars are derived from minutes")
        start_ns, end_ns = _window(request.start_ns, request.end_ns)
        sessions, notes = _sessions(request, start_ns, end_ns)
        frame = _frame(request.instrument, sessions, request.seed, start_ns, end_ns)
        notes.insert(0, f"bars are synthetic (seed {request.seed}): no result on them says anything about a market")
        return Fetched(frame=frame, timeframe="1m", synthetic=True, notes=notes)


def _window(start_ns: int | None, end_ns: int | None) -> tuple[int, int]:
    start = _midnight(DEFAULT_START) if start_ns is None else start_ns
    end = start + 366 * DAY_NS if end_ns is None else end_ns
    if start < _midnight(EPOCH) + 7 * DAY_NS:
        raise RequestError(f"made-up bars start in {EPOCH.year}; write a later --start")
    return start, end


def _midnight(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000_000_000


def _sessions(request: FetchRequest, start_ns: int, end_ns: int) -> tuple[Sessions, list[str]]:
    given = request.extra.get("sessions")
    if given is not None:
        return (given(start_ns, end_ns) if callable(given) else given), []
    first, last = (datetime.fromtimestamp(ns // 1_000_000_000, UTC).date() for ns in (start_ns, end_ns))
    week = plain_sessions(request.instrument.calendar, first - timedelta(days=3), last + timedelta(days=3))
    return week, ["no calendar was given: a plain week without holidays was used"]


def _frame(instrument: Instrument, sessions: Sessions, seed: int, start_ns: int, end_ns: int) -> pl.DataFrame:
    wanted = np.flatnonzero((sessions.close_ns > start_ns) & (sessions.open_ns < end_ns))
    pieces = list(_sessions_of_bars(instrument, sessions, seed, wanted))
    ts_open = np.concatenate([np.empty(0, dtype=np.int64), *(ts for _, ts, _ in pieces)])
    table = np.concatenate([np.empty((5, 0)), *(values for _, _, values in pieces)], axis=1)
    which = np.repeat(np.arange(len(pieces)), [ts.size for _, ts, _ in pieces])
    frame = pl.DataFrame(
        {
            "ts_open": ts_open,
            **{name: table[i] for i, name in enumerate(("open", "high", "low", "close", "volume"))},
            "contract": pl.Series([contract for contract, _, _ in pieces], dtype=pl.String).gather(which),
            "source": pl.repeat("synthetic", ts_open.size, dtype=pl.String, eager=True),
        }
    )
    inside = frame.filter(pl.col("ts_open") >= start_ns, pl.col("ts_open") < end_ns)
    return inside.with_columns(pl.Series("row", np.arange(1, inside.height + 1, dtype=np.int64)))


def _sessions_of_bars(instrument: Instrument, sessions: Sessions, seed: int, wanted: np.ndarray) -> Iterator[Piece]:
    """For each wanted session and each contract that trades in it: the contract, ts_open int64[bars], open high low close volume float64[5, bars]."""
    if not wanted.size:
        return
    endless = instrument.calendar == "24/7"
    root = int.from_bytes(hashlib.sha256(instrument.symbol.encode()).digest()[:4], "big")
    dates = [_as_date(int(sessions.session_date[i])) for i in wanted]
    walk = _Walk(seed, root, dates[-1], endless, overnight=instrument.kind == "future")
    tick, season = instrument.tick, _Seasons()
    for i, day in zip(wanted, dates, strict=True):
        ts, spread = season.of(sessions, int(i))
        if not ts.size:
            continue
        rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, root, day.toordinal()])))
        spot = _spot(rng, walk.day(day), spread)
        for leg in walk.legs(instrument, day):
            yield leg.contract, *_bars(rng, ts, spot, spread, leg, tick)


def _as_date(yyyymmdd: int) -> date:
    return date(yyyymmdd // 10_000, yyyymmdd // 100 % 100, yyyymmdd % 100)


class _Walk:
    """The daily walk from the epoch: regime, level and carry, the same for every range that is asked."""

    def __init__(self, seed: int, root: int, last: date, endless: bool, overnight: bool) -> None:
        self.endless = endless
        n = self._index(last) + 1
        streams = [np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, root, 0, k]))) for k in range(5)]
        turns, which = streams[0].random(n).tolist(), streams[1].random(n).tolist()
        shocks, gaps = streams[2].standard_normal(n).tolist(), streams[3].standard_normal(n).tolist()
        self.carry_noise = streams[4].standard_normal(4 * 100).tolist()
        self.log_close, self.log_open, self.sigma = [], [], []
        regime, away, drift = 1, 0.0, 0.0
        gap_share = 0.12 if overnight or endless else 0.4
        for d in range(n):
            if turns[d] > STAY[regime]:
                regime = (regime + (1 if which[d] < 0.5 else 2)) % 3
            sigma = DAILY_SIGMA[regime]
            before = away + GROWTH_A_DAY * d
            drift = 0.95 * drift + 0.0001 * shocks[d]
            away += drift + sigma * shocks[d] - PULL_BACK_A_DAY * away
            self.log_open.append(before + gap_share * sigma * gaps[d])
            self.log_close.append(away + GROWTH_A_DAY * (d + 1))
            self.sigma.append(sigma)

    def _index(self, day: date) -> int:
        days = (day - EPOCH).days
        return days if self.endless else days // 7 * 5 + min(days % 7, 4)

    def day(self, day: date) -> Day:
        i = self._index(day)
        return Day(self.log_open[i], self.log_close[i], self.sigma[i])

    def legs(self, instrument: Instrument, day: date) -> list[Leg]:
        """The contracts that trade on a day: one, or two around a volume roll (the Thursday eight days before expiry)."""
        if instrument.kind != "future":
            return [Leg(None, 0, 1.0, 0.03)]
        near = _expiry_on_or_after(day)
        k = (day - (near - timedelta(days=8))).days
        later = _expiry_on_or_after(near + timedelta(days=1))
        share = 1.0 / (1.0 + math.exp(-1.2 * (k + 0.5)))
        if k < -OVERLAP_DAYS:
            return [self._leg(instrument, day, near, 1.0)]
        if k > OVERLAP_DAYS:
            return [self._leg(instrument, day, later, 1.0)]
        return [self._leg(instrument, day, near, 1.0 - share), self._leg(instrument, day, later, share)]

    def _leg(self, instrument: Instrument, day: date, expiry: date, share: float) -> Leg:
        quarter = (expiry.year - EPOCH.year) * 4 + expiry.month // 3
        rate = 0.02 + 0.012 * self.carry_noise[quarter % len(self.carry_noise)]
        years = (expiry - day).days / 365.0
        ticks = LEVEL_1990 / 0.25 * math.exp(self.day(day).log_open)
        name = f"{instrument.symbol}-{expiry:%Y%m}"
        return Leg(name, round(ticks * rate * years), share, 0.02 if share > 0.3 else 0.25)


def _expiry_on_or_after(day: date) -> date:
    """The third Friday of March, June, September or December, not before `day`."""
    year, month = day.year, (day.month + 2) // 3 * 3
    while True:
        first = date(year, month, 1)
        friday = first + timedelta(days=(4 - first.weekday()) % 7 + 14)
        if friday >= day:
            return friday
        year, month = (year + 1, 3) if month == 12 else (year, month + 3)


class _Seasons:
    """Opens of the minutes of a session and each minute's share of the day's standard deviation, remembered by the session's hours."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, ...], tuple[np.ndarray, np.ndarray]] = {}

    def of(self, sessions: Sessions, i: int) -> tuple[np.ndarray, np.ndarray]:
        open_ns = int(sessions.open_ns[i])
        edges = [sessions.close_ns[i], sessions.rth_open_ns[i], sessions.rth_close_ns[i], sessions.break_open_ns[i], sessions.break_close_ns[i]]
        key = tuple((int(edge) - open_ns) // MINUTE_NS if edge else 0 for edge in edges)
        if key not in self._known:
            self._known[key] = _season(*key)
        minutes, spread = self._known[key]
        return open_ns + minutes * MINUTE_NS, spread


def _season(n: int, rth_open: int, rth_close: int, break_open: int, break_close: int) -> tuple[np.ndarray, np.ndarray]:
    """Minutes of the session that trade, and float64 weights whose squares sum to one."""
    minute = np.arange(n, dtype=np.int64)
    minute = minute[(minute < break_open) | (minute >= break_close)]
    into, left = (minute - rth_open).astype(float), (rth_close - minute).astype(float)
    if rth_open <= 0 and rth_close >= n >= 20 * 60:                # round the clock: one mild wave
        level = 1.0 + 0.3 * np.sin(2 * np.pi * minute / n)
    else:
        day = 0.8 + 1.6 * np.exp(-np.maximum(into, 0) / 25) + 0.7 * np.exp(-np.maximum(left, 0) / 30)
        night = 0.35 + 0.3 * np.exp(-minute / 45) + 0.3 * np.exp(-(((into + 360) / 90) ** 2))
        level = np.where((into >= 0) & (left > 0), day, night)
    return minute, level / math.sqrt(float(np.cumsum(level * level)[-1])) if minute.size else level


def _spot(rng: np.random.Generator, day: Day, spread: np.ndarray) -> np.ndarray:
    """float64[3, n]: log price before and after each minute, and the minute's standard deviation.

    Legs of drift and impulses on top of noise, then pulled so that the last minute ends at the day's close (a bridge).
    """
    n = spread.size
    noise, lean, chance = rng.standard_normal(n), rng.standard_normal(n), rng.random((2, n))
    leg = np.cumsum(chance[0] < 1.0 / LEG_MINUTES)
    mood = np.exp(0.35 * lean[::-1])[leg]                                 # some legs are livelier than others
    step = noise * np.where(chance[1] < IMPULSE_CHANCE, IMPULSE_SIZE, 1.0) + LEG_DRIFT * np.sign(lean[leg]) * (0.5 + np.abs(lean[leg]))
    sigma = day.sigma * spread
    path = np.cumsum(step * sigma * mood)
    path += (day.log_close - day.log_open - path[-1]) * np.cumsum(spread * spread)
    after = day.log_open + path
    before = np.concatenate(([day.log_open], after[:-1]))
    return np.stack((before, after, sigma * mood))


def _bars(rng: np.random.Generator, ts: np.ndarray, spot: np.ndarray, spread: np.ndarray, leg: Leg, tick: float) -> tuple[np.ndarray, np.ndarray]:
    """Bars of one contract over the spot path: ts_open int64[kept] and open, high, low, close, volume float64[5, kept].

    The extremes inside a minute are those of a Brownian bridge from open to close: the maximum of a bridge with end `d` and variance `s2` is
    (d + sqrt(d*d + 2*s2*E)) / 2 with E exponential (reflection principle).
    """
    n = ts.size
    extremes, luck, jitter = rng.standard_exponential((2, n)), rng.random((2, n)), rng.standard_normal(n)
    before, after = LEVEL_1990 / 0.25 * np.exp(spot[:2])                  # in ticks
    d, s2 = after - before, (before * spot[2]) ** 2
    up, down = (d + np.sqrt(d * d + 2 * s2 * extremes[0])) / 2, (d - np.sqrt(d * d + 2 * s2 * extremes[1])) / 2
    open_, close = np.rint(before + np.where(luck[1] < 0.15, np.sign(jitter), 0.0)), np.rint(after)
    high = np.maximum(np.floor(before + up), np.maximum(open_, close))
    low = np.minimum(np.ceil(before + down), np.minimum(open_, close))
    pace = spread * spread * n * (0.6 + np.abs(d) / np.sqrt(s2) * 0.6) * np.exp(0.35 * jitter)
    volume = np.maximum(np.rint(DAILY_VOLUME * leg.share / n * pace), 1.0)
    quiet = leg.quiet * np.clip(1.5 - spread * math.sqrt(n), 0.0, 1.0)     # only where the day is slow
    keep = luck[0] >= quiet
    keep[0] = True
    prices = (np.stack((open_, high, low, close)) + leg.basis_ticks) * tick
    return ts[keep], np.concatenate((np.round(prices, 10), volume[None]))[:, keep]
