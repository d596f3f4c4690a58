"""A tour of one company's life with its seals, in the demo's world: ``sealdesk demo --tour``.

Every step is a story of the product, done through the client against the demo's platform: apply,
stamp, grant, stamp as the grantee, suspend and resume, replace, archive. The world stays, and the
window opens in it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from app.archiving.making import make
from app.archiving.metadata import About
from app.archiving.sources import Record, of_month
from app.demo import (
    DEMO_PIN,
    DEMO_SO_PIN,
    bundled,
    desk_of_its_own,
    has_platform,
    stamp_with,
    tell,
)
from app.desk import Desk
from app.errors import SealUseError, explain, phrase
from app.publishing import free_name
from app.remote import applications
from app.remote.collecting import resume, suspend
from app.remote.enrolling import Applicant, enrol
from app.remote.lending import Person, Wish, accept, offer
from app.remote.syncing import synchronise_token
from app.settings import Settings
from app.signing import find_key
from app.store.cabinet import SealRecord
from app.verifying import verify
from crypto.beijing import BEIJING
from crypto.seal.application_form import REISSUE
from crypto.verdict import Report, say
from crypto.wording import as_sentences
from device import virtual
from device.token import Token

_USCC = "91321300MA27TUR17E"
"""Another company than the demo's: the two do not disturb each other."""
_REPRESENTATIVE = ("王建国", "321302196505050014")
_GRANTEE = ("周文博", "321302199307070034")
_PHONE = "13800000000"
_REVIEW_S = 60.0


def run(
    settings: Settings,
    output: Path,
    window: Callable[[Desk, Sequence[Path], str], int] | None = None,
) -> int:
    """Walk through it, files to the folder *output*; then show the world in the *window*, if there
    is one. Returns 0, or 2 if a file is not VALID that should be. Raises what the stories raise."""
    began = time.monotonic()
    language = settings.language
    tell(phrase("tour.start", language))
    if not has_platform():
        tell(phrase("demo.platform_missing", language))
        return 1
    output.mkdir(parents=True, exist_ok=True)
    with desk_of_its_own(settings) as desk:
        walk = _Walk(desk, output.absolute())
        package = walk.all()
        took = f"{time.monotonic() - began:.0f}"
        tell(phrase("tour.took", language).format(seconds=took, folder=walk.output))
        if window is not None:
            tell(phrase("tour.window", language).format(pin=DEMO_PIN))
            window(desk, [], "grants")
        else:
            tell(phrase("tour.next", language).format(package=package))
        return 0 if walk.good else 2


@dataclass
class _Walk:
    """One tour: each step tells what it is about to do, does it, and tells what came of it."""

    desk: Desk
    output: Path
    good: bool = True
    """Was every file VALID that should be?"""
    number: int = 0

    def all(self) -> Path:
        """Every step; gives the archive package."""
        desk, step, done = self.desk, self._step, self._done
        step("ukeys")
        his, guests = self._token(1), self._token(2)
        done("ukeys", pin=DEMO_PIN)

        step("apply")
        company = phrase("tour.company", self._language)
        official = self._seal("official", his, company)
        contracts = self._seal("contract", his, company)
        done("apply", company=company, official=official.code, contract=contracts.code)

        step("stamp")
        first = self._stamped("采购合同", his, official)
        report = self._judged(first)
        done("stamp", file=first.name, verdict=self._word(report))

        step("grant")
        code = self._offered(official, his, 3)
        done("grant")

        step("use")
        lent = self._accepted(code, guests)
        theirs = self._stamped("被授权人盖的合同", guests, lent)
        report = self._judged(theirs)
        done("use", file=theirs.name, verdict=self._word(report), who=self._said(report, "grant_"))

        step("suspend")
        done("suspend", refused=self._stopped_and_resumed(official, his, first))

        step("reissue")
        new = self._replaced(official, his)
        state = next(g for g in desk.cabinet.grants() if g.seal_id == lent.id)
        ended = phrase(f"grant_state.{state.state_at(datetime.now(UTC))}", self._language)
        done("reissue", old=official.code, new=new.code, grant=ended)

        step("after")
        report = self._judged(first)
        why = self._said(report, "seal_replaced")
        done("after", file=first.name, verdict=self._word(report), why=why)

        step("again")
        self._accepted(self._offered(contracts, his, 5), guests)
        done("again")

        step("archive")
        taken, package, sm3 = self._archived(company)
        done("archive", taken=taken, file=package.name, sm3=sm3)
        return package

    # --- telling -----------------------------------------------------------------------------

    @property
    def _language(self) -> str:
        return self.desk.settings.language

    def _step(self, name: str) -> None:
        self.number += 1
        title = phrase(f"tour.{name}", self._language)
        tell(phrase("tour.step", self._language).format(number=self.number, title=title))

    def _done(self, name: str, **facts: object) -> None:
        tell(f"    {phrase(f'tour.{name}_done', self._language).format(**facts)}")

    def _word(self, report: Report) -> str:
        return say("verdicts", report.verdict.value, self._language)

    def _said(self, report: Report, code: str) -> str:
        """The first sentence of a finding with that *code*, or one that begins so."""
        findings = [f for s in report.signatures for f in s.findings if f.code.startswith(code)]
        return as_sentences(findings, self._language)[0].text if findings else ""

    # --- doing -------------------------------------------------------------------------------

    def _token(self, slot: int) -> Token:
        folder = self.desk.virtual_folder
        if not virtual.token_path(folder, slot).exists():
            virtual.make_token(folder, slot, so_pin=DEMO_SO_PIN, user_pin=DEMO_PIN)
        held = self.desk.tokens(virtual.open_virtual_module().path)
        return next(token for token in held if token.info.slot == slot)

    def _seal(self, kind: str, token: Token, company: str) -> SealRecord:
        """The company's own one that is in force; applied for by its legal representative, if there
        is none."""
        for seal in self.desk.cabinet.seals():
            if (seal.uscc, seal.subtype, seal.state, seal.grant) == (_USCC, kind, "active", None):
                return seal
        name, number = _REPRESENTATIVE
        applicant = Applicant(
            uscc=_USCC,
            enterprise=company,
            legal_rep=name,
            handler=name,
            handler_id=number,
            phone=_PHONE,
            kind=kind,
        )
        with token.login(DEMO_PIN) as session:
            seal = enrol(applicant, session, self.desk.platform(), self.desk.cabinet)
            self.desk.settle_token(session, seal)
        return seal

    def _stamped(self, name: str, token: Token, seal: SealRecord) -> Path:
        source = bundled(free_name(self.output / f"{name}.pdf", ""))
        done, _ = stamp_with(self.desk, token, seal, source, self.output)
        _next_second()
        return done.path

    def _judged(self, path: Path) -> Report:
        desk = self.desk
        report = verify(path, trust=desk.trust(), platform=desk.status_service())
        self.good = self.good and report.verdict.value == "VALID"
        return report

    def _offered(self, seal: SealRecord, token: Token, uses: int) -> str:
        desk = self.desk
        wish = Wish(
            grantee=_GRANTEE[0],
            until=datetime.now(UTC) + timedelta(days=30),
            max_uses=uses,
            kinds=(phrase("tour.kind", self._language),),
        )
        with token.login(DEMO_PIN) as session:
            key = find_key(session, seal.certificate)
            return offer(desk.platform(), desk.cabinet, seal, wish, key).code

    def _accepted(self, code: str, token: Token) -> SealRecord:
        desk = self.desk
        with token.login(DEMO_PIN) as session:
            known = bool(session.certificates())
            person = None if known else Person(*_GRANTEE)
            seal = accept(desk.platform(), desk.cabinet, session, code, person)
            desk.settle_token(session, seal)
        return seal

    def _stopped_and_resumed(self, seal: SealRecord, token: Token, document: Path) -> str:
        """Why stamping was refused meanwhile."""
        desk = self.desk
        with token.login(DEMO_PIN) as session:
            stopped = suspend(seal, "holder_request", session, desk.platform(), desk.cabinet)
        refused = ""
        try:
            stamp_with(desk, token, stopped, document, self.output)
        except SealUseError as error:
            refused = explain(error, self._language).cause.rstrip("。.")
        with token.login(DEMO_PIN) as session:
            resume(stopped, session, desk.platform(), desk.cabinet)
        _next_second()
        return refused

    def _replaced(self, seal: SealRecord, token: Token) -> SealRecord:
        desk = self.desk
        fields = {
            "handler": _REPRESENTATIVE[0],
            "handler_id": _REPRESENTATIVE[1],
            "phone": _PHONE,
            "legal_rep": _REPRESENTATIVE[0],
            "cause": "damaged",
        }
        record = applications.for_seal(REISSUE, desk.cabinet.seal(seal.code), fields, desk.cabinet)
        with token.login(DEMO_PIN) as session:
            platform = desk.platform()
            steps = (record.id, session, platform, desk.cabinet)
            applications.send(*steps)
            applications.wait(*steps, _REVIEW_S)
            new = applications.collect(*steps)
            desk.settle_token(session, new)
            synchronise_token(platform, desk.cabinet, session, lending=desk.lending)
        return new

    def _archived(self, unit: str) -> tuple[int, Path, str]:
        desk = self.desk
        record, today = Record(desk.journal.entries()), datetime.now(BEIJING)
        made = make(
            of_month(record, today.year, today.month),
            free_name(self.output / f"{today:%Y-%m}.zip", ""),
            record=record,
            trust=desk.trust(),
            journal=desk.journal,
            about=About(unit=unit),
            platform=desk.status_service(),
            language=self._language,
        )
        return len(made.items), made.path, made.sm3


def _next_second() -> None:
    """Wait for the next second: statements count in seconds, and a change must not share the
    second of a use."""
    time.sleep(1.05 - datetime.now(UTC).microsecond / 1_000_000)
