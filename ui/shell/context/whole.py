"""All that the window needs from the rest of the product: one protocol, so that tests can stand in.

Every method blocks and is called from :mod:`ui.tasks`: those marked *device* on the one thread that
may touch a Ukey, the others in the pool.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from app.many.resuming import StampedEarlier
    from app.placing.placement import TextHit
    from app.preparing import Notice
    from app.remote.disputes import DisputeEvidence, DisputeReceipt, DisputeState
    from app.remote.lending import Offered, Person, Wish
    from app.remote.objection import Objection
    from app.remote.syncing import Synced
    from app.settings import Settings
    from app.store.anchors import Purpose
    from app.store.cabinet import SealRecord
    from app.store.journal import JournalCheck, JournalEntry
    from app.store.lending import GrantRecord
    from app.store.notices import NoticeRecord
    from app.store.use_requests import PolicyRecord
    from app.store.uses import WaitingUse
    from crypto.pdf.looking.pictures import ChangedPage
    from crypto.pki.certificate import Certificate
    from crypto.pki.chain import Chain
    from crypto.seal.grant import SignedGrant
    from crypto.verdict import Report, Verdict
    from ui.shell.context.parts import (
        ApplicationDesk,
        ApprovalDesk,
        ArchiveWork,
        Lend,
        PhoneWork,
        Preparer,
        StaffWork,
        Stamper,
        Step,
        UnlockDesk,
        UpdateDesk,
    )
    from ui.shell.context.values import PlatformClaim, TokenView, TrustView


class Context(Protocol):
    """One run of the product, as the window sees it."""

    @property
    def settings(self) -> Settings: ...

    def save_settings(self, values: Mapping[str, object]) -> Settings:
        """Raises :class:`app.errors.SettingLocked`, :class:`app.errors.SettingsInvalid`."""

    # keys: device

    def tokens(self) -> tuple[TokenView, ...]:
        """What is plugged in now. *device*"""

    def change_pin(self, serial: str, old: str, new: str) -> None:
        """*device*. Raises :class:`device.token.PinError`'s subclasses."""

    def initialise(self, blank: TokenView, label: str, so_pin: str, pin: str) -> None:
        """Set label and both PINs of a key that is blank, never of another. *device*"""

    def stamping(
        self, seal_codes: Sequence[str], serial: str, pin: str, *, offline: bool, lend: Lend
    ) -> AbstractContextManager[Stamper]:
        """The keys of these seals, all on the token *serial*, opened with one login. *device*"""

    def stamped_earlier(self, acts: Mapping[str, Sequence[Path]]) -> Mapping[str, StampedEarlier]:
        """Those of the *acts* (name → folders that its output may be in) that came to a stamped
        file, also just before a crash: what is missing of its entries is made first. Raises
        :class:`app.errors.LocalDataError`."""

    def timestamp_news(self) -> tuple[BaseException | None, Notice | None]:
        """Why the stamping before got no time stamp, where one was wished for but not required;
        and that the authority's clock is not this computer's. Told once."""

    def synchronise(self, serial: str, pin: str) -> Synced:
        """Bring back the key's seals that are not here, fetch states, send usage records.
        *device*"""

    @property
    def applications(self) -> ApplicationDesk:
        """The applications for seals."""

    @property
    def unlocking(self) -> UnlockDesk:
        """New PINs for locked keys."""

    # the cabinet

    def seals(self) -> tuple[SealRecord, ...]: ...
    def statement_of(self, seal: SealRecord) -> datetime | None:
        """When the platform last said that the seal is in force."""

    def waiting_records(self) -> int:
        """Usage records not yet sent to the platform."""

    def waiting_uses(self, most: int) -> tuple[WaitingUse, ...]:
        """The first of them, with the names of their files."""

    def notices(self) -> tuple[NoticeRecord, ...]:
        """What has happened, newest first."""

    def notices_read(self, identities: Sequence[str]) -> None:
        """The person has read them."""

    # grants and reports

    def grants(self) -> tuple[GrantRecord, ...]:
        """Those given and received, as the platform last told of them."""

    def use_policies(self) -> tuple[PolicyRecord, ...]:
        """Whose approval uses of seals need, as the platform last told."""

    def offer_grant(self, seal_code: str, wish: Wish, serial: str, pin: str) -> Offered:
        """Lend a seal. *device*. Raises :class:`app.errors.GrantTermsWrong`."""

    def look_at_offer(self, code: str) -> SignedGrant:
        """The terms of the offer of *code*. Raises :class:`app.errors.OfferNotOpen`."""

    def accept_grant(
        self, code: str, person: Person | None, seen: SignedGrant, serial: str, pin: str
    ) -> SealRecord:
        """Accept the offer of *code*, whose terms were *seen*; *person*: with a new certificate.
        *device*"""

    def withdraw_grant(self, grant: GrantRecord, serial: str, pin: str) -> GrantRecord:
        """End a grant at once. *device*"""

    def choose_use(self, side: str, identity: str, name: str, value: str) -> None:
        """Say what the next uses under a grant are for: *name* is "kind" or "counterparty"."""

    def report_later(self) -> int:
        """Report uses that wait, without a PIN, if this computer may; how many were taken."""

    # trust

    def trust_state(self) -> TrustView:
        """Raises what reading the anchors' files raises."""

    def chain_of(self, certificate: bytes, purpose: Literal["signers", "seal_makers"]) -> Chain:
        """From a certificate (DER) towards what is trusted for that purpose now. Raises
        :class:`crypto.pki.names_and_algorithms.CertificateError`, :class:`app.errors.AppError`."""

    def certificates_of(self, path: Path, password: str | None) -> Mapping[str, bytes]:
        """Those that the document at *path* brings and those it is judged by: DER, by their SM3 in
        hexadecimal."""

    def read_anchors(self, path: Path) -> tuple[Certificate, ...]:
        """The certificates in a file, which may become anchors."""

    def add_anchors(self, certificates: Sequence[Certificate], purposes: Sequence[Purpose]) -> None:
        """Raises :class:`app.errors.SettingLocked`, OSError."""

    def platform_claim(self, path: Path, password: str | None) -> PlatformClaim:
        """Fetch what the platform that the file names says of itself
        (:mod:`app.trust.platforms`)."""

    def trust_platform(self, claim: PlatformClaim, whole: bool) -> None:
        """Trust it, for the file's companies or for all its seals; its root was compared."""

    def remove_anchor(self, sm3: str) -> None:
        """One's own anchor, for every purpose, or a platform that one has trusted, by its root."""

    # the two stories and what surrounds them

    def verify(
        self,
        paths: Sequence[Path],
        password: str | None,
        fetch: bool,
        step: Step,
        stopped: Callable[[], bool],
    ) -> tuple[BaseException, ...]:
        """Verify *paths* in processes of their own; each one's place, outcome and conclusion go to
        *step* (:func:`ui.checking.check_files`). *fetch*: with what the addresses in them lead
        to. Gives what speaks against a trust list or a platform that this machine follows."""

    def report_pdf(self, path: Path, report: Report, password: str | None, language: str) -> bytes:
        """The report on the file at *path* set on A4, with pictures of it."""

    def changes(self, path: Path, report: Report, password: str | None) -> tuple[ChangedPage, ...]:
        """Pictures of the pages of *path* that changed since a signature in *report*. Raises
        :class:`app.errors.FileNotReadable`."""

    def evidence(self, path: Path, output: Path, password: str | None, language: str) -> None:
        """Verify *path* and pack document, report, chain and status into *output* (ZIP)."""

    def sealed_report(self, path: Path, output: Path, language: str) -> Verdict:
        """Send *path* to the platform and save the report under the platform's seal as the new file
        *output*; gives the platform's verdict."""

    def open_dispute(
        self, objection: Objection, receipt: Path, serial: str, pin: str
    ) -> DisputeReceipt:
        """Tell the platform and save its receipt as a new file. With a key's *serial* and *pin* the
        statement is signed, and only then this is *device*."""

    def dispute_state(self, receipt: Path) -> DisputeState:
        """How far the objection with that receipt is."""

    def dispute_evidence(self, receipt: Path, output: Path) -> DisputeEvidence:
        """The platform's package, checked, as the new file *output*."""

    @property
    def preparer(self) -> Preparer:
        """What is looked at and asked before the PIN."""

    def find(self, path: Path, text: str, password: str | None) -> tuple[TextHit, ...]:
        """Where *text* occurs, in reading order."""

    # the journal

    def journal_entries(
        self, *, since: datetime | None, until: datetime | None, text: str | None
    ) -> list[JournalEntry]: ...
    def journal_check(self) -> JournalCheck: ...
    def journal_export(self, path: Path, entries: list[JournalEntry], language: str) -> int: ...
    @property
    def archives(self) -> ArchiveWork: ...

    # work for the platform

    @property
    def approvals(self) -> ApprovalDesk:
        """Approvals of uses."""

    @property
    def phones(self) -> PhoneWork:
        """Pairing phones, and ending that."""

    @property
    def staff(self) -> StaffWork:
        """What a reviewer or auditor does."""

    # the demo

    @property
    def demo_pin(self) -> str:
        """The PIN of the demo's key, for everybody to see; "" where nothing is a demo."""

    @property
    def demo_possible(self) -> bool:
        """Can :meth:`start_demo` do anything here?"""

    def start_demo(self, step: Step) -> Context:
        """Start a platform on this machine and get a seal from it onto a virtual Ukey; *step* is
        told how far it is. The demo's context is to be closed. *device*"""

    def close(self) -> None:
        """End what this context itself has started."""

    # help

    @property
    def updates(self) -> UpdateDesk:
        """New versions of the program."""

    def diagnosis(self) -> dict[str, Any]:
        """Versions, settings, modules, keys' kinds and states: no secret, no document."""
