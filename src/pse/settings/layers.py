"""Layers of YAML become one tree of plain values, with the place of each.

Layers, each over the one before: built-in configs, the home folder's configs, `--config FILE`, `--set key=value`.  Mappings merge key by key, anything else
replaces; a desk file of home replaces the built-in desk of that name whole, a file's `search: parameters:` those of the files before it; a named entry set
to null is taken out.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pse.domain.errors import BadConfig, UnknownName
from pse.settings.complaints import BadSetting, Complaint, mark_of
from pse.store.builtin import builtin_folder, config_files, desk_files
from pse.store.yaml_files import Layer, Mark, Marks, parse_value, read_yaml

FILES = ("settings.yaml", "instruments.yaml", "risk_policies.yaml", "fills.yaml", "events.yaml", "models.yaml", "agents.yaml")
NAMED = ("desks", "instruments", "currencies", "risk_policies", "fills", "accounts", "chains", "personas", "models")
CALLED = {"desks": "desk", "instruments": "instrument", "currencies": "currency", "risk_policies": "risk profile", "fills": "fill policy",
          "accounts": "account", "chains": "chain", "personas": "persona", "models": "model"}
CHOSEN_BY = {"risk_policies": "risk", "fills": "fills"}      # the key by which a desk or an account takes one of them
SEARCHED = ("search", "parameters")                          # its keys have dots
ALIKE = 0.84                                                 # names that are more alike than this share are taken for one of them misspelt


def layered(home: Path, config: Path | None, overrides: Iterable[str]) -> tuple[dict[str, Any], Marks, dict[str, str]]:
    """All layers as one tree, with the place of every value, and the desks whose files cannot be read, with why."""
    tree: dict[str, Any] = {}
    marks: Marks = {}
    layers, broken = _folder_layers(home / "configs")
    misspelt: dict[tuple[str, str], str] = {}
    for layer in (*layers, *(() if config is None else (read_yaml(config),))):
        misspelt |= _alike(tree, layer.tree)
        _lay(tree, marks, layer)
    for text in overrides:
        layer = _override(text, tree)
        _only_known(tree, layer.tree, broken, f"--set {text}")
        _lay(tree, marks, layer, is_file=False)
    for name in NAMED:
        entries = tree.get(name)
        if isinstance(entries, dict):
            tree[name] = {key: value for key, value in entries.items() if value is not None and not (name == "desks" and key in broken)}
    if wrong := list(_unused(tree, marks, misspelt)):
        raise BadSetting(wrong)
    return tree, marks, broken


def _new(tree: Mapping[str, Any], layer: Mapping[str, Any]) -> Iterator[tuple[str, str, list[str]]]:
    """Named entries that a layer would add: their section, their name and the names that are there before."""
    for section in NAMED:
        there, given = tree.get(section), layer.get(section)
        known = list(there) if isinstance(there, dict) else []
        for name in given if isinstance(given, dict) else ():
            if name not in known:
                yield section, name, known


def _only_known(tree: Mapping[str, Any], layer: Mapping[str, Any], broken: Mapping[str, str], source: str) -> None:
    """Refuses a `--set` into a named entry that is not there: its name is misspelt.  One that writes a desk whole means it."""
    whole = source.partition("=")[0].count(".") == 1
    for section, name, known in _new(tree, layer):
        if not (section == "desks" and (whole or name in broken)):
            raise BadConfig(f"{source}: {UnknownName(CALLED[section], name, known)} `--set` changes what is there; write a new one in a file, below "
                            f"`{section}:`, in configs or for --config")


def _alike(tree: Mapping[str, Any], layer: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    """Profiles, fill policies and accounts that a file adds under a name almost like one of a file below it; the section and name to the other name.

    A name with more before or after it, or other digits, is a variant and no slip.
    """
    found = {}
    for section, name, known in _new(tree, layer):
        near = difflib.get_close_matches(name, known, n=1, cutoff=ALIKE) if section in (*CHOSEN_BY, "accounts") else []
        if near and not _is_variant(name, near[0]):
            found[(section, name)] = near[0]
    return found


def _is_variant(name: str, other: str) -> bool:
    letters = ["".join(sign for sign in one if not sign.isdigit()).strip("_-") for one in (name, other)]
    longer, shorter = sorted((name, other), key=len, reverse=True)
    return letters[0] == letters[1] or longer.startswith((f"{shorter}_", f"{shorter}-")) or longer.endswith((f"_{shorter}", f"-{shorter}"))


def _unused(tree: Mapping[str, Any], marks: Marks, misspelt: Mapping[tuple[str, str], str]) -> Iterator[Complaint]:
    """Of the entries with a doubtful name those that no desk or account takes."""
    for (section, name), near in misspelt.items():
        if name not in tree.get(section, {}):                # taken out again by a later layer
            continue
        key = CHOSEN_BY.get(section)
        takers = [one for each in ("desks", "accounts") if isinstance(tree.get(each), dict) for one in tree[each].values() if isinstance(one, dict)]
        if key is None or all(one.get(key) != name for one in takers):
            what = CALLED[section]
            mend = f"have a desk or an account name it (`{key}: {name}`)" if key else "take a name less like that one"
            yield Complaint(mark_of(marks, (section, name)), (section, name), (
                f"a new {what} {name!r}, which is almost the {what} {near!r} ({mark_of(marks, (section, near))}){' and which nothing names' if key else ''}. "
                f"Did you mean {near}? Write that, or {mend}"))


def _folder_layers(own: Path) -> tuple[list[Layer], dict[str, str]]:
    """Built-in files and home's, in order; a desk file is one layer below `desks.NAME`, and home's replaces the built-in one.  Beside them the desks whose
    files cannot be read, with why."""
    builtin = builtin_folder("configs")
    same = own.resolve() == builtin.resolve()
    folders = [(builtin, "configs" if same else "built-in configs")] + ([] if same else [(own, "configs")])
    files = [(FILES.index(path.name), path, shown) for folder, shown in folders for path in config_files(folder, FILES)]
    layers = [read_yaml(path, f"{shown}/{path.name}") for _, path, shown in sorted(files, key=lambda file: file[0])]
    desks = {name: (path, f"{shown}/desks/{path.name}") for folder, shown in folders for name, path in desk_files(folder).items()}
    broken: dict[str, str] = {}
    for name, (path, shown) in desks.items():
        try:
            desk = read_yaml(path, shown)
        except BadConfig as error:
            broken[name] = str(error)
            continue
        if not desk.tree:
            broken[name] = f"{shown}, line 1: the file is empty, expected a desk: at least `symbols`, `tactics` and `risk`; write them, or remove the file"
            continue
        marks: Marks = {("desks", name, *key): mark for key, mark in desk.marks.items()}
        layers.append(Layer({"desks": {name: desk.tree}}, marks))
    return layers, broken


def _lay(tree: dict[str, Any], marks: Marks, layer: Layer, is_file: bool = True) -> None:
    """Merge one layer over the tree, in place; the marks of what it replaces go."""
    gone = _merge(tree, layer.tree, (), is_file)
    for path in [path for path in marks if any(path[: len(top)] == top for top in gone)]:
        del marks[path]
    marks.update(layer.marks)


def _merge(below: dict[str, Any], above: Mapping[str, Any], at: tuple[str, ...], is_file: bool) -> list[tuple[str, ...]]:
    """Key by key; returns the paths whose value was replaced whole."""
    gone: list[tuple[str, ...]] = []
    for key, value in above.items():
        if isinstance(value, dict) and isinstance(below.get(key), dict) and not _stands_alone((*at, key), below[key], value, is_file):
            gone += _merge(below[key], value, (*at, key), is_file)
        else:
            if key in below:
                gone.append((*at, key))
            below[key] = _copied(value)
    return gone


def _stands_alone(path: tuple[str, ...], below: Mapping[str, Any], above: Mapping[str, Any], is_file: bool) -> bool:
    """What a file searches is all that it searches; and of one parameter a list of values and a range do not mix."""
    if is_file:
        return path[-2:] == SEARCHED
    return path[-3:-1] == SEARCHED and ("values" in below) != ("values" in above)


def _copied(value: Any) -> Any:
    return {key: _copied(item) for key, item in value.items()} if isinstance(value, dict) else value


def _override(text: str, tree: Mapping[str, Any]) -> Layer:
    """`a.b.c=value` as a layer; a key that holds dots itself (a symbol) is found in the tree."""
    source = f"--set {text}"
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise BadConfig(f"{source}: expected KEY=VALUE with dots between levels, for example --set account.capital=50000")
    path = tuple(_steps(key.strip().split("."), tree))
    found: Any = parse_value(value, source)
    marks: Marks = {path[:depth]: Mark(source, 0) for depth in range(1, len(path) + 1)}
    for step in reversed(path):
        found = {step: found}
    return Layer(found, marks)


def _steps(words: list[str], tree: Any, above: tuple[str, ...] = ()) -> list[str]:
    """The words of a dotted key as steps into the tree: the longest run of words that is a key there, else one word (of what is searched all)."""
    if not words:
        return []
    here = tree if isinstance(tree, Mapping) else {}
    size = next((n for n in range(len(words), 0, -1) if ".".join(words[:n]) in here), len(words) if above[-2:] == SEARCHED else 1)
    step = ".".join(words[:size])
    return [step, *_steps(words[size:], here.get(step), (*above, step))]
