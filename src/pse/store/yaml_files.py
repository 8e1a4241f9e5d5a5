"""YAML as settings need it: every value knows its file and line, and nothing means two things.

Scalars are those of the YAML 1.2 core schema: `no`, `on` and `12:30` are text, `010` is ten.  Duplicate keys, anchors, aliases, tags, several documents,
deep nesting and files over 1 MiB are refused.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pse.domain.errors import BadConfig

MAX_BYTES = 1 << 20
MAX_DEPTH = 32
_PARSER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_NULL = re.compile(r"null|Null|NULL|~|")
_TRUE, _FALSE = re.compile(r"true|True|TRUE"), re.compile(r"false|False|FALSE")
_INT, _OCTAL, _HEX = re.compile(r"[-+]?[0-9]+"), re.compile(r"0o[0-7]+"), re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INFINITE, _NAN = re.compile(r"([-+]?)\.(inf|Inf|INF)"), re.compile(r"\.(nan|NaN|NAN)")


@dataclass(frozen=True)
class Mark:
    """Where a value was written; line 0 where a source has no lines (a --set)."""

    source: str
    line: int

    def __str__(self) -> str:
        return f"{self.source}, line {self.line}" if self.line else self.source


Marks = dict[tuple[str | int, ...], Mark]


@dataclass(frozen=True)
class Layer:
    """One file's values as plain dicts, lists and scalars, and the mark of every key path in it."""

    tree: dict[str, Any]
    marks: Marks


def read_yaml(path: Path, shown: str | None = None) -> Layer:
    """The mapping that a file holds; an empty file is an empty mapping.  Raises `BadConfig` naming file and line."""
    shown = shown or str(path)
    try:
        with open(path, "rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise BadConfig(f"{shown} cannot be read: {error.strerror}; expected a YAML file of settings: check the name, or run `pse init` to write the "
                        f"built-in ones") from error
    if len(content) > MAX_BYTES:
        raise BadConfig(f"{shown} is larger than 1 MiB, which is the most a settings file may have; split it or remove what is no setting")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadConfig(f"{shown} is not UTF-8 text (byte {error.start}); save it as UTF-8") from error
    return parse_yaml(text, shown)


def parse_yaml(text: str, source: str) -> Layer:
    """As `read_yaml`, from text."""
    marks: Marks = {}
    tree = _Reader(text, source, marks).document()
    if tree is None:
        return Layer({}, marks)
    if not isinstance(tree, dict):
        raise BadConfig(f"{source}, line 1: found {_kind(tree)}, expected settings as `key: value` lines; write at least one key")
    return Layer(tree, marks)


def parse_value(text: str, source: str) -> Any:
    """One value, as after `--set key=`."""
    return _Reader(text, source, {}).document()


def _kind(value: Any) -> str:
    return "a list" if isinstance(value, list) else "a mapping" if isinstance(value, dict) else f"the value {value!r}"


def scalar(text: str) -> Any:
    """A plain scalar by the YAML 1.2 core schema: null, true, 12, 0x1f, 1e-3, .inf; anything else is text."""
    if _NULL.fullmatch(text):
        return None
    if _TRUE.fullmatch(text) or _FALSE.fullmatch(text):
        return text[0] in "tT"
    if _INT.fullmatch(text):
        return int(text) if len(text) < 400 else text
    if _OCTAL.fullmatch(text) or _HEX.fullmatch(text):
        return int(text[2:], 8 if text[1] == "o" else 16)
    if _FLOAT.fullmatch(text):
        return float(text)
    if found := _INFINITE.fullmatch(text):
        return -math.inf if found[1] == "-" else math.inf
    return math.nan if _NAN.fullmatch(text) else text


class _Reader:
    """Builds plain values from the parser's events and notes where each stood."""

    def __init__(self, text: str, source: str, marks: Marks) -> None:
        self.source, self.marks = source, marks
        self.events: Iterator[Any] = yaml.parse(text, Loader=_PARSER)

    def document(self) -> Any:
        try:
            self._next()                                 # the stream starts
            if isinstance(self._next(), yaml.StreamEndEvent):
                return None
            value = self._value(self._next(), ())
            self._next()                                 # the document ends
            after = self._next()
            if not isinstance(after, yaml.StreamEndEvent):
                self._refuse(after, "a second document (`---`)", "one document a file", "remove it")
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            raise BadConfig(f"{self.source}, line {mark.line + 1 if mark else 1}: this is not YAML: {error.problem or error.context}; mend the line "
                            f"(indent with spaces, write `key: value`, quote text that holds ': ' or '#')") from error
        except yaml.YAMLError as error:
            raise BadConfig(f"{self.source}: this is not YAML: {' '.join(str(error).split())}; remove characters that are no text") from error
        return value

    def _next(self) -> Any:
        return next(self.events)

    def _refuse(self, event: Any, found: str, expected: str, mend: str) -> None:
        raise BadConfig(f"{self.source}, line {event.start_mark.line + 1}: found {found}, expected {expected}; {mend}")

    def _value(self, event: Any, path: tuple[str | int, ...]) -> Any:
        self.marks.setdefault(path, Mark(self.source, event.start_mark.line + 1))
        if isinstance(event, yaml.AliasEvent):
            self._refuse(event, f"the alias *{event.anchor}", "values written out (settings have no anchors and aliases)", "write the value itself")
        if event.anchor is not None:
            self._refuse(event, f"the anchor &{event.anchor}", "values written out (settings have no anchors and aliases)", "remove the anchor")
        if event.tag is not None and event.tag != "!":
            self._refuse(event, f"the tag {event.tag}", "plain values", "remove the tag, quote the value if it is text")
        if len(path) > MAX_DEPTH:
            self._refuse(event, f"more than {MAX_DEPTH} levels of nesting", "fewer", "flatten it")
        if isinstance(event, yaml.ScalarEvent):
            return scalar(event.value) if event.implicit[0] and not event.style else event.value
        return self._mapping(path) if isinstance(event, yaml.MappingStartEvent) else self._list(path)

    def _list(self, path: tuple[str | int, ...]) -> list[Any]:
        found: list[Any] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            found.append(self._value(event, (*path, len(found))))
        return found

    def _mapping(self, path: tuple[str | int, ...]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            key = self._key(event)
            if key in found:
                first = self.marks[(*path, key)]
                self._refuse(event, f"the key {key!r} a second time (first on line {first.line})", "each key once", "keep one of the two")
            self.marks[(*path, key)] = Mark(self.source, event.start_mark.line + 1)
            found[key] = self._value(self._next(), (*path, key))
        return found

    def _key(self, event: Any) -> str:
        """A key is text as written; a list or mapping as key, an anchor or a merge key is refused."""
        if not isinstance(event, yaml.ScalarEvent) or event.anchor is not None or event.tag is not None:
            self._refuse(event, "a key that is not plain text", "`name: value`", "write the name alone before the colon")
        if event.value == "<<" and not event.style:
            self._refuse(event, "the merge key <<", "values written out", "write the keys themselves")
        return str(event.value)
