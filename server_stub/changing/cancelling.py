"""The request to cancel, under the enterprise's own seal (第二十三条).

The platform writes it: a PDF that names application, seal, cause, handler and contact. The
enterprise seals exactly this file and sends it back; so a sealed contract is no request to cancel,
and a request made once is good for nothing else. It is verified like any document of a stranger,
in a bounded process, when it comes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from crypto.bounded import BoundedError, Message, run
from crypto.report.typeface import library
from crypto.verdict import Report, Verdict
from server_stub import policy
from server_stub.context import Platform
from server_stub.records import canonical
from server_stub.records.store import Application, Enterprise, Person, Seal

_SECONDS = 30.0
_CAUSES = {
    "holder_request": "不再使用",
    "name_changed": "企业名称变更",
    "merged": "企业撤并",
    "enterprise_deregistered": "企业注销",
}


class RequestNotWritten(Exception):
    """The request could not be set."""


def write(platform: Platform, session: Session, application: Application) -> bytes:
    """The request for *application*, PDF, ready to be sealed; always the same bytes until it is
    amended. Raises :class:`RequestNotWritten`."""
    seal = session.get_one(Seal, application.target_id)
    enterprise = session.get_one(Enterprise, application.enterprise_id)
    handler = session.get_one(Person, application.handler_id)
    phone = platform.vault.open(f"person.phone:{handler.id}", handler.phone_enc or b"").decode()
    day = canonical.timestamp(application.created_at)[:10]
    lines = (
        f"申请编号　{application.id}",
        f"申请内容摘要（SM3）　{application.payload_sm3}",
        f"企业名称　{application.enterprise_name}",
        f"统一社会信用代码　{enterprise.uscc}",
        f"电子印章名称　{seal.name}",
        f"电子印章编码　{seal.seal_code}",
        f"注销原因　{_CAUSES[application.cause or 'holder_request']}",
        f"经办人　{handler.name}",
        f"联系电话　{phone}",
        f"平台　{platform.origin}",
        f"日期　{day}",
        "",
        "本企业申请注销上述电子印章。印章注销后不能恢复；注销之前加盖的文件不受影响。",
        "",
        "（加盖本企业电子印章）",
    )
    try:
        (pdf,) = run(_set, lines, seconds=_SECONDS).parts
    except (BoundedError, ValueError) as error:
        raise RequestNotWritten(str(error)) from error
    return pdf


def _set(lines: Sequence[str]) -> Message:
    """In the process: names come from applicants."""
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


def seen(
    session: Session, application: Application, written: bytes, sealed: bytes, report: Report
) -> Mapping[str, str]:
    """What the platform keeps of having verified *sealed*: ``problem`` in words for a reviewer ("":
    none), and the ``seal`` that it is under."""
    own = select(Seal.seal_code).where(
        Seal.enterprise_id == application.enterprise_id,
        (Seal.id == application.target_id) | (Seal.subtype == "official"),
    )
    codes = set(session.scalars(own))
    found = [each.seal.code for each in report.signatures if each.seal is not None]
    problem = ""
    if not sealed.startswith(written):
        problem = "加盖的不是本次申请的注销申请书"
    elif report.verdict is not Verdict.VALID:
        problem = "注销申请书上的电子印章未通过验证"
    elif len(report.signatures) != 1 or not codes.intersection(found):
        problem = "注销申请书未加盖本企业的电子印章"
    return {"problem": problem, "seal": next(iter(found), "")}


def of_applicant(session: Session, actor: policy.Actor, application: Application) -> None:
    """Raises NotFound where there is no such request to write."""
    policy.allow(
        actor,
        "application.amend",
        policy.owner_of(application),
        application_id=application.id,
    )
    if application.kind != "cancel" or application.enterprise_id is None:
        raise policy.NotFound
