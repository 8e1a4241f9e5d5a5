"""The objective of a search by its name: a figure that every span has, or a function in a file of the user's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from pse.domain.errors import BadConfig
from pse.research.objectives import NAMES, Objective
from pse.settings import BadSetting, SearchPolicy
from pse.store.plugins import FUNCTION_FORM, PluginFile, read_plugin


def objective(policy: SearchPolicy, home: Path) -> Objective:
    """What the policy asks for.  Raises `BadSetting` with its line where a function of one's own cannot be had."""
    if policy.objective in NAMES:
        return Objective(policy.objective)
    try:
        file = read_plugin(home, policy.objective, FUNCTION_FORM)
        function = file.load()
    except BadConfig as error:
        raise BadSetting([policy.complaint(("objective",), str(error))]) from error
    if not callable(function) or isinstance(function, type):
        raise BadSetting([policy.complaint(("objective",), f"{policy.objective} is no function (found {type(function).__name__}); expected one that takes the "
                                                           f"figures of a span and gives a number or None")])
    return Objective(policy.objective, _watched(file, function), file.sha256)


def _watched(file: PluginFile, function: Callable[[Mapping[str, object]], object]) -> Callable[[Mapping[str, object]], object]:
    def told(figures: Mapping[str, object]) -> object:
        return file.told(lambda: function(figures))

    return told
