"""Whether the best of many configurations beats doing nothing by more than the best of many worthless ones would: White's reality check, and Hansen's
test of superior predictive ability.

The benchmark is cash: a return of zero.  Returns are over each column's own spread, so that a configuration with small positions is not drowned by a large
one.  What was tried and is not among the columns is not seen here.  White (2000), Econometrica 68; Hansen (2005), J. Business & Economic Statistics 23.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pse.domain.errors import RequestError
from pse.research.bootstrap import block_length
from pse.research.deflated import sharpe_of_columns

DRAWS, MIN_SESSIONS = 1_000, 50
KINDS = ("lower", "consistent", "upper")
MEANING = "upper is White's reality check, consistent is Hansen's choice between it and the lower bound"


def reality_check(matrix: np.ndarray, seed: int, draws: int = DRAWS, block: float | None = None, studentised: bool = True) -> dict[str, Any]:
    """p values (`lower`, `consistent`, `upper`) that no column is better than cash, by stationary resampling of the sessions; None each with `why` where
    there is too little.  A p value is that of the share of draws, at least one in `draws` + 1.

    matrix: float64[T, N], finite, one return a session.  block: mean block in sessions; None: by `common_block`.
    """
    if not np.isfinite(matrix).all():
        raise RequestError("the reality check needs a finite return for every session and configuration; expected the sessions that all of them have")
    sessions, columns = matrix.shape
    moving = matrix[:, np.isfinite(sharpe_of_columns(matrix))] if sessions else matrix[:, :0]
    if sessions < MIN_SESSIONS or moving.shape[1] == 0:
        why = f"{sessions} sessions; from {MIN_SESSIONS} on" if sessions < MIN_SESSIONS else f"none of {columns} configurations has a return that moves"
        return {**dict.fromkeys(KINDS), "draws": 0, "block": None, "configurations": columns, "why": why, "text": why}
    length = math.ceil(common_block(moving) if block is None else block)
    scaled = moving / moving.std(axis=0, ddof=1) if studentised else moving
    found = _arch(scaled, length, draws, seed)
    shares = {kind: (round(value * draws) + 1) / (draws + 1) for kind, value in found.items()}
    text = (f"The best of {moving.shape[1]} would look this good by chance in {100.0 * shares['consistent']:.1f} % of worlds in which none is better than cash "
            f"({draws:,} draws in blocks of {length} session{'s' * (length != 1)} on average; {MEANING}).")
    return {**shares, "draws": draws, "block": length, "configurations": moving.shape[1], "why": "", "text": text}


def common_block(matrix: np.ndarray) -> float:
    """One mean block for all columns: the middle one of theirs, but not below that of the column with the best Sharpe ratio."""
    ratios = sharpe_of_columns(matrix)
    lengths = np.array([block_length(matrix[:, j]) for j in range(matrix.shape[1])])
    return float(max(np.median(lengths), lengths[int(np.nanargmax(ratios))]))


def _arch(returns: np.ndarray, block: int, draws: int, seed: int) -> dict[str, float]:
    try:
        from arch.bootstrap import SPA
    except ImportError as error:
        raise RequestError("the reality check needs the package arch, which is not installed; run: pip install 'pse-toolkit[research]'") from error
    # Losses: those of cash are zero, those of a configuration its returns with the sign changed.
    test = SPA(np.zeros(returns.shape[0]), -returns, block_size=block, reps=draws, bootstrap="stationary", seed=seed)
    test.compute()
    return {kind: float(test.pvalues[kind]) for kind in KINDS}
