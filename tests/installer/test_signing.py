"""installer/signing.py with a trial authority of its own, keys in files and in SoftHSM."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from installer import signing
from installer.signing import Signer
from installer.system import BuildFailed
from installer.windows import pe

NEEDED = ("osslsigncode", "softhsm2-util", "openssl")
MISSING = [name for name in NEEDED if shutil.which(name) is None]
MISSING += [] if signing.ENGINES.exists() else ["libengine-pkcs11-openssl"]
pytestmark = pytest.mark.skipif(
    bool(MISSING), reason=f"needed for signing and not installed: {', '.join(MISSING)}"
)
SOFTHSM = Path("/usr/lib/softhsm/libsofthsm2.so")


def verified(signer: Signer, path: Path, authority: Path) -> bool:
    return signer.verified(path, authority / "root.pem", authority / "root.pem")


def test_a_signed_program_verifies_and_a_changed_byte_is_found(
    signer: Signer, program: Path, authority: Path
) -> None:
    signer.sign(program)
    assert pe.read(program).has_signature
    assert verified(signer, program, authority)
    raw = bytearray(program.read_bytes())
    raw[0x500] ^= 1
    program.write_bytes(raw)
    assert not verified(signer, program, authority)


def test_only_what_bears_no_signature_is_signed(
    signer: Signer, program: Path, tmp_path: Path
) -> None:
    other = tmp_path / "a" / "other.dll"
    other.parent.mkdir()
    shutil.copyfile(program, other)
    (tmp_path / "text.txt").write_text("no program")
    assert signing.unsigned(tmp_path) == [other, program]
    signer.sign(program)
    assert signing.unsigned(tmp_path) == [other]


def test_a_key_in_a_token_signs_and_its_pin_is_on_no_command_line(
    signer: Signer,
    program: Path,
    authority: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tokens = tmp_path / "tokens"
    tokens.mkdir()
    (tmp_path / "softhsm.conf").write_text(f"directories.tokendir = {tokens}\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(tmp_path / "softhsm.conf"))
    make = ["softhsm2-util", "--pin", "1234"]
    new = ["--init-token", "--free", "--label", "release", "--so-pin", "5678"]
    subprocess.run([*make, *new], check=True, capture_output=True)
    key = ["--import", authority / "code.key", "--token", "release", "--label", "code"]
    subprocess.run([*make, *key, "--id", "01"], check=True, capture_output=True)
    in_token = replace(
        signer, key="pkcs11:token=release;object=code;type=private", module=SOFTHSM, secret="1234"
    )
    commands: list[list[str]] = []
    really = subprocess.run

    def run(command: list[str], **options: object) -> object:
        commands.append(command)
        return really(command, **options)

    monkeypatch.setattr(signing.subprocess, "run", run)
    in_token.sign(program)
    assert verified(in_token, program, authority)
    assert not any("1234" in word for command in commands for word in command)
    before = program.read_bytes()
    with pytest.raises(BuildFailed, match="PIN incorrect"):
        replace(in_token, secret="9999").sign(program)
    assert program.read_bytes() == before
