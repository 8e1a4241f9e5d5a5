"""What a run's trades come to under every rule of fills: pairs, bounds, the cost that leaves nothing, and who judges.  Figures by hand."""

from __future__ import annotations

import polars as pl
import pytest

from pse.research.envelope import FineBars, Unit, break_even, envelope, fragile_figures, judge_of, said_of_drill, side_by_side
from pse.research.trade_stats import TRADE_SCHEMA

UNITS = {"ES": Unit(50.0, 0.25), "MES": Unit(5.0, 0.25)}
MINUTE = 60_000_000_000
DRILLED = FineBars(finest=False, share=0.995, unlike=1, without=4, bars={"ES 1m": "ab"})


def trade(setup: str, entry: float, leave: float, quantity: float = 2.0, minute: int = 10, fees: float = 5.0, risk: float = 4.0, contract: str = "ES", **more):
    """A long of `quantity` from `entry` to `leave`."""
    gross = (leave - entry) * quantity * UNITS[contract].point_value
    row = dict.fromkeys(TRADE_SCHEMA) | {
        "trade_id": setup, "setup_id": setup, "plan_id": setup, "symbol": "ES", "contract": contract, "tactic": "sweep", "direction": "LONG",
        "quantity": quantity, "ts_setup": 0, "ts_entry": minute * MINUTE, "ts_exit": (minute + 30) * MINUTE, "entry_price": entry, "exit_price": leave,
        "risk_points": risk, "gross_usd": gross, "fees_usd": fees, "net_usd": gross - fees, "exit_reason": "TP1", "ambiguous": False, "rate": 1.0}
    return row | more


def table(*rows) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=TRADE_SCHEMA, orient="row")


def metrics(net: float, lower: float, expectancy: float = 0.1) -> dict:
    return {"net_usd": net, "expectancy_r": expectancy, "sharpe": 1.0, "trades": 1, "intervals": {"expectancy_r": [lower, 1.0]}}


def test_trades_of_one_setup_stand_in_one_row_and_are_measured_by_one_risk():
    """Risk 4 points under the run's rule: (105 - 100) * 100 = 500 less 5 of fees = 4.95 points = 1.2375 R; the pessimistic entry a point worse, whose own
    risk is 5 points, loses (99 - 101) * 100 - 5 = -205 = -2.05 points = -0.5125 R of the common risk, not -0.41 of its own."""
    found = side_by_side({"conservative": table(trade("a", 100.0, 105.0)), "pessimistic": table(trade("a", 101.0, 99.0, risk=5.0)),
                          "optimistic": table(trade("a", 100.0, 106.0))}, UNITS, 5 * MINUTE)
    (row,) = found.iter_rows(named=True)
    assert row["conservative_r"] == pytest.approx(1.2375) and row["pessimistic_r"] == pytest.approx(-0.5125)
    assert row["low_r"] == row["pessimistic_r"] and row["high_r"] == row["optimistic_r"] == pytest.approx(5.95 / 4)
    assert row["rules"] == 3 and row["only"] == "" and row["same_entry"] and not row["out_of_order"]


def test_size_and_contract_do_not_change_the_result_of_a_trade():
    """Ten micros or two large contracts: five points either way, before fees."""
    found = side_by_side({"conservative": table(trade("a", 100.0, 105.0, fees=0.0)),
                          "optimistic": table(trade("a", 100.0, 105.0, quantity=10.0, contract="MES", fees=0.0))}, UNITS, 5 * MINUTE)
    assert found["conservative_points"].to_list() == found["optimistic_points"].to_list() == [5.0]
    assert found["conservative_r"].to_list() == found["optimistic_r"].to_list() == [1.25]


def test_what_only_some_rules_enter_stands_apart():
    found = side_by_side({"conservative": table(trade("a", 100.0, 105.0)), "optimistic": table(trade("a", 100.0, 105.0), trade("b", 90.0, 95.0, minute=1))},
                         UNITS, 5 * MINUTE)
    assert found["setup_id"].to_list() == ["b", "a"] and found["only"].to_list() == ["optimistic", ""]       # by the first entry
    apart = found.row(0, named=True)
    assert apart["conservative_ts_entry"] is None and apart["rules"] == 1 and not apart["same_entry"] and apart["low_r"] == apart["high_r"]


def test_a_better_result_under_a_stricter_rule_is_out_of_order_where_the_entry_was_the_same():
    stopped, gapped = trade("a", 100.0, 96.0), trade("a", 100.0, 90.0)
    same = side_by_side({"conservative": table(stopped), "pessimistic": table(stopped), "optimistic": table(gapped)}, UNITS, 5 * MINUTE)
    assert same["out_of_order"].to_list() == [True] and same["low_r"].item() == same["optimistic_r"].item()
    later = trade("a", 100.0, 90.0, minute=15)                       # the next bar of five minutes
    other = side_by_side({"conservative": table(stopped), "pessimistic": table(stopped), "optimistic": table(later)}, UNITS, 5 * MINUTE)
    assert other["same_entry"].to_list() == [False] and other["out_of_order"].to_list() == [False]


def test_several_round_trips_of_one_setup_are_one_result():
    """3 points of two contracts and -1 of two: 4 points over four contracts = 1 a unit, of a risk of 4."""
    found = side_by_side({"conservative": table(trade("a", 100.0, 103.0, fees=0.0), trade("a", 103.0, 102.0, fees=0.0, minute=50, trade_id="a2"))}, UNITS,
                         5 * MINUTE)
    assert found["conservative_points"].to_list() == [1.0] and found["conservative_quantity"].to_list() == [4.0] and found["low_r"].to_list() == [0.25]


def test_the_break_even_cost_is_what_every_round_turn_could_cost_more():
    """Net 495 + 195 = 690 over two trades: 345 each; two large contracts of 12.5 a tick = 25, ten micros of 1.25 = 12.5: 690 / 37.5 ticks; traded
    100 * 100 + 200 * 50 = 20,000 of which a basis point is 2: 345."""
    rows = table(trade("a", 100.0, 105.0), trade("b", 200.0, 204.0, quantity=10.0, contract="MES"))
    assert break_even(rows, UNITS) == {"usd": pytest.approx(345.0), "ticks": pytest.approx(18.4), "bp": pytest.approx(345.0)}
    assert break_even(table(), UNITS) == {"usd": None, "ticks": None, "bp": None}


def test_a_result_is_fragile_where_its_sign_hangs_on_the_rule():
    assert fragile_figures({"pessimistic": metrics(-1.0, -0.1), "optimistic": metrics(1.0, -0.2)}) == ["net_usd"]
    assert fragile_figures({"pessimistic": metrics(1.0, -0.1), "optimistic": metrics(2.0, 0.1)}) == ["expectancy_r_lower"]
    assert fragile_figures({"pessimistic": metrics(0.0, -0.1), "optimistic": metrics(2.0, 0.1)}) == ["net_usd", "expectancy_r_lower"]
    assert fragile_figures({"pessimistic": metrics(1.0, 0.1), "optimistic": metrics(2.0, 0.2)}) == []


@pytest.mark.parametrize(("ambiguous", "fine", "judge"), [
    (0.01, FineBars(), "conservative"), (0.011, FineBars(), "pessimistic"), (0.3, DRILLED, "drill"), (0.0, DRILLED, "drill"),
    (0.3, FineBars(finest=False, share=0.5, without=9), "pessimistic"), (0.0, FineBars(finest=False, share=0.5, without=9), "conservative")])
def test_the_pessimistic_rule_judges_what_one_bar_hides_and_finer_bars_judge_where_they_are(ambiguous, fine, judge):
    found, why = judge_of(ambiguous, fine)
    assert found == judge and why


def test_the_section_says_it_all():
    trades = {"conservative": table(trade("a", 100.0, 105.0), trade("c", 100.0, 96.0)), "pessimistic": table(trade("a", 100.0, 96.0), trade("c", 100.0, 96.0)),
              "optimistic": table(trade("a", 100.0, 105.0), trade("b", 100.0, 101.0), trade("c", 100.0, 96.0))}
    found = envelope(side_by_side(trades, UNITS, 5 * MINUTE), {"conservative": metrics(90.0, -0.1), "pessimistic": metrics(-810.0, -0.4, -1.0),
                                                              "optimistic": metrics(185.0, -0.05, 0.2)}, trades, UNITS, FineBars())
    assert list(found["rules"]) == ["pessimistic", "conservative", "optimistic"] and found["fragile"] == ["net_usd"]
    assert found["bounds"]["net_usd"] == [-810.0, 185.0] and found["bounds"]["expectancy_r"] == [-1.0, 0.2]
    assert found["trades"] == {"any": 3, "all": 2, "same_entry": 2, "only_some": 1, "only": {"optimistic": 1}, "differ": 1, "out_of_order": 0,
                               "low_r": pytest.approx(-1.0125), "high_r": pytest.approx((1.2375 - 1.0125) / 2)}
    assert found["verdict"]["rule"] == "conservative" and found["drill"]["finest"] and "not run again" in found["drill"]["said"]


def test_a_run_without_trades_has_an_envelope_without_figures():
    none = {"conservative": table(), "pessimistic": table(), "optimistic": table()}
    empty = {"net_usd": None, "expectancy_r": None, "sharpe": None, "trades": 0, "intervals": {}}
    found = envelope(side_by_side(none, UNITS, MINUTE), dict.fromkeys(none, empty), none, UNITS, FineBars())
    assert found["fragile"] == [] and found["bounds"]["sharpe"] is None and found["trades"]["any"] == 0 and found["trades"]["low_r"] is None


def test_what_drill_looked_into_is_said():
    assert "99.5 %" in said_of_drill(DRILLED) and "4 have none and 1 other prices" in said_of_drill(DRILLED)
    assert "none of them make a bar" in said_of_drill(FineBars(finest=False, unlike=7))
