"""Where things lie below the home folder, and which names may become a path there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pse.domain.errors import BadConfig, BadName
from pse.domain.instruments import SYMBOL_PATTERN
from pse.store.remote import Folder, Remote, checked_address
from pse.store.yaml_files import read_yaml

_STORAGE = re.compile(rb"(?m)^[^#\n]*storage")
_SAFE = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True)
class Home:
    """One working folder: everything `pse` reads or writes of its own lies under `root`, but the tables where configs/settings.yaml puts them elsewhere."""

    root: Path

    @cached_property
    def address(self) -> str | None:
        """Where the tables lie, if not here: `storage: {tables: ADDRESS}` of this folder's configs/settings.yaml.  Raises `BadConfig`."""
        path = self.configs / "settings.yaml"
        if not path.is_file() or not _STORAGE.search(path.read_bytes()):       # most say nothing of it, and need not be parsed for that
            return None
        shown = "configs/settings.yaml"
        layer = read_yaml(path, shown)
        storage = layer.tree.get("storage")
        found = storage.get("tables") if isinstance(storage, dict) else None
        if found is None:
            return None
        try:
            return checked_address(str(found))
        except BadConfig as error:
            raise BadConfig(f"{layer.marks.get(('storage', 'tables'), shown)}, storage.tables: {error}") from error

    @property
    def tables(self) -> Folder:
        """The folder of bars, features, headlines and actions, here or in an object store."""
        return self.data if self.address is None else Remote(self.address)

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def bars(self) -> Folder:
        return self.tables / "bars"

    @property
    def features(self) -> Folder:
        return self.tables / "features"

    @property
    def news(self) -> Folder:
        return self.tables / "news"

    @property
    def actions(self) -> Folder:
        return self.tables / "actions"

    @property
    def snapshots(self) -> Path:
        return self.data / "snapshots"

    @property
    def decisions(self) -> Path:
        return self.data / "decisions"

    @property
    def quarantine(self) -> Path:
        return self.data / "quarantine"

    @property
    def ledger(self) -> Path:
        return self.data / "ledger"

    @property
    def state(self) -> Path:
        return self.data / "state"

    @property
    def logs(self) -> Path:
        return self.data / "logs"

    @property
    def sessions(self) -> Path:
        return self.data / "sessions"

    @property
    def outputs(self) -> Path:
        return self.root / "backtests" / "outputs"

    @property
    def reports(self) -> Path:
        return self.root / "reports"

    @property
    def configs(self) -> Path:
        return self.root / "configs"

    @property
    def prompts(self) -> Path:
        return self.root / "prompts"

    def run(self, run_id: str) -> Path:
        """Folder of a run; refuses an id that is no plain name."""
        return self.outputs / safe_name(run_id, "run id")


def safe_name(text: str, what: str = "name") -> str:
    """`text` itself when it is one plain path component, else `BadName`."""
    if _SAFE.fullmatch(text) and text not in (".", ".."):
        return text
    raise BadName(f"{what} {text!r} cannot be a file name here; expected 1 to 64 letters, digits, '.', '_' or '-' and no folder; write the {what} "
                  f"as the list command shows it")


def symbol_name(text: str) -> str:
    """`text` itself when it is a symbol of ours, else `BadName`."""
    if re.fullmatch(SYMBOL_PATTERN.strip("^$"), text) and ".." not in text:
        return text
    raise BadName(f"symbol {text!r} is not one of ours; expected a capital letter or digit and then capitals, digits, '.', '_' or '-' (32 at most); "
                  f"what a provider calls it belongs in provider_names of configs/instruments.yaml")
