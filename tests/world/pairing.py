"""A phone paired with a running platform, as the client and the phone's page do it."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from crypto.algorithms.keys import SoftKey
from crypto.seal.phone import Assertion, Binding, LossQuestion, LossReport, PairingProof, host_of
from crypto.seal.purpose_text import write_time
from tests.world.applicant import Applicant, b64, decision
from tests.world.soft_phone import SoftPhone, bound


def assertion_body(text: bytes, given: Assertion) -> dict[str, str]:
    """What a page of the phone's sends."""
    return {
        "text": b64(text),
        "client_data": b64(given.client_data),
        "authenticator_data": b64(given.authenticator_data),
        "signature": b64(given.signature),
    }


@dataclass
class Paired:
    """*person* is signed in; a phone comes with :meth:`pair`, or step by step."""

    person: Applicant
    phone: SoftPhone = field(init=False)
    pairing: dict[str, Any] = field(init=False)
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    shown: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.phone = SoftPhone(self.person.url)

    @property
    def id(self) -> str:
        return str(self.shown["id"])

    def begin(self) -> dict[str, Any]:
        answer = self.person.call("POST", "/v1/phone-pairings", {})
        assert answer.status_code == 201, answer.text
        self.pairing = answer.json()
        return self.pairing

    def proof(self) -> PairingProof:
        return self.phone.proof(self.pairing["id"], self.pairing["nonce"])

    def answer_body(self, proof: PairingProof | None = None) -> dict[str, str]:
        proof = proof or self.proof()
        nonce = bytes.fromhex(self.pairing["nonce"])
        return {
            "proof": b64(proof.encode()),
            "mac": b64(proof.mac(self.secret)),
            "client_data": b64(self.phone.client_data("webauthn.create", nonce)),
            "authenticator_data": b64(self.phone.registered()),
        }

    def answer(self, **changes: str) -> httpx.Response:
        path = f"/m/p/{self.pairing['id']}/answer"
        return self.person.http.post(path, json=self.answer_body() | changes)

    def binding(self, **changes: Any) -> Binding:
        now = datetime.now(UTC)
        row = self.person.call("GET", f"/v1/seals/{self.person.seal_id}").json()
        facts: dict[str, Any] = {
            "rp_id": host_of(self.person.url),
            "pairing": self.pairing["id"],
            "nonce": self.pairing["nonce"],
            "enterprise": row["uscc"] or "",
            "person": "李晓梅",
            "from_": write_time(now),
            "until": write_time(now + timedelta(days=300)),
        }
        return bound(self.phone, self.person.key, **facts | changes)

    def bind(self, *, key: SoftKey | None = None, **changes: Any) -> httpx.Response:
        text = self.binding(**changes).encode()
        signature = (key or self.person.key).sign(text)
        body = {"pairing": self.pairing["id"], "text": b64(text), "signature": b64(signature)}
        answer = self.person.call("POST", "/v1/phones", body)
        if answer.status_code == 201:
            self.shown = answer.json()
        return answer

    def pair(self, **changes: Any) -> Binding:
        """All of it."""
        self.begin()
        assert self.answer().status_code == 200
        answer = self.bind(**changes)
        assert answer.status_code == 201, answer.text
        return Binding.parse(base64.b64decode(self.shown["binding"]))

    def revoke(self) -> httpx.Response:
        sha256 = Binding.parse(base64.b64decode(self.shown["binding"])).sha256
        body = decision(self.person.url, self.person.key, "revoke-phone", self.id, sha256, "")
        return self.person.call("POST", f"/v1/phones/{self.id}/revocation", body)

    def question(self, **changes: str) -> bytes:
        """The text that asks which seals can be reported, begun now."""
        begun = self.person.http.post(f"/m/l/{self.id}/begin", json={}).json()
        sha256 = Binding.parse(base64.b64decode(self.shown["binding"])).sha256
        facts = {"origin": self.person.url, "binding": sha256} | begun
        return LossQuestion(**facts | changes).encode()

    def seals(self, text: bytes, phone: SoftPhone | None = None) -> httpx.Response:
        """Ask which seals can be reported, signed by *phone* or the one that is bound."""
        body = assertion_body(text, (phone or self.phone).sign(text))
        return self.person.http.post(f"/m/l/{self.id}/seals", json=body)

    def loss(self, **changes: str) -> bytes:
        """The text of a report that was begun now, of every seal that it may name."""
        begun = self.seals(self.question()).json()
        facts = {
            "origin": self.person.url,
            "binding": Binding.parse(base64.b64decode(self.shown["binding"])).sha256,
            "seals": " ".join(seal["code"] for seal in begun["seals"]),
            "reason": "lost",
            "until": begun["until"],
            "nonce": begun["nonce"],
        }
        return LossReport(**facts | changes).encode()

    def report(self, text: bytes, **changes: Any) -> httpx.Response:
        body = assertion_body(text, self.phone.sign(text, **changes))
        return self.person.http.post(f"/m/l/{self.id}/report", json=body)
