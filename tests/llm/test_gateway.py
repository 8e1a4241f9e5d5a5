"""The gateway over real HTTP: every provider's own package asks, the server of the tests answers in that provider's format."""

from __future__ import annotations

import json

import pytest

from pse.domain.models import Usage
from tests.llm.asked import SCHEMA, ask_one, request
from tests.wire.bodies import Said
from tests.wire.server import APPROVED, models_at

PROVIDERS = ["openai", "openai-responses", "anthropic", "vertex", "tuned", "gemini", "groq", "openrouter", "deepseek", "openai-compatible"]
NO_SCHEMAS = {"groq", "deepseek"}                           # models whose API has no schema mode
WAYS = [(name, way) for name in PROVIDERS for way in ("native", "tool", "prompted") if not (way == "native" and name in NO_SCHEMAS)]


@pytest.mark.parametrize(("name", "way"), WAYS)
def test_every_provider_answers_in_every_way_of_asking_for_json(wire, name, way):
    wire.answer = lambda _: Said(APPROVED, input_tokens=120, output_tokens=50, cached=40, thinking=30, served_by=f"{name}-of-today")
    reply = ask_one(models_at(wire.url, answer=way), request(name))
    one = wire.asked[0]
    assert json.loads(reply.text) == APPROVED and reply.attempts == 1 and reply.served_by == f"{name}-of-today"
    assert len(wire.asked) == 1 and one.turns == (("user", "judge this"),) and one.system.startswith("be terse")
    assert one.tool == (way == "tool")
    if way == "prompted":
        assert one.schema is None and json.dumps(SCHEMA, sort_keys=True, separators=(",", ":")) in one.system
    else:
        assert set(one.schema["properties"]) == {"verdict", "reason"} and one.system == "be terse"
    thinking = 0 if name == "anthropic" else 30             # Anthropic counts thinking as output and does not tell it apart
    assert reply.usage == Usage(120, 50, 40, thinking)
    assert json.loads(reply.raw)                            # the body as it came, not what a package made of it
