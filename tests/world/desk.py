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
from functools import cache
from pathlib import Path
from typing import Any

from app import stamping
from app.bulk import Order
from app.evidence import make
from app.pages import Pages
from app.placement import TextHit
from app.settings import Folders, Settings
from app.store.cabinet import Cabinet, SealRecord, UsageRecord
from app.store.journal import Journal, JournalCheck, JournalEntry
from crypto.algorithms.keys import SigningKey, SoftKey
from crypto.pdf.verify import verify_pdf
from crypto.pki.certificate import OCSP_SIGNING, Certificate
from crypto.pki.certificate_making import make_certificate
from crypto.pki.names_and_algorithms import Name
from crypto.report.pdf import render
from crypto.seal.making import make_seal
from crypto.seal.statement import SealStatement, SignedStatement
from crypto.validation.trust import Trust
from crypto.verdict import Report, Verdict
from device.token import PinIncorrect, PinLocked, TokenRemoved
from server_stub.neighbours.imprint import SPECS, draw
from ui.checking import check_files
from ui.shell.context import CertificateView, Context, Lend, Step, TokenView
from ui.shell.desk_context import DeskContext
from ui.shell.desk_keys import DeviceThreadKey

COMPANY = "宿迁云帆贸易有限公司"
PIN = "right-2026"
SERIAL = "UK2026110042"
NOW = datetime.now(UTC).replace(microsecond=0)
SEALS = (
    ("32130200010002", "contract", 4, "合同专用章", COMPANY),
    ("32130200010001", "official", 1, "法定名称章", COMPANY),
    ("32130200010005", "legal_representative", 5, "法定代表人名章", "王建国"),
)


class Authority:
    """A root, a maker and a status desk, made once."""

    def __init__(self) -> None:
        self._serial = 1000
        self.root_key = SoftKey.generate()
        self.root_name = Name.build(
            [("C", "CN"), ("O", "演示根"), ("CN", "企业电子印章演示根证书")]
        )
        self.root = self.issue(self.root_name, self.root_key, ["keyCertSign", "cRLSign"], ca=True)
        self.maker = self.key("宿迁市企业电子印章公共服务平台", "制章者", ["digitalSignature"])
        self.status = self.key(
            "宿迁市企业电子印章公共服务平台", "状态服务", ["digitalSignature"], [OCSP_SIGNING]
        )

    def issue(
        self,
        subject: Name,
        key: SoftKey,
        usage: Sequence[str],
        purposes: Sequence[str] = (),
        *,
        ca: bool = False,
        days: int = 365,
    ) -> bytes:
        self._serial += 7
        return make_certificate(
            subject=subject,
            public_key=key.spki,
            issuer=self.root_name,
            issuer_key=self.root_key,
            authority_spki=self.root_key.spki,
            serial=self._serial,
            not_before=NOW - timedelta(days=30),
            not_after=NOW + timedelta(days=days),
            key_usage=usage,
            extended_key_usage=purposes,
            ca=ca,
        )

    def key(
        self, organization: str, name: str, usage: Sequence[str], purposes: Sequence[str] = ()
    ) -> SoftKey:
        made = SoftKey.generate()
        subject = Name.build([("C", "CN"), ("O", organization), ("CN", name)])
        return made.with_certificate(self.issue(subject, made, usage, purposes))

    def statement(self, seal: SealRecord, digest: bytes | None = None) -> bytes:
        now = datetime.now(UTC)
        return SealStatement(
            seal_code=seal.code,
            state="active",
            reason="",
            effective_at=None,
            recorded_at=None,
            certificate_serial=seal.signer.serial,
            certificate_valid=True,
            issued_at=now,
            next_update=now + timedelta(hours=1),
            document_digest=digest,
        ).encode(self.status)


class Company:
    """A holder: one key, several seals."""

    def __init__(self, authority: Authority, name: str = COMPANY, seals: Any = SEALS) -> None:
        self.authority = authority
        self.holder = SoftKey.generate()
        subject = Name.build([("C", "CN"), ("O", name), ("CN", seals[0][0])])
        self.holder = self.holder.with_certificate(
            authority.issue(
                subject,
                self.holder,
                ["digitalSignature", "nonRepudiation"],
                ["1.3.6.1.5.5.7.3.36"],
                days=200,
            )
        )
        self.seals = tuple(self._seal(*each, name) for each in seals)

    def _seal(
        self, code: str, subtype: str, kind: int, title: str, text: str, company: str
    ) -> SealRecord:
        spec = SPECS[subtype]
        data = make_seal(
            es_id=code,
            vendor="SealDesk",
            seal_type=kind,
            name=text if subtype == "legal_representative" else company,
            signer_certificates=[self.holder.certificate],
            created=NOW - timedelta(days=3),
            valid_from=NOW - timedelta(days=3),
            valid_until=NOW + timedelta(days=400),
            picture=draw(subtype, text, seal_code="3213020001234", dpi=300),
            width_mm=spec.width,
            height_mm=spec.height,
            maker=self.authority.maker,
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
                ),
            ),
        )
        return replace(view, **changes)


@cache
def company() -> Company:
    """The one of this process: making keys and imprints takes a moment."""
    return Company(Authority())


class StandIn:
    """See :class:`ui.shell.context.Context`."""

    def __init__(self, home: Path, *, seals: Sequence[SealRecord] | None = None) -> None:
        self.company = company()
        self.settings = Settings(
            folders=Folders(home / "config", home / "data", home / "cache"),
            platform_url="http://127.0.0.1:8081",
        )
        self._cabinet = Cabinet.in_memory()
        for seal in self.company.seals if seals is None else seals:
            self._cabinet.keep_seal(seal)
            self._cabinet.keep_statement(
                SignedStatement.parse(self.company.authority.statement(seal))
            )
        self.journal = Journal(home / "data" / "journal.jsonl")
        self.plugged: tuple[TokenView, ...] = (self.company.token(),)
        self.tries = 10
        self.pin = PIN
        self.asked: list[str] = []
        """Every PIN that was tried, for tests that count."""
        self.pull_out_before: int | None = None
        """Stamping's n-th signature (from 0) finds the key gone."""
        self.signed = 0
        self._pages = threading.Lock()

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

    no_timestamp: BaseException | None = None

    def timestamp_problem(self) -> BaseException | None:
        problem, self.no_timestamp = self.no_timestamp, None
        return problem

    def synchronise(self, serial: str, pin: str) -> tuple[int, int]:
        self._check_pin(pin)
        sent = self._cabinet.pending_usage()
        self._cabinet.keep_receipts({each.id: "{}" for each in sent})
        return len(self._cabinet.seals()), len(sent)

    def enrol(self, platform_url: str, applicant: Any, serial: str, pin: str) -> SealRecord:
        self._check_pin(pin)
        self._cabinet.keep_seal(self.company.seals[0])
        return self.company.seals[0]

    # --- cabinet, stories, journal ---------------------------------------------------------------

    def save_settings(self, values: Mapping[str, object]) -> Settings:
        from app.settings import save

        self.settings = save(self.settings, values)
        return self.settings

    def seals(self) -> tuple[SealRecord, ...]:
        return tuple(self._cabinet.seals())

    def statement_of(self, seal_code: str) -> datetime | None:
        statement = self._cabinet.statement(seal_code)
        return statement.statement.issued_at if statement else None

    def waiting_records(self) -> int:
        return self._cabinet.waiting_usage()

    def waiting_uses(self, most: int) -> tuple[UsageRecord, ...]:
        return tuple(self._cabinet.pending_usage(most))

    @property
    def trust(self) -> Trust:
        authority = self.company.authority
        return Trust.in_all([Certificate.parse(authority.root)])

    def verify(
        self, paths: Sequence[Path], password: str | None, step: Step, stopped: Callable[[], bool]
    ) -> None:
        check_files(paths, Order(self.trust, password=password), self, step, stopped)

    def status(self, seal_code: str) -> SignedStatement:
        seal = next(each for each in self.company.seals if each.code == seal_code)
        return SignedStatement.parse(self.company.authority.statement(seal))

    def ticket(self, seal: Any, document_digest: bytes) -> bytes:
        record = next(s for s in self.company.seals if seal in (s.code, s.id, s))
        return self.company.authority.statement(record, document_digest)

    def sealed_report(self, path: Path, output: Path, language: str) -> Verdict:
        with path.open("rb") as stream:
            report = verify_pdf(stream, path.name, self.trust, datetime.now(UTC))
        output.write_bytes(render(report, language))
        return report.verdict

    open_dispute = DeskContext.open_dispute
    dispute_state = DeskContext.dispute_state
    dispute_evidence = DeskContext.dispute_evidence
    examine = DeskContext.examine
    trust_state = DeskContext.trust_state
    read_anchors = DeskContext.read_anchors
    add_anchors = DeskContext.add_anchors
    remove_anchor = DeskContext.remove_anchor

    def report_pdf(self, report: Report, language: str) -> bytes:
        return render(report, language)

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

    demo_pin = ""
    demo_possible = False

    def start_demo(self, step: Step) -> Context:
        raise AssertionError("demo_possible is not for nothing")

    def close(self) -> None:
        """Nothing was started."""

    def diagnosis(self) -> dict[str, Any]:
        return {"program": "SealDesk", "system": "test"}


class _Stamper:
    def __init__(self, context: StandIn, key: SigningKey) -> None:
        self._context, self._key = context, key

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
