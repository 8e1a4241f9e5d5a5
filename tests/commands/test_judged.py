"""Backtests judged by models: recorded, replayed from the tape without any model, proven; and what is refused."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys

import pytest

from pse.commands.prove import EVERY_BYTE
from tests.commands.judged import by, judged_home
from tests.commands.stored import runs

KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GROQ_API_KEY", "DEEPSEEK_API_KEY", "OPENROUTER_API_KEY", "GEMINI_API_KEY")


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home with a run that an honest script judged; no key in the environment, and no way out of the machine."""
    judged_home(tmp_path / "home")
    for name in KEYS:
        monkeypatch.delenv(name, raising=False)

    def none(*given, **more):
        raise AssertionError(f"somebody opens a connection: {given}")

    monkeypatch.setattr(socket.socket, "connect", none)
    return tmp_path / "home"


def kept(run):
    """What has to be the same bytes in a run that is made again."""
    home = run.parents[2]
    return [(run / name).read_bytes() for name in ("journal.jsonl", "tape.jsonl", "metrics.json")] + [
        (home / "data" / "decisions" / f"{run.name}.jsonl").read_bytes()]


def test_a_recorded_run_is_the_same_from_its_tape_under_another_hash_seed(home):
    first = runs(home)[0]
    environment = {name: value for name, value in os.environ.items() if name not in KEYS} | {"PYTHONHASHSEED": "4711"}
    ran = subprocess.run([sys.executable, "-m", "pse", "--home", str(home), "-q", *by("scripted-honest", "tape")], env=environment, capture_output=True)
    assert ran.returncode == 0, ran.stderr
    assert len(runs(home)) == 2
    assert kept(runs(home)[1]) == kept(first)


def test_a_judged_run_is_proven_from_its_own_tape_even_where_the_index_is_gone(home, pse):
    for path in (home / "data" / "tapes" / "index").rglob("*.json"):
        path.unlink()
    ran = pse("--home", home, "--json", "prove", runs(home)[0].name)
    assert (ran.code, ran.json["result"], ran.json["compared"]) == (0, "EQUAL", EVERY_BYTE), ran.json
    assert pse("--home", home, "audit", "log", "latest").code == 0


def test_a_run_that_asks_what_is_not_on_its_tape_is_an_error_and_leaves_nothing(home, pse):
    ran = pse("--home", home, *by("scripted-contrary", "tape"))
    assert ran.code == 3
    assert "2023-03-06T" in ran.err and "ES" in ran.err and "signal.v1" in ran.err and "--agents record" in ran.err
    assert len(runs(home)) == 1


def test_the_manifest_names_the_chain_the_prompts_and_the_models(home):
    manifest = json.loads((runs(home)[0] / "manifest.json").read_text())
    assert manifest["decide"] == "three-pass"
    assert sorted(manifest["prompts"]) == ["executive.v1", "risk.v1", "signal.v1"]
    assert {len(sha256) for sha256 in manifest["prompts"].values()} == {64}
    assert manifest["models"] == {"scripted-honest": "scripted:honest"}


def test_another_judge_is_another_fingerprint_and_another_mode_is_not(home, pse):
    honest = json.loads((runs(home)[0] / "manifest.json").read_text())["fingerprint"]
    again = pse("--home", home, "--json", *by("scripted-honest", "live")).json
    contrary = pse("--home", home, "--json", *by("scripted-contrary")).json
    assert again["fingerprint"] == honest
    assert contrary["fingerprint"] != honest


def test_the_decisions_of_a_judged_run_are_logged_a_line_a_pass(home):
    run = runs(home)[0]
    lines = [json.loads(line) for line in (home / "data" / "decisions" / f"{run.name}.jsonl").read_text().splitlines()]
    journal = [json.loads(line) for line in (run / "journal.jsonl").read_text().splitlines()]
    passes = [one for line in journal if line["kind"] == "DELIBERATION" for one in line["body"]["passes"]]
    assert [(line["agent"], line["decision"], line["rationale"]) for line in lines] == [(one["role"], one["verdict"], one["reason"]) for one in passes]
    first = lines[0]
    assert list(first)[:5] == ["ts", "symbol", "agent", "decision", "position"]
    assert first["request"]["messages"][0]["author"] == "user" and first["reply"]["text"].startswith("{")
    assert first["request"]["key"] == passes[0]["request"] and first["prompt_hash"] == f"sha256:{passes[0]['prompt_sha256']}"
    decision = next(line["body"] for line in journal if line["kind"] == "DECISION" and line["body"]["setup_id"] == first["position"]["setup_id"])
    assert first["verdict"]["decision"] == decision["decision"] and first["verdict"]["quantity"] == decision["quantity"]
    fill = next(line["body"] for line in journal if line["kind"] == "FILL" and line["body"]["plan_id"] == decision["plan_id"])
    assert first["fill"]["price"] == fill["price"]
    assert first["market"]["CLOSE"] > 0.0
