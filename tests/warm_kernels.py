"""Compile the kernels once, before parallel test workers would each do it: one small run of the whole path, in a folder that is thrown away."""

from __future__ import annotations

import sys
import tempfile
import time

from pse.cli import main
from pse.kernels import compiled_before


def warm() -> None:
    print("compiling the kernels (only the first time, and after a kernel changed) ...", file=sys.stderr, flush=True)
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as home:
        code = main(["--home", home, "--quiet", "demo"])
    # A failure here is a test's to report, with its reason; the tests run in any case.
    print(f"{'done' if code == 0 else 'not all compiled'} in {time.perf_counter() - started:.0f} s", file=sys.stderr)


if __name__ == "__main__" and not compiled_before():
    warm()
