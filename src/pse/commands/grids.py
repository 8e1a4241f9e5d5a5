"""Rows for people: a table, several narrower ones below one another, or one field a line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

GAP = 2                                          # blanks between two columns
Cells = Sequence[Sequence[str]]


def widths(columns: Sequence[str], cells: Cells) -> list[int]:
    """Characters that each column takes across, without the blanks around it."""
    from rich.cells import cell_len

    return [max(cell_len(line) for text in (name, *(row[i] for row in cells)) for line in text.split("\n")) for i, name in enumerate(columns)]


def width(columns: Sequence[str], cells: Cells) -> int:
    """Characters that a table takes across."""
    return sum(GAP + one for one in widths(columns, cells)) - GAP


def show_table(console: Console, columns: Sequence[str], cells: Cells, right: Sequence[bool]) -> None:
    """One table; `right` columns end at their right edge.  What does not fit is broken into lines."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0))
    for name, is_right in zip(columns, right, strict=True):
        table.add_column(Text(name), justify="right" if is_right else "left", overflow="fold")
    for row in cells:
        table.add_row(*map(Text, row))
    console.print(table)


def show_tables(console: Console, columns: Sequence[str], cells: Cells, right: Sequence[bool]) -> None:
    """One table where the terminal is wide enough (a file or pipe always is), else several below one another, each led by the first column."""
    if not console.is_terminal:
        wide = widths(columns, cells)
        for row in (columns, *cells):
            aligned = (text.rjust(size) if is_right else text.ljust(size) for text, size, is_right in zip(row, wide, right, strict=True))
            console.file.write((" " * GAP).join(aligned).rstrip() + "\n")
        return
    for number, chosen in enumerate(_that_fit(widths(columns, cells), console.width)):
        if number:
            console.print()
        show_table(console, [columns[i] for i in chosen], [[row[i] for i in chosen] for row in cells], [right[i] for i in chosen])


def _that_fit(wide: Sequence[int], limit: int) -> list[list[int]]:
    """Columns in order, cut into groups that each fit with the first column before them."""
    groups, taken = [[0]], wide[0]
    for i in range(1, len(wide)):
        if taken + GAP + wide[i] > limit and len(groups[-1]) > 1:
            groups.append([0])
            taken = wide[0]
        groups[-1].append(i)
        taken += GAP + wide[i]
    return groups


def show_records(console: Console, columns: Sequence[str], cells: Cells) -> None:
    """One field a line, a numbered heading for each row."""
    from rich.table import Table
    from rich.text import Text

    for number, row in enumerate(cells, 1):
        console.print(Text(f"row {number}", style="bold"))
        table = Table.grid(padding=(0, GAP))
        table.add_column(no_wrap=False, overflow="fold", max_width=max(20, console.width // 2))
        table.add_column(overflow="fold")
        for name, value in zip(columns, row, strict=True):
            table.add_row(Text("  " + name), Text(value))
        console.print(table)
