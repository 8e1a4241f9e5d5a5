"""The evidence of a walk-forward, from the files that it left in its folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from pse.domain.errors import DamagedTable
from pse.domain.trials import TRIAL_TRADE, session_returns
from pse.research import verdict
from pse.research.court import NULL_FIGURES, Evidence, FoldScore, Series
from pse.store.run_tables import read_object, read_table
from pse.store.runs import Run, check_journal

WALK, RETURNS, EQUITY, TRADES, NULLS = "wfo.json", "returns.parquet", "oos_equity.parquet", "oos_trades.parquet", "random_entries.parquet"


def evidence_of_walk(run: Run, trials: int, raised: bool) -> tuple[Evidence, dict[str, Any]]:
    """What the court saw, with the count of trials as it is now; and what was judged."""
    check_journal(run)
    walk, folder = read_object(run.folder / WALK), run.folder
    candidates, capital = walk["candidates"], float(walk["capital_usd"])
    returns = read_table(folder / RETURNS)
    names = [one["id"] for one in candidates]
    if missing := [name for name in names if name not in returns.columns]:
        raise DamagedTable(f"{folder / RETURNS} has no column for {len(missing)} of {len(names)} configurations ({missing[0]}, ...); expected one for each of "
                           f"{WALK}; restore the file from a copy or run the walk-forward again")
    equity = read_table(folder / EQUITY)
    dates = equity["session_date"].to_numpy().astype(np.int32)
    stitched, strict, kind = (_series(equity, dates, name, capital) for name in ("equity", "pessimistic", "optimistic"))
    evidence = Evidence(
        dates=returns["session_date"].to_numpy().astype(np.int32), matrix=returns.select(names).to_numpy().astype(np.float64),
        params=[one["params"] for one in candidates], chosen=names.index(walk["chosen"]["id"]), stitched=stitched, pessimistic=strict, optimistic=kind,
        folds=_folds(walk), trades=_trades(read_table(folder / TRADES)), trials=trials, sessions_per_year=float(walk["sessions_per_year"]),
        lookahead=str(walk.get("lookahead") or _said_then(walk)), nulls=_nulls(folder / NULLS), seed=int(walk["seed"]),
        objective=_objective(candidates), sought=str(walk["objective"]),
        bring={"lookahead": "the same `pse wfo` without --no-audit runs it"})
    inputs = {"run_id": run.run_id, "chosen": walk["chosen"]["id"], "chosen_by": walk["chosen"].get("why", ""), "sessions": int(evidence.dates.size),
              "trials": evidence.tries, "raised": raised, "seed": evidence.seed, "sessions_per_year": evidence.sessions_per_year,
              "regimes": walk["court"].get("regimes") or []}
    return evidence, inputs


def _series(table: pl.DataFrame, dates: np.ndarray, name: str, capital: float) -> Series | None:
    if name not in table.columns or table[name].null_count():
        return None
    return Series(dates, session_returns(capital, table[name].to_numpy()))


def _objective(candidates: Sequence[Mapping[str, Any]]) -> np.ndarray | None:
    """What was sought, over the whole window; None where no configuration has any."""
    found = np.array([_number((one.get("objective") or {}).get("whole")) for one in candidates])
    return found if np.isfinite(found).any() else None


def _folds(walk: Mapping[str, Any]) -> list[FoldScore]:
    found = []
    for place, fold in enumerate(walk["folds"]):
        train, test = (np.array([_number(((one.get("objective") or {}).get(side) or [None] * len(walk["folds"]))[place]) for one in walk["candidates"]])
                       for side in ("train", "test"))
        inside, outside = (None if fold["chosen"] is None else fold[side] for side in ("in_sample", "out_of_sample"))
        found.append(FoldScore(int(fold["number"]), fold["chosen"], inside, outside, train, test))
    return found


def _trades(table: pl.DataFrame) -> np.ndarray:
    found = np.zeros(table.height, TRIAL_TRADE)
    for name in TRIAL_TRADE.names or ():
        if name in table.columns and table[name].dtype.is_numeric():
            found[name] = table[name].to_numpy()
    return found


def _nulls(path: Any) -> np.ndarray | None:
    return read_table(path).select(NULL_FIGURES).to_numpy().astype(np.float64) if path.is_file() else None


def _said_then(walk: Mapping[str, Any]) -> str:
    """What the look-ahead audit said when the walk-forward was judged."""
    told = [one["measured"] for one in walk["court"]["clauses"] if one["code"] == "lookahead"]
    return str(told[0] or verdict.NOT_RUN) if told else verdict.NOT_RUN


def _number(value: Any) -> float:
    return np.nan if value is None else float(value)
