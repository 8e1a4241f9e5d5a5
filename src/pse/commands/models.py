"""`pse models list`: which language models there are, whether their keys and prices are known, who asks them, and how they were graded last."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pse.commands.wiring import Answer, Context
from pse.llm.policy import ModelPolicy
from pse.llm.prices import per_million
from pse.store.certificates import last_certificate

if TYPE_CHECKING:
    from rich.console import Console

    from pse.settings import Settings
    from pse.store.layout import Home

VERTEX_KEYS = ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_OAUTH_ACCESS_TOKEN")


def run_list(context: Context) -> Answer:
    """Every model of models.yaml: its provider, its key, its price, where it is written, and the chains that ask it."""
    settings = context.settings
    rows = [{**_row(settings, name, policy, os.environ, context.clock.now_ns()), "certificate": _certificate(context.home, name, policy)}
            for name, policy in settings.models.items()]
    return Answer({"models": rows}, lambda console: _show(console, rows))


def _row(settings: Settings, name: str, policy: ModelPolicy, environment: Mapping[str, str], at_ns: int) -> dict[str, Any]:
    keys = VERTEX_KEYS if policy.provider == "vertex" and policy.key_env is None else tuple(one for one in (policy.key_name,) if one)
    chains = [chain for chain, one in settings.chains.items() if name in {asked.model or one.model for asked in one.passes}]
    price = per_million(policy, at_ns)
    return {"name": name, "provider": policy.provider, "model": policy.model, "base_url": policy.base_url, "answer": policy.answer, "keys": list(keys),
            "key_present": any(environment.get(one, "").strip() for one in keys) if keys else None, "price_known": price is not None,
            "usd_per_million": None if price is None else {"in": price[0], "out": price[1]}, "where": settings.where("models", name), "chains": chains}


def _certificate(home: Home, name: str, policy: ModelPolicy) -> dict[str, Any] | None:
    """What the last certificate of this name says, and whether it was of this provider's model; None without one."""
    found = last_certificate(home, name)
    if found is None:
        return None
    return {"passed": bool(found.get("passed")), "created": str(found.get("created", "")),
            "of_this_model": (found.get("provider"), found.get("id")) == (policy.provider, policy.model)}


def _graded(one: Mapping[str, Any]) -> str:
    found = one["certificate"]
    if found is None:
        return "not graded"
    said = f"{'passed' if found['passed'] else 'failed'} {found['created'][:10]}"
    return said if found["of_this_model"] else f"{said}, as another model"


def _show(console: Console, rows: list[dict[str, Any]]) -> None:
    from rich.text import Text

    from pse.commands.grids import show_tables

    cells = [(one["name"], f"{one['provider']} · {one['model']}", _key(one), _cost(one), _graded(one), ", ".join(one["chains"]) or "no chain", one["where"])
             for one in rows]
    show_tables(console, ("model", "provider · its name", "key", "$ per million in / out", "certificate", "asked by", "written in"), cells, [False] * 7)
    console.print(Text("keys stand in the environment only; `pse models certify NAME` grades a model before a chain asks it", style="dim"), soft_wrap=True)


def _key(one: Mapping[str, Any]) -> str:
    if not one["keys"]:
        return "none needed"
    return ("set: " if one["key_present"] else "not set: ") + " or ".join(one["keys"])


def _cost(one: Mapping[str, Any]) -> str:
    price = one["usd_per_million"]
    return "unknown" if price is None else f"{price['in']:g} / {price['out']:g}"
