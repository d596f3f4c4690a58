"""The pages for people: who provides the platform, and a file verified by a form."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser

import httpx
import pytest

from server_stub.settings import Settings
from server_stub.web.routes.pages import language_of
from server_stub.web.serving import RunningServer, start_in_thread
from tests.world.applicant import Applicant
from tests.world.served import ask, blank_page, stamped

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{7*7}}&\u202efdp.exe"


class Elements(HTMLParser):
    """Every element and attribute of a page, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def send(url: str, data: bytes, name: str = "contract.pdf", **headers: str) -> httpx.Response:
    files = {"document": (name, data, "application/pdf")}
    return httpx.post(f"{url}/verify", files=files, headers=headers, timeout=60)


def harmless(answer: httpx.Response) -> Elements:
    """The page's elements, after looking that it can run nothing and keeps nothing."""
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "script" not in policy
    for name in ("x-content-type-options", "x-frame-options", "referrer-policy", "x-request-id"):
        assert answer.headers[name]
    assert answer.headers["cache-control"] == "no-store"
    assert "set-cookie" not in answer.headers
    page = Elements(answer.text)
    tags = {tag for tag, _ in page.found}
    assert tags.isdisjoint({"script", "img", "iframe", "object", "link", "svg"})
    assert not [name for _, row in page.found for name in row if name.startswith(("on", "style"))]
    return page


def test_the_first_page_says_who_provides_it_and_every_link_leads_somewhere(
    open_settings: Callable[..., Settings],
) -> None:
    settings = open_settings(provider_name="<b>甲&乙</b>", provider_qualifications=("ZZ-1",))
    with start_in_thread(settings) as server:
        answer = httpx.get(f"{server.url}/")
        page = harmless(answer)
        assert answer.headers["content-language"] == "zh-CN"
        for words in (
            "<b>甲&乙</b>",
            "第十一条",
            settings.provider_uscc,
            "ZZ-1",
            server.url,
            "验证",
        ):
            assert words in page.text
        links = [row["href"] for tag, row in page.found if tag == "a"]
        assert "/v1/openapi.json" in links
        assert "/pki/root.crt" in links
        assert {httpx.get(server.url + str(link)).status_code for link in links} == {200}
        (form,) = (row for tag, row in page.found if tag == "form")
        assert (form["action"], form["method"]) == ("/verify", "post")


def test_english_is_for_who_asks_for_it(server: RunningServer) -> None:
    english = {"accept-language": "en-GB,en;q=0.9,zh;q=0.5"}
    answer = httpx.get(f"{server.url}/", headers=english)
    assert answer.headers["content-language"] == "en"
    assert "Who provides the service" in harmless(answer).text
    assert "not sealed" in harmless(send(server.url, blank_page(), **english)).text


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "zh_CN"),
        ("en", "en"),
        ("de, en;q=0.4", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh_CN"),
        ("en;q=0.5, zh;q=0.5", "zh_CN"),
        ("en;q=0", "zh_CN"),
        ("*", "zh_CN"),
        ("en;q=nan, ,;;", "zh_CN"),
        ("EN-us", "en"),
    ],
)
def test_chinese_comes_first(accepted: str, language: str) -> None:
    assert language_of(accepted) == language


def test_the_form_says_what_the_interface_says(enrolled: Applicant) -> None:
    data = stamped(enrolled)
    report = ask(enrolled.url, data).json()
    (signature,) = report["signatures"]
    page = harmless(send(enrolled.url, data))
    said = re.sub(r"\s+", "", page.text)
    for words in (report["verdict_text"], report["file"]["sm3"], signature["seal"]["code"]):
        assert words in said
    codes = re.findall(r"<code>([a-z_]+)</code>", send(enrolled.url, data).text)
    assert codes == [each["code"] for each in signature["findings"] + report["findings"]]
    data = data.replace(b"/MediaBox", b"/mediaBox", 1)
    assert "无效" in harmless(send(enrolled.url, data)).text


@pytest.mark.parametrize("name", [HOSTILE, "合同.pdf", "a" * 2000, "..\\..\\x\0\r\n.pdf", "\u2028"])
def test_a_hostile_file_name_is_only_text(server: RunningServer, name: str) -> None:
    answer = send(server.url, blank_page(), name)
    assert answer.status_code == 200
    page = harmless(answer)
    assert "未签章" in page.text
    assert "\u202e" not in answer.text
    if name == HOSTILE:
        assert "<script>alert(1)</script>" in page.text
        assert "{{7*7}}" in page.text


def test_what_cannot_be_verified_is_told_as_a_page(open_settings: Callable[..., Settings]) -> None:
    with start_in_thread(open_settings(file_bytes=1 << 20, requests_per_minute=1)) as server:
        url = f"{server.url}/verify"
        for answer, status, code in (
            (send(server.url, b"no PDF"), 422, "file_not_verifiable"),
            (send(server.url, b"%PDF-" + bytes(1 << 20)), 413, "body_too_large"),
            (send(server.url, blank_page(), "a" * 9000), 422, "invalid_body"),
            (httpx.post(url, data={"document": "x"}), 415, "media_type_unsupported"),
            (httpx.post(url, content=b"%PDF-"), 415, "media_type_unsupported"),
            (
                httpx.post(url, files=[("document", (n, b"x")) for n in ("a", "b")]),
                422,
                "invalid_body",
            ),
            (
                httpx.post(
                    url, content=b"x", headers={"content-type": "multipart/form-data; boundary=b"}
                ),
                422,
                "invalid_body",
            ),
        ):
            assert (answer.status_code, code in harmless(answer).text) == (status, True)
        answers = [send(server.url, b"no PDF") for _ in range(12)]
        assert answers[-1].status_code == 429
        assert "rate_limited" in harmless(answers[-1]).text


def test_of_a_file_that_was_verified_nothing_is_kept(server: RunningServer) -> None:
    folder = server.platform.settings.directory / "blobs"
    before = sorted(folder.rglob("*"))
    assert send(server.url, blank_page()).status_code == 200
    assert sorted(folder.rglob("*")) == before
