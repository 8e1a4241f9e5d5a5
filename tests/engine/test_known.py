"""What a model may ask for beside its briefing is what was known at the decision, and reads as the market stood then."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from pse.agents.tools import Unanswerable
from pse.clock import iso
from pse.domain.headlines import Headlines
from pse.engine.desk import Mode
from pse.engine.known import KnownAt
from pse.engine.prepare import Prepared, prepare
from tests.engine.made import MINUTE, desk
from tests.engine.test_shares import SPLIT_AT, actions, prepared, split_bars
from tests.features.made import minutes

NEWS = Headlines(np.array([0, 10**18, 4 * 10**18]), np.array([False, True, False]), ("first", "a <b>ban</b>", "later"))


@cache
def bars():
    return minutes(21, 8, missing=0.03, roll_every=3)


@cache
def ready(count: int | None = None) -> Prepared:
    """The desk on so many of the minutes."""
    given = bars()[:count] if count else bars()
    until = int(given.ts_close[-1])
    return prepare(replace(desk(), headlines={"ES": NEWS}), [given], Mode(end_ns=until + 1), int(bars().ts_open[0]), until)


def told(known: KnownAt) -> list[object]:
    """Answers to questions of every kind."""
    features = sorted(ready().features[0].columns)
    return [known.bars("ES", timeframe, 7) for timeframe in ("1m", "5m", "1h", "1d", None)] + [known.feature("ES", name, 5) for name in features] + [
        known.news("ES", 5), known.work("bars", "ES")]


@pytest.mark.parametrize("count", [2_345, 8_001])
def test_no_answer_knows_what_comes_later(count):
    for at in (int(bars().ts_close[count - 1]), int(bars().ts_close[count - 1]) + MINUTE // 2):
        assert told(KnownAt(ready(), at)) == told(KnownAt(ready(count), at))


def test_bars_of_a_timeframe_are_those_that_were_complete():
    one = bars()
    at = int(one.ts_open[900] // (300 * 10**9) * (300 * 10**9)) + 4 * MINUTE            # four minutes into a bucket
    found = KnownAt(ready(), at).bars("ES", "5m", 1)[0]
    end = at - 4 * MINUTE
    inside = (one.ts_open >= end - 5 * MINUTE) & (one.ts_open < end)
    assert found == {"close_at": iso(end), "open": one.open[inside][0], "high": one.high[inside].max(), "low": one.low[inside].min(),
                     "close": one.close[inside][-1], "volume": one.volume[inside].sum()}


def test_bars_before_a_roll_are_moved_by_its_gap_so_that_they_meet():
    one = bars()
    roll = int(np.flatnonzero(one.roll)[0])
    gap = one.offset[roll] - one.offset[roll - 1]
    found = KnownAt(ready(), int(one.ts_close[roll])).bars("ES", "1m", 2)
    assert gap != 0.0 and [row["close"] for row in found] == [one.close[roll - 1] + gap, one.close[roll]]
    older = KnownAt(ready(), int(one.ts_close[roll - 1])).bars("ES", "1m", 1)
    assert older[0]["close"] == one.close[roll - 1]


def test_a_swing_before_a_roll_is_moved_by_its_gap_once():
    features, one = ready().features[0], ready().features[0].decision
    roll = int(np.flatnonzero(one.roll)[0])
    told = [row["swing_high"] for row in KnownAt(ready(), int(one.ts_close[roll + 1])).feature("ES", "swing_high", 6)]
    gap = one.offset[roll] - one.offset[roll - 1]
    as_traded = features.columns["swing_high"][roll - 4:roll + 2]
    assert gap != 0.0 and told == pytest.approx([*(as_traded[:4] + gap), *as_traded[4:]])


def test_prices_of_a_share_are_those_of_the_day_that_asks():
    found = prepared(split_bars(2.0), actions((SPLIT_AT, "SPLIT", 2.0)))
    raw = split_bars(2.0)
    for day in (SPLIT_AT - 1, SPLIT_AT + 5):
        known = KnownAt(found, int(raw.ts_close[day]))
        rows = known.bars("AAPL", "1d", 8)
        assert rows[-1]["close"] == pytest.approx(raw.close[day], rel=1e-9)
        assert 0.7 < min(row["close"] for row in rows) / rows[-1]["close"] < 1.4       # no half price among them
        assert known.feature("AAPL", "atr", 1)[0]["atr"] == pytest.approx(found.world.context[found.world.row_ts == raw.ts_close[day], 1][0], rel=1e-6)


def test_states_are_told_in_words_and_headlines_without_markup():
    known = KnownAt(ready(), int(bars().ts_close[5_000]))
    assert known.feature("ES", "mcs", 1)[0]["mcs"] in ("UNKNOWN", "CLOSED", "ILLIQUID", "VOLATILE", "TREND_UP", "TREND_DOWN", "RANGE", "TRANSITION")
    assert [(row["red_flag"], row["title"]) for row in known.news("ES", 5)] == [(False, "first"), (True, "a ban")]
    assert known.news("ES", 1)[0]["title"] == "a ban" and KnownAt(ready(), -1).news("ES", 5) == []


@pytest.mark.parametrize(("ask", "says"), [
    (lambda known: known.bars("GME", "5m", 5), "nothing is known of 'GME'; this desk trades ES"),
    (lambda known: known.bars("ES", "10s", 5), "finer than 1m"), (lambda known: known.bars("ES", "soon", 5), "timeframe 'soon' is not"),
    (lambda known: known.feature("ES", "future_close", 5), "there is no feature 'future_close'; there are: adx"),
    (lambda known: known.news("NQ", 5), "reads no headlines about 'NQ'")])
def test_what_is_not_known_is_refused_with_what_there_is(ask, says):
    with pytest.raises(Unanswerable, match=says):
        ask(KnownAt(ready(), int(bars().ts_close[5_000])))
