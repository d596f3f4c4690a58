"""The phone through the real client: paired, revoked, lost; and with a real browser."""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.cli.entry import main
from app.remote.approval.phones import PhonesClient
from crypto.seal.phone import six_digits
from server_stub.web.serving import RunningServer
from tests.world import chromium
from tests.world.applicant import b64, credit_code
from tests.world.clerk import PIN, Clerk, enrolled, environment
from tests.world.soft_phone import SoftPhone


class Screen(io.StringIO):
    """The terminal of ``sealdesk phone pair``; a phone looks at it, and answers at once."""

    def __init__(self, knows: bool = True) -> None:
        super().__init__()
        self.digits, self._knows = "", knows

    def write(self, text: str) -> int:
        found = re.match(r"(http://[^#]+)/m/p/([^#]+)#(\S+)", text)
        if found:
            self._answer(*found.groups())
        return super().write(text)

    def _answer(self, url: str, pairing: str, fragment: str) -> None:
        import httpx

        from crypto.seal.phone import read_base64url

        phone, page = SoftPhone(url), httpx.get(f"{url}/m/p/{pairing}")
        nonce = re.search(r'data-nonce="([0-9a-f]+)"', page.text)
        assert nonce is not None
        proof = phone.proof(pairing, nonce[1])
        mac = proof.mac(read_base64url(fragment) if self._knows else bytes(16))
        self.digits = six_digits(mac)
        body = {
            "proof": b64(proof.encode()),
            "mac": b64(mac),
            "client_data": b64(phone.client_data("webauthn.create", bytes.fromhex(nonce[1]))),
            "authenticator_data": b64(phone.registered()),
        }
        assert httpx.post(f"{url}/m/p/{pairing}/answer", json=body).status_code == 200


class Typing:
    """Standard input: what the person reads on the phone's screen."""

    def __init__(self, screen: Screen, wrong: bool = False) -> None:
        self._screen, self._wrong = screen, wrong

    def readline(self) -> str:
        return "000000x\n" if self._wrong else f"{self._screen.digits}\n"


def pair(
    clerk: Clerk, monkeypatch: pytest.MonkeyPatch, *, knows: bool = True, wrong: bool = False
) -> int:
    screen = Screen(knows)
    with environment(clerk.variables), monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", screen)
        patch.setattr(sys, "stdin", Typing(screen, wrong))
        return main(["phone", "pair", "--json"])


def test_a_phone_is_paired_listed_and_revoked_by_command(
    clerk: Clerk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert clerk("phone", "list").out.strip() == "没有配对的手机。"
    assert pair(clerk, monkeypatch) == 0
    (row,) = clerk("phone", "list", "--json").json
    assert (row["person"], row["seals"], row["state"]) == ("李晓梅", "*", "active")
    assert "使用中" in clerk("phone", "list").out
    assert clerk("phone", "revoke", "nobody").code == 64
    assert "已解除" in clerk("phone", "revoke", row["id"]).out
    assert clerk("phone", "revoke", row["id"]).code == 64
    capsys.readouterr()


def test_a_phone_that_did_not_see_the_screen_is_not_bound(
    clerk: Clerk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pair(clerk, monkeypatch, knows=False) == 13
    assert pair(clerk, monkeypatch, wrong=True) == 13
    active = [row for row in clerk("phone", "list", "--json").json if row["state"] == "active"]
    assert active == []
    capsys.readouterr()


# --- with a real browser -----------------------------------------------------------------------


@pytest.fixture
def page(tmp_path: Path) -> Iterator[chromium.Page]:
    with chromium.phone(tmp_path) as opened:
        yield opened


@chromium.needed
def test_a_real_browser_is_paired_and_reports_the_ukey_lost(
    city: RunningServer, page: chromium.Page, tmp_path: Path
) -> None:
    # a company of its own: its certificate is held afterwards
    clerk = enrolled(tmp_path / "own", city.url, credit_code(), "宿迁市骆马湖物流有限公司").clerk
    pictures = Path(os.environ.get("PHONE_PICTURES", tmp_path))
    with clerk.desk() as desk:
        token = desk.token()
        client = desk.client(PhonesClient)
        with client, token.login(PIN) as session:
            key = desk.holder_key(session)
            client.sign_in(key)
            begun = client.begin_pairing()
            page.open(begun.url)
            page.step("start")
            assert "#" not in page.evaluate("location.href")  # the secret left the history
            page.shot("pair", pictures)
            page.verify_user(False)
            page.tap("#pair")
            page.step("cancelled")
            assert client.look_at_pairing(begun) is None
            page.verify_user(True)
            page.tap("[data-step=cancelled] [data-again]")
            page.step("start")
            page.tap("#pair")
            page.step("digits")
            answered = client.look_at_pairing(begun)
            assert answered is not None
            assert page.evaluate("document.getElementById('digits').innerText") == answered.digits
            page.shot("digits", pictures)
            made = client.bind_phone(begun, answered, key, datetime.now(UTC))
            page.step("done")
            page.shot("paired", pictures)
    page.tap("#loss")
    page.step("ask")
    assert clerk.seal not in page.text()
    page.shot("loss-ask", pictures)
    page.tap("#ask")
    page.step("start")
    assert clerk.seal in page.text()
    page.shot("loss", pictures)
    page.tap("#report")
    page.step("sure")
    page.shot("loss-sure", pictures)
    page.tap("#sure")
    page.step("done")
    assert clerk.seal in page.text()
    assert page.wrong == []
    statuses = city.platform.engine
    with statuses.connect() as connection:
        found = connection.exec_driver_sql(
            "SELECT state, reason FROM seal WHERE seal_code = ?", (clerk.seal,)
        ).one()
    assert tuple(found) == ("suspended", "lost")
    assert made.in_use


@chromium.needed
def test_a_phone_that_cannot_is_told_why_in_words(
    clerk: Clerk, page: chromium.Page, tmp_path: Path
) -> None:
    pictures = Path(os.environ.get("PHONE_PICTURES", tmp_path))
    with clerk.desk() as desk:
        client = desk.client(PhonesClient)
        with client, desk.token().login(PIN) as session:
            client.sign_in(desk.holder_key(session))
            begun = client.begin_pairing()
            plain = begun.url.partition("#")[0]
            page.open(plain)  # not scanned: no secret
            page.step("nosecret")
            page.open(begun.url.replace("localhost", "127.0.0.1"))
            page.step("address")
            assert client.origin in page.text()
            page.remove_authenticator()
            page.open(begun.url)
            page.step("passkey")
            page.shot("no-passkey", pictures)
            page.pretend("Mozilla/5.0 (Linux; Android 14) MicroMessenger/8.0")
            page.open(begun.url)
            page.step("wechat")
            assert "在浏览器打开" in page.text()
            page.shot("wechat", pictures)
            page.scripts(False)
            page.open(begun.url)
            assert "脚本" in page.text()
            page.scripts(True)
            page.open(f"{client.origin}/m/p/pairing_none")
            assert "已失效" in page.text()


@chromium.needed
def test_a_file_is_verified_on_the_phone_without_script(
    city: RunningServer, stamped: Path, page: chromium.Page, tmp_path: Path
) -> None:
    """第十条: anybody, on the public page."""
    pictures = Path(os.environ.get("PHONE_PICTURES", tmp_path))
    page.open(f"{city.url}/")
    page.shot("public", pictures)
    page.choose_file("input[type=file]", stamped)
    page.scripts(False)
    page.tap("form button")
    page.wait("document.querySelector('.verdict') !== null")
    assert page.evaluate("document.querySelector('.verdict').className") == "verdict VALID"
    page.shot("verified", pictures)
