"""The HTTP application: routers, what every answer carries, and what no request may do."""

from __future__ import annotations

import re
import secrets
import threading
import time
from collections.abc import Callable

import structlog
from fastapi import FastAPI, Request, Response
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server_stub.background import Worker
from server_stub.context import Platform
from server_stub.records.logbook import logbook
from server_stub.web import (
    problems,
    routes_applicant,
    routes_disputes,
    routes_holder,
    routes_pages,
    routes_pki,
    routes_public,
    routes_registry,
    routes_staff,
)

FILE_ROUTES = re.compile(r"/verify|/v1/verifications|/v1/disputes/[a-z0-9_]+/enclosure")
"""Whose bodies are files."""
_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


def create_app(platform: Platform, worker: Worker) -> FastAPI:
    """The application over an open *platform*; *worker* is woken when there is something to do."""
    app = FastAPI(
        title="SealDesk platform",
        version="1",
        summary="企业电子印章公共服务平台（参考实现）: 申请、审核、制作、领取、状态、验章",
        docs_url=None,
        redoc_url=None,
        openapi_url="/v1/openapi.json",
    )
    app.state.platform, app.state.worker = platform, worker
    app.state.limiter = Limiter(platform.settings.requests_per_minute)
    app.state.dispute_limiter = Limiter(platform.settings.disputes_per_hour / 60)
    for routes in (
        routes_pages,
        routes_public,
        routes_pki,
        routes_applicant,
        routes_holder,
        routes_disputes,
        routes_registry,
        routes_staff,
    ):
        app.include_router(routes.router)
    for kind in problems.EXCEPTIONS:
        app.add_exception_handler(kind, _handler)
    app.add_middleware(Gate, platform=platform)
    return app


async def _handler(request: Request, error: Exception) -> Response:
    answer = problems.answer(request, error)
    if request.url.path == routes_pages.VERIFY:
        return routes_pages.refused(problems.told(error)[0], request.headers)
    return answer


class Limiter:
    """GCRA: on average *per_minute* requests of one address, a quarter of that in one burst."""

    MAX_ADDRESSES = 10_000

    def __init__(self, per_minute: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval = 60 / per_minute
        self._burst = max(10, per_minute // 4) * self._interval
        self._clock = clock
        self._due: dict[str, float] = {}
        self._lock = threading.Lock()

    def admits(self, address: str) -> bool:
        """Count one request of *address*; False if it comes too soon."""
        with self._lock:
            now = self._clock()
            if len(self._due) > self.MAX_ADDRESSES:
                self._due = {who: due for who, due in self._due.items() if due > now}
            due = max(self._due.get(address, now), now)
            if due - now > self._burst:
                return False
            self._due[address] = due + self._interval
            return True


class _TooLarge(Exception):
    pass


class Gate:
    """Around every request: its id, the size of its body, security headers, one log line, and an
    answer even when the code behind fails."""

    def __init__(self, app: ASGIApp, platform: Platform) -> None:
        self._app, self._platform = app, platform

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        given = headers.get(b"x-request-id", b"").decode("latin-1")
        request_id = given if re.fullmatch(r"[A-Za-z0-9._-]{8,64}", given) else secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = request_id
        structlog.contextvars.bind_contextvars(request_id=request_id)
        settings = self._platform.settings
        limit = settings.file_bytes if FILE_ROUTES.fullmatch(scope["path"]) else settings.body_bytes
        started = too_large = refusing = False
        received = 0

        async def limited() -> Message:
            nonlocal received, too_large
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                too_large = True
                raise _TooLarge
            return message

        async def decorated(message: Message) -> None:
            nonlocal started
            if too_large and not refusing:
                return  # whatever the code made of the cut body
            if message["type"] == "http.response.start":
                started = True
                present = {name.lower() for name, _ in message["headers"]}
                extra = {**_HEADERS, "x-request-id": request_id}
                if self._platform.origin.startswith("https://"):
                    extra["strict-transport-security"] = "max-age=31536000"
                added = [(name.encode(), value.encode()) for name, value in extra.items()]
                added = [(name, value) for name, value in added if name not in present]
                message["headers"] = [*message["headers"], *added]
                logbook().info(
                    "request",
                    method=scope["method"],
                    path=scope["path"],
                    status=message["status"],
                )
            await send(message)

        async def refuse(code: str) -> None:
            nonlocal refusing
            refusing = True
            if not started:
                response: Response = problems.problem(code, "", scope["path"], request_id)
                if scope["path"] == routes_pages.VERIFY:
                    response = routes_pages.refused(code, Headers(scope=scope))
                response.headers["connection"] = "close"
                await response(scope, receive, decorated)

        try:
            if int(headers.get(b"content-length", b"0") or b"0") > limit:
                raise _TooLarge
            await self._app(scope, limited, decorated)
            if too_large:
                raise _TooLarge
        except _TooLarge:
            await refuse("body_too_large")
        except Exception as error:  # noqa: BLE001 - the caller gets an answer, the log the reason
            logbook().error("internal_error", exc_info=error)
            await refuse("internal_error")
        finally:
            structlog.contextvars.clear_contextvars()
