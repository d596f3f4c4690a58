"""Notices of police and market supervision: suspend, resume or cancel (第十七条、第二十三条).

The sender signs with SM2 what the notice says, the platform's origin included, under a number of
its own: the same notice sent again changes nothing. `effective_at` is what the notice says,
`recorded_at` when it came; verification tells both.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from sqlalchemy import or_, select

from crypto.algorithms import gm
from crypto.frozen import frozen
from server_stub import policy, states
from server_stub.neighbours.adapters import Neighbours
from server_stub.policy import Who
from server_stub.records import canonical
from server_stub.records.ledger import LEDGER, Transaction
from server_stub.records.store import Enterprise, Notice, PhysicalSeal, Seal
from server_stub.seals import lifecycle, stopping
from server_stub.signin import SignatureInvalid

TEXT = (
    "SUQIAN-SEAL-NOTICE-V1\n{origin}\n{sender}\n{number}\n"
    "{action}\n{object}\n{reason}\n{effective_at}\n"
)
_SLACK = 600_000_000
"""Microseconds by which a notice may be ahead of our clock."""


class NoticeInvalid(Exception):
    """The notice cannot be what it says."""


@frozen
class Told:
    """A notice as it was sent."""

    sender: str
    number: str
    """The sender's own."""
    action: str
    object: str
    """Code of a seal (14 digits), of a physical seal (13 digits), or a credit code."""
    reason: str
    effective_at: str
    """RFC 3339."""
    signature: bytes

    def text(self, origin: str) -> str:
        """What was signed."""
        return TEXT.format(
            origin=origin,
            sender=self.sender,
            number=self.number,
            action=self.action,
            object=self.object,
            reason=self.reason,
            effective_at=self.effective_at,
        )


def check(told: Told, origin: str, neighbours: Neighbours) -> None:
    """Return if *told* was signed by its sender. Raises :class:`SignatureInvalid`."""
    keys = {"police": neighbours.police.police_key, "market": neighbours.market.market_key}
    if not gm.sm2_verify(keys[told.sender], told.text(origin).encode(), told.signature):
        raise SignatureInvalid("the notice is not signed by its sender")


def receive(tx: Transaction, told: Told, origin: str) -> Notice:
    """Take in a notice whose signature was checked, and do what it says.

    Raises :class:`NoticeInvalid`."""
    tx.act(Who(told.sender))
    try:
        effective = canonical.parse_timestamp(told.effective_at)
    except ValueError as error:
        raise NoticeInvalid("effective_at is not a time of RFC 3339") from error
    if effective > tx.now + _SLACK:
        raise NoticeInvalid("effective_at is still to come")
    text = told.text(origin)
    digest = gm.sm3(text.encode()).hex()
    known = tx.session.scalar(
        select(Notice).where(Notice.sender == told.sender, Notice.number == told.number)
    )
    if known is not None:
        if known.text_sm3 != digest:
            raise NoticeInvalid("another notice has this number")
        return known
    state = states.advance(states.NOTICE, states.START, "receive")
    row = Notice(
        id=f"notice_{secrets.token_hex(8)}",
        sender=told.sender,
        number=told.number,
        action=told.action,
        object=told.object,
        reason=told.reason,
        effective_at=effective,
        received_at=tx.now,
        text_sm3=digest,
        signature=told.signature,
        state=states.advance(states.NOTICE, state, "accept"),
        seals={},
    )
    tx.session.add(row)
    found = _meant(tx, told.object)
    done = {seal.seal_code: seal.id for seal in found if _apply(tx, seal, told, effective)}
    row.seals = done
    row.state = states.advance(states.NOTICE, row.state, "apply" if done else "refuse")
    owners = {each for seal in found for each in policy.owner_of(seal).audience}
    fields = {
        "notice": row.id,
        "sender": told.sender,
        "number": told.number,
        "action": told.action,
        "object": told.object,
        "reason": told.reason,
        "effective_at": told.effective_at,
        "text": text,
        "signature": told.signature.hex(),
        "seals": sorted(done),
        "state": row.state,
    }
    tx.record(LEDGER, "notice-v1", fields, about=("notice", row.id), audience=sorted(owners))
    return row


def _meant(tx: Transaction, code: str) -> Sequence[Seal]:
    """The seals that a code is about, copies under grants left out: they follow."""
    physical = select(PhysicalSeal.code).where(PhysicalSeal.code == code)
    unit = select(Enterprise.id).where(Enterprise.uscc == code)
    return tx.session.scalars(
        select(Seal)
        .where(
            Seal.grant_id.is_(None),
            or_(
                Seal.seal_code == code,
                Seal.physical_code.in_(physical),
                Seal.enterprise_id.in_(unit),
            ),
        )
        .order_by(Seal.seal_code)
    ).all()


def _apply(tx: Transaction, seal: Seal, told: Told, effective: int) -> bool:
    """Do it to one seal; False where its state or a higher authority leaves nothing to do, or a
    resumption is older than the suspension: it was sent for one before, and comes late or again."""
    if told.action == "suspend":
        return stopping.suspend_by_authority(tx, seal, told.sender, told.reason, effective)
    if told.action == "resume":
        if seal.state != "suspended" or effective < seal.effective_at:
            return False
        if not stopping.may_lift(seal, told.sender) or _suspended_since(tx, seal, told, effective):
            return False
        lifecycle.change(tx, seal, "resume", told.sender, effective_at=effective)
        return True
    if seal.state in states.SEAL.final:
        return False
    lifecycle.change(tx, seal, "cancel", told.sender, reason=told.reason, effective_at=effective)
    return True


def _suspended_since(tx: Transaction, seal: Seal, told: Told, effective: int) -> bool:
    """Has the sender of *told* suspended *seal* as of later than *effective*? Where another had
    paused it before, the seal's own time is still that of the pause
    (:func:`server_stub.seals.stopping.suspend_by_authority`)."""
    later = select(Notice.seals).where(
        Notice.sender == told.sender, Notice.action == "suspend", Notice.effective_at > effective
    )
    return any(seal.seal_code in seals for seals in tx.session.scalars(later))
