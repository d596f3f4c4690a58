"""Lending a seal of an :class:`tests.world.applicant.Applicant`, by hand from the contract."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from crypto.algorithms.gm import sm3
from crypto.algorithms.keys import SoftKey
from crypto.seal.grant import Grant, Scope, SignedGrant
from tests.world.applicant import Applicant, b64, decision

DAY = timedelta(days=1)


@dataclass
class Lending:
    """A seal of *company* and who gets to use it."""

    company: Applicant
    code: str = field(default_factory=lambda: secrets.token_hex(10))

    def terms(self, **changes: Any) -> Grant:
        seal = self.company.call("GET", f"/v1/seals/{self.company.seal_id}").json()
        now = datetime.now(UTC).replace(microsecond=0)
        facts: dict[str, Any] = {
            "seal_code": seal["seal_code"],
            "seal_name": seal["name"],
            "holder": seal["enterprise_name"],
            "grantee": "宿迁市青松贸易有限公司",
            "grantee_by": "code",
            "grantee_sm3": sm3(self.code.encode()).hex(),
            "valid_from": now,
            "valid_until": now + 5 * DAY,
            "max_uses": 3,
            "offline_quota": 2,
            "scope": Scope(("合同",)),
            "nonce": secrets.token_hex(8),
        }
        return Grant(**facts | changes)

    def offer(self, grant: Grant | None = None, **more: Any) -> httpx.Response:
        grant = grant or self.terms()
        terms = grant.encode()
        signed = decision(
            self.company.url, self.company.key, "grant", grant.id, sm3(terms).hex(), ""
        )
        body = {"seal_id": self.company.seal_id, "terms": b64(terms), **signed, **more}
        return self.company.call("POST", "/v1/grants", body)

    def accept(
        self,
        key: SoftKey,
        grant: dict[str, Any],
        secret: str = "",
        newcomer: dict[str, str] | None = None,
        **changes: str,
    ) -> httpx.Response:
        token = base64.b64decode(grant["token"])
        digest = sm3(_terms(token)).hex()
        signed = decision(self.company.url, key, "accept-grant", grant["id"], digest, "")
        body: dict[str, Any] = {"key": secret or self.code, **signed}
        body |= {"newcomer": newcomer} if newcomer else {"certificate": b64(key.certificate)}
        body |= changes
        return httpx.post(f"{self.company.url}/v1/grant-acceptances", json=body, timeout=30)

    def withdraw(self, by: Applicant, grant: dict[str, Any]) -> httpx.Response:
        digest = sm3(_terms(base64.b64decode(grant["token"]))).hex()
        signed = decision(by.url, by.key, "withdraw-grant", grant["id"], digest, "")
        return by.call("POST", f"/v1/grants/{grant['id']}/withdrawal", signed)


def _terms(token: bytes) -> bytes:
    return SignedGrant.parse(token).grant.encode()
