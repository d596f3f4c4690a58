"""The evidence package: complete, checkable with openssl alone, and honest about what it proves."""

import io
import json
import ssl
import subprocess
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app.errors import OutputExists, PlatformUnreachable
from app.evidence import checking, making
from app.evidence.opening import Budget
from crypto.algorithms.gm import sm3
from crypto.pdf.marks.drawing import Mark
from crypto.pki.certificate import Certificate
from crypto.pki.certificate_making import make_crl
from crypto.pki.revocation_list import Crl
from crypto.seal.statement import SealChange, SignedStatement
from crypto.validation.trust import Trust
from crypto.verdict import Verdict
from tests.world.documents import classic_pdf
from tests.world.sealing import NOW, SIGNED_AT, World


@pytest.fixture(scope="module")
def trust(world: World) -> Trust:
    """The world's, with a revocation list of its authority."""
    authority = world.authority
    crl = make_crl(
        issuer=authority.name,
        issuer_key=authority.key,
        authority_spki=authority.key.spki,
        number=7,
        this_update=NOW - timedelta(hours=1),
        next_update=NOW + timedelta(days=7),
        entries=[],
    )
    return replace(world.trust, crls=(Crl.parse(crl),))


@pytest.fixture(scope="module")
def document(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sealed twice, under a name that a shell would trip over."""
    data = world.sign(world.sign(classic_pdf()), world.second, [Mark(0, 20, 30, 30, 30)])
    path = tmp_path_factory.mktemp("a") / "合同 $(touch x) 'y'.pdf"
    path.write_bytes(data)
    return path


@pytest.fixture(scope="module")
def package(document: Path, trust: Trust) -> Path:
    path = document.parent / "evidence.zip"
    report = making.make(document, path, trust=trust, at=NOW)
    assert report.verdict is Verdict.VALID
    return path


def members(package: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(package) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def altered(package: Path, target: Path, change: dict[str, bytes | None]) -> Path:
    """The package with some members replaced, added or (None) left out."""
    content = {**members(package), **change}
    with zipfile.ZipFile(target, "w") as made:
        for name, data in content.items():
            if data is not None:
                made.writestr(name, data)
    return target


def steps(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Each command of README.txt with the results promised beneath it."""
    command, promised = "", []
    for line in (folder / "README.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("    ") and command:
            promised.append(line.strip())
            continue
        if command:
            yield command, promised
        command, promised = (line[2:], []) if line.startswith("$ ") else ("", [])


def kept(promised: list[str], answer: str) -> bool:
    """Is every line promised among those that came out? (digests stand after a name and a =)"""
    lines = {line.rsplit("= ")[-1] for line in answer.splitlines()}
    return lines.issuperset(promised)


def shell(command: str, folder: Path) -> str:
    done = subprocess.run(
        ["sh", "-c", command], cwd=folder, capture_output=True, check=False, timeout=30
    )
    return (done.stdout + done.stderr).decode()


def test_the_commands_of_the_readme_do_what_it_says(package: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(package) as opened:
        opened.extractall(tmp_path)
    done = list(steps(tmp_path))
    for command, promised in done:
        answer = shell(command, tmp_path)
        assert kept(promised, answer), (command, answer)
    commands = "\n".join(command for command, _ in done)
    assert commands.count("openssl dgst -sm3 -verify") == 4  # two values, two seals
    assert commands.count("openssl verify") == 4  # two signers, the maker of both seals
    assert "touch" not in commands


def test_the_commands_find_forgeries(package: Path, world: World, tmp_path: Path) -> None:
    with zipfile.ZipFile(package) as opened:
        opened.extractall(tmp_path)
    path = tmp_path / "document.pdf"
    path.write_bytes(path.read_bytes().replace(b"Price 1000", b"Price 9000"))
    signed = tmp_path / "signature-2" / "seal-signed.bin"
    signed.write_bytes(signed.read_bytes()[:-1] + b"?")
    signer = Certificate.parse(world.first.key.certificate)
    forged = signer.der[:-1] + bytes([signer.der[-1] ^ 1])
    name = f"certificates/{signer.fingerprint.hex()[:16]}.pem"
    (tmp_path / name).write_text(ssl.DER_cert_to_PEM_cert(forged))
    broken = {
        command
        for command, promised in steps(tmp_path)
        if not kept(promised, shell(command, tmp_path))
    }
    assert "openssl dgst -sm3 document.pdf" in broken
    assert any("covered-1.bin | grep" in each for each in broken)
    assert any("covered-2.bin | grep" in each for each in broken)
    assert any("-verify" in each and "signature-2/seal-signed.bin" in each for each in broken)
    assert any(each.startswith("openssl verify") and each.endswith(name) for each in broken)
    assert len(broken) == 5


def test_everything_needed_is_inside(package: Path, document: Path, world: World) -> None:
    found = members(package)
    assert found["document.pdf"] == document.read_bytes()
    assert found["report.pdf"].startswith(b"%PDF-")
    assert json.loads(found["report.json"])["verdict"] == "VALID"
    assert found["signature-1/seal.der"] == world.first.seal
    assert found["signature-2/seal.der"] == world.second.seal
    states = {
        SignedStatement.parse(data).statement.seal_code
        for name, data in found.items()
        if name.startswith("statements/")
    }
    assert states == {world.first.code, world.second.code}
    assert [name for name in found if name.startswith("crls/")] == ["crls/1.crl"]
    # root, maker, status key and two holders
    assert len([name for name in found if name.startswith("certificates/")]) == 5


def test_the_manifest_names_and_hashes_every_other_member(package: Path, openssl: Any) -> None:
    found = members(package)
    manifest = json.loads(found.pop("manifest.json"))
    assert {row["name"] for row in manifest["members"]} == set(found)
    for row in manifest["members"]:
        assert row["size"] == len(found[row["name"]])
        assert row["sm3"] == sm3(found[row["name"]]).hex()
    row = manifest["members"][0]
    assert row["sha256"] in openssl.run("dgst", "-sha256", stdin=found[row["name"]]).decode()
    assert str(package.parent) not in json.dumps(manifest)


def test_a_member_carries_neither_time_nor_path(package: Path) -> None:
    with zipfile.ZipFile(package) as opened:
        for entry in opened.infolist():
            assert entry.date_time == (1980, 1, 1, 0, 0, 0)
            assert not entry.filename.startswith(("/", ".."))
        names = [entry.filename for entry in opened.infolist()]
    assert names == ["document.pdf", *sorted(names[1:-1]), "manifest.json"]


def test_checking_says_what_is_proved_and_what_is_not(package: Path, world: World) -> None:
    stranger = checking.check(package)
    assert stranger.holds
    assert stranger.report
    assert stranger.report.verdict is Verdict.VALID
    assert stranger.own
    assert (
        stranger.own.verdict is Verdict.UNKNOWN
    )  # the package's roots prove nothing by themselves
    assert [each.der for each in stranger.anchors] == [world.authority.certificate.der]
    friend = checking.check(package, own=Trust.in_all([world.authority.certificate]))
    assert friend.own
    assert friend.own.verdict is Verdict.VALID


@pytest.mark.parametrize("name", ["document.pdf", "report.json", "README.txt", "crls/1.crl"])
def test_a_changed_member_is_found(package: Path, tmp_path: Path, name: str) -> None:
    changed = members(package)[name] + b" "
    checked = checking.check(altered(package, tmp_path / "x.zip", {name: changed}))
    assert checked.problems == (f"altered:{name}",)
    assert checked.report is None


def test_missing_and_added_members_are_found(package: Path, tmp_path: Path) -> None:
    made = altered(package, tmp_path / "x.zip", {"report.pdf": None, "more.txt": b"?"})
    assert set(checking.check(made).problems) == {
        "missing:report.pdf",
        "unlisted:more.txt",
    }


def test_a_report_that_says_more_than_the_document_is_found(package: Path, tmp_path: Path) -> None:
    found = members(package)
    report = found["report.json"].replace(b'"later_seal"', b'"covers_file"')
    assert report != found["report.json"]
    manifest = json.loads(found["manifest.json"])
    for row in manifest["members"]:
        if row["name"] == "report.json":
            row.update(checking.hashes(io.BytesIO(report), None))
    change: dict[str, bytes | None] = {
        "report.json": report,
        "manifest.json": json.dumps(manifest).encode(),
    }
    checked = checking.check(altered(package, tmp_path / "x.zip", change))
    assert checked.problems == ("report_differs:report.json",)


@pytest.mark.parametrize(
    "manifest", [b"", b"[]", b'{"format": "sealdesk-evidence/1"}', b"\xff", b"[" * 100_000]
)
def test_a_malformed_manifest_is_an_answer(package: Path, tmp_path: Path, manifest: bytes) -> None:
    made = altered(package, tmp_path / "x.zip", {"manifest.json": manifest})
    assert [each.split(":")[0] for each in checking.check(made).problems] == ["not_a_package"]


def test_other_files_are_no_packages(tmp_path: Path, document: Path) -> None:
    for data in (b"", b"PK\x03\x04", document.read_bytes()):
        path = tmp_path / "x.zip"
        path.write_bytes(data)
        assert [each.split(":")[0] for each in checking.check(path).problems] == ["not_a_package"]


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_only_the_two_methods_of_our_packages_are_decoded(
    package: Path, tmp_path: Path, method: int
) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w", method) as written:
        for name, data in members(package).items():
            written.writestr(name, data)
    assert checking.check(path).problems == ("not_a_package:method",)


def test_another_document_by_nearly_the_same_name_is_found(package: Path, tmp_path: Path) -> None:
    """Unpacked on Windows it would take the place of the one that was checked."""
    manifest = json.loads(members(package)["manifest.json"])
    other = b"%PDF-1.7 another"
    digests = checking.hashes(io.BytesIO(other), None)
    manifest["members"].append({"name": "Document.pdf", **digests})
    change = {"Document.pdf": other, "manifest.json": json.dumps(manifest).encode()}
    made = altered(package, tmp_path / "x.zip", {**change})
    assert checking.check(made).problems == ("not_a_package:names",)


def test_no_more_than_so_much_is_read_and_held(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(checking, "_MAX_KEPT", 1000)
        assert checking.check(package).problems == ("not_a_package:size",)
    monkeypatch.setattr(checking, "budget_for", lambda stream: Budget(10_000))
    assert checking.check(package).problems == ("not_a_package:size",)


def test_a_member_that_judging_does_not_need_is_not_held(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest, zeros = json.loads(members(package)["manifest.json"]), bytes(1 << 20)
    manifest["members"].append({"name": "x/0", **checking.hashes(io.BytesIO(zeros), None)})
    change = {"x/0": zeros, "manifest.json": json.dumps(manifest).encode()}
    monkeypatch.setattr(checking, "_MAX_KEPT", 1 << 20)
    assert checking.check(altered(package, tmp_path / "x.zip", {**change})).holds


def test_a_number_without_bound_is_an_answer(package: Path, tmp_path: Path) -> None:
    manifest = json.loads(members(package)["manifest.json"])
    data = json.dumps(manifest | {"status_hours": 0}).replace(
        '"status_hours": 0', '"status_hours": 1e999'
    )
    made = altered(package, tmp_path / "x.zip", {"manifest.json": data.encode()})
    assert checking.check(made).problems == ("not_a_package:OverflowError",)


def test_nothing_is_overwritten(document: Path, package: Path, trust: Trust) -> None:
    before = package.read_bytes()
    with pytest.raises(OutputExists):
        making.make(document, package, trust=trust, at=NOW)
    assert package.read_bytes() == before


def test_what_the_platform_answers_now_goes_in(
    document: Path, world: World, tmp_path: Path
) -> None:
    class Platform:
        def status(self, seal_code: str) -> SignedStatement:
            if seal_code != world.first.code:
                raise PlatformUnreachable("https://platform.example")
            return world.statement(world.first)

    path = tmp_path / "x.zip"
    trust = replace(world.trust, statements=())
    making.make(document, path, trust=trust, platform=Platform(), at=NOW)
    assert [name for name in members(path) if name.startswith("statements/")] == [
        "statements/1.der"
    ]
    assert checking.check(path).holds


def test_what_the_registry_told_goes_in(document: Path, world: World, tmp_path: Path) -> None:
    day = timedelta(days=1)
    lost = SealChange(world.first.code, "suspended", "lost", SIGNED_AT - day, SIGNED_AT - day)
    found = SealChange(world.first.code, "active", "", NOW - day / 2, NOW - day / 2)
    trust = replace(world.trust, changes=(lost, found), status_life=day / 2)
    report = making.make(document, tmp_path / "x.zip", trust=trust, at=NOW)
    assert "status_not_active" in {each.code for s in report.signatures for each in s.findings}
    assert "registry.json" in members(tmp_path / "x.zip")
    assert checking.check(tmp_path / "x.zip").holds


def test_a_document_without_signatures_has_a_package_too(tmp_path: Path, trust: Trust) -> None:
    path = tmp_path / "plain.pdf"
    path.write_bytes(classic_pdf())
    report = making.make(path, tmp_path / "x.zip", trust=trust, at=NOW)
    assert report.verdict is Verdict.UNSIGNED
    assert checking.check(tmp_path / "x.zip").holds
