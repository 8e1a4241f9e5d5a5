"""What is shipped: locks that any index can serve, ranges around the pins, a wheel that carries its configs, a Makefile that lists its targets."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.conftest import REPOSITORY

LOCKS = ("demo.lock", "test.lock")
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())


def locked(name: str) -> dict[str, set[str]]:
    """Package to pinned versions (several where they differ by Python)."""
    found: dict[str, set[str]] = {}
    for package, version in re.findall(r"^([a-z0-9][a-z0-9-]*)==([^ ;\\]+)", (REPOSITORY / "requirements" / name).read_text(), re.M):
        found.setdefault(package, set()).add(version)
    return found


def inputs(name: str) -> list[Requirement]:
    lines = (REPOSITORY / "requirements" / name).read_text().splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith(("#", "-r"))]


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_names_hashes_and_no_address(name):
    text = (REPOSITORY / "requirements" / name).read_text()
    entries = re.split(r"^(?=[a-z0-9])", text, flags=re.M)[1:]
    assert len(entries) > 40 and all("--hash=sha256:" in entry for entry in entries)
    assert not re.search(r"https?://|file:|--(index|extra-index|find-links)|/(home|root|tmp|opt|usr)/", text)


@pytest.mark.parametrize("name", ["demo", "test"])
def test_a_lock_holds_the_pins_it_was_made_from(name):
    pins = locked(f"{name}.lock")
    for requirement in inputs(f"{name}.in"):
        if requirement.specifier:
            assert pins[canonical(requirement.name)] == {str(requirement.specifier).removeprefix("==")}


def test_the_test_set_holds_the_demo_set():
    demo, test = locked("demo.lock"), locked("test.lock")
    assert {package: versions for package, versions in demo.items() if test.get(package) != versions} == {}


def test_the_core_s_ranges_and_the_demo_pins_are_about_the_same_packages():
    pins = {canonical(r.name): r for r in inputs("demo.in")}
    core = {canonical(r.name): r for r in map(Requirement, PROJECT["project"]["dependencies"])}
    assert set(pins) - set(core) == {"hatchling", "python-dateutil"} and set(core) <= set(pins)      # one builds, the other is of one version in both locks


def test_every_pin_lies_in_the_range_that_the_package_asks_for():
    extras = [Requirement(line) for lines in PROJECT["project"]["optional-dependencies"].values() for line in lines]
    asked = {canonical(r.name): r for r in [*map(Requirement, PROJECT["project"]["dependencies"]), *extras]}
    for requirement in [*inputs("demo.in"), *inputs("test.in")]:
        known = asked.get(canonical(requirement.name))
        if known is not None and requirement.specifier:
            assert known.specifier.contains(str(requirement.specifier).removeprefix("=="), prereleases=True), requirement


def test_extras_are_the_documented_ones():
    assert set(PROJECT["project"]["optional-dependencies"]) == {"llm", "vertex", "brokers", "research", "cluster", "ui", "cards", "dev", "peers"}


def defaults() -> list[Path]:
    """The configs and prompts that come with the package."""
    return [*(REPOSITORY / "configs").rglob("*.yaml"), *(REPOSITORY / "prompts").glob("*.md")]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel, built offline from a copy of what git would see."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("src", "configs", "prompts"):
        shutil.copytree(REPOSITORY / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", ".gitignore"):
        shutil.copy(REPOSITORY / name, source)
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)], cwd=source, check=True, capture_output=True, timeout=120)
    return next(out.glob("pse_toolkit-*.whl"))


def test_the_wheel_carries_the_package_its_configs_and_its_licence(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    configs = {f"pse/_builtin/{p.relative_to(REPOSITORY).as_posix()}" for p in defaults()}
    modules = {p.relative_to(REPOSITORY / "src").as_posix() for p in (REPOSITORY / "src").rglob("*.py")}
    assert configs <= names and modules <= names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert any(name.endswith("licenses/src/pse/reports/assets/LICENSE") for name in names)
    assert "pse/reports/assets/lightweight-charts.standalone.production.js" in names
    assert not [name for name in names if name.startswith("tests") or "__pycache__" in name]


def test_an_installed_package_finds_its_configs_without_the_checkout(wheel, tmp_path):
    site, home = tmp_path / "site", tmp_path / "home"
    home.mkdir()
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    script = (f"import sys; sys.path.insert(0, {str(site)!r})\nimport pse; assert pse.__file__.startswith({str(site)!r}), pse.__file__\n"
              "from pse.cli import main; sys.exit(main(['init']))")
    done = subprocess.run([sys.executable, "-c", script], cwd=home, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    for path in defaults():
        assert (home / path.relative_to(REPOSITORY)).read_bytes() == path.read_bytes()


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_lists_its_targets():
    done = subprocess.run(["make"], cwd=REPOSITORY, capture_output=True, text=True, check=True, timeout=30)
    for target in ("demo", "test", "test-fast", "lint", "bench", "lock", "clean"):
        assert re.search(rf"^make {target} ", done.stdout, re.M)


def test_no_module_or_config_names_a_machine_or_an_address():
    """Absolute folders of somebody's machine and package indexes have no place in what is shipped."""
    wrong = []
    for path in [*(REPOSITORY / "src").rglob("*.py"), *defaults(), *REPOSITORY.glob("*.md"), REPOSITORY / "pyproject.toml"]:
        wrong += [f"{path.name}: {found}" for found in re.findall(r"(?<![\w.])/(?:home|root|Users|work|tmp|opt)/\w+|pypi\.org\S*", path.read_text("utf-8"))]
    assert wrong == []
