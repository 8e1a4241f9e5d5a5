"""Measures of gates are rounded in one sweep; Python's own `round` is what they must equal."""

from __future__ import annotations

import numpy as np

from pse.engine.records import LARGEST_MEASURE, MONEY_DIGITS, PRICE_DIGITS, measures, rounded


def expected(value: float) -> float | None:
    return round(value, MONEY_DIGITS) if value == value and abs(value) < LARGEST_MEASURE else None


def test_a_sweep_rounds_as_python_does_one_by_one() -> None:
    rng = np.random.default_rng(7)
    anywhere = rng.standard_normal(50_000) * 10.0 ** rng.integers(-12, 16, 50_000)
    halves = rng.integers(-10**9, 10**9, 50_000) / 2e6                   # in the middle between two results, or a float beside it
    values = np.concatenate([anywhere, halves, np.nextafter(halves, 0), [0.0, -0.0, 5e-7, -5e-7, 1.5e-6, 2.5e-6, 0.1, 1e14 / 3]])
    assert [repr(one) for one in measures(values)] == [repr(expected(one)) for one in values.tolist()]


def test_what_is_no_number_or_too_large_is_none() -> None:
    assert measures(np.array([np.nan, np.inf, -np.inf, 1e15, -1e300, 1.0])) == [None] * 5 + [1.0]


def test_nothing_rounds_to_nothing() -> None:
    assert measures(np.empty(0)) == []


def test_prices_on_a_grid_and_beside_it_round_as_python_does() -> None:
    rng = np.random.default_rng(8)
    ticks = np.concatenate([rng.integers(1, 10**6, 5_000) * tick for tick in (0.25, 0.1, 0.01, 1e-5, 5e-5, 0.1 + 2e-17)])
    values = np.concatenate([ticks, ticks * 1.0000001, np.nextafter(ticks, 0), ticks / 3, -ticks])
    assert rounded(values, PRICE_DIGITS).tolist() == [round(one, PRICE_DIGITS) for one in values.tolist()]
