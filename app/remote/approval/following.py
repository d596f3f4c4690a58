"""At each sync: policies of the user's seals, answers to their requests, requests to decide on."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import UTC, datetime

from app.errors import PlatformAnswerInvalid, PlatformRefused, PlatformUntrusted
from app.remote.approval.asking import record_of, told_anew, wrap_for_new_keys
from app.remote.approval.client import ApprovalClient, PlatformRequest
from app.remote.approval.deciding import Secrets, make_known
from app.remote.approval.setting import follow_policies, keep_duties
from app.store.cabinet import Cabinet
from app.store.use_requests import UseRequestRecord
from crypto.algorithms.keys import SigningKey
from crypto.frozen import frozen

_NEWS = {"approved": "approval_given", "rejected": "approval_refused", "lapsed": "approval_lapsed"}
"""State of one's request → kind of notice."""


@frozen
class Followed:
    """What is new."""

    asked: tuple[UseRequestRecord, ...] = ()
    """Requests that wait for this person."""
    answered: tuple[UseRequestRecord, ...] = ()
    """Requests of this person that something came of, and that they have not seen."""


def follow(
    platform: ApprovalClient,
    cabinet: Cabinet,
    store: Secrets,
    key: SigningKey,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Followed:
    """Signed in with *key*: keep what the platform tells. A platform that knows nothing of
    approvals tells nothing.

    Raises :class:`app.errors.PlatformError`; what was kept before stays."""
    now = clock()
    own = [
        seal
        for seal in cabinet.seals()
        if seal.platform == platform.origin and seal.certificate == key.certificate
    ]
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)  # one notice a day
    for seal in follow_policies(platform, cabinet, own, now):
        about = {"seal_code": seal.code, "name": seal.name}
        cabinet.notices.keep(platform.origin, "policy_refused", about, today)
    try:
        found = platform.use_requests()
    except PlatformRefused:
        return Followed()
    if found.approver:
        make_known(platform, store, key, now)
    refused = found.refused
    refused += keep_duties(platform, cabinet, found.duties, key.certificate, now)
    kept = {(each.side, each.id, each.certificate): each for each in cabinet.use_requests()}
    told: list[UseRequestRecord] = []
    for side, made in (("mine", found.mine), ("asked", found.asked)):
        for each in made:
            try:
                record = _kept(platform, each, side, key, kept)
            except PlatformUntrusted:
                refused += 1
                continue
            cabinet.keep_use_request(record)
            _tell_of_phones(platform.origin, cabinet, record)
            with contextlib.suppress(PlatformAnswerInvalid, PlatformRefused):  # told of the policy
                record = wrap_for_new_keys(platform, cabinet, record, clock)
            told.append(record)
    if refused:
        about = {"number": str(refused)}
        cabinet.notices.keep(platform.origin, "approval_unreadable", about, today)
    waiting = tuple(each for each in told if each.waits_for_me(now))
    answered = tuple(
        each for each in told if each.side == "mine" and each.unread and each.state != "pending"
    )
    for new in waiting:
        about = {"seal_code": new.request.seal, "name": new.requester}
        cabinet.notices.keep(platform.origin, "approval_wanted", about, new.created_at)
    for new in answered:
        kind = _NEWS.get(new.state)
        if kind:
            about = {"seal_code": new.request.seal, "number": new.id[-8:]}
            cabinet.notices.keep(platform.origin, kind, about, new.changed_at)
    return Followed(waiting, answered)


def _tell_of_phones(origin: str, cabinet: Cabinet, record: UseRequestRecord) -> None:
    """Tell on the computer what the user's phone has decided, whatever page the phone showed."""
    said = record.my_answer if record.side == "asked" else None
    if said is not None and said.phone and said.decision:
        request = record.request
        about = {"seal_code": request.seal, "name": record.requester, "number": record.id[-8:]}
        kind = "phone_approved" if said.decision == "approve" else "phone_rejected"
        cabinet.notices.keep(origin, kind, about, datetime.fromisoformat(said.at))


def _kept(
    platform: ApprovalClient,
    made: PlatformRequest,
    side: str,
    key: SigningKey,
    kept: dict[tuple[str, str, bytes], UseRequestRecord],
) -> UseRequestRecord:
    platform.require_known(made.signed.certificate, made.created_at)
    before = kept.get((side, made.id, key.certificate))
    return (
        told_anew(before, made)
        if before is not None
        else record_of(made, side, platform.origin, key.certificate)
    )
