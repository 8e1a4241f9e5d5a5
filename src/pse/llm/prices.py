"""What a model's tokens cost, and the most that a question can: from its own settings, else from the known prices; unknown is None, never nothing."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache

from pse.domain.models import Request, Usage
from pse.llm.policy import ModelPolicy

# Our providers as the price list calls them; what answers at an address of the user's own has no known price.
LISTED = {"openai": "openai", "openai-responses": "openai", "anthropic": "anthropic", "vertex": "google", "gemini": "google", "groq": "groq",
          "openrouter": "openrouter", "deepseek": "deepseek"}
MILLION = Decimal(1_000_000)
A_MESSAGE = 16                                   # tokens that a provider puts around a message
A_REQUEST = 1024                                 # and around a whole request: the words that ask for JSON or describe a tool
LONGEST = timedelta(minutes=20)                  # between a reservation and its bill, for prices that change with the hour


def cost_usd(model: ModelPolicy, usage: Usage, at_ns: int) -> float | None:
    """Dollars of what was used at a moment; None when the price or the usage is unknown.  Cached tokens at their own price where the list knows one."""
    if not counted(usage):
        return 0.0 if _free(model) else None
    found = _price(model)
    return None if found is None else float(found(usage, _moment(at_ns)))


def per_million(model: ModelPolicy, at_ns: int) -> tuple[float, float] | None:
    """Dollars of a million tokens in and of a million out, as a short question pays them; None when nobody knows."""
    found, moment = _price(model), _moment(at_ns)
    return None if found is None else (float(found(Usage(1000, 0), moment) * 1000), float(found(Usage(0, 1000), moment) * 1000))


def counted(usage: Usage) -> bool:
    """Whether a provider said what was used: an answer without any token is none."""
    return usage.input_tokens > 0 and usage.output_tokens > 0 and 0 <= usage.cached_tokens <= usage.input_tokens


def most_usd(model: ModelPolicy, request: Request, at_ns: int) -> float | None:
    """The most that one try can cost; None when nobody knows the price."""
    found = _price(model)
    if found is None:
        return None
    usage = Usage(input_tokens=most_input_tokens(request), output_tokens=model.max_output_tokens)
    moment = _moment(at_ns)
    return float(max(found(usage, moment), found(usage, moment + LONGEST)))


def most_tokens(model: ModelPolicy, request: Request) -> int:
    """The most that one try can use, question and answer together."""
    return most_input_tokens(request) + model.max_output_tokens


def most_input_tokens(request: Request) -> int:
    """Not fewer tokens than any provider counts: no token is shorter than a byte.  The schema counts twice, for some put it into the prompt in words."""
    texts = [request.system, *(one.text for one in request.messages)]
    return sum(_bytes(text) for text in texts) + 2 * len(json.dumps(request.schema)) + A_MESSAGE * len(texts) + A_REQUEST


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else max(len(form.encode("utf-8", "replace")) for form in (text, unicodedata.normalize("NFKC", text)))


Price = Callable[[Usage, datetime], Decimal]


def _price(model: ModelPolicy) -> Price | None:
    if model.usd_per_million_in is not None and model.usd_per_million_out is not None:
        per_in, per_out = Decimal(str(model.usd_per_million_in)), Decimal(str(model.usd_per_million_out))
        return lambda usage, _: (usage.input_tokens * per_in + usage.output_tokens * per_out) / MILLION
    if model.provider == "scripted":
        return lambda _usage, _moment: Decimal(0)
    return _listed(LISTED[model.provider], model.model) if model.provider in LISTED else None


def _free(model: ModelPolicy) -> bool:
    """Whether no use of it costs anything."""
    own = (model.usd_per_million_in, model.usd_per_million_out)
    return own == (0.0, 0.0) or (model.provider == "scripted" and own == (None, None))


@lru_cache(maxsize=256)
def _listed(provider: str, model: str) -> Price | None:
    """The list price of a model; None when the list does not know it, or is not installed."""
    try:
        from genai_prices import Usage as Counted
        from genai_prices import calc_price
    except ImportError:
        return None

    def price(usage: Usage, moment: datetime) -> Decimal:
        used = Counted(input_tokens=usage.input_tokens, cache_read_tokens=usage.cached_tokens, output_tokens=usage.output_tokens)
        return Decimal(calc_price(used, model, provider_id=provider, genai_request_timestamp=moment).total_price)

    try:
        price(Usage(1, 1), datetime(2026, 1, 1, tzinfo=UTC))
    except LookupError:
        return None
    return price


def _moment(at_ns: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at_ns // 1_000)
