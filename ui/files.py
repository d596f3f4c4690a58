"""Files on their way into the window and out of it."""

from __future__ import annotations

import ctypes
import mmap
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QMimeData, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog, QWidget

from app.publishing import free_name
from ui.language import tr

DBUS_MS = 1500
"""How long a file manager is waited for."""


def open_outside(target: Path | str, tell: Callable[[str], object]) -> None:
    """Open a file, a folder or (text) an address with the system's own program; *tell* why not."""
    if isinstance(target, str):
        if not QDesktopServices.openUrl(QUrl(target)):
            tell(tr("系统没有打开网址的程序。请自己打开：{url}", url=target))
    elif not target.exists():
        tell(tr("“{name}”已经不在原来的位置。", name=target.name))
    elif not QDesktopServices.openUrl(QUrl.fromLocalFile(str(target))):
        tell(tr("系统没有打开“{name}”的程序。", name=target.name))


def reveal(path: Path, tell: Callable[[str], object]) -> None:
    """Show *path* in the system's file manager, selected where that can be done; else open its
    folder. *tell* why neither is possible."""
    if not _select(path):
        open_outside(path.parent, tell)


if sys.platform == "win32":

    def _select(path: Path) -> bool:
        shell, ole = ctypes.windll.shell32, ctypes.windll.ole32
        shell.ILCreateFromPathW.restype = ctypes.c_void_p
        shell.ILCreateFromPathW.argtypes = (ctypes.c_wchar_p,)
        shell.ILFree.argtypes = (ctypes.c_void_p,)
        shell.SHOpenFolderAndSelectItems.argtypes = (
            ctypes.c_void_p, ctypes.c_uint, ctypes.c_void_p, ctypes.c_uint32,
        )  # fmt: skip
        ole.CoInitializeEx(None, 2)  # COINIT_APARTMENTTHREADED; Qt has done it already
        place = shell.ILCreateFromPathW(str(path))
        if not place:
            return False
        try:
            return bool(shell.SHOpenFolderAndSelectItems(place, 0, None, 0) == 0)
        finally:
            shell.ILFree(place)

else:

    def _select(path: Path) -> bool:
        from PySide6.QtDBus import QDBus, QDBusConnection, QDBusMessage  # noqa: PLC0415

        bus = QDBusConnection.sessionBus()
        if not bus.isConnected():
            return False
        name = "org.freedesktop.FileManager1"
        place = "/" + name.replace(".", "/")
        asked = QDBusMessage.createMethodCall(name, place, name, "ShowItems")
        asked.setArguments([[QUrl.fromLocalFile(str(path)).toString()], ""])
        answer = bus.call(asked, QDBus.CallMode.Block, DBUS_MS)
        return bool(answer.type() == QDBusMessage.MessageType.ReplyMessage)


def ask_where(
    parent: QWidget, title: str, suggested: Path, kinds: str, *, replaces: bool = False
) -> Path | None:
    """Ask for the name of a file that is written next; None if the person does not want one.

    *kinds*: as Qt has them, "PDF (*.pdf);;JSON (*.json)". A name that ends like none of them gets
    the ending of the kind that was chosen. *replaces*: the person may choose a file that is there,
    and is asked. Otherwise, and where the ending was added here, it is the next free name.
    """
    options = QFileDialog.Option(0)
    if not replaces:
        options |= QFileDialog.Option.DontConfirmOverwrite
    name, kind = QFileDialog.getSaveFileName(parent, title, str(suggested), kinds, options=options)
    if not name:
        return None
    path, endings = Path(name), re.findall(r"\*(\.\w+)", kinds)
    whole = path.suffix.lower() in endings
    if not whole:
        path = path.with_name(path.name + (re.findall(r"\*(\.\w+)", kind) or endings)[0])
    return path if (whole and replaces) or not os.path.lexists(path) else free_name(path, "")


def pdf_files(paths: Sequence[Path]) -> list[Path]:
    """The PDF files among *paths* and in the folders among them, in their order, each once."""
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            below = (p for p in sorted(path.rglob("*")) if p.suffix.lower() == ".pdf")
            found.update(dict.fromkeys(p for p in below if p.is_file()))
        elif path.suffix.lower() == ".pdf" and path.is_file():
            found[path] = None
    return list(found)


def has_signature(path: Path) -> bool:
    """Does the file look signed? A quick search of its bytes, not a verification."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return data.find(b"/ByteRange") >= 0
    except (OSError, ValueError):
        return False


def dropped(data: QMimeData | None) -> list[Path]:
    """The local files and folders in what is dragged or pasted."""
    if data is None or not data.hasUrls():
        return []
    return [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()]
