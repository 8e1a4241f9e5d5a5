"""Whether the desk of a walk-forward looks ahead: the audit of `pse audit lookahead`, over the first part of the window, kept for the next search."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import pse
from pse.clock import iso, stopwatch_ns
from pse.commands.inputs import Inputs, bars_of
from pse.commands.lookahead import run_lookahead
from pse.commands.wiring import Context
from pse.domain.errors import BadConfig, DamagedTable, NoBars
from pse.kernels import sources_digest
from pse.settings import settings_hash
from pse.store.files import read_json, write_json
from pse.store.layout import Home
from pse.store.searches import search_name

CLEAN, FINDINGS, NOT_RUN = "CLEAN", "FINDINGS", "NOT RUN"
SESSIONS, DECISIONS, CUTS = 20, 2_000, 32        # trading days that are audited at least, decision bars that make enough, random cuts among them
ROOMS = ("kernels", "features", "tactics", "engine", "risk", "domain")


@dataclass(frozen=True)
class Audit:
    """What an audit came to.  `seconds`: how long it took when it was run, None where it was not; `kept`: it stood from an earlier search."""

    word: str
    text: str
    seconds: float | None = None
    kept: bool = False


def audited(context: Context, inputs: Inputs) -> Audit:
    """The audit of the desk on the first symbol, from the store where the same code said it of the same desk and settings."""
    symbol, end_ns = inputs.plan.symbols[0], _first_part(inputs)
    name = settings_hash(inputs.deciding)
    path = _path(context.home, name)
    if (before := _kept(path)) is not None:
        return Audit(str(before["word"]), str(before["text"]), before.get("seconds"), True)
    context.note(f"auditing the desk for look-ahead on {symbol}, {iso(inputs.start_ns)[:10]} to {iso(end_ns)[:10]} (--no-audit leaves it out) ...")
    began = stopwatch_ns()
    try:
        found = run_lookahead(context, symbol, tactics=True, start_ns=inputs.start_ns, end_ns=end_ns, cuts=CUTS)
    except (BadConfig, NoBars) as error:
        return Audit(NOT_RUN, f"the audit could not be run: {error}")
    seconds = round((stopwatch_ns() - began) / 1e9, 1)
    findings = found.data["findings"]
    word = FINDINGS if findings else CLEAN
    text = (f"{len(findings)} findings on {symbol}; `pse audit lookahead --symbol {symbol} --tactics` lists them" if findings else
            f"nothing that the desk says of {symbol} changed at {found.data['checked']['cuts']} cuts, {iso(inputs.start_ns)[:10]} to {iso(end_ns)[:10]}")
    write_json(path, {"word": word, "text": text, "seconds": seconds, "settings_hash": name, "code": code(), "symbol": symbol, "bars": inputs.snapshot.id,
                      "window": [iso(inputs.start_ns), iso(end_ns)], "findings": findings})
    return Audit(word, text, seconds)


def kept_audit(home: Home, settings_hash: str) -> str:
    """What an earlier audit by the code as it is now said of a desk with these settings (the hash that a manifest notes); NOT RUN where there was none."""
    before = _kept(_path(home, settings_hash))
    return NOT_RUN if before is None else str(before["word"])


def code() -> dict[str, Any]:
    """What of the package decides what a desk says."""
    root = Path(pse.__file__).parent
    return {"version": pse.__version__} | {room: sources_digest(root / room) for room in ROOMS}


def _first_part(inputs: Inputs) -> int:
    """The end of the first sessions of the window: of a desk of minutes a month, of one of days years; ns UTC."""
    bars = inputs.bars[0].between(inputs.start_ns, inputs.end_ns)
    days = np.unique(bars.session)
    if not days.size:
        return inputs.end_ns
    a_session = max(1.0, bars_of(bars, inputs.plan.decision_timeframe) / days.size)
    wanted = max(SESSIONS, math.ceil(DECISIONS / a_session))
    return min(inputs.end_ns, int(bars.sessions.close_ns[days[min(wanted, days.size) - 1]]))


def _path(home: Home, name: str) -> Path:
    """Where the audit of a desk with these settings, by the code as it is now, is kept."""
    return home.state / "audits" / f"{search_name({'code': code(), 'settings': name})}.json"


def _kept(path: Path) -> dict[str, Any] | None:
    """What was kept; nothing where it cannot be read, for it can be had again."""
    try:
        found = read_json(path) if path.is_file() else None
    except DamagedTable:
        return None
    return found if isinstance(found, dict) and found.get("word") in (CLEAN, FINDINGS) and "text" in found else None
