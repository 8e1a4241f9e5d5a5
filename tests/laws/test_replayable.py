"""Same snapshot, settings and seed: the same bytes, in another process, under another order of hashing, and whatever else is stored beside."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.commands.stored import FIRST, runs, stored_real, stored_synthetic

WINDOW = ("--symbol", "ES", "--start", FIRST, "--end", "2023-03-11", "--seed", "42")


def run_with(home, hash_seed, *words):
    """A backtest in a process of its own; its journal and its projections."""
    command = [sys.executable, "-m", "pse", "--home", str(home), "-q", "backtest", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False,
                          env={**os.environ, "PYTHONHASHSEED": str(hash_seed)})
    assert done.returncode == 0, done.stderr
    folder = runs(home)[-1]
    names = ("journal.jsonl", "recommendations.json", "final_decisions.jsonl", "trades.parquet", "equity.parquet", "positions.parquet", "lots.parquet",
             "metrics.json")
    return {name: (folder / name).read_bytes() for name in names}


@pytest.mark.slow
def test_two_processes_under_different_hash_seeds_write_the_same_bytes(tmp_path):
    home = stored_synthetic(tmp_path / "home")
    one, two = (run_with(home, hash_seed, *WINDOW) for hash_seed in (1, 4_242))
    assert one == two and len(one["journal.jsonl"]) > 5_000


def test_another_home_with_other_runs_in_it_writes_the_same_bytes(tmp_path, pse):
    first, second = stored_synthetic(tmp_path / "first"), stored_synthetic(tmp_path / "second" / "deeper")
    assert pse("--home", second, "-q", "backtest", "--symbol", "ES", "--start", "2023-03-13", "--end", "2023-03-15").code == 0
    for home in (first, second):
        assert pse("--home", home, "-q", "backtest", *WINDOW).code == 0
    one, two = ((runs(home)[-1] / "journal.jsonl").read_bytes() for home in (first, second))
    assert one == two


@pytest.mark.real
@pytest.mark.slow
def test_real_minutes_are_replayed_byte_for_byte_and_proven(tmp_path, real_data, pse):
    home = stored_real(real_data, tmp_path / "home")
    window = ("--symbol", "ES", "--start", "2013-10-06", "--end", "2013-12-04", "--seed", "42")
    one, two = (run_with(home, hash_seed, *window) for hash_seed in (3, 77))
    assert one == two
    proof = pse("--home", home, "--json", "prove", runs(home)[0].name)
    assert (proof.code, proof.json["result"]) == (0, "EQUAL")
