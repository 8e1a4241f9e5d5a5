"""Fills looked up inside the desk's bars: which finer bars make them, and the time line that comes of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pse.domain.bars import Bars
from pse.engine.desk import Mode, desk_plan
from pse.engine.finer import fine_line, made_of, under_fills
from pse.engine.prepare import prepare
from pse.features.resampled import resample
from pse.kernels.state import BAR_FINE, BAR_ROLL, BAR_WHOLE
from pse.settings import load_settings
from tests.features.made import minutes

PLAN = desk_plan(load_settings(Path("no-such-home")), ("ES",))
TICK = PLAN.instruments[0].tick
FOREVER = 2**62


def pair(**given) -> tuple[Bars, Bars]:
    """Minutes, and the bars of five minutes that they make; minutes of a bar that is not whole yet are left out."""
    fine = minutes(3, 3, **given)
    coarse = resample(fine, "5m").bars
    return fine[:int(np.searchsorted(fine.ts_open, coarse.ts_close[-1]))], coarse


def line(coarse: Bars, fine: Bars | None):
    return fine_line(PLAN, [coarse], {} if fine is None else {"ES": fine}, 0, FOREVER)


def changed(bars: Bars, name: str, row: int, by: float) -> Bars:
    column = getattr(bars, name).copy()
    column[row] += by
    return replace(bars, **{name: column})


def test_bars_that_their_minutes_make_are_looked_into_and_stand_behind_them():
    fine, coarse = pair(missing=0.1)
    tape, looked = line(coarse, fine)
    assert looked.into == len(coarse) and looked.share == 1.0 and tape.ts.size == len(coarse) + len(fine)
    whole = np.flatnonzero(tape.flags & BAR_WHOLE)
    assert (np.diff(tape.ts_close) >= 0).all() and whole.size == len(coarse) and ((tape.flags & BAR_FINE) > 0).sum() == len(fine)
    begin = 0
    for at, open_, high, low, close in zip(whole, coarse.open, coarse.high, coarse.low, coarse.close, strict=True):
        inside = slice(begin, at)                                     # what stands between two whole bars makes the second
        assert (tape.open[inside][0], tape.high[inside].max(), tape.low[inside].min(), tape.close[inside][-1]) == (open_, high, low, close)
        assert tape.open[at] == open_ and tape.ts_close[at] >= tape.ts_close[at - 1]
        begin = at + 1


def test_a_bar_that_its_minutes_do_not_make_is_filled_as_it_stands():
    fine, coarse = pair()
    for name, by, unlike in (("high", TICK, 1), ("low", -TICK, 1), ("close", TICK, 1), ("open", -TICK, 1), ("high", 0.5 * TICK, 0), ("high", 0.51 * TICK, 1)):
        tape, looked = line(changed(coarse, name, 7, by), fine)
        assert (looked.unlike, looked.without) == (unlike, 0), (name, by)
        at = np.flatnonzero(tape.ts == coarse.ts_open[7])
        assert len(at) == (1 if unlike else 2) and bool(tape.flags[at[-1]] & BAR_WHOLE) is not bool(unlike)


def test_bars_without_minutes_and_symbols_without_finer_bars_are_filled_as_they_stand():
    fine, coarse = pair()
    later = fine[100:]                                                # begins with the twenty-first bar
    tape, looked = line(coarse, later)
    assert (looked.without, looked.unlike, looked.into) == (20, 0, len(coarse) - 20) and tape.ts.size == len(coarse) + len(later)
    alone, none = line(coarse, None)
    assert none.into == 0 and none.share == 0.0 and not (alone.flags & (BAR_FINE | BAR_WHOLE)).any() and np.array_equal(alone.ts, coarse.ts_open)


def test_a_roll_comes_with_the_first_minute_of_its_bar_and_once():
    fine, coarse = pair(roll_every=1)
    tape, _ = line(coarse, fine)
    rolls = np.flatnonzero(tape.flags & BAR_ROLL)
    assert coarse.roll.sum() == 2 and len(rolls) == 2 and (tape.flags[rolls] & BAR_FINE).all()
    assert tape.ts[rolls].tolist() == coarse.ts_open[coarse.roll].tolist()


@pytest.mark.parametrize("seed", range(5))
def test_what_makes_a_bar_is_what_a_loop_over_it_finds(seed):
    fine, coarse = minutes(seed, 2, missing=0.3), None
    coarse = resample(fine, "5m").bars
    rng = np.random.default_rng(seed)
    for row in rng.integers(0, len(coarse), 20):
        coarse = changed(coarse, rng.choice(["open", "high", "low", "close"]), row, float(rng.integers(-2, 3)) * 0.5 * TICK)
    fine = fine[int(rng.integers(0, 50)):]
    made, owner = made_of(coarse, fine, PLAN.instruments[0])
    for row in range(len(coarse)):
        inside = [i for i in range(len(fine)) if coarse.ts_open[row] <= fine.ts_open[i] < coarse.ts_close[row]] if row < 120 else []
        if row >= 120:
            break
        like = bool(inside) and all(abs(found - own) <= 0.5 * TICK for found, own in (
            (fine.open[inside[0]], coarse.open[row]), (max(fine.high[inside]), coarse.high[row]), (min(fine.low[inside]), coarse.low[row]),
            (fine.close[inside[-1]], coarse.close[row])))
        assert made[row] == like and all(owner[i] == row for i in inside)


@pytest.mark.parametrize(("run", "rule"), [("close", "carry"), ("carry", "close"), ("carry", "carry")])
def test_each_rule_of_fills_rolls_as_it_says(run, rule):
    """The rolls that a position is carried over are those of the rule, whatever the run does that was prepared."""
    bars = minutes(3, 4, roll_every=1)
    start, end = int(bars.ts_open[0]), int(bars.ts_close[-1])
    made = {roll: prepare(replace(PLAN, fills=PLAN.fills.model_copy(update={"roll": roll})), [bars], Mode(end_ns=end), start, end) for roll in (run, rule)}
    other = under_fills(made[run], made[rule].plan.fills, [bars], start)
    assert other.world.actions.tobytes() == made[rule].world.actions.tobytes()
    assert (other.world.actions.size > 0) == (rule == "carry") and other.world.policy["roll_carry"][0] == (rule == "carry")
