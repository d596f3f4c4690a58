"""What a hostile file may cost."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

BOUND = 10.0


@contextmanager
def bounded() -> Iterator[None]:
    """The processor time that a hostile file may cost (a busy machine does not count)."""
    start = time.process_time()
    yield
    assert time.process_time() - start < BOUND
