"""The flags that several commands share, described once; Typer reads them from the annotations."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

Symbol = Annotated[str, Option(help="Symbol of configs/instruments.yaml, for example ES.", metavar="SYMBOL")]
OptionalSymbol = Annotated[str | None, Option("--symbol", help="Narrow the desk to this symbol.", metavar="SYMBOL")]
Start = Annotated[str | None, Option(help="First moment, inclusive: ISO 8601, UTC unless an offset is written.", metavar="TIME")]
End = Annotated[str | None, Option(help="Last moment, exclusive.", metavar="TIME")]
Config = Annotated[Path | None, Option(help="One more YAML layer over the folder's configs.", metavar="FILE")]
Sets = Annotated[list[str] | None, Option("--set", help="One setting, the last word; may be repeated.", metavar="KEY=VALUE")]
Desk = Annotated[str | None, Option(help="Desk to run; without it the one that settings.yaml names.", metavar="NAME")]
Seed = Annotated[int | None, Option(help="Seed of everything that is drawn.", min=0)]
Fills = Annotated[str | None, Option(help="Fill policy of configs/fills.yaml instead of the desk's.", metavar="NAME")]
Report = Annotated[Path | None, Option(help="Write the run as one HTML file.", metavar="FILE")]
RunId = Annotated[str, Argument(help="Run id, as `pse runs list` shows it.", metavar="RUN_ID", show_default=False)]
SnapshotId = Annotated[str, Argument(help="Snapshot id, or the start of one.", metavar="ID", show_default=False)]
