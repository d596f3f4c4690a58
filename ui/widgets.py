"""The few building blocks that every page uses, so that they look and behave alike: one module,
for who builds a page looks for them in one place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar

from PySide6.QtCore import QAbstractItemModel, QEvent, QObject, QPoint, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QDragEnterEvent,
    QDropEvent,
    QGuiApplication,
    QKeyEvent,
    QKeySequence,
    QPainter,
    QPaintEvent,
    QPalette,
    QResizeEvent,
    QShortcut,
)
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractScrollArea,
    QComboBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLayout,
    QMenu,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QSplitter,
    QTableView,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from crypto.beijing import in_beijing
from ui import theme
from ui.language import tr
from ui.room import room, room_within

_BY_MOUSE = "by-mouse"
"""A property of a menu: it is the mouse that opens it."""
_BEHIND = "\\\u200b"
"""A backslash behind which a line may be broken."""


class Wrapped(QLabel):
    """A text on as many lines as it needs. Qt breaks a line behind a slash but not behind a
    backslash: a path of Windows would be as wide as it is long."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.setWordWrap(True)
        self.setText(text)

    def setText(self, text: str) -> None:
        super().setText(text.replace("\\", _BEHIND))
        if "\\" in text:  # its menu would copy the breaks, too; the key does not
            self.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)

    def text(self) -> str:
        return super().text().replace(_BEHIND, "\\")

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy) and self.hasSelectedText():
            copy_text(self.selectedText().replace(_BEHIND, "\\"))
        else:
            super().keyPressEvent(event)


def label(text: str, role: str = "", *, wrap: bool = False, select: bool = False) -> QLabel:
    """A text in one of the theme's roles."""
    made = Wrapped(text) if wrap else QLabel(text)
    made.setTextFormat(Qt.TextFormat.PlainText)
    if role:
        theme.set_role(made, role)
    if select:
        made.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return made


class OneLine(QLabel):
    """A text on one line; its middle is left out where there is no room. All of it is in the
    tooltip."""

    elides = True

    def __init__(self, text: str = "", role: str = "") -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        if role:
            theme.set_role(self, role)
        self.setText(text)

    def setText(self, text: str) -> None:
        super().setText(text)
        self.setToolTip(text)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        area = self.contentsRect()
        shown = self.fontMetrics().elidedText(
            self.text(), Qt.TextElideMode.ElideMiddle, area.width()
        )
        painter.setPen(self.palette().color(self.foregroundRole()))
        alignment = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        painter.drawText(area, alignment, shown)  # the style would do the same, if it were asked


def picture(name: str, role: str = "text", size: int = 18) -> QLabel:
    """An icon that is no button."""
    made = QLabel()
    theme.set_icon(made, name, role, size)
    made.setFixedWidth(size)
    return made


def button(
    text: str,
    clicked: Callable[[], object],
    *,
    role: str = "",
    icon: str = "",
    tint: str = "text",
    tip: str = "",
) -> QPushButton:
    """A push button with a word on it."""
    made = QPushButton(f" {text}" if icon else text)  # Qt leaves little room after an icon
    if role:
        theme.set_role(made, role)
    if icon:
        theme.set_icon(made, icon, tint)
    if tip:
        made.setToolTip(tip)
    if icon:
        made.setAccessibleName(text)
    made.clicked.connect(lambda: clicked())
    return made


def when_chosen(target: QAbstractButton, called: Callable[[], object]) -> None:
    """*called* when a button of a group is chosen: by mouse, by keyboard, or by a screen reader,
    which toggles it and does not click."""
    target.toggled.connect(lambda on: called() if on else None)


def tool(icon: str, name: str, clicked: Callable[[], object], keys: str = "") -> QToolButton:
    """A small button with an icon only; *name* is its tooltip and accessible name."""
    made = QToolButton()
    theme.set_icon(made, icon)
    made.setAccessibleName(name)
    made.setToolTip(tr("{name}（{keys}）", name=name, keys=keys) if keys else name)
    made.clicked.connect(lambda: clicked())
    return made


def opens(made: QToolButton, menu: QMenu) -> None:
    """*made* opens *menu*, whose first entry is chosen then, unless it is the mouse that opens it.
    In Qt's own mode for that, InstantPopup, nothing happens when a screen reader asks for the menu
    (``QAccessibleToolButton::doAction``, Qt 6.8)."""
    menu.setAccessibleName(made.accessibleName() or made.text())
    made.setMenu(menu)
    made.setPopupMode(QToolButton.ToolButtonPopupMode.DelayedPopup)
    pressed_by_mouse = False

    def mouse_is_down() -> bool:
        return QGuiApplication.mouseButtons() != Qt.MouseButton.NoButton

    def pressed() -> None:
        nonlocal pressed_by_mouse
        pressed_by_mouse = mouse_is_down()

    def clicked() -> None:
        menu.setProperty(_BY_MOUSE, pressed_by_mouse)
        made.showMenu()  # returns when the menu is closed
        menu.setProperty(_BY_MOUSE, False)

    def about_to_show() -> None:  # when a screen reader asks for the menu, nothing was clicked
        if not menu.property(_BY_MOUSE) and not mouse_is_down():
            QTimer.singleShot(0, menu, lambda: choose_first(menu))

    made.pressed.connect(pressed)
    made.clicked.connect(clicked)
    menu.aboutToShow.connect(about_to_show)


def pop_up(menu: QMenu, place: QPoint, by_keyboard: bool) -> None:
    """Open *menu* at *place* on the screen; the mouse chooses for itself."""
    menu.setProperty(_BY_MOUSE, not by_keyboard)
    menu.popup(place)
    menu.setProperty(_BY_MOUSE, False)
    if by_keyboard:
        choose_first(menu)


def choose_first(menu: QMenu) -> None:
    """Choose the first entry of *menu*, which is open, unless one is chosen. Qt chooses none, and
    of such a menu a screen reader says nothing."""
    entries = [each for each in menu.actions() if each.isVisible() and not each.isSeparator()]
    usable = [each for each in entries if each.isEnabled()] or entries
    if usable and menu.activeAction() is None:
        menu.setActiveAction(usable[0])


def shortcut(parent: QWidget, keys: str, called: Callable[[], object]) -> QShortcut:
    """*keys* work while *parent* or something in it has the focus."""
    made = QShortcut(QKeySequence(keys), parent)
    made.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
    made.activated.connect(lambda: called())
    return made


def line() -> QFrame:
    """A hairline."""
    made = QFrame()
    theme.set_role(made, "line")
    return made


def framed(role: str, layout: QLayout) -> QFrame:
    """A frame of that role around *layout*."""
    made = QFrame()
    theme.set_role(made, role)
    made.setLayout(layout)
    return made


def column(*, margins: Sequence[int] = (0, 0, 0, 0), spacing: int = 8) -> QVBoxLayout:
    made = QVBoxLayout()
    made.setContentsMargins(*margins)
    made.setSpacing(spacing)
    return made


def row(*parts: QWidget | int | None, spacing: int = 8) -> QHBoxLayout:
    """Widgets side by side; None stretches, a number is a gap."""
    made = QHBoxLayout()
    made.setContentsMargins(0, 0, 0, 0)
    made.setSpacing(spacing)
    for part in parts:
        if part is None:
            made.addStretch()
        elif isinstance(part, int):
            made.addSpacing(part)
        else:
            made.addWidget(part)
    return made


class Memory(Protocol):
    """Keeps values from one start to the next (:class:`ui.shell.state.WindowState`)."""

    def get(self, name: str, default: Any = None) -> Any:
        """The value kept under *name*."""

    def put(self, name: str, value: Any) -> None:
        """Keep *value*."""


class Split(QSplitter):
    """*work* beside *panel*, which is *width* (:func:`ui.room.room`) wide at first and at least; it
    can be widened, and stays so under the name *name* of *memory*. On a small screen a wide font
    takes no room from *work*."""

    SETTLED_MS = 300
    """How long after the last movement the width is kept."""

    def __init__(
        self, work: QWidget, panel: QWidget, width: int, memory: Memory, name: str
    ) -> None:
        super().__init__()
        self._width, self._memory, self._name = width, memory, name
        self.setChildrenCollapsible(False)
        self.setHandleWidth(5)
        self._panel = panel
        self._fit()
        self.addWidget(work)
        self.addWidget(panel)
        self.setStretchFactor(0, 1)
        self.setStretchFactor(1, 0)
        self.handle(1).setAccessibleName(tr("调整右边一栏的宽度"))
        self._settling = QTimer(self)
        self._settling.setSingleShot(True)
        self._settling.setInterval(self.SETTLED_MS)
        self._settling.timeout.connect(self._keep)
        self.splitterMoved.connect(lambda *_: self._settling.start())
        self._placed = False

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        least = self._fit()
        if not self._placed:
            self._placed = True
            wide = min(max(self._memory.get(self._name, least), least), 2 * least)
            self.setSizes([max(1, self.width() - wide), wide])

    def _fit(self) -> int:
        """How wide the panel is at least."""
        least = room_within(self._width, self.width() // 2)
        self._panel.setMinimumWidth(least)
        self._panel.setMaximumWidth(2 * least)
        return least

    def _keep(self) -> None:
        self._memory.put(self._name, self.sizes()[1])


def scrolled(content: QWidget, name: str) -> QScrollArea:
    """*content* in an area that scrolls up and down only."""
    theme.set_role(content, "plain")
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    area.setAccessibleName(name)
    area.setWidget(content)
    return area


def own_viewport(area: QAbstractScrollArea) -> None:
    """Give *area* a viewport that Python has made: asked for the one that Qt makes, PySide looks
    through all classes of widgets and takes 10 ms of the start for it."""
    made = QWidget()
    made.setBackgroundRole(QPalette.ColorRole.Base)
    made.setAutoFillBackground(True)
    area.setViewport(made)


def facts(rows: Sequence[tuple[str, str]]) -> QWidget:
    """Names on the left, values that can be selected on the right."""
    made = QWidget()
    grid = QGridLayout(made)
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setHorizontalSpacing(12)
    grid.setVerticalSpacing(5)
    for number, (name, value) in enumerate(rows):
        grid.addWidget(label(name, "muted"), number, 0, Qt.AlignmentFlag.AlignTop)
        grid.addWidget(label(value, wrap=True, select=True), number, 1)
    grid.setColumnStretch(1, 1)
    grid.setColumnMinimumWidth(0, 56)
    made.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
    return made


ROW_HEIGHT = 34
"""Pixels of a row of a table."""


def table(
    model: QAbstractItemModel, name: str, widths: Sequence[int], opened: Callable[[], object]
) -> QTableView:
    """A table of which one row is chosen, and *opened* by Enter or a double click. *widths*: of the
    columns (:func:`ui.room.room`); 0 takes what is left."""
    made = QTableView()
    made.setModel(model)
    made.setAccessibleName(name)
    made.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    made.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    made.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    made.setAlternatingRowColors(True)
    made.setShowGrid(False)
    made.setWordWrap(False)
    made.setTabKeyNavigation(False)
    made.verticalHeader().hide()
    made.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
    head = made.horizontalHeader()
    head.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    head.setHighlightSections(False)
    for number, width in enumerate(widths):
        if width:
            head.resizeSection(number, room(width))
        else:
            head.setSectionResizeMode(number, QHeaderView.ResizeMode.Stretch)
    made.activated.connect(lambda _: opened())
    return made


ROOM = 140
"""What the column which takes what is left has at least, where the others can give it."""


def fit_columns(shown: QTableView, limits: Mapping[int, tuple[int, int]]) -> None:
    """Make columns as wide as what is in them. *limits*: by number of a column, between which
    widths; in a narrow table they give room to the one that takes what is left. Widths are those
    of :func:`ui.room.room`."""
    head = shown.horizontalHeader()
    others = (n for n in range(head.count()) if n not in limits)
    rest = QHeaderView.ResizeMode.Stretch
    fixed = sum(head.sectionSize(n) for n in others if head.sectionResizeMode(n) != rest)
    wanted = {
        n: min(
            max(shown.sizeHintForColumn(n) + 12, head.sectionSizeHint(n), room(least)), room(most)
        )
        for n, (least, most) in limits.items()
    }
    over = sum(wanted.values()) + fixed + room(ROOM) - shown.viewport().width()
    for n in sorted(wanted, key=lambda n: wanted[n], reverse=True):
        least = max(room(limits[n][0]), head.sectionSizeHint(n))
        given = min(max(0, over), wanted[n] - least)
        wanted[n], over = wanted[n] - given, over - given
        shown.setColumnWidth(n, wanted[n])


AnyWidget = TypeVar("AnyWidget", bound=QWidget)


def calm(widget: AnyWidget) -> AnyWidget:
    """*widget*, a list or a number, which the wheel changes only after it was clicked: who scrolls
    past it with the mouse must not set anything."""
    widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    widget.installEventFilter(_Calm(widget))
    return widget


def narrow(choice: QComboBox) -> QComboBox:
    """As narrow as there is room, however long its entries are."""
    choice.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    choice.setMinimumContentsLength(8)
    return choice


class _Calm(QObject):
    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        wheel = event.type() == QEvent.Type.Wheel
        if wheel and isinstance(watched, QWidget) and not watched.hasFocus():
            event.ignore()  # so that what is around it scrolls
            return True
        return super().eventFilter(watched, event)


class Expander(QWidget):
    """A heading that opens and closes what is below it."""

    opened = Signal()

    def __init__(
        self,
        title: str,
        body: QWidget | Callable[[], QWidget],
        *,
        opened: bool = False,
        sign: QLabel | None = None,
    ) -> None:
        """*body*, or what makes it when it is first opened; *sign*: an icon at the end of the
        heading."""
        super().__init__()
        self._title, self._body = title, body
        self._head = QPushButton(title)
        if sign is not None:
            sign.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
            end = row(None, sign)
            end.setContentsMargins(0, 0, 8, 0)
            self._head.setLayout(end)
        theme.set_role(self._head, "row")
        self._head.setCheckable(True)
        self._head.toggled.connect(self._toggled)
        self._whole = QVBoxLayout(self)
        self._whole.setContentsMargins(0, 0, 0, 0)
        self._whole.setSpacing(2)
        self._whole.addWidget(self._head)
        if isinstance(body, QWidget):
            self._put(body)
        self._head.setChecked(opened)
        self._toggled(opened)
        self._head.clicked.connect(self._into_view)

    def _put(self, body: QWidget) -> None:
        self._body = body
        body.setContentsMargins(26, 0, 0, 8)
        self._whole.addWidget(body)

    def open(self) -> None:
        """Show what is below the heading."""
        self._head.setChecked(True)

    def set_title(self, title: str) -> None:
        """Another heading over the same body."""
        self._title = title
        self._head.setText(title)
        self._toggled(self._head.isChecked())

    def _toggled(self, opened: bool) -> None:
        theme.set_icon(self._head, "chevron-down" if opened else "chevron-right", "muted", 16)
        state = tr("已展开") if opened else tr("已收起")
        self._head.setAccessibleName(tr("，").join((self._title, state)))
        if opened and not isinstance(self._body, QWidget):
            self._put(self._body())
        if isinstance(self._body, QWidget):
            self._body.setVisible(opened)
        if opened:
            self.opened.emit()

    def _into_view(self, opened: bool) -> None:
        """What was opened is seen, its heading before its end."""
        area: QObject | None = self
        while area is not None and not isinstance(area, QScrollArea):
            area = area.parent()
        if opened and area is not None:
            QTimer.singleShot(0, self, lambda: area.ensureWidgetVisible(self, 0, 12))


class DropArea(QFrame):
    """Where files are dropped or chosen, when a page has nothing else to show yet."""

    chosen = Signal()

    def __init__(self, icon: str, title: str, hint: str, action: str) -> None:
        super().__init__()
        theme.set_role(self, "drop")
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        self.setMaximumWidth(room(620))
        self.setMinimumSize(QSize(460, 260))
        whole = column(margins=(32, 36, 32, 36), spacing=10)
        self.setLayout(whole)
        image = picture(icon, "muted", 48)
        head = label(title, "title", wrap=True)
        text = label(hint, "muted", wrap=True)
        for part in (head, text):
            part.setAlignment(Qt.AlignmentFlag.AlignCenter)
        whole.addStretch()
        whole.addWidget(image, 0, Qt.AlignmentFlag.AlignHCenter)
        whole.addSpacing(6)
        whole.addWidget(head)
        whole.addWidget(text)
        whole.addSpacing(10)
        self.button = button(action, self.chosen.emit, icon="folder-open")
        whole.addWidget(self.button, 0, Qt.AlignmentFlag.AlignHCenter)
        whole.addStretch()

    def light_up(self, over: bool) -> None:
        """Show that a file would be taken if it were let go now."""
        theme.set_role(self, "drop-active" if over else "drop")

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        event.ignore()

    def dropEvent(self, event: QDropEvent) -> None:
        event.ignore()


def centred(widget: QWidget) -> QWidget:
    """*widget* in the middle of what room there is; where it is too little, it scrolls."""
    made = QWidget()
    outer = QVBoxLayout(made)
    outer.addStretch(2)
    middle = QHBoxLayout()
    middle.addStretch()
    middle.addWidget(widget, 10)
    middle.addStretch()
    outer.addLayout(middle)
    outer.addStretch(3)
    return scrolled(made, tr("选择文件…"))


def clear_layout(layout: QLayout) -> None:
    """Remove and delete everything in *layout*."""
    while layout.count():
        item = layout.takeAt(0)
        if item is None:
            return
        widget, inner = item.widget(), item.layout()
        if widget is not None:
            widget.hide()
            widget.deleteLater()
        elif inner is not None:
            clear_layout(inner)


def copy_text(text: str) -> None:
    """To the clipboard."""
    QGuiApplication.clipboard().setText(text)


def moment(value: datetime | None) -> str:
    """A time in Beijing, to the minute; a dash where there is none."""
    return f"{in_beijing(value):%Y-%m-%d %H:%M}" if value else "—"


def in_fours(digits: str) -> str:
    """Hexadecimal digits in fours, as one reads them out."""
    return " ".join(digits[n : n + 4] for n in range(0, len(digits), 4))


def day(value: datetime | None) -> str:
    """A date in Beijing."""
    return f"{in_beijing(value):%Y-%m-%d}" if value else "—"
