"""Aggregation as a dictionary of buckets, and the as-of join as a search through everything known."""

import math

import numpy as np


def aggregate(ts_open, o, h, lo, c, v, session, contract, session_open, session_close, length):
    """Rows (ts_open, ts_close, open, high, low, close, volume, first row, count); length 0 is one bucket a session."""
    buckets = {}
    for t in range(len(ts_open)):
        key = (session[t], contract[t], 0 if length == 0 else math.floor(ts_open[t] / length))
        buckets.setdefault(key, []).append(t)
    rows = []
    for (held, _, k), members in buckets.items():
        begin, end = (session_open[held], session_close[held]) if length == 0 else (k * length, (k + 1) * length)
        begin, end = max(begin, session_open[held]), min(end, session_close[held])
        rows.append((begin, end, o[members[0]], np.max(h[members]), np.min(lo[members]), c[members[-1]], sum(v[members]), members[0], len(members)))
    return rows


def asof_rows(known_at, ts):
    return [max((i for i, known in enumerate(known_at) if known <= moment), default=-1) for moment in ts]
