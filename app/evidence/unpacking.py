"""The parts of one signature, taken apart so that other programs can go over each: the value, the
seal, the platform's ticket, and what the ticket and the seal hold — grant (授权), policy, request
and approvals (用印审批), a phone's binding (手机).

Making writes them beside the document; checking takes the document apart again and compares.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from crypto.algorithms import gm
from crypto.asn1 import der
from crypto.frozen import frozen
from crypto.pdf.reading.signatures import EmbeddedSignature
from crypto.pki.certificate import Certificate
from crypto.pki.cms import CmsError, SignedData
from crypto.pki.names_and_algorithms import CertificateError
from crypto.seal import registry_proof
from crypto.seal.grant import GrantError, SignedGrant, grant_of
from crypto.seal.phone import PhoneError, PhoneSignature, spki
from crypto.seal.registry_proof import RegistryProof
from crypto.seal.statement import PREFIX, STAPLE, SignedStatement, StatementError
from crypto.seal.structure import Seal, SealError
from crypto.seal.use_approval import ApprovalError, SignedApproval, UseEvidence
from crypto.seal.use_policy import SignedPolicy

_ECDSA_WITH_SHA256 = "sha256"


@frozen
class SignedPart:
    """Bytes that somebody has signed, as members of the package."""

    what: str
    """"ticket", "grant", "policy", "request", "approval", "binding", "passkey" or "registry"."""
    prefix: str
    """Of its members: ``signature-1/ticket-`` has ``…signed.bin`` and ``…signature.der``."""
    certificate: bytes
    """The signer's, DER; b"" where the key stands in ``…key.der``: a phone's."""
    hash_name: str = "sm3"


@dataclass
class Parts:
    """What was taken out."""

    members: dict[str, bytes] = field(default_factory=dict)
    known: list[bytes] = field(default_factory=list)
    """Certificates, DER, as they came."""
    seal: Seal | None = None
    signed: list[SignedPart] = field(default_factory=list)

    def add(self, name: str, data: bytes | None) -> None:
        if data:
            self.members[name] = data

    def add_signed(
        self, what: str, prefix: str, text: bytes, certificate: bytes, signature: bytes
    ) -> None:
        """A text, its signature by the key of *certificate*."""
        self.add(f"{prefix}signed.bin", text)
        self.add(f"{prefix}signature.der", der_signature(signature))
        self.known.append(certificate)
        self.signed.append(SignedPart(what, prefix, certificate))


def unpack(number: int, claim: EmbeddedSignature) -> Parts:
    """The parts of signature *number*; what cannot be read is left out, for it is in
    ``contents.der`` as it came."""
    parts, folder = Parts(), f"signature-{number}"
    parts.add(f"{folder}/contents.der", claim.contents)
    value, data = claim.seal_signature, claim.signed_data
    if value:
        parts.seal = value.seal
        parts.known += [value.certificate, *value.seal.certificates]
        parts.add(f"{folder}/signed.bin", value.signed)
        parts.add(f"{folder}/signature.der", der_signature(value.signature))
        _timestamps(parts, folder, [value.timestamp] if value.timestamp else [])
        for extension in value.extensions:
            if extension.kind == STAPLE:
                _ticket(parts, folder, extension.value)
    elif data:
        parts.known += [certificate.der for certificate in data.certificates]
        for place, encoded in enumerate(data.crls, 1):
            parts.add(f"{folder}/crl-{place}.crl", encoded)
        if data.signers:
            signer = data.signers[0]
            parts.add(f"{folder}/signed.bin", signer.signed_attributes or data.content)
            parts.add(f"{folder}/signature.der", signer.signature)
            _timestamps(parts, folder, signer.timestamps)
            with contextlib.suppress(SealError):
                parts.seal = Seal.parse(signer.seal) if signer.seal else None
    if parts.seal:
        _seal(parts, folder, parts.seal)
    return parts


def unpack_registry(number: int, proof: RegistryProof) -> Parts:
    """A proof of the registry's. Raises :class:`crypto.seal.registry_proof.RegistryProofError`."""
    parts = Parts()
    parts.add(f"registry/{number}.der", proof.token)
    signed = registry_proof.parts(proof.token)
    text, certificate = registry_proof.PREFIX + signed.body, signed.certificate.der
    parts.add_signed("registry", f"registry/{number}-", text, certificate, signed.signature)
    return parts


def der_signature(signature: bytes) -> bytes:
    """openssl reads SM2 values as DER only; some seals hold r‖s."""
    if len(signature) != 64:
        return signature
    return gm.signature_der(*gm.signature_values(signature))


def _timestamps(parts: Parts, folder: str, tokens: Iterable[bytes]) -> None:
    for number, token in enumerate(tokens, 1):
        parts.add(f"{folder}/timestamp-{number}.der", token)
        with contextlib.suppress(CmsError):
            parts.known += [certificate.der for certificate in SignedData.parse(token).certificates]


def _seal(parts: Parts, folder: str, seal: Seal) -> None:
    parts.known.append(seal.maker_certificate)
    parts.add(f"{folder}/seal.der", seal.der)
    parts.add(f"{folder}/seal-signed.bin", seal.signed)
    parts.add(f"{folder}/seal-signature.der", der_signature(seal.signature))
    with contextlib.suppress(GrantError):
        grant = grant_of(seal)
        if grant:
            _intent(parts, "grant", f"{folder}/grant", grant)


def _ticket(parts: Parts, folder: str, token: bytes) -> None:
    parts.add(f"{folder}/ticket.der", token)
    with contextlib.suppress(StatementError, der.DerError, CertificateError):
        ticket = SignedStatement.parse(token)
        fields = der.parse(token).children(der.SEQUENCE)
        body, certificate, signature = fields.octets(), fields.octets(), fields.bits()
        parts.add_signed("ticket", f"{folder}/ticket-", PREFIX + body, certificate, signature)
        leave = ticket.statement.leave
        if leave and leave.evidence:
            _approvals(parts, folder, leave.evidence)


def _intent(parts: Parts, what: str, prefix: str, signed: SignedGrant | SignedPolicy) -> None:
    """Terms, and the text that names their SM3, which was signed."""
    fields = der.parse(signed.token).children(der.SEQUENCE)
    terms, text = fields.octets(), fields.octets()
    certificate, signature = fields.octets(), fields.bits()
    parts.add(f"{prefix}-terms.json", terms)
    parts.add_signed(what, f"{prefix}-", text, certificate, signature)


def _approvals(parts: Parts, folder: str, encoded: bytes) -> None:
    with contextlib.suppress(ApprovalError, PhoneError, der.DerError, CertificateError):
        evidence = UseEvidence.parse(encoded)
        _intent(parts, "policy", f"{folder}/policy", evidence.policy)
        fields = der.parse(evidence.request.token).children(der.SEQUENCE)
        text, certificate, signature = fields.octets(), fields.octets(), fields.bits()
        parts.add_signed("request", f"{folder}/request-", text, certificate, signature)
        for number, approval in enumerate(evidence.approvals, 1):
            _approval(parts, f"{folder}/approval-{number}", approval)


def _approval(parts: Parts, prefix: str, signed: SignedApproval) -> None:
    """By a Ukey, which has signed the text; or by a phone: the Ukey has signed its binding, and the
    passkey a challenge that is the SHA-256 of the text."""
    fields = der.parse(signed.token).children(der.SEQUENCE)
    text, phone, proof = fields.octets(), fields.boolean(), fields.octets()
    if not phone:
        inner = der.parse(proof).children(der.SEQUENCE)
        certificate, signature = inner.octets(), inner.bits()
        parts.add_signed("approval", f"{prefix}-", text, certificate, signature)
        return
    said = PhoneSignature.parse(proof)
    parts.add(f"{prefix}.txt", text)
    parts.add_signed(
        "binding",
        f"{prefix}-binding-",
        said.binding.encode(),
        said.certificate.der,
        said.binding_signature,
    )
    parts.add(f"{prefix}-client-data.json", said.assertion.client_data)
    parts.add(f"{prefix}-passkey-signed.bin", said.assertion.message)
    parts.add(f"{prefix}-passkey-signature.der", said.assertion.signature)
    parts.add(f"{prefix}-passkey-key.der", spki(bytes.fromhex(said.binding.key_es256)))
    parts.signed.append(SignedPart("passkey", f"{prefix}-passkey-", b"", _ECDSA_WITH_SHA256))


def certificate_of(encoded: bytes) -> Certificate | None:
    """None for what is no certificate."""
    try:
        return Certificate.parse(encoded)
    except CertificateError:
        return None
