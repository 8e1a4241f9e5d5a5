"""Who is asked, in which order, and what becomes of a decision that nobody could make: the words of `agents.yaml`."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from pse.domain.base import Frozen

PromptName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,40}\.v[1-9][0-9]{0,3}$")]
Tool = Literal["bars", "feature", "news"]


class PassPolicy(Frozen):
    """One pass of a chain."""

    prompt: PromptName = Field(description="file below prompts/ without .md; its front matter names the role")
    model: str | None = Field(None, description="name in models.yaml; without it the chain's")


class ToolPolicy(Frozen):
    """Data that a model may ask for, besides what its briefing shows; answered from what was known at the decision."""

    allowed: tuple[Tool, ...] = Field((), description="bars of a timeframe, a feature's last values, headlines")
    max_calls: int = Field(4, ge=0, le=20, description="questions a decision, over all its rounds")
    max_rows: int = Field(60, ge=1, le=500, description="rows of an answer")
    max_read: int = Field(5_000_000, ge=1, le=200_000_000, description="stored rows that an answer may have to read; beyond it the question is refused")


class ChainPolicy(Frozen):
    """Passes in the order in which they are asked, and the bounds of a decision."""

    description: str = ""
    passes: tuple[PassPolicy, ...] = Field(min_length=1, max_length=5)
    model: str = Field("default", description="model of every pass that names none")
    deadline_s: float = Field(30.0, gt=0, le=600, description="all passes of a decision together, retries and repairs included")
    repairs: int = Field(1, ge=0, le=3, description="times that a reply which breaks its contract is sent back with the validator's error")
    revisions: int = Field(2, ge=0, le=2, description="rounds in which more data may be asked for, or a proposal sent back; then HOLD")
    on_failure: Literal["hold", "rules"] = Field("hold", description="what decides where a pass could not: HOLD, or plain rules with less confidence")
    tools: ToolPolicy = ToolPolicy()
    persona: bool = Field(True, description="whether the persona of the market's regime is told to the first pass")

    @model_validator(mode="after")
    def _asks_nobody_twice(self) -> Self:
        prompts = [one.prompt for one in self.passes]
        if len(set(prompts)) < len(prompts):
            raise ValueError("a prompt stands twice among the passes")
        return self


class Persona(Frozen):
    """How the first pass is to look at a market of these states."""

    when: tuple[str, ...] = Field(min_length=1, description="market states (TREND_UP ...) or volatility buckets (HiVol-Q4 ...) that it is told in")
    text: str = Field(min_length=1, max_length=600)
