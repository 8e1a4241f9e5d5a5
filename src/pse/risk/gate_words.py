"""What every gate asks, what it measures against what, and what mends a refusal: the words for terminal, page and documentation.

The arithmetic stands in the kernels; here are words and units alone.
"""

from __future__ import annotations

from dataclasses import dataclass

# Kinds of a measure: how its number is written.
SHARE, R, POINTS, TICKS, MINUTES, SECONDS, HOURS, CLOSES, DAYS, QUANTITY, COUNT, LOSSES, PLANS, TIMES, RATIO, STATE, YES = (
    "of equity", "R", "points", "ticks", "min", "s", "h", "closes", "days", "lots", "", "losses", "plans", "times equity", "ratio", "state", "yes or no")
RESTS = "min or closes"                          # closes on desks whose rests count them
UNSAID = {COUNT, RATIO, STATE, YES}              # kinds whose numbers stand alone


@dataclass(frozen=True)
class Gate:
    """One gate of the table: what it asks, what it measures when it passes, and its reasons to say no, in the order in which it looks."""

    name: str
    asks: str
    measures: str
    allows: str
    kind: str
    refuses: tuple[str, ...]


@dataclass(frozen=True)
class Reason:
    """A reason that a gate can give: what is then measured and allowed, in which unit, and what would mend it."""

    measures: str
    allows: str
    kind: str
    mend: str


GATES = (
    Gate("breakers", "Is every circuit breaker closed?", "breakers that are open", "at most", COUNT,
         ("BREAKER_LLM", "BREAKER_DATA", "BREAKER_EQUITY", "BREAKER_HALF_OPEN")),
    Gate("data", "Is what the decision needs known, and fresh?", "age of the last bar", "at most", SECONDS, ("NOT_READY", "STALE_DATA", "CLOCK")),
    Gate("session", "May this symbol, side and kind of setup be entered now?", "time to the session's end", "at least", MINUTES,
         ("NOT_TRADABLE", "BUSY", "SESSION_END", "SHORT_NOT_ALLOWED", "NOT_SHORTABLE", "MCS")),
    Gate("blackout", "Is no news window running?", "inside a window", "must be", YES, ("NEWS_BLACKOUT",)),
    Gate("spread", "Is the quoted spread near a normal one, and the way to the broker quick?", "spread beyond a normal one", "at most", TICKS,
         ("SPREAD", "LATENCY")),
    Gate("directional", "Do RSI, MACD and headlines allow the side?", "state", "allowed", STATE, ("RSI", "MACD", "NEWS")),
    Gate("confidence", "Is the setup's confidence enough?", "confidence", "at least", RATIO, ("MIN_CONFIDENCE", "NEG_EXPECTANCY")),
    Gate("bracket", "Is the stop outside noise and inside its cap, the reward worth the risk, the price still near?", "reward from the price now",
         "at least", R, ("BAD_PRICE", "OFF_TICK", "STOP_WRONG_SIDE", "SL_CAP", "MIN_RISK", "THROUGH_STOP", "SLIPPAGE", "RR")),
    Gate("expected_value", "Is the expected result after costs worth it?", "expected value", "at least", R, ("EV",)),
    Gate("cooldown", "Has enough passed since the last entry, the last stop and the losses of the day?",
         "time since the last entry or stop", "at least", RESTS,
         ("LOSS_STREAK", "COOLDOWN", "WAITING")),
    Gate("daily_loss", "Does the loss of the day, with this stop and all others hit, stay inside its limit?", "loss of the day, projected", "at most", SHARE,
         ("DAILY_LOSS", "DAILY_LOSS_PROJECTED")),
    Gate("sizing", "Does the risk that is allowed pay for the smallest quantity?", "quantity", "at least", QUANTITY,
         ("ZERO_ATR", "SIZE_ZERO", "CASH", "MAX_QUANTITY", "KELLY")),
    Gate("exposure", "Do all risks, notionals, groups and the margin stay inside their limits?", "risk of all open trades with this one", "at most", SHARE,
         ("GROUP", "CONCURRENT_RISK", "CORRELATED", "EXPOSURE", "MARGIN")),
    Gate("tail_risk", "Would a bad day of all positions stay inside value at risk and expected shortfall?", "value at risk, 95 %, one day", "at most", SHARE,
         ("VAR", "ES", "INSUFFICIENT")),
)
STAGES = {
    "before": "Before anybody decides: gates 1 to 11 on the proposal, its risk counted for the smallest quantity.",
    "after": "After the verdict: sizing, gates 1 to 11 again with that quantity, then exposure and tail risk, which may lower it.",
    "activation": "At the open of the first bar that may fill: blackout, spread and bracket with that open as the price.",
}
REASONS = {
    "BREAKER_LLM": Reason("breakers that are open", "at most", COUNT, "Wait for its time-out; two good answers in a row close it. Look at the models' errors."),
    "BREAKER_DATA": Reason("breakers that are open", "at most", COUNT, "Mend the bars; several decision bars in a row with a good score close it."),
    "BREAKER_EQUITY": Reason("breakers that are open", "at most", COUNT, "A person acknowledges it, or `breakers.auto_ack_days` does; in a backtest it else "
                             "stays open to the end."),
    "BREAKER_HALF_OPEN": Reason("live plans", "at most", COUNT, "Until the drawdown has recovered only one position at a time is let through."),
    "NOT_READY": Reason("age of the last bar", "at most", SECONDS, "Give features their warm-up: an earlier start of the data, `warmup_sessions`, a rate that "
                        "is stored, no holes in the bars."),
    "STALE_DATA": Reason("age of the last bar", "at most", SECONDS, "Bring the bars up to date, or allow more by `gates.max_age_bars`."),
    "CLOCK": Reason("seconds between the two clocks", "at most", SECONDS, "Set the machine's clock by a time server."),
    "MCS": Reason("condition of the market", "allowed", STATE, "Wait for one of the conditions that this family of setups is let in by."),
    "BUSY": Reason("time to the session's end", "at least", MINUTES, "Wait until the symbol is free, or allow several plans by "
                   "`limits.max_plans_per_symbol`."),
    "SESSION_END": Reason("time to the session's end", "at least", MINUTES, "Decide earlier in the session, or lower `gates.session_left_min`."),
    "SHORT_NOT_ALLOWED": Reason("time to the session's end", "at least", MINUTES, "Set `limits.allow_short`, or leave short setups to another account."),
    "NOT_SHORTABLE": Reason("time to the session's end", "at least", MINUTES, "The instrument's own setting says that it cannot be borrowed."),
    "NEWS_BLACKOUT": Reason("inside a window", "must be", YES, "Wait for the end of the window; they stand in `gates.blackouts` and the calendar of events."),
    "NEWS": Reason("age of the last headline, or 1 for a red flag", "at most", HOURS, "Store fresh headlines, or set `gates.news_required` to false."),
    "NOT_TRADABLE": Reason("time to the session's end", "at least", MINUTES, "The instrument is for reading; `tradable` of its entry in instruments.yaml."),
    "SPREAD": Reason("spread beyond a normal one", "at most", TICKS, "Wait for a tighter market, or allow more by `gates.spread_tolerance_ticks`."),
    "LATENCY": Reason("median round trip of the last orders", "at most", "ms", "Mend the way to the broker; entries go on when the median is low again."),
    "RSI": Reason("state of the RSI", "allowed", STATE, "Wait for a state that does not forbid this side."),
    "MACD": Reason("state of the MACD", "allowed", STATE, "Wait for a state that does not forbid this side."),
    "MIN_CONFIDENCE": Reason("confidence", "at least", RATIO, "A surer setup, or a lower `gates.min_confidence`."),
    "NEG_EXPECTANCY": Reason("confidence", "at least", RATIO, "The bare rule has lost on this symbol so far; leave the symbol or the rule out."),
    "BAD_PRICE": Reason("the price", "more than", POINTS, "Every price of an order is above nothing and a number; look at the tactic and at the bars."),
    "OFF_TICK": Reason("the price", "nearest is", POINTS, "Round every price of the setup to the instrument's tick."),
    "STOP_WRONG_SIDE": Reason("distance to the stop, negative beyond the entry", "more than", POINTS, "Put the stop on the losing side of the entry."),
    "SL_CAP": Reason("distance to the stop", "at most", POINTS, "A nearer stop; the cap is the instrument's `stop_cap_points`, or three average ranges."),
    "MIN_RISK": Reason("distance to the stop", "at least", POINTS, "A stop outside noise: four ticks and a quarter of the average range."),
    "RR": Reason("reward for the risk", "at least", R, "A farther target, a nearer stop or a better price; the limit is `gates.min_reward_r`."),
    "SLIPPAGE": Reason("adverse move since the decision", "at most", R, "Nothing: the market has run away; the bound is `gates.max_slippage_r`."),
    "THROUGH_STOP": Reason("adverse move since the decision", "at most", R, "Nothing: the price is beyond the stop, so the idea has failed."),
    "EV": Reason("expected value", "at least", R, "Lower costs for the risk (a wider stop or another contract), a farther target, or a record with more wins."),
    "COOLDOWN": Reason("since the last entry or stop", "at least", RESTS, "Wait; `gates.cooldown_entry_bars` and `cooldown_stop_bars` say how long."),
    "WAITING": Reason("closes since the stop-out", "at least", CLOSES, "A close without the same signal ends the wait, or `gates.wait_closes` of them."),
    "LOSS_STREAK": Reason("losses in a row today", "under", LOSSES, "The next trading day; the limit is `gates.max_consecutive_losses`."),
    "DAILY_LOSS": Reason("loss of the day", "under", SHARE, "The next trading day; the limit is `limits.max_daily_loss`."),
    "DAILY_LOSS_PROJECTED": Reason("loss of the day if all stops are hit", "at most", SHARE, "A smaller quantity, a nearer stop or fewer open positions."),
    "SIZE_ZERO": Reason("quantity", "at least", QUANTITY, "A nearer stop, a smaller contract, more capital, or more risk a trade."),
    "ZERO_ATR": Reason("quantity", "at least", QUANTITY, "The range of the bars is unknown or nothing: look at the bars of this symbol."),
    "KELLY": Reason("Kelly's whole fraction", "more than", SHARE, "The record so far gives Kelly no bet: a better hit rate or reward, or `limits.kelly` off."),
    "CASH": Reason("quantity", "at least", QUANTITY, "Cash for the smallest quantity: close something first, or more capital."),
    "MAX_QUANTITY": Reason("quantity", "at least", QUANTITY, "Raise `limits.max_quantity` to a lot of this instrument or more."),
    "CONCURRENT_RISK": Reason("risk of all open trades with this one", "at most", SHARE, "Close or tighten another position, or a nearer stop."),
    "EXPOSURE": Reason("notional with this one", "at most", TIMES, "A smaller quantity, or close something of the symbol, its group or at all."),
    "GROUP": Reason("live plans of the group", "under", PLANS, "Wait until a position of the group is closed; `limits.max_group_positions`."),
    "CORRELATED": Reason("risk of the positions that move together", "at most", SHARE, "Close one of those that move with it, or a smaller quantity."),
    "MARGIN": Reason("initial margin with this one", "at most", SHARE, "A smaller quantity, fewer positions, or more capital."),
    "VAR": Reason("value at risk, 95 %, one day", "at most", SHARE, "A smaller quantity, fewer positions of one side, or a hedge."),
    "ES": Reason("expected shortfall, 97.5 %, one day", "at most", SHARE, "A smaller quantity, fewer positions of one side, or a hedge."),
    "INSUFFICIENT": Reason("days of returns known", "at least", DAYS, "More history before the start; until then the size is halved, and half of the smallest "
                           "lot is nothing."),
}
# What a gate says where it lets a setup through all the same.
PASSING = {
    "OK": "passed", "UNMEASURED": "passed, not measured", "OFF": "off", "INSUFFICIENT": "passed at half size: too few days", "REDUCED": "passed, size reduced",
    "R_CAPPED": "passed, size at the cap", "NO_TARGET": "passed, no target to weigh",
}
BY_NAME = {gate.name: gate for gate in GATES}

# Places that read a limit and are no gate.
PLACES = {
    "plan management": "what runs an open position: breakeven, partials, trails, exits, new versions",
    "account watch": "what looks at the whole account after each bar, beside the entries",
    "orders": "the way of an order to a broker outside",
    "tactic scan": "what makes setups, before any gate is asked",
}
# Who reads a limit of a profile, by the limits' names; in brackets where it is read under one kind of sizing alone.
_READERS = {
    "sizing": "limits.sizing limits.allow_micro limits.high_vol_size limits.transition_size limits.volatility_size limits.volatility_size_least "
              "limits.volatility_size_most limits.kelly.on limits.kelly.fraction limits.kelly.cap limits.kelly.min_trades",
    "sizing (futures)": "limits.r_unit",
    "sizing (shares)": "limits.cash_only",
    "sizing, exposure": "limits.max_risk_per_trade",
    "sizing, expected_value": "limits.max_quantity",
    "exposure, sizing (shares)": "limits.max_symbol_notional",
    "exposure": "limits.max_concurrent_risk limits.max_gross_notional limits.max_group_notional limits.max_group_positions limits.correlation "
                "limits.correlation_days limits.max_correlated_risk",
    "exposure, account watch": "limits.margin",
    "daily_loss, account watch": "limits.max_daily_loss",
    "account watch": "limits.flatten_on_limit",
    "session, directional": "limits.allow_short",
    "session": "limits.max_plans_per_symbol gates.session_left_min",
    "session, plan management": "gates.market_state",
    "confidence, sizing (shares)": "gates.min_confidence",
    "tactic scan, confidence": "gates.confidence_scaled",
    "data": "gates.max_age_bars gates.max_age_extra_s gates.max_clock_skew_s",
    "blackout": "gates.blackouts gates.events_impact gates.events_before_min gates.events_after_min",
    "spread": "gates.spread_base_ticks gates.spread_tolerance_ticks gates.spread_base_money gates.spread_base_bps gates.quotes_required",
    "spread, orders": "gates.max_latency_ms",
    "directional": "gates.news_required gates.news_max_age_h",
    "bracket": "gates.min_reward_r gates.max_slippage_r",
    "expected_value": "gates.ev_min_r",
    "expected_value, sizing": "gates.ev_prior_r gates.ev_prior_trades gates.ev_half_life_days gates.ev_scratch_r",
    "cooldown": "gates.cooldown_entry_bars gates.cooldown_entry_min gates.cooldown_stop_bars gates.max_consecutive_losses",
    "cooldown, tactic scan": "gates.wait_closes",
    "tail_risk": "tail.var95 tail.es975 tail.days tail.min_days tail.stop_factor",
    "breakers": "breakers.data_score_min breakers.data_recovery_bars breakers.equity_drawdown breakers.equity_recovered breakers.equity_retrip "
                "breakers.auto_ack_days breakers.llm_failures breakers.llm_timeout_s breakers.llm_timeout_cap_s breakers.llm_successes",
    "plan management": "plan.breakeven_at_r plan.breakeven_plus_ticks plan.partial_fraction plan.trail plan.trail_swing_bars plan.trail_range_atr "
                       "plan.trail_ticks plan.trail_percent plan.stale_bars plan.stale_mfe_r plan.flat_before_min plan.max_replans "
                       "plan.replan_apart_bars plan.replan_min_reward_r",
    "plan management, tail_risk": "plan.flat_at_session_end",
}
USED_BY = {path: reader for reader, paths in _READERS.items() for path in paths.split()}


def unit_of(code: str) -> str:
    """The unit behind the numbers of a reason; nothing where they stand alone."""
    kind = REASONS[code].kind if code in REASONS else COUNT
    return "" if kind in UNSAID else kind


def used_by(path: str) -> str:
    """Which gates and places read a limit, by its name in a profile; nothing for what is no limit."""
    return USED_BY.get(path, "")


def reason_of(gate: str, code: str) -> Reason:
    """What is measured and allowed when `gate` says `code`; of one that passed, what the gate measures."""
    known = REASONS.get(code)
    if known is not None:
        return known
    own = BY_NAME[gate]
    return Reason(own.measures, own.allows, own.kind, "")
