"""An office in memory (what is in it: sealing.py)."""

from pathlib import Path

import pytest

from tests.app.sealing import Authorities, Office


@pytest.fixture(scope="session")
def authorities() -> Authorities:
    """A root, a seal maker, a status desk."""
    return Authorities()


@pytest.fixture
def office(tmp_path: Path, authorities: Authorities) -> Office:
    """A company with a seal in force and a platform that answers."""
    return Office.open(tmp_path, authorities)
