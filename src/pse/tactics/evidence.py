"""What a find rested on, as json-ready dicts: object ids, scores, prices as traded.

Ids are `type:symbol:timeframe:direction:ts_open` of the bar that defines the object, so a second look at the same bars gives the same ids.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import isnan
from typing import Any

import numpy as np

from pse.kernels.contract import POOL_KINDS
from pse.kernels.retests import POI_KINDS
from pse.kernels.targets import CODES
from pse.tactics.levels import CLUSTER, FVG_EDGE, R_MULTIPLE, TargetLevels
from pse.tactics.scan import FeatureView

SCORES = {"disp": "q_disp", "close": "q_close", "fvg": "q_fvg_next", "sweep": "q_sweep", "vol": "q_vol", "level": "q_level", "htf": "q_htf"}
PRICED = {"atr": None, "buffer_points": "buffer", "risk_points": "risk", "cap_points": "cap", "stop_widened": "widened", "rr": "rr",
          "target_weight": "weight", "rr2": "rr2"}


class Journalist:
    """Writes the evidence of finds on one set of features."""

    def __init__(self, features: FeatureView, levels: TargetLevels) -> None:
        self.features, self.levels = features, levels
        bars = features.decision
        self.stem = f"{bars.symbol}:{bars.timeframe}"
        self.ts_open, self.ts_close = bars.ts_open, bars.ts_close

    def evidence(self, tags: np.ndarray, finds: np.ndarray) -> Iterator[dict[str, Any]]:
        """One dict a find; `objects` are the ids that make the setup the same thing everywhere."""
        for scores, poi, priced, objects, named in zip(self._scores(tags), self._pois(tags), self._priced(tags, finds), self._objects(tags),
                                                       self._targets(finds), strict=True):
            yield {**objects, "mqs": scores, **poi, **priced, **named}

    def refusals(self, tags: np.ndarray, finds: np.ndarray) -> Iterator[dict[str, Any]]:
        """One dict a refused find: its evidence, the moment, the prices and the code; `blocked_by` names the level of TP_BLOCKED."""
        columns = (self.ts_close[tags["t"]], tags["dir"], finds["code"], finds["entry"], _or_none(finds["stop"]), finds["blocker"])
        for body, ts, direction, code, entry, stop, blocker in zip(self.evidence(tags, finds), *(_list(c) for c in columns), strict=True):
            yield {**body, "ts": ts, "symbol": 0, "tactic": 0, "direction": direction, "code": CODES[code], "entry": entry, "stop": stop,
                   "blocked_by": self._level_id(blocker)}

    def _ids(self, kind: str, direction: np.ndarray, bar: np.ndarray) -> list[str]:
        return [f"{kind}:{self.stem}:{d}:{ts}" for d, ts in zip(direction.tolist(), self.ts_open[bar].tolist(), strict=True)]

    def _objects(self, tags: np.ndarray) -> Iterator[dict[str, Any]]:
        breaks, gaps, blocks = self.features.breaks[tags["shift"]], self.features.gaps[tags["gap"]], self.features.blocks
        shifts, fvgs = self._ids("mss", breaks["dir"], breaks["t"]), self._ids("fvg", gaps["dir"], gaps["mid_bar"])
        for shift, fvg, b, s in zip(shifts, fvgs, tags["block"].tolist(), breaks["sweep"].tolist(), strict=True):
            block = f"ob:{self.stem}:{blocks['dir'][b]}:{self.ts_open[blocks['idx'][b]]}" if b >= 0 else None
            yield {"objects": [shift, fvg], "mss": shift, "fvg": fvg, "order_block": block, "sweep": self._sweep_id(s)}

    def _sweep_id(self, row: int) -> str | None:
        if row < 0:
            return None
        sweep = self.features.sweeps[row]
        return f"sweep:{self.stem}:{sweep['dir']}:{self.ts_open[sweep['pierced_at']]}"

    def _scores(self, tags: np.ndarray) -> Iterator[dict[str, Any]]:
        breaks = self.features.breaks[tags["shift"]]
        columns = {name: breaks[column].tolist() for name, column in SCORES.items()} | {"score": tags["mqs"].tolist()}
        return _records(columns, tags.size)

    def _pois(self, tags: np.ndarray) -> Iterator[dict[str, Any]]:
        offset = self.features.decision.offset[tags["t"]]
        lower, upper = np.minimum(tags["near"], tags["far"]) + offset, np.maximum(tags["near"], tags["far"]) + offset
        columns = {"poi": [list(pair) for pair in zip(lower.tolist(), upper.tolist(), strict=True)],
                   "poi_kind": [POI_KINDS[k] for k in tags["poi_kind"].tolist()],
                   "fill": tags["fill"].tolist(), "tol": tags["tol"].tolist(), "episode": tags["episode"].tolist()}
        return _records(columns, tags.size)

    def _priced(self, tags: np.ndarray, finds: np.ndarray) -> Iterator[dict[str, Any]]:
        atr = self.features.columns["atr"][tags["t"]]
        return _records({name: _or_none(finds[column] if column else atr) for name, column in PRICED.items()}, tags.size)

    def _targets(self, finds: np.ndarray) -> Iterator[dict[str, Any]]:
        for row, row2, target, target2 in zip(*(_list(finds[c]) for c in ("level", "level2", "target", "target2")), strict=True):
            yield {"target_source": self._source(row) if not isnan(target) else None, "target_level": self._level_id(row),
                   "target2_source": self._source(row2) if not isnan(target2) else None, "target2_level": self._level_id(row2)}

    def _source(self, row: int) -> str:
        return POOL_KINDS[self.levels.kind[row] if row >= 0 else R_MULTIPLE]

    def _level_id(self, row: int) -> str | None:
        """Id of the object behind a row of the target levels; None for a plain multiple of risk."""
        if row < 0:
            return None
        kind, source = int(self.levels.kind[row]), int(self.levels.source[row])
        if kind == FVG_EDGE:
            gap = self.features.gaps[source]
            return f"fvg:{self.stem}:{gap['dir']}:{self.ts_open[gap['mid_bar']]}"
        if kind == CLUSTER:
            return f"cluster:{self.stem}:0:{self.ts_open[self.features.levels[source]['known_at']]}"
        pool = self.features.pools[source]
        return f"{POOL_KINDS[kind].lower()}:{self.stem}:{pool['side']}:{self.ts_open[pool['origin']]}"


def _list(column: np.ndarray | list[Any]) -> list[Any]:
    return column if isinstance(column, list) else column.tolist()


def _or_none(column: np.ndarray) -> list[Any]:
    """Values with NaN as None."""
    return [None if isnan(value) else value for value in column.tolist()]


def _records(columns: dict[str, list[Any]], size: int) -> Iterator[dict[str, Any]]:
    """Columns as one dict a row."""
    names = tuple(columns)
    return (dict(zip(names, values, strict=True)) for values in zip(*columns.values(), strict=True)) if size else iter(())
