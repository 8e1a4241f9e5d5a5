"""Every line of the registry leads to something that stands behind its port."""

import math
import subprocess
import sys
from typing import Literal

import pytest
from pydantic import Field, ValidationError, create_model

from pse import registry
from pse.domain.base import Frozen
from pse.domain.errors import UnknownName
from pse.domain.ports import BarProvider
from pse.features.requests import value_at
from pse.tactics.outside import lacking
from pse.tactics.parameters import kind_of, parameters, search_space, without_bounds
from pse.tactics.scan import Tactic

LINES = [(kind, name) for kind, lines in registry.KINDS.items() for name in lines]


@pytest.mark.parametrize(("kind", "name"), LINES)
def test_every_line_resolves_and_satisfies_its_port(kind, name):
    found = registry.resolve(kind, name)
    assert callable(found)
    if kind == "tactic":
        assert issubclass_of_port(found, Tactic) and found.name == name == found.__module__.rsplit(".", 1)[-1]
        assert isinstance(found(), Tactic) and found.label and found.version
    elif kind == "provider":
        assert issubclass_of_port(found, BarProvider)
    elif kind == "feature":
        assert callable(found().compute)


def issubclass_of_port(found, port):
    """Whether an object of the class, made without its constructor, has every member of the port."""
    members = [name for name in (*port.__annotations__, *vars(port)) if not name.startswith("_")]
    return all(hasattr(found, name) or name in getattr(found, "__dataclass_fields__", {}) for name in members)


def test_an_unknown_name_comes_with_the_list_and_the_nearest():
    with pytest.raises(UnknownName, match="no tactic named 'mss_fvg_retst'; there are: .*Did you mean mss_fvg_retest"):
        registry.resolve("tactic", "mss_fvg_retst")


def test_an_unknown_kind_is_told_the_kinds():
    with pytest.raises(UnknownName, match="Did you mean tactic"):
        registry.resolve("tactics", "mss_fvg_retest")


def test_reading_the_registry_imports_no_plug_in():
    code = "import sys, pse.registry; print([m for m in sys.modules if m in ('numba', 'polars', 'numpy') or m.startswith('pse.tactics')])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


# --- parameters of tactics -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(registry.TACTICS))
def test_every_parameter_of_a_tactic_is_described_and_bounded_and_its_default_is_allowed(name):
    kind = registry.resolve("tactic", name)
    assert lacking(kind, name) == []
    assert kind.model_validate(kind().model_dump()) == kind()


@pytest.mark.parametrize("name", sorted(registry.TACTICS))
def test_a_search_can_draw_every_number_of_a_tactic_at_both_ends_and_nothing_beyond_them(name):
    kind = registry.resolve("tactic", name)
    space, plain = search_space(kind()), kind()
    assert {one.path for one in parameters(plain) if kind_of(one) in ("int", "float", "bool", "choice")} == set(space)
    for path, span in space.items():
        assert math.isfinite(span.low) and span.low <= span.high, path
        for value in (span.choices if span.choices else (span.low, span.high)):
            assert refused_fields(plain, path, value) <= {()}, (path, value)             # two that do not go together are refused as a pair
        for value in () if span.choices else (span.low - 1 - abs(span.low), span.high + 1 + abs(span.high)):
            assert refused_fields(plain, path, value) == {(path.rpartition(".")[2],)}, (path, value)


def refused_fields(plain, path, value):
    """The fields that complain when a parameter is set; () is the whole."""
    above, _, field = path.rpartition(".")
    owner = value_at(plain, above) if above else plain
    try:
        made = type(owner).model_validate(owner.model_dump() | {field: value})
    except ValidationError as error:
        return {one["loc"] for one in error.errors()}
    assert getattr(made, field) == value
    return set()


class Example(Frozen):
    above: float = Field(1.0, gt=0, lt=2, description="a")
    count: int = Field(5, gt=2, le=9, description="a")
    way: Literal["near", "far"] = Field("near", description="a")
    on: bool = Field(True, description="a")
    symbol: str = Field("SPY", description="a")


def test_the_search_space_is_read_from_the_bounds():
    assert search_space(Example()) == {
        "above": ("float", math.nextafter(0, 1), math.nextafter(2, 0), ()), "count": ("int", 3, 9, ()), "way": ("choice", 0, 1, ("near", "far")),
        "on": ("bool", 0, 1, (False, True))}


@pytest.mark.parametrize(("field", "says"), [
    (Field(1.0, ge=0, description="a"), "no upper bound"), (Field(1.0, le=0, description="a"), "no lower bound"), (Field(1.0, ge=0, le=1), "no description"),
    (Field(1.0, ge=0, le=math.inf, description="a"), "no upper bound"), (Field(1.0, description="a"), "no lower bound (ge=) and no upper bound (le=)")])
def test_a_parameter_that_no_search_could_draw_is_named(field, says):
    made = create_model("Made", __base__=Frozen, one=(float, field))
    assert any(says in phrase and "the parameter one has" in phrase for phrase in without_bounds(parameters(made())[0]))
