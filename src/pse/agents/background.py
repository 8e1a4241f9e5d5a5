"""One loop of events in a thread of its own, for whoever asks models from a program that waits: several questions are under way at once, one answer is
waited for.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

Answered = TypeVar("Answered")
_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None


def finished(work: Coroutine[Any, Any, Answered]) -> Answered:
    """What the work comes to, done in the thread; Ctrl-C while it is waited for ends the work too."""
    waiting = asyncio.run_coroutine_threadsafe(work, _running())
    try:
        return waiting.result()
    except BaseException:
        waiting.cancel()
        raise


def _running() -> asyncio.AbstractEventLoop:
    """The loop, started at its first use; its thread ends with the program."""
    global _loop  # noqa: PLW0603 - one for the whole process, as connections of models are
    with _lock:
        if _loop is None or _loop.is_closed():
            _loop = asyncio.new_event_loop()
            threading.Thread(target=_loop.run_forever, name="pse-models", daemon=True).start()
        return _loop
