"""Thousands of replies that a model could give and should not, drawn from a seed: each must end in a valid answer or in a refusal, never in anything else.

`whole(n)` are valid replies of all kinds; `corpus()` is what becomes of them and what never was one; `sample(n)` some of it, spread over all sorts of damage.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.agents.shown import LONG, OPEN, SHORT, WHOLE

SHOWN = (LONG, SHORT, OPEN)
WORDS = "trend retest volume fades späte Umkehr 回踩 уровень late session 🙂 wide range quiet tape".split()
HUGE = 10_000_000
DEEP = 10_000
WRONG: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 7, 0.5, -0.5, 1e300, "", " ", "x", "0.5", "NaN", "approve", "APPROVE", "BUY", "HOLD", "none", [], {}, [[]], [None],
    ["late_entry"] * 7, ["no_such_flag"], {"value": 1}, [{}], "a1-long", "#1", "#9", "\u0000", "x" * 5_000, "\u202e", [1, 2, 3])
RAW = (
    "NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1" * 400, "1" * 5_000, "-" + "9" * 30, "0x10", "01", "1.", ".5", "+1", "1_000", "1,5", "undefined",
    "None", "True", "'text'", '"\\ud800"', '"\\udc00\\ud800"', '"\\x41"', '"\\u12"', '"tab\there"', '"line\nbreak"', "[1,", "{", "}", "//", "/* */ 1", "",
    "\u00a0")
TWINS = str.maketrans("aceiopsxy", "асеіорѕху")       # Cyrillic letters that look the same


@dataclass(frozen=True)
class Garbage:
    """A reply, the kind of answer that was asked for, and what was done to it."""

    sort: str
    kind: str
    text: str


def whole(count: int = 50, seed: int = 6) -> list[tuple[str, str]]:
    """(kind, reply) of valid replies: every kind in turn, with reasons, flags and edits drawn."""
    rng = np.random.default_rng(seed)
    return [(kind, _varied(kind, rng)) for kind in (sorted(WHOLE)[i % len(WHOLE)] for i in range(count))]


def _varied(kind: str, rng: np.random.Generator) -> str:
    found = json.loads(WHOLE[kind])
    if "reason" in found:
        found["reason"] = " ".join(rng.choice(WORDS, 4))
    if kind in ("signal", "risk", "executive"):
        found |= {"size_factor": float(rng.choice([0.25, 0.5, 1.0])), "stop": 4992.0 + float(rng.integers(0, 8)),
                  "verdict": str(rng.choice(["approve", "revise"])), "risk_flags": [str(rng.choice(["late_entry", "weak_evidence"]))]}
    return json.dumps(found, ensure_ascii=bool(rng.random() < 0.5), indent=int(rng.integers(0, 3)) or None)


def corpus(seed: int = 6) -> Iterator[Garbage]:
    """All of it, in one order; the last are the large ones."""
    replies = whole(seed=seed)
    rng = np.random.default_rng([seed, 1])
    for kind, text in replies:
        yield from _cut(kind, text)
    for kind, text in replies[:len(WHOLE)]:
        yield from _mistyped(kind, text)
        yield from _around(kind, text)
    for kind, text in replies:
        yield from _scribbled(kind, text, rng)
    yield from _strange()
    yield from _large()


def sample(count: int, seed: int = 6) -> list[Garbage]:
    """`count` of them, every sort of damage among them, the large ones left out."""
    sorts: dict[str, list[Garbage]] = {}
    for one in corpus(seed):
        if len(one.text) < 200_000:
            sorts.setdefault(one.sort, []).append(one)
    rng = np.random.default_rng([seed, 2])
    names, found = sorted(sorts), []
    while len(found) < count:
        among = sorts[names[len(found) % len(names)]]
        found.append(among[int(rng.integers(len(among)))])
    return found


def _cut(kind: str, text: str) -> Iterator[Garbage]:
    """Ended at every byte; a letter cut in half comes as the decoder's mark."""
    body = text.encode()
    for end in range(len(body)):
        yield Garbage("cut", kind, body[:end].decode("utf-8", "replace"))


def _mistyped(kind: str, text: str) -> Iterator[Garbage]:
    found = json.loads(text)
    for name in found:
        for wrong in WRONG:
            yield Garbage("wrong value", kind, json.dumps({**found, name: wrong}))
        for raw in RAW:
            marked = json.dumps({**found, name: "@@"})
            yield Garbage("wrong word", kind, marked.replace('"@@"', raw, 1))
        yield Garbage("missing key", kind, json.dumps({key: value for key, value in found.items() if key != name}))
        twins = {key.translate(TWINS) if key == name else key: value for key, value in found.items()}
        yield Garbage("twin letters", kind, json.dumps(twins, ensure_ascii=False))
        yield Garbage("twin value", kind, json.dumps({**found, name: str(found[name]).translate(TWINS)}, ensure_ascii=False))
        yield Garbage("double key", kind, text.rstrip().removesuffix("}").rstrip() + f', {json.dumps(name)}: {json.dumps(found[name])}}}')
        yield Garbage("hidden letters", kind, json.dumps({f"{name}\u200b": found[name], **found}, ensure_ascii=False))
    for stranger in ("quantity", "size", "symbol", "__class__", "model_config", "", "\ud800", "verdict "):
        yield Garbage("unknown key", kind, json.dumps({**found, stranger: 5}))


def _around(kind: str, text: str) -> Iterator[Garbage]:
    """What stands before, after and around a reply, and what it is wrapped in."""
    for before in ("Sure! Here is the JSON:\n", "\ufeff", "\u200b", "\u00a0", "```json\n", "json\n", "<think>buy</think>", "// note\n", "\x00", ")]}'\n", "[",
                   "'", "\ud800"):
        yield Garbage("before", kind, before + text)
    for after in ("\nHope this helps.", "}", "]", ",", "\n" + text, text, "\n```", "\n{}", ";", "\x00", "\udfff", " null", "```json"):
        yield Garbage("after", kind, text + after)
    for left, right in (("```json\n", "\n```"), ("```\n", "\n```"), ("```yaml\n", "\n```"), ("````\n", "\n````"),
                        ("```json\n```json\n", "\n```\n```"), ("[", "]"), ('{"answer": ', "}"), ("(", ")"), ("<json>", "</json>"),
                        ("<!--", "-->"), ("callback(", ")"), ("\n\n  ", "\t\r\n")):
        yield Garbage("around", kind, left + text + right)
    yield Garbage("in a string", kind, json.dumps(text))
    yield Garbage("single quotes", kind, text.replace('"', "'"))
    yield Garbage("round quotes", kind, text.replace('"', "\u201c"))
    yield Garbage("last comma", kind, text.rstrip().removesuffix("}") + ",}")
    yield Garbage("colons", kind, text.replace(":", "="))
    yield Garbage("wide letters", kind, "".join(chr(ord(sign) + 0xFEE0) if "!" <= sign <= "~" else sign for sign in text))
    yield Garbage("base64", kind, base64.b64encode(text.encode("utf-8", "replace")).decode())
    yield Garbage("utf-16", kind, text.encode("utf-16", "replace").decode("latin-1"))
    yield Garbage("as yaml", kind, "\n".join(f"{name}: {value}" for name, value in json.loads(text).items()))
    yield Garbage("backwards", kind, text[::-1])


def _scribbled(kind: str, text: str, rng: np.random.Generator) -> Iterator[Garbage]:
    """Letters put in, taken out, doubled and exchanged at random places."""
    signs = '{}[]",:\\0123456789eE+-.ntf \n\u0430\u202e\u0000\ud834'
    for _ in range(12):
        found = list(text)
        for _ in range(int(rng.integers(1, 6))):
            at = int(rng.integers(len(found)))
            sign = signs[int(rng.integers(len(signs)))]
            match int(rng.integers(4)):
                case 0:
                    found.insert(at, sign)
                case 1:
                    found[at] = sign
                case 2:
                    del found[at]
                case _:
                    found[at:at] = found[at:at + 9]
        yield Garbage("scribbled", kind, "".join(found))


def _strange() -> Iterator[Garbage]:
    """What is no reply at all."""
    for text in ("", " ", "\n", "\t", "\ufeff", "\x00", "null", "true", "0", "-0", '""', "[]", "{}", "[{}]", "{}{}", "NaN", "HOLD", "I cannot help with that.",
                 "<html><body>502</body>", "data: [DONE]", '{"error": {"message": "overloaded"}}', "event: ping", "---\nverdict: approve\n", "\u202e}{",
                 "\ud800", "\udcff" * 9, "{" * 8, "}" * 8, '{"a": ' * 3, '"' * 101, "\\" * 101, '"\\' * 30_000, '{"reason": "' + '\\"' * 20_000, "```json\n```",
                 "```json\n\n```", "`" * 99, "``````"):
        for kind in sorted(WHOLE):
            yield Garbage("no reply", kind, text)


def _large() -> Iterator[Garbage]:
    """What is too large or too deep to be looked at."""
    for kind in ("signal", "set"):
        text = WHOLE[kind]
        for opening, closing in (("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")):
            for depth in (9, 100, 1_000, DEEP):
                yield Garbage("deep", kind, opening * depth + "1" + closing * depth)
                yield Garbage("deep", kind, text.replace('"verdict": "approve"', f'"verdict": {opening * depth}1{closing * depth}', 1))
                yield Garbage("deep", kind, opening * depth)
        yield Garbage("large", kind, text.replace("trend", "trend " * (HUGE // 6), 1).ljust(HUGE))
        yield Garbage("large", kind, text + " " * HUGE)
        yield Garbage("large", kind, '"' * HUGE)
        yield Garbage("large", kind, "é" * 40_000)
        yield Garbage("large", kind, json.dumps({f"k{i}": i for i in range(4_000)}))
        yield Garbage("large", kind, "[" + "0," * 30_000 + "0]")
        yield Garbage("large", kind, json.dumps({"decisions": [json.loads(WHOLE["risk"])] * 65}))
