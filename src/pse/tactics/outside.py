"""A tactic by its name: one that comes with the package, one of an installed package, or a file of the user's; and what a class must have to be one."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from pse.domain.errors import BadConfig, UnknownName
from pse.registry import TACTICS, installed, resolve
from pse.store.plugins import FORM, PluginFile, installed_source, load_installed, read_plugin

FACTS = {"name": "its id, the name that desks use", "label": "what a trader calls it", "version": "text, raised when its rule changes"}
DOORS = {"scan": ("features", "instrument"), "symbols": (), "timeframes": ("of",)}
EXAMPLE = "docs/tactics.md shows a whole one"


@dataclass(frozen=True)
class Outside:
    """A tactic that does not come with the package: where it stands, and the hash of the source that decides its results."""

    place: str
    sha256: str
    load: Callable[[], Any]
    file: PluginFile | None = None


def outside(name: str, place: str | None, home: Path | None) -> Outside | None:
    """Where a tactic from outside stands; None for one that comes with the package.  `place` is what the settings say of it.

    Raises `UnknownName` for a name that nobody knows, `BadConfig` for a place that does not serve.  Nothing of it is run.
    """
    if place is not None:
        if name in TACTICS:
            raise BadConfig(f"{name} names a tactic that comes with pse, and {place} would hide it; give yours another name")
        if home is None:
            raise BadConfig(f"{name} stands in {place}, and no home folder is known here; give --home")
        file = read_plugin(home, place)
        return Outside(place, file.sha256, file.load, file)
    if name in TACTICS:
        return None
    entries = installed("tactic")
    if name not in entries:
        error = UnknownName("tactic", name, {**TACTICS, **entries})
        error.args = (f"{error} One of your own is named with `{{from: {FORM.partition(' ')[0]}}}` behind it; docs/tactics.md shows how",)
        raise error
    return _installed(entries[name])


def _installed(entry: EntryPoint) -> Outside:
    return Outside(entry.value, installed_source(entry), lambda: load_installed(entry))


def tactic_class(name: str, found: Outside | None) -> type:
    """The class behind a name.  Raises `BadConfig` saying all that it lacks."""
    if found is None:
        return resolve("tactic", name)  # type: ignore[no-any-return]
    kind = found.load()
    lacks = lacking(kind, name)
    if lacks:
        raise BadConfig(f"{found.place} is no tactic: {'; '.join(lacks)}. {EXAMPLE[0].upper()}{EXAMPLE[1:]}")
    return kind  # type: ignore[no-any-return]


def lacking(kind: Any, name: str) -> list[str]:
    """What a class lacks to be the tactic `name`, a phrase each; empty when it is one."""
    if not isinstance(kind, type):
        return [f"expected a class, found {type(kind).__name__}"]
    found = []
    if not issubclass(kind, BaseModel) or not kind.model_config.get("frozen") or kind.model_config.get("extra") != "forbid":
        found.append("expected a class with `Frozen` of pse.domain.base behind its name, so that its parameters are typed and cannot change")
    for fact, meaning in FACTS.items():
        value = vars_of(kind, fact)
        if not isinstance(value, str) or not value:
            found.append(f"`{fact}: ClassVar[str]` is missing ({meaning})")
        elif fact == "name" and value != name:
            found.append(f"its name is {value!r}, and the settings call it {name!r}; the two are the same")
    for door, takes in DOORS.items():
        method = getattr(kind, door, None)
        written = f"{door}({', '.join(('self', *takes))})"
        if not callable(method):
            found.append(f"`{written}` is missing")
        elif not _takes(method, len(takes) + 1):
            found.append(f"`{door}{inspect.signature(method)}` does not take what it is handed; expected `{written}`")
    return found if found else _undescribed(kind)


def vars_of(kind: type, fact: str) -> Any:
    """A fact of the class itself; of a pydantic class a field is none."""
    return getattr(kind, fact, None) if fact not in getattr(kind, "model_fields", {}) else None


def _takes(method: Any, count: int) -> bool:
    try:
        inspect.signature(method).bind(*range(count))
    except TypeError:
        return False
    return True


def _undescribed(kind: type) -> list[str]:
    """Parameters that cannot be searched or explained, and defaults that are refused."""
    from pse.tactics.parameters import parameters, without_bounds

    try:
        plain = kind()
    except ValidationError as error:
        first = error.errors()[0]
        return [f"it cannot be made with its defaults ({'.'.join(map(str, first['loc']))}: {first['msg']}); every parameter has a default"]
    except (TypeError, RuntimeError) as error:
        return [f"it cannot be made with its defaults ({str(error).partition(chr(10))[0]})"]
    return [phrase for one in parameters(plain) for phrase in without_bounds(one)]
