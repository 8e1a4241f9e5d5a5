"""What can go wrong, by who can mend it.

`RequestError`: the request is wrong, exit code 2.  `OutsideError`: disk, network or a damaged table, exit code 3.
Every message is one paragraph: what was found, what was expected, whose rule it is, and the mend.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class PseError(Exception):
    """Base of every error that `pse` raises on purpose."""

    exit_code = 70


class RequestError(PseError):
    """The request is wrong: usage, configuration, or a user's file."""

    exit_code = 2


class OutsideError(PseError):
    """The outside failed: disk, network, provider, broker, a damaged table."""

    exit_code = 3


class BadInput(RequestError):
    """A user's file that cannot be taken as bars or settings."""


class BadConfig(RequestError):
    """A setting that is unknown, misplaced or out of bounds."""


class BadName(RequestError):
    """A symbol, run id or report name that may not become a path."""


class BadBars(RequestError):
    """Bars that break their own rules (order of time, shape)."""


class UnknownName(RequestError):
    """A name that is not in the list; the message gives the list and the nearest name."""

    def __init__(self, what: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
        hint = f" Did you mean {near[0]}?" if near else ""
        super().__init__(f"no {what} named {name!r}; there are: {', '.join(names) or 'none'}.{hint}")


class NoBars(RequestError):
    """There are no stored bars for the request."""


class ChangedSource(RequestError):
    """Code of the user's that is not what a run was made with."""


class DamagedTable(OutsideError):
    """A stored file does not hold what its log or hash says."""


class DiskFull(OutsideError):
    """The disk took no more bytes; nothing was half written."""


class Busy(OutsideError):
    """Another process holds the lock."""


def is_ctrl_c(error: BaseException | None) -> bool:
    """Whether an error is Ctrl-C, or a SystemError that compiled code made of it on its way out, once or several times over."""
    if not isinstance(error, SystemError):
        return isinstance(error, KeyboardInterrupt)
    inner: BaseException | None = error
    while inner is not None and not isinstance(inner, KeyboardInterrupt):
        inner = inner.__cause__ or inner.__context__
    return inner is not None
