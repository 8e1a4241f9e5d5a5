"""DAS 2.2: which retests came after a sweep, where their stops stand and what they are worth."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pse.domain.setups import joined
from pse.kernels.codes import FAM_SWEEP_REVERSAL, TCC_HIGH
from pse.kernels.contract import BROKEN, POOL_DTYPE, POOL_KINDS, SWEEP_DTYPE, SWEPT
from pse.kernels.select import KEPT, TWIN, select
from pse.tactics.mss_fvg_retest import MssFvgRetest
from pse.tactics.sweep_reversal import SweepReversal
from tests.tactics.test_mss_fvg_retest import FIVE, assert_same_until, long_case, mirrored
from tests.tactics.views import as_of, columns, entered, instrument, random_view, refused, table


def swept_case(priority=0.9, at=0, extreme=97.0, **changes):
    """The long case (gap 98.5..101, shift at bar 1, ATR 2, stop of DAS 2.1 at 98.25) after a sweep of lows at 97.25."""
    pools = table(POOL_DTYPE, kind=[POOL_KINDS.index("PDL"), POOL_KINDS.index("ASIA_L")], side=[-1, -1], level=[97.25, 97.5], priority=[0.9, 0.75],
                  ended_at=[at, at], end=[SWEPT, SWEPT], origin=[0, 0])
    sweep = table(SWEEP_DTYPE, dir=[1], side=[-1], level=[97.25], extreme=[extreme], penetration=[97.25 - extreme], priority=[priority],
                  pierced_at=[at], confirmed_at=[at], result=[SWEPT])
    return long_case(**{"pools": pools, "sweeps": sweep, **changes})


def only(view, **parameters):
    setups = entered(SweepReversal(**parameters).scan(view, instrument()))
    assert len(setups) == 1
    return setups.rows[0], setups.evidence[0]


def none(view, **parameters):
    return len(SweepReversal(**parameters).scan(view, instrument())) == 0


def test_a_retest_after_a_sweep_by_hand():
    """Grade A after a sweep of high priority: 0.75 x 1.25 R; its extreme lies deeper than half an ATR below the gap, so the stop is that of DAS 2.1."""
    row, evidence = only(swept_case())
    assert (row["ts"], row["event_bar"], row["valid_until"], row["group"]) == (5 * FIVE, 2 * FIVE, 7 * FIVE, 0)
    assert tuple(row[name] for name in ("entry", "stop", "target", "target2", "invalid_price")) == (100.5, 98.25, 105.0, 108.25, 98.5)
    assert (row["size_multiple"], row["rank_base"], row["precedence"], row["family"]) == (0.9375, 1.0, 0, FAM_SWEEP_REVERSAL)
    assert evidence["sweep"] == "sweep:ES:5m:1:0" and evidence["objects"] == [f"mss:ES:5m:1:{FIVE}", f"fvg:ES:5m:1:{FIVE}", "sweep:ES:5m:1:0"]
    assert evidence["swept"] == {"pools": ["PDL", "ASIA_L"], "level": 97.25, "extreme": 97.0, "penetration": 0.25, "priority": 0.9, "confirmed_at": FIVE}


def test_without_a_sweep_there_is_nothing():
    assert none(long_case())


@pytest.mark.parametrize("change", [{"dir": -1}, {"result": BROKEN}, {"priority": 0.49}, {"confirmed_at": 2}])
def test_a_sweep_the_other_way_or_broken_or_minor_or_after_the_shift_does_not_count(change):
    sweeps = swept_case().sweeps.copy()
    for name, value in change.items():
        sweeps[name] = value
    assert none(swept_case(sweeps=sweeps))


def test_a_sweep_of_medium_priority_counts():
    assert only(swept_case(priority=0.5))[0]["size_multiple"] == 0.75


@pytest.mark.parametrize(("window", "setups"), [(1, 1), (0, 0)])
def test_the_sweep_may_come_so_many_bars_before_the_shift(window, setups):
    assert len(entered(SweepReversal(sweep_window=window).scan(swept_case(), instrument()))) == setups


def test_a_gap_older_than_the_sweep_is_not_after_it():
    """Gap known at 2, shift at 3: a sweep at 2 counts, one at 3 does not although the shift does."""
    breaks = swept_case().breaks.copy()
    breaks["t"] = 3
    assert not none(swept_case(at=2, breaks=breaks)) and none(swept_case(at=3, breaks=breaks))


@pytest.mark.parametrize(("priority", "mqs", "size"), [(0.75, 0.72, 0.9375), (0.74, 0.72, 0.75), (1.0, 0.86, 1.25), (1.0, 0.69, 0.5), (0.5, 0.86, 1.0)])
def test_a_high_sweep_and_a_good_grade_are_worth_a_quarter_more(priority, mqs, size):
    breaks = swept_case().breaks.copy()
    breaks["mqs_next"] = mqs
    assert only(swept_case(priority, breaks=breaks))[0]["size_multiple"] == size


@pytest.mark.parametrize(("extreme", "stop"), [(98.5, 98.25), (98.375, 98.25), (98.25, 98.0), (97.75, 97.5), (97.5, 97.25), (97.375, 98.25), (97.0, 98.25)])
def test_the_stop_goes_a_tick_behind_an_extreme_between_its_own_place_and_half_an_atr_below_the_gap(extreme, stop):
    """Gap bottom 98.5, buffer 0.25: from 98.25 down to 97.5."""
    row, evidence = only(swept_case(extreme=extreme))
    assert (row["stop"], row["invalid_price"], row["trail_buffer"]) == (stop, 98.5, 0.25) and evidence["buffer_points"] == 0.25


def test_a_stop_behind_the_extreme_passes_the_check_of_every_stop():
    found = SweepReversal().scan(swept_case(extreme=97.5), instrument(cap=3.0))
    assert [(body["code"], body["risk_points"]) for body in refused(found)][:1] == [("SL_CAP", 3.25)]


def test_a_short_setup_is_the_long_one_upside_down():
    view = swept_case(extreme=97.75)
    sweeps, pools = view.sweeps.copy(), view.pools.copy()
    sweeps["dir"], sweeps["side"], pools["side"] = -1, 1, 1
    for rows, name in ((sweeps, "level"), (sweeps, "extreme"), (pools, "level")):
        rows[name] = 200 - rows[name]
    (long, _), (short, _) = only(view), only(replace(mirrored(view), sweeps=sweeps, pools=pools))
    for name in ("entry", "stop", "target", "target2", "invalid_price"):
        assert short[name] == 200 - long[name]


def test_of_several_sweeps_the_best_counts_and_the_first_on_ties():
    sweeps = np.repeat(swept_case().sweeps, 3)
    sweeps["priority"], sweeps["pierced_at"], sweeps["confirmed_at"] = [0.5, 0.8, 0.8], [0, 0, 1], [0, 1, 1]
    assert only(swept_case(sweeps=sweeps))[1]["sweep"] == "sweep:ES:5m:1:0"
    assert only(swept_case(sweeps=sweeps))[1]["swept"]["priority"] == 0.8


def test_against_a_trend_of_high_conviction_it_is_refused_by_its_context():
    found = SweepReversal().scan(swept_case(columns=columns(np.full(6, 2.0), TCC_HIGH, -1)), instrument())
    assert len(entered(found)) == 0 and {body["code"] for body in refused(found)} == {"CONTEXT"}


def test_the_plain_retest_of_the_same_gap_gives_way():
    view = swept_case()
    rows = entered(joined([tactic.scan(view, instrument()) for tactic in (MssFvgRetest(), SweepReversal())])).rows
    order, status = np.zeros(2, np.int64), np.zeros(2, np.int64)
    rank = np.array([0.9, 0.1])
    kept, _ = select(2, rank, *(np.ascontiguousarray(rows[name]) for name in ("direction", "group", "precedence", "event_bar")), order, status)
    assert (kept, order[0], status.tolist()) == (1, 1, [TWIN, KEPT])


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_later_bars_never_change_an_earlier_setup(seed):
    view = random_view(seed)
    whole = SweepReversal().scan(view, instrument())
    cuts = {int(np.searchsorted(view.decision.ts_close, ts)) + 1 for ts in whole.rows["ts"]} | {20, 60, 100}
    for k in sorted(cuts):
        assert_same_until(SweepReversal().scan(as_of(view, k), instrument()), whole, int(view.decision.ts_close[k - 1]))


def test_the_made_up_features_give_setups_with_plain_evidence_and_every_kind_of_stop():
    stops = set()
    for seed in range(12):
        found = SweepReversal().scan(random_view(seed), instrument())
        stops |= {body["buffer_points"] == 0.25 for body in entered(found).evidence}
        assert all(json.loads(json.dumps(body, allow_nan=False)) == body for body in found.evidence)
    assert stops == {True, False}
