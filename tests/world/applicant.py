"""A person with a token who enrols with the platform, as the desktop client does it."""

from __future__ import annotations

import base64
import itertools
import json
import re
import secrets
import zlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx

from crypto.algorithms import gm
from crypto.algorithms.keys import SoftKey
from crypto.pki import unit_codes
from crypto.pki.certificate_making import make_request
from crypto.pki.names_and_algorithms import Name
from tests.world.waiting import until

_DECISION = re.compile(
    r"/v1/(seals|applications)/([a-z0-9_]+)/(suspend|resume|approve|return|reject)"
)
_serials = itertools.count(1)


def credit_code(region: str = "321302") -> str:
    """A fresh code with right check digits."""
    organisation = f"MA{next(_serials):06d}"
    first17 = f"91{region}{organisation}{unit_codes.organisation_check_character(organisation)}"
    return first17 + unit_codes.check_character(first17)


def citizen_number(serial: int = 1) -> str:
    """A made-up number whose check character is right."""
    digits = f"32130219900307{serial:03d}"
    total = sum(int(c) * pow(2, 17 - i, 11) for i, c in enumerate(digits))
    return digits + "10X98765432"[total % 11]


def number_of(name: str) -> str:
    """A number of somebody's own."""
    return citizen_number(1 if name == "李晓梅" else 2 + zlib.crc32(name.encode()) % 900)


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def decision(
    url: str, key: SoftKey, verb: str, identity: str, digest: str, reason: str
) -> dict[str, str]:
    """What goes into the body of a decision: when, and the signature."""
    at = datetime.now(UTC).isoformat()
    lines = ("SUQIAN-SEAL-INTENT-V2", url, verb, identity, digest, reason, at, "")
    return {"at": at, "signature": b64(key.sign("\n".join(lines).encode()))}


@dataclass
class Applicant:
    """What the desktop client does, written by hand from the contract: of server_stub's own code
    only the check digits are used."""

    url: str
    uscc: str = field(default_factory=credit_code)
    name: str = "宿迁市云杉软件有限公司"
    subtype: str = "official"
    legal_rep: str = "李晓梅"
    key: SoftKey = field(default_factory=SoftKey.generate)
    token: str = ""
    application_id: str = ""
    payload_sm3: str = ""
    seal_id: str = ""
    http: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.http = httpx.Client(base_url=self.url, timeout=30)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        if self.token:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        body = self.decided(path, body)
        return self.http.request(method, path, json=body, headers=headers)

    def decided(self, path: str, body: Any) -> Any:
        """*body*, signed if *path* is that of a decision and it is not signed already."""
        match = _DECISION.fullmatch(path)
        signed = isinstance(body, dict) and "signature" not in body
        if not match or not signed or not self.key.certificate:
            return body
        kind, identity, verb = match.groups()
        found = self.call("GET", f"/v1/{kind}/{identity}")
        thing = found.json() if found.status_code == 200 else {}
        digest = thing.get("seal_sm3") or " ".join(
            (thing.get("payload_sm3", ""), *thing.get("materials", {}).values())
        )
        reason = body.get("reason", body.get("against", ""))
        fields = sorted(body.get("reasons", {}).items())
        reason = "; ".join((reason, *(f"{name}: {text}" for name, text in fields)))
        return body | decision(self.url, self.key, verb, identity, digest, reason)

    def body(self, **changes: Any) -> dict[str, Any]:
        subject = Name.build([("C", "CN"), ("CN", "to be named by the platform")])
        return {
            "kind": "issue",
            "enterprise": {
                "uscc": self.uscc,
                "name": self.name,
                "legal_rep": {"name": self.legal_rep, "id_no": number_of(self.legal_rep)},
            },
            "handler": {"name": "李晓梅", "id_no": number_of("李晓梅"), "phone": "13800000000"},
            "seal": {"subtype": self.subtype},
            "certificate_request": b64(make_request(subject, self.key.spki, self.key.sign)),
        } | changes

    def draft(self, idempotency_key: str = "", **changes: Any) -> httpx.Response:
        content = json.dumps(self.body(**changes), ensure_ascii=False).encode()
        answer = self.http.post(
            "/v1/applications",
            content=content,
            headers={
                "Content-Type": "application/json",
                "Idempotency-Key": idempotency_key or secrets.token_hex(8),
            },
        )
        if answer.status_code == 201:
            self.application_id = answer.json()["id"]
            self.payload_sm3 = answer.json()["payload_sm3"]
            assert self.payload_sm3 == gm.sm3(content).hex()
        return answer

    def challenge(self, **who: str | bool) -> dict[str, Any]:
        answer = self.http.post("/v1/challenges", json=who)
        assert answer.status_code == 201, answer.text
        offer: dict[str, Any] = answer.json()
        assert offer["origin"] == self.url
        return offer

    def answer(self, offer: dict[str, Any]) -> str:
        text = (
            f"SUQIAN-SEAL-LOGIN-V1\n{self.url}\nlogin\n{offer['nonce']}\n"
            f"{offer['subject']}\n{offer['expires']}\n"
        )
        return b64(self.key.sign(text.encode()))

    def sign_in(self, *, to_report: bool = False, **who: str) -> dict[str, Any]:
        who = who or {"certificate": b64(self.key.certificate)}
        purpose = {"to_report": True} if to_report else {}
        offer = self.challenge(**who, **purpose)
        body = {"challenge_id": offer["id"], "signature": self.answer(offer), **purpose}
        answer = self.http.post("/v1/sessions", json=body)
        assert answer.status_code == 201, answer.text
        self.token = answer.json()["token"]
        opened: dict[str, Any] = answer.json()
        return opened

    def submit(self) -> httpx.Response:
        text = (
            f"SUQIAN-SEAL-INTENT-V1\n{self.url}\nsubmit\n{self.application_id}\n"
            f"{self.payload_sm3}\n"
        )
        signature = b64(self.key.sign(text.encode()))
        return self.call(
            "POST", f"/v1/applications/{self.application_id}/submit", {"signature": signature}
        )

    def wait(self, *states: str, seconds: float = 60) -> dict[str, Any]:
        body: dict[str, Any] = {}

        def there() -> bool:
            body.clear()
            body.update(self.call("GET", f"/v1/applications/{self.application_id}").json())
            return body["state"] in states

        until(there, f"the application did not come to {states}", seconds, pause=0.06)
        return body

    def collection_text(self, seal: dict[str, Any]) -> str:
        return (
            f"SUQIAN-SEAL-COLLECT-V1\n{self.url}\n{seal['id']}\n{seal['seal_sm3']}\n"
            f"{seal['certificate_sn']}\n"
        )

    def collect(self) -> httpx.Response:
        seal = self.call("GET", f"/v1/seals/{self.seal_id}").json()
        signature = b64(self.key.sign(self.collection_text(seal).encode()))
        return self.call("POST", f"/v1/seals/{self.seal_id}/collection", {"signature": signature})

    def apply(self) -> dict[str, Any]:
        """Everything up to the made seal."""
        assert self.draft().status_code == 201
        self.sign_in(application_id=self.application_id)
        assert self.submit().status_code == 200
        done = self.wait("fulfilled")
        self.seal_id = done["seal_id"]
        seal: dict[str, Any] = self.call("GET", f"/v1/seals/{self.seal_id}").json()
        self.key = self.key.with_certificate(base64.b64decode(seal["certificate"]))
        return seal

    def enrol(self) -> dict[str, Any]:
        """Everything up to the collected seal, signed in with the certificate."""
        self.apply()
        answer = self.collect()
        assert answer.status_code == 200, answer.text
        self.sign_in()
        seal: dict[str, Any] = answer.json()
        return seal


def taken(person: Applicant, done: dict[str, Any]) -> dict[str, Any]:
    """The seal of a fulfilled application, collected."""
    assert done["state"] == "fulfilled", done["reason"]
    person.seal_id = done["seal_id"]
    row = person.call("GET", f"/v1/seals/{person.seal_id}").json()
    row |= row.pop("waiting") or {}
    person.key = person.key.with_certificate(base64.b64decode(row["certificate"]))
    text = person.collection_text(row)
    body = {"signature": b64(person.key.sign(text.encode()))}
    answer = person.call("POST", f"/v1/seals/{person.seal_id}/collection", body)
    assert answer.status_code == 200, answer.text
    person.sign_in()
    seal: dict[str, Any] = answer.json()
    return seal
