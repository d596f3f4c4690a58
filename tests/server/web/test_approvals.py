"""用印审批 over HTTP: policies, requests, encrypted pages, decisions, tickets with approvals."""

from __future__ import annotations

import base64
import contextlib
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

from crypto.algorithms import gm
from crypto.algorithms.gm import sm3
from crypto.algorithms.keys import SoftKey
from crypto.pki.certificate import Certificate
from crypto.pki.certificate_making import make_request
from crypto.pki.names_and_algorithms import Name
from crypto.seal import use_approval
from crypto.seal.purpose_text import write_time
from crypto.seal.statement import SignedStatement
from crypto.seal.use_approval import SignedRequest, UseEvidence, join
from crypto.seal.use_policy import Approver, SignedPolicy, masked
from server_stub.approving import deciding, requesting
from server_stub.approving.spending import Approved
from server_stub.lending import granting
from server_stub.records import auditing, canonical, store, work_lock
from server_stub.ruling import use_policies
from server_stub.ruling.same_people import People
from server_stub.seals import statements
from server_stub.web.serving import RunningServer
from tests.world.applicant import Applicant, b64, citizen_number, decision, number_of
from tests.world.approving import Approving, Somebody, approver_key
from tests.world.lending import Lending
from tests.world.waiting import until

Make = Callable[..., Applicant]


@pytest.fixture(scope="module")
def people(server: RunningServer) -> Iterator[dict[str, Applicant]]:
    """Who asks, three who can be asked, and a stranger."""
    made: dict[str, Applicant] = {}
    with contextlib.ExitStack() as opened:
        for number, name in enumerate(("周正", "吴安", "郑平", "冯和", "陈外")):
            made[name] = Somebody(server.url, legal_rep=name, name=f"宿迁市第{number}公司")
            opened.callback(made[name].http.close)
            made[name].enrol()
        yield made


@pytest.fixture
def asking(people: dict[str, Applicant]) -> Approving:
    """Two of three must agree."""
    made = Approving(people["周正"], (people["吴安"], people["郑平"], people["冯和"]))
    answer = made.rule(made.terms(2))
    assert answer.status_code == 201, answer.text
    return made


def asked(asking: Approving, **changes: Any) -> dict[str, Any]:
    answer = asking.ask(asking.request(**changes))
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def state(asking: Approving, request: dict[str, Any]) -> str:
    answer = asking.company.call("GET", f"/v1/use-requests/{request['id']}")
    return str(answer.json()["state"])


# --- with approvals ------------------------------------------------------------------------------


def test_two_of_three_agree_and_the_ticket_says_who(asking: Approving) -> None:
    refused = asking.ticket()
    assert (refused.status_code, refused.json()["code"]) == (409, "approval_needed")
    request = asked(asking)
    first, second, _ = asking.approvers
    assert asking.decide(first, request).json()["state"] == "pending"
    assert asking.ticket(request["id"]).json()["detail"] == "pending"
    assert asking.decide(second, request, reason="已核对").json()["state"] == "approved"
    answer = asking.ticket(request["id"])
    assert answer.status_code == 201, answer.text
    leave = SignedStatement.parse(base64.b64decode(answer.json()["token"])).statement.leave
    assert leave is not None
    evidence = UseEvidence.parse(leave.evidence)
    code = asking.seal["seal_code"]
    assert evidence.why_not(code, code, asking.company.key.certificate) == ""
    assert [each.approval.reason for each in evidence.approvals] == ["", "已核对"]
    assert leave.approval == request["id"]
    again = asking.ticket(request["id"])
    assert (again.json()["code"], again.json()["detail"]) == ("approval_needed", "used")


def test_as_many_copies_as_were_asked_for(asking: Approving) -> None:
    request = asked(asking, copies="2")
    for each in asking.approvers[:2]:
        asking.decide(each, request)
    given = [asking.ticket(request["id"]).status_code for _ in range(3)]
    assert given == [201, 201, 409]


def test_no_ticket_is_spent_on_evidence_that_nobody_can_read(
    asking: Approving, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = asked(asking)
    first, second, _ = asking.approvers
    with monkeypatch.context() as patched:
        patched.setattr(use_approval, "MAX_SIZE", 1000)
        refused = asking.decide(first, request)
        assert refused.json()["code"] == "decision_invalid"
        assert "too large" in refused.json()["detail"]
    assert asking.decide(first, request, reason="长" * 200).status_code == 200
    assert asking.decide(second, request).json()["state"] == "approved"
    with monkeypatch.context() as patched:
        patched.setattr(use_approval, "MAX_SIZE", 1000)
        assert asking.ticket(request["id"]).json()["code"] == "use_request_invalid"
    assert asking.ticket(request["id"]).status_code == 201  # none of its copies was spent


def test_the_first_rejection_ends_it(asking: Approving) -> None:
    request = asked(asking)
    first, second, third = asking.approvers
    asking.decide(first, request)
    assert asking.decide(second, request, "reject", reason="金额不对").json()["state"] == "rejected"
    late = asking.decide(third, request)
    assert (late.status_code, late.json()["code"]) == (409, "already_decided")
    assert asking.ticket(request["id"]).json()["detail"] == "rejected"


def test_the_first_decision_of_each_counts(asking: Approving) -> None:
    request = asked(asking)
    first = asking.approvers[0]
    assert asking.decide(first, request).status_code == 200
    again = asking.decide(first, request, "reject")
    assert (again.status_code, again.json()["code"]) == (409, "already_decided")
    assert state(asking, request) == "pending"


def test_an_approval_for_which_a_ticket_has_no_room_is_refused(
    asking: Approving, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = asked(asking)
    first, second, third = asking.approvers
    assert asking.decide(first, request).status_code == 200
    one = join(b"", b"", [asking.approval(first, request).token])
    monkeypatch.setattr("crypto.seal.use_approval.MAX_SIZE", len(one) * 2)  # beside two others
    late = asking.decide(second, request)
    assert late.json()["code"] == "decision_invalid"
    assert state(asking, request) == "pending"
    assert asking.decide(third, request, "reject", reason="太长").json()["state"] == "rejected"


def test_of_two_who_decide_at_once_both_count(asking: Approving) -> None:
    for said in ("approve", "reject"):
        request = asked(asking)
        decide = partial(asking.decide, request=request, said=said)
        with ThreadPoolExecutor(3) as pool:
            answers = list(pool.map(decide, asking.approvers))
        codes = sorted(answer.status_code for answer in answers)
        assert codes == ([200, 200, 409] if said == "approve" else [200, 409, 409])
        assert state(asking, request) == ("approved" if said == "approve" else "rejected")


def test_the_same_request_sent_again_is_one(asking: Approving) -> None:
    request = asking.request()
    signed = SignedRequest.make(request, asking.company.key)
    body = {"seal_id": asking.company.seal_id, "token": b64(signed.token)}
    answers = [asking.company.call("POST", "/v1/use-requests", body) for _ in range(2)]
    assert [each.json()["id"] for each in answers] == [request.request] * 2
    other = asking.ask(replace(request, purpose="别的"))
    assert other.json()["code"] == "use_request_invalid"


def test_a_withdrawn_request_allows_nothing(asking: Approving) -> None:
    request = asked(asking)
    for each in asking.approvers[:2]:
        asking.decide(each, request)
    text = SignedRequest.parse(base64.b64decode(request["token"])).request
    me = asking.company
    signed = decision(me.url, me.key, deciding.WITHDRAW, request["id"], text.sha256, "")
    path = f"/v1/use-requests/{request['id']}/withdrawal"
    assert me.call("POST", path, signed).json()["state"] == "withdrawn"
    assert asking.ticket(request["id"]).json()["detail"] == "withdrawn"


# --- nobody else, nothing else -------------------------------------------------------------------


def test_a_requester_is_never_asked_about_his_own_request(
    people: dict[str, Applicant], asking: Approving
) -> None:
    own = (people["周正"], people["吴安"])
    asking.approvers = own
    assert asking.rule(asking.terms(2)).status_code == 201
    few = asking.ask()
    assert few.json()["detail"] == "without the requester there are too few approvers"
    asking.rule(asking.terms(1))
    request = asked(asking)
    assert [each["name"] for each in request["asked"]] == ["吴安"]
    assert asking.decide(people["周正"], request).json()["code"] == "not_found"


def as_a_newcomer(
    server: RunningServer, asking: Approving, known: Applicant, other: Applicant
) -> Applicant:
    """*known* once more as *other*, with another key, certificate and record: a newcomer whom a
    seal is lent to by identity number."""
    name, number, salt = known.legal_rep, number_of(known.legal_rep), secrets.token_bytes(16)
    server.platform.city.take_in_person(name, number)
    lending = Lending(asking.company)
    digest = granting.commitment(number, salt)
    grant = lending.terms(grantee=name, grantee_by="identity", grantee_sm3=digest)
    offered = lending.offer(grant, identity={"id_no": number, "salt": b64(salt)})
    assert offered.status_code == 201, offered.text
    other.legal_rep = name
    subject = Name.build([("C", "CN"), ("CN", "to be named by the platform")])
    newcomer = {
        "name": name,
        "id_no": number,
        "certificate_request": b64(make_request(subject, other.key.spki, other.key.sign)),
    }
    accepted = lending.accept(other.key, offered.json(), secret=grant.id, newcomer=newcomer)
    assert accepted.status_code == 201, accepted.text
    certificate = base64.b64decode(accepted.json()["copy"]["certificate"])
    other.key = other.key.with_certificate(certificate)
    other.sign_in()
    return other


def test_nobody_approves_his_own_request_as_another_record_of_himself(
    server: RunningServer, people: dict[str, Applicant], asking: Approving, holder: Make
) -> None:
    again = as_a_newcomer(server, asking, people["周正"], holder())
    asking.approvers = (again, people["吴安"])
    assert asking.rule(asking.terms(2)).status_code == 201
    few = asking.ask()
    assert few.json()["detail"] == "without the requester there are too few approvers"
    assert asking.rule(asking.terms(1)).status_code == 201
    request = asked(asking)
    assert [each["name"] for each in request["asked"]] == ["吴安"]
    assert asking.decide(again, request).json()["code"] == "not_found"
    assert state(asking, request) == "pending"


def test_two_records_of_one_person_are_not_two_approvers(
    server: RunningServer, people: dict[str, Applicant], asking: Approving, holder: Make
) -> None:
    again = as_a_newcomer(server, asking, people["吴安"], holder())
    asking.approvers = (people["吴安"], again)
    refused = asking.rule(asking.terms(2))
    assert refused.json()["detail"] == "two of the approvers are one person"


def test_persons_are_compared_by_number_and_without_one_by_name(server: RunningServer) -> None:
    vault = server.platform.vault

    def person(identity: str, name: str, number: str) -> store.Person:
        sealed = vault.seal(f"person.id_no:{identity}", number.encode()) if number else None
        return store.Person(id=identity, name=name, id_no_enc=sealed)

    number = citizen_number(901)
    made = [
        person("a", "吴安", number),
        person("b", "吴 安", number.lower()),
        person("c", "吴安", citizen_number(902)),
        person("d", "吴安", ""),
    ]
    engine = create_engine("sqlite://")
    store.Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all(made)
        session.flush()
        found = People(session, vault)
        assert found.same("a", "b")
        assert not found.same("a", "c")
        assert found.same("a", "d")
        assert found.same("c", "d")
        assert found.same("b", "d")  # however the name is spelt
        assert not found.same("a", None)
        assert (found.count("abc"), found.count("abcd"), found.count([])) == (2, 2, 0)


def test_a_stranger_sees_and_decides_nothing(
    people: dict[str, Applicant], asking: Approving
) -> None:
    request, stranger = asked(asking), people["陈外"]
    stranger.sign_in()
    assert stranger.call("GET", f"/v1/use-requests/{request['id']}").status_code == 404
    for_others = stranger.call("GET", f"/v1/seals/{asking.company.seal_id}/use-policy")
    assert for_others.status_code == 404
    assert asking.decide(stranger, request).status_code in (403, 404)
    token = asking.approval(asking.approvers[0], request).token
    path = f"/v1/use-requests/{request['id']}/decision"
    brought = asking.approvers[1].call("POST", path, {"token": b64(token)})
    assert brought.json()["code"] == "decision_invalid"
    assert state(asking, request) == "pending"


def test_another_requests_approval_approves_nothing(asking: Approving) -> None:
    one, other = asked(asking), asked(asking, document_sm3="0" * 64)
    token = asking.approval(asking.approvers[0], one).token
    path = f"/v1/use-requests/{other['id']}/decision"
    answer = asking.approvers[0].call("POST", path, {"token": b64(token)})
    assert answer.json()["code"] == "decision_invalid"


@pytest.mark.parametrize("minutes", [-20, 20])
def test_a_decision_of_another_time_is_refused(asking: Approving, minutes: int) -> None:
    request = asked(asking)
    at = datetime.now(UTC) + timedelta(minutes=minutes)
    answer = asking.decide(asking.approvers[0], request, at=at)
    assert answer.json()["code"] == "decision_invalid"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("origin", "https://elsewhere.example"),
        ("seal", "32130000000099"),
        ("seal_name", "别的章"),
        ("requester", "别人"),
        ("enterprise", "别的公司"),
        ("grant", "0" * 64),
        ("policy", "0" * 64),
        ("created", "2026-01-01T00:00:00Z"),
    ],
)
def test_a_request_that_says_what_is_not_so_is_refused(
    asking: Approving, name: str, value: str
) -> None:
    made = asking.request(**{name: value})
    if name == "created":
        made = replace(made, until="2026-01-02T00:00:00Z")
    answer = asking.ask(made)
    assert (answer.status_code, answer.json()["code"]) == (422, "use_request_invalid")


@pytest.mark.parametrize(
    ("preview", "pages"),
    [("0" * 64, 0), ("0" * 64, 1), ("", 1), ("", 2)],
)
def test_whoever_names_pictures_sends_at_least_one(
    asking: Approving, preview: str, pages: int
) -> None:
    answer = asking.ask(asking.request(preview_sha256=preview), pages=pages)
    assert answer.json()["detail"] == "a number of pages that cannot be"


def test_a_request_by_another_key_is_refused(asking: Approving) -> None:
    key = asking.approvers[0].key
    made = asking.request(requester_cert=sm3(key.certificate).hex())
    assert asking.ask(made, key).json()["code"] == "use_request_invalid"


# --- policies ------------------------------------------------------------------------------------


def test_a_new_policy_ends_what_was_asked_under_the_one_before(asking: Approving) -> None:
    request = asked(asking)
    for each in asking.approvers[:2]:
        asking.decide(each, request)
    removed, *left = asking.approvers
    asking.approvers = tuple(left)
    assert asking.rule(asking.terms(2)).status_code == 201
    assert state(asking, request) == "lapsed"
    assert asking.ticket(request["id"]).json()["code"] == "approval_needed"
    again = asked(asking)
    assert asking.decide(removed, again).status_code in (403, 404)


def test_only_who_keeps_the_seal_sets_its_policy(
    people: dict[str, Applicant], asking: Approving
) -> None:
    for name in ("陈外", "吴安"):
        people[name].sign_in()
        assert asking.rule(asking.terms(1), by=people[name]).status_code == 404
    good = asking.terms(1)
    signed = decision(asking.company.url, SoftKey.generate(), "set-use-policy", "x", good.sm3, "")
    body = {"terms": b64(good.encode()), **signed}
    path = f"/v1/seals/{asking.company.seal_id}/use-policy"
    assert asking.company.call("POST", path, body).json()["code"] == "signature_invalid"


@pytest.fixture(scope="module")
def kept(server: RunningServer, people: dict[str, Applicant]) -> Iterator[dict[str, Applicant]]:
    """Whoever keeps a company's seal, and its legal representative."""
    name = "宿迁市保管有限公司"
    keeper = Applicant(server.url, legal_rep="钱立", name=name)
    own = Somebody(server.url, legal_rep="钱立", name=name, uscc=keeper.uscc, subtype="finance")
    with contextlib.closing(keeper.http), contextlib.closing(own.http):
        keeper.enrol()
        own.enrol()
        yield {"keeper": keeper, "legal_rep": own}


def test_who_keeps_the_seal_tightens_its_policy_and_loosens_nothing(
    server: RunningServer, people: dict[str, Applicant], kept: dict[str, Applicant]
) -> None:
    first, second, third = people["吴安"], people["郑平"], people["冯和"]
    made = Approving(kept["keeper"], (first, second))
    assert made.rule(made.terms(0)).status_code == 201
    assert made.rule(made.terms(1, phone=False)).status_code == 201
    assert made.rule(made.terms(2, phone=False)).status_code == 201
    hidden = tuple(replace(each, name=masked(each.name)) for each in made.terms(1).approvers)
    others = Approving(kept["keeper"], (first, third)).terms(2, phone=False)
    more = Approving(kept["keeper"], (first, second, third)).terms(2, phone=False)
    looser = (
        made.terms(0),
        made.terms(1, phone=False),
        made.terms(2, phone=True),
        made.terms(2, phone=False, masked=True, approvers=hidden),
        others,
        more,
    )
    for terms in looser:
        refused = made.rule(terms)
        assert (refused.status_code, refused.json()["code"]) == (403, "policy_weaker"), terms
    path = f"/v1/seals/{made.company.seal_id}/use-policy"
    assert made.company.call("GET", path).json()["id"] == made.policy.sm3  # type: ignore[union-attr]
    assert made.rule(others, by=kept["legal_rep"]).status_code == 201
    with server.platform.reading() as session:
        row = session.get_one(store.UsePolicyRow, others.sm3)
        heard = audience_of(session, row.id)
        for each in (first, second, third):
            sn = f"{Certificate.parse(each.key.certificate).serial:x}"
            assert session.get_one(store.Certificate, sn).person_id in heard


def test_another_record_of_an_approver_does_not_take_his_place(
    server: RunningServer,
    people: dict[str, Applicant],
    kept: dict[str, Applicant],
    holder: Make,
) -> None:
    """Anybody who knows a name and a number can have a certificate in that name by an offer."""
    first, second = people["吴安"], people["郑平"]
    made = Approving(kept["keeper"], (first, second))
    answer = made.rule(made.terms(2, phone=False), by=kept["legal_rep"])
    assert answer.status_code == 201, answer.text
    again = as_a_newcomer(server, made, first, holder())
    swapped = Approving(kept["keeper"], (again, second)).terms(2, phone=False)
    refused = made.rule(swapped)
    assert (refused.status_code, refused.json()["code"]) == (403, "policy_weaker")
    other_seal = {"uscc": first.uscc, "subtype": "finance"}
    himself = Somebody(server.url, legal_rep="吴安", name=first.name, **other_seal)
    with contextlib.closing(himself.http):
        himself.enrol()
        renewed = Approving(kept["keeper"], (himself, second)).terms(2, phone=False)
        assert made.rule(renewed).status_code == 201  # his own enterprise's certificate
    assert made.rule(swapped, by=kept["legal_rep"]).status_code == 201


def duties(person: Applicant) -> dict[str, Any]:
    """For which seals *person* is or was asked: code of the seal → entry."""
    person.sign_in()
    found = person.call("GET", "/v1/use-requests").json()["duties"]
    parsed = [SignedPolicy.parse(base64.b64decode(each["token"])).policy for each in found]
    return {one.seal_code: (one, each) for one, each in zip(parsed, found, strict=True)}


def test_approvers_hear_that_the_policy_has_changed_and_the_former_that_they_are_none(
    people: dict[str, Applicant], asking: Approving
) -> None:
    first, second, third = asking.approvers
    waits, done = asked(asking), asked(asking)
    for each in (first, second):
        asking.decide(each, done)
    before = asking.policy
    assert before is not None
    fewer = Approving(asking.company, (first, second))
    assert fewer.rule(fewer.terms(1)).status_code == 201
    code = asking.seal["seal_code"]
    for each in (first, second):
        said, entry = duties(each)[code]
        assert (said.needed, len(said.approvers), entry["ended_at"]) == (1, 2, None)
    said, entry = duties(third)[code]
    assert (said, entry["ended_at"] is None) == (before, False)
    assert code not in duties(people["陈外"])
    # what was asked under the former policy is over, whether it was approved or not
    for request in (waits, done):
        assert state(asking, request) == "lapsed"
        assert asking.ticket(request["id"]).json()["detail"] == "policy"
    assert asking.decide(first, waits).json()["code"] == "already_decided"


@contextlib.contextmanager
def rows(server: RunningServer) -> Iterator[Session]:
    """The platform's rows, to be changed here while it does nothing by itself: SQLite refuses to
    change what somebody else has changed since it was read. Undone at the end."""
    platform = server.platform
    with (
        work_lock.held(platform.engine, platform.settings.directory, 60) as mine,
        Session(platform.engine) as session,
    ):
        assert mine
        yield session
        session.rollback()


def audience_of(session: Session, policy: str) -> set[str]:
    """Who is told of *policy*."""
    chosen = (
        select(store.LedgerAudience.audience)
        .join(
            store.LedgerEntry,
            (store.LedgerAudience.log == store.LedgerEntry.log)
            & (store.LedgerAudience.number == store.LedgerEntry.number),
        )
        .where(store.LedgerEntry.object_id == policy)
    )
    return set(session.scalars(chosen))


def test_a_seal_made_anew_keeps_what_its_policy_forbids(
    server: RunningServer, people: dict[str, Applicant], asking: Approving
) -> None:
    assert asking.rule(asking.terms(0, offline=False)).status_code == 201
    with rows(server) as session:
        seal = session.get_one(store.Seal, asking.company.seal_id)
        anew = session.get_one(store.Seal, people["陈外"].seal_id)
        assert use_policies.ruled(session, anew) is None
        seal.successor_id = anew.id
        with pytest.raises(use_policies.ApprovalNeeded, match="offline"):
            use_policies.check_offline(session, anew)
        now, life = canonical.now(), timedelta(hours=1)
        states = [statements.state_of(session, each, now, life) for each in (seal, anew)]
        assert states[0].ticket_since == states[1].ticket_since is not None
        found = use_policies.ruled(session, anew)
        assert found is not None
        assert (found.seal_id, found.needed) == (seal.id, 0)
        found.needed = 1
        with pytest.raises(use_policies.ApprovalNeeded, match="policy"):
            use_policies.ruled(session, anew)


def test_the_policies_of_two_seals_of_which_one_replaced_the_other_follow_each_other(
    server: RunningServer, people: dict[str, Applicant], asking: Approving
) -> None:
    """Between a reissue and the new seal's first policy, that of the old seal rules: no gap in
    which a use without a ticket would be good."""
    with rows(server) as session:
        seal = session.get_one(store.Seal, asking.company.seal_id)
        anew = session.get_one(store.Seal, people["陈外"].seal_id)
        seal.successor_id = anew.id
        since = statements.state_of(session, seal, canonical.now(), timedelta(hours=1)).ticket_since
        old = use_policies.current(session, seal)
        assert old is not None
        own = store.UsePolicyRow(
            id="1" * 64,
            seal_id=anew.id,
            enterprise_id=anew.enterprise_id,
            token=old.token,
            needed=1,
            offline=False,
            phone=True,
            set_at=canonical.now(),
        )
        session.add(own)
        session.flush()
        told = statements.state_of(session, anew, canonical.now(), timedelta(hours=1))
        assert told.ticket_since == since is not None
        own.needed, own.offline = 0, True  # whoever signed that ended what was before
        session.flush()
        told = statements.state_of(session, anew, canonical.now(), timedelta(hours=1))
        assert told.ticket_since is None


def test_a_policy_is_signed_by_a_certificate_that_names_the_holder(
    server: RunningServer, asking: Approving
) -> None:
    """As client and verifier want it (:attr:`crypto.seal.use_policy.SignedPolicy.by_holder`): a
    personal certificate, or one under a former name, sets no policy."""
    with rows(server) as session:
        seal = session.get_one(store.Seal, asking.company.seal_id)
        enterprise = session.get_one(store.Enterprise, seal.enterprise_id)
        before, enterprise.name = enterprise.name, "更名后的公司"
        session.commit()
        refused = asking.rule(asking.terms(2, holder="更名后的公司"))
        enterprise.name = before
        session.commit()
    assert (refused.status_code, refused.json()["code"]) == (403, "policy_signer")
    assert asking.rule(asking.terms(2)).status_code == 201


@pytest.mark.parametrize(
    "change",
    [
        {"seal_code": "32130000000099"},
        {"holder": "别的公司"},
        {"approvers": (Approver("吴安", "负责人", "0" * 64),)},
    ],
)
def test_a_policy_that_says_what_is_not_so_is_refused(
    asking: Approving, change: dict[str, Any]
) -> None:
    assert asking.rule(asking.terms(1, **change)).json()["code"] == "policy_invalid"


def test_a_policy_names_approvers_as_they_are_called(asking: Approving) -> None:
    wrong = tuple(replace(each, name="别人") for each in asking.terms(1).approvers)
    refused = asking.rule(asking.terms(1, approvers=wrong))
    assert refused.json()["code"] == "policy_invalid"
    hidden = tuple(replace(each, name=masked(each.name)) for each in asking.terms(1).approvers)
    assert asking.rule(asking.terms(1, approvers=hidden, masked=True)).status_code == 201
    named = asking.ask(asking.request())
    assert named.json()["code"] == "use_request_invalid"
    salted = asking.request(requester="周*", document_name=f"salted-sm3 {'0' * 64}")
    assert asking.ask(salted).status_code == 201


def test_offline_use_is_refused_where_the_policy_says_so(asking: Approving) -> None:
    lease = {"seal_id": asking.company.seal_id}
    refused = asking.company.call("POST", "/v1/leases", lease)
    assert (refused.json()["code"], refused.json()["detail"]) == ("approval_needed", "offline")
    path = f"/v1/seals/{asking.seal['seal_code']}/status"
    told = SignedStatement.parse(base64.b64decode(asking.company.call("GET", path).json()["token"]))
    assert told.statement.ticket_since is not None
    assert asking.rule(asking.terms(1)).status_code == 201
    again = SignedStatement.parse(
        base64.b64decode(asking.company.call("GET", path).json()["token"])
    )
    assert again.statement.ticket_since == told.statement.ticket_since  # it was so all the time
    # approvals that are needed and offline use, where nobody is asked, exclude each other
    both = asking.rule(asking.terms(2, offline=True))
    assert (both.status_code, both.json()["code"]) == (422, "policy_invalid")
    assert asking.rule(asking.terms(0, offline=True)).status_code == 201
    assert asking.company.call("POST", "/v1/leases", lease).status_code == 201


def test_without_approvers_nobody_is_asked(asking: Approving) -> None:
    assert asking.rule(asking.terms(0, offline=True)).status_code == 201
    assert asking.ticket().status_code == 201
    assert asking.ask().json()["detail"] == "this seal is used without approvals"


def test_the_keeper_is_told_whom_he_can_name(asking: Approving) -> None:
    path = f"/v1/seals/{asking.company.seal_id}/approver-candidates"
    found = asking.company.call("GET", path).json()["items"]
    assert [each["name"] for each in found] == ["周正"]


# --- under a grant -------------------------------------------------------------------------------


def test_a_grant_that_asks_for_approvals_is_used_with_one(
    people: dict[str, Applicant], asking: Approving
) -> None:
    grantee = people["陈外"]
    lending = Lending(asking.company)
    terms = lending.terms(grantee="陈外", approval=True, offline_quota=0)
    offered = lending.offer(terms)
    assert offered.status_code == 201, offered.text
    copy = lending.accept(grantee.key, offered.json()).json()["copy"]
    grantee.sign_in()
    body = {"seal_id": copy["id"], "document_sm3": sm3(b"contract").hex(), "kind": "合同"}
    assert grantee.call("POST", "/v1/tickets", body).json()["code"] == "approval_needed"
    other = body | {"counterparty": "别的公司"}
    request = asking.request(
        seal=copy["seal_code"],
        requester="陈外",
        requester_cert=sm3(grantee.key.certificate).hex(),
        grant=sm3(terms.encode()).hex(),
    )
    signed = SignedRequest.make(request, grantee.key)
    sent = {"seal_id": copy["id"], "token": b64(signed.token)}
    answer = grantee.call("POST", "/v1/use-requests", sent)
    assert answer.status_code == 201, answer.text
    for each in asking.approvers[:2]:
        asking.decide(each, answer.json())
    refused = grantee.call("POST", "/v1/tickets", other | {"request": request.request})
    assert (refused.json()["code"], refused.json()["detail"]) == ("outside_grant", "counterparty")
    assert not Approved("request", counterparty="").fits("某某公司")  # nor one where none was said
    assert Approved().fits("某某公司")
    given = grantee.call("POST", "/v1/tickets", body | {"request": request.request})
    assert given.status_code == 201, given.text
    leave = SignedStatement.parse(base64.b64decode(given.json()["token"])).statement.leave
    assert leave is not None
    evidence = UseEvidence.parse(leave.evidence)
    code = asking.seal["seal_code"]
    assert evidence.why_not(copy["seal_code"], code, grantee.key.certificate) == ""
    assert asking.ticket(request.request).status_code == 404  # another's request


def test_a_grant_cannot_ask_for_approvals_that_nobody_gives(asking: Approving) -> None:
    assert asking.rule(asking.terms(0, offline=True)).status_code == 201
    refused = Lending(asking.company).offer(Lending(asking.company).terms(approval=True))
    assert refused.json()["code"] == "grant_invalid"


# --- pages ---------------------------------------------------------------------------------------


def test_pages_come_back_to_who_was_asked_and_to_nobody_else(
    people: dict[str, Applicant], asking: Approving
) -> None:
    approver = asking.approvers[0]
    private, signed = approver_key(approver)
    kept = approver.call("POST", "/v1/approver-keys", {"token": b64(signed.token)})
    assert kept.status_code == 201, kept.text
    policy = asking.company.call("GET", f"/v1/seals/{asking.company.seal_id}/use-policy").json()
    keys = {each["certificate_sn"]: each["keys"] for each in policy["approvers"]}
    assert any(b64(signed.token) in each for each in keys.values())
    page_key = secrets.token_bytes(32)
    wrapped = {
        "certificate_sn": signed.key.certificate,
        "kind": "sm2",
        "key_id": signed.key_id,
        "wrapped": b64(gm.sm2_encrypt(signed.public, page_key)),
    }
    request = asking.ask(asking.request(preview_sha256="0" * 64), pages=2, keys=[wrapped]).json()
    path = f"/v1/use-requests/{request['id']}/pages"
    put = put_page(asking.company, f"{path}/1", b"ciphertext of a page")
    assert put.status_code == 204, put.text
    assert put_page(asking.company, f"{path}/1", b"ciphertext of a page").status_code == 204
    assert put_page(asking.company, f"{path}/1", b"ciphertext of another").status_code == 422
    assert put_page(asking.company, f"{path}/2", b"ciphertext of a page").status_code == 422
    assert put_page(approver, f"{path}/0", b"ciphertext of a page").status_code in (403, 404)
    assert approver.call("GET", f"{path}/1").content == b"ciphertext of a page"
    mine = approver.call("GET", f"/v1/use-requests/{request['id']}").json()
    (own,) = mine["keys"]
    assert gm.sm2_decrypt(private, base64.b64decode(own["wrapped"])) == page_key
    others = asking.approvers[1].call("GET", f"/v1/use-requests/{request['id']}").json()
    assert others["keys"] == []
    assert people["陈外"].call("GET", f"{path}/1").status_code == 404


def is_kept(server: RunningServer, content: bytes) -> bool:
    with server.platform.reading() as session:
        return session.get(store.Blob, sm3(content).hex()) is not None


@pytest.mark.parametrize("event", ["reject", "withdraw", "lapse"])
def test_pages_go_as_soon_as_a_request_allows_nothing(
    server: RunningServer, asking: Approving, event: str
) -> None:
    request = asked_with_pages(asking)
    content = f"page of {request['id']}".encode()
    path = f"/v1/use-requests/{request['id']}/pages/1"
    assert put_page(asking.company, path, content).status_code == 204
    assert is_kept(server, content)
    if event == "reject":
        assert asking.decide(asking.approvers[0], request, "reject").status_code == 200
    elif event == "lapse":
        assert asking.rule(asking.terms(2)).status_code == 201
    else:
        me, text = asking.company, SignedRequest.parse(base64.b64decode(request["token"])).request
        signed = decision(me.url, me.key, deciding.WITHDRAW, request["id"], text.sha256, "")
        me.call("POST", f"/v1/use-requests/{request['id']}/withdrawal", signed)
    assert asking.company.call("GET", path).status_code == 404
    assert not is_kept(server, content)
    assert put_page(asking.company, path, content).status_code == 422


def asked_with_pages(asking: Approving) -> dict[str, Any]:
    answer = asking.ask(asking.request(preview_sha256="0" * 64), pages=3)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


@pytest.mark.parametrize("limit", ["KEPT_FOR_PERSON", "KEPT_FOR_ENTERPRISE"])
def test_pages_fill_no_disk(asking: Approving, monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    assert asking.rule(asking.terms(2)).status_code == 201  # what was asked before lapses
    monkeypatch.setattr(requesting, limit, 1000)
    one, other = asked_with_pages(asking), asked_with_pages(asking)
    path = "/v1/use-requests/{}/pages/1"
    assert put_page(asking.company, path.format(one["id"]), b"a" * 900).status_code == 204
    refused = put_page(asking.company, path.format(other["id"]), b"b" * 100)
    assert refused.json()["detail"].startswith("so many pages are kept")
    asking.decide(asking.approvers[0], one, "reject")
    assert put_page(asking.company, path.format(other["id"]), b"b" * 100).status_code == 204


def test_a_day_has_so_many_requests(asking: Approving, monkeypatch: pytest.MonkeyPatch) -> None:
    asked(asking)
    monkeypatch.setattr(requesting, "MAX_DAILY", 1)
    refused = asking.ask()
    assert refused.json()["detail"] == "so many requests were made within a day"


def put_page(by: Applicant, path: str, content: bytes) -> Any:
    headers = {
        "Content-Type": "application/octet-stream",
        "Authorization": f"Bearer {by.token}",
    }
    return by.http.put(path, content=content, headers=headers)


def test_a_link_leads_to_what_it_is_about(server: RunningServer, asking: Approving) -> None:
    request = asked(asking)
    with server.platform.reading() as session:
        row = session.get_one(store.UseRequestRow, request["id"])
        seal = session.get_one(store.Seal, asking.company.seal_id)
        assert use_policies.ruled(session, seal) == session.get(store.UsePolicyRow, row.policy_id)
        for each in requesting.asked_of(session, row):
            assert requesting.by_link(session, each.link) == (row, each)


# --- time, and the ledger ------------------------------------------------------------------------


def test_a_request_lapses_with_its_time(asking: Approving) -> None:
    now = datetime.now(UTC)
    request = asked(asking, created=write_time(now), until=write_time(now + timedelta(seconds=2)))
    until(lambda: state(asking, request) == "lapsed", "the request did not lapse", 15)
    late = asking.decide(asking.approvers[0], request)
    assert late.json()["code"] == "already_decided"


def test_what_a_lost_key_has_approved_is_asked_for_again(
    asking: Approving, server: RunningServer
) -> None:
    approver = Somebody(server.url, legal_rep="孙失", name="宿迁市失钥公司")
    with contextlib.closing(approver.http):
        approver.enrol()
        asking.approvers = (approver,)
        assert asking.rule(asking.terms(1)).status_code == 201
        request = asked(asking)
        assert asking.decide(approver, request).json()["state"] == "approved"
        lost = approver.call("POST", f"/v1/seals/{approver.seal_id}/suspend", {"reason": "lost"})
        assert lost.status_code == 200, lost.text
    assert asking.ticket(request["id"]).json()["code"] == "approval_needed"
    until(lambda: state(asking, request) == "lapsed", "the request did not lapse", 15)


def test_the_audit_confirms_all_of_it(server: RunningServer, asking: Approving) -> None:
    request = asked(asking)
    asking.decide(asking.approvers[0], request, "reject")
    with server.platform.reading() as session:
        assert auditing.table_problems(session, server.platform.vault) == []
