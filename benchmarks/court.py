"""What a verdict costs: PBO over all halvings, counting a large ledger, and `pse overfit` on a thousand kept trials."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.made import SEED, SYMBOL, context
from benchmarks.measure import Figure, cpu, median

PBO_SESSIONS, SESSIONS, TRIALS, COUNTED, ROUNDS = 2_520, 1_260, 1_000, 10_000, 3
PBO_S, COUNT_S, OVERFIT_S = 3.0, 1.0, 60.0
DESK = "futures-smc"


def measure(folder: Path) -> list[Figure]:
    from pse.commands import overfit
    from pse.research.pbo import pbo
    from pse.store.ledger import trials_counted

    matrix = np.random.default_rng(SEED).standard_normal((PBO_SESSIONS, TRIALS)) * 0.01
    pbo(matrix)
    halvings = [cpu(lambda: pbo(matrix)) for _ in range(ROUNDS)]
    small, large = context(folder / "court"), context(folder / "ledger")
    keep(small.home, matrix[:SESSIONS], TRIALS)
    keep(large.home, matrix[:5, :1], COUNTED)
    counting = [cpu(lambda: trials_counted(large.home, (SYMBOL,), (None, None))) for _ in range(ROUNDS)]
    return [
        Figure(f"PBO of {PBO_SESSIONS:,} x {TRIALS:,} in 16 blocks", median(halvings), "s", ROUNDS, bar={"most": PBO_S}),
        Figure(f"counting {COUNTED:,} trials of the ledger", median(counting), "s", ROUNDS, bar={"most": COUNT_S}),
        Figure(f"pse overfit on {TRIALS:,} trials of {SESSIONS:,} sessions", cpu(lambda: overfit.run(small, overfit.Asked(desk=DESK))), "s", 1,
               bar={"most": OVERFIT_S}),
    ]


def keep(home, matrix: np.ndarray, count: int) -> None:
    """A ledger of so many trials, which take the columns in turn."""
    from pse.store.ledger import Trial, append_trials

    days = np.arange(np.datetime64("2019-01-01"), np.datetime64("2019-01-01") + matrix.shape[0]).astype(object)
    dates = np.array([day.year * 10_000 + day.month * 100 + day.day for day in days], np.int32)
    one = Trial(fingerprint="", snapshot="0" * 16, symbols=(SYMBOL,), window=(None, None), settings_hash="", desk=DESK, trades=100)
    append_trials(home, ((one.model_copy(update={"fingerprint": f"{number:064x}", "settings_hash": f"{number:064x}"}), dates,
                          matrix[:, number % matrix.shape[1]]) for number in range(count)), 0)
