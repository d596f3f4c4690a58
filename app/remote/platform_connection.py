"""One platform over HTTP: who it is, what is sent to it, and how its answers are read.

A connection is bound to one origin and to one root certificate: given by policy, remembered from
the first contact, or taken on first contact and remembered from then on. Nothing is signed before
the platform has shown certificates that lead to that root and has named the same origin as ours,
and every text that is signed begins with a fixed prefix, so that no answer of a server can ever be
turned into a signature on a document or a seal.

What can be asked stands in the classes that build on this one:
:class:`app.remote.public_services.PublicPlatform` without signing in,
:class:`app.remote.platform_account.PlatformClient` for a holder. The interface: docs/platform.md.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import re
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import urlsplit

from app.errors import (
    PlatformAnswerInvalid,
    PlatformRefused,
    PlatformUnreachable,
    PlatformUntrusted,
)
from app.remote.http_client import exchange, open_connections, time_told
from app.settings import is_loopback
from crypto.frozen import frozen
from crypto.pki.certificate import OCSP_SIGNING, Certificate
from crypto.pki.chain import build_chain
from crypto.pki.names_and_algorithms import CertificateError
from crypto.seal.statement import StatementError
from crypto.validation.trust import Trust

_TRIES = 3
_MAY_BE_SIGNED = re.compile(r"[A-Za-z0-9._:/\[\]-]{1,200}")
"""What may stand in a line of a text that is signed."""
IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""What may stand in a path, and in a line of a text that is signed."""


@frozen
class Service:
    """What a platform says it is, checked."""

    origin: str
    name: str
    certificates: Mapping[str, Certificate]
    """By purpose: root, issuing, seal_maker, timestamp, status, registry, ledger."""
    registry_origin: str
    ledger_origin: str
    ledger_key: bytes
    """64 bytes X‖Y."""
    qualifications: tuple[str, ...] = ()
    """Its own claims (第十一条)."""
    review_days: int = 0
    """How long a review usually takes; 0: it does not say."""

    @property
    def root(self) -> Certificate:
        return self.certificates["root"]

    @property
    def trust(self) -> Trust:
        """Its root for every purpose, its other certificates as intermediates."""
        pool = tuple(each for name, each in self.certificates.items() if name != "root")
        root = (self.root,)
        return Trust(seal_makers=root, signers=root, timestamps=root, platforms=root, pool=pool)


class PlatformConnection:
    """The way to one platform. A context manager; not for two threads."""

    def __init__(self, origin: str, *, root_sm3: str = "", proxy: str = "") -> None:
        """*origin* ``https://host[:port]`` (http only to this machine); *root_sm3* the pinned root,
        64 hex digits, "" to take the one shown at first contact. No connection is made yet.

        Raises :class:`PlatformUntrusted` for an origin that is not protected."""
        parts = urlsplit(origin)
        if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname)):
            raise PlatformUntrusted(origin, "insecure")
        self.origin = origin.rstrip("/")
        self._root_sm3 = root_sm3.lower()
        self._service: Service | None = None
        self._token = ""
        self._http = open_connections(self.origin, proxy)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        self.close()

    def close(self) -> None:
        """Sign out, as far as the platform answers, and drop the connections."""
        if self._token:
            with contextlib.suppress(PlatformUnreachable, PlatformRefused):
                self._call("DELETE", "/v1/sessions/current")
        self._http.close()

    # --- who is there ------------------------------------------------------------------------

    def service(self) -> Service:
        """The platform's certificates and keys, checked against the root (asked for once).

        Raises :class:`PlatformUntrusted`: "origin", "root" (not the pinned one) or
        "certificates"."""
        if self._service is None:
            self._service = self._checked_service(self._call("GET", "/v1/service"))
        return self._service

    def read_service(self, data: bytes) -> Service:
        """The same from what was fetched otherwise. Raises as :meth:`service` does, and
        :class:`PlatformAnswerInvalid`."""
        with self._reading("service"):
            answer = json.loads(data)
            if not isinstance(answer, dict):
                raise TypeError("no object")
        self._service = self._checked_service(answer)
        return self._service

    def _checked_service(self, answer: Mapping[str, Any]) -> Service:
        with self._reading("service"):
            origin = str(answer["origin"])
            log = answer["logs"]["ledger"]
            service = Service(
                origin,
                str(answer["name"]),
                {
                    str(name): Certificate.parse(from_base64(text))
                    for name, text in answer["certificates"].items()
                },
                str(answer["logs"]["registry"]["origin"]),
                str(log["origin"]),
                bytes.fromhex(log["key"]),
                tuple(str(each) for each in answer.get("provider", {}).get("qualifications", ())),
                min(max(0, int(answer.get("applications", {}).get("review_days", 0))), 365),
            )
            root = service.root
        if origin != self.origin:
            raise PlatformUntrusted(self.origin, "origin")
        shown = root.fingerprint.hex()
        if self._root_sm3 and shown != self._root_sm3:
            raise PlatformUntrusted(self.origin, "root")
        now = datetime.now(UTC)
        pool = tuple(service.certificates.values())
        for name, certificate in service.certificates.items():
            chain = build_chain(certificate, pool, (root,), now)
            if not chain.trusted or (name == "root" and not root.issued_by(root)):
                raise PlatformUntrusted(self.origin, "certificates")
        if OCSP_SIGNING not in service.certificates["status"].extended_key_usage:
            raise PlatformUntrusted(self.origin, "certificates")
        self._root_sm3 = shown
        return service

    def clock(self) -> datetime | None:
        """What the platform's clock says, to the second; None if it does not answer soon."""
        return time_told(self._http, "/v1/service")

    # --- what is signed ----------------------------------------------------------------------

    def text_of_statement(
        self, verb: str, about: tuple[str, ...], digest: str, at: str, reason: str = ""
    ) -> bytes:
        """What a key that is not signed in with signs at that time, for this platform, whose
        certificates were checked."""
        self.service()
        return self._signed_text("INTENT", verb, about, digest, reason or (), at, version=2)

    def _signed_text(self, purpose: str, *lines: str | tuple[str, ...], version: int = 1) -> bytes:
        """What a key is asked to sign: fixed prefix, our origin, then one line each; the parts of a
        tuple stand on one line, which is empty if there are none."""
        if not all(_MAY_BE_SIGNED.fullmatch(part) for line in lines for part in _parts(line)):
            raise PlatformAnswerInvalid(self.origin, "text to sign")
        told = (" ".join(_parts(line)) for line in lines)
        text = "\n".join((f"SUQIAN-SEAL-{purpose}-V{version}", self.origin, *told, ""))
        return text.encode()

    # --- the wire ----------------------------------------------------------------------------

    def _call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        params: Mapping[str, str] | None = None,
        retry: bool = False,
    ) -> Mapping[str, Any]:
        data = self._send(method, path, body, headers, params, retry=retry or method == "GET")
        if not data:
            return {}
        with self._reading("json"):
            answer = json.loads(data)
            if not isinstance(answer, dict):
                raise ValueError("not an object")
            return answer

    def _download(self, path: str) -> bytes:
        return self._send("GET", path, None, None, None, retry=True)

    def _send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | bytes | None,
        headers: Mapping[str, str] | None,
        params: Mapping[str, str] | None,
        *,
        retry: bool,
        patience_s: float = 0.0,
    ) -> bytes:
        """One request; those that may be repeated are, when nothing came back. *patience_s*: how
        long the platform may take before it answers, where that is longer than usual."""
        content = json.dumps(body).encode() if isinstance(body, Mapping) else body
        sent = dict(headers or {})
        if content is not None:
            sent.setdefault("Content-Type", "application/json")
        if self._token:
            sent["Authorization"] = f"Bearer {self._token}"
        for left in reversed(range(_TRIES if retry else 1)):
            try:
                return self._exchange(method, path, content, sent, params, patience_s)
            except PlatformUnreachable:
                if not left:
                    raise
                time.sleep(0.2)
        raise AssertionError("unreachable")

    def _exchange(
        self,
        method: str,
        path: str,
        content: bytes | None,
        headers: Mapping[str, str],
        params: Mapping[str, str] | None,
        patience_s: float,
    ) -> bytes:
        status, data = exchange(
            self._http,
            self.origin,
            method,
            path,
            content=content,
            headers=headers,
            params=params,
            patience_s=patience_s,
        )
        if status in (429, 503):
            raise PlatformUnreachable(self.origin, "busy")
        if status >= 300:
            raise self._refusal(status, data)
        return data

    def _refusal(self, status: int, data: bytes) -> PlatformRefused | PlatformAnswerInvalid:
        try:
            problem = json.loads(data)
            return PlatformRefused(
                str(problem["code"]),
                str(problem.get("detail") or problem.get("title") or ""),
                status,
                str(problem.get("request_id", "")),
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            return PlatformAnswerInvalid(self.origin, f"HTTP {status}")

    @contextlib.contextmanager
    def _reading(self, what: str) -> Iterator[None]:
        """Turns the errors of reading a malformed answer into PlatformAnswerInvalid."""
        try:
            yield
        except (
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
            RecursionError,
            CertificateError,
            StatementError,
        ) as error:
            raise PlatformAnswerInvalid(self.origin, what) from error


def _parts(line: str | tuple[str, ...]) -> tuple[str, ...]:
    return (line,) if isinstance(line, str) else line


def plain(value: object) -> str:
    """An identifier that may stand in a path and in a signed line. Raises ValueError."""
    text = str(value)
    if not IDENTIFIER.fullmatch(text):
        raise ValueError("not an identifier")
    return text


def to_base64(data: bytes) -> str:
    """*data* as it stands in JSON."""
    return base64.b64encode(data).decode()


def from_base64(text: object) -> bytes:
    """What :func:`to_base64` encoded. Raises ValueError."""
    try:
        return base64.b64decode(str(text), validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error
