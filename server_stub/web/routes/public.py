"""What anyone may ask: service, certificates, lists, the public registry, a seal's status."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from crypto.algorithms import merkle
from server_stub import policy, revocation
from server_stub.authority import ISSUERS, PURPOSES
from server_stub.context import readiness
from server_stub.records import canonical
from server_stub.records.ledger import LEDGER, LOGS, REGISTRY, latest_note, log_size, stored_tree
from server_stub.records.store import LedgerEntry
from server_stub.web import views
from server_stub.web.handling import MAX_INTEGER, Running, limited
from server_stub.web.problems import Refusal
from server_stub.web.status_answers import StatusAnswers

router = APIRouter()
MAX_ENTRIES = 1000


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/readyz")
def readyz(platform: Running) -> dict[str, str]:
    """The platform can write."""
    if not readiness(platform):
        raise Refusal("not_ready")
    return {"status": "ready"}


@router.get("/v1/service")
def service(platform: Running) -> dict[str, Any]:
    """第十一条: who provides the service, with which qualifications, certificates and keys."""
    settings, authority = platform.settings, platform.authority
    return {
        "api": "1",
        "name": settings.provider_name,
        "provider": {
            "name": settings.provider_name,
            "qualifications": list(settings.provider_qualifications),
        },
        "origin": platform.origin,
        "time": canonical.timestamp(canonical.now()),
        "certificates": {name: views.b64(authority.certificate(name)) for name in PURPOSES},
        "logs": {
            log: {"origin": platform.ledger.origin(log), "key": authority.key(log).public.hex()}
            for log in LOGS
        },
        "limits": {
            "body_bytes": settings.body_bytes,
            "file_bytes": settings.file_bytes,
            "usage_records": 100,
        },
        "applications": {
            "review_days": settings.review_days,
            "lapse_days": settings.collect_days,
        },
        "simulated": ["police", "market_regulator", "e_licence", "identity", "national_platform"],
    }


# --- certificates and revocation ---------------------------------------------------------------


@router.get("/pki/{name}.crt")
def certificate(platform: Running, name: str) -> Response:
    """One of the platform's certificates, DER; ``abroad_root`` is the RSA root's self-signed
    one."""
    if name == "abroad_root":
        return Response(platform.authority.rsa_root(), media_type="application/pkix-cert")
    if name not in PURPOSES:
        raise policy.NotFound
    return Response(platform.authority.certificate(name), media_type="application/pkix-cert")


@router.get("/pki/crl/{issuer}/0.crl")
def crl(platform: Running, issuer: str) -> Response:
    """The revocation list of an authority, DER: a view of the same tables as the registry."""
    if issuer not in ISSUERS:
        raise policy.NotFound
    with platform.reading() as session:
        entries = revocation.revoked(session) if issuer == "issuing" else []
    data = platform.authority.crl(issuer, entries)
    headers = {"cache-control": "public, max-age=300"}
    return Response(data, 200, headers, media_type="application/pkix-crl")


# --- status ------------------------------------------------------------------------------------


@router.get("/v1/seals/{seal_code}/status", dependencies=[Depends(limited)], response_model=None)
async def status(request: Request, seal_code: str) -> Response:
    """A signed statement about the seal of that 14-digit code (crypto.seal.statement)."""
    answers: StatusAnswers = request.app.state.status_answers
    answer = await answers.answer(seal_code)
    if answer is None:
        raise policy.NotFound
    return Response(answer, media_type="application/json")


# --- the public log ----------------------------------------------------------------------------

From = Annotated[int, Query(alias="from", ge=0, le=MAX_INTEGER)]
To = Annotated[int, Query(ge=0, le=MAX_INTEGER)]
Number = Annotated[int, Query(ge=0, le=MAX_INTEGER)]


@router.get("/registry/checkpoint")
def registry_checkpoint(platform: Running) -> Response:
    """The newest signed checkpoint of the registry, a text note."""
    with platform.reading() as session:
        return checkpoint(session, REGISTRY)


@router.get("/registry/entries")
def registry_entries(platform: Running, first: From, to: To) -> dict[str, Any]:
    """Entries *from* … *to* − 1, at most 1000, as the exact texts that were hashed."""
    with platform.reading() as session:
        return entries(session, REGISTRY, first, to)


@router.get("/registry/proofs/inclusion")
def registry_inclusion(platform: Running, index: Number, size: Number) -> dict[str, Any]:
    """That entry *index* is in the tree of *size*."""
    with platform.reading() as session:
        return inclusion(session, REGISTRY, index, size)


@router.get("/registry/proofs/consistency")
def registry_consistency(platform: Running, first: From, to: To) -> dict[str, Any]:
    """That the tree of size *from* is a beginning of the tree of size *to*."""
    with platform.reading() as session:
        return consistency(session, REGISTRY, first, to)


# --- of the private log: how long it is and that it only grows, for cosigners --------------------


@router.get("/ledger/checkpoint")
def ledger_checkpoint(platform: Running) -> Response:
    """The newest signed checkpoint of the private ledger: its size and root, nothing of it."""
    with platform.reading() as session:
        return checkpoint(session, LEDGER)


@router.get("/ledger/proofs/consistency", dependencies=[Depends(limited)])
def ledger_consistency(platform: Running, first: From, to: To) -> dict[str, Any]:
    """That the ledger of size *from* is a beginning of that of size *to*: hashes only."""
    with platform.reading() as session:
        return consistency(session, LEDGER, first, to)


def checkpoint(session: Session, log: str) -> Response:
    headers = {"cache-control": "no-store" if log != REGISTRY else "public, max-age=60"}
    return Response(latest_note(session, log), 200, headers, media_type="text/plain; charset=utf-8")


def entries(session: Session, log: str, first: int, to: int) -> dict[str, Any]:
    rows = session.execute(
        select(LedgerEntry.number, LedgerEntry.record)
        .where(
            LedgerEntry.log == log,
            LedgerEntry.number >= first,
            LedgerEntry.number < min(to, first + MAX_ENTRIES),
        )
        .order_by(LedgerEntry.number)
    )
    found = [{"index": number, "record": record.decode()} for number, record in rows]
    return {"size": log_size(session, log), "entries": found}


def inclusion(session: Session, log: str, index: int, size: int) -> dict[str, Any]:
    try:
        steps = stored_tree(session, log).inclusion_proof(index, size)
    except merkle.MerkleError as error:
        raise Refusal("not_found", str(error)) from error
    return {"index": index, "size": size, "proof": views.proof(steps)}


def consistency(session: Session, log: str, first: int, to: int) -> dict[str, Any]:
    try:
        steps = stored_tree(session, log).consistency_proof(first, to)
    except merkle.MerkleError as error:
        raise Refusal("not_found", str(error)) from error
    return {"from": first, "to": to, "proof": views.proof(steps)}
