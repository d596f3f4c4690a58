"""The evidence package (电子证据包): a document, its report, and all that is needed to check it
again without us: certificates, CRLs, statements, the bytes that were signed, and in README.txt
the ``openssl`` commands that go over every step.

    make(path, output, trust=…) → Report       a zip, the same bytes for the same report
    gather(document, report, trust, …) → Pack  what goes into it, for
    write(pack, document, zip, report, …)      a package that has several of them

:mod:`app.evidence.checking` reads it. Hashes and signatures in a
package can be checked by computing; that a root certificate belongs to its authority must be
known from elsewhere.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import os
import ssl
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any, BinaryIO, Protocol, runtime_checkable

from app.errors import (
    FileNotReadable,
    FileProblem,
    OutputExists,
    OutputVerificationFailed,
    PlatformError,
)
from app.evidence.checking import (
    DOCUMENT,
    FORMAT,
    MANIFEST,
    PURPOSES,
    check,
    encode_changes,
    hashes,
)
from app.evidence.readme import Recheck, Registered, Value, readme
from app.evidence.unpacking import Parts, SignedPart, certificate_of, unpack, unpack_registry
from app.publishing import publish, unpublished
from app.verifying import StatusService, anchor_of, history, state_of, verify, whom_to_ask
from crypto.algorithms import gm
from crypto.pdf.reading.document import Document
from crypto.pdf.reading.failures import within_time
from crypto.pdf.reading.signatures import EmbeddedSignature, read_signatures
from crypto.pki.certificate import Certificate
from crypto.pki.cms import SignerInfo
from crypto.report.pdf import render
from crypto.report.pictures import pictures_of
from crypto.seal.registry_proof import RegistryProof
from crypto.seal.statement import SealChange, SignedStatement
from crypto.validation.trust import Trust
from crypto.verdict import Report, SignatureReport

_LONGEST_CHAIN = 8
"""Of certificates, and of seals that took each other's place."""


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
    recorder = Recorder(platform) if platform else None
    report = verify(path, trust=trust, platform=recorder, password=password, at=at)
    proofs: list[RegistryProof] = []
    if recorder:
        proofs = recorder.proofs(report, trust)
        trust = trust.merged(recorder.told)
    try:
        stream = path.open("rb")
    except OSError as error:
        raise FileNotReadable(str(path), FileProblem.of(error)) from error
    with stream, unpublished(output) as (temporary, file):
        pack = gather(stream, report, trust, password, language, proofs)
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as package:
            write(pack, stream, package, report)
        file.flush()
        os.fsync(file.fileno())
        checked = check(temporary, password=password)
        if not checked.holds or checked.report is None or checked.report.file != report.file:
            raise OutputVerificationFailed(str(output), ", ".join(checked.problems))
        publish(temporary, file, output, None, "")
    return report


@dataclass
class Recorder:
    """A status service that keeps its answers for a package."""

    desk: StatusService
    answers: list[SignedStatement] = field(default_factory=list)
    changes: list[SealChange] = field(default_factory=list)
    proved: dict[tuple[str, str], RegistryProof | None] = field(default_factory=dict)
    """What was asked of the registry: (whom, seal code) → its answer; None: there was none."""

    @property
    def origin(self) -> str:
        """Of the desk's own platform."""
        return str(getattr(self.desk, "origin", ""))

    @property
    def told(self) -> Trust:
        """All that it has said."""
        return Trust(statements=tuple(self.answers), changes=tuple(self.changes))

    def status(self, seal_code: str) -> SignedStatement:
        return self.status_at("", seal_code)

    def status_at(self, origin: str, seal_code: str) -> SignedStatement:
        answer = state_of(self.desk, origin, seal_code)
        self.answers.append(answer)
        return answer

    def proofs(self, report: Report, trust: Trust) -> list[RegistryProof]:
        """What the registries have of the seals in *report*, of the seals that were lent, and of
        those that took their place; as far as somebody answers."""
        if not isinstance(self.desk, ProvesHistory):
            return []
        found: dict[str, RegistryProof] = {}
        for signature in report.signatures:
            anchor = anchor_of(signature)
            whom = whom_to_ask(self.desk, trust, anchor, signature.origin)
            if signature.seal is None or whom is None:
                continue
            lent = [f.details.get("seal_code", "") for f in signature.findings if "grant" in f.code]
            waiting = [signature.seal.code, *filter(None, lent)]
            for _ in range(_LONGEST_CHAIN):
                asked = [code for code in dict.fromkeys(waiting) if code not in found]
                proofs = [proof for code in asked if (proof := self._proof(whom, code))]
                found |= {proof.seal_code: proof for proof in proofs}
                waiting = [proof.successor for proof in proofs if proof.successor]
        return list(found.values())

    def _proof(self, whom: str, seal_code: str) -> RegistryProof | None:
        place = (whom, seal_code)
        if place not in self.proved and isinstance(self.desk, ProvesHistory):
            self.proved[place] = None
            with contextlib.suppress(PlatformError):
                self.proved[place] = self.desk.proof_at(whom, seal_code)
        return self.proved.get(place)

    def history(self, seal_codes: Iterable[str]) -> tuple[SealChange, ...]:
        told = history(self.desk, seal_codes)
        self.changes += told
        return told


@runtime_checkable
class ProvesHistory(Protocol):
    """A status service whose platforms prove what their registries have of a seal."""

    def proof_at(self, origin: str, seal_code: str) -> RegistryProof:
        """*origin* "": of the desk's own platform. Raises :class:`app.errors.PlatformError`."""


@dataclass
class Pack:
    """What goes into the package besides the document."""

    trust: Trust
    members: dict[str, bytes] = field(default_factory=dict)
    certificates: dict[bytes, Certificate] = field(default_factory=dict)
    """By SM3 of their DER."""

    def add(self, name: str, data: bytes | None) -> None:
        if data:
            self.members[name] = data

    def take(self, parts: Parts) -> None:
        """Take in the parts of a signature."""
        self.members |= parts.members
        self.know(parts.known)

    def know(self, encoded: Iterable[bytes]) -> None:
        """Take in certificates (DER); what cannot be read is in the signature itself anyway."""
        for each in encoded:
            certificate = certificate_of(each)
            if certificate is not None:
                self.certificates.setdefault(gm.sm3(each), certificate)

    def pairs(self, certificate: Certificate) -> list[tuple[str, str]]:
        """(certificate, its issuer) as members, from *certificate* up as far as they are known."""
        found: list[tuple[str, str]] = []
        while len(found) < _LONGEST_CHAIN and not certificate.self_issued:
            issuer = next(
                (
                    each
                    for each in self.certificates.values()
                    if certificate.issuer.matches(each.subject) and each.is_ca
                ),
                None,
            )
            if issuer is None:
                break
            names = [self.name(each.fingerprint.hex()) for each in (certificate, issuer)]
            found.append((names[0], names[1]))
            certificate = issuer
        return found

    def complete(self) -> None:
        """Add the issuers, and theirs, as far as this desk knows them."""
        known = [*self.trust.pool]
        for purpose in PURPOSES:
            known += getattr(self.trust, purpose)
        waiting = list(self.certificates.values())
        while waiting:
            issuer = waiting.pop().issuer
            for certificate in known:
                name = gm.sm3(certificate.der)
                if name not in self.certificates and issuer.matches(certificate.subject):
                    self.certificates[name] = certificate
                    waiting.append(certificate)

    def name(self, fingerprint: str) -> str:
        """The member that holds the certificate with this SM3 (hexadecimal); "" if none does."""
        known = bytes.fromhex(fingerprint) in self.certificates
        return f"certificates/{fingerprint[:16]}.pem" if known else ""


def gather(
    stream: BinaryIO,
    report: Report,
    trust: Trust,
    password: str | None,
    language: str,
    proofs: Sequence[RegistryProof] = (),
    on_paper: bytes = b"",
) -> Pack:
    """What goes into the package of the document in *stream* besides the document itself.

    *trust*: what it was judged with, the platform's answers included; *proofs*: what its registry
    has of the seals; *on_paper*: the report on A4, b"" if it is still to be set. Raises OSError,
    :class:`crypto.pdf.reading.failures.PdfError`."""
    pack = Pack(trust)
    with within_time():
        document = Document(stream, password)
        embedded = read_signatures(document, document.signature_fields())
    rechecks, imprints = [], {}
    numbered = list(enumerate(zip(embedded, report.signatures, strict=True), 1))
    taken = {number: unpack(number, claim) for number, (claim, _) in numbered}
    for parts in taken.values():
        pack.take(parts)
        if parts.seal:
            imprints[gm.sm3(parts.seal.picture).hex()] = parts.seal.picture
    registered = [unpack_registry(number, proof) for number, proof in enumerate(proofs, 1)]
    for parts in registered:
        pack.take(parts)
    codes = {signature.seal.code for signature in report.signatures if signature.seal}
    statements = [s for s in pack.trust.statements if s.statement.seal_code in codes]
    for number, signed in enumerate(statements, 1):
        pack.add(f"statements/{number}.der", signed.token)
        pack.know([signed.certificate.der])
    changes = [change for change in pack.trust.changes if change.seal_code in codes]
    told_by = {change.platform for change in changes}
    pack.know(platform.der for platform in pack.trust.platforms if platform.fingerprint in told_by)
    pack.complete()
    for fingerprint, certificate in pack.certificates.items():
        pack.add(f"certificates/{fingerprint.hex()[:16]}.pem", _pem(certificate.der))
    issuers = [certificate.subject for certificate in pack.certificates.values()]
    lists = [crl for crl in pack.trust.crls if any(crl.issuer.matches(name) for name in issuers)]
    for number, crl in enumerate(lists, 1):
        pack.add(f"crls/{number}.crl", crl.der)
    for number, response in enumerate(pack.trust.ocsp, 1):
        pack.add(f"ocsp/{number}.der", response.der)
    if changes:
        pack.add("registry.json", encode_changes(changes))
    for number, (claim, judged) in numbered:
        rechecks.append(_recheck(pack, number, claim, judged, taken[number].signed))
    text = json.dumps(report.to_json(language), ensure_ascii=False, indent=2) + "\n"
    pack.add("report.json", text.encode())
    if not on_paper:
        stream.seek(0)
        shown = pictures_of(stream.read(), report, password)
        on_paper = render(report, language, imprints, shown=shown)
    pack.add("report.pdf", on_paper)
    states = []
    for proof, parts in zip(proofs, registered, strict=True):
        values, pairs = _checks(pack, parts.signed)
        states.append(Registered(proof, tuple(values), tuple(pairs)))
    pack.add("README.txt", readme(report, rechecks, states).encode())
    return pack


def _checks(pack: Pack, signed: Sequence[SignedPart]) -> tuple[list[Value], list[tuple[str, str]]]:
    """What openssl can go over of parts that somebody has signed, and the chains of who did."""
    values: list[Value] = []
    pairs: list[tuple[str, str]] = []
    for part in signed:
        members = (f"{part.prefix}signed.bin", f"{part.prefix}signature.der")
        if not part.certificate:
            key = f"{part.prefix}key.der"
            values.append(Value(*members, key, "ec", part.hash_name, "", part.what))
        elif gm.sm3(part.certificate) in pack.certificates:
            certificate = pack.certificates[gm.sm3(part.certificate)]
            file = pack.name(certificate.fingerprint.hex())
            values.append(_value(part.prefix, file, certificate, part.hash_name, "", part.what))
            pairs += pack.pairs(certificate)
    return values, pairs


def _recheck(
    pack: Pack,
    number: int,
    claim: EmbeddedSignature,
    judged: SignatureReport,
    signed: Sequence[SignedPart],
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
        values.append(_value(f"{folder}/seal-", maker_file, maker, "sm3", "", "seal"))
    pairs = []
    for chain in (judged.chain, judged.seal_chain):
        names = [pack.name(certificate.sm3) for certificate in chain]
        pairs += [pair for pair in itertools.pairwise(names) if all(pair)]
    more, their_pairs = _checks(pack, signed)
    values += more
    pairs += their_pairs
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


def _value(
    prefix: str,
    file: str,
    certificate: Certificate,
    hash_name: str,
    form: str,
    what: str = "value",
) -> Value:
    kind = certificate.public_key.kind
    return Value(
        signed=f"{prefix}signed.bin",
        signature=f"{prefix}signature.der",
        certificate=file,
        kind=kind,
        hash_name="sm3" if kind == "sm2" else hash_name,
        form=form,
        what=what,
    )


def _pem(encoded: bytes) -> bytes:
    return ssl.DER_cert_to_PEM_cert(encoded).encode()


def write(
    pack: Pack,
    document: BinaryIO,
    package: zipfile.ZipFile,
    report: Report,
    folder: str = "",
) -> list[dict[str, Any]]:
    """Write all members into *folder* ("" or ending with a slash) of the *package*: in order of
    name, no times, no owners, the manifest last. Gives name (in the folder), size and digests (hex)
    of each.

    Raises :class:`app.errors.OutputVerificationFailed` for another document than the report's."""
    document.seek(0)
    rows = [add_member(package, folder, DOCUMENT, document)]
    if rows[0]["sm3"] != report.file.sm3:
        raise OutputVerificationFailed(DOCUMENT, "the document changed meanwhile")
    for name in sorted(pack.members):
        rows.append(add_member(package, folder, name, io.BytesIO(pack.members[name])))
    certificates = {
        gm.sm3(certificate.der): certificate for certificate in pack.certificates.values()
    }
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
                pack.name(gm.sm3(anchor.der).hex())
                for anchor in dict.fromkeys(getattr(pack.trust, purpose))
                if gm.sm3(anchor.der) in certificates
            )
            for purpose in PURPOSES
        },
        "members": rows,
    }
    text = json.dumps(manifest, ensure_ascii=False, indent=2) + "\n"
    return [*rows, add_member(package, folder, MANIFEST, io.BytesIO(text.encode()))]


def add_member(
    package: zipfile.ZipFile, folder: str, name: str, source: IO[bytes]
) -> dict[str, Any]:
    """Write one member; its name in the *folder*, size, SM3 and SHA-256 (hex)."""
    entry = zipfile.ZipInfo(folder + name)  # 1980-01-01: the same package for the same evidence
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o100644 << 16
    with package.open(entry, "w", force_zip64=True) as target:
        return {"name": name, **hashes(source, target)}
