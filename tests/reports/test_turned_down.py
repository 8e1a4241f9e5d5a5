"""Setups that came to nothing: the figures of a run and its journal tell the same, a setup once, in words."""

import json
from collections import Counter

import numpy as np
import pytest

from pse.engine.outcome import Outcome, _last_words
from pse.kernels import codes as c
from pse.kernels.state import EVENT_DTYPE
from pse.reports.html import render
from pse.reports.refused import told as told_by
from pse.reports.sections import turned_down as by_tactic
from pse.reports.view import read_run
from tests.engine.made import Shape, batches, journal_lines, made, state_of
from tests.reports.make_run import make_run


@pytest.mark.parametrize("symbols", [("ES",), ("ES", "NQ", "RTY")])
def test_the_journal_and_the_figures_of_a_run_count_the_same(tmp_path, symbols):
    seen = Counter()
    for seed in range(8):
        prepared = made(seed, Shape(500, 40, symbols))
        found = list(batches(prepared, state=state_of(prepared, 20_000.0)))
        path = tmp_path / f"{seed}.jsonl"
        lines = [{"body": body, "hash": "1" * 64, "kind": kind, "prev": "0" * 64, "seq": i, "ts": ts}
                 for i, (kind, ts, body) in enumerate(journal_lines(found))]
        path.write_text("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines))
        outcome = Outcome()
        for batch in found:
            outcome.take(batch)
        rows = told_by(path).turned_down
        told = Counter(rows.select("tactic", "by", "gate", "code").rows())
        assert told == {tuple(row[name] for name in ("tactic", "by", "gate", "reason")): row["count"] for row in outcome.turned_down()}
        seen.update(rows["by"].to_list())
        gone = {body["setup_id"] for kind, _, body in journal_lines(found) if kind == "PASSED_OVER"}
        assert rows.height >= len(gone)
        assert_each_setup_has_one_fate(rows["tactic"].to_list(), journal_lines(found))
    assert {"gate", "selection", "order"} <= set(seen)


def assert_each_setup_has_one_fate(turned, lines):
    """Turned down, entered, or still waiting for its fill when the bars end: by tactic they add up to the setups that were told."""
    told = Counter(body["tactic"] for kind, _, body in lines if kind == "SETUP" and body["kind"] == "ENTER")
    told += Counter(body["tactic"] for kind, _, body in lines if kind == "PASSED_OVER" and body.get("by") == "tactic")
    tactics = {body["setup_id"]: body["tactic"] for kind, _, body in lines if kind == "SETUP"}
    entries = [(body["setup_id"], body["action"]) for kind, _, body in lines if kind == "ORDER" and body["leg"] == "ENTRY"]
    ended = {setup for setup, action in entries if action == "CANCEL"}
    taken = {setup for setup, action in entries if action == "NEW"} - ended
    assert Counter(turned) + Counter(tactics[setup] for setup in taken) == told


def test_a_setup_that_was_judged_and_then_superseded_counts_once_under_the_last_word(tmp_path):
    bodies = [("SETUP", {"setup_id": "a", "tactic": "open_call", "direction": "LONG", "kind": "ENTER"}),
              ("DECISION", {"setup_id": "a", "symbol": "ES", "tactic": "open_call", "decision": "HOLD", "reason": "HOLD"}),
              ("PASSED_OVER", {"setup_id": "a", "symbol": "ES", "tactic": "open_call", "by": "selection", "reason": "SUPERSEDED"})]
    lines = [{"body": body, "kind": kind, "prev": "0" * 64, "seq": i, "ts": i} for i, (kind, body) in enumerate(bodies)]
    (tmp_path / "journal.jsonl").write_text("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines))
    assert told_by(tmp_path / "journal.jsonl").turned_down.select("tactic", "by", "code").rows() == [("open_call", "selection", "SUPERSEDED")]
    events = np.zeros(4, EVENT_DTYPE)
    events["setup"] = 7, 7, 8, 9
    events["kind"] = c.E_DECISION, c.E_PASSED_OVER, c.E_DECISION, c.E_DECISION
    events["i"] = c.HOLD, 0, c.HOLD, c.APPROVE
    events["code"] = c.R_HOLD, c.R_SUPERSEDED, c.R_HOLD, c.R_OK
    assert _last_words(events)[["setup", "code"]].tolist() == [(7, c.R_SUPERSEDED), (8, c.R_HOLD)]


def test_the_page_tells_each_tactic_its_reasons_in_words(tmp_path):
    run, _ = make_run(tmp_path, sessions=10)
    rows = [{"tactic": "sweep_reversal", "by": "selection", "gate": "", "reason": "SAME_IDEA", "count": 4},
            {"tactic": "sweep_reversal", "by": "gate", "gate": "cooldown", "reason": "WAITING", "count": 7},
            {"tactic": "trend_following", "by": "tactic", "gate": "", "reason": "NOT_CHOSEN", "count": 1200},
            {"tactic": "trend_following", "by": "selection", "gate": "", "reason": "CONFLICT", "count": 2},
            {"tactic": "trend_following", "by": "selection", "gate": "", "reason": "SUPERSEDED", "count": 3}]
    view = read_run(run)
    view.metrics["turned_down"] = rows
    assert {tactic: [row["reason"] for row in part] for tactic, part in by_tactic(view.metrics).items()} == {
        "sweep_reversal": ["WAITING", "SAME_IDEA"], "trend_following": ["NOT_CHOSEN", "SUPERSEDED", "CONFLICT"]}
    page = render(view, None)
    for words in ("The regime of the market does not use this strategy.", "Another tactic told the same idea at the same moment and goes first.",
                  "After a stop the symbol waits until the same signal has ended.", "A better setup of the same moment was taken.", "neither was taken",
                  '<td class="num">1,200</td>', "gate cooldown", "the choice among setups"):
        assert words in page
