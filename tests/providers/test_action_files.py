"""Files of splits and dividends: tables, LEAN's factor files, Yahoo's columns, and rows that are none."""

from __future__ import annotations

import gzip
import tracemalloc

import pytest

from pse.domain.actions import Action
from pse.domain.errors import BadInput, RequestError
from pse.providers.action_files import ratio_of, read_actions


def read(tmp_path, text: str, provider: str = "csv", symbol: str | None = "AAPL"):
    file = tmp_path / "events.csv"
    file.write_text(text)
    return read_actions(file, provider, symbol, lambda name, day: day + 1)


def told(found) -> list[tuple[int, str, float]]:
    return sorted((one.ex_date, one.kind, one.amount) for one in found.items)


def test_a_table_of_dates_kinds_and_amounts(tmp_path):
    found = read(tmp_path, "ex_date,type,amount\n2020-08-31,split,4:1\n20200807,Dividend,0.82\n")
    assert told(found) == [(20200807, "DIVIDEND", 0.82), (20200831, "SPLIT", 4.0)] and found.rejected == ()


def test_a_table_of_several_symbols_gives_those_asked_for(tmp_path):
    text = "symbol,date,kind,amount\naapl,2020-08-31,SPLIT,4\nTSLA,2020-08-31,SPLIT,5\n"
    assert [one.symbol for one in read(tmp_path, text, symbol=None).items] == ["AAPL", "TSLA"]
    assert read(tmp_path, text, symbol="TSLA").items == (Action("TSLA", 20200831, "SPLIT", 5.0),)


@pytest.mark.parametrize(("row", "reason"), [("2020-13-01,SPLIT,4", "not a day"), ("2020-08-31x,SPLIT,4", "not a day"),
                                             ("٢٠٢٠-08-31,SPLIT,4", "not a day"), ("2020-08-311,SPLIT,4", "not a day"),
                                             ("2020-08-31,MERGER,4", "neither SPLIT nor DIVIDEND"),
                                             ("2020-08-31,SPLIT,0", "not a positive number"), ("2020-08-31,SPLIT,4:0", "not a positive number"),
                                             ("2020-08-31,DIVIDEND,-1", "of at least 0"), ("2020-08-31,DIVIDEND,nan", "of at least 0"),
                                             ("2020-08-31,SPLIT", "2 fields")])
def test_a_row_that_is_no_event_is_rejected_with_its_reason(tmp_path, row, reason):
    found = read(tmp_path, f"date,kind,amount\n2020-01-02,DIVIDEND,1\n{row}\n")
    assert len(found.items) == 1 and found.rejected[0][0] == 3 and reason in found.rejected[0][1] and found.rejected[0][2] == row


def test_a_file_that_is_no_table_of_events_says_what_it_lacks(tmp_path):
    with pytest.raises(BadInput, match="no column for kind, amount"):
        read(tmp_path, "date,open,close\n2020-01-02,1,2\n")
    with pytest.raises(RequestError, match="add --symbol"):
        read(tmp_path, "date,kind,amount\n2020-01-02,SPLIT,2\n", symbol=None)
    with pytest.raises(RequestError, match="not one of csv, yahoo, lean"):
        read(tmp_path, "x", provider="excel")


@pytest.mark.parametrize(("text", "ratio"), [("4", 4.0), ("3:2", 1.5), ("3/2", 1.5), ("1-for-10", 0.1), ("1 for 10", 0.1),
                                            ("x", None), ("-2", None), ("1:2:3", None)])
def test_ratios_as_people_write_them(text, ratio):
    assert ratio_of(text) == ratio


def test_a_factor_file_tells_splits_by_the_ratio_of_two_rows_and_dividends_by_the_close(tmp_path):
    """Seven shares for one after 2014-06-06 at 645.57; 582.86 * (1 - 0.8650639 / 0.8690150) = 2.65."""
    text = "20120808,0.8613657,0.0357143,619.86\n20121106,0.8650639,0.0357143,582.86\n20140606,0.869015,0.0357143,645.57\n20501231,0.869015,0.25,0\n"
    found = read(tmp_path, text, "lean")
    assert told(found) == [(20120809, "DIVIDEND", 2.65), (20121107, "DIVIDEND", 2.65), (20140607, "SPLIT", 7.0)]


def test_a_factor_that_falls_is_no_dividend(tmp_path):
    found = read(tmp_path, "20200101,0.9,1,100\n20200201,0.8,1,100\n20501231,1,1,0\nfoo\n", "lean")
    assert [row for row, _, _ in found.rejected] == [4, 1] and told(found) == [(20200202, "DIVIDEND", 20.0)]


def test_yahoo_dividends_are_told_as_they_were_paid(tmp_path):
    """0.205 a share of today is 0.82 a share before the split of four for one."""
    text = ("Date,Open,High,Low,Close,Volume,Dividends,Stock Splits\n2020-08-07 00:00:00-04:00,1,1,1,1,1,0.205,0.0\n2020-08-31,1,1,1,1,1,0.0,4.0\n"
            "2020-11-06 09:30:00-05:00,1,1,1,1,1,0.205,0.0\n2020-11-06 09:31:00-05:00,1,1,1,1,1,0.205,0.0\n")
    assert told(read(tmp_path, text, "yahoo")) == [(20200807, "DIVIDEND", 0.82), (20200831, "SPLIT", 4.0), (20201106, "DIVIDEND", 0.205)]


@pytest.mark.parametrize("day", ["2020-08-31 00:00:00-04:00", "2020-08-31T00:00:00Z", "2020-08-31 09:30", " 20200831 "])
def test_a_time_of_day_behind_a_date_is_left_out(tmp_path, day):
    assert told(read(tmp_path, f"date,kind,amount\n{day},SPLIT,4\n")) == [(20200831, "SPLIT", 4.0)]


def test_a_gzip_file_is_read_and_one_that_grows_without_end_is_refused_before_it_fills_the_memory(tmp_path):
    file = tmp_path / "events.csv.gz"
    file.write_bytes(gzip.compress(b"date,kind,amount\n2020-08-31,SPLIT,4\n"))
    assert told(read_actions(file, "csv", "AAPL", lambda name, day: day + 1)) == [(20200831, "SPLIT", 4.0)]
    piece = gzip.compress(bytes(10_000_000))
    file.write_bytes(piece * 40)                     # 400 MB of nothing in 400 kB
    tracemalloc.start()
    with pytest.raises(BadInput, match="events.csv.gz holds more than 50,000,000 bytes"):
        read_actions(file, "csv", "AAPL", lambda name, day: day + 1)
    assert tracemalloc.get_traced_memory()[1] < 150_000_000
    tracemalloc.stop()


@pytest.mark.parametrize("damage", [lambda data: data[:-12], lambda data: data[:14] + b"\xff\xff\xff\xff" + data[18:], lambda data: data + b"more"])
def test_a_damaged_gzip_file_is_refused_by_name(tmp_path, damage):
    file = tmp_path / "events.csv.gz"
    file.write_bytes(damage(gzip.compress(b"date,kind,amount\n2020-08-31,SPLIT,4\n" * 50)))
    with pytest.raises(BadInput, match=r"events.csv.gz cannot be read"):
        read_actions(file, "csv", "AAPL", lambda name, day: day + 1)


def test_a_field_longer_than_any_is_refused_with_its_file_and_line(tmp_path):
    with pytest.raises(BadInput, match=r"events.csv, line 3: .*field larger than field limit \(131072\)"):
        read(tmp_path, f"date,kind,amount\n2020-08-31,SPLIT,4\n2020-09-01,SPLIT,{'4' * 140_000}\n")
