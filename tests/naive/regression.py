"""Regressions of a window by least squares on the raw numbers."""

import numpy as np


def inflation(rows):
    """1 / (1 - R^2) of each column on the others and an intercept; columns that do not vary are left out and NaN."""
    varies = [bool(np.ptp(rows[:, j]) > 0) for j in range(rows.shape[1])]
    out = []
    for j in range(rows.shape[1]):
        if not varies[j]:
            out.append(np.nan)
            continue
        others = [rows[:, i] - rows[:, i].mean() for i in range(rows.shape[1]) if i != j and varies[i]]
        design = np.column_stack([np.ones(len(rows)), *others])
        y = rows[:, j] - rows[:, j].mean()
        left = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
        share = (left @ left) / (y @ y)
        out.append(np.inf if share < 1e-12 else 1 / share)
    return out


def rolling_inflation(columns, window, fewest):
    columns = np.asarray(columns).T
    out = np.full(columns.shape, np.nan)
    for t in range(len(columns)):
        rows = columns[max(t - window + 1, 0):t + 1]
        rows = rows[~np.isnan(rows).any(axis=1)]
        if len(rows) >= fewest:
            out[t] = inflation(rows)
    return out.T


def rolling_slope(y, x, window):
    out = []
    for t in range(len(y)):
        a, b = y[t - window + 1:t + 1], x[t - window + 1:t + 1]
        whole = t >= window - 1 and not np.isnan(a).any() and not np.isnan(b).any() and np.ptp(b) > 0
        out.append(np.cov(a, b)[0, 1] / np.var(b, ddof=1) if whole else np.nan)
    return out
