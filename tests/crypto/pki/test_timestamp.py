"""Time stamps, both sides: ``openssl ts`` asks us, answers us and verifies what we answer."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from crypto.algorithms import gm
from crypto.algorithms.keys import SoftKey
from crypto.asn1 import der
from crypto.pki.certificate import OCSP_SIGNING, TIME_STAMPING, Certificate
from crypto.pki.cms import TST_INFO, SignedData, digest_of
from crypto.pki.cms_facts import signer_facts
from crypto.pki.cms_make import (
    add_timestamp,
    make_signed_content,
    make_signed_data,
    signature_value,
)
from crypto.pki.timestamp import (
    Request,
    TimestampError,
    TimestampRefused,
    TimestampToken,
    make_request,
    make_response,
    make_token,
    may_stamp,
    open_response,
    rejection,
)

STAMPED = b"the bytes of a signature value"
OTHER = b"the bytes of another signature value"
NOW = datetime(2026, 11, 23, 8, 30, 15, 120_000, tzinfo=UTC)
POLICY = "2.25.4711"
ACCURACY = timedelta(seconds=1, milliseconds=500, microseconds=7)


@pytest.fixture(scope="module")
def authority(root) -> SoftKey:
    return root.key_for("时间戳", usage=("digitalSignature",), extended_key_usage=[TIME_STAMPING])


@pytest.fixture(scope="module")
def rsa_authority(foreign_root):
    private = rsa.generate_private_key(65537, 2048)
    return foreign_root.key_for(private, "TSA", extended=[TIME_STAMPING])


def token_values(key, **changes: object) -> dict[str, object]:
    values: dict[str, object] = {
        "key": key,
        "hash_name": "sm3",
        "digest": gm.sm3(STAMPED),
        "policy": POLICY,
        "serial": 4711,
        "generated": NOW,
    }
    return {**values, **changes}


def answer(request: bytes, key, **changes: object) -> bytes:
    values: dict[str, object] = {"key": key, "policy": POLICY, "serial": 4711, "now": NOW}
    return make_response(request, **{**values, **changes})


# --- both sides by us --------------------------------------------------------------------------


@pytest.mark.parametrize("gb_types", [False, True], ids=["RFC types", "GM/T 0010 types"])
def test_what_is_asked_is_stamped_and_proved(authority, gb_types, openssl):
    request = make_request(gm.sm3(STAMPED))
    assert request.wants_certificate
    assert request.nonce is not None
    response = answer(request.der, authority, accuracy=ACCURACY, gb_types=gb_types)
    token = open_response(response, request)
    assert (token.policy, token.serial, token.nonce) == (POLICY, 4711, request.nonce)
    assert (token.generated, token.accuracy) == (NOW, ACCURACY)
    assert (token.hash_name, token.digest) == ("sm3", gm.sm3(STAMPED))
    facts = token.facts(digest_of(STAMPED))
    assert facts.intact
    assert facts.weaknesses == ()
    assert facts.signer.certificate.der == authority.certificate
    assert facts.signer.certificate_bound is True
    assert facts.signer.variant == ("A" if gb_types else "C")
    wrong = token.facts(digest_of(OTHER))
    assert wrong.imprint_matches is False
    assert not wrong.intact
    assert wrong.signer.intact
    signer = token.signed.signers[0]
    assert openssl.sm2_verifies(authority.spki, signer.signed_attributes, signer.signature)
    assert (
        openssl.run("dgst", "-sm3", "-binary", stdin=token.signed.content) == signer.message_digest
    )


def test_nonces_are_fresh_and_the_answer_must_repeat_them(authority):
    requests = [make_request(gm.sm3(STAMPED)) for _ in range(20)]
    assert len({each.nonce for each in requests}) == 20
    replayed = answer(requests[0].der, authority)
    with pytest.raises(TimestampError, match="nonce"):
        open_response(replayed, requests[1])
    silent = der.sequence(
        der.sequence(der.integer(0)), make_token(**token_values(authority, nonce=None))
    )
    with pytest.raises(TimestampError, match="nonce"):
        open_response(silent, requests[1])


def test_an_answer_for_other_bytes_or_another_policy_is_refused(authority):
    request = make_request(gm.sm3(STAMPED), nonce=5, policy=POLICY)
    other = make_request(gm.sm3(OTHER), nonce=5)
    with pytest.raises(TimestampError, match="other bytes"):
        open_response(answer(other.der, authority), request)
    elsewhere = answer(make_request(gm.sm3(STAMPED), nonce=5).der, authority, policy="1.2.9")
    with pytest.raises(TimestampError, match="policy"):
        open_response(elsewhere, request)
    assert open_response(answer(request.der, authority), request).policy == POLICY


def test_a_refusal_is_told_in_the_authoritys_words():
    with pytest.raises(TimestampRefused, match="时间不可用") as caught:
        open_response(rejection(14, "时间不可用"), make_request(gm.sm3(STAMPED)))
    assert (caught.value.status, caught.value.failures) == (2, frozenset({14}))


def broken_requests() -> dict[str, tuple[bytes, int]]:
    good = make_request(gm.sm3(STAMPED), policy="1.2.9")
    version = der.integer(1)

    def with_imprint(kind: str, digest: bytes) -> bytes:
        return der.sequence(der.sequence(der.oid(kind)), der.octet_string(digest))

    imprint = with_imprint("1.2.156.10197.1.401", bytes(32))
    return {
        "noise": (b"noise", 5),
        "version 2": (der.sequence(der.integer(2), imprint), 5),
        "bytes after it": (good.der + b"\x00", 5),
        "too large": (bytes(2 << 20), 5),
        "SHA-1": (der.sequence(version, with_imprint("1.3.14.3.2.26", bytes(20))), 0),
        "MD5": (der.sequence(version, with_imprint("1.2.840.113549.2.5", bytes(16))), 0),
        "unknown digest": (der.sequence(version, with_imprint("1.2.3", bytes(32))), 0),
        "short digest": (der.sequence(version, with_imprint("1.2.156.10197.1.401", b"x")), 5),
        "another policy": (good.der, 15),
        "extensions": (der.sequence(version, imprint, der.context(0)), 16),
    }


@pytest.mark.parametrize(("data", "failure"), broken_requests().values(), ids=broken_requests())
def test_requests_that_cannot_be_granted_are_rejected_with_the_reason(authority, data, failure):
    response = answer(data, authority)
    with pytest.raises(TimestampRefused) as caught:
        open_response(response, make_request(gm.sm3(STAMPED)))
    assert caught.value.failures == {failure}
    assert caught.value.text


def test_digests_of_wrong_size_are_not_asked_for():
    for name, digest in (("sm3", bytes(20)), ("sha1", bytes(20)), ("md5", bytes(16)), ("", b"")):
        with pytest.raises(TimestampError):
            make_request(digest, name)
        with pytest.raises(TimestampError):
            make_token(**token_values(SoftKey.generate(), hash_name=name, digest=digest))


# --- openssl asks, we answer -------------------------------------------------------------------


@pytest.mark.parametrize("digest", ["sha256", "sha512"])
@pytest.mark.parametrize("moment", [NOW, NOW.replace(microsecond=0)], ids=["ms", "s"])
def test_openssl_verifies_our_rsa_answers(rsa_authority, foreign_root, openssl, digest, moment):
    data = openssl.file(STAMPED)
    query = openssl.run("ts", "-query", "-data", data, f"-{digest}", "-cert")
    request = Request.parse(query)
    assert request.wants_certificate
    assert request.digest == hashlib.new(digest, STAMPED).digest()
    response = answer(query, rsa_authority, accuracy=ACCURACY, now=moment)
    verify = ("ts", "-verify", "-in", openssl.file(response))
    trust = ("-CAfile", openssl.pem(foreign_root.certificate))
    assert b"Verification: OK" in openssl.run(*verify, "-queryfile", openssl.file(query), *trust)
    assert b"Verification: OK" in openssl.run(*verify, "-data", data, *trust)
    assert openssl.attempt(*verify, "-data", openssl.file(OTHER), *trust).returncode != 0
    text = openssl.run("ts", "-reply", "-in", openssl.file(response), "-text").decode()
    assert "Status: Granted." in text
    assert "Serial number: 0x1267" in text
    assert f"Policy OID: {POLICY}" in text
    assert "Accuracy: 0x01 seconds, 0x01F4 millis, 0x07 micros" in text
    assert f"Nov 23 08:30:15{'.12' if moment == NOW else ''} 2026 GMT" in text


def test_without_certreq_no_certificate_is_sent(rsa_authority, foreign_root, openssl):
    query = openssl.run("ts", "-query", "-data", openssl.file(STAMPED), "-sha256")
    response = answer(query, rsa_authority, certificates=[foreign_root.certificate])
    token = open_response(response, Request.parse(query))
    assert token.signed.certificates == ()
    facts = token.facts(digest_of(STAMPED))
    assert facts.signer.certificate is None
    assert not facts.intact
    pool = [Certificate.parse(rsa_authority.certificate)]
    assert token.facts(digest_of(STAMPED), pool).intact
    assert b"Verification: OK" in openssl.run(
        *("ts", "-verify", "-in", openssl.file(response), "-queryfile", openssl.file(query)),
        *("-CAfile", openssl.pem(foreign_root.certificate)),
        *("-untrusted", openssl.pem(rsa_authority.certificate)),
    )


def test_openssl_reads_our_sm2_answer(authority, openssl):
    request = make_request(gm.sm3(STAMPED))
    response = answer(request.der, authority)
    text = openssl.run("ts", "-reply", "-in", openssl.file(response), "-text").decode()
    assert "Hash Algorithm: sm3" in text
    query = openssl.run("ts", "-query", "-in", openssl.file(request.der), "-text").decode()
    assert "Hash Algorithm: sm3" in query
    assert "Certificate required: yes" in query


# --- we ask, openssl answers -------------------------------------------------------------------

CONFIG = """
[tsa]
default_tsa = one
[one]
dir = {folder}
serial = {folder}/tsa-serial
crypto_device = builtin
signer_digest = {digest}
default_policy = 1.2.3.4.1
digests = sha1, sha256, sha384, sha512, sm3
accuracy = secs:1, millisecs:500, microsecs:100
clock_precision_digits = 3
ordering = yes
tsa_name = yes
ess_cert_id_chain = no
ess_cert_id_alg = {ess}
"""


@pytest.mark.parametrize("ess", ["sha1", "sha256", "sm3"])
@pytest.mark.parametrize(("name", "digest"), [("sha256", "sha256"), ("sm3", "sha512")])
def test_openssls_tokens_are_proved(rsa_authority, openssl, ess, name, digest):
    config = openssl.file(
        CONFIG.format(folder=openssl.folder, ess=ess, digest=digest).encode(), ".cnf"
    )
    request = make_request(digest_of(STAMPED)(name), name)
    response = openssl.run(
        *("ts", "-reply", "-config", config, "-queryfile", openssl.file(request.der)),
        *("-signer", openssl.pem(rsa_authority.certificate)),
        *("-inkey", openssl.file(rsa_authority.pem, ".pem")),
    )
    token = open_response(response, request)
    assert token.ordering
    assert token.accuracy == timedelta(seconds=1, milliseconds=500, microseconds=100)
    assert abs(token.generated - datetime.now(UTC)) < timedelta(minutes=5)
    facts = token.facts(digest_of(STAMPED))
    assert facts.signer.intact
    assert facts.signer.certificate_bound is True
    assert facts.imprint_matches is True
    assert facts.purpose_right
    assert Path(openssl.folder, "tsa-serial").exists()


def test_an_imprint_by_sha1_is_called_weak_and_by_md5_refused(rsa_authority, openssl):
    for algorithm, size, matches, weak in (
        ("1.3.14.3.2.26", "sha1", True, ("sha1",)),
        ("1.2.840.113549.2.5", "md5", None, ("md5",)),
        ("1.2.3.4", "sha256", None, ()),
    ):
        digest = hashlib.new(size, STAMPED, usedforsecurity=False).digest()
        imprint = der.sequence(der.sequence(der.oid(algorithm)), der.octet_string(digest))
        token = TimestampToken.parse(content_token(rsa_authority, tst_info(imprint=imprint)))
        facts = token.facts(digest_of(STAMPED))
        assert (facts.imprint_matches, facts.weaknesses) == (matches, weak)
        assert facts.intact is (matches is True)


# --- tokens as such ----------------------------------------------------------------------------


def tst_info(**changes: bytes) -> bytes:
    """A TSTInfo from parts; a keyword replaces or adds one, in the order of the standard."""
    parts = {
        "version": der.integer(1),
        "policy": der.oid(POLICY),
        "imprint": der.sequence(
            der.sequence(der.oid("1.2.156.10197.1.401")), der.octet_string(gm.sm3(STAMPED))
        ),
        "serial": der.integer(7),
        "time": der.generalized_time(NOW),
        "accuracy": b"",
        "ordering": b"",
        "nonce": b"",
        "tsa": b"",
        "extensions": b"",
    }
    return der.sequence(*{**parts, **changes}.values())


def content_token(key, info: bytes, content_type: str = TST_INFO) -> bytes:
    return make_signed_content(key=key, content=info, content_type=content_type)


def test_every_optional_part_of_a_token_is_read(authority):
    info = tst_info(
        accuracy=der.sequence(b"\x80\x02\x01\xf4"),
        ordering=der.boolean(True),
        nonce=der.integer(-3),
        tsa=der.context(0, der.context(4, der.sequence())),
        extensions=b"\xa1" + der.sequence(der.sequence(der.oid("1.2"), der.octet_string(b"")))[1:],
    )
    token = TimestampToken.parse(content_token(authority, info) + bytes(9), padded=True)
    assert (token.accuracy, token.ordering, token.nonce) == (timedelta(milliseconds=500), True, -3)
    assert token.facts(digest_of(STAMPED)).intact


def test_a_critical_extension_is_not_passed_over(authority):
    extension = der.sequence(der.oid("1.2"), der.boolean(True), der.octet_string(b""))
    token = TimestampToken.parse(
        content_token(authority, tst_info(extensions=der.context(1, extension)))
    )
    facts = token.facts(digest_of(STAMPED))
    assert not facts.extensions_understood
    assert not facts.intact


@pytest.mark.parametrize(
    "changes",
    [
        {"version": der.integer(2)},
        {"imprint": der.sequence()},
        {"time": der.time(NOW)},
        {"time": der.encode(der.GENERALIZED_TIME, b"yesterday")},
        {"accuracy": der.sequence(der.integer(-1))},
        {"accuracy": der.sequence(der.integer(1 << 40))},
        {"accuracy": der.sequence(der.null())},
        {"extensions": der.context(1, der.null())},
        {"extensions": der.null()},
        {"serial": b""},
    ],
    ids=str,
)
def test_what_is_no_tst_info_is_refused(authority, changes):
    with pytest.raises(TimestampError):
        TimestampToken.parse(content_token(authority, tst_info(**changes)))


def test_a_signed_data_of_another_kind_is_no_token(authority):
    for value in (
        content_token(authority, tst_info(), content_type="1.2.840.113549.1.7.1"),
        make_signed_data(key=authority, digest=bytes(32)),
        b"",
        der.sequence(),
    ):
        with pytest.raises(TimestampError):
            TimestampToken.parse(value)


PURPOSES = {
    "none": {},
    "another": {"extended_key_usage": [OCSP_SIGNING]},
    "two": {"extended_key_usage": [TIME_STAMPING, OCSP_SIGNING]},
    "for encryption": {"extended_key_usage": [TIME_STAMPING], "usage": ("keyEncipherment",)},
}


@pytest.mark.parametrize("options", PURPOSES.values(), ids=PURPOSES)
def test_only_a_certificate_for_time_stamping_alone_makes_and_proves_tokens(root, options):
    key = root.key_for("not a TSA", **options)
    assert not may_stamp(Certificate.parse(key.certificate))
    with pytest.raises(TimestampError, match="not for time stamping"):
        make_token(**token_values(key))
    facts = TimestampToken.parse(content_token(key, tst_info())).facts(digest_of(STAMPED))
    assert facts.signer.intact
    assert not facts.purpose_right
    assert not facts.intact


def test_the_purpose_must_be_critical(foreign_root):
    key = foreign_root.key_for(
        rsa.generate_private_key(65537, 2048), extended=[TIME_STAMPING], critical=False
    )
    assert not may_stamp(Certificate.parse(key.certificate))


def test_a_key_outside_its_validity_makes_and_proves_no_tokens(root):
    key = root.key_for(
        "expired",
        usage=("digitalSignature",),
        extended_key_usage=[TIME_STAMPING],
        not_after=NOW - timedelta(days=1),
    )
    with pytest.raises(TimestampError, match="not valid"):
        make_token(**token_values(key))
    facts = TimestampToken.parse(content_token(key, tst_info())).facts(digest_of(STAMPED))
    assert not facts.certificate_valid_then
    assert not facts.intact


def test_a_token_without_the_hash_of_its_certificate_proves_nothing(authority):
    """RFC 3161 §2.4.2: the certificate identifier must be a signed attribute."""
    token = TimestampToken.parse(make_token(**token_values(authority)))
    signer = token.signed.signers[0]
    kept = [each for each in signer.attributes if each.kind != "1.2.840.113549.1.9.16.2.47"]
    raw = der.set_of(*(der.sequence(der.oid(each.kind), der.set_of(*each.values)) for each in kept))
    unbound = replace(
        signer,
        attributes=tuple(kept),
        signed_attributes=raw,
        signature=authority.sign(raw),
        certificate_ids=(),
    )
    facts = replace(token, signed=replace(token.signed, signers=(unbound,))).facts(
        digest_of(STAMPED)
    )
    assert facts.signer.intact
    assert facts.signer.certificate_bound is None
    assert not facts.intact


def test_a_key_that_does_not_fit_its_certificate_makes_no_token(authority):
    stranger = replace(SoftKey.generate(), certificate=authority.certificate)
    with pytest.raises(TimestampError, match="does not fit"):
        make_token(**token_values(stranger))
    with pytest.raises(TimestampError):
        make_token(**token_values(SoftKey.generate()))
    with pytest.raises(TimestampError):
        make_token(**token_values(authority, generated=datetime(2026, 11, 23)))


def test_a_stamp_on_a_cms_signature_proves_when_it_was_there(root, authority):
    key = root.key_for("32130000000001")
    value = make_signed_data(key=key, digest=gm.sm3(b"document"))
    request = make_request(gm.sm3(signature_value(value)))
    token = open_response(answer(request.der, authority), request)
    data = SignedData.parse(add_timestamp(value, token.der))
    signer = data.signers[0]
    assert signer_facts(data, signer, digest_of(b"document")).intact
    (found,) = signer.timestamps
    assert TimestampToken.parse(found).facts(digest_of(signer.signature)).intact


@pytest.fixture(scope="module")
def asked() -> Request:
    return make_request(gm.sm3(STAMPED), policy=POLICY, nonce=9)


@pytest.fixture(scope="module")
def answered(asked, authority) -> bytes:
    return answer(asked.der, authority, accuracy=ACCURACY)


@given(st.data())
def test_no_mutation_of_a_token_changes_what_it_says_and_stays_intact(asked, answered, data):
    said = open_response(answered, asked)
    altered = bytearray(said.der)
    at = data.draw(st.integers(0, len(altered) - 1))
    if data.draw(st.booleans()):
        altered[at] ^= data.draw(st.integers(1, 255))
    else:
        altered[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    try:
        token = TimestampToken.parse(bytes(altered))
    except TimestampError:
        return
    if token.facts(digest_of(STAMPED)).intact:
        assert token.signed.content == said.signed.content
        assert (token.generated, token.digest, token.nonce) == (NOW, said.digest, 9)


@given(st.binary(max_size=120))
def test_noise_is_refused_in_so_many_words(noise):
    request = make_request(gm.sm3(STAMPED))
    for call in (TimestampToken.parse, Request.parse, lambda data: open_response(data, request)):
        with pytest.raises(TimestampError):
            call(noise)


@given(st.data())
def test_damaged_requests_and_answers_raise_nothing_else(authority, asked, answered, data):
    def damaged(raw: bytes) -> bytes:
        altered = bytearray(raw)
        altered[data.draw(st.integers(0, len(altered) - 1))] = data.draw(st.integers(0, 255))
        return bytes(altered)

    assert answer(damaged(asked.der), authority)
    try:
        token = open_response(damaged(answered), asked)
    except TimestampError:
        return
    assert token.digest == asked.digest
