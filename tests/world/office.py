"""A holder, a cabinet, a journal and a platform in memory, for stories without a server."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pymupdf
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.writer import copy_into_new_writer

from app.errors import PlatformUnreachable
from app.stamping import StampedFile, StampJob, stamp
from app.steps import StampStep, TellStep
from app.store.cabinet import Cabinet, SealRecord
from app.store.journal import Journal
from crypto.algorithms.keys import SoftKey
from crypto.pdf.marks.drawing import Mark
from crypto.seal.statement import SignedStatement
from tests.world.authorities import CODE, NOW, Authorities

COMPANY = "宿迁市测试单位"


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
