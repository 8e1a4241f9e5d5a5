"""From the engine's event table to the lines of the journal.  One renderer for every driver, so the same events are the same bytes.

Engine time stands on every line; prices are as traded; nothing here depends on how often the log was emptied.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from math import isfinite
from typing import Any

import numpy as np

from pse.agents.rules import record as rules_record
from pse.domain.records import ZERO_HASH, digest
from pse.domain.setups import DIRECTIONS, GRADES, name_id
from pse.engine.prepare import Prepared
from pse.kernels import codes as c
from pse.kernels.contract import ENTER, GTD, STOP_LIMIT
from pse.kernels.select import KEPT
from pse.kernels.targets import CODES

Line = tuple[str, int, dict[str, Any]]
PRICE_DIGITS = 10
MONEY_DIGITS = 6
LARGEST_MEASURE = 1e15                # beyond it stands no number but a mark of none
SETUP_KINDS = ("", "ENTER", "EXIT", "CANCEL", "AMEND", "REFUSED")
TIMES_IN_FORCE = ("GTD", "DAY", "GTC")
STATUS = ("KEPT", "SAME_IDEA", "CONFLICT")


def price(value: float) -> float | None:
    """A price without the noise of the tick grid's multiplication; None for NaN."""
    return round(value, PRICE_DIGITS) if value == value else None


def money(value: float) -> float:
    return round(value, MONEY_DIGITS)


def order_ref(account: str, plan_id: str, version: int, leg: str) -> str:
    """The reference under which an order is known everywhere: the same plan sends the same one again."""
    digest = hashlib.sha256("|".join((account, plan_id, str(version), leg)).encode()).digest()
    return base64.b32encode(digest).decode()[:20]


class Renderer:
    """Turns events into journal lines, remembering plans and their latest order references between calls."""

    def __init__(self) -> None:
        self._plans: dict[int, tuple[str, str, str]] = {}          # number -> (plan id, setup id, contract)
        self._versions: dict[int, tuple[int, str]] = {}            # number -> (latest version, its hash)
        self._refs: dict[tuple[int, int], str] = {}                # (number, leg) -> latest reference
        self._sides: dict[int, int] = {}                           # number -> direction; a setup may have been of either
        self._asked: tuple[str, ...] = ()                          # candidates of the question that was put last
        self._sides_asked: tuple[str, ...] = ()                    # and their directions

    @classmethod
    def resumed(cls, written: Iterable[tuple[str, int, Mapping[str, Any]]]) -> Renderer:
        """A renderer that goes on after the lines of a journal, from its first one on: chains of versions and references of orders continue.

        Plans are numbered in the order in which their entries were placed.
        """
        found, numbers, sides = cls(), dict[str, int](), dict[str, str]()
        for kind, _, body in written:
            if kind == "SETUP":
                sides[body["setup_id"]] = body["direction"]
            elif kind == "ASK":
                found._asked = tuple(body["candidates"])
                found._sides_asked = tuple(sides[one] for one in found._asked)
            elif kind in ("ORDER", "PLAN"):
                number = numbers.setdefault(body["plan_id"], len(numbers) + 1)
                found._plans.setdefault(number, (body["plan_id"], body["setup_id"], body["contract"]))
                if kind == "PLAN":
                    found._versions[number] = (body["version"], body["hash"])
                    continue
                leg = c.LEGS.index(body["leg"])
                found._refs[number, leg] = body["ref"]
                if leg == c.LEG_ENTRY:
                    found._sides.setdefault(number, 1 if body["side"] == "BUY" else -1)
        return found

    def lines(self, prepared: Prepared, events: np.ndarray, trades: np.ndarray, deliberations: Mapping[tuple[int, int], Mapping[str, Any]]) -> Iterator[Line]:
        """Lines of a batch of events.  `trades`: the batch's closed trades.  `deliberations` by (time, symbol): what was said through the door."""
        heads = _heads(events)
        rows = list(zip(*(events[name][heads].tolist() for name in events.dtype.names or ()), strict=True))
        entries, spans = _gate_entries(events, heads)
        closed = {int(number): trade for number, trade in zip(trades["number"].tolist(), trades, strict=True)}
        at = 0
        while at < len(rows):
            row = rows[at]
            kind = row[0]
            width = int(row[6]) if kind == c.E_ASK else 1
            if kind == c.E_GATES:
                body = self.gates(prepared, row, entries[spans[at]:spans[at + 1]])
            else:
                body = _BODIES[kind](self, prepared, rows[at:at + width], closed, deliberations)
            yield c.EVENTS[kind], row[1], body
            at += width

    def plan(self, prepared: Prepared, row: tuple[Any, ...]) -> tuple[str, str, str]:
        """(plan id, setup id, contract) of the plan that an event speaks of."""
        number = row[4]
        known = self._plans.get(number)
        if known is None:
            setup = prepared.setup_ids[row[3]]
            account = prepared.plan.account
            plan_id = name_id(f"plan|{account}|{setup}")
            micro = row[8] & 1 if row[0] == c.E_PLAN else 0
            known = (plan_id, setup, contract_of(prepared, row[2], micro))
            self._plans[number] = known
        return known

    # --- one kind a method; `rows` are the events of the line -------------------------------------------------------------------------------

    def session(self, prepared: Prepared, rows: list[Any], closed: Any, said: Any) -> dict[str, Any]:
        row = rows[0]
        return {"session_date": row[6], "equity_usd": money(row[9]), "balance_usd": money(row[10]), "fees_usd": money(row[11]), "charges_usd": money(row[12]),
                "market_minutes": row[7], "session_minutes": row[8]}

    def setup(self, prepared: Prepared, rows: list[Any], closed: Any, said: Any) -> dict[str, Any]:
        row = rows[0]
        found = prepared.world.setups[row[3]]
        body = {**_head(prepared, row), "kind": SETUP_KINDS[row[6]], "direction": DIRECTIONS[int(found["direction"])], "grade": GRADES[int(found["grade"])],
                "evidence": prepared.evidence[row[3]]}
        if row[6] == ENTER:
            tactic = list(prepared.plan.tactics.values())[int(found["tactic"])]
            body |= {"label": tactic.label, "version": tactic.version, "order_type": c.ORDER_TYPES[int(found["order_type"])],
                     "entry": price(float(found["entry"])), "stop": price(float(found["stop"])), "target": price(float(found["target"])),
                     "target2": price(float(found["target2"])), "size_multiple": float(found["size_multiple"]), "quality": float(found["quality"]),
                     "confidence": float(found["confidence"]), "valid_until": int(found["valid_until"]), "rank": row[9],
                     **_order_terms(found), "selection": "KEPT" if row[7] == KEPT else STATUS[row[7]]}
        return body

    def passed_over(self, prepared: Prepared, rows: list[Any], closed: Any, said: Any) -> dict[str, Any]:
        row = rows[0]
        body = {**_head(prepared, row), "reason": c.REASONS[row[5]]}
        if row[5] == c.R_TACTIC:
            found = prepared.world.setups[row[3]]
            body |= {"reason": CODES[int(found["refusal"])], "by": "tactic", "direction": DIRECTIONS[int(found["direction"])],
                     "entry": price(float(found["entry"])), "stop": price(float(found["stop"])), "evidence": prepared.evidence[row[3]]}
        return body

    def gates(self, prepared: Prepared, row: tuple[Any, ...], entries: list[list[Any]]) -> dict[str, Any]:
        return {"setup_id": prepared.setup_ids[row[3]], "symbol": prepared.plan.symbols[row[2]], "stage": c.STAGES[row[6]],
                "contract": contract_of(prepared, row[2], int(row[11])), "gates": entries}

    def ask(self, prepared: Prepared, rows: list[Any], closed: Any, said: Any) -> dict[str, Any]:
        self._asked = tuple(prepared.setup_ids[row[3]] for row in rows)
        self._sides_asked = tuple(DIRECTIONS[int(prepared.world.setups[row[3]]["direction"])] for row in rows)
        return {"symbol": prepared.plan.symbols[rows[0][2]], "candidates": list(self._asked)}

    def deliberation(self, prepared: Prepared, rows: list[Any], closed: Any, said: Mapping[tuple[int, int], Mapping[str, Any]]) -> dict[str, Any]:
        row = rows[0]
        spoken = said.get((row[1], row[2]))
        return {**(spoken if spoken is not None else rules_record(self._asked, self._sides_asked)), "symbol": prepared.plan.symbols[row[2]]}

    def decision(self, prepared: Prepared, rows: list[Any], closed: Any, said: Any) -> dict[str, Any]:
        row = rows[0]
        plan_id = name_id(f"plan|{prepared.plan.account}|{prepared.setup_ids[row[3]]}") if row[4] >= 0 else None
        return {**_head(prepared, row), "decision": c.VERDICTS[row[6]], "verdict": c.VERDICTS[row[7]], "reason": c.REASONS[row[5]], "rank": row[8],
                "quantity": row[9], "entry": price(row[10]), "stop": price(row[11]), "target": price(row[12]), "size_factor": row[13],
                "direction": DIRECTIONS[int(row[14])], "plan_id": plan_id}

    def order(self, prepared: Prepared, rows: list[Any], closed: Any, said: Any) -> dict[str, Any]:
        row = rows[0]
        plan_id, setup, contract = self.plan(prepared, row)
        leg, version = c.LEGS[row[6]], int(row[11])
        if row[7] != c.O_CANCEL or (row[4], row[6]) not in self._refs:
            self._refs[row[4], row[6]] = order_ref(prepared.plan.account, plan_id, version, leg)
        if row[6] == c.LEG_ENTRY:
            self._sides.setdefault(row[4], 1 if row[9] > row[12] else -1)                           # its price against its stop
        return {"ref": self._refs[row[4], row[6]], "plan_id": plan_id, "setup_id": setup, "symbol": prepared.plan.symbols[row[2]], "contract": contract,
                "leg": leg, "action": c.ORDER_ACTIONS[row[7]], "type": c.ORDER_TYPES[row[8]], "side": self.side(prepared, row),
                "price": None if row[8] == 1 else price(row[9]), "quantity": row[10], "version": version, "reason": c.REASONS[row[5]],
                **(_order_terms(prepared.world.setups[row[3]]) if row[6] == c.LEG_ENTRY else {})}

    def side(self, prepared: Prepared, row: tuple[Any, ...]) -> str:
        """What an order or a fill of a plan's leg does: an entry goes its plan's way, every other leg against it."""
        known = self._sides.get(row[4], int(prepared.world.setups[row[3]]["direction"]))
        return "BUY" if (known if row[6] == c.LEG_ENTRY else -known) > 0 else "SELL"

    def ack(self, prepared: Prepared, rows: list[Any], closed: Any, said: Any) -> dict[str, Any]:
        row = rows[0]
        return {"ref": self._refs.get((row[4], row[6])), "leg": c.LEGS[row[6]], "symbol": prepared.plan.symbols[row[2]], "result": c.REASONS[row[5]]}

    def fill(self, prepared: Prepared, rows: list[Any], closed: Any, said: Any) -> dict[str, Any]:
        row = rows[0]
        plan_id, setup, contract = self.plan(prepared, row)
        return {"ref": self._refs.get((row[4], row[6])), "plan_id": plan_id, "symbol": prepared.plan.symbols[row[2]], "contract": contract,
                "leg": c.LEGS[row[6]], "kind": c.FILL_KINDS[row[7]], "side": self.side(prepared, row), "price": price(row[9]), "quantity": row[10],
                "fee_usd": money(row[11]), "slippage_points": price(row[12]), "held": row[13], "balance_usd": money(row[14]), "reason": c.REASONS[row[5]],
                "point_value": point_value_of(prepared, row[2], row[8]), "rate": row[15]}

    def plan_line(self, prepared: Prepared, rows: list[Any], closed: Any, said: Any) -> dict[str, Any]:
        """A version of a plan; its hash is over what it says and the hash of the version before."""
        row = rows[0]
        plan_id, setup, contract = self.plan(prepared, row)
        parent, before = self._versions.get(row[4], (None, ZERO_HASH))
        body = {"plan_id": plan_id, "setup_id": setup, "symbol": prepared.plan.symbols[row[2]], "contract": contract, "version": row[6],
                "parent_version": parent, "actor": c.ACTORS[row[8] >> 1], "state": plan_state(row[7], row[5]), "reason": c.REASONS[row[5]],
                "stop": price(row[9]), "target": price(row[10]), "target2": price(row[11]), "held": row[12], "quantity": row[13],
                "entry": price(row[14]) if row[14] else None}
        body["hash"] = version_hash(before, row[1], body)
        self._versions[row[4]] = (row[6], body["hash"])
        return body

    def replan(self, prepared: Prepared, rows: list[Any], closed: Any, said: Any) -> dict[str, Any]:
        """A request for a new version and its answer."""
        row = rows[0]
        plan_id = self.plan(prepared, row)[0] if row[3] >= 0 else None
        setup = prepared.setup_ids[row[3]] if row[3] >= 0 else None
        return {"plan_id": plan_id, "setup_id": setup, "symbol": prepared.plan.symbols[row[2]], "plan_number": row[4], "expected_version": row[6],
                "version": row[7] if row[7] >= 0 else None, "actor": c.ACTORS[row[8]] if 0 <= row[8] < len(c.ACTORS) else None, "made": bool(row[5] == c.R_OK),
                "reason": c.REASONS[row[5]], "stop": price(row[9]), "target": price(row[10]), "quantity": row[11] if row[11] == row[11] else None,
                "valid_until": int(row[12]) or None, "measured": measures(np.array([row[13]]))[0], "allowed": measures(np.array([row[14]]))[0]}

    def exit(self, prepared: Prepared, rows: list[Any], closed: Mapping[int, Any], said: Any) -> dict[str, Any]:
        row = rows[0]
        plan_id, setup, contract = self.plan(prepared, row)
        trade = closed[row[4]]
        return {"plan_id": plan_id, "setup_id": setup, "symbol": prepared.plan.symbols[row[2]], "contract": contract, "reason": c.REASONS[row[5]],
                "direction": DIRECTIONS[int(trade["direction"])], "quantity": float(trade["quantity"]), "entry": price(float(trade["entry"])),
                "exit": price(float(trade["exit"])), "net_usd": money(row[9]), "r": row[10], "gross_usd": money(row[11]), "fees_usd": money(row[12]),
                "mfe_r": row[13], "mae_r": float(trade["mae_r"]), "bars_held": int(trade["bars_held"]), "exits": row[6], "ambiguous": row[7] == 1,
                "equity_usd": money(row[14])}

    def breaker(self, prepared: Prepared, rows: list[Any], closed: Any, said: Any) -> dict[str, Any]:
        row = rows[0]
        return {"breaker": c.BREAKERS[row[6]], "from": c.BREAKER_STATES[row[7]], "to": c.BREAKER_STATES[row[8]], "measured": row[9], "reference": row[10]}

    def charge(self, prepared: Prepared, rows: list[Any], closed: Any, said: Any) -> dict[str, Any]:
        row = rows[0]
        body: dict[str, Any] = {"cost_usd": money(row[9]), "balance_usd": money(row[10])}
        if row[5] == c.R_OK:
            return body
        plan_id, _, contract = self.plan(prepared, row)
        body |= {"reason": c.REASONS[row[5]], "plan_id": plan_id, "symbol": prepared.plan.symbols[row[2]], "contract": contract}
        if row[5] == c.R_BORROW:
            return {**body, "held": row[11], "rate_a_year": row[12], "nights": int(row[13])}
        measure = "ratio" if row[5] == c.R_SPLIT else "cash_per_share"
        return {**body, measure: price(row[11]), "held_before": price(row[12]), "held": price(row[13])}

    def note(self, prepared: Prepared, rows: list[Any], closed: Any, said: Any) -> dict[str, Any]:
        row = rows[0]
        leg = c.LEGS[row[7]] if 0 <= row[7] < len(c.LEGS) else row[7]
        figures = {"price": price(row[9]), "quantity": row[10]}
        return {"what": f"a {c.INPUTS[row[6]]} that belongs to no open plan, or is none", "leg": leg,
                **{name: value if value is not None and isfinite(value) else None for name, value in figures.items()}}


def plan_state(status: int, reason: int) -> str:
    """The state of a plan's version; of an order that ended unfilled the way in which it ended."""
    if status != c.P_NONE:
        return c.PLAN_STATES[status]
    return "EXPIRED" if reason == c.R_EXPIRED else "REJECTED" if reason == c.R_BROKER_REJECT else "CANCELLED"


def version_hash(before: str, ts: int, body: Mapping[str, Any]) -> str:
    """The hash of a plan's version: of what it says (its own hash left out) at `ts`, chained to that of its parent (of the first: zeros)."""
    return digest({"parent": before, "ts": ts, "fields": {name: value for name, value in body.items() if name != "hash"}})


def _order_terms(setup: Any) -> dict[str, Any]:
    """What an entry order says beyond type, price and quantity, where it does."""
    terms: dict[str, Any] = {}
    if int(setup["order_type"]) == STOP_LIMIT:
        terms["limit_price"] = price(float(setup["limit_price"]))
    if int(setup["time_in_force"]) != GTD:
        terms["time_in_force"] = TIMES_IN_FORCE[int(setup["time_in_force"])]
    return terms


def contract_of(prepared: Prepared, symbol: int, micro: int) -> str:
    """The symbol that is traded: the instrument's own or its micro."""
    name = prepared.plan.symbols[symbol]
    return prepared.plan.micros[name].symbol if micro else name


def point_value_of(prepared: Prepared, symbol: int, micro: int) -> float:
    """Money of the quote currency for one point of one unit of what is traded."""
    record = prepared.world.instruments[symbol]
    return float(record["micro_point_value" if micro else "point_value"])


def _head(prepared: Prepared, row: tuple[Any, ...]) -> dict[str, Any]:
    tactic = int(prepared.world.setups[row[3]]["tactic"])
    return {"setup_id": prepared.setup_ids[row[3]], "symbol": prepared.plan.symbols[row[2]], "tactic": list(prepared.plan.tactics)[tactic]}


def _heads(events: np.ndarray) -> np.ndarray:
    """Rows of the events that begin a line or stand for themselves: all but the later gates of one setup, stage and contract."""
    gates = events["kind"] == c.E_GATES
    goes_on = gates[1:] & gates[:-1] & (events["j"][1:] > events["j"][:-1])
    for name in ("ts", "setup", "i", "c"):
        goes_on &= events[name][1:] == events[name][:-1]
    return np.flatnonzero(~np.concatenate([np.zeros(min(1, events.size), bool), goes_on]))


def _gate_entries(events: np.ndarray, heads: np.ndarray) -> tuple[list[list[Any]], list[int]]:
    """Every gate as [gate, passed, measured, allowed, code], and where those of each head begin: spans[at] to spans[at + 1]."""
    is_gate = events["kind"] == c.E_GATES
    gates = events[is_gate]
    columns = (_GATE_NAMES[gates["j"]].tolist(), (gates["k"] == 1).tolist(), measures(gates["a"]), measures(gates["b"]), _REASON_NAMES[gates["code"]].tolist())
    before = np.concatenate([[0], np.cumsum(is_gate)])
    return list(map(list, zip(*columns, strict=True))), before[np.append(heads, events.size)].tolist()


def rounded(values: np.ndarray, digits: int = MONEY_DIGITS) -> np.ndarray:
    """What `round(value, digits)` gives for each of float64[n]; NaN stays.

    In one sweep: k / 10**digits is the nearest float of the right k.  k is right unless the value lies near the middle of two, and right too where that
    float is the value itself, as on a tick grid; the few others, and large ones, are rounded one by one.
    """
    scale = 10.0**digits
    with np.errstate(invalid="ignore", over="ignore"):
        scaled = values * scale
        whole = np.rint(scaled)
        out = whole / scale
        unsure = ~(((np.abs(scaled - whole) < 0.499) & (np.abs(scaled) < 1e12)) | ((out == values) & (np.abs(scaled) < 2.0**53)))
    for i in np.flatnonzero(unsure).tolist():
        value = float(values[i])
        out[i] = round(value, digits) if abs(value) < np.inf else value
    return out


def measures(values: np.ndarray) -> list[float | None]:
    """Values as they are journaled; None for NaN and for what is too large to be a measure."""
    found: list[float | None] = rounded(values).tolist()
    for i in np.flatnonzero(~(np.abs(values) < LARGEST_MEASURE)).tolist():
        found[i] = None
    return found


_GATE_NAMES, _REASON_NAMES = np.array(c.GATES, object), np.array(c.REASONS, object)
_BODIES = {
    c.E_SESSION: Renderer.session, c.E_SETUP: Renderer.setup, c.E_PASSED_OVER: Renderer.passed_over, c.E_ASK: Renderer.ask,
    c.E_DELIBERATION: Renderer.deliberation, c.E_DECISION: Renderer.decision, c.E_ORDER: Renderer.order, c.E_ACK: Renderer.ack, c.E_FILL: Renderer.fill,
    c.E_PLAN: Renderer.plan_line, c.E_EXIT: Renderer.exit, c.E_BREAKER: Renderer.breaker, c.E_CHARGE: Renderer.charge, c.E_NOTE: Renderer.note,
    c.E_REPLAN: Renderer.replan,
}
