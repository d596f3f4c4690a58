""":class:`ui.shell.context.whole.Context` over the real :class:`app.desk.Desk`.

The device methods raise RuntimeError in any other thread. Certificates on a key are read when it is
plugged in, not at every poll; the PIN's state is asked each time.
One module, though long: it answers one protocol.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from app.durable import temporary_folder
from app.errors import (
    FileNotReadable,
    FileProblem,
    PlatformError,
    PlatformNotMetYet,
    PlatformUntrusted,
    TrustListRejected,
)
from app.many.one_at_a_time import OneAtATime
from app.settings import save
from ui.desk.archives import DeskArchives
from ui.desk.keys import (
    APPROVALS_S,
    DeskStamper,
    DeviceThreadKey,
    assert_device_thread,
    blank_view,
    certificate_views,
)
from ui.desk.preparer import DeskPreparer
from ui.desk.staff import DeskStaff
from ui.desk.updates import DeskUpdates
from ui.shell.context.parts import Lend, Stamper, Step
from ui.shell.context.values import CertificateView, PlatformClaim, TokenView, TrustView
from ui.shell.context.whole import Context

if TYPE_CHECKING:
    from app.desk import Desk
    from app.many.resuming import StampedEarlier
    from app.placing.placement import TextHit
    from app.preparing import Notice
    from app.remote.disputes import DisputeEvidence, DisputeReceipt, DisputeState
    from app.remote.lending import Offered, Person, Wish
    from app.remote.objection import Objection
    from app.remote.syncing import Synced
    from app.remote.timestamping import Timestamper
    from app.settings import Settings
    from app.store.anchors import Purpose
    from app.store.cabinet import Cabinet, SealRecord
    from app.store.journal import JournalCheck, JournalEntry
    from app.store.lending import GrantRecord
    from app.store.notices import NoticeRecord
    from app.store.use_requests import PolicyRecord
    from app.store.uses import WaitingUse
    from app.verifying import StatusService
    from crypto.pdf.looking.pictures import ChangedPage
    from crypto.pki.certificate import Certificate
    from crypto.pki.chain import Chain
    from crypto.seal.grant import SignedGrant
    from crypto.validation.trust import Trust
    from crypto.verdict import Report, Verdict
    from ui.desk.applications import DeskApplications
    from ui.desk.approvals import DeskApprovals
    from ui.desk.phones import DeskPhones
    from ui.desk.unlocking import DeskUnlocking

_PICTURE_SECONDS = 30.0
_TOLD = (PlatformUntrusted, TrustListRejected, PlatformNotMetYet)
"""What went wrong before verifying and a person has to know: that nobody answers is no news, but
that somebody answers wrongly is, and that one connection is still missing."""
"""For pictures that a person waits for."""


class DeskContext:
    """See :class:`ui.shell.context.whole.Context`."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._opening = threading.Lock()
        self._pages = threading.Lock()
        from app.placing.finder import Finder

        self._finder = Finder()
        self._certificates: dict[tuple[str, int, str], tuple[CertificateView, ...]] = {}
        self._stamper: Timestamper | None = None
        """The one that was asked for time stamps last."""

    @property
    def settings(self) -> Settings:
        return self._desk.settings

    def save_settings(self, values: Mapping[str, object]) -> Settings:
        self._desk.settings = save(self._desk.settings, values)
        return self._desk.settings

    @property
    def _cabinet(self) -> Cabinet:
        with self._opening:
            return self._desk.cabinet

    # --- keys ------------------------------------------------------------------------------------

    def tokens(self) -> tuple[TokenView, ...]:
        assert_device_thread()
        seen = []
        here = set()
        for token in self._desk.tokens():
            info = token.info
            place = (info.module, info.slot, info.serial)
            here.add(place)
            signer = self._desk.driver_signer(info.module)
            view = replace(blank_view(token), driver_signer=signer)
            if not token.initialised:
                seen.append(view)
                continue
            if place not in self._certificates:
                with token.open() as session:
                    self._certificates[place] = certificate_views(session)
            state = token.pin_state()
            seen.append(
                replace(
                    view,
                    initialised=True,
                    locked=state.locked,
                    final_try=state.final_try,
                    must_change=state.must_change,
                    tries_left=state.tries_left,
                    certificates=self._certificates[place],
                    pin_since=self._desk.pin_ages.since(info.serial),
                )
            )
        self._certificates = {k: v for k, v in self._certificates.items() if k in here}
        return tuple(seen)

    def initialise(self, blank: TokenView, label: str, so_pin: str, pin: str) -> None:
        from device.token import TokenNotPresent

        assert_device_thread()
        for token in self._desk.tokens():
            place = (token.info.module, token.info.slot)
            if place == (blank.module, blank.slot) and not token.initialised:
                token.initialise(label, so_pin, pin)
                self._desk.pin_ages.changed(token.info.serial)
                return
        raise TokenNotPresent("the blank key is gone")

    def change_pin(self, serial: str, old: str, new: str) -> None:
        assert_device_thread()
        self._desk.token(serial).change_pin(old, new)
        self._desk.pin_ages.changed(serial)

    @contextmanager
    def stamping(
        self, seal_codes: Sequence[str], serial: str, pin: str, *, offline: bool, lend: Lend
    ) -> Iterator[Stamper]:
        from app.signing import find_key

        assert_device_thread()
        seals = [self._cabinet.seal(code) for code in seal_codes]
        with self._desk.token(serial).login(pin) as session:
            keys = {seal.code: find_key(session, seal.signer.der) for seal in seals}
            service = None if offline else self._desk.ticket_service(next(iter(keys.values())))
            lent = {code: lend(DeviceThreadKey(key)) for code, key in keys.items()}
            stamper = self._desk.timestamper(None, () if offline else seals)
            self._stamper = stamper
            try:
                one_by_one = OneAtATime(service) if service is not None else None
                yield DeskStamper(
                    *(self._desk, self._cabinet, lent, one_by_one, stamper),
                    self._desk.approvals(service, APPROVALS_S),
                )
            finally:
                self._desk.settle(service, next(iter(keys.values())).certificate)

    def stamped_earlier(self, acts: Mapping[str, Sequence[Path]]) -> Mapping[str, StampedEarlier]:
        from app.many.resuming import stamped_earlier

        with self._opening:
            self._desk.enter_unfinished()
        output = self.settings.output_folder
        folders = [output] if output is not None else []
        return stamped_earlier(self._desk.journal, acts, (*folders, self._desk.spare_folder))

    def timestamp_news(self) -> tuple[BaseException | None, Notice | None]:
        from app.preparing import clock_of_stamp

        stamper, self._stamper = self._stamper, None
        return (stamper.failure, clock_of_stamp(stamper.times)) if stamper else (None, None)

    def synchronise(self, serial: str, pin: str) -> Synced:
        from app.remote.syncing import synchronise_token

        assert_device_thread()
        cabinet = self._cabinet
        self._desk.enter_unfinished()
        with self._desk.token(serial).login(pin) as session:
            lending = self._desk.lending
            return synchronise_token(self._desk.platform(), cabinet, session, lending=lending)

    @cached_property
    def unlocking(self) -> DeskUnlocking:
        from ui.desk.unlocking import DeskUnlocking

        return DeskUnlocking(self._desk, lambda: self._cabinet)

    @cached_property
    def applications(self) -> DeskApplications:
        from ui.desk.applications import DeskApplications

        return DeskApplications(
            self._desk, lambda: self._cabinet, lambda: self._certificates.clear()
        )

    @cached_property
    def approvals(self) -> DeskApprovals:
        from ui.desk.approvals import DeskApprovals

        return DeskApprovals(self._desk, lambda: self._cabinet)

    @cached_property
    def phones(self) -> DeskPhones:
        from ui.desk.phones import DeskPhones

        return DeskPhones(self._desk)

    # --- grants and reports ----------------------------------------------------------------------

    def grants(self) -> tuple[GrantRecord, ...]:
        return tuple(self._cabinet.grants())

    def use_policies(self) -> tuple[PolicyRecord, ...]:
        return tuple(self._cabinet.policies())

    def offer_grant(self, seal_code: str, wish: Wish, serial: str, pin: str) -> Offered:
        from app.remote.lending import offer
        from app.signing import find_key

        assert_device_thread()
        seal = self._cabinet.seal(seal_code)
        with self._desk.token(serial).login(pin) as session:
            key = find_key(session, seal.certificate)
            platform_there = self._desk.platform(seal.platform)
            return offer(platform_there, self._cabinet, seal, wish, key)

    def look_at_offer(self, code: str) -> SignedGrant:
        from app.remote.lending import look_at_offer

        return look_at_offer(self._desk.platform(), code)

    def accept_grant(
        self, code: str, person: Person | None, seen: SignedGrant, serial: str, pin: str
    ) -> SealRecord:
        from app.remote.lending import accept

        assert_device_thread()
        cabinet = self._cabinet
        with self._desk.token(serial).login(pin) as session:
            seal = accept(self._desk.platform(), cabinet, session, code, person, seen)
            self._desk.settle_token(session, seal)
        self._certificates.clear()
        return seal

    def withdraw_grant(self, grant: GrantRecord, serial: str, pin: str) -> GrantRecord:
        from app.remote.lending import withdraw

        assert_device_thread()
        cabinet = self._cabinet
        with self._desk.token(serial).login(pin) as session:
            key = self._desk.holder_key(session)
            return withdraw(self._desk.platform(grant.platform), cabinet, grant, key)

    def choose_use(self, side: str, identity: str, name: str, value: str) -> None:
        known = next(g for g in self._cabinet.grants() if (g.side, g.id) == (side, identity))
        chosen = {"kind": known.kind, "counterparty": known.counterparty, name: value}
        kind, party = chosen["kind"], chosen["counterparty"]
        self._cabinet.keep_grant(replace(known, kind=kind, counterparty=party))

    def report_later(self) -> int:
        with self._opening:
            return self._desk.report_later().sent

    # --- the cabinet -----------------------------------------------------------------------------

    def seals(self) -> tuple[SealRecord, ...]:
        return tuple(self._cabinet.seals())

    def statement_of(self, seal: SealRecord) -> datetime | None:
        statement = self._cabinet.statement(seal.code, seal.platform)
        return statement.statement.issued_at if statement else None

    def notices(self) -> tuple[NoticeRecord, ...]:
        return tuple(self._cabinet.notices.all())

    def notices_read(self, identities: Sequence[str]) -> None:
        self._cabinet.notices.mark_read(identities)

    def waiting_records(self) -> int:
        return self._cabinet.waiting_usage()

    def waiting_uses(self, most: int) -> tuple[WaitingUse, ...]:
        from app.store.uses import waiting_uses

        return waiting_uses(self._cabinet.pending_usage(most), self._desk.journal.entries())

    # --- trust -----------------------------------------------------------------------------------

    def trust_state(self) -> TrustView:
        from ui.desk.facts import trust_view

        return trust_view(self.settings, self._cabinet)

    def chain_of(self, certificate: bytes, purpose: Literal["signers", "seal_makers"]) -> Chain:
        from crypto.pki.certificate import Certificate
        from crypto.pki.chain import build_chain

        trust = self._trust_now()
        leaf, now = Certificate.parse(certificate), datetime.now(UTC)
        return build_chain(leaf, trust.pool, getattr(trust, purpose), now)

    def certificates_of(self, path: Path, password: str | None) -> Mapping[str, bytes]:
        from app.trust.fetching import certificates_of

        return certificates_of(path, password, self._trust_now())

    def read_anchors(self, path: Path) -> tuple[Certificate, ...]:
        from app.store.anchors import read_certificates

        return tuple(read_certificates(path))

    def add_anchors(self, certificates: Sequence[Certificate], purposes: Sequence[Purpose]) -> None:
        from app.store import anchors

        for certificate in certificates:
            for purpose in purposes:
                anchors.add(self.settings, certificate, purpose)

    def platform_claim(self, path: Path, password: str | None) -> PlatformClaim:
        from app.trust.platforms import checked_claim

        return checked_claim(self.settings, path, password)

    def trust_platform(self, claim: PlatformClaim, whole: bool) -> None:
        from app.trust.platforms import CheckedClaim, trust_platform

        if isinstance(claim, CheckedClaim):
            holders = () if whole else claim.holders
            trust_platform(self.settings, self._desk.journal, claim.service, holders)

    def remove_anchor(self, sm3: str) -> None:
        from app.store import anchors, trusted_platforms

        if not trusted_platforms.remove(self.settings, sm3):
            anchors.remove(self.settings, sm3)

    # --- the stories -----------------------------------------------------------------------------

    def verify(
        self,
        paths: Sequence[Path],
        password: str | None,
        fetch: bool,
        step: Step,
        stopped: Callable[[], bool],
    ) -> tuple[BaseException, ...]:
        from app.many.bulk import Order
        from ui.checking import check_files

        with self._opening:
            problems = self._desk.refresh_trust(online=True)
            trust, platform_now = self._desk.trust(), self._desk.status_service()
        if fetch:
            from app.trust.fetching import fetched_for_all

            trust = fetched_for_all(paths, trust, self.settings, password)
        order = Order(trust, self.settings.language, password)
        check_files(paths, order, platform_now, step, stopped)
        return tuple(e for e in problems if isinstance(e, _TOLD))

    def report_pdf(self, path: Path, report: Report, password: str | None, language: str) -> bytes:
        from crypto.report.pdf import render
        from crypto.report.pictures import pictures_for

        return render(report, language, shown=pictures_for(path, report, password))

    def changes(self, path: Path, report: Report, password: str | None) -> tuple[ChangedPage, ...]:
        from crypto.pdf.looking.pictures import changes_in

        try:
            with path.open("rb") as document:
                return changes_in(document, report, password, _PICTURE_SECONDS)
        except OSError as error:
            raise FileNotReadable(str(path), FileProblem.of(error)) from error

    def evidence(self, path: Path, output: Path, password: str | None, language: str) -> None:
        from app.evidence import making

        trust, platform_now = self._judges()
        with self._pages:
            making.make(
                path,
                output,
                trust=trust,
                platform=platform_now,
                password=password,
                language=language,
            )

    def sealed_report(self, path: Path, output: Path, language: str) -> Verdict:
        from app.remote.sealed_report import fetch_sealed_report

        with self._opening:
            platform_now = self._desk.platform()
        done = fetch_sealed_report(path, output, platform=platform_now, language=language)
        return done.verdict

    def open_dispute(
        self, objection: Objection, receipt: Path, serial: str, pin: str
    ) -> DisputeReceipt:
        from app.remote.disputes import open_dispute

        with ExitStack() as opened:
            package, key = None, None
            if objection.enclosed:
                package = opened.enter_context(temporary_folder()) / "evidence.zip"
                password = objection.password
                self.evidence(objection.document, package, password, self.settings.language)
            if serial:
                assert_device_thread()
                session = opened.enter_context(self._desk.token(serial).login(pin))
                key = self._desk.holder_key(session)
            with self._opening:
                platform_now = self._desk.platform()
            return open_dispute(
                objection.document_sm3,
                objection.seal_code,
                reason=objection.reason,
                contact=objection.contact,
                name=objection.name,
                receipt=receipt,
                platform=platform_now,
                key=key,
                package=package,
            )

    def dispute_state(self, receipt: Path) -> DisputeState:
        from app.remote.disputes import DisputeReceipt, state_of

        known = DisputeReceipt.load(receipt)
        with self._opening:
            platform_then = self._desk.platform(known.platform)
        return state_of(known, platform_then)

    def dispute_evidence(self, receipt: Path, output: Path) -> DisputeEvidence:
        from app.remote.disputes import DisputeReceipt, fetch_evidence

        known = DisputeReceipt.load(receipt)
        with self._opening:
            platform_then = self._desk.platform(known.platform)
        return fetch_evidence(known, output, platform=platform_then)

    @cached_property
    def preparer(self) -> DeskPreparer:
        return DeskPreparer(
            self._trust_now,
            lambda code: self._cabinet.seal(code),
            lambda: self._desk.answers,
            self._time_there,
        )

    @cached_property
    def staff(self) -> DeskStaff:
        return DeskStaff(self._desk, self._opening)

    def _time_there(self) -> datetime | None:
        if not self.settings.platform_url:
            return None
        try:
            with self._opening:
                platform_there = self._desk.platform()
        except PlatformError:
            return None
        return platform_there.clock()  # nobody else waits for its answer

    def _trust_now(self) -> Trust:
        with self._opening:
            return self._desk.trust()

    def find(self, path: Path, text: str, password: str | None) -> tuple[TextHit, ...]:
        return self._finder.find(path, text, password)

    # --- the journal -----------------------------------------------------------------------------

    def journal_entries(
        self, *, since: datetime | None, until: datetime | None, text: str | None
    ) -> list[JournalEntry]:
        return self._desk.journal.entries(since=since, until=until, text=text)

    def journal_check(self) -> JournalCheck:
        return self._desk.journal.check()

    def journal_export(self, path: Path, entries: list[JournalEntry], language: str) -> int:
        return self._desk.journal.export(path, entries, language)

    @cached_property
    def archives(self) -> DeskArchives:
        return DeskArchives(self._desk.journal, self._judges)

    def _judges(self) -> tuple[Trust, StatusService | None]:
        with self._opening:
            return self._desk.trust(), self._desk.status_service()

    # --- the demo --------------------------------------------------------------------------------

    @property
    def demo_pin(self) -> str:
        return ""

    @property
    def demo_possible(self) -> bool:
        from app import demo

        return demo.possible(self.settings)

    def start_demo(self, step: Step) -> Context:
        from app import demo

        assert_device_thread()
        with ExitStack() as opened:
            desk = opened.enter_context(demo.desk_of_its_own(self.settings))
            demo.prepare(desk, step)
            return _DemoContext(desk, opened.pop_all())

    def close(self) -> None:
        """The desk itself is closed by whoever opened it."""
        self.staff.close()
        self._finder.close()

    # --- help ------------------------------------------------------------------------------------

    @property
    def updates(self) -> DeskUpdates:
        return DeskUpdates(self._desk)

    def diagnosis(self) -> dict[str, Any]:
        from app.diagnosing import diagnosis

        return diagnosis(self._desk)


class _DemoContext(DeskContext):
    """Over the demo's desk; closing it ends the demo's platform."""

    def __init__(self, desk: Desk, opened: ExitStack) -> None:
        super().__init__(desk)
        self._opened = opened

    @property
    def demo_pin(self) -> str:
        from app.demo import DEMO_PIN

        return DEMO_PIN

    @property
    def demo_possible(self) -> bool:
        return False

    def close(self) -> None:
        super().close()
        self._opened.close()
