"""What a PDF brings along for its own verification: the document security store (DSS).

ISO 32000-2 §12.8.4.3, ETSI EN 319 142-1 §5.4: certificates, CRLs and OCSP responses as streams. It
may have been added by anyone, so nothing of it is trusted: certificates only help to find a path to
an anchor, lists and responses prove themselves by their issuer's signature. The index by signature
(/VRI) says nothing that the lists do not hold, and is not read.
"""

from __future__ import annotations

from collections.abc import Iterator

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.decode_limits import DecodePurpose

from crypto.pdf_document import PARSER_FAILURES, Document, entry, follow
from crypto.revocation import MAX_ENCLOSED
from crypto.trust import Trust
from crypto.x509 import Certificate, CertificateError


def with_enclosed_evidence(document: Document, trust: Trust) -> Trust:
    """*trust* with what *document* encloses, within bounds; what cannot be read is passed over."""
    try:
        store = entry(document.root, "/DSS")
    except PARSER_FAILURES:
        return trust
    if not isinstance(store, generic.DictionaryObject):
        return trust
    certificates = []
    for data in _streams(store, "/Certs", DecodePurpose.CERTIFICATE):
        try:
            certificates.append(Certificate.parse(data))
        except CertificateError:
            continue
    return trust.enclosing(
        _streams(store, "/CRLs", DecodePurpose.CRL),
        _streams(store, "/OCSPs", DecodePurpose.OCSP_RESPONSE),
        certificates,
    )


def _streams(store: generic.DictionaryObject, key: str, purpose: DecodePurpose) -> Iterator[bytes]:
    """The decoded streams listed under *key*, at most :data:`MAX_ENCLOSED`."""
    try:
        listed = entry(store, key)
        count = len(listed) if isinstance(listed, generic.ArrayObject) else 0
    except PARSER_FAILURES:
        return
    for index in range(min(count, MAX_ENCLOSED)):
        try:
            stream = follow(listed.raw_get(index))
            if isinstance(stream, generic.StreamObject):
                yield stream.read_data(purpose)
        except PARSER_FAILURES:
            continue
