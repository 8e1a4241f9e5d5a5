"""Nothing that is shipped is accused: every registered feature, the desk's tactics, context and briefings, on histories of many kinds."""

from dataclasses import replace
from datetime import date
from functools import cache

import numpy as np
import pytest

from pse.domain.bars import Bars
from pse.engine.lookahead import audit
from pse.engine.subjects import Subjects
from pse.features.resampled import resample
from pse.registry import FEATURES, resolve
from pse.research.lookahead.said import History
from pse.tactics.rules import PRECEDENCE
from tests.engine.made import desk
from tests.features.made import future, minutes, share


@cache
def features():
    return {name: resolve("feature", name)() for name in FEATURES}


def with_nan_bars(bars, every=97):
    """The same with a bar in so many whose prices and volume nobody knows."""
    columns = {name: getattr(bars, name).copy() for name in ("open", "high", "low", "close", "volume")}
    for values in columns.values():
        values[::every] = np.nan
    return replace(bars, **columns)


def crypto():
    return future(0.5).model_copy(update={"symbol": "BTCUSDT", "kind": "crypto", "calendar": "24/7"})


def made(kind) -> tuple[Bars, object, str]:
    """(bars, instrument, timeframe) of a kind of history."""
    return {
        "future with rolls and holes": lambda: (minutes(31, 7, missing=0.04, roll_every=3), future(), "5m"),
        "future in five-minute bars": lambda: (resample(minutes(32, 8, missing=0.3, roll_every=4), "5m").bars, future(), "5m"),
        "future over the end of summer time": lambda: (minutes(33, 6, first=date(2021, 11, 3)), future(), "5m"),
        "share": lambda: (minutes(34, 20, "NYSE", missing=0.02, tick=0.01), share(), "5m"),
        "coin that never closes": lambda: (minutes(35, 6, "24/7", missing=0.01, tick=0.5), crypto(), "5m"),
        "quarters of an hour": lambda: (minutes(36, 16, roll_every=6), future(), "15m"),
        "days": lambda: (resample(minutes(37, 130, roll_every=40, missing=0.5), "1d").bars, future(), "1d"),
        "bars of NaN among them": lambda: (with_nan_bars(resample(minutes(38, 7, roll_every=3), "5m").bars), future(), "5m"),
    }[kind]()


KINDS = ("future with rolls and holes", "future in five-minute bars", "future over the end of summer time", "share", "coin that never closes",
         "quarters of an hour", "days", "bars of NaN among them")


def told(found) -> list[str]:
    return [f"{one.check} {one.subject} {one.column} bar {one.bar} cut {one.cut}: {one.later} / {one.then}" for one in found.findings]


def audited(bars, instrument, timeframe):
    plan = replace(desk(("ES",)), symbols=(instrument.symbol,), instruments=(instrument,), micros={})
    return audit(Subjects(plan, timeframe, features(), desk=timeframe == plan.decision_timeframe), History.of(bars))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_shipped_is_accused_on_made_bars(kind):
    found = audited(*made(kind))
    assert told(found) == []
    assert found.rows_compared > 100_000 and found.tries["prefix"] > 100


@pytest.mark.slow
def test_the_tactics_that_share_the_ranking_of_a_gap_are_not_accused():
    plan = replace(desk(("ES",)), tactics={name: resolve("tactic", name)() for name in PRECEDENCE})
    found = audit(Subjects(plan, "5m", {}), History.of(minutes(31, 7, missing=0.04, roll_every=3)))
    assert told(found) == [] and set(found.columns) >= {f"tactic {name}" for name in PRECEDENCE} and found.tries["prefix"] > 100


@pytest.mark.slow
def test_there_are_two_hundred_clean_runs_of_a_feature_on_a_history():
    assert len(FEATURES) * len(KINDS) >= 200


@pytest.mark.slow
def test_nothing_shipped_is_accused_on_a_few_days():
    found = audited(minutes(39, 3, missing=0.02, roll_every=2), future(), "5m")
    assert told(found) == [] and set(found.columns) >= {f"feature {name}" for name in FEATURES} | {"tactic mss_fvg_retest", "context", "briefing"}


# --- real bars -----------------------------------------------------------------------------------------------------------------------------------------

@pytest.mark.real
@pytest.mark.slow
def test_nothing_shipped_is_accused_on_real_minutes_of_the_e_mini(real_data, tmp_path):
    from pse.commands.running import gather
    from tests.commands.stored import context_of, stored_real

    context = context_of(stored_real(real_data, tmp_path))
    inputs = gather(context, context.settings, ("ES",), None, None)
    found = audit(Subjects(inputs.plan, "5m", features()), History.of(inputs.bars[0]))
    assert told(found) == [] and found.shown > 0
