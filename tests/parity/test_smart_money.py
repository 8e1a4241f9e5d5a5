"""Swings, gaps, breaks, blocks and levels beside smartmoneyconcepts 0.0.27: what is equal after which shift, and what differs and why.

The differences are told in docs/parity-structure.md; each has its demonstration here.  The library's swings are those of `swing_length` L.
"""

import os

import numpy as np
import pytest

from pse.kernels.contract import NEVER
from pse.kernels.gaps import fair_value_gaps
from pse.kernels.liquidity import PDH, session_extremes
from pse.kernels.structure import structure
from pse.kernels.swings import swings

os.environ.setdefault("SMC_CREDIT", "0")
pd = pytest.importorskip("pandas")
smc = pytest.importorskip("smartmoneyconcepts").smc

SEEDS, N, NO_END = range(5), 800, 10**9


def walk(seed, n=N):
    """Bars with prices that never repeat."""
    rng = np.random.default_rng(seed)
    close = 100 + np.cumsum(rng.normal(0, 1, n))
    open_ = np.concatenate([[100.0], close[:-1]]) + rng.normal(0, 0.05, n)
    return pd.DataFrame({"open": open_, "high": np.maximum(open_, close) + rng.exponential(0.4, n), "low": np.minimum(open_, close) - rng.exponential(0.4, n),
                         "close": close, "volume": rng.integers(1, 100, n).astype(float)})


@pytest.fixture(scope="module")
def euro(request):
    """A year of EURUSD quarter hours, with the first half of the answers that the library's own repository stores for them."""
    folder = request.getfixturevalue("real_data") / "smc-eurusd-15m"
    bars = pd.read_csv(folder / "EURUSD_15M.csv.gz")
    bars.columns = [name.lower() for name in bars.columns]
    bars.index = pd.to_datetime(bars["date"], format="%Y.%m.%d %H:%M:%S")
    stored = {name: pd.read_csv(folder / f"{name}_result_data.csv.gz") for name in ("fvg", "swing_highs_lows")}
    return bars[["open", "high", "low", "close", "volume"]], stored


def prices(bars):
    return tuple(bars[name].to_numpy(float) for name in ("open", "high", "low", "close"))


def our_gaps(bars):
    """Gaps of any width that never grow stale, without inverse ones."""
    n = len(bars)
    rows = fair_value_gaps(*prices(bars), np.ones(n), np.zeros(n, np.int64), 1.0, 0.0, 0.0, np.inf, NO_END, False)
    return rows[~rows["inverse"]]


def our_swings(bars, length):
    """Rows with the library's window: L - 1 bars before, L after."""
    return swings(*prices(bars), np.zeros(len(bars), np.int64), length - 1, length, False)


def raw_swings(bars, length):
    """What the library's first statement marks, before it removes or writes anything: +1, -1 or 0 for each bar."""
    high, low = bars["high"], bars["low"]
    is_high = high == high.shift(-length).rolling(2 * length).max()
    is_low = low == low.shift(-length).rolling(2 * length).min()
    return np.where(is_high, 1, np.where(is_low, -1, 0))


def reduced(pivots):
    """The library's reduction, offline: of swings of one kind in a row the more extreme stays, the first on ties; a bar that is both counts as a high."""
    kinds = {}
    for p in pivots:
        if kinds.get(int(p["idx"]), (0, 0))[0] != 1:
            kinds[int(p["idx"])] = (int(p["kind"]), float(p["price"]))
    kept = []
    for idx, (kind, price) in sorted(kinds.items()):
        if kept and kept[-1][1] == kind:
            if kind * price > kind * kept[-1][2]:
                kept[-1] = (idx, kind, price)
        else:
            kept.append((idx, kind, price))
    return kept


def assert_gaps_equal(rows, theirs):
    """Set and edges after a shift of one bar, and the bar of the first touch."""
    at = np.flatnonzero(~np.isnan(theirs["FVG"].to_numpy()))
    np.testing.assert_array_equal(rows["formed_at"], at + 1)
    np.testing.assert_array_equal(rows["mid_bar"], at)
    for ours, name in (("dir", "FVG"), ("top", "Top"), ("bottom", "Bottom")):
        np.testing.assert_array_equal(rows[ours], theirs[name].to_numpy()[at])
    touched = np.where(rows["touched_at"] == NEVER, 0, rows["touched_at"])
    np.testing.assert_array_equal(touched, theirs["MitigatedIndex"].to_numpy()[at])
    return at.size


def published(marks):
    """Its readings without the first and the last bar, which it overwrites in any case."""
    out = np.nan_to_num(marks.to_numpy())
    out[[0, -1]] = 0
    return out


# --- what is equal ----------------------------------------------------------------------------------------------------------------------------
def test_gaps_edges_and_first_touch_are_those_of_the_library_one_bar_later():
    assert sum(assert_gaps_equal(our_gaps(walk(seed)), smc.fvg(walk(seed))) for seed in SEEDS) > 500


@pytest.mark.parametrize("length", [2, 5, 50])
def test_its_raw_swings_are_ours_with_its_window_from_the_first_bar_that_it_can_mark(length):
    for seed in SEEDS:
        bars = walk(seed)
        raw, ours = raw_swings(bars, length), our_swings(bars, length)
        ours = ours[ours["idx"] >= 2 * length - 1]
        highs, lows = ours["idx"][ours["kind"] > 0], ours["idx"][ours["kind"] < 0]
        np.testing.assert_array_equal(np.flatnonzero(raw == 1), highs)
        np.testing.assert_array_equal(np.flatnonzero(raw == -1), np.setdiff1d(lows, highs))


@pytest.mark.parametrize("length", [2, 5, 50])
def test_its_published_swings_are_ours_after_the_same_reduction_offline(length):
    for seed in SEEDS:
        bars = walk(seed)
        theirs = smc.swing_highs_lows(bars, length)
        expected, ours = published(theirs["HighLow"]), our_swings(bars, length)
        marks, levels = np.zeros(N), np.zeros(N)
        for idx, kind, price in reduced(ours[ours["idx"] >= 2 * length - 1]):
            marks[idx], levels[idx] = kind, price
        marks[[0, -1]] = 0
        np.testing.assert_array_equal(marks, expected)
        np.testing.assert_array_equal(levels[expected != 0], theirs["Level"].to_numpy()[expected != 0])


def test_levels_of_the_previous_day_are_equal_from_the_second_bar_of_each_day():
    for seed in SEEDS:
        bars = walk(seed)
        bars.index = pd.date_range("2024-01-01", periods=N, freq="30min")
        assert_days_equal(bars)


def assert_days_equal(bars):
    day = np.unique(bars.index.date, return_inverse=True)[1].astype(np.int64)
    nothing = np.zeros((int(day[-1]) + 1, 4), np.int64)
    ts = bars.index.to_numpy().astype("M8[ns]").astype(np.int64)
    _, high, low, _ = prices(bars)
    rows = session_extremes(high, low, ts, ts + 1, day, np.zeros(int(day[-1]) + 1, np.int64), nothing, nothing)
    theirs = smc.previous_high_low(bars, "1D")
    ours = {kind: np.full(len(bars), np.nan) for kind in (PDH, PDH + 1)}
    for row in rows[np.isin(rows["kind"], list(ours))]:
        ours[int(row["kind"])][row["t"]:] = row["level"]
    later = np.concatenate([[False], day[1:] == day[:-1]]) & (day > 0)
    for kind, name in ((PDH, "PreviousHigh"), (PDH + 1, "PreviousLow")):
        np.testing.assert_array_equal(ours[kind][later].astype(np.float32), theirs[name].to_numpy()[later])
    first = ~later & (day > 1)                                        # the first bar of a day still shows the day before the previous one
    assert (ours[PDH][first].astype(np.float32) != theirs["PreviousHigh"].to_numpy()[first]).mean() > 0.9


@pytest.mark.real
def test_a_year_of_real_quarter_hours_has_the_same_gaps_swings_and_days(euro):
    bars, stored = euro
    assert assert_gaps_equal(our_gaps(bars), smc.fvg(bars.reset_index(drop=True))) > 4000
    assert assert_gaps_equal(our_gaps(bars), stored["fvg"]) > 4000
    assert_days_equal(bars)


@pytest.mark.real
def test_on_real_ticks_its_swings_are_ours_and_the_later_bars_of_flat_tops(euro):
    bars, stored = euro
    length = 5
    raw, ours = raw_swings(bars, length), our_swings(bars, length)
    for kind, column, sign in ((1, bars["high"].to_numpy(), 1), (-1, bars["low"].to_numpy(), -1)):
        mine, its = set(ours["idx"][(ours["kind"] == kind) & (ours["idx"] >= 2 * length - 1)].tolist()), set(np.flatnonzero(raw == kind).tolist())
        assert not {i for i in mine - its if raw[i] != 1}                       # a bar that is both is a high to the library
        extra = its - mine
        assert extra and all((sign * column[i - length + 1:i]).max() == sign * column[i] for i in extra)
    assert len(stored["swing_highs_lows"]) == len(bars)


# --- what differs, and why --------------------------------------------------------------------------------------------------------------------
def replay(read, bars, first=50):
    """(readings that changed when a bar was added, how many of them were older than L bars) of a function of the bars, L = 5."""
    changed, old = 0, 0
    before = read(bars[:first])
    for k in range(first + 1, len(bars) + 1):
        now = read(bars[:k])
        for i in np.flatnonzero(now[:k - 1] != before):
            changed, old = changed + 1, old + (i < k - 1 - 5)
        before = now
    return changed, old


@pytest.mark.parametrize("seed", SEEDS)
def test_its_swings_are_rewritten_as_bars_arrive_and_ours_never(seed):
    bars = walk(seed, 200)
    changed, old = replay(lambda part: np.nan_to_num(smc.swing_highs_lows(part, 5)["HighLow"].to_numpy()), bars)
    assert changed > 100 and old > 0

    def ours(part):
        said = np.zeros(len(part))
        found = our_swings(part, 5)
        said[found["confirmed_at"]] = found["kind"]
        return said

    assert replay(ours, bars) == (0, 0)


def test_its_gap_stands_on_a_bar_before_the_one_that_makes_it_and_names_its_touch_before_it_comes():
    bars = walk(1)
    whole = smc.fvg(bars)
    at = np.flatnonzero(~np.isnan(whole["FVG"].to_numpy()))
    i = int(at[at > 100][0])
    assert np.isnan(smc.fvg(bars[:i + 1])["FVG"].iloc[i]) and not np.isnan(smc.fvg(bars[:i + 2])["FVG"].iloc[i])
    touched = int(whole["MitigatedIndex"].iloc[i])
    assert touched > i + 1 and smc.fvg(bars[:touched])["MitigatedIndex"].iloc[i] == 0
    early = our_gaps(bars[:touched])
    assert early[early["mid_bar"] == i]["touched_at"] == [NEVER]


def test_its_breaks_appear_on_bars_long_past_when_the_break_comes():
    delays = []
    for seed in SEEDS:
        broken = smc.bos_choch(walk(seed), smc.swing_highs_lows(walk(seed), 5))["BrokenIndex"].to_numpy()
        delays += list((broken - np.arange(N))[~np.isnan(broken)])
    assert np.median(delays) >= 10 and min(delays) >= 2
    bars = walk(0)
    broken = smc.bos_choch(bars, smc.swing_highs_lows(bars, 5))["BrokenIndex"].to_numpy()
    for i in np.flatnonzero(~np.isnan(broken)):
        part = bars[:int(broken[i])]
        assert np.isnan(smc.bos_choch(part, smc.swing_highs_lows(part, 5))["Level"].to_numpy()[i])


def test_a_level_that_both_break_is_broken_on_the_same_bar():
    """By close, with the library's swings; which levels are broken differs, for it wants four alternating swings first.  Its levels are float32."""
    shared = 0
    for seed in SEEDS:
        bars = walk(seed)
        _, breaks = structure(*prices(bars), np.ones(N), our_swings(bars, 5), False, 1.2, 0.6, 0.7, 3, 20)
        ours = {(np.float32(row["level"]), int(row["dir"])): int(row["t"]) for row in breaks}
        marks = smc.bos_choch(bars, smc.swing_highs_lows(bars, 5))
        for i in np.flatnonzero(~np.isnan(marks["Level"].to_numpy())):
            level = (np.float32(marks["Level"][i]), 1 if np.nansum([marks["BOS"][i], marks["CHOCH"][i]]) > 0 else -1)
            if level in ours:
                assert ours[level] == marks["BrokenIndex"][i]
                shared += 1
    assert shared > 100


def vanished(marks_of, bars, column):
    """How many marks that a shorter run showed are gone in a longer one."""
    shown, gone = set(), 0
    for k in range(100, 400, 10):
        there = set(np.flatnonzero(~np.isnan(marks_of(bars[:k])[column].to_numpy())).tolist())
        gone += len(shown - there)
        shown = there
    return gone


def test_its_order_blocks_vanish_after_they_were_shown():
    assert sum(vanished(lambda part: smc.ob(part, smc.swing_highs_lows(part, 5)), walk(seed), "OB") for seed in SEEDS) > 0


def test_its_order_block_of_the_bar_right_before_the_break_stands_upside_down():
    bars = walk(3, 12)
    bars.loc[10, ["open", "high", "low", "close"]] = [100.0, 101.0, 99.0, 100.0]
    bars.loc[11, ["open", "high", "low", "close"]] = [100.0, 111.0, 99.5, 110.0]
    marks = pd.DataFrame({"HighLow": np.where(np.arange(12) == 10, 1.0, np.nan), "Level": np.where(np.arange(12) == 10, 101.0, np.nan)})
    block = smc.ob(bars, marks).iloc[10]
    assert (block["OB"], block["Top"], block["Bottom"]) == (1.0, 99.0, 101.0)


def test_one_late_spike_changes_its_old_pools_of_liquidity():
    """Its tolerance is a share of the range of the whole sample; ours is known at the confirmation of the swing that joins."""
    bars = walk(2)
    spiked = bars.copy()
    spiked.loc[N - 1, "high"] += 400
    marks = smc.swing_highs_lows(bars, 5)
    before, after = (smc.liquidity(part, marks)["Level"].to_numpy()[:600] for part in (bars, spiked))
    assert not np.array_equal(before, after, equal_nan=True)


def test_its_last_bar_always_shows_a_swing():
    bars = walk(4)
    assert all(smc.swing_highs_lows(bars[:k], 5)["HighLow"].iloc[-1] in (1.0, -1.0) for k in range(100, 160))
    assert not (our_swings(bars, 5)["idx"] >= N - 5).any()
