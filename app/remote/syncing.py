"""同步: seals and their status from the platform, usage records to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from app.errors import PlatformRefused, TokenWithoutSeal
from app.remote.applications import follow_all, untold
from app.remote.approval.client import ApprovalClient
from app.remote.approval.following import Followed
from app.remote.approval.following import follow as follow_approvals
from app.remote.collecting import pin_unlocker, platform_record
from app.remote.lending import (
    Lending,
    Settled,
    collect_received,
    report,
    report_what_is_over,
    settle,
)
from app.remote.lending_client import LendingClient
from app.remote.platform_account import PlatformClient, SyncItem
from app.remote.registry import follow as follow_registry
from app.remote.registry import look_up
from app.remote.restoring import restore
from app.signing import keys_of
from app.store.applications import ApplicationRecord
from app.store.cabinet import Cabinet, SealRecord
from app.store.news import News, of_authority
from app.store.use_requests import UseRequestRecord
from crypto.algorithms.keys import SigningKey
from crypto.frozen import frozen
from device.token import Session


@frozen
class Synced:
    """What a sync did."""

    seals: int
    """Seals whose status was confirmed."""
    records: int
    """Usage records the platform took."""
    restored: tuple[SealRecord, ...] = ()
    """Seals of the key that the cabinet did not have (:mod:`app.remote.restoring`)."""
    applications: tuple[ApplicationRecord, ...] = ()
    """Those whose state the person has not been told of."""
    doubled: tuple[str, ...] = ()
    """Names of seals that were used offline with one number twice: a computer was put back to an
    earlier state."""
    asked: tuple[UseRequestRecord, ...] = ()
    """Requests to use a seal that wait for this person's approval."""
    answered: tuple[UseRequestRecord, ...] = ()
    """Requests of this person that something came of."""


def synchronise_token(
    platform: PlatformClient,
    cabinet: Cabinet,
    session: Session,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    lending: Lending | None = None,
) -> Synced:
    """Follow the applications of the token of *session* (logged in), take its seals that are not in
    the cabinet, then :func:`synchronise` with it. What has changed is kept as notices, also when it
    fails half-way.

    Raises :class:`app.errors.TokenWithoutSeal`, :class:`app.errors.PlatformError`,
    :class:`device.token.TokenError`."""
    with News(platform.origin, cabinet, clock()):
        return _synchronise_token(platform, cabinet, session, clock, lending)


def _synchronise_token(
    platform: PlatformClient,
    cabinet: Cabinet,
    session: Session,
    clock: Callable[[], datetime],
    lending: Lending | None,
) -> Synced:
    keys = keys_of(session)
    follow_all(session, platform, cabinet, clock)
    pin_unlocker(session, platform)
    restored = restore(platform, cabinet, keys, clock)
    if lending is not None and isinstance(platform, LendingClient):
        restored += collect_received(platform, cabinet, keys, clock)
    applications = untold(platform, cabinet)
    seals = sorted(_of(platform, cabinet), key=lambda seal: seal.state != "active")
    own = [seal.certificate for seal in seals]  # of a replaced one nobody signs in any more
    held = {key.certificate: key for key in keys}
    key = next((held[certificate] for certificate in own if certificate in held), None)
    if key is None:
        if any(each.platform == platform.origin for each in cabinet.applications.all()):
            return Synced(0, 0, applications=applications)  # its first seal is still to come
        raise TokenWithoutSeal(platform.origin)
    done = synchronise(platform, cabinet, key, clock, lending)
    restored += done.restored
    others = [each for certificate, each in held.items() if certificate != key.certificate]
    more = sum(report_what_is_over(platform, cabinet, other) for other in others)
    return replace(
        done, records=done.records + more, restored=tuple(restored), applications=applications
    )


def synchronise(
    platform: PlatformClient,
    cabinet: Cabinet,
    key: SigningKey,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    lending: Lending | None = None,
) -> Synced:
    """Confirm each seal's status, follow the public registry, sign in with *key*, take what
    changed, send usage records; with *lending*, follow grants and renew leases.

    The status comes first and without sign-in: a holder whose certificate is held cannot sign in,
    and that is when the cabinet must learn of it. Whose certificate or term is over still reports
    what was used before. Raises :class:`app.errors.PlatformError`; what was taken before stays."""
    try:
        done = _synchronise(platform, cabinet, key, clock, lending)
    except PlatformRefused:
        report_what_is_over(platform, cabinet, key)
        raise
    return replace(done, records=done.records + report_what_is_over(platform, cabinet, key))


def _synchronise(
    platform: PlatformClient,
    cabinet: Cabinet,
    key: SigningKey,
    clock: Callable[[], datetime],
    lending: Lending | None,
) -> Synced:
    """:func:`synchronise` without the uses that only a second sign-in can report."""
    confirmed = confirm_status(platform, cabinet, clock())
    follow_registry(platform, cabinet)
    look_up(platform, cabinet, (seal.code for seal in _of(platform, cabinet)))
    platform.sign_in(key)
    known = cabinet.platform(platform.origin)
    cursor = known.cursor if known else ""
    while True:
        try:
            page = platform.sync(cursor)
        except PlatformRefused as error:
            if error.problem != "sync_cursor_gone" or not cursor:
                raise
            cursor = ""  # the platform no longer knows our cursor: begin anew
            continue
        for item in page.items:
            _take(item, platform, cabinet, clock())
        cursor = page.next
        if not page.more:
            break
    cabinet.pin(platform_record(platform, clock(), cursor))
    if lending is None or not isinstance(platform, LendingClient):
        return Synced(confirmed, send_usage(platform, cabinet))
    settled: Settled = settle(platform, cabinet, lending, [key.certificate], clock)
    news = Followed()
    if isinstance(platform, ApprovalClient):
        news = follow_approvals(platform, cabinet, lending.store, key, clock)
    copies = settled.collected
    done = Synced(confirmed, settled.sent, copies, doubled=settled.doubled)
    return replace(done, asked=news.asked, answered=news.answered)


def confirm_status(platform: PlatformClient, cabinet: Cabinet, now: datetime) -> int:
    """Ask for the status of the platform's seals and keep it; returns how many there are."""
    seals = _of(platform, cabinet)
    for seal in seals:
        statement = platform.status(seal.code)
        cabinet.keep_statement(statement, platform.origin)
        latest = (
            cabinet.statement(seal.code, platform.origin) or statement
        )  # an older answer does not replace a newer one
        said = latest.statement
        told = replace(seal, state=said.state, reason=said.reason, updated_at=now)
        if not said.certificate_valid and seal.certificate_state in ("issued", "active"):
            told = replace(told, certificate_state="held")  # or revoked: a sync will tell
        cabinet.keep_seal(told)
    return len(seals)


def _of(platform: PlatformClient, cabinet: Cabinet) -> list[SealRecord]:
    return [seal for seal in cabinet.seals() if seal.platform == platform.origin]


def send_usage(platform: PlatformClient, cabinet: Cabinet) -> int:
    """Send the queued usage records of this platform's seals, signed in already; returns how many
    were taken."""
    return report(platform, cabinet)[0]


def _take(item: SyncItem, platform: PlatformClient, cabinet: Cabinet, now: datetime) -> None:
    """One change into the cabinet. Seals that were never collected here stay the platform's."""
    if item.kind == "seal":
        told = platform.read_seal(item.body)
        for record in (seal for seal in _of(platform, cabinet) if seal.id == told.id):
            cabinet.keep_seal(replace(record, state=told.state, reason=told.reason, updated_at=now))
    elif item.kind == "certificate":
        state = str(item.body.get("state", ""))
        serial = item.id.lstrip("0")
        own = _of(platform, cabinet)  # no platform speaks of another one's seals
        for record in (seal for seal in own if f"{seal.signer.serial:x}" == serial):
            cabinet.keep_seal(replace(record, certificate_state=state, updated_at=now))
    elif item.kind == "notice":
        of_authority(cabinet, platform.origin, item.body)
