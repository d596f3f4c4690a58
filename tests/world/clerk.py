"""A clerk at a computer: a home, a hub for smart keys, and the command line run in this process."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import pymupdf

from app.cli.entry import main
from app.desk import Desk
from crypto.owner_only import protect
from tests.world.applicant import citizen_number
from tests.world.documents import DEMO_PDF

SO_PIN = "so-pin-7391"
PIN = "pin-2846"


@dataclass(frozen=True)
class Answer:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@contextlib.contextmanager
def environment(values: Mapping[str, str | None]) -> Iterator[None]:
    """Environment variables for a while; None: not set."""
    before = {name: os.environ.get(name) for name in values}
    _set(values)
    try:
        yield
    finally:
        _set(before)


def _set(values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@dataclass(frozen=True)
class Clerk:
    """One user of one computer. The cabinet's key is in a file, as on a machine without keyring."""

    folder: Path
    pin: str | None = PIN
    seal: str = ""
    """Code of the company's seal."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """Further SEALDESK_… variables, without the prefix."""

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def hub(self) -> Path:
        """Where the virtual smart keys are plugged in."""
        return self.folder / "hub"

    @property
    def variables(self) -> dict[str, str | None]:
        """The environment this clerk's programs find."""
        return {
            "SEALDESK_HOME": str(self.home),
            "SEALDESK_VUKEY_DIR": str(self.hub),
            "SEALDESK_KEYRING": "false",
            "SEALDESK_PIN": self.pin,
            "SEALDESK_NEW_PIN": None,
            "SEALDESK_LANGUAGE": None,
            **{f"SEALDESK_{name}": value for name, value in self.settings.items()},
        }

    def __call__(self, *arguments: str | Path, stdin: str = "", **settings: str) -> Answer:
        """Run ``sealdesk`` with *arguments* in this process."""
        out, err, before = io.StringIO(), io.StringIO(), sys.stdin
        variables = self.variables | {f"SEALDESK_{k}": v for k, v in settings.items()}
        sys.stdin = io.StringIO(stdin)
        try:
            with (
                environment(variables),
                contextlib.redirect_stdout(out),
                contextlib.redirect_stderr(err),
            ):
                code = main([str(each) for each in arguments])
        finally:
            sys.stdin = before
        return Answer(code, out.getvalue(), err.getvalue())

    @contextlib.contextmanager
    def desk(self) -> Iterator[Desk]:
        """What a command of this clerk works with."""
        with environment(self.variables), Desk.open() as opened:
            yield opened

    def reported(self) -> int:
        """How many stamps the platform has given receipts for, after a synchronisation; each that
        the journal knows, or it fails."""
        assert self("sync").code == 0
        with self.desk() as desk:
            entered = [each for each in desk.journal.entries() if each.event == "stamped"]
            uses = [desk.cabinet.usage(each.details["usage_record"]) for each in entered]
            assert [use for use in uses if use is None or not use.receipt] == []
            assert desk.cabinet.waiting_usage() == 0
        return len({use.id for use in uses if use is not None})

    def copied(self, folder: Path) -> Clerk:
        """The same clerk with the same key and seal, in a folder of its own."""
        shutil.copytree(self.home, folder / "home")
        shutil.copytree(self.hub, folder / "hub")
        for secrets in (folder / "home").rglob("secrets.json"):
            protect(secrets)  # Windows copies content, not who may read it
        return replace(self, folder=folder)

    def journal(self) -> list[dict[str, Any]]:
        """The entries of this clerk's journal."""
        entries: list[dict[str, Any]] = self("journal", "list", "--json").json
        return entries


@dataclass(frozen=True)
class Enrolled:
    """A clerk with a collected seal, and what the program said on the way."""

    clerk: Clerk
    said: dict[str, Answer]


def enrolled(
    folder: Path,
    url: str,
    uscc: str,
    company: str,
    handler: str = "李晓梅",
    number: str = citizen_number(),
) -> Enrolled:
    """From nothing to a collected seal, all by commands; *handler*, with that citizen *number*, is
    who keeps it."""
    clerk = Clerk(folder)
    said = {
        "before": clerk("token", "list"),
        "init": clerk("token", "init", "--virtual", "--pin-stdin", stdin=f"{SO_PIN}\n{PIN}\n"),
        "list": clerk("token", "list"),
        "enroll": clerk(
            *("enroll", "--platform", url, "--uscc", uscc, "--name", company),
            *("--legal-rep", "王建国", "--handler", handler, "--handler-id", number),
            *("--phone", "13800000000"),
        ),
    }
    failed = {name: answer for name, answer in said.items() if answer.code}
    assert not failed, failed
    (seal,) = clerk("seal", "list", "--json").json
    return Enrolled(replace(clerk, seal=seal["code"]), said)


def pem(certificate: bytes) -> str:
    """A DER certificate as PEM."""
    body = base64.encodebytes(certificate).decode()
    return f"-----BEGIN CERTIFICATE-----\n{body}-----END CERTIFICATE-----\n"


@cache
def excerpt(pages: int, rotation: int = 0) -> bytes:
    """The first pages of the bundled document."""
    with pymupdf.open(DEMO_PDF) as document:
        document.select(range(pages))
        for page in document:
            page.set_rotation(rotation)
        data: bytes = document.tobytes(garbage=4)
    return data


def temporary_files(folder: Path) -> list[str]:
    """What an unfinished stamping leaves in a folder."""
    return sorted(each.name for each in folder.iterdir() if each.name.endswith(".sealdesk"))
