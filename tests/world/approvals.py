"""A company whose seal is used with approvals: its people's keys, and what they sign."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from app.store.cabinet import SealRecord
from crypto.algorithms.gm import sm3
from crypto.algorithms.keys import SoftKey
from crypto.pdf.marks.drawing import Mark
from crypto.pdf.reading.document import Document
from crypto.pdf.signing.sign import Revision, sign_revision
from crypto.pdf.signing.values import SignatureMaker
from crypto.pdf.verify import verify_pdf
from crypto.pki.certificate import DOCUMENT_SIGNING, Certificate
from crypto.seal.phone import Binding, PhoneSignature
from crypto.seal.purpose_text import write_time
from crypto.seal.statement import Leave
from crypto.seal.use_approval import (
    SignedApproval,
    SignedRequest,
    UseApproval,
    UseEvidence,
    UseRequest,
    ukey_proof,
)
from crypto.seal.use_policy import VERB, Approver, SignedPolicy, UsePolicy
from crypto.verdict import Report
from tests.world.authorities import CODE, NOW, Authorities
from tests.world.documents import classic_pdf
from tests.world.seals import imprint
from tests.world.soft_phone import SoftPhone, bound

ORIGIN = "https://seal.example"
COMPANY = "宿迁市测试单位"
ASKED = NOW - timedelta(hours=3)


def signed_policy(
    policy: UsePolicy, keeper: SoftKey, origin: str = ORIGIN, *, at: str = ""
) -> SignedPolicy:
    """*policy* as *keeper* signs it."""
    at = at or (ASKED - timedelta(days=3)).isoformat()
    lines = ("SUQIAN-SEAL-INTENT-V2", origin, VERB, policy.seal_code, policy.sm3, "", at, "")
    text = "\n".join(lines)
    return SignedPolicy.make(policy.encode(), text, keeper.certificate, keeper.sign(text.encode()))


def approver_of(key: SoftKey, name: str, role: str) -> Approver:
    return Approver(name, role, sm3(key.certificate).hex())


@dataclass
class Company:
    """One seal, a requester who stamps, two of three approvers needed."""

    authorities: Authorities = field(default_factory=Authorities)
    document: bytes = field(default_factory=classic_pdf)
    requester: SoftKey = field(init=False)
    keeper: SoftKey = field(init=False)
    approvers: tuple[SoftKey, ...] = field(init=False)
    policy: SignedPolicy = field(init=False)
    request: SignedRequest = field(init=False)
    seal: bytes = field(init=False)

    def __post_init__(self) -> None:
        self.requester, self.keeper = self.key(CODE), self.key("32130000000099")
        self.approvers = tuple(self.key(name) for name in ("张三", "李四", "王五"))
        self.seal = self.authorities.seal(self.requester)
        self.policy = self.ruled()
        self.request = SignedRequest.make(self.asked(), self.requester)

    def key(self, name: str, company: str = COMPANY) -> SoftKey:
        usage = ("digitalSignature", "nonRepudiation")
        return self.authorities.certified(name, usage, DOCUMENT_SIGNING, company)

    def record(self, **changes: Any) -> SealRecord:
        """The requester's seal, as a cabinet keeps it."""
        facts: dict[str, Any] = {
            "id": "seal_1",
            "code": CODE,
            "name": COMPANY,
            "kind": "company",
            "subtype": "official",
            "state": "active",
            "reason": "",
            "enterprise": COMPANY,
            "uscc": "91321302MA27DEMO2X",
            "platform": ORIGIN,
            "data": self.seal,
            "certificate": self.requester.certificate,
            "certificate_state": "active",
            "collected_at": NOW,
            "updated_at": NOW,
        }
        return SealRecord(**facts | changes)

    def ruled(self, keeper: SoftKey | None = None, **changes: Any) -> SignedPolicy:
        roles = ("法定代表人", "财务负责人", "法务负责人")
        facts: dict[str, Any] = {
            "seal_code": CODE,
            "seal_name": COMPANY,
            "holder": COMPANY,
            "approvers": tuple(
                approver_of(key, name, role)
                for key, name, role in zip(
                    self.approvers, ("张三", "李四", "王五"), roles, strict=True
                )
            ),
            "needed": 2,
            "nonce": "00112233",
        }
        return signed_policy(UsePolicy(**facts | changes), keeper or self.keeper)

    def asked(self, **changes: Any) -> UseRequest:
        facts: dict[str, Any] = {
            "origin": ORIGIN,
            "request": "request_" + "0" * 24,
            "enterprise": COMPANY,
            "seal": CODE,
            "seal_name": COMPANY,
            "requester": "赵六",
            "requester_cert": sm3(self.requester.certificate).hex(),
            "grant": "",
            "policy": self.policy.policy.sm3,
            "document_sm3": sm3(self.document).hex(),
            "document_size": str(len(self.document)),
            "document_name": "采购合同.pdf",
            "pages": "1",
            "copies": "1",
            "counterparty": "某某公司",
            "amount": "壹万元整",
            "purpose": "签合同",
            "preview_sha256": sm3(b"preview").hex(),
            "created": write_time(ASKED),
            "until": write_time(ASKED + timedelta(days=3)),
            "nonce": "8899aabb",
        }
        return UseRequest(**facts | changes)

    def said(self, decision: Any = "approve", **changes: Any) -> UseApproval:
        """What an approver says of the request; *changes* to the text."""
        at = changes.pop("at", ASKED + timedelta(hours=1))
        made = UseApproval.of(self.request.request, decision, at, "ab" * 8)
        return replace(made, **changes)

    def approved(self, *keys: SoftKey, **changes: Any) -> tuple[SignedApproval, ...]:
        said = self.said(**changes)
        return tuple(SignedApproval.make(said, ukey_proof(said.encode(), key)) for key in keys)

    def evidence(self, approvals: Sequence[SignedApproval] | None = None) -> UseEvidence:
        if approvals is None:
            approvals = self.approved(*self.approvers[:2])
        return UseEvidence(self.policy, self.request, tuple(approvals))

    def stamped(
        self,
        evidence: UseEvidence | None = None,
        document: bytes | None = None,
        *,
        issued_at: datetime = NOW - timedelta(minutes=1),
        said: bytes = b"",
        ticketed: bool = True,
        **leave: Any,
    ) -> bytes:
        """The document with the seal, and the platform's ticket with *evidence* in it."""
        evidence = evidence or self.evidence()
        maker = SignatureMaker("ses", self.requester, self.seal, room=len(evidence.encode()) * 2)
        whole = said or evidence.encode()
        given = {"approval": evidence.request.request.request, "evidence": whole}

        def value(revision: Revision) -> bytes:
            ticket = self.authorities.statement(
                self.requester,
                document_digest=revision.digest,
                issued_at=issued_at,
                leave=Leave(**given | leave),
            )
            return maker.make(revision, NOW, ticket.token if ticketed else b"")

        output = io.BytesIO()
        sign_revision(
            Document(io.BytesIO(document or self.document)),
            output,
            profile=maker.label,
            value_size=maker.size,
            make_value=value,
            marks=[Mark(0, 100.0, 200.0, 40.0, 40.0)],
            picture=imprint(),
            signed_at=NOW,
        )
        return output.getvalue()

    def judged(self, data: bytes, **changes: Any) -> Report:
        """*changes*: to what the platform says of the seal."""
        trust = self.authorities.trust
        own = self.authorities.statement(self.requester, issued_at=NOW, **changes)
        trust = replace(trust, statements=(*trust.statements, own))
        return verify_pdf(io.BytesIO(data), "文件.pdf", trust, NOW + timedelta(minutes=1))


def by_phone(company: Company, ukey: SoftKey) -> SignedApproval:
    """An approval by a phone that *ukey* has bound."""
    phone = SoftPhone()
    binding: Binding = bound(phone, ukey)
    said = company.said(binding=binding.sha256)
    signature = PhoneSignature(
        binding,
        ukey.sign(binding.encode()),
        Certificate.parse(ukey.certificate),
        phone.sign(said.encode()),
    )
    return SignedApproval.make(said, signature.encode(), phone=True)
