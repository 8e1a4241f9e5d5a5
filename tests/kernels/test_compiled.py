"""Kernels that kernels call: parts of their callers' code, with the answers and the errors of functions compiled alone."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit

from pse.kernels import compiled


@compiled.hot
def ratio(a, b):
    return a // b


@compiled.shared
def grown(rows, by):
    wider = np.zeros(rows.size + by)
    wider[: rows.size] = rows
    return wider


@compiled.allocating
def both(rows, a, b):
    return grown(rows, ratio(a, b)).size


@njit
def entry(rows, a, b):
    return both(rows, a, b) + grown(rows, 1).size


def test_the_installed_numba_takes_parts_and_another_one_gets_whole_functions():
    assert compiled.way() == {"pipeline_class": compiled.AsPart}
    assert compiled.way(("a_step_that_numba_does_not_have",)) == {"cache": True}


def test_a_part_answers_in_its_caller():
    rows = np.arange(3.0)
    assert entry(rows, 7, 2) == 6 + 4


def test_an_error_inside_a_part_reaches_python():
    with pytest.raises(ZeroDivisionError):
        entry(np.arange(3.0), 7, 0)


def test_a_shared_kernel_is_compiled_for_python_only_when_python_calls_it():
    rows = np.arange(3.0)
    before = len(grown.overloads)
    entry(rows, 7, 2)
    assert len(grown.overloads) == before
    assert grown(rows, 2).tolist() == [0.0, 1.0, 2.0, 0.0, 0.0] and len(grown.overloads) == 1
    assert entry(rows, 7, 2) == 10
