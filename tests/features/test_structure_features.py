"""Features of market structure: what their columns say by hand, how they read finer bars, and that objects carry ids and moments."""

from dataclasses import replace

import numpy as np
import pytest

from pse.domain.bars import Bars
from pse.features.dealing_range import PremiumDiscount
from pse.features.fair_value_gaps import FairValueGaps
from pse.features.feature import Known, Market
from pse.features.impulse import Displacement, Impulse, Thrust
from pse.features.level_breaks import LevelBreaks
from pse.features.levels import Levels
from pse.features.liquidity import Liquidity
from pse.features.market_structure import MarketStructure, SwingLabels
from pse.features.micro_gaps import MicroGaps
from pse.features.objects import available_at, kind_of, object_ids
from pse.features.order_blocks import OrderBlocks
from pse.features.points_of_interest import PointsOfInterest
from pse.features.resampled import resample
from pse.kernels.codes import SWING_LABELS
from pse.kernels.contract import NEVER, SWEPT
from tests.features.known import assert_same_past
from tests.features.made import future, minutes, share

ALL = (MarketStructure(), FairValueGaps(), OrderBlocks(), Liquidity(), Levels(), LevelBreaks(), Impulse(), PointsOfInterest(), MicroGaps())


@pytest.fixture(scope="module")
def market():
    return Market(minutes(7, 12, roll_every=4, missing=0.02), future())


@pytest.fixture(scope="module")
def known(market):
    return market.at("5m")


def five_minutes(bars, closes, offset=0.0, session=None):
    """Made bars with these closes: each opens at the last close and reaches a quarter beyond both."""
    n = len(closes)
    close = np.array(closes, dtype=float)
    open_ = np.concatenate([close[:1], close[:-1]])
    first = resample(bars, "5m").bars[:n]
    fields = {**first.__dict__, "open": open_ + offset, "close": close + offset, "high": np.maximum(open_, close) + 0.25 + offset,
              "low": np.minimum(open_, close) - 0.25 + offset, "offset": np.full(n, offset)}
    return Bars(**fields)


# --- labels and the alternating view ----------------------------------------------------------------------------------------------------------
def test_each_swing_is_labelled_at_its_confirming_bar():
    closes = [10, 12, 14, 12, 10, 13, 16, 13, 11, 13, 15, 12, 9, 8]
    found = Known.from_bars(five_minutes(minutes(1, 1), closes), future()).of(SwingLabels(structure=MarketStructure(internal=2)))
    highs = {int(t): SWING_LABELS[found["swing_high_label"][t]] for t in np.flatnonzero(found["swing_high_label"])}
    lows = {int(t): SWING_LABELS[found["swing_low_label"][t]] for t in np.flatnonzero(found["swing_low_label"])}
    assert highs == {4: "H", 8: "HH", 12: "LH"} and lows == {6: "L", 10: "HL"}
    assert list(found["leg_dir"][[3, 4, 6, 8]]) == [0, 1, -1, 1]
    assert found["leg_high"][8] == 16.25 and found["leg_low"][6] == 9.75


def test_prices_of_the_new_columns_are_as_traded():
    plain, moved = five_minutes(minutes(1, 1), np.arange(60) % 17 * 1.0), five_minutes(minutes(1, 1), np.arange(60) % 17 * 1.0, offset=25.0)
    for feature in (SwingLabels(), FairValueGaps(), PremiumDiscount(), Impulse(min_atr=1, min_er=0.1), LevelBreaks(), PointsOfInterest(), Liquidity()):
        one, other = Known.from_bars(plain, future()).of(feature), Known.from_bars(moved, future()).of(feature)
        for name, column in type(feature).columns.items():
            shift = 25.0 if column.unit == "price" else 0.0
            np.testing.assert_allclose(other[name] - shift, one[name], atol=1e-9, err_msg=name)


# --- days of shares ---------------------------------------------------------------------------------------------------------------------------
def test_daily_bars_of_a_share_have_swings_and_gaps_though_each_is_a_session_of_its_own():
    bars = minutes(3, 90, calendar="NYSE", tick=0.01)
    days = Market(bars, share()).at("1d")
    assert len(days.objects(MarketStructure())["pivots_internal"]) > 3
    assert set(np.diff(days.bars.session)) == {1}
    within = Market(bars, share()).at("5m")
    pivots, session = within.objects(MarketStructure())["pivots_internal"], within.bars.session
    assert len(pivots) and (session[pivots["idx"] - 3] == session[pivots["confirmed_at"]]).all()


def test_a_leg_of_a_share_lies_in_one_session_and_that_of_a_future_need_not():
    for calendar, instrument, within in (("NYSE", share(), True), ("CME Globex Equity", future(), False)):
        market = Market(minutes(4, 30, calendar=calendar, tick=instrument.tick), instrument).at("15m")
        legs, session = market.objects(Impulse(min_atr=1.5, min_er=0.2))["legs"], market.bars.session
        assert len(legs) > 20 and (session[legs["s"]] == session[legs["e"]]).all() == within


# --- gaps of minutes --------------------------------------------------------------------------------------------------------------------------
def test_a_gap_of_minutes_is_told_on_the_decision_bar_that_closes_with_or_after_its_third_minute(market, known):
    fine = market.at("1m")
    gaps, rows = fine.objects(MicroGaps().gaps)["gaps"], known.objects(MicroGaps())["micro_gaps"]
    closes, minute_closes = known.bars.ts_close, fine.bars.ts_close
    assert len(rows) > 500
    told = gaps[minute_closes[gaps["formed_at"]] <= closes[-1]]
    assert len(told) == len(rows)
    row = rows["formed_at"]
    at = minute_closes[told["formed_at"]]
    assert (closes[row] >= at).all() and (closes[np.maximum(row - 1, 0)] < at)[row > 0].all()
    np.testing.assert_array_equal(rows["mid_ts"], fine.bars.ts_open[told["mid_bar"]])
    filled = rows["filled_at"] < NEVER
    assert (closes[rows["filled_at"][filled]] >= minute_closes[told["filled_at"][filled]]).all()


def test_the_count_of_standing_gaps_of_minutes_is_that_of_the_minutes_by_the_close(market, known):
    fine, columns = market.at("1m"), known.of(MicroGaps())
    gaps = fine.objects(MicroGaps().gaps)["gaps"]
    gaps = gaps[gaps["valid"] & ~gaps["inverse"]]
    for t in (50, 333, 1000, len(known) - 1):
        past = np.searchsorted(fine.bars.ts_close, known.bars.ts_close[t], side="right")
        ends = np.minimum(np.minimum(gaps["filled_at"], gaps["inverted_at"]), gaps["stale_at"])
        standing = (gaps["formed_at"] < past) & (ends >= past)
        assert columns["micro_gaps_long"][t] == (standing & (gaps["dir"] > 0)).sum()
        assert columns["micro_gaps_short"][t] == (standing & (gaps["dir"] < 0)).sum()


def test_without_minutes_nothing_is_told_of_their_gaps():
    alone = Known.from_bars(resample(minutes(1, 2), "5m").bars, future())
    columns = alone.of(MicroGaps())
    assert np.isnan(columns["micro_gaps_long"]).all() and not columns["micro_gap_dir"].any() and not len(alone.objects(MicroGaps())["micro_gaps"])


@pytest.mark.parametrize("share_of_minutes", [0.3, 0.6131, 0.95])
def test_later_minutes_never_change_an_object_of_structure(market, share_of_minutes):
    cut = market.bars[:int(share_of_minutes * len(market.bars))]
    early, late = Market(cut, future()).at("5m"), market.at("5m")
    for feature in ALL:
        there = late.objects(feature)
        for name, rows in early.objects(feature).items():
            assert_same_past(name, rows, there[name], len(early))
        for name, column in early.of(feature).items():
            np.testing.assert_array_equal(column, late.of(feature)[name][:len(early)], err_msg=name)


# --- displacement, thrust, levels, sweeps -----------------------------------------------------------------------------------------------------
def test_thrusts_are_displacement_bars_of_the_larger_kind(known):
    displaced, thrust = known.of(Displacement())["disp_dir"], known.of(Thrust())
    at = thrust["thrust_dir"] != 0
    assert at.sum() >= 3 and (displaced[at] == thrust["thrust_dir"][at]).all() and at.sum() < (displaced != 0).sum()
    assert not thrust["thrust_no_volume"][20:].any()                  # the mean volume is unknown before
    deaf = Bars(**{**known.bars.__dict__, "volume": np.full(len(known), np.nan)})
    unmeasured = Known.from_bars(deaf, future()).of(Thrust())
    assert (unmeasured["thrust_no_volume"] == (unmeasured["thrust_dir"] != 0)).all() and (unmeasured["thrust_dir"] != 0).sum() >= at.sum()


def test_extremes_of_the_day_before_and_of_the_night_are_levels_until_the_day_ends(known):
    levels, session = known.objects(Levels())["levels"], known.bars.session
    single = levels[levels["touches"] == 1]
    assert set(single["priority"].tolist()) == {0.9, 0.75} and (np.diff(levels["known_at"]) >= 0).all()
    ended = single["ended_at"] < NEVER
    assert (session[single["ended_at"][ended]] == session[single["known_at"][ended]] + 1).all()
    high = known.price("high")
    first = np.flatnonzero(np.diff(session)) + 1
    for t in first[:5]:
        assert high[session == session[t] - 1].max() in single["price"][single["known_at"] == t]


def test_a_broken_level_lies_between_the_two_closes_and_was_known_before(known):
    found, close, a = known.of(LevelBreaks()), known.bars.close, known.atr_before
    at = np.flatnonzero(found["level_break_dir"])
    assert len(at) > 50
    d, price = found["level_break_dir"][at], found["level_break_price"][at]
    older = known.price("close")[at - 1] + known.bars.offset[at]
    assert (d * (price - older) >= -1e-9).all() and (d * (close[at] - price) >= 0.1 * a[at] - 1e-9).all()
    assert (found["level_break_priority"][at] >= 0.6).all() and (found["level_break_count"][at] >= 1).all()


def test_a_sweep_lists_every_level_that_its_bar_swept(known):
    feature = Liquidity()
    found, swept = known.objects(feature), feature.of(known.instrument).swept(known)
    sweeps, pools = found["sweeps"], found["pools"]
    assert len(swept) == (pools["end"] == SWEPT).sum() > (sweeps["result"] == SWEPT).sum() > 0
    np.testing.assert_array_equal(sweeps["confirmed_at"][swept["sweep"]], pools["ended_at"][swept["pool"]])
    best = np.zeros(len(sweeps))
    np.maximum.at(best, swept["sweep"], pools["priority"][swept["pool"]])
    told = sweeps["result"] == SWEPT
    assert (sweeps["priority"][told] >= best[told] - 1e-9).all() and (sweeps["priority"][told] <= best[told] + 0.1 + 1e-9).all()
    columns = known.of(feature)
    assert columns["sweep_count"].max() >= 2


def test_a_mitigated_gap_is_one_whose_middle_or_by_choice_whose_edge_was_traded(known):
    middle, touch = known.of(FairValueGaps())["gaps_mitigated"], known.of(FairValueGaps(mitigation="touch"))["gaps_mitigated"]
    gaps = known.objects(FairValueGaps())["gaps"]
    born = gaps[gaps["valid"] & ~gaps["inverse"]]
    assert middle.sum() == (born["mid_filled_at"] < NEVER).sum() < touch.sum() == (born["touched_at"] < NEVER).sum()


def test_an_inverse_gap_is_told_on_the_bar_that_closes_through_the_first_one(known):
    columns, gaps = known.of(FairValueGaps()), known.objects(FairValueGaps())["gaps"]
    at = np.flatnonzero(columns["ifvg_dir"])
    assert len(at) and set(at) == set(gaps["inverted_at"][(gaps["inverted_at"] < NEVER) & ~gaps["inverse"]].tolist())


# --- premium, discount and the band of the last leg -------------------------------------------------------------------------------------------
def test_the_band_lies_between_the_shares_of_the_leg_that_is_given_back(known):
    found = known.of(PremiumDiscount())
    longs, shorts = Impulse().legs(known)
    at = np.flatnonzero(found["ote_dir"])
    assert len(at) > 100 and len(longs) and len(shorts)
    leg = longs[longs["known_at"] == longs["e"]][3]                  # a leg that is known at the bar of its end
    t = int(leg["known_at"])
    offset = known.bars.offset[t]
    assert found["ote_dir"][t] == 1
    assert found["ote_top"][t] == pytest.approx(leg["end"] - 0.62 * leg["length"] + offset)
    assert found["ote_bottom"][t] == pytest.approx(leg["end"] - 0.79 * leg["length"] + offset)
    inside = (known.bars.close >= found["ote_bottom"]) & (known.bars.close <= found["ote_top"])
    assert (found["ote_inside"] == inside).all()


def test_a_close_on_an_edge_of_the_band_lies_in_it_and_one_beyond_does_not():
    known = Market(minutes(7, 5), future()).at("5m")
    bars, found, tried = known.bars, known.of(PremiumDiscount()), 0
    for t in np.flatnonzero(found["ote_dir"])[::7]:
        for name, outward in (("ote_top", 1.0), ("ote_bottom", -1.0)):
            edge = found[name][t]
            if not bars.low[t] + 0.01 <= edge <= bars.high[t] - 0.01:
                continue
            for close, inside in ((edge, 1), (edge + outward * 1e-12, 1), (edge - outward * 0.01, 1), (edge + outward * 0.01, 0)):
                column = bars.close[:t + 1].copy()
                column[t] = close
                other = Known.from_bars(replace(bars[:t + 1], close=column), future()).of(PremiumDiscount())
                if other[name][t] == edge:                              # the band is of a leg that this close does not make
                    assert other["ote_inside"][t] == inside, (t, name, close - edge)
                    tried += 1
    assert tried >= 40


# --- ids and moments --------------------------------------------------------------------------------------------------------------------------
def test_every_object_has_an_event_bar_not_after_the_bar_that_makes_it_known_and_an_id(known):
    seen = set()
    for feature in ALL:
        for name, rows in known.objects(feature).items():
            kind = kind_of(name)
            assert len(rows) and (rows[kind.event] <= rows[kind.known]).all() and (np.diff(rows[kind.known]) >= 0).all(), name
            for moment in kind.later:
                assert (rows[moment] >= rows[kind.known]).all(), (name, moment)
            ids = object_ids(name, rows, known.bars, "1m" if name == "micro_gaps" else None)
            assert all(one.split(":")[1:3] == ["ES", "1m" if name == "micro_gaps" else "5m"] for one in ids)
            np.testing.assert_array_equal(available_at(name, rows, known.bars), known.bars.ts_close[rows[kind.known]])
            if name not in ("pools", "sweeps", "levels", "points"):        # a pool or a point that grew keeps its id
                assert len(set(ids)) == len(ids) and not seen & set(ids), name
            seen |= set(ids)


def test_an_id_is_written_by_hand():
    bars = resample(minutes(1, 2), "5m").bars
    known = Known.from_bars(bars, future())
    gaps = known.objects(FairValueGaps())["gaps"]
    word = "ifvg" if gaps[0]["inverse"] else "fvg"
    assert object_ids("gaps", gaps, bars)[0] == f"{word}:ES:5m:{gaps[0]['dir']}:{bars.ts_open[gaps[0]['mid_bar']]}"
