"""Around every request: its id, what its body may be, security headers, one log line, and an answer
even when the code behind fails.

A file (:data:`FILES`) is judged by its declared type and length and finds room
(:mod:`server_stub.web.admission`) before a byte of it is read. Every body has to come within
bounded times. What is refused while it is still coming is read and thrown away for a while
(:mod:`server_stub.web.connections`): who is still sending would not hear the answer otherwise.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Mapping

import structlog
from fastapi import Request, Response
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from crypto.frozen import frozen
from server_stub.context import Platform
from server_stub.records.logbook import logbook
from server_stub.web import problems
from server_stub.web.admission import NoRoom, Place, Room
from server_stub.web.handling import caller
from server_stub.web.routes import pages

_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
_BODILESS = frozenset({"GET", "HEAD", "OPTIONS"})


@frozen
class _File:
    """A request whose body is a file."""

    path: re.Pattern[str]
    types: frozenset[str]
    """Accepted media types; none: whatever is said."""
    wanted: str
    """Told to who sends something else."""


FILES = (
    _File(
        re.compile(r"/v1/verifications"),
        frozenset({"application/pdf", "application/octet-stream"}),
        "send the PDF itself as application/pdf",
    ),
    _File(
        re.compile(re.escape(pages.VERIFY)),
        frozenset({"multipart/form-data"}),
        "send the PDF itself",
    ),
    _File(re.compile(r"/v1/disputes/[a-z0-9_]+/enclosure"), frozenset(), ""),
    _File(
        re.compile(r"/v1/applications/[a-z0-9_]+/materials/[a-z]+"),
        frozenset({"application/pdf", "image/png", "image/jpeg"}),
        "send a PDF, PNG or JPEG",
    ),
    _File(
        re.compile(r"/v1/use-requests/request_[0-9a-f]{24}/pages/[0-9]+"),
        frozenset({"application/octet-stream"}),
        "send an encrypted page as application/octet-stream",
    ),
)


class _Refused(Exception):
    """Of the body: *code* is a key of :data:`server_stub.web.problems.CODES`."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(detail)
        self.code = code


class Gate:
    """The middleware."""

    def __init__(self, app: ASGIApp, platform: Platform, room: Room) -> None:
        self._app, self._platform, self._room = app, platform, room

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(self._platform, scope, receive, send)
        place: Place | None = None
        try:
            place = self._admit(exchange)
            scope["state"]["place"] = place
            await self._app(scope, exchange.receive, exchange.send)
            if exchange.cut is not None:
                raise exchange.cut
        except _Refused as error:
            await exchange.refuse(error.code, str(error))
        except ClientDisconnect:
            pass  # nobody is there any more
        except Exception as error:  # noqa: BLE001 - the caller gets an answer, the log the reason
            logbook().error("internal_error", exc_info=error)
            await exchange.refuse("internal_error")
        finally:
            if place is not None and not place.kept:
                place.leave()
            structlog.contextvars.clear_contextvars()

    def _admit(self, exchange: _Exchange) -> Place | None:
        """Judge what is declared. Raises :class:`_Refused`."""
        scope, headers = exchange.scope, exchange.headers
        if "\0" in scope["path"]:
            raise _Refused("not_found")
        if b"%00" in scope["query_string"] or b"\0" in scope["query_string"]:
            raise _Refused("invalid_body", "the query has NUL in it")
        file = None
        if scope["method"] not in _BODILESS:
            file = next((each for each in FILES if each.path.fullmatch(scope["path"])), None)
        settings = self._platform.settings
        exchange.limit = settings.file_bytes if file else settings.body_bytes
        declared = headers.get("content-length")
        if declared is not None and int(declared) > exchange.limit:
            raise _Refused("body_too_large")
        if file is None:
            return None
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if file.types and kind not in file.types:
            raise _Refused("media_type_unsupported", file.wanted)
        try:
            who = caller(Request(scope))
            return self._room.take(who, exchange.limit if declared is None else int(declared))
        except NoRoom as error:
            raise _Refused("rate_limited" if str(error) == "address" else "busy") from error


class _Exchange:
    """One request and its answer."""

    def __init__(self, platform: Platform, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope, self._receive, self._send = scope, receive, send
        self._settings, self._origin = platform.settings, platform.origin
        self.headers: Mapping[str, str] = Headers(scope=scope)
        self.limit = 0
        self.cut: _Refused | None = None
        """Why the rest of the body is not read."""
        self._whole = scope["method"] in _BODILESS and "content-length" not in self.headers
        self._received, self._until = 0, 0.0
        self._started = self._refusing = False
        given = self.headers.get("x-request-id", "")
        known = re.fullmatch(r"[A-Za-z0-9._-]{8,64}", given)
        self._id = given if known else secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = self._id
        structlog.contextvars.bind_contextvars(request_id=self._id)

    async def receive(self) -> Message:
        """The next part of the body. Raises :class:`_Refused` if it is one too many or too slow."""
        if self._whole:
            return await self._receive()
        now = asyncio.get_running_loop().time()
        self._until = self._until or now + self._settings.body_seconds
        try:
            async with asyncio.timeout(min(self._settings.body_idle_seconds, self._until - now)):
                message = await self._receive()
        except TimeoutError as error:
            self.cut = _Refused("body_too_slow")
            raise self.cut from error
        self._received += len(message.get("body", b""))
        if self._received > self.limit:
            self.cut = _Refused("body_too_large")
            raise self.cut
        self._whole = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        """Pass on what the code behind answers, with what every answer carries."""
        if self.cut and not self._refusing:
            return  # whatever the code made of the cut body
        if message["type"] == "http.response.start":
            self._started = True
            present = {name.lower() for name, _ in message["headers"]}
            extra = {**_HEADERS, "x-request-id": self._id}
            if self._origin.startswith("https://"):
                extra["strict-transport-security"] = "max-age=31536000"
            added = [(name.encode(), value.encode()) for name, value in extra.items()]
            added = [(name, value) for name, value in added if name not in present]
            message["headers"] = [*message["headers"], *added]
            logbook().info(
                "request",
                method=self.scope["method"],
                path=self.scope["path"],
                status=message["status"],
            )
        async with asyncio.timeout(self._settings.answer_seconds):
            await self._send(message)

    async def refuse(self, code: str, detail: str = "") -> None:
        """Answer with a problem, unless an answer has begun."""
        self._refusing = True
        if self._started:
            return
        path = self.scope["path"]
        response: Response = problems.problem(code, detail, path, self._id)
        if path == pages.VERIFY:
            response = pages.refused(code, self.headers)
        if code in ("body_too_slow", "internal_error"):
            response.headers["connection"] = "close"
        await response(self.scope, self._receive, self.send)
