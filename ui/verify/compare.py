"""看看改了什么 over the canvas: the changed pages as they were sealed, as they are now, and both.

A strip with a button that turns it on, three to choose what is shown, and two that go from change
to change. The pictures come from a bounded process (:mod:`crypto.pdf.looking.pictures`), in the
pool; those of the pages near the one in view are decoded, and lie on the canvas as covers.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtGui import QImage, QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QButtonGroup, QFrame, QSizePolicy

from crypto.verdict import Report
from ui import theme
from ui.canvas.page_items import Item
from ui.language import tr
from ui.room import room
from ui.shell.notice import announce
from ui.verify import verdicts
from ui.widgets import button, label, row, tool, when_chosen

if TYPE_CHECKING:
    from crypto.pdf.looking.pictures import ChangedPage
    from ui.shell.interface import Shell
    from ui.tasks import Task

THEN, NOW, BOTH = "then", "now", "both"
MOST_BOXES = 40
"""Of a page, the largest."""
_NEAR = 1
"""Pages before and behind the one in view whose pictures are decoded."""
_WIDE = 700
"""Pixels that buttons and words need beside each other."""
_MAX_PIXELS = 16_000_000


class CompareBar(QFrame):
    """The strip; it knows the file being shown, and gives what lies on the canvas."""

    redraw = Signal()
    """Other things are to lie on the canvas."""
    place_wanted = Signal(int, float)
    """Page (0-based) and millimetres from its top: the change to be brought into view."""

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self._shell = shell
        self._asked: tuple[Path, Report, str | None] | None = None
        self._pages: tuple[ChangedPage, ...] | None = None
        """None: they have not been drawn yet."""
        self._task: Task | None = None
        self._decoded: dict[tuple[int, str], QImage] = {}
        self._role = "changed"
        self._at = -1
        theme.set_role(self, "toolbar")
        self.toggle = button(tr("看看改了什么"), lambda: None, icon="history")
        self.toggle.setCheckable(True)
        self.toggle.toggled.connect(self._toggled)
        self._group = QButtonGroup(self)
        self.modes = {
            mode: button(name, lambda: None, role="mode")
            for mode, name in ((THEN, tr("盖章时")), (NOW, tr("现在")), (BOTH, tr("对照")))
        }
        for made in self.modes.values():
            made.setCheckable(True)
            self._group.addButton(made)
        self.modes[BOTH].setChecked(True)
        for made in self.modes.values():
            when_chosen(made, self._chosen)
        self._note = label("", "small", wrap=True)
        self._note.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._back = tool("chevron-up", tr("上一处改动"), lambda: self._step(-1))
        self._on = tool("chevron-down", tr("下一处改动"), lambda: self._step(1))
        buttons = row(self.toggle, *self.modes.values(), self._back, self._on, None, spacing=6)
        self._whole = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._whole.setContentsMargins(12, 6, 12, 6)
        self._whole.addLayout(buttons)
        self._whole.addWidget(self._note, 1)
        self.offer(None)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Where the words have no room beside the buttons they stand below them."""
        super().resizeEvent(event)
        self._make_room()

    def _make_room(self) -> None:
        """In a narrow window words that only say what the button is for are left out."""
        way, narrow = QBoxLayout.Direction, self.width() < room(_WIDE)
        self._whole.setDirection(way.TopToBottom if narrow else way.LeftToRight)
        self._note.setVisible(bool(self._note.text()) and (self.toggle.isChecked() or not narrow))

    # --- what the page tells ---------------------------------------------------------------------

    def offer(
        self, path: Path | None, report: Report | None = None, password: str | None = None
    ) -> None:
        """The strip is for this file; it is there only where pages may show something else since
        they were sealed."""
        asked = (path, report, password) if path and report else None
        if asked and self._asked and asked[1] is self._asked[1]:
            return
        if self._task:
            self._task.drop()
        self._task, self._pages, self._at = None, None, -1
        self._decoded.clear()
        self._asked = asked
        self.modes[BOTH].setChecked(True)
        for made in self.modes.values():
            when_chosen(made, self._chosen)
        self.toggle.setChecked(False)
        self.setVisible(self._has_changes())
        self._tell()

    def _has_changes(self) -> bool:
        from crypto.pdf.looking.since import changed_since

        if self._asked is None:
            return False
        report = self._asked[1]
        first, pages = changed_since(report)
        if first is not None:
            self._role = verdicts.VERDICTS[report.verdict].role
        return first is not None and bool(pages)

    @property
    def active(self) -> bool:
        """Are pictures to be seen instead of the pages?"""
        return self.toggle.isChecked() and bool(self._pages)

    @property
    def mode(self) -> str:
        """:data:`THEN`, :data:`NOW` or :data:`BOTH`."""
        return next(mode for mode, made in self.modes.items() if made.isChecked())

    def turn_on(self) -> None:
        """Show what changed, if that can be shown, where the person is."""
        if not self.isHidden():
            self._at = max(self._at, 0)
            self.toggle.setChecked(True)

    def turn_off(self) -> None:
        """Show the pages as they are."""
        self.toggle.setChecked(False)

    def items(self, page: int, sizes: Sequence[tuple[float, float]]) -> list[Item]:
        """What lies on the canvas while *page* is in view; *sizes* of all pages in millimetres."""
        covers, boxes = [], []
        for changed in self._pages or ():
            number = changed.page
            if number >= len(sizes):
                continue
            if abs(number - page) <= _NEAR and (picture := self._picture(changed)) is not None:
                name = tr("{what}的样子", what=self.modes[self.mode].text())
                size = sizes[number]
                covers.append(
                    Item(f"cover/{number}", number, 0, 0, *size, name, picture, look="cover")
                )
            for place, box in enumerate(changed.boxes[:MOST_BOXES]):
                key = f"change/{number}/{place}"
                area = (box.left, box.top, box.width, box.height)
                tint = self._role
                boxes.append(Item(key, number, *area, tr("改动"), look="outline", tint=tint))
        return covers + boxes

    # --- the pictures ----------------------------------------------------------------------------

    def _toggled(self, on: bool) -> None:
        if on and self._pages is None and self._task is None and self._asked:
            self._task = self._shell.tasks.work(
                self._shell.context.changes, *self._asked, done=self._take, failed=self._fail
            )
        self._tell()
        self.redraw.emit()

    def _take(self, pages: tuple[ChangedPage, ...]) -> None:
        self._task, self._pages = None, pages
        self._tell()
        announce(self._note)
        self.redraw.emit()
        if self.active and self._at < 0:
            self._step(1)

    def _fail(self, error: BaseException) -> None:
        self._task = None
        self.toggle.setChecked(False)
        self._shell.complain(error)

    def _picture(self, changed: ChangedPage) -> QImage | None:
        key = (changed.page, self.mode)
        if key not in self._decoded:
            for other in [k for k in self._decoded if abs(k[0] - changed.page) > 2 * _NEAR]:
                del self._decoded[other]
            drawn = _decoded(getattr(changed, self.mode), changed.now)
            if drawn is None:
                return None
            self._decoded[key] = drawn
        return self._decoded[key]

    # --- the strip -------------------------------------------------------------------------------

    def _chosen(self) -> None:
        self._tell()
        self.redraw.emit()

    def _tell(self) -> None:
        on, ready = self.toggle.isChecked(), self.active
        for made in self.modes.values():
            made.setVisible(on and ready)
        several = sum(len(page.boxes) for page in self._pages or ()) > 1
        self._back.setVisible(ready and several)
        self._on.setVisible(ready and several)
        if not on:
            said = tr("盖章之后文件有变化，可以和盖章时的页面对照着看。")
        elif self._pages is None:
            said = tr("正在画出改动…")
        elif not ready:
            said = tr("画不出来，或者画面上没有差别。改动见右侧。")
        elif self.mode == BOTH:
            said = tr("红：没有了 · 绿：新增")
        else:
            said = ""
        self._note.setText(said)
        self._make_room()
        self._note.setAccessibleName(said)
        self._note.setToolTip(said)

    def _step(self, by: int) -> None:
        """Go to the next or the previous change."""
        places = [
            (page.page, box.top + box.height / 2)
            for page in sorted(self._pages or (), key=lambda each: each.page)
            for box in sorted(page.boxes[:MOST_BOXES], key=lambda box: (box.top, box.left))
        ]
        if places:
            self._at = (self._at + by) % len(places)
            self.place_wanted.emit(*places[self._at])


def _decoded(png: bytes, now: bytes) -> QImage | None:
    """The picture of a page, as large as the page is *now*; None if it cannot be decoded.

    A process that a file has taken over may have made it, so Qt's own decoder does not see it."""
    from PIL import Image

    try:
        with (
            Image.open(io.BytesIO(png), formats=("PNG",)) as drawn,
            Image.open(io.BytesIO(now), formats=("PNG",)) as whole,
        ):
            if max(drawn.width * drawn.height, whole.width * whole.height) > _MAX_PIXELS:
                return None
            sheet = Image.new("RGB", whole.size, "white")
            sheet.paste(drawn.convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    width, height = sheet.size
    raw = QImage(sheet.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
    return raw.convertToFormat(QImage.Format.Format_RGB32)
