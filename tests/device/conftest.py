"""Keys to test with: the compiled virtual Ukey and SoftHSM, the openssl command as judge."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from device.pkcs11 import Module, open_module
from device.token import Token
from device.virtual import FOLDER_VARIABLE, make_token, open_virtual_module
from device.virtual.build import module_path
from tests.device.ukey_bench import SO_PIN, SOFTHSM, USER_PIN, Raw, pem


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty USB hub: no virtual key plugged in."""
    place = tmp_path / "钥匙"
    place.mkdir()
    monkeypatch.setenv(FOLDER_VARIABLE, str(place))
    return place


@pytest.fixture
def module(folder: Path) -> Module:
    return open_virtual_module()


@pytest.fixture
def token(folder: Path, module: Module) -> Token:
    """A fresh virtual key in slot 0."""
    make_token(folder, 0, label="甲公司", so_pin=SO_PIN, user_pin=USER_PIN)
    [found] = module.tokens()
    return found


@pytest.fixture(scope="session")
def softhsm(tmp_path_factory: pytest.TempPathFactory) -> Module:
    """SoftHSM with a token store of its own, loaded once for the whole run."""
    store = tmp_path_factory.mktemp("softhsm")
    (store / "tokens").mkdir()
    config = store / "softhsm2.conf"
    config.write_text(
        f"directories.tokendir = {store}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n"
    )
    os.environ["SOFTHSM2_CONF"] = str(config)
    return open_module(SOFTHSM)


@pytest.fixture
def soft_token(softhsm: Module) -> Token:
    """A SoftHSM token, initialised by our own code; there is always another blank one."""
    blank = next(token for token in softhsm.tokens() if not token.initialised)
    blank.initialise("SoftHSM 测试", SO_PIN, USER_PIN)
    return blank


@pytest.fixture
def judge(tmp_path: Path) -> Callable[..., bool]:
    """openssl's verdict on a signature (DER or PKCS#1) over a message."""

    def verify(spki: bytes, message: bytes, signature: bytes, *, sm2_id: str | None = None) -> bool:
        names = {"key": pem("PUBLIC KEY", spki), "message": message, "signature": signature}
        for name, content in names.items():
            (tmp_path / name).write_bytes(content)
        digest = ["-sha256"] if sm2_id is None else ["-sm3", "-sigopt", f"distid:{sm2_id}"]
        result = subprocess.run(
            ["openssl", "dgst", *digest, "-verify", "key", "-signature", "signature", "message"],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        return result.returncode == 0 and "Verified OK" in result.stdout

    return verify


@pytest.fixture
def certify(tmp_path: Path) -> Callable[[bytes, str], bytes]:
    """A certificate (DER) for any public key, from a throw-away CA made by openssl."""
    run = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key",
           "-out", "ca.pem", "-subj", "/CN=test CA", "-days", "30"]  # fmt: skip
    subprocess.run(run, cwd=tmp_path, capture_output=True, check=True)

    def issue(spki: bytes, name: str) -> bytes:
        (tmp_path / "subject.pem").write_bytes(pem("PUBLIC KEY", spki))
        result = subprocess.run(
            ["openssl", "x509", "-new", "-force_pubkey", "subject.pem", "-CA", "ca.pem",
             "-CAkey", "ca.key", "-subj", f"/CN={name}", "-days", "30", "-outform", "DER"],
            cwd=tmp_path, capture_output=True, check=True,
        )  # fmt: skip
        return result.stdout

    return issue


@pytest.fixture
def in_another_process(folder: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run Python that has `token`, a virtual key in slot 0, in a process of its own."""

    def run(code: str, *, timeout: float = 30) -> subprocess.CompletedProcess[str]:
        opening = (
            "from device.token import *\n"
            "from device.virtual import *\n"
            "[token] = open_virtual_module().tokens()\n"
        )
        return subprocess.run(
            [sys.executable, "-c", opening + code],
            capture_output=True, text=True, check=False, timeout=timeout,
            cwd=Path(__file__).parents[2], env={**os.environ, FOLDER_VARIABLE: str(folder)},
        )  # fmt: skip

    return run


@pytest.fixture
def raw(folder: Path, tmp_path: Path) -> Iterator[Raw]:
    """A second instance of the module, so that C_Initialize and C_Finalize disturb nobody."""
    copy = Path(shutil.copy(module_path(), tmp_path / "copy.so"))
    instance = Raw(copy)
    assert instance.Initialize(None) == 0
    yield instance
    instance.Finalize(None)
