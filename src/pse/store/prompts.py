"""The prompts of a home folder: the built-in ones, and over them those that stand in its `prompts/`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from pse.domain.errors import BadConfig
from pse.store.builtin import builtin_folder

Parsed = TypeVar("Parsed")
SUFFIX = ".md"


def prompt_files(home: Path) -> dict[str, tuple[Path, str]]:
    """Prompt name to its file and how it is shown; a file of home's hides the built-in one of its name."""
    builtin, own = builtin_folder("prompts"), home / "prompts"
    same = own.resolve() == builtin.resolve()
    folders = [(builtin, "prompts" if same else "built-in prompts")] + ([] if same else [(own, "prompts")])
    return {path.name.removesuffix(SUFFIX): (path, f"{shown}/{path.name}") for folder, shown in folders for path in sorted(folder.glob(f"*{SUFFIX}"))}


def read_prompts(home: Path, parse: Callable[[str, bytes, str], Parsed], names: tuple[str, ...] | None = None) -> dict[str, Parsed]:
    """Every prompt of a home by its name, or those of `names`.  `parse`: makes one of its name, its bytes and how its file is shown.

    Raises `BadConfig` for a name that has no file, and what `parse` raises.
    """
    files, found = prompt_files(home), {}
    for name in files if names is None else dict.fromkeys(names):
        if name not in files:
            raise BadConfig(f"no prompt named {name!r} stands in prompts/ of {home} or comes with pse; there are: {', '.join(sorted(files)) or 'none'}: write "
                            f"{name}{SUFFIX}, or name another in agents.yaml")
        path, shown = files[name]
        try:
            content = path.read_bytes()
        except OSError as error:
            raise BadConfig(f"{shown} cannot be read: {error.strerror}; check its rights") from error
        found[name] = parse(name, content, shown)
    return found


def builtin_names() -> set[str]:
    """Names of the prompts that come with pse."""
    return {path.name.removesuffix(SUFFIX) for path in builtin_folder("prompts").glob(f"*{SUFFIX}")}


def changed_prompts(home: Path) -> list[str]:
    """Names of built-in prompts that home has under the same name with another text."""
    builtin = {path.name.removesuffix(SUFFIX): path for path in builtin_folder("prompts").glob(f"*{SUFFIX}")}
    return [name for name, (path, _) in prompt_files(home).items() if name in builtin and path.read_bytes() != builtin[name].read_bytes()]
