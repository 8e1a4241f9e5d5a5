"""The gateway over real HTTP: every provider's own package asks, the server of the tests answers in that provider's format."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from dataclasses import replace

import pytest

from pse.domain.models import Message, Usage
from tests.llm.asked import SCHEMA, ask, ask_one, gateway, request
from tests.wire.bodies import Said
from tests.wire.server import APPROVED, KEYS, PLANTED, PROJECT, Fault, models_at

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
    assert reply.usage == Usage(120, 50, 40, 30)
    assert json.loads(reply.raw)                            # the body as it came, not what a package made of it


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_second_turn_shows_the_model_its_own_first_answer(wire, name):
    said = (Message("user", "judge this"), Message("model", '{"verdict": "MAYBE"}'), Message("user", "verdict must be APPROVE or REJECT"))
    ask_one(models_at(wire.url), request(name, messages=said))
    assert wire.asked[0].turns == (("user", "judge this"), ("model", '{"verdict": "MAYBE"}'), ("user", "verdict must be APPROVE or REJECT"))


def sent(wire, name, **also):
    """The parameters of a call beside its texts; those of Google without their envelope."""
    ask_one(models_at(wire.url, **also), request(name))
    body = wire.asked[-1].body
    return body.get("generationConfig", body)


@pytest.mark.parametrize(("name", "word"), [("openai", "seed"), ("groq", "seed"), ("gemini", "seed"), ("vertex", "seed"), ("openai-compatible", "seed")])
def test_a_seed_goes_to_those_who_take_one(wire, name, word):
    assert sent(wire, name, seed=7, answer="tool")[word] == 7


@pytest.mark.parametrize("name", ["openai-responses", "anthropic"])
def test_a_seed_does_not_go_to_those_who_take_none(wire, name):
    assert "seed" not in sent(wire, name, seed=7)


@pytest.mark.parametrize(("name", "word"), [
    ("openai", "max_completion_tokens"), ("openai-responses", "max_output_tokens"), ("anthropic", "max_tokens"), ("vertex", "maxOutputTokens"),
    ("gemini", "maxOutputTokens"), ("groq", "max_tokens"), ("openrouter", "max_tokens"), ("deepseek", "max_tokens"), ("openai-compatible", "max_tokens")])
def test_the_most_that_an_answer_may_have_is_always_sent(wire, name, word):
    assert sent(wire, name, max_output_tokens=777, answer="tool")[word] == 777


@pytest.mark.parametrize("name", PROVIDERS)
def test_temperature_is_sent_unless_it_is_null(wire, name):
    assert sent(wire, name, temperature=0.25, answer="tool")["temperature"] == 0.25
    assert "temperature" not in sent(wire, name, temperature=None, answer="tool")


@pytest.mark.parametrize(("name", "model", "level", "found"), [
    ("openai", "gpt-5-mini", "low", {"reasoning_effort": "low"}),
    ("openai-responses", "gpt-5-mini", "high", {"reasoning": {"effort": "high"}}),
    ("anthropic", "claude-haiku-4-5", "low", {"thinking": {"type": "enabled"}}),
    ("vertex", "gemini-2.5-flash", "off", {"thinkingConfig": {"thinking_budget": 0}}),
])
def test_thinking_goes_in_the_words_of_each_provider(wire, name, model, level, found):
    row = models_at(wire.url, thinking=level, temperature=None, max_output_tokens=4096)[name].model_copy(update={"model": model})
    ask_one({name: row}, request(name))
    body = wire.asked[0].body.get("generationConfig", wire.asked[0].body)
    assert {word: {key: value for key, value in body[word].items() if key in want} if isinstance(want, dict) else body[word]
            for word, want in found.items()} == found


@pytest.mark.parametrize("name", ["vertex", "tuned", "gemini"])
def test_google_is_asked_where_its_models_and_tuned_endpoints_live(wire, name):
    ask_one(models_at(wire.url), request(name))
    places = f"projects/{PROJECT}/locations/us-central1"
    assert wire.asked[0].path == {"vertex": f"/v1beta1/{places}/publishers/google/models/gemini-2.5-flash:generateContent",
                                  "tuned": f"/v1beta1/{places}/endpoints/4711:generateContent",
                                  "gemini": "/v1beta/models/gemini-2.5-flash:generateContent"}[name]


def test_keys_go_in_the_header_of_each_provider_and_nowhere_else(wire):
    for name in PROVIDERS[:-1]:
        head = "x-goog-api-key" if name == "gemini" else "authorization"
        ask_one(models_at(wire.url), request(name))
        one = wire.asked[-1]
        key = KEYS[models_at(wire.url)[name].key_name or "GOOGLE_OAUTH_ACCESS_TOKEN"]
        assert one.headers[head].removeprefix("Bearer ") == key
        assert PLANTED not in one.path + json.dumps(one.body) + json.dumps({word: value for word, value in one.headers.items() if word != head})


def test_a_server_of_ones_own_is_asked_without_a_key(wire):
    assert ask_one(models_at(wire.url), request("openai-compatible"), environment={}).attempts == 1
    assert PLANTED not in json.dumps(dict(wire.asked[0].headers))


def test_another_variable_may_hold_the_key(wire):
    mine = models_at(wire.url, key_env="DESK_KEY")["openai"]
    ask_one({"openai": mine}, request(), environment={"DESK_KEY": " the-key-of-the-desk\n"})
    assert wire.asked[0].headers["authorization"] == "Bearer the-key-of-the-desk"


def test_duplicate_keys_of_a_tool_call_reach_the_reader_as_they_were_written(wire):
    twice = '{"verdict": "APPROVE", "verdict": "REJECT"}'
    wire.answer = lambda _: twice
    assert ask_one(models_at(wire.url, answer="tool"), request("openai")).text == twice


@pytest.mark.parametrize("name", ["openai", "anthropic", "gemini"])
def test_a_call_of_a_tool_that_nobody_offered_is_no_answer(wire, name):
    from tests.wire.bodies import told

    wire.answer = lambda one: Fault(status=200, body=json.dumps(told(replace(one, schema_name="place_order"), Said({"quantity": 9}))).encode())
    assert ask_one(models_at(wire.url, answer="tool"), request(name)).text == ""


def test_tokens_below_nothing_are_none(wire):
    wire.answer = lambda _: Said(APPROVED, input_tokens=-5, output_tokens=-7)
    assert ask_one(models_at(wire.url), request("openai")).usage == Usage()


def test_symbols_of_one_instant_are_asked_at_once_and_no_more_than_the_policy_allows(wire):
    now, most, lock, met = 0, 0, threading.Lock(), threading.Barrier(3)

    def answer(_):
        nonlocal now, most
        with lock:
            now, most = now + 1, max(most, now + 1)
        met.wait(timeout=5)                                 # three questions are here together, or this breaks
        with lock:
            now -= 1
        return APPROVED

    wire.answer = answer
    replies = ask(models_at(wire.url, concurrency=3), *(request("openai", draw=draw) for draw in range(9)))
    assert [json.loads(one.text) for one in replies] == [APPROVED] * 9 and most == 3


def test_one_gateway_serves_several_event_loops(wire):
    door = gateway(models_at(wire.url))

    async def once():
        reply = await door.complete(request("openai"))
        await door.aclose()
        return json.loads(reply.text)

    assert [asyncio.run(once()) for _ in range(2)] == [APPROVED] * 2


def test_no_module_loads_a_package_of_a_provider_before_a_model_is_asked():
    code = ("import importlib, pkgutil, sys, pse\n"
            "for found in pkgutil.walk_packages(pse.__path__, 'pse.'):\n"
            "    if found.name != 'pse.__main__': importlib.import_module(found.name)\n"
            "print(sorted({'pydantic_ai', 'openai', 'anthropic', 'groq', 'google.genai', 'httpx', 'httpx2', 'genai_prices'} & set(sys.modules)))\n"
            "print('pse.llm.gateway' in sys.modules)")
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split("\n")[:2] == ["[]", "True"]
