"""THE STORY of augmentation: what follows a seal, or stands without one.

    pades(maker)                a PAdES signature by an RSA or P-256 key, not visible on a page
    document_timestamp(stamper) a time stamp over the whole document (ETSI.RFC3161)
    long_term(trust, services)  certificates, CRLs and OCSP responses enclosed (DSS)

Each is a revision (:data:`app.revisions.Revise`): they follow a seal in the same output (profile
``dual``), or stand alone by :func:`augment`. None shows an imprint: the picture of a seal
belongs to a value in which the seal itself is signed, or nobody could prove it.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, Protocol

from app.errors import EvidenceMissing, PlatformError
from app.remote.timestamping import Timestamper
from app.revisions import Events, Output, Revise, write_revisions
from app.steps import TellStep, tell_nobody
from app.store.journal import Journal
from app.store.unfinished import Entry
from crypto.asn1 import der
from crypto.frozen import frozen
from crypto.pdf.reading.document import Document
from crypto.pdf.signing.dss import add_dss, certificates_in, gather
from crypto.pdf.signing.sign import Revision, SignedRevision, sign_revision
from crypto.pdf.signing.sign import document_timestamp as label
from crypto.pdf.signing.values import TOKEN_ROOM, SignatureMaker
from crypto.pki.certificate import Certificate
from crypto.pki.chain import build_chain
from crypto.pki.names_and_algorithms import CertificateError
from crypto.pki.ocsp import OcspResponse
from crypto.pki.ocsp import make_request as make_ocsp_request
from crypto.pki.revocation_list import Crl
from crypto.validation.trust import Trust
from crypto.verdict import Report

EVENTS = Events("countersign-begun", "countersigned", "countersign-failed")
"""The journal keeps the names it had from the beginning: entries are never rewritten."""

Clock = Callable[[], datetime]


def _now() -> datetime:
    return datetime.now(UTC)


# --- the revisions -----------------------------------------------------------------------------


def pades(maker: SignatureMaker, *, reason: str = "", clock: Clock = _now) -> Revise:
    """A PAdES signature (EN 319 142-1; B-T where *maker* has a time stamp) that shows nothing."""
    subject = Certificate.parse(maker.key.certificate).subject

    def written(document: Document, output: BinaryIO) -> SignedRevision:
        now = clock()
        return sign_revision(
            document,
            output,
            profile=maker.label,
            value_size=maker.size,
            make_value=lambda revision: maker.make(revision, now),
            signed_at=now,
            signer_name=subject.common_name or str(subject),
            reason=reason,
            certificates=maker.certificates,
        )

    return written


def document_timestamp(stamper: Timestamper, hash_name: str = "sm3") -> Revise:
    """A time stamp over the document and all that is in it (EN 319 142-1 §5.4.3), the imprint by
    *hash_name*: "sm3" where the authority knows it, else "sha256"."""

    def written(document: Document, output: BinaryIO) -> SignedRevision:
        def make_value(revision: Revision) -> bytes:
            return stamper.over_digest(revision.digest, hash_name)

        return sign_revision(
            document, output, profile=label(hash_name), value_size=TOKEN_ROOM, make_value=make_value
        )

    return written


class Services(Protocol):
    """OCSP responders and revocation lists; both methods raise ServiceUnavailable."""

    def ocsp(self, url: str, query: bytes) -> bytes: ...
    def crl(self, url: str) -> bytes: ...


def long_term(trust: Trust, services: Services | None = None, clock: Clock = _now) -> Revise:
    """Encloses what it takes to verify all signatures of the document later (PAdES B-LT).

    Lists and responses come from *trust*; *services* are asked for those that are missing.
    Raises :class:`app.errors.EvidenceMissing` if even then the revocation
    status of a certificate is unknown."""

    def written(document: Document, output: BinaryIO) -> None:
        now = clock()
        leaves, enclosed = certificates_in(document)
        known = trust
        if services:
            known = asked_services(leaves, enclosed, trust, services, now)
        material = gather(leaves, enclosed, known, now)
        if material.missing:
            raise EvidenceMissing(str(material.missing[0].subject))
        add_dss(document, output, material.certificates, material.crls, material.ocsps)

    return written


def asked_services(
    leaves: Sequence[Certificate],
    enclosed: Sequence[Certificate],
    trust: Trust,
    services: Services,
    now: datetime,
) -> Trust:
    """*trust* with fresh answers of OCSP responders, or published lists where there is none.

    Fresh answers are worth more than kept ones: only one given after a proved time of signing
    holds for ever (:mod:`crypto.validation.revocation`)."""
    anchors = (*trust.signers, *trust.timestamps, *trust.seal_makers)
    crls: dict[str, Crl] = {}
    responses: list[OcspResponse] = []
    for leaf in leaves:
        path = build_chain(leaf, (*enclosed, *trust.pool), anchors, now).path
        for certificate, issuer in pairwise(path):
            nonce = secrets.token_bytes(32)
            query = make_ocsp_request(certificate, issuer, nonce=nonce)
            for url in certificate.ocsp_urls[:2]:
                with contextlib.suppress(PlatformError, CertificateError):
                    response = OcspResponse.parse(services.ocsp(url, query))
                    # many responders answer without a nonce; another one is somebody's old answer
                    if response.nonce in (None, der.octet_string(nonce)) and response.answer(
                        certificate, issuer
                    ):
                        responses.append(response)
                        break
            else:
                for url in certificate.crl_urls[:2]:
                    with contextlib.suppress(PlatformError, CertificateError):
                        if url not in crls:
                            crls[url] = Crl.parse(services.crl(url))
    return replace(trust, crls=(*crls.values(), *trust.crls), ocsp=(*responses, *trust.ocsp))


# --- by themselves -----------------------------------------------------------------------------


@frozen
class AugmentedFile:
    """A document with the revisions that were put on it."""

    path: Path
    report: Report
    """Our own verification of the file as it lies on disk."""
    journal_entry: int


def augment(
    source: Path,
    revisions: Sequence[Revise],
    *,
    journal: Journal,
    trust: Trust,
    output: Path | None = None,
    suffix: str,
    password: str | None = None,
    clock: Clock = _now,
    step: TellStep = tell_nobody,
) -> AugmentedFile:
    """Put *revisions* on *source*: write, sync, verify, publish, enter in the journal.

    No seal is used, so the platform is not asked and no usage is recorded. *output* None: beside
    the source with *suffix*, a free name if taken. *step* is told of sync, verify, publish and
    journal. Raises :class:`app.errors.FileError`, :class:`crypto.pdf.reading.failures.PdfError`
    and what *revisions* and *step* raise; then there is no output."""
    with write_revisions(
        source,
        revisions,
        Output(output, source, suffix),
        journal=journal,
        events=EVENTS,
        trust=trust,
        clock=clock,
        password=password,
        step=step,
        entry=_entry,
    ) as written:
        entry = written.enter()
    return AugmentedFile(written.path, written.report, entry)


def _entry(report: Report, _: Sequence[SignedRevision]) -> Entry:
    """What the journal says of it: of which kinds its signatures are."""
    return Entry({"subfilters": sorted({signature.subfilter for signature in report.signatures})})
