"""What is logged of a pass, and the pair to train on that is made of it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest

from pse.agents.policy import ToolPolicy
from pse.agents.tools import ToolLayer
from pse.commands.decision_lines import Heard
from pse.commands.decisions_log import training_pair
from tests.agents.said import Said, briefing, chain, says, shown
from tests.agents.test_tools import BARS, Book

ASKS, FAIR = says("signal", wants=[BARS]), says("signal", reason="4321.25 holds.")
BROKEN = "broken {"


def pair(*lines, revisions=2):
    """What is exported of a first pass that was answered so."""
    heard = Heard(str, "desk/chain", {}, "snapshot")
    model = heard.listening(Said({"signal": lines}))
    asked = replace(briefing(), known=Book())
    heard.begin(asked.known_at)
    said = chain(model, tools=ToolLayer(ToolPolicy(allowed=("bars",))), revisions=revisions)(asked)
    return training_pair({"verdict": None, "exit": None, **heard.entry(asked, said.body["passes"][0])})


def test_hashes_are_of_what_was_sent_with_its_secrets_masked():
    """Whoever has the hash of a text and all of it but a secret could try secrets until the hash fits."""
    def redact(text):
        return text.replace("hunter2", "***").replace("4321.25", "***")

    heard = Heard(redact, "desk/chain", {}, "snapshot")
    model = heard.listening(Said({"signal": (ASKS, FAIR)}))
    asked = replace(briefing(), known=Book())
    heard.begin(asked.known_at)
    tools = ToolLayer(ToolPolicy(allowed=("bars",)), redact)
    said = chain(model, tools=tools, render=lambda one: f"{shown(one)} hunter2")(asked)
    entry = heard.entry(asked, said.body["passes"][0])
    question = {"tool": "bars", "symbol": "ES", "timeframe": "1h", "rows": 2}
    sent = {"question": question, "rows": [{"close_at": "2020-01-01T00:00:00Z", "close": 4321.25}]}
    masked = [f"{shown(asked)} ***", json.dumps(sent, sort_keys=True, separators=(",", ":")).replace("4321.25", "***")]
    found = [entry["input_refs"]["briefing"].removeprefix("sha256:"), entry["questions"][0]["sha256"]]
    assert found == [hashlib.sha256(text.encode()).hexdigest() for text in masked]


def same(text, other):
    return json.loads(text) == json.loads(other)


@pytest.mark.parametrize("lines", [(BROKEN, BROKEN), (BROKEN, ASKS, BROKEN, BROKEN), (ASKS, BROKEN, BROKEN), (ASKS, ASKS, ASKS)])
def test_a_pass_that_ends_without_an_answer_is_nothing_to_train_on(lines):
    assert pair(*lines) is None


@pytest.mark.parametrize("lines", [(FAIR,), (BROKEN, FAIR)])
def test_an_answer_stands_behind_its_question_without_what_had_to_be_repaired(lines):
    talk = pair(*lines)["messages"]
    assert [one["role"] for one in talk] == ["system", "user", "assistant"] and same(talk[2]["content"], FAIR)


@pytest.mark.parametrize("lines", [(ASKS, FAIR), (BROKEN, ASKS, FAIR), (ASKS, BROKEN, FAIR)])
def test_an_answer_that_rests_on_data_stands_behind_them(lines):
    talk = pair(*lines)["messages"]
    assert [one["role"] for one in talk] == ["system", "user", "assistant", "user", "assistant"]
    assert same(talk[2]["content"], ASKS) and "4321.25" in talk[3]["content"] and same(talk[4]["content"], FAIR)
