"""Errors of the providers' packages told in our few words: what happened, whether a second try may mend it, and what does.

The packages raise their own errors, those of their HTTP client, and whatever a body that breaks the format makes their readers stumble over.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

from pse.domain.headlines import plain
from pse.domain.models import Failed, ModelFailure
from pse.llm.policy import ModelPolicy
from pse.llm.transport import Heard

SHOWN = 300                                      # characters of a provider's own words

# What reading a broken body raises; a mistake of ours would too, and ends as a failed call all the same.
MISREAD = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RuntimeError, OSError, AssertionError)


# Beyond these: the packages' own, by module and name.
_OWN = (("httpx", "HTTPError"), ("httpx", "InvalidURL"), ("httpx2", "HTTPError"), ("httpx2", "InvalidURL"), ("openai", "OpenAIError"),
        ("anthropic", "AnthropicError"), ("groq", "GroqError"), ("google.genai.errors", "APIError"), ("google.auth.exceptions", "GoogleAuthError"))


def raised_by_packages() -> tuple[type[Exception], ...]:
    """Every error that a call may end with; of packages that are not loaded none can come."""
    return (*MISREAD, *(getattr(sys.modules[module], name) for module, name in _OWN if module in sys.modules))


def failure_of(error: Exception, name: str, policy: ModelPolicy, heard: Heard, redact: Callable[[str], str]) -> ModelFailure:
    """The failure that an error of a call is."""
    code, words = _read(error, heard)
    own = redact(_own_words(error, heard))[:SHOWN]
    text = f"model {name} ({policy.provider} {policy.model}): {words.format(variable=policy.key_name or 'the credentials', seconds=policy.timeout_s)}"
    # What was refused cost nothing; what broke off may have been answered, and billed.
    spent = None if code in {"TIMEOUT", "TRANSPORT"} and heard.calls or heard.status == 200 else 0.0
    return ModelFailure(code, f"{text}{': ' + own if own else ''}", retry_after_s=_retry_after(error), spent=spent)


def _read(error: Exception, heard: Heard) -> tuple[Failed, str]:
    """Code and what to say of an error."""
    from pydantic_ai import exceptions as ai

    if isinstance(error, ai.ContentFilterError):
        return "REFUSED", "it refused to answer (content filter)"
    if isinstance(error, (TimeoutError, ai.ModelTimeoutError, ai.ModelRequestTimeout)) or "Timeout" in type(error).__name__:
        return "TIMEOUT", "no answer in time (timeout_s is {seconds:g} s, and the deadline of the decision)"
    if isinstance(error, ai.ModelQuotaExceededError):
        return "AUTH", "the account's quota or credit is used up; add to it, or name another model in models.yaml"
    if (status := _status(error, heard)) >= 300:
        return _of_status(status)
    if type(error).__module__.startswith("google.auth"):
        return ("TRANSPORT", "Google's credentials could not be renewed") if getattr(error, "retryable", False) \
            else ("AUTH", "Google refused the credentials; renew them with `gcloud auth application-default login`")
    if isinstance(error, ai.UserError) and heard.calls == 0:
        return "BAD_REQUEST", "it cannot be asked this way; set answer: tool or prompted in models.yaml where it knows no schemas"
    if heard.status == 200 and heard.body and not _is_json(heard.body):
        return "TRANSPORT", "the answer is no JSON, or was cut on its way"
    if heard.status == 200 and heard.body:
        return "SERVER", "the answer is not in the provider's format"
    return "TRANSPORT", "the connection failed or broke off; is the address right, and the server up?"


def _of_status(status: int) -> tuple[Failed, str]:
    if status in (401, 403):
        return "AUTH", f"it refused the key (HTTP {status}); check {{variable}}"
    if status == 402:
        return "AUTH", "the account has no credit (HTTP 402); add to it, or name another model in models.yaml"
    if status == 404:
        return "BAD_REQUEST", "no such model or address (HTTP 404); check model and base_url in models.yaml"
    if status == 408:
        return "TIMEOUT", "it gave up waiting (HTTP 408)"
    if status == 429:
        return "RATE_LIMIT", "too many requests (HTTP 429); set requests_per_minute or a smaller concurrency in models.yaml"
    if status in (409, 425) or status >= 500:
        return "SERVER", f"it failed (HTTP {status})"
    return "BAD_REQUEST", f"it refused the request (HTTP {status})"


def _status(error: Exception, heard: Heard) -> int:
    """The HTTP status that an error is about; 0 where it is about none."""
    told: Any = getattr(error, "status_code", None) or getattr(error, "code", None)
    if isinstance(told, int) and 300 <= told < 600:
        return told
    return heard.status if heard.status >= 300 else 0


def _own_words(error: Exception, heard: Heard) -> str:
    """What the provider said of it, in one line."""
    try:
        body = json.loads(heard.body) if heard.status >= 300 else None
    except (ValueError, RecursionError):
        body = None
    body = body[0] if isinstance(body, list) and body else body
    held = body.get("error", body) if isinstance(body, dict) else None
    said = held.get("message") if isinstance(held, dict) else held
    said = said if isinstance(said, str) else heard.body[:SHOWN] if heard.status >= 300 else heard.broke or str(error)
    return plain(said)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _retry_after(error: Exception) -> float | None:
    """Seconds after which the provider wants to be asked again."""
    told = getattr(error, "retry_after", None)
    return float(told) if isinstance(told, (int, float)) and 0 <= told < 86_400 else None
