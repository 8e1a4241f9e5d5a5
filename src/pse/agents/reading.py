"""A model's reply as strict JSON: one object, of bounded size and depth, with finite numbers and each key once.

What the object says is for `contracts`.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from pse.domain.errors import OutsideError

LARGEST_BYTES = 64 * 1024
DEEPEST = 8                                      # brackets inside each other; an answer needs four
LONGEST_INTEGER = 18                             # digits; no price, size or rank has more
SHOWN_LETTERS = 40                               # of what a message quotes of a reply
BLANKS = " \t\r\n"
_FENCED = re.compile(r"```(?:json|JSON)?[ \t\r]*\n(.*)\n[ \t]*```", re.DOTALL)
_MARKS = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)      # a string, closed or not, is one mark: brackets inside are text


class NotAnAnswer(OutsideError):
    """A reply that breaks its contract.  `code`: which rule; the text is what a model is shown to mend it."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text


def read_json(text: str) -> dict[str, Any]:
    """The one JSON object that a reply is.  A fence of ``` around the whole is taken off, and nothing else.  Raises `NotAnAnswer`."""
    if len(text) > LARGEST_BYTES or len(text.encode("utf-8", "replace")) > LARGEST_BYTES:
        raise NotAnAnswer("TOO_LARGE", f"the reply has more than {LARGEST_BYTES:,} bytes; answer with one short JSON object")
    bare = _unfenced(text.strip(BLANKS))
    if not bare:
        raise NotAnAnswer("EMPTY", "the reply is empty; answer with one JSON object")
    _refuse_depth(bare)
    try:
        found = json.loads(bare, object_pairs_hook=_each_key_once, parse_constant=_not_finite, parse_float=_finite, parse_int=_small)
    except json.JSONDecodeError as error:
        raise NotAnAnswer("NOT_JSON", f"the reply is not JSON: {error.msg} at character {error.pos + 1} of {len(bare)}; answer with one JSON object and "
                                      f"nothing before or after it") from None
    if not isinstance(found, dict):
        raise NotAnAnswer("NOT_AN_OBJECT", f"the reply is {_kind(found)}; answer with one JSON object")
    _refuse_half_letters(found)
    return found


def quoted(word: object) -> str:
    """What a reply said, as a message may repeat it: cut, and every letter beyond ASCII escaped."""
    text = word if isinstance(word, str) else str(word)
    return json.dumps(text if len(text) <= SHOWN_LETTERS else text[:SHOWN_LETTERS] + "...")


def _unfenced(text: str) -> str:
    fenced = _FENCED.fullmatch(text)
    return fenced[1].strip(BLANKS) if fenced else text


def _refuse_depth(text: str) -> None:
    """Counted before parsing: a parser that recurses is not asked about ten thousand brackets."""
    depth = 0
    for mark in _MARKS.finditer(text):
        first = text[mark.start()]
        if first in "[{":
            depth += 1
            if depth > DEEPEST:
                raise NotAnAnswer("TOO_DEEP", f"the reply has more than {DEEPEST} brackets inside each other; answer with a flat JSON object")
        elif first in "]}":
            depth -= 1


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise NotAnAnswer("DUPLICATE_KEY", f"the key {quoted(key)} stands twice in one object; give it once")
        found[key] = value
    return found


def _not_finite(word: str) -> NoReturn:
    raise NotAnAnswer("NOT_FINITE", f"{word} is no number; give a finite one, or null")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise NotAnAnswer("NOT_FINITE", f"the number {quoted(digits)} is too large; give a finite one, or null")
    return value


def _small(digits: str) -> int:
    if len(digits.lstrip("-")) > LONGEST_INTEGER:
        raise NotAnAnswer("NOT_FINITE", f"the number {quoted(digits)} has more than {LONGEST_INTEGER} digits; give a smaller one, or null")
    return int(digits)


def _refuse_half_letters(found: dict[str, Any]) -> None:
    """An escape may make half of a surrogate pair, which no file can hold."""
    try:
        json.dumps(found, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise NotAnAnswer("BAD_TEXT", "the reply has an escape that is half a letter (\\ud800 to \\udfff alone); write whole letters") from None


def _kind(value: object) -> str:
    return {list: "a list", str: "a string", bool: "true or false", type(None): "null"}.get(type(value), "a number")
