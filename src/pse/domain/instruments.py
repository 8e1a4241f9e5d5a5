"""What can be traded or watched, and what one unit of it is."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from pse.domain.base import Frozen

SYMBOL_PATTERN = r"^[A-Z0-9][A-Z0-9._-]{0,31}$"
CURRENCY_PATTERN = r"^[A-Z]{3,5}$"


class Fees(Frozen):
    """What a trade costs besides slippage, in the quote currency, a side."""

    per_unit: float = Field(0.0, ge=0, description="money a contract or share, each side")
    basis_points: float = Field(0.0, ge=0, description="share of notional in 1/10000, each side")


class Instrument(Frozen):
    """One tradable thing; every field that sizing or rounding needs is required."""

    symbol: str = Field(pattern=SYMBOL_PATTERN)
    name: str
    kind: Literal["future", "stock", "crypto", "fx", "index"]
    tick: float = Field(gt=0, description="smallest price step")
    lot_step: float = Field(gt=0, description="smallest quantity step")
    point_value: float = Field(gt=0, description="money in the quote currency for one point and one unit")
    currency: str = Field(pattern=CURRENCY_PATTERN, description="what its price is quoted in")
    base: str | None = Field(None, pattern=CURRENCY_PATTERN, description="the currency that its price is the price of: it serves as a rate")
    calendar: str = Field(description="pandas-market-calendars name")
    min_notional: float = Field(0.0, ge=0)
    fees: Fees = Fees()
    slippage_ticks: float = Field(1.0, ge=0, description="half spread plus slip against us, market and stop fills")
    stop_cap_points: float | None = Field(None, gt=0, description="largest stop distance; none: 3 ATR of the decision bars")
    group: str | None = Field(None, description="instruments that count as one bet")
    micro: str | None = Field(None, description="symbol of the small contract that sizing falls back to")
    bars_of: str | None = Field(None, description="symbol whose bars this one trades on (a micro contract)")
    tradable: bool = True
    provider_names: dict[str, str] = Field(default_factory=dict, description="what each provider calls it")

    @model_validator(mode="after")
    def _base_is_a_currency_with_a_price(self) -> Self:
        if self.base is not None and self.kind not in ("fx", "crypto"):
            raise ValueError(f"base is for kinds fx and crypto, whose price is that of a currency; this is a {self.kind}")
        if self.base is not None and self.base == self.currency:
            raise ValueError(f"base and currency are both {self.base}; a rate is between two")
        return self

    @property
    def across_sessions(self) -> bool:
        """Whether swings and gaps may span a session break: no for shares and indices, yes elsewhere."""
        return self.kind not in ("stock", "index")
