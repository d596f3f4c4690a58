"""What is left of all later revisions: the last one compared with the sealed one, in one step.

Whoever corrects what he has filled in, or rewords, moves or deletes his own note, saves a revision
that changes the one before it and nothing that was sealed. Revision by revision that is a change of
something; of what was sealed it is none, and no viewer shows what stood there in between.
"""

from __future__ import annotations

from collections.abc import Iterable

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.reader import HistoricalResolver
from pyhanko.pdf_utils.xref import ObjStreamRef

from crypto.pdf.changes.pair import Step
from crypto.pdf.changes.references import References
from crypto.pdf.changes.step import compare
from crypto.pdf.reading.document import Document
from crypto.pdf.reading.objects import Known, form_of, walk_fields
from crypto.pdf.reading.pyhanko_patches import LeanView
from crypto.pdf.reading.reader import Reader


class _Whole(LeanView):
    """The last revision, as if it had written all that came since the revision *base*."""

    def __init__(self, reader: Reader, base: int) -> None:
        super().__init__(reader, reader.total_revisions - 1)
        self._base = base

    def explicit_refs_in_revision(self) -> set[generic.Reference]:
        numbers = range(self._base + 1, self.revision + 1)
        return {
            reference
            for number in numbers
            for reference in self.reader.xrefs.explicit_refs_in_revision(number)
        }


def compared_at_once(
    document: Document, sealed: Document, base: int, watched: Iterable[int]
) -> Step | None:
    """The whole *document* compared with its revision *base* (from 0), which is *sealed* as a file
    of its own; *watched*: the numbers of all objects that were written since. None where a reader
    that looks for objects without the tables might show something that stood there in between.

    Raises what reading the file raises."""
    references, known = References(document), Known(sealed)
    references.watched = set(watched)
    for number in range(base + 1):
        references.note(number)
        references.note_trailer(document.reader.get_historical_resolver(number))
    old, new = document.reader.get_historical_resolver(base), _Whole(document.reader, base)
    if not _is_last_everywhere(references, old, new):
        return None
    for field in walk_fields(form_of(old).raw_get("/Fields"), old):
        known.add(field)
    return compare(references, known, old, new)


def _is_last_everywhere(
    references: References, old: HistoricalResolver, new: HistoricalResolver
) -> bool:
    """Is every object that was written since *old* the one that stands furthest back in the file,
    or gone without having been wanted by what was sealed?"""
    for number in range(old.revision + 1, new.revision + 1):
        for reference in new.reader.xrefs.explicit_refs_in_revision(number):
            now = references.place(reference, new.revision)
            if now is None:
                if references.exists(reference.idnum) or references.users(reference.idnum):
                    return False
                continue
            place = references.place(reference, number)
            if place is not None and _offset(references, place, number) > _offset(
                references, now, new.revision
            ):
                return False
    return True


def _offset(references: References, place: int | ObjStreamRef, number: int) -> int:
    """Where an object begins as of revision *number*, or the stream that holds it."""
    if isinstance(place, int):
        return place
    holder = references.place(generic.Reference(place.obj_stream_id, 0), number)
    return holder if isinstance(holder, int) else -1
