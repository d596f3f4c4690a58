"""Reads plain dictionaries and arrays of a PDF in one pass.

pyHanko reads an object byte by byte, which takes most of the time where a document has many
objects. One pattern here reads what nearly every writer writes: names without escapes, whole and
decimal numbers, references, and strings without escapes, with nothing but white space between them.
At the first byte that is anything else, the whole object is left to pyHanko, so that both always
read the same (tests hold them to each other).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import (
    ArrayObject,
    DictionaryObject,
    IndirectObject,
    NameObject,
    NumberObject,
    TextStringEncoding,
    TextStringObject,
)

_STEPS = (1024, 16_384, 1 << 20)
"""Bytes looked at: most objects are short, the lists of pages of a long document are not."""
_MOST_NESTED = 32
_BLANKS = rb" \t\r\n\f\0"
_END = rb"(?=[" + _BLANKS + rb"/<>\[\]()])"
_NAME, _NUMBER, _GENERATION, _INTEGER, _REAL, _MARK, _HEX, _TEXT, _WORD = range(1, 10)
_TOKEN = re.compile(
    rb"[" + _BLANKS + rb"]*+(?:"
    rb"(/[A-Za-z0-9_.+:*-]{0,254}+)" + _END + rb"|"
    # no blanks but single ones: pyHanko looks for the R within twenty bytes
    rb"([1-9]\d{0,7}+)[ \t\r\n\f](\d{1,5}+)[ \t\r\n\f]R" + _END + rb"|"
    rb"([+-]?\d{1,15}+)" + _END + rb"(?!\s+\d+\s+R)|"
    rb"([+-]?\d{0,15}+\.\d{1,15}+)" + _END + rb"|"
    rb"(<<|>>|\[|\])|"
    rb"<([0-9A-Fa-f]*+)>|"
    rb"\(((?:[^()\\]|\\[0-3][0-7]{2})*+)\)|"
    rb"(true|false|null)" + _END + rb")"
)
_ESCAPE = re.compile(rb"\\(\d{3})")
_AHEAD = re.compile(rb"[" + _BLANKS + rb"]*+([^" + _BLANKS + rb"%])")


class _NotPlain(Exception):
    """Something out of the ordinary, or the end of what was looked at."""


def read_plain(
    stream: Any, container: Any, read_payload: Callable[..., bytes | None]
) -> generic.PdfObject | None:
    """The dictionary, stream or array that begins at *stream*'s position and has the reference
    *container*; the stream then stands behind it. None if it is not plain, or something else: the
    stream is then where it was. *read_payload*(stream, entries, handler) reads the bytes of a
    stream object behind its dictionary; None if there are none."""
    start = stream.tell()
    for step in _STEPS:
        data = stream.read(step)
        if not data.startswith((b"<<", b"[")):
            break
        try:
            found, end = _read(data, container)
        except _NotPlain:
            if len(data) < step:
                break
            stream.seek(start)
            continue
        stream.seek(start + end)
        ahead = _AHEAD.match(data, end)
        if isinstance(found, DictionaryObject) and (not ahead or ahead[1] == b"s"):
            return _with_payload(stream, found, container, read_payload)
        return found
    stream.seek(start)
    return None


def _with_payload(
    stream: Any,
    found: DictionaryObject,
    container: Any,
    read_payload: Callable[..., bytes | None],
) -> DictionaryObject:
    """*found*, with the bytes that follow it if it is a stream's dictionary."""
    entries = dict.copy(found)  # pyHanko follows a length that is a reference
    data = read_payload(stream, entries, container.get_pdf_handler())
    if data is None:
        return found
    whole = generic.StreamObject(entries, encoded_data=data)
    whole.container_ref = container
    return whole


def _read(data: bytes, container: Any) -> tuple[generic.PdfObject, int]:
    """The object at the beginning of *data*, and where it ends. Raises :class:`_NotPlain`."""
    handler = container.get_pdf_handler()
    read = _TOKEN.scanner(data).match  # type: ignore[attr-defined]
    around: list[tuple[Any, Any]] = []  # the containers begun, each with the key it stands under
    holder: Any = None
    key: NameObject | None = None
    is_array = False
    while (token := read()) is not None:
        kind = token.lastindex
        value: Any
        if kind == _NAME:
            value = NameObject(token[_NAME], "ascii")
            if key is None and not is_array:
                if holder is None or value in holder:
                    raise _NotPlain
                key = value
                continue
        elif kind == _GENERATION:
            value = IndirectObject(int(token[_NUMBER]), int(token[_GENERATION]), handler)
        elif kind == _INTEGER:
            value = int.__new__(NumberObject, token[_INTEGER])
        elif kind == _MARK:
            mark = token[_MARK]
            if mark == b"<<" or mark == b"[":
                if len(around) == _MOST_NESTED:
                    raise _NotPlain
                around.append((holder, key))
                is_array = mark == b"["
                holder, key = ArrayObject() if is_array else DictionaryObject(), None
                continue
            if key is not None or (mark == b"]") is not is_array:
                raise _NotPlain
            value = holder
            holder, key = around.pop()
            is_array = type(holder) is ArrayObject
        else:
            value = _rarer(token)
        value.container_ref = container
        if is_array:
            holder.append(value)
        elif key is not None:
            dict.__setitem__(holder, key, value)
            key = None
        elif holder is None:
            return value, token.end()
        else:
            raise _NotPlain
    raise _NotPlain


def _rarer(token: re.Match[bytes]) -> generic.PdfObject:
    """A decimal number, a string, a truth value or null."""
    kind = token.lastindex
    if kind == _REAL:
        return generic.FloatObject(token[_REAL].decode("ascii"))
    if kind == _TEXT:
        text = token[_TEXT]
        if b"\\" in text:
            text = _ESCAPE.sub(lambda found: bytes((int(found[1], 8),)), text)
        return string(text)
    if kind == _HEX:
        digits = token[_HEX].decode("ascii")
        return string(bytes.fromhex(digits + "0" * (len(digits) % 2)))
    word = token[_WORD]
    return generic.NullObject() if word == b"null" else generic.BooleanObject(word == b"true")


def string(data: bytes) -> generic.PdfObject:
    """A string of these bytes, text or not as pyHanko decides it; what may stand in
    ASCII is the same in PDFDocEncoding (ISO 32000-1 annex D.2)."""
    if data.isascii():
        text = TextStringObject(data, "ascii")
        if text.isprintable():
            text.autodetected_encoding = TextStringEncoding.PDF_DOC
            return text
    return generic.pdf_string(data)
