"""`pse snapshots` as its users meet it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from pse.store.layout import Home
from pse.store.snapshots import take_snapshot
from tests.store.made import data_files, minutes, store


@pytest.fixture
def two(tmp_path: Path) -> tuple[str, str]:
    """Ids of two snapshots: 300 minutes, and the same with one corrected."""
    home, frame = Home(tmp_path), minutes("2024-03-12T15:00", 300)
    store(home, frame)
    first = take_snapshot(home, [("ES", "1m")]).id
    store(home, frame.with_columns(volume=pl.when(pl.int_range(pl.len()) == 7).then(999.0).otherwise(pl.col("volume"))))
    return first, take_snapshot(home, [("ES", "1m")]).id


def test_an_empty_home_has_none(pse: Callable):
    assert pse("snapshots", "list", "--json").json == {"command": "snapshots list", "ok": True, "snapshots": [], "warnings": []}
    assert "pse ingest" in pse("snapshots", "list").out and pse("snapshots", "verify").code == 0


def test_the_list_shows_each_with_its_series(pse: Callable, two: tuple[str, str]):
    listed = pse("snapshots", "list", "--json").json["snapshots"]
    assert {one["id"] for one in listed} == set(two) and listed[0]["series"][0]["rows"] == 300
    human = pse("snapshots", "list").out
    assert two[0] in human and two[1] in human and "ES 1m" in human


def test_one_is_shown_by_the_start_of_its_id(pse: Callable, two: tuple[str, str]):
    found = pse("snapshots", "show", two[0][:8], "--json").json
    assert found["id"] == two[0] and list(found["series"][0]["months"]) == ["2024-03"] and found["tables"] == {"bars": {"version": 1}}
    assert two[0] in pse("snapshots", "show", two[0]).out


def test_the_difference_is_a_month(pse: Callable, two: tuple[str, str]):
    found = pse("snapshots", "diff", *two, "--json").json
    assert not found["equal"] and found["series"][0]["changed"] == ["2024-03"]
    assert "2024-03" in pse("snapshots", "diff", *two).out
    assert pse("snapshots", "diff", two[0], two[0], "--json").json["equal"] is True


@pytest.mark.parametrize("wrong", ["../x", "nothing", "0000000000000000"])
def test_an_id_that_is_none_is_refused(pse: Callable, two: tuple[str, str], wrong: str):
    assert pse("snapshots", "show", wrong).code == 2


def test_verify_is_content_with_what_was_written(pse: Callable, two: tuple[str, str]):
    ran = pse("snapshots", "verify", "--json")
    assert ran.code == 0 and set(ran.json["verified"]) == set(two) and ran.json["findings"] == []


@pytest.mark.parametrize("harm", ["flip", "cut", "delete"])
def test_verify_names_the_damaged_file_with_exit_code_1(pse: Callable, tmp_path: Path, two: tuple[str, str], harm: str):
    path = data_files(Home(tmp_path))[0]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.unlink() if harm == "delete" else path.write_bytes(content if harm == "flip" else content[:-1])
    ran = pse("snapshots", "verify", "--json")
    assert ran.code == 1 and ran.json["ok"] is False and {Path(one["where"]).name for one in ran.json["findings"]} == {path.name}
    human = pse("snapshots", "verify")
    assert human.code == 1 and path.name in human.out.replace("\n", "")


def test_other_commands_meet_a_damaged_file_with_exit_code_3(pse: Callable, tmp_path: Path, two: tuple[str, str]):
    for path in data_files(Home(tmp_path)):
        path.write_bytes(path.read_bytes()[:-1])
    ran = pse("sql", "SELECT sum(close) FROM bars")
    assert ran.code == 3 and ".parquet" in ran.err
