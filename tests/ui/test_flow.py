"""Widgets in lines: how high they are at each width, also after one has changed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtWidgets import QPushButton, QWidget
from pytestqt.qtbot import QtBot

from ui.flow import Flow, flow

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


@pytest.fixture
def parts() -> list[QPushButton]:
    return [QPushButton(text) for text in ("one", "two", "three", "four")]


@pytest.fixture
def made(qtbot: QtBot, parts: list[QPushButton]) -> Iterator[Flow]:
    whole = QWidget()
    qtbot.addWidget(whole)
    made = flow(*parts)
    whole.setLayout(made)
    whole.resize(120, 400)
    whole.show()
    yield made
    whole.close()


def lines(made: Flow, width: int) -> int:
    row = made.itemAt(1).sizeHint().height()
    return round((made.heightForWidth(width) + made.spacing()) / (row + made.spacing()))


def test_what_has_no_room_on_a_line_is_on_the_next(made: Flow, parts: list[QPushButton]) -> None:
    widest = max(part.sizeHint().width() for part in parts)
    assert lines(made, widest) == len(parts)
    assert lines(made, len(parts) * (widest + made.spacing())) == 1
    assert lines(made, widest) == len(parts)


def test_a_part_that_has_grown_gone_or_come_counts_at_once(
    made: Flow, parts: list[QPushButton]
) -> None:
    width = sum(part.sizeHint().width() + made.spacing() for part in parts)
    assert lines(made, width) == 1
    parts[0].setText("one that has become much longer than it was")
    assert lines(made, width) > 1
    parts[0].hide()
    assert lines(made, width) == 1
    parts[0].show()
    assert lines(made, width) > 1
    parts[0].setText("one")
    assert lines(made, width) == 1
    fifth = QPushButton("five")
    made.addWidget(fifth)
    fifth.show()
    assert lines(made, width) == 2
