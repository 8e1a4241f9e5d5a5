"""Text files: what is found out, what is asked for, what is refused. Expected moments are worked out by hand."""

from __future__ import annotations

import gzip
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pse.domain.errors import BadInput, RequestError
from pse.domain.instruments import Instrument
from pse.domain.ports import CsvOptions, Fetched, FetchRequest
from pse.providers import archives
from pse.providers.columns import parse_columns
from pse.providers.csv_files import CsvFiles
from pse.providers.plain_sessions import plain_sessions

SPY = Instrument(symbol="SPY", name="SPDR", kind="stock", tick=0.01, lot_step=1, point_value=1, currency="USD", calendar="NYSE")
HEAD = "time,open,high,low,close,volume\n"


def ns(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000) * 1_000_000


def read(path: Path, extra: dict | None = None, timeframe: str | None = None, **options: object) -> Fetched:
    return CsvFiles().fetch(FetchRequest("SPY", SPY, path=path, timeframe=timeframe, options=CsvOptions(**options), extra=extra or {}))


@pytest.fixture
def made(tmp_path: Path):
    def write(text: str, name: str = "spy.csv") -> Path:
        (tmp_path / name).write_text(text, newline="")
        return tmp_path / name

    return write


def two(first: str, second: str, prices: str = "10,12,9,11,5") -> str:
    return f"{HEAD}{first},{prices}\n{second},{prices}\n"


@pytest.mark.parametrize(
    ("first", "second", "options"),
    [
        ("1577889000", "1577889060", {}),
        ("1577889000000", "1577889060000", {}),
        ("1577889000000000", "1577889060000000", {}),
        ("1577889000000000000", "1577889060000000000", {}),
        ("2020-01-01 14:30:00", "2020-01-01 14:31:00", {"tz": "UTC"}),
        ("2020-01-01 09:30", "2020-01-01 09:31", {"tz": "America/New_York"}),
        ("2020-01-01 09:30", "2020-01-01 09:31", {"tz": "-05:00"}),
        ("2020-01-01T14:30:00Z", "2020-01-01T14:31:00Z", {}),
        ("2020-01-01T15:30:00.000+01:00", "2020-01-01T16:31:00.000+02:00", {}),
        ("2020-01-01 15:30:00+0100", "2020-01-01 15:31:00+0100", {}),
        ("20200101 143000", "20200101 143100", {"tz": "UTC"}),
        ("202001011430", "202001011431", {"tz": "UTC"}),
        ("20200101143000", "20200101143100", {"tz": "UTC"}),
        ("01.01.2020 14:30:00", "01.01.2020 14:31:00", {"tz": "UTC"}),
        ("1/1/2020 2:30 PM", "1/1/2020 2:31 PM", {"tz": "UTC", "time_format": "%m/%d/%Y %I:%M %p"}),
        ("1577889000", "1577889060", {"time_format": "s"}),
        ("01.01.2020 15:30 +0100", "01.01.2020 15:31 +0100", {"time_format": "%d.%m.%Y %H:%M %z"}),
        ("01.01.2020 14:30Z", "01.01.2020 14:31Z", {"time_format": "%d.%m.%Y %H:%MZ"}),
        ("20200101 09:30:00", "20200101 09:31:00", {"tz": "America/New_York", "time_format": "%Y%m%d %T"}),
    ],
)
def test_a_time_is_read_in_the_forms_that_vendors_use(made, first, second, options):
    fetched = read(made(two(first, second)), stamp="open", **options)
    assert fetched.frame["ts_open"].to_list() == [ns("2020-01-01T14:30"), ns("2020-01-01T14:31")]
    assert fetched.timeframe == "1m" and fetched.frame.row(0)[1:6] == (10, 12, 9, 11, 5)


@given(st.integers(0, 2**32 - 1))
def test_numbers_come_back_bit_for_bit(seed):
    rng = np.random.default_rng(seed)
    prices = np.exp(rng.normal(0, 8, (20, 4)))
    lines = "".join(f"{1577889000 + 60 * i},{a!r},{b!r},{c!r},{d!r},{i}\n" for i, (a, b, c, d) in enumerate(prices.tolist()))
    with TemporaryDirectory() as folder:
        (Path(folder) / "spy.csv").write_text(HEAD + lines)
        frame = read(Path(folder) / "spy.csv", stamp="open").frame
    assert (frame.select("open", "high", "low", "close").to_numpy() == prices).all()


def test_naive_times_without_a_zone_are_refused_with_the_mend(made):
    with pytest.raises(RequestError, match="--tz"):
        read(made(two("2020-01-01 14:30", "2020-01-01 14:31")), stamp="open")


def test_an_unknown_zone_is_refused(made):
    with pytest.raises(RequestError, match="Mars"):
        read(made(two("2020-01-01 14:30", "2020-01-01 14:31")), stamp="open", tz="Mars/Olympus")


def test_mixed_time_zones_are_refused_naming_both_rows(made):
    with pytest.raises(BadInput, match=r"mixed time zones.*rows 1 and 2"):
        read(made(two("2020-01-01 14:30:00+00:00", "2020-01-01 14:31:00")), stamp="open", tz="UTC")


def test_day_or_month_first_is_decided_by_the_rows_or_asked_for(made):
    decided = read(made(two("13/01/2020", "14/01/2020")))
    assert decided.frame["ts_open"].to_list() == [ns("2020-01-13"), ns("2020-01-14")] and decided.timeframe == "1d"
    with pytest.raises(RequestError, match="--time-format"):
        read(made(two("02/01/2020", "03/01/2020")))


def test_the_hour_that_happens_twice_goes_to_the_rejected_rows(made):
    rows = [f"2020-11-01 {h:02d}:{m:02d},10,12,9,11,5" for h in (0, 1, 2) for m in range(60)]
    fetched = read(made(HEAD + "\n".join(rows) + "\n"), stamp="open", tz="America/New_York")
    assert fetched.frame.height == 120 and fetched.rejected.height == 60
    assert "twice or never" in fetched.rejected["reason"][0] and fetched.rejected["row"][0] == 62


def test_a_date_is_a_daily_bar_at_utc_midnight_and_needs_no_zone_or_stamp(made):
    fetched = read(made(two("2020-01-02", "2020-01-03")))
    assert fetched.timeframe == "1d" and fetched.frame["ts_open"].to_list() == [ns("2020-01-02"), ns("2020-01-03")]


def test_the_last_second_of_a_minute_is_the_close_of_the_bar_before(made):
    fetched = read(made(two("2020-01-01 14:30:59.999000+00:00", "2020-01-01 14:31:59.999000+00:00")))
    assert fetched.frame["ts_open"].to_list() == [ns("2020-01-01T14:30"), ns("2020-01-01T14:31")]
    with pytest.raises(RequestError, match="cannot be opens"):
        read(made(two("2020-01-01 14:30:59+00:00", "2020-01-01 14:31:59+00:00")), stamp="open")


@pytest.mark.parametrize(("name", "shift"), [("open_time", 0), ("close_time", 1), ("close_datetime", 1), ("ts_open", 0)])
def test_a_column_name_tells_the_stamp(made, name, shift):
    text = two("1577889000", "1577889060").replace("time,", f"{name},", 1)
    assert read(made(text)).frame["ts_open"][0] == ns(f"2020-01-01T14:{30 - shift}")


def test_a_stamp_that_cannot_be_told_is_refused_with_the_mend(made):
    with pytest.raises(RequestError, match="--stamp open or --stamp close"):
        read(made(two("1577889000", "1577889060")))


def test_session_edges_tell_the_stamp_and_both_edges_tell_nothing(made):
    hours = {"sessions": plain_sessions("NYSE", date(2020, 1, 1), date(2020, 1, 3))}

    def minutes(first: str, n: int) -> str:
        start = ns(first) // 1_000_000_000
        return HEAD + "".join(f"{start + 60 * i},10,12,9,11,5\n" for i in range(n))

    assert read(made(minutes("2020-01-02T14:30", 390)), hours).frame["ts_open"][0] == ns("2020-01-02T14:30")
    assert read(made(minutes("2020-01-02T14:31", 390)), hours).frame["ts_open"][0] == ns("2020-01-02T14:30")
    with pytest.raises(RequestError, match="1 fall on session opens, 1 on closes"):
        read(made(minutes("2020-01-02T14:00", 600)), hours)


@pytest.mark.parametrize(("first", "count", "stamp", "doubt"), [
    ("2020-01-02T14:30", 390, "close", "1 row falls on a session's open and none on a close"),
    ("2020-01-02T14:31", 390, "open", "session's close and none on an open"),
    ("2020-01-02T14:30", 390, "open", None), ("2020-01-02T14:31", 390, "close", None), ("2020-01-02T14:00", 600, "open", None),
    ("2020-01-02T15:00", 60, "close", None),
])
def test_a_stamp_is_doubted_only_where_the_session_edges_decide_otherwise(made, first: str, count: int, stamp: str, doubt: str | None):
    start = ns(first) // 1_000_000_000
    body = HEAD + "".join(f"{start + 60 * i},10,12,9,11,5\n" for i in range(count))
    found = read(made(body), {"sessions": plain_sessions("NYSE", date(2020, 1, 1), date(2020, 1, 3))}, stamp=stamp).doubts
    assert len(found) == (doubt is not None) and (doubt is None or doubt in found[0])


def test_a_file_without_a_header_is_taken_by_its_looks_when_the_prices_agree(made):
    body = "20110103 090100;126.35;126.39;126.34;126.38;1579\n20110103 090200;126.45;126.46;126.44;126.45;300\n"
    fetched = read(made(body), tz="UTC", stamp="close")
    assert fetched.frame.row(0)[:6] == (ns("2011-01-03T09:00"), 126.35, 126.39, 126.34, 126.38, 1579)
    assert any("no header" in note for note in fetched.notes)
    with pytest.raises(BadInput, match="--columns"):
        read(made(body.replace("126.39", "126.00")), tz="UTC", stamp="close")


def test_a_header_that_does_not_match_the_rows_is_refused_until_the_columns_are_said(made):
    text = "Date,Open,High,Low,Close,Volume,OpenInterest\n2006-01-02,09:01:00,3602,3603,3597,3599,5699,0\n2006-01-02,09:02:00,3600,3601,3598,3599,894,0\n"
    with pytest.raises(BadInput, match=r"7 names.*8 fields.*--columns date=0,time=1"):
        read(made(text), tz="Europe/Berlin", stamp="close")
    said = parse_columns("date,time,open,high,low,close,volume,_")
    fetched = read(made(text), tz="Europe/Berlin", stamp="close", columns=said)
    assert fetched.frame["ts_open"].to_list() == [ns("2006-01-02T08:00"), ns("2006-01-02T08:01")] and fetched.rejected.is_empty()
    as_data = read(made(text), tz="Europe/Berlin", stamp="close", columns=said, header=False)
    assert as_data.frame.height == 2 and as_data.rejected["row"].to_list() == [1]


def test_rows_in_any_order_tell_the_same_length_of_bar(made):
    stamps = np.random.default_rng(1).permutation(3000) * 60 + 1577889000
    fetched = read(made("time,open,high,low,close,volume\n" + "".join(f"{ts},10,12,9,11,5\n" for ts in stamps)), stamp="open")
    assert fetched.timeframe == "1m" and fetched.frame.height == 3000


def test_columns_are_said_by_name_or_position_in_two_forms():
    assert parse_columns("time=0,open=Open") == {"time": 0, "open": "Open"}
    assert parse_columns("time, open,_,high") == {"time": 0, "open": 1, "high": 3}
    with pytest.raises(RequestError, match="no column role named 'opne'"):
        parse_columns("time=0,opne=1")
    for twice in ("time=0,open=1,open=2", "time,open,open", "time=0,open"):
        with pytest.raises(RequestError, match="--columns"):
            parse_columns(twice)


def test_wrong_columns_are_refused_with_the_list_of_those_there(made):
    with pytest.raises(BadInput, match="no column for high, low; the columns are time, open, top, bottom, close"):
        read(made("time,open,top,bottom,close\n1577889000,1,2,0,1\n"))
    with pytest.raises(RequestError, match="positions?|counted from 0"):
        read(made(two("1577889000", "1577889060")), columns={"time": 9})


def test_a_row_that_is_not_numbers_is_rejected_with_its_line_reason_and_text(made):
    good = "".join(f"{1577889000 + 60 * i},10,12,9,11,5\n" for i in range(5))
    text = HEAD + good + '1577889300,"1,010.5",12,9,11,5\n1577889360,10,12,9,,5\nnever,10,12,9,11,5\n1577889420,10,12,9\n\n1577889480,10,12,9,11,5,6\n'
    fetched = read(made(text), stamp="open")
    rejected = {row["row"]: row for row in fetched.rejected.iter_rows(named=True)}
    assert rejected[7]["reason"] == "open is not a number" and "1,010.5" in rejected[7]["text"]
    assert rejected[8]["reason"] == "close is not a number"
    assert rejected[9]["reason"] == "the time cannot be read"
    assert {10, 12} <= set(rejected) and rejected[12]["reason"] == "the row does not have 6 fields"
    assert 11 not in rejected and fetched.frame.height == 5


def test_rows_with_too_many_or_too_few_fields_are_rejected(made):
    fetched = read(made(HEAD + "1577889000,10,12,9,11,5\n1577889060,10,12,9\n1577889120,10,12,9,11,5,77\n1577889180,10,12,9,11,5\n"), stamp="open")
    assert fetched.frame.height == 2 and fetched.rejected["row"].to_list() == [3, 4]
    assert set(fetched.rejected["reason"]) == {"the row does not have 6 fields"}


def test_nan_and_infinity_are_read_as_such_for_the_check_to_quarantine(made):
    fetched = read(made(HEAD + "1577889000,10,inf,9,NaN,5\n1577889060,10,12,9,11,5\n"), stamp="open")
    assert fetched.frame["high"][0] == float("inf") and fetched.frame["close"].is_nan()[0]


def test_a_stamp_between_two_bars_is_rejected(made):
    rows = "".join(f"{1577889000 + 60 * i},10,12,9,11,5\n" for i in range(50)) + "1577892017,10,12,9,11,5\n"
    fetched = read(made(HEAD + rows), stamp="open")
    assert fetched.frame.height == 50 and fetched.rejected["reason"].to_list() == ["the time is not on the 1m grid"]


def test_when_no_row_can_be_read_the_first_is_shown(made):
    with pytest.raises(BadInput, match=r"line 2 .*open.* is not a number"):
        read(made(HEAD + "1577889000,a,b,c,d,e\n1577889060,a,b,c,d,e\n"), stamp="open")


def test_bom_crlf_quotes_tabs_and_comments_are_no_obstacle(made, tmp_path):
    body = 'time\topen\thigh\tlow\tclose\tvolume\r\n"1577889000"\t10\t12\t9\t11\t5\r\n"1577889060"\t10\t12\t9\t11\t5\r\n'
    (tmp_path / "bom.csv").write_bytes(b"\xef\xbb\xbf# made by a vendor\r\n" + body.encode())
    (tmp_path / "wide.csv").write_bytes(body.encode("utf-16"))
    for name in ("bom.csv", "wide.csv"):
        assert read(tmp_path / name, stamp="open").frame["ts_open"].to_list() == [ns("2020-01-01T14:30"), ns("2020-01-01T14:31")]


@pytest.mark.parametrize("text", ["", "   \n\n", HEAD])
def test_an_empty_file_is_refused(made, text):
    with pytest.raises(BadInput, match="spy.csv"):
        read(made(text), stamp="open")


def test_a_truncated_gzip_and_a_truncated_zip_are_refused(tmp_path):
    text = HEAD + "".join(f"{1577889000 + 60 * i},10,12,9,11,{i}\n" for i in range(2000))
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(text.encode())[:-700])
    with zipfile.ZipFile(tmp_path / "b.zip", "w", zipfile.ZIP_DEFLATED) as bag:
        bag.writestr("b.csv", text)
    (tmp_path / "b.zip").write_bytes((tmp_path / "b.zip").read_bytes()[:-700])
    (tmp_path / "c.csv.gz").write_text(text)
    for name, said in (("a.csv.gz", "truncated or damaged"), ("b.zip", "truncated, damaged"), ("c.csv.gz", "the bytes do not")):
        with pytest.raises(BadInput, match=said):
            read(tmp_path / name, stamp="open")


def test_a_damaged_byte_inside_a_zip_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "b.zip", "w", zipfile.ZIP_STORED) as bag:
        bag.writestr("b.csv", two("1577889000", "1577889060"))
    data = bytearray((tmp_path / "b.zip").read_bytes())
    data[60] ^= 1
    (tmp_path / "b.zip").write_bytes(bytes(data))
    with pytest.raises(BadInput, match="damaged"):
        read(tmp_path / "b.zip", stamp="open")


def test_a_zip_is_read_in_memory_and_links_and_folders_in_it_are_left_alone(tmp_path):
    with zipfile.ZipFile(tmp_path / "spy.zip", "w") as bag:
        bag.writestr("../../escape.csv", two("1577889000", "1577889060"))
        link = zipfile.ZipInfo("link.csv")
        link.external_attr = 0o120777 << 16
        bag.writestr(link, "/etc/hostname")
        bag.mkdir("folder.csv")
    before = sorted(tmp_path.parent.rglob("*"))
    fetched = read(tmp_path / "spy.zip", stamp="open")
    assert fetched.frame["source"][0] == "spy.zip:escape.csv" and sorted(tmp_path.parent.rglob("*")) == before


def test_a_packed_file_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "LARGEST_BYTES", 1000)
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"0" * 5000))
    with zipfile.ZipFile(tmp_path / "b.zip", "w", zipfile.ZIP_DEFLATED) as bag:
        bag.writestr("b.csv", b"0" * 5000)
    for name in ("a.csv.gz", "b.zip"):
        with pytest.raises(BadInput, match="cut it into parts"):
            read(tmp_path / name, stamp="open")


def test_a_binary_file_is_refused_as_not_text(tmp_path):
    (tmp_path / "x.csv").write_bytes(b"PAR1" + bytes(100))
    with pytest.raises(BadInput, match="not a text file"):
        read(tmp_path / "x.csv", stamp="open")


def test_of_a_folder_the_files_named_after_the_symbol_are_taken(made, tmp_path):
    made(two("1577889000", "1577889060"), "SPY_202001.csv")
    made(two("1580567400", "1580567460"), "SPY_202002.csv")
    made(two("1577889000", "1577889060", "1,1,1,1,1"), "QQQ_202001.csv")
    fetched = read(tmp_path, stamp="open")
    assert fetched.frame.height == 4 and fetched.frame["open"].min() == 10
    made(two("1577889000", "1577889900"), "SPY_15min.csv")
    with pytest.raises(BadInput, match="different lengths"):
        read(tmp_path, stamp="open")
    kept = read(tmp_path, stamp="open", timeframe="1m")
    assert kept.frame.height == 4 and any("left out" in note for note in kept.notes)


def test_a_folder_without_a_file_named_after_the_symbol_is_refused(made, tmp_path):
    made(two("1577889000", "1577889060"), "QQQ.csv")
    made(two("1577889000", "1577889060"), "IWM.csv")
    with pytest.raises(BadInput, match="none is named after SPY"):
        read(tmp_path, stamp="open")


def test_volume_may_be_missing_as_a_whole(made):
    fetched = read(made("time,open,high,low,close\n1577889000,10,12,9,11\n1577889060,10,12,9,11\n"), stamp="open")
    assert fetched.frame["volume"].null_count() == 2 and fetched.rejected.is_empty()


def test_trades_vwap_and_quotes_come_along(made):
    text = "time,open,high,low,close,volume,trades,vwap,bid_close\n1577889000,10,12,9,11,5,3,10.5,10.9\n1577889060,10,12,9,11,5,3,10.5,\n"
    frame = read(made(text), stamp="open").frame
    assert frame["trades"][0] == 3 and frame["vwap"][0] == 10.5 and frame["bid_close"].to_list() == [10.9, None]
