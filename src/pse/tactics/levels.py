"""The prices a target may stand before, as one table: liquidity pools, support and resistance, near edges of opposing gaps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pse.kernels.contract import POOL_KINDS
from pse.kernels.pricing import TARGET_LEVEL_DTYPE
from pse.tactics.scan import FeatureView

CLUSTER, FVG_EDGE, R_MULTIPLE = POOL_KINDS.index("CLUSTER"), POOL_KINDS.index("FVG_EDGE"), POOL_KINDS.index("R_MULTIPLE")


@dataclass(frozen=True, eq=False)
class TargetLevels:
    """`rows` TARGET_LEVEL_DTYPE in order of `known_at`; `kind` (index in POOL_KINDS) and `source` (row in the table it came from), int64 alike."""

    rows: np.ndarray
    kind: np.ndarray
    source: np.ndarray


def target_levels(features: FeatureView, gap_edge_priority: float, inverse_gaps: bool) -> TargetLevels:
    """All levels of the features, forward adjusted.

    A pool counts from `known_at` until it ends.  A cluster counts one bar later on both sides: a bar is tested against the levels before it.
    The near edge of a valid gap counts against trades of the other direction until the gap is inverted or stale.
    """
    parts = (_pools(features.pools), _clusters(features.levels), _gap_edges(features.gaps, gap_edge_priority, inverse_gaps))
    rows, kind, source = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(rows["known_at"], kind="stable")
    return TargetLevels(rows[order], kind[order], source[order])


def _table(price: np.ndarray, priority: np.ndarray | float, known_at: np.ndarray, ended_at: np.ndarray, side: np.ndarray | int) -> np.ndarray:
    """The columns as rows."""
    rows = np.empty(price.size, TARGET_LEVEL_DTYPE)
    rows["price"], rows["priority"], rows["known_at"], rows["ended_at"], rows["side"] = price, priority, known_at, ended_at, side
    return rows


def _pools(pools: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rows = _table(pools["level"], pools["priority"], pools["known_at"], pools["ended_at"], 0)
    return rows, pools["kind"], np.arange(rows.size)


def _clusters(levels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    source = np.flatnonzero(levels["touches"] >= 2)          # a level of one touch is a pool, and ends with it
    levels = levels[source]
    rows = _table(levels["price"], levels["priority"], levels["known_at"] + 1, levels["ended_at"] + 1, 0)
    return rows, np.full(rows.size, CLUSTER), source


def _gap_edges(gaps: np.ndarray, priority: float, inverse_gaps: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    source = np.flatnonzero(gaps["valid"] & (~gaps["inverse"] | inverse_gaps))
    gaps = gaps[source]
    edge = np.where(gaps["dir"] > 0, gaps["top"], gaps["bottom"])
    rows = _table(edge, priority, gaps["formed_at"], np.minimum(gaps["inverted_at"], gaps["stale_at"]), -gaps["dir"])
    return rows, np.full(rows.size, FVG_EDGE), source
