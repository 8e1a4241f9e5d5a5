"""Finished runs made by hand, as a backtest would leave them: for tests of the commands that read runs."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from pse.commands.wiring import Context
from pse.domain.manifest import Manifest, environment, fingerprint
from pse.store.files import write_json
from pse.store.journal import Journal
from pse.store.layout import Home
from pse.store.runs import Run, finish_run, new_run

CREATED_NS = 1_700_000_000_000_000_000           # 2023-11-14 22:13:20 UTC
DATA = {"ES 1m": "aa" * 32, "NQ 1m": "bb" * 32}
SETTINGS = {"desk": "futures-smc", "desks": {"futures-smc": {"symbols": ["ES"], "decide": "rules"}}, "account": {"capital": 100000.0}}


def context_of(root: Path) -> Context:
    return Context(home=Home(root), console=Console(file=io.StringIO(), width=120), err=Console(file=io.StringIO()))


def manifest(data=DATA, seed=42, **changes) -> Manifest:
    found = fingerprint(data=data, sessions={}, settings=SETTINGS, seed=seed, start_ns=0, end_ns=10, anchor_ns=0)
    return Manifest(**{"fingerprint": found, "created": "2023-11-14T22:13:20Z", "command": "backtest", "desk": "futures-smc", "symbols": ("ES",),
                       "start": "2013-10-06T00:00:00Z", "end": "2013-12-04T00:00:00Z", "seed": seed, "snapshot": "ab" * 8, "data": data,
                       "settings": SETTINGS, "settings_hash": "cd" * 32, "code": {"version": "0.1.0", "kernels": "ef" * 8}, **environment(), **changes})


def records(entry: float = 5000.25) -> list[tuple[str, int, dict]]:
    setup = {"setup_id": "s-1", "symbol": "ES", "entry": entry, "stop": 4990.5, "gates": [["ratio", True, 2.0, 1.5, "OK"]]}
    return [("SESSION", 10, {"date": 20131007}), ("SETUP", 20, setup), ("PASSED_OVER", 20, {"setup_id": "s-0"}),
            ("DELIBERATION", 21, {"setup_id": "s-1", "verdict": "APPROVE"}), ("DECISION", 22, {"setup_id": "s-1", "quantity": 2.0}),
            ("FILL", 30, {"price": entry, "slippage_ticks": 1.0}), ("EXIT", 40, {"reason": "TP1", "r_net": 1.9})]


def write(path: Path, found: Manifest, lines) -> Path:
    with Journal(path, found.fingerprint, lock=path.with_suffix(".lock")) as journal:
        journal.extend(lines)
    return path


def finished_run(home: Home, lines=None, files: Mapping[str, bytes] | None = None, **changes) -> Run:
    run = new_run(home, manifest(**changes), CREATED_NS)
    journal = run.journal()
    journal.extend(records() if lines is None else lines)
    journal.close()
    write_json(run.folder / "metrics.json", {"trades": 1, "net_usd": 950.5, "sharpe": None, "reasons": {"sharpe": "one trade"}})
    for name, content in (files or {}).items():
        (run.folder / name).write_bytes(content)
    return finish_run(run, journal, "2023-11-14T22:14:00Z")
