"""Runs on disk: one folder each, a manifest that says whether it finished, and the projections of its journal.

`manifest.json` is written when a run starts (status running) and again when it ends.  A folder that still says running while nobody holds its journal
was interrupted.
"""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pse.domain.errors import BadName, DamagedTable, RequestError, UnknownName
from pse.domain.manifest import Manifest, run_name
from pse.domain.records import BrokenLine
from pse.store.files import read_json, write_atomic, write_json
from pse.store.journal import Checkpoint, Journal, last_line, line_kind, raw_lines
from pse.store.layout import Home, safe_name
from pse.store.locks import is_held, lock_path, locked

MANIFEST, JOURNAL, METRICS = "manifest.json", "journal.jsonl", "metrics.json"
RECOMMENDATIONS, FINAL_DECISIONS = "recommendations.json", "final_decisions.jsonl"
TAPE = "tape.jsonl"                             # what a judged run was answered, in order
CHECKPOINTS = "checkpoints.txt"
DECISIONS, DECISIONS_SHA256 = "decisions", "decisions_sha256"      # the projection below data/decisions; of a judged run its bytes, noted in the manifest
LATEST, MOST_NAMED = "latest", 12
TRADES, EQUITY, POSITIONS, LOTS = "trades.parquet", "equity.parquet", "positions.parquet", "lots.parquet"
ENVELOPE, ENVELOPE_EQUITY = "envelope.parquet", "envelope_equity.parquet"
LATER = (POSITIONS, LOTS)                       # runs of earlier versions have none
RESULTS = (TRADES, EQUITY, POSITIONS, LOTS, METRICS, ENVELOPE, ENVELOPE_EQUITY)
PORTFOLIO = "portfolio.json"
WFO, RETURNS, REGIMES, OVERRIDES = "wfo.json", "returns.parquet", "regimes.json", "overrides.json"          # of a walk-forward
OOS_EQUITY, OOS_TRADES, RANDOM_ENTRIES = "oos_equity.parquet", "oos_trades.parquet", "random_entries.parquet"
SEARCHED = (WFO, RETURNS, OOS_EQUITY, OOS_TRADES, RANDOM_ENTRIES, REGIMES, OVERRIDES)
HASHED = (*RESULTS, PORTFOLIO, *SEARCHED)         # whose bytes a finished run notes
WORTH = "judges.json"                            # beside a judged run, once its vetoes were priced: no part of what it wrote, so it notes its own hash


@dataclass(frozen=True)
class Run:
    """A run's folder and its manifest as last read or written."""

    home: Home
    folder: Path
    manifest: Manifest

    @property
    def run_id(self) -> str:
        return self.manifest.run_id

    @property
    def journal_path(self) -> Path:
        return self.folder / JOURNAL

    @property
    def lock(self) -> Path:
        return lock_path(self.home, self.run_id)

    @property
    def status(self) -> str:
        """finished, running (somebody writes its journal) or interrupted."""
        if self.manifest.status == "finished":
            return "finished"
        return "running" if is_held(self.lock) else "interrupted"

    def journal(self, *, repeat: bool = False, redact_text: Callable[[str], str] | None = None) -> Journal:
        """The writer of this run's journal; `repeat` replays an interrupted run into what it already wrote."""
        return Journal(self.journal_path, self.manifest.fingerprint, lock=self.lock, repeat=repeat, redact_text=redact_text, what="the journal of run")


def new_run(home: Home, manifest: Manifest, created_ns: int) -> Run:
    """Make the folder of a run and write its manifest; the id says when, which desk, what, and the fingerprint.

    `created_ns`: wall time, ns UTC.  Two runs of one second get different ids.
    """
    name = run_name(created_ns, manifest.desk, manifest.symbols, manifest.fingerprint)
    home.outputs.mkdir(parents=True, exist_ok=True)
    for suffix in ("", *(f"-{count}" for count in range(2, 1000))):
        folder = home.run(name + suffix)
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return save(Run(home, folder, manifest.model_copy(update={"run_id": name + suffix, "status": "running"})))
    raise BadName(f"there are 999 runs named {name} already; expected fewer starts of one run within a second; remove old ones from {home.outputs}")


def discard_empty(run: Run) -> None:
    """Takes away the folder of a run whose journal has no line yet; any other stays."""
    if not run.journal_path.is_file() or not run.journal_path.stat().st_size:
        discard(run)


def discard(run: Run) -> None:
    """Takes away the folder of a run that came to nothing, with its journal and its list of answers; what somebody else put there stays."""
    for name in (JOURNAL, MANIFEST, TAPE):
        (run.folder / name).unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        run.folder.rmdir()


def save(run: Run) -> Run:
    """Write the run's manifest as it stands."""
    write_json(run.folder / MANIFEST, run.manifest.model_dump(mode="json"))
    return run


def result_hashes(folder: Path) -> dict[str, str]:
    """sha256 of each table and figure file that lies in a run's folder, and in those of the test windows of a walk-forward."""
    inside = (f"{one.parent.relative_to(folder).as_posix()}/" for one in sorted(folder.glob(f"folds/*/{JOURNAL}")))
    names = [f"{where}{name}" for where in ("", *inside) for name in HASHED]
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names if (folder / name).is_file()}


def answers_hash(run: Run) -> str:
    """sha256 of the list of what a run was answered; "" where no model was asked."""
    path = run.folder / TAPE
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def finish_run(run: Run, journal: Journal, finished: str, **changes: object) -> Run:
    """Close the journal, project it, note its checkpoint, and mark the run finished with the journal's length, head and root.

    `finished`: wall time, ISO 8601 UTC.  `changes`: further manifest fields.
    """
    journal.close()
    root = journal.root
    project(run)
    with locked(lock_path(run.home, "checkpoints"), "the list of checkpoints", wait_seconds=30):
        _append_line(run.home.ledger / CHECKPOINTS, f"{run.run_id} {journal.records} {root}\n")
    ended = {**changes, "status": "finished", "results": result_hashes(run.folder), "finished": finished, "records": journal.records, "head": journal.head,
             "merkle_root": root}
    return save(Run(run.home, run.folder, Manifest.model_validate({**run.manifest.model_dump(), **ended})))


def _append_line(path: Path, line: str) -> None:
    earlier = path.read_bytes() if path.exists() else b""
    if earlier and not earlier.endswith(b"\n"):
        earlier = earlier[:earlier.rfind(b"\n") + 1]
    write_atomic(path, earlier + line.encode())


def checkpoint_of(home: Home, run_id: str) -> Checkpoint | None:
    """The last checkpoint noted for a run, or None."""
    path, found = home.ledger / CHECKPOINTS, None
    if path.exists():
        for line in path.read_text("utf-8", "replace").splitlines():
            words = line.split()
            if len(words) == 3 and words[0] == run_id and words[1].isdigit():
                found = Checkpoint(int(words[1]), words[2])
    return found


# --- reading -------------------------------------------------------------------------------------------------------------------------------------

def run_folder(home: Home, run_id: str) -> Path:
    """The folder of a stored run, by its id or what `find_run_id` takes for one; `BadName` for what is no plain name or leads out of the outputs,
    `UnknownName` when there is none."""
    folder = home.run(find_run_id(home, run_id))
    if not folder.resolve().is_relative_to(home.outputs.resolve()):
        raise BadName(f"run id {run_id!r} leads out of {home.outputs} (a link); expected a folder that lies in it")
    if not (folder / MANIFEST).is_file():
        raise UnknownName("run", run_id, run_ids(home))
    return folder


def find_run_id(home: Home, asked: str) -> str:
    """The id that is meant by `latest`, by the id itself, or by how the id of one run alone begins or ends; what means no run comes back as it is.

    `BadName` where several runs begin or end so.
    """
    if not asked or (home.run(asked) / MANIFEST).is_file():
        return asked
    known = run_ids(home)
    if asked == LATEST:
        return max(known, key=lambda name: (name[:15], (home.run(name) / MANIFEST).stat().st_mtime_ns), default=asked)
    found = [name for name in known if name.startswith(asked)] or [name for name in known if name.endswith(asked)]
    if len(found) > 1:
        raise BadName(f"{asked!r} is how {len(found)} runs begin or end: {', '.join(found[-MOST_NAMED:])}; expected one run: give more of its id, or `latest`")
    return found[0] if found else asked


def run_ids(home: Home) -> list[str]:
    """Names of the stored runs, oldest first."""
    if not home.outputs.is_dir():
        return []
    return sorted(found.name for found in home.outputs.iterdir() if _is_name(found.name) and (found / MANIFEST).is_file())


def _is_name(text: str) -> bool:
    try:
        return bool(safe_name(text))
    except BadName:
        return False


def load_run(home: Home, run_id: str) -> Run:
    """A stored run, by its id, a part of it that is unique, or `latest`; `DamagedTable` when its manifest cannot be read as one."""
    folder = run_folder(home, run_id)
    path = folder / MANIFEST
    manifest = read_manifest(path)
    if manifest.run_id != folder.name:
        raise DamagedTable(f"{path} is the manifest of run {manifest.run_id!r}, found in the folder of {folder.name!r}; expected its own; restore it from a "
                           f"copy or give the folder its name back")
    return Run(home, folder, manifest)


def read_manifest(path: Path) -> Manifest:
    """The manifest in a file; `DamagedTable` when it holds none."""
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        why = f"{'.'.join(map(str, first['loc'])) or 'the document'}: {first['msg']}"
        raise DamagedTable(f"{path} is not the manifest of a run ({why}); expected what `pse backtest` wrote there; restore it from a copy or remove the "
                           f"folder and run the backtest again") from error


def list_runs(home: Home) -> Iterator[Run | tuple[str, str]]:
    """All stored runs, oldest first; a damaged one as (name, what is wrong)."""
    for run_id in run_ids(home):
        try:
            yield load_run(home, run_id)
        except (DamagedTable, BadName) as error:
            yield run_id, str(error)


# --- projections ---------------------------------------------------------------------------------------------------------------------------------

def projections(journal: Path) -> dict[str, bytes]:
    """What the journal's lines say they hold: recommendations (an array), final decisions and deliberations (JSONL), lines copied as they stand."""
    found: dict[str, list[bytes]] = {"SETUP": [], "DECISION": [], "DELIBERATION": []}
    markers = {kind: f',"kind":"{kind}","prev":"'.encode() for kind in found}
    for line in raw_lines(journal):
        tail = line[-160:]
        for kind, marker in markers.items():
            if marker in tail:
                found[kind].append(line)
    setups = b",\n".join(line[:-1] for line in found["SETUP"])
    return {RECOMMENDATIONS: b"[" + (b"\n" + setups + b"\n" if setups else b"") + b"]\n", FINAL_DECISIONS: b"".join(found["DECISION"]),
            DECISIONS: b"".join(found["DELIBERATION"])}


def projection_paths(run: Run) -> dict[str, Path]:
    """Where each projection of a run lies."""
    return {RECOMMENDATIONS: run.folder / RECOMMENDATIONS, FINAL_DECISIONS: run.folder / FINAL_DECISIONS,
            DECISIONS: run.home.decisions / f"{safe_name(run.run_id, 'run id')}.jsonl"}


def project(run: Run) -> None:
    """Write the projections of the run's journal; the decision log of a judged run, which says more, is not its own."""
    paths = projection_paths(run)
    for name, content in projections(run.journal_path).items():
        if name != DECISIONS or run.manifest.decide == "rules":
            write_atomic(paths[name], content)


def stale_projections(run: Run) -> list[Path]:
    """Projections of a finished run that are missing or do not say what its journal says."""
    paths = projection_paths(run)
    noted = run.manifest.extra.get(DECISIONS_SHA256)
    return [paths[name] for name, content in projections(run.journal_path).items()
            if not paths[name].is_file() or not _says(paths[name].read_bytes(), content, noted if name == DECISIONS else None)]


def _says(found: bytes, content: bytes, noted: str | None) -> bool:
    """Whether a projection has the bytes that it should; of a decision log those that the manifest notes."""
    return found == content if noted is None else hashlib.sha256(found).hexdigest() == noted


def metrics_of(run: Run) -> dict[str, Any]:
    """What `metrics.json` of the run says; empty when it has none."""
    path = run.folder / METRICS
    found = read_json(path) if path.is_file() else {}
    if not isinstance(found, dict):
        raise DamagedTable(f"{path} does not hold the figures of a run; expected a JSON object; run the backtest again")
    return found


def check_journal(run: Run) -> None:
    """Refuses to read on in a finished run whose journal has not the length and the last hash of its manifest, or is gone: `DamagedTable`.

    What was changed before the last line only the whole chain shows: `pse audit log`.
    """
    manifest, path = run.manifest, run.journal_path
    if manifest.status != "finished" or manifest.records is None:
        return
    if why := _not_as_finished(path, manifest.records, manifest.head):
        raise DamagedTable(f"{path} {why}; expected the journal as run {run.run_id} finished it, so nothing is told from it. `pse audit log {run.run_id}` "
                           f"shows what is left; restore the file from a copy or run the backtest again")


def _not_as_finished(path: Path, records: int, head: str | None) -> str:
    """What is not as the manifest says; "" where the log has its length and its last hash."""
    if not path.is_file():
        return "is missing"
    try:
        found, last = last_line(path)
    except BrokenLine as error:
        return f"is damaged: {error} (its manifest says {records:,} lines)"
    if found != records:
        return f"has {found:,} lines, its manifest says {records:,}"
    return f"ends with the hash {last[:12]}.., its manifest says {head[:12]}.." if head and last != head else ""


def check_figures(run: Run) -> None:
    """Refuses a run without its metrics.json: one that is not finished has none yet, of a finished one the file was lost."""
    path = run.folder / METRICS
    if path.is_file():
        return
    if run.manifest.status == "finished":
        raise DamagedTable(f"{path} is missing: run {run.run_id} is finished and its figures are gone; restore the file from a copy or run the backtest again "
                           f"(`pse audit log {run.run_id}` says whether more is missing)")
    mend = "wait for it" if run.status == "running" else "run the same backtest again"
    raise RequestError(f"run {run.run_id} is {run.status} and has no figures yet; a report needs a finished run; {mend}")


def files_of(run: Run) -> list[str]:
    """Names of the files in the run's folder."""
    return sorted(found.name for found in run.folder.iterdir() if found.is_file())


def kinds_of(run: Run) -> dict[str, int]:
    """How many lines of each kind the journal holds."""
    counts: dict[str, int] = {}
    if run.journal_path.is_file():
        for line in raw_lines(run.journal_path):
            kind = line_kind(run.journal_path, line)
            counts[kind] = counts.get(kind, 0) + 1
    return dict(sorted(counts.items()))


@contextlib.contextmanager
def scratch(home: Home) -> Iterator[Path]:
    """An empty folder of our own below data/state, gone afterwards."""
    parent = home.state / "scratch"
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=parent) as folder:
        yield Path(folder)
