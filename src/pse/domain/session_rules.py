"""What a calendar gets wrong, or never knew, as dated facts that a user can read and extend."""

from __future__ import annotations

import datetime
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from pse.domain.base import Frozen

WallTime = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]


class SessionRule(Frozen):
    """One line of `sessions:` in configs/instruments.yaml: it holds for the trading days first..last, both included.

    Times are wall times of the calendar's own zone, `hh:mm`; an `open` at or after the `close` lies on the day before.  Later lines win, field by field.
    """

    calendar: str = Field(description="pandas-market-calendars name")
    first: datetime.date | None = Field(None, description="first trading day; none: since ever")
    last: datetime.date | None = Field(None, description="last trading day; none: until further notice")
    open: WallTime | None = None
    close: WallTime | None = Field(None, description="replaces regular closes; an earlier close that the calendar knows stays")
    early_close: WallTime | None = Field(None, description="replaces any close of these days")
    halt: tuple[WallTime, WallTime] | None = Field(None, description="minutes inside the session in which nothing trades")
    rth: tuple[WallTime, WallTime] | None = Field(None, description="regular hours")
    closed: bool = Field(False, description="no session on these days")
    reason: str = Field("", description="where the fact comes from")

    @model_validator(mode="after")
    def _is_ordered(self) -> Self:
        if self.first and self.last and self.first > self.last:
            raise ValueError(f"first {self.first} is after last {self.last}")
        return self

    def holds_on(self, day: datetime.date) -> bool:
        """Whether the trading day lies in first..last."""
        return (self.first is None or self.first <= day) and (self.last is None or day <= self.last)
