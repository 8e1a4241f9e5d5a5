"""A briefing as text: the same bytes for equal briefings, numbers as a reader needs them, and strangers' words inside their block and nowhere else."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pse.agents.cleaning import DATA_BEGINS, DATA_ENDS
from pse.agents.grounding import check
from pse.agents.rendering import numbers_shown, render
from pse.domain.decisions import Briefing, Candidate
from tests.agents.injections import injections

NAN, INF = float("nan"), float("inf")
AT = 1_741_102_500_000_000_000                   # 2025-03-04 15:35 UTC
CANDIDATE = Candidate("57b23bdf-b517-58a8-a4d8-863adc1bf6a9", "ES", "sweep_reversal", "SHORT", "B", 5012.25, 5014.0, 5009.5, 0.66171234,
                      {"mqs": {"vol": -0.0, "score": 0.66171234}, "swept_ts": AT - 600_000_000_000, "objects": ["bos:ES:5m:1"], "break": "bos:ES:5m:1"},
                      0.66171234, {"reward_r": 2.75 / 1.75})
PLAIN = Briefing("ES", AT, (CANDIDATE,), {}, {"equity": 99_483.256, "balance": 100_000.0}, market={"symbol": "ES", "tick": 0.25},
                 timeframes=({"timeframe": "5m", "close": 5012.25, "rsi": 40.62049, "adx": NAN},), regime={"market_state": "TREND_DOWN"},
                 headlines=({"age_h": 0.5, "flagged": False, "flags": [], "title": "Stocks close higher"},))


def rows(text: str, section: str) -> list[dict[str, Any]]:
    """The lines of JSON under a heading."""
    found = text.split(f"\n[{section}]\n")[1].split("\n[")[0]
    return [json.loads(line) for line in found.split("\n") if line.startswith("{")]


def shuffled(value: Any, seed: int) -> Any:
    """The same value with the keys of its mappings in another order."""
    if isinstance(value, dict):
        keys = list(value)
        random.Random(seed).shuffle(keys)
        return {key: shuffled(value[key], seed) for key in keys}
    return type(value)(shuffled(one, seed) for one in value) if isinstance(value, (list, tuple)) else value


def outside(text: str) -> str:
    """What stands before and after the block of strangers' words."""
    before, _, rest = text.partition(DATA_BEGINS)
    return before + rest.partition(DATA_ENDS)[2]


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_keys_does_not_change_a_byte(seed):
    other = Briefing(**{name: shuffled(value, seed) if name != "candidates" else tuple(
        Candidate(**{key: shuffled(one, seed) for key, one in vars(CANDIDATE).items()}) for _ in "x") for name, value in vars(PLAIN).items()})
    assert render(other) == render(PLAIN)


def test_every_line_is_a_heading_or_json_and_ends_in_a_line_feed():
    text = render(PLAIN)
    assert text.startswith("BRIEFING ES 2025-03-04T15:35:00Z\n") and text.endswith("\n")
    for line in text.split("\n")[2:-1]:
        assert line.startswith("[") or line in (DATA_BEGINS, DATA_ENDS, "none") or isinstance(json.loads(line), dict), line


def test_numbers_are_cut_to_what_a_reader_needs_and_prices_stay_exact():
    fine = replace(CANDIDATE, entry=1.084525, stop=0.1 + 0.2, target=None)
    text = render(replace(PLAIN, candidates=(fine,), market={"tick": 0.00001}))
    assert rows(text, "candidates")[0] == {
        "candidate": "#1", "id": CANDIDATE.setup_id, "symbol": "ES", "tactic": "sweep_reversal", "direction": "SHORT", "grade": "B", "quality": 0.66171,
        "confidence": 0.66171, "entry": 1.084525, "stop": 0.3, "target": None, "reward_r": 1.57143,
        "evidence": {"mqs": {"score": 0.66171, "vol": 0}, "swept_min_ago": 10}}
    assert '"vol":0}' in text                              # minus zero is zero


def test_what_is_no_number_is_null():
    odd = replace(PLAIN, timeframes=({"timeframe": "5m", "rsi": NAN, "adx": INF, "vwap": -INF, "trend": None, "null": {"rsi": "warm-up"}},))
    assert rows(render(odd), "timeframes") == [
        {"timeframe": "5m", "trend": None, "null": {"rsi": "warm-up"}, "adx": None, "rsi": None, "vwap": None}]


def test_what_a_tactic_measured_with_numpy_reads_like_any_number():
    odd = {"a": np.float64(0.5), "b": np.int64(3), "c": np.array([1.25, NAN]), "d": np.bool_(True), "e": {1: date(2025, 3, 4)}}
    text = render(replace(PLAIN, candidates=(replace(CANDIDATE, evidence=odd),)))
    assert rows(text, "candidates")[0]["evidence"] == {"a": 0.5, "b": 3, "c": [1.25, None], "d": True, "e": {"1": "2025-03-04"}}


@pytest.mark.parametrize(("value", "shown"), [
    (99_483.256, 99_483.26), (100_000.0, 100_000), (-0.0, 0), (0.00001234, 0.01 * 0.001234), (1e300, 1e300)])
def test_money_is_told_to_the_cent_and_never_cut_to_nothing(value, shown):
    assert rows(render(replace(PLAIN, account={"equity": value})), "account") == [{"equity": shown}]


def test_a_briefing_without_parts_says_what_there_is():
    bare = render(Briefing("ES", AT, (), {}, {"equity": 1.0}))
    assert "[candidates]\nnone\n" in bare and "[positions]\nnone\n" in bare and "timeframes" not in bare and DATA_BEGINS not in bare


def test_numbers_shown_are_those_of_the_text_without_ids():
    found = numbers_shown('{"id":"57b23bdf-b517-58a8-a4d8-863adc1bf6a9","entry":5012.25,"n":"#1","x":-0.5,"t":"5m","y":1.5e-05,"k":"mss2"}')
    assert found == {5012.25, 0.5, 5.0, 1.5e-05}


def test_a_rationale_is_held_against_what_the_text_showed():
    found = check("Short at 5012.25 with RSI 40.6 and a target of 5003", numbers_shown(render(PLAIN)))
    assert found.grounded == ("5012.25", "40.6") and found.ungrounded == ("5003",)


def test_an_injection_changes_nothing_outside_its_block():
    quiet = outside(render(PLAIN))
    for one in injections():
        text = render(replace(PLAIN, headlines=({"age_h": 0.5, "flagged": False, "flags": [], "title": one},)))
        assert outside(text) == quiet, one
        inside = text.partition(DATA_BEGINS)[2].partition(DATA_ENDS)[0].strip("\n").split("\n")
        assert len(inside) == 1 and set(json.loads(inside[0])) == {"headline", "age_h", "flags", "flagged", "title"}, one


@settings(max_examples=150)
@given(st.lists(st.text(max_size=120), min_size=1, max_size=5), st.text(max_size=40), st.dictionaries(st.text(max_size=8), st.floats(), max_size=4))
def test_no_text_and_no_number_breaks_the_lines(titles, word, found):
    odd = replace(PLAIN, candidates=(replace(CANDIDATE, tactic=word, evidence={"said": word, **found}),),
                  headlines=tuple({"age_h": 1.0, "title": one} for one in titles))
    text = render(odd)
    assert text.encode() and text.count(DATA_ENDS) == 1 and len(rows(text, "candidates")) == 1 and len(rows(text, "headlines")) == len(titles)
    assert len(text.splitlines()) == text.count("\n") == len(render(replace(PLAIN, headlines=odd.headlines)).splitlines())
