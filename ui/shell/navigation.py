"""The bar at the left: one button for each page, and the names by which pages are known.

A page's module is named here and imported when the page is first shown, so that the window does not
depend on any page.
"""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QButtonGroup, QFrame, QToolButton, QVBoxLayout

from ui import theme
from ui.language import tr
from ui.widgets import when_chosen

HEIGHT = 66
"""Pixels of a button, where there is room."""
LOW = 58
"""Below this the icon is smaller."""


@dataclass(frozen=True)
class PageEntry:
    """One page, as the window knows it."""

    name: str
    icon: str
    module: str
    kind: str
    """The page's class in that module; made with the shell as its only argument."""


PAGES = (
    PageEntry("stamp", "stamp", "ui.stamp.stamp_page", "StampPage"),
    PageEntry("verify", "shield-check", "ui.verify.verify_page", "VerifyPage"),
    PageEntry("seals", "layers", "ui.pages.seals_page", "SealsPage"),
    PageEntry("grants", "users", "ui.pages.grants_page", "GrantsPage"),
    PageEntry("approvals", "inbox", "ui.pages.approvals_page", "ApprovalsPage"),
    PageEntry("journal", "book-open-text", "ui.pages.journal_page", "JournalPage"),
    PageEntry("settings", "settings", "ui.pages.settings_page", "SettingsPage"),
)
"""In the order of their buttons; Ctrl+1 shows the first."""


def page_titles() -> dict[str, str]:
    """Title by name, in the window's language."""
    return {
        "stamp": tr("盖章"),
        "verify": tr("验章"),
        "seals": tr("印章"),
        "grants": tr("授权"),
        "approvals": tr("审批"),
        "journal": tr("台账"),
        "settings": tr("设置"),
    }


class Navigation(QFrame):
    """See the module."""

    chosen = Signal(str)
    """The name of the page."""

    def __init__(self) -> None:
        super().__init__()
        theme.set_role(self, "nav")
        self.setFixedWidth(76)
        self._group = QButtonGroup(self)
        self.buttons: dict[str, QToolButton] = {}
        self._low = False
        inner = QVBoxLayout(self)
        inner.setContentsMargins(0, 8, 0, 8)
        inner.setSpacing(2)
        for number, entry in enumerate(PAGES, 1):
            inner.addWidget(self._button(number, entry))
            if entry.name == "journal":
                inner.addStretch()

    def show_chosen(self, name: str) -> None:
        """The page of that name is shown now."""
        self.buttons[name].blockSignals(True)
        self.buttons[name].setChecked(True)
        self.buttons[name].blockSignals(False)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """In a low window the buttons are lower, too."""
        super().resizeEvent(event)
        gaps = 16 + 2 * len(self.buttons)
        height = min(HEIGHT, (self.height() - gaps) // len(self.buttons))
        if (height < LOW) is not self._low:
            self._low = not self._low
            for name, made in self.buttons.items():
                self._dress(made, next(entry.icon for entry in PAGES if entry.name == name))
        for made in self.buttons.values():
            made.setFixedHeight(height)

    def _dress(self, made: QToolButton, icon: str) -> None:
        theme.set_icon(made, icon, "text", 16 if self._low else 22)
        theme.set_role(made, "nav-low" if self._low else "nav")

    def _button(self, number: int, entry: PageEntry) -> QToolButton:
        made = QToolButton()
        made.setText(page_titles()[entry.name])
        made.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
        made.setCheckable(True)
        made.setToolTip(f"Ctrl+{number}")
        made.setAccessibleName(page_titles()[entry.name])
        made.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        when_chosen(made, lambda: self.chosen.emit(entry.name))
        made.setFixedWidth(75)
        self._group.addButton(made)
        self.buttons[entry.name] = made
        self._dress(made, entry.icon)
        return made
