"""The rules of the house that no single module can keep: who imports whom, types, style, names."""

import ast
import gc
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from vulture import Vulture

import dev
from tests.world import typing_check
from tests.world.order import longest_files

ROOT = Path(__file__).parents[1]
PACKAGES = ("app", "crypto", "device", "resources", "server_stub", "ui")
LOCK = ROOT / "installer" / "requirements.lock"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module", autouse=True)
def kept() -> Iterator[None]:
    """Trees of syntax are large and know no circles: to look for garbage among them takes half of
    the time."""
    gc.disable()
    yield
    gc.enable()


def tracked_files() -> list[Path]:
    """What git would hand to a stranger: tracked files, and new ones not ignored."""
    listed = subprocess.run(
        [
            "git",
            "-c",
            "safe.directory=*",
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ],
        cwd=ROOT,
        check=True,
        capture_output=True,
    ).stdout.decode()
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def modules(*packages: str) -> Iterator[Path]:
    for package in packages:
        yield from sorted((ROOT / package).rglob("*.py"))


def modules_with(words: str, *packages: str) -> Iterator[Path]:
    """Those in whose text the pattern *words* is found: to take all apart takes many seconds."""
    for path in modules(*packages):
        if re.search(words, path.read_text(encoding="utf-8")):
            yield path


def syntax(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def statements(node: ast.AST) -> Iterator[ast.stmt]:
    """Those in *node* at any depth: imports are among them, and expressions are most of a file."""
    for part in ("body", "orelse", "finalbody", "handlers", "cases"):
        for inner in getattr(node, part, ()):
            if isinstance(inner, ast.stmt):
                yield inner
            yield from statements(inner)


def module_name(path: Path) -> str:
    """Its dotted name; a package's for its ``__init__``."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, capture_output=True, encoding="utf-8", check=False
    )


@dataclass(frozen=True)
class Module:
    """What the rules ask of one module of the product."""

    path: Path
    docstring: str
    imports: tuple[tuple[str, tuple[str, ...]], ...]
    """Each module that it imports, and the names that it takes from there."""


@cache
def product() -> dict[str, Module]:
    """Every module by its dotted name: to take all apart once takes two seconds."""
    found = {}
    for path in modules(*PACKAGES):
        tree = syntax(path)
        taken: list[tuple[str, tuple[str, ...]]] = []
        for node in statements(tree):
            if isinstance(node, ast.Import):
                taken += [(alias.name, ()) for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                taken.append((node.module, tuple(alias.name for alias in node.names)))
        found[module_name(path)] = Module(path, ast.get_docstring(tree) or "", tuple(taken))
    return found


def imports() -> dict[str, set[str]]:
    """Which module of the product imports which."""
    known = product().keys()
    found: dict[str, set[str]] = {}
    for name, module in product().items():
        named = set()
        for source, names in module.imports:
            whole = {f"{source}.{taken}" for taken in names}
            named |= whole & known
            if not names or whole - known:
                named.add(source)
        found[name] = (named & known) - {name}
    return found


def circles(arrows: dict[str, set[str]]) -> list[list[str]]:
    """The strongly connected components of more than one module."""

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        waiting = [start]
        while waiting:
            for name in arrows.get(waiting.pop(), set()) - seen:
                seen.add(name)
                waiting.append(name)
        return seen

    reach = {name: reached(name) for name in arrows}
    found = {
        frozenset(other for other in reach[name] if name in reach.get(other, set()))
        for name in arrows
        if name in reach[name]
    }
    return sorted(sorted(component) for component in found)


# ---------------------------------------------------------------- tools


def test_imports_run_one_way() -> None:
    linted = run("-c", "from importlinter.cli import lint_imports_command as c; c()", "--no-logo")
    assert linted.returncode == 0, linted.stdout + linted.stderr


def test_no_files_import_each_other_in_a_circle() -> None:
    """Counts every import: those inside functions, under TYPE_CHECKING and for annotations too."""
    assert circles(imports()) == []


def test_every_import_of_a_file_is_found() -> None:
    text = """
import a
def f():
    with x: import b
    try: import c
    except E: import d
    else: import e
    finally: import g
class C:
    if y: import h
    else:
        for z in []: import i
        else: import j
match m:
    case 1: import k
    case _:
        while n: from l import o
"""
    tree = ast.parse(text)
    known = {node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)}
    assert len(known) == 11
    assert {n for n in statements(tree) if isinstance(n, ast.Import | ast.ImportFrom)} == known
    assert set(statements(tree)) == {n for n in ast.walk(tree) if isinstance(n, ast.stmt)}


def test_the_search_for_circles_finds_them() -> None:
    arrows = {"a": {"b"}, "b": {"c", "d"}, "c": {"a"}, "d": {"d2"}, "d2": {"d"}, "e": {"a"}}
    assert circles(arrows) == [["a", "b", "c"], ["d", "d2"]]


def test_ruff_finds_nothing() -> None:
    checked = run("-m", "ruff", "check", "--no-cache", ".")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_formatting_is_ruffs() -> None:
    formatted = run("-m", "ruff", "format", "--no-cache", "--check", ".")
    assert formatted.returncode == 0, formatted.stdout + formatted.stderr


@pytest.mark.timeout(600)
def test_types_are_strict() -> None:
    code, said = typing_check.result()
    assert code == 0, said


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_types_are_strict_on_windows_too() -> None:
    """Another twenty seconds of the processor; `dev.py lint` keeps what it learned."""
    checked = run("-m", "mypy", "--no-color-output", "--no-incremental", "--platform", "win32")
    assert checked.returncode == 0, checked.stdout + checked.stderr


# ---------------------------------------------------------------- names


def test_every_module_says_what_it_is_for() -> None:
    assert [module.path for module in product().values() if not module.docstring] == []


def test_no_module_shadows_the_standard_library() -> None:
    # device/token.py bears the name of the thing itself (docs/design/architecture.md §3); inside a
    # package it cannot shadow, and nothing in device/ is ever run as a script.
    allowed = {ROOT / "device" / "token.py"}
    names = sys.stdlib_module_names - {"__main__"}
    shadowing = {path for path in modules(*PACKAGES, "benchmarks") if path.stem in names}
    assert shadowing - allowed == set()


def test_tests_wait_for_something_and_never_for_a_while() -> None:
    """A fixed sleep is too short on a busy machine and too long on any other."""
    allowed = {
        "tests/world/waiting.py": "where waiting is written, once",
        "tests/ui/screenshots.py": "no test: lets a window be painted before it is photographed",
        "tests/crypto/bounded_targets.py": "what hangs, in a child that has to be stopped",
        "tests/flows/test_platform_round.py": "a server whose answer drips",
        "tests/device/test_ukey_removal.py": "a slow key takes at least as long as it was told to",
    }
    sleeping = {
        path.relative_to(ROOT).as_posix()
        for path in modules_with(r"\b(sleep|wait|monotonic|perf_counter)\b", "tests")
        for node in ast.walk(syntax(path))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func)
        in {"time.sleep", "sleep", "qtbot.wait", "time.monotonic", "time.perf_counter"}
    }
    assert sleeping - set(allowed) == set()


def test_no_test_is_built_on_another() -> None:
    """What two tests need stands in tests/world/ or in a module that is no test."""
    leaning = {
        f"{path.relative_to(ROOT)}: {node.module}"
        for path in modules_with(r"\btests\.[\w.]*test_", "tests")
        for node in statements(syntax(path))
        if isinstance(node, ast.ImportFrom) and re.search(r"^tests\..*\btest_", node.module or "")
    }
    assert leaning == set()


def test_no_module_is_a_drawer_for_odds_and_ends() -> None:
    drawers = {"utils", "util", "helpers", "helper", "common", "misc"}
    assert [path for path in modules(*PACKAGES, "tests") if path.stem in drawers] == []


def test_what_stays_as_it_was_made_is_frozen_the_quick_way() -> None:
    """Decision 113: :mod:`crypto.frozen`, wherever crypto may be imported."""
    frozen = r"@(dataclasses\.)?dataclass\([^)]*\bfrozen=True"
    slow = modules_with(frozen, "app", "crypto", "server_stub", "ui")
    assert [path for path in slow if path.stem != "frozen"] == []


def test_no_time_is_said_in_the_zone_of_the_machine() -> None:
    """Decision 108: what people read and type is Beijing's, on a server set to UTC as well."""
    the_machines = (
        r"\.astimezone\(\)|datetime\.now\(\)|date\.today\(|time\.localtime\("
        r"|\.fromtimestamp\([^,()]*(\([^()]*\))?\)|QDateTime\.currentDateTime\(|QDate\.currentDate\("
    )
    assert list(modules_with(the_machines, *PACKAGES)) == []


def test_only_the_ui_knows_widgets() -> None:
    # import-linter cannot name a part of an outside package, so this is read from the syntax.
    outsiders = [
        path
        for path in modules_with(
            r"\bPySide6\b", "app", "crypto", "device", "resources", "server_stub"
        )
        if any(
            isinstance(node, ast.Import | ast.ImportFrom) and "PySide6" in ast.unparse(node)
            for node in ast.walk(syntax(path))
        )
    ]
    assert outsiders == []


def test_every_room_says_what_it_is_for_what_it_never_does_and_where_to_start() -> None:
    silent = []
    for module in product().values():
        path, said = module.path, module.docstring
        if path.name != "__init__.py":
            continue
        start = re.search(r"Start reading at :(?:mod|file):`([^`]+)`", said)
        place = start.group(1) if start else ""
        there = [place, place.replace(".", "/") + ".py", place.replace(".", "/") + "/__init__.py"]
        never = re.search(r"\b(never|no|none|nothing|not|only|alone)\b", said, re.IGNORECASE)
        lines = [line for line in said.splitlines() if line]
        if len(lines) < 3 or not never or not any((ROOT / name).is_file() for name in there):
            silent.append(path.relative_to(ROOT))
    assert silent == []


class Names(Vulture):
    """Vulture for names alone. What can never be reached it looks for as well, and goes through
    each file in a way that takes twice as long: `dev.py lint` has it whole."""

    _fields: ClassVar = {
        kind: [field for field in kind._fields if field not in ("ctx", "op", "ops")]
        for kind in vars(ast).values()
        if isinstance(kind, type) and issubclass(kind, ast.AST) and kind is not ast.Constant
    }
    _visitors: ClassVar = {
        kind: vars(Vulture)[f"visit_{kind.__name__}"]
        for kind in _fields
        if f"visit_{kind.__name__}" in vars(Vulture)
    }

    def visit(self, node: ast.AST) -> None:
        fields, visitors = self._fields, self._visitors
        waiting: list[Any] = [node]
        while waiting:
            node = waiting.pop()
            kind = type(node)
            if kind not in fields:  # a constant, a string, nothing
                continue
            if kind in visitors:
                visitors[kind](self, node)
            for field in fields[kind]:
                value = getattr(node, field)
                if type(value) is list:
                    waiting += value
                elif value is not None:
                    waiting.append(value)


def unused_names(*files: Path, exclude: Sequence[Path | str] = ()) -> set[str]:
    settings = PROJECT["tool"]["vulture"]
    found = Names(
        ignore_names=settings["ignore_names"], ignore_decorators=settings["ignore_decorators"]
    )
    found.scavenge(files, exclude=[str(path) for path in exclude])
    return {item.name for item in found.get_unused_code(settings["min_confidence"])}


@pytest.mark.timeout(600)
def test_every_name_is_used_or_has_its_reason() -> None:
    """Dead code goes; an entry of vulture's allow-list that is used after all goes too."""
    allowed = ROOT / "tests" / "called_from_outside.py"
    listed = {node.attr for node in ast.walk(syntax(allowed)) if isinstance(node, ast.Attribute)}
    settings = PROJECT["tool"]["vulture"]
    paths = [ROOT / path for path in settings["paths"]]
    assert unused_names(*paths, exclude=[allowed, *settings["exclude"]]) == listed


def test_names_that_are_not_used_are_found_as_vulture_finds_them(tmp_path: Path) -> None:
    path = tmp_path / "names.py"
    path.write_text(
        """
import os.path as place
from json import dumps as write

__all__ = ["exported"]

def exported(first, second): return [second for inner in first]
def lonely(): return getattr(lonely, "asked", None)
async def later(): await exported(0, value := 1)

class Kept:
    field: int = 0
    asked = 1
    def method(self): self.attribute = "%(formatted)s" % locals()
    @property
    def shown(self): return "{also}".format(**locals())

class Gone(Kept):
    @router.get("/")
    def route(self): pass
    @staticmethod
    def still():
        match 0:
            case Kept(matched=1): pass

formatted = also = matched = 1
""",
        encoding="utf-8",
    )
    told = run("-m", "vulture", "--ignore-decorators", "@router.*", str(path)).stdout
    found = set(re.findall(r"unused \w+ '(\w+)'", told))
    assert {"place", "write", "later", "value", "inner", "field", "attribute", "shown"} <= found
    assert unused_names(path) == found


def test_the_fast_tests_exist_and_reach_every_package() -> None:
    imported, lost = set(), set()
    for line in dev.fast_files():
        name, _, wanted = line.partition("::")
        path = ROOT / name
        if not path.is_file() or (wanted and f"def {wanted}(" not in path.read_text("utf-8")):
            lost.add(line)
            continue
        for node in statements(syntax(path)):
            if isinstance(node, ast.ImportFrom) and node.module:
                imported |= {node.module, *(f"{node.module}.{each.name}" for each in node.names)}
            elif isinstance(node, ast.Import):
                imported |= {each.name for each in node.names}
    assert lost == set()
    reached = {path.parent for path in modules(*PACKAGES) if module_name(path) in imported}
    rooms = {path.parent for path in modules(*PACKAGES) if path.name == "__init__.py"}
    assert {room.relative_to(ROOT) for room in rooms - reached} - {Path("resources")} == set()


def test_the_files_that_take_longest_exist_once() -> None:
    listed = longest_files()
    assert [name for name in listed if not (ROOT / name).is_file()] == []
    assert len(listed) == len(set(listed))


# ---------------------------------------------------------------- promises


def test_no_registry_is_named_in_any_file() -> None:
    # Put together here, so that this file names none either.
    addresses = {
        "pypi": ["org", "python", "io"],
        "python" + "hosted": ["org"],
        "registry." + "npmjs": ["org"],
        "debian": ["org", "net"],
        "crates": ["io"],
    }
    names = [re.escape(f"{name}.{end}") for name, ends in addresses.items() for end in ends]
    hosts = re.compile(r"\b(" + "|".join(names) + ")", re.IGNORECASE)
    assert hosts.search("https://" + "pypi" + ".org/simple")
    naming = {
        path.relative_to(ROOT)
        for path in tracked_files()
        if hosts.search(path.read_text("utf-8", errors="ignore"))
    }
    assert naming == set()


def test_nothing_is_left_undone() -> None:
    marks = re.compile(
        r"\b(TODO|FIXME|XXX|raise NotImplementedError|pytest\.(skip|xfail|importorskip))\b"
    )
    undone = {
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in tracked_files()
        if path.suffix in {".py", ".c", ".h", ".toml", ".html"} and path != Path(__file__)
        for match in marks.finditer(path.read_text(encoding="utf-8"))
    }
    assert undone == set()


def removals(tree: ast.AST, where: str = "") -> Iterator[tuple[str, str]]:
    """Calls that remove or replace a file at once, with the function that they stand in; what is
    handed to ``patiently`` waits."""
    if isinstance(tree, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        where = f"{where}.{tree.name}".lstrip(".")
    if isinstance(tree, ast.Call):
        called = ast.unparse(tree.func)
        if called == "patiently":
            return
        name = called.rpartition(".")[2]
        if (
            name in {"unlink", "rmdir", "rmtree", "rename", "renames", "TemporaryDirectory"}
            or called in {"os.remove", "os.removedirs", "os.replace", "shutil.move"}
            # of a text it takes two, of a moment and a dataclass names
            or (name == "replace" and len(tree.args) == 1 and not tree.keywords)
        ):
            yield where, called
    for inner in ast.iter_child_nodes(tree):
        yield from removals(inner, where)


def test_nothing_is_removed_or_replaced_while_somebody_reads_it() -> None:
    """Windows refuses that: ``app.durable`` waits (discard, discard_folder, temporary_folder,
    replace_file, patiently)."""
    allowed = {
        "app/durable.py: discard_folder": "has waited before",
        "app/publishing.py: move_to": "the window may show it: discarded when that has let go",
        "app/publishing.py: _sweep_one": "that it is refused tells that somebody has it",
        "ui/desk/staff.py: DeskStaff._kept": "removed as the window closes, which waits for nobody",
    }
    found = {
        f"{path.relative_to(ROOT).as_posix()}: {where}"
        for path in modules_with(
            r"\b(unlink|rmdir|rmtree|renames?|remove|removedirs|replace|move|TemporaryDirectory)\(",
            *("app", "ui", "device"),
        )
        if not path.is_relative_to(ROOT / "device/virtual")  # for trials; its files are its own
        for where, _ in removals(syntax(path))
    }
    assert found == set(allowed)


def test_removals_are_found_however_they_are_written() -> None:
    lines = """
class Keeper:
    def away(self, path):
        path.unlink(missing_ok=True)
        patiently(lambda: path.unlink())
        patiently(partial(path.replace, other))
        os.replace(path, other)
        self.path.replace(other)
        "text".replace("a", "b")
        replace(self, path=other)
        moment.replace(tzinfo=UTC)
        shutil.rmtree(path)
with TemporaryDirectory() as folder:
    names.remove("a")
"""
    assert list(removals(ast.parse(lines))) == [
        *(("Keeper.away", called) for called in ("path.unlink", "os.replace", "self.path.replace")),
        ("Keeper.away", "shutil.rmtree"),
        ("", "TemporaryDirectory"),
    ]


def test_no_secret_is_taken_on_a_command_line() -> None:
    """Other users read command lines in the process list: a PIN comes by prompt, stdin or file."""
    options = {
        node.value
        for path in modules_with("--?[a-z-]*(pin|passw|passphrase|secret)", "app", "server_stub")
        for node in ast.walk(syntax(path))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.fullmatch(r"--?[a-z-]*(pin|passw|passphrase|secret)[a-z-]*", node.value)
    }
    assert options, "the command line has lost its --pin-stdin: this test looks in a wrong place"
    assert {each for each in options if not each.endswith(("-stdin", "-file"))} == set()


def test_both_readmes_name_the_two_commands() -> None:
    for readme in ("README.md", "README.zh-CN.md"):
        text = (ROOT / readme).read_text(encoding="utf-8")
        assert "python3 dev.py demo" in text, readme
        assert "python3 dev.py test" in text, readme


def test_links_in_the_documents_lead_somewhere() -> None:
    dead = {
        f"{path.relative_to(ROOT)} → {target}"
        for path in tracked_files()
        if path.suffix == ".md"
        for target in re.findall(r"\]\(([^)#:\s]+)[^):]*\)", path.read_text(encoding="utf-8"))
        if not (path.parent / target).exists()
    }
    assert dead == set()


def test_the_changelog_knows_this_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## [{PROJECT['project']['version']}]" in changelog


# ---------------------------------------------------------------- the lock


def locked() -> dict[str, tuple[Version, Marker | None]]:
    """Each package of the lock: its version, and where it is wanted."""
    entries = re.findall(r"^([A-Za-z0-9._-]+==[^\\]+)\\$", LOCK.read_text("utf-8"), re.MULTILINE)
    requirements = [Requirement(entry) for entry in entries]
    return {
        canonicalize_name(item.name): (Version(next(iter(item.specifier)).version), item.marker)
        for item in requirements
    }


def test_the_lock_holds_what_the_project_asks_for() -> None:
    project = PROJECT["project"]
    extras = project["optional-dependencies"]
    held = locked()
    for text in [*project["dependencies"], *extras["server"], *extras["dev"]]:
        wanted = Requirement(text)
        version, marker = held[canonicalize_name(wanted.name)]
        assert version in wanted.specifier, text
        assert marker is None, f"{text} is not wanted everywhere"


def test_every_locked_package_has_hashes_and_no_address() -> None:
    text = LOCK.read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(r"^\s*-", text.replace("    --hash=sha256:", ""), re.MULTILINE)
    entries = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)[1:]
    assert len(entries) == len(locked()) > 50
    assert all("--hash=sha256:" in entry for entry in entries)


# ---------------------------------------------------------------- sizes


def test_no_package_has_more_modules_than_are_seen_at_a_glance() -> None:
    packages = {path.parent for path in modules(*PACKAGES) if path.name == "__init__.py"}
    crowded = {
        str(folder.relative_to(ROOT)): count
        for folder in packages
        if (count := sum(path.name != "__init__.py" for path in folder.glob("*.py"))) > 20
    }
    assert crowded == {}


def test_no_module_takes_what_another_keeps_to_itself() -> None:
    taken = {
        f"{name} takes {source}.{each}"
        for name, module in product().items()
        for source, names in module.imports
        if source.split(".")[0] in PACKAGES
        for each in names
        if each.startswith("_")
    }
    assert taken == set()


def test_a_long_module_says_why_it_is_one() -> None:
    silent = {
        str(module.path.relative_to(ROOT))
        for module in product().values()
        if len(module.path.read_text("utf-8").splitlines()) > 500
        and not re.search(
            r"\bone (module|place|thing|file|list|table)\b", module.docstring, re.IGNORECASE
        )
    }
    assert silent == set()
