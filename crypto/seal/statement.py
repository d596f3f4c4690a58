"""What the platform says of a seal at one moment, signed: status answer and 用印凭据 alike.

A statement without ``document_digest`` answers "is this seal in force?" and is cached by clients.
One with it is a ticket: the platform was asked about exactly this document, so when it is stapled
into the signature (:data:`STAPLE`), it proves for ever that the seal was in force when the document
was sealed.

A token is a :mod:`crypto.pki.signed_body`: canonical JSON in UTF-8, and a certificate of the status
key with the purpose OCSPSigning.

A statement with a :class:`Leave` also says for which use, and under which grant; a leave without a
document is one use of an offline lease, good until its end.

The prefix keeps a statement from ever passing for another signed thing, and the purpose in the
certificate keeps a seal holder from signing statements with its own key.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import field
from datetime import UTC, datetime

from crypto.algorithms.keys import SigningKey
from crypto.frozen import frozen
from crypto.pki.certificate import OCSP_SIGNING, Certificate
from crypto.pki.signed_body import SignedBody, SignedBodyError, sign_body

PREFIX = b"SEALDESK-STATEMENT-V1\x00"

STAPLE = "2.25.305741036414371946361302716354838229301"
"""Extension of TBS_Sign that carries a statement token (an OID from a UUID, X.667)."""

MAX_SIZE = 128 * 1024
_MAX_ORIGIN = 200
_MAX_TEXT = 200

STATES = ("made", "active", "suspended", "expired", "cancelled")
IN_USE = STATES[1:]
"""States of a seal that was collected: what happens from here on is what verifying asks about."""


class StatementError(ValueError):
    """The bytes are not a platform statement, or its signature does not hold."""


@frozen
class Leave:
    """For which use of a seal the platform has given its leave."""

    grant_sm3: str = ""
    """SM3 of the grant's terms, hex (:attr:`crypto.seal.grant.SignedGrant.terms_sm3`); "" for the
    holder's own seal."""
    use: int = 0
    """Number of the use, from 1: under that grant, or else within the lease; 0: not counted."""
    kind: str = ""
    """Of the document, as the user said."""
    counterparty: str = ""
    approval: str = ""
    """The request that was approved; "" if nobody had to."""
    lease: str = ""
    """The lease that it was reserved with; "" where the platform was asked about one document."""
    until: datetime | None = None
    """Until when a use under that lease may be made."""
    evidence: bytes = field(default=b"", repr=False)
    """Policy, request and approvals as their people signed them
    (:class:`crypto.seal.use_approval.UseEvidence`); b"" if nobody had to."""


@frozen
class SealStatement:
    """The facts the platform vouches for."""

    seal_code: str
    """14-digit seal code; equal to the seal's esID."""
    state: str
    """One of :data:`STATES`."""
    reason: str
    """Why it left "active"; "" while active."""
    effective_at: datetime | None
    """From when the last change counts, as the notice says."""
    recorded_at: datetime | None
    """When the platform recorded it."""
    certificate_serial: int
    """Serial number of the holder's certificate this answer covers."""
    certificate_valid: bool
    """That certificate is neither revoked nor held."""
    issued_at: datetime
    next_update: datetime
    """Until when a cached copy may be used as fresh."""
    document_digest: bytes | None = None
    """SM3 over the document's byte range, where the platform was asked about one document."""
    origin: str = ""
    """``https://host[:port]`` of the platform that says so: where to ask it again. No proof of it;
    "" in statements of earlier versions."""
    successor: str = ""
    """Code of the seal that took this one's place, if one did."""
    leave: Leave | None = None
    ticket_since: datetime | None = None
    """Since when the seal's policy allows no use without the platform's ticket; None: it does."""

    def encode(self, key: SigningKey) -> bytes:
        """The signed token, DER."""
        body = json.dumps(
            {
                "seal_code": self.seal_code,
                "state": self.state,
                "reason": self.reason,
                "effective_at": _text(self.effective_at),
                "recorded_at": _text(self.recorded_at),
                "certificate_serial": f"{self.certificate_serial:x}",
                "certificate_valid": self.certificate_valid,
                "issued_at": _text(self.issued_at),
                "next_update": _text(self.next_update),
                "document_digest": self.document_digest.hex() if self.document_digest else None,
                "origin": self.origin,
                **({"successor": self.successor} if self.successor else {}),
                **({"ticket_since": _text(self.ticket_since)} if self.ticket_since else {}),
                **({"leave": _leave_json(self.leave)} if self.leave else {}),
            },
            ensure_ascii=False,
            separators=(",", ":"),
            sort_keys=True,
        ).encode()
        return sign_body(PREFIX, body, key)


@frozen
class SealChange:
    """One change of a seal's state, from a platform's public registry (whoever makes this has
    proved that it is in there)."""

    seal_code: str
    state: str
    """One of :data:`STATES`: what it became."""
    reason: str
    effective_at: datetime
    recorded_at: datetime
    platform: bytes = b""
    """SM3 of the root of the platform whose registry it is: it counts for that platform's seals
    alone. b"": not known, as in a registry that is only told of."""


@frozen
class SignedStatement:
    """A token whose signature fits the certificate inside; the certificate is yet to be trusted."""

    token: bytes
    statement: SealStatement
    certificate: Certificate

    @classmethod
    def parse(cls, token: bytes) -> SignedStatement:
        """Read a token and check its signature and the purpose of its certificate.

        Whether that certificate leads to a trusted platform is the caller's to check (with
        :func:`crypto.pki.chain.build_chain`). Raises :class:`StatementError`."""
        try:
            signed = SignedBody.parse(token, MAX_SIZE)
        except SignedBodyError as error:
            raise StatementError(f"not a platform statement: {error}") from error
        if OCSP_SIGNING not in signed.certificate.extended_key_usage:
            raise StatementError("the certificate is not for status statements")
        if not signed.holds(PREFIX):
            raise StatementError("the statement's signature is wrong")
        return cls(token, _read(signed.body), signed.certificate)


def _read(body: bytes) -> SealStatement:
    try:
        fields = json.loads(body)
        digest, origin = fields["document_digest"], fields.get("origin", "")
        successor = fields.get("successor", "")
        if not isinstance(successor, str) or not re.fullmatch(r"([0-9]{14})?", successor):
            raise ValueError("a successor that is no seal's code")
        issued_at, next_update = _time(fields["issued_at"]), _time(fields["next_update"])
        if fields["state"] not in STATES or issued_at is None or next_update is None:
            raise ValueError("unknown state or missing time")
        if not isinstance(origin, str) or len(origin) > _MAX_ORIGIN:
            raise ValueError("an origin that is none")
        return SealStatement(
            seal_code=str(fields["seal_code"]),
            state=str(fields["state"]),
            reason=str(fields["reason"]),
            effective_at=_time(fields["effective_at"]),
            recorded_at=_time(fields["recorded_at"]),
            certificate_serial=int(fields["certificate_serial"], 16),
            certificate_valid=fields["certificate_valid"] is True,
            issued_at=issued_at,
            next_update=next_update,
            document_digest=bytes.fromhex(digest) if digest is not None else None,
            origin=origin,
            successor=successor,
            leave=_leave(fields["leave"]) if "leave" in fields else None,
            ticket_since=_time(fields.get("ticket_since")),
        )
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise StatementError(f"the statement's body is malformed: {error}") from error


def _leave_json(leave: Leave) -> dict[str, object]:
    return {
        "grant_sm3": leave.grant_sm3,
        "use": leave.use,
        "kind": leave.kind,
        "counterparty": leave.counterparty,
        "approval": leave.approval,
        "lease": leave.lease,
        "until": _text(leave.until),
        **({"evidence": base64.b64encode(leave.evidence).decode()} if leave.evidence else {}),
    }


def _leave(fields: dict[str, object]) -> Leave:
    texts = {}
    for name in ("grant_sm3", "kind", "counterparty", "approval", "lease"):
        text = fields[name]
        if not isinstance(text, str) or len(text) > _MAX_TEXT:
            raise ValueError(f"{name} of a leave")
        texts[name] = text
    use, until, evidence = fields["use"], fields["until"], fields.get("evidence", "")
    if not isinstance(use, int) or isinstance(use, bool) or use < 0:
        raise ValueError("use of a leave")
    if until is not None and not isinstance(until, str):
        raise ValueError("end of a leave")
    if not isinstance(evidence, str):
        raise ValueError("evidence of a leave")
    proof = base64.b64decode(evidence, validate=True)
    return Leave(**texts, use=use, until=_time(until), evidence=proof)


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="seconds")


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    return moment.astimezone(UTC)
