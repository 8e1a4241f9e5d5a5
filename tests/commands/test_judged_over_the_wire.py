"""Backtests whose judges are asked over real HTTP, through the providers' own packages, and made again without them: no key, no network."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pse.domain.models import Message, PromptRef, Request
from pse.llm.scripted import Luck, honest
from tests.commands.stored import FIRST, runs, stored_real, stored_synthetic
from tests.wire.bodies import Asked, Said
from tests.wire.server import KEYS, PLANTED, Fault, Wire, models_yaml

JUDGES = "chains.three-pass.passes=[{prompt: signal.v1, model: anthropic}, {prompt: risk.v1, model: openai}, {prompt: executive.v1, model: groq}]"


def sensible(asked: Asked) -> Said | Fault:
    """Answers as the honest script does; every seventh question meets a server that failed, every eleventh an answer that is none."""
    if asked.number % 7 == 3:
        return Fault(500, message=f"upstream broke; your key was {PLANTED}")
    turns = tuple(Message("user" if author == "user" else "model", text) for author, text in asked.turns)
    request = Request("", "", PromptRef("", ""), asked.system, turns, asked.schema or {}, asked.schema_name or "")
    return Said(text="certainly! {" if asked.number % 11 == 5 else honest(request, Luck(request)))


def without_keys(monkeypatch):
    for name in KEYS:
        monkeypatch.delenv(name, raising=False)


def recorded(home: Path, pse, monkeypatch, *days: str) -> tuple[str, ...]:
    """A run judged over the wire; the words of the same run from its tape, with the server gone and the keys out of the environment."""
    with Wire(sensible) as wire, monkeypatch.context() as patched:
        for name, key in KEYS.items():
            patched.setenv(name, key)
        (home / "wire.yaml").write_text(models_yaml(wire.url, retries=1))
        words = ("backtest", *days, "--config", str(home / "wire.yaml"), "--set", JUDGES, "--agents")
        ran = pse("--home", home, "--json", *words, "record")
        assert ran.code == 0, ran.err
        assert wire.asked and ran.json["metrics"]["judged"]["evidence"] == "contaminated-possible"
        assert "A replay, no performance" in [doubt["title"] for doubt in ran.json["doubts"]]
    without_keys(monkeypatch)
    return (*words, "tape")


def alone(home: Path, *words: str) -> None:
    """A command in another process under another hash seed, where the machine allows it without any network."""
    apart = ["unshare", "-rn"] if shutil.which("unshare") and subprocess.run(["unshare", "-rn", "true"], capture_output=True).returncode == 0 else []
    environment = {name: value for name, value in os.environ.items() if name not in KEYS} | {"PYTHONHASHSEED": "99"}
    ran = subprocess.run([*apart, sys.executable, "-m", "pse", "--home", str(home), "-q", *words], env=environment, capture_output=True)
    assert ran.returncode == 0, ran.stderr


def same(home: Path) -> None:
    """The first two runs wrote the same bytes, and no file of home holds a key."""
    one, other = runs(home)[:2]
    for name in ("journal.jsonl", "tape.jsonl", "metrics.json"):
        assert (one / name).read_bytes() == (other / name).read_bytes()
    logs = [(home / "data" / "decisions" / f"{run.name}.jsonl").read_bytes() for run in (one, other)]
    assert logs[0] == logs[1] and logs[0]
    assert [path for path in home.rglob("*") if path.is_file() and PLANTED.encode() in path.read_bytes()] == []


def test_a_run_asked_over_the_wire_is_made_again_without_network_or_keys(tmp_path, pse, monkeypatch):
    home = stored_synthetic(tmp_path / "home")
    tape = recorded(home, pse, monkeypatch, "--symbol", "ES", "--start", FIRST, "--end", "2023-03-10", "--seed", "42")
    alone(home, *tape)
    same(home)
    assert pse("--home", home, "--json", "prove", runs(home)[0].name).json["result"] == "EQUAL"


def test_two_symbols_that_are_asked_at_once_are_the_same_from_the_tape(tmp_path, pse):
    """Drawn answers: each hangs on its question alone, whichever comes first."""
    home = stored_synthetic(tmp_path / "home")
    more = pse("--home", home, "-q", "ingest", "--provider", "synthetic", "--symbol", "NQ", "--start", "2023-02-20", "--end", "2023-03-10", "--seed", "11")
    assert more.code == 0
    words = ("backtest", "--start", FIRST, "--end", "2023-03-09", "--seed", "42", "--set", "desks.futures-smc.symbols=[ES, NQ]", "--set",
             "chains.three-pass.model=scripted-random", "--agents")
    for agents in ("record", "tape"):
        ran = pse("--home", home, "--json", *words, agents)
        assert ran.code == 0, ran.err
    same(home)


@pytest.mark.real
def test_real_minutes_of_es_are_judged_over_the_wire_and_replayed(tmp_path, pse, monkeypatch):
    home = stored_real(Path(os.environ["PSE_REAL_DATA"]), tmp_path / "home")
    tape = recorded(home, pse, monkeypatch, "--symbol", "ES", "--start", "2013-10-06", "--end", "2013-12-04", "--seed", "42")
    alone(home, *tape)
    same(home)
    assert pse("--home", home, "--json", "prove", runs(home)[0].name).json["result"] == "EQUAL"
