"""What the fields of every kind of object are: its two bars, what its later life writes, prices, and codes with their words.

Objects are row arrays of `pse.kernels.contract`, in order of the bar that makes them known; they carry forward-adjusted prices and bar indices.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from pse.domain.bars import Bars
from pse.kernels.codes import GAP_KINDS, POINT_KINDS, SWING_LABELS, ZONE_PATTERNS
from pse.kernels.contract import ALIVE, BREAK_BOS, BREAK_CHOCH, BROKEN, BROKEN_DEEP, EXPIRED, NEVER, PENDING, POOL_KINDS, REPLACED, SWEPT

Code = int | tuple[int, int]
UP_DOWN: Mapping[Code, str] = {1: "up", -1: "down"}
ABOVE_BELOW: Mapping[Code, str] = {1: "above", -1: "below"}
ENDS: Mapping[Code, str] = {ALIVE: "standing", SWEPT: "swept", BROKEN: "broken", BROKEN_DEEP: "broken deep", EXPIRED: "expired", REPLACED: "replaced",
                            PENDING: "pending"}
LABELS: Mapping[Code, str] = {(side, label): SWING_LABELS[first + label] for side, first in ((1, 1), (-1, 5)) for label in range(4)}


@dataclass(frozen=True)
class ObjectKind:
    """`event` and `known`: the fields with the bar it is about and the bar that makes it known.

    `later`: bars of its later life, NEVER until they come.  `running`: fields that grow or change with them and cannot be set back from the row alone.
    `prices` are forward adjusted; `bars` are further bar indices and `moments` ns UTC; `counts` are whole numbers; `words` say what codes mean, those named
    in `by` together with another field's code; `rows` are rows of other tables ("" of none that is kept), all of them -1 for none.
    """

    event: str
    known: str
    later: tuple[str, ...] = ()
    running: tuple[str, ...] = ()
    prices: tuple[str, ...] = ()
    bars: tuple[str, ...] = ()
    moments: tuple[str, ...] = ()
    counts: tuple[str, ...] = ()
    words: Mapping[str, Mapping[Code, str]] = field(default_factory=dict)
    by: Mapping[str, str] = field(default_factory=dict)
    rows: Mapping[str, str] = field(default_factory=dict)


def _coded(words: Sequence[str]) -> Mapping[Code, str]:
    return dict(enumerate(words))


_WAY, _ZONE = {"dir": UP_DOWN}, ("top", "bottom")
KINDS: dict[str, ObjectKind] = {
    "pivots": ObjectKind("idx", "confirmed_at", ("superseded_at",), prices=("price",), words={"kind": {1: "high", -1: "low"}, "label": LABELS},
                         by={"label": "kind"}),
    "breaks": ObjectKind("t", "t", running=("mqs_next", "q_fvg_next"), prices=("level",), bars=("pivot_idx", "first_displacement"),
                         words={**_WAY, "type": {BREAK_BOS: "BOS", BREAK_CHOCH: "CHoCH"}}, rows={"sweep": "sweeps"}),
    "gaps": ObjectKind("mid_bar", "formed_at", ("touched_at", "mid_filled_at", "filled_at", "inverted_at", "stale_at"), ("max_fill",), prices=_ZONE,
                       words=_WAY),
    "blocks": ObjectKind("idx", "known_at", ("touched_at", "mid_filled_at", "filled_at", "stale_at", "invalid_at"), ("max_fill",), prices=_ZONE, words=_WAY,
                         rows={"break_row": "breaks"}),
    "pools": ObjectKind("origin", "known_at", ("ended_at",), ("end",), prices=("level",),
                        words={"kind": _coded(POOL_KINDS), "side": ABOVE_BELOW, "end": ENDS}),
    "sweeps": ObjectKind("pierced_at", "confirmed_at", prices=("level", "extreme"), words={**_WAY, "side": ABOVE_BELOW, "result": ENDS},
                         rows={"pool": "pools"}),
    "opening_gaps": ObjectKind("t", "t", ("filled_at",), prices=("level",), words={"kind": _coded(GAP_KINDS)}),
    "levels": ObjectKind("known_at", "known_at", ("ended_at",), prices=("price",), counts=("touches",)),
    "level_breaks": ObjectKind("t", "t", prices=("price",), counts=("broken",), words=_WAY, rows={"level": ""}),
    "legs": ObjectKind("e", "known_at", ("ended_at",), prices=("start", "end"), bars=("s",), words=_WAY),
    "pullbacks": ObjectKind("t", "t", prices=("line", "extreme"), bars=("e",), counts=("bars",), words=_WAY, rows={"leg": "legs"}),
    "points": ObjectKind("mid_bar", "known_at", ("ended_at",), prices=("near", "far"), words={**_WAY, "kind": _coded(POINT_KINDS[1:])},
                         rows={"gap": "gaps", "block": "blocks"}),
    "micro_gaps": ObjectKind("mid_bar", "formed_at", ("touched_at", "mid_filled_at", "filled_at", "inverted_at", "stale_at"), prices=_ZONE,
                             moments=("mid_ts",), words=_WAY),
    "zones": ObjectKind("base_first", "confirmed_at", ("touched_at", "stale_at", "violated_at", "expired_at", "nested_at"), prices=("proximal", "distal"),
                        bars=("leg_in", "base_last"), words={**_WAY, "pattern": _coded(ZONE_PATTERNS)}),
}
NAMES = {"pivots_internal": "pivots", "pivots_major": "pivots"}      # object tables whose name is not their kind's


def kind_of(name: str) -> ObjectKind:
    """The kind of the object table `name`."""
    return KINDS[NAMES.get(name, name)]


def word_of(name: str, field_name: str, row: np.void) -> str | None:
    """What a code of a row of the table `name` means; None for a code without a word."""
    kind, code = kind_of(name), int(row[field_name])
    return kind.words[field_name].get((int(row[kind.by[field_name]]), code) if field_name in kind.by else code)


def as_known(name: str, rows: np.ndarray, bars: int) -> np.ndarray:
    """The table as it was known after the first `bars` bars: rows of later ones gone, later life set back, running fields blanked."""
    kind = kind_of(name)
    then = rows[rows[kind.known] < bars].copy()
    for later in kind.later:
        then[later][then[later] >= bars] = NEVER
    if "max_fill" in kind.running:
        then["max_fill"] = 0.0
    if "end" in kind.running:
        then["end"][then["ended_at"] == NEVER] = ALIVE
    if "mqs_next" in kind.running:
        last = then["t"] + 1 >= bars                  # the revision comes with the next bar
        then["mqs_next"][last], then["q_fvg_next"][last] = then["mqs"][last], then["q_fvg"][last]
    return then


def available_at(name: str, rows: np.ndarray, bars: Bars) -> np.ndarray:
    """Close of the bar that makes each row known, int64 ns UTC."""
    return bars.ts_close[rows[kind_of(name).known]]


def object_ids(name: str, rows: np.ndarray, bars: Bars, timeframe: str | None = None) -> list[str]:
    """`type:symbol:timeframe:direction:ts_open` of the bar that each row is about: a second look at the same bars gives the same ids.

    A pool whose level or priority grew keeps its id.  Micro gaps carry the open of their middle bar and need the `timeframe` of it.
    """
    timeframe = timeframe or bars.timeframe
    opens = rows["mid_ts"] if name == "micro_gaps" else bars.ts_open[rows[kind_of(name).event]]
    return [f"{word}:{bars.symbol}:{timeframe}:{d}:{ts}"
            for word, d, ts in zip(_type_words(name, rows), _directions(name, rows).tolist(), opens.tolist(), strict=True)]


PLAIN_WORDS = {"blocks": "ob", "sweeps": "sweep", "opening_gaps": "opening_gap", "level_breaks": "level_break", "legs": "leg", "pullbacks": "pullback",
               "points": "poi", "zones": "zone"}


def _type_words(name: str, rows: np.ndarray) -> list[str]:
    """The first word of each id."""
    if name in ("pivots_internal", "pivots_major"):
        return ["swing" if name == "pivots_internal" else "major"] * rows.size
    if name == "breaks":
        return ["mss" if mss else ("choch" if kind == BREAK_CHOCH else "bos") for mss, kind in zip(rows["mss"], rows["type"], strict=True)]
    if name in ("gaps", "micro_gaps"):
        return ["ifvg" if inverse else "fvg" for inverse in rows["inverse"]]
    if name == "pools":
        return [POOL_KINDS[kind].lower() for kind in rows["kind"]]
    if name == "levels":
        return ["cluster" if touches > 1 else "level" for touches in rows["touches"]]
    return [PLAIN_WORDS[name]] * rows.size


def _directions(name: str, rows: np.ndarray) -> np.ndarray:
    """The direction in each id: of a pool its side, of a level 0."""
    side = {"pivots_internal": "kind", "pivots_major": "kind", "pools": "side"}.get(name, "dir")
    return rows[side] if side in (rows.dtype.names or ()) else np.zeros(rows.size, np.int64)
