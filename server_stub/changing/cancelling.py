"""The request to cancel, under the enterprise's own seal (第二十三条).

The platform writes it: a PDF that names application, seal, cause, handler and contact
(:mod:`crypto.report.cancel_request`). The enterprise seals exactly this file and sends it back; so
a sealed contract is no request to cancel, and a request made once is good for nothing else. It is
verified like any document of a stranger, in a bounded process, when it comes.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from crypto.report import cancel_request
from crypto.verdict import Report, Verdict
from server_stub import policy
from server_stub.context import Platform
from server_stub.records import canonical
from server_stub.records.store import Application, Seal


def write(platform: Platform, session: Session, application: Application) -> bytes:
    """The request for *application*, PDF, ready to be sealed; always the same bytes until it is
    amended. Raises :class:`crypto.report.cancel_request.CannotBeSet`."""
    return cancel_request.write(
        platform.blobs.get(application.payload_sm3),
        application=application.id,
        seal_name=session.get_one(Seal, application.target_id).name,
        origin=platform.origin,
        day=canonical.timestamp(application.created_at)[:10],
    )


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
    found = [signature.seal.code for signature in report.signatures if signature.seal is not None]
    problem = ""
    if not sealed.startswith(written):
        problem = "加盖的不是本次申请的注销申请书"
    elif report.verdict is not Verdict.VALID:
        problem = "注销申请书上的电子印章未通过验证"
    elif len(report.signatures) != 1 or not codes.intersection(found):
        problem = "注销申请书未加盖本企业的电子印章"
    return {"problem": problem, "seal": next(iter(found), "")}


def of_applicant(actor: policy.Actor, application: Application) -> None:
    """Raises NotFound where there is no such request to write."""
    policy.allow(
        actor,
        "application.amend",
        policy.owner_of(application),
        application_id=application.id,
    )
    if application.kind != "cancel" or application.enterprise_id is None:
        raise policy.NotFound
