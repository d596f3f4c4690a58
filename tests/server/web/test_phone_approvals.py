"""用印审批 by phone over HTTP: counted like a Ukey's, proved by OpenSSL alone, or refused."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from crypto.algorithms.gm import sm3
from crypto.asn1 import der
from crypto.seal.page_key import wrap_for
from crypto.seal.phone import Binding, PhoneSignature, read_base64url, spki
from crypto.seal.statement import SignedStatement
from crypto.seal.use_approval import (
    ApprovalError,
    SignedApproval,
    SignedRequest,
    UseApproval,
    UseEvidence,
)
from server_stub.web.serving import RunningServer, start_in_thread
from tests.world.applicant import Applicant, b64
from tests.world.approving import Approving, Somebody
from tests.world.openssl import OpenSsl
from tests.world.pairing import Paired, assertion_body
from tests.world.platforms import platform_settings
from tests.world.soft_phone import SoftPhone, labelled

NONCE = "ab" * 16


@pytest.fixture(scope="module")
def platform(
    tmp_path_factory: pytest.TempPathFactory, light_font: object
) -> Iterator[RunningServer]:
    settings = platform_settings(
        tmp_path_factory.mktemp("approvals"), host="localhost", imprint_font=light_font
    )
    with start_in_thread(settings) as server:
        yield server


@pytest.fixture(scope="module")
def people(platform: RunningServer) -> Iterator[tuple[Applicant, ...]]:
    """Who asks, and two who are asked."""
    with contextlib.ExitStack() as opened:
        made = []
        for number, name in enumerate(("周正", "吴安", "郑平")):
            made.append(Somebody(platform.url, legal_rep=name, name=f"宿迁市第{number}公司"))
            opened.callback(made[-1].http.close)
            made[-1].enrol()
        yield tuple(made)


@pytest.fixture(scope="module")
def phones(people: tuple[Applicant, ...]) -> tuple[Paired, Paired]:
    """One of each approver's."""
    first, second = Paired(people[1]), Paired(people[2])
    first.pair(person="吴安")
    second.pair(person="郑平")
    return first, second


@pytest.fixture
def asking(people: tuple[Applicant, ...], phones: tuple[Paired, Paired]) -> Approving:
    """Both must agree."""
    made = Approving(people[0], people[1:])
    answer = made.rule(made.terms(2))
    assert answer.status_code == 201, answer.text
    return made


def asked(asking: Approving, **changes: Any) -> dict[str, Any]:
    answer = asking.ask(asking.request(**changes))
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def link_of(request: dict[str, Any], paired: Paired) -> str:
    return next(
        str(each["link"]) for each in request["asked"] if each["name"] == paired.person.legal_rep
    )


def text_of(request: dict[str, Any], paired: Paired, said: Any = "approve", **more: Any) -> bytes:
    token = SignedRequest.parse(base64.b64decode(request["token"]))
    at = more.pop("at", datetime.now(UTC))
    more = {"binding": _binding(paired), **more}
    return UseApproval.of(token.request, said, at, NONCE, **more).encode()


def _binding(paired: Paired) -> str:
    return Binding.parse(base64.b64decode(paired.shown["binding"])).sha256


def send(
    request: dict[str, Any], paired: Paired, signs: bytes, /, **changes: Any
) -> httpx.Response:
    body = assertion_body(signs, paired.phone.sign(signs)) | {"phone": _binding(paired)} | changes
    return paired.person.http.post(f"/m/a/{link_of(request, paired)}/decision", json=body)


def test_both_phones_agree_and_a_stranger_sees_it_in_the_ticket(
    asking: Approving, phones: tuple[Paired, Paired], tmp_path: Path
) -> None:
    request = asked(asking)
    for paired, state in zip(phones, ("pending", "approved"), strict=True):
        answer = send(request, paired, text_of(request, paired))
        assert (answer.status_code, answer.json()) == (200, {"state": state})
    ticket = asking.ticket(request["id"])
    assert ticket.status_code == 201, ticket.text
    leave = SignedStatement.parse(base64.b64decode(ticket.json()["token"])).statement.leave
    assert leave is not None
    evidence = UseEvidence.parse(leave.evidence)
    code = asking.seal["seal_code"]
    assert evidence.why_not(code, code, asking.company.key.certificate) == ""
    assert [each.phone for each in evidence.approvals] == [True, True]
    for each in evidence.approvals:
        confirmed_by_openssl(each, evidence.request, OpenSsl(tmp_path))


def confirmed_by_openssl(signed: SignedApproval, request: SignedRequest, openssl: OpenSsl) -> None:
    """Binding, request and assertion, and what ties them together: no code of ours is asked."""
    parts = der.parse(signed.token).children(der.SEQUENCE)
    assert (parts.octets(), parts.boolean()) == (signed.approval.encode(), True)
    proof = PhoneSignature.parse(parts.octets())
    parts = der.parse(request.token).children(der.SEQUENCE)
    asked_for, _, requester_signature = parts.octets(), parts.octets(), parts.bits()
    text = signed.approval.encode()
    ukey = proof.certificate.public_key.spki
    assert openssl.sm2_verifies(ukey, proof.binding.encode(), proof.binding_signature)
    requester = request.certificate.public_key.spki
    assert openssl.sm2_verifies(requester, asked_for, requester_signature)
    said, binding = labelled(text), labelled(proof.binding.encode())
    digest = openssl.run("dgst", "-sha256", "-hex", "-r", openssl.file(asked_for))
    assert said["request-sha256"] == digest.split()[0].decode()
    digest = openssl.run("dgst", "-sha256", "-hex", "-r", openssl.file(proof.binding.encode()))
    assert said["binding"] == digest.split()[0].decode()
    client = proof.assertion.client_data
    over = openssl.run("dgst", "-sha256", "-binary", openssl.file(client))
    key = openssl.file(spki(bytes.fromhex(binding["key-es256"])))
    told = openssl.run(
        *("dgst", "-sha256", "-keyform", "DER", "-verify", key),
        *("-signature", openssl.file(proof.assertion.signature)),
        openssl.file(proof.assertion.authenticator_data + over),
    )
    assert b"Verified OK" in told
    challenge = json.loads(client)["challenge"]
    assert read_base64url(challenge) == openssl.run("dgst", "-sha256", "-binary", stdin=text)


def test_eight_changed_approvals_are_refused_and_nothing_has_come_of_them(
    asking: Approving, phones: tuple[Paired, Paired]
) -> None:
    request, other = asked(asking), asked(asking, document=b"another contract")
    paired, second = phones
    text = text_of(request, paired)
    good = paired.phone.sign(text)
    flipped = good.signature[:-1] + bytes([good.signature[-1] ^ 1])
    bad = {
        "another document": text.replace(b"document-sm3: ", b"document-sm3: 0", 1),
        "another request": text_of(other, paired),
        "the other decision": text.replace(b"decision: approve", b"decision: reject"),
        "another binding": text_of(request, paired, binding=_binding(second)),
        "no binding": text_of(request, paired, binding=""),
        "of yesterday": text_of(request, paired, at=datetime.now(UTC) - timedelta(days=1)),
    }
    for what, changed in bad.items():
        signed = good if what in ("another document", "the other decision") else None
        body = assertion_body(changed, signed or paired.phone.sign(changed))
        answer = send(request, paired, changed, **body)
        assert answer.status_code == 422, (what, answer.text)
    for what, assertion in {
        "a changed signature": replace(good, signature=flipped),
        "another phone": SoftPhone(paired.person.url).sign(text),
        "nobody verified": paired.phone.sign(text, flags=0x01),
        "another page": paired.phone.sign(text, client={"origin": "https://other.example"}),
    }.items():
        answer = send(request, paired, text, **assertion_body(text, assertion))
        assert answer.status_code == 422, (what, answer.text)
    theirs = second.phone.sign(text)
    answer = send(request, paired, text, **assertion_body(text, theirs), phone=_binding(second))
    assert answer.status_code == 422
    assert state(asking, request) == "pending"
    assert send(request, paired, text).status_code == 200
    assert send(request, paired, text).json()["code"] == "already_decided"


def state(asking: Approving, request: dict[str, Any]) -> str:
    row = asking.company.call("GET", f"/v1/use-requests/{request['id']}").json()
    return str(row["state"])


def test_a_policy_can_refuse_phones(
    people: tuple[Applicant, ...], phones: tuple[Paired, Paired]
) -> None:
    asking = Approving(people[0], people[1:])
    assert asking.rule(asking.terms(2, phone=False)).status_code == 201
    request = asked(asking)
    link = link_of(request, phones[0])
    assert phones[0].person.http.get(f"/m/a/{link}/facts").json()["phones"] == []
    answer = send(request, phones[0], text_of(request, phones[0]))
    assert answer.json()["code"] == "decision_invalid"
    assert asking.decide(asking.approvers[0], request).json()["state"] == "pending"


def test_a_revoked_phone_approves_nothing(asking: Approving, people: tuple[Applicant, ...]) -> None:
    request, paired = asked(asking), Paired(people[1])
    paired.pair(person="吴安")
    text = text_of(request, paired)
    assert paired.revoke().status_code == 200
    assert send(request, paired, text).status_code == 404


def test_of_fifty_decisions_at_once_one_counts(
    asking: Approving, phones: tuple[Paired, Paired]
) -> None:
    request, paired = asked(asking), phones[0]
    texts = [
        text_of(request, paired, "approve" if n % 2 else "reject", reason=f"第 {n} 次")
        for n in range(50)
    ]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda text: send(request, paired, text), texts))
    counted = [answer for answer in answers if answer.status_code == 200]
    assert len(counted) == 1
    others = {answer.json()["code"] for answer in answers if answer.status_code != 200}
    assert others == {"already_decided"}


def test_what_the_page_is_told_and_nobody_else(
    asking: Approving, phones: tuple[Paired, Paired]
) -> None:
    paired = phones[0]
    key = bytes.fromhex(paired.proof().key_ecdh)
    made = asking.request(preview_sha256="ab" * 32)
    wrapped = wrap_for(key, bytes(32), bytes.fromhex(made.sha256))
    sn = next(
        each["certificate_sn"]
        for each in asked(asking)["asked"]
        if each["name"] == paired.person.legal_rep
    )
    keys = [
        {
            "certificate_sn": sn,
            "kind": "ecdh-p256",
            "key_id": sm3(key).hex(),
            "wrapped": b64(wrapped),
        }
    ]
    request = asking.ask(made, pages=2, keys=keys).json()
    http, link = paired.person.http, link_of(request, paired)
    put = asking.company.http.put(
        f"/v1/use-requests/{request['id']}/pages/1",
        content=b"c" * 40,
        headers={
            "Authorization": f"Bearer {asking.company.token}",
            "Content-Type": "application/octet-stream",
        },
    )
    assert put.status_code == 204, put.text
    told = http.get(f"/m/a/{link}/facts").json()
    assert base64.b64decode(told["request"]) == made.encode()
    assert (told["state"], told["decided"], told["pages"]) == ("pending", None, 2)
    (own,) = [each for each in told["phones"] if each["id"] == _binding(paired)]
    assert paired.id not in http.get(f"/m/a/{link}/facts").text
    assert base64.b64decode(own["wrapped"]) == wrapped
    assert http.get(f"/m/a/{link}/pages/1").content == b"c" * 40
    assert http.get(f"/m/a/{link}/pages/0").status_code == 404
    assert http.get("/m/a/none/facts").status_code == 404
    assert "已失效" in http.get("/m/a/none").text
    assert "/m/approve.js" in http.get(f"/m/a/{link}").text
    # each approver's link is the approver's and the requester's alone
    seen = asking.approvers[1].call("GET", f"/v1/use-requests/{request['id']}").json()
    links = {each["name"]: each["link"] for each in seen["asked"]}
    assert links[asking.approvers[0].legal_rep] is None
    assert links[asking.approvers[1].legal_rep]
    rule = asking.company.call("GET", f"/v1/seals/{asking.company.seal_id}/use-policy").json()
    assert [len(each["phones"]) for each in rule["approvers"]] == [1, 1]


def test_a_token_with_another_proof_is_refused(
    asking: Approving, phones: tuple[Paired, Paired]
) -> None:
    request = asked(asking)
    text = UseApproval.parse(text_of(request, phones[0]))
    with pytest.raises(ApprovalError):
        SignedApproval.make(text, b"", phone=True)
