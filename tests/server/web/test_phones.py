"""Phones over HTTP: paired once, by the secret and the Ukey; what they may do, and when no more."""

from __future__ import annotations

import base64
import contextlib
import json
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from crypto.algorithms.keys import SoftKey
from crypto.pki.certificate import Certificate
from crypto.seal.phone import PairingProof, PhoneSignature, checked_binding
from crypto.seal.purpose_text import can_stand, write_time
from server_stub.phones import pairing
from server_stub.records import auditing, canonical, intents, store
from server_stub.web.serving import RunningServer, start_in_thread
from tests.world.applicant import Applicant, b64
from tests.world.pairing import Paired, assertion_body
from tests.world.platforms import platform_settings
from tests.world.soft_phone import SoftPhone, labelled

SCRIPTS = ("phone", "pair", "loss", "approve", "sm3", "webp")
PAGES = (*(f"/m/{name}.js" for name in SCRIPTS), "/m/phone.css")


@pytest.fixture(scope="module")
def platform(
    tmp_path_factory: pytest.TempPathFactory, light_font: object
) -> Iterator[RunningServer]:
    """Under a name, as browsers want it for passkeys."""
    settings = platform_settings(
        tmp_path_factory.mktemp("phones"), host="localhost", imprint_font=light_font
    )
    with start_in_thread(settings) as server:
        yield server


@pytest.fixture(scope="module")
def person(platform: RunningServer) -> Iterator[Applicant]:
    made = Applicant(platform.url)
    with contextlib.closing(made.http):
        made.enrol()
        yield made


@pytest.fixture(scope="module")
def other(platform: RunningServer) -> Iterator[Applicant]:
    """Of another enterprise."""
    made = Applicant(platform.url, name="宿迁市青松贸易有限公司")
    with contextlib.closing(made.http):
        made.enrol()
        yield made


@pytest.fixture
def paired(person: Applicant) -> Iterator[Paired]:
    made = Paired(person)
    yield made
    if made.shown.get("state") == "active":
        made.revoke()


def test_the_phone_refuses_what_the_computer_refuses_in_a_text() -> None:
    script = (Path(pairing.__file__).parents[1] / "templates/phone/phone.js").read_text("utf-8")
    refused = [each for each in map(chr, range(0x20, 0x10000)) if not can_stand(each)]
    named = [each for each in refused if unicodedata.category(each) not in FORBIDDEN]
    assert named, "letters and symbols that show nothing"
    for each in named:
        assert f"\\u{ord(each):04x}" in script
    for category in FORBIDDEN:
        assert f"\\p{{{category}}}" in script


FORBIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp")


def test_a_phone_is_paired_and_its_binding_can_be_checked_by_anybody(paired: Paired) -> None:
    offered = paired.begin()
    assert offered["url"].startswith(f"{paired.person.url}/m/p/")
    assert offered["rp_id"] == "localhost"
    assert paired.answer().status_code == 200
    told = paired.person.call("GET", f"/v1/phone-pairings/{offered['id']}").json()
    proof = PairingProof.parse(base64.b64decode(told["proof"]))
    assert proof.mac(paired.secret) == base64.b64decode(told["mac"])
    assert paired.bind().status_code == 201
    (row,) = [
        each
        for each in paired.person.call("GET", "/v1/phones").json()["items"]
        if each["id"] == paired.id
    ]
    text, signature = base64.b64decode(row["binding"]), base64.b64decode(row["signature"])
    held = Certificate.parse(paired.person.key.certificate)
    assert checked_binding(text, held, signature).person == "李晓梅"
    state = paired.person.http.get(f"/m/p/{offered['id']}/state").json()
    assert state == {"phone": paired.id}


def test_the_platform_never_has_the_secret_and_no_phone_gets_in_without_it(paired: Paired) -> None:
    offered = paired.begin()
    assert "secret" not in str(offered)
    intruder = Paired(paired.person)
    intruder.pairing = offered
    assert intruder.answer().status_code == 200  # the platform cannot tell
    told = paired.person.call("GET", f"/v1/phone-pairings/{offered['id']}").json()
    proof = PairingProof.parse(base64.b64decode(told["proof"]))
    assert proof.mac(paired.secret) != base64.b64decode(told["mac"])  # the computer can


def test_only_the_first_answer_counts(paired: Paired) -> None:
    paired.begin()
    assert paired.answer().status_code == 200
    assert paired.answer().json()["code"] == "phone_invalid"
    page = paired.person.http.get(f"/m/p/{paired.pairing['id']}")
    assert page.status_code == 404


def test_an_answer_that_is_none_is_refused(paired: Paired) -> None:
    paired.begin()
    good, elsewhere = paired.answer_body(), SoftPhone(paired.person.url)
    proof = paired.proof()
    nonce = bytes.fromhex(paired.pairing["nonce"])
    bad = [
        {"proof": b64(replace(proof, key_es256=elsewhere.proof().key_es256).encode())},
        {"proof": b64(replace(proof, nonce="00" * 32).encode())},
        {"proof": b64(replace(proof, pairing="pairing_0").encode())},
        {"proof": b64(replace(proof, origin="https://other.example").encode())},
        {"proof": b64(replace(proof, backup="synced").encode())},
        {"proof": b64(replace(proof, phone="").encode())},
        {"proof": b64(b"SUQIAN-SEAL-PHONE-PROOF-V1\n")},
        {"mac": b64(b"short")},
        {"client_data": b64(paired.phone.client_data("webauthn.get", nonce))},
        {"client_data": b64(paired.phone.client_data("webauthn.create", b"another"))},
        {"client_data": b64(b"{}")},
        {"authenticator_data": b64(paired.phone.registered()[:-1])},
        {"authenticator_data": b64(paired.phone.authenticator_data())},
        {"authenticator_data": b64(SoftPhone(paired.person.url, flags=0x01).registered())},
    ]
    path = f"/m/p/{paired.pairing['id']}/answer"
    for changes in bad:
        answer = paired.person.http.post(path, json=good | changes)
        assert (answer.status_code, answer.json()["code"]) == (422, "phone_invalid"), changes
    assert paired.person.http.post(path, json=good).status_code == 200


def test_a_binding_that_does_not_fit_is_refused(paired: Paired, other: Applicant) -> None:
    paired.begin()
    assert paired.bind().json()["code"] == "phone_invalid"  # no phone has answered
    assert paired.answer().status_code == 200
    now = datetime.now(UTC)
    for changes in (
        {"key": SoftKey.generate()},
        {"certificate": "abc"},
        {"person": "王建国"},
        {"enterprise": other.uscc},
        {"key_es256": "11" * 64},
        {"key_ecdh": "11" * 64},
        {"nonce": "00" * 32},
        {"until": write_time(now + timedelta(days=900))},
        {"from_": write_time(now - timedelta(days=2))},
        {"origin": "https://other.example", "rp_id": "other.example"},
    ):
        answer = paired.bind(**changes)
        assert answer.json()["code"] == "phone_invalid", changes
    stranger = replace(paired, person=other)
    stranger.pairing, stranger.phone = paired.pairing, paired.phone
    assert stranger.bind().status_code == 404
    path = f"/v1/phone-pairings/{paired.pairing['id']}"
    assert other.call("GET", path).status_code == 404
    assert paired.bind().status_code == 201
    assert paired.bind().json()["code"] == "phone_invalid"


def test_a_pairing_is_over_after_five_minutes(paired: Paired, platform: RunningServer) -> None:
    paired.begin()

    def age(tx: object) -> None:
        tx.session.execute(  # type: ignore[attr-defined]
            update(store.PhonePairing).values(expires_at=canonical.now() - 1)
        )

    platform.platform.ledger.write(age).result()
    assert paired.answer().status_code == 404
    assert paired.person.http.get(f"/m/p/{paired.pairing['id']}").status_code == 404
    platform.platform.ledger.write(pairing.clean).result()
    with platform.platform.reading() as session:
        assert session.get(store.PhonePairing, paired.pairing["id"]) is None


def test_another_pairing_of_the_same_ukey_ends_the_first(paired: Paired) -> None:
    first = paired.begin()
    paired.begin()
    assert paired.person.http.get(f"/m/p/{first['id']}").status_code == 404


def test_so_many_phones_and_no_more(person: Applicant) -> None:
    held = person.call("GET", "/v1/phones").json()["items"]
    free = pairing.MAX_PHONES - sum(row["state"] == "active" for row in held)
    phones = [Paired(person) for _ in range(free)]
    for each in phones:
        each.pair()
    answer = person.call("POST", "/v1/phone-pairings", {})
    assert answer.json()["code"] == "phone_invalid"
    for each in phones:
        assert each.revoke().status_code == 200


def test_a_revoked_phone_can_do_nothing(paired: Paired, other: Applicant) -> None:
    paired.pair()
    theirs = replace(paired, person=other)
    theirs.shown = paired.shown
    assert theirs.revoke().status_code == 404
    text = paired.loss()
    answer = paired.revoke()
    assert (answer.status_code, answer.json()["state"]) == (200, "revoked")
    paired.shown["state"] = "revoked"
    assert paired.report(text).status_code == 404
    assert paired.person.http.get(f"/m/l/{paired.id}").status_code == 404
    assert paired.person.http.post(f"/m/l/{paired.id}/begin", json={}).status_code == 404
    assert paired.revoke().json()["code"] == "phone_invalid"


def evidence_of(record: dict[str, Any]) -> PhoneSignature:
    return PhoneSignature.parse(base64.b64decode(record["by_phone"]["evidence"]))


def test_a_report_of_loss_suspends_at_once_and_its_evidence_is_on_record(
    platform: RunningServer,
) -> None:
    owner = Applicant(platform.url)
    with contextlib.closing(owner.http):
        seal = owner.enrol()
        paired = Paired(owner)
        paired.pair()
        text = paired.loss()
        bad = [
            paired.report(paired.loss(seals="32130000000017")),
            paired.report(paired.loss(origin="https://other.example")),
            paired.report(paired.loss(binding="00" * 32)),
            paired.report(paired.loss(nonce="00" * 32)),
            paired.report(paired.loss(until="2020-01-01T00:00:00Z")),
            paired.report(paired.loss(until="2099-01-01T00:00:00Z")),
            paired.report(text, flags=0x01),
            owner.http.post(
                f"/m/l/{paired.id}/report",
                json=assertion_body(text, paired.phone.sign(text + b"x")),
            ),
            owner.http.post(
                f"/m/l/{paired.id}/report",
                json=assertion_body(text, SoftPhone(owner.url).sign(text)),
            ),
        ]
        assert {answer.status_code for answer in bad} <= {401, 422}
        assert owner.call("GET", f"/v1/seals/{owner.seal_id}").json()["state"] == "active"
        answer = paired.report(text)
        assert answer.status_code == 200, answer.text
        assert [row["code"] for row in answer.json()["seals"]] == [seal["seal_code"]]
        assert paired.report(text).status_code in (401, 403)  # sent twice, and the key is held
        assert owner.call("GET", f"/v1/seals/{owner.seal_id}").status_code == 403
    with platform.platform.reading() as session:
        row = session.get_one(store.Seal, owner.seal_id)
        assert (row.state, row.reason, row.suspended_by) == ("suspended", "lost", "holder")
        own = store.LedgerEntry.object_id == owner.seal_id
        records = session.scalars(select(store.LedgerEntry.record).where(own)).all()
    said = next(each for each in records if b"by_phone" in each)
    told = json.loads(said)
    known = {evidence_of(told).binding.certificate: evidence_of(told).certificate.der}.get
    now = datetime.now(UTC)
    assert intents.phone_problem(told["by_phone"], now, known) is None
    edited = told["by_phone"] | {"text": text.decode().replace("lost", "key_compromised")}
    assert intents.phone_problem(edited, now, known)
    assert intents.phone_problem(told["by_phone"], now, {}.get)
    assert intents.phone_problem({"text": ""}, now, known)
    evidence = evidence_of(told)
    evidence.check(text, datetime.now(UTC))
    assert labelled(text)["binding"] == evidence.binding.sha256


def test_a_phone_reports_only_the_seals_that_it_was_bound_for(paired: Paired) -> None:
    paired.pair(seals="32130000000017")
    assert paired.seals(paired.question()).json()["seals"] == []


def test_whoever_knows_a_phones_address_learns_of_no_seal(paired: Paired) -> None:
    paired.pair()
    begun = paired.person.http.post(f"/m/l/{paired.id}/begin", json={}).json()
    assert begun.keys() == {"nonce", "until"}
    text, stranger = paired.question(), SoftPhone(paired.person.url)
    refused = [
        paired.seals(text, stranger),
        paired.seals(paired.question(binding="00" * 32)),
        paired.seals(paired.question(origin="https://other.example")),
        paired.seals(paired.question(until="2020-01-01T00:00:00Z")),
        paired.seals(paired.question(nonce="00" * 32)),
    ]
    assert {each.status_code for each in refused} <= {401, 422}
    assert not any("seals" in each.json() for each in refused)
    answer = paired.seals(text)
    assert len(answer.json()["seals"]) == 1
    assert paired.seals(text).status_code == 401  # a nonce is good once
    assert paired.report(paired.loss(nonce=begun["nonce"])).status_code == 422  # to ask, not report


def test_at_an_address_with_numbers_no_phone_can_be_paired(enrolled: Applicant) -> None:
    answer = enrolled.call("POST", "/v1/phone-pairings", {})
    assert (answer.status_code, answer.json()["code"]) == (409, "no_passkeys")


def test_the_audit_finds_nothing_wrong_with_phones(paired: Paired, platform: RunningServer) -> None:
    paired.pair()
    with platform.platform.reading() as session:
        assert auditing.table_problems(session, platform.platform.vault) == []


# --- the pages ---------------------------------------------------------------------------------


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def checked(answer: httpx.Response) -> Tags:
    """Script and style come from own files alone, and nobody frames the page."""
    rules = dict(
        rule.strip().split(" ", 1)
        for rule in answer.headers["content-security-policy"].split(";")
        if " " in rule.strip()
    )
    assert rules == {
        "default-src": "'self'",
        "img-src": "'self' blob:",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "object-src": "'none'",
    }
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["referrer-policy"] == "no-referrer"
    page = Tags(answer.text)
    for tag, row in page.found:
        assert not [name for name in row if name.startswith(("on", "style"))]
        assert tag not in {"iframe", "object", "embed", "form", "style"}
        if tag == "script":
            assert row["src"] in PAGES
    assert ("noscript", {}) in page.found or "script" not in [tag for tag, _ in page.found]
    return page


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_the_pages_run_own_files_alone_and_say_what_they_cannot(
    paired: Paired, language: str
) -> None:
    headers, http = {"accept-language": language}, paired.person.http
    offered = paired.begin()
    page = checked(http.get(f"/m/p/{offered['id']}", headers=headers))
    steps = {row.get("data-step") for _, row in page.found}
    assert {"wechat", "passkey", "insecure", "address", "cancelled", "nosecret"} <= steps
    over = http.get("/m/p/pairing_none", headers=headers)
    assert over.status_code == 404
    assert "script" not in [tag for tag, _ in checked(over).found]
    paired.answer()
    paired.bind()
    checked(http.get(f"/m/l/{paired.id}", headers=headers))
    for path in PAGES:
        assert http.get(path).status_code == 200
    assert http.get("/m/page.html").status_code == 404
    assert http.get("/m/..%2fpage.css").status_code == 404


@pytest.mark.parametrize("path", ["/", "/verify", "/v1/service", "/nowhere", "/m/nowhere.js"])
def test_nothing_else_may_run_script(platform: RunningServer, path: str) -> None:
    answer = httpx.get(f"{platform.url}{path}")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script" not in policy
    assert "<script" not in answer.text


def test_scripts_are_small_and_ask_nobody_else(platform: RunningServer) -> None:
    whole = [httpx.get(f"{platform.url}{path}") for path in PAGES]
    assert sum(len(each.content) for each in whole) < 24_000
    for each in whole:
        assert "http://" not in each.text
        assert "https://" not in each.text
        assert "innerHTML" not in each.text
        assert "eval(" not in each.text
