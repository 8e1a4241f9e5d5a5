"""How long the kernels take to compile on a machine that has never run them, in all and by the part of pse that asks for them."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections import defaultdict
from pathlib import Path

from benchmarks.measure import Figure, command_cpu

MOST_S = 30.0
ROOT = Path(__file__).parents[1]
PART = {"engine": "engine", "retests": "tactics", "pricing": "tactics", "stats": "research"}         # by kernel module; the others are features
TOLD = ("engine", "features", "tactics", "research")


def measure(folder: Path) -> list[Figure]:
    """CPU time of the demo with an empty cache, less the same with a full one; of that, what each part waited for."""
    shutil.rmtree(folder / "cache", ignore_errors=True)
    env = {"NUMBA_CACHE_DIR": str(folder / "cache"), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "benchmarks.compiling", str(folder / "parts.json"), "--home", str(folder / "demo"), "--quiet", "demo"]
    times, parts = [], []
    for _ in range(2):
        shutil.rmtree(folder / "demo", ignore_errors=True)
        (folder / "demo").mkdir()
        times.append(command_cpu(command, env))
        parts.append(json.loads((folder / "parts.json").read_text()))
    whole = Figure("first-ever compile of all kernels", times[0] - times[1], "s", 1, bar={"most": MOST_S},
                   note=f"`pse demo` {times[0]:.1f} s with an empty cache, {times[1]:.1f} s with a full one")
    return [whole, *(Figure(f"  of it the {part}", parts[0].get(part, 0.0), "s", 1) for part in TOLD)]


def _timed(out: Path, words: list[str]) -> int:
    """Runs one command of pse in this process and writes what its parts compiled, in CPU seconds."""
    from numba.core import event

    from pse.cli import main

    class Compiles(event.Listener):
        """The functions that Python asks for; those inside them are in their times."""

        def __init__(self) -> None:
            self.depth, self.began, self.spent = 0, 0.0, defaultdict(float)

        def on_start(self, told) -> None:
            self.began = time.process_time() if self.depth == 0 else self.began
            self.depth += 1

        def on_end(self, told) -> None:
            self.depth -= 1
            if self.depth == 0:
                module = told.data["dispatcher"].py_func.__module__.rsplit(".", 1)[-1]
                self.spent[PART.get(module, "features")] += time.process_time() - self.began

    listener = Compiles()
    event.register("numba:compile", listener)
    code = main(words)
    out.write_text(json.dumps(listener.spent))
    return code


if __name__ == "__main__":
    import pse.kernels  # noqa: F401  names the cache folder before numba reads it

    sys.exit(_timed(Path(sys.argv[1]), sys.argv[2:]))
