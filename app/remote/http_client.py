"""HTTP within bounds of size and time: the only module of the client that imports httpx."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx

from app.errors import PlatformAnswerInvalid, PlatformUnreachable
from app.settings import is_loopback

if TYPE_CHECKING:
    import ssl

MAX_ANSWER = 16 * 1024 * 1024
"""Bytes of an answer, where the caller does not say less."""
_TIMEOUT = httpx.Timeout(15.0, connect=5.0)
_LONGEST_S = 60.0
"""For a whole answer: a server that drips byte by byte must not hold us for ever."""

Connections = httpx.Client
"""Kept open between requests; to be closed."""


def open_connections(origin: str, proxy: str) -> Connections:
    """Connections to *origin*: the system's certificates, and its proxy unless one is named."""
    parts = urlsplit(origin)
    verify: ssl.SSLContext | bool = True
    if parts.scheme == "https":
        import ssl

        import truststore

        verify = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return httpx.Client(
        base_url=origin,
        timeout=_TIMEOUT,
        verify=verify,
        proxy=None if proxy in ("", "direct") else proxy,
        trust_env=proxy == "" and not is_loopback(parts.hostname),
        follow_redirects=False,
    )


def exchange(
    http: Connections,
    named: str,
    method: str,
    path: str,
    *,
    content: bytes | None,
    headers: Mapping[str, str],
    params: Mapping[str, str] | None = None,
    limit: int = MAX_ANSWER,
    patience_s: float = 0.0,
) -> tuple[int, bytes]:
    """One request within bounds of size and time: status and body.

    Raises :class:`PlatformUnreachable`, :class:`PlatformAnswerInvalid` about *named*."""
    deadline = time.monotonic() + max(_LONGEST_S, patience_s)
    timeout = httpx.Timeout(patience_s, connect=5.0) if patience_s else _TIMEOUT
    try:
        with http.stream(
            method, path, content=content, headers=headers, params=params, timeout=timeout
        ) as response:
            data = b""
            for chunk in response.iter_bytes():
                data += chunk
                if len(data) > limit:
                    raise PlatformAnswerInvalid(named, "size")
                if time.monotonic() > deadline:
                    raise PlatformUnreachable(named, "timeout")
    except httpx.TimeoutException as error:
        raise PlatformUnreachable(named, "timeout") from error
    except httpx.ProxyError as error:
        raise PlatformUnreachable(named, "proxy") from error
    except httpx.ConnectError as error:
        reason = "tls" if "certificate" in str(error).lower() else "refused"
        raise PlatformUnreachable(named, reason) from error
    except httpx.HTTPError as error:
        raise PlatformUnreachable(named, "other") from error
    return response.status_code, data
