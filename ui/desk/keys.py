"""Keys for :mod:`ui.desk.desk_context`: what the window sees of them, and signing with them.

Nothing here may touch a key outside the device thread (:mod:`ui.tasks`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from app.many.one_at_a_time import OneAtATime
from app.steps import ApprovalWait
from ui.shell.context.parts import Step
from ui.shell.context.values import CertificateView, TokenView
from ui.tasks import on_device_thread

if TYPE_CHECKING:
    from app.desk import Desk
    from app.remote.approval.asking import Approvals
    from app.remote.timestamping import Timestamper
    from app.stamping import StampedFile, StampJob, TicketService
    from app.store.cabinet import Cabinet
    from app.store.use_requests import UseRequestRecord
    from crypto.algorithms.keys import SigningKey
    from device.token import Session, Token


APPROVALS_S = 8 * 3600.0
"""How long the window waits for approvals while stamping: a working day."""


class DeskStamper:
    """See :class:`ui.shell.context.parts.Stamper`."""

    def __init__(
        self,
        desk: Desk,
        cabinet: Cabinet,
        keys: Mapping[str, SigningKey],
        service: TicketService | None,
        timestamp: Timestamper | None,
        approvals: Approvals | None = None,
    ) -> None:
        self._cabinet, self._keys, self._service = cabinet, keys, service
        self._journal, self._limit = desk.journal, desk.offline_limit
        self._timestamp, self._leases = timestamp, desk.lending.book
        self._trust = desk.trust()  # once, not for every document
        self._approvals = approvals
        if approvals is not None and isinstance(service, OneAtATime):
            approvals.lock = service.lock

    def needs_approval(self, seal_code: str) -> bool:
        asks = self._approvals
        return asks is not None and asks.needed_for(self._cabinet.seal(seal_code))

    def ask_ahead(self, job: StampJob) -> None:
        from app.stamping import ask_ahead

        if self._approvals is not None:
            key = self._keys[job.seal_code]
            ask_ahead(job, key=key, cabinet=self._cabinet, approvals=self._approvals)

    def stamp(self, job: StampJob, step: Step) -> StampedFile:
        from app.remote.approval.asking import whom
        from app.stamping import stamp

        def waiting(request: UseRequestRecord) -> None:
            if request.state == "pending":
                who = whom(request.policy, request.certificate)
                step(ApprovalWait(who, request.approvals, request.policy.needed))

        asks = self._approvals
        return stamp(
            job,
            key=self._keys[job.seal_code],
            cabinet=self._cabinet,
            journal=self._journal,
            trust=self._trust,
            platform=self._service,
            timestamp=self._timestamp,
            leases=self._leases,
            approvals=replace(asks, tell=waiting) if asks is not None else None,
            offline_limit=self._limit,
            step=step,
        )


class DeviceThreadKey:
    """A key that refuses to sign outside the device thread."""

    def __init__(self, key: SigningKey) -> None:
        self._key = key
        self.certificate = key.certificate

    def sign(self, message: bytes) -> bytes:
        assert_device_thread()
        return self._key.sign(message)


def assert_device_thread() -> None:
    """Raises RuntimeError on every other thread."""
    if not on_device_thread():
        raise RuntimeError("a key is touched outside the device thread")


def blank_view(token: Token) -> TokenView:
    """*token* as if it were blank: what is known before its PIN's state is asked."""
    info = token.info
    return TokenView(
        serial=info.serial,
        label=info.label,
        manufacturer=info.manufacturer,
        model=info.model,
        module=info.module,
        is_virtual=info.is_virtual,
        initialised=False,
        locked=False,
        final_try=False,
        must_change=False,
        tries_left=None,
        slot=info.slot,
    )


def certificate_views(session: Session) -> tuple[CertificateView, ...]:
    """What the window shows of the certificates on an opened key."""
    from app.remote.staff.roles import role_of
    from crypto.pki.certificate import Certificate
    from crypto.pki.names_and_algorithms import CertificateError

    made = []
    for data in session.certificates():
        try:
            certificate = Certificate.parse(data)
        except CertificateError:
            continue  # some vendors keep a certificate of their own making on the key
        made.append(
            CertificateView(
                name=certificate.subject.common_name or str(certificate.subject),
                organization=certificate.subject.organization,
                issuer=str(certificate.issuer),
                serial=f"{certificate.serial:x}",
                not_before=certificate.not_before,
                not_after=certificate.not_after,
                sm3=certificate.fingerprint.hex(),
                der=data,
                role=role_of(certificate),
            )
        )
    return tuple(made)
