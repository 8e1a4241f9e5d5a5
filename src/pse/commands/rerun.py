"""A past run's inputs, gathered and prepared again, so that the engine can be asked what it knew at a moment of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pse.commands.backtest import whole_window
from pse.commands.inputs import Inputs, gather
from pse.commands.running import check_outside, said_compiling
from pse.commands.wiring import Context
from pse.domain.bars import Bars
from pse.domain.errors import ChangedSource, RequestError
from pse.domain.manifest import Manifest
from pse.engine.desk import Mode
from pse.engine.prepare import Prepared
from pse.settings import Settings
from pse.store.appended import NONE_STORED
from pse.store.runs import Run
from pse.store.snapshots import load as load_snapshot


def inputs_of(context: Context, run: Run) -> Inputs:
    """What a finished run read, as its manifest pins it; `ChangedSource` where that is not to be had any more."""
    manifest = run.manifest
    if manifest.status != "finished":
        raise RequestError(f"run {run.run_id} is {run.status}; expected a finished one, whose journal is complete; run its command again, or choose another "
                           f"from `pse runs list`")
    settings = Settings.from_tree(manifest.settings, context.home.root)
    check_outside(settings, manifest)
    inputs = gather(context, settings, manifest.symbols, manifest.start_ns, manifest.end_ns, load_snapshot(context.home, manifest.snapshot),
                    manifest.tables.get("news", NONE_STORED), actions_at=manifest.tables.get("actions", NONE_STORED))
    _same_data(run, manifest, inputs)
    return inputs


def _same_data(run: Run, manifest: Manifest, inputs: Inputs) -> None:
    """Raises `ChangedSource` where the stored values are not those that the run was made on."""
    changed = sorted(name for name, value in manifest.data.items() if inputs.data.get(name) != value)
    changed += sorted(f"sessions of {name}" for name, value in manifest.sessions.items() if inputs.sessions.get(name) != value)
    if changed:
        raise ChangedSource(f"what run {run.run_id} was made on has changed since ({', '.join(changed)}), so what the engine would say now says nothing of "
                            f"that run: `pse prove {run.run_id}` tells the difference; run the backtest again to ask about what is stored now")


def prepared_until(context: Context, inputs: Inputs, until_ns: int, ask: bool = False) -> Prepared:
    """The run's window as the engine reads it, of the bars closed at or before `until_ns`; what comes later changes nothing of what was known then.

    `ask`: the engine pauses where somebody is to be asked, instead of deciding by rules inside.
    """
    said_compiling(context)
    until = min(until_ns, inputs.end_ns)
    cut = replace(inputs, bars=tuple(_closed(one, until) for one in inputs.bars),
                  context={symbol: part for symbol, one in inputs.context.items() if len(part := _closed(one, until))},
                  finer={symbol: _closed(one, until) for symbol, one in inputs.finer.items()})
    return replace(whole_window(cut, Mode(end_ns=inputs.end_ns, ask=ask)), until_ns=until)


def _closed(bars: Bars, until_ns: int) -> Bars:
    return bars[:int(np.searchsorted(bars.ts_close, until_ns, side="right"))]
