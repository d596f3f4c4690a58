"""kill -9 at any instant of a platform under load: nothing acknowledged is lost, nothing is double,
everything is on record, and the audit passes."""

from __future__ import annotations

import contextlib
import json
import os
import random
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from crypto.algorithms import gm
from server_stub.__main__ import main
from server_stub.settings import Settings
from tests.world.applicant import Applicant

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

ROUNDS, INSTANTS = 4, 25
"""Platforms for each kind of database, and how often each is killed: 200 times in all."""


@dataclass
class Reporter:
    """Reports uses, suspends and resumes, and remembers what was acknowledged."""

    person: Applicant
    sent: dict[str, str] = field(default_factory=dict)
    receipts: dict[str, dict[str, Any]] = field(default_factory=dict)
    changes: int = 0
    """Changes of the seal that were acknowledged."""
    asked: int = 0
    """Changes that were asked for."""

    def work(self, stop: threading.Event) -> None:
        """Until the platform is gone."""
        number = 0
        with contextlib.suppress(httpx.TransportError, json.JSONDecodeError):
            while not stop.is_set():
                number += 1
                self._report(number)
                if number % 5 == 0:
                    self._change("suspend", {"reason": "holder_request"})
                    self._change("resume", {})

    def _report(self, number: int) -> None:
        fields = {
            "type": "usage-v1",
            "seal_id": self.person.seal_id,
            "document_sm3": gm.sm3(f"{datetime.now(UTC)} {number}".encode()).hex(),
            "at": datetime.now(UTC).isoformat(),
        }
        text = json.dumps(fields)
        identity = gm.sm3(text.encode()).hex()
        self.sent[identity] = text
        records = [{"id": identity, "record": text}]
        answer = self.person.call("POST", "/v1/usage-records", {"records": records})
        assert answer.status_code == 200, answer.text
        (self.receipts[identity],) = answer.json()["receipts"]

    def _change(self, verb: str, body: dict[str, str]) -> None:
        self.asked += 1
        answer = self.person.call("POST", f"/v1/seals/{self.person.seal_id}/{verb}", body)
        assert answer.status_code in (200, 409), answer.text  # 409: done, but not heard of
        self.changes += answer.status_code == 200


@contextlib.contextmanager
def serving(settings: Settings) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The platform in a process of its own; killed in the end."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "server_stub", "serve", "--demo", "--port", str(settings.port)),
            *("--dir", str(settings.directory), "--log-level", "error"),
        ],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
        env={**os.environ, "SEALDESK_SERVER_IMPRINT_DPI": "300"},
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().rpartition(" ")[2].strip(), process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_a_platform_that_is_killed(
    seed: int, open_settings: Callable[..., Settings], capsys: pytest.CaptureFixture[str]
) -> None:
    chance = random.Random(seed)
    settings = open_settings()
    with serving(settings) as (url, _):
        settings = settings.model_copy(update={"port": int(url.rpartition(":")[2])})
        person = Applicant(url)
        person.enrol()
    reporter = Reporter(person)
    for _ in range(INSTANTS):
        with serving(settings) as (url, process):
            assert url, "it starts again on what the last one left"
            person.sign_in()
            stop = threading.Event()
            load = threading.Thread(target=reporter.work, args=(stop,))
            load.start()
            stop.wait(chance.uniform(0, 0.6))
            process.kill()
            stop.set()
            load.join()
        capsys.readouterr()
        assert main(["audit", "verify", "--dir", str(settings.directory)]) == 0, capsys.readouterr()
    with serving(settings):
        person.sign_in()
        _compare(reporter)
    person.http.close()


def _compare(reporter: Reporter) -> None:
    """What the platform has, with what was acknowledged and what was sent."""
    person, listed, cursor = reporter.person, [], ""
    while True:
        page = person.call("GET", f"/v1/usage-records?before={cursor}").json()
        listed += [each["id"] for each in page["items"]]
        if not page["more"]:
            break
        cursor = page["next"]
    assert len(listed) == len(set(listed)), "a use is double"
    assert set(reporter.receipts) <= set(listed), "a use that was acknowledged is lost"
    assert set(listed) <= set(reporter.sent), "a use that nobody sent"
    for identity, receipt in reporter.receipts.items():  # sent again: the same entry
        records = [{"id": identity, "record": reporter.sent[identity]}]
        (again,) = person.call("POST", "/v1/usage-records", {"records": records}).json()["receipts"]
        assert (again["index"], again["record"]) == (receipt["index"], receipt["record"])
    history = person.call("GET", f"/v1/seals/{person.seal_id}/history").json()["items"]
    done = len(history) - 2  # made, collected
    assert reporter.changes <= done <= reporter.asked
