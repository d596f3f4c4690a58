"""The window at a real desk: virtual Ukey over PKCS#11, platform over HTTP, nothing stood in."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.desk import Desk
from app.settings import save
from crypto.verdict import Verdict
from server_stub.serving import RunningServer
from tests.flows.clerk import PIN, Clerk
from tests.ui.conftest import *  # noqa: F403 - the window's fixtures
from ui.desk_context import DeskContext
from ui.main_window import MainWindow
from ui.stamp_page import StampPage
from ui.stamp_plan import At, Riding

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


@pytest.fixture
def desk(clerk: Clerk) -> Iterator[Desk]:
    with clerk.desk() as opened:
        yield opened


def test_a_contract_is_stamped_verified_and_reported(
    qtbot: QtBot,
    look: None,
    desk: Desk,
    city: RunningServer,
    contract: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk.settings = save(desk.settings, {"platform_url": city.url})
    window = MainWindow(DeskContext(desk))
    qtbot.addWidget(window)
    window.go("stamp")
    window.show()
    window.begin()
    qtbot.waitUntil(lambda: bool(window.seals) and window.token is not None, timeout=30_000)
    assert window.token is not None
    assert window.token.is_virtual
    assert "口令剩余 10 次" in window.strip.accessibleName()
    assert window.strip._demo.isVisible()

    window.take_files([contract])
    page: StampPage = window.page("stamp")
    qtbot.waitUntil(
        lambda: bool(page._boxes) and bool(page._current and page._current.facts), timeout=20_000
    )
    page.place(At("1", 150, 200))
    page.place(Riding("right"))
    qtbot.waitUntil(lambda: page.stamp_button.isEnabled())

    pins = iter(["wrong-9999", PIN])
    asked: list[str] = []

    def ask(token: object, purpose: str, problem: str) -> str:
        asked.append(problem)
        return next(pins)

    monkeypatch.setattr(page.run, "ask_pin", ask)
    page.stamp()
    qtbot.waitUntil(lambda: bool(page.run.outcomes and page.run.outcomes[0].file), timeout=60_000)
    assert asked[0] == ""
    assert "9" in asked[1]
    file = page.run.outcomes[0].file
    assert file is not None
    assert file.ticketed
    assert file.path.name == "合同_已盖章.pdf"

    window.go("verify", [file.path])
    verify = window.page("verify")
    qtbot.waitUntil(lambda: verify.report is not None, timeout=30_000)
    assert verify.report.verdict is Verdict.VALID

    seals = window.page("seals")
    window.go("seals")
    monkeypatch.setattr(seals, "_pin", lambda purpose: (window.token.serial, PIN))  # type: ignore[union-attr]
    qtbot.waitUntil(lambda: seals._sync.isEnabled())
    seals.synchronise()
    qtbot.waitUntil(lambda: any("已同步" in text for text in window.notices.texts), timeout=30_000)
    for name in ("approvals", "journal", "settings"):
        window.go(name)
    qtbot.waitUntil(lambda: not window.tasks.busy, timeout=20_000)
    said = str(window.context.diagnosis())
    assert PIN not in said
    assert contract.name not in said
    window.close()
