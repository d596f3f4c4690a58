"""The seals to choose from: a card each, and what the canvas needs to know of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QWidget

from app.placing.placement import SealSize
from ui.language import tr
from ui.seal_card import SealCard, kind_name
from ui.widgets import button, clear_layout, column, label, row

if TYPE_CHECKING:
    from app.store.cabinet import SealRecord


class SealRack(QWidget):
    """One of the cards is chosen, if there are any."""

    chosen = Signal(str)
    """Another seal's code."""

    def __init__(self, apply: Callable[[], None]) -> None:
        """*apply* leads to where one applies for a seal."""
        super().__init__()
        self._apply = apply
        self.cards: dict[str, SealCard] = {}
        self.seals: dict[str, SealRecord] = {}
        self.pictures: dict[str, QImage] = {}
        self.sizes: dict[str, SealSize] = {}
        self._column = column(spacing=6)
        self.setLayout(self._column)
        self.show_seals((), "")

    @property
    def code(self) -> str:
        """Of the card that is chosen; "" if there is none."""
        return next((code for code, card in self.cards.items() if card.isChecked()), "")

    @property
    def chosen_size(self) -> SealSize:
        """The chosen seal's filed size; a common one where there is none."""
        return self.sizes.get(self.code, SealSize(40, 40))

    def name(self, code: str) -> str:
        """What the person calls the seal; its code if it is not here."""
        return kind_name(self.seals[code]) if code in self.seals else code

    def show_seals(self, seals: Sequence[SealRecord], last: str) -> None:
        """Replace the cards; chosen stays what was, else *last*, else the first that may stamp."""
        if self._column.count() and list(self.seals.values()) == list(seals):
            return
        wanted = (self.code, last)
        clear_layout(self._column)
        self.cards.clear()
        self.seals = {seal.code: seal for seal in seals}
        for seal in seals:
            card = SealCard(seal)
            card.toggled.connect(lambda on, code=seal.code: self._toggled(code, on))
            self.cards[seal.code] = card
            self.pictures[seal.code] = card.picture
            parsed = seal.parsed
            self.sizes[seal.code] = SealSize(parsed.width_mm, parsed.height_mm)
            self._column.addWidget(card)
        if not seals:
            self._column.addWidget(label(tr("这台电脑上还没有印章。"), "muted", wrap=True))
            apply = button(tr("申请印章…"), self._apply)
            self._column.addLayout(row(apply, None))
            self._lead_to([apply])
            return
        self._lead_to(list(self.cards.values()))
        now = datetime.now(UTC)
        usable = [seal.code for seal in seals if seal.usable(now) is None]
        first = next((code for code in wanted if code in self.cards), "")
        self.cards[first or (usable or list(self.cards))[0]].setChecked(True)

    def _lead_to(self, widgets: Sequence[QWidget]) -> None:
        """Put *widgets* into the tab order where they are shown: Qt puts new ones last. Only a
        widget that takes the focus can be named as the one before."""
        here = self.previousInFocusChain() or self
        while here.focusPolicy() is Qt.FocusPolicy.NoFocus and here is not self:
            here = here.previousInFocusChain() or self
        for widget in widgets:
            QWidget.setTabOrder(here, widget)
            here = widget

    def choose(self, code: str) -> None:
        """As if its card had been clicked."""
        self.cards[code].setChecked(True)

    def _toggled(self, code: str, on: bool) -> None:
        if on:
            self.chosen.emit(code)
