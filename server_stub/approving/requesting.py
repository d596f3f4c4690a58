"""用印申请: a request to put a seal on one document, its encrypted pages, and who may see them.

The platform keeps ciphertext: the pages are encrypted by the requester's client for the keys of
the approvers, and the document itself never comes here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from crypto.algorithms import gm
from crypto.frozen import frozen
from crypto.seal.use_approval import ApprovalError, SignedRequest, UseRequest
from crypto.seal.use_policy import UsePolicy, masked
from server_stub import policy, states
from server_stub.lending import granting
from server_stub.policy import Actor
from server_stub.records import canonical
from server_stub.records.blobs import SealedBlob, keep
from server_stub.records.ledger import LEDGER, Transaction
from server_stub.records.store import (
    Blob,
    Certificate,
    Enterprise,
    Person,
    PolicyApprover,
    Seal,
    SealGrant,
    UseApprover,
    UseKey,
    UsePage,
    UsePolicyRow,
    UseRequestRow,
)
from server_stub.records.vault import Vault
from server_stub.ruling import use_policies
from server_stub.ruling.same_people import People
from server_stub.seals import statements

MAX_LISTED = 200
"""Requests of one side in an answer, the newest first."""
MAX_OPEN = 100
"""Of one requester."""
MAX_PAGES = 201
"""Of a preview: 200 pages and the one with the facts."""
MAX_PAGE = 2 * 1024 * 1024 + 16
"""Bytes of an encrypted page."""
MAX_KEYS = 100
"""Wrapped keys of one request."""
MAX_DAILY = 500
"""Requests of one person in a day."""
KEPT_FOR_PERSON = 512 * 1024 * 1024
"""Bytes of all pages that are kept for one requester."""
KEPT_FOR_ENTERPRISE = 2 * 1024 * 1024 * 1024
"""Bytes of all pages that are kept for requests about the seals of one enterprise."""
_DAY = 86_400 * 1_000_000
_SLACK = 600 * 1_000_000
KINDS = ("sm2", "ecdh-p256")


class RequestInvalid(Exception):
    """The request is not in order, or not about the seal and its policy as they are."""


@frozen
class Wrapped:
    """The key of a preview's pages, encrypted for one key of an approver."""

    certificate_sn: str
    """The approver's, hex."""
    kind: str
    """One of :data:`KINDS`."""
    key_id: str
    """SM3 of the public key, hex."""
    wrapped: bytes


@frozen
class Asked:
    """A request as it was sent."""

    token: bytes
    pages: int = 0
    """How many encrypted pages will follow: the facts' and at least one picture, or none."""
    keys: Sequence[Wrapped] = field(default=())


def ask(
    tx: Transaction, vault: Vault, actor: Actor, origin: str, seal_id: str, given: Asked
) -> UseRequestRow:
    """用印申请. Raises :class:`RequestInvalid`,
    :class:`server_stub.seals.statements.SealNotActive`, and of :mod:`server_stub.policy`."""
    tx.act(actor.who)
    seal, grant = own_seal(tx, actor, seal_id)
    try:
        signed = SignedRequest.parse(given.token)
    except ApprovalError as error:
        raise RequestInvalid(str(error)) from error
    row = use_policies.ruled(tx.session, seal)
    if row is None or not row.needed:
        raise RequestInvalid("this seal is used without approvals")
    _check(tx, actor, origin, signed, seal, grant, row)
    request = signed.request
    known = tx.session.get(UseRequestRow, request.request)
    if known is not None:
        if known.token == given.token:
            return known  # sent again
        raise RequestInvalid("another request has this identifier")
    asked = _whom_to_ask(tx, vault, actor, row)
    some = range(2, MAX_PAGES + 1) if request.preview_sha256 else (0,)
    if given.pages not in some:
        raise RequestInvalid("a number of pages that cannot be")
    drafted = states.advance(states.USAGE_REQUEST, states.START, "draft")
    made = UseRequestRow(
        id=request.request,
        seal_id=seal.id,
        policy_id=row.id,
        enterprise_id=row.enterprise_id,
        requester_id=str(actor.person_id),
        certificate_sn=seal.certificate_sn,
        document_sm3=request.document_sm3,
        token=given.token,
        copies=int(request.copies),
        used=0,
        state=states.advance(states.USAGE_REQUEST, drafted, "submit"),
        pages=given.pages,
        created_at=tx.now,
        until=canonical.microseconds(request.open_until),
        changed_at=tx.now,
    )
    tx.session.add(made)
    tx.session.flush()
    for approver in asked:
        tx.session.add(
            UseApprover(
                request_id=made.id,
                certificate_sn=approver.certificate_sn,
                person_id=approver.person_id,
                link=use_policies.new_link(),
            )
        )
    tx.session.flush()
    _wrap(tx, made, given.keys)
    fields = {
        "request": made.id,
        "seal": seal.id,
        "policy": row.id,
        "document_sm3": made.document_sm3,
        "text_sm3": gm.sm3(request.encode()).hex(),
        "asked": [approver.certificate_sn for approver in asked],
    }
    audience = (made.enterprise_id, made.requester_id, *(each.person_id for each in asked))
    tx.record(LEDGER, "use-request-v1", fields, about=("use_request", made.id), audience=audience)
    return made


def _whom_to_ask(
    tx: Transaction, vault: Vault, actor: Actor, row: UsePolicyRow
) -> list[PolicyApprover]:
    """The approvers of the policy *row* but *actor*, who is not asked about a use of one's own.
    Raises :class:`RequestInvalid` if too few are left."""
    people = People(tx.session, vault)
    asked = [
        approver
        for approver in use_policies.approvers_of(tx.session, row)
        if approver.certificate_sn != actor.certificate_sn
        and not people.same(approver.person_id, actor.person_id)
    ]
    if people.count(approver.person_id for approver in asked) < row.needed:
        raise RequestInvalid("without the requester there are too few approvers")
    return asked


def own_seal(tx: Transaction, actor: Actor, seal_id: str) -> tuple[Seal, SealGrant | None]:
    """The seal that *actor* stamps with, its own or a grantee's copy, if it may be used now.

    Raises :class:`server_stub.seals.statements.SealNotActive`, of :mod:`server_stub.policy`."""
    seal, grant = granting.find_own_or_copy(tx, actor, "grant.use", seal_id)
    if seal.certificate_sn != actor.certificate_sn or actor.person_id is None:
        raise policy.Forbidden("a use is asked for with the key that stamps")
    if seal.state != "active":
        raise statements.SealNotActive(f"the seal is {seal.state}")
    return seal, grant


def _check(
    tx: Transaction,
    actor: Actor,
    origin: str,
    signed: SignedRequest,
    seal: Seal,
    grant: SealGrant | None,
    row: UsePolicyRow,
) -> None:
    request, said = signed.request, use_policies.terms_of(row)
    own = tx.session.get_one(Certificate, seal.certificate_sn)
    expected = {
        "origin": origin,
        "enterprise": said.holder,
        "seal": seal.seal_code,
        "seal_name": seal.name,
        "grant": grant.terms_sm3 if grant else "",
        "policy": row.id,
    }
    for name, value in expected.items():
        if getattr(request, name) != value:
            raise RequestInvalid(f"{name} is not what it is")
    if signed.certificate.der != own.der:
        raise RequestInvalid("signed by another certificate than the one that stamps")
    if request.requester not in _names(tx.session, actor, own, said):
        raise RequestInvalid("the requester's name is another one")
    if said.masked and not request.document_name.startswith("salted-sm3 "):
        raise RequestInvalid("the policy hides the document's name")
    created = canonical.parse_timestamp(request.created.replace("Z", ".000000Z"))
    if abs(created - tx.now) > _SLACK:
        raise RequestInvalid("the request is of another time: look at the clock")
    pending = select(UseRequestRow.id).where(
        UseRequestRow.requester_id == actor.person_id,
        UseRequestRow.state.in_(("pending", "approved")),
    )
    if len(tx.session.scalars(pending.limit(MAX_OPEN)).all()) >= MAX_OPEN:
        raise RequestInvalid("so many requests are open already")
    today = select(func.count()).where(
        UseRequestRow.requester_id == actor.person_id, UseRequestRow.created_at > tx.now - _DAY
    )
    if (tx.session.scalar(today) or 0) >= MAX_DAILY:
        raise RequestInvalid("so many requests were made within a day")


def _names(session: Session, actor: Actor, own: Certificate, said: UsePolicy) -> set[str]:
    names = {session.get_one(Person, actor.person_id).name}
    if own.enterprise_id is not None:
        names.add(session.get_one(Enterprise, own.enterprise_id).name)
    return {masked(name) if said.masked else name for name in names}


# --- pages and their keys ------------------------------------------------------------------------


def wrap(tx: Transaction, actor: Actor, identity: str, keys: Sequence[Wrapped]) -> UseRequestRow:
    """Add wrapped keys, for approvers whose keys were not known when the request was made.

    Raises :class:`RequestInvalid`, of :mod:`server_stub.policy`."""
    tx.act(actor.who)
    row = own_request(tx.session, actor, identity)
    _wrap(tx, row, keys)
    return row


def _wrap(tx: Transaction, row: UseRequestRow, keys: Sequence[Wrapped]) -> None:
    asked = {approver.certificate_sn for approver in asked_of(tx.session, row)}
    there = len(keys_of(tx.session, row))
    for key in keys:
        if key.certificate_sn not in asked or key.kind not in KINDS:
            raise RequestInvalid("a key for somebody who was not asked")
        if tx.session.get(UseKey, (row.id, key.key_id)) is not None:
            continue
        there += 1
        if there > MAX_KEYS or len(key.wrapped) > 400:
            raise RequestInvalid("more keys than can be")
        tx.session.add(
            UseKey(
                request_id=row.id,
                key_id=key.key_id,
                certificate_sn=key.certificate_sn,
                kind=key.kind,
                wrapped=key.wrapped,
            )
        )


def put_page(
    tx: Transaction, actor: Actor, identity: str, number: int, content: SealedBlob
) -> UsePage:
    """Keep an encrypted page; the same again changes nothing.

    Raises :class:`RequestInvalid`, of :mod:`server_stub.policy`."""
    tx.act(actor.who)
    row = own_request(tx.session, actor, identity)
    if row.state != "pending" or not 0 <= number < row.pages:
        raise RequestInvalid("no such page")
    page = tx.session.get(UsePage, (row.id, number))
    if page is not None:
        if page.blob_sm3 != content.address:
            raise RequestInvalid("the page is there already")
        return page
    own = UseRequestRow.requester_id == row.requester_id
    seals = select(Seal.id).where(Seal.enterprise_id == row.enterprise_id)
    size = len(content.sealed)
    if (
        _kept(tx.session, own) + size > KEPT_FOR_PERSON
        or _kept(tx.session, UseRequestRow.seal_id.in_(seals)) + size > KEPT_FOR_ENTERPRISE
    ):
        raise RequestInvalid("so many pages are kept already: withdraw a request first")
    keep(tx.session, content)
    page = UsePage(request_id=row.id, number=number, blob_sm3=content.address)
    tx.session.add(page)
    return page


def _kept(session: Session, which: ColumnElement[bool]) -> int:
    """Bytes of the pages of those requests."""
    chosen = (
        select(func.coalesce(func.sum(func.length(Blob.sealed)), 0))
        .select_from(UsePage)
        .join(UseRequestRow, UseRequestRow.id == UsePage.request_id)
        .join(Blob, Blob.address == UsePage.blob_sm3)
        .where(which)
    )
    return int(session.scalar(chosen) or 0)


# --- finding -------------------------------------------------------------------------------------


def own_request(session: Session, actor: Actor, identity: str) -> UseRequestRow:
    """A request that *actor* made. Raises of :mod:`server_stub.policy`."""
    policy.allow(actor, "approval.request")
    row = session.get(UseRequestRow, identity)
    if row is None or row.certificate_sn != actor.certificate_sn:
        raise policy.NotFound
    return row


def seen_by(session: Session, actor: Actor, identity: str) -> UseRequestRow:
    """A request that *actor* made or was asked about, or of an enterprise for which it may see all.

    Raises of :mod:`server_stub.policy`."""
    policy.allow(actor, "approval.read")
    row = session.get(UseRequestRow, identity)
    if row is None:
        raise policy.NotFound
    mine = row.certificate_sn == actor.certificate_sn
    asked = session.get(UseApprover, (row.id, actor.certificate_sn or "")) is not None
    all_of_it = (
        actor.sees_all and actor.enterprise_id == row.enterprise_id and "legal_rep" in actor.roles
    )
    if not (mine or asked or all_of_it):
        raise policy.NotFound
    return row


def made_by(session: Session, actor: Actor) -> Sequence[UseRequestRow]:
    """Requests that *actor* made, the newest first."""
    chosen = select(UseRequestRow).where(UseRequestRow.certificate_sn == actor.certificate_sn)
    ordered = chosen.order_by(UseRequestRow.created_at.desc(), UseRequestRow.id)
    return session.scalars(ordered.limit(MAX_LISTED)).all()


def asked_from(session: Session, actor: Actor) -> Sequence[UseRequestRow]:
    """Requests that *actor* was asked about, the newest first."""
    chosen = (
        select(UseRequestRow)
        .join(UseApprover, UseApprover.request_id == UseRequestRow.id)
        .where(UseApprover.certificate_sn == actor.certificate_sn)
    )
    ordered = chosen.order_by(UseRequestRow.created_at.desc(), UseRequestRow.id)
    return session.scalars(ordered.limit(MAX_LISTED)).all()


def asked_of(session: Session, row: UseRequestRow) -> Sequence[UseApprover]:
    """Who was asked."""
    chosen = select(UseApprover).where(UseApprover.request_id == row.id)
    return session.scalars(chosen.order_by(UseApprover.certificate_sn)).all()


def keys_of(session: Session, row: UseRequestRow) -> Sequence[UseKey]:
    """The wrapped keys of a request's pages."""
    chosen = select(UseKey).where(UseKey.request_id == row.id)
    return session.scalars(chosen.order_by(UseKey.key_id)).all()


def pages_of(session: Session, row: UseRequestRow) -> dict[int, str]:
    """Number of an encrypted page → the address of its blob."""
    chosen = select(UsePage).where(UsePage.request_id == row.id).order_by(UsePage.number)
    return {page.number: page.blob_sm3 for page in session.scalars(chosen)}


def by_link(session: Session, link: str) -> tuple[UseRequestRow, UseApprover]:
    """What an approver's secret link is about. Raises :class:`server_stub.policy.NotFound`."""
    found = session.scalar(select(UseApprover).where(UseApprover.link == link))
    if found is None:
        raise policy.NotFound
    return session.get_one(UseRequestRow, found.request_id), found


def request_of(row: UseRequestRow) -> UseRequest:
    """What a request says."""
    return SignedRequest.parse(row.token).request
