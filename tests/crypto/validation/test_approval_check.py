"""Who allowed a use of a seal, told from the file alone; and what is no approval."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from crypto.algorithms.gm import sm3
from crypto.asn1 import der
from crypto.pdf.marks.drawing import Mark
from crypto.pdf.reading.document import Document
from crypto.pdf.signing.sign import PROFILES, Revision, sign_revision
from crypto.pki.certificate import DOCUMENT_SIGNING
from crypto.pki.cms_make import make_signed_data
from crypto.seal.purpose_text import MAX_VALUE, PurposeTextError
from crypto.seal.statement import Leave, SignedStatement
from crypto.seal.structure import Seal
from crypto.seal.use_approval import (
    MAX_REASON,
    MAX_SIZE,
    ApprovalError,
    SignedApproval,
    SignedRequest,
    UseEvidence,
    ukey_proof,
)
from crypto.seal.use_policy import PolicyError, SignedPolicy, UsePolicy, masked
from crypto.validation.seal_check import check_seal_use
from crypto.verdict import Finding, Level, Report, Times, Verdict
from tests.world.approvals import ASKED, Company, approver_of, by_phone, signed_policy
from tests.world.authorities import NOW, Authorities
from tests.world.documents import classic_pdf, update
from tests.world.seals import imprint


@pytest.fixture(scope="module")
def company() -> Company:
    return Company()


def told(report: Report) -> dict[str, Finding]:
    (signature,) = report.signatures
    return {finding.code: finding for finding in signature.findings}


def why(company: Company, evidence: UseEvidence, **leave: Any) -> str:
    found = told(company.judged(company.stamped(evidence, **leave)))
    assert "use_approved" not in found
    return found["approval_invalid"].details["why"]


# --- the file alone says who allowed it ----------------------------------------------------------


def test_the_file_alone_says_who_allowed_what_in_which_role_and_when(company: Company) -> None:
    report = company.judged(company.stamped())
    assert report.verdict is Verdict.VALID, report.signatures[0].findings
    (signature,) = report.signatures
    shown = [each.text("zh_CN") for each in signature.findings if "approved" in each.code]
    codes = [each.code for each in signature.findings if "approved" in each.code]
    assert codes == ["use_approved", "approved_by", "approved_by"]
    whole = "\n".join(shown)
    for word in ("赵六", "采购合同.pdf", "张三（法定代表人）", "李四（财务负责人）", "Ukey"):
        assert word in whole
    assert "2026-11-23 15:00" in whole  # an hour after it was asked for, in Beijing
    assert "3 人中 2 人" in whole
    assert "王五" not in whole
    assert told(report)["approved_by"].details["role"]


def test_a_second_seal_after_the_approval_is_no_other_document(company: Company) -> None:
    both = replace_world(company)
    both.request = SignedRequest.make(both.asked(copies="2"), both.requester)
    once = both.stamped()
    twice = both.stamped(document=once)
    for signature in both.judged(twice).signatures:
        found = {finding.code for finding in signature.findings}
        assert "use_approved" in found
        assert not found & {"approval_foreign", "approval_changed"}


@pytest.mark.parametrize("asked_about", ["the document as it was", "the document with the first"])
def test_two_seals_on_one_document_have_each_its_own_request(
    company: Company, asked_about: str
) -> None:
    """Of other people, under another policy: what lies between is a proved seal."""
    once = company.stamped()
    seen = company.document if asked_about.endswith("as it was") else once
    second = Company(authorities=company.authorities, document=seen)
    report = company.judged(second.stamped(document=once))
    assert len(report.signatures) == 2
    for signature in report.signatures:
        found = {finding.code for finding in signature.findings}
        assert "use_approved" in found
        assert not found & {"approval_foreign", "approval_changed"}


def test_names_are_masked_as_the_policy_wants(company: Company) -> None:
    approvers = tuple(
        replace(each, name=masked(each.name)) for each in company.policy.policy.approvers
    )
    other = replace_world(company, policy=company.ruled(masked=True, approvers=approvers))
    other.request = SignedRequest.make(
        other.asked(requester="赵*", document_name="salted-sm3 " + "0" * 64), other.requester
    )
    report = other.judged(other.stamped())
    whole = "\n".join(each.text("zh_CN") for each in report.signatures[0].findings)
    for word in ("张*（法定代表人）", "赵*", "文件名按规则不公开"):
        assert word in whole
    assert "张三" not in whole
    assert "采购合同" not in whole
    with pytest.raises(PolicyError, match="hidden"):
        company.ruled(masked=True)


def test_a_phone_that_an_approver_has_bound_speaks_for_them(company: Company) -> None:
    approval = by_phone(company, company.approvers[0])
    evidence = company.evidence([approval, *company.approved(company.approvers[1])])
    found = told(company.judged(company.stamped(evidence)))
    assert found["approved_by_phone"].details["name"] == "张三"
    ruled = replace_world(company, policy=company.ruled(phone=False))
    approvals = [by_phone(ruled, ruled.approvers[0]), *ruled.approved(ruled.approvers[1])]
    assert why(ruled, ruled.evidence(approvals)) == "phone"


def test_approvers_of_an_authority_that_nobody_trusts_prove_nothing(company: Company) -> None:
    strangers = Authorities("别的根")
    usage = ("digitalSignature", "nonRepudiation")
    key = strangers.certified("孙七", usage, DOCUMENT_SIGNING, "宿迁市测试单位")
    other = replace_world(company, approvers=(key, *company.approvers[1:]))
    report = other.judged(other.stamped())
    assert "approval_unproved" in told(report)
    assert report.verdict is Verdict.UNKNOWN


# --- what is no approval -------------------------------------------------------------------------


def test_another_documents_approvals_are_none(company: Company) -> None:
    data = company.stamped(document=classic_pdf(pages=3))
    report = company.judged(data)
    assert "approval_foreign" in told(report)
    assert report.verdict is Verdict.INVALID


def test_a_document_that_was_changed_after_it_was_approved_is_another_one(
    company: Company,
) -> None:
    def other_page(writer: Any) -> None:
        page = writer.root["/Pages"]["/Kids"][0]
        page["/Rotate"] = type(page["/MediaBox"][2])(90)
        writer.update_container(page)

    changed = update(company.document, other_page)
    assert changed.startswith(company.document)
    report = company.judged(company.stamped(document=changed))
    assert "approval_changed" in told(report)
    assert report.verdict is Verdict.INVALID


def signed_by_the_requester(company: Company, *marks: Mark) -> bytes:
    """The approved document with an ordinary signature: a picture of the requester's choice."""

    def value(revision: Revision) -> bytes:
        return make_signed_data(
            key=company.key("赵六"),
            digest=revision.digest,
            seal=None,
            certificates=[],
            attributes=[],
        )

    output = io.BytesIO()
    sign_revision(
        Document(io.BytesIO(company.document)),
        output,
        profile=PROFILES["cms"],
        value_size=4000,
        make_value=value,
        marks=marks,
        picture=imprint("black") if marks else None,
        signed_at=NOW - timedelta(minutes=30),
    )
    return output.getvalue()


@pytest.mark.parametrize(
    "mark",
    [Mark(0, 0.0, 0.0, 210.0, 297.0), Mark(0, 20.0, 230.0, 30.0, 30.0)],
    ids=["over the whole page", "on blank ground"],
)
def test_a_picture_that_the_requester_puts_before_the_seal_was_not_approved(
    company: Company, mark: Mark
) -> None:
    report = company.judged(company.stamped(document=signed_by_the_requester(company, mark)))
    assert "approval_changed" in {finding.code for finding in report.signatures[-1].findings}
    assert report.signatures[-1].verdict is Verdict.INVALID


def test_a_signature_without_a_look_before_the_seal_changes_nothing(company: Company) -> None:
    report = company.judged(company.stamped(document=signed_by_the_requester(company)))
    found = {finding.code for finding in report.signatures[-1].findings}
    assert "use_approved" in found
    assert "approval_changed" not in found


def test_a_seal_that_nobody_can_prove_before_the_seal_was_not_approved(company: Company) -> None:
    stranger = Company(authorities=Authorities("别的根"), document=company.document)
    report = company.judged(company.stamped(document=stranger.stamped()))
    assert "approval_changed" in {finding.code for finding in report.signatures[-1].findings}


def test_a_requester_cannot_approve_himself(company: Company) -> None:
    approvals = company.approved(company.requester, company.approvers[0])
    assert why(company, company.evidence(approvals)) == "self"


def test_a_requester_among_the_approvers_cannot_approve_himself(company: Company) -> None:
    own = (company.requester, *company.approvers[:2])
    other = replace_world(company, approvers=own)
    assert why(other, other.evidence(other.approved(*own[:2]))) == "self"


def test_one_approval_less_than_needed_is_not_enough(company: Company) -> None:
    assert why(company, company.evidence(company.approved(company.approvers[0]))) == "count"


def test_one_person_is_not_two(company: Company) -> None:
    one = company.approvers[0]
    assert why(company, company.evidence(company.approved(one, one))) == "twice"


def test_somebody_of_no_role_in_the_policy_approves_nothing(company: Company) -> None:
    approvals = company.approved(company.approvers[0], company.keeper)
    assert why(company, company.evidence(approvals)) == "role"


def test_whoever_was_removed_from_the_policy_approves_nothing(company: Company) -> None:
    left = company.policy.policy.approvers[1:]
    other = replace_world(company, policy=company.ruled(approvers=left))
    assert why(other, other.evidence(other.approved(*other.approvers[:2]))) == "role"
    # and the approvals of a request under the policy before are not of this one
    mixed = UseEvidence(other.policy, company.request, company.approved(*company.approvers[1:]))
    assert why(company, mixed) == "policy"


def test_a_policy_that_somebody_else_signs_is_none(company: Company) -> None:
    foreign = company.key("别人", "别的公司")
    other = replace_world(company, policy=company.ruled(foreign))
    assert why(other, other.evidence(other.approved(*other.approvers[:2]))) == "keeper"


def test_a_rejection_approves_nothing(company: Company) -> None:
    said = company.approved(company.approvers[0]) + company.approved(
        company.approvers[1], decision="reject"
    )
    assert why(company, company.evidence(said)) == "rejected"


def test_an_edited_time_breaks_the_signature(company: Company) -> None:
    (approval,) = company.approved(company.approvers[0])
    issued = approval.approval.issued.encode()
    for edited in (b"2026-11-23T07:00:01Z", b"2026-11-23T08:00:00Z"):
        with pytest.raises(ApprovalError, match="signature"):
            SignedApproval.parse(approval.token.replace(issued, edited))
    until = company.request.request.until.encode()
    with pytest.raises(ApprovalError, match="signature"):
        SignedRequest.parse(company.request.token.replace(until, b"2026-11-30T06:00:00Z"))


@pytest.mark.parametrize("hours", [-2, 24 * 4])
def test_an_approval_outside_the_requests_term_is_none(company: Company, hours: int) -> None:
    approvals = company.approved(*company.approvers[:2], at=ASKED + timedelta(hours=hours))
    assert why(company, company.evidence(approvals)) == "time"


def test_a_ticket_from_before_the_approvals_has_none(company: Company) -> None:
    issued = ASKED + timedelta(minutes=30)
    assert why(company, company.evidence(), issued_at=issued) == "time"


@pytest.mark.parametrize(
    "name", ["request", "seal_name", "requester", "document_sm3", "pages", "purpose", "until"]
)
def test_an_approval_that_says_something_else_than_the_request_is_none(
    company: Company, name: str
) -> None:
    other = {
        "document_sm3": "0" * 64,
        "until": "2026-11-29T00:00:00Z",
        "request": "request_" + "1" * 24,
    }.get(name, "77")
    approvals = company.approved(*company.approvers[:2], **{name: other})
    assert why(company, company.evidence(approvals)) == "approval"


def test_a_request_for_another_seal_or_of_another_person_is_none(company: Company) -> None:
    other = replace_world(company)
    other.request = SignedRequest.make(other.asked(seal="32130000000033"), other.requester)
    assert why(other, other.evidence(other.approved(*other.approvers[:2]))) == "seal"
    other.request = SignedRequest.make(
        other.asked(requester_cert=sm3(other.keeper.certificate).hex()), other.keeper
    )
    assert why(other, other.evidence(other.approved(*other.approvers[:2]))) == "requester"


def test_a_leave_for_another_request_or_under_a_grant_carries_no_approval(
    company: Company,
) -> None:
    assert why(company, company.evidence(), approval="request_" + "1" * 24) == "request"
    assert why(company, company.evidence(), grant_sm3="0" * 64) == "request"


def test_evidence_that_cannot_be_read_is_none(company: Company) -> None:
    broken = company.evidence().encode()[:-3]
    found = told(company.judged(company.stamped(evidence=None, said=broken)))
    assert found["approval_invalid"].details["why"] == "unreadable"


def test_terms_without_a_type_and_times_at_the_end_of_all_time_are_refused(
    company: Company,
) -> None:
    terms = json.loads(company.policy.policy.encode())
    for body in ({k: v for k, v in terms.items() if k != "type"}, terms | {"type": "other"}, [1]):
        with pytest.raises(PolicyError):
            UsePolicy.parse(json.dumps(body).encode())
    for created in ("9999-12-28T08:00:00Z", "0001-01-01T00:00:00Z"):
        with pytest.raises(PurposeTextError):
            company.asked(created=created, until="9999-12-31T23:59:59Z").encode()
    for at in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"):
        with pytest.raises(PolicyError, match="no time"):
            signed_policy(company.policy.policy, company.keeper, at=at)


def test_a_seal_that_needs_approvals_is_never_used_offline(company: Company) -> None:
    assert not company.policy.policy.offline  # unless the keeper says so
    with pytest.raises(PolicyError, match="offline"):
        company.ruled(offline=True)
    free = company.ruled(approvers=(), needed=0, offline=True)
    assert free.policy.offline


def test_evidence_that_nobody_would_read_is_not_written(company: Company) -> None:
    keys = tuple(company.key(f"审批人{number}") for number in range(9))
    listed = tuple(approver_of(key, "张三", "负责人") for key in keys)
    other = replace_world(company, policy=company.ruled(approvers=listed, needed=9))
    repeated = ("seal_name", "requester", "document_name", "purpose")
    most = dict.fromkeys(repeated, "𠮷" * MAX_VALUE)
    other.request = SignedRequest.make(other.asked(**most), other.requester)
    approvals = [by_phone(other, key) for key in keys]
    with pytest.raises(ApprovalError, match="larger"):
        other.evidence(approvals).encode()
    small = other.evidence(approvals[:3]).encode()
    assert UseEvidence.parse(small).approvals == tuple(approvals[:3])
    # the largest one has room in a statement
    leave = Leave(approval=other.request.request.request, evidence=bytes(MAX_SIZE))
    token = company.authorities.statement(company.requester, leave=leave).token
    assert SignedStatement.parse(token).statement.leave == leave


def test_a_reason_has_an_end(company: Company) -> None:
    assert company.said(reason="因" * MAX_REASON).encode()
    with pytest.raises(PurposeTextError, match="reason"):
        company.said(reason="因" * (MAX_REASON + 1)).encode()


@pytest.mark.parametrize("blank", ["\u3164", "\u115f", "\u2800", "\u3000", "\ufe0f", " "])
def test_a_name_that_shows_nothing_is_none(company: Company, blank: str) -> None:
    for name in ("enterprise", "requester", "document_name"):
        with pytest.raises(PurposeTextError):
            company.asked(**{name: blank}).encode()
    nobody = replace(company.policy.policy.approvers[0], name=blank)
    for changes in (
        {"approvers": (nobody, *company.policy.policy.approvers[1:])},
        {"holder": blank},
        {"seal_name": blank},
    ):
        with pytest.raises(PolicyError):
            company.ruled(**changes)


# --- past the platform ---------------------------------------------------------------------------


def test_a_seal_whose_policy_asks_for_a_ticket_is_not_used_without_one(company: Company) -> None:
    """Whoever has the key can seal without asking anybody; the platform's word tells of it."""
    data = company.stamped(ticketed=False)
    assert company.judged(data).verdict is Verdict.VALID
    report = company.judged(data, ticket_since=NOW - timedelta(days=1))
    assert told(report)["ticket_missing"].level is Level.INVALID
    # the policy came later, which the claimed time alone does not prove: any time can be claimed
    report = company.judged(data, ticket_since=NOW)
    assert told(report)["ticket_missing_unproven"].level is Level.UNKNOWN
    assert report.verdict is Verdict.UNKNOWN
    assert company.judged(company.stamped(), ticket_since=ASKED).verdict is Verdict.VALID


def test_only_a_proved_time_excuses_a_missing_ticket(company: Company) -> None:
    seal = Seal.parse(company.seal)
    trust = company.authorities.trust
    since = company.authorities.statement(company.requester, ticket_since=NOW)
    trust = replace(trust, statements=(since,))
    lease = company.authorities.statement(
        company.requester, leave=Leave(lease="lease", until=NOW + timedelta(days=2))
    ).token

    def found(times: Times, token: bytes = b"") -> set[str]:
        use = check_seal_use(
            seal, company.requester.certificate, trust, times, NOW + timedelta(days=5), None, token
        )
        return {each.code for each in use.findings if each.code.startswith("ticket_")}

    before, after, late = (NOW + timedelta(days=days) for days in (-2, 1, 3))
    assert found(Times(before)) == {"ticket_missing_unproven"}
    assert found(Times(None)) == {"ticket_missing_unproven"}
    assert found(Times(before, before, "timestamp")) == set()
    assert found(Times(before, after, "timestamp")) == {"ticket_missing"}
    assert found(Times(after)) == {"ticket_missing"}
    # a use that was reserved before the policy came
    assert found(Times(after), lease) == {"ticket_missing_unproven"}
    assert found(Times(before), lease) == {"ticket_missing_unproven"}
    assert found(Times(after, after, "timestamp"), lease) == set()
    assert found(Times(late, late, "timestamp"), lease) == {"ticket_missing"}


# --- the forms ------------------------------------------------------------------------------------


def test_what_is_written_is_read_and_nothing_else(company: Company) -> None:
    evidence = company.evidence()
    assert UseEvidence.parse(evidence.encode()) == evidence
    assert UsePolicy.parse(company.policy.policy.encode()) == company.policy.policy
    with pytest.raises(PolicyError):
        UsePolicy.parse(company.policy.policy.encode() + b" ")
    with pytest.raises(PolicyError):
        signed_policy(replace(company.policy.policy, needed=4), company.keeper)
    renamed = company.policy.token.replace("李四".encode(), "李五".encode())
    with pytest.raises(PolicyError, match="this policy"):
        SignedPolicy.parse(renamed)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("document_name", "合同\u202efdp.exe"),
        ("document_name", ""),
        ("copies", "0"),
        ("copies", "01"),
        ("pages", "-1"),
        ("document_size", "1e3"),
        ("until", "2027-11-23T09:00:00Z"),
        ("seal", "1"),
        ("purpose", "x\ny"),
    ],
)
def test_a_request_says_nothing_that_cannot_be_meant(
    company: Company, name: str, value: str
) -> None:
    with pytest.raises(PurposeTextError):
        company.asked(**{name: value}).encode()


def test_a_ukey_does_not_speak_as_a_phone(company: Company) -> None:
    said = company.said(binding="0" * 64)
    with pytest.raises(ApprovalError, match="phone"):
        SignedApproval.make(said, ukey_proof(said.encode(), company.approvers[0]))
    with pytest.raises(ApprovalError, match="phone"):
        SignedApproval.make(said, ukey_proof(said.encode(), company.approvers[0]), phone=True)


def test_evidence_with_anything_else_among_its_approvals_is_refused(company: Company) -> None:
    made = company.evidence()
    listed = [der.octet_string(each.token) for each in made.approvals]
    whole = (der.octet_string(made.policy.token), der.octet_string(made.request.token))
    assert UseEvidence.parse(der.sequence(*whole, der.sequence(*listed))) == made
    for more in (der.null(), der.utf8("x"), der.sequence()):
        with pytest.raises(ApprovalError):
            UseEvidence.parse(der.sequence(*whole, der.sequence(*listed, more)))
        with pytest.raises(ApprovalError):
            UseEvidence.parse(der.sequence(*whole, der.sequence(*listed), more))


def test_a_ticket_keeps_its_evidence(company: Company) -> None:
    token = company.authorities.statement(company.requester).token
    assert SignedStatement.parse(token).statement.leave is None
    with pytest.raises(ApprovalError):
        UseEvidence.parse(b"")


def replace_world(company: Company, **changes: Any) -> Company:
    """The same people with another policy, and a request under it."""
    made = Company.__new__(Company)
    made.__dict__ |= company.__dict__
    made.__dict__ |= changes
    if "policy" not in changes:
        made.policy = made.ruled()
    made.request = SignedRequest.make(made.asked(), made.requester)
    return made
