"""What a file does not carry, fetched from the addresses in it: only when a person asks.

    the issuers that are missing between its certificates and an anchor     caIssuers
    → whether these certificates were revoked                               OCSP, revocation lists
    → what its platform says of the seal now                                the seal's own platform

Whoever looks a seal up tells its platform that somebody looks; and an address in a file may have
been put there by anybody. So nothing of this happens by itself, and :func:`app.remote.http_client.
fetch` sets the bounds. What comes back proves itself, or counts for nothing.
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
from app.errors import AppError, ServiceUnavailable
from app.remote.http_client import fetch
from app.revisions import open_pdf
from app.settings import Settings
from app.verifying import verify
from crypto.pdf.reading.enclosed_evidence import with_enclosed_evidence
from crypto.pdf.reading.failures import PdfError, within_time
from crypto.pdf.signing.dss import certificates_in
from crypto.pki.certificate import Certificate, load_certificates
from crypto.pki.chain import build_chain
from crypto.pki.names_and_algorithms import CertificateError
from crypto.seal.statement import SignedStatement, StatementError
from crypto.validation.trust import Trust
from crypto.verdict import Report

_STEPS = 4
"""Issuers above one another that are fetched."""
_MOST = 20
"""Addresses asked for one file."""


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


def fetched(
    path: Path, report: Report, trust: Trust, fetcher: Fetcher, password: str | None = None
) -> Trust:
    """*trust* with what the addresses in the file at *path* lead to; *report* is what is known of
    it. What cannot be had is left out. Raises as :func:`app.revisions.open_pdf` does."""
    with within_time():
        document = open_pdf(path, password)
        with contextlib.closing(document.stream):
            leaves, along = certificates_in(document)
            enclosed = with_enclosed_evidence(document, trust)
    now = datetime.now(UTC)
    known = (*along, *enclosed.pool)
    issuers = _issuers(leaves, known, trust, fetcher, now)
    trust = replace(trust, pool=(*trust.pool, *issuers))
    trust = asked_services(leaves, (*known, *issuers), trust, fetcher, now)
    return replace(trust, statements=(*trust.statements, *_statements(report, fetcher)))


def fetched_for_all(
    paths: Iterable[Path], trust: Trust, settings: Settings, password: str | None = None
) -> Trust:
    """*trust* with what the addresses in all the files lead to; a file that cannot be read is left
    to whoever verifies it."""
    for path in paths:
        with contextlib.suppress(AppError, PdfError):
            report = verify(path, trust=trust, password=password)
            trust = fetched(path, report, trust, Fetcher(settings), password)
    return trust


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
            for each in load_certificates(fetcher.get(url)):
                if certificate.issued_by(each):
                    return each
    return None


def _statements(report: Report, fetcher: Fetcher) -> list[SignedStatement]:
    """What each seal's own platform says of it now: also where the file proves that it was in force
    when it was used, because a person who asks wants to hear what happened since."""
    found = []
    for signature in report.signatures:
        seal = signature.seal
        if not (seal and signature.origin):
            continue
        if not (seal.code.isascii() and seal.code.isalnum()):
            continue  # a hostile document's code goes into no address
        url = f"{signature.origin}/v1/seals/{seal.code}/status"
        with contextlib.suppress(
            ServiceUnavailable, StatementError, ValueError, KeyError, TypeError, RecursionError
        ):
            answer = json.loads(fetcher.get(url))
            with contextlib.suppress(binascii.Error):
                found.append(SignedStatement.parse(base64.b64decode(answer["token"])))
    return found
