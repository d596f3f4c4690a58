"""What a sync brings of approvals, from a platform of which some answers are not right."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from app.errors import PlatformAnswerInvalid, PlatformRefused
from app.remote.approval.asking import record_of
from app.remote.approval.client import (
    ApprovalClient,
    Duty,
    PlatformPolicy,
    PlatformRequest,
    UseRequests,
)
from app.remote.approval.following import follow
from app.remote.platform_connection import to_base64
from app.store.cabinet import Cabinet
from app.store.notices import said
from app.store.use_requests import PolicyRecord
from crypto.seal.use_approval import SignedRequest
from tests.world.approvals import ASKED, ORIGIN, Company, approver_of, signed_policy
from tests.world.authorities import CODE, NOW


@pytest.fixture(scope="module")
def company() -> Company:
    return Company()


@dataclass
class Platform:
    """What it tells is the test's."""

    policies: dict[str, Any] = field(default_factory=dict)
    """By seal: a policy, or what asking for it raises."""
    told: UseRequests = field(default_factory=lambda: UseRequests((), (), approver=False))
    origin: str = ORIGIN

    def use_policy(self, seal_id: str) -> PlatformPolicy:
        answer = self.policies[seal_id]
        if isinstance(answer, Exception):
            raise answer
        return PlatformPolicy(answer)

    def use_requests(self) -> UseRequests:
        return self.told

    def require_known(self, *_: object) -> None:
        """Every certificate is."""


def notices(cabinet: Cabinet) -> list[str]:
    return sorted(said(each, "zh_CN").title for each in cabinet.notices.all())


def test_one_bad_policy_does_not_stop_the_others_and_is_told(company: Company) -> None:
    cabinet = Cabinet.in_memory()
    for identity in ("bad", "none", "good"):
        cabinet.keep_seal(company.record(id=identity))
    stranger = company.ruled(company.key("李四", "宿迁市别人有限公司"))
    platform = Platform(
        {
            "bad": stranger,
            "none": PlatformRefused(ORIGIN, "not_found", "", 404),
            "good": company.policy,
        },
        UseRequests((), (), approver=False, refused=2),
    )
    for _ in range(2):  # a sync that is repeated tells nothing twice
        follow(platform, cabinet, {}, company.requester, lambda: NOW)  # type: ignore[arg-type]
    assert [each.seal_id for each in cabinet.policies()] == ["good"]
    assert notices(cabinet) == [
        "平台告知的印章 " + CODE + " 的用印规则不正确，没有采用",
        "平台告知的审批内容中有 2 项不正确，没有采用",
    ]


def test_an_approver_hears_of_each_change_and_a_former_one_that_it_is_over(
    company: Company,
) -> None:
    cabinet, me = Cabinet.in_memory(), company.approvers[2]
    holder = company.policy.policy.holder
    duty = Duty("theirs", company.policy, ASKED, None)
    platform = Platform(told=UseRequests((), (), approver=False, duties=(duty,)))

    def sync() -> None:
        follow(platform, cabinet, {}, me, lambda: NOW)  # type: ignore[arg-type]

    sync()
    assert [each.seal_id for each in cabinet.policies()] == ["theirs"]
    named = f"{holder}的印章 {CODE} 用印要由您审批：3 位审批人中 2 人同意才能用印"
    assert notices(cabinet) == [named]
    later = (ASKED + timedelta(minutes=5)).isoformat()
    fewer = signed_policy(replace(company.policy.policy, needed=1), company.keeper, at=later)
    at = ASKED + timedelta(minutes=6)
    platform.told = replace(platform.told, duties=(Duty("theirs", fewer, at, None),))
    sync()
    assert notices(cabinet) == sorted([named, named.replace("2 人同意", "1 人同意")])
    platform.told = replace(platform.told, duties=(duty,))  # an old one does not come back
    sync()
    assert cabinet.policies()[0].token == fewer.token
    over = Duty("theirs", fewer, at, ASKED + timedelta(hours=1))
    platform.told = replace(platform.told, duties=(over,))
    sync()
    assert cabinet.policies() == []
    assert f"{holder}的印章 {CODE} 用印不再由您审批" in notices(cabinet)


def told(company: Company, requester: str) -> PlatformRequest:
    """The company's request as a platform tells it."""
    return PlatformRequest(
        signed=company.request,
        policy=company.policy,
        seal_id="bad",
        state="pending",
        reason="",
        requester=requester,
        mine=True,
        used=0,
        pages=0,
        evidence_size=100,
        created_at=ASKED,
        changed_at=ASKED,
        answers="[]",
    )


def test_an_approver_reads_the_requesters_name_as_it_is_signed(company: Company) -> None:
    """Whatever the platform says; a name that the policy hides is the platform's to tell."""
    signed = company.request.request.requester
    own = company.approvers[0].certificate
    assert record_of(told(company, "别人"), "asked", ORIGIN, own).requester == signed
    hidden = SignedRequest.make(
        replace(company.request.request, requester="赵*"), company.requester
    )
    for name, shown in (("赵六", "赵六"), ("钱七", "赵*"), ("赵六六", "赵*")):
        made = replace(told(company, name), signed=hidden)
        assert record_of(made, "asked", ORIGIN, own).requester == shown


def test_a_bad_policy_does_not_stop_the_request_that_waits_for_its_approvers(
    company: Company,
) -> None:
    cabinet = Cabinet.in_memory()
    made = told(company, "赵六")
    known = record_of(made, "mine", ORIGIN, company.requester.certificate)
    cabinet.keep_use_request(replace(known, key=bytes(32)))  # its pages wait for more keys
    for problem in (PlatformAnswerInvalid(ORIGIN, ""), PlatformRefused(ORIGIN, "not_found", "")):
        platform = Platform({"bad": problem}, UseRequests((made,), (), approver=False))
        follow(platform, cabinet, {}, company.requester, lambda: NOW)  # type: ignore[arg-type]
    assert [each.state for each in cabinet.use_requests()] == ["pending"]


def test_what_was_decided_long_ago_is_no_news(company: Company) -> None:
    cabinet, long_ago = Cabinet.in_memory(), NOW - timedelta(days=40)
    duties = (
        Duty("theirs", company.policy, long_ago, None),
        Duty("others", company.policy, long_ago, long_ago),
    )
    told = UseRequests((), (), approver=False, duties=duties)
    follow(Platform(told=told), cabinet, {}, company.approvers[0], lambda: NOW)  # type: ignore[arg-type]
    assert [each.seal_id for each in cabinet.policies()] == ["theirs"]
    assert notices(cabinet) == []


def test_a_duty_that_names_somebody_else_is_none(company: Company) -> None:
    cabinet = Cabinet.in_memory()
    others = tuple(approver_of(key, "李四", "负责人") for key in company.approvers[:1])
    policy = company.ruled(approvers=others, needed=1)
    told = UseRequests((), (), approver=False, duties=(Duty("theirs", policy, ASKED, None),))
    follow(Platform(told=told), cabinet, {}, company.approvers[1], lambda: NOW)  # type: ignore[arg-type]
    assert cabinet.policies() == []
    assert notices(cabinet) == ["平台告知的审批内容中有 1 项不正确，没有采用"]


@pytest.mark.parametrize(
    "other",
    [
        {"platform": "https://other.example"},
        {"code": "32130200099999"},
        {"enterprise": "宿迁市别人有限公司"},
    ],
)
def test_a_duty_under_the_identifier_of_another_seal_leaves_its_policy_alone(
    company: Company, other: dict[str, str]
) -> None:
    cabinet, me = Cabinet.in_memory(), company.approvers[0]
    seal = company.record(certificate=company.approvers[1].certificate, **other)
    cabinet.keep_seal(seal)
    before = PolicyRecord(seal.id, seal.platform, b"", NOW)
    cabinet.keep_policy(before)
    for ended in (None, NOW):  # one that is over forgets none, either
        duty = Duty(seal.id, company.policy, ASKED, ended)
        told = UseRequests((), (), approver=False, duties=(duty,))
        follow(Platform(told=told), cabinet, {}, me, lambda: NOW)  # type: ignore[arg-type]
        assert cabinet.policies() == [before]
    assert notices(cabinet) == ["平台告知的审批内容中有 1 项不正确，没有采用"]


def test_a_former_duty_at_one_platform_does_not_forget_that_at_another(company: Company) -> None:
    cabinet, me = Cabinet.in_memory(), company.approvers[0]
    before = PolicyRecord("theirs", "https://other.example", company.policy.token, NOW)
    cabinet.keep_policy(before)
    duty = Duty("theirs", company.policy, ASKED, NOW)
    told = UseRequests((), (), approver=False, duties=(duty,))
    follow(Platform(told=told), cabinet, {}, me, lambda: NOW)  # type: ignore[arg-type]
    assert cabinet.policies() == [before]


def test_entries_that_cannot_be_read_are_left_out(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    duty = {
        "seal_id": "theirs",
        "token": to_base64(company.policy.token),
        "set_at": ASKED.isoformat(),
        "ended_at": None,
    }
    bad = duty | {"token": to_base64(b"0")}
    answer: dict[str, Any] = {"mine": [{"id": 1}], "to_me": [], "approver": True}
    answer["duties"] = [bad, duty]
    client = object.__new__(ApprovalClient)
    monkeypatch.setattr(ApprovalClient, "origin", ORIGIN, raising=False)
    monkeypatch.setattr(ApprovalClient, "_call", lambda *_, **__: answer)
    found = client.use_requests()
    assert (len(found.duties), found.refused, found.mine) == (1, 2, ())
    answer["mine"] = 7
    with pytest.raises(PlatformAnswerInvalid):
        client.use_requests()
