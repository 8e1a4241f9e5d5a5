"""Symbols of different calendars on one desk: whose bar begins the day, and what a symbol that is in session keeps."""

import numpy as np

from tests.engine.made import batches, bodies
from tests.engine.plain import at, entry, market

FIRST, NEXT = 20_200_102, 20_200_103
FILLED = {(0, 11): (4000.0, 4000.0, 3999.5, 4000.0), (0, 12): (4000.0, 4000.0, 3995.0, 4000.0)}


def two(setups, begins, bars=FILLED, gone=(), **policy):
    """ES and NQ; `begins` (minute of ES, minute of NQ): when each one's second trading day begins.  `gone` (symbol, from, to): minutes without bars."""
    prepared = market(setups, ("ES", "NQ"), 90, bars, **policy)
    tape = prepared.tape
    minute = (tape.ts - at(0)) // 60_000_000_000
    tape.day[:] = np.where(minute >= np.array(begins)[tape.symbol.astype(int)], NEXT, FIRST)
    keep = np.ones(tape.ts.size, bool)
    for symbol, begin, end in gone:
        keep &= ~((tape.symbol == symbol) & (minute >= begin) & (minute < end))
    from dataclasses import replace
    return replace(prepared, tape=type(tape)(*(column[keep] for column in tape)))


def days(prepared):
    return [(ts, body["session_date"]) for kind, ts, body in lines(prepared) if kind == "SESSION"]


def lines(prepared):
    from tests.engine.made import journal_lines
    return journal_lines(list(batches(prepared)))


def test_the_day_begins_with_the_first_symbol_that_begins_it_and_only_once():
    """ES begins the next day at minute 60, NQ at minute 30: the old day is told at the close before minute 30; nothing happens at minute 60."""
    assert days(two([], (60, 30))) == [(at(30), FIRST), (at(90), NEXT)]
    assert days(two([], (30, 60))) == [(at(30), FIRST), (at(90), NEXT)]


def test_losses_of_the_day_are_forgotten_when_the_day_begins_for_whoever_begins_it():
    """The loss of minute 12 rests entries of the day; NQ begins the next one at minute 30, so ES may enter again at minute 35, not at 25."""
    setups = [entry(10), entry(25), entry(35)]
    free = {"max_losses": 1, "cooldown_entry_ns": 0, "cooldown_stop_ns": 0, "max_quantity": 1}
    found = list(batches(two(setups, (60, 30), **free)))
    assert [body["reason"] for body in bodies(found, "PASSED_OVER")] == ["LOSS_STREAK"]
    assert [body["decision"] for body in bodies(found, "DECISION")] == ["APPROVE", "APPROVE"]


def test_the_equity_of_the_days_start_holds_what_the_open_position_is_worth():
    """ES is a point ahead (50) less the fee of 2.50 when NQ begins the day: the loss limit of the new day counts from there."""
    bars = {(0, 11): (4000.0, 4000.0, 3999.5, 4000.0)} | {(0, minute): (4001.0, 4001.0, 4001.0, 4001.0) for minute in range(12, 90)}
    prepared = two([entry(10), entry(40, 1, risk=10.0)], (60, 30), bars, max_quantity=1, max_gross=100.0)
    session = bodies(list(batches(prepared)), "SESSION")[0]
    assert session["equity_usd"] == 100_047.5


def test_a_position_of_a_symbol_out_of_session_is_kept_and_marked_at_its_last_close():
    """ES has no bars from minute 20 to 60: what it holds stays at its last price and is stopped at its next open."""
    bars = {(0, 11): (4000.0, 4000.0, 3999.5, 4000.0), (0, 60): (3990.0, 3990.0, 3990.0, 3990.0)}
    prepared = two([entry(10)], (60, 30), bars, [(0, 20, 60)], max_quantity=1, flat_session=0)
    found = list(batches(prepared))
    assert bodies(found, "SESSION")[0]["equity_usd"] == 99_997.5
    assert [(body["reason"], body["exit"]) for body in bodies(found, "EXIT")] == [("SL", 3989.75)]


def test_an_order_of_a_symbol_that_never_trades_again_expires_and_frees_the_group():
    bars = {(0, 9): (4000.0, 4000.0, 4000.0, 4000.0)}
    prepared = two([entry(10, 0), entry(25, 1, risk=10.0)], (1000, 1000), bars, [(0, 10, 90)], max_group=1, max_gross=100.0, max_quantity=1)
    found = list(batches(prepared))
    assert [(body["symbol"], body["decision"]) for body in bodies(found, "DECISION")] == [("ES", "APPROVE"), ("NQ", "APPROVE")]
    assert [body["reason"] for body in bodies(found, "ORDER") if body["action"] == "CANCEL"][:1] == ["EXPIRED"]
