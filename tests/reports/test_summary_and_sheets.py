"""The end of a run in the terminal, its doubts, and its tables as CSV."""

import csv
import io
import json
from dataclasses import replace

import polars as pl
import pytest
from rich.console import Console

from pse.reports.cuts import cuts
from pse.reports.definitions import definitions
from pse.reports.doubts import doubts, doubts_json
from pse.reports.sections import costs, headline, months, outline
from pse.reports.sheets import sheets
from pse.reports.summary import show_summary
from pse.reports.view import read_run
from pse.reports.words import MISSING
from tests.reports.make_run import make_run


@pytest.fixture(scope="module")
def view(tmp_path_factory):
    return read_run(make_run(tmp_path_factory.mktemp("run"), sessions=60, edge=0.4)[0])


def printed(view, width=100):
    out = io.StringIO()
    show_summary(Console(file=out, width=width, no_color=True), view, {"report": "reports/a.html"})
    return out.getvalue()


@pytest.mark.parametrize("width", [30, 60, 100, 160])
def test_the_summary_fits_its_terminal_and_names_what_matters(view, width):
    text = printed(view, width)
    assert max(map(len, text.splitlines())) <= width
    words = " ".join(text.split())
    for word in ("Sharpe", "drawdown", "Expectancy", "factor", "Refused by gate", "rr 41", "Synthetic data", "reports/a.html"):
        assert word in words
    assert "nan" not in text.lower().replace("finance", "") and "None" not in text


def test_a_summary_without_trades_shows_no_return(tmp_path):
    text = printed(read_run(make_run(tmp_path, sessions=20, a_session=0)[0]))
    assert "No trades" in text and "Sharpe" not in text and "rr 41" in text


def test_dividends_stand_beside_the_net_result_and_in_the_costs_of_a_run_that_had_some(view):
    paid = replace(view, metrics=view.metrics | {"dividends_usd": -1234.4})
    said = "with dividends of \u22121,234 USD"
    assert said in " ".join(printed(paid, 160).split()) and "dividends" not in printed(view)
    assert costs(paid.metrics, "USD")[0][2].endswith(said) and "dividends" not in str(costs(view.metrics, "USD"))
    assert "dividends_usd" in dict(definitions(paid.metrics))


def titles(view, **metrics):
    return {doubt.title for doubt in doubts(replace(view, metrics=view.metrics | metrics))}


def test_doubts_follow_what_was_measured(view):
    assert {"Synthetic data", "Short window", "One regime", "One fill rule"} <= titles(view)
    assert "Very few trades" in titles(view, trades=29) and "Few trades" in titles(view, trades=99)
    assert not {"Very few trades", "Few trades"} & titles(view, trades=100)
    assert "Short window" not in titles(view, years=1.0) and "One regime" not in titles(view, market_phases=2)
    assert "Ambiguous fills" in titles(view, ambiguous_share=0.02) and "Ambiguous fills" not in titles(view, ambiguous_share=0.01)
    assert "Five trades made it" in titles(view, net_usd=10.0, net_without_top5_usd=-1.0)
    assert "The Sharpe ratio may be nothing" not in titles(view, intervals={"sharpe": [0.1, 2.0]})
    assert "Record too short" in titles(view, min_track_record_sessions=1e6) and "Costs eat the edge" in titles(view, cost_share_gross=0.6)


def test_a_tripped_breaker_is_said_with_its_moment(view):
    record = {"kind": "BREAKER", "ts": 1_386_201_600_000_000_000, "body": {"breaker": "data", "state": "OPEN"}}
    found = [doubt for doubt in doubts(replace(view, breakers=[record])) if doubt.title == "A breaker tripped"]
    assert found and "data opened at 2013-12-05 00:00 UTC" in found[0].text


def test_each_year_has_its_months_and_its_own_return():
    rows = [{"month": "2024-01", "net_usd": 100.0, "return": 0.1, "trades": 2}, {"month": "2024-03", "net_usd": -50.0, "return": -0.05, "trades": 1}]
    (year,) = months(rows, [{"year": "2024", "net_usd": 50.0, "return": 0.045, "trades": 3}])
    assert (year["total"], year["net"], year["trades"]) == (0.045, 50.0, 3)
    assert [cell["text"] for cell in year["cells"][:3]] == ["10.00", "", "\u22125.00"]
    assert (year["cells"][0]["heat"], year["cells"][2]["heat"]) == ("hp3", "hn2")


def test_settings_are_written_as_an_outline():
    assert outline({"b": [1, 2], "a": {"x": None, "y": {}}}) == "a:\n  x: none\n  y: none\nb:\n  - 1\n  - 2"


def rows_of(content):
    return list(csv.DictReader(io.StringIO(content.decode())))


def test_csv_holds_every_trade_with_iso_moments(view):
    found = sheets(view)
    assert set(found) == {"trade_log.csv", "trades.csv", "equity.csv", "metrics.csv", "monthly.csv", "refusals.csv", "turned_down.csv", "groups.csv"}
    trades = rows_of(found["trades.csv"])
    assert len(trades) == view.trades.height and trades[0]["entry_utc"].startswith("2013-12-04T") and trades[0]["entry_utc"].endswith("Z")
    assert float(trades[0]["net_usd"]) == view.trades["net_usd"][0] and trades[0]["target2"] == ""
    assert {row["figure"]: row["value"] for row in rows_of(found["metrics.csv"])}["trades"] == f"{float(view.trades.height)}"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\n=1", "\n \t-1", "\u00a0+1", "\u200b@A",
                                  "＝1+1", "＋1", " －1", "＠SUM(A1)"])
def test_csv_text_is_never_a_formula(tmp_path, text):
    found = sheets(read_run(make_run(tmp_path, sessions=20, text=text)[0]))
    assert all(row["label"] == "'" + text for row in rows_of(found["trades.csv"]))
    assert any(row["gate"] == "'" + text for row in rows_of(found["refusals.csv"]))


def test_csv_of_a_run_without_trades_has_its_headings(tmp_path):
    found = sheets(read_run(make_run(tmp_path, sessions=20, a_session=0)[0]))
    assert found["trades.csv"].decode().startswith("trade_id,setup_id") and len(rows_of(found["trades.csv"])) == 0


def breaker(name, state, ts):
    return {"kind": "BREAKER", "ts": ts, "body": {"breaker": name, "from": "CLOSED", "to": state}}


def test_breakers_are_counted_each_with_its_first_opening(view):
    day = 86_400_000_000_000
    records = [breaker("data", "OPEN", 16_044 * day), breaker("data", "HALF_OPEN", 16_045 * day), breaker("equity", "OPEN", 16_046 * day),
               breaker("data", "OPEN", 16_047 * day)]
    found = {doubt.title: doubt.text for doubt in doubts(replace(view, breakers=records))}
    assert found["Breakers tripped 3 times"] == "data opened 2 times, first at 2013-12-05 00:00 UTC; equity opened at 2013-12-07 00:00 UTC."


def test_a_best_day_or_five_best_trades_are_a_doubt_from_ten_on(view):
    made = {"net_usd": 10.0, "net_without_top5_usd": -1.0, "net_without_best_day_usd": -1.0}
    few = replace(view, trades=view.trades.head(9))
    assert not {"Five trades made it", "One day made it"} & titles(few, **made, trades=9)
    assert {"Five trades made it", "One day made it"} <= titles(view, **made)
    one_day = replace(view, trades=view.trades.with_columns(session_date=pl.lit(20131205, pl.Int32)))
    assert "One day made it" not in titles(one_day, **made) and "Five trades made it" in titles(one_day, **made)


def test_missing_sessions_are_a_doubt_serious_from_one_in_a_hundred_on(view):
    def level(missing):
        found = doubts(replace(view, metrics=view.metrics | {"missing_sessions": missing, "expected_sessions": 200}))
        return {doubt.title: doubt.level for doubt in found}.get(f"{missing} of 200 sessions have no bars")

    assert (level(0), level(2), level(3)) == (None, "note", "serious")


def test_doubts_are_handed_to_programs_serious_ones_first(view):
    found = doubts_json(view)
    assert [set(doubt) for doubt in found] == [{"level", "title", "text"}] * len(found) and len(found) == len(doubts(view))
    levels = [doubt["level"] for doubt in found]
    assert levels == sorted(levels, key=lambda level: level != "serious") and json.loads(json.dumps(found)) == found


def test_under_ten_trades_the_ratios_are_a_dash_with_the_reason(tmp_path):
    few = read_run(make_run(tmp_path, sessions=60, a_session=0.1)[0])
    assert 0 < few.trades.height < 10
    cards = {card["name"]: card for card in headline(few)}
    for name in ("Sharpe ratio, a year", "Profit factor"):
        assert cards[name]["value"] == MISSING and cards[name]["interval"] == f"{few.trades.height} trades; shown from 10 on"


def test_an_equity_breaker_that_stayed_open_says_since_when_and_for_what_part_of_the_window(view):
    ends = view.equity.filter(pl.col("kind") == "session")["ts"].to_list()
    settings = view.manifest["settings"] | {"desks": {"futures-smc": {"risk": "futures_intraday"}},
                                            "risk_policies": {"futures_intraday": {"breakers": {"auto_ack_days": 0}}}}
    shut = replace(view, breakers=[breaker("equity", "OPEN", ends[44])], manifest=view.manifest | {"settings": settings})
    found = {doubt.title: doubt.text for doubt in doubts(shut)}
    assert "A breaker tripped" not in found
    words = found["The equity breaker stayed open"]
    for part in ("no trade was begun since, in 15 of 60 sessions, 25.0 % of the window", "speak of all sessions",
                 "risk_policies.futures_intraday.breakers.auto_ack_days (0)"):
        assert part in words
    again = replace(shut, breakers=[*shut.breakers, breaker("equity", "HALF_OPEN", ends[50])])
    assert "The equity breaker stayed open" not in {doubt.title for doubt in doubts(again)}


def test_a_symbol_that_lacks_sessions_is_named_with_their_number(view):
    whole, thin = ({"sessions_with_bars": 2769 - lost, "expected_sessions": 2769, "missing_sessions": lost} for lost in (0, 307))
    told = doubts(replace(view, metrics=view.metrics | {"symbols": {"SPY": whole, "QQQ": thin}}))
    found = [doubt for doubt in told if doubt.title == "Symbols lack sessions"]
    assert found[0].level == "serious" and found[0].text.startswith("QQQ 307 of 2,769: ")
    assert "Symbols lack sessions" not in titles(view, symbols={"SPY": whole, "AAPL": whole})


def sized(run, told):
    """A journal with one round after the verdict for each trade: what sizing, exposure and tail risk said of it."""
    lines = []
    for setup, (quantity, *codes) in zip(read_run(run).trades["setup_id"].to_list(), told, strict=False):
        gates = [[name, True, quantity, 1.0, code] for name, code in zip(("sizing", "exposure", "tail_risk"), codes, strict=True)]
        body = {"setup_id": setup, "symbol": "ES", "stage": "after", "gates": gates}
        lines.append(json.dumps({"body": body, "kind": "GATES", "seq": 0, "ts": 0}, separators=(",", ":")))
    (run / "journal.jsonl").write_text("\n".join(lines) + "\n")


def with_limits(view, **limits):
    settings = view.manifest["settings"] | {"desks": {view.manifest["desk"]: {"risk": "own"}}, "risk_policies": {"own": {"limits": limits}}}
    return replace(view, manifest=view.manifest | {"settings": settings})


def test_sizes_that_limits_cut_are_told_with_the_limits_and_overlays_that_every_trade_has_are_not(tmp_path):
    run, _ = make_run(tmp_path, sessions=30)
    count = read_run(run).trades.height
    sized(run, [(4.0, "REDUCED", "REDUCED", "OK"), (4.0, "R_CAPPED", "OK", "INSUFFICIENT"), (9.0, "OK", "OK", "OK"),
                *[(4.0, "REDUCED", "OK", "OK")] * (count - 3)])
    view = with_limits(read_run(run), sizing="futures", max_quantity=9.0)
    found = [doubt for doubt in doubts(view) if doubt.title.startswith("Limits cut the size")]
    assert found[0].level == "note" and found[0].text.startswith(f"In 3 of {count} trades ")
    assert ": largest risk of a trade 1, largest quantity 1, exposure 1, tail risk 1. In the median" in found[0].text
    sized(run, [(4.0, "REDUCED", "OK", "OK")] * count)
    assert not [doubt for doubt in doubts(with_limits(read_run(run), sizing="futures", max_quantity=9.0)) if doubt.title.startswith("Limits cut")]


@pytest.mark.parametrize(("quantity", "limits", "by"), [
    (249.0, {}, ["value of a symbol"]),                       # 250 at 100 are the 25 % of 100,000
    (120.0, {}, []),                                          # half of it: the overlays' doing
    (400.0, {"max_symbol_notional": 0.9}, []),
    (899.0, {"max_symbol_notional": 0.9}, ["value of a symbol"]),
    (995.0, {"max_symbol_notional": 3.0}, ["cash"]),
    (995.0, {"max_symbol_notional": 3.0, "cash_only": False}, [])])
def test_a_size_in_shares_is_bound_by_what_one_lot_more_would_come_to(tmp_path, quantity, limits, by):
    run, _ = make_run(tmp_path, sessions=5)
    sized(run, [(quantity, "REDUCED", "OK", "OK")])
    view = with_limits(read_run(run), **({"sizing": "shares", "max_quantity": 1000.0, "max_symbol_notional": 0.25, "cash_only": True} | limits))
    share = {**view.instruments["ES"], "lot_step": 1.0, "point_value": 1.0}
    view = replace(view, manifest=view.manifest | {"settings": view.manifest["settings"] | {"instruments": {"ES": share}}})
    one = view.trades.head(1).with_columns(entry_price=pl.lit(100.0), rate=pl.lit(1.0), ts_setup=pl.lit(0))
    found = cuts(replace(view, trades=one))
    assert list(found.values()) == ([by] if by else [])
