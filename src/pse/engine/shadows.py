"""The shadow of a setup: what it would have come to alone, through the same engine, fills, costs and exits, on an account that holds nothing else.

It is put into the run's own state at the moment of its decision: swings, rests and tallies are those of the run, other plans and losses of the day are
not.  Its size is what it would have had there; where the account had no room for any, one lot on an account with room, because its result in R is what
counts.  Nothing of a shadow goes back into a run.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from pse.domain.sessions import DAY_NS
from pse.engine.moments import copied
from pse.engine.rejudged import APPROVED, VETOED, Rejudged
from pse.engine.state import LIVE
from pse.kernels import codes as c
from pse.kernels.book import State, World

Status = Literal["FILLED", "UNFILLED", "REFUSED", "NO_SIDE"]
ROOM = 1e12                                      # money of an account that has room for anything
WIDE = {"max_risk": 1.0, "r_unit": 1.0, "max_daily_loss": 9.0, "max_concurrent": ROOM, "max_gross": ROOM, "max_symbol": ROOM, "max_group": 10**6,
        "max_group_notional": ROOM, "cash_only": 0, "margin": 0, "max_correlated": ROOM, "tail_min_days": 0, "equity_drawdown": 9.0,
        "max_losses": 10**6, "kelly_share": 0.0}


@dataclass(frozen=True)
class Shadow:
    """What a setup came to alone.  `r`: net, in units of its own risk; money 0 where it was not filled.  `one_lot`: the account had no room for it.
    `code`: why it was refused or how it ended."""

    status: Status
    code: str = ""
    r: float = 0.0
    net: float = 0.0
    risk: float = 0.0
    quantity: float = 0.0
    entry_ts: int = 0
    exit_ts: int = 0
    one_lot: bool = False

    @property
    def known(self) -> bool:
        """Whether it has a result; one that was not filled came to nothing."""
        return self.status in ("FILLED", "UNFILLED")


@dataclass(frozen=True)
class Priced:
    """A setup that a judge was asked about: alone as it was proposed, and alone as the judge edited it where it did (None where not)."""

    row: int
    original: Shadow
    modified: Shadow | None = None
    factor: float = 1.0

    @property
    def modified_r(self) -> float | None:
        """Net of the edited setup in units of the risk of the original, so that a smaller size shows; None where nothing was edited or is known."""
        if self.modified is None or not self.original.known:
            return None
        if self.original.risk <= 0.0:
            return 0.0
        return self.modified.net * self.factor / self.original.risk


def price_all(run: Rejudged) -> tuple[dict[int, Priced], dict[int, State]]:
    """Every setup that was asked about, priced, by its row; and the state at each question of a setup that the judge turned down or edited."""
    priced: dict[int, Priced] = {}
    states: dict[int, State] = {}

    def look(state: State, rows: np.ndarray) -> None:
        kept: State | None = None
        for row in rows.tolist():
            if not run.asked[row] or row in priced:
                continue
            priced[row] = priced_at(run, state, row)
            if run.verdicts["code"][row] != c.APPROVE:
                kept = copied(state) if kept is None else kept
                states[row] = kept

    run.as_it_was(look)
    return priced, states


def priced_at(run: Rejudged, state: State, row: int) -> Priced:
    """A setup of the open question, alone."""
    if run.prepared.world.setups["direction"][row] == 0:
        return Priced(row, Shadow("NO_SIDE"))
    original = alone(run, state, row, APPROVED)
    verdict = run.verdicts[row]
    if verdict["code"] != c.MODIFY or not original.known:
        return Priced(row, original)
    if not original.one_lot:
        return Priced(row, original, alone(run, state, row, verdict, fallback=False))
    whole, factor = verdict.copy(), float(verdict["size_factor"])              # one lot cannot show a smaller size
    whole["size_factor"] = min(1.0, factor) if not 0.0 < factor <= 1.0 else 1.0
    return Priced(row, original, alone(run, state, row, whole), factor if 0.0 < factor <= 1.0 else 1.0)


def alone(run: Rejudged, state: State, row: int, verdict: np.ndarray, fallback: bool = True) -> Shadow:
    """One setup of the open question under a verdict, on an account that holds nothing else."""
    found = _lived(run, _emptied(state), _only_now(run.prepared.world, state), row, verdict, False)
    if found.status != "REFUSED" or not fallback:
        return found
    wide = _emptied(state)
    for name in ("balance", "equity", "day_start_equity", "high_water"):
        wide.account[name] = ROOM
    return _lived(run, wide, _with_room(_only_now(run.prepared.world, state), row), row, verdict, True)


def _emptied(state: State) -> State:
    """A copy whose account holds and owes nothing, with the equity that it had and nothing lost today."""
    found = copied(state)
    symbols = found.plans["symbol"].copy()
    found.plans.fill(0)
    found.plans["symbol"] = symbols
    account = found.account[0]
    account["live"] = account["losses_today"] = account["day_over"] = 0
    account["llm_state"] = account["data_state"] = account["equity_state"] = c.B_CLOSED
    for name in ("balance", "day_start_equity", "high_water"):
        account[name] = account["equity"]
    return found


def _only_now(world: World, state: State) -> World:
    """The world in which nobody enters after the instant at hand."""
    policy = world.policy.copy()
    policy["entries_until"] = int(state.account[0]["instant"]) + 1
    return world._replace(policy=policy)


def _with_room(world: World, row: int) -> World:
    """The world whose limits on the account leave room for one lot of this setup."""
    policy, instrument = world.policy.copy(), world.instruments[int(world.setups["symbol"][row])]
    for name, value in WIDE.items():
        policy[name] = value
    policy["max_quantity"] = float(instrument["lot"])
    return world._replace(policy=policy)


def _lived(run: Rejudged, state: State, world: World, row: int, verdict: np.ndarray, one_lot: bool) -> Shadow:
    """The setup from the open question to its end."""
    account = state.account[0]
    asked = state.asked[:int(account["asked"])]
    state.verdicts[:asked.size] = VETOED
    state.verdicts[np.flatnonzero(asked == row)[0]] = verdict
    state.verdicts["cost_usd"] = 0.0
    account["answered"] = 1
    before, until, reach, last = int(account["plans"]), int(account["instant"]), DAY_NS, int(world.policy["end"][0])
    spoken, brief = world.policy.copy(), replace(run.prepared, world=world)
    spoken["events"] = c.EVENTS_FULL                           # what is decided is told, and what comes after it briefly
    step, code = replace(run.prepared, world=world._replace(policy=spoken)), int(c.R_OK)
    while True:
        told = run.broker.advance(state, replace(step, until_ns=until))
        mine = told.events[(told.events["kind"] == c.E_DECISION) & (told.events["setup"] == row)]
        code = int(mine["code"][-1]) if mine.size else code
        if (ended := told.trades[told.trades["setup"] == row]).size:
            return _traded(ended[0], one_lot)
        if told.pause == c.PAUSE_ASK:                          # another symbol of this instant
            state.verdicts[:int(account["asked"])] = VETOED
            account["answered"] = 1
        if told.pause != c.DONE:
            continue
        if account["plans"] == before:
            return Shadow("REFUSED", c.REASONS[code], one_lot=one_lot)
        if not np.isin(state.plans["status"], LIVE).any() or until >= last:
            return Shadow("UNFILLED", one_lot=one_lot)
        step, until, reach = brief, min(until + reach, last), 2 * reach


def _traded(trade: np.ndarray, one_lot: bool) -> Shadow:
    return Shadow("FILLED", c.REASONS[int(trade["reason"])], float(trade["r"]), float(trade["net"]), float(trade["risk_usd"]), float(trade["quantity"]),
                  int(trade["entry_ts"]), int(trade["exit_ts"]), one_lot)
