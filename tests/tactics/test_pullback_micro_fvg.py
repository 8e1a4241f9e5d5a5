"""TCEA-SPMF: every condition by hand on one leg and its pullback, and the whole scan against its naive twin on made-up weeks."""

import json
from math import nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pse.domain.bars import timeframe_ns
from pse.domain.sessions import MINUTE_NS
from pse.domain.setups import grades
from pse.features.build import build
from pse.features.impulse import ImpulseBounds
from pse.kernels import codes as c
from pse.kernels.contract import ALONE, BREAK_CHOCH, BREAK_DTYPE, ENTER, GAP_DTYPE, INVALID_TCC_LOW, LIMIT, NEVER, POOL_DTYPE
from pse.kernels.wilder import wilder_atr
from pse.tactics.pullback_micro_fvg import PullbackMicroFvg
from tests.features.made import future
from tests.features.made import minutes as made_minutes
from tests.naive import minute_pullbacks as naive
from tests.tactics.minute_views import minute_bars, minute_view, upside_down
from tests.tactics.views import TICK, entered, instrument, random_view, refused, table

FIVE = timeframe_ns("5m")
CALM = 20                                        # bars of two points before the leg


def bar(open_, high, low, close):
    """A bar that goes all its way in the first minute."""
    return [(open_, high, low, close)] + [(close,) * 4] * 4


# A leg from 99 at bar 20 to 107.25 at bar 24, two bars of pullback to 104.25, and bar 27, which closes above both of them.
BEFORE = [*[minute for _ in range(CALM) for minute in bar(100, 101.5, 99.5, 100)],
          *bar(100, 100.5, 99, 99.5), *bar(99.5, 102, 99.25, 101.75), *bar(101.75, 104.5, 101.5, 104.25), *bar(104.25, 107, 104, 106.5),
          *bar(106.5, 107.25, 105.5, 105.75), *bar(105.75, 106.25, 105, 105.25), *bar(105.25, 105.75, 104.25, 104.5)]
# Minutes of bar 27: the third leaves 104.75..105.25 untraded, the fourth 105.5..106.
TRIGGER = [(104.5, 104.75, 104.25, 104.5), (104.5, 105.5, 104.5, 105.5), (105.5, 106.5, 105.25, 106.5), (106.5, 106.75, 106, 106.5),
           (106.5, 106.5, 106.25, 106.5)]


def breaks(*rows):
    """(bar, direction, type, mss, score) each."""
    t, d, kind, mss, score = zip(*rows, strict=True)
    return table(BREAK_DTYPE, t=t, dir=d, type=kind, mss=mss, mqs=[0.1] * len(rows), mqs_next=score, sweep=[-1] * len(rows))


def story(trigger=TRIGGER, offset=None, rows=((23, 1, 0, False, 0.78),), tcc=c.TCC_MEDIUM, tcc_dir=1, pools=None):
    return minute_view(minute_bars([*BEFORE, *trigger], offset), breaks(*rows), table(GAP_DTYPE), pools=pools, tcc=tcc, tcc_dir=tcc_dir)


def scan(view, cap=8.0, **parameters):
    return PullbackMicroFvg(**parameters).scan(view, instrument(cap=cap))


def only(view, **parameters):
    found = entered(scan(view, **parameters))
    assert len(found) == 1
    return found.rows[0], found.evidence[0]


def words(view, **parameters):
    """(bar, word) of each row."""
    found = scan(view, **parameters)
    said = [(int(row["ts"] // FIVE - 1), "ENTER") for row in entered(found).rows]
    return sorted(said + [(body["ts"] // FIVE - 1, body["code"]) for body in refused(found)])


def test_a_long_setup_by_hand():
    """Depth 3/8.25; stop 104.25 - 0.25, risk 2.5, target 2R; size .75 x (.75 + .25 x .9222 x .7667)."""
    row, told = only(story())
    assert (row["ts"], row["event_bar"], row["valid_until"]) == (28 * FIVE, 24 * FIVE, 30 * FIVE)
    assert (row["kind"], row["order_type"], row["direction"], row["precedence"], row["group"]) == (ENTER, LIMIT, 1, 3, ALONE)
    assert tuple(row[name] for name in ("entry", "stop", "target", "invalid_price", "trail_buffer")) == (106.5, 104.0, 111.5, 104.25, 0.25)
    assert (row["quality"], row["grade"], row["rank_base"], row["rank_bonus"]) == (0.78, 3, 0.6, 0.0)
    assert row["size_multiple"] == pytest.approx(0.6950645223, abs=1e-9)
    assert row["invalid_flags"] == 1 | 2 | 4 | 16 | INVALID_TCC_LOW and row["plan_flags"] == 0 and row["family"] == c.FAM_PULLBACK_MICRO_FVG
    assert told["objects"] == [f"bos:ES:5m:1:{23 * FIVE}", f"leg:ES:5m:1:{24 * FIVE}", f"fvg:ES:1m:1:{(27 * 5 + 2) * MINUTE_NS}"]
    assert (told["leg_start"], told["leg_end"], told["leg_bars"], told["pullback_bars"], told["micro_fvgs"]) == (99.0, 107.25, 4, 2, 2)
    assert (told["pullback_line"], told["pullback_extreme"]) == (106.25, 104.25) and told["pullback_depth"] == pytest.approx(3 / 8.25)
    assert json.loads(json.dumps(told, allow_nan=False)) == told


def test_a_short_setup_is_the_long_one_upside_down():
    long, short = only(story())[0], only(upside_down(story()))[0]
    assert short["direction"] == -1 and short["size_multiple"] == long["size_multiple"]
    for name in ("entry", "stop", "target", "invalid_price"):
        assert short[name] == 200 - long[name]


def test_a_roll_inside_the_pullback_moves_every_price_by_its_difference():
    shift = np.where(np.arange(28 * 5) >= 26 * 5, 12.5, 0.0)
    before, after = only(story())[0], only(story(offset=shift))[0]
    for name in ("entry", "stop", "target", "invalid_price"):
        assert after[name] == before[name] + 12.5


@pytest.mark.parametrize(("tcc", "tcc_dir", "said"), [
    (c.TCC_LOW, 1, "CONTEXT"), (c.TCC_UNKNOWN, 0, "CONTEXT"), (c.TCC_HIGH, -1, "CONTEXT"), (c.TCC_MEDIUM, 1, "ENTER"), (c.TCC_HIGH, 1, "ENTER")])
def test_the_trend_must_have_some_conviction_in_its_direction(tcc, tcc_dir, said):
    assert words(story(tcc=tcc, tcc_dir=tcc_dir)) == [(27, said)]


def test_without_a_gap_of_minutes_in_the_pullback_there_is_no_setup():
    """Minutes that overlap all the way up; those inside the leg itself do not count."""
    steps = [(104.5, 105.25, 104.25, 105), (105, 105.75, 104.5, 105.5), (105.5, 106.25, 105, 106), (106, 106.75, 105.5, 106.5), (106.5, 106.75, 106, 106.5)]
    assert words(story(steps)) == [(27, "NO_MICRO_FVG")]
    assert words(story(), min_micro_gaps=2) == [(27, "ENTER")] and words(story(), min_micro_gaps=3) == [(27, "NO_MICRO_FVG")]


def test_a_gap_of_minutes_that_was_filled_by_the_decision_does_not_count():
    """The last minute trades back to 104.75, the far edge of the first gap and beyond that of the second."""
    filled = [*TRIGGER[:4], (106.5, 106.5, 104.75, 106.5)]
    assert words(story(filled)) == [(27, "NO_MICRO_FVG")]
    assert words(story([*TRIGGER[:4], (106.5, 106.5, 105, 106.5)])) == [(27, "ENTER")]


@pytest.mark.parametrize(("rows", "said"), [
    ([(20, 1, 0, False, 0.6)], "ENTER"), ([(24, 1, 0, False, 0.6)], "ENTER"), ([(19, 1, 0, False, 0.9)], "GRADE"), ([(25, 1, 0, False, 0.9)], "GRADE"),
    ([(22, -1, 0, False, 0.9)], "GRADE"), ([(22, 1, BREAK_CHOCH, False, 0.9)], "GRADE"), ([(22, 1, BREAK_CHOCH, True, 0.9)], "ENTER"),
    ([(21, 1, 0, False, 0.9), (23, 1, 0, False, 0.54)], "GRADE"), ([(21, 1, 0, False, 0.5), (23, 1, 0, False, 0.55)], "ENTER")])
def test_the_last_break_or_shift_inside_the_leg_grades_it(rows, said):
    """The leg runs from bar 20 to bar 24; a score counts as revised at the bar after the break."""
    assert words(story(rows=rows)) == [(27, said)]


def test_a_find_without_a_break_tells_so_and_its_event_is_the_trigger():
    found = scan(story(rows=[(19, 1, 0, False, 0.9)]))
    assert found.evidence[0]["break"] is None and found.evidence[0]["mqs"] is None and found.rows["event_bar"][0] == 28 * FIVE
    assert found.evidence[0]["objects"] == [f"leg:ES:5m:1:{24 * FIVE}", f"fvg:ES:1m:1:{(27 * 5 + 2) * MINUTE_NS}"]


@pytest.mark.parametrize(("depth", "score", "size"), [
    (0.382, 0.85, 1.0), (0.382, 0.55, 0.375), (0.618, 0.85, 0.75), (0.146, 0.99, 0.75), (0.5, 0.70, 0.75 * (0.75 + 0.25 * 0.5 * 0.5)), (0.382, nan, 0.0)])
def test_the_size_grows_with_the_score_and_with_a_depth_near_the_favoured_one(depth, score, size):
    """Grade A+ 1, A .75, B .5; .118 away from .382 is half of what is left of the favour."""
    made = PullbackMicroFvg().sizes(grades(np.array([score])), np.array([depth]), np.array([score]))
    assert made[0] == pytest.approx(size, abs=1e-12)


def test_the_best_grade_ranks_higher():
    assert only(story(rows=[(23, 1, 0, False, 0.85)]))[0]["rank_bonus"] == 0.10 and only(story(rows=[(23, 1, 0, False, 0.84)]))[0]["rank_bonus"] == 0.0


def test_a_stop_over_the_cap_and_a_blocked_target_are_refused():
    assert words(story(), cap=2.25) == [(27, "SL_CAP")]
    wall = table(POOL_DTYPE, level=[108.0], priority=[0.9], known_at=[0], origin=[0], side=[1], ended_at=[NEVER])
    assert words(story(pools=wall)) == [(27, "TP_BLOCKED")]


@pytest.mark.parametrize("bounds", [{"min_atr": 6.0}, {"max_depth": 0.36}, {"min_pullback": 3}, {"min_er": 0.95}])
def test_the_bounds_of_leg_and_pullback_are_parameters(bounds):
    assert words(story(), impulse=ImpulseBounds(**bounds)) == []


def test_without_minutes_there_is_nothing_to_scan_and_a_desk_is_told_what_is_missing():
    assert len(PullbackMicroFvg().scan(random_view(1), instrument())) == 0 and PullbackMicroFvg().timeframes("5m") == ("1m",)


@settings(max_examples=5)
@given(st.integers(0, 2**32 - 1), st.sampled_from([nan, 2.0]))
def test_the_scan_finds_what_its_naive_twin_finds(seed, cap):
    bars, es = made_minutes(seed, 4, missing=0.03, roll_every=2), future().model_copy(update={"stop_cap_points": None if np.isnan(cap) else cap})
    features = build(bars, es)
    found, at = PullbackMicroFvg().scan(features, es), {int(ts): t for t, ts in enumerate(features.decision.ts_close)}
    atr = wilder_atr(*(bars.adjusted(name) for name in ("high", "low", "close")), 14, True)
    last_minute = np.searchsorted(bars.ts_close, features.decision.ts_close, side="right") - 1
    good, bad = naive.scan(features, bars, atr, last_minute, TICK, cap)
    ours = [(at[int(row["ts"])], int(row["direction"]), *(float(row[n]) for n in ("entry", "stop", "target", "size_multiple", "rank_bonus")))
            for row in entered(found).rows]
    assert [row[:2] for row in ours] == [row[:2] for row in good]
    for one, other in zip(ours, good, strict=True):
        assert one[2:] == pytest.approx(other[2:], abs=1e-9)
    assert sorted((at[body["ts"]], body["direction"], body["code"]) for body in refused(found)) == sorted(bad)
