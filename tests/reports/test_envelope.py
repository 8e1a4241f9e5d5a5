"""What people read of a run's envelope: the doubts, the table in the terminal, the section of the page."""

from __future__ import annotations

import io

import polars as pl
import pytest
from rich.console import Console

from pse.reports import envelope
from pse.reports.doubts import doubts
from pse.reports.view import RunView
from pse.research.envelope import RULES
from pse.research.trade_stats import EQUITY_SCHEMA, TRADE_SCHEMA


def rule(net: float, lower: float) -> dict:
    return {"trades": 40, "net_usd": net, "expectancy_r": net / 1000, "sharpe": 1.0, "max_drawdown": -0.1, "ambiguous_share": 0.02,
            "intervals": {"expectancy_r": [lower, 1.0]}, "break_even": {"usd": net / 40, "ticks": 1.0, "bp": 0.5}}


@pytest.fixture
def view(tmp_path) -> RunView:
    rules = {"pessimistic": rule(-400.0, -0.5), "conservative": rule(800.0, -0.1), "drill": rule(900.0, 0.1), "optimistic": rule(2000.0, 0.5)}
    section = {
        "rules": rules, "fragile": ["net_usd", "expectancy_r_lower"], "break_even": rules["pessimistic"]["break_even"],
        "verdict": {"rule": "pessimistic", "why": "finer bars are few", "net_usd": -400.0, "expectancy_r": -0.4},
        "trades": {"any": 50, "all": 38, "same_entry": 30, "only_some": 12, "differ": 5, "out_of_order": 1, "low_r": -0.1, "high_r": 0.3},
        "drill": {"said": "Finer bars make 60.0 % of the desk's bars."}}
    row = {"setup_id": "a", "symbol": "ES", "tactic": "sweep_reversal", "direction": "LONG", "ts_setup": 1_700_000_000_000_000_000, "only": "optimistic",
           "out_of_order": False} | {f"{name}_{key}": None for name in RULES for key in ("r", "ts_entry")}
    pl.DataFrame([row | {"optimistic_r": 1.5, "optimistic_ts_entry": 1}], infer_schema_length=None).write_parquet(tmp_path / "envelope.parquet")
    pl.DataFrame([{"rule": name, "session_date": 20230103 + day, "equity_usd": 100.0 + day} for name in RULES for day in range(3)]).write_parquet(
        tmp_path / "envelope_equity.parquet")
    metrics = {"trades": 40, "sessions": 300, "years": 1.2, "ambiguous_share": 0.02, "envelope": section}
    (tmp_path / "journal.jsonl").write_text("")
    return RunView(tmp_path, {"settings": {"account": {"currency": "USD"}}}, metrics, pl.DataFrame(schema=TRADE_SCHEMA), pl.DataFrame(schema=EQUITY_SCHEMA))


def test_a_result_whose_sign_hangs_on_the_rule_is_called_fragile_with_every_figure(view):
    found = {doubt.title: doubt for doubt in doubts(view)}
    assert found["FRAGILE"].level == "serious" and "pessimistic −400, conservative 800, drill 900, optimistic 2,000" in found["FRAGILE"].text
    assert "the sign of the net result and whether the lower bound" in found["FRAGILE"].text
    assert "−400 USD" in found["The pessimistic rule loses"].text and "12 of 50" in found["Many trades hang on the fill rule"].text
    assert "judged by the pessimistic rule" in found["Ambiguous fills"].text and "One fill rule" not in found


@pytest.mark.parametrize("width", [100, 50])
def test_the_terminal_tells_every_rule_and_who_judges(view, width):
    out = io.StringIO()
    envelope.show(Console(file=out, width=width), view)
    told = " ".join(out.getvalue().split())
    assert all(name in told for name in RULES) and "Judged by the pessimistic rule" in told and "had each round turn gained 10.00 USD more" in told
    assert "12 under some rules only" in told and "60.0 %" in told


def test_the_page_lists_what_only_some_rules_enter_and_draws_the_bounds(view):
    part = envelope.page_part(view)
    assert part["rules"] == ["pessimistic", "conservative", "drill", "optimistic"] and part["apart_count"] == 1
    assert part["apart"][0]["results"] == ["–", "–", "–", "+1.50 R"] and [row["judges"] for row in part["rows"]] == [True, False, False, False]
    assert all(picture.startswith("<svg") for picture in envelope.pictures(view).values())


def test_a_run_under_one_rule_has_nothing_to_show(view, tmp_path):
    bare = RunView(tmp_path, {}, {"trades": 3}, view.trades, view.equity)
    assert envelope.page_part(bare) is None and envelope.pictures(bare) == {} and "One fill rule" in {doubt.title for doubt in doubts(bare)}
