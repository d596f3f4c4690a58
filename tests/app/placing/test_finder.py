"""Texts are looked for in a process of its own, which may hang or die without anybody else."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.errors import FileNotReadable, FileProblem
from app.placing import finder as module
from app.placing.finder import Finder
from app.placing.pages import Pages
from crypto.pdf.reading.failures import PdfEncrypted, PdfTooComplex, PdfUnreadable
from tests.world.documents import crashing_pdf
from tests.world.processes import KILL


@pytest.fixture
def finder() -> Iterator[Finder]:
    made = Finder()
    yield made
    made.close()


def test_it_finds_what_is_found_in_the_same_process(finder: Finder, demo_pdf: Path) -> None:
    with Pages(demo_pdf) as pages:
        expected = tuple(pages.find("宿迁市人民政府"))
    assert expected
    assert finder.find(demo_pdf, "宿迁市人民政府", None) == expected
    process = finder._process.pid
    assert finder.find(demo_pdf, "没有这样的文字", None) == ()
    assert finder._process.pid == process


def test_what_is_wrong_with_a_document_is_told(
    finder: Finder, make_pdf: Callable[..., Path], tmp_path: Path
) -> None:
    with pytest.raises(FileNotReadable) as missing:
        finder.find(tmp_path / "missing.pdf", "x", None)
    assert missing.value.reason is FileProblem.MISSING
    broken, locked = tmp_path / "broken.pdf", tmp_path / "locked.pdf"
    broken.write_bytes(b"%PDF-1.7\nnothing")
    with pytest.raises(PdfUnreadable):
        finder.find(broken, "x", None)
    command = ["qpdf", "--encrypt", "leaf", "tree", "256", "--", str(make_pdf()), str(locked)]
    subprocess.run(command, check=True)
    with pytest.raises(PdfEncrypted):
        finder.find(locked, "x", None)
    assert finder.find(locked, "x", "leaf") == ()


@pytest.mark.parametrize("how", ["dies", pytest.param("hangs", marks=pytest.mark.wants("posix"))])
def test_a_process_that_dies_or_hangs_costs_one_search(
    finder: Finder, demo_pdf: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert finder.find(demo_pdf, "办法", None)
    with monkeypatch.context() as patch:
        patch.setattr(module, "SECONDS", 1.0)
        os.kill(finder._process.pid, KILL if how == "dies" else signal.SIGSTOP)
        with pytest.raises(PdfTooComplex):
            finder.find(demo_pdf, "办法", None)
    assert finder.find(demo_pdf, "办法", None)


def test_a_page_that_makes_mupdf_abort_is_drawn_past_the_fault(
    finder: Finder, tmp_path: Path
) -> None:
    path = tmp_path / "crashing.pdf"
    path.write_bytes(crashing_pdf())
    assert finder.picture(path, 1, 96).startswith(b"\x89PNG")
    assert [hit.page for hit in finder.find(path, "Price", None)] == [0, 1, 1]
