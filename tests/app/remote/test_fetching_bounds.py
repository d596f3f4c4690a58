"""Addresses in documents: where they may lead, and how much may come back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from app.errors import ServiceUnavailable
from app.remote.http_client import FETCHED, fetch

RELEASED = threading.Event()
"""Set when nobody waits for the slow answer any more."""


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/away":
            self.send_response(302)
            self.send_header("Location", "http://127.0.0.1:9/")
            self.end_headers()
            return
        self.send_response(404 if self.path == "/none" else 200)
        self.end_headers()
        if self.path == "/large":
            self.wfile.write(bytes(FETCHED + 1))
        elif self.path == "/slow":
            RELEASED.wait(30)
        else:
            self.wfile.write(b"here")

    def log_message(self, *_: object) -> None:
        """Nothing on stderr."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    made = ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    RELEASED.clear()
    yield f"http://127.0.0.1:{made.server_port}"
    RELEASED.set()
    made.shutdown()
    thread.join()
    made.server_close()


def test_this_machine_may_be_asked_without_encryption(server: str) -> None:
    assert fetch(f"{server}/x", proxy="direct") == b"here"


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/ca.crt",
        "http://192.168.1.1/",
        "https://192.168.1.1/ca.crt",
        "https://10.0.0.7:8443/",
        "https://169.254.169.254/latest/meta-data",
        "https://[fd00::1]/",
        "https://0.0.0.0/",
        "https://user@example.com/",
        "https://",
        "ftp://example.com/",
        "file:///etc/passwd",
        "https://example.com:99999/",
        "javascript:alert(1)",
    ],
)
def test_addresses_that_are_not_public_are_not_asked(url: str) -> None:
    with pytest.raises(ServiceUnavailable) as refused:
        fetch(url, proxy="direct")
    assert refused.value.reason == "address"


@pytest.mark.parametrize(
    "found", [["10.1.2.3"], ["93.184.216.34", "127.0.0.1"], ["fe80::1%eth0"], []]
)
def test_a_name_must_lead_to_public_addresses_alone(
    monkeypatch: pytest.MonkeyPatch, found: list[str]
) -> None:
    rows = [(0, 0, 0, "", (address, 443)) for address in found]
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: rows)
    with pytest.raises(ServiceUnavailable) as refused:
        fetch("https://seals.example/ca.crt", proxy="direct")
    assert refused.value.reason == "address"


@pytest.mark.parametrize(
    ("path", "reason"), [("/large", "size"), ("/none", "missing"), ("/away", "moved")]
)
def test_answers_have_bounds_and_lead_nowhere_else(server: str, path: str, reason: str) -> None:
    with pytest.raises(ServiceUnavailable) as refused:
        fetch(server + path, proxy="direct")
    assert refused.value.reason == reason


def test_an_answer_that_does_not_come_is_not_waited_for(server: str) -> None:
    with pytest.raises(ServiceUnavailable) as refused:
        fetch(f"{server}/slow", proxy="direct", seconds=0.3)
    assert refused.value.reason == "timeout"


def test_a_host_that_the_administrator_names_may_lie_inside(server: str) -> None:
    """Refused for its address before; now it is asked, and nobody is there."""
    with pytest.raises(ServiceUnavailable) as refused:
        fetch("https://127.1.2.3:9/", proxy="direct", inside=("127.1.2.3",), seconds=2)
    assert refused.value.reason == "other"
