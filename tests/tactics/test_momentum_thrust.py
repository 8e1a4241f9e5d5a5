"""TCEA-MTE: what triggers a thrust entry, what refuses it, and what its row says."""

import json
from dataclasses import replace
from math import isnan, nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pse.kernels import codes as c
from pse.kernels.contract import (
    ALONE,
    BLOCK_DTYPE,
    BREAK_DTYPE,
    ENTER,
    GAP_DTYPE,
    LEVEL_DTYPE,
    MARKET,
    NEVER,
    POOL_DTYPE,
    POOL_KINDS,
    SWEEP_DTYPE,
    SWEPT,
    TRAIL_BARS,
)
from pse.tactics.momentum_thrust import MomentumThrust, ThrustStop
from tests.naive import thrusts as naive
from tests.tactics.test_mss_fvg_retest import FIVE, assert_same_until
from tests.tactics.views import TICK, View, as_of, columns, entered, five_minute_bars, instrument, random_view, refused, table

PDH, SWING_H = POOL_KINDS.index("PDH"), POOL_KINDS.index("SWING_H")
OPEN = [100, 100.5, 101.5, 99.5, 100.25, 99.75, 98.25, 97.5, 98.25]
HIGH = [101, 102, 101.75, 100.5, 100.75, 100, 98.75, 98.5, 101.5]
LOW = [99.5, 100, 99, 99.25, 99.5, 98, 97, 97.25, 98]
CLOSE = [100.5, 101.5, 99.5, 100.25, 99.75, 98.25, 97.5, 98.25, 101.25]


def pool(level, priority=0.6, known_at=5, **more):
    return table(POOL_DTYPE, kind=[SWING_H], side=[1], level=[level], priority=[priority], known_at=[known_at], origin=[4],
                 **{name: [value] for name, value in more.items()})


def thrust_case(**changes):
    """Bar 8 goes from 98.25 to 101.25 through a pool at 100.75, range 3.5 at an ATR of 2, volume unknown to be large, lows swept at 97.25 before."""
    sweep = table(SWEEP_DTYPE, dir=[1], side=[-1], level=[97.25], extreme=[97.0], penetration=[0.25], priority=[0.9], pierced_at=[6], confirmed_at=[6],
                  result=[SWEPT])
    view = View(five_minute_bars(OPEN, HIGH, LOW, CLOSE), columns(np.full(9, 2.0), c.TCC_HIGH), table(BREAK_DTYPE), table(GAP_DTYPE), table(BLOCK_DTYPE),
                pool(100.75), sweep, table(LEVEL_DTYPE))
    return replace(view, **changes)


def shift_case(mqs, t=8, **changes):
    """The same bars without the level, and a market structure shift on the last."""
    return thrust_case(pools=table(POOL_DTYPE), breaks=table(BREAK_DTYPE, t=[t], dir=[1], mss=[True], mqs=[mqs], mqs_next=[0.1], sweep=[-1], level=[100.75]),
                       **changes)


def only(view, **parameters):
    setups = entered(MomentumThrust(**parameters).scan(view, instrument()))
    assert len(setups) == 1
    return setups.rows[0], setups.evidence[0]


def none(view, **parameters):
    return len(MomentumThrust(**parameters).scan(view, instrument())) == 0


def test_a_thrust_through_a_level_by_hand():
    """Score: body 3 / 2 -> .667, close .5 / (.5 x 2) = .5, no gap, sweep .9, volume unknown .5, depth 3.75 / 4 = .9375, no coarser trend .5.

    .30 x .667 + .15 x .5 + .15 x .9 + .10 x .5 + .10 x .9375 + .05 x .5 = .57875: grade B.  Stop a tick below 98, risk 3.5; two and a half times it is
    8.75: 110, nearer than six ATR.
    """
    row, evidence = only(thrust_case())
    assert (row["kind"], row["order_type"], row["direction"], row["precedence"], row["group"]) == (ENTER, MARKET, 1, 2, ALONE)
    assert (row["ts"], row["event_bar"], row["valid_until"]) == (9 * FIVE, 9 * FIVE, 9 * FIVE + 60 * 10**9 + 1)
    assert tuple(row[name] for name in ("entry", "stop", "target", "size_multiple", "rank_base", "trail_buffer")) == (101.25, 97.75, 110.0, 0.5, 0.6, 0.25)
    assert row["quality"] == row["confidence"] == pytest.approx(0.57875) and row["grade"] == 2 and row["family"] == c.FAM_MOMENTUM_THRUST
    assert isnan(row["invalid_price"]) and row["invalid_flags"] == 1 + 4 + 16 and row["plan_flags"] == 0 and not row["directional_gate"]
    assert evidence["objects"] == [f"thrust:ES:5m:1:{8 * FIVE}"] and evidence["trigger"] == "THRUST"
    assert evidence["level"] == {"price": 100.75, "priority": 0.6, "kind": "SWING_H"} and evidence["sweep"] == f"sweep:ES:5m:1:{6 * FIVE}"
    assert evidence["mqs"]["level"] == 0.9375 and evidence["mqs"]["fvg"] == 0.0 and evidence["rr_star"] == 2.5


def test_a_short_thrust_is_the_long_one_upside_down():
    view = thrust_case()
    pools, sweeps = view.pools.copy(), view.sweeps.copy()
    pools["level"], pools["side"], sweeps["dir"], sweeps["side"] = 200 - pools["level"], -1, -1, 1
    bars = five_minute_bars(*(200 - np.array(prices) for prices in (OPEN, LOW, HIGH, CLOSE)))
    (long, _), (short, _) = only(view), only(replace(view, decision=bars, pools=pools, sweeps=sweeps, columns=columns(np.full(9, 2.0), c.TCC_HIGH, -1)))
    assert all(short[name] == 200 - long[name] for name in ("entry", "stop", "target")) and short["quality"] == pytest.approx(long["quality"])


def test_a_roll_moves_every_price_by_its_difference():
    shift = np.array([0] * 6 + [12.5] * 3)
    rolled = five_minute_bars(*(np.array(prices) + shift for prices in (OPEN, HIGH, LOW, CLOSE)), shift)
    before, after = only(thrust_case())[0], only(thrust_case(decision=rolled))[0]
    assert all(after[name] == before[name] + 12.5 for name in ("entry", "stop", "target"))


@pytest.mark.parametrize("change", [{"level": [101.125]}, {"level": [98.0]}, {"priority": [0.59]}, {"known_at": [8]}, {"ended_at": [7]}])
def test_a_level_not_closed_through_or_minor_or_not_known_the_bar_before_or_gone_gives_nothing(change):
    """Closed through: from 98.25 to at least a tenth of an ATR, .2, beyond."""
    pools = pool(100.75)
    for name, value in change.items():
        pools[name] = value
    assert none(thrust_case(pools=pools))


def test_a_level_a_tenth_of_an_atr_below_the_close_is_broken():
    assert len(MomentumThrust(beyond_atr=0.125).scan(thrust_case(pools=pool(101.0)), instrument())) == 1
    assert none(thrust_case(pools=pool(101.0)), beyond_atr=0.126)


@pytest.mark.parametrize(("priorities", "broken"), [((0.6, 0.9), 99.0), ((0.75, 0.75), 100.75), ((0.9, 0.6), 100.75)])
def test_of_several_levels_the_one_of_highest_priority_counts_then_the_nearest(priorities, broken):
    pools = np.concatenate([pool(100.75, priorities[0]), pool(99.0, priorities[1])])
    assert only(thrust_case(pools=pools), mqs_min=0.55, extreme_bars=20)[1]["level"]["price"] == broken


def test_a_cluster_is_a_level():
    level = table(LEVEL_DTYPE, price=[100.75], touches=[2], priority=[0.6], known_at=[7])
    assert only(thrust_case(pools=table(POOL_DTYPE), levels=level))[1]["level"] == {"price": 100.75, "priority": 0.6, "kind": "CLUSTER"}


@pytest.mark.parametrize("prices", [{"high": 103.0}, {"open": 99.5}, {"low": 98.0, "atr": 2.4}])
def test_a_bar_that_closes_off_its_end_or_has_little_body_or_range_is_no_thrust(prices):
    columns_ = [np.array(one, float) for one in (OPEN, HIGH, LOW, CLOSE)]
    for name, value in prices.items():
        if name != "atr":
            columns_[("open", "high", "low", "close").index(name)][8] = value
    assert none(thrust_case(decision=five_minute_bars(*columns_), columns=columns(np.full(9, prices.get("atr", 2.0)), c.TCC_HIGH)))


@pytest.mark.parametrize(("volume", "setups"), [(1.5, 1), (1.4, 0), (nan, 1)])
def test_volume_must_be_half_as_much_again_as_usual_or_unknown(volume, setups):
    """Thirty quiet bars before, so that the usual volume is known."""
    quiet = 30
    prices = [np.concatenate([np.full(quiet, one[0]), one]) for one in (OPEN, HIGH, LOW, CLOSE)]
    bars = five_minute_bars(*prices, volume=np.concatenate([np.full(quiet + 8, 100.0), [volume * 100]]))
    sweeps = thrust_case().sweeps.copy()
    sweeps["confirmed_at"], sweeps["pierced_at"] = quiet + 6, quiet + 6
    view = thrust_case(decision=bars, columns=columns(np.full(quiet + 9, 2.0), c.TCC_HIGH), sweeps=sweeps)
    assert len(entered(MomentumThrust().scan(view, instrument()))) == setups


@pytest.mark.parametrize("tcc_dir", [-1, 0])
def test_a_thrust_that_no_trend_goes_with_is_nothing_to_tell(tcc_dir):
    assert none(thrust_case(columns=columns(np.full(9, 2.0), c.TCC_HIGH, [1] * 8 + [tcc_dir])))


@pytest.mark.parametrize("tcc", [c.TCC_LOW, c.TCC_MEDIUM, c.TCC_UNKNOWN])
def test_a_thrust_along_a_trend_of_less_than_high_conviction_is_refused_by_its_context(tcc):
    found = MomentumThrust().scan(thrust_case(columns=columns(np.full(9, 2.0), [c.TCC_HIGH] * 8 + [tcc])), instrument())
    assert [(body["code"], body["direction"], body["entry"], body["stop"]) for body in refused(found)] == [("CONTEXT", 1, 101.25, None)]


def test_a_thrust_of_grade_c_is_refused():
    """Without the sweep its score is .44375."""
    found = MomentumThrust().scan(thrust_case(sweeps=table(SWEEP_DTYPE)), instrument())
    assert [body["code"] for body in refused(found)] == ["GRADE"] and found.rows["quality"][0] == pytest.approx(0.44375)


def test_the_depth_is_measured_from_the_extreme_of_the_last_bars():
    """Bars 7 and 8 have their low at 97.25: 3.5 of 4."""
    assert only(thrust_case(), extreme_bars=1)[1]["mqs"]["level"] == 0.875


@pytest.mark.parametrize(("mqs", "setups"), [(0.70, 1), (0.69, 0)])
def test_a_shift_of_grade_a_triggers_with_the_score_known_at_its_bar(mqs, setups):
    found = MomentumThrust().scan(shift_case(mqs), instrument())
    assert len(found) == len(entered(found)) == setups
    if setups:
        assert found.evidence[0]["trigger"] == "MSS" and found.evidence[0]["objects"] == [f"mss:ES:5m:1:{8 * FIVE}"]
        assert found.evidence[0]["level"] == {"price": 100.75, "priority": None, "kind": "SWING"} and found.rows["quality"][0] == mqs


def test_a_break_that_is_no_shift_does_not_trigger():
    breaks = shift_case(0.9).breaks.copy()
    breaks["mss"] = False
    assert none(thrust_case(pools=table(POOL_DTYPE), breaks=breaks))


@pytest.mark.parametrize(("mqs", "trigger"), [(0.9, "MSS"), (0.5, "THRUST")])
def test_a_thrust_that_is_a_shift_at_once_is_one_setup_with_the_better_score(mqs, trigger):
    assert only(thrust_case(breaks=shift_case(mqs).breaks))[1]["trigger"] == trigger


def test_without_an_atr_there_is_no_setup():
    assert none(shift_case(0.9, columns=columns(np.full(9, nan), c.TCC_HIGH)))


def test_a_second_trigger_within_five_bars_is_refused():
    breaks = table(BREAK_DTYPE, t=[3, 7, 8], dir=[1, 1, 1], mss=[True] * 3, mqs=[0.8] * 3, mqs_next=[0.8] * 3, sweep=[-1] * 3)
    found = MomentumThrust().scan(thrust_case(pools=table(POOL_DTYPE), breaks=breaks), instrument())
    assert (entered(found).rows["ts"] // FIVE - 1).tolist() == [3, 8] and [body["code"] for body in refused(found)] == ["MIN_BARS_BETWEEN"]


def test_a_strong_pool_within_one_r_refuses_it():
    wall = np.concatenate([pool(100.75), table(POOL_DTYPE, kind=[PDH], side=[1], level=[104.0], priority=[0.9], origin=[0])])
    found = MomentumThrust().scan(thrust_case(pools=wall[[1, 0]]), instrument())
    assert [(body["code"], body["blocked_by"]) for body in refused(found)] == [("TP_BLOCKED", "pdh:ES:5m:1:0")]


def test_a_bar_over_the_cap_is_refused_with_its_numbers():
    found = MomentumThrust().scan(thrust_case(), instrument(cap=3.0))
    assert [(body["code"], body["risk_points"], body["cap_points"]) for body in refused(found)] == [("SL_CAP", 3.5, 3.0)]


def test_the_trail_of_the_last_bars_is_a_choice():
    assert only(thrust_case(), momentum_trail=True)[0]["plan_flags"] == TRAIL_BARS


def test_a_stop_of_its_own_keeps_the_distance_of_one_tick():
    """Naming one of its bounds leaves the others at the tactic's own."""
    assert MomentumThrust.model_validate({"stop": {"min_ticks": 2.0}}).stop == ThrustStop(min_ticks=2.0)
    assert only(thrust_case(), stop=ThrustStop(buffer_ticks=3.0))[0]["stop"] == 97.25
    with pytest.raises(ValidationError):
        MomentumThrust(mqs_min=0.5)


# --- against the naive twin ----------------------------------------------------------------------------------------------------------------------------


def thrusting_view(seed):
    """A random view of small ranges and uneven volume in long trends of high conviction, so that thrusts come."""
    view, rng = random_view(seed), np.random.default_rng(seed + 1)
    n = len(view.decision)
    volume = np.where(rng.random(n) < 0.05, np.nan, rng.choice([50.0, 100.0, 300.0], n))
    atr = np.where(np.arange(n) < 14, np.nan, rng.uniform(0.8, 2.5, n))
    conviction, direction = (np.repeat(rng.choice(some, n), rng.integers(10, 60, n))[:n] for some in ([c.TCC_HIGH, c.TCC_HIGH, c.TCC_MEDIUM], [-1, 1]))
    pools = view.pools.copy()
    pools["ended_at"] = np.where(rng.random(pools.size) < 0.5, NEVER, pools["ended_at"])
    return replace(view, decision=replace(view.decision, volume=volume), columns=columns(atr, conviction, direction), pools=pools)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([8.0, 3.0, None]))
def test_the_scan_finds_what_its_naive_twin_finds(seed, cap):
    view = thrusting_view(seed)
    found = MomentumThrust().scan(view, instrument(cap=cap))
    good, bad = naive.scan(view, TICK, nan if cap is None else cap)
    bar = {int(ts): t for t, ts in enumerate(view.decision.ts_close)}
    rows = entered(found).rows
    assert [(bar[int(row["ts"])], int(row["direction"])) for row in rows] == [row[:2] for row in good]
    for row, (_, _, entry, stop, target, second, mqs) in zip(rows, good, strict=True):
        ours = [float(row[name]) for name in ("entry", "stop", "target", "target2", "quality")]
        assert ours == pytest.approx([entry, stop, target, nan if second is None else second, mqs], abs=1e-9, nan_ok=True)
    assert sorted((bar[body["ts"]], body["direction"], body["code"]) for body in refused(found)) == sorted(bad)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_later_bars_never_change_an_earlier_setup(seed):
    view = thrusting_view(seed)
    whole = MomentumThrust().scan(view, instrument())
    cuts = {int(np.searchsorted(view.decision.ts_close, ts)) + 1 for ts in whole.rows["ts"]} | {20, 60, 100}
    for k in sorted(cuts):
        assert_same_until(MomentumThrust().scan(as_of(view, k), instrument()), whole, int(view.decision.ts_close[k - 1]))


def test_the_made_up_features_reach_every_outcome_with_plain_evidence():
    codes, triggers = set(), set()
    for seed in range(20):
        found = MomentumThrust().scan(thrusting_view(seed), instrument(cap=5.0))
        codes |= {body["code"] for body in refused(found)}
        triggers |= {body["trigger"] for body in entered(found).evidence}
        assert all(json.loads(json.dumps(body, allow_nan=False)) == body for body in found.evidence)
    assert codes >= {"CONTEXT", "GRADE", "MIN_BARS_BETWEEN", "TP_BLOCKED"} and triggers == {"THRUST", "MSS"}
