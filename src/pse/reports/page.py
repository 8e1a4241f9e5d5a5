"""The frame of every page: own scripts and styles in the page, named by hash in its content security policy, and data that travels compressed.

A page is templates/NAME.html with NAME.js and NAME.css, each after what all pages share (page.js, page.css).
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import DictLoader, Environment, StrictUndefined, Template
from markupsafe import Markup

from pse import __version__
from pse.reports import words

LIBRARY = "lightweight-charts.standalone.production.js"


def template(name: str) -> Template:
    """The page's template; text of others is escaped in it."""
    return _environment().get_template(f"{name}.html")


def frame(name: str, styles: tuple[str, ...] = ()) -> dict[str, Any]:
    """What every template is told: version, library, style, script and the policy that lets nothing else in.  `styles`: pages whose styles it shares."""
    style = "".join(_asset("templates", f"{one}.css") for one in ("page", *styles, name))
    script = '(() => {\n"use strict";\n' + _asset("templates", "page.js") + _asset("templates", f"{name}.js") + "})();\n"
    library = _asset("assets", LIBRARY)
    return {"version": __version__, "style": Markup(style), "script": Markup(script), "library": Markup(library), "policy": _policy([library, script], [style])}


def packed(data: Any) -> str:
    """JSON as base64 of zlib, for the page's `inflate`; raises on NaN, which JSON does not know."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return base64.b64encode(zlib.compress(text.encode(), 9)).decode("ascii")


@cache
def _asset(folder: str, name: str) -> str:
    return files("pse.reports").joinpath(folder, name).read_text("utf-8")


@cache
def _environment() -> Environment:
    pages = {f"{name}.html": _asset("templates", f"{name}.html") for name in ("report", "chart", "walkforward")}
    environment = Environment(loader=DictLoader(pages), autoescape=True, undefined=StrictUndefined)
    environment.filters |= {"money": words.money, "share": words.share, "plain": words.plain, "whole": words.whole, "tone": words.tone,
                            "unit": words.without_unit, "breakable": words.breakable}
    return environment


def _policy(scripts: list[str], styles: list[str]) -> str:
    """Nothing but our own scripts and styles, by hash."""
    sources = {name: " ".join(f"'sha256-{_hash(text)}'" for text in texts) for name, texts in (("script", scripts), ("style", styles))}
    return f"default-src 'none'; script-src {sources['script']}; style-src {sources['style']}; base-uri 'none'; form-action 'none'"


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
