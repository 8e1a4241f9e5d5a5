"""Limits over several symbols, worked by hand through the whole engine."""

import numpy as np

from pse.kernels import codes as c
from tests.kernels import worlds as w


def two_symbols(limits, returns, late_days, wanted=7):
    """A long of one contract at 5000 in symbol 0, decided when 60 calm days are known, then a short of symbol 1 at 1000 when `late_days` are."""
    bars = [(m, *(one,) * 4, w.NONE, s) for m in range(-1, 8) for s, one in ((0, 5000.0 - 0.25 * (m == 0)), (1, 1000.0))]
    line = w.tape(bars)
    first = w.setup(0, 5000.0, 4992.0, 5016.0, size_multiple=0.06)
    second = w.setup(5, 1000.0, 1008.0, 984.0, symbol=1, size_multiple=0.75)
    known = {(0, 0): {"DAILY_ROW": 60.0}, (0, 1): {"DAILY_ROW": 60.0}}
    found = w.decision_rows(line, known, DAILY_ROW=float(late_days))
    policy = w.policy(**{"max_quantity": wanted, "flat_session": 0, "max_gross": 50, "tail_min_days": 60, "tail_days": 60, "ev_min": -9, **limits})
    return w.run(line, w.world(line, [first, second], found, [w.instrument(has_micro=0, group=-1)] * 2, policy, returns), 1_000_000.0, tactics=1)


def quantities(ran):
    return [(e["setup"], e["b"]) for e in ran.of(c.E_ORDER) if e["i"] == c.LEG_ENTRY and e["j"] == c.O_NEW]


def test_a_hedge_is_sized_to_the_most_that_tail_risk_allows_also_where_less_would_not_do():
    """Days of +-4 %: the long loses 10,000, a short contract makes up 2,000.  At most 1,500 may be lost: five contracts, not six, and not four."""
    calm, wild = np.full((60, 2), 0.0001), np.array([[0.04, 0.04], [-0.04, -0.04]] * 30)
    assert quantities(two_symbols({"var95": 0.0015, "es975": 0.0015}, np.vstack([calm, wild]), 120)) == [(0, 1.0), (1, 5.0)]


def test_under_sixty_common_days_the_size_is_halved():
    """Symbol 1 lacks a return on one of the 60 days: three of seven."""
    returns = np.full((60, 2), 0.0001)
    returns[10, 1] = np.nan
    assert quantities(two_symbols({}, returns, 60)) == [(0, 1.0), (1, 3.0)]


def test_days_that_one_symbol_lacks_make_room_for_older_ones():
    """61 days of which 60 are common: nothing is halved."""
    returns = np.full((61, 2), 0.0001)
    returns[10, 1] = np.nan
    assert quantities(two_symbols({}, returns, 61)) == [(0, 1.0), (1, 7.0)]


def test_where_positions_go_with_the_session_a_day_costs_at_most_one_and_a_half_stops():
    """Each day falls 5 %: 12,500 a contract of 250,000, but 1.5 x 5 points x 50 = 375 where it is out by the evening; two of them are 0.75 % of 100,000."""
    def traded(**limits):
        line = w.tape([(m, 5000.0, 5000.0, 4999.75, 5000.0) for m in range(-1, 8)])
        given = w.policy(**{"tail_min_days": 60, "flat_session": 1, "ev_min": -9, "es975": 9, "allow_micro": 0, **limits})
        around = w.world(line, [w.setup(0, 5000.0, 4995.0, 5010.0)], w.decision_rows(line, DAILY_ROW=60.0), limits=given, returns=np.full((60, 1), -0.05))
        return quantities(w.run(line, around))

    assert traded(var95=0.0075) == [(0, 2.0)] and traded(var95=0.0074) == [(0, 1.0)] and traded(var95=0.0037) == []
    assert traded(var95=0.0075, flat_session=0) == []
