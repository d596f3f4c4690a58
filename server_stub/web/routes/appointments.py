"""What the legal representative says apart from any application: who keeps a seal, who handles an
application, and that a seal is stopped or used again. Each statement is signed by a Ukey of his
own, and no session is needed for it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from pydantic import Field
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from crypto.pki import unit_codes
from server_stub import applying, appointing, signin
from server_stub.authorities import representatives_word
from server_stub.context import Platform
from server_stub.neighbours.adapters import identity_digest
from server_stub.records.canonical import timestamp
from server_stub.records.ledger import Transaction
from server_stub.records.store import Appointment, Person, Seal
from server_stub.web.handling import Base64, Body, Running, Waking, limited, unbase64, written
from server_stub.web.routes.applicant import Name

router = APIRouter(prefix="/v1", dependencies=[Depends(limited)])

Changed = dict[str, str | None]

About = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{1,64}$")]


class Stated(Body):
    """*certificate*: of a seal of the enterprise, or the representative's personal one."""

    uscc: str = Field(max_length=18)
    certificate: Base64
    at: str = Field(max_length=40, pattern=r"^[0-9TZ:.+-]*$")
    signature: Base64


class Appointed(Body):
    name: Name
    id_no: str = Field(max_length=18)


class AppointmentBody(Stated):
    role: Literal["keeper", "handler"]
    about: About
    """The seal's code, or the application's identifier."""
    person: Appointed


@router.post("/appointments", status_code=201)
async def give(platform: Running, body: AppointmentBody) -> dict[str, Any]:
    """Appoint a keeper or a handler."""
    number = body.person.id_no
    try:
        unit_codes.check_citizen_number(number)
    except unit_codes.CodeError as error:
        raise applying.IdentityInvalid(str(error)) from error
    what, digest = f"{body.role} {body.about}", identity_digest(number)
    by = await run_in_threadpool(_representative, platform, body, "appoint", what, digest)
    matches = platform.neighbours.identity.matches
    if not await run_in_threadpool(matches, body.person.name, number):
        raise applying.IdentityInvalid("nobody knows this person")
    given = (body.role, body.about, body.person.name, number)

    def command(tx: Transaction) -> dict[str, Any]:
        return _view(tx.session, appointing.give(tx, platform.vault, by, body.uscc, *given))

    return await written(platform.ledger.write(command))


@router.post("/appointments/query")
def query(platform: Running, body: Stated) -> dict[str, Any]:
    """The appointments of an enterprise, those that are over too, for its representative."""
    _representative(platform, body, "list-appointments", "all", "-")
    with platform.reading() as session:
        rows = appointing.of_enterprise(session, body.uscc)
        return {"items": [_view(session, row) for row in rows]}


@router.post("/appointments/{identity}/end")
async def end(platform: Running, identity: str, body: Stated) -> dict[str, Any]:
    """End one of them."""
    by = await run_in_threadpool(_representative, platform, body, "end-appointment", identity, "-")

    def command(tx: Transaction) -> dict[str, Any]:
        return _view(tx.session, appointing.end(tx, by, body.uscc, identity))

    return await written(platform.ledger.write(command))


class SuspensionBody(Stated):
    reason: Literal["holder_request", "lost", "key_compromised"]


@router.post("/representatives/seals/{code}/suspend")
async def suspend(platform: Running, worker: Waking, code: str, body: SuspensionBody) -> Changed:
    """停用 or 挂失, at once."""
    given = (platform, body, "suspend", code, "-", body.reason)
    by = await run_in_threadpool(_representative, *given)

    def command(tx: Transaction) -> Changed:
        return _seal(representatives_word.suspend(tx, by, body.uscc, code, body.reason))

    answer = await written(platform.ledger.write(command))
    worker.wake()  # the change is filed with the police
    return answer


@router.post("/representatives/seals/{code}/resume")
async def resume(platform: Running, worker: Waking, code: str, body: Stated) -> Changed:
    """恢复 what the holder has stopped."""
    by = await run_in_threadpool(_representative, platform, body, "resume", code, "-")

    def command(tx: Transaction) -> Changed:
        return _seal(representatives_word.resume(tx, by, body.uscc, code))

    answer = await written(platform.ledger.write(command))
    worker.wake()
    return answer


def _seal(row: Seal) -> Changed:
    return {"seal_code": row.seal_code, "state": row.state, "reason": row.reason}


def _representative(
    platform: Platform, body: Stated, verb: str, what: str, digest: str, reason: str = ""
) -> appointing.Representative:
    unit_codes.check_credit_code(body.uscc)
    decision = signin.Decision(body.at, unbase64(body.signature))
    certificate = unbase64(body.certificate)
    said = appointing.Statement(body.uscc, verb, what, digest, certificate, decision, reason)
    return appointing.representative(platform, said)


def _view(session: Session, row: Appointment) -> dict[str, Any]:
    seal = session.get(Seal, row.seal_id) if row.seal_id else None
    return {
        "id": row.id,
        "role": row.role,
        "name": session.get_one(Person, row.person_id).name,
        "seal_code": seal.seal_code if seal else None,
        "application": row.application_id,
        "since": timestamp(row.since),
        "until": timestamp(row.until) if row.until is not None else None,
        "proof": row.proof.get("kind"),
    }
