"""The parts of what the window needs from the rest of the product, each for one kind of work.

Every method blocks and is called from :mod:`ui.tasks`: those marked *device* on the one thread that
may touch a Ukey, the others in the pool. Of :class:`Stamper` the key signs on the device thread and
nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from app.archiving.making import Made
    from app.archiving.metadata import About
    from app.preparing import Notice
    from app.remote.approval.asking import UseWish
    from app.remote.approval.client import Candidate
    from app.remote.approval.deciding import Shown
    from app.remote.approval.phones import Answered, Pairing, Phone
    from app.remote.approval.setting import PolicyWish
    from app.remote.platform_account import Appointed
    from app.remote.staff.auditing import LedgerRecord, SearchPage, Wanted
    from app.remote.staff.reviewing import Document, LossCall, QueuePage, Review
    from app.remote.staff.reviewing import Verdict as ReviewVerdict
    from app.stamping import StampedFile, StampJob
    from app.store.applications import ApplicationRecord
    from app.store.audited_ledgers import AuditedLedger
    from app.store.cabinet import SealRecord
    from app.store.use_requests import PolicyRecord, UseRequestRecord
    from crypto.algorithms.keys import SigningKey
    from crypto.seal.release import Release
    from ui.shell.context.values import DocumentFacts, UnlockView


Step = Callable[..., None]
"""Called before each step; raises :class:`app.errors.Cancelled` when the person has cancelled."""


Lend = Callable[["SigningKey"], "SigningKey"]
"""Turns a key into one that other threads may sign with (:meth:`app.many.batch.Batch.lend`)."""


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
