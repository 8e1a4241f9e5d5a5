"""The log of trades as traders keep it; three published trades come out as they were printed."""

import csv
import io

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pse.reports.sheets import written
from pse.reports.trade_log import COLUMNS, log_of, risk_ratio, trade_log
from pse.reports.view import read_run
from pse.research.trade_stats import TRADE_SCHEMA
from tests.reports.make_run import make_run

# symbol, pattern, direction, time factor, entry, stop, exit, odds score, risk ratio as printed
PUBLISHED = (
    ("ASTS", "DBR", "LONG", "Strong", 51.93, 51.74, 52.65, 0.8888888889, "3.8 / 1"),
    ("TREX", "RBR", "LONG", "Good", 60.27, 59.68, 64.05, 0.9444444444, "6.4 / 1"),
    ("BLDR", "RBD", "SHORT", "Strong", 132.6, 133.35, 129.81, 0.8888888889, "3.7 / 1"),
)


def traded(i, symbol, direction, entry, stop, leave, **more):
    row = {name: ("" if kind == pl.String else False if kind == pl.Boolean else 0) for name, kind in TRADE_SCHEMA.items()}
    return row | {"trade_id": f"t{i}", "setup_id": f"s{i}", "symbol": symbol, "tactic": "supply_demand_zone", "label": "zones", "direction": direction,
                  "entry_price": entry, "stop_initial": stop, "target": leave, "exit_price": leave, "quantity": 100.0, "net_usd": 50.0, "r_net": 2.5,
                  "exit_reason": "TP1", "ts_setup": 1_700_000_000_000_000_000, "ts_entry": 1_700_000_060_000_000_000, "ts_exit": 1_700_003_600_000_000_000,
                  "mcs": "TREND_UP"} | more


def lines(trades, setups):
    return list(csv.DictReader(io.StringIO(written(log_of(trades, setups)).decode())))


def test_three_published_trades_come_out_as_they_were_printed():
    trades = pl.DataFrame([traded(i, symbol, way, entry, stop, leave) for i, (symbol, _, way, _, entry, stop, leave, _, _) in enumerate(PUBLISHED)],
                          schema=TRADE_SCHEMA)
    setups = {f"s{i}": {"confidence": odds, "evidence": {"pattern": pattern, "strength": "Strong", "time": time, "freshness": "Fresh",
                                                        "trend_alignment": "With", "odds_score": odds}}
              for i, (_, pattern, _, time, _, _, _, odds, _) in enumerate(PUBLISHED)}
    for line, (symbol, pattern, way, time, entry, stop, leave, odds, ratio) in zip(lines(trades, setups), PUBLISHED, strict=True):
        assert (line["symbol"], line["pattern"], line["risk ratio"]) == (symbol, pattern, ratio)
        assert (float(line["entry"]), float(line["stop"]), float(line["exit"]), float(line["odds score"])) == (entry, stop, leave, round(odds, 6))
        assert (line["strength"], line["time"], line["freshness"], line["trend alignment"]) == ("Strong", time, "Fresh", "With")
        assert line["trend"] == ("uptrend" if way == "LONG" else "downtrend")                                  # with the trend
        assert line["time stamp"] == "2023-11-14T22:13:20Z" and (line["reason"], line["net"], line["R"], line["quantity"]) == ("TP1", "50.0", "2.5", "100")


def test_scores_come_without_the_tail_of_a_product():
    trades = pl.DataFrame([traded(0, "A", "LONG", 10.0, 9.0, 12.0)], schema=TRADE_SCHEMA)
    (line,) = lines(trades, {"s0": {"confidence": 0.7 * 0.7, "evidence": {"odds_score": 0.1 + 0.2, "points": 8.5}}})
    assert (line["confidence"], line["odds score"], line["odds points"]) == ("0.49", "0.3", "8.5")


def test_what_a_tactic_told_itself_goes_before_what_can_be_worked_out():
    trades = pl.DataFrame([traded(0, "A", "LONG", 10.0, 9.0, 12.0)], schema=TRADE_SCHEMA)
    (line,) = lines(trades, {"s0": {"evidence": {"trend": "sideways", "risk_ratio": "2.4 / 1", "trend_alignment": "Neutral"}}})
    assert (line["trend"], line["risk ratio"]) == ("sideways", "2.4 / 1")


@pytest.mark.parametrize(("evidence", "state", "trend"), [
    ({"trend_alignment": "Against"}, "TREND_UP", "downtrend"), ({"trend_alignment": "Neutral"}, "TREND_UP", "sideways"), ({}, "TREND_DOWN", "downtrend"),
    ({}, "RANGE", "sideways"), ({"tcc": "High", "tcc_dir": -1}, "TRANSITION", "downtrend"), ({"tcc": "None", "tcc_dir": 1}, "VOLATILE", ""),
    ({"mcs": "TREND_UP"}, "", "uptrend"), ({}, "", "")])
def test_the_trend_is_the_tactics_then_the_markets_then_that_of_conviction(evidence, state, trend):
    trades = pl.DataFrame([traded(0, "A", "LONG", 10.0, 9.0, 12.0, mcs=state)], schema=TRADE_SCHEMA)
    assert lines(trades, {"s0": {"evidence": evidence}})[0]["trend"] == trend


def test_a_trade_of_which_nothing_was_told_has_empty_cells():
    trades = pl.DataFrame([traded(0, "A", "LONG", 10.0, 9.0, float("nan"), mcs="", grade="", exit_price=11.0)], schema=TRADE_SCHEMA)
    (line,) = lines(trades, {})
    empty = {"trend", "target", "odds score", "odds points", "strength", "time", "freshness", "trend alignment", "confidence", "risk ratio", "grade",
             "market condition"}
    assert {name for name, value in line.items() if value == ""} == empty and line["pattern"] == "zones" and list(line) == list(COLUMNS)


@pytest.mark.parametrize(("prices", "ratio"), [((100.0, 99.0, 102.25), "2.2 / 1"), ((100.0, 99.0, 102.35), "2.4 / 1"), ((100.0, 99.0, 102.0), "2.0 / 1"),
                                               ((0.3, 0.2, 0.565), "2.6 / 1"), ((100.0, 100.0, 101.0), None), ((None, 1.0, 2.0), None)])
def test_a_ratio_in_the_middle_goes_to_the_even_tenth_of_the_prices_as_written(prices, ratio):
    """2.25 and 2.35 of 1, 0.265 of 0.1: halves between two tenths, which floats would take for a little more or less."""
    assert risk_ratio(*prices) == ratio


@given(st.integers(1, 500), st.integers(1, 5000))
def test_a_ratio_is_the_same_for_longs_and_shorts(risk, reward):
    long, short = (risk_ratio(100.0, round(100.0 - way * risk / 100, 2), round(100.0 + way * reward / 100, 2)) for way in (1, -1))
    assert long == short


def test_the_log_of_a_run_has_a_line_for_every_trade_in_order_of_entry(tmp_path):
    view = read_run(make_run(tmp_path, sessions=10)[0])
    log = trade_log(view)
    assert log.height == view.trades.height and log["entered"].to_list() == sorted(log["entered"].to_list())
    assert log["net"].to_list() == view.trades["net_usd"].to_list() and set(log["pattern"].to_list()) == {"DAS 2.1"}


@pytest.mark.parametrize("text", ["=1+1", "@x", "+1", "-1"])
def test_words_of_others_in_the_log_are_never_formulas(tmp_path, text):
    content = written(trade_log(read_run(make_run(tmp_path, sessions=5, text=text)[0]))).decode()
    assert {row["reason"] for row in csv.DictReader(io.StringIO(content))} == {"'" + text}


def test_prices_and_r_have_six_decimals_and_whole_quantities_none():
    rows = [traded(0, "A", "LONG", 10.123456789, 9.0, 12.0, r_net=0.333333333333, quantity=100.0),
            traded(1, "B", "LONG", 0.0345678912345, 0.03, 0.04, quantity=0.5)]
    told = lines(pl.DataFrame(rows, schema=TRADE_SCHEMA), {"s0": {"evidence": {"odds_score": 8 / 9, "points": 8.0}}, "s1": {"evidence": {"points": 3.0}}})
    assert [(line["entry"], line["quantity"], line["odds points"]) for line in told] == [("10.123457", "100", "8.0"), ("0.0345678912", "0.5", "")]
    assert told[0]["R"] == "0.333333"
