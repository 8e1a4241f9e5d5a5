"""What judging costs beside the models: a briefing as text, a pass, and a backtest whose every answer comes from the tape.

The desk asks an open question at every close of five minutes, so that a few sessions hold over a thousand decisions; a script stands for the model.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.made import SYMBOL, context, fetch, store
from benchmarks.measure import Figure, cpu, median

FIRST, START, END = "2015-01-02", "2015-06-01", "2015-06-09"
DESK = "{symbols: [ES], tactics: {open_call: {}}, risk: futures_intraday, decide: three-pass}"
ROUNDS, RENDERED = 3, 2_000
RENDER_MS, PASS_MS, TAPE_S = 1.0, 10.0, 5.0


def asking(home: Path):
    """A context of the desk that asks at every close, judged by a script."""
    return context(home, f"desks.asking={DESK}", "desk=asking", "chains.three-pass.model=scripted-random")


def measure(folder: Path) -> list[Figure]:
    from pse.clock import moment_ns
    from pse.commands import backtest

    home = folder / "judged"
    store(home, fetch(home, FIRST, END))
    window = moment_ns(START), moment_ns(END)

    def run(agents: str):
        return backtest.run(asking(home), SYMBOL, *window, agents=agents).data

    run("rules")                                             # imports and compiles
    recorded = run("record")
    by_rules, taped = [], []
    for _ in range(ROUNDS):
        by_rules.append(cpu(lambda: run("rules")))
        taped.append(cpu(lambda: run("tape")))
    decisions, passes = counted(home, recorded["run_id"])
    beside = median(taped) - median(by_rules)
    return [
        Figure("rendering a briefing", 1000 * rendering(home, *window), "ms", RENDERED, bar={"most": RENDER_MS}),
        Figure("a pass beside its model, from the tape", 1000 * beside / passes, "ms", ROUNDS, bar={"most": PASS_MS}, note=f"{passes} passes"),
        Figure("a backtest from the tape, for 1,000 decisions", 1000 * beside / decisions + median(by_rules), "s", ROUNDS, bar={"most": TAPE_S},
               note=f"{decisions} decisions, of it {median(by_rules):.2f} s that rules take too"),
    ]


def counted(home: Path, run_id: str) -> tuple[int, int]:
    """Decisions of a judged run, and the passes that they took."""
    from pse.reports.refused import records

    bodies = [body for _, _, body in records(home / "backtests" / "outputs" / run_id / "journal.jsonl", ("DELIBERATION",))]
    return len(bodies), sum(len(one["passes"]) for one in bodies)


def rendering(home: Path, start_ns: int, end_ns: int) -> float:
    """CPU seconds of one briefing as text."""
    from pse.agents.rendering import render
    from pse.commands.backtest import whole_window
    from pse.commands.inputs import gather
    from pse.engine.briefing import briefings
    from pse.engine.desk import Mode

    here = asking(home)
    kept = []
    inputs = gather(here, here.settings, (SYMBOL,), start_ns, end_ns)
    briefings(whole_window(inputs, Mode(end_ns=end_ns, ask=True)), lambda one: kept.append(one) or "")

    def all_of_them() -> None:
        for at in range(RENDERED):
            render(kept[at % len(kept)])

    all_of_them()
    return median([cpu(all_of_them) for _ in range(ROUNDS)]) / RENDERED
