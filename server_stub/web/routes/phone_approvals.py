"""用印审批 on the phone: the page behind an approver's own link, what it shows, and the decision.

Whoever has the link can read the request, which is what the link is for; the pages are encrypted,
and to decide takes the phone that the approver's Ukey has bound.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import Field
from sqlalchemy.orm import Session

from crypto.algorithms import gm
from crypto.pki.certificate import Certificate as X509Certificate
from crypto.seal.phone import Binding, PhoneSignature
from crypto.seal.purpose_text import PurposeTextError
from crypto.seal.use_approval import ApprovalError, SignedApproval, UseApproval
from server_stub import policy
from server_stub.approving import deciding, requesting
from server_stub.phones import pairing
from server_stub.phones.pairing import PhoneInvalid
from server_stub.records import canonical
from server_stub.records.ledger import Transaction
from server_stub.records.store import Certificate, Phone, UseApprover, UsePolicyRow, UseRequestRow
from server_stub.web import views
from server_stub.web.handling import Running, limited, unbase64, written
from server_stub.web.routes.phones import AssertionBody, page

pages = APIRouter(prefix="/m", include_in_schema=False)

Link = Annotated[str, Path(pattern="^[A-Za-z0-9_-]{1,64}$")]
Number = Annotated[int, Path(ge=0, lt=requesting.MAX_PAGES)]


class DecisionBody(AssertionBody):
    phone: str = Field(max_length=64)
    """SHA-256 of its binding, hex."""


@pages.get("/a/{link}", dependencies=[Depends(limited)])
def approval_page(request: Request, platform: Running, link: Link) -> Response:
    """Where an approver's link leads."""
    with platform.reading() as session:
        try:
            row, _ = requesting.by_link(session, link)
        except policy.NotFound:
            return page(request, platform, "over")
        return page(request, platform, "approve", about=row.id)


@pages.get("/a/{link}/facts", dependencies=[Depends(limited)])
def facts(platform: Running, link: Link) -> dict[str, Any]:
    """The request, how it stands, and with which phones its approver can answer."""
    now = canonical.now()
    with platform.reading() as session:
        row, asked = requesting.by_link(session, link)
        state = "lapsed" if row.state == "pending" and row.until < now else row.state
        return {
            "request": views.b64(requesting.request_of(row).encode()),
            "state": state,
            "decided": asked.decision,
            "pages": row.pages,
            "phones": _phones(session, row, asked, now),
        }


def _phones(
    session: Session, row: UseRequestRow, asked: UseApprover, now: int
) -> list[dict[str, Any]]:
    """None where the policy takes no approvals by phone. A phone goes by its binding here: by its
    id it reports losses, and whoever knows that is told its owner's seals."""
    if not session.get_one(UsePolicyRow, row.policy_id).phone:
        return []
    code = requesting.request_of(row).seal
    keys = {key.key_id: key.wrapped for key in requesting.keys_of(session, row)}
    found = []
    for phone in pairing.in_use(session, asked.certificate_sn, now):
        binding = Binding.parse(phone.binding.encode())
        if not binding.is_for(code):
            continue
        wrapped = keys.get(gm.sm3(bytes.fromhex(binding.key_ecdh)).hex())
        found.append(
            {
                "id": phone.binding_sha256,
                "binding": phone.binding_sha256,
                "credential": phone.credential,
                "wrapped": wrapped and views.b64(wrapped),
            }
        )
    return found


@pages.get("/a/{link}/pages/{number}", dependencies=[Depends(limited)])
def encrypted_page(platform: Running, link: Link, number: Number) -> Response:
    """One page of the document, as the requester encrypted it."""
    with platform.reading() as session:
        row, _ = requesting.by_link(session, link)
        address = requesting.pages_of(session, row).get(number)
    if address is None:
        raise policy.NotFound
    return Response(platform.blobs.get(address), media_type="application/octet-stream")


@pages.post("/a/{link}/decision", dependencies=[Depends(limited)])
async def decide(platform: Running, link: Link, body: DecisionBody) -> dict[str, Any]:
    """同意 or 不同意: the text that the phone made, and its passkey's signature."""

    def work(tx: Transaction) -> dict[str, Any]:
        row, asked = requesting.by_link(tx.session, link)
        phone = pairing.bound(tx.session, body.phone, tx.now)
        token = _signed(tx.session, phone, body)
        by = asked.certificate_sn
        return {"state": deciding.decide(tx, platform.vault, row.id, token, by).state}

    return await written(platform.ledger.write(work))


def _signed(session: Session, phone: Phone, body: DecisionBody) -> bytes:
    """The approval with its proof. Raises :class:`.PhoneInvalid` if the phone has not signed it."""
    held = session.get_one(Certificate, phone.certificate_sn)
    proof = PhoneSignature(
        Binding.parse(phone.binding.encode()),
        phone.signature,
        X509Certificate.parse(held.der),
        body.assertion,
    )
    try:
        approval = UseApproval.parse(unbase64(body.text))
        return SignedApproval.make(approval, proof.encode(), phone=True).token
    except (PurposeTextError, ApprovalError) as error:
        raise PhoneInvalid(str(error)) from error
