"""The command line.  `frame` parses, prints and gives exit codes; each other module holds a group of commands, which it mounts when it is imported.

Nothing heavy is imported here; each command imports its module of `commands/` when it is called.
"""

from __future__ import annotations

import importlib

from pse.cli.frame import app, main

__all__ = ["app", "main"]

for _group in ("start", "data", "desks", "running", "looking", "risk", "decisions", "agents"):    # the order of the help
    importlib.import_module(f"pse.cli.{_group}")
