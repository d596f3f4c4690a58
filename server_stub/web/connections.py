"""HTTP connections with bounds: uvicorn's protocol, and what it lacks.

- The head of a request has to come whole within `header_seconds`; so does what is left of a body
  that was refused.
- One address has at most `connections_per_address`, all together at most `connections`. Who comes
  on top is turned away with 503 and ``Retry-After``.
- Who does not read an answer is cut off after `answer_seconds`.
- The rest of a refused body is read at leisure: most have stopped sending by then, and what it
  costs to throw it away would be taken from everybody else.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from server_stub.settings import Settings
from server_stub.web.handling import counted_as, is_proxy

_TURNED_AWAY = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\n"
    b"Connection: close\r\n\r\n"
)


_READS_ITS_ANSWER = 0.2
"""Seconds in which whoever was refused may hear it and stop sending."""
_BETWEEN_PARTS = 0.001
"""Seconds from one part of a body that nobody wants to the next, of all connections together: to
read one and throw it away takes a sixth of that."""


class Config(uvicorn.Config):
    """uvicorn's, over bounded connections."""

    def __init__(self, app: Any, settings: Settings, **options: Any) -> None:
        super().__init__(app, http=BoundedProtocol, ws="none", **options)
        self.settings = settings
        self.by_address: Counter[str] = Counter()
        self._in_line: deque[Callable[[], None]] = deque()

    def in_turn(self, loop: asyncio.AbstractEventLoop, read_on: Callable[[], None]) -> None:
        """Call *read_on* when all that came before have read a part of their refused bodies: of two
        hundred that come at once, only one is read at a time."""
        self._in_line.append(read_on)
        if len(self._in_line) == 1:
            loop.call_later(_BETWEEN_PARTS, self._next_turn, loop)

    def _next_turn(self, loop: asyncio.AbstractEventLoop) -> None:
        self._in_line[0]()
        self._in_line.popleft()
        if self._in_line:
            loop.call_later(_BETWEEN_PARTS, self._next_turn, loop)


class BoundedProtocol(H11Protocol):
    """One connection."""

    config: Config
    _address: str = ""
    """Whom it counts for; empty: nobody."""
    _late: asyncio.TimerHandle | None = None
    _resting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        config, settings = self.config, self.config.settings
        peer = self.client[0] if self.client else ""
        address = counted_as(peer, "", ())
        crowded = config.by_address[address] >= settings.connections_per_address
        if len(self.connections) > settings.connections or (
            crowded and not is_proxy(peer, settings.trusted_proxies)
        ):
            transport.write(_TURNED_AWAY)
            transport.close()
            return
        self._address = address
        config.by_address[address] += 1
        self._expect(settings.header_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._expected()
        if self._resting is not None:
            self._resting.cancel()
        if self._address:
            counts = self.config.by_address
            counts[self._address] -= 1
            if not counts[self._address]:
                del counts[self._address]

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._rest()

    def _rest(self, seconds: float = 0.0) -> None:
        """Read nothing for *seconds* and until its turn, if what comes is the body of a request
        that was answered."""
        unwanted = self.conn.our_state is h11.DONE and self.conn.their_state is h11.SEND_BODY
        if unwanted and not self.transport.is_closing():
            self.transport.pause_reading()
            if seconds:
                self._resting = self.loop.call_later(seconds, self._stand_in_line)
            else:
                self._stand_in_line()

    def _stand_in_line(self) -> None:
        self.config.in_turn(self.loop, self._go_on)

    def _go_on(self) -> None:
        if not self.transport.is_closing():
            self.transport.resume_reading()

    def handle_events(self) -> None:
        before = self.cycle
        super().handle_events()
        if self.cycle is not before:  # the head of a request is there
            self._expected()

    def on_response_complete(self) -> None:
        # for the rest of a body that nobody wants any more, and for the next head
        self._expect(self.timeout_keep_alive + self.config.settings.header_seconds)
        super().on_response_complete()
        self._rest(_READS_ITS_ANSWER)

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._expect(self.config.settings.answer_seconds)  # until it has been read

    def _expect(self, seconds: float) -> None:
        """Cut the connection if nothing happens within *seconds*."""
        self._expected()
        self._late = self.loop.call_later(seconds, self.transport.abort)

    def _expected(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None
