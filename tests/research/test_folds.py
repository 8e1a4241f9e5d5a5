"""Folds: the published index vectors, another library's, and that no trade trains that touches a test."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pse.domain.trials import Span
from pse.research.folds import BadFolds, combinatorial, fold_plan, paths, purged, walk_forward

DAY = 86_400_000_000_000


def sessions(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sessions that touch: each closes when the next one opens."""
    opens = np.arange(count, dtype=np.int64) * DAY
    days = (np.datetime64("2020-01-01") + np.arange(count)).astype(str)
    return np.array([int(day.replace("-", "")) for day in days], np.int32), opens, opens + DAY


def plan(count: int, folds: int = 6, **given):
    return fold_plan(*sessions(count), folds, **given)


def ranges(positions: np.ndarray) -> list[tuple[int, int]]:
    """First and last of each unbroken run."""
    cuts = np.flatnonzero(np.diff(positions) != 1) + 1
    return [(int(part[0]), int(part[-1])) for part in np.split(positions, cuts) if part.size]


@pytest.mark.parametrize(("anchored", "train"), [(False, [(0, 19), (10, 29), (20, 39)]), (True, [(0, 19), (0, 29), (0, 39)])])
def test_walk_forward_over_sixty_days_has_the_known_index_vectors(anchored, train):
    found = walk_forward(60, 20, 10, 2, anchored=anchored)
    assert [ranges(one)[0] for one, _ in found] == train
    assert [ranges(one) for _, one in found] == [[(22, 31)], [(32, 41)], [(42, 51)]]


def test_combinatorial_purging_of_sixty_days_has_the_known_index_vectors():
    found = {tuple(ranges(test)): ranges(train) for train, test in combinatorial(60, 6, 2, purge=2, embargo=3)}
    assert len(found) == 15
    assert found[((0, 19),)] == [(25, 59)]
    assert found[((10, 29),)] == [(0, 7), (35, 59)]
    assert found[((40, 59),)] == [(0, 37)]


@pytest.mark.parametrize(("groups", "tests", "splits", "whole"), [(6, 2, 15, 5), (10, 2, 45, 9), (10, 8, 45, 36)])
def test_splits_and_paths_are_as_many_as_the_book_says(groups, tests, splits, whole):
    assert len(combinatorial(200, groups, tests)) == splits
    found = paths(groups, tests)
    assert found.shape == (whole, groups)
    size = 200 // groups
    tested = [set((test // size).tolist()) for _, test in combinatorial(size * groups, groups, tests)]
    assert all(group in tested[split] for path in found for group, split in enumerate(path))
    pairs = {(group, int(found[p, group])) for p in range(whole) for group in range(groups)}
    assert len(pairs) == whole * groups                 # every test of a group stands in exactly one path


def test_index_vectors_are_those_of_skfolio():
    selection = pytest.importorskip("skfolio.model_selection")
    draw = np.random.default_rng(7)
    for _ in range(200):
        groups, count = int(draw.integers(3, 9)), int(draw.integers(40, 200))
        tests, size = int(draw.integers(2, groups)), count // groups
        purge = int(draw.integers(0, max(1, size // 3)))
        embargo = int(draw.integers(0, max(1, size // 3)))
        x = np.zeros((count, 1))
        if purge + embargo < size - 1:
            theirs = list(selection.CombinatorialPurgedCV(groups, tests, purge, embargo).split(x))
            for (train, test), (ours, own) in zip(theirs, combinatorial(count, groups, tests, purge, embargo), strict=True):
                assert train.tolist() == ours.tolist() and sorted(np.concatenate(test).tolist()) == own.tolist()
        train_size, test_size, anchored = int(draw.integers(5, 20)), int(draw.integers(2, 10)), bool(draw.integers(2))
        theirs = list(selection.WalkForward(train_size=train_size, test_size=test_size, purged_size=purge, expand_train=anchored).split(x))
        for (train, test), (ours, own) in zip(theirs, walk_forward(count, train_size, test_size, purge, anchored=anchored), strict=True):
            assert train.tolist() == ours.tolist() and test.tolist() == own.tolist()


def test_a_trade_trains_exactly_where_no_moment_of_it_is_tested_and_it_begins_outside_every_embargo():
    draw, wrong, kept = np.random.default_rng(3), 0, 0
    for _ in range(10_000):
        begin = draw.integers(0, 300, 10)
        end = begin + draw.integers(0, 60, 10)
        tests = [(int(one), int(one + draw.integers(0, 50))) for one in draw.integers(0, 300, int(draw.integers(1, 5)))]
        embargo = int(draw.integers(0, 30))
        may = purged(begin, end, tests, embargo)
        tested = np.zeros(500, bool)
        rests = np.zeros(500, bool)
        for first, last in tests:
            tested[first:last + 1] = True
            rests[last + 1:last + embargo + 1] = True
        expected = [not tested[a:b + 1].any() and not rests[a] for a, b in zip(begin.tolist(), end.tolist(), strict=True)]
        wrong += int((may != np.array(expected)).sum())
        kept += int(may.sum())
    assert wrong == 0
    assert 10_000 < kept < 90_000


def test_a_trade_that_touches_nothing_is_kept():
    begin, end = np.array([0, 12, 25, 41]), np.array([9, 18, 40, 60])
    assert purged(begin, end, [(10, 20)], 4).tolist() == [True, False, True, True]
    assert purged(begin, end, [(10, 20)], 5).tolist() == [True, False, False, True]


@given(count=st.integers(5, 700), folds=st.integers(1, 9), train=st.floats(1.0, 6.0), holdout=st.sampled_from([0.0, 0.1, 0.25]),
       scheme=st.sampled_from(["rolling", "anchored"]))
def test_walk_forward_tests_cover_the_time_after_the_first_train_window_once(count, folds, train, holdout, scheme):
    try:
        found = plan(count, folds, train=train, holdout=holdout, scheme=scheme)
    except BadFolds as refused:
        assert "sessions" in str(refused)
        return
    assert len(found.folds) == folds
    first = found.folds[0].train[0]
    assert found.folds[0].test[0].start_ns == first.end_ns and first.start_ns == found.searched.start_ns
    for one, after in zip(found.folds, found.folds[1:], strict=False):
        assert one.test[0].end_ns == after.test[0].start_ns == after.train[0].end_ns
        assert found.sessions(one.test[0]) == found.sessions(after.test[0])
        kept = found.sessions(after.train[0]) - found.sessions(one.train[0])
        assert kept == (0 if scheme == "rolling" else found.sessions(one.test[0]))
    assert found.folds[-1].test[0].end_ns == found.searched.end_ns
    assert (found.holdout is None) == (holdout == 0.0)
    if found.holdout is not None:
        assert found.holdout.start_ns >= found.searched.end_ns and found.holdout.end_ns == count * DAY


def test_every_group_is_tested_as_often_as_there_are_paths():
    found = plan(300, scheme="cpcv", groups=6, test_groups=2, embargo_sessions=5)
    assert len(found.folds) == 15 and found.paths.shape == (5, 6)
    tested = [sum(group in fold.test for fold in found.folds) for group in found.groups]
    assert tested == [5] * 6
    for path in found.paths:
        for group, split in enumerate(path):
            assert found.groups[group] in found.folds[split].test


def test_a_trade_just_after_a_test_group_does_not_train_for_the_embargo():
    found = plan(60, scheme="cpcv", groups=3, test_groups=1, embargo_sessions=5)
    fold = found.folds[1]                               # tests the sessions 20 to 39
    assert fold.test == (Span(20 * DAY, 40 * DAY),)
    entry = np.array([18, 19, 40, 44, 45]) * DAY + 1
    leave = np.array([19, 20, 41, 46, 46]) * DAY        # the second closes with the last bar before the test
    assert found.may_train(fold, entry, leave).tolist() == [True, True, False, False, True]
    assert found.may_train(fold, entry, leave + DAY).tolist()[:2] == [True, False]


def test_a_month_of_sessions_carries_six_folds_of_two():
    found = plan(21)
    assert [found.sessions(fold.test[0]) for fold in found.folds] == [2] * 6
    assert [found.sessions(fold.train[0]) for fold in found.folds] == [9] * 6


@pytest.mark.parametrize(("count", "given", "words"), [
    (8, {"folds": 6}, "8 sessions, and 6 folds .* need 9 .*: --folds 5"), (400, {"folds": 0}, "found 0 folds"), (16, {"folds": 6, "holdout": 0.5}, "sealed"),
    (54, {"folds": 6, "scheme": "cpcv", "embargo_sessions": 8}, "6 groups of 9.*embargo of 8"),
    (60, {"folds": 6, "scheme": "cpcv", "groups": 3, "test_groups": 3}, "3 test groups of 3"),
    (5000, {"folds": 6, "scheme": "cpcv", "groups": 20, "test_groups": 10}, "184,756 splits"),
])
def test_folds_that_the_sessions_do_not_carry_are_refused_with_the_numbers(count, given, words):
    with pytest.raises(BadFolds, match=words):
        plan(count, **given)


def test_what_features_remember_is_the_embargo_unless_one_is_named():
    assert plan(300, scheme="cpcv", groups=3, test_groups=1, memory_sessions=20).embargo_sessions == 20
    assert plan(300, scheme="cpcv", groups=3, test_groups=1, memory_sessions=0).embargo_sessions == 3
    assert plan(300, scheme="cpcv", groups=3, test_groups=1, memory_sessions=20, embargo_sessions=0).embargo_sessions == 0
    assert plan(300, memory_sessions=20).embargo_sessions == 0
