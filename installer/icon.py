"""The program's icon: a white stamp on the seal's red, as PNG of any size and as one .ico.

Needs PySide6 and Pillow; draws without a screen.
"""

from __future__ import annotations

import io
import os
from pathlib import Path

from PIL import Image

from installer.system import ROOT

SIZES = (16, 20, 24, 32, 40, 48, 64, 128, 256)
_RED, _WHITE = "#c2261c", "#ffffff"
_DRAWING = ROOT / "resources" / "icons" / "stamp.svg"


def svg() -> str:
    """The icon as SVG, 24 units wide."""
    stamp = _DRAWING.read_text(encoding="utf-8").replace("currentColor", _WHITE)
    inner = stamp.partition(">")[2].removesuffix("\n").removesuffix("</svg>")
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" width="256" height="256">'
        f'<rect width="24" height="24" rx="5" fill="{_RED}"/>'
        f'<g transform="translate(4.2 3.6) scale(0.65)" fill="none" stroke="{_WHITE}" '
        f'stroke-width="2" stroke-linecap="round" stroke-linejoin="round">{inner}</g></svg>\n'
    )


def png(size: int) -> bytes:
    """The icon as a square PNG of *size* pixels."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QRectF, Qt  # noqa: PLC0415
    from PySide6.QtGui import QImage, QPainter  # noqa: PLC0415
    from PySide6.QtSvg import QSvgRenderer  # noqa: PLC0415

    image = QImage(size, size, QImage.Format.Format_ARGB32)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    QSvgRenderer(QByteArray(svg().encode())).render(painter, QRectF(0, 0, size, size))
    painter.end()
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG")  # type: ignore[call-overload]
    return bytes(buffer.data().data())


def write_ico(target: Path) -> None:
    """All SIZES in one .ico."""
    images = [Image.open(io.BytesIO(png(size))) for size in SIZES]
    images[-1].save(
        target, format="ICO", sizes=[(size, size) for size in SIZES], append_images=images[:-1]
    )
