"""`pse features list`, `describe` and `show` as their users meet them."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from pse.commands import features
from pse.commands.feature_inputs import catalogue
from pse.features.feature import Room
from pse.features.requests import parameters
from tests.commands.stored import context_of, stored_synthetic


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return stored_synthetic(tmp_path)


# --- list ----------------------------------------------------------------------------------------------------------------------------------------


def test_the_list_has_every_feature_with_what_it_measures(pse: Callable):
    found = pse("features", "list", "--json").json["features"]
    assert [one["name"] for one in found] == list(catalogue())
    atr = next(one for one in found if one["name"] == "atr")
    assert atr["measures"].startswith("Average true range") and atr["columns"] == ["tr", "atr", "atr_before", "atr_pct"] and atr["warmup_bars"] == 15
    assert {"name", "room", "title", "measures", "columns", "warmup_bars", "lag_bars", "symbols", "timeframes"} == set(atr)
    assert "pse features describe NAME" in pse("features", "list").out


@pytest.mark.parametrize("width", [80, 120, 200])
def test_the_list_has_a_line_a_feature_below_its_room(pse: Callable, monkeypatch: pytest.MonkeyPatch, width: int):
    monkeypatch.setenv("COLUMNS", str(width))
    lines = pse("features", "list").out.splitlines()
    assert max(map(len, lines)) <= width and len(lines) == 1 + len(catalogue()) + len(get_args(Room)) + 1
    words = {line.split()[0]: line for line in lines if line.startswith("  ")}
    assert set(words) == set(catalogue()) and all(made.title in words[name] for name, made in catalogue().items())
    assert words["market_structure"].split()[-3:] == ["5", "0", "3"] if width == 80 else "trend break_dir" in words["market_structure"]
    assert lines[1] == "volatility".ljust(len(lines[1])) and lines[2].split()[0] == "atr"


# --- describe ------------------------------------------------------------------------------------------------------------------------------------


def test_a_description_says_all_that_an_analyst_asks(pse: Callable):
    said = pse("features", "describe", "mqs").out
    for part in ("Quality score", ".30 disp", "own definition", "also reads", "1h bars", "C, B, A, A+", "score of the break on this bar",
                 "on bars of events only", "context_timeframe", "structure.*", "pse features show mqs --symbol ES"):
        assert part in said, part
    rsi = pse("features", "describe", "rsi").out
    for part in ("Wilder", "warm-up", "14 bars", "none: a row speaks of its own bar", "OVERSOLD", "pse features show rsi:period=28 --symbol ES --timeframe 5m"):
        assert part in rsi, part


def test_a_request_for_other_bars_is_described_with_whose_they_are(pse: Callable):
    said = " ".join(pse("features", "describe", "rsi:period=7@SPY/1d").out.split())
    assert "is computed on 1d bars of SPY" in said and "rsi_period7__spy_1d__age_s" in said and "pse features show rsi:period=7@SPY/1d --symbol" in said
    assert pse("features", "describe", "rsi@1h", "--json").json["computed_on"] == {"symbol": None, "timeframe": "1h"}
    assert "is computed on" not in pse("features", "describe", "rsi").out


@pytest.mark.parametrize("name", sorted(catalogue()))
def test_every_feature_can_be_described(pse: Callable, name: str):
    found = pse("features", "describe", name, "--json").json
    feature = catalogue()[name]()
    assert found["formula"] == feature.formula and [one["name"] for one in found["described"]] == list(feature.columns)
    assert all(one["meaning"] for one in found["parameters"]) and found["example"].startswith(f"pse features show {name}")
    done = pse("features", "describe", name)
    assert done.code == 0 and name in done.out.splitlines()[0]


def test_a_description_says_when_a_column_speaks(pse: Callable, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "300")
    said = {one["name"]: one["speaks"] for one in pse("features", "describe", "market_structure", "--json").json["described"]}
    assert said == {"trend": "always", "break_dir": "on events", "mss_dir": "on events", "swing_high": "from the first", "swing_low": "from the first"}
    human = " ".join(pse("features", "describe", "swing_high").out.split())
    assert "swing high; from its first value on it always has one" in human and "waits for no event" in human
    assert "only while there is one" in " ".join(pse("features", "describe", "impulse").out.split())


def test_a_description_says_which_parts_are_shared(pse: Callable, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "200")
    parts = {one["name"]: one for one in pse("features", "describe", "mqs", "--json").json["parts"]}
    assert parts["structure"]["feature"] == "market_structure" and parts["structure"]["shared_with"] == ["liquidity.structure"]
    assert parts["gaps"]["shared_with"] == [] and parts["liquidity.volume"]["shared_with"] == ["volume"]
    human = " ".join(pse("features", "describe", "mqs").out.split())
    assert "structure.* market_structure 9 parameters; shared: liquidity.structure.* is the same" in human
    assert "mqs:structure.internal=...,liquidity.structure.internal=..." in human
    other = pse("features", "describe", "mqs:structure.internal=5", "--json").json["parts"]
    assert next(one for one in other if one["name"] == "structure")["shared_with"] == []
    assert "min_ticks is 1; max_age is 15" in " ".join(pse("features", "describe", "micro_gaps").out.split())
    assert "parts" not in pse("features", "describe", "rsi").out


def test_what_stands_for_a_parameter_that_is_not_given_is_said(pse: Callable):
    said = " ".join(pse("features", "describe", "volatility_regime").out.split())
    assert "None" not in said and "1e+06" not in said and "2 to 1,000,000" in said and "auto: 252 daily ones" in said
    for name, made in catalogue().items():
        for one in parameters(made()):
            assert one.default is not None or "none: " in one.meaning, f"{name}: {one.path} does not say what none means"


def test_a_column_finds_its_feature(pse: Callable):
    done = pse("features", "describe", "vol_bucket")
    assert "volatility_regime" in done.out.splitlines()[0] and "vol_bucket is a column of volatility_regime" in done.out
    assert pse("features", "describe", "vol_bucket", "--json").json["asked_column"] == "vol_bucket"


def test_a_feature_called_like_a_column_of_another_says_so(pse: Callable):
    assert "a column of liquidity_filter has the same name" in pse("features", "describe", "liquidity").out


def test_parameters_change_what_is_said(pse: Callable):
    assert pse("features", "describe", "rsi:period=7", "--json").json["warmup_bars"] == 7


@pytest.mark.parametrize(("name", "near"), [("msq", "mqs"), ("vol_buckt", "vol_bucket"), ("ema:perod=3", "period")])
def test_a_wrong_name_is_told_the_nearest(pse: Callable, name: str, near: str):
    done = pse("features", "describe", name)
    assert done.code == 2 and f"Did you mean {near}" in done.err.replace("the column ", "")


# --- show ----------------------------------------------------------------------------------------------------------------------------------------


def test_the_last_rows_are_shown_with_words_and_nulls(pse: Callable, home: Path):
    found = pse("features", "show", "rsi,break_dir", "--symbol", "ES", "--tail", "3", "--json").json
    assert found["columns"] == ["ts_close", "rsi", "rsi_state", "break_dir"] and len(found["rows"]) == 3 and found["timeframe"] == "5m"
    assert found["rows"][-1]["ts_close"] == "2023-03-17T00:00:00Z" and found["rows"][-1]["rsi_state"] in catalogue()["rsi"].columns["rsi_state"].words
    early = pse("features", "show", "rsi", "--symbol", "ES", "--end", "2023-02-20T01:00", "--tail", "100", "--json").json
    assert len(early["rows"]) == 12 and {row["rsi"] for row in early["rows"]} == {None} and {row["rsi_state"] for row in early["rows"]} == {"UNKNOWN"}
    human = pse("features", "show", "rsi", "--symbol", "ES", "--tail", "2").out
    assert "2023-03-17T00:00:00Z" in human and "rsi_state" in human


def test_shown_values_are_those_of_the_table(pse: Callable, home: Path):
    pse("build-features", "--symbol", "ES", "--timeframe", "1h", "--features", "atr,ema:period=9@4h")
    shown = pse("features", "show", "atr,ema:period=9@4h", "--symbol", "ES", "--timeframe", "1h", "--tail", "5", "--json").json["rows"]
    stored = pse("sql", "SELECT time_close, atr, ema_period9__4h FROM features ORDER BY ts_open DESC LIMIT 5", "--json").json["rows"]
    assert [[row["ts_close"], row["atr"], row["ema_period9__4h"]] for row in shown] == stored[::-1]


def test_a_window_shows_its_rows_after_a_warm_up(pse: Callable, home: Path):
    rows = pse("features", "show", "sma:period=50", "--symbol", "ES", "--start", "2023-03-08", "--end", "2023-03-09", "--tail", "1000", "--json").json["rows"]
    assert rows[0]["ts_close"] == "2023-03-08T00:05:00Z" and rows[-1]["ts_close"] <= "2023-03-09T00:00:00Z" and all(row["sma_period50"] for row in rows)


def test_events_are_shown_with_both_their_bars_and_prices_as_traded(pse: Callable, home: Path):
    found = pse("features", "show", "fair_value_gaps", "--symbol", "ES", "--objects", "--tail", "4", "--json").json
    gaps = found["objects"]["gaps"]
    assert len(gaps) == 4 and found["counts"]["gaps"] > 100
    assert all(one["event"] < one["known"] and one["bottom"] < one["top"] for one in gaps)
    born = [one for one in gaps if not one["inverse"]][-1]
    first, last = (f"TIMESTAMP '{born[moment][:19]}'" for moment in ("event", "known"))
    query = f"SELECT min(low), max(high) FROM bars WHERE time >= {first} - INTERVAL 15 MINUTE AND time < {last}"
    low, high = pse("sql", query, "--json").json["rows"][0]
    assert low <= born["bottom"] < born["top"] <= high
    human = pse("features", "show", "fair_value_gaps", "--symbol", "ES", "--objects", "--tail", "4").out
    assert "gaps:" in human and "the last 4" in human and "event" in human and "known" in human


def test_prices_of_events_carry_the_offset_of_the_contract_that_told_them():
    from pse.commands.feature_events import event_of
    from pse.features.feature import Known
    from tests.features.made import future, minutes

    known = Known.from_bars(minutes(5, 4, roll_every=2), future())
    feature = catalogue()["fair_value_gaps"]()
    gaps = known.objects(feature)["gaps"]
    late = next(row for row in gaps if known.bars.offset[row["formed_at"]] != 0)
    shown = event_of("gaps", late, feature, known)
    assert shown["top"] == late["top"] + known.bars.offset[late["formed_at"]] and shown["bottom"] == late["bottom"] + known.bars.offset[late["formed_at"]]


def on_a_terminal(home: Path, width: int = 80, **asked: object) -> list[str]:
    """The lines of `pse features show` on a terminal."""
    from rich.console import Console

    console = Console(file=io.StringIO(), force_terminal=True, no_color=True, width=width)
    show = features.run_show(context_of(home), symbol="ES", **asked).show  # type: ignore[arg-type]
    assert show is not None
    show(console)
    return re.sub(r"\x1b\[[0-9;]*m", "", console.file.getvalue()).splitlines()  # type: ignore[attr-defined]


def test_events_are_words_and_moments(pse: Callable, home: Path):
    found = pse("features", "show", "market_structure,liquidity", "--symbol", "ES", "--objects", "--tail", "400", "--json").json["objects"]
    assert {one["kind"] for one in found["pivots_internal"]} == {"high", "low"}
    assert {one["label"] for one in found["pivots_internal"] if one["kind"] == "high"} <= {"H", "HH", "LH", "EQH"}
    assert {one["label"] for one in found["pivots_internal"] if one["kind"] == "low"} <= {"L", "HL", "LL", "EQL"}
    breaks = found["breaks"]
    assert {one["type"] for one in breaks} == {"BOS", "CHoCH"} and {one["dir"] for one in breaks} == {"up", "down"}
    assert all(isinstance(one["mss"], bool) and one["pivot_idx"] < one["known"] and one["id"].startswith(("bos", "choch", "mss")) for one in breaks)
    assert {one["sweep"] for one in breaks} == {None} and {one["mqs"] for one in breaks} == {None}
    assert {one["side"] for one in found["pools"]} == {"above", "below"} and {"PDH", "SWING_L"} <= {one["kind"] for one in found["pools"]}
    assert {"standing", "swept", "broken"} <= {one["end"] for one in found["pools"]}
    by_pool = {one["id"]: one for one in found["pools"]}
    swept = [one for one in found["sweeps"] if one["pool"] in by_pool]
    assert len(swept) > 100 and all(one["side"] == by_pool[one["pool"]]["side"] for one in swept)


def test_events_of_another_table_are_named_by_their_ids(pse: Callable, home: Path):
    found = pse("features", "show", "mqs,liquidity,impulse", "--symbol", "ES", "--objects", "--tail", "3000", "--json").json["objects"]
    assert {one["sweep"] for one in found["breaks"]} - {None} <= {one["id"] for one in found["sweeps"]}
    assert {one["leg"] for one in found["pullbacks"]} <= {one["id"] for one in found["legs"]}


def test_a_terminal_shows_events_in_tables_that_fit(pse: Callable, home: Path):
    lines = on_a_terminal(home, name="market_structure", objects=True, tail=4)
    assert max(map(len, lines)) <= 80
    breaks = lines[next(i for i, line in enumerate(lines) if line.startswith("breaks:")):]
    assert breaks[1].split() == ["known", "dir", "type", "level", "initial", "displacement", "mss", "pivot_idx"]
    assert all(re.match(r"03-1\d \d\d:\d\d  (up|down) +(BOS|CHoCH) +\d{4}(\.\d+)? +(yes|no) ", line) for line in breaks[2:6])
    assert not {"mqs", "sweep", "id", "event", "q_disp"} & set(" ".join(breaks).split()) and "UTC" in breaks[-1]
    pools = on_a_terminal(home, name="liquidity", objects=True, tail=3)
    assert any(re.match(r"03-1\d .* (SWING|MAJOR)_[HL] +(above|below) +(standing|swept|broken)", line) for line in pools)


def test_rows_that_are_too_wide_for_a_terminal_come_in_several_tables(pse: Callable, home: Path):
    lines = on_a_terminal(home, name="mqs,rsi", tail=3)
    assert max(map(len, lines)) <= 80 and sum(line.startswith("ts_close") for line in lines) > 1
    assert {"mqs", "htf_trend", "rsi_state"} <= set(" ".join(lines).split()) and sum("2023-03-17T00:00:00Z" in line for line in lines) > 1
    piped = pse("features", "show", "mqs,rsi", "--symbol", "ES", "--tail", "3").out.splitlines()
    assert len(piped) == 4 and piped[0].split()[-1] == "rsi_state" and len(piped[0]) > 120


@pytest.mark.parametrize(("words", "said"), [
    (["rsi", "--symbol", "ES", "--objects"], "has no events, only columns; features with events: "),
    (["rsi", "--symbol", "NQ"], "stored: ES 1m"),
    (["rsi", "--symbol", "ES", "--timeframe", "3x"], "3x"),
    (["rsi", "--symbol", "ES", "--start", "2023-02-25", "--end", "2023-02-26"], "no complete 5m bar in that window"),
    (["close@VIX/1d", "--symbol", "ES"], "close@VIX/1d asks for VIX, but no bars of it are stored; there are: ES. Run `pse ingest --symbol VIX ...`"),
    (["rsi", "--symbol", "ES", "--tail", "0"], "--tail"),
])
def test_what_cannot_be_shown_is_refused(pse: Callable, home: Path, words: list[str], said: str):
    done = pse("features", "show", *words)
    assert done.code == 2 and said in done.err, done.err


@pytest.mark.parametrize("words", [["build-features"], ["features", "list"], ["features", "describe"], ["features", "show"]])
def test_help_answers_and_takes_the_common_flags(pse: Callable, words: list[str]):
    done = pse(*words, "--help")
    assert done.code == 0 and "--json" in done.out
