"""A phone's signature: the bound passkey, this text, this origin, a verified user, or nothing."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto.algorithms.keys import SoftKey
from crypto.pki.certificate import Certificate
from crypto.seal.phone import (
    SECRET_SIZE,
    Binding,
    LossReport,
    NewPasskey,
    PairingProof,
    PhoneError,
    PhoneSignature,
    check_client_data,
    host_of,
    read_base64url,
    six_digits,
    spki,
    write_base64url,
)
from crypto.seal.purpose_text import PurposeTextError, write_time
from tests.world.authorities import NOW, Authorities
from tests.world.openssl import OpenSsl
from tests.world.soft_phone import SoftPhone, bound, signature

TEXT = b"SUQIAN-SEAL-APPROVAL-V1\ndecision: approve\n"


@pytest.fixture(scope="module")
def authorities() -> Authorities:
    return Authorities()


@pytest.fixture(scope="module")
def ukey(authorities: Authorities) -> SoftKey:
    return authorities.holder()


@pytest.fixture(scope="module")
def phone() -> SoftPhone:
    return SoftPhone()


def test_a_phones_signature_is_read_back_and_holds(phone: SoftPhone, ukey: SoftKey) -> None:
    made = PhoneSignature.parse(signature(phone, ukey, TEXT).encode())
    made.check(TEXT, NOW)
    assert (made.binding.person, made.backup) == ("李四", "none")


def test_openssl_alone_confirms_binding_and_assertion(
    phone: SoftPhone, ukey: SoftKey, tmp_path: Path
) -> None:
    made, openssl = signature(phone, ukey, TEXT), OpenSsl(tmp_path)
    key = Certificate.parse(ukey.certificate).public_key.spki
    assert openssl.sm2_verifies(key, made.binding.encode(), made.binding_signature)
    lines = made.binding.encode().decode().split("\n")
    named = next(line for line in lines if line.startswith("key-es256: "))
    public = openssl.file(spki(bytes.fromhex(named.removeprefix("key-es256: "))))
    digest = openssl.run(
        "dgst", "-sha256", "-binary", openssl.file(made.assertion.client_data, ".json")
    )
    message = openssl.file(made.assertion.authenticator_data + digest)
    said = openssl.run(
        *("dgst", "-sha256", "-keyform", "DER", "-verify", public),
        *("-signature", openssl.file(made.assertion.signature), message),
    )
    assert b"Verified OK" in said
    challenge = json.loads(made.assertion.client_data)["challenge"]
    signed = openssl.run("dgst", "-sha256", "-binary", stdin=TEXT)
    assert read_base64url(challenge) == signed


@pytest.mark.parametrize(
    ("what", "changes"),
    [
        ("another text", {}),
        ("another origin", {"client": {"origin": "https://other.example"}}),
        ("framed by another page", {"client": {"crossOrigin": True}}),
        ("a page above it", {"client": {"topOrigin": "https://other.example"}}),
        ("a registration", {"client": {"type": "webauthn.create"}}),
        ("another host", {"rp_id": "other.example"}),
        ("nobody verified", {"flags": 0x01}),
        ("nobody there", {"flags": 0x04}),
        ("extensions", {"flags": 0x85}),
        ("a copy that there cannot be", {"flags": 0x15}),
    ],
)
def test_what_was_signed_otherwise_is_refused(
    what: str, changes: dict[str, object], phone: SoftPhone, ukey: SoftKey
) -> None:
    made = signature(phone, ukey, TEXT, **changes)
    with pytest.raises(PhoneError):
        made.check(TEXT if changes else TEXT + b"x", NOW)


def test_every_changed_byte_is_refused(phone: SoftPhone, ukey: SoftKey) -> None:
    whole = signature(phone, ukey, TEXT).encode()
    for place in range(0, len(whole), 7):
        edited = whole[:place] + bytes([whole[place] ^ 0x20]) + whole[place + 1 :]
        try:
            made = PhoneSignature.parse(edited)
            made.check(TEXT, NOW)
        except PhoneError:
            continue
        # what no check here looks at is the certificate's own signature: its chain is
        assert made.certificate.der != ukey.certificate


def test_evidence_of_parts_that_do_not_belong_together_is_refused(
    phone: SoftPhone, ukey: SoftKey, authorities: Authorities
) -> None:
    made, other_phone, other_key = signature(phone, ukey, TEXT), SoftPhone(), authorities.holder()
    other = signature(other_phone, other_key, TEXT)
    mixed = [
        replace(made, binding=other.binding),
        replace(made, binding=other.binding, binding_signature=other.binding_signature),
        replace(made, certificate=other.certificate),
        replace(made, assertion=other.assertion),
        replace(made, assertion=replace(made.assertion, signature=other.assertion.signature)),
        replace(made, binding=replace(made.binding, key_es256=other.binding.key_es256)),
        replace(made, binding=replace(made.binding, until=write_time(NOW + timedelta(days=999)))),
        replace(made, binding=replace(made.binding, seals="32130000000017")),
    ]
    for each in mixed:
        with pytest.raises(PhoneError):
            PhoneSignature.parse(each.encode()).check(TEXT, NOW)


def test_a_binding_counts_within_its_term_and_for_its_seals(
    phone: SoftPhone, ukey: SoftKey
) -> None:
    made = signature(phone, ukey, TEXT)
    with pytest.raises(PhoneError):
        made.check(TEXT, NOW + timedelta(days=301))
    with pytest.raises(PhoneError):
        made.check(TEXT, NOW - timedelta(days=2))
    one = bound(phone, ukey, seals="32130000000017 32130000000025")
    assert one.is_for("32130000000025")
    assert not one.is_for("32130000000033")


@pytest.mark.parametrize(
    "changes",
    [
        {"rp_id": "example"},
        {"origin": "http://seal.example"},
        {"origin": "https://127.0.0.1", "rp_id": "127.0.0.1"},
        {"seals": "all"},
        {"seals": ""},
        {"until": "2020-01-01T00:00:00Z"},
        {"until": "for ever"},
        {"key_es256": "00"},
        {"backup": "perhaps"},
        {"credential": ""},
        {"credential": "a="},
        {"phone": "x\u202ey"},
    ],
)
def test_no_binding_says_what_cannot_be(
    changes: dict[str, str], phone: SoftPhone, ukey: SoftKey
) -> None:
    with pytest.raises(PurposeTextError):
        bound(phone, ukey, **changes).encode()


def test_a_new_passkey_is_read_without_cbor(phone: SoftPhone) -> None:
    data = phone.registered()
    made = NewPasskey.parse(data, host_of(phone.origin))
    assert (made.credential, made.backup) == (phone.credential, "none")
    assert made.key.hex() == phone.proof().key_es256
    for edited in (data[:-1], data + b"\0", data[:53] + b"\xff" + data[54:], b"", data[:37]):
        with pytest.raises(PhoneError):
            NewPasskey.parse(edited, host_of(phone.origin))
    with pytest.raises(PhoneError):
        NewPasskey.parse(data, "other.example")


@given(st.binary(max_size=200))
def test_no_bytes_make_the_readers_fail_otherwise(data: bytes) -> None:
    for read in (
        PhoneSignature.parse,
        lambda each: NewPasskey.parse(each, "localhost"),
        lambda each: check_client_data(each, "webauthn.get", "https://a.example", b""),
    ):
        with pytest.raises(PhoneError):
            read(data)


def test_a_name_twice_in_client_data_is_refused(phone: SoftPhone) -> None:
    said = phone.client_data("webauthn.get", b"x")
    check_client_data(said, "webauthn.get", phone.origin, b"x")
    doubled = said.replace(b'"type"', b'"origin": "https://other.example", "type"')
    with pytest.raises(PhoneError):
        check_client_data(doubled, "webauthn.get", phone.origin, b"x")


def test_both_screens_show_the_same_six_digits_only_for_the_same_phone(phone: SoftPhone) -> None:
    proof, secret = phone.proof(), bytes(range(SECRET_SIZE))
    digits = six_digits(proof.mac(secret))
    assert digits == six_digits(PairingProof.parse(proof.encode()).mac(secret))
    assert len(digits) == 6
    changed = replace(proof, key_ecdh=SoftPhone().proof().key_ecdh)
    assert changed.mac(secret) != proof.mac(secret)
    assert proof.mac(b"another secret..") != proof.mac(secret)


def test_the_binding_takes_up_the_proof_whole(phone: SoftPhone, ukey: SoftKey) -> None:
    proof, binding = phone.proof(), bound(phone, ukey)
    assert binding.takes_up(proof)
    assert not replace(binding, key_ecdh="11" * 64).takes_up(proof)
    assert binding.sha256 == hashlib.sha256(binding.encode()).hexdigest()
    assert Binding.parse(binding.encode()) == binding


def test_a_report_of_loss_names_seals_and_reason() -> None:
    said = LossReport("https://a.example", "00", "32130000000017", "lost", write_time(NOW), "ab")
    assert LossReport.parse(said.encode()) == said
    for changes in ({"seals": "*"}, {"reason": "bored"}, {"until": "soon"}):
        with pytest.raises(PurposeTextError):
            replace(said, **changes).encode()


@pytest.mark.parametrize(
    ("origin", "host"),
    [("https://seal.example:8443", "seal.example"), ("http://localhost:8081", "localhost")],
)
def test_passkeys_are_to_be_had_on_names(origin: str, host: str) -> None:
    assert host_of(origin) == host


@pytest.mark.parametrize(
    "origin",
    ["http://127.0.0.1:8081", "https://10.0.0.1", "http://seal.example", "https://[::1]", "x"],
)
def test_and_nowhere_else(origin: str) -> None:
    with pytest.raises(PhoneError):
        host_of(origin)


@given(st.binary(max_size=64))
def test_base64url_has_one_form(data: bytes) -> None:
    text = write_base64url(data)
    assert read_base64url(text) == data
    for other in (text + "=", text + "+", text + "\n"):
        with pytest.raises(PhoneError):
            read_base64url(other)
