"""What every provider of bars keeps, whatever it reads; one class, inherited by each."""

from __future__ import annotations

import gzip
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace as Shape

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from pse.domain.bars import timeframe_ns
from pse.domain.errors import BadInput, RequestError
from pse.domain.instruments import Instrument
from pse.domain.ports import BAR_COLUMNS, REJECTED_COLUMNS, BarProvider, CsvOptions, FetchRequest
from pse.domain.sessions import MINUTE_NS
from pse.registry import resolve

ES = Instrument(symbol="ES", name="E-mini", kind="future", tick=0.25, lot_step=1, point_value=50, currency="USD", calendar="CME Globex Equity")
VIX = Instrument(symbol="VIX", name="VIX", kind="index", tick=0.01, lot_step=1, point_value=1, currency="USD", calendar="NYSE", tradable=False)
T0 = int(datetime(2024, 1, 2, 14, 30, tzinfo=UTC).timestamp()) * 1_000_000_000
MINUTES = [(T0 + i * MINUTE_NS, 4800.0 + i, 4801.5 + i, 4799.0 + i, 4800.5 + i, 100.0 + i) for i in range(10)]


class ProviderContract:
    """Inherit, set `name`, and give a request that has bars; file providers also say how to write their file."""

    name = ""

    def a_request(self, folder: Path) -> FetchRequest:
        raise AssertionError("each provider's test gives its own request")

    @pytest.fixture
    def request_(self, tmp_path: Path) -> FetchRequest:
        return self.a_request(tmp_path)

    @pytest.fixture
    def provider(self) -> BarProvider:
        return resolve("provider", self.name)()

    def test_it_stands_behind_the_port_under_its_name(self, provider):
        assert isinstance(provider, BarProvider) and provider.name == self.name

    def test_bars_have_the_columns_and_types_of_the_port(self, provider, request_):
        frame = provider.fetch(request_).frame
        assert frame.height > 5 and tuple(frame.columns[: len(BAR_COLUMNS)]) == BAR_COLUMNS
        kinds = dict.fromkeys(BAR_COLUMNS, pl.Float64) | {"ts_open": pl.Int64, "contract": pl.String, "source": pl.String, "row": pl.Int64}
        assert {name: frame.schema[name] for name in BAR_COLUMNS} == kinds
        never_null = [name for name in frame.columns if name not in ("volume", "contract", "bid_close", "ask_close")]
        assert frame.select(never_null).null_count().row(0) == (0,) * len(never_null)

    def test_rows_count_from_one_and_name_their_source(self, provider, request_):
        frame = provider.fetch(request_).frame
        assert frame["row"].min() >= 1 and (frame["source"].str.len_chars() > 0).all()
        assert frame.select(pl.struct("source", "row").n_unique()).item() == frame.height

    def test_bars_open_on_the_grid_of_their_timeframe(self, provider, request_):
        fetched = provider.fetch(request_)
        assert (fetched.frame["ts_open"] % timeframe_ns(fetched.timeframe) == 0).all()

    def test_the_same_request_twice_gives_the_same_bars(self, provider, request_):
        assert_frame_equal(provider.fetch(request_).frame, provider.fetch(request_).frame, check_exact=True)

    def test_start_is_inclusive_and_end_exclusive(self, provider, request_):
        whole = provider.fetch(request_).frame
        moments = whole["ts_open"].unique().sort()
        first, last = moments[2], moments[5]
        cut = provider.fetch(replace(request_, start_ns=first, end_ns=last)).frame
        expected = whole.filter(pl.col("ts_open") >= first, pl.col("ts_open") < last)
        assert_frame_equal(cut.drop("row"), expected.drop("row"), check_exact=True)

    def test_no_bar_in_the_range_is_an_empty_frame_and_no_error(self, provider, request_):
        first = provider.fetch(request_).frame["ts_open"].min()
        nothing = provider.fetch(replace(request_, start_ns=first + 1, end_ns=first + 2))
        assert nothing.frame.is_empty() and tuple(nothing.frame.columns[: len(BAR_COLUMNS)]) == BAR_COLUMNS

    def test_rejected_rows_have_their_four_columns(self, provider, request_):
        rejected = provider.fetch(request_).rejected
        assert rejected is None or tuple(rejected.columns) == REJECTED_COLUMNS

    def test_only_made_up_bars_are_called_synthetic(self, provider, request_):
        assert provider.fetch(request_).synthetic == (self.name == "synthetic")

    def test_a_timeframe_that_is_not_there_is_refused_with_the_mend(self, provider, request_):
        with pytest.raises(RequestError, match="timeframe"):
            provider.fetch(replace(request_, timeframe="7m"))


class FileContract(ProviderContract):
    """What those that read a user's file keep besides."""

    def the_file(self, folder: Path) -> Path:
        return next(p for p in sorted(folder.rglob("*")) if p.is_file())

    def test_it_asks_for_a_path(self, provider, request_):
        assert provider.needs_path
        with pytest.raises(BadInput, match="--path"):
            provider.fetch(replace(request_, path=None))

    def test_a_missing_file_is_named(self, provider, request_, tmp_path):
        with pytest.raises(BadInput, match="nowhere"):
            provider.fetch(replace(request_, path=tmp_path / "nowhere.csv"))

    def test_an_empty_folder_is_refused(self, provider, request_, tmp_path):
        (tmp_path / "empty").mkdir()
        with pytest.raises(BadInput, match="empty"):
            provider.fetch(replace(request_, path=tmp_path / "empty"))

    def test_a_file_of_no_bytes_is_refused(self, provider, request_, tmp_path):
        file = self.the_file(tmp_path)
        file.write_bytes(b"")
        with pytest.raises(BadInput, match=file.name):
            provider.fetch(replace(request_, path=file))

    def test_a_truncated_file_is_refused_or_loses_no_row_in_silence(self, provider, request_, tmp_path):
        file = self.the_file(tmp_path)
        whole = file.read_bytes()
        file.write_bytes(whole[: len(whole) * 2 // 3])
        with pytest.raises(BadInput, match=file.name):
            provider.fetch(replace(request_, path=file))

    def test_reading_leaves_the_folder_as_it_was(self, provider, request_, tmp_path):
        before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
        provider.fetch(request_)
        assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before


def csv_text() -> str:
    return "time,open,high,low,close,volume\n" + "".join(f"{ts // 1_000_000_000},{o},{h},{low},{c},{v}\n" for ts, o, h, low, c, v in MINUTES)


class TestCsv(FileContract):
    name = "csv"

    def a_request(self, folder):
        (folder / "es.csv.gz").write_bytes(gzip.compress(csv_text().encode()))
        return FetchRequest("ES", ES, path=folder / "es.csv.gz", options=CsvOptions(stamp="open"))


class TestParquet(FileContract):
    name = "parquet"

    def a_request(self, folder):
        frame = pl.DataFrame(MINUTES, schema=["ts_open", "open", "high", "low", "close", "volume"], orient="row")
        frame.write_parquet(folder / "es.parquet")
        return FetchRequest("ES", ES, path=folder / "es.parquet")


class TestLean(FileContract):
    name = "lean"

    def a_request(self, folder):
        midnight = int(datetime(2024, 1, 2, tzinfo=UTC).timestamp()) * 1_000_000_000
        lines = "".join(f"{(ts - midnight) // 1_000_000},{o},{h},{low},{c},{v:.0f}\n" for ts, o, h, low, c, v in MINUTES)
        with zipfile.ZipFile(folder / "20240102_trade.zip", "w") as bag:
            bag.writestr("20240102_es_minute_trade_202403.csv", lines)
        return FetchRequest("ES", ES, path=folder)


class TestDatabento(FileContract):
    name = "databento"

    def a_request(self, folder):
        dbn = pytest.importorskip("databento_dbn")
        day = datetime(2024, 1, 2, tzinfo=UTC).date()
        head = dbn.Metadata(
            dataset="GLBX.MDP3", start=T0, stype_in=dbn.SType.RAW_SYMBOL, stype_out=dbn.SType.INSTRUMENT_ID, schema=dbn.Schema.OHLCV_1M,
            symbols=["ESH4"], partial=[], not_found=[],
            mappings=[Shape(raw_symbol="ESH4", intervals=[Shape(start_date=day, end_date=day.replace(day=3), symbol="7")])], ts_out=False,
        )
        bars = b"".join(
            bytes(dbn.OHLCVMsg(rtype=dbn.RType.OHLCV_1M, publisher_id=1, instrument_id=7, ts_event=ts,
                               open=int(o * 1e9), high=int(h * 1e9), low=int(low * 1e9), close=int(c * 1e9), volume=int(v)))
            for ts, o, h, low, c, v in MINUTES
        )
        (folder / "es.ohlcv-1m.dbn").write_bytes(bytes(head.encode()) + bars)
        return FetchRequest("ES", ES, path=folder / "es.ohlcv-1m.dbn")

    def test_the_month_letter_becomes_a_contract_that_sorts_by_expiry(self, provider, request_):
        frame = provider.fetch(request_).frame
        assert set(frame["contract"]) == {"ES-202403"} and frame.row(0)[:6] == MINUTES[0]


class TestBundled(ProviderContract):
    name = "bundled"

    def a_request(self, folder):
        if find_spec("arch") is None:
            pytest.skip("arch is not installed")
        return FetchRequest("VIX", VIX)

    def test_a_closes_only_series_says_so(self, provider, request_):
        fetched = provider.fetch(request_)
        assert fetched.close_only and fetched.timeframe == "1d" and fetched.frame["volume"].null_count() == fetched.frame.height
        assert fetched.frame.row(0)[1:5] == (13.76,) * 4                    # 2014-01-03, the first line of the shipped file


class TestSynthetic(ProviderContract):
    name = "synthetic"

    def a_request(self, folder):
        return FetchRequest("ES", ES, start_ns=T0, end_ns=T0 + 3 * 3600 * 1_000_000_000, seed=1)


@pytest.mark.parametrize("name", ["csv", "parquet", "lean", "databento"])
def test_the_four_that_read_the_same_minutes_give_the_same_bars(name, tmp_path):
    made = {"csv": TestCsv, "parquet": TestParquet, "lean": TestLean, "databento": TestDatabento}[name]()
    frame = resolve("provider", name)().fetch(made.a_request(tmp_path)).frame
    assert frame.select("ts_open", "open", "high", "low", "close", "volume").rows() == MINUTES
