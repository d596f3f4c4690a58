"""The bar at the left: one button for each page, and the names by which pages are known.

A page's module is named here and imported when the page is first shown, so that the window does not
depend on any page.
"""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QButtonGroup, QFrame, QToolButton, QVBoxLayout

from crypto.frozen import frozen
from ui import theme
from ui.language import tr
from ui.room import in_button, room
from ui.widgets import when_chosen

LETTERS = 12
"""Pixels that the words are high (resources/theme.qss)."""
HEIGHT = 66
"""Pixels of a button, where there is room."""
LOW = 58
"""Below this the icon is smaller."""
LOWEST = 46
"""Below this there is only the word."""


@frozen
class PageEntry:
    """One page, as the window knows it."""

    name: str
    icon: str
    module: str
    kind: str
    """The page's class in that module; made with the shell as its only argument."""
    role: str = ""
    """Whose page it is: seen while a key for that work is plugged in; "": everybody's."""


PAGES = (
    PageEntry("stamp", "stamp", "ui.stamp.stamp_page", "StampPage"),
    PageEntry("verify", "shield-check", "ui.verify.verify_page", "VerifyPage"),
    PageEntry("seals", "layers", "ui.pages.seals_page", "SealsPage"),
    PageEntry("grants", "users", "ui.pages.grants_page", "GrantsPage"),
    PageEntry("approvals", "inbox", "ui.pages.approvals_page", "ApprovalsPage"),
    PageEntry("journal", "book-open-text", "ui.pages.journal_page", "JournalPage"),
    PageEntry("settings", "settings", "ui.pages.settings_page", "SettingsPage"),
    PageEntry("review", "file-check", "ui.staff.review_page", "ReviewPage", "reviewer"),
    PageEntry("audit", "search", "ui.staff.audit_page", "AuditPage", "auditor"),
)
"""Ctrl+1 shows the first; the settings' button is the last."""
STAFF_PAGES = frozenset(entry.name for entry in PAGES if entry.role)


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
        "review": tr("审核"),
        "audit": tr("审计"),
    }


class Navigation(QFrame):
    """See the module."""

    chosen = Signal(str)
    """The name of the page."""

    def __init__(self) -> None:
        super().__init__()
        theme.set_role(self, "nav")
        titles = page_titles()
        words = max(in_button(titles[entry.name], LETTERS) for entry in PAGES)
        self.setFixedWidth(max(room(76), words + 1))
        self._group = QButtonGroup(self)
        self.buttons: dict[str, QToolButton] = {}
        self._low = False
        inner = QVBoxLayout(self)
        inner.setContentsMargins(0, 8, 0, 8)
        inner.setSpacing(2)
        self._roles: frozenset[str] = frozenset()
        for number, entry in enumerate(PAGES, 1):
            self._button(number, entry)
        above = [entry for entry in PAGES if entry.name != "settings"]
        for entry in above:
            inner.addWidget(self.buttons[entry.name])
        inner.addStretch()
        inner.addWidget(self.buttons["settings"])
        self.show_roles(frozenset())

    def show_roles(self, roles: frozenset[str]) -> None:
        """Have the pages of those roles, and no other role's."""
        self._roles = roles
        for entry in PAGES:
            self.buttons[entry.name].setVisible(self.offers(entry.name))
        self._fit()

    def offers(self, name: str) -> bool:
        """Can that page be gone to?"""
        role = next(entry.role for entry in PAGES if entry.name == name)
        return not role or role in self._roles

    def show_chosen(self, name: str) -> None:
        """The page of that name is shown now."""
        self.buttons[name].blockSignals(True)
        self.buttons[name].setChecked(True)
        self.buttons[name].blockSignals(False)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """In a low window the buttons are lower, too."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        count = sum(self.offers(name) for name in self.buttons)
        gaps = 16 + 2 * count
        height = min(HEIGHT, (self.height() - gaps) // count)
        if (height < LOW) is not self._low:
            self._low = not self._low
            for name, made in self.buttons.items():
                self._dress(made, next(entry.icon for entry in PAGES if entry.name == name))
        style = Qt.ToolButtonStyle
        words = style.ToolButtonTextOnly if height < LOWEST else style.ToolButtonTextUnderIcon
        for made in self.buttons.values():
            made.setToolButtonStyle(words)
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
        made.setFixedWidth(self.minimumWidth() - 1)  # room for the line
        self._group.addButton(made)
        self.buttons[entry.name] = made
        self._dress(made, entry.icon)
        return made
