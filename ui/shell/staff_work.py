"""What the pages of reviewers and auditors need from the rest of the product, as a protocol.

Every method blocks: those marked *device* are called on the thread of the key, the others in the
pool. Who is signed in is known here; no page holds a session.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from app.remote.staff.auditing import LedgerRecord, SearchPage, Wanted
    from app.remote.staff.reviewing import Document, QueuePage, Review, Verdict
    from app.store.audited_ledgers import AuditedLedger


class StaffWork(Protocol):
    """See the module."""

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

    def decide(self, review: Review, verdict: Verdict, serial: str, pin: str) -> str:
        """Sign and send the decision; gives the application's state. *device*"""

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
