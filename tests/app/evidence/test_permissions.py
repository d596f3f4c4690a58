"""Who allowed a use, in the evidence package: each part by itself, for openssl and for the eye, and
what the registry has of the seal, proved."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import subprocess
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app.errors import PlatformUnreachable
from app.evidence import checking, making
from app.evidence.unpacking import unpack_registry
from crypto.algorithms.keys import SoftKey
from crypto.seal.registry_proof import RegistryProof
from crypto.seal.statement import SealChange, SignedStatement
from crypto.validation.trust import Trust
from crypto.verdict import Verdict
from tests.world.approvals import Company, by_phone
from tests.world.authorities import CODE, NOW, Authorities
from tests.world.registry_proofs import event, registry_proof

NEW = "32130200010077"
DAY = timedelta(days=1)
AT = NOW + timedelta(minutes=2)


@pytest.fixture(scope="module")
def company() -> Company:
    return Company()


@pytest.fixture(scope="module")
def registry(company: Company) -> SoftKey:
    return company.key("32130000000088")


class Platform:
    """Answers for the seal, and for the one that took its place."""

    origin = ""

    def __init__(self, company: Company, registry: SoftKey) -> None:
        self._company, self._registry = company, registry
        self.asked: list[str] = []

    def status(self, seal_code: str) -> SignedStatement:
        return self._company.authorities.statement(self._company.requester, issued_at=NOW)

    def proof_at(self, origin: str, seal_code: str) -> RegistryProof:
        self.asked.append(seal_code)
        records = {
            CODE: (
                event(CODE, "made", "active", NOW - 9 * DAY),
                event(CODE, "active", "cancelled", NOW + DAY, reason="replaced", successor=NEW),
            ),
            NEW: (event(NEW, "made", "active", NOW + DAY),),
        }
        if seal_code not in records:
            raise PlatformUnreachable(origin)
        status = self._company.authorities.status
        return RegistryProof.parse(
            registry_proof(seal_code, records[seal_code], status, self._registry, AT)
        )


@pytest.fixture(scope="module")
def trust(company: Company) -> Trust:
    trust = company.authorities.trust
    own = company.authorities.statement(company.requester, issued_at=NOW)
    return replace(trust, statements=(*trust.statements, own))


@pytest.fixture(scope="module")
def package(
    company: Company, registry: SoftKey, trust: Trust, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("a")
    (folder / "合同.pdf").write_bytes(company.stamped())
    platform = Platform(company, registry)
    report = making.make(
        folder / "合同.pdf", folder / "证据.zip", trust=trust, platform=platform, at=AT
    )
    assert report.verdict is Verdict.VALID, report.signatures[0].findings
    assert platform.asked == [CODE, NEW]
    return folder / "证据.zip"


def members(package: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(package) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def consistent(
    package: Path, target: Path, change: dict[str, bytes], *, only: bool = False
) -> Path:
    """With members replaced (*only*: with these alone), and the manifest made to fit."""
    content = change if only else {**members(package), **change}
    manifest = json.loads(content["manifest.json"])
    manifest["members"] = [
        {"name": name, **checking.hashes(io.BytesIO(data), None)}
        for name, data in content.items()
        if name != "manifest.json"
    ]
    content["manifest.json"] = json.dumps(manifest).encode()
    with zipfile.ZipFile(target, "w") as made:
        for name, data in content.items():
            made.writestr(name, data)
    return target


def commands(folder: Path) -> Iterator[tuple[str, str]]:
    command = ""
    for line in (folder / "README.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("    ") and command:
            yield command, line.strip()
            command = ""
        elif line.startswith("$ "):
            if command:
                yield command, ""
            command = line[2:]


def shell(command: str, folder: Path) -> str:
    done = subprocess.run(["sh", "-c", command], cwd=folder, capture_output=True, check=False)
    return (done.stdout + done.stderr).decode()


def test_openssl_confirms_each_of_them(package: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(package) as opened:
        opened.extractall(tmp_path)
    confirmed = set()
    for command, promised in commands(tmp_path):
        answer = shell(command, tmp_path)
        assert promised in answer.split("= ")[-1] + answer, (command, answer)
        if promised == "Verified OK":
            confirmed.add(command.rsplit(" ", 1)[-1])
    folder = "signature-1"
    assert confirmed == {
        *(f"{folder}/signed.bin", f"{folder}/seal-signed.bin", f"{folder}/ticket-signed.bin"),
        *(f"{folder}/policy-signed.bin", f"{folder}/request-signed.bin"),
        *(f"{folder}/approval-1-signed.bin", f"{folder}/approval-2-signed.bin"),
        *("registry/1-signed.bin", "registry/2-signed.bin"),
    }


def test_openssl_confirms_what_a_phone_has_approved(
    company: Company, trust: Trust, tmp_path: Path
) -> None:
    """The Ukey's word for the phone, and the passkey's over a challenge that is the SHA-256 of the
    approval's text."""
    approvals = (by_phone(company, company.approvers[0]), *company.approved(company.approvers[1]))
    (tmp_path / "a.pdf").write_bytes(company.stamped(company.evidence(approvals)))
    making.make(tmp_path / "a.pdf", tmp_path / "a.zip", trust=trust, at=AT)
    assert checking.check(tmp_path / "a.zip").holds
    with zipfile.ZipFile(tmp_path / "a.zip") as opened:
        opened.extractall(tmp_path)
    done = [
        (command, promised, shell(command, tmp_path)) for command, promised in commands(tmp_path)
    ]
    confirmed = {command.rsplit(" ", 1)[-1] for command, _, told in done if "Verified OK" in told}
    folder = tmp_path / "signature-1"
    for name in ("binding", "passkey"):
        assert f"signature-1/approval-1-{name}-signed.bin" in confirmed
    challenge = json.loads((folder / "approval-1-client-data.json").read_bytes())["challenge"]
    digest = hashlib.sha256((folder / "approval-1.txt").read_bytes()).digest()
    assert base64.urlsafe_b64decode(challenge + "=") == digest


def test_they_say_who_allowed_what_for_which_document(package: Path, company: Company) -> None:
    found = members(package)
    request = found["signature-1/request-signed.bin"].decode()
    assert "采购合同.pdf" in request
    assert company.request.request.document_sm3 in request
    assert company.request.request.sha256 in found["signature-1/approval-1-signed.bin"].decode()
    assert "法定代表人" in found["signature-1/policy-terms.json"].decode()
    readme = found["README.txt"].decode()
    assert f"印章 {CODE} 的全部记载" in readme
    assert f"已换领 · {NEW}" in readme


def test_the_chain_of_replacements_is_proved(package: Path, trust: Trust) -> None:
    checked = checking.check(package, own=trust)
    assert checked.holds
    assert [proof.seal_code for proof in checked.proofs] == [CODE, NEW]
    assert checked.proofs[0].successor == NEW


@pytest.mark.parametrize(
    "name", ["ticket", "policy", "request", "approval-1", "approval-2", "seal"]
)
def test_parts_that_are_not_the_documents_are_found(
    package: Path, company: Company, tmp_path: Path, name: str
) -> None:
    """Each is signed by somebody, and openssl would say so."""
    other = Company(company.authorities)
    (tmp_path / "other.pdf").write_bytes(other.stamped())
    trust = replace(other.authorities.trust)
    making.make(tmp_path / "other.pdf", tmp_path / "other.zip", trust=trust, at=AT)
    foreign = members(tmp_path / "other.zip")
    change = {
        f"signature-1/{name}-{part}": foreign[f"signature-1/{name}-{part}"]
        for part in ("signed.bin", "signature.der")
    }
    forged = consistent(package, tmp_path / "x.zip", change)
    assert set(checking.check(forged).problems) == {f"differs:{member}" for member in change}


def test_a_registry_that_nobody_signed_is_found(
    package: Path, company: Company, registry: SoftKey, tmp_path: Path
) -> None:
    holder = company.requester
    strangers = Authorities("另一个根")
    records = (event(CODE, "made", "active", NOW - 9 * DAY),)

    def proof(signer: SoftKey) -> bytes:
        return registry_proof(CODE, records, signer, registry, AT)

    def problems(data: bytes) -> list[str]:
        forged = consistent(package, tmp_path / "x.zip", {"registry/1.der": data})
        return list(checking.check(forged).problems)

    assert problems(proof(holder)) == ["unproved:registry/1.der"]
    assert problems(proof(strangers.status)) == ["unproved:registry/1.der"]
    assert problems(b"?") == ["unproved:registry/1.der"]
    # a genuine one that is not the one whose parts lie beside it
    kinds = {each.partition(":")[0] for each in problems(proof(company.authorities.status))}
    assert kinds == {"differs"}


def test_changes_that_nobody_proved_do_not_sway_the_checkers_own_verdict(
    package: Path, trust: Trust, tmp_path: Path
) -> None:
    """registry.json is only what somebody says; it counts for the packed verdict alone."""
    moment = (NOW - DAY).isoformat()
    row: dict[str, Any] = {"seal_code": CODE, "state": "cancelled", "reason": "lost"}
    row |= {"effective_at": moment, "recorded_at": moment}
    forged = consistent(package, tmp_path / "x.zip", {"registry.json": json.dumps([row]).encode()})
    checked = checking.check(forged, own=trust)
    assert checked.problems == ("report_differs:report.json",)
    assert checked.own
    assert checked.own.verdict is Verdict.VALID


LOST = event(CODE, "active", "suspended", NOW - 5 * DAY, reason="lost")
AGAIN = event(CODE, "suspended", "active", NOW - 4 * DAY)


@pytest.mark.parametrize(
    ("own", "other", "expected"),
    [
        ((), (LOST,), Verdict.VALID),  # made INVALID by a platform that has not made the seal
        ((LOST,), (), Verdict.INVALID),
        ((LOST,), (AGAIN,), Verdict.INVALID),  # was hidden by the other platform
    ],
)
def test_of_two_trusted_platforms_the_one_that_made_the_seal_has_its_history(
    package: Path,
    company: Company,
    registry: SoftKey,
    tmp_path: Path,
    own: tuple[str, ...],
    other: tuple[str, ...],
    expected: Verdict,
) -> None:
    second = Authorities("乙平台的根")
    made = event(CODE, "made", "active", NOW - 9 * DAY)
    signers = (
        (own, company.authorities.status, registry),
        (other, second.status, second.holder("32130000000099")),
    )
    content = {name: d for name, d in members(package).items() if "registry" not in name}
    for number, (records, status, key) in enumerate(signers, 1):
        token = registry_proof(CODE, (made, *records), status, key, AT)
        content |= unpack_registry(number, RegistryProof.parse(token)).members
    content["certificates/second.pem"] = second.authority.certificate.der
    manifest = json.loads(content["manifest.json"])
    manifest["unproved_anchors"]["platforms"].append("certificates/second.pem")
    content["manifest.json"] = json.dumps(manifest).encode()
    forged = consistent(package, tmp_path / "x.zip", content, only=True)
    roots = [company.authorities.authority.certificate, second.authority.certificate]
    checked = checking.check(forged, own=Trust.in_all(roots))
    assert checked.problems == ()
    assert checked.own
    assert checked.own.verdict is expected


def test_what_two_platforms_registries_tell_is_judged_alike_in_the_package(
    company: Company, tmp_path: Path
) -> None:
    """The one that counts and the one that does not go in, each with its root."""
    trust = company.authorities.trust
    second = Authorities("乙平台的根").authority.certificate
    day = NOW - 5 * DAY
    changes = tuple(
        SealChange(CODE, state, "", day, day, root.fingerprint)
        for root, state in ((trust.platforms[0], "active"), (second, "cancelled"))
    )
    status = company.authorities.statement(company.requester, issued_at=NOW)
    both = replace(
        trust.merged(Trust.in_all([second])),
        statements=(*trust.statements, status),
        changes=changes,
    )
    (tmp_path / "合同.pdf").write_bytes(company.stamped())
    report = making.make(tmp_path / "合同.pdf", tmp_path / "x.zip", trust=both, at=AT)
    assert report.verdict is Verdict.VALID
    assert len(json.loads(members(tmp_path / "x.zip")["registry.json"])) == 2
    assert checking.check(tmp_path / "x.zip", own=both).holds
