"""Where a PIN is typed: hidden until the person wants to see it, with a warning of Caps Lock."""

from __future__ import annotations

import ctypes
import sys

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFocusEvent, QHideEvent, QKeyEvent
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLineEdit, QWidget

from ui.language import tr
from ui.shell.notice import announce
from ui.widgets import label

if sys.platform == "win32":

    def caps_lock_of_system() -> bool | None:
        """Is Caps Lock on? None where the system does not tell."""
        return bool(ctypes.windll.user32.GetKeyState(0x14) & 1)  # VK_CAPITAL

else:

    def caps_lock_of_system() -> bool | None:
        """Is Caps Lock on? None where the system does not tell."""
        return None


class PinField(QLineEdit):
    """A field for a PIN: no input method, no way to the clipboard, also while it is shown."""

    caps_lock = Signal(bool)
    """Caps Lock is known to be on or off."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setEchoMode(QLineEdit.EchoMode.Password)
        self.setMaxLength(64)
        self.setAccessibleName(name)
        hints = Qt.InputMethodHint
        self.setInputMethodHints(
            hints.ImhHiddenText | hints.ImhSensitiveData | hints.ImhNoAutoUppercase
        )
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        self.selectionChanged.connect(self._select_nothing)
        self._caps: bool | None = None

    def take(self) -> str:
        """The PIN; the field is empty afterwards."""
        pin = self.text()
        self.clear()
        return pin

    def show_text(self, shown: bool) -> None:
        """Show what was typed, or dots."""
        mode = QLineEdit.EchoMode
        self.setEchoMode(mode.Normal if shown else mode.Password)

    def _select_nothing(self) -> None:
        """A selection in readable text can be copied, and X11 copies it at once."""
        if self.echoMode() == QLineEdit.EchoMode.Normal and self.hasSelectedText():
            self.deselect()

    # --- Caps Lock -------------------------------------------------------------------------------

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self._tell(caps_lock_of_system())

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        super().keyReleaseEvent(event)
        if event.key() == Qt.Key.Key_CapsLock:
            known = caps_lock_of_system()
            if known is None and self._caps is not None:
                known = not self._caps
            self._tell(known)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """A capital without Shift, or a small letter with it, gives Caps Lock away."""
        typed = event.text()
        if len(typed) == 1 and typed.isascii() and typed.isalpha():
            shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
            self._tell(typed.isupper() != shift)
        super().keyPressEvent(event)

    def _tell(self, on: bool | None) -> None:
        if on is not None:
            self._caps = on
            self.caps_lock.emit(on)


class PinAids(QWidget):
    """Below fields for PINs: shows what was typed, and warns of Caps Lock."""

    def __init__(self, *fields: PinField) -> None:
        super().__init__()
        self._fields = fields
        self.show_pins = QCheckBox(tr("显示口令"))
        self.show_pins.toggled.connect(self._show)
        self.warning = label(tr("大写锁定已打开"), "unknown")
        self.warning.setAccessibleName(tr("大写锁定已打开"))
        self.warning.setVisible(False)
        whole = QHBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self.show_pins)
        whole.addStretch()
        whole.addWidget(self.warning)
        for field in fields:
            field.caps_lock.connect(self._warn)

    def _show(self, shown: bool) -> None:
        for field in self._fields:
            field.show_text(shown)

    def _warn(self, on: bool) -> None:
        if on and self.warning.isHidden():
            announce(self.warning)
        self.warning.setVisible(on)

    def hideEvent(self, event: QHideEvent) -> None:
        """The next time the fields are shown they hide what is typed."""
        self.show_pins.setChecked(False)
        super().hideEvent(event)
