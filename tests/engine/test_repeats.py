"""What a signal that holds for many closes says again, and that its exit at the first close of a run is enough.  One decision every five minutes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pse.kernels import contract as k
from pse.kernels.targets import NOT_CHOSEN
from tests.engine.made import Shape, batches, bodies, made
from tests.engine.plain import at, entry, market, signal

FREE = {"cooldown_entry_ns": 0, "cooldown_stop_ns": 0, "max_losses": 99, "ev_min": -9, "max_quantity": 1}
STATE = {"plan_flags": k.WAITS_AFTER_STOP, "order_type": k.MARKET}


def state(minute: int, begun: int = 10, **more: Any) -> dict[str, Any]:
    """A close at which a signal holds that began in minute `begun`."""
    return entry(minute, event_bar=at(begun), **{**STATE, **more})


def told(setups: list[dict[str, Any]], **more: Any) -> list[tuple[int, str]]:
    """(minute, kind or reason) of every line that tells of a setup or why it was passed over."""
    found = list(batches(market(setups, minutes=90, **{**FREE, **more})))
    prepared = found[0].prepared
    minutes = dict(zip(prepared.setup_ids, ((prepared.world.setups["ts"] - at(0)) // 60_000_000_000).tolist(), strict=True))
    lines = [(minutes[body["setup_id"]], 0, body["kind"]) for body in bodies(found, "SETUP")]
    return [(minute, word) for minute, _, word in
            sorted([*lines, *((minutes[body["setup_id"]], 1, body["reason"]) for body in bodies(found, "PASSED_OVER"))])]


def test_while_its_own_plan_is_live_a_signal_that_goes_on_says_nothing():
    assert told([state(10), state(15), state(20)]) == [(10, "ENTER")]


def test_while_another_tactics_plan_is_live_a_run_is_told_once():
    others = [state(minute, begun=15, tactic=1) for minute in (15, 20, 25)]
    assert told([state(10), *others]) == [(10, "ENTER"), (15, "ENTER"), (15, "BUSY")]


def test_a_refusal_is_told_once_and_again_when_its_reason_changes_or_a_new_run_begins():
    """Confidence below the gate at three closes, then a spread that is too wide, then the first reason again, then a new run."""
    weak = [state(minute, confidence=0.1) for minute in (10, 15, 20, 25, 30)]
    wide = {(0, 25, k.C_SPREAD_TICKS): 9.0}
    found = told([*weak, state(35, begun=35, confidence=0.1)], context=wide)
    assert found == [(minute, word) for minute, why in ((10, "MIN_CONFIDENCE"), (25, "SPREAD"), (30, "MIN_CONFIDENCE"), (35, "MIN_CONFIDENCE"))
                     for word in ("ENTER", why)]


def test_an_event_is_told_every_time():
    weak = [state(minute, confidence=0.1, plan_flags=0) for minute in (10, 15)]
    assert [minute for minute, _ in told(weak)] == [10, 10, 15, 15]


def test_a_find_that_was_not_chosen_is_told_where_its_run_begins_and_where_it_is_chosen_no_more():
    """Not chosen at minutes 10 and 15, chosen and refused at 20, not chosen at 25 and 30."""
    def other(minute: int) -> dict[str, Any]:
        return signal(minute, k.REFUSED, direction=1, event_bar=at(10), refusal=NOT_CHOSEN, plan_flags=k.WAITS_AFTER_STOP)

    found = told([other(10), other(15), state(20, confidence=0.1), other(25), other(30)])
    assert found == [(10, "NOT_CHOSEN"), (20, "ENTER"), (20, "MIN_CONFIDENCE"), (25, "NOT_CHOSEN")]


def test_a_question_whose_answer_would_be_refused_as_before_is_not_put_again():
    """The largest position allowed is less than one contract: asked at the first close, approved, too large; at the next ones it would be the same."""
    found = list(batches(market([state(minute) for minute in (10, 15, 20)], minutes=90, **{**FREE, "max_gross": 1e-9})))
    assert len(bodies(found, "ASK")) == len(bodies(found, "DECISION")) == 1
    assert [body["decision"] for body in bodies(found, "DECISION")] == ["REJECT"]


def test_silence_ends_where_the_setup_would_be_let_in():
    bars = {(0, 20): (4000.0, 4000.0, 4000.0, 4000.0)}
    wide = {(0, minute, k.C_SPREAD_TICKS): 9.0 for minute in (10, 15, 20)}
    found = list(batches(market([state(minute) for minute in (10, 15, 20, 25)], minutes=90, context=wide, bars=bars, **FREE)))
    assert len(bodies(found, "PASSED_OVER")) == 1 and [body["decision"] for body in bodies(found, "DECISION")] == ["APPROVE"]


# --- exits -------------------------------------------------------------------------------------------------------------------------------------------


def runs(seed: int, every_close: bool) -> list[tuple[Any, ...]]:
    """Trades of two tactics whose signals are drawn by runs; their exits stand at the first close of a run of the leaving signal, or at every one."""
    rng = np.random.default_rng([seed, 7])
    policy = {**FREE, "max_quantity": 60, "latency_ns": int(rng.choice([0, 200])) * 10**9, "volume_share": 0.1, "allow_short": 1, "max_gross": 99.0,
              "max_concurrent": 9.0, "var95": 9.0, "es975": 9.0}
    base = made(seed, Shape(minutes=480, setups=0, symbols=("ES", "NQ"), missing=0.1), **policy)
    world, rows = base.world, []
    for symbol in (0, 1):
        own = np.flatnonzero(world.row_symbol == symbol)
        for tactic in (0, 1):
            signals = np.repeat(rng.choice([1, -1, 0], own.size), rng.integers(1, 7, own.size))[:own.size]
            shorts, market_order, begun = rng.random() < 0.5, rng.random() < 0.5, 0
            for i, at_row in enumerate(own.tolist()):
                way, ts, close, atr = int(signals[i]), int(world.row_ts[at_row]), world.context[at_row, k.C_CLOSE], world.context[at_row, k.C_ATR]
                first = i == 0 or signals[i - 1] != way
                begun = ts if first else begun
                row = np.zeros(1, k.SETUP_DTYPE)
                for name in ("stop", "target", "target2", "rank_base", "invalid_price"):
                    row[name] = np.nan
                row["ts"], row["symbol"], row["tactic"], row["event_bar"], row["group"] = ts, symbol, tactic, begun, -1
                row["precedence"], row["confidence"], row["quality"], row["size_multiple"], row["family"] = tactic, 0.6 + 0.1 * tactic, 0.6, 1.0, 1
                row["plan_flags"], row["entry"] = k.WAITS_AFTER_STOP | k.NO_STALE | k.NO_PARTIAL, close
                if way and (way < 0 or shorts) and (first or every_close):
                    leave = row.copy()
                    leave["kind"], leave["direction"] = k.EXIT, -way
                    rows.append(leave)
                if way > 0 or (way < 0 and shorts):
                    row["kind"], row["direction"], row["order_type"] = k.ENTER, way, k.MARKET if market_order else k.LIMIT
                    row["stop"], row["valid_until"] = np.round((close - way * atr) * 4) / 4, ts + int(rng.choice([5, 60])) * 60 * 10**9
                    rows.append(row)
    table = np.concatenate(rows)
    table = table[np.lexsort((table["precedence"], table["symbol"], table["ts"]))]
    table["evidence"] = np.arange(table.size)
    prepared = replace(base, world=world._replace(setups=table), evidence=({},) * table.size, setup_ids=tuple(map(str, range(table.size))))
    names = ("symbol", "tactic", "direction", "quantity", "decided_at", "entry_ts", "exit_ts", "entry", "exit", "net", "reason")
    return [tuple(trade[name].item() for name in names) for batch in batches(prepared) for trade in batch.trades]


def test_the_made_runs_trade_and_leave_by_signal():
    from pse.kernels.codes import REASONS

    found = [REASONS[trade[-1]] for seed in range(6) for trade in runs(seed, False)]
    assert len(found) > 40 and found.count("EXIT_SIGNAL") > 10, found


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_exits_at_the_first_close_of_a_run_make_the_same_trades_as_exits_at_every_close(seed):
    assert runs(seed, every_close=False) == runs(seed, every_close=True)
