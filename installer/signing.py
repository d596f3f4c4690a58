"""``dev.py sign``: Authenticode signatures on programs, own DLLs and the MSI, with a time stamp.

    python3 dev.py sign --certificates CHAIN.pem --key KEY.pem --timestamp URL
    python3 dev.py sign --certificates CHAIN.pem --module TOKEN.so --key 'pkcs11:…' --timestamp URL

It takes what ``build windows`` left, signs every program and DLL in it that bears no signature yet,
packs the MSI anew and signs that. A password or PIN is read from standard input (``--pin-stdin``)
and handed to osslsigncode on its standard input: it is on no command line and in no file. What was
signed is verified before it is called done.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from installer.system import ROOT, BuildFailed, say
from installer.windows import build, msi, pe
from installer.windows.runtime import without_lists

ENGINES = Path("/usr/lib/x86_64-linux-gnu/engines-3/pkcs11.so")
PRODUCT = "SealDesk"
_PLACES = ("SealDesk.exe", "sealdesk-cli.exe")


@dataclass(frozen=True)
class Signer:
    """Who signs, and whose time it bears."""

    certificates: Path
    """The signer's first, then its chain; PEM."""
    key: str
    """A file, or a ``pkcs11:`` address when *module* is given."""
    module: Path | None = None
    secret: str = ""
    """The key's password or the token's PIN."""
    timestamp: str = ""
    """Address of an RFC 3161 service; empty: none."""
    own_time: tuple[Path, Path] | None = None
    """Certificates and key of a built-in time-stamping authority, for trials."""
    moment: int = 0
    """Seconds since 1970 that the built-in authority states; 0: now."""

    def sign(self, path: Path) -> None:
        """Sign *path* in place. Raises :class:`BuildFailed`."""
        fresh = path.with_name(f".{path.name}.signed")
        fresh.unlink(missing_ok=True)
        command = ["osslsigncode", "sign", "-certs", str(self.certificates), "-key", self.key]
        if self.module is not None:
            command += ["-pkcs11engine", str(ENGINES), "-pkcs11module", str(self.module)]
        if self.secret:
            command += ["-readpass", "-"]
        if self.timestamp:
            command += ["-ts", self.timestamp]
        elif self.own_time is not None:
            certificates, key = map(str, self.own_time)
            command += ["-TSA-certs", certificates, "-TSA-key", key]
            command += ["-TSA-time", str(self.moment)] if self.moment else []
        command += ["-h", "sha256", "-n", PRODUCT]
        command += ["-add-msi-dse"] if path.suffix == ".msi" else []
        done = subprocess.run(
            [*command, "-in", str(path), "-out", str(fresh)],
            input=f"{self.secret}\n",
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        if done.returncode or not fresh.is_file():
            fresh.unlink(missing_ok=True)
            raise BuildFailed(f"{path.name} was not signed:\n{(done.stdout + done.stderr)[-2000:]}")
        os.replace(fresh, path)

    def verified(self, path: Path, root: Path, time_root: Path) -> bool:
        """Does *path* bear a valid signature up to *root*, time-stamped up to *time_root*?"""
        trusted = ["-CAfile", str(root), "-TSA-CAfile", str(time_root)]
        done = subprocess.run(
            ["osslsigncode", "verify", *without_lists(), *trusted, "-in", str(path)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        return done.returncode == 0 and "Signature verification: ok" in done.stdout


def unsigned(folder: Path) -> list[Path]:
    """The programs and DLLs in *folder* that bear no signature."""
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and pe.is_pe(path) and not pe.read(path).has_signature
    ]


def sign_release(signer: Signer, release: str, target: Path) -> Path:
    """Sign what ``build windows`` has left, pack it and sign the package; its path."""
    folder = ROOT / "build" / "windows" / "dist" / "SealDesk"
    if not folder.is_dir():
        raise BuildFailed("there is nothing to sign: python3 dev.py build windows comes first")
    files = unsigned(folder)
    say(f"signing {len(files)} programs and DLLs")
    moment = build.epoch()
    for path in files:
        signer.sign(path)
        os.utime(path, (moment, moment))
    icon = ROOT / "build" / "windows" / "sealdesk.ico"
    msi.build(folder, icon, release, moment, target)
    signer.sign(target)
    left = unsigned(folder)
    if left:
        raise BuildFailed(f"still without a signature: {', '.join(path.name for path in left)}")
    say(f"{target.name}: SHA-256 {hashlib.sha256(target.read_bytes()).hexdigest()}")
    return target


def main(arguments: Sequence[str]) -> int:
    """Sign the release, or say why not."""
    parser = argparse.ArgumentParser(prog="dev.py sign")
    parser.add_argument("--certificates", type=Path, required=True)
    parser.add_argument("--key", required=True, help="PEM file, or pkcs11: address with --module")
    parser.add_argument("--module", type=Path, help="PKCS#11 module of the token with the key")
    parser.add_argument("--pin-stdin", action="store_true", help="password or PIN of the key")
    parser.add_argument("--timestamp", required=True, help="address of an RFC 3161 service")
    options = parser.parse_args(arguments)
    secret = sys.stdin.readline().rstrip("\r\n") if options.pin_stdin else ""
    signer = Signer(options.certificates, options.key, options.module, secret, options.timestamp)
    release = build.version()
    try:
        sign_release(signer, release, ROOT / "dist" / f"SealDesk-{release}-x64.msi")
    except BuildFailed as error:
        print(f"✗ {error}", file=sys.stderr)  # noqa: T201 - the build speaks to a terminal
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
