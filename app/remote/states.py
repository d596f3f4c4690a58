"""Whom the desk asks for the state of seals: its own platform, and the platforms where its anchors
say that the state of their seals is told.

An address that a trust list, a pinned platform or the administrator has named is trusted as such,
and asked like the desk's own platform; one that a document names is not asked here
(:mod:`app.trust.fetching`).
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Collection, Iterable

from app.errors import (
    PlatformAnswerInvalid,
    PlatformNotSet,
    PlatformUnreachable,
    ServiceUnavailable,
)
from app.remote.http_client import fetch
from app.remote.platform_connection import IDENTIFIER
from app.remote.registry import RegistryStatus
from crypto.seal.registry_proof import RegistryProof, RegistryProofError
from crypto.seal.statement import SealChange, SignedStatement, StatementError


class AskedPlatforms:
    """The platforms that may be asked; *own* is the desk's, if it has one."""

    def __init__(self, own: RegistryStatus | None, proxy: str, inside: Collection[str]) -> None:
        self._own, self._proxy, self._inside = own, proxy, inside

    @property
    def origin(self) -> str:
        """Of the desk's own platform."""
        return self._own.origin if self._own else ""

    def status(self, seal_code: str) -> SignedStatement:
        """What the desk's own platform says. Raises :class:`app.errors.PlatformError`."""
        if self._own is None:
            raise PlatformNotSet
        return self._own.status(seal_code)

    def history(self, seal_codes: Iterable[str]) -> tuple[SealChange, ...]:
        """What the registry of the desk's own platform tells."""
        return self._own.history(seal_codes) if self._own else ()

    def status_at(self, origin: str, seal_code: str) -> SignedStatement:
        """What the platform at *origin* says of a seal; whether to believe it is decided elsewhere.

        Raises :class:`app.errors.PlatformError`."""
        if self._own is not None and origin == self._own.origin:
            return self._own.status(seal_code)
        return state_at(origin, seal_code, self._proxy, self._inside)

    def proof_at(self, origin: str, seal_code: str) -> RegistryProof:
        """What the registry of the platform at *origin* has of a seal, proved; "": of the desk's
        own. Whether to believe its signer is decided elsewhere.

        Raises :class:`app.errors.PlatformError`."""
        if self._own is not None and origin in ("", self._own.origin):
            return self._own.proof(seal_code)
        if not origin:
            raise PlatformNotSet
        return _proof_at(origin, seal_code, self._proxy, self._inside)


def _proof_at(origin: str, seal_code: str, proxy: str, inside: Collection[str]) -> RegistryProof:
    if not IDENTIFIER.fullmatch(seal_code):
        raise PlatformAnswerInvalid(origin, "seal")
    try:
        address = f"{origin}/registry/seals/{seal_code}"
        return RegistryProof.parse(fetch(address, proxy=proxy, inside=inside))
    except ServiceUnavailable as error:
        raise PlatformUnreachable(origin, error.reason) from error
    except RegistryProofError as error:
        raise PlatformAnswerInvalid(origin, "registry") from error


def state_at(
    origin: str, seal_code: str, proxy: str = "", inside: Collection[str] = ()
) -> SignedStatement:
    """The statement that the platform at *origin* gives anybody about a seal, under the bounds of
    :func:`app.remote.http_client.fetch`. Raises :class:`app.errors.PlatformError`."""
    if not IDENTIFIER.fullmatch(seal_code):
        raise PlatformAnswerInvalid(
            origin, "seal"
        )  # a hostile document's code goes into no address
    try:
        answer = json.loads(
            fetch(f"{origin}/v1/seals/{seal_code}/status", proxy=proxy, inside=inside)
        )
        return SignedStatement.parse(base64.b64decode(answer["token"]))
    except ServiceUnavailable as error:
        raise PlatformUnreachable(origin, error.reason) from error
    except (
        *(StatementError, binascii.Error),
        *(ValueError, KeyError, TypeError, RecursionError),
    ) as error:
        raise PlatformAnswerInvalid(origin, "status") from error
