"""One small world for all tests of this folder (what is in it: workshop.py)."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509 as pyca
from cryptography.hazmat.primitives import hashes, serialization

from tests.crypto.pdf.workshop import NOW, Shop, make_shop


@pytest.fixture(scope="session")
def shop(make_root: Callable[..., Any]) -> Shop:
    """One authority that everybody trusts, with two holders in good standing."""
    return make_shop(make_root)


@pytest.fixture(scope="session")
def foreign_crl(foreign_root: Any) -> bytes:
    """An empty list of the foreign root, in force now."""
    builder = (
        pyca.CertificateRevocationListBuilder()
        .issuer_name(foreign_root._name)
        .last_update((NOW - timedelta(hours=1)).replace(tzinfo=None))
        .next_update((NOW + timedelta(days=7)).replace(tzinfo=None))
    )
    made = builder.sign(foreign_root._private, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.DER)
