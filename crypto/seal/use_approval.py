"""用印审批: a request to use a seal on one document, and what its approvers said.

The proof goes into the ticket (第十九条; the texts are docs/design/platform.md, "Approvals").

The requester's Ukey signs a :class:`UseRequest`, each approver a :class:`UseApproval` that repeats
it. Who signs an approval is behind one function, :func:`check_signer`: a Ukey, or a phone that a
Ukey has bound (:mod:`crypto.seal.phone`).

    SignedRequest    SEQUENCE { text OCTET STRING, certificate OCTET STRING, signature BIT STRING }
    SignedApproval   SEQUENCE { text OCTET STRING, phone BOOLEAN, proof OCTET STRING }
        proof        of a Ukey: SEQUENCE { certificate OCTET STRING, signature BIT STRING };
                     of a phone: a PhoneSignature
    UseEvidence      SEQUENCE { policy OCTET STRING, request OCTET STRING,
                                approvals SEQUENCE OF OCTET STRING }

Signatures are SM2 with SM3 over the text. What the platform believes (who is whose person, first
decisions, copies made) is not in here.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import ClassVar, Literal

from crypto.algorithms.gm import sm3
from crypto.algorithms.keys import SM2_WITH_SM3, SigningKey
from crypto.asn1 import der
from crypto.frozen import frozen
from crypto.pki.certificate import Certificate
from crypto.pki.names_and_algorithms import CertificateError
from crypto.seal.phone import PhoneError, PhoneSignature
from crypto.seal.purpose_text import (
    PurposeText,
    PurposeTextError,
    is_blank,
    read_time,
    write_time,
)
from crypto.seal.use_policy import Approver, PolicyError, SignedPolicy

MAX_SIZE = 88 * 1024
"""Bytes of an evidence: in base64 it has room in a statement
(:data:`crypto.seal.statement.MAX_SIZE`)."""
MAX_SIGNED = 16 * 1024
"""Bytes of one signed request or approval."""
MAX_REASON = 200
"""Characters of what an approver says beside yes or no."""
MAX_COPIES = 1000
MAX_PAGES = 100_000
MAX_BYTES = 2**40
LONGEST = timedelta(days=30)
"""How long a request can be open."""
APPROVE, REJECT = "approve", "reject"
SALTED = "salted-sm3 "
"""Begins the document's name in a request where the policy hides it: SM3, hex, of a salt and the
name, both of which are in the encrypted preview."""
CLOCK_SKEW = timedelta(minutes=10)
"""How far two people's clocks may be apart."""
_DIGEST = re.compile("[0-9a-f]{64}")


class ApprovalError(ValueError):
    """The bytes are no request, approval or evidence, or a signature does not hold."""


@frozen
class UseRequest(PurposeText):
    """What somebody wants to put a seal on."""

    PURPOSE: ClassVar = "SUQIAN-SEAL-USE-REQUEST-V1"

    origin: str
    request: str
    """``request_`` and 24 hex digits, made by the requester's client."""
    enterprise: str
    """Whose seal it is."""
    seal: str
    """Code of the seal that stamps: for a grantee, of the copy."""
    seal_name: str
    requester: str
    """Name, masked where the policy hides names."""
    requester_cert: str
    """SM3, hex, of the certificate that stamps and signs this."""
    grant: str
    """SM3, hex, of the grant's terms; "" for the holder's own seal."""
    policy: str
    """:attr:`crypto.seal.use_policy.UsePolicy.sm3`."""
    document_sm3: str
    """Of the file as it is before stamping, hex."""
    document_size: str
    """Its bytes: so many of the stamped file, from the first, are that file."""
    document_name: str
    """Or :data:`SALTED` and its digest."""
    pages: str
    copies: str
    """How many signatures may be made with it."""
    counterparty: str
    amount: str
    """In words, as the requester says; "" if none."""
    purpose: str
    preview_sha256: str
    """Of the pictures that approvers see, hex: SHA-256 over the SHA-256 of each page's WebP, in
    order; "" where there are none."""
    created: str
    until: str
    nonce: str

    @property
    def problem(self) -> str:
        if not re.fullmatch("request_[0-9a-f]{24}", self.request):
            return "no identifier of a request"
        if not re.fullmatch(r"\d{14}", self.seal):
            return "no seal code"
        digests = (self.requester_cert, self.policy, self.document_sm3)
        if not all(_DIGEST.fullmatch(digest) for digest in digests):
            return "a digest that is none"
        if not all(_DIGEST.fullmatch(each) for each in (self.grant, self.preview_sha256) if each):
            return "a digest that is none"
        if any(map(is_blank, (self.enterprise, self.requester, self.document_name))):
            return "a name is missing"
        numbers = ((self.pages, MAX_PAGES), (self.copies, MAX_COPIES))
        for text, most in (*numbers, (self.document_size, MAX_BYTES)):
            if not re.fullmatch("[1-9][0-9]{0,12}", text) or int(text) > most:
                return "a number that is none"
        try:
            begin, end = read_time(self.created), read_time(self.until)
        except PurposeTextError as error:
            return str(error)
        return "" if begin < end and end - begin <= LONGEST else "a term that is none"

    @property
    def sha256(self) -> str:
        """Of the text, hex: what approvals name."""
        return hashlib.sha256(self.encode()).hexdigest()

    @property
    def open_until(self) -> datetime:
        return read_time(self.until)


@frozen
class UseApproval(PurposeText):
    """What one approver said of a request, which it repeats."""

    PURPOSE: ClassVar = "SUQIAN-SEAL-APPROVAL-V1"

    origin: str
    decision: str
    """:data:`APPROVE` or :data:`REJECT`."""
    reason: str
    binding: str
    """:attr:`crypto.seal.phone.Binding.sha256`; "" for a Ukey."""
    request: str
    request_sha256: str
    seal: str
    seal_name: str
    requester: str
    document_sm3: str
    document_name: str
    pages: str
    purpose: str
    preview_sha256: str
    issued: str
    until: str
    nonce: str

    @classmethod
    def of(
        cls,
        request: UseRequest,
        decision: Literal["approve", "reject"],
        at: datetime,
        nonce: str,
        *,
        reason: str = "",
        binding: str = "",
    ) -> UseApproval:
        """The text that an approver signs. Raises :class:`.purpose_text.PurposeTextError` for a
        reason that cannot stand in it."""
        made = cls(
            origin=request.origin,
            decision=decision,
            reason=reason,
            binding=binding,
            request=request.request,
            request_sha256=request.sha256,
            seal=request.seal,
            seal_name=request.seal_name,
            requester=request.requester,
            document_sm3=request.document_sm3,
            document_name=request.document_name,
            pages=request.pages,
            purpose=request.purpose,
            preview_sha256=request.preview_sha256,
            issued=write_time(at),
            until=request.until,
            nonce=nonce,
        )
        made.encode()
        return made

    @property
    def problem(self) -> str:
        if self.decision not in (APPROVE, REJECT):
            return "neither approved nor rejected"
        if len(self.reason) > MAX_REASON:
            return "a reason that is too long"
        if self.binding and not _DIGEST.fullmatch(self.binding):
            return "a digest that is none"
        try:
            read_time(self.issued)
        except PurposeTextError as error:
            return str(error)
        return "" if self.nonce else "without a nonce"

    @property
    def at(self) -> datetime:
        """When it was decided, as its approver says."""
        return read_time(self.issued)

    def repeats(self, request: UseRequest) -> bool:
        """Is it about *request*, and about all that it says?"""
        return self == UseApproval.of(
            request,
            "approve" if self.decision == APPROVE else "reject",
            self.at,
            self.nonce,
            reason=self.reason,
            binding=self.binding,
        )


# --- signed ------------------------------------------------------------------------------------


@frozen
class SignedRequest:
    """A request that the certificate's key has signed; the certificate is yet to be trusted."""

    token: bytes
    request: UseRequest
    certificate: Certificate
    """The requester's."""

    @classmethod
    def make(cls, request: UseRequest, key: SigningKey) -> SignedRequest:
        """Sign *request*. Raises what the key raises."""
        text = request.encode()
        signature = key.sign(text)
        return cls.parse(
            der.sequence(
                der.octet_string(text), der.octet_string(key.certificate), der.bit_string(signature)
            )
        )

    @classmethod
    def parse(cls, token: bytes) -> SignedRequest:
        """Raises :class:`ApprovalError`."""
        text, certificate, signature = _signed(token)
        try:
            request = UseRequest.parse(text)
        except PurposeTextError as error:
            raise ApprovalError(f"no request: {error}") from error
        if request.requester_cert != sm3(certificate.der).hex():
            raise ApprovalError("the request names another certificate")
        if not certificate.public_key.verify(SM2_WITH_SM3, text, signature):
            raise ApprovalError("the requester's signature is wrong")
        return cls(token, request, certificate)


def _signed(token: bytes) -> tuple[bytes, Certificate, bytes]:
    if len(token) > MAX_SIGNED:
        raise ApprovalError("larger than anything signed here")
    try:
        fields = der.parse(token).children(der.SEQUENCE)
        text, certificate, signature = fields.octets(), fields.octets(), fields.bits()
        fields.finish()
        return text, Certificate.parse(certificate), signature
    except (der.DerError, CertificateError) as error:
        raise ApprovalError(f"nothing signed: {error}") from error


def ukey_proof(text: bytes, key: SigningKey) -> bytes:
    """What proves that a Ukey has signed *text*. Raises what the key raises."""
    return der.sequence(der.octet_string(key.certificate), der.bit_string(key.sign(text)))


def check_signer(text: bytes, said: UseApproval, phone: bool, proof: bytes) -> Certificate:
    """The certificate of the Ukey that has signed *text*, or has bound the phone that did; it is
    yet to be trusted. Raises :class:`ApprovalError`."""
    if phone:
        try:
            signed = PhoneSignature.parse(proof)
            signed.check(text, said.at)
        except PhoneError as error:
            raise ApprovalError(f"not signed by a phone: {error}") from error
        if signed.binding.sha256 != said.binding or signed.binding.origin != said.origin:
            raise ApprovalError("the approval names another binding")
        if not signed.binding.is_for(said.seal):
            raise ApprovalError("the phone was not bound for this seal")
        return signed.certificate
    if said.binding:
        raise ApprovalError("the approval names a phone, and a Ukey has signed it")
    try:
        fields = der.parse(proof).children(der.SEQUENCE)
        certificate, signature = Certificate.parse(fields.octets()), fields.bits()
        fields.finish()
    except (der.DerError, CertificateError) as error:
        raise ApprovalError(f"no signature of a Ukey: {error}") from error
    if not certificate.public_key.verify(SM2_WITH_SM3, text, signature):
        raise ApprovalError("the approver's signature is wrong")
    return certificate


@frozen
class SignedApproval:
    """An approval or a rejection that somebody has signed."""

    token: bytes
    approval: UseApproval
    phone: bool
    certificate: Certificate
    """Of the approver's Ukey; yet to be trusted."""

    @classmethod
    def make(cls, approval: UseApproval, proof: bytes, *, phone: bool = False) -> SignedApproval:
        """Put one together. Raises :class:`ApprovalError` if *proof* does not hold."""
        return cls.parse(
            der.sequence(
                der.octet_string(approval.encode()), der.boolean(phone), der.octet_string(proof)
            )
        )

    @classmethod
    def parse(cls, token: bytes) -> SignedApproval:
        """Raises :class:`ApprovalError`."""
        if len(token) > MAX_SIGNED:
            raise ApprovalError("larger than any approval")
        try:
            fields = der.parse(token).children(der.SEQUENCE)
            text, phone, proof = fields.octets(), fields.boolean(), fields.octets()
            fields.finish()
            approval = UseApproval.parse(text)
        except (der.DerError, PurposeTextError) as error:
            raise ApprovalError(f"no approval: {error}") from error
        return cls(token, approval, phone, check_signer(text, approval, phone, proof))


# --- the evidence in a ticket -------------------------------------------------------------------


def join(policy: bytes, request: bytes, approvals: Sequence[bytes]) -> bytes:
    """A :class:`UseEvidence`, DER, of its signed parts, which are not looked into. Raises
    :class:`ApprovalError` if it is larger than :data:`MAX_SIZE`, which nobody would read."""
    data = der.sequence(
        der.octet_string(policy),
        der.octet_string(request),
        der.sequence(*map(der.octet_string, approvals)),
    )
    if len(data) > MAX_SIZE:
        raise ApprovalError("larger than any evidence of approvals")
    return data


@frozen
class UseEvidence:
    """Policy, request and approvals of one use; every signature in it holds by itself."""

    policy: SignedPolicy
    request: SignedRequest
    approvals: tuple[SignedApproval, ...]

    def encode(self) -> bytes:
        """DER. Raises :class:`ApprovalError` as :func:`join`."""
        return join(self.policy.token, self.request.token, [a.token for a in self.approvals])

    @classmethod
    def parse(cls, data: bytes) -> UseEvidence:
        """Raises :class:`ApprovalError`."""
        if len(data) > MAX_SIZE:
            raise ApprovalError("larger than any evidence of approvals")
        try:
            fields = der.parse(data).children(der.SEQUENCE)
            policy, request = fields.octets(), fields.octets()
            listed = fields.next(der.SEQUENCE).children(der.SEQUENCE)
            fields.finish()
            tokens = []
            while not listed.at_end:
                tokens.append(listed.octets())
            made = cls(
                SignedPolicy.parse(policy),
                SignedRequest.parse(request),
                tuple(SignedApproval.parse(token) for token in tokens),
            )
        except (der.DerError, PolicyError) as error:
            raise ApprovalError(f"no evidence of approvals: {error}") from error
        if made.encode() != data:
            raise ApprovalError("evidence of approvals that is not in its one form")
        return made

    @property
    def approvers(self) -> tuple[tuple[Approver | None, SignedApproval], ...]:
        """Each approval with whom the policy names for its certificate."""
        policy = self.policy.policy
        return tuple((policy.approver(a.certificate.der), a) for a in self.approvals)

    def why_not(self, seal_code: str, original_code: str, signer: bytes) -> str:
        """Why it is no proof that a use of the seal *seal_code* (a copy of *original_code*, or that
        seal itself) by the certificate *signer* (DER) was approved; "" if it is one, as far as it
        says itself: "policy", "seal", "requester", "self", "approval", "role", "twice", "phone",
        "time", "rejected" or "count"."""
        policy, request = self.policy.policy, self.request.request
        if request.policy != policy.sm3 or policy.seal_code != original_code:
            return "policy"
        origins = {self.policy.origin, request.origin, *(a.approval.origin for a in self.approvals)}
        if len(origins) != 1:
            return "policy"
        if request.seal != seal_code:
            return "seal"
        if self.request.certificate.der != signer:
            return "requester"
        begin, end = read_time(request.created), request.open_until
        if self.policy.signed_at > begin + CLOCK_SKEW:
            return "time"
        requester = self.request.certificate.public_key.point
        counted: set[bytes] = set()
        for approver, each in self.approvers:
            said = each.approval
            if not said.repeats(request):
                return "approval"
            key = each.certificate.public_key.point  # one person may have several certificates
            if key == requester:
                return "self"
            if approver is None:
                return "role"
            if each.phone and not policy.phone:
                return "phone"
            if said.decision != APPROVE:
                return "rejected"
            if not begin - CLOCK_SKEW <= said.at <= end + CLOCK_SKEW:
                return "time"
            if key in counted:
                return "twice"
            counted.add(key)
        return "" if len(counted) >= max(1, policy.needed) else "count"
