"""Compiled code is kept by the text of all kernels: an edit of a callee is seen, old folders go, and a user's own folder is honoured."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import pse.kernels as kernels

WHERE = "import os\nfrom tmpkernels import CACHE_FOLDER\nprint({}, CACHE_FOLDER, os.environ.get('NUMBA_CACHE_DIR'))"
COMPUTE = "from tmpkernels.caller import outer\n" + WHERE.format("outer(3.0)")
LOOK = WHERE.format("0.0")                        # without numba: quick
CALLER = "from numba import njit\nfrom tmpkernels.callee import inner\n\n\n@njit(cache=True)\ndef outer(x):\n    return inner(x) + 1.0\n"
CALLEE = "from numba import njit\n\n\n@njit(cache=True)\ndef inner(x):\n    return {} * x\n"


def package(folder: Path, factor: float) -> Path:
    """A package with the doorkeeper of the kernels, one function and one that it calls."""
    root = folder / "tmpkernels"
    root.mkdir(exist_ok=True)
    (root / "__init__.py").write_text(Path(kernels.__file__).read_text())
    (root / "caller.py").write_text(CALLER)
    (root / "callee.py").write_text(CALLEE.format(factor))
    return folder


def ask(folder: Path, home: Path, code: str = COMPUTE, **environment: str) -> tuple[float, Path, str]:
    """(answer, cache folder, what NUMBA_CACHE_DIR says) of a process of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA")}
    done = subprocess.run([sys.executable, "-c", code], env={**kept, "XDG_CACHE_HOME": str(home), "HOME": str(home), "LOCALAPPDATA": str(home),
                                                                 "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1", **environment},
                          capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    answer, where, said = done.stdout.split()
    return float(answer), Path(where), said


@pytest.mark.slow
def test_an_edited_callee_is_seen_and_unchanged_sources_are_not_compiled_again(tmp_path):
    folder, home = package(tmp_path, 2.0), tmp_path / "cache"
    first, where, said = ask(folder, home)
    compiled = {path: path.stat().st_mtime_ns for path in where.rglob("*.nbc")}
    again, same, _ = ask(folder, home)
    assert (first, again) == (7.0, 7.0) and where == same == Path(said) and where.is_relative_to(home) and len(compiled) == 2
    assert {path: path.stat().st_mtime_ns for path in where.rglob("*.nbc")} == compiled
    stamp = (folder / "tmpkernels" / "caller.py").stat().st_mtime_ns
    package(folder, 10.0)
    os.utime(folder / "tmpkernels" / "caller.py", ns=(stamp, stamp))                 # the caller's file is untouched
    edited, other, _ = ask(folder, home)
    assert edited == 31.0 and other != where and other.parent == where.parent


def test_folders_that_nobody_used_for_two_weeks_go_and_younger_ones_stay(tmp_path):
    folder, home = package(tmp_path, 2.0), tmp_path / "cache"
    _, where, _ = ask(folder, home, LOOK)
    for name, days in (("pse-kernels-old", kernels.KEEP_STALE_DAYS + 1), ("pse-kernels-young", kernels.KEEP_STALE_DAYS - 1)):
        (where.parent / name).mkdir()
        (where.parent / name / "x.nbc").write_text("x")
        moment = time.time() - days * 86_400
        os.utime(where.parent / name, (moment, moment))
    ask(folder, home, LOOK)
    assert {one.name for one in where.parent.iterdir()} == {"pse-kernels-young", where.name}


def test_a_users_own_folder_is_honoured_and_nothing_in_it_is_pruned(tmp_path):
    folder, own = package(tmp_path, 2.0), tmp_path / "own"
    (own / "older").mkdir(parents=True)
    os.utime(own / "older", (0, 0))
    _, where, said = ask(folder, tmp_path / "cache", LOOK, NUMBA_CACHE_DIR=str(own))
    assert where.parent == own and said == str(where) and (own / "older").is_dir() and not (tmp_path / "cache").exists()


def test_a_child_process_uses_the_folder_of_its_parent(tmp_path):
    folder, home = package(tmp_path, 2.0), tmp_path / "cache"
    _, where, said = ask(folder, home, LOOK)
    _, child, _ = ask(folder, tmp_path / "elsewhere", LOOK, NUMBA_CACHE_DIR=said)
    assert child == where


@pytest.mark.slow
def test_a_folder_inherited_from_other_sources_is_not_answered_from(tmp_path):
    """A process started by one whose kernels were different: the folder beside it, not the same one."""
    folder, home = package(tmp_path, 2.0), tmp_path / "cache"
    _, where, said = ask(folder, home)
    stamp = (folder / "tmpkernels" / "caller.py").stat().st_mtime_ns
    package(folder, 10.0)
    os.utime(folder / "tmpkernels" / "caller.py", ns=(stamp, stamp))
    edited, other, _ = ask(folder, home, NUMBA_CACHE_DIR=said)
    assert edited == 31.0 and other != where


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="permissions do not bind this user")
def test_a_read_only_home_compiles_in_memory(tmp_path):
    folder, home = package(tmp_path, 2.0), tmp_path / "cache"
    home.mkdir(mode=0o500)
    assert ask(folder, home)[0] == 7.0


def test_the_digest_sees_names_texts_and_numbas_version(tmp_path, monkeypatch):
    (tmp_path / "a.py").write_text("x = 1\n")
    seen = [kernels.sources_digest(tmp_path)]
    (tmp_path / "a.py").write_text("x = 2\n")
    seen.append(kernels.sources_digest(tmp_path))
    (tmp_path / "a.py").rename(tmp_path / "b.py")
    seen.append(kernels.sources_digest(tmp_path))
    monkeypatch.setattr(kernels, "version", lambda name: "0.0")
    seen.append(kernels.sources_digest(tmp_path))
    assert len(set(seen)) == 4 and all(len(one) == 16 for one in seen)
