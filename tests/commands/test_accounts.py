"""Several accounts on one desk: each run is what it would be alone, and one that fails takes none of the others along."""

from __future__ import annotations

import json

import pytest

from pse.store.runs import JOURNAL
from tests.commands.stored import answer_of, stored_synthetic

WINDOW = ("--symbol", "ES", "--start", "2023-03-06", "--end", "2023-03-10")
ACCOUNTS = """
accounts:
  small: {currency: USD, capital: 20000}
  bold: {currency: USD, capital: 100000, risk: bold}
  euro: {currency: EUR, capital: 50000}
risk_policies:
  bold:
    limits: {r_unit: 0.02, max_risk_per_trade: 0.02, allow_short: false}
    gates: {min_reward_r: 1.5, blackouts: []}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    home = stored_synthetic(tmp_path_factory.mktemp("accounts"))
    (home / "configs").mkdir(exist_ok=True)
    (home / "configs" / "settings.yaml").write_text(ACCOUNTS)
    return home


@pytest.fixture(scope="module")
def together(made):
    """What three accounts came to, run beside each other, by name."""
    told = answer_of(made, "backtest", *WINDOW, *(word for name in ("research", "small", "bold") for word in ("--account", name)))
    return {row["account"]: row for row in told["accounts"]}


def outputs(home, run_id):
    return home / "backtests" / "outputs" / run_id


def journal(home, run_id):
    return (outputs(home, run_id) / JOURNAL).read_bytes()


def test_each_account_beside_others_is_the_run_that_it_is_alone(made, together, pse):
    rows = list(together.values())
    assert list(together) == ["research", "small", "bold"] and len({row["fingerprint"] for row in rows}) == 3
    assert [row["capital"] for row in rows] == [100_000, 20_000, 100_000] and [row["risk"] for row in rows] == ["futures_intraday", "futures_intraday", "bold"]
    for row in rows:
        alone = pse("--home", made, "--json", "backtest", *WINDOW, "--account", row["account"]).json
        assert alone["fingerprint"] == row["fingerprint"] and alone["run_id"] != row["run_id"]
        assert journal(made, alone["run_id"]) == journal(made, row["run_id"])
        assert alone["metrics"] == row["metrics"]


def test_an_account_of_its_own_is_the_same_run_as_the_settings_written_for_it(made, together, pse):
    one = together["small"]
    told = ("--set", "account.name=tiny", "--set", "account.capital=20000", "--set", "accounts.small=null")
    other = pse("--home", made, "--json", "backtest", *WINDOW, *told).json
    same = ("--set", "account.name=small", "--set", "account.capital=20000", "--set", "accounts.small=null")
    assert other["fingerprint"] != one["fingerprint"] == pse("--home", made, "--json", "backtest", *WINDOW, *same).json["fingerprint"]


def test_order_references_of_two_accounts_are_never_the_same(made, together):
    refs = [{line["body"]["ref"] for line in map(json.loads, journal(made, together[name]["run_id"]).splitlines()) if line["kind"] == "ORDER"}
            for name in ("research", "bold")]
    assert all(refs) and not refs[0] & refs[1]


def test_an_account_that_cannot_run_is_told_and_the_others_are_there(made, pse):
    """Nothing says what dollars are worth in euros."""
    ran = pse("--home", made, "backtest", *WINDOW, "--account", "euro", "--account", "small", "--json")
    assert ran.code == 2
    euro, small = ran.json["accounts"]
    assert not euro["ok"] and "ES is quoted in USD and the account is kept in EUR" in euro["error"] and "--set accounts.euro.currency=USD" in euro["error"]
    assert small["ok"] and outputs(made, small["run_id"]).is_dir()
    shown = pse("--home", made, "backtest", *WINDOW, "--account", "euro", "--account", "small")
    assert "failed" in shown.out and "small" in shown.out


def test_all_means_every_account(made, pse):
    ran = pse("--home", made, "--json", "backtest", *WINDOW, "--account", "all")
    assert ran.code == 2 and [row["account"] for row in ran.json["accounts"]] == ["research", "small", "bold", "euro"]


def test_a_run_in_an_account_can_be_proven(made, together, pse):
    assert pse("--home", made, "--json", "prove", together["bold"]["run_id"]).json["result"] == "EQUAL"


@pytest.mark.parametrize(("words", "said"), [
    (("--account", "smal"), ("no account named 'smal'", "Did you mean small?")),
    (("--account", "small", "--account", "bold", "--report", "page.html"), ("--report names one file", "pse report RUN_ID")),
    (("--set", "account.name=small"), ("an account named small here and under `account`", "give one of them another name")),
    (("--set", "accounts.smal.capital=5", "--account", "small"), ("no account named 'smal'", "Did you mean small?")),
    (("--set", "accounts.small.capital=-5"), ("greater than 0", "accounts.small.capital")),
    (("--set", "accounts.small.capital=.inf"), ("finite", "accounts.small.capital")),
    (("--set", "accounts.small.risk=bald"), ("no risk profile named 'bald'", "Did you mean bold?")),
    (("--set", "accounts.small.desk=zone"), ("no desk named 'zone'", "Did you mean zones?")),
])
def test_what_will_not_do_is_refused_with_the_mend(made, pse, words, said):
    ran = pse("--home", made, "backtest", *WINDOW, *words)
    assert ran.code == 2
    for part in said:
        assert part in ran.err, ran.err


def test_paper_runs_in_a_named_account_and_refuses_an_unknown_one(made, pse):
    words = ("--home", made, "--json", "paper", "--symbol", "ES", "--start", "2023-03-08T14:00", "--end", "2023-03-08T16:00")
    played = pse(*words, "--account", "small")
    assert played.code == 0
    history = pse("--home", made, "--json", "backtest", *words[4:], "--account", "small").json
    assert played.json["fingerprint"] == history["fingerprint"] and journal(made, played.json["run_id"]) == journal(made, history["run_id"])
    assert pse(*words, "--account", "smal").code == 2


def test_positions_of_a_run_add_up_to_its_balance_and_net(made, together, pse):
    ran = together["research"]
    told = pse("--home", made, "--json", "runs", "show", ran["run_id"], "--positions").json
    positions, lots, cash = told["positions"], told["lots"], told["cash"]
    assert ran["trades"] > 0 and positions and lots
    net = ran["metrics"]["net_usd"]
    assert sum(row["net_usd"] for row in positions) == pytest.approx(net, abs=1e-4) and cash["balance_usd"] == pytest.approx(100_000 + net, abs=1e-4)
    assert cash["told_usd"] == pytest.approx(cash["balance_usd"], abs=1e-4)
    for row in positions:
        assert row["quantity"] == 0.0 and row["bought"] == row["sold"]
        assert row["realised_usd"] == pytest.approx(row["realised_fifo_usd"], abs=1e-4) == pytest.approx(row["realised_average_usd"], abs=1e-4)
        own = [one for one in lots if one["contract"] == row["contract"]]
        assert sum(one["gain_usd"] - one["fees_usd"] for one in own) == pytest.approx(row["net_usd"], abs=1e-4)
    shown = pse("--home", made, "runs", "show", ran["run_id"], "--positions").out
    assert "FIFO" in shown and "capital +" in shown and "fees" in shown


def test_a_check_of_the_desk_names_the_account_whose_currency_has_no_rate(made, pse):
    """The euro account names no desk, so it is one of the usual desk's; the others of that desk have the quote's own currency."""
    told = pse("--home", made, "--json", "desks", "check", "futures-smc")
    says = [one["says"] for one in told.json["findings"]]
    assert told.code == 1 and any("the account euro (EUR) is kept in and needs EURUSD as a rate" in one for one in says), says
    assert not [one for one in says if "account small" in one or "account bold" in one]
    pounds = pse("--home", made, "--json", "desks", "check", "futures-smc", "--set", "accounts.euro.currency=CHF")
    assert any("kept in CHF" in one["says"] and "accounts.euro.currency" in one["says"] for one in pounds.json["findings"])
