"""How a record becomes bytes: canonical JSON, the hash chain over lines, and the Merkle root of a whole log.

A line is one JSON object, keys sorted, no spaces: `{"body":{..},"hash":"..","kind":"..","prev":"..","seq":N,"ts":T}`.  `hash` is the sha256 of
"pse-log-v1\\n" and the same text without its `"hash"` member; `prev` is the hash of the line before (of the first line: what the log stands on).
`ts` is engine time, int ns UTC.  Nothing here touches a disk.

A chain shows damage and edits.  Its owner can still rewrite all of it: only a root that was kept elsewhere (a commit, a mail) shows that.
"""

from __future__ import annotations

import hashlib
import json
import json.encoder
import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

CHAIN_LABEL = "pse-log-v1\n"
ZERO_HASH = "0" * 64
JOURNAL_KINDS = ("SESSION", "SETUP", "PASSED_OVER", "GATES", "ASK", "DELIBERATION", "DECISION", "ORDER", "ACK", "FILL", "PLAN", "EXIT", "BREAKER",
                 "CHARGE", "NOTE", "REPLAN")

# Only a greedy body can precede this tail, so a body that imitates it changes nothing: the last match of the line is the line's own.
LINE_PATTERN = re.compile(rb'(\{"body":\{.*\}),"hash":"([0-9a-f]{64})"(,"kind":"([A-Z_]{1,32})","prev":"([0-9a-f]{64})","seq":(0|[1-9]\d*),'
                          rb'"ts":(0|-?[1-9]\d*)\})', re.DOTALL)
_NEGATIVE_ZERO = re.compile(r"(?:^|[:\[,])-0\.0(?:$|[,\]}])")


class Record(NamedTuple):
    """One line of a log, read back."""

    seq: int
    ts: int
    kind: str
    body: dict[str, Any]
    prev: str
    hash: str


# --- canonical text ------------------------------------------------------------------------------------------------------------------------------

def canonical(value: Any) -> str:
    """The one JSON text of a value: keys sorted, no spaces, floats by `repr`, -0.0 as 0.0, NaN and infinities as null, UTF-8 not escaped.

    Mappings need text keys.  Numpy scalars and arrays count as their Python values; half surrogates (not UTF-8) become U+FFFD.
    Raises TypeError for anything else that JSON cannot say.
    """
    try:
        text = _encode(value)
    except ValueError:                           # NaN or infinity somewhere (or a circle, which `clean` then meets as RecursionError)
        return _encode(clean(value))
    if ("-0.0" in text and _NEGATIVE_ZERO.search(text)) or not (text.isascii() or _is_utf8(text)):
        return _encode(clean(value))
    return text


def clean(value: Any) -> Any:
    """`value` with every number and text in the form that `canonical` writes."""
    if isinstance(value, (float, np.floating)):
        return (float(value) + 0.0) if math.isfinite(value) else None
    if isinstance(value, str):
        return value if _is_utf8(value) else value.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    if isinstance(value, Mapping):
        return {clean(key): clean(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [clean(item) for item in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return clean(value.tolist())
    return value


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _plain(value: Any) -> Any:
    """What json cannot say by itself."""
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a {type(value).__name__} cannot stand in a record; expected text, numbers, true/false, null, lists and mappings")


def _make_encoder() -> Callable[[Any], str]:
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_plain).encode
    # One encoder for all lines: `JSONEncoder.encode` builds a new one a call, 15 % of the time of a journal.
    encode = make(None, _plain, json.encoder.encode_basestring, None, ":", ",", True, False, False)
    return lambda value: "".join(encode(value, 0))


_encode = _make_encoder()


def digest(value: Any) -> str:
    """sha256, in hex, of the canonical text of a value."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


# --- the chain -----------------------------------------------------------------------------------------------------------------------------------

def chain(prev: str, seq: int, ts: int, kind: str, body: Mapping[str, Any]) -> tuple[bytes, str]:
    """One line, newline included, and its hash."""
    text = canonical(body)
    tail = f'"kind":"{kind}","prev":"{prev}","seq":{seq},"ts":{ts}}}'
    line_hash = hashlib.sha256(f'{CHAIN_LABEL}{{"body":{text},{tail}'.encode()).hexdigest()
    return f'{{"body":{text},"hash":"{line_hash}",{tail}\n'.encode(), line_hash


class BrokenLine(ValueError):
    """A line whose form, number, link or hash is not what the chain demands."""


def check(line: bytes, seq: int, prev: str | None) -> str:
    """The hash of a line (without its newline) that must be number `seq` and follow `prev`; `BrokenLine` says what is wrong.

    `prev` None accepts any link: for the first line of a log whose foundation is not known.
    """
    match = LINE_PATTERN.fullmatch(line)
    if match is None:
        raise BrokenLine("it is not a record in canonical form")
    found = match[2].decode()
    if int(match[6]) != seq:
        raise BrokenLine(f"its seq is {int(match[6])}, expected {seq}: a line was removed, repeated, moved or put in")
    if prev is not None and match[5].decode() != prev:
        raise BrokenLine(f"its prev is {match[5].decode()[:12]}.., expected {prev[:12]}..: it does not follow the line before it")
    if hashlib.sha256(CHAIN_LABEL.encode() + match[1] + match[3]).hexdigest() != found:
        raise BrokenLine("its hash does not fit its text: the line was changed")
    return found


def read_line(line: bytes) -> Record:
    """The record of one line; `BrokenLine` when it is none.  The chain is not checked here."""
    try:
        fields = json.loads(line)
        return Record(fields["seq"], fields["ts"], fields["kind"], fields["body"], fields["prev"], fields["hash"])
    except (ValueError, KeyError, TypeError) as error:
        raise BrokenLine(f"it is not a record ({error})") from error


def kind_of(line: bytes) -> str:
    """The kind of a line in canonical form, without parsing its body."""
    match = LINE_PATTERN.fullmatch(line)
    if match is None:
        raise BrokenLine("it is not a record in canonical form")
    return match[4].decode()


# --- the Merkle root -----------------------------------------------------------------------------------------------------------------------------

def merkle_root(leaves: Iterable[bytes]) -> str:
    """Root, in hex, over leaf data, as RFC 6962 section 2.1 defines it; of no leaves the sha256 of nothing."""
    sha256 = hashlib.sha256
    level = [sha256(b"\x00" + leaf).digest() for leaf in leaves]
    if not level:
        return sha256(b"").hexdigest()
    while len(level) > 1:                        # an odd last node moves up as it is: the largest power of two stands on the left
        pairs = [sha256(b"\x01" + left + right).digest() for left, right in zip(level[::2], level[1::2], strict=False)]
        level = pairs + level[-1:] if len(level) % 2 else pairs
    return level[0].hex()
