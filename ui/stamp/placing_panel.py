"""Where the seal goes: the six modes and their few fields."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.placing.stamp_plan import At, InField
from crypto.seal.date_mark import Style, signing_day, text_of
from ui import theme
from ui.choice import Choice
from ui.language import tr
from ui.stamp.form_parts import PagesField, form, grid, millimetres
from ui.stamp.marks_table import Line, MarksTable
from ui.stamp.riding_form import RidingForm
from ui.stamp.usual_form import UsualForm
from ui.widgets import Expander, button, calm, column, label, row, when_chosen

DATE_STYLES: tuple[Style, ...] = ("cn", "iso")
MODES = ("usual", "single", "pages", "riding", "keyword", "point")


def mode_titles() -> dict[str, str]:
    return {
        "usual": tr("常用"),
        "single": tr("单页"),
        "pages": tr("多页"),
        "riding": tr("骑缝"),
        "keyword": tr("关键字"),
        "point": tr("坐标"),
    }


class PlacingPanel(QWidget):
    """Tells what to place; what is placed already is moved on the canvas."""

    place = Signal(object)
    """A rule, or a tuple of rules, to place with the chosen seal."""
    search = Signal(str)
    """A text to look for; the hits appear as ghosts."""
    place_all = Signal()
    """A seal on every hit that is shown."""
    mode_changed = Signal(str)
    date_chosen = Signal(object)
    """How the chosen seal is dated: "cn", "iso" or None."""

    def __init__(self, seal_name: Callable[[str], str]) -> None:
        """*seal_name* gives what the person calls the seal of a code."""
        super().__init__()
        self._page = 0
        self._middle = (150.0, 240.0)
        self._group = QButtonGroup(self)
        modes = row(spacing=4)
        self._buttons: dict[str, QPushButton] = {}
        for name in MODES:
            made = QPushButton(mode_titles()[name])
            theme.set_role(made, "mode")
            made.setCheckable(True)
            made.setAccessibleName(tr("盖章方式：{name}", name=mode_titles()[name]))
            when_chosen(made, partial(self.choose, name))
            self._group.addButton(made)
            self._buttons[name] = made
            modes.addWidget(made, 1)
        self.riding = RidingForm()
        self.riding.place.connect(self.place)
        self.usual = UsualForm(seal_name)
        self._forms = {
            "usual": self.usual,
            "single": self._single(),
            "pages": self._many(),
            "riding": self.riding,
            "keyword": self._keyword(),
            "point": self._point(),
        }
        self.mode = "single"
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(10)
        whole.addLayout(modes)
        for shown in self._forms.values():
            whole.addWidget(shown)
        self.alone = QCheckBox(tr("拖动时只移动这一页的印章"))
        whole.addWidget(self.alone)
        self.date_field = calm(Choice())
        self.date_field.setAccessibleName(tr("印章旁的日期"))
        for style in (None, *DATE_STYLES):
            self.date_field.addItem(tr("无"), style)
        self.show_date(None)
        self.date_field.setToolTip(tr("盖章当天的日期（北京时间），红色，盖在印章旁边"))
        self.date_field.activated.connect(lambda _: self.date_chosen.emit(self.date))
        whole.addLayout(grid(((tr("日期"), self.date_field),)))
        self.marks = MarksTable()
        self._marks = Expander("", self.marks)
        self.marks.setContentsMargins(0, 0, 0, 8)
        self._marks.opened.connect(lambda: QTimer.singleShot(0, self._scroll_to_marks))
        whole.addWidget(self._marks)
        self.show_marks((), changed=False)
        self.choose("single")

    def choose(self, mode: str) -> None:
        """Show the fields of *mode*."""
        self.mode = mode
        self._buttons[mode].blockSignals(True)
        self._buttons[mode].setChecked(True)
        self._buttons[mode].blockSignals(False)
        for name, made in self._buttons.items():  # Tab leads to the chosen one alone
            tab = Qt.FocusPolicy.StrongFocus if name == mode else Qt.FocusPolicy.ClickFocus
            made.setFocusPolicy(tab)
        for name, shown in self._forms.items():
            shown.setVisible(name == mode)
        self.alone.setVisible(mode in ("pages", "riding", "keyword"))
        self.mode_changed.emit(mode)

    @property
    def date(self) -> Style | None:
        """How a seal that is placed now is dated."""
        chosen: Style | None = self.date_field.currentData()
        return chosen

    def show_date(self, style: Style | None) -> None:
        """How the chosen seal is dated; the choices show what today's date looks like."""
        today = signing_day(datetime.now(UTC))
        for number, choice in enumerate(DATE_STYLES, 1):
            self.date_field.setItemText(number, text_of(choice, today))
        self.date_field.setCurrentIndex(max(0, self.date_field.findData(style)))

    def show_page(self, page: int, count: int, middle: tuple[float, float]) -> None:
        """The canvas shows *page* (0-based); *middle* is where a seal goes by default."""
        self._page, self._middle = page, middle
        self._here.setText(tr("盖在第 {page} 页", page=page + 1))
        self._last.setEnabled(count > 1)
        self.page_field.setMaximum(max(1, count))
        self.page_field.setValue(page + 1)
        self.riding.show_count(count)

    def show_marks(self, lines: Sequence[Line], *, changed: bool) -> None:
        """The marks on the document; *changed*: is any moved or taken away by itself?"""
        self.marks.show_lines(lines, changed=changed)
        self._marks.set_title(tr("逐页调整（{count} 处）", count=len(lines)))
        self._marks.setVisible(len(lines) > 1 or changed)

    def open_marks(self) -> None:
        """Show 逐页调整."""
        self._marks.open()

    def _scroll_to_marks(self) -> None:
        area = self.parentWidget()
        while area is not None and not isinstance(area, QScrollArea):
            area = area.parentWidget()
        if area is not None:
            area.ensureWidgetVisible(self._marks, 0, 8)

    def show_fields(self, names: Sequence[str]) -> None:
        """The document's empty signature fields."""
        self.field_field.clear()
        self.field_field.addItems(list(names))
        self._fields.setVisible(bool(names))

    def show_hits(self, count: int | None) -> None:
        """How many places were found; None: nothing was looked for."""
        self._all.setVisible(bool(count))
        if count is None:
            self._found.setText(tr("在文件里查找文字，找到的位置会显示淡色印章，点一下才会盖上。"))
        elif count:
            self._found.setText(tr("找到 {count} 处，点淡色印章放置。", count=count))
            self._all.setText(tr("{count} 处全部放置", count=count))
        else:
            self._found.setText(tr("没有找到。扫描件里的文字是图片，请改用拖动或坐标。"))

    def searching(self) -> None:
        self._all.hide()
        self._found.setText(tr("正在查找…"))

    # --- the forms -------------------------------------------------------------------------------

    def _single(self) -> QWidget:
        made, inner = form()
        inner.addWidget(
            label(tr("在页面上点一下，或把印章拖过去；放好后可以再拖动。"), "small", wrap=True)
        )
        self._here = button(tr("盖在第 {page} 页", page=1), self._place_here)
        self._last = button(tr("盖在最后一页"), lambda: self.place.emit(At("-1", *self._middle)))
        inner.addLayout(row(self._here, self._last))
        self.field_field = calm(Choice())
        self.field_field.setAccessibleName(tr("签名域"))
        self._into = button(tr("盖在签名域上"), self._place_in_field)
        self._fields = QWidget()
        fields = column(spacing=6)
        self._fields.setLayout(fields)
        fields.addWidget(label(tr("文件里有空的签名域："), "small", wrap=True))
        fields.addLayout(row(self.field_field, self._into))
        self.show_fields(())
        inner.addWidget(self._fields)
        return made

    def _place_in_field(self) -> None:
        self.place.emit(InField(self.field_field.currentText()))

    def _place_here(self) -> None:
        self.place.emit(At(str(self._page + 1), *self._middle))

    def _many(self) -> QWidget:
        made, inner = form()
        inner.addWidget(label(tr("每一页盖在同一个位置，放好后可以再拖动。"), "small", wrap=True))
        self.pages = PagesField()
        self.pages.range.returnPressed.connect(self._place_many)
        inner.addWidget(self.pages)
        inner.addWidget(button(tr("放置"), self._place_many))
        return made

    def _place_many(self) -> None:
        self.place.emit(At(self.pages.pages, *self._middle))

    def _keyword(self) -> QWidget:
        made, inner = form()
        self.text_field = QLineEdit()
        self.text_field.setAccessibleName(tr("要查找的文字"))
        self.text_field.setPlaceholderText(tr("例如：甲方（盖章）"))
        self.text_field.returnPressed.connect(self._search)
        inner.addLayout(row(self.text_field, button(tr("查找"), self._search, icon="search")))
        self._found = label("", "small", wrap=True)
        inner.addWidget(self._found)
        self._all = button(tr("{count} 处全部放置", count=0), self.place_all.emit)
        inner.addWidget(self._all)
        self.show_hits(None)
        return made

    def _search(self) -> None:
        text = self.text_field.text().strip()
        if text:
            self.search.emit(text)

    def _point(self) -> QWidget:
        made, inner = form()
        inner.addWidget(label(tr("印章中心到页面左边和上边的距离，单位毫米。"), "small", wrap=True))
        self.page_field = calm(QSpinBox())
        self.page_field.setAccessibleName(tr("页码"))
        self.page_field.setMinimum(1)
        self.x_field = millimetres(tr("距左"), 0, 5000)
        self.y_field = millimetres(tr("距上"), 0, 5000)
        self.x_field.setValue(150)
        self.y_field.setValue(240)
        inner.addLayout(
            grid(
                (
                    (tr("页码"), self.page_field),
                    (tr("距左"), self.x_field),
                    (tr("距上"), self.y_field),
                )
            )
        )
        inner.addWidget(button(tr("放置"), self._place_point))
        return made

    def _place_point(self) -> None:
        page = str(self.page_field.value())
        self.place.emit(At(page, self.x_field.value(), self.y_field.value()))
