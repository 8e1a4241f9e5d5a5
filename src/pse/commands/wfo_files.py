"""The folder of a walk-forward: what is written there beside the manifest, and how it is read again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pse.commands.wfo_folds import FoldRun, overrides
from pse.commands.wfo_judged import Beside, Chosen, matrix_of, of_path
from pse.commands.wfo_search import Candidate, Walk
from pse.domain.errors import DamagedTable, RequestError
from pse.domain.trials import TRIAL_TRADE
from pse.store.files import read_json, write_atomic, write_json
from pse.store.runs import METRICS, OOS_EQUITY, OOS_TRADES, OVERRIDES, RANDOM_ENTRIES, REGIMES, RETURNS, WFO, Run, load_run

if TYPE_CHECKING:
    import polars as pl

COMMAND = "wfo"


def write_judged(folder: Path, walk: Walk, candidates: Sequence[Candidate], chosen: Chosen, beside: Beside, found: Mapping[str, Any]) -> None:
    """wfo.json, the tables that it was made of, regimes and figures."""
    import polars as pl

    from pse.research.court import NULL_FIGURES

    write_json(folder / WFO, found)
    dates, table = matrix_of(walk, candidates)
    write_table(folder / RETURNS, pl.DataFrame({"session_date": dates} | {one.id: table[:, column] for column, one in enumerate(candidates)}))
    out = of_path(chosen, candidates[0])
    none = pl.Series([None] * out.dates.size, dtype=pl.Float64)
    equity = {"session_date": out.dates, "fold": np.array(found["stitched"]["fold"], np.int32), "equity": out.equity}
    other = {name: none if one is None else one.equity for name, one in (("pessimistic", beside.strict), ("optimistic", beside.kind))}
    write_table(folder / OOS_EQUITY, pl.DataFrame(equity | other))
    write_table(folder / OOS_TRADES, pl.DataFrame({name: np.ascontiguousarray(out.trades[name]) for name in TRIAL_TRADE.names or ()}))
    if beside.nulls is not None and beside.nulls.size:
        write_table(folder / RANDOM_ENTRIES, pl.DataFrame({name: beside.nulls[:, column] for column, name in enumerate(NULL_FIGURES)}))
    write_json(folder / REGIMES, {"series": "stitched out of sample", "regimes": found["court"]["regimes"], "years": found["court"]["years"]})
    write_json(folder / METRICS, metrics_of_walk(found))


def write_overrides(folder: Path, runs: Sequence[FoldRun]) -> None:
    write_json(folder / OVERRIDES, overrides(runs))


def metrics_of_walk(found: Mapping[str, Any]) -> dict[str, Any]:
    """The stitched figures, as `pse runs list` shows them, with the verdict."""
    court = found["court"]
    return {**found["stitched"]["figures"], "verdict": court["verdict"], "clause": court["clause"]["code"], "trials": found["ledger_trials"]}


def write_table(path: Path, table: pl.DataFrame) -> None:
    buffer = BytesIO()
    table.write_parquet(buffer)
    write_atomic(path, buffer.getvalue())


def load_walk(context: Any, run_id: str) -> tuple[Run, dict[str, Any]]:
    """A finished walk-forward and its wfo.json."""
    run = load_run(context.home, run_id)
    if run.manifest.command != COMMAND:
        raise RequestError(f"run {run.run_id} is a {run.manifest.command}; expected a walk-forward, whose end was sealed: `pse runs list` shows them")
    if run.manifest.status != "finished":
        raise RequestError(f"run {run.run_id} is {run.status}; expected a finished walk-forward; run its command again")
    path = run.folder / WFO
    found = read_json(path) if path.is_file() else None
    if not isinstance(found, dict):
        raise DamagedTable(f"{path} does not hold what `pse wfo` wrote there; restore it from a copy, or run the walk-forward again")
    return run, found
