"""Checking an evidence package offline, and the format that making and checking share.

    check(package, own=…)       → Checked      with the package's own roots as *unproved*
    judge(opened, names, …)     → Checked      the same in one folder of an opened zip

A package comes from a stranger: sizes and numbers are bounded, and nothing is unpacked to disk.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from app.errors import FileNotReadable, FileProblem
from app.evidence.opening import (
    MALFORMED,
    Budget,
    Opened,
    Unsafe,
    budget_for,
    opened_zip,
    problem_of,
)
from app.evidence.unpacking import unpack, unpack_registry
from crypto.algorithms import gm
from crypto.frozen import frozen
from crypto.pdf.reading.document import Document
from crypto.pdf.reading.failures import PdfError, within_time
from crypto.pdf.reading.signatures import read_signatures
from crypto.pdf.verify import verify_pdf
from crypto.pki.certificate import Certificate, load_certificates
from crypto.pki.ocsp import OcspResponse
from crypto.pki.revocation_list import Crl
from crypto.seal.registry_proof import RegistryProof, RegistryProofError
from crypto.seal.statement import SealChange, SignedStatement
from crypto.validation.trust import Trust
from crypto.verdict import Report

FORMAT = "sealdesk-evidence/1"
DOCUMENT = "document.pdf"
MANIFEST = "manifest.json"
PURPOSES = ("seal_makers", "signers", "timestamps", "platforms")
_MAX_MEMBERS = 5000
_MAX_MEMBER = 64 * 1024 * 1024
_MAX_KEPT = 256 * 1024 * 1024
"""Bytes of members that are held in memory together."""
_READ = (
    *("report.json", "registry.json", "registry/", "signature-"),
    *("certificates/", "crls/", "statements/", "ocsp/"),
)
"""How the names of members begin that are needed for judging."""
_MAX_DOCUMENT = 2 * 1024 * 1024 * 1024
_IN_MEMORY = 32 * 1024 * 1024
_CHUNK = 1 << 20


# --- the format ----------------------------------------------------------------------------------


def hashes(
    source: IO[bytes],
    target: IO[bytes] | None,
    limit: int = _MAX_DOCUMENT,
    budget: Budget | None = None,
) -> Any:
    """Size and digests of *source*, copied to *target* on the way; ValueError beyond *limit* or the
    *budget*."""
    size, sm3, sha256 = 0, gm.sm3_hasher(), hashlib.sha256()
    while chunk := source.read(_CHUNK):
        size += len(chunk)
        if size > limit:
            raise ValueError("too large")
        if budget is not None:
            budget.spend(len(chunk))
        sm3.update(chunk)
        sha256.update(chunk)
        if target is not None:
            target.write(chunk)
    return {"size": size, "sm3": sm3.digest().hex(), "sha256": sha256.hexdigest()}


def encode_changes(changes: Iterable[SealChange]) -> bytes:
    """What the registry told this desk of the seals; like the roots, the package does not prove
    it."""
    rows = [
        asdict(change)
        | {
            "effective_at": change.effective_at.isoformat(),
            "recorded_at": change.recorded_at.isoformat(),
            "platform": change.platform.hex(),
        }
        for change in changes
    ]
    return (json.dumps(rows, ensure_ascii=False, indent=2) + "\n").encode()


# --- checking ------------------------------------------------------------------------------------


@frozen
class Checked:
    """What can be said of a package, offline."""

    problems: tuple[str, ...]
    """What does not hold, as ``kind:member``; kinds are the keys of phrases.evidence_problem."""
    report: Report | None
    """The document judged anew with the package's own roots: as good as those roots are."""
    own: Report | None
    """The same with the checker's own trust; the package's certificates are only links."""
    anchors: tuple[Certificate, ...]
    """The package's roots: nothing here proves them."""
    proofs: tuple[RegistryProof, ...] = ()
    """What the registry has of the seals, each entry proved by the package's own roots."""

    @property
    def holds(self) -> bool:
        """Every hash holds, and the document gives the very verdict and findings reported."""
        return not self.problems


def check(package: Path, *, own: Trust | None = None, password: str | None = None) -> Checked:
    """Check every hash and judge the document again, without network and without unpacking.

    Raises :class:`app.errors.FileNotReadable`; a damaged package is an answer, not an error."""
    try:
        with (
            package.open("rb") as stream,
            opened_zip(stream, budget_for(stream)) as opened,
            tempfile.SpooledTemporaryFile(_IN_MEMORY) as document,
        ):
            names = [member.filename for member in opened.infolist()]
            return judge(opened, names, cast("BinaryIO", document), own or Trust(), password)
    except OSError as error:
        raise FileNotReadable(str(package), FileProblem.of(error)) from error
    except MALFORMED as error:
        return Checked((f"not_a_package:{problem_of(error)}",), None, None, ())


def judge(
    opened: Opened,
    names: Sequence[str],
    document: BinaryIO,
    own: Trust | None,
    password: str | None = None,
    *,
    folder: str = "",
) -> Checked:
    """Check the package whose members *names* lie in *folder* of *opened*; its document goes to the
    empty file *document*. *own*, None: the checker has no trust to judge with.

    Raises one of :data:`app.evidence.opening.MALFORMED`, OSError."""
    problems: list[str] = []
    if len(names) > _MAX_MEMBERS:
        return Checked(("not_a_package:names",), None, None, ())
    manifest = json.loads(read_member(opened, folder + MANIFEST))
    listed = _listed(manifest)
    problems += [f"unlisted:{name}" for name in names if name not in (*listed, MANIFEST)]
    members: dict[str, bytes] = {}
    kept = 0
    for name, row in listed.items():
        if name not in names:
            problems.append(f"missing:{name}")
            continue
        with opened.open(folder + name) as source:
            if name == DOCUMENT:
                found = hashes(source, document, budget=opened.budget)
            elif name.startswith(_READ):
                buffer = io.BytesIO()
                found = hashes(source, buffer, _MAX_MEMBER, opened.budget)
                members[name] = buffer.getvalue()
                kept += found["size"]
            else:
                found = hashes(source, None, _MAX_MEMBER, opened.budget)
        if kept > _MAX_KEPT:
            raise Unsafe("size")
        if any(found[key] != row.get(key) for key in found):
            problems.append(f"altered:{name}")
    problems += [f"missing:{name}" for name in (DOCUMENT, "report.json") if name not in listed]
    if problems:
        return Checked(tuple(problems), None, None, ())
    packed = _trust(manifest, members)
    title, now = str(manifest["document"]["name"]), datetime.fromisoformat(manifest["judged_at"])
    proofs, unproved = _proofs(members, packed)
    problems += unproved
    links = replace(packed, seal_makers=(), signers=(), timestamps=(), platforms=(), changes=())
    if own is not None:  # changes count that a platform which the checker trusts has signed
        known = own.merged(links)
        proved = tuple(
            replace(change, platform=platform)
            for proof in proofs
            if (platform := known.voucher(proof))
            for change in proof.changes
        )
        links = replace(links, changes=proved)
    try:
        report = verify_pdf(document, title, packed, now, password=password)
        again = None
        if own is not None:
            again = verify_pdf(document, title, own.merged(links), now, password=password)
        problems += _differing(document, password, members)
    except PdfError as error:
        return Checked((f"unreadable:{type(error).__name__}",), None, None, ())
    if _essence(report.to_json()) != _essence(json.loads(members["report.json"])):
        problems.append("report_differs:report.json")
    anchors = {anchor.der: anchor for name in PURPOSES for anchor in getattr(packed, name)}
    return Checked(tuple(problems), report, again, tuple(anchors.values()), tuple(proofs))


def _proofs(members: Mapping[str, bytes], packed: Trust) -> tuple[list[RegistryProof], list[str]]:
    """What the registry proves of the seals, and what of it does not hold."""
    proofs, problems = [], []
    for name, data in members.items():
        found = re.fullmatch(r"registry/(\d{1,4})\.der", name)
        if found is None:
            continue
        try:
            proof = RegistryProof.parse(data)
        except RegistryProofError:
            problems.append(f"unproved:{name}")
            continue
        if not packed.vouches(proof):
            problems.append(f"unproved:{name}")
            continue
        proofs.append(proof)
        parts = unpack_registry(int(found[1]), proof)
        problems += [f"differs:{n}" for n, part in parts.members.items() if members.get(n) != part]
    return proofs, problems


def _differing(document: BinaryIO, password: str | None, members: Mapping[str, bytes]) -> list[str]:
    """The parts of signatures that are not those of the document."""
    with within_time():
        opened = Document(document, password)
        embedded = read_signatures(opened, opened.signature_fields())
    parts: dict[str, bytes] = {}
    for number, claim in enumerate(embedded, 1):
        parts |= unpack(number, claim).members
    beside = {name: data for name, data in members.items() if name.startswith("signature-")}
    return [f"differs:{name}" for name, data in beside.items() if parts.get(name) != data]


def read_member(opened: Opened, name: str) -> bytes:
    """A member that is no document. Raises one of :data:`app.evidence.opening.MALFORMED`; KeyError:
    there is none."""
    buffer = io.BytesIO()
    with opened.open(name) as source:
        hashes(source, buffer, _MAX_MEMBER, opened.budget)
    return buffer.getvalue()


def _listed(manifest: Any) -> dict[str, Mapping[str, Any]]:
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise ValueError("no manifest of ours")
    try:
        return {str(row["name"]): row for row in manifest["members"]}
    except (KeyError, TypeError) as error:
        raise ValueError("malformed manifest") from error


def _trust(manifest: Any, members: Mapping[str, bytes]) -> Trust:
    """The package's certificates, roots, lists and statements. Raises ValueError."""
    certificates = {
        name: load_certificates(data)[0]
        for name, data in members.items()
        if name.startswith("certificates/")
    }
    anchors = manifest.get("unproved_anchors", {})
    try:
        by_purpose: dict[str, Any] = {
            purpose: tuple(certificates[name] for name in anchors.get(purpose, ()))
            for purpose in PURPOSES
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("malformed manifest") from error
    return Trust(
        **by_purpose,
        pool=tuple(certificates.values()),
        crls=tuple(Crl.parse(data) for n, data in members.items() if n.startswith("crls/")),
        statements=tuple(
            SignedStatement.parse(data)
            for name, data in members.items()
            if name.startswith("statements/")
        ),
        ocsp=tuple(
            OcspResponse.parse(data) for n, data in members.items() if n.startswith("ocsp/")
        ),
        changes=tuple(_changes(members.get("registry.json", b"[]"))),
        status_life=timedelta(hours=float(manifest.get("status_hours", 24))),
    )


def _changes(data: bytes) -> Iterator[SealChange]:
    """As written by :func:`encode_changes`. Raises ValueError, KeyError or TypeError."""
    for row in json.loads(data):
        effective, recorded = map(datetime.fromisoformat, (row["effective_at"], row["recorded_at"]))
        if effective.tzinfo is None or recorded.tzinfo is None:
            raise ValueError("a time without a zone")
        platform = bytes.fromhex(row.get("platform", ""))
        said = (str(row["seal_code"]), str(row["state"]), str(row["reason"]))
        yield SealChange(*said, effective, recorded, platform)


def _essence(report: Any) -> Any:
    """What two reports of the same document must have in common: verdicts and findings."""
    return [
        (part.get("verdict"), sorted(finding["code"] for finding in part.get("findings", ())))
        for part in (report, *report.get("signatures", ()))
    ]
