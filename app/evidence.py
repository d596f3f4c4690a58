"""The evidence package (电子证据包): a document, its report, and all that is needed to check it
again without us — certificates, CRLs, statements, the bytes that were signed, and in README.txt
the ``openssl`` commands that go over every step.

    make(path, output, trust=…) → Report       a zip, the same bytes for the same report
    check(package, own=…)       → Checked      offline, with the package's own roots as *unproved*

A package proves itself no more than a letter does: hashes and signatures hold by mathematics, but
that a root certificate is the one it embedded to be must be known from elsewhere.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import itertools
import json
import os
import ssl
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from app.errors import FileNotReadable, FileProblem, OutputExists, OutputVerificationFailed
from app.evidence_readme import Recheck, Value, readme
from app.publishing import publish, unpublished
from app.verifying import StatusService, history, verify
from crypto.algorithms import gm
from crypto.pdf.reading.document import Document
from crypto.pdf.reading.failures import PdfError, within_time
from crypto.pdf.reading.signatures import EmbeddedSignature, read_signatures
from crypto.pdf.verify import verify_pdf
from crypto.pki.certificate import Certificate, load_certificates
from crypto.pki.cms import CmsError, SignedData, SignerInfo
from crypto.pki.names_and_algorithms import CertificateError
from crypto.pki.ocsp import OcspResponse
from crypto.pki.revocation_list import Crl
from crypto.report.pdf import render
from crypto.seal.statement import STAPLE, SealChange, SignedStatement, StatementError
from crypto.seal.structure import Seal, SealError
from crypto.validation.trust import Trust
from crypto.verdict import Report, SignatureReport

FORMAT = "sealdesk-evidence/1"
DOCUMENT = "document.pdf"
_PURPOSES = ("seal_makers", "signers", "timestamps", "platforms")
_MAX_MEMBERS = 5000
_MAX_MEMBER = 64 * 1024 * 1024
_MAX_DOCUMENT = 2 * 1024 * 1024 * 1024
_IN_MEMORY = 32 * 1024 * 1024
_CHUNK = 1 << 20
_MALFORMED = (
    *(zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError),
    *(ValueError, KeyError, TypeError, AttributeError),  # JSON of another shape
)


# --- making one ----------------------------------------------------------------------------------


def make(
    path: Path,
    output: Path,
    *,
    trust: Trust,
    platform: StatusService | None = None,
    password: str | None = None,
    at: datetime | None = None,
    language: str = "zh_CN",
) -> Report:
    """Verify the PDF at *path* and write the package to *output*, never over another file.

    Raises what :func:`app.verifying.verify` raises, :class:`app.errors.OutputExists`,
    :class:`app.errors.OutputNotWritable`, and :class:`app.errors.OutputVerificationFailed` if the
    document changes meanwhile or the package does not pass :func:`check`."""
    if os.path.lexists(output):
        raise OutputExists(str(output))
    recorder = _Recorder(platform) if platform else None
    report = verify(path, trust=trust, platform=recorder, password=password, at=at)
    if recorder:
        told = Trust(statements=tuple(recorder.answers), changes=tuple(recorder.changes))
        trust = trust.merged(told)
    try:
        stream = path.open("rb")
    except OSError as error:
        raise FileNotReadable(str(path), FileProblem.of(error)) from error
    with stream, unpublished(output) as (temporary, file):
        pack = _Pack(trust)
        _collect(pack, stream, report, password, language)
        _write(pack, stream, file, report)
        file.flush()
        os.fsync(file.fileno())
        checked = check(temporary, password=password)
        if not checked.holds or checked.report is None or checked.report.file != report.file:
            raise OutputVerificationFailed(str(output), ", ".join(checked.problems))
        publish(temporary, file, output, None, "")
    return report


@dataclass
class _Recorder:
    """The platform's desk, keeping what it answered for the package."""

    desk: StatusService
    answers: list[SignedStatement] = field(default_factory=list)
    changes: list[SealChange] = field(default_factory=list)

    def status(self, seal_code: str) -> SignedStatement:
        answer = self.desk.status(seal_code)
        self.answers.append(answer)
        return answer

    def history(self, seal_codes: Iterable[str]) -> tuple[SealChange, ...]:
        told = history(self.desk, seal_codes)
        self.changes += told
        return told


@dataclass
class _Pack:
    """What goes into the package besides the document."""

    trust: Trust
    members: dict[str, bytes] = field(default_factory=dict)
    certificates: dict[bytes, Certificate] = field(default_factory=dict)
    """By SM3 of their DER."""

    def add(self, name: str, data: bytes | None) -> None:
        if data:
            self.members[name] = data

    def know(self, encoded: Iterable[bytes]) -> None:
        """Take in certificates (DER); what cannot be read is in the signature itself anyway."""
        for each in encoded:
            with contextlib.suppress(CertificateError):
                self.certificates.setdefault(gm.sm3(each), Certificate.parse(each))

    def complete(self) -> None:
        """Add the issuers, and theirs, as far as this desk knows them."""
        known = [*self.trust.pool]
        for purpose in _PURPOSES:
            known += getattr(self.trust, purpose)
        waiting = list(self.certificates.values())
        while waiting:
            issuer = waiting.pop().issuer
            for each in known:
                name = gm.sm3(each.der)
                if name not in self.certificates and issuer.matches(each.subject):
                    self.certificates[name] = each
                    waiting.append(each)

    def name(self, fingerprint: str) -> str:
        """The member that holds the certificate with this SM3 (hexadecimal); "" if none does."""
        known = bytes.fromhex(fingerprint) in self.certificates
        return f"certificates/{fingerprint[:16]}.pem" if known else ""


def _collect(
    pack: _Pack, stream: BinaryIO, report: Report, password: str | None, language: str
) -> None:
    with within_time():
        document = Document(stream, password)
        embedded = read_signatures(document, document.signature_fields())
    rechecks, imprints = [], {}
    numbered = list(enumerate(zip(embedded, report.signatures, strict=True), 1))
    for number, (claim, _) in numbered:
        for seal in _unpack(pack, f"signature-{number}", claim):
            imprints[gm.sm3(seal.picture).hex()] = seal.picture
    codes = {each.seal.code for each in report.signatures if each.seal}
    statements = [s for s in pack.trust.statements if s.statement.seal_code in codes]
    for number, signed in enumerate(statements, 1):
        pack.add(f"statements/{number}.der", signed.token)
        pack.know([signed.certificate.der])
    pack.complete()
    for fingerprint, certificate in pack.certificates.items():
        pack.add(f"certificates/{fingerprint.hex()[:16]}.pem", _pem(certificate.der))
    issuers = [each.subject for each in pack.certificates.values()]
    lists = [crl for crl in pack.trust.crls if any(crl.issuer.matches(name) for name in issuers)]
    for number, crl in enumerate(lists, 1):
        pack.add(f"crls/{number}.crl", crl.der)
    for number, response in enumerate(pack.trust.ocsp, 1):
        pack.add(f"ocsp/{number}.der", response.der)
    changes = [each for each in pack.trust.changes if each.seal_code in codes]
    if changes:
        pack.add("registry.json", _changes_json(changes))
    for number, (claim, judged) in numbered:
        rechecks.append(_recheck(pack, number, claim, judged))
    text = json.dumps(report.to_json(language), ensure_ascii=False, indent=2) + "\n"
    pack.add("report.json", text.encode())
    pack.add("report.pdf", render(report, language, imprints))
    pack.add("README.txt", readme(report, rechecks).encode())


def _unpack(pack: _Pack, folder: str, claim: EmbeddedSignature) -> Iterator[Seal]:
    """The parts of one signature as members; gives the seal in it, if there is one."""
    pack.add(f"{folder}/contents.der", claim.contents)
    seal: Seal | None = None
    value, data = claim.seal_signature, claim.signed_data
    if value:
        seal = value.seal
        pack.know([value.certificate, *value.seal.certificates])
        pack.add(f"{folder}/signed.bin", value.signed)
        pack.add(f"{folder}/signature.der", _der_signature(value.signature))
        _unpack_timestamps(pack, folder, [value.timestamp] if value.timestamp else [])
        for extension in value.extensions:
            if extension.kind == STAPLE:
                pack.add(f"{folder}/ticket.der", extension.value)
                with contextlib.suppress(StatementError):
                    pack.know([SignedStatement.parse(extension.value).certificate.der])
    elif data:
        pack.know(each.der for each in data.certificates)
        for number, encoded in enumerate(data.crls, 1):
            pack.add(f"{folder}/crl-{number}.crl", encoded)
        if data.signers:
            signer = data.signers[0]
            pack.add(f"{folder}/signed.bin", signer.signed_attributes or data.content)
            pack.add(f"{folder}/signature.der", signer.signature)
            _unpack_timestamps(pack, folder, signer.timestamps)
            with contextlib.suppress(SealError):
                seal = Seal.parse(signer.seal) if signer.seal else None
    if seal:
        pack.know([seal.maker_certificate])
        pack.add(f"{folder}/seal.der", seal.der)
        pack.add(f"{folder}/seal-signed.bin", seal.signed)
        pack.add(f"{folder}/seal-signature.der", _der_signature(seal.signature))
        yield seal


def _unpack_timestamps(pack: _Pack, folder: str, tokens: Iterable[bytes]) -> None:
    for number, token in enumerate(tokens, 1):
        pack.add(f"{folder}/timestamp-{number}.der", token)
        with contextlib.suppress(CmsError):
            pack.know(each.der for each in SignedData.parse(token).certificates)


def _der_signature(signature: bytes) -> bytes:
    """openssl reads SM2 values as DER only; some seals hold r‖s."""
    if len(signature) != 64:
        return signature
    return gm.signature_der(*gm.signature_values(signature))


def _recheck(
    pack: _Pack, number: int, claim: EmbeddedSignature, judged: SignatureReport
) -> Recheck:
    """What README.txt tells a person to do about one signature."""
    folder = f"signature-{number}"
    value, data = claim.seal_signature, claim.signed_data
    hash_name, digest, form = "", b"", ""
    if value:
        hash_name, digest = claim.covered.hash_name if claim.covered else "", value.digest
    elif data and data.signers:
        signer = data.signers[0]
        hash_name, digest = signer.digest_name, signer.message_digest or b""
        form = _form(signer)
    values = []
    signer_file = pack.name(judged.signer.sm3) if judged.signer else ""
    if signer_file and f"{folder}/signed.bin" in pack.members:
        key = pack.certificates[bytes.fromhex(judged.signer.sm3 if judged.signer else "")]
        values.append(_value(f"{folder}/", signer_file, key, hash_name, form))
    maker_file = pack.name(judged.seal.maker.sm3) if judged.seal and judged.seal.maker else ""
    if maker_file and judged.seal and judged.seal.maker:
        maker = pack.certificates[bytes.fromhex(judged.seal.maker.sm3)]
        values.append(_value(f"{folder}/seal-", maker_file, maker, "sm3", ""))
    pairs = []
    for chain in (judged.chain, judged.seal_chain):
        names = [pack.name(each.sm3) for each in chain]
        pairs += [pair for pair in itertools.pairwise(names) if all(pair)]
    return Recheck(
        number=number,
        report=judged,
        covered=claim.byte_range if claim.covered else (),
        hash_name=hash_name,
        digest=digest.hex(),
        digest_in=f"{folder}/signed.bin" if digest else "",
        values=tuple(values),
        pairs=tuple(dict.fromkeys(pairs)),
    )


def _form(signer: SignerInfo) -> str:
    return "pss" if signer.signature_algorithm == "1.2.840.113549.1.1.10" else ""


def _value(prefix: str, file: str, certificate: Certificate, hash_name: str, form: str) -> Value:
    kind = certificate.public_key.kind
    return Value(
        signed=f"{prefix}signed.bin",
        signature=f"{prefix}signature.der",
        certificate=file,
        kind=kind,
        hash_name="sm3" if kind == "sm2" else hash_name,
        form=form,
    )


def _pem(encoded: bytes) -> bytes:
    return ssl.DER_cert_to_PEM_cert(encoded).encode()


def _write(pack: _Pack, document: BinaryIO, output: BinaryIO, report: Report) -> None:
    """The zip: members in order of name, no times, no owners, the manifest last."""
    rows = []
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as package:
        document.seek(0)
        rows.append(_member(package, DOCUMENT, document))
        if rows[0]["sm3"] != report.file.sm3:
            raise OutputVerificationFailed(DOCUMENT, "the document changed meanwhile")
        for name in sorted(pack.members):
            rows.append(_member(package, name, io.BytesIO(pack.members[name])))
        certificates = {gm.sm3(each.der): each for each in pack.certificates.values()}
        manifest = {
            "format": FORMAT,
            "program": report.program,
            "document": {"member": DOCUMENT, "name": report.file.name},
            "verdict": report.verdict.value,
            "judged_at": report.judged_at.isoformat(),
            "verified_at": report.verified_at.isoformat(),
            "status_hours": pack.trust.status_life / timedelta(hours=1),
            "unproved_anchors": {
                purpose: sorted(
                    pack.name(gm.sm3(each.der).hex())
                    for each in dict.fromkeys(getattr(pack.trust, purpose))
                    if gm.sm3(each.der) in certificates
                )
                for purpose in _PURPOSES
            },
            "members": rows,
        }
        text = json.dumps(manifest, ensure_ascii=False, indent=2) + "\n"
        _member(package, "manifest.json", io.BytesIO(text.encode()))


def _member(package: zipfile.ZipFile, name: str, source: IO[bytes]) -> dict[str, Any]:
    entry = zipfile.ZipInfo(name)  # 1980-01-01: the same package for the same evidence
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o100644 << 16
    with package.open(entry, "w", force_zip64=True) as target:
        return {"name": name, **_hashes(source, target)}


def _hashes(source: IO[bytes], target: IO[bytes] | None, limit: int = _MAX_DOCUMENT) -> Any:
    """Size and digests of *source*, copied to *target* on the way; ValueError beyond *limit*."""
    size, sm3, sha256 = 0, gm.sm3_hasher(), hashlib.sha256()
    while chunk := source.read(_CHUNK):
        size += len(chunk)
        if size > limit:
            raise ValueError("too large")
        sm3.update(chunk)
        sha256.update(chunk)
        if target is not None:
            target.write(chunk)
    return {"size": size, "sm3": sm3.digest().hex(), "sha256": sha256.hexdigest()}


# --- checking one --------------------------------------------------------------------------------


@dataclass(frozen=True)
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
            zipfile.ZipFile(stream) as opened,
            tempfile.SpooledTemporaryFile(_IN_MEMORY) as document,
        ):
            return _check(opened, cast("BinaryIO", document), own or Trust(), password)
    except OSError as error:
        raise FileNotReadable(str(package), FileProblem.of(error)) from error
    except _MALFORMED as error:
        return Checked((f"not_a_package:{type(error).__name__}",), None, None, ())


def _check(
    opened: zipfile.ZipFile, document: BinaryIO, own: Trust, password: str | None
) -> Checked:
    problems: list[str] = []
    names = [each.filename for each in opened.infolist()]
    if len(names) > _MAX_MEMBERS or len(set(names)) != len(names):
        return Checked(("not_a_package:names",), None, None, ())
    manifest = json.loads(_read(opened, "manifest.json"))
    listed = _listed(manifest)
    problems += [f"unlisted:{each}" for each in names if each not in (*listed, "manifest.json")]
    members: dict[str, bytes] = {}
    for name, row in listed.items():
        if name not in names:
            problems.append(f"missing:{name}")
            continue
        with opened.open(name) as source:
            if name == DOCUMENT:
                found = _hashes(source, document)
            else:
                buffer = io.BytesIO()
                found = _hashes(source, buffer, _MAX_MEMBER)
                members[name] = buffer.getvalue()
        if any(found[key] != row.get(key) for key in found):
            problems.append(f"altered:{name}")
    problems += [f"missing:{name}" for name in (DOCUMENT, "report.json") if name not in listed]
    if problems:
        return Checked(tuple(problems), None, None, ())
    packed = _trust(manifest, members)
    title, now = str(manifest["document"]["name"]), datetime.fromisoformat(manifest["judged_at"])
    links = replace(packed, seal_makers=(), signers=(), timestamps=(), platforms=())
    try:
        report = verify_pdf(document, title, packed, now, password=password)
        again = verify_pdf(document, title, own.merged(links), now, password=password)
    except PdfError as error:
        return Checked((f"unreadable:{type(error).__name__}",), None, None, ())
    if _essence(report.to_json()) != _essence(json.loads(members["report.json"])):
        problems.append("report_differs:report.json")
    anchors = {each.der: each for name in _PURPOSES for each in getattr(packed, name)}
    return Checked(tuple(problems), report, again, tuple(anchors.values()))


def _read(opened: zipfile.ZipFile, name: str) -> bytes:
    buffer = io.BytesIO()
    if name not in opened.namelist():
        raise ValueError(f"no {name}")
    with opened.open(name) as source:
        _hashes(source, buffer, _MAX_MEMBER)
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
            for purpose in _PURPOSES
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


def _changes_json(changes: Iterable[SealChange]) -> bytes:
    """What the registry told this desk of the seals; like the roots, the package does not prove
    it."""
    rows = [
        asdict(each)
        | {
            "effective_at": each.effective_at.isoformat(),
            "recorded_at": each.recorded_at.isoformat(),
        }
        for each in changes
    ]
    return (json.dumps(rows, ensure_ascii=False, indent=2) + "\n").encode()


def _changes(data: bytes) -> Iterator[SealChange]:
    """As written by :func:`_changes_json`. Raises ValueError, KeyError or TypeError."""
    for row in json.loads(data):
        moments = [datetime.fromisoformat(row[name]) for name in ("effective_at", "recorded_at")]
        if any(moment.tzinfo is None for moment in moments):
            raise ValueError("a time without a zone")
        yield SealChange(str(row["seal_code"]), str(row["state"]), str(row["reason"]), *moments)


def _essence(report: Any) -> Any:
    """What two reports of the same document must have in common: verdicts and findings."""
    return [
        (part.get("verdict"), sorted(each["code"] for each in part.get("findings", ())))
        for part in (report, *report.get("signatures", ()))
    ]
