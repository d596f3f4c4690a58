"""Is a file a PDF? And if not: is it empty, or one of what people take for one?"""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import BinaryIO

from app.errors import FileEmpty, MailAttachment, NotAPdf, OfdNotSupported, Packed, WebPage

_HEADER_WITHIN = 1024
"""Where readers look for ``%PDF``."""
_WEB_PAGE = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype\s+html|html|head|body)\b", re.I)
_ZIP = b"PK\x03\x04"
_ARCHIVES = (_ZIP, b"Rar!\x1a\x07", b"7z\xbc\xaf\x27\x1c", b"\x1f\x8b\x08")
_OFFICE = b"[Content_Types].xml"
"""An entry of every document of Office (ISO/IEC 29500-2), which is a ZIP and none to unpack."""
_ENCODED = b"JVBERi0"
"""``%PDF-`` in base 64."""
_MAIL = re.compile(
    rb"(?:[!-9;-~]+:[^\r\n]*\r?\n(?:[ \t][^\r\n]*\r?\n)*)*"
    rb"(?:mime-version|content-type|content-transfer-encoding):",
    re.I,
)
_SIGNED_MAIL = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07"
"""The beginning of the identifiers of CMS (RFC 5652 §4, encoded)."""
_DIRECTORY = 64 * 1024
"""Bytes from the end of a ZIP within which the directory of an OFD begins."""


def require_pdf(stream: BinaryIO, path: Path) -> None:
    """Raises :class:`app.errors.NotAPdf` or a subclass, naming *path*; OSError."""
    stream.seek(0)
    head = stream.read(_HEADER_WITHIN)
    if b"%PDF-" in head:
        return
    if not head:
        raise FileEmpty(str(path))
    raise _kind(stream, head)(str(path))


def _kind(stream: BinaryIO, head: bytes) -> type[NotAPdf]:
    """What a file is that begins with *head*."""
    if head.startswith(_ZIP):
        names = _directory(stream)
        # the entry of every OFD (GB/T 33190-2016 §7.1)
        if b"OFD.xml" in names:
            return OfdNotSupported
        return NotAPdf if _OFFICE in names else Packed
    if head.startswith(_ARCHIVES):
        return Packed
    if _WEB_PAGE.match(head):
        return WebPage
    is_signed = head.startswith(b"0") and _SIGNED_MAIL in head[:20]
    if is_signed or _ENCODED in head or _MAIL.match(head):
        return MailAttachment
    return NotAPdf


def _directory(stream: BinaryIO) -> bytes:
    """The end of a ZIP, where its entries are named."""
    size = stream.seek(0, io.SEEK_END)
    stream.seek(max(0, size - _DIRECTORY))
    return stream.read(_DIRECTORY)
