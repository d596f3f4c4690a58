"""What the codes of a font say, as far as every viewer shows them alike.

Text that was filled in later must look like its value. A font that the file itself brings can show
any shape for any code, so only the fonts that viewers have themselves are read: with an encoding
that names each code, and a name that promises letters. Of every other font only the room that its
text takes up is told.
"""

from __future__ import annotations

import re
from dataclasses import field
from typing import Any

from pyhanko.pdf_utils import generic

from crypto.frozen import frozen
from crypto.pdf.reading.access import entry, follow, items_of

_LETTERED = re.compile(
    r"/(?:[A-Z]{6}\+)?(?:helv|arial|times|ti(?:ro|bo|it|bi)|cour|co(?:bo|ob|bl)|he(?:bo|ob|bl)"
    r"|verdana|tahoma|calibri|cambria|georgia|segoeui|trebuc|liberation|dejavu|noto(?:sans|serif)"
    r"|source(?:han|sans|serif)|sim(?:sun|hei|kai|fang)|nsimsun|kaiti|fangsong|st(?:song|kaiti|fang"
    r"|heiti|xihei|zhongsong)|song|hei\b|kai\b|microsoftyahei|dengxian|adobe(?:song|heiti|kaiti"
    r"|fang|ming|gothic|myungjo)|ming(?:liu|\b)|heise|kozmin|kozgo|hygothic|hymyeong|batang"
    r"|mincho|gothic|dotum|gulim|droidsans|pingfang|myriad|minion)",
    re.IGNORECASE,
)
"""Typefaces with letters behind the codes of letters."""
_PICTURED = re.compile(r"symbol|dingbat|wingding|webding|barcode|emoji|icon", re.IGNORECASE)
_UNICODE_CMAPS = re.compile(r"/Uni(?:GB|CNS|JIS|KS)[A-Za-z0-9]*-(?:UTF16|UCS2)-H")
_CHINESE_CMAPS = ("/GBK-EUC-H", "/GBKp-EUC-H", "/GBK2K-H", "/GB-EUC-H")
_ORDERINGS = {"GB": "GB1", "CNS": "CNS1", "JIS": "Japan1", "KS": "Korea1"}
"""Of an encoding's name, the characters that its codes lead to (ISO 32000-1 table 118)."""
_NARROWEST, _WIDEST = 400.0, 1000.0
"""Thousandths of the font size: glyphs of a composite font whose strings are read, but for those of
ASCII, the first of each collection."""
_NARROWER = 0.64
"""Of the width that a glyph has in Helvetica: in no typeface is it narrower than that."""
_CHARSETS = {"GB1": "gbk", "CNS1": "big5", "Japan1": "cp932", "Korea1": "cp949"}
"""The characters of a collection: for others each viewer shows what it likes."""
_BASES = {
    "/WinAnsiEncoding": "cp1252",
    "/MacRomanEncoding": "mac_roman",
    "/PDFDocEncoding": "ascii",
    "/StandardEncoding": "ascii",  # agrees with ASCII where it matters
    "None": "ascii",
}
_MAX_WIDTHS = 20_000
_VERTICAL = re.compile(rb"/WMode\s+1\b|-V\b")

_NAMES = (
    "space exclam quotedbl numbersign dollar percent ampersand quotesingle parenleft parenright "
    "asterisk plus comma hyphen period slash zero one two three four five six seven eight nine "
    "colon semicolon less equal greater question at bracketleft backslash bracketright "
    "asciicircum underscore grave braceleft bar braceright asciitilde exclamdown cent sterling "
    "currency yen brokenbar section dieresis copyright ordfeminine guillemotleft logicalnot "
    "registered macron degree plusminus twosuperior threesuperior acute mu paragraph "
    "periodcentered cedilla onesuperior ordmasculine guillemotright onequarter onehalf "
    "threequarters questiondown Agrave Aacute Acircumflex Atilde Adieresis Aring AE Ccedilla "
    "Egrave Eacute Ecircumflex Edieresis Igrave Iacute Icircumflex Idieresis Eth Ntilde Ograve "
    "Oacute Ocircumflex Otilde Odieresis multiply Oslash Ugrave Uacute Ucircumflex Udieresis "
    "Yacute Thorn germandbls agrave aacute acircumflex atilde adieresis aring ae ccedilla egrave "
    "eacute ecircumflex edieresis igrave iacute icircumflex idieresis eth ntilde ograve oacute "
    "ocircumflex otilde odieresis divide oslash ugrave uacute ucircumflex udieresis yacute thorn "
    "ydieresis bullet dagger daggerdbl ellipsis emdash endash florin fraction guilsinglleft "
    "guilsinglright minus perthousand quotedblbase quotedblleft quotedblright quoteleft "
    "quoteright quotesinglbase trademark fi fl Lslash OE Scaron Ydieresis Zcaron dotlessi lslash "
    "oe scaron zcaron Euro breve caron circumflex dotaccent hungarumlaut ogonek ring tilde"
)
_CHARACTERS = (
    " !\"#$%&'()*+,-./0123456789:;<=>?@[\\]^_`{|}~"
    "¡¢£¤¥¦§¨©ª«¬®¯°±²³´µ¶·¸¹º»¼½¾¿ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖ×ØÙÚÛÜÝÞß"
    "àáâãäåæçèéêëìíîïðñòóôõö÷øùúûüýþÿ"
    "•†‡…—–ƒ⁄‹›−‰„“”‘’‚™ﬁﬂŁŒŠŸŽıłœšž€˘ˇˆ˙˝˛˚˜"
)
_GLYPHS = dict(zip(_NAMES.split(), _CHARACTERS, strict=True))
"""Names of glyphs (Adobe Glyph List) → characters; letters stand for themselves."""
_DINGBATS = {ord(code): "✓" for code in "345678lmnopqrstuHvwz"}
"""Ticks, crosses, dots, squares, diamonds and the star of ZapfDingbats; others are digits in
circles, arrows and ornaments."""


@frozen
class Font:
    """How a font's strings are read and how wide they are."""

    letters: dict[int, str] | None = None
    """Code → character of a simple font whose look is known; None: it is not."""
    codec: str = ""
    """How the strings of a composite font whose look is known become text."""
    charset: str = ""
    """The encoding that has all characters of such a font."""
    bytes_per_code: int = 1
    widths: dict[int, float] = field(default_factory=dict)
    """Code → thousandths of the font size."""
    default_width: float = 600.0
    own_shapes: bool = False
    """Its glyphs are drawings of the file's own (Type 3)."""
    height: tuple[float, float] = (-0.21, 0.74)
    """Lowest and highest ink, in parts of the font size."""
    down: float = 0.0
    """Of vertical writing: how far down the next glyph may stand, thousandths of the font size; 0.0
    for a font that is written from left to right."""
    marks_only: bool = False
    """ZapfDingbats: ticks and crosses."""

    def text(self, shown: bytes) -> str | None:
        """What *shown* says; None if that cannot be told."""
        if self.codec:
            try:
                said = shown.decode(self.codec)
                return said if said.encode(self.charset) else ""
            except UnicodeError:
                return None
        if self.letters is None:
            return None
        found = [self.letters.get(code) for code in shown]
        return None if None in found else "".join(each for each in found if each)

    def is_crowded(self, shown: bytes) -> bool:
        """Does a glyph of *shown* stand on the one before, because a width that the file states is
        less than its own?"""
        return any(
            self.widths[code] < _least_width(letter)
            for code in set(shown)
            if code in self.widths and (letter := (self.letters or {}).get(code))
        )

    def advances(self, shown: bytes) -> list[tuple[float, bool]]:
        """For each code: its width in thousandths, and whether it is the single byte 32."""
        size = self.bytes_per_code
        codes = [int.from_bytes(shown[at : at + size]) for at in range(0, len(shown), size)]
        return [
            (self.widths.get(code, self.default_width), size == 1 and code == 32) for code in codes
        ]


UNKNOWN_FONT = Font()


class Fonts:
    """The fonts of one document, each read once: the pages of a book share a few."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Any, Font]] = {}
        """By the identity of their dictionaries, which are kept so that it stays theirs."""

    def read(self, node: Any) -> Font:
        """As :func:`read_font`."""
        if id(node) not in self._known:
            self._known[id(node)] = (node, read_font(node))
        return self._known[id(node)][1]


def read_font(node: Any) -> Font:
    """The font dictionary *node*. Raises what pyHanko raises on damaged objects."""
    if not isinstance(node, generic.DictionaryObject):
        return UNKNOWN_FONT
    kind = entry(node, "/Subtype")
    if kind == "/Type0":
        return _composite(node)
    if kind == "/Type3":
        return _drawn(node)
    base = str(entry(node, "/BaseFont", ""))
    widths = _simple_widths(node) or _standard_widths(base)
    # a code that the listed widths leave out is as wide as the descriptor says, or has no width
    other = _missing_width(node) if isinstance(entry(node, "/Widths"), list) else 600.0
    if _is_embedded(node) or kind not in ("/Type1", "/TrueType", "/MMType1"):
        return Font(widths=widths, default_width=other)
    if base in ("/ZapfDingbats", "/ZaDb") and not isinstance(
        entry(node, "/Encoding"), generic.DictionaryObject
    ):
        return Font(_DINGBATS, widths=widths, default_width=other, marks_only=True)
    if not _has_letters(base) or not _descriptor_agrees(node):
        return Font(widths=widths, default_width=other)
    if (
        kind == "/TrueType"
        and _is_symbolic(node)
        and "/Differences" in entry(node, "/Encoding", ())
    ):
        return Font(widths=widths, default_width=other)  # viewers differ in whether they count
    return Font(_letters(entry(node, "/Encoding")), widths=widths, default_width=other)


def is_pictured(name: str) -> bool:
    """Does the name of a font promise pictures in place of letters?"""
    return bool(_PICTURED.search(name))


def _has_letters(base: str) -> bool:
    return not is_pictured(base) and bool(_LETTERED.match(base))


def _descriptor_agrees(node: generic.DictionaryObject) -> bool:
    """Does the descriptor name a typeface with letters, too, if it names any? Viewers go by either
    name."""
    descriptor = entry(node, "/FontDescriptor")
    if not isinstance(descriptor, generic.DictionaryObject):
        return True
    named, family = entry(descriptor, "/FontName"), _plain(entry(descriptor, "/FontFamily", ""))
    return (named is None or _has_letters(str(named))) and not _PICTURED.search(family)


def _letters(encoding: Any) -> dict[int, str] | None:
    base: Any = encoding
    differences: Any = None
    if isinstance(encoding, generic.DictionaryObject):
        base, differences = entry(encoding, "/BaseEncoding"), entry(encoding, "/Differences")
    codec = _BASES.get(str(base))
    if codec is None:
        return None
    found: dict[int, str] = {}
    for code in range(32, 256):
        character = bytes((code,)).decode(codec, "ignore")
        if character:
            found[code] = character
    code = 0
    for raw in differences if isinstance(differences, generic.ArrayObject) else ():
        value = follow(raw)
        if isinstance(value, generic.NameObject):
            named = _named(str(value)[1:])
            if named is None:
                found.pop(code, None)
            else:
                found[code] = named
            code += 1
        else:
            code = int(value)
    return found


def _named(glyph: str) -> str | None:
    if len(glyph) == 1 and glyph.isascii() and glyph.isalpha():
        return glyph
    if re.fullmatch(r"uni[0-9A-F]{4}", glyph):
        return chr(int(glyph[3:], 16))
    return _GLYPHS.get(glyph)


def _is_embedded(node: generic.DictionaryObject) -> bool:
    descriptor = entry(node, "/FontDescriptor")
    return isinstance(descriptor, generic.DictionaryObject) and any(
        key in descriptor for key in ("/FontFile", "/FontFile2", "/FontFile3")
    )


def _simple_widths(node: generic.DictionaryObject) -> dict[int, float]:
    listed = entry(node, "/Widths")
    if not isinstance(listed, generic.ArrayObject):
        return {}
    first = int(entry(node, "/FirstChar", 0))
    return {first + at: abs(float(follow(each))) for at, each in enumerate(items_of(listed))}


def _is_symbolic(node: generic.DictionaryObject) -> bool:
    descriptor = entry(node, "/FontDescriptor")
    flags = (
        entry(descriptor, "/Flags", 0) if isinstance(descriptor, generic.DictionaryObject) else 0
    )
    return bool(int(flags) & 4)


def _missing_width(node: generic.DictionaryObject) -> float:
    descriptor = entry(node, "/FontDescriptor")
    if not isinstance(descriptor, generic.DictionaryObject):
        return 0.0
    return abs(float(entry(descriptor, "/MissingWidth", 0)))


def _drawn(node: generic.DictionaryObject) -> Font:
    """A Type 3 font: its widths and its box are in units that its own matrix makes."""
    matrix = [float(follow(number)) for number in entry(node, "/FontMatrix", ())]
    scale, rise = (abs(matrix[0]), matrix[3]) if len(matrix) == 6 else (0.001, 0.001)
    widths = {code: width * scale * 1000 for code, width in _simple_widths(node).items()}
    box = [float(follow(edge)) for edge in entry(node, "/FontBBox", ())]
    height = (-0.25, 1.0)
    if len(box) == 4 and box[1] != box[3]:
        low, high = sorted((box[1] * rise, box[3] * rise))
        height = (min(low, height[0]), max(high, height[1]))
    return Font(widths=widths, default_width=1000.0, own_shapes=True, height=height)


def _composite(node: generic.DictionaryObject) -> Font:
    descendants = entry(node, "/DescendantFonts")
    below = follow(descendants[0]) if isinstance(descendants, list) and descendants else None
    if not isinstance(below, generic.DictionaryObject):
        return Font(bytes_per_code=2, default_width=1000.0)
    encoding = entry(node, "/Encoding")
    if isinstance(encoding, generic.StreamObject) or str(encoding).endswith("V"):
        return _mapped(encoding, below)
    name, base = str(encoding), str(entry(below, "/BaseFont", entry(node, "/BaseFont", "")))
    codec = ""
    if isinstance(encoding, generic.NameObject) and not _is_embedded(below):
        if _UNICODE_CMAPS.fullmatch(name):
            codec = "utf-16-be"
        elif name in _CHINESE_CMAPS:
            codec = "gb18030"
        if _PICTURED.search(base) or not _LETTERED.match(base):
            codec = ""
    default = abs(float(entry(below, "/DW", 1000)))
    widths = _composite_widths(entry(below, "/W"))
    if name.startswith("/Identity"):
        return Font(codec=codec, bytes_per_code=2, widths=widths, default_width=default)
    # of other maps the codes are not those that /W counts by: all glyphs are taken for the widest
    stated = (default, *widths.values())
    if (
        default < _NARROWEST
        or max(stated) > _WIDEST
        or any(width < _narrowest(cid) for cid, width in widths.items())
        or not _leads_to_its_characters(below, name)
    ):
        codec = ""
    charset = _CHARSETS[_plain(entry(entry(below, "/CIDSystemInfo"), "/Ordering"))] if codec else ""
    return Font(codec=codec, charset=charset, bytes_per_code=2, default_width=max(stated))


def _mapped(encoding: Any, below: generic.DictionaryObject) -> Font:
    """A composite font whose codes a map of the file's own leads to glyphs, each of one byte then,
    or that is written from top to bottom. What it says is not told, and it takes up the most that
    it may."""
    own = isinstance(encoding, generic.StreamObject)
    is_vertical = bool(_VERTICAL.search(encoding.data)) if own else True
    stated = (
        abs(float(entry(below, "/DW", 1000))),
        *_composite_widths(entry(below, "/W")).values(),
    )
    down = 0.0
    if is_vertical or (own and entry(encoding, "/WMode", 0) == 1):
        stack, heights = [entry(below, "/DW2"), entry(below, "/W2")], [1000.0]
        while stack and len(heights) < _MAX_WIDTHS:
            value = follow(stack.pop())
            parts = items_of(value)[:_MAX_WIDTHS] if isinstance(value, list) else []
            stack += parts
            heights.append(abs(float(value)) if isinstance(value, float | int) else 0.0)
        down = max(heights)
    return Font(bytes_per_code=1 if own else 2, default_width=max(stated), down=down)


def _narrowest(cid: int) -> float:
    """Of the glyph with this number in one of the collections: the first are those of ASCII."""
    return _least_width(chr(cid + 31)) if cid <= 95 else _NARROWEST


def _least_width(letter: str) -> float:
    """Of a glyph whose next one does not stand on it, thousandths; in typefaces whose glyphs are
    all as wide, wide letters are narrow."""
    return min(_NARROWEST, _NARROWER * _HELVETICA_WIDTHS.get(letter, 0.0))


def _leads_to_its_characters(below: generic.DictionaryObject, encoding: str) -> bool:
    """Does the encoding of this name lead to the characters that *below*, a font of CIDs, has, and
    these to glyphs by no map of the file's own?"""
    info, glyphs = entry(below, "/CIDSystemInfo"), entry(below, "/CIDToGIDMap", "/Identity")
    if not isinstance(info, generic.DictionaryObject) or glyphs != "/Identity":
        return False
    named = re.match(r"/(?:Uni)?(GB|CNS|JIS|KS)", encoding)
    return named is not None and _plain(entry(info, "/Ordering")) == _ORDERINGS[named[1]]


def _plain(text: Any) -> str:
    if isinstance(text, generic.ByteStringObject):
        return bytes(text).decode("latin-1")
    return str(text)


def _composite_widths(listed: Any) -> dict[int, float]:
    """/W (ISO 32000-1 §9.7.4.3): ``c [w …]`` and ``first last w``."""
    items = [follow(item) for item in items_of(listed)]
    found: dict[int, float] = {}
    at = 0
    while at + 1 < len(items) and len(found) < _MAX_WIDTHS:
        first, second = int(items[at]), items[at + 1]
        if isinstance(second, generic.ArrayObject):
            stated = enumerate(items_of(second))
            found.update({first + n: abs(float(follow(each))) for n, each in stated})
            at += 2
        elif at + 2 < len(items):
            last = min(int(second), first + _MAX_WIDTHS)
            found.update(dict.fromkeys(range(first, last + 1), abs(float(items[at + 2]))))
            at += 3
        else:
            break
    return found


# --- widths that files need not state -----------------------------------------------------------
# ISO 32000-1 §9.6.2.2 names the fonts; the numbers are those of Adobe's metrics, in thousandths of
# the font size, for the codes 32 to 126.

_FIRST = 32
_HELVETICA = (
    "278 278 355 556 556 889 667 191 333 333 389 584 278 333 278 278 556 556 556 556 556 556 "
    "556 556 556 556 278 278 584 584 584 556 1015 667 667 722 722 667 611 778 722 278 500 667 "
    "556 833 722 778 667 778 722 667 611 722 667 944 667 667 611 278 278 278 469 556 333 556 "
    "556 500 556 556 278 556 556 222 222 500 222 833 556 556 556 556 333 500 278 556 500 722 "
    "500 500 500 334 260 334 584 "
)
_HELVETICA_BOLD = (
    "278 333 474 556 556 889 722 238 333 333 389 584 278 333 278 278 556 556 556 556 556 556 "
    "556 556 556 556 333 333 584 584 584 611 975 722 722 722 722 667 611 778 722 278 556 722 "
    "611 833 722 778 667 778 722 667 611 722 667 944 667 667 611 333 278 333 584 556 333 556 "
    "611 556 611 556 333 611 611 278 278 556 278 889 611 611 611 611 389 556 333 611 556 778 "
    "556 556 500 389 280 389 584 "
)
_TIMES_ROMAN = (
    "250 333 408 500 500 833 778 180 333 333 500 564 250 333 250 278 500 500 500 500 500 500 "
    "500 500 500 500 278 278 564 564 564 444 921 722 667 667 722 611 556 722 722 333 389 722 "
    "611 889 722 722 556 722 667 556 611 722 722 944 722 722 611 333 278 333 469 500 333 444 "
    "500 444 500 444 333 500 500 278 278 500 278 778 500 500 500 500 333 389 278 500 500 722 "
    "500 500 444 480 200 480 541 "
)
_TIMES_BOLD = (
    "250 333 555 500 500 1000 833 278 333 333 500 570 250 333 250 278 500 500 500 500 500 500 "
    "500 500 500 500 333 333 570 570 570 500 930 722 667 722 722 667 611 778 778 389 500 778 "
    "667 944 722 778 611 778 722 556 667 722 722 1000 722 722 667 333 278 333 581 500 333 500 "
    "556 444 556 444 333 500 556 278 333 556 278 833 556 500 556 556 444 389 333 556 500 722 "
    "500 500 444 394 220 394 520 "
)
_TIMES_ITALIC = (
    "250 333 420 500 500 833 778 214 333 333 500 675 250 333 250 278 500 500 500 500 500 500 "
    "500 500 500 500 333 333 675 675 675 500 920 611 611 667 722 611 611 722 722 333 444 667 "
    "556 833 667 722 611 722 611 500 556 722 611 833 611 556 556 389 278 389 422 500 333 500 "
    "500 444 500 444 278 500 500 278 278 444 278 722 500 500 500 500 389 389 278 500 444 667 "
    "444 444 389 400 275 400 541 "
)
_TIMES_BOLDITALIC = (
    "250 389 555 500 500 833 778 278 333 333 500 570 250 333 250 278 500 500 500 500 500 500 "
    "500 500 500 500 333 333 570 570 570 500 832 667 667 667 722 667 667 722 778 389 500 667 "
    "611 889 722 722 611 722 667 556 611 722 667 889 667 611 611 333 278 333 570 500 333 500 "
    "500 444 500 444 333 500 556 278 278 500 278 778 556 500 500 500 389 389 278 556 444 667 "
    "500 444 389 348 220 348 570 "
)

_HELVETICA_WIDTHS = {chr(_FIRST + at): float(each) for at, each in enumerate(_HELVETICA.split())}

_FAMILIES = (
    (
        re.compile(r"/(?:helv|arial|he(?:bo|ob|bl))", re.IGNORECASE),
        (_HELVETICA, _HELVETICA_BOLD) * 2,
    ),
    (
        re.compile(r"/ti(?:mes|ro|bo|it|bi)", re.IGNORECASE),
        (_TIMES_ROMAN, _TIMES_BOLD, _TIMES_ITALIC, _TIMES_BOLDITALIC),
    ),
)
"""Typefaces: upright, bold, italic, both."""
_BOLD = re.compile(r"bold|/(?:hebo|hebl|tibo|tibi)", re.IGNORECASE)
_ITALIC = re.compile(r"italic|oblique|/(?:heob|hebl|tiit|tibi)", re.IGNORECASE)


def _standard_widths(base: str) -> dict[int, float]:
    """Code → width for the font of this /BaseFont; nothing for one that is not known, or whose
    glyphs are all as wide as :class:`Font` takes for granted."""
    style = bool(_BOLD.search(base)) + 2 * bool(_ITALIC.search(base))
    for family, styles in _FAMILIES:
        if family.match(base):
            return {_FIRST + at: float(each) for at, each in enumerate(styles[style].split())}
    return {}
