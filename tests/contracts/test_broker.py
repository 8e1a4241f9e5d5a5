"""What every broker must do behind the port: advance the engine over a step, hand back copies, and send only what it is given."""

import numpy as np
import pytest

from pse.brokers.sim import SimBroker
from pse.domain.steps import Told
from pse.engine.desk import Mode
from pse.kernels import codes as c
from pse.kernels.state import EVENT_DTYPE, TRADE_DTYPE
from pse.registry import BROKERS, resolve
from tests.engine.external import Scripted, fills_of, reports
from tests.engine.made import Shape, all_events, batches, made, state_of

SHAPE = Shape(500, 40, ("ES", "NQ"), rolls=False)


class BrokerContract:
    """Inherited by the test of each broker: `make()` gives one for a desk of two symbols, `external` says who matches."""

    external = False

    def make(self):
        raise AssertionError("a broker's test says how it is made")

    def step(self, ask=False):
        end = int(made(5, SHAPE).until_ns)
        return made(5, SHAPE, Mode(end_ns=end, ask=ask, external=self.external, close_at_end=False))

    def test_it_advances_to_the_end_of_a_step(self):
        step = self.step()
        told = self.make().advance(state_of(step), step)
        assert isinstance(told, Told) and told.pause == c.DONE
        assert told.events.dtype == EVENT_DTYPE and told.trades.dtype == TRADE_DTYPE and told.events.size > 50

    def test_it_pauses_at_a_question_and_stays_there_until_it_is_answered(self):
        step, broker = self.step(ask=True), self.make()
        state = state_of(step)
        first = broker.advance(state, step)
        assert first.pause == c.PAUSE_ASK and first.events["kind"][-1] == c.E_ASK
        again = broker.advance(state, step)
        assert again.pause == c.PAUSE_ASK and not again.events.size

    def test_what_it_hands_back_is_a_copy(self):
        step, broker = self.step(ask=True), self.make()
        state = state_of(step)
        first = broker.advance(state, step)
        kept = first.events.tobytes()
        state.account[0]["answered"], state.verdicts["code"] = 1, c.HOLD
        broker.advance(state, step)
        assert first.events.tobytes() == kept

    def test_a_step_that_was_done_is_not_done_twice(self):
        step, broker = self.step(), self.make()
        state = state_of(step)
        broker.advance(state, step)
        balance = float(state.account[0]["balance"])
        again = broker.advance(state, step)
        assert not again.events.size and not again.trades.size and state.account[0]["balance"] == balance

    def test_two_brokers_of_the_same_kind_say_the_same(self):
        step = self.step()
        one, two = (self.make().advance(state_of(step), step) for _ in range(2))
        assert one.events.tobytes() == two.events.tobytes() and one.trades.tobytes() == two.trades.tobytes()

    def test_sending_nothing_is_allowed_and_sending_changes_no_event(self):
        step, broker = self.step(), self.make()
        told = broker.advance(state_of(step), step)
        kept = told.events.tobytes()
        broker.send(told.events[:0])
        broker.send(told.events)
        assert told.events.tobytes() == kept

    def test_positions_and_fees_add_up_to_the_balance(self):
        """Capital, less every fee, plus what every closed part earned: the balance of the last fill, to a millionth of a cent."""
        step = self.step()
        state = state_of(step)
        told = self.make().advance(state, step)
        fills = told.events[told.events["kind"] == c.E_FILL]
        assert fills.size > 5
        open_gross = float(sum(plan["gross"] for plan in state.plans if plan["held"] > 0))
        money = 100_000.0 - fills["c"].sum() + told.trades["gross"].sum() + open_gross
        assert abs(state.account[0]["balance"] - money) < 1e-8 and fills["f"][-1] == state.account[0]["balance"]


class TestSimBroker(BrokerContract):
    def make(self):
        return SimBroker(2)

    def test_it_sends_nothing_anywhere(self):
        assert SimBroker(2).inputs().size == 0

    @pytest.mark.parametrize("seed", range(10))
    def test_a_fill_lies_inside_its_bar_but_for_slippage_and_a_limit_that_a_gap_passed(self, seed):
        step = made(seed, SHAPE)
        events = all_events(list(batches(step)))
        bars = {(int(ts), int(s)): (low, high) for ts, s, low, high in zip(step.tape.ts, step.tape.symbol, step.tape.low, step.tape.high, strict=True)}
        placed = {int(row["plan"]): int(row["ts"]) for row in events[(events["kind"] == c.E_ORDER) & (events["i"] == c.LEG_ENTRY) & (events["j"] == c.O_NEW)]}
        for row in events[events["kind"] == c.E_FILL]:
            assert row["ts"] >= placed[int(row["plan"])]
            if (int(row["ts"]), int(row["symbol"])) not in bars or row["j"] == c.F_OPEN or c.REASONS[row["code"]] in ("RUN_END", "ROLL"):
                continue
            low, high = bars[int(row["ts"]), int(row["symbol"])]
            slip = row["d"] + 1e-9
            assert low - slip <= row["a"] <= high + slip


class TestScriptedBroker(BrokerContract):
    """A broker outside that reports what it is told to."""

    external = True

    def make(self):
        end = int(made(5, SHAPE).until_ns)
        simulated = list(batches(made(5, SHAPE, Mode(end_ns=end, close_at_end=False))))
        return Scripted(2, fills_of(all_events(simulated)))

    def test_only_orders_reach_it_and_each_of_them_once(self):
        step, broker = self.step(), self.make()
        found = list(batches(step, broker=broker, cuts=np.unique(step.tape.ts_close).tolist()))
        sent = np.concatenate(broker.sent)
        events = all_events(found)
        assert sent.tobytes() == events[events["kind"] == c.E_ORDER].tobytes()
        key = sent[["plan", "i", "j", "c"]]
        assert np.unique(key[sent["j"] != c.O_CANCEL]).size == (sent["j"] != c.O_CANCEL).sum()

    def test_an_empty_report_is_no_news(self):
        step = self.step()
        assert not (Scripted(2, reports()).advance(state_of(step), step).events["kind"] == c.E_FILL).any()


def test_every_registered_broker_stands_behind_the_port():
    for name in BROKERS:
        broker = resolve("broker", name)
        assert callable(broker.advance) and callable(broker.send)
