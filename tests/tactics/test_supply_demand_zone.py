"""The zone tactic: when an order is proposed at a zone, at what prices, until when, and what its evidence says."""

import json
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from pydantic import ValidationError

from pse.domain.setups import setup_id
from pse.engine.desk import Mode
from pse.engine.prepare import prepare
from pse.features.build import build
from pse.features.feature import Known
from pse.kernels.codes import E_ORDER, FAM_ZONE, LEG_ENTRY, O_CANCEL, R_CANCELLED, R_EXIT_SIGNAL
from pse.kernels.contract import CANCEL, ENTER, INVALID_CLOSE, LIMIT, NO_PARTIAL, OVERNIGHT, REFUSED, SETUP_DTYPE
from pse.kernels.targets import CODES, OK, OTHER_ZONE
from pse.kernels.zone_offers import OFFER_DTYPE
from pse.tactics.supply_demand_zone import SupplyDemandZone, calendar_of, choose, risk_ratio
from tests.engine.made import all_events, all_trades, batches, desk
from tests.features.made import future, minutes
from tests.tactics.views import entered, five_minute_bars, instrument

FIVE = 300_000_000_000
QUIET = [(100, 100.5, 99.5, 100)] * 20                       # an ATR of 1
DROP, REST = (100, 100, 98, 98.25), [(98.25, 98.5, 98, 98.25), (98.25, 98.75, 98, 98.5)]
RALLY, SMALL_RALLY = (98.5, 101, 98.5, 101), (98.5, 100.25, 98.5, 100.25)


@dataclass(frozen=True)
class Bare:
    """Decision bars and what is known of them: all that the tactic reads."""

    known: Known
    columns: dict = field(default_factory=dict)

    @property
    def decision(self):
        return self.known.bars


def view(*late, rally=RALLY, offset=None, mirror=False):
    """A demand zone 98..98.5 whose leg-out bar is bar 23, and what comes after it."""
    prices = np.array([*QUIET, DROP, *REST, rally, *late], float)
    o, h, lo, c = (200 - prices[:, [0, 2, 1, 3]]).T if mirror else prices.T
    off = None if offset is None else np.where(np.arange(len(prices)) >= offset[0], offset[1], 0.0)
    bars = five_minute_bars(*(column + (0 if off is None else off) for column in (o, h, lo, c)), off)
    return Bare(Known.from_bars(bars, instrument(cap=None)))


def scan(seen, cap=None, **parameters):
    return SupplyDemandZone(**parameters).scan(replace(seen, known=Known.from_bars(seen.decision, instrument(cap=cap))), instrument(cap=cap))


def only(seen, **given):
    setups = entered(scan(seen, **given))
    assert len(setups) == 1
    return setups.rows[0], setups.evidence[0]


def told(seen, **given):
    """Bar, kind and code of every row."""
    rows = scan(seen, **given).rows
    return [(int(row["ts"]) // FIVE - 1, int(row["kind"]), CODES[row["refusal"]]) for row in rows]


def test_an_order_that_rests_by_hand():
    """Lines 98.5 and 98; stop 98 - max(.25, .025); no supply above, so the target is the high since the leg-out: 2.5 / .75; 2 + 1 + 2 + 1 + 1 points."""
    row, evidence = only(view())
    assert (row["ts"], row["event_bar"], row["kind"], row["order_type"], row["direction"]) == (24 * FIVE, 24 * FIVE, ENTER, LIMIT, 1)
    assert tuple(row[name] for name in ("entry", "stop", "target")) == (98.5, 97.75, 101.0) and np.isnan(row["target2"])
    assert row["quality"] == row["confidence"] == 0.7777777778 and row["size_multiple"] == 1 and row["grade"] == 0
    assert np.isnan(row["rank_base"]) and row["family"] == FAM_ZONE and (row["invalid_price"], row["invalid_flags"]) == (98.0, INVALID_CLOSE)
    assert row["plan_flags"] == NO_PARTIAL and row["group"] == 2**32
    words = {"pattern": "DBR", "strength": "Strong", "time": "Strong", "freshness": "Fresh", "trend_alignment": "Neutral", "trend": "sideways",
             "risk_ratio": "3.3 / 1", "entry_on": "touch", "gap": False, "touches": 0, "points": 7.0, "odds_score": 0.7777777778, "rho": 5.0,
             "proximal": 98.5, "distal": 98.0, "base_bars": 2, "news_confidence": 0.0, "touched": None}
    assert {name: evidence[name] for name in words} == words
    assert evidence["objects"] == [f"zone:ES:5m:1:{21 * FIVE}"] and (evidence["base_from"], evidence["base_until"]) == (21 * FIVE, 23 * FIVE)


def test_a_supply_zone_is_the_demand_zone_upside_down():
    (long, told_long), (short, told_short) = only(view()), only(view(mirror=True))
    assert short["direction"] == -1 and told_short["pattern"] == "RBD"
    for name in ("entry", "stop", "target", "invalid_price"):
        assert short[name] == 200 - long[name]
    assert told_short["odds_score"] == told_long["odds_score"]


def test_a_touch_that_costs_the_score_takes_the_order_back():
    """Touched to the tick: 6 points are left, and the order is cancelled; the touch itself is no confirmation, for the score before it let an order rest."""
    setups = scan(view((101, 101, 98.5, 99.5)))
    assert [int(kind) for kind in setups.rows["kind"]] == [ENTER, CANCEL]
    assert setups.rows["group"][0] == setups.rows["group"][1] and setups.rows["direction"][1] == 1 and setups.rows["ts"][1] == 25 * FIVE
    assert setups.evidence[1]["ended"] == "score" and setups.evidence[1]["freshness"] == "Tested"


def test_a_close_through_the_zone_takes_the_order_back():
    setups = scan(view((101, 101, 97.5, 97.75)))
    assert [int(kind) for kind in setups.rows["kind"]] == [ENTER, CANCEL] and setups.evidence[1]["ended"] == "violated"


def test_a_zone_of_six_points_waits_for_a_close_out_of_it():
    """Bar 23 reaches 100.25: 1.75 / .75 earns no point for the ratio.  Bar 24 trades at 98.25 and closes at 98.75: 1.5 for 1 is just enough."""
    assert told(view(rally=SMALL_RALLY)) == []
    row, evidence = only(view((100.25, 100.25, 98.25, 98.75), rally=SMALL_RALLY))
    assert (row["ts"], row["event_bar"], row["valid_until"]) == (25 * FIVE, 25 * FIVE, 26 * FIVE)
    assert tuple(row[name] for name in ("entry", "stop", "target")) == (98.75, 97.75, 100.25)
    assert row["quality"] == 0.6666666667 and evidence["freshness"] == "Fresh" and evidence["scored"] == 24 * FIVE
    assert (evidence["entry_on"], evidence["touched"], evidence["risk_ratio"]) == ("confirmation", 24 * FIVE, "1.5 / 1")


INSIDE = (98.5, 98.5, 98.25, 98.25)


@pytest.mark.parametrize(("bars", "rows"), [
    ([INSIDE, INSIDE, (98.25, 98.75, 98.25, 98.75)], [(26, ENTER, "OK")]),                               # the second bar after the touch is in time
    ([INSIDE, INSIDE, INSIDE, (98.25, 98.75, 98.25, 98.75)], [(26, REFUSED, "NO_REJECTION")]),           # the third is not
    ([(98.5, 99.5, 98.5, 99.5)], [(24, REFUSED, "RR")]),                                                 # so far up that .75 is left for 1.75 of risk
    ([(98.5, 98.5, 97.5, 97.5), (97.5, 99, 97.5, 99)], []),                                              # closed through: no zone any more
])
def test_a_touch_is_confirmed_in_time_and_for_enough(bars, rows):
    assert told(view(*bars, rally=SMALL_RALLY)) == rows


def test_a_poor_zone_is_refused_once():
    """Six points where seven are the least that is traded in any way."""
    assert told(view(rally=SMALL_RALLY), rest_score=8 / 9, confirm_score=7 / 9) == [(23, REFUSED, "SCORE")]


def test_an_order_farther_away_than_allowed_is_refused():
    assert told(view(), intraday_reach_atr=2.0) == [(23, REFUSED, "TOO_FAR")]


def test_where_stops_are_capped_the_stop_is_checked_as_for_every_tactic():
    """Three ticks of risk are widened to four, which leaves 2.5 for 1 and six points; a cap of less refuses."""
    assert told(view(), cap=8.0) == []
    row, evidence = only(view(), cap=8.0, rest_score=6 / 9)
    assert row["stop"] == 97.5 and evidence["risk_ratio"] == "2.5 / 1"
    assert told(view(), cap=0.5, rest_score=6 / 9) == [(23, REFUSED, "SL_CAP")]


def test_a_roll_between_base_and_order_moves_every_price_by_its_difference():
    late = (101, 102, 100, 101)
    before, after = (scan(view(late, offset=offset), min_reward_r=0.1) for offset in (None, (23, 12.5)))
    for name in ("entry", "stop", "target", "invalid_price"):
        assert (after.rows[name] == before.rows[name] + 12.5).all() and len(after) == 1
    assert after.evidence[0]["proximal"] == 98.5 + 12.5


def test_of_several_orders_the_best_then_the_nearest_then_the_newest_comes_first():
    """One instant with four orders, another with one: equal scores go by distance, then by the newer zone; the opposite side keeps only a lower score."""
    offers = np.zeros(6, OFFER_DTYPE)
    offers["zone"], offers["points"], offers["distance"] = [0, 1, 2, 3, 4, 5], [7, 8, 8, 8, 7, 7], [1, 3, 3, 4, 1, 9]
    rows = np.zeros(6, SETUP_DTYPE)
    rows["ts"], rows["kind"], rows["refusal"] = [5, 5, 5, 5, 5, 9], ENTER, OK
    rows["direction"], rows["quality"] = [1, 1, 1, -1, -1, -1], offers["points"] / 9
    choose(rows, offers)
    assert rows["precedence"][[2, 1]].tolist() == [10, 11]
    assert (int(rows["kind"][3]), int(rows["refusal"][3])) == (REFUSED, OTHER_ZONE)
    assert rows["kind"][[0, 4, 5]].tolist() == [ENTER] * 3 and rows["precedence"][[4, 0]].tolist() == [13, 14] and rows["precedence"][5] == 10


@pytest.mark.parametrize(("prices", "said"), [((51.93, 51.74, 52.65), "3.8 / 1"), ((10.0, 9.0, 12.25), "2.2 / 1"), ((10.0, 9.0, 12.35), "2.4 / 1"),
                                              ((132.6, 133.35, 129.81), "3.7 / 1"), ((10.0, float("nan"), 12.0), None)])
def test_a_ratio_is_printed_with_one_decimal_a_half_to_the_even_digit(prices, said):
    assert risk_ratio(*prices) == said


@pytest.fixture(scope="module")
def features():
    return build(minutes(21, 8, roll_every=5), future())


def test_an_order_of_the_day_ends_with_its_session_and_one_of_daily_bars_with_the_next(features):
    sessions = features.decision.sessions
    hours, days = calendar_of(features, features.known.at("1h")), calendar_of(features, features.known.at("1d"))
    np.testing.assert_array_equal(hours.day_end, sessions.close_ns[features.known.at("1h").bars.session])
    np.testing.assert_array_equal(days.day_end, sessions.close_ns[features.known.at("1d").bars.session + 1])
    np.testing.assert_array_equal(days.next_close, days.day_end)
    closes, session = features.known.at("1h").bars.ts_close, features.known.at("1h").bars.session
    same = np.flatnonzero(np.diff(session) == 0)
    np.testing.assert_array_equal(hours.next_close[same], closes[same + 1])              # the last close of a day is followed by the first of the next
    np.testing.assert_array_equal(hours.next_close[:-1], closes[1:])
    assert hours.speaks.all() and (hours.decided_at == closes).all()


def test_zones_of_a_finer_timeframe_speak_at_the_last_close_that_a_decision_sees():
    seen = build(minutes(21, 3), future())
    fine = calendar_of(replace_decision(seen, "1h"), seen.known.at("15m"))
    closes = seen.known.at("15m").bars.ts_close
    assert (fine.decided_at[fine.speaks] == closes[fine.speaks]).all() and 0.2 < fine.speaks.mean() < 0.3


def replace_decision(features, timeframe):
    return Bare(features.known.at(timeframe))


@pytest.mark.parametrize(("timeframe", "held"), [("", 0), ("15m", 0), ("1h", OVERNIGHT)])
def test_zones_of_an_hour_and_longer_are_held_overnight(features, timeframe, held):
    setups = entered(SupplyDemandZone(timeframe=timeframe).scan(features, future()))
    assert len(setups) and (setups.rows["plan_flags"] == NO_PARTIAL | held).all()


def test_orders_stand_on_decisions_of_the_desk_in_order_of_time_and_are_told_in_plain_values(features):
    for timeframe in ("", "15m", "1h"):
        found = SupplyDemandZone(timeframe=timeframe).scan(features, future())
        rows, orders = found.rows, entered(found).rows
        assert np.isin(rows["ts"], features.decision.ts_close).all() and (np.diff(rows["ts"]) >= 0).all()
        assert (orders["valid_until"] > orders["ts"]).all() and (orders["direction"] * (orders["entry"] - orders["stop"]) > 0).all()
        assert (orders["direction"] * (orders["target"] - orders["entry"]) > 0).all()
        assert json.loads(json.dumps(list(found.evidence))) == list(found.evidence)
        ids = {setup_id("ES", "supply_demand_zone", int(row["direction"]), int(row["ts"]), tuple(facts["objects"]))
               for row, facts in zip(orders, entered(found).evidence, strict=True)}
        assert len(ids) == len(orders) > 0


def test_a_day_brings_one_proposal_of_a_zone_and_no_refusal_twice_in_a_row(features):
    found = SupplyDemandZone().scan(features, future())
    days = features.decision.session[np.searchsorted(features.decision.ts_close, found.rows["ts"])]
    resting = [(int(day), facts["zone"]) for row, day, facts in zip(found.rows, days, found.evidence, strict=True)
               if row["kind"] == ENTER and facts["entry_on"] == "touch"]
    assert len(set(resting)) == len(resting) and len({zone for _, zone in resting}) < len(resting)      # some are proposed again on a later day
    last: dict[str, tuple[int, int]] = {}
    for row, facts in zip(found.rows, found.evidence, strict=True):
        word = (int(row["kind"]), int(row["refusal"]))
        assert word[0] != REFUSED or word[1] == OTHER_ZONE or last.get(facts["zone"]) != word or facts["entry_on"] == "confirmation"
        last[facts["zone"]] = word


def test_a_parameter_out_of_its_bounds_is_refused_by_name():
    for given in ({"rest_score": 1.1}, {"confirm_bars": -1}, {"timeframe": "7m"}, {"zones": {"base_bars": 0}}, {"reach": 1}):
        with pytest.raises(ValidationError, match=next(iter(given))):
            SupplyDemandZone(**given)


def test_through_the_engine_orders_rest_at_zones_fill_there_and_are_taken_back():
    """Eight days of minutes with wide gates: every entry fills at its limit while its order lives, and some orders are cancelled at a close."""
    bars, plan = minutes(21, 8), desk(("ES",))
    gates = plan.risk.gates.model_copy(update={"ev_min_r": -9.0, "blackouts": (), "min_reward_r": 0.1})
    plan = replace(plan, risk=plan.risk.model_copy(update={"gates": gates}), tactics={"supply_demand_zone": SupplyDemandZone()})
    end = int(bars.ts_close[-1])
    prepared = prepare(plan, [bars], Mode(end_ns=end), int(bars.ts_open[0]), end)
    found = list(batches(prepared))
    trades, setups, events = all_trades(found), prepared.world.setups, all_events(found)
    assert len(trades) >= 3
    for trade in trades:
        row = setups[trade["setup"]]
        assert trade["entry"] == row["entry"] and trade["stop"] == row["stop"] and row["ts"] <= trade["entry_ts"] < row["valid_until"]
    cancelled = events[(events["kind"] == E_ORDER) & (events["i"] == LEG_ENTRY) & (events["j"] == O_CANCEL)]
    assert {*cancelled["code"].tolist()} & {int(R_EXIT_SIGNAL), int(R_CANCELLED)}, "no order was taken back at a close"
