"""The laws of the build on real minutes of the E-mini, read from the folder that PSE_REAL_DATA names."""

import csv
import io
import os
import zipfile
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from pse.domain.bars import Bars
from pse.features.build import build
from pse.providers.plain_sessions import plain_sessions
from tests.features.made import MINUTE, future
from tests.features.test_build import assert_same_beginning

pytestmark = pytest.mark.real


def trade_minutes(folder):
    """(ts_open, open, high, low, close, volume) of the contract with the largest volume of each file, stamps in New York time."""
    rows = []
    for path in sorted(folder.glob("*_trade.zip")):
        with zipfile.ZipFile(path) as archive:
            texts = [archive.read(name).decode() for name in archive.namelist()]
        tables = [[[float(cell) for cell in row] for row in csv.reader(io.StringIO(text)) if row] for text in texts]
        day = datetime.strptime(path.name[:8], "%Y%m%d").replace(tzinfo=ZoneInfo("America/New_York"))
        midnight = int(day.timestamp()) * 1_000_000_000
        rows += [(midnight + int(ms) * 1_000_000, *values[:5]) for ms, *values in max(tables, key=lambda table: sum(row[5] for row in table))]
    return [np.array(column) for column in zip(*rows, strict=True)]


@pytest.fixture(scope="module")
def bars():
    folder = Path(os.environ.get("PSE_REAL_DATA", "")) / "lean-es-1m"
    if "PSE_REAL_DATA" not in os.environ or not folder.is_dir():
        pytest.skip("PSE_REAL_DATA does not name a folder with lean-es-1m")
    ts, *prices, volume = trade_minutes(folder)
    days = [datetime.fromtimestamp(int(ts[i]) // 1_000_000_000).date() for i in (0, -1)]
    sessions = plain_sessions("CME Globex Equity", *days)
    session = sessions.index_of(ts)
    kept = session >= 0
    n = int(kept.sum())
    o, h, lo, c = (column[kept] for column in prices)
    return Bars(symbol="ES", timeframe="1m", ts_open=ts[kept], ts_close=ts[kept] + MINUTE, open=o, high=h, low=lo, close=c, volume=volume[kept],
                session=session[kept], roll=np.zeros(n, bool), offset=np.zeros(n), contract=np.zeros(n, np.int32), flags=np.zeros(n, np.int16),
                contracts=("ES",), sessions=sessions)


def test_later_real_minutes_never_change_what_was_built(bars):
    whole = build(bars, future())
    for cut in np.linspace(100, len(bars) - 1, 12).astype(int):
        assert_same_beginning(build(bars[:cut], future()), whole, future())


def test_real_minutes_hold_every_kind_of_object(bars):
    features = build(bars, future())
    assert features.breaks["mss"].sum() > 20 and (features.breaks["mqs"] >= 0.55).any()
    assert set(range(16)) <= {int(kind) for kind in features.pools["kind"]}
    assert len(features.gaps) > 500 and len(features.levels) > 100 and len(features.sweeps) > 200
