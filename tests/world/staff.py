"""Who works for the platform: a certified key, signed in."""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime

import httpx

from crypto.pki.certificate import Certificate
from crypto.pki.certificate_making import make_request
from crypto.pki.names_and_algorithms import Name
from server_stub import issuing
from server_stub.records import store
from server_stub.records.ledger import LEDGER, Transaction
from server_stub.seals import lifecycle
from server_stub.web.serving import RunningServer
from tests.world.applicant import Applicant, b64
from tests.world.waiting import until

FINDINGS = dict.fromkeys(("lawful", "complete", "authentic", "reasonable"), True)


def employ(server: RunningServer, role: str, number: bytes | None = None) -> Applicant:
    """Somebody with that role, as ``sealdesk-server staff add`` makes him, without its files;
    *number* stands for the index of the identity number."""
    person, platform = Applicant(server.url), server.platform
    request = make_request(Name.build([("CN", "whatever")]), person.key.spki, person.key.sign)

    def add(tx: Transaction) -> bytes:
        identity = f"staff_{secrets.token_hex(8)}"
        row = store.Staff(id=identity, name=f"{role}-01", role=role, identity_index=number)
        tx.session.add(row)
        tx.session.flush()
        fields = {"staff": identity, "role": role, "actor": "operator test"}
        tx.record(LEDGER, "staff-added-v1", fields, about=("staff", identity))
        return issuing.certify_staff(tx, platform.authority, identity, f"{role}-01", request)

    person.key = person.key.with_certificate(platform.ledger.write(add).result().answer)
    person.sign_in()
    return person


def moved(server: RunningServer, seal_id: str, event: str, reason: str | None = None) -> None:
    """The seal moved by *event* under the operator's name: where only what follows matters."""

    def move(tx: Transaction) -> None:
        seal = tx.session.get_one(store.Seal, seal_id)
        lifecycle.change(tx, seal, event, "operator", reason=reason)

    server.platform.ledger.write(move).result()


def agreement(reviewer: Applicant, verb: str, code: str, reason: str, at: str = "") -> bytes:
    """The file in which a reviewer agrees that an operator lifts or cancels."""
    at = at or datetime.now(UTC).isoformat()
    lines = ("SUQIAN-SEAL-INTENT-V2", reviewer.url, f"agree-{verb}", code, "-", reason, at, "")
    said = {
        "certificate": f"{Certificate.parse(reviewer.key.certificate).serial:x}",
        "origin": reviewer.url,
        "reason": reason,
        "at": at,
        "signature": b64(reviewer.key.sign("\n".join(lines).encode())),
    }
    return json.dumps(said).encode()


def approved(server: RunningServer, reviewer: Applicant, person: Applicant) -> httpx.Response:
    """What the reviewer got who approved *person*'s application, once nobody is waited for."""
    path = f"/v1/applications/{person.application_id}"

    def answered() -> bool:
        return person.call("GET", path).json()["awaiting"] is None

    until(answered, "nobody consented", 60)
    reviewer.call("POST", f"{path}/claim", {})
    return reviewer.call("POST", f"{path}/approve", FINDINGS)
