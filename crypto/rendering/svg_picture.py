"""A seal's picture given as SVG, checked before MuPDF draws it: shapes alone, nothing that names
anything elsewhere, and no text, whose font would be another on every computer.
"""

from __future__ import annotations

from crypto.rendering.one_page import FontMissing, PictureError
from crypto.rendering.plain_xml import Element, XmlError, read_xml

_SHAPES = frozenset(
    ("svg", "g", "path", "rect", "circle", "ellipse", "line", "polyline", "polygon", "defs")
)
_UNSEEN = ("title", "desc", "metadata")
_REFUSED = frozenset(("href", "style", "class", "filter", "mask", "clip-path"))


def check_svg(data: bytes) -> None:
    """Raises :class:`PictureError` for what is more than shapes, :class:`FontMissing` for text."""
    try:
        _check(read_xml(data), first=True)
    except XmlError as error:
        raise PictureError(str(error)) from error


def _check(element: Element, *, first: bool = False) -> None:
    if first and element.name != "svg":
        raise PictureError("not SVG")
    if element.name == "text":
        raise FontMissing(element.attributes.get("font-family", "—")[:60])
    if element.name in _UNSEEN:
        return
    if element.name not in _SHAPES:
        raise PictureError(f"more than shapes: {element.name[:40]}")
    for key, value in element.attributes.items():
        if key in _REFUSED or key.startswith("on") or "url(" in value.lower():
            raise PictureError(f"more than shapes: {key[:40]}")
    for child in element.children:
        _check(child)
