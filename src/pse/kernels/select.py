"""Which of several setups of one symbol and instant comes first.

Small arrays, no allocation: the caller owns `order` and `status`.  The gates decide later which of the kept ones is the candidate.
"""

from math import isnan

from pse.kernels.compiled import shared
from pse.kernels.contract import ONE_CHOICE
from pse.kernels.targets import EPS

KEPT, TWIN, OPPOSED = 0, 1, 2    # a twin has a better tactic on the same group; an opposed one fell to a conflict of directions
STATUS = ("KEPT", "TWIN", "CONFLICT")


@shared
def setup_rank(quality, confidence, tcc_score, reward_r, base, bonus):
    """Rank of a setup, 0..1 and a bonus: .40 quality + .20 trend conviction + .20 min(R / 3, 1) + .20 base + bonus.

    tcc_score: score of the setup's own direction; NaN adds nothing.  reward_r: first target in R, NaN (no target) adds nothing.
    base NaN: the tactic ranks by its confidence alone (zones, strategies, open calls).
    """
    if isnan(base):
        return confidence
    conviction = 0.0 if isnan(tcc_score) else tcc_score
    reward = 0.0 if isnan(reward_r) else min(reward_r / 3.0, 1.0)
    return 0.40 * quality + 0.20 * conviction + 0.20 * reward + 0.20 * base + bonus


@shared
def comes_before(i, j, rank, precedence, event):
    """Whether row i goes before row j: higher rank, then tactic order, then the earlier event, then the row."""
    if rank[i] != rank[j]:
        return rank[i] > rank[j]
    if precedence[i] != precedence[j]:
        return precedence[i] < precedence[j]
    if event[i] != event[j]:
        return event[i] < event[j]
    return i < j


@shared
def one_idea(group, direction, other_group, other_direction):
    """Whether two setups are one idea: of one group and direction, or of one choice whatever their direction; group -1 stands alone."""
    return group == other_group and (group == ONE_CHOICE or (group >= 0 and direction == other_direction))


@shared
def is_twin(i, n, rank, direction, group, precedence, event):
    """Whether another row of the same idea is of a better tactic, or of the same and goes before."""
    for j in range(n):
        better = precedence[j] < precedence[i] or (precedence[j] == precedence[i] and comes_before(j, i, rank, precedence, event))
        if j != i and better and one_idea(group[i], direction[i], group[j], direction[j]):
            return True
    return False


@shared
def select(n, rank, direction, group, precedence, event, order, status, conflict_gap=0.05):
    """Puts the setups 0..n-1 of one symbol and instant into the order in which the gates try them.

    rank float64[>=n]; direction, group, precedence, event int64[>=n].  Writes `order` int64[>=n]: the rows that are no twin, best first, and
    `status` int64[>=n]: KEPT, TWIN or OPPOSED.  Returns (how many stand in `order`, whether the best of both directions lie within `conflict_gap`:
    then every row of `order` is OPPOSED and nothing is traded at this instant).
    """
    kept = 0
    for i in range(n):
        status[i] = KEPT
        if is_twin(i, n, rank, direction, group, precedence, event):
            status[i] = TWIN
            continue
        at = kept
        while at > 0 and comes_before(i, order[at - 1], rank, precedence, event):
            order[at] = order[at - 1]
            at -= 1
        order[at] = i
        kept += 1

    for k in range(1, kept):                           # the first row against the best of the other direction
        if direction[order[0]] * direction[order[k]] < 0:
            if rank[order[0]] - rank[order[k]] > conflict_gap + EPS:
                break
            for m in range(kept):
                status[order[m]] = OPPOSED
            return kept, True
    return kept, False
