"""A time stamp service's login is never shown, and its refusal is told as what it is."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from app.addresses import without_login
from app.errors import LANGUAGES, ServiceUnavailable, TimestampUntrusted, explain
from app.remote.public_services import PublicServices


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://tsa.example.cn/tsr", "https://tsa.example.cn/tsr"),
        ("https://user:secret@tsa.example.cn:8443/tsr", "https://tsa.example.cn:8443/tsr"),
        ("http://user@tsa.example.cn", "http://tsa.example.cn"),
        ("https://user:se@cret@tsa.example.cn/tsr", "https://tsa.example.cn/tsr"),
        ("https://user:secret/with@tsa.example.cn/tsr", "https://tsa.example.cn/tsr"),
        ("https://tsa.example.cn/tsr?key=secret", "https://tsa.example.cn/tsr?…"),
        ("https://tsa.example.cn/@/tsr", "https://tsa.example.cn/@/tsr"),
        ("a@b.cn", "a@b.cn"),
    ],
)
def test_an_address_is_shown_without_its_login(address: str, shown: str) -> None:
    assert without_login(address) == shown


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_error_shows_a_login(language: str) -> None:
    url = "https://user:secret@tsa.example.cn/tsr?key=secret"
    for error in (ServiceUnavailable.answered(url, 401), TimestampUntrusted(url, "wrong")):
        said = explain(error, language)
        assert "tsa.example.cn" in said.cause
        assert "secret" not in f"{said} {error}"


class _Service(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        word = self.path.strip("/")
        self.send_response(int(word) if word.isdecimal() else 200)
        self.end_headers()
        self.wfile.write(b"\n<!DOCTYPE html><title>Sign in</title>")

    def log_message(self, *_: object) -> None:
        """Nothing on stderr."""


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    made = ThreadingHTTPServer(("127.0.0.1", 0), _Service)
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield f"http://user:secret@127.0.0.1:{made.server_port}"
    made.shutdown()
    thread.join()
    made.server_close()


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/401", "要求登录"),
        ("/403", "要求登录"),
        ("/400", "不接受这种请求"),
        ("/404", "没有这项服务"),
        ("/302", "转到别的地址"),
        ("/503", "繁忙"),
        ("/500", "没有受理"),
        ("/portal", "一个网页"),
    ],
)
def test_a_refusal_is_told_as_what_it_is_with_the_address(
    service: str, path: str, words: str
) -> None:
    with PublicServices("direct") as services, pytest.raises(ServiceUnavailable) as refused:
        services.timestamp(service + path, b"0")
    cause = explain(refused.value).cause
    assert words in cause
    assert f"http://127.0.0.1:{service.rpartition(':')[2]}{path}" in cause
    assert "secret" not in cause
    status = path.strip("/")
    assert not status.isdecimal() or f"（答复 {status}）" in cause
