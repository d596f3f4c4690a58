"""A phone in software: one passkey, one key for pages, and what their browser makes with them."""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from crypto.algorithms.keys import SoftKey
from crypto.pki.certificate import Certificate
from crypto.seal.phone import (
    ANY_SEAL,
    Assertion,
    Binding,
    PairingProof,
    PhoneSignature,
    host_of,
    write_base64url,
)
from crypto.seal.purpose_text import write_time
from tests.world.authorities import NOW

PRESENT_AND_VERIFIED = 0x05


def _point(key: ec.EllipticCurvePrivateKey) -> bytes:
    public = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return public[1:]


@dataclass
class SoftPhone:
    origin: str = "https://seal.example"
    flags: int = PRESENT_AND_VERIFIED
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    pages_key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    credential: bytes = field(default_factory=lambda: secrets.token_bytes(32))

    def client_data(self, type_: str, challenge: bytes, **changes: Any) -> bytes:
        said = {"type": type_, "challenge": write_base64url(challenge), "origin": self.origin}
        return json.dumps(said | {"crossOrigin": False} | changes).encode()

    def authenticator_data(self, **changes: Any) -> bytes:
        rp_id = changes.get("rp_id", host_of(self.origin))
        flags = changes.get("flags", self.flags)
        return hashlib.sha256(rp_id.encode()).digest() + bytes([flags]) + bytes(4)

    def registered(self) -> bytes:
        """Authenticator data of a new passkey."""
        point, size = _point(self.key), len(self.credential).to_bytes(2, "big")
        cose = bytes.fromhex("a5010203262001215820") + point[:32] + b"\x22\x58\x20" + point[32:]
        head = self.authenticator_data(flags=self.flags | 0x40)
        return head + bytes(16) + size + self.credential + cose

    def proof(self, pairing: str = "p1", nonce: str = "00" * 16) -> PairingProof:
        return PairingProof(
            origin=self.origin,
            pairing=pairing,
            credential=write_base64url(self.credential),
            key_es256=_point(self.key).hex(),
            key_ecdh=_point(self.pages_key).hex(),
            aaguid="00" * 16,
            backup="none",
            phone="测试手机",
            nonce=nonce,
        )

    def sign(self, text: bytes, **changes: Any) -> Assertion:
        """The assertion whose challenge is the text's SHA-256."""
        challenge = hashlib.sha256(text).digest()
        client_data = self.client_data("webauthn.get", challenge, **changes.pop("client", {}))
        data = self.authenticator_data(**changes)
        message = data + hashlib.sha256(client_data).digest()
        return Assertion(client_data, data, self.key.sign(message, ec.ECDSA(hashes.SHA256())))


def bound(phone: SoftPhone, ukey: SoftKey, /, **changes: Any) -> Binding:
    """What *ukey* signs to bind *phone*."""
    proof = phone.proof()
    facts: dict[str, Any] = {
        "origin": phone.origin,
        "rp_id": host_of(phone.origin),
        "pairing": proof.pairing,
        "enterprise": "91321300MA1XXXXX0X",
        "person": "李四",
        "certificate": f"{Certificate.parse(ukey.certificate).serial:x}",
        "seals": ANY_SEAL,
        "credential": proof.credential,
        "key_es256": proof.key_es256,
        "key_ecdh": proof.key_ecdh,
        "aaguid": proof.aaguid,
        "backup": proof.backup,
        "phone": proof.phone,
        "from_": write_time(NOW - timedelta(days=1)),
        "until": write_time(NOW + timedelta(days=300)),
        "nonce": proof.nonce,
    }
    return Binding(**facts | changes)


def signature(
    phone: SoftPhone, ukey: SoftKey, text: bytes, *, binding: Binding | None = None, **changes: Any
) -> PhoneSignature:
    """Binding and assertion over *text*."""
    binding = binding or bound(phone, ukey)
    return PhoneSignature(
        binding,
        ukey.sign(binding.encode()),
        Certificate.parse(ukey.certificate),
        phone.sign(text, **changes),
    )


def labelled(lines: bytes) -> dict[str, str]:
    """The values of a signed text, by name."""
    return dict(line.split(": ", 1) for line in lines.decode().split("\n")[1:-1])
