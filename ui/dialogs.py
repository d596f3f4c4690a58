"""Dialogs in the program's own style: they fit every screen, and a question has its answers."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QEvent, QSize, Qt, QTimer
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QDialog, QPushButton, QVBoxLayout, QWidget

from ui.language import tr
from ui.widgets import button, label, picture, row, scrolled

FRAME = QSize(2, 40)
"""What the system draws around a window: its edges and its title bar, in pixels."""


class Dialog(QDialog):
    """Closed by Esc and ×. Where the screen is too low, all but its last row scrolls: the buttons
    are always seen."""

    _scrolls = False
    beside: QWidget | None = None
    """What must stay in view while the dialog is open."""

    def showEvent(self, event: QShowEvent) -> None:
        self._fit(afresh=not event.spontaneous())
        super().showEvent(event)
        if self.beside is not None and not event.spontaneous():
            self._step_aside(self.beside)

    def _step_aside(self, seen: QWidget) -> None:
        """To the left end of the window, or as far from *seen*, at the right, as there is room."""
        window, margin = seen.window(), 16
        corner = window.mapToGlobal(window.rect().topLeft())
        edge = seen.mapToGlobal(seen.rect().topLeft()).x()
        left = min(corner.x() + 5 * margin, edge - margin - self.width())
        screen = self.screen().availableGeometry()
        top = seen.mapToGlobal(seen.rect().topLeft()).y() + 4 * margin
        bottom = screen.bottom() - FRAME.height() - self.height()
        self.move(max(screen.left(), left), max(screen.top(), min(top, bottom)))

    def event(self, event: QEvent) -> bool:
        done = super().event(event)
        if event.type() == QEvent.Type.LayoutRequest and self.isVisible():
            self._fit(afresh=False)  # something more is said now
            self._stay_on_screen()
        return done

    def _stay_on_screen(self) -> None:
        """A dialog that grows does so downwards."""
        frame, screen = self.frameGeometry(), self.screen().availableGeometry()
        below = frame.bottom() - screen.bottom()
        if below > 0 and frame.top() > screen.top():
            self.move(frame.left(), max(screen.top(), frame.top() - below))

    def _fit(self, *, afresh: bool) -> None:
        layout = self.layout()
        if self._scrolls or not isinstance(layout, QVBoxLayout):
            return
        room = self.screen().availableGeometry().size() - FRAME
        self.setMinimumSize(self.minimumSize().boundedTo(room))
        least = max(self.minimumWidth(), layout.totalMinimumSize().width())  # with a wide font
        width = min(max(self.width(), least), room.width())
        height = layout.totalSizeHint().height()
        if layout.hasHeightForWidth():
            height = layout.totalHeightForWidth(width)
        if height > room.height():
            self._scrolls = True
            self._scroll(layout)
            self.resize(width, room.height())
        elif afresh or self.height() < height:
            self.resize(width, height)  # lines of text are not as high as Qt reckons at first

    def _scroll(self, content: QVBoxLayout) -> None:
        margins, spacing = content.contentsMargins(), content.spacing()
        focus = self.focusWidget()
        inner = QWidget()
        foot = content.takeAt(content.count() - 1)
        inner.setLayout(content)  # takes it from the dialog
        content.setContentsMargins(margins.left(), margins.top(), margins.right(), 0)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, margins.bottom())
        whole.setSpacing(spacing)
        area = scrolled(inner, self.windowTitle())
        whole.addWidget(area, 1)
        buttons = foot.layout() if foot is not None else None
        if buttons is not None:
            holder = QWidget()
            buttons.setParent(None)
            holder.setLayout(buttons)
            buttons.setContentsMargins(margins.left(), 0, margins.right(), 0)
            whole.addWidget(holder)
        elif foot is not None and foot.widget() is not None:
            whole.addWidget(foot.widget())
        whole.activate()  # else the old one's smallest size holds
        if focus is not None:
            focus.setFocus()
            QTimer.singleShot(0, area, lambda: area.ensureWidgetVisible(focus))


class Question(Dialog):
    """A text and its answers, each on a button; Esc and × give the last of them."""

    def __init__(
        self,
        parent: QWidget,
        title: str,
        text: str,
        *answers: str,
        details: str = "",
        first: int = 0,
    ) -> None:
        """*first*: number of the answer that Enter gives."""
        super().__init__(parent)
        self.text, self.details = text, details
        self.answer = answers[-1]
        """What was answered, once it is closed."""
        self.setWindowTitle(title)
        self.setMinimumWidth(440)
        self.setAccessibleDescription(details)
        self.setAccessibleName(text)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(24, 20, 24, 20)
        whole.setSpacing(10)
        head = row(picture("circle-help", "muted", 24), spacing=12)
        head.addWidget(label(text, "heading", wrap=True), 1)
        whole.addLayout(head)
        if details:
            said = label(details, wrap=True, select=True)
            said.setContentsMargins(36, 0, 0, 0)
            whole.addWidget(said)
        whole.addSpacing(4)
        whole.addStretch()
        foot = row(None, spacing=8)
        self.buttons: dict[str, QPushButton] = {}
        for number, words in enumerate(answers):
            made = button(words, partial(self.reply, words), role="default" * (number == first))
            made.setDefault(number == first)
            self.buttons[words] = made
            foot.addWidget(made)
        whole.addLayout(foot)
        self.buttons[answers[first]].setFocus(Qt.FocusReason.OtherFocusReason)

    def reply(self, words: str) -> None:
        """Give that answer."""
        self.answer = words
        self.accept()


def ask(
    parent: QWidget, title: str, text: str, *answers: str, details: str = "", first: int = 0
) -> str:
    """Ask and wait; the answer, which is the last one where the person would rather not say."""
    box = Question(parent, title, text, *answers, details=details, first=first)
    box.exec()
    box.deleteLater()
    return box.answer


def confirm(parent: QWidget, title: str, text: str, sure: str, *, details: str = "") -> bool:
    """Ask whether to do something that is not undone easily: Enter and Esc do not."""
    return ask(parent, title, text, sure, tr("取消"), details=details, first=1) == sure
