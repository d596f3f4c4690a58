"""Keys and signature values in every shape that tokens give them."""

from __future__ import annotations

from contextlib import suppress

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from device.encoding import (
    P256_CURVE,
    certificate_parts,
    ec_point,
    ec_spki,
    public_bits,
    raw_signature,
    rsa_size,
    rsa_spki,
)
from device.token import BadSignature
from tests.device.ukey_bench import der_signature

ORDER = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
halves = st.integers(1, ORDER - 1).map(lambda number: number.to_bytes(32, "big"))


@given(halves, halves, st.sampled_from(["raw", "der"]))
def test_both_shapes_of_a_signature_are_understood(r: bytes, s: bytes, promised: str) -> None:
    raw = r + s
    assert raw_signature(raw, "sm2", promised) == raw
    assert raw_signature(der_signature(raw), "sm2", promised) == raw


@given(st.binary(max_size=80))
def test_other_bytes_are_a_bad_signature_or_a_signature(value: bytes) -> None:
    with suppress(BadSignature):
        assert len(raw_signature(value, "sm2")) == 64


@pytest.mark.parametrize(
    "value",
    [
        b"",
        bytes(64),
        bytes(32) + b"\x01".rjust(32, b"\0"),
        ORDER.to_bytes(32, "big") + b"\x01".rjust(32, b"\0"),
        b"\xff" * 64,
        der_signature(b"\x01" * 64) + b"\0",
        der_signature(b"\x01" * 64)[:-1],
        bytes.fromhex("3006020181020101"),  # negative r
        bytes.fromhex("3005020002010100")[:7],  # empty r
        b"\x30\x80" + bytes(62),
    ],
)
def test_malformed_signatures_are_refused(value: bytes) -> None:
    with pytest.raises(BadSignature):
        raw_signature(value, "sm2")


def test_an_r_above_the_sm2_order_may_be_fine_for_p256() -> None:
    value = (ORDER + 1).to_bytes(32, "big") + b"\x01" * 32
    assert raw_signature(value, "ec-p256") == value
    with pytest.raises(BadSignature):
        raw_signature(value, "sm2")


def test_all_three_shapes_of_a_point_are_understood() -> None:
    point = bytes(range(1, 65))
    for shape in (point, b"\x04" + point, b"\x04\x41\x04" + point):
        assert ec_point(shape) == point
    for shape in (b"", point[:-1], b"\x02" + point, b"\x04\x41\x03" + point, point + point):
        with pytest.raises(ValueError, match="point"):
            ec_point(shape)


def test_public_keys_are_written_as_everybody_writes_them() -> None:
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    point = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    expected = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert ec_spki(P256_CURVE, ec_point(point)) == expected
    assert public_bits(expected) == b"\0" + point
    numbers = rsa.generate_private_key(65537, 2048).public_key()
    modulus = numbers.public_numbers().n.to_bytes(256, "big")
    written = rsa_spki(b"\0" + modulus, b"\x01\x00\x01")
    assert written == numbers.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert rsa_size(written) == 256


@given(st.binary(max_size=200))
def test_any_bytes_are_a_certificate_or_a_value_error(data: bytes) -> None:
    with suppress(ValueError):
        certificate_parts(data)
