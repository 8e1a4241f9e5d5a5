"""The metrics of a run: definitions by hand, nulls with reasons, and what must not change them."""

import json
from decimal import Decimal

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pse.research.market import daily_closes, turns
from pse.research.metrics import RETURN_FIGURES, TRADE_FIGURES, MetricsSpec, compute_metrics
from pse.research.trade_stats import EQUITY_SCHEMA, TRADE_SCHEMA
from tests.reports.make_run import CAPITAL, make_bars, make_equity, make_trades

HOUR = 3_600_000_000_000
DAY = 24 * HOUR
SPEC = MetricsSpec(100_000.0)


def trade(i, net, risk=100.0, day=20240102, **more):
    row = {
        name: ("" if kind == pl.String else False if kind == pl.Boolean else 0) for name, kind in TRADE_SCHEMA.items()
    }
    row |= {
        "trade_id": f"t{i}",
        "symbol": "ES",
        "contract": "ES",
        "tactic": "a",
        "grade": "A",
        "direction": "LONG",
        "quantity": 1.0,
        "ts_entry": i * HOUR,
        "ts_exit": i * HOUR + 1,
        "session_date": day,
        "entry_price": 5000.0,
        "exit_price": 5000.0 + net / 50.0,
        "risk_points": risk / 50.0,
        "risk_usd": risk,
        "gross_usd": net + 5.0,
        "fees_usd": 5.0,
        "slippage_usd": 12.5,
        "net_usd": net,
        "r_net": net / risk,
        "exit_reason": "SL",
        "rate": 1.0,
    }
    return row | more


def frames(nets, equity=None):
    days = np.datetime64("2024-01-02") + np.arange(len(nets))
    dates = [int(str(day).replace("-", "")) for day in days]
    trades = pl.DataFrame([trade(i, net, day=dates[i]) for i, net in enumerate(nets)], schema=TRADE_SCHEMA)
    levels = equity if equity is not None else (100_000.0 + np.cumsum(nets)).tolist()
    rows = [(i * DAY, dates[i], "session", level, level, 60, 1200) for i, level in enumerate(levels)]
    return trades, pl.DataFrame(rows, schema=EQUITY_SCHEMA, orient="row")


def test_trade_figures_of_five_trades_by_hand():
    m = compute_metrics(*frames([200.0, -100.0, 50.0, -100.0, 150.0]), SPEC)
    assert (m["trades"], m["wins"], m["losses"]) == (5, 3, 2)
    assert m["net_usd"] == 200.0 and m["gross_usd"] == 225.0 and m["fees_usd"] == 25.0
    assert m["profit_factor"] is None and m["reasons"]["profit_factor"] == "5 trades; shown from 10 on"
    assert m["expectancy_r"] == pytest.approx(0.4) and m["median_r"] == 0.5 and m["payoff"] == pytest.approx(4 / 3)
    assert m["win_rate"] == 0.6 and m["losing_run"] == 1
    assert m["best_day_usd"] == 200.0 and m["net_without_best_day_usd"] == 0.0 and m["top5_share"] == pytest.approx(1.0)
    assert m["cost_share_gross"] == pytest.approx((25 + 62.5) / (225 + 62.5))
    assert m["exposure"] == pytest.approx(0.05)
    assert m["max_drawdown_usd"] == -150.0 and m["recovery_factor"] == pytest.approx(200 / 150)


def test_dividends_are_told_where_there_were_any():
    trades, equity = frames([100.0, -50.0])
    assert "dividends_usd" not in compute_metrics(trades, equity, SPEC)
    paid = trades.with_columns(dividends_usd=pl.Series([0.1, -32.8]))                       # cash of a long, paid for a short
    assert compute_metrics(paid, equity, SPEC)["dividends_usd"] == -32.7


def test_ratios_are_shown_from_ten_trades_on():
    nets = [200.0, -100.0, 50.0, -100.0, 150.0] * 2
    names = ("sharpe", "sharpe_lo", "sortino", "psr", "profit_factor", "min_track_record_sessions")
    nine, ten = compute_metrics(*frames(nets[:9]), SPEC), compute_metrics(*frames(nets), SPEC)
    assert ten["profit_factor"] == pytest.approx(800 / 400) and all(ten[name] is not None for name in names)
    for name in names:
        assert nine[name] is None and nine["reasons"][name] == "9 trades; shown from 10 on" and name not in nine["intervals"]


def test_turnover_counts_both_sides_a_year():
    m = compute_metrics(*frames([0.0] * 252), SPEC)
    assert m["turnover"] == pytest.approx(252 * 2 * 5000 * 50 / 100_000)
    assert compute_metrics(*frames([0.0] * 252), MetricsSpec(100_000.0, point_values={"ES": 5.0}))[
        "turnover"
    ] == pytest.approx(252 * 0.5)


def test_turnover_of_a_micro_counts_its_own_point_value():
    """ES: 2 * (5000 + 5002) * 50; MES: 3 * (5000 + 4996) * 5; over a mean equity of 100,070 and 2 of 252 sessions."""
    large = trade(0, 200.0, quantity=2.0, exit_price=5002.0)
    micro = trade(1, -60.0, day=20240103, contract="MES", quantity=3.0, exit_price=4996.0)
    equity = frames([200.0, -60.0], [100_100.0, 100_040.0])[1]
    spec = MetricsSpec(100_000.0, point_values={"ES": 50.0, "MES": 5.0})
    m = compute_metrics(pl.DataFrame([large, micro], schema=TRADE_SCHEMA), equity, spec)
    assert m["turnover"] == pytest.approx((1_000_200 + 149_940) / 100_070 * 126)


def test_returns_by_capital_divide_by_the_allocation():
    nets = [1000.0, 1000.0, -500.0]
    by_equity = compute_metrics(*frames(nets), SPEC)
    by_capital = compute_metrics(*frames(nets), MetricsSpec(100_000.0, returns_base="capital"))
    assert by_capital["best_session"] == pytest.approx(0.01) and by_capital["worst_session"] == pytest.approx(-0.005)
    assert by_equity["worst_session"] == pytest.approx(-500 / 102_000)
    assert by_capital["method"]["returns_base"] == "capital"


def test_a_run_without_trades_has_no_return_figures_and_says_why():
    empty = pl.DataFrame(schema=TRADE_SCHEMA)
    m = compute_metrics(empty, frames([0.0] * 30)[1], SPEC, {"rr": 4})
    assert m["trades"] == 0 and m["refusals"] == {"rr": 4} and m["sessions"] == 30
    for name in RETURN_FIGURES + TRADE_FIGURES:
        assert m[name] is None and m["reasons"][name] == "no trades"
    assert m["intervals"] == {} and m["monthly"] == []


def test_no_losing_trade_makes_the_profit_factor_null_not_infinite():
    m = compute_metrics(*frames([100.0, 50.0]), SPEC)
    assert m["profit_factor"] is None and m["reasons"]["profit_factor"] == "no losing trade"


def test_calmar_and_growth_are_refused_under_a_year():
    m = compute_metrics(*frames([100.0, -50.0] * 40), SPEC)
    assert m["calmar"] is None and m["cagr"] is None and "one year" in m["reasons"]["calmar"]
    full = compute_metrics(*frames([100.0, -50.0] * 126), SPEC)
    assert full["calmar"] > 0 and full["cagr"] > 0


def test_equity_at_zero_gives_no_return_figures():
    m = compute_metrics(*frames([-60_000.0, -50_000.0, 10.0]), SPEC)
    assert (
        m["sharpe"] is None
        and m["reasons"]["total_return"] == "equity fell to zero or below"
        and m["net_usd"] == -109_990.0
    )


def test_intervals_hold_their_figure_and_are_seeded():
    random = np.random.default_rng(2)
    nets = (random.choice([-100.0, 180.0], 200)).tolist()
    m, again = compute_metrics(*frames(nets), SPEC), compute_metrics(*frames(nets), SPEC)
    assert m == again
    for name in ("win_rate", "sharpe", "expectancy_r", "profit_factor", "net_usd"):
        low, high = m["intervals"][name]
        assert low < m[name] < high
    assert (
        m["intervals"]["sharpe"]
        != compute_metrics(*frames(nets), MetricsSpec(100_000.0, seed=1))["intervals"]["sharpe"]
    )


def test_few_trades_have_no_bootstrap_and_the_method_says_so():
    m = compute_metrics(*frames([100.0, -50.0, 25.0]), SPEC)
    assert set(m["intervals"]) == {"win_rate"} and "needs 20 sessions, 10 trades" in m["method"]["interval"]


def test_hours_are_local_and_groups_are_named():
    trades, equity = frames([100.0, -50.0])
    m = compute_metrics(trades, equity, MetricsSpec(100_000.0, hour_tz="America/New_York"))
    assert set(m["by_hour"]) == {"19", "20"}  # 00:00 and 01:00 UTC on 1 January 1970
    assert set(m["by_weekday"]) == {"Tue", "Wed"} and set(m["by_direction"]) == {"LONG"}


def test_months_follow_the_equity():
    trades, equity = frames([1000.0, -500.0])
    equity = equity.with_columns(session_date=pl.Series([20240131, 20240201], dtype=pl.Int32))
    trades = trades.with_columns(session_date=pl.Series([20240131, 20240201], dtype=pl.Int32))
    rows = compute_metrics(trades, equity, SPEC)["monthly"]
    assert [(row["month"], row["net_usd"], row["trades"]) for row in rows] == [
        ("2024-01", 1000.0, 1),
        ("2024-02", -500.0, 1),
    ]
    assert rows[1]["return"] == pytest.approx(-500 / 101_000)


@pytest.mark.parametrize(
    ("closes", "phases"),
    [([100, 110, 95, 105], 1), ([100, 79, 90], 1), ([100, 79, 95], 2), ([100, 130, 103, 124], 3), ([], 1)],
)
def test_a_market_phase_ends_with_a_turn_of_a_fifth(closes, phases):
    assert turns(np.array(closes, float)) == phases


def test_buy_and_hold_comes_from_the_sessions_last_closes():
    bars = make_bars(20)
    closes = daily_closes(bars)
    assert closes.height == 20 and closes["close"].to_list() == bars.close[1319::1320].tolist()
    trades, equity = frames([10.0, -5.0])
    m = compute_metrics(trades, equity, SPEC, closes=closes)
    assert m["buy_hold_return"] == pytest.approx(bars.close[-1] / bars.close[1319] - 1) and m["market_phases"] == 1
    few = compute_metrics(trades, equity, SPEC, closes=closes[:19])
    for name in ("buy_hold_return", "buy_hold_sharpe"):
        assert few[name] is None and few["reasons"][name] == "19 sessions; shown from 20 on"


def test_sessions_without_bars_are_counted_and_silence_buy_and_hold_over_a_twentieth():
    trades, equity = frames([10.0, -5.0])
    closes = daily_closes(make_bars(38))
    whole, edge, thin = (compute_metrics(trades, equity, MetricsSpec(100_000.0, expected_sessions=n), closes=closes) for n in (38, 40, 41))
    assert (whole["missing_sessions"], edge["missing_sessions"], thin["missing_sessions"]) == (0, 2, 3)
    assert edge["buy_hold_return"] == whole["buy_hold_return"] is not None                            # 2 of 40 are not over 5 %
    assert thin["buy_hold_return"] is None and thin["reasons"]["buy_hold_return"] == "3 of 41 sessions have no bars"
    assert compute_metrics(trades, equity, SPEC, closes=closes)["missing_sessions"] is None


def test_a_symbol_that_lacks_more_than_a_twentieth_of_its_sessions_is_not_held_beside_the_others():
    trades, equity = frames([10.0, -5.0])
    whole = daily_closes(make_bars(60, seed=1, symbol="ES"))
    both = pl.concat([whole, daily_closes(make_bars(56, seed=2, symbol="NQ"))])
    some, few = (compute_metrics(trades, equity, MetricsSpec(100_000.0, expected_by_symbol={"ES": 60, "NQ": n}), closes=both) for n in (58, 60))
    assert some["symbols"]["NQ"]["missing_sessions"] == 2 and some["buy_hold_return"] is not None and some["symbols"]["NQ"]["buy_hold_return"] is not None
    assert (few["symbols"]["NQ"]["missing_sessions"], few["symbols"]["NQ"]["expected_sessions"]) == (4, 60)
    assert few["buy_hold_return"] is None and few["reasons"]["buy_hold_return"] == "4 of 60 sessions of NQ have no bars"
    assert few["symbols"]["NQ"]["buy_hold_return"] is None and few["symbols"]["ES"]["buy_hold_return"] == some["symbols"]["ES"]["buy_hold_return"]


def test_turnover_in_another_currency_is_told_at_the_rate_of_the_exit():
    """100,000 EURUSD at 1.08 and 1.10 for an account in EUR at 0.9: (1.08 + 1.10) * 100,000 * 0.9 = 196,200 over 98,100 and one of 252 sessions."""
    row = trade(0, -1900.0, symbol="EURUSD", contract="EURUSD", quantity=100_000.0, entry_price=1.08, exit_price=1.10, rate=0.9, risk_points=0.0)
    equity = frames([-1900.0], [98_100.0])[1]
    m = compute_metrics(pl.DataFrame([row], schema=TRADE_SCHEMA), equity, MetricsSpec(100_000.0, point_values={"EURUSD": 1.0}))
    assert m["turnover"] == pytest.approx(196_200 / 98_100 * 252) and m["symbols"]["EURUSD"]["turnover"] == m["turnover"]
    assert m["symbols"]["EURUSD"]["rate_lowest"] == m["symbols"]["EURUSD"]["rate_highest"] == 0.9


def test_tables_of_trades_without_rate_and_market_condition_count_as_one_and_unknown():
    trades, equity = frames([100.0, -50.0])
    older = compute_metrics(trades.drop("rate", "mcs"), equity, SPEC)
    assert older["by_mcs"][""]["trades"] == 2 and older["turnover"] == compute_metrics(trades, equity, SPEC)["turnover"]


def test_one_group_has_every_figure_of_its_trades():
    """Three shorts of 300, -100 and -100 in a net of 150: two thirds of 150 made by them, 3 R won over 2 lost, fees 3 * 5."""
    nets, sides = [300.0, -100.0, -100.0, 50.0], ["SHORT"] * 3 + ["LONG"]
    trades, equity = frames(nets)
    m = compute_metrics(trades.with_columns(direction=pl.Series(sides)), equity, SPEC)
    assert m["by_direction"]["SHORT"] == {
        "trades": 3, "wins": 1, "losses": 2, "net_usd": 100.0, "gross_usd": 115.0, "fees_usd": 15.0, "slippage_usd": 37.5, "total_r": 1.0,
        "expectancy_usd": 100.0 / 3, "expectancy_r": 1.0 / 3, "win_rate": 1 / 3, "profit_factor": None, "share_net": 100 / 150}
    four = compute_metrics(*frames([300.0, -100.0, -100.0] * 4), SPEC)["by_tactic"]
    assert [group["profit_factor"] for group in four.values()] == [1.5]                       # twelve trades: 1200 over 800; a ratio of three is not told


def test_trades_fall_into_the_month_and_year_in_which_they_closed():
    rows = [trade(i, net, day=day) for i, (net, day) in enumerate([(10.0, 20231229), (20.0, 20240102), (-5.0, 20240131), (7.0, 20240201)])]
    m = compute_metrics(pl.DataFrame(rows, schema=TRADE_SCHEMA), frames([10.0, 20.0, -5.0, 7.0])[1], SPEC)
    assert {key: (part["trades"], part["net_usd"]) for key, part in m["by_month"].items()} == {"2023-12": (1, 10.0), "2024-01": (2, 15.0), "2024-02": (1, 7.0)}
    assert {key: part["net_usd"] for key, part in m["by_year"].items()} == {"2023": 10.0, "2024": 22.0}


def test_years_follow_the_equity_and_compound_their_months():
    trades, equity = frames([1000.0, -500.0, 250.0])
    dates = pl.Series([20231229, 20240131, 20240201], dtype=pl.Int32)
    m = compute_metrics(trades.with_columns(session_date=dates), equity.with_columns(session_date=dates), SPEC)
    assert [(row["year"], row["net_usd"], row["trades"]) for row in m["yearly"]] == [("2023", 1000.0, 1), ("2024", -250.0, 2)]
    months = [1.0 + row["return"] for row in m["monthly"] if row["month"].startswith("2024")]
    assert m["yearly"][1]["return"] == pytest.approx(months[0] * months[1] - 1.0, abs=1e-15)


BREAKDOWNS = ("tactic", "symbol", "grade", "direction", "exit", "mcs", "month", "year", "hour", "weekday")


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 400))
def test_every_breakdown_adds_up_to_the_run_to_the_last_digit(seed, count):
    """Decimals of what is written: no tolerance, whatever the sizes; a few trades have no R, one in three is of large money."""
    random = np.random.default_rng(seed)
    net = np.round(random.normal(0.0, 10.0 ** random.integers(-3, 6, count)), 6)
    fees, slippage = (np.round(random.exponential(3.0, count), 6) for _ in range(2))
    r = np.where(random.random(count) < 0.05, np.nan, net / random.uniform(1.0, 500.0, count))
    names = {"tactic": "abcde", "symbol": ("ES", "NQ", "EURUSD"), "grade": ("A+", "A", "", "C"), "direction": ("LONG", "SHORT"),
             "exit_reason": ("SL", "TP1", "BE"), "mcs": ("", "RANGE", "TREND_UP")}
    days = np.sort(random.choice(np.arange("2019-01-01", "2023-12-31", dtype="datetime64[D]"), count))
    words = {name: random.choice(list(values), count).tolist() for name, values in names.items()}
    trades = pl.DataFrame([
        trade(i, float(net[i]), day=int(str(days[i]).replace("-", "")), **{name: values[i] for name, values in words.items()})
        | {"ts_entry": int(random.integers(0, 2 * 10**18)), "fees_usd": float(fees[i]), "slippage_usd": float(slippage[i]),
           "gross_usd": round(float(net[i] + fees[i]), 6), "r_net": float(r[i])} for i in range(count)], schema=TRADE_SCHEMA)
    m = compute_metrics(trades, frames([1.0] * 30)[1], MetricsSpec(1e9, resamples=2))
    for name in BREAKDOWNS:
        groups = m[f"by_{name}"].values()
        for figure in ("net_usd", "gross_usd", "fees_usd", "slippage_usd", "total_r", "trades", "wins", "losses"):
            assert sum((Decimal(repr(group[figure])) for group in groups), Decimal(0)) == Decimal(repr(m[figure])), (name, figure)
    assert sum((Decimal(repr(value)) for value in net.tolist()), Decimal(0)) == Decimal(repr(m["net_usd"]))


def walk(value):
    if isinstance(value, dict):
        for item in value.values():
            yield from walk(item)
    elif isinstance(value, list):
        for item in value:
            yield from walk(item)
    else:
        yield value


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 40), st.floats(0.0, 3.0))
def test_no_number_is_infinite_and_every_null_has_a_reason(seed, sessions, a_session):
    bars = make_bars(sessions, seed)
    trades = make_trades(bars, a_session, seed) if a_session > 0.1 else pl.DataFrame(schema=TRADE_SCHEMA)
    m = compute_metrics(
        trades, make_equity(bars, trades), MetricsSpec(CAPITAL, resamples=100), closes=daily_closes(bars)
    )
    json.dumps(m, allow_nan=False)
    assert all(not isinstance(leaf, (np.generic, np.ndarray)) for leaf in walk(m))
    assert {name for name, value in m.items() if value is None} == set(m["reasons"])


def test_ten_times_the_capital_leaves_every_ratio():
    bars = make_bars(60)
    trades = make_trades(bars, edge=1.0)
    equity = make_equity(bars, trades)
    money = ["gross_usd", "fees_usd", "slippage_usd", "net_usd", "risk_usd"]
    large = trades.with_columns(pl.col(*money) * 10.0)
    small_m = compute_metrics(trades, equity, MetricsSpec(CAPITAL))
    large_m = compute_metrics(
        large, equity.with_columns(pl.col("equity_usd", "cash_usd") * 10.0), MetricsSpec(CAPITAL * 10.0)
    )
    for name in (
        "sharpe",
        "sortino",
        "max_drawdown",
        "profit_factor",
        "expectancy_r",
        "total_return",
        "cost_share_gross",
        "turnover",
        "psr",
    ):
        assert large_m[name] == pytest.approx(small_m[name], rel=1e-9)
