"""One window for each user: a second start gives its files to the first and ends.

The first holds a lock in the user's own folder as long as it runs, and writes beside it by which
name it listens: a name that nobody can guess, since on Windows every user of the machine may listen
by any name. Who finds the lock taken waits until the first has read what it is given: a window that
is busy answers late, and is no reason for a second one.
"""

from __future__ import annotations

import ctypes
import json
import secrets
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from PySide6.QtCore import QCoreApplication, QObject

from app.durable import replace_file, try_lock

if TYPE_CHECKING:
    from PySide6.QtNetwork import QLocalServer

PATIENCE_S = 30.0
"""How long a busy window is waited for."""
_TAKEN = b"taken\n"
_LOOK_MS = 50
_MOST = 1 << 20
"""Bytes of what a second start may say."""
_ANY_PROCESS = 0xFFFFFFFF
"""ASFW_ANY"""


def claim(folder: Path) -> BinaryIO | None:
    """Be the window of *folder* until the file is closed; None if another one is. Raises OSError
    where the folder cannot be written."""
    folder.mkdir(parents=True, exist_ok=True)
    file = (folder / "window.lock").open("a+b")
    try:
        ours = try_lock(file)
    except OSError:  # some network drives have no locks
        ours = True
    if ours:
        return file
    file.close()
    return None


def hand_over(folder: Path, files: Sequence[Path], seconds: float = PATIENCE_S) -> bool:
    """Give *files* to the window that is open already, which may be busy or still starting; False
    if there is none, or it does not answer."""
    end = time.monotonic() + seconds
    while not _given(folder, files, end):
        if time.monotonic() > end or not _is_claimed(folder):
            return False
        _wait()
    return True


def _is_claimed(folder: Path) -> bool:
    file = claim(folder)
    if file is None:
        return True
    file.close()
    return False


def _given(folder: Path, files: Sequence[Path], end: float) -> bool:
    name = _name(folder)
    if not name:
        return False
    from PySide6.QtNetwork import QLocalSocket

    socket = QLocalSocket()
    socket.connectToServer(name)
    if not socket.waitForConnected(300):
        return False
    _let_it_come_forward()
    socket.write(json.dumps([str(path.absolute()) for path in files]).encode() + b"\n")
    while time.monotonic() < end and socket.state() == QLocalSocket.LocalSocketState.ConnectedState:
        socket.waitForReadyRead(_LOOK_MS)
        if socket.bytesAvailable() >= len(_TAKEN):
            break
        QCoreApplication.processEvents()
    return socket.readAll().data() == _TAKEN


def _wait() -> None:
    QCoreApplication.processEvents()
    time.sleep(_LOOK_MS / 1000)


if sys.platform == "win32":

    def _let_it_come_forward() -> None:
        """Windows lets a window come to the front only if the one in front permits it."""
        ctypes.WinDLL("user32").AllowSetForegroundWindow(_ANY_PROCESS)

else:

    def _let_it_come_forward() -> None:
        """Elsewhere a window may ask for itself."""


def listen(folder: Path, take: Callable[[list[Path]], None], parent: QObject) -> QLocalServer:
    """Let *take* have the files of later starts, none if a start brings none."""
    from PySide6.QtNetwork import QLocalServer

    server = QLocalServer(parent)
    server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)

    def connected() -> None:
        socket = server.nextPendingConnection()
        received = bytearray()

        def read() -> None:
            received.extend(socket.readAll().data())
            if b"\n" not in received and len(received) < _MOST:
                return
            try:
                names = json.loads(received.partition(b"\n")[0])
                paths = [Path(str(name)) for name in names]
            except (ValueError, TypeError):
                paths = []
            socket.write(_TAKEN)
            socket.flush()
            socket.disconnectFromServer()
            take(paths)

        socket.readyRead.connect(read)
        socket.disconnected.connect(socket.deleteLater)
        if socket.bytesAvailable():
            read()

    server.newConnection.connect(connected)
    before, name = _name(folder), f"sealdesk-{secrets.token_hex(16)}"
    if before:
        QLocalServer.removeServer(before)  # left behind by a crash: its window has gone
    if server.listen(name):
        with suppress(OSError):  # then a second start opens a window of its own
            replace_file(folder / "window.name", name.encode(), private=True)
    return server


def _name(folder: Path) -> str:
    """By which the window of *folder* listens, or did; "" for none."""
    try:
        return (folder / "window.name").read_text("ascii")
    except (OSError, ValueError):
        return ""
