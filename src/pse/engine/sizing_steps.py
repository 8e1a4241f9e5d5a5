"""How a size came about, step by step: the figures that the kernels' sizing takes, what it gives, and what the gates after it left."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pse.engine.explain import Explained, Round
from pse.engine.moments import Instant, copied
from pse.kernels import codes as c
from pse.kernels.book import State
from pse.kernels.portfolio import P_COLUMNS, SIZING, WHOLE, portfolio, sizing_inputs
from pse.kernels.sizing import BINDINGS, size_futures, size_shares

EPS = 1e-6
BOUND_BY = {"risk": "the risk that is allowed", "max_shares": "limits.max_quantity", "notional": "limits.max_symbol_notional", "cash": "limits.cash_only"}
LOWERED = {"REDUCED": "to what its limits leave", "INSUFFICIENT": "halved, too few days of returns are known"}
UNITS = {"future": "contracts", "stock": "shares"}       # what a quantity counts; units of anything else


@dataclass(frozen=True)
class Step:
    """One line of the sum: `share` of equity, `money`, `points`, `times`, or `contracts`, `shares` or `units`; `text` beside it or in its place is a word."""

    what: str
    value: float | None
    kind: str
    text: str = ""


def sizing_steps(found: Explained) -> list[tuple[str, list[Step]]]:
    """(contract, steps) of each contract that was sized; nothing for a setup that came to no sizing."""
    sized = [one for one in found.rounds if one.stage == "after" and one.gates and any(gate.gate == "sizing" for gate in one.gates)]
    return [(one.contract, _in_units(found, _steps(found, one, number == len(sized) - 1))) for number, one in enumerate(sized)]


def _in_units(found: Explained, steps: Iterator[Step]) -> list[Step]:
    """The steps with quantities named as what the instrument is traded in."""
    instant = found.instants["after"]
    unit = UNITS.get(instant.prepared.plan.instruments[instant.symbol].kind, "units")
    return [replace(step, kind=unit) if step.kind == "lots" else step for step in steps]


Sum = Generator[Step, None, float]


def _steps(found: Explained, one: Round, is_last: bool) -> Iterator[Step]:
    instant = found.instants["after"]
    world, row = instant.world, instant.world.setups[found.row]
    state = _before_it(instant.state(), found.row, instant)
    policy, account = world.policy[0], state.account[0]
    figures = np.empty(len(SIZING))
    sizing_inputs(state, world, np.int64(found.row), np.int64(found.side), found.asked.stop, found.asked.target, np.int64(one.micro), figures)
    asked = dict(zip(SIZING, figures.tolist(), strict=True))
    equity, half_open = float(account["equity"]), account["equity_state"] == c.B_HALF_OPEN
    multiple = float(row["size_multiple"]) * found.asked.size_factor * (0.5 if half_open else 1.0) * asked["regime"]
    told = next(gate for gate in one.gates if gate.gate == "sizing")
    yield Step("equity at the decision", equity, "money")
    yield Step("size of the setup, in the profile's units of risk", float(row["size_multiple"]), "times")
    if found.asked.size_factor != 1.0:
        yield Step("what the verdict left of it", found.asked.size_factor, "times")
    if half_open:
        yield Step("the equity breaker is half open", 0.5, "times")
    if asked["volatility"] != 1.0:
        yield Step("volatility against what is usual", asked["volatility"], "times")
    if abs(asked["regime"] - asked["volatility"]) > EPS:
        yield Step("the regime of the market", asked["regime"] / asked["volatility"], "times")
    if policy["shares"]:
        quantity = yield from _shares(state, world, instant.symbol, row, policy, equity, multiple, asked, _believed(one, row))
    else:
        quantity = yield from _futures(policy, equity, multiple, asked)
    if told.code == "KELLY" and not told.passed:
        yield Step("nothing is left: Kelly gives no bet", 0.0, "lots")
        return
    if told.measured is not None and abs(told.measured - quantity) > EPS * max(1.0, quantity):
        yield Step("what sizing told, after overlays that are not listed here", told.measured, "lots", told.code)
        quantity = told.measured
    if told.measured is not None and told.measured <= 0.0:
        yield Step(f"nothing is left: {told.code}", 0.0, "lots")
        return
    for gate in one.gates:
        if gate.gate in ("exposure", "tail_risk") and gate.code in ("REDUCED", "INSUFFICIENT"):
            yield Step(f"lowered by the gate {gate.gate}", None, "", LOWERED[gate.code])
    if is_last and found.quantity > 0.0:
        yield Step("ordered", found.quantity, "lots")


def _believed(one: Round, row: Any) -> float:
    """The confidence that the gates were told: the setup's, or what a verdict made of it."""
    told = next((gate.measured for gate in one.gates if gate.gate == "confidence"), None)
    return float(row["confidence"]) if told is None else told


def _before_it(state: State, row: int, instant: Instant) -> State:
    """The state without the plan that the setup itself became."""
    state = copied(state)
    own = (state.plans["setup"] == row) & (state.plans["decided_at"] == instant.at_ns)
    state.plans["status"][own] = c.P_CLOSED
    state.plans["held"][own] = 0.0
    return state


def _futures(policy: Any, equity: float, multiple: float, asked: dict[str, float]) -> Sum:
    most_risk = min(float(policy["max_risk"]), asked["most_risk"])
    quantity, fraction, budget, per_unit, capped = size_futures(equity, multiple, asked["risk"], asked["value"], asked["cost"], float(policy["r_unit"]),
                                                                most_risk, asked["lot"], asked["least_cost"])
    yield from _kelly(asked)
    yield Step("one unit of risk (limits.r_unit)", float(policy["r_unit"]), "share")
    cut_by = "Kelly" if most_risk < policy["max_risk"] else "limits.max_risk_per_trade"
    yield Step("share that may be lost" + (f", cut by {cut_by}" if capped else ""), fraction, "share")
    yield Step("money that may be lost", budget, "money")
    yield Step("distance to the stop", asked["risk"], "points")
    yield Step("money a point", asked["value"], "money")
    yield Step("fees in and out of one", asked["cost"], "money")
    yield Step("loss of one at the stop, with fees", per_unit, "money")
    if asked["least_cost"] > 0.0:
        yield Step("least fees of the orders in and out", asked["least_cost"], "money")
    yield Step("pays for", budget / per_unit if per_unit > 0.0 else None, "lots")
    most = float(policy["max_quantity"])
    yield Step(f"in whole lots of {asked['lot']:g}" + (f", at most limits.max_quantity {most:g}" if quantity > most else ""), min(quantity, most), "lots")
    return float(min(quantity, most))


def _kelly(asked: dict[str, float]) -> Iterator[Step]:
    if np.isfinite(asked["most_risk"]):
        yield Step("Kelly's whole fraction by the record so far", asked["kelly"], "share")
        yield Step("the part of it that may be risked", asked["most_risk"], "share")


def _shares(state: State, world: Any, symbol: int, row: Any, policy: Any, equity: float, multiple: float, asked: dict[str, float],
            confidence: float) -> Sum:
    whole, table = np.empty(len(WHOLE)), np.empty((state.plans.size, P_COLUMNS))
    portfolio(state, world, np.int64(symbol), table, whole)
    figures = dict(zip(WHOLE, whole.tolist(), strict=True))
    price = float(row["entry"]) * asked["value"]
    room = float(policy["max_symbol"]) * equity - figures["symbol_gross"]
    cash = figures["cash_left"] if policy["cash_only"] else float("nan")
    quantity, code, binding, risked = size_shares(equity, confidence, multiple, asked["risk"] * asked["value"], price, float(policy["max_risk"]),
                                                  float(policy["max_quantity"]), room, cash, float(policy["min_confidence"]), asked["lot"], asked["most_risk"])
    yield from _kelly(asked)
    yield Step("largest risk of a trade (limits.max_risk_per_trade)", float(policy["max_risk"]), "share")
    yield Step("confidence", confidence, "times")
    yield Step("money that may be lost", risked, "money")
    yield Step("distance to the stop, in money", asked["risk"] * asked["value"], "money")
    yield Step("the risk pays for", risked / (asked["risk"] * asked["value"]) if asked["risk"] > 0.0 else None, "lots")
    yield Step("limits.max_quantity", float(policy["max_quantity"]), "lots")
    if room < 1e12:
        yield Step("notional left for the symbol pays for", room / price, "lots")
    if cash == cash:
        yield Step("cash left pays for", cash / price, "lots")
    yield Step("bound by", None, "", BOUND_BY[BINDINGS[binding]] if quantity > 0.0 else c.REASONS[int(code)])
    yield Step(f"in whole lots of {asked['lot']:g}", quantity, "lots")
    return float(quantity)
