"""Made windows with everything in them: contracts that roll with a known gap, shares that split and pay, several plans a symbol, margin, borrowed shares,
stops that follow in every way, returns that move together; and a broker outside that fills in parts, late and after a cancel."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from pse.brokers.sim import SimBroker
from pse.engine.desk import Mode
from pse.engine.prepare import Prepared
from pse.kernels import codes as c
from pse.kernels import contract as k
from pse.kernels.plans import TRAIL_CHANDELIER, TRAIL_FIXED
from pse.kernels.state import A_DIVIDEND, A_ROLL, A_SPLIT, ACTION_DTYPE, BAR_ROLL, INPUT_DTYPE
from tests.engine.made import MINUTE, SESSION_MINUTES, START, Shape, made

SECOND = 10**9
TWO_PLANS = ("risk_policies.futures_intraday.limits.max_plans_per_symbol=2",)
DAY = (SESSION_MINUTES + 60) * MINUTE
RATIOS = (2.0, 4.0, 1.5, 0.5)                      # each a number that floats hold exactly
IN_PRICE = ("entry", "stop", "target", "target2", "invalid_price", "limit_price")
SHAPES = {
    "futures": Shape(700, 140, ("ES", "NQ"), overrides=TWO_PLANS, rich=True),
    "shares": Shape(700, 140, ("ES", "NQ"), rolls=False, overrides=TWO_PLANS, rich=True),
    "one future": Shape(700, 90, overrides=TWO_PLANS),
}


def fuller(seed: int, which: str, mode: Mode | None = None, **policy: Any) -> Prepared:
    """A window of SHAPES drawn from `seed`; `policy` replaces fields of the policy record."""
    rng, shape = np.random.default_rng([seed, 21]), SHAPES[which]
    shares = int(which == "shares")
    limits = {"shares": shares, "roll_carry": int(rng.random() < 0.8), "margin": int(rng.random() < 0.7), "max_group": 9, "min_confidence": 0.1,
              "trail_best": rng.choice([0, TRAIL_CHANDELIER, TRAIL_FIXED]), "trail_ticks": float(rng.choice([0.0, 6.0, 20.0])), "trail_percent": 0.1,
              "trail_swing": int(rng.random() < 0.5), "trail_range_atr": float(rng.choice([0.25, 1.0])), "cooldown_entry_ns": 0, "cooldown_stop_ns": 0,
              "flat_session": int(rng.random() < 0.3), "max_gross": 50.0, "ev_min": -9.0, "max_losses": 50, "equity_drawdown": 0.9, "max_daily_loss": 0.9,
              "max_concurrent": 0.3, **policy}
    prepared = made(seed, shape, mode, **limits)
    # more is asked to keep a position than to open it, as after a change of the broker's terms: then there are margin calls
    world, rows = prepared.world, list[tuple[int, int, int, float]]()
    if shares:
        world.instruments["point_value"], world.instruments["borrow_rate"] = 1.0, 0.5
        world.instruments["margin_open"], world.instruments["margin_keep"] = (0.5, 0.5), (0.9, 0.9)
        for symbol in range(len(shape.symbols)):
            for day in (1, 2):
                rows += [(START + day * DAY, symbol, A_DIVIDEND, float(rng.choice([0.25, 3.5])))] if rng.random() < 0.7 else []
                if rng.random() < 0.6:
                    rows.append((START + day * DAY, symbol, A_SPLIT, float(rng.choice(RATIOS))))
    else:
        world.instruments["margin_is_money"], world.instruments["margin"] = 1, rng.choice([5_000.0, 30_000.0, 49_000.0]) * np.array([1.0, 1.3])
        world.instruments["micro_margin"] = world.instruments["margin"] / 10
        rolls = np.flatnonzero(prepared.tape.flags & BAR_ROLL)
        ticks = world.instruments["tick"][prepared.tape.symbol[rolls]]
        rows = [(int(prepared.tape.ts[at]), int(prepared.tape.symbol[at]), A_ROLL, float(rng.integers(-12, 13) * tick))
                for at, tick in zip(rolls.tolist(), ticks.tolist(), strict=True)]
    for ts, symbol, kind, amount in rows:
        if kind != A_DIVIDEND:
            turn(prepared, symbol, ts, *((1.0 / amount, 0.0) if kind == A_SPLIT else (1.0, amount)))
    together = rng.random() < 0.5
    if together and world.returns.shape[1] > 1:
        world.returns[:, 1] = world.returns[:, 0] + 0.2 * world.returns[:, 1]
    return replace(prepared, world=world._replace(actions=np.array(sorted(rows), ACTION_DTYPE)))


def turn(prepared: Prepared, symbol: int, since: int, scale: float, shift: float) -> None:
    """Every price of a symbol from a moment on times `scale` plus `shift`, on the grid."""
    tape, world = prepared.tape, prepared.world
    tick = float(world.instruments["tick"][symbol])
    bars = (tape.symbol == symbol) & (tape.ts >= since)
    for column in (tape.open, tape.high, tape.low, tape.close):
        column[bars] = np.rint((column[bars] * scale + shift) / tick) * tick
    later = (world.row_symbol == symbol) & (world.row_ts > since)
    for one in (k.C_CLOSE, k.C_DAILY_CLOSE):
        world.context[later, one] = np.rint((world.context[later, one] * scale + shift) / tick) * tick
    for one in (k.C_ATR, k.C_DAILY_ATR):
        world.context[later, one] *= scale
    mine = (world.setups["symbol"] == symbol) & (world.setups["ts"] > since)
    for name in IN_PRICE:
        world.setups[name][mine] = np.rint((world.setups[name][mine] * scale + shift) / tick) * tick
    world.setups["trail_buffer"][mine] *= scale


class Outside(SimBroker):
    """A broker outside that answers what it was sent: entries in parts, some after their cancel, stops and targets at any time, some of them twice.

    It learns of orders between steps, so it is driven in many of them.  `told`: reports by kind.
    """

    def __init__(self, prepared: Prepared, seed: int) -> None:
        super().__init__(prepared.plan.shape.slots)
        self.rng, self.prepared, self.until = np.random.default_rng([seed, 23]), prepared, 0
        self.due, self.told, self.late = list[dict[str, Any]](), np.zeros(0, INPUT_DTYPE), 0

    def advance(self, state: Any, step: Any) -> Any:
        self.until = step.until_ns
        return super().advance(state, step)

    def inputs(self) -> np.ndarray:
        now = [one for one in self.due if one["ts"] <= self.until]
        self.due = [one for one in self.due if one["ts"] > self.until]
        last = int(self.told["ts"][-1]) if self.told.size else 0
        rows = np.zeros(len(now), INPUT_DTYPE)
        for row, one in zip(rows, sorted(now, key=lambda one: one["ts"]), strict=True):
            for name, value in {**one, "ts": max(one["ts"], last)}.items():
                row[name] = value
        self.told = np.concatenate([self.told, rows])
        return self.told

    def later(self, event: Any, seconds: float, kind: int, quantity: float = 0.0) -> None:
        symbol, tape = int(event["symbol"]), self.prepared.tape
        at = int(np.searchsorted(tape.ts_close[tape.symbol == symbol], event["ts"], side="right")) - 1
        tick = float(self.prepared.world.instruments["tick"][symbol])
        price = float(tape.close[tape.symbol == symbol][max(at, 0)]) + tick * int(self.rng.integers(-6, 7))
        self.due.append({"ts": int(event["ts"]) + int(seconds * SECOND) + 1, "kind": kind, "symbol": symbol, "plan": int(event["plan"]), "leg": int(event["i"]),
                         "price": price, "quantity": quantity, "fee": round(0.37 * quantity, 2)})

    def send(self, events: np.ndarray) -> None:
        for event in events[events["kind"] == c.E_ORDER]:
            leg, quantity = int(event["i"]), float(event["b"])
            if event["j"] == c.O_CANCEL:
                self.cancel(event, leg, quantity)
            elif leg == c.LEG_ENTRY:
                parts = int(self.rng.integers(0, 4))
                for part in range(min(parts, int(quantity))):
                    self.later(event, 20 + 300 * part * self.rng.random(), c.I_FILL, quantity // parts)
            elif leg == c.LEG_EXIT:
                self.later(event, 30, c.I_FILL, quantity)
            else:
                self.forget(event, leg)
                if self.rng.random() < 0.6:
                    self.later(event, 60 * self.rng.integers(1, 90), c.I_FILL, quantity)

    def cancel(self, event: Any, leg: int, quantity: float) -> None:
        """An entry is confirmed as cancelled, at times after what filled meanwhile."""
        self.forget(event, leg)
        if leg != c.LEG_ENTRY:
            return
        if self.rng.random() < 0.4:
            self.late += 1
            self.later(event, 10, c.I_FILL, max(1.0, quantity // 2))
        self.later(event, 20, c.I_CANCELLED)

    def forget(self, event: Any, leg: int) -> None:
        if self.rng.random() < 0.9:
            self.due = [one for one in self.due if (one["plan"], one["leg"], one["kind"]) != (int(event["plan"]), leg, c.I_FILL)]
