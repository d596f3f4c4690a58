"""验签: open to anyone, in turn, and of the file nothing is kept.

``POST /v1/verifications`` answers when the file has had its turn; with ``wait=0`` at once, with 202
and a place to look. What is found there is kept in this process for a while, the file is not.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse

from server_stub import policy, report_seal, verifying
from server_stub.changing.examining import examine
from server_stub.context import Platform
from server_stub.settings import Settings
from server_stub.web.admission import Gone, Place, Turns
from server_stub.web.handling import Running, limited

router = APIRouter(prefix="/v1/verifications", dependencies=[Depends(limited)])

_MAX_KEPT = 256
"""Answers that can still be fetched; the oldest goes first."""
_PDF: dict[str, Any] = {"content": {"application/pdf": {}}}


@dataclass
class _Verification:
    """One that nobody waits for."""

    until: float
    """When it is forgotten, by the monotonic clock."""
    state: Literal["waiting", "running", "done"] = "waiting"
    answer: Response | Exception | None = None
    task: asyncio.Task[None] | None = None


class Verifications:
    """The line of files, and the answers that are still to be fetched."""

    def __init__(self, settings: Settings) -> None:
        self.turns = Turns(settings.verification_processes)
        self._keep = settings.verification_keep_seconds
        self._kept: dict[str, _Verification] = {}

    def begin(self, work: Callable[[], Response], place: Place) -> str:
        """Have *work* done in turn, then leave *place*; gives what to ask for its answer with."""
        self._forget()
        identity = f"ver_{secrets.token_urlsafe(24)}"
        one = self._kept[identity] = _Verification(time.monotonic() + self._keep)
        place.kept = True
        one.task = asyncio.get_running_loop().create_task(self._do(one, work, place))
        return identity

    def find(self, identity: str) -> _Verification:
        """Raises :class:`server_stub.policy.NotFound`."""
        self._forget()
        if identity not in self._kept:
            raise policy.NotFound
        return self._kept[identity]

    def close(self) -> None:
        self.turns.close()

    async def _do(self, one: _Verification, work: Callable[[], Response], place: Place) -> None:
        def begun() -> None:
            one.state = "running"

        try:
            one.answer = await self.turns.take(work, begun=begun)
        except Exception as error:  # noqa: BLE001 - told to whoever fetches it
            one.answer = error
        finally:
            place.leave()
            one.until = time.monotonic() + self._keep
            one.state = "done"

    def _forget(self) -> None:
        now = time.monotonic()
        done = [name for name, one in self._kept.items() if one.state == "done"]
        excess = len(done) - _MAX_KEPT
        for number, name in enumerate(done):
            if number < excess or self._kept[name].until < now:
                del self._kept[name]


@router.post("", response_model=None, responses={200: _PDF, 202: {}})
async def verification(
    request: Request,
    platform: Running,
    name: Annotated[str, Query(max_length=200)] = "document.pdf",
    report: Literal["json", "sealed"] = "json",
    language: Literal["zh_CN", "en"] = "zh_CN",
    wait: Literal["0", "1"] = "1",
) -> Response:
    """The body is the PDF itself; the answer is the report of docs/report-schema.md, or (*report*
    ``sealed``) the same as a PDF under the platform's own seal."""
    document = await request.body()

    def work() -> Response:
        return _answer(platform, document, name, report, language)

    verifications: Verifications = request.app.state.verifications
    if wait == "1":
        return await in_turn(request, work)
    identity = verifications.begin(work, request.state.place)
    return _unfinished(identity, "waiting")


@router.get("/{identity}", response_model=None, responses={200: _PDF, 202: {}})
async def fetched(request: Request, identity: str) -> Response:
    """What the verification *identity*, begun with ``wait=0``, has found; 202 until then."""
    verifications: Verifications = request.app.state.verifications
    one = verifications.find(identity)
    if isinstance(one.answer, Exception):
        raise one.answer
    return one.answer or _unfinished(identity, one.state)


def _unfinished(identity: str, state: str) -> Response:
    headers = {"location": f"/v1/verifications/{identity}", "retry-after": "1"}
    return JSONResponse({"id": identity, "state": state}, 202, headers)


async def in_turn(request: Request, work: Callable[[], Response]) -> Response:
    """The answer of *work*, when it is the turn of *request*."""
    verifications: Verifications = request.app.state.verifications
    try:
        return await verifications.turns.take(work, gone=request.is_disconnected)
    except Gone:
        return Response(status_code=204)  # nobody reads it


# --- in a thread of its own --------------------------------------------------------------------


def _answer(platform: Platform, document: bytes, name: str, report: str, language: str) -> Response:
    if report == "json":
        return JSONResponse(examine(platform, document, name).to_json(language))
    report_seal.ready(platform)  # what is missing is told before the work is done
    found, settings = examine(platform, document, name), platform.settings
    seconds = settings.verification_seconds
    pdf = verifying.set_report(found, language, settings.provider_name, seconds)
    return Response(report_seal.stamp(platform, pdf), media_type="application/pdf")
