"""The platform over HTTP: the only module that speaks httpx (docs/platform.md has the interface).

A client is bound to one origin and to one root certificate: given by policy, remembered from the
first contact, or taken on first contact and remembered from then on. Nothing is signed before the
platform has shown certificates that lead to that root and has named the same origin as ours, and
every text that is signed begins with a fixed prefix, so that no answer of a server can ever be
turned into a signature on a document or a seal.

:class:`PublicServices` asks those whose answers prove themselves: time stamps, revocation.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import re
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx

from app.errors import (
    PlatformAnswerInvalid,
    PlatformRefused,
    PlatformUnreachable,
    PlatformUntrusted,
    ServiceUnavailable,
)
from app.settings import is_loopback
from crypto.algorithms import merkle
from crypto.algorithms.gm import sm3
from crypto.algorithms.keys import SigningKey
from crypto.pki.x509 import OCSP_SIGNING, Certificate, CertificateError, Crl, build_chain
from crypto.seal.registry_files import tile_name, unpack_entries
from crypto.seal.statement import SignedStatement, StatementError
from crypto.validation.revocation import CLOCK_SKEW
from crypto.validation.trust import Trust

if TYPE_CHECKING:
    import ssl

_MAX_ANSWER = 16 * 1024 * 1024
_MAX_STAMP = 64 * 1024
"""Of a time stamp or an OCSP response: real ones take less than 10,000 bytes."""
_TIMEOUT = httpx.Timeout(15.0, connect=5.0)
_LONGEST_S = 60.0
"""For a whole answer: a server that drips byte by byte must not hold us for ever."""
_VERIFYING_S = 120.0
"""A platform may take a minute for a large document."""
_TRIES = 3
_PLAIN = re.compile(r"[A-Za-z0-9._:/\[\]-]{1,200}")
"""What may stand in a line of a text that is signed."""
_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
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

    @property
    def root(self) -> Certificate:
        return self.certificates["root"]

    @property
    def trust(self) -> Trust:
        """Its root for every purpose, its other certificates as intermediates."""
        pool = tuple(each for name, each in self.certificates.items() if name != "root")
        root = (self.root,)
        return Trust(seal_makers=root, signers=root, timestamps=root, platforms=root, pool=pool)


@dataclass(frozen=True)
class Application:
    """An application as the platform has it."""

    id: str
    state: str
    payload_sm3: str
    reason: str
    seal_id: str


@dataclass(frozen=True)
class PlatformSeal:
    """A seal as the platform has it."""

    id: str
    code: str
    name: str
    kind: str
    state: str
    reason: str
    seal_sm3: str
    certificate: bytes
    """DER of the holder's certificate."""
    certificate_sn: str


@dataclass(frozen=True)
class SyncItem:
    """One change since a cursor."""

    kind: str
    id: str
    body: Mapping[str, Any]


@dataclass(frozen=True)
class SyncPage:
    """Some changes, in the order of the platform's ledger."""

    items: tuple[SyncItem, ...]
    next: str
    more: bool


@dataclass(frozen=True)
class Receipt:
    """Proof that the platform's ledger holds a usage record."""

    id: str
    flags: tuple[str, ...]
    index: int
    record: str
    """The ledger's record, exact text."""
    checkpoint: str


class PlatformClient:
    """One platform, as one holder (or nobody yet) sees it. A context manager; not for two
    threads."""

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
        self._http = _connections(self.origin, proxy)

    def __enter__(self) -> PlatformClient:
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

    def _checked_service(self, answer: Mapping[str, Any]) -> Service:
        with self._reading("service"):
            origin = str(answer["origin"])
            log = answer["logs"]["ledger"]
            service = Service(
                origin,
                str(answer["name"]),
                {
                    str(name): Certificate.parse(_unbase64(text))
                    for name, text in answer["certificates"].items()
                },
                str(answer["logs"]["registry"]["origin"]),
                str(log["origin"]),
                bytes.fromhex(log["key"]),
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
            return [bytes.fromhex(each) for each in answer["proof"]]

    def registry_epoch(self) -> bytes | None:
        """The manifest of the newest epoch as it came; None if there is none yet."""
        return self._file("/registry/epoch")

    def registry_shard(self, epoch: int, name: str) -> bytes | None:
        """A shard as it came; None if the platform has no longer got it."""
        return self._file(f"/registry/shards/{epoch}/{name}")

    def _file(self, path: str) -> bytes | None:
        try:
            return self._download(path)
        except PlatformRefused as error:
            if error.problem != "not_found":
                raise
            return None

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
                "certificate": _base64(key.certificate),
                "signature": _base64(key.sign(text)),
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
            return _plain(answer["id"])

    def enclose(self, dispute: str, secret: str, package: bytes) -> None:
        """Add the objector's own evidence package, a zip, to a dispute."""
        headers = {"Dispute-Secret": secret, "Content-Type": "application/zip"}
        path = f"/v1/disputes/{_plain(dispute)}/enclosure"
        self._send("PUT", path, package, headers, None, retry=False, patience_s=_VERIFYING_S)

    def dispute(self, dispute: str, secret: str) -> Mapping[str, Any]:
        """How far a dispute is, and the ledger's entries about it."""
        path = f"/v1/disputes/{_plain(dispute)}"
        return self._call("GET", path, headers={"Dispute-Secret": secret})

    def dispute_evidence(self, dispute: str, secret: str) -> bytes:
        """The platform's evidence package on a dispute, a zip."""
        path = f"/v1/disputes/{_plain(dispute)}/evidence.zip"
        return self._send("GET", path, None, {"Dispute-Secret": secret}, None, retry=True)

    # --- sign-in -----------------------------------------------------------------------------

    def sign_in(self, key: SigningKey) -> None:
        """Sign in as the holder of *key*'s certificate."""
        self._sign_in(key, {"certificate": _base64(key.certificate)})

    def sign_in_as_applicant(self, application_id: str, key: SigningKey) -> None:
        """Sign in with the key of an application's request, before there is a certificate."""
        self._sign_in(key, {"application_id": application_id})

    def _sign_in(self, key: SigningKey, who: Mapping[str, str]) -> None:
        self.service()
        offer = self._call("POST", "/v1/challenges", who)
        with self._reading("challenge"):
            origin, purpose = str(offer["origin"]), str(offer["purpose"])
            nonce, subject = str(offer["nonce"]), str(offer["subject"])
            expires, identity = int(offer["expires"]), str(offer["id"])
        if origin != self.origin or purpose != "login":
            raise PlatformUntrusted(self.origin, "origin")
        text = self._signed_text("LOGIN", purpose, nonce, subject, str(expires))
        answer = self._call(
            "POST",
            "/v1/sessions",
            {"challenge_id": identity, "signature": _base64(key.sign(text))},
        )
        with self._reading("session"):
            self._token = str(answer["token"])

    def _signed_text(self, purpose: str, *lines: str) -> bytes:
        """What a key is asked to sign: fixed prefix, our origin, then one line each."""
        if not all(_PLAIN.fullmatch(line) for line in lines):
            raise PlatformAnswerInvalid(self.origin, "text to sign")
        text = "\n".join((f"SUQIAN-SEAL-{purpose}-V1", self.origin, *lines, ""))
        return text.encode()

    # --- enrolling ---------------------------------------------------------------------------

    def apply(self, form: Mapping[str, Any]) -> Application:
        """Draft an application; the platform must have understood exactly the bytes sent."""
        body = json.dumps(form, ensure_ascii=False).encode()
        headers = {"Idempotency-Key": secrets.token_hex(16)}
        made = self._application(self._call("POST", "/v1/applications", body, headers, retry=True))
        if made.payload_sm3 != sm3(body).hex():
            raise PlatformAnswerInvalid(self.origin, "payload_sm3")
        return made

    def submit(self, application: Application, key: SigningKey) -> Application:
        """Hand it in, signed by the applicant's key."""
        text = self._signed_text("INTENT", "submit", application.id, application.payload_sm3)
        body = {"signature": _base64(key.sign(text))}
        path = f"/v1/applications/{application.id}/submit"
        return self._application(self._call("POST", path, body))

    def application(self, identity: str) -> Application:
        """How far it is."""
        return self._application(self._call("GET", f"/v1/applications/{identity}"))

    def _application(self, answer: Mapping[str, Any]) -> Application:
        with self._reading("application"):
            return Application(
                _plain(answer["id"]),
                str(answer["state"]),
                str(answer["payload_sm3"]),
                str(answer["reason"] or ""),
                _plain(answer["seal_id"]) if answer["seal_id"] else "",
            )

    def seal(self, identity: str) -> PlatformSeal:
        """One of the holder's seals."""
        return self.read_seal(self._call("GET", f"/v1/seals/{identity}"))

    def seal_data(self, seal: PlatformSeal) -> bytes:
        """Its SESeal, DER, as its SM3 says."""
        data = self._download(f"/v1/blobs/{seal.seal_sm3}")
        if sm3(data).hex() != seal.seal_sm3:
            raise PlatformAnswerInvalid(self.origin, "seal_sm3")
        return data

    def collect(self, seal: PlatformSeal, key: SigningKey) -> PlatformSeal:
        """领取: prove that the certified key is in our hands; the seal becomes active."""
        lines = (seal.id, seal.seal_sm3, seal.certificate_sn)
        body = {"signature": _base64(key.sign(self._signed_text("COLLECT", *lines)))}
        return self.read_seal(self._call("POST", f"/v1/seals/{seal.id}/collection", body))

    def read_seal(self, answer: Mapping[str, Any]) -> PlatformSeal:
        """A seal from an answer or from the body of a :class:`SyncItem`."""
        with self._reading("seal"):
            return PlatformSeal(
                _plain(answer["id"]),
                _plain(answer["seal_code"]),
                str(answer["name"]),
                str(answer["kind"]),
                str(answer["state"]),
                str(answer["reason"] or ""),
                bytes.fromhex(answer["seal_sm3"]).hex(),
                _unbase64(answer["certificate"]),
                _plain(answer["certificate_sn"]),
            )

    # --- using -------------------------------------------------------------------------------

    def status(self, seal_code: str) -> SignedStatement:
        """What the platform says of a seal now, its signature checked.

        A *seal_code* may come from a hostile document: what is no code goes into no address."""
        if not _IDENTIFIER.fullmatch(seal_code):
            raise PlatformRefused("not_found", "no seal has such a code")
        answer = self._call("GET", f"/v1/seals/{seal_code}/status")
        return self._statement(answer, seal_code)

    def ticket(self, seal_id: str, document_digest: bytes) -> bytes:
        """用印凭据 for exactly this document: a statement token, its signature checked."""
        body = {"seal_id": seal_id, "document_sm3": document_digest.hex()}
        signed = self._statement(self._call("POST", "/v1/tickets", body), "")
        if signed.statement.document_digest != document_digest:
            raise PlatformUntrusted(self.origin, "status")
        return signed.token

    def _statement(self, answer: Mapping[str, Any], seal_code: str) -> SignedStatement:
        with self._reading("statement"):
            signed = SignedStatement.parse(_unbase64(answer["token"]))
        wrong_seal = seal_code and signed.statement.seal_code != seal_code
        if wrong_seal or not self.service().trust.believes(signed):
            raise PlatformUntrusted(self.origin, "status")
        return signed

    def sync(self, cursor: str) -> SyncPage:
        """What changed since *cursor* ("" from the beginning)."""
        answer = self._call("GET", "/v1/sync", params={"cursor": cursor})
        with self._reading("sync"):
            items = tuple(
                SyncItem(str(each["kind"]), str(each["id"]), dict(each["body"]))
                for each in answer["items"]
            )
            return SyncPage(items, str(answer["next"]), answer["more"] is True)

    def report_usage(self, records: Sequence[tuple[str, str]]) -> list[Receipt]:
        """Send (id, record text) pairs, at most 100; each receipt's proof is verified.

        Safe to repeat: the platform knows a record by its id."""
        body = {"records": [{"id": each, "record": text} for each, text in records]}
        answer = self._call("POST", "/v1/usage-records", body, retry=True)
        with self._reading("receipts"):
            found = [self._receipt(each) for each in answer["receipts"]]
            if [each.id for each in found] != [each for each, _ in records]:
                raise ValueError("receipts for other records")
        return found

    def _receipt(self, answer: Mapping[str, Any]) -> Receipt:
        service = self.service()
        index, size = int(answer["index"]), int(answer["size"])
        identity = str(answer["id"])
        record = str(answer["record"])
        try:
            checkpoint = merkle.open_checkpoint(
                str(answer["checkpoint"]), service.ledger_key, service.ledger_origin
            )
        except merkle.MerkleError as error:
            raise PlatformUntrusted(self.origin, "receipt") from error
        proof = [bytes.fromhex(each) for each in answer["proof"]]
        leaf = merkle.leaf_hash(record.encode())
        of_this_log = (checkpoint.origin, checkpoint.size) == (service.ledger_origin, size)
        proved = of_this_log and merkle.verify_inclusion(leaf, index, size, proof, checkpoint.root)
        if not proved or identity not in record:
            raise PlatformUntrusted(self.origin, "receipt")
        return Receipt(identity, tuple(answer["flags"]), index, record, str(answer["checkpoint"]))

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
        long the platform may think before it answers, where that is longer than usual."""
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
        status, data = _exchange(
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
        """Whatever an answer lacks becomes PlatformAnswerInvalid."""
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


# --- services that prove what they say ----------------------------------------------------------


class PublicServices:
    """Time-stamping authorities, revocation lists and OCSP responders, at any URL.

    What they answer is signed, so plain http is allowed, nobody is signed in, and whether to
    believe it is decided elsewhere. A context manager; not for two threads."""

    def __init__(self, proxy: str = "") -> None:
        self._proxy = proxy
        self._opened: dict[str, httpx.Client] = {}

    def __enter__(self) -> PublicServices:
        return self

    def __exit__(self, *details: object) -> None:
        for each in self._opened.values():
            each.close()

    def timestamp(self, url: str, query: bytes) -> bytes:
        """The TimeStampResp of the authority at *url* to *query*, DER (RFC 3161 §3.4).

        Raises :class:`ServiceUnavailable`, as the others do."""
        return self._ask(url, "timestamp", _MAX_STAMP, query)

    def ocsp(self, url: str, query: bytes) -> bytes:
        """The OCSPResponse to *query*, DER (RFC 6960 appendix A)."""
        return self._ask(url, "ocsp", _MAX_STAMP, query)

    def crl(self, url: str) -> bytes:
        """The revocation list at *url*, DER (RFC 5280 §4.2.1.13)."""
        return self._ask(url, "crl", _MAX_ANSWER)

    def _ask(self, url: str, kind: str, limit: int, query: bytes | None = None) -> bytes:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ServiceUnavailable(url, "address")
        origin = f"{parts.scheme}://{parts.netloc}"
        if origin not in self._opened:
            self._opened[origin] = _connections(origin, self._proxy)
        asked = query is not None
        types = {
            "Content-Type": f"application/{kind}-{'query' if kind == 'timestamp' else 'request'}",
            "Accept": f"application/{kind}-{'reply' if kind == 'timestamp' else 'response'}",
        }
        try:
            status, data = _exchange(
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
            raise ServiceUnavailable(url, "busy" if status in (429, 503) else "http")
        return data


# --- HTTP ---------------------------------------------------------------------------------------


def _connections(origin: str, proxy: str) -> httpx.Client:
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


def _exchange(
    http: httpx.Client,
    named: str,
    method: str,
    path: str,
    *,
    content: bytes | None,
    headers: Mapping[str, str],
    params: Mapping[str, str] | None = None,
    limit: int = _MAX_ANSWER,
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


def _plain(value: object) -> str:
    """An identifier that may stand in a path and in a signed line."""
    text = str(value)
    if not _IDENTIFIER.fullmatch(text):
        raise ValueError("not an identifier")
    return text


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _unbase64(text: object) -> bytes:
    try:
        return base64.b64decode(str(text), validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error
