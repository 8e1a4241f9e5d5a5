"""What README.md shows was run: its console blocks run here, in order, in one temporary folder; its tables name what exists."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pse.cli import app, main
from tests.conftest import REPOSITORY

README = (REPOSITORY / "README.md").read_text("utf-8")
CONTRIBUTING = (REPOSITORY / "CONTRIBUTING.md").read_text("utf-8")
ELSEWHERE = ("make", "source", "git", "pip", "python", "python3", "py", ".venv/bin/python")     # installs things; make's own targets are run by make

VERDICTS = (["wfo"], ["overfit"])
OWN_PROCESS = (["--help"], *VERDICTS)                # the first of all, and what starts processes itself


def console_commands(text: str) -> list[str]:
    """The lines that start with `$ ` in fences called console, without the prompt."""
    blocks = re.findall(r"^```console\n(.*?)^```", text, flags=re.M | re.S)
    return [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]


def runnable(command: str) -> bool:
    return shlex.split(command)[0] not in ELSEWHERE


def write_minutes(path: Path, days: int = 6, seed: int = 5) -> None:
    """Minutes of ES on its tick grid, inside its sessions, in the columns that the README shows."""
    rng = np.random.default_rng(seed)
    lines, price = ["time,open,high,low,close,volume"], 5137.25
    for day in range(days):
        opens = np.datetime64("2024-03-03T23:00:00") + np.timedelta64(day, "D")      # 17:00 in Chicago, winter time
        if np.is_busday(opens.astype("datetime64[D]") + 1):
            for minute in range(23 * 60):
                steps = rng.integers(-4, 5, 3) * 0.25
                closes = price + steps[0]
                high, low = max(price, closes) + abs(steps[1]), min(price, closes) - abs(steps[2])
                lines.append(f"{opens + np.timedelta64(minute, 'm')}Z,{price:.2f},{high:.2f},{low:.2f},{closes:.2f},{rng.integers(50, 2000)}")
                price = closes
    path.write_text("\n".join(lines) + "\n")


def test_there_are_commands_to_run():
    commands = console_commands(README)
    assert commands[:2] == ["make demo", "make test"]
    assert sum(map(runnable, commands)) >= 8


def run_shown(folder: Path, command: str) -> str:
    """What a shown command prints in `folder`; RUN_ID is the newest run there.  It must end well."""
    words = shlex.split(command)
    if "RUN_ID" in words:
        newest = max(path.name for path in (folder / "backtests" / "outputs").iterdir())
        words = [newest if word == "RUN_ID" else word for word in words]
    alone = Path(words[0]).name != "pse" or words[1:2] in OWN_PROCESS
    code, said = (in_a_process if alone else here)(folder, words)
    answers = (0, 1) if words[1:2] in VERDICTS else (0,)                                        # a verdict is an answer, and most are no
    assert code in answers, f"$ {command}\n{said}"
    return said


def here(folder: Path, words: list[str]) -> tuple[int, str]:
    """The command line in this process: what it says is the same, and its compiled code is loaded once for all of them."""
    printed = io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        code = main(words[1:])
    return code, printed.getvalue()


def in_a_process(folder: Path, words: list[str]) -> tuple[int, str]:
    words = [sys.executable, "-m", "pse", *words[1:]] if Path(words[0]).name == "pse" else words
    shown = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(words, cwd=folder, env=shown, capture_output=True, text=True, timeout=300, check=False)
    return done.returncode, done.stderr + done.stdout


@pytest.mark.slow
def test_every_command_shown_in_the_readme_runs_in_its_order(tmp_path):
    write_minutes(tmp_path / "mine.csv")
    said = [run_shown(tmp_path, command) for command in filter(runnable, console_commands(README))]
    text = "\n".join(said)
    assert re.search(r"status +created", text) and re.search(r"status +unchanged", text) and "EQUAL" in text and "whole" in text
    assert (tmp_path / "reports" / "mine.html").stat().st_size > 100_000 and (tmp_path / "configs" / "settings.yaml").is_file()


def figures(text: str) -> list[str]:
    """The lines of a run's summary without what moves with a result: numbers, ids, times, spaces."""
    plain = [re.sub(r"[0-9a-f]{16}|\d{8}-\d{6}-[\w-]+|[\d.,:+\u2212-]+", "#", line) for line in text.splitlines()]
    return [" ".join(line.split()) for line in plain if line.strip() and "compiling" not in line and not line.startswith(("!", "To be known", "Refused"))]


@pytest.mark.slow
def test_the_demo_prints_what_the_readme_shows(tmp_path):
    """Line by line but for numbers and for the doubts, which come and go with them."""
    shown = re.search(r"^```text\n(.*?)^```", README, flags=re.M | re.S)
    assert shown is not None
    demo = subprocess.run([sys.executable, "-m", "pse", "demo"], cwd=tmp_path, env={**os.environ, "COLUMNS": "100"}, capture_output=True, text=True,
                          timeout=300, check=False)
    assert demo.returncode == 0 and figures(demo.stderr + demo.stdout) == figures(shown[1]), demo.stderr
    assert (tmp_path / "pse-demo" / "reports" / "demo.html").is_file() and list(tmp_path.iterdir()) == [tmp_path / "pse-demo"]


def test_the_screenshot_is_small():
    assert (REPOSITORY / "docs" / "images" / "report.png").stat().st_size < 300_000


def test_every_command_there_is_stands_in_the_readme():
    groups = [group.name for group in app.registered_groups]
    for name in [command.name for command in app.registered_commands] + groups:
        assert f"pse {name}" in README or re.search(rf"`pse [^`]*\b{name}\b", README), name


def test_every_extra_stands_in_the_readme():
    import tomllib

    extras = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert [extra for extra in extras if f"`{extra}`" not in README] == []


def test_every_file_and_link_that_the_pages_name_exists():
    for text in (README, CONTRIBUTING):
        for target in re.findall(r"\]\(([^)#:]+)\)", text):
            assert (REPOSITORY / target).exists(), target
    for target in re.findall(r"`((?:src|tests|configs|requirements)/[\w./-]+)`", README + CONTRIBUTING):
        assert (REPOSITORY / target).exists() or "my_rule" in target, target


def test_every_room_stands_in_contributing():
    rooms = [path.name for path in (REPOSITORY / "src" / "pse").iterdir() if path.is_dir() and any(path.glob("*.py"))]
    assert [room for room in rooms if f"{room}/" not in CONTRIBUTING] == []
