"""Parquet and Databento files beyond the contract: types of time, symbology, other schemas, missing packages."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace as Shape

import polars as pl
import pytest

from pse.domain.errors import BadInput, RequestError
from pse.domain.instruments import Instrument
from pse.domain.ports import CsvOptions, Fetched, FetchRequest
from pse.providers.bundled import Bundled
from pse.providers.databento import Databento
from pse.providers.parquet_files import ParquetFiles

ES = Instrument(symbol="ES", name="E-mini", kind="future", tick=0.25, lot_step=1, point_value=50, currency="USD", calendar="CME Globex Equity")
T0 = datetime(2024, 1, 2, 14, 30)


def ns(when: datetime) -> int:
    return int(when.replace(tzinfo=UTC).timestamp()) * 1_000_000_000


def parquet(folder: Path, name: str, times: pl.Series, **options: object) -> Fetched:
    n = times.len()
    frame = pl.DataFrame({name: times, "Open": [1.0] * n, "High": [2.0] * n, "Low": [0.5] * n, "Close": [1.5] * n})
    frame.write_parquet(folder / "es.parquet")
    return ParquetFiles().fetch(FetchRequest("ES", ES, path=folder / "es.parquet", options=CsvOptions(**options)))


def test_parquet_times_may_be_integers_or_timestamps_with_a_zone(tmp_path):
    whole = pl.Series([T0, T0.replace(minute=31)])
    for times in (
        whole.cast(pl.Datetime("ns")).cast(pl.Int64),
        whole.cast(pl.Datetime("ms")).cast(pl.Int64),
        whole.dt.replace_time_zone("UTC").dt.convert_time_zone("America/Chicago"),
    ):
        fetched = parquet(tmp_path, "timestamp", times, stamp="open")
        assert fetched.frame["ts_open"][0] == ns(T0) and fetched.timeframe == "1m" and fetched.frame["volume"].null_count() == 2


def test_parquet_times_without_a_zone_need_one_unless_the_name_says_utc(tmp_path):
    whole = pl.Series([T0, T0.replace(minute=31)])
    with pytest.raises(RequestError, match="--tz"):
        parquet(tmp_path, "timestamp", whole, stamp="open")
    assert parquet(tmp_path, "timestamp_utc", whole, stamp="open").frame["ts_open"][0] == ns(T0)
    assert parquet(tmp_path, "timestamp", whole, stamp="open", tz="America/New_York").frame["ts_open"][0] == ns(T0.replace(hour=19))


def test_parquet_dates_are_daily_bars(tmp_path):
    fetched = parquet(tmp_path, "date", pl.Series([date(2024, 1, 2), date(2024, 1, 3)]))
    assert fetched.timeframe == "1d" and fetched.frame["ts_open"][0] == ns(datetime(2024, 1, 2))


def test_parquet_with_a_text_for_a_price_names_the_column(tmp_path):
    pl.DataFrame({"time": [1704205800], "open": ["1"], "high": ["2"], "low": ["1"], "close": ["1"]}).write_parquet(tmp_path / "es.parquet")
    with pytest.raises(BadInput, match="column open holds String"):
        ParquetFiles().fetch(FetchRequest("ES", ES, path=tmp_path / "es.parquet"))


def dbn_file(folder: Path, schema: str = "ohlcv-1m", cut: int = 0, low: int = 4799) -> Path:
    dbn = pytest.importorskip("databento_dbn")
    zstandard = pytest.importorskip("zstandard")

    def span(start: date, end: date, symbol: str) -> Shape:
        return Shape(start_date=start, end_date=end, symbol=symbol)

    mappings = [
        Shape(raw_symbol="ESH4", intervals=[span(date(2024, 1, 2), date(2024, 1, 3), "7")]),
        Shape(raw_symbol="ESM4", intervals=[span(date(2024, 1, 2), date(2024, 1, 3), "8")]),
        Shape(raw_symbol="NQH4", intervals=[span(date(2024, 1, 2), date(2024, 1, 3), "9")]),
        Shape(raw_symbol="ESH4-ESM4", intervals=[span(date(2024, 1, 2), date(2024, 1, 3), "10")]),
    ]
    head = dbn.Metadata(
        dataset="GLBX.MDP3", start=ns(T0), stype_in=dbn.SType.RAW_SYMBOL, stype_out=dbn.SType.INSTRUMENT_ID, schema=dbn.Schema.from_str(schema),
        symbols=["ESH4"], partial=[], not_found=[], mappings=mappings, ts_out=False,
    )
    records = b"".join(
        bytes(dbn.OHLCVMsg(rtype=dbn.RType.OHLCV_1M, publisher_id=1, instrument_id=number, ts_event=ns(T0),
                           open=4800_000000000, high=4801_000000000, low=low * 1_000_000_000 if low > 0 else 2**63 - 1, close=4800_250000000, volume=number))
        for number in (7, 8, 9, 10)
    )
    data = bytes(head.encode()) + records
    half = len(data) // 2                                                   # several zstandard frames in one file, as the vendor's archives have
    packed = b"".join(zstandard.ZstdCompressor().compress(part) for part in (data[:half], data[half : len(data) - cut]))
    (folder / "x.dbn.zst").write_bytes(packed)
    return folder / "x.dbn.zst"


def dbn_bars(path: Path, instrument: Instrument = ES) -> Fetched:
    return Databento().fetch(FetchRequest(instrument.symbol, instrument, path=path))


def test_dbn_months_of_the_symbol_are_taken_and_spreads_and_others_are_not(tmp_path):
    fetched = dbn_bars(dbn_file(tmp_path))
    assert fetched.frame.select("contract", "close", "volume", "row").rows() == [("ES-202403", 4800.25, 7.0, 1), ("ES-202406", 4800.25, 8.0, 2)]


def test_dbn_without_the_symbol_names_what_is_there(tmp_path):
    with pytest.raises(BadInput, match="no bar of GC; the file holds ESH4, ESH4-ESM4, ESM4, NQH4"):
        dbn_bars(dbn_file(tmp_path), ES.model_copy(update={"symbol": "GC"}))


def test_dbn_of_another_schema_is_refused_by_name(tmp_path):
    with pytest.raises(BadInput, match="schema trades holds no bars"):
        dbn_bars(dbn_file(tmp_path, schema="trades"))


def test_a_cut_record_is_seen_although_the_packing_is_whole(tmp_path):
    with pytest.raises(BadInput, match="truncated"):
        dbn_bars(dbn_file(tmp_path, cut=10))


def test_a_packed_file_that_ends_too_early_is_called_truncated(tmp_path):
    whole = dbn_file(tmp_path).read_bytes()
    (tmp_path / "x.dbn.zst").write_bytes(whole[: len(whole) // 4])
    with pytest.raises(BadInput, match="truncated"):
        dbn_bars(tmp_path / "x.dbn.zst")


def test_an_undefined_price_is_rejected(tmp_path):
    fetched = dbn_bars(dbn_file(tmp_path, low=0))
    assert fetched.frame.is_empty() and fetched.rejected["reason"].to_list() == ["a price is undefined"] * 2


def test_something_else_under_the_name_dbn_is_refused(tmp_path):
    (tmp_path / "x.dbn").write_bytes(b"time,open,high,low,close\n")
    with pytest.raises(BadInput, match="not a DBN file"):
        dbn_bars(tmp_path / "x.dbn")


def test_a_missing_package_names_the_extra_that_brings_it(tmp_path, monkeypatch):
    file = dbn_file(tmp_path)
    monkeypatch.setitem(sys.modules, "databento_dbn", None)
    with pytest.raises(RequestError, match=r"pip install 'pse-toolkit\[brokers\]'"):
        dbn_bars(file)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    vix = ES.model_copy(update={"symbol": "VIX", "kind": "index"})
    with pytest.raises(RequestError, match=r"pip install 'pse-toolkit\[research\]'"):
        Bundled().fetch(FetchRequest("VIX", vix))


@pytest.mark.skipif(find_spec("arch") is None, reason="arch is not installed")
def test_a_bundled_index_has_its_four_prices():
    fetched = Bundled().fetch(FetchRequest("SPX", ES.model_copy(update={"symbol": "SPX", "kind": "index"})))
    # first line of the shipped file: 1999-01-04, 1229.22998, 1248.810059, 1219.099976, 1228.099976, 877000000
    assert fetched.frame.row(0)[:6] == (ns(datetime(1999, 1, 4)), 1229.22998, 1248.810059, 1219.099976, 1228.099976, 877000000.0)
    assert not fetched.close_only
