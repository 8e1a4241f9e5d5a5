"""After a stop-out of a plan that waits, the symbol waits for a close without the signal, or some closes.  One decision every five minutes."""

from typing import Any

from pse.kernels import codes as c
from pse.kernels import contract as k
from tests.engine.made import batches, bodies
from tests.engine.plain import at, entry, market, signal

STOPPED = {(0, 11): (4000.0, 4000.0, 3999.5, 4000.0), (0, 12): (4000.0, 4000.0, 3995.0, 4000.0)}
WAITS = {"plan_flags": k.WAITS_AFTER_STOP, "event_bar": at(5)}
FREE = {"cooldown_entry_ns": 0, "cooldown_stop_ns": 0, "max_losses": 99, "ev_min": -9, "max_quantity": 1}


def refusals(setups: list[dict[str, Any]], **policy: Any) -> list[tuple[int, str]]:
    """(minute, reason) of the setups after the stop-out in minute 12 that were passed over."""
    found = list(batches(market([entry(10, **WAITS), *setups], bars=STOPPED, minutes=90, **{**FREE, **policy})))
    ids = {body["setup_id"]: body for body in bodies(found, "PASSED_OVER")}
    prepared = found[0].prepared
    minutes = ((prepared.world.setups["ts"] - at(0)) // 60_000_000_000).tolist()
    return [(minute, ids[name]["reason"]) for minute, name in zip(minutes, prepared.setup_ids, strict=True) if name in ids]


def repeated(first, last, **more):
    return [entry(minute, **{**WAITS, **more}) for minute in range(first, last + 1, 5)]


def entries(setups: list[dict[str, Any]], **policy: Any) -> list[int]:
    """Minutes at which an entry was sent."""
    found = list(batches(market([entry(10, **WAITS), *setups], bars=STOPPED, minutes=90, **{**FREE, **policy})))
    return [(ts - at(0)) // 60_000_000_000 for ts in (int(e["ts"]) for batch in found for e in batch.events
            if e["kind"] == c.E_ORDER and e["i"] == c.LEG_ENTRY and e["j"] == c.O_NEW)]


def test_the_same_run_is_refused_until_five_closes_have_passed():
    """Closes of minutes 15, 20, 25 and 30 are the first four, and the first of them tells it; at the fifth, minute 35, it may enter again."""
    assert refusals(repeated(15, 35)) == [(15, "WAITING")]
    assert entries(repeated(15, 30)) == [10] and entries(repeated(15, 35)) == [10, 35]


def test_fewer_closes_may_be_asked():
    assert refusals(repeated(15, 20), wait_closes=2) == [(15, "WAITING")]


def test_a_run_that_began_at_the_close_after_the_stop_waits_for_a_close_without_it():
    """Its bar saw the stop-out, so no close without a purchase lies between; the exit of minute 20 is one."""
    fresh = repeated(15, 15, event_bar=at(15))
    assert refusals(fresh) == [(15, "WAITING")]
    assert entries([*fresh, *repeated(20, 20, event_bar=at(15))]) == [10]
    assert refusals([*fresh, signal(20, k.EXIT, direction=1), *repeated(25, 25, event_bar=at(25))]) == [(15, "WAITING")]
    assert entries([*fresh, signal(20, k.EXIT, direction=1), *repeated(25, 25, event_bar=at(25))]) == [10, 25]


def test_a_refused_find_of_the_same_run_says_that_it_goes_on():
    again = signal(15, k.REFUSED, direction=1, event_bar=at(5), refusal=1)
    assert refusals([again, *repeated(20, 20)])[1:] == [(20, "WAITING")]


def test_the_signal_of_the_other_direction_ends_the_run():
    sale = signal(15, k.EXIT, direction=1)
    assert refusals([sale, *repeated(20, 20)]) == []


def test_closes_at_which_the_tactic_is_silent_do_not_count_on_the_same_day():
    """Silent from minute 15 to 45, then the same run again: it is the first close that counts."""
    assert refusals(repeated(50, 50)) == [(50, "WAITING")]


def test_a_silent_close_of_another_day_ends_the_run():
    days = {(0, minute, k.C_DAILY_ROW): 81.0 for minute in range(20, 91, 5)}
    found = list(batches(market([entry(10, **WAITS), *repeated(50, 50)], bars=STOPPED, minutes=90, context=days, **FREE)))
    assert not bodies(found, "PASSED_OVER")


def test_setups_of_other_plans_do_not_wait_and_a_target_begins_no_wait():
    assert refusals(repeated(15, 15, plan_flags=0)) == []
    won = {**STOPPED, (0, 12): (4000.0, 4008.25, 4000.0, 4000.0)}
    found = list(batches(market([entry(10, **WAITS), *repeated(15, 15)], bars=won, minutes=90, **FREE)))
    assert not bodies(found, "PASSED_OVER")


def test_the_cooldown_gate_tells_the_closes_waited_and_needed():
    """A refused find at minute 15 says that the run goes on, so that the setup of minute 20 is the first that is told to wait, at the second close."""
    found = list(batches(market([entry(10, **WAITS), signal(15, k.REFUSED, direction=1, event_bar=at(5), refusal=1, plan_flags=k.WAITS_AFTER_STOP),
                                 *repeated(20, 25)], bars=STOPPED, minutes=90, **FREE)))
    gates = [gate for body in bodies(found, "GATES") for gate in body["gates"] if gate[4] == "WAITING"]
    assert gates == [["cooldown", False, 2.0, 5.0, "WAITING"]]
