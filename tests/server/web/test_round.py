"""The whole round over real HTTP: apply, review, collect, sign in, sync, status, records."""

import base64
import json
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from crypto.algorithms import gm, merkle
from crypto.algorithms.keys import SoftKey
from crypto.pki.certificate import Certificate
from crypto.pki.chain import build_chain
from crypto.pki.revocation_list import Crl
from crypto.seal.statement import SignedStatement
from crypto.seal.structure import Seal
from server_stub.web.serving import RunningServer
from tests.world.applicant import Applicant, b64, citizen_number, credit_code

Make = Callable[..., Applicant]


def service(url: str) -> dict[str, Any]:
    body: dict[str, Any] = httpx.get(f"{url}/v1/service").json()
    return body


def certificates(url: str) -> dict[str, bytes]:
    return {name: base64.b64decode(d) for name, d in service(url)["certificates"].items()}


# --- what comes out of an enrolment ------------------------------------------------------------


def test_the_seal_is_a_gb_t_38540_seal_of_the_right_holder(enrolled: Applicant) -> None:
    row = enrolled.call("GET", f"/v1/seals/{enrolled.seal_id}").json()
    assert row["state"] == "active"
    data = enrolled.call("GET", f"/v1/blobs/{row['seal_sm3']}").content
    assert gm.sm3(data).hex() == row["seal_sm3"]
    seal = Seal.parse(data)
    assert seal.signature_valid()
    assert seal.es_id == row["seal_code"]
    assert row["seal_code"].startswith("321302")
    assert len(row["seal_code"]) == 14
    assert (seal.name, seal.seal_type) == ("宿迁市云杉软件有限公司", 1)
    assert (seal.width_mm, seal.height_mm) == (40, 40)
    assert seal.allows(enrolled.key.certificate)
    assert seal.maker_certificate == certificates(enrolled.url)["seal_maker"]
    assert seal.maker.key_usage == {"digitalSignature", "nonRepudiation"}
    imprint = enrolled.call("GET", f"/v1/blobs/{row['imprint_sm3']}")
    assert imprint.headers["content-type"] == "image/png"
    assert imprint.content == seal.picture


def test_the_subject_follows_the_convention_of_the_unified_seals(enrolled: Applicant) -> None:
    certificate = Certificate.parse(enrolled.key.certificate)
    row = enrolled.call("GET", f"/v1/seals/{enrolled.seal_id}").json()
    assert certificate.subject.common_name == row["seal_code"]
    assert certificate.subject.organization == enrolled.uscc + enrolled.name
    assert certificate.subject.get("C") == "CN"
    assert f"{certificate.serial:x}" == row["certificate_sn"]
    until = datetime.fromisoformat(row["valid_until"])
    assert until <= certificate.not_after  # 第十七条: never longer than what it rests on


def openssl(*arguments: str) -> str:
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_openssl_accepts_every_certificate_under_its_issuer(
    enrolled: Applicant, tmp_path: Path
) -> None:
    known = {**certificates(enrolled.url), "holder": enrolled.key.certificate}
    for name, data in known.items():
        pem = base64.encodebytes(data).decode()
        text = f"-----BEGIN CERTIFICATE-----\n{pem}-----END CERTIFICATE-----\n"
        (tmp_path / f"{name}.pem").write_text(text)
    for name in known:
        others = {"root": "root", "issuing": "root", "abroad": "root", "timestamp_rsa": "abroad"}
        issuer = others.get(name, "issuing")
        user_id = () if issuer == "abroad" else ("-vfyopt", "distid:1234567812345678")
        said = openssl(
            *("verify", *user_id, "-partial_chain"),
            *("-CAfile", str(tmp_path / f"{issuer}.pem"), str(tmp_path / f"{name}.pem")),
        )
        assert said.rstrip().endswith(": OK"), said
    usage = openssl("x509", "-in", str(tmp_path / "timestamp.pem"), "-noout", "-text")
    assert "Time Stamping" in usage
    assert "Digital Signature" in usage
    assert "OCSP Signing" in openssl("x509", "-in", str(tmp_path / "status.pem"), "-noout", "-text")


def test_openssl_accepts_the_request_that_the_holder_sent(holder: Make, tmp_path: Path) -> None:
    request = base64.b64decode(holder().body()["certificate_request"])
    (tmp_path / "r.csr").write_bytes(request)
    said = openssl(
        *("req", "-inform", "DER", "-in", str(tmp_path / "r.csr"), "-noout", "-verify"),
        *("-vfyopt", "distid:1234567812345678"),
    )
    assert "verify OK" in said


def test_the_chain_leads_from_the_holder_to_the_root(enrolled: Applicant) -> None:
    known = {name: Certificate.parse(d) for name, d in certificates(enrolled.url).items()}
    leaf = Certificate.parse(enrolled.key.certificate)
    chain = build_chain(leaf, known.values(), [known["root"]], datetime.now(UTC))
    assert chain.trusted
    assert len(chain.path) == 3
    for name in known.keys() - {"root"}:
        assert build_chain(known[name], known.values(), [known["root"]], datetime.now(UTC)).trusted


@pytest.mark.parametrize(
    ("subtype", "type_code", "name", "size"),
    [
        ("contract", 4, "宿迁市云杉软件有限公司合同专用章", (40, 40)),
        ("finance", 2, "宿迁市云杉软件有限公司财务专用章", (38, 38)),
        ("invoice", 3, "宿迁市云杉软件有限公司发票专用章", (40, 30)),
        ("legal_representative", 5, "李晓梅", (20, 20)),
    ],
)
def test_every_kind_of_seal_can_be_applied_for(
    holder: Make, subtype: str, type_code: int, name: str, size: tuple[int, int]
) -> None:
    person = holder(subtype=subtype)
    row = person.apply()
    assert (row["type"], row["name"]) == (type_code, name)
    assert (row["width_mm"], row["height_mm"]) == size
    assert row["kind"] == ("office" if subtype == "legal_representative" else "company")


# --- refusals on the way -----------------------------------------------------------------------


def code_of(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status
    assert body["request_id"] == answer.headers["x-request-id"]
    assert body["type"].endswith(body["code"])
    return str(body["code"])


def test_a_credit_code_that_does_not_check_is_refused(holder: Make) -> None:
    good = credit_code()
    wrong = good[:-1] + ("0" if good[-1] != "0" else "1")
    assert code_of(holder(uscc=wrong).draft(), 422) == "uscc_invalid"


def test_a_citizen_number_that_does_not_check_is_refused_and_not_repeated(holder: Make) -> None:
    number = citizen_number()[:-1] + "0"
    answer = holder().draft(handler={"name": "李晓梅", "id_no": number})
    assert code_of(answer, 422) == "identity_invalid"
    assert number not in answer.text


def test_a_request_signed_by_another_key_is_refused(holder: Make) -> None:
    person = holder()
    data = bytearray(base64.b64decode(person.body()["certificate_request"]))
    data[-1] ^= 1
    assert code_of(person.draft(certificate_request=b64(bytes(data))), 422) == "request_invalid"
    assert code_of(person.draft(certificate_request=b64(b"no DER")), 422) == "request_invalid"


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "gift"},
        {"surprise": 1},
        {"seal": {"subtype": "unheard_of"}},
        {"handler": {"name": "a\nb", "id_no": "1"}},
        {"certificate_request": "???"},
    ],
)
def test_a_body_with_wrong_fields_is_refused(holder: Make, changes: dict[str, Any]) -> None:
    assert code_of(holder().draft(**changes), 422) == "invalid_body"


def test_what_is_not_json_is_refused(server: RunningServer) -> None:
    answer = httpx.post(
        f"{server.url}/v1/challenges",
        content=b"{broken",
        headers={"content-type": "application/json"},
    )
    assert code_of(answer, 400) == "malformed_json"


def test_an_idempotency_key_gives_the_first_answer_again_and_refuses_another_body(
    holder: Make,
) -> None:
    person = holder()
    body = person.body()
    content = json.dumps(body).encode()
    headers = {"Content-Type": "application/json", "Idempotency-Key": "enrol-number-1"}
    first = person.http.post("/v1/applications", content=content, headers=headers)
    again = person.http.post("/v1/applications", content=content, headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert first.headers["location"] == f"/v1/applications/{first.json()['id']}"
    other = json.dumps(body | {"seal": {"subtype": "contract"}}).encode()
    refused = person.http.post("/v1/applications", content=other, headers=headers)
    assert code_of(refused, 422) == "idempotency_mismatch"
    for key in ("", "short", "x" * 65):
        answer = person.http.post(
            "/v1/applications", content=content, headers=headers | {"Idempotency-Key": key}
        )
        assert code_of(answer, 400) == "idempotency_key_missing"


def test_a_body_beyond_the_limit_is_refused_with_and_without_a_length(
    server: RunningServer,
) -> None:
    big = b"x" * (server.platform.settings.body_bytes + 1)
    url = f"{server.url}/v1/challenges"
    assert code_of(httpx.post(url, content=big), 413) == "body_too_large"
    pieces = (big[start : start + 65536] for start in range(0, len(big), 65536))
    assert code_of(httpx.post(url, content=pieces), 413) == "body_too_large"


def test_unknown_paths_and_methods_are_problems_too(server: RunningServer) -> None:
    assert code_of(httpx.get(f"{server.url}/nowhere"), 404) == "not_found"
    assert code_of(httpx.put(f"{server.url}/v1/service"), 405) == "method_not_allowed"


def test_every_answer_carries_the_security_headers_and_its_request_id(
    server: RunningServer,
) -> None:
    answer = httpx.get(f"{server.url}/healthz", headers={"X-Request-Id": "my-own-id.1"})
    assert answer.headers["x-request-id"] == "my-own-id.1"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "server" not in answer.headers
    odd = httpx.get(f"{server.url}/healthz", headers={"X-Request-Id": "with spaces in it"})
    assert odd.headers["x-request-id"] != "with spaces in it"


# --- sign-in -----------------------------------------------------------------------------------


def test_a_nonce_works_once(enrolled: Applicant) -> None:
    offer = enrolled.challenge(certificate=b64(enrolled.key.certificate))
    body = {"challenge_id": offer["id"], "signature": enrolled.answer(offer)}
    assert enrolled.http.post("/v1/sessions", json=body).status_code == 201
    assert code_of(enrolled.http.post("/v1/sessions", json=body), 401) == "challenge_invalid"


def test_a_wrong_signature_uses_the_nonce_up(enrolled: Applicant, holder: Make) -> None:
    offer = enrolled.challenge(certificate=b64(enrolled.key.certificate))
    thief = holder(key=SoftKey.generate())
    body = {"challenge_id": offer["id"], "signature": thief.answer(offer)}
    assert code_of(enrolled.http.post("/v1/sessions", json=body), 403) == "signature_invalid"
    body["signature"] = enrolled.answer(offer)
    assert code_of(enrolled.http.post("/v1/sessions", json=body), 401) == "challenge_invalid"


def test_a_signature_for_another_origin_or_purpose_is_refused(enrolled: Applicant) -> None:
    for start in ("SUQIAN-SEAL-LOGIN-V1\nhttps://evil.example", "SUQIAN-SEAL-INTENT-V1\n{url}"):
        offer = enrolled.challenge(certificate=b64(enrolled.key.certificate))
        text = f"{start}\nlogin\n{offer['nonce']}\n{offer['subject']}\n{offer['expires']}\n"
        text = text.replace("{url}", enrolled.url)
        body = {"challenge_id": offer["id"], "signature": b64(enrolled.key.sign(text.encode()))}
        assert code_of(enrolled.http.post("/v1/sessions", json=body), 403) == "signature_invalid"


def test_a_foreign_certificate_gets_no_challenge(enrolled: Applicant) -> None:
    foreign = certificates(enrolled.url)["status"]
    for data in (foreign, b"no certificate"):
        answer = enrolled.http.post("/v1/challenges", json={"certificate": b64(data)})
        assert code_of(answer, 403) == "certificate_not_valid"


def test_without_a_session_private_things_are_closed_and_signing_out_closes_them(
    enrolled: Applicant, holder: Make
) -> None:
    stranger = holder()
    for path in ("/v1/seals", "/v1/sync", "/v1/usage-records", f"/v1/seals/{enrolled.seal_id}"):
        assert code_of(stranger.call("GET", path), 401) == "session_invalid"
    visitor = holder(uscc=enrolled.uscc, key=enrolled.key)
    visitor.sign_in()
    assert visitor.call("GET", "/v1/seals").status_code == 200
    assert visitor.call("DELETE", "/v1/sessions/current").status_code == 204
    assert code_of(visitor.call("GET", "/v1/seals"), 401) == "session_invalid"


# --- applications and seals of others ----------------------------------------------------------


def test_what_belongs_to_another_enterprise_does_not_exist(
    enrolled: Applicant, holder: Make
) -> None:
    stranger = holder(name="宿迁市白杨贸易有限公司")
    stranger.enrol()
    row = enrolled.call("GET", f"/v1/seals/{enrolled.seal_id}").json()
    for method, path, body in (
        ("GET", f"/v1/seals/{enrolled.seal_id}", None),
        ("GET", f"/v1/seals/{enrolled.seal_id}/history", None),
        ("POST", f"/v1/seals/{enrolled.seal_id}/suspend", {"reason": "lost"}),
        ("POST", f"/v1/seals/{enrolled.seal_id}/resume", {}),
        ("GET", f"/v1/applications/{enrolled.application_id}", None),
        ("POST", f"/v1/applications/{enrolled.application_id}/withdraw", {}),
        ("GET", f"/v1/blobs/{row['seal_sm3']}", None),
        ("POST", "/v1/tickets", {"seal_id": enrolled.seal_id, "document_sm3": "00" * 32}),
        ("GET", "/v1/seals/seal_never_made", None),
    ):
        assert code_of(stranger.call(method, path, body), 404) == "not_found", path
    for path in ("/audit/checkpoint", "/v1/reviews"):
        assert code_of(stranger.call("GET", path), 403) == "forbidden"
    own = enrolled.call("GET", "/v1/seals").json()["items"]
    assert row in own
    assert {each["uscc"] for each in own} == {enrolled.uscc}


def test_an_applicant_reaches_only_its_own_application(enrolled: Applicant, holder: Make) -> None:
    person = holder()
    person.draft()
    person.sign_in(application_id=person.application_id)
    foreign = f"/v1/applications/{enrolled.application_id}"
    assert code_of(person.call("GET", foreign), 404) == "not_found"
    assert code_of(person.call("GET", "/v1/sync"), 403) == "forbidden"
    thief = holder()
    offer = thief.challenge(application_id=person.application_id)
    body = {"challenge_id": offer["id"], "signature": thief.answer(offer)}
    assert code_of(thief.http.post("/v1/sessions", json=body), 403) == "signature_invalid"


def test_a_step_out_of_order_is_a_conflict(holder: Make) -> None:
    person = holder()
    person.enrol()
    assert code_of(person.collect(), 409) == "illegal_transition"
    assert code_of(person.submit(), 409) == "illegal_transition"
    withdraw = person.call("POST", f"/v1/applications/{person.application_id}/withdraw", {})
    assert code_of(withdraw, 409) == "illegal_transition"
    assert code_of(person.call("POST", f"/v1/seals/{person.seal_id}/resume", {}), 409) == (
        "illegal_transition"
    )


def test_collecting_needs_the_certified_key(holder: Make) -> None:
    person = holder()
    seal = person.apply()
    forged = b64(SoftKey.generate().sign(person.collection_text(seal).encode()))
    path = f"/v1/seals/{person.seal_id}/collection"
    assert code_of(person.call("POST", path, {"signature": forged}), 403) == "signature_invalid"
    assert person.call("GET", f"/v1/seals/{person.seal_id}").json()["state"] == "made"


def test_another_name_for_a_registered_code_comes_back_with_the_reason(
    enrolled: Applicant, holder: Make
) -> None:
    impostor = holder(uscc=enrolled.uscc, name="宿迁市冒名有限公司", subtype="contract")
    impostor.draft()
    impostor.sign_in(application_id=impostor.application_id)
    impostor.submit()
    back = impostor.wait("returned")
    assert "登记信息不一致" in back["reason"]
    assert back["seal_id"] is None


def test_a_second_electronic_twin_of_a_physical_seal_is_not_made(
    enrolled: Applicant, holder: Make
) -> None:
    second = holder(uscc=enrolled.uscc)
    second.draft()
    second.sign_in(application_id=second.application_id)
    second.submit()
    assert "已制作电子印章" in second.wait("returned")["reason"]


def test_a_returned_application_can_be_corrected_and_goes_through(holder: Make) -> None:
    first = holder(name="宿迁市银杏实业有限公司")
    first.enrol()
    person = holder(uscc=first.uscc, name="宿迁市银杏实业公司", subtype="contract")
    person.draft()
    person.sign_in(application_id=person.application_id)
    person.submit()
    person.wait("returned")
    person.name = first.name
    content = json.dumps(person.body(), ensure_ascii=False).encode()
    amended = person.http.patch(
        f"/v1/applications/{person.application_id}",
        content=content,
        headers={"content-type": "application/json", "Authorization": f"Bearer {person.token}"},
    )
    assert amended.status_code == 200, amended.text
    assert code_of(person.submit(), 403) == "signature_invalid"  # signed what it was before
    person.payload_sm3 = gm.sm3(content).hex()
    assert person.submit().status_code == 200
    person.wait("fulfilled")


# --- suspension, status, sync ------------------------------------------------------------------


def status(person: Applicant, code: str) -> SignedStatement:
    token = person.http.get(f"/v1/seals/{code}/status").json()["token"]
    return SignedStatement.parse(base64.b64decode(token))


def test_the_holder_suspends_and_resumes_and_everyone_can_tell(holder: Make) -> None:
    person = holder()
    row = person.enrol()
    code = row["seal_code"]
    certificate = Certificate.parse(person.key.certificate)
    said = status(person, code)
    assert said.certificate.der == certificates(person.url)["status"]
    assert (said.statement.state, said.statement.reason) == ("active", "")
    assert said.statement.certificate_serial == certificate.serial
    assert said.statement.next_update > datetime.now(UTC)

    path = f"/v1/seals/{person.seal_id}"
    paused = person.call("POST", f"{path}/suspend", {"reason": "holder_request"}).json()
    assert (paused["state"], paused["reason"]) == ("suspended", "holder_request")
    assert status(person, code).statement.state == "suspended"
    assert crl(person).revoked[certificate.serial][1] == 6
    ticket = person.call(
        "POST", "/v1/tickets", {"seal_id": person.seal_id, "document_sm3": "11" * 32}
    )
    assert code_of(ticket, 409) == "seal_not_active"

    assert person.call("POST", f"{path}/resume", {}).json()["state"] == "active"
    assert certificate.serial not in crl(person).revoked
    history = person.call("GET", f"{path}/history").json()["items"]
    assert [(h["event"], h["to"]) for h in history] == [
        ("make", "made"),
        ("collect", "active"),
        ("suspend", "suspended"),
        ("resume", "active"),
    ]
    public = registry(person)
    events = [e["event"] for e in map(json.loads, public) if e["seal_code"] == code]
    assert events == ["make", "collect", "suspend", "resume"]


def crl(person: Applicant) -> Crl:
    found = Crl.parse(person.http.get("/pki/crl/issuing/0.crl").content)
    assert found.issued_by(Certificate.parse(certificates(person.url)["issuing"]))
    assert found.next_update is not None
    assert found.next_update > datetime.now(UTC)
    return found


def test_a_lost_token_cannot_lift_its_own_suspension(holder: Make) -> None:
    person = holder()
    person.enrol()
    path = f"/v1/seals/{person.seal_id}"
    assert person.call("POST", f"{path}/suspend", {"reason": "lost"}).status_code == 200
    refused = person.call("POST", f"{path}/resume", {})  # told why, not to sign in again
    assert code_of(refused, 403) == "certificate_not_valid"
    answer = person.http.post("/v1/challenges", json={"certificate": b64(person.key.certificate)})
    assert code_of(answer, 403) == "certificate_not_valid"


def test_a_keeper_who_is_not_the_legal_representative_may_stop_but_not_restart(
    holder: Make,
) -> None:
    person = holder(legal_rep="王建国")
    body = person.body()["enterprise"] | {"legal_rep": {"name": "王建国"}}
    person.draft(enterprise=body)
    person.sign_in(application_id=person.application_id)
    person.submit()
    person.seal_id = person.wait("fulfilled")["seal_id"]
    row = person.call("GET", f"/v1/seals/{person.seal_id}").json()
    person.key = person.key.with_certificate(base64.b64decode(row["certificate"]))
    person.collect()
    roles = set(person.sign_in()["actor"]["roles"])
    assert roles - {"grantee"} == {"handler", "keeper"}  # other tests lend seals to her as well
    path = f"/v1/seals/{person.seal_id}"
    paused = person.call("POST", f"{path}/suspend", {"reason": "holder_request"})
    assert paused.status_code == 200
    assert code_of(person.call("POST", f"{path}/resume", {}), 403) == "forbidden"


def test_an_unknown_seal_code_has_no_status(server: RunningServer) -> None:
    answer = httpx.get(f"{server.url}/v1/seals/32130299999999/status")
    assert code_of(answer, 404) == "not_found"


def test_a_ticket_is_about_one_document_and_on_record(enrolled: Applicant) -> None:
    digest = gm.sm3(b"a contract")
    answer = enrolled.call(
        "POST", "/v1/tickets", {"seal_id": enrolled.seal_id, "document_sm3": digest.hex()}
    )
    assert answer.status_code == 201
    said = SignedStatement.parse(base64.b64decode(answer.json()["token"])).statement
    assert said.document_digest == digest
    assert said.state == "active"
    assert said.certificate_valid


def test_sync_starts_with_everything_and_goes_on_with_changes(holder: Make) -> None:
    person = holder()
    person.enrol()
    first = person.call("GET", "/v1/sync").json()
    assert {(i["kind"], i["op"], i["body"]["state"]) for i in first["items"]} == {
        ("seal", "put", "active"),
        ("certificate", "put", "active"),
    }
    assert first["more"] is False
    nothing = person.call("GET", f"/v1/sync?cursor={first['next']}").json()
    assert nothing["items"] == []
    path = f"/v1/seals/{person.seal_id}"
    person.call("POST", f"{path}/suspend", {"reason": "holder_request"})
    changed = person.call("GET", f"/v1/sync?cursor={nothing['next']}").json()["items"]
    assert [(i["kind"], i["body"]["state"]) for i in changed] == [("seal", "suspended")]
    versions = {i["id"]: i["version"] for i in first["items"]}
    assert changed[0]["version"] > versions[changed[0]["id"]]

    pages, cursor, more = [], "", True
    while more:
        page = person.call("GET", f"/v1/sync?limit=1&cursor={cursor}").json()
        pages += page["items"]
        cursor, more = page["next"], page["more"]
    assert pages[-1]["body"]["state"] == "suspended"
    assert len(pages) > 3


def test_a_cursor_of_somebody_else_or_from_the_future_is_gone(
    enrolled: Applicant, holder: Make
) -> None:
    other = holder(name="宿迁市水杉物流有限公司")
    other.enrol()
    theirs = other.call("GET", "/v1/sync").json()["next"]
    for cursor in (theirs, "AAAA", "!"):
        answer = enrolled.call("GET", f"/v1/sync?cursor={cursor}")
        assert code_of(answer, 410) == "sync_cursor_gone"


# --- the public log ----------------------------------------------------------------------------


def registry(person: Applicant) -> list[str]:
    """All entries, proved against the signed checkpoint by the client's own means."""
    log = service(person.url)["logs"]["registry"]
    note = person.http.get("/registry/checkpoint").text
    checkpoint = merkle.open_checkpoint(note, bytes.fromhex(log["key"]))
    assert checkpoint.origin == log["origin"]
    tree, texts = merkle.Tree(), []
    while tree.size < checkpoint.size:
        page = person.http.get(f"/registry/entries?from={tree.size}&to={checkpoint.size}").json()
        for entry in page["entries"]:
            assert entry["index"] == tree.size
            tree.append(entry["record"].encode())
            texts.append(entry["record"])
    assert tree.root() == checkpoint.root
    return texts


def test_the_registry_proves_inclusion_and_that_it_only_grew(
    enrolled: Applicant, holder: Make
) -> None:
    key = bytes.fromhex(service(enrolled.url)["logs"]["registry"]["key"])
    before = merkle.open_checkpoint(enrolled.http.get("/registry/checkpoint").text, key)
    holder(name="宿迁市香樟建设有限公司").enrol()
    texts = registry(enrolled)
    after = merkle.open_checkpoint(enrolled.http.get("/registry/checkpoint").text, key)
    assert after.size > before.size > 0
    grown = enrolled.http.get(f"/registry/proofs/consistency?from={before.size}&to={after.size}")
    steps = [bytes.fromhex(step) for step in grown.json()["proof"]]
    assert merkle.verify_consistency(before.size, after.size, steps, before.root, after.root)
    index = after.size // 2
    found = enrolled.http.get(f"/registry/proofs/inclusion?index={index}&size={after.size}").json()
    leaf = merkle.leaf_hash(texts[index].encode())
    proof = [bytes.fromhex(step) for step in found["proof"]]
    assert merkle.verify_inclusion(leaf, index, after.size, proof, after.root)
    far = enrolled.http.get(f"/registry/proofs/inclusion?index=0&size={after.size + 100}")
    assert code_of(far, 404) == "not_found"


def test_the_registry_says_nothing_of_people(enrolled: Applicant) -> None:
    text = "\n".join(registry(enrolled))
    for private in ("李晓梅", citizen_number(), "13800000000", enrolled.application_id):
        assert private not in text


# --- usage records -----------------------------------------------------------------------------


def usage(person: Applicant, document: bytes, **changes: object) -> dict[str, str]:
    fields = {
        "type": "usage-v1",
        "seal_id": person.seal_id,
        "document_sm3": gm.sm3(document).hex(),
        "at": datetime.now(UTC).isoformat(),
        "marks": 2,
    } | changes
    text = json.dumps(fields, ensure_ascii=False)
    return {"id": gm.sm3(text.encode()).hex(), "record": text}


def report(person: Applicant, *records: dict[str, str]) -> httpx.Response:
    return person.call("POST", "/v1/usage-records", {"records": list(records)})


def test_each_usage_record_gets_a_receipt_that_proves_it(enrolled: Applicant) -> None:
    sent = [usage(enrolled, b"one"), usage(enrolled, b"two")]
    receipts = report(enrolled, *sent).json()["receipts"]
    assert [r["id"] for r in receipts] == [s["id"] for s in sent]
    key = bytes.fromhex(service(enrolled.url)["logs"]["ledger"]["key"])
    for one, receipt in zip(sent, receipts, strict=True):
        checkpoint = merkle.open_checkpoint(receipt["checkpoint"], key)
        assert checkpoint.size == receipt["size"]
        proof = [bytes.fromhex(step) for step in receipt["proof"]]
        leaf = merkle.leaf_hash(receipt["record"].encode())
        assert merkle.verify_inclusion(
            leaf, receipt["index"], receipt["size"], proof, checkpoint.root
        )
        assert json.loads(receipt["record"])["usage"] == one["record"]
        assert receipt["flags"] == []
    assert len({r["index"] for r in receipts}) == 2


def test_sending_a_record_again_changes_nothing(enrolled: Applicant) -> None:
    one = usage(enrolled, b"again")
    first = report(enrolled, one).json()["receipts"][0]
    second, third = report(enrolled, one, one).json()["receipts"]
    assert first["index"] == second["index"] == third["index"]
    assert first["record"] == second["record"]
    listed = enrolled.call("GET", "/v1/usage-records").json()["items"]
    assert [item["id"] for item in listed].count(one["id"]) == 1


def test_a_use_outside_the_rules_is_kept_and_flagged(holder: Make) -> None:
    person = holder()
    person.enrol()
    before = usage(person, b"early", at="2020-01-01T00:00:00Z")
    future = usage(person, b"late", at="2099-01-01T00:00:00Z")
    flags = [r["flags"] for r in report(person, before, future).json()["receipts"]]
    assert flags == [
        ["seal_not_active", "outside_validity"],
        ["in_the_future", "outside_validity"],
    ]
    path = f"/v1/seals/{person.seal_id}"
    person.call("POST", f"{path}/suspend", {"reason": "holder_request"})
    flagged = report(person, usage(person, b"suspended")).json()["receipts"][0]
    assert flagged["flags"] == ["seal_not_active"]


def test_one_bad_record_refuses_the_whole_batch(enrolled: Applicant, holder: Make) -> None:
    other = holder(name="宿迁市红松科技有限公司")
    other.enrol()
    good = usage(enrolled, b"good one")
    for bad in (
        usage(enrolled, b"x") | {"id": "00" * 32},
        usage(enrolled, b"x", type="usage-v9"),
        usage(enrolled, b"x", at="yesterday"),
        usage(enrolled, b"x", at="2026-11-23T10:00:00"),
        usage(enrolled, b"x", document_sm3="zz"),
        usage(enrolled, b"x", seal_id=other.seal_id),
    ):
        assert code_of(report(enrolled, good, bad), 422) == "record_invalid"
    listed = enrolled.call("GET", "/v1/usage-records").json()["items"]
    assert good["id"] not in [item["id"] for item in listed]
    many = [usage(enrolled, str(n).encode()) for n in range(101)]
    assert code_of(report(enrolled, *many), 422) == "invalid_body"
