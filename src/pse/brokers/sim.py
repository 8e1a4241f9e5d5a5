"""The simulated broker: orders are matched inside the kernel, against bars, by the fill rules of the desk."""

from __future__ import annotations

from typing import Any

import numpy as np

from pse.domain.errors import OutsideError
from pse.domain.steps import Step, Told
from pse.kernels.book import Log
from pse.kernels.engine import EVENTS_A_QUESTION, EVENTS_A_SYMBOL, TRADES_AN_INSTANT, advance
from pse.kernels.state import EVENT_DTYPE, INPUT_DTYPE, TRADE_DTYPE

BATCH_EVENTS, BATCH_TRADES = 65_536, 4_096
NO_INPUTS, NO_EVENTS, NO_TRADES = np.zeros(0, INPUT_DTYPE), np.zeros(0, EVENT_DTYPE), np.zeros(0, TRADE_DTYPE)


def new_log(slots: int, events: int, trades: int) -> Log:
    """A log for a desk with room for `slots` plans: the engine asks for it to be emptied before an instant that it may not hold."""
    room = events + EVENTS_A_QUESTION + EVENTS_A_SYMBOL * slots
    return Log(np.zeros(room, EVENT_DTYPE), np.zeros(trades + TRADES_AN_INSTANT * slots, TRADE_DTYPE), np.zeros(2, np.int64),
               np.zeros(1, np.int64))


class SimBroker:
    """Owns the log that the kernel fills; `slots`, the plans that there is room for, decide how much room one instant may need."""

    def __init__(self, slots: int) -> None:
        self._log = new_log(slots, BATCH_EVENTS, BATCH_TRADES)
        self._events, self._trades = _bytes(self._log.events), _bytes(self._log.trades)
        self._told = NO_INPUTS

    def advance(self, state: Any, step: Step) -> Told:
        """Runs the engine over the step's bars and empties its log."""
        log = self._log
        log.used.fill(0)
        pause = int(advance(state, step.tape, step.world, log, self.inputs(), step.until_ns))
        events, trades = log.used.tolist()
        if events >= log.events.size:
            raise OutsideError(f"one instant has more to tell than the {log.events.size:,} events that the log holds; nothing of it was acted on. Fewer "
                               f"symbols or tactics on the desk decide at one instant.")
        return Told(_copied(self._events, events, EVENT_DTYPE) if events else NO_EVENTS,
                    _copied(self._trades, trades, TRADE_DTYPE) if trades else NO_TRADES, pause)

    def inputs(self) -> np.ndarray:
        """What the world did: what it was told; fills the kernel makes by itself."""
        return self._told

    def tell(self, inputs: np.ndarray) -> None:
        """Takes commands and requests (INPUT_DTYPE), none earlier than those before: what was told is kept, for the engine counts what it has taken."""
        given = np.concatenate([self._told, inputs])
        if (np.diff(given["ts"]) < 0).any():
            at = int(np.argmin(np.diff(given["ts"])))
            raise OutsideError(f"an input of {int(given['ts'][at + 1])} was told after one of {int(given['ts'][at])}; inputs come in order of time")
        self._told = given

    def send(self, events: np.ndarray) -> None:
        """Nothing leaves this process."""


def _bytes(records: np.ndarray) -> memoryview:
    return records.view(np.uint8).data


def _copied(held: memoryview, n: int, dtype: np.dtype) -> np.ndarray:
    """The first n records, as bytes: numpy copies structured arrays field by field, which costs more than a pause."""
    return np.frombuffer(bytearray(held[:n * dtype.itemsize]), dtype)
