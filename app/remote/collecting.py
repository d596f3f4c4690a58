"""What comes from a platform into the cabinet: the platform itself as it is pinned, a seal."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from app.errors import PlatformAnswerInvalid
from app.remote.platform_account import PlatformClient, PlatformSeal
from app.signing import TokenKey
from app.store.cabinet import Cabinet, PlatformRecord, SealRecord
from crypto.pki.certificate import Certificate
from crypto.seal.structure import Seal
from crypto.validation.seal_check import check_seal
from crypto.verdict import Verdict, verdict_of


def platform_record(platform: PlatformClient, now: datetime, cursor: str = "") -> PlatformRecord:
    """The platform as it is pinned, with its current revocation lists."""
    service = platform.service()
    return PlatformRecord(
        url=service.origin,
        name=service.name,
        certificates={name: each.der for name, each in service.certificates.items()},
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
    known = next((seal for seal in cabinet.seals() if seal.code == code), None)
    if known is None:
        return None
    statement = platform.status(code)
    cabinet.keep_statement(statement)
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
    cabinet.keep_statement(platform.status(record.code))
    return record
