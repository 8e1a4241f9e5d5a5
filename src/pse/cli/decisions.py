"""Commands about decisions: what was decided, why, and what it was worth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from pse.cli.frame import LOOK, group, module, mount

if TYPE_CHECKING:
    from pse.commands.wiring import Answer, Context

Run = Annotated[str | None, Option("--run", help="Run id, or a part of it; without it the latest run.", metavar="RUN_ID")]
Symbol = Annotated[str | None, Option(help="Only decisions on this symbol.", metavar="SYMBOL")]
Verdict = Annotated[str | None, Option(help="Only those that ended so: approve, modify, reject or hold.", metavar="WORD")]
Asked = Annotated[str,
                  Argument(help="Id of a decision (its setup's), or how it begins; `pse decisions list` shows them.", metavar="DECISION", show_default=False)]

decisions = group("decisions", LOOK, "What was decided in a run, why, and what it was worth.")


@mount(decisions, "list")
def decisions_list(context: Context, run: Run = None, symbol: Symbol = None, verdict: Verdict = None) -> Answer:
    """The decisions of a run: what each pass said, what counted, and what became of it."""
    return module("decisions_log").run_list(context, run, symbol, verdict)


@mount(decisions, "why")
def decisions_why(context: Context, decision: Asked, run: Run = None) -> Answer:
    """The whole dialogue of one decision: what was shown, what each pass said, the gates, the order, the fill and the end."""
    return module("decisions_log").run_why(context, decision, run)


@mount(decisions, "export")
def decisions_export(
    context: Context,
    form: Annotated[str, Option("--format", help="jsonl: every line whole; csv: a row a pass; sft: question and answer, to train on.",
                                metavar="jsonl|csv|sft")] = "jsonl",
    run: Run = None,
    out: Annotated[Path | None, Option(help="File to write; below reports/ without it.", metavar="FILE")] = None,
    symbol: Symbol = None,
    verdict: Verdict = None,
) -> Answer:
    """The passes of a judged run as a file."""
    return module("decisions_log").run_export(context, form, run, out, symbol, verdict)
