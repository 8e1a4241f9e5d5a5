"""A run as its reports see it: what the folder holds, read once."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from pse.research.trade_stats import complete
from pse.store.run_tables import journal_lines, read_object, read_setups, read_table

if TYPE_CHECKING:
    from pse.reports.lives import Life
    from pse.reports.refused import Told

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
    def told(self) -> Told:
        """What the journal tells of the setups."""
        from pse.reports.refused import told

        return told(self.folder / "journal.jsonl")

    @cached_property
    def portfolio(self) -> dict[str, Any]:
        """The account at the moment of the largest open risk (`worst`) and just before the end (`last`); an older run has neither."""
        path = self.folder / "portfolio.json"
        return read_object(path) if path.is_file() else {}

    @property
    def turned_down(self) -> pl.DataFrame:
        """Setups that came to nothing in order of time, with the columns of `refused.WHOLE`."""
        return self.told.turned_down

    @property
    def desk(self) -> dict[str, Any]:
        """The settings of the run's desk, as it had them."""
        return ((self.manifest.get("settings") or {}).get("desks") or {}).get(str(self.manifest.get("desk"))) or {}

    @property
    def fill_rule(self) -> dict[str, Any]:
        """The fill policy of the run, as it had it."""
        return ((self.manifest.get("settings") or {}).get("fills") or {}).get(str(self.desk.get("fills"))) or {}

    @property
    def risk_profile(self) -> dict[str, Any]:
        """The risk profile of the run, as it had it."""
        return ((self.manifest.get("settings") or {}).get("risk_policies") or {}).get(str(self.desk.get("risk"))) or {}

    @cached_property
    def refused(self) -> pl.DataFrame:
        """Those that gates refused, with the columns of `refused.SCHEMA`."""
        from pse.reports.refused import SCHEMA

        return self.turned_down.filter(pl.col("by") == "gate").select(*SCHEMA)

    @cached_property
    def setups(self) -> dict[str, dict[str, Any]]:
        """What was told of each setup that was traded, by its id: prices, grade, confidence and the tactic's evidence."""
        return read_setups(self.folder / "recommendations.json", set(self.trades["setup_id"].to_list()))

    def lives(self, plan_ids: set[str]) -> dict[str, Life]:
        """How the plans of trades went on: where the stop stood, what was filled."""
        from pse.reports.lives import lives

        return lives(self.folder / "journal.jsonl", plan_ids)


def read_run(run_dir: Path) -> RunView:
    """The view of a finished run's folder; `DamagedTable` where a file is missing or unreadable."""
    metrics = read_object(run_dir / "metrics.json")
    journal = run_dir / "journal.jsonl"
    breakers = journal_lines(journal, ("BREAKER",), limit=MOST_BREAKERS)["BREAKER"]
    return RunView(
        folder=run_dir,
        manifest=read_object(run_dir / "manifest.json"),
        metrics=metrics,
        trades=complete(read_table(run_dir / "trades.parquet")).sort("ts_entry", "trade_id"),
        equity=read_table(run_dir / "equity.parquet").sort("ts", maintain_order=True),
        breakers=breakers,
    )


def number(value: Any) -> float | None:
    """A finite number, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)
