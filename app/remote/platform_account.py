"""A platform as one holder uses it: signing in, enrolling, tickets, syncing, usage records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from datetime import UTC, datetime
from typing import Any

from app.errors import (
    ApprovalNeeded,
    PlatformAnswerInvalid,
    PlatformRefused,
    PlatformUntrusted,
)
from app.remote.platform_connection import from_base64, plain, to_base64
from app.remote.public_services import PublicPlatform
from crypto.algorithms import merkle
from crypto.algorithms.gm import sm3
from crypto.algorithms.keys import SigningKey
from crypto.frozen import frozen


@frozen
class Application:
    """An application as the platform has it."""

    id: str
    state: str
    payload_sm3: str
    reason: str
    seal_id: str
    awaiting: str = ""
    """Whose answer it waits for before it is reviewed: "licence" or ""."""
    next: str = ""
    """submit, consent, review, correct, make, collect, or "" when it is over."""
    reasons: Mapping[str, str] = field(default_factory=dict)
    """What to correct, by the path of a field in the body."""
    materials: Mapping[str, str] = field(default_factory=dict)
    """SM3, hex, of the documents that the platform has, by kind."""
    created_at: datetime | None = None


@frozen
class Appointed:
    """An appointment as the platform has it."""

    id: str
    role: str
    """legal_rep, keeper or handler."""
    name: str
    about: str
    """Code of the seal, identifier of the application, or ""."""
    since: datetime
    until: datetime | None


@frozen
class PlatformSeal:
    """A seal as the platform has it."""

    id: str
    code: str
    name: str
    kind: str
    state: str
    reason: str
    seal_sm3: str
    certificate: bytes
    """DER of the holder's certificate."""
    certificate_sn: str
    subtype: str = ""
    enterprise: str = ""
    uscc: str = ""
    waiting: PlatformSeal | None = None
    """The same seal renewed, while its holder has yet to take it."""
    renewal: bool = False
    """Is it such a renewal?"""

    @property
    def uncollected(self) -> bool:
        """Has its holder yet to take it?"""
        return self.renewal or self.state == "made"


@frozen
class SyncItem:
    """One change since a cursor."""

    kind: str
    id: str
    body: Mapping[str, Any]


@frozen
class SyncPage:
    """Some changes, in the order of the platform's ledger."""

    items: tuple[SyncItem, ...]
    next: str
    more: bool


@frozen
class UsageReceipt:
    """Proof that the platform's ledger holds a usage record."""

    id: str
    flags: tuple[str, ...]
    index: int
    record: str
    """The ledger's record, exact text."""
    checkpoint: str


class PlatformClient(PublicPlatform):
    """One platform, as one holder (or nobody yet) sees it."""

    # --- sign-in -----------------------------------------------------------------------------

    def sign_in(self, key: SigningKey) -> None:
        """Sign in as the holder of *key*'s certificate."""
        self._sign_in(key, {"certificate": to_base64(key.certificate)})

    def sign_in_to_tell(self, key: SigningKey) -> None:
        """Sign in to report uses and for nothing else: also with a certificate that is over, or
        whose holder keeps the seal no longer."""
        self._sign_in(key, {"certificate": to_base64(key.certificate), "to_report": True})

    def sign_in_as_applicant(self, application_id: str, key: SigningKey) -> None:
        """Sign in with the key of an application's request, before there is a certificate."""
        self._sign_in(key, {"application_id": application_id})

    def sign_in_with_key(self, key: SigningKey, spki: bytes) -> str:
        """Sign in with the bare *key* (*spki*: its public half) of applications that this computer
        may not know; gives the platform's identifier of the newest one. Raises
        :class:`app.errors.PlatformRefused`, "not_found" if there is none."""
        return self._sign_in(key, {"key": to_base64(spki)})

    def _sign_in(self, key: SigningKey, who: Mapping[str, str | bool]) -> str:
        self.service()
        offer = self._call("POST", "/v1/challenges", who)
        with self._reading("challenge"):
            origin, purpose = str(offer["origin"]), str(offer["purpose"])
            nonce, subject = str(offer["nonce"]), str(offer["subject"])
            expires, identity = int(offer["expires"]), str(offer["id"])
        if origin != self.origin or purpose != "login":
            raise PlatformUntrusted(self.origin, "origin")
        text = self._signed_text("LOGIN", purpose, nonce, subject, str(expires))
        body: dict[str, object] = {"challenge_id": identity}
        body["signature"] = to_base64(key.sign(text))
        if who.get("to_report"):
            body["to_report"] = True
        answer = self._call("POST", "/v1/sessions", body)
        with self._reading("session"):
            self._token = str(answer["token"])
        return subject

    # --- enrolling ---------------------------------------------------------------------------

    def apply(self, body: bytes, request_key: str) -> Application:
        """Draft an application; the platform must have understood exactly the bytes sent. With the
        same *request_key* the same body makes no second one."""
        headers = {"Idempotency-Key": request_key}
        made = self._application(self._call("POST", "/v1/applications", body, headers, retry=True))
        return self._understood(made, body)

    def amend(self, identity: str, body: bytes) -> Application:
        """Put *body* in the place of what a draft or a returned application said."""
        path = f"/v1/applications/{identity}"
        return self._understood(self._application(self._call("PATCH", path, body)), body)

    def _understood(self, application: Application, body: bytes) -> Application:
        if application.payload_sm3 != sm3(body).hex():
            raise PlatformAnswerInvalid(self.origin, "payload_sm3")
        return application

    def withdraw(self, identity: str) -> Application:
        """撤回."""
        path = f"/v1/applications/{identity}/withdraw"
        return self._application(self._call("POST", path, {}))

    def applications(self) -> list[Application]:
        """All that were made for the key that is signed in with, newest first."""
        answer = self._call("GET", "/v1/applications")
        with self._reading("applications"):
            items = list(answer["items"])
        return [self._application(item) for item in items]

    def application_form(self, application: Application) -> bytes:
        """Its body as it was sent."""
        data = self._download(f"/v1/applications/{application.id}/form")
        if sm3(data).hex() != application.payload_sm3:
            raise PlatformAnswerInvalid(self.origin, "payload_sm3")
        return data

    def put_material(
        self, application: Application, kind: str, content: bytes, media_type: str
    ) -> Application:
        """Upload a document: the ``letter`` of authority, the sealed ``request`` to cancel."""
        headers = {"Content-Type": media_type}
        path = f"/v1/applications/{application.id}/materials/{kind}"
        return self._application(self._call("PUT", path, content, headers, retry=True))

    def request_to_cancel(self, identity: str) -> bytes:
        """What the enterprise must seal to have its seal cancelled, PDF."""
        return self._download(f"/v1/applications/{identity}/request")

    def submit(self, application: Application, key: SigningKey) -> Application:
        """Hand it in, signed by the applicant's key."""
        text = self._signed_text("INTENT", "submit", application.id, application.payload_sm3)
        body = {"signature": to_base64(key.sign(text))}
        path = f"/v1/applications/{application.id}/submit"
        return self._application(self._call("POST", path, body))

    def unlock_statement(self, identity: str) -> tuple[bytes, bytes]:
        """The statement that unlocks the Ukey of an approved PIN reset, and its signature; empty
        for one that its maker's tool unlocks."""
        answer = self._call("POST", f"/v1/applications/{plain(identity)}/unlock", {})
        with self._reading("unlock"):
            return from_base64(answer["statement"]), from_base64(answer["signature"])

    def application(self, identity: str) -> Application:
        """How far it is."""
        return self._application(self._call("GET", f"/v1/applications/{identity}"))

    def _application(self, answer: Mapping[str, Any]) -> Application:
        with self._reading("application"):
            return Application(
                plain(answer["id"]),
                str(answer["state"]),
                str(answer["payload_sm3"]),
                str(answer["reason"] or ""),
                plain(answer["seal_id"]) if answer["seal_id"] else "",
                str(answer.get("awaiting") or ""),
                str(answer.get("next") or ""),
                _texts(answer.get("reasons") or {}),
                _texts(answer.get("materials") or {}),
                _time(answer.get("created_at")),
            )

    def seal(self, identity: str) -> PlatformSeal:
        """One of the holder's seals."""
        return self.read_seal(self._call("GET", f"/v1/seals/{identity}"))

    def seals(self) -> list[PlatformSeal]:
        """The seals of the holder's enterprise."""
        answer = self._call("GET", "/v1/seals")
        with self._reading("seals"):
            items = list(answer["items"])
        return [self.read_seal(item) for item in items]

    def seal_data(self, seal: PlatformSeal) -> bytes:
        """Its SESeal, DER, as its SM3 says."""
        data = self._download(f"/v1/blobs/{seal.seal_sm3}")
        if sm3(data).hex() != seal.seal_sm3:
            raise PlatformAnswerInvalid(self.origin, "seal_sm3")
        return data

    def collect(self, seal: PlatformSeal, key: SigningKey) -> PlatformSeal:
        """领取: prove that the certified key is in our hands; the seal becomes active."""
        lines = (seal.id, seal.seal_sm3, seal.certificate_sn)
        body = {"signature": to_base64(key.sign(self._signed_text("COLLECT", *lines)))}
        return self.read_seal(self._call("POST", f"/v1/seals/{seal.id}/collection", body))

    def change_seal(
        self, seal: PlatformSeal, verb: str, reason: str, key: SigningKey
    ) -> PlatformSeal:
        """停用, 挂失 ("suspend" with a *reason*) or 恢复 ("resume"), signed by the holder's key; it
        counts at once."""
        at = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
        lines = (verb, seal.id, seal.seal_sm3, reason or (), at)
        signature = key.sign(self._signed_text("INTENT", *lines, version=2))
        body = {"at": at, "signature": to_base64(signature)}
        if reason:
            body["reason"] = reason
        return self.read_seal(self._call("POST", f"/v1/seals/{seal.id}/{verb}", body))

    def read_seal(self, answer: Mapping[str, Any]) -> PlatformSeal:
        """A seal from an answer or from the body of a :class:`SyncItem`."""
        with self._reading("seal"):
            seal = PlatformSeal(
                plain(answer["id"]),
                plain(answer["seal_code"]),
                str(answer["name"]),
                str(answer["kind"]),
                str(answer["state"]),
                str(answer["reason"] or ""),
                bytes.fromhex(answer["seal_sm3"]).hex(),
                from_base64(answer["certificate"]),
                plain(answer["certificate_sn"]),
                str(answer["subtype"]),
                str(answer["enterprise_name"] or ""),
                str(answer["uscc"] or ""),
            )
            waiting = answer.get("waiting")
            if not waiting:
                return seal
            renewed = replace(
                seal,
                seal_sm3=bytes.fromhex(waiting["seal_sm3"]).hex(),
                certificate=from_base64(waiting["certificate"]),
                certificate_sn=plain(waiting["certificate_sn"]),
                renewal=True,
            )
            return replace(seal, waiting=renewed)

    # --- appointing: each statement is signed by itself, nobody is signed in -------------------

    def appoint(self, statement: Mapping[str, Any]) -> Appointed:
        """Give an appointment; the same statement again changes nothing."""
        return self._appointed(self._call("POST", "/v1/appointments", statement, retry=True))

    def appointments(self, statement: Mapping[str, Any]) -> list[Appointed]:
        """All of an enterprise, newest first, with those that are over."""
        answer = self._call("POST", "/v1/appointments/query", statement, retry=True)
        with self._reading("appointments"):
            items = list(answer["items"])
        return [self._appointed(item) for item in items]

    def end_appointment(self, identity: str, statement: Mapping[str, Any]) -> Appointed:
        """End one now."""
        path = f"/v1/appointments/{identity}/end"
        return self._appointed(self._call("POST", path, statement, retry=True))

    def _appointed(self, answer: Mapping[str, Any]) -> Appointed:
        with self._reading("appointment"):
            since = _time(answer["since"])
            if since is None:
                raise ValueError("an appointment without its beginning")
            return Appointed(
                plain(answer["id"]),
                str(answer["role"]),
                str(answer["name"]),
                str(answer["seal_code"] or answer["application"] or ""),
                since,
                _time(answer["until"]),
            )

    def change_seal_by_statement(
        self, uscc: str, code: str, verb: str, reason: str, key: SigningKey
    ) -> tuple[str, str]:
        """停用, 挂失 or 恢复 as the legal representative, with any *key* of his own; gives state
        and reason of the seal then."""
        at = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        text = self.text_of_statement(verb, (uscc, code), "-", at, reason)
        said = {"uscc": uscc, "certificate": to_base64(key.certificate), "at": at}
        said |= {"signature": to_base64(key.sign(text)), **({"reason": reason} if reason else {})}
        path = f"/v1/representatives/seals/{plain(code)}/{verb}"
        answer = self._call("POST", path, said, retry=True)
        with self._reading("seal"):
            return str(answer["state"]), str(answer["reason"] or "")

    # --- using -------------------------------------------------------------------------------

    def ticket(self, seal_id: str, document_digest: bytes, request: str = "") -> bytes:
        """用印凭据 for exactly this document, as a use of an approved *request*: a statement token.
        Its signature is checked. Raises :class:`app.errors.ApprovalNeeded`, too."""
        body = {"seal_id": seal_id, "document_sm3": document_digest.hex()}
        body |= {"request": request} if request else {}
        signed = self._statement(self._ticket(body), "")
        if signed.statement.document_digest != document_digest:
            raise PlatformUntrusted(self.origin, "status")
        return signed.token

    def _ticket(self, body: Mapping[str, str]) -> Mapping[str, Any]:
        try:
            return self._call("POST", "/v1/tickets", body)
        except PlatformRefused as error:
            if error.problem != "approval_needed":
                raise
            state = "ask" if error.detail == "request" else error.detail
            raise ApprovalNeeded("", state, "") from error

    def sync(self, cursor: str) -> SyncPage:
        """What changed since *cursor* ("" from the beginning)."""
        answer = self._call("GET", "/v1/sync", params={"cursor": cursor})
        with self._reading("sync"):
            items = tuple(
                SyncItem(str(item["kind"]), str(item["id"]), dict(item["body"]))
                for item in answer["items"]
            )
            return SyncPage(items, str(answer["next"]), answer["more"] is True)

    def report_usage(self, records: Sequence[tuple[str, str]]) -> list[UsageReceipt]:
        """Send (id, record text) pairs, at most 100; each receipt's proof is verified.

        Safe to repeat: the platform knows a record by its id."""
        body = {"records": [{"id": record_id, "record": text} for record_id, text in records]}
        answer = self._call("POST", "/v1/usage-records", body, retry=True)
        with self._reading("receipts"):
            found = [self._receipt(receipt) for receipt in answer["receipts"]]
            if [each.id for each in found] != [record_id for record_id, _ in records]:
                raise ValueError("receipts for other records")
        return found

    def _receipt(self, answer: Mapping[str, Any]) -> UsageReceipt:
        service = self.service()
        index, size = int(answer["index"]), int(answer["size"])
        identity = str(answer["id"])
        record = str(answer["record"])
        try:
            checkpoint = merkle.open_checkpoint(
                str(answer["checkpoint"]), service.ledger_key, service.ledger_origin
            )
        except merkle.MerkleError as error:
            raise PlatformUntrusted(self.origin, "receipt") from error
        proof = [bytes.fromhex(digest) for digest in answer["proof"]]
        leaf = merkle.leaf_hash(record.encode())
        of_this_log = (checkpoint.origin, checkpoint.size) == (service.ledger_origin, size)
        proved = of_this_log and merkle.verify_inclusion(leaf, index, size, proof, checkpoint.root)
        if not proved or identity not in record:
            raise PlatformUntrusted(self.origin, "receipt")
        return UsageReceipt(
            identity, tuple(answer["flags"]), index, record, str(answer["checkpoint"])
        )


def _texts(answer: Any) -> dict[str, str]:
    return {str(name): str(text) for name, text in answer.items()}


def _time(text: object) -> datetime | None:
    if text is None:
        return None
    found = datetime.fromisoformat(str(text))
    if found.tzinfo is None:
        raise ValueError("a time without its zone")
    return found
