"""用印规则: which uses of a seal need whose approval, signed by whoever keeps it (第十九条).

The terms are canonical JSON; who sets them signs an intent that names the SM3 of the terms. Both
stand in the ticket of an approved use (:mod:`crypto.seal.use_approval`), so that anybody sees who
was to be asked. A policy is about a seal; the copies that its grantees have follow it too.
"""

from __future__ import annotations

import re
from datetime import datetime

from crypto.algorithms.gm import sm3
from crypto.frozen import frozen
from crypto.pki.certificate import Certificate
from crypto.pki.holder_name import is_held_by
from crypto.pki.signed_terms import (
    SignedTerms,
    TermsError,
    put_together,
    read_json,
    write_json,
)
from crypto.seal.purpose_text import hides, is_blank

TYPE = "seal-use-policy-v1"
VERB = "set-use-policy"
"""In the intent that the keeper signs; its object is the seal's code."""
MAX_APPROVERS = 9
_MAX_TEXT = 60
_INTENT = re.compile(
    rf"SUQIAN-SEAL-INTENT-V2\n(?P<origin>[^\n]*)\n{VERB}\n(?P<subject>[^\n]*)\n"
    r"(?P<digest>[0-9a-f]{64})\n\n(?P<at>[^\n]*)\n"
)


class PolicyError(ValueError):
    """The bytes are no policy, or not one that its maker has signed."""


def masked(name: str) -> str:
    """A name with all but its first character hidden: 张三 → 张*."""
    return name[:1] + "*" * (len(name) - 1)


@frozen
class Approver:
    """Somebody who may approve."""

    name: str
    """As verifiers see it: masked where the policy hides names."""
    role: str
    """In the keeper's words: 法定代表人, 财务负责人."""
    certificate_sm3: str
    """SM3, hex, of the certificate (DER) of the approver's Ukey."""


@frozen(kw_only=True)
class UsePolicy:
    """How a seal may be used: the terms."""

    seal_code: str
    """14 digits."""
    seal_name: str
    holder: str
    """Whose seal it is."""
    approvers: tuple[Approver, ...] = ()
    needed: int = 0
    """How many of them must approve each use; 0: nobody is asked."""
    offline: bool = False
    """May it be used for a time without the platform? Only where nobody has to be asked."""
    phone: bool = True
    """Do approvals by phone count?"""
    masked: bool = False
    """Are the names of requesters and approvers hidden from those who verify a document?"""
    keeper: str = ""
    """Who keeps the seal, in words; "" if that is not said."""
    nonce: str = ""

    def encode(self) -> bytes:
        """The terms, canonical JSON, UTF-8."""
        body = {
            "type": TYPE,
            "seal_code": self.seal_code,
            "seal_name": self.seal_name,
            "holder": self.holder,
            "approvers": [[each.name, each.role, each.certificate_sm3] for each in self.approvers],
            "needed": self.needed,
            "offline": self.offline,
            "phone": self.phone,
            "masked": self.masked,
            "keeper": self.keeper,
            "nonce": self.nonce,
        }
        return write_json(body)

    @classmethod
    def parse(cls, terms: bytes) -> UsePolicy:
        """Read terms; only what :meth:`encode` writes. Raises :class:`PolicyError`."""
        try:
            body = read_json(terms, TYPE)
            made = cls(
                seal_code=_string(body["seal_code"]),
                seal_name=_string(body["seal_name"], 160),
                holder=_string(body["holder"], 160),
                approvers=tuple(
                    Approver(_string(name), _string(role), _string(digest, 64))
                    for name, role, digest in body["approvers"]
                ),
                needed=_number(body["needed"]),
                offline=body["offline"] is True,
                phone=body["phone"] is True,
                masked=body["masked"] is True,
                keeper=_string(body["keeper"]),
                nonce=_string(body["nonce"]),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise PolicyError(f"the terms of a policy are malformed: {error}") from error
        if made.encode() != terms:
            raise PolicyError("the terms of a policy are not in their one form")
        if made.problem:
            raise PolicyError(made.problem)
        return made

    @property
    def problem(self) -> str:
        """Why these terms are refused, "" if they are in order."""
        if not re.fullmatch(r"\d{14}", self.seal_code):
            return "no seal code"
        if is_blank(self.seal_name) or is_blank(self.holder):
            return "a name is missing"
        if len(self.approvers) > MAX_APPROVERS:
            return "more approvers than can be"
        if self.needed > len(self.approvers) or bool(self.needed) != bool(self.approvers):
            return "as many approvals as there are approvers, at most, and at least one"
        if self.needed and self.offline:
            return "offline use, where nobody can be asked, and approvals that are needed"
        if len({each.certificate_sm3 for each in self.approvers}) != len(self.approvers):
            return "an approver twice"
        for approver in self.approvers:
            if is_blank(approver.name) or is_blank(approver.role):
                return "an approver without name or role"
            if not re.fullmatch(r"[0-9a-f]{64}", approver.certificate_sm3):
                return "an approver without a certificate"
            if self.masked and approver.name != masked(approver.name):
                return "a name that is not hidden"
        return ""

    @property
    def sm3(self) -> str:
        """SM3 of the terms, hex: identifies the policy in requests and at the platform."""
        return sm3(self.encode()).hex()

    def approver(self, certificate: bytes) -> Approver | None:
        """The approver with *certificate* (DER); None: not one of them."""
        digest = sm3(certificate).hex()
        return next((a for a in self.approvers if a.certificate_sm3 == digest), None)


@frozen
class SignedPolicy:
    """A policy whose signature fits the certificate inside, which is yet to be trusted."""

    token: bytes
    policy: UsePolicy
    origin: str
    """Of the platform for which it was signed."""
    signed_at: datetime
    """As its maker says."""
    certificate: Certificate

    @property
    def by_holder(self) -> bool:
        """Does the certificate name whose seal it is? The unit sets its rules (第十九条), and a
        file alone proves no office: a personal certificate, the legal representative's too, speaks
        for no unit. Platform, client and verifier ask this alike."""
        subject, holder = self.certificate.subject, self.policy.holder
        return is_held_by(subject, self.certificate.issuer, holder) or holder == (
            subject.organization
        )

    @classmethod
    def make(cls, terms: bytes, intent: str, certificate: bytes, signature: bytes) -> SignedPolicy:
        """Put one together. Raises :class:`PolicyError` if the parts do not belong together."""
        return cls.parse(put_together(terms, intent, certificate, signature))

    @classmethod
    def parse(cls, token: bytes) -> SignedPolicy:
        """Read one and check that the certificate's key has signed just these terms.

        Raises :class:`PolicyError`."""
        try:
            signed = SignedTerms.parse(token, _INTENT)
        except TermsError as error:
            raise PolicyError(f"not this policy: {error}") from error
        policy = UsePolicy.parse(signed.terms)
        if signed.subject != policy.seal_code:
            raise PolicyError("what was signed is not this policy")
        return cls(token, policy, signed.origin, signed.signed_at, signed.certificate)


def _string(value: object, most: int = _MAX_TEXT) -> str:
    if not isinstance(value, str) or len(value) > most or not value.isprintable() or hides(value):
        raise ValueError("a text that is none")
    return value


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_APPROVERS:
        raise ValueError("a number that is none")
    return value
