"""A way out is a border: put back into the desk it lets the setup pass that gate, and one step before it does not.  By hand, on a desk of one E-mini."""

# ruff: noqa: C408 (tables of figures read better as keywords)
from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pse.engine.explain import explained
from pse.engine.sizing_steps import BOUND_BY, sizing_steps
from pse.kernels import contract as k
from pse.kernels.sizing import BINDINGS
from tests.engine.test_explain import STOP, prepared, state_with
from tests.kernels import worlds as w

MONEY = "the equity of the account"
FALLING = np.full((100, 1), -0.05)
ALIKE = np.repeat(np.random.default_rng(1).normal(0, 0.01, (100, 1)), 2, axis=1)
SHARE = dict(point_value=1.0, has_micro=0, stop_cap=1000.0)


def asked(given: dict[str, Any]) -> Any:
    """The explained setup of a case: `setup`, `limits`, `instrument`, `context`, `account`, `tally`, `returns`, `opens`, `resting`."""
    other = [w.setup(0, 5000.0, 4995.0, 5010.0, valid=60, symbol=1)] if given.get("resting") else []
    minute = 5 if other else 0
    own = w.setup(minute, **{"entry": 5000.0, "stop": 4995.0, "target": 5010.0, **given.get("setup", {})})
    step = prepared([*other, own], {"allow_micro": 0, **given.get("limits", {})}, given.get("instrument", {}), given.get("context", {}),
                    given.get("close", 5000.0), symbols=2 if other else 1, returns=given.get("returns"))
    opened = None
    if "opens" in given:
        opened = w.START + minute * w.MINUTE
        at = int(np.flatnonzero(step.tape.ts == opened)[0])
        step.tape.open[at], step.tape.flags[at] = given["opens"], given.get("flags", 0)
        return explained(step, 0, opened)
    if other:
        return explained(step, 1)
    state = state_with(step, **given.get("account", {}))
    for name, value in given.get("tally", {}).items():
        state.tallies[name][:] = value
    state.tallies["closed"][:] = given.get("tally", {}).get("trades", 0)
    return explained(step, 0, state=state)


def code_of(given: dict[str, Any]) -> str:
    found = asked(given).refused_by
    return "OK" if found is None else found[1].code


def put(given: dict[str, Any], part: str, name: str, value: float) -> dict[str, Any]:
    if part == "opens":
        return {**given, "opens": value}
    if part == "capital":
        return {**given, "account": {**given.get("account", {}), "capital": value}}
    return {**given, part: {**given.get(part, {}), name: value}}


# what was asked, its code, and of each way out: its name, the border by hand, one step before it, and where it is put back
BORDERS: dict[str, tuple[dict[str, Any], str, list[tuple[str, float, float, str, str]]]] = {
    "margin of 120,000 a contract": (
        dict(limits={"margin": 1}, instrument={"margin_is_money": 1, "margin": (120_000.0, 100_000.0)}), "MARGIN",
        [(MONEY, 120_000.0, 119_900.0, "capital", "")]),
    "a notional of 250,000 where two times the equity is the most": (
        dict(limits={"max_gross": 2.0}), "EXPOSURE",
        [(MONEY, 125_000.0, 124_900.0, "capital", ""), ("limits.max_gross_notional", 2.5, 2.4999, "limits", "max_gross")]),
    "a notional of 250,000 where two times the equity is the most of a symbol": (
        dict(limits={"max_symbol": 2.0}), "EXPOSURE", [("limits.max_symbol_notional", 2.5, 2.4999, "limits", "max_symbol")]),
    "a notional of 250,000 where two times the equity is the most of a group": (
        dict(limits={"max_group_notional": 2.0}), "EXPOSURE", [("limits.max_group_notional", 2.5, 2.4999, "limits", "max_group_notional")]),
    "worst days of 5 % of the notional": (
        dict(limits={"tail_min_days": 60, "flat_session": 0, "var95": 9.0}, context={"DAILY_ROW": 100.0}, returns=FALLING), "ES",
        [(MONEY, 500_000.0, 499_900.0, "capital", ""), ("tail.es975", 0.125, 0.1249, "limits", "es975")]),
    "cash of 4,000 for a share of 5,000": (
        dict(limits={"shares": 1, "cash_only": 1}, instrument=SHARE, account={"capital": 4_000.0}), "CASH",
        [(MONEY, 5_000.0, 4_900.0, "capital", "")]),
    "half a share at the most": (
        dict(limits={"shares": 1, "max_quantity": 0.5}, instrument=SHARE), "MAX_QUANTITY",
        [("limits.max_quantity", 1.0, 0.9999, "limits", "max_quantity")]),
    "an open a point away, three quarters being the most": (
        dict(setup={"order_type": k.MARKET, "target": 5020.0}, opens=5001.0), "SLIPPAGE",
        [("the open of the first bar", 5000.75, 5001.0, "opens", ""), ("gates.max_slippage_r", 0.2, 0.1999, "limits", "max_slippage_r")]),
    "an open beyond the stop": (
        dict(setup={"order_type": k.MARKET}, opens=4995.0), "THROUGH_STOP", [("the open of the first bar", 4995.25, 4995.0, "opens", "")]),
    "an open that leaves 1.4 R": (
        dict(setup={"order_type": k.MARKET, "target": 5007.75}, opens=5000.25), "RR",
        [("the open of the first bar", 5000.0, 5000.25, "opens", "")]),
}


@pytest.mark.parametrize("case", BORDERS, ids=str)
def test_at_the_border_the_gate_passes_and_one_step_before_it_does_not(case):
    given, code, borders = BORDERS[case]
    found = asked(given).refused_by
    assert found is not None and found[1].code == code, found
    ways = {way.setting or way.what: way for way in found[1].ways_out}
    for name, needed, before, part, field in borders:
        assert ways[name].needed == pytest.approx(needed, abs=1e-9), (name, ways)
        assert code_of(put(given, part, field, needed)) == "OK", name
        assert code_of(put(given, part, field, before)) == code, name


def test_kelly_lets_a_bet_be_as_soon_as_its_fraction_pays_for_a_contract():
    """Reward 2, fees 0.02 R, a slipped stop 0.05 R: a win brings 1.98 for 1.07 lost.  A quarter of the fraction pays for a contract of 255 from 0.0102 on.

    Of 40 trades and 20 of the prior at 1.25 / 3 each 12.71 wins are no bet, 13.11 one that is too small, 13.12 one.
    """
    given = dict(limits={"kelly_share": 0.25}, tally={"wins": 10.0, "trades": 40.0, "win_r": 20.0})
    found = asked(given).refused_by
    assert found is not None and found[1].code == "KELLY"
    (way,) = [way for way in found[1].ways_out if way.what.startswith("the hit rate")]
    prior = 20 * 1.25 / 3

    def fraction(wins: float) -> float:
        return (wins + prior) / 60 - (60 - wins - prior) / 60 * 1.07 / 1.98

    assert fraction(12.71) < 0.0 < fraction(12.72) and fraction(13.11) < 0.0102 < fraction(13.12)
    assert way.now == pytest.approx((10 + prior) / 60) and way.needed == pytest.approx((13.12 + prior) / 60)
    for wins, code in ((12.71, "KELLY"), (12.72, "SIZE_ZERO"), (13.11, "SIZE_ZERO"), (13.12, "OK")):
        assert code_of({**given, "tally": {**given["tally"], "wins": wins}}) == code


def test_a_position_that_moves_alike_leaves_room_for_a_nearer_stop_alone():
    """500 are at risk in the other symbol, 600 may be: one contract with a stop of two points, or half a per cent more for one with five."""
    given = dict(limits={"max_group": 9, "max_gross": 99.0, "correlation_days": 60, "max_correlated": 0.006}, context={"DAILY_ROW": 100.0}, returns=ALIKE,
                 resting=True)
    found = asked(given).refused_by
    assert found is not None and found[1].code == "CORRELATED"
    ways = {way.setting or way.what: way for way in found[1].ways_out}
    assert ways[STOP].needed == 2.0 and ways["limits.max_correlated_risk x max_risk_per_trade"].needed == pytest.approx(0.0075, abs=1e-9)
    assert [way.then for name, way in ways.items() if name.startswith("without the order NQ")] == ["OK"]
    for stop, code in ((4998.0, "OK"), (4997.75, "CORRELATED")):
        assert code_of(put(given, "setup", "stop", stop)) == code
    for most, code in ((0.0075, "OK"), (0.0074, "CORRELATED")):
        assert code_of(put(given, "limits", "max_correlated", most)) == code


@pytest.mark.parametrize(("stop", "code"), [(4995.0, "OK"), (4995.1, "OFF_TICK"), (4994.9, "OFF_TICK")])
def test_a_price_beside_the_grid_is_named_and_the_nearest_step_passes(stop, code):
    found = asked(dict(setup={"stop": stop})).refused_by
    assert ("OK" if found is None else found[1].code) == code
    if found is not None:
        assert (found[1].measured, found[1].allowed) == (stop, 4995.0)
        assert [(way.what, way.then) for way in found[1].ways_out] == [("every price on the nearest step of 0.25", "OK")]


def test_a_news_window_at_the_open_is_named():
    found = asked(dict(setup={"order_type": k.MARKET}, opens=5000.0, flags=2)).refused_by
    assert found is not None and (found[0].stage, found[1].code) == ("activation", "NEWS_BLACKOUT")
    assert [way.what for way in found[1].ways_out] == ["a time outside the blackout"]
    assert asked(dict(setup={"order_type": k.MARKET}, opens=5000.0)).refused_by is None


# --- the sum behind a size ---------------------------------------------------------------------------------------------------------------------------


def sums(given: dict[str, Any]) -> dict[str, Any]:
    ((_, steps),) = sizing_steps(asked(given))
    return {step.what: step.text or step.value for step in steps}


def test_the_sum_of_a_size_in_shares_adds_up_to_its_order():
    """100,000 x 0.02 x 0.6 x 0.75 = 900 for a stop of 5: 180; a quarter of the equity at 150 pays for 166.67, cash for 666.67: 166 shares."""
    found = sums(dict(setup={"entry": 150.0, "stop": 145.0, "target": 160.0, "confidence": 0.6}, close=150.0, instrument={**SHARE, "fee_unit": 0.0},
                      limits={"shares": 1, "cash_only": 1, "max_risk": 0.02, "max_symbol": 0.25, "max_quantity": 1000}))
    expected = {"equity at the decision": 100_000.0, "confidence": 0.6, "money that may be lost": 900.0, "distance to the stop, in money": 5.0,
                "the risk pays for": 180.0, "limits.max_quantity": 1000.0, "notional left for the symbol pays for": 25_000 / 150,
                "cash left pays for": 100_000 / 150, "in whole lots of 1": 166.0, "ordered": 166.0}
    assert {name: found[name] for name in expected} == pytest.approx(expected)
    assert found["bound by"] == "limits.max_symbol_notional"


def test_a_size_is_bound_by_the_setting_that_a_profile_has_and_counted_in_what_is_traded():
    """100,000 x 0.02 x 0.6 x 0.75 = 900 for a stop of 5: 180 shares, at most 100."""
    given = dict(setup={"entry": 150.0, "stop": 145.0, "target": 160.0, "confidence": 0.6}, close=150.0, instrument={**SHARE, "fee_unit": 0.0},
                 limits={"shares": 1, "cash_only": 1, "max_risk": 0.02, "max_symbol": 9.0, "max_quantity": 100})
    assert sums(given)["bound by"] == "limits.max_quantity"
    assert set(BOUND_BY) == set(BINDINGS)
    ((_, steps),) = sizing_steps(asked({}))
    assert {step.kind for step in steps if step.what in ("pays for", "ordered")} == {"contracts"}


def test_the_sum_of_a_size_under_kelly_adds_up_to_its_order():
    """14 of 40 won: p = (14 + 8.3333) / 60, f = p - (1 - p) / (1.98 / 1.07) = 0.0331; an eighth of a per cent of it is risked for contracts of 255."""
    p = (14 + 20 * 1.25 / 3) / 60
    full = p - (1 - p) * 1.07 / 1.98
    found = sums(dict(limits={"kelly_share": 0.125}, tally={"wins": 14.0, "trades": 40.0, "win_r": 20.0}))
    assert found["Kelly's whole fraction by the record so far"] == pytest.approx(full)
    assert found["the part of it that may be risked"] == pytest.approx(0.125 * full)
    assert found["ordered"] == np.floor(100_000 * 0.125 * full / 255.0) == 1.0
