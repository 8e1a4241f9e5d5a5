"""Splits and dividends as facts: factors by hand, never moved by what comes later, and what looks like a split that nobody told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pse.domain.actions import NO_ACTIONS, Action, Actions, adjusted_of, events_in, factors, forward_adjusted, unrecorded_splits
from pse.domain.bars import BarFlag, Bars
from pse.domain.errors import BadBars
from tests.tactics.dailies import daily_bars, walk_bars


def events(bars: Bars, *rows: tuple[int, str, float]) -> Actions:
    """(bar, kind, amount) with the day of that bar as ex-date."""
    return Actions.of([Action(bars.symbol, int(bars.session_date[row]), kind, amount) for row, kind, amount in rows])


def flagged(bars: Bars, flag: int) -> Bars:
    return replace(bars, flags=np.full(len(bars), flag, np.int16))


def test_factors_of_a_split_and_a_dividend_by_hand():
    bars = daily_bars([100, 100, 50, 48, 49])
    whole, split = factors(bars, events(bars, (2, "SPLIT", 2.0), (3, "DIVIDEND", 2.0)))
    # the dividend of 2 on a close of 50: 1 / (1 - 0.04)
    assert whole.tolist() == pytest.approx([1, 1, 2, 2 / 0.96, 2 / 0.96]) and split.tolist() == [1, 1, 2, 2, 2]


def test_adjusted_prices_neither_fall_by_a_split_nor_by_a_dividend():
    bars = daily_bars([100, 100, 50, 48, 48])
    found = forward_adjusted(bars, events(bars, (2, "SPLIT", 2.0), (3, "DIVIDEND", 2.0)))
    assert found.close.tolist() == pytest.approx([100.0] * 5)
    assert found.volume.tolist() == [1e6, 1e6, 5e5, 5e5, 5e5] and (found.close / found.factor).tolist() == pytest.approx(bars.close.tolist())


def test_of_both_on_one_day_the_dividend_is_paid_a_share_of_the_evening_before():
    bars = daily_bars([100, 49])
    whole, _ = factors(bars, events(bars, (1, "SPLIT", 2.0), (1, "DIVIDEND", 2.0)))
    assert bars.close[1] * whole[1] == pytest.approx(100.0)


def test_an_event_of_a_day_without_a_bar_acts_on_the_next_bar():
    bars = daily_bars([100, 100, 100, 50])
    known = events(bars, (2, "SPLIT", 2.0))
    kept = Bars(**{**vars(bars), **{name: getattr(bars, name)[[0, 1, 3]] for name in Bars.columns()}})
    assert factors(kept, known)[0].tolist() == [1, 1, 2]


def test_events_up_to_the_first_bar_are_past():
    bars = daily_bars([100, 100])
    assert forward_adjusted(bars, events(bars, (0, "SPLIT", 2.0))) is bars and forward_adjusted(bars, None) is bars


@given(seed=st.integers(0, 10_000), cut=st.integers(2, 118))
def test_a_later_event_never_moves_an_earlier_price(seed, cut):
    bars, rng = walk_bars(seed, 120), np.random.default_rng(seed)
    drawn = [(int(rng.integers(1, 120)), *(("SPLIT", float(rng.choice([2, 1.5, 0.1]))) if rng.random() < 0.5 else ("DIVIDEND", 0.5))) for _ in range(4)]
    known = events(bars, *dict.fromkeys(drawn))
    whole = forward_adjusted(bars, known)
    early = forward_adjusted(bars[:cut], known.between(0, int(bars.session_date[cut - 1])))
    for name in ("open", "high", "low", "close", "volume"):
        assert getattr(early, name).tobytes() == getattr(whole, name)[:cut].tobytes()


def test_a_dividend_as_large_as_the_price_is_refused_with_both():
    bars = daily_bars([4, 4])
    with pytest.raises(BadBars, match="dividend of 5 .*with ex-date .* close before it, 4;"):
        factors(bars, events(bars, (1, "DIVIDEND", 5.0)))


def test_a_series_without_splits_keeps_its_quantities_and_pays_cash_by_its_own_share():
    bars = daily_bars([25, 25, 25, 25, 25])
    known = events(bars, (1, "DIVIDEND", 2.0), (3, "SPLIT", 4.0), (4, "DIVIDEND", 0.5))
    left = known.to_do("splits")
    assert left.amount.tolist() == [0.5, 0.5] and len(known.to_do("all")) == 0 and len(known.to_do("none")) == 3
    assert forward_adjusted(flagged(bars, BarFlag.FULLY_ADJUSTED), known).factor is None
    assert adjusted_of(flagged(bars, BarFlag.SPLIT_ADJUSTED)) == "splits"


def test_what_a_holder_is_told_lies_at_the_open_of_the_ex_date():
    bars = daily_bars([100, 100, 50])
    known = events(bars, (2, "SPLIT", 2.0), (2, "DIVIDEND", 1.0))
    assert events_in(bars, known, 0, int(bars.ts_close[-1])) == [(int(bars.ts_open[2]), 1, 1.0), (int(bars.ts_open[2]), 2, 2.0)]
    assert events_in(bars, known, 0, int(bars.ts_open[2])) == []


def test_a_ratio_of_one_and_a_dividend_of_nothing_take_events_back():
    assert len(Actions.of([Action("A", 20200102, "SPLIT", 1.0), Action("A", 20200103, "DIVIDEND", 0.0)])) == 0


@pytest.mark.parametrize(("after", "words"), [(51, "2:1"), (67, "3:2"), (980, "1:10"), (20, "5:1")])
def test_a_jump_near_a_usual_ratio_looks_like_a_split(after, words):
    bars = jumped(after)
    found = unrecorded_splits(bars, None)
    assert [one.words.split()[0] for one in found] == [words] and found[0].date == bars.session_date[3]
    ratio = found[0].ratio.numerator / found[0].ratio.denominator
    assert unrecorded_splits(bars, events(bars, (3, "SPLIT", ratio))) == []
    assert unrecorded_splits(flagged(bars, BarFlag.SPLIT_ADJUSTED), NO_ACTIONS) == []


def test_a_fall_that_is_bought_back_or_fits_no_ratio_is_a_fall():
    assert unrecorded_splits(jumped(57), None) == [] and unrecorded_splits(jumped(90), None) == []


def jumped(after: float) -> Bars:
    """Closes of 100, then an open and closes at `after`."""
    bars = daily_bars([100, 100, 100, after, after])
    return replace(bars, open=np.array([100, 100, 100, after, after], float))
