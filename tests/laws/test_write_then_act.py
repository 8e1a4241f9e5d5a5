"""The loop yields a record, whoever holds it writes it down, only then does an order leave: a crash can lose an order, never a record of one."""

from dataclasses import replace

import numpy as np
import pytest

from pse.brokers.sim import SimBroker
from pse.commands.running import drive
from pse.engine.desk import Mode
from pse.kernels import codes as c
from tests.engine.made import TO_THE_END, Shape, batches, made


class Recording(SimBroker):
    """Keeps what it is told to send, and dies at the n-th time that orders are among it."""

    def __init__(self, symbols, die_at):
        super().__init__(symbols)
        self.sent, self.die_at, self.with_orders = [], die_at, 0

    def send(self, events):
        self.sent.append(events)
        if (events["kind"] == c.E_ORDER).any():
            self.with_orders += 1
            if self.with_orders == self.die_at:
                raise ConnectionError("the line is dead")


@pytest.mark.parametrize("ask", [False, True])
@pytest.mark.parametrize("die_at", [1, 2, 5])
def test_whatever_was_sent_had_been_yielded_before(ask, die_at):
    prepared = made(9, Shape(600, 40), Mode(end_ns=TO_THE_END, ask=ask))
    instants = np.unique(prepared.tape.ts_close).tolist()
    broker, written = Recording(1, die_at), []
    with pytest.raises(ConnectionError):
        for batch in batches(prepared, broker=broker, cuts=instants):
            written.append(batch.events)
            assert len(broker.sent) == len(written) - 1          # this batch is not sent while we hold it
    assert len(broker.sent) == len(written)
    for sent, told in zip(broker.sent, written, strict=True):
        assert sent.tobytes() == told.tobytes()
    assert broker.with_orders == die_at


def test_a_consumer_that_dies_while_writing_has_sent_nothing_of_the_batch():
    prepared = made(9, Shape(600, 40))
    broker = Recording(1, 10**9)
    loop = batches(prepared, broker=broker, cuts=np.unique(prepared.tape.ts_close).tolist())
    for batch in loop:
        if (batch.events["kind"] == c.E_ORDER).any():
            loop.close()                                          # the disk was full
            break
    assert broker.with_orders == 0


class Noting:
    """A journal that notes what is asked of it."""

    def __init__(self):
        self.calls = []

    def extend(self, lines):
        self.calls.append("orders" if any(kind == "ORDER" for kind, _, _ in lines) else "lines")

    def flush(self):
        self.calls.append("flush")

    def sync(self):
        self.calls.append("sync")


def test_a_batch_with_orders_is_on_the_disk_before_the_loop_goes_on_and_others_are_handed_over():
    prepared = made(9, Shape(600, 40))
    journal = Noting()
    steps = [replace(prepared, until_ns=int(until)) for until in np.unique(prepared.tape.ts_close)]
    drive(steps, prepared.plan, journal, sync=True)
    followed = set(zip(journal.calls[::2], journal.calls[1::2], strict=True))
    assert followed == {("orders", "sync"), ("lines", "flush")} and len(journal.calls) == 2 * len(steps)


def test_history_is_written_as_memory_fills():
    prepared, journal = made(9, Shape(600, 40)), Noting()
    drive([prepared], prepared.plan, journal)
    assert journal.calls == ["orders"]


def test_a_judge_is_asked_only_after_its_question_was_written():
    prepared = made(9, Shape(600, 40), Mode(end_ns=TO_THE_END, ask=True))
    written, asked = [], []

    def judge(briefing):
        from pse.agents.rules import decide

        asks = np.concatenate(written)
        asks = asks[asks["kind"] == c.E_ASK]
        assert asks["ts"][-1] == briefing.known_at
        asked.append(briefing)
        return decide(briefing)

    for batch in batches(prepared, decide=judge):
        written.append(batch.events)
    assert len(asked) > 3
