"""What comes from a platform into the cabinet: the platform itself as it is pinned, a seal, what
became of it; also when its holder suspends or resumes it. And into the Ukey: who may unlock it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

from app.errors import (
    PlatformAnswerInvalid,
    PlatformRefused,
    PlatformUnreachable,
    SealChangeRefused,
)
from app.remote.platform_account import PlatformClient, PlatformSeal
from app.remote.registry import follow
from app.signing import TokenKey, find_key, keys_of
from app.store.cabinet import Cabinet, PlatformRecord, SealRecord
from crypto.pki.certificate import Certificate
from crypto.seal.structure import Seal
from crypto.seal.unlocking import RECIPIENT, SIGNER
from crypto.validation.seal_check import check_seal
from crypto.verdict import Verdict, verdict_of
from device.token import KeyNotFound, Session, TokenError


def platform_record(platform: PlatformClient, now: datetime, cursor: str = "") -> PlatformRecord:
    """The platform as it is pinned, with its current revocation lists."""
    service = platform.service()
    return PlatformRecord(
        url=service.origin,
        name=service.name,
        certificates={name: certificate.der for name, certificate in service.certificates.items()},
        pinned_at=now,
        cursor=cursor,
        crls={name: crl.der for name, crl in platform.crls().items()},
    )


def check_delivery(
    found: PlatformSeal, data: bytes, own: TokenKey, platform: PlatformClient, now: datetime
) -> None:
    """Check a seal before it is taken: its certificate is for our key, it is valid and lists it.

    Raises :class:`app.errors.PlatformAnswerInvalid`."""
    certificate = Certificate.parse(found.certificate)
    seal = Seal.parse(data)
    judged = check_seal(seal, platform.service().trust, now)
    right = (
        certificate.public_key.key_id == own.public_key.key_id
        and seal.allows(found.certificate)
        and seal.es_id == found.code
        and verdict_of(judged.findings) is Verdict.VALID
    )
    if not right:
        raise PlatformAnswerInvalid(platform.origin, "seal")


def told_of_end(
    code: str, platform: PlatformClient, cabinet: Cabinet, now: datetime
) -> SealRecord | None:
    """Ask what became of the seal with that *code*, which was replaced or cancelled, and note it;
    None if the cabinet has no such seal."""
    own = (seal for seal in cabinet.seals() if seal.platform == platform.origin)
    known = next((seal for seal in own if seal.code == code), None)
    if known is None:
        return None
    statement = platform.status(code)
    cabinet.keep_statement(statement, platform.origin)
    said = statement.statement
    told = replace(known, state=said.state, reason=said.reason, updated_at=now)
    cabinet.keep_seal(told)
    return told


def keep_seal(
    found: PlatformSeal, data: bytes, platform: PlatformClient, cabinet: Cabinet, now: datetime
) -> SealRecord:
    """Put a seal that was checked, its platform and its status into the cabinet."""
    record = SealRecord(
        id=found.id,
        code=found.code,
        name=found.name,
        kind=found.kind,
        subtype=found.subtype,
        state=found.state,
        reason=found.reason,
        enterprise=found.enterprise,
        uscc=found.uscc,
        platform=platform.origin,
        data=data,
        certificate=found.certificate,
        certificate_state="active",
        collected_at=now,
        updated_at=now,
    )
    cabinet.pin(platform_record(platform, now))  # no cursor: the next sync tells everything again
    cabinet.keep_seal(record)
    _keep_word(record.code, platform, cabinet)
    return record


def _keep_word(code: str, platform: PlatformClient, cabinet: Cabinet) -> None:
    """Keep what the platform says of a seal now, and what its registry has gained: of one that is
    in force again, a copy of the registry that ends before would say that it is not."""
    cabinet.keep_statement(platform.status(code), platform.origin)
    if cabinet.registry(platform.origin) is not None:
        follow(platform, cabinet)


# --- unlocked one day


def pin_unlocker(session: Session, platform: PlatformClient) -> None:
    """Tell the Ukey of *session* (logged in) that this platform may unlock it, if nobody was told
    so far. A Ukey that does not take it is unlocked in another way; nothing fails for that."""
    known = platform.service().certificates
    if SIGNER in known and RECIPIENT in known:
        keys = (known[name].public_key.point for name in (SIGNER, RECIPIENT))
        with suppress(TokenError):
            session.pin_unlocker(*keys)


# --- stopped and used again ----------------------------------------------------------------------

KEY_IN_DOUBT = ("lost", "key_compromised")
"""Reasons of a holder after which the certificate is on hold: no holder lifts them."""

_NOT_WITH_THIS_KEY = ("forbidden", "not_found", "certificate_not_valid")
_WHO_LIFTS = {
    "holder_request": "representative",
    "lost": "doubt",
    "key_compromised": "doubt",
    "licence_revoked": "market",
    "enterprise_deregistered": "market",
    "physical_seal_cancelled": "police",
}


def suspend(
    seal: SealRecord, reason: str, session: Session, platform: PlatformClient, cabinet: Cabinet
) -> SealRecord:
    """停用, or 挂失 for a *reason* of :data:`KEY_IN_DOUBT`: one signature, and it counts at the
    platform, in its registry and here. By the seal's key, or by any of the legal representative's;
    *session* is of a token that is logged in. What the holder has paused can be reported lost.

    Raises :class:`app.errors.SealChangeRefused`, which says who may,
    :class:`app.errors.PlatformError`, :class:`device.token.TokenError`."""
    told = _changed(seal, "suspend", reason, session, platform, cabinet)
    held = "held" if reason in KEY_IN_DOUBT else seal.certificate_state
    return _keep(replace(told, certificate_state=held), platform, cabinet)


def resume(
    seal: SealRecord, session: Session, platform: PlatformClient, cabinet: Cabinet
) -> SealRecord:
    """恢复: use a seal again that its holder has suspended. Raises as :func:`suspend`."""
    return _keep(_changed(seal, "resume", "", session, platform, cabinet), platform, cabinet)


def _changed(
    seal: SealRecord,
    verb: str,
    reason: str,
    session: Session,
    platform: PlatformClient,
    cabinet: Cabinet,
) -> SealRecord:
    """Try the keys on the token, the seal's own first, until the platform takes one's word: signed
    in, or else as the legal representative's, who need not hold a seal of the company."""
    refusals: list[PlatformRefused] = []
    for key in _keys_towards(seal, session):
        try:
            platform.sign_in(key)
            told = platform.change_seal(platform.seal(seal.id), verb, reason, key)
            return replace(seal, state=told.state, reason=told.reason, updated_at=_now())
        except PlatformRefused as error:
            _unless_another_key(error)
            refusals.append(error)
        if refusals[-1].problem == "illegal_transition":
            break
        if not seal.uscc:
            continue
        try:
            said = platform.change_seal_by_statement(seal.uscc, seal.code, verb, reason, key)
            return replace(seal, state=said[0], reason=said[1], updated_at=_now())
        except PlatformRefused as error:
            _unless_another_key(error)
            if error.problem == "illegal_transition":
                refusals.append(error)
                break
    if not refusals:
        raise KeyNotFound("no certificate on the token signs")
    stands = platform.status(seal.code).statement
    _keep(replace(seal, state=stands.state, reason=stands.reason), platform, cabinet)
    why = _why_not(verb, stands.state, stands.reason)
    signed_in = any(refusal.problem != "certificate_not_valid" for refusal in refusals)
    if why in ("keeper", "representative") and not signed_in:
        raise refusals[0]  # nothing is known of the person: the certificate itself is the matter
    raise SealChangeRefused(seal.name, why) from refusals[-1]


def _unless_another_key(error: PlatformRefused) -> None:
    """Go on where another key may be taken, or the seal is as it should be; else raise *error*."""
    if error.problem not in (*_NOT_WITH_THIS_KEY, "illegal_transition"):
        raise error


def _keys_towards(seal: SealRecord, session: Session) -> list[TokenKey]:
    others = [key for key in keys_of(session) if key.certificate != seal.certificate]
    try:
        return [find_key(session, seal.certificate), *others]
    except KeyNotFound:
        return others


def _why_not(verb: str, state: str, reason: str) -> str:
    """What stands in the way, as :attr:`app.errors.SealChangeRefused.reason`."""
    if state not in ("active", "suspended"):
        return "ended"
    if verb == "suspend":
        return "keeper" if state == "active" else "stopped"
    return "in_use" if state == "active" else _WHO_LIFTS.get(reason, "platform")


def _keep(seal: SealRecord, platform: PlatformClient, cabinet: Cabinet) -> SealRecord:
    """Into the cabinet, with what the platform now says of it to everybody."""
    cabinet.keep_seal(seal)
    with suppress(PlatformUnreachable):  # it is changed all the same; a sync will tell
        _keep_word(seal.code, platform, cabinet)
    return seal


def _now() -> datetime:
    return datetime.now(UTC)
