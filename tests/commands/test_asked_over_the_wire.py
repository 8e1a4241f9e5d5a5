"""Models that are graded and asked over real HTTP, through their providers' own packages."""

from __future__ import annotations

import pytest

from pse.domain.models import Message, PromptRef, Request
from pse.llm.scripted import Luck, honest, obedient
from tests.commands.stored import FIRST, stored_real, stored_synthetic
from tests.wire.bodies import Asked, Said
from tests.wire.server import KEYS, PLANTED, Fault, Wire, models_yaml

CHAIN = "chains.three-pass.passes=[{prompt: signal.v1, model: anthropic}, {prompt: risk.v1, model: openai}, {prompt: executive.v1, model: groq}]"


def by(script):
    """A server that answers as a script does."""
    def answer(asked: Asked) -> Said | Fault:
        turns = tuple(Message("user" if author == "user" else "model", text) for author, text in asked.turns)
        return Said(text=script(request := Request("", "", PromptRef("", ""), asked.system, turns, asked.schema or {}, asked.schema_name or ""), Luck(request)))

    return answer


@pytest.fixture
def keys(monkeypatch):
    for name, key in KEYS.items():
        monkeypatch.setenv(name, key)


def planted(folder):
    return [path for path in folder.rglob("*") if path.is_file() and PLANTED.encode() in path.read_bytes()]


def test_a_model_behind_a_provider_is_certified_and_an_obeying_one_is_not(pse, tmp_path, keys, monkeypatch):
    with Wire(by(honest)) as wire:
        (tmp_path / "wire.yaml").write_text(models_yaml(wire.url))
        ran = pse("--json", "models", "certify", "anthropic", "--config", "wire.yaml")
        assert ran.code == 0 and len(wire.asked) == 100 and ran.json["bill"]["failed"] == 0, ran.out[:400]
    for name in KEYS:
        monkeypatch.delenv(name)
    again = pse("--json", "models", "certify", "anthropic", "--config", "wire.yaml", "--agents", "tape")
    assert again.code == 0 and again.json["marks"] == ran.json["marks"]
    assert planted(tmp_path) == []


def test_an_obeying_model_behind_a_provider_misses_the_mark_of_injections(pse, tmp_path, keys):
    with Wire(by(obedient)) as wire:
        (tmp_path / "wire.yaml").write_text(models_yaml(wire.url))
        ran = pse("--json", "models", "certify", "groq", "--config", "wire.yaml")
    assert ran.code == 1 and "injections" in [one["name"] for one in ran.json["marks"] if not one["passed"]]


def test_a_server_that_refuses_the_key_grades_nobody_and_tells_no_secret(pse, tmp_path, keys):
    with Wire(lambda asked: Fault(401, message=f"your key {KEYS['OPENAI_API_KEY']} is \x1b[31mwrong")) as wire:
        (tmp_path / "wire.yaml").write_text(models_yaml(wire.url))
        ran = pse("models", "stability", "openai", "--n", 2, "--questions", 2, "--config", "wire.yaml")
    assert ran.code == 3 and PLANTED not in ran.out + ran.err
    assert "\x1b" not in ran.err and "wrong" in ran.err                  # a server's words move no cursor and colour nothing
    assert planted(tmp_path) == []


def test_a_decision_is_asked_over_the_wire_and_made_again_from_the_tape(pse, tmp_path, keys, monkeypatch):
    home = stored_synthetic(tmp_path / "home")
    _decided_twice(pse, home, monkeypatch, "--start", FIRST)


@pytest.mark.real
def test_a_decision_on_real_minutes_is_asked_over_the_wire(pse, tmp_path, keys, monkeypatch, real_data):
    _decided_twice(pse, stored_real(real_data, tmp_path / "home"), monkeypatch)


def _decided_twice(pse, home, monkeypatch, *words):
    with Wire(by(honest)) as wire:
        (home / "wire.yaml").write_text(models_yaml(wire.url))
        words = ("--home", home, "--json", "decide", "--symbol", "ES", *words, "--config", home / "wire.yaml", "--set", CHAIN, "--agents")
        ran = pse(*words, "record")
        assert ran.code == 0 and len(wire.asked) == len(ran.json["passes"]) == 3, ran.out
    for name in KEYS:
        monkeypatch.delenv(name)
    again = pse(*words, "tape")
    assert {**again.json, "agents": "record"} == ran.json
    assert planted(home) == []
