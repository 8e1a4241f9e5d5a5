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
    """The fills of a simulated run as a broker would report them, one that answers a request of the same bar a bar later; and its cancelled entries."""
    fills = events[events["kind"] == c.E_FILL]
    entries = events[(events["kind"] == c.E_ORDER) & (events["i"] == c.LEG_ENTRY)]
    ended, placed = entries[entries["j"] == c.O_CANCEL], entries[entries["j"] == c.O_NEW]
    placed_at = dict(zip(placed["plan"].tolist(), placed["ts"].tolist(), strict=True))
    found = np.zeros(fills.size, INPUT_DTYPE)
    cancelled = np.zeros(ended.size, INPUT_DTYPE)
    for name in ("symbol", "plan"):
        cancelled[name] = ended[name]
    cancelled["kind"], cancelled["leg"], cancelled["ts"] = c.I_CANCELLED, c.LEG_ENTRY, [
        max(ts - 1, placed_at[plan] + 1) for ts, plan in zip(ended["ts"].tolist(), ended["plan"].tolist(), strict=True)]
    for name, source in (("ts", "ts"), ("symbol", "symbol"), ("plan", "plan"), ("leg", "i"), ("price", "a"), ("quantity", "b"), ("fee", "c")):
        found[name] = fills[source]
    found["kind"] = c.I_FILL
    found["ts"][np.isin(fills["code"], [c.R_SESSION_END, c.R_ROLL])] += LATER
    found = np.concatenate([found, cancelled])
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
