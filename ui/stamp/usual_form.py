"""常用: where the last document was sealed, and the places that the person has named."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QLineEdit, QWidget

from app.placing.stamp_plan import At, InField, Keyword, Placed, Riding
from ui.choice import Choice
from ui.language import tr
from ui.widgets import button, calm, column, label, row

Usual = tuple[str, tuple[Placed, ...]]
"""A name ("" for the last placement), and what it places."""


class UsualForm(QWidget):
    """Chooses one and places it; names what is placed now."""

    place = Signal(object)
    """What one of them places, a tuple of :class:`Placed`."""
    keep = Signal(str)
    """A name for what the chosen seal has on the document."""
    remove = Signal(str)

    def __init__(self, seal_name: Callable[[str], str]) -> None:
        """*seal_name* gives what the person calls the seal of a code."""
        super().__init__()
        self._seal_name = seal_name
        self._known: list[Usual] = []
        self._new = ""
        """The name of one that is being kept."""
        inner = column(spacing=8)
        self.setLayout(inner)
        self._none = label(
            tr("还没有常用位置。放好印章后，在下面起个名字保存。"), "small", wrap=True
        )
        inner.addWidget(self._none)
        self.choice = calm(Choice())
        self.choice.setAccessibleName(tr("常用位置"))
        self.choice.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.choice.setMinimumContentsLength(8)
        self.choice.currentIndexChanged.connect(self._told)
        inner.addWidget(self.choice)
        self._what = label("", "small", wrap=True)
        inner.addWidget(self._what)
        self._place = button(tr("放置"), self._placed)
        self._away = button(tr("删除"), self._removed)
        inner.addLayout(row(self._place, self._away))
        self.name_field = QLineEdit()
        self.name_field.setAccessibleName(tr("常用位置的名称"))
        self.name_field.setPlaceholderText(tr("名称，例如：合同末页"))
        self.name_field.setMaxLength(60)
        self.name_field.textChanged.connect(self._named)
        self.name_field.returnPressed.connect(self._kept)
        self._keep = button(tr("保存为常用位置"), self._kept)
        self._possible = False
        inner.addWidget(self.name_field)
        inner.addWidget(self._keep)
        self.show_known((), ())
        self.show_possible(False)

    def show_known(self, named: Sequence[Usual], last: tuple[Placed, ...]) -> None:
        """Those that are kept. The one just named is chosen, else the one before if it is there."""
        before = self.choice.currentText()
        self._known = [*([("", last)] if last else []), *named]
        self.choice.blockSignals(True)
        self.choice.clear()
        self.choice.addItems([name or tr("上次的位置") for name, _ in self._known])
        if self._new in (name for name, _ in named):
            before, self._new = self._new, ""
        self.choice.setCurrentIndex(max(0, self.choice.findText(before)))
        self.choice.blockSignals(False)
        some = bool(self._known)
        self._none.setVisible(not some)
        for widget in (self.choice, self._what, self._place, self._away):
            widget.setVisible(some)
        self._told()

    def show_possible(self, possible: bool) -> None:
        """Has the chosen seal a place on the document, which can be kept?"""
        self._possible = possible
        self.name_field.setEnabled(possible)
        self._named()

    def _told(self) -> None:
        number = self.choice.currentIndex()
        if 0 <= number < len(self._known):
            name, placed = self._known[number]
            self._away.setEnabled(bool(name))
            self._what.setText(self._in_words(placed))

    def _in_words(self, placed: Sequence[Placed]) -> str:
        """Each seal once, with its places."""
        by_seal: dict[str, list[str]] = {}
        for each in placed:
            where = _where(each)
            told = where if each.date is None else tr("{words}，带日期", words=where)
            by_seal.setdefault(each.seal_code, []).append(told)
        return "\n".join(
            tr("{seal}：{where}", seal=self._seal_name(code), where=tr("；").join(places))
            for code, places in by_seal.items()
        )

    def _placed(self) -> None:
        number = self.choice.currentIndex()
        if 0 <= number < len(self._known):
            self.place.emit(self._known[number][1])

    def _removed(self) -> None:
        number = self.choice.currentIndex()
        if 0 <= number < len(self._known) and self._known[number][0]:
            self.remove.emit(self._known[number][0])

    def _named(self) -> None:
        self._keep.setEnabled(self._possible and bool(self.name_field.text().strip()))

    def _kept(self) -> None:
        if self._keep.isEnabled():
            self._new = self.name_field.text().strip()
            self.keep.emit(self._new)


def _where(placed: Placed) -> str:
    """Where a rule puts the seal, in a few words."""
    rule = placed.rule
    if isinstance(rule, Keyword):
        return tr("文字“{text}”上", text=rule.text)
    if isinstance(rule, InField):
        return tr("签名域“{name}”上", name=rule.name) if rule.name else tr("签名域上")
    pages = {
        **{"all": tr("全部页"), "odd": tr("单数页"), "even": tr("双数页"), "-1": tr("最后一页")},
    }.get(rule.pages, tr("第 {pages} 页", pages=rule.pages))
    if isinstance(rule, Riding):
        side = {
            "right": tr("右边"),
            "left": tr("左边"),
            "top": tr("上边"),
            "bottom": tr("下边"),
        }[rule.side]
        return tr("骑缝（{side}，{pages}）", side=side, pages=pages)
    assert isinstance(rule, At)  # noqa: S101 - the last of the kinds
    across = tr("距右") if rule.corner.endswith("right") else tr("距左")
    down = tr("距下") if rule.corner.startswith("bottom") else tr("距上")
    return tr(
        "{pages}，{across} {x} 毫米，{down} {y} 毫米",
        pages=pages,
        across=across,
        x=f"{rule.x_mm:.1f}",
        down=down,
        y=f"{rule.y_mm:.1f}",
    )
