"""`pse desks`: what is told of desks, and that everything wrong with one is told at once with its place."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from pse.cli import main
from pse.settings import load_settings
from tests.commands.stored import stored_synthetic
from tests.conftest import REPOSITORY

BUILT_IN = sorted(path.stem for path in (REPOSITORY / "configs" / "desks").glob("*.yaml"))
SOUND = "symbols: [ES]\nrisk: futures_intraday\ntactics:\n  mss_fvg_retest: {}\n"


def write(home: Path, text: str, name: str = "mine") -> None:
    (home / "configs" / "desks").mkdir(parents=True, exist_ok=True)
    (home / "configs" / "desks" / f"{name}.yaml").write_text(text)


@pytest.fixture
def found(pse, tmp_path):
    """What `pse desks check mine` finds in a desk file: (line, key, what it says)."""
    def check(text: str, about: str = "settings") -> list[tuple[int, str, str]]:
        write(tmp_path, text)
        done = pse("desks", "check", "mine", "--json")
        assert done.code == (1 if done.json["findings"] else 0) and done.err == ""
        assert {one["file"] for one in done.json["findings"]} <= {"configs/desks/mine.yaml"}
        return [(one["line"], one["key"].removeprefix("desks.mine."), one["says"]) for one in done.json["findings"] if one["about"] == about]
    return check


# --- the desks that there are --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BUILT_IN)
def test_nothing_is_wrong_with_a_desk_that_comes_along(pse, name):
    done = pse("desks", "check", name, "--json")
    assert (done.code, done.json["findings"]) == (0, []), done.out


@pytest.mark.parametrize("name", BUILT_IN)
def test_all_that_a_desk_runs_with_is_shown_resolved(pse, tmp_path, name):
    shown, settings = pse("desks", "show", name, "--json").json["desk"], load_settings(tmp_path, overrides=(f"desk={name}",))
    assert [one["symbol"] for one in shown["instruments"]] == list(settings.chosen.symbols) and shown["description"]
    assert [one["name"] for one in shown["tactics"]] == list(settings.chosen.tactics)
    for one, tactic in zip(shown["tactics"], settings.tactics().values(), strict=True):
        values = {parameter["name"]: parameter["value"] for parameter in one["parameters"]}
        assert values == json.loads(json.dumps(flat(tactic.model_dump(mode="json"))))
        assert one["label"] and one["is"] and all(parameter["meaning"] for parameter in one["parameters"])
    limits = {parameter["name"]: parameter["value"] for parameter in shown["limits"]}
    assert limits["limits.max_risk_per_trade"] == settings.risk.limits.max_risk_per_trade
    said = pse("desks", "show", name).out
    assert ("headlines are read" if settings.chosen.news else f"no headlines are read (--set desks.{name}.news=true)") in said
    assert [word for word in (*settings.chosen.tactics, *settings.chosen.symbols, settings.chosen.risk, "allowed", "sessions") if word not in said] == []


def flat(tree: dict, path: str = "") -> dict:
    found = {}
    for key, value in tree.items():
        found |= flat(value, f"{path}{key}.") if isinstance(value, dict) else {f"{path}{key}": value}
    return found


def test_the_list_names_every_desk_in_a_few_lines_and_marks_the_one_that_runs(pse):
    done = pse("desks", "list", "--json")
    assert [one["name"] for one in done.json["desks"]] == BUILT_IN and [one["name"] for one in done.json["desks"] if one["default"]] == ["futures-smc"]
    assert all(one["stored"] == [] for one in done.json["desks"])
    said = pse("desks", "list").out
    assert [name for name in BUILT_IN if name not in said] == [] and "stored: none" in said


def test_broken_desk_files_are_listed_and_all_told_beside_what_is_wrong_with_the_others(pse, tmp_path):
    write(tmp_path, "symbols: ES\n", "short")
    write(tmp_path, "", "empty")
    write(tmp_path, "symbols: [ES]\n\trisk: x\n", "tabbed")
    write(tmp_path, SOUND.replace("[ES]", "[ESX]"))
    listed = pse("desks", "list", "--json")
    assert listed.code == 0 and [one["name"] for one in listed.json["desks"]] == BUILT_IN
    assert [one["name"] for one in listed.json["broken"]] == ["empty", "mine", "short", "tabbed"]
    lines = pse("desks", "list").out.splitlines()
    assert all(any(line.startswith(f"{name}  broken: configs/desks/{name}.yaml, line") for line in lines) for name in ("empty", "mine", "short", "tabbed"))
    found = pse("desks", "check", "--json")
    assert found.code == 1 and set(BUILT_IN) <= set(found.json["desks"])
    assert {(one["desk"], one["file"], one["line"]) for one in found.json["findings"]} == {
        (name, f"configs/desks/{name}.yaml", line) for name, line in (("empty", 1), ("mine", 1), ("short", 1), ("tabbed", 2))}
    assert pse("desks", "show", "zones").code == 0 and "configs/desks/short.yaml" in pse("desks", "show", "short").err


def test_a_symbol_that_the_desk_does_not_list_is_refused_with_those_that_it_does(pse, tmp_path):
    stored_synthetic(tmp_path)
    write(tmp_path, SOUND.replace("[ES]", "[NQ, RTY]"))
    words = ("backtest", "--desk", "mine", "--symbol", "ES", "--start", "2023-03-14", "--end", "2023-03-15")
    done = pse(*words)
    assert done.code == 2, done.err
    for said in ("--symbol ES is not among the symbols of the desk mine: NQ, RTY", "configs/desks/mine.yaml, line 1", "`--set desks.mine.symbols=[ES]`"):
        assert said in done.err, said
    done = pse(*words, "--set", "desks.mine.symbols=[ES]", "--json")
    assert done.code == 0 and pse("prove", done.json["run_id"], "--json").json["result"] == "EQUAL"


def test_a_run_of_another_desk_says_in_one_line_that_desks_are_broken(pse, tmp_path):
    stored_synthetic(tmp_path)
    write(tmp_path, "symbols: ES\n", "short")
    for words in (("backtest", "--symbol", "ES", "--start", "2023-03-14", "--end", "2023-03-15"),
                  ("audit", "lookahead", "--features", "rsi", "--symbol", "ES", "--start", "2023-03-14", "--cuts", "2")):
        done = pse(*words, "--json")
        assert done.code == 0, done.out
        assert [text for text in done.json["warnings"] if "short" in text] == ["a desk is broken and left out: short; `pse desks check` says why"]


def test_what_is_stored_of_a_desk_is_told(pse, tmp_path):
    stored_synthetic(tmp_path)
    listed = {one["name"]: one["stored"] for one in pse("desks", "list", "--json").json["desks"]}
    assert listed["futures-smc"] == ["ES"]
    shown = pse("desks", "show", "futures-smc", "--json").json["desk"]
    assert shown["instruments"][0]["stored"]["rows"] > 10_000 and shown["instruments"][1]["stored"] is None
    hours = shown["sessions"][0]["hours"]                        # CME Globex, US index futures: 17:00 to 16:00, regular hours 08:30 to 15:00, Chicago
    assert (hours["open"], hours["close"], hours["rth_open"], hours["rth_close"], hours["tz"]) == ("17:00", "16:00", "08:30", "15:00", "America/Chicago")


def test_a_value_that_is_not_the_default_stands_beside_it(pse, tmp_path):
    write(tmp_path, SOUND.replace("{}", "{mqs_min: 0.7, stop: {min_ticks: 6}}"))
    one = pse("desks", "show", "mine", "--json").json["desk"]["tactics"][0]
    named = {parameter["name"]: parameter for parameter in one["parameters"]}
    assert (named["mqs_min"]["value"], named["mqs_min"]["default"], named["mqs_min"]["bounds"]) == (0.7, 0.55, "0.55 to 1")
    said = pse("desks", "show", "mine").out
    assert "stop.min_ticks" in said and "stop.buffer_ticks" not in said and "at their defaults" in said


def test_a_desk_or_tactic_nobody_knows_is_told_the_nearest(pse):
    for *words, nearest in (("show", "futures-smx", "futures-smc"), ("check", "futures-smx", "futures-smc"), ("tactics", "mss_fvg_retst", "mss_fvg_retest")):
        done = pse("desks", *words)
        assert done.code == 2 and f"Did you mean {nearest}?" in done.err and done.out == ""


def test_the_registered_tactics_are_listed_with_typed_and_bounded_parameters(pse):
    listed = pse("desks", "tactics", "--json").json["tactics"]
    assert {"mss_fvg_retest", "sweep_reversal"} <= {one["name"] for one in listed}
    for one in listed:
        assert one["label"] and one["is"].endswith(".")
        for parameter in one["parameters"]:
            assert parameter["meaning"] and parameter["kind"] in ("int", "float", "bool", "choice", "text", "list"), (one["name"], parameter)
            assert parameter["kind"] not in ("int", "float") or (math.isfinite(parameter["low"]) and math.isfinite(parameter["high"]))
    said = pse("desks", "tactics", "mss_fvg_retest").out
    assert "mqs_min" in said and "0.55 to 1" in said and "least score of the shift" in said


# --- what is wrong, all at once ------------------------------------------------------------------------------------------------------------------


def test_a_sound_desk_has_no_finding(found, pse):
    assert found(SOUND) == []
    assert "mine: nothing found" in pse("desks", "check", "mine").out


def test_everything_wrong_is_told_at_once_each_with_its_line(found):
    text = ("symbols: [ES, EZ, VIX]\nbase_timeframe: 5m\ndecision_timeframe: 7m\nwarmup: 3\ntactics:\n  mss_fvg_retst: {}\n  mss_fvg_retest:\n"
            "    mqs_min: 2\n    max_age: x\n    stop: {buffer_tick: 1}\n  other: {from: ../x.py:Y}\nfeatures:\n  volume: {period: 0}\n"
            "risk: futures_intradya\nfills: conservativ\n")
    told = {(line, key): says for line, key, says in found(text)}
    assert set(told) == {(1, "symbols.1"), (1, "symbols.2"), (3, "decision_timeframe"), (4, "warmup"), (6, "tactics.mss_fvg_retst"),
                         (8, "tactics.mss_fvg_retest.mqs_min"), (9, "tactics.mss_fvg_retest.max_age"), (10, "tactics.mss_fvg_retest.stop.buffer_tick"),
                         (11, "tactics.other"), (13, "features.volume.period"), (14, "risk"), (15, "fills")}
    for place, words in (((1, "symbols.1"), "no instrument named 'EZ'"), ((1, "symbols.2"), "VIX cannot be traded"), ((3, "decision_timeframe"), "5m and 10m"),
                         ((4, "warmup"), "did you mean warmup_sessions"), ((6, "tactics.mss_fvg_retst"), "Did you mean mss_fvg_retest?"),
                         ((8, "tactics.mss_fvg_retest.mqs_min"), "found 2: it should be less than or equal to 1"),
                         ((10, "tactics.mss_fvg_retest.stop.buffer_tick"), "did you mean buffer_ticks"), ((11, "tactics.other"), "no absolute paths"),
                         ((14, "risk"), "Did you mean futures_intraday"), ((15, "fills"), "Did you mean conservative")):
        assert words in told[place], told[place]


@pytest.mark.parametrize(("old", "new", "line", "key", "says"), [
    ("symbols: [ES]", "symbols: [ES]\nbase_timeframe: 5m\ndecision_timeframe: 1m", 3, "decision_timeframe", "1m is finer than 5m"),
    ("symbols: [ES]", "symbols: [ES]\nfeatures: {context_timeframe: 7m}", 2, "features", "context_timeframe 7m is not a multiple of decision_timeframe 5m"),
    ("symbols: [ES]", "symbols: []", 1, "symbols", "at least 1"), ("symbols: [ES]", "symbols: [ES, ES]", 1, "", "a symbol stands in the list twice"),
    ("risk: futures_intraday\n", "", 1, "risk", "'risk' is missing"), ("  mss_fvg_retest: {}\n", "  {}\n", 3, "tactics", "at least 1"),
    ("mss_fvg_retest: {}", "mss_fvg_retest: 5", 4, "tactics.mss_fvg_retest", "found 5, expected settings")])
def test_one_mistake_is_one_finding(found, old, new, line, key, says):
    told = found(SOUND.replace(old, new))
    assert len(told) == 1 and told[0][:2] == (line, key or "desks.mine") and says in told[0][2], told


def test_a_mistake_beside_the_desks_is_told_for_every_desk(pse, tmp_path):
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "settings.yaml").write_text("account:\n  captial: 5\n")
    done = pse("desks", "check", "futures-smc", "--json")
    assert done.code == 1 and [(one["desk"], one["file"], one["line"]) for one in done.json["findings"]] == [("", "configs/settings.yaml", 2)]
    assert "settings of all desks: 1 finding" in pse("desks", "check").out


def test_a_file_that_is_no_yaml_is_refused_with_its_line(pse, tmp_path):
    write(tmp_path, "symbols: [ES\n")
    done = pse("desks", "check")
    assert done.code == 1 and "configs/desks/mine.yaml, line 2: this is not YAML" in done.out


OTHERS = '''from typing import ClassVar
from pydantic import Field
from pse.domain.base import Frozen
class Others(Frozen):
    """Reads a benchmark."""
    name: ClassVar[str] = "others"
    label: ClassVar[str] = "O"
    version: ClassVar[str] = "1"
    benchmark: str = Field("SPY", description="symbol that it is measured by")
    timeframe: str = Field("1d", description="bars that it looks at")
    def symbols(self):
        return (self.benchmark,)
    def timeframes(self, of):
        return (self.timeframe,)
    def min_bars(self):
        return 40
    def scan(self, features, instrument):
        return None
'''


@pytest.fixture
def others(found, tmp_path):
    (tmp_path / "tactics").mkdir()
    (tmp_path / "tactics" / "others.py").write_text(OTHERS)
    return lambda given="", about="settings", more="": found(
        f"symbols: [ES]\nrisk: futures_intraday\n{more}tactics:\n  others:\n    from: tactics/others.py:Others\n{given}", about)


def test_a_benchmark_that_is_no_instrument_is_told_at_the_parameter_that_names_it(others):
    told = others("    benchmark: SPYY\n")
    assert [(line, key) for line, key, _ in told] == [(6, "tactics.others.benchmark")]
    assert "no instrument named 'SPYY'" in told[0][2] and "Did you mean SPY?" in told[0][2]


def test_a_timeframe_that_a_tactic_reads_and_the_base_bars_cannot_make_is_told(others):
    told = others("    timeframe: 1m\n", more="base_timeframe: 5m\n")
    assert [(line, key) for line, key, _ in told] == [(5, "tactics.others")] and "reads 1m bars" in told[0][2] and "finer than 5m" in told[0][2]


def test_what_cannot_be_searched_is_told_with_the_rest(found):
    search = "search:\n  parameters:\n    tactics.mss_fvg_retest.max_age: {values: [10, 20.5]}\n    risk.plan.brakeven_at_r: {to: 2}\n    risk.plan.trail: {}\n"
    assert [(line, key) for line, key, _ in found(SOUND + search)] == [
        (7, "search.parameters.tactics.mss_fvg_retest.max_age.values.1"), (8, "search.parameters.risk.plan.brakeven_at_r")]
    assert found(SOUND + "search: {parameters: {risk.plan.trail: {}}}\n") == []


def test_shorts_that_the_profile_forbids_are_told_at_the_tactic_and_those_it_allows_are_not(found):
    desk = ("symbols: [AAPL]\nbase_timeframe: 1d\ndecision_timeframe: 1d\nrisk: equities_swing\ntactics:\n  breakout: {allow_short: true}\n"
            "features: {context_timeframe: 1d}\n")
    told = found(desk)
    assert [one[:2] for one in told] == [(6, "tactics.breakout.allow_short")] and "equities_swing refuses every one" in told[0][2]
    assert found(desk.replace("true", "false")) == [] and found(desk.replace("equities_swing", "zones")) == []
    assert found(desk.replace("equities_swing", "zones").replace("allow_short: true", "")) == []


@pytest.mark.parametrize(("symbols", "given", "count"), [("ES, NQ", "{}", 2), ("ES, NQ, RTY", "{universe: [SPY, QQQ]}", 2), ("ES, NQ, RTY", "{}", None),
                                                       ("ES", "{universe: [SPY, QQQ, IWM]}", None)])
def test_a_ranking_needs_three_symbols(found, symbols, given, count):
    told = found(SOUND.replace("ES", symbols).replace("mss_fvg_retest: {}", f"sector_rotation: {given}"))
    assert len(told) == (count is not None)
    assert count is None or f"needs at least 3, the desk has {count}" in told[0][2]


def test_a_currency_that_nothing_turns_into_the_account_s_is_told_at_the_instrument(pse, tmp_path):
    write(tmp_path, SOUND.replace("ES", "FESX"))
    (tmp_path / "configs" / "instruments.yaml").write_text("instruments: {EURUSD: null}\n")
    told = pse("desks", "check", "mine", "--json").json["findings"]
    assert len(told) == 1 and told[0]["key"] == "instruments.FESX.currency" and "FESX is quoted in EUR and the account is kept in USD" in told[0]["says"]


# --- what is stored ------------------------------------------------------------------------------------------------------------------------------


def test_bars_that_are_not_stored_are_told_once_anything_is(found, pse, tmp_path):
    assert found(SOUND.replace("[ES]", "[ES, NQ]"), "data") == []
    stored_synthetic(tmp_path)
    told = found(SOUND.replace("[ES]", "[ES, NQ]"), "data")
    assert [(line, key) for line, key, _ in told] == [(1, "symbols")] and "no bars of NQ are stored" in told[0][2] and "--symbol ES" in told[0][2]
    told = found(SOUND + "base_timeframe: 5m\n", "data")
    assert [key for _, key, _ in told] == ["base_timeframe"] and "there are 1m; write base_timeframe: 1m" in told[0][2]


def test_a_benchmark_that_is_not_stored_and_too_few_days_are_told(others, tmp_path):
    stored_synthetic(tmp_path)

    told = {key: says for _, key, says in others("    benchmark: SPY\n", about="data")}
    assert "cannot do without 1d bars of SPY (nothing of it is stored)" in told["tactics.others.benchmark"]
    assert "needs 40 bars of 1d before it can say anything, and fewer are stored: ES 2" in told["tactics.others"] and len(told) == 2, told


def test_a_rate_that_is_not_stored_is_told(found, pse, tmp_path):
    stored_synthetic(tmp_path)
    write(tmp_path, SOUND.replace("ES", "FESX"))
    told = [one for one in pse("desks", "check", "mine", "--json").json["findings"] if one["key"] == "instruments.EURUSD"]
    assert len(told) == 1 and "FESX is quoted in another currency than the account research (USD) is kept in and needs EURUSD" in told[0]["says"]


def test_a_run_stops_at_the_first_thing_that_the_check_finds(pse, tmp_path):
    stored_synthetic(tmp_path)
    for text, says in ((SOUND.replace("mss_fvg_retest", "mss_fvg_retst"), "Did you mean mss_fvg_retest?"), (SOUND.replace("{}", "{mqs_min: 2, max_age: 0}"),
                       "found 2: it should be less than or equal to 1"), (SOUND.replace("[ES]", "[EZ]"), "no instrument named 'EZ'"),
                       (SOUND + "decision_timeframe: 7m\n", "7m")):
        write(tmp_path, text)
        done = pse("backtest", "--desk", "mine")
        assert done.code == 2 and says in done.err and done.err.count("\n") == 1, done.err
    write(tmp_path, SOUND.replace("{}", "{mqs_min: 2, max_age: 0}"))
    assert "(1 more like it; `pse desks check` lists all)" in pse("backtest", "--desk", "mine").err
    assert not (tmp_path / "backtests").exists()


def test_the_commands_read_and_never_write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for words in (["list"], ["show", "futures-smc"], ["check"], ["tactics"]):
        assert main(["-q", "desks", *words]) == 0
    assert list(tmp_path.iterdir()) == []


# --- the desks that come along, run --------------------------------------------------------------------------------------------------------------


def days(folder: Path, symbol: str, seed: int, count: int = 700) -> Path:
    """Daily bars of a share on the cent grid, with trends that last for weeks, on the business days from 2018 on."""
    rng = np.random.default_rng(seed)
    drift = np.repeat(rng.normal(0, 0.004, count // 25 + 1), 25)[:count]
    close = np.round(100 * np.exp(np.cumsum(drift + rng.normal(0, 0.012, count))), 2)
    opened = np.round(np.r_[close[0], close[:-1]] * np.exp(rng.normal(0, 0.003, count)), 2)
    high, low = (np.round(edge(opened, close) * np.exp(sign * abs(rng.normal(0, 0.006, count))), 2) for edge, sign in ((np.maximum, 1), (np.minimum, -1)))
    dates = np.busday_offset("2018-01-02", np.arange(count), roll="forward")
    path = folder / f"{symbol}.csv"
    path.write_text("date,open,high,low,close,volume\n" + "\n".join(
        f"{day},{o:.2f},{max(h, o, c):.2f},{min(b, o, c):.2f},{c:.2f},{rng.integers(10**6, 10**7)}" for day, o, h, b, c
        in zip(dates, opened, high, low, close, strict=True)))
    return path


@pytest.mark.parametrize(("desk", "symbols"), [("equities-swing", ("AAPL", "MSFT", "SPY")), ("zones", ("AAPL", "MSFT"))])
def test_a_daily_desk_runs_on_daily_bars_and_is_proved(pse, tmp_path, desk, symbols):
    for seed, symbol in enumerate(symbols):
        assert pse("ingest", "--path", days(tmp_path, symbol, seed), "--symbol", symbol, "--timeframe", "1d", "--stamp", "open", "--tz",
                   "America/New_York", "--max-bad", "50").code == 0
    told = f"desks.{desk}.symbols=[{', '.join(symbols)}]"
    assert pse("desks", "check", desk, "--set", told, "--json").json["findings"] == []
    done = pse("backtest", "--desk", desk, "--set", told, "--json")
    assert done.code == 0 and done.json["trades"] >= 3, done.err
    assert pse("prove", done.json["run_id"], "--json").json["result"] == "EQUAL"


def test_two_markets_with_different_hours_run_on_one_desk_and_what_is_not_stored_of_its_context_is_told(pse):
    for symbol in ("BTCUSDT", "SPY"):
        assert pse("-q", "ingest", "--provider", "synthetic", "--symbol", symbol, "--start", "2023-03-01", "--end", "2023-03-15", "--seed", "3").code == 0
    done = pse("backtest", "--desk", "multi-context", "--start", "2023-03-10", "--json")
    assert done.code == 0 and any("VIX" in one and "reads as missing" in one for one in done.json["warnings"]), done.err
    assert pse("prove", done.json["run_id"], "--json").json["result"] == "EQUAL"


def test_rules_hold_every_open_call(pse):
    assert pse("-q", "ingest", "--provider", "synthetic", "--symbol", "BTCUSDT", "--start", "2023-03-01", "--end", "2023-03-15", "--seed", "3").code == 0
    done = pse("backtest", "--desk", "crypto-spot", "--set", "desks.crypto-spot.base_timeframe=1m", "--set", "risk_policies.crypto_spot.gates.ev_min_r=-9",
               "--json")
    assert done.code == 0 and done.json["trades"] == 0 and done.json["records"] > 0, done.err
