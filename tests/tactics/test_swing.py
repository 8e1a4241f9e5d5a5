"""How a daily signal becomes rows: when, at which prices, whose turn it is, and what is told of it."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pse.domain.bars import Bars
from pse.features.build import Features, FeatureSpec
from pse.features.feature import Market
from pse.kernels import codes as c
from pse.kernels.contract import ALONE, ENTER, EXIT, MARKET, ONE_CHOICE, REFUSED
from pse.kernels.targets import CODES
from pse.registry import resolve
from pse.tactics import swing
from pse.tactics.swing import PLACES, STRATEGIES, Rule, Swing
from tests.features.made import future, minutes
from tests.naive import strategies as naive
from tests.tactics.dailies import SPEC, daily_bars, features_of, markets, stock, walk_bars

KINDS = {int(ENTER): "ENTER", int(EXIT): "EXIT", int(REFUSED): "REFUSED"}


class Scripted(Swing):
    """BUY where the last digit of the close is 1, SELL where it is 2."""

    name: ClassVar[str] = "trend_following"
    label: ClassVar[str] = "Scripted"
    buys: ClassVar[str] = "the script says buy"
    sells: ClassVar[str] = "the script says sell"

    def needed_bars(self):
        return 1

    def rule(self, known):
        digit = np.round(known.price("close") * 100) % 10
        return Rule(digit == 1, digit == 2, np.full(digit.size, 0.5), (digit,), {"digit": digit})


class View:
    """Features whose states are written by hand."""

    def __init__(self, features, mcs, bucket):
        self.known, self.decision, self.spec = features.known, features.decision, features.spec
        n = len(self.decision)
        self.columns = {"mcs": np.broadcast_to(np.int64(mcs), n), "vol_bucket": np.broadcast_to(np.int64(bucket), n)}


def script(*signals, mcs=c.MCS_TREND_UP, bucket=c.VOL_Q2, quiet=20, spread=1.0, **more):
    """Bars around 100 that say the signals after some quiet ones, on a desk that decides on days."""
    close = 100 + np.array([0] * quiet + [{"B": 0.01, "S": 0.02, ".": 0.0}[one] for one in signals])
    return View(features_of([daily_bars(close, close + spread, close - spread, **more)], "AAA"), mcs, bucket)


def told(found, quiet=20):
    """(bar of the script, kind, direction) of each row."""
    days = daily_bars(np.ones(60)).ts_close
    rows = found.rows
    return [(int(np.searchsorted(days, ts)) - quiet, KINDS[int(kind)], int(way))
            for ts, kind, way in zip(rows["ts"], rows["kind"], rows["direction"], strict=True)]


def test_buy_asks_at_every_close_and_sell_ends_a_long_where_a_run_of_it_begins():
    assert told(Scripted().scan(script(*"BB.SS.SB"), stock("AAA"))) == [
        (0, "ENTER", 1), (1, "ENTER", 1), (3, "EXIT", 1), (6, "EXIT", 1), (7, "ENTER", 1)]


def test_with_shorts_each_signal_ends_the_other_side_before_it_opens_its_own():
    assert told(Scripted(allow_short=True).scan(script(*"BS."), stock("AAA"))) == [(0, "EXIT", -1), (0, "ENTER", 1), (1, "EXIT", 1), (1, "ENTER", -1)]


def test_a_row_by_hand():
    """Closes between 100 and 100.02 with a range of 2: ATR 2, stop 1.5 of it under 100.01 and on the cent below; the calendar goes on."""
    view = script("B", "B")
    row, again = Scripted().scan(view, stock("AAA")).rows
    atr = view.known.atr[20]
    assert row["stop"] == pytest.approx(np.floor((100.01 - 1.5 * atr) / 0.01) * 0.01) and row["entry"] == 100.01 and row["stop"] < 97.02
    assert (row["order_type"], row["size_multiple"], row["grade"], row["confidence"], row["quality"]) == (MARKET, 1.0, 0, 0.75, 0.75)
    assert np.isnan([row["target"], row["target2"], row["rank_base"], row["invalid_price"]]).all()
    assert (row["group"], row["family"], row["invalid_flags"], row["trail_buffer"], row["directional_gate"]) == (ONE_CHOICE, c.FAM_SWING_TREND, 0, 0.0, False)
    assert row["plan_flags"] == 1 | 2 | 4 | 8 | 32 | 64
    days = view.decision.sessions
    assert row["ts"] == days.close_ns[20] == row["event_bar"] == again["event_bar"] and row["valid_until"] == days.close_ns[21]


def test_a_short_stands_under_a_stop_on_the_cent_above():
    view = script("S")
    row = Scripted(allow_short=True, stop_atr=0.333).scan(view, stock("AAA")).rows[1]
    exact = 100.02 + 0.333 * view.known.atr[20]
    assert row["direction"] == -1 and 0 <= row["stop"] - exact < 0.01 and round(row["stop"] * 100) == pytest.approx(row["stop"] * 100)


def test_the_event_of_a_run_is_its_first_close_and_a_silent_close_ends_it():
    view = script(*"BBB.BSS")
    rows = Scripted().scan(view, stock("AAA")).rows
    assert np.searchsorted(view.decision.ts_close, rows["event_bar"]).tolist() == [20, 20, 20, 24, 25]


def test_without_a_range_nothing_is_entered_and_exits_are_told():
    assert told(Scripted().scan(script(*"BS", quiet=3), stock("AAA")), quiet=3) == [(1, "EXIT", 1)]


# --- whose turn it is --------------------------------------------------------------------------------------------------------------------------------


def test_what_the_state_does_not_choose_is_refused_and_its_exits_are_told():
    found = Scripted().scan(script(*"BS", mcs=c.MCS_RANGE), stock("AAA"))
    assert told(found) == [(0, "REFUSED", 1), (1, "EXIT", 1)] and CODES[found.rows[0]["refusal"]] == "NOT_CHOSEN"
    assert found.rows[0]["stop"] < 100 and found.evidence[0]["mcs"] == "RANGE"


def test_where_nothing_chooses_every_strategy_stands_for_itself():
    row = Scripted(by_regime=False).scan(script("B", mcs=c.MCS_RANGE), stock("AAA")).rows[0]
    assert (row["kind"], row["group"], row["rank_base"] != row["rank_base"]) == (ENTER, ALONE, True)


@pytest.mark.parametrize("state", range(len(c.MARKET_STATES)))
@pytest.mark.parametrize("bucket", range(len(c.VOL_BUCKETS)))
def test_the_order_is_that_of_the_state_then_of_high_volatility(state, bucket):
    for number, name in enumerate(STRATEGIES):
        expected = naive.place_of(name, c.MARKET_STATES[state], c.VOL_BUCKETS[bucket])
        assert PLACES[number, state, int(bucket == c.VOL_Q4)] == (-1 if expected is None else expected)


def test_in_a_trend_the_first_is_trend_following_and_in_high_volatility_the_breakouts_come_last():
    first = script("B", bucket=c.VOL_Q4)
    assert Scripted().scan(first, stock("AAA")).rows[0]["precedence"] == 100
    order = [name for _, name in sorted((PLACES[i, c.MCS_TREND_DOWN, 1], name) for i, name in enumerate(STRATEGIES) if PLACES[i, c.MCS_TREND_DOWN, 1] >= 0)]
    assert order == ["trend_following", "dual_momentum", "momentum_rotation", "sector_rotation", "relative_strength", "volatility_breakout", "breakout"]
    assert (PLACES[:, c.MCS_VOLATILE, 1] == -1).all()


# --- evidence ----------------------------------------------------------------------------------------------------------------------------------------


def test_the_evidence_names_the_strategy_its_signal_and_the_bar():
    view = script(*"BS")
    buy, sell = Scripted().scan(view, stock("AAA")).evidence
    opened = int(view.decision.ts_open[20])
    date = str(view.decision.session_date[20])
    assert buy == {"objects": [f"bar:AAA:1d:{opened}"], "strategy": "trend_following", "signal": "BUY", "confidence": 0.75, "reason": "the script says buy",
                   "bar_date": f"{date[:4]}-{date[4:6]}-{date[6:]}", "indicators": {"digit": 1.0}, "atr": view.known.atr[20], "mcs": "TREND_UP",
                   "vol_bucket": "MidVol-Q2"}
    assert (sell["signal"], sell["reason"]) == ("SELL", "the script says sell")


# --- on finer desks ----------------------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def futures():
    """Minutes of twelve trading days with rolls, the last half hour of the third one missing."""
    bars = minutes(5, 12, roll_every=4)
    third = (bars.session == 2) & (bars.ts_close > bars.sessions.close_ns[2] - 30 * 60_000_000_000)
    return Bars(**{**vars(bars), **{name: getattr(bars, name)[~third] for name in Bars.columns()}})


class EveryDay(Scripted):
    def rule(self, known):
        yes = np.ones(len(known), bool)
        return Rule(yes, ~yes, np.zeros(len(known)), (known.price("close"),), {})


def test_on_a_desk_of_minutes_a_day_is_decided_at_its_close_or_at_the_first_decision_after_it(futures):
    features = Features(Market(futures, future()), FeatureSpec())
    assert EveryDay().timeframes("5m") == ("1d",) and EveryDay().timeframes("1d") == ()
    days = futures.sessions
    at = swing.decisions(features, features.known.at("1d"))
    assert at.told.all()
    expected = days.close_ns[:12].copy()
    expected[2] = days.open_ns[3] + 300_000_000_000
    assert at.ts.tolist() == expected.tolist() and at.valid_until.tolist() == days.close_ns[[1, 2, 3, *range(4, 13)]].tolist()


def test_a_price_decided_after_a_roll_stands_on_the_new_contracts_scale(futures):
    """The fifth day trades a new contract: had the fourth been decided there, its close would have moved by the roll."""
    late = (futures.session == 3) & (futures.ts_close > futures.sessions.close_ns[3] - 30 * 60_000_000_000)
    bars = Bars(**{**vars(futures), **{name: getattr(futures, name)[~late] for name in Bars.columns()}})
    features = Features(Market(bars, future()), FeatureSpec())
    daily, found = features.known.at("1d").bars, swing.decisions(features, features.known.at("1d"))
    step = daily.offset[4] - daily.offset[3]
    assert step != 0 and found.close[3] == daily.close[3] + step and found.close[2] == daily.close[2]


def test_two_days_that_fall_on_one_decision_are_told_once_the_later_one():
    view = script(*"B" * 3)
    kept = replace(view.decision, **{name: getattr(view.decision, name)[[*range(20), 22]] for name in Bars.columns()})
    days = view.known
    view.decision = kept
    assert np.flatnonzero(~swing.decisions(view, days).told).tolist() == [20, 21]


def test_a_day_of_minutes_gives_the_row_that_a_desk_of_days_gives(futures):
    """The same closes: but for the decision that came late, the same prices and times."""
    fine, coarse = Features(Market(futures, future()), FeatureSpec()), Features(Market(futures, future()), SPEC)
    one, two = (EveryDay(by_regime=False, least_bars=1).scan(features, future()) for features in (fine, coarse))
    same = np.isin(one.rows["ts"], two.rows["ts"])
    assert same.sum() >= len(two) - 1 and (one.rows[same]["stop"] == two.rows[np.isin(two.rows["ts"], one.rows["ts"])]["stop"]).all()


# --- all ten -----------------------------------------------------------------------------------------------------------------------------------------


@settings(max_examples=5)
@given(st.integers(0, 2**32 - 1))
def test_of_all_ten_a_row_stands_where_a_signal_does_and_an_exit_where_it_begins(seed):
    every = [walk_bars(seed, 280, name, missing=0.02) for name in ("AAA", "BBB", "CCC", "SPY")]
    features = Features(markets(every)["AAA"], SPEC)
    mcs, bucket, days = features.columns["mcs"], features.columns["vol_bucket"], features.decision
    for name in STRATEGIES:
        tactic = resolve("tactic", name)()
        said, found = tactic.signals(features.known), tactic.scan(features, stock("AAA"))
        expected = []
        for t in np.flatnonzero(said.signal).tolist():
            place = naive.place_of(name, c.MARKET_STATES[mcs[t]], c.VOL_BUCKETS[bucket[t]])
            if said.signal[t] < 0 and naive.first_of_run(said.signal.tolist(), t) != t:
                continue
            kind = "EXIT" if said.signal[t] < 0 else "REFUSED" if place is None else "ENTER"
            expected.append((days.ts_close[t], kind, 100 + (10 if place is None else place), days.ts_close[naive.first_of_run(said.signal.tolist(), t)]))
        rows = found.rows
        assert [(ts, KINDS[int(kind)], place, event) for ts, kind, place, event in
                zip(rows["ts"], rows["kind"], rows["precedence"], rows["event_bar"], strict=True)] == expected
        assert {one["strategy"] for one in found.evidence} <= {name} and len(found.evidence) == len(expected)


def test_without_its_benchmark_a_strategy_finds_nothing():
    features = features_of([walk_bars(1, 280)], "AAA")
    for name in ("relative_strength", "dual_momentum"):
        assert len(resolve("tactic", name)().scan(features, stock("AAA"))) == 0


def test_the_ranks_of_a_universe_are_made_once_for_all_its_symbols():
    every = markets([walk_bars(1, 200, name) for name in ("AAA", "BBB", "CCC", "DDD")])
    rotation = resolve("tactic", "sector_rotation")()
    tables = {id(rotation._ranks(one.at("1d"))) for one in every.values()}
    assert len(tables) == 1
