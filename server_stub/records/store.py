"""The tables, and how the database is opened. Entity names follow docs/design/platform.md §2.1.

Only :mod:`server_stub.records.ledger` writes. Times are integer microseconds since 1970 UTC;
columns marked *sealed* hold SM4-GCM ciphertext (:mod:`server_stub.records.vault`), with
"table.column:id" authenticated. What a column's `info` says is read by
:mod:`server_stub.records.projections`: the ledger repeats every column of every table but these.

One file, because a schema is read as a whole.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import (
    JSON,
    BigInteger,
    Connection,
    Engine,
    ForeignKey,
    Index,
    LargeBinary,
    create_engine,
    event,
    text,
)
from sqlalchemy.engine import make_url
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from crypto.algorithms import gm


class Base(DeclarativeBase):
    type_annotation_map = {int: BigInteger, bytes: LargeBinary, dict[str, Any]: JSON}  # noqa: RUF012


PRIVATE = {"private": True}
"""The ledger holds SM3(salt ‖ value) of such a column: it can be checked, and be forgotten."""

OPERATIONAL = {"operational": True}
"""Not in the ledger: what it says matters to nobody but the running platform."""

RECORDED = {"recorded": True}
"""A time that must be that of the record which sets it."""

BLOB = {"blob": True}
"""Names a row of the blob table by its address. Indexed, for whoever asks if a row still does."""


def _sm3_of(column: str) -> dict[str, object]:
    """`info` of a column that holds the SM3, hex, of another one of its row: it only helps to find
    the row, and the audit computes it again."""
    return {"derived": lambda row: gm.sm3(row[column]).hex()}


ADDED = {"added": True}
"""Came when the ledger carried rows already: empty (NULL) where no record speaks of it."""


class Salted:
    """A table with private columns."""

    salt: Mapped[bytes] = mapped_column(
        info=OPERATIONAL, default=lambda: secrets.token_bytes(16), sort_order=99
    )


class Enterprise(Base):
    __tablename__ = "enterprise"
    id: Mapped[str] = mapped_column(primary_key=True)
    uscc: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str] = mapped_column(index=True)
    legal_rep_id: Mapped[str | None] = mapped_column(ForeignKey("person.id"))
    licence_until: Mapped[int | None]
    """None: 长期."""
    state: Mapped[str]
    """claimed, until a review found it in the register: registered; later perhaps gone."""
    legal_rep_index: Mapped[bytes | None] = mapped_column(info=ADDED)
    """HMAC-SM3 of the register's digest of the representative, as it was last looked at."""


class Person(Salted, Base):
    __tablename__ = "person"
    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(index=True, info=PRIVATE)
    id_no_enc: Mapped[bytes | None] = mapped_column(info=PRIVATE)
    """Sealed citizen number."""
    identity_index: Mapped[bytes | None] = mapped_column(unique=True, info=PRIVATE)
    """HMAC-SM3 of number and name: found without being read."""
    phone_enc: Mapped[bytes | None] = mapped_column(info=PRIVATE)


class Appointment(Base):
    """As what a person may act for an enterprise, since when, and what proves it."""

    __tablename__ = "appointment"
    id: Mapped[str] = mapped_column(primary_key=True)
    enterprise_id: Mapped[str] = mapped_column(ForeignKey("enterprise.id"), index=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("person.id"), index=True)
    role: Mapped[str]
    """legal_rep, keeper or handler."""
    seal_id: Mapped[str | None] = mapped_column(ForeignKey("seal.id"))
    """The seal that a keeper keeps; None: every seal of the enterprise (before 0.3)."""
    application_id: Mapped[str | None] = mapped_column(ForeignKey("application.id"))
    """The application that a handler handles; None: every one (before 0.3)."""
    since: Mapped[int]
    until: Mapped[int | None]
    proof: Mapped[dict[str, Any]]
    """Its kind, and what it rests on."""


class Staff(Base):
    """Who works for the platform; exactly one role each, so reviewer and auditor are never one."""

    __tablename__ = "staff"
    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    role: Mapped[str]
    identity_index: Mapped[bytes | None] = mapped_column(info=ADDED)
    """As in `person`: nobody reviews an application of his own."""


class PhysicalSeal(Salted, Base):
    """A seal filed with the police, as it was when its electronic twin was made."""

    __tablename__ = "physical_seal"
    code: Mapped[str] = mapped_column(primary_key=True)
    enterprise_id: Mapped[str | None] = mapped_column(ForeignKey("enterprise.id"))
    person_id: Mapped[str | None] = mapped_column(ForeignKey("person.id"))
    """Whose it is, if it is no enterprise's."""
    subtype: Mapped[str]
    name: Mapped[str] = mapped_column(info=PRIVATE)
    shape: Mapped[str]
    width_mm: Mapped[int]
    height_mm: Mapped[int]
    imprint_sm3: Mapped[str]
    status: Mapped[str]
    valid_until: Mapped[int | None]


class Application(Salted, Base):
    __tablename__ = "application"
    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    """issue, reissue, renew, cancel or pin_reset."""
    payload: Mapped[dict[str, Any]] = mapped_column(info=PRIVATE)
    """What only applications of this kind have."""
    state: Mapped[str] = mapped_column(index=True)
    enterprise_id: Mapped[str | None] = mapped_column(ForeignKey("enterprise.id"), index=True)
    """None: a person's own seal."""
    person_id: Mapped[str | None] = mapped_column(ForeignKey("person.id"), index=True, info=ADDED)
    """Whose seal it is about, if it is no enterprise's."""
    enterprise_name: Mapped[str]
    """As applied for; the review compares it with the register. "": a person's own seal."""
    handler_id: Mapped[str] = mapped_column(ForeignKey("person.id"))
    legal_rep_id: Mapped[str | None] = mapped_column(ForeignKey("person.id"))
    """As named by the applicant; equal to the handler when it is the same person."""
    subtype: Mapped[str]
    physical_code: Mapped[str | None]
    payload_sm3: Mapped[str] = mapped_column(index=True, info=BLOB)
    """The exact body as received, in the blob store."""
    spki: Mapped[bytes] = mapped_column(index=True)
    """The key of the certificate request."""
    signature: Mapped[bytes | None]
    """The applicant's over the submission (第十二条)."""
    target_id: Mapped[str | None] = mapped_column(index=True, info=ADDED)
    """The seal to be replaced, renewed or cancelled, or whose Ukey's PIN is to be reset."""
    cause: Mapped[str | None] = mapped_column(info=ADDED)
    """Why: a key of :data:`server_stub.states.SEAL_REASONS`."""
    submitted_at: Mapped[int | None] = mapped_column(info=ADDED | RECORDED)
    """When it was handed in last: since when it waits."""
    reviewer: Mapped[str | None]
    second_reviewer: Mapped[str | None] = mapped_column(info=ADDED)
    """Who agreed with the first one, where two are needed."""
    findings: Mapped[dict[str, Any] | None]
    """lawful, complete, authentic, reasonable: 合法性 完整性 真实性 合理性 (第十三条)."""
    reason: Mapped[str | None]
    seal_id: Mapped[str | None]
    awaiting: Mapped[str | None] = mapped_column(index=True)
    """Whose answer must come before it is reviewed: licence, or nobody's."""
    address_index: Mapped[bytes | None] = mapped_column(index=True, info=PRIVATE)
    """HMAC-SM3 of the address that it came from: so many at once from one."""
    created_at: Mapped[int] = mapped_column(info=RECORDED)
    updated_at: Mapped[int] = mapped_column(info=RECORDED)
    __table_args__ = (Index("application_by_wait", "state", "updated_at", "id"),)


class Assessment(Salted, Base):
    """What register, police and identity check said of an application when last asked."""

    __tablename__ = "assessment"
    application_id: Mapped[str] = mapped_column(ForeignKey("application.id"), primary_key=True)
    payload_sm3: Mapped[str]
    """Of the body that they were asked about."""
    said: Mapped[dict[str, Any]] = mapped_column(info=PRIVATE)
    imprint_sm3: Mapped[str | None] = mapped_column(index=True, info=BLOB)
    """The imprint that the police have on file."""
    asked_at: Mapped[int] = mapped_column(info=RECORDED)
    due_at: Mapped[int]
    """When they are to be asked again."""


class Material(Base):
    """A document that goes with an application, as uploaded."""

    __tablename__ = "material"
    application_id: Mapped[str] = mapped_column(ForeignKey("application.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    """letter: the letter of authority; request: the sealed request to cancel (第二十三条)."""
    blob_sm3: Mapped[str] = mapped_column(index=True, info=BLOB)
    media_type: Mapped[str]
    received_at: Mapped[int] = mapped_column(info=RECORDED)


def _der_sm3(context: Any) -> str:
    digest: str = gm.sm3(context.get_current_parameters()["der"]).hex()
    return digest


class Certificate(Base):
    __tablename__ = "certificate"
    sn: Mapped[str] = mapped_column(primary_key=True)
    """Serial number, lower-case hex."""
    enterprise_id: Mapped[str | None] = mapped_column(ForeignKey("enterprise.id"))
    person_id: Mapped[str | None] = mapped_column(ForeignKey("person.id"))
    staff_id: Mapped[str | None] = mapped_column(ForeignKey("staff.id"))
    subject: Mapped[str]
    der: Mapped[bytes]
    der_sm3: Mapped[str] = mapped_column(index=True, default=_der_sm3, info=_sm3_of("der"))
    state: Mapped[str] = mapped_column(index=True)
    reason: Mapped[str | None]
    since: Mapped[int]
    not_before: Mapped[int]
    not_after: Mapped[int]


class Seal(Salted, Base):
    __tablename__ = "seal"
    id: Mapped[str] = mapped_column(primary_key=True)
    seal_code: Mapped[str] = mapped_column(unique=True)
    """14 digits; also esID in the seal data and CN of the certificate."""
    kind: Mapped[str]
    subtype: Mapped[str]
    name: Mapped[str] = mapped_column(info=PRIVATE)
    enterprise_id: Mapped[str | None] = mapped_column(ForeignKey("enterprise.id"), index=True)
    person_id: Mapped[str | None] = mapped_column(ForeignKey("person.id"), index=True)
    """Whose it is, if it is no enterprise's."""
    application_id: Mapped[str] = mapped_column(ForeignKey("application.id"))
    physical_code: Mapped[str | None] = mapped_column(ForeignKey("physical_seal.code"), index=True)
    certificate_sn: Mapped[str] = mapped_column(ForeignKey("certificate.sn"), index=True)
    state: Mapped[str] = mapped_column(index=True)
    reason: Mapped[str | None]
    effective_at: Mapped[int]
    recorded_at: Mapped[int] = mapped_column(info=RECORDED)
    suspended_by: Mapped[str | None]
    """The authority that may lift the suspension: holder, reviewer, police, market."""
    valid_from: Mapped[int]
    valid_until: Mapped[int]
    seal_sm3: Mapped[str] = mapped_column(index=True, info=BLOB)
    """Of the original in force; `certificate_sn` and validity too. Every copy: `seal_copy`."""
    imprint_sm3: Mapped[str] = mapped_column(index=True, info=BLOB)
    successor_id: Mapped[str | None] = mapped_column(ForeignKey("seal.id"), index=True)
    shape: Mapped[str | None] = mapped_column(info=ADDED)
    """Shape and size in millimetres; None (before 0.3): those of the physical seal."""
    width_mm: Mapped[int | None] = mapped_column(info=ADDED)
    height_mm: Mapped[int | None] = mapped_column(info=ADDED)
    original_id: Mapped[str | None] = mapped_column(ForeignKey("seal.id"), index=True, info=ADDED)
    """Of a grantee's copy: the seal that is lent. A copy is a seal of its own in all else: code,
    certificate, state, history in the registry."""
    grant_id: Mapped[str | None] = mapped_column(index=True, info=ADDED)
    __table_args__ = (Index("seal_by_end", "state", "valid_until"),)


class SealGrant(Salted, Base):
    """授权: what a holder lets somebody else do with a seal (:mod:`crypto.seal.grant`)."""

    __tablename__ = "seal_grant"
    id: Mapped[str] = mapped_column(primary_key=True)
    seal_id: Mapped[str] = mapped_column(ForeignKey("seal.id"), index=True)
    enterprise_id: Mapped[str] = mapped_column(ForeignKey("enterprise.id"), index=True)
    grantor_id: Mapped[str | None] = mapped_column(ForeignKey("person.id"))
    grantee_by: Mapped[str]
    """certificate, identity or code."""
    grantee_sm3: Mapped[str] = mapped_column(index=True)
    grantee_salt: Mapped[bytes | None] = mapped_column(info=PRIVATE)
    """What `grantee_sm3` of an identity was made with: without it, numbers could be guessed."""
    grantee_id: Mapped[str | None] = mapped_column(ForeignKey("person.id"), index=True)
    """Who accepted, or whom the certificate named belongs to."""
    terms: Mapped[str] = mapped_column(info=PRIVATE)
    """The exact text."""
    terms_sm3: Mapped[str]
    token: Mapped[bytes] = mapped_column(info=PRIVATE)
    """The grant as its grantor signed it."""
    valid_from: Mapped[int]
    valid_until: Mapped[int]
    max_uses: Mapped[int]
    """0: as many as wanted."""
    offline_quota: Mapped[int]
    used: Mapped[int]
    """Uses that leave was given for, those reserved by leases among them."""
    last_used_at: Mapped[int | None]
    state: Mapped[str] = mapped_column(index=True)
    reason: Mapped[str | None]
    offered_at: Mapped[int] = mapped_column(info=RECORDED)
    answered_at: Mapped[int | None]
    ended_at: Mapped[int | None]
    tries: Mapped[int | None] = mapped_column(info=ADDED)
    """How often newcomers have come with its code to be looked up by name and number."""
    __table_args__ = (Index("seal_grant_by_end", "state", "valid_until"),)


class Lease(Base):
    """Uses of a seal that may be made without the platform until a certain time."""

    __tablename__ = "lease"
    id: Mapped[str] = mapped_column(primary_key=True)
    seal_id: Mapped[str] = mapped_column(ForeignKey("seal.id"), index=True)
    certificate_sn: Mapped[str] = mapped_column(ForeignKey("certificate.sn"))
    numbers: Mapped[dict[str, Any]]
    """Those of the uses: under a grant its own, else from 1."""
    issued_at: Mapped[int] = mapped_column(info=RECORDED)
    until: Mapped[int]
    closed_at: Mapped[int | None]
    """When another took its place."""


class UsePolicyRow(Salted, Base):
    """用印规则 of a seal, as its keeper signed it (:mod:`crypto.seal.use_policy`)."""

    __tablename__ = "use_policy"
    id: Mapped[str] = mapped_column(primary_key=True)
    """SM3 of the terms, hex."""
    seal_id: Mapped[str] = mapped_column(ForeignKey("seal.id"), index=True)
    enterprise_id: Mapped[str] = mapped_column(ForeignKey("enterprise.id"))
    token: Mapped[bytes] = mapped_column(info=PRIVATE)
    """The policy as it was signed."""
    needed: Mapped[int]
    offline: Mapped[bool]
    phone: Mapped[bool]
    set_at: Mapped[int] = mapped_column(info=RECORDED)
    ended_at: Mapped[int | None]
    """When another took its place; None: in force."""


class PolicyApprover(Base):
    """Whom a policy lets approve."""

    __tablename__ = "policy_approver"
    policy_id: Mapped[str] = mapped_column(ForeignKey("use_policy.id"), primary_key=True)
    certificate_sn: Mapped[str] = mapped_column(
        ForeignKey("certificate.sn"), primary_key=True, index=True
    )
    person_id: Mapped[str] = mapped_column(ForeignKey("person.id"))


class ApproverKey(Salted, Base):
    """A key that pages are encrypted for, which an approver's Ukey has signed."""

    __tablename__ = "approver_key"
    id: Mapped[str] = mapped_column(primary_key=True)
    """SM3 of the public key, hex."""
    certificate_sn: Mapped[str] = mapped_column(ForeignKey("certificate.sn"), index=True)
    token: Mapped[bytes] = mapped_column(info=PRIVATE)
    made_at: Mapped[int] = mapped_column(info=RECORDED)


class UseRequestRow(Salted, Base):
    """用印申请: what somebody wants to put a seal on (:mod:`crypto.seal.use_approval`)."""

    __tablename__ = "use_request"
    id: Mapped[str] = mapped_column(primary_key=True)
    seal_id: Mapped[str] = mapped_column(ForeignKey("seal.id"), index=True)
    """The seal that stamps: perhaps a copy."""
    policy_id: Mapped[str] = mapped_column(ForeignKey("use_policy.id"), index=True)
    enterprise_id: Mapped[str] = mapped_column(ForeignKey("enterprise.id"))
    requester_id: Mapped[str] = mapped_column(ForeignKey("person.id"), index=True)
    certificate_sn: Mapped[str] = mapped_column(ForeignKey("certificate.sn"))
    document_sm3: Mapped[str]
    token: Mapped[bytes] = mapped_column(info=PRIVATE)
    """The request as it was signed."""
    copies: Mapped[int]
    used: Mapped[int]
    state: Mapped[str] = mapped_column(index=True)
    reason: Mapped[str | None]
    pages: Mapped[int]
    """Pages of the encrypted preview, and one with the facts."""
    created_at: Mapped[int] = mapped_column(info=RECORDED)
    until: Mapped[int]
    changed_at: Mapped[int] = mapped_column(info=RECORDED)


class UseApprover(Salted, Base):
    """Somebody who was asked, and what was answered first."""

    __tablename__ = "use_approver"
    request_id: Mapped[str] = mapped_column(ForeignKey("use_request.id"), primary_key=True)
    certificate_sn: Mapped[str] = mapped_column(
        ForeignKey("certificate.sn"), primary_key=True, index=True
    )
    person_id: Mapped[str] = mapped_column(ForeignKey("person.id"))
    link: Mapped[str] = mapped_column(unique=True, info=PRIVATE)
    """Secret part of the address of the phone's page."""
    decision: Mapped[str | None]
    """approve or reject."""
    phone: Mapped[bool | None]
    token: Mapped[bytes | None] = mapped_column(info=PRIVATE)
    """As it was signed."""
    decided_at: Mapped[int | None] = mapped_column(info=RECORDED)


class UsePage(Base):
    """A page of a request's preview, encrypted for its approvers; nobody here can read it."""

    __tablename__ = "use_page"
    request_id: Mapped[str] = mapped_column(ForeignKey("use_request.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    blob_sm3: Mapped[str] = mapped_column(index=True, info=BLOB)


class UseKey(Base):
    """The key of a request's pages, wrapped for one key of an approver."""

    __tablename__ = "use_key"
    request_id: Mapped[str] = mapped_column(ForeignKey("use_request.id"), primary_key=True)
    key_id: Mapped[str] = mapped_column(primary_key=True)
    """SM3 of the public key that it is wrapped for, hex."""
    certificate_sn: Mapped[str] = mapped_column(ForeignKey("certificate.sn"))
    kind: Mapped[str]
    """sm2 or ecdh-p256."""
    wrapped: Mapped[bytes]


class SealCopy(Base):
    """One making of the seal data: for its holder (original) or for a grantee (copy)."""

    __tablename__ = "seal_copy"
    id: Mapped[str] = mapped_column(primary_key=True)
    seal_id: Mapped[str] = mapped_column(ForeignKey("seal.id"), index=True)
    kind: Mapped[str]
    """original or copy."""
    holder_id: Mapped[str | None] = mapped_column(ForeignKey("person.id"))
    certificate_sn: Mapped[str] = mapped_column(ForeignKey("certificate.sn"), index=True)
    es_id: Mapped[str]
    seal_sm3: Mapped[str] = mapped_column(index=True, info=BLOB)
    valid_from: Mapped[int]
    valid_until: Mapped[int]
    grant_id: Mapped[str | None]
    made_at: Mapped[int]
    application_id: Mapped[str | None] = mapped_column(
        ForeignKey("application.id"), index=True, info=ADDED
    )
    """The application that asked for it (an original's)."""
    collected_at: Mapped[int | None] = mapped_column(info=ADDED)
    """When its holder took it; None: not yet, or before 0.3."""
    ended_at: Mapped[int | None] = mapped_column(info=ADDED)
    end_reason: Mapped[str | None] = mapped_column(info=ADDED)


class SealChange(Base):
    __tablename__ = "seal_change"
    seal_id: Mapped[str] = mapped_column(ForeignKey("seal.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    event: Mapped[str]
    from_state: Mapped[str]
    to_state: Mapped[str]
    reason: Mapped[str | None]
    effective_at: Mapped[int]
    recorded_at: Mapped[int] = mapped_column(info=RECORDED)
    actor: Mapped[str]


class UsageRecord(Base):
    __tablename__ = "usage_record"
    id: Mapped[str] = mapped_column(primary_key=True)
    """SM3 of the client's record, hex: sending it again changes nothing."""
    seal_id: Mapped[str] = mapped_column(ForeignKey("seal.id"), index=True)
    enterprise_id: Mapped[str | None] = mapped_column(ForeignKey("enterprise.id"), index=True)
    person_id: Mapped[str | None] = mapped_column(ForeignKey("person.id"), index=True)
    """The owner of the seal, if it is no enterprise's."""
    document_sm3: Mapped[str]
    at: Mapped[int]
    received_at: Mapped[int] = mapped_column(info=RECORDED)
    flags: Mapped[dict[str, Any]]
    lease_id: Mapped[str | None] = mapped_column(info=ADDED)
    """Of a use without the platform, as the record says."""
    lease_use: Mapped[int | None] = mapped_column(info=ADDED)
    __table_args__ = (
        Index("usage_record_by_lease", "lease_id", "lease_use"),
        Index("usage_record_by_time", "received_at", "id"),
    )


class Filing(Base):
    """One thing to tell the police (第十五条): an outbox row that becomes a receipt."""

    __tablename__ = "filing"
    id: Mapped[str] = mapped_column(primary_key=True)
    seal_id: Mapped[str] = mapped_column(ForeignKey("seal.id"), index=True)
    event: Mapped[str]
    state: Mapped[str] = mapped_column(index=True)
    attempts: Mapped[int]
    due_at: Mapped[int]
    receipt: Mapped[str | None]


class Notice(Base):
    """What police or market supervision have told of seals."""

    __tablename__ = "notice"
    id: Mapped[str] = mapped_column(primary_key=True)
    sender: Mapped[str]
    """police or market."""
    number: Mapped[str]
    """The sender's own."""
    action: Mapped[str]
    """suspend, resume or cancel."""
    object: Mapped[str]
    """Code of a seal or of a physical one, or a credit code."""
    reason: Mapped[str]
    effective_at: Mapped[int]
    received_at: Mapped[int] = mapped_column(info=RECORDED)
    text_sm3: Mapped[str]
    signature: Mapped[bytes]
    state: Mapped[str]
    seals: Mapped[dict[str, Any]]
    """Of the seals that were changed: id by code."""
    __table_args__ = (Index("notice_by_number", "sender", "number", unique=True),)


class LossCall(Base):
    """A call about a lost Ukey (:mod:`server_stub.staff.losing`)."""

    __tablename__ = "loss_call"
    id: Mapped[str] = mapped_column(primary_key=True)
    seal_id: Mapped[str] = mapped_column(ForeignKey("seal.id"))
    caller: Mapped[str] = mapped_column(info=PRIVATE)
    """Who called, and from which number."""
    shown: Mapped[str] = mapped_column(info=PRIVATE)
    """What proved it."""
    state: Mapped[str] = mapped_column(index=True)
    reported_by: Mapped[str]
    """Member of staff, or account at the console."""
    reported_at: Mapped[int] = mapped_column(info=RECORDED)
    decided_by: Mapped[str | None]
    decided_at: Mapped[int | None] = mapped_column(info=RECORDED)


class Recheck(Base):
    """When register and police were asked again about a seal, and when they are to be asked."""

    __tablename__ = "recheck"
    seal_id: Mapped[str] = mapped_column(ForeignKey("seal.id"), primary_key=True)
    asked_at: Mapped[int] = mapped_column(info=RECORDED)
    due_at: Mapped[int] = mapped_column(index=True)


class Dispute(Base):
    """An objection to a seal on a document (第二十八条)."""

    __tablename__ = "dispute"
    id: Mapped[str] = mapped_column(primary_key=True)
    seal_id: Mapped[str] = mapped_column(ForeignKey("seal.id"))
    seal_code: Mapped[str]
    document_sm3: Mapped[str]
    statement_sm3: Mapped[str] = mapped_column(index=True, info=BLOB)
    """The objector's exact text, in the blob store."""
    secret_sm3: Mapped[str]
    """Of the secret that only the objector knows, hex."""
    signer_sn: Mapped[str | None] = mapped_column(ForeignKey("certificate.sn"))
    signature: Mapped[bytes | None]
    enclosure_sm3: Mapped[str | None] = mapped_column(index=True, info=BLOB)
    """The objector's own evidence package, in the blob store."""
    package_sm3: Mapped[str | None] = mapped_column(index=True, info=BLOB)
    """The platform's public one."""
    state: Mapped[str] = mapped_column(index=True)
    note: Mapped[str | None]
    """To whom it was handed over, or why it was closed."""
    opened_at: Mapped[int] = mapped_column(info=RECORDED)
    updated_at: Mapped[int] = mapped_column(info=RECORDED)


class Key(Base):
    __tablename__ = "key"
    id: Mapped[str] = mapped_column(primary_key=True)
    purpose: Mapped[str]
    algorithm: Mapped[str]
    state: Mapped[str]
    public: Mapped[bytes]
    certificate: Mapped[bytes]
    store_ref: Mapped[str]
    created_at: Mapped[int]


class Challenge(Base):
    __tablename__ = "challenge"
    id: Mapped[str] = mapped_column(primary_key=True)
    text: Mapped[str]
    """What must be signed."""
    spki: Mapped[bytes]
    certificate_sn: Mapped[str | None]
    application_id: Mapped[str | None]
    expires_at: Mapped[int]


class PhonePairing(Base):
    """A phone that is being paired: what it said, for the computer that asks for it."""

    __tablename__ = "phone_pairing"
    id: Mapped[str] = mapped_column(primary_key=True)
    certificate_sn: Mapped[str] = mapped_column(ForeignKey("certificate.sn"), index=True)
    nonce: Mapped[str]
    expires_at: Mapped[int]
    proof: Mapped[str | None]
    """The phone's text (:class:`crypto.seal.phone.PairingProof`)."""
    mac: Mapped[bytes | None]
    phone_id: Mapped[str | None]
    """What came of it."""


class Phone(Salted, Base):
    """A phone that a Ukey has bound."""

    __tablename__ = "phone"
    id: Mapped[str] = mapped_column(primary_key=True)
    certificate_sn: Mapped[str] = mapped_column(ForeignKey("certificate.sn"), index=True)
    """Of the Ukey: the phone speaks for its holder, and ends with it."""
    person_id: Mapped[str] = mapped_column(ForeignKey("person.id"))
    enterprise_id: Mapped[str | None] = mapped_column(ForeignKey("enterprise.id"))
    credential: Mapped[str] = mapped_column(unique=True)
    binding: Mapped[str] = mapped_column(info=PRIVATE)
    """The exact text (:class:`crypto.seal.phone.Binding`)."""
    binding_sha256: Mapped[str] = mapped_column(index=True)
    signature: Mapped[bytes]
    """The Ukey's, over the binding."""
    state: Mapped[str]
    """active or revoked."""
    bound_at: Mapped[int] = mapped_column(info=RECORDED)
    valid_until: Mapped[int]
    ended_at: Mapped[int | None]


class SignIn(Base):
    __tablename__ = "session"
    token_sm3: Mapped[bytes] = mapped_column(primary_key=True)
    certificate_sn: Mapped[str | None] = mapped_column(index=True)
    application_id: Mapped[str | None]
    used_at: Mapped[int] = mapped_column(index=True, info=OPERATIONAL)
    expires_at: Mapped[int] = mapped_column(index=True)
    scope: Mapped[str | None] = mapped_column(info=ADDED)
    """report: it may put uses on record, nothing else; None: whatever its holder may."""


class RefreshToken(Base):
    """Lets a computer report uses later without the PIN."""

    __tablename__ = "refresh_token"
    token_sm3: Mapped[bytes] = mapped_column(primary_key=True)
    certificate_sn: Mapped[str] = mapped_column(ForeignKey("certificate.sn"), index=True)
    made_at: Mapped[int] = mapped_column(info=RECORDED)
    expires_at: Mapped[int] = mapped_column(index=True)


class Idempotency(Base):
    __tablename__ = "idempotency"
    scope: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    body_sm3: Mapped[bytes]
    status: Mapped[int]
    answer: Mapped[bytes] = mapped_column(info=PRIVATE)
    created_at: Mapped[int] = mapped_column(index=True, info=RECORDED)


class Blob(Base):
    """What was received or made, sealed, by the SM3 of its content. It comes in the transaction of
    the row that names it, and goes when no row does."""

    __tablename__ = "blob"
    address: Mapped[str] = mapped_column(primary_key=True)
    sealed: Mapped[bytes]


class LedgerEntry(Base):
    __tablename__ = "ledger_entry"
    log: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    """The leaf's index."""
    record: Mapped[bytes]
    """The very bytes that were hashed; the other columns only help to find them."""
    object_kind: Mapped[str | None]
    object_id: Mapped[str | None]
    done_by: Mapped[str | None]
    """The person who did it, or the account where no person is known."""
    __table_args__ = (
        Index("ledger_entry_by_object", "object_kind", "object_id"),
        Index("ledger_entry_by_whom", "done_by", "log", "number"),
    )


class LedgerAudience(Base):
    """Whom an entry is about: the enterprises and persons who get it when they sync."""

    __tablename__ = "ledger_audience"
    log: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    audience: Mapped[str] = mapped_column(primary_key=True)
    """The enterprise's or person's id."""
    __table_args__ = (Index("ledger_audience_by_whom", "audience", "log", "number"),)


class LedgerNode(Base):
    __tablename__ = "ledger_node"
    log: Mapped[str] = mapped_column(primary_key=True)
    level: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    hash: Mapped[bytes]


class LogCheckpoint(Base):
    __tablename__ = "checkpoint"
    log: Mapped[str] = mapped_column(primary_key=True)
    size: Mapped[int] = mapped_column(primary_key=True)
    note: Mapped[str]
    created_at: Mapped[int]
    __table_args__ = (Index("checkpoint_by_time", "log", "created_at"),)


# --- the database ------------------------------------------------------------------------------

WRITER = {"sealdesk_writer": True}
"""Execution options of the writer's connections: they begin IMMEDIATE."""
UNSYNCED = {"sealdesk_unsynced": True}
"""Those of a transaction that need not have reached the disk when it is committed. It stands before
all that is committed later, and goes with none of it, if the machine loses its power."""

_LEDGER_LOCK = 0x5EA1DE5C  # PostgreSQL advisory lock: one writer among all processes


def open_engine(url: str) -> Engine:
    """The database at *url*, SQLite or PostgreSQL, with the pragmas the ledger relies on."""
    sqlite = make_url(url).get_backend_name() == "sqlite"
    engine = create_engine(url, connect_args={"check_same_thread": False} if sqlite else {})

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        if sqlite:
            connection.isolation_level = None  # we say BEGIN ourselves, below
            cursor = connection.cursor()
            for pragma in (
                "journal_mode=WAL",
                "synchronous=FULL",
                "foreign_keys=ON",
                "busy_timeout=5000",
            ):
                cursor.execute(f"PRAGMA {pragma}")
            cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        writing = options.get("sealdesk_writer", False)
        unsynced = options.get("sealdesk_unsynced", False)
        if sqlite:
            if writing:
                connection.exec_driver_sql(f"PRAGMA synchronous={'NORMAL' if unsynced else 'FULL'}")
            # a deferred BEGIN that later writes fails at once, whatever busy_timeout says
            connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")
        elif writing:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LEDGER_LOCK})
            if unsynced:
                connection.exec_driver_sql("SET LOCAL synchronous_commit TO OFF")
        else:  # a reader sees one moment, as in SQLite: a checkpoint and its tree belong together
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")

    return engine


def upgrade(engine: Engine) -> None:
    """Bring the database to the newest migration (creates it when empty).

    SQLite changes a table by copying it; meanwhile nothing may hold its rows by their keys, so
    foreign keys are checked at the end instead."""
    with engine.connect().execution_options(**WRITER) as connection:
        raw: Any = connection.connection.driver_connection
        sqlite = engine.dialect.name == "sqlite"
        if sqlite:
            raw.execute("PRAGMA foreign_keys=OFF")
        try:
            with connection.begin():
                config = Config()
                config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
                if sqlite and connection.exec_driver_sql("PRAGMA foreign_key_check").first():
                    raise RuntimeError("the migrated database has rows without their parents")
        finally:
            if sqlite:
                raw.execute("PRAGMA foreign_keys=ON")
