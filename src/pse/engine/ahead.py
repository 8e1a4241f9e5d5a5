"""The questions of one instant before the first of them is answered, so that a judge who takes time may be asked all of them at once.

They are those that come up if every answer is HOLD, played on a copy of the state; a question that an answer changes is asked again when its turn comes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pse.brokers.sim import NO_INPUTS, new_log
from pse.domain.decisions import Briefing, Deliberation, Verdict
from pse.engine.prepare import Prepared
from pse.engine.state import copied_state
from pse.kernels import codes
from pse.kernels.book import State
from pse.kernels.engine import advance

SMALL_EVENTS, SMALL_TRADES = 4_096, 16
Brief = Callable[[State, Prepared], Briefing]
Answer = Callable[[State, Deliberation, int], None]


class Ahead:
    """Tells a judge that has `ahead` of all questions of an instant, once an instant; any other judge of nothing."""

    def __init__(self, decide: Any, brief: Brief, answer: Answer) -> None:
        self._tell = getattr(decide, "ahead", None)
        self._brief, self._answer, self._told, self._log = brief, answer, None, None

    def tell(self, state: State, step: Prepared, first: Briefing) -> None:
        """To be called with the open question of the engine, before it is answered."""
        account = state.account[0]
        instant = int(account["instant"])
        if self._tell is None or instant == self._told or int(account["symbols_here"]) - int(account["symbol_at"]) < 2:
            return
        self._told = instant                      # type: ignore[assignment]
        found = (first, *self._others(state, step, first, instant))
        if len(found) > 1:
            self._tell(found)

    def _others(self, state: State, step: Prepared, first: Briefing, instant: int) -> list[Briefing]:
        if self._log is None:
            self._log = new_log(step.plan.shape.slots, SMALL_EVENTS, SMALL_TRADES)  # type: ignore[assignment]
        log: Any = self._log
        copy, asked, found = copied_state(state, step.plan.shape), first, list[Briefing]()
        while True:
            self._answer(copy, Deliberation((Verdict("HOLD"),) * len(asked.candidates)), len(asked.candidates))
            pause = codes.PAUSE_FULL
            while pause == codes.PAUSE_FULL:
                log.used.fill(0)
                pause = np.int64(advance(copy, step.tape, step.world, log, NO_INPUTS, instant))
                if pause == codes.PAUSE_FULL and not log.used[0]:
                    return found                  # one question alone needs more room than there is: it is asked when its turn comes
            if pause != codes.PAUSE_ASK:
                return found
            asked = self._brief(copy, step)
            found.append(asked)
