"""A grant and the grantee's copy of a seal, as a platform makes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from app.store.lending import GrantRecord
from crypto.algorithms.gm import sm3
from crypto.algorithms.keys import SoftKey
from crypto.pki.certificate import DOCUMENT_SIGNING
from crypto.seal.grant import GRANT, Grant, Scope, SignedGrant
from crypto.seal.making import make_signature
from crypto.seal.statement import STAPLE, Leave, SignedStatement
from crypto.seal.structure import Extension, SealSignature
from tests.world.authorities import CODE, NOW, Authorities

COPY = "32130000000025"
DIGEST = sm3(b"the contract")
DAY = timedelta(days=1)


def signed_grant(grantor: SoftKey, origin: str = "https://platform", **changes: Any) -> SignedGrant:
    """A grant of the official seal for ten days and three uses, signed by *grantor*."""
    facts: dict[str, Any] = {
        "seal_code": CODE,
        "seal_name": "宿迁市测试单位",
        "holder": "宿迁市测试单位",
        "grantee": "王小明",
        "grantee_by": "code",
        "grantee_sm3": sm3(b"code").hex(),
        "valid_from": NOW - DAY,
        "valid_until": NOW + 9 * DAY,
        "max_uses": 3,
        "scope": Scope(("合同", "报价单"), ("某某公司",), "08:00-18:00"),
        "nonce": "0123456789abcdef",
    }
    grant = Grant(**facts | changes)
    return signed(grant, grantor, origin)


def signed(
    grant: Grant, grantor: SoftKey, origin: str = "https://platform", *, at: str = ""
) -> SignedGrant:
    terms, at = grant.encode(), at or (grant.valid_from - timedelta(hours=1)).isoformat()
    lines = ("SUQIAN-SEAL-INTENT-V2", origin, "grant", grant.id, sm3(terms).hex(), "", at, "")
    text = "\n".join(lines)
    return SignedGrant.make(terms, text, grantor.certificate, grantor.sign(text.encode()))


@dataclass
class Lent:
    """A seal lent to a grantee, and what comes of it."""

    authorities: Authorities
    grantor: SoftKey = field(init=False)
    grantee: SoftKey = field(init=False)
    grant: SignedGrant = field(init=False)

    def __post_init__(self) -> None:
        self.grantor = self.keeper_of("宿迁市测试单位")
        self.grantee = self.authorities.holder("王小明")
        self.grant = signed_grant(self.grantor)

    def keeper_of(self, company: str) -> SoftKey:
        """The key of somebody who keeps a seal of *company*."""
        usage = ("digitalSignature", "nonRepudiation")
        return self.authorities.certified(CODE, usage, DOCUMENT_SIGNING, company)

    def copy(self, grant: SignedGrant | None = None, **changes: Any) -> bytes:
        """The grantee's copy of the seal."""
        grant = grant or self.grant
        facts: dict[str, Any] = {
            "valid_from": grant.grant.valid_from,
            "valid_until": grant.grant.valid_until,
            "extensions": [Extension(GRANT, False, grant.token)],
        }
        return self.authorities.seal(self.grantee, COPY, **facts | changes)

    def leave(self, use: int = 1, key: SoftKey | None = None, **changes: Any) -> bytes:
        """The platform's leave for one use; *changes* to the statement or to the leave."""
        names = set(Leave.__dataclass_fields__)
        said: dict[str, Any] = {
            "grant_sm3": self.grant.terms_sm3,
            "use": use,
            "kind": "合同",
            "counterparty": "某某公司",
        }
        facts: dict[str, Any] = {"seal_code": COPY, "document_digest": DIGEST}
        facts |= {name: value for name, value in changes.items() if name not in names}
        said |= {name: value for name, value in changes.items() if name in names}
        return self.statement(leave=Leave(**said), key=key, **facts).token

    def statement(self, key: SoftKey | None = None, **changes: Any) -> SignedStatement:
        """What the platform says of the copy."""
        authorities = self.authorities
        if key is not None:
            authorities = Authorities.__new__(Authorities)
            authorities.__dict__ |= self.authorities.__dict__ | {"status": key}
        return authorities.statement(self.grantee, **{"seal_code": COPY} | changes)

    def use(
        self,
        token: bytes,
        *,
        seal: bytes | None = None,
        key: SoftKey | None = None,
        at: datetime = NOW + timedelta(minutes=1),
    ) -> SealSignature:
        """The copy on the contract."""
        value = make_signature(
            seal=seal or self.copy(),
            digest=DIGEST,
            property_info="PDF;ByteRange=[0,1,2,3]",
            signed_at=at,
            key=key or self.grantee,
            extensions=[Extension(STAPLE, False, token)] if token else [],
        )
        return SealSignature.parse(value)


def grant_record(made: SignedGrant, side: str, **changes: Any) -> GrantRecord:
    """A grant as a cabinet keeps it: accepted and in force."""
    facts: dict[str, Any] = {
        "id": made.grant.id,
        "side": side,
        "platform": made.origin,
        "token": made.token,
        "state": "active",
        "reason": "",
        "used": 0,
        "doubled": 0,
        "seal_id": "",
        "seal_state": "active",
        "told_at": made.signed_at,
    }
    return GrantRecord(**facts | changes)
