"""What a walk-forward puts into the trial ledger: each configuration as soon as its batch stands, and whoever looked at a sealed end."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pse.commands.inputs import Inputs
from pse.commands.wfo_files import COMMAND
from pse.commands.wfo_ready import Ready
from pse.commands.wiring import Context
from pse.domain.records import digest
from pse.domain.trials import Measured, Params
from pse.engine.varied import varied_settings
from pse.research import returns as series
from pse.settings import settings_hash
from pse.store.ledger import Counted, Trial, append_trials, raise_trials, trials_counted

Looks = Sequence[tuple[Params, Measured]]


def known_before(context: Context, made: Ready, told: int | None) -> Counted:
    """How many configurations looked at the window before this search, raised to what the user tells of; a word where that is fewer."""
    known = counted(context, made)
    if told is not None and told < known.n:
        context.warn(f"--trials-before {told}: the ledger counts {known.n:,} configurations on this window already; the count can be raised and never lowered, "
                     f"so {known.n:,} holds")
    if told is None or told <= known.n:
        return known
    return raise_trials(context.home, made.inner.settings.looked_at(made.inner.plan.symbols), made.window, told, context.clock.now_ns(), "--trials-before")


def counted(context: Context, made: Ready) -> Counted:
    """How many configurations the ledger counts on what is searched."""
    return trials_counted(context.home, made.inner.settings.looked_at(made.inner.plan.symbols), made.window)


def note(context: Context, inputs: Inputs, window: tuple[int, int], looks: Looks, per_year: float) -> None:
    """Puts configurations that were measured on a window into the ledger; those that stand there are not counted again."""
    kept = [(trial_of(inputs, window, params, found, per_year), found.dates.astype(np.int32), found.returns) for params, found in looks]
    append_trials(context.home, kept, context.clock.now_ns())


def trial_of(inputs: Inputs, window: tuple[int, int], params: Params, found: Measured, per_year: float) -> Trial:
    """One configuration's look at a window, ns UTC."""
    symbols = inputs.plan.symbols
    name = settings_hash(varied_settings(inputs.settings, params).run_tree(symbols))
    return Trial(fingerprint=digest({"settings": name, "data": inputs.data, "sessions": inputs.sessions, "window": list(window), "end": "FOLD_END"}),
                 kind=COMMAND, snapshot=inputs.snapshot.id, symbols=symbols, looked_at=inputs.settings.looked_at(symbols), window=window, settings_hash=name,
                 desk=inputs.plan.name, trades=int(found.trades.size), sharpe=series.sharpe(found.returns, per_year))
