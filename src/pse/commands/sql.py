"""`pse sql`: one query, or a prompt; read only."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from pse.commands.grids import show_records, show_table, width
from pse.commands.wiring import Answer, Context, json_text
from pse.domain.errors import PseError
from pse.store import snapshots
from pse.store.query import Result, Session

if TYPE_CHECKING:
    from rich.console import Console

SHOWN_ROWS = 200                                 # of an answer on a terminal, and
SHOWN_RECORDS = 20                               # of one that is too wide for a table; into a file or pipe and as JSON go all
LEAVE = ("exit", "quit", "\\q", ".quit", ".exit", ".q")
TOLD = 3                                         # complaints about features that are said; the table feature_tables shows all
HELLO = ("Tables: bars features feature_tables news actions runs trades decisions; .tables names them, DESCRIBE bars lists columns. One SELECT a time, "
         "ended by ';'. Moments are UTC: ts_* in ns, time* to read. bars holds every contract: `WHERE front` takes those the features are computed on. help "
         "says this again, exit leaves.")


def run(context: Context, *, query: str | None = None, snapshot: str | None = None) -> Answer:
    """Answer one query; without one read statements from the terminal or stdin until it ends."""
    version = None if snapshot is None else snapshots.load(context.home, snapshot).version
    session = Session(context.home, version)
    if query is None:
        return _converse(context, session)
    _complain(context, session.complaints(query))
    result = session.ask(query, cap=_cap(context))
    return Answer(_data(result), lambda console: show(console, result))


def _complain(context: Context, complaints: Sequence[str]) -> None:
    for one in complaints[:TOLD]:
        context.warn(one)
    if len(complaints) > TOLD:
        context.warn(f"{len(complaints) - TOLD} more such; `pse sql \"FROM feature_tables WHERE NOT current OR NOT in_features\"` lists the tables")


def _cap(context: Context) -> int | None:
    return SHOWN_ROWS if context.console.is_terminal and not context.json else None


def _data(result: Result) -> dict[str, Any]:
    return {"columns": list(result.columns), "rows": [list(row) for row in result.rows], "row_count": len(result.rows)}


def _converse(context: Context, session: Session) -> Answer:
    """Statement after statement; a mistake is said and the next one is read.  With --json one array element a statement."""
    answers: list[dict[str, Any]] = []
    failed, told = False, False
    if sys.stdin.isatty():
        context.note(HELLO)
    for statement in _statements(sys.stdin.isatty()):
        if statement == "help":
            context.err.print(HELLO, markup=False, highlight=False)
            continue
        if not told and (complaints := session.complaints(statement)):
            told = True
            _complain(context, complaints)
        try:
            result = session.ask(statement, cap=_cap(context))
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
    """Texts up to a line that ends in ';' (or the end of the input), and `help`; a word of LEAVE ends them.  Such words stand alone and need no ';'."""
    lines: list[str] = []
    while True:
        line = _line(prompting, "pse> " if not lines else "...> ")
        word = "" if line is None else line.strip().rstrip(";").rstrip().lower()
        if line is None or (word in LEAVE and (not lines or not word.isalpha())):
            break
        if not lines and word in ("help", ".help", ".tables"):
            yield "SHOW TABLES" if word == ".tables" else "help"
            continue
        if lines or line.strip():
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
    """On a terminal a table, or one field a line where a table is too wide, and a note when rows were left out; else tab-separated text with a header."""
    if not console.is_terminal:
        console.file.writelines("\t".join(map(_field, row)) + "\n" for row in (result.columns, *result.rows))
        return
    cells = [[_cell(value) for value in row] for row in result.rows]
    if width(result.columns, cells) <= console.width:
        show_table(console, result.columns, cells, [any(isinstance(row[i], int | float) for row in result.rows[:20]) for i in range(len(result.columns))])
        shown = len(cells)
    else:
        shown = min(len(cells), SHOWN_RECORDS)
        show_records(console, result.columns, cells[:shown])
    if result.more or shown < len(cells):
        console.print(f"the first {shown} rows; add LIMIT and OFFSET, name fewer columns, or send the answer to a file or --json for all of them",
                      highlight=False)


def _field(value: Any) -> str:
    """A value between tabs: unknown is empty, floats in full, no tab or line end of its own."""
    if value is None or (isinstance(value, float) and value != value):
        return ""
    text = json_text(value) if isinstance(value, list | dict) else str(value)
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\r", "\\r").replace("\n", "\\n") if any(mark in text for mark in "\t\r\n") else text


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and value != value):
        return "-"
    if isinstance(value, float):
        return f"{value:.10g}"
    return json_text(value) if isinstance(value, list | dict) else str(value)
