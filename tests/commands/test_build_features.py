"""`pse build-features` as its users meet it: tables of stored bars that grow, pinned to a snapshot and read by SQL."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pse.commands import feature_inputs
from pse.commands.build_features import year_ranges
from pse.features.feature import Market
from pse.features.requests import parse_requests
from pse.store.layout import Home
from pse.store.query import Session
from tests.commands.stored import context_of, stored_real, stored_synthetic

SOME = "atr,rsi,relative_volume,ema:period=200@1h,market_structure"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return stored_synthetic(tmp_path)


def ask(home: Path, query: str) -> list[tuple]:
    return Session(Home(home)).ask(query).rows


def test_a_table_is_created_then_unchanged(pse: Callable, home: Path):
    first = pse("build-features", "--symbol", "ES", "--timeframe", "5m,1h", "--features", SOME, "--json").json
    assert first["status"] == "created" and first["columns"] == 13 and first["column_names"][:2] == ["tr", "atr"]
    assert [(one["symbol"], one["timeframe"], one["status"]) for one in first["tables"]] == [("ES", "5m", "created"), ("ES", "1h", "created")]
    assert first["rows"] == sum(one["rows"] for one in first["tables"]) > 4000
    again = pse("build-features", "--symbol", "ES", "--timeframe", "5m,1h", "--features", SOME, "--json").json
    assert again["status"] == "unchanged" and again["rows"] == first["rows"] and again["snapshot"] == first["snapshot"] and again["table"] == first["table"]
    assert [one["years_written"] for one in again["tables"]] == [[], []]
    human = pse("build-features", "--symbol", "ES", "--timeframe", "5m", "--features", SOME)
    assert human.code == 0 and "unchanged" in human.out and "FROM features" in human.out


def test_the_command_that_is_shown_answers_with_the_newest_rows_of_a_telling_column(pse: Callable, home: Path):
    said = pse("build-features", "--symbol", "ES", "--features", "atr,rsi").out
    query = re.search('ask it: pse sql "([^"]*)"', said)
    assert query is not None and "feature_tables" in said and "6 columns in" in said, said
    rows = ask(home, query[1])
    assert len(rows) == 10 and all(row[1] is not None for row in rows) and "atr" in query[1].split()
    assert rows[0][0] == ask(home, "SELECT max(time_close) FROM features")[0][0]
    assert "1 column in" in pse("build-features", "--symbol", "ES", "--features", "close").out


def test_many_years_are_told_as_ranges():
    assert year_ranges([str(year) for year in range(2001, 2024)]) == "2001-2023" and year_ranges([]) == ""
    assert year_ranges(["2001", "2003", "2004", "2007"]) == "2001 2003-2004 2007"


def test_a_table_that_is_there_is_neither_read_nor_computed_again(pse: Callable, home: Path, monkeypatch: pytest.MonkeyPatch):
    words = ("build-features", "--symbol", "ES", "--features", SOME)
    assert pse(*words).code == 0

    def never(*_: object) -> None:
        raise AssertionError("bars were read")

    with monkeypatch.context() as patched:
        for name in ("load_source", "compute", "write_series"):
            patched.setattr(f"pse.commands.build_features.{name}", never)
        assert pse(*words, "--json").json["status"] == "unchanged"
    manifest = next((home / "data" / "features").glob("*/_manifest/ES.5m.json"))
    other = json.loads(manifest.read_text())
    other["basis"]["code"]["kernels"] = "another"
    manifest.write_text(json.dumps(other))
    done = pse(*words, "--json")
    assert done.json["status"] == "unchanged" and "pse has changed since the table was made" in done.err


@pytest.mark.slow
def test_the_wait_for_the_compiler_is_said_when_there_is_one_and_only_then(pse_process: Callable, tmp_path: Path, home: Path):
    given = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "compiled")}
    first, again = (pse_process("build-features", "--symbol", "ES", "--features", features, env=given) for features in ("sma", "sma:period=7"))
    assert first.returncode == again.returncode == 0 and first.stderr.count("compiling for this machine, once for this version") == 1
    assert "compiling" not in again.stderr


def test_the_values_are_those_of_the_features_on_the_bars(pse: Callable, home: Path):
    assert pse("build-features", "--symbol", "ES", "--timeframe", "5m", "--features", SOME).code == 0
    context = context_of(home)
    plan = feature_inputs.plan_table(context, "ES", "5m", parse_requests(SOME, feature_inputs.catalogue()), None, None, strict=True)
    source = feature_inputs.load_source(context, plan)
    known = Market(source.bars, plan.own.instrument).at("5m")
    rows = ask(home, "SELECT ts_open, ts_close, available_at, session_date, atr, rsi, rsi_state, trend, rvol FROM features ORDER BY ts_open")
    bars = known.bars
    np.testing.assert_array_equal([row[0] for row in rows], bars.ts_open)
    np.testing.assert_array_equal([row[1] for row in rows], bars.ts_close)
    assert all(row[2] == row[1] for row in rows) and [row[3] for row in rows] == bars.session_date.tolist()
    np.testing.assert_array_equal(np.array([np.nan if row[4] is None else row[4] for row in rows]), known.atr)
    made = feature_inputs.catalogue()
    assert [row[6] for row in rows] == [made["rsi"].columns["rsi_state"].words[code] for code in known.of(made["rsi"]())["rsi_state"]]
    assert [row[7] for row in rows] == known.of(made["market_structure"]())["trend"].tolist()
    np.testing.assert_array_equal(np.array([np.nan if row[8] is None else row[8] for row in rows]), known.of(made["relative_volume"]())["rvol"])


def test_sql_answers_as_an_analyst_asks(pse: Callable, home: Path):
    pse("build-features", "--symbol", "ES", "--features", "rsi,atr")
    found = pse("sql", "SELECT ts_close, rsi, rsi_state FROM features WHERE symbol = 'ES' AND timeframe = '5m' AND rsi < 30 LIMIT 3", "--json").json
    assert found["columns"] == ["ts_close", "rsi", "rsi_state"] and len(found["rows"]) == 3 and {row[2] for row in found["rows"]} == {"OVERSOLD"}


def test_the_table_names_the_snapshot_it_was_built_from(pse: Callable, home: Path):
    built = pse("build-features", "--symbol", "ES", "--features", "rsi", "--json").json
    listed = {one["id"] for one in pse("snapshots", "list", "--json").json["snapshots"]}
    assert built["snapshot"] in listed and built["tables"][0]["snapshot"] == built["snapshot"]
    assert ask(home, "SELECT snapshot FROM feature_tables") == [(built["snapshot"],)]


def test_more_bars_make_it_longer_and_leave_its_past(pse: Callable, tmp_path: Path):
    def ingest(end: str):
        assert pse("-q", "ingest", "--provider", "synthetic", "--symbol", "ES", "--start", "2023-12-11", "--end", end, "--seed", "11").code == 0

    ingest("2024-01-11")
    words = ("build-features", "--symbol", "ES", "--timeframe", "5m,1d", "--features", SOME, "--json")
    before = pse(*words).json
    query = "SELECT ts_open, atr, rsi, rsi_state, ema_period200__1h, trend FROM features WHERE timeframe = '5m' ORDER BY 1"
    values = ask(tmp_path, query)
    ingest("2024-01-24")
    after = pse(*words).json
    assert after["status"] == "updated" and after["rows"] > before["rows"] and after["snapshot"] != before["snapshot"]
    assert [one["years_written"] for one in after["tables"]] == [["2024"], ["2024"]]
    assert ask(tmp_path, query)[:len(values)] == values


def test_a_feature_that_looks_ahead_is_caught_when_bars_come_in(pse: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def ingest(end: str):
        assert pse("-q", "ingest", "--provider", "synthetic", "--symbol", "ES", "--start", "2024-01-02", "--end", end, "--seed", "11").code == 0

    ingest("2024-01-11")
    assert pse("build-features", "--symbol", "ES", "--features", "atr").code == 0
    ingest("2024-01-12")
    atr = feature_inputs.catalogue()["atr"]
    honest = atr.compute
    monkeypatch.setattr(atr, "compute", lambda self, known: {**honest(self, known), "tr": honest(self, known)["tr"] - known.bars.close.mean()})
    done = pse("build-features", "--symbol", "ES", "--features", "atr")
    assert done.code == 70 and "the column tr of the bar that closed at 2024-01-02T" in done.err and "may not change its past" in done.err


def test_all_registered_features_are_built_without_a_list(pse: Callable, home: Path):
    done = pse("build-features", "--symbol", "ES", "--timeframe", "1h", "--json").json
    known = feature_inputs.catalogue()
    assert done["columns"] == sum(len(feature.columns) for feature in known.values())
    assert any("macro_context reads" in said and "no bars of it are stored" in said for said in done["warnings"])


def test_a_window_is_a_table_of_its_own_that_warmed_up_before_it(pse: Callable, home: Path):
    whole = pse("build-features", "--symbol", "ES", "--features", "rsi", "--json").json
    window = pse("build-features", "--symbol", "ES", "--features", "rsi", "--start", "2023-03-08", "--end", "2023-03-10", "--set",
                 "desks.futures-smc.warmup_sessions=5", "--json").json
    assert window["table"] != whole["table"] and window["status"] == "created"
    first, count, unknown = ask(home, f"SELECT min(time), count(*), count(*) FILTER (rsi IS NULL) FROM features_{window['table'][:8]}")[0]
    assert first == "2023-03-08T00:00:00Z" and 400 < count < 600 and unknown == 0
    assert window["tables"][0]["anchor"] == "2023-02-28T23:00:00Z"
    assert ask(home, "SELECT count(*) FROM features")[0][0] == whole["rows"]


# --- other symbols -------------------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def two(pse: Callable, home: Path) -> Path:
    """ES, and SPY over the first of the three weeks."""
    assert pse("-q", "ingest", "--provider", "synthetic", "--symbol", "SPY", "--start", "2023-02-20", "--end", "2023-03-01", "--seed", "12").code == 0
    return home


def test_another_symbol_is_joined_with_its_age_and_goes_stale(pse: Callable, two: Path):
    done = pse("build-features", "--symbol", "ES", "--features", "close@SPY/1d,sma:period=3@SPY/1d", "--json").json
    assert done["column_names"] == ["close__spy_1d", "close__spy_1d__age_s", "close__spy_1d__stale", "sma_period3__spy_1d", "sma_period3__spy_1d__age_s",
                                    "sma_period3__spy_1d__stale"]
    rows = ask(two, "SELECT time_close, close__spy_1d, close__spy_1d__age_s, close__spy_1d__stale FROM features ORDER BY ts_open")
    at = {row[0]: row for row in rows}
    assert at["2023-02-21T20:55:00Z"][1] is None and at["2023-02-21T20:55:00Z"][3] is True
    assert at["2023-02-21T21:00:00Z"][1] is not None and at["2023-02-21T21:00:00Z"][2] == 0.0
    assert rows[-1][3] is True and rows[-1][1] is not None


@pytest.mark.slow
def test_two_symbols_and_timeframes_share_a_table(pse: Callable, two: Path):
    done = pse("build-features", "--symbol", "ES,SPY", "--timeframe", "5m,1d", "--features", "rsi", "--json").json
    assert [(one["symbol"], one["timeframe"]) for one in done["tables"]] == [("ES", "5m"), ("ES", "1d"), ("SPY", "5m"), ("SPY", "1d")]
    assert ask(two, "SELECT DISTINCT symbol, timeframe FROM features ORDER BY ALL") == [("ES", "1d"), ("ES", "5m"), ("SPY", "1d"), ("SPY", "5m")]


def test_a_symbol_that_only_a_feature_reads_may_be_silent_in_the_window(pse: Callable, two: Path):
    window = ("--start", "2023-03-14", "--end", "2023-03-16", "--set", "desks.futures-smc.warmup_sessions=2")
    done = pse("build-features", "--symbol", "ES", "--features", "beta", *window)
    assert done.code == 0 and "SPY has no stored bar in that window" in done.err
    refused = pse("build-features", "--symbol", "ES", "--features", "close@SPY/1d", *window)
    assert refused.code == 2 and "no stored SPY 1m bar lies in the range" in refused.err


def test_a_micro_contract_has_the_features_of_the_bars_it_trades_on(pse: Callable, two: Path):
    done = pse("build-features", "--symbol", "ES,MES", "--timeframe", "1h", "--features", "rsi,close@ES/4h", "--json").json
    assert [one["symbol"] for one in done["tables"]] == ["ES", "MES"] and len({one["rows"] for one in done["tables"]}) == 1
    both = "FROM features AS a JOIN features AS b USING (ts_open) WHERE a.symbol = 'ES' AND b.symbol = 'MES'"
    assert ask(two, f"SELECT count(*) {both} AND a.rsi IS NOT DISTINCT FROM b.rsi") == [(done["tables"][0]["rows"],)]


@pytest.fixture
def five(pse: Callable, two: Path) -> Path:
    """The same, where SPY is stored in bars of 1 and of 5 minutes."""
    bars = ask(two, "SELECT ts_open // 300000000000 * 300, first(open ORDER BY ts_open), max(high), min(low), last(close ORDER BY ts_open), sum(volume) "
                    "FROM bars WHERE symbol = 'SPY' GROUP BY 1 ORDER BY 1")
    (two / "five.csv").write_text("time,open,high,low,close,volume\n" + "".join(",".join(map(str, row)) + "\n" for row in bars))
    assert pse("ingest", "--symbol", "SPY", "--path", two / "five.csv", "--timeframe", "5m", "--time-format", "s", "--stamp", "open").code == 0
    assert ask(two, "SELECT DISTINCT symbol, timeframe FROM bars ORDER BY ALL") == [("ES", "1m"), ("SPY", "1m"), ("SPY", "5m")]
    return two


def test_a_feature_on_another_symbol_reads_that_symbols_other_timeframes(pse: Callable, five: Path):
    """Gaps of SPY's minutes on SPY's 5 minutes need the minutes, though bars of 5 minutes are stored too."""
    for symbol, requests in (("ES", "micro_gaps@SPY/5m"), ("ES", "mqs@SPY/5m"), ("SPY", "micro_gaps,mqs")):
        assert pse("build-features", "--symbol", symbol, "--features", requests).code == 0
    there, here = (next(iter(ask(five, f"SELECT count({a}), count(DISTINCT {a}), count({b}) FROM features WHERE symbol = '{symbol}'")))
                   for symbol, a, b in (("ES", "micro_gap_top__spy_5m", "mqs__spy_5m"), ("SPY", "micro_gap_top", "mqs")))
    assert here[0] > 0 and here[2] > 0 and there[0] > 0 and there[1] >= here[1] > 1 and there[2] > 0


@pytest.mark.slow
def test_a_feature_on_another_symbol_reads_third_symbols_and_the_tables_own(pse: Callable, two: Path):
    """The beta of SPY to ES is one number, whichever of the two the table is of."""
    request = "beta:benchmark=ES,period=5,timeframe=1h"
    assert pse("build-features", "--symbol", "ES", "--timeframe", "1h", "--features", f"{request}@SPY/1h").code == 0
    assert pse("build-features", "--symbol", "SPY", "--timeframe", "1h", "--features", request).code == 0
    assert pse("build-features", "--symbol", "MES", "--timeframe", "1h", "--features", "beta:period=5,benchmark=ES@SPY/1h").code == 0
    name = "beta_benchmark_es_period5_timeframe1h"
    found = ask(two, f"SELECT count(*), count(*) FILTER (a.{name}__spy_1h = b.{name}) FROM features a JOIN features b USING (ts_close) "
                     f"WHERE a.symbol = 'ES' AND b.symbol = 'SPY' AND b.{name} IS NOT NULL")
    assert found[0][0] > 10 and found[0][0] == found[0][1]
    assert ask(two, "SELECT count(beta_benchmark_es_period5__spy_1h) > 10 FROM features WHERE symbol = 'MES'") == [(True,)]


def test_a_benchmark_of_which_only_days_are_stored_says_what_works(pse: Callable, home: Path):
    days = "".join(f"2023-03-{day:02d},10{day},11{day},9{day},10{day},1000\n" for day in (6, 7, 8))
    (home / "spy.csv").write_text(f"time,open,high,low,close,volume\n{days}")
    assert pse("ingest", "--symbol", "SPY", "--path", "spy.csv", "--timeframe", "1d", "--tz", "UTC").code == 0
    said = pse("build-features", "--symbol", "ES", "--features", "beta", "--json").json["warnings"]
    assert len(said) == 1 and "5m bars of it cannot be made from what is stored (1d), beta:timeframe=1d does with those" in said[0]
    assert pse("build-features", "--symbol", "ES", "--features", "beta:timeframe=1d", "--json").json["warnings"] == []


@pytest.mark.parametrize(("words", "said"), [
    (["--features", "close@SPX/1d"], "close@SPX/1d asks for SPX, but no bars of it are stored; there are: ES, SPY. Did you mean SPY"),
    (["--features", "close@SPZ/1d"], "no instrument named 'SPZ'.*Did you mean SP"),
    (["--features", "close@30s"], "30s bars of ES cannot be made from what is stored of it .1m.: 30s is finer than 1m"),
    (["--features", "rsi,ema@2d"], ": 2d bars of ES cannot be made from what is stored of it .1m.: 2d is longer than a trading day; the longest .* is 1d"),
    (["--features", "close@90s"], "90s is no multiple of 1m"),
    (["--features", "close@7m"], "7m does not divide a day; the nearest that do are 6m and 8m"),
    (["--timeframe", "7m"], "7m does not divide a day"),
    (["--features", "ema@SPY/2d"], "2d bars of SPY cannot be made .*longer than a trading day"),
    (["--features", "rsj"], "Did you mean rsi"),
    (["--timeframe", "7x"], "7x"),
    (["--timeframe", ","], "names nothing"),
    (["--timeframe", "30s"], "30s bars of ES cannot be made"),
    (["--features", "rsi", "--start", "2033-01-01"], "has stored 1m bars from"),
])
def test_what_cannot_be_built_is_refused(pse: Callable, two: Path, words: list[str], said: str):
    done = pse("build-features", "--symbol", "ES", *words)
    assert done.code == 2 and re.search(said, done.err), done.err
    assert not (two / "data" / "features").exists()


def test_a_symbol_that_is_not_stored_is_refused(pse: Callable, home: Path):
    done = pse("build-features", "--symbol", "NQ", "--features", "rsi")
    assert done.code == 2 and "stored: ES 1m" in done.err and "pse ingest --symbol NQ" in done.err
    assert pse("--home", home / "empty", "build-features", "--symbol", "ES").code == 2


def test_a_feature_of_bars_that_cannot_be_made_is_left_out_unless_it_was_named(pse: Callable, tmp_path: Path):
    days = [day for day in range(10, 27) if day not in (13, 14, 15, 20, 21)]
    lines = ["time,open,high,low,close,volume"] + [f"2024-01-{day:02d},10{day},11{day},9{day},10{day},1000" for day in days]
    (tmp_path / "spy.csv").write_text("\n".join(lines) + "\n")
    assert pse("ingest", "--symbol", "SPY", "--path", "spy.csv", "--timeframe", "1d", "--tz", "UTC").code == 0
    done = pse("build-features", "--symbol", "SPY", "--timeframe", "1d", "--json").json
    assert any("micro_gaps reads 1m bars, which cannot be made from stored 1d bars" in said for said in done["warnings"])
    assert ask(tmp_path, "SELECT count(*), count(micro_gap_top), count(tr) FROM features") == [(12, 0, 12)]
    refused = pse("build-features", "--symbol", "SPY", "--timeframe", "1d", "--features", "micro_gaps")
    assert refused.code == 2 and "micro_gaps reads 1m bars" in refused.err
    assert not any(one in said for said in done["warnings"] for one in ("tcc", "mcs", "mqs"))
    assert pse("build-features", "--symbol", "SPY", "--timeframe", "1d", "--features", "trend_conviction,market_state,mqs").code == 0


# --- beside the values -----------------------------------------------------------------------------------------------------------------------------


def test_ctrl_c_leaves_no_table_behind(pse: Callable, home: Path, monkeypatch: pytest.MonkeyPatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(feature_inputs, "request_columns", stop)
    done = pse("build-features", "--symbol", "ES", "--features", "rsi")
    assert done.code == 130 and "run the same command again" in done.err
    assert not list((home / "data").rglob("features/*/symbol=*")) and not list((home / "data" / "state" / "aside").iterdir())


@pytest.mark.slow
def test_memory_is_let_go_when_much_is_held_and_the_values_stay(pse: Callable, home: Path, monkeypatch: pytest.MonkeyPatch):
    whole = pse("build-features", "--symbol", "ES", "--features", SOME, "--json").json
    query = "SELECT sum(hash(COLUMNS(*)::VARCHAR)) FROM features"
    values = ask(home, query)
    shutil.rmtree(home / "data" / "features")
    monkeypatch.setattr(feature_inputs, "HELD_BYTES", 1)
    again = pse("build-features", "--symbol", "ES", "--features", SOME, "--json").json
    assert again["table"] == whole["table"] and ask(home, query) == values


@pytest.mark.slow
def test_two_processes_at_once_are_safe(home: Path):
    words = [sys.executable, "-m", "pse", "--home", str(home), "build-features", "--symbol", "ES", "--timeframe", "1h", "--features", "rsi,atr", "--json"]
    both = [subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    told = [one.communicate(timeout=300) for one in both]
    assert all(one.returncode == 0 for one in both), told
    assert sorted(json.loads(out)["status"] for out, _ in told) == ["created", "unchanged"]
    assert len(list((home / "data" / "features").rglob("*.parquet"))) == 1


@pytest.mark.real
def test_real_minutes_become_a_table_and_grow(pse: Callable, real_data: Path, tmp_path: Path):
    stored_real(real_data, tmp_path)
    done = pse("build-features", "--symbol", "ES", "--timeframe", "1m,5m", "--json").json
    assert done["status"] == "created"
    assert pse("build-features", "--symbol", "ES", "--timeframe", "1m,5m", "--json").json["status"] == "unchanged"
    assert ask(tmp_path, "SELECT count(*) FROM features WHERE mqs IS NOT NULL")[0][0] > 0
