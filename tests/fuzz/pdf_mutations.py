"""A PDF changed in ways that a parser gets past: the mutator of the document targets.

Bytes flipped by chance mostly break one number in one table. Here dictionaries get and lose
entries, objects are moved between documents, revisions are appended, the seal inside /Contents is
operated on — and, half of the time, all tables and lengths are made right again.
"""

import random
import re
from collections.abc import Callable, Sequence

from crypto.asn1 import der
from tests.crypto.asn1.der_edits import operate

_OBJECT = re.compile(rb"(?<![0-9])(\d{1,5}) (\d{1,3}) obj\b(.*?)\bendobj", re.DOTALL)
_NUMBER = re.compile(rb"-?\d+")
_TOKEN = re.compile(rb"/[A-Za-z0-9]+|\d+ \d+ R|\[|\]|<<|>>|\((?:[^()\\]*)\)|-?\d+\.?\d*")
_CONTENTS = re.compile(rb"/Contents\s*<([0-9A-Fa-f]{64,})>")
_STREAM = re.compile(rb"stream\r?\n(.*?)\r?\nendstream", re.DOTALL)
Pattern = re.Pattern[bytes]
_ROW = rb"\d{10} \d{5} [nf] ?\r?\n"
_TABLE = re.compile(rb"xref\n((?:\d{1,9} \d+ *\n(?:" + _ROW + rb")+)+)")
_SECTION = re.compile(rb"(\d+) \d+ *\n((?:" + _ROW + rb")+)")

_NUMBERS = [b"0", b"-1", b"1", b"2", b"65535", b"65536", b"2147483648", b"99999999999", b"1.5"]
_WORDS = [
    *(b"/Type", b"/Sig", b"/Annot", b"/Widget", b"/Annots", b"/Kids", b"/Parent", b"/Fields"),
    *(b"/AcroForm", b"/V", b"/FT", b"/T", b"/AP", b"/N", b"/D", b"/R", b"/AS", b"/F", b"/P"),
    *(b"/ByteRange", b"/Contents", b"/Filter", b"/SubFilter", b"/Reference", b"/DocMDP"),
    *(b"/TransformMethod", b"/TransformParams", b"/FieldMDP", b"/Lock", b"/Prev", b"/XRefStm"),
    *(b"/ObjStm", b"/Extends", b"/Encrypt", b"/FlateDecode", b"/ASCIIHexDecode", b"/LZWDecode"),
    *(b"/DecodeParms", b"/Predictor", b"/Columns", b"/Length", b"/Size", b"/Root", b"/Index"),
    *(b"/W", b"/DSS", b"/Certs", b"/Perms", b"/Resources", b"/XObject", b"/Matrix", b"/BBox"),
    *(b"/Rect", b"/MK", b"/OC", b"/Rotate", b"/UserUnit", b"/CropBox", b"/MediaBox", b"null"),
    *(b"true", b"()", b"[]", b"<<>>", b"<00>", b"obj", b"endobj", b"stream", b"%%EOF", b"<<"),
]

Change = Callable[[bytearray, random.Random, Sequence[bytes]], None]


def mutate(data: bytes, dice: random.Random, others: Sequence[bytes]) -> bytes:
    """*data* changed in one to four places; pieces may come from *others*."""
    out = bytearray(data)
    for _ in range(dice.randint(1, 4)):
        dice.choice(_CHANGES)(out, dice, others)
    return repaired(bytes(out)) if dice.random() < 0.5 else bytes(out)


def _place(out: bytearray, dice: random.Random) -> int:
    return dice.randrange(len(out) + 1)


def _hit(pattern: Pattern, out: bytearray, dice: random.Random) -> "re.Match[bytes] | None":
    """A match near a place by chance: later parts of a file count as much as earlier ones."""
    found = list(pattern.finditer(bytes(out)))
    return dice.choice(found) if found else None


def _byte(out: bytearray, dice: random.Random, _: Sequence[bytes]) -> None:
    if out:
        out[dice.randrange(len(out))] ^= dice.randint(1, 255)


def _cut(out: bytearray, dice: random.Random, _: Sequence[bytes]) -> None:
    start = _place(out, dice)
    del out[start : start + dice.choice((1, 8, 200))]


def _number(out: bytearray, dice: random.Random, _: Sequence[bytes]) -> None:
    found = _hit(_NUMBER, out, dice)
    if found:
        near = b"%d" % (int(found[0][:18]) + dice.choice((-1, 1, 10)))
        new = dice.choice((*_NUMBERS, near, near, near))
        out[found.start() : found.end()] = (
            new.rjust(len(found[0]), b"0") if dice.random() < 0.5 else new
        )


def _token(out: bytearray, dice: random.Random, _: Sequence[bytes]) -> None:
    found, other = _hit(_TOKEN, out, dice), _hit(_TOKEN, out, dice)
    if found and other:
        new = other[0] if dice.random() < 0.5 else dice.choice(_WORDS)
        place = found.end() if dice.random() < 0.5 else found.start()
        out[place : found.end()] = b" " + new + b" "


def _object(out: bytearray, dice: random.Random, others: Sequence[bytes]) -> None:
    """An object's body becomes that of another one, here or in another document."""
    found = _hit(_OBJECT, out, dice)
    source = bytearray(dice.choice((bytes(out), *others)))
    other = _hit(_OBJECT, source, dice)
    if found and other:
        out[found.start(3) : found.end(3)] = other[3]


def _stream(out: bytearray, dice: random.Random, _: Sequence[bytes]) -> None:
    found = _hit(_STREAM, out, dice)
    if found and found[1]:
        at = found.start(1) + dice.randrange(len(found[1]))
        out[at : at + dice.randrange(3)] = dice.randbytes(dice.randrange(3))


def _value(out: bytearray, dice: random.Random, _: Sequence[bytes]) -> None:
    """The signature value, operated on; as long as before, so that the byte range still fits."""
    found = _hit(_CONTENTS, out, dice)
    if not found:
        return
    try:
        value = operate(der.parse(bytes.fromhex(found[1].decode()), trailing=True).raw, dice)
    except ValueError:
        return
    if 2 * len(value) <= len(found[1]):
        out[found.start(1) : found.end(1)] = value.hex().encode().ljust(len(found[1]), b"0")


def _revision(out: bytearray, dice: random.Random, others: Sequence[bytes]) -> None:
    """One more revision, which writes one or two objects taken from somewhere."""
    start = re.findall(rb"startxref\s+(\d+)", bytes(out))
    numbers = [int(each[1]) for each in _OBJECT.finditer(bytes(out))]
    source = bytearray(dice.choice((bytes(out), *others)))
    rows = []
    out += b"\n"
    for _ in range(dice.randint(1, 2)):
        body = _hit(_OBJECT, source, dice)
        number = dice.choice((*numbers, max(numbers, default=0) + 1))
        rows.append(b"%d 1\n%010d 00000 n \n" % (number, len(out)))
        out += b"%d 0 obj%sendobj\n" % (number, body[3] if body else b" null ")
    root = re.findall(rb"/Root (\d+ \d+ R)", bytes(out)) or [b"1 0 R"]
    table = len(out)
    out += b"xref\n" + b"".join(rows)
    out += b"trailer\n<</Size %d/Root %s" % (max(numbers, default=0) + 2, root[-1])
    out += b"/Prev %s>>\nstartxref\n%d\n%%%%EOF\n" % (start[-1] if start else b"0", table)


def _tail(out: bytearray, dice: random.Random, others: Sequence[bytes]) -> None:
    """The end of another document, or blanks."""
    other = dice.choice((*others, b" \n" * 9))
    out += other[_place(bytearray(other), dice) :]


_CHANGES: Sequence[Change] = (
    *(_byte, _cut, _stream, _tail),
    *(_number, _token, _object, _value, _revision) * 2,
)


# ---------------------------------------------------------------- made right again


def repaired(data: bytes) -> bytes:
    """*data* with its classic tables, stream lengths and last startxref pointing where they should:
    what was changed is reached instead of being refused at the door."""
    data = re.sub(
        rb"(/Length )(\d+)(>>stream\n)(.*?)(\nendstream)",
        lambda m: m[1] + (b"%d" % len(m[4])).rjust(len(m[2]), b"0") + m[3] + m[4] + m[5],
        data,
        flags=re.DOTALL,
    )
    objects = [(each.start(), int(each[1])) for each in _OBJECT.finditer(data)]
    out = bytearray(data)
    for table in _TABLE.finditer(data):
        # a table knows what stands before it, and of that the last
        known = {number: start for start, number in objects if start < table.start()}
        for section in _SECTION.finditer(table[1]):
            row = table.start(1) + section.start(2)
            for number in range(int(section[1]), int(section[1]) + len(section[2]) // 20):
                if number in known and out[row + 17 : row + 18] == b"n":
                    out[row : row + 10] = b"%010d" % known[number]
                row += 20
    tables = [each.start() for each in re.finditer(rb"(?<!start)xref\n", data)]
    pointers = list(re.finditer(rb"startxref\s+(\d+)", data))
    if tables and pointers:
        last = pointers[-1]
        out[last.start(1) : last.end(1)] = b"%d" % tables[-1]
    return bytes(out)
