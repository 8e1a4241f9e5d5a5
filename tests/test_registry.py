"""Every line of the registry leads to something that stands behind its port."""

import subprocess
import sys

import pytest

from pse import registry
from pse.domain.errors import UnknownName
from pse.domain.ports import BarProvider
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
