"""Whether what a walk-forward chose looks ahead: the audit of `pse audit lookahead`, over the first part of the window, kept for the next search."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pse.clock import iso, stopwatch_ns
from pse.commands.inputs import Inputs, bars_of
from pse.commands.lookahead import run_lookahead
from pse.commands.sources import code
from pse.commands.wiring import Context
from pse.domain.errors import BadConfig, DamagedTable, NoBars
from pse.domain.trials import Params
from pse.engine.varied import varied, varied_settings
from pse.settings import settings_hash
from pse.store.files import read_json, write_json
from pse.store.layout import Home
from pse.store.searches import search_name

CLEAN, FINDINGS, NOT_RUN = "CLEAN", "FINDINGS", "NOT RUN"
SESSIONS, DECISIONS, CUTS = 20, 2_000, 32        # trading days that are audited at least, decision bars that make enough, random cuts among them
SYMBOLS = 3                                      # of the desk that are audited at most, the first ones


@dataclass(frozen=True)
class Audit:
    """What an audit came to.  `seconds`: how long it took when it was run, None where it was not; `kept`: it stood from an earlier search."""

    word: str
    text: str
    seconds: float | None = None
    kept: bool = False


def audited(context: Context, inputs: Inputs, params: Params | None = None) -> Audit:
    """The audit of the desk with these values (none: as it is), symbol by symbol; from the store where the same code said it of the same settings and bars."""
    own = _with(inputs, params or {})
    name = settings_hash(own.deciding)
    path = _path(context.home, name, inputs.snapshot.id)
    if (before := _kept(path)) is not None:
        return Audit(str(before["word"]), str(before["text"]), before.get("seconds"), True)
    there = replace(context)
    vars(there)["settings"] = own.settings
    symbols = own.plan.symbols[:SYMBOLS]
    context.note(f"auditing the desk for look-ahead on {', '.join(symbols)} (--no-audit leaves it out) ...")
    began = stopwatch_ns()
    try:
        looked = {symbol: _looked(there, own, place) for place, symbol in enumerate(symbols)}
    except (BadConfig, NoBars) as error:
        return Audit(NOT_RUN, f"the audit could not be run: {error}")
    seconds = round((stopwatch_ns() - began) / 1e9, 1)
    findings = {symbol: found["findings"] for symbol, found in looked.items() if found["findings"]}
    word, text = FINDINGS if findings else CLEAN, _said(own, looked, "what was chosen" if params else "the desk")
    write_json(path, {"word": word, "text": text, "seconds": seconds, "settings_hash": name, "code": code(), "symbols": list(symbols),
                      "params": dict(params or {}), "bars": inputs.snapshot.id, "window": [iso(inputs.start_ns), iso(inputs.end_ns)], "findings": findings})
    return Audit(word, text, seconds)


def _with(inputs: Inputs, params: Params) -> Inputs:
    return replace(inputs, settings=varied_settings(inputs.settings, params), plan=varied(inputs.settings, inputs.plan, params)) if params else inputs


def _looked(context: Context, inputs: Inputs, place: int) -> dict[str, Any]:
    """What `pse audit lookahead` says of one symbol over the first part of the window, with the days that it looked at."""
    symbol, end_ns = inputs.plan.symbols[place], _first_part(inputs, place)
    found = run_lookahead(context, symbol, tactics=True, start_ns=inputs.start_ns, end_ns=end_ns, cuts=CUTS).data
    return {"findings": found["findings"], "cuts": found["checked"]["cuts"], "days": f"{iso(inputs.start_ns)[:10]} to {iso(end_ns)[:10]}"}


def _said(inputs: Inputs, looked: Mapping[str, Mapping[str, Any]], who: str) -> str:
    """The answer in words, with everything that was looked at."""
    symbols = inputs.plan.symbols
    left = f"; of {len(symbols)} symbols the first {len(looked)} were looked at" if len(looked) < len(symbols) else ""
    if bad := {symbol: len(found["findings"]) for symbol, found in looked.items() if found["findings"]}:
        return (f"{', '.join(f'{count} findings on {symbol}' for symbol, count in bad.items())}; `pse audit lookahead --symbol {next(iter(bad))} --tactics` "
                f"lists those of the desk{left}")
    clean = ", ".join(f"{symbol} at {found['cuts']} cuts, {found['days']}" for symbol, found in looked.items())
    return f"nothing that {who} says changed: {clean}{left}"


def kept_audit(home: Home, settings_hash: str, snapshot: str) -> str:
    """What an earlier audit by the code as it is now said of a desk with these settings and bars (as a manifest notes them); NOT RUN where there was none."""
    before = _kept(_path(home, settings_hash, snapshot))
    return NOT_RUN if before is None else str(before["word"])


def _first_part(inputs: Inputs, place: int) -> int:
    """The end of the first sessions of the window: of a desk of minutes a month, of one of days years; ns UTC."""
    bars = inputs.bars[place].between(inputs.start_ns, inputs.end_ns)
    days = np.unique(bars.session)
    if not days.size:
        return inputs.end_ns
    a_session = max(1.0, bars_of(bars, inputs.plan.decision_timeframe) / days.size)
    wanted = max(SESSIONS, math.ceil(DECISIONS / a_session))
    return min(inputs.end_ns, int(bars.sessions.close_ns[days[min(wanted, days.size) - 1]]))


def _path(home: Home, name: str, snapshot: str) -> Path:
    """Where the audit of a desk with these settings on these bars, by the code as it is now, is kept."""
    return home.state / "audits" / f"{search_name({'code': code(), 'settings': name, 'snapshot': snapshot})}.json"


def _kept(path: Path) -> dict[str, Any] | None:
    """What was kept; nothing where it cannot be read, for it can be had again."""
    try:
        found = read_json(path) if path.is_file() else None
    except DamagedTable:
        return None
    return found if isinstance(found, dict) and found.get("word") in (CLEAN, FINDINGS) and "text" in found else None
