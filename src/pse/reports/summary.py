"""The end of a run in the terminal: what came out, how sure that is, what was refused, what to doubt, and where the
files are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pse.reports import envelope
from pse.reports.doubts import doubts
from pse.reports.judged import judged_words
from pse.reports.refused import Gate, by_gate
from pse.reports.sections import headline, no_trades
from pse.reports.view import RunView

if TYPE_CHECKING:
    from rich.console import Console

TONES = {"gain": "green", "loss": "red", "": "bold"}
MOST_GATES, MOST_NOTES = 8, 4


def show_summary(console: Console, view: RunView, places: Mapping[str, object] | None = None) -> None:
    """Print the summary of a finished run.  `places`: what was written where, by name."""
    from rich.text import Text

    synthetic = bool(view.manifest.get("synthetic"))
    console.print(Text(view.title + (" · SYNTHETIC DATA" if synthetic else ""), style="bold"))
    if view.trades.height:
        _figures(console, view)
    else:
        console.print(Text(f"No trades, so no return figures. {no_trades(view)}"))
    if said := judged_words(view):
        console.print(Text(said))
    envelope.show(console, view)
    _refusals(console, view)
    _doubts(console, view)
    for name, place in (places or {}).items():
        console.print(Text(f"{name}: ", style="dim").append(str(place), style="default"), soft_wrap=True)


def _figures(console: Console, view: RunView) -> None:
    """One line a figure; under 80 columns without what it rests on, under 60 as running text."""
    from rich.table import Table
    from rich.text import Text

    if console.width < 60:
        for card in headline(view):
            shown = Text(f"{card['name']}: ").append(card["value"], style=TONES[card["tone"]])
            console.print(shown.append(f" ({card['interval']})" if card["interval"] else "", style="dim"))
        return
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    wide = console.width >= 80
    for justify in ("left", "right", "left", "left")[: 4 if wide else 3]:
        table.add_column(justify=justify, no_wrap=justify == "right")  # type: ignore[arg-type]
    for card in headline(view):
        cells = [
            Text(card["name"]),
            Text(card["value"], style=TONES[card["tone"]]),
            Text(card["interval"], style="dim"),
        ]
        table.add_row(*cells, *([Text(card["more"], style="dim")] if wide else []))
    console.print(table)


def _refusals(console: Console, view: RunView) -> None:
    from rich.text import Text

    counts = sorted((view.metrics.get("refusals") or {}).items(), key=lambda item: (-item[1], item[0]))
    if counts:
        told = by_gate(view.refused)
        shown = ", ".join(_told(gate, count, told) for gate, count in counts[:MOST_GATES])
        rest = sum(count for _, count in counts[MOST_GATES:])
        console.print(
            Text("Refused by gate: ", style="dim").append(
                shown + (f", others {rest:,}" if rest else ""), style="default"
            )
        )


def _told(gate: str, count: int, told: Mapping[str, Gate]) -> str:
    """A gate's count, with what was measured where the journal says the same count."""
    found = told.get(gate)
    return found.words if found is not None and found.count == count else f"{gate} {count:,}"


def _doubts(console: Console, view: RunView) -> None:
    from rich.text import Text

    found = doubts(view)
    serious = [doubt for doubt in found if doubt.level == "serious"]
    for doubt in serious:
        console.print(
            Text("! ", style="red")
            .append(f"{doubt.title}: ", style="bold")
            .append(doubt.text, style="not bold default")
        )
    notes = [doubt.title for doubt in found if doubt.level == "note"]
    if notes:
        more = f" and {len(notes) - MOST_NOTES} more" if len(notes) > MOST_NOTES else ""
        console.print(Text(f"To be known: {', '.join(notes[:MOST_NOTES])}{more}.", style="dim"))
