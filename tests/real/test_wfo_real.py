"""A walk-forward over a real month: from a provider's file to a verdict, a report and a log that can be checked."""

from __future__ import annotations

import contextlib
import io
import json
import os
from pathlib import Path
from typing import Any

import pytest

from pse.cli import main

pytestmark = [pytest.mark.real, pytest.mark.slow]
WALK = ("wfo", "--desk", "futures-smc", "--set", "desks.futures-smc.symbols=[6E]", "--folds", "6", "--trials", "4", "--draws", "3", "--no-audit", "--jobs", "1")


def pse(home: Path, *words: object, codes: tuple[int, ...] = (0,)) -> dict[str, Any]:
    """One command line in `home`, answered in JSON."""
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        found = main(["--home", str(home), "--json", *map(str, words)])
    assert found in codes, f"{words}\n{out.getvalue()}\n{err.getvalue()}"
    told: dict[str, Any] = json.loads(out.getvalue())
    return told


def test_a_month_of_real_minutes_is_walked_forward_and_found_too_short(tmp_path: Path):
    pse(tmp_path, "ingest", "--provider", "csv", "--path", Path(os.environ["PSE_REAL_DATA"]) / "nautilus-6e-1m", "--symbol", "6E")
    ran = pse(tmp_path, *WALK, "--report", tmp_path / "page.html", codes=(1,))
    assert ran["verdict"] == "INSUFFICIENT" and len(ran["folds"]) == 6 and ran["trials"] == 4                  # 23 sessions are no record of anything
    assert any("warmup_sessions" in text for text in ran["warnings"])
    assert ran["folds"][-1]["test"][0]["end"].startswith("2024-01-31")
    assert (tmp_path / "page.html").stat().st_size < 2_000_000
    assert pse(tmp_path, "audit", "log", ran["run_id"])["findings"] == []
    assert pse(tmp_path, *WALK, "--start", "2024-01-01", codes=(2,))["error"].count("no warm-up") == 1
