"""Bars in which nothing can happen are taken at once; what is told and what the engine keeps is what it is when each bar is taken by itself.

A command that comes after the end makes the engine take bar by bar: it does nothing else.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pse.brokers.sim import SimBroker
from pse.engine.prepare import Prepared, prepare
from pse.engine.state import fresh_state
from pse.kernels import codes as c
from pse.kernels import contract as k
from pse.kernels.state import INPUT_DTYPE
from tests.engine.made import Shape, made
from tests.laws.test_shipped_desks import DESKS, bars_of, prepared

WAYS = ({}, {"trail_swing": 0}, {"trail_best": 1}, {"trail_best": 2, "trail_ticks": 20.0}, {"breakeven_r": 0.3}, {"breakeven_r": 50.0, "partial": 0.0},
        {"stale_bars": 3, "stale_mfe_r": 5.0}, {"max_daily_loss": 0.002, "flatten_on_limit": 1},
        {"flat_session": 0}, {"through_ticks": 0.0, "target_through_ticks": 0.0}, {"target_first": 1}, {"roll_carry": 1}, {"swing_side": 5})


SCALE_IN = "risk_policies.futures_intraday.limits.max_plans_per_symbol=3"


def few_rows(one: Prepared) -> Prepared:
    """The same with decisions at setups alone."""
    kept = np.isin(one.world.row_ts, one.world.setups["ts"])
    world = one.world._replace(row_ts=one.world.row_ts[kept], row_symbol=one.world.row_symbol[kept], context=np.ascontiguousarray(one.world.context[kept]))
    return replace(one, world=world)


def outcome(one: Prepared, one_by_one: bool, cuts: tuple[int, ...] = ()):
    """Events, trades and the state in the end; of the state all but the bar that was looked at last, which is scratch."""
    broker, state = SimBroker(one.plan.shape.slots), fresh_state(one.plan.shape, 100_000.0)
    if one_by_one:
        late = np.zeros(1, INPUT_DTYPE)
        late["ts"], late["kind"] = k.NEVER - 1, c.I_CLOCK
        broker.tell(late)
    events, trades = [], []
    for until in (*cuts, one.until_ns):
        pause = None
        while pause != c.DONE:
            told = broker.advance(state, replace(one, until_ns=until))
            events.append(told.events.tobytes())
            trades.append(told.trades.tobytes())
            pause = told.pause
    kept = {name: getattr(state, name).tobytes() for name in state._fields if name != "bar"}
    return b"".join(events), b"".join(trades), kept


def assert_alike(one: Prepared, seed: int) -> int:
    events, trades, kept = outcome(one, True)
    assert outcome(one, False) == (events, trades, kept)
    cuts = np.sort(np.random.default_rng(seed).integers(int(one.tape.ts[0]), one.until_ns, 7)).tolist()
    assert outcome(one, False, cuts) == (events, trades, kept)
    return len(trades)


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_a_made_up_market_is_traded_alike(way):
    assert sum(assert_alike(made(seed, Shape(900, 12, rich=seed % 2 == 1), **way), seed) for seed in range(6)) > 0


@given(seed=st.integers(0, 2**32 - 1), ways=st.lists(st.sampled_from(WAYS), max_size=4), setups=st.integers(1, 40),
       symbols=st.sampled_from((("ES",), ("ES",), ("ES", "NQ"))), overrides=st.sampled_from(((), (), (SCALE_IN,))), rich=st.booleans(), sparse=st.booleans())
def test_any_market_under_any_limits_is_traded_alike(seed, ways, setups, symbols, overrides, rich, sparse):
    one = made(seed, Shape(700, setups, symbols, overrides=overrides, rich=rich), **{name: value for way in ways for name, value in way.items()})
    assert_alike(few_rows(one) if sparse else one, seed)


@pytest.mark.parametrize("way", WAYS[::3], ids=str)
def test_a_market_with_few_decisions_is_traded_alike(way):
    """Rows at setups alone, as of a desk that reads nothing else: whole days pass in between."""
    found = 0
    for seed in range(6):
        found += assert_alike(few_rows(made(seed, Shape(1_500, 10), **way)), seed)
    assert found > 0


@pytest.mark.parametrize("desk", DESKS)
def test_a_shipped_desk_of_one_symbol_trades_alike(desk):
    whole = prepared(desk, 1)
    plan = replace(whole.plan, symbols=whole.plan.symbols[:1], instruments=whole.plan.instruments[:1], rates=whole.plan.rates[:1])
    assert_alike(prepare(plan, bars_of(whole.plan, 1)[:1], whole.mode, int(whole.tape.ts[0]), whole.until_ns), 1)
