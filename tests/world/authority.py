"""Authorities that issue in memory: SM2 as the platform does, RSA and ECDSA as others do."""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cryptography import x509 as pyca
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from crypto.algorithms.keys import SoftKey
from crypto.pki.certificate import Certificate
from crypto.pki.certificate_making import make_certificate
from crypto.pki.names_and_algorithms import Name

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
END = datetime(2031, 1, 1, tzinfo=UTC)
ORGANIZATION = "宿迁市测试单位"


@dataclass
class Authority:
    """An SM2 authority: its key, its certificate, and what it issues."""

    key: SoftKey
    name: Name
    begin: datetime = BEGIN
    end: datetime = END
    """Until when what it issues is valid, unless told otherwise."""
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
        not_before: datetime | None = None,
        not_after: datetime | None = None,
        organization: str = ORGANIZATION,
        **options: object,
    ) -> bytes:
        """A DER certificate for *spki*."""
        return make_certificate(
            subject=name_of(subject, organization),
            public_key=spki,
            issuer=self.name,
            issuer_key=self.key,
            authority_spki=self.key.spki,
            serial=next(self._serials),
            not_before=not_before or self.begin,
            not_after=not_after or self.end,
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
        return Authority(
            key.with_certificate(certificate),
            Certificate.parse(certificate).subject,
            self.begin,
            self.end,
        )


def name_of(common_name: str, organization: str = ORGANIZATION) -> Name:
    """A distinguished name; without an organization if that is empty."""
    whose = [("O", organization)] if organization else []
    return Name.build([("C", "CN"), *whose, ("CN", common_name)])


def make_root(
    common_name: str = "Test Root",
    *,
    organization: str = ORGANIZATION,
    begin: datetime = BEGIN,
    end: datetime = END,
    **options: object,
) -> Authority:
    """A self-signed authority: ``make_root("根", path_length=1)``."""
    key = SoftKey.generate()
    root = Authority(key, name_of(common_name, organization), begin, end)
    options = {"usage": ("keyCertSign", "cRLSign"), "ca": True, **options}
    root.key = key.with_certificate(
        root.issue(common_name, key.spki, organization=organization, **options)
    )
    return root


# ---------------------------------------------------------------- of the international kind


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
        self.private = rsa.generate_private_key(65537, 2048)
        self.name = pyca.Name([pyca.NameAttribute(pyca.NameOID.COMMON_NAME, "Foreign Root")])
        self._serials = itertools.count(500)
        self.certificate = self.issue(self.private.public_key(), "Foreign Root", ca=True)

    def issue(self, public, common_name: str, *, ca: bool = False, **options) -> bytes:
        """A DER certificate; ``extended=[…]`` and ``critical`` set its purposes, ``serial`` its
        number."""
        name = pyca.Name([pyca.NameAttribute(pyca.NameOID.COMMON_NAME, common_name)])
        builder = (
            pyca.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self.name)
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
        certificate = builder.sign(self.private, hashes.SHA256())
        return certificate.public_bytes(serialization.Encoding.DER)

    def key_for(self, private, common_name: str = "Signer", **options) -> ForeignKey:
        """*private* with a certificate of this authority."""
        return ForeignKey(private, self.issue(private.public_key(), common_name, **options))
