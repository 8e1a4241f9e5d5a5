"""Where things lie below the home folder, and which names may become a path there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from pse.domain.errors import BadName
from pse.domain.instruments import SYMBOL_PATTERN

_SAFE = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True)
class Home:
    """One working folder: everything `pse` reads or writes of its own lies under `root`."""

    root: Path

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def bars(self) -> Path:
        return self.data / "bars"

    @property
    def features(self) -> Path:
        return self.data / "features"

    @property
    def news(self) -> Path:
        return self.data / "news"

    @property
    def actions(self) -> Path:
        return self.data / "actions"

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
