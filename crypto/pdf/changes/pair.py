"""Two neighbouring revisions of a document, and what is found between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.reader import HistoricalResolver

from crypto.pdf.changes.ground import Grounds, PagesRead
from crypto.pdf.changes.ink import Box
from crypto.pdf.changes.references import References
from crypto.pdf.marks.appearance import box, has_area
from crypto.pdf.marks.place import place_of
from crypto.pdf.reading.access import key_of
from crypto.pdf.reading.objects import Known
from crypto.verdict import LEVELS, Change, Level, one_line

_LISTED = 20
_MOST_TOLD, _FROM_THE_END = 300, 120
"""Letters of a text, and how many of its last ones are told where it is longer."""


def told(text: str) -> str:
    """*text* in one line as it is told: without long gaps or what turns it around, and with its
    end where all of it is too long. Whoever reads only a beginning would take it for all."""
    line = " ".join(one_line(text).split())
    if len(line) <= _MOST_TOLD:
        return line
    return f"{line[: _MOST_TOLD - _FROM_THE_END - 3]} … {line[-_FROM_THE_END:]}"


@dataclass
class Step:
    """One revision compared with the one before."""

    changes: list[Change] = field(default_factory=list)
    new_fields: set[str] = field(default_factory=set)
    """Names of visible fields that were not there before."""
    annotations: set[str] = field(default_factory=set)
    """Forbidden changes that are an annotation more, which a certification may permit."""

    @property
    def only_adds(self) -> bool:
        """Did it do nothing but add to what was there, and fill in what was empty?"""
        return all(LEVELS[change.code] in (Level.NOTICE, Level.CHANGED) for change in self.changes)


class Pair:
    """The revision *new* and the one before it, *old*."""

    def __init__(
        self,
        references: References,
        known: Known,
        pages: PagesRead,
        old: HistoricalResolver,
        new: HistoricalResolver,
    ) -> None:
        self.references, self.known, self.old, self.new = references, known, old, new
        self.step = Step()
        self.grounds, self.later_grounds = Grounds(old, pages), Grounds(new, pages)

    def say(self, kind: str, page: int | None, what: str, **details: Any) -> None:
        """Note a change; *details* are further fields of :class:`~crypto.verdict.Change`."""
        self.step.changes.append(Change(self.new.revision + 1, kind, page, what, **details))

    def forbid(self, page: int | None, what: str) -> None:
        """Note a forbidden change, unless there are many already."""
        if sum(change.kind == "forbidden" for change in self.step.changes) < _LISTED:
            self.say("forbidden", page, what)

    def where(self, reference: generic.Reference, remark: str = "") -> tuple[int | None, str]:
        """Page and role of an object that existed, for a person."""
        found = self.known.places.get(key_of(reference), (None, ""))
        parts = (found[1], f"({reference.idnum} {reference.generation} obj)", remark)
        return found[0], " ".join(part for part in parts if part)

    def place(
        self, widget: generic.DictionaryObject, page: int | None, shown: Box | None = None
    ) -> dict[str, Any]:
        """Where *widget* shows on *page*, in *shown* if that is not its rectangle, as an argument
        of :meth:`say`."""
        if page is None or not has_area(widget):
            return {}
        mark = place_of(shown or box(widget), self.known.sheet(page), "")
        return {"box_mm": (mark.left_mm, mark.top_mm, mark.width_mm, mark.height_mm)}
