"""Which models there are, how they are reached, and what they may cost: the words of `models.yaml`."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from pse.domain.base import Frozen

Provider = Literal["openai", "openai-responses", "anthropic", "vertex", "gemini", "groq", "openrouter", "deepseek", "openai-compatible", "scripted"]
EnvName = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]{0,63}$")]
KEYS = {"openai": "OPENAI_API_KEY", "openai-responses": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY", "gemini": "GEMINI_API_KEY",
        "groq": "GROQ_API_KEY", "openrouter": "OPENROUTER_API_KEY", "deepseek": "DEEPSEEK_API_KEY"}
DECIDES = ("provider", "model", "answer", "temperature", "seed", "max_output_tokens", "thinking")


class ModelPolicy(Frozen):
    """One model.  Keys never stand here: `key_env` names the environment variable that holds one."""

    provider: Provider
    model: str = Field(min_length=1, max_length=200, description="the provider's own name of it; on Vertex also projects/.../endpoints/ID of a tuned model")
    base_url: str | None = Field(None, description="another address than the provider's own; needed by openai-compatible")
    key_env: EnvName | None = Field(None, description="environment variable of the key; without it the provider's usual one")
    project: str | None = Field(None, description="Vertex: the Google Cloud project; without it GOOGLE_CLOUD_PROJECT")
    location: str = Field("us-central1", description="Vertex: the region")
    answer: Literal["native", "tool", "prompted"] = Field("native", description="how the JSON is asked for: the provider's schema mode, a tool call, or words")
    temperature: float | None = Field(0.0, ge=0, le=2, description="null: not sent, for models that refuse it")
    seed: int | None = Field(None, ge=0, lt=2**31, description="sent where the provider takes one")
    max_output_tokens: int = Field(1024, ge=64, le=65_536, description="the most that an answer may have, thinking included; reserved from the budget")
    thinking: Literal["off", "low", "medium", "high"] | None = Field(None, description="null: the provider's own default")
    timeout_s: float = Field(30.0, gt=0, le=600, description="one call")
    retries: int = Field(2, ge=0, le=5, description="further tries after an outage, a rate limit or a server's error, inside the deadline")
    requests_per_minute: int | None = Field(None, ge=1, description="shared by every process of this home")
    concurrency: int = Field(4, ge=1, le=64, description="calls at once")
    usd_per_million_in: float | None = Field(None, ge=0, description="price of a million tokens of input; without both, the known prices are asked")
    usd_per_million_out: float | None = Field(None, ge=0)

    @model_validator(mode="after")
    def _can_be_reached(self) -> Self:
        if self.provider == "openai-compatible" and not self.base_url:
            raise ValueError("an openai-compatible server needs base_url, such as http://127.0.0.1:11434/v1")
        if (self.usd_per_million_in is None) != (self.usd_per_million_out is None):
            raise ValueError("usd_per_million_in and usd_per_million_out go together")
        return self

    @property
    def key_name(self) -> str | None:
        """The environment variable that holds the key; None where none is needed."""
        return self.key_env or KEYS.get(self.provider)

    def deciding(self) -> dict[str, Any]:
        """What decides an answer: no address, key, price, deadline, number of tries, rate."""
        return {name: getattr(self, name) for name in DECIDES}


class BudgetPolicy(Frozen):
    """What calls may cost; what is not sure to stay inside is not sent, and the decision is HOLD.  null: no bound."""

    usd_per_run: float | None = Field(5.0, ge=0)
    usd_per_day: float | None = Field(20.0, ge=0, description="all runs of this home, UTC days")
    tokens_per_run: int | None = Field(None, ge=0, description="input and output together")
    calls_per_run: int | None = Field(None, ge=0, description="questions asked of models; the further tries of one are part of it")
    unknown_price: Literal["refuse", "allow"] = Field("refuse", description="a model whose price nobody knows: not asked, or asked at an unknown cost")
