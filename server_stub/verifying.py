"""验签 as a service: the same ``crypto`` functions as the client's, on a file from anybody.

A hostile PDF must cost one answer, not the platform: each file is judged in a process of its own,
with bounds on time and memory. The two talk in lines of JSON over the child's stdin and stdout::

    → {"name", "now", "anchors", "pool", "crls"}                     base64 DER
    ← {"ask": [seal code, …]}                                        whose status it needs
    → {"statements": [base64 DER, …], "changes": [{"seal_code", "state", …}, …]}
    ← {"report": …} or {"problem": code}

What the child says is read as strictly as the file (:mod:`crypto.report.reading`); which file it
was and when it was judged, the platform knows by itself. A report for filing is set by
:func:`set_report` in another, fresh process, which never sees the file.
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

from crypto.algorithms import gm
from crypto.pdf.verify import PROGRAM
from crypto.report.reading import read_report
from crypto.verdict import Report

if TYPE_CHECKING:
    from crypto.seal.statement import SealChange

MEMORY = 2 << 30
"""Bytes of address space that one verification may use."""
_MAX_LINE = 64 << 20
"""Bytes of what it may say at once; with that, it cannot fill the platform's memory."""


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


def verify(
    data: bytes,
    name: str,
    material: Material,
    statement: Callable[[str], bytes | None],
    seconds: float,
    history: Callable[[str], Iterable[SealChange]] = lambda code: (),
) -> Report:
    """The report on the PDF *data*. *statement* gives the platform's own signed statement about a
    seal code, or None if it knows no such seal; *history* what became of it, as the public registry
    tells.

    Raises :class:`VerificationTimeout`, :class:`FileNotVerifiable`."""
    now = datetime.now(UTC).replace(microsecond=0)
    with tempfile.TemporaryDirectory(prefix="sealdesk-") as folder:
        file = Path(folder) / "document"
        file.write_bytes(data)
        child = subprocess.Popen(  # noqa: S603 - our own interpreter and module, no shell
            _command("verify", str(file)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
        )
        timer = threading.Timer(seconds, child.kill)
        timer.start()
        try:
            report = _converse(child, name, now, material, statement, history)
            told = report.file.name, report.file.size, report.file.sm3
            if told != (name, len(data), gm.sm3(data).hex()):
                raise FileNotVerifiable("unreadable")
            return replace(report, program=PROGRAM, verified_at=now, judged_at=now)
        finally:
            late = not timer.is_alive()
            timer.cancel()
            child.kill()
            child.communicate()
            if late:
                raise VerificationTimeout


def set_report(report: Report, language: str, issuer: str, seconds: float) -> bytes:
    """*report* as a PDF for *issuer* to seal (:func:`crypto.report.pdf.render`).

    Raises :class:`VerificationTimeout`, :class:`FileNotVerifiable` if it is too much to set."""
    told = {"report": report.to_json(language), "language": language, "issuer": issuer}
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and module, no shell
            _command("set"),
            input=json.dumps(told).encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
            timeout=seconds,
            check=True,
        )
    except subprocess.TimeoutExpired as error:
        raise VerificationTimeout from error
    except subprocess.CalledProcessError as error:
        raise FileNotVerifiable("unreadable") from error
    return done.stdout


def _command(*words: str) -> list[str]:
    return [sys.executable, "-m", "server_stub.verifying", *words]


def _environment() -> dict[str, str]:
    root = str(Path(__file__).resolve().parents[1])
    paths = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    return {**os.environ, "PYTHONPATH": paths}


def _converse(
    child: subprocess.Popen[bytes],
    name: str,
    now: datetime,
    material: Material,
    statement: Callable[[str], bytes | None],
    history: Callable[[str], Iterable[SealChange]],
) -> Report:
    if child.stdin is None or child.stdout is None:
        raise FileNotVerifiable("unreadable")
    try:
        _say(
            child.stdin,
            name=name,
            now=now.isoformat(),
            anchors=_texts(material.anchors),
            pool=_texts(material.pool),
            crls=_texts(material.crls),
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
                report = read_report(said["report"])
                if report.verdict.value != said["report"]["verdict"]:
                    raise ValueError("another verdict than its findings lead to")
                return report
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


# --- in the children ---------------------------------------------------------------------------


def _verify(path: Path) -> None:
    from crypto.pdf.reading.document import PdfEncrypted, PdfError
    from crypto.pdf.verify import verify_pdf
    from crypto.pki.x509 import Certificate, Crl
    from crypto.seal.statement import SealChange, SignedStatement
    from crypto.validation.trust import Trust

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
    now = datetime.fromisoformat(told["now"])
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
        _say(out, report=report.to_json())
    except PdfEncrypted:
        _say(out, problem="encrypted")
    except PdfError:
        _say(out, problem="unreadable")


def _set() -> None:
    from crypto.report.pdf import render

    _bound()
    told = json.loads(sys.stdin.buffer.read())
    # without the imprints found: in a page under a seal they could pass for seals
    pdf = render(read_report(told["report"]), told["language"], issuer=told["issuer"])
    sys.stdout.buffer.write(pdf)


def _bound() -> None:
    """Let the system end this process when it takes too much memory."""
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    if sys.argv[1] == "set":
        _set()
    else:
        _verify(Path(sys.argv[2]))
