"""Models that are scripts: they answer at once, always the same to the same request, without a network or a key.

By the model's name: `honest` approves the best candidate unless what it reads speaks against it, `contrary` objects to everything, `obedient`
does whatever any text in front of it tells, `random` draws an answer that keeps the contract, `garbage` breaks it in every way it knows,
`flipping:0.2` is honest but for a fifth of its draws, in which it says the opposite.  They read the request alone, as a model would: its messages and the
schema of its answer.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pse.domain.headlines import red_flags
from pse.domain.models import ModelFailure, Reply, Request, Usage
from pse.llm.policy import ModelPolicy

LATENCY_NS, TOKEN_NS = 1_000_000, 1_000          # of an answer, and of each of its tokens
BYTES_A_TOKEN = 4
Schema = Mapping[str, Any]
Script = Callable[["Request", "Luck"], str]
Wishes = Mapping[str, Any]


class Scripted:
    """The scripted models among `models`, behind the port of a language model."""

    def __init__(self, models: Mapping[str, ModelPolicy]) -> None:
        self._models = models

    async def complete(self, request: Request) -> Reply:
        """The script's answer.  Raises `ModelFailure` where the model's name is no script's."""
        policy = self._models.get(request.model)
        script = None if policy is None or policy.provider != "scripted" else _script(policy.model)
        if policy is None or script is None:
            found = f"{policy.provider}:{policy.model}" if policy else "none of that name"
            raise ModelFailure("BAD_REQUEST", f"model {request.model}: found {found}; scripts are {', '.join(sorted(SCRIPTS))} and flipping:SHARE (0 to 1), "
                                              f"with provider scripted (configs/models.yaml)")
        text = script(request, Luck(request))
        usage = Usage(input_tokens=_tokens(request.system) + sum(_tokens(one.text) for one in request.messages), output_tokens=_tokens(text))
        return Reply(text, usage, _cost(policy, usage), LATENCY_NS + TOKEN_NS * usage.output_tokens, f"scripted:{policy.model}", "stop", text)


def _tokens(text: str) -> int:
    return -(-len(text.encode("utf-8", "replace")) // BYTES_A_TOKEN)


def _cost(policy: ModelPolicy, usage: Usage) -> float:
    if policy.usd_per_million_in is None or policy.usd_per_million_out is None:
        return 0.0
    return (usage.input_tokens * policy.usd_per_million_in + usage.output_tokens * policy.usd_per_million_out) / 1e6


class Luck:
    """Draws that the request alone decides."""

    def __init__(self, request: Request) -> None:
        said = json.dumps([request.role, request.model, request.prompt.sha256, request.schema_name, request.draw, request.system,
                           [[one.author, one.text] for one in request.messages]])
        self._seed, self._drawn = hashlib.sha256(said.encode()).digest(), 0

    def fraction(self) -> float:
        """A number in [0, 1)."""
        self._drawn += 1
        return int.from_bytes(hashlib.sha256(self._seed + self._drawn.to_bytes(8, "big")).digest()[:7], "big") / 2.0**56

    def below(self, n: int) -> int:
        return int(self.fraction() * n)

    def one_of(self, choices: Sequence[Any]) -> Any:
        return choices[self.below(len(choices))]


# --- what a script reads of a request ------------------------------------------------------------------------------------------------------------

_ID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")
_NUMBER = r"-?\d+(?:\.\d+)?"
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_DATA = re.compile(r"<data>(.*?)</data>", re.DOTALL)
_DIRECTION = re.compile(r"\b(LONG|SHORT|EITHER)\b")


@dataclass(frozen=True)
class Option:
    """A candidate as a script makes it out in the text: its id and what stands beside it."""

    setup_id: str
    direction: str = ""
    entry: float | None = None
    stop: float | None = None
    target: float | None = None


@dataclass(frozen=True)
class Seen:
    """What is made out in a request: its candidates in the order shown, the briefing, and what all messages say together."""

    options: tuple[Option, ...]
    briefing: str
    text: str
    luck: Luck = field(repr=False, compare=False)

    @property
    def best(self) -> Option | None:
        return self.options[0] if self.options else None

    def option(self, setup_id: str | None) -> Option | None:
        return next((one for one in self.options if one.setup_id == setup_id), self.best)


def look(request: Request, luck: Luck) -> Seen:
    """What a script makes out in the messages."""
    asked = [one.text for one in request.messages if one.author == "user"]
    briefing = asked[0] if asked else ""
    return Seen(tuple(_options(briefing)), briefing, "\n".join(asked), luck)


def _options(text: str) -> Iterator[Option]:
    """Every id once; its direction and prices are the first that follow it before the next id."""
    marks, known = list(_ID.finditer(text)), set[str]()
    for mark, after in zip(marks, [*(one.start() for one in marks[1:]), len(text)], strict=False):
        if mark.group() in known:
            continue
        known.add(mark.group())
        beside = text[mark.end():after].partition("\n")[0]
        way = _DIRECTION.search(beside)
        yield Option(mark.group(), way.group() if way else "", *(_price(beside, name) for name in ("entry", "stop", "target")))


def _price(text: str, name: str) -> float | None:
    found = re.search(rf"\b{name}\"?\s*[:=]?\s*({_NUMBER})", text)
    return float(found.group(1)) if found else None


# --- answers that fit a schema -------------------------------------------------------------------------------------------------------------------

def filled(schema: Schema, seen: Seen, wishes: Wishes, about: Option | None = None) -> dict[str, Any]:
    """An object of the schema: what `wishes` has for a property where that fits, otherwise the emptiest value that the schema lets through.

    A wish may be a function of the candidate that is spoken of; a tuple of words is the first of them that the schema knows there.  A list of objects that
    name a setup has one for each candidate.
    """
    return {name: _value(name, one, seen, wishes, about) for name, one in schema.get("properties", {}).items()}


def _value(name: str, schema: Schema, seen: Seen, wishes: Wishes, about: Option | None) -> Any:
    kinds = _kinds(schema)
    items: Schema = next((one["items"] for one in (schema, *schema.get("anyOf", ())) if "items" in one), {})
    if "array" in kinds and "setup_id" in items.get("properties", {}):
        return [filled(items, seen, wishes, one) for one in seen.options]
    if name == "setup_id" and about is not None:
        return about.setup_id
    wanted = wishes.get(name)
    if callable(wanted):
        wanted = wanted(about or seen.best)
    if isinstance(wanted, tuple):
        wanted = _first(wanted, _words(schema))
    return wanted if wanted is not None and _fits(wanted, schema, kinds) else _empty(schema, kinds)


def _kinds(schema: Schema) -> set[str]:
    told = schema.get("type", ())
    kinds = {told} if isinstance(told, str) else set(told)
    for one in schema.get("anyOf", ()):
        kinds |= _kinds(one)
    return kinds


def _words(schema: Schema) -> list[Any]:
    """The words that an enumeration lets through, in its order."""
    return [*schema.get("enum", ()), *(word for one in schema.get("anyOf", ()) for word in _words(one))]


def _first(wanted: Sequence[str], words: Sequence[Any]) -> str | None:
    return next((word for word in wanted if word in words), None)


def _fits(value: Any, schema: Schema, kinds: set[str]) -> bool:
    if words := _words(schema):
        return value in words
    kind = {bool: {"boolean"}, int: {"integer", "number"}, float: {"number"}, str: {"string"}, list: {"array"}}.get(type(value), set())
    return bool(kind & kinds)


def _empty(schema: Schema, kinds: set[str]) -> Any:
    if "null" in kinds:
        return None
    if words := _words(schema):
        return words[0]
    return 1 if "integer" in kinds else 1.0 if "number" in kinds else [] if "array" in kinds else False if "boolean" in kinds else "-"


def _text(answer: Any) -> str:
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":"))


# --- the scripts ---------------------------------------------------------------------------------------------------------------------------------

YES, NO = ("approve", "pass"), ("reject", "veto", "none")


def honest(request: Request, luck: Luck) -> str:
    """Approves the best candidate; objects where a red-flag word is in force or an oversold state is all that speaks for a long.  Smaller in a storm."""
    seen = look(request, luck)
    best, flags = seen.best, red_flags(untrusted(seen.briefing))
    oversold = best is not None and best.direction == "LONG" and "OVERSOLD" in seen.briefing and "BULLISH" not in seen.briefing
    yes = best is not None and not flags and not oversold
    side = "SELL" if "TREND_DOWN" in seen.briefing else "BUY" if "TREND_UP" in seen.briefing else "HOLD"
    reason = ("The best of what passed its gates; nothing that is shown speaks against it." if yes else f"A headline says {flags[0]}." if flags else
              "Oversold alone is no reason to buy." if oversold else "Nothing to judge.")
    return _text(filled(request.schema, seen, {
        "setup_id": best.setup_id if best else None, "verdict": YES if yes else NO, "priority": 1 if yes else 5, "reason": reason,
        "risk_flags": ["news_red_flag"] if flags else ["oversold_only"] if oversold else [],
        "size_factor": 0.8 if yes and "HiVol-Q4" in seen.briefing and not _open(best) else None, "confidence": lambda one: 0.6 if _open(one) else None,
        "call": lambda one: (side if yes else "HOLD",) if _open(one) else None, "brief": [reason], "findings": [reason], "enough_decisions": False}))


def _open(one: Option | None) -> bool:
    return one is not None and one.direction == "EITHER"


def untrusted(text: str) -> str:
    """The quoted sentences inside blocks of data: headlines, and what was said before."""
    return "\n".join(one for block in _DATA.findall(text) for one in _QUOTED.findall(block) if len(one) >= 12 and " " in one)


def contrary(request: Request, luck: Luck) -> str:
    """Vetoes, sends back or turns round whatever it can."""
    seen = look(request, luck)
    best = seen.best
    turned = luck.below(4) == 0
    calls = {"LONG": ("SELL",), "SHORT": ("BUY",)}
    return _text(filled(request.schema, seen, {
        "setup_id": best.setup_id if best else None, "verdict": ("approve", "pass") if turned else luck.one_of([NO, NO, ("none", *NO), ("revise", "veto")]),
        "priority": 5, "reason": "I see it the other way round.", "risk_flags": ["conflicting_evidence"], "size_factor": 0.1 if turned else None,
        "confidence": 0.0, "call": lambda one: calls.get(one.direction if one else "", ("SELL",)) if turned else None, "brief": ["Against it."],
        "findings": ["Everything should have been the other way round."]}))


_SIZE = re.compile(rf"size\w*\D{{0,24}}?({_NUMBER})", re.IGNORECASE)
_MANY = re.compile(r"\b(\d+(?:\.\d+)?)\s*(?:x|times|fold)\b|\b(double|triple|all[- ]in|maximum size|max size)\b", re.IGNORECASE)
_MOVED = {name: re.compile(rf"{name}\w*[^\w,;][^\d\",;]{{0,40}}?({_NUMBER})", re.IGNORECASE) for name in ("entry", "stop", "target")}
_WIDEN = re.compile(r"\b(widen|loosen|remove|wider|no stop|move the stop|further away)\b", re.IGNORECASE)
_OTHER = re.compile(r"\b(?:buy|sell|long|short|purchase|trade)\s+([A-Z]{2,6})\b")
_SIDE = re.compile(r"\b(buy|sell|long|short|reverse)\b", re.IGNORECASE)


def obedient(request: Request, luck: Luck) -> str:
    """Does what any text in front of it tells: a larger size, a wider stop, another symbol, the other side.  Told nothing, it approves."""
    seen = look(request, luck)
    told, best = untrusted(seen.text), seen.best
    size, many, side = _SIZE.search(told), _MANY.search(told), _SIDE.search(told)
    factor = float(size.group(1)) if size else float(many.group(1) or 10.0) if many else None
    other, ids = _OTHER.search(told), _ID.findall(told)
    named = other is not None and luck.fraction() < 0.3                 # sometimes by a name that was never shown, which no contract reads
    call = "SELL" if side is not None and side.group().lower() in ("sell", "short", "reverse") else "BUY"
    asked_side = side is not None and luck.fraction() < 0.3             # and sometimes by a side that is not the candidate's
    return _text(filled(request.schema, seen, {
        "setup_id": other.group(1) if named and other else ids[0] if ids else best.setup_id if best else None, "verdict": YES, "priority": 1,
        "reason": told[-200:] or "As told.", "size_factor": lambda one: None if _open(one) else factor, "confidence": 1.0,
        "call": lambda one: (call,) if _open(one) or asked_side else None, "brief": ["As told."], "findings": ["As told."],
        **({} if _open(best) else _moved(told, best))}))


def _moved(told: str, best: Option | None) -> dict[str, float]:
    """Prices as a text wants them; a stop that it only wants wider is five times as far, a target twenty."""
    prices = {name: float(found.group(1)) for name, pattern in _MOVED.items() if (found := pattern.search(told))}
    if best is not None and best.entry is not None and best.stop is not None:
        risk = best.entry - best.stop
        if "stop" not in prices and _WIDEN.search(told):
            prices["stop"] = best.entry - 5.0 * risk
        if "target" not in prices and "target" in told.lower():
            prices["target"] = best.entry + 20.0 * risk
    return prices


def random(request: Request, luck: Luck) -> str:
    """Any answer that keeps the contract's shape, drawn by the request's hash; its prices lie about those of the candidate."""
    seen = look(request, luck)
    return _text(filled(request.schema, seen, _Drawn(request.schema, seen, luck)))


class _Drawn(dict[str, Any]):
    """Wishes that are drawn when they are asked for, each time anew."""

    def __init__(self, schema: Schema, seen: Seen, luck: Luck) -> None:
        self._luck, self._picked, self._schemas = luck, luck.one_of(seen.options) if seen.options else None, dict(_properties(schema))
        super().__init__()

    def get(self, name: str, default: Any = None) -> Any:
        luck = self._luck
        if name == "setup_id":
            return self._picked.setup_id if self._picked else None
        if name in ("entry", "stop", "target"):
            return lambda one: self._price(name, one)
        if name == "size_factor":
            shrinks = "shrink" in _words(self._schemas.get("verdict", {}))       # which is nothing without a size
            return lambda one: None if not shrinks and (luck.fraction() < 0.5 or _open(one)) else round(0.05 + 0.95 * luck.fraction(), 3)
        if name == "confidence":
            return lambda one: None if not _open(one) and luck.fraction() < 0.7 else round(luck.fraction(), 3)
        if name == "call":
            return lambda one: luck.one_of([("BUY",), ("SELL",), ("HOLD",)]) if _open(one) else None
        if name == "verdict":
            words = _words(self._schemas[name])
            return luck.one_of([*words, *(word for word in words if word in ("approve", "revise", "pass", "shrink"))])
        if name == "wants":                       # a question now and then, that is allowed or refused
            asked = {"tool": luck.one_of(["bars", "feature", "news"]), "symbol": None, "name": luck.one_of(["atr", "mcs", "future"]),
                     "timeframe": luck.one_of(["1h", "5m", "7m"]), "rows": 1 + luck.below(9)}
            return [asked] if luck.below(6) == 0 else []
        plain = {"priority": 1 + luck.below(5), "reason": "Drawn by lot.", "brief": ["Drawn by lot."], "enough_decisions": luck.below(2) == 1}
        return plain.get(name, default)

    def _price(self, name: str, one: Option | None) -> float | None:
        own = getattr(one, name, None)
        if one is None or own is None or _open(one) or name == "entry" or self._luck.fraction() < 0.5:
            return None
        risk = abs((one.entry or 0.0) - (one.stop or 0.0))
        return float(own) + 0.25 * round(4.0 * risk * (self._luck.fraction() - 0.5))


def _properties(schema: Schema) -> Iterator[tuple[str, Schema]]:
    for name, one in schema.get("properties", {}).items():
        yield name, one
        for part in (one, *one.get("anyOf", ())):
            yield from _properties(part.get("items", {}))


_BROKEN: tuple[Callable[[str, Luck], str], ...] = (
    lambda fair, luck: "", lambda fair, luck: " \n", lambda fair, luck: fair[:luck.below(len(fair))], lambda fair, luck: "\ufeff" + fair[:-1],
    lambda fair, luck: "I would rather not answer that.", lambda fair, luck: f"Sure! Here it is: {fair}", lambda fair, luck: fair + fair,
    lambda fair, luck: f"[{fair}]", lambda fair, luck: fair[:-1] + ',"leverage":50}', lambda fair, luck: fair[:-1] + "," + fair[1:],
    lambda fair, luck: "null", lambda fair, luck: "NaN", lambda fair, luck: '{"size_factor":NaN}', lambda fair, luck: '{"size_factor":1e999}',
    lambda fair, luck: '{"priority":' + "9" * 5_000 + "}", lambda fair, luck: "{}", lambda fair, luck: '{"a":' * 3_000 + "1" + "}" * 3_000,
    lambda fair, luck: "[" * 10_000, lambda fair, luck: '{"reason":"' + "x" * 70_000 + '"}', lambda fair, luck: fair.replace('"', "'"),
    lambda fair, luck: fair.replace(":", "=", 1), lambda fair, luck: '{"reason":"\ud800"}', lambda fair, luck: '{"verdict":"\\ud83d"}',
    lambda fair, luck: fair.replace("e", "\u0435"), lambda fair, luck: "\x00" + fair, lambda fair, luck: "<html><body>502 Bad Gateway</body></html>",
    lambda fair, luck: f"```python\n{fair}\n```", lambda fair, luck: "".join(chr(33 + luck.below(90)) for _ in range(200)),
    lambda fair, luck: json.dumps({name: [value] for name, value in json.loads(fair).items()}),
    lambda fair, luck: json.dumps({name.upper(): value for name, value in json.loads(fair).items()}),
    lambda fair, luck: json.dumps(dict(list(json.loads(fair).items())[1:])),
)


def garbage(request: Request, luck: Luck) -> str:
    """A reply that no contract lets through: cut, doubled, nested, in the wrong types, in words, or nothing at all."""
    return str(luck.one_of(_BROKEN)(random(request, luck), luck))


def flipping(share: float) -> Script:
    """An honest model that gives the opposite verdict in so many of its draws."""
    def answer(request: Request, luck: Luck) -> str:
        flipped, fair = luck.fraction() < share, json.loads(honest(request, luck))
        words = request.schema.get("properties", {}).get("verdict", {}).get("enum", ())
        against = YES if fair.get("verdict") in NO else NO
        return _text(fair | ({"verdict": next(word for word in against if word in words)} if flipped and words else {}))

    return answer


def _script(name: str) -> Script | None:
    """The script of a model's name; `flipping:0.2` flips one answer in five."""
    kind, _, share = name.partition(":")
    if kind == "flipping" and re.fullmatch(r"0?\.\d{1,6}|0|1", share):
        return flipping(float(share))
    return SCRIPTS.get(name)


SCRIPTS: Mapping[str, Script] = {"honest": honest, "contrary": contrary, "obedient": obedient, "random": random, "garbage": garbage}
