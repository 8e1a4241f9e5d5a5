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
_UNSEEN = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")     # letters and marks that leave no ink
_FLAGGED = re.compile(r"\b(" + "|".join(RED_FLAGS) + r")\b", re.IGNORECASE)


def plain(text: str) -> str:
    """The whole text as one line: entities read, look-alike widths folded, then markup, control, zero-width and direction marks gone, runs of blanks as one.

    As often as it changes anything, for what one round takes out may have hidden something from it.
    """
    for _ in range(MOST_ROUNDS):
        bare = _TAG.sub(" ", unicodedata.normalize("NFKC", html.unescape(text)))
        seen = "".join(" " if sign.isspace() else sign for sign in _UNSEEN.sub("", bare) if sign.isspace() or unicodedata.category(sign)[0] != "C")
        before, text = text, " ".join(seen.split())
        if text == before:
            break
    return text


def cut(text: str, letters: int) -> str:
    """The first `letters` of a plain text."""
    return text[:letters].rstrip()


def red_flags(text: str) -> tuple[str, ...]:
    """The red-flag words in a plain text, each once, in the order of the list.  To be asked of the whole text: a cut makes words that were none."""
    found = {word.lower() for word in _FLAGGED.findall(text)}
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
