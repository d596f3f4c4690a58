"""Signatures of every strength: keys, certificates, seals and values that are weak in one place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from cryptography import x509 as pyca
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from crypto.algorithms.keys import SoftKey
from crypto.asn1 import der
from crypto.pki.certificate import OCSP_SIGNING, Certificate
from crypto.pki.certificate_making import make_certificate
from crypto.seal.making import draft_signature
from crypto.seal.structure import Seal, SealSignature
from crypto.validation.anchor_rules import AnchorRule
from crypto.validation.trust import Trust
from tests.world.authority import BEGIN, END, ForeignKey, make_root
from tests.world.sealing import MADE_AT, NOW, SIGNED_AT
from tests.world.seals import imprint, seal_of, statement_on

CODE = "32130000000017"
DIGEST = bytes(range(32))
_RSA = {"sha256": 11, "sha1": 5, "md5": 4}
_ECDSA_SHA256 = "1.2.840.10045.4.3.2"
_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha256": hashes.SHA256(), "sha1": hashes.SHA1(), "md5": hashes.MD5(),  # noqa: S303
}  # fmt: skip
KINDS = ("sha1", "md5", "rsa-1024", "ec-192")


@cache
def private(name: str, kind: str = "") -> Any:
    """The key of *name*; *kind* "rsa-1024" or "ec-192" for a weak one."""
    if kind == "ec-192":
        return ec.generate_private_key(ec.SECP192R1())
    return rsa.generate_private_key(65537, 1024 if kind == "rsa-1024" else 2048)


def sign(key: Any, kind: str, message: bytes) -> tuple[str, bytes]:
    """(algorithm, value) of a signature by *key*, with the digest of that *kind*."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return _ECDSA_SHA256, key.sign(message, ec.ECDSA(hashes.SHA256()))
    digest = kind if kind in _RSA else "sha256"
    value = key.sign(message, padding.PKCS1v15(), _HASHES[digest])
    return f"1.2.840.113549.1.1.{_RSA[digest]}", value


def again(signed: bytes, key: Any, kind: str) -> bytes:
    """A certificate, list or answer that *key* signed with SHA-256, signed with the digest of that
    *kind*: `cryptography` itself no longer makes such ones."""
    if kind not in ("sha1", "md5"):
        return signed
    safe, weak = (der.oid(f"1.2.840.113549.1.1.{_RSA[name]}") for name in ("sha256", kind))
    parts = list(der.parse(signed).children())
    tbs = parts[0].raw.replace(safe, weak)
    rest = (part.raw for part in parts[3:])
    _, value = sign(key, kind, tbs)
    return der.sequence(tbs, der.sequence(weak, der.null()), der.bit_string(value), *rest)


def named(name: str) -> pyca.Name:
    return pyca.Name([pyca.NameAttribute(pyca.NameOID.COMMON_NAME, name)])


def certify(
    subject: str, key: Any, issuer: str, issuer_key: Any, kind: str = "", *, ca: bool
) -> bytes:
    """A certificate by `cryptography`, the issuer's signature of that *kind*."""
    usage = dict.fromkeys(
        ("key_encipherment", "data_encipherment", "key_agreement", "encipher_only",
         "decipher_only"), False,
    )  # fmt: skip
    made = (
        pyca.CertificateBuilder()
        .subject_name(named(subject))
        .issuer_name(named(issuer))
        .public_key(key.public_key())
        .serial_number(pyca.random_serial_number())
        .not_valid_before(BEGIN.replace(tzinfo=None))
        .not_valid_after(END.replace(tzinfo=None))
        .add_extension(pyca.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(
            pyca.KeyUsage(
                digital_signature=not ca, content_commitment=not ca, key_cert_sign=ca, crl_sign=ca,
                **usage,
            ),
            critical=True,
        )
        .sign(issuer_key, hashes.SHA256())
        .public_bytes(serialization.Encoding.DER)
    )  # fmt: skip
    return again(made, issuer_key, kind)


@dataclass(frozen=True)
class Side:
    """Signer or maker: key, certificate, the authority above and its anchor."""

    key: Any
    leaf: Certificate
    middle: Certificate
    root: Certificate
    middle_key: Any


def side(who: str, leaf: str = "", middle: str = "", own: str = "", root: str = "") -> Side:
    """*leaf* and *middle*: how these certificates are weakly signed; *own*: the kind of the leaf's
    key; *root*: how the anchor signs itself."""
    root_key = private(f"{who} root", middle)
    middle_key, key = private(f"{who} middle", leaf), private(f"{who} leaf", own)
    anchor = certify(f"{who} root", root_key, f"{who} root", root_key, root, ca=True)
    between = certify(f"{who} middle", middle_key, f"{who} root", root_key, middle, ca=True)
    last = certify(f"{who} leaf", key, f"{who} middle", middle_key, leaf, ca=False)
    return Side(key, *map(Certificate.parse, (last, between, anchor)), middle_key)


PLATFORM = make_root("平台")
STATUS = PLATFORM.key_for("状态", extended_key_usage=(OCSP_SIGNING,))
ANYBODY = PLATFORM.key_for("制章")


def seal_by(maker: Side, info: bytes, kind: str = "") -> bytes:
    """The seal with this SES_SealInfo, signed by *maker* with a digest of that *kind*."""
    algorithm, made = sign(maker.key, kind, info)
    return der.sequence(
        info, der.octet_string(maker.leaf.der), der.oid(algorithm), der.bit_string(made)
    )


def sealed(signer: Side, maker: Side, seal_kind: str = "", value_kind: str = "") -> SealSignature:
    """A GB/T 38540 value; the kinds say how maker and signer sign."""
    info = Seal.parse(seal_of(signer.leaf.der, CODE, imprint(), MADE_AT, ANYBODY)).signed
    data = seal_by(maker, info, seal_kind)
    draft = draft_signature(
        seal=data, digest=DIGEST, property_info="PDF;x", signed_at=SIGNED_AT,
        certificate=signer.leaf.der,
    )  # fmt: skip
    tbs = der.parse(draft).children().next().raw
    algorithm, made = sign(signer.key, value_kind, tbs)
    return SealSignature.parse(
        der.sequence(
            tbs, der.octet_string(signer.leaf.der), der.oid(algorithm), der.bit_string(made)
        )
    )


def trusting(signer: Side, maker: Side, *rules: AnchorRule, covered: bool = True) -> Trust:
    """The anchors of both, each for its purpose, and the platform's word on the seal."""
    said = statement_on(signer.leaf.der, CODE, NOW, STATUS, certificate_valid=covered)
    return Trust(
        seal_makers=(maker.root,),
        signers=(signer.root,),
        platforms=(PLATFORM.certificate,),
        pool=(signer.middle, maker.middle),
        statements=(said,),
        rules=rules,
    )


def recertified(key: SoftKey, kind: str) -> tuple[SoftKey, Certificate]:
    """*key* with the same certificate as before, by an authority whose signature is of that *kind*;
    and the anchor."""
    own, issuer = Certificate.parse(key.certificate), private("another authority", kind)
    anchor = Certificate.parse(certify("another", issuer, "another", issuer, ca=True))
    made = make_certificate(
        subject=own.subject,
        public_key=key.spki,
        issuer=anchor.subject,
        issuer_key=ForeignKey(issuer, anchor.der),
        authority_spki=anchor.public_key.spki,
        serial=own.serial,
        not_before=own.not_before,
        not_after=own.not_after,
        key_usage=own.key_usage or (),
        extended_key_usage=own.extended_key_usage,
    )
    return key.with_certificate(again(made, issuer, kind)), anchor


def weak_seals(good: bytes) -> Iterator[bytes]:
    """The seal *good*, made again by makers whose signatures are weak."""
    for kind in ("sha1", "rsa-1024", "ec-192"):
        maker = side("maker", own=kind)
        yield seal_by(maker, Seal.parse(good).signed, kind)
