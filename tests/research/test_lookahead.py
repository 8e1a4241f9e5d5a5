"""The parts of the look-ahead audit by themselves, on histories that can be checked by eye."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pse.domain.bars import PRICES
from pse.features.resampled import resample
from pse.research.lookahead.compare import differences, first_unequal
from pse.research.lookahead.cuts import EVENTS, LEAST, choose
from pse.research.lookahead.futures import poisoned_after, reversed_after
from pse.research.lookahead.lint import wrong_bars, wrong_buckets
from pse.research.lookahead.report import findings
from pse.research.lookahead.said import History, Key, Said, Series
from pse.research.lookahead.trial import DEFAULT, DENSE, Bench, Tried, sleepers, whole_tasks, window_tasks
from pse.research.lookahead.warmup import RELATIVE, WarmUp, warm_up
from tests.features.made import MINUTE, minutes

NAN = float("nan")
KEY = Key("made", "x")


def said(ts, values, key=KEY, **more):
    ts = np.asarray(ts, np.int64)
    return Said(ts, {key: Series(ts, values)}, **more)


def unequal(a, b):
    return first_unequal(np.array(a), np.array(b))


def as_is(_name, rows, n):
    return rows[rows["at"] < n]


# --- comparing -----------------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("a", "b", "row"), [
    ([1.0, 2.0], [1.0, 2.0], None), ([1.0, NAN], [1.0, NAN], None), ([1.0, NAN], [1.0, 2.0], 1), ([1.0, 2.0], [1.0, np.nextafter(2.0, 3)], 1),
    ([0.0], [-0.0], 0), ([1.0, 2.0], [1.0], 1), ([], [], None), ([1, 2, 3], [1, 5, 6], 1)])
def test_rows_are_compared_to_the_bit_and_one_nan_is_as_good_as_another(a, b, row):
    assert unequal(a, b) == row


def test_texts_and_dicts_are_compared_by_what_they_say():
    assert first_unequal(["a", "b"], ["a", "c"]) == 1
    assert first_unequal([{"x": NAN}], [{"x": float("nan")}]) is None
    assert first_unequal([{"x": 1.0, "y": 2}], [{"y": 2, "x": 1.0}]) is None


def test_a_value_after_the_cut_may_be_another_one_and_a_value_at_it_may_not():
    later, ts = said([10, 20, 30], np.array([1.0, 2.0, 3.0])), [10, 20, 30]
    assert differences(later, said(ts, np.array([1.0, 2.0, 9.0])), 20, as_is) == ([], 2)
    found, _ = differences(later, said(ts[:2], np.array([1.0, 5.0])), 20, as_is)
    assert [(one.key, one.ts, one.later, one.then, one.rows_back) for one in found] == [(KEY, 20, "2.0", "5.0", 0)]


def test_another_type_a_missing_column_and_a_bar_too_many_are_told():
    later = said([10, 20], np.array([1.0, 2.0]))
    assert "int64" in differences(later, said([10], np.array([1])), 10, as_is)[0][0].then
    assert differences(later, Said(np.array([10])), 10, as_is)[0][0].then == "nothing at all"
    assert differences(later, said([5, 10], np.array([1.0, 2.0])), 10, as_is)[0][0].key.subject == "bars"


def test_one_who_raises_only_without_the_later_bars_is_told():
    later, then = said([10, 20], np.array([1.0, 2.0])), Said(np.array([10]), failed={"made": "ValueError: too short"})
    assert differences(later, then, 10, as_is)[0][0].then == "ValueError: too short"
    both = {"failed": {"made": "ValueError: never"}}
    assert differences(Said(np.array([10, 20]), **both), Said(np.array([10]), **both), 10, as_is) == ([], 0)


def test_objects_are_compared_as_they_were_known():
    kind = np.dtype([("at", "i8"), ("price", "f8")])
    later = Said(np.array([10, 20]), objects={KEY: np.array([(0, 1.0), (1, 2.0)], kind)})
    assert differences(later, Said(np.array([10]), objects={KEY: np.array([(0, 1.0)], kind)}), 10, as_is)[0] == []
    found, _ = differences(later, Said(np.array([10]), objects={KEY: np.array([(0, 7.0)], kind)}), 10, as_is)
    assert (found[0].later, found[0].then) == ("price 1.0", "price 7.0")


# --- histories and other futures -----------------------------------------------------------------------------------------------------------------------


@given(st.integers(0, 2**32 - 1), st.floats(0.0, 1.0), st.sampled_from([reversed_after, poisoned_after]))
def test_another_future_leaves_what_had_closed_to_the_bit(seed, share, change):
    history = History.of(minutes(seed, 2, missing=0.1, roll_every=1))
    bars = history.own
    moment = int(bars.ts_close[int(share * (len(bars) - 1))]) + seed % MINUTE
    k = int(np.searchsorted(bars.ts_close, moment, side="right"))
    other = change(history, moment).own
    for name in bars.columns():
        np.testing.assert_array_equal(getattr(other, name)[:k], getattr(bars, name)[:k])
        assert getattr(other, name).shape == getattr(bars, name).shape
    assert k == len(bars) or not (np.array_equal(other.close[k:], bars.close[k:]) and np.array_equal(other.volume[k:], bars.volume[k:]))
    assert np.array_equal(other.ts_open, bars.ts_open) and np.array_equal(other.ts_close, bars.ts_close)


def test_a_reversed_future_is_one_of_possible_bars_with_other_rolls():
    history = History.of(minutes(4, 4, roll_every=1))
    bars, moment = history.own, int(history.own.ts_close[700])
    other = reversed_after(history, moment).own
    assert (other.low <= np.minimum(other.open, other.close)).all() and (other.high >= np.maximum(other.open, other.close)).all()
    assert (other.low > 0).all() and other.offset[-1] != bars.offset[-1] and (other.volume[701:] >= 7).all()
    assert abs((other.open - other.offset)[701] - (bars.close - bars.offset)[700]) < 1e-9


def test_a_poisoned_future_holds_no_number():
    history = History.of(minutes(4, 1))
    other = poisoned_after(history, int(history.own.ts_close[99])).own
    assert all(np.isnan(getattr(other, name)[100:]).all() and not np.isnan(getattr(other, name)[:100]).any() for name in (*PRICES, "volume"))


def test_a_cut_leaves_bars_of_other_symbols_that_close_later_out_too():
    bars = minutes(5, 2)
    hours = replace(resample(bars, "1h").bars, symbol="VX")
    moment = int(bars.ts_close[90])
    known = History.of(bars, {"VX": hours}).until(moment)
    assert len(known.own) == 91 and len(known.bars["VX"]) == 1 and known.end_ns == int(bars.ts_close[-1]) + 1


# --- where is cut --------------------------------------------------------------------------------------------------------------------------------------


def cut(seed=0, **given):
    base = minutes(6, 8, roll_every=3)
    rows = resample(base, "5m").bars
    events = {"often": rows.ts_close[::2], "seldom": rows.ts_close[[301, 907]]}
    return rows, choose(rows, base, events, np.random.default_rng(seed), **given)


def test_cuts_are_drawn_by_seed_and_count_what_they_leave_out():
    rows, cuts = cut()
    np.testing.assert_array_equal(cuts.moments, cut()[1].moments)
    assert not np.array_equal(cuts.moments, cut(1)[1].moments)
    said_at = np.union1d(rows.ts_close[:-1:2], rows.ts_close[[301, 907]])
    assert cuts.there["events"] == said_at.size and cuts.parts["events"] == EVENTS
    assert cuts.left_out == {"events": np.setdiff1d(said_at, cuts.moments).size, "session edges": 0, "rolls": 0}
    assert sum(cuts.parts.values()) == cuts.moments.size
    assert cuts.moments.size >= LEAST and (np.diff(cuts.moments) > 0).all() and cuts.moments[-1] < rows.ts_close[-1]


def test_who_speaks_seldom_is_cut_at_each_word():
    rows, cuts = cut()
    assert {int(rows.ts_close[301]), int(rows.ts_close[907])} <= set(cuts.moments.tolist())


def test_session_edges_and_rolls_are_cut_with_their_neighbours():
    rows, cuts = cut()
    first = np.flatnonzero(np.diff(rows.session)) + 1
    around = np.concatenate([first - 1, first, first + 1])
    assert set(rows.ts_close[around].tolist()) <= set(cuts.moments.tolist())


def test_some_cuts_fall_inside_a_decision_bar_that_is_still_forming():
    rows, cuts = cut()
    assert not set(cuts.moments.tolist()) <= set(rows.ts_close.tolist())


def test_an_exhaustive_audit_cuts_at_every_decision_bar_but_the_last():
    rows, cuts = cut(exhaustive=True)
    assert set(rows.ts_close[:-1].tolist()) <= set(cuts.moments.tolist()) and set(cuts.left_out.values()) == {0}
    assert cuts.parts["every other bar"] > 0 and sum(cuts.parts.values()) == cuts.moments.size


def test_cuts_lie_inside_the_window_whatever_was_said_before_it():
    base = minutes(6, 8, roll_every=3)
    rows = resample(base, "5m").bars
    window = rows[1000:1300]
    cuts = choose(window, base, {"often": rows.ts_close[::2]}, np.random.default_rng(0), exhaustive=True)
    assert cuts.moments[0] >= window.ts_open[0] and cuts.moments[-1] < window.ts_close[-1] and cuts.whole[0] >= cuts.moments[0]
    assert cuts.there["events"] == 150 and sum(cuts.parts.values()) == cuts.moments.size


# --- windows -------------------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", [DEFAULT, DENSE])
def test_every_cut_is_tried_in_one_window_that_holds_history_before_it_and_a_future_after_it(layout):
    base = minutes(7, 24)
    rows = resample(base, "5m").bars
    moments = rows.ts_close[np.arange(3, len(rows) - 1, 7)]
    tasks = window_tasks(rows, moments, layout, np.random.default_rng(0))
    assert sorted(moment for task in tasks for check, moment in task.tries if check == "prefix") == moments.tolist()
    for task in tasks:
        inside = [moment for _, moment in task.tries]
        assert {check for check, _ in task.tries} == {"prefix", "reversed", "poisoned", "repeat"}
        assert task.begin_ns < min(inside) and max(inside) < task.end_ns
        before = np.searchsorted(rows.ts_close, min(inside)) - np.searchsorted(rows.ts_open, task.begin_ns)
        assert before >= layout.before or task.begin_ns == rows.ts_open[0]


def test_code_that_sleeps_until_it_has_seen_more_than_a_window_is_known_by_its_silence():
    ts = np.arange(100, dtype=np.int64)
    late = np.where(ts < 90, np.nan, ts // 2)
    whole = Said(ts, {Key("late", "x"): Series(ts, late), Key("early", "x"): Series(ts, ts * 1.0), Key("mute", "x"): Series(ts, ts * np.nan)})
    assert {name: moments.tolist() for name, moments in sleepers(whole, {Key("early", "x")}).items()} == {"late": [90, 92, 94, 96, 98]}
    assert {task.only for task in whole_tasks([5, 9], frozenset(("late",)))} == {frozenset(("late",))}


def test_a_leak_of_one_bar_is_on_the_last_row_of_every_cut():
    """The row that a comparison with one bar of overlap does not see."""
    history = History.of(minutes(8, 2))

    def say(part, _only):
        ts, close = part.own.ts_close, part.own.close
        return Said(ts, {KEY: Series(ts, np.append(close[1:], np.nan)[:ts.size])})

    moment = int(history.own.ts_close[500])
    tried = Bench(say, as_is, history, say(history, frozenset())).run(whole_tasks([moment])[0])
    (found,) = findings(tried, history.own.ts_close)
    assert (found.check, found.bar, found.rows_back, found.then, found.cuts) == ("prefix", 500, 0, "nan", 1)
    assert findings(Tried(), history.own.ts_close) == []


# --- warm-up -------------------------------------------------------------------------------------------------------------------------------------------


def averages(part):
    """A mean that never forgets a thousandth of its start a bar, and one of the last ten closes."""
    ts, close = part.own.ts_close, part.own.close
    slow = np.empty(close.size)
    for t, price in enumerate(close.tolist()):
        slow[t] = price if t == 0 else 0.999 * slow[t - 1] + 0.001 * price
    mean = np.convolve(close, np.full(10, 0.1))[:close.size]
    mean[:9] = np.nan
    return Said(ts, {Key("feature slow", "slow"): Series(ts, slow), Key("feature mean", "mean"): Series(ts, mean),
                     Key("feature count", "count"): Series(ts, np.arange(close.size))})


def warmed(desk_sessions: int | None, days=8):
    history = History.of(resample(minutes(9, days), "15m").bars)
    steps = list(warm_up(averages, history, averages(history), history.own, desk_sessions, np.random.default_rng(0),
                         {Key("feature slow", "slow"): 0.25, Key("feature mean", "mean"): 0.25}))
    assert steps[:-1] == [(i + 1, len(steps) - 1) for i in range(len(steps) - 1)]
    return steps[-1]


def test_a_window_settles_at_once_a_slow_recursion_later_and_a_count_from_the_start_never():
    found = warmed(5)
    settled = {key.column: length for key, length in found.settled().items()}
    assert found.own == 5 and found.lengths == (1, 2, 5) and settled["mean"] == 1 and settled["count"] is None
    assert {one.key.column for one in found.beyond(5)} >= {"count"}
    drift = {one.sessions: one.amount for one in found.drifts if one.key.column == "slow"}
    assert drift[1] > drift[5] > 0


def test_a_desk_whose_warm_up_is_longer_than_the_history_is_not_judged():
    assert warmed(60).own is None and warmed(None).own is None
    assert isinstance(warmed(5, days=1), WarmUp) and warmed(5, days=1).lengths == ()
    assert RELATIVE < 0.05


# --- moments -------------------------------------------------------------------------------------------------------------------------------------------


def test_bars_that_close_at_the_wrong_moment_are_told():
    bars = minutes(10, 1)
    until = int(bars.ts_close[-1])
    assert list(wrong_bars("bars", bars, until)) == []
    late, early = bars.ts_close.copy(), bars.ts_close.copy()
    late[5] += MINUTE
    early[7] = bars.ts_open[7]
    assert [one.row for one in wrong_bars("late", replace(bars, ts_close=late), until)] == [5]
    assert [one.row for one in wrong_bars("early", replace(bars, ts_close=early), until)] == [7]
    assert [one.row for one in wrong_bars("not yet", bars, until - 1)] == [len(bars) - 1]


def test_hours_stamped_at_their_begin_are_told():
    bars = minutes(10, 1)
    hours = resample(bars, "1h").bars
    assert list(wrong_buckets("hours", hours, bars)) == []
    assert [one.row for one in wrong_buckets("hours", replace(hours, ts_close=hours.ts_close - MINUTE // 2), bars)] == [0]
