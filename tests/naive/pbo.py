"""The probability of backtest overfitting, from its definition: every halving of the blocks, one after the other."""

from itertools import combinations

import numpy as np


def blocks_of(sessions, blocks):
    """Where each block begins and ends: the k-th border lies at k T / S, rounded down."""
    return [range(k * sessions // blocks, (k + 1) * sessions // blocks) for k in range(blocks)]


def statistic(values, kind):
    if kind == "mean":
        return values.mean()
    if values.max() - values.min() <= 1e-9 * np.abs(values).max():
        return 0.0
    return values.mean() / values.std(ddof=1)


def pbo(matrix, blocks, kind="sharpe"):
    """Share of logits at or below 0, the logits, the best column of each halving, its statistic in and out of sample."""
    sessions, columns = matrix.shape
    parts = blocks_of(sessions, blocks)
    logits, best, inside, outside = [], [], [], []
    for chosen in combinations(range(blocks), blocks // 2):
        rows = [row for block in chosen for row in parts[block]]
        rest = [row for block in range(blocks) if block not in chosen for row in parts[block]]
        here = [statistic(matrix[rows, j], kind) for j in range(columns)]
        there = [statistic(matrix[rest, j], kind) for j in range(columns)]
        j = next(j for j in range(columns) if here[j] >= max(here) - 1e-12)
        worse = sum(value < there[j] - 1e-12 for value in there)
        equal = sum(abs(value - there[j]) <= 1e-12 for value in there)
        share = (worse + (equal + 1) / 2) / (columns + 1)
        logits.append(np.log(share / (1 - share)))
        best.append(j)
        inside.append(here[j])
        outside.append(there[j])
    return sum(logit <= 1e-12 for logit in logits) / len(logits), np.array(logits), best, np.array(inside), np.array(outside)


def loss_of(matrix, blocks, column, kind="sharpe"):
    """Share of the halves in which one column loses or earns nothing."""
    parts = blocks_of(matrix.shape[0], blocks)
    halves = [[row for block in chosen for row in parts[block]] for chosen in combinations(range(blocks), blocks // 2)]
    return np.mean([statistic(matrix[rows, column], kind) <= 0.0 for rows in halves])
