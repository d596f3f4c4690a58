"""备案存证 (第十五条): an outbox of reports to the police, each ended by a receipt."""

from __future__ import annotations

import secrets

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crypto.seal.kinds import KINDS
from server_stub import policy, states
from server_stub.neighbours.adapters import NeighbourError, Police
from server_stub.policy import Who
from server_stub.records import canonical
from server_stub.records.ledger import LEDGER, Ledger, Transaction
from server_stub.records.store import Filing, Seal

MAX_ATTEMPTS = 12
_MINUTE = 60_000_000


def enqueue(tx: Transaction, seal: Seal, event: str) -> None:
    """Put a report about *seal* into the outbox (第十五条 备案存证)."""
    state = states.advance(states.FILING, states.START, "queue")
    filing = Filing(
        id=f"filing_{secrets.token_hex(8)}",
        seal_id=seal.id,
        event=event,
        state=state,
        attempts=0,
        due_at=tx.now,
    )
    tx.session.add(filing)
    _record(tx, filing, seal)


def deliver(ledger: Ledger, police: Police, session: Session, filing: Filing) -> None:
    """Send one report; after a failure it is due again in 2^attempts minutes, at most 12 times."""
    seal = session.get_one(Seal, filing.seal_id)
    report = canonical.canonical(
        {
            "filing": filing.id,
            "event": filing.event,
            "seal_code": seal.seal_code,
            "physical_code": seal.physical_code,
            "type": KINDS[seal.subtype].police_code,
            "name": seal.name,
            "seal_sm3": seal.seal_sm3,
            "imprint_sm3": seal.imprint_sm3,
        }
    )
    try:
        receipt = police.file(report)
    except NeighbourError:
        ledger.write(failed, filing.id).result()
        return
    ledger.write(receipted, filing.id, receipt).result()


def receipted(tx: Transaction, identity: str, receipt: str) -> None:
    """The police took it."""
    filing = tx.session.get_one(Filing, identity)
    for event in ("send", "receipt"):
        filing.state = states.advance(states.FILING, filing.state, event)
    filing.receipt = receipt
    filing.attempts += 1
    _record(tx, filing, tx.session.get_one(Seal, filing.seal_id))


def failed(tx: Transaction, identity: str) -> None:
    """The police did not take it; later again, or an operator must look."""
    filing = tx.session.get_one(Filing, identity)
    filing.attempts += 1
    last = filing.attempts >= MAX_ATTEMPTS
    for event in ("send", "fail", "give_up" if last else "retry"):
        filing.state = states.advance(states.FILING, filing.state, event)
    filing.due_at = tx.now + (_MINUTE << filing.attempts)
    _record(tx, filing, tx.session.get_one(Seal, filing.seal_id))


def dead(session: Session) -> int:
    """How many reports were given up, and wait for an operator to send them again."""
    given_up = select(func.count()).select_from(Filing).where(Filing.state == "dead")
    return session.scalar(given_up) or 0


def revive(tx: Transaction, who: Who, identity: str) -> None:
    """An operator has a report that was given up sent again."""
    tx.act(who)
    filing = tx.session.get_one(Filing, identity)
    filing.state = states.advance(states.FILING, filing.state, "revive")
    filing.attempts, filing.due_at = 0, tx.now
    _record(tx, filing, tx.session.get_one(Seal, filing.seal_id))


def _record(tx: Transaction, filing: Filing, seal: Seal) -> None:
    fields = {
        "filing": filing.id,
        "seal": seal.id,
        "event": filing.event,
        "state": filing.state,
        "receipt": filing.receipt,
        "attempts": filing.attempts,
    }
    about = ("filing", filing.id)
    tx.record(LEDGER, "filing-v1", fields, about=about, audience=policy.owner_of(seal).audience)
