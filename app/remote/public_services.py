"""What anybody may ask without signing in; every answer proves itself or is checked by the caller.

PublicPlatform   one platform: revocation lists, the registry of seals, their status, sealed
                 reports, disputes
PublicServices   any URL: time stamps, OCSP responses, revocation lists
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from app.errors import (
    PlatformAnswerInvalid,
    PlatformRefused,
    PlatformUnreachable,
    PlatformUntrusted,
    ServiceUnavailable,
)
from app.remote.http_client import (
    MAX_ANSWER,
    Connections,
    download,
    exchange,
    open_connections,
)
from app.remote.platform_connection import (
    IDENTIFIER,
    PlatformConnection,
    from_base64,
    plain,
    to_base64,
)
from crypto.algorithms import merkle
from crypto.algorithms.gm import sm3
from crypto.algorithms.keys import SigningKey
from crypto.pki.revocation_list import Crl
from crypto.seal.registry_files import tile_name, unpack_entries
from crypto.seal.registry_proof import RegistryProof
from crypto.seal.statement import SignedStatement
from crypto.validation.revocation import CLOCK_SKEW

_MAX_TOKEN = 64 * 1024
"""Bytes of a time stamp or an OCSP response: real ones take less than 10,000."""
_PACKAGE_S = 1800.0
"""For a whole package, by a slow line."""
_VERIFYING_S = 120.0
"""A platform may take a minute for a large document."""


class PublicPlatform(PlatformConnection):
    """One platform, as everybody sees it."""

    # --- revocation lists and status ---------------------------------------------------------

    def crls(self) -> dict[str, Crl]:
        """The newest revocation lists of its authorities, by their names: root, issuing, …

        One that is not signed by its authority, or dated in the future — it would outlive all
        honest ones —, raises :class:`PlatformUntrusted` "certificates"."""
        lists = {}
        for name, authority in self.service().certificates.items():
            if not authority.is_ca:
                continue
            data = self._download(f"/pki/crl/{name}/0.crl")
            with self._reading("crl"):
                found = Crl.parse(data)
            ahead = found.this_update > datetime.now(UTC) + CLOCK_SKEW
            if ahead or not found.issued_by(authority):
                raise PlatformUntrusted(self.origin, "certificates")
            lists[name] = found
        return lists

    def status(self, seal_code: str) -> SignedStatement:
        """What the platform says of a seal now, its signature checked.

        A *seal_code* may come from a hostile document: only a well-formed one goes into a URL."""
        if not IDENTIFIER.fullmatch(seal_code):
            raise PlatformRefused("not_found", "no seal has such a code")
        answer = self._call("GET", f"/v1/seals/{seal_code}/status")
        return self._statement(answer, seal_code)

    def _statement(self, answer: Mapping[str, Any], seal_code: str) -> SignedStatement:
        with self._reading("statement"):
            signed = SignedStatement.parse(from_base64(answer["token"]))
        wrong_seal = seal_code and signed.statement.seal_code != seal_code
        if wrong_seal or not self.service().trust.believes(signed):
            raise PlatformUntrusted(self.origin, "status")
        return signed

    # --- the public registry -----------------------------------------------------------------

    def registry_checkpoint(self) -> merkle.Checkpoint:
        """What the registry commits itself to now, signed by the platform's registry key.

        Raises :class:`PlatformUntrusted` "registry"."""
        key = self.service().certificates["registry"].public_key.point
        note = self._download("/registry/checkpoint")
        try:
            return merkle.open_checkpoint(note.decode(), key)
        except (merkle.MerkleError, UnicodeDecodeError) as error:
            raise PlatformUntrusted(self.origin, "registry") from error

    def registry_tile(self, index: int, width: int) -> list[bytes]:
        """The first *width* (1–256) entries of the registry from 256 × *index* on."""
        data = self._download(f"/registry/tile/entries/{tile_name(index, width)}")
        with self._reading("registry"):
            found = unpack_entries(data)
            if len(found) != width:
                raise ValueError("another number of entries")
            return found

    def registry_consistency(self, old: int, new: int) -> list[bytes]:
        """The proof that the registry's first *old* entries begin the first *new*."""
        numbers = {"from": str(old), "to": str(new)}
        answer = self._call("GET", "/registry/proofs/consistency", params=numbers)
        with self._reading("registry"):
            return [bytes.fromhex(digest) for digest in answer["proof"]]

    def registry_proof(self, seal_code: str) -> RegistryProof:
        """All that the registry has of a seal, proved and signed."""
        if not IDENTIFIER.fullmatch(seal_code):
            raise PlatformRefused("not_found", "no seal has such a code")
        data = self._download(f"/registry/seals/{seal_code}")
        with self._reading("registry"):
            proof = RegistryProof.parse(data)
        service = self.service()
        key = service.certificates["registry"].public_key.point
        other = (proof.seal_code, proof.key, proof.log) != (
            *(seal_code, key),
            service.registry_origin,
        )
        if other or not service.trust.vouches(proof):
            raise PlatformUntrusted(self.origin, "registry")
        return proof

    def registry_epoch(self) -> bytes | None:
        """The manifest of the newest epoch as it came; None if there is none yet."""
        return self._file("/registry/epoch")

    def registry_shard(self, epoch: int, name: str) -> bytes | None:
        """A shard as it came; None if the platform no longer has it."""
        return self._file(f"/registry/shards/{epoch}/{name}")

    def _file(self, path: str) -> bytes | None:
        try:
            return self._download(path)
        except PlatformRefused as error:
            if error.problem != "not_found":
                raise
            return None

    # --- versions of this program ------------------------------------------------------------

    def release(self, system: str) -> bytes:
        """What is released for *system*, signed (:mod:`crypto.seal.release`)."""
        return self._download(f"/v1/releases/{plain(system)}")

    def package(self, system: str, sm3: str, take: Callable[[bytes], None]) -> None:
        """The file of it, handed on as it comes; *take* bounds it."""
        path = f"/v1/releases/{plain(system)}/{plain(sm3)}"
        status = download(self._http, self.origin, path, take, seconds=_PACKAGE_S)
        if status != 200:
            raise PlatformRefused("not_found", "that version is not released any more", status)

    # --- verifying there ---------------------------------------------------------------------

    def sealed_report(self, document: bytes, name: str, language: str) -> bytes:
        """Send the PDF *document* to be verified there; gives the report as a PDF under the
        platform's seal, which is the caller's to check."""
        return self._send(
            "POST",
            "/v1/verifications",
            document,
            {"Content-Type": "application/pdf"},
            {"name": name[:200], "report": "sealed", "language": language},
            retry=False,
            patience_s=_VERIFYING_S,
        )

    # --- disputes ----------------------------------------------------------------------------

    def dispute_body(
        self, statement: str, secret: str, seal_code: str, key: SigningKey | None
    ) -> str:
        """What :meth:`open_dispute` sends: a dispute's *statement*, signed where there is a *key*.
        *secret* stays here: the platform gets its SM3."""
        body = {"statement": statement, "secret_sm3": sm3(secret.encode()).hex()}
        if key is not None:
            self.service()
            digest = sm3(statement.encode()).hex()
            text = self._signed_text("INTENT", "dispute", seal_code, digest)
            body |= {
                "certificate": to_base64(key.certificate),
                "signature": to_base64(key.sign(text)),
            }
        return json.dumps(body, ensure_ascii=False)

    def open_dispute(self, body: str, statement: str, idempotency_key: str) -> str:
        """Hand in a dispute; gives its identifier. The same *body* with the same key, again, is the
        same dispute."""
        headers = {"Idempotency-Key": idempotency_key}
        answer = self._call("POST", "/v1/disputes", body.encode(), headers, retry=True)
        with self._reading("dispute"):
            if answer["statement_sm3"] != sm3(statement.encode()).hex():
                raise ValueError("another statement")
            return plain(answer["id"])

    def enclose(self, dispute: str, secret: str, package: bytes) -> None:
        """Add the objector's own evidence package, a zip, to a dispute."""
        headers = {"Dispute-Secret": secret, "Content-Type": "application/zip"}
        path = f"/v1/disputes/{plain(dispute)}/enclosure"
        self._send("PUT", path, package, headers, None, retry=False, patience_s=_VERIFYING_S)

    def dispute(self, dispute: str, secret: str) -> Mapping[str, Any]:
        """How far a dispute is, and the ledger's entries about it."""
        path = f"/v1/disputes/{plain(dispute)}"
        return self._call("GET", path, headers={"Dispute-Secret": secret})

    def dispute_evidence(self, dispute: str, secret: str) -> bytes:
        """The platform's evidence package on a dispute, a zip."""
        path = f"/v1/disputes/{plain(dispute)}/evidence.zip"
        return self._send("GET", path, None, {"Dispute-Secret": secret}, None, retry=True)


class PublicServices:
    """Time-stamping authorities, revocation lists and OCSP responders, at any URL.

    What they answer is signed, so plain http is allowed, nobody is signed in, and whether to
    believe it is decided elsewhere. A context manager; not for two threads."""

    def __init__(self, proxy: str = "") -> None:
        self._proxy = proxy
        self._opened: dict[str, Connections] = {}

    def __enter__(self) -> PublicServices:
        return self

    def __exit__(self, *details: object) -> None:
        for connections in self._opened.values():
            connections.close()

    def timestamp(self, url: str, query: bytes) -> bytes:
        """The TimeStampResp of the authority at *url* to *query*, DER (RFC 3161 §3.4).

        Raises :class:`ServiceUnavailable`, as the others do."""
        return self._ask(url, "timestamp", _MAX_TOKEN, query)

    def ocsp(self, url: str, query: bytes) -> bytes:
        """The OCSPResponse to *query*, DER (RFC 6960 appendix A)."""
        return self._ask(url, "ocsp", _MAX_TOKEN, query)

    def crl(self, url: str) -> bytes:
        """The revocation list at *url*, DER (RFC 5280 §4.2.1.13)."""
        return self._ask(url, "crl", MAX_ANSWER)

    def _ask(self, url: str, kind: str, limit: int, query: bytes | None = None) -> bytes:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ServiceUnavailable(url, "address")
        origin = f"{parts.scheme}://{parts.netloc}"
        if origin not in self._opened:
            self._opened[origin] = open_connections(origin, self._proxy)
        asked = query is not None
        types = {
            "Content-Type": f"application/{kind}-{'query' if kind == 'timestamp' else 'request'}",
            "Accept": f"application/{kind}-{'reply' if kind == 'timestamp' else 'response'}",
        }
        try:
            status, data = exchange(
                self._opened[origin],
                url,
                "POST" if asked else "GET",
                url,
                content=query,
                headers=types if asked else {},
                limit=limit,
            )
        except PlatformUnreachable as error:
            raise ServiceUnavailable(url, error.reason) from error
        except PlatformAnswerInvalid as error:
            raise ServiceUnavailable(url, "size") from error
        if status != 200:
            raise ServiceUnavailable.answered(url, status)
        if data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<":
            # a captive portal's page, or a web server at a wrong address; DER begins with 0x30
            raise ServiceUnavailable(url, "page")
        return data
