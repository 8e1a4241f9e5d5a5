"""The two feeds: all of history at once, or one closed bar after the other; at every moment they know the same."""

import gc
import weakref
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from pse.domain.errors import BadBars
from pse.engine.desk import Mode
from pse.engine.feeds import historical_feed, instants, live_feed
from pse.engine.prepare import GrowingLine, prepare, time_line
from pse.kernels.contract import C_BLACKOUT
from pse.kernels.state import BAR_BLACKOUT
from pse.risk.blackouts import no_entries
from pse.risk.policy import CalendarEvent
from tests.engine.made import desk
from tests.features.made import minutes

PLAN = desk(("ES",))
PAIR = desk(("ES", "NQ"))
FIELDS = ("ts", "ts_close", "symbol", "open", "high", "low", "close", "volume", "day", "flags")


def bars_of(plan, seed, days=4, missing=0.2):
    return [replace(minutes(seed + i, days, missing=missing, roll_every=2), symbol=symbol) for i, symbol in enumerate(plan.symbols)]


def window(bars, start_share=0.3):
    first, last = int(bars[0].ts_open[0]), max(int(one.ts_close[-1]) for one in bars)
    return first + int(start_share * (last - first)) // 60_000_000_000 * 60_000_000_000, last - 7 * 60_000_000_000


def closed_by(bars, now):
    return [one[:int(np.searchsorted(one.ts_close, now, side="right"))] for one in bars]


@pytest.mark.parametrize("plan", [PLAN, PAIR], ids=["one symbol", "two symbols"])
def test_a_growing_time_line_equals_the_whole_one_at_every_moment(plan):
    bars = bars_of(plan, 3)
    start, end = window(bars)
    line = GrowingLine(plan, start, end)
    moments, _ = instants(plan, bars, start, end)
    rng = np.random.default_rng(1)
    looked = set(rng.choice(moments, 60).tolist()) | {int(moments[0]), int(moments[-1])}
    for now in moments.tolist():
        tape = line.grow(bars, now)
        if now not in looked:
            continue
        blackouts = no_entries(plan.risk.gates, plan.events, start, now + 1)
        whole = time_line(closed_by(bars, now), blackouts, start, end)
        for name in FIELDS:
            got, want = getattr(tape, name), getattr(whole, name)
            assert got.dtype == want.dtype and got.flags.c_contiguous and got.flags.writeable
            np.testing.assert_array_equal(got, want, err_msg=f"{name} at {now}")
    assert (tape.flags > 0).any() and tape.ts.size > 2000


def test_a_time_line_may_skip_moments():
    bars = bars_of(PAIR, 5)
    start, end = window(bars)
    slow, fast = GrowingLine(PAIR, start, end), GrowingLine(PAIR, start, end)
    for now in range(start, end, 1_800_000_000_000):
        fast.grow(bars, now)
    one, other = slow.grow(bars, end), fast.grow(bars, end)
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


def test_what_was_handed_out_is_not_changed_by_later_bars():
    bars = bars_of(PLAN, 7, days=6, missing=0.0)
    start, end = window(bars, 0.0)
    line = GrowingLine(PLAN, start, end)
    early = line.grow(bars, start + 3_600_000_000_000)
    kept = early.close.tobytes()
    line.grow(bars, end)
    assert early.close.tobytes() == kept and early.close.size == 60


def test_an_empty_beginning_is_an_empty_line():
    bars = bars_of(PLAN, 7)
    start, end = window(bars, 0.0)
    assert GrowingLine(PLAN, start, end).grow(bars, start).ts.size == 0


def test_bars_that_close_out_of_order_are_refused():
    bars = bars_of(PLAN, 7, days=1)
    crossed = [replace(bars[0], ts_close=bars[0].ts_close[::-1].copy())]
    with pytest.raises(BadBars, match="close out of order"):
        GrowingLine(PLAN, int(bars[0].ts_open[0]), int(bars[0].ts_close[-1])).grow(crossed, int(bars[0].ts_close[-1]))


@pytest.mark.slow
def test_the_live_feed_steps_through_every_close_once_and_knows_nothing_of_later():
    bars = bars_of(PAIR, 11, days=3)
    start, _ = window(bars, 0.8)
    end = start + 2 * 3_600_000_000_000
    told = []
    steps = list(live_feed(PAIR, bars, Mode(end_ns=end), start, lambda done, total: told.append((done, total))))
    moments = [step.until_ns for step in steps]
    closes = {int(ts) for one in bars for ts in one.ts_close if start < ts <= end}
    assert moments == sorted(set(moments)) and closes <= set(moments) and moments[-1] == end
    assert told == [(i + 1, len(steps)) for i in range(len(steps))]
    for step in steps:
        assert (step.tape.ts_close <= step.until_ns).all() and (step.world.row_ts <= step.until_ns).all()
        assert all((one.bars.ts_close <= step.until_ns).all() for one in step.features)


@pytest.mark.parametrize("plan", [PLAN, PAIR], ids=["one symbol", "two symbols"])
def test_what_the_live_feed_prepares_is_the_beginning_of_what_history_prepares(plan):
    bars = bars_of(plan, 13, days=5, missing=0.02)
    start = int(bars[0].ts_open[3_000])
    end = start + 10 * 3_600_000_000_000
    (whole,) = historical_feed(prepare(plan, bars, Mode(end_ns=end), start, end))
    for step in live_feed(plan, bars, Mode(end_ns=end), start):
        world, rows, setups = step.world, step.world.row_ts.size, step.world.setups.size
        np.testing.assert_array_equal(world.row_ts, whole.world.row_ts[:rows])
        np.testing.assert_array_equal(world.row_symbol, whole.world.row_symbol[:rows])
        np.testing.assert_array_equal(world.context, whole.world.context[:rows])
        assert world.setups.tobytes() == whole.world.setups[:setups].tobytes()
        assert step.setup_ids == whole.setup_ids[:setups] and step.evidence == whole.evidence[:setups]
        assert (whole.world.setups["ts"][setups:] > step.until_ns).all()
    assert rows == whole.world.row_ts.size and setups == whole.world.setups.size > 0


def test_a_replay_frees_what_earlier_decisions_were_computed_from():
    """Markets and what is known of them point at each other: without a search for such circles they would pile up, a history each decision."""
    bars = bars_of(PLAN, 9, days=2)
    start, _ = window(bars)
    searching, known = gc.isenabled(), []
    gc.disable()
    try:
        for step in live_feed(PLAN, bars, Mode(end_ns=start + 3_600_000_000_000), start):
            if not known or known[-1]() is not step.features[0].known:
                known.append(weakref.ref(step.features[0].known))
            assert sum(one() is not None for one in known) <= 3
    finally:
        if searching:
            gc.enable()
    assert len(known) > 8


def test_around_an_event_of_the_calendar_bars_and_decisions_are_in_a_blackout():
    """The moment lies in the middle of the bars: ten minutes before it to ten after, nothing else without daily windows."""
    bars = bars_of(PLAN, 3, missing=0.0)
    start, end = window(bars)
    middle = int(bars[0].ts_open[len(bars[0]) // 2])
    at = datetime.fromtimestamp(middle // 10**9, UTC)
    gates = PLAN.risk.gates.model_copy(update={"blackouts": ()})
    plan = replace(PLAN, risk=PLAN.risk.model_copy(update={"gates": gates}), events=(CalendarEvent(at=at.strftime("%Y-%m-%d %H:%M"), tz="UTC", name="rates"),))
    prepared = prepare(plan, bars, Mode(end_ns=end), start, end)
    moment, minute = middle // (60 * 10**9) * 60 * 10**9, 60 * 10**9
    marked = prepared.tape.ts[prepared.tape.flags & BAR_BLACKOUT != 0]
    assert marked.size and marked.min() >= moment - 10 * minute and marked.max() < moment + 10 * minute
    inside = (prepared.tape.ts >= moment - 10 * minute) & (prepared.tape.ts < moment + 10 * minute)
    np.testing.assert_array_equal(prepared.tape.flags & BAR_BLACKOUT != 0, inside)
    decided = prepared.world.row_ts
    np.testing.assert_array_equal(prepared.world.context[:, C_BLACKOUT] == 1.0, (decided >= moment - 10 * minute) & (decided < moment + 10 * minute))
