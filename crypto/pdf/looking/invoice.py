"""An unsigned electronic invoice (电子发票) is told as what it is, and where invoices are checked.

    with_kind(report, stream, password)   → the report, with the finding electronic_invoice

Fully digitalised invoices (数电发票) need no seal and no signature: what counts is the tax
authority's record, and whoever receives one has to look it up there. Only a file without any
signature is read for it: the text of its first pages, in a bounded process. This is a help and
changes no verdict.
"""

from __future__ import annotations

import io
import re
import unicodedata
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO

from crypto.verdict import Finding, Report, Verdict

if TYPE_CHECKING:
    from crypto.bounded import Message

MAX_PAGES = 8
"""Of a file that may be an invoice."""
MAX_BYTES = 8 << 20
_READ_PAGES = 2
_SECONDS = 10.0
_NUMBER = re.compile(r"发票号码[::]?(\d{8,20})?")
_TITLE = re.compile(r"电子(?:普通|专用)?发票|增值税.{0,8}发票")
_SUM = ("价税合计", "税额", "合计金额")


def with_kind(report: Report, stream: BinaryIO, password: str | None = None) -> Report:
    """*report*, on the document in *stream*; with one finding more if nothing is signed and its
    text is an invoice's. Never raises for what the file contains."""
    pages = report.file.pages
    if report.verdict is not Verdict.UNSIGNED or not pages or pages > MAX_PAGES:
        return report
    if stream.seek(0, io.SEEK_END) > MAX_BYTES:
        return report
    stream.seek(0)
    if not is_invoice(first_text(stream.read(), password)):
        return report
    return replace(report, findings=(Finding("electronic_invoice"), *report.findings))


def is_invoice(text: str) -> bool:
    """Does *text* have an invoice's title, number and sum? Widths, blanks and compatibility
    characters do not matter."""
    plain = re.sub(r"\s", "", unicodedata.normalize("NFKC", text))
    return bool(
        _TITLE.search(plain) and _NUMBER.search(plain) and any(word in plain for word in _SUM)
    )


def first_text(data: bytes, password: str | None) -> str:
    """The text of the first pages; "" where it cannot be had."""
    from crypto.bounded import BoundedError, run

    try:
        said = run(_read, data, password, seconds=_SECONDS)
        return str(said.head["text"])
    except (BoundedError, KeyError):
        return ""


def _read(data: bytes, password: str | None) -> Message:
    from crypto.rendering.pdfium_engine import first_text  # loads the renderer: there alone

    return first_text(data, password, _READ_PAGES)
