"""What providers send: a body of the chat completions, responses, messages and generateContent APIs, written from their formats.

`asked` reads a request of any of them into the same words; `told` writes the answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Api = Literal["chat", "responses", "messages", "generate"]
Finish = Literal["stop", "length", "filter"]
CREATED = 1_760_000_000


@dataclass(frozen=True)
class Asked:
    """One request as it came, and the same in words that all APIs share.

    `turns`: author (`user` or `model`) and text, oldest first.  `schema` None: asked for in words only.  `tool`: the answer is wanted as a tool call.
    `number` counts the questions of this server from 0.
    """

    api: Api
    number: int
    path: str
    model: str
    system: str
    turns: tuple[tuple[str, str], ...]
    schema: Mapping[str, Any] | None
    schema_name: str | None
    tool: bool
    headers: Mapping[str, str] = field(repr=False)
    body: Mapping[str, Any] = field(repr=False)

    @property
    def question(self) -> str:
        """The last thing that the user said."""
        return next((text for author, text in reversed(self.turns) if author == "user"), "")


@dataclass(frozen=True)
class Said:
    """An answer with what it used.  `value` is sent as JSON; `text` instead of it as it stands.  `cached` is part of the input, `thinking` of the output."""

    value: Any = None
    text: str | None = None
    finish: Finish = "stop"
    input_tokens: int = 100
    output_tokens: int = 20
    cached: int = 0
    thinking: int = 0
    refusal: str | None = None
    served_by: str | None = None

    @property
    def words(self) -> str:
        return json.dumps(self.value) if self.text is None else self.text


def api_of(path: str) -> Api | None:
    """Which API a path belongs to."""
    ends = {"/chat/completions": "chat", "/responses": "responses", "/messages": "messages", ":generateContent": "generate"}
    return next((api for end, api in ends.items() if path.split("?")[0].endswith(end)), None)  # type: ignore[return-value]


# --- requests

def _plain(content: Any) -> str:
    """Text of a content that is a string, or parts that hold texts."""
    if isinstance(content, str):
        return content
    return "".join(_plain(part.get("text", "")) for part in content or [])


def asked(api: Api, number: int, path: str, headers: Mapping[str, str], body: Mapping[str, Any]) -> Asked:
    """A request of any API in the words that all share."""
    system, turns = _conversation(api, body)
    schema, name, tool = _schema(api, body)
    found = re.search(r"([^/]+):generateContent", path)
    model = found.group(1) if found else str(body.get("model", ""))
    return Asked(api, number, path, model, system, turns, schema, name, tool, headers, body)


def _conversation(api: Api, body: Mapping[str, Any]) -> tuple[str, tuple[tuple[str, str], ...]]:
    if api == "generate":
        system = _plain((body.get("systemInstruction") or {}).get("parts"))
        turns = [(one.get("role", "user"), _plain(one.get("parts"))) for one in body.get("contents", [])]
    else:
        rows = body.get("input" if api == "responses" else "messages", [])
        rows = [{"role": "user", "content": rows}] if isinstance(rows, str) else rows
        said = [(one.get("role", ""), _plain(one.get("content"))) for one in rows]
        first = body.get("instructions" if api == "responses" else "system") or ""
        system = "\n".join([text for text in [_plain(first)] if text] + [text for role, text in said if role in {"system", "developer"}])
        turns = [(role, text) for role, text in said if role not in {"system", "developer"}]
    return system, tuple(("model" if role in {"assistant", "model"} else "user", text) for role, text in turns)


def _schema(api: Api, body: Mapping[str, Any]) -> tuple[Mapping[str, Any] | None, str | None, bool]:
    """Schema and name of the wanted answer, and whether it is wanted as a tool call."""
    tools = body.get("tools") or []
    if api == "generate":
        declared = [one for group in tools for one in group.get("functionDeclarations", [])]
        if declared:
            last = declared[-1]
            return last.get("parametersJsonSchema") or last.get("parameters_json_schema") or last.get("parameters"), last["name"], True
        wanted = body.get("generationConfig", {})
        return wanted.get("responseJsonSchema") or wanted.get("responseSchema"), None, False
    if tools:
        last = tools[-1]
        held = last.get("function", last)
        return held.get("parameters") or held.get("input_schema"), held["name"], True
    if api == "chat":
        held = (body.get("response_format") or {}).get("json_schema") or {}
    elif api == "responses":
        held = (body.get("text") or {}).get("format") or {}
    else:
        held = (body.get("output_config") or {}).get("format") or body.get("output_format") or {}
    return held.get("schema"), held.get("name"), False


# --- answers

def told(one: Asked, said: Said) -> dict[str, Any]:
    """The body that says it, in the API that was asked."""
    return {"chat": _chat, "responses": _responses, "messages": _messages, "generate": _generate}[one.api](one, said)


def _object(words: str) -> dict[str, Any] | None:
    """The JSON object that the words are, for APIs whose tool calls hold objects."""
    try:
        value = json.loads(words)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _chat(one: Asked, said: Said) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": said.words, "refusal": said.refusal}
    if said.refusal is not None:
        message["content"] = None
    elif one.tool and said.finish == "stop":
        call = {"id": f"call_{one.number}", "type": "function", "function": {"name": one.schema_name, "arguments": said.words}}
        message |= {"content": None, "tool_calls": [call]}
    reason = {"stop": "tool_calls" if "tool_calls" in message else "stop", "length": "length", "filter": "content_filter"}[said.finish]
    usage = {"prompt_tokens": said.input_tokens, "completion_tokens": said.output_tokens, "total_tokens": said.input_tokens + said.output_tokens,
             "prompt_tokens_details": {"cached_tokens": said.cached, "audio_tokens": 0},
             "completion_tokens_details": {"reasoning_tokens": said.thinking, "audio_tokens": 0}}
    router = {"provider": "wire"} if "/" in one.model else {}          # OpenRouter says who served it, and names models vendor/model
    return router | {"id": f"chatcmpl-{one.number}", "object": "chat.completion", "created": CREATED, "model": said.served_by or one.model,
            "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": reason}], "usage": usage, "system_fingerprint": "fp_wire"}


def _responses(one: Asked, said: Said) -> dict[str, Any]:
    content: dict[str, Any] = {"type": "output_text", "text": said.words, "annotations": []}
    if said.refusal is not None:
        content = {"type": "refusal", "refusal": said.refusal}
    output: list[dict[str, Any]] = []
    if said.thinking:
        output.append({"type": "reasoning", "id": f"rs_{one.number}", "summary": []})
    if one.tool and said.finish == "stop" and said.refusal is None:
        output.append({"type": "function_call", "id": f"fc_{one.number}", "call_id": f"call_{one.number}", "name": one.schema_name, "arguments": said.words,
                       "status": "completed"})
    else:
        output.append({"type": "message", "id": f"msg_{one.number}", "role": "assistant", "status": "completed", "content": [content]})
    cut = {"length": "max_output_tokens", "filter": "content_filter"}.get(said.finish)
    usage = {"input_tokens": said.input_tokens, "input_tokens_details": {"cached_tokens": said.cached}, "output_tokens": said.output_tokens,
             "output_tokens_details": {"reasoning_tokens": said.thinking}, "total_tokens": said.input_tokens + said.output_tokens}
    return {"id": f"resp_{one.number}", "object": "response", "created_at": CREATED, "status": "incomplete" if cut else "completed", "error": None,
            "incomplete_details": {"reason": cut} if cut else None, "model": said.served_by or one.model, "output": output, "parallel_tool_calls": True,
            "tool_choice": "auto", "tools": [], "usage": usage}


def _messages(one: Asked, said: Said) -> dict[str, Any]:
    content: list[dict[str, Any]] = [{"type": "text", "text": said.words}]
    reason = {"stop": "end_turn", "length": "max_tokens", "filter": "refusal"}[said.finish]
    if said.refusal is not None:
        content, reason = [{"type": "text", "text": said.refusal}], "refusal"
    elif one.tool and said.finish == "stop" and (held := _object(said.words)) is not None:
        content, reason = [{"type": "tool_use", "id": f"toolu_{one.number}", "name": one.schema_name, "input": held}], "tool_use"
    usage = {"input_tokens": said.input_tokens - said.cached, "cache_read_input_tokens": said.cached, "cache_creation_input_tokens": 0,
             "output_tokens": said.output_tokens, "output_tokens_details": {"thinking_tokens": said.thinking}}
    return {"id": f"msg_{one.number}", "type": "message", "role": "assistant", "model": said.served_by or one.model, "content": content,
            "stop_reason": reason, "stop_sequence": None, "usage": usage}


def _generate(one: Asked, said: Said) -> dict[str, Any]:
    usage = {"promptTokenCount": said.input_tokens, "candidatesTokenCount": said.output_tokens - said.thinking,
             "totalTokenCount": said.input_tokens + said.output_tokens}
    usage |= {"thoughtsTokenCount": said.thinking} if said.thinking else {}
    usage |= {"cachedContentTokenCount": said.cached} if said.cached else {}
    rest = {"usageMetadata": usage, "modelVersion": said.served_by or one.model, "responseId": f"g{one.number}"}
    if said.refusal is not None:
        return {"promptFeedback": {"blockReason": "SAFETY"}, **rest}
    part: dict[str, Any] = {"text": said.words}
    if one.tool and said.finish == "stop" and (held := _object(said.words)) is not None:
        part = {"functionCall": {"name": one.schema_name, "args": held}}
    reason = {"stop": "STOP", "length": "MAX_TOKENS", "filter": "SAFETY"}[said.finish]
    content = {"role": "model", "parts": [] if said.finish == "filter" else [part]}
    return {"candidates": [{"content": content, "finishReason": reason, "index": 0}], **rest}


def error_body(api: Api | None, status: int, message: str) -> dict[str, Any]:
    """How an API tells of an error."""
    if api == "messages":
        kind = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error", 529: "overloaded_error"}
        return {"type": "error", "error": {"type": kind.get(status, "api_error" if status >= 500 else "invalid_request_error"), "message": message}}
    if api == "generate":
        words = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE"}
        return {"error": {"code": status, "message": message, "status": words.get(status, "INTERNAL")}}
    return {"error": {"message": message, "type": "server_error" if status >= 500 else "invalid_request_error", "param": None, "code": None}}
