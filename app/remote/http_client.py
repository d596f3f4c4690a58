"""HTTP within bounds of size and time: the only module of the client that imports httpx."""

from __future__ import annotations

import ipaddress
import socket
import sys
import time
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, cast
from urllib.parse import urlsplit
from urllib.request import getproxies

from app.errors import PlatformAnswerInvalid, PlatformUnreachable, ServiceUnavailable
from app.settings import is_loopback

# httpx imports its command line where it can, and with it what colours a terminal: 60 ms of each
# command that asks the platform. None among the modules says that there is none.
_without = sys.modules.setdefault("httpx._main", cast("Any", None)) is None
import httpx  # noqa: E402

if _without:
    del sys.modules["httpx._main"]

MAX_ANSWER = 16 * 1024 * 1024
"""Bytes of an answer, where the caller does not say less."""
_TIMEOUT = httpx.Timeout(15.0, connect=5.0)
_SOON = httpx.Timeout(3.0)
_LONGEST_S = 60.0
"""For a whole answer: a server that drips byte by byte must not hold us for ever."""

FETCHED = 64 * 1024
"""Bytes of what a document's addresses lead to."""

Connections = httpx.Client
"""Kept open between requests; to be closed."""


def open_connections(origin: str, proxy: str) -> Connections:
    """Connections to *origin*: the system's certificates, and its proxy unless one is named."""
    import ssl

    parts = urlsplit(origin)
    verify = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # trusts nobody: http needs nobody
    if parts.scheme == "https":
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


def download(
    http: Connections, named: str, path: str, take: Callable[[bytes], None], *, seconds: float
) -> int:
    """GET *path* and hand its parts on as they come; gives the status, and hands on nothing of an
    answer other than 200. What *take* raises ends it. Raises :class:`PlatformUnreachable`."""
    deadline = time.monotonic() + seconds
    try:
        with http.stream("GET", path, headers={"Accept-Encoding": "identity"}) as response:
            if response.status_code == 200:
                for chunk in response.iter_bytes(1 << 18):
                    take(chunk)
                    if time.monotonic() > deadline:
                        raise PlatformUnreachable(named, "timeout")
    except httpx.TimeoutException as error:
        raise PlatformUnreachable(named, "timeout") from error
    except httpx.HTTPError as error:
        raise PlatformUnreachable(named, "other") from error
    return response.status_code


def time_told(http: Connections, path: str) -> datetime | None:
    """What the other side's clock says (the Date of its answer, to the second); None if nobody
    answers soon, or says no time."""
    try:
        with http.stream("GET", path, timeout=_SOON) as response:
            told = parsedate_to_datetime(response.headers.get("date", ""))
    except (httpx.HTTPError, ValueError, TypeError):
        return None
    return told if told.tzinfo else told.replace(tzinfo=UTC)


def fetch(
    url: str,
    *,
    proxy: str = "",
    inside: Collection[str] = (),
    content: bytes | None = None,
    content_type: str = "",
    limit: int = FETCHED,
    seconds: float = 5.0,
) -> bytes:
    """What is at *url*, an address that a stranger's document names: https alone (http to this
    machine), public addresses alone but for the hosts *inside* the organisation, *limit* bytes,
    *seconds* in all, no redirects. *content* is posted.

    Raises :class:`app.errors.ServiceUnavailable`."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as error:
        raise ServiceUnavailable(url, "address") from error
    loopback = is_loopback(host)
    secure = parts.scheme == "https" or (parts.scheme == "http" and loopback)
    if not (host and secure) or "@" in parts.netloc:
        raise ServiceUnavailable(url, "address")
    if not loopback and host not in inside and not _is_public(host, port):
        raise ServiceUnavailable(url, "address")
    headers = {"Content-Type": content_type} if content is not None else {}
    deadline = time.monotonic() + seconds
    try:
        with (
            open_connections(f"{parts.scheme}://{parts.netloc}", proxy) as http,
            http.stream(
                "GET" if content is None else "POST",
                url,
                content=content,
                headers=headers,
                timeout=httpx.Timeout(seconds),
            ) as response,
        ):
            guarded = not loopback and host not in inside and not _by_proxy(proxy)
            if guarded and not _global(str(_peer(response))):
                raise ServiceUnavailable(url, "address")  # the name leads elsewhere by now
            if response.status_code != 200:
                raise ServiceUnavailable.answered(url, response.status_code)
            data = b""
            for chunk in response.iter_bytes():
                data += chunk
                if len(data) > limit:
                    raise ServiceUnavailable(url, "size")
                if time.monotonic() > deadline:
                    raise ServiceUnavailable(url, "timeout")
            return data
    except httpx.TimeoutException as error:
        raise ServiceUnavailable(url, "timeout") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ServiceUnavailable(url, "other") from error


def _by_proxy(proxy: str) -> bool:
    """Does a proxy connect for us, and resolve the name itself?"""
    return proxy not in ("", "direct") or (not proxy and bool(getproxies()))


def _peer(response: httpx.Response) -> object:
    """The address that the connection leads to."""
    found = response.extensions["network_stream"].get_extra_info("server_addr")
    return found[0] if found else ""


def _is_public(host: str, port: int) -> bool:
    """Does every address of *host* lie in the public network?"""
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        pass  # a name
    try:
        found = {each[4][0] for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError):
        return False
    return bool(found) and all(_global(str(each)) for each in found)


def _global(address: str) -> bool:
    try:
        return ipaddress.ip_address(address.partition("%")[0]).is_global
    except ValueError:
        return False
