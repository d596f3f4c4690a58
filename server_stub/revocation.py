"""Which certificates a revocation list names: a view of certificates and seals, nothing of its own.

A suspended seal's certificate appears as certificateHold even where its holder may still sign in
with it: a foreign verifier must not take its signatures.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from server_stub.records import moment, now
from server_stub.states import CERTIFICATE_HOLD, SEAL_REASONS
from server_stub.store import Certificate, Seal


def revoked(session: Session) -> list[tuple[int, datetime, int | None]]:
    """(serial, since when, RFC 5280 reason) of every unexpired certificate out of use."""
    rows = session.execute(
        select(Certificate, Seal)
        .outerjoin(Seal, Seal.certificate_sn == Certificate.sn)
        .where(
            (Certificate.state.in_(("held", "revoked"))) | (Seal.state == "suspended"),
            Certificate.not_after > now(),
        )
        .order_by(Certificate.since, Certificate.sn)
    )
    found = []
    for certificate, seal in rows:
        if certificate.state == "revoked":
            reason = SEAL_REASONS.get(certificate.reason or "")
            since = certificate.since
        else:
            reason = CERTIFICATE_HOLD
            since = seal.effective_at if seal is not None else certificate.since
        found.append((int(certificate.sn, 16), moment(since), reason))
    return found
