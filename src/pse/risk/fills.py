"""Fill rules as data: what a bar must do before an order counts as filled."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from pse.domain.base import Frozen


class FillPolicy(Frozen):
    """One entry of `configs/fills.yaml`."""

    description: str = ""
    through_ticks: float = Field(1.0, ge=0, description="ticks that a bar must trade beyond a limit or target")
    volume_share: float = Field(0.10, gt=0, le=1, description="share of a bar's volume that an entry may take, at least one lot")
    slippage_factor: float = Field(1.0, ge=0, description="times the instrument's slippage ticks")
    decision_latency_ms: float = Field(1000.0, ge=0, description="from the decision to the order, for rules")
    bars: Literal["desk", "finest"] = Field("desk", description="bars that fill: the desk's base bars, or the finest stored ones that make them (decisions and "
                                                                "plans stay on the desk's)")
