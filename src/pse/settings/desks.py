"""What runs: an account, plug-ins, and the desk with its instruments, timeframes, tactics, limits and what of them may be searched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from pse.domain.base import Frozen
from pse.domain.instruments import CURRENCY_PATTERN, SYMBOL_PATTERN
from pse.settings.search import SearchPolicy

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$")]
Symbol = Annotated[str, StringConstraints(pattern=SYMBOL_PATTERN)]
Timeframe = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,2}(s|m|h|d)$")]
Currency = Annotated[str, StringConstraints(pattern=CURRENCY_PATTERN)]
MAX_SYMBOLS = 1000
RULES = "rules"                                # who decides where no chain is named
FROM = "from"                                  # among a tactic's parameters: where one of the user's own stands


class Account(Frozen):
    """The account that a run starts with."""

    name: Name = "research"
    currency: Currency = "USD"
    capital: float = Field(100_000.0, gt=0, allow_inf_nan=False, description="money at the start, in the account's currency")


class OtherAccount(Frozen):
    """An account beside the one that a run starts with unless told otherwise: its own money and its own limits."""

    currency: Currency = "USD"
    capital: float = Field(gt=0, allow_inf_nan=False, description="money at the start, in the account's currency")
    risk: Name | None = Field(None, description="profile of risk_policies.yaml; without it the one of the desk")
    desk: Name | None = Field(None, description="the desk that it runs; without it the one that is chosen")


class Plugins(Frozen):
    """Classes from outside the package that desks may name."""

    tactics: dict[Name, str] = Field(default_factory=dict, description="tactic name to FOLDER/FILE.py:Class below the home folder")


class Desk(Frozen):
    """What runs together: instruments, timeframes, tactics, who decides, and by which limits."""

    description: str = ""
    symbols: tuple[Symbol, ...] = Field(min_length=1, max_length=MAX_SYMBOLS, description="order of the list is order at one instant")
    context: tuple[Symbol, ...] = Field((), max_length=MAX_SYMBOLS, description="symbols that are read and not traded; one that is not stored reads as missing")
    base_timeframe: Timeframe = "1m"
    decision_timeframe: Timeframe = "5m"
    warmup_sessions: int = Field(60, ge=0, le=2000, description="sessions before --start that features may see")
    news: bool = Field(False, description="whether headlines are read: their age and red flags stand in the context of every decision")
    tactics: dict[str, dict[str, Any] | None] = Field(min_length=1, description="tactic name to its parameters; `from`: where one of your own stands")
    features: dict[str, Any] = Field(default_factory=dict, description="parameters of the features")
    risk: str = Field(description="name of a profile in risk_policies.yaml")
    fills: str = Field("conservative", description="name of a policy in fills.yaml")
    decide: Name = Field("rules", description="chain of agents.yaml that judges where --agents asks for one; `rules`: no chain")
    search: SearchPolicy | None = Field(None, description="what a search varies, and how; no run depends on it")

    @field_validator("tactics")
    @classmethod
    def _in_one_order(cls, tactics: dict[str, Any]) -> dict[str, Any]:
        """By name: a manifest keeps no order of keys, and a run made again from it takes them in the same one."""
        return dict(sorted(tactics.items()))

    @model_validator(mode="after")
    def _names_each_symbol_once(self) -> Self:
        for symbols in (self.symbols, self.context):
            if len(set(symbols)) < len(symbols):
                raise ValueError("a symbol stands in the list twice")
        return self


@dataclass(frozen=True)
class Read:
    """A symbol that a desk reads and does not trade.

    `why`: who cannot do without it and where that is written; empty where it may be missing.  `timeframes`: those that are certainly read.
    """

    symbol: str
    why: str = ""
    timeframes: tuple[str, ...] = ()

    @property
    def required(self) -> bool:
        return bool(self.why)
