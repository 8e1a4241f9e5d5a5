"""How far features look back decides how long after a test nothing may train."""

from __future__ import annotations

import pytest

from pse.engine.desk import desk_plan
from pse.engine.memory import memory_sessions
from pse.settings.load import load_settings


@pytest.mark.parametrize(("desk", "bars", "sessions"), [
    ("futures-smc", 276, 2),                # the liquidity filter's 20 + 276 bars: a session and twenty bars
    ("equities-swing", 1, 80),              # the volatility regime: 20 returns, then 60 of their deviations
])
def test_the_longest_warm_up_of_the_desk_in_sessions_is_its_memory(tmp_path, desk, bars, sessions):
    assert memory_sessions(desk_plan(load_settings(tmp_path, overrides=(f"desk={desk}",))), bars) == sessions


def test_a_desk_remembers_no_longer_than_the_sessions_before_its_start(tmp_path):
    settings = load_settings(tmp_path, overrides=("desk=equities-swing", "desks.equities-swing.warmup_sessions=30"))
    assert memory_sessions(desk_plan(settings), 1) == 30
