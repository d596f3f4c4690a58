"""Fetching what a file names: the file is read in a bounded process, which it may take over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.settings import load
from app.trust.fetching import Fetcher, _gathered, fetched, fetched_for_all
from crypto.pdf.reading.document import Document
from crypto.validation.trust import Trust
from tests.world.documents import classic_pdf
from tests.world.sealing import World, make_world


@pytest.fixture(scope="module")
def world() -> World:
    return make_world()


def test_the_file_is_not_read_here(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed, broken = tmp_path / "sealed.pdf", tmp_path / "broken.pdf"
    sealed.write_bytes(world.sign(classic_pdf()))
    broken.write_bytes(b"%PDF-1.7 and no more")

    def refuse(*_: Any) -> None:
        raise AssertionError("read in this process")

    monkeypatch.setattr(Document, "__init__", refuse)
    found = _gathered(sealed, None)
    assert found is not None
    assert found.seals == ((world.first.code, ""),)
    subjects = [each.subject.common_name for each in found.leaves]
    assert world.first.code in subjects
    assert "制章者" in subjects
    assert _gathered(broken, None) is None
    assert _gathered(tmp_path / "nowhere.pdf", None) is None


def test_what_cannot_be_read_leaves_the_trust_as_it_is(world: World, tmp_path: Path) -> None:
    broken = tmp_path / "broken.pdf"
    broken.write_bytes(b"%PDF-1.7 and no more")
    settings = load(environment={"HOME": str(tmp_path)})
    assert fetched(broken, Trust(), Fetcher(settings)) == Trust()
    assert fetched_for_all([broken, broken], Trust(), settings) == Trust()
