"""One small world for all tests of this folder (what is in it: workshop.py)."""

from collections.abc import Callable
from typing import Any

import pytest

from crypto.trust import Trust
from crypto.x509 import OCSP_SIGNING
from tests.crypto.pdf.workshop import Shop, imprint


@pytest.fixture(scope="session")
def shop(make_root: Callable[..., Any]) -> Shop:
    """One authority that everybody trusts, with two holders in good standing."""
    authority = make_root("印章测试根")
    anchor = authority.certificate
    made = Shop(
        authority,
        authority.key_for("制章者", usage=("digitalSignature",)),
        authority.key_for("状态", usage=("digitalSignature",), extended_key_usage=(OCSP_SIGNING,)),
        Trust.in_all([anchor]),
    )
    made.first = made.holder("32130000000017", imprint())
    made.second = made.holder("32130000000025", imprint("darkred", text="2"), size_mm=(30, 30))
    made.trust = made.trusting(made.first, made.second)
    return made
