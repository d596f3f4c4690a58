"""Phones: how the computer pairs them (``/v1``), and the pages that they open (``/m``).

These are the only pages with script: own files, no frame, nothing from elsewhere. Every text that
is signed is built on the phone from what the page shows.
"""

from __future__ import annotations

from datetime import timedelta
from importlib import resources
from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import Field
from sqlalchemy.orm import Session

from crypto.seal.phone import Assertion
from crypto.seal.purpose_text import write_time
from server_stub import policy, signin
from server_stub.context import Platform
from server_stub.phones import losing, pairing
from server_stub.records import canonical
from server_stub.records.canonical import timestamp
from server_stub.records.ledger import Transaction
from server_stub.records.store import (
    Certificate,
    Challenge,
    Enterprise,
    Person,
    Phone,
    PhonePairing,
)
from server_stub.web import views
from server_stub.web.handling import (
    Base64,
    Body,
    Decided,
    Nothing,
    Running,
    SignedIn,
    limited,
    unbase64,
    written,
)
from server_stub.web.routes.pages import language_of, template

router = APIRouter(prefix="/v1")
pages = APIRouter(prefix="/m", include_in_schema=False)

PAGE_POLICY = (
    "default-src 'self'; img-src 'self' blob:; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'none'; object-src 'none'"
)
_FILES = {
    **dict.fromkeys(
        ("phone.js", "pair.js", "loss.js", "approve.js", "sm3.js", "webp.js"), "text/javascript"
    ),
    "phone.css": "text/css",
    "icon.svg": "image/svg+xml",
}


# --- for the computer --------------------------------------------------------------------------


class BindingBody(Body):
    pairing: str = Field(max_length=64)
    text: Base64
    signature: Base64


def shown(row: Phone) -> dict[str, Any]:
    """A phone as who bound it sees it."""
    return {
        "id": row.id,
        "state": row.state,
        "binding": views.b64(row.binding.encode()),
        "signature": views.b64(row.signature),
        "bound_at": timestamp(row.bound_at),
        "ended_at": row.ended_at and timestamp(row.ended_at),
    }


def _pairing(platform: Platform, session: Session, row: PhonePairing) -> dict[str, Any]:
    person, unit, uscc = _whose(session, row)
    return {
        "id": row.id,
        "nonce": row.nonce,
        "person": person,
        "enterprise": unit,
        "uscc": uscc,
        "rp_id": pairing.rp_id(platform.origin),
        "url": f"{platform.origin}/m/p/{row.id}",
        "expires_at": timestamp(row.expires_at),
        "proof": row.proof and views.b64(row.proof.encode()),
        "mac": row.mac and views.b64(row.mac),
        "phone": row.phone_id,
    }


@router.post("/phone-pairings", status_code=201)
async def begin(platform: Running, actor: SignedIn, body: Nothing) -> dict[str, Any]:
    """配对: begin. The QR code is `url`, ``#`` and a secret of 16 bytes, which never comes here."""

    def work(tx: Transaction) -> dict[str, Any]:
        return _pairing(platform, tx.session, pairing.begin(tx, actor, platform.origin))

    return await written(platform.ledger.write(work))


@router.get("/phone-pairings/{identity}")
def look(platform: Running, actor: SignedIn, identity: str) -> dict[str, Any]:
    """What the phone has answered so far."""
    with platform.reading() as session:
        row = pairing.own(session, actor, identity, canonical.now())
        return _pairing(platform, session, row)


@router.get("/phones")
def phones(platform: Running, actor: SignedIn) -> dict[str, Any]:
    """Those that the certificate which is signed in has bound."""
    policy.allow(actor, "phone.pair")
    with platform.reading() as session:
        return {"items": [shown(row) for row in pairing.phones_of(session, actor)]}


@router.post("/phones", status_code=201)
async def bind(platform: Running, actor: SignedIn, body: BindingBody) -> dict[str, Any]:
    """绑定: the binding that the Ukey has signed."""
    text, signature = unbase64(body.text), unbase64(body.signature)

    def work(tx: Transaction) -> dict[str, Any]:
        return shown(pairing.bind(tx, actor, platform.origin, body.pairing, text, signature))

    return await written(platform.ledger.write(work))


@router.post("/phones/{identity}/revocation")
async def revoke(
    platform: Running, actor: SignedIn, identity: str, body: Decided
) -> dict[str, Any]:
    """解除."""

    def work(tx: Transaction) -> dict[str, Any]:
        return shown(pairing.revoke(tx, actor, platform.origin, identity, body.decision))

    return await written(platform.ledger.write(work))


# --- for the phone -----------------------------------------------------------------------------


class AnswerBody(Body):
    proof: Base64
    mac: Base64
    client_data: Base64
    authenticator_data: Base64


class AssertionBody(Body):
    """A text, and the passkey's signature over it."""

    text: Base64
    client_data: Base64
    authenticator_data: Base64
    signature: Base64

    @property
    def assertion(self) -> Assertion:
        parts = (self.client_data, self.authenticator_data, self.signature)
        return Assertion(*(unbase64(part) for part in parts))


def page(request: Request, platform: Platform, name: str, **values: Any) -> Response:
    """A page of the phone's; without *values*, that its link is over."""
    language = language_of(request.headers.get("accept-language", ""))
    text = template(f"phone/{name}.html").render(
        language=language,
        t=lambda chinese, english: english if language == "en" else chinese,
        provider=platform.settings.provider_name,
        origin=platform.origin,
        rp_id=pairing.rp_id(platform.origin) if values else "",
        **values,
    )
    headers = {
        "content-security-policy": PAGE_POLICY,
        "content-language": "en" if language == "en" else "zh-CN",
        "vary": "Accept-Language",
    }
    return HTMLResponse(text, 200 if values else 404, headers)


@pages.get("/{name}.{kind}")
def file(name: str, kind: str) -> Response:
    """A script or the style of the pages."""
    wanted = f"{name}.{kind}"
    if wanted not in _FILES:
        raise policy.NotFound
    text = (resources.files("server_stub") / "templates" / "phone" / wanted).read_text("utf-8")
    return Response(text, media_type=_FILES[wanted])


@pages.get("/p/{identity}", dependencies=[Depends(limited)])
def pairing_page(request: Request, platform: Running, identity: str) -> Response:
    """What the QR code leads to."""
    with platform.reading() as session:
        try:
            row = pairing.waiting(session, identity, canonical.now())
        except policy.NotFound:
            return page(request, platform, "over")
        if row.proof is not None:
            return page(request, platform, "over")
        person, unit, _ = _whose(session, row)
        facts = {"pairing": row.id, "nonce": row.nonce, "person": person, "enterprise": unit}
        return page(request, platform, "pair", **facts)


def _whose(session: Session, row: PhonePairing) -> tuple[str, str, str]:
    """Name of the person, name and credit code of the enterprise ("" for a person's own)."""
    held = session.get_one(Certificate, row.certificate_sn)
    unit = session.get(Enterprise, held.enterprise_id) if held.enterprise_id else None
    named = (unit.name, unit.uscc) if unit else ("", "")
    return session.get_one(Person, held.person_id).name, *named


@pages.post("/p/{identity}/answer", dependencies=[Depends(limited)])
async def answer(platform: Running, identity: str, body: AnswerBody) -> dict[str, Any]:
    """The phone's new passkey, proved by the secret of the QR code."""
    parts = (body.proof, body.mac, body.client_data, body.authenticator_data)
    given = pairing.Answer(*(unbase64(part) for part in parts))

    def work(tx: Transaction) -> dict[str, Any]:
        pairing.answer(tx, platform.origin, identity, given)
        return {}

    return await written(platform.ledger.write(work))


@pages.get("/p/{identity}/state", dependencies=[Depends(limited)])
def state(platform: Running, identity: str) -> dict[str, Any]:
    """Has the computer bound the phone?"""
    with platform.reading() as session:
        return {"phone": pairing.waiting(session, identity, canonical.now()).phone_id}


@pages.get("/l/{identity}", dependencies=[Depends(limited)])
def loss_page(request: Request, platform: Running, identity: str) -> Response:
    """挂失, for the phone that was bound under that id."""
    with platform.reading() as session:
        try:
            row, _ = pairing.usable(session, identity, canonical.now())
        except (policy.NotFound, signin.CertificateNotValid):
            return page(request, platform, "over")
        facts = {"phone": row.id, "binding": row.binding_sha256, "credential": row.credential}
        return page(request, platform, "loss", **facts)


@pages.post("/l/{identity}/begin", dependencies=[Depends(limited)])
async def begin_report(platform: Running, identity: str, body: Nothing) -> dict[str, Any]:
    """What has to stand in the question which seals can be reported."""

    def work(tx: Transaction) -> dict[str, Any]:
        return _begun(tx, losing.begin(tx, identity))

    return await written(platform.ledger.write(work))


def _begun(tx: Transaction, begun: Challenge) -> dict[str, Any]:
    until = canonical.moment(tx.now) + timedelta(microseconds=losing.LIFE)
    return {"nonce": begun.id, "until": write_time(until)}


@pages.post("/l/{identity}/seals", dependencies=[Depends(limited)])
async def reportable_seals(platform: Running, identity: str, body: AssertionBody) -> dict[str, Any]:
    """Which seals can be reported, told to the phone's passkey, and what has to stand in the
    report."""

    def work(tx: Transaction) -> dict[str, Any]:
        begun, seals = losing.listed(
            tx, platform.origin, identity, unbase64(body.text), body.assertion
        )
        named = [{"code": row.seal_code, "name": row.name} for row in seals]
        return {**_begun(tx, begun), "seals": named}

    return await written(platform.ledger.write(work))


@pages.post("/l/{identity}/report", dependencies=[Depends(limited)])
async def report(platform: Running, identity: str, body: AssertionBody) -> dict[str, Any]:
    """挂失: the seals are suspended at once."""

    def work(tx: Transaction) -> dict[str, Any]:
        text = unbase64(body.text)
        seals = losing.report(tx, platform.origin, identity, text, body.assertion)
        return {"seals": [{"code": row.seal_code, "name": row.name} for row in seals]}

    return await written(platform.ledger.write(work))
