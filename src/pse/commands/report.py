"""`pse report`: a past run as one HTML page, or its tables as CSV."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from pse.commands.wiring import Answer, Context
from pse.domain.errors import NoBars, RequestError
from pse.domain.instruments import Instrument
from pse.store.runs import METRICS, Run, load_run

if TYPE_CHECKING:
    from rich.console import Console

    from pse.domain.bars import Bars
    from pse.reports.candles import BarsLoader


def run(context: Context, run_id: str, html: Path | None = None, csv: Path | None = None) -> Answer:
    """Write the page of a stored run (reports/RUN_ID.html unless named), or with `csv` alone its tables into that
    folder."""
    no_folder(html)
    found = load_run(context.home, run_id)
    if not (found.folder / METRICS).is_file():
        raise RequestError(
            f"run {run_id} is {found.status} and has no figures yet; a report needs a finished run; "
            f"wait for it, or run the same backtest again"
        )
    data: dict[str, Any] = {"run_id": run_id}
    if csv is not None:
        data["csv"] = [str(path) for path in write_sheets(found, csv)]
    if html is not None or csv is None:
        data["report"] = str(write_page(context, found, html))
    return Answer(data, lambda console: _show(console, data), warnings=tuple(context.warnings))


def no_folder(html: Path | None) -> None:
    """Refuses a folder where a file is to be written, before any work is done."""
    if html is not None and html.is_dir():
        raise RequestError(f"{html} is a folder; the report is one HTML file: name it, for example {html / 'report.html'}")


def write_page(context: Context, found: Run, html: Path | None = None) -> Path:
    """The HTML page of a run; gives where it is."""
    from pse.reports.html import write_report

    out = html or context.home.reports / f"{found.run_id}.html"
    return write_report(found.folder, stored_bars(context, found), out)


def write_sheets(found: Run, folder: Path) -> list[Path]:
    """The CSV files of a run; gives where they are."""
    from pse.reports.sheets import sheets
    from pse.reports.view import read_run
    from pse.store.files import write_atomic

    paths = []
    for name, content in sheets(read_run(found.folder)).items():
        paths.append(folder / name)
        write_atomic(paths[-1], content)
    return paths


def stored_bars(context: Context, found: Run) -> BarsLoader:
    """Loads bars as the run saw them: its instruments, its calendar overrides and its version of the table.

    Gives None, and warns once, where those bars are not stored any more.
    """
    from pse.store.load import load_bars
    from pse.store.sessions import load_sessions

    settings, missing = found.manifest.settings, set()
    overrides = settings.get("sessions") or ()
    version = found.manifest.tables.get("bars")

    def load(symbol: str, start_ns: int, end_ns: int) -> Bars | None:
        if symbol in missing:
            return None
        try:
            instrument = Instrument.model_validate(settings["instruments"][symbol])
            sessions = load_sessions(context.home, instrument.calendar, start_ns, end_ns, overrides)
            return load_bars(context.home, instrument, _timeframe(found), start_ns, end_ns, sessions, version).bars
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
