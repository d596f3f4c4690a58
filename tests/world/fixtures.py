"""What a test asks for by name: the world, its parts, and the independent judge.

Loaded by tests/conftest.py; what costs time is made once in a process.
"""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pymupdf
import pytest
from cryptography import x509 as pyca
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.world import authority
from tests.world.authorities import Authorities
from tests.world.authority import Authority, ForeignAuthority, ForeignKey
from tests.world.office import Office
from tests.world.openssl import OpenSsl
from tests.world.sealing import NOW, World, make_world


@pytest.fixture(scope="session")
def openssl(tmp_path_factory: pytest.TempPathFactory) -> OpenSsl:
    """The ``openssl`` command, with a folder for its files."""
    return OpenSsl(tmp_path_factory.mktemp("openssl"))


@pytest.fixture(scope="session")
def light_font(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """PyMuPDF's own CJK face: far quicker to draw with than a 25 MB collection."""
    file = tmp_path_factory.mktemp("fonts") / "built-in"
    file.write_bytes(pymupdf.Font("china-s").buffer)
    return file


@pytest.fixture(scope="session")
def make_root() -> Callable[..., Authority]:
    """Makes self-signed authorities: ``make_root("根", path_length=1)``."""
    return authority.make_root


@pytest.fixture(scope="session")
def root() -> Authority:
    """One root for the tests that need just any."""
    return authority.make_root()


@pytest.fixture(scope="session")
def world() -> World:
    """One authority that everybody trusts, with two holders in good standing."""
    return make_world()


@pytest.fixture(scope="session")
def foreign_root() -> ForeignAuthority:
    """An RSA root."""
    return ForeignAuthority()


@pytest.fixture(scope="session")
def rsa_key(foreign_root: ForeignAuthority) -> ForeignKey:
    """RSA, certified by the foreign root."""
    return foreign_root.key_for(rsa.generate_private_key(65537, 2048), "RSA Signer")


@pytest.fixture(scope="session")
def p256_key(foreign_root: ForeignAuthority) -> ForeignKey:
    """ECDSA over P-256, certified by the foreign root."""
    return foreign_root.key_for(ec.generate_private_key(ec.SECP256R1()), "P-256 Signer")


@pytest.fixture(scope="session")
def foreign_crl(foreign_root: ForeignAuthority) -> bytes:
    """An empty list of the foreign root, in force now."""
    builder = (
        pyca.CertificateRevocationListBuilder()
        .issuer_name(foreign_root.name)
        .last_update((NOW - timedelta(hours=1)).replace(tzinfo=None))
        .next_update((NOW + timedelta(days=7)).replace(tzinfo=None))
    )
    made = builder.sign(foreign_root.private, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.DER)


@pytest.fixture(scope="session")
def authorities() -> Authorities:
    """A root, a seal maker, a status desk."""
    return Authorities()


@pytest.fixture
def office(tmp_path: Path, authorities: Authorities) -> Office:
    """A company with a seal in force and a platform that answers."""
    return Office.open(tmp_path, authorities)
