"""`pse audit log`: has somebody, or something, changed a log?  (`pse audit lookahead` is in `pse.commands.lookahead`.)"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from pse.commands.wiring import Answer, Context
from pse.store.audits import Audit, audit

if TYPE_CHECKING:
    from rich.console import Console

LIMIT = "A chain shows damage and edits; that its owner wrote all of it anew shows only against a root kept elsewhere (a commit, a mail)."


def run_log(context: Context, target: str) -> Answer:
    """Check a run's journal (by run id, folder or file), the trial ledger (`trials`) or any log file; exit code 1 when something was changed."""
    found = audit(context.home, target)
    data = {"log": str(found.log), "run_id": found.run_id, "records": found.records, "head": found.head, "root": found.root, "beside": found.beside,
            "findings": [asdict(finding) for finding in found.findings]}
    return Answer(data, lambda console: _show(console, found), exit_code=1 if found.findings else 0)


def _headline(found: Audit) -> str:
    """Which of the run's files are not whole: the log itself, or what lies beside it."""
    if any(finding.file == str(found.log) for finding in found.findings):
        return f"{found.log}: NOT whole. {found.records} records from the start stand on one chain."
    names = ", ".join(dict.fromkeys(finding.file.rpartition("/")[2] for finding in found.findings))
    return f"{found.log}: whole. {found.records} records on one chain. NOT whole beside it: {names}"


def _show(console: Console, found: Audit) -> None:
    from rich.text import Text

    if not found.findings:
        beside = f"\nchecked beside it: {found.beside}" if found.beside else ""
        counted = f"{found.records} record{'s' * (found.records != 1)} on one chain"
        console.print(Text(f"{found.log}: whole. {counted}.{beside}\nhead {found.head}\nroot {found.root}\n{LIMIT}"))
        return
    console.print(Text(_headline(found)), soft_wrap=True)
    for finding in found.findings:
        console.print(Text(f"  {finding.file}: {finding.why}"))
