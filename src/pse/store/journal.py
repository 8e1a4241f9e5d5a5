"""Append-only, hash-chained JSONL on disk: one writer, a torn last line recovered, every other damage named.

A newline commits a line.  What a crash left behind the last newline is cut when the journal is opened again, and the cut is reported to the caller;
no line is added for it, so a resumed run ends with the bytes of one that was never interrupted.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from pse.domain.errors import DamagedTable, RequestError
from pse.domain.records import JOURNAL_KINDS, BrokenLine, Record, chain, check, kind_of, merkle_root, read_line
from pse.domain.redaction import redact_tree
from pse.store.files import disk_full_said
from pse.store.locks import take

FLUSH_BYTES = 1 << 20
FREE_TEXT_KINDS = frozenset({"ASK", "DELIBERATION", "NOTE"})         # other kinds hold our own words and numbers only


class JournalDiffers(RequestError):
    """A resumed run does not repeat the lines that were written before it was stopped."""


@dataclass(frozen=True)
class Checkpoint:
    """A root kept outside the journal: how many records it covered and their Merkle root (hex)."""

    records: int
    root: str


@dataclass(frozen=True)
class Verification:
    """What checking a log found; lines count from 1, as an editor shows them."""

    ok: bool
    lines: int                                   # lines that stand on an unbroken chain
    first_bad_line: int | None
    why: str
    head: str                                    # hash of the last good line; the foundation when there is none
    root: str                                    # Merkle root over the hashes of the good lines
    torn_bytes: int = 0                          # bytes behind the last newline


def scan(path: Path, first_prev: str | None = None) -> tuple[Verification, int, list[bytes]]:
    """Check every line of a log; also the number of bytes up to the last good newline, and the hashes of the good lines.

    `first_prev` is the hash that the first line must stand on (a run's fingerprint); None accepts any.
    """
    good_bytes, prev, hashes, why, torn = 0, first_prev, list[bytes](), "", 0
    with open(path, "rb") as file:
        for line in file:
            if not line.endswith(b"\n"):
                torn, why = len(line), f"line {len(hashes) + 1} is torn: {len(line)} bytes without a newline at the end of the file"
                break
            try:
                prev = check(line[:-1], len(hashes), prev)
            except BrokenLine as error:
                why = f"line {len(hashes) + 1}: {error}"
                break
            hashes.append(bytes.fromhex(prev))
            good_bytes += len(line)
    bad = len(hashes) + 1 if why else None
    return Verification(not why, len(hashes), bad, why, prev or "", merkle_root(hashes), torn), good_bytes, hashes


def verify(path: Path, *, first_prev: str | None = None, head: str | None = None, records: int | None = None,
           checkpoint: Checkpoint | None = None) -> Verification:
    """Whether the log is whole.

    The chain alone cannot see that its last lines are gone: `records` and `head` (from a finished run's manifest) or a `checkpoint` show that.
    """
    found, _, _ = scan(path, first_prev)
    if not found.ok:
        return found
    why = ""
    if records is not None and found.lines != records:
        why = f"it has {found.lines} lines, its manifest says {records}: lines were {'cut off' if found.lines < records else 'added'} at the end"
    elif head is not None and found.head != head:
        why = f"its last hash is {found.head[:12]}.., its manifest says {head[:12]}..: the log was written anew"
    elif checkpoint is not None:
        why = _against(path, found, checkpoint)
    if not why:
        return found
    return Verification(False, found.lines, found.lines + 1, why, found.head, found.root)


def _against(path: Path, found: Verification, checkpoint: Checkpoint) -> str:
    if found.lines < checkpoint.records:
        return f"it has {found.lines} lines, its checkpoint covers {checkpoint.records}: lines were cut off at the end"
    root = found.root
    if found.lines > checkpoint.records:
        root = merkle_root(bytes.fromhex(record.hash) for record in islice(read(path), checkpoint.records))
    if root != checkpoint.root:
        return f"the root of its first {checkpoint.records} lines is {root[:12]}.., its checkpoint says {checkpoint.root[:12]}..: the log was written anew"
    return ""


def read(path: Path) -> Iterator[Record]:
    """The records of a log, oldest first; a torn last line is left out.  The chain is not checked: `verify` does that."""
    for number, line in enumerate(raw_lines(path), start=1):
        try:
            yield read_line(line)
        except BrokenLine as error:
            raise DamagedTable(f"{path} line {number}: {error}; run `pse audit log {path}` to see whether more is damaged") from error


def raw_lines(path: Path) -> Iterator[bytes]:
    """The committed lines as they stand, newline included."""
    with open(path, "rb") as file:
        for line in file:
            if not line.endswith(b"\n"):
                return
            yield line


def last_line(path: Path) -> tuple[int, str]:
    """How many committed lines a log has and the hash of its last one, which is checked against its own text; `BrokenLine` says what is wrong there."""
    count, last = 0, b""
    with open(path, "rb") as file:
        for line in file:
            count, last = count + 1, line
    if last and not last.endswith(b"\n"):
        raise BrokenLine(f"line {count} is torn: {len(last)} bytes without a newline at the end of the file")
    try:
        return count, check(last[:-1], count - 1, None) if last else ""
    except BrokenLine as error:
        raise BrokenLine(f"line {count}: {error}") from error


def line_kind(path: Path, line: bytes) -> str:
    """The kind of a committed line of the log at `path`; `DamagedTable` when it is no record."""
    try:
        return kind_of(line[:-1])
    except BrokenLine as error:
        raise DamagedTable(f"{path} holds a line that is no record ({error}); run `pse audit log {path}` to see which") from error


class Journal:
    """The writer of one log.  Use it in a `with` block, or `close` it.

    `head` is the hash of the last line, `records` their number, `cut_bytes` what was cut from a torn tail, `recovered` how many lines were there.
    While `repeating`, appended lines are compared with those already there instead of written: a resumed run replays into its own journal.
    """

    def __init__(self, path: Path, first_prev: str, *, lock: Path, kinds: Iterable[str] = JOURNAL_KINDS, repeat: bool = False,
                 redact_text: Callable[[str], str] | None = None, what: str = "the journal") -> None:
        self.path, self._kinds, self._redact, self._buffer, self._buffered = path, frozenset(kinds), redact_text, [], 0  # type: ignore[var-annotated]
        self._lock = take(lock, f"{what} {path}")
        try:
            self._file, found, hashes = _open_at_end(path, first_prev)
        except BaseException:
            self._lock.release()
            raise
        self.recovered, self.cut_bytes = found.lines, found.torn_bytes
        self._earlier: Iterator[bytes] | None = raw_lines(path) if repeat and self.recovered else None
        self._hashes, self.head = ([], first_prev) if self._earlier is not None else (hashes, found.head)

    @property
    def records(self) -> int:
        return len(self._hashes)

    @property
    def root(self) -> str:
        """Merkle root (RFC 6962) over the hashes of the lines so far."""
        return merkle_root(self._hashes)

    @property
    def repeating(self) -> bool:
        return self._earlier is not None

    def append(self, kind: str, ts: int, body: Mapping[str, Any]) -> int:
        """Add one line, in memory until `flush` or `sync`; its seq.  `ts` is engine time, int ns UTC."""
        if kind not in self._kinds:
            raise ValueError(f"no kind of record named {kind!r}")
        if self._redact is not None and kind in FREE_TEXT_KINDS:
            body = redact_tree(body, self._redact)
        seq = self.records
        line, line_hash = chain(self.head, seq, int(ts), kind, body)
        if self._earlier is not None:
            self._repeat(line)
        else:
            self._buffer.append(line)
            self._buffered += len(line)
        self.head = line_hash
        self._hashes.append(bytes.fromhex(line_hash))
        if self._buffered >= FLUSH_BYTES:
            self.flush()
        return seq

    def extend(self, lines: Iterable[tuple[str, int, Mapping[str, Any]]]) -> None:
        """Append (kind, ts, body) in order."""
        for kind, ts, body in lines:
            self.append(kind, ts, body)

    def _repeat(self, line: bytes) -> None:
        assert self._earlier is not None
        earlier = next(self._earlier)
        if earlier != line:
            raise JournalDiffers(f"{self.path} line {self.records + 1} is not what this run writes there now; expected a stopped run to repeat itself byte "
                                 f"for byte; data, settings or code changed since: start a new run instead of resuming this one")
        if self.records + 1 == self.recovered:
            self._earlier = None                 # from the next line on it is written

    def flush(self) -> None:
        """Hand everything to the operating system.  Raises `DiskFull`; lines that did not fit stay in memory."""
        if not self._buffer:
            return
        content = b"".join(self._buffer)
        written = 0
        try:
            with disk_full_said(self.path):
                while written < len(content):
                    written += os.write(self._file.fileno(), content[written:])
        finally:
            rest = content[written:]
            self._buffer, self._buffered = ([rest] if rest else []), len(rest)

    def sync(self) -> None:
        """On return every appended line survives a power cut: write, then act."""
        self.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Sync and let the next writer in; a second call does nothing."""
        if self._file.closed:
            return
        try:
            self.sync()
        finally:
            self._file.close()
            self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _open_at_end(path: Path, first_prev: str) -> tuple[BinaryIO, Verification, list[bytes]]:
    """The file ready to be appended to, what was found in it (a torn tail is cut by now), and the hashes of its lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    found, hashes = Verification(True, 0, None, "", first_prev, ""), list[bytes]()
    if path.exists():
        found, good_bytes, hashes = scan(path, first_prev)
        if not found.ok and not found.torn_bytes:
            raise DamagedTable(f"{path} {found.why}; expected an unbroken chain before anything is added to it; restore the file from a copy, or move it "
                               f"away to begin a new one (`pse audit log {path}` shows the finding again)")
        if found.torn_bytes:
            os.truncate(path, good_bytes)
    return open(path, "ab", buffering=0), found, hashes
