"""Secrets out of free text, before it is hashed or written.

Two nets: the values that this process was given (handed in; nothing here reads the environment) and the shapes of well-known keys.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

MASK = "[redacted]"
_NAME = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD)$", re.IGNORECASE)
SHORTEST_SECRET = 8                              # shorter values would black out ordinary words

_SHAPES = re.compile(r"""
    -----BEGIN[ ][A-Z ]*PRIVATE[ ]KEY-----.*?(?:-----END[ ][A-Z ]*PRIVATE[ ]KEY-----|\Z)
    | \bsk-[A-Za-z0-9_-]{16,}                    # OpenAI, Anthropic (sk-ant-...)
    | \bgsk_[A-Za-z0-9]{20,}                     # Groq
    | \bAIza[A-Za-z0-9_-]{30,}                   # Google API keys
    | \bya29\.[A-Za-z0-9._-]{20,}                # Google access tokens
    | \b(?:AKIA|ASIA)[A-Z0-9]{16}\b              # AWS key ids
    | \bgh[pousr]_[A-Za-z0-9]{30,}               # GitHub
    | \bxox[abprs]-[A-Za-z0-9-]{10,}             # Slack
    | \bdb-[A-Za-z0-9]{29}\b                     # Databento
    | \beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*      # JSON web tokens
    | (?i:(?<=bearer[ ])|(?<=authorization:[ ]basic[ ]))[A-Za-z0-9._~+/=-]{8,}
    | (?i:(?<=api[_-]key)|(?<=password)|(?<=secret)|(?<=token))["']?[ ]?[=:][ ]?["']?[^\s"'&,;]{8,}
    | (?<=://)[^\s/:@]+:[^\s/@]+(?=@)            # user:password in an address
    """, re.DOTALL | re.VERBOSE)


def secrets_of(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Values whose names end in KEY, TOKEN, SECRET or PASSWORD and that are long enough to be one; longest first."""
    values = {value.strip() for name, value in environment.items() if _NAME.search(name)}
    return tuple(sorted((value for value in values if len(value) >= SHORTEST_SECRET), key=lambda value: (-len(value), value)))


def redactor(secrets: tuple[str, ...] = ()) -> Callable[[str], str]:
    """A function that masks the given values (also in their percent-encoded form) and everything that has the shape of a key."""
    forms = {form for secret in secrets if len(secret) >= SHORTEST_SECRET for form in (secret, quote(secret, safe=""))}
    known = re.compile("|".join(re.escape(form) for form in sorted(forms, key=lambda form: (-len(form), form)))) if forms else None

    def redact_text(text: str) -> str:
        masked = known.sub(MASK, text) if known else text
        return _SHAPES.sub(MASK, masked)

    return redact_text


def redact(text: str, secrets: tuple[str, ...] = ()) -> str:
    """`text` with every secret replaced by a mask."""
    return redactor(secrets)(text)


def redact_tree(value: Any, redact_text: Callable[[str], str]) -> Any:
    """The same mappings and lists, every text in them (keys too) through `redact_text`."""
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, Mapping):
        return {redact_text(key): redact_tree(item, redact_text) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [redact_tree(item, redact_text) for item in value]
    return value
