"""One window for each user: a second start gives its files to the first and ends."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QObject
from PySide6.QtNetwork import QLocalServer, QLocalSocket


def _server_name(folder: Path) -> str:
    mark = hashlib.sha256(str(folder).encode()).hexdigest()[:16]
    return f"sealdesk-{mark}"


def hand_over(folder: Path, files: Sequence[Path]) -> bool:
    """Give *files* to a window that is open already; False if there is none."""
    socket = QLocalSocket()
    socket.connectToServer(_server_name(folder))
    if not socket.waitForConnected(300):
        return False
    socket.write(json.dumps([str(path.absolute()) for path in files]).encode() + b"\n")
    sent = socket.waitForBytesWritten(1000)
    socket.disconnectFromServer()
    return bool(sent)


def listen(folder: Path, take: Callable[[list[Path]], None], parent: QObject) -> QLocalServer:
    """Let *take* have the files of later starts, none if a start brings none."""
    server = QLocalServer(parent)
    server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)

    def connected() -> None:
        socket = server.nextPendingConnection()
        received = bytearray()

        def read() -> None:
            received.extend(socket.readAll().data())
            if b"\n" not in received and len(received) < 1 << 20:
                return
            try:
                names = json.loads(received.partition(b"\n")[0])
                paths = [Path(str(name)) for name in names]
            except (ValueError, TypeError):
                paths = []
            socket.disconnectFromServer()
            take(paths)

        socket.readyRead.connect(read)
        socket.disconnected.connect(socket.deleteLater)
        if socket.bytesAvailable():
            read()

    server.newConnection.connect(connected)
    name = _server_name(folder)
    if not server.listen(name):
        QLocalServer.removeServer(name)  # left behind by a crash
        server.listen(name)
    return server
