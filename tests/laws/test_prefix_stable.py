"""`f(bars[:t]) == f(bars)[:t]`, bitwise, for everything registered and for every briefing that a judge is shown: nobody knows what comes later."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from pse.agents.rules import decide as rules
from pse.clock import moment_ns
from pse.domain.headlines import Headlines
from pse.engine.briefing import as_text, asking_often
from pse.engine.desk import Mode, desk_plan
from pse.engine.feeds import instants, live_feed
from pse.engine.loop import run
from pse.engine.prepare import prepare
from pse.engine.state import fresh_state
from pse.features.build import build
from pse.features.feature import Known
from pse.features.resampled import resample
from pse.registry import FEATURES, TACTICS, resolve
from pse.settings import load_settings
from pse.tactics.swing import Swing
from tests.engine.made import desk
from tests.features.made import future, minutes
from tests.laws.test_shipped_desks import DESKS, HOME, bars_of
from tests.tactics.dailies import features_of, stock, walk_bars

HOUR = 3_600_000_000_000


@cache
def synthetic():
    return minutes(21, 12, missing=0.03, roll_every=5)


@pytest.fixture(params=["synthetic", pytest.param("real", marks=pytest.mark.real)])
def bars(request):
    if request.param == "synthetic":
        return synthetic()
    return real_bars(request.getfixturevalue("real_data"), request.getfixturevalue("tmp_path_factory"))


_REAL: dict[str, object] = {}


def real_bars(folder: Path, tmp_path_factory):
    """The front contract's minutes of eleven sessions, as a backtest would load them."""
    if "ES" not in _REAL:
        from pse.commands.running import gather
        from tests.commands.stored import context_of, stored_real

        context = context_of(stored_real(folder, tmp_path_factory.mktemp("real")))
        _REAL["ES"] = gather(context, context.settings, ("ES",), None, None).bars[0]
    return _REAL["ES"]


def cuts_of(bars, count, seed=0):
    """Random bars, the last of some sessions and the first of others."""
    rng = np.random.default_rng(seed)
    turns = np.flatnonzero(np.diff(bars.session)) + 1
    rolls = np.flatnonzero(bars.roll)
    found = np.concatenate([rng.integers(50, len(bars), count), turns, turns + 1, rolls, rolls + 1])
    return sorted(int(cut) for cut in np.unique(found[found < len(bars)]))


@pytest.mark.parametrize("name", sorted(FEATURES))
def test_no_registered_feature_changes_its_past(name, bars):
    feature, made = resolve("feature", name)(), resample(bars, "5m").bars
    whole = Known.from_bars(made, future()).of(feature)
    for cut in (1, 20, *np.linspace(40, len(made) - 1, 12).astype(int).tolist()):
        for column, values in Known.from_bars(made[:cut], future()).of(feature).items():
            np.testing.assert_array_equal(values, whole[column][:cut], err_msg=f"{name} {column} cut at {cut}")


@cache
def days():
    """Three hundred days of five symbols, the benchmark and one that closes later among them; some days are missing."""
    return [walk_bars(7, 300, name, "24/7" if name == "BTC" else "NYSE", missing=0.03, rolls=name == "AAA") for name in ("AAA", "BBB", "BTC", "CCC", "SPY")]


def seen(tactic, bars):
    """(cuts, features as of one, instrument): of strategies that answer days made days, else the bars."""
    if not isinstance(tactic, Swing):
        return [*cuts_of(bars, 12), len(bars)], lambda cut: build(bars[:cut], future()), future()
    own = days()[0]

    def features(cut):
        until = int(own.ts_close[cut - 1])
        return features_of([one[:int(np.searchsorted(one.ts_close, until, side="right"))] for one in days()], "AAA", until)

    return [*range(120, len(own), 13), len(own)], features, stock("AAA")


@pytest.mark.parametrize("name", sorted(TACTICS))
def test_no_registered_tactic_changes_a_setup_or_a_refusal_that_it_told(name, bars):
    tactic = resolve("tactic", name)()
    cuts, features, instrument = seen(tactic, bars)
    whole = tactic.scan(features(cuts[-1]), instrument)
    looked = 0
    for cut in cuts[:-1]:
        early = features(cut)
        known = int(early.decision.ts_close[-1]) if len(early.decision) else 0
        found = tactic.scan(early, instrument)
        n = int((whole.rows["ts"] <= known).sum())
        assert found.rows.tobytes() == whole.rows[:n].tobytes(), cut
        assert list(found.evidence) == list(whole.evidence[:n]), cut
        looked += n
    assert looked > 0


def briefings(prepared_steps, plan):
    """Every briefing of a run, as the text that a judge is shown."""
    from pse.brokers.sim import SimBroker

    shown = []

    def judge(briefing):
        shown.append(as_text(briefing))
        return rules(briefing)

    for _ in run(prepared_steps, judge, SimBroker(plan.shape.slots), fresh_state(plan.shape, plan.capital)):
        pass
    return shown


def window(bars, first_share, hours):
    start = int(bars.ts_open[int(first_share * len(bars))])
    return start, min(start + hours * HOUR, int(bars.ts_close[-1]))


def loose(plan):
    """The desk with gates so wide that judges are asked often."""
    gates = plan.risk.gates.model_copy(update={"ev_min_r": -9.0, "blackouts": (), "max_slippage_r": 9.0, "min_reward_r": 0.1})
    return replace(plan, risk=plan.risk.model_copy(update={"gates": gates}))


@pytest.mark.slow
def test_a_judge_is_shown_the_same_whether_the_future_is_known_or_not(bars):
    plan = loose(desk(("ES",)))
    start, end = window(bars, 0.4, 72)
    mode = Mode(end_ns=end, ask=True)
    whole = briefings([prepare(plan, [bars], mode, start, end)], plan)
    assert len(whole) >= 3
    assert briefings(live_feed(plan, [bars], mode, start), plan) == whole


@pytest.mark.parametrize("seed", range(4))
def test_briefings_up_to_any_moment_are_the_first_briefings_of_the_whole(seed):
    bars, plan = minutes(seed, 5, missing=0.05, roll_every=2), loose(desk(("ES",)))
    start, end = window(bars, 0.2, 24)
    mode = Mode(end_ns=end, ask=True)
    whole = briefings([prepare(plan, [bars], mode, start, end)], plan)
    moments, _ = instants(plan, [bars], start, end)
    counts = []
    for cut in sorted(np.random.default_rng(seed).choice(moments, 8).tolist()) + [end]:
        known = bars[:int(np.searchsorted(bars.ts_close, cut, side="right"))]
        early = briefings([prepare(plan, [known], mode, start, cut)], plan)
        assert early == whole[:len(early)]
        counts.append(len(early))
    assert counts == sorted(counts) and counts[-1] == len(whole) > 0


def news_of(bars, seed, until=2**62):
    """Two hundred headlines over the window, as far as they are known; some of them flagged."""
    rng = np.random.default_rng([seed, 3])
    known = np.sort(rng.integers(int(bars.ts_open[0]), int(bars.ts_close[-1]), 200))
    flagged, n = rng.random(200) < 0.2, int(np.searchsorted(known, until, side="right"))
    return Headlines(known[:n], flagged[:n], tuple(f"headline {number} of the window" for number in range(n)))


@pytest.mark.parametrize("desk_name", DESKS)
def test_the_text_that_a_shipped_desk_shows_its_judge_never_changes_with_what_comes_later(desk_name):
    plan = asking_often(desk_plan(load_settings(HOME, overrides=(f"desk={desk_name}",))))
    gates = plan.risk.gates.model_copy(update={"ev_min_r": -1e6, "max_slippage_r": 1e6})         # fees of a coin are many ranges of made bars
    plan = replace(plan, risk=plan.risk.model_copy(update={"gates": gates}))
    bars = bars_of(plan, 1)

    def reading(until=2**62):
        return replace(plan, headlines={symbol: news_of(one, at, until) for at, (symbol, one) in enumerate(zip(plan.symbols, bars, strict=True))})

    first, last = min(int(one.ts_open[0]) for one in bars), max(int(one.ts_close[-1]) for one in bars)
    start, end = first + (last - first) * 4 // 10, last
    mode = Mode(end_ns=end, ask=True)
    whole = briefings([prepare(reading(), bars, mode, start, end)], plan)
    cut = moment_ns(whole[len(whole) // 2].split()[2])
    early = briefings([prepare(reading(cut), [one[:int(np.searchsorted(one.ts_close, cut, side="right"))] for one in bars], mode, start, cut)], plan)
    assert 0 < len(early) < len(whole) and early == whole[:len(early)]
    assert all("[timeframes]" in one and "headline" in one for one in whole)
