"""`pse audit lookahead` over a stored series: what it says, its exit codes, and that a leak in a registered feature is named."""

import json
from datetime import date, timedelta

import numpy as np
import pytest

from pse import registry
from pse.features import joined
from tests.commands.stored import LAST, stored_synthetic

CHECKED = {"subjects", "columns", "decision_bars", "cuts", "cuts_by", "whole_history_cuts", "cuts_there", "cuts_left_out", "tries", "rows_compared",
           "asleep_in_windows", "not_checked", "briefings", "setups", "joins", "lag", "warm_up", "fitted_objects", "survivorship"}
FEW = ("--start", "2023-03-16", "--end", LAST, "--cuts", "8", "--set", "desks.futures-smc.warmup_sessions=1")


@pytest.fixture
def home(tmp_path):
    return stored_synthetic(tmp_path / "home")


def lookahead(pse, home, *words):
    return pse("--home", home, "audit", "lookahead", "--symbol", "ES", *FEW, *words)


def with_days(pse, home, symbol, first=date(2021, 1, 4), days=800):
    """Stores a close for every weekday from `first` on."""
    every = [first + timedelta(days=n) for n in range(days)]
    rows = [f"{day},{100 + n % 7},{104 + n % 5},{97 + n % 3},{101 + n % 4},{1000 + n}" for n, day in enumerate(every) if day.weekday() < 5]
    path = home.parent / f"{symbol}.csv"
    path.write_text("\n".join(["date,open,high,low,close,volume", *rows]) + "\n")
    done = pse("--home", home, "-q", "ingest", "--symbol", symbol, "--path", path, "--timeframe", "1d")
    assert done.code == 0, done.err
    return home


FUTURES = ("missed_fvg_reversion", "momentum_thrust", "mss_fvg_retest", "pullback_micro_fvg", "sweep_reversal")        # of the desk futures-smc, by name


@pytest.mark.slow
def test_a_clean_desk_is_told_what_was_checked_and_what_that_does_not_prove(pse, home):
    ran = lookahead(pse, home, "--features", "atr,mqs,vwap", "--tactics", "--json")
    assert ran.code == 0, ran.err
    answer = ran.json
    assert answer["findings"] == [] and answer["ok"] and set(answer["checked"]) == CHECKED and "does not prove" in answer["limit"]
    checked = answer["checked"]
    assert checked["subjects"] == ["feature atr", "feature mqs", "feature vwap", *(f"tactic {name}" for name in FUTURES), "context", "briefing"]
    assert checked["columns"]["feature atr"] == 4 and checked["cuts"] > 100 and checked["rows_compared"] > 1_000_000
    assert checked["warm_up"]["desk_sessions"] == 1 and checked["lag"]["as_told"]["trades"] >= 0
    assert checked["fitted_objects"].startswith("none") and checked["survivorship"].startswith("unknown")


def test_the_same_seed_gives_the_same_answer_and_people_get_a_table(pse, home):
    first, again = (lookahead(pse, home, "--features", "atr", "--seed", "3", "--json") for _ in range(2))
    assert first.out == again.out and first.json["checked"]["subjects"] == ["feature atr"]
    shown = lookahead(pse, home, "--features", "atr")
    assert shown.code == 0 and "CLEAN" in shown.out and "1 feature;" in shown.out and "survivorship" in shown.out and "does not prove" in shown.out
    told = " ".join(shown.out.split())
    assert "moments, each counted once: " in told and "times without the later bars" in told and "columns whose values change when history begins" in told


def test_a_leak_is_named_with_its_bar_its_cut_and_both_values(pse, home, monkeypatch):
    from tests.research import leaks

    monkeypatch.setattr(leaks, "Planted", type(leaks.FEATURES["one_bar_in_a_hundred"]), raising=False)
    monkeypatch.setitem(registry.FEATURES, "planted", "tests.research.leaks:Planted")
    ran = lookahead(pse, home, "--features", "atr,planted", "--json")
    assert ran.code == 1 and not ran.json["ok"]
    finding = ran.json["findings"][0]
    assert (finding["check"], finding["subject"], finding["column"]) == ("prefix", "feature planted", "one_bar_in_a_hundred")
    assert finding["bar"] > 0 and finding["time"] <= finding["cut"] and finding["later"] != finding["then"] and finding["rows_back"] == 0
    assert {one["subject"] for one in ran.json["findings"]} == {"feature planted"}
    shown = lookahead(pse, home, "--features", "planted")
    assert shown.code == 1 and "FINDING" in shown.out and "prefix: feature planted one_bar_in_a_hundred at bar " in shown.out and "without it" in shown.out


def test_another_timeframe_has_no_tactics(pse, home):
    ran = lookahead(pse, home, "--features", "atr", "--timeframe", "15m", "--json")
    assert ran.code == 0 and ran.json["timeframe"] == "15m" and ran.json["checked"]["setups"] == {}
    refused = lookahead(pse, home, "--tactics", "--timeframe", "15m")
    assert refused.code == 2 and "decides on 5m" in refused.err


@pytest.mark.parametrize(("words", "why"), [
    (("--features", "atrr"), "Did you mean atr?"), (("--timeframe", "5x"), "5x"), (("--symbol", "NQ"), "no stored"), (("--desk", "nobody"), "nobody"),
    (("--features", "atr", "--start", "2023-03-16T22:50:00Z", "--set", "desks.futures-smc.warmup_sessions=0"), "an audit needs")])
def test_a_request_that_cannot_be_answered_says_why(pse, home, words, why):
    ran = lookahead(pse, home, *words)
    assert ran.code == 2 and why in ran.err


def test_every_decision_bar_of_the_window_is_cut_and_the_parts_of_the_count_add_up(pse, home):
    ran = lookahead(pse, home, "--features", "atr", "--exhaustive", "--json")
    checked = ran.json["checked"]
    assert ran.code == 0 and json.loads(ran.out)["command"] == "audit lookahead"
    assert ran.json["computed_from"] < ran.json["from"] == "2023-03-16T00:00:00Z" and checked["decision_bars"] == 276
    assert checked["cuts"] >= 275 and set(checked["cuts_left_out"].values()) == {0} and sum(checked["cuts_by"].values()) == checked["cuts"]


def test_findings_lie_inside_the_asked_window(pse, home, monkeypatch):
    from tests.research import leaks

    monkeypatch.setattr(leaks, "Planted", type(leaks.FEATURES["shift_back"]), raising=False)
    monkeypatch.setitem(registry.FEATURES, "planted", "tests.research.leaks:Planted")
    ran = lookahead(pse, home, "--features", "planted", "--json")
    assert ran.json["findings"] and min(one["cut"] for one in ran.json["findings"]) >= "2023-03-16T00:00:00Z"


def test_requests_are_audited_with_their_joins_and_named_as_in_tables(pse, home):
    with_days(pse, home, "VIX")
    ran = lookahead(pse, home, "--features", "rsi:period=7,ema:period=30@1h,mqs@1h,close@VIX/1d", "--json")
    assert ran.code == 0, ran.err + ran.out
    checked = ran.json["checked"]
    assert checked["subjects"] == ["feature rsi:period=7", "feature ema:period=30@1h", "feature mqs@1h", "feature close@VIX/1d"]
    assert checked["columns"]["feature close@VIX/1d"] == 3 and checked["joins"] >= 4 and not checked["not_checked"]
    settled = {one["column"] for one in checked["warm_up"]["settled_after"]}
    assert settled >= {"rsi_period7", "ema_period30__1h", "close__vix_1d", "close__vix_1d__age_s"}


@pytest.mark.parametrize("wrong", ["by the open of the bar", "the bar before"])
def test_a_wrong_join_of_requests_is_found(pse, home, monkeypatch, wrong):
    def asof(there_ns, rows_ns):
        if wrong == "the bar before":
            return np.maximum(np.searchsorted(there_ns, rows_ns, side="right") - 2, -1)
        return np.minimum(np.searchsorted(there_ns, rows_ns, side="left"), there_ns.size - 1)

    monkeypatch.setattr(joined, "asof_rows", asof)
    ran = lookahead(pse, home, "--features", "close@1h", "--json")
    found = {(one["check"], one["subject"]) for one in ran.json["findings"]}
    assert ran.code == 1 and ("moments", "5m on requested 1h") in found
    assert (("prefix", "feature close@1h") in found) == (wrong == "by the open of the bar")


def test_a_stored_daily_series_is_audited_though_there_are_minutes_of_some_days(pse, home):
    with_days(pse, home, "ES")
    ran = pse("--home", home, "audit", "lookahead", "--symbol", "ES", "--timeframe", "1d", "--features", "atr,close@ES/1d", "--cuts", "4", "--json")
    assert ran.code == 0, ran.err
    assert ran.json["stored_bars"] == "1d" and ran.json["checked"]["decision_bars"] > 500


def test_features_need_no_account_and_no_symbol_must_be_given(pse, home):
    made = ("--home", home, "-q", "ingest", "--provider", "synthetic", "--symbol", "BTCUSDT", "--start", "2023-03-06", "--end", "2023-03-07")
    assert pse(*made).code == 0
    ran = pse("--home", home, "audit", "lookahead", "--symbol", "BTCUSDT", "--features", "rsi", "--cuts", "4", "--json")
    assert ran.code == 0 and ran.json["symbol"] == "BTCUSDT" and ran.json["left_out"] == {}, ran.err
    refused = pse("--home", home, "audit", "lookahead", "--symbol", "BTCUSDT", "--tactics", "--set", "account.currency=EUR")
    assert refused.code == 2 and "`--set account.currency=USDT` needs none" in refused.err and "no stored bars of EURUSD" in refused.err
    ran = pse("--home", home, "audit", "lookahead", "--features", "rsi", *FEW)
    assert ran.code == 0 and "ES is audited, the first stored symbol of the desk" in ran.err


def test_what_the_desk_cannot_say_is_left_out_with_a_word(pse, home, monkeypatch):
    monkeypatch.setattr(registry, "FEATURES", {"atr": registry.FEATURES["atr"]})
    monkeypatch.setattr("pse.commands.feature_inputs.FEATURES", registry.FEATURES)
    ran = lookahead(pse, home, "--timeframe", "15m", "--json")
    assert ran.code == 0 and ran.json["checked"]["subjects"] == ["feature atr"], ran.err
    assert "decides on 5m" in ran.json["left_out"]["tactics, context and briefings"] and "are left out" in ran.err
    dollar = lookahead(pse, home, "--set", "account.currency=EUR", "--json")
    assert dollar.code == 0 and "`--set account.currency=USD` needs none" in dollar.json["left_out"]["tactics, context and briefings"]


def test_a_desk_is_audited_on_its_own_base_bars_though_finer_ones_are_stored(pse, home):
    import polars as pl

    from pse.store.layout import Home
    from pse.store.reading import read_bars

    minutes = read_bars(Home(home), "ES", "1m").select("ts_open", "open", "high", "low", "close", "volume").with_columns(
        at=pl.col("ts_open") // 900_000_000_000 * 900_000_000_000)
    quarters = minutes.group_by("at", maintain_order=True).agg(pl.first("open"), pl.max("high"), pl.min("low"), pl.last("close"), pl.sum("volume"))
    path = home.parent / "quarters.csv"
    quarters.with_columns(pl.from_epoch("at", "ns").dt.strftime("%Y-%m-%dT%H:%M:%SZ")).rename({"at": "time"}).write_csv(path)
    assert pse("--home", home, "-q", "ingest", "--symbol", "ES", "--path", path, "--timeframe", "15m").code == 0
    (home / "configs" / "desks").mkdir(parents=True)
    (home / "configs" / "desks" / "quarters.yaml").write_text(
        "symbols: [ES]\nbase_timeframe: 15m\ndecision_timeframe: 15m\nwarmup_sessions: 1\ntactics: {mss_fvg_retest: {}}\nrisk: futures_intraday\n")
    ran = lookahead(pse, home, "--features", "sma:period=5,sma:period=5@1h", "--tactics", "--desk", "quarters", "--json")
    assert ran.code == 0, ran.out
    assert (ran.json["stored_bars"], ran.json["timeframe"]) == ("15m", "15m") and ran.json["checked"]["setups"]
    assert ran.json["computed_from"] == "2023-03-14T22:00:00Z"                             # one session before the one of --start
