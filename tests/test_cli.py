"""The command line's habits: help at once, one paragraph of error, exit codes, JSON alone on stdout."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import types

import pytest

from pse.cli import start
from pse.clock import iso, moment_ns
from pse.commands.wiring import Answer, Stopped, json_text, seeds
from pse.domain.errors import DiskFull, RequestError

SDKS = ("pydantic_ai", "openai", "anthropic", "groq", "google.genai", "httpx", "httpx2", "genai_prices")
HEAVY = (*SDKS, "polars", "numpy", "numba", "pyarrow", "duckdb", "deltalake", "pandas", "matplotlib", "yaml", "jinja2", "pse.settings")


@pytest.fixture
def command(monkeypatch):
    """Make `pse init` do what a test wants."""
    def install(function):
        monkeypatch.setattr(start, "module", lambda name: types.SimpleNamespace(run=function))
    return install


def test_help_imports_nothing_heavy():
    script = ("import sys\nfrom pse.cli import main\nmain(['--help'])\n"
              f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr.strip() == "[]"
    assert "backtest" in done.stdout


def test_no_package_of_a_model_is_imported_before_a_model_is_asked():
    """Not by the package, not by the commands that may ask one, and not by the door and the gateway themselves."""
    script = ("import sys, pse, pse.llm.door, pse.llm.gateway, pse.llm.scripted, pse.agents.chain\n"
              "import pse.commands.backtest, pse.commands.paper, pse.commands.prove, pse.commands.judging\n"
              f"print([name for name in {SDKS!r} if name in sys.modules])")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("words", [["init"], ["demo"], ["ingest"], ["snapshots", "list"], ["sql"], ["backtest"], ["paper"], ["runs", "show"],
                                   ["report"], ["prove"], ["audit", "log"], ["decide"], ["validate-llm"], ["models", "certify"]])
def test_every_command_has_help_and_takes_the_common_flags(pse, words):
    done = pse(*words, "--help")
    assert done.code == 0
    assert "--json" in done.out and "--quiet" in done.out and "--verbose" in done.out


def test_no_words_at_all_give_the_help(pse):
    done = pse()
    assert done.code == 0 and "Usage: pse" in done.out and not done.err


def test_the_version_is_the_installed_one(pse):
    from importlib.metadata import version

    assert pse("--version").out.strip() == f"pse {version('pse-toolkit')}"


def test_a_misspelt_command_is_a_usage_error_that_names_the_nearest(pse):
    done = pse("backtst")
    assert done.code == 2 and "backtest" in done.err and not done.out


def test_a_misspelt_option_is_a_usage_error_that_names_the_nearest(pse):
    done = pse("backtest", "--sybmol", "ES")
    assert done.code == 2 and "--symbol" in done.err and "pse backtest --help" in done.err


def test_a_usage_error_with_json_is_one_document_on_stdout(pse):
    done = pse("backtest", "--seed", "x", "--json")
    assert done.code == 2
    assert done.json["ok"] is False and done.json["command"] == "backtest" and done.json["warnings"] == [] and "--seed" in done.json["error"]
    assert not done.err


@pytest.mark.parametrize("words", [["--json", "init"], ["init", "--json"]])
def test_json_is_taken_before_and_after_the_command(pse, words):
    done = pse(*words)
    assert done.code == 0 and done.json["command"] == "init" and done.json["ok"] is True and done.json["warnings"] == []


@pytest.mark.parametrize("words", [["--json", "snapshots", "list"], ["snapshots", "--json", "list"], ["snapshots", "list", "--json"]])
def test_json_is_taken_anywhere_before_and_after_a_group(pse, words):
    done = pse(*words)
    assert done.code == 0 and done.json["command"] == "snapshots list" and done.json["snapshots"] == []


def test_a_request_error_is_one_paragraph_and_code_2(pse, command):
    def refuse(context, **_):
        raise RequestError("ES is not stored; run `pse ingest --symbol ES`.")
    command(refuse)
    done = pse("init")
    assert (done.code, done.out, done.err) == (2, "", "pse init: ES is not stored; run `pse ingest --symbol ES`.\n")


def test_verbose_adds_the_traceback(pse, command):
    def refuse(context, **_):
        raise RequestError("no")
    command(refuse)
    assert "Traceback" not in pse("init").err
    assert "Traceback" in pse("init", "-v").err


def test_an_outside_error_is_code_3(pse, command):
    def fail(context, **_):
        raise DiskFull("no space")
    command(fail)
    done = pse("init", "--json")
    assert done.code == 3 and done.json["error"] == "no space" and done.json["exit_code"] == 3


def test_an_error_of_the_system_is_code_3(pse, command):
    def fail(context, **_):
        raise PermissionError(13, "Permission denied", "data/bars")
    command(fail)
    done = pse("init")
    assert done.code == 3 and "Permission denied" in done.err and "data/bars" in done.err


def test_a_bug_is_code_70_and_its_story_is_kept(pse, command, tmp_path):
    def crash(context, **_):
        return {}["missing"]
    command(crash)
    done = pse("init", "--json")
    logs = list((tmp_path / "data" / "logs").iterdir())
    assert done.code == 70 and len(logs) == 1 and logs[0].name in done.json["error"]
    assert "KeyError: 'missing'" in logs[0].read_text() and "Traceback" not in done.err


def test_the_story_of_a_bug_holds_no_secret(pse, command, tmp_path, monkeypatch):
    monkeypatch.setenv("BROKER_API_KEY", "canary-4711-canary")
    def crash(context, **_):
        raise ValueError("refused canary-4711-canary at the door")
    command(crash)
    done = pse("init")
    log = next((tmp_path / "data" / "logs").iterdir()).read_text()
    assert done.code == 70 and "canary" not in done.err + log and "at the door" in log


def test_an_answer_of_no_is_code_1(pse, command):
    command(lambda context, **_: Answer({"verdict": "NO"}, exit_code=1))
    done = pse("init", "--json")
    assert done.code == 1 and done.json["ok"] is False and done.json["verdict"] == "NO"


def test_ctrl_c_is_code_130_and_says_what_the_command_said(pse, command):
    def stop(context, **_):
        raise Stopped("stopped after 3 of 9 folds; run it again to go on")
    command(stop)
    done = pse("init")
    assert done.code == 130 and "3 of 9 folds" in done.err and not done.out


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_a_real_ctrl_c_leaves_no_traceback(tmp_path):
    script = ("import types, time, sys\nfrom pse import cli\nfrom pse.cli import start\n"
              "def run(context, **given):\n    print('ready', flush=True)\n    time.sleep(30)\n"
              "start.module = lambda name: types.SimpleNamespace(run=run)\nsys.exit(cli.main(['init']))")
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130 and "Traceback" not in err and "run the same command again" in err


@pytest.mark.skipif(os.name == "nt", reason="pipes")
def test_a_closed_pipe_is_quiet(tmp_path):
    script = ("import types, sys\nfrom pse import cli\nfrom pse.cli import start\nfrom pse.commands.wiring import Answer\n"
              "def show(console):\n    for line in range(100000): console.print(line)\n"
              "start.module = lambda name: types.SimpleNamespace(run=lambda context, **given: Answer({}, show))\nsys.exit(cli.main(['init']))")
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == "" and process.wait(20) == 0


def test_warnings_reach_stderr_and_the_document(pse, command):
    def warn(context, **_):
        context.warn("17 rows were quarantined")
        return Answer({})
    command(warn)
    done = pse("init", "--json")
    assert done.json["warnings"] == ["17 rows were quarantined"] and "17 rows were quarantined" in done.err


def test_what_a_command_prints_by_itself_stays_off_stdout_with_json(pse, command):
    def talk(context, **_):
        context.console.print("hello")
        context.note("a note")
        return Answer({"a": 1})
    command(talk)
    done = pse("init", "--json")
    assert json.loads(done.out)["a"] == 1 and "hello" in done.err and "a note" in done.err
    assert "a note" not in pse("init", "-q").err


def test_home_is_the_option_then_the_variable_then_the_current_folder(pse, command, tmp_path, monkeypatch):
    command(lambda context, **_: Answer({"home": str(context.home.root)}))
    assert pse("init", "--json").json["home"] == str(tmp_path)
    monkeypatch.setenv("PSE_HOME", str(tmp_path / "b"))
    assert pse("init", "--json").json["home"] == str(tmp_path / "b")
    assert pse("--home", tmp_path / "c", "init", "--json").json["home"] == str(tmp_path / "c")


def test_a_home_that_is_a_file_is_refused(pse, tmp_path):
    (tmp_path / "x").write_text("")
    done = pse("--home", "x", "init")
    assert done.code == 2 and "is a file" in done.err


def test_json_has_no_nan_and_sorted_keys():
    assert json_text({"b": float("nan"), "a": [float("inf"), -0.0, (1, 2)]}) == '{"a":[null,0.0,[1,2]],"b":null}'


@pytest.mark.parametrize(("text", "expected"), [
    ("2013-10-06", "2013-10-06T00:00:00Z"), ("2013-10-06T14:30", "2013-10-06T14:30:00Z"), ("2013-10-06 14:30:15.25", "2013-10-06T14:30:15.25Z"),
    ("2013-10-06T09:30-05:00", "2013-10-06T14:30:00Z"), ("2013-10-06T14:30Z", "2013-10-06T14:30:00Z"), ("1960-01-01", "1960-01-01T00:00:00Z")])
def test_moments_are_read_as_utc_unless_an_offset_is_written(text, expected):
    assert iso(moment_ns(text)) == expected


@pytest.mark.parametrize("text", [
    "2014", "yesterday", "2013-13-01", "2013-10-06T25:00", "06.10.2013", "20131006", "2013-W40-1", "", "9999-01-01", "0001-01-01"])
def test_what_is_no_date_is_refused_by_name(pse, text):
    done = pse("backtest", f"--start={text}", "--json")
    assert done.code == 2 and "--start" in done.json["error"] and "ISO 8601" in done.json["error"]


def test_a_window_must_not_be_empty(pse):
    done = pse("backtest", "--start", "2014-01-02", "--end", "2014-01-02")
    assert done.code == 2 and "not before --end" in done.err


def test_seeds_are_spawned_by_name_and_fold_and_not_by_order():
    first = seeds(7, "bootstrap", 2).generate_state(2).tolist()
    assert first == seeds(7, "bootstrap", 2).generate_state(2).tolist()
    assert first != seeds(7, "bootstrap", 3).generate_state(2).tolist() != seeds(8, "bootstrap", 2).generate_state(2).tolist()


def test_ctrl_c_is_known_through_what_compiled_code_makes_of_it():
    """numba hands an interrupt on as a SystemError, sometimes as one that was caused by another."""
    from pse.domain.errors import is_ctrl_c

    def told(depth):
        error = KeyboardInterrupt()
        for _ in range(depth):
            outer = SystemError("returned a result with an exception set")
            outer.__cause__ = error
            error = outer
        return is_ctrl_c(error)

    assert told(0) and told(1) and told(3)
    assert not is_ctrl_c(SystemError("of its own")) and not is_ctrl_c(ValueError()) and not is_ctrl_c(None)
