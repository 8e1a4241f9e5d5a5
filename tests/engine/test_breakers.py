"""Circuit breakers inside a run: what opens them, what they refuse, what closes them, and what half open means.  Moments and sizes by hand."""

import numpy as np
import pytest

from pse.brokers.sim import SimBroker
from pse.domain.decisions import Deliberation, Verdict
from pse.engine.desk import Mode
from pse.kernels import codes as c
from pse.kernels import contract as k
from pse.kernels.state import INPUT_DTYPE
from tests.engine.made import batches, bodies, journal_lines, state_of
from tests.engine.plain import at, entry, market

MINUTE = 60_000_000_000
LOSS = {(0, 11): (4000.0, 4000.0, 3999.5, 4000.0), (0, 12): (4000.0, 4000.0, 3995.0, 4000.0)}      # filled, then stopped at 3996 less a tick
QUIET = {"cooldown_entry_ns": 0, "cooldown_stop_ns": 0, "max_losses": 99}


def reasons(found):
    """(minute, reason) of every setup that came to nothing."""
    return [((ts - at(0)) // MINUTE, body["reason"]) for kind, ts, body in journal_lines(found) if kind == "PASSED_OVER"]


def breakers(found, name):
    return [((ts - at(0)) // MINUTE, body["from"], body["to"]) for kind, ts, body in journal_lines(found) if kind == "BREAKER" and body["breaker"] == name]


def judge_of(answers, cost=0.0):
    """A judge that fails where `answers` says so, else holds."""
    left = iter(answers)

    def judge(briefing):
        failed = next(left) == "FAIL"
        return Deliberation((Verdict("HOLD"),) * len(briefing.candidates), {"by": "test"}, cost_usd=cost, failed=failed)

    return judge


def asked_every_five_minutes(last):
    return market([entry(minute) for minute in range(10, last + 1, 5)], minutes=last + 10, mode=Mode(end_ns=at(last + 10), ask=True))


@pytest.mark.parametrize("cost", [0.0, 0.01])
def test_five_failures_in_a_row_rest_the_judge_and_two_good_probes_bring_it_back(cost):
    """Fails at 10 .. 30: open until 35.  Then half open, the probe of 35 fails: open for 600 s, so 40 is refused and 45 asks again; 45 and 50 are good."""
    found = list(batches(asked_every_five_minutes(55), decide=judge_of(["FAIL"] * 6 + ["OK"] * 3, cost)))
    assert reasons(found) == [(10, "HOLD"), (15, "HOLD"), (20, "HOLD"), (25, "HOLD"), (30, "HOLD"), (35, "HOLD"), (40, "BREAKER_LLM"), (45, "HOLD"),
                              (50, "HOLD"), (55, "HOLD")]
    assert breakers(found, "llm") == [(30, "CLOSED", "OPEN"), (35, "OPEN", "HALF_OPEN"), (35, "HALF_OPEN", "OPEN"), (45, "OPEN", "HALF_OPEN"),
                                      (50, "HALF_OPEN", "CLOSED")]


@pytest.mark.parametrize("cost", [0.0, 0.01])
def test_one_good_answer_starts_the_count_of_failures_anew(cost):
    found = list(batches(asked_every_five_minutes(50), decide=judge_of(["FAIL"] * 4 + ["OK"] + ["FAIL"] * 4, cost)))
    assert breakers(found, "llm") == []


def test_an_open_breaker_never_blocks_an_exit():
    """Held since minute 11; the judge fails from then on; the stop of minute 45 is taken all the same."""
    first = [True]

    def judge(briefing):
        if first.pop() if first else False:
            return Deliberation((Verdict("APPROVE"),), {"by": "test"})
        return Deliberation((), {"by": "test"}, failed=True)

    bars = {(0, 11): LOSS[0, 11], (0, 45): LOSS[0, 12]}
    setups = [entry(10), *[entry(minute, 1, risk=10.0) for minute in range(15, 45, 5)]]
    found = list(batches(market(setups, ("ES", "NQ"), 60, bars, mode=Mode(end_ns=at(60), ask=True), trail_swing=0, **QUIET), decide=judge))
    assert (35, "OPEN", "HALF_OPEN") not in breakers(found, "llm")[:1]
    assert [(body["reason"], body["exit"]) for body in bodies(found, "EXIT")] == [("SL", 3995.75)]


def test_the_cost_of_every_deliberation_is_taken_from_the_account():
    prepared = asked_every_five_minutes(30)
    state = state_of(prepared)
    found = list(batches(prepared, decide=judge_of(["OK"] * 5, 0.25), state=state))
    charges = bodies(found, "CHARGE")
    assert [one["cost_usd"] for one in charges] == [0.25] * 5
    assert [one["balance_usd"] for one in charges] == [99_999.75, 99_999.5, 99_999.25, 99_999.0, 99_998.75]
    assert bodies(found, "SESSION")[-1]["charges_usd"] == 1.25 and state.account[0]["balance"] == 99_998.75


@pytest.mark.parametrize("cost", [float("nan"), float("inf"), -5.0])
def test_a_cost_that_is_no_price_is_not_taken(cost):
    prepared = asked_every_five_minutes(10)
    state = state_of(prepared)
    list(batches(prepared, decide=judge_of(["OK"], cost), state=state))
    assert state.account[0]["balance"] == 100_000.0


def test_bad_data_opens_its_breaker_and_three_good_bars_close_it():
    """0.79 at minute 10 opens; 0.8 at 15 makes it half open, where an entry may stand; 0.5 at 20 opens again; 25, 30, 35 are good: closed."""
    context = {(0, 10, k.C_DATA_SCORE): 0.79, (0, 15, k.C_DATA_SCORE): 0.80, (0, 20, k.C_DATA_SCORE): 0.5}
    found = list(batches(market([entry(10), entry(15, valid_until=at(16)), entry(20), entry(30)], context=context)))
    assert breakers(found, "data") == [(10, "CLOSED", "OPEN"), (15, "OPEN", "HALF_OPEN"), (20, "HALF_OPEN", "OPEN"), (25, "OPEN", "HALF_OPEN"),
                                       (35, "HALF_OPEN", "CLOSED")]
    assert reasons(found) == [(10, "BREAKER_DATA"), (20, "BREAKER_DATA")]
    gates = [body["gates"][0] for body in bodies(found, "GATES") if body["stage"] == "before"]
    assert gates[0] == ["breakers", False, 1.0, 0.0, "BREAKER_DATA"] and gates[1][1] is True


def drawdown(setups, **more):
    """A stop-out of two contracts: 2 x 4.25 x 50 + 10 = 435 USD, 0.435 % of the account; the breaker opens at 0.4 %."""
    given = {"minutes": 120, "bars": LOSS, "equity_drawdown": 0.004, "equity_recovered": 0.001, "equity_retrip": 0.05, **QUIET, **more}
    return market([entry(10), *setups], **given)


def test_a_drawdown_opens_the_equity_breaker_and_without_an_operator_it_stays_open():
    found = list(batches(drawdown([entry(20), entry(100)])))
    assert [body["net_usd"] for body in bodies(found, "EXIT")] == [-435.0]
    assert breakers(found, "equity") == [(15, "CLOSED", "OPEN")]
    assert reasons(found) == [(20, "BREAKER_EQUITY"), (100, "BREAKER_EQUITY")]
    (line,) = bodies(found, "BREAKER")
    assert (line["measured"], line["reference"]) == (99_565.0, 100_000.0)


def test_acknowledged_by_the_calendar_it_is_half_open_at_half_size():
    """One trading day later: 99,565 x 0.8 % x 0.75 x 0.5 = 298.70, one contract of 205 instead of two."""
    found = list(batches(drawdown([entry(70)], day_minutes=60, auto_ack_days=1)))
    assert [one[1:] for one in breakers(found, "equity")] == [("CLOSED", "OPEN"), ("OPEN", "HALF_OPEN")]
    sizes = [gate for gates in bodies(found, "GATES") if gates["stage"] == "after" for gate in gates["gates"] if gate[0] == "sizing"]
    assert [gate[:3] for gate in sizes] == [["sizing", True, 2.0], ["sizing", True, 1.0]]


class Told(SimBroker):
    """A simulated broker through which an operator speaks."""

    def __init__(self, symbols, inputs):
        super().__init__(symbols)
        self._told = inputs

    def inputs(self):
        return self._told


def operator(minute, kind):
    given = np.zeros(1, INPUT_DTYPE)
    given["ts"], given["kind"] = at(minute), kind
    return given


def test_acknowledged_by_the_operator_one_position_may_stand_and_no_second():
    """Acknowledged at minute 18.  ES is taken at 20; NQ at 25 is refused because one position stands."""
    setups = [entry(20), entry(25, 1, risk=10.0)]
    bars = {**LOSS, (0, 21): LOSS[0, 11]}
    found = list(batches(drawdown(setups, symbols=("ES", "NQ"), bars=bars), broker=Told(2, operator(18, c.I_BREAKER_ACK))))
    assert breakers(found, "equity") == [(15, "CLOSED", "OPEN"), (18, "OPEN", "HALF_OPEN")]
    assert reasons(found) == [(25, "BREAKER_HALF_OPEN")]


def test_half_open_it_closes_when_the_drawdown_is_small_again():
    """The winner of minute 20, one contract, earns 8 x 50 - 5 = 395: 99,960 is within 0.1 % of the mark."""
    bars = {**LOSS, (0, 21): LOSS[0, 11], (0, 22): (4000.0, 4009.0, 4000.0, 4009.0)}
    found = list(batches(drawdown([entry(20)], bars=bars, partial=0.0), broker=Told(1, operator(18, c.I_BREAKER_ACK))))
    assert [body["net_usd"] for body in bodies(found, "EXIT")] == [-435.0, 395.0]
    assert breakers(found, "equity")[-1] == (25, "HALF_OPEN", "CLOSED")


def test_half_open_it_opens_again_at_a_further_loss():
    """One contract more is lost: 4.25 x 50 + 5 = 217.50, 0.22 % of the acknowledged 99,565; a further 0.2 % trips."""
    bars = {**LOSS, (0, 21): LOSS[0, 11], (0, 22): LOSS[0, 12]}
    found = list(batches(drawdown([entry(20)], bars=bars, equity_retrip=0.002), broker=Told(1, operator(18, c.I_BREAKER_ACK))))
    assert breakers(found, "equity")[-1] == (25, "HALF_OPEN", "OPEN")


def test_the_operator_flattens_and_cancels_whatever_the_breakers_say():
    held = list(batches(market([entry(10)], bars={(0, 11): LOSS[0, 11]}), broker=Told(1, operator(20, c.I_FLATTEN))))
    assert [(body["reason"], body["exit"]) for body in bodies(held, "EXIT")] == [("OPERATOR", 3999.75)]
    working = list(batches(market([entry(10)]), broker=Told(1, operator(12, c.I_CANCEL_ENTRIES))))
    assert [body["reason"] for body in bodies(working, "ORDER") if body["action"] == "CANCEL"] == ["OPERATOR"]
