"""What is no PDF is called by its name."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from app.errors import FileEmpty, NotAPdf, OfdNotSupported, explain
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
        (archive("other.xml"), NotAPdf),
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
