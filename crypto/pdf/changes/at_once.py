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

from crypto.frozen import frozen
from crypto.pdf.changes.ground import PagesRead
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
    document: Document,
    sealed: Document,
    base: int,
    watched: Iterable[int],
    pages: PagesRead,
) -> Step | None:
    """The whole *document* compared with its revision *base* (from 0), which is *sealed* as a file
    of its own; *watched*: the numbers of all objects that were written since; *pages*: as they were
    read before. None where a reader that looks for objects without the tables might show something
    that stood there in between.

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
    return compare(references, known, pages, old, new)


def _is_last_everywhere(
    references: References, old: HistoricalResolver, new: HistoricalResolver
) -> bool:
    """Is every object that was written since *old* the one that stands furthest back in the file,
    or gone without having been wanted by what was sealed? And is there one of each number?"""
    generations: dict[int, int] = {}
    anew: dict[int, int] = {}
    """Numbers under which a next generation was written → in which revision, the last time."""
    gone: set[int] = set()
    """The numbers of objects that were sealed and are freed."""
    for number in range(old.revision + 1, new.revision + 1):
        for reference in new.reader.xrefs.explicit_refs_in_revision(number):
            place = references.place(reference, number)
            if place is not None:  # many readers do not look at the generation
                known = generations.setdefault(reference.idnum, reference.generation)
                if known != reference.generation:
                    generations[reference.idnum] = reference.generation
                    anew[reference.idnum] = number
            now = references.place(reference, new.revision)
            if now is None:
                if references.exists(reference.idnum) or references.users(reference.idnum):
                    gone.add(reference.idnum)
            elif place is not None and not _is_overtaken(
                _Place.of(references, place, number), _Place.of(references, now, new.revision)
            ):
                return False
    # a look that was freed is judged with its field, where nothing ever took its place or led to it
    if not gone.isdisjoint(generations) or not all(
        references.is_left_alone(number, old.revision) for number in gone
    ):
        return False
    # so Poppler (Evince, Okular) leaves the look of a field that it has filled in twice
    return all(
        references.is_former_look(number, old.revision, since) for number, since in anew.items()
    )


@frozen
class _Place:
    """Where an object stands."""

    offset: int
    """Of the object, or of the stream that holds it."""
    holder: int
    """The number of that stream, -1 without one: some readers look into them in this order, and
    after all that stands by itself."""

    @classmethod
    def of(cls, references: References, place: int | ObjStreamRef, number: int) -> _Place:
        """*place* as of revision *number*."""
        if isinstance(place, int):
            return cls(place, -1)
        found = references.place(generic.Reference(place.obj_stream_id, 0), number)
        return cls(found if isinstance(found, int) else -1, place.obj_stream_id)


def _is_overtaken(then: _Place, now: _Place) -> bool:
    """Does every reader that looks for objects find the one at *now*?"""
    alike = (then.holder < 0) == (now.holder < 0)
    return alike and then.offset <= now.offset and then.holder <= now.holder
