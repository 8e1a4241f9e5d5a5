"""Settings as a home folder gives them: all layers, and what will not do told by its place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pse.domain.errors import BadConfig
from pse.settings.complaints import BadSetting, Complaint
from pse.settings.contradictions import contradictions
from pse.settings.layers import NAMED, layered
from pse.settings.tree import Settings, loose_ends, typed
from pse.store.yaml_files import Mark

MAX_ROUNDS = 20                                # of taking out what is wrong and looking again


def load_settings(home: Path, config: Path | None = None, overrides: Iterable[str] = (), any_desk: bool = False) -> Settings:
    """The resolved settings of a home folder.  Raises `BadConfig` naming file, line and the nearest key.

    A desk file that will not do stops only its own desk: the others are there, and it stands in `broken`.  `any_desk`: not even the chosen one stops.
    """
    tree, marks, broken = layered(home, config, overrides)
    wanted = None if any_desk else tree.get("desk", Settings.model_fields["desk"].default)
    if wanted in broken:
        raise BadConfig(broken[wanted])
    while True:
        try:
            settings = typed(tree, marks, Mark(str(home / "configs"), 0), home)
            if wrong := list(loose_ends(settings, marks, broken)) or list(contradictions(settings)):
                raise BadSetting(wrong)
        except BadSetting as error:
            others = _of_other_desks(error.complaints, wanted)
            if rest := [one for one in error.complaints if not any(one in own for own in others.values())]:
                raise _unknown_desk(rest) or BadSetting(rest) from error
            broken |= {name: str(BadSetting(own)) for name, own in others.items()}
            tree["desks"] = {name: desk for name, desk in tree["desks"].items() if name not in broken}
        else:
            settings._broken = broken
            return settings


def _of_other_desks(complaints: Iterable[Complaint], wanted: str | None) -> dict[str, list[Complaint]]:
    """Complaints about what the files of desks say that are not wanted, by desk; what --set and --config say is always wanted."""
    found: dict[str, list[Complaint]] = {}
    for one in complaints:
        name = str(one.path[1]) if len(one.path) > 1 and one.path[0] == "desks" else None
        if name is not None and name != wanted and one.mark is not None and one.mark.source.endswith(f"configs/desks/{name}.yaml"):
            found.setdefault(name, []).append(one)
    return found


def _unknown_desk(complaints: Sequence[Complaint]) -> BadConfig | None:
    """The words for a desk that was asked for on the command line; a settings file that names one is told by its line."""
    one = complaints[0]
    return BadConfig(one.text) if one.path == ("desk",) and one.mark is not None and one.mark.source.startswith("--set") else None


def settings_with_complaints(home: Path, config: Path | None = None,
                             overrides: Iterable[str] = ()) -> tuple[Settings | None, list[Complaint], dict[str, str]]:
    """The settings without what is wrong in them, everything that is, and the desks whose files cannot be read, with why; None where too little is left.

    Text of shared files that is not YAML still raises.
    """
    tree, marks, broken = layered(home, config, overrides)
    complaints: list[Complaint] = []
    for _ in range(MAX_ROUNDS):
        try:
            settings = typed(tree, marks, Mark(str(home / "configs"), 0), home)
        except BadSetting as error:
            out = [one.path for one in complaints]       # what is missing around those was taken out here
            complaints += [one for one in error.complaints if not any(path[:len(one.path)] == one.path for path in out)]
            for one in sorted(error.complaints, key=lambda one: str(one.path), reverse=True):
                _take_out(tree, one.path)
        else:
            loose = list(loose_ends(settings, marks, broken))
            return settings, complaints + (loose or list(contradictions(settings))), broken
    return None, complaints, broken


def _take_out(tree: Any, path: tuple[str | int, ...]) -> None:
    """Removes a setting that will not do; where it is one that is missing, or cannot stand alone, the named entry around it."""
    above, last = tree, path[-1]
    for step in path[:-1]:
        above = above[step] if _has(above, step) else None
    if _has(above, last):
        del above[last]
    elif len(path) > 2 or (len(path) == 2 and path[0] not in NAMED):        # a named entry that is gone already takes none of its like along
        _take_out(tree, path[:-1])


def _has(tree: Any, step: str | int) -> bool:
    return step in tree if isinstance(tree, dict) else isinstance(tree, list) and isinstance(step, int) and step < len(tree)
