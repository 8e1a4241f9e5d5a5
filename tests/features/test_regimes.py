"""Volatility regime, trend conviction, liquidity, market state and macro context on bars: which inputs they bind, and what they say by hand."""

import math
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from pydantic import ValidationError

from pse.domain.bars import Bars
from pse.features.break_quality import BreakQuality
from pse.features.build import FeatureSpec, build
from pse.features.feature import Known, Market
from pse.features.macro import MacroContext
from pse.features.market_state import LiquidityFilter, MarketState
from pse.features.regime import VolatilityRegime, bars_per_session
from pse.features.spreads import SpreadEstimates
from pse.features.trend import Adx, EfficiencyRatio, Ema
from pse.features.trend_conviction import TrendConviction
from pse.features.volatility import RealisedVolatility
from pse.features.vwap import SessionVwap
from pse.kernels.codes import ILLIQUID_TESTS, LIQUIDITY_STATES, MARKET_STATES, RISK_MOODS, TCC_CLASSES
from pse.providers.plain_sessions import plain_sessions
from tests.features.made import MINUTE, future, minutes, share
from tests.naive import conviction as naive_conviction
from tests.naive import regimes as naive

HOUR = 60 * MINUTE
FIVE = 5 * MINUTE


def crypto():
    return future().model_copy(update={"kind": "crypto", "calendar": "24/7"})


def known_5m(bars, instrument=None):
    return Market(bars, instrument or future()).at("5m")


def without(bars, gone):
    """The bars less those of an index mask."""
    return Bars(**{**bars.__dict__, **{name: getattr(bars, name)[~gone] for name in Bars.columns()}})


# --- volatility ----------------------------------------------------------------------------------------------------------------------------------


def test_the_window_is_twenty_sessions_of_the_market_or_a_year_of_days():
    bars, feature = minutes(1, 2), VolatilityRegime()
    assert feature.ranked(known_5m(bars)) == (5520, 276)
    assert feature.ranked(known_5m(minutes(1, 2, calendar="NYSE"), share())) == (1560, 78)
    assert feature.ranked(known_5m(bars, crypto())) == (5760, 288)
    assert feature.ranked(Market(bars, future()).at("1d")) == (252, 60)
    assert VolatilityRegime(sessions=5).ranked(known_5m(bars)) == (1380, 276)
    assert VolatilityRegime(window=100, min_obs=7).ranked(Market(bars, future()).at("1d")) == (100, 7)
    assert [bars_per_session(share(), timeframe) for timeframe in ("1m", "1h", "4h", "1d")] == [390, 7, 2, 1]


def test_minutes_rank_the_range_over_the_close_and_days_rank_yang_zhang():
    bars = minutes(3, 90, missing=0.6, roll_every=30)
    intraday, daily = known_5m(bars[:4000]), Market(bars, future()).at("1d")
    for known, values in ((intraday, intraday.atr / intraday.bars.close), (daily, daily.of(RealisedVolatility(period=20))["vol_yang_zhang"])):
        feature = VolatilityRegime(window=70, min_obs=40)
        ranks = naive.percentile_ranks(values.tolist(), 70, 40)
        found = known.of(feature)
        np.testing.assert_array_equal(found["vol_rank"], ranks)
        assert found["vol_bucket"].tolist() == naive.buckets(ranks, 0.02)
        np.testing.assert_array_equal(found["vol_spike"], [ratio >= 2.0 - 1e-9 for ratio in naive.over_medians(values.tolist(), 60)])
        forced = VolatilityRegime(series="atr_pct", window=70, min_obs=40)
        assert (known.of(forced)["vol_rank"] == found["vol_rank"])[75:].all() == (known is intraday)
    assert np.flatnonzero(~np.isnan(daily.of(VolatilityRegime())["vol_rank"]))[0] == 20 + 60


def test_without_the_shape_of_the_day_a_value_is_ranked_against_its_own_hour():
    bars = minutes(3, 9, missing=0.1)
    known = known_5m(bars)
    values, slot = (known.atr / known.bars.close).tolist(), ((known.bars.ts_open - bars.sessions.open_ns[known.bars.session]) // FIVE).tolist()
    session = known.bars.session.tolist()
    by_slot: dict[int, list[tuple[int, float]]] = {}
    expected = []
    for t, value in enumerate(values):
        before = [x for day, x in by_slot.get(slot[t], []) if day >= session[t] - 20 and not math.isnan(x)]
        expected.append(value / float(np.median(before)) if len(before) >= 5 else math.nan)
        by_slot.setdefault(slot[t], []).append((session[t], value))
    found = known.of(VolatilityRegime(deseasonalise=True, window=300, min_obs=20))["vol_rank"]
    np.testing.assert_array_equal(found, naive.percentile_ranks(expected, 300, 20))
    assert np.isfinite(found).sum() > 500


# --- conviction ----------------------------------------------------------------------------------------------------------------------------------


def evidence_by_columns(known, intraday, volatility):
    """What conviction reads, from the published columns of the features and plain arithmetic, a dict a bar."""
    bars, n = known.bars, len(known)
    close, atr = bars.close - bars.offset, known.atr
    fast, slow = (known.of(Ema(period=period))["ema"] - bars.offset for period in (20, 50))
    feature = TrendConviction()
    vwap, trend = known.of(SessionVwap()), feature.structure.trend(known)
    htf = np.full(n, np.nan)
    if intraday:
        hours = known.at("1h")
        apart = hours.of(Ema(period=20))["ema"] - hours.of(Ema(period=50))["ema"]
        last = np.searchsorted(hours.bars.ts_close, bars.ts_close, side="right") - 1
        htf[last >= 0] = apart[last[last >= 0]]
    spike = known.of(volatility)["vol_spike"]
    columns = {**known.of(Adx(period=14)), **known.of(EfficiencyRatio(period=20))}
    return [{"adx": columns["adx"][t], "plus_di": columns["plus_di"][t], "minus_di": columns["minus_di"][t], "er": columns["er"][t],
             "change": close[t] - close[t - 20] if t >= 20 else math.nan, "ema_fast": fast[t], "ema_slow": slow[t],
             "slope": (fast[t] - fast[t - 5]) / atr[t] if t >= 5 else math.nan, "trend": trend[t], "vwap_side": bars.close[t] - vwap["vwap"][t],
             "vwap_slope": vwap["vwap_slope"][t], "htf": htf[t], "spike": spike[t]} for t in range(n)]


@pytest.mark.parametrize(("seed", "timeframe", "ratio"), [(3, "5m", 2.0), (4, "5m", 1.05), (5, "1d", 1.05)])
def test_conviction_is_the_naive_table_over_the_published_columns(seed, timeframe, ratio):
    bars = minutes(seed, 7 if timeframe == "5m" else 120, missing=0.02 if timeframe == "5m" else 0.7, roll_every=3)
    known = Market(bars, future()).at(timeframe)
    volatility = VolatilityRegime(spike_ratio=ratio)                          # 2 is rare; at 1.05 the veto of spikes speaks often
    found = known.of(TrendConviction(volatility=volatility))
    expected = naive_conviction.convictions(evidence_by_columns(known, timeframe == "5m", volatility), timeframe == "5m")
    assert [TCC_CLASSES[code] for code in found["tcc"]] == [one[0] for one in expected]
    assert found["tcc_dir"].tolist() == [one[1] for one in expected]
    np.testing.assert_allclose(found["tcc_score_long"], [one[2] for one in expected], atol=1e-12)
    assert set(np.unique(found["tcc"])) == set(range(5)) if timeframe == "5m" else len(set(found["tcc"])) >= 3


def straight(step, n=500):
    """5m bars of one session after the other that go one way only."""
    bars = known_5m(minutes(1, 3)).bars[:n]
    close = 4000.0 + step * np.arange(n)
    return replace(bars, open=close - step, high=np.maximum(close, close - step) + 0.1, low=np.minimum(close, close - step) - 0.1, close=close,
                   volume=np.full(n, 100.0))


def test_a_straight_way_is_all_but_the_structure_that_it_never_makes():
    down = Known.from_bars(straight(-1.0), future()).of(TrendConviction())
    assert (down["tcc_dir"][49:] == -1).all() and down["tcc_score_short"][100] == pytest.approx(0.7) and down["tcc_score_long"][100] == 0.0
    long = Known.from_bars(straight(1.0, 700), future()).of(TrendConviction())
    assert long["tcc_score_long"][690] == pytest.approx(0.8) and long["tcc"][690] == TCC_CLASSES.index("High")
    assert long["tcc_score_long"][100] == pytest.approx(0.7) and long["tcc"][100] == TCC_CLASSES.index("Medium")    # no hour's averages yet


def test_days_that_are_stored_say_what_days_made_of_minutes_say():
    bars = minutes(5, 120, missing=0.7, roll_every=40)
    made = Market(bars, future()).at("1d")
    stored = Known.from_bars(made.bars, future())
    for feature in (TrendConviction(), MarketState(), BreakQuality()):
        for column, values in made.of(feature).items():
            np.testing.assert_array_equal(values, stored.of(feature)[column], err_msg=column)
    quality = stored.of(BreakQuality())
    assert np.isnan(quality["htf_trend"]).all() and set(quality["mqs_htf"][~np.isnan(quality["mqs_htf"])]) == {0.5}


def test_a_context_of_shorter_bars_than_the_rows_is_none():
    assert [TrendConviction().timeframes(of) for of in ("5m", "1h", "4h", "1d")] == [("1h",), ("1h",), (), ()]
    assert [BreakQuality().timeframes(of) for of in ("5m", "1h", "4h", "1d")] == [("1h",), ("1h",), (), ()]
    assert TrendConviction(context_timeframe="1d").timeframes("1d") == () and BreakQuality(context_timeframe="1d").timeframes("1d") == ("1d",)
    four = Market(minutes(3, 60, missing=0.5), future()).at("4h")
    for feature in (TrendConviction(), BreakQuality()):
        for column, values in Known.from_bars(four.bars, future()).of(feature).items():                # where nothing finer is stored
            np.testing.assert_array_equal(values, four.of(feature)[column], err_msg=column)


def test_thresholds_of_conviction_must_rise():
    with pytest.raises(ValidationError, match="must rise"):
        TrendConviction(medium=0.8)
    with pytest.raises(ValidationError, match="is not below"):
        TrendConviction(ema_fast=50)


# --- liquidity -----------------------------------------------------------------------------------------------------------------------------------


def failures(found, t):
    return [name for i, name in enumerate(ILLIQUID_TESTS) if found["liquidity_failed"][t] >> i & 1]


def test_missing_bars_of_the_session_are_gaps_and_a_halt_is_none():
    bars = minutes(4, 3)
    at, day = np.arange(len(bars)), 23 * 60
    gone = (at >= day + 600) & (at < day + 625)                             # five 5m bars of the second session
    found = known_5m(without(bars, gone)).of(LiquidityFilter())
    first = 276 + 120                                                       # the first bar after the hole
    np.testing.assert_allclose(found["present_share"][first - 1:first + 16], [1.0] + [0.75] * 15 + [0.8])
    assert [t for t in range(len(found["liquidity"])) if "GAPS" in failures(found, t)] == list(range(first, first + 15))
    assert {LIQUIDITY_STATES[code] for code in found["liquidity"][first:first + 15]} == {"ILLIQUID"}
    calendar = bars.sessions
    halted = replace(calendar, break_open_ns=calendar.open_ns + 600 * MINUTE, break_close_ns=calendar.open_ns + 625 * MINUTE)
    halt = known_5m(replace(without(bars, (at % day >= 600) & (at % day < 625)), sessions=halted)).of(LiquidityFilter())
    assert (halt["present_share"] == 1.0).all()


def test_the_first_bars_of_a_session_are_held_against_as_many_places():
    bars = minutes(4, 2)
    at = np.arange(len(bars))
    late = known_5m(without(bars, (at >= 23 * 60) & (at < 23 * 60 + 5)))                   # the second session's first 5m bar is missing
    np.testing.assert_allclose(late.of(LiquidityFilter())["present_share"][274:280], [1, 1, 1 / 2, 2 / 3, 3 / 4, 4 / 5])


def test_missing_days_are_gaps_of_a_daily_desk():
    bars = minutes(4, 30, missing=0.8)
    gappy = without(bars, (bars.session >= 22) & (bars.session < 27))
    days = Market(gappy, future(), until_ns=int(bars.sessions.close_ns[29])).at("1d")
    np.testing.assert_allclose(days.of(LiquidityFilter())["present_share"], [1.0] * 22 + [15 / 20] * 3)


def test_bars_without_volume_count_and_unknown_volume_is_no_test():
    bars = minutes(4, 8)
    quiet = bars.volume.copy()
    quiet[3 * 1380 + 500:3 * 1380 + 525] = 0.0                              # five 5m bars
    found = known_5m(replace(bars, volume=quiet)).of(LiquidityFilter())
    zero = [t for t in range(len(found["liquidity"])) if "ZERO_VOLUME" in failures(found, t)]
    assert zero == list(range(3 * 276 + 104, 3 * 276 + 120)) and np.isnan(found["zero_volume_share"][:19]).all()
    blind = known_5m(replace(bars, volume=np.full(len(bars), np.nan))).of(LiquidityFilter())
    assert set(np.unique(blind["liquidity_failed"])) <= {0, 2} and np.isnan(blind["zero_volume_share"]).all()


def test_a_thin_hour_is_one_far_below_its_usual_volume():
    bars = minutes(4, 8)
    thin = bars.volume.copy()
    thin[6 * 1380 + 600:6 * 1380 + 605] = 1.0
    found = known_5m(replace(bars, volume=thin)).of(LiquidityFilter())
    assert "LOW_RVOL" in failures(found, 6 * 276 + 120) and "LOW_RVOL" not in failures(found, 6 * 276 + 121)


def test_quotes_are_ranked_where_there_are_any():
    bars = minutes(4, 4)
    spread = np.full(len(bars), 0.25)
    spread[2 * 1380:2 * 1380 + 100] = 0.75                                  # twenty 5m bars
    spread[3 * 1380 + 4] = np.nan
    known = known_5m(replace(bars, spread=spread))
    found, first = known.of(LiquidityFilter()), 2 * 276
    # the median of 20 quotes rises half-way with the tenth wide one and is wide from the eleventh on, until as many narrow ones came
    wide = [t for t in range(3 * 276) if "WIDE_SPREAD" in failures(found, t)]
    assert wide == list(range(first + 9, first + 30)) and found["spread_rank"][first + 8] == 0.5
    guessed = known_5m(bars).of(LiquidityFilter())["spread_rank"]
    hole = slice(3 * 276, 3 * 276 + 20)                                     # one missing quote: the estimate speaks while it is in the median's window
    assert found["spread_rank"][hole].tolist() == guessed[hole].tolist() and np.isfinite(guessed[hole]).all()
    assert found["spread_rank"][3 * 276 + 20] != guessed[3 * 276 + 20]


def test_quotes_that_begin_later_change_no_earlier_row_and_speak_once_enough_are_known():
    bars = minutes(3, 8)
    begin = 5 * 1380 + 700
    spread = np.where(np.arange(len(bars)) >= begin, 0.25, np.nan)
    late, never = known_5m(replace(bars, spread=spread)).of(LiquidityFilter()), known_5m(bars).of(LiquidityFilter())
    early = known_5m(bars[:begin]).of(LiquidityFilter())
    first = begin // 5 + 19 + 276                                           # twenty quotes make a median, a session of medians before it a rank
    for column, values in late.items():
        np.testing.assert_array_equal(values[:begin // 5], early[column], err_msg=column)
        np.testing.assert_array_equal(values[:first], never[column][:first], err_msg=column)
    assert (late["spread_rank"][first:] == 0.5).all() and (never["spread_rank"][first:] != 0.5).any()
    assert np.isfinite(late["spread_rank"][20 + 276:]).all()


def test_a_column_of_quotes_that_knows_none_is_no_column():
    bars = minutes(3, 4)
    empty, none = (known_5m(replace(bars, spread=spread)).of(LiquidityFilter()) for spread in (np.full(len(bars), np.nan), None))
    for column, values in none.items():
        np.testing.assert_array_equal(empty[column], values, err_msg=column)


def test_the_estimated_spread_is_ranked_as_a_share_of_the_range():
    known = known_5m(minutes(5, 4, roll_every=2))
    ratio = known.of(SpreadEstimates(period=20))["spread_ar"] * known.bars.close / known.atr
    found = known.of(LiquidityFilter(min_obs=50, sessions=1))["spread_rank"]
    np.testing.assert_array_equal(found, naive.percentile_ranks(ratio.tolist(), 276, 50))


# --- market state --------------------------------------------------------------------------------------------------------------------------------


def states(bars, instrument, timeframe="5m"):
    return [MARKET_STATES[code] for code in Market(bars, instrument).at(timeframe).of(MarketState())["mcs"]]


def test_a_session_is_closed_for_its_last_quarter_of_an_hour_and_nothing_else_is():
    bars = minutes(4, 4)
    found = states(bars, future())
    closed = [t for t, state in enumerate(found) if state == "CLOSED"]
    assert closed == [276 * day + place for day in range(4) for place in (273, 274, 275)]          # 10, 5 and 0 minutes are left
    assert "CLOSED" not in states(bars, crypto()) and "CLOSED" not in states(minutes(4, 60, missing=0.8), future(), "1d")
    assert found[:49] == ["UNKNOWN"] * 49 and "UNKNOWN" not in found[49:]


def test_the_groups_of_a_spec_share_their_parts():
    spec = FeatureSpec(volatility=VolatilityRegime(spike_ratio=3.0), liquidity_filter=LiquidityFilter(rvol_min=0.5), context_timeframe="30m",
                       vwap=SessionVwap(anchor="rth")).together()
    state = spec.market_state
    assert state.volatility.spike_ratio == state.conviction.volatility.spike_ratio == 3.0 and state.liquidity_filter.rvol_min == 0.5
    assert spec.conviction == state.conviction and state.conviction.context_timeframe == "30m" and state.conviction.vwap.anchor == "rth"


def test_states_of_the_build_are_those_of_the_features_asked_one_by_one():
    features = build(minutes(7, 5, roll_every=2), future())
    fresh = known_5m(minutes(7, 5, roll_every=2))
    for feature in (VolatilityRegime(), TrendConviction(), LiquidityFilter(), MarketState()):
        for name, column in fresh.of(feature).items():
            np.testing.assert_array_equal(features.columns[name], column, err_msg=name)


# --- macro ---------------------------------------------------------------------------------------------------------------------------------------


def days(symbol, closes, calendar="NYSE", first=date(2021, 1, 4)):
    """A market of daily bars with these closes."""
    sessions = plain_sessions(calendar, first, date(2022, 12, 31))
    n, close = len(closes), np.array(closes, dtype=np.float64)
    bars = Bars(symbol=symbol, timeframe="1d", ts_open=sessions.open_ns[:n], ts_close=sessions.close_ns[:n], open=close, high=close, low=close, close=close,
                volume=np.full(n, np.nan), session=np.arange(n), roll=np.zeros(n, bool), offset=np.zeros(n), contract=np.zeros(n, np.int32),
                flags=np.zeros(n, np.int16), contracts=("",), sessions=sessions)
    return Market(bars, share().model_copy(update={"symbol": symbol}))


def mood(others, instrument=None, feature=None, n=260):
    """(mood, score, missing) of each of the first n days of a market that looks at others."""
    own = days("QQQ", np.full(n, 100.0))
    found = Market(own.bars, instrument or own.instrument, others=others).at("1d").of(feature or MacroContext())
    return [(RISK_MOODS[m], s, int(b)) for m, s, b in zip(found["risk_mood"], found["risk_score"], found["risk_missing"], strict=True)]


RISING, FALLING = np.arange(260.0) + 100, 400 - np.arange(260.0)


@pytest.mark.parametrize(("shares", "fear", "dollar", "expected"), [
    (RISING, FALLING, FALLING, ("RISK_ON", 3.0, 0)),
    (FALLING, RISING, RISING, ("RISK_OFF", -3.0, 0)),
    (RISING, RISING, FALLING, ("NEUTRAL", 1.0, 0)),
    (RISING, RISING, np.full(260, 90.0), ("NEUTRAL", 1.0, 0)),               # a dollar that stands still is one that does not rise
    (np.full(260, 100.0), np.full(260, 20.0), np.full(260, 90.0), ("NEUTRAL", 0.0, 0)),   # not above its mean -1, rank one half 0, still +1
])
def test_each_series_votes_by_its_rule(shares, fear, dollar, expected):
    assert mood({"SPY": days("SPY", shares), "VIX": days("VIX", fear), "DXY": days("DXY", dollar)})[-1] == expected


def test_a_series_that_is_missing_too_young_or_too_old_counts_nothing_and_is_named():
    unknown = mood({})[-1]
    assert unknown[::2] == ("UNKNOWN", 7) and math.isnan(unknown[1])                           # no vote is no score, not a sum of nought
    early = mood({"SPY": days("SPY", RISING), "VIX": days("VIX", FALLING)})
    assert early[-1] == ("RISK_ON", 2.0, 4) and early[199] == ("RISK_ON", 2.0, 4) and early[198] == ("NEUTRAL", 1.0, 5)
    assert early[60] == ("NEUTRAL", 1.0, 5) and early[59][::2] == ("UNKNOWN", 7) and math.isnan(early[59][1])
    ended = mood({"SPY": days("SPY", RISING[:250])})
    assert ended[253] == ("NEUTRAL", 1.0, 6) and ended[-1][::2] == ("UNKNOWN", 7) and math.isnan(ended[-1][1])


def test_a_day_that_is_just_as_old_as_allowed_still_votes():
    closes = days("QQQ", np.full(260, 100.0)).bars.ts_close
    last = 220 + int(np.flatnonzero(np.diff(closes[220:]) == 24 * HOUR)[0])                    # the next day closes 24 hours later
    spy = {"SPY": days("SPY", RISING[:last + 1])}
    assert mood(spy, feature=MacroContext(max_age_days=1.0))[last + 1] == ("NEUTRAL", 1.0, 6)
    assert mood(spy, feature=MacroContext(max_age_days=0.999))[last + 1][::2] == ("UNKNOWN", 7)


def test_a_day_votes_from_its_close_on():
    fear = {"VIX": days("VIX", np.where(np.arange(260) < 100, 20.0, 90.0))}                    # on day 100 fear jumps
    own = minutes(1, 2, calendar="NYSE", tick=0.01, first=date(2021, 5, 24))
    assert list(own.session_date[[0, -1]]) == [20210524, 20210525]
    jump = np.flatnonzero(fear["VIX"].bars.close == 90.0)[0]
    assert fear["VIX"].bars.session_date[jump] == 20210524
    found = Market(own, fear["VIX"].instrument.model_copy(update={"symbol": "QQQ"}), others=fear).at("5m").of(MacroContext())["risk_score"]
    assert (found[:77] == 0.0).all() and (found[77:] == -1.0).all()                            # a rank of one half before; the last 5m bar closes with the day


def test_crypto_looks_at_dominance_and_ether():
    falling, rising = days("BTC.D", FALLING), days("ETHBTC", RISING)
    assert mood({"BTC.D": falling, "ETHBTC": rising}, crypto())[-1] == ("RISK_ON", 2.0, 0)
    assert mood({"BTC.D": days("BTC.D", RISING), "ETHBTC": days("ETHBTC", FALLING)}, crypto())[-1] == ("RISK_OFF", -2.0, 0)
    assert mood({"ETHUSDT": rising}, crypto(), MacroContext(ether="ETHUSDT"))[-1] == ("NEUTRAL", 1.0, 1)
    assert MacroContext().of(crypto()).symbols() == ("BTC.D", "ETHBTC") and MacroContext().of(share()).symbols() == ("SPY", "VIX", "DXY")
