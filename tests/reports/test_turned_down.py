"""Setups that came to nothing: the figures of a run and its journal tell the same, a setup once, in words."""

import json
from collections import Counter

import pytest

from pse.engine.outcome import Outcome
from pse.reports.html import render
from pse.reports.refused import turned_down
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
        rows = turned_down(path)
        told = Counter(rows.select("tactic", "by", "gate", "code").rows())
        assert told == {tuple(row[name] for name in ("tactic", "by", "gate", "reason")): row["count"] for row in outcome.turned_down()}
        seen.update(rows["by"].to_list())
        gone = {body["setup_id"] for kind, _, body in journal_lines(found) if kind == "PASSED_OVER"}
        assert rows.height >= len(gone)
    assert {"gate", "selection", "order"} <= set(seen)


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
