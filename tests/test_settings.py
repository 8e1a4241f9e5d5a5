"""Settings: what YAML may say, which layer wins, and how a mistake is named."""

from __future__ import annotations

import math

import pytest

from pse.domain.errors import BadConfig, UnknownName
from pse.risk.policy import RiskPolicy
from pse.settings import Settings, load_settings, settings_hash
from pse.store.yaml_files import parse_yaml, read_yaml, scalar


def refusal(text: str) -> str:
    with pytest.raises(BadConfig) as caught:
        parse_yaml(text, "a.yaml")
    return str(caught.value)


@pytest.fixture
def home(tmp_path):
    (tmp_path / "configs" / "desks").mkdir(parents=True)
    return tmp_path


def write(home, name, text):
    path = home / "configs" / name
    path.write_text(text)
    return path


# --- YAML ----------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "expected"), [
    # YAML 1.2.2, section 10.3.2 (core schema): the tag resolution table; the rest is text
    ("", None), ("~", None), ("null", None), ("NULL", None), ("true", True), ("False", False), ("010", 10), ("-7", -7), ("+12", 12), ("0o17", 15),
    ("0x1F", 31), ("1.10", 1.1), (".5", 0.5), ("1e3", 1000.0), ("-1.5E-2", -0.015), (".inf", math.inf), ("-.INF", -math.inf),
    ("no", "no"), ("on", "on"), ("Yes", "Yes"), ("y", "y"), ("12:30", "12:30"), ("190:20:30", "190:20:30"), ("2013-10-06", "2013-10-06"),
    ("1_000", "1_000"), ("0b11", "0b11"), ("1,5", "1,5"), ("nan", "nan"), ("Null", None), ("nUll", "nUll")])
def test_plain_scalars_are_those_of_the_core_schema(text, expected):
    found = scalar(text)
    assert found == expected and type(found) is type(expected)
    assert parse_yaml(f"key: {text}\n", "a").tree["key"] == expected


def test_quoted_scalars_are_text():
    assert parse_yaml("a: '12'\nb: \"true\"\nc: |\n  5\n", "a").tree == {"a": "12", "b": "true", "c": "5\n"}


def test_not_a_number_is_read_as_such():
    assert math.isnan(scalar(".nan"))


@pytest.mark.parametrize(("text", "line", "word"), [
    ("a: 1\nb: 2\na: 3\n", 3, "'a' a second time (first on line 1)"),
    ("x:\n  - &here 1\n", 2, "the anchor &here"), ("x: &all {a: 1}\n", 1, "the anchor"), ("x: 1\ny: *x\n", 2, "alias"),
    ("a: {b: 1}\nc:\n  <<: {b: 2}\n", 3, "merge key"), ("a: !!python/object/apply:os.system [ls]\n", 1, "tag"), ("a: !!int '3'\n", 1, "tag"),
    ("a: 1\n---\nb: 2\n", 2, "second document"), ("a: 1\n b: 2\n", 2, "not YAML"), ("a: [1, 2\n", 2, "not YAML"), ("a:\t- b\n  c", 1, "not YAML"),
    ("- 1\n- 2\n", 1, "a list"), ("just text\n", 1, "'just text'"), ("? [a]\n: 1\n", 1, "a key that is not plain text"),
    ("a: " + "[" * 60 + "]" * 60 + "\n", 1, "levels of nesting")])
def test_a_file_that_could_mean_two_things_is_refused_with_its_line(text, line, word):
    message = refusal(text)
    assert message.startswith(f"a.yaml, line {line}:") and word in message


def test_a_bomb_of_aliases_is_refused_at_its_first_anchor():
    assert "anchor" in refusal("a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n")


def test_a_file_over_one_mebibyte_is_refused(tmp_path):
    path = tmp_path / "big.yaml"
    path.write_text("# " + "x" * (1 << 20))
    with pytest.raises(BadConfig, match="1 MiB"):
        read_yaml(path)


@pytest.mark.parametrize("content", [b"\xff\xfea", b"a: \x00\n", b"a: \xe9\n"])
def test_bytes_that_are_no_text_are_refused(tmp_path, content):
    path = tmp_path / "x.yaml"
    path.write_bytes(content)
    with pytest.raises(BadConfig, match="x.yaml"):
        read_yaml(path)


def test_an_empty_file_is_no_settings(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text("# nothing\n")
    assert read_yaml(path).tree == {}


def test_a_missing_config_is_named(home):
    with pytest.raises(BadConfig, match=r"none\.yaml cannot be read"):
        load_settings(home, config=home / "none.yaml")


# --- layers --------------------------------------------------------------------------------------------------------------------------------


def test_an_empty_folder_runs_on_the_built_in_settings(tmp_path):
    settings = load_settings(tmp_path)
    assert settings.desk == "futures-smc" and settings.chosen.symbols == ("ES", "NQ", "RTY") and settings.account.capital == 100_000
    assert {"ES", "MES", "NQ", "MNQ", "RTY", "M2K", "6E", "FESX", "SPY", "QQQ", "IWM", "AAPL", "MSFT", "GOOGL", "ASTS", "TREX", "BLDR", "BTCUSDT", "EURUSD",
            "VIX"} <= set(settings.instruments)


@pytest.mark.parametrize(("symbol", "tick", "point_value", "currency"), [
    # contract specifications of CME and Eurex
    ("ES", 0.25, 50, "USD"), ("MES", 0.25, 5, "USD"), ("NQ", 0.25, 20, "USD"), ("MNQ", 0.25, 2, "USD"), ("RTY", 0.1, 50, "USD"), ("M2K", 0.1, 5, "USD"),
    ("6E", 0.00005, 125_000, "USD"), ("FESX", 1, 10, "EUR")])
def test_futures_have_the_exchange_s_tick_and_point_value(tmp_path, symbol, tick, point_value, currency):
    instrument = load_settings(tmp_path).instrument(symbol)
    assert (instrument.tick, instrument.point_value, instrument.currency) == (tick, point_value, currency)


def test_the_written_risk_profile_is_the_default_one(tmp_path):
    written = load_settings(tmp_path).risk
    assert written.model_copy(update={"description": ""}) == RiskPolicy()


def test_later_layers_win_key_by_key(home):
    write(home, "settings.yaml", "account: {capital: 50000}\nseed: 1\n")
    extra = write(home, "mine.yaml", "seed: 2\n")
    settings = load_settings(home, config=extra, overrides=["account.name=two"])
    assert (settings.account.capital, settings.account.currency, settings.account.name, settings.seed) == (50_000, "USD", "two", 2)
    assert load_settings(home, config=extra, overrides=["seed=3", "seed=4"]).seed == 4


def test_a_desk_file_of_home_replaces_the_built_in_desk_whole(home):
    write(home, "desks/futures-smc.yaml", "symbols: [ES]\ntactics: {mss_fvg_retest: {mqs_min: 0.7}}\nrisk: futures_intraday\n")
    settings = load_settings(home)
    assert settings.chosen.symbols == ("ES",) and settings.chosen.tactics == {"mss_fvg_retest": {"mqs_min": 0.7}}
    assert settings.tactics()["mss_fvg_retest"].mqs_min == 0.7


def test_a_new_desk_is_one_file(home):
    write(home, "desks/mine.yaml", "symbols: [NQ]\ntactics: {mss_fvg_retest: }\nrisk: futures_intraday\n")
    assert load_settings(home, overrides=["desk=mine"]).chosen.symbols == ("NQ",)


def test_a_named_entry_set_to_null_is_taken_out(tmp_path):
    assert "WTI" not in load_settings(tmp_path, overrides=["instruments.WTI=null"]).instruments


def test_a_symbol_with_a_dot_can_be_set(home):
    write(home, "instruments.yaml", "instruments:\n  BRK.B: {name: B, kind: stock, tick: 0.01, lot_step: 1, point_value: 1, currency: USD, calendar: NYSE}\n")
    assert load_settings(home, overrides=["instruments.BRK.B.tick=0.05"]).instrument("BRK.B").tick == 0.05


def test_an_instrument_without_a_tick_is_refused_by_name(home):
    write(home, "instruments.yaml",
          "instruments:\n  ABC:\n    name: A\n    kind: stock\n    lot_step: 1\n    point_value: 1\n    currency: USD\n    calendar: NYSE\n")
    with pytest.raises(BadConfig, match=r"configs/instruments.yaml, line 2, instruments.ABC.tick: 'tick' is missing"):
        load_settings(home)


# --- mistakes ------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("file", "text", "expected"), [
    ("settings.yaml", "\nacount:\n  capital: 1\n", "configs/settings.yaml, line 2, acount: there is no setting 'acount' here"),
    ("settings.yaml", "account:\n  captial: 1\n", "configs/settings.yaml, line 2, account.captial: there is no setting 'captial' here"),
    ("settings.yaml", "account:\n\n  capital: -1\n", "configs/settings.yaml, line 3, account.capital: found -1: it should be greater than 0"),
    ("settings.yaml", "account: 5\n", "configs/settings.yaml, line 1, account: found 5, expected settings"),
    ("settings.yaml", "seed: 1.5\n", "configs/settings.yaml, line 1, seed: found 1.5"),
    ("settings.yaml", "desk: futures-smx\n", "configs/settings.yaml, line 1, desk: no desk named 'futures-smx'"),
    ("risk_policies.yaml", "risk_policies:\n  futures_intraday:\n    limits: {max_daly_loss: 0.1}\n",
     "risk_policies.yaml, line 3, risk_policies.futures_intraday.limits"),
    ("risk_policies.yaml", "risk_policies:\n  futures_intraday:\n    gates:\n      blackouts:\n        - {start: 8, end: 09:30}\n",
     "risk_policies.yaml, line 5"),
    ("desks/mine.yaml", "symbols: [ES, EZ]\ntactics: {mss_fvg_retest: {}}\nrisk: futures_intraday\n",
     "desks/mine.yaml, line 1, desks.mine.symbols.1: no instrument named 'EZ'"),
    ("desks/mine.yaml", "symbols: [ES]\ntactics: {mss_fvg_retest: {}}\nrisk: intraday\n",
     "desks/mine.yaml, line 3, desks.mine.risk: no risk profile named 'intraday'"),
    ("desks/mine.yaml", "symbols: [ES, ES]\ntactics: {mss_fvg_retest: {}}\nrisk: futures_intraday\n",
     "desks/mine.yaml, line 1, desks.mine: found"),
    ("instruments.yaml", "instruments:\n  ES: {symbol: NQ}\n", "configs/instruments.yaml, line 2, instruments.ES.symbol: the entry ES says symbol 'NQ'"),
    ("instruments.yaml", "instruments:\n  es: {}\n", "configs/instruments.yaml, line 2, instruments.es"),
    ("instruments.yaml", "sessions:\n  - {calendar: NYSE, first: 2020-01-02, last: 2020-01-01, close: 13:00}\n",
     "configs/instruments.yaml, line 2, sessions.0"),
    ("fills.yaml", "fills: {conservative: {through_ticks: .nan}}\n", "configs/fills.yaml, line 1, fills.conservative.through_ticks"),
])
def test_a_mistake_is_named_with_file_line_and_key(home, file, text, expected):
    write(home, file, text)
    with pytest.raises(BadConfig) as caught:
        load_settings(home, overrides=["desk=mine"] if file == "desks/mine.yaml" else [])
    assert expected in str(caught.value)


BROKEN = {
    "keys": "symbols: [ES]\nsimbols: [ES]\ntactics: {mss_fvg_retest: {}}\nrisk: futures_intraday\n",
    "names": "symbols: [ES]\ntactics: {mss_fvg_retest: {}}\nrisk: intraday\n",
    "word": "symbols: ES\ntactics: {mss_fvg_retest: {}}\nrisk: futures_intraday\n",
    "tab": "symbols: [ES]\n\trisk: futures_intraday\n",
    "list": "- symbols\n- tactics\n",
    "empty": "# to be written\n",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_desk_file_stops_its_own_desk_and_no_other(home, name):
    write(home, f"desks/{name}.yaml", BROKEN[name])
    settings = load_settings(home)
    assert set(settings.broken) == {name} and name not in settings.desks and settings.chosen.symbols
    with pytest.raises(BadConfig) as caught:
        load_settings(home, overrides=[f"desk={name}"])
    assert str(caught.value).startswith(f"configs/desks/{name}.yaml, line") and str(caught.value) == settings.broken[name]
    assert set(load_settings(home, overrides=[f"desk={name}"], any_desk=True).broken) == {name}


def test_a_built_in_desk_does_not_stand_in_for_a_broken_file_of_its_name(home):
    write(home, "desks/zones.yaml", BROKEN["tab"])
    assert "zones" not in load_settings(home).desks
    with pytest.raises(BadConfig, match=r"configs/desks/zones.yaml, line 2: this is not YAML"):
        load_settings(home, overrides=["desk=zones"])


def test_what_is_said_of_another_desk_on_the_command_line_stops_the_run(home):
    with pytest.raises(BadConfig, match=r"^--set desks\.zones\.risk=none_such, desks\.zones\.risk: no risk profile"):
        load_settings(home, overrides=["desks.zones.risk=none_such"])


def test_a_word_where_a_list_belongs_is_told_how_a_list_is_written(home):
    write(home, "desks/mine.yaml", BROKEN["word"])
    with pytest.raises(BadConfig, match=r"found 'ES', expected a list; write it between brackets: `symbols: \[ES\]`"):
        load_settings(home, overrides=["desk=mine"])


def test_a_desk_that_nobody_knows_is_named_without_the_layer_it_came_by(home):
    with pytest.raises(BadConfig, match="^no desk named 'zoness'; there are: .*Did you mean zones"):
        load_settings(home, overrides=["desk=zoness"])


def test_an_unknown_key_names_the_nearest_one(home):
    write(home, "settings.yaml", "account: {captial: 1}\n")
    with pytest.raises(BadConfig, match="did you mean capital"):
        load_settings(home)


def test_an_unknown_tactic_names_the_nearest_and_its_line(home):
    write(home, "desks/mine.yaml", "symbols: [ES]\ntactics:\n  mss_fvg_retst: {}\nrisk: futures_intraday\n")
    with pytest.raises(BadConfig, match=r"desks/mine.yaml, line 3, .*Did you mean mss_fvg_retest"):
        load_settings(home, overrides=["desk=mine"]).tactics()


def test_an_unknown_parameter_of_a_tactic_names_the_nearest_and_its_line(home):
    write(home, "desks/mine.yaml", "symbols: [ES]\ntactics:\n  mss_fvg_retest:\n    mqs_mn: 0.6\nrisk: futures_intraday\n")
    with pytest.raises(BadConfig, match=r"desks/mine.yaml, line 4, .*did you mean mqs_min"):
        load_settings(home, overrides=["desk=mine"]).tactics()


@pytest.mark.parametrize("text", ["nokey", "=3", "account.capital"])
def test_a_set_without_key_or_value_says_how_it_is_written(tmp_path, text):
    with pytest.raises(BadConfig, match="KEY=VALUE"):
        load_settings(tmp_path, overrides=[text])


def test_a_mistake_in_a_set_is_named_as_such(tmp_path):
    with pytest.raises(BadConfig, match=r"^--set account\.capital=-5, account\.capital: found -5"):
        load_settings(tmp_path, overrides=["account.capital=-5"])


def test_the_place_named_is_the_layer_that_won(home):
    write(home, "settings.yaml", "account:\n  capital: 5\n")
    with pytest.raises(BadConfig, match="^--set"):
        load_settings(home, overrides=["account={capital: -5}"])


def test_an_unknown_instrument_is_named(tmp_path):
    with pytest.raises(UnknownName, match="no instrument named 'EZ'"):
        load_settings(tmp_path).instrument("EZ")


# --- the resolved tree ---------------------------------------------------------------------------------------------------------------------


def test_the_tree_gives_the_same_settings_back(tmp_path):
    settings = load_settings(tmp_path, overrides=["account.capital=75000"])
    assert Settings.from_tree(settings.tree()).tree() == settings.tree()


def test_what_a_run_does_not_use_does_not_change_its_hash(tmp_path):
    plain = settings_hash(load_settings(tmp_path).run_tree(["ES"]))
    for same in ("seed=5", "instruments.SPY.tick=0.02", "fills.optimistic.through_ticks=2", "instruments.NQ.slippage_ticks=2"):
        assert settings_hash(load_settings(tmp_path, overrides=[same]).run_tree(["ES"])) == plain
    for other in ("account.capital=1", "instruments.ES.slippage_ticks=2", "instruments.MES.slippage_ticks=2", "fills.conservative.through_ticks=2",
                  "risk_policies.futures_intraday.limits.r_unit=0.005", "desks.futures-smc.tactics.mss_fvg_retest.mqs_min=0.6"):
        assert settings_hash(load_settings(tmp_path, overrides=[other]).run_tree(["ES"])) != plain


@pytest.mark.parametrize(("name", "value", "decides"), [
    ("base_url", "http://127.0.0.1:9/v1", False), ("key_env", "MY_OWN_KEY", False), ("timeout_s", 3, False), ("retries", 0, False), ("concurrency", 1, False),
    ("requests_per_minute", 7, False), ("temperature", 0.5, True), ("seed", 7, True), ("max_output_tokens", 99, True), ("thinking", "low", True),
    ("answer", "prompted", True), ("model", "contrary", True),
])
def test_a_judged_run_has_another_hash_only_by_what_decides_the_answers_of_its_models(tmp_path, name, value, decides):
    judge = "chains.three-pass.model=scripted-honest"
    plain = settings_hash(load_settings(tmp_path, overrides=[judge]).run_tree(["ES"], judged=True))
    changed = settings_hash(load_settings(tmp_path, overrides=[judge, f"models.scripted-honest.{name}={value}"]).run_tree(["ES"], judged=True))
    assert (changed != plain) is decides


def test_the_hash_is_that_of_the_canonical_json():
    import hashlib

    assert settings_hash({"b": 1.5, "a": ["é"]}) == hashlib.sha256('{"a":["é"],"b":1.5}'.encode()).hexdigest()


def test_settings_cannot_be_changed(tmp_path):
    settings = load_settings(tmp_path)
    with pytest.raises(ValueError, match="frozen"):
        settings.seed = 3


# --- pse init ------------------------------------------------------------------------------------------------------------------------------


def test_init_writes_the_built_in_configs_and_they_load_alone(pse, tmp_path):
    done = pse("init", "--json")
    assert "configs/settings.yaml" in done.json["written"] and "configs/desks/futures-smc.yaml" in done.json["written"]
    assert load_settings(tmp_path).tree() == load_settings(tmp_path / "elsewhere").tree()


def test_init_never_overwrites_what_a_user_changed(pse, tmp_path):
    pse("init")
    path = tmp_path / "configs" / "settings.yaml"
    path.write_text("seed: 7\n")
    done = pse("init", "--json")
    assert done.json["kept"] == ["configs/settings.yaml"] and path.read_text() == "seed: 7\n"
    assert "--force" in pse("init").out
    assert pse("init", "--force", "--json").json["written"] == ["configs/settings.yaml"] and path.read_text() != "seed: 7\n"


@pytest.mark.parametrize(("override", "said"), [
    ("risk_policies.futures_intradya.limits.r_unit=0.005", ("no risk profile named 'futures_intradya'", "Did you mean futures_intraday?")),
    ("risk_policies={mine: {limits: {r_unit: 0.005}}}", ("no risk profile named 'mine'", "write a new one in a file")),
    ("accounts.smal.capital=5", ("no account named 'smal'", "Did you mean small?")), ("accounts.smal=null", ("no account named 'smal'",)),
    ("fills.conservativ.through_ticks=2", ("no fill policy named 'conservativ'", "Did you mean conservative?")),
    ("instruments.EZ.fees.per_unit=1", ("no instrument named 'EZ'",)), ("desks.zone.risk=zones", ("no desk named 'zone'", "Did you mean zones?"))])
def test_a_set_makes_no_new_entry_out_of_a_misspelt_name(tmp_path, override, said):
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "settings.yaml").write_text("accounts: {small: {capital: 20000}}\n")
    with pytest.raises(BadConfig) as caught:
        load_settings(tmp_path, overrides=[override])
    assert str(caught.value).startswith(f"--set {override}: ") and all(part in str(caught.value) for part in said)


@pytest.mark.parametrize(("text", "said"), [
    ("risk_policies: {equity_swing: {limits: {max_daily_loss: 0.1}}}", "Did you mean equities_swing?"),
    ("accounts: {smal: {capital: 5}}", "Did you mean small?"),
    ("fills: {pesimistic: {through_ticks: 2}}", "Did you mean pessimistic?")])
def test_a_new_name_that_nothing_uses_and_that_is_almost_another_is_refused(tmp_path, text, said):
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "settings.yaml").write_text("accounts: {small: {capital: 20000}}\n")
    (tmp_path / "more.yaml").write_text(text)
    with pytest.raises(BadConfig) as caught:
        load_settings(tmp_path, config=tmp_path / "more.yaml")
    assert "more.yaml, line 1" in str(caught.value) and said in str(caught.value)


@pytest.mark.parametrize("text", [
    "risk_policies: {equity_swing: {limits: {max_daily_loss: 0.04}}}\ndesks: {futures-smc: {risk: equity_swing}}",       # a desk names it
    "risk_policies: {futures_intraday_2: {}, my_futures_intraday: {}, bold: {}}", "accounts: {small2: {capital: 5}, other: {capital: 6}}"])
def test_a_new_entry_that_is_used_or_plainly_a_variant_is_taken(tmp_path, text):
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "settings.yaml").write_text("accounts: {small: {capital: 20000}}\n")
    (tmp_path / "more.yaml").write_text(text)
    assert load_settings(tmp_path, config=tmp_path / "more.yaml").account_names[:2] == ("research", "small")
