"""Prices: by hand where the settings name them, by the public list where not, and unknown where neither does."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pse.domain.models import Message, Usage
from pse.llm.policy import ModelPolicy
from pse.llm.prices import cost_usd, most_input_tokens, most_tokens, most_usd
from tests.llm.made import PRICED, question

AT = 1_760_000_000_000_000_000                   # 2025-10-09


def listed(provider: str, model: str, **more) -> ModelPolicy:
    return ModelPolicy(provider=provider, model=model, **more)


def test_own_prices_are_dollars_a_million_tokens():
    assert cost_usd(PRICED, Usage(input_tokens=250_000, output_tokens=30_000), AT) == pytest.approx(0.25 * 2 + 0.03 * 10, abs=1e-15)


def test_thinking_is_part_of_the_output_and_is_not_paid_twice():
    assert cost_usd(PRICED, Usage(1000, 500, thinking_tokens=400), AT) == cost_usd(PRICED, Usage(1000, 500), AT)


@pytest.mark.parametrize(("ours", "theirs", "model"), [("openai", "openai", "gpt-5-mini"), ("openai-responses", "openai", "gpt-5-mini"),
                                                       ("anthropic", "anthropic", "claude-sonnet-4-5"), ("vertex", "google", "gemini-2.5-flash"),
                                                       ("gemini", "google", "gemini-2.5-flash"), ("groq", "groq", "llama-3.3-70b-versatile"),
                                                       ("deepseek", "deepseek", "deepseek-chat"), ("openrouter", "openrouter", "openai/gpt-5-mini")])
def test_without_own_prices_the_public_list_is_asked(ours, theirs, model):
    genai_prices = pytest.importorskip("genai_prices")
    at = datetime.fromtimestamp(AT / 1e9, UTC)
    for usage in (Usage(12_345, 678), Usage(12_345, 678, cached_tokens=10_000)):
        expected = genai_prices.calc_price(genai_prices.Usage(input_tokens=usage.input_tokens, cache_read_tokens=usage.cached_tokens,
                                                              output_tokens=usage.output_tokens), model, provider_id=theirs, genai_request_timestamp=at)
        assert cost_usd(listed(ours, model), usage, AT) == float(expected.total_price) > 0


def test_cached_tokens_are_cheaper_where_the_list_says_so():
    pytest.importorskip("genai_prices")
    model = listed("openai", "gpt-5-mini")
    assert cost_usd(model, Usage(10_000, 10, cached_tokens=9_000), AT) < cost_usd(model, Usage(10_000, 10), AT)


@pytest.mark.parametrize("model", [listed("openai", "no-such-model-1"), listed("vertex", "projects/p/locations/us-central1/endpoints/123"),
                                   listed("openai-compatible", "qwen3", base_url="http://127.0.0.1:11434/v1")])
def test_a_price_that_nobody_knows_is_unknown_and_not_nothing(model):
    assert cost_usd(model, Usage(10, 10), AT) is None and most_usd(model, question(), AT) is None


@pytest.mark.parametrize("usage", [Usage(), Usage(10, 0), Usage(0, 10), Usage(-5, 10), Usage(5, 10, cached_tokens=6)])
def test_usage_that_no_provider_can_mean_has_an_unknown_cost(usage):
    assert cost_usd(PRICED, usage, AT) is None


def test_scripts_and_models_at_home_cost_nothing():
    home = listed("openai-compatible", "qwen3", base_url="http://127.0.0.1:1/v1", usd_per_million_in=0, usd_per_million_out=0)
    for model in (listed("scripted", "honest"), home):
        assert cost_usd(model, Usage(10, 10), AT) == cost_usd(model, Usage(), AT) == most_usd(model, question(), AT) == 0.0


def test_the_most_that_a_question_takes_is_a_token_a_byte_and_what_providers_put_around_it():
    empty = question("", system="")
    assert most_input_tokens(question("ES 5012.25", system="abc")) == most_input_tokens(empty) + 13
    assert most_input_tokens(question("caf\u00e9", system="")) == most_input_tokens(empty) + 5
    assert most_input_tokens(question("\ufdfa", system="")) == most_input_tokens(empty) + 33          # one sign of 3 bytes that NFKC writes in 18 letters
    assert most_input_tokens(question("", system="", messages=(Message("user", ""), Message("model", "")))) > most_input_tokens(empty)
    assert most_tokens(PRICED, empty) == most_input_tokens(empty) + 100


def test_the_most_that_a_question_can_cost_is_its_bytes_in_and_its_longest_answer_out():
    tokens = most_input_tokens(question())
    assert most_usd(PRICED, question(), AT) == pytest.approx(tokens * 2e-6 + 100 * 10e-6, abs=1e-15)


def test_a_price_that_changes_with_the_hour_is_taken_at_its_highest():
    """The list has deepseek-chat cheaper between 16:30 and 00:30 UTC, in the spring of 2025."""
    pytest.importorskip("genai_prices")
    model = listed("deepseek", "deepseek-chat")
    at = [int(datetime(2025, 4, 2, 0, minute, tzinfo=UTC).timestamp()) * 10**9 for minute in (5, 25, 45)]
    cheap, border, dear = (most_usd(model, question(), moment) for moment in at)
    assert cheap <= border == dear
