"""口令重置: after the approval of two reviewers, a statement unlocks one Ukey (第二十一条).

The secret that opens the Ukey comes encrypted with the application and is decrypted for the answer
only; nothing of the statement is kept. It is told only if the Ukey that encrypted it named the
seal's key beside it: a request copied from another's Ukey opens nothing. The applicant may ask for
it again within its term: the Ukey itself takes it once.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

from crypto.algorithms.gm import GmError
from crypto.pki.certificate import Certificate
from crypto.seal.unlocking import (
    LIFE,
    RECIPIENT,
    SIGNER,
    UnlockStatement,
    secret_for,
)
from server_stub import policy, states
from server_stub.applying import find, move
from server_stub.authority import Authority
from server_stub.policy import Actor
from server_stub.records.canonical import timestamp
from server_stub.records.ledger import LEDGER, Transaction
from server_stub.records.store import Application, Seal
from server_stub.records.store import Certificate as IssuedCertificate
from server_stub.seals import stopping
from server_stub.signin import SECOND

_KIND = "pin_reset"


class UnlockExpired(Exception):
    """The term of the permission is over."""


def permit(tx: Transaction, identity: str, authority: Authority) -> None:
    """Approved: the term begins. Raises ValueError for a request that nothing can be signed for."""
    application = tx.session.get_one(Application, identity)
    states.advance(states.APPLICATION, application.state, "fulfil")
    if not _in_order(tx, application):
        raise ValueError("该印章已挂失、已注销，或者换了证书，不能重置口令")
    if application.payload["token"]["nonce"]:
        try:
            secret = _secret(tx, application, authority)
            _statement(application, "https://check.invalid", secret, tx.now)
        except ValueError as error:
            raise ValueError("Ukey 的解锁请求无法使用，请在插着 Ukey 时重新提交") from error
    move(tx, application, "fulfil", token=_told(application))


def take(
    tx: Transaction, actor: Actor, authority: Authority, origin: str, identity: str
) -> dict[str, Any]:
    """The applicant takes the statement: on record, without its secret. Empty for a Ukey that its
    maker's tool unlocks. Raises :class:`UnlockExpired`, IllegalTransition."""
    tx.act(actor.who)
    application = find(tx.session, actor, "application.amend", identity)
    if application.kind != _KIND or application.state != "fulfilled":
        raise states.IllegalTransition("application", application.state, "unlock")
    if not _in_order(tx, application):  # the seal may have been reported lost since the approval
        raise states.IllegalTransition("application", application.state, "unlock")
    since, end = application.updated_at, until(application)
    if tx.now > end:
        raise UnlockExpired
    text = b""
    if application.payload["token"]["nonce"]:
        secret = _secret(tx, application, authority)
        text = _statement(application, origin, secret, since).text
    fields = {"application": identity, "token": _told(application), "until": timestamp(end)}
    audience = policy.owner_of(application).audience
    about = ("application", identity)
    tx.record(LEDGER, "unlock-taken-v1", fields, about=about, audience=audience)
    return {
        "statement": base64.b64encode(text).decode(),
        "signature": base64.b64encode(authority.key(SIGNER).sign(text)).decode() if text else "",
        "until": timestamp(end),
    }


def _in_order(tx: Transaction, application: Application) -> bool:
    """Is the seal's key still in use, in no doubt, and the one on the Ukey?"""
    target = tx.session.get(Seal, application.target_id) if application.target_id else None
    return (
        target is not None
        and target.state not in states.SEAL.final
        and not stopping.key_in_doubt(target)
        and target.certificate_sn == application.payload["token"]["certificate_sn"].lower()
    )


def until(application: Application) -> int:
    """The end, microseconds, of the permission that was given."""
    return application.updated_at + LIFE * SECOND


def _told(application: Application) -> dict[str, str]:
    """Which Ukey, as it goes on record."""
    token = application.payload["token"]
    return {name: token[name] for name in ("serial", "certificate_sn", "nonce")}


def _secret(tx: Transaction, application: Application, authority: Authority) -> bytes:
    """What opens the Ukey with the seal's key. Raises ValueError for a request that is not its."""
    try:
        cipher = base64.b64decode(application.payload["token"]["secret"], validate=True)
    except binascii.Error as error:
        raise GmError("not base64") from error
    row = tx.session.get_one(
        IssuedCertificate, application.payload["token"]["certificate_sn"].lower()
    )
    point = Certificate.parse(row.der).public_key.point
    return secret_for(authority.key(RECIPIENT).decrypt(cipher), point)


def _statement(application: Application, origin: str, secret: bytes, since: int) -> UnlockStatement:
    token = application.payload["token"]
    statement = UnlockStatement(
        origin=origin,
        application=application.id,
        serial=token["serial"],
        certificate=token["certificate_sn"].lower(),
        nonce=token["nonce"],
        not_before=since // SECOND,
        not_after=since // SECOND + LIFE,
        secret=secret.hex(),
    )
    _ = statement.text  # every value has a place in it
    return statement
