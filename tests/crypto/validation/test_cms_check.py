"""CMS signatures and time stamps judged: each fact its finding, the worst of them the verdict."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from crypto.algorithms import gm
from crypto.algorithms.keys import SoftKey
from crypto.asn1 import der
from crypto.pki.certificate import DOCUMENT_SIGNING, TIME_STAMPING, Certificate
from crypto.pki.certificate_making import make_crl
from crypto.pki.cms import SignedData, digest_of
from crypto.pki.cms_make import add_timestamp, make_signed_data
from crypto.pki.timestamp import make_token
from crypto.proofs import proofs_of
from crypto.validation.cms_check import check_cms, check_document_timestamp
from crypto.validation.trust import Trust
from crypto.validation.trusted_time import check_timestamp
from crypto.verdict import Finding, Verdict, verdict_of

DOCUMENT = b"the covered bytes"
NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
LATER = datetime(2026, 12, 31, tzinfo=UTC)


@pytest.fixture(scope="module")
def signer(root) -> SoftKey:
    key = SoftKey.generate()
    return key.with_certificate(root.issue("签名人", key.spki))


@pytest.fixture(scope="module")
def stamper(root) -> SoftKey:
    key = SoftKey.generate()
    purpose = {"extended_key_usage": [TIME_STAMPING]}
    return key.with_certificate(root.issue("时间戳", key.spki, **purpose))


@pytest.fixture(scope="module")
def trust(root) -> Trust:
    crl = make_crl(
        issuer=root.name,
        issuer_key=root.key,
        authority_spki=root.key.spki,
        number=1,
        this_update=NOW,
        next_update=LATER,
        entries=[],
    )
    from crypto.pki.revocation_list import Crl

    return replace(Trust.in_all([root.certificate]), crls=(Crl.parse(crl),))


def signed(key: SoftKey, **options: object) -> bytes:
    return make_signed_data(key=key, digest=gm.sm3(DOCUMENT), signing_time=NOW, **options)


def token_over(raw: bytes, stamper: SoftKey) -> bytes:
    return make_token(
        key=stamper,
        hash_name="sm3",
        digest=gm.sm3(raw),
        policy="1.2.3",
        serial=7,
        generated=NOW,
        nonce=None,
    )


def codes(findings: tuple[Finding, ...] | list[Finding]) -> set[str]:
    return {each.code for each in findings}


def test_a_good_signature_is_valid_and_said_to_hold_no_seal(signer, trust) -> None:
    judged = check_cms(SignedData.parse(signed(signer)), digest_of(DOCUMENT), trust, NOW)
    assert {"digest_matches", "signature_valid", "signer_trusted", "no_seal"} <= codes(
        judged.findings
    )
    assert verdict_of(judged.findings) is Verdict.VALID
    assert judged.is_sm2


def test_other_bytes_are_a_digest_mismatch(signer, trust) -> None:
    judged = check_cms(SignedData.parse(signed(signer)), digest_of(b"other"), trust, NOW)
    assert "digest_mismatch" in codes(judged.findings)
    assert verdict_of(judged.findings) is Verdict.INVALID


def test_an_issuer_nobody_trusts_is_unknown_not_invalid(signer) -> None:
    judged = check_cms(SignedData.parse(signed(signer)), digest_of(DOCUMENT), Trust(), NOW)
    assert verdict_of(judged.findings) is Verdict.UNKNOWN


def test_a_time_stamp_over_the_value_is_the_trusted_time(signer, stamper, trust) -> None:
    value = signed(signer)
    raw = SignedData.parse(value).signers[0].signature
    stamped = SignedData.parse(add_timestamp(value, token_over(raw, stamper)))
    judged = check_cms(stamped, digest_of(DOCUMENT), trust, NOW)
    assert "timestamp_good" in codes(judged.findings)
    assert (judged.times.trusted, judged.times.trusted_source) == (NOW, "timestamp")


def test_a_time_stamp_over_something_else_is_invalid(signer, stamper, trust) -> None:
    stamped = SignedData.parse(add_timestamp(signed(signer), token_over(b"else", stamper)))
    judged = check_cms(stamped, digest_of(DOCUMENT), trust, NOW)
    assert "timestamp_invalid" in codes(judged.findings)
    assert judged.times.trusted is None


def test_a_time_stamp_of_a_stranger_proves_no_time_and_harms_nothing(stamper) -> None:
    token = token_over(DOCUMENT, stamper)
    moment, findings, _ = check_timestamp(token, digest_of(DOCUMENT), Trust())
    assert moment is None
    assert codes(findings) == {"timestamp_unproven"}
    assert verdict_of(findings) is Verdict.VALID


def test_a_document_time_stamp_is_judged_as_one(stamper, trust) -> None:
    token = token_over(DOCUMENT, stamper)
    judged = check_document_timestamp(token, digest_of(DOCUMENT), trust)
    assert judged.times.trusted == NOW
    assert verdict_of(judged.findings) is Verdict.VALID
    stranger = check_document_timestamp(token, digest_of(DOCUMENT), Trust())
    assert verdict_of(stranger.findings) is Verdict.UNKNOWN
    other = check_document_timestamp(token, digest_of(b"other"), trust)
    assert verdict_of(other.findings) is Verdict.INVALID


UNFIT = {
    "not yet": {"not_before": NOW + timedelta(days=1), "not_after": LATER},
    "no longer": {"not_before": NOW - timedelta(days=2), "not_after": NOW - timedelta(days=1)},
    "not for stamps": {"extended_key_usage": []},
    "for more than stamps": {"extended_key_usage": [TIME_STAMPING, DOCUMENT_SIGNING]},
}


@pytest.mark.parametrize("how", UNFIT)
def test_a_document_time_stamp_says_whose_it_is_and_why_it_proves_nothing(
    root, trust, monkeypatch, how: str
) -> None:
    """Its authority may well be trusted; its certificate is the matter."""
    key = SoftKey.generate()
    purpose = {"extended_key_usage": [TIME_STAMPING], **UNFIT[how]}
    stamper = key.with_certificate(root.issue("时间戳", key.spki, **purpose))
    with monkeypatch.context() as careless:  # ours makes no such token
        careless.setattr("crypto.pki.timestamp.may_stamp", lambda certificate: True)
        careless.setattr(Certificate, "valid_at", lambda certificate, moment: True)
        token = token_over(DOCUMENT, stamper)
    judged = check_document_timestamp(token, digest_of(DOCUMENT), trust)
    assert verdict_of(judged.findings) is Verdict.UNKNOWN
    assert codes(judged.findings) == {"timestamp_unfit", "signer_trusted"}
    assert judged.signer is not None
    assert judged.signer.holder
    for language, stranger in (("zh_CN", "不在您信任的范围"), ("en", "you trust")):
        for value in (judged.findings[0], check_timestamp(token, digest_of(DOCUMENT), trust)[1][0]):
            assert stranger not in value.text(language)
    alone = check_document_timestamp(token, digest_of(DOCUMENT), Trust())
    assert codes(alone.findings) == {"timestamp_unfit", "signer_untrusted"}


def test_a_good_document_time_stamp_says_who_stands_behind_it(stamper, trust) -> None:
    judged = check_document_timestamp(token_over(DOCUMENT, stamper), digest_of(DOCUMENT), trust)
    proofs = proofs_of(judged.findings, has_seal=False, origin="")
    assert {each.what: each.state for each in proofs if each.what != "revocation"} == {
        "issuer": "proved", "status": "not_needed", "time": "proved",
    }  # fmt: skip


def test_attributes_that_name_another_certificate_are_wrong(signer, root, trust) -> None:
    """The signing-certificate attribute binds one certificate; a twin of it must not stand in."""
    data = SignedData.parse(signed(signer))
    twin = Certificate.parse(root.issue("签名人", signer.spki))
    impostor = replace(twin, serial=data.certificates[0].serial)
    judged = check_cms(replace(data, certificates=(impostor,)), digest_of(DOCUMENT), trust, NOW)
    assert "attributes_wrong" in codes(judged.findings)
    assert verdict_of(judged.findings) is Verdict.INVALID


def test_a_digest_nobody_knows_is_unsupported(signer, trust) -> None:
    data = SignedData.parse(signed(signer))
    odd = replace(data.signers[0], digest_algorithm="1.2.3.4")
    judged = check_cms(replace(data, signers=(odd,)), digest_of(DOCUMENT), trust, NOW)
    assert "value_unsupported" in codes(judged.findings)
    assert verdict_of(judged.findings) is not Verdict.VALID


def test_of_several_signers_the_rest_is_said_to_be_unsupported(signer, trust) -> None:
    data = SignedData.parse(signed(signer))
    judged = check_cms(replace(data, signers=data.signers * 2), digest_of(DOCUMENT), trust, NOW)
    assert "value_unsupported" in codes(judged.findings)
    assert verdict_of(judged.findings) is Verdict.UNKNOWN


def test_noise_is_no_time_stamp(trust) -> None:
    _, findings, _ = check_timestamp(der.null(), digest_of(DOCUMENT), trust)
    assert codes(findings) == {"timestamp_invalid"}
