"""Approvals, phones and grants in which one fact is another one, signed again by all who sign it.

What the platform would have refused must not pass a verifier either who has the file alone.
"""

from __future__ import annotations

import copy
from dataclasses import fields, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from crypto.algorithms.keys import SoftKey
from crypto.pki.certificate import DOCUMENT_SIGNING, SERVER_AUTH, Certificate
from crypto.pki.certificate_making import make_crl
from crypto.pki.revocation_list import Crl
from crypto.seal.phone import Assertion, PhoneSignature
from crypto.seal.purpose_text import PurposeTextError, write_time
from crypto.seal.use_approval import (
    ApprovalError,
    SignedApproval,
    SignedRequest,
    UseApproval,
    UseEvidence,
    UseRequest,
)
from crypto.validation.approval_check import OF_APPROVALS
from crypto.verdict import Finding, Report, Verdict
from tests.world.approvals import ASKED, COMPANY, Company, by_phone, signed_policy
from tests.world.authorities import NOW, Authorities
from tests.world.documents import classic_pdf, update
from tests.world.soft_phone import SoftPhone, bound

OTHER_SEAL = "32130000000033"


@pytest.fixture(scope="module")
def company() -> Company:
    return Company()


def like(company: Company, **changes: Any) -> Company:
    """The same people with another policy, and a request under it."""
    made = Company.__new__(Company)
    made.__dict__ |= company.__dict__ | changes
    if "policy" not in changes:
        made.policy = made.ruled()
    made.request = SignedRequest.make(made.asked(), made.requester)
    return made


def told(report: Report) -> dict[str, Finding]:
    return {finding.code: finding for finding in report.signatures[-1].findings}


def why(report: Report) -> str:
    found = told(report)
    assert not set(found) & OF_APPROVALS, "the report lists what it disproves"
    assert report.verdict is Verdict.INVALID
    return found["approval_invalid"].details["why"]


# --- the request --------------------------------------------------------------------------------

OF_REQUEST = {
    "origin": ("https://other.example", "policy"),
    "enterprise": ("别的公司", "names"),
    "seal": (OTHER_SEAL, "seal"),
    "seal_name": ("测试专用章", "names"),
    "grant": ("0" * 64, "request"),
    "policy": ("0" * 64, "policy"),
    "until": (write_time(ASKED + timedelta(minutes=30)), "time"),
}
"""Another value → why it is no approval of this use."""
FREE = {
    "request": "request_" + "1" * 24,
    "requester": "钱七",
    "document_name": "别的.pdf",
    "copies": "7",
    "counterparty": "乙公司",
    "amount": "壹亿元",
    "purpose": "别的",
    "preview_sha256": "",
    "created": write_time(ASKED - timedelta(days=9)),
    "nonce": "another",
}
"""What only the requester says, and the approvers have read: told as they signed it."""
OF_DOCUMENT = {
    "document_sm3": ("0" * 64, "approval_foreign"),
    "document_size": ("100", "approval_foreign"),
    "pages": ("2", "approval_pages_differ"),
}
ELSEWHERE = {"requester_cert"}
"""In tests/crypto/validation/test_approval_check.py."""


def asked(company: Company, **changes: Any) -> Company:
    made = like(company)
    made.request = SignedRequest.make(made.asked(**changes), made.requester)
    return made


def test_every_fact_of_a_request_is_tried() -> None:
    names = {each.name for each in fields(UseRequest)}
    assert names == {*OF_REQUEST, *FREE, *OF_DOCUMENT, *ELSEWHERE}


@pytest.mark.parametrize("name", OF_REQUEST)
def test_a_request_with_another_fact_is_of_another_use(company: Company, name: str) -> None:
    value, reason = OF_REQUEST[name]
    other = asked(company, **{name: value})
    assert why(other.judged(other.stamped())) == reason


@pytest.mark.parametrize("name", OF_DOCUMENT)
def test_a_request_for_another_document_approves_nothing_here(company: Company, name: str) -> None:
    """approval_foreign and approval_pages_differ stand alone: nothing was approved by anybody."""
    value, code = OF_DOCUMENT[name]
    other = asked(company, **{name: value})
    report = other.judged(other.stamped())
    assert code in told(report)
    assert not set(told(report)) & OF_APPROVALS
    assert report.verdict is (Verdict.UNKNOWN if name == "pages" else Verdict.INVALID)


def test_what_was_approved_is_named_where_it_is_another_document(company: Company) -> None:
    report = company.judged(company.stamped(document=classic_pdf(pages=3)))
    assert "采购合同.pdf" in told(report)["approval_foreign"].text("zh_CN")
    assert not set(told(report)) & OF_APPROVALS
    hidden = asked(company, document_name="salted-sm3 " + "0" * 64)
    report = hidden.judged(hidden.stamped(document=classic_pdf(pages=3)))
    assert "salted" not in told(report)["approval_foreign"].text("en")


def test_nothing_is_approved_of_a_document_that_was_changed_since(company: Company) -> None:
    def turn(writer: Any) -> None:
        page = writer.root["/Pages"]["/Kids"][0]
        page["/Rotate"] = type(page["/MediaBox"][2])(90)
        writer.update_container(page)

    report = company.judged(company.stamped(document=update(company.document, turn)))
    assert "approval_changed" in told(report)
    assert not set(told(report)) & OF_APPROVALS


def test_a_broken_signature_was_approved_by_nobody(company: Company) -> None:
    data = company.stamped()
    report = company.judged(data.replace(b"Price 1000", b"Price 9000"))
    assert report.verdict is Verdict.INVALID
    assert not set(told(report)) & OF_APPROVALS


def test_a_use_more_than_was_approved_is_seen_in_one_file(company: Company) -> None:
    """approval_exceeded: the platform counts over all files, a verifier over this one."""
    one = asked(company, copies="1")
    report = one.judged(one.stamped(document=one.stamped()))
    found = told(report)
    assert found["approval_exceeded"].details == {"use": "2", "copies": "1"}
    assert not set(found) & OF_APPROVALS
    assert report.verdict is Verdict.INVALID
    both = asked(company, copies="2")
    assert both.judged(both.stamped(document=both.stamped())).verdict is Verdict.VALID


# --- the policy ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"seal_code": OTHER_SEAL}, "policy"),
        ({"seal_name": "测试专用章"}, "names"),
        ({"holder": "别的公司"}, "names"),
        ({"needed": 3}, "count"),
    ],
)
def test_a_policy_of_another_seal_or_holder_rules_nothing_here(
    company: Company, changes: dict[str, Any], reason: str
) -> None:
    other = like(company, policy=company.ruled(**changes))
    assert why(other.judged(other.stamped())) == reason


def test_who_approved_by_a_policy_of_nobody_known_is_not_told(company: Company) -> None:
    """approval_unproved: names and roles are the keeper's words."""
    usage = ("digitalSignature", "nonRepudiation")
    stranger = Authorities("别的根").certified("孙七", usage, DOCUMENT_SIGNING, COMPANY)
    other = like(company, policy=company.ruled(stranger))
    report = other.judged(other.stamped())
    assert set(told(report)) & OF_APPROVALS == {"approval_unproved"}
    assert report.verdict is Verdict.UNKNOWN
    approvers = (stranger, *company.approvers[1:])
    other = like(company, approvers=approvers)
    found = other.judged(other.stamped()).signatures[0].findings
    said = [(f.code, f.details.get("name")) for f in found if f.code in OF_APPROVALS]
    assert said == [("approval_unproved", None), ("approved_by", "李四")]


def certified(company: Company, name: str, key: SoftKey | None = None, **facts: Any) -> SoftKey:
    """Another certificate of the company's people, for *key* or for a fresh one."""
    options = {"usage": ("digitalSignature",), "organization": COMPANY, **facts}
    authority, key = company.authorities.authority, key or SoftKey.generate()
    return key.with_certificate(authority.issue(name, key.spki, **options))


def test_several_certificates_of_one_key_are_one_person(company: Company) -> None:
    own = certified(company, "张三", company.requester)
    other = like(company, approvers=(own, *company.approvers[1:]))
    assert why(other.judged(other.stamped())) == "self"
    twin = certified(company, "李四", company.approvers[0])
    other = like(company, approvers=(company.approvers[0], twin, company.approvers[2]))
    assert why(other.judged(other.stamped())) == "twice"


@pytest.mark.parametrize(
    "facts",
    [
        {"extended_key_usage": (SERVER_AUTH,)},
        {"usage": ("keyEncipherment",)},
        {"usage": ("keyCertSign", "cRLSign"), "ca": True},
    ],
)
def test_a_certificate_that_speaks_for_nobody_decides_nothing(
    company: Company, facts: dict[str, Any]
) -> None:
    """One for servers, for encrypting, for issuing."""
    keeper = certified(company, "32130000000099", **facts)
    other = like(company, policy=company.ruled(keeper))
    report = other.judged(other.stamped())
    assert set(told(report)) & OF_APPROVALS == {"approval_unproved"}
    assert report.verdict is Verdict.UNKNOWN
    approver = certified(company, "张三", **facts)
    other = like(company, approvers=(approver, *company.approvers[1:]))
    report = other.judged(other.stamped())
    assert told(report)["approval_unproved"].details["who"] == "张三"
    assert report.verdict is Verdict.UNKNOWN


def test_a_policy_that_was_signed_after_the_request_rules_it_not(company: Company) -> None:
    at = (ASKED + timedelta(minutes=30)).isoformat()
    late = signed_policy(company.policy.policy, company.keeper, at=at)
    other = like(company, policy=late)
    assert why(other.judged(other.stamped())) == "time"


# --- approvals ----------------------------------------------------------------------------------

OF_APPROVAL = {
    "origin": ("https://other.example", "policy"),
    "decision": ("reject", "rejected"),
    "request": ("request_" + "1" * 24, "approval"),
    "request_sha256": ("0" * 64, "approval"),
    "seal": (OTHER_SEAL, "approval"),
    "seal_name": ("测试专用章", "approval"),
    "requester": ("钱七", "approval"),
    "document_sm3": ("0" * 64, "approval"),
    "document_name": ("别的.pdf", "approval"),
    "pages": ("2", "approval"),
    "purpose": ("别的", "approval"),
    "preview_sha256": ("", "approval"),
    "issued": (write_time(ASKED + timedelta(days=5)), "time"),
    "until": (write_time(ASKED + timedelta(days=9)), "approval"),
}


def test_every_fact_of_an_approval_is_tried() -> None:
    names = {each.name for each in fields(UseApproval)}
    assert names - set(OF_APPROVAL) == {"reason", "nonce", "binding"}


@pytest.mark.parametrize("name", OF_APPROVAL)
def test_an_approval_with_another_fact_is_of_another_request(company: Company, name: str) -> None:
    value, reason = OF_APPROVAL[name]
    approvals = company.approved(*company.approvers[:2], **{name: value})
    assert why(company.judged(company.stamped(company.evidence(approvals)))) == reason


def test_an_approval_given_twice_in_two_ways_is_of_one_person(company: Company) -> None:
    one, other = company.approvers[:2]
    twice = [*company.approved(one), *company.approved(one, nonce="cd" * 8)]
    for listed in (twice, [by_phone(company, one), *company.approved(one)]):
        evidence = company.evidence([*listed, *company.approved(other)])
        assert why(company.judged(company.stamped(evidence))) == "twice"


def test_evidence_of_another_use_is_no_evidence_of_this_one(company: Company) -> None:
    other = asked(company, request="request_" + "1" * 24)
    mixed = UseEvidence(company.policy, company.request, other.approved(*other.approvers[:2]))
    assert why(company.judged(company.stamped(mixed))) == "approval"
    leave = {"approval": company.request.request.request}
    assert why(company.judged(company.stamped(other.evidence(), **leave))) == "request"


def test_a_leave_that_names_another_counterparty_than_was_approved(company: Company) -> None:
    report = company.judged(company.stamped(counterparty="别的公司"))
    assert why(report) == "request"
    same = company.judged(company.stamped(counterparty="某某公司"))
    assert same.verdict is Verdict.VALID


def revoked(company: Company, key: SoftKey, at: datetime) -> Company:
    """The same world, where *key*'s certificate was revoked then."""
    authority = company.authorities.authority
    listed = make_crl(
        issuer=authority.name,
        issuer_key=authority.key,
        authority_spki=authority.key.spki,
        number=1,
        this_update=NOW - timedelta(hours=1),
        next_update=NOW + timedelta(days=1),
        entries=[(Certificate.parse(key.certificate).serial, at, 1)],
    )
    authorities = copy.copy(company.authorities)
    authorities.trust = replace(authorities.trust, crls=(Crl.parse(listed),))
    return like(company, authorities=authorities)


@pytest.mark.parametrize("who", ["keeper", "approver"])
def test_whoever_signs_with_a_revoked_certificate_approves_nothing(
    company: Company, who: str
) -> None:
    key = company.keeper if who == "keeper" else company.approvers[1]
    before = revoked(company, key, ASKED - timedelta(days=9))
    assert why(before.judged(before.stamped())) == "revoked"
    after = revoked(company, key, NOW - timedelta(minutes=30))
    assert after.judged(after.stamped()).verdict is Verdict.VALID


# --- phones -------------------------------------------------------------------------------------


def phone_signature(company: Company, ukey: SoftKey, **changes: Any) -> SignedApproval:
    """An approval by a phone whose binding says something else; all of it signed."""
    phone = SoftPhone()
    binding = replace(bound(phone, ukey), **changes)
    said = company.said(binding=binding.sha256)
    signed = PhoneSignature(
        binding,
        ukey.sign(binding.encode()),
        Certificate.parse(ukey.certificate),
        phone.sign(said.encode()),
    )
    return SignedApproval.make(said, signed.encode(), phone=True)


@pytest.mark.parametrize(
    "changes",
    [
        {"origin": "https://other.example"},
        {"rp_id": "example"},
        {"certificate": "77"},
        {"seals": OTHER_SEAL},
        {"key_es256": "11" * 64},
        {"until": write_time(ASKED)},
        {"from_": write_time(NOW)},
    ],
)
def test_a_phone_that_is_bound_otherwise_speaks_for_nobody(
    company: Company, changes: dict[str, Any]
) -> None:
    with pytest.raises((ApprovalError, PurposeTextError)):
        phone_signature(company, company.approvers[0], **changes)


def test_a_phone_of_another_persons_ukey_is_of_no_role(company: Company) -> None:
    approvals = [by_phone(company, company.keeper), *company.approved(company.approvers[1])]
    assert why(company.judged(company.stamped(company.evidence(approvals)))) == "role"


def test_what_one_phone_signed_is_not_another_text(company: Company) -> None:
    ukey, phone = company.approvers[0], SoftPhone()
    binding = bound(phone, ukey)
    said = company.said(binding=binding.sha256)
    given = phone.sign(company.said(binding=binding.sha256, reason="别的").encode())
    own = phone.sign(said.encode())
    flags = own.authenticator_data[:32] + b"\x01" + own.authenticator_data[33:]
    for assertion in (
        given,
        Assertion(own.client_data, flags, own.signature),
        Assertion(own.client_data + b" ", own.authenticator_data, own.signature),
        Assertion(own.client_data, own.authenticator_data + b"\0", own.signature),
        Assertion(own.client_data, own.authenticator_data, given.signature),
    ):
        signed = PhoneSignature(
            binding,
            ukey.sign(binding.encode()),
            Certificate.parse(ukey.certificate),
            assertion,
        )
        with pytest.raises(ApprovalError):
            SignedApproval.make(said, signed.encode(), phone=True)
