"""The flags that several commands share, described once; Typer reads them from the annotations."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

Symbol = Annotated[str, Option(help="Symbol of configs/instruments.yaml, for example ES.", metavar="SYMBOL")]
OptionalSymbol = Annotated[list[str] | None, Option("--symbol", help="Narrow the desk to this one symbol.", metavar="SYMBOL")]
Start = Annotated[str | None, Option(help="First moment, inclusive: ISO 8601, UTC unless an offset is written.", metavar="TIME")]
End = Annotated[str | None, Option(help="Last moment, exclusive.", metavar="TIME")]
Config = Annotated[Path | None, Option(help="One more YAML layer over the folder's configs.", metavar="FILE")]
Sets = Annotated[list[str] | None, Option("--set", help="One setting, the last word; may be repeated.", metavar="KEY=VALUE")]
Desk = Annotated[str | None, Option(help="Desk to run; without it the one that settings.yaml names.", metavar="NAME")]
Seed = Annotated[int | None, Option(help="Seed of everything that is drawn.", min=0)]
Fills = Annotated[str | None, Option(help="Fill policy of configs/fills.yaml instead of the desk's.", metavar="NAME")]
FillsOrAll = Annotated[str | None, Option("--fills", help="Fill policy of configs/fills.yaml instead of the desk's; envelope: the conservative run with its "
                                                          "result under every rule beside it.", metavar="NAME|envelope")]
Agents = Annotated[str, Option(help="Who decides: rules; or the desk's chain of models, from the tape, recorded (the tape first, else asked) or live.",
                               metavar="rules|tape|record|live")]
Report = Annotated[Path | None, Option(help="Write the run as one HTML file.", metavar="FILE")]
Accounts = Annotated[list[str] | None, Option("--account", help="Account of settings.yaml, or all; repeated: a run each, side by side.", metavar="NAME")]
RunId = Annotated[str, Argument(help="Run id, as `pse runs list` shows it.", metavar="RUN_ID", show_default=False)]
SnapshotId = Annotated[str, Argument(help="Snapshot id, or the start of one.", metavar="ID", show_default=False)]
Html = Annotated[Path | None, Option(help="HTML file to write; reports/RUN_ID.html without it.", metavar="FILE")]
Csv = Annotated[Path | None, Option(help="FILE.csv for the log of trades (reports/RUN_ID.csv where none is named), or a folder for all tables as CSV.",
                                    metavar="[FILE|DIR]")]
Charts = Annotated[str, Option(help="Which trades of the page carry a chart: all, some (every one of up to 2,000, else the best, the worst and the last), "
                                    "none.", metavar="WHICH")]


def with_usual_log(words: list[str]) -> list[str]:
    """`pse report RUN --csv` without a place gets the word for the usual one."""
    bare = [i for i, word in enumerate(words) if word == "--csv" and (i + 1 == len(words) or words[i + 1].startswith("-"))]
    if "report" not in words or not bare:
        return words
    return [*words[:bare[0] + 1], "RUN_ID.csv", *words[bare[0] + 1:]]
