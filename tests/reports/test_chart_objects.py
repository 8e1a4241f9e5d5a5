"""Market structure as shapes: each where it is about, none before it is known, nothing of what came later."""

import numpy as np
import pytest

from pse.domain.bars import Bars
from pse.features.build import FeatureSpec, build
from pse.features.feature import Known, Market
from pse.features.regime import VolatilityRegime
from pse.features.trend_conviction import TrendConviction
from pse.features.vwap import SessionVwap
from pse.kernels.contract import NEVER
from pse.reports.chart_columns import chosen, regimes, state_colour, vwap_lines
from pse.reports.chart_objects import MAKERS, Window, left_out, pool_word, shapes_of, swing_word
from pse.reports.chart_view import LAYERS, chart_view, holes, holes_words, layer_names, wall_seconds
from tests.features.made import MINUTE, future, minutes

SPEC = FeatureSpec().together()


def five(bars, until=None):
    return Market(bars, future(), until).at("5m")


def drawn(opens, highs, lows, closes):
    """Five-minute bars of one quiet day, then the bars given."""
    made = minutes(1, 1)
    quiet = np.full(60, 100.0)
    columns = [np.concatenate((quiet + shift, values)) for shift, values in ((0.0, opens), (1.0, highs), (-1.0, lows), (0.5, closes))]
    n = columns[0].size
    ts = made.ts_open[0] + np.arange(n) * 5 * MINUTE
    zero = np.zeros(n, np.int64)
    return Bars("ES", "5m", ts, ts + 5 * MINUTE, *columns, np.full(n, 100.0), zero, zero.astype(bool), np.zeros(n), zero.astype(np.int32),
                zero.astype(np.int16), ("C0",), made.sessions)


def of(bars, layer):
    known = Known.from_bars(bars, future())
    return shapes_of(Window(known, 0, len(known)), SPEC, (layer,))


def test_a_gap_is_a_box_from_its_middle_bar_to_the_bar_that_fills_it():
    """Bars 60, 61, 62 leave 101.0 to 103.0 untraded; bar 64 trades down to 100.75, below the lower edge, and closes inside again."""
    bars = drawn([100.0, 100.75, 103.5, 104.0, 103.5], [101.0, 104.0, 105.0, 104.5, 103.75], [99.75, 100.5, 103.0, 103.25, 100.75],
                 [100.75, 103.75, 104.25, 103.5, 102.0])
    box, = [one for one in of(bars, "gaps") if one.way > 0 and one.first >= 60]
    assert (box.form, box.first, box.last, box.low, box.high) == ("box", 61, 64, 101.0, 103.0)
    assert (box.event, box.known, box.kind, box.minor) == (61, 62, "gap", False)
    assert box.later == (("touched", 64), ("half filled", 64), ("filled", 64))


def test_a_break_is_a_line_from_the_broken_swing_to_the_bar_that_closes_beyond():
    """The high of bar 62 (104) stands above three bars on each side, known at 65; bar 67 closes at 104.25."""
    highs = [102.0, 103.0, 104.0, 103.0, 102.0, 101.5, 103.0, 104.5]
    bars = drawn([100.5] * 7 + [102.5], highs, [99.5] * 7 + [102.0], [101.0] * 7 + [104.25])
    line, = [one for one in of(bars, "structure") if one.first >= 60]
    assert (line.form, line.first, line.last, line.low, line.high, line.way, line.known) == ("line", 62, 67, 104.0, 104.0, 1, 67)
    swing, = [one for one in of(bars, "swings") if one.first == 62]
    assert (swing.event, swing.known, swing.way, swing.low) == (62, 65, 1, 104.0)


def test_a_zone_is_a_box_from_its_first_base_bar_to_the_close_beyond_it():
    """Bar 60 falls 6, bars 61 and 62 stand between 99.5 and 100.5, bar 63 leaves upwards: a demand zone; bar 66 closes under it."""
    bars = drawn([106.0, 100.0, 100.0, 100.2, 106.0, 106.0, 106.0], [106.2, 100.5, 100.4, 106.2, 106.5, 106.5, 106.0],
                 [99.9, 99.5, 99.6, 100.1, 105.5, 105.5, 97.0], [100.0, 100.1, 100.2, 106.0, 106.0, 106.0, 97.5])
    box, = [one for one in of(bars, "zones") if one.first >= 60 and one.way > 0]
    assert (box.form, box.way, box.label, box.first, box.known, box.low) == ("box", 1, "DBR", 61, 63, 99.5)
    assert box.last == 66 and ("violated", 66) in box.later and not box.minor


@pytest.mark.parametrize("layer", MAKERS)
def test_what_is_drawn_at_a_bar_is_what_the_bars_until_then_tell(layer):
    """Cut anywhere, the shapes are those of the shorter history: nothing of the chart rests on what came after."""
    bars = minutes(7, 3, roll_every=2)
    whole = five(bars)
    for past in (40, 277, 400, 553, len(whole)):
        early = five(bars, int(whole.bars.ts_close[past - 1]))
        assert len(early) == past
        now, then = (shapes_of(Window(known, 30, past), SPEC, (layer,)) for known in (early, whole))
        assert now == then and all(one.known < past and (one.last >= NEVER or one.last < past) for one in now)
        assert all(at < past for one in now for _, at in one.later)


def test_only_the_newest_standing_extremes_of_days_and_weeks_are_drawn_and_older_ones_are_dated():
    bars = minutes(2, 12)
    known = five(bars)
    shapes = [one for one in shapes_of(Window(known, 0, len(known)), SPEC, ("pools",)) if one.label[:3] in ("PDH", "PDL", "PWH", "PWL")]
    standing = [one for one in shapes if one.last >= NEVER]
    seen = [one.label[:3] for one in standing if not one.minor]
    assert len(seen) == len(set(seen)) and any(one.minor for one in standing)
    for one in standing:
        newer = [other for other in standing if other.label[:3] == one.label[:3] and other.event > one.event]
        assert one.minor or not newer
        age = int(known.bars.session[-1] - known.bars.session[one.event])
        if one.label[:2] == "PD":
            date = str(known.bars.session_date[one.event])
            assert one.label[3:] == ("" if age <= 1 else f" {int(date[6:])} {'JanFebMarAprMay'[3 * int(date[4:6]) - 3:][:3]}")


def test_what_stands_before_missing_days_is_not_the_day_before():
    """Days 2 to 9 are missing: the first day behind the hole knows no PDH or PWH, the next one does."""
    bars = minutes(5, 12)
    kept = five(bars[:int(np.searchsorted(bars.session, 2))])
    holed = five(bars[np.flatnonzero((bars.session < 2) | (bars.session > 9))])
    first, second = (int(np.searchsorted(holed.bars.session, day)) for day in (10, 11))
    known = [one.known for one in shapes_of(Window(holed, 0, len(holed)), SPEC, ("pools",)) if one.label[:3] in ("PDH", "PDL", "PWH", "PWL")]
    assert first == len(kept) and first not in known and second in known
    assert holes(holed.bars) == [(first, 8)] and holes_words(holed.bars).startswith("Not stored: 8 sessions before 18 Mar 2021.")
    assert holes(kept.bars) == [] and holes_words(kept.bars) == ""


def test_what_is_left_out_is_counted():
    bars = minutes(7, 3)
    known = five(bars)
    shapes = shapes_of(Window(known, 0, len(known)), SPEC, tuple(MAKERS))
    said = left_out(shapes)
    assert [int(words.split(" ")[0].replace(",", "")) for words in said] == [
        count for layer in ("gaps", "blocks", "pools", "sweeps", "zones", "levels") if (count := sum(one.minor for one in shapes if one.layer == layer))]
    standing = [one for one in shapes if one.layer == "blocks" and not one.minor]
    assert len(standing) <= 4 and all(one.last >= NEVER for one in standing)


def test_states_and_vwap_are_those_that_the_desk_computes():
    spec = FeatureSpec(conviction=TrendConviction(adx_period=5, ema_fast=5, ema_slow=12), volatility=VolatilityRegime(window=100, min_obs=20),
                       vwap=SessionVwap(anchor="rth")).together()
    bars = minutes(4, 8)
    known, desk = five(bars), build(bars, future(), spec).columns
    for ribbon in regimes(known, spec):
        np.testing.assert_array_equal(ribbon.codes, desk[ribbon.name])
    assert (desk["tcc"] != build(bars, future()).columns["tcc"]).any()
    line, = vwap_lines(known, spec, ("vwap",))
    np.testing.assert_array_equal(line.values, desk["vwap"] - known.bars.offset)


def test_levels_that_come_again_at_the_same_price_are_one_line():
    known = five(minutes(3, 2))
    rows = known.objects(SPEC.levels)["levels"]
    shapes = shapes_of(Window(known, 0, len(known)), SPEC, ("levels",))
    assert 0 < len(shapes) < rows.size
    bars_alive = sum(int(min(row["ended_at"], len(known)) - row["known_at"]) for row in rows)
    assert sum(min(one.last, len(known)) - one.first for one in shapes) == bars_alive


def test_words_are_those_of_the_trade():
    assert [pool_word(kind) for kind in (2, 5, 6, 10, 14, 17)] == ["PDH", "ONL", "Asia H", "EQH", "Major H", "Swing L"]
    assert [swing_word(kind, label) for kind in (1, -1) for label in range(4)] == ["H", "HH", "LH", "EQH", "L", "HL", "LL", "EQL"]


def test_prices_before_a_roll_stand_on_the_scale_of_the_last_contract():
    bars = minutes(5, 3, roll_every=2)
    known = five(bars)
    view = chart_view(known, 0, SPEC, ("structure",), ("structure",))
    moved = known.bars.offset[-1] - known.bars.offset
    np.testing.assert_allclose(view.prices["close"], known.bars.close + moved)
    assert moved[0] != 0 and view.prices["close"][-1] == known.bars.close[-1]
    assert any("roll" in note and "C1" in note for note in view.notes)


def test_layers_come_with_a_run_or_by_name():
    every, on = layer_names(None, False)
    assert set(every) == set(LAYERS) - {"trades", "zones"} and set(every) - set(on) == {"blocks", "levels", "bands"}
    assert layer_names(["gaps", "swings", "gaps"], False) == (("swings", "gaps"),) * 2
    assert layer_names([], True) == ((), ())


def test_a_feature_shows_the_unit_it_speaks_in_and_a_column_can_be_named():
    found = chosen(["atr", "break_dir", "rvol"], SPEC)
    assert found["atr"][1] == ("tr", "atr", "atr_before") and found["market_structure"][1] == ("break_dir",) and found["relative_volume"][1] == ("rvol",)


def test_the_clock_of_the_exchange_rises_through_a_change_of_clocks():
    """On 2021-11-07 at 06:00 UTC the clocks of Chicago went from 01:59:59 back to 01:00; on 2021-03-14 at 08:00 UTC from 02:00 to 03:00."""
    import dataclasses

    bars = minutes(1, 1)[:180]
    for day, first, last in ((1_636_264_800, "2021-11-07T01:00", None), (1_615_708_800, "2021-03-14T01:00", "2021-03-14T04:59")):
        ts = day * 10**9 + np.arange(180) * MINUTE - (0 if last is None else 60 * MINUTE)
        wall = wall_seconds(dataclasses.replace(bars, ts_open=ts, ts_close=ts + MINUTE))
        assert (np.diff(wall) > 0).all() and np.datetime64(int(wall[0]), "s") == np.datetime64(first)
        assert last is None or np.datetime64(int(wall[-1]), "s") == np.datetime64(last)


def test_states_have_colours_that_say_what_they_are():
    assert state_colour("TREND_UP", 4)[0] == "gain" and state_colour("TREND_DOWN", 5)[0] == "loss"
    ramp = [state_colour(word, 1)[1] for word in ("None", "Low", "Medium", "High")]
    assert ramp == sorted(ramp) and len({state_colour(word, 1)[0] for word in ("None", "Low", "Medium", "High")}) == 1
