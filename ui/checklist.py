"""盖章前检查: one line per condition, with an icon and words; the first that fails comes first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QVBoxLayout, QWidget

from ui.widgets import clear_layout, label, picture, row


@dataclass(frozen=True)
class Check:
    """One condition."""

    good: bool
    text: str
    warning: bool = False
    """Good, but worth a look."""
    pending: bool = False
    """Not known yet."""


class Checklist(QWidget):
    """Shows conditions; what fails stands on top."""

    def __init__(self) -> None:
        super().__init__()
        self._checks: tuple[Check, ...] = ()
        self._lines = QVBoxLayout(self)
        self._lines.setContentsMargins(0, 0, 0, 0)
        self._lines.setSpacing(5)

    @property
    def checks(self) -> tuple[Check, ...]:
        return self._checks

    def show_checks(self, checks: Sequence[Check]) -> None:
        """Replace what is shown."""
        ordered = tuple(sorted(checks, key=lambda each: each.good))
        if ordered == self._checks:
            return
        self._checks = ordered
        clear_layout(self._lines)
        for each in ordered:
            name, role = ("circle-check", "good") if each.good else ("circle-x", "bad")
            if each.pending:
                name, role = "hourglass", "muted"
            elif each.warning:
                name, role = "triangle-alert", "unknown"
            text = label(each.text, "" if each.good else role, wrap=True)
            image = picture(name, role, 15)
            inner = row(spacing=8)
            image.setContentsMargins(0, 3, 0, 0)
            inner.addWidget(image, 0, Qt.AlignmentFlag.AlignTop)
            inner.addWidget(text, 1)
            holder = QWidget()
            holder.setLayout(inner)
            holder.setAccessibleName(each.text)
            self._lines.addWidget(holder)
