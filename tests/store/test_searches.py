"""Batches of a search on disk: read back as they were, and never believed when they are not what was written."""

from __future__ import annotations

import numpy as np
import pytest

from pse.domain.trials import TRIAL_TRADE, Measured, Place, Span, Task
from pse.store.layout import Home
from pse.store.searches import KeptSearch, search_name

SPANS = (Span(0, 10), Span(10, 25))


def task(value: int) -> Task:
    return Task(Place("home", {}, ("ES",), 0, 25, "s"), {"risk.plan.stale_bars": value}, SPANS)


def measured(span: Span, seed: int) -> Measured:
    rng = np.random.default_rng(seed)
    trades = np.zeros(3, TRIAL_TRADE)
    trades["net"], trades["entry_ts"] = rng.normal(size=3), rng.integers(0, 99, 3)
    return Measured(span, 1e5, np.array([20230301, 20230302], np.int32), 1e5 + rng.normal(size=2), trades)


def batch() -> tuple[list[Task], list[list[Measured]]]:
    return [task(1), task(2)], [[measured(span, 7 * value + i) for i, span in enumerate(SPANS)] for value in (1, 2)]


@pytest.fixture
def kept(tmp_path):
    said: list[str] = []
    return KeptSearch.at(Home(tmp_path), "ab" * 8, said.append), said


def test_a_batch_comes_back_with_every_bit(kept):
    search, said = kept
    tasks, found = batch()
    search.keep(0, tasks, found)
    back = search.get(0, tasks)
    assert back is not None and search.reused == 2 and said == []
    for own, theirs in zip((one for row in found for one in row), (one for row in back for one in row), strict=True):
        assert own.span == theirs.span and own.capital == theirs.capital
        assert all(getattr(own, name).tobytes() == getattr(theirs, name).tobytes() for name in ("dates", "equity", "trades"))


@pytest.mark.parametrize("spoil", [lambda raw: raw[:-1], lambda raw: raw[:200] + bytes([raw[200] ^ 1]) + raw[201:], lambda raw: b"", lambda raw: raw + b"x"])
def test_a_damaged_batch_is_moved_aside_and_said(kept, spoil):
    search, said = kept
    tasks, found = batch()
    search.keep(0, tasks, found)
    path = search.folder / "000000.batch"
    path.write_bytes(spoil(path.read_bytes()))
    assert search.get(0, tasks) is None and "000000.damaged" in said[0] and not path.exists()
    search.keep(0, tasks, found)
    assert search.get(0, tasks) is not None


def test_a_whole_batch_of_other_tasks_is_not_taken_and_not_called_damaged(kept):
    search, said = kept
    tasks, found = batch()
    search.keep(0, tasks, found)
    others = [task(1), task(3)]
    assert search.get(0, others) is None and said == [] and search.batches() == 1
    search.keep(0, others, found)
    assert search.get(0, others) is not None and search.get(0, tasks) is None


def test_what_is_not_there_is_nothing_and_a_finished_search_leaves_nothing(kept):
    search, _ = kept
    assert search.get(4, []) is None and search.batches() == 0
    tasks, found = batch()
    search.keep(0, tasks, found)
    assert search.batches() == 1
    search.remove()
    assert not search.folder.exists()


def test_the_name_hangs_on_everything_and_not_on_the_order_of_keys():
    assert search_name({"a": 1, "b": 2}) == search_name({"b": 2, "a": 1}) != search_name({"a": 1, "b": 3})
