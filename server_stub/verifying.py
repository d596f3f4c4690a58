"""验签 as a service: the same ``crypto`` functions as the client's, on a file from anybody.

A hostile PDF must cost one answer, not the platform: each file is judged in a process of its own,
with bounds on time and memory. The two talk in lines of JSON over the child's stdin and stdout::

    → {"name", "anchors", "pool", "crls", "issuer", "language"}      base64 DER
    ← {"ask": [seal code, …]}                                        whose status it needs
    → {"statements": [base64 DER, …], "changes": [{"seal_code", "state", …}, …]}
    ← {"report": …, "pdf": base64} or {"problem": code}              pdf only for an issuer
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crypto import gm
from crypto.report_reading import read_report

if TYPE_CHECKING:
    from crypto.statement import SealChange

MEMORY = 2 << 30
"""Octets of address space that one verification may use."""
_MAX_LINE = 64 << 20
"""Octets of what it may say at once; with that, it cannot fill the platform's memory."""


class VerificationTimeout(Exception):
    """The file took longer than it may."""


class FileNotVerifiable(Exception):
    """The file is no PDF that can be read; the text is "unreadable" or "encrypted"."""


@dataclass(frozen=True)
class Material:
    """Whom to trust, DER."""

    anchors: Sequence[bytes]
    pool: Sequence[bytes]
    crls: Sequence[bytes]


@dataclass(frozen=True)
class Wish:
    """What a report is to be set for."""

    issuer: str
    """Who will seal it; "" for nobody, then there is no PDF."""
    language: str = "zh_CN"


def verify(
    data: bytes,
    name: str,
    material: Material,
    statement: Callable[[str], bytes | None],
    seconds: float,
    history: Callable[[str], Iterable[SealChange]] = lambda code: (),
    wish: Wish = Wish(""),
) -> tuple[dict[str, Any], bytes]:
    """The report on the PDF *data*, as JSON-ready data and, if wished for, as PDF. *statement*
    gives the platform's own signed statement about a seal code, or None if it knows no such seal;
    *history* what became of it, as the public registry tells.

    Raises :class:`VerificationTimeout`, :class:`FileNotVerifiable`."""
    with tempfile.TemporaryDirectory(prefix="sealdesk-") as folder:
        file = Path(folder) / "document"
        file.write_bytes(data)
        root = str(Path(__file__).resolve().parents[1])
        paths = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
        child = subprocess.Popen(  # noqa: S603 - our own interpreter and module, no shell
            [sys.executable, "-m", "server_stub.verifying", str(file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": paths},
        )
        timer = threading.Timer(seconds, child.kill)
        timer.start()
        try:
            report, pdf = _converse(child, name, material, statement, history, wish)
            if report["file"]["sm3"] != gm.sm3(data).hex():
                raise FileNotVerifiable("unreadable")
            return report, pdf
        finally:
            late = not timer.is_alive()
            timer.cancel()
            child.kill()
            child.communicate()
            if late:
                raise VerificationTimeout


def _converse(
    child: subprocess.Popen[bytes],
    name: str,
    material: Material,
    statement: Callable[[str], bytes | None],
    history: Callable[[str], Iterable[SealChange]],
    wish: Wish,
) -> tuple[dict[str, Any], bytes]:
    if child.stdin is None or child.stdout is None:
        raise FileNotVerifiable("unreadable")
    try:
        _say(
            child.stdin,
            name=name,
            anchors=_texts(material.anchors),
            pool=_texts(material.pool),
            crls=_texts(material.crls),
            issuer=wish.issuer,
            language=wish.language,
        )
        while True:
            line = child.stdout.readline(_MAX_LINE)
            if not line.endswith(b"\n"):  # it died: killed by the clock, or by what it read
                raise FileNotVerifiable("unreadable")
            said = json.loads(line)
            if "ask" in said:
                known = (statement(code) for code in said["ask"])
                changes = [_row(change) for code in said["ask"] for change in history(code)]
                statements = _texts(token for token in known if token)
                _say(child.stdin, statements=statements, changes=changes)
            elif "report" in said:
                if read_report(said["report"]).verdict.value != said["report"]["verdict"]:
                    raise ValueError("another verdict than its findings lead to")
                return said["report"], base64.b64decode(said["pdf"], validate=True)
            else:
                raise FileNotVerifiable({"encrypted": "encrypted"}[said["problem"]])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        # the file may have taken the child over: what it says is read as strictly as the file
        raise FileNotVerifiable("unreadable") from error


def _say(stream: Any, **message: object) -> None:
    stream.write(json.dumps(message).encode() + b"\n")
    stream.flush()


def _texts(values: Iterable[bytes]) -> list[str]:
    return [base64.b64encode(value).decode() for value in values]


def _row(change: SealChange) -> dict[str, str]:
    moments = {n: getattr(change, n).isoformat() for n in ("effective_at", "recorded_at")}
    return asdict(change) | moments


# --- in the child ------------------------------------------------------------------------------


def _child(path: Path) -> None:
    from crypto.pdf_document import PdfEncrypted, PdfError
    from crypto.pdf_verify import verify_pdf
    from crypto.statement import SealChange, SignedStatement
    from crypto.trust import Trust
    from crypto.x509 import Certificate, Crl

    _bound()
    told = json.loads(sys.stdin.buffer.readline())
    anchors, pool, crls = (
        [base64.b64decode(text) for text in told[part]] for part in ("anchors", "pool", "crls")
    )
    trust = replace(
        Trust.in_all(map(Certificate.parse, anchors)),
        pool=tuple(map(Certificate.parse, pool)),
        crls=tuple(map(Crl.parse, crls)),
    )
    now = datetime.now(UTC)
    out = sys.stdout.buffer
    try:
        with path.open("rb") as stream:
            report = verify_pdf(stream, told["name"], trust, now)
            codes = sorted({s.seal.code for s in report.signatures if s.seal})
            if codes:
                _say(out, ask=codes[:1000])
                answer = json.loads(sys.stdin.buffer.readline())
                statements = tuple(
                    SignedStatement.parse(base64.b64decode(text)) for text in answer["statements"]
                )
                changes = tuple(
                    SealChange(
                        row["seal_code"],
                        row["state"],
                        row["reason"],
                        datetime.fromisoformat(row["effective_at"]),
                        datetime.fromisoformat(row["recorded_at"]),
                    )
                    for row in answer["changes"]
                )
                trust = replace(trust, statements=statements, changes=changes)
                report = verify_pdf(stream, told["name"], trust, now)
        pdf = b""
        if told["issuer"]:
            from crypto.report_pdf import render

            # without the imprints found: in a page under a seal they could pass for seals
            pdf = render(report, told["language"], issuer=told["issuer"])
        answer = report.to_json(told["language"])
        _say(out, report=answer, pdf=base64.b64encode(pdf).decode())
    except PdfEncrypted:
        _say(out, problem="encrypted")
    except PdfError:
        _say(out, problem="unreadable")


def _bound() -> None:
    """Let the system end this process when it takes too much memory."""
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    _child(Path(sys.argv[1]))
