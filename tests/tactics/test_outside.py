"""A tactic that does not come with the package: the file and the line of docs/tactics.md, and what is said of one that will not do."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from pse.domain.errors import BadConfig
from pse.domain.instruments import Instrument
from pse.features.build import build
from pse.settings import load_settings
from tests.commands.stored import stored_synthetic
from tests.conftest import REPOSITORY
from tests.features.made import future, minutes

PAGE = (REPOSITORY / "docs" / "tactics.md").read_text("utf-8")
PLACE = "tactics/opening_range_breakout.py"
LINE = f"symbols: [ES]\nrisk: futures_intraday\ntactics:\n  opening_range_breakout: {{from: {PLACE}:OpeningRangeBreakout}}\n"
PYTHON, DESK, PLUGINS = (re.search(rf"```{kind}\n({start}.*?)```", PAGE, re.S)[1] for kind, start in (
    ("python", '"""Opening'), ("yaml", "description"), ("yaml", "plugins")))


def line(text: str) -> int:
    """Where a text stands in the file of the page."""
    return PYTHON[:PYTHON.index(text)].count("\n") + 1


def write(home: Path, source: str = PYTHON, desk: str = DESK) -> Path:
    for name, text in ((PLACE, source), ("configs/desks/mine.yaml", desk)):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)
    return home


def tactic_of(home: Path, *overrides: str):
    return load_settings(home, overrides=("desk=mine", *overrides)).tactics()["opening_range_breakout"]


def refusal(home: Path) -> str:
    with pytest.raises(BadConfig) as caught:
        tactic_of(home)
    return str(caught.value)


# --- the page ------------------------------------------------------------------------------------------------------------------------------------


def test_the_file_and_the_line_of_the_page_run_a_backtest_that_can_be_proved(pse, tmp_path):
    write(stored_synthetic(tmp_path))
    done = pse("backtest", "--desk", "mine", "--json")
    assert done.code == 0 and done.json["trades"] >= 3, done.out
    assert pse("prove", done.json["run_id"], "--json").json["result"] == "EQUAL"
    assert pse("desks", "check", "mine", "--json").json["findings"] == []


@pytest.mark.slow
def test_the_look_ahead_audit_finds_nothing_in_it(pse, tmp_path):
    write(stored_synthetic(tmp_path))
    done = pse("audit", "lookahead", "--desk", "mine", "--tactics", "--symbol", "ES", "--cuts", "8", "--start", "2023-03-13", "--json")
    assert done.code == 0 and done.json["findings"] == [] and done.json["checked"]["setups"]["tactic opening_range_breakout"] >= 2, done.out


def test_later_bars_never_change_a_breakout_that_it_told(tmp_path):
    tactic, bars = tactic_of(write(tmp_path)), minutes(4, 8, missing=0.02, roll_every=3)
    whole = tactic.scan(build(bars, future()), future())
    looked = 0
    for cut in np.random.default_rng(1).integers(300, len(bars), 12).tolist():
        early = build(bars[:cut], future())
        found = tactic.scan(early, future())
        n = int((whole.rows["ts"] <= early.decision.ts_close[-1]).sum())
        assert found.rows.tobytes() == whole.rows[:n].tobytes() and list(found.evidence) == list(whole.evidence[:n])
        looked += n
    assert looked > 10


def test_it_enters_at_the_first_close_outside_the_range_and_once_a_side_and_session(tmp_path):
    """By a loop over the sessions, from the words of the page."""
    tactic, bars = tactic_of(write(tmp_path)), minutes(6, 6)
    features = build(bars, future())
    found, five, atr = tactic.scan(features, future()), features.decision, features.columns["atr"]
    expected = []
    for session in np.unique(five.session).tolist():
        start, close = five.sessions.rth_open_ns[session], five.sessions.rth_close_ns[session]
        rows = np.flatnonzero(five.session == session)
        first = [t for t in rows if start <= five.ts_open[t] and five.ts_close[t] <= start + 15 * 60 * 10**9]
        rest = [t for t in rows if start + 15 * 60 * 10**9 <= five.ts_open[t] and five.ts_close[t] < close and not np.isnan(atr[t])]
        if first:
            up = [t for t in rest if five.close[t] > max(five.high[first])][:1]
            down = [t for t in rest if five.close[t] < min(five.low[first])][:1]
            expected += sorted([(int(five.ts_close[t]), 1, five.close[t]) for t in up] + [(int(five.ts_close[t]), -1, five.close[t]) for t in down])
    rows = found.rows
    assert list(zip(rows["ts"].tolist(), rows["direction"].tolist(), rows["entry"].tolist(), strict=True)) == expected and len(expected) > 5
    risk = rows["direction"] * (rows["entry"] - rows["stop"])
    reward = rows["direction"] * (rows["target"] - rows["entry"])
    measured = np.array([facts["atr"] for facts in found.evidence])
    assert (risk >= 1.5 * measured - 1e-9).all() and (risk < 1.5 * measured + future().tick).all()
    assert (reward <= 3 * measured + 1e-9).all() and (reward > 3 * measured - future().tick).all()


def test_one_line_in_the_settings_names_it_for_every_desk(tmp_path):
    write(tmp_path, desk="symbols: [ES]\nrisk: futures_intraday\ntactics: {opening_range_breakout: {range_minutes: 60}}\n")
    (tmp_path / "configs" / "settings.yaml").write_text(PLUGINS)
    assert tactic_of(tmp_path).range_minutes == 60


# --- what a run remembers ------------------------------------------------------------------------------------------------------------------------


def test_a_changed_file_is_another_run_and_the_old_one_is_not_proved_with_it(pse, tmp_path):
    write(stored_synthetic(tmp_path))
    first = pse("backtest", "--desk", "mine", "--json").json
    assert pse("backtest", "--desk", "mine", "--json").json["fingerprint"] == first["fingerprint"]
    ran = tmp_path / "it-ran"
    write(tmp_path, PYTHON + f"\n\nopen({str(ran)!r}, 'w').close()\n")
    proof = pse("prove", first["run_id"], "--json")
    assert proof.code == 1 and "source of the tactic opening_range_breakout changed" in proof.json["why"][0] and not ran.exists()
    second = pse("backtest", "--desk", "mine", "--json").json
    assert second["fingerprint"] != first["fingerprint"] and ran.exists()
    assert (second["trades"], second["metrics"]["net_usd"]) == (first["trades"], first["metrics"]["net_usd"])
    (tmp_path / PLACE).unlink()
    assert "there is no file" in pse("prove", first["run_id"], "--json").json["why"][0]


def test_a_desk_without_one_keeps_its_hash(tmp_path):
    assert "outside" not in load_settings(tmp_path).run_tree(["ES"])
    assert set(load_settings(write(tmp_path), overrides=("desk=mine",)).run_tree(["ES"])["outside"]) == {"opening_range_breakout"}


# --- an installed package ------------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A package on the path that declares the tactic, as pip leaves it."""
    site = tmp_path / "site"
    (site / "orb_package-1.2.dist-info").mkdir(parents=True)
    (site / "orb_package.py").write_text(PYTHON)
    (site / "orb_package-1.2.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: orb-package\nVersion: 1.2\n")
    points = site / "orb_package-1.2.dist-info" / "entry_points.txt"
    points.write_text("[pse.tactics]\nopening_range_breakout = orb_package:OpeningRangeBreakout\n")
    monkeypatch.syspath_prepend(str(site))
    yield points
    sys.modules.pop("orb_package", None)


def test_an_installed_package_brings_a_tactic_by_its_entry_point(installed, tmp_path):
    write(tmp_path, desk="symbols: [ES]\nrisk: futures_intraday\ntactics: {opening_range_breakout: {range_minutes: 60}}\n")
    assert tactic_of(tmp_path).range_minutes == 60
    before = load_settings(tmp_path, overrides=("desk=mine",)).run_tree()
    source = installed.parents[1] / "orb_package.py"
    source.write_text(PYTHON + "\n")
    assert load_settings(tmp_path, overrides=("desk=mine",)).run_tree()["outside"] != before["outside"]


def test_any_python_file_of_an_installed_package_decides_and_what_is_no_source_does_not(installed, tmp_path, monkeypatch):
    write(tmp_path, desk="symbols: [ES]\nrisk: futures_intraday\ntactics: {opening_range_breakout: {}}\n")
    package = installed.parents[1] / "orb_parts"
    (package / "deep").mkdir(parents=True)
    for name, text in (("__init__.py", ""), ("rule.py", PYTHON), ("deep/numbers.py", "WIDTH = 1\n")):
        (package / name).write_text(text)
    installed.write_text("[pse.tactics]\nopening_range_breakout = orb_parts.rule:OpeningRangeBreakout\n")

    def told():
        return load_settings(tmp_path, overrides=("desk=mine",)).run_tree()["outside"]

    before = told()
    (package / "notes.txt").write_text("x")
    assert told() == before
    (package / "deep" / "numbers.py").write_text("WIDTH = 2\n")
    changed = told()
    (package / "deep" / "numbers.py").rename(package / "deep" / "figures.py")
    assert len({str(one) for one in (before, changed, told())}) == 3
    for name in [name for name in sys.modules if name.partition(".")[0] == "orb_parts"]:
        monkeypatch.delitem(sys.modules, name)


def test_a_file_that_leaves_python_is_an_error_with_its_line_and_nothing_half_run_stays(tmp_path):
    """An exit is the file's mistake; Ctrl-C is the user's wish and goes through."""
    before = set(sys.modules)
    assert "line 1: SystemExit: 3; mend the file" in refusal(write(tmp_path, "raise SystemExit(3)\n", LINE))
    write(tmp_path, "raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        tactic_of(tmp_path)
    assert not [name for name in set(sys.modules) - before if name.startswith("pse_outside")]


def test_a_package_that_names_what_is_not_there_is_named(installed, tmp_path):
    write(tmp_path, desk="symbols: [ES]\nrisk: futures_intraday\ntactics: {opening_range_breakout: {}}\n")
    installed.write_text("[pse.tactics]\nopening_range_breakout = orb_package:Other\n")
    assert "orb-package 1.2 names orb_package:Other, which cannot be loaded" in refusal(tmp_path)
    installed.write_text("[pse.tactics]\nopening_range_breakout = no_such_package:Other\n")
    assert "orb-package 1.2 names no_such_package:Other, and there is no such module" in refusal(tmp_path)


# --- what will not do ----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("old", "new", "says"), [
    ("class OpeningRangeBreakout(Frozen)", "class OpeningRange(Frozen)", "the file has no class OpeningRangeBreakout; it has: OpeningRange"),
    ("    label: ClassVar[str] = \"ORB\"\n", "", "`label: ClassVar[str]` is missing (what a trader calls it)"),
    ('= "opening_range_breakout"', '= "orb"', "its name is 'orb', and the settings call it 'opening_range_breakout'"),
    ("def scan(self, features, instrument)", "def scan(self, features)", "`scan(self, features)` does not take what it is handed; expected "
                                                                           "`scan(self, features, instrument)`"),
    ("def timeframes(self, of)", "def frames(self, of)", "`timeframes(self, of)` is missing"),
    ("(Frozen)", "", "`Frozen` of pse.domain.base"),
    ("Field(30, ge=5, le=240, ", "Field(30, ge=5, ", "the parameter range_minutes has no upper bound (le=)"),
    (', description="distance of the stop from the entry, ATR of the decision bars"', "", "the parameter stop_atr has no description"),
    ("Field(30, ge=5", "Field(ge=5", "range_minutes: Field required); every parameter has a default"),
    ("import numpy as np", "import nunpy as np", f"{PLACE}, line {line('import numpy')}: ModuleNotFoundError: No module named 'nunpy'"),
    ("class OpeningRangeBreakout(Frozen):", "class OpeningRangeBreakout(Frozen)", f"{PLACE}, line {line('class Open')}: this is not Python: expected ':'"),
    ("reward_r: float", "reward_r: flaot", f"{PLACE}, line {line('reward_r: float')}: NameError: name 'flaot' is not defined"),
])
def test_a_class_that_will_not_do_is_told_what_it_lacks(tmp_path, old, new, says):
    assert old in PYTHON
    message = refusal(write(tmp_path, PYTHON.replace(old, new)))
    assert message.startswith("configs/desks/mine.yaml, line 4, desks.mine.tactics.opening_range_breakout: ") and says in message, message


def test_all_that_a_class_lacks_is_told_at_once(tmp_path):
    message = refusal(write(tmp_path, "class OpeningRangeBreakout:\n    pass\n"))
    assert [word for word in ("Frozen", "`name:", "`label:", "`version:", "`scan(", "`symbols(", "`timeframes(") if word not in message] == []


@pytest.mark.parametrize(("place", "says"), [
    ("/etc/orb.py:Orb", "no absolute paths"), ("../orb.py:Orb", "no absolute paths and no `..`"), ("tactics/../../orb.py:Orb", "no `..`"),
    ("tactics/orb.py", "expected FOLDER/FILE.py:Class"), ("tactics/orb.txt:Orb", "expected FOLDER/FILE.py:Class"), ("tactics\\orb.py:Orb", "expected FOLDER"),
    ("tactics/opening_range_brakout.py:Orb", "beside it there are: opening_range_breakout.py"), ("[1]", "found [1] behind `from`")])
def test_a_place_that_is_none_is_refused_with_its_line(tmp_path, place, says):
    message = refusal(write(tmp_path, desk=LINE.replace(f"{PLACE}:OpeningRangeBreakout", place if place == "[1]" else f"'{place}'")))
    assert message.startswith("configs/desks/mine.yaml, line 4, ") and says in message, message


def test_a_link_that_leads_out_of_home_is_refused(tmp_path):
    home = write(tmp_path / "home")
    shutil.move(home / PLACE, tmp_path / "elsewhere.py")
    (home / PLACE).symlink_to(tmp_path / "elsewhere.py")
    assert "leads out of the home folder" in refusal(home)


def test_one_that_has_the_name_of_a_registered_tactic_is_refused(tmp_path):
    write(tmp_path, desk=LINE.replace("opening_range_breakout: ", "mss_fvg_retest: "))
    with pytest.raises(BadConfig, match="mss_fvg_retest names a tactic that comes with pse"):
        load_settings(tmp_path, overrides=("desk=mine",)).tactics()


def test_a_parameter_out_of_its_bounds_is_named_with_the_bound(tmp_path):
    write(tmp_path, desk=LINE.replace("Breakout}", "Breakout, range_minutes: 500}"))
    assert re.search(r"line 4, .*range_minutes: found 500: it should be less than or equal to 240", refusal(tmp_path))


@pytest.mark.parametrize(("old", "new", "says"), [
    ("later = (", "later = missing + (", f"opening_range_breakout.py, line {line('later = (')}: NameError: name 'missing' is not defined"),
    ("return entries(", "return list(", "TypeError"), ("return {\"objects\"", "return 1 / 0, {\"objects\"", "ZeroDivisionError: division by zero"),
    ("        return entries(", "        return None\n        return entries(", "handed back NoneType where Setups were expected")])
def test_a_scan_that_fails_names_its_line_and_is_no_bug_of_pse(pse, tmp_path, old, new, says):
    assert old in PYTHON
    write(stored_synthetic(tmp_path), PYTHON.replace(old, new))
    done = pse("backtest", "--desk", "mine", "--start", "2023-03-13")
    assert done.code == 2 and "the tactic opening_range_breakout" in done.err and says in done.err, done.err


def test_a_stop_on_the_grid_stands_away_from_the_market_and_a_target_towards_the_entry(tmp_path):
    from pse.tactics.entries import entries

    features = build(minutes(4, 2), future())
    bar, none = np.array([40, 20]), lambda i: {"place": i}
    es = Instrument(**{**future().model_dump(), "tick": 0.25})
    found = entries(features, es, bar, np.array([1, -1]), np.array([99.9, 110.1]), np.array([104.6, 104.4]), none, quality=np.array([0.7, 0.8]))
    assert found.rows["ts"].tolist() == features.decision.ts_close[[20, 40]].tolist() and found.rows["quality"].tolist() == [0.8, 0.7]
    assert found.rows["stop"].tolist() == [110.25, 99.75] and found.rows["target"].tolist() == [104.5, 104.5]
    assert [facts["place"] for facts in found.evidence] == [1, 0]
