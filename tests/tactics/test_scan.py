"""One scan over tactics and symbols: indices, order, evidence."""

import numpy as np

from pse.kernels.contract import REFUSED
from pse.tactics.mss_fvg_retest import MssFvgRetest
from pse.tactics.scan import scan_desk
from tests.tactics.views import instrument, random_view


class Later(MssFvgRetest):
    """The same finds under another place in the order of tactics."""

    def scan(self, features, instrument):
        found = super().scan(features, instrument)
        found.rows["precedence"] = 3
        return found


def test_setups_come_by_time_symbol_and_precedence_with_their_own_evidence():
    views, names = [random_view(seed) for seed in (1, 2, 3)], [instrument(symbol) for symbol in ("ES", "NQ", "RTY")]
    tactics = [Later(), MssFvgRetest()]
    desk = scan_desk(tactics, views, names)
    rows = desk.rows
    keys = list(zip(*(rows[name].tolist() for name in ("ts", "symbol")), (rows["kind"] == REFUSED).tolist(),
                    *(rows[name].tolist() for name in ("precedence", "event_bar")), strict=True))
    assert keys == sorted(keys) and set(rows["symbol"]) == {0, 1, 2} and rows["evidence"].tolist() == list(range(rows.size))
    assert (rows["tactic"] == np.where(rows["precedence"] == 3, 0, 1)).all()
    for symbol, view in enumerate(views):
        alone = MssFvgRetest().scan(view, names[symbol])
        own = np.flatnonzero((rows["symbol"] == symbol) & (rows["tactic"] == 1))
        told = {(row["ts"], row["entry"], row["group"], str(alone.evidence[i])) for i, row in enumerate(alone.rows)}
        assert {(rows["ts"][i], rows["entry"][i], rows["group"][i], str(desk.evidence[i])) for i in own} == told and own.size == len(alone)


def test_a_desk_without_tactics_finds_nothing():
    assert len(scan_desk([], [random_view(1)], [instrument()])) == 0
