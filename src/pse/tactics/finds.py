"""From what a tactic found to rows of setups: entry, stop and targets on the grid, and the evidence that is the same for all of them.

A tactic hands over its finds (bar, direction, entry, the price that the stop stands behind) and what it measured; here they are priced and told.
Ids are `type:symbol:timeframe:direction:ts_open` of the bar that defines the object, so a second look at the same bars gives the same ids.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import isnan
from typing import Any

import numpy as np

from pse.domain.instruments import Instrument
from pse.domain.setups import Setups, Told
from pse.kernels.codes import MARKET_STATES, TCC_CLASSES
from pse.kernels.contract import ENTER, POOL_KINDS, REFUSED, SETUP_DTYPE
from pse.kernels.pricing import BRACKET_DTYPE, FIND_DTYPE, PRICING_DTYPE, price_finds
from pse.kernels.targets import OK
from pse.tactics.levels import CLUSTER, FVG_EDGE, R_MULTIPLE, TargetLevels, target_levels
from pse.tactics.rules import StopRules, TargetRules
from pse.tactics.scan import FeatureView

SCORES = {"disp": "q_disp", "close": "q_close", "fvg": "q_fvg", "sweep": "q_sweep", "vol": "q_vol", "level": "q_level", "htf": "q_htf"}
PRICED = {"risk_points": "risk", "cap_points": "cap", "stop_widened": "widened", "rr": "rr", "rr_star": "rr_star", "target_weight": "weight", "rr2": "rr2"}
ROW_PRICES = ("entry", "stop", "target", "target2")


@dataclass(frozen=True, eq=False)
class Priced:
    """Finds with their brackets, aligned; `levels` are those the brackets' level rows point into."""

    features: FeatureView
    finds: np.ndarray
    brackets: np.ndarray
    levels: TargetLevels

    def setups(self, fields: Mapping[str, Any], facts: Callable[[], Mapping[str, list[Any]]]) -> Setups:
        """One row a find in order of time: ENTER, or REFUSED with its code.

        `fields`: columns of SETUP_DTYPE beside ts, kind, direction, refusal and prices.  `facts`: what the tactic measured, a list a name (`objects`, the
        ids that make a setup the same thing everywhere, among them); asked for when the first evidence is looked at.
        """
        rows = np.zeros(self.finds.size, SETUP_DTYPE)
        rows["ts"] = self.features.decision.ts_close[self.finds["t"]]
        rows["direction"], rows["refusal"] = self.finds["dir"], self.brackets["code"]
        rows["kind"] = np.where(self.brackets["code"] == OK, ENTER, REFUSED)
        for name in ROW_PRICES:
            rows[name] = self.brackets[name]
        for name, values in fields.items():
            rows[name] = values
        rows["evidence"] = np.arange(rows.size)
        return Setups(rows, Told(rows.size, lambda: list(records({**facts(), **self._regime(), **self._priced(), **self._targets()}))))

    def _regime(self) -> dict[str, list[Any]]:
        tcc, tcc_dir, mcs = (self.features.columns[name][self.finds["t"]].tolist() for name in ("tcc", "tcc_dir", "mcs"))
        return {"tcc": [TCC_CLASSES[code] for code in tcc], "tcc_dir": tcc_dir, "mcs": [MARKET_STATES[code] for code in mcs]}

    def _priced(self) -> dict[str, list[Any]]:
        own = {"atr": or_none(self.features.columns["atr"][self.finds["t"]]), "buffer_points": or_none(self.finds["buffer"])}
        return own | {name: or_none(self.brackets[column]) for name, column in PRICED.items()}

    def _targets(self) -> dict[str, list[Any]]:
        named = {"blocked_by": self._level_ids(self.brackets["blocker"])}
        for target, row in (("target", "level"), ("target2", "level2")):
            rows, there = self.brackets[row], (~np.isnan(self.brackets[target])).tolist()
            kinds = np.where(rows >= 0, self.levels.kind[np.maximum(rows, 0)], R_MULTIPLE) if self.levels.kind.size else np.full(rows.size, R_MULTIPLE)
            named[f"{target}_source"] = [POOL_KINDS[kind] if known else None for kind, known in zip(kinds.tolist(), there, strict=True)]
            named[f"{target}_level"] = self._level_ids(rows)
        return named

    def _level_ids(self, rows: np.ndarray) -> list[str | None]:
        """Ids of the objects behind rows of the target levels; None for a plain multiple of risk."""
        features, found = self.features, np.full(rows.size, None, object)
        some = np.flatnonzero(rows >= 0)
        kind, source = self.levels.kind[rows[some]], self.levels.source[rows[some]]
        for one in np.unique(kind).tolist():
            mine = kind == one
            at = source[mine]
            if one == FVG_EDGE:
                found[some[mine]] = gap_ids(features, at)
            elif one == CLUSTER:
                found[some[mine]] = ids(features, "cluster", np.zeros(at.size, np.int64), features.levels["known_at"][at])
            else:
                found[some[mine]] = ids(features, POOL_KINDS[one].lower(), features.pools["side"][at], features.pools["origin"][at])
        return found.tolist()


def priced(features: FeatureView, instrument: Instrument, finds: np.ndarray, stop: StopRules, target: TargetRules, min_bars_between: int,
           inverse_gaps: bool = False) -> Priced:
    """The finds (FIND_DTYPE, sorted by bar, best first inside one) with stop and targets."""
    levels = features.known.once(("target_levels", target.gap_edge_priority, inverse_gaps),
                                 lambda: target_levels(features, target.gap_edge_priority, inverse_gaps))
    rules = np.zeros(1, PRICING_DTYPE)
    for name, value in target.model_dump(exclude={"max_atr", "gap_edge_priority"}).items():
        rules[name] = value
    rules["tick"], rules["target_max_atr"], rules["min_bars_between"] = instrument.tick, target.max_atr, min_bars_between
    rules["cap_points"] = np.nan if instrument.stop_cap_points is None else instrument.stop_cap_points
    rules["min_stop_ticks"], rules["min_stop_atr"], rules["cap_atr"] = stop.min_ticks, stop.min_atr, stop.cap_atr
    brackets = np.zeros(finds.size, BRACKET_DTYPE)
    columns = features.columns
    price_finds(finds, levels.rows, np.ascontiguousarray(features.decision.offset), columns["atr"], columns["tcc"], columns["tcc_dir"], rules[0], brackets)
    return Priced(features, finds, brackets, levels)


def finds_at(features: FeatureView, t: np.ndarray, direction: np.ndarray, code: np.ndarray, edge: np.ndarray, buffer: np.ndarray) -> np.ndarray:
    """FIND_DTYPE rows that enter at the close of bar t; `edge`: forward adjusted price that the stop stands behind, `buffer` points."""
    finds = np.zeros(t.size, FIND_DTYPE)
    finds["t"], finds["dir"], finds["code"] = t, direction, code
    finds["entry"], finds["edge"], finds["buffer"] = features.decision.close[t], edge + features.decision.offset[t], buffer
    return finds


# --- evidence ----------------------------------------------------------------------------------------------------------------------------------------


def ids(features: FeatureView, kind: str, direction: np.ndarray, bar: np.ndarray) -> list[str]:
    """Ids of objects of the decision bars."""
    bars = features.decision
    stem = f"{bars.symbol}:{bars.timeframe}"
    return [f"{kind}:{stem}:{d}:{ts}" for d, ts in zip(direction.tolist(), bars.ts_open[bar].tolist(), strict=True)]


def break_ids(features: FeatureView, rows: np.ndarray, kind: str = "mss") -> list[str]:
    """Ids of breaks of structure."""
    return ids(features, kind, features.breaks["dir"][rows], features.breaks["t"][rows])


def gap_ids(features: FeatureView, rows: np.ndarray) -> list[str]:
    """Ids of fair value gaps."""
    return ids(features, "fvg", features.gaps["dir"][rows], features.gaps["mid_bar"][rows])


def block_ids(features: FeatureView, rows: np.ndarray) -> list[str | None]:
    """Ids of order blocks; None for row -1."""
    return _some(rows, lambda at: ids(features, "ob", features.blocks["dir"][at], features.blocks["idx"][at]))


def sweep_ids(features: FeatureView, rows: np.ndarray) -> list[str | None]:
    """Ids of sweeps; None for row -1."""
    return _some(rows, lambda at: ids(features, "sweep", features.sweeps["dir"][at], features.sweeps["pierced_at"][at]))


def _some(rows: np.ndarray, named: Callable[[np.ndarray], list[str]]) -> list[str | None]:
    """Names of the rows that are there, None for the others."""
    found, there = np.full(rows.size, None, object), rows >= 0
    found[there] = named(rows[there])
    names: list[str | None] = found.tolist()
    return names


def mqs_facts(breaks: np.ndarray, score: str) -> list[dict[str, Any]]:
    """Components and score of the quality of breaks, BREAK_DTYPE; `score`: `mqs` as known at the break, `mqs_next` from the bar after it on."""
    parts = SCORES | {"fvg": "q_fvg" if score == "mqs" else "q_fvg_next", "score": score}
    return list(records({name: breaks[column].tolist() for name, column in parts.items()}))


def or_none(column: np.ndarray) -> list[Any]:
    """Values with NaN as None."""
    values = column.tolist()
    return [None if isnan(value) else value for value in values] if np.isnan(column).any() else values


def records(columns: Mapping[str, list[Any]]) -> Iterator[dict[str, Any]]:
    """Columns as one dict a row."""
    names = tuple(columns)
    return (dict(zip(names, values)) for values in zip(*columns.values(), strict=True))  # noqa: B905
