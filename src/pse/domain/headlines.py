"""Headlines as data: made plain, searched for red-flag words by code, cut, and never read as anything else."""

from __future__ import annotations

import hashlib
import html
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

RED_FLAGS = ("hack", "crash", "ban", "panic", "liquidation", "regulator", "suspension", "prohibition")       # whole words, whatever their case
TITLE_LETTERS, SUMMARY_LETTERS = 300, 1_000
MOST_ROUNDS = 10                      # of unwrapping what was wrapped several times; no honest text needs more than two or three
_TAG = re.compile(r"<[A-Za-z/!?][^<>]{0,2000}>")
_UNSEEN = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")     # signs that leave no ink
_MARK = "[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"            # accents and the like, which may be piled up
_PILED = re.compile(f"({_MARK}{{2}}){_MARK}+")
_FLAGGED = re.compile(r"\b(" + "|".join(RED_FLAGS) + r")\b", re.IGNORECASE)
_SPREAD = re.compile(r"\b(?:[a-z][ ._*-]){2,}[a-z]\b")
_MIXED = re.compile(r"[a-z0-9@$]*[a-z][a-z0-9@$]*")
# Letters that look like a Latin one, beside those that compatibility forms and accents already lead back to it.
_ALIKE = str.maketrans(dict(zip(
    "\u0430\u0432\u0435\u0455\u0456\u0458\u043a\u043c\u043d\u043e\u043f\u0440\u0441\u0442\u0443\u0445\u0501\u051b\u051d\u04bb\u044c\u0433\u04af\u04cf\u0475"
    "\u03b1\u03b2\u03b3\u03b5\u03b7\u03b9\u03ba\u03bc\u03bd\u03bf\u03c0\u03c1\u03c2\u03c4\u03c5\u03c7\u03c9\u0578\u057d\u0585\u0570\u0581"
    "\u0131\u0251\u0261\u0269\u029f\u026a\u0274\u0280\u1d00\u0299\u1d04\u1d05\u1d07\u0262\u029c\u1d0a\u1d0b\u1d0d\u1d0f\u1d18\ua731\u1d1b\u1d1c\u1d20\u1d21\u028f\u1d22"
    "\u0142\u00f8\u0111\u0127\u0167",
    "abesijkmhonpctyxdqwhbryl" "v" "abyeniku" "vonpctuxw" "nuohg" "iagilinrabcdeghjkmopstuvwyz" "lodht", strict=True)))
_FIGURES = str.maketrans("013457@$", "oieastas")


def plain(text: str) -> str:
    """The whole text as one line: entities read, look-alike widths folded, then markup, control, zero-width and direction marks gone, runs of blanks as one.

    As often as it changes anything, for what one round takes out may have hidden something from it.  Of marks piled on one letter two are left.
    """
    if text.isascii() and text.isprintable() and "<" not in text and "&" not in text:
        return " ".join(text.split())
    for _ in range(MOST_ROUNDS):
        bare = _TAG.sub(" ", unicodedata.normalize("NFKC", html.unescape(text)))
        seen = "".join(" " if sign.isspace() else sign for sign in _UNSEEN.sub("", bare) if sign.isspace() or unicodedata.category(sign)[0] != "C")
        before, text = text, " ".join(_PILED.sub(r"\1", seen).split())
        if text == before:
            break
    return text


def folded(text: str) -> str:
    """A plain text as it looks to a hurried eye, for searching: small Latin letters for all that resemble them, accents gone, s p r e a d words closed."""
    bare = text.lower()
    if not text.isascii():
        bare = "".join(sign for sign in unicodedata.normalize("NFKD", bare) if not unicodedata.combining(sign)).translate(_ALIKE)
    bare = _MIXED.sub(lambda word: word.group().translate(_FIGURES), bare)
    return _SPREAD.sub(lambda word: re.sub(r"[^a-z]", "", word.group()), bare)


def cut(text: str, letters: int) -> str:
    """The first `letters` of a plain text."""
    return text[:letters].rstrip()


def red_flags(text: str) -> tuple[str, ...]:
    """The red-flag words in a plain text, also where other letters imitate them, each once, in the order of the list.

    To be asked of the whole text: a cut makes words that were none.
    """
    found = {word.lower() for one in (text, folded(text)) for word in _FLAGGED.findall(one)}
    return tuple(word for word in RED_FLAGS if word in found)


def headline_id(published_ns: int, source: str, title: str, symbols: str) -> str:
    """The same headline of the same source about the same symbols is the same one, however often it is read."""
    return hashlib.sha256("\x1f".join((str(published_ns), source, title, symbols)).encode()).hexdigest()[:32]


@dataclass(frozen=True, eq=False)
class Headlines:
    """Headlines about one symbol, in the order in which they were known: `known_at` int64[n] ns UTC, `flagged` bool[n], `titles` plain texts."""

    known_at: np.ndarray
    flagged: np.ndarray
    titles: Sequence[str] = ()

    def last(self, ts: int, most: int) -> list[int]:
        """Rows of the last headlines known at a moment whose title is at hand, newest first."""
        known = int(np.searchsorted(self.known_at, ts, side="right"))
        return list(range(known - 1, max(known - most, 0) - 1, -1)) if self.titles else []

    def digest_between(self, first_ns: int, last_ns: int) -> str:
        """sha256 over what is known in [first_ns, last_ns]."""
        lo, hi = np.searchsorted(self.known_at, first_ns), np.searchsorted(self.known_at, last_ns, side="right")
        return hashlib.sha256(self.known_at[lo:hi].tobytes() + self.flagged[lo:hi].tobytes()).hexdigest()

    def at(self, ts: np.ndarray, max_age_ns: int) -> tuple[np.ndarray, np.ndarray]:
        """At each moment: ns since the last headline known, float64[n], NaN before the first; whether a flagged one is known and no older than `max_age_ns`."""
        last = np.searchsorted(self.known_at, ts, side="right") - 1
        age = np.where(last >= 0, ts - self.known_at[np.maximum(last, 0)], np.nan) if self.known_at.size else np.full(ts.size, np.nan)
        alarms = self.known_at[self.flagged]
        newest = np.searchsorted(alarms, ts, side="right") - 1
        in_force = (newest >= 0) & (ts - alarms[np.maximum(newest, 0)] <= max_age_ns) if alarms.size else np.zeros(ts.size, bool)
        return age.astype(np.float64), in_force.astype(np.float64)


NO_HEADLINES = Headlines(np.zeros(0, np.int64), np.zeros(0, bool))
