"""用印规则: whoever keeps a seal says, signed, whose approval its uses need."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from app.errors import (
    PlatformAnswerInvalid,
    PlatformRefused,
    PlatformUntrusted,
    PolicyTermsWrong,
)
from app.remote.approval.client import ApprovalClient, Duty, PlatformPolicy
from app.store.cabinet import Cabinet, SealRecord
from app.store.use_requests import PolicyRecord
from crypto.algorithms.gm import sm3
from crypto.algorithms.keys import SigningKey
from crypto.frozen import frozen
from crypto.pki.certificate import Certificate
from crypto.pki.holder_name import holder_of, without_credit_code
from crypto.seal.use_policy import Approver, PolicyError, UsePolicy, masked

_NEWS = timedelta(days=30)
"""How long a change is news: the platform tells of it at every sync, and notices are forgotten."""


@frozen
class Named:
    """Somebody who is to approve."""

    certificate: bytes
    """DER."""
    role: str
    name: str = ""
    """"": as the platform knows the holder, or else as the certificate says."""


@frozen(kw_only=True)
class PolicyWish:
    """What the keeper wants."""

    approvers: tuple[Named, ...] = ()
    needed: int = 0
    offline: bool = False
    phone: bool = True
    masked: bool = False
    keeper: str = ""


def policy_of(wish: PolicyWish, seal: SealRecord, known: dict[str, str]) -> UsePolicy:
    """The terms. *known*: SM3 of a certificate, hex → name of its holder.

    Raises :class:`app.errors.PolicyTermsWrong`."""
    if seal.grant is not None:
        raise PolicyTermsWrong("copy")
    approvers = []
    for approver in wish.approvers:
        digest = sm3(approver.certificate).hex()
        name = approver.name or known.get(digest) or _name(approver.certificate)
        approvers.append(Approver(masked(name) if wish.masked else name, approver.role, digest))
    policy = UsePolicy(
        seal_code=seal.code,
        seal_name=seal.name,
        holder=seal.enterprise,
        approvers=tuple(approvers),
        needed=wish.needed,
        offline=wish.offline,
        phone=wish.phone,
        masked=wish.masked,
        keeper=wish.keeper,
        nonce=secrets.token_hex(8),
    )
    try:
        UsePolicy.parse(policy.encode())
    except PolicyError as error:
        words = {"twice": "twice", "many": "number", "offline": "offline"}
        what = next((words[word] for word in words if word in str(error)), "names")
        raise PolicyTermsWrong(what) from error
    return policy


def _name(certificate: bytes) -> str:
    parsed = Certificate.parse(certificate)
    return without_credit_code(holder_of(parsed.subject, parsed.issuer).name)


def set_policy(
    platform: ApprovalClient,
    cabinet: Cabinet,
    seal: SealRecord,
    wish: PolicyWish,
    key: SigningKey,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> PolicyRecord:
    """Put *seal* under what *wish* says; *key* signs it and signs in.

    Raises :class:`app.errors.PolicyTermsWrong`, :class:`app.errors.PlatformError`."""
    platform.sign_in(key)
    known = {
        sm3(each.certificate).hex(): each.name for each in platform.approver_candidates(seal.id)
    }
    policy = policy_of(wish, seal, known)
    made = platform.set_use_policy(seal.id, policy, key, clock())
    return keep_policy(platform, cabinet, seal, made, clock())


def follow_policies(
    platform: ApprovalClient, cabinet: Cabinet, seals: Sequence[SealRecord], now: datetime
) -> list[SealRecord]:
    """Ask for the policies of *seals*, signed in already; gives the seals whose policy is not what
    it has to be. One such does not stop the others, and a platform that knows of no policies tells
    of none."""
    refused = []
    for seal in seals:
        try:
            keep_policy(platform, cabinet, seal, platform.use_policy(seal.id), now)
        except (PlatformAnswerInvalid, PlatformUntrusted):
            refused.append(seal)
        except PlatformRefused:
            continue
    return refused


def keep_duties(
    platform: ApprovalClient,
    cabinet: Cabinet,
    duties: Sequence[Duty],
    certificate: bytes,
    now: datetime,
) -> int:
    """Keep the policies that name the holder of *certificate* (DER), forget those that do not any
    more, and tell of either; gives how many do not hold."""
    kept = {each.seal_id: each for each in cabinet.policies()}
    own = {seal.id: seal for seal in cabinet.seals()}
    refused = 0
    for duty in duties:
        policy, known = duty.signed.policy, kept.get(duty.seal_id)
        facts = {"seal_code": policy.seal_code, "name": policy.holder}
        try:
            platform.require_known(duty.signed.certificate, duty.signed.signed_at)
        except PlatformUntrusted:
            refused += 1
            continue
        if policy.approver(certificate) is None or _is_about_another(
            duty, own.get(duty.seal_id), known, platform.origin
        ):
            refused += 1
        elif duty.ended_at is not None:
            if now - duty.ended_at < _NEWS:
                cabinet.notices.keep(platform.origin, "approver_ended", facts, duty.ended_at)
            if known is not None and duty.seal_id not in own:
                cabinet.forget_policy(duty.seal_id)
        elif known is not None and known.signed and known.signed.signed_at > duty.signed.signed_at:
            refused += 1  # an old one may name others
        else:
            facts |= {"number": str(policy.needed), "count": str(len(policy.approvers))}
            if now - duty.set_at < _NEWS:
                cabinet.notices.keep(platform.origin, "approver_named", facts, duty.set_at)
            record = PolicyRecord(duty.seal_id, platform.origin, duty.signed.token, now)
            cabinet.keep_policy(record)
    return refused


def _is_about_another(
    duty: Duty, seal: SealRecord | None, known: PolicyRecord | None, origin: str
) -> bool:
    """Does *duty* bear the identifier of a seal that is here under another code, holder or
    platform? Platforms choose identifiers freely, and none may replace another one's policy."""
    said = duty.signed.policy
    if seal is not None and (seal.platform != origin or not _fits(said, seal)):
        return True
    if known is None:
        return False
    before = known.policy
    return known.platform != origin or (before is not None and before.seal_code != said.seal_code)


def _fits(policy: UsePolicy, seal: SealRecord) -> bool:
    """Is *policy* about *seal*, or about the one that it is a copy of?"""
    original = seal.grant.grant.seal_code if seal.grant else seal.code
    return (policy.seal_code, policy.holder) == (original, seal.enterprise)


def keep_policy(
    platform: ApprovalClient,
    cabinet: Cabinet,
    seal: SealRecord,
    told: PlatformPolicy,
    now: datetime,
) -> PolicyRecord:
    """Keep what the platform told, if it is about *seal*, what was signed holds, and no later
    policy is known here: an old one may name others.

    Raises :class:`app.errors.PlatformAnswerInvalid`."""
    before = cabinet.policy(seal.id)
    if before is not None and before.platform == platform.origin and before.token:
        known = before.signed
        if told.signed is None or (known and told.signed.signed_at < known.signed_at):
            raise PlatformAnswerInvalid(platform.origin, "use policy")
    if told.signed is not None:
        platform.require_known(told.signed.certificate, told.signed.signed_at)
        if not _fits(told.signed.policy, seal) or not told.signed.by_holder:
            raise PlatformAnswerInvalid(platform.origin, "use policy")
    token = told.signed.token if told.signed else b""
    record = PolicyRecord(seal.id, platform.origin, token, now)
    cabinet.keep_policy(record)
    return record
