"""The words of an archive package are part of its format: the check compares them byte by byte."""

from __future__ import annotations

import hashlib
import json
import tomllib
from datetime import UTC, datetime
from importlib import resources

import pytest

from app.archiving import package
from app.archiving.metadata import About
from app.archiving.package import Item, Refused
from app.archiving.readme import index, readme
from app.errors import LANGUAGES
from crypto.verdict import Verdict

WORDS = {
    "zh_CN": "a2d2775364d422f830d1d172a44e5bf92d9bff8d323eea012b9ab75a3f6e8e0a",
    "en": "9b2457957fa167366f4201255a32a680b71bc0724d399f36352235ff60ab50c7",
}
"""SHA-256."""
AT = datetime(2026, 11, 30, 4, tzinfo=UTC)


@pytest.mark.parametrize("language", LANGUAGES)
def test_other_words_need_another_format(language: str) -> None:
    """Where this fails: a package that was made before would no longer hold."""
    kinds = [
        *(("document", verdict.value) for verdict in Verdict),
        ("evidence", ""),
        ("archive", ""),
    ]
    items = [
        Item(n, kind, "一.pdf", 9, "ab", "cd", verdict, "章", "甲", AT.isoformat(), 2)
        for n, (kind, verdict) in enumerate(kinds, 1)
    ]
    refused = [Refused("二.pdf", reason, "x") for reason in package.REASONS]
    source = resources.files("resources") / "messages.zh_CN.toml"
    fields = tomllib.loads(source.read_text(encoding="utf-8"))
    words = (
        *(index(items, refused, language), readme(items, refused, About("单位"), AT).encode()),
        json.dumps(fields["phrases"]["archive_field"], sort_keys=True).encode(),
    )
    assert package.FORMAT == "sealdesk-archive/1"
    assert hashlib.sha256(b"".join(words)).hexdigest() == WORDS[language]
