"""Which certificates are out of use: a view of certificates and seals, nothing of its own.

A suspended seal's certificate appears as certificateHold even where its holder may still sign in
with it: a foreign verifier must not take its signatures.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from server_stub.records.canonical import moment, now
from server_stub.records.store import Certificate, Seal
from server_stub.states import CERTIFICATE_HOLD, SEAL_REASONS

_OWN = (Seal.certificate_sn == Certificate.sn) & Seal.grant_id.is_(None)
"""A copy's grantee signs with a certificate of its own; the copy ends without it."""

Revoked = tuple[int, datetime, int | None]
"""(serial, since when, RFC 5280 reason)"""


def revoked(session: Session) -> list[Revoked]:
    """Every unexpired certificate out of use: what a revocation list holds."""
    suspended = select(Seal.certificate_sn).where(
        Seal.state == "suspended", Seal.grant_id.is_(None)
    )
    rows = session.execute(
        select(Certificate, Seal)
        .outerjoin(Seal, _OWN)
        .where(
            Certificate.state.in_(("held", "revoked")) | Certificate.sn.in_(suspended),
            Certificate.not_after > now(),
        )
        .order_by(Certificate.since, Certificate.sn)
    )
    return [found for row, seal in rows if (found := _said(row, seal))]


def known(session: Session, serial: int) -> tuple[bool, Revoked | None]:
    """(whether we issued a holder's certificate of that serial number, its revocation if any)."""
    rows = session.execute(
        select(Certificate, Seal).outerjoin(Seal, _OWN).where(Certificate.sn == f"{serial:x}")
    ).all()
    said = [found for certificate, seal in rows if (found := _said(certificate, seal))]
    return bool(rows), said[0] if said else None


def _said(certificate: Certificate, seal: Seal | None) -> Revoked | None:
    if certificate.state == "revoked":
        reason = SEAL_REASONS.get(certificate.reason or "")
        return int(certificate.sn, 16), moment(certificate.since), reason
    suspended = seal is not None and seal.state == "suspended"
    if certificate.state != "held" and not suspended:
        return None
    since = seal.effective_at if seal is not None else certificate.since
    return int(certificate.sn, 16), moment(since), CERTIFICATE_HOLD
