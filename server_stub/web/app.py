"""The HTTP application: its routers, and how often one address may ask."""

from __future__ import annotations

import functools
import math
import threading
import time
from collections.abc import Callable

from fastapi import APIRouter, FastAPI, Request, Response
from starlette.routing import BaseRoute

from server_stub.background import Worker
from server_stub.context import Platform
from server_stub.web import problems
from server_stub.web.admission import Room
from server_stub.web.gate import Gate
from server_stub.web.misbehaving import Misbehaving
from server_stub.web.routes import (
    applicant,
    appointments,
    approvals,
    audit,
    disputes,
    grants,
    holder,
    notices,
    pages,
    phone_approvals,
    phones,
    pki,
    public,
    registry,
    releases,
    staff,
    verifications,
)
from server_stub.web.routes.verifications import Verifications
from server_stub.web.status_answers import StatusAnswers
from server_stub.web.usage_line import UsageLine


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
    app.state.status_answers = StatusAnswers(platform)
    app.state.usage_line = UsageLine(platform)
    app.state.verifications = Verifications(platform.settings)
    app.state.limiter = Limiter(platform.settings.requests_per_minute)
    app.state.dispute_limiter = Limiter(platform.settings.disputes_per_hour / 60)
    app.router.routes.extend(_routes())
    for kind in problems.EXCEPTIONS:
        app.add_exception_handler(kind, _handler)
    room = Room(
        platform.settings.uploads,
        platform.settings.uploads_per_address,
        max(platform.settings.upload_bytes, platform.settings.file_bytes),
    )
    app.state.misbehaviour = platform.settings.misbehaviour
    app.add_middleware(Misbehaving, platform=platform)
    app.add_middleware(Gate, platform=platform, room=room)
    return app


@functools.cache
def _routes() -> tuple[BaseRoute, ...]:
    """All routes, which know no platform: made once for every application of this process, because
    FastAPI takes a sixth of a second to find out what their functions want."""
    together = APIRouter()
    for routes in (
        pages,
        public,
        verifications,
        pki,
        applicant,
        appointments,
        holder,
        grants,
        phones,
        approvals,
        disputes,
        registry,
        releases,
        staff,
        audit,
        notices,
    ):
        together.include_router(routes.router)
    for with_script in (phones, phone_approvals):
        together.include_router(with_script.pages)
    return tuple(together.routes)


async def _handler(request: Request, error: Exception) -> Response:
    answer = problems.answer(request, error)
    if request.url.path == pages.VERIFY:
        page = pages.refused(problems.told(error)[0], request.headers)
        if "retry-after" in answer.headers:
            page.headers["retry-after"] = answer.headers["retry-after"]
        return page
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

    @property
    def retry_after(self) -> int:
        """Seconds after which an address that came too soon is admitted again."""
        return max(1, math.ceil(self._interval))

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
