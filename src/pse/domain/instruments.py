"""What can be traded or watched, and what one unit of it is."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from pse.domain.base import Frozen

SYMBOL_PATTERN = r"^[A-Z0-9][A-Z0-9._-]{0,31}$"
CURRENCY_PATTERN = r"^[A-Z]{3,5}$"


class Fees(Frozen):
    """What a trade costs besides slippage, in the quote currency, a side.

    An order pays by the unit and by its value, at least `minimum` and at most `maximum`; its fills in parts are one order.
    """

    per_unit: float = Field(0.0, ge=0, description="money a contract or share, each side")
    basis_points: float = Field(0.0, ge=0, le=10_000, description="share of notional in 1/10000, each side")
    minimum: float = Field(0.0, ge=0, description="least money an order, over all its fills")
    maximum: float | None = Field(None, gt=0, description="most money an order; none: no limit")
    maximum_basis_points: float | None = Field(None, gt=0, le=10_000, description="most of an order in 1/10000 of its value, which goes before the minimum; "
                                                                                  "none: no limit")

    @model_validator(mode="after")
    def _the_least_is_not_more_than_the_most(self) -> Self:
        if self.maximum is not None and self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum:g} is more than maximum {self.maximum:g}; lower the one or raise the other")
        return self


class Slippage(Frozen):
    """What market and stop fills pay beyond fixed ticks.  All parts add up; a part of 0 is off."""

    spread_share: float = Field(0.0, ge=0, le=10, description="share of the spread quoted at the decision, instead of slippage_ticks where one is known; "
                                                              "0.5 is half a spread")
    volatility_share: float = Field(0.0, ge=0, le=1, description="share of the ATR of the decision bar")
    impact: float = Field(0.0, ge=0, le=10, description="times ATR of the decision bar x square root of the fill's share of its bar's volume; of an unknown "
                                                        "volume the whole")


class Margin(Frozen):
    """Equity that one unit ties up, under `limits.margin: margin`: money a contract of a future, else a share of its value.

    Of a short sale this is what is asked beside its own proceeds: the 150 % of Regulation T are 0.5 here.
    """

    initial: float = Field(gt=0, description="to open: money a contract, or share of the value")
    maintenance: float = Field(gt=0, description="to keep; below it positions are closed")
    short_initial: float | None = Field(None, gt=0, description="of a short sale; none: as above")
    short_maintenance: float | None = Field(None, gt=0, description="of a short sale; none: as above")

    @model_validator(mode="after")
    def _keeping_costs_no_more_than_opening(self) -> Self:
        for opened, kept, side in ((self.initial, self.maintenance, ""), (self.of(-1)[0], self.of(-1)[1], "short_")):
            if kept > opened:
                raise ValueError(f"{side}maintenance {kept} is above {side}initial {opened}: what was just opened would be closed; lower it")
        return self

    def of(self, direction: int) -> tuple[float, float]:
        """(initial, maintenance) of a side."""
        if direction > 0:
            return self.initial, self.maintenance
        return self.short_initial or self.initial, self.short_maintenance or self.maintenance


# Where an instrument says nothing: Regulation T (12 CFR 220.12) to open, FINRA rule 4210 to keep; coins are paid in full.
MARGINS = {"stock": Margin(initial=0.5, maintenance=0.25, short_initial=0.5, short_maintenance=0.3), "crypto": Margin(initial=1.0, maintenance=1.0)}


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
    slippage: Slippage = Field(Slippage(), description="what market and stop fills pay beyond slippage_ticks")
    stop_cap_points: float | None = Field(None, gt=0, description="largest stop distance; none: 3 ATR of the decision bars")
    group: str | None = Field(None, description="instruments that count as one bet")
    micro: str | None = Field(None, description="symbol of the small contract that sizing falls back to")
    bars_of: str | None = Field(None, description="symbol whose bars this one trades on (a micro contract)")
    tradable: bool = True
    shortable: bool = Field(True, description="whether it may be sold short; false: short entries are refused")
    borrow_rate: float = Field(0.0, ge=0, le=10, description="a year, of the value of what is sold short, charged at the start of each trading day; 0: free")
    margin: Margin | None = Field(None, description="none: Regulation T of a stock, the whole value of a coin; a future has none of its own")
    provider_names: dict[str, str] = Field(default_factory=dict, description="what each provider calls it")

    @model_validator(mode="after")
    def _base_is_a_currency_with_a_price(self) -> Self:
        if self.base is not None and self.kind not in ("fx", "crypto"):
            raise ValueError(f"base is for kinds fx and crypto, whose price is that of a currency; this is a {self.kind}")
        if self.base is not None and self.base == self.currency:
            raise ValueError(f"base and currency are both {self.base}; a rate is between two")
        return self

    @model_validator(mode="after")
    def _margin_is_in_its_unit(self) -> Self:
        if self.margin is not None and self.kind == "future" and self.margin.initial < 1.0:
            raise ValueError(f"margin.initial of a future is money a contract; {self.margin.initial} looks like a share of its value")
        if self.margin is not None and self.kind != "future" and self.margin.initial > 10.0:
            raise ValueError(f"margin.initial of a {self.kind} is a share of its value; {self.margin.initial} looks like money; write 0.5 for a half")
        return self

    @property
    def asked_margin(self) -> Margin | None:
        """What one unit ties up; none where nothing says so."""
        return self.margin or MARGINS.get(self.kind)

    @property
    def across_sessions(self) -> bool:
        """Whether swings and gaps may span a session break: no for shares and indices, yes elsewhere."""
        return self.kind not in ("stock", "index")
