"""Swing points from the definition: every window is looked at whole."""

import numpy as np

NEVER = 2**62


def swings(o, h, lo, c, session, left, right, one_session):
    """(kind, idx, price, confirmed_at) in time order."""
    found = []
    for i in range(left, len(h) - right):
        if one_session and len(set(session[i - left:i + right + 1])) > 1:
            continue
        high = h[i] > np.max(h[i - left:i]) + 1e-9 and h[i] >= np.max(h[i + 1:i + right + 1]) - 1e-9
        low = lo[i] < np.min(lo[i - left:i]) - 1e-9 and lo[i] <= np.min(lo[i + 1:i + right + 1]) + 1e-9
        here = [(1, i, h[i], i + right)] * bool(high) + [(-1, i, lo[i], i + right)] * bool(low)
        found += here[::-1] if c[i] >= o[i] else here
    return found


def labels(pivots, tolerance):
    """0 first, 1 higher, 2 lower, 3 equal; tolerance(t) in points."""
    out = []
    for n, (kind, _, price, confirmed_at) in enumerate(pivots):
        same = [p[2] for p in pivots[:n] if p[0] == kind]
        if not same:
            out.append(0)
        elif abs(price - same[-1]) <= tolerance(confirmed_at) + 1e-9:
            out.append(3)
        else:
            out.append(1 if price > same[-1] else 2)
    return out


def standing(pivots, t):
    """Rows of the pivots that an alternating view of bar t keeps, in order; of one kind in a row the most extreme, the first on ties."""
    runs = []
    for n, (kind, _, _, confirmed_at) in enumerate(pivots):
        if confirmed_at > t:
            break
        if runs and pivots[runs[-1][0]][0] == kind:
            runs[-1].append(n)
        else:
            runs.append([n])
    return [max(run, key=lambda n: (pivots[n][0] * pivots[n][2], -n)) for run in runs]
