"""The words of a content stream (ISO 32000-1 §7.8.2), read in three ways, from exact to fast.

    operators(content)       every operator with its operands; refuses what is no content stream
    ALL_WORDS, NO_TEXT       patterns that step over what the search for look-alikes does not follow
    DRAWINGS, COLOURS, …     patterns for bytes that somebody may take for an operator

A mark is believed only if its content is read exactly. A search that looks at whole documents must
be fast, and takes rather too much for an operator than too little.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

MAX_OPERATORS = 20_000
"""Of the content of one appearance, and operands of one operator."""

FILLS = frozenset(("f", "F", "f*", "B", "B*", "b", "b*"))
"""Operators that fill a path (ISO 32000-1 table 60)."""
STROKES = frozenset(("S", "s", "B", "B*", "b", "b*"))
"""Operators that stroke a path."""
OPERANDS = {"m": 2, "l": 2, "c": 6, "v": 4, "y": 4, "re": 4, "cm": 6, "Tm": 6, "Td": 2, "TD": 2}
OPERANDS |= {"rg": 3, "RG": 3, "k": 4, "K": 4}
"""How many operands the search for look-alikes asks of the operators that it follows."""


LONGEST_WORD, LARGEST_NUMBER = 128, 2.0**31
"""Bytes of a number, an operator or a name with its slash (ISO 32000-1 annex C), and what a number
is below: beyond that renderers read a part of it, or another number."""


class AppearanceError(ValueError):
    """An appearance that is too large or too deep to be followed, or is no content stream."""


# --- exact -------------------------------------------------------------------------------------

_TOKEN = re.compile(
    rb"(?:[\0\t\n\f\r ]++|%[^\r\n]*+)*+(?:"
    rb"(?P<number>[+-]?(?:\d++\.?\d*+|\.\d++)(?![^\0\t\n\f\r ()<>\[\]{}/%]))"
    rb"|(?P<word>[^\0\t\n\f\r ()<>\[\]{}/%]++)"
    rb"|(?P<open>\()"
    rb"|(?P<name>/[^\0\t\n\f\r ()<>\[\]{}/%]*+)"
    rb"|(?P<mark><<|>>|[\[\]{}])"
    rb"|(?P<hex><[0-9A-Fa-f\0\t\n\f\r ]*+>)"
    rb"|(?P<end>\Z))"
)
"""The next word, with the blanks and comments before it."""
_IN_STRING = re.compile(rb"\\.|[()]", re.DOTALL)
_ESCAPE = re.compile(rb"\\([0-7]{1,3})|\\(\r\n|.)|\r\n?", re.DOTALL)
_ESCAPED = {
    **{b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"},
    **dict.fromkeys((b"\n", b"\r", b"\r\n"), b""),
}
_NO_HEX = re.compile(rb"[^0-9A-Fa-f]")


def operators(content: bytes) -> Iterator[tuple[str, list[str | float | bytes | None]]]:
    """The operators of a content stream, each with its operands: names as "/Name", numbers as
    float, strings as bytes, everything else as None. Ends with "BI" where an inline image begins:
    what follows is not to be read as text. Raises :class:`AppearanceError` on what is no content
    stream.

    (pyHanko's own parser takes the operator ``f`` for the beginning of ``false``.)"""
    operands: list[str | float | bytes | None] = []
    position = 0
    while found := _TOKEN.match(content, position):
        position, kind = found.end(), found.lastgroup
        if kind == "end":
            return
        text = found[kind or 0]
        if len(text) > LONGEST_WORD and kind != "hex":
            raise AppearanceError("a word that is too long")
        match kind:
            case "number":
                number = float(text)
                if len(text) > 9 and abs(number) >= LARGEST_NUMBER:
                    raise AppearanceError("a number that is too large")
                operands.append(number)
            case "word" if text in (b"true", b"false", b"null"):
                operands.append(None)
            case "word":
                operator = text.decode("latin-1")
                yield operator, operands
                operands = []
                if operator == "BI":
                    return
            case "open":
                end = _end_of_string(content, position)
                operands.append(_unescaped(content[position : end - 1]))
                position = end
            case "name":
                operands.append(_name(text))
            case "mark":
                operands.append(None)
            case "hex":
                digits = _NO_HEX.sub(b"", text)
                operands.append(bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode()))
        if len(operands) > MAX_OPERATORS:
            raise AppearanceError("the appearance is too long")
    raise AppearanceError("not a content stream")


def _unescaped(text: bytes) -> bytes:
    """The bytes that a literal string stands for (ISO 32000-1 §7.3.4.2)."""
    if b"\\" not in text and b"\r" not in text:
        return text
    return _ESCAPE.sub(_escaped, text)


def _escaped(found: re.Match[bytes]) -> bytes:
    octal, plain = found[1], found[2]
    if octal:
        return bytes((int(octal, 8) & 255,))
    if plain is None:
        return b"\n"  # an end of line of any kind
    return _ESCAPED.get(plain, plain)


def _name(text: bytes) -> str:
    if b"#" in text:
        text = re.sub(rb"#([0-9A-Fa-f]{2})", lambda found: bytes.fromhex(found[1].decode()), text)
    return text.decode("latin-1")


def _end_of_string(content: bytes, position: int) -> int:
    depth = 1
    for found in _IN_STRING.finditer(content, position):
        depth += {b"(": 1, b")": -1}.get(found.group(), 0)
        if depth == 0:
            return found.end()
    raise AppearanceError("a string without an end")


# --- fast --------------------------------------------------------------------------------------

# Each match reads one word and skips what does not matter before it: a page of text has thousands
# of words. Nothing is tried twice: every part takes all it can and gives none back.
_BLANK_OR_OTHER = rb"[^-+.0-9A-Za-z'\"/(<%]++"
_STRING = rb"\((?:[^()\\]++|\\.)*+\)?+|<[0-9A-Fa-f\s]*+>?+|%[^\r\n]*+"
_RUN = rb"[-+.0-9][-+.0-9\s\0]*+"
_END = rb"(?![A-Za-z0-9*'\"])"
_SETTING = rb"(?:gs|w|J|j|M|d|i|ri|BDC|BMC|EMC|Tf|Tc|Tw|Tz|TL|Tr|Ts)"
_TEXT = rb"(?:BT|ET|T[mdDjJ*]|['\"])"
_NAME = rb"/[^\s\0()<>\[\]{}/%]*+"


def _words(skipped: bytes) -> re.Pattern[bytes]:
    skip = rb"(?:%s|%s|(?:%s\s*+)?+(?:%s)?+%s%s|%s(?=[\]\[(</]))*+" % (
        *(_BLANK_OR_OTHER, _STRING, _NAME, _RUN, skipped, _END, _RUN),
    )
    word = rb"[A-Za-z'\"][A-Za-z0-9*'\"]*+"
    # "0rg" is one word, and no operator
    token = rb"(?:(?P<numbers>%s)(?:(?<=[\s\0])(?P<after>%s))?+|(?P<word>%s)|(?P<name>%s))" % (
        *(_RUN, word, word, _NAME),
    )
    return re.compile(skip + token, re.DOTALL)


ALL_WORDS = _words(_SETTING)
"""One word, its numbers before it, or a name; operators that only set something up are skipped."""
NO_TEXT = _words(rb"(?:%s|%s)" % (_SETTING, _TEXT))
"""The same, and operators that show text are skipped as well."""
INLINE_IMAGE = re.compile(rb"(.{0,1024}?)\bID\s(.*?)\sEI\b", re.DOTALL)
"""What follows BI: the entries of an inline image and its data."""

# What somebody may take for an operator, whatever stands around it.
DRAWN_NAMES = re.compile(rb"/([^\s\0()<>\[\]{}/%]+)\s+Do" + _END)
# A pattern that begins with letters is found many times as fast as one that begins with a choice:
# what has to stand before them is looked at afterwards.
DRAWINGS = re.compile(rb"Do(?<![A-Za-z]Do)" + _END)
INLINE_BEGIN = re.compile(rb"BI(?<![A-Za-z]BI)" + _END)
OUTLINES = re.compile(rb"[\d.][\s\0]++(?:c|v|y|re)" + _END)
LINES = re.compile(rb"[\d.][\s\0]++l" + _END)
_OUTLINE_WORDS = [
    re.compile(rb"%s(?<=[\s\0]%s)" % (word, word) + _END) for word in (b"re", b"c", b"v", b"y")
]
_LINE_WORD = re.compile(rb"l(?<=[\s\0]l)" + _END)
COLOURS = [
    re.compile(rb"%s(?<![ \n]0 0 0 %s)(?<=[ \t\r\n\x0b\f\0]%s)" % (letters, letters, letters))
    for letters in (b"rg", b"RG", b"k", b"K", b"sc", b"SC")
]
"""Operators that choose a colour other than black, which most pages choose for every line."""


def has_shapes(content: bytes) -> bool:
    """Are there curves, rectangles or polygons? Most pages of text have not even the words."""
    if any(word.search(content) for word in _OUTLINE_WORDS) and OUTLINES.search(content):
        return True
    return len(_LINE_WORD.findall(content)) > 2 and len(LINES.findall(content)) > 2


def may_draw(content: bytes) -> bool:
    """Is a picture or a form drawn?"""
    return bool(DRAWINGS.search(content) or INLINE_BEGIN.search(content))
