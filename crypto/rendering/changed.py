"""看看改了什么: pages then and now, and both in one picture with what vanished and what is new.

Runs in a bounded process (:mod:`crypto.bounded`); :mod:`crypto.pdf.looking.pictures` asks for it.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from typing import Any

from PIL import Image, ImageChops

from crypto.bounded import Message
from crypto.rendering.compare import LEVELS, Box, differences, ink, picture
from crypto.rendering.drawing import Engine, Raster, Undrawable, png
from crypto.rendering.engines import opened

DPI = 100.0
RED, GREEN = (200, 30, 30), (20, 140, 60)
"""Ink that vanished, and ink that is new."""
_PALE = 0.35
"""How much is left of what did not change."""
_SHOWN = ("MuPDF", "PDFium")
"""The first in which a page differs is shown: PDFium sees tricks with fonts."""


def picture_changes(
    data: bytes, password: str | None, end: int, pages: tuple[int, ...], seconds: float
) -> Message:
    """For each of *pages* (0-based) on which the first *end* bytes of *data* show something else
    than the whole: page, engine, boxes and size in millimetres, and three PNGs: then, now, both.
    Pages that cannot be drawn, or are not begun within *seconds*, are left out and listed."""
    until = time.monotonic() + seconds
    told: list[dict[str, Any]] = []
    parts: list[bytes] = []
    failed: list[int] = []
    documents: dict[str, tuple[Engine, Engine]] = {}
    for page in pages:
        if time.monotonic() > until:
            failed.append(page)
            continue
        try:
            found = _changed(documents, (data[:end], data), password, page)
        except Undrawable:
            failed.append(page)
            continue
        if found is None:
            continue
        name, then, now, areas = found
        size = {"width_mm": now.width / now.mm, "height_mm": now.height / now.mm}
        boxes_told = [asdict(box) for box in areas]
        told.append({"page": page, "engine": name, "boxes": boxes_told} | size)
        before, after = picture(then), picture(now)
        with ThreadPoolExecutor(3) as threads:  # compressing takes most of the time
            parts += threads.map(png, (before, after, both(before, after)))
    return Message({"changed": told, "failed": failed}, tuple(parts))


def _changed(
    documents: dict[str, tuple[Engine, Engine]],
    revisions: tuple[bytes, bytes],
    password: str | None,
    page: int,
) -> tuple[str, Raster, Raster, list[Box]] | None:
    for name in _SHOWN:
        if name not in documents:
            then, now = (opened(name, data, password) for data in revisions)
            documents[name] = then, now
        before, after = (document.draw(page, DPI) for document in documents[name])
        if name != _SHOWN[0]:  # PDFium knows of no UserUnit
            shown, own = (documents[each][1].size(page)[0] for each in (_SHOWN[0], name))
            before, after = (replace(drawn, mm=drawn.mm * own / shown) for drawn in (before, after))
        areas = differences(before, after, ())
        if areas:
            return name, before, after, areas
    return None


def both(before: Image.Image, after: Image.Image) -> Image.Image:
    """One pale picture of *after* in which vanished ink is red and new ink green."""
    after = _as_large(after, before)
    made = after.point(3 * [round(255 - _PALE * (255 - value)) for value in range(256)])
    bounds = ImageChops.difference(before, after).getbbox()
    if bounds is None:
        return made
    then, now = ink(before.crop(bounds)), ink(after.crop(bounds))
    vanished = ImageChops.subtract(now, then)
    new = ImageChops.subtract(then, now)
    for strength, colour in ((vanished, RED), (new, GREEN)):
        mask = strength.point([0] * (LEVELS + 1) + [min(255, 90 + v) for v in range(252)])
        made.paste(Image.new("RGB", mask.size, colour), bounds[:2], mask)
    return made


def _as_large(image: Image.Image, other: Image.Image) -> Image.Image:
    if image.size == other.size:
        return image
    sheet = Image.new("RGB", other.size, "white")
    sheet.paste(image)
    return sheet
