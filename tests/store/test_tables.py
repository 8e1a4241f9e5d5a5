"""Merging into the bars table: idempotent, one commit or none, whatever the order."""

from __future__ import annotations

import hashlib
import struct

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pse.domain.bars import BarFlag
from pse.domain.errors import DamagedTable, NoBars, RequestError
from pse.store import change, tables
from pse.store.layout import Home
from pse.store.reading import need_bars, open_bars, read_bars, series_index
from pse.store.snapshots import take_snapshot
from tests.store.made import BTC, MINUTE, SPY, checked, data_files, minutes, ns, sessions_for, store, three_roll_days


@pytest.fixture
def home(tmp_path) -> Home:
    return Home(tmp_path)


def index_of(home: Home, symbol: str = "ES", timeframe: str = "1m"):
    return series_index(home, need_bars(home), symbol, timeframe)


def test_what_goes_in_comes_out(home: Home):
    frame = minutes("2024-03-12T15:00", 50)
    result = store(home, frame)
    stored = read_bars(home, "ES", "1m")
    assert (result.status, result.rows, result.new_rows, result.corrected) == ("created", 50, 50, 0)
    for name in ("ts_open", "open", "high", "low", "close", "volume"):
        assert stored[name].to_list() == frame[name].to_list()
    assert stored["ts_close"].to_list() == stored["available_at"].to_list() == (frame["ts_open"] + MINUTE).to_list()
    said = stored.select("symbol", "timeframe", "year", "contract", "session_date", "flags", "roll").unique()
    assert said.rows() == [("ES", "1m", 2024, "", 20240312, 0, False)]
    assert stored["vwap"].null_count() == 50


def test_the_same_bars_again_make_no_commit(home: Home):
    frame = minutes("2024-03-12T15:00", 50)
    first, files = store(home, frame), data_files(home)
    again, shuffled = store(home, frame), store(home, frame[::-1])
    assert again.status == shuffled.status == "unchanged"
    assert first.version == again.version == shuffled.version and data_files(home) == files
    assert take_snapshot(home, [("ES", "1m")]).id == take_snapshot(home, [("ES", "1m")]).id


def test_a_part_of_what_is_stored_changes_nothing(home: Home):
    frame = minutes("2024-03-12T15:00", 50)
    store(home, frame)
    assert store(home, frame[10:30]).status == "unchanged"


def test_new_minutes_are_appended_and_old_files_stay(home: Home):
    frame = minutes("2024-03-12T15:00", 80)
    store(home, frame[:50])
    files = data_files(home)
    result = store(home, frame[40:])
    assert (result.status, result.rows, result.new_rows, result.corrected) == ("updated", 80, 30, 0)
    assert set(files) < set(data_files(home)) and read_bars(home, "ES", "1m")["close"].to_list() == frame["close"].to_list()


def test_a_correction_is_one_new_version_and_the_old_one_stays_readable(home: Home):
    frame = minutes("2024-03-12T15:00", 50)
    first = store(home, frame)
    corrected = frame.with_columns(volume=pl.when(pl.int_range(pl.len()) == 7).then(999.0).otherwise(pl.col("volume")))
    result = store(home, corrected)
    assert (result.status, result.rows, result.new_rows, result.corrected) == ("updated", 50, 0, 1) and result.version == first.version + 1
    assert read_bars(home, "ES", "1m")["volume"].sum() == 4900 + 999
    assert read_bars(home, "ES", "1m", version=first.version)["volume"].sum() == 5000


def test_a_correction_of_two_years_with_new_rows_is_one_commit(home: Home):
    frame = minutes("2023-12-29T15:00", 12_000)
    first = store(home, frame[:11_000])
    result = store(home, frame.with_columns(volume=pl.when(pl.int_range(pl.len()).is_in([5, 10_500])).then(1.0).otherwise(pl.col("volume"))))
    assert (result.new_rows, result.corrected, result.version) == (1000, 2, first.version + 1)
    assert read_bars(home, "ES", "1m")["ts_open"].to_list() == frame["ts_open"].to_list()


@settings(max_examples=8)
@given(st.integers(0, 2**32 - 1))
def test_the_order_of_ingests_does_not_matter(tmp_path_factory, seed: int):
    draw = np.random.default_rng(seed)
    whole = pl.concat([three_roll_days(), minutes("2024-02-29T23:30", 60, contract="ESH4"), minutes("2024-03-15T15:00", 9, contract="ESM4", price=5150.0)])
    pieces = [whole[rows.tolist()] for rows in np.array_split(draw.permutation(len(whole)), 4)]
    pieces.append(whole[draw.permutation(len(whole))[:20].tolist()])
    at_once, bit_by_bit = Home(tmp_path_factory.mktemp("once")), Home(tmp_path_factory.mktemp("bits"))
    store(at_once, whole)
    for piece in pieces:
        store(bit_by_bit, piece)
    assert index_of(at_once).hash == index_of(bit_by_bit).hash
    assert read_bars(at_once, "ES", "1m").equals(read_bars(bit_by_bit, "ES", "1m"))


def test_the_front_and_its_roll_mark_are_stored(home: Home):
    store(home, three_roll_days())
    stored = read_bars(home, "ES", "1m").with_columns(back=(pl.col("flags") & int(BarFlag.BACK_MONTH)) != 0)
    front = stored.filter(~pl.col("back")).group_by("session_date").agg(pl.col("contract").unique()).sort("session_date")
    assert front.rows() == [(20240312, ["ESH4"]), (20240313, ["ESH4"]), (20240314, ["ESM4"])]
    assert stored.filter("roll").select("contract", "ts_open").rows() == [("ESM4", ns("2024-03-14T20:50"))]


def test_a_map_puts_another_contract_in_front_and_is_remembered(home: Home):
    frame = three_roll_days()
    store(home, frame)
    result = store(home, frame, front=[(20240101, "ESM4")])
    assert result.status == "updated"
    assert read_bars(home, "ES", "1m").filter(pl.col("flags") == 0)["contract"].unique().to_list() == ["ESM4"]
    assert store(home, frame).status == "unchanged"


def test_a_day_that_comes_late_moves_the_rolls_behind_it(home: Home):
    frame = three_roll_days().sort("ts_open")
    day = frame["ts_open"] // 86_400_000_000_000
    first, middle, last = frame.filter(day == day[0]), frame.filter((day != day[0]) & (day != day[-1])), frame.filter(day == day[-1])
    store(home, first)
    store(home, last)                                     # without the 13th nobody has seen the new contract trade more
    assert not read_bars(home, "ES", "1m")["roll"].any()
    result = store(home, middle)
    assert result.new_rows == len(middle) and result.corrected == len(last)
    assert read_bars(home, "ES", "1m").filter("roll")["ts_open"].to_list() == [ns("2024-03-14T20:50")]


def test_bars_with_and_without_contract_names_are_not_mixed(home: Home):
    store(home, minutes("2024-03-12T15:00", 5))
    with pytest.raises(RequestError, match="has no contract names"):
        store(home, minutes("2024-03-12T16:00", 5, contract="ESH4"))
    assert len(read_bars(home, "ES", "1m")) == 5


def test_bars_outside_the_session_are_kept_flagged_and_belong_to_the_next_day(home: Home):
    result = store(home, minutes("2024-03-12T20:58", 5))                      # the session ends at 21:00 UTC
    stored = read_bars(home, "ES", "1m")
    assert result.outside == 3
    assert stored["flags"].to_list() == [0, 0, 1, 1, 1] and stored["session_date"].to_list() == [20240312] * 2 + [20240313] * 3


def test_a_bar_is_cut_at_the_end_of_its_session(home: Home):
    store(home, minutes("2024-03-12T20:00", 2, step=60 * MINUTE), timeframe="4h")
    assert read_bars(home, "ES", "4h")["ts_close"].to_list()[0] == ns("2024-03-12T21:00")


def test_a_daily_bar_takes_the_hours_of_its_session(home: Home):
    store(home, minutes("2024-07-02", 3, step=1440 * MINUTE), SPY, "1d")      # the 4th is a holiday, the 3rd an early close
    stored = read_bars(home, "SPY", "1d")
    assert stored["ts_open"].to_list() == [ns("2024-07-02T13:30"), ns("2024-07-03T13:30"), ns("2024-07-04")]
    assert stored["ts_close"].to_list() == [ns("2024-07-02T20:00"), ns("2024-07-03T17:00"), ns("2024-07-05")]
    assert stored["session_date"].to_list() == [20240702, 20240703, 20240705] and stored["flags"].to_list() == [0, 0, 1]


def test_quotes_are_kept_when_a_source_without_quotes_comes_later(home: Home):
    frame = minutes("2024-03-12T15:00", 5)
    quoted = frame.with_columns(bid_close=pl.col("close") - 0.25, ask_close=pl.col("close"))
    store(home, quoted)
    assert store(home, frame).status == "unchanged"
    assert read_bars(home, "ES", "1m")["bid_close"].null_count() == 0


def test_series_of_one_table_do_not_touch_each_other(home: Home):
    store(home, minutes("2024-03-12T15:00", 50))
    before = index_of(home).hash
    store(home, minutes("2024-03-12T15:00", 50, price=60_000.0, seed=4), BTC)
    store(home, minutes("2024-03-12T15:00", 5, step=5 * MINUTE), timeframe="5m")
    assert index_of(home).hash == before
    assert tables.series_names(need_bars(home)) == [("BTCUSDT", "1m"), ("ES", "1m"), ("ES", "5m")]


def test_the_value_hash_of_a_month_is_what_the_page_says(home: Home):
    """sha256 over the canonical columns, written out here by hand."""
    frame = minutes("2024-03-12T15:00", 3)
    store(home, frame)
    base = hashlib.sha256(b"pse-bars-v1\n3")
    base.update(b"\nts_open:" + struct.pack("<3q", *frame["ts_open"]))
    base.update(b"\nts_close:" + struct.pack("<3q", *(frame["ts_open"] + MINUTE)))
    for name in ("open", "high", "low", "close", "volume"):
        base.update(f"\n{name}:".encode() + struct.pack("<3d", *frame[name]))
    for name in ("bid_close", "ask_close", "trades", "vwap", "contract"):
        base.update(f"\n{name}:".encode())
    base.update(b"\nsession_date:" + struct.pack("<3i", *[20240312] * 3) + b"\nflags:" + struct.pack("<3h", 0, 0, 0))
    month = hashlib.sha256(base.hexdigest().encode()).hexdigest()
    series = hashlib.sha256(f"2024-03:{month}\n".encode()).hexdigest()
    assert take_snapshot(home, [("ES", "1m")]).id == hashlib.sha256(f"ES:1m:{series}\n".encode()).hexdigest()[:16]


def test_the_note_beside_the_table_is_only_a_shortcut(home: Home):
    store(home, three_roll_days())
    (note,) = (home.state / "series").iterdir()
    before = index_of(home)
    for content in (None, b"{not json", b"{}"):
        note.unlink(missing_ok=True)
        if content is not None:
            note.write_bytes(content)
        assert index_of(home) == before
    assert store(home, minutes("2024-03-15T15:00", 3, contract="ESM4")).rows == before.rows + 3


def test_many_small_files_are_put_together_and_nothing_else_changes(home: Home, monkeypatch):
    monkeypatch.setattr(change, "MANY_FILES", 4)
    frame, plain = minutes("2024-03-12T15:00", 60), Home(home.root / "plain")
    for start in range(0, 60, 10):
        result = store(home, frame[start:start + 10])
    store(plain, frame)
    assert index_of(home).hash == index_of(plain).hash == result.index.hash
    assert len(index_of(home).files) < 4 and result.version == need_bars(home).version()
    assert len(read_bars(home, "ES", "1m", version=2)) == 20                   # nothing was deleted


def test_history_is_kept_by_the_properties_of_the_table(home: Home):
    store(home, minutes("2024-03-12T15:00", 5))
    properties = need_bars(home).metadata().configuration
    assert properties["delta.enableExpiredLogCleanup"] == "false"
    assert properties["delta.logRetentionDuration"] == properties["delta.deletedFileRetentionDuration"] == "interval 36500 days"


def test_a_commit_of_another_program_in_between_is_seen_and_the_merge_made_again(home: Home, monkeypatch):
    from pse.store import commits

    store(home, minutes("2024-03-12T15:00", 50))
    real, calls = commits.commit, []

    def raced(*given, **more):
        if not calls:
            calls.append(1)
            other = need_bars(home)
            files = commits.write_files(home, [tables.place_in_sessions(checked(late).rows, "1m", sessions_for(home, late))], "NQ", "1m")
            assert real(home, other, files)
        return real(*given, **more)

    late = minutes("2024-03-12T15:00", 5)
    monkeypatch.setattr(commits, "commit", raced)
    result = store(home, minutes("2024-03-12T15:50", 10))
    assert result.new_rows == 10 and len(read_bars(home, "ES", "1m")) == 60 and len(read_bars(home, "NQ", "1m")) == 5
    assert len(data_files(home)) == len(open_bars(home).file_uris())          # the lost attempt left no file


def test_an_empty_store_has_no_bars(home: Home):
    with pytest.raises(NoBars, match="pse ingest"):
        read_bars(home, "ES", "1m")


@pytest.mark.parametrize("harm", ["cut", "gone", "flipped", "empty"])
def test_a_damaged_data_file_is_named(home: Home, harm: str):
    store(home, minutes("2024-03-12T15:00", 3000))
    (path,) = data_files(home)
    content = path.read_bytes()
    if harm == "gone":
        path.unlink()
    else:
        middle = len(content) // 2
        path.write_bytes({"cut": content[:middle], "empty": b"", "flipped": content[:middle] + bytes(64) + content[middle + 64:]}[harm])
    with pytest.raises(DamagedTable, match=path.name):
        read_bars(home, "ES", "1m")


def test_a_damaged_log_is_named(home: Home):
    store(home, minutes("2024-03-12T15:00", 5))
    for path in (home.bars / "_delta_log").glob("*1.json"):
        path.write_text("{broken")
    with pytest.raises(DamagedTable, match="_delta_log"):
        read_bars(home, "ES", "1m")
