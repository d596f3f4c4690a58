"""The files that were opened last: kept by path, offered on the empty page and by Ctrl+Shift+O."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QPoint, Qt, Signal
from PySide6.QtWidgets import QMenu, QVBoxLayout, QWidget

from ui import theme
from ui.language import tr
from ui.widgets import button, clear_layout, label, pop_up, row

if TYPE_CHECKING:
    from ui.shell.state import WindowState

MOST = 12
ON_EMPTY_PAGE = 5
NAME_LENGTH = 40
"""Characters of a name in the list; the whole path is in the tooltip."""


class RecentFiles(QObject):
    """Newest first. What is kept is paths, nothing of what the files hold."""

    changed = Signal()

    def __init__(
        self,
        state: Callable[[], WindowState],
        take: Callable[[Sequence[Path]], None],
        tell: Callable[[str], None],
        parent: QObject,
    ) -> None:
        """*take* opens files on the page that is right for them; *tell* says why one cannot be."""
        super().__init__(parent)
        self._state, self._take, self._tell = state, take, tell

    @property
    def paths(self) -> list[Path]:
        kept = self._state().get("recent", [])
        return [Path(name) for name in kept if isinstance(name, str)][:MOST]

    def add(self, paths: Sequence[Path]) -> None:
        """These were opened now."""
        names = [str(path.absolute()) for path in paths][:MOST]
        self._keep([*names, *(str(path) for path in self.paths if str(path) not in names)])

    def clear(self) -> None:
        """Forget them all."""
        self._keep([])

    def open(self, path: Path) -> None:
        """Open one of them; one that is gone leaves the list."""
        if path.is_file():
            self._take([path])
            return
        self._keep([str(each) for each in self.paths if each != path])
        self._tell(tr("“{name}”已经不在原来的位置。", name=path.name))

    def _keep(self, names: list[str]) -> None:
        self._state().put("recent", names[:MOST] or None)
        self.changed.emit()

    def menu(self, parent: QWidget) -> QMenu:
        """What can be opened again."""
        made = QMenu(parent)
        made.setToolTipsVisible(True)
        made.setAccessibleName(tr("最近的文件"))
        for path in self.paths:
            action = made.addAction(_short(path), partial(self.open, path))
            action.setToolTip(str(path))
        if self.paths:
            made.addSeparator()
            made.addAction(tr("清除这些记录"), self.clear)
        else:
            made.addAction(tr("还没有打开过文件")).setEnabled(False)
        return made

    def pop_up(self, parent: QWidget) -> None:
        """Show the menu, for who works by keyboard, in the middle of *parent*."""
        menu = self.menu(parent)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        size = menu.sizeHint()
        corner = parent.rect().center() - QPoint(size.width() // 2, size.height() // 2)
        pop_up(menu, parent.mapToGlobal(corner), by_keyboard=True)


class _RecentList(QWidget):
    """Below the place for dropping: the newest few, each on a button."""

    def __init__(self, recent: RecentFiles) -> None:
        super().__init__()
        self._recent = recent
        self.setAccessibleName(tr("最近的文件"))
        self._lines = QVBoxLayout(self)
        self._lines.setContentsMargins(0, 10, 0, 0)
        self._lines.setSpacing(0)
        recent.changed.connect(self._show)
        self._show()

    def _show(self) -> None:
        clear_layout(self._lines)
        paths = self._recent.paths[:ON_EMPTY_PAGE]
        if self.parentWidget() is not None:  # else it were a window of its own
            self.setVisible(bool(paths))
        if not paths:
            return
        head = row(label(tr("最近的文件"), "muted"), None)
        head.addWidget(button(tr("清除这些记录"), self._recent.clear, role="link"))
        self._lines.addLayout(head)
        for path in paths:
            made = button(_short(path), partial(self._recent.open, path), role="row")
            theme.set_icon(made, "file-text", "muted", 16)
            made.setToolTip(str(path))
            made.setAccessibleName(tr("打开 {name}", name=path.name))
            self._lines.addWidget(made)


def with_recent(drop: QWidget, recent: RecentFiles) -> QWidget:
    """*drop* and below it the files that were opened last."""
    made = QWidget()
    made.setMaximumWidth(drop.maximumWidth())
    whole = QVBoxLayout(made)
    whole.setContentsMargins(0, 0, 0, 0)
    whole.addWidget(drop)
    whole.addWidget(_RecentList(recent))
    return made


def _short(path: Path) -> str:
    """The file's name, its middle left out where it is long; an ampersand is no access key."""
    name = path.name
    if len(name) > NAME_LENGTH:
        half = NAME_LENGTH // 2
        name = f"{name[:half]}…{name[-half:]}"
    return name.replace("&", "&&")
