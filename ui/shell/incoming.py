"""Files that come to the window — dropped, pasted, handed over by a second start — and the page
that they are for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from app.errors import OfdNotSupported, explain
from ui.dialogs import Question
from ui.files import has_signature, pdf_files
from ui.language import language, tr

if TYPE_CHECKING:
    from ui.shell.interface import Shell


PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".heic")


def why_none(paths: Sequence[Path]) -> str:
    """Why nothing among *paths* can be opened, and what to do instead."""
    named = next((path for path in paths if not path.is_dir()), None)
    if named is None:
        return tr("这里面没有 PDF 文件。")
    if not named.exists():
        return tr("找不到“{name}”：文件可能已经移走、改名或删除。", name=named.name)
    kind = named.suffix.lower()
    if kind == ".ofd":
        said = explain(OfdNotSupported(named.name), language())
        return f"{said.cause}\n{said.remedy}"
    if kind in PICTURES:
        return tr(
            "“{name}”是图片，不能盖章；图片里的印章也无法验证。请对方发来盖了电子印章的原文件。",
            name=named.name,
        )
    return tr("“{name}”不是 PDF 文件。请先在原来的程序里把它导出为 PDF。", name=named.name)


class IncomingFiles:
    """Finds the PDF files among what came, and opens them on a page."""

    def __init__(self, shell: Shell, parent: QWidget, current: Callable[[], str]) -> None:
        """*current* gives the name of the page being shown."""
        self._shell, self._parent, self._current = shell, parent, current
        self.any_came = False
        """Since the window was opened."""

    def take(self, paths: Sequence[Path]) -> None:
        """Open *paths*: to verify if that page is shown, else to stamp; who drops a single signed
        document on another page is asked what for."""
        self.any_came = True
        if any(path.is_dir() for path in paths):  # may be large, or on a slow network
            opened = partial(self._open, paths)
            self._shell.tasks.work(pdf_files, paths, done=opened, failed=self._shell.complain)
        else:
            self._open(paths, pdf_files(paths))

    def _open(self, paths: Sequence[Path], found: list[Path]) -> None:
        shell = self._shell
        if not found:
            shell.notices.show_notice("files", "warning", why_none(paths))
            return
        shell.notices.clear_notice("files")
        shell.remember_folder(found[0].parent)
        if self._current() == "verify":
            shell.go("verify", found)
        elif len(found) == 1 and has_signature(found[0]):
            self._sealed(found)
        else:
            shell.go("stamp", found)

    def _sealed(self, found: list[Path]) -> None:
        """Whoever has no seal can only want to see what it is worth."""
        shell = self._shell
        if not shell.seals_known:
            once = Qt.ConnectionType.SingleShotConnection
            shell.seals_changed.connect(lambda: self._sealed(found), once)
        elif shell.seals:
            self._ask_what_for(found)
        else:
            shell.go("verify", found)

    def _ask_what_for(self, found: list[Path]) -> None:
        verify, stamp = tr("验章"), tr("盖章")
        pages = {verify: "verify", stamp: "stamp"}
        box = Question(
            self._parent,
            tr("印台"),
            tr("“{name}”已经盖有印章。", name=found[0].name),
            *(verify, stamp, tr("取消")),
            details=tr("要验证已有的印章，还是在上面再盖一个？"),
        )
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)

        def answered() -> None:
            if box.answer in pages:
                self._shell.go(pages[box.answer], found)

        box.finished.connect(answered)
        box.open()
