"""What is no PDF is called by its name."""

from __future__ import annotations

import base64
import gzip
import io
import zipfile
from pathlib import Path

import pytest

from app.errors import (
    FileEmpty,
    MailAttachment,
    NotAPdf,
    OfdNotSupported,
    Packed,
    WebPage,
    explain,
)
from app.file_kind import require_pdf


def archive(name: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        made.writestr("Doc_0/Document.xml", "<a/>" * 50_000)
        made.writestr(name, "<ofd:OFD/>")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", FileEmpty),
        (archive("OFD.xml"), OfdNotSupported),
        (archive("other.pdf"), Packed),  # NotAPdf before, and to be exported from its program
        (archive("[Content_Types].xml"), NotAPdf),
        (gzip.compress(b"%PDF-1.7" * 9, mtime=0), Packed),
        (b"Rar!\x1a\x07\x01\x00" + bytes(99), Packed),
        (b"7z\xbc\xaf'\x1c" + bytes(99), Packed),
        (b"<!DOCTYPE html>\n<html><title>404 Not Found</title></html>", WebPage),
        (b"\xef\xbb\xbf\r\n<HTML lang='zh'><body>", WebPage),
        (b"<?xml version='1.0'?><Invoice/>", NotAPdf),
        (b"From: a@b.cn\r\nTo: c@d.cn\r\n (by hand)\r\nMIME-Version: 1.0\r\n\r\n", MailAttachment),
        (b"Content-Transfer-Encoding: base64\n\nAAAA", MailAttachment),
        (base64.encodebytes(b"%PDF-1.7\n%" + bytes(99)), MailAttachment),
        (b"data:application/pdf;base64," + base64.b64encode(b"%PDF-1.7\n"), MailAttachment),
        (bytes.fromhex("3082013006092a864886f70d010702a0820121"), MailAttachment),
        (bytes.fromhex("3082013006092a8648ce3d040302a0820121"), NotAPdf),
        (b"a: b\n" * 300, NotAPdf),
        (b"Dear customer", NotAPdf),
        (bytes(1024) + b"%PDF-1.7", NotAPdf),
    ],
)
def test_what_is_no_pdf_is_called_by_its_name(data: bytes, error: type[Exception]) -> None:
    with pytest.raises(NotAPdf) as raised:
        require_pdf(io.BytesIO(data), Path("合同.pdf"))
    assert raised.type is error
    assert "合同.pdf" in explain(raised.value).cause


def test_an_ofd_is_never_to_be_converted() -> None:
    told = explain(OfdNotSupported("合同.ofd"))
    assert "OFD" in told.title
    assert "不要把它转换成 PDF" in told.remedy


def test_bytes_before_the_header_are_no_obstacle() -> None:
    require_pdf(io.BytesIO(b"\xef\xbb\xbf%PDF-1.7"), Path("a.pdf"))
