"""Answers that are well-formed and wrong; the real platform is in tests/flows."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from app.errors import PlatformAnswerInvalid, PlatformRefused, PlatformUntrusted
from app.remote.platform_account import Application, PlatformClient, PlatformSeal
from app.remote.platform_connection import Service
from crypto.algorithms import merkle
from crypto.algorithms.gm import sm3
from crypto.algorithms.keys import SoftKey
from crypto.pki.certificate import Certificate
from crypto.pki.certificate_making import make_crl
from tests.world.authorities import CODE, NOW, Authorities

ORIGIN = "https://platform.example"


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


class Scripted(PlatformClient):
    """A client whose wire is a table: path → answer."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        super().__init__(ORIGIN)
        self.answers = dict(answers)
        self.sent: list[tuple[str, Any]] = []

    def _send(self, method: str, path: str, body: Any, *more: Any, **options: Any) -> bytes:
        self.sent.append((path, body))
        answer = self.answers[path]
        return answer if isinstance(answer, bytes) else json.dumps(answer).encode()


class Signer:
    """A holder's key that tells what it was asked to sign."""

    def __init__(self, soft: SoftKey) -> None:
        self.soft, self.asked = soft, list[bytes]()

    @property
    def certificate(self) -> bytes:
        return self.soft.certificate

    def sign(self, message: bytes) -> bytes:
        self.asked.append(message)
        return self.soft.sign(message)


LEDGER = SoftKey.generate()


@pytest.fixture
def platform(authorities: Authorities) -> Iterator[Scripted]:
    """A client that has been shown a service which is in order."""
    with Scripted({}) as client:
        certificates = {
            "root": Certificate.parse(authorities.root),
            "issuing": Certificate.parse(authorities.root),
            "status": Certificate.parse(authorities.status.certificate),
        }
        client._service = Service(
            ORIGIN, "平台", certificates, "registry.example", "ledger.example", LEDGER.public
        )
        yield client


@pytest.fixture
def holder(authorities: Authorities) -> Signer:
    return Signer(authorities.holder())


# ---------------------------------------------------------------- texts that are signed

OFFER = {
    "origin": ORIGIN, "purpose": "login", "nonce": "abc", "subject": "s", "expires": 1, "id": "c",
}  # fmt: skip
DRAFT = {"id": "a", "state": "draft", "payload_sm3": "00" * 32, "reason": None, "seal_id": None}


def test_what_is_signed_at_sign_in_begins_with_its_purpose(
    platform: Scripted, holder: Signer
) -> None:
    platform.answers = {
        "/v1/challenges": OFFER,
        "/v1/sessions": {"token": "t"},
        "/v1/sessions/current": b"",
    }
    platform.sign_in(holder)
    assert holder.asked == [f"SUQIAN-SEAL-LOGIN-V1\n{ORIGIN}\nlogin\nabc\ns\n1\n".encode()]


@pytest.mark.parametrize(
    "change",
    [
        {"origin": "https://other.example"},
        {"purpose": "collect"},
        {"nonce": "a\nSUQIAN-SEAL-COLLECT-V1"},
        {"nonce": "a b"},
        {"nonce": ""},
        {"nonce": "x" * 201},
        {"subject": "s\r"},
        {"nonce": "印"},
    ],
)
def test_an_offer_that_could_turn_into_another_text_is_not_signed(
    platform: Scripted, holder: Signer, change: dict[str, str]
) -> None:
    platform.answers = {"/v1/challenges": OFFER | change}
    with pytest.raises((PlatformUntrusted, PlatformAnswerInvalid)):
        platform.sign_in(holder)
    assert holder.asked == []


def test_an_application_that_was_understood_differently_goes_no_further(
    platform: Scripted,
) -> None:
    platform.answers = {"/v1/applications": DRAFT}
    with pytest.raises(PlatformAnswerInvalid, match="payload_sm3"):
        platform.apply(b'{"kind": "issue"}', "a-request-key")


@pytest.mark.parametrize("identity", ["../x", "a/b", "", "a\nb", "a?b", "x" * 65])
def test_an_identifier_never_leads_to_another_address(platform: Scripted, identity: str) -> None:
    platform.answers = {"/v1/applications/a": DRAFT | {"id": identity}}
    with pytest.raises(PlatformAnswerInvalid):
        platform.application("a")


def test_a_collection_is_signed_for_this_seal_and_certificate(
    platform: Scripted, holder: Signer
) -> None:
    seal = PlatformSeal("s1", CODE, "公章", "company", "made", "", "ab" * 32, b"", "12ab")
    platform.answers = {"/v1/seals/s1/collection": {}}
    with pytest.raises(PlatformAnswerInvalid):
        platform.collect(seal, holder)
    lines = f"SUQIAN-SEAL-COLLECT-V1\n{ORIGIN}\ns1\n{'ab' * 32}\n12ab\n"
    assert holder.asked == [lines.encode()]
    submitted = Application("a1", "draft", "cd" * 32, "", "")
    platform.answers = {"/v1/applications/a1/submit": {}}
    with pytest.raises(PlatformAnswerInvalid):
        platform.submit(submitted, holder)
    lines = f"SUQIAN-SEAL-INTENT-V1\n{ORIGIN}\nsubmit\na1\n{'cd' * 32}\n"
    assert holder.asked[1:] == [lines.encode()]


# ---------------------------------------------------------------- what it states


def test_a_seal_of_another_digest_is_refused(platform: Scripted) -> None:
    data = b"seal"
    seal = PlatformSeal("s1", CODE, "公章", "company", "made", "", sm3(data).hex(), b"", "1")
    platform.answers = {f"/v1/blobs/{seal.seal_sm3}": data}
    assert platform.seal_data(seal) == data
    platform.answers = {f"/v1/blobs/{seal.seal_sm3}": b"another"}
    with pytest.raises(PlatformAnswerInvalid, match="seal_sm3"):
        platform.seal_data(seal)


def test_a_status_is_of_the_seal_that_was_asked_about(
    platform: Scripted, authorities: Authorities
) -> None:
    holder = authorities.holder()
    path = f"/v1/seals/{CODE}/status"
    platform.answers = {path: {"token": b64(authorities.statement(holder).token)}}
    assert platform.status(CODE).statement.state == "active"
    other = authorities.statement(holder, seal_code="32130000000099")
    platform.answers = {path: {"token": b64(other.token)}}
    with pytest.raises(PlatformUntrusted, match="status"):
        platform.status(CODE)
    platform.answers = {path: {"token": b64(Authorities().statement(holder).token)}}
    with pytest.raises(PlatformUntrusted, match="status"):
        platform.status(CODE)
    platform.answers = {path: {"token": "%%%"}}
    with pytest.raises(PlatformAnswerInvalid):
        platform.status(CODE)
    with pytest.raises(PlatformRefused):
        platform.status("../sync")


def test_a_ticket_is_of_the_document_that_was_asked_about(
    platform: Scripted, authorities: Authorities
) -> None:
    digest = sm3(b"document")
    for about, good in ((digest, True), (sm3(b"other"), False), (None, False)):
        said = authorities.statement(authorities.holder(), document_digest=about)
        platform.answers = {"/v1/tickets": {"token": b64(said.token)}}
        if good:
            assert platform.ticket("s1", digest) == said.token
        else:
            with pytest.raises(PlatformUntrusted):
                platform.ticket("s1", digest)


def test_a_revocation_list_is_signed_by_its_authority(
    platform: Scripted, authorities: Authorities
) -> None:
    def crl(by: Authorities) -> bytes:
        return make_crl(
            issuer=by.name,
            issuer_key=by.key,
            authority_spki=by.key.spki,
            number=1,
            this_update=NOW,
            next_update=NOW,
            entries=[],
        )

    paths = [f"/pki/crl/{name}/0.crl" for name in ("root", "issuing")]
    platform.answers = dict.fromkeys(paths, crl(authorities))
    assert set(platform.crls()) == {"root", "issuing"}
    platform.answers[paths[1]] = crl(Authorities())
    with pytest.raises(PlatformUntrusted, match="certificates"):
        platform.crls()


# ---------------------------------------------------------------- receipts


RECORD = json.dumps({"type": "usage", "id": "u1"})


def receipt(
    *, key: SoftKey = LEDGER, origin: str = "ledger.example", **changes: Any
) -> dict[str, Any]:
    """A receipt for :data:`RECORD` in a ledger between two others."""
    tree = merkle.Tree()
    for each in (b"before", RECORD.encode(), b"after"):
        tree.append(each)
    note = merkle.sign_checkpoint(merkle.Checkpoint(origin, 3, tree.root()), key)
    proof = [each.hex() for each in tree.inclusion_proof(1, 3)]
    facts = {"id": "u1", "flags": ["late"], "index": 1, "size": 3, "record": RECORD}
    return facts | {"proof": proof, "checkpoint": note} | changes


def reported(platform: Scripted, answer: dict[str, Any]) -> None:
    platform.answers = {"/v1/usage-records": {"receipts": [answer]}}
    (got,) = platform.report_usage([("u1", "the text that was sent")])
    assert (got.id, got.index, got.flags) == ("u1", 1, ("late",))


def test_a_receipt_proves_that_the_ledger_holds_the_record(platform: Scripted) -> None:
    reported(platform, receipt())


@pytest.mark.parametrize(
    "wrong",
    [
        receipt(key=SoftKey.generate()),
        receipt(origin="registry.example"),
        receipt(index=0),
        receipt(size=4),
        receipt(proof=[]),
        receipt(proof=["00" * 32] * 2),
        receipt(record=RECORD + " "),
        receipt(record="another"),
        receipt(checkpoint="nothing of the kind"),
        receipt(id="u2"),
        receipt(index="x"),
    ],
)
def test_a_receipt_that_proves_nothing_is_not_kept(
    platform: Scripted, wrong: dict[str, Any]
) -> None:
    with pytest.raises((PlatformUntrusted, PlatformAnswerInvalid)):
        reported(platform, wrong)
