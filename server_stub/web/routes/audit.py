"""Audit (第二十四条): read-only but for the auditor's own signature; every read is on record."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import Field

from server_stub import policy
from server_stub.context import Platform
from server_stub.policy import Actor
from server_stub.records import canonical
from server_stub.records.ledger import LEDGER
from server_stub.staff import ledger_search
from server_stub.web.handling import MAX_INTEGER, Body, Decided, Digest, Running, SignedIn, written
from server_stub.web.problems import Refusal
from server_stub.web.routes import public
from server_stub.web.routes.public import From, Number, To

router = APIRouter(prefix="/audit")

Text = Annotated[str, Query(max_length=100, pattern=r"^[^\x00-\x1f]*$")]
Moment = Annotated[str, Query(max_length=40)]


@router.get("/checkpoint")
def audit_checkpoint(platform: Running, actor: SignedIn) -> Response:
    """The newest signed checkpoint of the private ledger."""
    _audited(platform, actor, "checkpoint")
    with platform.reading() as session:
        return public.checkpoint(session, LEDGER)


@router.get("/entries")
def audit_entries(platform: Running, actor: SignedIn, first: From, to: To) -> dict[str, Any]:
    """Entries of the private ledger."""
    _audited(platform, actor, f"entries {first} to {to}")
    with platform.reading() as session:
        return public.entries(session, LEDGER, first, to)


@router.get("/search")
def audit_search(
    platform: Running,
    actor: SignedIn,
    person: Text = "",
    seal: Text = "",
    enterprise: Text = "",
    since: Moment = "",
    until: Moment = "",
    before: Annotated[int | None, Query(ge=0, le=MAX_INTEGER)] = None,
) -> dict[str, Any]:
    """Entries about a person (name, id or account), a seal (code or id), an enterprise (credit
    code, id or name), from *since* to *until* (RFC 3339): newest first, a page at a time; `next`
    goes into `before`. `names` says who the ids are."""
    wanted = ledger_search.Wanted(person, seal, enterprise, _moment(since), _moment(until))
    said = {"person": person, "seal": seal, "enterprise": enterprise, "since": since}
    told = " ".join(f"{name}={value}" for name, value in (said | {"until": until}).items() if value)
    _audited(platform, actor, f"search {told}".rstrip())
    with platform.reading() as session:
        found = ledger_search.search(session, wanted, before)
    items = [{"index": index, "record": record} for index, record in found.entries]
    more = bool(found.next)
    return {"items": items, "next": found.next, "more": more, "names": found.names}


def _moment(text: str) -> int | None:
    try:
        return canonical.parse_timestamp(text) if text else None
    except ValueError as error:
        raise Refusal("invalid_body", "not a time of RFC 3339") from error


@router.get("/proofs/inclusion")
def audit_inclusion(
    platform: Running, actor: SignedIn, index: Number, size: Number
) -> dict[str, Any]:
    _audited(platform, actor, f"inclusion of {index}")
    with platform.reading() as session:
        return public.inclusion(session, LEDGER, index, size)


class ProofsBody(Body):
    size: int = Field(ge=0, le=MAX_INTEGER)
    indices: list[Annotated[int, Field(ge=0, le=MAX_INTEGER)]] = Field(max_length=1000)


@router.post("/proofs")
def audit_proofs(platform: Running, actor: SignedIn, body: ProofsBody) -> dict[str, Any]:
    """That all entries of `indices` are in the tree of `size`: what an export is proved with."""
    _audited(platform, actor, f"inclusion of {len(body.indices)} entries")
    with platform.reading() as session:
        proofs = [public.inclusion(session, LEDGER, index, body.size) for index in body.indices]
    return {"size": body.size, "proofs": proofs}


@router.get("/proofs/consistency")
def audit_consistency(platform: Running, actor: SignedIn, first: From, to: To) -> dict[str, Any]:
    _audited(platform, actor, f"consistency of {first} and {to}")
    with platform.reading() as session:
        return public.consistency(session, LEDGER, first, to)


class CosignBody(Decided):
    """The decision's text has verb ``cosign``, object ``ledger``, the root as its digest and the
    size as its reason."""

    size: int = Field(ge=1, le=MAX_INTEGER)
    root: Digest


@router.post("/cosignatures", status_code=201)
async def audit_cosign(platform: Running, actor: SignedIn, body: CosignBody) -> dict[str, Any]:
    """The auditor has checked a checkpoint and signs it with his Ukey."""
    decision, where = body.decision, platform.origin
    cosign = ledger_search.cosign
    return await written(
        platform.ledger.write(cosign, actor, where, body.size, body.root, decision)
    )


def _audited(platform: Platform, actor: Actor, what: str) -> None:
    policy.allow(actor, "audit")
    platform.ledger.write(ledger_search.note_read, actor, what).result()
