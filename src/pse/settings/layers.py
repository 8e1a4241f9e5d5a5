"""Layers of YAML become one tree of plain values, with the place of each.

Layers, each over the one before: built-in configs, the home folder's configs, `--config FILE`, `--set key=value`.  Mappings merge key by key, anything else
replaces; a desk file of home replaces the built-in desk of that name whole; a named entry set to null is taken out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pse.domain.errors import BadConfig
from pse.store.builtin import builtin_folder, config_files, desk_files
from pse.store.yaml_files import Layer, Mark, Marks, parse_value, read_yaml

FILES = ("settings.yaml", "instruments.yaml", "risk_policies.yaml", "fills.yaml", "events.yaml")
NAMED = ("desks", "instruments", "currencies", "risk_policies", "fills", "accounts")


def layered(home: Path, config: Path | None, overrides: Iterable[str]) -> tuple[dict[str, Any], Marks, dict[str, str]]:
    """All layers as one tree, with the place of every value, and the desks whose files cannot be read, with why."""
    tree: dict[str, Any] = {}
    marks: Marks = {}
    layers, broken = _folder_layers(home / "configs")
    for layer in layers:
        _lay(tree, marks, layer)
    if config is not None:
        _lay(tree, marks, read_yaml(config))
    for text in overrides:
        _lay(tree, marks, _override(text, tree))
    for name in NAMED:
        entries = tree.get(name)
        if isinstance(entries, dict):
            tree[name] = {key: value for key, value in entries.items() if value is not None and not (name == "desks" and key in broken)}
    return tree, marks, broken


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


def _lay(tree: dict[str, Any], marks: Marks, layer: Layer) -> None:
    """Merge one layer over the tree, in place; the marks of what it replaces go."""
    gone = _merge(tree, layer.tree, ())
    for path in [path for path in marks if any(path[: len(top)] == top for top in gone)]:
        del marks[path]
    marks.update(layer.marks)


def _merge(below: dict[str, Any], above: Mapping[str, Any], at: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Key by key; returns the paths whose value was replaced whole."""
    gone: list[tuple[str, ...]] = []
    for key, value in above.items():
        if isinstance(value, dict) and isinstance(below.get(key), dict):
            gone += _merge(below[key], value, (*at, key))
        else:
            if key in below:
                gone.append((*at, key))
            below[key] = _copied(value)
    return gone


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


def _steps(words: list[str], tree: Any) -> list[str]:
    """The words of a dotted key as steps into the tree: the longest run of words that is a key there, else one word."""
    if not words:
        return []
    here = tree if isinstance(tree, Mapping) else {}
    size = next((n for n in range(len(words), 0, -1) if ".".join(words[:n]) in here), 1)
    step = ".".join(words[:size])
    return [step, *_steps(words[size:], here.get(step))]
