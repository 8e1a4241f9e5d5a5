"""What a market's regime does to one setup: its size, its entry order while that waits, and the question to its family."""

import pytest

from pse.kernels import codes as c
from pse.kernels import contract as k
from tests.kernels import worlds as w

AWAY = [(minute, 100.0, 101.0, 100.0, 100.5) for minute in range(20)]          # touches the limit of 100, never trades through it


def setup(**changes):
    """A buy at 100, stop 98, target 104; three quarters of the unit."""
    return w.setup(0, 100.0, 98.0, 104.0, 30, **{"invalid_flags": k.INVALID_MCS, **changes})


def armed(context, limits=None, **changes):
    """(quantity of the plan, code of the sizing gate)."""
    ran = w.one_trade(AWAY, setup(**changes), {"max_quantity": 20, **(limits or {})}, context=context)
    sizing = [event for event in ran.of(c.E_GATES) if event["j"] == c.G_SIZING]
    plans = [event["e"] for event in ran.of(c.E_PLAN) if event["code"] == c.R_OK]
    return plans[0] if plans else 0.0, c.REASONS[sizing[0]["code"]]


def test_the_highest_quarter_of_volatility_halves_a_size_and_says_so():
    """600 USD over 2 points at 50 USD and 5 USD of fees: 5 contracts; 300 USD: 2."""
    assert armed({"VOL_BUCKET": c.VOL_Q3}) == (5.0, "OK")
    assert armed({"VOL_BUCKET": c.VOL_UNKNOWN}) == (5.0, "OK")
    assert armed({"VOL_BUCKET": c.VOL_Q4}) == (2.0, "REDUCED")
    assert armed({"VOL_BUCKET": c.VOL_Q4}, {"high_vol_size": 1.0}) == (5.0, "OK")


def test_a_market_in_transition_halves_the_size_of_swing_strategies_alone():
    transition = {"MCS": c.MCS_TRANSITION}
    assert armed(transition) == (5.0, "OK")
    assert armed(transition, family=c.FAM_SWING_TREND) == armed(transition, family=c.FAM_SWING_REVERSION) == (2.0, "REDUCED")
    assert armed(transition, {"transition_size": 1.0}, family=c.FAM_SWING_TREND) == (5.0, "OK")


def test_both_multiply():
    """A quarter of 600 USD: 1 contract."""
    assert armed({"MCS": c.MCS_TRANSITION, "VOL_BUCKET": c.VOL_Q4}, family=c.FAM_SWING_TREND) == (1.0, "REDUCED")


def test_a_size_that_the_cap_cuts_after_the_regime_says_so():
    """Three units halved are 1.2 %, the cap is 1 %: 1000 USD, 9 contracts."""
    assert armed({"VOL_BUCKET": c.VOL_Q4}, size_multiple=3.0) == (9.0, "R_CAPPED")


@pytest.mark.parametrize(("changed", "ended"), [
    ({"MCS": c.MCS_TREND_DOWN, "TCC_CLASS": c.TCC_MEDIUM, "TCC_DIR": -1.0}, None),
    ({"MCS": c.MCS_TREND_DOWN, "TCC_CLASS": c.TCC_HIGH, "TCC_DIR": -1.0}, "MCS"),
    ({"MCS": c.MCS_TREND_UP, "TCC_CLASS": c.TCC_HIGH, "TCC_DIR": 1.0}, None),
    ({"MCS": c.MCS_VOLATILE}, "MCS"), ({"MCS": c.MCS_ILLIQUID}, "MCS"), ({"MCS": c.MCS_CLOSED}, "MCS"), ({"MCS": c.MCS_UNKNOWN}, "MCS"),
    ({"MCS": c.MCS_TRANSITION}, None)])
def test_a_waiting_entry_ends_when_the_market_leaves_the_conditions_that_let_it_in(changed, ended):
    ran = w.one_trade(AWAY, setup(), changes={(10, 0): changed})
    cancelled = [(event["ts"], c.REASONS[event["code"]]) for event in ran.of(c.E_ORDER) if event["j"] == c.O_CANCEL]
    assert cancelled == ([(w.START + 10 * w.MINUTE, ended)] if ended else [])


def test_the_more_particular_reason_comes_first():
    ran = w.one_trade(AWAY, setup(invalid_flags=k.INVALID_MCS | k.INVALID_TCC_AGAINST),
                      changes={(10, 0): {"MCS": c.MCS_TREND_DOWN, "TCC_CLASS": c.TCC_HIGH, "TCC_DIR": -1.0}})
    assert [c.REASONS[event["code"]] for event in ran.of(c.E_ORDER) if event["j"] == c.O_CANCEL] == ["TCC_AGAINST"]


def test_an_entry_that_does_not_ask_stays_and_a_held_position_is_never_ended():
    away = {(10, 0): {"MCS": c.MCS_VOLATILE}}
    assert not [event for event in w.one_trade(AWAY, setup(invalid_flags=0), changes=away).of(c.E_ORDER) if event["j"] == c.O_CANCEL]
    held = w.one_trade([(minute, 100.0, 100.5, 99.5, 100.0) for minute in range(20)], setup(), changes=away)
    assert len(held.fills) == 1 and not held.trades


@pytest.mark.parametrize(("family", "reason"), [(c.FAM_MSS_FVG_RETEST, None), (c.FAM_PULLBACK_MICRO_FVG, "MCS"), (0, "MCS")])
def test_the_engine_asks_by_the_family_of_a_setup(family, reason):
    """The market stands in a range."""
    assert w.one_trade(AWAY, setup(family=family)).refused.get(0) == reason


def test_the_directional_veto_counts_where_a_setup_asks_for_it():
    hot = {"RSI_STATE": c.RSI_OVERBOUGHT}
    assert w.one_trade(AWAY, setup(), context=hot).refused == {}
    assert w.one_trade(AWAY, setup(directional_gate=True), context=hot).refused == {0: "RSI"}
    assert w.one_trade(AWAY, setup(directional_gate=True), context={"MACD_STATE": c.MACD_BEAR_EXPANDING}).refused == {0: "MACD"}
    assert w.one_trade(AWAY, setup(directional_gate=True)).refused == {}


# --- volatility against what is usual ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ratio", "found"), [(1.0, (5.0, "OK")), (0.8, (4.0, "REDUCED")), (0.1, (2.0, "REDUCED")), (1.25, (7.0, "OK")), (9.0, (7.0, "OK")),
                                              (float("nan"), (5.0, "OK"))])
def test_a_size_goes_with_the_usual_volatility_over_that_of_now(ratio, found):
    """600 USD over 105 a contract: 5; times 0.8, 0.5 and 1.25: 480, 300 and 750 USD."""
    assert armed({"VOL_RATIO": ratio}) == found


def test_the_cap_of_a_trade_applies_after_what_volatility_adds():
    """1.25 of 1.25 units is 1,250 USD, the cap 1,000: 9 contracts."""
    assert armed({"VOL_RATIO": 2.0}, size_multiple=1.25) == (9.0, "R_CAPPED")


def test_volatility_multiplies_with_its_own_quarter_and_may_be_switched_off():
    assert armed({"VOL_RATIO": 0.8, "VOL_BUCKET": c.VOL_Q4}) == (2.0, "REDUCED")
    assert armed({"VOL_RATIO": 0.5}, {"vol_size_least": 1.0, "vol_size_most": 1.0}) == (5.0, "OK")


# --- the record of a strategy ------------------------------------------------------------------------------------------------------------------------


def test_a_strategy_whose_signals_earned_nothing_is_refused_at_the_confidence_gate_whatever_it_asks():
    ran = w.one_trade(AWAY, setup(unearned=True, confidence=0.0), {"min_confidence": 0.0})
    told = [(event["a"], event["b"], c.REASONS[event["code"]]) for event in ran.of(c.E_GATES) if event["j"] == c.G_CONFIDENCE]
    assert told == [(0.0, 0.0, "NEG_EXPECTANCY")] and ran.refused == {0: "NEG_EXPECTANCY"}
