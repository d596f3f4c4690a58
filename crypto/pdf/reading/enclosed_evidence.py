"""Evidence that a PDF encloses for its own verification: the document security store (DSS).

ISO 32000-2 §12.8.4.3, ETSI EN 319 142-1 §5.4: certificates, CRLs and OCSP responses as streams. It
may have been added by anyone, so nothing of it is trusted: certificates only help to find a path to
an anchor, lists and responses prove themselves by their issuer's signature. The index by signature
(/VRI) says nothing that the lists do not hold, and is not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.decode_limits import DecodePurpose

from crypto.pdf.reading.access import entry, follow
from crypto.pdf.reading.document import Document
from crypto.pdf.reading.failures import PARSER_FAILURES
from crypto.pki.certificate import Certificate
from crypto.pki.names_and_algorithms import CertificateError
from crypto.validation.revocation import MAX_ENCLOSED
from crypto.validation.trust import Trust

_DSS_ENTRIES = re.compile(r"/(?:Type|Certs|OCSPs|CRLs|VRI)\Z")
_VRI_NAMES = re.compile(r"/(?:[0-9A-Fa-f]{40}|Type)\Z")
_VRI_ENTRIES = re.compile(r"/(?:Type|Cert|CRL|OCSP|TU|TS)\Z")
_ELEMENTS = re.compile(r"\Z")


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


def evidence_of(root: generic.DictionaryObject) -> dict[int, re.Pattern[str]]:
    """The objects of the validation data that hold others, and the entries in which they do
    (ISO 32000-2 §12.8.4.3): the DSS, its /VRI, the records that lists, and arrays."""
    found: dict[int, re.Pattern[str]] = {}

    def note(node: Any, key: str, role: re.Pattern[str]) -> Any:
        raw = node.raw_get(key)
        value = follow(raw)
        if isinstance(raw, generic.IndirectObject):
            found[raw.idnum] = _ELEMENTS if isinstance(value, generic.ArrayObject) else role
        return value if isinstance(value, generic.DictionaryObject) else {}

    store = note(root, "/DSS", _DSS_ENTRIES) if "/DSS" in root else {}
    for key in {"/Type", "/Certs", "/OCSPs", "/CRLs"} & set(store):
        note(store, key, _ELEMENTS)
    records = note(store, "/VRI", _VRI_NAMES) if "/VRI" in store else {}
    for name in records:
        record = note(records, name, _VRI_ENTRIES)
        for key in record:
            note(record, key, _ELEMENTS)
    return found
