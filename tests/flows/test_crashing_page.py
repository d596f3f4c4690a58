"""A document whose last page makes MuPDF abort the whole process: no program dies or hangs."""

import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from server_stub.web.serving import RunningServer
from tests.world.clerk import Clerk
from tests.world.documents import crashing_pdf


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "crashing.pdf"
    path.write_bytes(crashing_pdf())
    return path


@pytest.mark.wants("posix")  # there it is read all the same
def test_the_document_does_abort_the_renderer(document: Path) -> None:
    """Otherwise the tests below show nothing: then find another such document."""
    program = "import pymupdf, sys; pymupdf.open(sys.argv[1])[1].get_pixmap()"
    done = subprocess.run(
        [sys.executable, "-c", program, document], stderr=subprocess.DEVNULL, check=False
    )
    assert done.returncode == -signal.SIGABRT


def test_it_is_stamped_verified_and_reported(clerk: Clerk, document: Path, tmp_path: Path) -> None:
    stamped, report = tmp_path / "stamped.pdf", tmp_path / "report.pdf"
    where = ("--keyword", "1000:2", "--riding", "right")
    answer = clerk("stamp", document, "-o", stamped, "--seal", clerk.seal, *where)
    assert answer.code == 0, answer.err
    answer = clerk("verify", stamped, "--report", report, "--json")
    assert answer.code == 0, answer.err
    assert answer.json["verdict"] == "VALID"
    assert report.read_bytes().startswith(b"%PDF")


def test_a_later_seal_on_it_is_looked_at_by_every_program(
    clerk: Clerk, other_clerk: Clerk, city: RunningServer, document: Path, tmp_path: Path
) -> None:
    once, twice = tmp_path / "once.pdf", tmp_path / "twice.pdf"
    for signer, source, output, where in (
        (clerk, document, once, "2:60,60"),
        (other_clerk, once, twice, "2:150,60"),
    ):
        answer = signer("stamp", source, "-o", output, "--seal", signer.seal, "--at", where)
        assert answer.code == 0, answer.err
    answer = clerk("verify", twice, "--json")
    assert answer.json["verdict"] == "VALID"
    asked = httpx.post(
        f"{city.url}/v1/verifications?name=twice.pdf",
        content=twice.read_bytes(),
        headers={"content-type": "application/pdf"},
        timeout=60,
    )
    assert asked.status_code == 200
    assert asked.json()["verdict"] == "VALID"
    many = clerk("verify", once, twice, "--jobs", "1", "--json")
    assert [each["verdict"] for each in many.json] == ["VALID", "VALID"]
