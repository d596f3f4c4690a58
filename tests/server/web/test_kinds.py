"""Seals of every kind, and what becomes of them: replaced, renewed, cancelled, a person's own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from crypto.algorithms import gm
from crypto.algorithms.keys import SoftKey
from crypto.bounded import BoundedError
from crypto.pki.certificate import Certificate
from crypto.seal.structure import Seal
from server_stub.__main__ import main
from server_stub.changing import cancelling
from server_stub.changing.examining import examine
from server_stub.neighbours.adapters import identity_digest
from server_stub.records import store
from server_stub.settings import Settings
from server_stub.web.serving import RunningServer, start_in_thread
from tests.world.applicant import Applicant, b64, number_of, taken
from tests.world.served import ask, stamped
from tests.world.staff import FINDINGS, approved, employ, moved
from tests.world.waiting import next_second, until


def applied(person: Applicant, *states: str, **changes: Any) -> dict[str, Any]:
    """An application of *person*, drafted, submitted, and what became of it."""
    answer = person.draft(**changes)
    assert answer.status_code == 201, answer.text
    person.sign_in(application_id=person.application_id)
    assert person.submit().status_code == 200
    return person.wait(*states or ("fulfilled", "returned"), seconds=60)


def made(person: Applicant, row: dict[str, Any]) -> Seal:
    data = person.call("GET", f"/v1/blobs/{row['seal_sm3']}").content
    return Seal.parse(data)


def proof(
    url: str, kind: str, verb: str, thing: str, purpose: str, key: SoftKey, at: str = ""
) -> dict[str, str]:
    """A certificate's signature for an application, as docs/platform.md describes it."""
    digest = gm.sm3(purpose.encode()).hex()
    at = at or datetime.now(UTC).isoformat()
    text = f"SUQIAN-SEAL-INTENT-V2\n{url}\n{verb}\n{thing}\n{digest}\n\n{at}\n"
    signed = {"at": at, "signature": b64(key.sign(text.encode()))}
    return {"kind": kind, "certificate": b64(key.certificate), **signed}


def purpose(person: Applicant, what: str, subtype: str) -> str:
    return f"{what} {subtype} {gm.sm3(person.key.spki).hex()}"


# --- kinds of seals ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("subtype", "more", "name", "size"),
    [
        ("department", {"department": "人力资源部"}, "宿迁市云杉软件有限公司人力资源部", (40, 40)),
        ("branch", {"department": "沭阳分公司"}, "宿迁市云杉软件有限公司沭阳分公司", (40, 40)),
        ("customs", {}, "宿迁市云杉软件有限公司报关专用章", (50, 36)),
        ("finance_head", {"holder": "王会计"}, "王会计", (18, 18)),
    ],
)
def test_an_enterprise_gets_seals_of_its_departments_branches_and_offices(
    server: RunningServer,
    holder: Callable[..., Applicant],
    subtype: str,
    more: dict[str, str],
    name: str,
    size: tuple[int, int],
) -> None:
    person, city = holder(), server.platform.city
    city.register(person.uscc, person.name, person.legal_rep, legal_rep_id=number_of("李晓梅"))
    refused = applied(person, seal={"subtype": subtype, **more})
    assert "备案实物印章" in refused["reason"]  # the police have no such seal yet
    code = city.file_seal(person.uscc, subtype, *more.values())
    city.file_seal(person.uscc, subtype, *("另一个" for _ in more))
    other = holder(uscc=person.uscc)
    row = taken(other, applied(other, seal={"subtype": subtype, **more}))
    if more:
        assert row["physical_code"] == code
    assert (row["name"], row["width_mm"], row["height_mm"]) == (name, *size)
    data = made(other, row)
    assert (data.name, data.width_mm, data.height_mm) == (name, *size)
    assert gm.sm3(data.picture).hex() == row["imprint_sm3"]


def test_what_the_form_does_not_ask_for_or_misses_is_told_field_by_field(
    server: RunningServer, holder: Callable[..., Applicant]
) -> None:
    person = holder()
    for changes, named in (
        ({"seal": {"subtype": "department"}}, "seal.department: missing"),
        ({"seal": {"subtype": "official", "shape": "round"}}, "seal.shape: surplus"),
        ({"seal": {"subtype": "verification"}}, "seal.subtype: invalid"),
        ({"kind": "renew", "seal": {"subtype": "official"}}, "seal.code: missing"),
        ({"proof": {"kind": "request"}}, "proof.kind: invalid"),
        ({"enterprise": None}, "enterprise.name: missing"),
    ):
        answer = person.draft(**changes)
        assert answer.status_code == 422
        assert named in answer.json()["detail"]
    missing = person.draft(kind="renew", seal={"subtype": "official", "code": "32130200000000"})
    assert missing.status_code == 404


# --- a person's own ------------------------------------------------------------------------------


def oneself(server: RunningServer, person: Applicant, name: str, shape: str) -> dict[str, Any]:
    """What *name* sends for a seal of his own, signed with his own certificate."""
    number, city = number_of(name), server.platform.city
    city.take_in_person(name, number)
    own = SoftKey.generate()
    own = own.with_certificate(city.certify_person(name, number, own.spki))
    purposed = purpose(person, "apply-for-and-keep", "personal")
    return {
        "enterprise": None,
        "handler": {"name": name, "id_no": number, "phone": ""},
        "seal": {"subtype": "personal", "shape": shape},
        "proof": proof(server.url, "personal", "apply", identity_digest(number), purposed, own),
    }


_names = iter("舟帆桥岸港湾")


@pytest.fixture
def somebody(server: RunningServer, holder: Callable[..., Applicant]) -> Applicant:
    """Somebody with a seal of his own."""
    person = holder()
    name = f"周小{next(_names)}"
    row = taken(person, applied(person, **oneself(server, person, name, "round")))
    assert (row["kind"], row["type"], row["name"]) == ("personal", 0, name)
    assert row["uscc"] is row["enterprise_name"] is row["physical_code"] is None
    return person


def test_a_person_gets_a_seal_that_says_the_name_of_the_certificate(
    server: RunningServer, somebody: Applicant, holder: Callable[..., Applicant]
) -> None:
    row = somebody.call("GET", f"/v1/seals/{somebody.seal_id}").json()
    data = made(somebody, row)
    certificate = Certificate.parse(somebody.key.certificate)
    assert data.name == certificate.subject.common_name == row["name"]
    assert (data.width_mm, data.height_mm) == (18, 18)
    items = somebody.call("GET", "/v1/sync").json()["items"]
    assert {each["kind"] for each in items} == {"seal", "certificate"}
    body = {"seal_id": somebody.seal_id, "document_sm3": "ab" * 32}
    assert somebody.call("POST", "/v1/tickets", body).status_code == 201
    report = ask(server.url, stamped(somebody)).json()
    assert report["verdict"] == "VALID"
    # one at a time; then the first is cancelled by its holder, with its own key
    second = holder()
    reason = applied(second, **oneself(server, second, row["name"], "square"))["reason"]
    assert "已有使用中的电子私章" in reason


def test_somebody_elses_own_seal_is_nobodys_business_over_any_route(
    server: RunningServer,
    somebody: Applicant,
    enrolled: Applicant,
    holder: Callable[..., Applicant],
) -> None:
    other = holder()
    taken(other, applied(other, **oneself(server, other, "吴大海", "square")))
    code = somebody.call("GET", f"/v1/seals/{somebody.seal_id}").json()["seal_code"]
    row = somebody.call("GET", f"/v1/seals/{somebody.seal_id}").json()
    use = {"seal_id": somebody.seal_id, "document_sm3": "ab" * 32}
    place, asked = f"/v1/seals/{somebody.seal_id}", f"/v1/applications/{somebody.application_id}"
    for stranger in (other, enrolled):
        for method, path, body in (
            ("GET", place, None),
            ("GET", f"{place}/history", None),
            ("POST", f"{place}/suspend", {"reason": "lost"}),
            ("POST", f"{place}/resume", {}),
            ("POST", f"{place}/collection", {"signature": "AAAA"}),
            ("GET", f"/v1/blobs/{row['seal_sm3']}", None),
            ("GET", f"/v1/blobs/{row['imprint_sm3']}", None),
            ("POST", "/v1/tickets", use),
            ("GET", asked, None),
            ("GET", f"{asked}/form", None),
            ("POST", f"{asked}/submit", {"signature": "AAAA"}),
            ("POST", f"{asked}/withdraw", {}),
        ):
            answer = stranger.call(method, path, body)
            assert answer.status_code == 404, (path, answer.text)
        for path in ("/v1/seals", "/v1/applications", "/v1/sync", "/v1/usage-records"):
            assert code not in stranger.call("GET", path).text
            assert somebody.application_id not in stranger.call("GET", path).text
        text = json.dumps({"type": "usage-v1", **use, "at": "2026-11-30T00:00:00Z"})
        record = {"id": gm.sm3(text.encode()).hex(), "record": text}
        refused = stranger.call("POST", "/v1/usage-records", {"records": [record]})
        assert refused.json()["code"] == "record_invalid"


def test_a_namesake_or_another_key_gets_nobody_elses_seal(
    server: RunningServer, holder: Callable[..., Applicant]
) -> None:
    person = holder()
    right = oneself(server, person, "郑同名", "round")
    namesake = SoftKey.generate()
    number = "321302198001010019"
    server.platform.city.take_in_person("郑同名", number)
    namesake = namesake.with_certificate(
        server.platform.city.certify_person("郑同名", number, namesake.spki)
    )
    digest = identity_digest(right["handler"]["id_no"])
    purposed = purpose(person, "apply-for-and-keep", "personal")
    stolen = proof(server.url, "personal", "apply", digest, purposed, namesake)
    reason = applied(person, **right | {"proof": stolen})["reason"]
    assert "签名人不是申请人本人（按身份证件号码核对）" in reason
    other = holder()
    reason = applied(other, **right)["reason"]  # a proof for another key
    assert "本人的证书或签名不正确" in reason


def test_a_persons_signature_is_for_one_seal_and_not_for_ever(
    server: RunningServer, holder: Callable[..., Applicant]
) -> None:
    """Else whoever got hold of key and application had another seal made after the first ended."""
    person = holder()
    right = oneself(server, person, "郑一次", "round")
    made = applied(person, **right)["seal_id"]
    moved(server, made, "cancel", "holder_request")
    assert "已用于另一份申请" in applied(person, **right)["reason"]
    again = oneself(server, person, "郑一次", "round")
    assert applied(person, **again)["state"] == "fulfilled"
    other = holder()
    signed = oneself(server, other, "郑旧签", "round")
    digest = identity_digest(number_of("郑旧签"))
    purposed = purpose(other, "apply-for-and-keep", "personal")
    for days, reason in ((31, "已过期"), (-1, "已过期")):
        at = (datetime.now(UTC) - timedelta(days=days)).isoformat()
        own = SoftKey.generate()
        own = own.with_certificate(
            server.platform.city.certify_person("郑旧签", number_of("郑旧签"), own.spki)
        )
        old = proof(server.url, "personal", "apply", digest, purposed, own, at)
        assert reason in applied(other, **signed | {"proof": old})["reason"]
    dated = {**signed["proof"], "at": datetime.now(UTC).isoformat()}
    assert "签名不正确" in applied(other, **signed | {"proof": dated})["reason"]


# --- replaced, renewed ---------------------------------------------------------------------------


def test_after_a_change_of_name_the_seal_is_replaced_in_one_step(
    server: RunningServer, holder: Callable[..., Applicant]
) -> None:
    person, city = holder(), server.platform.city
    old = person.enrol()
    contract = stamped(person)
    next_second()
    again = holder(uscc=person.uscc)
    seal = {"subtype": "official", "code": old["seal_code"]}
    early = applied(again, kind="reissue", seal=seal, cause="name_changed")
    assert "没有变更" in early["reason"]
    city.change(person.uscc, name="宿迁市云杉科技股份有限公司")
    filed = city.filed_seal(person.uscc, "official")
    city.change_seal(filed.code, status="cancelled")
    city.file_seal(person.uscc, "official")
    later = holder(uscc=person.uscc, name="宿迁市云杉科技股份有限公司")
    done = applied(later, kind="reissue", seal=seal, cause="name_changed")
    status = httpx.get(f"{server.url}/v1/seals/{old['seal_code']}/status").json()
    assert (status["state"], status["reason"]) == ("cancelled", "replaced")
    row = taken(later, done)
    assert status["successor"] == row["seal_code"] != old["seal_code"]
    assert row["name"] == "宿迁市云杉科技股份有限公司"
    events = [
        [
            each["event"]
            for each in later.call("GET", f"/v1/seals/{seal_id}/history").json()["items"]
        ]
        for seal_id in (row["id"],)
    ]
    assert events == [["make", "collect"]]
    refused = person.http.post("/v1/challenges", json={"certificate": b64(person.key.certificate)})
    assert refused.json()["code"] == "certificate_not_valid"
    report = ask(server.url, contract).json()
    assert report["verdict"] == "VALID"  # the ticket proves when it was
    told = [each for one in report["signatures"] for each in one["findings"]]
    assert row["seal_code"] in json.dumps(
        [each for each in told if each["code"] == "seal_replaced"], ensure_ascii=False
    )


def test_a_stranger_replaces_nobodys_seal(
    server: RunningServer, enrolled: Applicant, holder: Callable[..., Applicant]
) -> None:
    theirs = enrolled.call("GET", f"/v1/seals/{enrolled.seal_id}").json()["seal_code"]
    person = holder()
    seal = {"subtype": "official", "code": theirs}
    own = person.draft(kind="reissue", seal=seal, cause="damaged")
    assert own.status_code == 404  # not of that enterprise
    person = holder(uscc=enrolled.uscc)
    handler = {"name": "贾仁", "id_no": number_of("贾仁"), "phone": ""}
    done = applied(person, kind="reissue", seal=seal, cause="damaged", handler=handler)
    assert done["state"] == "returned"
    status = httpx.get(f"{server.url}/v1/seals/{theirs}/status").json()
    assert status["state"] == "active"


def test_a_renewal_changes_certificate_and_validity_when_it_is_taken(
    server: RunningServer, holder: Callable[..., Applicant]
) -> None:
    person = holder()
    old = person.enrol()
    contract = stamped(person)
    seal = {"subtype": "official", "code": old["seal_code"]}
    again = holder(uscc=person.uscc)
    held = proof(
        server.url,
        "seal",
        "keep",
        old["seal_code"],
        purpose(again, f"renew {old['seal_code']}", "official"),
        person.key,
    )
    done = applied(again, kind="renew", seal=seal, proof=held)
    before = person.call("GET", f"/v1/seals/{old['id']}").json()
    assert before["certificate_sn"] == old["certificate_sn"]  # until it is taken
    assert before["waiting"]["application_id"] == again.application_id
    row = taken(again, done)
    assert (row["id"], row["seal_code"], row["state"]) == (old["id"], old["seal_code"], "active")
    assert row["certificate_sn"] != old["certificate_sn"]
    assert row["waiting"] is None
    data = made(again, row)
    assert data.es_id == old["seal_code"]
    assert data.allows(again.key.certificate)
    events = again.call("GET", f"/v1/seals/{row['id']}/history").json()["items"]
    assert [each["event"] for each in events] == ["make", "collect", "renew"]
    assert ask(server.url, contract).json()["verdict"] == "VALID"
    assert ask(server.url, stamped(again)).json()["verdict"] == "VALID"
    # a lost Ukey takes the certificate of before with it
    path = f"/v1/seals/{row['id']}/suspend"
    assert again.call("POST", path, {"reason": "lost"}).status_code == 200
    refused = person.http.post("/v1/challenges", json={"certificate": b64(person.key.certificate)})
    assert refused.json()["code"] == "certificate_not_valid"


def test_whoever_does_not_hold_the_seal_does_not_renew_it(
    server: RunningServer, enrolled: Applicant, holder: Callable[..., Applicant]
) -> None:
    code = enrolled.call("GET", f"/v1/seals/{enrolled.seal_id}").json()["seal_code"]
    person, thief = holder(uscc=enrolled.uscc), holder()
    thief.enrol()
    what = purpose(person, f"renew {code}", "official")
    forged = proof(server.url, "seal", "keep", code, what, thief.key)
    seal = {"subtype": "official", "code": code}
    done = applied(person, kind="renew", seal=seal, proof=forged)
    assert "现用证书的签名不正确" in done["reason"]


# --- cancelled -----------------------------------------------------------------------------------


@pytest.fixture
def reviewed(open_settings: Callable[..., Settings]) -> Iterator[RunningServer]:
    with start_in_thread(open_settings(auto_review=False)) as running:
        yield running


def unset(*_: Any, **__: Any) -> Any:
    raise BoundedError("killed")


def amended_meanwhile(
    person: Applicant, ask_for: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was seen of the request is of another body than the application has by then."""
    path = f"/v1/applications/{person.application_id}"
    own = {"Authorization": f"Bearer {person.token}"}
    request = person.call("GET", f"{path}/request").content

    def amending(*about: Any) -> Any:
        answer = person.call("PATCH", path, person.body(**ask_for))
        assert answer.status_code == 200, answer.text
        person.payload_sm3 = answer.json()["payload_sm3"]
        return examine(*about)

    with monkeypatch.context() as slow:
        slow.setattr("server_stub.web.routes.applicant.examine", amending)
        kind = own | {"Content-Type": "application/pdf"}
        late = person.http.put(f"{path}/materials/request", content=request, headers=kind)
    assert late.json().get("code") == "material_missing"


def test_a_company_cancels_its_seal_under_that_seal_and_two_reviewers_agree(
    reviewed: RunningServer,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    person = Applicant(reviewed.url)
    first, second = employ(reviewed, "reviewer"), employ(reviewed, "reviewer")
    assert person.draft().status_code == 201
    person.sign_in(application_id=person.application_id)
    assert person.submit().status_code == 200
    assert approved(reviewed, first, person).status_code == 200
    row = taken(person, person.wait("fulfilled", seconds=60))
    contract = stamped(person)

    handler = {"name": "李晓梅", "id_no": number_of("李晓梅"), "phone": "0527-84350000"}
    seal = {"subtype": "official", "code": row["seal_code"]}
    ask_for: dict[str, Any] = {"kind": "cancel", "seal": seal, "cause": "enterprise_deregistered"}
    ask_for |= {"handler": handler, "proof": {"kind": "request"}}
    holds = person.token
    assert person.draft(**ask_for).status_code == 201
    path = f"/v1/applications/{person.application_id}"
    person.sign_in(application_id=person.application_id)
    asks = person.token
    assert person.submit().json()["code"] == "material_missing"
    amended_meanwhile(person, ask_for, monkeypatch)
    with monkeypatch.context() as broken:
        broken.setattr("crypto.bounded.run", unset)
        answer = person.call("GET", f"{path}/request")
        assert (answer.status_code, answer.json()["code"]) == (422, "request_not_set")
    written = person.call("GET", f"{path}/request").content
    with reviewed.platform.reading() as session:  # always the same bytes
        row_of = session.get_one(store.Application, person.application_id)
        assert cancelling.write(reviewed.platform, session, row_of) == written
    person.token = holds
    sealed, other = stamped(person, written), stamped(person)
    person.token = asks
    kind = {"Content-Type": "application/pdf", "Authorization": f"Bearer {asks}"}

    def uploaded(data: bytes) -> None:
        answer = person.http.put(f"{path}/materials/request", content=data, headers=kind)
        assert answer.status_code == 200, answer.text

    uploaded(other)
    assert person.submit().status_code == 200

    def told() -> bool:
        items = first.call("GET", "/v1/reviews").json()["items"]
        return "不是本次申请的注销申请书" in json.dumps(items, ensure_ascii=False)

    until(told, "the reviewer is not told what was sealed", 60)
    first.call("POST", f"{path}/claim", {})
    first.call("POST", f"{path}/return", {"reason": "不是申请书"})
    uploaded(written)  # not sealed
    uploaded(sealed)
    assert person.submit().status_code == 200
    first.call("POST", f"{path}/claim", {})
    unread = first.call("POST", f"{path}/approve", FINDINGS).json()
    assert (unread["code"], unread["detail"]) == ("forbidden", "the sealed request was not opened")
    for each in (first, second):
        assert each.call("GET", f"{path}/materials/request").content == sealed
    assert first.call("POST", f"{path}/approve", FINDINGS).json()["state"] == "in_review"
    assert first.call("POST", f"{path}/approve", FINDINGS).json()["code"] == "forbidden"
    status = f"{reviewed.url}/v1/seals/{row['seal_code']}/status"
    assert httpx.get(status).json()["state"] == "active"
    assert second.call("POST", f"{path}/approve", FINDINGS).json()["state"] == "approved"
    assert person.wait("fulfilled", seconds=60)["approvals"] == 2
    said = httpx.get(status).json()
    assert (said["state"], said["reason"]) == ("cancelled", "enterprise_deregistered")
    assert ask(reviewed.url, contract).json()["verdict"] == "VALID"
    capsys.readouterr()
    code = main(["audit", "verify", "--dir", str(reviewed.platform.settings.directory)])
    assert code == 0, capsys.readouterr().out
    for each in (person, first, second):
        each.http.close()
