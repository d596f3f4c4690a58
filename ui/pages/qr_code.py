"""A QR code: black on white in whole pixels of the screen, in a dark theme too."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

SMALLEST = 270
"""Pixels: what a phone reads from a screen at arm's length."""


class QrCode(QWidget):
    """Shows the modules (True is dark; with their border) of one code."""

    def __init__(self, matrix: list[list[bool]], said: str, parent: QWidget | None = None) -> None:
        """*said*: what it is for, to whoever cannot see it."""
        super().__init__(parent)
        self._matrix = matrix
        self.setAccessibleName(said)
        self.setMinimumSize(SMALLEST, SMALLEST)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        """So large that a module is a whole number of points."""
        count = len(self._matrix)
        side = count * -(-SMALLEST // count)
        return QSize(side, side)

    def paintEvent(self, event: QPaintEvent) -> None:
        ratio = self.devicePixelRatioF()
        count = len(self._matrix)
        module = max(1, int(min(self.width(), self.height()) * ratio) // count)
        painter = QPainter(self)
        painter.scale(1 / ratio, 1 / ratio)
        side = module * count
        left = int((self.width() * ratio - side) / 2)
        top = int((self.height() * ratio - side) / 2)
        painter.fillRect(QRectF(left, top, side, side), Qt.GlobalColor.white)
        for y, line in enumerate(self._matrix):
            for x, dark in enumerate(line):
                if dark:
                    place = QRectF(left + x * module, top + y * module, module, module)
                    painter.fillRect(place, Qt.GlobalColor.black)
        painter.end()
