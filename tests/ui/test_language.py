"""Every text of the window has its English, and the catalogue holds nothing else."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ui import language
from ui.language import tr

UI = Path(language.__file__).parent


def texts() -> Iterator[tuple[str, str]]:
    """Every literal of a ``tr`` call, with the place where it stands."""
    for path in sorted(UI.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)) if "tr(" in text else ():
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id == "tr"
            ):
                first = node.args[0]
                assert isinstance(first, ast.Constant), f"{path.name}:{node.lineno}: no literal"
                yield first.value, f"{path.name}:{node.lineno}"


def test_the_english_catalogue_and_the_sources_agree() -> None:
    used = dict(texts())
    known = language.catalogue("en")
    assert {text: place for text, place in used.items() if text not in known} == {}
    assert set(known) - set(used) == set()


def test_translations_fill_the_same_blanks_and_hold_no_chinese() -> None:
    for chinese, english in language.catalogue("en").items():
        assert sorted(re.findall(r"\{\w+\}", chinese)) == sorted(re.findall(r"\{\w+\}", english))
        assert english.strip(), chinese
        assert not re.search(r"[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]", english), english


def test_of_one_thing_no_english_text_speaks_as_of_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """ "1 files", "1 entries": every count that stands before a noun has a form for one."""
    monkeypatch.setattr(language, "_chosen", "en")
    said = []
    for chinese, english in language.catalogue("en").items():
        blanks = set(re.findall(r"\{(\w+)\}", english))
        named = set(re.findall(r"\{(\w+)\|", english))
        assert named <= blanks, english
        said.append(tr(chinese, **dict.fromkeys(blanks, 1)) if blanks else english)
    many = re.compile(r"\b1 (?:\w+ )?(\w*[^s\W]s|are|have|were)\b|\((?:s|es)\)")
    singular = {"as", "has", "is", "news", "was"}
    assert [
        each
        for each in said
        if (found := many.search(each)) and found[1] not in singular and "at most" not in each
    ] == []
    assert tr("{count} 个文件", count=1) == "1 file"
    assert tr("{count} 个文件", count=0) == "0 files"


def test_no_chinese_text_reaches_the_window_around_tr() -> None:
    chinese = re.compile(r"[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]")  # punctuation, too
    allowed = {
        "简体中文",  # the name of a language is written in that language
        "印章 Seal 0123456789",  # measured, never shown (ui/room.py)
    }
    loose = set()
    for path in sorted(UI.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if not chinese.search(text):
            continue
        tree = ast.parse(text)
        inside = {
            id(part)
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "tr"
            for part in ast.walk(node)
        }
        docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        loose |= {
            f"{path.name}: {node.value}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and chinese.search(node.value)
            and id(node) not in inside | docstrings
            and node.value not in allowed
        }
    assert loose == set()


def test_english_is_spoken_when_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language, "_chosen", "en")
    assert tr("第 {page} 页", page=3) == "Page 3"
    monkeypatch.setattr(language, "_chosen", "zh_CN")
    assert tr("第 {page} 页", page=3) == "第 3 页"
