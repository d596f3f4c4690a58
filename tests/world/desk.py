"""A made-up company, its seals and a key in memory: the window's context without device or network.

Everything is real but the key and the platform: seals, certificates, the two stories, the cabinet,
the journal. The tests and the screenshots use it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from app import stamping
from app.errors import OfferNotOpen, PlatformUnreachable
from app.evidence.making import make
from app.many.bulk import Order
from app.many.resuming import StampedEarlier, stamped_earlier
from app.placing.pages import Pages
from app.placing.placement import TextHit
from app.preparing import Notice, clock_of_stamp
from app.remote import applications
from app.remote.lending import Offered, Person, Wish, terms_of
from app.remote.platform_account import Appointed
from app.remote.syncing import Synced
from app.settings import Folders, Settings
from app.store import anchors
from app.store.answers import Answers
from app.store.applications import ApplicationRecord
from app.store.cabinet import Cabinet, SealRecord
from app.store.journal import Journal, JournalCheck, JournalEntry
from app.store.lending import GrantRecord
from app.store.notices import NoticeRecord
from app.store.unfinished import take_up
from app.store.uses import WaitingUse, waiting_uses
from app.trust.fetching import certificates_of
from crypto.algorithms.keys import SigningKey
from crypto.pdf.looking.pictures import ChangedPage, changes_in
from crypto.pdf.marks.drawing import Mark
from crypto.pdf.verify import verify_pdf
from crypto.pki.certificate import DOCUMENT_SIGNING, Certificate
from crypto.pki.chain import Chain, build_chain
from crypto.report.pdf import render
from crypto.seal.release import Release
from crypto.seal.statement import SignedStatement
from crypto.validation.trust import Trust
from crypto.verdict import Report, Verdict
from device.token import PinIncorrect, PinLocked, TokenRemoved
from server_stub.neighbours.imprint import SPECS
from server_stub.neighbours.imprint_drawing import draw
from tests.world.approval_desk import StandInApprovals
from tests.world.authorities import Authorities
from tests.world.grants import grant_record, signed
from tests.world.phones_desk import StandInPhones
from tests.world.seals import seal_of, statement_on
from tests.world.staff_desk import StandInStaff
from ui.checking import check_files
from ui.desk.applications import DeskApplications
from ui.desk.archives import DeskArchives
from ui.desk.facts import trust_view
from ui.desk.keys import DeviceThreadKey
from ui.desk.preparer import DeskPreparer
from ui.shell.context.parts import Lend, Step
from ui.shell.context.values import CertificateView, TokenView, TrustView, UnlockView
from ui.shell.context.whole import Context

if TYPE_CHECKING:
    from app.desk import Desk
    from app.store.use_requests import PolicyRecord
    from crypto.seal.grant import SignedGrant

COMPANY = "宿迁云帆贸易有限公司"
PIN = "right-2026"
SERIAL = "UK2026110042"
NOW = datetime.now(UTC).replace(microsecond=0)
A_MINUTE = timedelta(minutes=1)
SEALS = (
    ("32130200010002", "contract", 4, "合同专用章", COMPANY),
    ("32130200010001", "official", 1, "法定名称章", COMPANY),
    ("32130200010005", "legal_representative", 5, "法定代表人名章", "王建国"),
)


PLATFORM = "宿迁市企业电子印章公共服务平台"


def authorities() -> Authorities:
    """Those of the made-up platform, in force today."""
    return Authorities(
        "企业电子印章演示根证书",
        organization="演示根",
        service=PLATFORM,
        begin=NOW - timedelta(days=30),
        end=NOW + timedelta(days=365),
    )


class Company:
    """A holder: one key, several seals."""

    def __init__(self, authorities: Authorities, name: str = COMPANY, seals: Any = SEALS) -> None:
        self.authorities = authorities
        self._said: dict[tuple[bytes, str], SignedStatement] = {}
        self.holder = authorities.authority.key_for(
            seals[0][0],
            organization=name,
            not_after=NOW + timedelta(days=200),
            extended_key_usage=(DOCUMENT_SIGNING,),
        )
        self.seals = tuple(self._seal(*each, name) for each in seals)

    def statement(self, seal: SealRecord, digest: bytes | None = None) -> SignedStatement:
        """What the platform says of a seal at this moment; of its use on one document, if given."""
        now, status = datetime.now(UTC), self.authorities.status
        of = (seal.certificate, seal.code)
        if digest is not None:
            return statement_on(*of, now, status, document_digest=digest)
        said = self._said.get(of)  # each window of a test asks for three
        if said is None or not timedelta(0) <= now - said.statement.issued_at < A_MINUTE:
            said = self._said[of] = statement_on(*of, now, status)
        return said

    def _seal(
        self, code: str, subtype: str, kind: int, title: str, text: str, company: str
    ) -> SealRecord:
        spec = SPECS[subtype]
        data = seal_of(
            self.holder.certificate,
            code,
            draw(subtype, text, seal_code="3213020001234", dpi=300),
            NOW - timedelta(days=3),
            self.authorities.maker,
            vendor="SealDesk",
            seal_type=kind,
            name=text if subtype == "legal_representative" else company,
            valid_until=NOW + timedelta(days=400),
            width_mm=spec.width,
            height_mm=spec.height,
        )
        return SealRecord(
            id=f"seal-{code}",
            code=code,
            name=text if subtype == "legal_representative" else company,
            kind="company",
            subtype=subtype,
            state="active",
            reason="",
            enterprise=company,
            uscc="91321302MA27DEMO2X",
            platform="http://127.0.0.1:8081",
            data=data,
            certificate=self.holder.certificate,
            certificate_state="active",
            collected_at=NOW - timedelta(days=2),
            updated_at=NOW,
        )

    def token(self, **changes: Any) -> TokenView:
        """The company's key as the window sees it."""
        held = Certificate.parse(self.holder.certificate)
        view = TokenView(
            serial=SERIAL,
            label="云帆贸易",
            manufacturer="演示",
            model="SOFT",
            module="",
            is_virtual=False,
            initialised=True,
            locked=False,
            final_try=False,
            must_change=False,
            tries_left=10,
            certificates=(
                CertificateView(
                    held.subject.common_name,
                    held.subject.organization,
                    str(held.issuer),
                    f"{held.serial:x}",
                    held.not_before,
                    held.not_after,
                    held.fingerprint.hex(),
                    held.der,
                ),
            ),
        )
        return replace(view, **changes)


@cache
def company() -> Company:
    """The one of this process: making keys and imprints takes a moment."""
    return Company(authorities())


class ApplicationsStandIn(DeskApplications):
    """Applications in the stand-in's real cabinet; what its platform answers stands in
    :attr:`answers`."""

    def __init__(self, context: StandIn) -> None:
        super().__init__(cast("Desk", None), lambda: context._cabinet, lambda: None)
        self._context = context
        self._keepers: list[Appointed] = []
        self.answers: list[BaseException | Mapping[str, Any]] = []
        """Errors to raise, or what the platform says of an application, one each time it is
        asked; after the last it has been submitted."""

    def submit(self, identity: str, serial: str, pin: str) -> ApplicationRecord:
        self._context._check_pin(pin)
        told = self.answers.pop(0) if self.answers else {"state": "submitted", "next": "review"}
        if isinstance(told, BaseException):
            raise told
        look_at = NOW + timedelta(days=3)
        known = {"server_id": "app_1", "key": b"k", "look_at": look_at, **told}
        self._cabinet().applications.change(identity, lambda each: replace(each, **known))
        return self._cabinet().applications.mark_told(identity)

    follow = sign = submit

    def keep_change(
        self, kind: str, seal: SealRecord, fields: Mapping[str, str], letter: Path | None
    ) -> ApplicationRecord:
        record = applications.for_seal(kind, seal, fields, self._cabinet())
        return self.keep_letter(record.id, letter) if letter else record

    def change_seal(
        self,
        kind: str,
        seal: SealRecord,
        fields: Mapping[str, str],
        letter: Path | None,
        output: Path | None,
        serial: str,
        pin: str,
    ) -> ApplicationRecord:
        record = self.keep_change(kind, seal, fields, letter)
        return self.submit(record.id, serial, pin)

    def withdraw(self, identity: str, serial: str, pin: str) -> ApplicationRecord:
        self.answers.insert(0, {"state": "withdrawn", "next": ""})
        return self.submit(identity, serial, pin)

    def collect(self, identity: str, serial: str, pin: str) -> SealRecord:
        self.answers.insert(0, {"state": "collected", "next": ""})
        self.submit(identity, serial, pin)
        self._cabinet().keep_seal(self._context.company.seals[0])
        return self._context.company.seals[0]

    def suspend(self, seal: SealRecord, reason: str, serial: str, pin: str) -> SealRecord:
        return self._change(seal, "suspended", reason, pin)

    def resume(self, seal: SealRecord, serial: str, pin: str) -> SealRecord:
        return self._change(seal, "active", "", pin)

    def _change(self, seal: SealRecord, state: str, reason: str, pin: str) -> SealRecord:
        self._context._check_pin(pin)
        if self.answers and isinstance(refusal := self.answers.pop(0), BaseException):
            raise refusal
        changed = replace(seal, state=state, reason=reason)
        self._cabinet().keep_seal(changed)
        return changed

    def keepers(self, seal: SealRecord, serial: str, pin: str) -> tuple[Appointed, ...]:
        self._context._check_pin(pin)
        return tuple(self._keepers)

    def give_keeper(
        self, seal: SealRecord, name: str, id_no: str, serial: str, pin: str
    ) -> tuple[Appointed, ...]:
        self._context._check_pin(pin)
        number = f"appointment_{len(self._keepers)}"
        self._keepers.append(Appointed(number, "keeper", name, seal.code, NOW, None))
        return tuple(self._keepers)

    def end_keeper(
        self, seal: SealRecord, identity: str, serial: str, pin: str
    ) -> tuple[Appointed, ...]:
        self._context._check_pin(pin)
        self._keepers = [each for each in self._keepers if each.id != identity]
        return tuple(self._keepers)


class StandInUnlocking:
    """See :class:`ui.shell.context.parts.UnlockDesk`: the platform answers what a test says."""

    def __init__(self, context: StandIn) -> None:
        self._context = context
        self.view = UnlockView(seal=min(context.seals(), key=lambda each: each.code))
        self.applied: dict[str, str] = {}
        self.set: list[str] = []
        """What has unlocked: "platform" or "officer"."""

    def state(self, serial: str) -> UnlockView:
        return self.view

    def apply(self, serial: str, fields: Mapping[str, str], letter: Path | None) -> UnlockView:
        self.applied = dict(fields)
        self.view = replace(self.view, record=self.record("submitted", fields))
        return self.view

    def record(self, state: str, fields: Mapping[str, str], **more: Any) -> ApplicationRecord:
        """An application for the permission, as the platform has it."""
        made = ApplicationRecord("0a1b", "pin_reset", {**fields, "seal": "official"}, NOW, NOW)
        return replace(made, state=state, server_id="app_1", private=bytes(32), **more)

    def unlock(self, identity: str, serial: str, pin: str) -> None:
        self._unlocked("platform", pin)

    def by_officer(self, serial: str, officer: str, pin: str) -> None:
        self._unlocked("officer", pin)

    def _unlocked(self, by: str, pin: str) -> None:
        self.set.append(by)
        self._context.pin, self._context.tries = pin, 10
        self._context._replug()


class StandInUpdates:
    """See :class:`ui.shell.context.parts.UpdateDesk`: nothing is newer unless a test says so."""

    def __init__(self) -> None:
        self.installable = False
        self.newer: Release | None = None
        self.package: Path | None = None
        self.installed: list[Path] = []

    def offered(self) -> Release | None:
        return self.newer

    def fetch(self, release: Release, step: Callable[[int], None]) -> Path:
        assert self.package is not None
        step(release.size)
        return self.package

    def install(self, path: Path, release: Release) -> None:
        self.installed.append(path)


class StandIn:
    """See :class:`ui.shell.context.whole.Context`."""

    def __init__(
        self,
        home: Path,
        *,
        seals: Sequence[SealRecord] | None = None,
        holder: Company | None = None,
    ) -> None:
        self.company = holder or company()
        self.settings = Settings(
            folders=Folders(home / "config", home / "data", home / "cache"),
            platform_url="http://127.0.0.1:8081",
        )
        self._cabinet = Cabinet.in_memory()
        for seal in self.company.seals if seals is None else seals:
            self._cabinet.keep_seal(seal)
            self._cabinet.keep_statement(self.company.statement(seal))
        self.journal = Journal(home / "data" / "journal.jsonl")
        self.plugged: tuple[TokenView, ...] = (self.company.token(),)
        self.tries = 10
        self.pin = PIN
        self.asked: list[str] = []
        """Every PIN that was tried, for tests that count."""
        self.pull_out_before: int | None = None
        """Stamping's n-th signature (from 0) finds the key gone."""
        self.accepted: list[tuple[str, str]] = []
        """Who has accepted which grant."""
        self.approved_seals: set[str] = set()
        """Codes of seals whose uses somebody has to approve."""
        self.asked_ahead: list[tuple[str, int]] = []
        """Documents that approval was asked for, and how much was signed by then."""
        self.signed = 0
        self._pages = threading.Lock()
        self._updates = StandInUpdates()

    # --- keys ----------------------------------------------------------------------------------

    def tokens(self) -> tuple[TokenView, ...]:
        return self.plugged

    def _check_pin(self, pin: str) -> None:
        if not self.plugged:
            raise TokenRemoved("gone")
        if self.tries == 0:
            raise PinLocked("locked")
        self.asked.append(pin)
        if pin != self.pin:
            self.tries -= 1
            self._replug()
            if self.tries == 0:
                raise PinLocked("locked")
            raise PinIncorrect(self.tries)
        self.tries = 10
        self._replug()

    def _replug(self) -> None:
        self.plugged = (
            self.company.token(
                tries_left=self.tries, final_try=self.tries == 1, locked=self.tries == 0
            ),
        )

    def initialise(self, blank: TokenView, label: str, so_pin: str, pin: str) -> None:
        assert not blank.initialised
        self.pin, self.so_pin = pin, so_pin
        self.plugged = (self.company.token(label=label, certificates=()),)

    def change_pin(self, serial: str, old: str, new: str) -> None:
        self._check_pin(old)
        self.pin = new

    @contextmanager
    def stamping(
        self,
        seal_codes: Sequence[str],
        serial: str,
        pin: str,
        *,
        offline: bool,
        lend: Lend | None = None,
    ) -> Iterator[_Stamper]:
        self._check_pin(pin)
        key = _Key(self)
        yield _Stamper(self, lend(DeviceThreadKey(key)) if lend else key)

    def stamped_earlier(self, acts: Mapping[str, Sequence[Path]]) -> Mapping[str, StampedEarlier]:
        take_up(self.journal, self._cabinet.queue_usage)
        return stamped_earlier(self.journal, acts, ())

    time_there: datetime | None = None
    """What the platform's clock says; None: nobody asks it."""
    no_timestamp: BaseException | None = None
    stamped_at: tuple[datetime, datetime] | None = None
    """This computer's time and that of the authority which stamped."""

    def timestamp_news(self) -> tuple[BaseException | None, Notice | None]:
        told = self.no_timestamp, clock_of_stamp(self.stamped_at)
        self.no_timestamp = self.stamped_at = None
        return told

    def synchronise(self, serial: str, pin: str) -> Synced:
        self._check_pin(pin)
        sent = self._cabinet.pending_usage()
        self._cabinet.keep_receipts({each.id: "{}" for each in sent})
        return Synced(len(self._cabinet.seals()), len(sent))

    @cached_property
    def unlocking(self) -> StandInUnlocking:
        return StandInUnlocking(self)

    @cached_property
    def applications(self) -> ApplicationsStandIn:
        return ApplicationsStandIn(self)

    # --- cabinet, stories, journal ---------------------------------------------------------------

    def save_settings(self, values: Mapping[str, object]) -> Settings:
        from app.settings import save

        self.settings = save(self.settings, values)
        return self.settings

    def seals(self) -> tuple[SealRecord, ...]:
        return tuple(self._cabinet.seals())

    def statement_of(self, seal: SealRecord) -> datetime | None:
        statement = self._cabinet.statement(seal.code, seal.platform)
        return statement.statement.issued_at if statement else None

    def grants(self) -> tuple[GrantRecord, ...]:
        return tuple(self._cabinet.grants())

    def keep_grant(self, grant: GrantRecord) -> None:
        """For tests: one that the platform told of."""
        self._cabinet.keep_grant(grant)

    def use_policies(self) -> tuple[PolicyRecord, ...]:
        return tuple(self.approvals.rules)

    def offer_grant(self, seal_code: str, wish: Wish, serial: str, pin: str) -> Offered:
        self._check_pin(pin)
        seal = self._cabinet.seal(seal_code)
        grant, code, _ = terms_of(wish, seal, datetime.now(UTC))
        made = signed(grant, self.company.holder, seal.platform)
        record = grant_record(made, "given", state="offered", code=code)
        self._cabinet.keep_grant(record)
        return Offered(record, code)

    def look_at_offer(self, code: str) -> SignedGrant:
        found = [each.signed for each in self._cabinet.grants() if each.code == code]
        if not found:
            raise OfferNotOpen
        return found[0]

    def accept_grant(
        self, code: str, person: Person | None, seen: SignedGrant, serial: str, pin: str
    ) -> SealRecord:
        self._check_pin(pin)
        self.accepted.append((person.name if person else "", seen.grant.id))
        return self._cabinet.seals()[0]

    def withdraw_grant(self, grant: GrantRecord, serial: str, pin: str) -> GrantRecord:
        self._check_pin(pin)
        ended = replace(grant, state="revoked", reason="grant_withdrawn")
        self._cabinet.keep_grant(ended)
        return ended

    def choose_use(self, side: str, identity: str, name: str, value: str) -> None:
        known = next(g for g in self._cabinet.grants() if (g.side, g.id) == (side, identity))
        chosen = {"kind": known.kind, "counterparty": known.counterparty, name: value}
        kind, party = chosen["kind"], chosen["counterparty"]
        self._cabinet.keep_grant(replace(known, kind=kind, counterparty=party))

    def report_later(self) -> int:
        return 0

    def notices(self) -> tuple[NoticeRecord, ...]:
        return tuple(self._cabinet.notices.all())

    def keep_notice(
        self, origin: str, kind: str, facts: Mapping[str, str], at: datetime
    ) -> NoticeRecord:
        """As a synchronisation does."""
        return self._cabinet.notices.keep(origin, kind, facts, at)

    def notices_read(self, identities: Sequence[str]) -> None:
        self._cabinet.notices.mark_read(identities)

    def waiting_records(self) -> int:
        return self._cabinet.waiting_usage()

    def waiting_uses(self, most: int) -> tuple[WaitingUse, ...]:
        return waiting_uses(self._cabinet.pending_usage(most), self.journal.entries())

    @property
    def trust(self) -> Trust:
        return self.company.authorities.trust

    def verify(
        self,
        paths: Sequence[Path],
        password: str | None,
        fetch: bool,
        step: Step,
        stopped: Callable[[], bool],
    ) -> tuple[BaseException, ...]:
        check_files(paths, Order(self.trust, self.settings.language, password), self, step, stopped)
        return ()

    def status(self, seal_code: str) -> SignedStatement:
        seal = next(each for each in self.company.seals if each.code == seal_code)
        return self.company.statement(seal)

    def ticket(self, seal: Any, document_digest: bytes) -> bytes:
        record = next(s for s in self.company.seals if seal in (s.code, s.id, s))
        return self.company.statement(record, document_digest).token

    def sealed_report(self, path: Path, output: Path, language: str) -> Verdict:
        with path.open("rb") as stream:
            report = verify_pdf(stream, path.name, self.trust, datetime.now(UTC))
        output.write_bytes(render(report, language))
        return report.verdict

    def trust_state(self) -> TrustView:
        return trust_view(self.settings, self._cabinet)

    def chain_of(self, certificate: bytes, purpose: Literal["signers", "seal_makers"]) -> Chain:
        leaf, now = Certificate.parse(certificate), datetime.now(UTC)
        return build_chain(leaf, self.trust.pool, getattr(self.trust, purpose), now)

    def certificates_of(self, path: Path, password: str | None) -> Mapping[str, bytes]:
        return certificates_of(path, password, self.trust)

    def read_anchors(self, path: Path) -> tuple[Certificate, ...]:
        return tuple(anchors.read_certificates(path))

    def add_anchors(
        self, certificates: Sequence[Certificate], purposes: Sequence[anchors.Purpose]
    ) -> None:
        for each in certificates:
            for purpose in purposes:
                anchors.add(self.settings, each, purpose)

    def platform_claim(self, path: Path, password: str | None) -> Any:
        raise PlatformUnreachable("http://127.0.0.1:8081", "refused")

    def trust_platform(self, claim: Any, whole: bool) -> None:
        raise PlatformUnreachable("http://127.0.0.1:8081", "refused")

    def remove_anchor(self, sm3: str) -> None:
        anchors.remove(self.settings, sm3)

    @property
    def preparer(self) -> DeskPreparer:
        answers = Answers(self.settings.folders.data / "answers.json")
        return DeskPreparer(
            lambda: self.trust, self._cabinet.seal, lambda: answers, lambda: self.time_there
        )

    def open_dispute(self, *_: Any) -> Any:
        raise PlatformUnreachable("http://127.0.0.1:8081", "refused")

    dispute_state = dispute_evidence = open_dispute

    def report_pdf(self, path: Path, report: Report, password: str | None, language: str) -> bytes:
        return render(report, language)

    def changes(self, path: Path, report: Report, password: str | None) -> tuple[ChangedPage, ...]:
        with path.open("rb") as document:
            return changes_in(document, report, password)

    def evidence(self, path: Path, output: Path, password: str | None, language: str) -> None:
        make(path, output, trust=self.trust, platform=self, password=password, language=language)

    def find(self, path: Path, text: str, password: str | None) -> tuple[TextHit, ...]:
        with self._pages, Pages(path, password) as pages:
            return tuple(pages.find(text))

    def journal_entries(
        self, *, since: datetime | None, until: datetime | None, text: str | None
    ) -> list[JournalEntry]:
        return self.journal.entries(since=since, until=until, text=text)

    def journal_check(self) -> JournalCheck:
        return self.journal.check()

    def journal_export(self, path: Path, entries: list[JournalEntry], language: str) -> int:
        return self.journal.export(path, entries, language)

    @cached_property
    def archives(self) -> DeskArchives:
        return DeskArchives(self.journal, lambda: (self.trust, self))

    @cached_property
    def approvals(self) -> StandInApprovals:
        return StandInApprovals(self.company)

    @cached_property
    def phones(self) -> StandInPhones:
        return StandInPhones(self.company.holder, self.company.seals[0].enterprise)

    @cached_property
    def staff(self) -> StandInStaff:
        return StandInStaff(self.settings.folders.cache / "staff")

    demo_pin = ""
    demo_possible = False

    def start_demo(self, step: Step) -> Context:
        raise AssertionError("demo_possible is not for nothing")

    def close(self) -> None:
        """Nothing was started."""

    @property
    def updates(self) -> StandInUpdates:
        return self._updates

    def diagnosis(self) -> dict[str, Any]:
        return {"program": "SealDesk", "system": "test"}


def stamped(context: StandIn, source: Path, code: str = SEALS[1][0], top: float = 100) -> Path:
    """*source* stamped with one of the company's seals: the path of the result."""
    job = stamping.StampJob(source, code, (Mark(0, 100, top, 40, 40),))
    with context.stamping([code], "", PIN, offline=False) as key:
        return key.stamp(job, lambda *_: None).path


class _Stamper:
    def __init__(self, context: StandIn, key: SigningKey) -> None:
        self._context, self._key = context, key

    def needs_approval(self, seal_code: str) -> bool:
        return seal_code in self._context.approved_seals

    def ask_ahead(self, job: stamping.StampJob) -> None:
        self._context.asked_ahead.append((job.source.name, self._context.signed))

    def stamp(self, job: stamping.StampJob, step: Step) -> stamping.StampedFile:
        context = self._context
        return stamping.stamp(
            job,
            key=self._key,
            cabinet=context._cabinet,
            journal=context.journal,
            trust=context.trust,
            platform=context,
            step=step,
        )


class _Key:
    """The holder's key, which can be pulled out."""

    def __init__(self, context: StandIn) -> None:
        self._context = context
        self.certificate = context.company.holder.certificate

    def sign(self, message: bytes) -> bytes:
        if self._context.pull_out_before == self._context.signed:
            self._context.plugged = ()
            raise TokenRemoved("pulled out")
        self._context.signed += 1
        return self._context.company.holder.sign(message)
