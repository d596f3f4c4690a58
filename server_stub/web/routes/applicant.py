"""What applicants do, and how everybody signs in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Request, Response
from pydantic import AfterValidator, Field, model_validator
from sqlalchemy import select
from starlette.concurrency import run_in_threadpool

from crypto.algorithms import gm
from crypto.pki import unit_codes
from crypto.seal.application_form import problems
from server_stub import applying, policy, signin
from server_stub.changing import cancelling, unlocking
from server_stub.changing.examining import examine
from server_stub.context import Platform
from server_stub.policy import Actor
from server_stub.records.canonical import timestamp
from server_stub.records.store import Application
from server_stub.seals import access
from server_stub.web import views
from server_stub.web.admission import Turns
from server_stub.web.handling import (
    Base64,
    Body,
    ExactBody,
    Kind,
    Nothing,
    Running,
    Signed,
    SignedIn,
    Token,
    Waking,
    caller,
    idempotent,
    limited,
    unbase64,
    written,
)
from server_stub.web.paging import Cursor, page
from server_stub.web.problems import Refusal

router = APIRouter(prefix="/v1")


_MAX_MATERIAL = 10 << 20
_BEGINS = {"application/pdf": b"%PDF-", "image/png": b"\x89PNG", "image/jpeg": b"\xff\xd8\xff"}


def _text(value: str) -> str:
    """No line breaks or other control characters: the value goes into signed texts and names."""
    stripped = value.strip()
    if not stripped or any(ord(c) < 32 or ord(c) == 127 for c in stripped):
        raise ValueError("empty or with control characters")
    return stripped


Name = Annotated[str, Field(max_length=60), AfterValidator(_text)]


SignedAt = Annotated[str, Field(max_length=40), AfterValidator(_text)]
"""RFC 3339, as it stands in what was signed."""


class LegalRep(Body):
    name: Name
    id_no: str = ""
    """Given when the handler is the legal representative: it makes them one person."""


class EnterpriseBody(Body):
    uscc: str = Field(max_length=18)
    name: Name
    legal_rep: LegalRep


class Handler(Body):
    name: Name
    id_no: str = Field(max_length=18)
    phone: str = Field(default="", pattern=r"^\+?[0-9 -]{0,20}$")


class SealBody(Body):
    """See :mod:`crypto.seal.application_form` for what is wanted when."""

    subtype: str = Field(max_length=40)
    physical_code: str | None = Field(default=None, max_length=20)
    department: str | None = Field(default=None, max_length=40)
    holder: str | None = Field(default=None, max_length=60)
    shape: str | None = Field(default=None, max_length=20)
    code: str | None = Field(default=None, max_length=20)


class TokenBody(Body):
    """The Ukey whose PIN is to be reset."""

    serial: str = Field(max_length=64)
    certificate_sn: str = Field(max_length=64)
    nonce: str = Field(default="", max_length=32)
    secret: str = Field(default="", max_length=1602)
    """Of a Ukey that is unlocked by a statement (crypto.seal.unlocking)."""


class LicenceProof(Body):
    """The legal representative consents on the electronic licence; the platform asks there."""

    kind: Literal["licence"]


class LegalRepProof(Body):
    """The legal representative's own Ukey signed (server_stub.appointing)."""

    kind: Literal["legal_rep"]
    certificate: Base64
    at: SignedAt
    signature: Base64


class LetterProof(Body):
    """A letter of authority is uploaded before submitting; a person reads it."""

    kind: Literal["letter"]


class OwnProof(Body):
    """A certificate signed: the applicant's own (personal), or the seal's present one."""

    kind: Literal["personal", "seal"]
    certificate: Base64
    at: SignedAt
    signature: Base64


class RequestProof(Body):
    """The request to cancel is uploaded under the enterprise's own seal."""

    kind: Literal["request"]


Proof = Annotated[
    LicenceProof | LegalRepProof | LetterProof | OwnProof | RequestProof,
    Field(discriminator="kind"),
]


class ApplicationBody(Body):
    """第十二条: who asks, for whom, for which seal, and for which key. What is wanted when, says
    :mod:`crypto.seal.application_form`."""

    kind: Literal["issue", "reissue", "renew", "cancel", "pin_reset"]
    enterprise: EnterpriseBody | None = None
    handler: Handler
    seal: SealBody
    cause: str | None = Field(default=None, max_length=40)
    token: TokenBody | None = None
    certificate_request: Base64
    proof: Proof = LicenceProof(kind="licence")
    """That the handler may act for the owner."""

    @model_validator(mode="after")
    def _as_its_form_says(self) -> ApplicationBody:
        found = problems(self.model_dump())
        told_apart = {name: said for name, said in found.items() if name not in _CODES}
        if told_apart:
            raise ValueError(", ".join(f"{name}: {said}" for name, said in told_apart.items()))
        return self


_CODES = ("enterprise.uscc", "enterprise.legal_rep.id_no", "handler.id_no")
"""Fields whose check digits have an answer of their own (_form)."""


# --- applications ------------------------------------------------------------------------------


@router.post("/applications", status_code=201, dependencies=[Depends(limited)])
def apply(
    request: Request,
    platform: Running,
    body: ApplicationBody,
    exact: ExactBody,
    idempotency_key: Annotated[str, Header()] = "",
) -> Response:
    """Draft an application. No sign-in yet: the request inside proves who holds the key."""
    form = replace(_form(platform, body, exact), address=caller(request))
    if platform.settings.open_register and form.uscc:
        own = form.id_no if form.legal_rep == form.handler else ""
        platform.city.register(
            form.uscc,
            form.enterprise_name,
            form.legal_rep,
            legal_rep_id=form.legal_rep_id_no or own,
            trusts=[(form.handler, form.id_no)],
        )
    of_address = platform.settings.open_per_address
    limits = applying.Limits(of_address, max(1, of_address // 4))
    scope = f"/v1/applications:{gm.sm3(form.spki).hex()}"

    def command(tx: Any) -> dict[str, Any]:
        return views.application(tx.session, applying.draft(tx, platform.vault, form, limits))

    return idempotent(platform, scope, idempotency_key, exact, command)


def _form(platform: Platform, body: ApplicationBody, exact: bytes) -> applying.Draft:
    enterprise, handler, seal = body.enterprise, body.handler, body.seal
    legal_rep = enterprise.legal_rep if enterprise else None
    if enterprise:
        unit_codes.check_credit_code(enterprise.uscc)
    for number in filter(None, (handler.id_no, legal_rep.id_no if legal_rep else "")):
        try:
            unit_codes.check_citizen_number(number)
        except unit_codes.CodeError as error:
            raise applying.IdentityInvalid(str(error)) from error
    if not handler.id_no:
        raise applying.IdentityInvalid("the handler's number is needed")
    spki = applying.read_request(unbase64(body.certificate_request))
    named = {"department": seal.department, "holder": seal.holder, "shape": seal.shape}
    return applying.Draft(
        uscc=enterprise.uscc if enterprise else "",
        enterprise_name=enterprise.name if enterprise else "",
        legal_rep=legal_rep.name if legal_rep else "",
        legal_rep_id_no=legal_rep.id_no if legal_rep else "",
        handler=handler.name,
        id_no=handler.id_no,
        phone=handler.phone,
        subtype=seal.subtype,
        physical_code=seal.physical_code,
        spki=spki,
        payload=platform.blobs.seal(exact),
        proof=body.proof.model_dump(),
        kind=body.kind,
        target=seal.code or "",
        cause=body.cause,
        details={
            "seal": {name: text for name, text in named.items() if text},
            "token": body.token.model_dump() if body.token else {},
        },
    )


@router.get("/applications")
def applications(platform: Running, actor: SignedIn, before: Cursor = "") -> dict[str, Any]:
    """One's own applications, or for the representative the enterprise's, newest first, a page at
    a time; `next` goes into `before`. An applicant's: all that were made for the same key."""
    if signin.REPORTER in actor.roles:
        raise policy.Forbidden("a session that reports uses, and nothing else")
    with platform.reading() as session:
        rows = select(Application)
        if actor.application_id is not None:
            own = session.get_one(Application, actor.application_id)
            rows = rows.where(Application.spki == own.spki)
        else:
            rows = rows.where(access.owned_by(actor.owner, Application))
            if not actor.sees_all and actor.applications is not None:
                rows = rows.where(Application.id.in_(actor.applications))
        time, identity = Application.created_at, Application.id
        found = page(session, rows, time, identity, before, newest_first=True)
        items = [views.application(session, row) for row in found.rows]
    return {"items": items, "next": found.next, "more": found.more}


@router.get("/applications/{identity}")
def application(platform: Running, actor: SignedIn, identity: str) -> dict[str, Any]:
    """How far it is."""
    with platform.reading() as session:
        row = applying.find(session, actor, "application.read", identity)
        return views.application(session, row)


@router.get("/applications/{identity}/form")
def form(platform: Running, actor: SignedIn, identity: str) -> Response:
    """The exact body as it was sent, for its applicant: to go on with it at another computer."""
    with platform.reading() as session:
        row = applying.find(session, actor, "application.amend", identity)
        return Response(platform.blobs.get(row.payload_sm3), media_type="application/json")


@router.patch("/applications/{identity}")
async def amend(
    platform: Running, actor: SignedIn, identity: str, body: ApplicationBody, exact: ExactBody
) -> dict[str, Any]:
    """Correct a draft or a returned application."""
    form = await run_in_threadpool(_form, platform, body, exact)
    return await _application(platform, applying.amend, platform.vault, actor, identity, form)


@router.put("/applications/{identity}/materials/{kind}")
async def put_material(
    request: Request,
    platform: Running,
    actor: SignedIn,
    identity: str,
    kind: Kind,
    document: ExactBody,
) -> dict[str, Any]:
    """A document that goes with a draft: the letter of authority, a PDF or a picture."""
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not document.startswith(_BEGINS.get(media, b"\0")):
        raise Refusal("media_type_unsupported", f"one of {', '.join(_BEGINS)}")
    if len(document) > _MAX_MATERIAL:
        raise Refusal("body_too_large")
    seen = None
    if kind == "request":
        if media != "application/pdf":
            raise Refusal("media_type_unsupported", "application/pdf")
        turns: Turns = request.app.state.verifications.turns
        seen = await turns.take(lambda: _seen(platform, actor, identity, document))
    blob = await run_in_threadpool(platform.blobs.seal, document)
    more = (kind, media, blob, seen)
    return await _application(platform, applying.put_material, actor, identity, *more)


@router.get("/applications/{identity}/request")
def request_to_cancel(platform: Running, actor: SignedIn, identity: str) -> Response:
    """The request to cancel, PDF: to be sealed and uploaded as the material ``request``."""
    written, _ = _written(platform, actor, identity)
    return Response(written, media_type="application/pdf")


def _written(platform: Platform, actor: Actor, identity: str) -> tuple[bytes, str]:
    """The request, and the SM3 of the body that it was written from."""
    with platform.reading() as session:
        row = applying.find(session, actor, "application.amend", identity)
        cancelling.of_applicant(actor, row)
        return cancelling.write(platform, session, row), row.payload_sm3


def _seen(platform: Platform, actor: Actor, identity: str, document: bytes) -> Mapping[str, str]:
    written, payload_sm3 = _written(platform, actor, identity)
    report = examine(platform, document, "request.pdf")
    with platform.reading() as session:
        row = applying.find(session, actor, "application.amend", identity)
        seen = cancelling.seen(session, row, written, document, report)
    return {**seen, "payload_sm3": payload_sm3}


@router.post("/applications/{identity}/submit")
async def submit(
    platform: Running, worker: Waking, actor: SignedIn, identity: str, body: Signed
) -> dict[str, Any]:
    """Hand it in, signed."""
    signature = unbase64(body.signature)
    answer = await _application(
        platform, applying.submit, actor, platform.origin, identity, signature
    )
    worker.wake()
    return answer


@router.post("/applications/{identity}/withdraw")
async def withdraw(
    platform: Running, actor: SignedIn, identity: str, body: Nothing
) -> dict[str, Any]:
    """Take it back."""
    return await _application(platform, applying.withdraw, actor, identity)


@router.post("/applications/{identity}/unlock")
async def unlock(
    platform: Running, actor: SignedIn, identity: str, body: Nothing
) -> dict[str, Any]:
    """The statement that unlocks the Ukey of an approved PIN reset, within its 24 hours."""
    write, authority = platform.ledger.write, platform.authority
    return await written(write(unlocking.take, actor, authority, platform.origin, identity))


async def _application(platform: Platform, command: Any, *args: Any) -> dict[str, Any]:
    def then_show(tx: Any) -> dict[str, Any]:
        return views.application(tx.session, command(tx, *args))

    return await written(platform.ledger.write(then_show))


# --- sign-in -----------------------------------------------------------------------------------


class ChallengeBody(Body):
    certificate: Base64 | None = None
    application_id: str | None = None
    key: Base64 | None = None
    """The SubjectPublicKeyInfo of an application's key: on another computer, which does not know
    the application."""
    to_report: bool = False
    """With a certificate that may be over: to report uses, and nothing else."""

    @model_validator(mode="after")
    def _exactly_one(self) -> ChallengeBody:
        if [self.certificate, self.application_id, self.key].count(None) != 2:
            raise ValueError("either certificate, application_id or key")
        return self


class SessionBody(Body):
    challenge_id: str = Field(max_length=64)
    signature: Base64
    to_report: bool = False


@router.post("/challenges", status_code=201, dependencies=[Depends(limited)])
async def challenge(platform: Running, body: ChallengeBody) -> dict[str, Any]:
    """A nonce to sign. One that is lost with the machine's power is asked for again."""
    offer = await written(
        platform.ledger.write_unsynced(
            signin.challenge,
            platform.settings,
            platform.origin,
            certificate=unbase64(body.certificate) if body.certificate is not None else None,
            application_id=body.application_id,
            spki=unbase64(body.key) if body.key is not None else None,
            to_report=body.to_report,
        )
    )
    return {
        "id": offer.id,
        "origin": platform.origin,
        "purpose": "login",
        "nonce": offer.nonce,
        "subject": offer.subject,
        "expires": offer.expires,
    }


@router.post("/sessions", status_code=201, dependencies=[Depends(limited)])
async def open_session(platform: Running, body: SessionBody) -> dict[str, Any]:
    """Sign in with a signed challenge. The challenge is used up, whatever comes of it."""
    said = (body.challenge_id, unbase64(body.signature), body.to_report)
    opened = await written(platform.ledger.write(signin.open_session, platform.settings, *said))
    if isinstance(opened, Exception):
        raise opened
    return {
        "token": opened.token,
        "expires_at": timestamp(opened.expires_at),
        "idle_seconds": platform.settings.session_idle_seconds,
        "actor": {
            "kind": opened.actor.kind,
            "roles": sorted(opened.actor.roles),
            "subject": opened.actor.subject,
        },
    }


@router.delete("/sessions/current", status_code=204)
async def close_session(platform: Running, actor: SignedIn, token: Token) -> Response:
    """Sign out."""
    await written(platform.ledger.write(signin.close, token))
    return Response(status_code=204)
