"""`pse report`: a past run as one HTML page, its log of trades as one CSV file, or all its tables as CSV."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from pse.commands.wiring import Answer, Context
from pse.domain.actions import in_shares_of
from pse.domain.errors import NoBars, RequestError
from pse.domain.instruments import Instrument
from pse.store.runs import Run, check_figures, check_journal, load_run

if TYPE_CHECKING:
    from rich.console import Console

    from pse.domain.bars import Bars
    from pse.reports.candles import BarsLoader


USUAL = Path("RUN_ID.csv")                          # names no place of its own: reports/ and the id of the run
CHARTS = ("all", "some", "none")
WFO = "wfo"                                         # the command whose runs are walk-forwards: another page, other tables
SUFFIXES = (".html", ".htm")
HEAD_BYTES, GENERATOR = 4096, b'<meta name="generator" content="pse '          # what the head of every page of ours says


def run(context: Context, run_id: str, html: Path | None = None, csv: Path | None = None, charts: str = "some") -> Answer:
    """Write the page of a stored run (reports/RUN_ID.html unless named), or with `csv` alone its tables: a name that ends in .csv is the file of the
    log of trades (`USUAL`: reports/RUN_ID.csv), another the folder of all tables."""
    if charts not in CHARTS:
        raise RequestError(f"--charts {charts!r} is not one of {', '.join(CHARTS)}; all: every trade of the page has its candles; some: every one of up to "
                           f"2,000, else the best, the worst and the last; none: no candles")
    check_target(html)
    found = load_run(context.home, run_id)
    run_id = found.run_id
    check_target(html or _usual_place(context, found))
    check_figures(found)
    check_journal(found)
    data: dict[str, Any] = {"run_id": run_id}
    if csv is not None:
        paths = write_csv(context, found, csv)
        data["csv"] = [str(path) for path in paths]
    if html is not None or csv is None:
        data["report"] = str(write_page(context, found, html, charts))
    return Answer(data, lambda console: _show(console, data), warnings=tuple(context.warnings))


def check_target(html: Path | None) -> None:
    """Refuses, before any work is done, to write a page over what is no page of pse: a folder, a file of another kind,
    or one that somebody else made."""
    if html is None:
        return
    if html.is_dir():
        raise RequestError(f"{html} is a folder; the report is one HTML file: name it, for example {html / 'report.html'}")
    if html.suffix.lower() not in SUFFIXES:
        raise RequestError(f"the report is an HTML page and {html} does not end in .html or .htm; name it, for example, {html.with_suffix('.html')}")
    if html.exists() and not _may_be_replaced(html):
        raise RequestError(f"{html} exists and is no page that pse wrote; it is left as it is. Name another file for the report, or move this one away")


def _may_be_replaced(html: Path) -> bool:
    """Whether a file is empty or a page of pse, which says so in its head."""
    try:
        with html.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError:
        return False
    return not head or GENERATOR in head


def _check_sheets(folder: Path, contents: dict[str, bytes]) -> None:
    """Refuses to write tables over files that do not begin with the line that they would begin with."""
    if folder.exists() and not folder.is_dir():
        raise RequestError(f"{folder} is a file; --csv names the folder that the tables are written into")
    for name, content in contents.items():
        path = folder / name
        if path.is_dir() or (path.exists() and _first_line(path) not in (b"", content.split(b"\n", 1)[0])):
            raise RequestError(f"{path} exists and is no table that pse wrote (its first line is another); nothing was written. Name another folder for "
                               f"--csv, or move that file away")


def _first_line(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.readline(HEAD_BYTES).rstrip(b"\r\n") or (b"" if path.stat().st_size == 0 else b"\n")


def _usual_place(context: Context, found: Run) -> Path:
    return context.home.reports / f"{found.run_id}.html"


def write_page(context: Context, found: Run, html: Path | None = None, charts: str = "some") -> Path:
    """The HTML page of a run; gives where it is.  `charts`: which trades have candles, one of `CHARTS`."""
    from pse.reports.html import write_report
    from pse.reports.walkforward import write_walkforward

    out = html or _usual_place(context, found)
    check_target(out)
    if found.manifest.command == WFO:
        return write_walkforward(found.folder, out)
    return write_report(found.folder, None if charts == "none" else stored_bars(context, found), out, charts)  # type: ignore[arg-type]


def _names_log(csv: Path) -> bool:
    return csv.suffix.lower() == ".csv" and not csv.is_dir()


def write_csv(context: Context, found: Run, csv: Path) -> list[Path]:
    """The CSV files that `csv` asks for: the log of trades for a name that ends in .csv (of a walk-forward FILE-folds.csv and FILE-candidates.csv), else all
    tables in that folder; gives where they are."""
    if not _names_log(csv):
        return write_sheets(found, csv)
    return write_walk_tables(context, found, csv) if found.manifest.command == WFO else [write_log(context, found, csv)]


def write_walk_tables(context: Context, found: Run, csv: Path) -> list[Path]:
    """The folds and the configurations of a walk-forward as two CSV files beside each other; gives where they are."""
    from pse.reports.walk import read_walk
    from pse.reports.walk_sheets import walk_sheets

    place = context.home.reports / f"{found.run_id}.csv" if csv == USUAL else csv
    sheets = walk_sheets(read_walk(found.folder))
    return _write_all(place.parent, {f"{place.stem}-{name}": sheets[name] for name in ("folds.csv", "candidates.csv")})


def write_log(context: Context, found: Run, csv: Path) -> Path:
    """The log of a run's trades as one CSV file; gives where it is."""
    from pse.reports.sheets import written
    from pse.reports.trade_log import trade_log
    from pse.reports.view import read_run
    from pse.store.files import write_atomic

    path = context.home.reports / f"{found.run_id}.csv" if csv == USUAL else csv
    content = written(trade_log(read_run(found.folder)))
    _check_sheets(path.parent, {path.name: content})
    write_atomic(path, content)
    return path


def write_sheets(found: Run, folder: Path) -> list[Path]:
    """The CSV files of a run; gives where they are."""
    from pse.reports.sheets import sheets
    from pse.reports.view import read_run
    from pse.reports.walk import read_walk
    from pse.reports.walk_sheets import walk_sheets

    return _write_all(folder, walk_sheets(read_walk(found.folder)) if found.manifest.command == WFO else sheets(read_run(found.folder)))


def _write_all(folder: Path, contents: dict[str, bytes]) -> list[Path]:
    """Writes the files into the folder; gives where they are."""
    from pse.store.files import write_atomic

    _check_sheets(folder, contents)
    for name, content in contents.items():
        write_atomic(folder / name, content)
    return [folder / name for name in contents]


def stored_bars(context: Context, found: Run) -> BarsLoader:
    """Loads bars as the run saw them: its instruments, its calendar overrides and its version of the table.

    Gives None, and warns once, where those bars are not stored any more.
    """
    from pse.store.actions import actions_of
    from pse.store.appended import NONE_STORED
    from pse.store.load import load_bars
    from pse.store.sessions import load_sessions

    settings, missing = found.manifest.settings, set()
    overrides = settings.get("sessions") or ()
    version = found.manifest.tables.get("bars")
    known = actions_of(context.home, found.manifest.tables.get("actions", NONE_STORED))

    def load(symbol: str, start_ns: int, end_ns: int) -> Bars | None:
        if symbol in missing:
            return None
        try:
            instrument = Instrument.model_validate(settings["instruments"][symbol])
            sessions = load_sessions(context.home, instrument.calendar, start_ns, end_ns, overrides)
            bars = load_bars(context.home, instrument, _timeframe(found), start_ns, end_ns, sessions, version).bars
            return in_shares_of(bars, known.get(instrument.bars_of or symbol))
        except (NoBars, KeyError, ValidationError) as error:
            missing.add(symbol)
            context.warn(f"no candles for {symbol}: {' '.join(str(error).split())}")
            return None

    return load


def _timeframe(found: Run) -> str:
    """The base bars that the run traded on."""
    desk = (found.manifest.settings.get("desks") or {}).get(found.manifest.desk) or {}
    return str(desk.get("base_timeframe", "1m"))


def _show(console: Console, data: dict[str, Any]) -> None:
    from rich.text import Text

    for path in [data["report"]] if "report" in data else []:
        console.print(Text(f"report: {path}"), soft_wrap=True)
    for path in data.get("csv", []):
        console.print(Text(f"csv: {path}"), soft_wrap=True)
