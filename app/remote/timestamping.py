"""Asking a time-stamping authority, and believing it only if this desk's trust says so.

    stamper = Timestamper(url, services, trust)
    token = stamper(signature, "sm3")       # a TimeStampToken, DER

What is embedded has answered our nonce, stamps our bytes and leads to an anchor for time stamps.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol

from app.errors import PlatformError, TimestampUntrusted
from crypto.pki.cms import digest_of, hash_bytes
from crypto.pki.timestamp import BAD_ALGORITHM, TimestampError, TimestampRefused, make_request
from crypto.pki.timestamp import open_response as opened
from crypto.validation.trust import Trust
from crypto.validation.trusted_time import check_timestamp


class TimestampAuthority(Protocol):
    """Sends requests to time-stamping authorities."""

    def timestamp(self, url: str, query: bytes) -> bytes:
        """The TimeStampResp to a TimeStampReq. Raises ServiceUnavailable."""


class Timestamper:
    """A :data:`crypto.pdf.signing.values.TimestampSource`: one authority, asked once for each
    signature."""

    def __init__(
        self,
        url: str,
        services: TimestampAuthority,
        trust: Trust,
        *,
        required: bool = True,
        of_platform: bool = False,
    ) -> None:
        """*required* False: what goes wrong is kept in :attr:`failure`, and there is no stamp.
        *of_platform*: the authority at *url* is the platform's, which knows SM3."""
        self._url, self._services, self._trust = url, services, trust
        self._required = required
        self.of_platform = of_platform
        self.failure: Exception | None = None
        self.times: tuple[datetime, datetime] | None = None
        """This computer's time and the authority's, when it last gave a stamp."""

    def __call__(self, data: bytes, hash_name: str) -> bytes | None:
        """A TimeStampToken over *bytes*, DER; None without, where it was not required.

        Raises :class:`app.errors.ServiceUnavailable`, :class:`app.errors.TimestampUntrusted`,
        :class:`crypto.pki.timestamp.TimestampError`."""
        try:
            return self._ask(data, hash_name)
        except (PlatformError, TimestampError) as error:
            if self._required:
                raise
            self.failure = error
            return None

    def _ask(self, data: bytes, hash_name: str) -> bytes:
        try:
            token = self._exchange(hash_bytes(hash_name, data), hash_name)
        except TimestampRefused as refusal:
            if hash_name != "sm3" or BAD_ALGORITHM not in refusal.failures:
                raise
            # foreign authorities do not know SM3; the value they stamp is an SM2 signature all the
            # same
            token = self._exchange(hash_bytes("sha256", data), "sha256")
        moment, findings, _ = check_timestamp(token, digest_of(data), self._trust)
        if moment is None:
            wrong = any(finding.code == "timestamp_invalid" for finding in findings)
            raise TimestampUntrusted(self._url, "wrong" if wrong else "unknown")
        self.times = datetime.now(UTC), moment
        return token

    def _exchange(self, digest: bytes, hash_name: str) -> bytes:
        request = make_request(digest, hash_name)  # with a fresh nonce
        answer = self._services.timestamp(self._url, request.der)
        return opened(answer, request).der

    def over_digest(self, digest: bytes, hash_name: str) -> bytes:
        """A token over bytes of which only the *digest* is known: a document time stamp.

        Raises as above, whether required or not: without it there is nothing to write."""
        token = self._exchange(digest, hash_name)
        moment, _, _ = check_timestamp(token, lambda name, prefix=b"": digest, self._trust)
        if moment is None:
            raise TimestampUntrusted(self._url, "unknown")
        self.times = datetime.now(UTC), moment
        return token
