"""The verification report (验章报告) on A4, for filing: what a :class:`Report` says, and no more.

:mod:`crypto.report.words` says what stands in it, :mod:`crypto.report.setting` sets it, in a
process of its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, BinaryIO

from crypto.bounded import BoundedError, run  # noqa: TID253 - this module comes late itself
from crypto.pdf.reading.access import entry, follow
from crypto.pdf.reading.document import Document
from crypto.pdf.reading.failures import PARSER_FAILURES, PdfTooComplex
from crypto.report.pictures import Pictures
from crypto.report.setting import ENCLOSED, answer
from crypto.verdict import Report

_SECONDS = 120.0
"""For the largest report."""
_MAX_ENCLOSED = 16 * 1024 * 1024


def render(
    report: Report,
    language: str = "zh_CN",
    imprints: Mapping[str, bytes] | None = None,
    issuer: str = "",
    shown: Pictures | None = None,
) -> bytes:
    """*report* as a PDF, in Chinese ("zh_CN") or English ("en").

    *imprints*: pictures of the seals as found in them (PNG and the like) by their SM3 in lower-case
    hexadecimal (:attr:`SealInfo.picture_sm3`); another picture under that name is not shown.
    *issuer*: who will seal the report and answers for it; then its JSON is enclosed and sealed with
    it (:func:`enclosed`). *shown*: pictures of seals and pages
    (:func:`crypto.report.pictures.pictures_of`). Raises
    :class:`crypto.pdf.reading.failures.PdfTooComplex` for more than can be set."""
    try:
        told = json.dumps(report.to_json(language))
        given = (told, language, dict(imprints or {}), issuer, shown or Pictures())
        (pdf,) = run(answer, *given, seconds=_SECONDS).parts
    except (BoundedError, ValueError) as error:
        raise PdfTooComplex(f"the report cannot be set: {error}") from error
    return pdf


def enclosed(stream: BinaryIO) -> dict[str, Any]:
    """The report's JSON (docs/report-schema.md) as enclosed by :func:`render` for an *issuer*.

    It proves nothing by itself: verify the seal on the PDF first. Raises ValueError."""
    try:
        names = entry(entry(Document(stream).root, "/Names"), "/EmbeddedFiles")
        title, specification = (follow(item) for item in entry(names, "/Names"))
        if str(title) != ENCLOSED:
            raise ValueError("another file is enclosed")
        data = entry(entry(follow(specification), "/EF"), "/F").data
        if len(data) > _MAX_ENCLOSED:
            raise ValueError("the enclosed report is too large")
        answer = json.loads(data)
    except PARSER_FAILURES as error:
        raise ValueError(f"no report is enclosed: {error}") from error
    if not isinstance(answer, dict):
        raise ValueError("the enclosed report is no object")
    return answer
