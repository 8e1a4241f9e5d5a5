"""Which shipped profiles scale confidences and normalise sizes, and what a desk's record for the kernels says of it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from pse.engine.desk import Mode, desk_plan, policy_record
from pse.engine.prepare import own_record
from pse.settings import BadSetting, load_settings

HOME = Path("no-home")                              # nothing of a user's: the shipped configs


@cache
def plan(desk, *overrides):
    return desk_plan(load_settings(HOME, overrides=(f"desk={desk}", *overrides)))


def test_the_profile_of_the_daily_strategies_alone_scales_confidences():
    policies = load_settings(HOME).risk_policies
    assert {name for name, one in policies.items() if one.gates.confidence_scaled} == {"equities_swing"}
    assert own_record(plan("futures-smc")) is None
    record = own_record(plan("equities-swing"))
    assert (record.allow_short, record.wait_closes) == (False, 5)


def test_sizes_go_with_volatility_in_every_profile_that_judges_and_none_is_bound_by_kelly():
    policies = load_settings(HOME).risk_policies
    assert {name for name, one in policies.items() if not one.limits.volatility_size} == {"bare"}
    assert not any(one.limits.kelly.on for one in policies.values())


@pytest.mark.parametrize(("overrides", "bounds", "kelly"), [
    ((), (0.5, 1.25), 0.0), (("risk_policies.futures_intraday.limits.volatility_size=false",), (1.0, 1.0), 0.0),
    (("risk_policies.futures_intraday.limits.kelly.on=true",), (0.5, 1.25), 0.25)])
def test_what_is_off_multiplies_by_one_and_binds_nothing(overrides, bounds, kelly):
    record = policy_record(plan("futures-smc", *overrides), Mode())[0]
    assert (record["vol_size_least"], record["vol_size_most"]) == bounds and record["kelly_share"] == kelly
    assert (record["kelly_cap"], record["kelly_min_trades"]) == (0.02, 30)


@pytest.mark.parametrize("wrong", ["volatility_size_least=0", "volatility_size_least=1.2", "volatility_size_most=0.9", "kelly.fraction=1.5", "kelly.cap=0",
                                   "kelly.min_trades=0"])
def test_a_bound_beyond_its_own_is_refused_by_name(wrong):
    with pytest.raises(BadSetting) as caught:
        plan("futures-smc", f"risk_policies.futures_intraday.limits.{wrong}")
    name, _, value = wrong.partition("=")
    assert name in str(caught.value) and value in str(caught.value)
