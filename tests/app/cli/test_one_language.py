"""No English inside Chinese and no Chinese inside English: every text, help, error and answer."""

from __future__ import annotations

import argparse
import re
import tomllib
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from app.cli.entry import parser
from app.errors import messages
from tests.world.clerk import PIN, SO_PIN, Clerk
from tests.world.grammar import commands
from tests.world.one_language import chinese, english, typed

ROOT = Path(__file__).resolve().parents[3]


def leaves(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict):
        for name, value in node.items():
            if name != "code":
                yield from leaves(value)
    elif isinstance(node, list):
        for value in node:
            yield from leaves(value)


def catalogue(name: str) -> list[str]:
    source = resources.files("resources") / f"{name}.toml"
    return list(leaves(tomllib.loads(source.read_text(encoding="utf-8"))))


def test_of_one_thing_no_english_text_speaks_as_of_many() -> None:
    """ "1 files", "page(s) 1": a number stands where one and many read alike. ``{}`` is a choice
    that has a text of its own for one."""
    many = re.compile(r"\b1 (?:(?!and\b)\w+ )?(\w*[^s\W]s|are|have|were)\b|\((?:s|es)\)")
    verbs = {"shows", "asks", "ends", "expires", "lets", "agrees", "measures", "forbids", "takes"}
    no_plural = {"as", "does", "has", "is", "its", "this", "was", *verbs}
    texts = [*catalogue("messages.en"), *catalogue("findings.en")]
    wrong = [
        text
        for text in texts
        for found in many.finditer(re.sub(r"\{\w+\}", "1", text))
        if found[1] not in no_plural
    ]
    assert wrong == []


@pytest.mark.parametrize("name", ["messages.zh_CN", "findings.zh_CN"])
def test_no_chinese_text_has_english_in_it(name: str) -> None:
    assert {text: found for text in catalogue(name) if (found := english(text))} == {}


@pytest.mark.parametrize("name", ["messages.en", "findings.en"])
def test_no_english_text_has_chinese_in_it(name: str) -> None:
    assert {text: found for text in catalogue(name) if (found := chinese(text))} == {}


def helps(made: argparse.ArgumentParser) -> Iterator[str]:
    for _, command in commands(made):
        yield command.format_help()


def test_every_help_is_in_one_language() -> None:
    assert {word for text in helps(parser("zh_CN")) for word in english(text)} == set()
    assert {word for text in helps(parser("en")) for word in chinese(text)} == set()


def test_to_ask_what_is_typed_changes_no_language() -> None:
    """Else the test above would pass or fail by what ran before it in its process."""
    typed.cache_clear()
    made = parser("zh_CN")
    before = made.format_help()
    assert english(before) == set()
    assert made.format_help() == before


NONSENSE: list[list[str]] = [
    [],
    ["frobnicate"],
    ["stamp"],
    ["stamp", "a.pdf"],
    ["stamp", "a.pdf", "--pages", "1"],
    ["stamp", "a.pdf", "--at", "1:1"],
    ["stamp", "a.pdf", "--riding", "4711"],
    ["stamp", "a.pdf", "--slices", "1"],
    ["stamp", "a.pdf", "--date", "4711"],
    ["stamp", "a.pdf", "--profile", "pades", "--at", "1:1,1"],
    ["stamp", "a.pdf", "--pades-key", "4711", "--at", "1:1,1"],
    ["stamp", "a.pdf", "--at"],
    ["verify"],
    ["verify", "a.pdf", "--at-time", "4711"],
    ["verify", "a.pdf", "--jobs", "0"],
    ["verify", "a.pdf", "--timeout", "4711x"],
    ["verify", "a.pdf", "--sealed"],
    ["verify", "a.pdf", "--fetch", "--offline"],
    ["verify", "a.pdf", "b.pdf", "--report", "4711.pdf"],
    ["verify", "a.pdf", "--report", "4711.pdf", "--sealed", "--offline"],
    ["verify", "missing.pdf"],
    ["a.pdf"],
    ["seal"],
    ["seal", "list", "--json=1"],
    ["seal", "show", "4711"],
    ["seal", "inspect", "missing.pdf"],
    ["journal", "export"],
    ["journal", "seal-off"],
    ["evidence", "a.pdf"],
    ["evidence", "--check", "-o", "4711.zip", "a.pdf"],
    ["dispute", "a.pdf"],
    ["dispute", "a.pdf", "--status", "--seal", "4711"],
    ["dispute", "missing.pdf", "--status"],
    ["trust", "remove", "4711"],
    ["trust", "add", "missing.pdf"],
    ["trust", "platform", "a.pdf", "--root-sm3", "4711"],
    ["timestamp", "a.pdf", "--timestamp", "none"],
    ["sync"],
    ["enroll", "--uscc", "4711", "--name", "4711"],
]


@pytest.mark.parametrize("arguments", NONSENSE, ids=" ".join)
def test_what_is_wrong_with_a_command_is_told_in_one_language(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.7\n")
    user = Clerk(tmp_path / "user", pin=None)
    answer = user(*arguments)
    assert answer.code != 0
    assert english(answer.err, "frobnicate", str(tmp_path)) == set()
    assert chinese(user(*arguments, LANGUAGE="en").err) == set()


def test_the_words_of_every_usage_error_exist() -> None:
    named = set()
    for path in (*ROOT.glob("app/**/*.py"), *ROOT.glob("ui/**/*.py")):
        source = path.read_text(encoding="utf-8")
        named |= set(re.findall(r"UsageError\(\s*\"([^\"]*)\"", source))
    assert len(named) > 20
    for language in ("zh_CN", "en"):
        assert named == set(messages(language)["UsageError"]["words"]["problem"]) - {"other"}


def test_the_answers_about_a_key_are_in_one_language(tmp_path: Path) -> None:
    user = Clerk(tmp_path, pin=None)
    made = user("token", "init", "--virtual", "--pin-stdin", stdin=f"{SO_PIN}\n{PIN}\n")
    assert english(made.out + made.err) == set()
    with user.desk() as desk:
        info = desk.token().info
    own = [info.serial, info.module, info.manufacturer, info.label, info.model, info.profile]
    for command in (
        *(("token", "list"), ("token", "info"), ("seal", "list"), ("trust", "list")),
        *(("journal", "check"), ("journal", "list")),
    ):
        assert english(user(*command).out, *own) == set(), command
        assert chinese(user(*command, LANGUAGE="en").out) == set(), command
