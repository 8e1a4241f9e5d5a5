"""The order of setups of one symbol and instant, with lists and sorts."""


def alike(own, other):
    """Whether two setups are one idea; -2 is one choice of all that say so."""
    if own["group"] == -2:
        return other["group"] == -2
    return own["group"] >= 0 and other["group"] == own["group"] and other["direction"] == own["direction"]


def select(setups, gap=0.05):
    """setups: dicts with rank, direction, group, precedence, event.  Returns (rows best first without twins, conflict)."""
    def key(i):
        return -setups[i]["rank"], setups[i]["precedence"], setups[i]["event"], i

    kept = []
    for i, own in enumerate(setups):
        same = [j for j, other in enumerate(setups) if j == i or alike(own, other)]
        if min(same, key=lambda j: (setups[j]["precedence"], key(j))) == i:
            kept.append(i)
    kept.sort(key=key)
    best = {d: max((setups[i]["rank"] for i in kept if setups[i]["direction"] == d), default=None) for d in (1, -1)}
    if not kept or setups[kept[0]]["direction"] == 0 or None in best.values():
        return kept, False
    return kept, abs(best[1] - best[-1]) <= gap + 1e-9
