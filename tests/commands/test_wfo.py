"""`pse wfo` on a home of daily bars: the same bytes however it was done, what a user is told, and what is refused."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from pse.clock import moment_ns
from pse.commands import prove, wfo_audit, wfo_folds, wfo_prove, wfo_search
from pse.commands import wfo as wfo_command
from pse.commands.backtest import whole_window
from pse.commands.inputs import gather
from pse.commands.running import drive
from pse.commands.wfo_ready import gathered, pinned, policy_data, policy_from, policy_of, ready
from pse.commands.wiring import Answer
from pse.domain.trials import TRIAL_TRADE, Measured, Span
from pse.engine.desk import Mode, desk_plan
from pse.engine.varied import space_of, varied_settings
from pse.research.folds import fold_plan
from pse.research.search import proposer
from pse.settings import SearchPolicy, Settings, load_settings, search_policy, settings_hash
from pse.store.files import write_json
from pse.store.journal import Journal
from pse.store.layout import Home
from pse.store.ledger import trials, trials_path
from pse.store.runs import read_manifest
from pse.store.searches import searches_folder
from tests.commands.made_runs import context_of
from tests.commands.walked import WORDS, finished, walked, write_days
from tests.conftest import REPOSITORY

TABLES = ("returns.parquet", "oos_equity.parquet", "oos_trades.parquet", "random_entries.parquet", "overrides.json", "regimes.json", "metrics.json")
CROSS = "moving_average_cross"
FEW = ("--trials", 2, "--draws", 0)              # for tests to which the search itself is nothing


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return walked(tmp_path / "home")


def walk(pse: Any, home: Path, *more: object) -> Any:
    return pse("--home", home, "--json", *WORDS, "--params", home / "params.yaml", *(("--jobs", "1") if "--jobs" not in more else ()), *more)


def folder_of(home: Path, ran: Any) -> Path:
    return home / "backtests" / "outputs" / ran.json["run_id"]


def document(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "wfo.json").read_text())
    return found


def same(one: Path, other: Path) -> bool:
    """Whether two walk-forwards wrote the same bytes, but for the name of the run."""
    texts = [(folder / "wfo.json").read_text().replace(folder.name, "RUN") for folder in (one, other)]
    return texts[0] == texts[1] and all((one / name).read_bytes() == (other / name).read_bytes() for name in TABLES)


def test_a_walk_forward_says_what_it_found_and_exits_by_its_verdict():
    ran = finished()
    assert ran.code == 1 and ran.json["verdict"] == "INSUFFICIENT" and ran.json["clause"]["code"] == "trades"      # five trades are no evidence
    wfo = ran.wfo
    assert ran.json["trials"] == len(wfo["candidates"]) == 8 == wfo["ledger_trials"] == len(trials(Home(ran.home)))
    assert wfo["candidates"][0]["params"] == {"tactics.moving_average_cross.fast_bars": 5, "tactics.moving_average_cross.slow_bars": 20,
                                              "tactics.moving_average_cross.stop_atr": 2.0}                  # the desk as it is
    assert [len(fold["test"]) for fold in wfo["folds"]] == [1, 1, 1] and wfo["lookahead"] == "NOT RUN"
    assert all(fold["train"][0]["end"] <= fold["test"][0]["start"] for fold in wfo["folds"])
    assert not list(searches_folder(Home(ran.home)).glob("*/*.batch"))                 # its batches went once the run stood


def test_each_fold_trades_the_best_of_its_train_window_and_the_stitched_equity_compounds_them():
    folder, wfo = finished().folder, finished().wfo
    money = wfo["capital_usd"]
    for place, fold in enumerate(wfo["folds"]):
        scores = {one["id"]: one["objective"]["train"][place] for one in wfo["candidates"] if one["train"][place]["trades"] >= 2}
        best = max(value for value in scores.values() if value is not None)
        chosen = next(one for one in wfo["candidates"] if one["params"] == fold["chosen"])
        assert scores[chosen["id"]] == best and fold["out_of_sample"] == chosen["test"][place]
        money *= 1.0 + fold["out_of_sample"]["total_return"]
    assert wfo["stitched"]["equity"][-1] == pytest.approx(money, abs=1e-6)
    assert len(wfo["stitched"]["dates"]) == sum(fold["test"][0]["sessions"] for fold in wfo["folds"])
    table = pl.read_parquet(folder / "oos_equity.parquet")
    assert table["equity"].to_list() == pytest.approx(wfo["stitched"]["equity"]) and table["fold"].to_list() == wfo["stitched"]["fold"]


def test_the_journal_of_a_window_tells_the_trades_that_the_search_measured():
    folder, wfo = finished().folder, finished().wfo
    stitched = pl.read_parquet(folder / "oos_trades.parquet")
    tables = [pl.read_parquet(folder / "folds" / str(number) / "trades.parquet") for number in (1, 2, 3)]
    assert [entry for table in tables for entry in table["ts_entry"].to_list()] == stitched["entry_ts"].to_list()
    assert stitched.height == wfo["stitched"]["figures"]["trades"] > 0
    reasons = [reason for table in tables for reason in table["exit_reason"].to_list()]
    assert reasons == [one["reason"] for one in wfo["stitched"]["trades"]]
    for number, fold in enumerate(wfo["folds"], 1):                                   # what is open at a window's end is closed there, with that reason
        last = (folder / "folds" / str(number) / "journal.jsonl").read_text()
        assert ("FOLD_END" in last) == any(one["reason"] == "FOLD_END" and one["fold"] == fold["number"] for one in wfo["stitched"]["trades"])


def test_the_journal_of_a_window_is_that_of_a_run_whose_bars_end_with_it(tmp_path):
    folder = finished().folder
    manifest = read_manifest(folder / "manifest.json")
    fold = finished().wfo["folds"][1]
    span = Span(moment_ns(fold["test"][0]["start"]), moment_ns(fold["test"][0]["end"]))
    own = wfo_folds.of_span(pinned(context_of(finished().home), manifest), fold["chosen"], span)
    assert all(one.ts_close[-1] <= span.end_ns for one in own.bars)
    with Journal(tmp_path / "journal.jsonl", own.fingerprint, lock=tmp_path / "lock") as journal:
        drive([whole_window(own, Mode(end_ns=span.end_ns, end_reason="FOLD_END"))], own.plan, journal)
    assert (tmp_path / "journal.jsonl").read_bytes() == (folder / "folds" / "2" / "journal.jsonl").read_bytes()


def test_the_log_of_a_walk_forward_is_whole_and_a_touched_window_is_named(pse, tmp_path):
    ran = finished().copied(tmp_path / "home")
    home, run_id = ran.home, ran.json["run_id"]
    whole = pse("--home", home, "audit", "log", run_id)
    assert whole.code == 0 and "checked beside it: journals of 3 test windows by length and last hash, " in whole.out
    table = ran.folder / "folds" / "1" / "trades.parquet"
    kept = table.read_bytes()
    table.write_bytes(kept[:-1] + b"?")
    assert [one["file"] for one in pse("--home", home, "--json", "audit", "log", run_id).json["findings"]] == [str(table)]
    table.write_bytes(kept)
    path = ran.folder / "folds" / "2" / "journal.jsonl"
    path.write_bytes(path.read_bytes().replace(b"SPY", b"SPX", 1))
    touched = pse("--home", home, "--json", "audit", "log", run_id)
    assert touched.code == 1 and any("folds/2" in one["file"] for one in touched.json["findings"])


def test_a_proof_searches_again_and_finds_every_byte(pse, tmp_path, monkeypatch):
    ran = finished().copied(tmp_path / "home")
    monkeypatch.setattr(wfo_prove, "jobs_of", lambda context, jobs: 1)                 # processes of their own find the same: see below
    proof = pse("--home", ran.home, "--json", "prove", ran.json["run_id"])
    assert proof.code == 0 and proof.json["result"] == "EQUAL", proof.out


def test_a_proof_draws_the_parameters_in_the_order_in_which_they_were_written(pse, home):
    shuffled = home / "shuffled.yaml"
    lines = (home / "params.yaml").read_text().splitlines(keepends=True)
    shuffled.write_text("".join(lines[:-3] + lines[:-4:-1]))                          # stop_atr before slow_bars before fast_bars
    ran = pse("--home", home, "--json", *WORDS, "--params", shuffled, "--jobs", "1")
    keys = [one["label"] for one in document(folder_of(home, ran))["parameters"]]
    assert keys == ["stop_atr", "slow_bars", "fast_bars"]
    proof = pse("--home", home, "--json", "prove", ran.json["run_id"])
    assert proof.code == 0 and proof.json["result"] == "EQUAL", proof.out


@pytest.mark.parametrize("desk", sorted(path.stem for path in (REPOSITORY / "configs" / "desks").glob("*.yaml")))
def test_what_a_manifest_keeps_of_a_shipped_search_draws_the_same(tmp_path, desk):
    settings = load_settings(tmp_path, overrides=[f"desk={desk}"])
    policy = search_policy(settings)
    write_json(tmp_path / "kept.json", {"settings": settings.tree(), "policy": policy_data(policy)})
    kept = json.loads((tmp_path / "kept.json").read_text())

    def drawn(settings: Settings, policy: SearchPolicy) -> Any:
        return proposer(space_of(settings, desk_plan(settings), policy), policy, 0).batch(0)

    assert drawn(Settings.from_tree(kept["settings"], tmp_path), policy_from(kept["policy"])) == drawn(settings, policy)


def test_a_proof_that_fails_says_what_was_searched_otherwise_and_where_a_window_parts(pse, home):
    run_id = walk(pse, home).json["run_id"]

    def otherwise(context: Any, manifest: Any, folder: Path) -> Path:
        kept = manifest.extra["wfo"]
        turned = {**kept, "policy": {**kept["policy"], "parameters": kept["policy"]["parameters"][::-1]}}
        return wfo_prove.replay(context, manifest.model_copy(update={"extra": {"wfo": turned}}), folder)

    proof = prove.run(context_of(home), run_id, otherwise)
    assert proof.exit_code == 1 and proof.data["result"] == "DIFFERENT"
    searched, window = proof.data["why"][-2:]
    assert searched.startswith("wfo.json is not what running it again makes: wfo.json.candidates[")
    assert re.match(r"folds/\d/journal.jsonl first differs in record \d+ \([A-Z]+\) \S+: stored .+, again .+", window), window


def test_a_walk_forward_stands_in_the_list_of_runs(pse, tmp_path):
    ran = finished().copied(tmp_path / "home")
    home, run_id = ran.home, ran.json["run_id"]
    assert [row["run_id"] for row in pse("--home", home, "--json", "runs", "list").json["runs"]] == [run_id]
    assert pse("--home", home, "--json", "runs", "show", run_id).json["manifest"]["command"] == "wfo"
    found = pse("--home", home, "sql", "select command, trades from runs", "--json")
    assert found.code == 0 and found.json["rows"][0][0] == "wfo"


@pytest.mark.slow
def test_two_workers_find_what_one_finds(pse, home):
    assert same(finished().folder, folder_of(home, walk(pse, home, "--jobs", 2)))


@pytest.mark.parametrize("more", [("--method", "tpe"), ("--scheme", "cpcv")])
def test_every_way_of_searching_says_the_same_twice(pse, home, tmp_path, more):
    if "tpe" in more:
        pytest.importorskip("optuna")
    other, more = walked(tmp_path / "other"), (*more, "--trials", 5, "--draws", 1)
    ran = walk(pse, home, *more)
    assert ran.code in (0, 1), ran.err
    assert same(folder_of(home, ran), folder_of(other, walk(pse, other, *more)))
    wfo = document(folder_of(home, ran))
    if "cpcv" in more:
        assert len(wfo["folds"]) == 15 and len(wfo["paths"]) == 5 and len(wfo["stitched"]["dates"]) == wfo["searched"]["sessions"]
    if "tpe" in more:
        tried = [{one["id"] for one in wfo["candidates"] if one["train"][place] is not None} for place in range(3)]
        assert all(len(ids) == 5 for ids in tried) and len(set.union(*tried)) == len(wfo["candidates"]) > 5


def test_an_anchored_train_window_grows_from_the_first_session_on(pse, home):
    ran = walk(pse, home, "--scheme", "anchored", "--objective", "expectancy_r", *FEW)
    wfo = document(folder_of(home, ran))
    assert {fold["train"][0]["start"] for fold in wfo["folds"]} == {wfo["searched"]["start"]} and wfo["objective"] == "expectancy_r"
    lengths = [fold["train"][0]["sessions"] for fold in wfo["folds"]]
    assert lengths == sorted(set(lengths))


def killed_in_mid_search(home: Path) -> int:
    """Starts the search in a process of its own, and kills it once its first batch stands; how many batches stood."""
    words = [sys.executable, "-m", "pse", "--home", str(home), "-q", *WORDS, "--params", str(home / "params.yaml"), "--jobs", "1"]
    process = subprocess.Popen(words, env=os.environ | {"COLUMNS": "100"}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < until:
        if list(searches_folder(Home(home)).glob("*/*.batch")):
            process.send_signal(signal.SIGKILL)
            break
        time.sleep(0.002)
    process.wait()
    return len(list(searches_folder(Home(home)).glob("*/*.batch")))


@pytest.mark.slow
def test_a_search_that_was_killed_goes_on_to_the_same_bytes(pse, home):
    stood = killed_in_mid_search(home)
    assert stood >= 1 and not (home / "backtests").exists()
    ran = walk(pse, home)
    timing, undisturbed = (json.loads((folder / "timing.jsonl").read_text()) for folder in (folder_of(home, ran), finished().folder))
    assert same(folder_of(home, ran), finished().folder)
    assert timing["reused"] >= 3 and timing["measured"] + timing["reused"] == undisturbed["measured"] and undisturbed["reused"] == 0


def test_ctrl_c_says_what_stands_and_the_same_command_goes_on(pse, home, monkeypatch):
    measured = wfo_search.Batches.map

    def interrupted(self: Any, tasks: Any, done: Any = lambda count: None) -> Any:
        if self.number == 1:
            raise KeyboardInterrupt
        return measured(self, tasks, done)

    with monkeypatch.context() as patched:
        patched.setattr(wfo_search.Batches, "map", interrupted)
        stopped = walk(pse, home)
    assert stopped.code == 130 and "the same command goes on" in stopped.json["error"]
    assert len(trials(Home(home))) == 3                                                # what was seen counts, though the search never ended
    ran = walk(pse, home)
    assert ran.json["ledger_trials"] == len(trials(Home(home))) == 8
    assert json.loads((folder_of(home, ran) / "timing.jsonl").read_text())["reused"] == 3
    assert "going on: 1 finished batch of this search stands" in ran.err and "8 of 8 configurations" in ran.err      # no terminal: lines and no bar


def test_a_sealed_end_is_not_searched_and_opens_once(pse, home):
    ran = walk(pse, home, "--holdout", "0.2", *FEW)
    wfo = document(folder_of(home, ran))
    assert set(wfo["holdout"]) == {"start", "end", "sessions"} and wfo["court"]["decay"]["ranked_by"] == wfo["objective"]
    assert wfo["holdout"]["sessions"] == 89 and wfo["searched"]["sessions"] == 354                # 443 sessions after the warm-up, a fifth rounded up
    assert wfo["searched"]["end"] <= wfo["holdout"]["start"] and max(wfo["stitched"]["dates"]) < int(wfo["holdout"]["start"][:10].replace("-", ""))
    opened = pse("--home", home, "--json", "wfo", "--open-holdout", ran.json["run_id"])
    assert opened.code == 0 and opened.json["first"] and opened.json["window"]["sessions"] == 89 and opened.json["params"] == wfo["chosen"]["params"]
    looks = [one for one in trials(Home(home)) if one.window == (moment_ns(wfo["holdout"]["start"]), moment_ns(wfo["holdout"]["end"]))]
    assert {one.settings_hash for one in looks} <= {one.settings_hash for one in trials(Home(home)) if one not in looks} and 1 <= len(looks) <= 2
    low, high = opened.json["intervals"]["sharpe"]
    assert low < opened.json["figures"]["sharpe"] < high
    again = pse("--home", home, "--json", "wfo", "--open-holdout", ran.json["run_id"])
    assert again.code == 0 and not again.json["first"] and again.json["figures"] == opened.json["figures"]
    assert opened.json["opened"] in again.json["warnings"][0]
    other = walk(pse, home, "--holdout", "0.2", "--objective", "net", *FEW)
    refused = pse("--home", home, "--json", "wfo", "--open-holdout", other.json["run_id"])
    assert refused.code == 2 and ran.json["run_id"] in refused.json["error"] and "opens once" in refused.json["error"]


def test_the_count_of_trials_can_be_raised_and_never_lowered(pse, home):
    assert walk(pse, home, *FEW, "--trials-before", 100).json["ledger_trials"] == 102   # a hundred elsewhere, two here
    second = walk(pse, home, *FEW, "--trials-before", 50)
    assert second.json["ledger_trials"] == 102 and "never lowered" in second.json["warnings"][0]


def test_a_fold_in_which_nobody_may_be_chosen_trades_nothing_and_says_so(pse, home):
    ran = walk(pse, home, "--set", "search.min_trades=500", "--params", write(home, "few.yaml", (home / "params.yaml").read_text().replace(
        "min_trades: 2", "min_trades: 500")))
    assert ran.code == 1 and ran.json["verdict"] == "INSUFFICIENT"
    wfo = document(folder_of(home, ran))
    assert all(fold["chosen"] is None and "no configuration made 500 trades" in fold["note"] for fold in wfo["folds"])
    assert wfo["stitched"]["figures"]["trades"] == 0 and set(wfo["stitched"]["equity"]) == {wfo["capital_usd"]}
    assert wfo["chosen"]["id"] == wfo["candidates"][0]["id"] and wfo["chosen"]["nobody"]
    assert re.fullmatch(r"no configuration made 500 trades over the whole searched window \(at most \d+\)", wfo["chosen"]["why"])


def test_an_objective_that_is_defined_for_nobody_is_named_and_nothing_is_chosen_by_it(pse, home):
    (home / "objectives").mkdir()
    write(home / "objectives", "bad.py", "def none(*given):\n    return None\n")
    wfo = document(folder_of(home, walk(pse, home, "--objective", "objectives/bad.py:none", "--draws", 0)))
    named = "the objective objectives/bad.py:none is undefined for every configuration"
    assert wfo["chosen"]["nobody"] and named in wfo["chosen"]["why"] and all(named in fold["note"] for fold in wfo["folds"])


def write(home: Path, name: str, text: str) -> Path:
    (home / name).write_text(text)
    return home / name


@pytest.mark.parametrize(("more", "said"), [
    (("--folds", "800"), "sessions"), (("--agents", "live"), "a search runs on rules"), (("--objective", "shrape"), "Did you mean sharpe"),
    (("--scheme", "sideways"), "--scheme sideways"), (("--start", "2021-01-20"), "no warm-up"), (("--jobs", "0"), "--jobs 0"),
    (("--trials", "0"), "--trials 0"), (("--jobs", "2", "--cluster", "tcp://127.0.0.1:1"), "one of them"), (("--method", "grid"), "27"),
    (("--holdout", "1.5"), "--holdout 1.5: it should be less than or equal to 0.9 (share of the sessions"),
])
def test_what_cannot_be_searched_is_refused_before_anything_is_measured(pse, home, more, said):
    refused = walk(pse, home, *more)
    assert refused.code == 2 and said in refused.json["error"], refused.json["error"]
    assert not (home / "backtests").exists() and not trials(Home(home))


def test_a_parameter_that_is_none_is_named_with_the_nearest(pse, home):
    bad = write(home, "bad.yaml", (home / "params.yaml").read_text().replace("stop_atr", "stop_art"))
    refused = pse("--home", home, "--json", *WORDS, "--params", bad, "--jobs", "1")
    assert refused.code == 2 and "stop_atr" in refused.json["error"] and "bad.yaml" in refused.json["error"]


@pytest.mark.parametrize(("warm_up", "begins"), [(160, 160), (200, 80)])
def test_a_warm_up_of_more_than_a_third_of_the_sessions_gives_way_to_the_search_whatever_the_folds(home, warm_up, begins):
    """503 sessions are stored: 160 warm up; 200 are too many, and the longest mean of the features is 80 days."""
    context = context_of(home)
    context = context.asking(overrides=(f"desks.mini.warmup_sessions={warm_up}",), desk="mini")
    policy = policy_of(context.settings, home / "params.yaml", {})
    inputs = gathered(context, context.settings, (), (None, None), policy, 2)
    before = int((np.unique(inputs.bars[0].session).size) - ready(context, inputs, policy, 2).walk.plan.dates.size)
    assert before == begins and [text for text in context.warnings if f"would read {warm_up}" in text] == context.warnings
    assert bool(context.warnings) == (begins < warm_up)


def test_an_edited_ledger_is_told_before_the_search(pse, tmp_path):
    home = finished().copied(tmp_path / "home").home
    path = trials_path(Home(home))
    lines = path.read_bytes().splitlines(keepends=True)
    lines[2] = lines[2].replace(b'"trades":', b'"trades":1', 1)
    path.write_bytes(b"".join(lines))
    refused = walk(pse, home, "--seed", 6)
    assert refused.code == 3 and "line 3" in refused.json["error"] and not list(searches_folder(Home(home)).glob("*/*.batch"))


def test_what_a_test_could_have_told_does_not_train():
    """By hand: six groups of twenty days; a trade that ends in the test's embargo goes, and the days that it touched with it."""
    day = 86_400 * 10**9
    opens = np.arange(120) * day
    plan = fold_plan(np.arange(20_200_101, 20_200_221, dtype=np.int32), opens, opens + day // 2, 6, scheme="cpcv", embargo_sessions=3, groups=6, test_groups=2)
    fold = next(one for one in plan.folds if one.test == (plan.groups[0], plan.groups[1]))
    trades = np.zeros(2, TRIAL_TRADE)
    trades["entry_ts"], trades["exit_ts"] = opens[[41, 60]] + 1, opens[[45, 61]] + 2          # the first begins in the embargo (days 40 to 42)
    whole = Measured(Span(int(opens[40]), int(opens[119])), 100.0, plan.dates[40:], 100.0 + np.arange(80.0), trades)
    kept = wfo_search.without_purged(whole, plan, fold)
    assert kept.trades["entry_ts"].tolist() == [opens[60] + 1]
    assert kept.dates.tolist() == plan.dates[46:].tolist()                             # the embargo's three, and days 43 to 45 of that trade
    assert kept.equity[-1] == pytest.approx(100.0 * np.prod(1.0 + whole.returns[6:]))


def test_a_day_that_two_windows_share_counts_once():
    """By hand: one per cent up on day 2 before the border, two per cent down on the same day behind it."""
    def part(dates: list[int], equity: list[float], net: float) -> Measured:
        trades = np.zeros(1, TRIAL_TRADE)
        trades["net"] = net
        return Measured(Span(dates[0], dates[-1]), 100.0, np.array(dates, np.int32), np.array(equity), trades)

    whole = wfo_search.stitched([part([1, 2], [110.0, 111.1], 11.1), part([2, 3], [98.0, 99.96], -0.04)])
    assert whole.dates.tolist() == [1, 2, 3]
    assert whole.equity.tolist() == pytest.approx([110.0, 110.0 * 1.01 * 0.98, 110.0 * 1.01 * 0.9996])
    assert whole.trades["net"].tolist() == pytest.approx([11.1, -0.04 * 1.111])


def test_what_was_chosen_is_audited_on_three_symbols_of_these_bars(pse, tmp_path, monkeypatch):
    home, names = walked(tmp_path / "home"), ("SPY", "QQQ", "IWM", "AAPL")
    desk = home / "configs" / "desks" / "mini.yaml"
    desk.write_text(desk.read_text().replace("[SPY]", f"[{', '.join(names)}]"))
    (home / "configs" / "settings.yaml").write_text("desk: mini\n")

    def stored(name: str, seed: int, days: int = 520) -> None:
        write_days(home / f"{name}.csv", days, seed)
        assert pse("--home", home, "-q", "ingest", "--provider", "csv", "--symbol", name, "--path", home / f"{name}.csv", "--timeframe", "1d").code == 0

    looked: list[tuple[str, int, int]] = []

    def look(context: Any, symbol: str, *, tactics: bool, start_ns: int, end_ns: int, cuts: int) -> Answer:
        looked.append((symbol, context.settings.tactic(CROSS).fast_bars, end_ns))
        return Answer({"findings": [{}, {}] if symbol == "IWM" and looked[-1][1] == 8 else [], "checked": {"cuts": cuts}}, lambda console: None)

    def audit(fast: int) -> wfo_audit.Audit:
        context = context_of(home)
        return wfo_audit.audited(context, gather(context, context.settings, (), None, None), {f"tactics.{CROSS}.fast_bars": fast})

    monkeypatch.setattr(wfo_audit, "run_lookahead", look)
    for seed, name in enumerate(names[1:]):
        stored(name, seed)
    clean = audit(3)
    assert [one[:2] for one in looked] == [("SPY", 3), ("QQQ", 3), ("IWM", 3)] and clean.word == "CLEAN"
    assert all(name in clean.text for name in names[:3]) and "of 4 symbols the first 3" in clean.text
    found = audit(8)
    assert [one[:2] for one in looked[3:]] == [("SPY", 8), ("QQQ", 8), ("IWM", 8)] and found.word == "FINDINGS" and "2 findings on IWM" in found.text
    assert (audit(3).kept, audit(8).kept, len(looked)) == (True, True, 6)
    stored("SPY", 3, 530)
    assert not audit(3).kept and len(looked) == 9, "other bars are another audit"


def test_what_was_chosen_is_what_the_audit_of_a_search_is_asked_of(pse, home, monkeypatch):
    asked: list[Any] = []

    def told(context: Any, inputs: Any, params: Any = None) -> wfo_audit.Audit:
        asked.append(params)
        return wfo_audit.Audit("CLEAN", "nothing", 0.1)

    monkeypatch.setattr(wfo_command, "audited", told)
    ran = pse("--home", home, "--json", *(word for word in WORDS if word != "--no-audit"), "--params", home / "params.yaml", "--jobs", "1", *FEW)
    assert asked == [document(folder_of(home, ran))["chosen"]["params"]] and ran.json["lookahead"] == "CLEAN"


@pytest.mark.slow
def test_the_desk_is_audited_once_and_what_was_found_is_kept(pse, home, monkeypatch):
    monkeypatch.setattr(wfo_audit, "CUTS", 4)
    monkeypatch.setattr(wfo_audit, "DECISIONS", 120)
    words = [word for word in WORDS if word != "--no-audit"]
    first = pse("--home", home, "--json", *words, "--params", home / "params.yaml", "--jobs", "1", *FEW[:2])
    assert first.json["lookahead"] == "CLEAN" and first.json["verdict"] == "INSUFFICIENT"
    monkeypatch.setattr(wfo_audit, "run_lookahead", None)                              # a second audit would fail
    again = pse("--home", home, "--json", *words, "--params", home / "params.yaml", "--jobs", "1", *FEW[:2])
    assert again.json["lookahead"] == "CLEAN" and same(folder_of(home, first), folder_of(home, again))
    manifest = read_manifest(folder_of(home, first) / "manifest.json")
    inputs, chosen = pinned(context_of(home), manifest), document(folder_of(home, first))["chosen"]["params"]
    name = settings_hash(varied_settings(inputs.settings, chosen).run_tree(inputs.plan.symbols))
    assert wfo_audit.kept_audit(Home(home), name, manifest.snapshot) == "CLEAN"
    assert wfo_audit.kept_audit(Home(home), "another desk", manifest.snapshot) == wfo_audit.kept_audit(Home(home), name, "other bars") == "NOT RUN"


def test_what_was_chosen_runs_as_printed_with_everything_that_the_search_was_told(pse, home):
    told = ("--set", "account.capital=250000", "--set", "search.min_trades=3")
    ran = walk(pse, home, *told)
    shown = pse("--home", home, "runs", "show", ran.json["run_id"]).out
    words = shlex.split(shown.partition("pse backtest ")[2].partition("\n")[0])
    assert "account.capital=250000" in words and "seed=5" in words and not [word for word in words if word.startswith("search.")]
    again = pse("--home", home, "--json", "backtest", *words)
    assert again.code == 0, again.err
    searched, alone = (read_manifest(folder_of(home, one) / "manifest.json").settings for one in (ran, again))
    assert alone["account"] == searched["account"] and alone["account"]["capital"] == 250_000 and alone["seed"] == searched["seed"] == 5
    desk, chosen = searched["desk"], document(folder_of(home, ran))["chosen"]["params"]
    assert chosen and alone["desk"] == desk
    told, own = (one["desks"][desk]["tactics"]["moving_average_cross"] for one in (alone, searched))
    assert told == own | {key.rpartition(".")[2]: value for key, value in chosen.items()}
