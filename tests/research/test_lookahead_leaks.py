"""Every planted leak is found by the audit as it is shipped, with its ordinary settings, and by the check that is said here."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from pse.engine.lookahead import audit
from pse.engine.subjects import Subjects
from pse.features.volatility import Atr
from pse.research.lookahead.lint import Join, wrong_join
from pse.research.lookahead.said import History
from tests.engine.made import desk
from tests.features.made import future, minutes
from tests.research import leaks

# What a change of later prices cannot show: the length of history alone decides, or other series do that are there or not.
BY_LENGTH = {"bars_left", "nothing_on_the_last_row", "noise_by_length", "narrow_when_long", "type_by_length", "survivors", "sessions_left", "contracts_to_come"}
BY_OFFSET = {"back_adjusted", "back_adjusted_return"}            # NaN prices leave the roll differences as they are


# One of every kind, tried on fewer bars at every change; all of them, on all of it, are slow.
SOME = ("shift_back", "savgol", "global_z", "high_of_the_day", "bars_left", "left_labelled_hour", "back_adjusted", "unconfirmed_swing",
        "other_symbol_by_open", "sessions_left", "contracts_to_come")


@cache
def bars():
    return minutes(21, 12, missing=0.03, roll_every=5)


@cache
def found_in_features(names=tuple(leaks.FEATURES), days=12):
    own = bars()[:days * 1380]
    others = leaks.others(own)
    instruments = {name: future().model_copy(update={"symbol": name}) for name in others}
    asked = {**{name: leaks.FEATURES[name] for name in names}, "clean": Atr()}
    return found(Subjects(desk(("ES",)), "5m", asked, desk=False, others=instruments), History.of(own, others))


@cache
def found_in_tactics():
    tactics = {name: leaks.Leaking(name) for name in leaks.TACTICS}
    return found(Subjects(replace(desk(("ES",)), tactics={**tactics, **desk(("ES",)).tactics}), "5m", shown={}), History.of(bars()[:6 * 1380]))


@cache
def found_in_briefings():
    return found(Subjects(desk(("ES",)), "5m", shown={**leaks.BRIEFINGS, "clean": leaks.told}), History.of(bars()[:6 * 1380]))


def found(subjects, history):
    """Checks that found something, by subject."""
    checks = {}
    for one in audit(subjects, history).findings:
        checks.setdefault(one.subject, set()).add(one.check)
    return checks


def test_at_least_forty_leaks_are_planted():
    assert len(leaks.FEATURES) + len(leaks.TACTICS) + len(leaks.BRIEFINGS) >= 75


def expected(name):
    return {"prefix"} if name in BY_LENGTH else {"prefix", "reversed"} if name in BY_OFFSET else {"prefix", "reversed", "poisoned"}


@pytest.mark.parametrize("name", SOME)
def test_some_leaking_features_are_found_on_a_few_days(name):
    checks = found_in_features(SOME, 6)
    assert expected(name) <= checks.get(f"feature {name}", set()) and "feature clean" not in checks


@pytest.mark.slow
@pytest.mark.parametrize("name", leaks.FEATURES)
def test_a_leaking_feature_is_found_by_cutting_and_by_other_futures(name):
    assert expected(name) <= found_in_features().get(f"feature {name}", set())


@pytest.mark.slow
def test_what_differs_at_each_call_is_found_by_asking_twice_and_nothing_else_is():
    assert {name for name, checks in found_in_features().items() if "repeat" in checks} == {"feature not_the_same_twice"}


@pytest.mark.slow
def test_a_clean_feature_among_leaking_ones_is_not_accused():
    assert "feature clean" not in found_in_features()


@pytest.mark.slow
@pytest.mark.parametrize("name", leaks.TACTICS)
def test_a_leaking_tactic_is_found_by_cutting(name):
    assert "prefix" in found_in_tactics().get(f"tactic {name}", set())


@pytest.mark.slow
def test_a_clean_tactic_among_leaking_ones_is_not_accused():
    assert "tactic mss_fvg_retest" not in found_in_tactics()


@pytest.mark.slow
@pytest.mark.parametrize("name", leaks.BRIEFINGS)
def test_a_leaking_briefing_is_found_by_cutting_and_by_other_futures(name):
    assert {"prefix", "poisoned"} <= found_in_briefings().get(name, set())


@pytest.mark.slow
def test_a_clean_briefing_and_the_desk_beside_leaking_ones_are_not_accused():
    assert set(found_in_briefings()) == set(leaks.BRIEFINGS)


HOURS = np.arange(1, 11) * 12                                    # closes of hours, in rows of five minutes
ROWS = np.arange(1, 121)
JOINS = {
    "by its open": np.searchsorted(HOURS - 12, ROWS, side="right") - 1,
    "by its open, told at the row's open": np.searchsorted(HOURS - 12, ROWS - 1, side="right") - 1,
    "nearest": np.abs(HOURS[None, :] - ROWS[:, None]).argmin(axis=1),
    "the bar before the latest": np.maximum(np.searchsorted(HOURS, ROWS, side="right") - 2, -1),
    "strictly before": np.searchsorted(HOURS, ROWS, side="left") - 1,
}


@pytest.mark.parametrize("name", JOINS)
def test_a_join_that_sees_a_bar_too_early_or_too_late_is_found(name):
    assert list(wrong_join(Join(name, ROWS, HOURS, JOINS[name])))


def test_a_join_on_the_last_closed_bar_is_clean():
    assert list(wrong_join(Join("as of", ROWS, HOURS, np.searchsorted(HOURS, ROWS, side="right") - 1))) == []
