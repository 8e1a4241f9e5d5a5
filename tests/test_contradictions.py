"""Limits that contradict each other are refused when settings are loaded, with both values and both places."""

from __future__ import annotations

import math

import pytest

from pse.domain.errors import BadConfig
from pse.settings import load_settings, settings_with_complaints
from pse.settings.contradictions import RULES

FUTURES, SHARES = "risk_policies.futures_intraday", "risk_policies.equities_swing"


def refused(home, *overrides: str) -> str:
    with pytest.raises(BadConfig) as caught:
        load_settings(home, overrides=overrides)
    return str(caught.value)


def about(home, profile: str, first: str, second: str, one: float, other: float) -> list[str]:
    """What is said of two limits, whatever else they contradict."""
    _, complaints, _ = settings_with_complaints(home, overrides=[f"{profile}.{first}={one}", f"{profile}.{second}={other}"])
    names = (first.split(".")[-1], f"above {second.split('.')[-1]} ")
    return [str(each) for each in complaints if each.path[-1] == names[0] and names[1] in each.text]


@pytest.mark.parametrize(("profile", "first", "second", "given", "both"), [
    (FUTURES, "limits.r_unit", "limits.max_risk_per_trade", (0.02, 0.01), ("0.02", "0.01")),
    (FUTURES, "limits.max_risk_per_trade", "limits.max_concurrent_risk", (0.04, 0.03), ("0.04", "0.03")),
    (SHARES, "limits.max_symbol_notional", "limits.max_gross_notional", (0.4, 0.3), ("0.4", "0.3")),
    (SHARES, "limits.max_group_notional", "limits.max_gross_notional", (0.9, 0.8), ("0.9", "0.8")),
    (SHARES, "limits.max_symbol_notional", "limits.max_group_notional", (0.5, 0.4), ("0.5", "0.4")),
    (FUTURES, "tail.var95", "tail.es975", (0.03, 0.02), ("0.03", "0.02")),
    (FUTURES, "tail.min_days", "tail.days", (300, 250), ("300", "250")),
    (FUTURES, "breakers.equity_recovered", "breakers.equity_drawdown", (0.12, 0.1), ("0.12", "0.1")),
    (FUTURES, "breakers.equity_retrip", "breakers.equity_drawdown", (0.2, 0.1), ("0.2", "0.1")),
    (FUTURES, "breakers.llm_timeout_s", "breakers.llm_timeout_cap_s", (900, 600), ("900", "600")),
    (FUTURES, "gates.ev_min_r", "gates.ev_prior_r", (0.3, 0.25), ("0.3", "0.25")),
    (FUTURES, "gates.ev_min_r", "gates.min_reward_r", (0.2, 0.1), ("0.2", "0.1")),
    (FUTURES, "plan.flat_before_min", "gates.session_left_min", (20, 15), ("20", "15"))])
def test_a_limit_above_the_one_that_holds_it_is_refused_with_both_values_and_places(tmp_path, profile, first, second, given, both):
    said = about(tmp_path, profile, first, second, *given)
    assert len(said) == 1 and said[0].startswith(f"--set {profile}.{first}={given[0]}, {profile}.{first}: found {first.split('.')[-1]} {both[0]} above"), said
    assert f"{second.split('.')[-1]} {both[1]} (--set {profile}.{second}={given[1]}" in said[0] and "lower" in said[0] and "raise" in said[0]
    assert about(tmp_path, profile, first, second, given[1], given[1]) == []                   # equal is no contradiction


def test_every_rule_of_order_is_tried_above():
    tried = {mark.args[1][i][1:3] for mark in test_a_limit_above_the_one_that_holds_it_is_refused_with_both_values_and_places.pytestmark
             for i in range(len(mark.args[1]))}
    assert {(rule.first, rule.second) for rule in RULES} == tried


def test_the_place_of_a_value_in_a_file_is_its_line(tmp_path):
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "risk_policies.yaml").write_text("risk_policies:\n  futures_intraday:\n    limits:\n      max_risk_per_trade: 0.06\n")
    said = refused(tmp_path)
    assert said.startswith("configs/risk_policies.yaml, line 4, risk_policies.futures_intraday.limits.max_risk_per_trade: found max_risk_per_trade 0.06")
    assert "max_concurrent_risk 0.05 (built-in configs/risk_policies.yaml, line" in said


def test_what_nobody_limits_is_no_contradiction(tmp_path):
    assert load_settings(tmp_path, overrides=[f"{FUTURES}.limits.max_gross_notional=0.5"]).risk.limits.max_symbol_notional == 1e9


@pytest.mark.parametrize(("setting", "said"), [
    (f"{SHARES}.limits.allow_micro=true", "beside sizing shares"), (f"{FUTURES}.limits.cash_only=true", "beside sizing futures"),
    (f"{FUTURES}.limits.margin=cash", "beside allow_short true")])
def test_limits_of_another_kind_of_account_are_refused(tmp_path, setting, said):
    assert said in refused(tmp_path, setting)


def test_an_instrument_without_margin_is_refused_where_margin_is_asked(tmp_path):
    said = refused(tmp_path, f"{FUTURES}.limits.margin=margin", "instruments.MNQ.margin=null")
    assert said.startswith("--set instruments.MNQ.margin=null, instruments.MNQ.margin: MNQ is a future without margin") and "13200" in said
    assert load_settings(tmp_path, overrides=[f"{FUTURES}.limits.margin=margin"]).risk.limits.margin == "margin"


def test_every_contradiction_is_told_at_once(tmp_path):
    _, complaints, _ = settings_with_complaints(tmp_path, overrides=[f"{FUTURES}.limits.r_unit=0.5", f"{SHARES}.tail.var95=0.9"])
    assert [one.path[-1] for one in complaints] == ["r_unit", "var95"]


@pytest.mark.parametrize(("margin", "said"), [
    ("{initial: 0.5, maintenance: 0.6}", "what was just opened would be closed"),
    ("{initial: 0.5, maintenance: 0.2, short_initial: 0.1}", "short_maintenance 0.2"),
    ("{initial: 13200, maintenance: 12000}", "looks like money"), ("{initial: 0, maintenance: 0}", "greater than 0")])
def test_a_margin_of_a_share_that_cannot_be_is_refused(tmp_path, margin, said):
    assert said in refused(tmp_path, f"instruments.AAPL.margin={margin}")


def test_a_margin_of_a_future_in_shares_of_its_value_is_refused(tmp_path):
    assert "looks like a share" in refused(tmp_path, "instruments.ES.margin={initial: 0.1, maintenance: 0.05}")


LIMITS = [*(f"limits.{name}" for name in ("max_risk_per_trade", "r_unit", "max_daily_loss", "max_concurrent_risk", "max_gross_notional", "max_symbol_notional",
                                          "max_quantity", "max_group_notional", "max_correlated_risk")),
          "tail.var95", "tail.es975", "breakers.equity_drawdown", "gates.min_reward_r", "gates.max_latency_ms"]


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("value", ["0", "-1", ".nan", ".inf", "-.inf"])
def test_a_limit_of_nothing_less_or_no_number_is_refused(tmp_path, name, value):
    assert f"{FUTURES}.{name}" in refused(tmp_path, f"{FUTURES}.{name}={value}")


def test_a_correlation_over_nine_days_is_refused(tmp_path):
    assert "at least 10" in refused(tmp_path, f"{FUTURES}.limits.correlation_days=9")
    assert math.isclose(load_settings(tmp_path, overrides=[f"{FUTURES}.limits.correlation_days=0"]).risk.limits.correlation, 0.8)
