"""停用、恢复 by the legal representative with any Ukey of his own, his personal one too (第十七条).

He need not hold a seal of the enterprise: the statement is signed by itself, and the register's
digest of his identity number says that it is he (:func:`server_stub.appointing.representative`).
What he stops is stopped by the holder; an authority's suspension he lifts no more than a holder.
"""

from __future__ import annotations

import json

from sqlalchemy import select

from server_stub import policy, sealing, states
from server_stub.appointing import Representative
from server_stub.records.canonical import parse_timestamp
from server_stub.records.ledger import LEDGER, Transaction
from server_stub.records.store import Enterprise, LedgerEntry, Seal
from server_stub.signin import DECISION_SLACK, SignatureInvalid


def suspend(tx: Transaction, by: Representative, uscc: str, code: str, reason: str) -> Seal:
    """Stop a seal, or report it lost. The same again changes nothing: an answer may be lost. But a
    statement that was used is no new one after the seal was resumed.

    Raises :class:`server_stub.policy.NotFound`, :class:`server_stub.policy.Forbidden`,
    :class:`server_stub.signin.SignatureInvalid`, :class:`server_stub.states.IllegalTransition`."""
    tx.act(by.who)
    seal = _own(tx, uscc, code)
    if reason not in sealing.HOLDER_REASONS:
        raise policy.Forbidden(f"a holder may not suspend for {reason}")
    stopped = (seal.state, seal.suspended_by, seal.reason)
    if stopped != ("suspended", "holder", reason):
        _use_up(tx, seal, by)
        sealing.stop(tx, seal, "holder", reason, by.intent)
    return seal


def resume(tx: Transaction, by: Representative, uscc: str, code: str) -> Seal:
    """Use a seal again that its holder has stopped. Raises as :func:`suspend`."""
    tx.act(by.who)
    seal = _own(tx, uscc, code)
    states.advance(states.SEAL, seal.state, "resume")
    if not sealing.may_lift(seal, "holder"):
        raise policy.Forbidden("this suspension is not the holder's to lift")
    _use_up(tx, seal, by)
    sealing.change(tx, seal, "resume", "holder", intent=by.intent)
    return seal


def _use_up(tx: Transaction, seal: Seal, by: Representative) -> None:
    """Whoever has read a statement on its way could send it again while its time still counts: what
    has changed the seal once stands on the ledger."""
    about = (
        select(LedgerEntry.record)
        .where(LedgerEntry.object_kind == "seal", LedgerEntry.object_id == seal.id)
        .where(LedgerEntry.log == LEDGER)
        .order_by(LedgerEntry.number.desc())
    )
    oldest = tx.now - 2 * DECISION_SLACK  # what was used before has a time that counts no more
    for record in tx.session.scalars(about.execution_options(yield_per=20)):
        said = json.loads(record)
        if parse_timestamp(said["recorded_at"]) < oldest:
            return
        signed = said.get("intent")
        if signed is not None and signed["text"] == by.intent["text"]:
            raise SignatureInvalid("the statement was used already: sign another one")


def _own(tx: Transaction, uscc: str, code: str) -> Seal:
    """The enterprise's own seal of that code, no copy under a grant."""
    own = select(Seal).join(Enterprise, Enterprise.id == Seal.enterprise_id)
    named = own.where(Seal.seal_code == code, Enterprise.uscc == uscc, Seal.grant_id.is_(None))
    seal = tx.session.scalar(named)
    if seal is None:
        raise policy.NotFound
    return seal
