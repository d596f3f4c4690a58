"""What reviewers and auditors do in the window (:class:`ui.shell.context.parts.StaffWork`).

Documents and imprints come from strangers: they are written to files that only the bounded process
opens, and go with the window.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, TypeVar

from app.errors import PlatformRefused
from ui.desk.keys import assert_device_thread

if TYPE_CHECKING:
    from app.desk import Desk
    from app.remote.staff.auditing import AuditorClient, LedgerRecord, SearchPage, Wanted
    from app.remote.staff.reviewing import (
        Document,
        LossCall,
        QueuePage,
        Review,
        ReviewerClient,
        Verdict,
    )
    from app.remote.staff.staff_client import StaffClient
    from app.signing import TokenKey
    from app.store.audited_ledgers import AuditedLedger

Answer = TypeVar("Answer")
_SUFFIXES = {b"%PDF-": ".pdf", b"\x89PNG": ".png", b"\xff\xd8\xff": ".jpg"}


class DeskStaff:
    """See the module."""

    def __init__(self, desk: Desk, opening: threading.Lock) -> None:
        self._desk, self._opening = desk, opening
        self._one = threading.Lock()
        self._reviewer: ReviewerClient | None = None
        self._auditor: AuditorClient | None = None
        self._folder: TemporaryDirectory[str] | None = None

    # --- signing in ------------------------------------------------------------------------------

    def signed_in(self, role: str) -> bool:
        return (self._reviewer if role == "reviewer" else self._auditor) is not None

    def sign_in(self, role: str, serial: str, pin: str) -> None:
        from app.remote.staff.auditing import AuditorClient
        from app.remote.staff.reviewing import ReviewerClient

        self.sign_out(role)
        with self._key(role, serial, pin) as key:
            if role == "reviewer":
                self._reviewer = self._opened(self._desk.client(ReviewerClient), key)
            else:
                self._auditor = self._opened(self._desk.client(AuditorClient), key)

    def _opened(self, client: Client, key: TokenKey) -> Client:
        try:
            client.sign_in(key)
            with self._opening:
                client.meet(self._desk.cabinet)
        except BaseException:
            client.close()
            raise
        return client

    def sign_out(self, role: str) -> None:
        client: StaffClient | None
        with self._one:
            if role == "reviewer":
                client, self._reviewer = self._reviewer, None
            else:
                client, self._auditor = self._auditor, None
        if client is not None:
            client.close()

    @contextmanager
    def _key(self, role: str, serial: str, pin: str) -> Iterator[TokenKey]:
        from app.remote.staff.staff_client import staff_key

        assert_device_thread()
        with self._desk.token(serial).login(pin) as session:
            yield staff_key(session, role)

    def _reviewing(self, ask: Callable[[ReviewerClient], Answer]) -> Answer:
        with self._one:
            if self._reviewer is None:
                raise _signed_out()
            return ask(self._reviewer)

    def _auditing(self, ask: Callable[[AuditorClient], Answer]) -> Answer:
        with self._one:
            if self._auditor is None:
                raise _signed_out()
            return ask(self._auditor)

    # --- the reviewer ----------------------------------------------------------------------------

    def queue(self, state: str, after: str) -> QueuePage:
        return self._reviewing(lambda client: client.queue(state, after))

    def review(self, identity: str) -> Review:
        return self._reviewing(lambda client: client.review(identity))

    def imprint(self, review: Review) -> Path:
        return self._kept(self._reviewing(lambda client: client.imprint(review)))

    def document(self, review: Review, document: Document) -> Path:
        return self._kept(self._reviewing(lambda client: client.document(review, document)))

    def _kept(self, data: bytes) -> Path:
        with self._one:
            if self._folder is None:
                self._folder = TemporaryDirectory(prefix="sealdesk-", ignore_cleanup_errors=True)
            suffix = next((s for begin, s in _SUFFIXES.items() if data.startswith(begin)), ".bin")
            from crypto.algorithms.gm import sm3  # noqa: PLC0415 - the window opens without it

            path = Path(self._folder.name, sm3(data).hex()[:32] + suffix)
            if not path.exists():
                path.write_bytes(data)
            return path

    def claim(self, identity: str) -> None:
        self._reviewing(lambda client: client.claim(identity))

    def decide(self, review: Review, verdict: Verdict, serial: str, pin: str) -> str:
        with self._key("reviewer", serial, pin) as key:
            return self._reviewing(lambda client: client.decide(review, verdict, key))

    def losses(self) -> tuple[LossCall, ...]:
        return self._reviewing(lambda client: client.losses())

    def take_loss_call(
        self, seal_code: str, caller: str, shown: str, serial: str, pin: str
    ) -> LossCall:
        told = (seal_code, caller, shown)
        with self._key("reviewer", serial, pin) as key:
            return self._reviewing(lambda client: client.take_loss_call(*told, key))

    def decide_loss(self, call: LossCall, reason: str, serial: str, pin: str) -> LossCall:
        with self._key("reviewer", serial, pin) as key:
            return self._reviewing(lambda client: client.decide_loss(call, reason, key))

    def agree(
        self, verb: str, seal_code: str, reason: str, path: Path, serial: str, pin: str
    ) -> Path:
        import json  # noqa: PLC0415 - the window opens without it

        from app.publishing import save_new  # noqa: PLC0415

        with self._key("reviewer", serial, pin) as key:
            said = self._reviewing(lambda client: client.agree(verb, seal_code, reason, key))
        return save_new(path, json.dumps(said, ensure_ascii=False, indent=1).encode())

    # --- the auditor -----------------------------------------------------------------------------

    def seen(self) -> AuditedLedger | None:
        return self._desk.audited_ledgers.get(self._desk.settings.platform_url)

    def check(self) -> AuditedLedger:
        return self._auditing(self._checked)

    def _checked(self, client: AuditorClient) -> AuditedLedger:
        kept = self._desk.audited_ledgers
        seen = client.check(kept.get(client.origin))
        kept.keep(seen)
        return seen

    def cosign(self, serial: str, pin: str) -> AuditedLedger:
        def sign(client: AuditorClient) -> AuditedLedger:
            signed = client.cosign(self._checked(client), key)
            self._desk.audited_ledgers.keep(signed)
            return signed

        with self._key("auditor", serial, pin) as key:
            return self._auditing(sign)

    def search(self, wanted: Wanted, before: str) -> SearchPage:
        return self._auditing(lambda client: client.search(wanted, before))

    def export(
        self, items: Sequence[LedgerRecord], names: Mapping[str, str], path: Path
    ) -> tuple[Path, ...]:
        from app.remote.staff.exporting import write

        proved = self._auditing(lambda client: client.prove(items, names))
        return write(proved, path)

    def close(self) -> None:
        """Sign out and remove the documents."""
        for role in ("reviewer", "auditor"):
            self.sign_out(role)
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None


Client = TypeVar("Client", bound="StaffClient")


def _signed_out() -> PlatformRefused:
    return PlatformRefused("session_invalid", "", 401)
