"""What a command line asks for that can be judged by settings and names alone: told before anything heavy is loaded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pse.domain.errors import RequestError
from pse.store.runs import run_folder

if TYPE_CHECKING:
    from pse.commands.wiring import Context
    from pse.settings import Settings

ALL = "all"
ID_SIGNS = frozenset("0123456789abcdef-")


def one_symbol(context: Context, given: Sequence[str] | None) -> str | None:
    """The symbol that a desk is narrowed to; refuses several."""
    desk = context.settings.desk
    wanted = [name.strip() for text in given or () for name in text.split(",")]
    if len(wanted) > 1:
        raise RequestError(f"--symbol {' --symbol '.join(given or ())}: --symbol narrows a desk to one symbol, and here are {len(wanted)}. For several write "
                           f"`--set \"desks.{desk}.symbols=[{', '.join(wanted)}]\"`, or name a desk with --desk that lists them")
    return wanted[0] if wanted else None


def accounts_of(settings: Settings, names: Iterable[str], report: Path | None = None) -> list[Settings]:
    """The settings of each named account; of the usual one without names, of every one with `all`.  Refuses several for one page, `report`."""
    asked = list(dict.fromkeys(names)) or [settings.account.name]
    if ALL in asked and ALL not in settings.account_names:
        asked = list(settings.account_names)
    found = [settings.of_account(name) for name in asked]
    if report is not None and len(found) > 1:
        raise RequestError(f"--report names one file and there are {len(found)} accounts: {', '.join(asked)}; leave it out and "
                           f"write the page of each run with `pse report RUN_ID`")
    return found


def stored_run(context: Context, run_id: str, setup: str | None = None) -> str:
    """The run id, once a run of that name is known to be stored; refuses a setup whose name can be no id."""
    run_folder(context.home, run_id)
    if setup is not None and (not setup or set(setup.lower()) - ID_SIGNS):
        raise RequestError(f"{setup!r} can be no id of a setup or a plan, which is made of the digits 0 to 9 and the letters a to f; "
                           f"`pse risk explain {run_id}` lists those that there are")
    return run_id
