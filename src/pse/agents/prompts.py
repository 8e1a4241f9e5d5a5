"""Prompts: text that asks a model for judgement, with a front matter that says whose it is and how it is answered.

A prompt is its bytes: the sha256 of the file stands in every record, and a changed prompt is a new version in a new file.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pse.agents.contracts import ANSWERS
from pse.domain.errors import BadConfig, UnknownName
from pse.domain.models import PromptRef

NAME = re.compile(r"([a-z][a-z0-9_]{0,40})\.v([1-9][0-9]{0,3})")
FENCE = "---"
KEYS = ("role", "answer", "version", "summary")
LONGEST = 20_000                                 # letters of a prompt


@dataclass(frozen=True)
class Prompt:
    """One prompt: `name` with its version (`signal.v1`), the role that it speaks to, the kind of answer that it asks for, and its text."""

    name: str
    role: str
    answer: str
    version: int
    summary: str
    text: str
    sha256: str

    @property
    def ref(self) -> PromptRef:
        return PromptRef(self.name, self.sha256)


def parse_prompt(name: str, content: bytes, shown: str) -> Prompt:
    """The prompt in a file's bytes.  `shown`: how messages name the file.  Raises `BadConfig` with the line."""
    named = NAME.fullmatch(name)
    if named is None:
        raise BadConfig(f"{shown}: a prompt's file is called ROLE.vN.md, such as signal.v2.md; found {name!r}")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadConfig(f"{shown} is not UTF-8 text (byte {error.start}); save it as UTF-8") from error
    if len(text) > LONGEST:
        raise BadConfig(f"{shown} has {len(text):,} letters; a prompt has at most {LONGEST:,}: say it shorter")
    lines = text.replace("\r\n", "\n").split("\n")
    if lines[0] != FENCE or FENCE not in lines[1:]:
        raise BadConfig(f"{shown}, line 1: expected a front matter between two lines of {FENCE!r} with {', '.join(KEYS)}; found {lines[0][:40]!r}")
    end = lines.index(FENCE, 1)
    front = _front(lines[1:end], shown)
    body = "\n".join(lines[end + 1:]).strip()
    if not body:
        raise BadConfig(f"{shown}, line {end + 2}: the prompt has no text below its front matter; write what the model is asked")
    if front["role"] != named[1] or front["version"] != named[2]:
        raise BadConfig(f"{shown}: the front matter says {front['role']} version {front['version']}, and the file is called {name}; expected role {named[1]} "
                        f"and version {named[2]}: a changed prompt is a new file with the next version")
    return Prompt(name, front["role"], front["answer"], int(front["version"]), front["summary"], body, hashlib.sha256(content).hexdigest())


def _front(lines: list[str], shown: str) -> dict[str, str]:
    """The keys of a front matter: one `key: value` a line, each once and none missing."""
    found: dict[str, str] = {}
    for number, line in enumerate(lines, start=2):
        key, colon, value = line.partition(":")
        if not colon or key not in KEYS or key in found or not value.strip():
            raise BadConfig(f"{shown}, line {number}: found {line[:60]!r}; expected one line each of {', '.join(f'`{name}: ...`' for name in KEYS)}")
        found[key] = value.strip()
        if key == "answer" and found[key] not in ANSWERS:
            raise BadConfig(f"{shown}, line {number}: {UnknownName('kind of answer', found[key], ANSWERS)}")
    if missing := [name for name in KEYS if name not in found]:
        raise BadConfig(f"{shown}: the front matter has no {', '.join(missing)}; add {'it' if len(missing) == 1 else 'them'} between the lines of {FENCE!r}")
    return found


def hashes(prompts: Mapping[str, Prompt], names: Any) -> dict[str, str]:
    """Of the named prompts the sha256 of each, as a manifest keeps it."""
    return {name: prompts[name].sha256 for name in sorted(set(names))}
