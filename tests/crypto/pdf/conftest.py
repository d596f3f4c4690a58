"""One small world for all tests of this folder (what is in it: workshop.py)."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.crypto.pdf.workshop import Shop, make_shop


@pytest.fixture(scope="session")
def shop(make_root: Callable[..., Any]) -> Shop:
    """One authority that everybody trusts, with two holders in good standing."""
    return make_shop(make_root)
