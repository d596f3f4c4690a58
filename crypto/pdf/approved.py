"""Is the document that was sealed the one that was approved (用印审批)?

A request names the SM3 of the file before stamping, and its size. A stamped file begins with that
very file, so whoever has it can see: its first bytes are what was approved, and up to the signature
nothing was added but proved seals, signatures that show nothing, time stamps and what helps to
check them. Anything else — a page put in another's place by a later revision, a picture in a
signature of one's own — was not shown to those who approved.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence

from pyhanko.pdf_utils import generic

from crypto.algorithms import gm
from crypto.pdf.changes.review import History
from crypto.pdf.reading.document import Document
from crypto.pdf.reading.failures import PARSER_FAILURES, PdfTooComplex
from crypto.pdf.reading.surroundings import Window
from crypto.seal.use_approval import SALTED, UseRequest
from crypto.validation.approval_check import OF_APPROVALS
from crypto.verdict import Change, Finding

_OF_SEALING = frozenset(("timestamp_added", "validation_data"))
"""Kinds of changes (:class:`crypto.verdict.Change`) that stamping makes and nobody sees."""
_CHUNK = 1 << 20


def check_approved(
    document: Document,
    end: int,
    password: str | None,
    request: UseRequest,
    unproved: Callable[[Sequence[Change]], Sequence[Change]],
) -> list[Finding]:
    """What is wrong with *request* as an approval of what a signature of *document* covers, which
    ends at byte *end*; nothing if it is about that. *unproved* tells which of the signatures that
    were added since (changes of kind ``seal_added``) may show something that nobody approved.
    Never raises for what the file contains."""
    size = int(request.document_size)
    name = "" if request.document_name.startswith(SALTED) else request.document_name
    if size >= end or _sm3(document, size) != request.document_sm3:
        told = {"document": name, "document_sm3": request.document_sm3}
        return [Finding("approval_foreign", told)]
    try:
        approved = _part(document, size, password)
        sealed = _part(document, end, password)
        if (pages := len(approved.pages())) != int(request.pages):
            told = {"said": request.pages, "pages": str(pages)}
            return [Finding("approval_pages_differ", told)]
        base = approved.reader.total_revisions - 1
        history = History(sealed, approved)
        changes = history.changes(generic.DictionaryObject(), base, size, approved)
    except PdfTooComplex as error:
        return [Finding("not_reviewed", {"reason": str(error)})]
    except PARSER_FAILURES as error:
        return [Finding("approval_changed", {"what": f"{type(error).__name__}"})]
    signatures = [change for change in changes if change.kind == "seal_added"]
    other = [
        *(each for each in changes if each.kind not in _OF_SEALING and each not in signatures),
        *unproved(signatures),
    ]
    if other:
        page = {"page": str(other[0].page)} if other[0].page else {}
        return [Finding("approval_changed", {"what": other[0].what, **page})]
    return []


def without_approvals(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """*findings* without what was said of approvals of this use: they are of no other document than
    the one they were given for, and a report must not list what it disproves."""
    return tuple(finding for finding in findings if finding.code not in OF_APPROVALS)


def _part(document: Document, end: int, password: str | None) -> Document:
    return Document(io.BufferedReader(Window(document.stream, end)), password)


def _sm3(document: Document, size: int) -> str:
    hasher, left = gm.sm3_hasher(), size
    document.stream.seek(0)
    while left:
        chunk = document.stream.read(min(_CHUNK, left))
        if not chunk:
            return ""
        hasher.update(chunk)
        left -= len(chunk)
    return hasher.digest().hex()
