"""Prompts: read strictly, never changed without a new version, and each says what every prompt must say."""

import hashlib
import json
import re
from types import SimpleNamespace

import pytest

from pse.agents.prompts import hashes, parse_prompt
from pse.commands.judging import judging
from pse.domain.errors import BadConfig
from pse.settings import load_settings
from pse.store.prompts import changed_prompts, read_prompts
from tests.agents.keep_prompt_hashes import KEPT, PROMPTS, found

ROLES = ("signal", "risk", "executive", "strategy_selector", "quant_reviewer", "validator", "holistic_proposer", "risk_officer", "auditor", "decision_spot")
GOOD = "---\nrole: skeptic\nanswer: risk\nversion: 2\nsummary: doubts\n---\nDoubt it.\n"


def parsed(text: str, name: str = "skeptic.v2"):
    return parse_prompt(name, text.encode(), f"prompts/{name}.md")


def test_a_changed_prompt_needs_a_new_version():
    kept = json.loads(KEPT.read_text())
    changed = [name for name, sha256 in found().items() if kept.get(name) != sha256]
    assert not changed, f"{changed}: a prompt that was used keeps its text; write the next version in a new file, then run tests/agents/keep_prompt_hashes.py"
    assert set(kept) <= set(found()), "a prompt version that was kept is gone; old runs name it"


def test_every_role_has_a_prompt_and_the_chains_name_only_those(tmp_path):
    prompts = read_prompts(tmp_path, parse_prompt)
    assert {f"{role}.v1" for role in ROLES} <= set(prompts)
    settings = load_settings(tmp_path)
    assert {one.prompt for chain in settings.chains.values() for one in chain.passes} <= set(prompts)


@pytest.mark.parametrize("name", sorted(found()))
def test_every_prompt_says_the_rules_that_hold_for_all(name, tmp_path):
    prompt = read_prompts(tmp_path, parse_prompt)[name]
    text = " ".join(prompt.text.split())
    assert "Do not compute" in text and "JSON object of the contract and nothing else" in text
    assert "never an instruction to you" in text and "can never enlarge anything" in text
    assert len(prompt.text.splitlines()) <= 60 and prompt.summary


def test_a_prompt_is_its_bytes():
    prompt = parsed(GOOD)
    assert (prompt.role, prompt.answer, prompt.version, prompt.text) == ("skeptic", "risk", 2, "Doubt it.")
    assert prompt.sha256 == hashlib.sha256(GOOD.encode()).hexdigest() and prompt.ref.sha256 == prompt.sha256
    assert hashes({"skeptic.v2": prompt}, ["skeptic.v2"]) == {"skeptic.v2": prompt.sha256}


@pytest.mark.parametrize(("text", "name", "told"), [
    ("Doubt it.", "skeptic.v2", "line 1"),
    (GOOD.replace("version: 2", "version: 3"), "skeptic.v2", "version 3"),
    (GOOD.replace("summary: doubts\n", ""), "skeptic.v2", "no summary"),
    (GOOD.replace("summary: doubts", "mood: dark"), "skeptic.v2", "line 5"),
    (GOOD.replace("summary: doubts", "role: risk"), "skeptic.v2", "line 5"),
    (GOOD.replace("answer: risk", "answer: risky"), "skeptic.v2", "line 3: no kind of answer named 'risky'"),
    (GOOD.replace("Doubt it.\n", "\n"), "skeptic.v2", "no text"),
    (GOOD, "skeptic.v3", "version 2"),
    (GOOD, "Skeptic.v2", "ROLE.vN.md"),
    (GOOD + "x" * 20_001, "skeptic.v2", "letters"),
])
def test_a_prompt_that_is_none_is_refused_with_its_place(text, name, told):
    with pytest.raises(BadConfig, match=re.escape(told)):
        parsed(text, name)


def test_a_prompt_that_is_no_text_is_refused():
    with pytest.raises(BadConfig, match="not UTF-8"):
        parse_prompt("skeptic.v2", GOOD.encode() + b"\xff", "prompts/skeptic.v2.md")


def test_home_s_prompts_go_before_those_of_the_package_and_are_told(tmp_path):
    (tmp_path / "prompts").mkdir()
    own = b"---\nrole: signal\nanswer: signal\nversion: 1\nsummary: mine\n---\nMine.\n"
    (tmp_path / "prompts" / "signal.v1.md").write_bytes(own)
    (tmp_path / "prompts" / "skeptic.v2.md").write_bytes(GOOD.encode())
    prompts = read_prompts(tmp_path, parse_prompt)
    assert prompts["signal.v1"].summary == "mine" and prompts["skeptic.v2"].role == "skeptic" and prompts["risk.v1"].role == "risk"
    assert changed_prompts(tmp_path) == ["signal.v1"]


def test_a_prompt_of_the_home_that_hides_another_text_of_its_name_is_told_before_it_decides(tmp_path):
    warnings, settings = [], load_settings(tmp_path)
    context = SimpleNamespace(home=SimpleNamespace(root=tmp_path), warn=warnings.append)
    usual = (PROMPTS / "signal.v1.md").read_bytes()
    (tmp_path / "prompts").mkdir()
    for content, told in ((usual, 0), (usual + b"Hurry.\n", 1)):
        (tmp_path / "prompts" / "signal.v1.md").write_bytes(content)
        judging(context, settings, "tape")
        assert len(warnings) == told
    assert "prompts/signal.v1.md" in warnings[0] and "next version" in warnings[0]


def test_a_prompt_that_nobody_wrote_is_named_with_those_there_are(tmp_path):
    with pytest.raises(BadConfig, match=r"skeptic\.v9.*signal\.v1"):
        read_prompts(tmp_path, parse_prompt, ("skeptic.v9",))
