"""Several users of one computer, all with the window open."""

from __future__ import annotations

import re
from pathlib import Path

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.world.waiting import until
from ui.shell.single_instance import claim, hand_over, listen

ROOT = Path(__file__).parents[3]


def test_each_user_has_a_window_and_what_is_given_comes_to_his_own(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:
    users = [tmp_path / "甲", tmp_path / "乙"]
    owner, taken = QObject(), {user: [] for user in users}
    first = {user: claim(user) for user in users}
    assert None not in first.values(), "one user's window keeps no other from having one"
    servers = [listen(user, taken[user].append, owner) for user in users]
    names = [(user / "window.name").read_text("ascii") for user in users]
    assert all(re.fullmatch("sealdesk-[0-9a-f]{32}", name) for name in names)
    assert names[0] != names[1], "on Windows a pipe's name is everybody's: nobody can guess it"
    assert hand_over(users[1], [tmp_path / "合同.pdf"])
    until(lambda: bool(taken[users[1]]), "it is taken", 10)
    assert taken == {users[0]: [], users[1]: [[tmp_path / "合同.pdf"]]}
    for server, file in zip(servers, first.values(), strict=True):
        server.close()
        assert file is not None
        file.close()


def test_nothing_of_ours_has_a_name_that_all_users_share() -> None:
    """A mutex or an event by a fixed name would be one for all sessions ("Global\\\\"), or could be
    taken first by another user. The one Job Object has no name."""
    named = re.compile(
        r"\b(?:Create|Open)(Mutex|Event|Semaphore|FileMapping|NamedPipe|JobObject)\w*\("
    )
    found = {
        (path.relative_to(ROOT).as_posix(), match[1])
        for package in ("app", "crypto", "device", "ui")
        for path in (ROOT / package).rglob("*.py")
        for match in named.finditer(path.read_text(encoding="utf-8"))
    }
    assert found == {("crypto/windows_process.py", "JobObject")}
    source = (ROOT / "crypto" / "windows_process.py").read_text(encoding="utf-8")
    assert "CreateJobObjectW(None, None)" in source
