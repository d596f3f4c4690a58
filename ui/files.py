"""Files on their way into the window and out of it."""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QMimeData, QUrl
from PySide6.QtGui import QDesktopServices


def open_outside(path: Path) -> bool:
    """Open a file or folder with the system's own program; False if there is none."""
    return QDesktopServices.openUrl(QUrl.fromLocalFile(str(path)))


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
