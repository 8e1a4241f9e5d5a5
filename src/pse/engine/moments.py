"""The engine's state at a moment of a run, and an instant lived again with one thing changed.

Nothing is worked out from the journal: the run's own inputs are played to the moment by the engine that made the run, so what stands here is what it knew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pse.agents.rules import decide as rules
from pse.brokers.sim import SimBroker
from pse.domain.decisions import Decide
from pse.engine.loop import run
from pse.engine.prepare import Prepared
from pse.engine.state import fresh_state
from pse.kernels.book import State, World


def advanced(state: State, prepared: Prepared, until_ns: int, broker: SimBroker | None = None, decide: Decide = rules) -> np.ndarray:
    """Plays `state` on to every instant at or before `until_ns`; the events that were told.  `decide` answers where somebody is asked.

    `broker`: one that is kept where many short stretches are played.
    """
    step, broker = replace(prepared, until_ns=until_ns), broker or SimBroker(prepared.plan.shape.slots)
    return np.concatenate([batch.events for batch in run([step], decide, broker, state)])


def state_at(prepared: Prepared, moment_ns: int, decide: Decide = rules) -> State:
    """The state after every instant at or before `moment_ns`, before the run is closed at its end."""
    return played(prepared, moment_ns, decide)[0]


def played(prepared: Prepared, moment_ns: int, decide: Decide = rules) -> tuple[State, np.ndarray]:
    """The state at a moment, and the events that led to it."""
    state = fresh_state(prepared.plan.shape, prepared.plan.capital)
    return state, advanced(state, prepared, min(moment_ns, int(prepared.world.policy["end"][0]) - 1), decide=decide)


def copied(state: State) -> State:
    return State(*(one.copy() for one in state))


@dataclass(frozen=True, eq=False)
class Trial:
    """What may be changed before an instant is lived again: the engine's records, those of one setup among them.

    `state`: a copy of the engine's.  `setup`, `context`, `policy`, `instrument`: records of the decision at hand; `tape`: columns of the bars.
    """

    state: State
    setup: Any
    context: np.ndarray
    policy: Any
    instrument: Any
    tape: Any
    bar: int


Change = Callable[[Trial], None]


def unchanged(trial: Trial) -> None:
    """No change."""


class Instant:
    """One instant of a run, kept so that it can be lived again: `before` is the state just before it, `row` the setup that is asked about.

    Changes are made to copies; the run's own arrays are never touched.
    """

    def __init__(self, prepared: Prepared, row: int, from_ns: int, at_ns: int, bar: int = -1, state: State | None = None,
                 decide: Decide = rules) -> None:
        """The instants in (from_ns, at_ns].  `bar`: row of the tape whose open counts, at activation.  `decide`: who answered in the run."""
        world = prepared.world
        self.row, self.bar, self.at_ns = row, bar, at_ns
        self.symbol = int(world.setups["symbol"][row])
        self.before = state_at(prepared, from_ns, decide) if state is None else state
        self._decide = decide
        self._broker = SimBroker(prepared.plan.shape.slots)
        decided = int(world.setups["ts"][row])
        self.context_row = int(np.flatnonzero((world.row_ts == decided) & (world.row_symbol == self.symbol))[0])
        own = World(*(np.array(one) for one in world))
        tape = prepared.tape if bar < 0 else prepared.tape._replace(open=np.array(prepared.tape.open), flags=np.array(prepared.tape.flags))
        self.prepared = replace(prepared, world=own, tape=tape)

    @property
    def world(self) -> World:
        return self.prepared.world

    def lived(self, change: Change = unchanged) -> np.ndarray:
        """The events of the instant with `change` made before it, of this setup alone."""
        with self._changed(change) as trial:
            events = advanced(trial.state, self.prepared, self.at_ns, self._broker, self._decide)
        return events[events["setup"] == self.row]

    def state(self) -> State:
        """The state after the instant as it was."""
        with self._changed(unchanged) as trial:
            advanced(trial.state, self.prepared, self.at_ns, decide=self._decide)
        return trial.state

    @contextmanager
    def _changed(self, change: Change) -> Iterator[Trial]:
        """The records with a change made; afterwards they are as they were."""
        world, tape = self.world, self.prepared.tape
        records = [(world.setups, self.row), (world.context, self.context_row), (world.policy, 0), (world.instruments, self.symbol)]
        records += [(tape.open, self.bar), (tape.flags, self.bar)] if self.bar >= 0 else []
        kept = [table[at].copy() for table, at in records]
        try:
            trial = Trial(copied(self.before), world.setups[self.row], world.context[self.context_row], world.policy[0], world.instruments[self.symbol],
                          tape, self.bar)
            change(trial)
            yield trial
        finally:
            for (table, at), value in zip(records, kept, strict=True):
                table[at] = value
