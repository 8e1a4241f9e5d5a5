"""From bars to what the engine reads: features, setups, context rows and one time line.

Pure: the same bars give the same tape, and more bars only add to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pse.domain.actions import forward_adjusted
from pse.domain.bars import Bars, timeframe_ns
from pse.domain.currencies import Conversion
from pse.domain.errors import BadBars
from pse.domain.headlines import NO_HEADLINES
from pse.domain.sessions import MINUTE_NS
from pse.domain.setups import Facts, OneByOne, Setups, setup_id
from pse.engine.desk import DeskPlan, Mode, instrument_records, policy_record, rests
from pse.engine.shares import action_records, as_traded, spread_ticks, unscale
from pse.features.build import Features
from pse.features.context import Wanted, context_rows, hours, inside
from pse.features.feature import Market
from pse.features.resampled import as_of
from pse.kernels.book import Tape, World
from pse.kernels.contract import (
    C_DAILY_ROW,
    CONTEXT_COLUMNS,
    INVALID_TARGET_SEEN,
    INVALID_TOUCH,
    LEAVES_ON_TCC_LOWER,
    NO_STALE,
    TRAIL_RANGE,
    WAITS_AFTER_STOP,
)
from pse.kernels.state import BAR_BLACKOUT, BAR_ROLL
from pse.risk.blackouts import no_entries
from pse.tactics.scan import OwnRecord, scan_desk

HOUR_NS = 60 * MINUTE_NS


@dataclass(frozen=True, eq=False)
class Prepared:
    """A desk's window as arrays.  `until_ns`: every instant at or before it is in here.  `evidence[i]` belongs to setup row i."""

    plan: DeskPlan
    mode: Mode
    tape: Tape
    world: World
    evidence: Sequence[Facts]
    setup_ids: Sequence[str]
    features: tuple[Features, ...]
    until_ns: int


def prepare(plan: DeskPlan, bars: Sequence[Bars], mode: Mode, start_ns: int, until_ns: int, tape: Tape | None = None,
            context: Mapping[str, Bars] | None = None, features: tuple[Features, ...] = ()) -> Prepared:
    """Everything known at `until_ns`, for decisions and bars inside [start_ns, mode.end_ns).

    bars[i]: base bars of symbol i from the run's anchor on, none closing after `until_ns`.  `tape`: their time line, where the caller has it already.
    `context`: bars of what the desk reads and does not trade; a symbol that is not there reads as missing.  `features`: those of the same bars, context and
    spec, where they were made already; a run under other limits reads the same.
    """
    markets = open_markets(plan, bars, context or {}, until_ns)
    features = features or tuple(Features(markets[symbol], plan.spec) for symbol in plan.symbols)
    scan = scan_desk(list(plan.tactics.values()), features, plan.instruments, start_ns + 1, own_record(plan))
    scan = as_traded(scan, features, plan.instruments)
    blackouts = no_entries(plan.risk.gates, plan.events, start_ns, min(until_ns, mode.end_ns) + 1)
    rates = [rate_at(way, markets, one.decision.ts_close) for way, one in zip(plan.rates, features, strict=True)]
    days, returns = daily_returns(features)
    row_ts, row_symbol, rows = decision_rows(plan, features, rates, days, blackouts, start_ns, mode.end_ns, scan.rows if sparse(plan, scan.rows) else None)
    setups = decidable(scan, row_ts, row_symbol)
    world = World(row_ts, row_symbol, rows, setups.rows, returns, instrument_records(plan), policy_record(plan, mode),
                  action_records(plan, bars, start_ns, mode.end_ns))
    return Prepared(plan, mode, tape or time_line(bars, blackouts, start_ns, mode.end_ns), world, setups.evidence,
                    _ids(plan, setups), features, until_ns)


def own_record(plan: DeskPlan) -> OwnRecord | None:
    """What scales the confidence of strategies by their own record; None where the profile does not ask for it."""
    risk = plan.risk
    return OwnRecord(risk.limits.allow_short, risk.gates.wait_closes) if risk.gates.confidence_scaled else None


def open_markets(plan: DeskPlan, bars: Sequence[Bars], context: Mapping[str, Bars], until_ns: int) -> dict[str, Market]:
    """One market a symbol, the traded ones first, each with all of them beside it; a bar that closes after `until_ns` is in none.

    Prices of shares are forward adjusted by the splits and dividends that the desk knows of.
    """
    found: dict[str, Market] = {}
    given = [*zip(plan.symbols, plan.instruments, bars, strict=True), *((symbol, plan.context[symbol], one) for symbol, one in context.items())]
    for symbol, instrument, one in given:
        found[symbol] = Market(forward_adjusted(one, plan.actions.get(symbol)), instrument, until_ns, found, plan.symbols)
    return found


def rate_at(way: Conversion, markets: Mapping[str, Market], ts: np.ndarray) -> np.ndarray | None:
    """Money of the account for one of the symbol's currency at each moment, float64[ts.size]: of each series the last close known by then, NaN before
    its first; None where they are one and the same."""
    if way.is_one:
        return None
    rate = np.full(ts.size, way.factor)
    for leg in way.legs:
        market = markets.get(leg.symbol)
        closes = market.at(market.bars.timeframe).bars if market is not None else None
        known = np.full(ts.size, np.nan) if closes is None else as_of(closes.close, closes.ts_close, ts)
        rate = rate / known if leg.inverse else rate * known
    return rate


def _ids(plan: DeskPlan, setups: Setups) -> Sequence[str]:
    """The id of each setup, made when it is asked for and then kept."""
    names, tactics, evidence, known = plan.symbols, tuple(plan.tactics), setups.evidence, dict[int, str]()
    columns = [setups.rows[name] for name in ("symbol", "tactic", "direction", "ts")]

    def one(i: int) -> str:
        if i not in known:
            symbol, tactic, direction, ts = (int(column[i]) for column in columns)
            known[i] = setup_id(names[symbol], tactics[tactic], direction, ts, tuple(evidence[i].get("objects", ())))
        return known[i]

    return OneByOne(len(setups), one)


def decision_rows(plan: DeskPlan, features: Sequence[Features], rates: Sequence[np.ndarray | None], days: np.ndarray, blackouts: list[tuple[int, int]],
                  start_ns: int, end_ns: int, told: np.ndarray | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Decision times, symbols and context inside the window, sorted by time, then the desk's order; DAILY_ROW counts `days`.

    `told`: setups at whose decisions alone rows are wanted; None: at all decisions.
    """
    flag_age = int(plan.risk.gates.news_max_age_h * HOUR_NS)
    bars = [None if told is None else _decision_bars(one, np.unique(told["ts"][told["symbol"] == number])) for number, one in enumerate(features)]
    closes = [one.decision.ts_close if at is None else one.decision.ts_close[at] for one, at in zip(features, bars, strict=True)]
    windows = [slice(*np.searchsorted(moments, (start_ns + 1, end_ns))) for moments in closes]
    ts = np.concatenate([moments[window] for moments, window in zip(closes, windows, strict=True)])
    symbol = np.repeat(np.arange(len(features)), [window.stop - window.start for window in windows])
    order = np.lexsort((symbol, ts))
    place, begin, table = np.empty(order.size, np.int64), 0, np.empty((order.size, len(CONTEXT_COLUMNS)))
    place[order] = np.arange(order.size)
    for one, instrument, rate, at, window in zip(features, plan.instruments, rates, bars, windows, strict=True):
        wanted = Wanted(at, plan.risk.gates.market_state, plan.risk.breakers.data_score_min > 0.0)
        _, rows = context_rows(one, instrument, blackouts, spread_ticks(one.bars, instrument), rate,
                               plan.headlines.get(instrument.symbol, NO_HEADLINES), flag_age, wanted)
        rows = rows[window]
        unscale(rows, one, at, window)
        if len(features) > 1:
            rows[:, C_DAILY_ROW] = _renumbered(rows[:, C_DAILY_ROW].astype(np.int64), np.searchsorted(days, one.daily.session_date))
        if len(features) == 1:
            return np.ascontiguousarray(ts), symbol, np.ascontiguousarray(rows)
        table[place[begin:begin + len(rows)]] = rows
        begin += len(rows)
    return ts[order], symbol[order], table


def sparse(plan: DeskPlan, setups: np.ndarray) -> bool:
    """Whether nothing happens at decisions without a setup: the desk neither watches equity or data nor counts rests there, no money is converted at the
    rate of the latest one, and no setup's plan looks at the market."""
    risk = plan.risk
    watches = risk.gates.market_state or risk.breakers.data_score_min > 0.0 or risk.breakers.equity_drawdown < 1.0 or risk.limits.max_daily_loss < 1.0
    watches = watches or risk.limits.margin != "none" or not all(way.is_one for way in plan.rates)
    rest = rests(risk.gates, timeframe_ns(plan.decision_timeframe))
    if watches or risk.plan.trail == "chandelier" or rest["cooldown_entry_closes"] > 0.0 or rest["cooldown_stop_closes"] > 0.0:
        return False
    lingers = bool((setups["plan_flags"] & NO_STALE).all())
    return lingers and not (setups["plan_flags"] & (TRAIL_RANGE | WAITS_AFTER_STOP | LEAVES_ON_TCC_LOWER)).any() and not (
        setups["invalid_flags"] & ~(INVALID_TARGET_SEEN | INVALID_TOUCH)).any()


def _decision_bars(features: Features, ts: np.ndarray) -> np.ndarray:
    """Decision bars that close at these moments, int64."""
    closes = features.decision.ts_close
    at = np.minimum(np.searchsorted(closes, ts), max(closes.size - 1, 0))
    return at[closes[at] == ts] if closes.size else at[:0]


def _renumbered(known: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Counts of a symbol's own days as counts of everybody's; at[i]: place of its day i among them."""
    return np.where(known > 0, at[np.maximum(known - 1, 0)] + 1 if at.size else 0, 0)


def daily_returns(features: Sequence[Features]) -> tuple[np.ndarray, np.ndarray]:
    """The days that any symbol has, int32[days], and the daily returns of all on them, float64[days, symbols], NaN where a symbol has none."""
    days = np.unique(np.concatenate([one.daily.session_date for one in features]))
    if len(features) == 1:
        return days, np.ascontiguousarray(features[0].daily_returns.reshape(-1, 1))
    table = np.full((days.size, len(features)), np.nan)
    for i, one in enumerate(features):
        table[np.searchsorted(days, one.daily.session_date), i] = one.daily_returns
    return days, table


def decidable(found: Setups, row_ts: np.ndarray, row_symbol: np.ndarray) -> Setups:
    """What was found at the decisions of the window; `row_ts` rising, by symbol at one moment."""
    if not row_ts.size:
        return found.taken(np.zeros(len(found), bool))
    instants, which = np.unique(row_ts, return_inverse=True)
    ts, symbol = found.rows["ts"], found.rows["symbol"]
    at = np.minimum(np.searchsorted(instants, ts), instants.size - 1)
    symbols = 1 + max(int(row_symbol.max()), int(symbol.max(initial=0)))
    rows, wanted = which * symbols + row_symbol, at * symbols + symbol         # one number a decision and symbol, rising with the rows
    place = np.minimum(np.searchsorted(rows, wanted), rows.size - 1)
    told = (instants[at] == ts) & (rows[place] == wanted)
    first = int(np.count_nonzero(told))
    return found.taken(told) if not told[:first].all() else found if first == told.size else found.before(first)


def time_line(bars: Sequence[Bars], blackouts: list[tuple[int, int]], start_ns: int, end_ns: int) -> Tape:
    """Base bars of all symbols with start_ns <= ts_open and a close at or before the end, by close, then the desk's order."""
    return Tape(*_joined([tape_columns(closed_between(one, start_ns, end_ns), symbol, blackouts) for symbol, one in enumerate(bars)]))


def closed_between(bars: Bars, start_ns: int, end_ns: int) -> Bars:
    """Bars with start_ns <= ts_open and a close at or before the end.  Raises `BadBars` where closes do not rise."""
    part = bars.between(start_ns, end_ns)
    if len(part) and part.ts_close[-1] > end_ns:
        part = part[:int(np.searchsorted(part.ts_close, end_ns, side="right"))]
    _check_closes(part)
    return part


class GrowingLine:
    """The time line of a feed that hands over bars as they close.  At every moment it equals `time_line` of the bars closed by then."""

    def __init__(self, plan: DeskPlan, start_ns: int, end_ns: int) -> None:
        self._gates, self._events, self._start, self._end = plan.risk.gates, plan.events, start_ns, end_ns
        self._taken = [-1] * len(plan.symbols)
        self._closed = [start_ns] * len(plan.symbols)
        self._columns: list[np.ndarray] = []
        self._used = 0

    def grow(self, bars: Sequence[Bars], now_ns: int) -> Tape:
        """Adds what closed since the last call, up to `now_ns`; the columns are views that later calls only add to."""
        new = [part for symbol, one in enumerate(bars) if (part := self._closed_since(symbol, one, now_ns)) is not None]
        if new or not self._columns:
            self._append(_joined(new) if new else tape_columns(bars[0][:0], 0, []))
        return Tape(*(column[:self._used] for column in self._columns))

    def _closed_since(self, symbol: int, one: Bars, now_ns: int) -> tuple[np.ndarray, ...] | None:
        first = self._taken[symbol] if self._taken[symbol] >= 0 else int(np.searchsorted(one.ts_open, self._start))
        last = int(np.searchsorted(one.ts_close, min(now_ns, self._end), side="right"))
        if last <= first:
            return None
        self._taken[symbol] = last
        part = one[first:last]
        _check_closes(part, self._closed[symbol])
        self._closed[symbol] = int(part.ts_close[-1])
        return tape_columns(part, symbol, no_entries(self._gates, self._events, int(part.ts_open[0]), int(part.ts_open[-1]) + 1))

    def _append(self, new: Sequence[np.ndarray]) -> None:
        count = new[0].size
        room = self._columns[0].size if self._columns else 0
        if not self._columns or self._used + count > room:
            wider = [np.empty(max(4_096, 2 * (self._used + count)), column.dtype) for column in new]
            for old, fresh in zip(self._columns, wider, strict=False):
                fresh[:self._used] = old[:self._used]
            self._columns = wider
        for column, added in zip(self._columns, new, strict=True):
            column[self._used:self._used + count] = added
        self._used += count


def _joined(parts: Sequence[tuple[np.ndarray, ...]]) -> Sequence[np.ndarray]:
    """Columns of several symbols as one line."""
    if len(parts) == 1:
        return parts[0]
    joined = [np.concatenate(columns) for columns in zip(*parts, strict=True)]
    order = _in_order(joined)
    return [column[order] for column in joined]


def _in_order(columns: Sequence[np.ndarray]) -> np.ndarray:
    """Rows by close, then open, then the desk's order of symbols."""
    return np.lexsort((columns[2], columns[0], columns[1]))


def _check_closes(part: Bars, after_ns: int | None = None) -> None:
    """Raises `BadBars` unless the closes rise, from `after_ns` on."""
    closes = part.ts_close
    if (closes.size > 1 and (np.diff(closes) <= 0).any()) or (after_ns is not None and closes.size and closes[0] <= after_ns):
        raise BadBars(f"{part.symbol} {part.timeframe}: bars close out of order; sessions overlap. Check the calendar of the instrument.")


def tape_columns(part: Bars, symbol: int, blackouts: list[tuple[int, int]]) -> tuple[np.ndarray, ...]:
    """The columns of a `Tape` for bars of the desk's symbol number `symbol`."""
    flags = np.where(part.roll, np.int16(BAR_ROLL), np.int16(0))
    flags[inside(part.ts_open, blackouts)] |= BAR_BLACKOUT
    flags |= hours(part)
    own = {name: np.require(getattr(part, name), requirements=("C", "W"))        # a read-only array is another type to numba, compiled anew
           for name in ("ts_open", "ts_close", "open", "high", "low", "close", "volume")}
    prices = (own[name] for name in ("open", "high", "low", "close", "volume"))
    return (own["ts_open"], own["ts_close"], np.full(len(part), symbol, np.int16), *prices,
            part.session_date.astype(np.int32), flags)
