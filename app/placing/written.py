"""Where a seal goes, as a person writes it: pages, positions, keywords, riding seams.

Full-width letters, digits and punctuation are read like plain ones everywhere: ``１，３－５`` is
``1,3-5``, and ``3：120，240`` is ``3:120,240``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

from app.errors import PageOutOfRange, PageRangeInvalid, PositionInvalid
from crypto.frozen import frozen

if TYPE_CHECKING:
    from app.placing.placement import Side

_PLAIN = str.maketrans("、。−–—～", ",.----", "\u200b")
"""What NFKC leaves: the enumeration comma, the full stop, dashes and the wave that mean a range."""
_NAMED = {
    **dict.fromkeys(("all", "全部", "所有页"), "all"),
    **dict.fromkeys(("odd", "奇数", "奇数页", "单数", "单数页"), "odd"),
    **dict.fromkeys(("even", "偶数", "偶数页", "双数", "双数页"), "even"),
}
_SIDES: dict[str, Side] = {
    **{"right": "right", "left": "left", "top": "top", "bottom": "bottom"},
    **{"右": "right", "左": "left", "上": "top", "下": "bottom"},
    **{"右边": "right", "左边": "left", "上边": "top", "下边": "bottom"},
}


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text.translate(_PLAIN)).strip()


# --- pages ---------------------------------------------------------------------------------------


def parse_pages(text: str, count: int) -> tuple[int, ...]:
    """The 0-based pages that *text* names in a document of *count* pages, ascending, each once.

    ``1,3-5``: these; ``-1``: the last, ``-2``: the last but one; ``3-``: from 3 to the end;
    ``all``, ``odd``, ``even`` (全部, 单数, 双数). Raises :class:`PageRangeInvalid`,
    :class:`PageOutOfRange`."""
    chosen: set[int] = set()
    for part in _plain(text).split(","):
        chosen.update(_part(part.strip(), count))
    return tuple(sorted(chosen))


def _part(part: str, count: int) -> Iterable[int]:
    named = {"all": range(count), "odd": range(0, count, 2), "even": range(1, count, 2)}
    if part.lower() in _NAMED:
        return named[_NAMED[part.lower()]]
    if found := re.fullmatch(r"-?[0-9]{1,6}", part):
        page = _page(int(part), count)
        return range(page, page + 1)
    found = re.fullmatch(r"([0-9]{1,6})\s*-\s*(-?[0-9]{1,6})?", part)
    if not found:
        raise PageRangeInvalid(part)
    first = _page(int(found[1]), count)
    last = _page(int(found[2]), count) if found[2] else count - 1
    if first > last:
        raise PageRangeInvalid(part)
    return range(first, last + 1)


def _page(number: int, count: int) -> int:
    """0-based from a page number as people count, negative from the end."""
    page = number - 1 if number > 0 else count + number
    if number == 0 or not 0 <= page < count:
        raise PageOutOfRange(number, count)
    return page


# --- positions -----------------------------------------------------------------------------------


@frozen
class Point:
    """Where a seal's centre goes."""

    x_mm: float
    y_mm: float
    page: int | None = None
    """As the user counts, negative from the end; None: not said."""


def parse_point(text: str) -> Point:
    """``PAGE:X,Y`` or ``X,Y``, millimetres. Raises :class:`PositionInvalid`."""
    number = r"\s*([0-9]{1,6}(?:\.[0-9]{1,6})?)\s*"
    found = re.fullmatch(rf"(?:\s*(-?[0-9]{{1,6}})\s*:)?{number},{number}", _plain(text))
    if not found:
        raise PositionInvalid(text)
    page = int(found[1]) if found[1] else None
    return Point(float(found[2]), float(found[3]), page)


def parse_keyword(text: str) -> tuple[str, int | Literal["all"] | None]:
    """``TEXT[:N]``: the text, and which occurrence: a number, "all", or None if nothing is said.

    A colon that no number follows belongs to the text. Raises :class:`PositionInvalid` for an
    empty text."""
    found = re.fullmatch(r"(.+):(-?[0-9]{1,6}|all)", text, re.DOTALL)
    keyword, which = (found[1], found[2]) if found else (text, None)
    if not keyword.strip():
        raise PositionInvalid(text)
    return keyword, "all" if which == "all" else int(which) if which else None


# --- riding seams --------------------------------------------------------------------------------


def parse_riding(text: str) -> tuple[Side, str]:
    """``SIDE[:PAGES]``: right, left, top or bottom (右, 左, 上, 下), and which pages, all by
    default; the pages are read by :func:`parse_pages`. Raises :class:`PositionInvalid`."""
    side, colon, pages = _plain(text).partition(":")
    known = _SIDES.get(side.strip().lower())
    if known is None or (colon and not pages.strip()):
        raise PositionInvalid(text)
    return known, pages.strip() or "all"
