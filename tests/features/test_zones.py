"""Supply and demand zones as features: what the columns say of a zone made by hand, as traded, and what its object is called."""

import numpy as np

from pse.features.feature import Known
from pse.features.objects import as_known, object_ids, word_of
from pse.features.zones import Zones
from pse.kernels.codes import ZONE_PATTERNS
from pse.kernels.contract import NEVER
from tests.tactics.views import five_minute_bars, instrument

FIVE = 300_000_000_000
QUIET = [(100, 100.5, 99.5, 100)] * 20
BASE = [(100, 100, 98, 98.25), (98.25, 98.5, 98, 98.25), (98.25, 98.75, 98, 98.5), (98.5, 101, 98.5, 101)]       # drop, two bars of base, rally
TOUCH, THROUGH = (101, 101, 98.25, 100), (100, 100, 97.5, 97.75)


def known(*late, offset=0.0):
    prices = np.array([*QUIET, *BASE, *late], float)
    return Known.from_bars(five_minute_bars(*(prices.T + offset), np.full(len(prices), offset)), instrument(cap=None))


def test_the_columns_tell_of_a_zone_on_the_bar_that_confirms_it():
    """Bar 23 leaves the base 21..22 by 2.5 points; strength 2, time 1, freshness 2, no trend yet 1, 2.5 for .75 of risk 1."""
    found = known().of(Zones())
    assert np.flatnonzero(found["zone_dir"]).tolist() == [23] and ZONE_PATTERNS[found["zone_pattern"][23]] == "DBR"
    assert (found["zone_proximal"][23], found["zone_distal"][23], found["zone_score"][23]) == (98.5, 98.0, 7 / 9)
    assert np.isnan(found["supply_score"]).all()


def test_the_nearest_zone_stands_until_a_close_passes_through_it_and_its_score_is_that_of_each_close():
    found = known(TOUCH, THROUGH).of(Zones())
    assert found["demand_score"][23:25].tolist() == [7 / 9, 6 / 9]                      # one touch that went half as deep: Tested
    assert found["demand_proximal"][23:25].tolist() == [98.5, 98.5] and np.isnan(found["demand_proximal"][25])
    assert found["zones_violated"].tolist() == [0] * 25 + [1]


def test_prices_are_published_as_traded():
    plain, rolled = known(TOUCH).of(Zones()), known(TOUCH, offset=12.5).of(Zones())
    for name in ("zone_proximal", "zone_distal", "demand_proximal", "demand_distal"):
        np.testing.assert_array_equal(rolled[name], plain[name] + 12.5)
    np.testing.assert_array_equal(rolled["demand_score"], plain["demand_score"])


def test_a_zone_is_called_by_the_first_bar_of_its_base_and_its_later_life_can_be_set_back():
    seen = known(TOUCH, THROUGH)
    zones = seen.objects(Zones())["zones"][:1]                                    # the drop through it makes one of supply
    assert object_ids("zones", zones, seen.bars) == [f"zone:ES:5m:1:{21 * FIVE}"] and word_of("zones", "pattern", zones[0]) == "DBR"
    assert (zones[0]["touched_at"], zones[0]["stale_at"], zones[0]["violated_at"]) == (24, 25, 25)
    then = as_known("zones", zones, 25)[0]
    assert (then["touched_at"], then["stale_at"], then["violated_at"]) == (24, NEVER, NEVER)


def test_an_unknown_bar_ends_the_base():
    nan = (np.nan,) * 4
    prices = np.array([*QUIET, *BASE[:2], nan, *BASE[2:]], float)
    seen = Known.from_bars(five_minute_bars(*prices.T), instrument(cap=None))
    assert seen.objects(Zones())["zones"].size == 0
