"""The independent judge of this folder: the ``openssl`` command; and a small authority to issue."""

import itertools
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509 as pyca
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from crypto.algorithms.keys import SoftKey
from crypto.asn1 import der
from crypto.pki.x509 import Certificate, Name
from crypto.pki.x509_make import make_certificate

DISTID = "distid:1234567812345678"
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
END = datetime(2031, 1, 1, tzinfo=UTC)


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


@pytest.fixture(scope="session")
def openssl(tmp_path_factory: pytest.TempPathFactory) -> OpenSsl:
    return OpenSsl(tmp_path_factory.mktemp("openssl"))


@dataclass
class Authority:
    """An SM2 authority: its key, its certificate, and what it issues."""

    key: SoftKey
    name: Name
    _serials: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1000))

    @property
    def certificate(self) -> Certificate:
        return Certificate.parse(self.key.certificate)

    def issue(
        self,
        subject: str,
        spki: bytes,
        *,
        usage: Iterable[str] = ("digitalSignature", "nonRepudiation"),
        not_before: datetime = BEGIN,
        not_after: datetime = END,
        **options: object,
    ) -> bytes:
        """A DER certificate for *spki*."""
        return make_certificate(
            subject=Name.build([("C", "CN"), ("O", "宿迁市测试单位"), ("CN", subject)]),
            public_key=spki,
            issuer=self.name,
            issuer_key=self.key,
            authority_spki=self.key.spki,
            serial=next(self._serials),
            not_before=not_before,
            not_after=not_after,
            key_usage=usage,
            **options,
        )

    def key_for(self, subject: str, **options: object) -> SoftKey:
        """A fresh key with a certificate from this authority."""
        key = SoftKey.generate()
        return key.with_certificate(self.issue(subject, key.spki, **options))

    def sub_authority(self, subject: str, **options: object) -> "Authority":
        """An authority below this one."""
        key = SoftKey.generate()
        options = {"usage": ("keyCertSign", "cRLSign"), "ca": True, **options}
        certificate = self.issue(subject, key.spki, **options)
        return Authority(key.with_certificate(certificate), Certificate.parse(certificate).subject)


@pytest.fixture(scope="session")
def make_root() -> Callable[..., Authority]:
    """Makes self-signed authorities: ``make_root("根", path_length=1)``."""

    def make(common_name: str = "Test Root", **options: object) -> Authority:
        key = SoftKey.generate()
        name = Name.build([("C", "CN"), ("O", "宿迁市测试单位"), ("CN", common_name)])
        root = Authority(key, name)
        options = {"usage": ("keyCertSign", "cRLSign"), "ca": True, **options}
        root.key = key.with_certificate(root.issue(common_name, key.spki, **options))
        return root

    return make


@pytest.fixture(scope="session")
def root(make_root: Callable[..., Authority]) -> Authority:
    """One root for the tests that need just any."""
    return make_root()


# --- authorities and keys of the international kind --------------------------------------------


@dataclass(frozen=True)
class ForeignKey:
    """An RSA or ECDSA key of the cryptography package as a SigningKey."""

    private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    certificate: bytes

    def sign(self, message: bytes) -> bytes:
        if isinstance(self.private, rsa.RSAPrivateKey):
            return self.private.sign(message, padding.PKCS1v15(), hashes.SHA256())
        return self.private.sign(message, ec.ECDSA(hashes.SHA256()))

    @property
    def pem(self) -> bytes:
        return self.private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )


class ForeignAuthority:
    """An RSA root that certifies any key, made by the cryptography package."""

    def __init__(self) -> None:
        self._private = rsa.generate_private_key(65537, 2048)
        self._name = pyca.Name([pyca.NameAttribute(pyca.NameOID.COMMON_NAME, "Foreign Root")])
        self._serials = itertools.count(500)
        self.certificate = self.issue(self._private.public_key(), "Foreign Root", ca=True)

    def issue(self, public, common_name: str, *, ca: bool = False, **options) -> bytes:
        """A DER certificate; ``extended=[…]`` and ``critical`` set its purposes, ``serial`` its
        number."""
        name = pyca.Name([pyca.NameAttribute(pyca.NameOID.COMMON_NAME, common_name)])
        builder = (
            pyca.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(public)
            .serial_number(options.get("serial") or next(self._serials))
            .not_valid_before(BEGIN.replace(tzinfo=None))
            .not_valid_after(END.replace(tzinfo=None))
            .add_extension(pyca.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(pyca.SubjectKeyIdentifier.from_public_key(public), critical=False)
        )
        if options.get("extended"):
            usage = pyca.ExtendedKeyUsage(
                [pyca.ObjectIdentifier(dotted) for dotted in options["extended"]]
            )
            builder = builder.add_extension(usage, critical=options.get("critical", True))
        certificate = builder.sign(self._private, hashes.SHA256())
        return certificate.public_bytes(serialization.Encoding.DER)

    def key_for(self, private, common_name: str = "Signer", **options) -> ForeignKey:
        """*private* with a certificate of this authority."""
        return ForeignKey(private, self.issue(private.public_key(), common_name, **options))


@pytest.fixture(scope="session")
def foreign_root() -> ForeignAuthority:
    return ForeignAuthority()


@pytest.fixture(scope="session")
def rsa_key(foreign_root: ForeignAuthority) -> ForeignKey:
    return foreign_root.key_for(rsa.generate_private_key(65537, 2048), "RSA Signer")


@pytest.fixture(scope="session")
def p256_key(foreign_root: ForeignAuthority) -> ForeignKey:
    return foreign_root.key_for(ec.generate_private_key(ec.SECP256R1()), "P-256 Signer")
