"""The order of the tests: the files of tests/longest_first.txt come first.

Each process of pytest-xdist takes the next file when it has done its last; a long file that came
last would keep one process busy when all others are done.
"""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LONGEST_FIRST = ROOT / "tests" / "longest_first.txt"


def longest_files() -> list[str]:
    """By their paths from the root."""
    lines = LONGEST_FIRST.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ranks = {ROOT / name: rank for rank, name in enumerate(longest_files())}
    items.sort(key=lambda item: ranks.get(item.path, len(ranks)))  # else as they were
