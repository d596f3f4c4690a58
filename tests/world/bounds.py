"""What a hostile file may cost, and bounded processes that start sooner."""

import multiprocessing
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from crypto import bounded as bounded_processes

BOUND = 10.0


@contextmanager
def bounded() -> Iterator[None]:
    """The processor time that a hostile file may cost (a busy machine does not count)."""
    start = time.process_time()
    yield
    assert time.process_time() - start < BOUND


@pytest.fixture(scope="session", autouse=True)
def processes_at_hand() -> Iterator[None]:
    """Bounded processes are copies of one that has imported what they need. In `dev.py check-slow`
    and where a test asks for :func:`fresh_processes`, they are fresh interpreters, as in the
    program."""
    if sys.platform == "win32" or os.environ.get("SEALDESK_TEST_PROFILE") == "thorough":
        yield
        return
    copies = multiprocessing.get_context("forkserver")
    copies.set_forkserver_preload(["tests.world.at_hand"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bounded_processes, "get_context", lambda _: copies)
        yield


@pytest.fixture
def fresh_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this test every bounded process is a fresh interpreter, as in the program."""
    monkeypatch.setattr(bounded_processes, "get_context", multiprocessing.get_context)
