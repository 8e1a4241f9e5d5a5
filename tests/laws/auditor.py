"""Whoever checks orders against the words of the risk policy: from the journal, the bars and the decision rows, with no line of the engine's own arithmetic.

`audit` reads a journal line by line, keeps what is held, what rests and what the account is worth, and says of every entry order which rule it breaks.
Rolls, splits and dividends change what it keeps by their definitions.  It does not speak of windows with calendars of several lengths.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor
from typing import Any

import numpy as np

from pse.engine.prepare import Prepared
from pse.kernels import contract as k
from pse.kernels.state import A_DIVIDEND, A_ROLL, A_SPLIT, BAR_BLACKOUT

SLACK = 1e-6                     # of what is compared: journals hold money to a millionth


@dataclass
class Plan:
    """What is known of one plan from its lines."""

    plan_id: str
    setup: Any                   # row of SETUP_DTYPE
    symbol: int
    direction: int
    unit: float                  # money of the quote currency for one point and one unit
    rate: float
    ordered: float = 0.0
    rests: bool = True
    limit: float = 0.0
    stop: float = float("nan")
    first_stop: float = float("nan")
    target: float = float("nan")
    filled: float = 0.0
    held: float = 0.0
    average: float = 0.0
    most: float = float("inf")   # quantity that no later version may exceed

    @property
    def resting(self) -> float:
        return self.ordered - self.filled if self.rests else 0.0

    @property
    def live(self) -> bool:
        return self.held > 0.0 or self.resting > 1e-12

    def value(self, rate: float) -> float:
        return self.unit * (rate if rate == rate else self.rate)


@dataclass
class Day:
    start: float
    losses: int = 0
    over: bool = False


@dataclass
class Audit:
    """`broken`: (time, rule, what was found).  `orders`: entry orders looked at; `seen`: how many each rule was asked about."""

    broken: list[tuple[int, str, Any]] = field(default_factory=list)
    orders: int = 0
    seen: dict[str, int] = field(default_factory=dict)


class Auditor:
    """Reads the lines of one journal.  `failures`: moments at which the judge failed or did not, for its breaker."""

    def __init__(self, prepared: Prepared, capital: float, failures: Callable[[], Sequence[tuple[int, bool]]] = list) -> None:  # type: ignore[assignment]
        self.prepared, self.failures = prepared, failures
        self.names = {name: i for i, name in enumerate(prepared.plan.symbols)}
        self.setups = {name: prepared.world.setups[i] for i, name in enumerate(prepared.setup_ids)}
        self.policy = {name: prepared.world.policy[name][0].item() for name in prepared.world.policy.dtype.names or ()}
        tape, world = prepared.tape, prepared.world
        self.closes = [(tape.ts_close[tape.symbol == i], tape.close[tape.symbol == i]) for i in self.names.values()]
        self.rows = [np.flatnonzero(world.row_symbol == i) for i in self.names.values()]
        self.barred = {(int(ts), int(symbol)) for ts, symbol, flags in zip(tape.ts, tape.symbol, tape.flags, strict=True) if flags & BAR_BLACKOUT}
        self.instants = np.unique(world.row_ts).tolist()
        self.days = dict(zip(tape.ts_close.tolist(), tape.day.tolist(), strict=True))
        self.at = 0
        self.balance, self.equity, self.peak, self.stopped = capital, capital, capital, False
        self.day, self.plans, self.last = Day(capital), dict[str, Plan](), dict[str, Mapping[str, Any]]()
        self.entered: dict[tuple[int, int], int] = {}
        self.stopped_out: dict[tuple[int, int], int] = {}
        self.found = Audit()

    # --- the market ----------------------------------------------------------------------------------------------------------------------------

    def price(self, symbol: int, ts: int) -> float:
        at, closes = self.closes[symbol]
        i = int(np.searchsorted(at, ts, side="right")) - 1
        if i < 0:
            return float("nan")
        price = float(closes[i])
        for event in self.prepared.world.actions:                      # since that close, on a day that has begun
            if event["symbol"] == symbol and at[i] <= event["ts"] < ts:
                price = price - event["amount"] if event["kind"] == A_DIVIDEND else price / event["amount"] if event["kind"] == A_SPLIT else price
        return float(price)

    def row(self, symbol: int, ts: int) -> np.ndarray:
        rows = self.rows[symbol]
        i = int(np.searchsorted(self.prepared.world.row_ts[rows], ts, side="right")) - 1
        return self.prepared.world.context[rows[i]] if i >= 0 else np.full(len(k.CONTEXT_COLUMNS), np.nan)

    def worth(self, ts: int) -> float:
        """The balance and what all positions would bring at their last closes."""
        return self.balance + sum(one.direction * (self.price(one.symbol, ts) - one.average) * one.held * one.value(self.row(one.symbol, ts)[k.C_RATE])
                                  for one in self.plans.values() if one.held > 0.0)

    def open_risk(self, one: Plan, ts: int) -> float:
        """From the market to the stop for what is held, from the limit to the first stop for what rests."""
        value = one.value(self.row(one.symbol, ts)[k.C_RATE])
        held = max(0.0, one.direction * (self.price(one.symbol, ts) - one.stop)) * one.held
        return (held + one.resting * abs(one.limit - one.first_stop)) * value

    def notional(self, one: Plan, ts: int) -> float:
        return (one.held * self.price(one.symbol, ts) + one.resting * one.limit) * one.value(self.row(one.symbol, ts)[k.C_RATE])

    # --- the journal ---------------------------------------------------------------------------------------------------------------------------

    def read(self, lines: Sequence[tuple[str, int, Mapping[str, Any]]]) -> Audit:
        for kind, ts, body in lines:
            self.pass_instants(self.happens(ts, body))
            {"PLAN": self.on_plan, "ORDER": self.on_order, "FILL": self.on_fill, "EXIT": self.on_exit, "SESSION": self.on_session,
             "CHARGE": self.on_charge}.get(kind, lambda *_: None)(ts, body)
        return self.found

    def happens(self, ts: int, body: Mapping[str, Any]) -> int:
        """When a line came about: what a roll does bears the time of the old contract's last close, and is done when the new one's first bar is there."""
        if body.get("reason") != "ROLL" or body.get("symbol") not in self.names:
            return ts
        at = self.closes[self.names[body["symbol"]]][0]
        i = int(np.searchsorted(at, ts, side="right"))
        return int(at[i]) - 1 if i < at.size else ts

    def pass_instants(self, ts: int) -> None:
        """What the account was worth at every decision up to now: its peak, the day's loss and the stop of all entries hang on it."""
        while self.at < len(self.instants) and self.instants[self.at] <= ts:
            now = self.instants[self.at]
            self.at += 1
            self.equity = self.worth(now)
            self.peak = max(self.peak, self.equity)
            self.stopped = self.stopped or self.equity <= (1.0 - self.policy["equity_drawdown"]) * self.peak - SLACK * self.peak
            if (self.day.start - self.equity) / self.day.start >= self.policy["max_daily_loss"] + SLACK:
                self.day.over = True

    def on_session(self, ts: int, body: Mapping[str, Any]) -> None:
        self.day = Day(body["equity_usd"])

    def on_charge(self, ts: int, body: Mapping[str, Any]) -> None:
        self.balance = body["balance_usd"]
        self.equity -= body["cost_usd"]
        if body.get("reason") == "SPLIT":
            self.split(self.plans[body["plan_id"]], Fraction(body["ratio"]), body)

    def split(self, one: Plan, ratio: Fraction, body: Mapping[str, Any]) -> None:
        """Ratio units for one at a price of one for ratio; what rests is whole lots of new ones, prices go to the grid as those of new orders would."""
        record, r = self.prepared.world.instruments[one.symbol], float(ratio)
        tick, lot = float(record["tick"]), float(record["lot"])
        rest = floor(one.resting * r / lot + 1e-9) * lot
        one.held, one.filled, one.average = body["held"], one.filled * r, one.average / r
        one.ordered = one.filled + rest if one.rests and rest > 0.0 else one.ordered * r
        one.most = max(one.most * r, one.ordered)
        toward, away = (ceil, floor) if one.direction > 0 else (floor, ceil)
        one.limit = toward(one.limit / r / tick - one.direction * 1e-9) * tick
        one.stop, one.first_stop = away(one.stop / r / tick + one.direction * 1e-9) * tick, one.first_stop / r
        one.target = away(one.target / r / tick + one.direction * 1e-9) * tick if one.target == one.target else one.target

    def carried(self, one: Plan, ts: int) -> None:
        """The plan's prices on the new contract, which stands so much above the old one."""
        gap = next(float(event["amount"]) for event in self.prepared.world.actions
                   if event["kind"] == A_ROLL and event["symbol"] == one.symbol and event["ts"] >= ts)
        one.limit, one.stop, one.first_stop, one.target = one.limit + gap, one.stop + gap, one.first_stop + gap, one.target + gap

    def on_plan(self, ts: int, body: Mapping[str, Any]) -> None:
        known = self.plans.get(body["plan_id"])
        if known is None:
            self.last[body["plan_id"]] = body
            return
        if known.held > 0.0 and known.direction * (body["stop"] - known.stop) < -1e-9:
            self.breach(ts, "stops never loosen", (known.stop, body["stop"]))
        if body["quantity"] > known.most + 1e-12:
            self.breach(ts, "a plan never grows", (known.most, body["quantity"]))
        known.most = body["quantity"]
        farther = body["target"] is not None and known.target == known.target and known.direction * (body["target"] - known.target) > 1e-9
        if body.get("actor") == "llm" and farther:
            self.breach(ts, "no target farther by a judge", (known.target, body["target"]))
        known.target = float("nan") if body["target"] is None else body["target"]

    def on_order(self, ts: int, body: Mapping[str, Any]) -> None:
        plan_id = body["plan_id"]
        if body["leg"] == "ENTRY" and body["action"] == "NEW":
            self.entry(ts, body)
        elif body["leg"] == "ENTRY" and body["action"] == "CANCEL":
            self.plans[plan_id].rests = False
        elif body["leg"] == "STOP" and body["action"] != "CANCEL":
            known = self.plans[plan_id]
            if known.direction * (body["price"] - known.stop) < -1e-9:
                self.breach(ts, "stops never loosen", (known.stop, body["price"]))
            known.stop = body["price"]
        if body["leg"] != "ENTRY" and body["action"] == "NEW" and body["quantity"] > self.plans[plan_id].held + 1e-12:
            self.breach(ts, "no exit of more than is held", body)

    def on_fill(self, ts: int, body: Mapping[str, Any]) -> None:
        one = self.plans[body["plan_id"]]
        self.balance = body["balance_usd"]
        key = (one.symbol, one.direction)
        if body["reason"] == "ROLL" and body["leg"] == "ENTRY":           # its old contract was sold the line before
            one.held, one.average = body["quantity"], body["price"]
            self.carried(one, ts)
        elif body["leg"] == "ENTRY":
            if (ts, one.symbol) in self.barred:
                self.breach(ts, "no entry inside a news window", body)
            one.average = (one.average * one.filled + body["price"] * body["quantity"]) / (one.filled + body["quantity"])
            first = one.filled == 0.0
            one.filled += body["quantity"]
            one.held += body["quantity"]
            if one.filled > one.ordered + 1e-9:
                self.breach(ts, "no fill beyond the order", body)
            if first:
                self.entered[key] = ts
        else:
            one.held = body["held"]
            if body["leg"] == "STOP" and one.held == 0.0:
                self.stopped_out[key] = ts

    def on_exit(self, ts: int, body: Mapping[str, Any]) -> None:
        self.plans[body["plan_id"]].rests = False
        if self.day.losses < self.policy["max_losses"]:
            self.day.losses = self.day.losses + 1 if body["net_usd"] < 0.0 else 0

    # --- the rules -----------------------------------------------------------------------------------------------------------------------------

    def breach(self, ts: int, rule: str, found: Any) -> None:
        self.found.broken.append((ts, rule, found))

    def entry(self, ts: int, body: Mapping[str, Any]) -> None:
        """Every rule about one entry order, at the moment at which it leaves."""
        version, setup, symbol = self.last[body["plan_id"]], self.setups[body["setup_id"]], self.names[body["symbol"]]
        direction = 1 if body["side"] == "BUY" else -1
        record, row = self.prepared.world.instruments[symbol], self.row(symbol, ts)
        micro = body["contract"] != body["symbol"]
        unit = float(record["micro_point_value"] if micro else record["point_value"])
        one = Plan(body["plan_id"], setup, symbol, direction, unit, float(row[k.C_RATE]), body["quantity"], True, float(setup["entry"]), version["stop"],
                   version["stop"], float("nan") if version["target"] is None else version["target"], most=version["quantity"])
        self.found.orders += 1
        for rule, holds, found in self.rules(ts, body, one, row, record, micro):
            self.found.seen[rule] = self.found.seen.get(rule, 0) + 1
            if not holds:
                self.breach(ts, rule, found)
        self.plans[one.plan_id] = one

    def rules(self, ts: int, body: Mapping[str, Any], one: Plan, row: np.ndarray, record: Any, micro: bool) -> Iterator[tuple[str, bool, Any]]:
        """(rule, whether it holds, what was found) of an entry order."""
        p, setup, d, n = self.policy, one.setup, one.direction, one.ordered
        others = [other for other in self.plans.values() if other.live]
        tick, lot = float(record["tick"]), float(record["micro_lot"] if micro else record["lot"])
        distance, value = abs(one.limit - one.stop), one.unit * one.rate
        own = abs(float(setup["entry"]) - float(setup["stop"]))
        # what is asked for is the setup's own
        yield "a setup of this moment", setup["ts"] == ts and setup["kind"] == k.ENTER and setup["symbol"] == one.symbol, body
        yield "the side is the setup's", setup["direction"] in (0, d), body
        yield "shorts only where allowed", d > 0 or bool(p["allow_short"]), body
        yield "the symbol may be traded", bool(record["tradable"]), body
        yield "the price is the setup's", body["price"] is None or abs(body["price"] - float(setup["entry"])) < 1e-9, body
        yield "the stop is on its side", d * (one.limit - one.stop) > 1e-9, (one.limit, one.stop)
        yield "the stop is no wider than the setup's", distance <= own + 1e-9, (distance, own)
        if setup["target"] == setup["target"]:
            reward = abs(one.target - one.limit)
            yield "the target is no farther than the setup's", reward <= abs(float(setup["target"]) - one.limit) + 1e-9, one.target
            yield "reward for the risk", d * (one.target - one.limit) >= (p["min_reward_r"] - SLACK) * distance, (one.target, distance)
        for name, price in (("stop", one.stop), ("target", one.target)):
            yield f"the {name} is on the tick grid", price != price or abs(price / tick - round(price / tick)) < 1e-6, price
        # how much
        yield "whole lots, at least one", n >= lot - 1e-12 and abs(n / lot - round(n / lot)) < 1e-6, n
        yield "the largest quantity", n <= p["max_quantity"] + 1e-9, n
        yield "the least notional", n * one.limit * one.unit >= record["min_notional"] - SLACK, n
        cap = self.equity * p["max_risk"]
        yield "risk of one trade at the stop", n * distance * value <= cap * (1 + SLACK), (n * distance * value, cap)
        yield "risk of one trade at the setup's own stop", n * own * value <= cap * (1 + SLACK), (n * own * value, cap)
        if not p["shares"]:
            budget = self.equity * p["r_unit"] * float(setup["size_multiple"]) * self.calm(row)
            yield "risk asked for by the setup", n * own * value <= budget * (1 + SLACK), (n * own * value, budget)
        risk = sum(self.open_risk(other, ts) for other in others)
        new = n * distance * value
        yield "concurrent risk", risk + new <= p["max_concurrent"] * self.equity * (1 + SLACK), (risk, new, self.equity)
        gross, wanted = sum(self.notional(other, ts) for other in others), n * one.limit * value
        yield "gross notional", gross + wanted <= p["max_gross"] * self.equity * (1 + SLACK), (gross, wanted)
        same = sum(self.notional(other, ts) for other in others if other.symbol == one.symbol)
        yield "notional of the symbol", same + wanted <= p["max_symbol"] * self.equity * (1 + SLACK), (same, wanted)
        groups = self.prepared.world.instruments["group"]
        alike = [other for other in others if groups[other.symbol] == record["group"] >= 0]
        yield "positions of the group", record["group"] < 0 or len(alike) < p["max_group"], len(alike)
        held = sum(self.notional(other, ts) for other in alike)
        yield "notional of the group", record["group"] < 0 or held + wanted <= p["max_group_notional"] * self.equity * (1 + SLACK), (held, wanted)
        beside = [other for other in others if other.symbol == one.symbol]
        yield "no more plans of a symbol than there is room for", len(beside) < self.prepared.plan.shape.plans_a_symbol, len(beside)
        yield "plans beside it are positions of its side", all(other.direction == d and other.held > 0.0 and other.resting <= 1e-9 for other in beside), body
        if p["correlation_days"] > 0:
            bet = sum(self.open_risk(other, ts) for other in self.one_bet(one, others, ts))
            yield "risk of what moves together", bet + new <= p["max_correlated"] * self.equity * (1 + SLACK), (bet, new)
        if p["margin"]:
            tied = sum(self.tied(other, other.held, self.price(other.symbol, ts), ts) + self.tied(other, other.resting, other.limit, ts) for other in others)
            asked = self.tied(one, n, one.limit, ts)
            yield "margin", tied + asked <= self.equity * (1 + SLACK), (tied, asked, self.equity)
        if p["tail_min_days"] > 0:
            losses = self.losses(one, others, max(distance, own), ts)
            if len(losses) >= p["tail_min_days"]:
                for name, share, limit, mean in (("value at risk", Fraction(1, 20), "var95", False), ("expected shortfall", Fraction(1, 40), "es975", True)):
                    worst = losses[:max(1, ceil(share * len(losses)))]
                    measured = sum(worst) / len(worst) if mean else worst[-1]
                    yield name, measured <= p[limit] * self.equity * (1 + SLACK) + SLACK, (measured, self.equity)
        if p["cash_only"] and p["shares"]:
            spent = sum((other.held * other.average + other.resting * other.limit) * other.value(self.row(other.symbol, ts)[k.C_RATE])
                        for other in others if other.direction > 0)
            yield "paid in cash", wanted <= (self.balance - spent) + SLACK * self.equity, (wanted, self.balance, spent)
        # when
        yield "inside the window of entries", p["entries_from"] <= ts < p["entries_until"], ts
        yield "the day's loss", not self.day.over and (self.day.start - self.equity) / self.day.start < p["max_daily_loss"] + SLACK, self.equity
        projected = (self.day.start - self.equity + risk + new) / self.day.start
        yield "the day's loss with all that is at risk", projected <= p["max_daily_loss"] + SLACK, projected
        yield "the loss from the peak", not self.stopped, (self.equity, self.peak)
        yield "the quality of the data", all(self.row(i, ts)[k.C_DATA_SCORE] >= p["data_score_min"] - 1e-9 for i in self.here(ts)), ts
        yield "the features are ready", row[k.C_READY] > 0.5 and row[k.C_LAST_BAR_AGE_NS] <= p["max_age_ns"], row[k.C_READY]
        yield "outside news windows", not row[k.C_BLACKOUT] > 0.5, ts
        yield "enough of the session is left", bool(setup["plan_flags"] & k.OVERNIGHT) or row[k.C_SESSION_LEFT_NS] >= p["session_left_ns"], row
        key = (one.symbol, d)
        yield "rest after an entry", ts - self.entered.get(key, -10**18) >= p["cooldown_entry_ns"], self.entered.get(key)
        yield "rest after a stop-out", ts - self.stopped_out.get(key, -10**18) >= p["cooldown_stop_ns"], self.stopped_out.get(key)
        yield "rest after losses", self.day.losses < p["max_losses"], self.day.losses
        yield "the judge's breaker", not self.judge_is_out(ts), ts

    def calm(self, row: np.ndarray) -> float:
        """How much more than usual may be risked where volatility is lower than usual."""
        ratio = row[k.C_VOL_RATIO]
        return min(max(ratio, self.policy["vol_size_least"]), self.policy["vol_size_most"]) if ratio == ratio else 1.0

    def known(self, symbol: int, ts: int) -> int:
        """How many daily returns of a symbol are completed."""
        days = self.row(symbol, ts)[k.C_DAILY_ROW]
        return int(days) if days == days else 0

    def losses(self, one: Plan, others: Sequence[Plan], distance: float, ts: int) -> list[float]:
        """What each of the last days would have cost everything live with this order, the worst first; only days on which all of them have a return.

        Where positions leave with the session, none loses more than so many times its distance to the stop.
        """
        p, returns = self.policy, self.prepared.world.returns
        bets = [(one.symbol, one.direction * one.ordered * one.limit * one.unit * one.rate, distance * one.ordered * one.unit * one.rate, one.setup)]
        bets += [(other.symbol, other.direction * self.notional(other, ts), self.open_risk(other, ts), other.setup) for other in others]
        found = list[float]()
        for day in reversed(range(min(self.known(symbol, ts) for symbol, *_ in bets))):
            moved = [float(returns[day, symbol]) for symbol, *_ in bets]
            if len(found) < p["tail_days"] and all(move == move for move in moved):
                found.append(sum(min(-move * notional, p["tail_stop_factor"] * risk if p["flat_session"] and not setup["plan_flags"] & k.OVERNIGHT else np.inf)
                                 for move, (_, notional, risk, setup) in zip(moved, bets, strict=True)))
        return sorted(found, reverse=True)

    def one_bet(self, one: Plan, others: Sequence[Plan], ts: int) -> list[Plan]:
        """Plans of the order's side that move together with it, or with one that does."""
        bet, left, grew = [one], [other for other in others if other.direction == one.direction], True
        while grew:
            more = [other for other in left if any(self.alike(other.symbol, member.symbol, ts) for member in bet)]
            bet, left, grew = [*bet, *more], [other for other in left if not any(other is each for each in more)], bool(more)
        return bet[1:]

    def alike(self, a: int, b: int, ts: int) -> bool:
        if a == b:
            return True
        days, least = int(self.policy["correlation_days"]), self.policy["correlation"]
        pair = self.prepared.world.returns[:min(self.known(a, ts), self.known(b, ts))][:, [a, b]]
        pair = pair[~np.isnan(pair).any(axis=1)][-days:]
        return len(pair) == days and bool(np.corrcoef(pair.T)[0, 1] >= least - 1e-9)

    def tied(self, one: Plan, units: float, price: float, ts: int) -> float:
        """What so many units of a plan's contract tie up to be opened at a price."""
        record, rate = self.prepared.world.instruments[one.symbol], self.row(one.symbol, ts)[k.C_RATE]
        rate = rate if rate == rate else one.rate
        if record["margin_is_money"]:
            micro = one.unit != float(record["point_value"])
            return units * float(record["micro_margin" if micro else "margin"][0]) * rate
        return units * price * one.unit * float(record["margin_open"][1 if one.direction > 0 else 0]) * rate

    def here(self, ts: int) -> list[int]:
        """Symbols that decide at this moment."""
        return [i for i, rows in enumerate(self.rows) if (self.prepared.world.row_ts[rows] == ts).any()]

    def judge_is_out(self, ts: int) -> bool:
        """Whether so many failures in a row as the policy bears lie less than the timeout back."""
        run = 0
        for at, failed in self.failures():
            if at >= ts:
                break
            run = run + 1 if failed else 0
            if run >= self.policy["llm_failures"] and ts < at + self.policy["llm_timeout_ns"]:
                return True
        return False


def audit(prepared: Prepared, lines: Sequence[tuple[str, int, Mapping[str, Any]]], capital: float = 100_000.0,
          failures: Sequence[tuple[int, bool]] = (), limits: Mapping[str, Any] | None = None) -> Audit:
    """What of a journal breaks the policy that it was made under; `limits` instead of those of the policy."""
    auditor = Auditor(prepared, capital, lambda: failures)
    auditor.policy |= limits or {}
    return auditor.read(lines)
