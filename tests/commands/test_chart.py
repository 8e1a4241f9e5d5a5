"""`pse chart`: what it writes where, and what it refuses."""

import base64
import json
import re
import zlib

import numpy as np
import pytest

from tests.commands.stored import stored_real, stored_synthetic
from tests.reports.make_run import make_run


@pytest.fixture
def home(tmp_path):
    return stored_synthetic(tmp_path)


def packed(path):
    return json.loads(zlib.decompress(base64.b64decode(re.search(r'id="data">([^<]*)<', path.read_text("utf-8"))[1])))


def refused(pse, *words, code=2):
    ran = pse("chart", *words)
    assert ran.code == code, ran.err
    return " ".join(ran.err.split())


def test_the_last_sessions_are_written_where_reports_live(pse, home):
    ran = pse("chart", "--symbol", "ES", "--json")
    assert ran.code == 0, ran.err
    page, = ran.json["charts"]
    assert page == str(home / "reports" / "chart-ES-5m-20230314T2200-20230317T0000.html") and ran.json["bars"] == 2 * 276 + 24
    text = (home / "reports" / page).read_text("utf-8")
    assert text.startswith("<!doctype html>") and "Synthetic data" in text and ran.json["synthetic"] is True
    assert ran.json["drawn"]["structure"] > 10 and ran.json["left_out"]
    assert [day for _, day in packed(home / "reports" / page)["days"]] == [20230315, 20230316, 20230317]


def test_out_may_be_repeated_and_its_ending_says_which(pse, home, tmp_path):
    ran = pse("chart", "--symbol", "ES", "--bars", 60, "--out", tmp_path / "a.html", "--out", tmp_path / "b.png", "--theme", "dark", "--features", "rsi,atr")
    assert ran.code == 0 and "a.html" in ran.out and "b.png" in ran.out
    assert 'data-theme="dark"' in (tmp_path / "a.html").read_text("utf-8") and (tmp_path / "b.png").read_bytes()[:4] == b"\x89PNG"
    assert len(packed(tmp_path / "a.html")["t"]) == 60
    assert pse("chart", "--symbol", "ES", "--bars", 60, "--out", tmp_path / "a.html", "--out", tmp_path / "b.png").code == 0      # its own files it replaces


def test_as_known_at_a_moment_shows_nothing_later(pse, home, tmp_path):
    """The page as known at 14:31 of a day equals the page of a window that ends with the last bar closed by then."""
    assert pse("chart", "--symbol", "ES", "--start", "2023-03-14", "--at", "2023-03-15T14:31", "--out", tmp_path / "known.html").code == 0
    assert pse("chart", "--symbol", "ES", "--start", "2023-03-14", "--end", "2023-03-15T14:30", "--out", tmp_path / "cut.html").code == 0
    known, cut = packed(tmp_path / "known.html"), packed(tmp_path / "cut.html")
    assert known == cut and sum(known["t"]) == 1_678_890_300                                     # 14:25, the last bar closed by 14:31
    assert "As known at 2023-03-15T14:31:00Z" in (tmp_path / "known.html").read_text("utf-8")


def test_a_target_that_is_none_is_refused_before_any_work(pse, home, tmp_path):
    (tmp_path / "mine.html").write_text("mine")
    (tmp_path / "mine.png").write_bytes(b"\x89PNG mine")
    assert "name a file" in refused(pse, "--symbol", "ES", "--out", "-")
    assert ".html (or .htm) or .png" in refused(pse, "--symbol", "ES", "--out", tmp_path / "chart.svg")
    assert "no extension" in refused(pse, "--symbol", "ES", "--out", tmp_path / "chart")
    assert "is a folder" in refused(pse, "--symbol", "ES", "--out", tmp_path)
    assert "not written by pse" in refused(pse, "--symbol", "ES", "--out", tmp_path / "mine.html")
    assert "not written by pse" in refused(pse, "--symbol", "ES", "--out", tmp_path / "mine.png")
    assert (tmp_path / "mine.html").read_text() == "mine"


def test_unknown_names_are_told_the_nearest(pse, home):
    assert "Did you mean structure?" in refused(pse, "--symbol", "ES", "--layers", "structur,gaps")
    assert "Did you mean rsi?" in refused(pse, "--symbol", "ES", "--features", "rsy")
    assert "Did you mean plus_di, a column of adx?" in refused(pse, "--symbol", "ES", "--features", "plus_dl")
    assert "Did you mean MES?" in refused(pse, "--symbol", "MESS")
    assert "not one of light, dark" in refused(pse, "--symbol", "ES", "--theme", "blue")
    assert "--run" in refused(pse, "--symbol", "ES", "--layers", "trades")
    assert "needs --symbol (stored: ES 1m)" in refused(pse)


def test_windows_without_bars_say_what_is_stored(pse, home):
    assert "stored: ES 1m" in refused(pse, "--symbol", "NQ")
    assert "2023-03-16T23:59:00Z. Choose another" in refused(pse, "--symbol", "ES", "--start", "2024-01-01")
    assert "2023-02-20T00:00:00Z" in refused(pse, "--symbol", "ES", "--end", "2020-01-01")
    assert "not after --start" in refused(pse, "--symbol", "ES", "--start", "2023-03-15", "--at", "2023-03-14")
    assert "not a number" in refused(pse, "--symbol", "ES", "--timeframe", "5x")
    assert "cannot be made" in refused(pse, "--symbol", "ES", "--timeframe", "30s")
    assert refused(pse, "--symbol", "ES", "--bars", "0")


def test_bars_of_a_day_are_the_stored_ones_where_minutes_are_stored_too(pse, home):
    """Six weeks of days beside three weeks of minutes: a chart of days shows all of them, one of hours is made from the minutes."""
    days = [f"{one},ES,100,101,99,100.5,1000" for one in np.arange("2023-02-01", "2023-03-17", dtype="M8[D]") if np.is_busday(one)]
    (home / "days.csv").write_text("date,symbol,open,high,low,close,volume\n" + "\n".join(days) + "\n")
    made = pse("ingest", "--provider", "csv", "--path", home / "days.csv", "--symbol", "ES", "--timeframe", "1d")
    assert made.code == 0, made.err
    ran = pse("chart", "--symbol", "ES", "--timeframe", "1d", "--json")
    assert ran.code == 0 and ran.json["stored"] == "ES 1d" and ran.json["bars"] > 25, ran.err
    assert pse("chart", "--symbol", "ES", "--timeframe", "1h", "--bars", 5, "--json").json["stored"] == "ES 1m"


def test_a_window_in_a_hole_is_told_where_the_hole_is(pse, home):
    assert pse("ingest", "--provider", "synthetic", "--symbol", "ES", "--start", "2023-05-01", "--end", "2023-05-03", "--seed", "11").code == 0
    said = refused(pse, "--symbol", "ES", "--start", "2023-04-03", "--end", "2023-04-05")
    assert "run from 2023-02-20T00:00:00Z to 2023-05-02T23:59:00Z" in said
    assert "a hole from 2023-03-17T00:00:00Z to 2023-05-01T00:00:00Z, and the window lies in it" in said
    ran = pse("chart", "--symbol", "ES", "--start", "2023-03-16")                    # 20 March to 28 April are six weeks; Good Friday had a short session
    assert "Not stored: 30 sessions before 1 May 2023" in ran.out, ran.out


def test_too_many_bars_are_refused_with_what_helps(pse, home, tmp_path):
    said = refused(pse, "--symbol", "ES", "--timeframe", "1m", "--start", "2023-02-20")
    assert "draws at most 20,000" in said and "--bars" in said
    assert "a PNG draws at most 3,000" in refused(pse, "--symbol", "ES", "--start", "2023-02-27", "--out", tmp_path / "a.png")


def test_one_bar_other_lengths_and_bare_candles_are_charts_too(pse, home, tmp_path):
    for words, count in ((("--bars", 1), 1), (("--timeframe", "1h", "--bars", 30), 30), (("--timeframe", "1d"), 19), (("--layers", "", "--bars", 5), 5),
                         (("--timeframe", "4h", "--bars", 12), 12)):
        ran = pse("chart", "--symbol", "ES", *words, "--json", "--out", tmp_path / "x.html", "--out", tmp_path / "x.png")
        assert ran.code == 0 and ran.json["bars"] == count, ran.err


def test_a_micro_is_drawn_on_the_bars_it_trades_on(pse, home):
    assert pse("chart", "--symbol", "MES", "--bars", 20, "--json").json["symbol"] == "MES"


def test_trades_of_a_run_stand_on_the_bars_it_saw(pse, home, tmp_path):
    made = pse("backtest", "--symbol", "ES", "--start", "2023-03-01", "--json")
    run = made.json["run_id"]
    ran = pse("chart", "--run", run, "--json")
    assert ran.code == 0 and ran.json["run_id"] == run and ran.json["symbol"] == "ES"
    if made.json["trades"]:
        assert ran.json["trades"] >= 1
        trades = packed(next((tmp_path / "reports").glob("chart-*.html")))["trades"]
        assert all(one["entry_price"] for one in trades)


def test_a_run_that_is_not_there_is_told(pse, home):
    assert "run" in refused(pse, "--run", "nothing")


def test_a_run_whose_bars_are_gone_is_told(pse, tmp_path):
    run, _ = make_run(tmp_path / "backtests" / "outputs", sessions=30)
    assert refused(pse, "--run", run.name)


@pytest.mark.real
def test_real_minutes_are_drawn(pse, real_data, tmp_path):
    stored_real(real_data, tmp_path)
    ran = pse("chart", "--symbol", "ES", "--start", "2013-10-08T13:30", "--end", "2013-10-08T20:15", "--out", tmp_path / "a.html", "--json")
    assert ran.code == 0 and ran.json["bars"] == 81 and ran.json["drawn"]["structure"] > 3
