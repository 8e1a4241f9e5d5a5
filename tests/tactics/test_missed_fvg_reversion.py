"""TCEA-FVG-MR: every condition by hand on one story, and the whole scan against its naive twin on made-up weeks."""

import json
from dataclasses import replace
from math import nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pse.domain.bars import timeframe_ns
from pse.domain.sessions import MINUTE_NS
from pse.features.build import build
from pse.kernels import codes as c
from pse.kernels.contract import BREAK_CHOCH, BREAK_DTYPE, ENTER, GAP_DTYPE, INVALID_TOUCH, LEAVES_ON_TCC_LOWER, LIMIT, NEVER, POOL_DTYPE
from pse.tactics.missed_fvg_reversion import MissedFvgReversion
from tests.features.made import future
from tests.features.made import minutes as made_minutes
from tests.naive import missed_gaps as naive
from tests.tactics.minute_views import minute_bars, minute_view, upside_down
from tests.tactics.views import TICK, entered, five_minute_bars, instrument, random_view, refused, table

FIVE = timeframe_ns("5m")


def five_minutes(high, low, close):
    """A bar whose first minute goes all the way; the others stand at its close."""
    return [(close, high, low, close)] + [(close,) * 4] * 4


# A gap 100..101.5 known at bar 2; bar 3 comes within 0.25 of it, bar 4 into it, not to its middle; bar 6 reaches 105 in its last minute ...
REACTION = [*five_minutes(100, 99, 99.5), *five_minutes(101, 99.5, 101), *five_minutes(103, 101.5, 102.5), *five_minutes(103.5, 101.75, 102),
            *five_minutes(103, 101.25, 103), *five_minutes(104.5, 102.5, 104), *[(104, 104, 103.75, 104)] * 3, (104, 104.5, 104, 104.25)]
# ... minutes fall to 103 at minute 39, which minute 41 confirms, and close above the last three highs, 104, at minute 42.
STORY = [*REACTION, (104.25, 105, 104.25, 104.75),
         (104.75, 104.75, 104.25, 104.5), (104.5, 104.5, 103.75, 104), (104, 104, 103.5, 103.75), (103.75, 103.75, 103.25, 103.5), (103.5, 103.75, 103, 103.25),
         (103.25, 104, 103.25, 103.75), (103.75, 104.25, 103.5, 104), (104, 104.5, 103.75, 104.25), (104.25, 104.75, 104, 104.5),
         (104.5, 104.75, 104.25, 104.5)]
# A fall to 103 at minute 36, a close over the last two highs, 104.5, at minute 38 and back under it at 39, and over it for all of bar 8.
EARLY = [*REACTION, (104.25, 105, 104.25, 104.5),
         (104.5, 104.5, 103.5, 103.75), (103.75, 103.75, 103, 103.25), (103.25, 104, 103.25, 104), (104, 104.75, 103.5, 104.75), (104.75, 104.75, 103.75, 104),
         (104, 104.75, 104, 104.75), *[(104.75, 104.75, 104.25, 104.75)] * 4]


def story(minutes=None, breaks=None, gaps=None, tcc=c.TCC_MEDIUM, tcc_dir=1, **more):
    """A break up at bar 1, the gap at bar 2, and the pullback broken out of at bar 8; ATR 2."""
    breaks = table(BREAK_DTYPE, t=[1], dir=[1], mss=[False], mqs=[0.5], mqs_next=[0.74], sweep=[-1]) if breaks is None else breaks
    gaps = table(GAP_DTYPE, dir=[1], formed_at=[2], mid_bar=[1], top=[101.5], bottom=[100.0], valid=[True]) if gaps is None else gaps
    return minute_view(minute_bars(STORY) if minutes is None else minutes, breaks, gaps, tcc=tcc, tcc_dir=tcc_dir, **more)


def changed(at, *bar):
    """The story with one minute's open, high, low and close replaced."""
    return minute_bars([*STORY[:at], bar, *STORY[at + 1:]])


def scan(view, cap=8.0, **parameters):
    return MissedFvgReversion(**parameters).scan(view, instrument(cap=cap))


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
    """Reaction 101.25 to 105 is 3.75, unit 1.5 + 0.25; depth 2/3.75; stop 103 - 0.25 = 102.75, risk 1.75, target 2R rounded toward the entry."""
    row, told = only(story())
    assert (row["ts"], row["event_bar"], row["valid_until"]) == (9 * FIVE, 2 * FIVE, 10 * FIVE)
    assert (row["kind"], row["order_type"], row["direction"], row["precedence"], row["group"]) == (ENTER, LIMIT, 1, 4, 0)
    assert tuple(row[name] for name in ("entry", "stop", "target", "invalid_price", "trail_buffer")) == (104.5, 102.75, 108.0, 100.75, 0.25)
    assert (row["quality"], row["grade"], row["size_multiple"], row["rank_base"], row["rank_bonus"]) == (0.74, 3, 0.75, 0.5, 0.0)
    assert row["invalid_flags"] == 1 | 4 | 16 | INVALID_TOUCH | 64 and row["plan_flags"] == LEAVES_ON_TCC_LOWER
    assert row["family"] == c.FAM_MISSED_FVG_REVERSION and not row["directional_gate"]
    assert told["objects"] == [f"bos:ES:5m:1:{FIVE}", f"fvg:ES:5m:1:{FIVE}", f"swing:ES:1m:-1:{39 * MINUTE_NS}"]
    assert told["reaction"] == pytest.approx(3.75 / 1.75) and told["pullback_depth"] == pytest.approx(2 / 3.75)
    assert (told["reaction_from"], told["reaction_to"], told["pullback_extreme"], told["pullback_line"]) == (101.25, 105.0, 103.0, 104.0)
    assert (told["touched_ts"], told["reacted_ts"], told["breakout_ts"]) == (4 * FIVE, 6 * FIVE, 43 * MINUTE_NS)
    assert json.loads(json.dumps(told, allow_nan=False)) == told


def test_a_short_setup_is_the_long_one_upside_down():
    long, short = only(story())[0], only(upside_down(story()))[0]
    assert short["direction"] == -1 and short["size_multiple"] == long["size_multiple"]
    for name in ("entry", "stop", "target", "invalid_price"):
        assert short[name] == 200 - long[name]


def test_a_roll_inside_the_story_moves_every_price_by_its_difference():
    shift = np.where(np.arange(len(STORY)) >= 35, 12.5, 0.0)
    before, after = only(story())[0], only(story(minute_bars(STORY, shift)))[0]
    for name in ("entry", "stop", "target", "invalid_price"):
        assert after[name] == before[name] + 12.5


def test_a_gap_whose_middle_traded_was_not_missed():
    assert words(story(changed(20, 103, 103, 100.75, 103))) == []
    assert words(story(changed(20, 103, 103, 101.0, 103))) == [(8, "ENTER")]


def test_a_touch_is_a_quarter_of_the_range_away_at_most():
    """The lowest of bars 3 and 4 is 102.25, 0.75 above the gap: a quarter of an ATR of 3, not of 2."""
    far = minute_bars([*STORY[:15], *five_minutes(103.5, 102.25, 102.5), *five_minutes(103, 102.25, 103), *STORY[25:]])
    assert words(story(far), max_depth=0.8) == []
    assert words(story(far, atr=3.0), max_depth=0.8) == [(8, "ENTER")]


@pytest.mark.parametrize(("react_min", "said"), [(2.14, "ENTER"), (2.15, "WEAK_REACTION")])
def test_a_breakout_after_a_reaction_that_is_too_small_is_a_weak_reaction(react_min, said):
    assert words(story(), react_min=react_min) == [(8, said)]


def test_a_reaction_that_came_too_late_is_no_find():
    """The touch is at bar 3, the first reaction of one unit at bar 5, of two units (3.5 points) at bar 6."""
    assert words(story(), react_window_bars=2) == [(8, "ENTER")]
    assert words(story(), react_window_bars=2, react_min=2.0) == []
    assert words(story(), react_window_bars=3, react_min=2.0) == [(8, "ENTER")]


@pytest.mark.parametrize("parameters", [{"min_depth": 0.54}, {"max_depth": 0.53}, {"swing_minutes": 8}, {"max_age_bars": 5}])
def test_a_pullback_of_another_depth_or_swing_or_a_gap_too_old_gives_nothing(parameters):
    assert words(story(), **parameters) == []


def test_the_pullback_ends_at_the_latest_confirmed_swing():
    """A second low of 103 at minute 42, which minute 44 confirms: the line is then 104.5, which no close passes."""
    assert words(story(changed(42, 104, 104.5, 103, 104.25))) == []


def test_the_breakout_must_be_among_as_many_last_minutes_as_a_decision_bar_has():
    """The first close over the line, at minute 38, was taken back at the close of bar 7 and is too old at that of bar 8; minute 40 would be young enough."""
    assert words(story(minute_bars(EARLY)), line_minutes=2) == []
    assert words(story(minute_bars([*EARLY[:38], (104, 104.75, 103.5, 104.5), *EARLY[39:]])), line_minutes=2) == [(8, "ENTER")]


def test_minutes_that_are_missing_are_not_counted():
    """Without three minutes of bar 8 the last five minutes reach back to minute 37."""
    assert words(story(minute_bars(EARLY, dropped=(41, 42, 43))), line_minutes=2) == [(8, "ENTER")]


def test_the_last_minute_must_still_close_over_the_line():
    assert words(story(changed(44, 104.5, 104.5, 104, 104))) == []


def test_a_minute_after_the_decision_is_not_seen():
    """The forming bar's minute would undo the breakout."""
    assert words(story(minute_bars([*STORY, (104.5, 104.5, 100, 100)]))) == [(8, "ENTER")]


@pytest.mark.parametrize(("tcc", "tcc_dir", "said"), [
    (c.TCC_NONE, 0, "CONTEXT"), (c.TCC_UNKNOWN, 0, "CONTEXT"), (c.TCC_HIGH, -1, "CONTEXT"), (c.TCC_LOW, 1, "ENTER"), (c.TCC_HIGH, 1, "ENTER")])
def test_the_trend_must_have_conviction_in_its_direction(tcc, tcc_dir, said):
    assert words(story(tcc=tcc, tcc_dir=tcc_dir)) == [(8, said)]


def breaks(*rows):
    """(bar, direction, type, mss, score) each."""
    t, d, kind, mss, score = zip(*rows, strict=True)
    return table(BREAK_DTYPE, t=t, dir=d, type=kind, mss=mss, mqs=score, mqs_next=score, sweep=[-1] * len(rows))


@pytest.mark.parametrize(("rows", "said"), [
    ([(4, 1, 0, False, 0.6)], [(8, "ENTER")]), ([(5, 1, 0, False, 0.6)], []), ([(1, -1, 0, False, 0.6)], []),
    ([(1, 1, BREAK_CHOCH, False, 0.6)], []), ([(1, 1, BREAK_CHOCH, True, 0.6)], [(8, "ENTER")]),
    ([(1, 1, 0, False, 0.9), (2, 1, 0, False, 0.54)], [(8, "GRADE")]), ([(1, 1, 0, False, 0.5), (3, 1, 0, False, 0.55)], [(8, "ENTER")])])
def test_the_latest_break_or_shift_beside_the_gap_grades_it(rows, said):
    """The gap formed at bar 2: bars up to 4 count."""
    assert words(story(breaks=breaks(*rows))) == said


@pytest.mark.parametrize(("rows", "quality"), [
    ([(1, 1, 0, False, 0.6), (9, 1, 0, False, 0.9)], 0.6), ([(1, 1, 0, False, 0.6), (8, 1, 0, False, 0.9)], 0.9), ([(9, 1, 0, False, 0.9)], None)])
def test_however_late_a_break_may_stand_one_after_the_decision_grades_nothing(rows, quality):
    """Decided at bar 8, with two bars more; breaks up to twenty bars after the gap count."""
    found = entered(scan(story(minute_bars([*STORY, *[(104.5,) * 4] * 10]), breaks=breaks(*rows)), break_after_bars=20)).rows
    assert found["quality"][found["ts"] == 9 * FIVE].tolist() == ([] if quality is None else [quality])


def test_a_break_too_long_before_the_gap_does_not_count():
    assert words(story(), break_before_bars=0) == []
    assert words(story(), break_before_bars=1) == [(8, "ENTER")]


@pytest.mark.parametrize(("score", "large_reaction", "size"), [(0.9, 1.5, 1.0), (0.84, 1.5, 0.75), (0.9, 2.2, 0.75)])
def test_the_size_is_larger_after_a_large_reaction_with_the_best_grade_alone(score, large_reaction, size):
    assert only(story(breaks=breaks((1, 1, 0, False, score))), large_reaction=large_reaction)[0]["size_multiple"] == size


@pytest.mark.parametrize("change", [{"valid": False}, {"inverse": True}, {"dir": -1}, {"stale_at": 8}])
def test_a_gap_that_is_not_a_living_valid_one_gives_nothing(change):
    gaps = story().gaps.copy()
    for name, value in change.items():
        gaps[name] = value
    assert words(story(gaps=gaps)) == []


def test_of_two_gaps_at_one_bar_the_one_with_the_better_break_is_entered_and_the_other_is_too_near():
    gaps = table(GAP_DTYPE, dir=[1, 1], formed_at=[2, 3], mid_bar=[1, 2], top=[101.5, 101.5], bottom=[100.0, 100.5], valid=[True, True])
    view = story(gaps=gaps, breaks=breaks((0, 1, 0, False, 0.6), (5, 1, 0, False, 0.8)))
    assert words(view) == [(8, "ENTER"), (8, "MIN_BARS_BETWEEN")]
    assert only(view)[0]["group"] == 1


def test_a_stop_over_the_cap_and_a_blocked_target_are_refused():
    assert words(story(), cap=1.5) == [(8, "SL_CAP")]
    wall = table(POOL_DTYPE, level=[105.5], priority=[0.9], known_at=[0], origin=[0], side=[1], ended_at=[NEVER])
    assert words(story(pools=wall)) == [(8, "TP_BLOCKED")]


def test_without_minutes_there_is_nothing_to_scan_and_a_desk_is_told_what_is_missing():
    assert len(MissedFvgReversion().scan(random_view(1), instrument())) == 0 and MissedFvgReversion().timeframes("5m") == ("1m",)
    bars = five_minute_bars([1.0], [1.0], [1.0], [1.0])
    assert len(MissedFvgReversion().scan(replace(random_view(1), decision=bars), instrument())) == 0


@settings(max_examples=10)
@given(st.integers(0, 2**32 - 1), st.sampled_from([nan, 1.5]))
def test_the_scan_finds_what_its_naive_twin_finds(seed, cap):
    bars, es = made_minutes(seed, 4, missing=0.03, roll_every=2), future().model_copy(update={"stop_cap_points": None if np.isnan(cap) else cap})
    features = build(bars, es)
    found, bar = MissedFvgReversion().scan(features, es), {int(ts): t for t, ts in enumerate(features.decision.ts_close)}
    good, bad = naive.scan(features, bars, np.searchsorted(bars.ts_close, features.decision.ts_close, side="right") - 1, TICK, cap)
    ours = [(bar[int(row["ts"])], int(row["direction"]), int(row["group"]), *(float(row[n]) for n in ("entry", "stop", "target", "size_multiple")))
            for row in entered(found).rows]
    assert [row[:3] for row in ours] == [row[:3] for row in good]
    for one, other in zip(ours, good, strict=True):
        assert one[3:] == pytest.approx(other[3:], abs=1e-9)
    assert sorted((bar[body["ts"]], body["direction"], body["code"]) for body in refused(found)) == sorted((t, d, word) for t, d, _, word in bad)
