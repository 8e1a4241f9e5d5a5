"""What the session features say of whole markets: VWAP, slot volume, opening gaps, and what a year is."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from pydantic import ValidationError

from pse.domain.instruments import Instrument
from pse.features.feature import Known, Market
from pse.features.opening_gaps import OpeningGap
from pse.features.resampled import resample
from pse.features.volatility import RealisedVolatility, bars_per_year
from pse.features.volume import SlotVolume, session_slots
from pse.features.vwap import SessionVwap
from pse.kernels.codes import OPEN_NONE
from pse.kernels.contract import NEVER
from tests.features.made import MINUTE, future, minutes, share

HOUR = 60 * MINUTE


def known_of(bars, timeframe, instrument):
    return Market(bars, instrument).at(timeframe)


def instrument(kind, calendar):
    return Instrument(symbol="X", name="made", kind=kind, tick=0.01, lot_step=1, point_value=1, currency="USD", calendar=calendar)


@pytest.mark.parametrize("anchor", ["session", "rth"])
def test_bands_stand_in_order_and_the_mean_lies_in_the_range_of_its_session(anchor):
    known = known_of(minutes(4, 6, roll_every=2, missing=0.05), "5m", future())
    found, bars = known.of(SessionVwap(anchor=anchor)), known.bars
    some = ~np.isnan(found["vwap"])
    for lower, upper in (("lower2", "lower1"), ("lower1", "upper1"), ("upper1", "upper2")):
        assert (found[f"vwap_{lower}"][some] <= found[f"vwap_{upper}"][some]).all()
    for session in np.unique(bars.session):
        rows = some & (bars.session == session)
        assert (found["vwap"][rows] <= bars.high[rows].max() + 1e-9).all() and (found["vwap"][rows] >= bars.low[rows].min() - 1e-9).all()


def test_regular_hours_are_those_of_chicago_in_summer_and_in_winter():
    known = known_of(minutes(4, 14), "5m", future())                          # from 4 March to 23 March 2021, over the change of clocks
    some = ~np.isnan(known.of(SessionVwap(anchor="rth"))["vwap"])
    opens = known.bars.ts_open[some] % (24 * HOUR) / HOUR
    winter = known.bars.session_date[some] < 20210314
    assert opens[winter].min() == 14.5 and opens[~winter].min() == 13.5 and opens[winter].max() < 21 and opens[~winter].max() < 20


def test_vwap_of_a_new_contract_is_in_its_own_prices():
    rolled = minutes(5, 6, roll_every=2)
    plain = replace(minutes(5, 6), volume=rolled.volume)
    a, b = known_of(rolled, "5m", future()).of(SessionVwap()), known_of(plain, "5m", future()).of(SessionVwap())
    np.testing.assert_allclose(a["vwap"] - known_of(rolled, "5m", future()).bars.offset, b["vwap"], rtol=1e-12)
    np.testing.assert_allclose(a["vwap_slope"], b["vwap_slope"], rtol=1e-9)


def test_the_slope_begins_again_with_every_session():
    known = known_of(minutes(4, 4), "5m", future())
    slope, session = known.of(SessionVwap())["vwap_slope"], known.bars.session
    place = np.arange(len(known)) - np.searchsorted(session, session)
    assert np.isnan(slope[place < 6]).all() and not np.isnan(slope[(place >= 6) & (np.arange(len(known)) >= 14)]).any()


# --- slots -------------------------------------------------------------------------------------------------------------------------------------


def test_a_slot_keeps_its_wall_time_when_the_clocks_change():
    known = known_of(minutes(4, 14), "5m", future())
    slots = session_slots(known.bars)
    since_open = (known.bars.ts_open - known.bars.sessions.open_ns[known.bars.session]) // (5 * MINUTE)
    np.testing.assert_array_equal(slots, since_open)


def test_the_half_hour_before_the_first_whole_one_is_a_slot_of_its_own():
    bars = known_of(minutes(4, 3, calendar="NYSE", first=date(2021, 6, 1)), "1h", share()).bars
    assert session_slots(bars).tolist() == [0, 1, 2, 3, 4, 5, 6] * 3


def test_volume_is_held_against_the_same_time_of_the_last_twenty_sessions():
    known = known_of(minutes(4, 24, calendar="NYSE"), "5m", share())
    volume = known.bars.volume.reshape(24, 78)
    found = known.of(SlotVolume())["rvol_tod"].reshape(24, 78)
    assert np.isnan(found[:5]).all()
    np.testing.assert_allclose(found[5], volume[5] / np.median(volume[:5], axis=0))
    np.testing.assert_allclose(found[23], volume[23] / np.median(volume[3:23], axis=0))


def test_more_sessions_cannot_be_asked_for_than_are_looked_back_on():
    with pytest.raises(ValidationError, match="at_least 6 is more than the 5 sessions"):
        SlotVolume(sessions=5, at_least=6)


# --- opening gaps --------------------------------------------------------------------------------------------------------------------------------


def gapped():
    """Six sessions on each of which the open jumps by a known number of points: 3, -2.5, 0 (a new contract), 1, -40."""
    bars = minutes(8, 6, roll_every=3)
    bars = replace(bars, **{name: getattr(bars, name) + np.array([0, 3, .5, .5, 1.5, -38.5])[bars.session] for name in ("open", "high", "low", "close")})
    return bars, known_of(bars, "5m", future())


def test_the_gap_of_a_session_is_told_on_each_of_its_bars_and_none_over_a_new_contract():
    bars, known = gapped()
    found, session, first = known.of(OpeningGap()), known.bars.session, np.searchsorted(known.bars.session, np.arange(6))
    expected = known.bars.open[first[1:]] - known.bars.close[first[1:] - 1]
    for day, gap in zip((1, 2, 4, 5), expected[[0, 1, 3, 4]], strict=True):
        assert set(found["open_gap"][session == day]) == {gap}
        assert set(found["open_gap_pct"][session == day]) == {gap / known.bars.close[first[day] - 1]}
        assert set(found["open_gap_atr"][session == day]) == {gap / known.atr[first[day] - 1]}
    assert np.isnan(found["open_gap"][(session == 0) | (session == 3)]).all() and set(found["open_gap_kind"][(session == 0) | (session == 3)]) == {OPEN_NONE}
    assert bars.roll.sum() == 1


def test_a_gap_is_filled_from_the_bar_on_that_trades_at_the_close_before():
    _, known = gapped()
    bars, found = known.bars, known.of(OpeningGap())
    for row in known.objects(OpeningGap())["opening_gaps"]:
        own = np.flatnonzero(bars.session == bars.session[row["t"]])
        before = bars.close[row["t"] - 1]
        back = np.cumsum(bars.low[own] <= before if row["points"] >= 0 else bars.high[own] >= before) > 0
        np.testing.assert_array_equal(found["open_gap_filled"][own], back)
        assert (row["filled_at"] == own[back][0]) if back.any() else (row["filled_at"] > own[-1])
    assert known.objects(OpeningGap())["opening_gaps"]["filled_at"][-1] == NEVER and 0 < found["open_gap_filled"].mean() < 1


def test_every_daily_bar_has_its_gap():
    known = known_of(minutes(8, 30), "1d", future())
    assert np.isfinite(known.of(OpeningGap())["open_gap"][1:]).all() and np.isfinite(known.of(OpeningGap())["open_gap_atr"][15:]).all()


# --- a year --------------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("one", "timeframe", "bars"), [
    (future(), "1d", 252), (future(), "5m", 252 * 276), (future(), "1m", 252 * 1380), (share(), "5m", 252 * 78), (share(), "1m", 252 * 390),
    (share(), "1h", 252 * 7), (instrument("crypto", "24/7"), "1d", 365), (instrument("crypto", "24/7"), "5m", 365 * 288),
    (instrument("fx", "CME Globex FX"), "1h", 252 * 23), (instrument("future", "ICEUS"), "1m", 252 * 1380),
])
def test_a_year_has_as_many_bars_as_regular_trading_days_hold(one, timeframe, bars):
    assert bars_per_year(one, timeframe) == bars


def test_a_year_of_another_length_can_be_asked_for():
    known = known_of(minutes(4, 4), "5m", future())
    usual, short = known.of(RealisedVolatility()), known.of(RealisedVolatility(bars_a_year=252.0))
    for name, values in usual.items():
        np.testing.assert_allclose(values, short[name] * np.sqrt(276), rtol=1e-12)


def test_the_difference_between_two_contracts_is_no_volatility():
    bars = minutes(5, 6)
    later = bars.session >= 3
    rolled = replace(bars, offset=np.where(later, 900.0, 0.0), roll=np.diff(later, prepend=False),
                     **{name: getattr(bars, name) + np.where(later, 900.0, 0.0) for name in ("open", "high", "low", "close")})
    a, b = known_of(rolled, "5m", future()).of(RealisedVolatility()), known_of(bars, "5m", future()).of(RealisedVolatility())
    for name, values in a.items():                                            # 4000 points and 900 more: returns shrink by a fifth, nothing jumps
        some = ~np.isnan(values)
        assert (values[some] <= b[name][some] * (1 + 1e-9)).all() and (values[some] >= 0.8 * b[name][some]).all()


def test_a_build_from_bars_alone_serves_too():
    assert len(Known.from_bars(resample(minutes(4, 2), "5m").bars, future()).of(SlotVolume())["rvol_tod"]) == 2 * 276
