"""The pages' key is for one phone and one request."""

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from crypto.seal.page_key import WRAPPED_SIZE, wrap_for
from crypto.seal.phone import PhoneError
from tests.world.soft_phone import SoftPhone

PAGE_KEY, REQUEST = bytes(range(32)), b"\x07" * 32


def taken_out(phone: SoftPhone, wrapped: bytes, request: bytes) -> bytes:
    """As the phone's page does it."""
    theirs = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), wrapped[:65])
    shared = phone.pages_key.exchange(ec.ECDH(), theirs)
    info = b"SUQIAN-SEAL-PAGE-KEY-V1" + request
    key = HKDF(algorithm=hashes.SHA256(), length=32, salt=b"", info=info).derive(shared)
    return AESGCM(key).decrypt(bytes(12), wrapped[65:], None)


def test_the_phone_takes_the_key_out_and_nobody_else() -> None:
    phone, other = SoftPhone(), SoftPhone()
    wrapped = wrap_for(bytes.fromhex(phone.proof().key_ecdh), PAGE_KEY, REQUEST)
    assert len(wrapped) == WRAPPED_SIZE
    assert taken_out(phone, wrapped, REQUEST) == PAGE_KEY
    for somebody, request in ((other, REQUEST), (phone, b"\x08" * 32)):
        with pytest.raises(InvalidTag):
            taken_out(somebody, wrapped, request)


def test_the_same_key_is_never_wrapped_the_same() -> None:
    key = bytes.fromhex(SoftPhone().proof().key_ecdh)
    assert wrap_for(key, PAGE_KEY, REQUEST) != wrap_for(key, PAGE_KEY, REQUEST)


@pytest.mark.parametrize("key", [b"\x01" * 64, b"", b"\x00" * 64])
def test_what_is_no_point_of_the_curve_is_refused(key: bytes) -> None:
    with pytest.raises(PhoneError):
        wrap_for(key, PAGE_KEY, REQUEST)
