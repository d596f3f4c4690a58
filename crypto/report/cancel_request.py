"""The request to cancel a seal (第二十三条), which the enterprise puts under that very seal.

Both sides write it, from what the applicant has sent: the platform to hand it out, the client to
see, before it seals anything, that it was handed just this and no other document.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from crypto.algorithms.gm import sm3
from crypto.report.typeface import library

if TYPE_CHECKING:
    from crypto.bounded import Message

_SECONDS = 30.0


class CannotBeSet(ValueError):
    """No request can be written from what the applicant has sent."""


_CAUSES = {
    "holder_request": "不再使用",
    "name_changed": "企业名称变更",
    "merged": "企业撤并",
    "enterprise_deregistered": "企业注销",
}


def write(body: bytes, *, application: str, seal_name: str, origin: str, day: str) -> bytes:
    """The request, PDF, for the *application* with that *body* (its exact bytes, JSON); the same
    bytes each time. *day*: of its draft, YYYY-MM-DD. Raises :class:`CannotBeSet`."""
    from crypto.bounded import BoundedError, run

    try:
        sent: dict[str, Any] = json.loads(body)
        enterprise, handler, seal = sent["enterprise"], sent["handler"], sent["seal"]
        lines = (
            f"申请编号　{application}",
            f"申请内容摘要（SM3）　{sm3(body).hex()}",
            f"企业名称　{str(enterprise['name']).strip()}",
            f"统一社会信用代码　{enterprise['uscc']}",
            f"电子印章名称　{seal_name}",
            f"电子印章编码　{seal['code']}",
            f"注销原因　{_CAUSES[sent.get('cause') or 'holder_request']}",
            f"经办人　{str(handler['name']).strip()}",
            f"联系电话　{handler.get('phone', '')}",
            f"平台　{origin}",
            f"日期　{day}",
            "",
            "本企业申请注销上述电子印章。印章注销后不能恢复；注销之前加盖的文件不受影响。",
            "",
            "（加盖本企业电子印章）",
        )
        (pdf,) = run(_set, lines, seconds=_SECONDS).parts
    except (BoundedError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CannotBeSet(f"no request can be set: {error}") from error
    return pdf


def _set(lines: Sequence[str]) -> Message:
    """In the process: names come from applicants."""
    from crypto.bounded import Message

    pymupdf = library()
    document = pymupdf.open()
    page = document.new_page(width=595, height=842)
    face = pymupdf.Font("cjk")
    title = "电子印章注销申请书"
    writer = pymupdf.TextWriter(page.rect)
    writer.append(((595 - face.text_length(title, 20)) / 2, 110), title, font=face, fontsize=20)
    for number, line in enumerate(lines):
        size = min(11.0, 11.0 * 455 / max(face.text_length(line, 11), 1))
        writer.append((70, 165 + 26 * number), line, font=face, fontsize=size)
    writer.write_text(page)
    document.subset_fonts()
    document.set_metadata({})
    data: bytes = document.tobytes(garbage=3, deflate=True, no_new_id=True)
    return Message({}, (data,))
