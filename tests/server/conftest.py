"""A running platform on a loopback port."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pymupdf
import pytest

from server_stub.records import logbook
from server_stub.settings import Settings
from server_stub.web.serving import RunningServer, start_in_thread
from tests.world.applicant import Applicant


@pytest.fixture(scope="session")
def light_font(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """PyMuPDF's own CJK face: far quicker to draw with than a 25 MB collection."""
    file = tmp_path_factory.mktemp("fonts") / "built-in"
    file.write_bytes(pymupdf.Font("china-s").buffer)
    return file


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, light_font: Path) -> Iterator[RunningServer]:
    """One platform with the simulated reviewer, shared by all tests that do not break it."""
    logbook.configure("error")
    settings = Settings(
        directory=tmp_path_factory.mktemp("platform"),
        port=0,
        auto_review=True,
        open_register=True,
        imprint_dpi=300,
        imprint_font=light_font,
        requests_per_minute=100_000,
    )
    with start_in_thread(settings) as running:
        yield running


@pytest.fixture
def holder(server: RunningServer) -> Iterator[Callable[..., Applicant]]:
    """Makes people who talk to the shared platform (or to *url*)."""
    made: list[Applicant] = []

    def make(**facts: Any) -> Applicant:
        made.append(Applicant(**{"url": server.url, **facts}))
        return made[-1]

    yield make
    for each in made:
        each.http.close()


@pytest.fixture(scope="session")
def enrolled(server: RunningServer) -> Iterator[Applicant]:
    """One holder with an active seal, for tests that only look."""
    person = Applicant(server.url)
    person.enrol()
    yield person
    person.http.close()


@pytest.fixture
def open_settings(tmp_path: Path, light_font: Path) -> Callable[..., Settings]:
    """Settings for a platform of a test's own."""

    def make(**changes: Any) -> Settings:
        known = {
            "directory": tmp_path / "platform",
            "port": 0,
            "open_register": True,
            "imprint_dpi": 300,
            "imprint_font": light_font,
        }
        return Settings(**{**known, **changes})

    return make
