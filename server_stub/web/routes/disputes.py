"""提出异议: open to anyone, few times; what follows needs the objector's secret."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request, Response
from pydantic import Field, model_validator

from crypto.algorithms import gm
from server_stub import disputes, states
from server_stub.records.ledger import LEDGER, Transaction
from server_stub.web.handling import (
    Base64,
    Body,
    Digest,
    ExactBody,
    Running,
    Waking,
    caller,
    idempotent,
    limited,
    unbase64,
)
from server_stub.web.problems import Refusal

router = APIRouter(prefix="/v1/disputes", dependencies=[Depends(limited)])

Secret = Annotated[str, Header(alias="Dispute-Secret", max_length=200)]


class DisputeBody(Body):
    """第二十八条: the objector's statement, an exact text; the SM3 of the secret that it is read
    with; and, from who has a certificate of this platform, a signature."""

    statement: str = Field(max_length=disputes.MAX_STATEMENT)
    secret_sm3: Digest
    certificate: Base64 | None = None
    signature: Base64 | None = None

    @model_validator(mode="after")
    def _both_or_none(self) -> DisputeBody:
        if (self.certificate is None) != (self.signature is None):
            raise ValueError("certificate and signature go together")
        return self


async def rarely(request: Request) -> None:
    """Each dispute is read by a person: so few an hour from one address."""
    limiter = request.app.state.dispute_limiter
    if not limiter.admits(caller(request)):
        raise Refusal("rate_limited", retry_after=limiter.retry_after)


@router.post("", status_code=201, dependencies=[Depends(rarely)])
def open_dispute(
    platform: Running,
    worker: Waking,
    body: DisputeBody,
    exact: ExactBody,
    idempotency_key: Annotated[str, Header()] = "",
) -> Response:
    """提出: signed or not. The text is kept sealed; the ledger has its digest."""
    signer = None
    if body.certificate is not None and body.signature is not None:
        signer = disputes.Signer(unbase64(body.certificate), unbase64(body.signature))

    scope = f"/v1/disputes:{body.secret_sm3}"
    blob = platform.blobs.seal(body.statement.encode())

    def command(tx: Transaction) -> dict[str, Any]:
        return disputes.open_dispute(
            tx, platform.origin, body.statement, body.secret_sm3, blob, signer
        )

    answer = idempotent(platform, scope, idempotency_key, exact, command)
    worker.wake()
    return answer


@router.get("/{identity}")
def dispute(platform: Running, identity: str, secret: Secret = "") -> dict[str, Any]:
    """How far it is, and the ledger's entries about it with their proofs."""
    with platform.reading() as session:
        row = disputes.of_objector(session, identity, secret)
        proofs = disputes.proofs(session, LEDGER, "dispute", row.id)
        return {**disputes.view(row), "ledger": proofs}


@router.put("/{identity}/enclosure", status_code=204)
def enclose(platform: Running, identity: str, body: ExactBody, secret: Secret = "") -> Response:
    """The objector's own evidence package (a zip), once."""
    with platform.reading() as session:
        row = disputes.of_objector(session, identity, secret)
        if row.enclosure_sm3 is not None or row.state in states.DISPUTE.final:
            if row.enclosure_sm3 == gm.sm3(body).hex():
                return Response(status_code=204)  # sent again: nothing changes
            raise states.IllegalTransition("dispute", row.state, "enclose")
    if body[:4] != b"PK\x03\x04":
        raise Refusal("media_type_unsupported", "send the evidence package, a zip")
    platform.ledger.write(disputes.enclose, identity, platform.blobs.seal(body)).result()
    return Response(status_code=204)


@router.get("/{identity}/evidence.zip")
def evidence(platform: Running, identity: str, secret: Secret = "") -> Response:
    """The platform's public package, once it is gathered."""
    with platform.reading() as session:
        row = disputes.of_objector(session, identity, secret)
        if row.package_sm3 is None:
            raise states.IllegalTransition("dispute", row.state, "fetch")
        data = platform.blobs.get(row.package_sm3)
    return Response(data, media_type="application/zip")
