"""Seals of one name."""

from pathlib import Path

from PySide6.QtWidgets import QComboBox
from pytestqt.qtbot import QtBot

from tests.world.real_data import SEALS, long_company
from ui.pages.approval_dialogs import AskDialog
from ui.pages.grants_dialogs import OfferDialog
from ui.seal_card import seal_title


def test_a_choice_of_seals_shows_first_what_tells_them_apart(qtbot: QtBot, look: None) -> None:
    seals = long_company().seals
    for dialog in (AskDialog(seals, Path()), OfferDialog(seals)):
        qtbot.addWidget(dialog)
        box = dialog.findChild(QComboBox)
        texts = [box.itemText(n)[:24] for n in range(box.count())]
        assert len(set(texts)) == len(SEALS) == 3
        assert box.itemText(0) == seal_title(seals[0])
        assert SEALS[0][0] in texts[0]
