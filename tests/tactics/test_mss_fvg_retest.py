"""DAS 2.1: its past never changes, and what a setup row and its evidence say."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pse.domain.bars import timeframe_ns
from pse.domain.setups import Setups, grades
from pse.kernels import codes as c
from pse.kernels.contract import BLOCK_DTYPE, BREAK_DTYPE, ENTER, GAP_DTYPE, LEVEL_DTYPE, LIMIT, NEVER, POOL_DTYPE, SWEEP_DTYPE
from pse.tactics.mss_fvg_retest import MssFvgRetest
from pse.tactics.rules import TargetRules
from tests.tactics.views import View, as_of, columns, entered, five_minute_bars, instrument, random_view, refused, table

seeds = st.integers(0, 2**32 - 1)
FIVE = timeframe_ns("5m")


def assert_same_until(short: Setups, long: Setups, ts):
    """Every setup and refusal up to `ts` is the same, to the bit."""
    upto = long.rows["ts"] <= ts
    assert short.rows.tobytes() == long.rows[upto].tobytes()
    assert list(short.evidence) == [body for body, keep in zip(long.evidence, upto, strict=True) if keep]


@settings(max_examples=40, deadline=None)
@given(seeds, st.booleans())
def test_later_bars_never_change_an_earlier_setup(seed, inverse_gaps):
    view, tactic = random_view(seed), MssFvgRetest(inverse_gaps=inverse_gaps)
    whole = tactic.scan(view, instrument())
    cuts = {int(np.searchsorted(view.decision.ts_close, ts)) + 1 for ts in whole.rows["ts"]} | {20, 60, 100}
    for k in sorted(cuts):
        assert_same_until(tactic.scan(as_of(view, k), instrument()), whole, int(view.decision.ts_close[k - 1]))


def long_case(**changes):
    """A shift up at 1 with a gap 98.5..101 known at 2, a pullback to 99.75 at bar 4 and a close at 100.5; ATR 2."""
    bars = five_minute_bars([98, 98.5, 101.5, 102, 101.5, 100.5], [99, 101.5, 102.5, 102.5, 102, 102], [97.5, 98.25, 101, 101.5, 99.75, 100.25],
                            [98.5, 101.25, 102, 101.75, 100.5, 101.75])
    breaks = table(BREAK_DTYPE, t=[1], dir=[1], mss=[True], mqs=[0.5], mqs_next=[0.72], sweep=[-1])
    gaps = table(GAP_DTYPE, dir=[1], formed_at=[2], mid_bar=[1], top=[101.0], bottom=[98.5], valid=[True])
    view = View(bars, columns(np.full(6, 2.0)), breaks, gaps, table(BLOCK_DTYPE), table(POOL_DTYPE), table(SWEEP_DTYPE), table(LEVEL_DTYPE))
    return replace(view, **changes)


def mirrored(view):
    """The same bars upside down around 100."""
    bars = view.decision
    bars = five_minute_bars(200 - bars.open, 200 - bars.low, 200 - bars.high, 200 - bars.close)
    breaks, gaps = view.breaks.copy(), view.gaps.copy()
    breaks["dir"], gaps["dir"] = -breaks["dir"], -gaps["dir"]
    gaps["top"], gaps["bottom"] = 200 - view.gaps["bottom"], 200 - view.gaps["top"]
    return replace(view, decision=bars, breaks=breaks, gaps=gaps, columns={**view.columns, "tcc_dir": -view.columns["tcc_dir"]})


def only(view, **parameters):
    setups = entered(MssFvgRetest(**parameters).scan(view, instrument()))
    assert len(setups) == 1
    return setups.rows[0], setups.evidence[0]


def test_a_long_setup_by_hand():
    """Stop 98.5 - max(.25, .2) = 98.25, risk 2.25; two times the risk is 105; the second target 3.5R = 108.375, rounded to 108.25."""
    row, evidence = only(long_case())
    assert (row["ts"], row["event_bar"], row["valid_until"]) == (5 * FIVE, 2 * FIVE, 7 * FIVE)
    assert (row["kind"], row["order_type"], row["direction"], row["precedence"]) == (ENTER, LIMIT, 1, 1)
    assert tuple(row[name] for name in ("entry", "stop", "target", "target2")) == (100.5, 98.25, 105.0, 108.25)
    assert (row["invalid_price"], row["trail_buffer"], row["quality"], row["grade"], row["size_multiple"]) == (98.5, 0.25, 0.72, 3, 0.75)
    assert row["family"] == c.FAM_MSS_FVG_RETEST and row["invalid_flags"] == 31
    assert not row["directional_gate"] and row["rank_base"] == 0.8 and row["group"] == 0
    assert evidence["objects"] == [f"mss:ES:5m:1:{FIVE}", f"fvg:ES:5m:1:{FIVE}"] and evidence["fill"] == 0.5 and evidence["poi"] == [99.75, 101.0]
    assert evidence["target_source"] == evidence["target2_source"] == "R_MULTIPLE" and evidence["target_level"] is None


def test_a_short_setup_is_the_long_one_upside_down():
    long, short = only(long_case())[0], only(mirrored(long_case()))[0]
    assert short["direction"] == -1
    for name in ("entry", "stop", "target", "target2", "invalid_price"):
        assert short[name] == 200 - long[name]


def test_a_roll_between_gap_and_retest_moves_every_price_by_its_difference():
    view = long_case()
    shift = np.array([0, 0, 0, 12.5, 12.5, 12.5])
    bars = view.decision
    rolled = five_minute_bars(bars.open + shift, bars.high + shift, bars.low + shift, bars.close + shift, shift)
    before, after = only(view)[0], only(replace(view, decision=rolled))[0]
    for name in ("entry", "stop", "target", "target2", "invalid_price"):
        assert after[name] == before[name] + 12.5


def test_the_tolerance_is_a_share_of_the_price_as_traded():
    """Adjusted prices near 100, traded ones near 1100: with .002 of 1101.75 bar 3 already tags."""
    bars, up = long_case().decision, np.full(6, 1000.0)
    traded = five_minute_bars(bars.open + 1000, bars.high + 1000, bars.low + 1000, bars.close + 1000, up)
    assert only(long_case(decision=traded), tol_atr=2.0)[1]["tol"] == pytest.approx(0.002 * 1101.75)
    assert only(long_case(decision=traded))[1]["tol"] == pytest.approx(0.2)


@pytest.mark.parametrize(("max_age", "setups"), [(2, 1), (1, 0)])
def test_a_retest_counts_until_the_gap_is_max_age_bars_old(max_age, setups):
    assert len(entered(MssFvgRetest(max_age=max_age).scan(long_case(), instrument()))) == setups


def test_the_score_that_counts_is_the_one_revised_on_the_bar_after_the_shift():
    breaks = long_case().breaks.copy()
    breaks["mqs"], breaks["mqs_next"] = 0.9, 0.5
    assert len(entered(MssFvgRetest().scan(long_case(breaks=breaks), instrument()))) == 0


@pytest.mark.parametrize("change", [{"valid": False}, {"inverse": True}, {"dir": -1}, {"formed_at": 4}, {"inverted_at": 4}, {"stale_at": 4}])
def test_a_gap_that_is_not_a_living_valid_one_beside_the_shift_gives_nothing(change):
    gaps = long_case().gaps.copy()
    for name, value in change.items():
        gaps[name] = value
    scan = MssFvgRetest().scan(long_case(gaps=gaps), instrument())
    assert len(entered(scan)) == 0 and refused(scan) == []


def test_a_gap_that_dies_later_still_gives_the_setup():
    gaps = long_case().gaps.copy()
    gaps["inverted_at"] = 5
    assert len(entered(MssFvgRetest().scan(long_case(gaps=gaps), instrument()))) == 1


@pytest.mark.parametrize(("tcc", "tcc_dir", "target", "favoured"), [
    (c.TCC_NONE, 0, 104.25, 1.75), (c.TCC_LOW, 1, 105.0, 2.0), (c.TCC_MEDIUM, 1, 105.0, 2.0), (c.TCC_HIGH, 1, 106.0, 2.5), (c.TCC_UNKNOWN, 0, 104.25, 1.75),
    (c.TCC_UNKNOWN, 1, 104.25, 1.75), (c.TCC_LOW, -1, 104.25, 1.75), (c.TCC_MEDIUM, -1, 104.25, 1.75)])
def test_conviction_in_its_direction_moves_the_target_away(tcc, tcc_dir, target, favoured):
    """Risk 2.25: 1.75R is 3.9375, 2.5R is 5.625; on the grid toward the entry of 100.5.  Only the bar of the find counts."""
    view = long_case()
    view = replace(view, columns=columns(np.full(6, 2.0), [4, 4, 4, 4, tcc, 4], [-1, -1, -1, -1, tcc_dir, -1], c.MCS_RANGE))
    row, evidence = only(view)
    assert (row["target"], evidence["rr_star"]) == (target, favoured)
    assert (evidence["tcc"], evidence["tcc_dir"], evidence["mcs"]) == (c.TCC_CLASSES[tcc], tcc_dir, "RANGE")


def test_a_retest_against_a_trend_of_high_conviction_is_refused_by_its_context():
    """Bars 4 and 5 both tag the gap and close back."""
    against, along = columns(np.full(6, 2.0), c.TCC_HIGH, -1), columns(np.full(6, 2.0), c.TCC_HIGH, 1)
    scan = MssFvgRetest().scan(replace(long_case(), columns=against), instrument())
    assert len(entered(scan)) == 0
    assert [(body["code"], body["direction"], body["tcc"], body["stop"], body["entry"]) for body in refused(scan)] == [
        ("CONTEXT", 1, "High", None, 100.5), ("CONTEXT", 1, "High", None, 101.75)]
    short = MssFvgRetest().scan(replace(mirrored(long_case()), columns=along), instrument())
    assert [(body["code"], body["direction"]) for body in refused(short)] == [("CONTEXT", -1)] * 2
    assert len(entered(MssFvgRetest().scan(replace(mirrored(long_case()), columns=against), instrument()))) == 1


def test_a_find_refused_by_its_context_takes_no_place():
    """Bar 3 stands against a high conviction, bar 4 does not: the setup of bar 4 is no repetition."""
    closes = [98.5, 101.25, 102, 100.5, 100.5]
    bars = five_minute_bars(closes, np.maximum(closes, 102.5), [97.5, 98.25, 101, 99.75, 99.75], closes)
    view = long_case(decision=bars, columns=columns(np.full(5, 2.0), c.TCC_HIGH, [0, 0, 0, -1, 1]))
    scan = MssFvgRetest().scan(view, instrument())
    assert (entered(scan).rows["ts"] // FIVE - 1).tolist() == [4] and [body["code"] for body in refused(scan)] == ["CONTEXT"]


def test_the_order_block_takes_the_place_of_the_half_while_it_is_valid():
    """Block 98..99.5 covers 98.5..99.5 of the gap, 40 %: the low of 99.75 is a fourth of a point away, tolerance .2: no tag."""
    block = table(BLOCK_DTYPE, break_row=[0], dir=[1], idx=[0], known_at=[1], top=[99.5], bottom=[98.0])
    assert len(entered(MssFvgRetest().scan(long_case(blocks=block), instrument()))) == 0
    assert only(long_case(blocks=block), tol_atr=0.125, tol_fraction=0.01)[1]["poi_kind"] == "FVG_OB"
    block["invalid_at"] = 3
    assert only(long_case(blocks=block))[1]["poi_kind"] == "FVG_HALF"


def test_without_an_atr_there_is_no_setup():
    assert len(entered(MssFvgRetest().scan(long_case(columns=columns(np.full(6, np.nan))), instrument()))) == 0


def test_a_third_tagging_episode_is_used_up():
    """Tags without a rejecting close at bars 4 and 6, a clean one at 8."""
    closes = [98.5, 101.25, 102, 101.75, 99.75, 101.75, 99.75, 101.75, 100.5]
    lows = [97.5, 98.25, 101, 101.5, 99.5, 101.5, 99.5, 101.5, 99.75]
    bars = five_minute_bars(closes, np.maximum(closes, 102.5), lows, closes)
    view = long_case(decision=bars, columns=columns(np.full(9, 2.0)))
    assert len(entered(MssFvgRetest().scan(view, instrument()))) == 0
    assert len(entered(MssFvgRetest(max_episodes=3).scan(view, instrument()))) == 1


def test_a_second_tag_within_five_bars_is_refused_and_a_refused_find_does_not_count():
    closes = [98.5, 101.25, 102, 100.5, 100.5, 100.5, 100.5, 100.5, 100.5]
    bars = five_minute_bars(closes, np.maximum(closes, 102.5), [97.5, 98.25, 101, 99.75, 99.75, 99.75, 99.75, 99.75, 99.75], closes)
    view = long_case(decision=bars, columns=columns(np.full(9, 2.0)))
    scan = MssFvgRetest().scan(view, instrument())
    assert (entered(scan).rows["ts"] // FIVE - 1).tolist() == [3, 8]
    assert [(body["ts"] // FIVE - 1, body["code"]) for body in refused(scan)] == [(t, "MIN_BARS_BETWEEN") for t in (4, 5, 6, 7)]
    wall = table(POOL_DTYPE, level=[101.5], priority=[0.9], known_at=[0], ended_at=[4], origin=[0], side=[1])
    scan = MssFvgRetest().scan(replace(view, pools=wall), instrument())
    assert (entered(scan).rows["ts"] // FIVE - 1).tolist() == [4] and refused(scan)[0]["code"] == "TP_BLOCKED"
    assert refused(scan)[0]["blocked_by"] == "pwh:ES:5m:1:0"


@pytest.mark.parametrize(("known_at", "ended_at", "source"), [(4, NEVER, "PDH"), (4, 5, "PDH"), (5, NEVER, "R_MULTIPLE"), (0, 4, "R_MULTIPLE")])
def test_a_pool_counts_from_the_bar_that_makes_it_known_to_the_bar_before_it_ends(known_at, ended_at, source):
    pool = table(POOL_DTYPE, kind=[2], level=[105.5], priority=[0.6], known_at=[known_at], ended_at=[ended_at])
    assert only(long_case(pools=pool))[1]["target_source"] == source


@pytest.mark.parametrize(("known_at", "touches", "source"), [(3, 2, "CLUSTER"), (4, 2, "R_MULTIPLE"), (3, 1, "R_MULTIPLE")])
def test_a_cluster_counts_as_of_the_bar_before(known_at, touches, source):
    level = table(LEVEL_DTYPE, price=[105.5], touches=[touches], priority=[0.6], known_at=[known_at])
    assert only(long_case(levels=level))[1]["target_source"] == source


def test_the_near_edge_of_an_opposing_gap_is_a_target_and_of_an_own_one_is_not():
    gaps = np.concatenate([table(GAP_DTYPE, dir=[-1], formed_at=[0], mid_bar=[0], top=[106.0], bottom=[105.5], valid=[True]), long_case().gaps])
    row, evidence = only(long_case(gaps=gaps))
    assert (row["target"], evidence["target_source"], evidence["target_level"]) == (105.25, "FVG_EDGE", "fvg:ES:5m:-1:0")
    gaps["dir"][0] = 1
    assert only(long_case(gaps=gaps))[1]["target_source"] == "R_MULTIPLE"


def test_a_stop_over_the_cap_is_a_refused_find_with_its_numbers():
    scan = MssFvgRetest().scan(long_case(), instrument(cap=2.0))
    assert len(entered(scan)) == 0
    body = refused(scan)[0]
    assert (body["code"], body["risk_points"], body["cap_points"], body["target_source"]) == ("SL_CAP", 2.25, 2.0, None)


def test_without_an_overridden_cap_three_atr_count():
    assert only(long_case())[1]["cap_points"] == 8.0
    assert entered(MssFvgRetest().scan(long_case(), instrument(cap=None))).evidence[0]["cap_points"] == 6.0


def test_evidence_is_plain_json_without_nan():
    for seed in range(6):
        scan = MssFvgRetest().scan(random_view(seed), instrument(cap=3.0))
        for body in (*entered(scan).evidence, *refused(scan)):
            assert json.loads(json.dumps(body, allow_nan=False)) == body


def test_no_features_no_setups():
    view = as_of(random_view(1), 1)
    scan = MssFvgRetest().scan(view, instrument())
    assert isinstance(entered(scan), Setups) and len(entered(scan)) == 0 and refused(scan) == []


def test_grades_begin_at_their_floor():
    assert grades(np.array([0.0, 0.54, 0.5499999, 0.55, 0.6999999, 0.7 - 1e-12, 0.7, 0.8499999, 0.85, 1.0])).tolist() == [1, 1, 1, 2, 2, 3, 3, 3, 4, 4]


def test_no_score_is_no_grade():
    assert grades(np.array([np.nan, 0.9])).tolist() == [0, 4]


def test_parameters_are_bounded_and_an_unknown_one_is_an_error():
    with pytest.raises(ValidationError):
        MssFvgRetest(mqs_min=0.5)
    with pytest.raises(ValidationError):
        MssFvgRetest(max_aged=20)
    assert only(long_case(), target=TargetRules(rr_star_low=2.5))[0]["target"] == 106.0
