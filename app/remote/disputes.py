"""提出异议: an objection to a seal on a document, handed to the platform that issued the seal
(管理办法 第二十八条), and the platform's evidence fetched with the receipt.

What goes to the platform: the document's SM3 digest, the seal's code, the objector's words and how
to reach them; never the document itself, unless an evidence package is enclosed on purpose. Nobody
needs a seal for it; who has one may sign the statement. What comes back is a receipt: keep it, it
holds the secret without which nobody can follow the dispute or fetch the platform's package.

Before anything is sent, what will be sent and the secret are kept in ``RECEIPT.pending``. Should
the line break, objecting again in the same words with the same receipt sends the same once more:
one dispute, whose secret is not lost.
"""

from __future__ import annotations

import io
import json
import os
import secrets
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.durable import discard, replace_file
from app.errors import (
    FileNotReadable,
    FileProblem,
    OutputExists,
    PlatformRefused,
    PlatformUntrusted,
    UsageError,
)
from app.publishing import publish, unpublished
from app.remote.objection import MAX_CONTACT, MAX_NAME, MAX_REASON
from app.remote.platform_connection import Service
from app.remote.public_services import PublicPlatform
from crypto.algorithms import merkle
from crypto.algorithms.gm import sm3
from crypto.algorithms.keys import SigningKey
from crypto.frozen import frozen
from crypto.owner_only import protect
from crypto.pki.cms import CmsError, digest_of
from crypto.seal.statement import SignedStatement, StatementError
from crypto.validation.trusted_time import check_timestamp

FORMAT = "sealdesk-dispute-receipt/1"
PACKAGE_FORMAT = "sealdesk-dispute-evidence/1"
_MAX_ENCLOSURE = 50 * 1024 * 1024
_MAX_PACKAGE = 64 * 1024 * 1024
_MAX_RECEIPT = 256 * 1024


@frozen
class DisputeReceipt:
    """Proof that a dispute is on record, and the key to it. Saved as JSON."""

    platform: str
    """The platform's origin."""
    id: str
    secret: str = field(repr=False)
    """Whoever has it can read the dispute: treat the file as confidential."""
    seal_code: str
    document_sm3: str
    statement: str
    """Exactly what was handed in."""
    signed: bool
    opened_at: str
    """RFC 3339, as the platform's ledger has it."""
    record: str
    """The ledger's entry, exact text."""
    index: int
    size: int
    proof: tuple[str, ...]
    """Hexadecimal, for :func:`crypto.algorithms.merkle.verify_inclusion`."""
    checkpoint: str

    def to_json(self) -> str:
        """The file's text."""
        body = {"format": FORMAT, **asdict(self)}
        return json.dumps(body, ensure_ascii=False, indent=2) + "\n"

    @classmethod
    def load(cls, path: Path) -> DisputeReceipt:
        """Raises :class:`app.errors.FileNotReadable`, :class:`app.errors.UsageError`."""
        try:
            with path.open("rb") as stream:
                body = json.loads(stream.read(_MAX_RECEIPT))
            if body.pop("format") != FORMAT:
                raise ValueError("another format")
            return cls(**{**body, "proof": tuple(body["proof"])})
        except OSError as error:
            raise FileNotReadable(str(path), FileProblem.of(error)) from error
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise UsageError("no_receipt", path.name) from error


@frozen
class DisputeState:
    """How far a dispute is."""

    state: str
    """"opened", "evidence_ready", "handed_over" or "closed"."""
    note: str
    """To whom it was handed over, or why it was closed."""
    updated_at: str

    @property
    def evidence_ready(self) -> bool:
        """Can :func:`fetch_evidence` succeed?"""
        return self.state != "opened"


@frozen
class DisputeEvidence:
    """The platform's package, every proof in it checked, and saved."""

    path: Path
    events: tuple[Mapping[str, Any], ...]
    """The public history of the seal, oldest first: event, from, to, reason, effective_at, …"""
    status: SignedStatement
    """The platform's signed word on the seal when the package was made."""


def open_dispute(
    document_sm3: str,
    seal_code: str,
    *,
    reason: str,
    contact: str,
    receipt: Path,
    platform: PublicPlatform,
    name: str = "",
    key: SigningKey | None = None,
    package: Path | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> DisputeReceipt:
    """Object to the seal *seal_code* on the document with that digest, and save the receipt as the
    new file *receipt* (JSON, confidential).

    *document_sm3* is ``report.file.sm3`` and *seal_code* a ``signature.seal.code`` of the same
    report. *reason* (1–2000 characters), *contact* (1–200: telephone, e-mail) and *name* (up to 60)
    are the objector's words. *key*: sign the statement, with any certificate of that platform; None
    needs no Ukey. *package*: an evidence package (:mod:`app.evidence.making`) to enclose: it
    contains the document, so ask the person.

    Not for the thread that paints. Raises :class:`app.errors.UsageError` for texts that are too
    long or empty, :class:`app.errors.FileError`, :class:`app.errors.PlatformError`
    (PlatformRefused "not_found": the seal is not of this platform; PlatformUnreachable "busy": too
    many disputes from here, later again). When the dispute stands but the enclosure was refused,
    the receipt is saved before the error is raised. After any other error than a refusal, call
    again with the same arguments; OutputExists naming ``RECEIPT.pending``: another objection with
    that receipt is not finished."""
    if os.path.lexists(receipt):
        raise OutputExists(str(receipt))
    for word, text, limit in (
        ("reason", reason, MAX_REASON),
        ("contact", contact, MAX_CONTACT),
        ("name", name, MAX_NAME),
    ):
        if len(text) > limit or (word != "name" and not text.strip()):
            raise UsageError("too_long", f"--{word} (1–{limit})")
    enclosure = _read(package) if package else b""
    words = {
        "platform": platform.origin,
        "document_sm3": document_sm3,
        "seal_code": seal_code,
        "reason": reason,
        "name": name,
        "contact": contact,
        "signer": sm3(key.certificate).hex() if key else "",
    }
    pending = receipt.with_name(f"{receipt.name}.pending")
    with unpublished(receipt) as (temporary, stream):  # a place for it before anything is sent
        sent = _pending(pending, words) or _prepared(pending, words, platform, key, clock())
        statement, secret = sent["statement"], sent["secret"]
        try:
            identity = platform.open_dispute(sent["body"], statement, sent["idempotency_key"])
        except PlatformRefused:
            discard(pending)  # there is no such dispute
            raise
        made = _receipt(platform, identity, secret, statement, seal_code, document_sm3, bool(key))
        with suppress(OSError):  # a stick knows no owners
            protect(temporary)
        stream.write(made.to_json().encode())
        stream.flush()
        os.fsync(stream.fileno())
        publish(temporary, stream, receipt, None, "")
        discard(pending)
    if enclosure:
        platform.enclose(identity, secret, enclosure)
    return made


def _pending(path: Path, words: Mapping[str, str]) -> dict[str, str] | None:
    """What was sent in the same *words* before, and perhaps arrived; None if nothing was.

    Raises :class:`app.errors.OutputExists` if *path* is about something else."""
    try:
        with path.open("rb") as stream:
            sent = json.loads(stream.read(_MAX_RECEIPT))
        if sent["words"] != words:
            raise ValueError("another objection")
        return {
            each: str(sent[each]) for each in ("statement", "secret", "idempotency_key", "body")
        }
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise OutputExists(str(path)) from error


def _prepared(
    path: Path,
    words: Mapping[str, str],
    platform: PublicPlatform,
    key: SigningKey | None,
    now: datetime,
) -> dict[str, str]:
    """Everything that will be sent, and the secret; kept as *path* (0600) first. Raises OSError."""
    said = {
        each: words[each] for each in ("document_sm3", "seal_code", "reason", "name", "contact")
    }
    at = now.astimezone(UTC).isoformat(timespec="microseconds")
    statement = json.dumps(
        {"type": "dispute-v1", **said, "at": at},
        ensure_ascii=False,
        separators=(",", ":"),
        sort_keys=True,
    )
    secret = secrets.token_urlsafe(32)
    sent = {
        "statement": statement,
        "secret": secret,
        "idempotency_key": secrets.token_hex(16),
        "body": platform.dispute_body(statement, secret, words["seal_code"], key),
    }
    data = json.dumps({"words": words, **sent}, ensure_ascii=False).encode()
    try:
        replace_file(path, data, private=True)
    except OSError:  # a stick knows no owners; whatever else it is comes again
        replace_file(path, data)
    return sent


def state_of(receipt: DisputeReceipt, platform: PublicPlatform) -> DisputeState:
    """How far it is now. Raises :class:`app.errors.PlatformError`."""
    answer = platform.dispute(receipt.id, receipt.secret)
    note, state = str(answer.get("note") or ""), str(answer.get("state", ""))
    return DisputeState(state, note, str(answer.get("updated_at", "")))


def fetch_evidence(
    receipt: DisputeReceipt, output: Path, *, platform: PublicPlatform
) -> DisputeEvidence:
    """Fetch the platform's package, check every proof in it, and save it as *output*, a new file.

    Raises :class:`app.errors.FileError`, :class:`app.errors.PlatformError`; PlatformRefused
    "illegal_transition": it is not gathered yet; PlatformUntrusted "evidence": something in it does
    not hold, and nothing is saved."""
    if os.path.lexists(output):
        raise OutputExists(str(output))
    service = platform.service()
    data = platform.dispute_evidence(receipt.id, receipt.secret)
    try:
        events, status = _checked(data, receipt, service)
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        RecursionError,
        zipfile.BadZipFile,
        StatementError,
        CmsError,
        NotImplementedError,
    ) as error:
        raise PlatformUntrusted(platform.origin, "evidence") from error
    with unpublished(output) as (temporary, stream):
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
        publish(temporary, stream, output, None, "")
    return DisputeEvidence(output, events, status)


# --- what proves itself --------------------------------------------------------------------------


def _receipt(
    platform: PublicPlatform,
    identity: str,
    secret: str,
    statement: str,
    seal_code: str,
    document_sm3: str,
    signed: bool,
) -> DisputeReceipt:
    """The ledger's first entry about the dispute, its proof checked."""
    service = platform.service()
    try:
        ledger = platform.dispute(identity, secret)["ledger"]
        first = _entries(ledger, service.ledger_key, service.ledger_origin)[0]
        told = json.loads(first["record"])
        if (told["dispute"], told["event"]) != (identity, "open") or (
            told["statement_sm3"] != sm3(statement.encode()).hex()
        ):
            raise ValueError("the entry is about something else")
        return DisputeReceipt(
            platform.origin,
            identity,
            secret,
            seal_code,
            document_sm3,
            statement,
            signed,
            str(told["recorded_at"]),
            str(first["record"]),
            int(first["index"]),
            int(ledger["size"]),
            tuple(str(digest) for digest in first["proof"]),
            str(ledger["checkpoint"]),
        )
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise PlatformUntrusted(platform.origin, "receipt") from error


def _entries(proved: Mapping[str, Any], key: bytes, origin: str) -> list[Mapping[str, Any]]:
    """The entries of a log, each proved under the checkpoint that comes with them.

    Raises ValueError, KeyError or TypeError."""
    checkpoint = merkle.open_checkpoint(str(proved["checkpoint"]), key, origin)
    if (checkpoint.origin, checkpoint.size) != (origin, int(proved["size"])):
        raise ValueError("the checkpoint of another log or size")
    for event in proved["entries"]:
        leaf = merkle.leaf_hash(str(event["record"]).encode())
        steps = [bytes.fromhex(step) for step in event["proof"]]
        index = int(event["index"])
        if not merkle.verify_inclusion(leaf, index, checkpoint.size, steps, checkpoint.root):
            raise ValueError(f"entry {index} is not in the log")
    return list(proved["entries"])


def _checked(
    data: bytes, receipt: DisputeReceipt, service: Service
) -> tuple[tuple[Mapping[str, Any], ...], SignedStatement]:
    members = _members(data)
    manifest = json.loads(members["manifest.json"])
    about = (manifest["format"], manifest["dispute"], manifest["seal_code"])
    if about != (PACKAGE_FORMAT, receipt.id, receipt.seal_code):
        raise ValueError("a package about something else")
    listed = {str(row["name"]): str(row["sm3"]) for row in manifest["members"]}
    found = {name: sm3(content).hex() for name, content in members.items()}
    if listed | {name: found[name] for name in ("manifest.json", "manifest.tst")} != found:
        raise ValueError("members that the manifest does not list, or lists otherwise")
    stamped, _, _ = check_timestamp(
        members["manifest.tst"], digest_of(members["manifest.json"]), service.trust
    )
    if stamped is None:
        raise ValueError("the time stamp of the manifest does not hold")
    if members["statement.json"].decode() != receipt.statement:
        raise ValueError("another statement")
    _entries(json.loads(members["dispute.json"]), service.ledger_key, service.ledger_origin)
    key = service.certificates["registry"].public_key.point
    rows = _entries(json.loads(members["registry.json"]), key, service.registry_origin)
    events = tuple(json.loads(row["record"]) for row in rows)
    status = SignedStatement.parse(members["status.der"])
    codes = {status.statement.seal_code, *(str(event["seal_code"]) for event in events)}
    if codes != {receipt.seal_code} or not service.trust.believes(status):
        raise ValueError("the status of another seal, or not the platform's word")
    return events, status


def _members(data: bytes) -> dict[str, bytes]:
    """The zip's members, in bounds."""
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        entries = package.infolist()
        names = [entry.filename for entry in entries]
        total = sum(entry.file_size for entry in entries)
        if len(set(names)) != len(names) or len(names) > 1000 or total > _MAX_PACKAGE:
            raise ValueError("an absurd package")
        return {name: package.read(name) for name in names}


def _read(package: Path) -> bytes:
    try:
        with package.open("rb") as stream:
            data = stream.read(_MAX_ENCLOSURE + 1)
    except OSError as error:
        raise FileNotReadable(str(package), FileProblem.of(error)) from error
    if len(data) > _MAX_ENCLOSURE or data[:4] != b"PK\x03\x04":
        raise UsageError("no_package", package.name)
    return data
