"""The tests of the pages begin on one of them: the page for stamping takes longest to build."""

import pytest


@pytest.fixture
def first_page() -> str:
    return "seals"
