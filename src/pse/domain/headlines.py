"""Headlines as data: cleaned, capped, searched for red-flag words by code, and never read as anything else."""

from __future__ import annotations

import hashlib
import html
import re
import unicodedata
from dataclasses import dataclass

import numpy as np

RED_FLAGS = ("hack", "crash", "ban", "panic", "liquidation", "regulator", "suspension", "prohibition")       # whole words, whatever their case
TITLE_LETTERS, SUMMARY_LETTERS = 300, 1_000
_TAG = re.compile(r"<[^<>]{0,2000}>")
_FLAGGED = re.compile(r"\b(" + "|".join(RED_FLAGS) + r")\b", re.IGNORECASE)


def cleaned(text: str, letters: int) -> str:
    """Plain text of at most `letters`: markup, control, zero-width and direction marks gone, look-alike widths folded, runs of blanks as one."""
    text = unicodedata.normalize("NFKC", html.unescape(_TAG.sub(" ", text)))
    kept = "".join(" " if sign.isspace() else sign for sign in text if sign.isspace() or unicodedata.category(sign)[0] != "C")
    return " ".join(kept.split())[:letters].rstrip()


def red_flags(text: str) -> tuple[str, ...]:
    """The red-flag words in a cleaned text, each once, in the order of the list."""
    found = {word.lower() for word in _FLAGGED.findall(text)}
    return tuple(word for word in RED_FLAGS if word in found)


def headline_id(published_ns: int, source: str, title: str, symbols: str) -> str:
    """The same headline of the same source about the same symbols is the same one, however often it is read."""
    return hashlib.sha256("\x1f".join((str(published_ns), source, title, symbols)).encode()).hexdigest()[:32]


@dataclass(frozen=True, eq=False)
class Headlines:
    """Headlines about one symbol, in the order in which they were known: `known_at` int64[n] ns UTC, `flagged` bool[n]."""

    known_at: np.ndarray
    flagged: np.ndarray

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
