"""Several symbols at one instant: who comes first, and what is left for those who come later.  Expected numbers by hand."""

import numpy as np

from pse.engine.outcome import Outcome
from pse.kernels import codes as c
from pse.kernels import contract as k
from tests.engine.made import Shape as Size
from tests.engine.made import all_events, batches, bodies, journal_lines, made
from tests.engine.plain import at, entry, market

THREE = ("ES", "NQ", "RTY")


def decisions(prepared):
    return [(body["symbol"], body["decision"], body["reason"], body["quantity"]) for body in bodies(list(batches(prepared)), "DECISION")]


def gates_of(prepared, symbol, stage):
    return [body["gates"] for body in bodies(list(batches(prepared)), "GATES") if body["symbol"] == symbol and body["stage"] == stage]


def test_equal_ranks_go_in_the_order_of_the_desk():
    """Risk 4 points of ES (200 USD + 5) in a budget of 600: 2.  NQ: 10 points x 20 + 5: 2.  RTY would be the third of its group."""
    setups = [entry(10, 0), entry(10, 1, risk=10.0), entry(10, 2)]
    found = decisions(market(setups, THREE, max_gross=100.0))
    assert found == [("ES", "APPROVE", "OK", 2.0), ("NQ", "APPROVE", "OK", 2.0), ("RTY", "REJECT", "GROUP", 0.0)]


def test_another_order_of_the_desk_is_another_order_of_decisions():
    setups = [entry(10, 0), entry(10, 1), entry(10, 2, risk=10.0)]
    assert [one[0] for one in decisions(market(setups, ("RTY", "ES", "NQ"), max_gross=100.0))] == ["RTY", "ES", "NQ"]


def test_a_higher_rank_goes_before_the_order_of_the_desk():
    setups = [entry(10, 0), entry(10, 1, risk=10.0), entry(10, 2, quality=0.9)]
    assert [one[0] for one in decisions(market(setups, THREE, max_gross=100.0))] == ["RTY", "ES", "NQ"]


def test_those_before_leave_the_rest_of_the_notional_limit():
    """ES: 2 x 4000 x 50 = 400,000 of 500,000.  NQ: 100,000 / (4000 x 20) = 1.25, so one of its two."""
    prepared = market([entry(10, 0), entry(10, 1, risk=10.0)], THREE)
    assert decisions(prepared) == [("ES", "APPROVE", "OK", 2.0), ("NQ", "APPROVE", "OK", 1.0)]
    exposure = gates_of(prepared, "NQ", "after")[0][12]
    assert exposure == ["exposure", True, 5.6, 5.0, "REDUCED"]


def test_a_booked_entry_counts_as_open_risk_for_the_next():
    """A cap of 0.5 % is 500 USD: ES books 2 x 200, so 100 are left, less than one NQ of 200 at risk; its micro (20) fits five times."""
    prepared = market([entry(10, 0), entry(10, 1, risk=10.0)], THREE, max_concurrent=0.005, max_gross=100.0)
    found = decisions(prepared)
    assert found[0] == ("ES", "APPROVE", "OK", 2.0)
    large = gates_of(prepared, "NQ", "after")[0]
    assert large[12] == ["exposure", False, 0.008, 0.005, "CONCURRENT_RISK"]
    orders = [(body["contract"], body["quantity"]) for body in bodies(list(batches(prepared)), "ORDER") if body["leg"] == "ENTRY"]
    assert orders[:2] == [("ES", 2.0), ("MNQ", 5.0)]


def test_the_group_limit_counts_working_orders_and_opens_again_when_one_ends():
    """ES and NQ fill nothing and expire after ten minutes; RTY, refused at minute 10, is taken at minute 25."""
    setups = [entry(10, 0, price=3_990.0), entry(10, 1, risk=10.0, price=3_990.0), entry(10, 2), entry(25, 2)]
    flat = {(symbol, minute, 0): 3_990.0 for symbol in (0, 1) for minute in (10,)}
    found = decisions(market(setups, THREE, max_gross=100.0, context=flat))
    assert [one[:3] for one in found] == [("ES", "APPROVE", "OK"), ("NQ", "APPROVE", "OK"), ("RTY", "REJECT", "GROUP"), ("RTY", "APPROVE", "OK")]


def test_bars_of_one_instant_are_stepped_in_the_order_of_the_desk():
    for seed in range(6):
        events = all_events(list(batches(made(seed, Size(500, 60, THREE)))))
        fills = events[(events["kind"] == c.E_FILL)]
        entries = fills[fills["i"] == c.LEG_ENTRY]
        same = np.flatnonzero(np.diff(entries["ts"]) == 0)
        assert (np.diff(entries["symbol"])[same] >= 0).all()


def test_one_symbol_of_a_desk_does_what_it_would_do_alone_while_no_limit_binds():
    """With wide limits and no common counters, the trades of ES beside NQ are the trades of ES by itself."""
    setups = [entry(10), entry(40, direction=-1), entry(80)]
    path = {(0, 12): (4000, 4000.5, 3999, 4000), (0, 20): (4000, 4009, 4000, 4008), (0, 46): (4000, 4000.5, 3999.5, 4000), (0, 60): (4000, 4005, 4000, 4001)}
    alone = market(setups, ("ES",), 120, path, max_gross=100.0)
    beside = market([*setups, entry(15, 1, risk=10.0)], ("ES", "NQ"), 120, path, max_gross=100.0)
    pick = [[(kind, ts, body) for kind, ts, body in journal_lines(list(batches(one))) if kind == "FILL" and body["symbol"] == "ES"] for one in (alone, beside)]
    strip = [[(ts, body["leg"], body["price"], body["quantity"]) for _, ts, body in part] for part in pick]
    assert strip[0] == strip[1] and len(strip[0]) >= 4
    assert at(12) in [ts for ts, *_ in strip[0]]


def test_each_trade_is_told_the_condition_of_its_own_market():
    """All three are decided at one instant, whose rows stand side by side; later rows say RANGE."""
    states = ((c.MCS_TREND_UP, "TREND_UP"), (c.MCS_RANGE, "RANGE"), (c.MCS_TRANSITION, "TRANSITION"))
    for turn in range(3):
        order = [states[(turn + symbol) % 3] for symbol in range(3)]
        context = {(symbol, 10, k.C_MCS): float(state) for symbol, (state, _) in enumerate(order)}
        prepared = market([entry(10, 0), entry(10, 1, risk=10.0), entry(10, 2)], THREE, context=context, max_gross=100.0, max_group=9, ev_min=-9,
                          max_quantity=1, bars={(symbol, 11): (4000.0, 4000.0, 3999.5, 4000.0) for symbol in range(3)})
        found = Outcome()
        for batch in batches(prepared):
            found.take(batch)
        assert dict(found.trades().select("symbol", "mcs").iter_rows()) == dict(zip(THREE, (word for _, word in order), strict=True))
