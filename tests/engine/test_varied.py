"""A desk with other values: the same as one whose settings say so, and a space whose every mistake is named by file, line and mend."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest

from pse.domain.errors import BadConfig, RequestError
from pse.domain.trials import TRIAL_TRADE, Measured, Span
from pse.engine.desk import DeskPlan, desk_plan
from pse.engine.objective import objective
from pse.engine.varied import Found, as_set, searchable, space_of, varied, varied_settings
from pse.features.requests import parameters as described
from pse.registry import TACTICS, resolve
from pse.research.search import proposer
from pse.risk.fills import FillPolicy
from pse.settings import BadSetting, SearchPolicy, Settings, load_settings, search_policy
from tests.conftest import REPOSITORY

DESKS = sorted(path.stem for path in (REPOSITORY / "configs" / "desks").glob("*.yaml"))


def loaded(home: Path, desk: str = "futures-smc", *overrides: str) -> tuple[Settings, DeskPlan]:
    settings = load_settings(home, overrides=[f"desk={desk}", *overrides])
    return settings, desk_plan(settings)


@pytest.fixture(scope="module")
def smc(tmp_path_factory) -> tuple[Settings, DeskPlan]:
    return loaded(tmp_path_factory.mktemp("home"))


@pytest.fixture
def space(smc, tmp_path):
    """The space that the lines of `parameters:` make on futures-smc, the first of them on line 3."""
    def made(lines: str):
        path = tmp_path / "mine.yaml"
        path.write_text("search:\n  parameters:\n" + "".join(f"    {line}\n" for line in lines.splitlines()))
        return space_of(*smc, search_policy(smc[0], path))
    return made


@pytest.fixture
def refused(space):
    def said(lines: str) -> str:
        with pytest.raises(RequestError) as caught:
            space(lines)
        return str(caught.value)
    return said


def another(one: Found) -> list[object]:
    """Values of a parameter beside its own, some of which will do."""
    about, value = one.described, one.described.default
    if isinstance(value, bool):
        return [not value]
    if about.choices:
        return [choice for choice in about.choices if choice != value]
    if one.type == "int":
        return [value + 1, value - 1] if value is not None else [3]
    if one.type == "float":
        return [near for near in (value * 1.01, value * 0.99, value + 0.001, value - 0.001) if near != value] if value is not None else [2.5]
    return []


# --- the desk that a configuration makes -----------------------------------------------------------------------------------------------------------


def same(one: DeskPlan, other: DeskPlan) -> bool:
    fields = ("tactics", "risk", "spec", "fills", "events", "reads", "context", "symbols", "instruments", "rates", "capital", "decision_timeframe")
    return all(getattr(one, name) == getattr(other, name) for name in fields)


@pytest.mark.parametrize("desk", DESKS)
def test_a_varied_desk_is_the_desk_of_settings_that_say_so_for_every_typed_parameter(tmp_path, desk):
    settings, plan = loaded(tmp_path, desk)
    checked, unlike, known = 0, [], searchable(plan)
    for key, one in known.items():
        for value in another(one):
            try:
                fast = varied(settings, plan, {key: value})
            except BadConfig:
                continue
            checked += 1
            if not same(fast, desk_plan(varied_settings(settings, {key: value}))) or same(fast, plan):
                unlike.append(key)
            break
    typed = [key for key, one in known.items() if one.type in ("int", "float", "bool", "choice") and another(one)]
    assert unlike == [] and checked >= 0.98 * len(typed)


@pytest.mark.parametrize("desk", DESKS)
def test_the_settings_of_a_varied_desk_are_written_as_a_file_would_write_them(tmp_path, desk):
    """Against the ordinary way in: `--set`."""
    settings, _ = loaded(tmp_path, desk)
    profile = settings.chosen.risk
    asked = settings.model_copy(update={})
    there = varied_settings(asked, {"risk.plan.breakeven_at_r": 1.75, "features.structure.internal": 7})
    layered = load_settings(tmp_path, overrides=[f"desk={desk}", f"risk_policies.{profile}.plan.breakeven_at_r=1.75",
                                                 f"desks.{desk}.features.structure.internal=7"])
    assert there.run_tree() == layered.run_tree() != settings.run_tree()


@pytest.mark.parametrize(("desk", "params"), [
    ("futures-smc", {"risk.plan.trail": "none", "risk.plan.trail_ticks": None, "tactics.sweep_reversal.stop.cap_atr": 1 / 3}),
    ("zones", {"tactics.supply_demand_zone.zones.structure.major": 12, "tactics.supply_demand_zone.timeframe": "", "risk.limits.allow_short": False}),
    ("equities-swing", {"features.context_timeframe": "1d", "tactics.trend_following.by_regime": True, "risk.plan.trail_range_atr": 4.0}),
])
def test_the_words_for_the_command_line_make_the_same_desk(tmp_path, desk, params):
    settings, plan = loaded(tmp_path, desk)
    again = load_settings(tmp_path, overrides=[f"desk={desk}", *as_set(settings, params)])
    assert again.run_tree() == varied_settings(settings, params).run_tree() and same(desk_plan(again), varied(settings, plan, params))


def test_of_the_structure_that_zones_read_what_is_not_written_keeps_its_default(tmp_path):
    settings, _ = loaded(tmp_path, "zones", "desks.zones.tactics.supply_demand_zone={zones: {structure: {major: 12}}}")
    assert settings.tactic("supply_demand_zone").zones.structure.internal == 5


def test_what_is_not_touched_stays_the_object_that_it_is(smc):
    settings, plan = smc
    found = varied(settings, plan, {"risk.plan.breakeven_at_r": 1.5})
    assert found.spec is plan.spec and found.fills is plan.fills and found.risk.gates is plan.risk.gates
    assert all(found.tactics[name] is plan.tactics[name] for name in plan.tactics)
    deeper = varied(settings, plan, {"tactics.sweep_reversal.stop.cap_atr": 2.0})
    assert deeper.tactics["sweep_reversal"].stop.cap_atr == 2.0 and deeper.tactics["sweep_reversal"].target is plan.tactics["sweep_reversal"].target


def test_events_are_felt_by_the_impact_that_is_asked_for(tmp_path):
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "events.yaml").write_text("events:\n  - {at: 2024-01-31 14:00, name: rates, impact: high}\n"
                                                      "  - {at: 2024-02-01 10:00, name: survey, impact: medium}\n")
    settings, plan = loaded(tmp_path)
    assert [one.name for one in plan.events] == ["rates"]
    found = varied(settings, plan, {"risk.gates.events_impact": "medium"})
    assert [one.name for one in found.events] == ["rates", "survey"]


@pytest.mark.parametrize(("params", "says"), [
    ({"risk.gates.ev_min_r": 2.0}, "ev_min_r 2 above ev_prior_r 0.25"),
    ({"risk.plan.trail": "fixed"}, "trail_ticks or trail_percent; found neither"),
    ({"risk.limits.r_unit": 0.02}, "r_unit 0.02 above max_risk_per_trade 0.01"),
    ({"features.context_timeframe": "7m"}, "not a multiple of decision_timeframe"),
    ({"risk.tail.days": 5000}, "daily returns are weighed"),
    ({"tactics.breakout.channel_bars": 20}, "no tactic 'breakout'"),
    ({"limits.r_unit": 0.01}, "'limits'"),
])
def test_values_that_contradict_each_other_are_refused_with_both(smc, params, says):
    with pytest.raises(BadConfig) as caught:
        varied(*smc, params)
    assert says in str(caught.value)


def test_what_is_read_beside_follows_the_tactic_that_names_it(tmp_path):
    settings, _ = loaded(tmp_path, "equities-swing")
    plan = desk_plan(settings, ("AAPL", "QQQ"))
    assert list(plan.reads) == ["SPY"]
    found = varied(settings, plan, {"tactics.dual_momentum.benchmark": "GOOGL", "tactics.relative_strength.benchmark": "GOOGL"})
    assert list(found.reads) == list(found.context) == ["GOOGL"] and found.symbols == ("AAPL", "QQQ")


def test_pairs_that_only_together_make_sense_are_taken_together(smc):
    found = varied(*smc, {"risk.plan.trail": "fixed", "risk.plan.trail_ticks": 8.0})
    assert (found.risk.plan.trail, found.risk.plan.trail_ticks) == ("fixed", 8.0)


# --- the space -------------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("desk", DESKS)
def test_what_is_shipped_can_be_searched_and_holds_the_desk_itself(tmp_path, desk):
    settings, plan = loaded(tmp_path, desk)
    for file in (None, REPOSITORY / "configs" / "settings.yaml"):
        found = space_of(settings, plan, search_policy(settings, file))
        assert found.size is not None and found.size >= 20 and found.holds(found.own) and not found.refused(found.own)


def test_bounds_that_are_not_written_are_those_of_the_typed_parameter(space):
    found = space("tactics.sweep_reversal.sweep_window: {}\nrisk.plan.trail: {}\nrisk.limits.allow_short: {}\ntactics.sweep_reversal.boost: {}\n"
                  "risk.gates.wait_closes: {to: 3}\ntactics.sweep_reversal.stop.cap_atr: {from: 1, to: 2, step: 0.25}\nrisk.plan.partial_fraction: {}")
    assert found.levels("tactics.sweep_reversal.sweep_window") == tuple(range(201))
    assert found.levels("risk.plan.trail") == ("swing", "chandelier", "fixed", "none")
    assert found.levels("risk.limits.allow_short") == (False, True)
    assert found.levels("risk.gates.wait_closes") == (1, 2, 3)
    assert found.levels("tactics.sweep_reversal.stop.cap_atr") == (1.0, 1.25, 1.5, 1.75, 2.0)
    boost, share = found.parameter("tactics.sweep_reversal.boost"), found.parameter("risk.plan.partial_fraction")
    assert (boost.low, boost.high, boost.levels) == (1.0, 1.25, None)
    assert share.low == 0.0 and 0.999999 < share.high < 1.0 and found.size is None                 # below 1: 1 itself is not allowed
    assert found.own["tactics.sweep_reversal.sweep_window"] == 12 and found.own["risk.limits.allow_short"] is True


def test_the_desk_s_own_values_count_even_off_the_grid(space):
    found = space("risk.plan.breakeven_at_r: {values: [0.75, 1.5]}\nrisk.plan.trail_ticks: {values: [4, 8]}")
    assert found.own == {"risk.plan.breakeven_at_r": 1.0, "risk.plan.trail_ticks": None} and not found.holds(found.own) and not found.refused(found.own)
    assert found.levels("risk.plan.trail_ticks") == (4.0, 8.0)


@pytest.mark.parametrize(("line", "key", "says"), [
    ("risk.plan.brakeven_at_r: {values: [1]}", "", "did you mean risk.plan.breakeven_at_r?"),
    ("plan.breakeven_at_r: {values: [1]}", "", "did you mean risk.plan.breakeven_at_r?"),
    ("breakeven_at_r: {values: [1]}", "", "did you mean risk.plan.breakeven_at_r?"),
    ("tactics.breakout.channel_bars: {values: [10]}", "", "the desk futures-smc has no tactic 'breakout'; it has: mi"),
    ("tactics.sweep_reversal.sweep_windw: {values: [10]}", "", "did you mean tactics.sweep_reversal.sweep_window?"),
    ("tactics.sweep_reversal.sweep_window: {values: [10, 300]}", ".values.1", "found 300, expected 0 to 200; the nearest is 200"),
    ("tactics.sweep_reversal.sweep_window: {values: [2.5]}", ".values.0", "found 2.5, expected a whole number; write 2"),
    ("tactics.sweep_reversal.sweep_window: {values: [true]}", ".values.0", "found true, expected a whole number"),
    ("tactics.sweep_reversal.sweep_window: {from: 0, to: 10, step: 2.5}", ".step", "whole step"),
    ("tactics.sweep_reversal.sweep_window: {from: 1.5, to: 10}", ".from", "found 1.5, expected a whole number"),
    ("tactics.sweep_reversal.stop.cap_atr: {from: 0, to: 10}", ".from", "found 0, expected above 0 to 20"),
    ("tactics.sweep_reversal.stop.cap_atr: {from: 1, to: 21}", ".to", "found 21, expected above 0 to 20; the nearest is 20"),
    ("tactics.sweep_reversal.stop.cap_atr: {log: true}", ".log", "write a `from` above 0"),
    ("tactics.sweep_reversal.stop.cap_atr: {step: 21}", ".step", "step 21 is larger than the range"),
    ("risk.plan.breakeven_at_r: {}", "", "no upper bound of its own (above 0); write `to:`"),
    ("risk.gates.ev_min_r: {to: 1}", "", "no lower bound of its own"),
    ("risk.limits.max_symbol_notional: {from: 1}", "", "no upper bound of its own"),
    ("risk.plan.trail: {values: [swing, swng]}", ".values.1", "found swng, expected one of swing, chandelier, fixed, none; did you mean swing?"),
    ("risk.plan.trail: {from: 1, to: 2}", "", "which has no range; write `values: [...]` out of swing"),
    ("risk.limits.allow_short: {values: [1]}", ".values.0", "found 1, expected true or false"),
    ("risk.limits.correlation_days: {values: [5]}", ".values", "5 days tell nothing of a correlation"),
    ("risk.gates.blackouts: {values: [x]}", "", "cannot be searched: it is no number"),
    ("features.decision_timeframe: {values: [15m]}", "", "decision bars are the desk's own"),
    ("features.context_timeframe: {values: [soon]}", ".values", "found soon"),
    ("features.blocks.structure.internal: {values: [3, 8]}", "", "changes nothing"),
    *((f"fills.{name}: {{}}", "", "cannot be searched: how orders fill and what that costs is no parameter of a strategy")
      for name in (*FillPolicy.model_fields, "slipage")),
])
def test_a_mistake_of_a_parameter_is_told_with_file_line_and_what_would_do(refused, line, key, says):
    said = refused(line)
    assert "mine.yaml, line 3, search.parameters." + line.partition(":")[0] + key + ": " in said and says in said


def test_every_mistake_is_counted(refused):
    said = refused("risk.plan.breakeven: {values: [1]}\nrisk.plan.trail: {values: [no]}\nrisk.plan.stale_bars: {values: [5]}")
    assert "line 3" in said and "1 more" in said


def test_a_parameter_that_says_which_symbols_are_read_is_no_parameter_to_search(tmp_path):
    settings, plan = loaded(tmp_path, "equities-swing", "desks.equities-swing.search.parameters={tactics.dual_momentum.benchmark: {values: [SPY, QQQ]}}")
    with pytest.raises(BadSetting, match="found QQQ, with which the tactic dual_momentum reads other symbols"):
        space_of(settings, plan, search_policy(settings))


@pytest.mark.parametrize("name", sorted(TACTICS))
def test_what_a_tactic_is_said_to_take_is_what_a_search_takes(tmp_path, name):
    """The bounds that `pse desks tactics NAME` shows: both ends are taken, one step beyond either is not."""
    settings, plan = loaded(tmp_path, "futures-smc", f"desks.futures-smc.tactics={{{name}: {{}}}}")
    bounded = {f"tactics.{name}.{one.path}": one for one in described(resolve("tactic", name)())
               if one.low is not None and one.high is not None and not one.fixed and not isinstance(one.default, bool)}
    whole = {key: isinstance(one.default, int) for key, one in bounded.items()}
    for keys in (list(bounded)[:30], list(bounded)[30:]):
        for values in ({key: bounded[key].low - 1 for key in keys}, {key: bounded[key].high + 1 for key in keys}):
            if keys:
                with pytest.raises(BadSetting) as caught:
                    space_of(settings, plan, SearchPolicy(parameters={key: {"values": [value]} for key, value in values.items()}))
                assert len(caught.value.complaints) == len(keys)
        for found in space_of(settings, plan, SearchPolicy(parameters={key: {} for key in keys})).parameters if keys else ():
            one = bounded[found.key]
            assert (found.low, found.high) == pytest.approx((one.low + (whole[found.key] and one.low_open), one.high - (whole[found.key] and one.high_open)))


# --- what the page shows ---------------------------------------------------------------------------------------------------------------------------


def test_the_search_that_the_page_shows_can_be_searched(smc, tmp_path):
    page = (REPOSITORY / "docs" / "walkforward.md").read_text("utf-8")
    path = tmp_path / "shown.yaml"
    path.write_text(next(block for block in re.findall(r"^```yaml\n(.*?)^```", page, flags=re.M | re.S) if "search:" in block))
    policy = search_policy(smc[0], path)
    found = space_of(*smc, policy)
    assert found.size is None and found.levels("risk.gates.wait_closes") == (1, 2, 3, 4, 5) and len(proposer(found, policy, 1).batch(0)) == policy.batch


def test_the_objective_that_the_page_shows_is_one(tmp_path):
    page = (REPOSITORY / "docs" / "walkforward.md").read_text("utf-8")
    (tmp_path / "objectives").mkdir()
    (tmp_path / "objectives" / "mine.py").write_text(re.findall(r"^```python\n(.*?)^```", page, flags=re.M | re.S)[0])
    wanted = objective(SearchPolicy(objective="objectives/mine.py:wanted"), tmp_path)
    one = Measured(Span(0, 1), 100.0, np.arange(3, dtype=np.int32), np.array([110.0, 99.0, 108.9]), np.zeros(0, TRIAL_TRADE))      # +10 %, -10 %, +10 %
    assert wanted(one, 252.0) == pytest.approx((0.1 / 3) / math.sqrt(0.04 / 3) * math.sqrt(252) - 1.0)
