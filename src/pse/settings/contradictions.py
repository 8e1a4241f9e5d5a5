"""Limits that cannot hold together: each is in its bounds, and with the other beside it one of them means nothing or nothing can ever trade.

What only depends on one value stands with its field, in `risk/policy.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from pse.risk.policy import NO_LIMIT, RiskPolicy
from pse.settings.complaints import Complaint
from pse.settings.tree import Settings


@dataclass(frozen=True)
class AtMost:
    """Of two settings of a profile the first may not exceed the second.  `applies`: the profiles that are asked."""

    first: str
    second: str
    because: str
    applies: Callable[[RiskPolicy], bool] = lambda profile: True


def _futures(profile: RiskPolicy) -> bool:
    return profile.limits.sizing == "futures"


RULES = (
    AtMost("limits.r_unit", "limits.max_risk_per_trade", "every size of 1 R and more would be cut to the cap", applies=_futures),
    AtMost("limits.max_risk_per_trade", "limits.max_concurrent_risk", "one trade of full size would be above what all together may risk"),
    AtMost("limits.max_symbol_notional", "limits.max_gross_notional", "one symbol might hold more than all together",
           applies=lambda profile: profile.limits.max_symbol_notional < NO_LIMIT),
    AtMost("limits.max_group_notional", "limits.max_gross_notional", "one group might hold more than all together",
           applies=lambda profile: profile.limits.max_group_notional < NO_LIMIT),
    AtMost("limits.max_symbol_notional", "limits.max_group_notional", "one symbol might hold more than its group",
           applies=lambda profile: profile.limits.max_group_notional < NO_LIMIT),
    AtMost("tail.var95", "tail.es975", "the mean of the worst days is never below the value at risk, so that VaR would never decide"),
    AtMost("tail.min_days", "tail.days", "the gate would never have enough days, and halve every size"),
    AtMost("breakers.equity_recovered", "breakers.equity_drawdown", "the breaker would close while the loss that opened it stands"),
    AtMost("breakers.equity_retrip", "breakers.equity_drawdown", "after an acknowledgement more might be lost than before it"),
    AtMost("breakers.llm_timeout_s", "breakers.llm_timeout_cap_s", "the first rest would be longer than the longest"),
    AtMost("gates.ev_min_r", "gates.ev_prior_r", "before any trade is closed the expected value is the prior less costs, so that nothing could ever begin"),
    AtMost("gates.ev_min_r", "gates.min_reward_r", "a plan of the smallest reward gains less than that even when it always wins"),
    AtMost("plan.flat_before_min", "gates.session_left_min", "an entry might be closed again in the minute that it filled",
           applies=lambda profile: profile.plan.flat_at_session_end),
)


def contradictions(settings: Settings) -> Iterator[Complaint]:
    """What of the risk profiles and of the instruments of the chosen desk cannot hold together: both values, and where both were written."""
    for name, profile in settings.risk_policies.items():
        yield from profile_contradictions(settings, name, profile)
    if settings.desk in settings.desks:                    # else its file will not do, and is told of
        yield from _without_margin(settings, settings.risk)


def profile_contradictions(settings: Settings, name: str, profile: RiskPolicy) -> Iterator[Complaint]:
    """The same of one risk profile, which these settings call `name`."""
    here = ("risk_policies", name)
    for rule in RULES:
        if rule.applies(profile):
            yield from _above(settings, here, profile, rule)
    yield from _sides(settings, here, profile)
    yield from _two_kinds(settings, here, profile)


def varied_contradictions(settings: Settings, profile: RiskPolicy) -> Iterator[Complaint]:
    """What would not hold together if the chosen desk had this profile in place of its own."""
    yield from profile_contradictions(settings, settings.chosen.risk, profile)
    if (profile.limits.margin, profile.limits.allow_micro) != (settings.risk.limits.margin, settings.risk.limits.allow_micro):
        yield from _without_margin(settings, profile)


def _above(settings: Settings, here: tuple[str, ...], profile: RiskPolicy, rule: AtMost) -> Iterator[Complaint]:
    first, second = _value(profile, rule.first), _value(profile, rule.second)
    if first > second:
        own, other = (*here, *rule.first.split(".")), (*here, *rule.second.split("."))
        yield settings.complaint(own, f"found {own[-1]} {first:g} above {other[-1]} {second:g} ({settings.where(*other)}): {rule.because}; lower {own[-1]} "
                                      f"to at most {second:g} or raise {other[-1]} to {first:g}")


def _value(profile: RiskPolicy, name: str) -> Any:
    found: Any = profile
    for step in name.split("."):
        found = getattr(found, step)
    return found


def _two_kinds(settings: Settings, here: tuple[str, ...], profile: RiskPolicy) -> Iterator[Complaint]:
    """What is said of futures in a profile of shares, and the other way round; a default that nobody wrote says nothing."""
    limits, shares = (*here, "limits"), profile.limits.sizing == "shares"
    found = ((shares and profile.limits.allow_micro, "allow_micro", "true", "a size in shares has no micro contract to fall back to", "futures"),
             (not shares and profile.limits.cash_only, "cash_only", "true", "futures are not paid for, they ask for margin", "shares"))
    for wrong, key, value, because, mend in found:
        if wrong and settings.was_written(*limits, key):
            place = settings.where(*limits, "sizing")
            yield settings.complaint((*limits, key), f"found {key} {value} beside sizing {profile.limits.sizing} ({place}): {because}; write false, or "
                                                     f"`sizing: {mend}`")


def _sides(settings: Settings, here: tuple[str, ...], profile: RiskPolicy) -> Iterator[Complaint]:
    limits = (*here, "limits")
    if profile.limits.margin == "cash" and profile.limits.allow_short:
        place = settings.where(*limits, "allow_short")
        yield settings.complaint((*limits, "margin"), f"found margin cash beside allow_short true ({place}): what is sold short is borrowed, which a cash "
                                                      f"account cannot; write `margin: margin` or `allow_short: false`")


def _without_margin(settings: Settings, profile: RiskPolicy) -> Iterator[Complaint]:
    """Instruments of the chosen desk that tie up nobody knows what, where margin is asked; a missing figure is no figure."""
    limits = ("risk_policies", settings.chosen.risk, "limits")
    if profile.limits.margin == "none":
        return
    traded = [symbol for symbol in settings.chosen.symbols if settings.instrument(symbol).tradable]
    traded += [micro for symbol in traded if profile.limits.allow_micro and (micro := settings.instrument(symbol).micro)]
    for symbol in traded:
        instrument = settings.instrument(symbol)
        if instrument.asked_margin is None:
            example = "{initial: 13200, maintenance: 12000}" if instrument.kind == "future" else "{initial: 0.05, maintenance: 0.04}"
            yield settings.complaint(("instruments", symbol, "margin"), (
                f"{symbol} is a {instrument.kind} without margin, and limits.margin is {profile.limits.margin} ({settings.where(*limits, 'margin')}); "
                f"write for example `margin: {example}` with the figures of your broker, or `margin: none` in the profile"))
