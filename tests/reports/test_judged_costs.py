"""What the report says of the judges of a run."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from pse.reports.judged import cost_words, doubts_of


def figures(**more: Any) -> dict[str, Any]:
    return {"chain": "trio", "models": {"one": "openai:x"}, "evidence": "scripted", "decisions": 10, "passes": 10, "calls": 10, "input_tokens": 1,
            "output_tokens": 1, "cost_usd": 0.5, "unknown_costs": 2, "outcomes": {"DECIDED": 10}, "held_for": {}, "verdicts": {"APPROVE": 10}, **more}


def test_a_cost_that_nobody_knows_is_told_with_both_reasons_that_it_may_have():
    view: Any = SimpleNamespace(metrics={"judged": figures()})
    told = {title: text for _, title, text in doubts_of(view)}["Costs unknown"]
    assert "2 passes" in told and "usd_per_million_in" in told and "no reply that tells its tokens" in told
    assert "charged nothing" not in told                                     # what is known of a pass is charged
    assert cost_words(figures()) == "0.50 USD and 2 passes of unknown cost"


def test_what_was_paid_for_answers_that_nobody_asked_for_stands_beside_the_charge():
    told = cost_words(figures(unknown_costs=0, uncharged_usd=0.25))
    assert told.startswith("0.50 USD and 0.25 USD, charged to no decision")
