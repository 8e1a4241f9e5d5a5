"""Code that a user adds: one Python file below the home folder, or an installed package that names itself by an entry point.

A file is read once: what is hashed is what runs.  It stands alone; what it imports comes from installed packages, never from files beside it.
"""

from __future__ import annotations

import hashlib
import re
import sys
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import EntryPoint
from importlib.util import find_spec
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, TypeVar

from pse.domain.errors import BadConfig

FORM = "FOLDER/FILE.py:Class below the home folder, for example tactics/my_rule.py:MyRule"
FUNCTION_FORM = "FOLDER/FILE.py:function below the home folder, for example objectives/mine.py:per_day"
MAX_BYTES = 1 << 20
# What a file that somebody is still writing may raise.
RAISED = (ArithmeticError, AssertionError, AttributeError, ImportError, LookupError, NameError, OSError, RuntimeError, SyntaxError, SystemExit, TypeError,
          ValueError)
_PLACE = re.compile(r"((?:[A-Za-z0-9_][A-Za-z0-9_.-]*/)*[A-Za-z_][A-Za-z0-9_]*\.py):([A-Za-z_][A-Za-z0-9_]*)")
Made = TypeVar("Made")


@dataclass(frozen=True)
class PluginFile:
    """One file of the user's and the class that is wanted of it; `content` is what stood there when it was read."""

    place: str
    path: Path
    wanted: str
    content: bytes
    form: str = FORM

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    def load(self) -> Any:
        """The class (or function); runs the file.  Raises `BadConfig` naming its line."""
        module = self._module()
        if not hasattr(module, self.wanted):
            what, kind = ("class", type) if self.form == FORM else ("function", FunctionType)
            there = [name for name, one in vars(module).items() if isinstance(one, kind) and one.__module__ == module.__name__]
            raise BadConfig(f"{self.place}: the file has no {what} {self.wanted}; it has: {', '.join(there) or 'none'}. Write one of them behind the colon")
        return getattr(module, self.wanted)

    def _module(self) -> ModuleType:
        """The file as a module of its own, once for each content."""
        name = f"pse_outside.{self.path.stem}_{self.sha256[:16]}"
        if name in sys.modules:
            return sys.modules[name]
        module = ModuleType(name)
        module.__file__ = str(self.path)
        with ExitStack() as halfway:
            halfway.callback(sys.modules.pop, name, None)
            sys.modules[name] = module                   # types that are written as text are looked up there
            self.told(lambda: exec(compile(self.content, str(self.path), "exec", dont_inherit=True), vars(module)))
            halfway.pop_all()
        return module

    def told(self, run: Callable[[], Made]) -> Made:
        """What `run` gives; an error inside it becomes one that names the line of this file."""
        try:
            return run()
        except RAISED as error:
            raise BadConfig(f"{failed_at(error, self.path, self.place.partition(':')[0])}; mend the file") from error


def failed_at(error: BaseException, path: Path, shown: str) -> str:
    """`tactics/x.py, line 12: NameError: ...`: the deepest line of the file that an error came through."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return f"{shown}, line {error.lineno}: this is not Python: {error.msg}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    said = " ".join(str(error).split())
    return f"{shown}{f', line {lines[-1]}' if lines else ''}: {type(error).__name__}{f': {said}' if said else ''}"


def is_place(text: str) -> bool:
    """Whether a text has the form of a place below home; nothing is looked up."""
    return _PLACE.fullmatch(text) is not None


def read_plugin(home: Path, place: str, form: str = FORM) -> PluginFile:
    """The file that `FOLDER/FILE.py:Class` (or function, as `form` says) names.  Raises `BadConfig`: not of that form, outside home, not there."""
    parts = _PLACE.fullmatch(place)
    if parts is None:
        raise BadConfig(f"found {place!r}, expected {form}; no absolute paths and no `..`")
    path = home / parts[1]
    if not path.is_file():
        near = sorted(one.name for one in path.parent.glob("*.py")) if path.parent.is_dir() else []
        others = f"; beside it there are: {', '.join(near)}" if near else ""
        raise BadConfig(f"there is no file {parts[1]} below {home}{others}; write the file, or mend the name")
    if not path.resolve().is_relative_to(home.resolve()):
        raise BadConfig(f"{parts[1]} leads out of the home folder {home}; a plug-in lies below it: copy the file there")
    content = path.read_bytes()
    if len(content) > MAX_BYTES:
        raise BadConfig(f"{parts[1]} is larger than 1 MiB, which no file of one class is; mend the name")
    return PluginFile(place, path, parts[2], content, form)


def installed_source(entry: EntryPoint) -> str:
    """sha256 over the Python files of the package that an entry point leads into, or of its one module; nothing of it is run but the module's parent
    packages.  Raises `BadConfig`."""
    try:
        spec, top = find_spec(entry.module), find_spec(entry.module.partition(".")[0])
    except RAISED as error:
        raise BadConfig(f"the installed {_package(entry)} names {entry.value}, which cannot be imported ({error}); install it again or remove it") from error
    if spec is None or spec.origin is None or not Path(spec.origin).is_file():
        raise BadConfig(f"the installed {_package(entry)} names {entry.value}, and there is no such module; install it again or remove it")
    if top is None or not top.submodule_search_locations:
        return hashlib.sha256(Path(spec.origin).read_bytes()).hexdigest()
    return _hash_below([Path(one) for one in top.submodule_search_locations], Path(spec.origin))


def _hash_below(folders: list[Path], module: Path) -> str:
    """sha256 over names and contents of all Python files of a package, and of its module where that is compiled."""
    files = {path.relative_to(folder).as_posix(): path for folder in folders for path in folder.rglob("*.py")}
    if module not in files.values():
        files[module.name] = module
    whole = hashlib.sha256()
    for name in sorted(files):
        whole.update(f"{name}\0{hashlib.sha256(files[name].read_bytes()).hexdigest()}\n".encode())
    return whole.hexdigest()


def load_installed(entry: EntryPoint) -> Any:
    """The class that an installed package names.  Raises `BadConfig`."""
    try:
        return entry.load()
    except RAISED as error:
        raise BadConfig(f"the installed {_package(entry)} names {entry.value}, which cannot be loaded: {type(error).__name__}: {error}; install it again or "
                        f"remove it") from error


def _package(entry: EntryPoint) -> str:
    return f"package {entry.dist.name} {entry.dist.version}" if entry.dist is not None else "package"
