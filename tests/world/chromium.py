"""Debian's Chromium as a phone: a page of 390×844 with a passkey, over the debugging pipe."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.world.waiting import until

PROGRAM = shutil.which("chromium") or ""
needed = pytest.mark.skipif(
    not PROGRAM and not os.environ.get("CI"), reason="Chromium is not installed"
)
"""Where it has to be installed, a test fails without it."""
WIDTH, HEIGHT = 390, 844
_PATIENCE_S = 30.0


class Page:
    """One page of the browser."""

    def __init__(self, out: int, into: int) -> None:
        self._out, self._in = out, into
        self._number, self._session = 0, ""
        self._rest = b""
        self.authenticator = ""
        self.wrong: list[str] = []
        """What the page complained of: errors of its scripts and of its policy."""

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """One command of the DevTools protocol, and its result."""
        self._number += 1
        told = {"id": self._number, "method": method, "params": params}
        if self._session:
            told["sessionId"] = self._session
        os.write(self._out, json.dumps(told).encode() + b"\0")
        while True:
            answer = self._read()
            self._note(answer)
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._in], [], [], _PATIENCE_S)
            assert ready, "the browser does not answer"
            part = os.read(self._in, 1 << 16)
            assert part, "the browser has ended"
            self._rest += part
        line, _, self._rest = self._rest.partition(b"\0")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _note(self, answer: dict[str, Any]) -> None:
        if answer.get("method") == "Runtime.exceptionThrown":
            self.wrong.append(str(answer["params"]["exceptionDetails"]))
        if answer.get("method") == "Log.entryAdded":
            entry = answer["params"]["entry"]
            if entry["level"] == "error":
                self.wrong.append(f"{entry['text']} {entry.get('url', '')}")

    def attach(self) -> None:
        """Take the first tab, make it a phone, and give it a passkey's authenticator."""
        made = self.call("Target.createTarget", url="about:blank")
        attached = self.call("Target.attachToTarget", targetId=made["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=WIDTH,
            height=HEIGHT,
            deviceScaleFactor=2,
            mobile=True,
        )
        self.call("Network.setExtraHTTPHeaders", headers={"Accept-Language": "zh-CN"})
        self.call("WebAuthn.enable")
        self.add_authenticator()

    def add_authenticator(self) -> None:
        options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True}
        options |= {"hasUserVerification": True, "isUserVerified": True}
        made = self.call("WebAuthn.addVirtualAuthenticator", options=options)
        self.authenticator = made["authenticatorId"]

    def remove_authenticator(self) -> None:
        self.call("WebAuthn.removeVirtualAuthenticator", authenticatorId=self.authenticator)

    def pretend(self, user_agent: str) -> None:
        """Say that the browser is another one."""
        self.call("Network.setUserAgentOverride", userAgent=user_agent)

    def scripts(self, allowed: bool) -> None:
        self.call("Emulation.setScriptExecutionDisabled", value=not allowed)

    def choose_file(self, selector: str, path: Path) -> None:
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        found = self.call("DOM.querySelector", nodeId=root, selector=selector)
        self.call("DOM.setFileInputFiles", nodeId=found["nodeId"], files=[str(path)])

    def verify_user(self, agrees: bool) -> None:
        """Does the person at the phone show the right finger?"""
        self.call(
            "WebAuthn.setUserVerified", authenticatorId=self.authenticator, isUserVerified=agrees
        )

    def dark(self, wanted: bool) -> None:
        feature = {"name": "prefers-color-scheme", "value": "dark" if wanted else "light"}
        self.call("Emulation.setEmulatedMedia", features=[feature])

    def open(self, url: str) -> None:
        self.call("Page.navigate", url="about:blank")
        self.call("Page.navigate", url=url)
        self.wait("document.readyState === 'complete' && location.href !== 'about:blank'")

    def evaluate(self, expression: str) -> Any:
        result = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def wait(self, condition: str) -> None:
        """Until *condition* is true in the page."""
        until(lambda: bool(self.evaluate(condition)), condition, _PATIENCE_S)

    def step(self, name: str) -> None:
        """Until the page shows that step."""
        self.wait(f"!!document.querySelector('[data-step={name}]:not([hidden])')")

    def tap(self, selector: str) -> None:
        self.evaluate(f"document.querySelector({json.dumps(selector)}).click()")

    def text(self) -> str:
        return str(self.evaluate("document.body.innerText"))

    def overflows(self) -> bool:
        """Has one to scroll sideways?"""
        return bool(self.evaluate("document.documentElement.scrollWidth > window.innerWidth"))

    def shot(self, name: str, folder: Path) -> None:
        """Pictures in both themes; nothing hangs over the edge."""
        for dark in (False, True):
            self.dark(dark)
            assert not self.overflows(), name
            self.picture(folder / f"{name}{'-dark' if dark else ''}.png")

    def picture(self, path: Path) -> None:
        shot = self.call("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(shot["data"]))


@contextmanager
def phone(folder: Path) -> Iterator[Page]:
    """A browser with an empty profile in *folder*; it ends with the context."""
    to_read, into = os.pipe()
    out, to_write = os.pipe()
    # the browser reads commands from descriptor 3 and answers on 4
    start = 'exec 3<&"$1" 4>&"$2"; shift 2; exec "$@"'
    switches = ("--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu")
    quiet = ("--no-first-run", "--disable-extensions", "--disable-background-networking")
    with (folder / "chromium.log").open("wb") as log:
        browser = subprocess.Popen(
            [
                *("bash", "-c", start, "bash", str(out), str(into)),
                *(PROGRAM, *switches, *quiet, f"--user-data-dir={folder / 'profile'}"),
            ],
            pass_fds=(out, into),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        os.close(out)
        os.close(into)
        page = Page(to_write, to_read)
        try:
            page.attach()
            yield page
        finally:
            os.close(to_write)
            browser.terminate()
            try:
                browser.wait(10)
            except subprocess.TimeoutExpired:
                browser.kill()
                browser.wait()
            os.close(to_read)
