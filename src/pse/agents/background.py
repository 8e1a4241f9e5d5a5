"""One loop of events in a thread of its own, for whoever asks models from a program that waits: several questions are under way at once, one answer is
waited for.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

Answered = TypeVar("Answered")
SECONDS_TO_END = 2.0                              # that cancelled work is given
_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None


def finished(work: Coroutine[Any, Any, Answered]) -> Answered:
    """What the work comes to, done in the thread; Ctrl-C while it is waited for ends the work too."""
    ended = threading.Event()
    waiting = asyncio.run_coroutine_threadsafe(_to_its_end(work, ended), _running())
    try:
        return waiting.result()
    except BaseException:
        if waiting.cancel():
            ended.wait(SECONDS_TO_END)            # so that nothing is closed under what still runs
        raise


async def _to_its_end(work: Coroutine[Any, Any, Answered], ended: threading.Event) -> Answered:
    try:
        return await work
    finally:
        ended.set()


def _running() -> asyncio.AbstractEventLoop:
    """The loop, started at its first use; its thread ends with the program."""
    global _loop  # noqa: PLW0603 - one for the whole process, as connections of models are
    with _lock:
        if _loop is None or _loop.is_closed():
            _loop = asyncio.new_event_loop()
            threading.Thread(target=_loop.run_forever, name="pse-models", daemon=True).start()
        return _loop
