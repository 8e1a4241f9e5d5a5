"""What all tests share: the hypothesis profile, the marks that skip, an empty home and a way to run a command line."""

from __future__ import annotations

import collections
import functools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis
import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

# A kernel's first call compiles, which no deadline may count; two workers share the machine.  Each test draws the same examples on every machine, so that
# what passed here passes there; PSE_EXPLORE=1 draws new ones (`make explore`), and what it finds becomes a case of its own.
hypothesis.settings.register_profile("pse", deadline=None, max_examples=50, database=None, print_blob=True,
                                     derandomize=not os.environ.get("PSE_EXPLORE"), suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("pse")

# A run that leaves out the slow tests draws at most so many examples a test; the whole suite draws as many as each test asks for.
FAST_EXAMPLES = 12
FAST_WORLDS = 6                                  # of tests that draw whole markets and run the engine over each
WORLDS = ("tests/laws/", "tests/engine/", "tests/kernels/test_engine_", "tests/kernels/test_matching.py", "tests/kernels/test_plans.py")


def is_fast(config: pytest.Config) -> bool:
    return "not slow" in config.getoption("markexpr", "")


def draw_fewer(items: list[pytest.Item]) -> None:
    """What a test asked for stands on its function, where hypothesis looks when the test is called."""
    for item in items:
        drawn = getattr(getattr(item, "obj", None), "_hypothesis_internal_use_settings", None)
        most = FAST_WORLDS if item.nodeid.startswith(WORLDS) else FAST_EXAMPLES
        if drawn is not None and drawn.max_examples > most:
            item.obj._hypothesis_internal_use_settings = hypothesis.settings(drawn, max_examples=most)


def longest_first(items: list[pytest.Item]) -> None:
    """Files with a slow test before the others, so that no worker is left alone with one at the end; in each part those with many tests first."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    tests = collections.Counter(item.path for item in items)
    items.sort(key=lambda item: (item.path not in slow, -tests[item.path]))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what this machine cannot run, with the reason; where the slow tests are left out, the others draw fewer examples."""
    if is_fast(config):
        draw_fewer(items)
    if hasattr(config, "workerinput"):
        longest_first(items)
    folder = os.environ.get("PSE_REAL_DATA")
    real = pytest.mark.skip(reason="PSE_REAL_DATA names no folder of real market data") if not (folder and Path(folder).is_dir()) else None
    browser = pytest.mark.skip(reason=f"none of {', '.join(BROWSERS)} is installed") if not any(map(shutil.which, BROWSERS)) else None
    for item in items:
        for name, mark in (("real", real), ("browser", browser)):
            if mark is not None and item.get_closest_marker(name):
                item.add_marker(mark)


@pytest.fixture(scope="session", autouse=True)
def _made_once() -> Iterator[None]:
    """The command line is made once a process, and the years of a calendar once for all homes: both are the same each time that they are made."""
    import typer.main

    from pse.store import sessions

    from_calendar, made = sessions._from_calendar, {}

    def once(*given: Any) -> Any:
        if (key := repr(given)) not in made:
            made[key] = from_calendar(*given)
        return made[key]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sessions, "_from_calendar", once)
        patched.setattr(typer.main, "get_command", functools.cache(typer.main.get_command))
        yield


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test feels the developer's own home or colours."""
    for name in ("PSE_HOME", "FORCE_COLOR", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real market data; for tests marked `real`."""
    folder = os.environ.get("PSE_REAL_DATA")
    if not folder:
        pytest.skip("PSE_REAL_DATA names no folder of real market data")
    return Path(folder)


@pytest.fixture
def wire() -> Iterator[Any]:
    """A server on the loopback that speaks the APIs of language models: see tests/wire/server.py."""
    from tests.wire.server import Wire

    with Wire() as served:
        yield served


@dataclass(frozen=True)
class Ran:
    """What a command line left: its exit code and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.out)


@pytest.fixture
def pse(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """Run `pse WORDS...` in this process, with an empty temporary folder as home."""
    from pse.cli import main

    monkeypatch.chdir(tmp_path)

    def run(*words: object) -> Ran:
        capsys.readouterr()
        code = main([str(word) for word in words])
        printed = capsys.readouterr()
        return Ran(code, printed.out, printed.err)

    return run


@pytest.fixture
def pse_process(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run `python -m pse WORDS...` as a process of its own, in an empty temporary folder."""
    def run(*words: object, **given: Any) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pse", *map(str, words)]
        return subprocess.run(command, cwd=given.pop("cwd", tmp_path), capture_output=True, text=True, timeout=120, check=False, **given)

    return run
