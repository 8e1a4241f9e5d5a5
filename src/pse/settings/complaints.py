"""What is wrong with a setting: the place where it was written, what was found there, what would do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from pse.domain.errors import BadConfig
from pse.store.yaml_files import Mark, Marks

SAID = "said"                                    # kind of a complaint whose words are whole: the value is not shown beside them


@dataclass(frozen=True)
class Complaint:
    """What is wrong with one setting, and what would do; `mark` None where it was never written."""

    mark: Mark | None
    path: tuple[str | int, ...]
    text: str

    @property
    def where(self) -> str:
        """File, line and key."""
        shown = ".".join(str(step) for step in self.path)
        return f"{self.mark}, {shown}" if self.mark and shown else str(self.mark) if self.mark else shown or "settings"

    def __str__(self) -> str:
        return f"{self.where}: {self.text}"


class BadSetting(BadConfig):
    """Settings that will not do; the message is about the first of them."""

    def __init__(self, complaints: Iterable[Complaint]) -> None:
        self.complaints = tuple(complaints)
        more = len(self.complaints) - 1
        super().__init__(f"{self.complaints[0]}{f' ({more} more like it; `pse desks check` lists all)' if more else ''}")


def mark_of(marks: Marks, path: tuple[str | int, ...]) -> Mark | None:
    """Where a setting was written; the nearest enclosing place when the key itself never was."""
    return next((marks[path[:depth]] for depth in range(len(path), -1, -1) if path[:depth] in marks), None)


def where_of(marks: Marks, path: tuple[str | int, ...]) -> str:
    """File, line and key of a setting."""
    return Complaint(mark_of(marks, path), path, "").where


def made(kind: Any, given: Any, path: tuple[str | int, ...], marks: Marks) -> Any:
    """`kind` made from plain values; pydantic's complaints become one `BadSetting`."""
    try:
        return TypeAdapter(kind).validate_python(given)
    except ValidationError as error:
        raise BadSetting(_complained(kind, one, path, marks) for one in error.errors(include_url=False)) from error


def _complained(kind: Any, error: Mapping[str, Any], path: tuple[str | int, ...], marks: Marks) -> Complaint:
    steps = tuple(step for step in error["loc"] if step != "[key]")
    return Complaint(mark_of(marks, (*path, *steps)), (*path, *steps), _complaint(kind, error, steps))


def _complaint(kind: Any, error: Mapping[str, Any], steps: tuple[str | int, ...]) -> str:
    """What was found, what was expected, and the mend."""
    name = str(steps[-1]) if steps else "settings"
    if error["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        known = _keys(_model_at(kind, steps[:-1]))
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else "remove it"
        return f"there is no setting {name!r} here; there are: {', '.join(known) or 'none'}; {hint}"
    if error["type"] in ("missing", "missing_argument"):
        return f"{name!r} is missing, and it has no default; add it"
    if error["type"] in ("model_type", "dict_type", "model_attributes_type"):
        return f"found {error['input']!r}, expected settings as `key: value` lines below it; write it that way"
    if error["type"] == SAID:
        return str(error["msg"])
    if error["type"] == "tuple_type":
        written = f"[{error['input']}]" if isinstance(error["input"], str | int | float) else "[A, B]"
        return f"found {error['input']!r}, expected a list; write it between brackets: `{name}: {written}`"
    field = _field_at(kind, steps)
    meaning = f" ({field.description})" if field is not None and field.description else ""
    message = error["msg"].removeprefix("Value error, ").replace("Input should", "it should")
    shown = repr(error["input"])
    if isinstance(error["input"], dict):                   # of several settings together, which the message names
        return f"found settings that do not go together: {message}" + ("" if "; " in message else f"{meaning}; change one of them")
    return f"found {shown if len(shown) <= 60 else shown[:57] + '...'}: {message}{meaning}; change the value"


def _model_at(kind: Any, steps: Iterable[str | int]) -> Any:
    """The model that a path of keys leads to, through dicts and tuples."""
    for step in steps:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            field = kind.model_fields.get(str(step))
            kind = field.annotation if field is not None else None
        else:
            kind = next((a for a in reversed(getattr(kind, "__args__", ())) if a is not type(None) and a is not Ellipsis), None)
        while kind is not None and not isinstance(kind, type) and type(None) in getattr(kind, "__args__", ()):
            kind = next(a for a in kind.__args__ if a is not type(None))
        kind = kind.__origin__ if hasattr(kind, "__metadata__") else kind
    return kind


def _field_at(kind: Any, steps: tuple[str | int, ...]) -> Any:
    model = _model_at(kind, steps[:-1]) if steps else None
    return model.model_fields.get(str(steps[-1])) if isinstance(model, type) and issubclass(model, BaseModel) else None


def _keys(model: Any) -> list[str]:
    if isinstance(model, type) and issubclass(model, BaseModel):
        return sorted(field.alias or name for name, field in model.model_fields.items())
    return sorted(getattr(model, "__dataclass_fields__", ()))
