"""A document sealed under a running platform, and the platform asked what it thinks of one."""

import base64
import io
from datetime import UTC, datetime

import httpx
import pymupdf

from crypto.pdf.marks.drawing import Mark
from crypto.pdf.reading.document import Document
from crypto.pdf.signing.sign import PROFILES, Revision, property_info, sign_revision
from crypto.seal.making import make_signature
from crypto.seal.statement import STAPLE
from crypto.seal.structure import Extension, Seal
from tests.world.applicant import Applicant


def blank_page() -> bytes:
    document = pymupdf.open()
    document.new_page(width=595, height=842).insert_text((72, 72), "a contract")
    data: bytes = document.tobytes()
    document.close()
    return data


def stamped(person: Applicant, document: bytes = b"", *, ticket: bool = True) -> bytes:
    """A PDF (*document*, or some contract) sealed by *person* with a ticket stapled in, as the
    client does it."""
    row = person.call("GET", f"/v1/seals/{person.seal_id}").json()
    data = person.call("GET", f"/v1/blobs/{row['seal_sm3']}").content
    seal, now = Seal.parse(data), datetime.now(UTC).replace(microsecond=0)

    def value(revision: Revision) -> bytes:
        body = {"seal_id": person.seal_id, "document_sm3": revision.digest.hex()}
        extensions = []
        if ticket:
            token = base64.b64decode(person.call("POST", "/v1/tickets", body).json()["token"])
            extensions.append(Extension(STAPLE, False, token))
        return make_signature(
            seal=data,
            digest=revision.digest,
            property_info=property_info(revision.byte_range),
            signed_at=now,
            key=person.key,
            extensions=extensions,
        )

    out = io.BytesIO()
    sign_revision(
        Document(io.BytesIO(document or blank_page())),
        out,
        profile=PROFILES["ses"],
        marks=[Mark(page=0, left_mm=100, top_mm=100, width_mm=40, height_mm=40)],
        picture=seal.picture,
        value_size=200_000,
        make_value=value,
        signed_at=now,
        signer_name=seal.name,
    )
    return out.getvalue()


def ask(url: str, data: bytes, kind: str = "application/pdf") -> httpx.Response:
    return httpx.post(
        f"{url}/v1/verifications?name=contract.pdf",
        content=data,
        headers={"content-type": kind},
        timeout=60,
    )
