"""验签 as a service: the same ``crypto`` functions as the client's, on a file from anybody.

A hostile PDF must cost one answer, not the platform: each file is verified in a bounded process
(:mod:`crypto.bounded`) that gives way: whoever asks the platform for something else comes first.
The two talk::

    → {"data", "name", "now", "anchors", "pool", "crls"}             bytes; DER
    ← {"ask": [seal code, …]}                                        whose status it needs, if any
    → {"statements": [DER, …], "changes": [SealChange, …]}
    ← {"report": …} or {"problem": code}

What it says is read as strictly as the file (:mod:`crypto.report.reading`); which file it was and
when it was judged, the platform knows by itself. A report for filing is set by :func:`set_report`
in another, fresh process, which never sees the file.
"""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, BinaryIO

from crypto.algorithms import gm
from crypto.bounded import (
    BoundedError,
    BoundedProcess,
    Channel,
    Message,
    ProcessTimedOut,
    run,
)
from crypto.frozen import frozen
from crypto.pdf.looking.layer import look_with_engines
from crypto.pdf.marks.drawn import draw_with_engines
from crypto.pdf.reading.document import Document
from crypto.pdf.reading.failures import PdfEncrypted, PdfError, within_time
from crypto.pdf.reading.signatures import EmbeddedSignature, read_signatures
from crypto.pdf.reading.surroundings import without_surroundings
from crypto.pdf.verify import PROGRAM, verify_pdf
from crypto.pki.certificate import Certificate
from crypto.pki.revocation_list import Crl
from crypto.report.reading import read_report
from crypto.report.setting import set_report as set_pages
from crypto.seal.statement import SealChange, SignedStatement
from crypto.seal.structure import Seal, SealError
from crypto.validation.trust import Trust
from crypto.verdict import Report

_MAX_CODES = 1000
"""Seals that one file may ask about."""
_MAX_ANSWER = 64 << 20
"""Bytes of what it may say at once; with that, it cannot fill the platform's memory."""


class VerificationTimeout(Exception):
    """The file took longer than it may."""


class FileNotVerifiable(Exception):
    """The file is no PDF that can be read; the text is "unreadable" or "encrypted"."""


@frozen
class TrustMaterial:
    """Whom to trust, DER."""

    anchors: Sequence[bytes]
    pool: Sequence[bytes]
    crls: Sequence[bytes]


def verify(
    data: bytes,
    name: str,
    material: TrustMaterial,
    statement: Callable[[str], bytes | None],
    seconds: float,
    history: Callable[[str], Iterable[SealChange]] = lambda code: (),
) -> Report:
    """The report on the PDF *data*. *statement* gives the platform's own signed statement about a
    seal code, or None if it knows no such seal; *history* what became of it, as the public registry
    tells.

    Raises :class:`VerificationTimeout`, :class:`FileNotVerifiable`."""
    now = datetime.now(UTC).replace(microsecond=0)
    until = time.monotonic() + seconds
    told = {
        "data": data,
        "name": name,
        "now": now,
        "anchors": tuple(material.anchors),
        "pool": tuple(material.pool),
        "crls": tuple(material.crls),
    }
    try:
        with BoundedProcess(
            _verify, answer=_MAX_ANSWER, name="sealdesk-verify", gives_way=True
        ) as process:
            report = _converse(process, told, statement, history, until)
    except ProcessTimedOut as error:
        raise VerificationTimeout from error
    except BoundedError as error:
        raise FileNotVerifiable("unreadable") from error
    if (report.file.name, report.file.size, report.file.sm3) != (
        name, len(data), gm.sm3(data).hex(),
    ):  # fmt: skip
        raise FileNotVerifiable("unreadable")
    return replace(report, program=PROGRAM, verified_at=now, judged_at=now)


def set_report(report: Report, language: str, issuer: str, seconds: float) -> bytes:
    """*report* as a PDF for *issuer* to seal (:func:`crypto.report.pdf.render`).

    Raises :class:`VerificationTimeout`, :class:`FileNotVerifiable` if it is too much to set."""
    try:
        words = (report.to_json(language), language, issuer)
        (pdf,) = run(_set, *words, seconds=seconds, gives_way=True).parts
    except ProcessTimedOut as error:
        raise VerificationTimeout from error
    except (BoundedError, ValueError) as error:
        raise FileNotVerifiable("unreadable") from error
    return pdf


def _converse(
    process: BoundedProcess,
    told: dict[str, Any],
    statement: Callable[[str], bytes | None],
    history: Callable[[str], Iterable[SealChange]],
    until: float,
) -> Report:
    process.send(told, until - time.monotonic())
    try:
        while True:
            said = process.receive(until - time.monotonic()).head
            if "ask" in said:
                known = (statement(code) for code in said["ask"])
                changes = [change for code in said["ask"] for change in history(code)]
                answer = {"statements": [token for token in known if token], "changes": changes}
                process.send(answer, until - time.monotonic())
            elif "report" in said:
                report = read_report(said["report"])
                if report.verdict.value != said["report"]["verdict"]:
                    raise ValueError("another verdict than its findings lead to")
                return report
            else:
                raise FileNotVerifiable({"encrypted": "encrypted"}[said["problem"]])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        # the file may have taken the process over: what it says is read as strictly as the file
        raise FileNotVerifiable("unreadable") from error


# --- in the processes ---------------------------------------------------------------------------


def _verify(channel: Channel) -> None:
    told = channel.receive()
    trust = replace(
        Trust.in_all(map(Certificate.parse, told["anchors"])),
        pool=tuple(map(Certificate.parse, told["pool"])),
        crls=tuple(map(Crl.parse, told["crls"])),
    )
    stream, name, now = io.BytesIO(told["data"]), told["name"], told["now"]
    try:
        codes = _seal_codes(stream)
        if codes:
            channel.send({"ask": codes})
            answer = channel.receive()
            statements = tuple(map(SignedStatement.parse, answer["statements"]))
            trust = replace(trust, statements=statements, changes=tuple(answer["changes"]))
        report = verify_pdf(
            stream, name, trust, now, look=look_with_engines, draw=draw_with_engines
        )
        channel.send({"report": report.to_json()})
    except PdfEncrypted:
        channel.send({"problem": "encrypted"})
    except PdfError:
        channel.send({"problem": "unreadable"})


def _seal_codes(stream: BinaryIO) -> list[str]:
    """The seals that the file's signatures name, whether they hold or not. Raises PdfError."""
    with within_time():
        within, _ = without_surroundings(stream)
        codes = _seal_codes_of(within)
        if within is not stream:  # what surrounds the document may be signed as well
            with contextlib.suppress(PdfError):
                codes |= _seal_codes_of(stream)
        return sorted(codes)[:_MAX_CODES]


def _seal_codes_of(stream: BinaryIO) -> set[str]:
    document = Document(stream)
    signatures = read_signatures(document, document.signature_fields())
    return {seal.es_id for signature in signatures for seal in _seals(signature)}


def _seals(signature: EmbeddedSignature) -> Iterator[Seal]:
    """Of one signature, as its value or as a signed attribute of it."""
    if signature.seal_signature:
        yield signature.seal_signature.seal
    elif signature.signed_data:
        for signer in signature.signed_data.signers[:1]:
            if signer.seal is not None:
                with contextlib.suppress(SealError):
                    yield Seal.parse(signer.seal)


def _set(told: dict[str, Any], language: str, issuer: str) -> Message:
    # without the imprints found: in a page under a seal they could pass for seals
    return Message({}, (set_pages(read_report(told), language, {}, issuer),))
