"""A sample: a reply to be held against its contract, a briefing that a model can be asked about, or both.

Where no briefing stands beside a reply, the ids that it names count as shown: what can be judged then is the reply alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from pse.agents.contracts import ANSWERS, parse
from pse.agents.reading import NotAnAnswer, read_json
from pse.clock import moment_ns
from pse.domain.decisions import Briefing, Candidate
from pse.domain.errors import BadInput, RequestError, UnknownName

KEYS = ("name", "kind", "reply", "briefing", "expect")
PASSED = "OK"
NUMBERS = ("entry", "stop", "target", "quality")
LISTS, OBJECTS = ("timeframes", "others", "positions", "headlines"), ("context", "account", "market", "regime", "exposure", "limits", "data", "news")
FILLED: Mapping[str, Any] = {"tactic": "", "grade": "", "target": None, "quality": 0.5, "evidence": {}}
_CANDIDATE, _BRIEFING = (tuple(one.name for one in fields(kind)) for kind in (Candidate, Briefing))


@dataclass(frozen=True)
class Sample:
    """`reply`: the text as a model would have written it.  `expect`: OK or the code of the rule that it is known to break."""

    name: str
    kind: str
    reply: str | None
    briefing: Briefing | None
    expect: str | None = None


@dataclass(frozen=True)
class Checked:
    """What came of a reply: the code OK or that of the rule that it breaks, and what is wrong."""

    code: str
    text: str = ""
    answer: Any = None

    @property
    def ok(self) -> bool:
        return self.code == PASSED


def sample_of(found: Mapping[str, Any], text_of: Any, place: str) -> Sample:
    """The sample in an object.  `text_of`: makes JSON text of a reply that was given as an object; `place`: how messages name it.  Raises `BadInput`."""
    if strange := [name for name in found if name not in KEYS]:
        raise BadInput(f"{place}: found {strange[0]!r}; expected some of {', '.join(KEYS)}")
    kind = found.get("kind")
    if kind not in ANSWERS:
        raise BadInput(f"{place}: {UnknownName('kind of answer', str(kind), ANSWERS)}")
    reply, briefing = found.get("reply"), found.get("briefing")
    if reply is None and briefing is None:
        raise BadInput(f"{place}: found neither a reply nor a briefing; expected a reply to check, a briefing to ask a model about, or both")
    if briefing is not None and not isinstance(briefing, Mapping):
        raise BadInput(f"{place}: the briefing is no object; expected one with `symbol` and `candidates`")
    return Sample(str(found.get("name") or place), str(kind), reply if reply is None or isinstance(reply, str) else text_of(reply),
                  None if briefing is None else _briefing(briefing, place), None if found.get("expect") is None else str(found["expect"]))


def _briefing(found: Mapping[str, Any], place: str) -> Briefing:
    if strange := [name for name in found if name not in _BRIEFING]:
        raise BadInput(f"{place}: the briefing has {strange[0]!r}; expected some of {', '.join(_BRIEFING)}")
    listed = found.get("candidates")
    if not isinstance(listed, list) or not listed:
        raise BadInput(f"{place}: the briefing has no list of candidates; expected at least one object with setup_id, direction, entry and stop")
    candidates = tuple(_candidate(one, str(found.get("symbol", "")), f"{place}, candidate {at}") for at, one in enumerate(listed, 1))
    try:
        known_at = moment_ns(str(found.get("known_at", "2024-01-02T15:00Z")), f"{place}: known_at")
    except RequestError as error:
        raise BadInput(str(error)) from error
    for name in (one for one in found if one in LISTS + OBJECTS):
        parts = found[name] if name in LISTS and isinstance(found[name], list) else [found[name]]
        if not all(isinstance(one, Mapping) for one in parts) or (name in LISTS) != isinstance(found[name], list):
            raise BadInput(f"{place}: {name} of the briefing is not {'a list of objects' if name in LISTS else 'an object'}; write it as one")
    rest = {name: tuple(one) if isinstance(one, list) else one for name, one in found.items() if name not in ("candidates", "known_at", "symbol")}
    given: dict[str, Any] = {"context": {}, "account": {}, **rest}
    return Briefing(symbol=str(found.get("symbol") or candidates[0].symbol), known_at=known_at, candidates=candidates, **given)


def _candidate(found: Any, symbol: str, place: str) -> Candidate:
    if not isinstance(found, Mapping):
        raise BadInput(f"{place}: found no object; expected one with setup_id, direction, entry and stop")
    if strange := [name for name in found if name not in _CANDIDATE]:
        raise BadInput(f"{place}: found {strange[0]!r}; expected some of {', '.join(_CANDIDATE)}")
    given = {**FILLED, "symbol": symbol, **found}
    if wrong := [name for name in ("evidence", "facts") if not isinstance(given.get(name, {}), Mapping)]:
        raise BadInput(f"{place}: {wrong[0]} is not an object; write it as one")
    if missing := [name for name in ("setup_id", "direction", "entry", "stop") if given.get(name) is None]:
        raise BadInput(f"{place} has no {', '.join(missing)}; add {'it' if len(missing) == 1 else 'them'}")
    if given["direction"] not in ("LONG", "SHORT", "EITHER"):
        raise BadInput(f"{place}: direction {given['direction']!r} is not one of LONG, SHORT, EITHER")
    for name in NUMBERS:
        value = given[name]
        if isinstance(value, bool) or not isinstance(value, int | float | None) or (value is None and name != "target"):
            raise BadInput(f"{place}: {name} is {value!r}; expected a number")
        given[name] = value if value is None else float(value)
    return Candidate(**given)


def checked(sample: Sample) -> Checked:
    """The sample's reply held against its contract."""
    return checked_reply(sample.kind, sample.reply or "", sample.briefing)


def checked_reply(kind: str, reply: str, briefing: Briefing | None) -> Checked:
    """A reply held against its contract, as an answer about the briefing's candidates."""
    try:
        candidates = briefing.candidates if briefing is not None else tuple(_named(read_json(reply)))
        return Checked(PASSED, "", parse(kind, reply, candidates))
    except NotAnAnswer as error:
        return Checked(error.code, str(error))


def _named(reply: Mapping[str, Any]) -> Iterator[Candidate]:
    """Candidates of the ids that a reply names, open in direction where it makes a call."""
    listed = [one for value in reply.values() if isinstance(value, list) for one in value if isinstance(one, Mapping)]
    if "call" in reply and "setup_id" not in reply:
        yield Candidate("shown", "", "", "EITHER", "", 1.0, 1.0, None, 0.0, {})
    seen: set[str] = set()
    for one in (reply, *listed):
        name = one.get("setup_id")
        if isinstance(name, str) and name not in seen:
            seen.add(name)
            yield Candidate(name, "", "", "EITHER" if one.get("call") else "LONG", "", 1.0, 1.0, None, 0.0, {})
