"""Putting validation material into a PDF: the document security store (DSS), as one revision.

ISO 32000-2 §12.8.4.3, ETSI EN 319 142-1 §5.4: what a verifier needs besides the signatures —
certificates, CRLs, OCSP responses — so that a document can be verified offline, years later.
Nothing is signed by it; each piece proves itself (:mod:`crypto.pdf.reading.enclosed_evidence` reads
them).

    material = gather(*certificates_in(document), trust, now)
    add_dss(document, output, material.certificates, material.crls, material.ocsps)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import pairwise
from typing import BinaryIO

from crypto.frozen import frozen
from crypto.pdf.reading.document import Document
from crypto.pdf.reading.failures import PARSER_FAILURES, PdfError, PdfUnreadable
from crypto.pdf.reading.signatures import read_signatures
from crypto.pdf.signing.sign import RevisionWriter
from crypto.pdf.signing.store import enclose
from crypto.pki.certificate import OCSP_SIGNING, TIME_STAMPING, Certificate
from crypto.pki.chain import build_chain
from crypto.pki.cms import CmsError, SignedData, SignerInfo
from crypto.pki.names_and_algorithms import CertificateError
from crypto.pki.ocsp import OcspResponse
from crypto.seal.structure import Seal, SealError
from crypto.validation.trust import Trust


@frozen
class Material:
    """What verifying some certificates takes, DER each."""

    certificates: tuple[bytes, ...]
    crls: tuple[bytes, ...]
    ocsps: tuple[bytes, ...]
    missing: tuple[Certificate, ...]
    """Certificates about whose revocation nothing was found; roots need nothing."""


def gather(
    leaves: Iterable[Certificate], pool: Sequence[Certificate], trust: Trust, at: datetime
) -> Material:
    """The chains of *leaves* (by *pool* and *trust*, judged *at* a moment) with the CRLs and OCSP
    responses of *trust* that are about them, rightly signed, and in force."""
    anchors = (*trust.signers, *trust.timestamps, *trust.seal_makers)
    known = (*pool, *trust.pool)
    certificates: dict[bytes, None] = {}
    crls: dict[bytes, None] = {}
    ocsps: dict[bytes, None] = {}
    missing: dict[bytes, Certificate] = {}
    for leaf in leaves:
        path = build_chain(leaf, known, anchors, at).path
        certificates.update((member.der, None) for member in path)
        for certificate, issuer in pairwise(path):
            lists = [
                crl.der
                for crl in trust.crls
                if _in_force(crl.next_update, at) and crl.issued_by(issuer)
            ]
            answers = [answer for answer in trust.ocsp if _tells(answer, certificate, issuer, at)]
            crls.update(dict.fromkeys(lists))
            ocsps.update((answer.der, None) for answer in answers)
            certificates.update((c.der, None) for answer in answers for c in answer.certificates)
            if not lists and not answers:
                missing[certificate.der] = certificate
        if not path[-1].self_issued and path[-1] not in anchors:
            missing[path[-1].der] = path[-1]
    return Material(tuple(certificates), tuple(crls), tuple(ocsps), tuple(missing.values()))


def chain_certificates(
    signers: Iterable[Certificate], trust: Trust, at: datetime
) -> tuple[bytes, ...]:
    """The authorities (DER) between *signers* and their roots, and those of the status and
    time-stamping keys of *trust* under the same roots; neither signers nor roots. With them a
    desk that trusts a root alone proves the rest."""
    anchors = (*trust.seal_makers, *trust.signers, *trust.platforms, *trust.timestamps)
    known = list({certificate.der: certificate for certificate in (*anchors, *trust.pool)}.values())
    roots = [
        certificate
        for certificate in known
        if certificate.self_issued and certificate.issued_by(certificate)
    ]
    paths = [build_chain(signer, known, roots, at).path for signer in signers]
    tops = {path[-1].der for path in paths}
    for authority in trust.pool:
        if {OCSP_SIGNING, TIME_STAMPING} & set(authority.extended_key_usage or ()):
            path = build_chain(authority, known, roots, at).path
            paths += [path] if path[-1].der in tops else []
    excluded = {root.der for root in roots}
    between = (
        certificate.der
        for path in paths
        for certificate in path[1:]
        if certificate.der not in excluded
    )
    return tuple(dict.fromkeys(between))


def _tells(
    response: OcspResponse, certificate: Certificate, issuer: Certificate, at: datetime
) -> bool:
    answer = response.answer(certificate, issuer)
    return answer is not None and answer.state != "unknown" and _in_force(answer.next_update, at)


def _in_force(next_update: datetime | None, at: datetime) -> bool:
    return next_update is None or next_update >= at


def add_dss(
    document: Document,
    output: BinaryIO,
    certificates: Iterable[bytes],
    crls: Iterable[bytes] = (),
    ocsps: Iterable[bytes] = (),
) -> None:
    """Write *document* plus one revision that adds this (DER each) to its DSS; what is there
    already stays and is not repeated. *output*: empty, seekable. Also certified documents may get
    it (ISO 32000-2 §12.8.2.2.2).

    Raises :class:`crypto.pdf.reading.failures.PdfError`'s subclasses, OSError."""
    try:
        writer = RevisionWriter.from_reader(document.reader)
        enclose(writer, {"/Certs": certificates, "/CRLs": crls, "/OCSPs": ocsps})
        writer.write(output)
    except PARSER_FAILURES as error:
        if isinstance(error, OSError | PdfError):
            raise
        raise PdfUnreadable(f"this PDF cannot be extended: {error}") from error


def certificates_in(document: Document) -> tuple[list[Certificate], list[Certificate]]:
    """(certificates of signers, seal makers and time-stamping authorities, all further
    certificates that the document's signatures enclose).

    Raises :class:`crypto.pdf.reading.failures.PdfTooComplex`; what cannot be read is left out."""
    leaves: list[bytes] = []
    enclosed: list[Certificate] = []
    for signature in read_signatures(document, document.signature_fields()):
        tokens: tuple[bytes, ...] = ()
        if signature.seal_signature:
            made = signature.seal_signature
            leaves += [made.certificate, made.seal.maker_certificate]
            tokens = (made.timestamp,) if made.timestamp else ()
        elif signature.signed_data:
            enclosed += signature.signed_data.certificates
            for signer in signature.signed_data.signers:
                leaves += _named(signer, signature.signed_data)
                tokens += signer.timestamps
                if signer.seal:
                    with suppress(SealError):
                        leaves.append(Seal.parse(signer.seal).maker_certificate)
        for token in tokens:
            with suppress(CmsError):
                stamp = SignedData.parse(token, padded=True)
                enclosed += stamp.certificates
                leaves += [named for signer in stamp.signers for named in _named(signer, stamp)]
    found = []
    for leaf in dict.fromkeys(leaves):
        with suppress(CertificateError):
            found.append(Certificate.parse(leaf))
    return found, enclosed


def _named(signer: SignerInfo, data: SignedData) -> list[bytes]:
    return [certificate.der for certificate in data.certificates if signer.names(certificate)][:1]
