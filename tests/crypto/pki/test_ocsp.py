"""OCSP, both sides: ``openssl ocsp`` answers us and verifies what we answer."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from crypto.algorithms.keys import SoftKey
from crypto.asn1 import der
from crypto.pki.certificate import OCSP_SIGNING, TIME_STAMPING, Certificate
from crypto.pki.names_and_algorithms import CertificateError
from crypto.pki.ocsp import (
    MALFORMED_REQUEST,
    Answer,
    CertificateId,
    OcspRequest,
    OcspResponse,
    make_request,
    make_response,
    refusal,
)

NOW = datetime.now(UTC).replace(microsecond=0)
REVOKED_AT = datetime(2026, 6, 1, tzinfo=UTC)


def answer_about(certificate: Certificate, issuer: Certificate, **changes) -> Answer:
    values = {
        "certificate_id": CertificateId.of(certificate, issuer),
        "state": "good",
        "revoked_at": None,
        "reason": None,
        "this_update": NOW - timedelta(minutes=5),
        "next_update": NOW + timedelta(days=1),
    }
    return Answer(**{**values, **changes})


def revoked_answer(certificate: Certificate, issuer: Certificate, **changes) -> Answer:
    values = {"state": "revoked", "revoked_at": REVOKED_AT, "reason": 1, **changes}
    return answer_about(certificate, issuer, **values)


@pytest.fixture(scope="module")
def holder(root) -> Certificate:
    return Certificate.parse(root.key_for("宿迁某公司").certificate)


@pytest.fixture(scope="module")
def responder(root) -> SoftKey:
    return root.key_for("状态", extended_key_usage=[OCSP_SIGNING])


# --- openssl answers, we read ------------------------------------------------------------------


@pytest.fixture(scope="module")
def foreign(foreign_root, rsa_key, p256_key):
    """(issuer, good certificate, revoked certificate, the issuer's key, a delegated responder)"""
    delegated = foreign_root.key_for(
        ec.generate_private_key(ec.SECP256R1()), "Responder", extended=[OCSP_SIGNING]
    )
    return (
        Certificate.parse(foreign_root.certificate),
        Certificate.parse(rsa_key.certificate),
        Certificate.parse(p256_key.certificate),
        delegated,
    )


def answered_by_openssl(openssl, foreign, request: bytes) -> bytes:
    issuer, good, revoked, delegated = foreign
    index = (
        f"V\t310101000000Z\t\t{good.serial:04X}\tunknown\t/CN=RSA Signer\n"
        f"R\t310101000000Z\t260601000000Z,keyCompromise\t{revoked.serial:04X}\tunknown\t/CN=P\n"
    )
    response = openssl.new()
    openssl.run(
        *("ocsp", "-index", openssl.file(index.encode(), ".txt"), "-CA", openssl.pem(issuer.der)),
        *("-rsigner", openssl.pem(delegated.certificate)),
        *("-rkey", openssl.file(delegated.pem, ".pem"), "-ndays", "1"),
        *("-reqin", openssl.file(request), "-respout", response),
    )
    return response.read_bytes()


@pytest.mark.parametrize("hash_name", ["sha1", "sha256"])
def test_what_openssl_answers_is_proved(openssl, foreign, hash_name):
    issuer, good, revoked, _ = foreign
    for certificate, state in ((good, "good"), (revoked, "revoked")):
        request = make_request(certificate, issuer, hash_name=hash_name)
        response = OcspResponse.parse(answered_by_openssl(openssl, foreign, request))
        said = response.answer(certificate, issuer)
        assert said is not None
        assert said.state == state
        assert said.certificate_id.hash_name == hash_name
        assert response.nonce == OcspRequest.parse(request).nonce
        if state == "revoked":
            assert (said.revoked_at, said.reason) == (REVOKED_AT, 1)
    assert response.answer(good, issuer) is None  # it speaks of the other one


def test_openssl_knows_nothing_of_an_unlisted_certificate(openssl, foreign):
    issuer, _, _, delegated = foreign
    stranger = Certificate.parse(delegated.certificate)
    answer = answered_by_openssl(openssl, foreign, make_request(stranger, issuer))
    said = OcspResponse.parse(answer).answer(stranger, issuer)
    assert said is not None
    assert said.state == "unknown"


# --- we answer, openssl reads ------------------------------------------------------------------


@pytest.mark.parametrize("state", ["good", "revoked"])
def test_openssl_verifies_what_we_answer(openssl, foreign, state):
    issuer, certificate, _, delegated = foreign
    make = {"good": answer_about, "revoked": revoked_answer}[state]
    response = make_response(
        [make(certificate, issuer)],
        key=delegated,
        produced_at=NOW,
        certificates=[delegated.certificate],
    )
    said = openssl.attempt(
        *("ocsp", "-respin", openssl.file(response), "-issuer", openssl.pem(issuer.der)),
        *("-cert", openssl.pem(certificate.der), "-CAfile", openssl.pem(issuer.der)),
        *("-no_nonce",),
    )
    assert b"Response verify OK" in said.stdout + said.stderr
    assert f": {state}".encode() in said.stdout


def test_openssl_reads_our_request(openssl, holder, root):
    request = make_request(holder, root.certificate, nonce=bytes(32))
    text = openssl.run("ocsp", "-reqin", openssl.file(request), "-req_text").decode()
    assert "Hash Algorithm: sm3" in text
    assert f"Serial Number: {holder.serial:04X}" in text
    parsed = OcspRequest.parse(request)
    assert parsed.ids == (CertificateId.of(holder, root.certificate),)
    assert parsed.ids[0].is_by(root.certificate)
    assert parsed.understood


def test_an_sm2_answer_is_signed_as_openssl_checks_it(openssl, root, holder, responder):
    data = make_response(
        [revoked_answer(holder, root.certificate)],
        key=responder,
        produced_at=NOW,
        certificates=[responder.certificate],
    )
    response = OcspResponse.parse(data)
    assert openssl.sm2_verifies(responder.spki, response.tbs, response.signature)
    assert not openssl.sm2_verifies(responder.spki, response.tbs + b"\0", response.signature)
    said = response.answer(holder, root.certificate)
    assert said == revoked_answer(holder, root.certificate)


# --- who may answer ----------------------------------------------------------------------------


def test_the_issuer_may_answer_itself(root, holder):
    data = make_response([answer_about(holder, root.certificate)], key=root.key, produced_at=NOW)
    said = OcspResponse.parse(data).answer(holder, root.certificate)
    assert said is not None
    assert said.state == "good"


def test_nobody_else_may_answer(root, make_root, holder):
    other = make_root("Other Root")
    strangers = [
        root.key_for("no purpose"),
        root.key_for("wrong purpose", extended_key_usage=[TIME_STAMPING]),
        root.key_for("only encrypts", extended_key_usage=[OCSP_SIGNING], usage=["keyEncipherment"]),
        root.key_for("expired", extended_key_usage=[OCSP_SIGNING], not_after=NOW - timedelta(1)),
        other.key_for("another authority's", extended_key_usage=[OCSP_SIGNING]),
        other.key,
    ]
    for key in strangers:
        data = make_response(
            [answer_about(holder, root.certificate)],
            key=key,
            produced_at=NOW,
            certificates=[key.certificate],
        )
        assert OcspResponse.parse(data).answer(holder, root.certificate) is None
    assert Certificate.parse(strangers[1].certificate).issued_by(root.certificate)


def test_a_tampered_answer_proves_nothing(root, holder, responder):
    data = make_response(
        [revoked_answer(holder, root.certificate)],
        key=responder,
        produced_at=NOW,
        certificates=[responder.certificate],
    )
    response = OcspResponse.parse(data)
    good = replace(response.answers[0], state="good")
    assert (
        replace(response, answers=(good,), tbs=response.tbs[:-1] + b"\0").answer(
            holder, root.certificate
        )
        is None
    )
    place = data.index(b"20260601")
    changed = data[:place] + b"20270601" + data[place + 8 :]
    assert OcspResponse.parse(changed).answer(holder, root.certificate) is None


def test_the_newest_of_several_answers_counts(root, holder, responder):
    old = answer_about(holder, root.certificate, this_update=NOW - timedelta(days=9))
    new = revoked_answer(holder, root.certificate)
    for order in ([old, new], [new, old]):
        data = make_response(order, key=root.key, produced_at=NOW)
        said = OcspResponse.parse(data).answer(holder, root.certificate)
        assert said is not None
        assert said.state == "revoked"


def test_an_answer_for_the_same_serial_of_another_issuer_does_not_count(make_root, holder, root):
    other = make_root("Other Root")
    wrong = replace(CertificateId.of(holder, root.certificate), issuer_key_hash=bytes(32))
    data = make_response(
        [answer_about(holder, root.certificate, certificate_id=wrong)],
        key=root.key,
        produced_at=NOW,
    )
    assert OcspResponse.parse(data).answer(holder, root.certificate) is None
    assert OcspResponse.parse(data).answer(holder, other.certificate) is None


# --- malformed ---------------------------------------------------------------------------------


def test_refusals_and_rubbish_are_no_answers():
    for data in (refusal(MALFORMED_REQUEST), b"", b"\x30\x00", bytes(300_000)):
        with pytest.raises(CertificateError):
            OcspResponse.parse(data)
        with pytest.raises(CertificateError):
            OcspRequest.parse(data)


@given(st.data())
def test_a_damaged_response_is_refused_or_proves_nothing_new(fuzzed, data):
    good, certificate, issuer = fuzzed
    place = data.draw(st.integers(0, len(good) - 1))
    damaged = bytearray(good)
    damaged[place] ^= data.draw(st.integers(1, 255))
    try:
        said = OcspResponse.parse(bytes(damaged)).answer(certificate, issuer)
    except CertificateError:
        return
    assert said is None or said.state == "revoked"


@pytest.fixture(scope="module")
def fuzzed(root, holder, responder):
    data = make_response(
        [revoked_answer(holder, root.certificate)],
        key=responder,
        produced_at=NOW,
        certificates=[responder.certificate],
    )
    return data, holder, root.certificate


def test_an_unknown_critical_extension_is_not_passed_over(root, holder):
    request = make_request(holder, root.certificate)
    outer = der.parse(request).children().next()
    wanted = outer.children().next()
    strange = der.sequence(der.oid("1.2.3.4"), der.boolean(True), der.octet_string(b"\x05\x00"))
    changed = der.sequence(der.sequence(wanted.raw, der.context(2, der.sequence(strange))))
    assert not OcspRequest.parse(changed).understood
    assert OcspRequest.parse(request).understood
