"""A strict, small walk over DER (ITU-T X.690), and its writer.

Everything that comes from outside — seals, certificates, CMS values — is read through here, because
the general libraries raise on real government certificates (docs/design/standards.md §1.4). The
walk never re-encodes: :attr:`Tlv.raw` is the slice as found, which is what signatures are computed
over.

>>> seal = parse(encode(0x30, integer(4), ia5("ES")))
>>> fields = seal.children()
>>> fields.integer(), fields.text()
(4, 'ES')
>>> fields.finish()

Bounds: definite minimal lengths only, tag numbers below 31, :data:`MAX_DEPTH` levels of nesting and
:data:`MAX_ELEMENTS` elements per value parsed; whatever exceeds them is a :class:`DerError`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

MAX_DEPTH = 32
MAX_ELEMENTS = 200_000

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, NULL, OID = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06
UTF8, PRINTABLE, T61, IA5, UTC_TIME, GENERALIZED_TIME = 0x0C, 0x13, 0x14, 0x16, 0x17, 0x18
UNIVERSAL, BMP = 0x1C, 0x1E
SEQUENCE, SET = 0x30, 0x31

_TEXT_CODECS = {
    UTF8: "utf-8",
    BMP: "utf-16-be",
    UNIVERSAL: "utf-32-be",
    PRINTABLE: "ascii",
    IA5: "ascii",
    0x12: "ascii",
    0x1A: "ascii",
    T61: "latin-1",
}


class DerError(ValueError):
    """The bytes are not the DER that the standard asks for at this place."""


class _Budget:
    """How many more elements one parse may visit (shared by all its children)."""

    __slots__ = ("left",)

    def __init__(self, left: int) -> None:
        self.left = left

    def spend(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise DerError("too many elements")


class Tlv:
    """One element: ``tag`` (identifier byte), ``content`` and the ``raw`` bytes as found."""

    __slots__ = ("_budget", "_data", "_depth", "content_start", "end", "start", "tag")

    def __init__(
        self, data: bytes, start: int, limit: int, depth: int = 0, budget: _Budget | None = None
    ) -> None:
        """Read the element that begins at *start* and must end at or before *limit*.

        Raises :class:`DerError`."""
        self._data, self._depth = data, depth
        self._budget = budget or _Budget(MAX_ELEMENTS)
        self._budget.spend()
        if depth > MAX_DEPTH:
            raise DerError("nested too deeply")
        if start + 2 > limit:
            raise DerError("ends inside an element")
        self.start, self.tag = start, data[start]
        if self.tag & 0x1F == 0x1F:
            raise DerError("tag numbers above 30 are not used here")
        first = data[start + 1]
        position = start + 2
        if first < 0x80:
            length = first
        else:
            count = first & 0x7F
            if not 1 <= count <= 4:
                raise DerError("indefinite or absurd length")
            if position + count > limit:
                raise DerError("ends inside a length")
            length = int.from_bytes(data[position : position + count], "big")
            if length < 0x80 or length >> (8 * (count - 1)) == 0:
                raise DerError("length is not minimal")
            position += count
        self.content_start, self.end = position, position + length
        if self.end > limit:
            raise DerError("an element is longer than what holds it")

    @property
    def raw(self) -> bytes:
        """The whole element, tag and length included, as found."""
        return self._data[self.start : self.end]

    @property
    def content(self) -> bytes:
        """The content bytes."""
        return self._data[self.content_start : self.end]

    def children(self, tag: int | None = None) -> Reader:
        """Walk the elements inside; with *tag*, this element's own tag must be that."""
        if tag is not None and self.tag != tag:
            raise DerError(f"expected tag {tag:02x}, found {self.tag:02x}")
        if not self.tag & 0x20:
            raise DerError(f"tag {self.tag:02x} holds no elements")
        return Reader(self._data, self.content_start, self.end, self._depth + 1, self._budget)


class Reader:
    """Walks the elements of one constructed value in order; every method takes the next one."""

    __slots__ = ("_budget", "_data", "_depth", "_end", "_position")

    def __init__(
        self,
        data: bytes,
        start: int = 0,
        end: int | None = None,
        depth: int = 0,
        budget: _Budget | None = None,
    ) -> None:
        self._data, self._position, self._depth = data, start, depth
        self._end = len(data) if end is None else end
        self._budget = budget or _Budget(MAX_ELEMENTS)

    @property
    def at_end(self) -> bool:
        """Nothing is left."""
        return self._position >= self._end

    @property
    def rest(self) -> bytes:
        """The bytes not yet walked."""
        return self._data[self._position : self._end]

    def peek(self) -> int | None:
        """The tag of the next element, or None at the end."""
        return None if self.at_end else self._data[self._position]

    def next(self, *tags: int) -> Tlv:
        """The next element; with *tags*, it must have one of them."""
        if self.at_end:
            raise DerError("an element is missing")
        element = Tlv(self._data, self._position, self._end, self._depth, self._budget)
        if tags and element.tag not in tags:
            wanted = "/".join(f"{t:02x}" for t in tags)
            raise DerError(f"expected tag {wanted}, found {element.tag:02x}")
        self._position = element.end
        return element

    def optional(self, *tags: int) -> Tlv | None:
        """The next element if it has one of *tags*, else None and nothing is taken."""
        return self.next() if self.peek() in tags else None

    def __iter__(self) -> Iterator[Tlv]:
        while not self.at_end:
            yield self.next()

    def finish(self) -> None:
        """Raise unless everything was walked."""
        if not self.at_end:
            raise DerError("unexpected elements at the end")

    def sequence(self) -> Reader:
        """The next element is a SEQUENCE: walk inside it."""
        return self.next(SEQUENCE).children()

    def integer(self) -> int:
        """INTEGER, minimal two's complement."""
        return integer_value(self.next(INTEGER))

    def oid(self) -> str:
        """OBJECT IDENTIFIER in dotted form."""
        return oid_value(self.next(OID))

    def octets(self) -> bytes:
        """OCTET STRING content."""
        return self.next(OCTET_STRING).content

    def bits(self) -> bytes:
        """BIT STRING with whole bytes: its bytes."""
        return bit_string_value(self.next(BIT_STRING))

    def text(self, *tags: int) -> str:
        """A character string of one of *tags* (any string type if none is given)."""
        return text_value(self.next(*tags))

    def time(self) -> datetime:
        """UTCTime or GeneralizedTime as an aware UTC datetime."""
        return time_value(self.next(UTC_TIME, GENERALIZED_TIME))

    def boolean(self) -> bool:
        """BOOLEAN; DER writes true as FF, other non-zero values are met and taken as true."""
        content = self.next(BOOLEAN).content
        if len(content) != 1:
            raise DerError("a BOOLEAN has one byte")
        return content != b"\x00"


def parse(data: bytes, *, trailing: bool = False, elements: int = MAX_ELEMENTS) -> Tlv:
    """The one element that *data* consists of; *trailing* permits bytes after it (PDF padding),
    *elements* bounds how many a walk through it may visit."""
    element = Tlv(data, 0, len(data), budget=_Budget(elements))
    if not trailing and element.end != len(data):
        raise DerError("bytes after the value")
    return element


def integer_value(element: Tlv) -> int:
    """The value of an INTEGER element; raises on an empty or non-minimal encoding."""
    content = element.content
    if not content or (len(content) > 1 and (content[0], content[1] >> 7) in ((0, 0), (255, 1))):
        raise DerError("INTEGER is empty or not minimal")
    return int.from_bytes(content, "big", signed=True)


def oid_value(element: Tlv) -> str:
    """The dotted form of an OBJECT IDENTIFIER element."""
    content = element.content
    if not content or content[-1] & 0x80 or len(content) > 64:
        raise DerError("OBJECT IDENTIFIER is empty, cut off or too long")
    arcs: list[int] = []
    value = 0
    for index, byte in enumerate(content):
        if value == 0 and byte == 0x80:
            raise DerError("OBJECT IDENTIFIER arc is not minimal")
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            arcs.append(value)
            value = 0
        elif index > 60:
            raise DerError("OBJECT IDENTIFIER arc is too long")
    first = min(arcs[0] // 40, 2)
    return ".".join(str(arc) for arc in (first, arcs[0] - 40 * first, *arcs[1:]))


def bit_string_value(element: Tlv) -> bytes:
    """The bytes of a BIT STRING without unused bits (signatures, keys, digests)."""
    content = element.content
    if not content or content[0] != 0:
        raise DerError("BIT STRING is empty or has unused bits")
    return content[1:]


def named_bits(element: Tlv) -> frozenset[int]:
    """The numbers of the bits that are set in a BIT STRING used as a set of flags."""
    content = element.content
    if not content or content[0] > 7:
        raise DerError("BIT STRING is malformed")
    return frozenset(
        8 * index + bit
        for index, byte in enumerate(content[1:9])
        for bit in range(8)
        if byte >> (7 - bit) & 1
    )


def text_value(element: Tlv) -> str:
    """The text of a string element.

    Strict decoding is tried first; real certificates carry GBK or Latin-1 bytes in types that
    forbid them, so those follow, and the last resort replaces what cannot be read. Never raises for
    the text itself: a name must not end a verification (docs/design/standards.md §1.4)."""
    codec = _TEXT_CODECS.get(element.tag)
    if codec is None:
        raise DerError(f"tag {element.tag:02x} is not a character string")
    for candidate in (codec, "utf-8", "gb18030"):
        try:
            return element.content.decode(candidate)
        except UnicodeDecodeError:
            continue
    return element.content.decode("latin-1")


def time_value(element: Tlv) -> datetime:
    """UTCTime ``YYMMDDhhmm[ss](Z|±hhmm)`` or GeneralizedTime ``YYYYMMDDhhmmss[.f](Z|±hhmm)``.

    A GeneralizedTime without a zone is taken as UTC (seen in vendors' seals)."""
    try:
        return _time(element.content.decode("ascii"), element.tag == UTC_TIME)
    except (ValueError, OverflowError) as error:
        raise DerError(f"not a time: {element.content[:32]!r}") from error


def _time(text: str, short_year: bool) -> datetime:
    zone: timezone = UTC
    if text.endswith("Z"):
        text = text[:-1]
    elif len(text) > 5 and text[-5] in "+-":
        sign = -1 if text[-5] == "-" else 1
        hours, minutes = text[-4:-2], text[-2:]
        if not (hours + minutes).isdigit() or int(minutes) > 59:
            raise ValueError("not a zone")
        offset = timedelta(hours=int(hours), minutes=int(minutes))
        zone, text = timezone(sign * offset), text[:-5]
    elif short_year:
        raise ValueError("UTCTime without a zone")
    text, _, fraction = text.partition(".")
    if not text.isdigit() or (fraction and not fraction.isdigit()):
        raise ValueError("not digits")
    if short_year:
        text = ("19" if int(text[:2]) >= 50 else "20") + text
    if len(text) not in (12, 14):
        raise ValueError("wrong length")
    text = text.ljust(14, "0")
    day = (int(text[:4]), int(text[4:6]), int(text[6:8]))
    hour, minute, second = int(text[8:10]), int(text[10:12]), int(text[12:])
    moment = datetime(*day, hour, minute, second, tzinfo=zone)
    if fraction:
        moment += timedelta(microseconds=int(fraction[:6].ljust(6, "0")))
    return moment.astimezone(UTC)


# --- writing -----------------------------------------------------------------------------------


def encode(tag: int, *parts: bytes) -> bytes:
    """One element: *tag*, minimal length, the *parts* joined."""
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    payload = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(payload))) + payload + content


def sequence(*parts: bytes) -> bytes:
    """SEQUENCE of already encoded elements."""
    return encode(SEQUENCE, *parts)


def set_of(*parts: bytes) -> bytes:
    """SET OF, its elements in DER order."""
    return encode(SET, *sorted(parts))


def integer(value: int) -> bytes:
    """INTEGER in minimal two's complement."""
    size = (value if value >= 0 else ~value).bit_length() // 8 + 1
    return encode(INTEGER, value.to_bytes(size, "big", signed=True))


def oid(dotted: str) -> bytes:
    """OBJECT IDENTIFIER; raises ValueError on what X.660 does not permit."""
    first, second, *others = (int(arc) for arc in dotted.split("."))
    if not 0 <= first <= 2 or (first < 2 and second > 39) or min(second, *others, 0) < 0:
        raise ValueError(f"no object identifier: {dotted}")
    out = bytearray()
    for arc in (40 * first + second, *others):
        groups = [arc & 0x7F]
        while arc := arc >> 7:
            groups.append(arc & 0x7F | 0x80)
        out += bytes(reversed(groups))
    return encode(OID, bytes(out))


def octet_string(content: bytes) -> bytes:
    """OCTET STRING."""
    return encode(OCTET_STRING, content)


def bit_string(content: bytes) -> bytes:
    """BIT STRING of whole bytes."""
    return encode(BIT_STRING, b"\x00", content)


def bit_flags(bits: frozenset[int] | set[int]) -> bytes:
    """BIT STRING used as a set of flags, trailing zero bits removed (X.690 §11.2.2)."""
    if not bits:
        return encode(BIT_STRING, b"\x00")
    size = max(bits) // 8 + 1
    value = sum(1 << (8 * size - 1 - bit) for bit in bits)
    return encode(BIT_STRING, bytes((7 - max(bits) % 8,)), value.to_bytes(size, "big"))


def utf8(text: str) -> bytes:
    """UTF8String."""
    return encode(UTF8, text.encode())


def ia5(text: str) -> bytes:
    """IA5String; raises UnicodeEncodeError (a ValueError) on anything but ASCII."""
    return encode(IA5, text.encode("ascii"))


def printable(text: str) -> bytes:
    """PrintableString."""
    return encode(PRINTABLE, text.encode("ascii"))


def boolean(value: bool) -> bytes:
    """BOOLEAN."""
    return encode(BOOLEAN, b"\xff" if value else b"\x00")


def null() -> bytes:
    """NULL."""
    return encode(NULL)


def generalized_time(moment: datetime) -> bytes:
    """GeneralizedTime in whole seconds, UTC: ``YYYYMMDDhhmmssZ``."""
    return encode(GENERALIZED_TIME, _utc(moment).strftime("%Y%m%d%H%M%SZ").encode())


def time(moment: datetime) -> bytes:
    """X.509 Time: UTCTime until 2049, GeneralizedTime from 2050 (RFC 5280 §4.1.2.5)."""
    moment = _utc(moment)
    if 1950 <= moment.year < 2050:
        return encode(UTC_TIME, moment.strftime("%y%m%d%H%M%SZ").encode())
    return generalized_time(moment)


def context(number: int, *parts: bytes, primitive: bool = False) -> bytes:
    """Context-specific tag [number]; constructed unless *primitive*."""
    return encode((0x80 if primitive else 0xA0) | number, *parts)


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("a naive datetime has no place in a signed structure")
    return moment.astimezone(UTC)
