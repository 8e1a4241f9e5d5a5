"""`pse prove` of a walk-forward: the whole search once more from its manifest, and every byte of what it wrote compared."""

from __future__ import annotations

from pathlib import Path

from pse.commands.crew import local_crew
from pse.commands.running import check_outside, manifest_of
from pse.commands.wfo import asked_fingerprint, jobs_of, judged, search
from pse.commands.wfo_audit import Audit
from pse.commands.wfo_files import COMMAND, write_judged, write_overrides
from pse.commands.wfo_folds import fold_runs, notes
from pse.commands.wfo_ready import pinned, policy_from, ready
from pse.commands.wfo_search import Batches
from pse.commands.wiring import Context
from pse.domain.manifest import Manifest
from pse.settings import Settings
from pse.store.files import write_json
from pse.store.journal import Journal
from pse.store.runs import JOURNAL, MANIFEST
from pse.store.searches import KeptSearch


def replay(context: Context, manifest: Manifest, folder: Path) -> Path:
    """Writes an earlier walk-forward anew into `folder`; gives the path of its journal.

    What does not hang on its bars and settings is taken from the manifest: how many configurations the ledger counted then, and what the look-ahead audit said.
    """
    check_outside(Settings.from_tree(manifest.settings, context.home.root), manifest)
    kept = manifest.extra[COMMAND]
    made = ready(context, pinned(context, manifest), policy_from(kept["policy"]), int(kept["folds"]))
    context.note(f"{made.size_words()}, once more: a proof takes as long as the search took")
    crew = local_crew(context, jobs_of(context, None))
    try:
        found = search(context, made, Batches(crew, KeptSearch(folder / "batches")), int(kept["draws"]))
    finally:
        crew.close()
    audit = Audit(str(kept["lookahead"]), str(kept["lookahead_text"]))
    fresh = manifest_of(context, made.inputs, COMMAND, "history").model_copy(update={"fingerprint": asked_fingerprint(made, int(kept["draws"]))})
    write_json(folder / MANIFEST, fresh.model_dump(mode="json"))
    with Journal(folder / JOURNAL, fresh.fingerprint, lock=folder / "journal.lock") as journal:
        beside, wfo = judged(made, found, audit, (int(kept["trials"]), bool(kept["raised"])), manifest.run_id, kept.get("set", []))
        write_judged(folder, made.walk, found.candidates, found.chosen, beside, wfo)
        runs = list(fold_runs(made.inner, found.chosen, folder, folder / "folds.lock"))
        for ts, note in notes(made.walk.plan.searched, found.chosen, runs):
            journal.append("NOTE", ts, note)
        write_overrides(folder, runs)
    return folder / JOURNAL
