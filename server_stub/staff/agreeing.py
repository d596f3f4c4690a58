"""Lifting a suspension and cancelling a seal at the console: with a reviewer who agreed in writing.

An operator stops a seal alone, at once. What gives a seal back, or ends it for good, takes a second
person: a reviewer signs with the Ukey (``sealdesk review agree``), and the operator has the file.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from pathlib import Path

from crypto.frozen import frozen
from crypto.pki.certificate import Certificate as X509Certificate
from server_stub import policy, signin
from server_stub.policy import Actor
from server_stub.records.canonical import parse_timestamp
from server_stub.records.ledger import Transaction
from server_stub.records.meanings import agreement_to
from server_stub.records.store import Certificate, Seal, Staff
from server_stub.seals import access, lifecycle, stopping

LIFE = 24 * 3600 * signin.SECOND
"""How long an agreement counts, microseconds, unless the seal changes before."""
_MOST = 10_000
"""Bytes of the file."""
_LINE = re.compile(r"[^\x00-\x1f\x7f]{1,4000}")


@frozen
class Agreement:
    """What a reviewer signed: text of :data:`server_stub.signin.DECISION` with the verb
    ``agree-resume`` or ``agree-cancel``, the seal's code, and ``-`` for the digest."""

    certificate_sn: str
    origin: str
    """The address at which the reviewer found the platform. The console may know of no address;
    whose platform it is, the certificate tells."""
    reason: str
    at: str
    signature: bytes

    @classmethod
    def read(cls, path: Path) -> Agreement:
        """Raises OSError, and ValueError for another file."""
        with path.open("rb") as file:
            written = file.read(_MOST)
        try:
            said = json.loads(written)
            lines = [said[name] for name in ("certificate", "origin", "reason", "at")]
            signature = base64.b64decode(said["signature"], validate=True)
            if not all(isinstance(line, str) and _LINE.fullmatch(line) for line in lines):
                raise ValueError("not a line of text")
            certificate, origin, reason, at = lines
            return cls(certificate, origin, reason, at, signature)
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise ValueError("not what a reviewer has agreed to") from error


def resume(
    tx: Transaction, actor: Actor, origin: str, seal_id: str, agreement: Agreement | None
) -> Seal:
    """恢复. Raises Forbidden, IllegalTransition, SignatureInvalid."""
    agreed = _agreed(tx, actor, "resume", seal_id, agreement)
    return stopping.resume(tx, actor, origin, seal_id, agreed=agreed)


def cancel(
    tx: Transaction, actor: Actor, seal_id: str, reason: str, agreement: Agreement | None
) -> Seal:
    """注销, for the *reason* that the reviewer agreed to. Raises as :func:`resume`."""
    if agreement is not None and agreement.reason != reason:
        raise policy.Forbidden(f"the reviewer agreed for another reason: {agreement.reason}")
    agreed = _agreed(tx, actor, "cancel", seal_id, agreement)
    return stopping.cancel(tx, actor, seal_id, reason, agreed=agreed)


def _agreed(
    tx: Transaction, actor: Actor, verb: str, seal_id: str, agreement: Agreement | None
) -> Mapping[str, object]:
    """The fields of its record."""
    seal = access.find(tx.session, actor, f"seal.{verb}", seal_id)
    if agreement is None:
        raise policy.Forbidden(
            "an operator stops a seal alone; this takes a reviewer who agreed in writing: "
            f"sealdesk review agree {verb} {seal.seal_code} --reason … -o FILE, then --agreed FILE"
        )
    row = tx.session.get(Certificate, agreement.certificate_sn)
    staff = tx.session.get(Staff, row.staff_id) if row and row.staff_id else None
    if row is None or staff is None or staff.role != "reviewer" or row.state != "active":
        raise policy.Forbidden("who agreed is no reviewer of this platform")
    stopping.check_others(tx.session, staff.id, seal)
    text = signin.DECISION.format(
        origin=agreement.origin,
        verb=agreement_to(verb),
        object=seal.seal_code,
        digest="-",
        reason=agreement.reason,
        at=agreement.at,
    )
    key = X509Certificate.parse(row.der).public_key
    signin.signed_by(key, text, agreement.signature)
    try:
        at = parse_timestamp(agreement.at)
    except ValueError as error:
        raise policy.Forbidden("the time of what the reviewer agreed to cannot be read") from error
    if not max(tx.now - LIFE, seal.recorded_at, row.not_before) < at <= row.not_after:
        raise policy.Forbidden("what the reviewer agreed to is over: the seal, or a day, moved on")
    if at > tx.now:  # it would outlive the change that it was for, and serve for the next one
        raise policy.Forbidden("what the reviewer agreed to is of a time to come")
    if _raised_since(tx, seal, at):
        raise policy.Forbidden("what the reviewer agreed to is over: the suspension became graver")
    return signin.intent(text, agreement.signature, certificate=row.sn)


def _raised_since(tx: Transaction, seal: Seal, at: int) -> bool:
    """Did the suspension become another's, or one for another reason? That is no change of the
    seal's state (:func:`server_stub.seals.stopping.stop`)."""
    told = lifecycle.records_since(tx.session, seal, at)
    return any(said["type"] == "suspension-raised-v1" for said in told)
