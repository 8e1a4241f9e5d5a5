"""Which setups of a symbol and instant are asked about: their rank, the choice among them, the gates before, and silence on what was told before."""

import numpy as np

from pse.kernels.book import NIL, NOBODY, ONE, emit, passed_over
from pse.kernels.codes import BEFORE, E_SETUP, R_CONFLICT, R_OK, R_OUT_OF_WINDOW, R_SAME_IDEA, R_SUPERSEDED
from pse.kernels.compiled import inner
from pse.kernels.contract import C_TCC_SCORE_LONG, C_TCC_SCORE_SHORT, ENTER
from pse.kernels.fitting import fitted
from pse.kernels.proposal import gates_on_proposal, smallest_lot
from pse.kernels.repeats import note, same_run, told_before, unheard
from pse.kernels.select import KEPT, TWIN, one_idea, select, setup_rank
from pse.kernels.state import MAX_CANDIDATES
from pse.kernels.verdicts import closes

ASKED = 9                        # beside KEPT, TWIN and OPPOSED while candidates are looked at


@inner
def rank_of(world, state, i):
    """Rank of setup row i among the setups of its instant."""
    row = world.setups[i]
    context = world.context[state.symbols[row.symbol].row]
    conviction = context[C_TCC_SCORE_LONG] if row.direction > 0 else context[C_TCC_SCORE_SHORT]
    risk = abs(row.entry - row.stop)
    d = row.direction if row.direction != 0 else ONE
    reward = d * (row.target - row.entry) / risk if risk > 0.0 else np.nan
    return setup_rank(row.quality, row.confidence, conviction, reward, row.rank_base, row.rank_bonus)


@inner
def best_rank(world, state, symbol):
    """Rank of the symbol's best setup of this instant that no better tactic has on the same idea: such twins are not tried."""
    record, best = state.symbols[symbol], -np.inf
    rows = range(record.first_setup, record.first_setup + record.n_setups)
    for i in rows:
        row, twin = world.setups[i], False
        if row.kind != ENTER or unheard(state, row):
            continue
        for j in rows:
            other = world.setups[j]
            same = other.kind == ENTER and not unheard(state, other) and one_idea(row.group, row.direction, other.group, other.direction)
            twin = twin or (same and other.precedence < row.precedence)
        if not twin:
            best = max(best, rank_of(world, state, i))
    return best


@inner
def refusal_before(state, world, log, now, i):
    """What refuses setup row i before anybody is asked: the window of entries or the first gate; R_OK: it is a candidate."""
    row, policy = world.setups[i], world.policy[0]
    if closes(state, row):                  # it can only reduce, so no gate is asked
        return R_OK
    if now < policy.entries_from or now >= policy.entries_until:
        return R_OUT_OF_WINDOW
    micro, lot = smallest_lot(world.instruments[row.symbol], policy)
    d = row.direction if row.direction != 0 else ONE           # a setup of either direction is first tried as the long that its prices describe
    return gates_on_proposal(state, world, log, now, i, BEFORE, d, row.stop, row.target, lot, micro, row.confidence)


@inner
def hush(state, world, log, now, rows, order, status, entries, kept, silent):
    """Writes `silent` int64[>=entries], 1 for setups of which nothing new is to be told.

    A twin, a conflict and what is refused before anybody is asked stand each for themselves.  A question stays unput as a whole, where its best candidate
    would be refused even if it were approved as it stands, and all others were passed over for a better one, each as the last time.
    """
    repeated = False
    for k in range(entries):
        row = world.setups[rows[k]]
        repeated = repeated or same_run(state, row)
        silent[k] = status[k] != KEPT and told_before(state, row, R_SAME_IDEA if status[k] == TWIN else R_CONFLICT)
    if not repeated:
        return
    spoken = log.brief[0]
    log.brief[0] = 1                                           # what is tried here is told of nobody
    best, same = -1, True
    for k in range(kept):
        at = order[k]
        row = world.setups[rows[at]]
        code = refusal_before(state, world, log, now, rows[at])
        if code != R_OK:
            silent[at] = told_before(state, row, code)
            continue
        status[at] = ASKED
        same = same and row.direction != 0
        if best < 0:
            best = at
            same = same and same_run(state, row)
        else:
            same = same and told_before(state, row, R_SUPERSEDED)
    if best >= 0 and same:
        row = world.setups[rows[best]]
        code, _, _ = fitted(state, world, log, now, rows[best], row.direction, row.stop, row.target, 1.0, row.confidence)
        same = told_before(state, row, code)
    for k in range(entries):
        if status[k] == ASKED:
            status[k] = KEPT
            silent[k] = same
    log.brief[0] = spoken


@inner
def candidates(state, world, log, now, symbol):
    """Selection and the gates before, for one symbol.  Fills `asked` with the setups that pass, best first; returns how many."""
    record = state.symbols[symbol]
    n = min(record.n_setups, MAX_CANDIDATES)
    rank, direction, group, precedence, event = state.ranks, state.chosen[0], state.chosen[1], state.chosen[2], state.chosen[3]
    order, status, rows, silent = state.chosen[4], state.chosen[5], state.chosen[6], state.chosen[7]
    entries = 0
    for i in range(record.first_setup, record.first_setup + record.n_setups):
        row = world.setups[i]
        if row.kind != ENTER or unheard(state, row):
            continue
        if entries == n:
            if not told_before(state, row, R_SUPERSEDED):
                passed_over(log, now, symbol, i, R_SUPERSEDED)
                note(state, row, R_SUPERSEDED)
            continue
        rows[entries], rank[entries] = i, rank_of(world, state, i)
        direction[entries], group[entries], precedence[entries], event[entries] = row.direction, row.group, row.precedence, row.event_bar
        entries += 1
    kept, conflict = select(entries, rank, direction, group, precedence, event, order, status)
    hush(state, world, log, now, rows, order, status, entries, 0 if conflict else kept, silent)
    for k in range(entries):
        if silent[k]:
            continue
        emit(log, E_SETUP, now, symbol, rows[k], NOBODY, R_OK, ENTER, status[k], NIL, rank[k], 0.0, 0.0, 0.0, 0.0, 0.0)
        if status[k] != KEPT:
            code = R_SAME_IDEA if status[k] == TWIN else R_CONFLICT
            passed_over(log, now, symbol, rows[k], code)
            note(state, world.setups[rows[k]], code)
    if conflict:
        return 0
    found = 0
    for k in range(kept):
        i = rows[order[k]]
        if silent[order[k]]:
            continue
        code = refusal_before(state, world, log, now, i)
        if code != R_OK:
            passed_over(log, now, symbol, i, code)
            note(state, world.setups[i], code)
        else:
            state.asked[found] = i
            found += 1
    return found
