"""On a walk without memory no tactic earns anything before costs: whoever sees ahead does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pse.agents.rules import decide
from pse.brokers.sim import SimBroker
from pse.domain.bars import Bars
from pse.engine.desk import Mode, desk_plan
from pse.engine.loop import run
from pse.engine.outcome import Outcome
from pse.engine.prepare import prepare
from pse.engine.state import fresh_state
from pse.settings import load_settings
from tests.features.made import minutes

OPEN_GATES = ("risk_policies.futures_intraday.gates.ev_min_r=-9", "risk_policies.futures_intraday.breakers.equity_drawdown=1.0", "account.capital=100000000",
              "instruments.ES.stop_cap_points=100")


def memoryless(seed: int) -> Bars:
    """200 sessions of minutes whose steps know nothing of each other, in calm and wild hours."""
    base, rng = minutes(seed, 200), np.random.default_rng(seed)
    n = len(base)
    wild = np.repeat(np.exp(rng.normal(0, 0.5, n // 240 + 1)), 240)[:n]
    step = np.round(rng.standard_normal(n) * 2.5 * wild) * 0.25
    close = 4000 + np.cumsum(step)
    opened = close - step
    high, low = np.maximum(opened, close) + rng.integers(0, 3, n) * 0.25, np.minimum(opened, close) - rng.integers(0, 3, n) * 0.25
    return replace(base, open=opened, high=high, low=low, close=close, offset=np.zeros(n), roll=np.zeros(n, bool))


@pytest.mark.slow
def test_no_tactic_for_futures_earns_on_a_walk_without_memory():
    plan, found = desk_plan(load_settings(Path("no-such-home"), overrides=OPEN_GATES), ("ES",)), {}
    for seed in range(3):
        bars = memoryless(seed)
        step, outcome = prepare(plan, [bars], Mode(end_ns=int(bars.ts_close[-1])), int(bars.ts_open[0]), int(bars.ts_close[-1])), Outcome()
        for batch in run([step], decide, SimBroker(1), fresh_state(plan.shape, plan.capital)):
            outcome.take(batch)
        for trade in outcome.trades().iter_rows(named=True):
            found.setdefault(trade["tactic"], []).append((trade["gross_usd"] + trade["slippage_usd"]) / trade["risk_usd"])
    assert sum(map(len, found.values())) > 800
    for tactic, gross_r in found.items():
        error = np.std(gross_r) / np.sqrt(len(gross_r))
        assert np.mean(gross_r) < 3 * error, (tactic, len(gross_r), np.mean(gross_r), error)
