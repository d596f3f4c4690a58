"""The visible marks of a signature, checked together: each must show its seal, whole or as a slice
of a riding seam (骑缝章), and each date must stand by a seal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Sequence
from dataclasses import replace

from crypto.frozen import frozen
from crypto.lengths import MM
from crypto.pdf.marks.appearance import (
    NO_ROTATE,
    NO_VIEW,
    OF_THE_VIEW,
    PRINT,
    Drawing,
    box,
    drawing_of,
    has_area,
    share_shown,
)
from crypto.pdf.marks.date import SHARE_SHOWN, agrees, date_of, is_beside
from crypto.pdf.marks.drawn import MAX_MM, DrawnMark, needs_drawing
from crypto.pdf.marks.drawn import judged as judged_by_drawing
from crypto.pdf.marks.picture import SIZE_TOLERANCE_MM, MarkCheck, check_mark
from crypto.pdf.marks.place import place_of
from crypto.pdf.marks.visible_part import Slice, in_seams, is_whole
from crypto.pdf.reading.access import entry
from crypto.pdf.reading.document import Field
from crypto.pdf.reading.failures import PARSER_FAILURES
from crypto.pdf.reading.page import Page
from crypto.rendering.compare import Box
from crypto.rendering.imprints import Wish
from crypto.seal.structure import Seal
from crypto.verdict import Finding, MarkInfo, Times

_TINY, _TINY_MM = 0.25, 5.0
"""A mark smaller than this part of its seal, or than these millimetres, is overlooked."""
_UPRIGHT = 10.0
"""Degrees by which a mark may be turned, as people stamp paper."""
_MOST_OVER, _MOST_OPAQUE = 3, 1
"""Marks over another: a company's seal, its representative's and a date often overlap."""
_ALL = 0.999
"""Of a mark that is compared as drawn, what must lie on its page."""


@frozen
class SealMarks:
    """What one signature shows of its seal, each mark looked at by itself."""

    seal: Seal
    marks: tuple[tuple[Field, MarkCheck], ...]
    dates: tuple[tuple[Field, str], ...]
    undrawn: tuple[tuple[int, Wish, bool], ...] = ()
    """Of the marks that only engines can compare: the place in *marks*, what is to be drawn in the
    whole of the document, and whether the mark is without pixels."""

    @classmethod
    def examine(cls, fields: Sequence[Field], seal: Seal) -> SealMarks:
        """Never raises for what a mark contains."""
        shown = [(field, date_of(field)) for field in fields]
        marks = tuple((field, _check_widget(field, seal)) for field, text in shown if not text)
        undrawn = [
            (turn, *wish)
            for turn, (field, judged) in enumerate(marks)
            if not _matches(judged) and (wish := _wish(field, seal))
        ]
        dates = tuple((field, text) for field, text in shown if text)
        return cls(seal, marks, dates, tuple(undrawn))

    def with_drawn(self, drawn: Sequence[DrawnMark]) -> SealMarks:
        """With what was drawn of :attr:`undrawn`, in its order."""
        marks = list(self.marks)
        for (turn, wish, plain), each in zip(self.undrawn, drawn, strict=True):
            field, _ = marks[turn]
            size = wish.box.width, wish.box.height
            judged = judged_by_drawing(size, plain, _place(field), self.seal, each)
            if _matches(judged):
                judged = _with_oddities(judged, field, field.pages[0], None, self.seal)
            marks[turn] = (field, judged)
        return replace(self, marks=tuple(marks), undrawn=())

    @property
    def solid(self) -> bool:
        """Would one of the marks hide the text beneath it?"""
        return any(mark.solid for _, mark in self.marks)

    @property
    def most_over(self) -> int:
        """How many other later marks may lie over one of these, and text still be read. Imprints
        are multiplied onto the page: heaped, each a little aside, they are black in the end."""
        if any(mark.dense for _, mark in self.marks):
            return 0
        return _MOST_OPAQUE if any(mark.opaque for _, mark in self.marks) else _MOST_OVER

    @property
    def cut(self) -> list[Field]:
        """The marks that show a part of the seal only."""
        return [field for field, mark in self.marks if _matches(mark) and not is_whole(mark.part)]

    def check(
        self, joined: Container[int], times: Times, marks: Sequence[MarkInfo]
    ) -> tuple[list[Finding], bool]:
        """The findings about all *marks* of the seal and the dates beside them, and whether all are
        harmless. *joined*: what :func:`joined_slices` says."""
        findings: list[Finding] = []
        harmless = True
        proved: Counter[int] = Counter()
        plain: list[Field] = []
        alone = {id(field) for field in self.cut if id(field) not in joined}
        for field, judged in self.marks:
            mark = _hidden(field) if id(field) in alone else judged
            findings += mark.findings
            harmless = harmless and mark.harmless
            if _matches(mark):
                proved[field.pages[0].index] += 1
            if mark.true_size and is_whole(mark.part):
                plain.append(field)
        for field, text in self.dates:
            page = field.pages[0]
            proved[page.index] -= 1
            if proved[page.index] < 0:
                # alone it says nothing of a seal, and might be read as the date of something else
                reason = {**_place(field), "reason": "a date without its seal on the page"}
                findings.append(Finding("mark_unreadable", reason))
                harmless = False
                continue
            findings.append(check_date(field, text, times))
            # elsewhere on the page it would date what others have sealed
            near = (one for one in plain if one.pages == field.pages)
            harmless = harmless and any(
                is_beside(box(field.dictionary), box(one.dictionary), page) for one in near
            )
        if all(info.date for info in marks):
            findings.append(Finding("no_mark"))
        return findings, harmless


def complete_seams(shown: Sequence[SealMarks], known: Container[int] = ()) -> set[int]:
    """Which marks are slices of a riding seam that is complete, as ``id`` of their fields.

    *shown*: one signature, or all with the same seal, because each slice may have one of its own;
    then those in *known* are left aside, whose seam is complete without others."""
    slices, fields = [], []
    for seal_marks in shown:
        judged = {id(field): mark for field, mark in seal_marks.marks}
        for field in seal_marks.cut:
            if id(field) in known:
                continue
            page = field.pages[0]
            left, bottom, right, top = (edge * page.unit / MM for edge in box(field.dictionary))
            mark = judged[id(field)]
            place = (left, bottom, right, top)
            slices.append(Slice(page.index, mark.part, place, mark.size_mm))
            fields.append(id(field))
    return {field for field, joined in zip(fields, in_seams(slices), strict=True) if joined}


def joined_slices(cut: Iterable[tuple[SealMarks, bool]]) -> set[int]:
    """Which marks are slices of a complete riding seam, as ``id`` of their fields.

    *cut*: the signatures that show a part of their seal, each with whether it is not disproved. The
    slices of one seam may be shown by as many signatures with one seal; one that is disproved
    completes its own seam only."""
    joined: set[int] = set()
    groups: dict[bytes, list[SealMarks]] = {}
    for marks, counts in cut:
        joined |= complete_seams([marks])
        if counts:
            groups.setdefault(marks.seal.der, []).append(marks)
    for group in groups.values():
        joined |= complete_seams(group, joined)
    return joined


def check_date(field: Field, text: str, times: Times) -> Finding:
    code = "date_matches" if agrees(text, times) else "date_differs"
    return Finding(code, {**_place(field), "date": text})


def _matches(mark: MarkCheck) -> bool:
    return any(finding.code == "mark_matches" for finding in mark.findings)


def _check_widget(field: Field, seal: Seal) -> MarkCheck:
    """One mark of a seal by itself, however little may be seen of it."""
    try:
        page = field.pages[0] if field.pages else None
        drawing = drawing_of(field.dictionary, page)
        if drawing.empty or not has_area(field.dictionary):
            return MarkCheck((), True)
        if (
            page is None
            or len(field.pages) != 1
            or share_shown(field.dictionary, page) < SHARE_SHOWN
        ):
            return _hidden(field)
        if drawing.in_states:
            drawing.other.add("states")
        judged = check_mark(drawing, _place(field), seal)
        if judged.true_size:
            pairs = zip(drawing.pictures[0].place, box(field.dictionary), strict=True)
            fits = all(abs(a - b) * page.unit / MM <= SIZE_TOLERANCE_MM for a, b in pairs)
            judged = replace(judged, true_size=fits)
        return _with_oddities(judged, field, page, drawing, seal) if _matches(judged) else judged
    except PARSER_FAILURES as error:
        reason = {**_place(field), "reason": str(error)[:100]}
        return MarkCheck((Finding("mark_unreadable", reason),), False)


def _wish(field: Field, seal: Seal) -> tuple[Wish, bool] | None:
    """What is to be drawn to compare a mark of *seal*; None if drawing proves nothing."""
    try:
        page = field.pages[0] if len(field.pages) == 1 else None
        if page is None or share_shown(field.dictionary, page) < _ALL:
            return None
        drawing = drawing_of(field.dictionary, page)
        if drawing.empty or drawing.in_states or not needs_drawing(drawing, seal):
            return None
        plain = not drawing.pictures and "inline image" not in drawing.other
        area = box(field.dictionary) if drawing.other else drawing.pictures[0].place
        at = place_of(area, page, field.name)
        where = Box(at.left_mm, at.top_mm, at.width_mm, at.height_mm)
        size = float(seal.width_mm), float(seal.height_mm)
        if not (0 < where.width <= MAX_MM and 0 < where.height <= MAX_MM and min(size) > 0):
            return None
        rect = box(field.dictionary)
        return Wish(0, page.index, where, rect, seal.picture, size, page.unit), plain
    except PARSER_FAILURES:
        return None


def _with_oddities(
    judged: MarkCheck, field: Field, page: Page, drawing: Drawing | None, seal: Seal
) -> MarkCheck:
    """What is unusual about a mark that shows its seal: hardly to be seen, turned, not shown
    everywhere, another in another view, or with an action behind it."""
    place, widget = _place(field), field.dictionary
    flags = int(entry(widget, "/F", 0))
    found = []
    if max(judged.size_mm) < max(_TINY_MM, _TINY * max(seal.width_mm, seal.height_mm)):
        size = {
            "size": f"{judged.size_mm[0]:.1f}×{judged.size_mm[1]:.1f}",
            "signed": f"{seal.width_mm}×{seal.height_mm}",
        }
        found.append(Finding("mark_tiny", {**place, **size}))
    # what was drawn was compared upright
    angle = drawing.pictures[0].angle if drawing else page.rotation
    if abs((angle - page.rotation + 180) % 360 - 180) > _UPRIGHT:
        found.append(Finding("mark_turned", place))
    if not flags & PRINT:
        found.append(Finding("mark_not_printed", place))
    elif flags & NO_VIEW:
        found.append(Finding("mark_only_printed", place))
    moves = flags & (OF_THE_VIEW if page.rotation else OF_THE_VIEW & ~NO_ROTATE)
    acts = bool({"/A", "/AA", "/PA"} & set(widget)) or bool(moves)
    if acts:
        found.append(Finding("mark_acts", place))
    findings = (*judged.findings, *found)
    return replace(judged, findings=findings, harmless=judged.harmless and not acts)


def _hidden(field: Field) -> MarkCheck:
    return MarkCheck((Finding("mark_hidden", _place(field)),), False)


def _place(field: Field) -> dict[str, str]:
    """Where a mark is, for its findings: its field's name and its first page, 1-based."""
    page = {"page": str(field.pages[0].index + 1)} if field.pages else {}
    return {"field": field.name, **page}


def draws(field: Field) -> bool:
    """Would a viewer show anything for this field, be it over the edge of a page?"""
    try:
        shown = any(share_shown(field.dictionary, page) > 0 for page in field.pages)
        return shown and not drawing_of(field.dictionary).empty
    except PARSER_FAILURES:
        return True  # what cannot be read is not called invisible
