"""From a blank key on a token to a seal in the cabinet, in one go where nobody is waited for.

An application that is under way is gone on with; a second one is never begun. What takes longer is
in :mod:`app.remote.applications`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from app.errors import ApplicationOpen, PlatformRefused
from app.remote import applications
from app.remote.platform_account import PlatformClient
from app.signing import TokenKey
from app.store.applications import ApplicationRecord
from app.store.cabinet import Cabinet, SealRecord
from crypto.frozen import frozen
from device.token import Session


@frozen
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

    @property
    def fields(self) -> dict[str, str]:
        """As the form has them (:mod:`app.remote.application_form`)."""
        return {
            "enterprise": self.enterprise,
            "uscc": self.uscc,
            "legal_rep": self.legal_rep,
            "handler": self.handler,
            "handler_id": self.handler_id,
            "phone": self.phone,
            "seal": self.kind,
            "physical_code": self.physical_code or "",
            "proof": "letter" if self.letter else "licence",
        }


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

    Goes on with the application for that seal, if there is one: what a reviewer has returned is
    handed in again as *applicant* says now. Waits up to *wait_s* for the review.

    Raises :class:`app.errors.ApplicationOpen` if another application of this token is under way,
    :class:`app.errors.ApplicationRejected` ("pending" or "awaiting_licence" if it takes longer; the
    application is kept), :class:`app.errors.PlatformError`, :class:`device.token.TokenError`."""
    letter = Path(applicant.letter).read_bytes() if applicant.letter else b""
    record = _under_way(applicant, session, platform, cabinet)
    begun = record is None
    if record is None:
        record = cabinet.applications.new("issue", applicant.fields, platform=platform.origin)
    if record.editable:
        fields = applicant.fields
        cabinet.applications.change(record.id, lambda known: replace(known, fields=fields))
        name = Path(applicant.letter).name if letter else ""
        cabinet.applications.keep_letter(record.id, name, letter)
    steps = (record.id, session, platform, cabinet)
    try:
        applications.send(*steps, clock)
    except BaseException as error:
        known = cabinet.applications.get(record.id)
        if begun and not known.server_id and (isinstance(error, PlatformRefused) or not known.sent):
            cabinet.applications.forget(record.id)  # all of it stands in the command
        raise
    record = applications.wait(*steps, wait_s, sleep, clock)
    if record.state != "fulfilled":
        cabinet.applications.mark_told(record.id)
        raise applications.rejected(record)
    return applications.collect(*steps, clock)


def _under_way(
    applicant: Applicant, session: Session, platform: PlatformClient, cabinet: Cabinet
) -> ApplicationRecord | None:
    """The application for that seal that was sent and is not over. Raises
    :class:`app.errors.ApplicationOpen` if there are only others."""
    held = session.keys()
    here = {TokenKey(key).public_key.spki for key in held if key.algorithm == "sm2"}
    applications.follow_all(session, platform, cabinet)  # also from other computers
    under_way = [
        each
        for each in cabinet.applications.all()
        if each.open and each.sent and each.key in here and each.platform == platform.origin
    ]
    wanted = (applicant.uscc, applicant.kind)
    for each in under_way:
        if (each.fields["uscc"], each.fields["seal"]) == wanted:
            return each
    if under_way:
        raise ApplicationOpen(under_way[0].id)
    return None
