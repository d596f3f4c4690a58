"""The changes made to pyHanko: all in one table, each guarded, and for the pinned versions only."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from pyhanko.pdf_utils import filters, generic, misc, reader, xref
from pyhanko.pdf_utils.crypt import filter_mixins, standard

from crypto.pdf.reading import pyhanko_patches
from crypto.pdf.reading.pyhanko_patches import PATCHES, PINNED, WrongVersion, check_versions

ROOT = Path(__file__).parents[4]
PRODUCT = ("app", "crypto", "device", "server_stub", "ui")
PATCHING = ROOT / "crypto" / "pdf" / "reading" / "pyhanko_patches.py"
MODULES = {
    **{"filter_mixins": filter_mixins, "filters": filters, "generic": generic},
    **{"misc": misc, "reader": reader, "standard": standard, "xref": xref},
}


def product() -> Iterator[tuple[Path, ast.Module]]:
    """The modules that name pyHanko, or its patches."""
    for package in PRODUCT:
        for path in sorted((ROOT / package).rglob("*.py")):
            if "pyhanko" in (text := path.read_text(encoding="utf-8")):
                yield path, ast.parse(text)


def private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def names_from_pyhanko(tree: ast.Module) -> set[str]:
    """What this module calls the things that it imports from pyHanko."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pyhanko"):
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {
                alias.asname or alias.name.partition(".")[0]
                for alias in node.names
                if alias.name.startswith("pyhanko")
            }
    return names


def root_of(node: ast.AST) -> str:
    while isinstance(node, ast.Attribute | ast.Call | ast.Subscript):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


@cache
def private_in_pyhanko() -> set[str]:
    """Every private function, method and attribute of pyHanko's PDF layer."""
    folder = Path(generic.__file__).parent
    text = "\n".join(path.read_text(encoding="utf-8") for path in folder.rglob("*.py"))
    found = re.findall(r"\bdef (_\w+)|\bself\.(_\w+)|^(_\w+) *[:=]", text, re.MULTILINE)
    return {name for names in found for name in names if name and private(name)}


def uses_of_private_names(tree: ast.Module, theirs: set[str]) -> Iterator[str]:
    imported = names_from_pyhanko(tree)
    if not imported:
        return
    own = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)} | {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
    }
    yield from (name for name in imported if private(name))
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and private(node.attr):
            if root_of(node) in imported or (node.attr in theirs and node.attr not in own):
                yield ast.unparse(node)
        elif isinstance(node, ast.ClassDef) and any(
            root_of(base) in imported for base in node.bases
        ):
            defined = {each.name for each in node.body if isinstance(each, ast.FunctionDef)}
            defined |= {
                each.attr
                for each in ast.walk(node)
                if isinstance(each, ast.Attribute) and isinstance(each.ctx, ast.Store)
            }
            yield from defined & theirs


def test_no_other_module_uses_a_private_name_of_pyhanko() -> None:
    theirs = private_in_pyhanko()
    assert {"_read_object", "_xref_sections", "_decode_name", "_png_decode"} <= theirs
    used = {
        f"{path.relative_to(ROOT)}: {name}"
        for path, tree in product()
        if path != PATCHING
        for name in uses_of_private_names(tree, theirs)
    }
    assert used == set()


@pytest.mark.parametrize(
    "code",
    [
        "from pyhanko.pdf_utils.generic import _decode_name",
        "from pyhanko.pdf_utils import generic\ngeneric._decode_name(b'')",
        "from pyhanko.pdf_utils import generic\nself.reader.xrefs._xref_sections",
        "from pyhanko.pdf_utils.reader import PdfFileReader\n"
        "class R(PdfFileReader):\n    def _read_object(self): ...",
        "from pyhanko.pdf_utils import xref\n"
        "class X(xref.XRefCache):\n    def f(self): self._xref_sections = []",
    ],
)
def test_this_test_sees_private_names(code: str) -> None:
    assert list(uses_of_private_names(ast.parse(code), private_in_pyhanko()))


def called(call: ast.Call) -> str:
    """The last name of what is called; "" if it has none."""
    return getattr(call.func, "attr", getattr(call.func, "id", ""))


def knows_patches(tree: ast.Module) -> bool:
    """Does this module import the patches, or something of them?"""
    return any(
        "pyhanko_patches" in (getattr(node, "module", None) or "", *(a.name for a in node.names))
        or (getattr(node, "module", None) or "").endswith(".pyhanko_patches")
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
    )


def assignments(tree: ast.Module) -> Iterator[str]:
    """What is assigned into pyHanko, or into an object of it past its own attributes."""
    imported = names_from_pyhanko(tree)
    for node in ast.walk(tree) if imported else ():
        stored = isinstance(getattr(node, "ctx", None), ast.Store | ast.Del)
        if isinstance(node, ast.Attribute) and stored:
            if root_of(node) in imported or node.attr.startswith("__"):
                yield ast.unparse(node)
        elif isinstance(node, ast.Subscript) and stored:
            inside = node.value
            if getattr(inside, "attr", "") == "__dict__" or (
                isinstance(inside, ast.Call) and called(inside) == "vars"
            ):
                yield ast.unparse(node)
        elif isinstance(node, ast.Call) and called(node) in ("setattr", "delattr", "__setattr__"):
            yield ast.unparse(node)


@pytest.mark.parametrize(
    "code",
    [
        "xref.parse_xref_table = f",
        "del xref.parse_xref_table",
        "setattr(data, 'try_resolve', f)",
        "object.__setattr__(data, 'try_resolve', f)",
        "data.__class__ = X",
        "data.__dict__['over'] = 1",
        "vars(data)['over'] = 1",
        "xref.XRefSectionData.__bases__ += (X,)",
    ],
)
def test_this_test_sees_assignments(code: str) -> None:
    assert list(assignments(ast.parse(f"from pyhanko.pdf_utils import xref\n{code}")))


def test_nothing_is_assigned_into_pyhanko_but_by_installing() -> None:
    assigned, installed = set(), []
    for path, tree in product():
        assigned |= {f"{path.relative_to(ROOT)}: {each}" for each in assignments(tree)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and called(node) == "install" and knows_patches(tree):
                installed.append(path.relative_to(ROOT).as_posix())
    by_installing = "setattr(owner, attribute, patch.make(_upstream[place]))"
    assert assigned == {f"{PATCHING.relative_to(ROOT)}: {by_installing}"}
    assert installed == ["crypto/pdf/__init__.py"]


@pytest.mark.parametrize("place", [place for patch in PATCHES for place in patch.places])
def test_each_patch_is_in_its_place(place: str) -> None:
    module, _, inside = place.partition(".")
    found = MODULES[module]
    for name in inside.split("."):
        found = getattr(found, name)
    assert found is not pyhanko_patches.upstream(place)
    assert found.__module__.startswith("crypto.pdf.reading.")  # type: ignore[attr-defined]


@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: patch.places[0])
def test_each_patch_says_why_and_is_guarded(patch: pyhanko_patches.Patch) -> None:
    assert patch.why
    assert patch.upstream
    file, _, name = patch.test.partition("::")
    text = (ROOT / "tests" / "crypto" / "pdf" / file).read_text(encoding="utf-8")
    assert f"def {name}(" in text


@pytest.mark.parametrize("package", PINNED)
def test_another_version_is_refused(package: str) -> None:
    with pytest.raises(WrongVersion, match=f"needs {package} "):
        check_versions({**PINNED, package: "0.39.0"})
    check_versions(dict(PINNED))


def test_another_version_is_refused_when_the_pdf_layer_is_imported() -> None:
    program = (
        "import pyhanko.version as version\n"
        "version.__version__ = '0.38.1'\n"
        "import crypto.pdf.reading.document\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode != 0
    assert "WrongVersion: SealDesk needs pyhanko 0.38.0, but 0.38.1 is installed" in done.stderr


def test_the_pinned_versions_are_those_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for package, version in PINNED.items():
        assert f"{package}=={version}" in project["dependencies"]
