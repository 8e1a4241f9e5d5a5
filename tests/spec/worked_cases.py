"""The worked cases of the specification: reading them, and comparing an answer with what they expect."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).parent


def load(name: str) -> tuple[float, list[dict[str, Any]]]:
    """(tolerance, cases) of one file."""
    book = json.loads((FOLDER / f"{name}.json").read_text())
    return float(book["tolerance"]), book["cases"]


def column(values: list[float | None]) -> np.ndarray:
    """A column of a case, null as NaN."""
    return np.array([math.nan if value is None else value for value in values], dtype=np.float64)


def differences(actual: Any, expected: Any, tolerance: float, where: str = "") -> list[str]:
    """Places where an answer differs; only what the case names is compared, null is NaN (or a bar that never came)."""
    if isinstance(expected, dict):
        return [line for key, value in expected.items() for line in differences(actual[key], value, tolerance, f"{where}.{key}")]
    if isinstance(expected, list):
        if len(actual) != len(expected):
            return [f"{where}: {len(actual)} entries, expected {len(expected)}"]
        return [line for i, value in enumerate(expected) for line in differences(actual[i], value, tolerance, f"{where}[{i}]")]
    if expected is None:
        same = actual is None or (isinstance(actual, float | np.floating) and math.isnan(actual))
    elif isinstance(expected, bool | str):
        same = type(expected)(actual) == expected
    else:
        same = actual is not None and abs(float(actual) - float(expected)) <= tolerance
    return [] if same else [f"{where}: {actual!r}, expected {expected!r}"]
