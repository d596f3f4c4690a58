"""What the next uses of a seal under a grant are for, where the grant allows several kinds of
documents or several parties: chosen where one stamps, and where one looks at the grant."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QComboBox, QLabel, QWidget

from ui.choice import Choice
from ui.flow import flow
from ui.language import tr
from ui.widgets import calm, clear_layout, column, label, narrow

if TYPE_CHECKING:
    from app.store.lending import GrantRecord

Choose = Callable[["GrantRecord", str, str], object]
"""Keeps a choice: of which grant, "kind" or "counterparty", and what."""


def missing(grant: GrantRecord) -> tuple[str, ...]:
    """Which of "kind" and "counterparty" a use must say, and nobody has chosen yet."""
    scope = grant.signed.grant.scope
    wanted = (
        ("kind", scope.kinds, grant.kind),
        ("counterparty", scope.counterparties, grant.counterparty),
    )
    return tuple(
        name for name, allowed, chosen in wanted if len(allowed) > 1 and chosen not in allowed
    )


class LentUse(QWidget):
    """A list for each of the two; nothing where there is nothing to choose."""

    def __init__(self, choose: Choose, grant: GrantRecord | None = None) -> None:
        super().__init__()
        self._choose = choose
        self.choices: dict[str, QComboBox] = {}
        self._titles: list[QLabel] = []
        self._shown: tuple[object, ...] = ()
        self._column = column(spacing=6)
        self.setLayout(self._column)
        self.show_grant(grant)

    def show_grant(self, grant: GrantRecord | None) -> None:
        """Offer what *grant* allows; None: the seal is no copy under a grant."""
        scope = grant.signed.grant.scope if grant is not None else None
        shown = (grant.id, grant.open, scope) if grant is not None else ()
        if grant is not None and shown == self._shown:  # whoever chooses keeps the focus
            for name, value in (("kind", grant.kind), ("counterparty", grant.counterparty)):
                if name in self.choices:
                    self.choices[name].setCurrentIndex(max(0, self.choices[name].findData(value)))
            return
        self._shown = shown
        clear_layout(self._column)
        self.choices, self._titles = {}, []
        open_here = grant is not None and grant.side == "received" and grant.open
        if grant is not None and scope is not None and open_here:
            self._offer(grant, tr("下次用于"), "kind", scope.kinds, grant.kind)
            parties = scope.counterparties
            self._offer(grant, tr("下次的相对方"), "counterparty", parties, grant.counterparty)
        wide = max((each.sizeHint().width() for each in self._titles), default=0)
        for each in self._titles:
            each.setMinimumWidth(wide)
        if self.parentWidget() is not None or not self.choices:  # without one it were a window
            self.setVisible(bool(self.choices))

    def _offer(
        self, grant: GrantRecord, title: str, name: str, allowed: tuple[str, ...], chosen: str
    ) -> None:
        if len(allowed) < 2:
            return
        choice = narrow(calm(Choice()))
        choice.setAccessibleName(title)
        choice.addItem(tr("请选择"), "")
        for text in allowed:
            choice.addItem(text, text)
        choice.setCurrentIndex(max(0, choice.findData(chosen)))
        choice.activated.connect(partial(self._chosen, grant, name, choice))
        self.choices[name] = choice
        named = label(title, "muted")
        self._titles.append(named)
        self._column.addLayout(flow(named, choice, stretch=choice))

    def _chosen(self, grant: GrantRecord, name: str, choice: QComboBox, _place: int) -> None:
        self._choose(grant, name, str(choice.currentData()))
