"""The floors and laws of CONTRIBUTING.md, read from the source text: who imports whom, and where the world outside is touched."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1] / "src" / "pse"

# Imports go down only.  A room is a folder or a module at the top of the package.
FLOORS = {
    "cli": 5, "__main__": 6,
    "commands": 4, "console": 4,
    "engine": 3, "reports": 3,
    "settings": 2.5,                                        # the typed tree that the rooms of floor 3 are told
    "tactics": 2.2,                                         # they read features by their classes
    "features": 2, "risk": 2, "agents": 2, "research": 2,
    "store": 2, "providers": 2, "brokers": 2, "llm": 2, "memory": 2, "registry": 2,
    "domain": 1, "kernels": 1, "clock": 1, "disk": 1,
}
ANY_FLOOR = {"__init__"}                                    # `pse.__version__`

# Beside the floors: what floor 1 may see of floor 1, and the doors that the table above would not allow.
ALLOWED = {
    ("clock", "domain"),                                    # the errors' words
    ("disk", "domain"),
    ("domain", "kernels"),                                  # record types and codes, which are words too
    ("cli", "domain"),
}
PLAIN = {"numpy", "numba", "math", "__future__", "enum", "typing", "collections"}
HOUSEKEEPING = {"hashlib", "importlib", "os", "pathlib", "shutil", "sys", "time"}       # kernels/__init__.py alone: the folder of compiled code

# Where disk, network and wall time may be touched.
EFFECTS = {"store", "providers", "brokers", "llm", "memory", "clock", "disk"}
CLOCKS = {"time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "datetime.today", "date.today"}
SEEDED = {"default_rng", "SeedSequence", "Generator", "PCG64", "Philox"}
DRAWS = {"uuid.uuid4", "uuid.uuid1", "os.urandom"}
NETWORK = {"socket", "http", "urllib.request", "urllib3", "requests", "httpx", "httpx2", "aiohttp", "ftplib", "smtplib"}
FILES = {"open", "os.open", "os.fdopen"}
FILE_METHODS = {"read_text", "read_bytes", "write_text", "write_bytes", "unlink", "mkdir", "rmdir", "touch", "iterdir", "glob", "rglob"}
MAX_LINES = 600

# What stands elsewhere all the same, by file, and why.
MAY = {
    ("kernels/__init__.py", "files"): "points numba at the folder of compiled code, and removes stale ones",
    ("kernels/__init__.py", "clock"): "how old a stale folder is",
    ("kernels/__init__.py", "environment"): "numba reads its folder there",
    ("reports/page.py", "files"): "templates and assets that lie in the package",
    ("cli/frame.py", "files"): "the null device, when a pipe was closed",
}


def modules(only: str | None = None, but: set[str] = frozenset()) -> list[Path]:  # type: ignore[assignment]
    return [path for path in sorted(ROOT.rglob("*.py")) if room(path) not in but and (only is None or room(path) == only)]


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def room(path: Path) -> str:
    first = path.relative_to(ROOT).parts[0]
    return first.removesuffix(".py")


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


@cache
def type_checking_lines(path: Path) -> frozenset[int]:
    """Lines inside `if TYPE_CHECKING:`, which nothing imports when it runs."""
    return frozenset(line for node in ast.walk(tree(path)) if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
                     for child in node.body for line in range(child.lineno, (child.end_lineno or child.lineno) + 1))


def imports(path: Path) -> list[tuple[int, str]]:
    """Line and dotted name of every import, also those inside functions; not those for type checkers alone."""
    found = []
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{shown(path)}:{node.lineno} imports by a relative name"
            found += [(node.lineno, f"{node.module}.{alias.name}" if node.module == "pse" else str(node.module)) for alias in node.names]
    return sorted({item for item in found if item[0] not in type_checking_lines(path)})


def dotted(node: ast.AST) -> str:
    """`a.b.c` of a name or attribute, empty for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        base = dotted(node.value)
        return f"{base}.{node.attr}" if base else ""
    return ""


def calls(path: Path) -> list[tuple[int, str, ast.Call]]:
    return [(node.lineno, dotted(node.func), node) for node in ast.walk(tree(path)) if isinstance(node, ast.Call)]


def test_every_room_stands_on_a_floor():
    assert {room(path) for path in modules()} - ANY_FLOOR <= set(FLOORS)


def test_imports_go_down_only():
    wrong = []
    for path in modules():
        here = room(path)
        for line, name in imports(path):
            other = (name.split(".") + [""])[1]
            if not name.startswith("pse.") or here in ANY_FLOOR or other in {here, "__version__"} | ANY_FLOOR or (here, other) in ALLOWED:
                continue
            if FLOORS.get(other, 0) >= FLOORS[here]:
                wrong.append(f"{shown(path)}:{line} imports {name} (floor {FLOORS.get(other)}) from floor {FLOORS[here]}")
    assert wrong == []


def test_kernels_import_numpy_and_numba_alone():
    wrong = []
    for path in modules("kernels"):
        allowed = PLAIN | HOUSEKEEPING if path.name == "__init__.py" else PLAIN
        wrong += [f"{shown(path)}:{line} imports {name}" for line, name in imports(path)
                  if name.split(".")[0] not in allowed and not name.startswith("pse.kernels")]
    assert wrong == []


def test_kernels_never_draw():
    assert [f"{shown(path)}:{line} {name}" for path in modules("kernels") for line, name, _ in calls(path) if "random" in name] == []


def test_wall_time_is_read_by_rooms_of_effects_alone():
    wrong = [f"{shown(path)}:{line} calls {name}" for path in modules(but=EFFECTS) for line, name, _ in calls(path)
             if any(name == clock or name.endswith("." + clock) for clock in CLOCKS) and (shown(path), "clock") not in MAY]
    assert wrong == []


def test_files_are_touched_by_rooms_of_effects_alone():
    wrong = []
    for path in modules(but=EFFECTS):
        for line, name, call in calls(path):
            method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
            if (name in FILES or name.split(".")[0] in {"shutil", "tempfile"} or method in FILE_METHODS) and (shown(path), "files") not in MAY:
                wrong.append(f"{shown(path)}:{line} calls {name or method}")
    assert wrong == []


def test_the_network_is_touched_by_providers_brokers_and_models_alone():
    wrong = [f"{shown(path)}:{line} imports {name}" for path in modules(but={"providers", "brokers", "llm"}) for line, name in imports(path)
             if name in NETWORK or name.split(".")[0] in NETWORK]
    assert wrong == []


def test_nothing_is_drawn_without_a_seed():
    wrong = []
    for path in modules():
        wrong += [f"{shown(path)}:{line} imports {name}" for line, name in imports(path) if name.split(".")[0] in {"random", "secrets"}]
        for line, name, call in calls(path):
            tail = name.rpartition("random.")[2] if ".random." in name else ""
            if tail in SEEDED:
                wrong += [] if call.args or call.keywords else [f"{shown(path)}:{line} calls {name} without a seed"]
            elif tail or (name in DRAWS and room(path) not in {"store", "disk"}):     # they name temporary files
                wrong.append(f"{shown(path)}:{line} calls {name}")
    assert wrong == []


def test_only_the_command_line_catches_every_exception():
    """What cleans up and raises again is no catch."""
    wrong = [f"{shown(path)}:{node.lineno}" for path in modules(but={"cli"}) for node in ast.walk(tree(path)) if isinstance(node, ast.ExceptHandler)
             and (node.type is None or dotted(node.type) in {"Exception", "BaseException"}) and not _raises_again(node)]
    assert wrong == []


def _raises_again(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def test_nothing_below_the_commands_prints_or_reads_the_environment():
    wrong = []
    for path in modules(but={"cli", "commands"}):
        wrong += [f"{shown(path)}:{line} {name}" for line, name, _ in calls(path) if name in {"print", "os.getenv", "input"}]
        wrong += [f"{shown(path)}:{node.lineno} os.environ" for node in ast.walk(tree(path)) if isinstance(node, ast.Attribute)
                  and dotted(node) == "os.environ" and (shown(path), "environment") not in MAY]
    assert wrong == []


def test_modules_are_of_a_size_that_can_be_read():
    assert [shown(path) for path in modules() if len(path.read_text("utf-8").splitlines()) > MAX_LINES] == []


def test_every_exception_of_these_tables_is_still_needed():
    assert [name for name, _ in MAY if not (ROOT / name).is_file()] == []


def test_the_command_line_imports_nothing_heavy_at_its_top():
    for path in modules("cli"):
        top = [node for node in tree(path).body if isinstance(node, ast.Import | ast.ImportFrom)]
        names = {(node.module or "") if isinstance(node, ast.ImportFrom) else alias.name for node in top for alias in node.names}
        assert {name.split(".")[0] for name in names if not name.startswith("pse")} <= set(
            "__future__ functools importlib inspect os sys traceback collections dataclasses pathlib typing typer".split()), shown(path)
        assert {name for name in names if name.startswith("pse")} <= {"pse.cli.frame", "pse.commands", "pse.domain.errors"}, shown(path)
