"""Who may report uses without a PIN: a token that a signed-in computer keeps for some days.

It is bound to the certificate, opens sessions that can put uses on record and nothing else, ends
with the certificate, and can be taken back. Stored as SM3 only.
"""

from __future__ import annotations

import secrets

from sqlalchemy import select

from crypto.algorithms import gm
from crypto.frozen import frozen
from server_stub import policy, signin
from server_stub.policy import Actor
from server_stub.records.ledger import LEDGER, Transaction
from server_stub.records.store import Certificate, RefreshToken, SignIn
from server_stub.settings import Settings
from server_stub.signin import SECOND

_DAY = 86_400 * SECOND
MAX_OF_ONE = 5
"""Of one certificate: the oldest goes when a sixth computer asks."""


@frozen
class Issued:
    token: str
    expires_at: int


def issue(tx: Transaction, actor: Actor, settings: Settings) -> Issued:
    """A token for the computer that is signed in with a certificate."""
    tx.act(actor.who)
    policy.allow(actor, "report.later")
    if actor.certificate_sn is None:
        raise policy.Forbidden("for holders of a certificate")
    ordered = select(RefreshToken).where(RefreshToken.certificate_sn == actor.certificate_sn)
    held = tx.session.scalars(ordered.order_by(RefreshToken.made_at)).all()
    for row in held[: max(0, len(held) - MAX_OF_ONE + 1)]:
        tx.session.delete(row)
    token, until = secrets.token_urlsafe(32), tx.now + settings.refresh_days * _DAY
    tx.session.add(
        RefreshToken(
            token_sm3=gm.sm3(token.encode()),
            certificate_sn=actor.certificate_sn,
            made_at=tx.now,
            expires_at=until,
        )
    )
    fields = {"certificate": actor.certificate_sn}
    tx.record(LEDGER, "refresh-token-v1", fields, audience=actor.owner.audience)
    return Issued(token, until)


def open_session(tx: Transaction, settings: Settings, token: str) -> Issued:
    """A session that can report uses. Raises :class:`server_stub.signin.SessionInvalid`,
    :class:`server_stub.signin.CertificateNotValid`."""
    row = tx.session.get(RefreshToken, gm.sm3(token.encode()))
    if row is None or row.expires_at < tx.now:
        raise signin.SessionInvalid
    held = tx.session.get_one(Certificate, row.certificate_sn)
    signin.reporter(tx.session, held.sn, tx.now)
    tx.act(policy.Who(held.sn, held.person_id, held.sn))
    opened, until = secrets.token_urlsafe(32), tx.now + settings.session_idle_seconds * SECOND
    tx.session.add(
        SignIn(
            token_sm3=gm.sm3(opened.encode()),
            certificate_sn=held.sn,
            used_at=tx.now,
            expires_at=until,
            scope="report",
        )
    )
    tx.record(LEDGER, "sign-in-to-report-v1", {"certificate": held.sn})
    return Issued(opened, until)


def revoke(tx: Transaction, actor: Actor) -> int:
    """Take back every token of the certificate that is signed in, and the sessions they opened.
    Gives how many tokens."""
    tx.act(actor.who)
    policy.allow(actor, "report.later")
    held = tx.session.scalars(
        select(RefreshToken).where(RefreshToken.certificate_sn == actor.certificate_sn)
    ).all()
    opened = select(SignIn).where(
        SignIn.certificate_sn == actor.certificate_sn, SignIn.scope == "report"
    )
    for row in (*held, *tx.session.scalars(opened)):
        tx.session.delete(row)
    fields = {"certificate": actor.certificate_sn, "count": len(held)}
    tx.record(LEDGER, "refresh-tokens-revoked-v1", fields, audience=actor.owner.audience)
    return len(held)


def clean(tx: Transaction) -> None:
    """Forget what is over."""
    for row in tx.session.scalars(select(RefreshToken).where(RefreshToken.expires_at < tx.now)):
        tx.session.delete(row)
