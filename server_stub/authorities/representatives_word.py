"""停用、恢复 by the legal representative with any Ukey of his own, his personal one too (第十七条).

He need not hold a seal of the enterprise: the statement is signed by itself, and the register's
digest of his identity number says that it is he (:func:`server_stub.appointing.representative`).
What he stops is stopped by the holder; an authority's suspension he lifts no more than a holder.
"""

from __future__ import annotations

from sqlalchemy import select

from server_stub import policy, states
from server_stub.appointing import Representative
from server_stub.records.ledger import Transaction
from server_stub.records.store import Enterprise, Seal
from server_stub.seals import lifecycle, stopping


def suspend(tx: Transaction, by: Representative, uscc: str, code: str, reason: str) -> Seal:
    """Stop a seal, or report it lost. The same again changes nothing: an answer may be lost. But a
    statement that was used is no new one after the seal was resumed.

    Raises :class:`server_stub.policy.NotFound`, :class:`server_stub.policy.Forbidden`,
    :class:`server_stub.signin.SignatureInvalid`, :class:`server_stub.states.IllegalTransition`."""
    tx.act(by.who)
    seal = _own(tx, uscc, code)
    if reason not in stopping.HOLDER_REASONS:
        raise policy.Forbidden(f"a holder may not suspend for {reason}")
    stopped = (seal.state, seal.suspended_by, seal.reason)
    if stopped != ("suspended", "holder", reason):
        stopping.use_up(tx, seal, by.intent)
        stopping.stop(tx, seal, "holder", reason, by.intent)
    return seal


def resume(tx: Transaction, by: Representative, uscc: str, code: str) -> Seal:
    """Use a seal again that its holder has stopped. Raises as :func:`suspend`."""
    tx.act(by.who)
    seal = _own(tx, uscc, code)
    states.advance(states.SEAL, seal.state, "resume")
    if not stopping.may_lift(seal, "holder"):
        raise policy.Forbidden("this suspension is not the holder's to lift")
    stopping.use_up(tx, seal, by.intent)
    lifecycle.change(tx, seal, "resume", "holder", intent=by.intent)
    return seal


def _own(tx: Transaction, uscc: str, code: str) -> Seal:
    """The enterprise's own seal of that code, no copy under a grant."""
    own = select(Seal).join(Enterprise, Enterprise.id == Seal.enterprise_id)
    named = own.where(Seal.seal_code == code, Enterprise.uscc == uscc, Seal.grant_id.is_(None))
    seal = tx.session.scalar(named)
    if seal is None:
        raise policy.NotFound
    return seal
