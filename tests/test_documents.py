"""The documents name what exists: files, modules, sections, headings.

Code is cited by path and documents by section, so that a reader of one finds the other. Whoever
moves a module or renames a heading hears of it here.
"""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from app.cli.entry import MODULES
from app.settings import load
from installer import regulation
from installer.error_codes import PAGES, page
from tests.world.regulation import not_run

ROOT = Path(__file__).parents[1]
PACKAGES = ("app", "crypto", "device", "server_stub", "ui")
TREES = (*PACKAGES, "benchmarks", "docs", "installer", "resources", "tests")


def tracked(*suffixes: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    paths = (ROOT / name for name in listed)
    return [path for path in paths if path.suffix in suffixes and path.is_file()]


def documents() -> list[Path]:
    """What describes the program as it is; the changelog tells of names that were."""
    return [path for path in tracked(".md") if path.name != "CHANGELOG.md"]


def headings(document: Path) -> list[str]:
    return re.findall(r"^#+ +(.*?) *$", document.read_text(encoding="utf-8"), re.MULTILINE)


def fragment(heading: str) -> str:
    """How a heading is named in a link: small letters, hyphens, no punctuation."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def has_section(document: Path, number: str) -> bool:
    return any(re.match(rf"{re.escape(number)}[. ]", heading) for heading in headings(document))


def test_every_path_that_a_document_names_exists() -> None:
    missing = {
        f"{document.relative_to(ROOT)}: {path}"
        for document in documents()
        for path in re.findall(r"`([a-z_]+/[\w./-]+)`", document.read_text(encoding="utf-8"))
        if path.split("/")[0] in TREES and not (ROOT / path).exists()
    }
    assert missing == set()


def test_every_module_that_a_document_names_by_its_file_name_exists() -> None:
    known = {path.name for path in tracked(".py")}
    missing = {
        f"{document.relative_to(ROOT)}: {name}"
        for document in documents()
        for name in re.findall(r"`(\w+\.py)`", document.read_text(encoding="utf-8"))
        if name not in known
    }
    assert missing == set()


def test_links_to_a_heading_lead_to_one() -> None:
    dead = {
        f"{document.relative_to(ROOT)}: {target}#{name}"
        for document in documents()
        for target, name in re.findall(
            r"\]\(([^)#:\s]*)#([^)\s]+)\)", document.read_text(encoding="utf-8")
        )
        if name not in map(fragment, headings(document.parent / target if target else document))
    }
    assert dead == set()


def test_a_cited_section_of_a_document_exists() -> None:
    """``docs/design/pdf.md §3`` in code or text, also where a line or comment breaks between."""
    citation = re.compile(r"(docs/[\w./-]+\.md)(?:\s|#)+§(\d+(?:\.\d+)*)")
    cited = {
        (path, target, number)
        for path in tracked(".py", ".c", ".h", ".toml", ".md")
        for target, number in citation.findall(path.read_text(encoding="utf-8"))
    }
    assert len(cited) > 20, "the pattern no longer fits how documents are cited"
    dead = {
        f"{path.relative_to(ROOT)}: {target} §{number}"
        for path, target, number in cited
        if not (ROOT / target).is_file() or not has_section(ROOT / target, number)
    }
    assert dead == set()


def test_nothing_cites_a_document_that_a_clone_does_not_have() -> None:
    """Documents are cited by their path; a bare NAME.md must stand at the root."""
    bare = re.compile(r"(?<![\w/.-])([A-Z][A-Z-]{2,}(?:\.md|(?= §)))")
    foreign = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in tracked(".py", ".c", ".h", ".toml", ".md")
        if path != Path(__file__)
        for name in bare.findall(path.read_text(encoding="utf-8"))
        if not (ROOT / name).is_file()
    }
    assert foreign == set()


NOT_OF_THE_WINDOW = {
    "第 3 页　合同金额：100 CNY → 9,900,000",  # an example
    "在‘验章’里打开",  # quotation marks within quotation marks
    "更多 → 提出异议…",  # two of them
    "保存…",  # all that begin so
    "…",
}


def rows_of_decisions(text: str) -> list[tuple[int, str]]:
    found = re.findall(r"^\| (\d+) \| (.+?) \| \d{4}-\d\d-\d\d \| ", text, re.MULTILINE)
    return [(int(number), title) for number, title in found]


def test_every_decision_has_a_row_and_a_paragraph_in_order() -> None:
    text = (ROOT / "docs" / "decisions.md").read_text(encoding="utf-8")
    rows = rows_of_decisions(text)
    assert [number for number, _ in rows] == list(range(1, len(rows) + 1))
    # a title may be wrapped
    paragraphs = re.findall(r"^\*\*(\d+)\. (.+?)\.\*\* ", text, re.MULTILINE | re.DOTALL)
    titles = [(int(number), re.sub(r"\s+", " ", title)) for number, title in paragraphs]
    assert titles == rows


@pytest.mark.parametrize(
    "name", ["architecture", "pdf", "platform", "standards", "tokens", "trust"]
)
def test_a_design_paper_numbers_its_sections_and_says_what_is_not_built(name: str) -> None:
    found = headings(ROOT / "docs" / "design" / f"{name}.md")
    numbers = [int(match[1]) for item in found if (match := re.match(r"(\d+)\. ", item))]
    assert numbers == list(range(1, len(numbers) + 1))
    assert found[-1] == "Not built yet"


# ---------------------------------------------------------------- what the code cites


def test_every_file_that_the_code_cites_exists() -> None:
    """In docstrings, comments and strings alike: ``tests/world/desk.py``, ``docs/ukey.md``."""
    path_of = re.compile(
        rf"(?<![\w/.}}-])((?:{'|'.join(TREES)})/[\w./-]*\w\.(?:py|md|toml|txt|c|h|html|qss|lock))\b"
    )
    cited = {
        (path.relative_to(ROOT), name)
        for path in tracked(".py", ".c", ".h", ".toml", ".yaml", ".html", ".qss")
        for name in path_of.findall(path.read_text(encoding="utf-8"))
    }
    assert len(cited) > 50, "the pattern no longer fits how files are cited"
    assert {f"{path}: {name}" for path, name in cited if not (ROOT / name).is_file()} == set()


def test_every_module_class_and_function_that_a_docstring_points_to_exists() -> None:
    """``:mod:`crypto.pdf.verify```, ``:class:`app.errors.Cancelled```: by file, then by name."""
    role = re.compile(r":(mod|class|func|meth|attr|data|exc):`~?([\w.]+)`")
    missing = set()
    for path in tracked(".py"):
        for kind, name in role.findall(path.read_text(encoding="utf-8")):
            parts = name.split(".")
            if parts[0] not in PACKAGES or len(parts) < 2:
                continue  # a neighbour in the same file, or of another project
            for length in range(len(parts), 0, -1):
                place = ROOT.joinpath(*parts[:length])
                file = place.with_suffix(".py")
                source = file if file.is_file() else place / "__init__.py"
                if source.is_file():
                    break
            rest, text = parts[length:], source.read_text(encoding="utf-8")
            if (kind == "mod" and rest) or not all(
                re.search(rf"\b{re.escape(each)}\b", text) for each in rest
            ):
                missing.add(f"{path.relative_to(ROOT)}: {name}")
    assert missing == set()


# ---------------------------------------------------------------- what is made from the program


@pytest.mark.parametrize("language", PAGES)
def test_the_list_of_error_codes_is_what_the_messages_say(language: str) -> None:
    """After a change of the messages: python3 dev.py error-codes."""
    assert PAGES[language].read_text(encoding="utf-8") == page(language)


@pytest.mark.parametrize("language", regulation.PAGES)
def test_the_regulation_is_what_its_table_says(language: str) -> None:
    """After a change of docs/regulation.toml: python3 dev.py regulation."""
    page = regulation.PAGES[language].read_text(encoding="utf-8")
    assert page == regulation.page(language)


def test_every_article_of_the_regulation_is_answered_in_order() -> None:
    articles = [duty.article for duty in regulation.duties()]
    assert articles == sorted(articles)
    assert set(articles) == set(range(regulation.FIRST, regulation.LAST + 1))


def test_the_tests_that_the_regulation_names_exist() -> None:
    """That they run as well is seen at the end of each whole run (tests/world/regulation.py)."""
    there = {
        f"{path.relative_to(ROOT).as_posix()}::{name}"
        for path in tracked(".py")
        for name in re.findall(r"^(?:async )?def (test_\w+)", path.read_text("utf-8"), re.MULTILINE)
    }
    assert not_run(there) == []


def test_a_test_that_the_regulation_names_and_nobody_ran_is_missed() -> None:
    assert not_run(set()) == sorted({n for duty in regulation.duties() for n in duty.tests})


def test_what_a_chinese_page_links_to_exists_in_chinese() -> None:
    """Or the link says that it leads to English: （英文）."""
    english = set()
    for path in (ROOT / "README.zh-CN.md", *ROOT.glob("docs/*.zh-CN.md")):
        text = path.read_text(encoding="utf-8")
        for match in re.finditer(r"\]\(([^)#:\s]+\.md)(?:#[^)\s]*)?\)", text):
            target = (path.parent / match[1]).resolve()
            said = text[match.end() : match.end() + 4] == "（英文）"
            switch = text[: match.start()].endswith("[English")
            if not (target.name.endswith(".zh-CN.md") or said or switch):
                english.add(f"{path.relative_to(ROOT)}: {match[1]}")
    assert english == set()


def test_the_policy_that_the_administration_page_shows_is_in_force_as_it_stands(
    tmp_path: Path,
) -> None:
    text = (ROOT / "docs" / "administration.zh-CN.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    (tmp_path / "policy.toml").write_text(example.replace("64 位十六进制", "a" * 64), "utf-8")
    settings = load({"SEALDESK_HOME": str(tmp_path / "home")}, machine_folder=tmp_path)
    for name in tomllib.loads(example):
        assert settings.locked(name), name


def test_the_command_lines_page_names_every_command_and_option() -> None:
    page = (ROOT / "docs" / "command-line.zh-CN.md").read_text(encoding="utf-8")
    source = "".join(path.read_text("utf-8") for path in (ROOT / "app" / "cli").rglob("*.py"))
    options = set(re.findall(r'"(--[a-z][a-z0-9-]+)"', source)) - {"--help"}
    assert {option for option in options if not re.search(rf"{option}(?![\w-])", page)} == set()
    commands = {"seal-off", "change-pin", *MODULES}
    assert {
        each for each in commands if not re.search(rf"(?<![\w-]){each}(?![\w-])", page)
    } == set()


def test_what_the_manual_calls_by_name_is_in_the_window() -> None:
    """Names of buttons and pages in quotation marks are those of the window, of a message or of a
    page for phones."""
    manual = (ROOT / "docs" / "manual.zh-CN.md").read_text(encoding="utf-8")
    said = "".join(
        path.read_text("utf-8")
        for path in (ROOT / "resources").rglob("*.toml")
        if path.parent.name == "translations" or "zh_CN" in path.name
    )
    pages = (ROOT / "server_stub" / "templates" / "phone").glob("*.html")
    said += "".join(path.read_text("utf-8") for path in pages)
    named = set(re.findall(r"“([^”]+)”", manual)) - NOT_OF_THE_WINDOW
    shown = re.sub(r"\{\w+\}", "N", said)
    assert {each for each in named if each.rstrip("…") not in shown} == set()
