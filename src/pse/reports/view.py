"""A run as its reports see it: what the folder holds, read once."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from pse.store.run_tables import journal_lines, read_evidence, read_object, read_table

MOST_BREAKERS = 100_000


@dataclass(frozen=True, eq=False)
class RunView:
    """Manifest, metrics and tables of one run.

    `breakers`: the journal's BREAKER records.
    """

    folder: Path
    manifest: dict[str, Any]
    metrics: dict[str, Any]
    trades: pl.DataFrame
    equity: pl.DataFrame
    breakers: list[dict[str, Any]] = field(default_factory=list)

    @property
    def run_id(self) -> str:
        return str(self.manifest.get("run_id") or self.folder.name)

    @property
    def title(self) -> str:
        """Symbols, desk and window, as a heading."""
        return f"{', '.join(self.symbols)} · {self.manifest.get('desk', '')} · {self.window}"

    @property
    def symbols(self) -> list[str]:
        return [str(symbol) for symbol in self.manifest.get("symbols") or []]

    @property
    def window(self) -> str:
        start, end = (str(self.manifest.get(key) or "")[:10] for key in ("start", "end"))
        return f"{start or 'first bar'} to {end or 'last bar'}"

    @property
    def instruments(self) -> dict[str, dict[str, Any]]:
        """Instrument settings by symbol, as the run had them."""
        found = (self.manifest.get("settings") or {}).get("instruments")
        return found if isinstance(found, dict) else {}

    @property
    def currency(self) -> str:
        account = (self.manifest.get("settings") or {}).get("account")
        return str(account.get("currency", "USD")) if isinstance(account, dict) else "USD"

    @cached_property
    def refused(self) -> pl.DataFrame:
        """Refused setups in order of time, with the columns of `refused.SCHEMA`."""
        from pse.reports.refused import refused_setups

        return refused_setups(self.folder / "journal.jsonl")

    def evidence(self, setup_ids: set[str]) -> dict[str, dict[str, Any]]:
        """What the tactic measured, for the setups asked for."""
        return read_evidence(self.folder / "recommendations.json", setup_ids)


def read_run(run_dir: Path) -> RunView:
    """The view of a finished run's folder; `DamagedTable` where a file is missing or unreadable."""
    metrics = read_object(run_dir / "metrics.json")
    journal = run_dir / "journal.jsonl"
    breakers = journal_lines(journal, ("BREAKER",), limit=MOST_BREAKERS)["BREAKER"]
    return RunView(
        folder=run_dir,
        manifest=read_object(run_dir / "manifest.json"),
        metrics=metrics,
        trades=read_table(run_dir / "trades.parquet").sort("ts_entry", "trade_id"),
        equity=read_table(run_dir / "equity.parquet").sort("ts", maintain_order=True),
        breakers=breakers,
    )


def number(value: Any) -> float | None:
    """A finite number, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)
