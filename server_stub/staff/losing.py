"""挂失 by a call: whoever has lost the Ukey cannot sign, so two of the platform's people see to it.

One takes the call and writes down who called and what proved it; another confirms, and the seal is
out of use at that moment. A reviewer signs each step with a Ukey; of the operator at the console
the account is on record, and two accounts of one console may be one person. The legal
representative needs neither: he signs with a Ukey of his own
(:mod:`server_stub.authorities.representatives_word`).
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crypto.algorithms import gm
from server_stub import applying, policy, states
from server_stub.policy import Actor
from server_stub.records.canonical import timestamp
from server_stub.records.ledger import LEDGER, Transaction
from server_stub.records.store import LossCall, Seal, Staff
from server_stub.seals import stopping
from server_stub.signin import Decision, decided

OPEN_HOURS = 24
"""A call that nobody has confirmed by then is over: the caller calls again."""


def report(
    tx: Transaction,
    actor: Actor,
    origin: str,
    seal_code: str,
    caller: str,
    shown: str,
    decision: Decision | None = None,
) -> LossCall:
    """Write down the call of *caller* about a seal, and what he has *shown* to prove it. Raises
    IllegalTransition for a seal that a call does not stop, or while another call is open."""
    tx.act(actor.who)
    policy.allow(actor, "loss.report")
    seal = tx.session.scalar(select(Seal).where(Seal.seal_code == seal_code))
    if seal is None or seal.grant_id is not None:
        raise policy.NotFound
    if not stopping.can_be_lost(seal) or _open(tx.session, seal):
        raise states.IllegalTransition("loss", seal.state, "report")
    digest = digest_of(seal_code, caller, shown)
    signed = decided(tx, actor, origin, "report-loss", seal_code, digest, "", decision)
    call = LossCall(
        id=f"loss_{secrets.token_hex(8)}",
        seal_id=seal.id,
        caller=caller,
        shown=shown,
        state=states.advance(states.LOSS, states.START, "report"),
        reported_by=actor.subject,
        reported_at=tx.now,
    )
    tx.session.add(call)
    _record(tx, call, seal, "report", intent=signed)
    return call


def confirm(
    tx: Transaction, actor: Actor, origin: str, identity: str, decision: Decision | None = None
) -> LossCall:
    """Somebody else agrees: the seal is reported lost at this moment."""
    call, seal = _other(tx, actor, identity)
    state = states.advance(states.LOSS, call.state, "confirm")
    if not stopping.can_be_lost(seal):
        raise states.IllegalTransition("loss", seal.state, "confirm")
    signed = decided(tx, actor, origin, "confirm-loss", call.id, _digest(call, seal), "", decision)
    call.state, call.decided_by, call.decided_at = state, actor.subject, tx.now
    _record(tx, call, seal, "confirm", intent=signed)
    stopping.stop(tx, seal, actor.kind, "lost", None)  # what was signed stands with the call
    return call


def refuse(
    tx: Transaction,
    actor: Actor,
    origin: str,
    identity: str,
    reason: str,
    decision: Decision | None = None,
) -> LossCall:
    """Somebody else does not believe it: nothing becomes of the seal."""
    call, seal = _other(tx, actor, identity)
    state = states.advance(states.LOSS, call.state, "refuse")
    told = _digest(call, seal)
    signed = decided(tx, actor, origin, "refuse-loss", call.id, told, reason, decision)
    call.state, call.decided_by, call.decided_at = state, actor.subject, tx.now
    _record(tx, call, seal, "refuse", reason=reason, intent=signed)
    return call


def waiting(session: Session, actor: Actor) -> Sequence[tuple[LossCall, Seal]]:
    """The calls that wait for a second person, oldest first."""
    policy.allow(actor, "loss.report")
    rows = select(LossCall, Seal).join(Seal).where(LossCall.state == "reported")
    oldest_first = rows.order_by(LossCall.reported_at, LossCall.id)
    return [(call, seal) for call, seal in session.execute(oldest_first)]


def count(session: Session) -> int:
    """How many calls wait for a second person."""
    open_now = select(func.count()).select_from(LossCall).where(LossCall.state == "reported")
    return session.scalar(open_now) or 0


def digest_of(seal_code: str, caller: str, shown: str) -> str:
    """What the signatures of both people name: SM3, hex, of these three lines."""
    return gm.sm3(f"{seal_code}\n{caller}\n{shown}\n".encode()).hex()


def _digest(call: LossCall, seal: Seal) -> str:
    return digest_of(seal.seal_code, call.caller, call.shown)


def seal_of(session: Session, call: LossCall) -> Seal:
    """The seal that it is about."""
    return session.get_one(Seal, call.seal_id)


def view(
    session: Session, actor: Actor, call: LossCall, seal: Seal
) -> dict[str, str | bool | None]:
    """A call as *actor*, one of the platform's people, sees it."""
    by = session.get(Staff, call.reported_by)
    decided_by = session.get(Staff, call.decided_by) if call.decided_by else None
    return {
        "id": call.id,
        "seal_code": seal.seal_code,
        "seal": seal.name,
        "seal_state": seal.state,
        "caller": call.caller,
        "shown": call.shown,
        "state": call.state,
        "reported_by": by.name if by else call.reported_by,
        "reported_at": timestamp(call.reported_at),
        "mine": applying.one_person(session, actor.subject, call.reported_by),
        "decided_by": decided_by.name if decided_by else call.decided_by,
        "decided_at": timestamp(call.decided_at) if call.decided_at is not None else None,
    }


def lapse(tx: Transaction) -> int:
    """End the calls that nobody has confirmed in time. Gives how many."""
    oldest = tx.now - int(timedelta(hours=OPEN_HOURS) / timedelta(microseconds=1))
    old = select(LossCall).where(LossCall.state == "reported", LossCall.reported_at < oldest)
    left = tx.session.scalars(old).all()
    for call in left:
        call.state, call.decided_at = states.advance(states.LOSS, call.state, "lapse"), tx.now
        _record(tx, call, seal_of(tx.session, call), "lapse")
    return len(left)


def _open(session: Session, seal: Seal) -> bool:
    same = select(LossCall.id).where(LossCall.seal_id == seal.id, LossCall.state == "reported")
    return session.scalar(same) is not None


def _other(tx: Transaction, actor: Actor, identity: str) -> tuple[LossCall, Seal]:
    """The call and its seal, if *actor* is somebody else than who took it."""
    tx.act(actor.who)
    policy.allow(actor, "loss.report")
    call = tx.session.get(LossCall, identity)
    if call is None:
        raise policy.NotFound
    if applying.one_person(tx.session, actor.subject, call.reported_by):
        raise policy.Forbidden("this takes two people")
    if actor.kind == "operator" and tx.session.get(Staff, call.reported_by) is None:
        raise policy.Forbidden("two accounts of one console may be one person")
    seal = tx.session.get_one(Seal, call.seal_id)
    stopping.check_others(tx.session, actor.person_id or "", seal)
    return call, seal


def _record(tx: Transaction, call: LossCall, seal: Seal, event: str, **fields: object) -> None:
    said: dict[str, object] = {"loss": call.id, "seal": call.seal_id, "event": event}
    said |= {"seal_code": seal.seal_code, "told_sm3": _digest(call, seal)}
    about = ("loss_call", call.id)
    tx.record(LEDGER, "loss-call-v1", {**said, "to": call.state, **fields}, about=about)
