"""The log of decisions, `data/decisions/<run_id>.jsonl`: a line a pass with what was asked, what was answered and what became of it.

Lines hold no wall time, no run id and no mode: a run that is made again from its tape writes the same bytes.  Of a run that rules decided the file holds the
DELIBERATION lines of its journal instead.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pse.domain.errors import DamagedTable
from pse.domain.records import canonical
from pse.store.files import write_atomic
from pse.store.journal import raw_lines
from pse.store.layout import Home, safe_name

# The order in which a line says it.
FIELDS = ("ts", "symbol", "agent", "decision", "position", "rationale", "flags", "prompt", "prompt_hash", "config_ref", "input_refs", "model", "tokens",
          "cost_usd", "latency_ns", "calls", "answered", "codes", "ungrounded", "each", "questions", "request", "reply", "market", "account", "verdict", "fill",
          "exit")


def log_path(home: Home, name: str) -> Path:
    """Where the decisions of a run, or of another name, are logged."""
    return home.decisions / f"{safe_name(name, 'run id')}.jsonl"


def as_line(entry: Mapping[str, Any]) -> bytes:
    """One line: the fields in their order, those that are not given left out, everything inside them with sorted keys."""
    return ended(begun(entry), {})


def begun(entry: Mapping[str, Any]) -> bytes:
    """A line that is not ended yet; `ended` adds what became known later."""
    if unknown := sorted(set(entry) - set(FIELDS)):
        raise ValueError(f"a decision log has no {', '.join(unknown)}")
    return ("{" + _fields(entry)).encode()


def ended(line: bytes, entry: Mapping[str, Any]) -> bytes:
    """A begun line with the rest of its fields."""
    return b"".join((line, f",{_fields(entry)}".encode() if entry else b"", b"}\n"))


def _fields(entry: Mapping[str, Any]) -> str:
    return ",".join(f'"{name}":{canonical(entry[name])}' for name in FIELDS if name in entry)


def write_log(path: Path, lines: Iterable[bytes]) -> str:
    """Writes a whole log in one step; its sha256."""
    content = b"".join(lines)
    write_atomic(path, content)
    return hashlib.sha256(content).hexdigest()


def read_log(path: Path, sha256: str) -> Iterator[dict[str, Any]]:
    """The lines of a log of a judged run; nothing where there is none.  `sha256`: of the log as it was written; `DamagedTable` where it has another."""
    if path.is_file() and (found := hashlib.sha256(path.read_bytes()).hexdigest()) != sha256:
        raise DamagedTable(f"{path} is not what its run wrote: its sha256 is {found[:12]}.., expected {sha256[:12]}.. of the manifest, so nothing is told from "
                           f"it; restore it from a copy, or run the backtest again with `--agents tape`")
    for number, line in enumerate(raw_lines(path) if path.is_file() else (), start=1):
        try:
            found = json.loads(line)
        except ValueError as error:
            raise DamagedTable(f"{path} line {number} is not JSON ({error}); run the backtest again with `--agents tape`, which writes it anew") from error
        if not isinstance(found, dict) or "agent" not in found:
            raise DamagedTable(f"{path} line {number} is no line of a decision log; expected what a judged run wrote there")
        yield found
