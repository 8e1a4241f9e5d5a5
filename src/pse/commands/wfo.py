"""`pse wfo`: which configuration would have been chosen when, what became of it afterwards, and whether that is to be believed."""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pse.clock import iso, stopwatch_ns
from pse.commands.judging import RULES
from pse.commands.report import check_target
from pse.commands.running import left_no_empty_run, manifest_of, said_compiling, shown_path
from pse.commands.wfo_audit import NOT_RUN, Audit, audited
from pse.commands.wfo_files import COMMAND, write_judged, write_overrides
from pse.commands.wfo_folds import fold_runs, notes, unlike
from pse.commands.wfo_judged import KIND, STRICT, Beside, Chosen, choose, document, nothing, null_figures
from pse.commands.wfo_ledger import Looks, counted, known_before, note
from pse.commands.wfo_ready import Ready, gathered, policy_data, policy_of, ready
from pse.commands.wfo_search import Batches, Candidate, searched, stitched
from pse.commands.wiring import Answer, Context, Stopped
from pse.domain.errors import OutsideError, RequestError, is_ctrl_c
from pse.domain.records import digest
from pse.domain.trials import Measured, Task
from pse.engine.varied import as_set
from pse.store.files import write_atomic
from pse.store.ledger import trials
from pse.store.locks import lock_path
from pse.store.runs import Run, finish_run, new_run
from pse.store.searches import KeptSearch

if TYPE_CHECKING:
    import polars as pl
    from rich.console import Console

    from pse.commands.crew import Crew

CREDIBLE = "CREDIBLE"


@dataclass(frozen=True)
class Asked:
    """What a walk-forward is asked for beside the desk and its window.  `given`: of the search policy, by name; None where a flag says nothing."""

    folds: int = 6
    params: Path | None = None
    given: Mapping[str, Any] = field(default_factory=dict)
    jobs: int | None = None
    cluster: str | None = None
    draws: int = 100
    audit: bool | Audit = True                           # an audit: one that was made elsewhere and serves here
    trials_before: int | None = None
    report: Path | None = None
    agents: str = RULES


def run(context: Context, symbol: str | None = None, start_ns: int | None = None, end_ns: int | None = None, asked: Asked | None = None) -> Answer:
    """Searches, judges and writes the run's folder; exit code 1 for every verdict but CREDIBLE."""
    asked = asked or Asked()
    if asked.agents != RULES:
        raise RequestError(f"--agents {asked.agents}: a search runs on rules; a model that is asked about hundreds of configurations of one window has seen it "
                           f"hundreds of times. Search without --agents, then run what was chosen with `pse backtest --agents {asked.agents}`")
    check_target(asked.report)
    trials(context.home)                                 # a damaged ledger is told now, not after the search
    settings = context.settings
    policy = policy_of(settings, asked.params, asked.given)
    inputs = gathered(context, settings, (symbol,) if symbol else (), (start_ns, end_ns), policy, asked.folds)
    made = ready(context, inputs, policy, asked.folds)
    for text in made.inputs.warnings:
        context.warn(text)
    began = stopwatch_ns()
    kept = KeptSearch.at(context.home, made.name, context.warn)
    before = known_before(context, made, asked.trials_before)
    context.note(f"{made.size_words()}; the ledger counts {before.n:,} configurations on this window so far")
    context.detail(f"search {made.name}")
    if stand := kept.batches():
        context.note(f"going on: {stand} finished batch{'es' * (stand != 1)} of this search stand{'s' * (stand == 1)} and will not be measured again")
    with kept.alone(), _crew(context, asked) as crew, _told_how_to_go_on(kept):
        batches = Batches(crew, kept)
        found = search(context, made, batches, asked.draws, lambda looks: note(context, made.inner, made.window, looks, made.per_year))
        measured_ns = stopwatch_ns() - began
        audit = _audit(context, made, found, asked.audit)
        tries = counted(context, made)
        done, wfo = written(context, made, asked, found, audit, (tries.n, tries.by_user),
                         {"search_ns": measured_ns, "measured": batches.measured, "reused": kept.reused, "audit_s": audit.seconds}, began)
    kept.remove()
    return _answer(context, done, wfo, asked.report)


def _audit(context: Context, made: Ready, found: Searched, asked: bool | Audit) -> Audit:
    """The look-ahead audit of what was chosen, or what stands in its place."""
    if isinstance(asked, Audit):
        return asked
    return audited(context, made.inner, found.chosen.whole.params) if asked else Audit(NOT_RUN, "it was left out by --no-audit")


# --- the search ------------------------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Searched:
    """What was measured: the candidates, the choices, the path by stricter and kinder fills, and the draws of random entries, float64[draws, figures]."""

    candidates: list[Candidate]
    chosen: Chosen
    strict: Measured | None
    kind: Measured | None
    nulls: np.ndarray | None


def search(context: Context, made: Ready, batches: Batches, draws: int, note: Callable[[Looks], None] = lambda looks: None) -> Searched:
    """Every measurement of a walk-forward.  `note`: takes what each batch came to over all that is searched, before anybody is told of it."""
    walk, policy = made.walk, made.policy
    total = made.most
    said_compiling(context)
    with context.progress() as progress:
        task = progress.add_task("configurations", total=total)

        lines = _lines(context, total)

        def tell(done: int, best: Candidate | None, score: float | None) -> None:
            lines(done)
            said = {} if best is None else {"description": f"best {policy.objective} {score:.3g}: {_shortly(best.params)}"}
            progress.update(task, completed=done, **said)           # type: ignore[arg-type]

        candidates = searched(walk, batches, tell, note)
        progress.update(task, completed=total)
        chosen = choose(walk, candidates)
        strict, kind = (_under(made, batches, candidates[0], chosen, name) for name in (STRICT, KIND))
        more = progress.add_task("random entries", total=draws or None, visible=draws > 0)
        nulls = _nulls(made, batches, candidates[0], chosen, draws, lambda done: progress.update(more, completed=done))
    return Searched(candidates, chosen, strict, kind, nulls)


def _lines(context: Context, total: int) -> Callable[[int], None]:
    """Tells where no bar is drawn: a line for each tenth of the configurations."""
    tenths = 0

    def line(done: int) -> None:
        nonlocal tenths
        if not context.err.is_terminal and (now := 10 * done // max(1, total)) > tenths:
            tenths = now
            context.note(f"{done:,} of {total:,} configurations")

    return line


def _shortly(params: Mapping[str, Any]) -> str:
    """Parameters by the last word of their key."""
    return ", ".join(f"{key.rpartition('.')[2]} {value}" for key, value in params.items())


def _under(made: Ready, batches: Batches, own: Candidate, chosen: Chosen, fills: str) -> Measured | None:
    """The out-of-sample path under another rule of fills; None where the settings have none of that name."""
    if fills not in made.inputs.settings.fills:
        return None
    walk = made.walk
    pieces = [piece for piece in chosen.path if piece.chosen is not None]
    tasks = [Task(walk.place, piece.chosen.params, (piece.span,), fills=fills) for piece in pieces if piece.chosen is not None]
    found = {piece.span: measured[0] for piece, measured in zip(pieces, batches.each(tasks), strict=True)}
    return stitched([found.get(piece.span) or nothing(own.spans[piece.span]) for piece in chosen.path])


def _nulls(made: Ready, batches: Batches, own: Candidate, chosen: Chosen, draws: int, tell: Callable[[int], None]) -> np.ndarray | None:
    """Figures of the out-of-sample path with entries at random, float64[draws, figures]; None without draws or without anybody chosen."""
    pieces = [piece for piece in chosen.path if piece.chosen is not None]
    if not draws or not pieces:
        return None
    walk, rows = made.walk, []
    some = max(1, 64 // len(pieces))                            # draws a batch
    for first in range(0, draws, some):
        numbers = range(first, min(draws, first + some))
        tasks = [Task(walk.place, piece.chosen.params, (piece.span,), random_entries=draw, seed=walk.seed)
                 for draw in numbers for piece in pieces if piece.chosen is not None]
        measured = iter(batches.map(tasks))
        for _ in numbers:
            found = {piece.span: next(measured)[0] for piece in pieces}
            whole = stitched([found.get(piece.span) or nothing(own.spans[piece.span]) for piece in chosen.path])
            rows.append(null_figures(whole, made.per_year))
        tell(numbers.stop)
    return np.array(rows)


@contextmanager
def _crew(context: Context, asked: Asked) -> Iterator[Crew]:
    """Who does the work: the cluster that is named, else processes of this machine."""
    from pse.commands import crew

    if asked.cluster is not None and asked.jobs is not None:
        raise RequestError(f"--jobs {asked.jobs} says how many processes of this machine work, and --cluster {asked.cluster} that others do; give one of them")
    hands = crew.cluster_crew(context, asked.cluster) if asked.cluster is not None else crew.local_crew(context, jobs_of(context, asked.jobs))
    try:
        yield hands
    finally:
        hands.close()


def jobs_of(context: Context, jobs: int | None) -> int:
    """How many processes: as asked, else one a core; one alone where what shares work out is not installed."""
    if jobs is not None:
        return jobs
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if cores > 1 and importlib.util.find_spec("joblib") is None:
        context.note("note: one process works, because joblib is not installed; pip install 'pse-toolkit[research]' brings it")
        return 1
    return cores


@contextmanager
def _told_how_to_go_on(kept: KeptSearch) -> Iterator[None]:
    """Ctrl-C, and an outside that failed, say what stands and what to do."""
    stands = f"The finished batches of this search stand in {kept.folder}; the same command goes on from there, to the same result."
    try:
        yield
    except (KeyboardInterrupt, SystemError) as stop:
        if not is_ctrl_c(stop):
            raise
        raise Stopped(f"stopped. {stands}") from None
    except OutsideError as error:
        if "same command" in str(error):
            raise
        raise type(error)(f"{error} {stands}") from error


# --- what is written -------------------------------------------------------------------------------------------------------------------------------


def judged(made: Ready, found: Searched, audit: Audit, trials: tuple[int, bool], run_id: str,
           sets: Sequence[str]) -> tuple[Beside, dict[str, Any]]:
    """What stands beside the candidates, and wfo.json.  sets: what `--set` said of the settings."""
    inputs, plan = made.inputs, made.inputs.plan
    symbol = plan.symbols[0]
    beside = Beside(found.strict, found.kind, found.nulls, trials[0], trials[1], audit.word, _closes(made), made.per_year,
                    {"lookahead": f"`pse audit lookahead --symbol {symbol} --tactics` shows it, and `pse wfo` without --no-audit runs it"})
    heads = {"run_id": run_id, "desk": plan.name, "symbols": list(plan.symbols), "synthetic": inputs.snapshot.synthetic,
             "window": {"start": iso(inputs.start_ns), "end": iso(inputs.end_ns)}, "folds_asked": made.folds_asked, "snapshot": inputs.snapshot.id,
             "holdout_sessions": made.holdout_sessions, "chosen_set": (*sets, *as_set(inputs.settings, found.chosen.whole.params)),
             "lookahead": audit.word, "lookahead_text": audit.text, "fills": inputs.settings.chosen.fills}
    return beside, document(made.walk, plan, found.candidates, found.chosen, beside, heads)


def _closes(made: Ready) -> pl.DataFrame:
    """Daily closes of the traded symbols, the warm-up's among them, none from behind what was searched."""
    import polars as pl

    from pse.domain.actions import forward_adjusted
    from pse.research.market import daily_closes

    plan, end = made.inputs.plan, made.inner.end_ns
    whole = (forward_adjusted(one, plan.actions.get(one.symbol)) for one in made.inputs.bars)
    return pl.concat([daily_closes(one[:int((one.ts_close <= end).sum())]) for one in whole])


def written(context: Context, made: Ready, asked: Asked, found: Searched, audit: Audit, trials: tuple[int, bool], timing: dict[str, Any],
            began: int) -> tuple[Run, dict[str, Any]]:
    """The run's folder, from its manifest to its last file; the finished run and wfo.json."""
    extra: dict[str, Any] = {COMMAND: {"policy": policy_data(made.policy), "folds": asked.folds, "draws": asked.draws, "trials": trials[0], "raised": trials[1],
                                       "lookahead": audit.word, "lookahead_text": audit.text, "objective_sha256": made.source,
                                       "set": said_of(context.overrides)}}
    manifest = manifest_of(context, made.inputs, COMMAND, "history")
    manifest = manifest.model_copy(update={"extra": extra, "fingerprint": asked_fingerprint(made, asked.draws)})
    run = new_run(context.home, manifest, context.clock.now_ns())
    with left_no_empty_run(run), run.journal() as journal:
        beside, wfo = judged(made, found, audit, trials, run.run_id, extra[COMMAND]["set"])
        write_judged(run.folder, made.walk, found.candidates, found.chosen, beside, wfo)
        runs = []
        with context.progress() as progress:
            driven = fold_runs(made.inner, found.chosen, run.folder, lock_path(context.home, f"{run.run_id}-folds"))
            for one in progress.track(driven, len(found.chosen.path), description="journals of the test windows"):
                runs.append(one)
        for ts, note in notes(made.walk.plan.searched, found.chosen, runs):
            journal.append("NOTE", ts, note)
        write_overrides(run.folder, runs)
        run = finish_run(run, journal, iso(context.clock.now_ns()))
    for text in unlike(runs, found.chosen):
        context.warn(f"{text}; they should be one: please report it, with the run's manifest")
    write_atomic(run.folder / "timing.jsonl", (json.dumps(timing | {"whole_ns": stopwatch_ns() - began}) + "\n").encode())
    return run, wfo


def said_of(overrides: Sequence[str]) -> list[str]:
    """What the command line said of the settings of a run; the desk is named apart, and what is searched is no part of a run."""
    return [one for one in overrides if one.partition("=")[0].strip() != "desk" and not one.strip().startswith("search.")]


def asked_fingerprint(made: Ready, draws: int) -> str:
    """What two walk-forwards share when nothing that decides them differs."""
    return digest({"inputs": made.inputs.fingerprint, "policy": policy_data(made.policy), "folds": made.folds_asked, "draws": draws, "objective": made.source})


def _answer(context: Context, run: Run, wfo: dict[str, Any], report: Path | None) -> Answer:
    page = None
    if report is not None:
        from pse.commands.report import write_page

        page = str(write_page(context, run, report))
    court = wfo["court"]
    folds = [{name: one[name] for name in ("number", "test", "chosen", "in_sample", "out_of_sample", "note")} for one in wfo["folds"]]
    data = {"run_id": run.run_id, "verdict": court["verdict"], "clause": court["clause"], "trials": wfo["trials"], "ledger_trials": wfo["ledger_trials"],
            "folds": folds, "chosen": wfo["chosen"], "metrics": wfo["stitched"]["figures"], "lookahead": wfo["lookahead"], "report": page,
            "fingerprint": run.manifest.fingerprint, "snapshot": run.manifest.snapshot, "synthetic": run.manifest.synthetic}
    return Answer(data, lambda console: _show(console, context, run, wfo, page), exit_code=0 if court["verdict"] == CREDIBLE else 1)


def _show(console: Console, context: Context, run: Run, wfo: dict[str, Any], page: str | None) -> None:
    from rich.text import Text

    from pse.reports.walk_summary import show_walkforward

    places = {"run": shown_path(run.folder)} | ({"report": shown_path(Path(page))} if page else {})
    show_walkforward(console, wfo, places)
    home = context.home.root
    pse = "pse" if home.resolve() == Path.cwd() else f"pse --home {shown_path(home)}"
    hint = "" if page else f"  ·  {pse} report {run.run_id}"
    console.print(Text(f"check it: {pse} prove {run.run_id}{hint}", style="dim"), soft_wrap=True)
