"""What passes between feed, engine and broker."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np


class Told(NamedTuple):
    """What the engine said in one call: events and closed trades (copies), and whether it paused and why (a pause code of the kernels)."""

    events: np.ndarray
    trades: np.ndarray
    pause: int


class Step(Protocol):
    """A stretch of the feed: what the kernels read, and the moment that may be reached."""

    @property
    def tape(self) -> Any: ...
    @property
    def world(self) -> Any: ...
    @property
    def until_ns(self) -> int: ...


class Broker(Protocol):
    """Advances the engine over a step and sends what it asked for."""

    def advance(self, state: Any, step: Step) -> Told:
        """Runs the engine until it pauses or the step is done."""
        ...

    def send(self, events: np.ndarray) -> None:
        """Sends the orders among `events`, which are written down by now."""
        ...
