"""Where the configs that come with `pse` lie: inside the installed package, or at the top of a source checkout."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pse.store.files import write_atomic

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


@dataclass(frozen=True)
class Written:
    """What `write_builtin` did: names relative to the folder, with `/`."""

    written: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)


def write_builtin(root: Path, *, force: bool) -> Written:
    """Write the built-in files below `root`: what is missing, and with `force` also what differs.  A changed file is never touched otherwise."""
    done = Written()
    for name, source in builtin_files().items():
        target, content = root / name, source.read_bytes()
        if target.exists() and target.read_bytes() == content:
            done.unchanged.append(name)
        elif target.exists() and not force:
            done.kept.append(name)
        else:
            write_atomic(target, content)
            done.written.append(name)
    return done


def config_files(folder: Path, names: tuple[str, ...]) -> list[Path]:
    """The files of `names` that a configs folder has, in that order."""
    return [folder / name for name in names if (folder / name).is_file()]


def desk_files(folder: Path) -> dict[str, Path]:
    """Desk name to file, of a configs folder."""
    return {path.stem: path for path in sorted((folder / "desks").glob("*.yaml"))}
