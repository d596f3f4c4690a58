"""A date mark in a PDF: one function draws it, and only what that function draws is recognised.

A seal's mark is believed because it shows the picture inside the signed seal. A date has no such
picture, so its appearance is compared byte for byte: it is a signature field whose appearance is
exactly what :func:`appearance` builds for a well-formed date, at a sane height, upright, unscaled,
shown and printed, and with nothing else about it. It is multiplied onto the page and red, so it can
hide nothing; what it says is then compared with the time of the signature it belongs to.
"""

from __future__ import annotations

import re
from datetime import timedelta

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name as name

from crypto.lengths import MM
from crypto.pdf.marks.appearance import UPRIGHT, share_shown
from crypto.pdf.reading.access import entry
from crypto.pdf.reading.document import Field
from crypto.pdf.reading.failures import PARSER_FAILURES
from crypto.pdf.reading.objects import numbers, same
from crypto.pdf.reading.page import Page
from crypto.seal.date_mark import (
    MAX_HEIGHT_MM,
    MIN_HEIGHT_MM,
    RED,
    advance,
    day_of,
    outline,
    signing_day,
)
from crypto.verdict import Times

SHOWN_AND_LOCKED = 4 | 128
"""The only flags of a mark: printed, and not to be moved."""
MAKING = timedelta(minutes=10)
"""How long stamping may take: the day is decided when it begins, the time stamp is had at its end,
and midnight may lie between."""

BESIDE_MM = 30.0
"""The widest gap between a seal and its date, across or up and down, where others have sealed."""

SHARE_SHOWN = 0.5
"""A mark of which less lies on its page is called hidden, whatever else it is."""

_MAX_OCTETS = 16_384
_STATED = re.compile(rb"/Span <</ActualText <FEFF((?:[0-9A-F]{4}){8,11})>>> BDC\n")
_WIDGET = frozenset(("/Type", "/Subtype", "/FT", "/T", "/V", "/F", "/P", "/Rect", "/AP"))
_ROUNDED = 0.001


def date_of(field: Field) -> str:
    """What a date mark shows; "" for every other field."""
    try:
        if len(field.pages) != 1:
            return ""
        page = field.pages[0]
        text = shown_date(field.dictionary, page)
        return text if text and share_shown(field.dictionary, page) >= SHARE_SHOWN else ""
    except PARSER_FAILURES:
        return ""


def appearance(text: str, height: float, rotation: int) -> generic.StreamObject:
    """The form XObject that shows *text*, *height* units of user space high, upright on a page
    turned by *rotation* degrees."""
    height = round(height, 4)
    spoken = text.encode("utf-16-be").hex().upper()
    lines = [
        f"/Span <</ActualText <FEFF{spoken}>>> BDC",  # what a screen reader says
        f"q /Multiply gs {' '.join(f'{part:.3f}' for part in RED)} rg",
        f"{height / 1000:.7f} 0 0 {height / 1000:.7f} 0 0 cm",
        *(" ".join([*map(str, at), operator]) for operator, at in outline(text)),
        "f Q EMC\n",
    ]
    blend = {name("/Type"): name("/ExtGState"), name("/BM"): name("/Multiply")}
    states = generic.DictionaryObject({name("/Multiply"): generic.DictionaryObject(blend)})
    return generic.StreamObject(
        {
            name("/Type"): name("/XObject"),
            name("/Subtype"): name("/Form"),
            name("/BBox"): numbers(0, 0, advance(text) * height / 1000, height),
            name("/Matrix"): numbers(*UPRIGHT[rotation]),
            name("/Resources"): generic.DictionaryObject({name("/ExtGState"): states}),
        },
        stream_data="\n".join(lines).encode("ascii"),
    )


def shown_date(widget: generic.DictionaryObject, page: Page) -> str | None:
    """The date that *widget* shows on *page*; None if it is anything but a date mark."""
    appearances = entry(widget, "/AP")
    if not isinstance(appearances, generic.DictionaryObject) or set(appearances) != {"/N"}:
        return None
    form = entry(appearances, "/N")
    if not isinstance(form, generic.StreamObject) or "/Filter" in form:
        return None
    stated = _STATED.match(form.data) if len(form.data) <= _MAX_OCTETS else None
    if stated is None:
        return None
    text = bytes.fromhex(stated[1].decode("ascii")).decode("utf-16-be", "replace")
    try:
        day_of(text)
    except ValueError:
        return None
    corners = entry(form, "/BBox")
    if not isinstance(corners, generic.ArrayObject) or len(corners) != 4:
        return None
    height = float(corners[3])
    millimetres = height * page.unit / MM
    if not MIN_HEIGHT_MM - _ROUNDED <= millimetres <= MAX_HEIGHT_MM + _ROUNDED:
        return None
    wanted = appearance(text, height, page.rotation)
    exact = _is(form, wanted) and _is_plain(widget) and _fits(widget, wanted, page)
    return text if exact else None


def _is(form: generic.StreamObject, wanted: generic.StreamObject) -> bool:
    return (
        form.data == wanted.data
        and set(form) - {"/Length"} == set(wanted) - {"/Length"}
        and all(same(form.raw_get(key), wanted.raw_get(key)) for key in wanted if key != "/Length")
    )


def _is_plain(widget: generic.DictionaryObject) -> bool:
    """Nothing that lets a viewer show it otherwise, elsewhere or at other times."""
    return set(widget) <= _WIDGET and entry(widget, "/F") == SHOWN_AND_LOCKED


def _fits(widget: generic.DictionaryObject, form: generic.StreamObject, page: Page) -> bool:
    """Is /Rect as large as the form, so that it is not scaled, and wholly on the page?"""
    corners = entry(widget, "/Rect")
    if not isinstance(corners, generic.ArrayObject) or len(corners) != 4:
        return False
    left, bottom, right, top = (float(edge) for edge in corners)
    if left < page.box[0] - _ROUNDED or bottom < page.box[1] - _ROUNDED:
        return False
    if right > page.box[2] + _ROUNDED or top > page.box[3] + _ROUNDED:
        return False
    across, down = right - left, top - bottom
    if page.rotation in (90, 270):
        across, down = down, across
    _, _, width, height = (float(edge) for edge in form["/BBox"])
    return abs(across - width) < _ROUNDED and abs(down - height) < _ROUNDED


def is_beside(
    date: tuple[float, float, float, float], seal: tuple[float, float, float, float], page: Page
) -> bool:
    """Does the rectangle *date* stand beside *seal*, both in the space of *page*?"""
    gaps = (date[0] - seal[2], seal[0] - date[2], date[1] - seal[3], seal[1] - date[3])
    return max(gaps) * page.unit / MM <= BESIDE_MM


def agrees(text: str, times: Times) -> bool:
    """Is the date *text* the day of signing in Beijing? No time, no agreement."""
    moment = times.best
    if moment is None:
        return False
    try:
        return day_of(text) in (signing_day(moment), signing_day(moment - MAKING))
    except OverflowError:  # the first or the last day there is
        return False
