"""A desk with other values of some parameters: which there are, what they may be, and the desk that a configuration makes.

Keys are those of `search.parameters`: `tactics.NAME.PARAM`, `risk.GROUP.PARAM`, `features.GROUP.PARAM`, all of the chosen desk.  How orders fill and what
that costs is none of them.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from pse.domain.errors import BadConfig, RequestError
from pse.domain.trials import Params, Value
from pse.engine.desk import DeskPlan, desk_plan, parts_complaints
from pse.features.build import FeatureSpec
from pse.features.requests import Parameter as Described
from pse.features.requests import parameters as described
from pse.features.requests import value_at
from pse.registry import TACTICS
from pse.research.search import Parameter, Space
from pse.risk.policy import NO_LIMIT
from pse.settings import BadSetting, Complaint, SearchPolicy, Settings
from pse.settings.contradictions import varied_contradictions
from pse.settings.search import Levels
from pse.store.yaml_files import scalar

ROOTS = ("tactics", "risk", "features")
PLAIN = {bool: "bool", int: "int", float: "float", str: "text"}
WRITTEN = {"bool": "true or false", "int": "a whole number", "float": "a number", "text": "text"}
# What no search may vary, and why.
KEPT = {
    "features.decision_timeframe": "decision bars are the desk's own (decision_timeframe), and a search keeps them",
}
NO_COSTS = ("how orders fill and what that costs is no parameter of a strategy: the best of a search would be the one that assumes the cheapest market. "
            "Take it out, and choose the fill policy of the whole search with the desk's `fills` or --set")
Model = TypeVar("Model", bound=BaseModel)
Steps = dict[str, Any]                         # field to its value, or to the steps of the model that it holds


@dataclass(frozen=True)
class Found:
    """A parameter of the desk: its declaration, its type and whether it may be none."""

    described: Described
    type: str | None
    may_be_none: bool


# --- the desk that a configuration makes -----------------------------------------------------------------------------------------------------------


def varied(settings: Settings, plan: DeskPlan, params: Params) -> DeskPlan:
    """The desk with these values; `plan` is that of the same settings.  Only what is touched is checked.  Raises `BadConfig` where values contradict."""
    steps = _by_part(params)
    try:
        tactics = {name: _changed(_known(plan.tactics, name), own) for name, own in steps.get("tactics", {}).items()}
        risk = _changed(plan.risk, steps["risk"]) if "risk" in steps else plan.risk
        spec = _changed(plan.spec, steps["features"]) if "features" in steps else plan.spec
    except ValidationError as error:
        raise BadConfig(f"{shown(params)} cannot be: {_said(error)}") from error
    wrong = list(parts_complaints(settings, risk, spec, tactics))
    if risk is not plan.risk:
        wrong += varied_contradictions(settings, risk)
    if wrong:
        raise BadConfig(f"{shown(params)} cannot be: {wrong[0].text}")
    changes: dict[str, Any] = {"risk": risk, "spec": spec, "tactics": {**plan.tactics, **tactics}}
    if risk.gates.events_impact != plan.risk.gates.events_impact:
        changes["events"] = varied_settings(settings, params).felt_events()
    if any(_reads(one, plan) != _reads(plan.tactics[name], plan) for name, one in tactics.items()):
        made = desk_plan(varied_settings(settings, params), plan.symbols)
        changes |= {"reads": made.reads, "context": made.context}
    return replace(plan, **changes)


def varied_settings(settings: Settings, params: Params) -> Settings:
    """The settings with these values in the chosen desk and in the profile that it names.  Raises `BadConfig`."""
    steps, desk = _by_part(params), settings.chosen
    tactics = dict(desk.tactics)
    changes: dict[str, Any] = {}
    try:
        for name, own in steps.get("tactics", {}).items():
            tactics[name] = _written(_known(tactics, name) or {}, settings.tactic(name), own)
        features = _written(desk.features, settings.feature_spec(), steps["features"]) if "features" in steps else desk.features
        changes["desks"] = {**settings.desks, settings.desk: desk.model_copy(update={"tactics": tactics, "features": features})}
        if "risk" in steps:
            changes["risk_policies"] = {**settings.risk_policies, desk.risk: _changed(settings.risk, steps["risk"])}
    except ValidationError as error:
        raise BadConfig(f"{shown(params)} cannot be: {_said(error)}") from error
    return settings.model_copy(update=changes)


def as_set(settings: Settings, params: Params) -> tuple[str, ...]:
    """The words behind `--set` that run a configuration as an ordinary run, one a parameter."""
    desk = settings.chosen
    above = {"tactics": f"desks.{settings.desk}.tactics", "features": f"desks.{settings.desk}.features", "risk": f"risk_policies.{desk.risk}"}
    parts = [(*key.partition("."), value) for key, value in params.items()]
    return tuple(f"{above[root]}.{rest}={_quoted(value)}" for root, _, rest, value in parts)


def _quoted(value: Value) -> str:
    """A value as the command line takes it: every digit, and text in quotes where YAML would take it for something else."""
    if isinstance(value, float):
        return repr(value)
    return f'"{value}"' if isinstance(value, str) and scalar(value) != value else written(value)


def shown(params: Params) -> str:
    """A configuration in words: `risk.plan.breakeven_at_r 1.5, risk.plan.trail swing`."""
    return ", ".join(f"{key} {written(value)}" for key, value in params.items())


def written(value: Value) -> str:
    """A value as YAML has it."""
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else f"{value:.12g}" if isinstance(value, float) else str(value)


def _by_part(params: Params) -> Steps:
    """Dotted keys as nested steps.  Of a tactic the first word behind `tactics` is its name."""
    found: Steps = {}
    for key, value in params.items():
        *above, last = key.split(".")
        here = found
        for step in above:
            here = here.setdefault(step, {})
        here[last] = value
    if strange := [root for root in found if root not in ROOTS]:
        raise BadConfig(f"found the parameter {strange[0]!r}, expected one of {', '.join(f'{root}.*' for root in ROOTS)}")
    return found


def _known(tactics: Mapping[str, Any], name: str) -> Any:
    if name not in tactics:
        raise BadConfig(f"the desk has no tactic {name!r}; it has: {', '.join(tactics)}")
    return tactics[name]


def _changed(model: Model, steps: Steps) -> Model:
    """The model with other values, its own validators run; parts that are not touched stay the objects that they are."""
    values = {name: getattr(model, name) for name in type(model).model_fields}
    for name, step in steps.items():
        own = values.get(name)
        values[name] = _changed(own, step) if isinstance(own, BaseModel) and isinstance(step, dict) else step
    return type(model).model_validate(values)


def _written(below: Mapping[str, Any], made: BaseModel, steps: Steps) -> dict[str, Any]:
    """What is written of a model with other values, as short as it says the same; a part whose own defaults are not those of its class is written whole."""
    found, changed = _merged(below, steps), _changed(made, steps)
    plain = type(made).model_validate({name: getattr(made, name) for name in type(made).model_fields if name not in steps}
                                      | {name: value for name, value in found.items() if name in steps})
    for name in steps:
        if getattr(plain, name) != getattr(changed, name):
            found[name] = getattr(changed, name).model_dump(mode="json")
    return found


def _merged(below: Mapping[str, Any], steps: Steps) -> dict[str, Any]:
    """Written settings with other values; a part that nobody wrote begins."""
    found = dict(below)
    for name, step in steps.items():
        found[name] = _merged(found.get(name) or {}, step) if isinstance(step, dict) else step
    return found


def _said(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}".removeprefix(": ").replace("Value error, ", "")


def _reads(tactic: Any, plan: DeskPlan) -> tuple[Any, ...]:
    """What of a tactic decides which symbols are read, and in which bars."""
    symbols = tactic.symbols()
    return (symbols, tactic.timeframes(plan.decision_timeframe)) if symbols else ()


# --- what there is to search -----------------------------------------------------------------------------------------------------------------------


def space_of(settings: Settings, plan: DeskPlan, policy: SearchPolicy) -> Space:
    """The space that the policy asks for on this desk.  Raises `BadSetting` with file, line and what would do, for everything that is wrong with it."""
    known, wrong, found = searchable(plan), [], []
    for key, levels in policy.parameters.items():
        complaints, parameter = _taken(settings, plan, policy, key, levels, known)
        wrong += complaints
        found += [parameter] if parameter is not None else []
    if wrong:
        raise BadSetting(wrong)
    if not found:
        raise BadConfig("nothing says which parameters to search; write some below `search: parameters:`")
    own = {one.key: known[one.key].described.default for one in found}

    def refused(params: Params) -> str:
        try:
            varied(settings, plan, params)
        except RequestError as error:
            return str(error)
        return ""

    return Space(tuple(found), own, refused)


def searchable(plan: DeskPlan) -> dict[str, Found]:
    """Every parameter of the desk by its key, also those that no search may vary."""
    parts = [*((f"tactics.{name}", tactic) for name, tactic in plan.tactics.items()), ("risk", plan.risk), ("features", plan.spec)]
    return {f"{above}.{one.path}": Found(one, *_type(model, one.path)) for above, model in parts for one in described(model)  # type: ignore[arg-type]
            if one.path != "description"}


def _type(model: BaseModel, path: str) -> tuple[str | None, bool]:
    """int, float, bool, choice or text as a field is declared (None: something else), and whether it may be none."""
    *above, last = path.split(".")
    holder = value_at(model, ".".join(above)) if above else model
    annotation = type(holder).model_fields[last].annotation
    may_be_none = False
    if get_origin(annotation) in (Union, UnionType):
        kinds = [one for one in get_args(annotation) if one is not type(None)]
        may_be_none, annotation = len(kinds) < len(get_args(annotation)), kinds[0] if len(kinds) == 1 else None
    if get_origin(annotation) is Literal:
        return "choice", may_be_none
    return PLAIN.get(annotation) if isinstance(annotation, type) else None, may_be_none


def _taken(settings: Settings, plan: DeskPlan, policy: SearchPolicy, key: str, levels: Levels, known: Mapping[str, Found]) -> tuple[list[Complaint],
                                                                                                                                    Parameter | None]:
    """One parameter of the space, or what is wrong with it."""
    def refuse(text: str, *path: str | int) -> tuple[list[Complaint], None]:
        return [policy.complaint(("parameters", key, *path), text)], None

    if key.partition(".")[0] == "fills":
        return refuse(f"{key} cannot be searched: {NO_COSTS}")
    if key not in known:
        return refuse(_unknown(plan, key, known))
    one = known[key]
    if why := _kept(key, one):
        return refuse(why)
    try:
        parameter = _parameter(key, levels, one)
    except _Wrong as error:
        return refuse(str(error), *error.path)
    for place, value in _samples(parameter):
        if why := _why_not(settings, plan, key, value):
            return refuse(why, *place)
    if key.startswith("features.") and not _arrives(plan.spec, key, parameter):
        return refuse(f"{key} changes nothing: this part reads the parameter of the same name that the desk has for all features; write that one")
    return [], parameter


class _Wrong(Exception):
    """What is wrong with the values of a parameter, and below which key."""

    def __init__(self, text: str, *path: str | int) -> None:
        super().__init__(text)
        self.path = path


def _unknown(plan: DeskPlan, key: str, known: Mapping[str, Found]) -> str:
    """That there is no such parameter, and the nearest one."""
    root, _, rest = key.partition(".")
    if root == "tactics" and rest.partition(".")[0] in TACTICS and rest.partition(".")[0] not in plan.tactics:
        return (f"the desk {plan.name} has no tactic {rest.partition('.')[0]!r}; it has: {', '.join(plan.tactics)}. Add it to the desk's `tactics`, or take "
                f"this parameter out")
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
    if not near:                                           # the last word alone, wherever it stands
        near = difflib.get_close_matches(f".{key.rpartition('.')[2]}", [f".{name.rpartition('.')[2]}" for name in known], n=1, cutoff=0.8)
        near = [next(name for name in known if name.endswith(near[0]))] if near else []
    deep = ("tactics.", "risk.")                           # their second word says more than the first
    groups = dict.fromkeys(".".join(name.split(".")[:2 if name.startswith(deep) else 1]) for name in known)
    hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(f'{group}.*' for group in groups)};"
    return f"there is no parameter {key!r} on the desk {plan.name}; {hint} `pse desks show {plan.name}` lists them"


def _kept(key: str, one: Found) -> str:
    """Why a parameter is nothing to search; empty where it is something."""
    if key in KEPT:
        return f"{key} cannot be searched: {KEPT[key]}"
    if one.described.fixed:
        return f"{key} cannot be searched: it is taken from the instrument; take this parameter out"
    if one.type is None:
        return f"{key} cannot be searched: it is no number, flag or choice but a list or a part of several; search its parts, or take it out"
    return ""


def _parameter(key: str, levels: Levels, one: Found) -> Parameter:
    """The parameter with the values that were asked for, each of its type and in its bounds."""
    about, kind = one.described, str(one.type)
    if levels.values is not None:
        return Parameter(key, kind, about.meaning, values=_ordered([_typed(value, one, "values", place) for place, value in enumerate(levels.values)]))
    is_range = levels.model_fields_set & {"low", "high", "step", "log"}
    if kind == "bool" and not is_range:
        return Parameter(key, kind, about.meaning, values=(False, True))
    if kind == "choice" and not is_range:
        return Parameter(key, kind, about.meaning, values=about.choices)
    if kind not in ("int", "float"):
        raise _Wrong(f"{key} is {WRITTEN.get(kind, 'a choice')}, which has no range; write `values: [...]`{f' out of {about.bounds}' if about.bounds else ''}")
    low = _end(key, levels.low, one, "from", about.low, about.low_open, math.inf)
    high = _end(key, levels.high, one, "to", about.high, about.high_open, -math.inf)
    step = levels.step
    if step is not None and kind == "int" and not isinstance(step, int):
        raise _Wrong(f"found step {step:g} of {key}, which is a whole number; write a whole step", "step")
    if low > high:
        raise _Wrong(f"the range of {key} would go from {low:g} to {high:g}; its bounds are {about.bounds}: change the end that is written")
    if step is not None and step > high - low:
        raise _Wrong(f"step {step:g} is larger than the range of {key}, {low:g} to {high:g}; write a smaller one", "step")
    if levels.log and low <= (0.0 if levels.low is not None else 1e-300):
        raise _Wrong(f"log counts ratios, and the range of {key} begins at {0.0 if levels.low is None else low:g}; write a `from` above 0", "log")
    return Parameter(key, kind, about.meaning, low=low, high=high, step=step, log=levels.log)


def _ordered(values: list[Value]) -> tuple[Value, ...]:
    """Numbers rising, so that a step has a meaning; names and flags as they were written."""
    if all(isinstance(one, int | float) and not isinstance(one, bool) for one in values):
        return tuple(sorted(values))  # type: ignore[type-var]
    return tuple(values)


def _end(key: str, written_end: float | None, one: Found, side: str, bound: float | None, is_open: bool, towards: float) -> float:
    """One end of a range: what was written, else the parameter's own bound."""
    if written_end is not None:
        return _typed(written_end, one, side)              # type: ignore[return-value]
    if bound is None or abs(bound) >= NO_LIMIT:
        raise _Wrong(f"{key} has no {'lower' if side == 'from' else 'upper'} bound of its own ({one.described.bounds or 'anything goes'}); write `{side}:`")
    if not is_open:
        return int(bound) if one.type == "int" else float(bound)
    return int(bound) + int(math.copysign(1, towards)) if one.type == "int" else math.nextafter(bound, towards)


def _typed(value: Value, one: Found, *place: str | int) -> Value:
    """A value as the field has it: of its type, inside its bounds, one of its choices."""
    about = one.described
    if value is None and one.may_be_none:
        return None
    if one.type == "choice":
        if value in about.choices:
            return value
        raise _Wrong(f"found {written(value)}, expected one of {about.bounds}; did you mean {about.nearest(value)}?", *place)
    fits = {"bool": isinstance(value, bool), "int": isinstance(value, int) and not isinstance(value, bool), "text": isinstance(value, str),
            "float": isinstance(value, int | float) and not isinstance(value, bool)}[str(one.type)]
    if not fits:
        whole = isinstance(value, float) and one.type == "int" and math.isfinite(value)
        mend = f"; write {round(value)}" if whole else f"; write {WRITTEN[str(one.type)]}"   # type: ignore[arg-type]
        raise _Wrong(f"found {written(value)}, expected {WRITTEN[str(one.type)]}{mend if whole else ''}", *place)
    if one.type not in ("int", "float"):
        return value
    assert isinstance(value, int | float)
    low, high = about.low, about.high
    beyond = (low is not None and (value < low or (about.low_open and value == low))) or (high is not None and (value > high or (about.high_open and
                                                                                                                                 value == high)))
    if beyond or not math.isfinite(value):
        near = about.nearest(value) if math.isfinite(value) else None
        raise _Wrong(f"found {written(value)}, expected {about.bounds}{f'; the nearest is {written(near)}' if near is not None else ''}", *place)
    return float(value) if one.type == "float" else value


def _samples(parameter: Parameter) -> Iterator[tuple[tuple[str | int, ...], Value]]:
    """Values of a parameter that are tried alone, with the key below which they were written."""
    if parameter.values is not None:
        yield from ((("values",), value) for value in parameter.values)
    else:
        whole = parameter.type == "int"
        for side, end in (("from", parameter.low), ("to", parameter.high)):
            assert end is not None
            yield (side,), int(end) if whole else float(end)


def _why_not(settings: Settings, plan: DeskPlan, key: str, value: Value) -> str:
    """Why a value will not do whatever stands beside it; empty where it may."""
    root, _, rest = key.partition(".")
    name, _, path = rest.partition(".") if root == "tactics" else ("", "", rest)
    part = plan.tactics[name] if root == "tactics" else {"risk": plan.risk, "features": plan.spec}[root]
    steps = _by_part({key: value})[root]
    try:
        changed = _changed(part, steps[name] if root == "tactics" else steps)  # type: ignore[type-var]
    except ValidationError as error:
        own = [one for one in error.errors(include_url=False) if ".".join(map(str, one["loc"])) in (path, path.rpartition(".")[2])]
        return f"found {written(value)}: {own[0]['msg'].removeprefix('Value error, ')}; change the value" if own else ""
    except RequestError as error:
        return f"found {written(value)}: {error}"
    if root == "tactics" and _reads(changed, plan) != _reads(part, plan):
        return (f"found {written(value)}, with which the tactic {name} reads other symbols or bars than now; a search reads its bars once: choose it in the "
                f"desk or with --set")
    return ""


def _arrives(spec: FeatureSpec, key: str, parameter: Parameter) -> bool:
    """Whether a parameter of the features reaches what is computed; parts that read a shared one lose their own."""
    own = value_at(spec, key.partition(".")[2])
    for _, value in _samples(parameter):
        if value == own:
            continue
        try:
            return _changed(spec, _by_part({key: value})["features"]).together() != spec.together()
        except (ValidationError, RequestError):
            continue
    return True
