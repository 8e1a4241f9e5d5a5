"""Each verdict by the clause that brings it, at its border and just beside it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from pse.research.verdict import Measures, judge

GOOD = Measures(trades=120, sessions=600, sharpe=0.12, track_record=200.0, dsr=0.97, pbo=0.2, oos_loss=0.02, spa=0.01, pessimistic_low=0.4,
                lookahead="CLEAN", trials=50)


def verdict(**changed):
    word, decided, _ = judge(replace(GOOD, **changed))
    return word, decided["code"]


def clause(code, **changed):
    return next(one for one in judge(replace(GOOD, **changed))[2] if one.code == code)


def test_what_meets_every_clause_is_credible():
    assert verdict() == ("CREDIBLE", "all")
    assert all(one.passed for one in judge(GOOD)[2])


@pytest.mark.parametrize(("changed", "word", "code"), [
    ({"trades": 29}, "INSUFFICIENT", "trades"),
    ({"trades": 30}, "CREDIBLE", "all"),
    ({"sessions": 199}, "INSUFFICIENT", "track_record"),
    ({"sessions": 200}, "CREDIBLE", "all"),
    ({"track_record": 600.01}, "INSUFFICIENT", "track_record"),
    ({"dsr": 0.4999}, "OVERFIT", "dsr_overfit"),
    ({"dsr": 0.5}, "UNPROVEN", "dsr"),
    ({"dsr": 0.9499}, "UNPROVEN", "dsr"),
    ({"dsr": 0.95}, "CREDIBLE", "all"),
    ({"pbo": 0.51, "oos_loss": 0.26}, "OVERFIT", "pbo"),
    ({"pbo": 0.51, "oos_loss": 0.25}, "UNPROVEN", "oos_loss"),
    ({"pbo": 0.5, "oos_loss": 0.26}, "UNPROVEN", "oos_loss"),
    ({"pbo": 0.9, "oos_loss": 0.1}, "CREDIBLE", "all"),
    ({"oos_loss": 0.1001}, "UNPROVEN", "oos_loss"),
    ({"spa": 0.05}, "CREDIBLE", "all"),
    ({"spa": 0.0501}, "UNPROVEN", "spa"),
    ({"pessimistic_low": 0.0}, "UNPROVEN", "pessimistic"),
    ({"pessimistic_low": 1e-9}, "CREDIBLE", "all"),
    ({"lookahead": "FINDINGS"}, "UNPROVEN", "lookahead"),
    ({"lookahead": "NOT RUN"}, "UNPROVEN", "lookahead"),
    ({"leakage": "CLEAN"}, "CREDIBLE", "all"),
    ({"leakage": "FINDINGS"}, "UNPROVEN", "leakage"),
    ({"leakage": "NOT RUN"}, "UNPROVEN", "leakage"),
])
def test_each_clause_decides_from_its_border_on(changed, word, code):
    assert verdict(**changed) == (word, code)


@pytest.mark.parametrize("absent", ["dsr", "oos_loss", "spa", "pessimistic_low"])
def test_evidence_that_is_absent_never_lets_credible_pass(absent):
    assert verdict(**{absent: None})[0] == "UNPROVEN"


def test_the_worst_verdict_wins_and_says_what_else_was_not_met():
    assert verdict(trades=3, dsr=0.1, spa=0.9) == ("INSUFFICIENT", "trades")
    assert verdict(dsr=0.1, spa=0.9) == ("OVERFIT", "dsr_overfit")
    _, decided, _ = judge(replace(GOOD, dsr=0.7, spa=0.2, lookahead="NOT RUN"))
    assert decided["code"] == "dsr" and "Not met besides: beats cash (SPA)." in decided["text"] and "Not known: no look-ahead." in decided["text"]


def test_what_failed_decides_before_what_is_not_known():
    assert verdict(dsr=None, spa=0.2) == ("UNPROVEN", "spa")


def test_no_track_record_would_do_for_a_series_that_earns_nothing():
    found = clause("track_record", sharpe=-0.01, track_record=None)
    assert found.passed is None and not found.applies and "does not apply" in found.text
    assert verdict(sharpe=-0.01, track_record=None, pessimistic_low=-1.0) == ("UNPROVEN", "pessimistic")


def test_a_clause_without_evidence_says_what_brings_it():
    found = clause("lookahead", lookahead="NOT RUN", bring={"lookahead": "`pse audit lookahead --desk futures-smc` runs it"})
    assert found.passed is None and "`pse audit lookahead --desk futures-smc` runs it" in found.text


def test_pbo_is_always_shown_with_the_note_about_equally_good_neighbours():
    for pbo in (0.0, 0.5, 1.0):
        assert "equally good" in clause("pbo", pbo=pbo).text


def test_every_clause_is_plain_json_and_names_its_series():
    _, _, clauses = judge(replace(GOOD, dsr=None, leakage="CLEAN"))
    data = [one.data() for one in clauses]
    assert json.loads(json.dumps(data, allow_nan=False)) == data
    assert all(one["series"] and one["text"].endswith(".") and one["needed"] for one in data)
    assert [one["code"] for one in data] == ["trades", "track_record", "dsr_overfit", "pbo", "dsr", "oos_loss", "spa", "pessimistic", "lookahead", "leakage"]


def test_a_part_of_a_longer_look_is_never_credible():
    assert verdict(cut="A part of more.") == ("UNPROVEN", "whole") and clause("whole", cut="A part of more.").text == "A part of more."
