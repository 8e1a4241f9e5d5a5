"""`pse overfit` over runs and the ledger: who is judged, on which sessions, with which count, and what is refused."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from pse.clock import iso
from pse.commands.overfit import Asked, run
from pse.commands.wfo_audit import _path as audit_path
from pse.domain.errors import DamagedTable, RequestError, UnknownName
from pse.domain.manifest import fingerprint
from pse.research.court import court
from pse.store.files import write_json
from pse.store.ledger import Trial, append_trials, trials_counted, trials_path
from tests.commands.made_runs import DATA, SETTINGS, context_of, finished_run
from tests.research.test_court import family

NS = 86_400 * 10**9
CAPITAL = 100_000.0


def days(count, first="2021-01-04"):
    dates = np.arange(np.datetime64(first), np.datetime64(first) + 2 * count + 10)
    return np.array([int(str(day).replace("-", "")) for day in dates[np.is_busday(dates)][:count]], np.int32)


def parquet(table):
    content = io.BytesIO()
    table.write_parquet(content)
    return content.getvalue()


def made(context, returns, dates, number=0, trades=40, strict=None, per_year=252.0, **changes):
    """A stored run with these daily returns; `number` makes it another configuration."""
    settings = {**SETTINGS, "tactic": {"n": number}}
    found = fingerprint(data=DATA, sessions={}, settings=settings, seed=42, start_ns=0, end_ns=10, anchor_ns=0)
    equity = CAPITAL * np.cumprod(1.0 + returns)
    table = pl.DataFrame({"kind": ["session"] * dates.size, "ts": np.arange(dates.size), "session_date": dates, "equity_usd": equity})
    on = dates[np.linspace(0, dates.size - 1, trades).astype(int)]
    closed = pl.DataFrame({"ts_entry": np.arange(trades) * 10, "ts_exit": np.arange(trades) * 10 + 5, "session_date": on, "net_usd": np.full(trades, 10.0),
                           "r_net": np.linspace(-1.0, 1.5, trades), "symbol": ["ES"] * trades, "direction": ["LONG"] * trades, "ambiguous": [False] * trades})
    files = {"equity.parquet": parquet(table), "trades.parquet": parquet(closed)}
    if strict is not None:
        lower = CAPITAL * np.cumprod(1.0 + returns - strict)
        files["envelope_equity.parquet"] = parquet(pl.DataFrame({"rule": ["pessimistic"] * dates.size, "session_date": dates, "equity_usd": lower}))
    one = finished_run(context.home, settings=settings, fingerprint=found, start_ns=0, end_ns=NS * 20_000, files=files, **changes)
    write_json(one.folder / "metrics.json", {"trades": trades, "capital_usd": CAPITAL, "method": {"sessions_per_year": per_year}})
    return one


def noise(seed, count=400, sharpe=0.0):
    return 0.01 * (np.random.default_rng(seed).normal(size=count) + sharpe / np.sqrt(252.0))


def judged(context, *runs, **asked):
    return run(context, Asked(names=tuple(one.run_id for one in runs), **asked))


def test_the_best_of_runs_of_noise_is_not_credible_and_the_exit_code_says_so(tmp_path):
    context, dates = context_of(tmp_path), days(400)
    runs = [made(context, noise(n), dates, n) for n in range(6)]
    answer = judged(context, *runs)
    assert answer.exit_code == 1 and answer.data["verdict"] != "CREDIBLE"
    ratios = {one.run_id: noise(n).mean() / noise(n).std(ddof=1) * np.sqrt(252.0) for n, one in enumerate(runs)}
    assert answer.data["chosen"] == max(ratios, key=ratios.get)
    assert {row["id"]: row["sharpe"] for row in answer.data["runs"]} == pytest.approx(ratios)
    json.dumps(answer.data, allow_nan=False)
    answer.show(context.console)
    text = context.console.file.getvalue()
    assert text.startswith(answer.data["verdict"]) and "record long enough" in text and "400 sessions in common" in text


def test_only_sessions_that_all_have_are_judged(tmp_path):
    context = context_of(tmp_path)
    whole, late = days(400), days(400)[120:]
    answer = judged(context, made(context, noise(1), whole, 1), made(context, noise(2)[120:], late, 2))
    assert (answer.data["sessions"], answer.data["first"]) == (280, int(late[0]))
    own = noise(1)[120:]
    assert answer.data["runs"][0]["sharpe"] == pytest.approx(own.mean() / own.std(ddof=1) * np.sqrt(252.0))


def test_runs_that_share_too_few_sessions_are_refused_by_name(tmp_path):
    context = context_of(tmp_path)
    one, other = made(context, noise(1), days(400), 1), made(context, noise(2), days(400, "2022-06-06"), 2)
    with pytest.raises(RequestError, match=rf"share \d+ sessions.*{other.run_id}.*{one.run_id}.*: \d+"):
        judged(context, one, other)


def test_years_of_different_length_are_not_judged_together(tmp_path):
    context, dates = context_of(tmp_path), days(100)
    with pytest.raises(RequestError, match="years of different length"):
        judged(context, made(context, noise(1, 100), dates, 1), made(context, noise(2, 100), dates, 2, per_year=365.0))


def test_a_named_run_is_the_chosen_one(tmp_path):
    context, dates = context_of(tmp_path), days(400)
    good, poor = made(context, noise(1, sharpe=3.0), dates, 1), made(context, noise(2, sharpe=-1.0), dates, 2)
    answer = judged(context, good, poor, chosen=poor.run_id)
    assert (answer.data["chosen"], answer.data["chosen_by"]) == (poor.run_id, "named")
    with pytest.raises(UnknownName):
        judged(context, good, poor, chosen="nobody")


def test_the_envelope_of_the_chosen_run_gives_its_pessimistic_fills(tmp_path):
    context, dates = context_of(tmp_path), days(400)

    def clause(answer):
        return next(one for one in answer.data["clauses"] if one["code"] == "pessimistic")

    plain = judged(context, made(context, noise(1, sharpe=3.0), dates, 1))
    assert clause(plain)["passed"] is None and "--fills envelope" in clause(plain)["text"]
    strict = judged(context, made(context, noise(1, sharpe=3.0), dates, 2, strict=0.004))
    assert clause(strict)["passed"] is False
    lower = noise(1, sharpe=3.0) - 0.004
    assert strict.data["bootstrap"]["sharpe_pessimistic"][0] < lower.mean() / lower.std(ddof=1) * np.sqrt(252.0) < 0.0


def test_settings_that_differ_are_the_parameters(tmp_path):
    context, dates = context_of(tmp_path), days(400)
    runs = [made(context, noise(n, sharpe=2.0), dates, n) for n in (1, 2, 3)]
    found = judged(context, *runs, chosen=runs[1].run_id).data["plateau"]
    assert found["neighbours"] == 2 and found["how"] == "one step"


def test_one_trial_that_ran_twice_is_one_column(tmp_path):
    context, dates = context_of(tmp_path), days(400)
    answer = judged(context, made(context, noise(1), dates, 1), made(context, noise(1), dates, 1))
    assert len(answer.data["runs"]) == 1 and "taken once" in context.warnings[0]


def ledger(context, count=12, sessions=300):
    looks = [(Trial(fingerprint=f"{n:064x}", snapshot="s", symbols=("ES",), window=(0, NS * 20_000), settings_hash=f"{n:064x}", desk="futures-smc", trades=50),
              days(sessions), noise(n, sessions)) for n in range(count)]
    append_trials(context.home, looks, 1)


def test_every_trial_of_a_desk_in_the_ledger_is_judged(tmp_path):
    context = context_of(tmp_path)
    ledger(context)
    answer = run(context, Asked(desk="futures-smc"))
    assert (len(answer.data["runs"]), answer.data["trials"], answer.data["sessions"]) == (12, 12, 300)
    assert next(one for one in answer.data["clauses"] if one["code"] == "trades")["measured"] == 50
    first = np.datetime64("2021-06-01").astype("datetime64[ns]").astype(int)
    assert run(context, Asked(symbols=("ES",), start_ns=int(first))).data["first"] == 20210601
    with pytest.raises(RequestError, match="holds no trial of the desk other"):
        run(context, Asked(desk="other"))


def test_of_the_ledger_the_most_trials_that_share_a_window_are_judged_and_the_others_are_named(tmp_path):
    """Twelve of 2021 share 300 days; two of 2023, and one of thirty days, have nothing or too little in common with them."""
    context = context_of(tmp_path)
    ledger(context)
    others = [(n, days(200, "2023-01-02")) for n in (20, 21)] + [(22, days(30))]
    append_trials(context.home, [(Trial(fingerprint=f"{n:064x}", snapshot="s", symbols=("ES",), window=(0, NS * 20_000), settings_hash=f"{n:064x}", kind="wfo",
                                        desk="futures-smc", trades=50), dates, noise(n, dates.size)) for n, dates in others], 2)
    answer = run(context, Asked(symbols=("ES",)))
    assert (len(answer.data["runs"]), answer.data["sessions"], answer.data["trials"]) == (12, 300, 15)
    assert [row["sessions"] for row in answer.data["left_out"]] == [200, 200, 30]
    assert "3 of 15 trials are left out" in context.warnings[0] and "wfo 000000000000 (20230102 to " in context.warnings[0]


def test_the_count_may_be_raised_and_never_lowered(tmp_path):
    context = context_of(tmp_path)
    ledger(context)
    before = run(context, Asked(desk="futures-smc")).data["figures"]["dsr_2014"]["value"]
    raised = run(context, Asked(desk="futures-smc", trials=500))
    assert (raised.data["trials"], raised.data["raised"]) == (500, True) and raised.data["figures"]["dsr_2014"]["value"] < before
    assert trials_counted(context.home, ["ES"], (0, 1)).n == 500
    with pytest.raises(RequestError, match=r"11 trials are fewer than the 500"):
        run(context, Asked(desk="futures-smc", trials=11))
    assert run(context, Asked(desk="futures-smc")).data["trials"] == 500


def test_an_edited_ledger_is_refused_with_its_line(tmp_path):
    context = context_of(tmp_path)
    ledger(context)
    lines = trials_path(context.home).read_bytes().splitlines(keepends=True)
    lines[4] = lines[4].replace(b'"trades":50', b'"trades":51')
    trials_path(context.home).write_bytes(b"".join(lines))
    with pytest.raises(DamagedTable, match="line 5"):
        run(context, Asked(desk="futures-smc"))


def clauses(answer):
    return {one["code"]: one for one in answer.data["clauses"]}


def test_a_part_of_a_longer_look_proves_nothing_however_it_was_cut(tmp_path):
    context, dates = context_of(tmp_path), days(400)
    good = made(context, noise(1, sharpe=6.0), dates, 1)
    assert "whole" not in clauses(judged(context, good))
    short = judged(context, good, made(context, noise(2)[:300], dates[:300], 2), chosen=good.run_id)
    assert clauses(short)["whole"]["passed"] is False and f"400 sessions, {dates[0]} to {dates[-1]}" in clauses(short)["whole"]["text"]
    assert "whole" not in clauses(judged(context, good, made(context, noise(3), dates, 3), chosen=good.run_id))


def test_the_best_part_of_a_longer_look_is_judged_as_a_part_and_as_two_tries(tmp_path):
    context, dates = context_of(tmp_path), days(400)
    best = made(context, noise(1, sharpe=6.0)[:200], dates[:200], 1)
    looks = [Trial(fingerprint=name, snapshot="s", symbols=("ES",), window=(n, NS * 20_000), settings_hash=best.manifest.settings_hash, desk="d")
             for n, name in enumerate((best.manifest.fingerprint, "a" * 64))]
    append_trials(context.home, [(looks[0], dates[:200], noise(1)[:200])], 1)
    alone = judged(context, best)
    assert alone.data["trials"] == 1 and "whole" not in clauses(alone)
    append_trials(context.home, [(looks[1], dates, noise(1))], 1)
    answer = judged(context, best)
    assert answer.data["trials"] == 2 and clauses(answer)["whole"]["passed"] is False and answer.exit_code == 1


def test_an_end_before_what_the_ledger_looked_at_is_a_part(tmp_path):
    context = context_of(tmp_path)
    ledger(context)
    assert "whole" not in clauses(run(context, Asked(desk="futures-smc")))
    end = int(np.datetime64("2021-10-01").astype("datetime64[ns]").astype(int))
    assert clauses(run(context, Asked(desk="futures-smc", end_ns=end)))["whole"]["passed"] is False


def test_what_was_tried_on_a_micro_contract_counts_for_the_contract_whose_bars_it_trades_on(tmp_path):
    context, dates = context_of(tmp_path), days(400)
    assert context.settings.looked_at(("MES", "NQ", "none")) == ("MES", "NQ", "none", "ES") and context.settings.looked_at(("ES",)) == ("ES",)
    ledger(context)
    assert judged(context, made(context, noise(1), dates, 1, symbols=("MES",))).data["trials"] == 12
    assert judged(context, made(context, noise(2), dates, 2, symbols=("NQ",))).data["trials"] == 1


def test_the_best_run_alone_is_held_against_all_that_the_ledger_kept_of_its_window(tmp_path):
    context, dates = context_of(tmp_path), days(300)
    best = made(context, noise(1, 300, sharpe=2.0), dates, 1)
    alone = judged(context, best)
    ledger(context)
    beside = judged(context, best)
    assert (alone.data["also_tried"], beside.data["also_tried"], len(beside.data["runs"])) == (0, 12, 1)
    assert beside.data["chosen"] == alone.data["chosen"] == best.run_id
    assert beside.data["spa"]["consistent"] > alone.data["spa"]["consistent"]
    assert alone.data["pbo"]["value"] is None and beside.data["pbo"]["value"] is not None


@pytest.mark.parametrize("asked", [Asked(), Asked(names=("a",), desk="b"), Asked(names=("a",), trials=0)])
def test_what_names_nothing_or_both_is_refused(tmp_path, asked):
    with pytest.raises(RequestError):
        run(context_of(tmp_path), asked)


def test_a_walk_forward_among_backtests_is_refused(tmp_path):
    context, dates = context_of(tmp_path), days(400)
    with pytest.raises(RequestError, match="judged by itself"):
        judged(context, made(context, noise(1), dates, 1), made(context, noise(2), dates, 2, command="wfo"))


def test_a_run_that_a_model_decided_needs_an_audit_of_what_it_knew(tmp_path):
    context, dates = context_of(tmp_path), days(400)
    answer = judged(context, made(context, noise(1), dates, 1, decide="llm"))
    clause = next(one for one in answer.data["clauses"] if one["code"] == "leakage")
    assert clause["passed"] is None and "rules" in clause["text"]
    assert "leakage" not in [one["code"] for one in judged(context, made(context, noise(1), dates, 3)).data["clauses"]]
    assert replace(Asked(), desk="x").of_ledger


def leaves(value):
    """Every value of an answer, by its key, in one line."""
    if isinstance(value, dict):
        return [one for key in sorted(value) for one in (key, *leaves(value[key]))]
    return [one for part in value for one in leaves(part)] if isinstance(value, list) else [value]


def walked(context, given, capital=CAPITAL):
    """A walk-forward's folder with the files that hold this evidence."""
    def money(one):
        return capital * np.cumprod(1.0 + one.returns)

    names = [f"c{n}" for n in range(given.matrix.shape[1])]
    folds = [{"number": fold.number, "chosen": fold.chosen, "in_sample": fold.in_sample, "out_of_sample": fold.out_of_sample} for fold in given.folds]
    walk = {"capital_usd": capital, "sessions_per_year": given.sessions_per_year, "seed": given.seed, "lookahead": given.lookahead, "symbols": ["ES"],
            "searched": {"start": iso(NS * 10_000), "end": iso(NS * 15_000)},
            "objective": given.sought,
            "candidates": [{"id": name, "params": dict(params), "objective": None} for name, params in zip(names, given.params, strict=True)],
            "chosen": {"id": names[given.chosen], "why": "best"}, "folds": folds, "court": {"regimes": [{"way": "phase", "name": "then"}], "clauses": []}}
    out = pl.DataFrame({"session_date": given.stitched.dates, "equity": money(given.stitched), "pessimistic": money(given.pessimistic),
                        "optimistic": [None] * given.stitched.dates.size})
    files = {"returns.parquet": parquet(pl.DataFrame({"session_date": given.dates} | dict(zip(names, given.matrix.T, strict=True)))),
             "oos_equity.parquet": parquet(out), "oos_trades.parquet": parquet(pl.DataFrame({name: given.trades[name] for name in given.trades.dtype.names})),
             "wfo.json": json.dumps(walk).encode()}
    return finished_run(context.home, command="wfo", start_ns=0, end_ns=NS * 20_000, files=files)


def test_the_court_of_a_walk_forward_is_made_again_from_its_files(tmp_path):
    context = context_of(tmp_path)
    given = replace(family(3.0, sessions=600), optimistic=None, sought="sortino")
    one = walked(context, given)
    answer = judged(context, one)
    then, now = court(given), answer.data
    assert answer.exit_code == 0 and now["verdict"] == then["verdict"] == "CREDIBLE"
    for name in set(then) - {"regimes", "notes"}:
        assert leaves(now[name]) == [pytest.approx(one, rel=1e-9, abs=1e-12) if isinstance(one, float) else one for one in leaves(then[name])], name
    assert now["regimes"] == [{"way": "phase", "name": "then"}]
    more = judged(context, one, trials=9_000)
    assert (more.data["trials"], more.data["raised"]) == (9_000, True)
    assert more.data["figures"]["dsr_2014"]["value"] < now["figures"]["dsr_2014"]["value"]
    with pytest.raises(RequestError, match="leave --chosen out"):
        judged(context, one, chosen="c1")


def test_a_walk_forward_was_chosen_among_what_looked_at_its_searched_part(tmp_path):
    context = context_of(tmp_path)
    one = walked(context, family(3.0, sessions=200))
    sealed = [(Trial(fingerprint=f"{n:064x}", snapshot="s", symbols=("ES",), window=(NS * 15_000, NS * 20_000), settings_hash=f"{n:064x}", desk="d"),
               days(60), noise(n, 60)) for n in range(30)]
    append_trials(context.home, sealed, 1)
    assert judged(context, one).data["trials"] == 20                                # those that stand in it, none of the thirty behind
    append_trials(context.home, [(look.model_copy(update={"fingerprint": f"a{look.fingerprint[1:]}", "window": (0, NS * 10_001)}), on, made_)
                                 for look, on, made_ in sealed], 2)
    assert judged(context, one).data["trials"] == 30


def test_a_walk_forward_that_lacks_a_column_is_damaged(tmp_path):
    context = context_of(tmp_path)
    one = walked(context, family(3.0, sessions=200))
    (one.folder / "returns.parquet").write_bytes(parquet(pl.DataFrame({"session_date": days(200), "c0": np.zeros(200)})))
    with pytest.raises(DamagedTable, match="no column for 19 of 20 configurations"):
        judged(context, one)


def test_an_audit_that_is_kept_counts_and_without_one_the_way_to_it_is_told(tmp_path):
    context, dates = context_of(tmp_path), days(400)
    one = made(context, noise(1), dates, 1)

    def clause():
        return next(row for row in judged(context, one).data["clauses"] if row["code"] == "lookahead")

    assert clause()["passed"] is None and "--audit" in clause()["text"]
    path = audit_path(context.home, one.manifest.settings_hash, one.manifest.snapshot)
    write_json(path, {"word": "CLEAN", "text": "nothing changed", "seconds": 1.0})
    assert clause()["passed"] is True
    write_json(path, {"word": "FINDINGS", "text": "2 findings", "seconds": 1.0})
    assert clause()["passed"] is False
