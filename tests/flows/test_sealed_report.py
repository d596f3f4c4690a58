"""平台盖章的报告: asked for, sealed by the platform, and believed only if it proves itself."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pymupdf
import pytest
from sqlalchemy import select

from app.errors import NotAPdf, OutputExists, PlatformRefused, PlatformUntrusted
from app.remote.platform_account import PlatformClient
from app.remote.platform_connection import Service
from app.remote.sealed_report import MAX_SIZE, fetch_sealed_report
from crypto.algorithms.gm import sm3
from crypto.pdf.reading.failures import PdfError
from crypto.pdf.verify import verify_pdf
from crypto.pki.certificate import Certificate
from crypto.report.pdf import enclosed, render
from crypto.validation.trust import Trust
from crypto.verdict import Verdict
from server_stub import report_seal
from server_stub.records.store import LedgerEntry
from server_stub.web.serving import RunningServer
from tests.world.clerk import Clerk, excerpt


@pytest.fixture
def platform(city: RunningServer) -> Iterator[PlatformClient]:
    with PlatformClient(city.url) as client:
        yield client


def test_a_report_sealed_by_the_platform(
    stamped: Path, platform: PlatformClient, city: RunningServer, tmp_path: Path
) -> None:
    done = fetch_sealed_report(stamped, tmp_path / "report.pdf", platform=platform)
    assert done.verdict is Verdict.VALID
    assert done.said["file"]["sm3"] == sm3(stamped.read_bytes()).hex()
    (signature,) = done.proof.signatures
    assert done.proof.verdict is Verdict.VALID
    assert signature.seal
    assert signature.seal.name == city.platform.settings.provider_name + "验章专用章"
    assert signature.times.trusted_source == "timestamp"
    assert signature.platform
    assert signature.platform.source == "stapled"
    (mark,) = signature.marks
    assert mark.page == done.proof.file.pages
    assert (mark.width_mm, mark.height_mm) == pytest.approx((40, 40), abs=0.1)
    root = Certificate.parse(city.platform.authority.certificate("root"))
    data = done.path.read_bytes()
    trust = Trust.in_all([root])
    trust = replace(
        trust, pool=(Certificate.parse(city.platform.authority.certificate("issuing")),)
    )
    assert verify_pdf(io.BytesIO(data), "r.pdf", trust, datetime.now(UTC)).verdict is Verdict.VALID


@dataclass
class Between:
    """Somebody on the way to the platform: gives *answer* for whatever was sent."""

    real: PlatformClient
    answer: bytes

    @property
    def origin(self) -> str:
        return self.real.origin

    def service(self) -> Service:
        return self.real.service()

    def sealed_report(self, document: bytes, name: str, language: str) -> bytes:
        return self.answer


@pytest.fixture(scope="module")
def answer(
    city: RunningServer, stamped_once: Path, tmp_path_factory: pytest.TempPathFactory
) -> bytes:
    """The platform's sealed report on the stamped document."""
    target = tmp_path_factory.mktemp("sealed") / "report.pdf"
    with PlatformClient(city.url) as client:
        return fetch_sealed_report(stamped_once, target, platform=client).path.read_bytes()


def refused(between: Between, source: Path, target: Path) -> str:
    with pytest.raises(PlatformUntrusted) as raised:
        fetch_sealed_report(source, target, platform=between)
    assert not target.exists()
    return raised.value.reason


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.97])
def test_a_changed_byte_makes_the_report_invalid(
    platform: PlatformClient, answer: bytes, stamped: Path, tmp_path: Path, share: float
) -> None:
    data = bytearray(answer)
    data[int(len(data) * share)] ^= 1
    reason = refused(Between(platform, bytes(data)), stamped, tmp_path / "report.pdf")
    assert reason == "report"
    trust = platform.service().trust
    with contextlib.suppress(PdfError):
        report = verify_pdf(io.BytesIO(data), "report.pdf", trust, datetime.now(UTC))
        assert report.verdict is Verdict.INVALID


def test_a_report_with_something_added_is_refused(
    platform: PlatformClient, answer: bytes, stamped: Path, tmp_path: Path
) -> None:
    with pymupdf.open("pdf", answer) as document:
        document[0].insert_text((100, 100), "VALID")
        data = answer + b"\n%" + document.tobytes()[-100:]
    reason = refused(Between(platform, data), stamped, tmp_path / "report.pdf")
    assert reason == "report"


def test_a_true_report_about_another_file_is_refused(
    platform: PlatformClient, answer: bytes, tmp_path: Path
) -> None:
    other = tmp_path / "other.pdf"
    other.write_bytes(excerpt(1))
    reason = refused(Between(platform, answer), other, tmp_path / "report.pdf")
    assert reason == "report_digest"


def test_no_other_seal_of_the_same_authority_passes_for_the_platforms(
    platform: PlatformClient, clerk: Clerk, stamped: Path, tmp_path: Path
) -> None:
    trust = platform.service().trust
    with stamped.open("rb") as stream:
        report = verify_pdf(stream, stamped.name, trust, datetime.now(UTC))
    forged = tmp_path / "forged.pdf"
    forged.write_bytes(render(report, issuer="平台"))
    done = tmp_path / "done.pdf"
    said = clerk("stamp", forged, "-o", done, "--seal", clerk.seal, "--at", "1:150,240")
    assert said.code == 0, said.err
    with done.open("rb") as stream:
        again = verify_pdf(stream, done.name, trust, datetime.now(UTC))
    assert again.verdict is Verdict.VALID
    reason = refused(Between(platform, done.read_bytes()), stamped, tmp_path / "report.pdf")
    assert reason == "report"


def test_a_plain_pdf_for_a_report_is_refused(
    platform: PlatformClient, stamped: Path, tmp_path: Path
) -> None:
    for data in (b"", b"no pdf", excerpt(1)):
        assert refused(Between(platform, data), stamped, tmp_path / "report.pdf") == "report"


def test_a_bad_document_gets_a_sealed_report_that_says_so(
    platform: PlatformClient, stamped: Path, tmp_path: Path
) -> None:
    data = bytearray(stamped.read_bytes())
    data[data.index(b"/MediaBox") + 12] ^= 1
    stamped.write_bytes(data)
    done = fetch_sealed_report(stamped, tmp_path / "report.pdf", platform=platform, language="en")
    assert (done.verdict, done.proof.verdict) == (Verdict.INVALID, Verdict.VALID)
    with pymupdf.open(done.path) as pages:
        assert "is issued by" in pages[-1].get_text().replace("\n", " ")


def test_nothing_is_sent_where_nothing_could_be_saved(
    platform: PlatformClient, stamped: Path, tmp_path: Path
) -> None:
    between = Between(platform, b"")
    taken = tmp_path / "taken.pdf"
    taken.write_bytes(b"mine")
    with pytest.raises(OutputExists):
        fetch_sealed_report(stamped, taken, platform=between)
    large = tmp_path / "large.pdf"
    with large.open("wb") as stream:
        stream.write(b"%PDF-1.7")
        stream.truncate(MAX_SIZE + 1)
    with pytest.raises(PlatformRefused) as raised:
        fetch_sealed_report(large, tmp_path / "report.pdf", platform=between)
    assert raised.value.problem == "body_too_large"
    large.write_bytes(b"text")
    with pytest.raises(NotAPdf):
        fetch_sealed_report(large, tmp_path / "report.pdf", platform=between)
    assert taken.read_bytes() == b"mine"


def test_nothing_of_the_document_is_kept(
    city: RunningServer, platform: PlatformClient, stamped: Path, tmp_path: Path
) -> None:
    report_seal.ready(city.platform)  # made now, if this is the first report
    before = blobs(city)
    digest = sm3(stamped.read_bytes()).hex()
    known = set(on_record(city))  # other tests may have objected to this very document
    fetch_sealed_report(stamped, tmp_path / "report.pdf", platform=platform)
    assert blobs(city) == before
    told = [each for each in on_record(city) if each not in known]
    assert not any(digest in each or stamped.name in each for each in told)
    assert json.loads(told[-1])["type"] == "ticket-v1"  # about the report, not the document


def on_record(city: RunningServer) -> list[str]:
    with city.platform.reading() as session:
        return [entry.record.decode() for entry in session.scalars(select(LedgerEntry))]


def blobs(city: RunningServer) -> list[Path]:
    return sorted((city.platform.settings.directory / "blobs").rglob("*"))


# --- the command ---------------------------------------------------------------------------------


def test_the_command_saves_the_platforms_report_and_says_its_verdict(
    clerk: Clerk, stamped: Path, tmp_path: Path
) -> None:
    target = tmp_path / "报告.pdf"
    said = clerk("verify", stamped, "--report", target, "--sealed")
    assert said.code == 0, said.err
    assert str(target) in said.out
    assert "文件曾发送给平台" in said.out
    assert clerk("verify", target).code == 0
    assert enclosed(io.BytesIO(target.read_bytes()))["verdict"] == "VALID"
    answer = clerk("verify", stamped, "--report", tmp_path / "2.pdf", "--sealed", "--json").json
    assert answer["report"]["verdict"] == answer["verdict"] == "VALID"


def test_a_report_of_our_own_is_saved_without_asking_anybody(
    stranger: Clerk, stamped: Path, root_pem: Path, tmp_path: Path
) -> None:
    target = tmp_path / "report.pdf"
    said = stranger("verify", stamped, "--report", target, "--offline", "--trust", root_pem)
    assert str(target) in said.out
    with pymupdf.open(target) as pages:
        # "ff" is set as two letters, which MuPDF reads with a space between
        shown = "".join(pages[0].get_text().replace("\u200b", "").split())
        assert sm3(stamped.read_bytes()).hex() in shown
        assert pages.embfile_count() == 0


@pytest.mark.parametrize(
    "options",
    [
        ("--sealed",),
        ("--report", "r.pdf", "--sealed", "--offline"),
        ("--report", "r.pdf", "--sealed", "--at-time", "2026-01-01"),
        ("--report", "r.pdf", "--jobs", "2"),
    ],
)
def test_options_that_contradict_are_refused_before_anything_is_sent(
    clerk: Clerk, stamped: Path, options: tuple[str, ...]
) -> None:
    assert clerk("verify", stamped, *options).code == 64


def test_where_no_platform_is_set_nothing_is_sent(
    stranger: Clerk, stamped: Path, tmp_path: Path
) -> None:
    said = stranger("verify", stamped, "--report", tmp_path / "r.pdf", "--sealed")
    assert said.code not in (0, 1, 2, 3, 4)
    assert not (tmp_path / "r.pdf").exists()
