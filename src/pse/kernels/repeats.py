"""What a repeated signal says again: a state that holds for days is told when something about it changes, and not at every close.

Speaks of setups of plans that wait after a stop-out (they stand for a state, not for an event), and of their finds that the tactic refused.  Of each symbol
and tactic the state keeps the run that was told last, named by its first close, and what became of it.  Silence changes no decision: what is told of a
setup that is tried again stays untold only where it would end as it did the last time.
"""

import numpy as np

from pse.kernels.book import is_live, slots_of
from pse.kernels.codes import R_OK
from pse.kernels.compiled import inner
from pse.kernels.contract import REFUSED, WAITS_AFTER_STOP


@inner
def same_run(state, row):
    """Whether what was told last of this symbol and tactic was of the same run of its signal."""
    return row.plan_flags & WAITS_AFTER_STOP != 0 and state.told[row.symbol, row.tactic].event_bar == row.event_bar


@inner
def told_before(state, row, code):
    """Whether this refusal of this run was the last thing told of the symbol and tactic; what is let in is always told."""
    return code != R_OK and same_run(state, row) and state.told[row.symbol, row.tactic].code == code


@inner
def note(state, row, code):
    """Keeps what became of a setup."""
    if row.plan_flags & WAITS_AFTER_STOP:
        told = state.told[row.symbol, row.tactic]
        told.event_bar, told.code = row.event_bar, code


@inner
def refused_find(row):
    """The code of a find that its tactic refused, apart from those of the engine."""
    return np.int64(-1 - row.refusal)


@inner
def unheard(state, row):
    """Whether a repeated signal says nothing at this close: a plan of its own tactic is live, or another's and its run was told before; or a refused
    find that was told before."""
    if row.plan_flags & WAITS_AFTER_STOP == 0:
        return False
    live = False
    for slot in slots_of(state, row.symbol):
        plan = state.plans[slot]
        if is_live(plan):
            live = True
            if plan.tactic == row.tactic:
                return True
    return same_run(state, row) if live else row.kind == REFUSED and told_before(state, row, refused_find(row))
