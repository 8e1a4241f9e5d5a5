"""A walk-forward's tables as CSV that a spreadsheet may open: folds, configurations, the court's figures and clauses, equity and trades out of sample."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from pse.reports.sheets import safe
from pse.reports.view import number
from pse.reports.walk import Walk, score_in, whole_score

MOMENTS = {"entry": "entry_utc", "exit": "exit_utc"}


def walk_sheets(walk: Walk) -> dict[str, bytes]:
    """CSV files by name; UTF-8, null empty, moments ISO 8601 UTC."""
    tables = {"folds": folds(walk), "candidates": candidates(walk), "court": court(walk), "clauses": clauses(walk), "equity": equity(walk),
              "trades": trades(walk)}
    return {f"{name}.csv": _written(rows) for name, rows in tables.items()}


def folds(walk: Walk) -> list[dict[str, Any]]:
    """One row a fold: windows, what was chosen, its figures in and out of sample, those of the desk's own settings."""
    rows = []
    for fold in walk.folds:
        inside, outside = walk.scores(fold)
        place = fold.get("rank_out_of_sample") or [None, None]
        row = {"fold": fold["number"], "train": _windows(fold.get("train")), "test": _windows(fold.get("test")), "candidates": fold.get("candidates"),
               "objective_in_sample": inside, "objective_out_of_sample": outside, "rank": place[0], "ranked": place[1]}
        row |= {f"chosen {key}": (fold.get("chosen") or {}).get(key) for key in walk.keys}
        own = fold.get("own") or {}
        parts = {"in": fold.get("in_sample"), "out": fold.get("out_of_sample"), "own_in": own.get("in_sample"), "own_out": own.get("out_of_sample")}
        for name, figures in parts.items():
            row |= {f"{name}_{key}": value for key, value in (figures or {}).items()}
        rows.append(row | {"note": fold.get("note")})
    return rows


def _windows(spans: Any) -> str:
    return "; ".join(f"{span.get('start')}/{span.get('end')}" for span in spans or [])


def candidates(walk: Walk) -> list[dict[str, Any]]:
    """One row a configuration: its parameters, its figures over the whole searched window, its objective in every window, the folds that chose it."""
    rows = []
    for one in walk.candidates:
        row = {"id": one.get("id"), **{key: one["params"].get(key) for key in walk.keys}, "objective": whole_score(one), **(one.get("whole") or {}),
               "chosen_in": " ".join(map(str, one.get("chosen_in") or []))}
        for place, fold in enumerate(walk.folds):
            row |= {f"train_{fold['number']}": score_in(one, "train", place), f"test_{fold['number']}": score_in(one, "test", place)}
        rows.append(row)
    return rows


def court(walk: Walk) -> list[dict[str, Any]]:
    """One row a figure of the court."""
    rows = []
    for name, found in (walk.court.get("figures") or {}).items():
        low, high = found.get("interval") or (None, None)
        rows.append({"figure": name, "value": number(found.get("value")), "low": low, "high": high, "series": found.get("series"),
                     "convention": found.get("convention"), "text": found.get("text")})
    return rows


def clauses(walk: Walk) -> list[dict[str, Any]]:
    """One row a clause of the verdict."""
    decided = (walk.court.get("clause") or {}).get("code")
    return [{"verdict": walk.verdict, "clause": one.get("code"), "passed": one.get("passed"), "measured": _plain(one.get("measured")),
             "needed": _plain(one.get("needed")), "series": one.get("series"), "decided": one.get("code") == decided, "text": one.get("text")}
            for one in walk.court.get("clauses") or []]


def _plain(value: Any) -> str | None:
    """One text for what may be a number, a word or several numbers."""
    if value is None:
        return None
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def equity(walk: Walk) -> list[dict[str, Any]]:
    """One row a session of the stitched series."""
    lines = {"equity_usd": walk.stitched.get("equity")} | {name: (walk.stitched.get(name) or {}).get("equity") for name in ("pessimistic", "optimistic", "own")}
    columns = {"session_date": walk.stitched.get("dates") or [], "fold": walk.stitched.get("fold") or []}
    count = len(columns["session_date"])
    known = columns | {name: line for name, line in lines.items() if line and len(line) == count}
    return [dict(zip(known, values, strict=True)) for values in zip(*known.values(), strict=True)]


def trades(walk: Walk) -> list[dict[str, Any]]:
    """One row a trade out of sample."""
    rows = []
    for one in walk.stitched.get("trades") or []:
        row = {MOMENTS.get(key, key): _moment(value) if key in MOMENTS else value for key, value in one.items()}
        rows.append(row)
    return rows


def _moment(value: Any) -> Any:
    from pse.clock import iso

    return iso(value) if isinstance(value, int) else value


def _written(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Rows as the bytes of a CSV file; a column of mixed kinds is text, nested values are left out."""
    found = list(rows)
    names = list(dict.fromkeys(name for row in found for name in row))
    columns = {name: [row.get(name) for row in found] for name in names}
    flat = {name: _column(values) for name, values in columns.items() if not any(isinstance(value, list | dict) for value in values)}
    return safe(pl.DataFrame(flat, strict=False)).write_csv().encode("utf-8")


def _column(values: list[Any]) -> pl.Series:
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {int, float}:
        return pl.Series(values, dtype=pl.Float64 if float in kinds else pl.Int64, strict=False)
    if kinds <= {bool}:
        return pl.Series(values, dtype=pl.Boolean)
    return pl.Series([None if value is None else str(value) for value in values], dtype=pl.String)
