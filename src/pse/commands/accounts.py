"""Several accounts side by side: the same desk with each one's own capital, currency and limits, on bars and features that are read and made once.

Each is a run of its own, with its folder, fingerprint and order references, and the same bytes as if it had been run alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pse.commands.inputs import BarsKey, Inputs, gather
from pse.commands.judging import RULES
from pse.commands.wiring import Answer, Context
from pse.domain.errors import PseError
from pse.features.build import Features
from pse.settings import Settings
from pse.store.load import Loaded

if TYPE_CHECKING:
    from rich.console import Console

FIGURES = (("trades", "trades"), ("net", "net_usd"), ("net of capital", None), ("expectancy R", "expectancy_r"), ("Sharpe", "sharpe"),
           ("max drawdown", "max_drawdown"), ("fees", "fees_usd"))


class Kept:
    """Features of the runs of one command: those on the same bars, context and spec are made once."""

    def __init__(self) -> None:
        self._made: list[tuple[Inputs, tuple[Features, ...]]] = []

    def of(self, inputs: Inputs) -> tuple[Features, ...]:
        """The features of an earlier run that reads the same; none where there is none."""
        return next((features for before, features in self._made if _reads_alike(before, inputs)), ())

    def keep(self, inputs: Inputs, features: tuple[Features, ...]) -> None:
        """Takes the features of a run, where none reads the same."""
        if not self.of(inputs):
            self._made.append((inputs, features))


def _reads_alike(one: Inputs, other: Inputs) -> bool:
    """Whether two runs compute the same features: of the very same arrays, by the same instruments and spec."""
    same = all(getattr(one.plan, name) == getattr(other.plan, name) for name in ("spec", "symbols", "instruments", "context"))
    read, reads = ({**dict(zip(each.plan.symbols, each.bars, strict=True)), **each.context} for each in (one, other))
    return same and one.end_ns == other.end_ns and list(read) == list(reads) and all(read[symbol] is reads[symbol] for symbol in read)


def side_by_side(context: Context, wanted: Sequence[Settings], symbols: Sequence[str], start_ns: int | None, end_ns: int | None,
                 envelope: bool = False, agents: str = RULES) -> Answer:
    """A run for each account; one that fails is told beside the others, which are not lost."""
    from pse.commands.backtest import alone

    bars: dict[BarsKey, Loaded] = {}
    made = Kept()
    rows: list[dict[str, Any]] = []
    for settings in wanted:
        about = {"account": settings.account.name, "currency": settings.account.currency, "capital": settings.account.capital, "desk": settings.desk,
                 "risk": settings.chosen.risk}
        context.note(f"account {settings.account.name} ...")
        try:
            inputs = gather(context, settings, symbols, start_ns, end_ns, shared=bars)
            rows.append(about | {"ok": True, **alone(context, inputs, made=made, envelope=envelope, agents=agents).data})
        except PseError as error:
            context.warn(f"account {settings.account.name}: {error}")
            rows.append(about | {"ok": False, "error": str(error), "exit_code": error.exit_code})
    code = max((row["exit_code"] for row in rows if not row["ok"]), default=0)
    return Answer({"accounts": rows}, lambda console: _show(console, rows), exit_code=code)


def _show(console: Console, rows: Sequence[Mapping[str, Any]]) -> None:
    """One column an account; under it where each run lies."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("account")
    for row in rows:
        table.add_column(row["account"], justify="right", overflow="fold")
    table.add_row("capital", *(f"{row['capital']:,.0f} {row['currency']}" for row in rows))
    table.add_row("limits", *(str(row["risk"]) for row in rows))
    if len({row["desk"] for row in rows}) > 1:
        table.add_row("desk", *(str(row["desk"]) for row in rows))
    for title, name in FIGURES:
        table.add_row(title, *(_cell(row, name) for row in rows))
    console.print(table)
    for row in rows:
        said = f"run {row['run_id']}" if row["ok"] else f"failed: {row['error']}"
        console.print(Text(f"{row['account']}: ", style="dim").append(said, style="default" if row["ok"] else "red"), soft_wrap=True)


def _cell(row: Mapping[str, Any], name: str | None) -> str:
    if not row["ok"]:
        return "failed"
    from pse.reports.words import share

    metrics = row["metrics"]
    if name is None:
        return "-" if metrics.get("net_usd") is None else share(metrics["net_usd"] / row["capital"])
    value = metrics.get(name)
    if value is None:
        return "-"
    if name == "max_drawdown":
        return share(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"
