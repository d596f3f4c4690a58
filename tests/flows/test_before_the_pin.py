"""What a clerk is told before the PIN, at the command line: the window asks the same questions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pymupdf
import pytest

from app.errors import ExitCode
from app.remote import timestamping
from app.remote.platform_connection import PlatformConnection
from app.store.cabinet import SealRecord
from app.verifying import verify
from tests.world.clerk import Clerk, excerpt
from tests.world.documents import classic_pdf

AT = ("--at", "1:60,60")


@pytest.fixture
def nobody(clerk: Clerk) -> Clerk:
    """The clerk, with whom no PIN is to be had: what fails, fails before it."""
    return Clerk(clerk.folder, None, clerk.seal, {})


def put(folder: Path, data: bytes, name: str = "合同.pdf") -> Path:
    path = folder / "in" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    return path


def test_a_file_with_a_small_fault_is_stamped_as_a_repaired_copy(
    clerk: Clerk, nobody: Clerk, tmp_path: Path
) -> None:
    plain = excerpt(1)
    data = b"X-Mailer: oa 8.0\r\n\r\n" + plain
    path = put(tmp_path, data)
    refused = nobody("stamp", path, "--seal", clerk.seal, *AT)
    assert (refused.code, "[E-117]" in refused.err) == (ExitCode.UNREADABLE, True)
    assert "--repair" in refused.err
    done = clerk("stamp", path, "--seal", clerk.seal, *AT, "--repair")
    assert done.code == 0, done.err
    assert path.read_bytes() == data
    assert path.with_name("合同_已修复.pdf").read_bytes() == plain
    assert "合同_已修复.pdf" in done.err
    assert clerk("verify", path.with_name("合同_已修复_已盖章.pdf")).code == 0


def test_a_signed_file_with_the_same_fault_is_one_to_ask_the_sender_for(
    clerk: Clerk, nobody: Clerk, tmp_path: Path
) -> None:
    signed = put(tmp_path, excerpt(1))
    assert clerk("stamp", signed, "--seal", clerk.seal, *AT).code == 0
    path = put(tmp_path, b"\r\n\r\n" + signed.with_name("合同_已盖章.pdf").read_bytes(), "坏.pdf")
    refused = nobody("stamp", path, "--seal", clerk.seal, *AT, "--repair")
    assert (refused.code, "[E-118]" in refused.err) == (ExitCode.UNREADABLE, True)
    assert "ZIP" in refused.err


def test_an_authors_prohibition_is_asked_about_once(
    clerk: Clerk, nobody: Clerk, tmp_path: Path
) -> None:
    with pymupdf.open(stream=excerpt(1), filetype="pdf") as document:
        data = document.tobytes(
            encryption=pymupdf.PDF_ENCRYPT_AES_256, owner_pw="owner", permissions=0
        )
    path = put(tmp_path, data)
    stamping = ("stamp", path, "--seal", clerk.seal, *AT)
    refused = nobody(*stamping)
    assert (refused.code, "[E-119]" in refused.err) == (ExitCode.UNREADABLE, True)
    assert clerk(*stamping, "--anyway").code == 0
    again = clerk(*stamping)
    assert (again.code, "不允许修改" in again.err) == (0, True)


def test_where_the_output_cannot_be_no_pin_is_asked(
    clerk: Clerk, nobody: Clerk, contract: Path, tmp_path: Path
) -> None:
    for output in (tmp_path / "no" / "a.pdf", tmp_path / f"{'章' * 99}.pdf", tmp_path / "a:b.pdf"):
        refused = nobody("stamp", contract, "--seal", clerk.seal, *AT, "-o", output)
        assert (refused.code, "[E-104]" in refused.err) == (ExitCode.OUTPUT, True), refused.err
    assert clerk.journal() == []


def test_what_a_document_may_show_elsewhere_is_said_and_is_in_the_json(
    clerk: Clerk, tmp_path: Path
) -> None:
    path = put(tmp_path, classic_pdf(catalog=b"/OpenAction<</S/JavaScript/JS(1)>>"))
    told = clerk("stamp", path, "--seal", clerk.seal, *AT)
    assert (told.code, "脚本" in told.err) == (0, True)
    silent = clerk("stamp", path, "--seal", clerk.seal, *AT, "--json", LANGUAGE="en")
    assert silent.err == ""
    (notice,) = silent.json["notices"]
    assert notice["code"] == "elsewhere"
    assert notice["ways"] == [{"kind": "script", "pages": []}]
    assert "script" in notice["text"]


def put_clock_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    """The platform's clock is four days ahead of this computer's."""
    there = datetime.now(UTC) + timedelta(days=4)
    monkeypatch.setattr(PlatformConnection, "clock", lambda self: there)


def test_a_clock_that_is_not_the_platforms_is_told_before_the_pin(
    clerk: Clerk, contract: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_clock_ahead(monkeypatch)
    told = clerk("stamp", contract, "--seal", clerk.seal, *AT, LANGUAGE="en")
    assert told.err.startswith("Note: This computer's time is ")
    offline = clerk("stamp", contract, "--seal", clerk.seal, *AT, "--offline")
    assert "时钟" not in offline.err


def test_a_seal_is_not_called_expired_before_the_clock_is_told(
    clerk: Clerk, contract: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_clock_ahead(monkeypatch)
    monkeypatch.setattr(SealRecord, "usable", lambda self, now: "expired")
    refused = clerk("stamp", contract, "--seal", clerk.seal, *AT)
    assert refused.code == ExitCode.SEAL
    first, *rest = refused.err.splitlines()
    assert "校准电脑的时钟" in first
    assert "[E-302]" in rest[0], rest


def test_a_verdict_that_hangs_on_the_clock_is_told_after_the_clock(
    clerk: Clerk, contract: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert clerk("stamp", contract, "--seal", clerk.seal, *AT).code == 0
    signed = contract.with_name(f"{contract.stem}_已盖章.pdf")
    early = partial(verify, clock=lambda: datetime.now(UTC) - timedelta(days=4))
    put_clock_ahead(monkeypatch)
    assert clerk("verify", signed).err == "", "nothing in it hangs on the clock"
    monkeypatch.setattr("app.cli.verifying.verify_file", early)
    told = clerk("verify", signed)
    assert told.code == 2
    assert "校准电脑的时钟" in told.err
    assert "平台的时间是" in told.err
    assert clerk("verify", signed, "--offline").err == ""
    monkeypatch.setattr(PlatformConnection, "clock", lambda self: datetime.now(UTC))
    assert clerk("verify", signed).err == "", "the clock is right"


def test_a_time_stamp_that_is_far_from_the_clock_is_told(
    clerk: Clerk, contract: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stamping = ("stamp", contract, "--seal", clerk.seal, *AT, "--timestamp", "platform")
    right = clerk(*stamping)
    assert (right.code, right.err) == (0, "")

    class Behind(datetime):
        """This computer's clock, ten minutes slow."""

        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime.now(tz) - timedelta(minutes=10)

    monkeypatch.setattr(timestamping, "datetime", Behind)
    told = clerk(*stamping)
    assert told.code == 0
    assert "时间戳服务的时间是" in told.err


def test_the_platform_tells_its_clock(clerk: Clerk) -> None:
    with clerk.desk() as desk:
        there = desk.platform_time()
    assert there is not None
    assert abs(there - datetime.now(UTC)) < timedelta(minutes=1)


def test_a_place_that_would_harm_the_partners_seal_is_found(
    clerk: Clerk, nobody: Clerk, contract: Path
) -> None:
    first = ("stamp", contract, "--seal", clerk.seal, "--at", "1:60,60", "--date-at", "1:60,90")
    assert clerk(*first).code == 0
    signed = contract.with_name(f"{contract.stem}_已盖章.pdf")
    near = ("stamp", signed, "--seal", clerk.seal, "--at", "1:110,60", "--date-at", "1:62,91")
    refused = nobody(*near)
    assert (refused.code, "[E-125]" in refused.err) == (ExitCode.UNREADABLE, True), refused.err


def test_a_file_that_claims_pdfa1_can_be_stamped_without_transparency(
    clerk: Clerk, tmp_path: Path
) -> None:
    packet = b"<pdfaid:part>1</pdfaid:part>"
    stream = b"<</Type/Metadata/Subtype/XML/Length %d>>stream\n%s\nendstream"
    data = classic_pdf(catalog=b"/Metadata 6 0 R", extra=[stream % (len(packet), packet)])
    path = put(tmp_path, data)
    told = clerk("stamp", path, "--seal", clerk.seal, *AT)
    assert (told.code, "PDF/A-1" in told.err, "--stencil" in told.err) == (0, True, True)
    output = tmp_path / "stencil.pdf"
    plain = clerk("stamp", path, "--seal", clerk.seal, *AT, "--stencil", "-o", output)
    assert (plain.code, "--stencil" in plain.err) == (0, False)
    assert "没有 RGB 输出意图" in plain.err, "what red is, this file does not say"
    assert b"/SMask" not in output.read_bytes()
    assert clerk("verify", output).code == 0


def test_pages_that_are_too_small_for_the_seal_can_be_skipped(
    clerk: Clerk, nobody: Clerk, tmp_path: Path
) -> None:
    document = pymupdf.open()
    for width, height in ((595, 842), (595, 842), (60, 60), (595, 842)):
        document.new_page(width=width, height=height)
    path = put(tmp_path, document.tobytes())
    everywhere = ("stamp", path, "--seal", clerk.seal, "--pages", "all", "--at", "60,60")
    refused = nobody(*everywhere)
    assert refused.code == ExitCode.PLACEMENT
    done = clerk(*everywhere, "--skip-small", "--json")
    assert done.code == 0, done.err
    assert "第 3 页太小" in done.err
    marks = done.json["report"]["signatures"][0]["marks"]
    assert [each["page"] for each in marks] == [1, 2, 4]
    seam = clerk("stamp", path, "--seal", clerk.seal, "--riding", "right", "--skip-small", "--json")
    assert seam.code == 0, seam.err
    marks = seam.json["report"]["signatures"][0]["marks"]
    assert [each["page"] for each in marks] == [1, 2, 4]
    small = put(tmp_path, pymupdf_page(60, 60), "小.pdf")
    nothing = nobody("stamp", small, "--seal", clerk.seal, *AT, "--skip-small")
    assert nothing.code == ExitCode.PLACEMENT


def pymupdf_page(width: float, height: float) -> bytes:
    document = pymupdf.open()
    document.new_page(width=width, height=height)
    data: bytes = document.tobytes()
    return data


def test_a_signature_without_a_seal_asks_for_no_pin_either_where_it_cannot_be(
    clerk: Clerk, nobody: Clerk, tmp_path: Path
) -> None:
    certified = classic_pdf(
        catalog=b"/Perms<</DocMDP 6 0 R>>",
        extra=[b"<</Type/Sig/Name(The Author)/Reference[<</TransformParams<</P 1>>>>]>>"],
    )
    for path, output, code in (
        (put(tmp_path, certified, "锁.pdf"), tmp_path / "a.pdf", "E-115"),
        (put(tmp_path, excerpt(1)), tmp_path / "no" / "a.pdf", "E-104"),
    ):
        refused = nobody("stamp", path, "--profile", "pades", "-o", output)
        assert f"[{code}]" in refused.err, refused.err
