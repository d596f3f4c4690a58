"""A signed body: what was signed comes back, and nothing else passes for it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto.pki.signed_body import SignedBody, SignedBodyError, sign_body
from tests.world.authorities import Authorities

PREFIX = b"SEALDESK-TEST-V1\x00"


def test_body_certificate_and_signature_come_back(authorities: Authorities) -> None:
    key = authorities.status
    token = sign_body(PREFIX, b"body", key)
    read = SignedBody.parse(token, len(token))
    assert (read.body, read.certificate.der) == (b"body", key.certificate)
    assert read.holds(PREFIX)
    assert not read.holds(b"")
    assert not read.holds(b"SEALDESK-OTHER-V1\x00")


def test_what_is_too_large_or_goes_on_is_refused(authorities: Authorities) -> None:
    token = sign_body(PREFIX, b"body", authorities.status)
    for data, most in ((token, len(token) - 1), (token + b"\0", 1 << 20), (token[:-1], 1 << 20)):
        with pytest.raises(SignedBodyError):
            SignedBody.parse(data, most)


@given(st.binary(max_size=200))
def test_whatever_comes_is_refused_or_read(data: bytes) -> None:
    with pytest.raises(SignedBodyError):
        SignedBody.parse(data, 1 << 20)
