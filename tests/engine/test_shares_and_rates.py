"""Sizes in shares, and money of another currency.  A point of ES is 50, of its fees 2.50 a side; expected numbers by hand."""

import math

import pytest

from pse.kernels import contract as k
from tests.engine.made import Shape, batches, bodies, made
from tests.engine.plain import entry, market

FILLED = {(0, 11): (4000.0, 4000.0, 3999.5, 4000.0), (0, 20): (4000.0, 4008.25, 4000.0, 4008.0)}
WIDE = {"shares": 1, "max_gross": 100.0, "max_concurrent": 1.0, "max_quantity": 1000, "max_daily_loss": 1.0, "var95": 9.0, "es975": 9.0, "max_group": 9}


def sizes(setups, symbols=("ES",), **policy):
    found = list(batches(market(setups, symbols, **{**WIDE, **policy})))
    return [(body["decision"], body["reason"], body["quantity"]) for body in bodies(found, "DECISION")], found


@pytest.mark.parametrize(("policy", "setup", "found"), [
    ({"max_risk": 0.02}, {}, ("APPROVE", "OK", 5.0)),                               # 2000 x .7 x .75 = 1050 over 200 a unit
    ({"max_risk": 0.02}, {"confidence": 0.9, "size_multiple": 1.0}, ("APPROVE", "OK", 9.0)),
    ({"max_risk": 0.02}, {"confidence": 1.0, "size_multiple": 1.25}, ("APPROVE", "OK", 10.0)),      # the cap of a trade
    ({"max_risk": 0.02, "max_quantity": 3}, {}, ("APPROVE", "OK", 3.0)),
    ({"max_risk": 0.02, "max_symbol": 8.5}, {}, ("APPROVE", "OK", 4.0)),            # 850,000 over 200,000
    ({"max_risk": 0.002}, {}, ("REJECT", "SIZE_ZERO", 0.0)),
    ({"max_risk": 0.02, "cash_only": 1}, {}, ("REJECT", "CASH", 0.0)),              # 100,000 buys no half
    ({"max_risk": 0.02, "max_quantity": 0.5}, {}, ("REJECT", "MAX_QUANTITY", 0.0)),
])
def test_a_size_in_shares_is_the_least_of_its_bounds(policy, setup, found):
    assert sizes([entry(10, **setup)], **policy)[0] == [found]


@pytest.mark.parametrize(("policy", "least", "found"), [
    ({}, 1_000_000, ("APPROVE", "OK", 5.0)), ({}, 1_000_001, ("REJECT", "SIZE_ZERO", 0.0)),
    ({"max_gross": 8.5}, 800_000, ("APPROVE", "OK", 4.0)), ({"max_gross": 8.5}, 900_000, ("REJECT", "SIZE_ZERO", 0.0)),
    ({"tail_min_days": 81}, 400_000, ("APPROVE", "OK", 2.0)), ({"tail_min_days": 81}, 500_000, ("REJECT", "SIZE_ZERO", 0.0)),
])
def test_what_is_left_after_every_reduction_must_be_worth_the_least_that_the_venue_takes(policy, least, found):
    """Five units of 200,000 by the risk; the gross limit leaves 4 of them, too few days known leave 2."""
    prepared = market([entry(10)], **{**WIDE, "max_risk": 0.02, **policy})
    prepared.world.instruments["min_notional"] = least
    told = list(batches(prepared))
    assert [(body["decision"], body["reason"], body["quantity"]) for body in bodies(told, "DECISION")] == [found]
    assert all(gate[1] for gate in bodies(told, "GATES")[-1]["gates"]) == (found[1] == "OK")


def test_what_bound_a_size_is_told_and_no_micro_is_tried():
    _, found = sizes([entry(10)], max_risk=0.002)
    rounds = [body for body in bodies(found, "GATES") if body["stage"] == "after"]
    found = [(body["contract"], next(gate for gate in body["gates"] if gate[0] == "sizing")) for body in rounds]
    assert found == [("ES", ["sizing", False, 0.0, 1.0, "SIZE_ZERO"])]
    _, cut = sizes([entry(10)], max_risk=0.02, max_quantity=3)
    assert [body["gates"][11][4] for body in bodies(cut, "GATES") if body["stage"] == "after"] == ["REDUCED"]


def test_cash_is_what_positions_and_working_orders_leave():
    """The rate 0.1 makes a unit 20,000: the first takes 3 of the 100,000 by its notional, 40,000 are left for 2 of the other."""
    rates = {(symbol, minute, k.C_RATE): 0.1 for symbol in (0, 1) for minute in range(5, 61, 5)}
    prepared = market([entry(10, 0), entry(10, 1)], ("ES", "MES"), context=rates, **{**WIDE, "cash_only": 1, "max_risk": 0.02, "max_symbol": 0.6})
    prepared.world.instruments["point_value"] = 50.0
    found = list(batches(prepared))
    assert [(body["symbol"], body["quantity"]) for body in bodies(found, "DECISION")] == [("ES", 3.0), ("MES", 2.0)]


def test_a_plan_without_a_target_passes_the_reward_and_says_so():
    _, found = sizes([entry(10, target=math.nan)], max_risk=0.02)
    assert [gate for body in bodies(found, "GATES") if body["stage"] == "before" for gate in body["gates"] if gate[0] == "bracket"] == [
        ["bracket", True, 0.0, 0.15, "NO_TARGET"]]
    far = market([entry(10, target=math.nan, price=3_999.0)])                          # the market stands a point above: 0.25 R
    far.world.setups["order_type"] = k.MARKET
    assert [body["reason"] for body in bodies(list(batches(far)), "PASSED_OVER")] == ["SLIPPAGE"]


def test_the_notional_of_a_group_is_limited():
    """200,000 a unit: 4 of ES are 8 times the equity, of a limit of 9 one of NQ (80,000) is left."""
    found, _ = sizes([entry(10, 0), entry(10, 1, risk=10.0)], ("ES", "NQ"), max_risk=0.016, max_group_notional=9.0)
    assert found == [("APPROVE", "OK", 4.0), ("APPROVE", "OK", 1.0)]


def trade(rates):
    """One contract bought at 4000 and sold at the target of 4008, with these rates from a decision on."""
    context = {(0, minute, k.C_RATE): next(rate for since, rate in reversed(rates) if since <= minute) for minute in range(5, 61, 5)}
    return list(batches(market([entry(10, price=4_000.0)], bars=FILLED, context=context, max_quantity=1)))


def test_a_rate_multiplies_every_conversion_of_points_to_money():
    """8 points x 50 x 1.2 = 480, fees 2 x 2.50 x 1.2 = 6; risk 4 x 50 x 1.2 = 240."""
    (found,) = bodies(trade([(5, 1.2)]), "EXIT")
    assert (found["gross_usd"], found["fees_usd"], found["net_usd"]) == (480.0, 6.0, 474.0) and found["r"] == pytest.approx(474 / 240)


def test_the_rate_is_that_of_the_moment():
    """Bought at 1.2 (fee 3.00), sold after the decision of minute 15 at 1.3: 400 x 1.3 = 520, fee 3.25."""
    found = trade([(5, 1.2), (15, 1.3)])
    (told,) = bodies(found, "EXIT")
    assert (told["gross_usd"], told["fees_usd"], told["net_usd"]) == (520.0, 6.25, 513.75)
    assert found[0].trades["rate"].tolist() == [1.3]


def test_an_open_position_is_marked_at_the_latest_rate():
    """A point ahead at a rate of 2: 100 of equity, told by the budget of the next decision and the day's end."""
    context = {(0, minute, k.C_RATE): 2.0 for minute in range(5, 61, 5)}
    bars = {(0, 11): (4000.0, 4000.0, 3999.5, 4000.0)} | {(0, minute): (4001.0, 4001.0, 4001.0, 4001.0) for minute in range(12, 60)}
    found = list(batches(market([entry(10)], bars=bars, context=context, max_quantity=1, on_end=0)))
    assert bodies(found, "SESSION")[-1]["equity_usd"] == 100_000 + 100 - 5


def test_without_a_rate_nothing_is_entered():
    found = list(batches(market([entry(10)], context={(0, 10, k.C_RATE): math.nan})))
    assert [body["reason"] for body in bodies(found, "PASSED_OVER")] == ["NOT_READY"]


@pytest.mark.parametrize("seed", range(6))
def test_what_trades_earned_is_what_the_balance_moved_by(seed):
    found = list(batches(made(seed, Shape(600, 80, ("ES", "NQ"), rich=True))))
    nets = sum(trade["net"] for one in found for trade in one.trades)
    last = [trade["balance"] for one in found for trade in one.trades][-1]
    assert last - 100_000 == pytest.approx(nets, abs=1e-6)


NEWS = {"news_required": 1, "news_max_age_ns": 6 * 3600e9}


@pytest.mark.parametrize(("age_h", "flag", "direction", "refused"), [
    (1.0, 0.0, 1, []), (6.0, 0.0, 1, []), (6.1, 0.0, 1, ["NEWS"]), (math.nan, 0.0, 1, ["NEWS"]), (1.0, 1.0, 1, ["NEWS"]), (math.nan, 1.0, -1, []),
])
def test_a_required_headline_forbids_purchases_and_no_sale(age_h, flag, direction, refused):
    context = {(0, 10, k.C_NEWS_AGE_NS): age_h * 3600e9, (0, 10, k.C_NEWS_FLAG): flag}
    setup = entry(10, direction=direction, directional_gate=True)
    assert [body["reason"] for body in bodies(list(batches(market([setup], context=context, **NEWS))), "PASSED_OVER")] == refused
    assert not bodies(list(batches(market([setup], context=context))), "PASSED_OVER")
    assert not bodies(list(batches(market([{**setup, "directional_gate": False}], context=context, **NEWS))), "PASSED_OVER")
