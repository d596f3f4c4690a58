"""Work that the platform does by itself, and the thread that does it.

Every kind of work is a :class:`Due`: a question to the database, and what to do with each row that
is found. All progress stands in the database, so work that a crash has interrupted is done at the
next look. New work is one more entry in :data:`WORK` or, if it only removes what is old, one more
call in :func:`_tidy`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from crypto.frozen import frozen
from server_stub import applying, appointing, disputes, epochs, issuing, signin
from server_stub.approving import deciding
from server_stub.authorities import rechecking
from server_stub.changing import assessing, fulfilling
from server_stub.context import Platform
from server_stub.lending import refreshing
from server_stub.neighbours import filing
from server_stub.phones import pairing
from server_stub.policy import Actor
from server_stub.records import blobs, canonical, store, work_lock
from server_stub.records.ledger import Transaction
from server_stub.records.logbook import logbook
from server_stub.seals import sweeping
from server_stub.staff import asking, losing

_DAY = 86_400 * signin.SECOND
_TICK = 2.0
"""Seconds between two looks at what is due."""
_PATIENCE = 120.0
"""Seconds that somebody waits who wants what is due to be done."""

AUTOMATON = Actor("reviewer", issuing.REVIEWER, frozenset({"reviewer"}))
"""Reviews applications where `settings.auto_review` asks for it."""


@frozen
class Due:
    """One kind of work."""

    rows: Callable[[], Select[Any]]
    """Finds what is due now."""
    do: Callable[[Platform, Session, Any], None]
    """Does it for one row."""
    wanted: Callable[[Platform], bool] = lambda platform: True
    """Does this platform do such work at all?"""


def work(platform: Platform, wait: float = _PATIENCE) -> bool:
    """Do all that is due now; first wait for another process that is at it, *wait* seconds at most.
    False where it went on for longer: then nothing was done."""
    with work_lock.held(platform.engine, platform.settings.directory, wait) as mine:
        if mine:
            _work(platform)
        return mine


def _work(platform: Platform) -> None:
    for due in WORK:
        if due.wanted(platform):
            _do(platform, due)
    if platform.ledger.write(_tidy, platform).result().answer:
        rechecking.plan(platform)
    with platform.reading() as session:
        epoch_due = epochs.is_due(session, platform.settings.epoch_days, canonical.now())
    if epoch_due:
        epochs.publish(platform)


def _do(platform: Platform, due: Due) -> None:
    with platform.reading() as session:
        for row in session.scalars(due.rows()).all():
            try:
                due.do(platform, session, row)
            except Exception:  # noqa: BLE001 - what is wrong with one must not hold up others
                logbook().exception("step_failed", row=row.id)


# --- the kinds of work -------------------------------------------------------------------------


def _applications(state: str) -> Callable[[], Select[Any]]:
    return lambda: select(store.Application).where(store.Application.state == state)


def _opened_disputes() -> Select[Any]:
    return select(store.Dispute).where(store.Dispute.state == "opened")


def _filings() -> Select[Any]:
    return select(store.Filing).where(
        store.Filing.state == "queued", store.Filing.due_at <= canonical.now()
    )


def _auto_review(platform: Platform) -> bool:
    return platform.settings.auto_review


def _awaiting(what: str) -> Callable[[], Select[Any]]:
    return lambda: select(store.Application).where(store.Application.awaiting == what)


def _by_rules(application: store.Application) -> bool:
    """May the rules alone decide? A letter or a request is read by a person, an answer is waited
    for."""
    proof = application.payload["proof"]["kind"]
    return proof not in applying.READ_BY_PEOPLE and application.awaiting is None


def _claim(platform: Platform, session: Session, application: store.Application) -> None:
    if not _by_rules(application):
        return
    platform.ledger.write(applying.claim, AUTOMATON, application.id).result()


def _decide(platform: Platform, session: Session, application: store.Application) -> None:
    if application.reviewer != AUTOMATON.subject or applying.needs_second(application):
        return  # a person's turn
    write, identity = platform.ledger.write, application.id
    if application.reason:  # making it failed: a person has to look, not the automaton again
        write(applying.send_back, AUTOMATON, identity, application.reason).result()
        return
    findings = assessing.assess(issuing.SealMaking.of(platform), session, application)
    if findings.passed:
        write(applying.approve, AUTOMATON, identity, findings, findings).result()
    else:
        write(applying.send_back, AUTOMATON, identity, findings.reason).result()


def _make(platform: Platform, session: Session, application: store.Application) -> None:
    fulfilling.make(issuing.SealMaking.of(platform), session, application)


def _deliver(platform: Platform, session: Session, row: store.Filing) -> None:
    filing.deliver(platform.ledger, platform.neighbours.police, session, row)


WORK: tuple[Due, ...] = (
    Due(_awaiting(appointing.LICENCE), appointing.ask),
    Due(_applications("submitted"), _claim, _auto_review),
    Due(_applications("in_review"), _decide, _auto_review),
    Due(_applications("approved"), _make),
    Due(_opened_disputes, disputes.gather),
    Due(_filings, _deliver),
    Due(asking.due, asking.ask),
    Due(rechecking.due, rechecking.ask),
)
"""In this order, so that one look takes an application from its submission to its seal."""


def _tidy(tx: Transaction, platform: Platform) -> bool:
    """Remove or end what is old, in one transaction; gives whether the hourly work was due."""
    settings = platform.settings
    sweeping.sweep(tx, settings.collect_days)
    applying.lapse(tx, settings.collect_days)
    deciding.sweep(tx)
    disputes.remove_enclosures(tx, settings.dispute_enclosure_days)
    signin.clean(tx, settings)
    refreshing.clean(tx)
    losing.lapse(tx)
    pairing.clean(tx)
    oldest = tx.now - settings.idempotency_days * _DAY
    old = select(store.Idempotency).where(store.Idempotency.created_at < oldest)
    for row in tx.session.scalars(old):
        tx.session.delete(row)
    tx.session.flush()
    hourly = platform.sweep_due(tx.now)
    if hourly:
        blobs.sweep(tx.session)
    return hourly


# --- the thread --------------------------------------------------------------------------------


class Worker:
    """The thread that calls :func:`work`: at once after :meth:`wake`, else every two seconds."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._wake = threading.Event()
        self._ending = False
        self._thread = threading.Thread(target=self._run, name="worker", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """Something is due now."""
        self._wake.set()

    def stop(self) -> None:
        """End the thread after the work that it is at."""
        self._ending = True
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        log = logbook()
        while not self._ending:
            try:
                work(self._platform, wait=0)
            except Exception:
                log.exception("work_failed")
            self._wake.wait(_TICK)
            self._wake.clear()
