"""What a judge did is counted: decisions, setups, what the models said of them, and what rules made of it."""

from __future__ import annotations

from types import SimpleNamespace

from pse.reports.dialogue import line_of
from pse.reports.judged import cost_rows, judged_words
from pse.research.judged import judged


def question(outcome="DECIDED", codes=()):
    return ("DELIBERATION", {"by": "agents", "outcome": outcome, "codes": list(codes), "passes": []})


def ruled(verdict, decision, reason):
    return ("DECISION", {"verdict": verdict, "decision": decision, "reason": reason})


# Four questions about five setups: two let through, of which a gate refuses one; one vetoed beside one that was left; one that nobody could answer.
LINES = [question(), ruled("APPROVE", "APPROVE", "OK"), question(), ruled("MODIFY", "REJECT", "EV"), question(), ruled("REJECT", "REJECT", "REJECTED"),
         ruled("REJECT", "REJECT", "SUPERSEDED"), question("HELD", ["TIMEOUT"]), ruled("HOLD", "HOLD", "HOLD")]


def test_what_models_said_is_counted_apart_from_what_rules_made_of_it():
    found = judged(LINES, "three-pass", {"own": "local:llama"})
    assert (found["decisions"], found["setups"], found["unsaid"]) == (4, 5, 1)
    assert found["said"] == {"APPROVE": 1, "MODIFY": 1, "REJECT": 1} and found["refused"] == {"EV": 1}
    assert found["verdicts"] == {"APPROVE": 1, "HOLD": 1, "REJECT": 3}


def test_the_line_of_a_run_says_what_is_counted():
    told = judged_words(SimpleNamespace(metrics={"judged": judged(LINES, "three-pass", {"own": "local:llama"})}))
    assert "4 decisions on 5 setups" in told
    assert "The models said APPROVE 1, MODIFY 1, REJECT 1; 1 they left for another or said nothing of. Of those let through, rules refused 1: EV 1." in told


def test_models_that_never_answered_said_nothing():
    told = judged_words(SimpleNamespace(metrics={"judged": judged(LINES[-2:], "three-pass", {"own": "local:llama"})}))
    assert "1 decision, 0 calls" in told and "The models said nothing of any setup. 1 decision was not made by the models" in told


def test_the_line_of_a_decision_says_a_word_once():
    line = {"record": "DECISION", "quantity": 0.0}
    assert line_of({**line, "verdict": "HOLD", "decision": "HOLD", "reason": "HOLD"}) == "HOLD"
    assert line_of({**line, "verdict": "MODIFY", "decision": "REJECT", "reason": "EV"}) == "REJECT (the judge said MODIFY): EV"


def test_models_that_cost_nothing_have_no_minus():
    free, paid = ({"judged": {"cost_usd": cost, "input_tokens": 1, "output_tokens": 1, "calls": 1, "unknown_costs": 0}} for cost in (0.0, 1234.5))
    assert [cost_rows(one, "USD")[0][1] for one in (free, paid)] == ["0.00 USD", "−1,234.50 USD"]
