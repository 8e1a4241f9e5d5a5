"""Where the configs that come with `pse` lie: inside the installed package, or at the top of a source checkout."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
KINDS = ("configs", "prompts")


def builtin_folder(kind: str) -> Path:
    """The folder of the built-in `configs` or `prompts`; it may not exist when this version carries none of the kind."""
    packed = _PACKAGE / "_builtin" / kind
    return packed if packed.is_dir() else _PACKAGE.parents[1] / kind


def builtin_files() -> dict[str, Path]:
    """Every file that `pse init` writes: its place below home, with `/`, and where its text stands."""
    found = {}
    for kind in KINDS:
        folder = builtin_folder(kind)
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.suffix in (".yaml", ".md"):
                found[f"{kind}/{path.relative_to(folder).as_posix()}"] = path
    return found
