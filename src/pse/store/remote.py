"""Folders and files of an object store, with the words of `Path` that tables need, over the door that Delta Lake opens.

Credentials come from the environment, by the names that each cloud gives them; no address carries any, and what a store answers is never repeated whole,
for it may name keys.
"""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pse.domain.errors import BadConfig, OutsideError

if TYPE_CHECKING:
    from deltalake.fs import DeltaStorageHandler

ADDRESS = re.compile(r"(s3|gs|az)://[a-z0-9][a-z0-9._-]{1,62}(/[A-Za-z0-9][A-Za-z0-9._=-]*)*")
EXPECTED = "expected an address such as s3://BUCKET/FOLDER, gs://BUCKET/FOLDER or az://CONTAINER/FOLDER, of letters, digits, '.', '_', '=' and '-'"
OPTIONS = {"connect_timeout": "5s", "timeout": "120s", "max_retries": "4", "retry_timeout": "30s"}
CREDENTIALS = {"s3": "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and, for a store that is not Amazon's, AWS_ENDPOINT_URL",
               "gs": "GOOGLE_APPLICATION_CREDENTIALS or GOOGLE_SERVICE_ACCOUNT", "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY"}
_OF_THE_STORE = ("S3 error", "GCS error", "Azure error", "HTTP error", "privileges", "credentials")
_METADATA = ("169.254.169.254", "metadata.google", "/latest/api/token", "/metadata/identity")


def checked_address(text: str) -> str:
    """The address without a slash at its end.  Raises `BadConfig`, which repeats nothing that could be a secret."""
    if any(sign in text.partition("://")[2] for sign in "@?#:"):
        raise BadConfig(f"the address carries more than a place ('@', '?', '#' or ':'): {EXPECTED}; credentials belong in the environment")
    address = text.rstrip("/")
    if not ADDRESS.fullmatch(address) or ".." in address:
        raise BadConfig(f"found {text[:80]!r}: {EXPECTED}")
    return address


@dataclass(frozen=True, order=True)
class Remote:
    """A folder or a file by its whole address."""

    address: str

    def __truediv__(self, below: str) -> Remote:
        return Remote(f"{self.address}/{below}")

    def __str__(self) -> str:
        return self.address

    @property
    def name(self) -> str:
        return self.address.rpartition("/")[2]

    @property
    def scheme(self) -> str:
        return self.address.partition(":")[0]

    @property
    def _root(self) -> str:
        """The bucket with its scheme."""
        return "/".join(self.address.split("/")[:3])

    @property
    def _key(self) -> str:
        """The place inside the bucket."""
        return "/".join(self.address.split("/")[3:])

    def size(self) -> int | None:
        """Bytes of a file; None where there is none."""
        found = self._info()
        return int(found.size) if found.is_file else None

    def is_file(self) -> bool:
        return self.size() is not None

    exists = is_file

    def is_dir(self) -> bool:
        """Whether anything lies below it."""
        import pyarrow.fs as fs

        return bool(self._info().type == fs.FileType.Directory)

    def _info(self) -> Any:
        with answering(self):
            return _files(self._root).get_file_info(self._key)

    def iterdir(self) -> list[Remote]:
        """What lies directly below, sorted."""
        import pyarrow.fs as fs

        with answering(self):
            return sorted(Remote(f"{self._root}/{one.path}") for one in _files(self._root).get_file_info(fs.FileSelector(self._key, allow_not_found=True)))

    def mkdir(self, parents: bool = False, exist_ok: bool = False) -> None:
        """Folders of an object store are there with their first file."""

    def read_bytes(self) -> bytes:
        """The whole file.  Raises `FileNotFoundError`."""
        with answering(self), _files(self._root).open_input_file(self._key) as file:
            content: bytes = file.read()
            return content

    def read_text(self, encoding: str = "utf-8") -> str:
        return self.read_bytes().decode(encoding)

    def write_bytes(self, content: bytes) -> None:
        """The whole file in one step: a reader sees the old one or the new one."""
        with answering(self):
            stream = _door(self._root)._handler.open_output_stream(self._key, None)       # the handler around it takes no buffers
            stream.write(content)
            stream.close()  # type: ignore[attr-defined]

    def unlink(self, missing_ok: bool = False) -> None:
        with answering(self), contextlib.suppress(*([FileNotFoundError] if missing_ok else [])):
            _files(self._root).delete_file(self._key)


Folder = Path | Remote


@cache
def _door(root: str) -> DeltaStorageHandler:
    """Delta Lake's way into a bucket, with the credentials that the environment had at first use."""
    from deltalake.fs import DeltaStorageHandler

    return DeltaStorageHandler(root, OPTIONS)


@cache
def _files(root: str) -> Any:
    import pyarrow.fs as fs

    with answering(Remote(root)):
        return fs.PyFileSystem(_door(root))


def options_of(folder: Folder) -> dict[str, str] | None:
    """What Delta Lake is told beside an address."""
    return dict(OPTIONS) if isinstance(folder, Remote) else None


def arrow_files(folder: Folder) -> tuple[Any, str]:
    """Arrow's file system in which a folder lies, and the folder's path there."""
    import pyarrow.fs as fs

    return (_files(folder._root), folder._key) if isinstance(folder, Remote) else (fs.LocalFileSystem(), str(folder))


def readable(place: Folder) -> Any:
    """A file as Parquet readers take it; one of an object store is fetched whole, since years of bars are few and large."""
    return place if isinstance(place, Path) else io.BytesIO(place.read_bytes())


@contextlib.contextmanager
def answering(place: Folder) -> Iterator[None]:
    """Turns what a store says of itself (no such bucket, no access, no answer) into `OutsideError`; what is on disk passes as it is.

    A file that is not there, a log that says something wrong, and a commit that another writer was faster with pass too.
    """
    from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

    try:
        yield
    except (FileNotFoundError, CommitFailedError, TableNotFoundError):
        raise
    except (DeltaError, OSError) as error:
        of_the_log = isinstance(error, DeltaError) or "Kernel error" in str(error)
        if not isinstance(place, Remote) or (of_the_log and not any(sign in str(error) for sign in _OF_THE_STORE)):
            raise
        raise OutsideError(_told(place, str(error))) from None           # without the answer, which may name keys


def _told(place: Remote, answer: str) -> str:
    """What an answer means, and the mend."""
    credentials = f"the environment names them: {CREDENTIALS[place.scheme]}"
    if any(sign in answer for sign in _METADATA) or "CredentialsNotLoaded" in answer or "MissingBucketName" in answer:
        return f"{place}: there are no credentials for this store; {credentials}"
    if "NoSuchBucket" in answer or "ContainerNotFound" in answer or ("404" in answer and "bucket" in answer.lower()):
        return f"{place}: the store answers that there is no such bucket; make it, or correct storage.tables in configs/settings.yaml"
    if any(sign in answer for sign in ("401", "403", "AccessDenied", "Unauthorized", "Forbidden", "InvalidAccessKeyId", "SignatureDoesNotMatch")):
        return f"{place}: the store refuses these credentials; {credentials}. They need the right to list, read, write and delete there"
    if "allow_http" in answer or "BadScheme" in answer or "scheme is not allowed" in answer:
        return f"{place}: the store's endpoint is http and not https; where that is meant, say so with AWS_ALLOW_HTTP=true"
    if any(sign in answer for sign in ("error sending request", "Connect", "timed out", "dns error")):
        return f"{place}: the store does not answer; look whether the network and the endpoint are right, and run the command again"
    status = re.search(r"\b(4\d\d|5\d\d) [A-Z][A-Za-z ]{2,30}", answer)
    return f"{place}: the store cannot do what it was asked ({status[0].strip() if status else 'it gave no reason that can be shown'}); run the command again"
