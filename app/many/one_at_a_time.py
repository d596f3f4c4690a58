"""A ticket service for several threads: the platform gets one question after the other."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.stamping import TicketService


class OneAtATime:
    """See :class:`app.stamping.TicketService`. Whoever asks the platform otherwise takes
    :attr:`lock` too."""

    def __init__(self, service: TicketService) -> None:
        self._service = service
        self.lock = threading.RLock()

    def ticket(self, seal_id: str, document_digest: bytes, request: str = "") -> bytes:
        with self.lock:
            return self._service.ticket(seal_id, document_digest, request)

    def leave(
        self,
        seal_id: str,
        document_digest: bytes,
        kind: str,
        counterparty: str,
        request: str = "",
    ) -> bytes:
        with self.lock:
            return self._service.leave(seal_id, document_digest, kind, counterparty, request)
