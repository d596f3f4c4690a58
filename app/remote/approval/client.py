"""The platform's routes for approvals. Answers are checked before they are used."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from datetime import UTC, datetime
from typing import Any, TypeVar

from app.errors import PlatformAnswerInvalid, PlatformUntrusted
from app.remote.lending_client import LendingClient
from app.remote.platform_connection import from_base64, plain, to_base64
from app.store.use_requests import answers_json
from crypto.algorithms.keys import SigningKey
from crypto.frozen import frozen
from crypto.pki.certificate import Certificate
from crypto.pki.chain import build_chain
from crypto.seal.approver_key import SignedApproverKey
from crypto.seal.use_approval import SignedRequest
from crypto.seal.use_policy import VERB, SignedPolicy, UsePolicy

_Entry = TypeVar("_Entry")


@frozen
class PhoneKey:
    """A phone that an approver's Ukey has bound."""

    binding: bytes
    """Its text."""
    signature: bytes
    """The Ukey's."""


@frozen
class AskableApprover:
    """Somebody whom a policy names, with the keys that pages are encrypted for."""

    certificate: Certificate
    state: str
    """Of the certificate."""
    keys: tuple[SignedApproverKey, ...] = ()
    phones: tuple[PhoneKey, ...] = ()

    @property
    def can_decide(self) -> bool:
        """Would the platform take a decision under this certificate? Whoever cannot decide need
        not see the document."""
        return self.state in ("issued", "active")


@frozen
class PlatformPolicy:
    """A seal's policy as the platform has it."""

    signed: SignedPolicy | None
    """None: none was set."""
    approvers: tuple[AskableApprover, ...] = ()
    you: str = ""
    """As the platform calls whoever is signed in."""


@frozen
class Candidate:
    """Somebody who can be named as an approver."""

    name: str
    roles: tuple[str, ...]
    certificate: bytes


@frozen
class WrappedKey:
    """The pages' key for one key of an approver."""

    certificate_sn: str
    kind: str
    """"sm2" or "ecdh-p256"."""
    key_id: str
    wrapped: bytes

    @property
    def body(self) -> dict[str, str]:
        return {
            "certificate_sn": self.certificate_sn,
            "kind": self.kind,
            "key_id": self.key_id,
            "wrapped": to_base64(self.wrapped),
        }


@frozen
class PlatformRequest:
    """A request as the platform has it."""

    signed: SignedRequest
    policy: SignedPolicy
    seal_id: str
    state: str
    reason: str
    requester: str
    mine: bool
    used: int
    pages: int
    evidence_size: int
    created_at: datetime
    changed_at: datetime
    answers: str
    """As :attr:`app.store.use_requests.UseRequestRecord.answers_json`."""
    wrapped: Mapping[str, bytes] = field(default_factory=dict)
    wrapped_for: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        return self.signed.request.request


@frozen
class Duty:
    """A seal whose uses one approves, or did."""

    seal_id: str
    signed: SignedPolicy
    """The last policy that names one."""
    set_at: datetime
    ended_at: datetime | None
    """Since when another policy rules, which does not; None: it is in force."""


@frozen
class UseRequests:
    """What concerns one person."""

    mine: tuple[PlatformRequest, ...]
    asked: tuple[PlatformRequest, ...]
    approver: bool
    """Does a policy name this person?"""
    duties: tuple[Duty, ...] = ()
    refused: int = 0
    """Entries that are not what they have to be: they do not stop the others."""


class ApprovalClient(LendingClient):
    """The platform with approvals."""

    def require_known(self, certificate: Certificate, at: datetime) -> None:
        """Return if this platform has issued *certificate* and it was good at that time.

        Raises :class:`app.errors.PlatformUntrusted`."""
        service = self.service()
        pool = tuple(service.certificates.values())
        if not build_chain(certificate, pool, (service.root,), at).trusted:
            raise PlatformUntrusted(self.origin, "certificates")

    # --- policies --------------------------------------------------------------------------------

    def use_policy(self, seal_id: str) -> PlatformPolicy:
        """The policy of a seal. Raises :class:`app.errors.PlatformError`."""
        return self._policy(self._call("GET", f"/v1/seals/{plain(seal_id)}/use-policy"))

    def _policy(self, answer: Mapping[str, Any]) -> PlatformPolicy:
        with self._reading("use policy"):
            if answer["token"] is None:
                return PlatformPolicy(None)
            signed = SignedPolicy.parse(from_base64(answer["token"]))
            if signed.origin != self.origin:
                raise ValueError("of another platform")
            approvers = tuple(self._approver(signed.policy, each) for each in answer["approvers"])
            you = str(answer.get("you") or "")
        return PlatformPolicy(signed, approvers, you)

    def _approver(self, policy: UsePolicy, answer: Mapping[str, Any]) -> AskableApprover:
        certificate = Certificate.parse(from_base64(answer["certificate"]))
        if policy.approver(certificate.der) is None:
            raise ValueError("an approver whom the policy does not name")
        keys = tuple(SignedApproverKey.parse(from_base64(token)) for token in answer["keys"])
        for key in keys:
            if key.certificate.der != certificate.der or key.key.origin != self.origin:
                raise ValueError("somebody else's key")
        phones = tuple(
            PhoneKey(from_base64(each["binding"]), from_base64(each["signature"]))
            for each in answer.get("phones", ())
        )
        return AskableApprover(certificate, str(answer["state"]), keys, phones)

    def set_use_policy(
        self, seal_id: str, policy: UsePolicy, key: SigningKey, now: datetime
    ) -> PlatformPolicy:
        """Put a seal under *policy*, signed by whoever keeps it."""
        body: dict[str, Any] = self._decision(key, VERB, policy.seal_code, policy.sm3, now)
        body["terms"] = to_base64(policy.encode())
        made = self._policy(self._call("POST", f"/v1/seals/{plain(seal_id)}/use-policy", body))
        if made.signed is None or made.signed.policy != policy:
            raise PlatformAnswerInvalid(self.origin, "use policy")
        return made

    def approver_candidates(self, seal_id: str) -> list[Candidate]:
        """Whom the keeper can name."""
        answer = self._call("GET", f"/v1/seals/{plain(seal_id)}/approver-candidates")
        with self._reading("approver candidates"):
            return [
                Candidate(
                    str(item["name"]),
                    tuple(str(role) for role in item["roles"]),
                    from_base64(item["certificate"]),
                )
                for item in answer["items"]
            ]

    def add_approver_key(self, signed: SignedApproverKey) -> None:
        """A key that pages are to be encrypted for."""
        body = {"token": to_base64(signed.token)}
        self._call("POST", "/v1/approver-keys", body, retry=True)

    # --- requests --------------------------------------------------------------------------------

    def ask_for_use(
        self, seal_id: str, signed: SignedRequest, pages: int, keys: Sequence[WrappedKey]
    ) -> PlatformRequest:
        """用印申请; the same again changes nothing."""
        body = {
            "seal_id": seal_id,
            "token": to_base64(signed.token),
            "pages": pages,
            "keys": [key.body for key in keys],
        }
        made = self._request(self._call("POST", "/v1/use-requests", body, retry=True))
        if made.signed.token != signed.token:
            raise PlatformAnswerInvalid(self.origin, "use request")
        return made

    def put_page(self, request_id: str, number: int, content: bytes) -> None:
        """Upload an encrypted page."""
        headers = {"Content-Type": "application/octet-stream"}
        path = f"/v1/use-requests/{plain(request_id)}/pages/{number}"
        self._call("PUT", path, content, headers, retry=True)

    def wrap_for(self, request_id: str, keys: Sequence[WrappedKey]) -> PlatformRequest:
        """Keys of approvers that were not known when the request was made."""
        body = {"keys": [key.body for key in keys]}
        path = f"/v1/use-requests/{plain(request_id)}/keys"
        return self._request(self._call("POST", path, body, retry=True))

    def use_requests(self) -> UseRequests:
        """What this person asked for and was asked about, the newest first."""
        answer = self._call("GET", "/v1/use-requests")
        with self._reading("use requests"):
            mine, asked = list(answer["mine"]), list(answer["to_me"])
            duties = list(answer.get("duties", ()))
            approver = answer["approver"] is True
        own, bad = self._readable(mine, self._request)
        to_me, more = self._readable(asked, self._request)
        known, yet_more = self._readable(duties, self._duty)
        return UseRequests(own, to_me, approver, known, bad + more + yet_more)

    def _readable(
        self, entries: Sequence[Mapping[str, Any]], read: Callable[[Mapping[str, Any]], _Entry]
    ) -> tuple[tuple[_Entry, ...], int]:
        """The entries that are what they have to be, and how many others there are."""
        found = []
        for entry in entries:
            with contextlib.suppress(PlatformAnswerInvalid):
                found.append(read(entry))
        return tuple(found), len(entries) - len(found)

    def _duty(self, answer: Mapping[str, Any]) -> Duty:
        with self._reading("use policy"):
            signed = SignedPolicy.parse(from_base64(answer["token"]))
            if signed.origin != self.origin or not signed.by_holder:
                raise ValueError("of another platform, or not the holder's")
            ended = answer["ended_at"]
            ended_at = _time(ended) if ended else None
            return Duty(plain(answer["seal_id"]), signed, _time(answer["set_at"]), ended_at)

    def use_request(self, request_id: str) -> PlatformRequest:
        """One of them."""
        return self._request(self._call("GET", f"/v1/use-requests/{plain(request_id)}"))

    def page(self, request_id: str, number: int) -> bytes:
        """An encrypted page."""
        return self._download(f"/v1/use-requests/{plain(request_id)}/pages/{number}")

    def decide_use(self, request_id: str, token: bytes) -> PlatformRequest:
        """An approval or a rejection, signed."""
        path = f"/v1/use-requests/{plain(request_id)}/decision"
        return self._request(self._call("POST", path, {"token": to_base64(token)}))

    def withdraw_use(
        self, request_id: str, digest: str, key: SigningKey, now: datetime
    ) -> PlatformRequest:
        """撤回 a request of one's own."""
        body = self._decision(key, "withdraw-use-request", request_id, digest, now)
        path = f"/v1/use-requests/{plain(request_id)}/withdrawal"
        return self._request(self._call("POST", path, body))

    def _request(self, answer: Mapping[str, Any]) -> PlatformRequest:
        with self._reading("use request"):
            signed = SignedRequest.parse(from_base64(answer["token"]))
            policy = SignedPolicy.parse(from_base64(answer["policy"]))
            request = signed.request
            if request.request != answer["id"] or request.origin != self.origin:
                raise ValueError("another request")
            if policy.policy.sm3 != request.policy:
                raise ValueError("another policy")
            asked = [
                {**each, "token": from_base64(each["token"]) if each["token"] else b""}
                for each in answer["asked"]
            ]
            return PlatformRequest(
                signed,
                policy,
                plain(answer["seal_id"]),
                str(answer["state"]),
                str(answer.get("reason") or ""),
                str(answer["requester"]),
                answer["mine"] is True,
                int(answer["used"]),
                int(answer["pages"]),
                int(answer["evidence_size"]),
                _time(answer["created_at"]),
                _time(answer["changed_at"]),
                answers_json(asked),
                {str(k["key_id"]): from_base64(k["wrapped"]) for k in answer["keys"]},
                tuple(str(each) for each in answer["wrapped_for"]),
            )


def _time(text: object) -> datetime:
    found = datetime.fromisoformat(str(text))
    if found.tzinfo is None:
        raise ValueError("a time without its zone")
    return found.astimezone(UTC)
