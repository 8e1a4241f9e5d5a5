"""Which contract is in front, and by how much a roll moves the price; expectations by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pse.store import roll

H, M, U = "ESH4", "ESM4", "ESU4"
ORDER = roll.expiry_order([H, M, U], {H: 2023, M: 2023, U: 2024})


def test_the_first_day_belongs_to_the_busiest_contract():
    assert roll.fronts({1: {H: 5.0, M: 9.0}}, None, ORDER) == {1: M}


def test_the_later_expiry_takes_over_the_day_after_it_traded_more():
    days = {1: {H: 9.0, M: 1.0}, 2: {H: 4.0, M: 6.0}, 3: {H: 9.0, M: 8.0}, 4: {H: 1.0, M: 9.0}}
    assert roll.fronts(days, None, ORDER) == {1: H, 2: H, 3: M, 4: M}
    assert roll.roll_days(days, roll.fronts(days, None, ORDER)) == {3}


def test_it_never_goes_back_to_an_earlier_expiry():
    days = {1: {M: 9.0}, 2: {H: 90.0, M: 1.0}, 3: {H: 90.0, M: 1.0}}
    assert set(roll.fronts(days, None, ORDER).values()) == {M}


def test_of_two_later_ones_the_busiest_takes_over():
    days = {1: {H: 5.0}, 2: {H: 1.0, M: 2.0, U: 3.0}, 3: {U: 1.0}}
    assert roll.fronts(days, None, ORDER)[3] == U


def test_a_map_rules_from_its_first_line_on():
    days = {day: {H: 1.0, M: 9.0} for day in range(1, 6)}
    assert roll.fronts(days, [(3, H), (5, M)], ORDER) == {1: M, 2: M, 3: H, 4: H, 5: M}


def test_after_the_last_line_of_a_map_volume_rules():
    days = {1: {H: 9.0, M: 1.0}, 2: {H: 9.0, M: 1.0}, 3: {M: 2.0, U: 5.0}, 4: {M: 1.0, U: 5.0}}
    assert roll.fronts(days, [(1, H), (3, M)], ORDER) == {1: H, 2: H, 3: M, 4: U}


def test_lines_of_a_map_whose_contract_is_not_stored_are_passed_over():
    assert roll.fronts({1: {H: 2.0, M: 1.0}}, [(1, "ESZ9")], ORDER) == {1: H}


def test_a_day_on_which_the_front_did_not_trade_marks_no_roll():
    days = {1: {H: 9.0}, 2: {M: 9.0}, 3: {M: 9.0}}
    front = roll.fronts(days, None, ORDER)
    assert front == {1: H, 2: H, 3: M} and roll.roll_days(days, front) == {3}


@given(st.integers(0, 2**32 - 1), st.integers(1, 29))
def test_later_days_never_change_an_earlier_front(seed: int, cut: int):
    draw = np.random.default_rng(seed)
    days = {day: {name: float(draw.integers(0, 50)) for name in (H, M, U) if draw.random() < 0.8} or {H: 1.0} for day in range(1, 31)}
    whole, part = roll.fronts(days, None, ORDER), roll.fronts({day: days[day] for day in range(1, cut + 1)}, None, ORDER)
    assert part == {day: whole[day] for day in part}


@pytest.mark.parametrize(("name", "year", "expiry"), [
    ("ES-201312", 2013, 201312), ("ESZ3", 2013, 201312), ("ESH4", 2013, 201403), ("6EH24", 2023, 202403), ("ESZ9", 2011, 201912), ("", 2013, 0),
    ("front", 2013, 0),
])
def test_the_expiry_is_read_from_the_name(name: str, year: int, expiry: int):
    assert roll.expiry_order([name], {name: year})[name][0] == expiry


def test_a_roll_moves_the_price_by_the_closes_of_the_last_common_minute_of_the_day_before():
    front = {"ts_open": np.array([1, 2, 3, 4]), "open": np.full(4, 34.0), "close": np.array([10.0, 11.0, 12.0, 35.0]), "contract": np.array([0, 0, 0, 1]),
             "session": np.array([0, 0, 0, 1])}
    behind = {"ts_open": np.array([1, 2, 4]), "close": np.array([30.0, 33.0, 13.0]), "contract": np.array([1, 1, 0]), "session": np.array([0, 0, 1])}
    diff, estimated = roll.differences(front, behind, np.array([3]))
    assert diff.tolist() == [22.0] and estimated.tolist() == [False]              # 33 - 11 at minute 2


def test_without_a_common_minute_the_difference_is_open_minus_last_close():
    front = {"ts_open": np.array([1, 2, 4]), "open": np.array([9.0, 11.0, 34.0]), "close": np.array([10.0, 12.0, 35.0]), "contract": np.array([0, 0, 1]),
             "session": np.array([0, 0, 1])}
    diff, estimated = roll.differences(front, dict.fromkeys(("ts_open", "close", "contract", "session"), np.empty(0)), np.array([2]))
    assert diff.tolist() == [22.0] and estimated.tolist() == [True]               # 34 - 12
