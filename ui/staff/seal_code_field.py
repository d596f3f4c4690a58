"""The field for a seal's code, which a reviewer copies from a letter or hears on the telephone."""

from __future__ import annotations

from PySide6.QtWidgets import QLineEdit

from ui.language import tr

_DIGITS = 14


class SealCodeField(QLineEdit):
    """14 digits, spaces among them as people write them."""

    def __init__(self) -> None:
        super().__init__()
        self.setMaxLength(2 * _DIGITS)
        self.setPlaceholderText(tr("14 位数字"))

    @property
    def code(self) -> str:
        """What was typed, without spaces."""
        return "".join(self.text().split())

    @property
    def is_right(self) -> bool:
        code = self.code
        return len(code) == _DIGITS and code.isascii() and code.isdigit()

    @property
    def problem(self) -> str:
        """What is wrong with what was typed; "" if nothing, or nothing was typed yet."""
        return tr("印章编码是 14 位数字。") if self.code and not self.is_right else ""
