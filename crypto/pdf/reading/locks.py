"""Who has locked a document, so that another seal would break a signature that it has.

    lock_of(document) -> Lock(by, how) or None

Three entries do it: a certification (DocMDP), the fields that a signature locked when it was made
(FieldMDP), and the lock in the field of a signature (/Lock) from which readers make the latter
(ISO 32000-1 §12.7.4.5, §12.8.2). Signatures that lock some fields by name leave room for a seal.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from pyhanko.pdf_utils import generic

from crypto.frozen import frozen
from crypto.pdf.reading.access import entry, follow, items_of
from crypto.pdf.reading.document import Document
from crypto.pdf.reading.failures import PARSER_FAILURES
from crypto.pdf.reading.signatures import claimed_signer
from crypto.pki.holder_name import holder_of
from crypto.verdict import one_line

_OTHERS = ("/All", "/Exclude")
"""Actions that reach fields which nobody has named: those of a seal, too."""


@frozen
class Lock:
    """One lock that another seal would break."""

    by: str
    """Whose signature it is, as its certificate or /Name claims; "" if nobody can be named."""
    how: Literal["certified", "fields"]
    permission: int = 0
    """Of a certification: /P, 1 to 3."""


def lock_of(document: Document) -> Lock | None:
    """The lock that forbids a new seal, a certification first; None if there is none.

    Raises :class:`crypto.pdf.reading.failures.PdfError` and
    :data:`crypto.pdf.reading.failures.PARSER_FAILURES` for damaged entries."""
    locks = list(_locks(document))
    return next((lock for lock in locks if lock.how == "certified"), next(iter(locks), None))


def _locks(document: Document) -> Iterator[Lock]:
    permissions = entry(document.root, "/Perms")
    if isinstance(permissions, generic.DictionaryObject) and "/DocMDP" in permissions:
        signature = entry(permissions, "/DocMDP")
        yield Lock(_name(signature), "certified", _permission(signature) or 2)
    for field in document.signature_fields():
        try:
            signature = follow(field.value)
        except PARSER_FAILURES:
            continue  # a value that is lost locks nothing, and verifying tells of it
        if not isinstance(signature, generic.DictionaryObject):
            continue
        permission = _permission(signature)
        if permission is not None:
            yield Lock(_name(signature), "certified", permission)
        lock = entry(field.dictionary, "/Lock")
        parts = [*_parameters(signature, "/FieldMDP"), lock]
        if any(_reaches_others(part) for part in parts):
            yield Lock(_name(signature), "fields")


def _parameters(signature: Any, method: str) -> Iterator[generic.DictionaryObject]:
    """/TransformParams of what a signature says of a *method*."""
    if not isinstance(signature, generic.DictionaryObject):
        return
    for raw in items_of(entry(signature, "/Reference")):
        reference = follow(raw)
        if not isinstance(reference, generic.DictionaryObject):
            continue
        parameters = entry(reference, "/TransformParams")
        if entry(reference, "/TransformMethod", method) == method and isinstance(
            parameters, generic.DictionaryObject
        ):
            yield parameters


def _permission(signature: Any) -> int | None:
    """/P of a certification, 2 where it is not written; None for any other signature."""
    for parameters in _parameters(signature, "/DocMDP"):
        if "/Action" not in parameters:  # else a FieldMDP whose method is not written
            return int(entry(parameters, "/P", 2))
    return None


def _reaches_others(lock: Any) -> bool:
    if not isinstance(lock, generic.DictionaryObject):
        return False
    return entry(lock, "/Action") in _OTHERS or entry(lock, "/P") == 1


def _name(signature: Any) -> str:
    if not isinstance(signature, generic.DictionaryObject):
        return ""
    seal, certificate = claimed_signer(signature)
    holder = holder_of(certificate.subject, certificate.issuer).name if certificate else ""
    stated = entry(signature, "/Name", "")
    return one_line(holder or (seal.name if seal else "") or str(stated)).strip()
