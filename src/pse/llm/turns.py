"""A request in the words of pydantic-ai, and its answer read back: three ways of asking for JSON, and what providers count as tokens.

`native`: the provider's own schema mode.  `tool`: a tool call whose arguments are the answer.  `prompted`: the schema in words, for whoever knows neither.
"""

from __future__ import annotations

import json
from typing import Any

from pse.domain.models import Request, Usage
from pse.llm.policy import ModelPolicy

SEEDED = frozenset({"openai", "vertex", "gemini", "groq", "openrouter", "deepseek", "openai-compatible"})      # whose API takes a seed
IN_WORDS = "Answer with one JSON object and nothing else: no words before or after it, no code fence. It must fit this JSON schema:\n{schema}"
_THINKING = ("reasoning_tokens", "thoughts_tokens", "thinking_tokens")


def question(request: Request, policy: ModelPolicy, timeout_s: float) -> tuple[list[Any], Any, Any]:
    """Turns, the wanted answer, and settings of one call."""
    from pydantic_ai.messages import ModelRequest, ModelResponse, SystemPromptPart, TextPart, UserPromptPart

    turns: list[Any] = []
    for place, one in enumerate(request.messages):
        system = [SystemPromptPart(_system(request, policy))] if place == 0 and one.author == "user" else []
        turns.append(ModelRequest([*system, UserPromptPart(one.text)]) if one.author == "user" else ModelResponse([TextPart(one.text)]))
    if not turns or not isinstance(turns[0], ModelRequest):
        turns.insert(0, ModelRequest([SystemPromptPart(_system(request, policy))]))
    return turns, _wanted(request, policy), _settings(policy, timeout_s)


def _system(request: Request, policy: ModelPolicy) -> str:
    if policy.answer != "prompted":
        return request.system
    schema = json.dumps(request.schema, sort_keys=True, separators=(",", ":"))
    return f"{request.system}\n\n{IN_WORDS.format(schema=schema)}"


def _wanted(request: Request, policy: ModelPolicy) -> Any:
    from pydantic_ai.models import ModelRequestParameters
    from pydantic_ai.output import OutputObjectDefinition
    from pydantic_ai.tools import ToolDefinition

    schema = dict(request.schema)
    if policy.answer == "native":
        return ModelRequestParameters(output_mode="native", output_object=OutputObjectDefinition(json_schema=schema, name=request.schema_name, strict=True))
    if policy.answer == "tool":
        tool = ToolDefinition(name=request.schema_name, parameters_json_schema=schema, description="The answer.", kind="output")
        return ModelRequestParameters(output_mode="tool", output_tools=[tool], allow_text_output=False)
    return ModelRequestParameters(output_mode="text")


def _settings(policy: ModelPolicy, timeout_s: float) -> Any:
    from pydantic_ai.settings import ModelSettings

    settings = ModelSettings(max_tokens=policy.max_output_tokens, timeout=timeout_s)
    if policy.temperature is not None:
        settings["temperature"] = policy.temperature
    if policy.seed is not None and policy.provider in SEEDED:
        settings["seed"] = policy.seed
    if policy.thinking is not None:
        settings["thinking"] = False if policy.thinking == "off" else policy.thinking
    if policy.provider == "openai-responses":
        settings["openai_store"] = False  # type: ignore[typeddict-unknown-key]  # a setting of this provider's own
    return settings


def text_of(response: Any, name: str) -> str:
    """What the model wrote: the arguments of its call of the answer's tool, else its text.

    Several answers stand under each other, for whoever reads to refuse; calls of tools that nobody offered are no answer.
    """
    from pydantic_ai.messages import TextPart, ToolCallPart

    calls = [one for one in response.parts if isinstance(one, ToolCallPart) and one.tool_name == name]
    if calls:
        return "\n".join(one.args if isinstance(one.args, str) else json.dumps(one.args, ensure_ascii=False) for one in calls)
    return "".join(one.content for one in response.parts if isinstance(one, TextPart))


def usage_of(response: Any) -> Usage:
    """Tokens as the provider counted them; thinking is part of the output, what was cached part of the input."""
    used = response.usage
    thinking = max((_count((used.details or {}).get(name)) for name in _THINKING), default=0)
    return Usage(_count(used.input_tokens), max(_count(used.output_tokens), thinking), _count(used.cache_read_tokens), thinking)


def _count(tokens: Any) -> int:
    """A number of tokens; what is less than none is none."""
    return max(int(tokens or 0), 0)
