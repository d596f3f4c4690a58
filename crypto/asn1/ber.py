"""Brings a BER value into the lengths of DER, for the signers that still write BER (X.690 §8, §10).

Some PDF signers stream: indefinite lengths, content as a constructed OCTET STRING of chunks,
lengths with spare bytes. Only that is changed here; tags, order and primitive contents stay as
found, so whatever was DER inside (signed attributes, certificates) keeps its bytes.

>>> to_der(bytes.fromhex("2480040141040142" "0000")).hex()
'04024142'

Bounds are those of :mod:`crypto.asn1.der`; what exceeds them raises
:class:`crypto.asn1.der.DerError`.
"""

from __future__ import annotations

from crypto.asn1 import der

_CONSTRUCTED = 0x20
_STRINGS = frozenset({der.OCTET_STRING, der.UTF8, der.PRINTABLE, der.T61, der.IA5, der.BMP})
"""Types whose constructed form is the concatenation of its chunks."""


def to_der(data: bytes, *, trailing: bool = False) -> bytes:
    """The one value in *data* with definite minimal lengths and primitive strings.

    *trailing* permits bytes after it (the padding of a PDF's /Contents)."""
    value, end = _Normaliser(data).element(0, len(data), 0)
    if not trailing and end != len(data):
        raise der.DerError("bytes after the value")
    return value


class _Normaliser:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._left = der.MAX_ELEMENTS

    def element(self, start: int, limit: int, depth: int) -> tuple[bytes, int]:
        """(the element that begins at *start* as DER, where it ends)."""
        self._left -= 1
        if self._left < 0:
            raise der.DerError("too many elements")
        if depth > der.MAX_DEPTH:
            raise der.DerError("nested too deeply")
        tag, content_start, length = self._header(start, limit)
        if not tag & _CONSTRUCTED:
            if length is None:
                raise der.DerError("indefinite length of a primitive value")
            end = content_start + length
            return der.encode(tag, self._data[content_start:end]), end
        end = limit if length is None else content_start + length
        children, position = [], content_start
        while length is None or position < end:
            if length is None and self._data[position : min(position + 2, end)] == b"\x00\x00":
                position += 2
                break
            child, position = self.element(position, end, depth + 1)
            children.append(child)
        if tag & ~_CONSTRUCTED in _STRINGS:
            return _joined(tag & ~_CONSTRUCTED, children), position
        return der.encode(tag, *children), position

    def _header(self, start: int, limit: int) -> tuple[int, int, int | None]:
        """(tag, where the content begins, its length or None if indefinite)."""
        data = self._data
        if start + 2 > limit:
            raise der.DerError("ends inside an element")
        tag, first = data[start], data[start + 1]
        if tag & 0x1F == 0x1F or tag == 0:
            raise der.DerError("a tag that is not used here")
        position = start + 2
        if first == 0x80:
            return tag, position, None
        length = first
        if first > 0x80:
            count = first & 0x7F
            if count > 8 or position + count > limit:
                raise der.DerError("absurd length, or it ends inside one")
            length = int.from_bytes(data[position : position + count], "big")
            position += count
        if position + length > limit:
            raise der.DerError("an element is longer than what holds it")
        return tag, position, length


def _joined(tag: int, chunks: list[bytes]) -> bytes:
    elements = [der.parse(chunk) for chunk in chunks]
    if any(element.tag != tag for element in elements):
        raise der.DerError("a chunk of another type in a constructed string")
    return der.encode(tag, *(element.content for element in elements))
