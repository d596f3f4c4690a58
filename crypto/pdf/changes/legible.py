"""Whether text can be read: what viewers draw themselves from /DA, and what is too small or pale.

A field without a look of its own, and every field of a form with /NeedAppearances, is drawn by
viewers from its value and the form's defaults (ISO 32000-1 §12.7.3.3).
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pyhanko.pdf_utils import generic

from crypto.pdf.changes.colours import Colour, colour_of
from crypto.pdf.changes.fonts import is_pictured, read_font
from crypto.pdf.changes.ink import Box, Ink
from crypto.pdf.changes.looks import MULTILINE, Look, inherited, says, value_text
from crypto.pdf.reading.access import entry
from crypto.pdf.reading.content import AppearanceError, operators
from crypto.verdict import TICK

SMALLEST_TEXT = 3.0
"""Points."""
LARGEST_TEXT = 1.4
"""Of the field's height, for one line."""
_CONTRAST, _BRIGHTNESS = 0.25, 0.2
"""Between text and what it stands on: of the colour that differs most, and of the brightness, to
which eyes weigh the colours as ITU-R BT.601 does. Yellow on white is not read."""
_WEIGHTS = (0.299, 0.587, 0.114)
_AUTOMATIC = 4.0
"""Points: viewers choose no smaller size where the field leaves it to them."""
_TAG = re.compile(r"<[^<>]*>")
_PLAIN_TAG = re.compile(r"<\?xml\b|</?(?:html|body|p|span|b|i|u|br|strong|em|div)[\s/>]", re.I)
_STYLE = re.compile(r"""\bstyle\s*=\s*["']([^"']*)["']""", re.I)
_PLAIN_STYLE = re.compile(
    r"(?:font-size\s*:\s*(?:[4-9]|[1-6]\d)(?:\.\d+)?\s*(?:pt|px)?"
    r"|color\s*:\s*#[0-9a-b][0-9a-f][0-9a-b][0-9a-f][0-9a-b][0-9a-f]"
    r"|text-decoration\s*:\s*(?:none|underline|word)"
    r"|(?:font-(?:family|weight|style|stretch)|text-align|text-valign|xfa-spacerun|line-height)"
    r"\s*:[^;]*)",
    re.I,
)
"""Of styled text: what shows its letters as dark and as large as others."""
_COLOURS = {"g": 1, "rg": 3, "k": 4}
_ORNAMENTS = ("ZaDb", "Symb")
"""Fonts that viewers know by these names, be they in the form's resources or not."""
_LINE = 1.2
"""Of the size: from one line to the next."""


def is_drawn_plainly(
    widget: generic.DictionaryObject, form: Any, value: str, look: Look, paper: Ink | None
) -> bool:
    """Would viewers that draw *value* themselves show it as it is: all of it, in a font of their
    own, large and dark enough?"""
    if "/F" in (inherited(widget, "/AA") or ()) or inherited(widget, "/RV") is not None:
        return False  # a script or styled text writes it otherwise
    stated = inherited(widget, "/DA")
    settings = _settings(entry(form, "/DA") if stated is None else stated)
    if settings is None:
        return False
    name, size, colour = settings
    fonts: Any = form
    for key in ("/DR", "/Font"):
        fonts = entry(fonts, key) if isinstance(fonts, generic.DictionaryObject) else None
    known = isinstance(fonts, generic.DictionaryObject)
    font = read_font(entry(fonts, f"/{name}") if known else None)
    letters = {} if font.marks_only or font.letters is None else font.letters
    if not look.drawn and not all(
        letters.get(ord(each)) == each for each in value if not each.isspace()
    ):
        return False
    across, up = look.box[2] - look.box[0], look.box[3] - look.box[1]
    height = size or _AUTOMATIC
    codes = value.encode("latin-1", "replace")
    length = sum(width for width, _ in font.advances(codes)) * height / 1000
    flags, most = inherited(widget, "/Ff"), inherited(widget, "/MaxLen")
    bits = int(flags) if isinstance(flags, generic.NumberObject) else 0
    if isinstance(most, generic.NumberObject) and len(value) > int(most):
        return False
    if not bits & MULTILINE and set(value) & set("\r\n"):
        return False  # what stands behind it, some leave out
    lines = max(1, int(up / (_LINE * height))) if bits & MULTILINE else 1
    is_small = height <= LARGEST_TEXT * up and length <= across * lines
    return is_small and is_seen(Ink("text", look.box, colour, value, size=height), paper)


def is_stated_plainly(
    widget: generic.DictionaryObject, form: Any, box: Box, paper: Ink | None
) -> bool:
    """Does what /DA states make text that is read in *box* on *paper*? Browsers and whoever types
    in a field see its value by /DA, though it has a look of its own."""
    stated = inherited(widget, "/DA")
    settings = _settings(entry(form, "/DA") if stated is None else stated)
    if settings is None:
        return False
    name, size, colour = settings
    fonts = entry(entry(form, "/DR", {}), "/Font", {})
    font = entry(fonts, f"/{name}", {})
    height = size or _AUTOMATIC
    is_small = height <= LARGEST_TEXT * (box[3] - box[1])
    ink = Ink("text", box, colour, size=height)
    named = entry(font, "/BaseFont", "") if isinstance(font, generic.DictionaryObject) else ""
    names = (name, str(named))
    has_letters = name not in _ORNAMENTS and not any(map(is_pictured, names))
    return has_letters and is_small and is_seen(ink, paper)


def is_same_said_richly(before: generic.DictionaryObject, after: generic.DictionaryObject) -> bool:
    """Was /RV added, and does it say in styled text what the value says?"""
    styled = entry(after, "/RV")
    return "/RV" not in before and says_richly(styled, value_text(inherited(after, "/V")))


def says_richly(styled: Any, value: str) -> bool:
    """Does *styled* text (ISO 32000-1 §12.7.3.4) say the *value*, all of it in letters that are
    seen?"""
    text = value_text(styled)
    if not all(map(_is_plain_tag, _TAG.findall(text))):
        return False
    return says(html.unescape(_TAG.sub("", text)), value)


def _is_plain_tag(tag: str) -> bool:
    """Does *tag* neither hide nor strike out what it holds?"""
    rest = _STYLE.sub("", tag)
    if not _PLAIN_TAG.match(tag) or "style" in rest.lower():
        return False
    if any(rest.count(quote) % 2 for quote in "\"'"):
        return False  # it goes on behind its >
    styles = ";".join(_STYLE.findall(tag)).split(";")
    return all(_PLAIN_STYLE.fullmatch(each.strip()) for each in styles if each.strip())


def _settings(stated: Any) -> tuple[str, float, Colour] | None:
    """Font, size (0: chosen by viewers) and colour that /DA states; None if it says more."""
    raw = stated if isinstance(stated, generic.ByteStringObject) else str(stated).encode()
    if b"%" in raw:
        return None  # some viewers read a remark as settings, others show nothing
    fonts: set[tuple[str, float]] = set()
    colours: set[Colour] = set()
    try:
        said = list(operators(bytes(raw)))
    except AppearanceError:
        return None
    for operator, values in said:
        if operator == "Tf" and len(values) == 2 and isinstance(values[1], float):
            if values[1] < 0:
                return None  # turned round, by some
            fonts.add((str(values[0])[1:], values[1]))
        elif found := colour_of(values, _COLOURS.get(operator, 0)):
            colours.add(found)
        elif operator not in ("G", "RG", "K"):  # the colour of strokes, of which text has none
            return None
    if len(fonts) != 1 or len(colours) > 1:
        return None  # of two some viewers take the first, others the last
    ((name, size),) = fonts
    (colour,) = colours or {(0.0, 0.0, 0.0)}
    return (name, size, colour) if name else None


def is_seen(ink: Ink, paper: Ink | None) -> bool:
    """Is this text, or the shape of a tick, large and dark enough to be read?"""
    ground = paper.colour if paper and paper.colour else (1.0, 1.0, 1.0)
    size = ink.size if ink.kind == "text" else max(sides(ink.box))
    if ink.colour is None or size < SMALLEST_TEXT:
        return False
    colour = _laid(ink, ground)
    apart = max(abs(a - b) for a, b in zip(colour, ground, strict=True))
    brighter = abs(brightness(colour) - brightness(ground))
    return apart >= _CONTRAST and brighter >= _BRIGHTNESS


def stood_on(grounds: Sequence[Ink], beneath: Ink | None) -> Ink | None:
    """What is written on *grounds*, in their order, that lie on *beneath*, stands on: a ground that
    is seen through leaves it as dark as it was."""
    if not grounds:
        return beneath
    colour = beneath.colour if beneath and beneath.colour else (1.0, 1.0, 1.0)
    for ground in grounds:
        colour = _laid(ground, colour)
    return replace(grounds[-1], colour=colour)


def _laid(ink: Ink, beneath: Colour) -> Colour:
    """The colour of *ink* on what has the colour *beneath*."""
    own = ink.colour or beneath
    red, green, blue = (
        ink.opacity * (a * b if ink.see_through else a) + (1 - ink.opacity) * b
        for a, b in zip(own, beneath, strict=True)
    )
    return red, green, blue


def brightness(colour: Colour) -> float:
    """0.0 to 1.0."""
    return sum(part * weight for part, weight in zip(colour, _WEIGHTS, strict=True))


def needs_looks(form: Any) -> bool:
    """Are viewers told to draw all fields anew?"""
    value = entry(form, "/NeedAppearances")
    return isinstance(value, generic.BooleanObject) and bool(value)


def sides(box: Box) -> tuple[float, float]:
    return box[2] - box[0], box[3] - box[1]


def part_shown(new: Look, value: str) -> str:
    """Does the look say the beginning of the *value* and stop there?"""
    text, whole = ("".join(each.split()) for each in (new.text or "", value))
    return "part" if text and text != whole and whole.startswith(text) else ""


def why_unclear(new: Look, value: str, *, drawn_anew: bool) -> str:
    """Why nobody can say what the look *new* of a field with that *value* shows; "" where that is
    not known. *drawn_anew*: viewers draw it themselves."""
    if not new.drawn:
        return "undrawn" if value else "gone"
    if drawn_anew:
        return "anew"
    if value and not new.ink and not new.painted.strange and value != TICK:
        return "blank"
    unread = any(ink.kind == "text" and ink.text is None for ink in new.ink)
    is_text = all(ink.kind == "text" for ink in new.ink)
    return "letters" if unread and is_text else ""
