"""What request handlers share: who asks, the exact body, idempotent commands."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import re
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Annotated, Any, Literal, TypeVar

from fastapi import Depends, Header, Request, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from starlette.concurrency import run_in_threadpool

from crypto.algorithms import gm
from server_stub import signin
from server_stub.background import Worker
from server_stub.context import Platform
from server_stub.policy import Actor
from server_stub.records import canonical
from server_stub.records.ledger import Transaction, Written
from server_stub.records.store import Idempotency
from server_stub.settings import Network
from server_stub.web.problems import Refusal

Answer = TypeVar("Answer")


class Body(BaseModel):
    """A request body: unknown fields are a mistake, and are told. No text in it has what a database
    cannot keep."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _storable(cls, given: Any) -> Any:
        left = [given]
        while left:
            value = left.pop()
            if isinstance(value, dict):
                left += [*value.keys(), *value.values()]
            elif isinstance(value, list):
                left += value
            elif isinstance(value, str) and _UNSTORABLE.search(value):
                raise ValueError("a text with NUL or half a character")
        return given


_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def _base64(text: str) -> str:
    try:
        base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error
    return text


MAX_INTEGER = 2**63 - 1
"""What a database can count to."""
Base64 = Annotated[str, Field(max_length=100_000), AfterValidator(_base64)]
Kind = Literal["letter", "request"]
"""Of a document that goes with an application."""
Line = Annotated[str, Field(max_length=120, pattern=r"^[^\x00-\x1f\x7f]*$")]
"""One line of text."""
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


def unbase64(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


class Signed(Body):
    """A signature over one of the texts of :mod:`server_stub.signin`."""

    signature: Base64


class Decided(Body):
    """A decision: signed by whoever signed in with a certificate (server_stub.signin.DECISION)."""

    at: str = Field(default="", max_length=40)
    signature: Base64 = ""

    @property
    def decision(self) -> signin.Decision | None:
        if not self.signature:
            return None
        return signin.Decision(self.at, unbase64(self.signature))


class Nothing(Body):
    """An empty object."""


async def platform_of(request: Request) -> Platform:
    found: Platform = request.app.state.platform
    return found


async def worker_of(request: Request) -> Worker:
    found: Worker = request.app.state.worker
    return found


async def limited(request: Request) -> None:
    """For what can be called without signing in: at most so often from one address."""
    limiter = request.app.state.limiter
    if not limiter.admits(caller(request)):
        raise Refusal("rate_limited", retry_after=limiter.retry_after)


def caller(request: Request) -> str:
    """Who a limit counts this request for."""
    peer = request.client.host if request.client else ""
    forwarded = ",".join(request.headers.getlist("x-forwarded-for"))
    platform: Platform = request.app.state.platform
    return counted_as(peer, forwarded, platform.settings.trusted_proxies)


def counted_as(peer: str, forwarded: str, trusted: Sequence[Network]) -> str:
    """The address that *peer* speaks for: what stands rightmost in *forwarded* (X-Forwarded-For)
    and is no proxy of ours, if *peer* is one of the *trusted*; what stands left of it is anybody's
    word. IPv6 is counted by /64, which is what one household has."""
    address = _address(peer)
    steps = [step.strip() for step in forwarded.split(",")] if forwarded else []
    while address and steps and any(address in network for network in trusted):
        nearer = _address(steps.pop())
        if nearer is None:
            break
        address = nearer
    if isinstance(address, IPv6Address):
        return str(IPv6Network((int(address), 64), strict=False))
    return str(address) if address else peer


def is_proxy(peer: str, trusted: Sequence[Network]) -> bool:
    """Is *peer* one of the *trusted*, who speak for many?"""
    address = _address(peer)
    return address is not None and any(address in network for network in trusted)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


async def exact_body(request: Request) -> bytes:
    """The bytes as received: what an applicant signs."""
    return await request.body()


async def bearer(authorization: Annotated[str, Header()] = "") -> str:
    """The session token of the request."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise signin.SessionInvalid
    return token


Running = Annotated[Platform, Depends(platform_of)]
Waking = Annotated[Worker, Depends(worker_of)]
Token = Annotated[str, Depends(bearer)]
ExactBody = Annotated[bytes, Depends(exact_body)]


async def written(writing: Future[Written[Answer]]) -> Answer:
    """What the writer answers; who waits for it holds no thread."""
    return (await asyncio.wrap_future(writing)).answer


async def signed_in(platform: Running, token: Token) -> Actor:
    """Who asks. Raises as :func:`server_stub.signin.who`."""
    actor, due = await run_in_threadpool(_who, platform, token)
    if due:
        await written(platform.ledger.write(signin.touch, token))
    return actor


def _who(platform: Platform, token: str) -> tuple[Actor, bool]:
    with platform.reading() as session:
        return signin.who(session, platform.settings, token, canonical.now())


SignedIn = Annotated[Actor, Depends(signed_in)]


def idempotent(
    platform: Platform,
    scope: str,
    key: str,
    body: bytes,
    command: Callable[[Transaction], dict[str, Any]],
) -> Response:
    """Answer 201 with what *command* gives — once: the same *key* with the same *body* gets the
    first answer again, with another body it is refused (docs/design/platform.md §2.6).

    A second request while the first is still running waits behind it in the one writer and gets
    the first one's answer."""
    if not re.fullmatch(r"[\x21-\x7e]{8,64}", key):
        raise Refusal("idempotency_key_missing")
    digest = gm.sm3(body)

    def once(tx: Transaction) -> bytes:
        row = tx.session.get(Idempotency, (scope, key))
        if row is None:
            answer = json.dumps(command(tx), ensure_ascii=False).encode()
            tx.session.add(
                Idempotency(
                    scope=scope,
                    key=key,
                    body_sm3=digest,
                    status=201,
                    answer=answer,
                    created_at=tx.now,
                )
            )
            return answer
        if row.body_sm3 != digest:
            raise Refusal("idempotency_mismatch")
        return row.answer

    answer = platform.ledger.write(once).result().answer
    location = f"{scope.partition(':')[0]}/{json.loads(answer)['id']}"
    return Response(answer, 201, {"location": location}, media_type="application/json")
