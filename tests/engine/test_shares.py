"""Shares with splits and dividends through the whole preparation: signals do not notice a split, nothing later moves anything earlier, money adds up."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from pse.domain.actions import Action, Actions, forward_adjusted
from pse.domain.bars import PRICES, Bars
from pse.engine.desk import DeskPlan, Mode, desk_plan
from pse.engine.prepare import Prepared, prepare
from pse.kernels import contract as k
from pse.kernels.state import A_DIVIDEND, A_SPLIT, ACTION_DTYPE
from pse.research.books import books
from pse.settings import load_settings
from tests.engine.made import MINUTE, START, TO_THE_END, all_events, batches, journal_lines, made
from tests.engine.made import Shape as Made
from tests.laws.test_accounts_add_up import CAPITAL, SHARE, reconciled
from tests.tactics.dailies import walk_bars

DAYS, SPLIT_AT = 900, 700
IN_PRICE = [k.C_CLOSE, k.C_ATR, k.C_SWING_HIGH, k.C_SWING_LOW, k.C_DAILY_CLOSE, k.C_DAILY_ATR]


@cache
def plan() -> DeskPlan:
    alone = "desks.equities-swing.tactics"
    overrides = ("desk=equities-swing", f"{alone}.relative_strength.benchmark=AAPL", f"{alone}.dual_momentum.benchmark=AAPL")
    return desk_plan(load_settings(Path("no-such-home"), overrides=overrides), ("AAPL",))


@cache
def whole() -> Bars:
    return walk_bars(5, DAYS, "AAPL")


def split_bars(ratio: float, at: int = SPLIT_AT) -> Bars:
    """The same share, whose prices were divided by the ratio from one bar on."""
    scale = np.where(np.arange(DAYS) >= at, 1.0 / ratio, 1.0)
    return replace(whole(), **{name: getattr(whole(), name) * scale for name in PRICES}, volume=whole().volume / scale)


def actions(*rows: tuple[int, str, float]) -> Actions:
    return Actions.of([Action("AAPL", int(whole().session_date[row]), kind, amount) for row, kind, amount in rows])


def prepared(bars: Bars, known: Actions | None = None, days: int = DAYS) -> Prepared:
    given = bars[:days]
    until = int(given.ts_close[-1])
    ready = replace(plan(), actions={} if known is None else {"AAPL": known})
    return prepare(ready, [given], Mode(end_ns=until + 1), int(whole().ts_open[500]), until)


def test_a_split_changes_no_signal_and_divides_its_prices():
    plain, found = prepared(whole()), prepared(split_bars(2.0), actions((SPLIT_AT, "SPLIT", 2.0)))
    before, after = plain.world.setups, found.world.setups
    assert before.size == after.size > 100 and (before["ts"] > whole().ts_open[SPLIT_AT]).sum() > 20
    for name in ("ts", "kind", "tactic", "direction", "event_bar", "refusal"):
        assert (before[name] == after[name]).all(), name
    assert after["confidence"] == pytest.approx(before["confidence"], rel=0.05)                # a fee a share and a cent weigh more on a half share
    scale = np.where(after["ts"] > whole().ts_open[SPLIT_AT], 2.0, 1.0)
    assert after["entry"] * scale == pytest.approx(before["entry"], abs=1e-9)
    enters = after["kind"] == k.ENTER
    gap = before["stop"][enters] - after["stop"][enters] * scale[enters]
    assert (np.abs(gap) <= 0.02 + 1e-9).all() and (gap[after["direction"][enters] > 0] >= -1e-9).all()          # a cent of new shares, away from price
    assert np.allclose(after["stop"][enters] * 100, np.round(after["stop"][enters] * 100), atol=1e-6)


def test_the_context_of_a_split_share_is_told_in_prices_as_traded():
    plain, found = prepared(whole()).world, prepared(split_bars(2.0), actions((SPLIT_AT, "SPLIT", 2.0))).world
    scale = np.where(found.row_ts > whole().ts_open[SPLIT_AT], 2.0, 1.0)
    for column in range(plain.context.shape[1]):
        mine = found.context[:, column] * (scale if column in IN_PRICE else 1.0)
        assert mine == pytest.approx(plain.context[:, column], abs=1e-8, nan_ok=True), k.CONTEXT_COLUMNS[column]
    assert plain.returns == pytest.approx(found.returns, abs=1e-12, nan_ok=True)


def test_without_the_event_the_split_is_a_crash():
    plain, blind = prepared(whole()).world.returns, prepared(split_bars(2.0)).world.returns
    assert np.nanmin(blind) < -0.45 < np.nanmin(plain)


@pytest.mark.parametrize("days", [SPLIT_AT - 1, SPLIT_AT + 1, 760, 861])
def test_later_events_and_bars_move_nothing_earlier(days):
    known = actions((650, "DIVIDEND", 1.0), (SPLIT_AT, "SPLIT", 3.0), (760, "DIVIDEND", 0.25), (860, "SPLIT", 0.1))
    bars = split_bars(3.0)
    early, late = prepared(bars, known.between(0, int(bars.session_date[days - 1])), days), prepared(bars, known)
    rows, setups = early.world.row_ts.size, early.world.setups.size
    assert early.world.context.tobytes() == late.world.context[:rows].tobytes()
    assert early.world.setups.tobytes() == late.world.setups[:setups].tobytes()
    assert [early.evidence[i] for i in range(setups)] == [late.evidence[i] for i in range(setups)]
    assert early.world.actions.tobytes() == late.world.actions[:early.world.actions.size].tobytes()


def test_the_engine_is_told_of_events_of_the_window_at_the_open_of_their_day():
    found = prepared(split_bars(2.0), actions((400, "SPLIT", 5.0), (SPLIT_AT, "SPLIT", 2.0), (SPLIT_AT, "DIVIDEND", 0.5))).world.actions
    moment = int(whole().ts_open[SPLIT_AT])
    assert found.tolist() == [(moment, 0, A_DIVIDEND, 0.5), (moment, 0, A_SPLIT, 2.0)]


def test_holding_the_adjusted_series_earns_the_dividend_too():
    bars = whole()
    cash = 0.1 * float(bars.close[99])
    found = forward_adjusted(bars, actions((100, "DIVIDEND", cash)))
    assert found.close[-1] / found.close[0] == pytest.approx(bars.close[-1] / bars.close[0] / 0.9)


# --- money -------------------------------------------------------------------------------------------------------------------------------------------


def eventful(seed: int) -> Prepared:
    """A made window of shares with splits and dividends inside its sessions, where more is held than over night."""
    shape = Made(600, 90, ("ES", "NQ"), rich=True)
    found = made(seed, shape, Mode(end_ns=TO_THE_END, close_at_end=seed % 2 == 0))
    rng = np.random.default_rng(seed)
    rows = [(START + (70 + 60 * part) * MINUTE, symbol, kind, amount) for part in range(8) for symbol in (0, 1)
            for kind, amount in ((A_DIVIDEND, 2.5), (A_SPLIT, float(rng.choice([2, 1.5, 0.5]))))]
    return replace(found, world=found.world._replace(actions=np.array(rows, ACTION_DTYPE)))


def test_money_adds_up_over_splits_and_dividends():
    told = {"SPLIT": 0, "DIVIDEND": 0}
    for seed in range(40):
        ready = eventful(seed)
        lines = journal_lines(list(batches(ready)))
        for kind, _, body in lines:
            if kind == "CHARGE" and body.get("reason"):
                told[body["reason"]] += 1
        ledger = reconciled(ready, lines)
        found = books(lines, CAPITAL)
        assert abs(float(ledger.balance()) - found.balance) <= SHARE * CAPITAL
        held = found.positions().filter(found.positions()["quantity"].abs() > 0)
        assert seed % 2 or not held.height
    assert told["SPLIT"] > 5 and told["DIVIDEND"] > 5


def test_pieces_of_time_tell_the_same_events():
    for seed in range(6):
        ready = eventful(seed)
        step = int(ready.until_ns - START) // 7
        cuts = [START + step * i for i in range(1, 7)]
        assert all_events(list(batches(ready))).tobytes() == all_events(list(batches(ready, cuts=cuts))).tobytes()
