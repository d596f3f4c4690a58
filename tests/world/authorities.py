"""What a platform signs with, and what it signs: certificates, seals, statements."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from crypto.algorithms.keys import SoftKey
from crypto.pki.certificate import DOCUMENT_SIGNING, OCSP_SIGNING, SEAL_MAKING
from crypto.seal.statement import SignedStatement
from crypto.validation.trust import Trust
from tests.world.authority import make_root
from tests.world.seals import imprint, seal_of, statement_on

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
CODE = "32130000000017"
_YEAR = timedelta(days=365)


class Authorities:
    """What a platform signs with: a root that issues to holders, a seal maker, a status service."""

    def __init__(
        self,
        root: str = "测试根",
        *,
        organization: str = "",
        service: str = "",
        begin: datetime = NOW - _YEAR,
        end: datetime = NOW + _YEAR,
    ) -> None:
        """*organization* of the root; *service*: that of the seal maker and the status service."""
        self.authority = make_root(root, organization=organization, begin=begin, end=end)
        self.key, self.name = self.authority.key, self.authority.name
        self.root = self.key.certificate
        self.maker = self.certified("制章者", ("digitalSignature",), SEAL_MAKING, service)
        self.status = self.certified("状态", ("digitalSignature",), OCSP_SIGNING, service)
        self.trust = Trust.in_all([self.authority.certificate])

    def certified_for(self, spki: bytes) -> bytes:
        """A holder's certificate for the key of a token."""
        return self.authority.issue(
            CODE,
            spki,
            usage=("digitalSignature",),
            organization="",
            extended_key_usage=(DOCUMENT_SIGNING,),
        )

    def certified(
        self, name: str, usage: tuple[str, ...], purpose: str, organization: str = ""
    ) -> SoftKey:
        """A key with a certificate for one purpose."""
        return self.authority.key_for(
            name, usage=usage, organization=organization, extended_key_usage=(purpose,)
        )

    def holder(self, code: str = CODE) -> SoftKey:
        """A holder's key."""
        return self.certified(code, ("digitalSignature", "nonRepudiation"), DOCUMENT_SIGNING)

    def seal(self, holder: SoftKey, code: str = CODE, **changes: Any) -> bytes:
        """The holder's seal, made 60 days ago."""
        made, until = NOW - timedelta(days=60), {"valid_until": NOW + timedelta(days=300)}
        return seal_of(holder.certificate, code, imprint(), made, self.maker, **until | changes)

    def statement(self, holder: SoftKey, **changes: Any) -> SignedStatement:
        """What the platform says of the holder's seal, now."""
        return statement_on(holder.certificate, CODE, NOW, self.status, **changes)
