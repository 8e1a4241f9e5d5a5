"""Made-up bars: reproducible, prefix-stable, shaped like an index future's."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from pse.domain.errors import RequestError
from pse.domain.instruments import Instrument
from pse.domain.ports import Fetched, FetchRequest
from pse.domain.sessions import MINUTE_NS
from pse.providers.plain_sessions import plain_sessions
from pse.providers.synthetic import Synthetic

ES = Instrument(
    symbol="ES", name="E-mini", kind="future", tick=0.25, lot_step=1, point_value=50, currency="USD", calendar="CME Globex Equity"
)
SPY = Instrument(symbol="SPY", name="SPDR", kind="stock", tick=0.01, lot_step=1, point_value=1, currency="USD", calendar="NYSE")


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000_000


def made(start: str, end: str, seed: int = 42, instrument: Instrument = ES, **extra: object) -> Fetched:
    request = FetchRequest(instrument.symbol, instrument, start_ns=at(start), end_ns=at(end), seed=seed, extra=extra)
    return Synthetic().fetch(request)


def bars(*args: object, **more: object) -> pl.DataFrame:
    return made(*args, **more).frame.drop("row")


def test_same_seed_gives_the_same_bytes_and_another_seed_does_not():
    once, again, other = bars("2024-03-01", "2024-03-20"), bars("2024-03-01", "2024-03-20"), bars("2024-03-01", "2024-03-20", seed=7)
    assert once.equals(again)
    assert not once["close"].equals(other["close"])


def test_a_longer_range_starts_with_the_same_bars_bit_for_bit():
    long, short = bars("2024-03-01", "2024-06-30"), bars("2024-03-01", "2024-03-14T15:07")
    assert_frame_equal(long.filter(pl.col("ts_open") < at("2024-03-14T15:07")), short, check_exact=True)


def test_a_later_start_gives_the_same_bars_from_there_on():
    early, late = bars("2024-01-01", "2024-02-01"), bars("2024-01-17T03:21", "2024-02-01")
    assert_frame_equal(early.filter(pl.col("ts_open") >= at("2024-01-17T03:21")), late, check_exact=True)


def test_bars_are_labelled_synthetic_and_say_so():
    fetched = made("2024-01-02", "2024-01-04")
    assert fetched.synthetic and fetched.timeframe == "1m"
    assert "synthetic" in fetched.notes[0] and set(fetched.frame["source"]) == {"synthetic"}


def test_every_bar_is_well_formed_on_the_tick_grid_and_has_volume():
    frame = bars("2024-01-01", "2024-07-01")
    high, low = frame["high"].to_numpy(), frame["low"].to_numpy()
    for name in ("open", "high", "low", "close"):
        price = frame[name].to_numpy()
        assert ((price <= high) & (price >= low) & (price > 0)).all()
        assert (price / 0.25 == np.rint(price / 0.25)).all()
    assert (frame["volume"] >= 1).all() and (frame["ts_open"] % MINUTE_NS == 0).all()


def test_no_bar_falls_into_the_maintenance_break_or_outside_the_given_sessions():
    sessions = plain_sessions("CME Globex Equity", datetime(2024, 1, 1).date(), datetime(2024, 1, 31).date())
    frame = bars("2024-01-01", "2024-02-01", sessions=sessions)
    assert (sessions.index_of(frame["ts_open"].to_numpy()) >= 0).all()
    hour = frame.select(pl.from_epoch("ts_open", time_unit="ns").dt.hour()).to_series()
    assert 22 not in set(hour)                                  # 16:00 to 17:00 in Chicago in winter


def test_an_early_close_and_a_halt_of_the_calendar_are_kept():
    sessions = plain_sessions("NYSE", datetime(2024, 7, 1).date(), datetime(2024, 7, 5).date())
    sessions.close_ns[2] = at("2024-07-03T17:00")               # 13:00 in New York
    sessions.break_open_ns[0], sessions.break_close_ns[0] = at("2024-07-01T15:00"), at("2024-07-01T15:15")
    ts = bars("2024-07-01", "2024-07-06", instrument=SPY, sessions=sessions)["ts_open"].to_numpy()
    assert not ((ts >= at("2024-07-03T17:00")) & (ts < at("2024-07-04"))).any()
    assert not ((ts >= at("2024-07-01T15:00")) & (ts < at("2024-07-01T15:15"))).any()
    assert ((ts >= at("2024-07-01T15:15")) & (ts < at("2024-07-01T15:20"))).any()


def test_two_contracts_overlap_and_volume_crosses_on_the_thursday_before_expiry_week():
    frame = bars("2024-03-01", "2024-03-20")                    # expiry Friday 2024-03-15, volume roll Thursday 2024-03-07
    day = frame.with_columns(pl.from_epoch("ts_open", time_unit="ns").dt.date().cast(pl.String).alias("day"))
    volume = {(d, c): v for d, c, v in day.group_by("day", "contract").agg(pl.col("volume").sum()).iter_rows()}
    assert volume["2024-03-05", "ES-202403"] > volume["2024-03-05", "ES-202406"]
    assert volume["2024-03-08", "ES-202406"] > volume["2024-03-08", "ES-202403"]
    both = frame.pivot("contract", index="ts_open", values="close").drop_nulls()
    assert both.height > 5_000 and (both["ES-202406"] - both["ES-202403"]).median() != 0.0


def test_the_day_is_livelier_than_the_night_and_the_night_misses_minutes():
    frame = bars("2024-01-02", "2024-02-01").with_columns(pl.from_epoch("ts_open", time_unit="ns").alias("t"))
    span, hour = pl.col("high") - pl.col("low"), pl.col("t").dt.hour()
    noon, night = frame.filter(hour.is_between(15, 20)), frame.filter(hour.is_between(4, 6))
    assert noon.select(span.mean()).item() > 1.5 * night.select(span.mean()).item()
    assert noon["volume"].mean() > 3 * night["volume"].mean()
    days = night["t"].dt.date().n_unique()
    assert 0.9 * 180 * days < night.height < 180 * days


def test_calm_and_turbulent_times_both_persist():
    frame = bars("2015-01-01", "2020-01-01", instrument=SPY)
    daily = frame.group_by(pl.from_epoch("ts_open", time_unit="ns").dt.date().alias("d"), maintain_order=True).agg(pl.col("close").last())
    size = np.abs(np.diff(np.log(daily["close"].to_numpy())))
    month = size[: size.size // 21 * 21].reshape(-1, 21).mean(axis=1)
    assert month.max() > 2.5 * month.min()
    assert np.corrcoef(month[:-1], month[1:])[0, 1] > 0.2


def test_symbols_with_one_seed_do_not_move_together():
    nq = ES.model_copy(update={"symbol": "NQ"})
    a, b = (bars("2024-01-02", "2024-01-12", instrument=x).group_by("ts_open").agg(pl.col("close").first()) for x in (ES, nq))
    both = a.join(b, on="ts_open").sort("ts_open")
    r = np.corrcoef(np.diff(np.log(both["close"].to_numpy())), np.diff(np.log(both["close_right"].to_numpy())))[0, 1]
    assert abs(r) < 0.1


def test_longer_bars_are_refused_with_the_mend():
    with pytest.raises(RequestError, match="leave --timeframe out"):
        Synthetic().fetch(FetchRequest("ES", ES, timeframe="5m"))


def test_no_session_in_the_range_is_an_empty_frame():
    assert made("2024-01-06", "2024-01-07").frame.is_empty()    # a Saturday
