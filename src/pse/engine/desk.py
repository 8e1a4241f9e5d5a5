"""A desk made ready to run: instruments, tactics and limits resolved, and the records that the kernels read them from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pse.domain.actions import Actions
from pse.domain.bars import timeframe_ns
from pse.domain.currencies import Conversion
from pse.domain.headlines import Headlines
from pse.domain.instruments import Fees, Instrument
from pse.domain.sessions import DAY_NS, MINUTE_NS
from pse.engine.state import Shape
from pse.features.build import FeatureSpec
from pse.features.resampled import why_not
from pse.kernels import codes
from pse.kernels.contract import NEVER
from pse.kernels.plans import TRAIL_CHANDELIER, TRAIL_FIXED
from pse.kernels.state import INSTRUMENT_DTYPE, MAX_TAIL_DAYS, POLICY_DTYPE
from pse.risk.fills import FillPolicy
from pse.risk.policy import CalendarEvent, GatePolicy, RiskPolicy
from pse.settings import BadSetting, Complaint, Read, Settings
from pse.tactics.scan import Tactic

SECOND_NS = 1_000_000_000


@dataclass(frozen=True, eq=False)
class DeskPlan:
    """Everything that a run needs to know before it sees a bar.

    `reads`: symbols that are read and not traded, with their instruments in `context`.  `rates`: how each symbol's money becomes the account's.
    `headlines` by symbol, where the desk reads them: none is seen before it was known.  `actions`: splits and dividends by symbol.
    """

    name: str
    symbols: tuple[str, ...]
    instruments: tuple[Instrument, ...]
    micros: Mapping[str, Instrument]
    tactics: Mapping[str, Tactic]
    spec: FeatureSpec
    base_timeframe: str
    decision_timeframe: str
    warmup_sessions: int
    risk: RiskPolicy
    fills: FillPolicy
    account: str
    currency: str
    capital: float
    context: Mapping[str, Instrument] = field(default_factory=dict)
    reads: Mapping[str, Read] = field(default_factory=dict)
    rates: tuple[Conversion, ...] = ()
    headlines: Mapping[str, Headlines] = field(default_factory=dict)
    events: tuple[CalendarEvent, ...] = ()
    actions: Mapping[str, Actions] = field(default_factory=dict)

    @property
    def shape(self) -> Shape:
        return Shape(len(self.symbols), len(self.tactics), self.risk.limits.max_plans_per_symbol)


def desk_plan(settings: Settings, symbols: Sequence[str] = ()) -> DeskPlan:
    """The chosen desk, narrowed to `symbols` if there are any.  Raises `BadSetting` for what cannot run together."""
    desk = settings.chosen
    symbols = tuple(symbols) or desk.symbols
    instruments = tuple(settings.instrument(s) for s in symbols)
    if wrong := list(desk_complaints(settings)):
        raise BadSetting(wrong)
    micros = {i.symbol: settings.instrument(i.micro) for i in instruments if i.micro}
    reads = settings.reads(symbols)
    return DeskPlan(
        name=settings.desk, symbols=symbols, instruments=instruments, micros=micros, tactics=settings.tactics(), spec=settings.feature_spec(),
        base_timeframe=desk.base_timeframe, decision_timeframe=desk.decision_timeframe, warmup_sessions=desk.warmup_sessions, risk=settings.risk,
        fills=settings.fill_policy, account=settings.account.name, currency=settings.account.currency, capital=settings.account.capital,
        context={symbol: settings.instrument(symbol) for symbol in reads}, reads=reads, rates=tuple(settings.conversion(symbol) for symbol in symbols),
        events=settings.felt_events())


def desk_complaints(settings: Settings) -> Iterator[Complaint]:
    """What of the chosen desk cannot run together: bars of the desk, its features and its tactics that its base bars do not make, and too long a memory."""
    desk = settings.chosen
    if why := why_not(desk.decision_timeframe, desk.base_timeframe):
        yield from too_long_memory(settings, settings.risk)
        yield settings.complaint(("desks", settings.desk, "decision_timeframe"), f"decision bars of {desk.decision_timeframe} cannot be made from base bars of "
                                                                                 f"{desk.base_timeframe}: {why} (or change base_timeframe)")
        return
    yield from parts_complaints(settings, settings.risk, settings.feature_spec(), settings.tactics())


def parts_complaints(settings: Settings, risk: RiskPolicy, spec: FeatureSpec, tactics: Mapping[str, Tactic]) -> Iterator[Complaint]:
    """The same of these limits, features and tactics on the chosen desk, whose decision bars its base bars make."""
    desk, base, here = settings.chosen, settings.chosen.base_timeframe, ("desks", settings.desk)
    yield from too_long_memory(settings, risk)
    context = spec.context_timeframe
    if why := why_not(context, base):
        yield settings.complaint((*here, "features", "context_timeframe"), f"{context} bars cannot be made from base bars of {base}: {why}")
    for name, tactic in tactics.items():
        for timeframe in tactic.timeframes(desk.decision_timeframe):
            if why := why_not(timeframe, base):
                yield settings.complaint((*here, "tactics", name), f"the tactic {name} reads {timeframe} bars, which cannot be made from base bars of {base}: "
                                                                   f"{why} (or change base_timeframe)")


def too_long_memory(settings: Settings, risk: RiskPolicy) -> Iterator[Complaint]:
    if risk.tail.days > MAX_TAIL_DAYS:
        yield settings.complaint(("risk_policies", settings.chosen.risk, "tail", "days"), f"found {risk.tail.days}; at most {MAX_TAIL_DAYS} daily returns are "
                                                                                          f"weighed; lower it")


@dataclass(frozen=True)
class Mode:
    """How the engine is driven, and the window it may trade in; times ns UTC."""

    end_ns: int = int(NEVER)
    entries_from: int = 0
    entries_until: int = int(NEVER)
    ask: bool = False              # pause at candidates instead of deciding by rules inside
    external: bool = False         # a broker outside matches; fills come as inputs
    close_at_end: bool = True
    end_reason: str = "RUN_END"
    trades_only: bool = False      # tell trades and sessions, no gates or orders


def rests(gates: GatePolicy, decision_ns: int) -> dict[str, float]:
    """How long entries rest after an entry and after a stop-out: ns, or from days on decision closes, since a weekend has none."""
    after_entry = 0.0 if gates.cooldown_entry_min else gates.cooldown_entry_bars
    counted = decision_ns >= DAY_NS
    return {"cooldown_entry_ns": int(gates.cooldown_entry_min * MINUTE_NS or (0.0 if counted else after_entry * decision_ns)),
            "cooldown_stop_ns": 0 if counted else int(gates.cooldown_stop_bars * decision_ns),
            "cooldown_entry_closes": after_entry if counted else 0.0, "cooldown_stop_closes": gates.cooldown_stop_bars if counted else 0.0}


def policy_record(plan: DeskPlan, mode: Mode) -> np.ndarray:
    """POLICY_DTYPE[1] of the desk's limits: an argument of the kernel, so another value compiles nothing."""
    risk, fills = plan.risk, plan.fills
    limits, gates, tail, breakers, run = risk.limits, risk.gates, risk.tail, risk.breakers, risk.plan
    decision_ns = timeframe_ns(plan.decision_timeframe)
    values: dict[str, Any] = {
        "match": codes.EXTERNAL if mode.external else codes.SIMULATED, "decide": codes.ASK_OUTSIDE if mode.ask else codes.RULES_INSIDE,
        "events": codes.EVENTS_TRADES if mode.trades_only else codes.EVENTS_FULL,
        "on_end": codes.CLOSE_LAST_BAR if mode.close_at_end else codes.KEEP, "end_reason": codes.REASONS.index(mode.end_reason),
        "entries_from": mode.entries_from, "entries_until": mode.entries_until, "end": mode.end_ns,
        **fills.rules(),
        "max_risk": limits.max_risk_per_trade, "r_unit": limits.r_unit, "max_daily_loss": limits.max_daily_loss, "max_concurrent": limits.max_concurrent_risk,
        "max_gross": limits.max_gross_notional, "max_symbol": limits.max_symbol_notional, "max_quantity": limits.max_quantity,
        "max_group": limits.max_group_positions, "max_group_notional": limits.max_group_notional, "shares": limits.sizing == "shares",
        "cash_only": limits.cash_only, "allow_short": limits.allow_short, "allow_micro": limits.allow_micro,
        "min_confidence": gates.min_confidence, "min_reward_r": gates.min_reward_r,
        "max_age_ns": int(gates.max_age_bars * decision_ns + gates.max_age_extra_s * SECOND_NS), "max_slippage_r": gates.max_slippage_r,
        "session_left_ns": int(gates.session_left_min * MINUTE_NS), "spread_base": gates.spread_base_ticks, "spread_tolerance": gates.spread_tolerance_ticks,
        "ev_min": gates.ev_min_r, "ev_prior_r": gates.ev_prior_r, "ev_prior_n": gates.ev_prior_trades,
        "ev_decay": 0.5 ** (1.0 / gates.ev_half_life_days), "ev_scratch": gates.ev_scratch_r,
        **rests(gates, decision_ns), "max_losses": gates.max_consecutive_losses, "wait_closes": gates.wait_closes, "news_required": gates.news_required,
        "news_max_age_ns": gates.news_max_age_h * 60 * MINUTE_NS,
        "var95": tail.var95, "es975": tail.es975, "tail_days": tail.days, "tail_min_days": tail.min_days,
        "tail_stop_factor": tail.stop_factor, "data_score_min": breakers.data_score_min, "data_recovery": breakers.data_recovery_bars,
        "equity_drawdown": breakers.equity_drawdown, "equity_recovered": breakers.equity_recovered, "equity_retrip": breakers.equity_retrip,
        "auto_ack_days": breakers.auto_ack_days, "llm_failures": breakers.llm_failures, "llm_timeout_ns": int(breakers.llm_timeout_s * SECOND_NS),
        "llm_timeout_cap_ns": int(breakers.llm_timeout_cap_s * SECOND_NS), "llm_successes": breakers.llm_successes,
        "breakeven_r": run.breakeven_at_r, "breakeven_ticks": run.breakeven_plus_ticks, "partial": run.partial_fraction, "trail_swing": run.trail == "swing",
        "trail_range_atr": run.trail_range_atr,
        "swing_side": run.trail_swing_bars or (5 if timeframe_ns(plan.base_timeframe) >= DAY_NS else 2),
        "trail_best": {"chandelier": TRAIL_CHANDELIER, "fixed": TRAIL_FIXED}.get(run.trail, 0),
        "trail_ticks": run.trail_ticks or 0.0, "trail_percent": run.trail_percent or 0.0,
        "max_replans": run.max_replans, "replan_apart": run.replan_apart_bars, "replan_min_reward": run.replan_min_reward_r,
        "stale_bars": run.stale_bars, "stale_mfe_r": run.stale_mfe_r, "flat_session": run.flat_at_session_end,
        "flat_before_ns": int(run.flat_before_min * MINUTE_NS),
        "flatten_on_limit": limits.flatten_on_limit, "correlation": limits.correlation, "correlation_days": limits.correlation_days,
        "max_correlated": limits.max_correlated_risk * limits.max_risk_per_trade, "margin": limits.margin != "none",
        "max_latency_ns": gates.max_latency_ms * 1e6, "max_skew_ns": gates.max_clock_skew_s * SECOND_NS, "quotes_required": gates.quotes_required,
        "spread_money": gates.spread_base_money, "spread_share": gates.spread_base_bps / 10_000,
        "high_vol_size": limits.high_vol_size, "transition_size": limits.transition_size, "market_state": gates.market_state,
        "vol_size_least": limits.volatility_size_least if limits.volatility_size else 1.0,
        "vol_size_most": limits.volatility_size_most if limits.volatility_size else 1.0,
        "kelly_share": limits.kelly.fraction if limits.kelly.on else 0.0, "kelly_cap": limits.kelly.cap, "kelly_min_trades": limits.kelly.min_trades,
    }
    record = np.zeros(1, POLICY_DTYPE)
    unset = set(record.dtype.names or ()) - set(values)
    assert not unset, unset
    for name, value in values.items():
        record[name] = value
    return record


def set_fees(row: Any, fees: Fees, prefix: str = "fee") -> None:
    """Writes what an order costs into a row of INSTRUMENT_DTYPE."""
    most, most_points = fees.maximum or 0.0, fees.maximum_basis_points or 0.0
    for name, value in (("unit", fees.per_unit), ("bps", fees.basis_points), ("min", fees.minimum), ("max", most), ("max_bps", most_points)):
        row[f"{prefix}_{name}"] = value


def set_costs(row: Any, instrument: Instrument, fills: FillPolicy) -> None:
    """Writes fees and slippage into a row of INSTRUMENT_DTYPE; the fill policy's own slippage goes before the instrument's."""
    set_fees(row, instrument.fees)
    model = instrument.slippage if fills.slippage is None else fills.slippage
    row["slippage_ticks"] = instrument.slippage_ticks if fills.slippage_ticks is None else fills.slippage_ticks
    row["slip_spread"], row["slip_volatility"], row["slip_impact"] = model.spread_share, model.volatility_share, model.impact


def write_margin(row: Any, instrument: Instrument, micro: Instrument | None, account: str) -> None:
    """What a unit ties up, in an INSTRUMENT_DTYPE record; in an account of cash everything but a future is paid in full."""
    asked = instrument.asked_margin
    if account == "none" or asked is None:
        return
    row["margin_is_money"] = instrument.kind == "future"
    if instrument.kind == "future":
        row["margin"] = asked.initial, asked.maintenance
        small = micro.asked_margin if micro is not None else None
        row["micro_margin"] = (small.initial, small.maintenance) if small is not None else (0.0, 0.0)
    elif account == "cash":
        row["margin_open"] = 1.0
    else:
        row["margin_open"], row["margin_keep"] = zip(asked.of(-1), asked.of(1), strict=True)


def instrument_records(plan: DeskPlan) -> np.ndarray:
    """INSTRUMENT_DTYPE[symbols] in the desk's order; groups are numbered by name."""
    groups = sorted({i.group for i in plan.instruments if i.group})
    out = np.zeros(len(plan.instruments), INSTRUMENT_DTYPE)
    for row, instrument in zip(out, plan.instruments, strict=True):
        row["tick"], row["lot"], row["point_value"] = instrument.tick, instrument.lot_step, instrument.point_value
        row["min_notional"] = instrument.min_notional
        set_costs(row, instrument, plan.fills)
        row["tradable"] = instrument.tradable
        row["stop_cap"] = np.nan if instrument.stop_cap_points is None else instrument.stop_cap_points
        row["group"] = groups.index(instrument.group) if instrument.group else -1
        row["shortable"], row["borrow_rate"], row["is_share"] = instrument.shortable, instrument.borrow_rate, instrument.kind == "stock"
        micro = plan.micros.get(instrument.symbol)
        write_margin(row, instrument, micro, plan.risk.limits.margin)
        if micro is not None:
            row["has_micro"], row["micro_point_value"], row["micro_lot"] = 1, micro.point_value, micro.lot_step
            set_fees(row, micro.fees, "micro_fee")
    return out
