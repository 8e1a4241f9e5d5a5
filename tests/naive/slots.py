"""Slot medians from the definition: for every bar, look for its slot in each of the sessions before."""

import math
import statistics


def slot_relative(values, session, slot, sessions, at_least):
    present = sorted(set(session))
    out = []
    for t in range(len(values)):
        place = present.index(session[t])
        before = present[max(place - sessions, 0):place]
        usual = [values[u] for u in range(t) if session[u] in before and slot[u] == slot[t] and not math.isnan(values[u])]
        median = statistics.median(usual) if len(usual) >= at_least else math.nan
        out.append(values[t] / median if median > 0 else math.nan)
    return out
