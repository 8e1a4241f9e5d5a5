"""A sealed window is opened once, and who opened it is written down before anybody looks."""

from __future__ import annotations

import pytest

from pse.domain.errors import DamagedTable
from pse.store.holdouts import Opening, holdouts_path, open_once, opened_before, openings
from pse.store.layout import Home


def opening(run_id: str = "first", symbols: tuple[str, ...] = ("ES",), window: tuple[int, int] = (100, 200)) -> Opening:
    return Opening(run_id=run_id, snapshot="s", symbols=symbols, desk="futures-smc", window=window, opened="2026-01-05T00:00:00Z",
                   params={"risk.plan.breakeven_at_r": 1.0, "tactics.a.on": True})


def test_a_second_look_at_the_same_time_gives_the_first_one_back_and_writes_nothing(tmp_path):
    home = Home(tmp_path)
    assert open_once(home, opening(), 1) == opening()
    content = holdouts_path(home).read_bytes()
    assert open_once(home, opening("second", window=(150, 300)), 2).run_id == "first"
    assert holdouts_path(home).read_bytes() == content
    assert openings(home) == [opening()]


def test_a_setting_left_to_its_default_rule_is_written_down_as_that(tmp_path):
    """Nothing is trailed: the setting is null in the configuration that was chosen."""
    left = opening().model_copy(update={"params": {"risk.plan.trail_ticks": None, "risk.plan.breakeven_at_r": 1, "tactics.a.on": False}})
    home, asked = Home(tmp_path), Opening(**left.model_dump())
    assert open_once(home, asked, 1) == asked
    assert [one.params for one in openings(home)] == [asked.params] and list(asked.params.values()) == [None, 1, False]


def test_another_symbol_or_time_is_sealed_still(tmp_path):
    home = Home(tmp_path)
    open_once(home, opening(), 1)
    assert opened_before(home, ("NQ",), (100, 200)) is None
    assert opened_before(home, ("ES",), (200, 300)) is None              # begins where the opened one ended
    assert opened_before(home, ("NQ", "ES"), (199, 300)) == opening()
    assert open_once(home, opening("other", symbols=("NQ",)), 2).run_id == "other"
    assert [one.run_id for one in openings(home)] == ["first", "other"]


def test_bars_that_were_opened_under_another_name_are_open(tmp_path):
    home = Home(tmp_path)
    open_once(home, opening(), 1)
    micro = opening("micro", symbols=("MES",)).model_copy(update={"looked_at": ("MES", "ES")})
    assert open_once(home, micro, 2).run_id == "first"
    later = micro.model_copy(update={"window": (200, 300)})
    assert open_once(home, later, 3) == later
    assert open_once(home, opening("second", window=(250, 300)), 4).run_id == "micro"


def test_an_edited_log_names_its_line(tmp_path):
    home = Home(tmp_path)
    for number, symbol in enumerate(("ES", "NQ", "RTY")):
        open_once(home, opening(f"run{number}", symbols=(symbol,)), number)
    path = holdouts_path(home)
    path.write_bytes(path.read_bytes().replace(b"run1", b"run7"))
    with pytest.raises(DamagedTable, match="line 2"):
        openings(home)
    with pytest.raises(DamagedTable):
        open_once(home, opening("late"), 9)
