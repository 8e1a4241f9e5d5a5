"""`pse backtest`: what a run leaves behind, twice the same bytes, and what a kill or Ctrl-C leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import polars as pl
import pytest

from pse.cli import main
from tests.commands.stored import FIRST, LAST, WINDOW, backtest, runs, stored_real, stored_run, stored_synthetic


@pytest.fixture
def home(tmp_path):
    return stored_synthetic(tmp_path / "home")


def test_a_run_leaves_all_its_files_and_they_agree(home):
    told = stored_run(home)
    (run,) = runs(home)
    assert run.name == told["run_id"] and {one.name for one in run.iterdir()} >= {
        "manifest.json", "journal.jsonl", "recommendations.json", "final_decisions.jsonl", "trades.parquet", "equity.parquet", "metrics.json", "timing.jsonl",
        "portfolio.json", "positions.parquet", "lots.parquet"}
    lines = [json.loads(line) for line in (run / "journal.jsonl").read_text().splitlines()]
    manifest = json.loads((run / "manifest.json").read_text())
    trades, exits = pl.read_parquet(run / "trades.parquet"), [line for line in lines if line["kind"] == "EXIT"]
    assert manifest["status"] == "finished" and manifest["records"] == len(lines) == told["records"] and manifest["head"] == lines[-1]["hash"]
    assert trades.height == len(exits) == told["trades"] > 0
    assert trades["net_usd"].to_list() == [line["body"]["net_usd"] for line in exits]
    decisions = [json.loads(line) for line in (run / "final_decisions.jsonl").read_text().splitlines()]
    assert decisions == [line for line in lines if line["kind"] == "DECISION"]
    assert lines[0]["prev"] == told["fingerprint"] == manifest["fingerprint"] and told["synthetic"] is True
    spoken = (home / "data" / "decisions" / f"{run.name}.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in spoken] == [line for line in lines if line["kind"] == "DELIBERATION"]


def test_the_last_balance_is_the_capital_and_every_net_result(home):
    stored_run(home)
    (run,) = runs(home)
    trades, equity = pl.read_parquet(run / "trades.parquet"), pl.read_parquet(run / "equity.parquet")
    assert abs(equity["cash_usd"][-1] - 100_000.0 - trades["net_usd"].sum()) < 1e-6
    sessions = equity.filter(pl.col("kind") == "session")
    assert sessions["session_date"].is_sorted() and sessions["session_date"].n_unique() == sessions.height >= 8


def test_the_positions_of_a_run_come_to_what_its_trades_made(home):
    """What is realised by any of the three ways, less fees, is the trades' net where nothing is held at the end; every lot is closed then."""
    stored_run(home)
    (run,) = runs(home)
    trades, found, lots = (pl.read_parquet(run / f"{name}.parquet") for name in ("trades", "positions", "lots"))
    assert found["contract"].to_list() == trades["contract"].unique(maintain_order=True).to_list() and (found["quantity"] == 0.0).all()
    for way in ("realised_usd", "realised_average_usd", "realised_fifo_usd"):
        assert abs(found[way].sum() - trades["gross_usd"].sum()) < 1e-6
    assert abs(found["net_usd"].sum() - trades["net_usd"].sum()) < 1e-6 and (found["unrealised_usd"] == 0.0).all()
    assert lots["ts_close"].null_count() == 0 and abs(lots["gain_usd"].sum() - trades["gross_usd"].sum()) < 1e-6


def test_twice_the_same_is_the_same_bytes_and_one_trial(home, pse):
    first, second = stored_run(home), backtest(home, pse)
    one, two = ((run / "journal.jsonl").read_bytes() for run in runs(home))
    assert one == two and first["fingerprint"] == second["fingerprint"]
    assert (first["new_trial"], second["new_trial"]) == (True, False) and first["trial"] == second["trial"]


def test_what_changes_a_result_changes_the_fingerprint(home, pse):
    known = {backtest(home, pse, *words)["fingerprint"] for words in ((), ("--seed", 7), ("--fills", "optimistic"), ("--set", "account.capital=50000"))}
    assert len(known) == 4


def test_no_number_of_the_answer_is_no_number(home, pse):
    ran = pse("--home", home, "--json", "backtest", *WINDOW)
    assert "NaN" not in ran.out and "Infinity" not in ran.out and ran.json["command"] == "backtest" and ran.json["ok"] is True
    assert set(ran.json) >= {"run_id", "fingerprint", "trades", "metrics", "report", "refusals", "warnings"}
    assert all(isinstance(count, int) for count in ran.json["refusals"].values()) and ran.json["refusals"]


@pytest.mark.parametrize(("words", "code", "says"), [
    (("--symbol", "NQ"), 2, "no stored 1m bars of NQ"), (("--symbol", "ESX"), 2, "Did you mean"),
    (("--start", "2030-01-01", "--end", "2030-02-01"), 2, "none"),
    (("--start", "2023-03-10", "--end", "2023-03-06"), 2, "is not before"), (("--agents", "oracle"), 2, "rules"),
    (("--set", "desks.futures-smc.risq=x"), 2, "risk"),
    (("--fills", "dream"), 2, "conservative"), (("--fills", "envelop"), 2, "Did you mean envelope?"),
    (("--symbol", "ES,NQ"), 2, "desks.futures-smc.symbols=[ES, NQ]"),
    (("--set", "risk_policies.futures_intraday.plan.trail=fixed"), 2, "fixed keeps one distance")])
def test_a_wrong_request_is_refused_with_the_mend_and_leaves_no_run(home, pse, words, code, says):
    given = {"--symbol": "ES", "--start": FIRST, "--end": LAST} | dict(zip(words[::2], words[1::2], strict=True))
    ran = pse("--home", home, "backtest", *(word for pair in given.items() for word in pair))
    assert ran.code == code and says in ran.err, ran.err
    assert not (home / "backtests" / "outputs").exists() or not runs(home)


def test_two_symbols_are_never_taken_for_the_last_of_them(home, pse):
    ran = pse("--home", home, "backtest", *WINDOW, "--symbol", "NQ")
    assert ran.code == 2 and "--symbol narrows a desk to one symbol, and here are 2" in ran.err


def test_a_run_that_is_refused_before_its_first_record_leaves_no_folder(home, pse, monkeypatch):
    from pse.commands import backtest
    from pse.domain.errors import RequestError

    def refuses(*given, **named):
        raise RequestError("the dividend of 2020-08-07 is larger than the last close")

    monkeypatch.setattr(backtest, "prepare", refuses)
    ran = pse("--home", home, "backtest", *WINDOW)
    assert ran.code == 2 and "larger than the last close" in ran.err
    assert not list((home / "backtests" / "outputs").iterdir()) and statuses(home, pse) == []


RUN = "import sys; sys.argv[0] = 'pse'\n{}from pse.cli import main\nsys.exit(main(sys.argv[1:]))"
WAIT = """import time
import pse.commands.running as running
def waits(*given):
    print('here', flush=True)
    time.sleep(60)
running.write_results = waits
"""


def started(home, command, before="", window=WINDOW):
    """A process of its own; `before` is run in it first."""
    return subprocess.Popen([sys.executable, "-c", RUN.format(before), "--home", str(home), command, *window], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, env={**os.environ, "NO_COLOR": "1"})


def statuses(home, pse):
    return [one["status"] for one in pse("--home", home, "--json", "runs", "list").json["runs"]]


@pytest.mark.slow
def test_a_killed_backtest_is_marked_interrupted_and_the_store_is_readable(home, pse):
    process = started(home, "backtest", WAIT)
    assert process.stdout.readline() == "here\n"
    assert statuses(home, pse) == ["running"]
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=10)
    assert process.returncode == -signal.SIGKILL
    assert statuses(home, pse) == ["interrupted"]
    assert pse("--home", home, "snapshots", "verify").code == 0
    ran = pse("--home", home, "prove", runs(home)[0].name)
    assert ran.code == 2 and "interrupted" in ran.err
    backtest(home, pse)
    assert sorted(statuses(home, pse)) == ["finished", "interrupted"]


def journal_grows(home, least, seconds=60):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = list((home / "backtests" / "outputs").glob("*/journal.jsonl"))
        if found and found[0].stat().st_size > least:
            return found[0]
        time.sleep(0.02)
    raise AssertionError("no journal grew")


@pytest.mark.slow
def test_a_kill_in_the_middle_of_a_replay_keeps_every_line_that_was_written(home, pse):
    window = ("--symbol", "ES", "--start", FIRST, "--end", "2023-03-08")        # far more than is written by the kill
    process = started(home, "paper", window=window)
    path = journal_grows(home, 3_000)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=10)
    whole = path.read_bytes().split(b"\n")[:-1]
    assert statuses(home, pse) == ["interrupted"]
    assert main(["--home", str(home), "-q", "paper", *window]) == 0
    finished = next(run for run in runs(home) if run != path.parent)
    lines = (finished / "journal.jsonl").read_bytes().split(b"\n")
    assert lines[:len(whole)] == whole and len(lines) > len(whole) + 1          # what was written was true, and was not all


@pytest.mark.skipif(os.name == "nt", reason="SIGINT is sent otherwise there")
def test_ctrl_c_leaves_with_130_and_says_how_to_go_on(home, pse):
    process = started(home, "paper")
    path = journal_grows(home, 1_000)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130, err
    assert f"Run {path.parent.name} stays behind as interrupted" in err and "Run the same command again" in err and "Traceback" not in err
    assert statuses(home, pse) == ["interrupted"]
    assert pse("--home", home, "audit", "log", path).code == 0


def test_a_stop_inside_compiled_code_is_a_stop_and_another_failure_of_it_is_not(home):
    """Compiled code that is stopped on its way out raises a SystemError from the KeyboardInterrupt."""
    from pse.commands.running import told_how_to_go_on
    from pse.commands.wiring import Stopped
    from pse.store.runs import load_run

    run_id = stored_run(home)["run_id"]
    from pse.store.layout import Home

    run = load_run(Home(home), run_id)

    class Counted:
        records = 7

    with pytest.raises(Stopped, match=f"Run {run_id} stays behind as interrupted, with the 7 records"), told_how_to_go_on(run, Counted()):
        raise SystemError("returned a result with an exception set") from KeyboardInterrupt()
    with pytest.raises(SystemError, match="something else"), told_how_to_go_on(run, Counted()):
        raise SystemError("something else")


@pytest.mark.real
def test_the_real_minutes_run_twice_to_the_same_bytes(real_data, tmp_path, pse):
    home = stored_real(real_data, tmp_path / "home")
    for _ in range(2):
        ran = pse("--home", home, "--json", "backtest", "--symbol", "ES", "--start", "2013-10-06", "--end", "2013-12-04", "--seed", 42,
                  "--report", home / "es.html")
        assert ran.code == 0 and ran.json["synthetic"] is False
    one, two = ((run / "journal.jsonl").read_bytes() for run in runs(home))
    assert one == two and len(one) > 10_000 and (home / "es.html").stat().st_size < 2_000_000
