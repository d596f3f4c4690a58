"""授权 and 离线预留: offering, accepting, collecting and withdrawing; leases; reports of use later.

What a person decides is signed with the Ukey. What follows from it happens by itself whenever
somebody is signed in: collecting the copies that were accepted, reserving uses for a time without
the platform, reporting what was stamped.

One module, though long: offer, copy, lease and report are one story.
"""

from __future__ import annotations

import contextlib
import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

from app.errors import (
    GrantTermsWrong,
    OfferNotOpen,
    PlatformAnswerInvalid,
    PlatformError,
    PlatformRefused,
)
from app.remote.collecting import keep_seal
from app.remote.lending_client import LendingClient, Newcomer, PlatformGrant
from app.remote.platform_account import PlatformClient, PlatformSeal, UsageReceipt
from app.signing import TokenKey
from app.store.cabinet import Cabinet, SealRecord
from app.store.lending import GrantRecord, LeaseBook, use_of
from crypto.algorithms.gm import sm3
from crypto.algorithms.keys import SigningKey
from crypto.frozen import frozen
from crypto.pki.certificate import Certificate
from crypto.pki.certificate_making import make_request
from crypto.pki.names_and_algorithms import Name
from crypto.seal.grant import Grant, GrantError, Scope, SignedGrant, grant_of
from crypto.seal.purpose_text import is_blank
from crypto.seal.structure import Seal
from crypto.validation.seal_check import check_seal
from crypto.verdict import Verdict, verdict_of
from device.token import Session

_KEY_LABEL = "SealDesk"
_RENEW = timedelta(hours=8)
"""A lease that has less left is renewed."""
_CODE_BYTES = 10


class Secrets(Protocol):
    """Where small secrets are kept: :class:`app.store.secret_store.SecretStore`."""

    def get(self, name: str) -> bytes | None: ...
    def put(self, name: str, secret: bytes) -> None: ...
    def remove(self, name: str) -> None: ...


# --- offering ----------------------------------------------------------------------------------


@frozen(kw_only=True)
class Wish:
    """What somebody wants to grant."""

    grantee: str
    """The person's or company's name: shown to everybody who verifies a document."""
    until: datetime
    begin: datetime | None = None
    """None: now."""
    max_uses: int = 0
    """0: as many as wanted."""
    kinds: tuple[str, ...] = ()
    counterparties: tuple[str, ...] = ()
    hours: str = ""
    offline_quota: int = 0
    approval: bool = False
    """Must each use be approved, whatever becomes of the seal's policy?"""
    certificate: bytes = b""
    """The grantee's, DER, where it is known."""
    id_no: str = ""
    """The grantee's identity number, where it is known; it goes to the platform alone."""


@frozen
class Offered:
    """An offer, and what the grantee accepts it with."""

    grant: GrantRecord
    code: str
    """To be told to the grantee, and to nobody else."""


def terms_of(wish: Wish, seal: SealRecord, now: datetime) -> tuple[Grant, str, bytes]:
    """The terms, the code they were made for ("" where the grantee is known otherwise), and the
    salt of an identity number. Raises :class:`app.errors.GrantTermsWrong`."""
    if seal.grant is not None:
        raise GrantTermsWrong("copy")
    begin = (wish.begin or now).replace(microsecond=0)
    until = wish.until.replace(microsecond=0)
    if not max(now, begin) < until <= seal.valid_until:
        raise GrantTermsWrong("until")
    if wish.max_uses and wish.offline_quota > wish.max_uses:
        raise GrantTermsWrong("quota")
    if wish.approval and wish.offline_quota:
        raise GrantTermsWrong("approval")
    code, salt = "", b""
    if wish.certificate:
        by, digest = "certificate", sm3(wish.certificate).hex()
    elif wish.id_no:
        salt = secrets.token_bytes(16)
        number = f"SUQIAN-IDENTITY-V1\n{wish.id_no}\n".encode()
        by, digest = "identity", sm3(salt + sm3(number).hex().encode()).hex()
    else:
        code = secrets.token_hex(_CODE_BYTES)
        by, digest = "code", sm3(code.encode()).hex()
    grant = Grant(
        seal_code=seal.code,
        seal_name=seal.name,
        holder=seal.enterprise,
        grantee=wish.grantee.strip(),
        grantee_by=by,
        grantee_sm3=digest,
        valid_from=begin,
        valid_until=until,
        max_uses=wish.max_uses,
        scope=Scope(wish.kinds, wish.counterparties, wish.hours),
        approval=wish.approval,
        offline_quota=wish.offline_quota,
        nonce=secrets.token_hex(8),
    )
    if is_blank(grant.grantee):
        raise GrantTermsWrong("grantee")
    try:
        Grant.parse(grant.encode())
    except GrantError as error:
        raise GrantTermsWrong("hours" if "hours" in str(error) else "entries") from error
    return grant, code, salt


def offer(
    platform: LendingClient,
    cabinet: Cabinet,
    seal: SealRecord,
    wish: Wish,
    key: SigningKey,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Offered:
    """Offer *seal* as whoever keeps it; *key* signs the terms and signs in.

    Raises :class:`app.errors.GrantTermsWrong`, :class:`app.errors.PlatformError`."""
    grant, code, salt = terms_of(wish, seal, clock())
    rule = cabinet.policy(seal.id)
    if wish.approval and rule is not None and not rule.needs_approval:
        raise GrantTermsWrong("approval")
    platform.sign_in(key)
    identity = (wish.id_no, salt) if wish.id_no and not wish.certificate else None
    made = platform.offer_grant(seal.id, grant.encode(), key, identity, clock)
    record = _record(made, "given", platform.origin, clock(), code or made.id)
    cabinet.keep_grant(record)
    return Offered(record, record.code)


# --- accepting ---------------------------------------------------------------------------------


@frozen
class Person:
    """Who accepts without a certificate of the platform."""

    name: str
    id_no: str


def look_at_offer(platform: LendingClient, code: str) -> SignedGrant:
    """The terms of the offer of *code*, without accepting anything.

    Raises :class:`app.errors.OfferNotOpen`, :class:`app.errors.PlatformError`."""
    return _offered(platform, code).signed


def _offered(platform: LendingClient, code: str) -> PlatformGrant:
    try:
        return platform.look_at_offer(code)
    except PlatformRefused as error:
        if error.problem != "not_found":
            raise
        raise OfferNotOpen from error


def accept(
    platform: LendingClient,
    cabinet: Cabinet,
    session: Session,
    code: str,
    person: Person | None = None,
    seen: SignedGrant | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> SealRecord:
    """Accept the offer of *code* with the token of *session* (logged in): with the certificate of
    the platform that is on it, or, with *person* given, with a new one; *seen*: the terms that the
    person has agreed to, if they were shown. The copy is checked, and put onto the token and into
    the cabinet.

    Raises :class:`app.errors.OfferNotOpen`, :class:`app.errors.PlatformError`,
    :class:`device.token.TokenError`."""
    offered = _offered(platform, code)
    if seen is not None and offered.signed.token != seen.token:
        raise OfferNotOpen  # another one than was shown
    platform.service()
    if person is None:
        key = _own_key(platform, session)
        made = platform.accept_grant(offered, code, key, now=clock)
    else:
        held = session.keys()
        spare = next((k for k in held if k.algorithm == "sm2" and not k.certificates), None)
        token_key = spare or session.generate_key("sm2", _KEY_LABEL)
        fresh = TokenKey(token_key)
        subject = Name.build([("C", "CN"), ("CN", person.name)])
        request = make_request(subject, fresh.public_key.spki, fresh.sign)
        come = Newcomer(person.name, person.id_no, request)
        made = platform.accept_grant(offered, code, fresh, come, clock)
        certificate = made.copy.certificate if made.copy else b""
        if Certificate.parse(certificate).public_key.key_id != fresh.public_key.key_id:
            raise PlatformAnswerInvalid(platform.origin, "certificate")
        session.store_certificate(certificate, _KEY_LABEL, token_key.key_id)
        key = TokenKey(token_key, certificate)
    platform.sign_in(key)
    record = collect(platform, cabinet, made, clock())
    session.write_data(f"seal-{record.code}", record.data)
    return record


def _own_key(platform: LendingClient, session: Session) -> TokenKey:
    """The key on the token with a certificate of this platform."""
    issuer = platform.service().certificates["issuing"].subject
    held = session.keys()
    for key in held:
        for certificate in key.certificates:
            if key.algorithm == "sm2" and Certificate.parse(certificate).issuer == issuer:
                return TokenKey(key, certificate)
    raise GrantTermsWrong("grantee")


def collect(
    platform: LendingClient, cabinet: Cabinet, grant: PlatformGrant, now: datetime
) -> SealRecord:
    """Put the copy of an accepted grant into the cabinet, checked: made by the platform, for this
    grant, listing its certificate. Signed in already.

    Raises :class:`app.errors.PlatformAnswerInvalid`."""
    found = grant.copy
    if found is None:
        raise PlatformAnswerInvalid(platform.origin, "seal")
    data = platform.seal_data(found)
    _check_copy(platform, grant, found, data, now)
    record = keep_seal(found, data, platform, cabinet, now)
    cabinet.keep_grant(_record(grant, "received", platform.origin, now))
    return record


def _check_copy(
    platform: LendingClient, grant: PlatformGrant, found: PlatformSeal, data: bytes, now: datetime
) -> None:
    seal = Seal.parse(data)
    inside = grant_of(seal)
    judged = check_seal(seal, platform.service().trust, max(now, seal.valid_from))
    right = (
        inside is not None
        and inside.token == grant.signed.token
        and seal.allows(found.certificate)
        and seal.es_id == found.code
        and verdict_of(judged.findings) is Verdict.VALID
    )
    if not right:
        raise PlatformAnswerInvalid(platform.origin, "seal")


# --- withdrawing -------------------------------------------------------------------------------


def withdraw(
    platform: LendingClient,
    cabinet: Cabinet,
    grant: GrantRecord,
    key: SigningKey,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> GrantRecord:
    """收回 a grant that was given, 退回 or 谢绝 one that was received. One that ended meanwhile is
    told as it is. Raises :class:`app.errors.PlatformError`."""
    platform.sign_in(key)
    try:
        made = platform.withdraw_grant(grant.id, grant.signed.terms_sm3, key, clock)
    except PlatformRefused as error:
        if error.problem != "illegal_transition":
            raise
        both = platform.grants()
        made = next(each for side in both for each in side if each.id == grant.id)
    record = replace(_record(made, grant.side, platform.origin, clock()), code=grant.code)
    cabinet.keep_grant(record)
    for seal in cabinet.seals():
        if seal.id == record.seal_id:
            ended = replace(seal, state=record.seal_state, reason=record.reason)
            cabinet.keep_seal(replace(ended, updated_at=clock()))
    return record


# --- what goes by itself while somebody is signed in ----------------------------------------------


@frozen
class Settled:
    """What was done along the way."""

    sent: int = 0
    """Usage records that were taken."""
    collected: tuple[SealRecord, ...] = ()
    doubled: tuple[str, ...] = ()
    """Names of seals whose leases were used with one number twice."""


@frozen
class Lending:
    """What this computer keeps for it."""

    book: LeaseBook
    store: Secrets


def settle(
    platform: LendingClient,
    cabinet: Cabinet,
    lending: Lending,
    certificates: Sequence[bytes],
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Settled:
    """Signed in with the first of *certificates* (DER, of one key): report uses, follow the grants,
    collect copies, renew leases, and keep what reports later without a PIN.

    Raises :class:`app.errors.PlatformError`; what was done before stays."""
    sent, flagged = report(platform, cabinet)
    collected = _follow_grants(platform, cabinet, certificates, clock())
    renewed = _renew_leases(platform, cabinet, lending.book, certificates, clock())
    doubled = [*flagged, *renewed]
    for certificate in certificates[:1]:
        _keep_refresh_token(platform, lending.store, certificate, clock())
    return Settled(sent, tuple(collected), tuple(dict.fromkeys(doubled)))


def collect_received(
    platform: LendingClient,
    cabinet: Cabinet,
    keys: Sequence[TokenKey],
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> list[SealRecord]:
    """Collect copies that *keys* have accepted, on any computer, and the cabinet does not have."""
    issuer = platform.service().certificates["issuing"].subject
    found: list[SealRecord] = []
    for key in keys:
        if Certificate.parse(key.certificate).issuer != issuer:
            continue
        with contextlib.suppress(PlatformRefused):
            platform.sign_in(key)
            found += _follow_grants(platform, cabinet, [key.certificate], clock())
    return found


def report(platform: PlatformClient, cabinet: Cabinet) -> tuple[int, list[str]]:
    """Send the queued usage records of this platform's seals, signed in already: (how many, names
    of seals with uses that bear a number which another use has). Uses of seals that another key
    tells of wait for that one."""
    try:
        return _report(platform, cabinet, "")
    except PlatformRefused as error:
        if error.problem not in _NOT_THIS_KEYS:
            raise
    sent, flagged = 0, list[str]()
    for seal in cabinet.seals():
        if seal.platform == platform.origin:
            with contextlib.suppress(PlatformRefused):
                more, doubled = _report(platform, cabinet, seal.id)
                sent, flagged = sent + more, [*flagged, *doubled]
    return sent, flagged


_NOT_THIS_KEYS = ("forbidden", "not_found", "record_invalid")
"""Answers to records of a seal that the signed-in key does not report for."""


def report_what_is_over(platform: PlatformClient, cabinet: Cabinet, key: SigningKey) -> int:
    """Sign in with *key* once more, to report what was used before its certificate, or its holder's
    term, ended. Gives how many uses; 0 where the platform does not take them."""
    if not cabinet.pending_usage(1, platform.origin):
        return 0
    try:
        platform.sign_in_to_tell(key)
        return report(platform, cabinet)[0]
    except PlatformError:
        return 0


def _report(platform: PlatformClient, cabinet: Cabinet, seal: str) -> tuple[int, list[str]]:
    """:func:`report` for the seal with that identifier; "": for all of this platform."""
    sent, flagged = 0, []
    names = {seal.id: seal.name for seal in cabinet.seals()}
    while pending := cabinet.pending_usage(platform=platform.origin, seal=seal):
        receipts = platform.report_usage([(record.id, record.record) for record in pending])
        cabinet.keep_receipts({receipt.id: receipt_json(receipt) for receipt in receipts})
        sent += len(receipts)
        doubled = {r.id for r in receipts if "lease_number_doubled" in r.flags}
        for record in pending:
            if record.id in doubled:
                seal_id = str(json.loads(record.record)["seal_id"])
                flagged.append(names.get(seal_id, seal_id))
    return sent, flagged


def receipt_json(receipt: UsageReceipt) -> str:
    """A receipt as the cabinet keeps it."""
    return json.dumps(
        {
            "id": receipt.id,
            "flags": receipt.flags,
            "index": receipt.index,
            "record": receipt.record,
            "checkpoint": receipt.checkpoint,
        }
    )


def report_later(platform: LendingClient, cabinet: Cabinet, store: Secrets) -> Settled:
    """Report what waits, without a PIN, if this computer may; nothing where it may not.

    Raises :class:`app.errors.PlatformError` only where nobody answers."""
    sent, flagged = 0, list[str]()
    for seal in cabinet.seals():
        if not cabinet.pending_usage(1, platform.origin):
            break
        if seal.platform != platform.origin:
            continue
        kept = store.get(refresh_name(seal.certificate))
        if kept is None:
            continue
        try:
            platform.sign_in_to_report(kept.decode().partition(" ")[0])
        except PlatformRefused:
            store.remove(refresh_name(seal.certificate))
            continue
        with contextlib.suppress(PlatformRefused):
            more, doubled = report(platform, cabinet)
            sent, flagged = sent + more, [*flagged, *doubled]
    return Settled(sent, (), tuple(dict.fromkeys(flagged)))


def _follow_grants(
    platform: LendingClient, cabinet: Cabinet, certificates: Sequence[bytes], now: datetime
) -> list[SealRecord]:
    given, received = platform.grants()
    known = {(each.side, each.id): each for each in cabinet.grants()}
    here = {seal.id: seal for seal in cabinet.seals() if seal.platform == platform.origin}
    collected = []
    for side, grants in (("given", given), ("received", received)):
        for grant in grants:
            before = known.get((side, grant.id))
            record = _record(grant, side, platform.origin, now)
            if before is not None:
                record = replace(record, code=before.code, kind=before.kind)
                record = replace(record, counterparty=before.counterparty)
            cabinet.keep_grant(record)
            copy = grant.copy
            if side == "given" or copy is None:
                continue
            if copy.id in here:
                told = replace(here[copy.id], state=copy.state, reason=copy.reason)
                cabinet.keep_seal(replace(told, updated_at=now))
            elif copy.state in ("active", "suspended") and copy.certificate in certificates:
                collected.append(collect(platform, cabinet, grant, now))
    return collected


def _renew_leases(
    platform: LendingClient,
    cabinet: Cabinet,
    book: LeaseBook,
    certificates: Sequence[bytes],
    now: datetime,
) -> list[str]:
    doubled = []
    grants = {grant.seal_id: grant for grant in cabinet.grants() if grant.side == "received"}
    for seal in cabinet.seals():
        own = seal.platform == platform.origin and seal.certificate in certificates
        if not own or seal.state != "active":
            continue
        kind, counterparty = use_of(seal, grants.get(seal.id))
        if seal.grant is not None and not seal.grant.grant.offline_quota:
            continue
        known = book.of(seal.id)
        whole = known is not None and not known.used and known.until - now > _RENEW
        if known is not None and whole and book.agrees(known) and known.seen_at <= now:
            continue
        try:
            made, twice = platform.lease(
                seal.id, seal.code, book.spent(seal.id), now, kind, counterparty
            )
        except PlatformRefused:
            continue  # not for this key, or not now: the next stamp online tells
        book.keep(made)
        if twice:
            doubled.append(seal.name)
    return doubled


def _keep_refresh_token(
    platform: LendingClient, store: Secrets, certificate: bytes, now: datetime
) -> None:
    """One for the certificate that is signed in, renewed when a day of it has passed."""
    name = refresh_name(certificate)
    kept = store.get(name)
    if kept is not None:
        made_at = datetime.fromisoformat(kept.decode().split(" ")[1])
        if now - made_at < timedelta(days=1):
            return
    with contextlib.suppress(PlatformRefused):
        token, _ = platform.refresh_token()
        store.put(name, f"{token} {now.isoformat()}".encode())


def forget_refresh_tokens(
    platform: LendingClient, store: Secrets, certificates: Sequence[bytes]
) -> None:
    """Signed in: no computer reports without the PIN any more."""
    platform.revoke_refresh_tokens()
    for certificate in certificates:
        store.remove(refresh_name(certificate))


def refresh_name(certificate: bytes) -> str:
    """Name of the refresh token for *certificate* (DER) in the secret store."""
    return f"report-{sm3(certificate).hex()[:24]}"


def _record(
    grant: PlatformGrant, side: str, origin: str, now: datetime, code: str = ""
) -> GrantRecord:
    return GrantRecord(
        id=grant.id,
        side=side,
        platform=origin,
        token=grant.signed.token,
        state=grant.state,
        reason=grant.reason,
        used=grant.used,
        doubled=grant.doubled,
        seal_id=grant.copy.id if grant.copy else "",
        seal_state=grant.copy.state if grant.copy else "",
        told_at=now,
        code=code,
    )


def settle_quietly(done: Callable[[], Settled]) -> Settled:
    """What *done* gives; nothing where the platform does not answer or refuses: it waits for the
    next time."""
    with contextlib.suppress(PlatformError):
        return done()
    return Settled()
