"""What a file does not carry, fetched from the addresses in it: only when a person asks.

    the issuers that are missing between its certificates and an anchor     caIssuers
    → whether these certificates were revoked                               OCSP, revocation lists
    → what its platform says of the seal now                                the seal's own platform

Whoever looks a seal up tells its platform that somebody looks; and an address in a file may have
been put there by anybody. So nothing of this happens by itself, and :func:`app.remote.http_client.
fetch` sets the bounds. What comes back proves itself, or counts for nothing. The file itself is
read in a bounded process, never in the one that has the network and the window.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from app.augmentation import asked_services
from app.errors import ServiceUnavailable
from app.remote.http_client import fetch
from app.revisions import open_pdf
from app.settings import Settings
from app.verifying import verify
from crypto.bounded import BoundedError, Message, run
from crypto.frozen import frozen
from crypto.pdf.reading.enclosed_evidence import with_enclosed_evidence
from crypto.pdf.reading.failures import within_time
from crypto.pdf.signing.dss import certificates_in
from crypto.pki.certificate import Certificate, load_certificates
from crypto.pki.chain import build_chain
from crypto.pki.names_and_algorithms import CertificateError
from crypto.seal.statement import SignedStatement, StatementError
from crypto.validation.trust import Trust

_STEPS = 4
"""Issuers above one another that are fetched."""
_MOST = 20
"""Addresses asked for one file, and seals in it that are asked about."""
_READING_SECONDS = 60.0


class Fetcher:
    """Asks addresses in documents; counts, and asks none twice."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._left = _MOST
        self._known: dict[str, bytes | None] = {}

    def get(self, url: str) -> bytes:
        """Raises :class:`app.errors.ServiceUnavailable`."""
        if url not in self._known:
            self._known[url] = None
            self._known[url] = self._ask(url)
        found = self._known[url]
        if found is None:
            raise ServiceUnavailable(url, "other")
        return found

    def ocsp(self, url: str, query: bytes) -> bytes:
        """See :class:`app.augmentation.Services`."""
        return self._ask(url, query, "application/ocsp-request")

    def crl(self, url: str) -> bytes:
        """See :class:`app.augmentation.Services`."""
        return self.get(url)

    def _ask(self, url: str, content: bytes | None = None, kind: str = "") -> bytes:
        if not self._left:
            raise ServiceUnavailable(url, "busy")
        self._left -= 1
        return fetch(
            url,
            proxy=self._settings.proxy,
            inside=self._settings.fetch_hosts,
            content=content,
            content_type=kind,
        )


@frozen
class _Gathered:
    """What a file names and encloses, read in a bounded process."""

    leaves: tuple[Certificate, ...]
    """Of signers, seal makers and time-stamping authorities."""
    known: tuple[Certificate, ...]
    """All others that it brings."""
    seals: tuple[tuple[str, str], ...]
    """(code, origin that the document names) of each seal."""


def fetched(path: Path, trust: Trust, fetcher: Fetcher, password: str | None = None) -> Trust:
    """*trust* with what the addresses in the file at *path* lead to. What cannot be had is left
    out, and everything where the file cannot be read: that is left to whoever verifies it."""
    found = _gathered(path, password)
    if found is None:
        return trust
    now = datetime.now(UTC)
    known = (*found.known, *trust.pool)
    issuers = _issuers(found.leaves, known, trust, fetcher, now)
    trust = replace(trust, pool=(*trust.pool, *issuers))
    trust = asked_services(found.leaves, (*known, *issuers), trust, fetcher, now)
    return replace(trust, statements=(*trust.statements, *_statements(found.seals, fetcher)))


def fetched_for_all(
    paths: Iterable[Path], trust: Trust, settings: Settings, password: str | None = None
) -> Trust:
    """*trust* with what the addresses in all the files lead to."""
    for path in paths:
        trust = fetched(path, trust, Fetcher(settings), password)
    return trust


def certificates_of(path: Path, password: str | None, trust: Trust) -> dict[str, bytes]:
    """The certificates (DER, by their SM3 in hexadecimal) that the document at *path* brings, and
    those of *trust*, in which its chains end. Fewer where the document cannot be read."""
    found = _gathered(path, password)
    brought = (*found.leaves, *found.known) if found else ()
    anchors = (*trust.seal_makers, *trust.signers, *trust.timestamps, *trust.platforms)
    return {
        certificate.fingerprint.hex(): certificate.der
        for certificate in (*anchors, *trust.pool, *brought)
    }


def _gathered(path: Path, password: str | None) -> _Gathered | None:
    """None where the file cannot be read, or takes the process that reads it."""
    try:
        said = run(_gather, path, password, seconds=_READING_SECONDS)
        certificates = tuple(map(Certificate.parse, said.parts))
        count = said.head["leaves"]
        seals = tuple((str(code), str(origin)) for code, origin in said.head["seals"])
        if type(count) is not int or not 0 <= count <= len(certificates):
            raise ValueError("another number of certificates")
    except (BoundedError, CertificateError, KeyError, TypeError, ValueError):
        return None
    return _Gathered(certificates[:count], certificates[count:], seals[:_MOST])


def _gather(path: Path, password: str | None) -> Message:
    """In the process. What it raises says that the file cannot be read."""
    with within_time():
        document = open_pdf(path, password)
        with contextlib.closing(document.stream):
            leaves, along = certificates_in(document)
            enclosed = with_enclosed_evidence(document, Trust())
    report = verify(path, trust=Trust(), password=password)
    seals = [
        [signature.seal.code, signature.origin] for signature in report.signatures if signature.seal
    ]
    others = (*along, *enclosed.pool)
    parts = tuple(certificate.der for certificate in (*leaves, *others))
    return Message({"leaves": len(leaves), "seals": seals}, parts)


def _issuers(
    leaves: Iterable[Certificate],
    known: Sequence[Certificate],
    trust: Trust,
    fetcher: Fetcher,
    now: datetime,
) -> list[Certificate]:
    """The certificates that lead from *leaves* to an anchor and are at hand nowhere."""
    anchors = (*trust.signers, *trust.seal_makers, *trust.timestamps)
    found: list[Certificate] = []
    for leaf in leaves:
        for _ in range(_STEPS):
            chain = build_chain(leaf, (*known, *found), anchors, now)
            top = chain.path[-1]
            if chain.anchored or top.self_issued:
                break
            new = _fetched_issuer(top, fetcher)
            if new is None or new in found:
                break
            found.append(new)
    return found


def _fetched_issuer(certificate: Certificate, fetcher: Fetcher) -> Certificate | None:
    for url in certificate.issuer_urls[:2]:
        with contextlib.suppress(ServiceUnavailable, CertificateError):
            for issuer in load_certificates(fetcher.get(url)):
                if certificate.issued_by(issuer):
                    return issuer
    return None


def _statements(seals: Iterable[tuple[str, str]], fetcher: Fetcher) -> list[SignedStatement]:
    """What each seal's own platform says of it now: also where the file proves that it was in force
    when it was used, because a person who asks wants to hear what happened since."""
    found = []
    for code, origin in seals:
        if not origin or not (code.isascii() and code.isalnum()):
            continue  # a hostile document's code goes into no address
        url = f"{origin}/v1/seals/{code}/status"
        with contextlib.suppress(
            ServiceUnavailable, StatementError, ValueError, KeyError, TypeError, RecursionError
        ):
            answer = json.loads(fetcher.get(url))
            with contextlib.suppress(binascii.Error):
                found.append(SignedStatement.parse(base64.b64decode(answer["token"])))
    return found
