"""The word that a command says when it waits for the compiler, and only then."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from pse.commands.wiring import Context

WAIT = "compiling for this machine, once for this version: up to half a minute ..."


@contextlib.contextmanager
def telling_of_compiling(context: Context) -> Iterator[None]:
    """Notes the wait at the first function that is compiled inside: one that is read from the folder of compiled code is not."""
    from numba.core import event

    class FirstCompiled(event.Listener):
        said = False

        def on_start(self, event: object) -> None:
            if not self.said:
                self.said = True
                context.note(WAIT)

        def on_end(self, event: object) -> None:
            """Nothing more is said."""

    with event.install_listener("numba:compile", FirstCompiled()):
        yield
