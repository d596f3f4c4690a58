"""From a key on a token to one that signs: nothing unverified comes out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from app.signing import TokenKey, find_key
from crypto.algorithms import gm
from crypto.algorithms.keys import SoftKey
from device.token import BadSignature, Input, KeyNotFound, UnsupportedKey
from tests.world.authorities import Authorities


@dataclass
class Held:
    """A key as a token holds it."""

    public_key: bytes
    algorithm: str
    sign: Callable[[bytes], bytes]
    input: Input = Input.MESSAGE
    label: str = "k"
    key_id: bytes = b"\x01"
    certificates: tuple[bytes, ...] = ()
    certificate: bytes | None = None


@dataclass
class Session:
    held: list[Held] = field(default_factory=list)

    def keys(self) -> list[Held]:
        return self.held


def raw(der: bytes) -> bytes:
    r, s = gm.signature_values(der)
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def sm2(soft: SoftKey, kind: Input = Input.MESSAGE) -> Held:
    def sign(data: bytes) -> bytes:
        made = gm.sm2_sign_e(soft.private, data) if kind is Input.SM2_E else soft.sign(data)
        return raw(made)

    return Held(soft.spki, "sm2", sign, kind)


def spki(public: rsa.RSAPublicKey | ec.EllipticCurvePublicKey) -> bytes:
    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def as_key(held: Held, certificate: bytes = b"") -> TokenKey:
    return TokenKey(held, certificate)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", list(Input))
def test_a_raw_sm2_value_comes_out_as_der(kind: Input) -> None:
    soft = SoftKey.generate()
    value = as_key(sm2(soft, kind)).sign(b"message")
    assert value[0] == 0x30
    assert gm.sm2_verify(soft.public, b"message", value)


def test_keys_of_the_international_kind_sign_too() -> None:
    private = ec.generate_private_key(ec.SECP256R1())

    def ecdsa(data: bytes) -> bytes:
        r, s = decode_dss_signature(private.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    value = as_key(Held(spki(private.public_key()), "ec-p256", ecdsa)).sign(b"message")
    private.public_key().verify(value, b"message", ec.ECDSA(hashes.SHA256()))

    big = rsa.generate_private_key(65537, 2048)
    held = Held(
        spki(big.public_key()), "rsa", lambda m: big.sign(m, padding.PKCS1v15(), hashes.SHA256())
    )
    value = as_key(held).sign(b"message")
    big.public_key().verify(value, b"message", padding.PKCS1v15(), hashes.SHA256())


@pytest.mark.parametrize(
    "answer",
    [
        lambda soft, message: raw(SoftKey.generate().sign(message)),
        lambda soft, message: raw(soft.sign(message + b"x")),
        lambda soft, message: bytes(64),
        lambda soft, message: b"\xff" * 64,
        lambda soft, message: b"",
        lambda soft, message: b"\x30\x03\x02\x01\x01",
        lambda soft, message: raw(soft.sign(message))[::-1],
    ],
)
def test_a_value_that_does_not_verify_is_thrown_away(
    answer: Callable[[SoftKey, bytes], bytes],
) -> None:
    soft = SoftKey.generate()
    key = as_key(Held(soft.spki, "sm2", lambda message: answer(soft, message)))
    with pytest.raises(BadSignature):
        key.sign(b"message")


def test_a_kind_nobody_can_use_is_told_as_such() -> None:
    soft = SoftKey.generate()
    with pytest.raises(UnsupportedKey):
        as_key(Held(soft.spki, "dsa", lambda _: bytes(64))).sign(b"message")


def test_a_certificate_of_another_key_is_refused(authorities: Authorities) -> None:
    with pytest.raises(BadSignature):
        as_key(sm2(SoftKey.generate()), authorities.holder().certificate)


def test_the_key_of_a_certificate_is_found_among_others(authorities: Authorities) -> None:
    holder = authorities.holder()
    keys = Session([sm2(SoftKey.generate()), sm2(holder), sm2(SoftKey.generate())])
    found = find_key(keys, holder.certificate)  # type: ignore[arg-type]
    assert found.certificate == holder.certificate
    assert gm.sm2_verify(holder.public, b"x", found.sign(b"x"))
    with pytest.raises(KeyNotFound):
        find_key(keys, authorities.holder().certificate)  # type: ignore[arg-type]
