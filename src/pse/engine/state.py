"""The engine's state as one block of bytes: laid out, saved, loaded, checked."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from math import prod

import numpy as np

from pse.domain.errors import OutsideError
from pse.kernels import codes
from pse.kernels.book import State
from pse.kernels.contract import NEVER
from pse.kernels.state import (
    ACCOUNT_DTYPE,
    BAR_DTYPE,
    GRADES,
    HEARD_DTYPE,
    MAX_CANDIDATES,
    MAX_TAIL_DAYS,
    PLAN_DTYPE,
    STATE_VERSION,
    SYMBOL_DTYPE,
    TALLY_DTYPE,
    VERDICT_DTYPE,
)

MAGIC = b"pse-state"
DIGEST_BYTES = 32
WORDS = 4                          # of the head: version and shape
WEIGHED, CHOSEN = 4, 8              # columns of scratch
LONG_AGO = -int(NEVER)
LIVE = (codes.P_ARMED, codes.P_OPEN, codes.P_PARTIAL)


@dataclass(frozen=True)
class Shape:
    """How many symbols and tactics a desk has, and plans a symbol: what the size of the block depends on."""

    symbols: int
    tactics: int
    plans_a_symbol: int = 1

    @property
    def slots(self) -> int:
        return self.symbols * self.plans_a_symbol


def _parts(shape: Shape) -> list[tuple[str, np.dtype, tuple[int, ...]]]:
    return [
        ("account", ACCOUNT_DTYPE, (1,)), ("symbols", SYMBOL_DTYPE, (shape.symbols,)), ("plans", PLAN_DTYPE, (shape.slots,)),
        ("tallies", TALLY_DTYPE, (max(1, shape.tactics), GRADES)),
        ("told", HEARD_DTYPE, (shape.symbols, max(1, shape.tactics))), ("verdicts", VERDICT_DTYPE, (MAX_CANDIDATES,)),
        ("asked", np.dtype("i8"), (MAX_CANDIDATES,)), ("turn", np.dtype("i8"), (shape.symbols,)), ("live", np.dtype("i8"), (shape.slots,)),
        ("bar", BAR_DTYPE, (1,)), ("losses", np.dtype("f8"), (3, MAX_TAIL_DAYS)), ("weighed", np.dtype("f8"), (shape.slots, WEIGHED)),
        ("ranks", np.dtype("f8"), (MAX_CANDIDATES,)), ("chosen", np.dtype("i8"), (CHOSEN, MAX_CANDIDATES)),
    ]


def _views(block: np.ndarray, shape: Shape) -> State:
    at, views = 0, {}
    for name, dtype, dims in _parts(shape):
        size = dtype.itemsize * prod(dims)
        views[name] = block[at:at + size].view(dtype).reshape(dims)
        at += size
    return State(**views)


def _size(shape: Shape) -> int:
    return sum(dtype.itemsize * prod(dims) for _, dtype, dims in _parts(shape))


def live_slots(state: State) -> list[int]:
    """Slots of the plans that work or hold something, in the desk's order."""
    return np.flatnonzero(np.isin(state.plans["status"], LIVE)).tolist()


def fresh_state(shape: Shape, capital: float) -> State:
    """A new account with `capital` and nothing open."""
    state = _views(np.zeros(_size(shape), np.uint8), shape)
    account = state.account[0]
    for name in ("balance", "equity", "day_start_equity", "high_water"):
        account[name] = capital
    account["skew_ns"] = np.nan
    state.plans["symbol"] = np.arange(shape.slots) // shape.plans_a_symbol
    symbols = state.symbols
    symbols["row"] = -1
    symbols["row_splits"] = 1.0
    symbols["entry_ts"] = LONG_AGO
    symbols["stop_ts"] = LONG_AGO
    symbols["entry_closes"] = LONG_AGO
    symbols["stop_closes"] = LONG_AGO
    for name in ("swing_high", "swing_low", "last_close"):
        symbols[name] = np.nan
    return state


def save_state(state: State, shape: Shape) -> bytes:
    """The state with its version and shape in front and its digest behind."""
    head = MAGIC + np.array([STATE_VERSION, shape.symbols, shape.tactics, shape.plans_a_symbol], "<i8").tobytes()
    block = head + b"".join(np.ascontiguousarray(getattr(state, name)).tobytes() for name, _, _ in _parts(shape))
    return block + hashlib.sha256(block).digest()


def copied_state(state: State, shape: Shape) -> State:
    """The same state in a block of its own."""
    return _views(np.frombuffer(bytearray(b"".join(getattr(state, name).tobytes() for name, _, _ in _parts(shape))), np.uint8), shape)


def load_state(saved: bytes) -> tuple[State, Shape]:
    """A state from its bytes; another version or a changed or cut block is an error, never a guess."""
    head = len(MAGIC) + 8 * WORDS
    if saved[:len(MAGIC)] != MAGIC or len(saved) < head + DIGEST_BYTES:
        raise OutsideError("the saved engine state does not begin as one; it is damaged or another file. Start the session anew from its journal.")
    block = saved[:-DIGEST_BYTES]
    version, *counts = np.frombuffer(block[len(MAGIC):head], "<i8").tolist()
    if version != STATE_VERSION:
        raise OutsideError(f"the saved engine state has version {version}; this program reads version {STATE_VERSION}. "
                           f"Start the session anew from its journal.")
    if hashlib.sha256(block).digest() != saved[-DIGEST_BYTES:]:
        raise OutsideError(f"the saved engine state of {len(saved)} bytes does not match its digest; it was changed or cut. "
                           f"Start the session anew from its journal.")
    shape = Shape(*counts)
    return _views(np.frombuffer(bytearray(block[head:]), np.uint8), shape), shape
