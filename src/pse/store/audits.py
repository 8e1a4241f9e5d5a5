"""Whether a log can still be believed: its chain, the run that it belongs to, and the files made from it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from pse.domain.errors import DamagedTable, RequestError
from pse.domain.records import ZERO_HASH
from pse.store.files import read_json
from pse.store.journal import Verification, read, verify
from pse.store.layout import Home
from pse.store.ledger import TRIALS, trials_path
from pse.store.run_tables import read_worth
from pse.store.runs import JOURNAL, MANIFEST, PORTFOLIO, WORTH, Run, checkpoint_of, load_run, read_manifest, result_hashes, stale_projections


@dataclass(frozen=True)
class Finding:
    """Something about a log that should not be so."""

    file: str
    line: int | None
    why: str


@dataclass(frozen=True)
class Audit:
    """What an audit of one log found; no findings: it is whole."""

    log: Path
    run_id: str | None
    records: int
    head: str
    root: str
    findings: tuple[Finding, ...]
    beside: str = ""                             # what else of a run was looked at


def audit(home: Home, target: str) -> Audit:
    """Audit a run (its id), a run's folder, the word `trials` (the ledger), or a log file anywhere."""
    path = Path(target).expanduser()
    if path.is_dir() and (path / MANIFEST).is_file():
        path = path / JOURNAL
    elif target == "trials" and not path.exists():
        path = trials_path(home)
    if path.is_file():
        return audit_file(home, path)
    if path.name != target or path.suffix == ".jsonl":
        raise RequestError(f"there is no log at {target}; expected a run id (`pse runs list` shows them) or the path of a journal.jsonl")
    return audit_run(load_run(home, target))


def audit_file(home: Home, path: Path) -> Audit:
    """A log by its path; one that lies beside a manifest is held against it."""
    manifest_path = path.parent / MANIFEST
    if path.name == JOURNAL and manifest_path.is_file():
        if path.resolve().parent.parent == home.outputs.resolve():
            return audit_run(load_run(home, path.resolve().parent.name))
        return audit_run(Run(home, path.parent, read_manifest(manifest_path)))
    return _audit(path, None, verify(path, first_prev=ZERO_HASH if path.name == TRIALS else None), ())


def audit_run(run: Run) -> Audit:
    """Chain, foundation, length, head, checkpoint and projections of a run, and the bytes of its tables and figures."""
    manifest, path = run.manifest, run.journal_path
    if not path.is_file():
        return Audit(path, run.run_id, 0, "", "", (Finding(str(path), None, "the journal is missing"),))
    found = verify(path, first_prev=manifest.fingerprint, head=manifest.head, records=manifest.records, checkpoint=checkpoint_of(run.home, run.run_id))
    others: list[Finding] = []
    if found.ok and manifest.status == "finished":
        if manifest.merkle_root not in (None, found.root):
            others.append(Finding(str(run.folder / MANIFEST), None, "its merkle_root is not that of the journal"))
        others += [Finding(str(stale), None, "it does not say what the journal says, from which it was made") for stale in stale_projections(run)]
        now = result_hashes(run.folder)
        others += [Finding(str(run.folder / name), None, "it is missing" if name not in now else "its bytes are not those that the run wrote")
                   for name, then in sorted(manifest.results.items()) if now.get(name) != then]
        others += _unhashed(run) + _worth(run) + _windows(run)
    return replace(_audit(path, run.run_id, found, tuple(others)), beside=_beside(run))


def _beside(run: Run) -> str:
    """What of a finished walk-forward is held against its own journal and manifest."""
    if run.manifest.command != "wfo" or run.manifest.status != "finished":
        return ""
    windows = sum(1 for _ in run.folder.glob(f"folds/*/{JOURNAL}"))
    many = "s" * (windows != 1)
    return f"journal{many} of {windows} test window{many} by length and last hash, {len(run.manifest.results)} tables and figures by their hashes"


def _unhashed(run: Run) -> list[Finding]:
    """Of a run from before its portfolio.json was hashed: whether that can be read at all."""
    path = run.folder / PORTFOLIO
    if PORTFOLIO in run.manifest.results or not path.is_file():
        return []
    try:
        read_json(path)
    except DamagedTable:
        return [Finding(str(path), None, "it is no JSON document any more")]
    return []


def _windows(run: Run) -> list[Finding]:
    """Of a walk-forward whether the journal of each test window is the one whose length and last hash its own journal notes."""
    if run.manifest.command != "wfo":
        return []
    found = []
    for record in read(run.journal_path):
        if "head" not in record.body:
            continue
        path = run.folder / str(record.body["folder"]) / JOURNAL
        if not path.is_file():
            found.append(Finding(str(path), None, "the journal of this test window is missing"))
        elif not (told := verify(path, head=str(record.body["head"]), records=int(record.body["records"]))).ok:
            found.append(Finding(str(path), told.first_bad_line, told.why))
    return found


def _worth(run: Run) -> list[Finding]:
    """Whether what the judges were worth, where somebody had it priced, is what was reckoned."""
    try:
        if (run.folder / WORTH).is_file():
            read_worth(run.folder)
    except DamagedTable:
        return [Finding(str(run.folder / WORTH), None, f"it is not what `pse decisions overrides {run.run_id}` wrote there")]
    return []


def _audit(path: Path, run_id: str | None, found: Verification, others: tuple[Finding, ...]) -> Audit:
    chain = () if found.ok else (Finding(str(path), found.first_bad_line, found.why),)
    return Audit(path, run_id, found.lines, found.head, found.root, (*chain, *others))
