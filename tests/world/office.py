"""A holder, a cabinet, a journal and a platform in memory, for stories without a server."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pymupdf
from PIL import Image, ImageDraw
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.writer import copy_into_new_writer

from app.errors import PlatformUnreachable
from app.stamping import StampedFile, StampJob, stamp
from app.steps import StampStep, TellStep
from app.store.cabinet import Cabinet, SealRecord
from app.store.journal import Journal
from crypto.algorithms.keys import SoftKey
from crypto.pdf.marks.drawing import Mark
from crypto.pki.certificate import DOCUMENT_SIGNING, OCSP_SIGNING, SEAL_MAKING, Certificate
from crypto.pki.certificate_making import make_certificate
from crypto.pki.names_and_algorithms import Name
from crypto.seal.making import make_seal
from crypto.seal.statement import SealStatement, SignedStatement
from crypto.validation.trust import Trust

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
CODE = "32130000000017"
COMPANY = "宿迁市测试单位"
_YEAR = timedelta(days=365)


def imprint() -> bytes:
    """A round red seal, PNG."""
    picture = Image.new("RGBA", (120, 120), (255, 255, 255, 0))
    ImageDraw.Draw(picture).ellipse((2, 2, 118, 118), outline="red", width=6)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def pages(count: int = 1) -> bytes:
    """A small document."""
    document = pymupdf.open()
    for number in range(count):
        document.new_page(width=595.276, height=841.89).insert_text((72, 72), f"page {number + 1}")
    data: bytes = document.tobytes()
    document.close()
    return data


def encrypted(data: bytes, password: str) -> bytes:
    """The document under a password (AES-256)."""
    writer = copy_into_new_writer(PdfFileReader(io.BytesIO(data)))
    writer.encrypt("owner", password)
    output = io.BytesIO()
    writer.write(output)
    return output.getvalue()


class Authorities:
    """One root that issues to holders, a seal maker and a status desk."""

    def __init__(self) -> None:
        self.key = SoftKey.generate()
        self.name = Name.build([("C", "CN"), ("CN", "测试根")])
        self._serial = 100
        self.root = self.issue("测试根", self.key.spki, ("keyCertSign", "cRLSign"), ca=True)
        self.maker = self.certified("制章者", ("digitalSignature",), SEAL_MAKING)
        self.status = self.certified("状态", ("digitalSignature",), OCSP_SIGNING)
        self.trust = Trust.in_all([Certificate.parse(self.root)])

    def certified_for(self, spki: bytes) -> bytes:
        """A holder's certificate for the key of a token."""
        return self.issue(CODE, spki, ("digitalSignature",), extended_key_usage=(DOCUMENT_SIGNING,))

    def issue(self, name: str, spki: bytes, usage: tuple[str, ...], **options: Any) -> bytes:
        self._serial += 1
        return make_certificate(
            subject=Name.build([("C", "CN"), ("CN", name)]) if name != "测试根" else self.name,
            public_key=spki,
            issuer=self.name,
            issuer_key=self.key,
            authority_spki=self.key.spki,
            serial=self._serial,
            not_before=NOW - _YEAR,
            not_after=NOW + _YEAR,
            key_usage=usage,
            **options,
        )

    def certified(self, name: str, usage: tuple[str, ...], purpose: str = "") -> SoftKey:
        key = SoftKey.generate()
        purposes = (purpose,) if purpose else ()
        return key.with_certificate(self.issue(name, key.spki, usage, extended_key_usage=purposes))

    def holder(self, code: str = CODE) -> SoftKey:
        usage = ("digitalSignature", "nonRepudiation")
        return self.certified(code, usage, DOCUMENT_SIGNING)

    def seal(self, holder: SoftKey, code: str = CODE, **changes: Any) -> bytes:
        facts: dict[str, Any] = {
            "es_id": code,
            "vendor": "TEST",
            "seal_type": 1,
            "name": COMPANY,
            "signer_certificates": [holder.certificate],
            "created": NOW - timedelta(days=60),
            "valid_from": NOW - timedelta(days=60),
            "valid_until": NOW + timedelta(days=300),
            "picture": imprint(),
            "width_mm": 40,
            "height_mm": 40,
            "maker": self.maker,
        }
        return make_seal(**facts | changes)

    def statement(self, holder: SoftKey, **changes: Any) -> SignedStatement:
        facts: dict[str, Any] = {
            "seal_code": CODE,
            "state": "active",
            "reason": "",
            "effective_at": None,
            "recorded_at": None,
            "certificate_serial": Certificate.parse(holder.certificate).serial,
            "certificate_valid": True,
            "issued_at": NOW,
            "next_update": NOW + timedelta(hours=1),
        }
        return SignedStatement.parse(SealStatement(**facts | changes).encode(self.status))


@dataclass
class Platform:
    """The platform as stamping and verifying meet it; unreachable when told to be."""

    authorities: Authorities
    holder: SoftKey
    reachable: bool = True
    answers: dict[str, Any] = field(default_factory=dict)
    """Changes to what it says of the seal."""
    tickets: list[bytes] = field(default_factory=list)
    """Digests of the documents it was asked about."""
    asked: list[str] = field(default_factory=list)

    def ticket(self, seal_id: str, document_digest: bytes) -> bytes:
        if not self.reachable:
            raise PlatformUnreachable("https://platform", "refused")
        self.tickets.append(document_digest)
        changes = self.answers | {"document_digest": document_digest}
        return self.authorities.statement(self.holder, **changes).token

    def status(self, seal_code: str) -> SignedStatement:
        self.asked.append(seal_code)
        if not self.reachable:
            raise PlatformUnreachable("https://platform", "refused")
        return self.authorities.statement(self.holder, seal_code=seal_code, **self.answers)


@dataclass
class Office:
    """Everything a stamping takes, at :data:`NOW`."""

    folder: Path
    authorities: Authorities
    holder: SoftKey
    cabinet: Cabinet
    journal: Journal
    platform: Platform

    @classmethod
    def open(cls, folder: Path, authorities: Authorities, **changes: Any) -> Office:
        """An office with one seal; *changes* to its record."""
        holder = authorities.holder()
        cabinet = Cabinet.in_memory()
        facts: dict[str, Any] = {
            "id": "seal-1",
            "code": CODE,
            "name": COMPANY,
            "kind": "company",
            "subtype": "official",
            "state": "active",
            "reason": "",
            "enterprise": COMPANY,
            "uscc": "91321302MA0000015C",
            "platform": "https://platform",
            "data": authorities.seal(holder),
            "certificate": holder.certificate,
            "certificate_state": "active",
            "collected_at": NOW - timedelta(days=50),
            "updated_at": NOW,
        }
        cabinet.keep_seal(SealRecord(**facts | changes))
        journal = Journal(folder / "data" / "journal.jsonl", lambda: NOW)
        platform = Platform(authorities, holder)
        return cls(folder, authorities, holder, cabinet, journal, platform)

    def document(self, name: str = "合同.pdf", data: bytes | None = None) -> Path:
        """A document in a folder of its own."""
        path = self.folder / "documents" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(pages() if data is None else data)
        return path

    def stamp(self, source: Path, *, output: Path | None = None, **changes: Any) -> StampedFile:
        """Stamp *source* with one mark; *changes* to what the story is given or to the job."""
        names = set(StampJob.__dataclass_fields__)
        marks = (Mark(0, 60.0, 60.0, 40.0, 40.0),)
        job = {k: v for k, v in changes.items() if k in names}
        given: dict[str, Any] = {
            "key": self.holder,
            "cabinet": self.cabinet,
            "journal": self.journal,
            "trust": self.authorities.trust,
            "platform": self.platform,
            "clock": lambda: NOW,
        }
        given |= {k: v for k, v in changes.items() if k not in names}
        facts: dict[str, Any] = {"source": source, "seal_code": CODE, "marks": marks} | job
        return stamp(StampJob(**facts, output=output), **given)

    def events(self) -> list[str]:
        """What the journal holds."""
        return [entry.event for entry in self.journal.entries()]

    def in_documents(self) -> set[str]:
        """The names of all files in the documents' folder."""
        return {each.name for each in (self.folder / "documents").iterdir()}


def cancelling_at(step: StampStep, error: BaseException) -> TellStep:
    """A progress callback that raises at one step."""

    def told(now: StampStep) -> None:
        if now is step:
            raise error

    return told
