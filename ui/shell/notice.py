"""What the person is told without being asked to stop: the notice bar, and errors in full.

An error is always 标题 / 原因 / 怎么办 and a code (:func:`app.errors.explain`), with 复制诊断信息;
no English, no traceback.
"""

from __future__ import annotations

import platform
import traceback
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible, QAccessibleEvent, QGuiApplication
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.errors import Message, explain
from ui import theme
from ui.dialogs import Dialog
from ui.language import language, tr

_ICONS = {
    "info": ("info", "changed"),
    "good": ("circle-check", "good"),
    "warning": ("triangle-alert", "unknown"),
    "error": ("circle-alert", "bad"),
}


class Notice(QFrame):
    """One line that stays until it is closed or its cause is gone."""

    def __init__(
        self,
        kind: str,
        text: str,
        action: tuple[str, Callable[[], object]] | None,
        closed: Callable[[], None],
    ) -> None:
        super().__init__()
        theme.set_role(self, f"notice-{kind}")
        name, role = _ICONS[kind]
        picture = QLabel()
        theme.set_icon(picture, name, role, 18)
        label = QLabel(text)
        label.setWordWrap(True)
        label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        close = QToolButton()
        theme.set_icon(close, "x", "muted", 16)
        close.setAccessibleName(tr("关闭这条消息"))
        close.clicked.connect(closed)
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 4, 8, 4)
        row.setSpacing(10)
        row.addWidget(picture)
        row.addWidget(label, 1)
        if action:
            button = QPushButton(action[0])
            theme.set_role(button, "link")
            button.clicked.connect(action[1])
            row.addWidget(button)
        row.addWidget(close)
        self.setAccessibleName(text)


class NoticeBar(QWidget):
    """The strip above the page: at most one notice per topic, the newest at the bottom."""

    LIMIT = 3

    def __init__(self) -> None:
        super().__init__()
        self._notices: dict[str, Notice] = {}
        self._lasting: set[str] = set()
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)

    def show_notice(
        self,
        topic: str,
        kind: str,
        text: str,
        action: tuple[str, Callable[[], object]] | None = None,
        *,
        lasting: bool = False,
    ) -> None:
        """Say *text*; *kind* is info, good, warning or error. Replaces what *topic* said before.

        It goes with the page being shown, unless it is *lasting*: then with its cause."""
        self.clear_notice(topic)
        while len(self._notices) >= self.LIMIT:
            self.clear_notice(next(iter(self._notices)))
        notice = Notice(kind, text, action, lambda: self.clear_notice(topic))
        self._notices[topic] = notice
        if lasting:
            self._lasting.add(topic)
        self._column.addWidget(notice)
        announce(notice)

    def clear_notice(self, topic: str) -> None:
        """Take back what *topic* said, if anything."""
        notice = self._notices.pop(topic, None)
        self._lasting.discard(topic)
        if notice is not None:
            self._column.removeWidget(notice)
            notice.hide()
            notice.deleteLater()

    def clear_passing(self) -> None:
        """Another page, or another act on this one: what was said of the last is over."""
        for topic in set(self._notices) - self._lasting:
            self.clear_notice(topic)

    def clear_all(self) -> None:
        """Say nothing any more."""
        for topic in list(self._notices):
            self.clear_notice(topic)

    @property
    def texts(self) -> tuple[str, ...]:
        """What is being said, oldest first."""
        return tuple(notice.accessibleName() for notice in self._notices.values())


def announce(widget: QWidget) -> None:
    """Let a screen reader speak *widget*'s accessible name."""
    QAccessible.updateAccessibility(QAccessibleEvent(widget, QAccessible.Event.Alert))


class ErrorView(QFrame):
    """An error in full, inside a page: 标题, 原因, 怎么办, the code, 复制诊断信息."""

    def __init__(self, error: BaseException | Message, parent: QWidget | None = None) -> None:
        """*error*: a message is an error that another process reports."""
        super().__init__(parent)
        told = error if isinstance(error, Message) else explain(error, language())
        self.message = told
        grid = QGridLayout(self)
        grid.setContentsMargins(20, 18, 20, 16)
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(6)
        picture = QLabel()
        theme.set_icon(picture, "circle-alert", "bad", 24)
        title = QLabel(self.message.title)
        theme.set_role(title, "title")
        title.setWordWrap(True)
        grid.addWidget(picture, 0, 0, Qt.AlignmentFlag.AlignTop)
        grid.addWidget(title, 0, 1)
        for row, (heading, text) in enumerate(
            ((tr("原因"), self.message.cause), (tr("怎么办"), self.message.remedy))
        ):
            name = QLabel(heading)
            theme.set_role(name, "muted")
            said = QLabel(text)
            said.setWordWrap(True)
            said.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            grid.addWidget(name, 2 * row + 1, 1)  # above: panels are narrow
            grid.addWidget(said, 2 * row + 2, 1)
        code = QLabel(tr("代码 {code}", code=self.message.code))
        theme.set_role(code, "small")
        copy = QPushButton(tr("复制诊断信息"))
        theme.set_role(copy, "link")
        details = diagnosis(error, self.message)
        copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(details))
        foot = QHBoxLayout()
        foot.addWidget(code)
        foot.addStretch()
        foot.addWidget(copy)
        grid.addLayout(foot, 5, 1)
        grid.setColumnStretch(1, 1)
        self.setAccessibleName(
            "\n".join((self.message.title, self.message.cause, self.message.remedy))
        )


class ErrorBox(Dialog):
    """The same, where the work cannot go on without the person noticing."""

    def __init__(self, error: BaseException, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("印台"))
        self.setMinimumWidth(440)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 16)
        self.view = ErrorView(error)
        column.addWidget(self.view)
        button = QPushButton(tr("知道了"))
        theme.set_role(button, "default")
        button.setDefault(True)
        button.clicked.connect(self.accept)
        row = QHBoxLayout()
        row.setContentsMargins(20, 0, 20, 0)
        row.addStretch()
        row.addWidget(button)
        column.addLayout(row)
        button.setFocus()


def diagnosis(error: BaseException | Message, message: Message) -> str:
    """What support needs to know of *error*: code, kinds of error, places in our own source.

    No message of a foreign library and no argument's value: there a path or a name may stand."""
    lines = [
        f"SealDesk {message.code} {type(error).__name__}",
        f"{platform.system()} {platform.release()} Python {platform.python_version()}",
    ]
    cause = None if isinstance(error, Message) else error
    while cause is not None:
        lines.append(type(cause).__name__)
        lines += [
            f"  {Path(frame.filename).parent.name}/{Path(frame.filename).name}:{frame.lineno}"
            f" {frame.name}"
            for frame in traceback.extract_tb(cause.__traceback__)
        ]
        cause = cause.__cause__
    return "\n".join(lines)
