"""Fill rules as data: what a bar must do before an order counts as filled, and at what price."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from pse.domain.base import Frozen
from pse.domain.instruments import Slippage

ENTRY_BAR_TARGET = ("never", "after", "reached")          # in the order of NEVER_COUNTS, AFTER_COUNTS and REACH_COUNTS of kernels/matching.py


class FillPolicy(Frozen):
    """One entry of `configs/fills.yaml`."""

    description: str = ""
    bars: Literal["desk", "finest"] = Field("desk", description="bars that fill: the desk's base bars, or the finest stored ones that make them (decisions and "
                                                                "plans stay on the desk's)")
    through_ticks: float = Field(1.0, ge=0, le=1000, description="ticks that a bar must trade beyond a limit, so that a resting order was reached")
    target_through_ticks: float | None = Field(None, ge=0, le=1000, description="the same beyond a target; none: as through_ticks")
    price_improvement: bool = Field(False, description="a limit or target that the open has passed fills at the open; false: at its own price")
    gap_entry: Literal["open", "limit"] = Field("open", description="where a limit fills whose bar opens at or beyond its stop")
    ambiguous: Literal["stop", "target"] = Field("stop", description="which leg a bar fills that reaches both and whose open decides nothing")
    entry_bar_target: Literal["never", "after", "reached"] = Field(
        "after", description="when a target counts in the bar of its entry: never; where it must have come after (entries at the open, fired stop entries); "
                             "wherever the bar reaches it")
    entry_bar_stop: Literal["reached", "after"] = Field(
        "reached", description="when a stop counts in the bar of its entry: wherever the bar reaches it, or where it must have come after")
    volume_share: float = Field(0.10, gt=0, le=1, description="share of a bar's volume that an entry may take, at least one lot")
    slippage_ticks: float | None = Field(None, ge=0, le=100_000, description="instead of each instrument's own; none: the instrument's")
    slippage: Slippage | None = Field(None, description="instead of each instrument's own; none: the instrument's")
    slippage_factor: float = Field(1.0, ge=0, le=100, description="times the slippage")
    first_minute_factor: float = Field(1.0, ge=0, le=100, description="times the slippage in a bar that opens in the first minute of a session or of regular "
                                                                      "hours")
    outside_hours_factor: float = Field(1.0, ge=0, le=100, description="times the slippage outside regular hours")
    roll: Literal["close", "carry"] = Field("close", description="a held future at its roll: closed at the old contract's last price, or closed there and "
                                                                 "opened again on the new contract, with the costs of both")
    decision_latency_ms: float = Field(1000.0, ge=0, description="from the decision to the order, for rules")

    def rules(self) -> dict[str, float]:
        """The fields of the policy record that these rules fill."""
        aim = self.through_ticks if self.target_through_ticks is None else self.target_through_ticks
        return {
            "through_ticks": self.through_ticks, "target_through_ticks": aim, "improves": self.price_improvement, "gap_at_limit": self.gap_entry == "limit",
            "target_first": self.ambiguous == "target", "entry_bar_target": ENTRY_BAR_TARGET.index(self.entry_bar_target),
            "entry_bar_stop": self.entry_bar_stop == "reached", "volume_share": self.volume_share, "slippage_factor": self.slippage_factor,
            "first_minute_factor": self.first_minute_factor, "outside_hours_factor": self.outside_hours_factor, "roll_carry": self.roll == "carry",
            "latency_ns": int(self.decision_latency_ms * 1e6)}
