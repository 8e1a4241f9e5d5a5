"""Commands about decisions: what was decided, why, and what it was worth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from pse.cli.frame import LOOK, group, module, mount
from pse.domain.errors import RequestError

if TYPE_CHECKING:
    from pse.commands.wiring import Answer, Context

OneRun = Annotated[str | None, Argument(help="Run id, or a part of it; without it the latest run.", metavar="[RUN_ID]", show_default=False)]
Run = Annotated[str | None, Option("--run", help="The same run id, as an option.", metavar="RUN_ID")]
Symbol = Annotated[str | None, Option(help="Only decisions on this symbol.", metavar="SYMBOL")]
Verdict = Annotated[str | None, Option(help="Only those that ended so: approve, modify, reject or hold.", metavar="WORD")]
Asked = Annotated[str,
                  Argument(help="Id of a decision (its setup's), or how it begins; `pse decisions list` shows them.", metavar="DECISION", show_default=False)]

decisions = group("decisions", LOOK, "What was decided in a run, why, and what it was worth.")


def _one_run(run: str | None, option: str | None) -> str | None:
    """The run that is named as an argument or as an option; two that are not the same are refused."""
    if run is not None and option is not None and run != option:
        raise RequestError(f"two runs are named, {run} and --run {option}; expected one of them")
    return option if run is None else run


@mount(decisions, "list")
def decisions_list(context: Context, run_id: OneRun = None, run: Run = None, symbol: Symbol = None, verdict: Verdict = None) -> Answer:
    """The decisions of a run: what each pass said, what counted, and what became of it."""
    return module("decisions_log").run_list(context, _one_run(run_id, run), symbol, verdict)


@mount(decisions, "why")
def decisions_why(context: Context, decision: Asked, run_id: OneRun = None, run: Run = None) -> Answer:
    """The whole dialogue of one decision: what was shown, what each pass said, the gates, the order, the fill and the end."""
    return module("decisions_log").run_why(context, decision, _one_run(run_id, run))


@mount(decisions, "export")
def decisions_export(
    context: Context,
    run_id: OneRun = None,
    form: Annotated[str, Option("--format", help="jsonl: every line whole; csv: a row a pass; sft: question and answer, to train on.",
                                metavar="jsonl|csv|sft")] = "jsonl",
    run: Run = None,
    out: Annotated[Path | None, Option(help="File to write; below reports/ without it.", metavar="FILE")] = None,
    symbol: Symbol = None,
    verdict: Verdict = None,
) -> Answer:
    """The passes of a judged run as a file."""
    return module("decisions_log").run_export(context, form, _one_run(run_id, run), out, symbol, verdict)


@mount(decisions, "whatif")
def decisions_whatif(
    context: Context,
    decision: Asked,
    verdict: Annotated[str, Option(help="The word that it gets instead.", metavar="approve|reject")],
    run_id: OneRun = None,
    run: Run = None,
    size_factor: Annotated[float | None, Option(help="Part of the size, above 0 and at most 1.", metavar="PART")] = None,
    stop: Annotated[float | None, Option(help="A nearer stop.", metavar="PRICE")] = None,
    target: Annotated[float | None, Option(help="A nearer target.", metavar="PRICE")] = None,
    direction: Annotated[str | None, Option(help="The side of a setup that may go either way.", metavar="long|short")] = None,
) -> Answer:
    """The run with one verdict changed, and the difference trade by trade."""
    return module("decisions_value").run_whatif(context, decision, verdict, _one_run(run_id, run), size_factor, stop, target, direction)


@mount(decisions, "overrides")
def decisions_overrides(
    context: Context,
    run_id: OneRun = None,
    run: Run = None,
    most: Annotated[int, Option(help="Vetoes and edits without which the whole run is lived again, for their effect on the account.", min=0)] = 200,
) -> Answer:
    """What every veto and edit was worth, by a shadow trade each, and whether it is more than vetoes at random are."""
    return module("decisions_value").run_overrides(context, _one_run(run_id, run), most)


@mount(decisions, "evaluate")
def decisions_evaluate(
    context: Context,
    run_id: OneRun = None,
    run: Run = None,
    review: Annotated[str | None, Option(help="Model of models.yaml that is asked about the report.", metavar="MODEL")] = None,
    agents: Annotated[str, Option(help="How that model is asked.", metavar="tape|record|live")] = "record",
) -> Answer:
    """What the market did after each decision: good, bad, neutral, missed upside, avoided downside, or not matured."""
    return module("decisions_after").run_evaluate(context, _one_run(run_id, run), review, agents)


@mount(decisions, "ablate")
def decisions_ablate(
    context: Context,
    run_id: OneRun = None,
    run: Run = None,
    draws: Annotated[int, Option(help="Lives drawn at random of each kind.", metavar="N")] = 200,
) -> Answer:
    """Rules alone, the judge, its verdicts shuffled, and vetoes at random on the same setups, net of what the judge cost."""
    return module("decisions_value").run_ablate(context, _one_run(run_id, run), draws)
