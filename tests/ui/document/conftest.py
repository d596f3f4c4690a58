"""The tests of shown documents begin on the page for verifying: that for stamping takes longest to
build."""

import pytest


@pytest.fixture
def first_page() -> str:
    return "verify"
