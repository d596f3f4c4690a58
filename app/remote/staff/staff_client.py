"""A platform as one of its own people sees it: who he is, and how he signs a decision."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from app.errors import PlatformAnswerInvalid, StaffKeyMissing
from app.remote.collecting import platform_record
from app.remote.platform_account import PlatformClient
from app.remote.platform_connection import to_base64
from app.remote.staff.roles import role_of
from app.signing import TokenKey, keys_of
from app.store.cabinet import Cabinet
from crypto.algorithms.keys import SigningKey
from crypto.pki.certificate import Certificate
from device.token import Session

_LINE = re.compile(r"[^\x00-\x1f\x7f]{0,4000}")


def staff_key(session: Session, role: str) -> TokenKey:
    """The key on an opened token whose certificate is for that *role*.

    Raises :class:`app.errors.StaffKeyMissing`."""
    for key in keys_of(session):
        if role_of(Certificate.parse(key.certificate)) == role:
            return key
    raise StaffKeyMissing(role)


class StaffClient(PlatformClient):
    """See the module."""

    def _decided(
        self, key: SigningKey, verb: str, about: str, digest: str, reason: str
    ) -> dict[str, str]:
        """What goes into a decision's body: when, and the signature over all that is decided
        (docs/platform.md)."""
        at = datetime.now(UTC).isoformat()
        lines = (verb, about, digest, reason, at)
        if not all(_LINE.fullmatch(line) for line in lines):
            raise PlatformAnswerInvalid(self.origin, "text to sign")
        text = "\n".join(("SUQIAN-SEAL-INTENT-V2", self.origin, *lines, ""))
        return {"at": at, "signature": to_base64(key.sign(text.encode()))}

    def meet(self, cabinet: Cabinet) -> None:
        """Remember the platform's root, so that nobody else is taken for it tomorrow."""
        if cabinet.platform(self.origin) is None:
            cabinet.pin(platform_record(self, datetime.now(UTC)))
