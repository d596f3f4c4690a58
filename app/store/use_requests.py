"""What the cabinet keeps of approvals: policies of use, and requests as the platform last told."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property

from crypto.frozen import frozen
from crypto.pki.certificate import Certificate
from crypto.seal.use_approval import SignedApproval, SignedRequest, UseRequest
from crypto.seal.use_policy import PolicyError, SignedPolicy, UsePolicy

OPEN = ("pending", "approved")
"""States in which something can still come of a request."""


@frozen
class PolicyRecord:
    """A seal's policy, as the platform last told of it."""

    seal_id: str
    """The platform's identifier of the seal that stamps: perhaps a copy."""
    platform: str
    """Origin."""
    token: bytes
    """As its keeper signed it; b"": none was set."""
    told_at: datetime

    @cached_property
    def signed(self) -> SignedPolicy | None:
        """None: none was set, or it cannot be read (:attr:`unreadable`)."""
        if not self.token:
            return None
        try:
            return SignedPolicy.parse(self.token)
        except PolicyError:
            return None

    @property
    def policy(self) -> UsePolicy | None:
        """What it says; None as for :attr:`signed`."""
        return self.signed.policy if self.signed is not None else None

    @property
    def unreadable(self) -> bool:
        """Was one set that this version refuses? Earlier ones took approvals with offline use. The
        next sync brings what is in force."""
        return bool(self.token) and self.signed is None

    @property
    def needs_approval(self) -> bool:
        """Must somebody approve each use?"""
        return self.policy is not None and self.policy.needed > 0

    @property
    def allows_offline(self) -> bool:
        return not self.unreadable and (self.policy is None or self.policy.offline)


@frozen
class Answer:
    """One approver's answer; no decision yet: ""."""

    certificate_sn: str
    """Hex."""
    name: str
    decision: str
    """"approve", "reject" or ""."""
    phone: bool
    at: str
    """RFC 3339; "" before."""
    reason: str
    link: str = ""
    """Secret part of the address of the approver's page for phones; "" if it is not for us."""


@frozen
class UseRequestRecord:
    """A request as the platform last told of it."""

    id: str
    side: str
    """"mine" or "asked"."""
    platform: str
    """Origin."""
    token: bytes
    """As its requester signed it."""
    policy_token: bytes
    """The policy that it follows."""
    seal_id: str
    state: str
    """"pending", "approved", "used", "rejected", "withdrawn" or "lapsed"."""
    reason: str
    requester: str
    used: int
    pages: int
    """Encrypted pages, the facts' among them."""
    evidence_size: int
    """Bytes that its approvals take in a ticket, about."""
    created_at: datetime
    changed_at: datetime
    answers_json: str
    """Who was asked and what each said."""
    wrapped: Mapping[str, bytes]
    """The pages' key, wrapped for keys of this person: key id → bytes."""
    certificate: bytes
    """Of the person at whose side it stands, DER."""
    key: bytes = b""
    """The pages' key, where this computer made the request."""
    wrapped_for: str = ""
    """Identifiers of the keys that it is wrapped for, where this computer made the request."""
    seen: str = ""
    """The state that the person has seen; "" for news."""

    @cached_property
    def request(self) -> UseRequest:
        """Raises :class:`crypto.seal.use_approval.ApprovalError`."""
        return SignedRequest.parse(self.token).request

    @cached_property
    def policy(self) -> UsePolicy:
        """Raises :class:`crypto.seal.use_policy.PolicyError`."""
        return SignedPolicy.parse(self.policy_token).policy

    @cached_property
    def answers(self) -> tuple[Answer, ...]:
        """Who was asked and what each said."""
        return tuple(Answer(**answer) for answer in json.loads(self.answers_json))

    @property
    def approvals(self) -> int:
        """How many have approved."""
        return sum(answer.decision == "approve" for answer in self.answers)

    @property
    def my_answer(self) -> Answer | None:
        """What the person of :attr:`certificate` was asked and said; None: not asked."""
        own = f"{Certificate.parse(self.certificate).serial:x}"
        return next((answer for answer in self.answers if answer.certificate_sn == own), None)

    def waits_for_me(self, now: datetime) -> bool:
        """Does it wait for this person's decision?"""
        answer = self.my_answer
        waiting = self.side == "asked" and answer is not None and not answer.decision
        return waiting and self.state_at(now) == "pending"

    def state_at(self, now: datetime) -> str:
        """Its state, or what has become of it since it was told."""
        over = self.state in OPEN and now > self.request.open_until
        return "lapsed" if over else self.state

    @property
    def unread(self) -> bool:
        """Has its state changed since the person last looked?"""
        return self.seen != self.state

    @property
    def left(self) -> int:
        """Signatures that may still be made with it."""
        return max(0, int(self.request.copies) - self.used)


def answers_json(answers: Sequence[Mapping[str, object]]) -> str:
    """The platform's list of who was asked as it is kept; what each signed is checked: a decision
    without a signature is none."""
    kept = []
    for answer in answers:
        token, said = answer.get("token"), ""
        reason, phone = "", False
        if isinstance(token, bytes) and token:
            signed = SignedApproval.parse(token)
            said, reason = signed.approval.decision, signed.approval.reason
            phone = signed.phone
        kept.append(
            {
                "certificate_sn": str(answer["certificate_sn"]),
                "name": str(answer["name"]),
                "decision": said,
                "phone": phone,
                "at": str(answer.get("decided_at") or ""),
                "reason": reason,
                "link": _link(answer.get("link")),
            }
        )
    return json.dumps(kept, ensure_ascii=False)


def _link(given: object) -> str:
    """Raises ValueError for what cannot stand in an address."""
    link = str(given or "")
    if link and not re.fullmatch("[A-Za-z0-9_-]{1,64}", link):
        raise ValueError("no link")
    return link
