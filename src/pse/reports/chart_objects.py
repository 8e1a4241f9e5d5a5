"""Market structure as shapes: what a chart draws for each swing, break, gap, block, pool, sweep and level, and what it leaves out at first sight.

A shape says which bar it is about, at whose close it became known and what became of it since.  Bars are rows of the bars that everything was computed
from; prices are on the forward-adjusted scale.  Nothing here knows how a shape is drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from pse.domain.bars import timeframe_ns
from pse.domain.sessions import DAY_NS
from pse.domain.setups import GRADES, grades
from pse.features.build import FeatureSpec
from pse.features.feature import Known
from pse.features.liquidity import weeks
from pse.features.zones import Zones
from pse.kernels.codes import ZONE_PATTERNS
from pse.kernels.contract import ALIVE, BREAK_CHOCH, BROKEN, BROKEN_DEEP, EQUAL, EXPIRED, HIGHER, LOWER, NEVER, POOL_KINDS, REPLACED, SWEPT

BOX, LINE, WICK, POINT = "box", "line", "wick", "point"
STRONG_POOL, STRONG_SWEEP = 0.65, 0.60               # priorities from which pools and sweeps are drawn at first sight
BLOCKS_A_SIDE, POOLS_A_SIDE, LEVELS_SHOWN = 2, 6, 6
HOUR_NS = 3_600_000_000_000
_OF_WEEK, _OF_DAY, _OF_SESSION_PARTS = 0, 1, (2, 3, 4, 6)         # pairs of POOL_KINDS: PWH; PDH; ONH, ASIA_H, LONDON_H, ORH
_SWING_WORDS = {1: {HIGHER: "HH", LOWER: "LH", EQUAL: "EQH"}, -1: {HIGHER: "HL", LOWER: "LL", EQUAL: "EQL"}}
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_POOL_ENDS = {SWEPT: "swept", BROKEN: "broken", BROKEN_DEEP: "broken deep", EXPIRED: "too old", REPLACED: "merged into another"}


@dataclass(frozen=True)
class Shape:
    """One thing to draw, from bar `first` to bar `last` (NEVER while it goes on) between two prices.

    `event`: the bar it is about; `known`: the bar at whose close it is known; `later`: what became of it, word and bar.  `kind` names its look.
    `minor`: not drawn until everything is asked for.
    """

    layer: str
    form: str
    kind: str
    way: int
    first: int
    last: int
    low: float
    high: float
    label: str
    event: int
    known: int
    later: tuple[tuple[str, int], ...] = ()
    note: str = ""
    minor: bool = False

    def touches(self, first: int, past: int) -> bool:
        """Whether it is known by, and reaches into, the bars first..past-1."""
        return self.known < past and self.first < past and self.last >= first


@dataclass(frozen=True)
class Window:
    """The bars first..past-1 of `known`; what comes after is not looked at."""

    known: Known
    first: int
    past: int

    @property
    def close(self) -> float:
        """Close of the last bar, forward adjusted; NaN bars are passed over."""
        closes = self.known.price("close")[self.first:self.past]
        return float(closes[np.isfinite(closes)][-1]) if np.isfinite(closes).any() else float("nan")

    @cached_property
    def weeks(self) -> np.ndarray:
        """Number of each bar's week, int64."""
        return weeks(self.known.bars.session_date)


def swing_shapes(window: Window, spec: FeatureSpec) -> Iterator[Shape]:
    """Where a major swing is known, the internal one at the same bar waits behind it."""
    found = window.known.objects(spec.structure)
    known = found["pivots_major"][found["pivots_major"]["confirmed_at"] < window.past]
    behind = set(zip(known["idx"].tolist(), known["kind"].tolist(), strict=True))
    for name, kind, width in (("pivots_internal", "swing", spec.structure.internal), ("pivots_major", "major", spec.structure.major)):
        for row in found[name]:
            place = (int(row["idx"]), int(row["kind"]))
            yield Shape("swings", POINT, kind, place[1], place[0], place[0], float(row["price"]), float(row["price"]), swing_word(place[1], int(row["label"])),
                        place[0], int(row["confirmed_at"]), note=f"{width} bars on each side", minor=kind == "swing" and place in behind)


def swing_word(kind: int, label: int) -> str:
    """HH, HL, LH, LL, EQH, EQL; H or L for the first of its kind."""
    return _SWING_WORDS[kind].get(label, "H" if kind > 0 else "L")


def break_shapes(window: Window, spec: FeatureSpec) -> Iterator[Shape]:
    rows = window.known.objects(spec.quality)["breaks"]
    for row, grade in zip(rows, grades(rows["mqs"]), strict=True):
        kind = "mss" if row["mss"] else "choch" if row["type"] == BREAK_CHOCH else "bos"
        label = {"bos": "BOS", "choch": "CHoCH"}.get(kind, f"MSS {GRADES[int(grade)]}".rstrip())
        scored = "" if np.isnan(row["mqs"]) else f"quality {row['mqs']:.2f}, grade {GRADES[int(grade)]}; "
        yield Shape("structure", LINE, kind, int(row["dir"]), int(row["pivot_idx"]), int(row["t"]), float(row["level"]), float(row["level"]), label,
                    int(row["t"]), int(row["t"]), later=(("broken swing", int(row["pivot_idx"])),),
                    note=f"{scored}{'with' if row['displacement'] else 'no'} displacement{'; first of the series' if row['initial'] else ''}")


def gap_shapes(window: Window, spec: FeatureSpec) -> Iterator[Shape]:
    for row in window.known.objects(spec.gaps)["gaps"]:
        ends = [int(row[name]) for name in ("filled_at", "inverted_at", "stale_at")]
        kind = "inverse" if row["inverse"] else "gap" if row["valid"] else "weak"
        later = tuple((word, int(row[name])) for word, name in (
            ("touched", "touched_at"), ("half filled", "mid_filled_at"), ("filled", "filled_at"), ("inverted", "inverted_at"), ("stale", "stale_at")))
        first = int(row["formed_at"] if row["inverse"] else row["mid_bar"])
        width = "" if np.isnan(row["width_atr"]) else f"{row['width_atr']:.2f} ATR wide; "
        yield Shape("gaps", BOX, kind, int(row["dir"]), first, min(ends), float(row["bottom"]), float(row["top"]), "iFVG" if row["inverse"] else "FVG",
                    int(row["mid_bar"]), int(row["formed_at"]), later, f"{width}{'valid' if row['valid'] else 'outside the bounds of a valid gap'}",
                    minor=not row["valid"] or bool(row["inverse"] and row["touched_at"] == NEVER and min(ends) < window.past))


def block_shapes(window: Window, spec: FeatureSpec) -> Iterator[Shape]:
    """Drawn at first sight: the standing blocks nearest to the last close, `BLOCKS_A_SIDE` of each direction."""
    rows, close = window.known.objects(spec.blocks)["blocks"], window.close
    standing = np.flatnonzero((rows["invalid_at"] >= window.past) & (rows["known_at"] < window.past))
    kept: set[int] = set()
    for way in (1, -1):
        mine = standing[rows["dir"][standing] == way]
        edge = rows["top"][mine] if way > 0 else rows["bottom"][mine]
        kept |= set(mine[np.argsort(np.abs(edge - close), kind="stable")[:BLOCKS_A_SIDE]].tolist())
    for i, row in enumerate(rows):
        yield Shape("blocks", BOX, "block", int(row["dir"]), int(row["idx"]), int(row["invalid_at"]), float(row["bottom"]), float(row["top"]), "OB",
                    int(row["idx"]), int(row["known_at"]), (("closed through", int(row["invalid_at"])),), "last bar against the break that made it known",
                    minor=i not in kept)


def pool_shapes(window: Window, spec: FeatureSpec) -> Iterator[Shape]:
    """Drawn at first sight: strong ones; of those that stand the newest extreme of a day or week, and the `POOLS_A_SIDE` nearest above and below the close."""
    rows, close = window.known.objects(spec.liquidity)["pools"], window.close
    kept = np.array([_is_strong(window, int(row["kind"]), float(row["priority"]), STRONG_POOL) for row in rows], bool)
    standing = kept & (rows["ended_at"] >= window.past) & (rows["known_at"] < window.past)
    for kind in range(2 * _OF_DAY + 2):                          # PWH, PWL, PDH, PDL
        mine = np.flatnonzero(standing & (rows["kind"] == kind))
        older = mine[np.argsort(rows["origin"][mine], kind="stable")[:-1]]
        kept[older] = standing[older] = False
    for side in (rows["level"] >= close, rows["level"] < close):
        mine = np.flatnonzero(standing & side)
        kept[mine[np.argsort(np.abs(rows["level"][mine] - close), kind="stable")[POOLS_A_SIDE:]]] = False
    for i, row in enumerate(rows):
        ended = int(row["ended_at"])
        later = ((_POOL_ENDS.get(int(row["end"]), "ended"), ended),) if row["end"] != ALIVE else ()
        level = float(row["level"])
        yield Shape("pools", LINE, "pool", int(row["side"]), int(row["known_at"]), ended, level, level, pool_name(window, row, ended), int(row["origin"]),
                    int(row["known_at"]), later, f"priority {row['priority']:.2f}", minor=not kept[i])


def _is_strong(window: Window, kind: int, priority: float, least: float) -> bool:
    """Whether a pool matters on bars of this length: a part of a session is no news on bars of an hour, nor is a day on bars of a day."""
    length, pair = timeframe_ns(window.known.timeframe), kind // 2
    return priority >= least - 1e-9 and not (length >= HOUR_NS and pair in _OF_SESSION_PARTS) and not (length >= DAY_NS and pair == _OF_DAY)


def pool_name(window: Window, pool: np.void, at: int) -> str:
    """What a pool is called at a bar: the extreme of an older day or week than the one before has its date, PDL 8 Apr.

    One that took in a newer extreme beside it stays as it is called.
    """
    word, pair, origin = pool_word(int(pool["kind"])), int(pool["kind"]) // 2, int(pool["origin"])
    if pair not in (_OF_WEEK, _OF_DAY):
        return word
    number, date = window.weeks if pair == _OF_WEEK else window.known.bars.session, int(window.known.bars.session_date[origin])
    return word if number[origin] >= number[min(at, window.past - 1)] - 1 else f"{word} {date % 100} {MONTHS[date // 100 % 100 - 1]}"


def pool_word(kind: int) -> str:
    """PDH, EQL, Asia H, Swing L."""
    name = POOL_KINDS[kind]
    head, _, side = name.partition("_")
    return name if not side else f"{head.capitalize()} {side}" if len(side) == 1 else name.replace("_", " ").lower()


def sweep_shapes(window: Window, spec: FeatureSpec) -> Iterator[Shape]:
    found = window.known.objects(spec.liquidity)
    for row in found["sweeps"][found["sweeps"]["result"] == SWEPT]:
        pool, low, high = found["pools"][row["pool"]], *sorted((float(row["level"]), float(row["extreme"])))
        yield Shape("sweeps", WICK, "sweep", int(row["dir"]), int(row["pierced_at"]), int(row["pierced_at"]), low, high,
                    f"sweep {pool_name(window, pool, int(row['pierced_at']))}", int(row["pierced_at"]), int(row["confirmed_at"]),
                    note=f"{row['penetration']:.2f} ATR beyond; priority {row['priority']:.2f}",
                    minor=not _is_strong(window, int(pool["kind"]), float(row["priority"]), STRONG_SWEEP))


def level_shapes(window: Window, spec: FeatureSpec) -> Iterator[Shape]:
    """Levels are clustered anew at each swing; a level that comes again at the same price goes on.  The strongest standing ones are drawn at first sight."""
    rows = window.known.objects(spec.levels)["levels"]
    going: dict[float, Shape] = {}
    joined: list[Shape] = []
    for row in rows[rows["known_at"] < window.past]:
        price, at, ended = float(row["price"]), int(row["known_at"]), int(row["ended_at"])
        before = going.get(price)
        if before is not None and before.last == at:
            going[price] = replace(before, last=ended, note=f"{row['touches']} swings; priority {row['priority']:.2f}", later=_until(ended))
            continue
        joined += [before] if before is not None else []
        going[price] = Shape("levels", LINE, "level", 0, at, ended, price, price, "S/R", at, at, _until(ended),
                             f"{row['touches']} swings; priority {row['priority']:.2f}")
    joined += going.values()
    standing = sorted((one for one in joined if one.last >= window.past), key=lambda one: (-float(one.note.rpartition(" ")[2]), abs(one.low - window.close)))
    kept = {id(one) for one in standing[:LEVELS_SHOWN]}
    for one in sorted(joined, key=lambda one: (one.known, one.low)):
        yield replace(one, minor=id(one) not in kept)


def _until(ended: int) -> tuple[tuple[str, int], ...]:
    return (("clustered anew", ended),)


def zone_shapes(window: Window, spec: FeatureSpec) -> Iterator[Shape]:
    """Supply and demand: a box from the first base bar to the zone's end; one that gave way to a better one at once is drawn on demand."""
    for row in window.known.objects(Zones())["zones"]:
        ends = {word: int(row[f"{word}_at"]) for word in ("violated", "expired", "nested")}
        low, high = sorted((float(row["proximal"]), float(row["distal"])))
        later = tuple((word, int(row[f"{word}_at"])) for word in ("touched", "stale", *ends))
        yield Shape("zones", BOX, "zone", int(row["dir"]), int(row["base_first"]), min(ends.values()), low, high, ZONE_PATTERNS[int(row["pattern"])],
                    int(row["base_first"]), int(row["confirmed_at"]), later, f"{9.0 * row['score']:g} of 9 points when it became known",
                    minor=ends["nested"] == int(row["confirmed_at"]))


MAKERS: dict[str, Callable[[Window, FeatureSpec], Iterator[Shape]]] = {
    "structure": break_shapes, "gaps": gap_shapes, "blocks": block_shapes, "pools": pool_shapes, "sweeps": sweep_shapes, "levels": level_shapes,
    "zones": zone_shapes, "swings": swing_shapes,
}
_LEFT_OUT = {
    "gaps": "gaps outside the bounds of a valid one, and inverse ones that price never came back to",
    "blocks": f"order blocks other than the {BLOCKS_A_SIDE} standing ones of each direction nearest to the last close",
    "pools": f"liquidity pools of priority under {STRONG_POOL} (single swings), or farther off than {POOLS_A_SIDE} standing ones, or too short for these bars, "
             "and standing extremes of days and weeks of which newer ones stand",
    "sweeps": f"sweeps of priority under {STRONG_SWEEP}, or of pools too short for these bars",
    "zones": "supply and demand zones that a better one took in at once",
    "levels": f"support and resistance other than the {LEVELS_SHOWN} strongest standing levels",
}


def shapes_of(window: Window, spec: FeatureSpec, layers: tuple[str, ...]) -> list[Shape]:
    """Shapes of the layers that reach into the window and are known by its end, in the order of `layers`; later life beyond the window is not told."""
    found = []
    for layer in layers:
        if layer in MAKERS:
            found += [_as_known(one, window.past) for one in MAKERS[layer](window, spec) if one.touches(window.first, window.past)]
    return found


def _as_known(shape: Shape, past: int) -> Shape:
    return replace(shape, last=shape.last if shape.last < past else int(NEVER), later=tuple((word, bar) for word, bar in shape.later if bar < past))


def left_out(shapes: list[Shape]) -> list[str]:
    """What is not drawn at first sight, counted, a phrase a layer."""
    counts = {layer: sum(one.minor for one in shapes if one.layer == layer) for layer in _LEFT_OUT}
    return [f"{counts[layer]:,} {words}" for layer, words in _LEFT_OUT.items() if counts[layer]]
