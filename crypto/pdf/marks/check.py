"""The visible marks of a signature, judged together: each must show its seal, whole or as a slice
of a riding seam (骑缝章), and each date must stand by a seal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, replace

from crypto.lengths import MM
from crypto.pdf.marks.appearance import box, drawing_of, has_area, share_shown
from crypto.pdf.marks.date import agrees, is_beside, shown_date
from crypto.pdf.marks.picture import SIZE_TOLERANCE_MM, MarkCheck, check_mark
from crypto.pdf.marks.visible_part import Slice, in_seams, is_whole
from crypto.pdf.reading.document import Field
from crypto.pdf.reading.failures import PARSER_FAILURES
from crypto.seal.structure import Seal
from crypto.verdict import Finding, MarkInfo, Times

_SHOWN = 0.5
"""A mark of which less lies on its page is called hidden, whatever else it is."""


@dataclass(frozen=True)
class SealMarks:
    """What one signature shows of its seal, each mark looked at by itself."""

    seal: bytes
    """DER."""
    marks: tuple[tuple[Field, MarkCheck], ...]
    dates: tuple[tuple[Field, str], ...]

    @classmethod
    def examine(cls, fields: Sequence[Field], seal: Seal) -> SealMarks:
        """Never raises for what a mark contains."""
        shown = [(each, date_of(each)) for each in fields]
        return cls(
            seal.der,
            tuple((each, _check_widget(each, seal)) for each, text in shown if not text),
            tuple((each, text) for each, text in shown if text),
        )

    @property
    def cut(self) -> list[Field]:
        """The marks that show a part of the seal only."""
        return [each for each, mark in self.marks if _matches(mark) and not is_whole(mark.part)]

    def check(
        self, joined: Container[int], times: Times, marks: Sequence[MarkInfo]
    ) -> tuple[list[Finding], bool]:
        """The findings about all *marks* of the seal and the dates beside them, and whether all are
        harmless. *joined*: what :func:`joined_slices` says."""
        findings: list[Finding] = []
        harmless = True
        proved: Counter[int] = Counter()
        plain: list[Field] = []
        alone = {id(each) for each in self.cut if id(each) not in joined}
        for each, judged in self.marks:
            mark = _hidden(each) if id(each) in alone else judged
            findings += mark.findings
            harmless = harmless and mark.harmless
            if _matches(mark):
                proved[each.pages[0].index] += 1
            if mark.true_size and is_whole(mark.part):
                plain.append(each)
        for each, text in self.dates:
            page = each.pages[0]
            proved[page.index] -= 1
            if proved[page.index] < 0:
                # alone it says nothing of a seal, and might be read as the date of something else
                reason = {**_place(each), "reason": "a date without its seal on the page"}
                findings.append(Finding("mark_unreadable", reason))
                harmless = False
                continue
            findings.append(check_date(each, text, times))
            # elsewhere on the page it would date what others have sealed
            near = (one for one in plain if one.pages == each.pages)
            harmless = harmless and any(
                is_beside(box(each.dictionary), box(one.dictionary), page) for one in near
            )
        if all(each.date for each in marks):
            findings.append(Finding("no_mark"))
        return findings, harmless


def complete_seams(shown: Sequence[SealMarks], known: Container[int] = ()) -> set[int]:
    """Which marks are slices of a riding seam that is complete, as ``id`` of their fields.

    *shown*: one signature, or all with the same seal, because each slice may have one of its own;
    then those in *known* are left aside, whose seam is complete without others."""
    slices, fields = [], []
    for each in shown:
        judged = {id(one): mark for one, mark in each.marks}
        for one in each.cut:
            if id(one) in known:
                continue
            page = one.pages[0]
            left, bottom, right, top = (edge * page.unit / MM for edge in box(one.dictionary))
            mark = judged[id(one)]
            place = (left, bottom, right, top)
            slices.append(Slice(page.index, mark.part, place, mark.size_mm))
            fields.append(id(one))
    return {one for one, joined in zip(fields, in_seams(slices), strict=True) if joined}


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
            groups.setdefault(marks.seal, []).append(marks)
    for group in groups.values():
        joined |= complete_seams(group, joined)
    return joined


def check_date(each: Field, text: str, times: Times) -> Finding:
    code = "date_matches" if agrees(text, times) else "date_differs"
    return Finding(code, {**_place(each), "date": text})


def _matches(mark: MarkCheck) -> bool:
    return any(finding.code == "mark_matches" for finding in mark.findings)


def _check_widget(each: Field, seal: Seal) -> MarkCheck:
    """One mark of a seal by itself, however little may be seen of it."""
    try:
        page = each.pages[0] if each.pages else None
        drawing = drawing_of(each.dictionary, page)
        if drawing.empty or not has_area(each.dictionary):
            return MarkCheck((), True)
        if page is None or len(each.pages) != 1 or share_shown(each.dictionary, page) < _SHOWN:
            return _hidden(each)
        if drawing.in_states:
            drawing.other.add("states")
        judged = check_mark(drawing, _place(each), seal)
        if judged.true_size:
            pairs = zip(drawing.pictures[0].place, box(each.dictionary), strict=True)
            fits = all(abs(a - b) * page.unit / MM <= SIZE_TOLERANCE_MM for a, b in pairs)
            judged = replace(judged, true_size=fits)
        return judged
    except PARSER_FAILURES as error:
        reason = {**_place(each), "reason": str(error)[:100]}
        return MarkCheck((Finding("mark_unreadable", reason),), False)


def _hidden(each: Field) -> MarkCheck:
    return MarkCheck((Finding("mark_hidden", _place(each)),), False)


def _place(each: Field) -> dict[str, str]:
    """Where a mark is, for its findings: its field's name and its first page, 1-based."""
    page = {"page": str(each.pages[0].index + 1)} if each.pages else {}
    return {"field": each.name, **page}


def draws(each: Field) -> bool:
    """Would a viewer show anything for this field, be it over the edge of a page?"""
    try:
        shown = any(share_shown(each.dictionary, page) > 0 for page in each.pages)
        return shown and not drawing_of(each.dictionary).empty
    except PARSER_FAILURES:
        return True  # what cannot be read is not called invisible


def date_of(each: Field) -> str:
    """What a date mark shows; "" for every other field."""
    try:
        if len(each.pages) != 1:
            return ""
        page = each.pages[0]
        text = shown_date(each.dictionary, page)
        return text if text and share_shown(each.dictionary, page) >= _SHOWN else ""
    except PARSER_FAILURES:
        return ""
