"""What the chart of a trade shows, which trades have one, and what it costs."""

import json

import numpy as np
import polars as pl
import pytest

from pse.reports.candles import LAST, SOME, charted
from pse.reports.drawn import drawn
from pse.reports.html import _fact, render, write_report
from pse.reports.lives import lives
from pse.reports.view import read_run
from tests.reports.make_run import make_run
from tests.reports.test_html import packed


def results(*r_net):
    return pl.DataFrame({"r_net": [*r_net]}, schema={"r_net": pl.Float64})


def test_every_trade_has_a_chart_up_to_two_thousand_and_then_the_best_the_worst_and_the_last():
    assert charted(results(*range(SOME)), "some").size == SOME and charted(results(*range(SOME + 1)), "all").size == SOME + 1
    assert charted(results(1.0, 2.0), "none").size == 0
    random = np.random.default_rng(3)
    r = random.normal(size=6_000)
    r[17] = np.nan
    rows = charted(results(*r), "some")
    assert rows.size == SOME and (np.diff(rows) > 0).all() and set(range(6_000 - LAST, 6_000)) <= set(rows.tolist())
    before, half = r[:-LAST], (SOME - LAST) // 2
    best, worst = np.sort(before[np.isfinite(before)])[-half], np.sort(before[np.isfinite(before)])[half - 1]
    kept = set(rows.tolist())
    assert all(i in kept for i in np.flatnonzero((before >= best) | (before <= worst))) and 17 not in kept


def test_zones_gaps_and_levels_of_any_tactic_are_drawn_where_they_name_prices_near_the_entry():
    assert drawn({"poi": [101.0, 100.5]}, 100.0) == [["point of interest", 100.5, 101.0, None]]
    zone = {"pattern": "DBR", "proximal": 51.93, "distal": 51.75, "base_from": 1_700_000_000_000_000_000}
    assert drawn(zone, 51.93) == [["zone DBR", 51.75, 51.93, 1_700_000_000]]
    assert drawn({"swept": {"level": 99.0, "extreme": 98.5, "priority": 0.8}}, 100.0) == [["swept level", 99.0, 99.0, None], ["sweep", 98.5, 98.5, None]]
    assert drawn({"gap": True, "level": "PDH", "poi": [1, "x"], "swept": None, "break_level": 10_000.0, "gap_top": 100.0}, 100.0) == []


def test_moments_in_the_evidence_are_told_as_times_and_numbers_as_numbers():
    assert _fact(1_674_543_600_000_000_000) == "2023-01-24T07:00:00Z" and _fact(4622) == "4622" and _fact(0.5) == "0.5"


def line(kind, ts, **body):
    return json.dumps({"body": body, "hash": "1" * 64, "kind": kind, "prev": "0" * 64, "seq": 1, "ts": ts}, separators=(",", ":")) + "\n"


def test_the_life_of_a_plan_is_its_stops_and_fills_in_order(tmp_path):
    path = tmp_path / "journal.jsonl"
    path.write_text("".join((
        line("PLAN", 10, plan_id="p", stop=99.0, state="ARMED"), line("FILL", 20, plan_id="p", price=100.0, quantity=2.0, leg="ENTRY"),
        line("PLAN", 30, plan_id="p", stop=100.0, state="OPEN"), line("PLAN", 31, plan_id="p", stop=100.0, state="OPEN"),
        line("PLAN", 32, plan_id="q", stop=1.0),
        line("FILL", 40, plan_id="p", price=103.0, quantity=1.0, leg="TARGET1"), line("FILL", 50, plan_id="p", price=100.0, quantity=1.0, leg="STOP"))))
    found = lives(path, {"p"})
    assert set(found) == {"p"} and found["p"].stops == [(10, 99.0), (30, 100.0)]
    assert found["p"].fills == [(20, 100.0, 2.0, "ENTRY"), (40, 103.0, 1.0, "TARGET1"), (50, 100.0, 1.0, "STOP")]
    assert lives(tmp_path / "none.jsonl", {"p"}) == {}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("run"), sessions=80, a_session=3.0)


def test_a_chart_costs_under_a_kilobyte_a_trade_and_none_are_kept_where_none_are_wanted(run, tmp_path):
    folder, bars = run
    loaders = {"all": lambda s, a, e: bars.between(a, e), "some": lambda s, a, e: bars.between(a, e), "none": None}
    sizes = {which: len(render(read_run(folder), loader, which)) for which, loader in loaders.items()}
    count = read_run(folder).trades.height
    assert sizes["all"] == sizes["some"] and (sizes["all"] - sizes["none"]) / count < 1_000 and count > 150
    page = write_report(folder, None, tmp_path / "none.html", "none").read_text("utf-8")
    assert "candles are kept for no trade" in page and packed(page)["evidence"] == {}


def test_the_page_holds_the_steps_of_the_stop_and_the_exits_of_a_trade(run, tmp_path):
    folder, bars = run
    trade = read_run(folder).trades.row(0, named=True)
    with open(folder / "journal.jsonl", "a") as file:
        at, plan = trade["ts_entry"], trade["plan_id"]
        for i, stop in enumerate((trade["stop_initial"], trade["entry_price"])):
            file.write(line("PLAN", at + i * 60 * 10**9, plan_id=plan, stop=stop))
        file.write(line("FILL", at, plan_id=plan, price=trade["entry_price"], quantity=2.0, leg="ENTRY"))
        for leg in ("TARGET1", "STOP"):
            file.write(line("FILL", trade["ts_exit"], plan_id=plan, price=trade["exit_price"], quantity=1.0, leg=leg))
    data = packed(render(read_run(folder), lambda s, a, e: bars.between(a, e)))
    assert data["lives"]["0"] == {"decided": trade["ts_setup"] // 10**9, "stops": [[at // 10**9 + 60, trade["entry_price"]]],
                                  "exits": [[trade["ts_exit"] // 10**9, trade["exit_price"], leg] for leg in ("TARGET1", "STOP")], "gapped": False}
    assert data["evidence"]["0"]["boxes"] == [["gap", 1799.0, 1800.0, None], ["broken level", 1800.25, 1800.25, None]]
    assert data["ends"]["SL"] == "The first stop was hit." and set(data["lives"]) == {str(i) for i in range(read_run(folder).trades.height)}
