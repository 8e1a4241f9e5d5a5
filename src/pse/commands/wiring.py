"""What every command is handed (`Context`) and what it hands back (`Answer`).

The context is told by the command line where home is and which settings were asked for; below `commands/` nobody reads the environment.
"""

from __future__ import annotations

import contextlib
import json
import math
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pse.clock import Clock, WallClock

if TYPE_CHECKING:
    from numpy.random import SeedSequence
    from rich.console import Console
    from rich.progress import Progress

    from pse.settings import Settings
    from pse.store.layout import Home


class Stopped(KeyboardInterrupt):
    """Ctrl-C, after the command kept its state; the text says how to resume.  Exit code 130."""


@dataclass(frozen=True)
class Answer:
    """What a command found.

    `data` holds the command's own JSON keys (`command, ok, warnings` are added by whoever prints).  `show` prints the human form on the console it is
    given.  `exit_code` 0: done; 1: done, and the answer is no.
    """

    data: Mapping[str, Any] = field(default_factory=dict)
    show: Callable[[Console], None] | None = None
    exit_code: int = 0
    warnings: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return self.exit_code == 0


@dataclass(frozen=True)
class Context:
    """The place, the settings and the voice of one command.

    `config` and `overrides` are what `--config` and `--set key=value` gave; `settings` is read when it is first asked for.
    """

    home: Home
    console: Console
    err: Console
    json: bool = False
    quiet: bool = False
    verbose: bool = False
    config: Path | None = None
    overrides: tuple[str, ...] = ()
    clock: Clock = field(default_factory=WallClock)
    warnings: list[str] = field(default_factory=list)

    @cached_property
    def settings(self) -> Settings:
        """The resolved tree: built-in configs, home's, `--config`, `--set`."""
        from pse.domain.errors import RequestError
        from pse.settings import load_settings

        found = load_settings(self.home.root, config=self.config, overrides=self.overrides)
        if found.storage.tables != self.home.address:
            here, there = found.storage.tables or "none", self.home.address or "none"
            raise RequestError(f"storage.tables is {here} for this command ({found.where('storage', 'tables')}) and {there} for the home {self.home.root}; "
                               f"where tables lie is a matter of the home: write it into its configs/settings.yaml, or take another --home")
        return found

    def asking(self, *, config: Path | None = None, overrides: tuple[str, ...] = (), desk: str | None = None, seed: int | None = None,
               fills: str | None = None, fills_too: tuple[str, ...] = ()) -> Context:
        """A context whose settings carry what this command's flags asked for; `--desk --seed --fills` win over `--set`.

        `fills_too`: words that `--fills` takes besides the policies; named where it is none of either.
        """
        asked = list(self.overrides) + list(overrides)
        if desk is not None:
            asked.append(f"desk={desk}")
        if seed is not None:
            asked.append(f"seed={seed}")
        changed = replace(self, config=config or self.config, overrides=tuple(asked))
        if fills is not None:
            from pse.domain.errors import UnknownName

            if fills not in changed.settings.fills:
                raise UnknownName("fill policy", fills, (*changed.settings.fills, *fills_too))
            changed = replace(changed, overrides=(*asked, f"desks.{changed.settings.desk}.fills={fills}"))
        return changed

    @cached_property
    def redact(self) -> Callable[[str], str]:
        """Masks what this process's environment names as a key, token, secret or password, and what has the shape of one."""
        import os

        from pse.domain.redaction import redactor, secrets_of

        return redactor(secrets_of(os.environ))

    def note(self, text: str) -> None:
        """One line for the user on stderr; silent with --quiet."""
        if not self.quiet:
            self.err.print(text, markup=False, highlight=False)

    def warn(self, text: str) -> None:
        """A line on stderr that also stands in the JSON answer's `warnings`."""
        self.warnings.append(text)
        self.err.print(f"warning: {text}", markup=False, highlight=False)

    def detail(self, text: str) -> None:
        """One line on stderr, with --verbose only."""
        if self.verbose:
            self.err.print(text, markup=False, highlight=False, style="dim")

    @contextlib.contextmanager
    def progress(self) -> Iterator[Progress]:
        """A progress bar with an estimate on stderr; draws nothing when quiet or when stderr is no terminal."""
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=self.err, transient=True, disable=self.quiet or not self.err.is_terminal) as progress:
            yield progress

    def seeds(self, *names: str | int) -> SeedSequence:
        """The random source of one purpose: the run's seed, spawned by name (and fold), never by worker or order of use."""
        return seeds(self.settings.seed, *names)


def seeds(seed: int, *names: str | int) -> SeedSequence:
    """`SeedSequence(seed)` spawned by a path of names and numbers; equal paths give equal sources on every machine."""
    from numpy.random import SeedSequence

    return SeedSequence(seed, spawn_key=tuple(zlib.crc32(name.encode()) if isinstance(name, str) else name for name in names))


def say(console: Console, text: str, style: str = "") -> None:
    """A text for people; what a terminal would obey instead of showing it stands there as its code."""
    from rich.text import Text

    shown = text if text.isprintable() else "".join(sign if sign.isprintable() or sign == "\n" else ascii(sign)[1:-1] for sign in text)
    console.print(Text(shown, style=style), soft_wrap=True)


def json_text(value: Any) -> str:
    """One JSON document: sorted keys, no spaces, NaN and infinities as null; numpy values, paths and tuples become plain ones."""
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    """`value` in the types that JSON knows."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value + 0.0 if math.isfinite(value) else None
    if value is None or isinstance(value, str | int):
        return value
    if hasattr(value, "tolist"):                         # numpy scalars and arrays
        return _plain(value.tolist())
    return str(value)
