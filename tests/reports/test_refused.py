"""Refused setups on the page, in the terminal and as CSV: what was measured against what was allowed."""

import csv
import html
import io
import json
from dataclasses import replace

import polars as pl
import pytest
from rich.console import Console

from pse.reports.cuts import cost_of_a_stop
from pse.reports.doubts import doubts
from pse.reports.html import render
from pse.reports.lives import lives
from pse.reports.refused import SCHEMA, by_gate, said
from pse.reports.refused import told as told_by
from pse.reports.sections import no_trades
from pse.reports.sheets import sheets
from pse.reports.summary import show_summary
from pse.reports.view import read_run
from tests.reports.make_run import REASONS, make_run


def journal(path, records):
    """A journal of (kind, body) records, without its chain."""
    lines = [{"seq": i, "ts": 60_000_000_000 * i, "kind": kind, "body": body, "prev": "0" * 64, "hash": "1" * 64} for i, (kind, body) in enumerate(records)]
    path.write_text("".join(json.dumps(line, sort_keys=True, separators=(",", ":")) + "\n" for line in lines))
    return path


def setup(name, direction="LONG"):
    return "SETUP", {"setup_id": name, "tactic": "sweep_reversal", "direction": direction, "evidence": {"direction": "SHORT"}}


def gates(name, *said, stage="before"):
    return "GATES", {"setup_id": name, "symbol": "ES", "stage": stage, "gates": [list(gate) for gate in said]}


OK = ("data", True, 0.0, 660.0, "OK")


def by_gates(path):
    return told_by(path).turned_down.filter(pl.col("by") == "gate").select(*SCHEMA)


def test_the_last_round_decides_and_its_first_no_is_the_gate(tmp_path):
    path = journal(tmp_path / "journal.jsonl", [
        setup("a"), gates("a", OK, ("expected_value", False, -0.5, 0.07, "EV"), ("cooldown", False, 2.0, 15.0, "COOLDOWN")),
        setup("b", "SHORT"), gates("b", OK), gates("b", ("sizing", False, 0.4, 1.0, "SIZE_ZERO"), stage="after"), gates("b", OK, stage="after"),
        setup("c"), gates("c", OK), gates("c", ("bracket", False, None, 0.15, "SLIPPAGE"), stage="activation")])
    assert by_gates(path).rows() == [
        (60_000_000_000, "ES", "sweep_reversal", "LONG", "expected_value", -0.5, 0.07, "EV"),
        (480_000_000_000, "ES", "sweep_reversal", "LONG", "bracket", None, 0.15, "SLIPPAGE")]


def test_a_gate_tells_each_of_its_reasons_with_median_and_unit(tmp_path):
    measured = (-4.8, -4.7, 0.01, -4.79, -9.0)
    path = journal(tmp_path / "journal.jsonl", [
        *(gates(f"e{i}", ("expected_value", False, value, 0.07, "EV")) for i, value in enumerate(measured)),
        *(gates(f"s{i}", ("session", False, 200.0, 15.0, "BUSY")) for i in range(2)), gates("s9", ("session", False, 5.0, 15.0, "SESSION_END")),
        gates("x", ("exposure", False, 6.5, 5.0, "EXPOSURE")), gates("l", ("cooldown", False, 3.0, 3.0, "LOSS_STREAK"))])
    told = {gate: found.words for gate, found in by_gate(by_gates(path)).items()}
    assert told == {"expected_value": "expected_value 5 (median −4.79, needs 0.07 R)",
                    "session": "session 3: busy 2, session end 1 (median 5.00, needs 15.00 min)",
                    "exposure": "exposure 1 (median 6.50, at most 5.00 times equity)", "cooldown": "cooldown 1 (median 3.00, limit 3.00 losses)"}


def test_a_refusal_by_a_state_is_told_in_words(tmp_path):
    """Codes of the words: RANGE 6; TREND_UP 4 and TRANSITION 7 are 2**4 + 2**7; OVERBOUGHT 3, NEUTRAL 1; no state at all is 0."""
    path = journal(tmp_path / "journal.jsonl", [
        setup("a"), gates("a", ("session", False, 6.0, 144.0, "MCS")), gates("b", ("session", False, 6.0, 144.0, "MCS")),
        gates("c", ("session", False, 0.0, 144.0, "MCS")), gates("d", ("directional", False, 3.0, 2.0, "RSI")),
        gates("e", ("directional", False, 3.0, 0.0, "MACD"))])
    rows = by_gates(path)
    assert by_gate(rows)["session"].words == "session 3 (mostly RANGE, allowed: TREND_UP, TRANSITION)"
    assert [said(code, measured, allowed) for measured, allowed, code in rows.select("measured", "allowed", "code").rows()] == [
        ("RANGE", "TREND_UP, TRANSITION"), ("RANGE", "TREND_UP, TRANSITION"), ("UNKNOWN", "TREND_UP, TRANSITION"), ("OVERBOUGHT", "NEUTRAL"),
        ("BEARISH_EXPANDING", "none")]
    assert said("MCS", 99.0, 1.0) == ("99.00", "1.00") and said("RR", 1.2, 1.5) == ("1.20", "1.50")


def test_a_run_without_a_journal_has_no_refused_setups(tmp_path):
    assert told_by(tmp_path / "journal.jsonl").turned_down.height == 0


@pytest.fixture(scope="module")
def view(tmp_path_factory):
    run, _ = make_run(tmp_path_factory.mktemp("run"), sessions=25, a_session=0.2)
    return read_run(run)


def test_the_terminal_says_count_median_and_bound(view):
    out = io.StringIO()
    show_summary(Console(file=out, width=200), view)
    assert "rr 41 (median 1.20, needs 1.50 R), ev 27 (median 1.13, needs 1.50 R)" in out.getvalue()      # k-th: 1 + k/100


def test_the_page_and_the_csv_hold_every_refused_setup(view):
    page = render(view, None)
    assert page.count("<td>mss_fvg_retest</td><td>LONG</td>") == sum(REASONS["count"]) and "92 setups, each with" in page
    rows = list(csv.DictReader(io.StringIO(sheets(view)["refusals.csv"].decode())))
    assert len(rows) == 92 and rows[0] == {"utc": "2013-12-04T00:00:00Z", "symbol": "ES", "tactic": "mss_fvg_retest", "direction": "LONG",
                                           "gate": "rr", "measured": "1.0", "allowed": "1.5", "code": "RR"}


def test_the_page_keeps_the_first_three_hundred_and_tells_the_count(tmp_path):
    run, _ = make_run(tmp_path, sessions=2, a_session=0)
    journal(run / "journal.jsonl", [gates(f"s{i}", ("rr", False, 1.0, 1.5, "RR")) for i in range(301)])
    page = render(read_run(run), None)
    assert page.count("<td>rr</td>") == 300 and "The first 300 of 301 setups" in page


def test_words_of_others_in_a_refused_setup_are_text(tmp_path):
    text = "<script>alert(1)</script>"
    run, _ = make_run(tmp_path, sessions=5, a_session=0, text=text)
    page = render(read_run(run), None)
    assert text not in page and "&lt;script&gt;alert(1)&lt;/script&gt;</td>" in page


def test_measured_and_allowed_have_digits_enough_to_differ(tmp_path):
    path = journal(tmp_path / "journal.jsonl", [gates("a", ("tail_risk", False, 0.0202, 0.02, "VAR"))])
    assert by_gate(by_gates(path))["tail_risk"].words == "tail_risk 1 (median 0.0202, at most 0.0200 of equity)"
    assert said("VAR", 0.02, 0.02) == ("0.02", "0.02") and said("VAR", 0.020004, 0.02) == ("0.020004", "0.020000")


def test_a_desk_of_open_calls_alone_is_told_that_rules_have_no_opinion(tmp_path):
    run, _ = make_run(tmp_path, sessions=5, a_session=0)
    view = read_run(run)
    assert "most often rr (41)" in no_trades(view) and "open_call" not in no_trades(view)
    desk = {"desks": {"futures-smc": {"tactics": {"open_call": {}}}}}
    only = replace(view, manifest=view.manifest | {"settings": view.manifest["settings"] | desk})
    out = io.StringIO()
    show_summary(Console(file=out, width=400), only)
    for text in (no_trades(only), out.getvalue(), html.unescape(render(only, None))):
        assert "most often rr (41)" in text and "rules have none of their own" in text
    assert "rules have none" not in no_trades(replace(only, manifest=only.manifest | {"decide": "llm"}))


def test_costs_beyond_half_a_stop_are_a_doubt_with_their_size(tmp_path):
    """A fee of 25 basis points a side at 40,000 is 200 points in and out, 100 ticks of 0.01 are 1 point: 201 of a stop of 100 points is 2.01 R."""
    run, _ = make_run(tmp_path, sessions=5, a_session=0)
    crypto = {"tick": 0.01, "point_value": 1.0, "slippage_ticks": 100.0, "fees": {"basis_points": 25.0, "per_unit": 0.0}}
    told = "SETUP", {"setup_id": "a", "tactic": "breakout", "direction": "LONG", "entry": 40_000.0, "stop": 39_900.0}
    journal(run / "journal.jsonl", [told, gates("a", ("expected_value", False, -1.7, 0.07, "EV"))])
    view = read_run(run)
    dear = replace(view, manifest=view.manifest | {"settings": view.manifest["settings"] | {"instruments": {"ES": crypto}}})
    found = {doubt.title: doubt.text for doubt in doubts(dear)}
    assert found["Costs are large beside the stops"].startswith("Fees and slippage are 2.01 R of a typical stop here: the median over the 1 setup ")
    cheap = crypto | {"fees": {"basis_points": 2.5, "per_unit": 0.0}}
    other = replace(view, manifest=view.manifest | {"settings": view.manifest["settings"] | {"instruments": {"ES": cheap}}})
    assert "Costs are large beside the stops" not in {doubt.title for doubt in doubts(other)}


def test_the_costs_of_a_stop_know_the_least_fee_of_an_order_and_every_part_of_slippage(tmp_path):
    """Of 50 shares at 100 with a stop 2 away: 5 at least an order is 0.10 a share, in and out 0.20; 10 ticks of 0.01 and a tenth of a range of 3 are 0.40 in
    all, and a policy that doubles slippage makes that 0.80: 1.00 of 2 points.  Of 1,000 the least of 5 is less than 0.01 a share: 0.02 and 0.80.
    """
    run, _ = make_run(tmp_path, sessions=5, a_session=0)
    share = {"tick": 0.01, "point_value": 1.0, "slippage_ticks": 10.0, "slippage": {"volatility_share": 0.1}, "fees": {"per_unit": 0.01, "minimum": 5.0}}
    told = "SETUP", {"setup_id": "a", "tactic": "breakout", "direction": "LONG", "entry": 100.0, "stop": 98.0, "evidence": {"atr": 3.0}}
    no = ("expected_value", False, -1.7, 0.07, "EV")
    journal(run / "journal.jsonl", [told, gates("a", ("sizing", True, 50.0, 1.0, "OK"), no, stage="after")])
    small = read_run(run)
    own = {"desks": {small.manifest["desk"]: {"fills": "own", "risk": "own"}}, "fills": {"own": {"slippage_factor": 2.0}},
           "risk_policies": {"own": {"limits": {"max_quantity": 1000.0}}}, "instruments": {"ES": share}}
    manifest = small.manifest | {"settings": small.manifest["settings"] | own}
    assert cost_of_a_stop(replace(small, manifest=manifest)) == pytest.approx(0.5)
    journal(run / "journal.jsonl", [told, gates("a", no)])
    assert cost_of_a_stop(replace(read_run(run), manifest=manifest)) == pytest.approx(0.41)


def test_a_stop_that_was_gapped_through_says_so(tmp_path):
    fills = [("FILL", {"plan_id": plan, "leg": leg, "kind": kind, "price": 1.0, "quantity": 1.0})
             for plan, leg, kind in (("a", "ENTRY", "LIMIT"), ("a", "STOP", "GAP"), ("b", "ENTRY", "GAP"), ("b", "STOP", "STOP"))]
    found = lives(journal(tmp_path / "journal.jsonl", fills), {"a", "b"})
    assert (found["a"].gapped, found["b"].gapped) == (True, False)
