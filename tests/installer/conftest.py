"""A trial authority, a signer under it, and a program for it to sign."""

import shutil
import subprocess
from pathlib import Path

import pytest
import setuptools

from installer.signing import Signer
from installer.windows import pe


def openssl(folder: Path, *words: str) -> None:
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a root, a signer's and a time-stamping authority's key and chain."""
    folder = tmp_path_factory.mktemp("authority")
    new = ("req", "-newkey", "rsa:2048", "-nodes")
    openssl(
        folder,
        *(*new, "-x509", "-days", "30", "-subj", "/CN=Trial root"),
        *("-keyout", "root.key", "-out", "root.pem"),
    )
    for name, usage in (("code", "codeSigning"), ("time", "critical,timeStamping")):
        (folder / f"{name}.ext").write_text(
            f"keyUsage=critical,digitalSignature\nextendedKeyUsage={usage}\n"
        )
        request = ("-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN=Trial {name}")
        openssl(folder, *new, *request)
        issue = ("-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial", "-days", "20")
        files = ("-in", f"{name}.csr", "-out", f"{name}.pem", "-extfile", f"{name}.ext")
        openssl(folder, "x509", "-req", *issue, *files)
        chain = (folder / f"{name}.pem").read_text() + (folder / "root.pem").read_text()
        (folder / f"{name}.chain").write_text(chain)
    return folder


@pytest.fixture
def signer(authority: Path) -> Signer:
    return Signer(
        authority / "code.chain",
        str(authority / "code.key"),
        own_time=(authority / "time.chain", authority / "time.key"),
    )


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A program for Windows without a signature."""
    copy = tmp_path / "program.exe"
    shutil.copyfile(Path(setuptools.__file__).parent / "cli-64.exe", copy)
    assert not pe.read(copy).has_signature
    return copy
