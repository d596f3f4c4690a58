"""A running platform on a loopback port, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from server_stub.records import logbook, store
from server_stub.settings import Settings
from server_stub.web.serving import RunningServer, start_in_thread
from tests.world import postgresql
from tests.world.applicant import Applicant
from tests.world.platforms import folder_of_the_run, platform_settings, quick_platforms

# --- databases ---------------------------------------------------------------------------------

POSTGRESQL = pytest.param(
    "postgresql",
    marks=pytest.mark.skipif(
        not postgresql.wanted(), reason="PostgreSQL's server programs or psycopg are missing"
    ),
)


@pytest.fixture(scope="session", params=["sqlite", POSTGRESQL])
def database_kind(request: pytest.FixtureRequest) -> str:
    """Whoever uses it, or one of the fixtures below, runs on both."""
    kind: str = request.param
    return kind


BOTH_EVERY_TIME = ("records", "test_lists.py", "test_lives.py")
"""Where the two databases could differ most; the rest meets PostgreSQL in `dev.py check-slow`."""
POSTGRESQL_IF_IT_IS_THERE = ("test_hostile_input.py",)
"""It refuses more of what comes in than SQLite, which then waits for `dev.py check-slow`."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        kind = getattr(item, "callspec", None) and item.callspec.params.get("database_kind")
        if kind is None or any(part in item.path.parts for part in BOTH_EVERY_TIME):
            continue
        strict = item.path.name in POSTGRESQL_IF_IT_IS_THERE and postgresql.wanted()
        if kind != ("postgresql" if strict else "sqlite"):
            item.add_marker("slow")


@pytest.fixture(scope="session", autouse=True)
def platforms_start_quickly(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Those of this process; one that is started as a program makes all that is its own."""
    with quick_platforms(folder_of_the_run(tmp_path_factory)):
        yield


class Databases:
    """Makes empty databases; one PostgreSQL for this process, started when it is needed."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._cluster: postgresql.Cluster | None = None

    def make(self, kind: str) -> tuple[str, Callable[[], None]]:
        """What `Settings.database_url` is for a new one, and how to drop it."""
        if kind == "sqlite":
            return "", lambda: None
        cluster = self._cluster = self._cluster or self._start()
        name = cluster.create("template1")
        return cluster.url(name), lambda: cluster.drop(name)

    def _start(self) -> postgresql.Cluster:
        cluster = self._stack.enter_context(postgresql.running_cluster())
        engine = store.open_engine(cluster.url("template1"))
        store.upgrade(engine)
        engine.dispose()
        return cluster


@pytest.fixture(scope="session")
def databases() -> Iterator[Databases]:
    with ExitStack() as stack:
        yield Databases(stack)


@pytest.fixture
def database_of(
    database_kind: str, databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[Path], str]]:
    """`Settings.database_url` for a platform in that directory, the same for the same; from then on
    commands of this test find it, too."""
    urls: dict[Path, str] = {}
    with ExitStack() as made:

        def of(directory: Path) -> str:
            if directory not in urls:
                urls[directory], drop = databases.make(database_kind)
                made.callback(drop)
            monkeypatch.setenv("SEALDESK_SERVER_DATABASE_URL", urls[directory])
            return urls[directory]

        yield of


# --- platforms ---------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def shared_platforms(
    tmp_path_factory: pytest.TempPathFactory,
    light_font: Path,
    databases: Databases,
) -> Iterator[Callable[[str], RunningServer]]:
    """One platform with the simulated reviewer for each kind of database, started when needed."""
    logbook.configure("error")
    running: dict[str, RunningServer] = {}
    with ExitStack() as stack:

        def on(kind: str) -> RunningServer:
            if kind not in running:
                settings = platform_settings(
                    tmp_path_factory.mktemp("platform"),
                    database_url=databases.make(kind)[0],
                    imprint_font=light_font,
                )
                running[kind] = stack.enter_context(start_in_thread(settings))
            return running[kind]

        yield on


@pytest.fixture(scope="session")
def server(database_kind: str, shared_platforms: Callable[[str], RunningServer]) -> RunningServer:
    """A platform shared by all tests that do not break it."""
    return shared_platforms(database_kind)


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
def holders() -> Iterator[dict[str, Applicant]]:
    """Holders with an active seal, by the kind of database that their platform has."""
    known: dict[str, Applicant] = {}
    yield known
    for person in known.values():
        person.http.close()


@pytest.fixture(scope="session")
def enrolled(database_kind: str, server: RunningServer, holders: dict[str, Applicant]) -> Applicant:
    """One holder with an active seal, for tests that only look."""
    if database_kind not in holders:
        person = Applicant(server.url)
        person.enrol()
        holders[database_kind] = person
    return holders[database_kind]


@pytest.fixture
def open_settings(
    tmp_path: Path, light_font: Path, database_of: Callable[[Path], str]
) -> Callable[..., Settings]:
    """Settings for a platform of a test's own."""

    def make(**changes: Any) -> Settings:
        directory = changes.get("directory", tmp_path / "platform")
        known = {
            "directory": directory,
            "database_url": database_of(directory),
            "port": 0,
            "open_register": True,
            "imprint_dpi": 300,
            "imprint_font": light_font,
        }
        return Settings(**{**known, **changes})

    return make
