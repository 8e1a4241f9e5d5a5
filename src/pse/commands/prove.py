"""`pse prove`: run it again from its manifest and compare every byte."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pse.commands.wiring import Answer, Context
from pse.domain.errors import ChangedSource, NoBars, RequestError
from pse.domain.manifest import Manifest, environment, environment_changes
from pse.domain.models import TapeMiss
from pse.store.audits import audit_run
from pse.store.decision_log import log_path
from pse.store.differences import TOLERANCE, Difference, differing_results, differing_search, first_difference, same_bytes
from pse.store.runs import DECISIONS, MANIFEST, Run, load_run, read_manifest, scratch

if TYPE_CHECKING:
    from rich.console import Console

EVERY_BYTE = "every byte of the journal, every value of trades, equity and figures"
REPLAYS = {"wfo": "pse.commands.wfo_prove"}          # who makes the run of a command again; a backtest's way where it is not here
Replay = Callable[[Context, Manifest, Path], Path]


@dataclass(frozen=True)
class Proof:
    """`result` EQUAL or DIFFERENT, how that was judged, the first difference, and why it may be so."""

    result: str
    compared: str
    why: tuple[str, ...] = ()
    difference: Difference | None = None


def run(context: Context, run_id: str, replay: Replay | None = None) -> Answer:
    """Say whether running it again gives the same journal; exit code 1 when not.

    `replay(context, manifest, folder)` writes the journal (and manifest) of a run like `manifest` into `folder` and returns the journal's path.
    """
    run = load_run(context.home, run_id)
    if run.manifest.status != "finished":
        raise RequestError(f"run {run_id} is {run.status}; expected a finished one, whose journal is complete; run its command again, or choose another from "
                           f"`pse runs list`")
    damage = audit_run(run).findings
    if damage:
        proof = Proof("DIFFERENT", "its own chain", tuple(f"{finding.file}: {finding.why}" for finding in damage))
    else:
        proof = _replayed(context, run, replay or importlib.import_module(REPLAYS.get(run.manifest.command, "pse.commands.backtest")).replay)
    data = {"run_id": run.run_id, "result": proof.result, "first_difference": asdict(proof.difference) if proof.difference else None,
            "compared": proof.compared, "why": list(proof.why), "records": run.manifest.records}
    return Answer(data, lambda console: _show(console, run, proof), exit_code=0 if proof.result == "EQUAL" else 1)


def _replayed(context: Context, run: Run, replay: Replay) -> Proof:
    with scratch(context.home) as folder:
        try:
            journal = replay(context, run.manifest, folder)
        except NoBars as error:
            return Proof("DIFFERENT", "nothing", (f"the bars of this run are no longer stored: {error}",))
        except (ChangedSource, TapeMiss) as error:
            return Proof("DIFFERENT", "nothing", (str(error),))
        beside = journal.parent / MANIFEST
        proof = _compared(run, journal, read_manifest(beside) if beside.is_file() else None)
        if proof.result != "EQUAL":
            return replace(proof, why=(*proof.why, *differing_search(run.folder, journal.parent))) if run.manifest.command in REPLAYS else proof
        wrong = (*differing_results(run.folder, journal.parent, 0.0 if proof.compared == EVERY_BYTE else TOLERANCE), *_other_log(run, journal.parent))
        return replace(proof, result="DIFFERENT", why=(*wrong, *proof.why)) if wrong else proof


def _other_log(run: Run, again: Path) -> tuple[str, ...]:
    """What is to be said where the decision log of a judged run is not what running it again writes."""
    mine, theirs = log_path(run.home, run.run_id), again / DECISIONS
    if not theirs.is_file() or same_bytes(mine, theirs):
        return ()
    return (f"{mine} is not what running it again writes",)


def _compared(run: Run, journal: Path, again: Manifest | None) -> Proof:
    elsewhere = environment_changes(run.manifest, environment())
    if same_bytes(run.journal_path, journal):
        return Proof("EQUAL", EVERY_BYTE, elsewhere)
    reasons = (*_input_changes(run.manifest, again), *elsewhere)
    moved_inputs = again is not None and again.fingerprint != run.manifest.fingerprint
    if elsewhere and not moved_inputs:
        difference = first_difference(run.journal_path, journal, TOLERANCE)
        return Proof("EQUAL" if difference is None else "DIFFERENT", f"every value to {TOLERANCE:g}, because it ran on another platform or lock", reasons,
                     difference)
    difference = first_difference(run.journal_path, journal)
    if difference is None:
        reasons = ("every record says the same; only the chain differs, because it stands on another fingerprint", *reasons)
    return Proof("DIFFERENT", "every byte", reasons, difference)


def _input_changes(then: Manifest, now: Manifest | None) -> tuple[str, ...]:
    """What went into the run that is not what it was."""
    if now is None:
        return ()
    changes = [f"the stored bars of {series} changed since (value hash {then.data.get(series, 'absent')[:12]} -> {now.data.get(series, 'absent')[:12]}); "
               f"`pse snapshots diff` shows the months" for series in sorted(set(then.data) | set(now.data))
               if then.data.get(series) != now.data.get(series)]
    changes += [f"the sessions of {calendar} changed since (hash {then.sessions.get(calendar, 'absent')[:12]} -> "
                f"{now.sessions.get(calendar, 'absent')[:12]}): when it opens, closes or halts between anchor and end is not what it was"
                for calendar in sorted(set(then.sessions) | set(now.sessions)) if then.sessions.get(calendar) != now.sessions.get(calendar)]
    named: tuple[tuple[str, Any, Any], ...] = (
        ("settings", then.settings_hash, now.settings_hash), ("seed", then.seed, now.seed), ("anchor", then.anchor_ns, now.anchor_ns),
        ("prompts", then.prompts, now.prompts), ("models", then.models, now.models), ("code", then.code, now.code))
    return (*changes, *(f"{name} changed: {before} -> {after}" for name, before, after in named if before != after))


def _show(console: Console, run: Run, proof: Proof) -> None:
    from rich.text import Text

    lines = [f"{proof.result}: run {run.run_id}, {run.manifest.records} records, compared {proof.compared}."]
    if proof.difference is not None:
        found = proof.difference
        lines.append(f"first difference: record {found.seq} ({found.kind}) {found.field}\n  stored {_short(found.stored)}\n  again  {_short(found.again)}")
    lines += [f"  {reason}" for reason in proof.why]
    console.print(Text("\n".join(lines)))


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else text[:197] + "..."
