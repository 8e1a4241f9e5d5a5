"""`pse sql`: one query, or a prompt; read only."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pse.commands.wiring import Answer, Context, json_text
from pse.domain.errors import PseError
from pse.store import snapshots
from pse.store.query import Result, Session

if TYPE_CHECKING:
    from rich.console import Console

SHOWN_ROWS = 200
HELLO = "Tables: bars runs trades decisions. One SELECT a time, ended by ';'. Moments are ns UTC: make_timestamp_ns(ts_open) shows them. .quit leaves."


def run(context: Context, *, query: str | None = None, snapshot: str | None = None) -> Answer:
    """Answer one query; without one read statements from the terminal or stdin until it ends."""
    version = None if snapshot is None else snapshots.load(context.home, snapshot).version
    session = Session(context.home, version)
    if query is None:
        return _converse(context, session)
    result = session.ask(query, cap=None if context.json else SHOWN_ROWS)
    return Answer(_data(result), lambda console: show(console, result))


def _data(result: Result) -> dict[str, Any]:
    return {"columns": list(result.columns), "rows": [list(row) for row in result.rows], "row_count": len(result.rows)}


def _converse(context: Context, session: Session) -> Answer:
    """Statement after statement; a mistake is said and the next one is read.  With --json one array element a statement."""
    answers: list[dict[str, Any]] = []
    failed = False
    if sys.stdin.isatty():
        context.note(HELLO)
    for statement in _statements(sys.stdin.isatty()):
        try:
            result = session.ask(statement, cap=None if context.json else SHOWN_ROWS)
        except PseError as error:
            failed = True
            context.err.print(str(error), markup=False, highlight=False)
            answers.append({"query": statement, "error": str(error)})
            continue
        answers.append({"query": statement, **_data(result)} if context.json else {})
        if not context.json:
            show(context.console, result)
    return Answer({"answers": answers}, exit_code=1 if failed and not sys.stdin.isatty() else 0)


def _statements(prompting: bool) -> Iterator[str]:
    """Texts up to a line that ends in ';' (or the end of the input); `.quit` ends them."""
    lines: list[str] = []
    while True:
        line = _line(prompting, "pse> " if not lines else "...> ")
        if line is None or line.strip() in (".quit", ".exit"):
            break
        lines.append(line)
        if line.rstrip().endswith(";"):
            yield "\n".join(lines)
            lines = []
    if "".join(lines).strip():
        yield "\n".join(lines)


def _line(prompting: bool, prompt: str) -> str | None:
    try:
        return input(prompt) if prompting else input()
    except EOFError:
        return None


def show(console: Console, result: Result) -> None:
    """A plain table; a note when rows were left out."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for name in result.columns:
        numeric = any(isinstance(row[result.columns.index(name)], int | float) for row in result.rows[:20])
        table.add_column(Text(name), justify="right" if numeric else "left", overflow="fold")
    for row in result.rows:
        table.add_row(*(Text(_cell(value)) for value in row))
    console.print(table)
    if result.more:
        console.print(f"the first {len(result.rows)} rows; add LIMIT and OFFSET, or --json for all of them", highlight=False)


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and value != value):
        return "-"
    if isinstance(value, float):
        return f"{value:.10g}"
    return json_text(value) if isinstance(value, list | dict) else str(value)
