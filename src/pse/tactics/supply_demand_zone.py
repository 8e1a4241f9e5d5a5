"""Supply and demand zones: an order that waits where price left a base in a hurry, or at the close that came back out of it.

Demand side: a zone that scores well has a limit order rest at its near line; one that scores a little less is bought only after price has touched it and
closed above it again.  Stop beyond the far line, target before the nearest zone of the other side.  An order lives for a trading day and is taken back when
its zone ends or no longer scores; the zone is proposed again on the next.  The market condition and the account refuse later, at the gates.
"""

from __future__ import annotations

from fractions import Fraction
from math import isnan
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from pse.domain.bars import timeframe_ns
from pse.domain.base import Frozen
from pse.domain.instruments import Instrument
from pse.domain.sessions import DAY_NS, MINUTE_NS
from pse.domain.setups import Setups, Told
from pse.features.feature import Known
from pse.features.objects import object_ids
from pse.features.zones import Zones
from pse.kernels.codes import FAM_ZONE, ZONE_ALIGNMENTS, ZONE_FRESHNESS, ZONE_PATTERNS, ZONE_STRENGTHS, ZONE_TIMES
from pse.kernels.contract import CANCEL, ENTER, INVALID_CLOSE, LIMIT, NO_PARTIAL, OVERNIGHT, REFUSED, SETUP_DTYPE
from pse.kernels.targets import EPS, OTHER_ZONE
from pse.kernels.zone_offers import OFFER_RULES_DTYPE, Calendar, offer_zones
from pse.kernels.zones import POINTS
from pse.tactics.finds import or_none, records
from pse.tactics.scan import FeatureView
from pse.tactics.timing import decided_at, end_of_next_session, next_open

FIRST_PRECEDENCE = 10                # behind the tactics that share a gap
GROUPS_FROM = 2**32                  # groups of zones are never those of gaps
CONFLICT_GAP = 0.05                  # scores of both directions that lie no farther apart would leave the instant without a trade
TRENDS = {1: "uptrend", -1: "downtrend", 0: "sideways"}
HOUR_NS = 60 * MINUTE_NS


class SupplyDemandZone(Frozen):
    """Supply and demand zones, scored out of nine."""

    name: ClassVar[str] = "supply_demand_zone"
    label: ClassVar[str] = "Supply/demand zone"
    version: ClassVar[str] = "1"

    timeframe: Literal["", "5m", "15m", "30m", "1h", "4h", "1d"] = Field("", description="bars that the zones are found on; empty: the desk's decision bars")
    rest_score: float = Field(7 / 9, ge=0, le=1, description="score from which an order rests at the zone, share of nine points")
    confirm_score: float = Field(6 / 9, ge=0, le=1, description="score from which a zone is traded after a touch and a close out of it, share of nine points")
    confirm_bars: int = Field(2, ge=0, le=20, description="bars after the first touch within which that close must come")
    min_reward_r: float = Field(1.5, ge=0, le=20, description="least reward of a trade in R")
    daily_reach_atr: float = Field(2.0, gt=0, le=50, description="farthest resting order from the close of a daily bar, in ATR")
    intraday_reach_atr: float = Field(6.0, gt=0, le=200, description="the same of a bar within the day")
    zones: Zones = Zones()

    def symbols(self) -> tuple[str, ...]:
        """It reads the traded symbol alone."""
        return ()

    def timeframes(self, of: str) -> tuple[str, ...]:
        """The bars of the zones, where they are others."""
        return (self.timeframe,) if self.timeframe not in ("", of) else ()

    def scan(self, features: FeatureView, instrument: Instrument) -> Setups:
        """All setups, orders taken back and refused finds, in order of time; see `pse.tactics.scan.Tactic`."""
        known = features.known.at(self.timeframe) if self.timeframes(features.decision.timeframe) else features.known
        zones, calendar = known.objects(self.zones)["zones"], calendar_of(features, known)
        bound = self.zones.of(known.instrument)
        offers = offer_zones(bound.bars(known), calendar, zones.copy(), bound.rules(known.timeframe), self._rules(known))
        rows, of = np.zeros(offers.size, SETUP_DTYPE), zones[offers["zone"]]
        rows["ts"], rows["kind"], rows["refusal"] = calendar.decided_at[offers["t"]], offers["kind"], np.where(offers["kind"] == REFUSED, offers["code"], 0)
        score = np.round(offers["points"] / POINTS, 10)
        event = np.where(offers["confirming"], offers["touch"], of["confirmed_at"])
        fields = {
            "direction": of["dir"], "order_type": LIMIT, "entry": offers["entry"], "stop": offers["stop"], "target": offers["target"], "target2": np.nan,
            "size_multiple": 1.0, "quality": score, "confidence": score, "rank_base": np.nan, "group": GROUPS_FROM + offers["zone"],
            "event_bar": known.bars.ts_close[event], "valid_until": offers["until"], "invalid_price": of["distal"] + known.bars.offset[offers["t"]],
            "invalid_flags": INVALID_CLOSE, "family": FAM_ZONE, "evidence": np.arange(offers.size),
            "plan_flags": NO_PARTIAL | (OVERNIGHT if timeframe_ns(known.timeframe) >= HOUR_NS else 0),
        }
        for name, values in fields.items():
            rows[name] = values
        choose(rows, offers)
        return Setups(rows, Told(rows.size, lambda: list(records(self._facts(known, zones, offers)))))

    def _rules(self, known: Known) -> Any:
        """What is asked of a zone, as the record that the kernel reads."""
        record = np.zeros(1, OFFER_RULES_DTYPE)
        for name in OFFER_RULES_DTYPE.names or ():
            if name != "reach_atr":
                record[name] = getattr(self, name)
        record["reach_atr"] = self.daily_reach_atr if timeframe_ns(known.timeframe) >= DAY_NS else self.intraday_reach_atr
        return record[0]

    def _facts(self, known: Known, zones: np.ndarray, offers: np.ndarray) -> dict[str, list[Any]]:
        bars, of, t = known.bars, zones[offers["zone"]], offers["t"]
        names = object_ids("zones", of, bars, known.timeframe)
        prices = zip(*(offers[name].tolist() for name in ("entry", "stop", "target")), strict=True)
        odds = offers["points"] / POINTS
        words = {"pattern": (of["pattern"], ZONE_PATTERNS), "strength": (offers["strength"], ZONE_STRENGTHS), "time": (offers["time"], ZONE_TIMES),
                 "freshness": (offers["freshness"], ZONE_FRESHNESS), "trend_alignment": (offers["alignment"], ZONE_ALIGNMENTS)}
        trend = self.zones.of(known.instrument).bars(known).trend[offers["scored_at"]]
        return {
            "objects": [[name] for name in names], "zone": names, "timeframe": [known.timeframe] * offers.size,
            **{name: [told[code] for code in codes.tolist()] for name, (codes, told) in words.items()},
            "trend": [TRENDS[side] for side in trend.tolist()], "points": offers["points"].tolist(),
            "odds_score": np.round(odds, 10).tolist(), "rho": offers["rho"].tolist(), "gap": of["gap"].tolist(),
            "touches": offers["touches"].tolist(), "penetration": offers["penetration"].tolist(), "risk_ratio": [risk_ratio(*three) for three in prices],
            "rr": or_none(offers["reward_r"]), "proximal": (of["proximal"] + bars.offset[t]).tolist(), "distal": (of["distal"] + bars.offset[t]).tolist(),
            "base_bars": (of["base_last"] - of["base_first"] + 1).tolist(), "base_from": bars.ts_open[of["base_first"]].tolist(),
            "base_until": bars.ts_close[of["base_last"]].tolist(), "confirmed": bars.ts_close[of["confirmed_at"]].tolist(),
            "scored": bars.ts_close[offers["scored_at"]].tolist(), "atr": or_none(known.atr[t]), "distance_points": offers["distance"].tolist(),
            "touched": [int(bars.ts_open[bar]) if bar >= 0 else None for bar in offers["touch"].tolist()],
            "entry_on": ["confirmation" if confirming else "touch" for confirming in offers["confirming"].tolist()],
            "ended": [why_ended(zone, bar) if kind == CANCEL else None for zone, bar, kind in zip(of, t.tolist(), offers["kind"].tolist(), strict=True)],
            "news_confidence": [0.0] * offers.size,
        }


def calendar_of(features: FeatureView, known: Known) -> Calendar:
    """When closes of the zones' bars are decided on, and until when their orders live.

    Of several that one decision bar is the first to see, the last speaks.  An order of daily bars lives to the end of the next session, another one to the
    end of its own.
    """
    bars = known.bars
    at, there = decided_at(features, bars.ts_close)
    speaks = there.copy()
    speaks[:-1] &= at[:-1] != at[1:]
    when = features.decision.ts_close[at] if len(features.decision) else np.zeros(at.size, np.int64)
    length = timeframe_ns(known.timeframe)
    if length >= DAY_NS:
        day_end = next_close = end_of_next_session(bars.sessions, bars.ts_close)
    else:
        since = next_open(bars.sessions, bars.ts_close)
        day_end, next_close = bars.sessions.close_ns[bars.session], np.minimum((since // length + 1) * length, end_of_next_session(bars.sessions, since))
    return Calendar(*(np.ascontiguousarray(column) for column in (bars.session, speaks, when, day_end, next_close)))


def choose(rows: np.ndarray, offers: np.ndarray) -> None:
    """Puts the orders of each instant in order: the highest score, then the nearest, then the newest zone.

    The others stand behind the first.  One of the other direction whose score is as good is refused: the two would be a conflict, and the nearer has it.
    """
    rows["precedence"] = np.where(rows["kind"] == CANCEL, 0, FIRST_PRECEDENCE)
    at = np.flatnonzero(rows["kind"] == ENTER)
    at = at[np.lexsort((-offers["zone"][at], offers["distance"][at], -offers["points"][at], rows["ts"][at]))]
    first = np.flatnonzero(np.r_[True, np.diff(rows["ts"][at]) != 0][:at.size])
    begin = np.repeat(first, np.diff(np.r_[first, at.size]))
    rows["precedence"][at] += np.arange(at.size) - begin
    best = at[begin]
    opposed = (rows["direction"][at] != rows["direction"][best]) & (rows["quality"][best] - rows["quality"][at] <= CONFLICT_GAP + EPS)
    rows["kind"][at[opposed]], rows["refusal"][at[opposed]], rows["precedence"][at[opposed]] = REFUSED, OTHER_ZONE, FIRST_PRECEDENCE


def why_ended(zone: np.void, t: int) -> str:
    """Why an order at the zone is taken back at bar t."""
    return next((word for word in ("violated", "nested", "expired") if zone[f"{word}_at"] <= t), "score")


def risk_ratio(entry: float, stop: float, target: float) -> str | None:
    """`3.8 / 1`: reward per risk with one decimal, of the prices as decimals, a half to the even digit; None without all three."""
    if isnan(entry) or isnan(stop) or isnan(target):
        return None
    at, out, aim = (Fraction(f"{price:.10f}") for price in (entry, stop, target))
    return f"{float(round(abs(aim - at) / abs(at - out), 1)):.1f} / 1"
