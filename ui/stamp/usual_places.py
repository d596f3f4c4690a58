"""The usual places on disk and in the panel: read, kept and removed in the pool."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from app.errors import explain
from app.placing.stamp_plan import Placed, usual
from ui.language import language, tr
from ui.stamp.usual_form import Usual, UsualForm

if TYPE_CHECKING:
    from app.placing.placement import PageBox
    from app.placing.templates import Template, Templates
    from ui.shell.interface import Shell

Kept = tuple[list[Usual], tuple[Placed, ...]]
"""Those with a name, and the last placement."""


class UsualPlaces(QObject):
    """Keeps :class:`UsualForm` and the user's file in step."""

    place = Signal(object)
    """The person wants one of them: a tuple of :class:`Placed`."""
    refused = Signal(str)
    """Why one could not be kept or read."""
    known = Signal(bool)
    """They were read; are there any?"""

    def __init__(self, form: UsualForm, shell: Shell, parent: QObject) -> None:
        super().__init__(parent)
        self._form, self._shell = form, shell
        form.place.connect(self.place)
        form.remove.connect(lambda name: self._change(lambda kept: kept.remove(name)))
        self.read()

    def read(self) -> None:
        """Read them again."""
        self._change(lambda kept: None)

    def keep(self, name: str, placed: Sequence[Placed], boxes: Sequence[PageBox]) -> None:
        """Keep *placed*, all of one seal, on a document with these pages."""
        if not placed:
            return

        def change(kept: Templates) -> None:
            from app.placing.templates import Template

            kept.keep(Template(name, usual(placed, boxes)))

        self._form.name_field.clear()
        self._change(change)

    def keep_last(self, placed: Sequence[Placed], boxes: Sequence[PageBox]) -> None:
        """Remember *placed* as the last placement."""
        last = usual(placed, boxes)
        self._change(lambda kept: kept.keep_last(last))

    def _change(self, change: Callable[[Templates], None]) -> None:
        folder = self._shell.context.settings.folders.config

        def work() -> Kept:
            from app.placing.templates import Templates

            kept = Templates(folder)
            change(kept)
            return [_usual(each) for each in kept.all()], kept.last()

        self._shell.tasks.work(work, done=self._show, failed=self._failed)

    def _show(self, kept: Kept) -> None:
        named, last = kept
        self._form.show_known(named, last)
        self.known.emit(bool(named or last))

    def _failed(self, error: BaseException) -> None:
        if isinstance(error, ValueError):  # one too many
            self.refused.emit(tr("常用位置太多了，请先删除不用的。"))
        else:
            self.refused.emit(explain(error, language()).cause)


def _usual(template: Template) -> Usual:
    return template.name, template.placed
