"""`pse runs compare`: what differs between runs, and what is said of it."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from pse.commands.compare import run, settings_apart, trades_apart
from pse.domain.errors import RequestError
from tests.commands.made_runs import SETTINGS, context_of, manifest
from tests.commands.test_overfit import days, made, noise


def trades(*rows):
    columns = {"symbol": pl.String, "direction": pl.String, "ts_entry": pl.Int64, "ts_exit": pl.Int64, "net_usd": pl.Float64}
    return pl.DataFrame(rows, schema=columns, orient="row")


def test_trades_of_both_and_of_one_alone_are_counted():
    one = trades(("ES", "LONG", 10, 20, 5.0), ("ES", "LONG", 30, 40, -2.0), ("ES", "SHORT", 50, 60, 1.0))
    other = trades(("ES", "LONG", 10, 20, 5.001), ("ES", "LONG", 30, 45, 3.0), ("NQ", "SHORT", 50, 60, 7.0), ("ES", "LONG", 90, 95, 2.0))
    found = trades_apart(one, other)
    assert (found["common"], found["same_end"], found["only"]) == (2, 1, [1, 2])
    assert trades_apart(trades(("ES", "LONG", 10, 20, 5.0)), trades(("ES", "LONG", 10, 20, 4.0)))["same_end"] == 0
    assert (found["only_net_usd"], found["common_net_usd"]) == ([1.0, 9.0], [3.0, pytest.approx(8.001)])


def test_two_like_trades_of_one_moment_pair_up_once_each():
    row = ("ES", "LONG", 10, 20, 5.0)
    found = trades_apart(trades(row, row), trades(row))
    assert (found["common"], found["only"]) == (1, [1, 0])


def test_settings_that_differ_stand_with_every_value():
    other = {**SETTINGS, "account": {"capital": 50000.0}, "desks": {"futures-smc": {"symbols": ["ES", "NQ"], "decide": "llm", "tactics": {"a": {"n": 1}}}}}
    third = {**SETTINGS, "desks": {"futures-smc": {"symbols": ["ES"], "tactics": {"a": {}}}}}
    found = {row["key"]: row["values"] for row in settings_apart([manifest(settings=one) for one in (SETTINGS, other, third)])}
    assert found == {"account.capital": [100000.0, 50000.0, 100000.0], "desks.futures-smc.symbols": ['["ES"]', '["ES","NQ"]', '["ES"]'],
                     "desks.futures-smc.tactics.a.n": [None, 1, None]}            # who decides is how a run is driven, no setting of it


def test_runs_are_held_against_the_first(tmp_path):
    context, dates = context_of(tmp_path), days(400)
    own, other = noise(1), noise(1) + 0.3 * noise(2)
    a, b = made(context, own, dates, 1), made(context, other[100:], dates[100:], 2, trades=30, snapshot="cd" * 8)
    found = run(context, (a.run_id, b.run_id)).data
    assert [one["run_id"] for one in found["runs"]] == [a.run_id, b.run_id]
    assert {row["key"]: row["values"] for row in found["settings"]} == {"tactic.n": [1, 2]}
    assert {"key": "snapshot", "values": ["ab" * 8, "cd" * 8]} in found["data"]
    one = found["against"][0]
    assert (one["sessions"], one["only_sessions"]) == (300, [100, 0])
    assert one["correlation"] == pytest.approx(np.corrcoef(own[100:], other[100:])[0, 1])

    def ratio(x):
        return x.mean() / x.std(ddof=1) * np.sqrt(252.0)

    assert one["difference"]["sharpe"] == pytest.approx(ratio(other[100:]) - ratio(own[100:]))
    assert one["text"].startswith("B - A: Sharpe difference") and ("not distinguishable" in one["text"]) == (not one["difference"]["distinguishable"])
    assert next(row for row in found["figures"] if row["name"] == "trades")["values"] == [40, 30]
    json.dumps(found, allow_nan=False)


def test_people_see_names_settings_figures_and_the_difference(tmp_path):
    context, dates = context_of(tmp_path), days(300)
    runs = [made(context, noise(n, 300), dates, n) for n in (1, 2, 3)]
    run(context, tuple(one.run_id for one in runs)).show(context.console)
    text = context.console.file.getvalue()
    assert all(one.run_id in text for one in runs) and "tactic.n" in text and "B - A: " in text and "C - A: " in text
    assert "40 in both (40 with the same end)" in text


def test_the_same_answer_every_time(tmp_path):
    context, dates = context_of(tmp_path), days(300)
    names = tuple(made(context, noise(n, 300), dates, n).run_id for n in (1, 2))
    assert run(context, names).data == run(context, names).data


def test_runs_without_a_common_session_have_no_difference(tmp_path):
    context = context_of(tmp_path)
    a, b = made(context, noise(1, 100), days(100), 1), made(context, noise(2, 100), days(100, "2023-01-02"), 2)
    one = run(context, (a.run_id, b.run_id)).data["against"][0]
    assert (one["sessions"], one["correlation"], one["difference"]["sharpe"]) == (0, None, None)


def test_one_run_or_one_run_twice_is_refused(tmp_path):
    context = context_of(tmp_path)
    a = made(context, noise(1, 100), days(100), 1)
    b = made(context, noise(2, 100), days(100), 2, per_year=365.0)
    for names, why in (((a.run_id,), "two or more"), ((a.run_id,) * 2, "one run"), ((a.run_id, b.run_id), "sessions a year"), ((a.run_id,) * 27, "at most")):
        with pytest.raises(RequestError, match=why):
            run(context, names)
