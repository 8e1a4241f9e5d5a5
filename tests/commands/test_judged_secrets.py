"""A whole judged run against a server that knows every secret of its caller and tells them: none stands in any file, and it replays without any of them."""

from __future__ import annotations

import asyncio
import json
import random
import string
from urllib.parse import unquote

import pytest

from pse.domain.models import Message, PromptRef, Request
from pse.llm.policy import ModelPolicy
from pse.llm.scripted import Scripted
from tests.commands.judged import DAYS
from tests.commands.stored import runs, stored_synthetic
from tests.wire.bodies import Asked, Said
from tests.wire.server import KEYS, Fault, models_yaml

LETTERS = string.ascii_letters + string.digits + '/+=$&%-_.~"\\\u00e9'
ROLES = ("signal", "risk", "executive")
MODELS = ("openai", "anthropic", "groq")


def plain(text: str) -> str:
    """A text without the marks by which JSON, however often, and web addresses write it another way."""
    return unquote(text).replace("\\u00e9", "\u00e9").replace("\\", "")


class Telltale:
    """Answers as an honest script does, with three secrets among its reasons; every seventh time it fails or breaks its contract, with more of them."""

    def __init__(self, secrets: list[str]) -> None:
        self.secrets, self.at = secrets, 0
        self.script = Scripted({"honest": ModelPolicy(provider="scripted", model="honest")})

    def __call__(self, asked: Asked) -> Said | Fault:
        secret, more = self._next(), " ".join(self._next() for _ in range(2))
        if asked.number % 7 == 6:
            return (Fault(status=500, message=f"trace {secret} {more}", headers={"x-echo": "".join(c for c in secret if c.isalnum() and c.isascii())}),
                    Said(text=f"no JSON but {secret} {more}"), Fault(kind="garbage", body=f"<b>{secret} {more}</b>".encode()))[asked.number // 7 % 3]
        request = Request(role="", model="honest", prompt=PromptRef("x.v1", ""), system=asked.system, schema=asked.schema or {},
                          messages=tuple(Message(author, text) for author, text in asked.turns), schema_name=asked.schema_name or "")
        answer = json.loads(asyncio.run(self.script.complete(request)).text)
        return Said(value={**answer, "reason": f"{secret} {more}"}, served_by=f"model-{secret}")

    def _next(self) -> str:
        self.at += 1
        return self.secrets[(self.at - 1) % len(self.secrets)]


@pytest.fixture
def environment(monkeypatch):
    """Fifty secrets in the environment: the keys of the models, and what else a process is given."""
    draw = random.Random(21)
    kinds = ("KEY", "TOKEN", "SECRET", "PASSWORD")
    planted = KEYS | {f"VENDOR{n}_{kinds[n % 4]}": "".join(draw.choices(LETTERS, k=draw.randint(8, 60))) for n in range(50 - len(KEYS))}
    for name, value in planted.items():
        monkeypatch.setenv(name, value)
    return planted


def test_a_server_that_tells_fifty_secrets_leaves_none_of_them_in_any_file_and_the_run_replays_without_them(tmp_path, pse, wire, environment, monkeypatch):
    home, secrets = tmp_path / "home", list(environment.values())
    stored_synthetic(home)
    (home / "configs").mkdir(exist_ok=True)
    (home / "configs" / "models.yaml").write_text(models_yaml(wire.url))
    passes = ", ".join(f"{{prompt: {role}.v1, model: {name}}}" for role, name in zip(ROLES, MODELS, strict=True))
    words = [*DAYS, "--set", f"chains.three-pass.passes=[{passes}]"]
    wire.answer = Telltale(secrets)

    ran = pse("--home", home, "-v", "backtest", *words, "--agents", "record", "--report", home / "page.html")
    shown = pse("--home", home, "decisions", "why", pse("--home", home, "--json", "decisions", "list").json["decisions"][0]["id"])
    assert (ran.code, shown.code) == (0, 0), ran.err + shown.err
    assert wire.answer.at >= len(secrets) and {one.api for one in wire.asked} == {"chat", "messages"}

    files = [path for path in home.rglob("*") if path.is_file()]
    held = plain("\n".join([*(path.read_text("utf-8", "replace") for path in files), ran.out, ran.err, shown.out]))
    assert [secret for secret in secrets if plain(secret) in held] == [] and held.count("[redacted]") > 50

    for name in environment:
        monkeypatch.delenv(name)
    asked = len(wire.asked)
    again = pse("--home", home, "backtest", *words, "--agents", "tape")
    assert (again.code, len(wire.asked)) == (0, asked), again.err
    first, second = runs(home)
    assert (first / "journal.jsonl").read_bytes() == (second / "journal.jsonl").read_bytes()
    assert (first / "tape.jsonl").read_bytes() == (second / "tape.jsonl").read_bytes()
