"""Missed gaps, the pullbacks of minutes after them, and gaps of minutes: the kernels against their naive twins on holes and ties, and by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pse.kernels.contract import NEVER
from pse.kernels.minute_gaps import standing_gaps
from pse.kernels.missed_gaps import MISSED_RULES_DTYPE, missed_gaps
from pse.kernels.targets import CODES
from pse.kernels.wilder import wilder_atr
from tests.features.made import TICK, walk
from tests.naive import minute_pullbacks as naive_minutes
from tests.naive import missed_gaps as naive
from tests.tactics.views import find_gaps

seeds = st.integers(0, 2**32 - 1)
RULES = {"max_age": 20, "near_atr": 0.25, "react_min": 1.0, "react_window": 12, "tick": TICK, "buffer_ticks": 1.0, "buffer_atr": 0.10, "side": 2,
         "line_minutes": 3, "fresh_minutes": 5, "min_depth": 0.20, "max_depth": 0.618}


def rules(**changes):
    record = np.zeros(1, MISSED_RULES_DTYPE)
    for name, value in {**RULES, **changes}.items():
        record[name] = value
    return record[0]


def world(seed, holes):
    """Minutes with NaN among them and some left out, the bars of five of them, and the gaps of the bars."""
    open_, high, low, close, _ = walk(seed, 1500, holes)
    kept = np.random.default_rng(seed).random(1500) > 0.05
    minutes, bar = [column[kept] for column in (open_, high, low, close)], np.flatnonzero(kept) // 5
    bars = [np.full(300, np.nan) for _ in range(4)]
    for t in range(300):
        o, h, lo, c = (column[bar == t] for column in minutes)
        known = ~np.isnan(c)
        if known.any():
            bars[0][t], bars[1][t], bars[2][t], bars[3][t] = o[known][0], h[known].max(), lo[known].min(), c[known][-1]
    gaps = find_gaps(*bars)
    gaps["inverse"] = np.random.default_rng(seed + 1).random(gaps.size) < 0.1
    atr = np.where(np.arange(300) < 14, np.nan, np.random.default_rng(seed + 2).uniform(0.5, 4.0, 300))
    return bars, minutes, np.searchsorted(bar, np.arange(300), side="right") - 1, gaps, atr, np.concatenate([[np.nan], atr[:-1]]), bar // 40


@settings(max_examples=40)
@given(seeds, st.sampled_from([0.0, 0.01]), st.booleans(), st.sampled_from([1.0, 2.5]), st.sampled_from([12, 2]))
def test_missed_gaps_are_those_of_the_naive_twin(seed, holes, one_session, react_min, window):
    bars, minutes, last_minute, gaps, atr, before, session = world(seed, holes)
    found = missed_gaps(bars[1], bars[2], atr, before, gaps, *minutes[1:], session, last_minute,
                        rules(one_session=one_session, react_min=react_min, react_window=window))
    theirs = list(naive.finds((bars[1], bars[2]), atr, before, gaps, minutes[1:], session, last_minute, TICK,
                              one_session=one_session, react_min=react_min, window=window))
    assert [(row["gap"], row["t"]) for row in found] == [one[:2] for one in theirs]
    for row, (_, _, story, breakout) in zip(found, theirs, strict=True):
        assert CODES[row["code"]] == story["code"] and (row["reacted_at"] if row["reacted_at"] < NEVER else None) == story["reacted_at"]
        for name, value in {**story, **breakout}.items():
            assert name in ("code", "reacted_at") or row[name] == pytest.approx(value, abs=1e-9), name


def test_the_made_up_minutes_reach_both_outcomes_in_both_directions():
    seen = set()
    for seed in range(30):
        bars, minutes, last_minute, gaps, atr, before, session = world(seed, 0.0)
        found = missed_gaps(bars[1], bars[2], atr, before, gaps, *minutes[1:], session, last_minute, rules(react_min=2.5))
        seen |= {(int(row["dir"]), CODES[row["code"]]) for row in found}
    assert seen == {(d, code) for d in (1, -1) for code in ("OK", "WEAK_REACTION")}


@settings(max_examples=40)
@given(seeds, st.sampled_from([0.0, 0.02]), st.booleans())
def test_standing_gaps_of_minutes_are_those_of_the_naive_twin(seed, holes, one_session):
    open_, high, low, close, _ = walk(seed, 400, holes)
    atr, session = wilder_atr(high, low, close, 14, True), np.arange(400) // 37
    rng = np.random.default_rng(seed)
    first = rng.integers(0, 390, 60)
    last, direction = np.minimum(first + rng.integers(-1, 60, 60), 399), rng.choice([-1, 1], 60)
    count, formed = standing_gaps(open_, high, low, close, atr, session, first, last, direction, TICK, 1.0, 0.10, 2.0, one_session)
    for i in range(60):
        theirs = naive_minutes.gaps_between(open_, high, low, close, atr, session, first[i], last[i], direction[i], TICK, one_session)
        assert (count[i], formed[i]) == (len(theirs), max(theirs, default=-1))


@pytest.mark.parametrize(("lowest_later", "count"), [(101.5, 1), (101.25, 0), (101.0, 0)])
def test_a_gap_of_minutes_stands_until_its_far_edge_trades(lowest_later, count):
    """Minute 1 closes up and leaves 101.25..101.75 untraded; mirrored around 0 for a short."""
    open_, high = np.array([100.5, 101.25, 102, 102, 102]), np.array([101.25, 102.25, 102.5, 102.5, 102.5])
    low, close = np.array([100, 101.0, 101.75, lowest_later, 101.75]), np.array([101.25, 102, 102.25, 102, 102.25])
    atr, session, bounds = np.full(5, 2.0), np.zeros(5, np.int64), (TICK, 1.0, 0.10, 2.0, False)
    stretch = (np.array([2]), np.array([4]))
    found = standing_gaps(open_, high, low, close, atr, session, *stretch, np.array([1]), *bounds)
    assert [int(column[0]) for column in found] == [count, 2 if count else -1]
    mirrored = standing_gaps(-open_, -low, -high, -close, atr, session, *stretch, np.array([-1]), *bounds)
    assert int(mirrored[0][0]) == count
    assert standing_gaps(open_, high, low, close, atr, session, np.array([3]), np.array([4]), np.array([1]), *bounds)[0][0] == 0
