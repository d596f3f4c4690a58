"""Every parser against values changed element by element, with all lengths made right again.

Flipped bytes mostly die at the first length. Here an element is dropped, doubled, swapped, given
another tag or another's content, and the whole is encoded anew: what arrives is good DER of a wrong
shape, deep inside. Nothing but the module's own error may come out, and nothing may still verify
whose signed bytes have changed.
"""

import hashlib
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from crypto.algorithms import gm
from crypto.asn1 import der
from crypto.pki.certificate import TIME_STAMPING, Certificate
from crypto.pki.certificate_making import Request, make_crl
from crypto.pki.certificate_making import make_request as make_certificate_request
from crypto.pki.chain import build_chain
from crypto.pki.cms import CmsError, SignedData, digest_of
from crypto.pki.cms_facts import signer_facts
from crypto.pki.cms_make import add_timestamp, make_signed_data
from crypto.pki.names_and_algorithms import CertificateError
from crypto.pki.revocation_list import Crl
from crypto.pki.timestamp import (
    Request as TimestampRequest,
)
from crypto.pki.timestamp import (
    TimestampError,
    TimestampToken,
    make_request,
    make_response,
    make_token,
    open_response,
)
from crypto.seal.making import make_seal, make_signature
from crypto.seal.structure import Extension, SealError, SealSignature
from tests.crypto.asn1.der_edits import operate

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
DOCUMENT = b"covered bytes"


seeds = st.integers(0, 1 << 32).map(random.Random)


@pytest.fixture(scope="module")
def holder(root):
    return root.key_for("32130000000001")


@pytest.fixture(scope="module")
def signed_values(holder, foreign_root) -> list[bytes]:
    key = foreign_root.key_for(rsa.generate_private_key(65537, 2048))
    token = der.sequence(der.oid("1.2"))
    return [
        make_signed_data(key=holder, digest=gm.sm3(DOCUMENT), seal=der.sequence(), gb_types=True),
        add_timestamp(make_signed_data(key=key, digest=hashlib.sha256(DOCUMENT).digest()), token),
    ]


@given(seeds)
def test_signed_data_of_wrong_shape(signed_values, dice):
    original = dice.choice(signed_values)
    before = SignedData.parse(original).signers[0]
    try:
        data = SignedData.parse(operate(original, dice))
    except CmsError:
        return
    for signer in data.signers:
        facts = signer_facts(data, signer, digest_of(DOCUMENT))
        # in any order: a SET that is not sorted counts as sorted (RFC 5652 §5.4)
        assert not facts.intact or set(signer.attributes or ()) == set(before.attributes or ())
        assert not signer_facts(data, signer, digest_of(b"other bytes")).intact
        assert not signer_facts(data, signer).intact


@pytest.fixture(scope="module")
def authority(root):
    return root.key_for("TSA", usage=("digitalSignature",), extended_key_usage=[TIME_STAMPING])


@pytest.fixture(scope="module")
def token(authority) -> bytes:
    return make_token(
        key=authority,
        hash_name="sm3",
        digest=gm.sm3(DOCUMENT),
        policy="1.2.3",
        serial=1,
        generated=NOW,
        nonce=5,
        accuracy=timedelta(seconds=1),
    )


@given(seeds)
def test_tokens_of_wrong_shape(token, dice):
    original = TimestampToken.parse(token)
    try:
        found = TimestampToken.parse(operate(token, dice))
    except TimestampError:
        return
    if found.facts(digest_of(DOCUMENT)).intact:
        assert found.signed.content == original.signed.content


@given(seeds)
def test_time_stamp_questions_and_answers_of_wrong_shape(authority, token, dice):
    request = make_request(gm.sm3(DOCUMENT), nonce=5, policy="1.2.3")
    options = {"key": authority, "policy": "1.2.3", "serial": 2, "now": NOW}
    asked = operate(request.der, dice)
    answer = make_response(asked, **options)
    response = der.sequence(der.sequence(der.integer(0)), token)
    for value in (answer, operate(response, dice)):
        try:
            found = open_response(value, request)
        except TimestampError:
            continue
        assert (found.digest, found.nonce) == (request.digest, request.nonce)
    try:
        assert TimestampRequest.parse(asked).der == asked
    except TimestampError:
        return


@pytest.fixture(scope="module")
def seal_signature(root, holder) -> bytes:
    extensions = [Extension("1.2.3", True, b"x")]
    seal = make_seal(
        es_id="32130000000001",
        vendor="V",
        seal_type=1,
        name="测试",
        signer_certificates=[holder.certificate],
        created=NOW,
        valid_from=NOW,
        valid_until=NOW + timedelta(days=9),
        picture=b"png",
        width_mm=40,
        height_mm=40,
        extensions=extensions,
        maker=root.key_for("maker", usage=("digitalSignature",)),
    )
    return make_signature(
        seal=seal,
        digest=gm.sm3(DOCUMENT),
        property_info="PDF",
        signed_at=NOW,
        key=holder,
        extensions=extensions,
    )


@given(seeds)
def test_seal_signatures_of_wrong_shape(seal_signature, dice):
    original = SealSignature.parse(seal_signature)
    try:
        found = SealSignature.parse(operate(seal_signature, dice))
    except SealError:
        return
    assert not found.signature_valid() or found.signed == original.signed
    assert not found.seal.signature_valid() or found.seal.signed == original.seal.signed


@given(seeds)
def test_certificates_of_wrong_shape(root, holder, dice):
    original = Certificate.parse(holder.certificate)
    try:
        found = Certificate.parse(operate(holder.certificate, dice))
    except CertificateError:
        return
    chain = build_chain(found, [], [root.certificate], NOW)
    assert not chain.anchored or found.tbs == original.tbs
    assert isinstance(str(found.subject), str)
    assert found.public_key.bits >= 0
    assert found.may_sign() in (True, False)


@given(seeds)
def test_lists_and_requests_of_wrong_shape(root, holder, dice):
    crl = make_crl(
        issuer=root.name,
        issuer_key=root.key,
        authority_spki=root.key.spki,
        number=3,
        this_update=NOW,
        next_update=NOW,
        entries=[(5, NOW, 1), (6, NOW, None)],
    )
    request = make_certificate_request(root.name, holder.spki, holder.sign)
    attempts: list[tuple[Callable[[bytes], object], bytes]] = [
        (Crl.parse, crl),
        (Request.parse, request),
    ]
    for parse, value in attempts:
        try:
            found = parse(operate(value, dice))
        except CertificateError:
            continue
        if isinstance(found, Crl):
            assert not found.issued_by(root.certificate) or found.tbs == Crl.parse(crl).tbs
        if isinstance(found, Request) and found.signature_valid:
            assert found.public_key == Request.parse(request).public_key
