"""The door through which somebody changes a plan that stands: the live plans as they may be seen, and a request in the form that the engine takes.

The engine judges every request (`kernels/replan.py`) and tells its answer in a REPLAN line; here nothing is judged, only said in its words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pse.domain.errors import BadInput, UnknownName
from pse.domain.setups import DIRECTIONS
from pse.engine.state import live_slots
from pse.kernels import codes
from pse.kernels.book import State
from pse.kernels.state import INPUT_DTYPE


@dataclass(frozen=True)
class LivePlan:
    """A plan that works or holds something, as whoever wants to change it sees it; prices as traded, moments ns UTC.

    `to_buy` is what of its entry order still works, `leaving` what was asked to go at the next open.  `price`: the last close, of an order its limit.
    """

    number: int
    version: int
    symbol: str
    direction: str
    state: str
    price: float
    entry: float | None
    stop: float
    target: float | None
    held: float
    to_buy: float
    leaving: float
    valid_until: int | None
    replans: int


@dataclass(frozen=True)
class Replan:
    """A request for a new version of plan `number`; what is None stays as it is.

    `expected_version` is the version that was looked at: where the plan went on since, the request is refused.  `quantity` is what the plan may hold at most,
    still to be bought included: less than works and is held cuts the order first, then the position at the next open; 0 ends the plan.
    """

    number: int
    expected_version: int
    actor: str
    stop: float | None = None
    target: float | None = None
    quantity: float | None = None
    valid_until: int | None = None


def live_plans(state: State, symbols: Sequence[str]) -> tuple[LivePlan, ...]:
    """All live plans, in the desk's order; `symbols` is the desk's list."""
    return tuple(_seen(state, slot, symbols) for slot in live_slots(state))


def _seen(state: State, slot: int, symbols: Sequence[str]) -> LivePlan:
    plan = state.plans[slot]
    held, works = float(plan["held"]), int(plan["valid_until"]) > 0
    target = float(plan["target2"] if plan["target_done"] else plan["target"])
    to_buy = float(plan["quantity"] - plan["filled"]) if works else 0.0
    leaving = held if plan["pending"] else float(plan["reduce"])
    price = float(state.symbols[int(plan["symbol"])]["last_close"]) if held > 0.0 else float(plan["limit"])
    return LivePlan(int(plan["number"]), int(plan["version"]), symbols[int(plan["symbol"])], DIRECTIONS[int(plan["direction"])],
                    codes.PLAN_STATES[int(plan["status"])], price, float(plan["entry"]) if held > 0.0 else None, float(plan["stop_next"]),
                    target if target == target else None, held, to_buy, leaving, int(plan["valid_until"]) if works else None, int(plan["replans"]))


def replan_inputs(state: State, requests: Sequence[Replan], known_at: int) -> np.ndarray:
    """INPUT_DTYPE rows of requests made at `known_at`, in their order; the engine takes them before the first bar that opens then or later.

    Raises `UnknownName` for an actor that is none and `BadInput` for what no record can say: a quantity that is no number, a time that is none.
    """
    rows = np.zeros(len(requests), INPUT_DTYPE)
    rows["kind"], rows["ts"] = codes.I_AMEND, max(known_at, int(state.account[0]["now"]))
    for row, one in zip(rows, requests, strict=True):
        if one.actor not in codes.ACTORS:
            raise UnknownName("actor", one.actor, codes.ACTORS)
        if one.quantity is not None and one.quantity != one.quantity:
            raise BadInput(f"a request for plan {one.number} gives {one.quantity} as its quantity; expected units from 0 on, or none to leave it as it is")
        if one.valid_until is not None and one.valid_until <= 0:
            raise BadInput(f"a request for plan {one.number} gives {one.valid_until} as the end of its entry; expected ns UTC above 0, or none to leave it; "
                           f"quantity 0 ends the plan")
        row["symbol"] = next((int(plan["symbol"]) for plan in state.plans if plan["number"] == one.number), 0)
        row["plan"], row["version"], row["actor"] = one.number, one.expected_version, codes.ACTORS.index(one.actor)
        for name in ("stop", "target", "quantity"):
            given = getattr(one, name)
            row[name] = np.nan if given is None else given
        row["valid_until"] = one.valid_until or 0
    return rows
