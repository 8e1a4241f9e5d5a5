"""What a run keeps of what was open at its worst moment: the close, of all closes, at which open risk was the largest share of equity."""

from __future__ import annotations

import numpy as np
import pytest

from pse.engine.desk import Mode
from pse.engine.moments import state_at
from pse.engine.portfolio import _risk_share, portfolio_of, remembered
from tests.engine.made import TO_THE_END, Shape, made
from tests.engine.plain import at, entry, market

FREE = {"trail_swing": 0, "partial": 0.0, "max_gross": 100.0, "max_quantity": 1, "breakeven_r": 99.0}


def test_a_position_that_runs_away_from_its_stop_is_at_its_worst_where_it_stands_highest():
    """Long one ES from 4000.25, stop 3996, a point a minute upward to 4009.25 and back: at that close 13.25 points of 50 dollars are open to the stop."""
    path = [4000.0, *(4000.0 + one for one in range(1, 10)), *(4009.0 - one for one in range(1, 6))]
    bars = {(0, 11 + i): (price, price, price - 0.5, price) for i, price in enumerate(path)}
    prepared = market([entry(10, risk=4.0, reward=40.0)], bars=bars, **FREE)
    found = remembered(prepared)["worst"]
    assert found.ts == at(21) and found.positions[0].price == 4009.0
    assert found.open_risk_usd == pytest.approx((4009.0 - 3996.0) * 50.0)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("shape", [Shape(300, 30), Shape(240, 60, ("ES", "NQ"), rich=True, overrides=(
    "risk_policies.futures_intraday.limits.max_plans_per_symbol=3",))])
def test_no_moment_of_a_run_is_worse(seed, shape):
    """By playing the run anew to every close."""
    prepared = made(seed, shape, Mode(end_ns=TO_THE_END))
    found = remembered(prepared)
    end = int(prepared.world.policy["end"][0]) - 1
    moments = np.unique(np.concatenate([prepared.tape.ts_close, prepared.world.row_ts]))
    shares = [_risk_share(prepared, state_at(prepared, moment)) for moment in moments[moments <= end].tolist()]
    if "worst" not in found:
        assert max(shares) == 0.0
    else:
        worst = found["worst"]
        assert worst.open_risk_usd / worst.equity_usd == pytest.approx(max(shares), rel=1e-12)
        assert worst == portfolio_of(prepared, state_at(prepared, worst.ts), worst.ts)
