"""Makes what the benchmark needs: documents, an SM2 seal, and an RSA identity for the peers.

    python prepare.py FOLDER     writes the files named below into FOLDER

Everything is the same in every run but the keys.
"""

import random
import ssl
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

import pymupdf
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from crypto.algorithms.keys import SoftKey
from crypto.pki.certificate_making import make_certificate
from crypto.pki.names_and_algorithms import Name
from crypto.seal.making import make_seal
from server_stub.neighbours.imprint_drawing import draw

DEMO = Path(__file__).parents[1] / "resources" / "demo" / "regulation.pdf"
NOW = datetime.now(UTC).replace(microsecond=0)
YEAR = timedelta(days=365)

# name → pages, and bytes of incompressible image on each (a scan that cannot be squeezed)
DOCUMENTS = {"10 pages": (10, 0), "250 pages": (250, 0), "50 MB": (500, 102_000)}


def make_document(output: Path | BinaryIO, pages: int, image_bytes: int) -> None:
    """The regulation's pages over and over, each with its own number and, if asked, an image.

    Each page has one content stream, as word processors export it; PyMuPDF, which set the
    regulation, had written one for every line."""
    rng = random.Random(20241201)
    document = pymupdf.open()
    source = pymupdf.open(DEMO)
    for number in range(pages):
        document.insert_pdf(
            source, from_page=number % len(source), to_page=number % len(source), final=False
        )
        page = document[number]
        page.insert_text((60, 60), f"{number + 1} / {pages}", fontsize=9)
        if image_bytes:
            width, height = 300, image_bytes // 300
            noise = pymupdf.Pixmap(
                pymupdf.csGRAY, width, height, rng.randbytes(width * height), False
            )
            page.insert_image(pymupdf.Rect(60, 700, 160, 800), pixmap=noise)
        page.clean_contents()
    document.save(output, garbage=3, deflate=True)


def make_sm2_seal(folder: Path) -> None:
    """``root.{der,pem}``, ``signer.{key,der}`` and ``seal.der`` (the key: 32 bytes)."""
    root, maker, signer = SoftKey.generate(), SoftKey.generate(), SoftKey.generate()
    root_name = Name.build([("C", "CN"), ("O", "性能测试"), ("CN", "性能测试根证书")])

    def certify(key: SoftKey, subject: Name, serial: int, usage: list[str], *, ca: bool) -> bytes:
        return make_certificate(
            subject=subject,
            public_key=key.spki,
            issuer=root_name,
            issuer_key=root,
            authority_spki=root.spki,
            serial=serial,
            not_before=NOW - YEAR,
            not_after=NOW + YEAR,
            key_usage=usage,
            ca=ca,
        )

    signing = ["digitalSignature", "nonRepudiation"]
    root_der = certify(root, root_name, 1, ["keyCertSign", "cRLSign"], ca=True)
    maker_name = Name.build([("C", "CN"), ("O", "性能测试"), ("CN", "制章")])
    maker = maker.with_certificate(certify(maker, maker_name, 2, signing, ca=False))
    company = Name.build([("C", "CN"), ("O", "宿迁性能测试有限公司"), ("CN", "32130000000001")])
    certificate = certify(signer, company, 3, signing, ca=False)
    seal = make_seal(
        es_id="32130000000001",
        vendor="SEALDESK",
        seal_type=1,
        name="宿迁性能测试有限公司",
        signer_certificates=[certificate],
        created=NOW - YEAR / 2,
        valid_from=NOW - YEAR / 2,
        valid_until=NOW + YEAR / 2,
        picture=draw("official", "宿迁性能测试有限公司", seal_code="3213000000001"),
        width_mm=40,
        height_mm=40,
        maker=maker,
    )
    (folder / "root.der").write_bytes(root_der)
    (folder / "root.pem").write_text(ssl.DER_cert_to_PEM_cert(root_der), encoding="ascii")
    (folder / "signer.key").write_bytes(signer.private)
    (folder / "signer.der").write_bytes(certificate)
    (folder / "seal.der").write_bytes(seal)


def make_rsa_identity(folder: Path) -> None:
    """``rsa-root.pem``, ``rsa.pem`` and ``rsa.key``: what pyHanko signs and validates with."""

    def name(common: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])

    def certify(
        subject: str, key: rsa.RSAPrivateKey, issuer_key: rsa.RSAPrivateKey, *, ca: bool
    ) -> x509.Certificate:
        return (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name("benchmark root"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - YEAR)
            .not_valid_after(NOW + YEAR)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(
                x509.KeyUsage(
                    digital_signature=not ca,
                    content_commitment=not ca,
                    key_encipherment=False,
                    data_encipherment=False,
                    key_agreement=False,
                    key_cert_sign=ca,
                    crl_sign=ca,
                    encipher_only=False,
                    decipher_only=False,
                ),
                critical=True,
            )
            .sign(issuer_key, hashes.SHA256())
        )

    root_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    root = certify("benchmark root", root_key, root_key, ca=True)
    certificate = certify("benchmark signer", key, root_key, ca=False)
    (folder / "rsa-root.pem").write_bytes(root.public_bytes(Encoding.PEM))
    (folder / "rsa.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    (folder / "rsa.key").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )


if __name__ == "__main__":
    target = Path(sys.argv[1])
    for title, (pages, image_bytes) in DOCUMENTS.items():
        make_document(target / f"{title}.pdf", pages, image_bytes)
    make_sm2_seal(target)
    make_rsa_identity(target)
