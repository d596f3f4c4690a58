"""What came after sealing, as a list beside the document: 第 3 页：100 CNY → 9,900,000."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QWidget

from crypto.frozen import frozen
from crypto.verdict import Change, Report, one_line
from ui.language import language, pair, tr
from ui.widgets import button, column, framed, label

MOST = 30
"""Changes that are listed; the report has all."""
_LONGEST = 60
"""Characters of a name or a value."""

_PLAIN = ("field_filled", "value_replaced")
"""Kinds of change of which the values say all."""
_ADDED = ("note_added", "markup_added", "drawing_added", "attachment_added", "link_added")
"""Kinds that take the place of nothing."""


@frozen
class Listed:
    """One line of the list."""

    text: str
    page: int | None
    """0-based; None: it belongs to no page."""
    down_mm: float | None = None
    """Where on the page, from its top; None: that is not known."""

    @property
    def where(self) -> str:
        return tr("整个文件") if self.page is None else tr("第 {page} 页", page=self.page + 1)


def changes_of(report: Report) -> list[Listed]:
    """What later revisions did, each once, in the order of the pages; then what only shows."""
    found: dict[tuple[object, ...], Listed] = {}
    for signature in report.signatures:
        for each in map(_listed, signature.changed_later):
            found.setdefault((each.text, each.page), each)
    pages = {change.page for change in found.values()}
    for signature in report.signatures:
        for finding in signature.findings:
            page = finding.details.get("page", "")
            if finding.code == "look_differs" and page.isdigit() and int(page) - 1 not in pages:
                text = tr("显示的内容与盖章时不一样")
                found.setdefault((finding.code, page), Listed(text, int(page) - 1))
    last = 1 + max((change.page for change in found.values() if change.page is not None), default=0)
    return sorted(found.values(), key=lambda change: last if change.page is None else change.page)


def _listed(change: Change) -> Listed:
    """Never the names of fields and objects, which say nothing to people."""
    name, kind = _short(change.label), change.said(language())
    if change.kind in _ADDED:
        text = pair(kind, _short(change.after)) if change.after else kind
    elif change.before or change.after:
        before, after = (_short(each) or tr("（空）") for each in (change.before, change.after))
        said = tr("{before} → {after}", before=before, after=after)
        if change.kind not in _PLAIN:
            said = tr("{change}（{what}）", change=said, what=kind)
        text = pair(name, said) if name else said
    else:
        text = pair(name, kind) if name else kind
    down = change.box_mm[1] + change.box_mm[3] / 2 if len(change.box_mm) == 4 else None
    return Listed(text, change.page - 1 if change.page else None, down)


def _short(text: str) -> str:
    text = one_line(text).strip()
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def changes_card(report: Report, wanted: Callable[[Listed], object]) -> QFrame | None:
    """The list; *wanted* is told whose page is to be looked at. None: nothing came later."""
    found = changes_of(report)
    if not found:
        return None
    inner = column(margins=(14, 12, 14, 10), spacing=6)
    inner.addWidget(label(tr("盖章之后"), "heading"))
    lines = QGridLayout()
    lines.setHorizontalSpacing(6)
    lines.setColumnStretch(1, 1)
    for at, change in enumerate(found[:MOST]):
        top = Qt.AlignmentFlag.AlignTop
        lines.addWidget(_where(change, wanted), at, 0, top | Qt.AlignmentFlag.AlignLeft)
        lines.addWidget(label(change.text, wrap=True, select=True), at, 1, top)
    inner.addLayout(lines)
    if len(found) > MOST:
        left = tr("还有 {count} 处，见导出的报告。", count=len(found) - MOST)
        inner.addWidget(label(left, "small", wrap=True))
    made = framed("card", inner)
    made.setObjectName("changes")
    made.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
    made.setAccessibleName(tr("盖章之后"))
    return made


def _where(each: Listed, wanted: Callable[[Listed], object]) -> QWidget:
    if each.page is None:
        return label(each.where, "muted")
    go = button(each.where, lambda: wanted(each), role="link")
    go.setAccessibleName(pair(each.where, each.text))
    return go
