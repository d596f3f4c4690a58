"""An independent judge: the ``openssl`` command."""

import itertools
import subprocess
from pathlib import Path

from crypto.algorithms.keys import SoftKey
from crypto.asn1 import der

DISTID = "distid:1234567812345678"


class OpenSsl:
    """Runs ``openssl`` in a folder of its own; bytes become files by :meth:`file`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._numbers = itertools.count()

    def file(self, content: bytes, suffix: str = ".der") -> str:
        """Write *content* to a fresh file and give its path."""
        path = self.folder / f"{next(self._numbers)}{suffix}"
        path.write_bytes(content)
        return str(path)

    def new(self, suffix: str = ".out") -> Path:
        """A fresh path for something openssl writes."""
        return self.folder / f"{next(self._numbers)}{suffix}"

    def run(self, *arguments: str | Path, stdin: bytes = b"") -> bytes:
        """Standard output; the test fails with openssl's own words if it reports an error."""
        done = self.attempt(*arguments, stdin=stdin)
        assert done.returncode == 0, (done.stdout + done.stderr).decode(errors="replace")
        return done.stdout

    def attempt(
        self, *arguments: str | Path, stdin: bytes = b""
    ) -> subprocess.CompletedProcess[bytes]:
        """Run and report, whatever openssl says."""
        return subprocess.run(
            ["openssl", *map(str, arguments)], input=stdin, capture_output=True, check=False
        )

    def sm2_private(self, key: SoftKey) -> str:
        """The path of a PKCS#8 file (DER) with this key."""
        inner = der.sequence(der.integer(1), der.octet_string(key.private))
        algorithm = der.sequence(der.oid("1.2.840.10045.2.1"), der.oid("1.2.156.10197.1.301"))
        return self.file(der.sequence(der.integer(0), algorithm, der.octet_string(inner)))

    def sm2_verifies(self, spki: bytes, message: bytes, signature: bytes) -> bool:
        """Does ``openssl dgst -sm3 -verify`` with the default user id accept the signature?"""
        done = self.attempt(
            *("dgst", "-sm3", "-keyform", "DER", "-verify", self.file(spki)),
            *("-sigopt", DISTID, "-signature", self.file(signature), self.file(message)),
        )
        return done.returncode == 0 and b"Verified OK" in done.stdout

    def sm2_signs(self, key: SoftKey, message: bytes) -> bytes:
        """The DER signature that ``openssl dgst -sm3 -sign`` makes over *message*."""
        private = self.sm2_private(key)
        arguments = ("-keyform", "DER", "-sign", private, "-sigopt", DISTID, self.file(message))
        return self.run("dgst", "-sm3", *arguments)

    def pem(self, certificate: bytes) -> str:
        """The path of a PEM file with this DER certificate."""
        return self.file(self.run("x509", "-inform", "DER", stdin=certificate), ".pem")
