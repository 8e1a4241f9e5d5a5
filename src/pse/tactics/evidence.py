"""What a find rested on, as json-ready dicts: object ids, scores, prices as traded.

Ids are `type:symbol:timeframe:direction:ts_open` of the bar that defines the object, so a second look at the same bars gives the same ids.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import isnan
from typing import Any

import numpy as np

from pse.kernels.codes import MARKET_STATES, TCC_CLASSES
from pse.kernels.contract import POOL_KINDS
from pse.kernels.retests import POI_KINDS
from pse.kernels.targets import CODES
from pse.tactics.levels import CLUSTER, FVG_EDGE, R_MULTIPLE, TargetLevels
from pse.tactics.scan import FeatureView

SCORES = {"disp": "q_disp", "close": "q_close", "fvg": "q_fvg_next", "sweep": "q_sweep", "vol": "q_vol", "level": "q_level", "htf": "q_htf"}
PRICED = {"atr": None, "buffer_points": "buffer", "risk_points": "risk", "cap_points": "cap", "stop_widened": "widened", "rr": "rr", "rr_star": "rr_star",
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
        return _records({**self._objects(tags), "mqs": self._scores(tags), **self._pois(tags), **self._regime(tags), **self._priced(tags, finds),
                         **self._targets(finds)})

    def refusals(self, tags: np.ndarray, finds: np.ndarray) -> Iterator[dict[str, Any]]:
        """One dict a refused find: the code, the moment, the prices and its evidence; `blocked_by` names the level of TP_BLOCKED."""
        blocked_by = [self._level_id(row) for row in finds["blocker"].tolist()]
        size = [0] * tags.size
        columns = {"ts": self.ts_close[tags["t"]].tolist(), "symbol": size, "tactic": size, "direction": tags["dir"].tolist(),
                   "code": [CODES[code] for code in finds["code"].tolist()], "entry": finds["entry"].tolist(), "stop": _or_none(finds["stop"]),
                   "blocked_by": blocked_by}
        for head, body in zip(_records(columns), self.evidence(tags, finds), strict=True):
            yield head | body

    def _ids(self, kind: str, direction: np.ndarray, bar: np.ndarray) -> list[str]:
        return [f"{kind}:{self.stem}:{d}:{ts}" for d, ts in zip(direction.tolist(), self.ts_open[bar].tolist(), strict=True)]

    def _objects(self, tags: np.ndarray) -> dict[str, list[Any]]:
        breaks, gaps = self.features.breaks[tags["shift"]], self.features.gaps[tags["gap"]]
        shifts, fvgs = self._ids("mss", breaks["dir"], breaks["t"]), self._ids("fvg", gaps["dir"], gaps["mid_bar"])
        return {"objects": [list(pair) for pair in zip(shifts, fvgs, strict=True)], "mss": shifts, "fvg": fvgs,
                "order_block": [self._block_id(row) for row in tags["block"].tolist()],
                "sweep": [self._sweep_id(row) for row in breaks["sweep"].tolist()]}

    def _block_id(self, row: int) -> str | None:
        if row < 0:
            return None
        block = self.features.blocks[row]
        return f"ob:{self.stem}:{block['dir']}:{self.ts_open[block['idx']]}"

    def _sweep_id(self, row: int) -> str | None:
        if row < 0:
            return None
        sweep = self.features.sweeps[row]
        return f"sweep:{self.stem}:{sweep['dir']}:{self.ts_open[sweep['pierced_at']]}"

    def _scores(self, tags: np.ndarray) -> list[dict[str, Any]]:
        breaks = self.features.breaks[tags["shift"]]
        return list(_records({name: breaks[column].tolist() for name, column in SCORES.items()} | {"score": tags["mqs"].tolist()}))

    def _pois(self, tags: np.ndarray) -> dict[str, list[Any]]:
        offset = self.features.decision.offset[tags["t"]]
        lower, upper = np.minimum(tags["near"], tags["far"]) + offset, np.maximum(tags["near"], tags["far"]) + offset
        return {"poi": [list(pair) for pair in zip(lower.tolist(), upper.tolist(), strict=True)],
                "poi_kind": [POI_KINDS[kind] for kind in tags["poi_kind"].tolist()],
                "fill": (tags["fill"] + 0.0).tolist(), "tol": tags["tol"].tolist(), "episode": tags["episode"].tolist()}

    def _regime(self, tags: np.ndarray) -> dict[str, list[Any]]:
        tcc, tcc_dir, mcs = (self.features.columns[name][tags["t"]].tolist() for name in ("tcc", "tcc_dir", "mcs"))
        return {"tcc": [TCC_CLASSES[code] for code in tcc], "tcc_dir": tcc_dir, "mcs": [MARKET_STATES[code] for code in mcs]}

    def _priced(self, tags: np.ndarray, finds: np.ndarray) -> dict[str, list[Any]]:
        atr = self.features.columns["atr"][tags["t"]]
        return {name: _or_none(finds[column] if column else atr) for name, column in PRICED.items()}

    def _targets(self, finds: np.ndarray) -> dict[str, list[Any]]:
        named: dict[str, list[Any]] = {}
        for target, row in (("target", "level"), ("target2", "level2")):
            rows, there = finds[row].tolist(), (~np.isnan(finds[target])).tolist()
            named[f"{target}_source"] = [self._source(r) if known else None for r, known in zip(rows, there, strict=True)]
            named[f"{target}_level"] = [self._level_id(r) for r in rows]
        return named

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


def _or_none(column: np.ndarray) -> list[Any]:
    """Values with NaN as None."""
    values = column.tolist()
    return [None if isnan(value) else value for value in values] if np.isnan(column).any() else values


def _records(columns: dict[str, list[Any]]) -> Iterator[dict[str, Any]]:
    """Columns as one dict a row."""
    names = tuple(columns)
    return (dict(zip(names, values)) for values in zip(*columns.values(), strict=True))  # noqa: B905
