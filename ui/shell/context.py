"""What the window needs from the rest of the product: one protocol, so that tests can stand in.

Every method blocks and is called from :mod:`ui.tasks`: those marked *device* on the one thread that
may touch a Ukey, the others in the pool. The window gets values, never live objects, except the
:class:`Stamper`, whose key signs on the device thread and nowhere else.

One module, though long: it is one protocol, and the values that it gives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from app.archiving.making import Made
    from app.archiving.metadata import About
    from app.many.resuming import StampedEarlier
    from app.placing.placement import TextHit
    from app.preparing import Notice
    from app.remote.approval.asking import UseWish
    from app.remote.approval.client import Candidate
    from app.remote.approval.deciding import Shown
    from app.remote.approval.phones import Answered, Pairing, Phone
    from app.remote.approval.setting import PolicyWish
    from app.remote.disputes import DisputeEvidence, DisputeReceipt, DisputeState
    from app.remote.lending import Offered, Person, Wish
    from app.remote.objection import Objection
    from app.remote.platform_account import Appointed
    from app.remote.staff.auditing import LedgerRecord, SearchPage, Wanted
    from app.remote.staff.reviewing import Document, LossCall, QueuePage, Review
    from app.remote.staff.reviewing import Verdict as ReviewVerdict
    from app.remote.syncing import Synced
    from app.settings import Settings
    from app.stamping import StampedFile, StampJob
    from app.store.anchors import Anchor, Purpose
    from app.store.applications import ApplicationRecord
    from app.store.audited_ledgers import AuditedLedger
    from app.store.cabinet import PlatformRecord, SealRecord
    from app.store.journal import JournalCheck, JournalEntry
    from app.store.lending import GrantRecord
    from app.store.notices import NoticeRecord
    from app.store.trusted_platforms import TrustedPlatform
    from app.store.use_requests import PolicyRecord, UseRequestRecord
    from app.store.uses import WaitingUse
    from crypto.algorithms.keys import SigningKey
    from crypto.pdf.looking.pictures import ChangedPage
    from crypto.pki.certificate import Certificate
    from crypto.pki.chain import Chain
    from crypto.seal.grant import SignedGrant
    from crypto.seal.release import Release
    from crypto.verdict import Report, Verdict


@dataclass(frozen=True)
class CertificateView:
    """A certificate on a key, as the settings page lists it."""

    name: str
    """Common name or, where there is none, the whole subject."""
    organization: str
    issuer: str
    serial: str
    """Hexadecimal."""
    not_before: datetime
    not_after: datetime
    sm3: str
    """Fingerprint, hexadecimal."""
    der: bytes = field(default=b"", repr=False)
    role: str = ""
    """What it lets its holder do for a platform: reviewer, auditor or ""."""


@dataclass(frozen=True)
class TokenView:
    """A plugged-in key at one moment."""

    serial: str
    label: str
    manufacturer: str
    model: str
    module: str
    is_virtual: bool
    initialised: bool
    locked: bool
    final_try: bool
    must_change: bool
    tries_left: int | None
    """None: the vendor does not tell."""
    certificates: tuple[CertificateView, ...] = ()
    pin_since: datetime | None = None
    """Since when it has had its PIN, at the latest; None: blank, or nobody looked."""
    slot: int = 0
    """Tells blank keys of one driver apart, which have no serial number yet."""
    driver_signer: str = ""
    """Who has signed the driver, by Windows' judgement; "" for nobody and on other systems."""

    @property
    def roles(self) -> frozenset[str]:
        """What its holder may do for a platform."""
        return frozenset(certificate.role for certificate in self.certificates if certificate.role)


@dataclass(frozen=True)
class RegistryView:
    """How far a platform's public registry was followed."""

    platform: str
    size: int
    root: str
    """Hexadecimal."""
    seen_at: datetime | None


@dataclass(frozen=True)
class TrustView:
    """Whom this machine believes."""

    anchors: tuple[Anchor, ...]
    own_locked: bool
    """A policy forbids anchors of one's own; those on disk are ignored."""
    platforms: tuple[PlatformRecord, ...]
    registries: tuple[RegistryView, ...]
    trusted: tuple[TrustedPlatform, ...] = ()
    """Platforms that are trusted for verifying alone."""
    trust_list: str = ""
    """The list that is followed, in one line; "" if none is."""


@dataclass(frozen=True)
class DocumentFacts:
    """What matters of a document before a seal is put on it."""

    pages: int
    signatures: int
    obstacle: BaseException | None = None
    """Why no seal may be added (:class:`crypto.pdf.reading.failures.PdfLocked`, …), if so."""
    notices: tuple[Notice, ...] = ()
    """What must be known of it."""
    digest: bytes = b""
    """SM3 of the file."""
    accepted: frozenset[str] = frozenset()
    """Codes of the notices that the person has said yes to."""

    @property
    def asked(self) -> tuple[Notice, ...]:
        """What the person must still say yes to."""
        return tuple(each for each in self.notices if each.asks and each.code not in self.accepted)


Step = Callable[..., None]
"""Called before each step; raises :class:`app.errors.Cancelled` when the person has cancelled."""


Lend = Callable[["SigningKey"], "SigningKey"]
"""Turns a key into one that other threads may sign with (:meth:`app.many.batch.Batch.lend`)."""


class PlatformClaim(Protocol):
    """What a file and its platform say of themselves; nobody has checked it."""

    @property
    def origin(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def qualifications(self) -> Sequence[str]: ...
    @property
    def holders(self) -> Sequence[str]:
        """Organisations whose seals in the file lead to the platform's root."""

    def fits(self, places: Sequence[int], entered: str) -> bool:
        """Are these the digits of the root's SM3 at these places?"""


class Preparer(Protocol):
    """The check before stamping; every method is for the pool."""

    def examine(self, path: Path, password: str | None) -> DocumentFacts:
        """Raises :class:`app.errors.FileError` (:class:`app.errors.FileRepairable` for one that can
        be repaired) and :class:`crypto.pdf.reading.failures.PdfError`."""

    def accept(self, facts: DocumentFacts) -> DocumentFacts:
        """Remember that the person says yes to all that is asked of this document."""

    def repair(self, path: Path, password: str | None) -> Path:
        """A repaired copy beside the original. Raises :class:`app.errors.FileError`."""

    def clock(self) -> Notice | None:
        """That this computer's clock is not the platform's, which is asked now and then."""

    def check(self, jobs: Sequence[StampJob]) -> None:
        """Raises what the jobs, all on one document, would fail for."""


class Stamper(Protocol):
    """An opened key: stamps job after job with one PIN entry, several at a time."""

    def stamp(self, job: StampJob, step: Step) -> StampedFile:
        """The story of one job, in any thread; the key is the one that was lent."""

    def needs_approval(self, seal_code: str) -> bool:
        """Must somebody approve the uses of that seal, as far as is known here?"""

    def ask_ahead(self, job: StampJob) -> None:
        """Send the request for approval that *job* needs, in any thread."""


class ApplicationDesk(Protocol):
    """Applications for seals: drafts on this computer, and what the platform has."""

    def all(self) -> tuple[ApplicationRecord, ...]:
        """Newest first."""

    def keep(self, identity: str, fields: Mapping[str, str], platform: str) -> ApplicationRecord:
        """Keep what was typed, for the platform at that address; "": as a new draft."""

    def keep_letter(self, identity: str, path: Path | None) -> ApplicationRecord:
        """Put a letter of authority with it, or take it away. Raises
        :class:`app.errors.FileNotReadable`, :class:`app.errors.ApplicationFieldWrong`."""

    def forget(self, identity: str) -> None:
        """Remove it from this computer."""

    def told(self, identities: Sequence[str]) -> None:
        """The person knows their present state."""

    def submit(self, identity: str, serial: str, pin: str) -> ApplicationRecord:
        """Hand it in, or again; collect the seal if it is made at once. Where the representative is
        to sign with a key of his own and has not, only its key is made. *device*"""

    def sign(self, identity: str, serial: str, pin: str) -> ApplicationRecord:
        """The legal representative signs with his own key. *device*"""

    def follow(self, identity: str, serial: str, pin: str) -> ApplicationRecord:
        """Ask the platform how far it is. *device*"""

    def withdraw(self, identity: str, serial: str, pin: str) -> ApplicationRecord:
        """Take it back. *device*"""

    def collect(self, identity: str, serial: str, pin: str) -> SealRecord:
        """Collect the seal that was made. *device*"""

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
        """Apply for a reissue, a renewal or a cancellation of *seal*, or again for one that is
        under way; take what is made at once. Where somebody else must sign first, it only gets its
        key. *letter*: of authority; *output*: where the sealed request to cancel is kept.
        *device*"""

    def keep_change(
        self, kind: str, seal: SealRecord, fields: Mapping[str, str], letter: Path | None
    ) -> ApplicationRecord:
        """Keep such an application as a draft."""

    def suspend(self, seal: SealRecord, reason: str, serial: str, pin: str) -> SealRecord:
        """Stop *seal*, or report it lost, at once. *device*. Raises
        :class:`app.errors.SealChangeRefused`."""

    def resume(self, seal: SealRecord, serial: str, pin: str) -> SealRecord:
        """Use it again. *device*. Raises as :meth:`suspend`."""

    def keepers(self, seal: SealRecord, serial: str, pin: str) -> tuple[Appointed, ...]:
        """Who keeps *seal*, asked with the key of the legal representative. *device*"""

    def give_keeper(
        self, seal: SealRecord, name: str, id_no: str, serial: str, pin: str
    ) -> tuple[Appointed, ...]:
        """The representative appoints one more; gives all. *device*"""

    def end_keeper(
        self, seal: SealRecord, identity: str, serial: str, pin: str
    ) -> tuple[Appointed, ...]:
        """The representative ends the appointment of one; gives the others. *device*"""


@dataclass(frozen=True)
class UnlockView:
    """How far the unlocking of a Ukey is."""

    seal: SealRecord | None = None
    """One of those on it; None: this computer knows none."""
    record: ApplicationRecord | None = None
    """The application for the platform's permission that was made last."""
    by_statement: bool = False
    """The Ukey takes the platform's statement; else its maker's tool sets the PIN."""
    tool: str = ""
    """Name of that tool, where it is known."""


class UnlockDesk(Protocol):
    """A new PIN for a Ukey whose PIN is locked or forgotten (:mod:`app.pins.unlocking`). All of it
    *device*. Raises :class:`app.errors.AppError`, :class:`device.token.TokenError`."""

    def state(self, serial: str) -> UnlockView:
        """How far it is; the platform is asked, if it answers."""

    def apply(self, serial: str, fields: Mapping[str, str], letter: Path | None) -> UnlockView:
        """Hand in the application for the platform's permission."""

    def unlock(self, identity: str, serial: str, pin: str) -> None:
        """Use the permission that the application of that *identity* has got."""

    def by_officer(self, serial: str, officer: str, pin: str) -> None:
        """Set a PIN with the administrator's."""


class UpdateDesk(Protocol):
    """New versions of the program that the platform releases (:mod:`app.updates`)."""

    @property
    def installable(self) -> bool:
        """Does the program start installations on this system?"""

    def offered(self) -> Release | None:
        """What is newer than this program; None if nothing is. Raises
        :class:`app.errors.UpdateForbidden` against the settings, :class:`app.errors.PlatformError`.
        """

    def fetch(self, release: Release, step: Callable[[int], None]) -> Path:
        """Its package, checked; *step* is told how many bytes are there. Raises besides
        :class:`app.errors.UpdateRejected`, OSError."""

    def install(self, path: Path, release: Release) -> None:
        """Check the package and its publisher, and hand it to the system's installer. Raises as
        :meth:`fetch`."""


class ArchiveWork(Protocol):
    """归档: packages of what was stamped here, or of a folder."""

    def months(self) -> Mapping[str, int]:
        """Months (``2026-11``) in which files were stamped here, the newest first, with how many
        files."""

    def make(
        self,
        what: str | Path,
        output: Path,
        about: About,
        language: str,
        step: Step,
        stopped: Callable[[], bool],
    ) -> Made:
        """Archive a month or a folder as the new file *output*; *step* is told as
        :data:`app.archiving.making.Step`."""


class ApprovalDesk(Protocol):
    """Approvals of uses: what is kept here, and what is done with a key (*device*)."""

    def requests(self) -> tuple[UseRequestRecord, ...]:
        """Those made here and those to be decided here, the newest first."""

    def policies(self) -> tuple[PolicyRecord, ...]:
        """Of the seals here, as the platforms last told of them."""

    def seen(self, requests: tuple[UseRequestRecord, ...]) -> None:
        """The person has seen how they stand."""

    def see(self, request: UseRequestRecord, serial: str, pin: str) -> Shown | None:
        """What its document looks like; None if it is not encrypted for this computer yet. Raises
        :class:`app.errors.DecisionRefused`."""

    def decide(
        self,
        request: UseRequestRecord,
        decision: Literal["approve", "reject"],
        reason: str,
        serial: str,
        pin: str,
    ) -> UseRequestRecord:
        """Sign a decision. Raises :class:`app.errors.DecisionRefused`."""

    def phone_link(self, request: UseRequestRecord, serial: str, pin: str) -> str:
        """The address for one's own phone, with the pages' key. Raises
        :class:`app.errors.DecisionRefused`."""

    def withdraw(self, request: UseRequestRecord, serial: str, pin: str) -> UseRequestRecord:
        """Take a request of one's own back."""

    def ask(
        self, seal_code: str, path: Path, wish: UseWish, serial: str, pin: str
    ) -> UseRequestRecord:
        """Ask for a use. Raises :class:`app.errors.UseRequestWrong`."""

    def candidates(self, seal_code: str, serial: str, pin: str) -> tuple[Candidate, ...]:
        """Whom the keeper can name as approvers."""

    def set_policy(self, seal_code: str, wish: PolicyWish, serial: str, pin: str) -> PolicyRecord:
        """Sign a seal's policy. Raises :class:`app.errors.PolicyTermsWrong`."""


class PhoneWork(Protocol):
    """Phones that stand in for the Ukey; the device's thread, but for :meth:`look` and
    :meth:`give_up`."""

    def listed(self, serial: str, pin: str) -> Sequence[Phone]:
        """Every phone that the key has bound, the newest first."""

    def begin(self, serial: str, pin: str) -> Pairing:
        """Open a pairing; another one ends."""

    def look(self) -> Answered | None:
        """Has a phone come? Raises :class:`app.errors.PhoneNotProved`,
        :class:`app.errors.PairingOver`."""

    def bind(self, answered: Answered, serial: str, pin: str) -> Sequence[Phone]:
        """Bind it with the key; every phone, as :meth:`listed`."""

    def revoke(self, phone: Phone, serial: str, pin: str) -> Sequence[Phone]:
        """End a binding at once; every phone."""

    def give_up(self) -> None:
        """Forget the pairing that was begun."""


class StaffWork(Protocol):
    """What the pages of reviewers and auditors need. Who is signed in is known here; no page holds
    a session."""

    def signed_in(self, role: str) -> bool:
        """Is there a session? It may have ended at the platform meanwhile."""

    def sign_in(self, role: str, serial: str, pin: str) -> None:
        """*device*. Raises :class:`app.errors.StaffKeyMissing`, :class:`app.errors.PlatformError`,
        :class:`device.token.TokenError`."""

    def sign_out(self, role: str) -> None:
        """Forget the session."""

    # --- the reviewer ----------------------------------------------------------------------------

    def queue(self, state: str, after: str) -> QueuePage:
        """A page of the applications in that state."""

    def review(self, identity: str) -> Review:
        """One application."""

    def imprint(self, review: Review) -> Path:
        """The filed imprint, in a file for the process that draws."""

    def document(self, review: Review, document: Document) -> Path:
        """A document of it, in a file for the process that draws."""

    def claim(self, identity: str) -> None:
        """Take it for review."""

    def decide(self, review: Review, verdict: ReviewVerdict, serial: str, pin: str) -> str:
        """Sign and send the decision; gives the application's state. *device*"""

    def losses(self) -> tuple[LossCall, ...]:
        """Calls about lost Ukeys that wait for a second person, oldest first."""

    def take_loss_call(
        self, seal_code: str, caller: str, shown: str, serial: str, pin: str
    ) -> LossCall:
        """Write down a call, signed. *device*"""

    def decide_loss(self, call: LossCall, reason: str, serial: str, pin: str) -> LossCall:
        """Confirm the call, or refuse it for a *reason*, signed. *device*"""

    def agree(
        self, verb: str, seal_code: str, reason: str, path: Path, serial: str, pin: str
    ) -> Path:
        """Sign that an operator may *resume* or *cancel* a seal, into a new file; its name.
        *device*"""

    # --- the auditor -----------------------------------------------------------------------------

    def seen(self) -> AuditedLedger | None:
        """What was seen of the ledger last."""

    def check(self) -> AuditedLedger:
        """Is the ledger a continuation of that?"""

    def cosign(self, serial: str, pin: str) -> AuditedLedger:
        """Check, then sign. *device*"""

    def search(self, wanted: Wanted, before: str) -> SearchPage:
        """A page of the ledger's entries."""

    def export(
        self, items: Sequence[LedgerRecord], names: Mapping[str, str], path: Path
    ) -> tuple[Path, ...]:
        """Have *items* proved and write them. Raises OSError."""


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
