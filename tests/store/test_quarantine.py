"""What a defect of a row does; expectations by hand."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pse.domain.bars import BarFlag
from pse.domain.errors import BadInput
from pse.domain.ports import Fetched
from pse.store.layout import Home
from pse.store.quarantine import check, refuse_too_many, write_bad
from tests.store.made import BTC, ES, SPY, checked, minutes


def with_row(frame: pl.DataFrame, at: int, **values: float) -> pl.DataFrame:
    return frame.with_columns(pl.when(pl.int_range(pl.len()) == at).then(pl.lit(value)).otherwise(pl.col(name)).alias(name) for name, value in values.items())


@pytest.mark.parametrize(("values", "reason"), [
    ({"close": float("nan")}, "not finite"), ({"high": float("inf")}, "not finite"), ({"low": -float("inf")}, "not finite"),
    ({"high": 1.0}, "out of order"), ({"low": 9000.0}, "out of order"), ({"open": 9000.0}, "out of order"),
    ({"volume": -1.0}, "volume"), ({"volume": float("inf")}, "volume"), ({"volume": float("nan")}, "volume"),
    ({"high": 5000.1}, "tick grid"),
])
def test_a_defect_of_a_row_sends_that_row_alone_to_quarantine(values: dict[str, float], reason: str):
    found = checked(with_row(minutes("2024-03-12T15:00", 20), 7, **values))
    assert len(found.rows) == 19 and found.total == 20
    assert found.bad["row"].to_list() == [8] and found.bad["source"].to_list() == ["made.csv"]
    assert reason in found.bad["reason"][0]


def test_unknown_volume_is_no_defect():
    found = checked(minutes("2024-03-12T15:00", 5).with_columns(volume=pl.lit(None, dtype=pl.Float64)))
    assert not len(found.bad) and np.isnan(found.rows["volume"]).all()


def test_a_missing_price_is_a_defect():
    found = checked(with_row(minutes("2024-03-12T15:00", 5), 2, close=None))  # type: ignore[arg-type]
    assert found.bad["row"].to_list() == [3]


def test_shares_may_print_between_ticks_and_futures_and_coins_may_not():
    frame = with_row(minutes("2024-03-12T15:00", 5), 2, close=4000.005, high=4100.0, low=3900.0)
    assert [len(check(Fetched(frame, "1m"), one).bad) for one in (SPY, ES, BTC)] == [0, 1, 1]


def test_prices_as_text_files_hold_them_are_on_the_grid():
    euro = ES.model_copy(update={"tick": 0.00005})
    price = pl.Series([float(f"{1.0 + 0.00005 * k:.5f}") for k in range(4000)])
    frame = minutes("2024-03-12T15:00", 4000).with_columns(open=price, high=price, low=price, close=price)
    assert not len(check(Fetched(frame, "1m"), euro).bad)


def test_identical_duplicates_are_dropped_and_counted():
    frame = minutes("2024-03-12T15:00", 10)
    found = checked(pl.concat([frame, frame[3:5], frame[4:5]]))
    assert (len(found.rows), found.duplicates, len(found.bad)) == (10, 3, 0)


def test_duplicates_that_disagree_all_go_to_quarantine():
    frame = minutes("2024-03-12T15:00", 10)
    other = with_row(frame, 3, volume=7.0)[3:4].with_columns(row=pl.lit(99, dtype=pl.Int64))
    found = checked(pl.concat([frame, frame[3:4], other]))
    assert len(found.rows) == 9 and found.duplicates == 0
    assert sorted(found.bad["row"].to_list()) == [4, 4, 99] and set(found.bad["reason"]) == {"duplicate rows disagree"}
    assert frame["ts_open"][3] not in found.rows["ts_open"]


def test_one_minute_of_two_contracts_is_no_duplicate():
    found = checked(pl.concat([minutes("2024-03-12T15:00", 5, contract="ESH4"), minutes("2024-03-12T15:00", 5, contract="ESM4")]))
    assert (len(found.rows), found.duplicates, found.unsorted) == (10, 0, 0)
    assert found.rows.contracts == ("ESH4", "ESM4") and found.rows["contract"].tolist() == [0, 1] * 5


def test_only_futures_have_contracts():
    assert check(Fetched(minutes("2024-03-12T15:00", 5, contract="X"), "1m"), SPY).rows.contracts == ("",)


@given(st.integers(0, 2**32 - 1))
def test_any_order_of_rows_gives_the_same_bars(seed: int):
    frame = pl.concat([minutes("2024-03-12T15:00", 30, contract="ESH4"), minutes("2024-03-12T15:10", 30, contract="ESM4", seed=2)])
    mixed = frame[np.random.default_rng(seed).permutation(60).tolist()]
    first, second = checked(frame), checked(mixed)
    assert first.rows.contracts == second.rows.contracts
    for name, column in first.rows.columns.items():
        assert np.array_equal(column, second.rows[name]), name


def test_rows_out_of_order_are_counted_within_their_file():
    frame = minutes("2024-03-12T15:00", 10)
    assert checked(frame[[0, 1, 4, 2, 3, 5, 9, 6, 7, 8]]).unsorted == 2
    later, earlier = frame[5:], frame[:5].with_columns(source=pl.lit("other.csv"))
    assert checked(pl.concat([later, earlier])).unsorted == 0


def test_flags_say_what_is_known_of_a_bar():
    frame = with_row(minutes("2024-03-12T15:00", 3), 1, volume=0.0)
    assert checked(frame, synthetic=True).rows["flags"].tolist() == [BarFlag.SYNTHETIC, BarFlag.SYNTHETIC | BarFlag.ZERO_VOLUME, BarFlag.SYNTHETIC]
    assert checked(frame, close_only=True).rows["flags"][0] == BarFlag.CLOSE_ONLY


def test_one_percent_of_bad_rows_is_taken_and_a_row_more_is_refused():
    frame = minutes("2024-03-12T15:00", 200)
    for bad, allowed in ((2, True), (3, False)):
        found = checked(frame.with_columns(volume=pl.when(pl.int_range(pl.len()) < bad).then(-1.0).otherwise(pl.col("volume"))))
        if allowed:
            refuse_too_many(found, 1.0, "ES")
        else:
            with pytest.raises(BadInput, match=r"3 of 200 rows.*row 1 of made\.csv.*--max-bad"):
                refuse_too_many(found, 1.0, "ES")
            refuse_too_many(found, 1.5, "ES")


def test_rows_that_could_not_be_parsed_are_bad_rows_too():
    rejected = pl.DataFrame({"source": ["made.csv"], "row": [11], "reason": ["close is no number"], "text": ["a,b,c"]})
    found = checked(minutes("2024-03-12T15:00", 10), rejected=rejected)
    assert found.total == 11 and found.bad.row(0, named=True)["text"] == "a,b,c"


def test_the_quarantine_keeps_source_row_reason_and_values_and_the_same_rows_once(tmp_path):
    home, found = Home(tmp_path), checked(with_row(minutes("2024-03-12T15:00", 20), 7, high=float("nan"), low=-1.0))
    path = write_bad(home, "ES", found.bad)
    assert path is not None and path.parent == home.quarantine / "ES"
    line = json.loads(path.read_text())
    assert (line["source"], line["row"], line["low"], line["high"]) == ("made.csv", 8, -1.0, None) and "not finite" in line["reason"]
    assert write_bad(home, "ES", found.bad) == path and len(list(path.parent.iterdir())) == 1
    assert write_bad(home, "ES", found.bad[:0]) is None


@given(st.integers(0, 2**32 - 1))
def test_the_check_equals_its_naive_twin(seed: int):
    draw = np.random.default_rng(seed)
    frame = minutes("2024-03-12T15:00", 60, seed=seed)
    for name in ("open", "high", "low", "close", "volume"):
        hit, spoilt = draw.random(60) < 0.05, draw.choice([np.nan, np.inf, -5.0, 4000.1, 4000.25], 60)
        frame = frame.with_columns(pl.Series(name, np.where(hit, spoilt, frame[name].to_numpy())))
    assert checked(frame).bad.sort("row")["row"].to_list() == [row["row"] for row in frame.iter_rows(named=True) if naive_is_bad(row)]


def naive_is_bad(row: dict[str, float]) -> bool:
    prices = [row[name] for name in ("open", "high", "low", "close")]
    if not all(np.isfinite(price) for price in prices) or not np.isfinite(row["volume"]) or row["volume"] < 0:
        return True
    if row["high"] < max(prices) or row["low"] > min(prices):
        return True
    return any(abs(price / 0.25 - round(price / 0.25)) > 1e-3 for price in prices)


@pytest.mark.parametrize(("at", "values", "found"), [
    (7, {"high": 4500.0}, 1), (7, {"low": 3500.0}, 1), (0, {"low": 3500.0}, 1), (19, {"high": 4500.0}, 1),
    (7, {"high": 4390.0}, 0),                                                     # less than a tenth away
    (7, {"open": 400.0, "high": 400.0, "low": 400.0, "close": 400.0}, 1),         # a whole bar a digit short
])
def test_a_price_far_from_the_closes_on_both_sides_is_an_outlier_and_stays(at: int, values: dict[str, float], found: int):
    done = checked(with_row(minutes("2024-03-12T15:00", 20), at, **values))
    assert (done.outliers, len(done.rows), len(done.bad)) == (found, 20, 0)
    if found:
        assert done.first_outlier is not None and done.first_outlier.row == at + 1 and done.first_outlier.price in values.values()


def test_a_market_that_moves_away_and_stays_is_no_outlier():
    frame = pl.concat([minutes("2024-03-12T15:00", 20), minutes("2024-03-12T15:20", 20, price=6000.0)])
    assert checked(frame).outliers == 0


def test_wide_bars_among_wide_bars_are_no_outliers():
    """Every bar reaches 15 % above closes that hardly move: one usual range is 15 %, twenty of them are more."""
    frame = minutes("2024-03-12T15:00", 40)
    assert checked(frame.with_columns(high=pl.lit(4600.0))).outliers == 0


def test_contracts_far_apart_are_each_judged_by_their_own_closes():
    frame = pl.concat([minutes("2024-03-12T15:00", 30, contract="ESH4"), minutes("2024-03-12T15:00", 30, price=6000.0, contract="ESM4", seed=2)])
    assert checked(frame).outliers == 0
    done = checked(with_row(frame, 45, low=4000.0))
    assert done.outliers == 1 and done.first_outlier is not None and done.first_outlier.row == 16 and done.first_outlier.side == "low"


def test_a_price_that_grew_fiftyfold_is_measured_by_ranges_of_its_own_size():
    """Ranges are 2 % of the price everywhere; 12 % beyond both closes is six of them, though sixty of the early ones in points."""
    close = np.r_[np.full(100, 1.0), np.geomspace(1.0, 50.0, 200), np.full(20, 50.0)]
    frame = minutes("2024-03-12T15:00", 320).with_columns(open=close, close=close, high=close * 1.01, low=close * 0.99)
    tall = with_row(frame, 310, high=56.0)
    assert check(Fetched(tall, "1m"), SPY).outliers == 0 and check(Fetched(with_row(frame, 310, high=80.0), "1m"), SPY).outliers == 1


@pytest.mark.real
@pytest.mark.parametrize("path", ["yahoo-stocks-daily/AAPL.csv.gz", "yahoo-stocks-daily/TREX.csv.gz", "yahoo-stocks-daily/BLDR.csv.gz"])
def test_the_crashes_of_real_shares_are_no_bad_prints(real_data, path: str):
    from pse.domain.ports import CsvOptions, FetchRequest
    from pse.providers.csv_files import CsvFiles

    fetched = CsvFiles().fetch(FetchRequest("SPY", SPY, None, None, None, real_data / path, CsvOptions(), 0, {}))
    assert check(fetched, SPY).outliers == 0
