"""What a search is asked for: which parameters may take which values, how they are proposed, what is looked for, over which folds.

Whether a key names a parameter of the desk, and whether its values lie in that parameter's bounds, is looked at in `engine/varied.py`.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, PrivateAttr, Strict, field_validator, model_serializer, model_validator

from pse.domain.base import Frozen
from pse.domain.errors import BadConfig
from pse.settings.complaints import Complaint, made, mark_of
from pse.store.plugins import FUNCTION_FORM, is_place
from pse.store.yaml_files import Marks, read_yaml

if TYPE_CHECKING:
    from pse.settings.tree import Settings

OBJECTIVES = ("sharpe", "sortino", "calmar", "expectancy_r", "profit_factor", "net")
MAX_PARAMETERS, MAX_VALUES = 40, 1000
EXAMPLE = """search:
  trials: 50
  parameters:
    risk.plan.breakeven_at_r: {from: 0.5, to: 2.0, step: 0.5}
    risk.plan.trail: {values: [swing, chandelier, none]}"""

Flag = Annotated[bool, Strict()]
Number = Annotated[int, Strict()] | Annotated[float, Strict()]
Value = Flag | Number | Annotated[str, Strict()] | None


class Written(Frozen):
    """Settings of which the tree keeps what was written, so that a default never hides what another block says."""

    model_config = ConfigDict(serialize_by_alias=True)

    @model_serializer(mode="wrap")
    def _what_was_written(self, handler: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        names = {field.alias or name for name, field in type(self).model_fields.items() if name in self.model_fields_set}
        return {name: value for name, value in handler(self).items() if name in names}


class Levels(Written):
    """What one parameter may be: a list of values, or a range.  An end that is not written is the parameter's own bound."""

    values: tuple[Value, ...] | None = Field(None, min_length=1, max_length=MAX_VALUES, description="the values themselves")
    low: Number | None = Field(None, alias="from", description="first value of a range, included")
    high: Number | None = Field(None, alias="to", description="last value of a range, included")
    step: Number | None = Field(None, gt=0, description="distance of its values; none: every value of the range, of whole numbers each")
    log: Flag = Field(False, description="whether a range is drawn from by ratio and not by distance")

    @field_validator("values")
    @classmethod
    def _each_once(cls, values: tuple[Any, ...] | None) -> tuple[Any, ...] | None:
        for place, value in enumerate(values or ()):
            if any(value == other and isinstance(value, bool) == isinstance(other, bool) for other in (values or ())[:place]):
                raise ValueError(f"the value {value!r} stands in the list twice; a configuration counts once: keep one of them")
        return values

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        if self.values is not None and (beside := [name for name in ("low", "high", "step", "log") if name in self.model_fields_set]):
            words = ", ".join({"low": "from", "high": "to"}.get(name, name) for name in beside)
            raise ValueError(f"values are a list of their own, and {words} belongs to a range; write one of the two")
        if self.step is not None and self.log:
            raise ValueError("step counts distances and log ratios; write one of the two, or the values themselves")
        if self.low is not None and self.high is not None:
            if self.low > self.high:
                raise ValueError(f"from {self.low:g} is above to {self.high:g}; swap them")
            if self.low == self.high:
                raise ValueError(f"from and to are both {self.low:g}, which is nothing to search; widen the range, or take the parameter out")
            if self.step is not None and self.step > self.high - self.low:
                raise ValueError(f"step {self.step:g} is larger than the range from {self.low:g} to {self.high:g}; write a step of at most "
                                 f"{self.high - self.low:g}")
        return self


class SearchPolicy(Written):
    """A `search:` block."""

    method: Literal["grid", "random", "tpe"] = Field("random", description="grid: every combination; random: draws; tpe: draws that learn from what was "
                                                                           "measured (optuna)")
    trials: int = Field(50, ge=1, le=100_000, strict=True, description="configurations that are measured, the desk's own among them")
    batch: int = Field(10, ge=1, le=10_000, strict=True, description="configurations that are proposed together; whatever the number of workers")
    objective: str = Field("sharpe", description=f"what the best has most of: {', '.join(OBJECTIVES)}, or {FUNCTION_FORM}")
    min_trades: int = Field(10, ge=1, le=1_000_000, strict=True, description="trades under which a configuration is not chosen, whatever it earned")
    scheme: Literal["rolling", "anchored", "cpcv"] = Field("rolling", description="train windows of one length, from the first session on, or combinations of "
                                                                                  "groups")
    train: float = Field(3.0, gt=0, le=1000, strict=True, description="length of a train window in test windows; where anchored, of the first one")
    holdout: float = Field(0.0, ge=0, le=0.9, strict=True, description="share of the sessions, the last ones, that the search never sees")
    embargo_sessions: int | None = Field(None, ge=0, le=10_000, strict=True, description="sessions left out behind a test; none: the memory of the features")
    groups: int = Field(6, ge=3, le=20, strict=True, description="groups of sessions of cpcv")
    test_groups: int = Field(2, ge=1, le=19, strict=True, description="of them tested at a time")
    parameters: dict[str, Annotated[Levels, BeforeValidator(lambda given: {} if given is None else given)]] = Field(
        default_factory=dict, max_length=MAX_PARAMETERS, description="dotted key of a parameter to what it may be")
    _places: tuple[tuple[str, Marks, tuple[str, ...]], ...] = PrivateAttr(())

    @field_validator("objective")
    @classmethod
    def _is_known(cls, name: str) -> str:
        if name in OBJECTIVES or is_place(name):
            return name
        near = difflib.get_close_matches(name, OBJECTIVES, n=1, cutoff=0.5)
        raise ValueError(f"no such objective; there are: {', '.join(OBJECTIVES)}, and one of your own as {FUNCTION_FORM}"
                         f"{f'. Did you mean {near[0]}?' if near else ''}")

    @model_validator(mode="after")
    def _leaves_a_train_group(self) -> Self:
        if self.test_groups >= self.groups:
            raise ValueError(f"test_groups {self.test_groups} of groups {self.groups} leaves none to train on; write at most {self.groups - 1}")
        return self

    def complaint(self, path: tuple[str | int, ...], text: str) -> Complaint:
        """What is wrong with a setting of the block, with the place where it was written."""
        for name, marks, above in self._places:
            if path[:1] == (name,):
                return Complaint(mark_of(marks, (*above, *path)), (*above, *path), text)
        return Complaint(None, ("search", *path), text)


def search_policy(settings: Settings, file: Path | None = None) -> SearchPolicy:
    """The search of the chosen desk: each key from the first that writes it, of `--set`, the `search:` block of `file`, the desk's, and settings.yaml's.

    `parameters` are taken whole.  Of the file nothing but that block is read.  Every key of the result is written, so that its dump says all of it.
    """
    blocks = [(settings._marks, ("desks", settings.desk, "search"), settings.chosen.search), (settings._marks, ("search",), settings.search)]
    if file is not None:
        blocks.insert(0, _of_file(file))
    found: dict[str, Any] = {}
    places = []
    for name, field in SearchPolicy.model_fields.items():
        writers = [one for one in blocks if one[2] is not None and name in one[2].model_fields_set]
        writers.sort(key=lambda one: not _was_set(one[0], (*one[1], name)))      # what --set says goes before every file
        if writers:
            marks, above, block = writers[0]
            found[name] = getattr(block, name)
            places.append((name, marks, above))
        else:
            found[name] = field.get_default(call_default_factory=True)
    if not found["parameters"]:
        raise BadConfig(f"nothing says which parameters to search ({file or 'settings.yaml'} has no `search: parameters:`); write for example\n{EXAMPLE}")
    policy: SearchPolicy = made(SearchPolicy, {**found, "parameters": {key: one.model_dump() for key, one in found["parameters"].items()}}, ("search",), {})
    policy._places = tuple(places)
    return policy


def _of_file(file: Path) -> tuple[Marks, tuple[str, ...], SearchPolicy]:
    layer = read_yaml(file)
    if "search" not in layer.tree:
        raise BadConfig(f"{file}, line 1: found no `search:` block, expected one that says what to search; write for example\n{EXAMPLE}")
    return layer.marks, ("search",), made(SearchPolicy, layer.tree["search"], ("search",), layer.marks)


def _was_set(marks: Marks, path: tuple[str, ...]) -> bool:
    return path in marks and marks[path].source.startswith("--set ")
