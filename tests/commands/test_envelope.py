"""`pse backtest --fills envelope`: the run is the one that it is alone, and the other rules stand beside it, drill on the finest stored bars."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from pse.commands.envelope import only_conservative
from pse.commands.inputs import gather
from pse.domain.errors import RequestError
from pse.features.resampled import resample
from pse.settings import load_settings
from tests.commands.stored import WINDOW, backtest, context_of, runs, stored_run, stored_synthetic

COARSE = ("--desk", "five")
DESK = """description: fills on bars of five minutes
symbols: [ES]
base_timeframe: 5m
decision_timeframe: 5m
warmup_sessions: 60
tactics: {sweep_reversal: {}, mss_fvg_retest: {}}
risk: futures_intraday
fills: conservative
"""
SAME = ("journal.jsonl", "trades.parquet", "equity.parquet", "positions.parquet", "lots.parquet", "recommendations.json", "final_decisions.jsonl")


@pytest.fixture
def home(tmp_path):
    return stored_synthetic(tmp_path / "home")


def with_five_minutes(home: Path, pse) -> None:
    """Stores the bars of five minutes that the stored minutes make beside them, and a desk that fills on these."""
    (home / "configs" / "desks").mkdir(parents=True, exist_ok=True)
    (home / "configs" / "desks" / "five.yaml").write_text(DESK)
    context = context_of(home)
    bars = resample(gather(context, context.settings, ("ES",), None, None).bars[0], "5m").bars
    rows = pl.DataFrame({"time": bars.ts_open, "open": bars.open, "high": bars.high, "low": bars.low, "close": bars.close, "volume": bars.volume})
    rows = rows.with_columns(pl.col("time").cast(pl.Datetime("ns", "UTC")).dt.strftime("%Y-%m-%dT%H:%M:%SZ"))
    rows.write_csv(home / "five.csv")
    ran = pse("--home", home, "ingest", "--provider", "csv", "--path", home / "five.csv", "--symbol", "ES", "--timeframe", "5m", "--tz", "UTC")
    assert ran.code == 0, ran.err


def test_the_run_is_the_one_that_it_is_alone(home, pse):
    alone, measured = stored_run(home), backtest(home, pse, "--fills", "envelope")
    first, second = runs(home)
    assert alone["fingerprint"] == measured["fingerprint"] and second.name.startswith(measured["run_id"])
    assert all((first / name).read_bytes() == (second / name).read_bytes() for name in SAME)
    before, after = (json.loads((run / "metrics.json").read_text()) for run in (first, second))
    section = after.pop("envelope")
    assert before == after and "envelope" not in before and section == measured["metrics"]["envelope"]
    assert not measured["new_trial"]                                  # the same look at the same data
    assert list(section["rules"]) == ["conservative", "optimistic", "pessimistic"] and section["drill"]["finest"]
    assert section["rules"]["conservative"]["net_usd"] == after["net_usd"]
    table = pl.read_parquet(second / "envelope.parquet")
    trades = pl.read_parquet(second / "trades.parquet")
    own = table.filter(pl.col("conservative_ts_entry").is_not_null())
    assert sorted(own["setup_id"]) == sorted(trades["setup_id"]) and section["trades"]["any"] == table.height
    assert not [doubt for doubt in measured["doubts"] if doubt["title"] == "One fill rule"]


def test_drill_fills_on_the_stored_minutes_and_is_proved_again(home, pse):
    with_five_minutes(home, pse)
    told = backtest(home, pse, *COARSE, "--fills", "envelope")
    section = told["metrics"]["envelope"]
    assert section["drill"]["ran"] and section["drill"]["share"] > 0.99 and list(section["drill"]["bars"]) == ["ES 1m"]
    assert set(section["rules"]) == {"pessimistic", "conservative", "drill", "optimistic"} and section["verdict"]["rule"] == "drill"
    table = pl.read_parquet(runs(home)[-1] / "envelope.parquet")
    both = table.filter(pl.col("conservative_ts_entry").is_not_null() & pl.col("drill_ts_entry").is_not_null())
    assert both.height > 0 and (both["drill_ts_entry"] % 300_000_000_000 != 0).any()       # minutes inside the bars of five
    proved = pse("--home", home, "prove", told["run_id"])
    assert proved.code == 0 and "EQUAL" in proved.out, proved.out
    (runs(home)[-1] / "metrics.json").write_text(json.dumps(told["metrics"] | {"envelope": section | {"fragile": ["net_usd", "no"]}}))
    assert pse("--home", home, "prove", told["run_id"]).code == 1


def test_one_rule_alone_is_a_run_of_its_own_on_the_finer_bars(home, pse):
    with_five_minutes(home, pse)
    coarse, drilled = backtest(home, pse, *COARSE), backtest(home, pse, *COARSE, "--fills", "drill")
    manifest = json.loads((runs(home)[-1] / "manifest.json").read_text())
    assert drilled["fingerprint"] != coarse["fingerprint"] and set(manifest["data"]) == {"ES 1m", "ES 5m"}
    assert drilled["metrics"]["exposure"] <= 1.0 and pse("--home", home, "prove", drilled["run_id"]).code == 0
    paper = pse("--home", home, "paper", *WINDOW, *COARSE, "--fills", "drill")
    assert paper.code == 2 and "looks inside the desk's bars" in paper.err


def test_a_desk_of_another_rule_is_told_whose_run_it_is(home, pse):
    own = stored_run(home)
    ran = pse("--home", home, "--json", "backtest", *WINDOW, "--seed", 42, "--set", "desks.futures-smc.fills=optimistic", "--fills", "envelope")
    assert ran.code == 0 and "fills by optimistic; the run of an envelope is the conservative one" in ran.err
    assert ran.json["fingerprint"] == own["fingerprint"]


@pytest.mark.parametrize(("changes", "said"), [
    (["fills.drill.slippage_factor=2.5"], "slippage_factor 2.5 where conservative has 1"),
    (["fills.drill.roll=carry"], "roll carry where conservative has close"),
    (["fills.drill.bars=desk"], "has bars: desk")])
def test_rules_of_its_own_for_drill_are_refused_and_not_dropped(changes, said):
    with pytest.raises(RequestError, match=said) as error:
        only_conservative([load_settings(Path("no-such-home"), overrides=changes)])
    assert "--set" in str(error.value) and "--fills drill" in str(error.value)


@pytest.mark.parametrize("changes", [[], ["fills.conservative.slippage_factor=2"], ["fills.conservative.roll=carry", "fills.drill.roll=carry"]])
def test_drill_goes_with_the_conservative_rule(changes):
    only_conservative([load_settings(Path("no-such-home"), overrides=changes)])


def test_an_envelope_says_so_before_it_runs(home, pse):
    ran = pse("--home", home, "backtest", *WINDOW, "--set", "fills.drill.volume_share=0.5", "--fills", "envelope")
    assert ran.code == 2 and "volume_share 0.5 where conservative has 0.1" in ran.err and not (home / "backtests" / "outputs").exists()
