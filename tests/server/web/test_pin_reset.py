"""A PIN reset: applied for with a key of its own, approved by two reviewers, and then a statement
for that one Ukey, for a day."""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from crypto.algorithms import gm
from crypto.algorithms.keys import SM2_WITH_SM3
from crypto.pki.certificate import Certificate
from server_stub.changing import unlocking
from server_stub.records import auditing, store
from server_stub.records.ledger import Transaction
from server_stub.web.serving import RunningServer, start_in_thread
from tests.world.applicant import Applicant, b64, credit_code, number_of, taken
from tests.world.platforms import platform_settings
from tests.world.staff import approved, employ
from tests.world.waiting import until

SERIAL = "VK0123456789ABCD"
HANDLER = {"name": "李晓梅", "id_no": number_of("李晓梅"), "phone": "0527-84350000"}


class Case:
    """A company with a seal on a Ukey whose PIN is locked, and two reviewers."""

    def __init__(self, server: RunningServer) -> None:
        self.server = server
        self.first, self.second = employ(server, "reviewer"), employ(server, "reviewer")
        self.person = Applicant(server.url)
        self.everybody = [self.first, self.second, self.person]
        assert self.person.draft().status_code == 201
        self.person.sign_in(application_id=self.person.application_id)
        assert self.person.submit().status_code == 200
        assert approved(server, self.first, self.person).status_code == 200
        self.seal = taken(self.person, self.person.wait("fulfilled", seconds=60))
        service = self.person.http.get("/v1/service").json()["certificates"]
        with server.platform.reading() as session:
            issued = session.get_one(store.Certificate, self.seal["certificate_sn"])
            self.name = gm.sm3(Certificate.parse(issued.der).public_key.point)
        self.signer, self.recipient = (
            Certificate.parse(base64.b64decode(service[name]))
            for name in ("unlocking", "unlocking_secret")
        )

    def somebody(self, uscc: str) -> Applicant:
        self.everybody.append(Applicant(self.server.url, uscc=uscc))
        return self.everybody[-1]

    def encrypted(self, plain: bytes) -> bytes:
        """As a Ukey encrypts its secret and the names of its keys."""
        return gm.sm2_encrypt(self.recipient.public_key.point, plain)

    def asked(self, opens: bytes, **token: str) -> Applicant:
        """Somebody who has handed in an application for a reset."""
        asker = self.somebody(self.person.uscc)
        about = {
            "serial": SERIAL,
            "certificate_sn": self.seal["certificate_sn"],
            "nonce": "0f" * 16,
            "secret": b64(self.encrypted(opens + self.name)),
        }
        answer = asker.draft(
            kind="pin_reset",
            seal={"subtype": "official", "code": self.seal["seal_code"]},
            handler=HANDLER,
            token=about | token,
        )
        assert answer.status_code == 201, answer.text
        asker.sign_in(application_id=asker.application_id)
        assert asker.submit().status_code == 200
        return asker

    def twice_approved(self, asker: Applicant) -> None:
        for reviewer in (self.first, self.second):
            assert approved(self.server, reviewer, asker).status_code == 200
        asker.wait("fulfilled", seconds=60)


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory, light_font: Path) -> Iterator[Case]:
    settings = platform_settings(
        tmp_path_factory.mktemp("platform"), imprint_font=light_font, auto_review=False
    )
    with start_in_thread(settings) as running:
        made = Case(running)
        yield made
        for person in made.everybody:
            person.http.close()


def unlock(asker: Applicant) -> Any:
    return asker.call("POST", f"/v1/applications/{asker.application_id}/unlock", {})


def test_two_reviewers_lead_to_a_statement_for_that_ukey(case: Case) -> None:
    secret = secrets.token_bytes(32)
    asker = case.asked(secret)
    assert unlock(asker).json()["code"] == "illegal_transition"
    assert approved(case.server, case.first, asker).status_code == 200
    assert approved(case.server, case.first, asker).json()["code"] == "forbidden"
    assert unlock(asker).json()["code"] == "illegal_transition"
    assert approved(case.server, case.second, asker).status_code == 200
    asker.wait("fulfilled", seconds=60)
    answer = unlock(asker)
    assert answer.status_code == 200, answer.text
    text = base64.b64decode(answer.json()["statement"])
    title, origin, application, serial, certificate, nonce, since, end, told, rest = (
        text.decode().split("\n")
    )
    assert (title, rest) == ("SUQIAN-UKEY-UNLOCK-V1", "")
    assert (origin, application) == (case.server.url, asker.application_id)
    assert (serial, certificate, nonce) == (SERIAL, case.seal["certificate_sn"], "0f" * 16)
    assert int(end) - int(since) == 86400
    assert abs(int(since) - time.time()) < 300
    assert bytes.fromhex(told) == secret
    signature = base64.b64decode(answer.json()["signature"])
    assert case.signer.public_key.verify(SM2_WITH_SM3, text, signature)
    assert unlock(asker).json()["statement"] == answer.json()["statement"]  # asked for again
    with case.server.platform.reading() as session:
        rows = session.scalars(select(store.LedgerEntry.record)).all()
    said = b" ".join(map(bytes, rows)).decode()
    assert secret.hex() not in said
    assert said.count("unlock-taken-v1") == 2


def test_two_keys_of_one_reviewer_are_one_reviewer(case: Case) -> None:
    one, again = (employ(case.server, "reviewer", b"one person") for _ in range(2))
    case.everybody += [one, again]
    asker = case.asked(secrets.token_bytes(32))
    assert approved(case.server, one, asker).status_code == 200
    assert approved(case.server, again, asker).json()["code"] == "forbidden"
    assert approved(case.server, case.second, asker).status_code == 200


def test_nobody_else_gets_it_and_it_has_an_end(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    asker = case.asked(secrets.token_bytes(32))
    case.twice_approved(asker)
    stranger = case.somebody(credit_code())
    stranger.draft()
    stranger.sign_in(application_id=stranger.application_id)
    for other, code in ((stranger, "not_found"), (case.first, "forbidden")):
        path = f"/v1/applications/{asker.application_id}/unlock"
        assert other.call("POST", path, {}).json()["code"] == code
    monkeypatch.setattr(unlocking, "LIFE", -1)
    assert unlock(asker).json()["code"] == "unlock_expired"


@pytest.mark.parametrize(
    "since",
    [
        {"state": "suspended", "reason": "lost"},
        {"state": "suspended", "reason": "key_compromised"},
        {"state": "cancelled"},
        {"certificate_sn": "another"},
    ],
)
def test_a_seal_that_was_lost_or_is_over_since_the_approval_is_not_unlocked(
    case: Case, since: dict[str, str]
) -> None:
    asker = case.asked(secrets.token_bytes(32))
    case.twice_approved(asker)
    ledger = case.server.platform.ledger

    def change(tx: Transaction, values: dict[str, Any]) -> dict[str, Any]:
        seal = tx.session.get_one(store.Seal, case.seal["id"])
        before = {name: getattr(seal, name) for name in values}
        for name, value in values.items():
            setattr(seal, name, value)
        return before

    if "certificate_sn" in since:  # a row points to a certificate that there is
        with case.server.platform.reading() as session:
            other = store.Certificate.sn != case.seal["certificate_sn"]
            since = {
                "certificate_sn": session.scalars(select(store.Certificate.sn).where(other)).first()
                or ""
            }
    before = ledger.write(change, dict(since)).result().answer
    try:
        assert unlock(asker).json()["code"] == "illegal_transition"
    finally:
        ledger.write(change, before).result()
    assert unlock(asker).status_code == 200


@pytest.mark.parametrize(
    "since",
    [
        {"state": "suspended", "reason": "lost"},
        {"state": "suspended", "reason": "key_compromised"},
        {"state": "cancelled", "reason": "holder_request"},
    ],
)
def test_a_seal_lost_between_the_approval_and_the_making_gets_no_permission(
    case: Case, since: dict[str, str]
) -> None:
    asker = case.asked(secrets.token_bytes(32))
    platform = case.server.platform

    def permit(tx: Transaction) -> None:
        application = tx.session.get_one(store.Application, asker.application_id)
        seal = tx.session.get_one(store.Seal, case.seal["id"])
        application.state, seal.state, seal.reason = "approved", since["state"], since["reason"]
        unlocking.permit(tx, asker.application_id, platform.authority)

    with pytest.raises(ValueError, match="已挂失、已注销，或者换了证书，不能重置口令"):
        platform.ledger.write(permit).result()  # nothing of it stays
    assert (
        asker.call("GET", f"/v1/applications/{asker.application_id}").json()["state"] != "approved"
    )


def test_a_secret_that_is_not_this_ukeys_goes_back_to_the_reviewers(case: Case) -> None:
    """A request that was copied from another's Ukey, with an application of one's own, included."""
    somebody = gm.public_key_of(gm.generate_private_key())
    askers = [
        case.asked(b"", secret=b64(encrypted))
        for encrypted in (
            gm.sm2_encrypt(somebody, bytes(32) + case.name),
            case.encrypted(bytes(32) + gm.sm3(somebody)),
            case.encrypted(bytes(32)),
        )
    ]
    for asker in askers:
        for reviewer in (case.first, case.second):
            assert approved(case.server, reviewer, asker).status_code == 200

    def back() -> bool:
        rows = [
            each.call("GET", f"/v1/applications/{each.application_id}").json() for each in askers
        ]
        reasons = [row["reason"] or "" for row in rows if row["state"] == "in_review"]
        return len(reasons) == 3 and all("解锁请求无法使用" in reason for reason in reasons)

    until(back, "they did not go back", 60)
    assert {unlock(asker).json()["code"] for asker in askers} == {"illegal_transition"}


def test_a_ukey_with_many_keys_is_unlocked_for_one_of_them(case: Case) -> None:
    secret, others = secrets.token_bytes(32), secrets.token_bytes(15 * 32)
    plain = secret + others + case.name + others
    asker = case.asked(secret, secret=b64(case.encrypted(plain)))
    case.twice_approved(asker)
    told = base64.b64decode(unlock(asker).json()["statement"]).decode().split("\n")[8]
    assert bytes.fromhex(told) == secret


def test_a_key_of_another_maker_gets_the_approval_without_a_statement(case: Case) -> None:
    asker = case.asked(bytes(32), nonce="", secret="")
    case.twice_approved(asker)
    assert unlock(asker).json()["statement"] == ""


def test_the_records_must_bear_it_out(case: Case) -> None:
    """Another certificate than the seal's, and a key that was reported lost."""
    asker = case.asked(bytes(32), certificate_sn="abc")
    assert "不是该印章的" in approved(case.server, case.first, asker).json()["detail"]
    path = f"/v1/seals/{case.seal['id']}"
    assert case.person.call("POST", f"{path}/suspend", {"reason": "lost"}).status_code == 200
    lost = case.asked(bytes(32))
    assert "不能重置口令" in approved(case.server, case.first, lost).json()["detail"]
    platform = case.server.platform
    with platform.reading() as session:
        assert auditing.table_problems(session, platform.vault) == []
