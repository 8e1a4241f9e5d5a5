"""LEAN's files: expiries, clocks, scales, quotes and the map of front contracts."""

from __future__ import annotations

import zipfile
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from pse.domain.errors import BadInput
from pse.domain.instruments import Instrument
from pse.domain.ports import Fetched, FetchRequest
from pse.providers.lean import Lean, expiry_of

ES = Instrument(symbol="ES", name="E-mini", kind="future", tick=0.25, lot_step=1, point_value=50, currency="USD", calendar="CME Globex Equity")
SPY = Instrument(symbol="SPY", name="SPDR", kind="stock", tick=0.01, lot_step=1, point_value=1, currency="USD", calendar="NYSE")


def ns(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000_000


def packed(path: Path, **members: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as bag:
        for name, text in members.items():
            bag.writestr(f"{name}.csv", text)
    return path


def read(path: Path, instrument: Instrument = ES, **more: object) -> Fetched:
    return Lean().fetch(FetchRequest(instrument.symbol, instrument, path=path, **more))


@pytest.fixture
def futures(tmp_path: Path) -> Path:
    packed(
        tmp_path / "20131007_trade.zip",
        **{"20131007_es_minute_trade_201312": "0,1676.5,1677,1676.25,1676.75,9\n60000,1676.75,1677,1676.5,1677,19\n",
           "20131007_es_minute_trade_201403": "60000,1670.5,1671,1670.25,1670.75,1\n",
           "20131007_nq_minute_trade_201312": "0,3200,3201,3199,3200,5\n"},
    )
    packed(
        tmp_path / "20131007_quote.zip",
        **{"20131007_es_minute_quote_201312": "60000,1,1,1,1676.75,86,2,2,2,1677,97\n120000,1,1,1,1676.5,86,2,2,2,1676.75,97\n"},
    )
    (tmp_path / "map_files_es.csv").write_text(
        "18991230,es,CME\n20130917,es vk2zrh843z7l,CME,2\n20131130,es vmklfzih2mtd,CME,1\n20131217,es vmklfzih2mtd,CME,2\n20140318,es vp274hsu1af5,CME,2\n"
    )
    return tmp_path


def test_every_expiry_is_kept_under_its_contract_and_other_symbols_are_not(futures):
    frame = read(futures).frame
    assert frame.select("ts_open", "contract", "close").rows() == [
        (ns("2013-10-07T00:00"), "ES-201312", 1676.75), (ns("2013-10-07T00:01"), "ES-201312", 1677.0), (ns("2013-10-07T00:01"), "ES-201403", 1670.75),
    ]


def test_the_last_bid_and_ask_stand_beside_the_trades_of_their_minute_and_contract(futures):
    fetched = read(futures)
    assert fetched.frame["bid_close"].to_list() == [None, 1676.75, None] and fetched.frame["ask_close"].to_list() == [None, 1677.0, None]
    assert "1 minutes have quotes and no trade; they make no bar" in fetched.notes


def test_the_map_file_gives_the_front_contract_from_the_day_after_the_row_before(futures):
    assert read(futures).front == [(18991231, "ES-201309"), (20130918, "ES-201312"), (20131218, "ES-201403")]


def test_an_expiry_is_decoded_from_the_security_id():
    # third Fridays of the quarter months, by the calendar
    known = {"uik2f7cj4v0h": date(2009, 12, 18), "ul1o3pmw3im9": date(2010, 3, 19), "vmklfzih2mtd": date(2013, 12, 20), "vp274hsu1af5": date(2014, 3, 21)}
    assert {word: expiry_of(f"es {word}", Path("es.csv")) for word in known} == known
    with pytest.raises(BadInput, match="not a LEAN security id"):
        expiry_of("es what?", Path("es.csv"))


def test_the_tree_and_the_flat_folder_give_the_same(futures, tmp_path):
    tree = tmp_path / "Data" / "future" / "cme"
    (tree / "minute" / "es").mkdir(parents=True)
    (tree / "map_files").mkdir()
    (futures / "map_files_es.csv").rename(tree / "map_files" / "es.csv")
    for kind in ("trade", "quote"):
        (futures / f"20131007_{kind}.zip").rename(tree / "minute" / "es" / f"20131007_{kind}.zip")
    fetched = read(tmp_path / "Data")
    assert fetched.frame.height == 3 and fetched.front[-1] == (20131218, "ES-201403")
    assert read(tree / "minute" / "es").front == fetched.front


def test_share_prices_are_unscaled_and_their_clock_is_new_york(tmp_path):
    packed(tmp_path / "spy_20131007_trade.zip", **{"20131007_spy_minute_trade": "14400000,1674100,1674100,1672500,1672700,3197\n"})
    packed(tmp_path / "spy_20131209_trade.zip", **{"20131209_spy_minute_trade": "34200000,1811900,1812000,1811800,1811850,10\n"})
    fetched = read(tmp_path, SPY)
    assert fetched.frame.row(0)[:7] == (ns("2013-10-07T08:00"), 167.41, 167.41, 167.25, 167.27, 3197.0, None)
    assert fetched.frame["ts_open"][1] == ns("2013-12-09T14:30") and fetched.front is None and fetched.timeframe == "1m"


def test_a_daily_history_is_dated_at_utc_midnight_and_left_raw(tmp_path):
    packed(tmp_path / "spy.zip", spy="19980102 00:00,973100,977800,967400,975600,2150000\n19980105 00:00,977800,985300,970900,977500,1\n")
    (tmp_path / "factor_files_spy.csv").write_text("19980102,0.6566606,1,1\n")
    fetched = read(tmp_path, SPY)
    assert fetched.timeframe == "1d" and fetched.frame.row(0)[:6] == (ns("1998-01-02"), 97.31, 97.78, 96.74, 97.56, 2150000.0)
    assert "factor_files_spy.csv tells them to `pse ingest-actions --provider lean`" in fetched.notes[0]


def test_days_outside_the_request_are_not_opened(futures):
    (futures / "20131101_trade.zip").write_bytes(b"not a zip")
    assert read(futures, end_ns=ns("2013-10-08")).frame.height == 3
    with pytest.raises(BadInput, match="20131101_trade.zip"):
        read(futures)


def test_a_line_that_is_not_numbers_is_rejected_with_its_place(tmp_path):
    lines = "0,1,2,0.5,1,9\nx,1,2,0.5,1,9\n120000,1,2,0.5\n180000,1,2,0.5,1,9\n"
    fetched = read(packed(tmp_path / "20131007_trade.zip", **{"20131007_es_minute_trade_201312": lines}))
    assert fetched.frame["row"].to_list() == [1, 4]
    assert fetched.rejected.select("row", "text").rows() == [(2, "x,1,2,0.5,1,9"), (3, "120000,1,2,0.5")]


def test_a_folder_without_the_symbol_says_what_it_looked_for(futures):
    gc = ES.model_copy(update={"symbol": "GC"})
    with pytest.raises(BadInput, match="_gc_minute_trade"):
        read(futures, gc)


def test_another_name_at_lean_is_taken_from_the_instrument(futures):
    mine = ES.model_copy(update={"symbol": "SPX-FUT", "provider_names": {"lean": "ES"}})
    assert set(read(futures, mine).frame["contract"]) == {"SPX-FUT-201312", "SPX-FUT-201403"}
