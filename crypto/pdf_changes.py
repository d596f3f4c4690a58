"""What later revisions did to a document after it was sealed, in words.

pyHanko's difference policy decides what an honest later step may touch (another signature, form
fields, time stamps, validation data); the certifying author's own limits (DocMDP, FieldMDP) go in
as well. Everything it does not explain is ``forbidden``. Loaded only for files that have later
revisions.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.reader import HistoricalResolver, PdfFileReader
from pyhanko.sign.diff_analysis import (
    DEFAULT_DIFF_POLICY,
    DiffResult,
    ModificationLevel,
    SuspiciousModification,
)
from pyhanko.sign.fields import FieldMDPSpec, MDPPerm

from crypto.pdf_document import PARSER_FAILURES, Document, Page, entry, follow
from crypto.verdict import Change

MAX_REVISIONS = 200
_LISTED = 20


def review(
    document: Document, signed: Document, signature: generic.DictionaryObject
) -> list[Change]:
    """The changes between *signed* (the file up to the end of the signed bytes) and *document*.

    *signature* is the signature dictionary, for its DocMDP and FieldMDP limits. Never raises for
    what
    a file contains: what cannot be analysed is a ``forbidden`` change."""
    base = signed.reader.total_revisions - 1
    total = document.reader.total_revisions
    if total - 1 <= base:
        return []
    if total > MAX_REVISIONS:
        return [Change(total, "forbidden", None, f"{total} revisions")]
    changes: list[Change] = []
    try:
        if not _same_history(document.reader, signed.reader):
            return [Change(base + 2, "forbidden", None, "/Prev")]
        permission, field_lock = _limits(signature)
        old = document.reader.get_historical_resolver(base)
        fields = _field_values(old)
        for revision in range(base + 1, total):
            new = document.reader.get_historical_resolver(revision)
            now_fields = _field_values(new)
            added = list(_seals_added(fields, now_fields, document, revision))
            changes += added
            changes += _judge(old, new, permission, field_lock, document, bool(added))
            fields = now_fields
    except PARSER_FAILURES as error:
        changes.append(Change(total, "forbidden", None, f"{type(error).__name__}: {error}"[:200]))
    return changes


def _same_history(whole: PdfFileReader, part: PdfFileReader) -> bool:
    """Does the whole file continue from the very revisions that were signed?"""
    return all(
        whole.xrefs.get_startxref_for_revision(number)
        == part.xrefs.get_startxref_for_revision(number)
        for number in range(part.total_revisions)
    )


def _judge(
    old: HistoricalResolver,
    new: HistoricalResolver,
    permission: MDPPerm | None,
    field_lock: FieldMDPSpec | None,
    document: Document,
    seals_added: bool,
) -> Iterator[Change]:
    number = new.revision + 1
    try:
        result: DiffResult = DEFAULT_DIFF_POLICY.apply(old, new, field_lock, permission)
    except SuspiciousModification as error:
        yield from _forbidden(new, document, str(error))
        return
    names = sorted(result.changed_form_fields)
    plain = [name for name in names if not _is_signature_field(new, name)]
    for name in plain:
        yield Change(number, "field_filled", None, name)
    if result.modification_level > ModificationLevel.FORM_FILLING:
        yield Change(number, "suspicious", None, "annotations")
    elif not plain and not seals_added:
        kind = "validation_data" if "/DSS" in new.root else "metadata"
        yield Change(number, kind, None, "")


def _forbidden(new: HistoricalResolver, document: Document, reason: str) -> Iterator[Change]:
    """Name the objects of a revision that could not be explained, by page where possible."""
    number = new.revision + 1
    where = _places(document.pages())
    named = 0
    for reference in sorted(new.explicit_refs_in_revision(), key=lambda each: each.idnum):
        place = where.get((reference.idnum, reference.generation))
        if place and named < _LISTED:
            page, role = place
            named += 1
            yield Change(number, "forbidden", page, f"{role} ({reference.idnum} 0 obj)")
    if not named:
        yield Change(number, "forbidden", None, reason.splitlines()[0][:200])


def _places(pages: list[Page]) -> dict[tuple[int, int], tuple[int, str]]:
    """Object number → (1-based page, what it is there) for page objects, contents, annotations."""
    found: dict[tuple[int, int], tuple[int, str]] = {}

    def note(raw: Any, page: int, role: str) -> None:
        if isinstance(raw, generic.IndirectObject):
            found.setdefault((raw.idnum, raw.generation), (page, role))

    for page in pages:
        number = page.index + 1
        found[(page.reference.idnum, page.reference.generation)] = (number, "/Page")
        node = follow(page.reference)
        for key in ("/Contents", "/Annots", "/Resources"):
            raw = node.raw_get(key) if key in node else None
            note(raw, number, key)
            value = follow(raw)
            if isinstance(value, generic.ArrayObject):
                for each in value:
                    subtype = ""
                    item = follow(each)
                    if key == "/Annots" and isinstance(item, generic.DictionaryObject):
                        subtype = str(entry(item, "/Subtype", ""))
                    note(each, number, subtype or key)
    return found


def _field_values(resolver: HistoricalResolver) -> dict[str, Any]:
    """Fully qualified name → (type, whether it has a value, its dictionary) of terminal fields."""
    found: dict[str, Any] = {}
    form = entry(resolver.root, "/AcroForm")
    if not isinstance(form, generic.DictionaryObject):
        return found
    stack = [(each, "", None, 0) for each in entry(form, "/Fields", ())]
    seen = 0
    while stack and seen < 20_000:
        raw, prefix, kind, depth = stack.pop()
        seen += 1
        node = follow(raw)
        if not isinstance(node, generic.DictionaryObject) or depth > 32:
            continue
        title = entry(node, "/T")
        name = f"{prefix}.{title}" if prefix and title is not None else str(title or prefix)
        kind = entry(node, "/FT", kind)
        kids = entry(node, "/Kids")
        if isinstance(kids, generic.ArrayObject) and len(kids):
            stack += [(kid, name, kind, depth + 1) for kid in kids]
            continue
        value = entry(node, "/V")
        signed = isinstance(value, generic.DictionaryObject)
        stamp = signed and entry(value, "/SubFilter") == "/ETSI.RFC3161"
        found[name] = (str(kind), signed, stamp, raw)
    return found


def _seals_added(
    before: dict[str, Any], after: dict[str, Any], document: Document, revision: int
) -> Iterator[Change]:
    for name, (kind, signed, stamp, raw) in after.items():
        was_signed = name in before and before[name][1]
        if kind == "/Sig" and signed and not was_signed:
            what = "timestamp_added" if stamp else "seal_added"
            yield Change(revision + 1, what, _page_of(raw, document), name)


def _page_of(raw: Any, document: Document) -> int | None:
    node = follow(raw)
    target = node.raw_get("/P") if "/P" in node else None
    if isinstance(target, generic.IndirectObject):
        for page in document.pages():
            if (page.reference.idnum, page.reference.generation) == (
                target.idnum,
                target.generation,
            ):
                return page.index + 1
    return None


def _is_signature_field(resolver: HistoricalResolver, name: str) -> bool:
    return bool(_field_values(resolver).get(name, ("",))[0] == "/Sig")


def _limits(
    signature: generic.DictionaryObject,
) -> tuple[MDPPerm | None, FieldMDPSpec | None]:
    """What the signature itself forbids later (ISO 32000-1 §12.8.2)."""
    permission, field_lock = None, None
    for raw in entry(signature, "/Reference", ()):
        reference = follow(raw)
        parameters = entry(reference, "/TransformParams")
        if not isinstance(parameters, generic.DictionaryObject):
            continue
        method = entry(reference, "/TransformMethod")
        if method == "/DocMDP":
            permission = MDPPerm(int(entry(parameters, "/P", 2)))
        elif method == "/FieldMDP":
            field_lock = FieldMDPSpec.from_pdf_object(parameters)
    return permission, field_lock
