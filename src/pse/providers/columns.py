"""Which column of a table is which: by the names that vendors use, or as the user says.

Roles: `time` (or `date` and `time` in two columns), `open high low close`, and where there is one `volume contract bid_close ask_close trades vwap`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pse.domain.errors import BadInput, RequestError, UnknownName

NUMBERS = ("open", "high", "low", "close", "volume", "bid_close", "ask_close", "trades", "vwap")
ROLES = ("date", "time", *NUMBERS, "contract")
OPEN_NAMES = frozenset("ts_open open_time open_datetime open_timestamp opentime time_open start start_time bar_start".split())
CLOSE_NAMES = frozenset("ts_close close_time close_datetime close_timestamp closetime time_close end end_time bar_end".split())

# Names in order of preference, normalised as `_plain` does; a suffix _utc or _gmt is taken off first.
_NAMES: dict[str, tuple[str, ...]] = {
    "time": (
        *sorted(OPEN_NAMES), *sorted(CLOSE_NAMES), "timestamp", "datetime", "date_time", "ts", "ts_event", "gmt_time", "bar_time", "date", "day", "time", "t",
    ),
    "open": ("open", "o", "open_price", "px_open", "first"),
    "high": ("high", "h", "high_price", "px_high", "max"),
    "low": ("low", "l", "low_price", "px_low", "min"),
    "close": ("close", "c", "close_price", "px_last", "last"),
    "volume": ("volume", "vol", "v", "qty", "total_volume"),
    "contract": ("contract",),
    "bid_close": ("bid_close",),
    "ask_close": ("ask_close",),
    "trades": ("trades", "trade_count", "number_of_trades", "num_trades", "count", "n", "barcount"),
    "vwap": ("vwap", "vw", "wap", "average"),
}


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.strip().lower()).strip("_")


def says_utc(name: str) -> bool:
    """Whether a column's name says that its times are UTC."""
    return _plain(name).endswith(("_utc", "_gmt")) or _plain(name) in ("utc", "gmt", "gmt_time", "utc_time", "ts_open", "ts_close", "ts_event")


def named_stamp(name: str) -> str | None:
    """`open` or `close` when a time column's name says which end of the bar it names, else None."""
    plain = re.sub(r"_(utc|gmt)$", "", _plain(name))
    return "open" if plain in OPEN_NAMES else "close" if plain in CLOSE_NAMES or plain.startswith("close_") else None


def roles_by_name(names: Sequence[str]) -> dict[str, int]:
    """Role -> position, for the roles that the names tell."""
    plain = [re.sub(r"(?<=.)_(utc|gmt)$", "", _plain(name)) for name in names]
    roles: dict[str, int] = {}
    for role, known in _NAMES.items():
        at = next((plain.index(name) for name in known if name in plain), None)
        if at is not None:
            roles[role] = at
    if "date" in plain and "time" in plain and plain[roles["time"]] in ("date", "time"):
        roles["date"], roles["time"] = plain.index("date"), plain.index("time")
    return roles


def roles_as_said(said: Mapping[str, str | int], names: Sequence[str], where: str) -> dict[str, int]:
    """Role -> position from the user's `--columns`; raises `RequestError` for an unknown role, name or position."""
    roles: dict[str, int] = {}
    for role, column in said.items():
        if role not in ROLES:
            raise UnknownName("column role", role, ROLES)
        if isinstance(column, int) or column.isdigit() and column not in names:
            at = int(column)
            if not 0 <= at < len(names):
                raise RequestError(f"{where}: --columns {role}={at} but rows have {len(names)} fields, counted from 0")
        elif column in names:
            at = list(names).index(column)
        else:
            raise RequestError(f"{where}: --columns {role}={column} but the columns are {', '.join(names)}")
        roles[role] = at
    if "date" in roles and "time" not in roles:
        roles["time"] = roles.pop("date")
    return roles


def require(roles: Mapping[str, int], names: Sequence[str], where: str) -> None:
    """Raise `BadInput` naming the roles that no column fills."""
    missing = [role for role in ("time", "open", "high", "low", "close") if role not in roles]
    if missing:
        raise BadInput(
            f"{where}: no column for {', '.join(missing)}; the columns are {', '.join(names)}. "
            f"Say which is which by name or position counted from 0, for example --columns time=0,open=1,high=2,low=3,close=4,volume=5"
        )


def parse_columns(text: str) -> dict[str, str | int]:
    """`--columns` in either form: `time=0,open=Open,...`, or a list by position such as `date,time,open,high,low,close,volume,_` (`_`: skip)."""
    parts = [part.strip() for part in text.split(",")]
    named = any("=" in part for part in parts)
    _once([part.partition("=")[0].strip() if named else part for part in parts])
    if named:
        pairs = [part.partition("=") for part in parts]
        bad = next((part for part, (role, sign, column) in zip(parts, pairs, strict=True) if not (role and sign and column.strip())), None)
        if bad is not None:
            raise RequestError(f"--columns: {bad!r} is not role=column; write for example --columns time=0,open=1,high=2,low=3,close=4,volume=5")
        said: dict[str, str | int] = {role.strip(): int(c) if (c := column.strip()).isdigit() else c for role, _, column in pairs}
    else:
        said = {part: at for at, part in enumerate(parts) if part not in ("", "_", "-")}
    unknown = next((role for role in said if role not in ROLES), None)
    if unknown is not None:
        raise UnknownName("column role", unknown, ROLES)
    return said


def _once(roles: Sequence[str]) -> None:
    """Raise `RequestError` when a role is given to two columns."""
    twice = next((role for at, role in enumerate(roles) if role not in ("", "_", "-") and role in roles[:at]), None)
    if twice is not None:
        raise RequestError(f"--columns: {twice} is given twice; each role stands for one column: leave one out (or write _ for a column to skip)")
