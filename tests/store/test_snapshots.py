"""Snapshots: equal values have equal ids, and damage is found and named."""

from __future__ import annotations

import json
import shutil

import polars as pl
import pytest

from pse.clock import FixedClock
from pse.domain.errors import NoBars, UnknownName
from pse.store import snapshots
from pse.store.layout import Home
from tests.store.made import BTC, data_files, minutes, ns, store


@pytest.fixture
def home(tmp_path) -> Home:
    return Home(tmp_path)


def take(home: Home, *names: tuple[str, str]) -> snapshots.Snapshot:
    return snapshots.take_snapshot(home, names or [("ES", "1m")], FixedClock(ns("2024-05-01")))


def test_equal_values_have_equal_ids_whatever_their_history(home: Home):
    frame, other = minutes("2024-03-12T15:00", 60), Home(home.root / "other")
    store(home, frame)
    for part in (frame[40:], frame[:20].with_columns(volume=pl.lit(1.0)), frame[:40]):
        store(other, part)
    assert take(home).id == take(other).id and take(home).version != take(other).version


def test_the_id_is_that_of_the_series_used_and_of_no_other(home: Home):
    store(home, minutes("2024-03-12T15:00", 60))
    alone = take(home).id
    store(home, minutes("2024-03-12T15:00", 60, price=60_000.0), BTC)
    both = take(home, ("BTCUSDT", "1m"), ("ES", "1m"))
    assert take(home).id == alone != both.id and [one.symbol for one in both.series] == ["BTCUSDT", "ES"]
    assert both.id == take(home, ("ES", "1m"), ("BTCUSDT", "1m"), ("ES", "1m")).id


def test_the_file_says_what_was_pinned_and_reads_back(home: Home):
    version = store(home, minutes("2024-03-12T15:00", 60), synthetic=True).version
    taken = take(home)
    document = json.loads((home.snapshots / f"{taken.id}.json").read_text())
    assert document["id"] == taken.id and document["tables"]["bars"]["version"] == version and document["synthetic"] is True
    assert document["created"] == "2024-05-01T00:00:00Z" and list(document["series"][0]["months"]) == ["2024-03"]
    assert snapshots.load(home, taken.id[:6]) == snapshots.load(home, taken.id) == taken
    assert snapshots.list_all(home) == [taken]


def test_an_unknown_id_is_answered_with_the_known_ones(home: Home):
    store(home, minutes("2024-03-12T15:00", 60))
    with pytest.raises(UnknownName, match=take(home).id):
        snapshots.load(home, "0" * 16 + "x")
    with pytest.raises(NoBars, match="NQ 1m; stored: ES 1m"):
        take(home, ("NQ", "1m"))


def test_the_difference_names_series_and_months(home: Home):
    frame = minutes("2024-03-12T15:00", 60)
    store(home, frame)
    first = take(home)
    store(home, pl.concat([frame[:59], frame[59:].with_columns(volume=pl.lit(5.0)), minutes("2024-04-12T15:00", 5)]))
    second = take(home)
    assert snapshots.diff(first, first) == []
    assert snapshots.diff(first, second) == [{"symbol": "ES", "timeframe": "1m", "rows_first": 60, "rows_second": 65, "only_first": [],
                                              "only_second": ["2024-04"], "changed": ["2024-03"]}]


def test_all_is_well_after_appends_corrections_and_compaction(home: Home, monkeypatch):
    from pse.store import change

    monkeypatch.setattr(change, "MANY_FILES", 2)
    frame, taken = minutes("2024-03-12T15:00", 60), []
    more = [minutes("2024-03-13T15:00", 5), minutes("2024-03-13T16:00", 5)]
    for part in (frame[:20], frame[20:40], frame[:5].with_columns(volume=pl.lit(5.0)), frame[40:], *more):
        store(home, part)
        taken.append(take(home))
    assert snapshots.verify(home, taken) == []


@pytest.mark.parametrize(("harm", "said"), [("cut", "bytes, the log of the table says"), ("gone", "is missing"), ("flipped", "does not hold the bytes")])
def test_verify_names_the_damaged_file_and_the_snapshots_that_need_it(home: Home, harm: str, said: str):
    frame = minutes("2024-03-12T15:00", 3000)
    store(home, frame[:2000])
    first, files = take(home), set(data_files(home))
    store(home, frame[2000:])
    second = take(home)
    (path,) = set(data_files(home)) - files
    content = bytearray(path.read_bytes())
    if harm == "gone":
        path.unlink()
    elif harm == "cut":
        path.write_bytes(content[:-10])
    else:
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    found = snapshots.verify(home, [first, second])
    assert {one.snapshot for one in found} == {second.id, "newest version"} and {one.where for one in found} == {str(path)}
    assert all(said in one.problem for one in found)


def test_verify_finds_values_that_were_changed_together_with_their_file_hash(home: Home):
    store(home, minutes("2024-03-12T15:00", 60))
    taken = take(home)
    path = home.snapshots / f"{taken.id}.json"
    path.write_text(path.read_text().replace(taken.series[0].months["2024-03"], "0" * 64))
    (finding,) = snapshots.verify(home, [snapshots.load(home, taken.id)])
    assert (finding.where, finding.problem) == ("ES 1m 2024-03", "holds other values than were written")


def test_verify_says_that_the_table_is_gone(home: Home):
    store(home, minutes("2024-03-12T15:00", 60))
    taken = take(home)
    shutil.rmtree(home.bars)
    assert "is missing" in snapshots.verify(home, [taken])[0].problem
