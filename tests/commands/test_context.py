"""Runs over several calendars and currencies at once, and what they read beside what they trade."""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pse.cli import main
from pse.store.layout import Home
from tests.commands.stored import runs
from tests.store.made import store

SYMBOLS = ("ES", "BTCUSDT", "SPY", "EURUSD")
WINDOW = ("--start", "2023-03-08", "--end", "2023-03-14")
MIXED = """symbols: [BTCUSDT, SPY, ES, EURUSD]
context: [VIX]
warmup_sessions: 2
tactics:
  mss_fvg_retest: {}
risk: futures_intraday
"""
AGAINST = """symbols: [SPY]
context: [VIX]
base_timeframe: 1m
decision_timeframe: 1d
features: {context_timeframe: 1d}
warmup_sessions: 2
tactics:
  relative_strength:
    benchmark: SPX
risk: futures_intraday
"""
_MADE: dict[str, Path] = {}


@pytest.fixture
def home(tmp_path):
    """Two weeks of synthetic minutes of a future, a coin, a share and the euro; made once a process and copied."""
    if "home" not in _MADE:
        _MADE["home"] = made = Path(tempfile.mkdtemp(prefix="pse-mixed-"))
        atexit.register(shutil.rmtree, made, True)
        for symbol in SYMBOLS:
            assert main(["--home", str(made), "-q", "ingest", "--provider", "synthetic", "--symbol", symbol, "--start", "2023-03-02", "--end", "2023-03-14",
                         "--seed", "5"]) == 0
    shutil.copytree(_MADE["home"], tmp_path / "home")
    desk(tmp_path / "home", "mixed", MIXED)
    desk(tmp_path / "home", "against", AGAINST)
    return tmp_path / "home"


def desk(home, name, text):
    (home / "configs" / "desks").mkdir(parents=True, exist_ok=True)
    (home / "configs" / "desks" / f"{name}.yaml").write_text(text)


def days_of(home, symbol, count=260, seed=1, price=4000.0, last="2023-03-13"):
    """Daily bars of a symbol of New York's calendar, stored."""
    from pse.settings import load_settings
    from pse.store.sessions import load_sessions

    instrument = load_settings(home).instrument(symbol)
    first, until = (int(np.datetime64(day, "ns").astype(np.int64)) for day in ("2021-06-01", last))
    opens = load_sessions(Home(home), instrument.calendar, first, until, ()).open_ns
    opens = opens[opens <= until][-count:]
    close = np.round(price + np.cumsum(np.random.default_rng(seed).normal(0, price / 100, count)), 2)
    opened = np.r_[close[0], close[:-1]]
    store(Home(home), pl.DataFrame({"ts_open": opens, "open": opened, "high": np.maximum(opened, close), "low": np.minimum(opened, close), "close": close,
                                    "volume": np.full(count, 1e6), "contract": pl.Series([None] * count, dtype=pl.String), "source": ["made"] * count,
                                    "row": np.arange(count)}), instrument, "1d")


def manifest(home):
    return json.loads((max(runs(home), key=lambda one: one.name) / "manifest.json").read_text())


def test_a_coin_a_share_a_future_and_a_currency_run_at_once(home, pse):
    ran = pse("--home", home, "--json", "backtest", "--desk", "mixed", *WINDOW)
    assert ran.code == 0, ran.err
    told = manifest(home)
    assert set(told["data"]) == {f"{symbol} 1m" for symbol in SYMBOLS} and set(told["sessions"]) == {"24/7", "NYSE", "CME Globex Equity", "CME Globex FX"}
    assert ran.json["metrics"]["expected_sessions"] == 7 and ran.json["metrics"]["missing_sessions"] == 0        # 8th to 14th, which futures open on the 13th
    assert ran.json["metrics"]["method"]["sessions_per_year"] == 365
    assert any("one USDT is taken to be 1 USD" in note and "currencies.USDT" in note for note in told["notes"])
    assert [text for text in ran.json["warnings"] if "VIX" in text and "mixed.yaml, line 2" in text and "reads as missing" in text]
    begins = {**dict.fromkeys(SYMBOLS, told["anchor_ns"]), **told["warm_up"]["anchors_ns"]}
    assert {symbol: str(np.datetime64(ns, "ns").astype("datetime64[m]")) for symbol, ns in begins.items()} == {
        "BTCUSDT": "2023-03-06T00:00", "SPY": "2023-03-03T14:30", "ES": "2023-03-05T23:00", "EURUSD": "2023-03-05T23:00"}
    proof = pse("--home", home, "--json", "prove", ran.json["run_id"])
    assert proof.json["result"] == "EQUAL", proof.json


def test_a_symbol_of_several_calendars_does_what_it_does_alone(home, pse):
    """Features of the share begin with its own warm-up, whoever stands beside it."""
    found = []
    for words in ((), ("--symbol", "SPY")):
        assert pse("--home", home, "--json", "backtest", "--desk", "mixed", *WINDOW, *words).code == 0
        lines = [json.loads(line) for line in (max(runs(home), key=lambda one: one.stat().st_mtime_ns) / "journal.jsonl").read_text().splitlines()]
        found.append([(line["ts"], line["body"]) for line in lines if line["kind"] == "SETUP" and line["body"]["symbol"] == "SPY"])
    assert found[0] == found[1]


@pytest.mark.slow
def test_a_mixed_desk_replays_to_the_bytes_of_its_backtest(home, pse):
    window = ("--desk", "mixed", "--start", "2023-03-10T12:00", "--end", "2023-03-11T02:00")
    told = [pse("--home", home, "--json", *command, *window).json for command in (("backtest",), ("paper",))]
    one, two = ((home / "backtests" / "outputs" / run["run_id"] / "journal.jsonl").read_bytes() for run in told)
    assert one == two and one and told[0]["fingerprint"] == told[1]["fingerprint"]


def test_a_benchmark_that_is_not_stored_is_asked_for_by_tactic_parameter_and_line(home, pse):
    ran = pse("--home", home, "backtest", "--desk", "against", *WINDOW)
    assert ran.code == 2 and ran.err.count("\n") == 1, ran.err
    for said in ("no stored bars of SPX", "the tactic relative_strength cannot do without", "against.yaml, line 9",
                 "desks.against.tactics.relative_strength.benchmark", "pse ingest --symbol SPX"):
        assert said in ran.err, said
    assert not (home / "backtests").exists()


def test_a_correction_of_the_benchmark_or_of_the_context_is_another_run(home, pse):
    def ran():
        answer = pse("--home", home, "--json", "backtest", "--desk", "against", *WINDOW)
        assert answer.code == 0, answer.err
        return answer.json["fingerprint"], answer.json["run_id"]

    def read(run_id):
        return set(json.loads((home / "backtests" / "outputs" / run_id / "manifest.json").read_text())["data"])

    days_of(home, "SPX")
    (first, old), (again, second) = ran(), ran()
    assert first == again and read(second) == {"SPX 1d", "SPY 1m"}                         # days of the benchmark beside minutes of the share
    days_of(home, "VIX", price=20.0)
    seen, _ = ran()
    days_of(home, "SPX", seed=2)
    corrected, last = ran()
    assert len({first, seen, corrected}) == 3 and read(last) == {"SPX 1d", "SPY 1m", "VIX 1d"}
    proof = pse("--home", home, "--json", "prove", old)
    assert proof.json["result"] == "EQUAL", proof.json                                     # the run is pinned to the version that it read


def test_an_account_in_another_currency_needs_the_rate_and_takes_it(home, pse):
    words = ("--home", home, "--json", "backtest", "--desk", "mixed", "--symbol", "ES", *WINDOW, "--set", "account.currency=EUR")
    ran = pse(*words)
    assert ran.code == 0, ran.err
    assert any("USD becomes EUR by the last close of EURUSD 1m" in note for note in manifest(home)["notes"])
    trades = pl.read_parquet(max(runs(home), key=lambda one: one.stat().st_mtime_ns) / "trades.parquet")
    from pse.store.reading import read_bars

    closes = read_bars(Home(home), "EURUSD", "1m")["close"].to_numpy()
    assert trades.height and all(np.abs(rate - 1.0 / closes).min() < 1e-12 for rate in trades["rate"])
    assert set(manifest(home)["data"]) == {"ES 1m", "EURUSD 1m"}


@pytest.mark.parametrize(("desk_text", "says"), [
    ("symbols: [SPY]\nbase_timeframe: 1h\ndecision_timeframe: 1h\ntactics: {mss_fvg_retest: {}}\nrisk: futures_intraday\n",
     ("no stored 1h bars of SPY", "odd.yaml, line 2", "SPY is stored in 1m", "base_timeframe: 1m")),
    ("symbols: [SPY]\nbase_timeframe: 2m\ndecision_timeframe: 5m\ntactics: {mss_fvg_retest: {}}\nrisk: futures_intraday\n",
     ("odd.yaml, line 3", "5m cannot be made from base bars of 2m")),
    ("symbols: [SPY]\ncontext: [VIXX]\ntactics: {mss_fvg_retest: {}}\nrisk: futures_intraday\n", ("odd.yaml, line 2", "VIXX", "Did you mean VIX")),
    ("symbols: [SPY]\ncontext: [VIX, VIX]\ntactics: {mss_fvg_retest: {}}\nrisk: futures_intraday\n", ("odd.yaml", "twice")),
    ("symbols: [SPY]\ntactics:\n  relative_strength: {benchmark: SPYY}\nbase_timeframe: 1m\nrisk: futures_intraday\n", ("odd.yaml, line 3", "SPYY", "SPY")),
])
def test_what_a_desk_cannot_have_is_named_with_its_line_and_what_would_do(home, pse, desk_text, says):
    desk(home, "odd", desk_text)
    ran = pse("--home", home, "backtest", "--desk", "odd", *WINDOW)
    assert ran.code == 2 and [one for one in says if one not in ran.err] == [], ran.err


def test_a_rate_that_is_stored_too_late_is_told(home, pse):
    """The euro is stored from 2 March on; the future's bars of the fortnight before are asked for in euros."""
    made = ("--home", home, "-q", "ingest", "--provider", "synthetic", "--symbol", "ES", "--start", "2023-02-20", "--end", "2023-03-03", "--seed", "5")
    assert pse(*made).code == 0
    words = ("--home", home, "--json", "backtest", "--desk", "mixed", "--symbol", "ES", "--set", "account.currency=EUR", "--start")
    ran = pse(*words, "2023-02-27", "--end", "2023-03-03")
    late = [text for text in ran.json["warnings"] if "EURUSD, by which USD becomes EUR" in text]
    assert ran.code == 0 and len(late) == 1 and "until then nothing is traded: ES" in late[0] and late[0] in manifest(home)["notes"]
    refused = pse(*words, "2023-02-27", "--end", "2023-03-01")
    assert refused.code == 2 and "EURUSD has stored 1m bars from 2023-03-0" in refused.json["error"] and "as a rate" in refused.json["error"]


def test_a_window_too_short_for_the_warm_up_is_told(home, pse):
    """The warm-up is longer than the 36 five-minute bars of three hours: the trend's slow average alone takes 50."""
    ran = pse("--home", home, "--json", "backtest", "--desk", "mixed", "--symbol", "BTCUSDT", "--start", "2023-03-02", "--end", "2023-03-02T03:00")
    told = [text for text in ran.json["warnings"] if "BTCUSDT: none of 36 decisions in the window is past the warm-up" in text]
    assert ran.code == 0 and len(told) == 1 and told[0] in manifest(home)["notes"] and ran.json["trades"] == 0


def test_a_currency_that_nothing_prices_is_refused_with_the_three_ways_out(home, pse):
    ran = pse("--home", home, "backtest", "--desk", "mixed", "--symbol", "ES", "--set", "account.currency=GBP")
    assert ran.code == 2, ran.err
    for said in ("ES is quoted in USD and the account is kept in GBP", "instruments.ES.currency", "`base: USD`", "currencies: {USD: {pegged_to: GBP",
                 "--set account.currency=USD"):
        assert said in ran.err, said
