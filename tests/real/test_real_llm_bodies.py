"""Bodies that providers really sent, served over HTTP to their own packages: the gateway reads text and usage as they stand there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from pse.domain.models import ModelFailure, Usage
from tests.llm.asked import ask, request
from tests.wire.server import Fault, Wire, models_at

pytestmark = pytest.mark.real
HOSTS = {"api.openai.com": ["openai"], "api.anthropic.com": ["anthropic"], "generativelanguage.googleapis.com": ["gemini", "vertex"]}


def recorded(folder: Path) -> list[tuple[str, str, int, bytes]]:
    """File, provider, status and body of every recorded answer; as many times as providers speak its format."""
    found = []
    for path in sorted((folder / "llm-responses").glob("*.yaml")):
        for one in yaml.safe_load(path.read_text("utf-8"))["interactions"]:
            said = one["response"]
            body = json.dumps(said["parsed_body"]) if "parsed_body" in said else said["body"]["string"]
            for name in HOSTS[one["request"]["uri"].split("/")[2]]:
                found.append((path.name, name, said["status"]["code"], body if isinstance(body, bytes) else body.encode()))
    return found


def expected(name: str, body: dict[str, Any]) -> tuple[str, str, Usage]:
    """Text, tool and usage, read by hand from each format; text of the tool's arguments where one was called."""
    if name == "openai":
        message, used = body["choices"][0]["message"], body["usage"]
        calls = [(call["function"]["name"], call["function"]["arguments"]) for call in message.get("tool_calls", [])]
        usage = Usage(used["prompt_tokens"], used["completion_tokens"], used["prompt_tokens_details"]["cached_tokens"],
                      used["completion_tokens_details"]["reasoning_tokens"])
        return calls[0][1] if calls else message["content"], calls[0][0] if calls else "", usage
    if name == "anthropic":
        used = body["usage"]
        calls = [(part["name"], json.dumps(part["input"])) for part in body["content"] if part["type"] == "tool_use"]
        text = "".join(part["text"] for part in body["content"] if part["type"] == "text")
        usage = Usage(used["input_tokens"] + used["cache_read_input_tokens"], used["output_tokens"], used["cache_read_input_tokens"])
        return calls[0][1] if calls else text, calls[0][0] if calls else "", usage
    used, parts = body["usageMetadata"], body["candidates"][0]["content"].get("parts", [])
    calls = [(part["functionCall"]["name"], json.dumps(part["functionCall"]["args"], ensure_ascii=False)) for part in parts if "functionCall" in part]
    thought = used.get("thoughtsTokenCount", 0)
    usage = Usage(used["promptTokenCount"], used.get("candidatesTokenCount", 0) + thought, 0, thought)
    return calls[0][1] if calls else "".join(part["text"] for part in parts), calls[0][0] if calls else "", usage


def test_what_providers_really_sent_is_read_as_it_stands(real_data):
    rows = recorded(real_data)
    assert len(rows) >= 20
    with Wire() as wire:
        for file, name, status, body in rows:
            headers = {"content-encoding": "gzip"} if body[:2] == b"\x1f\x8b" else {}
            wire.answer = lambda _, status=status, body=body, headers=headers: Fault(status=status, body=body, headers=headers)
            whole = json.loads(body) if body[:1] == b"{" else None
            text, tool, usage = expected(name, whole) if status == 200 and whole else ("", "", Usage())
            asked = request(name, schema_name=tool or "risk_answer")
            reply = ask(models_at(wire.url, answer="tool" if tool else "prompted"), asked)[0]
            if status != 200:                               # refused, in the provider's own words
                assert isinstance(reply, ModelFailure) and reply.code == "BAD_REQUEST" and whole["error"]["message"] in str(reply), file
            elif whole is None:                             # a stream, which was not asked for: no answer, and no cost that anybody knows
                assert reply.code in {"TRANSPORT", "SERVER"} if isinstance(reply, ModelFailure) else (reply.text, reply.usage) == ("", Usage()), (file, reply)
            elif whole.get("candidates", [{}])[0].get("finishReason") == "MAX_TOKENS":
                assert isinstance(reply, ModelFailure) and (reply.code, reply.usage) == ("TRUNCATED", usage), file
            else:
                assert not isinstance(reply, Exception), (file, reply)
                assert (reply.text, reply.usage, json.loads(reply.raw)) == (text, usage, whole), file
                assert reply.served_by == (whole.get("model") or whole["modelVersion"])
