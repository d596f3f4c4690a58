"""The order of the tests: the files of tests/longest_first.txt come first.

Each process takes the next file when it has done its last; a long file that came last would keep
one process busy when all others are done.

All processes of pytest-xdist collect all tests (those of tests/world/workers.py do not). On a clean
clone each begins in another place, so that a file is compiled by one of them and read from its
cache by the others.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
LONGEST_FIRST = ROOT / "tests" / "longest_first.txt"


def longest_files() -> list[str]:
    """By their paths from the root."""
    lines = LONGEST_FIRST.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


class Turned(pytest.Dir):
    """A folder that is looked through from another place, then from its beginning."""

    def collect(self) -> Iterable[pytest.Item | pytest.Collector]:
        found = list(super().collect())
        worker: dict[str, Any] = self.config.workerinput  # type: ignore[attr-defined]
        number = int(worker["workerid"].removeprefix("gw"))
        begin = len(found) * number // worker["workercount"]
        return found[begin:] + found[:begin]


def pytest_collect_directory(path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if not hasattr(parent.config, "workerinput") or (path / "__init__.py").exists():
        return None
    return Turned.from_parent(parent, path=path)


class InOrder:
    """All processes come to the same order, before anything depends on it."""

    @staticmethod
    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
        items.sort(key=lambda item: item.path.parts)  # those of a file: as they were


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        config.pluginmanager.register(InOrder())


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ranks = {ROOT / name: rank for rank, name in enumerate(longest_files())}
    items.sort(key=lambda item: ranks.get(item.path, len(ranks)))  # else as they were
