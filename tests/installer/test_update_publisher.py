"""Before a new version is installed: who has signed it, by files that osslsigncode has signed and
judges here as Windows does there."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import UpdateForbidden, UpdateRejected, explain
from app.publishers.authenticode import (
    NotSigned,
    publisher_of,
    require_signed,
    signer_of,
)
from app.publishers.system_trust import SystemTrust
from app.settings import Settings
from app.updates import installing
from crypto.algorithms.gm import sm3
from crypto.seal.release import Release
from device.token import ModuleNotSigned
from installer import signing
from installer.signing import Signer

NEEDED = ("osslsigncode", "wixl", "openssl")
MISSING = [name for name in NEEDED if shutil.which(name) is None]
pytestmark = pytest.mark.skipif(
    bool(MISSING), reason=f"needed for signing and not installed: {', '.join(MISSING)}"
)
NOW = datetime(2026, 11, 30, tzinfo=UTC)
PACKAGE = """<?xml version="1.0" encoding="utf-8"?>
<Wix xmlns="http://schemas.microsoft.com/wix/2006/wi">
 <Product Name="Trial" Id="*" UpgradeCode="7f8c3f4e-5b7e-4a52-9f0e-2d1c5a4b3e21" Version="9.0.0"
   Language="1033" Manufacturer="Trial">
  <Package InstallerVersion="200" Compressed="yes"/><Media Id="1" Cabinet="a.cab" EmbedCab="yes"/>
  <Directory Id="TARGETDIR" Name="SourceDir"><Directory Id="ProgramFilesFolder">
   <Directory Id="INSTALLDIR" Name="Trial"><Component Id="C" Guid="*">
    <File Id="F" Name="program.exe" Source="program.exe" KeyPath="yes"/>
   </Component></Directory></Directory></Directory>
  <Feature Id="Main" Level="1"><ComponentRef Id="C"/></Feature>
 </Product>
</Wix>
"""


@dataclass(frozen=True)
class TrialJudge:
    """In the place of Windows: osslsigncode, up to the trial authority's root."""

    signer: Signer
    root: Path

    def good(self, path: Path) -> bool:
        return self.signer.verified(path, self.root, self.root)


@pytest.fixture
def judge(signer: Signer, authority: Path) -> TrialJudge:
    return TrialJudge(signer, authority / "root.pem")


@pytest.fixture
def package(program: Path, tmp_path: Path) -> Path:
    """An MSI without a signature."""
    (tmp_path / "trial.wxs").write_text(PACKAGE)
    path = tmp_path / "SealDesk-9.0.0-x64.msi"
    command = ["wixl", "-o", path.name, "trial.wxs"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    return path


def record(path: Path, publisher: str = "Trial code") -> Release:
    data = path.read_bytes()
    return Release(
        origin="https://seal.example.cn",
        version="9.0.0",
        system="windows-x64",
        file=path.name,
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        sm3=sm3(data).hex(),
        publisher=publisher,
        notes={},
        not_before=NOW,
        issued_at=NOW,
    )


def test_the_signer_of_a_program_and_of_a_package_is_read(
    signer: Signer, program: Path, package: Path, judge: TrialJudge
) -> None:
    for path in (program, package):
        with pytest.raises(NotSigned):
            signer_of(path)
        assert publisher_of(path, judge) == ""
        signer.sign(path)
        assert signer_of(path).subject.common_name == "Trial code"
        assert publisher_of(path, judge) == "Trial code"
        assert publisher_of(path, SystemTrust()) == "", "outside Windows nothing is good"


def test_a_driver_must_be_signed_well_by_anybody(
    signer: Signer, program: Path, judge: TrialJudge
) -> None:
    with pytest.raises(ModuleNotSigned) as refused:
        require_signed(program, judge)
    assert refused.value.signer == ""
    signer.sign(program)
    require_signed(program, judge)
    with pytest.raises(ModuleNotSigned) as refused:
        require_signed(program, SystemTrust())
    assert refused.value.signer == "Trial code"


@pytest.mark.parametrize(
    ("path", "here"),
    [
        (r"\\server\share\vendor.dll", False),
        ("//server/share/vendor.dll", False),
        (r"\\?\UNC\server\share\vendor.dll", False),
        (r"\\.\pipe\vendor.dll", False),
        (r"\\?\C:\vendor\vendor.dll", True),
        (r"C:\vendor\vendor.dll", True),
    ],
)
def test_a_driver_on_a_network_share_is_not_asked_for_its_signature(
    judge: TrialJudge, path: str, here: bool
) -> None:
    with pytest.raises((ModuleNotSigned, OSError)) as refused:
        require_signed(Path(path), judge)
    assert isinstance(refused.value, OSError) == here  # there is none on this computer
    if isinstance(refused.value, ModuleNotSigned):
        assert "network share" in explain(refused.value, "en").cause
        assert "网络共享" in explain(refused.value, "zh_CN").cause


@pytest.fixture
def signed(signer: Signer, program: Path, package: Path) -> tuple[Path, Path]:
    """The installed program, and the package of its next version."""
    signer.sign(program)
    signer.sign(package)
    return program, package


def installed(
    signed: tuple[Path, Path],
    judge: TrialJudge,
    monkeypatch: pytest.MonkeyPatch,
    release: Release | None = None,
    **more: str,
) -> list[Sequence[str]]:
    """What was started."""
    monkeypatch.setattr(installing, "installable", lambda: True)
    monkeypatch.setattr(installing, "system_folder", lambda: Path(r"C:\Windows\System32"))
    program, package = signed
    begun: list[Sequence[str]] = []
    wishes = replace(Settings(), **more)  # type: ignore[arg-type]
    installing.install(
        package,
        release or record(package),
        wishes,
        judge=judge,
        program=program,
        begin=begun.append,
    )
    return begun


def test_a_package_of_the_same_publisher_is_handed_to_the_installer(
    signed: tuple[Path, Path], judge: TrialJudge, monkeypatch: pytest.MonkeyPatch
) -> None:
    (command,) = installed(signed, judge, monkeypatch)
    assert command[0].endswith("msiexec.exe")
    assert "System32" in command[0]
    assert command[1:] == ["/i", str(signed[1]), "/passive", "/norestart"]


def test_a_changed_package_is_not_started(
    signed: tuple[Path, Path], judge: TrialJudge, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = record(signed[1])
    data = bytearray(signed[1].read_bytes())
    data[data.index(b"MSCF") + 300] ^= 1  # in the files that it would install
    signed[1].write_bytes(data)
    with pytest.raises(UpdateRejected) as caught:
        installed(signed, judge, monkeypatch, known)
    assert caught.value.reason == "digest"
    with pytest.raises(UpdateRejected) as caught:  # the platform itself has released it so
        installed(signed, judge, monkeypatch)
    assert caught.value.reason == "signature"


def test_an_unsigned_package_and_one_of_another_publisher_are_not_started(
    signer: Signer,
    authority: Path,
    signed: tuple[Path, Path],
    judge: TrialJudge,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def reason(**more: object) -> str:
        with pytest.raises(UpdateRejected) as caught:
            installed(signed, judge, monkeypatch, **more)  # type: ignore[arg-type]
        return caught.value.reason

    assert reason(release=record(signed[1], "Somebody else")) == "publisher"
    assert reason(update_publisher="Named by policy") == "publisher"
    named = record(signed[1], "Named by policy")
    assert reason(release=named, update_publisher="Named by policy") == "publisher"
    assert installed(signed, judge, monkeypatch, update_publisher="Trial code")
    bare = tmp_path / "bare.msi"
    command = ["wixl", "-o", bare.name, "trial.wxs"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    shutil.copy(bare, signed[1])
    assert reason() == "unsigned"
    unsigned_program = tmp_path / "unsigned.exe"
    shutil.copy(signing.__file__, unsigned_program)
    signed = (unsigned_program, signed[1])
    assert reason() == "own"


def test_against_policy_or_on_another_system_nothing_is_started(
    signed: tuple[Path, Path], judge: TrialJudge, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UpdateForbidden):
        installed(signed, judge, monkeypatch, auto_update="off")
    program, package = signed
    monkeypatch.undo()
    with pytest.raises(UpdateForbidden):
        installing.install(package, record(package), Settings(), judge=judge, program=program)


@given(st.data())
@settings(max_examples=60)
def test_a_broken_file_has_no_signer(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Whatever the tables of a program or package say, it is an answer or NotSigned."""
    head = data.draw(st.sampled_from([b"MZ", bytes.fromhex("d0cf11e0a1b11ae1")]))
    body = data.draw(st.binary(max_size=1200))
    folder = tmp_path_factory.getbasetemp() / "broken"
    folder.mkdir(exist_ok=True)
    path = folder / "file"
    path.write_bytes(head + body)
    with pytest.raises(NotSigned):
        signer_of(path)


def test_a_package_with_changed_tables_is_read_within_bounds(
    signed: tuple[Path, Path], tmp_path: Path
) -> None:
    whole = signed[1].read_bytes()
    path = tmp_path / "changed"
    for place in [*range(24, 80), *range(512, 560), *range(76, 120)]:
        for value in (0x00, 0x01, 0xFF):
            changed = bytearray(whole)
            changed[place] = value
            path.write_bytes(changed)
            try:
                signer_of(path)
            except NotSigned:
                continue
