"""The trial ledger: every configuration counts once, and a changed ledger is noticed."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from pse.domain.errors import DamagedTable, RequestError
from pse.store.layout import Home
from pse.store.ledger import (
    Counted,
    Trial,
    append_trial,
    append_trials,
    configurations,
    count_trials,
    load_returns,
    raise_trials,
    returns_hash,
    trials,
    trials_counted,
    trials_path,
)

DAY = 86_400_000_000_000
DATES, RETURNS = np.array([20240102, 20240103, 20240104], np.int32), np.array([0.01, -0.02, 0.0])


def trial(number: int, symbols=("ES",), window=(0, 10 * DAY), snapshot="ab" * 8) -> Trial:
    return Trial(fingerprint=f"{number:064x}", snapshot=snapshot, symbols=symbols, window=window, settings_hash="cd" * 32, desk="futures-smc", trades=4,
                 sharpe=0.5)


def test_an_identical_fingerprint_is_one_trial(tmp_path):
    home = Home(tmp_path)
    first = append_trial(home, trial(1), DATES, RETURNS, 5)
    before = trials_path(home).read_bytes()
    again = append_trial(home, trial(1), DATES, RETURNS, 9)
    assert (first.number, first.new, first.trials) == (1, True, 1)
    assert (again.number, again.new, again.trials) == (1, False, 1)
    assert trials_path(home).read_bytes() == before
    assert append_trial(home, trial(2), DATES, RETURNS, 9).number == 2
    assert [found.fingerprint for found in trials(home)] == [f"{1:064x}", f"{2:064x}"]


def test_a_judged_run_that_was_answered_otherwise_is_another_trial(tmp_path):
    looks = [trial(1).model_copy(update={"answers": answers}) for answers in ("a" * 64, "b" * 64, "a" * 64)]
    assert [entry.new for entry in append_trials(Home(tmp_path), [(look, DATES, RETURNS) for look in looks], 1)] == [True, True, False]


def test_trials_are_counted_for_a_symbol_and_a_window(tmp_path):
    home = Home(tmp_path)
    looks = [trial(1), trial(2, ("NQ", "ES")), trial(3, ("6E",)), trial(4, window=(10 * DAY, 20 * DAY)), trial(5, window=(None, None), snapshot="ff" * 8)]
    entries = append_trials(home, [(look, DATES, RETURNS) for look in [*looks, looks[0]]], 1)
    assert [entry.new for entry in entries] == [True] * 5 + [False]
    assert count_trials(home) == 5
    assert count_trials(home, ["ES"]) == 4
    assert count_trials(home, ["ES"], (0, 10 * DAY)) == 3            # the fourth begins where this window ends
    assert count_trials(home, ["ES"], (9 * DAY, 11 * DAY)) == 4
    assert count_trials(home, ["6E", "NQ"]) == 2
    assert count_trials(home, ["ES"], snapshot="ff" * 8) == 1


def test_daily_returns_are_kept_once_under_their_hash(tmp_path):
    home = Home(tmp_path)
    append_trial(home, trial(1), DATES, RETURNS, 1)
    append_trial(home, trial(2), DATES, np.array([0.01, -0.02, -0.0]), 1)
    assert len(list((home.ledger / "returns").iterdir())) == 1
    name = trials(home)[0].returns_hash
    dates, returns = load_returns(home, name)
    assert np.array_equal(dates, DATES) and np.array_equal(returns, RETURNS)
    assert name != returns_hash(DATES + 1, RETURNS)


def test_damaged_returns_are_named(tmp_path):
    home = Home(tmp_path)
    append_trial(home, trial(1), DATES, RETURNS, 1)
    append_trial(home, trial(2), DATES, RETURNS * 2, 1)
    (one, other) = [home.ledger / "returns" / f"{found.returns_hash}.parquet" for found in trials(home)]
    one.write_bytes(other.read_bytes())
    with pytest.raises(DamagedTable, match=one.name):
        load_returns(home, one.stem)
    other.write_bytes(b"nothing")
    with pytest.raises(DamagedTable, match="restore it"):
        load_returns(home, other.stem)


@pytest.mark.parametrize("bad", [np.array([0.1, np.nan, 0.0]), np.array([0.1, 0.2])])
def test_returns_that_are_no_returns_are_refused(bad):
    with pytest.raises(ValueError, match="one finite number a session date"):
        returns_hash(DATES, bad)


def test_a_changed_ledger_is_refused_and_the_line_named(tmp_path):
    home = Home(tmp_path)
    append_trials(home, [(trial(number), DATES, RETURNS) for number in range(5)], 1)
    path = trials_path(home)
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b'"sharpe":0.5', b'"sharpe":0.1', 3))
    with pytest.raises(DamagedTable, match="line 1:"):
        trials(home)
    with pytest.raises(DamagedTable, match="line 1:"):
        append_trial(home, trial(9), DATES, RETURNS, 1)
    path.write_bytes(b"".join(line for number, line in enumerate(whole.splitlines(keepends=True)) if number != 2))
    with pytest.raises(DamagedTable, match="line 3:.*removed"):
        count_trials(home)


def test_a_torn_last_trial_is_cut_and_counted_again(tmp_path):
    home = Home(tmp_path)
    append_trials(home, [(trial(number), DATES, RETURNS) for number in range(3)], 1)
    whole = trials_path(home).read_bytes()
    trials_path(home).write_bytes(whole[:-30])
    assert count_trials(home) == 2
    assert append_trial(home, trial(2), DATES, RETURNS, 1).new
    assert trials_path(home).read_bytes() == whole


APPEND_SIX = """
import sys
from pathlib import Path
import numpy as np
from pse.store.layout import Home
from pse.store.ledger import Trial, append_trial
for number in range(int(sys.argv[2]), int(sys.argv[2]) + 6):
    look = Trial(fingerprint=f"{number:064x}", snapshot="ab" * 8, symbols=("ES",), window=(0, 1), settings_hash="cd" * 32, desk="d")
    append_trial(Home(Path(sys.argv[1])), look, np.array([20240102]), np.array([0.5]), 1)
"""


def test_two_processes_lose_no_trial(tmp_path):
    workers = [subprocess.Popen([sys.executable, "-c", APPEND_SIX, tmp_path, str(first)]) for first in (0, 3)]
    assert [worker.wait(60) for worker in workers] == [0, 0]
    assert sorted(found.fingerprint for found in trials(Home(tmp_path))) == [f"{number:064x}" for number in range(9)]


def test_a_look_at_a_micro_contract_is_a_look_at_the_bars_that_it_trades_on(tmp_path):
    home = Home(tmp_path)
    micro = trial(1, ("MES",)).model_copy(update={"looked_at": ("MES", "ES")})
    append_trials(home, [(look, DATES, RETURNS) for look in (micro, trial(2, ("MES",)), trial(3))], 1)
    assert count_trials(home, ["ES"]) == 2                                          # the second is of before that was written beside
    assert count_trials(home, ["MES", "ES"]) == 3 and count_trials(home, ["NQ"]) == 0


# --- how many configurations ----------------------------------------------------------------------------------------------------------------------

def configured(number: int, settings: int, **changes) -> Trial:
    return trial(number).model_copy(update={"settings_hash": f"{settings:064x}", **changes})


def test_a_configuration_counts_once_a_window_and_not_again_for_another_version_of_the_data(tmp_path):
    home = Home(tmp_path)
    looks = [configured(1, 1), configured(2, 1, snapshot="ff" * 8), configured(3, 1, window=(5 * DAY, 12 * DAY)), configured(4, 2),
             configured(5, 3, symbols=("6E",)), configured(6, 4, window=(10 * DAY, 20 * DAY)), configured(7, 5, symbols=("NQ", "ES"), kind="wfo")]
    append_trials(home, [(look, DATES, RETURNS) for look in looks], 1)
    assert count_trials(home, ["ES"], (0, 10 * DAY)) == 5
    assert configurations(home, ["ES"], (0, 10 * DAY)) == 4                # 1 on two windows, 2 and 5; the fourth begins where this window ends
    assert configurations(home, ["ES"], (0, 11 * DAY)) == 5
    assert configurations(home, ["6E", "ES"], (0, 10 * DAY)) == 5
    assert configurations(home, None, (None, None)) == 6
    assert configurations(home, ["ES"], (0, 10 * DAY), snapshot="ff" * 8) == 1
    assert trials_counted(home, ["ES"], (0, 10 * DAY)) == Counted(recorded=4, raised=0)


def test_whoever_looks_for_the_best_of_ten_windows_tried_ten_times(tmp_path):
    home = Home(tmp_path)
    years = [configured(number, 1, window=(number * 10 * DAY, (number + 1) * 10 * DAY)) for number in range(10)]
    append_trials(home, [(look, DATES, RETURNS) for look in [*years, configured(10, 1, window=(0, 100 * DAY))]], 1)
    assert trials_counted(home, ["ES"], (0, 100 * DAY)).n == 11
    assert trials_counted(home, ["ES"], (30 * DAY, 40 * DAY)).n == 2                # that year, and the look at all of them


def test_a_judged_configuration_counts_for_every_way_it_was_answered(tmp_path):
    home = Home(tmp_path)
    append_trials(home, [(configured(number, 1, answers=answers), DATES, RETURNS) for number, answers in enumerate(("", "a" * 64, "b" * 64, "a" * 64))], 1)
    assert configurations(home, ["ES"], (None, None)) == 3


def test_a_user_can_raise_the_count_and_never_lower_it(tmp_path):
    home, window = Home(tmp_path), (0, 10 * DAY)
    append_trials(home, [(configured(number, number), DATES, RETURNS) for number in range(7)], 1)
    assert raise_trials(home, ["ES"], window, 40, 5, "tried by hand").n == 40
    assert trials_counted(home, ["ES"], window) == Counted(recorded=7, raised=40, elsewhere=33)
    before = trials_path(home).read_bytes()
    with pytest.raises(RequestError, match=r"39 trials are fewer than the 40.*7 configurations recorded, raised to 40"):
        raise_trials(home, ["ES"], window, 39, 6, "")
    assert raise_trials(home, ["ES"], window, 40, 6, "").n == 40            # the same again says nothing new
    assert trials_path(home).read_bytes() == before
    assert len(trials(home)) == count_trials(home) == 7                     # a raise is no trial


def test_a_count_below_what_was_recorded_is_refused_before_any_raise(tmp_path):
    home = Home(tmp_path)
    append_trials(home, [(configured(number, number), DATES, RETURNS) for number in range(7)], 1)
    with pytest.raises(RequestError, match="6 trials are fewer than the 7"):
        raise_trials(home, ["ES"], (None, None), 6, 1, "")


def test_what_is_tried_after_a_raise_comes_on_top_of_it(tmp_path):
    home, window = Home(tmp_path), (0, 10 * DAY)
    append_trials(home, [(configured(number, number), DATES, RETURNS) for number in range(7)], 1)
    raise_trials(home, ["ES"], window, 40, 5, "33 by hand")
    append_trials(home, [(configured(number, number), DATES, RETURNS) for number in range(7, 20)], 6)
    assert trials_counted(home, ["ES"], window).n == 33 + 20
    append_trials(home, [(configured(number, number), DATES, RETURNS) for number in range(20, 100)], 7)
    assert trials_counted(home, ["ES"], window).n == 33 + 100 and trials_counted(home, ["ES"], window).by_user
    with pytest.raises(RequestError, match=r"132 trials are fewer than the 133"):
        raise_trials(home, ["ES"], window, 132, 8, "")
    assert raise_trials(home, ["ES"], window, 140, 9, "40 by hand").n == trials_counted(home, ["ES"], window).n == 140


def test_a_raise_is_never_undercut_where_its_window_saw_more_than_the_asked_one(tmp_path):
    home = Home(tmp_path)
    append_trials(home, [(configured(number, number, window=(0, DAY)), DATES, RETURNS) for number in range(7)], 1)
    raise_trials(home, ["ES"], (0, 10 * DAY), 40, 5, "")
    assert trials_counted(home, ["ES"], (5 * DAY, 6 * DAY)) == Counted(recorded=0, raised=40, elsewhere=33)
    assert trials_counted(home, ["ES"], (5 * DAY, 6 * DAY)).n == 40


def test_a_raise_holds_for_its_symbols_and_its_window_and_trials_come_on_top(tmp_path):
    home = Home(tmp_path)
    raise_trials(home, ["ES", "NQ"], (0, 10 * DAY), 3, 1, "before this home")
    assert trials_counted(home, ["NQ"], (9 * DAY, 30 * DAY)).n == 3
    assert trials_counted(home, ["NQ"], (10 * DAY, 30 * DAY)).n == 0 and trials_counted(home, ["6E"], (0, DAY)).n == 0
    append_trials(home, [(configured(number, number), DATES, RETURNS) for number in range(5)], 2)
    assert trials_counted(home, ["ES"], (0, DAY)) == Counted(recorded=5, raised=3, elsewhere=3)
    assert trials_counted(home, ["ES"], (0, DAY)).n == 8


def test_one_changed_byte_of_the_third_line_is_found_by_every_reader(tmp_path):
    home = Home(tmp_path)
    append_trials(home, [(configured(number, number), DATES, RETURNS) for number in range(2)], 1)
    raise_trials(home, ["ES"], (None, None), 90, 2, "elsewhere")
    append_trials(home, [(configured(9, 9), DATES, RETURNS)], 3)
    lines = trials_path(home).read_bytes().splitlines(keepends=True)
    assert b'"count":90' in lines[2]
    lines[2] = lines[2].replace(b'"count":90', b'"count":50')
    trials_path(home).write_bytes(b"".join(lines))
    for read in (lambda: trials_counted(home, ["ES"], (None, None)), lambda: configurations(home, None, (None, None)), lambda: trials(home),
                 lambda: raise_trials(home, ["ES"], (None, None), 95, 4, ""), lambda: append_trial(home, configured(10, 10), DATES, RETURNS, 4)):
        with pytest.raises(DamagedTable, match="line 3: its hash does not fit its text"):
            read()
    assert trials_path(home).read_bytes() == b"".join(lines)
