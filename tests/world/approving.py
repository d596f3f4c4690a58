"""Approvals of uses of an :class:`tests.world.applicant.Applicant`'s seal, by hand from the
contract."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from crypto.algorithms import gm
from crypto.algorithms.gm import sm3
from crypto.algorithms.keys import SoftKey
from crypto.pki.certificate import Certificate
from crypto.seal.approver_key import ApproverKey, SignedApproverKey
from crypto.seal.purpose_text import write_time
from crypto.seal.use_approval import (
    SignedApproval,
    SignedRequest,
    UseApproval,
    UseRequest,
    ukey_proof,
)
from crypto.seal.use_policy import VERB, Approver, UsePolicy
from tests.world.applicant import Applicant, b64, decision, number_of


class Somebody(Applicant):
    """Who acts for an enterprise as its legal representative."""

    def body(self, **changes: Any) -> dict[str, Any]:
        handler = {"name": self.legal_rep, "id_no": number_of(self.legal_rep), "phone": ""}
        return super().body(**{"handler": handler} | changes)


@dataclass
class Approving:
    """A seal of *company*, and who is asked about its uses."""

    company: Applicant
    approvers: tuple[Applicant, ...]
    policy: UsePolicy | None = None
    seal: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.seal = self.company.call("GET", f"/v1/seals/{self.company.seal_id}").json()

    def terms(self, needed: int = 1, **changes: Any) -> UsePolicy:
        listed = tuple(
            Approver(each.legal_rep, "负责人", sm3(each.key.certificate).hex())
            for each in (self.approvers if needed else ())
        )
        facts: dict[str, Any] = {
            "seal_code": self.seal["seal_code"],
            "seal_name": self.seal["name"],
            "holder": self.seal["enterprise_name"],
            "approvers": listed,
            "needed": needed,
            "offline": False,
            "nonce": secrets.token_hex(8),
        }
        return UsePolicy(**facts | changes)

    def rule(self, policy: UsePolicy, by: Applicant | None = None) -> httpx.Response:
        """Set *policy*, signed by whoever keeps the seal."""
        by = by or self.company
        signed = decision(by.url, by.key, VERB, policy.seal_code, policy.sm3, "")
        body = {"terms": b64(policy.encode()), **signed}
        answer = by.call("POST", f"/v1/seals/{self.company.seal_id}/use-policy", body)
        if answer.status_code == 201:
            self.policy = policy
            for each in self.approvers:
                each.sign_in()  # the role came with the policy
        return answer

    def request(self, document: bytes = b"contract", **changes: Any) -> UseRequest:
        assert self.policy is not None
        now = datetime.now(UTC)
        facts: dict[str, Any] = {
            "origin": self.company.url,
            "request": f"request_{secrets.token_hex(12)}",
            "enterprise": self.policy.holder,
            "seal": self.policy.seal_code,
            "seal_name": self.policy.seal_name,
            "requester": self.company.legal_rep,
            "requester_cert": sm3(self.company.key.certificate).hex(),
            "grant": "",
            "policy": self.policy.sm3,
            "document_sm3": sm3(document).hex(),
            "document_size": str(len(document)),
            "document_name": "采购合同.pdf",
            "pages": "3",
            "copies": "1",
            "counterparty": "某某公司",
            "amount": "",
            "purpose": "签合同",
            "preview_sha256": "",
            "created": write_time(now),
            "until": write_time(now + timedelta(days=1)),
            "nonce": secrets.token_hex(16),
        }
        return UseRequest(**facts | changes)

    def ask(
        self, request: UseRequest | None = None, key: SoftKey | None = None, **body: Any
    ) -> httpx.Response:
        request = request or self.request()
        signed = SignedRequest.make(request, key or self.company.key)
        body = {"seal_id": self.company.seal_id, "token": b64(signed.token), **body}
        return self.company.call("POST", "/v1/use-requests", body)

    def approval(
        self, by: Applicant, request: dict[str, Any], said: Any = "approve", **changes: Any
    ) -> SignedApproval:
        asked = SignedRequest.parse(base64.b64decode(request["token"])).request
        at = changes.pop("at", datetime.now(UTC))
        text = UseApproval.of(asked, said, at, secrets.token_hex(16), **changes)
        return SignedApproval.make(text, ukey_proof(text.encode(), by.key))

    def decide(
        self, by: Applicant, request: dict[str, Any], said: Any = "approve", **changes: Any
    ) -> httpx.Response:
        token = self.approval(by, request, said, **changes).token
        return by.call("POST", f"/v1/use-requests/{request['id']}/decision", {"token": b64(token)})

    def ticket(self, request: str = "", document: bytes = b"contract") -> httpx.Response:
        body = {"seal_id": self.company.seal_id, "document_sm3": sm3(document).hex()}
        return self.company.call("POST", "/v1/tickets", body | {"request": request})


def approver_key(by: Applicant) -> tuple[bytes, SignedApproverKey]:
    """A key for pages that *by*'s Ukey vouches for: (private half, what is signed)."""
    private = gm.generate_private_key()
    key = ApproverKey(
        by.url,
        f"{Certificate.parse(by.key.certificate).serial:x}",
        gm.public_key_of(private).hex(),
        write_time(datetime.now(UTC)),
        secrets.token_hex(16),
    )
    return private, SignedApproverKey.make(key, by.key)
