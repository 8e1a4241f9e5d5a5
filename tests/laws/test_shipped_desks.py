"""The laws of one engine on every desk that is shipped, over made bars with its own features, tactics and limits: in one go, cut anywhere, bar by bar, or
asked one question at a time, a desk does the same; and what its accounts hold adds up."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from pse.agents.rules import decide
from pse.engine.desk import Mode, desk_plan
from pse.engine.prepare import Prepared, prepare
from pse.engine.state import save_state
from pse.features.resampled import resample
from pse.kernels.contract import ENTER
from pse.research.books import books
from pse.settings import load_settings
from tests.engine.made import batches, bodies, journal_bytes, journal_lines, state_of
from tests.features.made import minutes
from tests.laws.test_accounts_add_up import reconciled
from tests.tactics.dailies import walk_bars

HOME = Path("no-such-home")
DESKS = tuple(sorted(load_settings(HOME).desks))
DAYS = {"1m": 7, "15m": 14, "1d": 900}
SEEDS = (1, 2)
SILENT = {"crypto-spot"}                         # its only tactic leaves the direction to a judge, and rules have none


def bars_of(plan, seed):
    """Made bars of every symbol in the desk's base timeframe, some of them missing, futures with a roll."""
    found = []
    for i, instrument in enumerate(plan.instruments):
        if plan.base_timeframe == "1d":
            found.append(walk_bars(seed * 31 + i, DAYS["1d"], instrument.symbol, instrument.calendar, missing=0.01))
            continue
        own = replace(minutes(seed * 31 + i, DAYS[plan.base_timeframe], instrument.calendar, 0.01, 3 if instrument.kind == "future" else 0, instrument.tick),
                      symbol=instrument.symbol)
        found.append(own if plan.base_timeframe == "1m" else resample(own, plan.base_timeframe).bars)
    return found


@cache
def prepared(desk: str, seed: int, ask: bool = False) -> Prepared:
    plan = desk_plan(load_settings(HOME, overrides=(f"desk={desk}",)))
    bars = bars_of(plan, seed)
    start, end = min(int(one.ts_open[0]) for one in bars), max(int(one.ts_close[-1]) for one in bars)
    if ask:
        whole = prepared(desk, seed)
        return prepare(plan, bars, Mode(end_ns=end, ask=True), start, end, features=whole.features)
    return prepare(plan, bars, Mode(end_ns=end), start, end)


def outcome(one: Prepared, cuts=()) -> tuple[bytes, bytes]:
    state = state_of(one)
    found = list(batches(one, decide=decide, state=state, cuts=cuts))
    return save_state(state, one.plan.shape), journal_bytes(found)


@cache
def in_one_go(desk: str, seed: int) -> tuple[bytes, bytes]:
    return outcome(prepared(desk, seed))


@pytest.mark.parametrize("seed", [SEEDS[0], *(pytest.param(seed, marks=pytest.mark.slow) for seed in SEEDS[1:])])
@pytest.mark.parametrize("desk", DESKS)
def test_a_shipped_desk_cut_anywhere_does_the_same(desk, seed):
    one = prepared(desk, seed)
    rng = np.random.default_rng([seed, 11])
    begin, end = int(one.tape.ts[0]), int(one.until_ns)
    for size in (1, 4, 30):
        assert outcome(one, sorted(rng.integers(begin, end, size).tolist())) == in_one_go(desk, seed)
    twice = np.repeat(np.unique(one.world.setups["ts"])[:200], 2).tolist()
    assert outcome(one, twice) == in_one_go(desk, seed)


@pytest.mark.parametrize("desk", DESKS)
def test_a_shipped_desk_bar_by_bar_does_the_same(desk):
    one = prepared(desk, SEEDS[0])
    instants = np.unique(np.concatenate([one.tape.ts_close, one.world.row_ts]))
    assert outcome(one, instants.tolist()) == in_one_go(desk, SEEDS[0])


@pytest.mark.parametrize("seed", [SEEDS[0], *(pytest.param(seed, marks=pytest.mark.slow) for seed in SEEDS[1:])])
@pytest.mark.parametrize("desk", DESKS)
def test_the_rules_of_a_shipped_desk_asked_one_by_one_do_the_same(desk, seed):
    assert outcome(prepared(desk, seed, True)) == in_one_go(desk, seed)


@pytest.mark.parametrize("desk", DESKS)
def test_the_accounts_of_a_shipped_desk_add_up(desk):
    orders = 0
    for seed in SEEDS:
        one = prepared(desk, seed)
        found = list(batches(one))
        lines = journal_lines(found)
        ledger, told = reconciled(one, lines), books(lines, 100_000.0)
        assert abs(float(ledger.balance()) - told.balance) < 1e-4
        assert all(row["quantity"] == 0.0 for row in told.positions().iter_rows(named=True))
        for row in told.positions().iter_rows(named=True):
            assert row["realised_fifo_usd"] == pytest.approx(row["realised_usd"], abs=1e-4) == pytest.approx(row["realised_average_usd"], abs=1e-4)
        orders += len(bodies(found, "ORDER"))
        assert (one.world.setups["kind"] == ENTER).any()
    assert orders > 0 or desk in SILENT
