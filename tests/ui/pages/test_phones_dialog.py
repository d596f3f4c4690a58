"""Pairing in the window: the code, the digits, the end of a phone; and what goes wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QLabel, QPushButton
from pytestqt.qtbot import QtBot

from app.errors import PairingOver, PhoneNotProved
from app.remote.approval.phones import qr_matrix
from tests.world.desk import PIN, StandIn
from ui.pages.phones_dialog import PhonesDialog
from ui.pages.qr_code import SMALLEST, QrCode
from ui.shell.window import MainWindow

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


class Asked:
    """The PIN, and what it was asked for."""

    def __init__(self, pin: str = PIN) -> None:
        self.purposes: list[str] = []
        self.pin = pin

    def __call__(self, purpose: str) -> tuple[str, str]:
        self.purposes.append(purpose)
        return "UK", self.pin


def texts(dialog: PhonesDialog) -> str:
    shown = (each for each in dialog.findChildren(QLabel) if not each.isHidden())
    return "\n".join(each.text() for each in shown)


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest.fixture
def dialog(qtbot: QtBot, window: MainWindow, asked: Asked) -> PhonesDialog:
    qtbot.waitUntil(lambda: window.token is not None)
    made = PhonesDialog(window, window, asked)
    made._timer.setInterval(10)
    qtbot.addWidget(made)
    made.show()
    return made


def test_a_phone_is_paired_bound_and_revoked(
    qtbot: QtBot, dialog: PhonesDialog, context: StandIn, asked: Asked
) -> None:
    dialog.pair.click()
    qtbot.waitUntil(lambda: "李晓梅" in texts(dialog))  # what is new is shown a turn later
    assert dialog.findChildren(QrCode)
    assert not dialog.confirm.isVisible()
    come = context.phones.come(backup="synced")
    qtbot.waitUntil(lambda: come.digits in texts(dialog))
    assert "会同步到" in texts(dialog)
    assert dialog.findChildren(QrCode) == [] or not dialog.code.isVisible()
    dialog.confirm.click()
    qtbot.waitUntil(lambda: "Pixel 9，" in texts(dialog))
    assert not dialog.confirm.isVisible()
    next(b for b in dialog.findChildren(QPushButton) if b.text() == "解除…").click()
    qtbot.waitUntil(lambda: "现在没有配对的手机" in texts(dialog))
    name = "Android 14; Pixel 9"
    assert asked.purposes == [
        "配对手机：登录平台",
        f"绑定手机“{name}”，数字 {come.digits}",
        f"解除手机“{name}”，立即生效",
    ]
    assert all(thread.startswith("ukey") for thread in context.phones.threads)


@pytest.mark.parametrize("error", [PhoneNotProved(), PairingOver()])
def test_a_phone_that_is_none_ends_the_pairing_and_is_told(
    qtbot: QtBot, dialog: PhonesDialog, context: StandIn, error: Exception
) -> None:
    dialog.pair.click()
    qtbot.waitUntil(lambda: context.phones.begun is not None)
    context.phones.error = error
    qtbot.waitUntil(lambda: "E-32" in dialog.problem.text())
    assert context.phones.begun is None
    assert dialog.pair.isVisible()
    assert not dialog.confirm.isVisible()


def test_closing_gives_the_pairing_up(qtbot: QtBot, dialog: PhonesDialog, context: StandIn) -> None:
    dialog.pair.click()
    qtbot.waitUntil(lambda: context.phones.begun is not None)
    qtbot.waitUntil(dialog.back.isVisible)
    dialog.reject()
    assert context.phones.begun is None
    assert not dialog._timer.isActive()


def test_a_wrong_pin_is_told_and_nothing_has_begun(
    qtbot: QtBot, dialog: PhonesDialog, context: StandIn, asked: Asked
) -> None:
    asked.pin = "wrong"
    dialog.pair.click()
    qtbot.waitUntil(lambda: "口令" in dialog.problem.text())
    assert context.phones.begun is None
    asked.pin = ""
    dialog.show_phones.click()
    assert dialog.isEnabled()


def test_a_code_is_painted_in_whole_pixels_with_its_border(qtbot: QtBot, tmp_path: Path) -> None:
    matrix = qr_matrix("http://localhost:8081/m/p/pairing_0123456789abcdef01234567#" + "A" * 22)
    code = QrCode(matrix, "x")
    qtbot.addWidget(code)
    code.resize(code.sizeHint())
    assert code.width() >= SMALLEST
    image = code.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    count = len(matrix)
    module = min(image.width(), image.height()) // count
    left, top = (image.width() - module * count) // 2, (image.height() - module * count) // 2
    for y in range(count):
        for x in range(count):
            for corner in (0, module - 1):
                seen = image.pixelColor(left + x * module + corner, top + y * module + corner)
                assert seen.lightness() == (0 if matrix[y][x] else 255)
