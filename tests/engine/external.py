"""A broker outside, scripted: it reports what it was told to report, and keeps what it was sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pse.brokers.sim import SimBroker
from pse.kernels import codes as c
from pse.kernels.state import INPUT_DTYPE

LATER = 60_000_000_000


class Scripted(SimBroker):
    """Hands the engine its reports when their time comes.  `sent` holds the order events of every batch."""

    def __init__(self, symbols: int, reports: np.ndarray) -> None:
        super().__init__(symbols)
        self._reports = reports
        self.sent: list[np.ndarray] = []

    def inputs(self) -> np.ndarray:
        return self._reports

    def send(self, events: np.ndarray) -> None:
        self.sent.append(events[events["kind"] == c.E_ORDER])


def reports(*given: dict[str, Any]) -> np.ndarray:
    """Reports in order of time."""
    found = np.zeros(len(given), INPUT_DTYPE)
    for row, one in zip(found, sorted(given, key=lambda one: one["ts"]), strict=True):
        for name, value in one.items():
            row[name] = value
    return found


def fills_of(events: np.ndarray) -> np.ndarray:
    """The fills of a simulated run as a broker would report them; one that answers a request of the same bar comes a bar later."""
    fills = events[events["kind"] == c.E_FILL]
    found = np.zeros(fills.size, INPUT_DTYPE)
    for name, source in (("ts", "ts"), ("symbol", "symbol"), ("plan", "plan"), ("leg", "i"), ("price", "a"), ("quantity", "b"), ("fee", "c")):
        found[name] = fills[source]
    found["kind"] = c.I_FILL
    found["ts"][np.isin(fills["code"], [c.R_SESSION_END, c.R_ROLL])] += LATER
    return found[np.argsort(found["ts"], kind="stable")]


def position(sent: Sequence[np.ndarray], plan: int) -> dict[int, tuple[int, float]]:
    """What works at the broker for a plan after all that was sent: leg -> (version, quantity)."""
    working: dict[int, tuple[int, float]] = {}
    for event in np.concatenate(sent):
        if event["plan"] != plan:
            continue
        if event["j"] == c.O_CANCEL:
            working.pop(int(event["i"]), None)
        else:
            working[int(event["i"])] = (int(event["c"]), float(event["b"]))
    return working
