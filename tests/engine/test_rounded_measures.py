"""Measures of gates are rounded in one sweep; Python's own `round` is what they must equal."""

from __future__ import annotations

import numpy as np

from pse.engine.records import LARGEST_MEASURE, MONEY_DIGITS, rounded


def expected(value: float) -> float | None:
    return round(value, MONEY_DIGITS) if value == value and abs(value) < LARGEST_MEASURE else None


def test_a_sweep_rounds_as_python_does_one_by_one() -> None:
    rng = np.random.default_rng(7)
    anywhere = rng.standard_normal(50_000) * 10.0 ** rng.integers(-12, 16, 50_000)
    halves = rng.integers(-10**9, 10**9, 50_000) / 2e6                   # in the middle between two results, or a float beside it
    values = np.concatenate([anywhere, halves, np.nextafter(halves, 0), [0.0, -0.0, 5e-7, -5e-7, 1.5e-6, 2.5e-6, 0.1, 1e14 / 3]])
    assert [repr(one) for one in rounded(values)] == [repr(expected(one)) for one in values.tolist()]


def test_what_is_no_number_or_too_large_is_none() -> None:
    assert rounded(np.array([np.nan, np.inf, -np.inf, 1e15, -1e300, 1.0])) == [None] * 5 + [1.0]


def test_nothing_rounds_to_nothing() -> None:
    assert rounded(np.empty(0)) == []
