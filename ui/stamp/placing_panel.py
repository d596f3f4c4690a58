"""Where the seal goes: the five modes and their few fields."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QGridLayout,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.placing.stamp_plan import At, Riding
from crypto.seal.date_mark import Style, signing_day, text_of
from ui import theme
from ui.language import tr
from ui.stamp.marks_table import Line, MarksTable
from ui.widgets import Expander, button, column, label, row

DATE_STYLES: tuple[Style, ...] = ("cn", "iso")
MODES = ("single", "pages", "riding", "keyword", "point")


def mode_titles() -> dict[str, str]:
    return {
        "single": tr("单页"),
        "pages": tr("多页"),
        "riding": tr("骑缝"),
        "keyword": tr("关键字"),
        "point": tr("坐标"),
    }


class PlacingPanel(QWidget):
    """Tells what to place; what is placed already is moved on the canvas."""

    place = Signal(object)
    """A rule to place with the chosen seal."""
    search = Signal(str)
    """A text to look for; the hits appear as ghosts."""
    place_all = Signal()
    """A seal on every hit that is shown."""
    mode_changed = Signal(str)
    date_chosen = Signal(object)
    """How the chosen seal is dated: "cn", "iso" or None."""

    def __init__(self) -> None:
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
            made.clicked.connect(lambda _=False, name=name: self.choose(name))
            self._group.addButton(made)
            self._buttons[name] = made
            modes.addWidget(made, 1)
        self._forms = {
            "single": self._single(),
            "pages": self._many(),
            "riding": self._riding(),
            "keyword": self._keyword(),
            "point": self._point(),
        }
        self.mode = "single"
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(10)
        whole.addLayout(modes)
        for form in self._forms.values():
            whole.addWidget(form)
        self.alone = QCheckBox(tr("拖动时只移动这一页的印章"))
        whole.addWidget(self.alone)
        self.date_field = QComboBox()
        self.date_field.setAccessibleName(tr("印章旁的日期"))
        for style in (None, *DATE_STYLES):
            self.date_field.addItem(tr("无"), style)
        self.show_date(None)
        self.date_field.setToolTip(tr("盖章当天的日期（北京时间），红色，盖在印章旁边"))
        self.date_field.activated.connect(lambda _: self.date_chosen.emit(self.date))
        whole.addLayout(_grid(((tr("日期"), self.date_field),)))
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
        self._buttons[mode].setChecked(True)
        for name, form in self._forms.items():
            form.setVisible(name == mode)
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
        self._ride.setEnabled(count > 1)
        self._alone.setVisible(count == 1)

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
        form, inner = _form()
        inner.addWidget(
            label(tr("在页面上点一下，或把印章拖过去；放好后可以再拖动。"), "small", wrap=True)
        )
        self._here = button(tr("盖在第 {page} 页", page=1), self._place_here)
        self._last = button(tr("盖在最后一页"), lambda: self.place.emit(At("-1", *self._middle)))
        inner.addLayout(row(self._here, self._last))
        return form

    def _place_here(self) -> None:
        self.place.emit(At(str(self._page + 1), *self._middle))

    def _many(self) -> QWidget:
        form, inner = _form()
        inner.addWidget(label(tr("每一页盖在同一个位置，放好后可以再拖动。"), "small", wrap=True))
        self.pages_field = QLineEdit("all")
        self.pages_field.setAccessibleName(tr("页码范围"))
        self.pages_field.setPlaceholderText("1,3-5")
        self.pages_choice = QComboBox()
        self.pages_choice.setAccessibleName(tr("哪些页"))
        for text, value in (
            (tr("全部页"), "all"),
            (tr("单数页"), "odd"),
            (tr("双数页"), "even"),
            (tr("指定页"), ""),
        ):
            self.pages_choice.addItem(text, value)
        self.pages_choice.currentIndexChanged.connect(self._pages_chosen)
        self.pages_field.hide()
        inner.addLayout(row(self.pages_choice, self.pages_field))
        inner.addWidget(button(tr("放置"), self._place_many))
        return form

    def _pages_chosen(self) -> None:
        value = self.pages_choice.currentData()
        self.pages_field.setVisible(value == "")
        self.pages_field.setText(value or "")
        if not value:
            self.pages_field.setFocus()

    def _place_many(self) -> None:
        self.place.emit(At(self.pages_field.text().strip(), *self._middle))

    def _riding(self) -> QWidget:
        form, inner = _form()
        inner.addWidget(
            label(tr("印章分到各页的边上，合起来是一枚整章；每组最多 20 页。"), "small", wrap=True)
        )
        self.side_field = QComboBox()
        self.side_field.setAccessibleName(tr("骑缝的边"))
        for text, value in (
            (tr("右边"), "right"),
            (tr("左边"), "left"),
            (tr("上边"), "top"),
            (tr("下边"), "bottom"),
        ):
            self.side_field.addItem(text, value)
        self.margin_field = _millimetres(tr("离纸边"), 0, 15)
        grid = _grid(((tr("位置"), self.side_field), (tr("离纸边"), self.margin_field)))
        inner.addLayout(grid)
        self._alone = label(tr("这个文件只有一页，没有骑缝。"), "unknown", wrap=True)
        self._alone.hide()
        inner.addWidget(self._alone)
        self._ride = button(tr("放置骑缝章"), self._place_riding)
        inner.addWidget(self._ride)
        return form

    def _place_riding(self) -> None:
        side = self.side_field.currentData()
        self.place.emit(Riding(side, 0.5, self.margin_field.value()))

    def _keyword(self) -> QWidget:
        form, inner = _form()
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
        return form

    def _search(self) -> None:
        text = self.text_field.text().strip()
        if text:
            self.search.emit(text)

    def _point(self) -> QWidget:
        form, inner = _form()
        inner.addWidget(label(tr("印章中心到页面左边和上边的距离，单位毫米。"), "small", wrap=True))
        self.page_field = QSpinBox()
        self.page_field.setAccessibleName(tr("页码"))
        self.page_field.setMinimum(1)
        self.x_field = _millimetres(tr("距左"), 0, 5000)
        self.y_field = _millimetres(tr("距上"), 0, 5000)
        self.x_field.setValue(150)
        self.y_field.setValue(240)
        inner.addLayout(
            _grid(
                (
                    (tr("页码"), self.page_field),
                    (tr("距左"), self.x_field),
                    (tr("距上"), self.y_field),
                )
            )
        )
        inner.addWidget(button(tr("放置"), self._place_point))
        return form

    def _place_point(self) -> None:
        page = str(self.page_field.value())
        self.place.emit(At(page, self.x_field.value(), self.y_field.value()))


def _form() -> tuple[QWidget, QVBoxLayout]:
    made = QWidget()
    inner = column(spacing=8)
    made.setLayout(inner)
    inner.setAlignment(Qt.AlignmentFlag.AlignTop)
    return made, inner


def _grid(fields: tuple[tuple[str, QWidget], ...]) -> QGridLayout:
    made = QGridLayout()
    made.setHorizontalSpacing(10)
    made.setVerticalSpacing(6)
    for number, (name, field) in enumerate(fields):
        made.addWidget(label(name, "muted"), number, 0)
        made.addWidget(field, number, 1)
    made.setColumnStretch(1, 1)
    return made


def _millimetres(name: str, least: float, most: float) -> QDoubleSpinBox:
    made = QDoubleSpinBox()
    made.setRange(least, most)
    made.setDecimals(1)
    made.setSuffix(tr(" 毫米"))
    made.setAccessibleName(name)
    return made
