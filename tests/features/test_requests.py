"""The language in which features are asked for: what it means, what its columns are called, and what it refuses."""

import dataclasses
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pse.commands.feature_inputs import catalogue
from pse.domain.errors import RequestError, UnknownName
from pse.features.feature import Known, Market
from pse.features.joined import StaleRule, open_time_ns, request_columns
from pse.features.requests import KEYS, Request, every_feature, parameters, parse_request, parse_requests
from pse.features.resampled import resample
from tests.features.drawn import draw, instrument
from tests.features.made import MINUTE, future, minutes, share

HOUR = 60 * MINUTE
KNOWN = catalogue()


def names(text):
    return [name for one in parse_requests(text, KNOWN) for name in one.columns]


# --- what it means -------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "expected"), [
    ("sma", ["sma"]),
    ("rsi:period=7", ["rsi_period7", "rsi_state_period7"]),
    ("ema:period=200@1h", ["ema_period200__1h"]),
    ("sma:period=200@SPY/1d", ["sma_period200__spy_1d", "sma_period200__spy_1d__age_s", "sma_period200__spy_1d__stale"]),
    ("close@VIX/1d", ["close__vix_1d", "close__vix_1d__age_s", "close__vix_1d__stale"]),
    ("volume@1h", ["volume__1h"]),
    ("atr_pct", ["atr_pct"]),
    ("mqs_grade:structure.internal=5", ["mqs_grade_structure_internal5"]),
    ("gap_top:max_age=30,min_atr=0.25", ["gap_top_min_atr0p25_max_age30"]),
    ("atr:gap_in_tr=false", [f"{name}_gap_in_tr_false" for name in ("tr", "atr", "atr_before", "atr_pct")]),
    ("close@BTC.D/1d", ["close__btc_dot_d_1d", "close__btc_dot_d_1d__age_s", "close__btc_dot_d_1d__stale"]),
])
def test_a_request_has_columns_that_say_all_of_it(text, expected):
    assert names(text) == expected


def test_no_name_means_every_column_of_the_bars():
    assert names("@VIX/1d") == [f"{name}__vix_1d" for name in ("open", "high", "low", "close", "volume")] + ["bars__vix_1d__age_s", "bars__vix_1d__stale"]


def test_a_list_is_split_at_commas_that_do_not_go_on_with_parameters():
    asked = parse_requests("macd:fast=5,slow=10,rsi, ema:period=200@1h,atr", KNOWN)
    assert [one.text for one in asked] == ["macd:fast=5,slow=10", "rsi", "ema:period=200@1h", "atr"]
    assert (asked[0].feature.fast, asked[0].feature.slow) == (5, 10)


def test_one_feature_with_two_parameters_is_two_columns_and_with_the_same_one():
    assert names("sma,sma:period=7,sma:period=8") == ["sma", "sma_period7", "sma_period8"]
    assert names("sma:period=7,sma:period=7") == names("sma:period=07") == ["sma_period7"]
    assert names("sma:period=20,sma") == ["sma"], "the default said aloud is the default"
    assert names("rsi_state,rsi") == ["rsi", "rsi_state"]


def test_a_request_can_be_written_again():
    for text in ("rsi", "ema:period=200@1h", "sma:period=200@SPY/1d", "atr:gap_in_tr=false", "mqs:structure.internal=5,liquidity.volume.period=30"):
        one = parse_request(text, KNOWN)
        assert one.text == text and parse_request(one.text, KNOWN) == one


# --- what it refuses -----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "said"), [
    ("rsj", "no feature named 'rsj'.*Did you mean rsi"),
    ("mqs_grad", "Did you mean"),
    ("swing_hgh", "Did you mean the column swing_high of market_structure"),
    ("ema:perod=3", "no parameter of ema named 'perod'.*Did you mean period"),
    ("ema:period=0", "period is 0.*1 to 5,000.*the nearest is period=1"),
    ("ema:period=9999", "the nearest is period=5000"),
    ("ema:period=two", "period is two"),
    ("ema:period", "period has no value; write ema:period=20"),
    ("ema:period=3,period=4", "stands there twice"),
    ("fair_value_gaps:tick=0.5", "tick of fair_value_gaps is taken from the instrument"),
    ("ema@2x", "'ema@2x': timeframe '2x' is not a number and one of s, m, h, d"),
    ("close@SPY", "names SPY without a timeframe; write @SPY/1d"),
    ("close@spy/1d", "'spy' is not a symbol"),
    ("close:period=3", "a column of the bars has no parameters"),
    (" , ", "no feature is named"),
    ("@", "is no request"),
    (":", "is no request"),
    ("macd:fast=30,slow=10", "fast"),
])
def test_what_cannot_be_is_refused_with_the_nearest_that_can(text, said):
    with pytest.raises(RequestError, match=said):
        parse_requests(text, KNOWN)


def test_an_unknown_name_is_an_unknown_name():
    with pytest.raises(UnknownName):
        parse_request("nothing_like_it", KNOWN)


# --- names never meet ----------------------------------------------------------------------------------------------------------------------------

symbols = st.from_regex(r"[A-Z0-9][A-Z0-9._-]{0,6}", fullmatch=True)
frames = st.sampled_from(["1m", "5m", "15m", "1h", "4h", "1d", "100m"])


@st.composite
def requests(given_draw):
    """Any feature with any of its numbers, flags and choices changed, on any bars."""
    name = given_draw(st.sampled_from(sorted(KNOWN)))
    feature = KNOWN[name]()
    tree = feature.model_dump()
    for one in parameters(feature):
        if one.fixed or "." in one.path or given_draw(st.integers(0, 2)):
            continue
        if isinstance(one.default, bool):
            tree[one.path] = not one.default
        elif isinstance(one.default, int | float):
            low, high = (one.low if one.low is not None else 0), (one.high if one.high is not None else 1000)
            value = given_draw(st.integers(int(np.ceil(low)), int(high)) if isinstance(one.default, int) else st.floats(low, high))
            tree[one.path] = value
    try:
        made = KNOWN[name].model_validate(tree)
    except ValueError:
        made = feature
    symbol, frame = given_draw(st.none() | symbols), given_draw(st.none() | frames)
    return Request(name, made, tuple(made.columns), symbol if frame else None, frame)


@given(requests(), requests())
def test_two_requests_share_a_column_only_when_they_are_the_same(one, two):
    if one != two:
        assert not set(one.columns) & set(two.columns)


@given(requests())
def test_a_column_is_a_plain_lower_case_name_of_sql_and_no_key(one):
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) and name not in KEYS for name in one.columns)
    assert len(one.columns) == len(one.own) + (2 if one.symbol else 0)


def test_the_whole_registry_fits_in_one_table():
    found = [name for one in every_feature(KNOWN) for name in one.columns]
    assert len(found) == len(set(found)) == sum(len(feature.columns) for feature in KNOWN.values())


# --- other bars are seen from their close on -------------------------------------------------------------------------------------------------------


def columns(text, known, rule=None):
    made = {}
    for one in parse_requests(text, KNOWN):
        made |= request_columns(one, known, rule)
    return made


def test_another_timeframe_is_seen_from_its_close_on_inclusive_and_never_while_it_forms():
    market = Market(minutes(4, 2), future())
    known, hours = market.at("5m"), resample(minutes(4, 2), "1h").bars
    found = columns("close@1h", known)["close__1h"]
    for row in range(0, len(known), 7):
        closed = np.flatnonzero(hours.ts_close <= known.bars.ts_close[row])
        assert np.isnan(found[row]) if not closed.size else found[row] == hours.close[closed[-1]]
    at = int(np.flatnonzero(known.bars.ts_close == hours.ts_close[3])[0])
    assert found[at] == hours.close[3] and found[at - 1] == hours.close[2]


def test_a_feature_of_another_timeframe_is_the_one_computed_there():
    market = Market(minutes(4, 4), future())
    found = columns("rsi:period=7@15m", market.at("5m"))
    there = market.at("15m").of(KNOWN["rsi"](period=7))
    last = np.searchsorted(market.at("15m").bars.ts_close, market.at("5m").bars.ts_close, side="right") - 1
    np.testing.assert_array_equal(found["rsi_period7__15m"][last >= 0], there["rsi"][last[last >= 0]])
    np.testing.assert_array_equal(found["rsi_state_period7__15m"], np.where(last >= 0, there["rsi_state"][last], 0))
    assert found["rsi_state_period7__15m"].dtype == np.int64


def test_a_price_of_coarser_bars_stands_on_the_scale_of_the_contract_that_the_row_trades():
    market = Market(minutes(5, 4, roll_every=2), future())
    known, days = market.at("5m"), market.at("1d")
    found = columns("close@1d", known)["close__1d"]
    first_after = int(np.flatnonzero(known.bars.roll)[0])
    step = known.bars.offset[first_after] - known.bars.offset[first_after - 1]
    assert step != 0 and found[first_after - 1] == days.bars.close[1] and found[first_after] == days.bars.close[1] + step


def two_markets(last_day=10):
    """ES minutes and SPY's, of which the last days are missing."""
    es, spy = minutes(1, 10), minutes(2, 10, calendar="NYSE", tick=0.01)
    return Market(es, future(), others={"SPY": Market(spy[:390 * last_day], share(), int(es.ts_close[-1]))})


def test_another_symbol_comes_with_the_age_of_its_bar():
    market = two_markets()
    known, days = market.at("5m"), market.others["SPY"].at("1d").bars
    found = columns("close@SPY/1d", known)
    row = int(np.searchsorted(known.bars.ts_close, days.ts_close[2] + HOUR))
    assert found["close__spy_1d"][row] == days.close[2]
    assert found["close__spy_1d__age_s"][row] == (known.bars.ts_close[row] - days.ts_close[2]) / 1e9 == 3600
    before = known.bars.ts_close < days.ts_close[0]
    assert np.isnan(found["close__spy_1d__age_s"][before]).all() and found["close__spy_1d__stale"][before].all()


def test_a_bar_is_stale_when_its_market_was_open_for_two_bars_and_a_minute_since():
    market = two_markets(last_day=4)                                   # nothing of SPY from the fifth day on
    known, spy = market.at("5m"), market.others["SPY"].at("1d").bars
    found = columns("close@SPY/1d", known)
    calendar = market.bars.sessions, spy.sessions
    stale = found["close__spy_1d__stale"].astype(bool)
    known_from = known.bars.ts_close >= spy.ts_close[0]
    # two whole sessions of SPY and one minute of the third may pass after the close of the fourth day
    edge = int(calendar[1].open_ns[6] + MINUTE)
    np.testing.assert_array_equal(stale[known_from], (known.bars.ts_close > edge)[known_from])
    assert stale.any() and not stale[known_from][0]
    hourly = columns("close@SPY/1h", known)["close__spy_1h__stale"].astype(bool)
    after = (known.bars.ts_close > calendar[1].close_ns[3]) & (known.bars.ts_close <= calendar[1].open_ns[4] + 2 * HOUR)
    assert not hourly[after].any(), "a closed market does not age a bar"
    assert columns("close@SPY/1d", known, StaleRule(max_bars=0.5))["close__spy_1d__stale"].sum() > stale.sum()


def test_a_bar_may_come_a_minute_late_and_not_two():
    """SPY's last bar of 5 minutes is the last of a session: of the next one ten minutes and the tolerance may pass."""
    market = two_markets(last_day=4)
    known, opens = market.at("1m"), int(market.others["SPY"].bars.sessions.open_ns[4])
    for tolerance, minute in ((None, 11), (StaleRule(tolerance_s=0), 10), (StaleRule(tolerance_s=59), 10), (StaleRule(tolerance_s=120), 12)):
        stale = columns("close@SPY/5m", known, tolerance)["close__spy_5m__stale"]
        row = int(np.searchsorted(known.bars.ts_close, opens + minute * MINUTE))
        assert known.bars.ts_close[row] == opens + minute * MINUTE and stale[row] == 0 and stale[row + 1] == 1, tolerance


def test_the_own_symbol_by_its_name_is_its_own_bars():
    market = Market(minutes(4, 2), future())
    by_name, plain = columns("close@ES/1h", market.at("5m")), columns("close@1h", market.at("5m"))
    np.testing.assert_array_equal(by_name["close__es_1h"], plain["close__1h"])


def test_a_symbol_that_is_not_at_hand_is_refused():
    with pytest.raises(RequestError, match="the bars of VIX are not at hand"):
        columns("close@VIX/1d", Market(minutes(4, 2), future()).at("5m"))


@given(st.integers(0, 2**32 - 1))
def test_open_time_counts_minutes_of_sessions_without_halts(seed):
    bars = draw(seed).market.bars
    calendar, rng = bars.sessions, np.random.default_rng(seed)
    last = min(calendar.open_ns.size, 6) - 1
    moments = np.sort(calendar.open_ns[0] + rng.integers(-90, (calendar.close_ns[last] - calendar.open_ns[0]) // MINUTE + 90, 12) * MINUTE)
    grid = np.arange(calendar.open_ns[0] - 100 * MINUTE, calendar.close_ns[last] + 100 * MINUTE, MINUTE)
    at = np.searchsorted(calendar.open_ns, grid, side="right") - 1
    open_minutes = (at >= 0) & (grid < calendar.close_ns[at]) & ~((grid >= calendar.break_open_ns[at]) & (grid < calendar.break_close_ns[at]))
    expected = [int(open_minutes[grid < moment].sum()) * MINUTE for moment in moments]
    assert open_time_ns(calendar, moments).tolist() == expected


def test_a_request_reads_its_own_bars_without_a_copy():
    known = Known.from_bars(minutes(4, 1), instrument("future", 0.25))
    assert columns("close,atr", known)["atr"] is known.of(KNOWN["atr"]())["atr"]
    assert dataclasses.is_dataclass(Request)
