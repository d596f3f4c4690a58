"""领取: from a blank key on a token to a seal in the cabinet.

key pair on the token → request → application, submitted with the applicant's signature
→ the platform reviews, makes → certificate and seal checked → certificate onto the token
→ collected with proof of the key → seal, platform and status into the cabinet
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.errors import ApplicationRejected, PlatformAnswerInvalid
from app.remote.platform_account import Application, PlatformClient, PlatformSeal
from app.signing import TokenKey
from app.store.cabinet import Cabinet, PlatformRecord, SealRecord
from crypto.pki.certificate import Certificate
from crypto.pki.certificate_making import make_request
from crypto.pki.names_and_algorithms import Name
from crypto.seal.structure import Seal
from crypto.validation.seal_check import check_seal
from crypto.verdict import Verdict, verdict_of
from device.token import Key, Session

_KEY_LABEL = "SealDesk"
_POLL_S = 0.3


@dataclass(frozen=True)
class Applicant:
    """Who asks for which seal (办法 第十二条)."""

    uscc: str
    enterprise: str
    legal_rep: str
    handler: str
    handler_id: str
    phone: str
    kind: str = "official"
    physical_code: str | None = None
    letter: str = ""
    """The file of a letter of authority (PDF, PNG, JPEG), which a reviewer reads. Without one the
    legal representative consents on the electronic licence, where the platform asks."""


def enrol(
    applicant: Applicant,
    session: Session,
    platform: PlatformClient,
    cabinet: Cabinet,
    *,
    wait_s: float = 60.0,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    sleep: Callable[[float], None] = time.sleep,
) -> SealRecord:
    """Apply for a seal with a key pair on the token of *session* (logged in) and collect it.

    Waits up to *wait_s* for the review. Raises :class:`app.errors.ApplicationRejected` ("pending"
    or "awaiting_licence" if it takes longer), :class:`app.errors.PlatformError`,
    :class:`device.token.TokenError`."""
    letter = Path(applicant.letter).read_bytes() if applicant.letter else None
    service = platform.service()
    key = _spare_key(session) or session.generate_key("sm2", _KEY_LABEL)
    own = TokenKey(key)
    subject = Name.build([("C", "CN"), ("O", applicant.enterprise), ("CN", applicant.uscc)])
    request = make_request(subject, own.public_key.spki, own.sign)
    application = platform.apply(_form(applicant, request))
    platform.sign_in_as_applicant(application.id, own)
    if letter is not None:
        application = platform.put_letter(application, letter)
    application = platform.submit(application, own)
    application = _await_review(application, platform, wait_s, sleep)

    found = platform.seal(application.seal_id)
    data = platform.seal_data(found)
    check_delivery(found, data, own, platform, clock())
    session.store_certificate(found.certificate, _KEY_LABEL, key.key_id)
    session.write_data(f"seal-{found.code}", data)
    holder = TokenKey(key, found.certificate)
    collected = platform.collect(found, holder)

    now = clock()
    record = SealRecord(
        id=collected.id,
        code=collected.code,
        name=collected.name,
        kind=collected.kind,
        subtype=applicant.kind,
        state=collected.state,
        reason=collected.reason,
        enterprise=applicant.enterprise,
        uscc=applicant.uscc,
        platform=service.origin,
        data=data,
        certificate=found.certificate,
        certificate_state="active",
        collected_at=now,
        updated_at=now,
    )
    cabinet.pin(platform_record(platform, now))
    cabinet.keep_seal(record)
    cabinet.keep_statement(platform.status(record.code))
    return record


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


def _spare_key(session: Session) -> Key | None:
    """A key pair without certificate, left by an application that was not finished."""
    keys = session.keys()
    return next((key for key in keys if key.algorithm == "sm2" and not key.certificates), None)


def _form(applicant: Applicant, request: bytes) -> dict[str, Any]:
    seal: dict[str, Any] = {"subtype": applicant.kind}
    if applicant.physical_code:
        seal["physical_code"] = applicant.physical_code
    return {
        "proof": {"kind": "letter" if applicant.letter else "licence"},
        "kind": "issue",
        "enterprise": {
            "uscc": applicant.uscc,
            "name": applicant.enterprise,
            "legal_rep": {"name": applicant.legal_rep},
        },
        "handler": {
            "name": applicant.handler,
            "id_no": applicant.handler_id,
            "phone": applicant.phone,
        },
        "seal": seal,
        "certificate_request": base64.b64encode(request).decode(),
    }


def _await_review(
    application: Application,
    platform: PlatformClient,
    wait_s: float,
    sleep: Callable[[float], None],
) -> Application:
    deadline = time.monotonic() + wait_s
    while application.state not in ("fulfilled", "rejected", "returned", "withdrawn", "lapsed"):
        if time.monotonic() > deadline:
            waiting = "awaiting_licence" if application.awaiting == "licence" else "pending"
            raise ApplicationRejected(application.id, waiting, "")
        sleep(_POLL_S)
        application = platform.application(application.id)
    if application.state != "fulfilled":
        raise ApplicationRejected(application.id, application.state, application.reason)
    return application


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
