"""A platform that misbehaves on purpose, for those who write clients.

Every switch of :class:`server_stub.settings.Misbehaviour` is off unless it is set, and ``serve``
says when one is on. What goes wrong is the answers; the platform's own records stay sound.
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets
from datetime import timedelta

from sqlalchemy import select
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server_stub import revocation
from server_stub.authority import ISSUERS
from server_stub.context import Platform
from server_stub.policy import Actor
from server_stub.records import canonical
from server_stub.records.ledger import REGISTRY
from server_stub.records.store import LogCheckpoint, Seal
from server_stub.seals import stopping
from server_stub.settings import Misbehaviour
from server_stub.web import problems

_CRL = re.compile(r"/pki/crl/([a-z_]+)/0\.crl")
_OPERATOR = Actor("operator", "misbehaviour", frozenset({"operator"}))


class Misbehaving:
    """The middleware; what is switched on is looked up for each request, so that a test can switch
    it off again."""

    def __init__(self, app: ASGIApp, platform: Platform) -> None:
        self._app, self._platform = app, platform

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["app"].state.misbehaviour.any:
            await self._app(scope, receive, send)
            return
        switches: Misbehaviour = scope["app"].state.misbehaviour
        path, state = scope["path"], scope["state"]
        await asyncio.sleep(switches.latency_ms / 1000)
        if secrets.randbelow(100) < switches.busy_percent:
            response: Response = problems.problem("busy", "", path, state["request_id"])
            await response(scope, receive, send)
            return
        own = self._own_answer(switches, scope)
        if own is not None:
            await own(scope, receive, send)
            return
        if switches.suspend_when_used and (scope["method"], path) == ("POST", "/v1/tickets"):
            receive = await self._suspend(receive)
        answer = _Answer(send)
        await self._app(scope, receive, answer.take)
        if switches.drop_receipts and (scope["method"], path) == ("POST", "/v1/usage-records"):
            await answer.begin_only()
            raise ClientDisconnect  # in the middle of the answer the connection ends
        if path == "/v1/challenges" and secrets.randbelow(100) < switches.bad_nonce_percent:
            answer.replace(nonce=secrets.token_hex(32))
        await answer.pass_on(switches.oversized_bytes)

    def _own_answer(self, switches: Misbehaviour, scope: Scope) -> Response | None:
        if switches.stale_checkpoint and scope["path"] == "/registry/checkpoint":
            first = select(LogCheckpoint.note).where(LogCheckpoint.log == REGISTRY)
            with self._platform.reading() as session:
                note = session.scalar(first.order_by(LogCheckpoint.size).limit(1))
            return Response(note or "", media_type="text/plain; charset=utf-8")
        asked = _CRL.fullmatch(scope["path"])
        if switches.expired_crl and asked and asked[1] in ISSUERS:
            life = timedelta(seconds=self._platform.settings.crl_seconds)
            past = canonical.now() - 2 * (life // timedelta(microseconds=1))
            with self._platform.reading() as session:
                entries = revocation.revoked(session) if asked[1] == "issuing" else []
            data = self._platform.authority.crl(asked[1], entries, past)
            return Response(data, media_type="application/pkix-crl")
        return None

    async def _suspend(self, receive: Receive) -> Receive:
        """Suspend the seal that a ticket is asked for, the moment before."""
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        try:
            identity = str(json.loads(body)["seal_id"])
        except (ValueError, KeyError, TypeError):
            identity = ""
        with self._platform.reading() as session:
            row = session.get(Seal, identity)
            active = row is not None and row.state == "active"
        if active:
            order = (_OPERATOR, self._platform.origin, identity, "holder_request")
            writing = self._platform.ledger.write(stopping.suspend, *order)
            await asyncio.wrap_future(writing)
        sent = False

        async def again() -> Message:
            nonlocal sent
            if sent:
                return await receive()
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}

        return again


class _Answer:
    """An answer that is held back until it has been spoilt."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message = {}
        self._body = b""

    async def take(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
        else:
            self._body += message.get("body", b"")

    def replace(self, **fields: str) -> None:
        """Other *fields* in a JSON object."""
        if self._start["status"] < 300:
            self._body = json.dumps({**json.loads(self._body), **fields}).encode()

    async def begin_only(self) -> None:
        await self._send(self._start)

    async def pass_on(self, more: int) -> None:
        """The answer, and *more* blanks behind it."""
        body = self._body + b" " * more
        headers = [header for header in self._start["headers"] if header[0] != b"content-length"]
        self._start["headers"] = [*headers, (b"content-length", str(len(body)).encode())]
        await self._send(self._start)
        await self._send({"type": "http.response.body", "body": body, "more_body": False})
