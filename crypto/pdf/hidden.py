"""Signatures that stand in the file and that its last revision does not lead to any more.

A later catalog without /AcroForm, a form without its fields, tables that begin anew: viewers then
show an unsigned document, or one with other signatures, although somebody signed this very file.
Each byte range that is written in the file says how long the signed version was; what that version
shows as signed and the last one does not is hidden.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from crypto import deadline
from crypto.pdf.reading.document import Document
from crypto.pdf.reading.failures import PARSER_FAILURES, PdfError
from crypto.pdf.reading.signatures import EmbeddedSignature, claimed_signer, read_signatures
from crypto.pki.holder_name import holder_of
from crypto.verdict import Finding, one_line

MAX_VERSIONS = 16
"""Versions that are opened; where more are written the rest counts as hidden."""
_RANGE = re.compile(
    rb"/ByteRange[\s\0]*\[[\s\0]*(\d{1,12})[\s\0]+(\d{1,12})[\s\0]+(\d{1,12})[\s\0]+(\d{1,12})"
)
_CHUNK, _OVERLAP = 1 << 20, 256
_NAMED = 3


def hidden_signatures(
    document: Document,
    size: int,
    password: str | None,
    signatures: Sequence[EmbeddedSignature],
) -> list[Finding]:
    """signatures_hidden, if there are any. *size*: of the file; *signatures*: those that the last
    revision leads to."""
    if signatures and not _may_hide(document, size):
        return []
    known = {signed.byte_range for signed in signatures}
    ends: dict[int, None] = {}
    for numbers in _ranges(document.stream, size):
        if numbers not in known and numbers[0] == 0 and numbers[1] < numbers[2]:
            end = numbers[2] + numbers[3]
            if end <= size:
                ends[end] = None
    found: list[str] = []
    unread = len(ends) > MAX_VERSIONS
    for end in list(ends)[:MAX_VERSIONS]:
        found += _signed_there(document.stream, end, password, known)
    if not found and not unread:
        return []
    names = list(dict.fromkeys(filter(None, found)))[:_NAMED]
    return [Finding("signatures_hidden", {"who": "、".join(names) or "—"})]


def _may_hide(document: Document, size: int) -> bool:
    """A document and one revision that signs it have nothing before them."""
    try:
        return len(document.revision_ends(size)) > 2
    except PARSER_FAILURES:
        return True


def _ranges(stream: BinaryIO, size: int) -> Iterator[tuple[int, ...]]:
    """Every byte range that is written anywhere in the file."""
    tail = b""
    for start in range(0, size, _CHUNK):
        deadline.check()
        stream.seek(start)
        part = tail + stream.read(min(_CHUNK, size - start))
        if b"/ByteRange" in part:
            for match in _RANGE.finditer(part):
                yield tuple(map(int, match.groups()))
        tail = part[-_OVERLAP:]


def _signed_there(
    stream: BinaryIO, end: int, password: str | None, known: set[tuple[int, ...]]
) -> list[str]:
    """Who signed the first *end* bytes, and is not *known* to the last revision."""
    stream.seek(0)
    try:
        older = Document(io.BytesIO(stream.read(end)), password)
        there = read_signatures(older, older.signature_fields())
    except (PdfError, *PARSER_FAILURES):
        return []
    return [
        _name(signed)
        for signed in there
        if signed.covered is not None and signed.byte_range not in known
    ]


def _name(signed: EmbeddedSignature) -> str:
    seal, certificate = claimed_signer(signed.dictionary)
    if seal is not None:
        return one_line(seal.name)
    if certificate is not None:
        return one_line(holder_of(certificate.subject, certificate.issuer).name)
    return ""
