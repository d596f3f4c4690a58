"""The platform for whoever lends seals, borrows them, reserves uses or reports them later."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from app.errors import NotAuthorised, PlatformRefused, PlatformUntrusted
from app.remote.platform_account import PlatformClient, PlatformSeal
from app.remote.platform_connection import from_base64, plain, to_base64
from app.store.lending import ENDED, LeaseRecord
from crypto.algorithms.gm import sm3
from crypto.algorithms.keys import SigningKey
from crypto.frozen import frozen
from crypto.seal.grant import Grant, SignedGrant
from crypto.seal.statement import SignedStatement

_REASONS = {"number": "uses", "hours": "scope", "kind": "scope", "counterparty": "scope"}


@frozen
class PlatformGrant:
    """A grant as the platform tells of it."""

    signed: SignedGrant
    state: str
    reason: str
    used: int
    doubled: int
    copy: PlatformSeal | None

    @property
    def id(self) -> str:
        return self.signed.grant.id


@frozen
class Newcomer:
    """Somebody without a certificate of the platform."""

    name: str
    id_no: str
    request: bytes
    """PKCS#10, DER."""


class LendingClient(PlatformClient):
    """See the module."""

    # --- grants ------------------------------------------------------------------------------

    def grants(self) -> tuple[list[PlatformGrant], list[PlatformGrant]]:
        """(given, received)"""
        answer = self._call("GET", "/v1/grants")
        with self._reading("grants"):
            return (
                [self._grant(grant) for grant in answer["given"]],
                [self._grant(grant) for grant in answer["received"]],
            )

    def offer_grant(
        self,
        seal_id: str,
        terms: bytes,
        key: SigningKey,
        identity: tuple[str, bytes] | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> PlatformGrant:
        """Offer a seal on *terms*, signed by *key*; *identity*: number and salt of a grantee who is
        named by it."""
        grant = Grant.parse(terms)
        body: dict[str, Any] = {"seal_id": seal_id, "terms": to_base64(terms)}
        body |= self._decision(key, "grant", grant.id, sm3(terms).hex(), now())
        if identity is not None:
            body["identity"] = {"id_no": identity[0], "salt": to_base64(identity[1])}
        made = self._grant_answer(self._call("POST", "/v1/grants", body))
        if made.signed.grant != grant or made.signed.certificate.der != key.certificate:
            raise PlatformUntrusted(self.origin, "seal")
        return made

    def look_at_offer(self, key: str) -> PlatformGrant:
        """What is offered to whoever has the code; nothing is accepted by looking."""
        return self._grant_answer(self._call("POST", "/v1/grant-offers", {"key": key}))

    def accept_grant(
        self,
        offered: PlatformGrant,
        code: str,
        key: SigningKey,
        newcomer: Newcomer | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> PlatformGrant:
        """Accept with *key*, whose certificate is the platform's, or as a *newcomer*."""
        self.service()
        digest = offered.signed.terms_sm3
        body: dict[str, Any] = {"key": code}
        body |= self._decision(key, "accept-grant", offered.id, digest, now())
        if newcomer is None:
            body["certificate"] = to_base64(key.certificate)
        else:
            body["newcomer"] = {
                "name": newcomer.name,
                "id_no": newcomer.id_no,
                "certificate_request": to_base64(newcomer.request),
            }
        made = self._grant_answer(self._call("POST", "/v1/grant-acceptances", body))
        if made.signed.token != offered.signed.token or made.copy is None:
            raise PlatformUntrusted(self.origin, "seal")
        return made

    def withdraw_grant(
        self,
        grant_id: str,
        terms_sm3: str,
        key: SigningKey,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> PlatformGrant:
        """收回, 谢绝 or 退回, as whoever is signed in."""
        body = self._decision(key, "withdraw-grant", grant_id, terms_sm3, now())
        path = f"/v1/grants/{plain(grant_id)}/withdrawal"
        return self._grant_answer(self._call("POST", path, body))

    def _decision(
        self, key: SigningKey, verb: str, identity: str, digest: str, now: datetime
    ) -> dict[str, str]:
        at = now.astimezone(UTC).isoformat()
        lines = ("SUQIAN-SEAL-INTENT-V2", self.origin, verb, plain(identity), digest, "", at, "")
        return {"at": at, "signature": to_base64(key.sign("\n".join(lines).encode()))}

    def _grant_answer(self, answer: Mapping[str, Any]) -> PlatformGrant:
        with self._reading("grant"):
            return self._grant(answer)

    def _grant(self, answer: Mapping[str, Any]) -> PlatformGrant:
        signed = SignedGrant.parse(from_base64(answer["token"]))
        if signed.grant.id != answer["id"] or signed.origin != self.origin:
            raise ValueError("another grant")
        copy = answer.get("copy")
        return PlatformGrant(
            signed,
            str(answer["state"]),
            str(answer.get("reason") or ""),
            int(answer.get("used", 0)),
            int(answer.get("doubled", 0)),
            self.read_seal(copy) if copy else None,
        )

    # --- using -------------------------------------------------------------------------------

    def leave(
        self,
        seal_id: str,
        document_digest: bytes,
        kind: str,
        counterparty: str,
        request: str = "",
    ) -> bytes:
        """用印凭据 under a grant: a statement token, its signature checked.

        Raises :class:`app.errors.NotAuthorised`, :class:`app.errors.PlatformError`."""
        body = {"seal_id": seal_id, "document_sm3": document_digest.hex()}
        body |= {"kind": kind, "counterparty": counterparty}
        body |= {"request": request} if request else {}
        try:
            signed = self._statement(self._ticket(body), "")
        except PlatformRefused as error:
            ended = ENDED.get(error.detail.rpartition(" ")[2])
            if error.problem == "outside_grant":
                raise NotAuthorised("", _REASONS.get(error.detail, error.detail)) from error
            if error.problem == "seal_not_active" and ended:
                raise NotAuthorised("", ended) from error
            raise
        said = signed.statement
        if said.document_digest != document_digest or said.leave is None:
            raise PlatformUntrusted(self.origin, "status")
        return signed.token

    def lease(
        self,
        seal_id: str,
        seal_code: str,
        spent: tuple[str, tuple[int, ...]] | None,
        now: datetime,
        kind: str = "",
        counterparty: str = "",
    ) -> tuple[LeaseRecord, tuple[int, ...]]:
        """Reserve uses: (the lease, numbers of the one before that were used more often than this
        computer knows)."""
        body: dict[str, Any] = {"seal_id": seal_id, "kind": kind, "counterparty": counterparty}
        if spent is not None:
            body["spent"] = {"lease": spent[0], "uses": list(spent[1])}
        answer = self._call("POST", "/v1/leases", body)
        with self._reading("lease"):
            identity, leaves = plain(answer["id"]), {}
            until = datetime.fromisoformat(str(answer["until"]))
            for text in answer["leaves"]:
                signed = SignedStatement.parse(from_base64(text))
                leave = signed.statement.leave
                if leave is None or (leave.lease, signed.statement.seal_code) != (
                    identity,
                    seal_code,
                ):
                    raise ValueError("a leave of another lease")
                if not self.service().trust.believes(signed):
                    raise PlatformUntrusted(self.origin, "status")
                leaves[str(leave.use)] = signed.token
            doubled = tuple(int(number) for number in answer["doubled"])
        return LeaseRecord(seal_id, identity, until, leaves, (), now), doubled

    # --- reporting later ---------------------------------------------------------------------

    def refresh_token(self) -> tuple[str, datetime]:
        """What lets this computer report uses later without the PIN, and until when."""
        answer = self._call("POST", "/v1/refresh-tokens")
        with self._reading("refresh token"):
            return str(answer["token"]), datetime.fromisoformat(str(answer["expires_at"]))

    def sign_in_to_report(self, token: str) -> None:
        """A session that can report uses, and nothing else."""
        self.service()
        answer = self._call("POST", "/v1/refreshed-sessions", {"token": token})
        with self._reading("session"):
            self._token = str(answer["token"])

    def revoke_refresh_tokens(self) -> None:
        """No computer reports uses of the certificate without its PIN any more."""
        self._call("DELETE", "/v1/refresh-tokens")
