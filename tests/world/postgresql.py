"""A PostgreSQL of the tests' own: Debian's programs, a fresh cluster, reached by a socket file.

It listens on no port, so any number of test processes have one each.
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

CI = os.environ.get("CI") == "true"
"""Where nothing may be left out."""


def programs() -> Path | None:
    """The folder of initdb: where Debian puts it, or in the path."""
    places = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3])
    )
    found = places[-1] if places else shutil.which("initdb")
    return Path(found).parent if found else None


def wanted() -> bool:
    """Is it here? In CI it has to be: a test that needs it then fails without."""
    return CI or (programs() is not None and find_spec("psycopg") is not None)


def _servant() -> str | None:
    """Whom to run it as: PostgreSQL refuses to run as root."""
    import pwd  # not on Windows

    if os.geteuid():
        return None
    names = {each.pw_name for each in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


@dataclass
class Cluster:
    """A running server, its data in the folder *place*."""

    folder: Path
    """Of its programs."""
    place: Path
    user: str | None
    options: str = ""
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def _run(self, program: str, *words: str) -> None:
        command = [str(self.folder / program), "-D", str(self.place / "data"), *words]
        subprocess.run(
            command, check=True, user=self.user, cwd=self.place, stdout=subprocess.DEVNULL
        )

    def make(self) -> None:
        self._run("initdb", "-U", "sealdesk", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")

    def start(self) -> None:
        options = f"-c listen_addresses='' -k {self.place} {self.options}"
        self._run("pg_ctl", "-w", "-l", str(self.place / "log"), "-o", options, "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-w", "-m", "immediate", "stop")

    def url(self, database: str = "postgres") -> str:
        """For SQLAlchemy."""
        return f"postgresql+psycopg://sealdesk@/{database}?host={self.place}"

    def execute(self, statement: str) -> None:
        import psycopg  # where PostgreSQL is

        with psycopg.connect(
            host=str(self.place), user="sealdesk", dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(statement.encode())

    def create(self, template: str = "template0") -> str:
        """Make a database and give its name."""
        name = f"t{next(self._numbers)}"
        # Without fsync copied files are cheaper than a log of every page, the way of 15 and later.
        version = int((self.place / "data" / "PG_VERSION").read_text("ascii"))
        strategy = "STRATEGY FILE_COPY" if version >= 15 else ""
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template} {strategy}")
        return name

    def drop(self, database: str) -> None:
        self.execute(f"DROP DATABASE {database} WITH (FORCE)")


@contextmanager
def running_cluster(options: str = "-c fsync=off -c full_page_writes=off") -> Iterator[Cluster]:
    """A cluster of one's own, away afterwards. *options* go to the server; by default a commit does
    not wait for the disk."""
    folder = programs()
    assert folder, "PostgreSQL's server programs are missing: apt-get install postgresql"
    place, user = Path(tempfile.mkdtemp(prefix="sealdesk-pg-")), _servant()
    if user:
        shutil.chown(place, user)
    cluster = Cluster(folder, place, user, options)
    try:
        cluster.make()
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop()
    finally:
        shutil.rmtree(place)
