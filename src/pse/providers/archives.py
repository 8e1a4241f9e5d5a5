"""Bytes out of a user's file or folder: plain, gzip, or zip (regular members only, nothing is ever unpacked to disk)."""

from __future__ import annotations

import gzip
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from pse.domain.errors import BadInput, OutsideError

LARGEST_BYTES = 8 * 1024**3                        # of one file, unpacked: a packed file that claims more is a trap or needs cutting
_PIECE = 1 << 24


@dataclass(frozen=True)
class Content:
    """One file's bytes and the name that the user is shown: `prices.csv`, or `prices.zip:es.csv` for a member."""

    name: str
    data: bytes


def existing(path: Path | None, provider: str) -> Path:
    """The path of a request, or `BadInput` when none was given or nothing is there."""
    if path is None:
        raise BadInput(f"provider {provider} reads files and was given none; write --path FILE or --path FOLDER")
    if not path.exists():
        raise BadInput(f"{path}: there is no such file or folder; check --path")
    return path


def files_for(path: Path, symbol: str, suffixes: Iterable[str]) -> list[Path]:
    """The file itself, or the files of a folder, sorted by name.

    Of a folder with several files those are taken whose name has the symbol as a word; raises `BadInput` when none has.
    """
    if path.is_file():
        return [path]
    wanted = tuple(suffixes)
    found = sorted(p for p in path.iterdir() if p.is_file() and p.name.lower().endswith(wanted))
    if not found:
        raise BadInput(f"{path}: the folder holds no file that ends in {', '.join(wanted)}; name a file or another folder with --path")
    if len(found) == 1:
        return found
    named = [p for p in found if symbol.lower() in re.split(r"[^a-z0-9]+", p.name.lower())]
    if not named:
        raise BadInput(f"{path}: of {len(found)} files none is named after {symbol} ({found[0].name}, ...); name one with --path")
    return named


def read_plain(path: Path) -> bytes:
    """All bytes of a file; an unreadable file is `BadInput` when it may not be read, `OutsideError` when the disk failed."""
    try:
        data = path.read_bytes()
    except PermissionError as error:
        raise BadInput(f"{path}: the file may not be read ({error.strerror}); change its permissions or name another with --path") from error
    except OSError as error:
        raise OutsideError(f"{path}: reading failed ({error}); check the disk and try again") from error
    if not data:
        raise BadInput(f"{path}: the file is empty (0 bytes); fetch it again or name another with --path")
    return data


def contents(path: Path, members: str = r"\.(csv|txt)$") -> Iterator[Content]:
    """The texts of a file: itself, what its gzip holds, or the members of its zip whose name matches `members`, in the zip's order."""
    data = read_plain(path)
    if data[:2] == b"\x1f\x8b":
        yield Content(path.name, _gunzip(path, data))
    elif data[:2] == b"PK" or path.suffix.lower() == ".zip":
        yield from zip_members(path, members)
    elif path.suffix.lower() == ".gz":
        raise BadInput(f"{path}: the name says gzip but the bytes do not; fetch it again, or rename it if it is plain text")
    else:
        yield Content(path.name, data)


def _gunzip(path: Path, data: bytes) -> bytes:
    if int.from_bytes(data[-4:], "little") > LARGEST_BYTES:
        raise _too_large(path.name)
    try:
        with gzip.open(path) as packed:
            return _read_capped(packed, path.name)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadInput(f"{path}: the gzip file is truncated or damaged ({error}); fetch it again") from error


def zip_members(path: Path, members: str) -> Iterator[Content]:
    """Regular members whose name matches the pattern; `BadInput` for a damaged zip or one without such a member."""
    try:
        with zipfile.ZipFile(path) as bag:
            wanted = [info for info in bag.infolist() if _regular(info) and re.search(members, info.filename.lower())]
            if not wanted:
                raise BadInput(f"{path}: the zip holds no member that matches {members}; it holds {_some(bag.namelist())}")
            for info in wanted:
                member = PurePosixPath(info.filename).name
                name = member if path.name == f"{member}.zip" else f"{path.name}:{member}"
                if info.file_size > LARGEST_BYTES:
                    raise _too_large(name)
                with bag.open(info) as packed:
                    yield Content(name, _read_capped(packed, name))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise BadInput(f"{path}: the zip file is truncated, damaged or locked ({error}); fetch it again") from error


def member_names(path: Path) -> list[str]:
    """Names of the regular members of a zip; `BadInput` for a damaged one."""
    try:
        with zipfile.ZipFile(path) as bag:
            return [info.filename for info in bag.infolist() if _regular(info)]
    except zipfile.BadZipFile as error:
        raise BadInput(f"{path}: the zip file is truncated or damaged ({error}); fetch it again") from error


def _regular(info: zipfile.ZipInfo) -> bool:
    kind = info.external_attr >> 28                                        # file type bits of a Unix mode, 0 when made elsewhere
    return not info.is_dir() and kind in (0, 8)


def _read_capped(packed: IO[bytes] | gzip.GzipFile, name: str) -> bytes:
    pieces, size = [], 0
    while piece := packed.read(_PIECE):
        size += len(piece)
        if size > LARGEST_BYTES:
            raise _too_large(name)
        pieces.append(piece)
    return b"".join(pieces)


def _too_large(name: str) -> BadInput:
    return BadInput(f"{name}: more than {LARGEST_BYTES // 1024**3} GiB unpacked; cut it into parts in one folder and name the folder with --path")


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "") if names else "nothing"
