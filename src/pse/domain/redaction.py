"""Secrets out of free text, before it is hashed or written.

Two nets: the values that this process was given (handed in; nothing here reads the environment) and the shapes of well-known keys.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import quote

MASK = "[redacted]"
_NAME = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD)$", re.IGNORECASE)
_ALSO = (("\u0130", "i"), ("\u0131", "i"), ("\u017f", "s"))      # letters that a pattern takes for others, besides small and capital ones
SHORTEST_SECRET = 8                              # shorter values would black out ordinary words


class Shape(NamedTuple):
    """What a kind of secret looks like.  `signs`: one of them stands in every text that holds such a secret; looking for a word is far quicker than matching.

    `closer`: a pattern that begins with a plain word, and is found wherever the shape is.  `any_case`: signs and closer are held against small letters.
    """

    signs: tuple[str, ...]
    pattern: str
    closer: str = ""
    any_case: bool = False


_SHAPES = (
    Shape(("-----BEGIN ",), r"-----BEGIN[ ][A-Z ]*PRIVATE[ ]KEY-----.*?(?:-----END[ ][A-Z ]*PRIVATE[ ]KEY-----|\Z)"),
    Shape(("sk-",), r"\bsk-[A-Za-z0-9_-]{16,}", r"sk-[A-Za-z0-9_-]{16}"),            # OpenAI, Anthropic (sk-ant-...)
    Shape(("gsk_",), r"\bgsk_[A-Za-z0-9]{20,}"),                                     # Groq
    Shape(("AIza",), r"\bAIza[A-Za-z0-9_-]{30,}"),                                   # Google API keys
    Shape(("ya29.",), r"\bya29\.[A-Za-z0-9._-]{20,}"),                               # Google access tokens
    Shape(("AKIA", "ASIA"), r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),                       # AWS key ids
    Shape(("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), r"\bgh[pousr]_[A-Za-z0-9]{30,}"), # GitHub
    Shape(("xox",), r"\bxox[abprs]-[A-Za-z0-9-]{10,}"),                              # Slack
    Shape(("db-",), r"\bdb-[A-Za-z0-9]{29}\b", r"db-[A-Za-z0-9]{29}"),               # Databento
    Shape(("eyJ",), r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"),   # JSON web tokens
    Shape(("bearer ", "basic "), r"(?i:(?<=bearer[ ])|(?<=authorization:[ ]basic[ ]))[A-Za-z0-9._~+/=-]{8,}", any_case=True),
    Shape(("api_key", "api-key", "password", "secret", "token"),
          r"(?i:(?<=api[_-]key)|(?<=password)|(?<=secret)|(?<=token))[\"']?[ ]?[=:][ ]?[\"']?[^\s\"'&,;]{8,}",
          r"(?:api[_-]key|password|secret|token)[\"']?[ ]?[=:]", any_case=True),
    Shape(("://",), r"(?<=://)[^\s/:@]+:[^\s/@]+(?=@)", r"://[^\s/:@]+:[^\s/@]+@"),  # user:password in an address
)


def secrets_of(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Values whose names end in KEY, TOKEN, SECRET or PASSWORD and that are long enough to be one; longest first."""
    values = {value.strip() for name, value in environment.items() if _NAME.search(name)}
    return tuple(sorted((value for value in values if len(value) >= SHORTEST_SECRET), key=lambda value: (-len(value), value)))


def redactor(secrets: tuple[str, ...] = ()) -> Callable[[str], str]:
    """A function that masks the given values, also as addresses and JSON write them, and everything that has the shape of a key."""
    forms = {form for secret in secrets if len(secret) >= SHORTEST_SECRET for form in _written(secret)}
    known = re.compile("|".join(re.escape(form) for form in sorted(forms, key=lambda form: (-len(form), form))))

    def redact_text(text: str) -> str:
        masked = known.sub(MASK, text) if any(form in text for form in forms) else text
        likely = _likely(masked)
        return _matching(likely).sub(MASK, masked) if likely else masked

    return redact_text


def _written(secret: str) -> set[str]:
    """A secret as it may stand in a text: plain, percent-encoded, and escaped by JSON, also by JSON that stands in JSON."""
    forms = {secret, quote(secret, safe="")}
    for _ in range(2):
        forms |= {json.dumps(form, ensure_ascii=only_ascii)[1:-1] for form in forms for only_ascii in (True, False)}
    return forms | {form.replace("/", "\\/") for form in forms}


def _likely(text: str) -> tuple[int, ...]:
    """Numbers of the shapes that may stand in a text; of those left out none does."""
    small = text
    for odd, letter in _ALSO if not text.isascii() else ():
        small = small.replace(odd, letter)
    small = small.lower()
    return tuple(number for number, shape in enumerate(_SHAPES) if _may_hold(small if shape.any_case else text, shape))


def _may_hold(text: str, shape: Shape) -> bool:
    return any(sign in text for sign in shape.signs) and (not shape.closer or re.search(shape.closer, text) is not None)


@cache
def _matching(numbers: tuple[int, ...]) -> re.Pattern[str]:
    """All of these shapes at once: where two could begin, the first of the list is masked."""
    return re.compile("|".join(_SHAPES[number].pattern for number in numbers), re.DOTALL)


def redact(text: str, secrets: tuple[str, ...] = ()) -> str:
    """`text` with every secret replaced by a mask."""
    return redactor(secrets)(text)


def redact_tree(value: Any, redact_text: Callable[[str], str]) -> Any:
    """The same mappings and lists, every text in them (keys too) through `redact_text`."""
    together = "\n".join(_texts(value))          # hundreds of short texts are looked through at once: what is in none of them is not in all
    return value if redact_text(together) == together else _redacted(value, redact_text)


def _texts(value: Any) -> Iterator[str]:
    """Every text in a tree."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts(key)
            yield from _texts(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _texts(item)


def _redacted(value: Any, redact_text: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, Mapping):
        return {redact_text(key): _redacted(item, redact_text) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_redacted(item, redact_text) for item in value]
    return value
