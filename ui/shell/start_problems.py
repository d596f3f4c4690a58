"""What went wrong when the program was started: which file, which line, why, and what holds now."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QApplication, QVBoxLayout, QWidget

from app.errors import explain
from ui import language, theme
from ui.dialogs import Dialog
from ui.files import open_outside
from ui.language import tr
from ui.shell.notice import ErrorBox
from ui.widgets import button, column, copy_text, framed, label, picture, row, scrolled

if TYPE_CHECKING:
    from app.errors import SettingsInvalid

MOST_HEIGHT = 420
TEXT_WIDTH = 500


class StartProblems(Dialog):
    """Settings that are wrong; the window opens with the others."""

    def __init__(
        self, faults: Sequence[SettingsInvalid], policy: bool, parent: QWidget | None = None
    ) -> None:
        """*policy*: something of the administrator's could not be read."""
        super().__init__(parent)
        self.setWindowTitle(tr("印台"))
        self.setMinimumWidth(560)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(24, 20, 24, 20)
        whole.setSpacing(12)
        head = row(picture("triangle-alert", "unknown", 24), spacing=12)
        head.addWidget(label(tr("设置里有写错的地方"), "title", wrap=True), 1)
        whole.addLayout(head)
        said = tr("写错的没有采用，其余的设置照常有效，程序可以继续使用。")
        if policy:
            said = tr(
                "单位的规定没有读全。在管理员改正之前按最谨慎的办法：不能自己添加信任，"
                "不能离线盖章，不能用虚拟 Ukey；这些在“设置”里也改不了。"
            )
        whole.addWidget(label(said, wrap=True))
        inner = column(spacing=8)
        self.told: list[str] = []
        for fault in faults:
            message = explain(fault, language.language())
            self.told.append(f"{message.cause} [{message.code}]")
            lines = column(margins=(14, 10, 14, 10), spacing=3)
            lines.addWidget(label(self.told[-1], wrap=True, select=True))
            if Path(fault.where).is_file():
                opened = button(tr("打开这个文件"), partial(self._open, fault.where), role="link")
                opened.setAccessibleName(tr("打开 {name}", name=fault.where))
                lines.addLayout(row(opened, None))
            inner.addWidget(framed("card", lines))
        inner.addStretch()
        content = QWidget()
        content.setLayout(inner)
        area = scrolled(content, tr("写错的地方"))
        # by itself it asks for the room that the texts would need in a narrow column
        area.setFixedHeight(min(MOST_HEIGHT, inner.heightForWidth(TEXT_WIDTH)))
        whole.addWidget(area, 1)
        remedy = explain(faults[0], language.language()).remedy
        whole.addWidget(
            label(tr("{remedy}改好后重新打开程序。", remedy=remedy), "muted", wrap=True)
        )
        self.problem = label("", "bad", wrap=True)
        self.problem.hide()
        whole.addWidget(self.problem)
        self.go_on = button(tr("继续"), self.accept, role="default")
        self.go_on.setDefault(True)
        copy = button(tr("复制"), lambda: copy_text("\n".join(self.told)), role="link")
        whole.addLayout(row(copy, None, self.go_on))
        self.setAccessibleName("\n".join((said, *self.told)))
        self.go_on.setFocus()

    def _open(self, name: str) -> None:
        open_outside(Path(name), self._tell)

    def _tell(self, problem: str) -> None:
        self.problem.setText(problem)
        self.problem.show()


def tell_failure(error: BaseException, tongue: str) -> None:
    """Show a window with what the program could not start for, and wait until it is closed."""
    present = QApplication.instance()
    application = present if isinstance(present, QApplication) else theme.new_application()
    language.use(tongue)
    theme.apply(application, "system")
    box = ErrorBox(error)
    box.setWindowIcon(theme.icon("stamp", "accent", 64))
    box.exec()
